#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Shards of a pipeline on a real Apache Kafka, sml-checkpoint(7): whatever they die of, and however many there are next time, each
# record comes out once and the state of its key has come with it.
# shellcheck disable=SC2086,SC2030,SC2031,SC2034,SC2154,SC2317 # tests are subshells; $victim and $rule are of stage()
load helper
load checkpoint

setup_file() {
	load helper
	kafka_start
	BASE=$(($(date +%s) * 1000 - 36000000))
	export BASE
}

teardown_file() {
	kafka_stop
}

setup() {
	common_setup
	T=t$BATS_TEST_NUMBER
	options=(-k key -d 'n = count()') pace=() topics=("kafka:$T") victim=''
	export KAFKA_BOOTSTRAP_SERVERS=$BOOT SML_CHECKPOINT=$PWD/ck SML_PIPELINE=$T SOURCE_DATE_EPOCH=1700000000
	kafka-produce -b "$BOOT" -t $T-out --create 3 </dev/null
}

# events FROM TO: a line a second of the ten hours before the tests began
events() {
	seq "$1" "$2" |
		awk -v base="$BASE" '{ printf "{\"id\":%d,\"key\":\"k%d\",\"timestamp\":%.0f}\n", $1, $1 * 7919 % 97, base + $1 * 1000 }'
}

# produce TOPIC [OPTION]... < lines
produce() {
	local topic=$1
	shift
	kafka-produce -b "$BOOT" -t "$topic" --key-field key --timestamp-field timestamp "$@"
}

# shard I/N: three stages of it, up to the topics' end; their processes are noted in I.N/pids
shard() (
	set -o pipefail
	mkdir -p "${1/\//.}/pids"
	cd "${1/\//.}" || return
	export SML_SHARD=$1
	stage replay -q -e --interval 5ms "${pace[@]}" "${topics[@]}" 3>&- | stage features -q "${options[@]}" 3>&- |
		stage route -q error=null "*=kafka:$T-out" 3>&-
)

# keep I/N: as a supervisor, until it has come to the end; I.N.status is what it ended with
keep() {
	local status=1
	while [ $status -eq 1 ] || [ $status -gt 128 ]; do
		status=0
		shard "$1" 2>>"${1/\//.}.log" || status=$?
	done
	echo $status >"${1/\//.}.status"
}

# begin N: all shards, kept; $kept are their supervisors
begin() {
	local i
	kept=()
	for ((i = 0; i < $1; i++)); do
		keep "$i/$1" 3>&- &
		kept+=($!)
	done
}

