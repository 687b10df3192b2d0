#!/usr/bin/env bats
# sml-classify: scores, what it adds, and the model in use.
# shellcheck disable=SC2154 # $stderr is of bats
load helper

setup() {
	common_setup
	model=$SML_ROOT/data/model.json
	export SOURCE_DATE_EPOCH=1700000000
}

# linear BIAS [FILE]: a model without inputs
linear() {
	echo '{"format":1,"kind":"linear","features":[],"bias":'"$1"'}' >"${2:-m.json}.new"
	mv "${2:-m.json}.new" "${2:-m.json}"
}

@test "the example of sml-model(5)" {
	echo '{"features":{"basket_size":5,"total_value":250,"user_history":10},"x":1}' >in
	run -0 --separate-stderr sml-classify -m "$model" in
	equal '{"features":{"basket_size":5,"total_value":250,"user_history":10},"x":1,"classification":"HIGH_VALUE","probability":0.9820137900379085,"model":"c8ef0add65bf158d"}' "$output"
	equal '' "$stderr"
	# From the record itself; at the means the margin is the bias.
	run -0 sml-classify -m "$model" <<<'{"basket_size":3,"total_value":150,"user_history":5}'
	equal '{"basket_size":3,"total_value":150,"user_history":5,"classification":"STANDARD","probability":0.07585818002124356,"model":"c8ef0add65bf158d"}' "$output"
}

@test "every byte of the record stays; members that are there are replaced" {
	printf ' { "basket_size" : 3.0, "total_value":1.5e2,"user_history":5 , "big":9007199254740993, "e":"\\u00e9" }  \r\n' >in
	sml-classify -m "$model" in >out
	printf ' { "basket_size" : 3.0, "total_value":1.5e2,"user_history":5 , "big":9007199254740993, "e":"\\u00e9" ,"classification":"STANDARD","probability":0.07585818002124356,"model":"c8ef0add65bf158d"}  \r\n' >expected
	same_file expected out
	run -0 sml-classify -m "$model" <<<'{"model":7,"basket_size":3,"probability":"x","total_value":150,"user_history":5,"classification":null}'
	equal '{"basket_size":3,"total_value":150,"user_history":5,"classification":"STANDARD","probability":0.07585818002124356,"model":"c8ef0add65bf158d"}' "$output"
}

@test "the order of members changes no score" {
	printf '%s\n' '{"features":{"basket_size":4,"total_value":99.5,"user_history":2}}' '{"features":{"user_history":2,"total_value":99.5,"basket_size":4}}' \
		'{"user_history":2,"features":{"total_value":99.5},"basket_size":4}' '{"basket_size":9,"features":{"basket_size":1,"basket_size":4,"total_value":99.5,"user_history":2}}' |
		sml-classify -m "$model" | jq .probability | sort -u >out
	equal 1 "$(wc -l <out)"
}

@test "missing features and wrong types are error records, in order" {
	cat >in <<-'EOT'
	{"features":{"basket_size":5,"user_history":10},"total_value":1}
	{"features":{"basket_size":5,"user_history":10}}
	{"features":{"basket_size":5,"total_value":null,"user_history":10},"total_value":3}
	{"features":{"basket_size":"5","total_value":1,"user_history":10}}
	{"basket_size":true,"total_value":1e400,"user_history":10}
	nope
	{"basket_size":true,"total_value":150,"user_history":5}
	EOT
	run -0 --separate-stderr sml-classify -m "$model" in
	equal 7 "${#lines[@]}"
	equal 'MISSING_FEATURE feature total_value is missing' "$(jq -r '"\(.errorType) \(.errorMessage)"' <<<"${lines[1]}")"
	equal 'MISSING_FEATURE feature total_value is missing' "$(jq -r '"\(.errorType) \(.errorMessage)"' <<<"${lines[2]}")"
	equal 'INVALID_DATA feature basket_size: features.basket_size is a string ("5"), not a number' "$(jq -r '"\(.errorType) \(.errorMessage)"' <<<"${lines[3]}")"
	equal 'INVALID_DATA feature total_value: total_value is a number beyond the range of a double (1e400), not a number' "$(jq -r '"\(.errorType) \(.errorMessage)"' <<<"${lines[4]}")"
	equal PARSE_ERROR "$(jq -r .errorType <<<"${lines[5]}")"
	equal "$(sed -n 4p in)" "$(jq -r .rawData <<<"${lines[3]}")"
	[[ ${lines[6]} == *'"probability":'* ]]
	equal 'sml-classify: 5 of 7 lines are error records (first: in:2: feature total_value is missing)' "$stderr"
	# Error records of earlier stages pass untouched.
	sml-classify -q -m "$model" in >once
	sml-classify -q -m "$model" once >twice
	same_file once twice
	run -3 --separate-stderr sml-classify -q --on-bad=stop -m "$model" in
	equal 1 "${#lines[@]}"
	run -3 --separate-stderr sml-classify -q --max-errors 2 -m "$model" in
	equal 3 "${#lines[@]}"
}

