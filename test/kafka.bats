#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# sml-replay on a real Apache Kafka: where reading begins and ends, the hand-over, groups, and what goes wrong on the way.
# shellcheck disable=SC2030,SC2031,SC2086,SC2154,SC2317 # bats sets variables and calls functions; $T is a word

load helper

setup_file() {
	load helper
	kafka_start
	BASE=$(($(date +%s) * 1000 - 3600000))
	export BASE
}

teardown_file() {
	kafka_stop
}

setup() {
	common_setup
	# What each test's topics are called.
	T=t$BATS_TEST_NUMBER
	export KAFKA_BOOTSTRAP_SERVERS=$BOOT
}

# events FROM TO [MS]: a line a second, or every MS, of the hour before the tests began
events() {
	seq "$1" "$2" |
		awk -v base="$BASE" -v step="${3:-1000}" '{ printf "{\"id\":%d,\"key\":\"k%d\",\"timestamp\":%.0f}\n", $1, $1 % 17, base + $1 * step }'
}

# produce TOPIC [OPTION]... < lines
produce() {
	local topic=$1
	shift
	kafka-produce -b "$BOOT" -t "$topic" --key-field key --timestamp-field timestamp "$@"
}

# id of each line, in order of their numbers
ids() {
	sed 's/^{"id":\([0-9]*\),.*/\1/' "$@" | sort -n
}

# -o as kcat has it, on the same partition
as_kcat() { # TOPIC PARTITION OURS KCATS
	sml-replay -e -p "$2" -o "$3" "kafka:$1" >ours
	kcat -b "$BOOT" -C -q -e -t "$1" -p "$2" -o "$4" >kcats
	same_file kcats ours
	wc -l <ours
}

@test "every -o begins where kcat's does" {
	events 1 600 | produce $T --create 2
	events 601 700 | produce $T --transaction
	events 701 800 | produce $T --abort
	n=$(kcat -b "$BOOT" -C -q -e -t $T -p 1 | wc -l)
	[ "$(as_kcat $T 1 beginning beginning)" = "$n" ]
	[ "$(as_kcat $T 1 end end)" = 0 ]
	[ "$(as_kcat $T 1 0 0)" = "$n" ]
	[ "$(as_kcat $T 1 20 20)" = $((n - 20)) ]
	as_kcat $T 1 -50 -50
	as_kcat $T 1 -100000 beginning
	# Times: as a number, as kcat writes it, as a date, before all and behind all.
	at=$((BASE + 300000))
	[ "$(as_kcat $T 1 @$at s@$at)" -gt 100 ]
	as_kcat $T 1 s@$at s@$at
	as_kcat $T 1 "@$(date -u -d @$((at / 1000)) +%Y-%m-%dT%H:%M:%SZ)" s@$at
	as_kcat $T 1 @2001-01-01 beginning
	[ "$(as_kcat $T 1 @-1m end)" = 0 ]
	# s@ and e@ together; the end is not in it.
	sml-replay -p 1 -o s@$at -o e@$((at + 60000)) kafka:$T >ours
	kcat -b "$BOOT" -C -q -e -t $T -p 1 -o s@$at -o e@$((at + 60000)) >kcats
	same_file kcats ours
	[ -s ours ]
	# All partitions at once.
	[ "$(sml-replay -e kafka:$T | ids)" = "$(seq 700)" ]
	[ "$(sml-replay -e -o -3 kafka:$T | wc -l)" -le 6 ]
	# Uncommitted ones by a property.
	[ "$(sml-replay -e -X isolation.level=read_uncommitted kafka:$T | ids)" = "$(seq 800)" ]
}

