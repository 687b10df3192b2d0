#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Three nodes of a real Apache Kafka, of which some die, hang or are restarted while a pipeline goes from topic to topic under a
# checkpoint: it goes on by itself, or ends with 1 and goes on when it is run again, and each record is there once.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154,SC2317 # tests are subshells; $victim and $rule are of stage()
load helper
load checkpoint

setup_file() {
	load helper
	# So soon a node that says nothing is taken for gone.
	kafka_start --nodes 3 --set broker.heartbeat.interval.ms=300 --set broker.session.timeout.ms=2000
}

teardown_file() {
	[ -z "${DIR-}" ] || "$SML_ROOT/test/kafka/broker" kill "$DIR"
}

setup() {
	common_setup
	export SML_CHECKPOINT=$PWD/ck SML_PIPELINE=three KAFKA_BOOTSTRAP_SERVERS=$BOOT
	kafka-produce -b "$BOOT" -t in --create 3 </dev/null
	kafka-produce -b "$BOOT" -t out --create 3 </dev/null
}

broker() { # VERB [NODE]
	"$SML_ROOT/test/kafka/broker" "$1" "$DIR/${2-}" >/dev/null
}

# arrive: records of 40 keys, until it is ended
arrive() {
	exec kafka-produce -b "$BOOT" -t in --key-field key --rate 1000 -X socket.timeout.ms=5000 3>&- < <(
		exec awk 'BEGIN { for (;; n++) printf "{\"id\":%d,\"key\":\"k%d\",\"timestamp\":1719964800000}\n", n, n * 7 % 40 }' 3>&-)
}

# three [OPTION]...: from topic to topic; a node that hangs is waited for less long than by default
three() (
	set -o pipefail
	stage replay -X socket.timeout.ms=3000 --interval 100ms "$@" kafka:in 3>&- | stage features -q -k key -d 'n = count()' 3>&- |
		stage route -X socket.timeout.ms=3000 -q --message-key key '*=kafka:out' 3>&-
)

# supervised: run again as long as that may help, until there is a file `over`; a line of `runs` for each
supervised() {
	local status=1
	while [ ! -e over ] && [ $status != 2 ]; do
		three -q 2>>said && status=0 || status=$?
		echo $status >>runs
	done
}

# partitions TOPIC: "PARTITION LEADER IN-SYNC..." of each
partitions() {
	kcat -b "$BOOT" -L -J -t "$1" -m 5 2>/dev/null | jq -r '.topics[0].partitions[] | [.partition, .leader, .isrs[].id] | @tsv'
}

# leader TOPIC PARTITION
leader() {
	partitions "$1" | awk -v p="$2" '$1 == p { print $2 }'
}

# coordinator TOPIC: the node that sees to the pipeline's transactions, or to its group: the hash of its name is the partition
coordinator() {
	leader "$1" "$(python3 -c '
import functools, sys
print((functools.reduce(lambda h, c: 31 * h + ord(c), sys.argv[1], 0) & 0x7fffffff) % 4)' "sml-$SML_PIPELINE")"
}

# whole: all replicas of all that the pipeline uses are in sync
whole() {
	local topic
	for topic in in out __transaction_state __consumer_offsets; do
		partitions "$topic" | awk 'NF != 5 { lacks = 1 } END { exit !NR || lacks }' || { sleep 0.3 && return 1; }
	done
}

# places: how far each partition of what is read has been committed, as JSON
places() {
	[ -e ck/COMMIT ] || { echo '[0,0,0]' && return; }
	jq -c '.barrier.src | sort_by(.p) | map(.o | tonumber)' ck/COMMIT
}

# Asked less often than wait_for does, as the nodes need the processors.
has_gone_on() { # PLACES
	jq -en --argjson was "$1" --argjson is "$(places)" '[range(3)] | all($is[.] > $was[.])' >/dev/null || { sleep 0.2 && return 1; }
}

# goes_on: all partitions, by a commit that may have been under way, and by one from its beginning to its end
goes_on() {
	local was
	for was in 1 2; do
		was=$(places)
		wait_for 60 has_gone_on "$was" || { echo "it hangs at $was: $(tail -n 3 said)" && return 1; }
	done
}

# strike VERB NODE [STAGE]: with that stage of the pipeline as well
strike() {
	broker "$1" "$2"
	if [ $# -gt 2 ] && kill -9 "$(cat "pids/$3")" 2>/dev/null; then
		hits=$((hits + 1))
	fi
	goes_on
}

@test "leaders and coordinators are killed, hang, come again, alone and with a stage of the pipeline: each record once, in order" {
	local producer pipeline node p hits=0
	mkdir pids
	arrive &
	producer=$!
	supervised 3>&- &
	pipeline=$!
	stop_later $producer
	stop_later $pipeline
	goes_on

	node=$(leader out 0)
	strike kill "$node"
	broker restart "$node"
	wait_for 60 whole
	node=$(coordinator __transaction_state)
	strike kill "$node" route
	broker restart "$node"
	wait_for 60 whole

	node=$(leader out 1)
	strike pause "$node"
	broker cont "$node"
	wait_for 60 whole
	node=$(coordinator __consumer_offsets)
	strike pause "$node" features
	broker cont "$node"
	wait_for 60 whole

	# What a node's end had ended before is not hit.
	[ $hits -ge 1 ]

	# All at once, as a power cut, and one in good order.
	broker kill
	broker restart
	wait_for 60 whole
	goes_on
	broker restart "$(leader in 0)"
	goes_on

	kill $producer
	touch over
	kill "$(cat pids/replay)" || echo 'sml-replay had ended'
	wait $pipeline
	run ! grep -vxE '0|1|137' runs
	until_done three -e
	for p in 0 1 2; do
		kcat -b "$BOOT" -C -q -e -t in -p $p | SML_CHECKPOINT='' sml-features -q -k key -d 'n = count()' >want
		kcat -b "$BOOT" -C -q -e -X isolation.level=read_committed -t out -p $p >got
		[ -s want ]
		cmp want got
	done
	echo "$(paste -sd ' ' runs): $(jq .barrier.e ck/COMMIT) commits, to $(places)"
}
