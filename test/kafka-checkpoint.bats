#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Topics of a real Apache Kafka as a source under a checkpoint, sml-checkpoint(7): whatever a pipeline dies of, its file is that of a
# run without a checkpoint that nothing has happened to.  Partitions come in any order: then the lines are compared in order of
# their bytes, and the order within a partition for itself.
# shellcheck disable=SC1010,SC2030,SC2031,SC2034,SC2086,SC2154,SC2317 # "then" is a word of sml; tests are subshells; $T and $options are words
load helper
load checkpoint

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
	T=t$BATS_TEST_NUMBER
	options=() pace=()
	export KAFKA_BOOTSTRAP_SERVERS=$BOOT SML_CHECKPOINT=$PWD/ck SOURCE_DATE_EPOCH=1700000000
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

# go OPERAND...: three stages into out.jsonl, with many barriers; $options say what is read, $pace how fast
go() (
	set -o pipefail
	stage replay -q -e --interval 5ms "${options[@]}" "${pace[@]}" "$@" 3>&- | stage features -q -k key -d 'n = count()' 3>&- |
		stage route -q '*=-' >>"${out-out.jsonl}" 3>&-
)

# The same without -e.
live() (
	set -o pipefail
	stage replay -q --interval 5ms "$@" | stage features -q -k key -d 'n = count()' | stage route -q '*=-' >>out.jsonl
)

# in_one OPERAND...: the same in one process
in_one() {
	sml replay -q -e --interval 5ms "${options[@]}" "${pace[@]}" "$@" 'then' features -q -k key -d 'n = count()' 'then' route -q '*=-' >>out.jsonl
}

# plainly OPERAND...: what it writes without a checkpoint, in plain.jsonl
plainly() {
	rm -f plain.jsonl
	(unset SML_CHECKPOINT && victim='' pace=() out=plain.jsonl && go "$@")
}

# same [COMMAND]: out.jsonl is plain.jsonl, and each key's records are in order
same() {
	equal "$(sort plain.jsonl | sha256sum)" "$(sort out.jsonl | sha256sum)" 'other lines' &&
		jq -r '"\(.key) \(.features.n)"' out.jsonl | awk '$2 != ++n[$1] { print "out of order: " $0; exit 1 }'
}

again() {
	rm -rf ck out.jsonl
}

# place TOPIC: the offsets of the commit, in order of the partitions
place() {
	jq -r --arg topic "$1" '[.barrier.src[] | select(.k == $topic)] | sort_by(.p) | map(.o) | join(" ")' ck/COMMIT
}

# holds: the commit still compares live records with those of the files
holds() {
	jq -er '.barrier.st.replay | .bytes // empty' ck/COMMIT | base64 -d | grep -aq held ||
		jq -e '.barrier.st.replay["$ref"]' ck/COMMIT >/dev/null
}

# is_live PID: topics are read, or it has ended
is_live() {
	grep -qs '"done":true' ck/COMMIT || process_gone "$1"
}

