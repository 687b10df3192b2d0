#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Topics as destinations under a checkpoint, on a real Apache Kafka: what is in them is what a run without a checkpoint, that
# nothing has happened to, has written to files.
# shellcheck disable=SC1010,SC2030,SC2031,SC2034,SC2154,SC2317 # "then" is a word of sml; tests are subshells; $victim and $rule are of stage()
load helper
load checkpoint

setup_file() {
	load helper
	kafka_start
	export SOURCE_DATE_EPOCH=1700000000
	SPEC=$SML_ROOT/data/purchases.features
	MODEL=$SML_ROOT/data/model.json
	INPUT=$BATS_FILE_TMPDIR/in.jsonl
	PLAIN=$BATS_FILE_TMPDIR/plain
	export SPEC MODEL INPUT PLAIN
	purchases -n 3000 --users 100 --invalid 0.01 --malformed 0.005 >"$INPUT"
	mkdir "$PLAIN"
	cd "$PLAIN" || return
	purchases -n 3000 --users 100 --plain >../clean.jsonl
	sml-replay "$INPUT" | sml-features -q "$SPEC" | sml-classify -q -m "$MODEL" | sml-route -q HIGH_VALUE=vip error=bad '*=rest'
}

teardown_file() {
	kafka_stop
}

setup() {
	common_setup
	cp "$INPUT" in.jsonl
	cp "$BATS_FILE_TMPDIR/clean.jsonl" clean
	cp clean clean.jsonl
	export SML_CHECKPOINT=$PWD/ck KAFKA_BOOTSTRAP_SERVERS=$BOOT
	tries=0
	anew
}

