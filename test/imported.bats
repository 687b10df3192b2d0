#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Models that XGBoost and LightGBM saved, used as people use them: records against the libraries' predictions (test/fixtures/trees.py).
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a subshell; $stderr is of bats
load helper

trees=$SML_ROOT/test/fixtures/trees

# told FILE 'MEMBERS': the rows that FILE was asked, as records; MEMBERS makes one of an array
told() {
	jq -c --arg file "$1" ".rows[\$file][] | $2 | with_entries(select(.value != null))" "$trees/new.expected"
}

# agrees FILE: the probabilities on stdin are those of the library, in the order of the rows
agrees() {
	jq -ces --arg file "$1" --slurpfile expected "$trees/new.expected" '
		($expected[0].models[] | select(.files | index($file)) | .scores | map(.[0])) as $theirs | map(.probability) as $ours |
		if ($ours | length) == ($theirs | length) and all(range($ours | length); ($ours[.] - $theirs[.] | fabs) < 1e-7) then empty
		else {file: $file, ours: $ours, theirs: $theirs} end | halt_error(1)' || [ $? -eq 4 ]
}

@test "inputs by name, and missing where a record lacks them" {
	told binary.json '{age: .[0], income: .[1], visits: .[2], color: .[3], region: .[4]}' >rows
	for file in binary.json binary.ubj; do
		sml-classify -m "$trees/$file" --labels no,yes <rows >out
		agrees "$file" <out
	done
	told lgb-binary.txt '{features: {age: .[0], income: .[1], visits: .[2], color: .[3], region: .[4]}}' >rows
	sml-classify -m "$trees/lgb-binary.txt" --labels no,yes <rows >out
	agrees lgb-binary.txt <out
}

@test "categories by name and by number" {
	told pandas.json '{age: .[0], color: (if .[1] then ["rot", "gruen", "blau und weiss"][.[1]] else null end),
		region: (if .[2] then .[2] + 100 else null end), size: .[3]}' >rows
	for file in pandas.json pandas.ubj; do
		sml-classify -m "$trees/$file" --labels no,yes <rows >out
		agrees "$file" <out
	done
	for file in lgb-pandas.txt lgb-pandas-short.txt; do
		told "$file" '{age: .[0], color: (if .[1] then ["blau und weiß", "grün", "rot"][.[1]] else "violet" end), nothing: 0,
			region: (if .[3] then .[3] + 100 else null end)}' >rows
		sml-classify -m "$trees/$file" --labels no,yes <rows >out
		agrees "$file" <out
	done
}

@test "what is not read is refused in words" {
	for file in "$trees"/*refused*; do
		run -2 --separate-stderr sml-classify -m "$file" </dev/null
		[[ ${stderr_lines[0]} =~ ^"sml-classify: $file: ".*(only gbtree is read|is not read|are not read) ]]
	done
}

@test "a pickle, and XGBoost's old binary format, are called so" {
	python3 -c 'import pickle; pickle.dump({"a": [1, 2]}, open("m.pkl", "wb")); open("m.bin", "wb").write(b"binf" + bytes(100))'
	run -2 --separate-stderr sml-classify --check -m m.pkl
	equal 'sml-classify: m.pkl: is no model: it is a pickle, which nothing but Python reads; how to save one that is read: sml-model(5), FILES OF OTHER LIBRARIES' \
		"$stderr"
	run -2 --separate-stderr sml-classify --check -m m.bin
	[[ $stderr == "sml-classify: m.bin: is no model: it is XGBoost's old binary format, "* ]]
}
