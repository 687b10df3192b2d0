#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# sml-classify with several models: variants by key, shadows, names for files that have none; and models of all kinds in turn.
# shellcheck disable=SC1010,SC2016,SC2030,SC2031,SC2046,SC2154 # "then" is a word of sml; $ in programs of jq; tests are subshells; $stderr and $lines are of bats
load helper

setup() {
	common_setup
	export SOURCE_DATE_EPOCH=1700000000
	linear 1 a.json
	linear 2 b.json
	linear 3 c.json
}

# linear WEIGHT FILE [INPUT]: a model that multiplies
linear() {
	echo '{"format":1,"kind":"linear","features":[{"name":"'"${3-x}"'","mean":0,"scale":1,"weight":'"$1"'}],"bias":0}' >"$2.new"
	mv "$2.new" "$2"
}

# softmax FILE: three labels
softmax() {
	echo '{"format":1,"kind":"softmax","labels":["LOW","MEDIUM","HIGH"],"features":[{"name":"x","mean":1,"scale":2,"weights":[-1,0.5,2]},
		{"name":"y","mean":0,"scale":1,"weights":[0.1,0.2,-0.3],"missing":"mean"}],"biases":[0.3,-0.2,-0.1]}' >"$1"
}

# refused STATUS TEXT ARGUMENTS...
refused() {
	run "-$1" --separate-stderr sml-classify "${@:3}" </dev/null
	equal "sml-classify: $2" "$stderr"
}

