#!/usr/bin/env bats
# sml-train: what is learned, from what, and how it is judged.
# shellcheck disable=SC2030,SC2031,SC2154,SC2016 # each test is a subshell; $stderr is of bats; $c and the like are of jq
load helper

setup() {
	common_setup
	fixtures=$SML_ROOT/test/fixtures
}

# A small separable-with-noise data set: two numbers in `features`, labels yes and no (rarer: yes).
small() {
	jq -cn '[range(60)] | .[] | {id: ., timestamp: (1700000000000 + . * 1000),
		features: {a: (. * 7 % 13), b: (. * 5 % 11 - 3)}} | .label = (if .features.a + .features.b > 8 or .id % 17 == 3 then "yes" else "no" end)'
}

# figure FILE PATH: one value of a model
figure() {
	jq -r "$2" "$1"
}

# near WHAT GOT EXPECTED TOLERANCE
near() {
	jq -en --argjson a "$2" --argjson b "$3" --argjson t "$4" '($a - $b | fabs) <= $t * ([1, ($b | fabs)] | max)' >/dev/null && return
	echo "$1: got $2, expected $3 within $4"
	return 1
}

# fits NAME [OPTION...]: every case of a fixture: coefficients, intercept, scaling and figures are scikit-learn's
fits() {
	local name=$1 nth n expected=$fixtures/$1.expected.json options # (run uses a variable i)
	n=$(jq '.cases | length' "$expected")
	[ "$n" -gt 0 ]
	for ((nth = 0; nth < n; nth++)); do
		mapfile -t options < <(jq -r ".cases[$nth].options[], \"--kind\", .cases[$nth].kind" "$expected")
		run -0 sml-train -q -y "$(jq -r .label "$expected")" -m m.json "${options[@]}" "$fixtures/$name.jsonl"
		run -0 jq -n -r --slurpfile m m.json --slurpfile e "$expected" --argjson i "$nth" '
			$m[0] as $m | $e[0].cases[$i] as $c | ($c.weighted_figures // $c.figures) as $f
			| def off($what; $a; $b; $t): select((($a - $b) | fabs) > $t * ([1, ($b | fabs)] | max))
				| "\($c.name): \($what) is \($a), not \($b)";
			  ($m.features[] | .name as $n
				| off("weight of \($n)"; .weight; $c.coefficients[$n]; 1e-6),
				  off("mean of \($n)"; .mean; $c.mean[$n]; 1e-12),
				  off("scale of \($n)"; .scale; $c.scale[$n]; 1e-12),
				  (select($c.l1 > 0 and ((.weight == 0) != ($c.coefficients[$n] == 0))) | "\($c.name): \($n) is zero on one side")),
			  off("intercept"; $m.bias; $c.intercept; 1e-6),
			  off("loss"; $m.training.loss; ($f.loss // ($f.mse / 2)); 1e-9),
			  (select($f.auc) | off("auc"; $m.training.auc; $f.auc; 1e-12), off("accuracy"; $m.training.accuracy; $f.accuracy; 1e-12)),
			  (select($m.training.rows != $c.rows or ($m.features | length) != ($c.coefficients | length)) | "\($c.name): rows or features"),
			  (select($e[0].positive != $m.positive) | "\($c.name): positive")'
		equal '' "$output" "$name"
	done
}

@test "coefficients of logistic regression are scikit-learn's: breast cancer" {
	fits breast-cancer
}

@test "coefficients of logistic regression are scikit-learn's: purchases" {
	fits purchases-features
}

@test "coefficients of linear regression are scikit-learn's: diabetes" {
	fits diabetes
}

# fits_labels NAME: the same of more than two labels
fits_labels() {
	local name=$1 nth n expected=$fixtures/$1.expected.json options
	n=$(jq '.cases | length' "$expected")
	[ "$n" -gt 0 ]
	for ((nth = 0; nth < n; nth++)); do
		mapfile -t options < <(jq -r ".cases[$nth].options[]" "$expected")
		run -0 sml-train -q -y label -m m.json "${options[@]}" "$fixtures/$name.jsonl"
		run -0 jq -n -r --slurpfile m m.json --slurpfile e "$expected" --argjson i "$nth" '
			$m[0] as $m | $e[0].cases[$i] as $c | ($m.labels | length) as $n
			| def off($what; $a; $b; $t): select((($a - $b) | fabs) > $t * ([1, ($b | fabs)] | max))
				| "\($c.name): \($what) is \($a), not \($b)";
			  (range($m.features | length) as $j | $m.features[$j]
				| off("mean of \(.name)"; .mean; $c.mean[$j]; 1e-12), off("scale of \(.name)"; .scale; $c.scale[$j]; 1e-12),
				  (range($n) as $k | off("weight of \(.name), \($k)"; .weights[$k]; $c.coefficients[$j][$k]; 1e-6),
					(select($c.l1 > 0 and ((.weights[$k] == 0) != ($c.coefficients[$j][$k] == 0))) | "\($c.name): \(.name), \($k) is zero on one side"))),
			  (range($n) as $k | off("bias \($k)"; $m.biases[$k]; $c.intercepts[$k]; 1e-6)),
			  off("loss"; $m.training.loss; $c.figures.loss; 1e-9), off("auc"; $m.training.auc; $c.figures.auc; 1e-12),
			  off("accuracy"; $m.training.accuracy; $c.figures.accuracy; 1e-12),
			  (select([$m.features[].name] != $e[0].features or $m.labels != $c.labels or $m.training.rows != $c.rows)
				| "\($c.name): features, labels or rows")'
		equal '' "$output" "$name"
	done
}

@test "coefficients of softmax and one-vs-rest are scikit-learn's: wine" {
	fits_labels wine
}

@test "coefficients of softmax and one-vs-rest are scikit-learn's: digits" {
	fits_labels digits
}

@test "labels: those of several kinds, their order, and how many there may be" {
	few() {	# LABELS (JSON array): a row each, three times
		jq -cn --argjson l "$1" 'range($l | length * 3) | {x: (. * 7 % 5), y: (. * . % 7), label: $l[. % ($l | length)]}' >in
	}
	few '["c","a","B","é"]'
	sml-train -q -y label -x x,y --kind softmax -m m.json in
	equal '["B","a","c","é"]' "$(jq -c .labels m.json)"
	few '[10,9,-1.5,"2",1.0,"1"]'
	sml-train -q -y label -x x,y --kind one-vs-rest -m m.json in
	equal '["-1.5","1","2","9","10"]' "$(jq -c .labels m.json)"
	equal '{"weights":2,"biases":5,"bias":null,"positive":null}' \
		"$(jq -c '{weights: (.features | length), biases: (.biases | length), bias, positive}' m.json)"
	few '["lone"]'
	run -3 --separate-stderr sml-train -q -y label -x x,y --kind softmax -m n.json in
	equal 'sml-train: one class only: every label is "lone"' "$stderr"
	few "$(jq -cn '[range(1001)]')"
	run -3 --separate-stderr sml-train -q -y label -x x,y --kind softmax -m n.json in
	equal 'sml-train: in:1001: label label: more than 1000 different labels, the last "1000": are these labels?' "$stderr"
	# A label that is held out altogether could not be learned.
	few '["a","b","c"]'
	echo '{"x":1,"y":2,"label":"d"}' >>in
	run -3 --separate-stderr sml-train -q -y label -x x,y --kind softmax --holdout 99% -m n.json in
	[[ $stderr == *'held out'* ]]
	[ ! -e n.json ]
}

@test "softmax: two labels are a logistic model of half the penalty, and the order of rows is no matter" {
	small >in
	sml-train -q -y label --l2 0.5 -m logistic.json in
	sml-train -q -y label --l2 1 --kind softmax -m softmax.json in
	near weight "$(jq '.features[0].weights | .[1] - .[0]' softmax.json)" "$(figure logistic.json .features[0].weight)" 1e-9
	near bias "$(jq '.biases[1] - .biases[0]' softmax.json)" "$(figure logistic.json .bias)" 1e-9
	near loss "$(figure softmax.json .training.loss)" "$(figure logistic.json .training.loss)" 1e-9
	# One-vs-rest of two: each is the other, turned.
	sml-train -q -y label --l2 0.5 --kind one-vs-rest -m rest.json in
	equal "$(figure logistic.json .features[0].weight)" "$(figure rest.json '.features[0].weights[1]')"
	tac "$fixtures/wine.jsonl" >turned
	sml-train -q -y label --kind softmax --weight weight -m a.json "$fixtures/wine.jsonl"
	sml-train -q -y label --kind softmax --weight weight -m b.json turned
	near weight "$(jq '.features[3].weights[2]' a.json)" "$(jq '.features[3].weights[2]' b.json)" 1e-9
}

@test "softmax and one-vs-rest: tables, hold-out, missing values, --require, refusals" {
	jq -c 'if .weight == 0 then .features.ash = null else . end' "$fixtures/wine.jsonl" >in
	run -0 --separate-stderr sml-train -y label --kind softmax --holdout 30% --missing 2.3 -m m.json in
	[[ $stderr == *"label Barbera: 48 rows"*"label Barolo: 59 rows"*"label Grignolino: 71 rows"* ]]
	[[ $stderr == *"missing values (2.3 stands for them): ash"* ]]
	for figure in 'loss \(log loss\)' 'auc \(mean\)' accuracy brier 'best constant' 'best constant loss'; do
		grep -qE "^$figure +[0-9.]+ +[0-9.]+$" <<<"$stderr"
	done
	run ! grep -q calibration <<<"$stderr"
	equal "$(printf %.6f "$(jq .training.holdout.loss m.json)")" "$(awk '/^loss/ { print $NF }' <<<"$stderr")"
	equal null "$(jq .training.positives m.json)"
	equal 10 "$(jq '.bins.score | length' m.json)"
	run -0 --separate-stderr sml-train -y label --kind one-vs-rest -m m.json in
	equal 3 "$(grep -c 'against the rest$' <<<"$stderr")"
	run -0 sml-train -q -y label --kind softmax --require 'auc > 0.99 and accuracy > constant and loss < constant_loss' -m m.json in
	run -3 --separate-stderr sml-train -q -y label --kind softmax --require 'accuracy > 1' -m n.json in
	[[ $stderr == *"does not hold: accuracy is 1" ]]
	run -2 --separate-stderr sml-train -q -y label --kind softmax --require 'calibration > 1' -m n.json in
	equal "sml-train: --require 'calibration > 1': calibration is a figure of logistic models" "$stderr"
	run -2 --separate-stderr sml-train -y label --kind softmax --positive Barolo -m n.json in
	equal 'sml-train: --positive: a softmax model has the probability of each label (see sml-train --help)' "$stderr"
	run -0 sml-train -q -y label --kind one-vs-rest --l2 0 --l1 5 -m m.json in
	[ "$(jq '[.features[].weights[] | select(. == 0)] | length' m.json)" -gt 5 ]
	run -3 --separate-stderr sml-train -q -y label --kind softmax --l2 0 -m n.json in
	[[ $stderr == 'sml-train: some rows can be told apart without error, '*': give --l2 or --l1 above 0' ]]
	run -3 --separate-stderr sml-train -q -y label --kind one-vs-rest --l2 0 -m n.json in
	[[ $stderr == 'sml-train: label Barbera against the rest: some rows can be told apart '*': give --l2 or --l1 above 0' ]]
	jq -c 'select(.label != "Barolo") // (.weight = 0)' in >none
	run -3 --separate-stderr sml-train -q -y label --kind softmax --weight weight -m n.json none
	[[ $stderr == *"the rows' weights leave a label without any" ]]
	[ ! -e n.json ]
}

@test "the figures of --evaluate are scikit-learn's" {
	local n nth
	n=$(jq '.cases | length' "$fixtures/metrics.json")
	[ "$n" -gt 0 ]
	for ((nth = 0; nth < n; nth++)); do
		jq -c ".cases[$nth] | . as \$c | range(.y | length) | {label: \$c.y[.], probability: \$c.score[.], weight: ((\$c.weight // [])[.] // 1)}" \
			"$fixtures/metrics.json" >rows
		run -0 --separate-stderr sml-train -y label --weight weight --evaluate rows
		echo "$output" >got.json
		for figure in loss auc accuracy brier; do
			near "case $nth, $figure" "$(jq ".$figure" got.json)" "$(jq ".cases[$nth].figures.$figure" "$fixtures/metrics.json")" 1e-12
		done
		equal "$(jq ".cases[$nth].y | length" "$fixtures/metrics.json")" "$(jq .rows got.json)"
	done
}

@test "the figures of --evaluate are scikit-learn's: several labels, shadows, groups" {
	local n nth expected=$fixtures/scored.expected.json options
	n=$(jq '.cases | length' "$expected")
	[ "$n" -gt 0 ]
	for ((nth = 0; nth < n; nth++)); do
		mapfile -t options < <(jq -r ".cases[$nth].options[]" "$expected")
		run -0 --separate-stderr sml-train -q "${options[@]}" --evaluate --by variant "$fixtures/$(jq -r ".cases[$nth].data" "$expected")"
		echo "$output" >got
		run -0 jq -n -r --slurpfile got got --slurpfile e "$expected" --argjson i "$nth" '
			[$got, $e[0].cases[$i].lines] | transpose[] | . as [$g, $e]
			| (select([$g.by, $g.shadow, $g.rows] != [$e.by, $e.shadow, $e.rows]) | "\($e) is \($g)"),
			  (("loss", "auc", "accuracy", "brier") as $f | select(($g[$f] - $e[$f] | fabs) > 1e-12) | "\($e.by) \($e.shadow): \($f) is \($g[$f]), not \($e[$f])")'
		equal '' "$output" "case $nth"
	done
	equal '["HIGH","LOW","MEDIUM"] null' "$(sml-train -q -y label --evaluate "$fixtures/labels-scored.jsonl" | head -n 1 | jq -r '"\(.labels) \(.positive)"')"
}

@test "scoring the training data gives the figures that training reported" {
	for data in breast-cancer purchases-features; do
		sml-train -q -y label -m m.json "$fixtures/$data.jsonl"
		sml-classify -m m.json "$fixtures/$data.jsonl" >scored
		sml-train -y label --evaluate scored >got.json
		equal "$(jq -c '.training | [.rows, .loss, .auc, .accuracy]' m.json)" "$(jq -c '[.rows, .loss, .auc, .accuracy]' got.json)"
		equal "$(jq -r .positive m.json)" "$(jq -r .positive got.json)"
	done
	for kind in softmax one-vs-rest; do
		sml-train -q -y label --weight weight --kind $kind -m m.json "$fixtures/wine.jsonl"
		sml-classify -m m.json "$fixtures/wine.jsonl" >scored
		sml-train -q -y label --weight weight --evaluate scored >got.json
		equal "$(jq -c '.training | [.rows, .loss, .auc, .accuracy]' m.json)" "$(jq -c '[.rows, .loss, .auc, .accuracy]' got.json)"
		# The first row's probabilities are scikit-learn's.
		jq -c --arg name "$kind weighted" '.cases[] | select(.name == $name).first' "$fixtures/wine.expected.json" >first
		run -0 jq -n -r --slurpfile e first --slurpfile r <(head -n 1 scored) \
			'$e[0] | to_entries[] | select((.value - $r[0].probabilities[.key] | fabs) > 1e-9) | .key'
		equal '' "$output"
	done
	sml-train -q -y progression --kind linear -m m.json "$fixtures/diabetes.jsonl"
	sml-classify -m m.json "$fixtures/diabetes.jsonl" | sml-train -y progression --evaluate >got.json
	equal "$(jq -c '.training | [.rows, .loss]' m.json)" "$(jq -c '[.rows, .loss]' got.json)"
	near r2 "$(jq .r2 got.json)" "$(jq .cases[0].figures.r2 "$fixtures/diabetes.expected.json")" 1e-9
}

@test "equal runs give equal bytes, and chunks of input change nothing" {
	small >in
	sml-train -y label --holdout 30% -m a.json in 2>a.err
	sml-train -y label --holdout 30% -m b.json <in 2>b.err
	(while read -r line; do echo "$line"; sleep 0.001; done <in) | sml-train -y label --holdout 30% -m c.json 2>c.err
	same_file a.json b.json
	same_file a.json c.json
	same_file a.err b.err
	same_file a.err c.err
	run ! grep -qE '20[2-9][0-9]-' <(jq 'del(.training.from, .training.to)' a.json)
}

@test "the order of members changes nothing" {
	small >in
	jq -c '{"label": .label, features: (.features | {b, a}), timestamp, id}' in >permuted
	sml-train -q -y label -m a.json in
	sml-train -q -y label -m b.json permuted
	same_file a.json b.json
	# At the top level, and differently from line to line.
	jq -c 'if .id % 2 == 0 then {id, a: .features.a, b: .features.b, "label": .label} else {"label": .label, b: .features.b, id, a: .features.a} end' in >top
	sml-train -q -y label -m c.json top
	equal "$(jq -cS 'del(.training, .id)' a.json)" "$(jq -cS 'del(.training, .id)' c.json)"
}

@test "the model file says what was learned" {
	small | sml-train -q -y label --l2 0.5 -m m.json
	equal '["no","yes"]' "$(jq -c .labels m.json)"
	equal yes "$(figure m.json .positive)"
	equal 0.5 "$(figure m.json .training.l2)"
	equal '["a","b"]' "$(jq -c '[.features[].name]' m.json)"
	equal '10 10 10' "$(jq -r '[.bins.features.a, .bins.features.b, .bins.score] | map(length) | join(" ")' m.json)"
	equal '2023-11-14T22:13:20Z 2023-11-14T22:14:19Z' "$(jq -r '.training | .from + " " + .to' m.json)"
	# A line per feature; or, to stdout, one line in all.
	equal 2 "$(grep -c '"weight"' m.json)"
	run -0 --separate-stderr sml-train -q -y label --l2 0.5 -m - <(small)
	equal 1 "${#lines[@]}"
	equal "$(jq -c . m.json)" "$(jq -c . <<<"$output")"
}

@test "edges of bins are quantiles" {
	jq -cn 'range(1; 101) | {features: {x: (. * 37 % 101)}, label: (. % 2)}' | sml-train -q -y label -m m.json
	equal '[10,20,30,40,50,60,70,80,90,100]' "$(jq -c .bins.features.x m.json)"
}

@test "features: the numbers of features, or of the record; ids and the time are left out" {
	cat >in <<-'EOT'
	{"id":1,"timestamp":1000,"n":1,"ok":true,"s":"x","features":{"a":1,"f":true,"v":[1,2],"t":"text","z":null},"label":0}
	{"id":2,"timestamp":2000,"n":1,"ok":false,"s":"y","features":{"a":2,"f":false,"v":[3,1],"t":"other","z":null},"label":1}
	{"id":3,"timestamp":3000,"n":2,"ok":true,"s":"z","features":{"a":4,"f":false,"v":[2,2],"t":"text","z":null},"label":1}
	EOT
	run -0 --separate-stderr sml-train -y label -m m.json in
	[[ $stderr == *"features: a, f, v[0], v[1]"$'\n'* ]]
	[[ $stderr == *"left out: t (a string), z (null in every record)"$'\n'* ]]
	jq -c 'del(.features) | .r = .id / 7' in >top
	run -0 --separate-stderr sml-train -y label -m m.json top
	[[ $stderr == *"features: n, ok, r"$'\n'* ]] # r has as many values as rows, but is no integer
	[[ $stderr == *"timestamp (the time)"* && $stderr == *"s (a string)"* && $stderr == *"id (a different integer in each row)"* ]]
	# Named, an id is taken; so are items of an array and categories.
	run -0 --separate-stderr sml-train -y label -x 'id,v[1],t=text,s=y' -x n -m m.json in
	equal 'id v[1] t=text s=y n' "$(jq -r '[.features[].name] | join(" ")' m.json)"
	equal '0.6666666666666666' "$(jq -r '.features[2].mean' m.json)"
	run -0 sml-classify -m m.json in
	equal 3 "$(grep -c probability <<<"$output")"
}

@test "a member without a value is told of, also where nothing is left to learn from" {
	small | jq -c 'del(.features) + {n: (.id % 7), gone: null, late: (if .id < 50 then null else .id % 3 end)}' >in
	run -0 --separate-stderr sml-train -y label -m m.json in
	[[ $stderr == *"features: late, n"$'\n'* && $stderr == *"gone (null in every record)"* ]]
	jq -c '{label: .label, features: {gone: null, list: []}}' in >none
	run -3 --separate-stderr sml-train -q -y label -m m.json none
	equal 'sml-train: no feature to learn from: no number in `features` or in the records; left out: gone (null in every record), list (empty in every record)' "$stderr"
}

@test "-x: blanks around names, and hints for what is written in another way" {
	small | jq -c '.agent = (if .id % 2 == 0 then "curl" else "wget" end) | .number = "12" | .nested = {a: 1}' >in
	run -0 sml-train -q -y label -x ' a, b ,agent=curl' -m m.json in
	equal 'a b agent=curl' "$(jq -r '[.features[].name] | join(" ")' m.json)"
	run -3 --separate-stderr sml-train -q -y label -x features.a -m m.json in
	equal 'sml-train: feature features.a: no row has a value (did you mean "a"? names come without "features.")' "$stderr"
	run -3 --separate-stderr sml-train -y label -x features.a --missing error -m m.json in
	[[ $stderr == *'feature features.a is missing (did you mean "a"? names come without "features."))'* ]]
	run -3 --separate-stderr sml-train -q -y label -x nested.a -m m.json in
	equal 'sml-train: feature nested.a: no row has a value (it is a name, and no path: sml-features makes a feature of a path)' "$stderr"
	jq -c '{label: .label, features: {total: .a, colour: .agent, list: [.b]}, extra: .a}' in >far
	for pair in totl:total exrta:extra color=curl:colour=curl lst[0]:list[0]; do
		run -3 --separate-stderr sml-train -q -y label -x "${pair%:*}" -m m.json far
		equal "sml-train: feature ${pair%:*}: no row has a value (did you mean \"${pair#*:}\"?)" "$stderr"
	done
	run -3 --separate-stderr sml-train -y label -x agent -m m.json in
	[[ $stderr == *'feature agent: agent is a string ("curl"), not a number (did you mean "agent=curl"?))'* ]]
	# A number in quotes is no category.
	run -3 --separate-stderr sml-train -y label -x number -m m.json in
	[[ $stderr == *'feature number: number is a string ("12"), not a number)'* ]]
	# A value that -x could not name is not suggested.
	jq -c '.agent = "a,b"' in >comma
	run -3 --separate-stderr sml-train -y label -x agent -m m.json comma
	[[ $stderr == *'feature agent: agent is a string ("a,b"), not a number)'* ]]
}

@test "the label is never a feature" {
	small | jq -c '.features.label = (if .label == "yes" then 1 else 0 end) | .y = .features.label' >in
	for label in label features.label '["label"]' 'features["label"]'; do
		run -0 --separate-stderr sml-train -y "$label" -m m.json in
		equal 'a b' "$(jq -r '[.features[].name] | join(" ")' m.json)" "$label"
	done
	jq -c '{id, y, a: .features.a}' in >top
	sml-train -q -y y -m m.json top
	equal 'a' "$(jq -r '[.features[].name] | join(" ")' m.json)"
	run -2 --separate-stderr sml-train -y y -x a,y -m m.json top
	equal 'sml-train: -x: "y" is the label' "$stderr"
	# Inside an array of `features`.
	jq -c '.features.label = [.features.label, .features.a]' in >array
	sml-train -q -y 'features.label[0]' -m m.json array
	equal 'a b' "$(jq -r '[.features[].name] | join(" ")' m.json)"
}

@test "labels of every convention; which one is positive" {
	positive() {	# EXPECTED-NEGATIVE EXPECTED-POSITIVE LABEL-A LABEL-B [OPTION...]: one row in three has label B
		jq -cn --argjson a "$3" --argjson b "$4" 'range(30) | {features: {x: (. * 7 % 5)}, label: (if . % 3 == 0 then $b else $a end)}' >in
		run -0 sml-train -q -y label -m m.json "${@:5}" in
		equal "[\"$1\",\"$2\"] $2" "$(jq -r '(.labels | tojson) + " " + .positive' m.json)"
	}
	positive 0 1 0 1
	positive 0 1 1 0
	positive -1 1 1 -1
	positive false true true false
	positive 0 1 '"1"' '"0"'
	positive STANDARD HIGH_VALUE '"STANDARD"' '"HIGH_VALUE"'
	positive B A '"B"' '"A"'
	positive A B '"A"' '"B"'
	positive 2 3.5 2 3.5
	positive STANDARD HIGH '"HIGH"' '"STANDARD"' --positive HIGH
	positive 1 0 0 1 --positive 0
	# A tie: the last in sorted order.
	jq -cn 'range(30) | {features: {x: (. * 7 % 5)}, label: (if . % 2 == 0 then "p" else "q" end)}' | sml-train -q -y label -m m.json
	equal q "$(figure m.json .positive)"
	# 1, "1" and 1.0 are one label.
	printf '{"x":%d,"l":%s}\n' 1 1 2 '"1"' 3 1.0 1 0 2 '"0"' 3 0 1 0 >in
	sml-train -q -y l -x x -m m.json in
	equal 3 "$(figure m.json .training.positives)"
}

@test "rows of weight 2 count as two; rows of weight 0 count nothing in the loss" {
	small >in
	jq -c '., .' in >twice
	jq -c '.w = 2' in >weighted
	sml-train -q -y label -x a,b -m a.json twice
	sml-train -q -y label -x a,b --weight w -m b.json weighted
	for path in .features[0].weight .features[1].weight .bias .training.loss .training.auc; do
		near "$path" "$(jq "$path" b.json)" "$(jq "$path" a.json)" 1e-9
	done
	jq -c '.w = -1' in >bad
	run -3 --separate-stderr sml-train -y label --weight w -m c.json bad
	[[ $stderr == *"weight: w is below 0, not a number, 0 or greater"* ]]
	[ ! -e c.json ]
}

@test "missing values: the mean, a number, or an error" {
	printf '%s\n' '{"features":{"x":1,"y":5},"l":0}' '{"features":{"x":null,"y":6},"l":1}' '{"features":{"x":4,"y":7},"l":1}' \
		'{"features":{"y":8},"l":0}' >in
	run -0 --separate-stderr sml-train -y l -m m.json in
	[[ $stderr == *"missing values (the mean stands for them): x 50%"* ]]
	equal '2.5 1.5 mean' "$(jq -r '.features[0] | "\(.mean) \(.scale) \(.missing)"' m.json)"
	run -0 sml-classify -m m.json --contributions in
	equal '0 0' "$(jq -r 'select(.features.x == null) | .contributions.x' <<<"$output" | paste -sd ' ')"

	run -0 --separate-stderr sml-train -y l --missing 0 -m m.json in
	equal '1.25 0' "$(jq -r '.features[0] | "\(.mean) \(.missing)"' m.json)"
	sml-classify -m m.json in | sml-train -y l --evaluate >got.json
	equal "$(jq -c '.training | [.loss, .auc]' m.json)" "$(jq -c '[.loss, .auc]' got.json)"

	run -0 --separate-stderr sml-train -y l --missing error -m m.json in
	equal error "$(jq -r '.features[0].missing' m.json)"
	equal 2 "$(jq .training.rows m.json)"
	[[ $stderr == *"2 of 4 lines are error records (first: in:2: feature x is missing)"* ]]
	run -0 --separate-stderr sml-train -y l -x x,y --missing error -m m.json in
	equal 2 "$(jq .training.rows m.json)"
	run -2 --separate-stderr sml-train -y l --missing median -m m.json in
	equal 'sml-train: --missing: "median" is neither mean nor error nor branch nor a number' "$stderr"
}

@test "a constant feature contributes nothing and is told once" {
	small | jq -c '.features.c = 0.1' >in
	run -0 --separate-stderr sml-train -y label -m m.json in
	equal 1 "$(grep -c 'constant, contributes nothing: c' <<<"$stderr")"
	equal '0.1 0 0' "$(jq -r '.features[] | select(.name == "c") | "\(.mean) \(.scale) \(.weight)"' m.json)"
	jq -c '.features.c = 77' in | sml-classify -m m.json --contributions >out
	equal 0 "$(jq .contributions.c out | sort -u)"
}

@test "nothing to learn from: a sentence, 3, and the old model stays" {
	refused() {	# MESSAGE OPTION...: of the file `in`
		echo old >m.json
		run -3 --separate-stderr sml-train -q -m m.json "${@:2}" in
		equal "sml-train: $1" "$stderr"
		equal '' "$output"
		equal old "$(cat m.json)"
	}
	: >in
	refused 'no record to learn from (-y label)' -y label
	printf '%s\n' '{"x":1}' '{"x":2,"label":null}' >in
	refused 'no record has a label (-y label)' -y label
	printf '%s\n' '{"x":1,"label":"A"}' '{"x":1,"label":"A"}' >in
	refused 'one class only: every label is "A"' -y label
	refused 'no label is "B": every one is "A"' -y label --positive B
	printf '%s\n' '{"x":1,"label":"A"}' '{"x":1,"label":"B"}' >in
	refused 'no label is "C": they are "A" and "B"' -y label --positive C
	refused 'feature y: no row has a value' -y label -x y
	printf '%s\n' '{"x":"a","label":"A"}' '{"x":"b","label":"B"}' >in
	refused 'no feature to learn from: no number in `features` or in the records; left out: x (a string)' -y label
	printf '%s\n' '{"x":1,"label":"A"}' '{"x":2,"label":"B"}' '{"x":3,"label":"C"}' >in
	refused 'in:3: label label: a third label, "C", beside "A" and "B": two are told apart; --kind softmax learns more' -y label
	refused 'in:3: label x: a third label, "3", beside "1" and "2": two are told apart; --kind softmax learns more, --kind linear a number' -y x
	printf '%s\n' '{"x":1,"label":0}' '{"x":2,"label":0}' '{"x":3,"label":1}' '{"x":3,"label":1}' '{"x":4,"label":1}' >in
	refused 'some rows can be told apart without error, so that without a penalty the weights grow without bound (61.73 so far): give --l2 or --l1 above 0' \
		-y label -x x --l2 0 || [[ $stderr == *'the weights grow without bound ('*' so far): give --l2 or --l1 above 0' && $(cat m.json) == old ]]
	run -0 sml-train -q -y label -x x --l2 0.001 -m m.json in
}

@test "bad lines and error records are counted, told once, and no output" {
	{
		small
		echo nope
		echo '{"errorType":"PARSE_ERROR","errorMessage":"m","rawData":"x","timestamp":1,"stage":"features","source":"stdin","line":1,"byte":1,"_sml":"error"}'
		echo '{"features":{"a":"x","b":1},"label":"yes"}'
		echo '{"features":{"a":1,"b":1},"label":[1]}'
		echo '{"features":{"a":1,"b":1}}'
	} >in
	run -0 --separate-stderr sml-train -y label -m m.json in
	equal '' "$output"
	[[ $stderr == *"3 of 65 lines are error records (first: in:61: not JSON at byte 2"* || $stderr == *"3 of 65 lines are error records (first: in:61: not JSON at byte 1"* ]]
	[[ $stderr == *"skipped, without a label: 1"* ]]
	small | sml-train -q -y label -m clean.json
	equal "$(jq -c .features clean.json)" "$(jq -c .features m.json)"
	# Its own errors count: three of them.
	run -0 sml-train -q -y label --max-errors 3 -m n.json in
	run -3 --separate-stderr sml-train -q -y label --max-errors 2 -m o.json in
	[ ! -e o.json ]
	run -3 --separate-stderr sml-train -q -y label --on-bad=stop -m o.json in
	[[ $stderr == *"in:61: not JSON"*"(--on-bad=stop)"* ]]
	[ ! -e o.json ]
}

@test "hold-out: by the hash of the line, reported, and the rest learned from" {
	purchases -n 3000 --seed 5 | jq -c 'select(.basketSize > 0 and (.totalValue | type) == "number")' 2>/dev/null >in || true
	run -0 --separate-stderr sml-train -y label -x basketSize,totalValue --holdout 20% -m m.json in
	rows=$(jq .training.rows m.json) held=$(jq .training.holdout.rows m.json)
	equal "$(wc -l <in)" "$((rows + held))"
	[ "$held" -gt $((rows / 5)) ] && [ "$held" -lt $((rows / 3)) ]
	[[ $stderr == *"training     held out"* ]]
	# The best constant is that of the training rows, judged on each.
	read -r constant constant_held <<<"$(sed -n 's/^best constant  *\([0-9.]\)/\1/p' <<<"$stderr")"
	equal "$constant" "$constant_held"
	near constant "$constant" "$(jq '.training.positives / .training.rows' m.json)" 1e-6
	read -r _ loss_held <<<"$(sed -n 's/^best constant loss  *//p' <<<"$stderr")"
	share=$(sed -n 's/^sml-train: label .*: \([0-9,]*\) rows (positive)$/\1/p' <<<"$stderr" | tr -d ,)
	share=$(jq -n "($share - $(jq .training.positives m.json)) / $held")
	near loss "$loss_held" "$(jq -n "-($share * ($constant | log) + (1 - $share) * (1 - $constant | log))")" 1e-5
	sml-train -q -y label -x basketSize,totalValue --holdout 20% --require "constant > $constant - 1e-5 and constant < $constant + 1e-5" -m n.json in
	# Shuffled input: the same rows are held out, so the same model up to the order of sums.
	tac in >shuffled
	sml-train -q -y label -x basketSize,totalValue --holdout 20% -m n.json shuffled
	equal "$rows $held" "$(jq -r '"\(.training.rows) \(.training.holdout.rows)"' n.json)"
	near auc "$(jq .training.holdout.auc n.json)" "$(jq .training.holdout.auc m.json)" 1e-12
	for bad in 20 0% 100% -5% x% % ''; do
		run -2 --separate-stderr sml-train -y label --holdout "$bad" -m m.json in
		[[ $stderr == 'sml-train: --holdout: '* ]]
	done
}

@test "the table of steps and the figures" {
	small >in
	run -0 --separate-stderr sml-train -y label -m m.json in
	[[ $stderr == *"      rows   step    objective     gradient"* ]]
	equal 1 "$(grep -c '^loss' <<<"$stderr")" # one thing has that name
	for figure in rows 'loss \(log loss\)' auc accuracy brier calibration 'best constant' 'best constant loss'; do
		grep -qE "^$figure +[0-9.]+$" <<<"$stderr"
	done
	equal "$(printf %.6f "$(jq .training.loss m.json)")" "$(awk '/^loss / { print $NF }' <<<"$stderr")"
	# The loss falls.
	awk '/^ +[0-9]+ +[0-9]+ / { if (n++ && $3 > before) exit 1; before = $3 }' <<<"$stderr"
	run -0 --separate-stderr sml-train -q -y label -m m.json in
	equal '' "$stderr"
	run -0 --separate-stderr sml-train -v -y label -m m.json in
	[[ $stderr == *"m.json: model $(jq -r .id m.json), solver newton, "* ]]
	printf '%s\n' '{"x":1,"label":"A"}' '{"x":1.5,"label":"B"}' '{"x":1.5,"label":"B"}' >few
	run -0 --separate-stderr sml-train -y label -m n.json few
	[[ $stderr == *"label A: 1 row (positive)"*"label B: 2 rows"* ]]
}

@test "--evaluate judges what came with the records" {
	printf '{"label":%s,"probability":%s}\n' 0 0.1 0 0.4 1 0.35 1 0.8 >in
	run -0 --separate-stderr sml-train -y label --evaluate in
	equal '{"rows":4,"positive":"1","loss":0.472288,"auc":0.75,"accuracy":0.75,"brier":0.158125,"calibration":0.825,"constant":0.5,"constant_loss":0.693147}' \
		"$(jq -c '.loss |= (. * 1e6 | round / 1e6) | .constant_loss |= (. * 1e6 | round / 1e6) | .brier |= (. * 1e9 | round / 1e9)' <<<"$output")"
	equal '' "$stderr"
	# Without a label, without a probability, out of range.
	printf '%s\n' '{"probability":0.5}' '{"label":1}' '{"label":1,"probability":2}' >>in
	run -0 --separate-stderr sml-train -y label --evaluate in
	equal 4 "$(jq .rows <<<"$output")"
	[[ $stderr == *"skipped, without a label: 1"*"skipped, without a probability: 1"* ]]
	[[ $stderr == *"1 of 7 lines is an error record (first: in:7: probability is not from 0 to 1)"* ]]
	# Numbers.
	printf '{"y":%s,"prediction":%s}\n' 3 2.5 -0.5 0 2 2 7 8 >numbers
	run -0 --separate-stderr sml-train -y y --evaluate numbers
	equal '4 0.1875 0.948608' "$(jq -r '"\(.rows) \(.loss) \(.r2 * 1e6 | round / 1e6)"' <<<"$output")"
	equal null "$(jq .auc <<<"$output")"
}

@test "--evaluate finds out which label the probabilities are of" {
	# The positive label is the common one: `classification` tells.
	printf '{"label":"%s","classification":"%s","probability":%s}\n' up up 0.9 up up 0.8 down down 0.2 up down 0.4 >in
	run -0 sml-train -q -y label --evaluate in
	equal 'up 1 0.75' "$(jq -r '"\(.positive) \(.auc) \(.accuracy)"' <<<"$output")"
	# Bands are no labels: the rarer one, unless told.
	jq -c '.classification = "HIGH"' in >bands
	equal down "$(sml-train -q -y label --evaluate bands | jq -r .positive)"
	equal up "$(sml-train -q -y label --positive up --evaluate bands | jq -r .positive)"
	# A wrong guess, or a wrong word, shows in the AUC.
	run -0 --separate-stderr sml-train -y label --evaluate bands
	equal 'sml-train: auc 0 is below 0.5: is "down" the positive label? (--positive)' "$stderr"
	equal 'down 0' "$(jq -r '"\(.positive) \(.auc)"' <<<"$output")"
	run -0 --separate-stderr sml-train -q -y label --evaluate bands
	equal '' "$stderr"
	run -0 --separate-stderr sml-train -y label --positive down --evaluate in
	[[ $stderr == *'is "down" the positive label?'* ]]
	run -0 --separate-stderr sml-train -y label --positive up --evaluate bands
	equal '' "$stderr"
	printf '{"label":%s,"probability":%s}\n' 1 0.5 0 0.5 >tie
	run -0 --separate-stderr sml-train -y label --evaluate tie
	equal '' "$stderr"
	# One class only.
	head -n 2 in >one
	run -0 sml-train -q -y label --evaluate one
	equal 'up null' "$(jq -r '"\(.positive) \(.auc)"' <<<"$output")"
	jq -c 'del(.classification)' one >one.bare
	run -3 --separate-stderr sml-train -q -y label --evaluate one.bare
	equal 'sml-train: every label is "up": say which is positive (--positive LABEL)' "$stderr"
	run -0 sml-train -q -y label --positive down --evaluate one.bare
	equal 'down 0' "$(jq -r '"\(.positive) \(.accuracy)"' <<<"$output")"
	# A label never seen before.
	echo '{"label":"sideways","probability":0.5}' >>in
	run -3 --separate-stderr sml-train -q -y label --evaluate in
	equal 'sml-train: in:5: label label: a third label, "sideways", beside "up" and "down": two are told apart' "$stderr"
	: >empty
	run -3 --separate-stderr sml-train -q -y label --evaluate empty
	equal 'sml-train: no record to judge (-y label)' "$stderr"
}

@test "--evaluate of several labels: what is wrong is said, what is unknown has the probability 0" {
	printf '{"label":"%s","classification":"%s","probability":0.5,"probabilities":{"a":%s,"b":%s,"c":%s}}\n' a a 0.5 0.25 0.25 b c 0.25 0.25 0.5 \
		c c 0.25 0.25 0.5 b b 0.25 0.5 0.25 >in
	run -0 --separate-stderr sml-train -y label --evaluate in
	equal '{"rows":4,"labels":["a","b","c"],"loss":0.866,"auc":0.861,"accuracy":0.75,"brier":0.5,"constant":0.5,"constant_loss":1.0397}' \
		"$(jq -c '(.loss, .auc) |= (. * 1e3 | round / 1e3) | .constant_loss |= (. * 1e4 | round / 1e4)' <<<"$output")"
	equal '' "$stderr"
	# Accuracy is that of `classification`, where it is a label, and else of the largest.
	equal 0.5 "$(jq -c '.classification = (if .label == "a" then "b" else .classification end)' in | sml-train -q -y label --evaluate | jq .accuracy)"
	equal 0.75 "$(jq -c '.classification = "BAND"' in | sml-train -q -y label --evaluate | jq .accuracy)"
	# Another order, labels that come and go.
	jq -c 'if .label == "c" then .probabilities |= {c, b, a} else . end' in >turned
	equal "$(sml-train -q -y label --evaluate in)" "$(sml-train -q -y label --evaluate turned)"
	{
		cat in
		echo '{"label":"d","probabilities":{"a":0.5,"b":0.5}}'
	} >new
	run -0 --separate-stderr sml-train -y label --evaluate new
	equal '["a","b","c","d"] 5 null' "$(jq -r '"\(.labels) \(.rows) \(.auc)"' <<<"$output" | sed 's/ [0-9.]*$/ null/')"
	near loss "$(jq .loss <<<"$output")" "$(jq -n '(-(0.5 | log) * 3 - (0.25 | log) + 52 * (2 | log)) / 5')" 1e-12
	for bad in '{"a":1.5}:probabilities: a is not from 0 to 1' '{"a":"x"}:probabilities: a is a string' '[1]:probabilities is an array' '{}:probabilities is empty'; do
		echo "{\"label\":\"a\",\"probabilities\":${bad%:probabilities*}}" | cat in - >wrong
		run -0 --separate-stderr sml-train -y label --evaluate wrong
		[[ $stderr == *"1 of 5 lines is an error record (first: wrong:5: probabilities${bad#*:probabilities}"* ]] || { echo "$bad: $stderr" && false; }
		equal 4 "$(jq .rows <<<"$output")"
	done
	# A probability alone says nothing of several labels.
	echo '{"label":"a","probability":0.5}' | cat in - >alone
	run -0 --separate-stderr sml-train -y label --evaluate alone
	equal 'sml-train: skipped, without probabilities: 1' "$stderr"
	run -3 --separate-stderr sml-train -q -y label --positive a --evaluate in
	equal 'sml-train: --positive a: the records carry the probability of each label' "$stderr"
}

@test "--evaluate judges shadows, and --by groups" {
	printf '{"label":%s,"probability":%s,"v":%s,"shadow":{"s":{"probability":%s},"t":%s}}\n' \
		1 0.9 '"A"' 0.6 '{"prediction":2}' 0 0.2 '"A"' 0.4 '{"prediction":1}' 1 0.4 '"B"' 0.7 '{"errorType":"MISSING_FEATURE"}' \
		0 0.6 '"B"' 0.1 '{"prediction":0}' 1 0.8 null 0.2 '{"prediction":1}' >in
	run -0 --separate-stderr sml-train -y label --evaluate --by v in
	equal '[null,null,5,null] [null,"s",5,null] [null,"t",4,0.25] ["A",null,2,null] ["A","s",2,null] ["A","t",2,0.5] ["B",null,2,null] ["B","s",2,null] ["B","t",1,0]' \
		"$(jq -c 'if .positive then .loss = null else . end | [.by, .shadow, .rows, .loss]' <<<"$output" | paste -sd ' ')"
	equal '1 0' "$(jq -r 'select(.by and (.shadow | not)).auc' <<<"$output" | paste -sd ' ')"
	equal 'sml-train: shadow t: skipped, without a prediction: 1
sml-train: in no group, without v: 1' "$stderr"
	equal "$(sml-train -q -y label --evaluate in)" "$(head -n 3 <<<"$output")"
	# By a number or a boolean; numbers in their order.
	equal '2 10' "$(printf '{"label":%s,"probability":0.5,"n":%s}\n' 1 10 0 10 1 2 0 2.0 | sml-train -q -y label --evaluate --by n | jq -r '.by // empty' | paste -sd ' ')"
	echo '{"label":1,"probability":0.5,"v":[1]}' | cat in - >wrong
	run -0 --separate-stderr sml-train -y label --evaluate --by v wrong
	[[ $stderr == *'first: wrong:6: by: v is an array, not a string, a number or a boolean)'* ]]
	jq -cn 'range(1001) | {label: (. % 2), probability: 0.5, user: .}' >users
	run -3 --separate-stderr sml-train -q -y label --evaluate --by user users
	equal 'sml-train: users:1001: --by user: more than 1000 different values' "$stderr"
	jq -cn '{label: 1, probability: 0.5, shadow: ([range(101) | {key: "\(.)", value: {probability: 0.5}}] | from_entries)}' >shadows
	run -3 --separate-stderr sml-train -q -y label --evaluate --max-errors 0 shadows
	[[ $stderr == *'shadow: more than 100 different names'* ]]
	echo '{"label":1,"probability":0.5,"shadow":{"s":{"probability":7}}}' | cat in - >wrong
	run -0 --separate-stderr sml-train -y label --evaluate wrong
	[[ $stderr == *'first: wrong:6: shadow.s.probability is not from 0 to 1)'* ]]
	run -2 --separate-stderr sml-train -y label --by v -m m.json in
	equal 'sml-train: --by: --evaluate judges by groups (see sml-train --help)' "$stderr"
}

@test "--require compares groups and shadows" {
	requires() {	# STATUS CONDITION [MESSAGE] [OPTION...]
		run "-$1" --separate-stderr sml-train -q "${@:4}" --weight weight --evaluate "$fixtures/labels-scored.jsonl" --require "$2"
		equal "${3:+sml-train: --require${3}}" "$stderr" "$2"
	}
	requires 0 'shadow.new.loss < loss and shadow.new.auc > auc' '' -y label
	requires 0 'B.rows > 100 and B.shadow.new.loss < B.loss and ["7"].rows + A.rows + B.rows == rows' '' -y label --by variant
	requires 3 'A.rows > B.rows and rows < 600' " 'A.rows > B.rows and rows < 600' does not hold: A.rows is $(grep -c '"variant":"A"' "$fixtures/labels-scored.jsonl"), B.rows is $(grep -c '"variant":"B"' "$fixtures/labels-scored.jsonl"), rows is 600" -y label --by variant
	requires 3 'C.loss <= A.loss' " 'C.loss <= A.loss': no record has \"C\" at variant: there is \"7\", \"A\" and \"B\"" -y label --by variant
	requires 3 'shadow.old.loss <= loss' " 'shadow.old.loss <= loss': no record has a shadow \"old\": there is \"new\"" -y label
	requires 3 'A.auc > 0' " 'A.auc > 0': no record has \"A\" at nowhere, or anything" -y label --by nowhere
	requires 3 'A.calibration > 0' " 'A.calibration > 0' does not hold: A.calibration is null" -y label --by variant
	for wrong in 'A.auc > 0:"A" is a group, and --evaluate --by makes them' 'shadow.new.acu > 0:no figure is called "acu" (did you mean "auc"?)' \
		'shado.new.auc > 0:a figure is one of auc, B.auc, shadow.new.auc, B.shadow.new.auc' 'auc[0] > 0:a figure has names alone: auc, B.auc, shadow.new.auc, B.shadow.new.auc'; do
		run -2 --separate-stderr sml-train -q -y label --evaluate --require "${wrong%%:*}" absent
		[[ $stderr == *"--require: ${wrong#*:}"* ]] || { echo "$stderr" && false; }
	done
	run -2 --separate-stderr sml-train -q -y label -m m.json --require 'shadow.new.auc > 0' absent
	[[ $stderr == *'--require: --evaluate judges shadows'* ]]
}

@test "what --evaluate needs is said where it is missing" {
	echo '{"label":"up","probability":0.5}' >scored
	run -3 --separate-stderr sml-train -q -y lable --evaluate scored
	equal 'sml-train: no record has a label (-y lable; did you mean "label"?)' "$stderr"
	run -3 --separate-stderr sml-train -q -y answer --evaluate scored
	equal 'sml-train: no record has a label (-y answer)' "$stderr"
	echo '{"label":"up"}' >unscored
	run -3 --separate-stderr sml-train -y label --evaluate unscored
	equal 'sml-train: skipped, without a probability: 1
sml-train: no record with a label (-y label) has a probability or a prediction, as sml-classify adds them' "$stderr"
}

@test "a label among the features, and names without commas between them" {
	printf '{"features":{"x":%s,"y":%s}}\n' 1.5 0 2.5 1 0.5 0 3.5 1 >in
	run -3 --separate-stderr sml-train -q -y y -m m.json in
	equal 'sml-train: no record has a label (-y y; did you mean "features.y"?)' "$stderr"
	run -0 sml-train -q -y features.y -x x -m m.json in
	run ! --separate-stderr sml-train -q -y features.y -x 'x y' -m m.json in
	[[ $stderr == *'between names stand commas'* ]]
}

@test "--require: 3 when it does not hold, and then no model" {
	printf '{"label":%s,"probability":%s}\n' 0 0.1 0 0.4 1 0.35 1 0.8 >in
	run -0 sml-train -q -y label --evaluate --require 'auc >= 0.75 and rows == 4' in
	run -3 --separate-stderr sml-train -q -y label --evaluate --require 'auc >= 0.8' in
	equal "sml-train: --require 'auc >= 0.8' does not hold: auc is 0.75" "$stderr"
	equal 0.75 "$(jq .auc <<<"$output")"
	run -2 --separate-stderr sml-train -q -y label --evaluate --require 'acu >= 0.8' in
	[[ $stderr == *'no figure is called "acu" (did you mean "auc"?)'* ]]
	# What can never be a condition is found before anything is read.
	for what in auc 'not auc' 'auc > "x"'; do
		run -2 --separate-stderr sml-train -q -y label --evaluate --require "$what" absent
		[[ $stderr == "sml-train: --require '$what'"* ]]
	done
	run -3 --separate-stderr sml-train -q -y label --evaluate --require 'r2 > 0' in
	[[ $stderr == *"does not hold: r2 is null" ]]
	for kind in logistic:rmse:linear linear:auc:logistic; do
		IFS=: read -r kind figure other <<<"$kind"
		run -2 --separate-stderr sml-train -q -y label --kind "$kind" --require "$figure < 1" -m m.json absent
		equal "sml-train: --require '$figure < 1': $figure is a figure of $other models" "$stderr"
	done
	small >rows
	echo old >m.json
	run -3 --separate-stderr sml-train -q -y label --require 'auc > 0.999' -m m.json rows
	[[ $stderr == "sml-train: --require 'auc > 0.999' does not hold: auc is 0."* ]]
	equal old "$(cat m.json)"
	run -0 sml-train -q -y label --require 'auc > 0.5 and loss < constant_loss' -m m.json rows
	equal logistic "$(figure m.json .kind)"
}

@test "wrong use is 2 and one line" {
	small >in
	misused() {	# MESSAGE ARGUMENT...
		run -2 --separate-stderr sml-train "${@:2}"
		equal "sml-train: $1" "$stderr"
		equal '' "$output"
	}
	misused 'the label is missing: -y PATH (see sml-train --help)' -m m.json in
	misused 'the model is missing: -m FILE (see sml-train --help)' -y label in
	misused '-m: --evaluate trains nothing (see sml-train --help)' -y label --evaluate -m m.json in
	misused '--l2: --evaluate trains nothing (see sml-train --help)' -y label --evaluate --l2 1 in
	misused '--positive: a linear model has no labels (see sml-train --help)' -y label --kind linear --positive 1 -m m.json in
	misused '--class-weight: a linear model has no classes (see sml-train --help)' -y label --kind linear --class-weight balanced -m m.json in
	misused '-x: "a" is there twice' -y label -x a,b -x a -m m.json in
	misused '-x: "a,,b" has an empty name' -y label -x a,,b -m m.json in
	misused '-m: nowhere: No such file or directory' -y label -m nowhere/m.json in
	mkdir folder
	misused '-m: folder is no regular file' -y label -m folder in
	run -2 --separate-stderr sml-train -y 'a[' -m m.json in
	[[ $stderr == 'sml-train: -y: '* ]]
	run -2 --separate-stderr sml-train -y label --l2 -1 -m m.json in
	run -2 --separate-stderr sml-train -y label --kind trees -m m.json in
	[ ! -e m.json ]
}

@test "the model is written whole, or not at all" {
	small >in
	umask 022
	run -0 sml-train -q -y label -m m.json in
	equal 644 "$(stat -c %a m.json)"
	chmod 600 m.json
	ln -s m.json link.json
	run -0 sml-train -q -y label --l2 3 -m link.json in
	equal 600 "$(stat -c %a m.json)"
	[ -L link.json ]
	equal 3 "$(figure m.json .training.l2)"
	equal '' "$(find . -name '*.tmp*' -o -name '.m*')"
	run -1 --separate-stderr sh -c 'sml-train -q -y label -m - in >/dev/full'
}

@test "a signal ends reading, not training" {
	mkfifo pipe
	sml-train -q -y label -m m.json pipe 3>&- &
	pid=$!
	stop_later $pid
	exec 7>pipe
	small >&7
	sleep 0.3
	kill -TERM $pid
	wait_gone $pid 5
	wait $pid
	exec 7>&-
	equal 60 "$(jq .training.rows m.json)"
}

@test "metrics of training" {
	small | jq -c 'if .id == 5 then del(.label) else . end' | sml-train -q -y label --metrics m.prom -m m.json
	grep -q '^sml_train_rows_total{.*} 59$' m.prom
	grep -q '^sml_train_unlabelled_total{.*} 1$' m.prom
}