# hit N: kills a stage of some shard of N, which $hits counts where it had not ended just then
hit() {
	local files=(*."$1"/pids/*)
	if kill -9 "$(cat "${files[RANDOM % ${#files[@]}]}")" 2>/dev/null; then
		hits=$((hits + 1))
	fi
}

# finish N: all shards have come to the end
finish() {
	wait "${kept[@]}"
	local i
	for ((i = 0; i < $1; i++)); do
		[ "$(cat "$i.$1.status")" = 0 ] || { cat "$i.$1.log" && return 1; }
	done
}

# ended STATUS PID: it has ended so
ended() {
	local status=0
	wait "$2" || status=$?
	equal "$1" $status
}

# gone FILES...: none of the processes noted there is left
gone() {
	local pid pids
	mapfile -t pids < <(cat "$@")
	for pid in "${pids[@]}"; do
		[ ! -d "/proc/$pid" ] || [ "$(cut -d' ' -f3 "/proc/$pid/stat")" = Z ] || return 1
	done
}

# cut_off N: the machines stop
cut_off() {
	local pid pids
	kill -9 "${kept[@]}"
	for pid in "${kept[@]}"; do
		ended 137 "$pid"
	done
	mapfile -t pids < <(cat ./*."$1"/pids/*)
	for pid in "${pids[@]}"; do
		if kill -9 "$pid" 2>/dev/null; then
			hits=$((hits + 1))
		fi
	done
	wait_for 10 gone ./*."$1"/pids/*
}

topic() {
	kcat -b "$BOOT" -C -q -e -X isolation.level=read_committed -t $T-out
}

# exact N: records 1 to N each once, and each key's are counted from 1 without a gap, in order
exact() {
	topic >out.jsonl
	equal "$(seq "$1" | sha256sum)" "$(jq .id out.jsonl | sort -n | sha256sum)" "other records: $(wc -l <out.jsonl), not $1"
	jq -r '"\(.key) \(.features.n)"' out.jsonl | sort -k1,1 -k2,2n | awk '$2 != ++n[$1] { print "counted wrongly: " $0; exit 1 }'
}

# divided N: the newest generation has so many shards
divided() {
	[ "$(jq '.[-1].shards' ck/SHARDS 2>/dev/null)" = "$1" ]
}

# whole N: one generation of N shards, and no other folder
whole() {
	equal "$1" "$(jq '.[0].shards' ck/SHARDS)"
	equal 1 "$(jq length ck/SHARDS)"
	equal "$1" "$(find ck -mindepth 1 -type d | wc -l)"
}

@test "three shards of twelve partitions, then two, then four, through kills: each record once, each key's count exact" {
	local n k hits=0
	events 1 9000 | produce $T --create 12
	pace=(--rate 500/s)
	for n in 3 2; do
		begin $n
		for ((k = 0; k < 6; k++)); do
			sleep "0.$((RANDOM % 5 + 2))"
			hit $n
		done
		wait_for 30 divided $n
		cut_off $n
	done
	begin 4
	for ((k = 0; k < 4; k++)); do
		sleep "0.$((RANDOM % 5 + 2))"
		hit 4
	done
	[ $hits -ge 16 ]
	finish 4
	exact 9000
	whole 4
	pace=()
	# Once more, with nothing new; with more; and by one alone.
	events 9001 9500 | produce $T
	begin 4
	finish 4
	events 9501 10000 | produce $T
	begin 1
	finish 1
	exact 10000
	whole 1
	# One group for tools that tell a lag.
	equal 0 "$(kafka-offsets -b "$BOOT" -G "sml-$T" -t $T | awk '{ lag += $3 - $4 } END { print lag }')"
}

@test "a generation of which some shards never ran, and one that never committed: the state is found where it is" {
	events 1 3000 | produce $T --create 12
	run -0 shard 0/3
	run -0 shard 2/3
	# Its first barrier is far.
	SML_SHARD=0/5 sml-replay -q --interval 60s kafka:$T 3>&- | SML_SHARD=0/5 sml-features -q "${options[@]}" 3>&- |
		SML_SHARD=0/5 sml-route -q "*=kafka:$T-out" 3>&- &
	wait_for 20 test -s ck/2.0/AUTHORITY
	kill -9 "$(cat ck/2.0/COMMIT.lock)"
	ended 137 $!
	run -0 shard 1/2
	events 3001 4000 | produce $T
	equal '[3,5,2]' "$(jq -c 'map(.shards)' ck/SHARDS)"
	run -0 shard 1/4
	run -0 shard 2/4
	equal '[3,5,2,4]' "$(jq -c 'map(.shards)' ck/SHARDS)"
	run -0 shard 0/4
	run -0 shard 3/4
	exact 4000
	whole 4
}

@test "sml-route killed at any call while it divides: the next one divides" {
	local calls=open,write,sendmsg,fsync,rename,flock,unlink n k from=2 to=3 died=0 total=600
	events 1 600 | produce $T --create 6
	begin 2
	finish 2
	victim=route rule="$calls none" INJECT_TRACE=$PWD/trace run -0 shard 0/3
	n=$(wc -l <trace)
	[ "$n" -gt 20 ]
	for ((k = 1; k < n; k += n / 8)); do
		victim=route rule="$calls before $k" run shard "$((k % from))/$from"
		[ "$status" -eq 0 ] || died=$((died + 1))
		read -r from to <<<"$to $from"
		events $((total + 1)) $((total + 60)) | produce $T
		total=$((total + 60))
	done
	[ $died -gt 3 ]
	begin 4
	finish 4
	exact $total
	whole 4
}

@test "a shard of the old number is at work: the new ones wait for its end" {
	events 1 100 | produce $T --create 4
	SML_SHARD=0/2 sml-replay -q --interval 5ms kafka:$T 3>&- | SML_SHARD=0/2 sml-features -q "${options[@]}" 3>&- |
		SML_SHARD=0/2 sml-route -q "*=kafka:$T-out" 3>&- &
	wait_for 20 test -s ck/1.0/COMMIT
	told 1 'shard 0/2 is at work' shard 0/3
	kill "$(cat ck/1.0/COMMIT.lock)"
	ended 1 $!	# the stages before it were at work
	# More shards than partitions: one without any has nothing to do, whenever it is started.
	events 101 120 | produce $T
	begin 5
	finish 5
	run -0 shard 4/5
	exact 120
	whole 5
}

@test "two topics, events that are held and windows that are open go with their partitions" {
	local n total=0 hits=0 spec
	spec='key key
		time timestamp
		hold 400s
		emit windows
		n = count() over tumbling 5m
		first = min(id) over tumbling 5m
		last = max(id) over tumbling 5m'
	printf '%s\n' "$spec" | sed 's/^\s*//' >w.features
	options=("$PWD/w.features")
	topics=("kafka:$T-a" "kafka:$T-b")
	kafka-produce -b "$BOOT" -t $T-a --create 12 </dev/null
	kafka-produce -b "$BOOT" -t $T-b --create 12 </dev/null
	events 1 2100 >all.jsonl
	for n in 3 2 4 1 5 2 1; do
		events $((total + 1)) $((total + 300)) | awk 'NR % 3' | produce $T-a
		events $((total + 1)) $((total + 300)) | awk 'NR % 3 == 0' | produce $T-b
		total=$((total + 300))
		[ $total -lt 2100 ] || options=(--final "$PWD/w.features")
		pace=(--rate $((300 / n))/s)
		begin $n
		sleep 0.3
		hit $n
		finish $n
	done
	[ $hits -ge 4 ]
	topic | sort >out.jsonl
	(unset SML_CHECKPOINT && sml-features -q w.features all.jsonl) | sort >plain.jsonl
	[ "$(wc -l <plain.jsonl)" -gt 500 ]
	cmp plain.jsonl out.jsonl
}
