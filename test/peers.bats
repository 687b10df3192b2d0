#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Windows in event time: what DuckDB and pandas say of the same events (test/fixtures/README.md has whose definition is meant).
# shellcheck disable=SC2154 # $output and $stderr are of bats

load helper

setup() {
	common_setup
	cp "$SML_ROOT"/test/fixtures/{windows,counts}* .
}

# agrees SPEC OUTPUT LEAST [--last]: in at least so many values
agrees() {
	run -0 python3 "$SML_ROOT/test/helper/compare-windows.py" "${@:4}" "${1%%[-.]*}.expected.json" "$1" "$2"
	[ "${output%% *}" -ge "$3" ]
}

@test "features of held events, by frames of DuckDB and by pandas" {
	run -0 --separate-stderr sml-features windows.features windows.jsonl
	# None of them is too late to be held.
	equal '' "$stderr"
	echo "$output" >out
	agrees windows.features out 39000
	# Events in order need no hold.
	jq -s -c 'sort_by(.t)[]' windows.jsonl >sorted
	grep -vE '^(hold|late)' windows.features >x.features
	sml-features x.features sorted >out
	agrees windows.features out 39000
}

@test "features of events as they arrive, by what DuckDB finds among those that have come" {
	sml-features -q windows-arrival.features windows.jsonl >out
	agrees windows-arrival.features out 9000
	# Among them are some that are not in order.
	[ "$(jq -s '[.[].t] | [., .[1:]] | transpose | map(select(.[1] and .[0] > .[1])) | length' windows.jsonl)" -gt 100 ]
}

@test "records of windows, by DuckDB's groups: held, and as the last revision of each" {
	run -0 --separate-stderr sml-features windows-closing.features windows.jsonl
	equal '' "$stderr"
	echo "$output" >out
	agrees windows-closing.features out 4500
	# Of sessions a late event makes others; over all goes by arrival.
	sed 's/^hold.*/late 20s/; /^late 0s/d; /over session/d; /_all = /d' windows-closing.features >x.features
	sml-features -q x.features windows.jsonl >out
	[ "$(grep -c '"revision":' out)" -gt 100 ]
	agrees windows-closing.features out 2900 --last
}

@test "quantile, topk and distinct, by DuckDB's and pandas' own: of events and of windows" {
	sml-features counts.features windows.jsonl >out
	agrees counts.features out 18000
	jq -s -c 'sort_by(.t)[]' windows.jsonl >sorted
	grep -vE '^(hold|late)' counts.features >x.features
	sml-features x.features sorted >out
	agrees counts.features out 18000
	sml-features counts-closing.features windows.jsonl >out
	agrees counts-closing.features out 1200
}

@test "quantile, topk and distinct of 10,019 different numbers in 40,000: within what the page says" {
	awk 'BEGIN {
		for (i = 0; i < 40000; i++) {
			y = i * 7919 % 10007
			printf "{\"k\":\"a\",\"i\":%d,\"x\":%d}\n", i, i % 4 ? y * y + 100 : i * i / 16 % 23
		}
	}' >in
	sml-features -q counts-many.features in | awk 'NR % 2000 == 0' >out
	agrees counts-many.features out 300
}