@test "offsets that are not there are a failure, with the ways on" {
	events 1 100 | produce $T --create 1 --trim 40
	run -1 --separate-stderr sml-replay -e -o 10 kafka:$T
	[[ $stderr == *"kafka:${T}[0]: -o 10 is gone: the topic begins at offset 40, a gap of 30 messages"*"--allow-gap"*"-o end"* ]]
	[ -z "$output" ]
	[ "$(sml-replay -e -o 10 --allow-gap kafka:$T | ids | head -n 1)" = 41 ]
	run -1 --separate-stderr sml-replay -e -o 101 kafka:$T
	[[ $stderr == *"101 is beyond its end at 100"* ]]
	run -2 --separate-stderr sml-replay -e -p 1 kafka:$T
	[[ $stderr == *"there is no partition 1: it has 1"* ]]
	run -1 --separate-stderr sml-replay kafka:no-such-topic
	[ "$stderr" = "sml-replay: kafka:no-such-topic: there is no such topic at $BOOT (from \$KAFKA_BOOTSTRAP_SERVERS)" ]
	# Asking has not made one.
	run -1 kafka-offsets -b "$BOOT" -t no-such-topic
}

@test "-e ends behind transaction markers, aborted messages, an open transaction and on empty topics" {
	events 1 10 | produce $T --create 1 --transaction
	run -0 timeout 10 sml-replay -e kafka:$T
	[ "${#lines[@]}" = 10 ]
	events 11 20 | produce $T --abort
	run -0 timeout 10 sml-replay -e kafka:$T
	[ "${#lines[@]}" = 10 ]
	run -0 timeout 10 sml-replay -e -o end kafka:$T
	[ -z "$output" ]
	# Up to the first message of a transaction that has not ended.
	events 21 60 | produce $T --transaction --rate 5 3>&- &
	stop_later $!
	sleep 2
	events 61 62 | produce $T
	run -0 timeout 10 sml-replay -e kafka:$T
	[ "${#lines[@]}" = 10 ]
	wait
	run -0 timeout 10 sml-replay -e kafka:$T
	[ "${#lines[@]}" = 52 ]
	# Nothing but markers left.
	high=$(kafka-offsets -b "$BOOT" -t $T | cut -d ' ' -f 3)
	produce $T --trim $((high - 1)) </dev/null
	run -0 timeout 10 sml-replay -e kafka:$T
	[ -z "$output" ]
	produce $T-empty --create 3 </dev/null
	run -0 timeout 10 sml-replay -e kafka:$T-empty
	[ -z "$output" ]
	# A tombstone is counted and no record.
	kafka-produce -b "$BOOT" -t $T-empty --tombstone a --tombstone b
	run -0 --separate-stderr timeout 10 sml-replay -v -e kafka:$T-empty
	[ -z "$output" ]
	[[ $stderr == *" 2  tombstones"* ]]
}

@test "-e stops at the end as it was, whatever goes on being written" {
	events 1 1000 | produce $T --create 2
	events 1001 60000 10 >later
	produce $T --rate 2000 <later 3>&- &
	stop_later $!
	sleep 0.5
	before=$(kafka-offsets -b "$BOOT" -t $T | awk '{ n += $3 } END { print n }')
	run -0 timeout 10 sml-replay -e kafka:$T
	after=$(kafka-offsets -b "$BOOT" -t $T | awk '{ n += $3 } END { print n }')
	[ "${#lines[@]}" -ge "$before" ]
	[ "${#lines[@]}" -le "$after" ]
}

@test "hand-over while a producer is writing: nothing lost, nothing doubled" {
	events 1 12000 20 >all
	produce $T --create 3 </dev/null
	produce $T --rate 2000 <all 3>&- &
	writer=$!
	stop_later $writer
	sleep 1.5
	# What has been written so far; of the last lines some may still be under way.
	n=$(kafka-offsets -b "$BOOT" -t $T | awk '{ n += $3 } END { print n }')
	head -n "$n" all >history
	[ "$n" -gt 500 ]
	[ "$n" -lt 11500 ]
	timeout 60 sml-replay --overlap 10s -c 12000 history kafka:$T >out 2>err
	wait $writer
	[ "$(ids out)" = "$(seq 12000)" ]
	grep -Ex 'sml-replay: hand-over: gap 0 s, [0-9,]+ duplicates suppressed' err
	# The files come first, byte for byte.
	head -n "$n" out | cmp - history
}