@test "a key's variant is what its hash says, whatever kind of value it is, and near the shares" {
	seq 40000 | jq -c 'if . % 5 == 0 then "user-\(.)" elif . % 5 == 1 then "a much longer key with \"quotes\", \(.), beyond thirty-two bytes"
		elif . % 5 == 2 then . / 8 elif . == 3 then true elif . == 8 then false else . end' >keys
	jq -c '{u: ., x: 1}' keys >in
	sml-classify -m A=a.json:70 -m B=b.json:20 -m C=c.json:10 --split-by u in >out
	python3 "$SML_ROOT/test/helper/variant.py" A=70 B=20 C=10 <keys >want
	same_file want <(jq -r .variant out)
	# Each is scored by its variant's model.
	equal '' "$(jq -c 'select({A: 1, B: 2, C: 3}[.variant] != .prediction)' out)"
	local name share
	for name in A:70 B:20 C:10; do
		share=$(grep -c "\"variant\":\"${name%:*}\"" out)
		[ "$share" -ge $((${name#*:} * 400 - 400)) ]
		[ "$share" -le $((${name#*:} * 400 + 400)) ]
	done
}

@test "other shares move only what must move; without any they are equal; other names divide anew" {
	seq 20000 | sed 's/.*/{"u":&,"x":1}/' >in
	sml-classify -m A=a.json:90 -m B=b.json:10 --split-by u in | jq -r .variant >ten
	sml-classify -m A=a.json:0.6 -m B=b.json:0.4 --split-by u in | jq -r .variant >forty
	equal 0 "$(paste ten forty | grep -c $'B\tA')"
	sml-classify -m A=a.json -m B=b.json --split-by u in | jq -r .variant >equal
	[ "$(grep -c A equal)" -gt 9800 ]
	[ "$(grep -c A equal)" -lt 10200 ]
	sml-classify -m A=a.json:1 -m B=b.json:0 --split-by u in | jq -r .variant | sort -u >all
	equal A "$(cat all)"
	sml-classify -m old=a.json -m new=b.json --split-by u in | jq -r .variant | sed 's/old/A/; s/new/B/' >named
	# Independent: half of each half.
	local moved
	moved=$(paste equal named | awk '$1 != $2' | wc -l)
	[ "$moved" -gt 9700 ]
	[ "$moved" -lt 10300 ]
}

@test "a record without a key, or with one that is none, is an error record" {
	printf '%s\n' '{"x":1}' '{"u":null,"x":1}' '{"u":{"v":1},"x":1}' '{"u":[1],"x":1}' '{"u":{"v":"k"},"x":2}' >in
	run -0 --separate-stderr sml-classify -q -m A=a.json -m B=b.json --split-by u in
	equal 'MISSING_FEATURE --split-by u: there is no value
MISSING_FEATURE --split-by u: there is no value
INVALID_DATA --split-by u: is an object, not a string, a number or a boolean
INVALID_DATA --split-by u: is an array, not a string, a number or a boolean
INVALID_DATA --split-by u: is an object, not a string, a number or a boolean' "$(jq -r '"\(.errorType) \(.errorMessage)"' <<<"$output")"
	equal 2 "$(sml-classify -q -m A=a.json -m B=b.json --split-by u.v in | grep -c '"variant":')"
}

@test "shadows say what the models alone say, and change nothing else" {
	softmax s.json
	seq 500 | awk '{ printf "{\"x\":%d.5%s}\n", $1 % 13 - 6, $1 % 3 ? ",\"y\":" $1 % 7 : "" }' >in
	sml-classify -m a.json in >plain
	sml-classify -m a.json --shadow soft=s.json --shadow two=b.json in >out
	same_file plain <(sed 's/,"shadow":.*/}/' out)
	local model name
	for name in soft:s.json two:b.json; do
		model=${name#*:} name=${name%:*}
		same_file <(sml-classify -m "$model" in | jq -c 'del(.x, .y)') <(jq -c ".shadow.$name" out)
	done
	# With variants, too.
	jq -c '. + {u: input_line_number}' in >keyed
	sml-classify -m A=a.json -m B=b.json --split-by u --shadow soft=s.json keyed >out
	same_file <(sml-classify -m s.json keyed | jq -c 'del(.x, .y, .u)') <(jq -c .shadow.soft out)
	equal '["A","B"]' "$(jq -sc '[.[].variant] | unique' out)"
}

@test "a shadow that cannot score says so, and the record is none the worse" {
	linear 2 b.json z
	printf '%s\n' '{"x":1,"z":2}' '{"x":1}' '{"x":1,"z":"two"}' '{"z":1}' '{"x":1,"z":1e308}' >in
	run -0 --separate-stderr sml-classify -q -m a.json --shadow b=b.json in
	equal '{"prediction":4,"model":"'"$(jq -r .shadow.b.model <<<"${lines[0]}")"'"}
{"errorType":"MISSING_FEATURE","errorMessage":"feature z is missing"}
{"errorType":"INVALID_DATA","errorMessage":"feature z: z is a string (\"two\"), not a number"}
null
{"errorType":"INVALID_DATA","errorMessage":"the score is no finite number: the inputs are too large for the model"}' "$(jq -c .shadow.b <<<"$output")"
	equal '1 1 1 null 1' "$(jq -r .prediction <<<"$output" | paste -sd ' ')"
	equal MISSING_FEATURE "$(jq -r .errorType <<<"${lines[3]}")"
}

@test "three labels: the greatest probability decides, and contributions add up to its margin" {
	softmax s.json
	seq 300 | awk '{ printf "{\"x\":%d.25,\"y\":%d}\n", $1 % 17 - 8, $1 % 5 }' >in
	sml-classify -m s.json --contributions in >out
	python3 - <<-'END'
		import json, math
		m = json.load(open("s.json"))
		for line in open("out"):
		    r = json.loads(line)
		    z = [b + sum(f["weights"][k] * (r[f["name"]] - f["mean"]) / f["scale"] for f in m["features"]) for k, b in enumerate(m["biases"])]
		    p = [math.exp(v) / sum(map(math.exp, z)) for v in z]
		    k = p.index(max(p))
		    assert list(r["probabilities"]) == m["labels"] and r["classification"] == m["labels"][k], r
		    assert all(abs(r["probabilities"][l] - q) < 1e-14 for l, q in zip(m["labels"], p)), (r, p)
		    assert r["probability"] == r["probabilities"][r["classification"]]
		    assert abs(sum(r["contributions"].values()) - z[k]) < 1e-12
	END
	# What came is compared with what is computed.
	run -0 sml-classify -q --verify -m s.json out
	sed 's/"probability":0\./&1/' out >other
	run -3 sml-classify -q --verify -m s.json other
	refused 2 's.json: gives each of 3 labels a probability: -t is for one' -m s.json -t 0.5
	refused 2 's.json: gives each of 3 labels a probability: --bands is for one' -m s.json --bands A=0
	refused 2 'a.json: predicts a number: there is no probability for --bands' -m a.json --bands A=0
}

@test "one-vs-rest: sigmoids divided by their sum" {
	softmax s.json
	sed 's/softmax/one-vs-rest/' s.json >o.json
	sml-classify -m o.json <<<'{"x":2,"y":1}' >out
	python3 - <<-'END'
		import json, math
		m, r = json.load(open("o.json")), json.load(open("out"))
		z = [b + sum(f["weights"][k] * (r[f["name"]] - f["mean"]) / f["scale"] for f in m["features"]) for k, b in enumerate(m["biases"])]
		s = [1 / (1 + math.exp(-v)) for v in z]
		assert all(abs(r["probabilities"][l] - p / sum(s)) < 1e-15 for l, p in zip(m["labels"], s)), (r, s)
	END
}

@test "mistakes with several models are told" {
	local help=' (see sml-classify --help)'
	refused 2 "several -m need --split-by PATH: the same key, the same model$help" -m A=a.json -m B=b.json
	refused 2 "--split-by: there is one -m; variants are -m A=FILE:90 -m B=FILE:10$help" -m a.json --split-by u
	refused 2 "-m: \"a.json\" is not NAME=FILE:SHARE, as each of several$help" -m a.json -m B=b.json --split-by u
	refused 2 "-m: the name \"A\" is there twice$help" -m A=a.json -m A=b.json --split-by u
	refused 2 "-m: \"B=b.json\" has no share, and others have: NAME=FILE:SHARE$help" -m A=a.json:3 -m B=b.json --split-by u
	refused 2 "-m: \"B=b.json:-1\": a share is 0 or greater$help" -m A=a.json:3 -m B=b.json:-1 --split-by u
	refused 2 "-m: the shares add up to 0$help" -m A=a.json:0 -m B=b.json:0 --split-by u
	refused 2 "--shadow: \"c.json\" is not NAME=FILE$help" -m a.json --shadow c.json
	refused 2 "--shadow: the name \"c\" is there twice$help" -m a.json --shadow c=c.json --shadow c=b.json
	refused 2 'nope.json: No such file or directory' -m a.json --shadow c=nope.json
	refused 0 '--inputs: no model needs such names so far' -m a.json --inputs p,q
	refused 0 '--labels: no model needs such names so far' -m a.json --shadow c=c.json --labels p,q
	refused 2 '--inputs: "p,,q" has an empty name' -m a.json --inputs p,,q
	refused 2 '--labels: "p" is there twice' -m a.json --labels p,p
	refused 2 "--shadow: the name \"A\" is there twice$help" -m A=a.json -m B=b.json --split-by u --shadow A=c.json
}

@test "each model is replaced on its own, refused on its own, and has its own metrics" {
	mkfifo in
	sml-classify --metrics m.prom -m A=a.json -m B=b.json --split-by u --shadow s=c.json <in >out 2>err 3>&- &
	stop_later $!
	exec 9>in
	echo '{"u":1,"x":1}' >&9
	wait_for 10 test -s out
	linear 10 a.json
	linear 20 b.json
	echo '{"format":1}' >c.json
	has_replaced() {
		echo '{"u":'"$RANDOM"',"x":1}' >&9
		sleep 0.05
		[ "$(jq -s '[.[].prediction] | unique | map(select(. >= 10)) | length' out)" = 2 ]
	}
	wait_for 20 has_replaced
	exec 9>&-
	wait $!
	equal '3' "$(tail -n 1 out | jq .shadow.s.prediction)"
	equal 1 "$(grep -c '^sml-classify: c.json: kind: is missing .*; model .* goes on$' err)"
	equal '2 2 1' "$(for name in A B s; do sed -n "s/^sml_classify_models_loaded_total{.*name=\"$name\"} //p" m.prom; done | paste -sd ' ')"
	equal '0 0 1' "$(for name in A B s; do sed -n "s/^sml_classify_models_refused_total{.*name=\"$name\"} //p" m.prom; done | paste -sd ' ')"
	equal 3 "$(grep -c '^sml_classify_model{.*name=".*",id="[0-9a-f]*"} 1$' m.prom)"
}

@test "what a model never finds is told by its name" {
	linear 2 b.json gone
	seq 300 | sed 's/.*/{"u":&,"x":1}/' >in
	run -0 --separate-stderr sml-classify -m A=a.json -m B=b.json --split-by u in
	[[ $stderr == *'300 lines are error records'* ]]
	sed -i 's/"weight":2/&,"missing":"mean"/' b.json
	run -0 --separate-stderr sml-classify -m A=a.json --shadow B=b.json --shadow x=a.json -m C=c.json --split-by u in
	equal 'sml-classify: no input of model B ("gone") is in any of the first 100 records: does sml-features come before, with the spec of the training?' "$stderr"
}

@test "--nest has variant and shadow beside the event" {
	run -0 sml-classify -m A=a.json -m B=b.json --split-by u --shadow s=c.json --contributions --nest event <<<'{"u":1,"x":2}'
	equal '{"event":{"u":1,"x":2},"prediction":PREDICTION,"model":ID,"variant":V,"shadow":{"s":{"prediction":6,"model":ID,"contributions":{"x":6,"bias":0}}},"contributions":{"x":PREDICTION,"bias":0}}' \
		"$(sed 's/"model":"[0-9a-f]*"/"model":ID/g; s/"variant":"."/"variant":V/; s/"prediction":[24]/"prediction":PREDICTION/; s/"contributions":{"x":[24],/"contributions":{"x":PREDICTION,/' <<<"$output")"
}

@test "a pipe and a chain agree with variants and shadows" {
	seq 300 | sed 's/.*/{"u":&,"x":1}/' >in
	sml-classify -m A=a.json:3 -m B=b.json:1 --split-by u --shadow s=c.json in | sml-route -q '*=-' >pipe
	sml replay in then classify -m A=a.json:3 -m B=b.json:1 --split-by u --shadow s=c.json then route -q '*=-' >chain
	same_file pipe chain
}

@test "ten thousand replacements by models of all kinds under load: each record once, by the old one or the new one" {
	softmax s.json
	sed 's/softmax/one-vs-rest/' s.json >o.json
	linear 5 l.json
	local logistic=$SML_ROOT/data/model.json trees=$SML_ROOT/test/fixtures/trees n=10000
	jq -c '.features |= map(.missing = "mean")' "$logistic" >g.json
	[ -z "${SML_SANITIZED-}" ] || n=500
	# Trees have a way for what they lack: these are of other inputs.
	echo '{"labels":["no","yes"]}' >model.inputs.json
	run -0 python3 "$SML_ROOT/test/helper/swaps.py" $n s.json "$trees/binary.ubj" o.json "$trees/lgb-binary.txt" l.json "$trees/labelled.json" g.json \
		-- sml-classify -q -m model --max-errors 0
	echo "$output"
}

# ---- files of other libraries ----

# rows MODEL: the rows that the library has answered for, a record each, with its names
rows() {
	jq -c --arg m "$1" '.rows[$m][] | {age: .[0], income: .[1], visits: .[2], color: .[3], region: .[4]}' "$trees/new.expected"
}

# answers MODEL: what it says of them, a JSON array a line
answers() {
	jq -c --arg m "$1" '.models[] | select(.files[0] == $m) | .scores[]' "$trees/new.expected"
}

# near WANT GOT: files of JSON arrays of numbers
near() {
	[ -s "$1" ]
	run -0 jq -n --slurpfile a "$1" --slurpfile b "$2" '[$a, $b] | transpose | map(select((.[0] | length) != (.[1] | length) or
		([.[0], .[1]] | transpose | any(.[0] - .[1] | fabs > 1e-6)))) | if ($a | length) == ($b | length) and . == [] then empty else .[:3] end'
	equal '' "$output"
}

@test "files of XGBoost and LightGBM as they are: scores are the libraries'" {
	trees=$SML_ROOT/test/fixtures/trees
	local f
	for f in binary.json binary.ubj lgb-binary.txt; do
		rows "${f/ubj/json}" >in
		answers "${f/ubj/json}" >want
		sml-classify -m "$trees/$f" --labels no,yes in | jq -c '[.probability]' >got
		near want got
	done
	for f in softprob.json lgb-multiclass.txt; do
		rows $f >in
		answers $f >want
		sml-classify -m "$trees/$f" --labels low,mid,high $([[ $f == lgb* ]] || echo --inputs age,income,visits,color,region) in | jq -c '[.probabilities[]]' >got
		near want got
	done
	# What the library says of them is verified, as floats are.
	rows binary.json | jq -c --slurpfile s <(answers binary.json) '. + {probability: $s[input_line_number - 1][0]}' >said
	run -0 sml-classify -q --verify -m "$trees/binary.json" --labels no,yes said
	run -3 sml-classify -q --verify -m "$trees/binary.json" --labels yes,no <(jq -c '.probability += 2e-6' said)
	refused 2 "$trees/softprob.json: has no names of its 5 inputs: give --inputs LIST, in the model's order" -m "$trees/softprob.json" --labels a,b,c
	refused 2 "$trees/binary.json: has no names of its 2 labels: give --labels LIST, in the model's order" -m "$trees/binary.json"
	rows squares.json >in
	answers squares.json >want
	sml-classify -m "$trees/squares.json" --inputs age,income,visits in | jq -c '[.prediction]' >got
	near want got
}

@test "names beside a model, in any order in the records; options come first; too few are told" {
	trees=$SML_ROOT/test/fixtures/trees
	rows softprob.json >in
	cp "$trees/softprob.ubj" s.ubj
	echo '{"inputs":["age","income","visits","color","region"],"labels":["low","mid","high"]}' >s.inputs.json
	sml-classify -m s.ubj in >out
	sml-classify -m "$trees/softprob.json" --inputs age,income,visits,color,region --labels low,mid,high in >want
	same_file <(jq -c .probabilities want) <(jq -c .probabilities out)
	jq -c '{features: {region, color, visits, income, age}}' in | sml-classify -m s.ubj >turned
	same_file <(jq -c .probabilities want) <(jq -c .probabilities turned)
	equal '["high","low","mid"]' "$(sml-classify -m s.ubj --labels mid,high,low in | jq -c -n 'input.probabilities | keys')"
	refused 2 's.ubj: has 3 labels, and --labels, or the file beside it, names 2' -m s.ubj --labels a,b
	refused 2 's.ubj: has 5 inputs, and --inputs, or the file beside it, names 1' -m s.ubj --inputs a
	echo '{"inputs":["age",5]}' >s.inputs.json
	refused 2 's.inputs.json: inputs[1]: must be a string (not empty, without NUL)' -m s.ubj
	echo '{"inputs":["age","age"]}' >s.inputs.json
	refused 2 's.inputs.json: inputs[1]: "age" is inputs[0] too' -m s.ubj
	echo '{"inputs":' >s.inputs.json
	run -2 --separate-stderr sml-classify -m s.ubj </dev/null
	[[ $stderr == 'sml-classify: s.inputs.json: '* ]]
	# Names that are given go before those of the file.
	jq -c '.Age = .age | del(.age)' in >renamed
	sml-classify -m "$trees/lgb-multiclass.txt" --labels low,mid,high in >want
	sml-classify -m "$trees/lgb-multiclass.txt" --inputs Age,income,visits --labels low,mid,high renamed >out
	same_file <(jq -c .probabilities want) <(jq -c .probabilities out)
	# A registry of files of all kinds: the names' file is no version.
	mkdir models
	cp "$SML_ROOT/data/model.json" models/0001.json
	cp "$trees/softprob.ubj" models/0002.ubj
	echo '{"inputs":["age","income","visits","color","region"],"labels":["low","mid","high"]}' >models/0002.inputs.json
	equal 3 "$(sml-classify -m models in | jq -n 'input.probabilities | length')"
	rm models/0002.ubj
	equal 1 "$(sml-classify -m models --check -v 2>&1 </dev/null | grep -c '^sml-classify: models/0001.json: .*logistic')"
}

@test "the names beside a model are looked at as the model is" {
	trees=$SML_ROOT/test/fixtures/trees
	cp "$SML_ROOT/data/model.json" live.json
	jq -c '.features |= map(.missing = "mean")' live.json >m.json
	mkfifo in
	sml-classify -m m.json <in >out 2>err 3>&- &
	stop_later $!
	exec 9>in
	scored_by() { # a label
		echo '{"age":1}' >&9
		sleep 0.05
		tail -n 1 out | grep -q "\"classification\":\"$1\""
	}
	wait_for 10 scored_by STANDARD
	# The model first, its names later; then other names alone.
	cp "$trees/binary.json" m.new
	mv m.new m.json
	refused_so_far() { grep -q 'm.json: has no names of its 2 labels' err; }
	wait_for 10 refused_so_far
	echo '{"labels":["yes","yes, too"]}' >m.inputs.new
	mv m.inputs.new m.inputs.json
	wait_for 10 scored_by 'yes.*'
	echo '{"labels":["left","right"]}' >m.inputs.new
	mv m.inputs.new m.inputs.json
	wait_for 10 scored_by '\(left\|right\)'
	exec 9>&-
	wait $!
	equal 1 "$(grep -c "has no names" err)"
}

@test "truncated and foreign files: refused with a sentence, while the old model goes on" {
	trees=$SML_ROOT/test/fixtures/trees
	local f n
	for f in binary.json binary.ubj lgb-binary.txt; do
		n=$(wc -c <"$trees/$f")
		for cut in 0 1 2 20 $((n / 3)) $((n / 2)) $((n - n / 10)); do
			head -c "$cut" "$trees/$f" >"cut.${f##*.}"
			run -2 --separate-stderr sml-classify -m "cut.${f##*.}" --labels a,b </dev/null
			[[ $stderr == "sml-classify: cut.${f##*.}: "* ]] || { echo "$f cut at $cut: $stderr" && return 1; }
			equal 1 "$(wc -l <<<"$stderr")"
		done
	done
	cp "$trees/refused-dart.json" dart.json
	run -2 --separate-stderr sml-classify -m dart.json </dev/null
	[[ $stderr == *dart* ]]
}
