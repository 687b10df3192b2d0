#!/usr/bin/env bats
# The expression language: test/expr/*.cases, three lines a case; UPDATE=1 rewrites them.
load helper

setup() {
	common_setup
	cases=$SML_ROOT/test/expr
}

check_cases() {
	if [ "${UPDATE-}" = 1 ]; then
		expr-cases -u "$cases/$1.cases" || true
	fi
	run -0 expr-cases "$cases/$1.cases"
	[[ ${lines[-1]} == *" cases, 0 failed" ]]
}

@test "numbers, operators and null" {
	check_cases arithmetic
}

@test "comparisons, logic and lists" {
	check_cases logic
}

@test "paths" {
	check_cases paths
}

@test "functions" {
	check_cases functions
}

@test "time" {
	check_cases time
}

@test "aggregates and their clauses" {
	check_cases aggregates
}

@test "canonical text" {
	check_cases show
}

@test "errors in the text, with carets" {
	check_cases errors
}

@test "errors in the data" {
	check_cases data-errors
}

@test "a case that does not hold is reported" {
	printf '1 + 1\n{}\n3\n\n1\n{}\n1\n' >wrong.cases
	run -1 expr-cases wrong.cases
	[[ ${lines[0]} == *'wrong.cases:1: 1 + 1' ]]
	equal '2 cases, 1 failed' "${lines[-1]}"
	run -1 expr-cases missing.cases
}

@test "each file of cases is run" {
	for file in "$cases"/*.cases; do
		grep -q "check_cases $(basename "$file" .cases)\$" "$SML_ROOT/test/expr.bats"
	done
}
