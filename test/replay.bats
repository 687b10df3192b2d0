#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# sml-replay: files, pace and bounds, and topics of librdkafka's mock cluster.  On a real broker: kafka.bats.
# shellcheck disable=SC2030,SC2031,SC2154,SC2317 # bats sets variables and calls functions

load helper

ORACLE=$SML_ROOT/test/helper/merge-oracle.py

setup() {
	common_setup
	BASE=$(($(date +%s) * 1000 - 3600000))
}

# mock NAME:PARTITIONS...: a mock cluster with these topics; "down 1" and "up 1" go to descriptor 9
mock() {
	local topics=() topic
	for topic; do
		topics+=(--topic "$topic")
	done
	mkfifo mock.in
	mock-broker "${topics[@]}" --seconds 120 <mock.in >bootstrap 3>&- &
	stop_later $!
	exec 9>mock.in
	wait_for 10 test -s bootstrap
	KAFKA_BOOTSTRAP_SERVERS=$(cat bootstrap)
	export KAFKA_BOOTSTRAP_SERVERS
}

# events FROM TO: a line a second
events() {
	seq "$1" "$2" | awk -v base="$BASE" '{ printf "{\"id\":%d,\"timestamp\":%.0f}\n", $1, base + $1 * 1000 }'
}

produce() {
	local topic=$1
	shift
	kafka-produce -b "$KAFKA_BOOTSTRAP_SERVERS" -t "$topic" --timestamp-field timestamp "$@" 9>&-
}

# by_turns TOPIC: the lines, without keys, to its partitions 0 and 1.  librdkafka puts those without a key where it likes, for some
# ms each; where a partition ends within the files' last two overlaps, one duplicate more is read there and dropped.
by_turns() {
	local partition
	cat >turns
	for partition in 0 1; do
		awk -v partition=$partition 'NR % 2 == partition' turns | produce "$1" -p $partition
	done
}

ids() {
	sed 's/^{"id":\([0-9]*\),.*/\1/' "$@" | sort -n
}

misuse() { # SENTENCE ARGUMENT...
	local sentence=$1
	shift
	run -2 --separate-stderr sml-replay "$@" </dev/null
	[ -z "$output" ]
	[ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == "sml-replay: "*"$sentence"* ]] || { echo "$stderr" && false; }
}

# seconds COMMAND...: how long it took, in tenths
tenths() {
	local start=${EPOCHREALTIME/./}
	"$@" >/dev/null
	echo $(((${EPOCHREALTIME/./} - start) / 100000))
}

# ---- files ----

@test "files, standard input, gzip and Zstandard, in the order of the operands" {
	events 1 3 >a
	printf '{"id":4,"timestamp":4}' >b # no LF at its end
	events 5 6 | gzip >c.gz
	events 7 8 | gzip >>c.gz
	events 9 9 | zstd -q >d.zst
	run -0 sml-replay a b c.gz - d.zst < <(echo '{"id":0,"timestamp":0}')
	equal "$(cat a; echo '{"id":4,"timestamp":4}'; zcat c.gz; echo '{"id":0,"timestamp":0}'; zstdcat -q d.zst)" "$output"
	cp c.gz misnamed
	run -0 sml-replay misnamed
	[ "${#lines[@]}" = 4 ]
	run -0 sml-replay <a
	equal "$(cat a)" "$output"
	printf '{"x":1}\n' >kafka:x
	run -0 sml-replay ./kafka:x
	equal '{"x":1}' "$output"
}

@test "what it does not look into it does not touch" {
	printf '%s\n' '{"big":9007199254740993, "a" : 1.50}' 'no json' '[1]' $'{"a":\xff}' $'{"crlf":1}\r' >in
	sml-replay in >out
	same_file in out
	# Where an option makes it look, what is no JSON object is its own error record.
	sml-replay --until 2100-01-01 in >out
	equal "$(sed -n 1p in)" "$(sed -n 1p out)"
	equal '["PARSE_ERROR","no json","replay","in",2]' "$(sed -n 2p out | jq -c '[.errorType, .rawData, .stage, .source, .line]')"
	equal 'PARSE_ERROR PARSE_ERROR' "$(sed -n 3,4p out | jq -r .errorType | paste -sd ' ')"
	equal $'{"crlf":1}\r' "$(sed -n 5p out)"
}

@test "unreadable files fail before anything is written" {
	events 1 2 >a
	run -1 --separate-stderr sml-replay a missing
	[ -z "$output" ]
	equal 'sml-replay: missing: No such file or directory' "$stderr"
	mkdir dir
	run -1 --separate-stderr sml-replay a dir
	equal 'sml-replay: dir: is a directory' "$stderr"
	events 1 100 | gzip | head -c 60 >cut.gz
	run -1 --separate-stderr sml-replay cut.gz
	equal 'sml-replay: cut.gz: the gzip data are cut short' "$stderr"
}

