#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# sml-route: which record goes where, with its bytes as they came.

load helper

A='{"id":1, "classification":"A","probability":0.95,"timestamp":1720000000000}'
B='{"id":2,"classification":"B","probability": 0.10,"timestamp":1720090000000}'
C='{"id":3,"probability":null}'

input() {
	printf '%s\n' "$A" "$B" 'no json' "$C"
}

@test "the first rule that holds takes the record, the rest goes to stdout" {
	input | sml-route -q A=3 'probability < 0.5=low' error=bad 3>a >out
	equal "$A" "$(cat a)"
	equal "$B" "$(cat low)"
	equal "$C" "$(cat out)"
	[[ $(cat bad) == *'"rawData":"no json"'*'"stage":"route"'* ]]
}

@test "without rules: HIGH_VALUE=3 error=4 *=-" {
	printf '%s\n' '{"classification":"HIGH_VALUE"}' x '{}' | sml-route -q 3>h 4>e >o
	equal '{"classification":"HIGH_VALUE"}' "$(cat h)"
	equal '{}' "$(cat o)"
	[ "$(wc -l <e)" = 1 ]
}

@test "a rule equals a filter: the shares of random rules add up to the input, in order" {
	for i in $(seq 2000); do echo "{\"n\":$i,\"classification\":\"L$((i * 7 % 5))\",\"v\":$((i * 13 % 100))}"; done >in
	sml-route L1=l1 'v > 50 and n % 2 == 0=big' L3=l3 <in >rest
	grep '"L1"' in >expected
	same_file expected l1
	python3 - <<-'PY'
		import json
		rows = [(json.loads(l), l) for l in open("in")]
		big = [l for r, l in rows if r["classification"] != "L1" and r["v"] > 50 and r["n"] % 2 == 0]
		l3 = [l for r, l in rows if r["classification"] == "L3" and not (r["v"] > 50 and r["n"] % 2 == 0)]
		assert open("big").readlines() == big
		assert open("l3").readlines() == l3
	PY
	[ "$(cat l1 big l3 rest | wc -l)" = 2000 ]
	cat l1 big l3 rest | sort >all
	sort in | cmp - all
}

@test "--all sends to every rule that holds; stdout gets what no rule takes" {
	input | sml-route -q --all A=a 'id > 0=ids' '*=every' error=e >out
	equal "$A" "$(cat a)"
	equal "$(printf '%s\n' "$A" "$B" "$C")" "$(cat ids)"
	[ "$(wc -l <every)" = 4 ]
	[ "$(wc -l <e)" = 1 ]
	[ ! -s out ]
}

@test "error records by type, and expressions never see them" {
	input | sml-route -q 'id > 0=ids' PARSE_ERROR=parse INVALID_DATA=invalid '*=rest'
	[ "$(wc -l <parse)" = 1 ]
	[ ! -s invalid ]
	[ ! -s rest ]
}

@test "a value of the wrong type in a rule is an INVALID_DATA error record that names rule, path and value" {
	echo '{"id":"x"}' | sml-route -q 'id > 1=big' error=e >out
	[ ! -s out ]
	[[ $(cat e) == '{"errorType":"INVALID_DATA","errorMessage":"rule id > 1: '*id*x* ]]
}

@test "error records that no rule takes go to stdout, announced once" {
	run -0 --separate-stderr sml-route A=a <<<$'x\ny'
	[ "$(grep -c '"_sml":"error"' <<<"$output")" = 2 ]
	[[ $stderr == *"error records go to stdout"* ]]
	[ "$(grep -c 'error records go to' <<<"$stderr")" = 1 ]
}

@test "DEST begins behind the last = that a scheme follows, else behind the last =" {
	echo '{"a":1}' | sml-route 'a == 1=file:x=y'
	equal '{"a":1}' "$(cat x=y)"
	echo '{"a":1}' | sml-route 'a == 1=z'
	equal '{"a":1}' "$(cat z)"
}

@test "paths are appended to; --truncate starts anew" {
	sml-route '*=f' <<<'{"n":1}'
	sml-route '*=f' <<<'{"n":2}'
	equal $'{"n":1}\n{"n":2}' "$(cat f)"
	sml-route --truncate '*=f' <<<'{"n":3}'
	equal '{"n":3}' "$(cat f)"
}

