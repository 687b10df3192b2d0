#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# sml-checkpoint(7), Poison records: a record that kills its pipeline again and again is found, and stops it for good or goes to the
# dead letters; what comes out is what a run over the input without it gives.  What dies of something else accuses no record.
# shellcheck disable=SC1010,SC2030,SC2031,SC2034,SC2154,SC2317 # "then" is a word of sml; tests are subshells; $victim and $rule are of stage()
load helper
load checkpoint

# What stands for a poison record in the oracle's input: it is counted, and goes with the error records.
IN_ITS_PLACE='{"errorType":"POISON","errorMessage":"m","rawData":"x","timestamp":1,"stage":"replay","source":"s","line":1,"_sml":"error"}'

setup_file() {
	export SOURCE_DATE_EPOCH=1700000000
	INPUT=$BATS_FILE_TMPDIR/in.jsonl
	export INPUT
	purchases -n 3000 --users 50 --invalid 0.01 --malformed 0.005 >"$INPUT"
}

setup() {
	common_setup
	export SML_CHECKPOINT=$PWD/ck
}

# poisoned LINE...: in.jsonl with these lines marked, and in plain/ what a run without a checkpoint makes of it without them
poisoned() {
	local line
	cp "$INPUT" in.jsonl
	cp "$INPUT" others.jsonl
	for line in "$@"; do
		sed -i "${line}s/^{\"/{\"poison\":true,\"/" in.jsonl
		sed -i "${line}c $IN_ITS_PLACE" others.jsonl
	done
	equal $# "$(grep -c '^{"poison":true' in.jsonl)"
	mkdir -p plain
	(unset SML_CHECKPOINT && cd plain && sml-replay ../others.jsonl | counted | routed)
}

counted() {
	stage features -q -k userId -d 'n = count()' -d 's = sum(totalValue)' 3>&- 4>&-
}

routed() {
	stage route -q POISON=poison.jsonl error=bad.jsonl '*=-' >>rest.jsonl 3>&- 4>&-
}

# go REPLAY'S ARGUMENTS...: four stages; $fragile is the second one
go() (
	set -o pipefail
	stage replay -q "$@" 3>&- 4>&- | ${fragile-fragile} | counted | routed
)

# found LINE...: these are the dead letters, and all else is as it would be without them
found() {
	equal "$(printf '%s\n' "$@")" "$(jq -r 'select(.errorType == "POISON" and .stage == "replay").line' poison.jsonl)"
	equal "$(grep -h '^{"poison":true' "${inputs-in.jsonl}")" "$(jq -r .rawData poison.jsonl)"
	cmp plain/rest.jsonl rest.jsonl
	cmp plain/bad.jsonl bad.jsonl
	[ ! -e ck/attempts ]
}

# ---- found ----

@test "stop: the pipeline ends with 3 and names the place, again each time, until the stage has been mended" {
	poisoned 1500
	ends 3 9 go --interval 1m in.jsonl
	equal 8 "$deaths"
	[[ $output == *'sml-replay: in.jsonl:1500: the pipeline has died 3 times with this record alone under way: --on-poison=route sends'* ]]
	[[ $output == *'sml-route: stopped by replay: in.jsonl:1500: '* ]]
	# What stands before it has been committed.
	equal 1499 "$(jq .barrier.st.replay.n ck/COMMIT)"
	equal "$(head -n 1499 in.jsonl | (unset SML_CHECKPOINT && counted) | grep -v '"_sml":"error"')" "$(cat rest.jsonl)"
	equal 'in.jsonl 1500 1500 3' "$(jq -r '.suspects[] | select(.deaths) | "\(.source) \(.from) \(.to) \(.deaths)"' ck/attempts)"
	# In the same words, as often as it is started.
	told 3 'in.jsonl:1500: the pipeline has died 3 times' go in.jsonl
	told 3 'in.jsonl:1500: the pipeline has died 3 times' go in.jsonl
	# With one more attempt it is tried once more.
	told 1 'a stage before this one has died' go --attempts 4 in.jsonl
	told 3 'in.jsonl:1500: the pipeline has died 4 times' go --attempts 4 in.jsonl
	fragile='cat' run -0 go --attempts 0 in.jsonl
	(unset SML_CHECKPOINT && counted <in.jsonl) | grep -v '"_sml":"error"' | cmp - rest.jsonl
	[ ! -e ck/attempts ]
}

