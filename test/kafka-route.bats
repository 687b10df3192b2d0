#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# sml-route on a real Apache Kafka: nothing lost or doubled, keys and partitions as the Java client has them.
# shellcheck disable=SC2154 # $stderr is of bats

load helper

setup_file() {
	load helper
	kafka_start
}

teardown_file() {
	kafka_stop
}

# topic NAME PARTITIONS: made empty
topic() {
	kafka-produce -b "$BOOT" -t "$1" --create "$2" </dev/null
}

# What the Java client reads: partition, timestamp, key and value, a line each.
java_reads() { # TOPIC COUNT
	"$SML_ROOT/test/kafka/broker" java "$DIR" org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$BOOT" --topic "$1" \
		--from-beginning --max-messages "$2" --timeout-ms 20000 --property print.partition=true \
		--property print.timestamp=true --property print.key=true 2>err
}

@test "50,000 records: every one in the topic once, in order per key, with event time as its timestamp" {
	topic many 6
	purchases -n 50000 --users 300 --plain >in
	sml-route -b "$BOOT" --message-key userId '*=kafka:many' <in
	java_reads many 50000 >got
	[ "$(wc -l <got)" = 50000 ]
	python3 - <<-'PY'
		import json
		sent = [json.loads(l) for l in open("in")]
		lines = open("in").read().splitlines()
		got, where = {}, {}
		for l in open("got"):
		    time, partition, key, value = l.rstrip("\n").split("\t")
		    r = json.loads(value)
		    assert int(time.split(":")[1]) == r["timestamp"], l
		    assert key == r["userId"]
		    assert where.setdefault(key, partition) == partition, "a key in two partitions"
		    got.setdefault(key, []).append(value)
		expected = {}
		for r, l in zip(sent, lines):
		    expected.setdefault(r["userId"], []).append(l)
		assert got == expected
	PY
}

@test "keys find the partitions that the Java client gives them" {
	topic ours 12
	topic javas 12
	python3 - >keys <<-'PY'
		keys = ["", "a", "ab", "abc", "abcd", "42", "Ünïcödé", "日本語", "x" * 300] + ["user-%d" % i for i in range(500)]
		print("\n".join(keys[1:]))
	PY
	python3 -c 'import json; [print(json.dumps({"k": l.rstrip("\n")}, ensure_ascii=False)) for l in open("keys")]' |
		sml-route -b "$BOOT" --message-key k '*=kafka:ours'
	sed 's/.*/&\tx/' keys | "$SML_ROOT/test/kafka/broker" java "$DIR" org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$BOOT" \
		--topic javas --property parse.key=true >/dev/null 2>err
	n=$(wc -l <keys)
	java_reads ours "$n" | cut -f 2,3 | sort >of-ours
	java_reads javas "$n" | cut -f 2,3 | sort >of-javas
	[ "$(wc -l <of-ours)" = "$n" ]
	same_file of-javas of-ours
}

@test "a key that is no string is its canonical text; no member, no key" {
	topic keyed 1
	printf '%s\n' '{"k":42.0,"timestamp":5}' '{"k":null,"timestamp":6}' '{"timestamp":7}' '{"k":true,"timestamp":8}' |
		sml-route -b "$BOOT" --message-key k '*=kafka:keyed'
	java_reads keyed 4 | cut -f 3 >got
	equal "$(printf '42\nnull\nnull\ntrue')" "$(cat got)"
}

