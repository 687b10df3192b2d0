#!/usr/bin/env bats
# sml-train --kind tree and gbt, and models of scikit-learn: what is learned, and that others find the same.
# shellcheck disable=SC2030,SC2031,SC2154,SC2016 # each test is a subshell; $stderr is of bats; $c and the like are of jq
load helper

setup() {
	common_setup
	fixtures=$SML_ROOT/test/fixtures
}

# What sml-classify says of each record, as the other program's answers are written.
answers() {
	jq -c 'if .probabilities then [.probabilities[]] else .probability // .prediction end'
}

# close EXPECTED GOT TOLERANCE: files of a number or an array of numbers a line
close() {
	run -0 jq -n -r --slurpfile e "$1" --slurpfile g "$2" --argjson t "$3" '
		[$e, $g] | map(map(if type == "array" then .[] else . end)) | . as [$a, $b]
		| if ($a | length) != ($b | length) or $a == [] then "\($a | length) and \($b | length) numbers"
		  else range($a | length) | select((($a[.] - $b[.]) | fabs) > $t * ([1, ($a[.] | fabs)] | max)) | "\(.): \($b[.]), not \($a[.])" end'
	equal '' "$output"
}

# needs_xgboost: its library is a matter of the machine
needs_xgboost() {
	run --separate-stderr sml-train -y x --kind gbt -m - /dev/null
	[ "$status" = 2 ] || return 0
	# Where it is installed, that it cannot be had is a failure.
	if /sbin/ldconfig -p | grep -q 'libxgboost\.so'; then
		echo "$stderr" && return 1
	fi
	skip "${stderr#*: }"
}

# Labels by two inputs and a category, with noise; a is missing now and then.
mixed() {
	jq -cn '[range(240)] | .[] | {a: (. * 7 % 23), b: (. * 5 % 17), colour: ["red", "blue", "green"][. % 3]}
		| .label = (if .a > 11 and .b < 9 then "high" elif .colour == "red" then "mid" else "low" end)
		| if .b % 5 == 0 then .a = null else . end'
}

@test "a tree is scikit-learn's" {
	local nth n data options from=$fixtures/learned.expected.json
	n=$(jq '.cases | length' "$from")
	[ "$n" -gt 8 ]
	for ((nth = 0; nth < n; nth++)); do
		mapfile -t options < <(jq -r ".cases[$nth].options[]" "$from")
		data=$fixtures/$(jq -r ".cases[$nth].data" "$from")
		sml-train -q -m m.json "${options[@]}" "$data"
		jq -c ".cases[$nth].answers[]" "$from" >expected
		sml-classify -q -m m.json "$data" | answers >got
		close expected got 1e-12
	done
}

@test "models of scikit-learn score as it does" {
	local nth n data from=$fixtures/scikit-learn.expected.json
	n=$(jq '.cases | length' "$from")
	[ "$n" -gt 5 ]
	for ((nth = 0; nth < n; nth++)); do
		data=$fixtures/$(jq -r ".cases[$nth].data" "$from")
		jq -c ".cases[$nth].answers[]" "$from" >expected
		sml-classify -q -m "$fixtures/$(jq -r ".cases[$nth].model" "$from")" "$data" | answers >got
		close expected got 1e-12
	done
}

# with_scikit_learn [ARGUMENT...] <PROGRAM
with_scikit_learn() {
	python3 -c 'import sklearn' 2>/dev/null || skip 'no scikit-learn here'
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$SML_ROOT/data python3 - "$@"
}