@test "hand-over by time: duplicates go once each, equal records that are no duplicates stay" {
	events 1 100 >history
	events 100 100 >>history
	{ events 61 100; events 100 100; events 100 100; events 101 150; } | produce $T --create 1
	run -0 --separate-stderr sml-replay -e history kafka:$T
	[ "$(printf '%s\n' "${lines[@]}" | ids | uniq -c | awk '$1 > 1')" = "      3 100" ]
	[ "${#lines[@]}" = 152 ]
	[ "$stderr" = "sml-replay: hand-over: gap 0 s, 41 duplicates suppressed" ]
	# By a value: bytes may differ.
	sed 's/}$/,"more":1}/' history >other
	run -0 --separate-stderr sml-replay -e --same-by id other kafka:$T
	[ "${#lines[@]}" = 152 ]
	[ "$stderr" = "sml-replay: hand-over: gap 0 s, 41 duplicates suppressed" ]
	run -0 --separate-stderr sml-replay -e other kafka:$T
	[ "${#lines[@]}" = 193 ]
	# From a pipe, from a compressed file.
	run -0 --separate-stderr sml-replay -e - kafka:$T < <(cat history)
	[ "${#lines[@]}" = 152 ]
	gzip -k history
	run -0 --separate-stderr sml-replay -e history.gz kafka:$T
	[ "${#lines[@]}" = 152 ]
	# Without an overlap only what is of the last moment is looked at.
	run -0 --separate-stderr sml-replay -e --overlap 0s history kafka:$T
	[ "${#lines[@]}" = 152 ]
	[ "$stderr" = "sml-replay: hand-over: gap 0 s, 2 duplicates suppressed" ]
}

@test "hand-over past messages ahead of time: nothing lost, what may be doubled is said" {
	events 1 2000 >history
	# An hour ahead, as a producer's clock may be: twice in the middle, and the first of its partition.
	sed -n '500p;700p' history | sed 's/"id"/"other"/' >strange
	ahead_ms=$((BASE + 7000000)) # a broker takes up to an hour from now
	sed "s/\"timestamp\":.*/\"timestamp\":$ahead_ms}/" strange >ahead
	# One of long ago that nobody has, behind the files' end.
	late='{"id":5000,"key":"k1","timestamp":'$((BASE + 1000))'}'
	{ head -n 500 history; head -n 1 ahead; sed -n 501,900p history; tail -n 1 ahead; tail -n +901 history; echo "$late"; events 2001 2100; } |
		produce $T --create 1
	run -0 --separate-stderr sml-replay -v -e history kafka:$T
	[[ $stderr == *"kafka:${T}[0]: offsets 0 to 2103, begins at 500, skipping what is older than "* ]]
	equal "$({ cat history ahead; echo "$late"; events 2001 2100; } | sort)" "$(printf '%s\n' "${lines[@]}" | sort)"
	at=$(date -u -d "@$((ahead_ms / 1000))" +%Y-%m-%dT%H:%M:%SZ)
	[[ $stderr == *"hand-over: gap 0 s, 61 duplicates suppressed, 1,439 older messages skipped; perhaps doubled: 2 ahead of time (first: kafka:${T}[0], offset 500, $at), 1 from before the overlap (first: kafka:${T}[0], offset 2002, "* ]]
	# The first of its partition does not hide that the topic reaches back.
	{ head -n 1 ahead; tail -n 100 history; events 2001 2010; } | produce $T-first --create 1
	run -0 --separate-stderr sml-replay -e history kafka:$T-first
	[ "${#lines[@]}" = 2011 ]
	# Nothing but that one: where the gap is seen.
	head -n 1 ahead | produce $T-alone --create 1
	run -1 --separate-stderr sml-replay -e history kafka:$T-alone
	[[ $stderr == *"its first message (offset 0) is of $at, a gap of 1h23m20s"* ]]
	# One producer of three whose clock is an hour ahead all the time, in the files as in the topic.
	events 1 2000 | awk -F : -v OFS=: 'NR % 3 == 0 { $NF = sprintf("%.0f}", substr($NF, 1, 13) + 3600000) } { print }' >all
	head -n 1500 all >some
	produce $T-skewed --create 1 <all
	run -0 --separate-stderr sml-replay -e some kafka:$T-skewed
	equal "$(sort all)" "$(printf '%s\n' "${lines[@]}" | sort -u)"
	# Those that are ahead are known by the files.
	[ "${#lines[@]}" = 2000 ]
}