@test "route: it goes to the dead letters, and all else is as without it" {
	poisoned 1500 2500
	# The second one when it goes on behind a commit.
	mv in.jsonl all.jsonl
	head -n 2000 all.jsonl >in.jsonl
	ends 0 9 go --interval 1m --on-poison=route in.jsonl
	equal 8 "$deaths"
	[ ! -e ck/attempts ]
	tail -n +2001 all.jsonl >>in.jsonl
	ends 0 9 go --interval 1m --on-poison=route in.jsonl
	equal 8 "$deaths"
	found 1500 2500
	equal '["the pipeline has died 3 times with this record alone under way","replay","in.jsonl",1500]' \
		"$(head -n 1 poison.jsonl | jq -c '[.errorMessage, .stage, .source, .line]')"
	run -0 go in.jsonl
	found 1500 2500
	# The original comes back, and the stage has been mended.
	(unset SML_CHECKPOINT && sml-replay --retry poison.jsonl) | cmp - <(sed -n '1500p; 2500p' in.jsonl)
}

@test "fewer attempts are sooner done with it, and without any limit nothing is looked for" {
	poisoned 1500
	ends 0 5 go --interval 1m --attempts 1 --on-poison=route in.jsonl
	equal 4 "$deaths"
	found 1500
	rm -rf ck rest.jsonl bad.jsonl poison.jsonl
	local i
	for i in {1..12}; do
		run -1 go --attempts 0 --on-poison=route in.jsonl
	done
	[ ! -e ck/attempts ]
}

@test "the first record, the last one, neighbours, and some that are far apart" {
	poisoned 1 2 700 702 2999 3000
	ends 0 80 go --on-poison=route in.jsonl
	found 1 2 700 702 2999 3000
}

@test "paced, packed, in several files, counted: the place is right" {
	poisoned 1500 2500
	split -l 1000 -d in.jsonl part
	gzip part01
	ends 0 40 go --on-poison=route --rate 40000/s part00 part01.gz part02
	inputs=in.jsonl
	equal 'part01.gz:500 part02:500' "$(jq -r '"\(.source):\(.line)"' poison.jsonl | paste -sd ' ')"
	jq -c 'if .source == "part02" then .line += 2000 else .line += 1000 end' poison.jsonl >lines
	mv lines poison.jsonl
	found 1500 2500
	rm -rf ck rest.jsonl bad.jsonl poison.jsonl
	ends 0 40 go --on-poison=route -c 1600 in.jsonl
	equal 1600 "$(jq .barrier.st.replay.n ck/COMMIT)"
	equal "$(head -n 1600 others.jsonl | (unset SML_CHECKPOINT && counted) | grep -v '"_sml":"error"')" "$(cat rest.jsonl)"
}

@test "a source of two files with one name for standard input; blank lines and too long ones count as lines" {
	poisoned 1500
	sed 's/^/\n/' in.jsonl >blank
	sed 's/^/\n/' others.jsonl >blank.others
	rm -r plain && mkdir plain
	(unset SML_CHECKPOINT && cd plain && sml-replay ../blank.others | counted | routed)
	from_stdin() {
		go "$@" - <blank
	}
	ends 0 9 from_stdin --interval 1m --on-poison=route
	equal stdin "$(jq -r .source poison.jsonl)"
	inputs=blank
	found 3000
}

# In one process, which is killed where a record comes to the file trap.
trapped() {
	stage chain replay -q --interval 1m --on-poison=route in.jsonl 'then' features -q -k userId -d 'n = count()' -d 's = sum(totalValue)' 'then' \
		route -q POISON=poison.jsonl error=bad.jsonl 'poison == true=trap.jsonl' '*=-' >>rest.jsonl 3>&- 4>&-
}

@test "a chain in one process" {
	poisoned 1500 1510
	victim=chain rule='write before 1 */trap.jsonl' ends 0 40 trapped
	[ "$deaths" -gt 8 ]
	found 1500 1510
	[ ! -s trap.jsonl ]
}

@test "sml-route itself is what dies" {
	poisoned 1500
	sunk() (
		set -o pipefail
		sml-replay -q --interval 1m --on-poison=route in.jsonl 3>&- 4>&- | counted |
			stage route -q POISON=poison.jsonl error=bad.jsonl 'poison == true=trap.jsonl' '*=-' >>rest.jsonl 3>&- 4>&-
	)
	victim=route rule='write before 1 */trap.jsonl' ends 0 9 sunk
	equal 8 "$deaths"
	found 1500
}