@test "the recipe that writes models of scikit-learn: where it is installed" {
	local m cases
	with_scikit_learn "$fixtures" <<-'PYTHON'
	import json, sys
	import numpy as np
	from scikit_learn_to_sml import save
	from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, RandomForestRegressor
	from sklearn.linear_model import (ElasticNet, ElasticNetCV, Lasso, LassoCV, LinearRegression, LogisticRegression, LogisticRegressionCV,
	    Ridge, RidgeCV)
	from sklearn.multiclass import OneVsRestClassifier
	from sklearn.pipeline import make_pipeline
	from sklearn.preprocessing import StandardScaler
	from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

	def check(case, made, x, y, names, data, positive=None):
	    made.fit(x, y)
	    save(f"{case}.json", made, names, positive)
	    p = made.predict(x) if not hasattr(made, "predict_proba") else made.predict_proba(x)
	    p = p if len(p.shape) == 1 or p.shape[1] > 2 else p[:, 0 if positive is not None and positive == made.classes_[0] else 1]
	    json.dump({"data": data, "answers": p.tolist()}, open(f"{case}.case", "w"))

	def read(name, names):
	    rows = [json.loads(line) for line in open(f"{sys.argv[1]}/{name}.jsonl")]
	    return np.array([[r.get(n, np.nan) for n in names] for r in rows], float), [r.get("label") for r in rows]

	names = ["mean_radius", "worst_concavity"]
	x, y = read("learned-missing", names)
	for case, made in (("forest", RandomForestClassifier(4, max_depth=3, random_state=1)), ("lone", RandomForestClassifier(1, max_depth=3))):
	    check(case, made, x, y, names, "learned-missing.jsonl")
	x, y = np.nan_to_num(x), np.array(y)
	rows = [dict(zip(names, r)) for r in x.tolist()]
	open("full.jsonl", "w").writelines(json.dumps(r) + "\n" for r in rows)
	three = np.where(x[:, 0] > 15, "big", y)
	number = 3 + x @ [2.0, 40.0] + np.sin(x[:, 0])
	logistic = {"max_iter": 5000}
	for case, made in (("tree", DecisionTreeClassifier(max_depth=3)), ("extra", ExtraTreesClassifier(3, max_depth=3)),
	        ("logistic", LogisticRegression(**logistic)), ("cv", LogisticRegressionCV(Cs=3, **logistic)),
	        ("flat", LogisticRegression(fit_intercept=False, **logistic)), ("ovr", OneVsRestClassifier(LogisticRegression(**logistic))),
	        ("scaled", make_pipeline(StandardScaler(), LogisticRegression())), ("alone", make_pipeline(LogisticRegression(**logistic))),
	        ("unmoved", make_pipeline(StandardScaler(with_mean=False), LogisticRegression())),
	        ("unscaled", make_pipeline(StandardScaler(with_std=False), LogisticRegression(**logistic))),
	        ("neither", make_pipeline(StandardScaler(with_mean=False, with_std=False), LogisticRegression(**logistic))),
	        ("scaled-ovr", make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression())))):
	    check(f"two-{case}", made, x, y, names, "full.jsonl")
	    check(f"first-{case}", made, x, y, names, "full.jsonl", sorted(set(y))[0])
	    check(f"three-{case}", made, x, three, names, "full.jsonl")
	check("bool", LogisticRegression(**logistic), x, y == "benign", names, "full.jsonl", False)
	for made in (DecisionTreeRegressor(max_depth=4), RandomForestRegressor(3, max_depth=4), LinearRegression(), LinearRegression(fit_intercept=False),
	        Ridge(), RidgeCV(), Lasso(), LassoCV(), ElasticNet(), ElasticNetCV(), make_pipeline(StandardScaler(with_mean=False), Lasso())):
	    check(f"number-{str(made).split(chr(40))[0]}-{id(made)}", made, x, number, names, "full.jsonl")
	PYTHON
	cp "$fixtures/learned-missing.jsonl" .
	cases=(./*.case)
	equal 50 "${#cases[@]}"
	for m in "${cases[@]}"; do
		jq -c '.answers[]' "$m" >expected
		sml-classify -q -m "${m%case}json" "$(jq -r .data "$m")" | answers >got
		close expected got 1e-12
	done
}

@test "what the recipe would write wrongly, it refuses: where scikit-learn is installed" {
	with_scikit_learn >got <<-'PYTHON'
	import numpy as np
	from scikit_learn_to_sml import save
	from sklearn import ensemble, impute, linear_model, multiclass, pipeline, preprocessing, svm, tree
	x = np.random.default_rng(1).normal(size=(60, 2))
	y = np.where(x[:, 0] + x[:, 1] ** 2 > 0, 1, 0)
	both = np.c_[y, 1 - y]
	forest, logistic, scaler = ensemble.RandomForestClassifier(3), linear_model.LogisticRegression(), preprocessing.StandardScaler()
	pipe = lambda *steps: pipeline.Pipeline([(f"s{i}", s) for i, s in enumerate(steps)])
	class Own(linear_model.LinearRegression):
	    pass
	for fitted, target in ((pipe(scaler, forest), y), (pipe(impute.SimpleImputer(), logistic), y), (pipe("passthrough", logistic), y),
	        (pipe(scaler, preprocessing.StandardScaler(), logistic), y), (pipe(scaler, svm.LinearSVC()), y),
	        (linear_model.PoissonRegressor(), y), (linear_model.GammaRegressor(), y + 1), (ensemble.BaggingClassifier(), y),
	        (ensemble.AdaBoostClassifier(), y), (ensemble.GradientBoostingClassifier(), y), (linear_model.SGDClassifier(loss="hinge"), y),
	        (svm.LinearSVC(), y), (ensemble.IsolationForest(), y), (Own(), y), (multiclass.OneVsRestClassifier(tree.DecisionTreeClassifier()), y),
	        (multiclass.OneVsRestClassifier(logistic), both), (forest, both), (tree.DecisionTreeRegressor(), both), (linear_model.Ridge(), both),
	        (forest, 0 * y), (linear_model.LinearRegression(), None)):
	    try:
	        save("m.json", fitted if target is None else fitted.fit(x, target), ["a", "b"])
	        print("taken:", fitted)
	    except ValueError as e:
	        print(e)
	logistic.fit(x, y).sparsify()
	for names, positive in (["a"], None), (["a", "b", "c"], None), (["a", "a"], None), (["a", "b"], "yes"), (["a", "b"], None):
	    try:
	        save("m.json", logistic, names, positive)
	        print("taken:", names, positive)
	    except ValueError as e:
	        print(e)
	PYTHON
	[ ! -e m.json ]
	run -0 sed 's/^scikit_learn_to_sml: //; s/^This LinearRegression instance is not fitted yet.*/not fitted/' got
	equal "step s0: fit RandomForestClassifier without a StandardScaler, which trees do not need
step s0: SimpleImputer is not taken over, only StandardScaler is
step s0: str is not taken over, only StandardScaler is
more than one StandardScaler is not taken over
s1: LinearSVC is not taken over
the model: PoissonRegressor is not taken over
the model: GammaRegressor is not taken over
the model: BaggingClassifier is not taken over
the model: AdaBoostClassifier is not taken over
the model: GradientBoostingClassifier is not taken over
the model: SGDClassifier is not taken over
the model: LinearSVC is not taken over
the model: IsolationForest is not taken over
the model: Own is not taken over
OneVsRestClassifier of DecisionTreeClassifier is not taken over, only of LogisticRegression
OneVsRestClassifier of more than one label at a time is not taken over
RandomForestClassifier of more than one output is not taken over
DecisionTreeRegressor of more than one output is not taken over
Ridge of more than one output is not taken over
all rows have the label ['0']
not fitted
1 names for a model of 2 inputs
3 names for a model of 2 inputs
two inputs have one name
positive=yes is none of the labels 0, 1
LogisticRegression with sparse weights is not taken over: densify() it" "$output"
}