@test "event times that are wrong, in the files as in the topic, lose nothing, and what may come twice is said" {
	for wrong in 4102444800000 1 $((BASE + 5000000)); do
		topic=$T-$wrong
		produce $topic --create 2 </dev/null
		{ events 1 290; echo "{\"id\":9000,\"timestamp\":$wrong}"; events 291 300; } >history
		{ cat history; events 301 400; } | sml-route --message-key key "*=kafka:$topic" 2>told
		equal "$([ "$wrong" != 4102444800000 ] ||
			echo "sml-route: kafka:$topic: 1 record with an event time ahead of the clock, stamped as the record before")" "$(cat told)"
		run -0 --separate-stderr sml-replay -e history kafka:$topic
		equal "$({ seq 400; echo 9000; } | sort -n)" "$(printf '%s\n' "${lines[@]}" | ids | uniq)"
		[[ $stderr == *"hand-over: gap 0 s, 6"[12]" duplicates suppressed"* ]] || { echo "$stderr" && false; }
		[ "${#lines[@]}" = 401 ] || [[ ${#lines[@]} = 402 && $stderr == *"; perhaps doubled: 1 "* ]]
	done
}

@test "a topic whose stamps are later than its events hands over without doubling" {
	# Sent half a minute after the event, as with LogAppendTime.
	seq 310 | awk -v base="$BASE" '{ printf "{\"id\":%d,\"timestamp\":%.0f,\"at\":%.0f}\n", $1, base + $1 * 1000, base + $1 * 1000 + 30000 }' >all
	produce $T --create 1 --timestamp-field at <all
	head -n 300 all >history
	run -0 --separate-stderr sml-replay -e history kafka:$T
	equal "$(sort all)" "$(printf '%s\n' "${lines[@]}" | sort)"
	[ "$stderr" = "sml-replay: hand-over: gap 0 s, 91 duplicates suppressed" ]
}

@test "a topic that no longer reaches back fails before the first line, and says by how much" {
	events 1 100 >history
	events 101 300 | produce $T --create 1 --trim 60
	run -1 --separate-stderr sml-replay -e history kafka:$T
	[ -z "$output" ]
	[[ $stderr == *"does not reach back"*"its first message (offset 60)"*"a gap of 1m1s"*"--allow-gap"*"-o end"* ]]
	run -0 --separate-stderr sml-replay -e --allow-gap history kafka:$T
	[ "${#lines[@]}" = 240 ]
	[ "$stderr" = "sml-replay: hand-over: gap 61 s, 0 duplicates suppressed" ]
	run -0 --separate-stderr sml-replay -e -o end history kafka:$T
	[ "${#lines[@]}" = 100 ]
	# All of it deleted.
	produce $T --trim 200 </dev/null
	run -1 --separate-stderr sml-replay -e history kafka:$T
	[[ $stderr == *"no longer reaches back"*"all its messages have been deleted"* ]]
	# A topic that begins later.
	events 200 300 | produce $T-late --create 1
	run -1 --separate-stderr sml-replay -e history kafka:$T-late
	[[ $stderr == *"does not reach back"*"a gap of 1m40s"* ]]
	# A partition that has just come to life is no gap, where another one reaches back; a topic that is all new is none either.
	events 50 150 | produce $T-two --create 2 -p 0
	events 151 160 | produce $T-two -p 1
	run -0 --separate-stderr sml-replay -e history kafka:$T-two
	[ "$(printf '%s\n' "${lines[@]}" | ids)" = "$(seq 160)" ]
	produce $T-new --create 2 </dev/null
	run -0 --separate-stderr sml-replay -e history kafka:$T-new
	[ "${#lines[@]}" = 100 ]
}

@test "a dump with --meta hands over by its offsets, exactly" {
	events 1 500 | produce $T --create 3
	sml-replay -e --meta kafka:$T >dump
	[ "$(wc -l <dump)" = 500 ]
	# The same records again: equal bytes are no duplicates here.
	events 1 500 | produce $T
	run -0 --separate-stderr sml-replay -v -e dump kafka:$T
	[ "${#lines[@]}" = 1000 ]
	[[ $stderr == *"hand-over: gap 0 s, 0 duplicates suppressed"* ]]
	[[ $stderr == *"and by their offsets"* ]]
	sml-replay -e --meta dump kafka:$T | jq -c ._kafka | sort >got
	sml-replay -e --meta kafka:$T | jq -c ._kafka | sort >expected
	same_file expected got
	# Offsets that are gone.
	produce $T -p 0 --trim "$(kafka-offsets -b "$BOOT" -t $T | awk '$1 == 0 { print $3 }')" </dev/null
	run -1 --separate-stderr sml-replay -e dump kafka:$T
	[[ $stderr == *"the files end before offset"*"is gone"* ]]
}

@test "--meta has topic, partition, offset, time, key and headers; --arrival the time of reading" {
	events 7 7 | produce $T --create 1 --header trace=abc --header trace=def --header one=1
	printf '{"a":1}' | kafka-produce -b "$BOOT" -t $T
	printf '\xff\xfe:{"b":2}\n' | kcat -b "$BOOT" -P -t $T -K : -H $'raw=\xff'
	run -0 sml-replay -e --meta kafka:$T
	equal '{"topic":"'$T'","partition":0,"offset":0,"timestamp":'$((BASE + 7000))',"key":null,"headers":{"trace":["abc","def"],"one":"1"}}' \
		"$(jq -c '._kafka | .key = null' <<<"${lines[0]}")"
	equal k7 "$(jq -r ._kafka.key <<<"${lines[0]}")"
	equal '[null,{}]' "$(jq -c '._kafka | [.key, .headers]' <<<"${lines[1]}")"
	equal '["//4=",{"raw":{"base64":"/w=="}}]' "$(jq -c '._kafka | [.keyBase64, .headers]' <<<"${lines[2]}")"
	run -0 sml-replay -e --arrival -c 1 kafka:$T
	now=$(date +%s)
	at=$(jq '._in / 1000000 | floor' <<<"$output")
	[ $((now - at)) -ge 0 ] && [ $((now - at)) -le 10 ]
}

@test "messages of several lines, blank ones, a line of control, a broken error record" {
	produce $T --create 1 </dev/null
	printf '{"a":\r\n1}' | kcat -b "$BOOT" -P -t $T -D '|'
	printf ' \n' | kcat -b "$BOOT" -P -t $T -D '|'
	printf '{"_sml":"begin"}|{"x":1,"_sml":"error"}' | kcat -b "$BOOT" -P -t $T -D '|'
	run -0 --separate-stderr sml-replay -v -e kafka:$T
	equal '{"a":  1}' "${lines[0]}"
	[ "${#lines[@]}" = 3 ]
	equal '["RESERVED","{\"_sml\":\"begin\"}","kafka:'$T'[0]",2]' "$(jq -c '[.errorType, .rawData, .source, .line]' <<<"${lines[1]}")"
	equal RESERVED "$(jq -r .errorType <<<"${lines[2]}")"
	[[ $stderr == *" 1  blank message"* ]]
	# Dead letters from a topic.
	sml-replay -e -o 2 -c 1 kafka:$T | kcat -b "$BOOT" -P -t $T
	run -0 sml-replay -e -o -1 --retry kafka:$T
	equal RESERVED "$(jq -r .errorType <<<"${lines[0]}")"
	printf 'no json\n' | sml-replay --arrival | kcat -b "$BOOT" -P -t $T
	run -0 sml-replay -e -o -1 --retry kafka:$T
	equal 'no json' "$output"
}

@test "--until, -c and several topics" {
	events 1 300 | produce $T --create 2
	events 1 300 | sed 's/"id"/"other"/' | produce $T-b --create 1
	run -0 timeout 10 sml-replay --until $((BASE + 100000)) kafka:$T
	[ "$(printf '%s\n' "${lines[@]}" | ids)" = "$(seq 99)" ]
	run -0 timeout 10 sml-replay -c 17 kafka:$T
	[ "${#lines[@]}" = 17 ]
	run -0 timeout 10 sml-replay -e kafka:$T kafka:$T-b
	[ "${#lines[@]}" = 600 ]
	run -0 timeout 10 sml-replay -e -p 0 kafka:$T kafka:$T-b
	[ "$(printf '%s\n' "${lines[@]}" | grep -c other)" = 300 ]
	[ "${#lines[@]}" -lt 600 ]
}

@test "a group begins at the end the first time, then goes on where it stopped" {
	events 1 100 | produce $T --create 3
	run -0 --separate-stderr timeout 20 sml-replay -G $T -e kafka:$T
	[ -z "$output" ]
	[ "$stderr" = "sml-replay: group $T has stored no offsets yet: begins at the end (-X auto.offset.reset=earliest: at the beginning)" ]
	events 101 1000 | produce $T
	for n in 1 2 3 4 5; do
		timeout 20 sml-replay -G $T -c 150 kafka:$T >>out
	done
	timeout 20 sml-replay -G $T -e kafka:$T >>out
	[ "$(ids out)" = "$(seq 101 1000)" ]
	# Another group, from the beginning; and from where it is told, whatever is stored.
	[ "$(timeout 20 sml-replay -G $T-b -X auto.offset.reset=earliest -e kafka:$T 2>/dev/null | wc -l)" = 1000 ]
	[ "$(timeout 20 sml-replay -G $T-b -e kafka:$T | wc -l)" = 0 ]
	[ "$(timeout 20 sml-replay -G $T-b -o beginning -e kafka:$T | wc -l)" = 1000 ]
	# Some partitions alone, without the group's help.
	events 1001 1100 | produce $T
	timeout 20 sml-replay -G $T -p 0,1 -e kafka:$T >two
	timeout 20 sml-replay -G $T -p 2 -e kafka:$T >one
	[ "$(ids one two)" = "$(seq 1001 1100)" ]
	# An offset that is gone is no reason to begin anywhere else.
	produce $T -p 0 --trim 5 </dev/null
	run -1 --separate-stderr timeout 20 sml-replay -G $T-c -o 0 -e kafka:$T
	[[ $stderr == *"is gone"* ]]
}

@test "files and a group: handed over once, later the files are skipped" {
	events 1 100 >history
	events 50 200 | produce $T --create 2
	run -0 --separate-stderr timeout 20 sml-replay -G $T -e history kafka:$T
	[ "$(printf '%s\n' "${lines[@]}" | ids)" = "$(seq 200)" ]
	[ "$stderr" = "sml-replay: hand-over: gap 0 s, 51 duplicates suppressed" ]
	events 201 250 | produce $T
	run -0 --separate-stderr timeout 20 sml-replay -G $T -e history kafka:$T
	[ "$(printf '%s\n' "${lines[@]}" | ids)" = "$(seq 201 250)" ]
	[ "$stderr" = "sml-replay: group $T has stored offsets: the files are skipped" ]
}

@test "offsets are committed of what has been written, and not when the reader has gone" {
	events 1 200000 10 >all
	produce $T --create 1 <all
	# A reader that takes ten lines and goes.
	(timeout 20 sml-replay -G $T -X auto.offset.reset=earliest kafka:$T 2>err | head -n 10 >out) 3>&-
	[ "$(wc -l <out)" = 10 ]
	[ "$(kafka-offsets -b "$BOOT" -t $T -G $T)" = '0 0 200000 -' ]
	# A full disk.
	run -1 --separate-stderr timeout 20 bash -c "sml-replay -G $T -X auto.offset.reset=earliest -e kafka:$T >/dev/full"
	[ "$(kafka-offsets -b "$BOOT" -t $T -G $T)" = '0 0 200000 -' ]
	# One that reads slowly: no more is committed than it can have been sent, in time.
	mkfifo pipe
	timeout 30 sml-replay -G $T -X auto.offset.reset=earliest --commit 200ms --rate 1000/s kafka:$T >pipe 2>err 3>&- &
	pid=$!
	stop_later $pid
	cat pipe >out 3>&- &
	has_committed() {
		committed=$(kafka-offsets -b "$BOOT" -t $T -G $T | cut -d ' ' -f 4)
		[ "${committed/-/0}" -ge 1000 ]
	}
	wait_for 10 has_committed
	read=$(wc -l <out)
	[ "$committed" -le "$read" ]
	# A stop by SIGTERM commits all that was written.
	kill $pid
	wait $pid
	equal "$(wc -l <out)" "$(kafka-offsets -b "$BOOT" -t $T -G $T | cut -d ' ' -f 4)"
	# What was killed is read again: nothing is lost.
	timeout -s KILL 3 sml-replay -G $T -X session.timeout.ms=6000 --commit 200ms --rate 5000/s kafka:$T >>out || [ $? = 137 ]
	timeout 30 sml-replay -G $T -e kafka:$T >>out
	[ "$(ids out | uniq)" = "$(seq 200000)" ]
	# A later stage that fails: nothing is committed either.
	run -1 timeout 20 sml replay -G $T-b -X auto.offset.reset=earliest -c 10 kafka:$T 'then' route '*=/dev/full'
	[ "$(kafka-offsets -b "$BOOT" -t $T -G $T-b)" = '0 0 200000 -' ]
}

@test "a reader that stands still for longer than max.poll.interval.ms does not cost the membership" {
	events 1 100000 10 >all
	produce $T --create 2 <all
	mkfifo pipe
	timeout 60 sml-replay -v -G $T -X auto.offset.reset=earliest -X max.poll.interval.ms=6000 -X session.timeout.ms=6000 \
		-e kafka:$T >pipe 2>err 3>&- &
	pid=$!
	stop_later $pid
	{
		head -c 100000
		kafka-offsets -b "$BOOT" -G $T --members >members
		sleep 14
		kafka-offsets -b "$BOOT" -G $T --members >members.later
		cat
	} <pipe >out
	wait $pid
	grep -q Stable members
	same_file members members.later
	[ "$(grep -c 'handed out' err)" = 1 ]
	[ "$(ids out)" = "$(seq 100000)" ]
}

@test "two members share the partitions; what one leaves the other takes over" {
	events 1 3000 >all
	produce $T --create 4 </dev/null
	for m in a b; do
		sml-replay -v -G $T -X auto.offset.reset=earliest -X session.timeout.ms=6000 kafka:$T >out.$m 2>err.$m 3>&- &
		eval "$m=$!"
		stop_later $!
	done
	wait_for 20 grep -q '2 in all' err.a
	wait_for 20 grep -q '2 in all' err.b
	head -n 1000 all | produce $T
	both_have() { [ "$(cat out.a out.b | wc -l)" -ge "$1" ]; }
	wait_for 20 both_have 1000
	[ -s out.a ] && [ -s out.b ]
	kill "$b"
	wait "$b"
	sed -n 1001,2000p all | produce $T
	wait_for 20 both_have 2000
	# One that is killed leaves its partitions to the other when its session has run out.
	sml-replay -v -G $T kafka:$T >out.c 2>err.c 3>&- &
	c=$!
	stop_later $c
	wait_for 20 grep -q '2 in all' err.c
	kill -9 "$a"
	wait_for 30 grep -q '4 in all' err.c
	sed -n 2001,3000p all | produce $T
	all_there() { [ "$(cat out.a out.b out.c | ids | uniq | wc -l)" = 3000 ]; }
	wait_for 20 all_there
	kill $c
	wait $c
	# Twice came only what the killed one had not committed.
	[ "$(cat out.a out.b | ids)" = "$(seq 2000)" ]
}

@test "a member that comes and goes while another one stands still: nothing lost, and nothing twice from the same member" {
	events 1 60000 10 >all
	produce $T --create 4 <all
	mkfifo pipe
	sml-replay -v -G $T -X auto.offset.reset=earliest --commit 200ms kafka:$T >pipe 2>err.a 3>&- &
	a=$!
	stop_later $a
	exec 8<pipe
	head -c 300000 <&8 >out.a
	sml-replay -v -G $T --commit 200ms --rate 2000/s kafka:$T >out.b 2>err.b 3>&- 8<&- &
	b=$!
	stop_later $b
	wait_for 20 grep -q '2 in all' err.b
	wait_for 20 test -s out.b
	sleep 1
	kill $b
	wait $b
	wait_for 20 grep -q '4 in all' err.a
	cat <&8 >>out.a 3>&- &
	all_there() { [ "$(cat out.a out.b | ids 2>/dev/null | uniq | wc -l)" -ge 60000 ]; }
	wait_for 30 all_there
	kill $a
	wait $a
	exec 8<&-
	[ "$(cat out.a out.b | ids | uniq)" = "$(seq 60000)" ]
	equal '' "$(ids out.a | uniq -d)"
	equal '' "$(ids out.b | uniq -d)"
	[ "$(kafka-offsets -b "$BOOT" -t $T -G $T | awk '{ n += $4 } END { print n }')" = 60000 ]
}

@test "a broker that is restarted in mid-stream costs nothing" {
	events 1 6000 10 >all
	produce $T --create 2 </dev/null
	produce $T --rate 600 <all 3>&- &
	writer=$!
	stop_later $writer
	timeout 90 sml-replay -G $T -X auto.offset.reset=earliest -c 6000 kafka:$T >out 2>err 3>&- &
	reader=$!
	stop_later $reader
	sleep 2
	"$SML_ROOT/test/kafka/broker" restart "$DIR" >/dev/null
	wait $writer
	wait $reader
	[ "$(ids out)" = "$(seq 6000)" ]
	[ "$(kafka-offsets -b "$BOOT" -t $T -G $T | awk '{ n += $4 } END { print n }')" = 6000 ]
	grep -q 'no broker is reachable any more' err
	grep -q 'a broker is reachable again' err
}

@test "features of a topic are those of the file: one partition as it is, several with hold, one run or two" {
	printf '%s\n' 'key key' 'time timestamp' 'n = count() over 1m' 's = sum(id) over 5m every 1m' 'm = mean(id) over session 30s' \
		'q = sequence(id, 3) over tumbling 2m' 'e = elapsed()' 'd = sum(id) decay 1m' >x.features
	events 1 900 >file
	produce $T --create 1 <file
	produce $T-3 --create 3 <file
	sml-features -q x.features file >expected
	sml-replay -q -e kafka:$T | sml-features -q x.features >got
	same_file expected got
	echo 'hold 1h' >>x.features
	sml-replay -q -e kafka:$T-3 | sml-features -q x.features >got
	same_file expected got
	sml-replay -q -e -G $T-g -o beginning -c 500 kafka:$T-3 | sml-features -q --state p x.features >got
	sml-replay -q -e -G $T-g kafka:$T-3 | sml-features -q --state p --final x.features >>got
	same_file expected got
	# Windows, too, and in a chain.
	printf '%s\n' 'key key' 'time timestamp' 'hold 1h' 'emit windows' 'n = count() over tumbling 1m' 's = sum(id) over session 20s' >w.features
	sml-features -q w.features file >expected
	sml replay -q -e kafka:$T-3 'then' features -q w.features >got
	same_file expected got
}

@test "SIGTERM ends an idle topic, a paced one and a blocked one" {
	events 1 100000 10 | produce $T --create 1
	for options in '-o end' '--rate 1/s' '--speed 0.001'; do
		# shellcheck disable=SC2086
		sml-replay $options kafka:$T >out 3>&- &
		pid=$!
		stop_later $pid
		pause 1
		kill $pid
		wait_gone $pid 2
		wait $pid
	done
	mkfifo pipe
	sml-replay kafka:$T >pipe 3>&- &
	pid=$!
	stop_later $pid
	exec 8<pipe
	pause 1
	kill $pid
	# What it has taken is still to be written.
	wc -c <&8 >bytes
	wait_gone $pid 2
	wait $pid
	exec 8<&-
	# A reader that goes ends it, although nothing comes.
	run -0 timeout 5 bash -c "sml-replay -o -1 kafka:$T | head -n 1"
}

@test "a slow reader bounds the memory" {
	skip_if_sanitized
	seq 400000 | awk '{ printf "{\"id\":%d,\"pad\":\"%0600d\"}\n", $1, $1 }' | produce $T --create 3
	mkfifo pipe
	sml-replay kafka:$T >pipe 3>&- &
	pid=$!
	stop_later $pid
	exec 8<pipe
	head -c 1000 <&8 >/dev/null
	sleep 5
	kb=$(awk '/VmRSS/ { print $2 }' /proc/$pid/status)
	echo "$kb KiB"
	[ "$kb" -lt 250000 ]
	exec 8<&-
	wait_gone $pid 2
}