# anew: as if nothing had been run here: other topics, another name
anew() {
	local topic
	tries=$((tries + 1))
	export SML_PIPELINE=p$BATS_TEST_NUMBER.$tries
	rm -rf ck ./*.out
	for topic in vip bad rest; do
		kafka-produce -b "$BOOT" -t "$SML_PIPELINE.$topic" --create 1 </dev/null
	done
}

# four_of REPLAY'S ARGUMENTS...: a pipeline of four processes into three topics
four_of() (
	set -o pipefail
	stage replay "$@" 3>&- | stage features -q "$SPEC" 3>&- | stage classify -q -m "$MODEL" 3>&- |
		stage route -q "${properties[@]}" "HIGH_VALUE=kafka:$SML_PIPELINE.vip" "error=kafka:$SML_PIPELINE.bad" "*=kafka:$SML_PIPELINE.rest" 3>&-
)
properties=()

four() {
	four_of --interval 5ms --rate "${rate-10000}/s" in.jsonl
}

# Two stages into one topic, and what comes out as it went in.
short() (
	set -o pipefail
	stage replay --interval 5ms --rate "${rate-20000}/s" clean.jsonl 3>&- | stage route -q "$@" "*=kafka:$SML_PIPELINE.rest" 3>&-
)

# topic NAME: what is committed there
topic() {
	kcat -b "$BOOT" -C -q -e -X isolation.level=read_committed -t "$SML_PIPELINE.$1"
}

# Whether a record has come to the broker, committed or not.
sent() {
	kcat -b "$BOOT" -C -q -e -X isolation.level=read_uncommitted -t "$SML_PIPELINE.rest" | grep -q .
}

same_as_plain() {
	local name
	for name in vip bad rest; do
		topic $name >$name.out
		cmp "$PLAIN/$name" $name.out || return
	done
}

epoch() {
	jq .barrier.e ck/COMMIT
}

@test "topics have what files have without a checkpoint, at many barriers, and nothing more behind a run with nothing new" {
	rate=1500 run -0 four
	equal '' "$output"
	[ "$(epoch)" -gt 4 ] || { epoch && return 1; }
	same_as_plain
	equal '{"name":"sml-'"$SML_PIPELINE"'","topic":"'"$SML_PIPELINE"'.vip"}' "$(jq -c .transaction ck/COMMIT)"
	equal '' "$(find ck -name '*.ckpt*')"
	run -0 four
	same_as_plain
}

@test "it goes on with what is appended, also as a chain, and the other way round" {
	head -n 1000 "$INPUT" >in.jsonl
	run -0 four
	head -n 2000 "$INPUT" | tail -n +1001 >>in.jsonl
	run -0 sml replay --interval 5ms --rate 30000/s in.jsonl then features -q "$SPEC" then classify -q -m "$MODEL" then \
		route -q "HIGH_VALUE=kafka:$SML_PIPELINE.vip" "error=kafka:$SML_PIPELINE.bad" "*=kafka:$SML_PIPELINE.rest"
	tail -n +2001 "$INPUT" >>in.jsonl
	run -0 four
	same_as_plain
}

@test "sml-route killed at any call, to the disk and to the brokers" {
	local calls=open,write,sendmsg,fsync,ftruncate,flock,rename,unlink n k when step=5 died=0
	[ -z "${SML_SANITIZED-}" ] || step=25
	head -n 300 clean >clean.jsonl
	four() {
		short -X linger.ms=0
	}
	victim=route rule="$calls none" INJECT_TRACE=$PWD/trace run -0 four
	n=$(wc -l <trace)
	grep -q '^sendmsg socket:' trace
	for ((k = 1; k <= n; k += step)); do
		anew
		for when in before after; do
			victim=route rule="$calls $when $k" run four
			[ "$status" -eq 0 ] || died=$((died + 1))
			[ "$status" -eq 0 ] || [ "$status" -eq 137 ] || { echo "$when $k of $n: status $status: $output" && return 1; }
		done
		until_done four || { echo "$k of $n" && return 1; }
		topic rest >rest.out
		cmp clean.jsonl rest.out || { echo "$k" && return 1; }
	done
	[ "$died" -ge $((n / step)) ]
}

@test "killed at random places, one stage or all of them, with a file among the topics" {
	local k pid disturbed=0
	four() (
		set -o pipefail
		stage replay --interval 20ms --rate 2500/s in.jsonl 3>&- | stage features -q "$SPEC" 3>&- | stage classify -q -m "$MODEL" 3>&- |
			stage route -q HIGH_VALUE=vip.out "error=kafka:$SML_PIPELINE.bad" "*=kafka:$SML_PIPELINE.rest" 3>&-
	)
	mkdir pids
	RANDOM=11
	for ((k = 0; k < 14; k++)); do
		rm -f pids/*
		four 2>/dev/null 3>&- &
		pid=$!
		wait_for 10 all_noted 4
		sleep "0.$(printf %03d $((100 + RANDOM % 300)))"
		disturb $pid
	done
	until_done four
	cmp "$PLAIN/vip" vip.out
	cmp "$PLAIN/bad" <(topic bad)
	cmp "$PLAIN/rest" <(topic rest)
	[ "$disturbed" -ge 5 ]
}

@test "from topic to topic, killed at random: in each partition as it was, and the group's offsets say how far it has come" {
	local k pid disturbed=0 p
	kafka-produce -b "$BOOT" -t "$SML_PIPELINE.in" --create 3 --key-field userId <clean
	kafka-produce -b "$BOOT" -t "$SML_PIPELINE.out" --create 3 </dev/null
	four() (
		set -o pipefail
		stage replay --interval 20ms "$@" "kafka:$SML_PIPELINE.in" 3>&- | stage features -q -k userId -d 'n = count()' 3>&- |
			stage route -q --message-key userId "*=kafka:$SML_PIPELINE.out" 3>&-
	)
	mkdir pids
	RANDOM=5
	for ((k = 0; k < 10; k++)); do
		rm -f pids/*
		four --rate 2500/s 2>/dev/null 3>&- &
		pid=$!
		wait_for 10 all_noted 3
		sleep "0.$(printf %03d $((150 + RANDOM % 300)))"
		disturb $pid
	done
	until_done four -e
	[ "$disturbed" -ge 7 ]
	for p in 0 1 2; do
		kcat -b "$BOOT" -C -q -e -t "$SML_PIPELINE.in" -p $p | SML_CHECKPOINT='' sml-features -q -k userId -d 'n = count()' >want.$p
		kcat -b "$BOOT" -C -q -e -t "$SML_PIPELINE.out" -p $p >got.$p
		cmp want.$p got.$p
		equal "$(wc -l <want.$p)" "$(kafka-offsets -b "$BOOT" -G "sml-$SML_PIPELINE" -t "$SML_PIPELINE.in" | awk -v p=$p '$1 == p { print $4 }')"
	done
}

@test "what a run that died has sent is not seen, and does not hold up readers when it is run again" {
	victim=route rule='rename before 4' run four
	equal 137 "$status"
	[ "$(epoch)" = 1 ]
	until_done four
	same_as_plain
	[ "$(kcat -b "$BOOT" -C -q -e -X isolation.level=read_uncommitted -t "$SML_PIPELINE.vip" | wc -l)" -ge "$(wc -l <"$PLAIN/vip")" ]
}

@test "with a checkpoint that says something else, the comparison of these tests fails" {
	head -n 2000 "$INPUT" >in.jsonl
	run -0 four
	cp "$INPUT" in.jsonl
	sed -i "s/\"off\":\"[0-9]*\"/\"off\":\"$(head -n 1990 "$INPUT" | wc -c)\"/" ck/COMMIT
	run -0 four
	run ! same_as_plain
}

@test "a broker that is killed and comes again: it goes on, or is run again" {
	pid=
	rate=1500 short 2>err 3>&- &
	pid=$!
	stop_later $pid
	wait_for 20 test -s ck/COMMIT
	"$SML_ROOT/test/kafka/broker" kill "$DIR"
	sleep 0.5
	"$SML_ROOT/test/kafka/broker" restart "$DIR" >/dev/null
	wait $pid || [ $? = 1 ]
	until_done short
	cmp clean.jsonl <(topic rest)
}

@test "a sink that stood still for longer than the transaction may: 1, and run again it goes on" {
	mkdir pids
	slow=(-X transaction.timeout.ms=1000 -X socket.timeout.ms=1000)
	rate=1500 short "${slow[@]}" 2>err 3>&- &
	pid=$!
	stop_later $pid
	wait_for 20 test -s ck/COMMIT
	kill -STOP "$(cat pids/route)"
	sleep 3.5
	kill -CONT "$(cat pids/route)"
	local result=0
	wait $pid || result=$?
	equal 1 "$result"
	grep -Eq "open for longer than transaction.timeout.ms \(1000\)|Message timed out" err || { cat err && return 1; }
	until_done short "${slow[@]}"
	cmp clean.jsonl <(topic rest)
}

@test "a source that stood still for longer than the transaction may: 1, and run again it goes on" {
	local result=0 slow=(-X transaction.timeout.ms=1000 -X socket.timeout.ms=1000)
	still() (
		set -o pipefail
		stage replay "$@" --rate 1500/s clean.jsonl 3>&- | stage route -q "${slow[@]}" "*=kafka:$SML_PIPELINE.rest" 3>&-
	)
	mkdir pids
	still --interval 10s 2>err 3>&- &
	pid=$!
	stop_later $pid
	wait_for 20 sent
	kill -STOP "$(cat pids/replay)"
	sleep 3.5
	kill -CONT "$(cat pids/replay)"
	wait $pid || result=$?
	equal 1 "$result"
	grep -Eq "open for longer than transaction.timeout.ms \(1000\)|Message timed out" err || { cat err && return 1; }
	until_done still
	cmp clean.jsonl <(topic rest)
}

@test "a disk that is full, or fails, under topics: 1, and the next run goes on" {
	local fault
	head -n 1000 clean >clean.jsonl
	for fault in 'write ENOSPC 2+ *.ckpt*' 'rename ENOSPC 2' 'rename ENOSPC 3' 'fsync EIO 2'; do
		anew
		victim=route rule=$fault run short
		[ "$status" -eq 1 ] || { echo "$fault: status $status: $output" && return 1; }
		[[ $output == *'sml-route: '*@(No space left on device|Input/output error)* ]] || { echo "$fault: $output" && return 1; }
		until_done short
		cmp clean.jsonl <(topic rest) || { echo "$fault" && return 1; }
	done
}

@test "another pipeline of the same name is refused, and this one goes on" {
	mkdir pids
	rate=1500 short 2>err 3>&- &
	pid=$!
	stop_later $pid
	wait_for 20 test -s ck/COMMIT
	mv pids first
	SML_CHECKPOINT=$PWD/other told 2 'another pipeline is called so (--pipeline NAME)' short
	kill -TERM "$(cat first/replay)"
	wait $pid
	equal '' "$(cat err)"
	until_done short
	cmp clean.jsonl <(topic rest)
}

@test "one that takes its place ends it with 2" {
	pid=
	rate=1500 short 2>err 3>&- &
	pid=$!
	stop_later $pid
	wait_for 20 test -s ck/COMMIT
	cp -r ck copy
	# What the copy has been left behind by is refused; what ends the first is that it asked in earnest.
	SML_CHECKPOINT=$PWD/copy run short
	[ "$status" = 0 ] || [ "$status" = 2 ]
	local result=0
	wait $pid || result=$?
	equal 2 "$result" || { cat err && return 1; }
	grep -q 'another process commits under this name now' err
}

# The answer to one request says so, and that to the next is being read while the client is taken down: a request for each partition.
@test "one whose place is taken while requests are on their way ends with 2, not by a signal" {
	local result=0
	long() (
		set -o pipefail
		stage replay --interval 10s --rate 1500/s clean.jsonl 3>&- | stage route -q "*=kafka:$SML_PIPELINE.rest" 3>&-
	)
	export SML_PIPELINE=wide
	kafka-produce -b "$BOOT" -t wide.rest --create 12 </dev/null
	victim=route rule='recvmsg late:100 1+ socket:*' long 2>err 3>&- &
	pid=$!
	stop_later $pid
	wait_for 20 sent
	SML_CHECKPOINT=$PWD/other run -0 short
	wait $pid || result=$?
	equal 2 "$result" || { cat err && return 1; }
	grep -q 'another process commits under this name now' err
	sort clean.jsonl >sorted
	wait_for 20 eval 'topic rest | sort | cmp -s sorted'	# the ends of a transaction are not in all partitions at once
}

@test "a directory that is older than what was committed, or another one: 2" {
	head -n 1000 clean >clean.jsonl
	run -0 short
	cp -r ck was
	cp clean clean.jsonl
	run -0 short
	rm -rf ck
	mv was ck
	told 2 'is another directory than the one it was committed in, or an older copy' short
	rm -rf ck
	told 2 'another pipeline is called so' short
	cmp clean.jsonl <(topic rest)
}

@test "offsets that are gone, or another program's: 2" {
	head -n 1000 clean >clean.jsonl
	run -0 short
	kafka_group() {
		"$SML_ROOT/test/kafka/broker" java "$DIR" org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server "$BOOT" \
			--group "sml-$SML_PIPELINE" "$@"
	}
	run -0 kafka_group --delete-offsets --topic "$SML_PIPELINE.rest"
	cp clean clean.jsonl
	told 2 'it was deleted, or has expired (offsets.retention.minutes)' short
	run -0 kafka_group --reset-offsets --to-earliest --topic "$SML_PIPELINE.rest" --execute
	told 2 'another program commits for this group' short
	cmp <(head -n 1000 clean) <(topic rest)
}

@test "what a checkpoint is of does not change: names, topics or none" {
	head -n 1000 clean >clean.jsonl
	run -0 short
	told 2 "is the checkpoint of group sml-$SML_PIPELINE, and this pipeline is sml-other" short --pipeline other
	only_files() (
		set -o pipefail
		sml-replay clean.jsonl | sml-route -q '*=some.jsonl'
	)
	told 2 'is the checkpoint of a pipeline that writes to topics' only_files
	rm -rf ck
	run -0 only_files
	told 2 'is the checkpoint of a pipeline that writes no topics' short
	# The first topic is no longer the one where commits stand: they are found all the same.
	anew
	run -0 short
	cp clean clean.jsonl
	run -0 short "HIGH_VALUE=kafka:$SML_PIPELINE.vip"
	equal "$SML_PIPELINE.rest" "$(jq -r .transaction.topic ck/COMMIT)"
}

@test "the name is that of the directory, or as it is given" {
	unset SML_PIPELINE
	head -n 10 clean >clean.jsonl
	kafka-produce -b "$BOOT" -t named --create 1 </dev/null
	named() (
		set -o pipefail
		sml-replay clean.jsonl | sml-route -q "$@" '*=kafka:named'
	)
	SML_CHECKPOINT=$PWD/by.folder/ run -0 named
	equal sml-by.folder "$(jq -r .transaction.name by.folder/COMMIT)"
	SML_CHECKPOINT=$PWD/second run -0 named --pipeline by-hand
	equal sml-by-hand "$(jq -r .transaction.name second/COMMIT)"
	told 2 'is no name' named --pipeline 'a b'
	told 2 'is no name' named --pipeline ''
	SML_PIPELINE='a/b' told 2 'is no name' named
	SML_CHECKPOINT='' told 2 'there is none (--checkpoint DIR)' named --pipeline x
	told 2 'no destination is a topic' sml-route --pipeline x '*=x.jsonl' </dev/null
}

@test "what a transaction cannot be: on two clusters, without idempotence, of a topic that is not there" {
	told 2 'destinations on two clusters' short "HIGH_VALUE=kafka:$SML_PIPELINE.vip" 'error=kafka://127.0.0.1:1/x'
	told 2 'transactional.id is not to be set: --pipeline is' short -X transactional.id=x
	told 2 'enable.idempotence is not to be set' short -X enable.idempotence=false
	told 2 'acks is not to be set' short -X acks=1
	told 1 'there is no such topic' short 'HIGH_VALUE=kafka:nowhere'
	KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:1 told 1 'no broker' short
}

@test "a record too large for the client becomes an error record once, over kills; one too large for the broker: 2" {
	head -n 200 clean >clean.jsonl
	jq -nc '{timestamp: 1719964800000, userId: "u", x: ("x" * 9000)}' >>clean.jsonl
	head -n 300 clean | tail -n 100 >>clean.jsonl
	large() {
		short --oversize error -X message.max.bytes=6000 "error=kafka:$SML_PIPELINE.bad"
	}
	local k
	for k in 2 4 6; do
		victim=route rule="rename before $k" run large
	done
	until_done large
	[ "$(topic bad | wc -l)" -ge 1 ]
	equal "$(wc -l <clean.jsonl)" "$(($(topic bad | wc -l) + $(topic rest | wc -l)))"
	anew
	kafka-produce -b "$BOOT" -t "$SML_PIPELINE.tight" --create 1 --config max.message.bytes=3000 </dev/null
	told 2 "kafka:$SML_PIPELINE.tight: a record of" short "userId != \"\"=kafka:$SML_PIPELINE.tight"
}
