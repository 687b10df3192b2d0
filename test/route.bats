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
	run -0 ls d
	[ ${#lines[@]} = 48 ]
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
	run -0 ls
	[ ${#lines[@]} = 1 ]
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
	# shellcheck disable=SC2016 # of the bash within
	run -141 --separate-stderr bash -c 'yes "{}" | sml-route | head -1 >/dev/null; exit ${PIPESTATUS[1]}'
	[ -z "$stderr" ]
}

@test "--on-bad=stop ends with 3 before the bad line is delivered" {
	run -3 --separate-stderr sml-route --on-bad=stop A=a error=e <<<"$A"$'\nx\n'"$A"
	equal "$A" "$(cat a)"
	[ ! -s e ]
	[[ $stderr == *"stdin:2: not JSON"* ]]
}

# classified N: labels yes and no in turn
classified() {
	local i
	for ((i = 0; i < $1; i++)); do
		((i % 2)) && echo '{"classification":"yes","features":{"late":true}}' || echo '{"classification":"no","features":{}}'
	done
}

@test "a condition that looks like a path is refused, with both ways out" {
	classified 4 >in
	for condition in features.late 'items[0]'; do
		run -2 --separate-stderr sml-route "$condition=late" <in
		[[ $output == '' && $stderr == *"'($condition)=late'"*"'classification == \"$condition\"=late'"* ]]
		[ ! -e late ]
	done
	sml-route -q '(features.late)=late' <in >rest
	equal '2 2' "$(wc -l <late) $(wc -l <rest)"
	echo '{"classification":"v1.2"}' | sml-route 'classification == "v1.2"=label'
	[ -s label ]
}

@test "a label that is a word for error records but for its case or a letter is noted" {
	for pair in ERROR:error Error:error errors:error eror:error parse_error:PARSE_ERROR PARSE_EROR:PARSE_ERROR late_data:LATE_DATA; do
		run -0 --separate-stderr sml-route --check "${pair%:*}=x"
		[[ $stderr == "sml-route: rule ${pair%:*}=x: taken for the label \"${pair%:*}\"; error records"*" are ${pair#*:}" ]]
	done
	for label in mirror terror high HIGH_VALUE A; do
		run -0 --separate-stderr sml-route --check "$label=x" error=y PARSE_ERROR=z --all
		equal '' "$stderr"
	done
	run -0 --separate-stderr sml-route -q --check ERROR=x
	equal '' "$stderr"
}

@test "a label that none of 100 classified records has is noted, with the nearest that came" {
	classified 99 >in
	run -0 --separate-stderr sml-route YES=x <in
	equal '' "$stderr"
	classified 7990 >in
	run -0 --separate-stderr sml-route YES=x yes=y maybe=z <in
	equal 'sml-route: rule YES=x matched none of 7,990 records (did you mean "yes"?)
sml-route: rule maybe=z matched none of 7,990 records' "$stderr"
	run -0 --separate-stderr sml-route 'features.late == true=x' yes=y <in
	equal 'sml-route: rule yes=y matched none of 7,990 records (rules before it took those of that label)' "$stderr"
	run -0 --separate-stderr sml-route -q YES=x <in
	equal '' "$stderr"
	# Many labels, long ones among them: those that are kept are few, and what one rule is about is not lost.
	for i in $(seq 300); do echo "{\"classification\":\"$(printf "%0$((i % 90 + 1))d" "$i")\"}"; done >many
	run -0 --separate-stderr sml-route nobody=x "$(printf '%091d' 300)=y" 000090=z <many
	equal 3 "$(wc -l <<<"$stderr")"
	# Records without a label are another matter.
	for i in $(seq 200); do echo '{}'; done >none
	run -0 --separate-stderr sml-route yes=x <none
	equal 'sml-route: none of 200 records has "classification"' "$stderr"
}

@test "a rule that can never be reached is refused, unless --all reaches it" {
	while read -r rules; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr sml-route $rules </dev/null
		[[ -z $output && $stderr == "sml-route: rule \"${rules##* }\" is never reached: \"${rules%% *}\" before it takes "*--all* ]]
		# shellcheck disable=SC2086
		run -0 --separate-stderr sml-route --all $rules </dev/null
		equal '' "$stderr"
	done <<-'RULES'
		*=x A=y
		*=x error=y
		*=- PARSE_ERROR=y
		*=x *=y
		error=x LATE_DATA=y
		error=x A=z error=y
		A=x error=y A=z
		n>1=x n>1=y
	RULES
	run -0 sml-route LATE_DATA=x error=y A=z B=z 'n > 1=-' '*=w' </dev/null
}

@test "operands are rules: a file gets a hint, and a default rule is called one" {
	classified 1 >als.jsonl
	run -2 --separate-stderr sml-route yes=x als.jsonl </dev/null
	equal 'sml-route: rule "als.jsonl": a rule is CONDITION=DEST; sml-route reads stdin: <als.jsonl' "$output$stderr"
	run -2 --separate-stderr sml-route yes=x none.jsonl </dev/null
	equal 'sml-route: rule "none.jsonl": a rule is CONDITION=DEST; "*=none.jsonl" writes to it, <none.jsonl reads it' "$output$stderr"
	# shellcheck disable=SC1010 # "then" is a word of sml
	run -2 --separate-stderr sml features -d 'n = count()' als.jsonl then route als.jsonl
	[[ $stderr == *'the input is the stage before'* ]]
	run -2 --separate-stderr bash -c 'sml-route --select ip <als.jsonl 3>&- 4>&-'
	[[ $stderr == 'sml-route: default rule HIGH_VALUE=3: descriptor 3 is not open'* ]]
	run -2 --separate-stderr bash -c 'sml-route <als.jsonl 3>three 4>&-'
	[[ $stderr == 'sml-route: default rule error=4: descriptor 4 is not open'* ]]
}

@test "half a rule: one sentence, with what was meant" {
	while IFS='|' read -r rule meant; do
		run -2 --separate-stderr sml-route --check "$rule"
		equal 1 "$(wc -l <<<"$stderr")"
		[[ -z $output && $stderr == "sml-route: rule \"$rule\": "*"did you mean \"$meant\"?)" ]] || { echo "$stderr" && false; }
		# What was meant is a rule.
		run -0 sml-route --check "${meant%\" or *}"
	done <<-'RULES'
		HIGH|HIGH=FILE
		=3|*=3
		3|*=3
		-|*=-
		kafka:t|*=kafka:t
		HIGH_VALUE:3|HIGH_VALUE=3
		probability>0.9|probability>0.9=FILE
		probability>=0.9|probability>=0.9=FILE
		a != 3|a != 3=FILE
		A==3|A=3" or "A==3=FILE
	RULES
	for rule in '' = == A=; do
		run -2 --separate-stderr sml-route "$rule" </dev/null
		equal 1 "$(wc -l <<<"$stderr")"
	done
}

@test "a scheme that is nearly one and a field that is none are refused, before anything is opened" {
	for dest in kafak:foo Kafka:foo fild:foo fD:3 replce:foo null:; do
		run -2 --separate-stderr sml-route --check "yes=$dest"
		[[ -z $output && $stderr == "sml-route: rule \"yes=$dest\": did you mean "*"file:$dest writes "* ]]
		sml-route "yes=file:$dest" <<<'{"classification":"yes"}'
		equal '{"classification":"yes"}' "$(cat "$dest")"
	done
	for dest in http://host/path s3://bucket; do
		run -2 --separate-stderr sml-route --check "yes=$dest"
		[[ -z $output && $stderr == "sml-route: rule \"yes=$dest\": there is no scheme \"${dest%%:*}\"; file:$dest writes "* ]]
	done
	for dest in '{dte}' 'd/{Date}' 'file:x-{minute}' '{date}-{userId}.jsonl'; do
		run -2 --separate-stderr sml-route --check "yes=$dest"
		[[ -z $output && $stderr == "sml-route: rule \"yes=$dest\": there is no {"*'{date}'* ]]
	done
	sml-route '*={a,b}{}{' <<<'{}'
	[ -s '{a,b}{}{' ]
	run -0 sml-route --check A=log:x B=x:1 'C=./kafak:x' 'D={date}/{hour}'
}

@test "a stop while no broker has answered yet is heard; nothing was delivered, so the status is 1" {
	python3 -c '
import socket, time
s = socket.create_server(("127.0.0.1", 0))
open("port", "w").write(str(s.getsockname()[1]))
held = []
while True:
    held.append(s.accept())
    open("accepted", "w").close()' 3>&- &
	stop_later $!
	wait_for 10 test -s port
	sml-route -b "127.0.0.1:$(cat port)" '*=kafka:t' </dev/null 2>err 3>&- &
	route=$!
	wait_for 10 test -e accepted
	stop_later $route
	kill -TERM $route
	local status=0
	wait $route || status=$?
	equal 1 "$status"
	equal "sml-route: kafka:t: stopped before a broker answered at 127.0.0.1:$(cat port)" "$(cat err)"
}