@test "control records and error records cannot be forged, true ones pass" {
	echo 'no json' | sml-replay --arrival >error
	{ echo '{"_sml":"begin"}'; echo '{"errorType":"x","_sml":"error"}'; echo '{"a":1,"_sml":"error"}'; cat error; } >in
	run -0 --separate-stderr sml-replay in
	equal 'RESERVED RESERVED RESERVED PARSE_ERROR' "$(printf '%s\n' "${lines[@]}" | jq -r .errorType | paste -sd ' ')"
	equal "$(cat error)" "${lines[3]}"
	equal '{"_sml":"begin"}' "$(jq -r .rawData <<<"${lines[0]}")"
	[[ $stderr == *"3 of 4 "*"error records"* ]]
	run -3 sml-replay --on-bad=stop in
}

@test "--retry gives the originals, byte for byte" {
	printf '%s\n' 'no json' $'\xff\xfe' '{"a":' '{"quote":"\" \\",' >in
	sml-replay --arrival in >dead
	[ "$(grep -c errorType dead)" = 4 ]
	sml-replay --retry dead >out
	same_file in out
	# What is no error record passes; an original that is not there stays away.
	echo '{"a":1}' >>dead
	printf '{"too":"%05000d"}\n' 0 | sml-replay --max-line 5 >long
	run -0 sml-replay --retry dead long
	equal '{"a":1}' "${lines[4]}"
	equal TOO_LONG "$(jq -r .errorType <<<"${lines[5]}")"
	[ "${#lines[@]}" = 6 ]
}