@test "paths with fields of event time: one file each, order kept" {
	mkdir d
	for i in $(seq 0 47); do echo "{\"i\":$i,\"timestamp\":$((1720000000000 + i * 3600000))}"; done >in
	sml-route '*=d/{date}-{hour}.jsonl' <in
	[ "$(ls d | wc -l)" = 48 ]
	equal '{"i":0,"timestamp":1720000000000}' "$(cat d/2024-07-03-09.jsonl)"
	sml-route -T t:s '*=d/%Y' <<<'{"t":0}'
	equal '{"t":0}' "$(cat d/1970)"
}

@test "--select writes only those members, error records whole" {
	input | sml-route -q --select id,p=probability,nope '*=-' >out
	equal '{"id":1,"p":0.95,"nope":null}' "$(head -1 out)"
	equal '{"id":3,"p":null,"nope":null}' "$(tail -1 out)"
	grep -q '"rawData":"no json"' out
}

@test "replace: each record becomes the file" {
	printf '{"v":1}\n{"v":2}\n' | sml-route '*=replace:model.json'
	equal '{"v":2}' "$(cat model.json)"
	[ "$(ls | wc -l)" = 1 ]
}

@test "null drops and counts" {
	run -0 --separate-stderr sml-route -v '*=null' <<<'{}'
	[ -z "$output" ]
	[[ $stderr == *"1  * -> null"* ]]
}

@test "two rules may share a destination" {
	input | sml-route -q A=both B=both error=null >out
	equal "$(printf '%s\n' "$A" "$B")" "$(cat both)"
}

@test "bad rules and destinations: status 2, one line, nothing read" {
	for rule in nodest '=x' 'a=' 'a > =x' 'unknown(a)=x' 'A=fd:x' 'A=99' 'A=redis://h/k' 'A=.'; do
		run -2 --separate-stderr sml-route "$rule" 3>&- 4>&- </dev/null
		[ -z "$output" ]
		[[ $stderr == sml-route:* ]]
	done
	run -2 --separate-stderr bash -c 'sml-route A=3 3>&- </dev/null'
	[[ $stderr == *"descriptor 3 is not open"*"3>>"* ]]
	run -2 --separate-stderr bash -c 'sml-route A=3 3</dev/null </dev/null'
	[[ $stderr == *"for reading only"* ]]
	run -1 --separate-stderr sml-route '*=no/such/folder' </dev/null
	[[ $stderr == *no/such/folder* ]]
}

@test "--check and --explain" {
	run -0 sml-route --check A=3 3>&-
	[ -z "$output" ]
	run -0 sml-route --explain A=3 'x > 1=f' error=- 3>&-
	[[ $output == *"label A  ->  3"* && $output == *"expression x > 1  ->  f"* && $output == *"error"*"stdout"* ]]
	run -2 sml-route --check 'x >=f'
}

@test "a destination that fails or closes ends the run with 1 and its name" {
	run -1 --separate-stderr bash -c 'yes "{\"classification\":\"A\"}" | head -100000 | sml-route A=3 3>/dev/full'
	[[ $stderr == *"descriptor 3: No space left on device"* ]]
	run -1 --separate-stderr bash -c 'yes "{\"classification\":\"A\"}" | head -100000 | sml-route A=3 3> >(head -1 >/dev/null)'
	[[ $stderr == *"descriptor 3: its reader has closed it"* ]]
}

@test "--on-closed=drop goes on, counts and reports" {
	run -0 --separate-stderr bash -c 'yes "{\"classification\":\"A\"}" | head -200000 | sml-route -v --on-closed=drop A=3 3> >(head -1 >/dev/null)'
	[[ $stderr == *"dropped: 3 was closed by its reader"* ]]
}

@test "stdout closed: as by SIGPIPE, without a word" {
	run -141 --separate-stderr bash -c 'yes "{}" | sml-route | head -1 >/dev/null; exit ${PIPESTATUS[1]}'
	[ -z "$stderr" ]
}

@test "--on-bad=stop ends with 3 before the bad line is delivered" {
	run -3 --separate-stderr sml-route --on-bad=stop A=a error=e <<<"$A"$'\nx\n'"$A"
	equal "$A" "$(cat a)"
	[ ! -s e ]
	[[ $stderr == *"stdin:2: not JSON"* ]]
}
