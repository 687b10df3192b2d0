#!/usr/bin/env bats
# What fuzzing has kept, given to its targets again: test/fuzz/corpus, and in test/bugs what once broke a promise.
load helper

@test "every target has a corpus and holds its promises on it" {
	for source in "$SML_ROOT"/test/fuzz/fuzz-*.c; do
		name=${source##*/fuzz-} name=${name%.c}
		inputs=("$SML_ROOT/test/fuzz/corpus/$name"/*)
		[ -e "${inputs[0]}" ] || { echo "$name has no corpus" && false; }
		run -0 "fuzz-$name" "${inputs[@]}" 3>&-
		equal "${#inputs[@]}" "${#lines[@]}" "$name"
	done
}

@test "what was found is mended" {
	for input in "$SML_ROOT"/test/bugs/*; do
		name=${input##*/}
		run -0 "fuzz-${name%%-*}" "$input" 3>&-
	done
}