@test "-c counts records of files, --until goes by event time" {
	events 1 100 >a
	run -0 sml-replay -c 3 a
	equal "$(head -n 3 a)" "$output"
	run -0 sml-replay -c 101 a
	[ "${#lines[@]}" = 100 ]
	run -0 sml-replay -c 105 a a
	[ "${#lines[@]}" = 105 ]
	run -0 sml-replay --until $((BASE + 50000)) a
	equal "$(head -n 49 a)" "$output"
	run -0 sml-replay --until "$(date -u -d @$((BASE / 1000 + 50)) +%Y-%m-%dT%H:%M:%SZ)" -T timestamp:ms a
	equal "$(head -n "${#lines[@]}" a)" "$output"
	[ "${#lines[@]}" = 49 ] || [ "${#lines[@]}" = 50 ]
	printf '%s\n' '{"t":"2024-01-01T00:00:00Z"}' '{"x":1}' '{"t":"2024-01-03T00:00:00Z"}' >b
	run -0 sml-replay -T t:rfc3339 --until 2024-01-02 b
	[ "${#lines[@]}" = 2 ]
}

@test "--rate and --speed keep their pace and change no byte" {
	skip_if_sanitized
	events 1 2000 >a
	took=$(tenths sml-replay --rate 1000/s a)
	echo "$took tenths"
	[ "$took" -ge 19 ] && [ "$took" -le 25 ]
	sml-replay --rate 100000/s a >out
	same_file a out
	# 2,000 s of events in two.
	took=$(tenths sml-replay --speed 1000 a)
	echo "$took tenths"
	[ "$took" -ge 19 ] && [ "$took" -le 25 ]
	# Out of order, without a time, before 1970.
	printf '%s\n' '{"timestamp":1000}' '{"timestamp":500}' '{}' '{"timestamp":"x"}' '{"timestamp":-99999}' '{"timestamp":1100}' >b
	sml-replay --speed 10 b >out
	same_file b out
	# Each record leaves when it is due, not with its batch.
	sml-replay --rate 2/s a >out 3>&- &
	stop_later $!
	sleep 1.3
	[ "$(wc -l <out)" = 3 ]
	# Hardly any work while it waits.
	sml-replay --rate 100/s -c 200 a >/dev/null 3>&- &
	pid=$!
	stop_later $pid
	sleep 1.8
	used=$(awk '{ print $14 + $15 }' /proc/$pid/stat)
	[ "$used" -le 20 ]
}

@test "SIGTERM during a pause ends promptly, with what was due" {
	events 1 100 >a
	sml-replay --rate 1/s a >out 3>&- &
	pid=$!
	stop_later $pid
	wait_for 5 test -s out
	kill $pid
	wait_gone $pid 2
	wait $pid
	equal "$(head -n 1 a)" "$(cat out)"
}

@test "the summary counts what has left" {
	events 1 3000 >a
	sml-replay -v --rate 300/s a >out 2>err 3>&- &
	pid=$!
	stop_later $pid
	wait_for 5 test -s out
	kill $pid
	wait $pid
	grep -qE "^sml-replay: $(wc -l <out) records?, " err
	run -0 --separate-stderr sml-replay -v -c 5 a
	[[ $stderr == "sml-replay: 5 records, "* ]]
	run -0 --separate-stderr sml-replay -v -c 1 a
	[[ $stderr == "sml-replay: 1 record, "* ]]
	run -0 --separate-stderr sml-replay -v -q --until $((BASE + 10000)) --metrics m a
	[ "${#lines[@]}" = 9 ]
	grep -q '^sml_replay_records_total.* 9$' m
	# A bad line behind the end is nobody's.
	run -0 --separate-stderr sml-replay -c 2 --arrival --on-bad stop < <(head -n 2 a; echo '{"_sml":"begin"}x'; echo bad)
	[ "${#lines[@]}" = 2 ]
	[ -z "$stderr" ]
}

@test "--until and --speed tell of records without an event time, and only where none has one" {
	seq 150 | sed 's/.*/{"a":&}/' >timeless
	head -n 1 timeless >one
	events 1 2 >timed
	for option in '--until 2100-01-01' '--speed 1000'; do
		for told in '100 records:timeless' '1 record:one'; do
			# shellcheck disable=SC2086
			run -0 --separate-stderr sml-replay $option "${told#*:}"
			equal "$(cat "${told#*:}")" "$output"
			equal "sml-replay: ${option% *}: ${told%:*} without an event time at \"timestamp\" in ms, and none with one (-T PATH[:UNIT])" \
				"$stderr"
		done
		# shellcheck disable=SC2086
		run -0 --separate-stderr sml-replay $option one timed
		equal '' "$stderr"
		# shellcheck disable=SC2086
		run -0 --separate-stderr sml-replay -q $option timeless
		equal '' "$stderr"
	done
	run -0 --separate-stderr sml-replay --until 2100-01-01 -T timestamp:rfc3339 timed
	equal '--until: 2 records without an event time at "timestamp" in rfc3339' "$(grep -o -- '--until.*rfc3339' <<<"$stderr")"
}

@test "--arrival stamps records, and replaces a stamp that is there" {
	before=$(date +%s)
	run -0 sml-replay --arrival <<<'{"a":1,"_in":5,"b":2}'
	equal '{"a":1,"b":2}' "$(jq -c 'del(._in)' <<<"$output")"
	at=$(jq '._in / 1000000 | floor' <<<"$output")
	[ "$at" -ge "$before" ] && [ "$at" -le $((before + 10)) ]
}

# ---- merged ----

# merged SEED KIND FILE SIZE...: --merge of random files is what the oracle says; its output stays in `out`
merged() {
	local files=() i
	for ((i = 3; i <= $#; i += 2)); do
		files+=("${!i}")
	done
	python3 "$ORACLE" "$@"
	sml-replay -q --merge "${files[@]}" >out
	run -0 python3 "$ORACLE" --compare out
}

@test "--merge: sorted files give what a stable sort of all of them gives" {
	export SOURCE_DATE_EPOCH=0
	merged 1 sorted a 500 b 500
	merged 2 sorted a 1000 b 3 c 700
	cat a b c | sed 's/.*"timestamp":\(-*[0-9]*\).*/\1\t&/' | sort -s -k 1,1n | cut -f 2- >sorted
	same_file sorted out
	merged 3 sorted a 0 b 40 c 0
	merged 4 sorted a 31 b 32 c 33 d 64 e 1 f 0 g 1000
	merged 5 sorted a 100
	merged 6 sorted a 0
	[ ! -s out ]
	many=()
	for i in $(seq 60); do
		many+=("f$i" $((i * 3)))
	done
	merged 7 sorted "${many[@]}"
}

@test "--merge: what is out of order, has no time or is no JSON keeps its place in its input" {
	export SOURCE_DATE_EPOCH=0
	for seed in 1 2 3 4 5 6; do
		merged $seed rough a 400 b 90 c 300 d 0 e 1
	done
	grep -q '"errorType":"PARSE_ERROR".*"source":"b"' out
	# The first to come decides: an input that goes back gives its records at once.
	printf '{"timestamp":%s,"f":"a"}\n' 1 9 2 3 10 >a
	printf '{"timestamp":%s,"f":"b"}\n' 4 9 11 >b
	equal '1a 4b 9a 2a 3a 9b 10a 11b' "$(sml-replay --merge a b | jq -r '"\(.timestamp)\(.f)"' | paste -sd ' ')"
	equal '1a 4b 9b 9a 2a 3a 10a 11b' "$(sml-replay --merge b a | jq -r '"\(.timestamp)\(.f)"' | paste -sd ' ')"
}

@test "--merge: packed files, pipes in pieces and standard input give the same bytes" {
	export SOURCE_DATE_EPOCH=0
	merged 8 rough a 3000 b 2000 c 1000
	mkdir packed pipes
	gzip <a >packed/a
	zstd -q <b >packed/b
	cp c packed
	(cd packed && sml-replay -q --merge a b c) >got
	same_file out got
	for seed in 1 2; do
		rm -f pipes/*
		mkfifo pipes/a pipes/b pipes/c
		python3 "$ORACLE" --feed $seed a pipes/a b pipes/b c pipes/c 3>&- &
		stop_later $!
		(cd pipes && timeout 20 sml-replay -q --merge a b c) >got
		same_file out got
	done
	sml-replay -q --merge a - c <b | sed 's/"source":"stdin"/"source":"b"/' >got
	same_file out got
	# On a pipe, and in a chain that reads each line once.
	sml-replay -q --merge a b c | sml-features -q -d 'n = count()' -d 'i = last(i)' >pipe
	sml replay -q --merge a b c 'then' features -q -d 'n = count()' -d 'i = last(i)' >chain
	same_file pipe chain
}

@test "--merge gives a record as soon as it is settled, and waits for a pipe that has none" {
	mkfifo a b
	sml-replay --merge a b >out 3>&- &
	pid=$!
	stop_later $pid
	exec 8>a 9>b
	echo '{"timestamp":2}' >&8
	pause 0.2
	[ ! -s out ]
	echo '{"timestamp":1}' >&9
	wait_for 5 test -s out
	equal '{"timestamp":1}' "$(cat out)"
	exec 9>&-
	wait_for 5 grep -q 2 out
	exec 8>&-
	wait $pid
	equal '{"timestamp":1} {"timestamp":2}' "$(paste -sd ' ' out)"
}

@test "--merge with a count, an end, a pace and stamps; what is counted is what has left" {
	events 1 300 | sed -n 'p;n' >odd
	events 1 300 | sed -n 'n;p' >even
	events 1 300 >all
	run -0 --separate-stderr sml-replay -v --merge even odd --metrics m
	equal "$(cat all)" "$output"
	[[ $stderr == "sml-replay: 300 records, "* ]]
	grep -q '^sml_replay_records_total.* 300$' m
	run -0 --separate-stderr sml-replay -v --merge -c 70 even odd --metrics m
	equal "$(head -n 70 all)" "$output"
	[[ $stderr == "sml-replay: 70 records, "* ]]
	grep -q '^sml_replay_records_total.* 70$' m
	run -0 sml-replay --merge --until $((BASE + 50000)) even odd
	equal "$(head -n 49 all)" "$output"
	sml-replay --merge --speed 1000000 --rate 100000/s even odd >out
	same_file all out
	sml-replay --merge --arrival even odd | jq -c 'del(._in)' >out
	same_file all out
	# Dead letters among their events again.
	sed 's/^{"id":30,/{"id":oops,/' even | sml-features -q -d 'n = count()' >scored
	grep errorType scored >dead
	sml-replay --retry dead | sed 's/oops/30/' >repaired
	sml-replay --merge <(grep -v '"id":30,' even) odd repaired >out
	same_file all out
	sml-replay --retry --merge <(grep -v '"id":30,' even) odd <(sed 's/oops/30/' dead) >out
	same_file all out
}

@test "--merge tells of an input none of whose records has an event time" {
	events 1 200 >a
	seq 150 | sed 's/.*/{"at":&}/' >b
	echo '{"at":1}' >c
	run -0 --separate-stderr sml-replay --merge a b c
	equal "$(cat b c a)" "$output"
	equal 'sml-replay: --merge: c: 1 record without an event time at "timestamp" in ms, and none with one: it leaves at once (-T PATH[:UNIT])
sml-replay: --merge: b: 100 records without an event time at "timestamp" in ms, and none with one: they leave at once (-T PATH[:UNIT])' \
		"$(sort -r <<<"$stderr")"
	run -0 --separate-stderr sml-replay -q --merge a b
	[ -z "$stderr" ]
	# One that has one is enough.
	{ head -n 1 a; cat b; } >e
	run -0 --separate-stderr sml-replay --merge e a
	[ -z "$stderr" ]
	run -0 --separate-stderr sml-replay --merge -T at:s b c
	[ -z "$stderr" ]
	equal '1 1 2 3' "$(head -n 4 <<<"$output" | jq .at | paste -sd ' ')"
}

@test "--merge: files that cannot be read, pipes that would be read twice" {
	events 1 50 >a
	run -1 --separate-stderr sml-replay --merge a missing
	equal 'sml-replay: missing: No such file or directory' "$output$stderr"
	gzip <a | head -c 100 >cut.gz
	run -1 --separate-stderr sml-replay --merge a cut.gz
	equal 'sml-replay: cut.gz: the gzip data are cut short' "$stderr"
	mkfifo p
	run -1 --separate-stderr timeout 5 sml-replay --merge a p p
	equal 'sml-replay: p: is the same pipe as p, which can be read only once' "$output$stderr"
	run -1 --separate-stderr timeout 5 sml-replay --merge - /dev/stdin < <(cat a)
	equal 'sml-replay: /dev/stdin: is the same pipe as stdin, which can be read only once' "$output$stderr"
	run -0 sml-replay --merge a a
	[ "${#lines[@]}" = 100 ]
}

@test "--merge keeps a buffer for each input and not the inputs" {
	skip_if_sanitized
	for time in 1 2; do
		yes "{\"timestamp\":$time,\"text\":\"$(printf '%0900d' 0)\"}" | head -n 60000 >file$time
	done
	sml-replay --merge file1 file2 >all
	cmp all <(cat file1 file2)
	(ulimit -v 60000 && sml-replay --merge file2 file1 | cmp - all)
}

# ---- what is typed ----

@test "mistakes are one line and status 2" {
	events 1 1 >a
	misuse 'a: stands behind a topic' kafka:t a
	misuse 'is named twice' kafka:t kafka:t
	misuse 'other brokers than the topic before it' kafka://a:1/t kafka://b:1/u
	misuse 'names no topic' kafka:
	misuse 'is not kafka://HOST:PORT,.../TOPIC' kafka://t
	misuse 'is no name of a topic' 'kafka:a b'
	misuse 'stored offsets are a group' -o stored kafka:t
	misuse 'needs a file before the topic' -o handoff kafka:t
	misuse '"x" is none of beginning, end' -o x kafka:t
	misuse 'is a second place to begin at' -o 1 -o end kafka:t
	misuse '--offset: ' -o @yesterday kafka:t
	misuse 'is not a list of partitions' -p 3-1 kafka:t
	misuse 'is not a list of partitions' -p x kafka:t
	misuse 'is not a number of records a second' --rate 5/m a
	misuse 'is not a number of records a second' --rate 0 a
	misuse '--speed' --speed 0 a
	misuse '--until: ' --until soon a
	misuse '--merge: names no files' --merge
	misuse '--merge: is of files, and kafka:t is a topic' --merge a kafka:t
	misuse '--merge: is of files, and kafka:t is a topic' --merge kafka:t
	misuse '-: is named twice: standard input can be merged with others, not with itself' --merge - a -
	misuse '--same-by: ' --same-by 'a..b' a kafka:t
	misuse 'needs a topic' -G g a
	misuse 'needs a topic' --meta a
	misuse 'needs a topic' --overlap 3s a
	misuse 'is about the hand-over' --overlap 3s kafka:t
	misuse 'is about the hand-over' --same-by id -o end a kafka:t
	misuse 'offsets are committed for a group' --commit 1s kafka:t
	misuse 'at least 100ms' -G g --commit 1ms kafka:t
	misuse '--count' -c 0 a
	misuse 'unknown option "-t" (a topic is written kafka:TOPIC)' -t topic
	misuse 'No such configuration property: "foo"' -X foo=1 kafka:t
	misuse 'is not PROPERTY=VALUE' -X foo kafka:t
	misuse 'group.id is not to be set: -G is' -X group.id=g kafka:t
	misuse 'bootstrap.servers is not to be set: -b is' -X bootstrap.servers=x:1 kafka:t
	misuse 'offsets are committed when records have been written' -X enable.auto.commit=true kafka:t
	misuse 'Unsupported SASL mechanism' -X security.protocol=sasl_plaintext -X sasl.mechanisms=NONE kafka:t
	printf '# a comment\n\n client.id = me \nfoo=1\n' >props
	misuse 'props:4: No such configuration property: "foo"' -F props kafka:t
	misuse '-F: missing: No such file or directory' -F missing kafka:t
	misuse 'brokers (from -b): "localhost:abc" is not HOST:PORT: a port is a number from 1 to 65535' -b localhost:abc kafka:t
	misuse '"b:0" is not HOST:PORT' -b a:1,b:0 kafka:t
	misuse '"b:65536" is not HOST:PORT' -b b:65536 kafka:t
	misuse '"[::1]:" is not HOST:PORT' -b '[::1]:' kafka:t
	misuse '"http://a/b" is not HOST:PORT' -b http://a/b kafka:t
	misuse '":9092" names no host' -b :9092 kafka:t
	misuse '"" names no host' -b a:1, kafka:t
	misuse '(from the address): "a:b" is not HOST:PORT' kafka://a:b/t
	# A password is not shown.
	run -2 --separate-stderr sml-replay -X security.protocol=plaintext -X sasl.mechanisms=x -X ssl.key.passwordx=secret kafka:t
	[[ $stderr != *secret* ]]
}

@test "no broker answers: within ten seconds, with its address and where it came from" {
	events 1 1 >a
	timeout 12 sml-replay kafka://127.0.0.1:1/t 2>address 3>&- &
	timeout 12 sml-replay -b 127.0.0.1:1 kafka:t 2>option 3>&- &
	KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:1 timeout 12 sml-replay kafka:t 2>environment 3>&- &
	# Not even when there is a file before it.
	timeout 12 sml-replay -b no.such.host.invalid:9092 a kafka:t >out 2>unknown 3>&- &
	# Many are one line, of a length that can be read.
	timeout 12 sml-replay -b "$(seq -f 127.0.0.1:%g -s , 24)" kafka:t 2>many 3>&- &
	for pid in $(jobs -p); do
		wait "$pid" && status=0 || status=$?
		[ "$status" = 1 ]
	done
	[[ $(cat address) == "sml-replay: no broker answers at 127.0.0.1:1 (from the address): "*"Connection refused"* ]]
	[[ $(cat option) == "sml-replay: no broker answers at 127.0.0.1:1 (from -b): "* ]]
	[[ $(cat environment) == "sml-replay: no broker answers at 127.0.0.1:1 (from \$KAFKA_BOOTSTRAP_SERVERS): "* ]]
	[ ! -s out ]
	[[ $(cat unknown) == *"no broker answers at no.such.host.invalid:9092"* ]]
	equal 1 "$(wc -l <many)"
	[[ $(cat many) == "sml-replay: no broker answers at 127.0.0.1:1,127.0.0.1:2 and 22 more (from -b): "*"Connection refused"* ]]
}

@test "a broker that is far away is waited for, by sml-route too" {
	mock far:1
	echo slow 1 250 >&9
	echo '{"id":1}' | sml-route '*=kafka:far'
	equal '{"id":1}' "$(sml-replay -q -e kafka:far)"
}

@test "a stop while brokers are waited for is a good end, of a chain none" {
	for signal in INT TERM; do
		run -0 --separate-stderr timeout --preserve-status -s $signal 0.5 sml-replay -b 127.0.0.1:1 -o end kafka:t
		[ -z "$output$stderr" ]
	done
	run -0 --separate-stderr timeout --preserve-status -s INT 0.5 sml-replay -v -b 127.0.0.1:1 -o end kafka:t
	equal 'sml-replay: 0 records, stopped while it waited for brokers' "$output$stderr"
	run -143 timeout --preserve-status 0.5 sml replay -b 127.0.0.1:1 kafka:t 'then' features -d 'n = count()'
}

# ---- topics ----

@test "the mock cluster of the tests and the demo has a usage" {
	run -0 mock-broker --help
	[[ ${lines[0]} == "usage: mock-broker "* ]]
	run -2 mock-broker --no-such
	[[ $output == *"usage: mock-broker "* ]]
}

@test "a topic whose broker can't look up times is handed over by scanning" {
	mock live:2 empty:1
	events 1 100 >history
	events 61 300 | by_turns live
	run -0 --separate-stderr sml-replay -e history kafka:live
	equal "$(seq 300)" "$(printf '%s\n' "${lines[@]}" | ids)"
	equal 'sml-replay: hand-over: gap 0 s, 40 duplicates suppressed' "$stderr"
	run -0 --separate-stderr sml-replay -q -e history kafka:live
	[ -z "$stderr" ]
	run -0 --separate-stderr sml-replay -e --overlap 5s history kafka:live
	equal "$(seq 300)" "$(printf '%s\n' "${lines[@]}" | ids)"
	equal 'sml-replay: hand-over: gap 0 s, 6 duplicates suppressed' "$stderr"
	# A pipe, and -v that says what that means.
	run -0 --separate-stderr sml-replay -v -e - kafka:live < <(cat history)
	equal "$(seq 300)" "$(printf '%s\n' "${lines[@]}" | ids)"
	[[ $stderr == *"stdin can't be read ahead"* ]]
	# Not reaching back.
	events 1 50 >old
	run -1 --separate-stderr sml-replay -e old kafka:live
	[ -z "$output" ]
	[[ $stderr == *"does not reach back"*"a gap of 11s"*"--allow-gap"*"-o end"* ]]
	run -1 --separate-stderr sml-replay -e - kafka:live < <(cat old)
	[[ $stderr == *"a gap of 11s"* ]]
	run -0 --separate-stderr sml-replay -e --allow-gap old kafka:live
	[ "${#lines[@]}" = 290 ]
	equal 'sml-replay: hand-over: gap 11 s, 0 duplicates suppressed' "$stderr"
	# Empty files, an empty topic, files without a time.
	: >nothing
	run -0 --separate-stderr sml-replay -e nothing kafka:live
	[ "${#lines[@]}" = 240 ]
	equal "sml-replay: the files are empty: begins at the topic's beginning" "$stderr"
	run -0 --separate-stderr sml-replay -e history kafka:empty
	[ "${#lines[@]}" = 100 ]
	echo '{"a":1}' >timeless
	run -2 --separate-stderr sml-replay -e timeless kafka:live
	[[ $stderr == *'no line of the files'\'' end has an event time at "timestamp" (-T PATH[:UNIT])' ]]
}

@test "a wrong event time in the files moves no hand-over: nothing is lost, nothing comes twice" {
	mock live:2
	events 1 400 | by_turns live
	end=$(date -u -d "@$((BASE / 1000 + 300))" +%Y-%m-%dT%H:%M:%SZ)
	while read -r wrong before is_told; do
		{ events 1 "$before"; echo "{\"id\":9000,\"timestamp\":$wrong}"; events $((before + 1)) 300; } >history
		gzip -c history >history.gz
		: >told
		[ -z "$is_told" ] ||
			echo "sml-replay: 1 record of the files is ahead of time (2100-01-01T00:00:00Z): the hand-over is where the others end, $end" >told
		echo 'sml-replay: hand-over: gap 0 s, 61 duplicates suppressed' >>told
		for input in history history.gz -; do
			run -0 --separate-stderr sml-replay -e $input kafka:live < <(cat history)
			equal "$({ seq 400; echo 9000; } | sort -n)" "$(printf '%s\n' "${lines[@]}" | ids)"
			equal "$(cat told)" "$stderr"
		done
	done <<-TIMES
		4102444800000 290 told
		4102444800000 300 told
		0 290
		0 300
		$((BASE + 500000)) 300
	TIMES
}

@test "a message ahead of time does not give back what the files hold, where the broker looks up no times" {
	mock live:2 first:1 late:1
	events 1 300 >history
	# Its time is an hour behind the files' end, its place in the middle.
	ahead=$(events 4000 4000)
	{ events 1 100; echo "$ahead"; events 101 310; } | produce live -p 0
	events 290 305 | sed 's/"id":/"id":9/' >other
	produce live -p 1 <other
	run -0 --separate-stderr sml-replay -e history kafka:live
	equal "$({ seq 310; ids other; echo 4000; } | sort -n)" "$(printf '%s\n' "${lines[@]}" | ids)"
	equal "sml-replay: hand-over: gap 0 s, 61 duplicates suppressed, 139 older messages skipped; perhaps doubled: 1 ahead of time (first: kafka:live[0], offset 100, $(date -u -d "@$((BASE / 1000 + 4000))" +%Y-%m-%dT%H:%M:%SZ))" \
		"$stderr"
	# The first of its partition: the topic reaches back all the same.
	{ echo "$ahead"; events 200 310; } | produce first
	run -0 --separate-stderr sml-replay -e history kafka:first
	equal "$({ seq 310; echo 4000; } | sort -n)" "$(printf '%s\n' "${lines[@]}" | ids)"
	# Late ones, which the files do not hold, are lost neither behind it nor before it.
	{ events 1 100; echo "$ahead"; events 101 300; events 5 5 | sed 's/"id":5/"id":555/'; events 301 310; } | produce late
	run -0 --separate-stderr sml-replay -e history kafka:late
	equal "$({ seq 310; echo 555; echo 4000; } | sort -n)" "$(printf '%s\n' "${lines[@]}" | ids)"
	[[ $stderr == *", 1 from before the overlap (first: kafka:late[0], offset 301, "* ]]
}

@test "the report comes when the overlap has been passed, once" {
	mock live:1
	events 1 100 >history
	events 81 170 | produce live
	sml-replay history kafka:live >out 2>err 3>&- 9>&- &
	pid=$!
	stop_later $pid
	wait_for 5 test -s err
	events 171 180 | produce live
	lines_are() { [ "$(wc -l <out)" = "$1" ]; }
	wait_for 5 lines_are 180
	kill $pid
	wait $pid
	equal 'sml-replay: hand-over: gap 0 s, 20 duplicates suppressed' "$(cat err)"
}

@test "a duplicate behind the overlap is none" {
	mock live:1
	events 1 100 >history
	# The same bytes, but sent two minutes behind the files' end.
	{ events 100 100; events 220 220; } | produce live
	sed -n 50p history | sed "s/}/}/" >again
	kafka-produce -b "$KAFKA_BOOTSTRAP_SERVERS" -t live <again 9>&-
	run -0 --separate-stderr sml-replay -e history kafka:live
	[ "$(printf '%s\n' "${lines[@]}" | ids | uniq -d)" = 50 ]
	equal 'sml-replay: hand-over: gap 0 s, 1 duplicate suppressed' "$stderr"
}

@test "live records appear at once, and the summary counts" {
	mock live:1
	sml-replay -v -o end kafka:live >out 2>err 3>&- 9>&- &
	pid=$!
	stop_later $pid
	wait_for 5 grep -q 'begins at 0' err
	sleep 0.3
	echo '{"a":1}' | kafka-produce -b "$KAFKA_BOOTSTRAP_SERVERS" -t live 9>&-
	wait_for 2 test -s out
	kafka-produce -b "$KAFKA_BOOTSTRAP_SERVERS" -t live --tombstone k 9>&-
	echo ' ' | kafka-produce -b "$KAFKA_BOOTSTRAP_SERVERS" -t live 9>&-
	echo '{"a":2}' | kafka-produce -b "$KAFKA_BOOTSTRAP_SERVERS" -t live 9>&-
	lines_are() { [ "$(wc -l <out)" = "$1" ]; }
	wait_for 5 lines_are 2
	kill $pid
	wait $pid
	grep -Eq '^sml-replay: +4  messages from topics$' err
	grep -Eq '^sml-replay: +1  tombstone$' err
	grep -Eq '^sml-replay: +1  blank message$' err
}

@test "a broker that goes away and comes back" {
	mock live:1
	events 1 10 | produce live
	sml-replay kafka:live >out 2>err 3>&- 9>&- &
	pid=$!
	stop_later $pid
	lines_are() { [ "$(wc -l <out)" = "$1" ]; }
	wait_for 5 lines_are 10
	echo 'down 1' >&9
	wait_for 10 grep -q 'no broker is reachable any more' err
	echo 'up 1' >&9
	sleep 0.5
	events 11 20 | produce live
	wait_for 15 lines_are 20
	grep -q 'a broker is reachable again' err
	[[ $(cat err) != *"()"* ]]
	kill $pid
	wait $pid
	equal "$(seq 20)" "$(ids out)"
}

@test "SIGTERM while the brokers are asked where the hand-over is: what was read is out, and the status 0" {
	mock live:1
	events 1 10 | produce live
	mkfifo p
	sml-replay - kafka:live <p >out 2>err 3>&- 9>&- &
	pid=$!
	stop_later $pid
	exec 8>p
	events 1 9 >&8
	lines_are() { [ "$(wc -l <out)" = "$1" ]; }
	wait_for 5 lines_are 9
	# The brokers are there, and say nothing more.
	kill -STOP "${stop_pids[0]}"
	events 10 10 >&8
	exec 8>&-
	wait_for 5 lines_are 10		# out before the wait
	kill $pid
	wait $pid && status=0 || status=$?
	kill -CONT "${stop_pids[0]}"
	equal 0 "$status" "$(cat err)"
	equal '' "$(cat err)"
	equal 10 "$(wc -l <out)"
}

@test "--meta on the mock cluster, and a dump that hands over by offset" {
	mock live:3
	events 1 90 | produce live --header h=v
	sml-replay -e --meta kafka:live >dump
	equal "$(seq 90)" "$(ids dump)"
	equal '{"topic":"live","key":null,"headers":{"h":"v"}}' \
		"$(head -n 1 dump | jq -c '._kafka | { topic, key, headers }')"
	events 91 100 | produce live
	run -0 --separate-stderr sml-replay -e --meta dump kafka:live
	equal "$(seq 100)" "$(printf '%s\n' "${lines[@]}" | ids)"
	equal "$(printf '%s\n' "${lines[@]}" | jq -c '._kafka | [.partition, .offset]' | sort -u | wc -l)" 100
}

@test "sml replay then ... reads topics too, and gives the pipe's bytes" {
	mock live:1
	events 1 500 | produce live
	sml-replay -e kafka:live | sml-features -d 'n = count() over all' -k id >pipe
	sml replay -e kafka:live 'then' features -d 'n = count() over all' -k id >chain
	[ "$(wc -l <pipe)" = 500 ]
	same_file pipe chain
}