@test "what the model says about missing values" {
	sed 's/"weight":3.2/&,"missing":"mean"/; s/"weight":0.9/&,"missing":8/' "$model" >m.json
	run -0 --separate-stderr sml-classify --contributions -m m.json <<<'{"basket_size":3}'
	equal '{"basket_size":0,"total_value":0,"user_history":0.9,"bias":-2.5}' "$(jq -c .contributions <<<"$output")"
	run -0 --separate-stderr sml-classify -m m.json <<<'{"total_value":3}'
	equal 'MISSING_FEATURE' "$(jq -r .errorType <<<"$output")"
}

@test "booleans, items of arrays, categories, names that look like paths" {
	cat >m.json <<-'EOT'
	{"format":1,"kind":"linear","bias":0,"features":[
	{"name":"v[1]","mean":0,"scale":1,"weight":1},{"name":"colour=red","mean":0,"scale":1,"weight":10},
	{"name":"on","mean":0,"scale":1,"weight":100},{"name":"a.b","mean":0,"scale":1,"weight":1000,"missing":0}]}
	EOT
	cat >in <<-'EOT'
	{"features":{"v":[5,3],"colour":"red","on":true}}
	{"v":[5,7],"colour":"blue","on":false,"a":{"b":9}}
	{"v":[5,7],"colour":"blue","on":false,"a.b":2}
	{"v":[5],"colour":"blue","on":false}
	{"v":5,"colour":"blue","on":false}
	{"v":[0,0],"colour":7,"on":false}
	EOT
	sml-classify -q -m m.json in | jq -r '.prediction // .errorMessage' >out
	equal $'113\n7\n2007\nfeature v[1] is missing\nfeature v[1]: v is a number (5), not an array\nfeature colour=red: colour is a number (7), not a string' "$(cat out)"
}

@test "-t and --bands" {
	echo '{"basket_size":5,"total_value":250,"user_history":10}' >in
	p=0.9820137900379085
	equal HIGH_VALUE "$(sml-classify -m "$model" -t $p in | jq -r .classification)"
	equal STANDARD "$(sml-classify -m "$model" -t 0.9820137900379086 in | jq -r .classification)"
	equal HIGH "$(sml-classify -m "$model" --bands 'HIGH=0.9,MEDIUM=0.5,LOW=0' in | jq -r .classification)"
	equal MEDIUM "$(sml-classify -m "$model" --bands 'HIGH=0.99,MEDIUM=0.5,LOW=0' in | jq -r .classification)"
	equal $p "$(sml-classify -m "$model" --bands 'HIGH=0.99,MEDIUM=0.5,LOW=0' in | jq .probability)"
	misused() {
		run -2 --separate-stderr sml-classify -m "$model" "${@:2}" in
		equal "sml-classify: $1" "$stderr"
	}
	misused '--bands: "MEDIUM=0.95" does not begin below the one before it: the highest comes first' --bands 'HIGH=0.9,MEDIUM=0.95,LOW=0'
	misused '--bands: the last one must begin at 0: what lies below has no name' --bands 'HIGH=0.9,MEDIUM=0.5'
	misused '-t and --bands: one of them decides (see sml-classify --help)' -t 0.5 --bands 'A=0'
	run -2 --separate-stderr sml-classify -m "$model" -t 1.5 in
	linear 1
	run -2 --separate-stderr sml-classify -m m.json -t 0.5 in
	equal 'sml-classify: m.json: predicts a number: there is no probability for -t' "$stderr"
}