@test "gradient boosting is XGBoost's" {
	needs_xgboost
	local nth n data options from=$fixtures/boosted.expected.json
	n=$(jq '.cases | length' "$from")
	[ "$n" -gt 8 ]
	for ((nth = 0; nth < n; nth++)); do
		mapfile -t options < <(jq -r ".cases[$nth].options[]" "$from")
		data=$fixtures/$(jq -r ".cases[$nth].data" "$from")
		sml-train -q -m m.json "${options[@]}" "$data"
		jq -c ".cases[$nth] | .classes as \$k | .margins[] | if \$k == 0 then . elif \$k == 2 then 1 / (1 + (-. | exp))
			else map(exp) | (add) as \$sum | map(. / \$sum) end" "$from" >expected
		sml-classify -q -m m.json "$data" | answers >got
		close expected got 1e-7
	done
}

@test "the file of gradient boosting is XGBoost's own, with names and labels" {
	needs_xgboost
	mixed >in
	sml-train -q -y label -x a,b,colour=red --kind gbt --rounds 5 -m m.json in
	equal '["a","b","colour=red"]' "$(jq -c .learner.feature_names m.json)"
	equal '["high","low","mid"]' "$(jq -r .learner.attributes.sml_labels m.json | jq -c .)"
	equal '5' "$(jq -r .learner.gradient_booster.model.gbtree_model_param.num_parallel_tree m.json | jq '. * 5')"
	run -0 sml-train -q -y label -x a,b,colour=red --kind gbt --rounds 5 -m - in
	equal "$(cat m.json)" "$output" 'equal runs, equal files, and on standard output'
	sml-train -q -y label -x a,b,colour=red --kind gbt --rounds 5 --subsample 0.5 --seed 1 -m a.json in
	sml-train -q -y label -x a,b,colour=red --kind gbt --rounds 5 --subsample 0.5 --seed 2 -m b.json in
	run ! cmp -s a.json b.json
	run -0 --separate-stderr sml-train -v -y label -x a,b --kind gbt --rounds 3 --max-depth 2 --holdout 20% -m m.json in
	[[ $stderr == *'training     held out'* && $stderr == *', 9 trees, at most 2 splits deep'* ]]
}