@test "a record without a time goes with the one before it, and the hand-over behind it" {
	topic timeless 1
	seq 0 199 | awk '{ printf "{\"id\":\"a\",\"timestamp\":%.0f}\n", 1772323200000 + $1 * 10000 }' >history
	{ head -n 100 history; echo '{"id":"a","note":"heartbeat"}'; echo bad; tail -n 100 history; echo '{"id":"a","timestamp":-5}'; } |
		sml-route -q -b "$BOOT" --message-key id '*=kafka:timeless'
	java_reads timeless 203 | cut -f 1 >got
	equal "$({ jq .timestamp history; echo 1772324190000; echo 1772324190000; echo 1; } | sort -n)" \
		"$(sed 's/CreateTime://' got | sort -n)"
	run -0 --separate-stderr sml-replay -e -b "$BOOT" history kafka:timeless
	equal "$({ cat history; echo '{"id":"a","timestamp":-5}'; } | sort)" "$(printf '%s\n' "${lines[@]}" | sort)"
	[[ $stderr == "sml-replay: hand-over: gap 0 s, 7 duplicates suppressed; perhaps doubled: 1 from before the overlap"* ]]
	# Before the first one there is nothing to go by.
	topic first 1
	now=$(date +%s%3N)
	echo '{"id":1}' | sml-route -q -b "$BOOT" '*=kafka:first'
	[ "$(java_reads first 1 | cut -f 1 | tr -dc 0-9)" -ge "$now" ]
}

@test "several topics and a file, error records among them; what goes out comes back through sml-replay" {
	topic high 3
	topic dlq 1
	printf '%s\n' '{"classification":"HIGH_VALUE","n":1}' bad '{"classification":"x","n":2}' |
		sml-route -q -b "$BOOT" HIGH_VALUE="kafka://$BOOT/high" error=kafka:dlq '*=rest'
	equal '{"classification":"x","n":2}' "$(cat rest)"
	equal '{"classification":"HIGH_VALUE","n":1}' "$(sml-replay -e -b "$BOOT" kafka:high)"
	[[ $(sml-replay -e -b "$BOOT" kafka:dlq) == *'"rawData":"bad"'* ]]
}

@test "a broker that restarts in mid-stream: nothing lost, nothing doubled" {
	topic restarted 3
	purchases -n 6000 --plain >in
	mkfifo slow
	sml-route -b "$BOOT" --message-key userId '*=kafka:restarted' <slow 3>&- &
	pid=$!
	stop_later $pid
	exec 9>slow
	head -2000 in >&9
	"$SML_ROOT/test/kafka/broker" restart "$DIR" 3>&- 9>&- &
	restarting=$!
	sed -n 2001,4000p in >&9
	sleep 1
	wait $restarting
	tail -2000 in >&9
	exec 9>&-
	wait $pid
	sml-replay -e -b "$BOOT" kafka:restarted | sort >got
	sort in | cmp - got
}

@test "too large for the broker: stopped with 1, or an error record" {
	topic large 1
	python3 -c 'print("{\"n\":1}\n{\"x\":\"" + "y" * 1500000 + "\"}\n{\"n\":2}")' >in
	run -1 --separate-stderr sml-route -b "$BOOT" '*=kafka:large' <in
	[[ $stderr == sml-route:*large* ]]
	sml-route -q -b "$BOOT" --oversize=error TOO_LONG=late '*=kafka:large' <in
	[[ $(cat late) == '{"errorType":"TOO_LONG"'*'"length":1500008'* ]]
	# and when only the broker knows the limit
	sml-route -q -b "$BOOT" -X message.max.bytes=10000000 --oversize=error TOO_LONG=later '*=kafka:large' <in
	[[ $(cat later) == '{"errorType":"TOO_LONG"'* ]]
	[ "$(sml-replay -e -b "$BOOT" kafka:large | grep -c '"n":')" -ge 4 ]
}

@test "unknown topic, unreachable broker, bad property" {
	run -1 --separate-stderr sml-route -b "$BOOT" '*=kafka:nowhere' </dev/null
	[[ $stderr == sml-route:*nowhere* ]]
	run -1 --separate-stderr env KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:1 sml-route '*=kafka:x' </dev/null
	[[ $stderr == *"127.0.0.1:1"*KAFKA_BOOTSTRAP_SERVERS* ]]
	run -2 --separate-stderr sml-route -b "$BOOT" -X no.such=1 '*=kafka:x' </dev/null
	[[ $stderr == *no.such* ]]
}