@test "--contributions sum to the margin" {
	sml-features -q "$SML_ROOT/data/purchases.features" "$SML_ROOT/data/purchases.jsonl" |
		sml-classify -q --contributions -m "$model" | jq -c 'select(.contributions)' >out
	[ "$(wc -l <out)" -gt 190 ]
	equal true "$(jq -s 'all(.[]; ((.contributions | add) as $z | (1 / (1 + (-$z | exp))) - .probability | fabs) < 1e-14)' out)"
	equal '["basket_size","total_value","user_history","bias"]' "$(jq -c '.contributions | keys_unsorted' out | sort -u)"
}

@test "--nest wraps the event" {
	printf '{ "basket_size":5,"model":"old", "features":{"total_value":250,"user_history":10},"variant":"B" ,"_in":7 }\n' >in
	run -0 sml-classify --nest purchase -m "$model" in
	equal '{"purchase":{ "basket_size":5 ,"_in":7},"classification":"HIGH_VALUE","probability":0.9820137900379085,"model":"c8ef0add65bf158d","variant":"B","features":{"total_value":250,"user_history":10}}' "$output"
	run -0 sml-classify -q --nest purchase --contributions -m "$model" <<<'{"features":{"basket_size":3,"total_value":150,"user_history":5}}'
	equal '{"purchase":{},"classification":"STANDARD","probability":0.07585818002124356,"model":"c8ef0add65bf158d","contributions":{"basket_size":0,"total_value":0,"user_history":0,"bias":-2.5},"features":{"basket_size":3,"total_value":150,"user_history":5}}' "$output"
	# Every event is inside as it came, but for the toolkit's members; error records pass.
	sml-features -q "$SML_ROOT/data/purchases.features" "$SML_ROOT/data/purchases.jsonl" >features
	sml-classify -q --nest purchase -m "$model" features >nested
	equal "$(jq -c 'select(.errorType | not) | del(.features)' features | md5sum)" "$(jq -c 'select(.errorType | not) | .purchase' nested | md5sum)"
	equal "$(sml-classify -q -m "$model" features | jq -c '[.classification, .probability, .features]' | md5sum)" \
		"$(jq -c '[.classification, .probability, .features]' nested | md5sum)"
	printf '{"basket_size":3,"total_value":150,"user_history":5}\r\n' | sml-classify --nest a\"b -m "$model" >out
	equal $'{"a\\"b":{"basket_size":3,"total_value":150,"user_history":5},"classification":"STANDARD","probability":0.07585818002124356,"model":"c8ef0add65bf158d"}\r' "$(cat out)"
	run -2 --separate-stderr sml-classify --nest features -m "$model" in
	equal 'sml-classify: --nest: "features" is a member that stands beside the event' "$stderr"
}