@test "without XGBoost's library: a sentence, and 2" {
	echo '{"x":1,"y":2}' >in
	SML_LIBXGBOOST=/nowhere/libxgboost.so run -2 --separate-stderr sml-train -y y --kind gbt -m m.json in
	[[ ${stderr_lines[0]} == 'sml-train: --kind gbt: SML_LIBXGBOOST: /nowhere/libxgboost.so: '* ]]
	SML_LIBXGBOOST=libm.so.6 run -2 --separate-stderr sml-train -y y --kind gbt -m m.json in
	equal 'sml-train: --kind gbt: SML_LIBXGBOOST: libm.so.6 has no XGBGetLastError: XGBoost 1.6 or later is needed' "${stderr_lines[0]}"
	[ ! -e m.json ]
}

@test "what XGBoost cannot take is told" {
	needs_xgboost
	printf '%s\n' '{"x":1,"y":2}' '{"x":1e300,"y":3}' >in
	run -3 --separate-stderr sml-train -q -y y -x x --regression --kind gbt -m m.json in
	equal 'sml-train: feature x: 1e+300 is too large for XGBoost, which counts in float' "$stderr"
	run -3 --separate-stderr sml-train -q -y x -x y --regression --kind gbt -m m.json in
	equal 'sml-train: a label: 1e+300 is too large for XGBoost, which counts in float' "$stderr"
	[ ! -e m.json ]
}