# killed_at_random ROUNDS OPERAND...: five times in each, one stage or all, where there are files behind their end;
# $disturbed of them hit, $held while records were compared
killed_at_random() {
	local round k pid rounds=$1
	shift
	disturbed=0 held=0
	mkdir -p pids
	for ((round = 0; round < rounds; round++)); do
		again
		for ((k = 0; k < 5; k++)); do
			rm -f pids/*
			go "$@" 2>/dev/null 3>&- &
			pid=$!
			wait_for 10 all_noted 3
			[ $# -eq 1 ] || wait_for 20 is_live $pid
			sleep "0.$(printf %03d $((60 + RANDOM % 200)))"
			disturb $pid
			[ ! -e ck/COMMIT ] || ! holds || held=$((held + 1))
		done
		until_done go "$@"
		same || { echo "round $round" && return 1; }
	done
}

# ---- topics ----

@test "a topic of one partition and of three: the file is that of a run without a checkpoint, and nothing comes twice" {
	events 1 3000 | produce $T --create 1
	events 1 3000 | produce $T-3 --create 3
	local topic
	for topic in $T $T-3; do
		again
		plainly kafka:$topic
		run -0 go kafka:$topic
		equal '' "$output"
		same
		[ "$(jq .barrier.e ck/COMMIT)" -ge 1 ]
		# Once more, with nothing new; with more; in one process, wherever it is told to begin.
		run -0 go kafka:$topic
		same
		events 3001 3100 | produce $topic
		run -0 go -o end kafka:$topic
		events 3101 3200 | produce $topic
		run -0 in_one -o end kafka:$topic
		plainly kafka:$topic
		same
	done
	[ "$(wc -l <out.jsonl)" = 3200 ]
}

@test "what is no record is passed as well: tombstones, blank messages, markers, aborted transactions" {
	events 1 10 | produce $T --create 1 --transaction
	events 11 20 | produce $T --abort
	plainly kafka:$T
	run -0 go kafka:$T
	same
	# Behind the markers, and to the end of nothing but these.
	equal 22 "$(place $T)"
	kafka-produce -b "$BOOT" -t $T --tombstone a --tombstone b
	printf ' ' | kcat -b "$BOOT" -P -t $T
	run -0 go kafka:$T
	equal 25 "$(place $T)"
	same
	# What an open transaction holds back is there when it is committed.
	events 21 40 | produce $T --transaction --rate 20 3>&- &
	stop_later $!
	pause 0.5
	run -0 go kafka:$T
	same
	wait
	run -0 go kafka:$T
	plainly kafka:$T
	same
	equal 30 "$(wc -l <out.jsonl)"
}

@test "partitions without a message are in the place, and topics are read side by side" {
	events 1 100 | produce $T --create 3 -p 1
	events 101 300 | sed 's/"k\([0-9]\)/"o\1/' | produce $T-b --create 2
	run -0 go kafka:$T kafka:$T-b
	equal '0 100 0' "$(place $T)"
	plainly kafka:$T-b kafka:$T
	same
	events 301 400 | produce $T -p 0
	run -0 go kafka:$T-b kafka:$T
	equal '100 100 0' "$(place $T)"
	plainly kafka:$T kafka:$T-b
	equal "$(jq -c 'del(.features)' plain.jsonl | sort)" "$(jq -c 'del(.features)' out.jsonl | sort)"
}

@test "killed at random, one stage or all of them: a topic of one partition, and of three" {
	events 1 20000 100 | produce $T --create 1
	events 1 20000 100 | produce $T-3 --create 3
	local sum=0 topic
	RANDOM=11
	pace=(--rate 40000/s)
	for topic in $T $T-3; do
		plainly kafka:$topic
		killed_at_random 2 kafka:$topic
		sum=$((sum + disturbed))
	done
	echo "$sum of 20 kills hit"
	[ "$sum" -ge 6 ]
}

# The calls that change something outside of a process.
KILLS=write,fdatasync,fsync,rename,ftruncate,unlink

# killed_everywhere STAGE STEP OPERAND...: before every STEP-th of these calls, and in the middle of writes; $died of $tried runs
killed_everywhere() {
	local n k rules=() rule victim=$1 step=$2
	shift 2
	[ -z "${SML_SANITIZED-}" ] || step=$((step * 4))
	again
	rm -f trace
	rule="$KILLS none" INJECT_TRACE=$PWD/trace run -0 go "$@"
	n=$(wc -l <trace)
	for ((k = 1; k <= n; k += step)); do
		rules+=("$KILLS before $k")
	done
	for k in 2 5; do
		rules+=("write torn $k")
	done
	for rule in "${rules[@]}"; do
		again
		tried=$((tried + 1))
		run go "$@"
		[ "$status" -eq 0 ] || died=$((died + 1))
		[ "$status" -eq 0 ] || [ "$status" -eq 1 ] || [ "$status" -gt 128 ] || { echo "$victim: $rule: status $status: $output" && return 1; }
		# And as it begins again.
		run go "$@"
		victim='' until_done go "$@" || { echo "$victim: $rule" && return 1; }
		same || { echo "$victim: $rule" && return 1; }
	done
}

@test "each stage is killed at any call, while topics are read and while they are handed over to" {
	events 1 300 >history
	events 201 600 | produce $T --create 2
	options=(--overlap 200s)
	pace=(--rate 20000/s)
	plainly history kafka:$T
	equal 600 "$(wc -l <plain.jsonl)"
	tried=0 died=0
	killed_everywhere route 5 history kafka:$T
	killed_everywhere features 8 history kafka:$T
	killed_everywhere replay 8 history kafka:$T
	echo "$died of $tried died"
	[ $((died * 3)) -ge "$tried" ]
}

# ---- the hand-over ----

@test "stopped behind any record of the overlap: what is dropped and what is kept are the same, and so is what is said of it" {
	events 1 400 >history
	events 400 400 >>history
	# An hour ahead, twice, before others that the files hold; one of long ago behind their end; equal ones that are no duplicates.
	sed -n '100p;140p' history | sed "s/\"id\"/\"other\"/; s/\"timestamp\":.*/\"timestamp\":$((BASE + 7000000))}/" >ahead
	{
		head -n 100 history
		head -n 1 ahead
		sed -n 101,180p history
		tail -n 1 ahead
		sed -n 181,400p history
		echo '{"id":5000,"key":"k1","timestamp":'$((BASE + 1000))'}'
		events 400 400
		events 400 400
		events 401 430
	} | produce $T --create 1
	(unset SML_CHECKPOINT && sml-replay -e history kafka:$T) >plain 2>said
	grep -q 'duplicates suppressed, 239 older messages skipped; perhaps doubled: 2 ahead of time .* 1 from before the overlap' said
	local n n_all step=1
	[ -z "${SML_SANITIZED-}" ] || step=5
	n_all=$(wc -l <plain)
	for ((n = 396; n < n_all; n += step)); do
		sml-replay -q -e -c $n history kafka:$T | sml-route '*=-' >>out.jsonl
		[ "$n" != 410 ] || holds
	done
	sml-replay -e history kafka:$T 2>err | sml-route '*=-' >>out.jsonl
	cmp plain out.jsonl
	same_file said err
	# Without what it remembers, records would come twice: that is found here.
	again
	for n in 390 402; do
		sml-replay -q -e -c $n history kafka:$T | sml-route '*=-' >>out.jsonl
	done
	holds
	jq -c 'del(.barrier.st.replay)' ck/COMMIT >changed
	cp changed ck/COMMIT
	sml-replay -q -e history kafka:$T | sml-route '*=-' >>out.jsonl
	run ! cmp -s plain out.jsonl
}