@test "--verify compares what came with what is computed" {
	echo '{"basket_size":5,"total_value":250,"user_history":10}' >in
	sml-classify -m "$model" in in in >scored
	run -0 --separate-stderr sml-classify --verify -m "$model" scored
	equal "$(cat scored)" "$output"
	equal 'sml-classify: --verify: scores that agree to 1e-9: 3' "$stderr"
	sed '2s/"probability":0.98201/"probability":0.98202/; 3s/0.9820137900379085/0.98201379/' scored >changed
	cat in >>changed
	run -3 --separate-stderr sml-classify --verify -m "$model" changed
	equal "$(cat scored; head -n 1 scored)" "$output" # the output is right all the same
	equal 'sml-classify: --verify: records that came without a score: 1
sml-classify: --verify: scores that differ by more than 1e-9: 1 of 3 (the worst: changed:2: 0.9820237900379085 came, 0.9820137900379085 computed)' "$stderr"
	linear 1.5
	run -3 --separate-stderr sml-classify --verify -m m.json <<<'{"x":1}'
	[[ $stderr == *'sml-classify: --verify: no record has brought a score: nothing was compared' ]]
	run -0 --separate-stderr sml-classify --verify -m m.json </dev/null
	run -3 --separate-stderr sml-classify --verify -m m.json <<<'{"prediction":"x"}'
	equal 'sml-classify: --verify: scores that differ by more than 1e-9: 1 of 1 (the worst: stdin:1: no number came, 1.5 computed)' "$stderr"
}

@test "--check and --explain" {
	run -0 --separate-stderr sml-classify -m "$model" --check
	equal '' "$output$stderr"
	run -0 --separate-stderr sml-classify -m "$model" --explain -t 0.7
	equal 'logistic model c8ef0add65bf158d
probability = P(HIGH_VALUE) = 1 / (1 + exp(-z))
classification = HIGH_VALUE if probability >= 0.5, else STANDARD
z = -2.5
  + 1.8 * (basket_size - 3) / 2
  + 3.2 * (total_value - 150) / 100
  + 0.9 * (user_history - 5) / 3
missing
  basket_size   MISSING_FEATURE
  total_value   MISSING_FEATURE
  user_history  MISSING_FEATURE
options
  -t: the threshold is 0.7' "$output"
	run -0 --separate-stderr sml-classify -v --check -m <(jq -c '.id = "mine"' "$model")
	[[ $stderr == *"model c8ef0add65bf158d (logistic, 3 inputs)"*"its id says mine; what it holds is c8ef0add65bf158d"* ]]
}

@test "a wrong model is 2, and the message says where" {
	refused() {	# MESSAGE JQ-FILTER
		jq -c "$2" "$model" >m.json
		run -2 --separate-stderr sml-classify -m m.json <<<'{}'
		equal "sml-classify: m.json: $1" "$stderr"
		equal '' "$output"
	}
	refused 'features[1].scale: is missing' 'del(.features[1].scale)'
	refused 'features[1].scale: must be a finite number, 0 or greater' '.features[1].scale = -1'
	refused 'features[2].weight: must be a finite number' '.features[2].weight = "x"'
	refused 'format: is 7, this version reads 1' '.format = 7'
	refused 'kind: "shrub" is none of logistic, linear, softmax, one-vs-rest, tree, forest' '.kind = "shrub"'
	refused 'bias: is missing' 'del(.bias)'
	for text in '{"format":1,"kind":"linear","features":[],"bias":NaN}' '{"format":1' 'not a model' 'total = sum(x)'; do
		printf %s "$text" >m.json
		run -2 --separate-stderr sml-classify -m m.json <<<'{}'
		[[ $stderr == 'sml-classify: m.json: is no model: not JSON at 1:'* ]]
		equal 1 "${#stderr_lines[@]}"
	done
	for text in '' ' \n'; do
		printf %b "$text" >m.json
		run -2 --separate-stderr sml-classify -m m.json <<<'{}'
		equal 'sml-classify: m.json: is no model: it is empty' "$stderr"
	done
	run -2 --separate-stderr sml-classify -m /dev/null <<<'{}'
	equal 'sml-classify: /dev/null: is no model: it is empty' "$stderr"
	run -2 --separate-stderr sml-classify -m none.json <<<'{}'
	equal 'sml-classify: none.json: No such file or directory' "$stderr"
	run -2 --separate-stderr sml-classify <<<'{}'
	equal 'sml-classify: the model is missing: -m FILE (see sml-classify --help)' "$stderr"
	mkdir empty
	run -2 --separate-stderr sml-classify -m empty <<<'{}'
	equal 'sml-classify: empty: no *.json, *.ubj or *.txt file in this folder' "$stderr"
}