@test "the tree of sml-model(5): categories, and what is missing" {
	mandoc -T ascii "$SML_ROOT/man/sml-model.5" | awk '/"kind":"tree"/ { on = 1 } on; on && /\]\]}/ { exit }' >m.json
	jq -e . m.json >/dev/null
	printf '%s\n' '{"total":120.5}' '{"total":121,"colour":"red"}' '{"features":{"total":121,"colour":"blue"}}' '{"total":121,"colour":"mauve"}' \
		'{"total":121}' '{"colour":"red"}' '{"total":null,"colour":null}' >in
	run -0 jq -c '[.probability, .classification, (.decision_path | join("; "))]' <(sml-classify -q --contributions -m m.json in)
	equal '[0.1,"no","total <= 120.5"]
	[0.9,"yes","total > 120.5; colour is one of red"]
	[0.5,"yes","total > 120.5; colour is none of red"]
	[0.5,"yes","total > 120.5; colour is missing"]
	[0.5,"yes","total > 120.5; colour is missing"]
	[0.9,"yes","total is missing; colour is one of red"]
	[0.5,"yes","total is missing; colour is missing"]' "$(sed 's/^\[/\t&/; 1s/^\t//' <<<"$output")"
}

@test "rows that weigh nothing are nothing to learn from" {
	printf '%s\n' '{"a":1,"y":1,"w":0}' '{"a":2,"y":3,"w":0}' >in
	run -3 --separate-stderr sml-train -q -y y --weight w -x a --kind tree -m m.json in
	equal 'sml-train: no row has a weight above 0' "$stderr"
	needs_xgboost
	run -3 --separate-stderr sml-train -q -y y --weight w -x a --kind gbt -m m.json in
	equal 'sml-train: no row has a weight above 0' "$stderr"
}

@test "contributions add up to the probability, and the path says why" {
	mixed >in
	sml-train -q -y label -x a,b,colour=red --kind tree --min-leaf 4 -m m.json in
	sml-classify -q -m m.json --contributions in >out
	equal 240 "$(wc -l <out)"
	run -0 jq -c 'select((([.contributions[]] | add) - .probability | fabs) > 1e-12 or .probability != .probabilities[.classification])' out
	equal '' "$output"
	# Each question of a path holds of its record.
	run -0 jq -c '. as $r | .decision_path[] | split(" ") as [$name, $is, $than]
		| (if $name == "colour=red" then (if $r.colour == "red" then 1 else 0 end) else $r[$name] end) as $x
		| select((if $is == "is" then ($x == null) == ($than == "missing") elif $x == null then false elif $is == "<=" then $x <= ($than | tonumber) else $x > ($than | tonumber) end) | not)' out
	equal '' "$output"
	run -0 sml-classify -m m.json --explain
	[[ $output == *'a <= 11.5'* && $output == *'each split says'* ]]
}

@test "a tree of numbers, and of many labels" {
	mixed >in
	sml-train -q -y b -x a,colour=red --kind tree --regression --max-depth 2 -m m.json in
	equal '["tree",null,1]' "$(jq -c '[.kind, .labels, ([.trees[][] | select(.value) | .value] | length > 2 | if . then 1 else 0 end)]' m.json)"
	run -0 jq -c 'select(.prediction == null or .probability)' <(sml-classify -q -m m.json in)
	equal '' "$output"
	sml-train -q -y label -x a,b --kind tree -m m.json in
	equal '["high","low","mid"]' "$(jq -c .labels m.json)"
	equal '[3]' "$(jq -c '[.trees[][] | select(.value) | .value | length] | unique' m.json)"
	run -3 --separate-stderr sml-train -q -y label --kind tree --positive high -m n.json in
	equal 'sml-train: --positive high: of 3 labels each has its probability' "$stderr"
	run -3 --separate-stderr sml-train -q -y label --kind tree --require 'calibration < 2' -m n.json in
	equal "sml-train: --require 'calibration < 2': calibration is a figure of logistic models" "$stderr"
	[ ! -e n.json ]
}

@test "what is missing: a branch, an error, a number, the mean" {
	mixed | jq -c 'select(.label != "mid")' >in
	sml-train -q -y label -x a,b --kind tree -m m.json in
	equal '["branch","branch"]' "$(jq -c '[.features[].missing]' m.json)"
	sml-train -q -y label -x a,b --kind tree --missing 3 -m m.json in
	equal '[3,3]' "$(jq -c '[.features[].missing]' m.json)"
	sml-train -q -y label -x a,b --kind tree --missing mean -m m.json in
	equal "$(jq -sc '[map(.a | values), map(.b)] | map(add / length)' in)" "$(jq -c '[.features[].missing]' m.json)"
	run -0 sml-train -q -y label -x b --kind tree --missing error -m m.json in
	equal '["error"]' "$(jq -c '[.features[].missing]' m.json)"
}

@test "a tree is no deeper than asked, and its leaves no smaller" {
	sml-train -q -y label --kind tree --max-depth 2 --min-leaf 60 -m m.json "$fixtures/purchases-features.jsonl"
	equal '[true,true,true]' "$(jq -c '[(.trees[0] | length <= 7), all(.trees[0][]; .rows >= 60), (.training | .max_depth == 2 and .min_leaf == 60)]' m.json)"
	cp m.json first.json
	shuf --random-source=/dev/zero "$fixtures/purchases-features.jsonl" | sml-train -q -y label --kind tree --max-depth 2 --min-leaf 60 -m m.json
	equal "$(jq -c .trees first.json)" "$(jq -c .trees m.json)" 'the order of rows does not matter'
}

@test "options of other kinds are wrong usage" {
	wrong() {	# MESSAGE OPTION...
		run -2 --separate-stderr sml-train -y label -m m.json "${@:2}" /dev/null
		equal "sml-train: $1 (see sml-train --help)" "${stderr_lines[0]}"
	}
	wrong '--max-depth: is of tree and gbt' --max-depth 3
	wrong '--min-leaf: is of tree and gbt' --min-leaf 3 --kind linear
	wrong '--rounds: is of gbt' --rounds 3 --kind tree
	wrong '--learning-rate: is of gbt' --learning-rate 0.1 --kind softmax
	wrong '--subsample: is of gbt' --subsample 0.1
	wrong '--seed: is of gbt' --seed 1
	wrong '-m: the file of gbt is JSON, which XGBoost does not read by this name: call it .json' --kind gbt -m g.ubj
	wrong '--l2: a tree is learned without a penalty' --kind tree --l2 1
	wrong '--missing: branch is of tree and gbt' --missing branch
	wrong '--regression: numbers are learned by linear, tree and gbt' --regression
	wrong '--positive: numbers have no labels' --kind tree --regression --positive 1
	wrong '--class-weight: numbers have no classes' --kind tree --regression --class-weight balanced
	run -2 --separate-stderr sml-train -y label --evaluate --max-depth 3 /dev/null
	equal 'sml-train: --max-depth: --evaluate trains nothing (see sml-train --help)' "${stderr_lines[0]}"
}