@test "killed at random meanwhile: the same dead letters, the same files" {
	poisoned 400 1500 1501 2900
	local runs pid disturbed=0 innocents
	mkdir pids
	RANDOM=11
	for ((runs = 0; runs < 100; runs++)); do
		rm -f pids/*
		go --on-poison=route --interval 20ms --rate 60000/s in.jsonl 2>/dev/null 3>&- &
		pid=$!
		if [ $((RANDOM % 3)) = 0 ]; then
			wait_for 10 all_noted 4 || true
			sleep "0.0$((RANDOM % 100))"
			disturb $pid
			[ "$disturbed" -lt 12 ] || break
		elif wait $pid; then
			break
		fi
	done
	echo "$runs runs, $disturbed disturbed"
	ends 0 80 go --on-poison=route in.jsonl
	innocents=$(jq 'select(.rawData | contains("\"poison\":true") | not).line' poison.jsonl)
	equal '' "$innocents"
	found 400 1500 1501 2900
}

@test "an error record that kills as well: 3 in the end" {
	poisoned 30
	fragile='fragile all' ends 3 12 go --interval 1m --on-poison=route in.jsonl
	equal 11 "$deaths"
	[[ $output == *'in.jsonl:30: the pipeline has died 6 times with this record alone under way, of late as an error record'* ]]
	# A stage that lets it pass.
	run -0 go --on-poison=route --attempts 4 in.jsonl
	found 30
}

@test "it counts as an error record of sml-replay" {
	poisoned 30 40
	ends 3 9 go --interval 1m --on-poison=route --on-bad=stop in.jsonl
	[[ $output == *'in.jsonl:30: the pipeline has died 3 times'*'--on-bad=stop'* ]]
	rm -rf ck rest.jsonl bad.jsonl poison.jsonl
	ends 3 40 go --on-poison=route --max-errors 0 in.jsonl
	[[ $output == *'over --max-errors'* ]]
}

@test "SIGTERM while it is looked for: a last commit, and the next run goes on looking" {
	poisoned 1500
	local i pid
	for i in 1 2 3 4; do
		run -1 go in.jsonl
	done
	mkdir pids
	for i in 1 2 3; do
		go --rate 100/s in.jsonl 3>&- &
		pid=$!
		stop_later $pid
		wait_for 10 test -s pids/replay
		pause 0.3
		kill -TERM "$(cat pids/replay)"
		wait $pid
		rm pids/*
	done
	rm -r pids
	[ "$(jq .barrier.st.replay.n ck/COMMIT)" -lt 1500 ]
	ends 0 20 go --on-poison=route in.jsonl
	found 1500
}

# ---- what is no record's fault ----

# guiltless: a run without the fault ends well, and its files are those of the whole input
guiltless() {
	fragile='cat' run -0 go in.jsonl
	cmp plain/rest.jsonl rest.jsonl
	cmp plain/bad.jsonl bad.jsonl
	[ ! -s poison.jsonl ]
	[ ! -e ck/attempts ]
}

@test "a disk that is full, however often: no record is suspected" {
	poisoned
	local i fault
	for fault in 'write ENOSPC 1+ */rest.jsonl' 'write ENOSPC 1+ */COMMIT.sml.tmp'; do
		rm -rf ck rest.jsonl bad.jsonl
		for i in {1..9}; do
			victim=route rule=$fault fragile='cat' told 1 'No space left on device' go in.jsonl
		done
		[ ! -e ck/attempts ] || equal 0 "$(jq '.deaths + (.suspects | length)' ck/attempts)"
		guiltless
	done
}

@test "a stage that says why it has failed, and one that dies before the first record" {
	poisoned
	local i
	strict() (
		set -o pipefail
		stage replay -q in.jsonl 3>&- 4>&- | stage features -q --on-bad stop -k userId -d 'n = count()' 3>&- 4>&- | routed
	)
	for i in {1..9}; do
		run -3 strict
	done
	[ ! -e ck/attempts ]
	for i in {1..4}; do
		victim=replay rule='write before 1 pipe:*' fragile='cat' run -1 go in.jsonl
	done
	[ ! -e ck/attempts ]
	guiltless
}

@test "sml-route that dies of each commit: in the end not a record is sent, and none is suspected" {
	poisoned
	local i
	for i in {1..12}; do
		victim=route rule='rename before 1 *COMMIT*' fragile='cat' run -137 go in.jsonl
	done
	equal '3 0 []' "$(jq -r '"\(.deaths) \(.records) \(.suspects)"' ck/attempts)"
	guiltless
}

@test "suspects that turn out to be harmless, and a file that cannot be understood" {
	poisoned
	local i
	for i in {1..5}; do
		victim=route rule='write before 3 */rest.jsonl' fragile='cat' run go --interval 5s in.jsonl
		[ "$status" -eq 137 ] || [ "$status" -eq 0 ]
	done
	guiltless
	rm -rf ck rest.jsonl bad.jsonl
	mkdir ck
	for i in '' '[]' '{"records":0,"deaths":9,"run":7,"suspects":{"a":1},"sent":[3]}' \
		'{"records":0,"run":"x","sent":[{"source":"in.jsonl","from":"1","to":"99999999999999999999999"},{"source":"in.jsonl","from":"9","to":"3"}]}'; do
		rm -rf ck/* rest.jsonl bad.jsonl
		echo "$i" >ck/attempts
		guiltless
	done
}