@test "killed at random in the overlap, with three partitions" {
	events 1 16000 100 >all
	head -n 8000 all >history
	produce $T --create 3 <all
	events 8001 8400 100 | head -n 300 | produce $T # some that come twice and are no duplicates
	RANDOM=5
	options=(--overlap 10m)
	pace=(--rate 15000/s)
	plainly history kafka:$T
	equal 16300 "$(wc -l <plain.jsonl)"
	killed_at_random 2 history kafka:$T
	echo "$disturbed of 10 kills hit, $held in the overlap"
	[ "$disturbed" -ge 4 ]
	[ "$held" -ge 3 ]
}

@test "a memory of the files too large for the line lies beside it, until it is not needed" {
	events 1 35000 100 >history
	# Behind a thousand that are later by more than the overlap nothing is compared any more.
	{
		events 28001 36000 100
		events 55001 56200 100
	} | produce $T --create 1
	options=(--overlap 30m --same-by id)
	plainly history kafka:$T
	equal 37200 "$(wc -l <plain.jsonl)"
	local victim rule snap
	for rule in 'rename before 1 *.snap*' 'rename after 1 *.snap*'; do
		again
		victim=replay
		run ! go -c 35100 history kafka:$T
		victim=''
		until_done go -c 35100 history kafka:$T
		snap=ck/$(jq -r '.barrier.st.replay["$ref"][0].f' ck/COMMIT)
		cp "$snap" kept
		printf x | dd of="$snap" bs=1 seek=1000 conv=notrunc status=none
		told 2 'is damaged' go history kafka:$T
		cp kept "$snap"
		run -0 go history kafka:$T
		cmp plain.jsonl out.jsonl
		run ! holds
		run ! ls ck/*.snap*
	done
}

@test "killed while files are read: topics that begin at their end begin where that was" {
	events 1 20000 100 >history
	events 1 50 | produce $T --create 2
	mkdir pids
	pace=(--rate 20000/s)
	go -o end history kafka:$T 2>/dev/null 3>&- &
	local pid=$!
	wait_for 10 test -s ck/COMMIT
	kill -9 "$(cat pids/features)"
	! wait $pid || { echo 'nothing was killed' && return 1; }
	events 30001 30100 100 >later
	produce $T <later
	until_done go -o end history kafka:$T
	(unset SML_CHECKPOINT && cat history later | sml-features -q -k key -d 'n = count()') >plain.jsonl
	same
}

@test "standard input that is a file, and several files, one of them packed: their end is found again at each start" {
	events 1 400 >history
	events 341 430 | produce $T --create 1
	events 1 200 | gzip >early.gz
	events 201 400 >late
	(unset SML_CHECKPOINT && sml-replay -q -e history kafka:$T) >plain
	equal 430 "$(wc -l <plain)"
	local n
	for n in 150 395 402 500; do
		sml-replay -q -e -c $n - kafka:$T <history | sml-route '*=-' >>out.jsonl
	done
	cmp plain out.jsonl
	again
	for n in 150 395 402 500; do
		sml-replay -q -e -c $n early.gz late kafka:$T | sml-route '*=-' >>out.jsonl
	done
	cmp plain out.jsonl
	# From the middle of it, where the shell has left it.
	again
	local bytes
	bytes=$(head -n 50 history | wc -c)
	for n in 150 345 352 500; do
		{
			head -c "$bytes" >/dev/null
			sml-replay -q -e -c $n - kafka:$T
		} <history | sml-route '*=-' >>out.jsonl
	done
	tail -n +51 plain | cmp - out.jsonl
}

# ---- stops ----

# gone_on [EPOCH]: there is a commit behind that one
gone_on() {
	[ -e ck/COMMIT ] && [ "$(jq .barrier.e ck/COMMIT)" -gt "${1-0}" ]
}

@test "SIGTERM: a last barrier, status 0, and the next run goes on" {
	events 1 3000 100 >history
	events 2001 9000 100 | produce $T --create 3
	options=(--overlap 2m)
	plainly history kafka:$T
	mkdir pids
	local i epoch=0
	for i in 1 2 3 4; do
		live --overlap 2m --rate 2000/s history kafka:$T 3>&- &
		stop_later $!
		wait_for 20 gone_on $epoch
		pause 0.3
		kill -TERM "$(cat pids/replay)"
		wait $!
		[ "$(jq .barrier.last ck/COMMIT)" = true ]
		equal "$(jq -r '.out[].len' ck/COMMIT)" "$(stat -c %s out.jsonl)"
		[ $i -gt 1 ] || [ "$(wc -l <out.jsonl)" -lt 9000 ]
		epoch=$(jq .barrier.e ck/COMMIT)
	done
	run -0 go history kafka:$T
	same
	# Of a topic that is idle.
	again
	events 1 1 | produce $T-idle --create 2 -p 0
	live kafka:$T-idle 3>&- &
	stop_later $!
	wait_for 20 gone_on
	kill -TERM "$(cat pids/replay)"
	wait $!
	equal '1 0' "$(place $T-idle)"
}

@test "-c, --until and e@ end topics, and the next run goes on behind" {
	events 1 300 | produce $T --create 2
	options=(--until $((BASE + 100000)))
	run -0 go kafka:$T
	equal 99 "$(wc -l <out.jsonl)"
	options=(-o e@$((BASE + 150000)))
	run -0 go kafka:$T
	equal 149 "$(wc -l <out.jsonl)"
	options=(-c 200)
	run -0 go kafka:$T
	run -0 go kafka:$T
	equal 200 "$(wc -l <out.jsonl)"
	options=()
	run -0 go kafka:$T
	plainly kafka:$T
	same
}

# ---- what a restart does not go on with ----

@test "offsets that are gone or beyond the end: 2, and the gap" {
	events 1 100 | produce $T --create 1
	options=(-c 30)
	run -0 go kafka:$T
	options=()
	produce $T --trim 50 </dev/null
	told 2 "kafka:${T}[0]: the checkpoint's offset 30 is gone: the topic begins at offset 50, a gap of 20 messages.  --allow-gap goes on there" go kafka:$T
	run ! grep -q -- '-o end' <<<"$output"
	equal 30 "$(wc -l <out.jsonl)"
	run -0 go --allow-gap kafka:$T
	equal "$(seq 30; seq 51 100)" "$(jq .id out.jsonl)"
	# Beyond the end: another topic of the same name.
	sed "s/\"o\":\"100\"/\"o\":\"101\"/" ck/COMMIT >changed
	cp changed ck/COMMIT
	told 2 "the checkpoint's offset 101 is beyond its end at 100: is it the same topic?" go kafka:$T
	# A hand-over to a topic that no longer reaches back.
	again
	events 1 10 >history
	told 2 'does not reach back' go history kafka:$T
	again
	told 2 '-o 10 is gone' go -o 10 kafka:$T
}

@test "a partition that is new is read from its beginning" {
	events 1 100 | produce $T --create 1
	run -0 go kafka:$T
	"$SML_ROOT/test/kafka/broker" java "$DIR" org.apache.kafka.tools.TopicCommand --bootstrap-server "$BOOT" --alter --topic $T --partitions 3
	events 101 200 >later
	has_three() { [ "$(kafka-offsets -b "$BOOT" -t $T | wc -l)" = 3 ]; }
	wait_for 10 has_three
	produce $T -p 2 <later
	told 0 "kafka:${T}[2] is new: it is read from its beginning" loudly kafka:$T
	equal '100 0 100' "$(place $T)"
	equal "$(seq 200)" "$(jq .id out.jsonl | sort -n)"
	# Its first messages may be gone.
	again
	run -0 go -p 0 kafka:$T
	sed 's/,"only":true//' ck/COMMIT >changed
	cp changed ck/COMMIT
	produce $T -p 2 --trim 40 </dev/null
	run -0 go kafka:$T
	equal "$(seq 100; seq 141 200)" "$(jq .id out.jsonl | sort -n)"
}

loudly() (
	set -o pipefail
	sml-replay -e "$@" | sml-features -q -k key -d 'n = count()' | sml-route -q '*=-' >>out.jsonl
)

@test "other topics, other partitions, files more or less: 2, and nothing is written" {
	events 1 100 | produce $T --create 3
	events 1 10 | produce $T-b --create 1
	events 1 50 >history
	run -0 go kafka:$T
	local size
	size=$(stat -c %s out.jsonl)
	told 2 "the inputs are not those of the checkpoint: kafka:$T was read" go kafka:$T-b
	told 2 "kafka:$T-b was not read" go kafka:$T kafka:$T-b
	told 2 'and --partition chooses some' go -p 0 kafka:$T
	told 2 'topics were read, and none is given' loudly history
	told 2 'topics alone were read, and files are given' go history kafka:$T
	equal "$size" "$(stat -c %s out.jsonl)"
	again
	run -0 go -p 0,1 kafka:$T
	run -0 go -p 1,0 kafka:$T
	told 2 'single partitions were read' go kafka:$T
	told 2 'and --partition leaves it out' go -p 1 kafka:$T
	told 2 'and --partition leaves it out' go -p 1,2 kafka:$T
	told 2 "partition 2 of kafka:$T was not read" go -p 0-2 kafka:$T
	# Files that are done with: their names count, and nothing of them is read.
	again
	run -0 go history kafka:$T
	cp history other
	size=$(stat -c %s out.jsonl)
	told 2 'input 1 was history, not other' go other kafka:$T
	told 2 'other is a file more' go history other kafka:$T
	told 2 'files were read, and none is given' go kafka:$T
	cp ck/COMMIT kept
	jq -c '.barrier.src |= map(select(.f))' kept >ck/COMMIT
	told 2 'it has no place in a topic' go history kafka:$T
	jq -c '.barrier.src |= map(if .k then .o = "x" else . end)' kept >ck/COMMIT
	told 2 'says nothing of' go history kafka:$T
	cp kept ck/COMMIT
	told 2 'topics were read, and none is given' go_files history
	echo more >>history
	run -0 go history kafka:$T
	equal "$size" "$(stat -c %s out.jsonl)"
	# A topic may follow files that were read to their end.
	again
	events 1 50 >history
	run -0 go_files history
	run -0 go history kafka:$T
	plainly history kafka:$T
	same
	# Another way to compare, while it does.
	again
	run -0 go -c 40 history kafka:$T
	run -0 go --same-by id history kafka:$T
	again
	run -0 go -c 52 --same-by id history kafka:$T
	told 2 'with --same-by as it was: id' go history kafka:$T
	# Packed standard input cannot be read ahead.
	again
	gzip -k history
	told 2 'called by its name' go - kafka:$T <history.gz
}

# Files alone, which have no end to be told of.
go_files() (
	set -o pipefail
	sml-replay -q "$@" | sml-features -q -k key -d 'n = count()' | sml-route -q '*=-' >>out.jsonl
)

# ---- poison records ----

# marked ID...: the lines of standard input, with a mark in these
marked() {
	local id script=()
	for id in "$@"; do
		script+=(-e "s/^{\"id\":$id,/{\"poison\":true,\"id\":$id,/")
	done
	sed "${script[@]}"
}

# dying OPERAND...: dies of each record with a mark
dying() (
	set -o pipefail
	stage replay -q -e --on-poison=route "$@" 3>&- | fragile | stage features -q -k key -d 'n = count()' 3>&- |
		stage route -q POISON=poison.jsonl '*=-' >>out.jsonl 3>&-
)

# letters ID...: these are the dead letters, and the rest is as it would be without them
letters() {
	equal "$(printf '%s\n' "$@")" "$(jq -r '.rawData | fromjson.id' poison.jsonl | sort -n)"
	same
}

@test "poison records of several partitions: found, with their places, and no other one" {
	events 1 3000 | marked 1 700 701 2222 | produce $T --create 3
	events 1 3000 | grep -vE '"id":(1|700|701|2222),' | (unset SML_CHECKPOINT && sml-features -q -k key -d 'n = count()') >plain.jsonl
	ends 0 60 dying kafka:$T
	letters 1 700 701 2222
	(unset SML_CHECKPOINT && sml-replay -q -e --meta kafka:$T) | jq -r 'select(.poison)._kafka | "kafka:\(.topic)[\(.partition)]:\(.offset)"' | sort >places
	equal "$(cat places)" "$(jq -r '"\(.source):\(.line)"' poison.jsonl | sort)"
	[ ! -e ck/attempts ]
	# And it stops, if it is told so.
	rm -rf ck
	ends 3 40 dying --on-poison=stop kafka:$T
	grep -qxF "$(sed -n 's/^sml-replay: \(.*\): the pipeline has died.*/\1/p' <<<"$output")" places
}

@test "poison records in the files and in the topic of a hand-over, and in both" {
	events 1 500 | marked 100 470 >history
	events 450 900 | marked 470 800 | produce $T --create 2
	events 1 900 | grep -vE '"id":(100|470|800),' | (unset SML_CHECKPOINT && sml-features -q -k key -d 'n = count()') >plain.jsonl
	ends 0 60 dying history kafka:$T
	letters 100 470 800
	equal 'history:100 history:470' "$(jq -r '"\(.source):\(.line)"' poison.jsonl | sort | head -n 2 | paste -sd ' ')"
	run -0 dying history kafka:$T
	letters 100 470 800
}

@test "a pipeline that waits for records and is killed again and again accuses none" {
	events 1 5 | produce $T --create 1
	run -0 go kafka:$T
	local i disturbed=0
	mkdir pids
	for i in 1 2 3 4 5; do
		rm -f pids/*
		live kafka:$T 2>/dev/null 3>&- 4>&- &
		wait_for 10 all_noted 3
		pause 0.3
		disturb $! all
		[ ! -e ck/attempts ]
	done
	equal 5 "$disturbed"
	events 6 9 | produce $T
	plainly kafka:$T
	run -0 go kafka:$T
	same
}