# model NAME...: a linear model that the mean of 0 stands for what is missing in; weight 1 for each
model() {
	printf '%s\n' "$@" | jq -Rnc '{format: 1, kind: "linear", bias: 0, features: [inputs | {name: ., mean: 0, scale: 1, weight: 1, missing: "mean"}]}'
}

# records N MEMBERS: N times the same record
records() {
	jq -nc --argjson r "$2" "range($1) | \$r"
}

@test "a model that is not for these records is told" {
	why='does sml-features come before, with the spec of the training?'
	model a b >m.json
	run -0 --separate-stderr sml-classify -m m.json <<<"$(records 1200 '{"x":1,"features":{"a":null}}')"
	equal "sml-classify: no input of the model (\"a\", \"b\") is in any of the first 100 records: $why" "$stderr"
	equal 1200 "${#lines[@]}"
	run -0 --separate-stderr sml-classify -q -m m.json <<<"$(records 200 '{"x":1}')"
	equal '' "$stderr"
	# Of few records at the end; not where one of them has an input.
	run -0 --separate-stderr sml-classify -m m.json <<<"$(records 3 '{"x":1}')"
	equal "sml-classify: no input of the model (\"a\", \"b\") is in any of the first 3 records: $why" "$stderr"
	run -0 --separate-stderr sml-classify -m m.json <<<'{"x":1}'
	equal "sml-classify: no input of the model (\"a\", \"b\") is in the only record: $why" "$stderr"
	run -0 --separate-stderr sml-classify -m m.json <<<"$(records 99 '{"x":1}')"$'\n''{"a":1}'
	equal 'sml-classify: none of 100 records has a value for "b"' "$stderr"
	run -0 --separate-stderr sml-classify -m m.json </dev/null
	equal '' "$stderr"
	# One input alone; one with an item; error records count for nothing.
	{
		records 99 '{"x":1}'
		records 50 '{"a":"x"}'
		records 50 '{"b":1}'
	} >in
	run -0 --separate-stderr sml-classify -m m.json in
	equal 'sml-classify: none of 149 records has a value for "a"
sml-classify: 50 of 199 lines are error records (first: in:100: feature a: a is a string ("x"), not a number)' "$stderr"
	# What is weighed with 0 nobody need give; a model without inputs wants none.
	model a b c | jq -c '.features[0].weight = 0 | .features[1].scale = 0' >m.json
	run -0 --separate-stderr sml-classify -m m.json <<<"$(records 100 '{"c":1}')"
	equal '' "$stderr"
	linear 1
	run -0 --separate-stderr sml-classify -m m.json <<<"$(records 100 '{"c":1}')"
	equal '' "$stderr"
	# Thousands of inputs: a message that can be read.
	mapfile -t names < <(seq -f input%.0f 3000)
	model "${names[@]}" >m.json
	run -0 --separate-stderr sml-classify -m m.json <<<"$(records 100 '{}')"
	equal 1 "${#stderr_lines[@]}"
	[[ $stderr == *' ("input1", "input2", "input3",'*' more) is in any of the first 100'* && ${#stderr} -lt 500 ]]
}

@test "the note comes while the stream runs" {
	model a b >m.json
	mkfifo pipe
	sml-classify -m m.json <pipe >out 2>err 3>&- &
	stop_later $!
	exec 7>pipe
	records 100 '{"x":1}' >&7
	wait_for 5 grep -q 'no input of the model ("a", "b")' err
	exec 7>&-
	wait
}

@test "missing values are counted: -v and --metrics" {
	model a b c >m.json
	{
		records 5 '{"a":1,"b":1,"c":1}'
		records 3 '{"a":1,"c":1}'
		records 2 '{"a":1,"b":"wrong"}'
		records 1 '{"features":{"a":null},"b":1,"c":2}'
	} >in
	run -0 --separate-stderr sml-classify -v --metrics m.prom -m m.json in
	grep -qx 'sml-classify: missing values in 9 records: a 1, b 3' <<<"$stderr"
	equal 'a 1 b 3 c 0' "$(sed -n 's/^sml_classify_missing_total{.*input="\(.*\)"}/\1/p' m.prom | paste -sd ' ')"
	# None are missing: no line.
	run -0 --separate-stderr sml-classify -v -m m.json <<<'{"a":1,"b":2,"c":3}'
	[[ $stderr == *'(linear, 3 inputs)'* && $stderr != *missing* ]]
	model a >m.json
	run -0 --separate-stderr sml-classify -v -m m.json <<<'{"b":1}'
	[[ $stderr == *'(linear, 1 input)'*'missing values in 1 record: a 1'* ]]
	# Of very many inputs there is a sum.
	mapfile -t names < <(seq -f input%.0f 101)
	model "${names[@]}" >m.json
	run -0 sml-classify -q --metrics m.prom -m m.json <<<$'{"input3":1}\n{"input4":2,"input5":3}'
	grep -q '^sml_classify_missing_total{[^,]*} 199$' m.prom
	equal 1 "$(grep -c ^sml_classify_missing_total m.prom)"
}

@test "a new model counts anew what is missing" {
	model a b >m.json
	mkfifo pipe
	sml-classify -v -m m.json --metrics m.prom <pipe >out 2>err 3>&- &
	stop_later $!
	exec 7>pipe
	records 120 '{"x":1}' >&7
	wait_for 5 grep -q '^sml_classify_missing_total{.*input="b"} 120$' m.prom
	model b c >new
	mv new m.json
	wait_for 5 grep -q '^sml_classify_models_loaded_total{.*} 2$' m.prom
	# What the first one lacked is told as it goes.
	grep -qx 'sml-classify: missing values in 120 records: a 120, b 120' err
	records 110 '{"x":1}' >&7
	records 1 '{"b":1}' >&7
	wait_for 5 grep -q '^sml_classify_missing_total{.*input="c"} 111$' m.prom
	grep -q '^sml_classify_missing_total{.*input="b"} 110$' m.prom
	run ! grep -q 'input="a"' m.prom
	exec 7>&-
	wait
	equal 1 "$(grep -c 'no input of the model ("a", "b") is in any of the first 100 records' err)"
	equal 1 "$(grep -c 'no input of the model ("b", "c") is in any of the first 100 records' err)"
	grep -qx 'sml-classify: none of 111 records has a value for "c"' err
}

# slow N: N lines, one every 10 ms
slow() {
	for ((n = 1; n <= $1; n++)); do
		echo "{\"n\":$n}"
		pause 0.01
	done
}

# predictions: of the lines so far, each new value once
predictions() {
	jq -r .prediction out 2>/dev/null | uniq | paste -sd ' '
}

saw() {
	[ "$(predictions)" = "$1" ]
}

@test "the model is replaced while running: never the old after the new" {
	linear 1
	slow 400 | sml-classify -m m.json >out 2>err 3>&- &
	stop_later $!
	wait_for 5 saw 1
	linear 2
	wait_for 5 saw '1 2'
	echo '{"format":1,"kind":"linear","features":[{"name":"n"}],"bias":3}' >bad
	mv bad m.json
	wait_for 5 grep -q . err
	sleep 0.5
	equal "sml-classify: m.json: features[0].mean: is missing; model $(jq -r .model out | tail -n 1) goes on" "$(cat err)"
	linear 4
	wait_for 5 saw '1 2 4'
	# It reads what the first model did not.
	echo '{"format":1,"kind":"linear","features":[{"name":"n","mean":0,"scale":1,"weight":0},{"name":"k","mean":0,"scale":1,"weight":1,"missing":5}],"bias":0}' >new
	mv new m.json
	wait_for 5 saw '1 2 4 5'
	wait
	equal 400 "$(wc -l <out)"
	equal 4 "$(jq -r .model out | uniq | wc -l)"
	equal '' "$(jq -r .errorType out | grep -v null)"
}

@test "a model of other inputs and another kind takes over" {
	linear 1
	slow 200 | sml-classify -m m.json >out 2>err 3>&- &
	stop_later $!
	wait_for 5 saw 1
	echo '{"format":1,"kind":"logistic","labels":["odd","even"],"positive":"even","features":[{"name":"n","mean":0,"scale":0,"weight":1},{"name":"n=x","mean":0,"scale":1,"weight":1,"missing":"mean"}],"bias":0}' >new
	mv new m.json
	wait
	equal '' "$(grep -v 'error record' err)"
	# n=x: n is a number and no string.
	[[ $(jq -r '.errorMessage // empty' out | head -n 1) == 'feature n=x: n is a number ('*'), not a string' ]]
	equal 200 "$(wc -l <out)"
}

@test "an idle stream sees the new model too, and so does the metrics file" {
	linear 1
	mkfifo pipe
	sml-classify -m m.json --metrics m.prom <pipe >out 3>&- &
	stop_later $!
	exec 7>pipe
	echo '{}' >&7
	wait_for 5 saw 1
	linear 2
	sleep 0.5
	echo '{}' >&7
	wait_for 5 saw '1 2'
	wait_for 5 grep -q '^sml_classify_models_loaded_total{.*} 2$' m.prom
	echo nope >m.new && mv m.new m.json
	wait_for 5 grep -q '^sml_classify_models_refused_total{.*} 1$' m.prom
	grep -q "^sml_classify_model{.*id=\"$(jq -r .model out | tail -n 1)\"} 1\$" m.prom
	exec 7>&-
	wait
}

@test "a folder is a registry: the newest valid version; removing it rolls back" {
	mkdir models
	linear 1 models/0001.json
	linear 2 models/0002.json
	echo '{"format":1}' >models/0003.json
	slow 300 | sml-classify -m models >out 2>err 3>&- &
	stop_later $!
	wait_for 5 saw 2
	linear 9 models/0009.json
	wait_for 5 saw '2 9'
	linear 10 models/0010.json
	wait_for 5 saw '2 9 10'
	rm models/0010.json
	wait_for 5 saw '2 9 10 9'
	rm models/0009.json
	wait_for 5 saw '2 9 10 9 2'
	wait
	equal 'sml-classify: models/0003.json: kind: is missing (logistic, linear, softmax, one-vs-rest, tree, forest); an older version is used' "$(cat err)"
}

@test "a ConfigMap's symbolic links" {
	mkdir v1 v2
	linear 1 v1/m.json
	linear 2 v2/m.json
	ln -s v1 data
	ln -s data/m.json m.json
	slow 100 | sml-classify -m m.json >out 2>err 3>&- &
	stop_later $!
	wait_for 5 saw 1
	ln -s v2 data.new
	mv -T data.new data
	wait_for 5 saw '1 2'
	wait
	equal '' "$(cat err)"
}

@test "SIGHUP looks at once" {
	linear 1
	mkfifo pipe
	sml-classify -v -m m.json <pipe >out 2>err 3>&- &
	pid=$!
	stop_later $pid
	exec 7>pipe
	echo '{}' >&7
	wait_for 5 saw 1
	linear 2
	kill -HUP $pid
	sleep 0.1
	echo '{}' >&7
	wait_for 5 saw '1 2'
	exec 7>&-
	wait
}

@test "numbers that are too large for the model" {
	echo '{"format":1,"kind":"linear","features":[{"name":"x","mean":0,"scale":1e-300,"weight":1}],"bias":0}' >m.json
	run -0 sml-classify -q -m m.json <<<'{"x":1e300}'
	equal 'INVALID_DATA' "$(jq -r .errorType <<<"$output")"
	echo '{"format":1,"kind":"logistic","labels":["a","b"],"positive":"b","features":[{"name":"x","mean":0,"scale":1e-300,"weight":1}],"bias":0}' >m.json
	run -0 sml-classify -q -m m.json <<<'{"x":1e300}'
	equal '1 b' "$(jq -r '"\(.probability) \(.classification)"' <<<"$output")"
}
