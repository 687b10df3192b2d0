#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Card fraud on a real Apache Kafka, by the command of packaging/sml-fraud.service; what systemd would do about it is done here.
# Whatever is killed, and with another model half way, each score and each alert is in its topic once, in the order of its card.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # tests are subshells; $output is of bats
load helper

setup_file() {
	load helper
	kafka_start
	UNIT=$SML_ROOT/packaging/sml-fraud.service
	SPEC=$SML_ROOT/data/cards.features
	MADE=$BATS_FILE_TMPDIR/made
	export UNIT SPEC MADE
	mkdir "$MADE"
	cd "$MADE" || return
	# History, and five more days of the same without the label.
	cp "$SML_ROOT/data/cards.jsonl" history
	jq -c -n '[inputs] as $day | range(1; 6) as $n | $day[] | del(.fraud) | .timestamp += $n * 86400000' history >live
	sml-features -q "$SPEC" history >features
	sml-train -q -y fraud -m one.json features
	sml-train -q -y fraud -x over_mean,count_5m,away --class-weight balanced -m two.json features
	# What a run makes that nothing happens to: by both models.
	cat history live >all
	sml-features -q --state state "$SPEC" all | sml-classify -q -m one.json >all.one
	sml-classify -q -m two.json all.one >all.two
	scores all.one >one
	scores all.two | cut -f 3 | paste one - >expected
	jq -r 'select(.errorType).rawData' all.one | sort >expected.bad
}

teardown_file() {
	kafka_stop
}

setup() {
	common_setup
	export KAFKA_BOOTSTRAP_SERVERS=$BOOT
	mkdir config
	cp "$SPEC" config/cards.features
	cp "$MADE/one.json" config/model.json
	RANDOM=7
	declare -gA struck=()
}

# of_cards FILE: its lines in order of cards, each card's as they stand there
of_cards() {
	jq -r '.cardId' "$1" | paste - "$1" | sort -s -k 1,1 | cut -f 2-
}

# scores FILE: card, time, probability of what was scored
scores() {
	grep '"probability":' "$1" >"$1.scored"
	of_cards "$1.scored" | jq -r '[.cardId, .timestamp, .probability] | @tsv'
}

# topics NAME...: new, with three partitions each
topics() {
	local topic
	for topic; do
		kafka-produce -b "$BOOT" -t "$topic" --create 3 </dev/null
	done
}

# produce TOPIC [OPTION]... < transactions
produce() {
	kafka-produce -b "$BOOT" -t "$1" --key-field cardId --timestamp-field timestamp "${@:2}"
}

# topic NAME: what is committed there
topic() {
	kcat -b "$BOOT" -C -q -e -X isolation.level=read_committed -t "$1"
}

# of_unit NAME: what the unit says there, on one line
of_unit() {
	sed -n "/^$1=/,/[^\\\\]\$/p" "$UNIT" | sed 's/\\$//' | tr '\n' ' ' | sed "s|^$1=||; s|%S/sml-fraud|$PWD/state|"
}

# service NAME COMMAND: as Restart and RestartPreventExitStatus say, only sooner; the main process in NAME.main, a line a run in NAME.runs
service() {
	local status
	while :; do
		(cd config && eval "exec $2") 2>>"$1.err" 3>&- &
		echo $! >"$1.main"
		wait $! && status=0 || status=$?
		echo $status >>"$1.runs"
		[[ ! -e $1.stopped && " 0 $(of_unit RestartPreventExitStatus) " != *" $status "* ]] || return "$status"
	done
}

# as_unit: the environment of the unit, and its command in $command
as_unit() {
	local -a environment
	read -ra environment <<<"$(of_unit Environment)"
	export "${environment[@]}"
	command=$(of_unit ExecStart)
}

# stages NAME: the processes of the service's pipeline
stages() {
	pgrep -P "$(cat "$1.main")"
}

# strike NAME STATE: one of the pipeline, or all of the service, is killed, where it has gone on since the last time
strike() {
	local -a pids
	has_committed "$2" $((${struck[$1]--1} + 1)) || return 0
	struck[$1]=$(committed "$2")
	read -ra pids <<<"$(stages "$1" | tr '\n' ' ')"
	[ ${#pids[@]} -gt 0 ] || return 0
	if [ $((RANDOM % 5)) = 0 ]; then
		pids+=("$(cat "$1.main")")
	else
		pids=("${pids[RANDOM % ${#pids[@]}]}")
	fi
	kill -9 "${pids[@]}" 2>/dev/null || echo "some of $1 had ended"
}

# stop NAME [SIGNAL]: as KillMode=control-group does
stop() {
	touch "$1.stopped"
	# shellcheck disable=SC2046 # a word each
	kill "-${2-TERM}" "$(cat "$1.main")" $(stages "$1")
}

# stop_services_later NAME...: whatever becomes of the test
stop_services_later() {
	services=("$@")
}

teardown() {
	local name
	for name in "${services[@]}"; do
		stop "$name" KILL 2>/dev/null || true
	done
	common_teardown
}

# committed STATE: how many messages have been read for what is committed
committed() {
	jq '[.barrier.src[].o | tonumber] | add' "$1/COMMIT" 2>/dev/null || echo 0
}

has_committed() {
	[ "$(committed "$1")" -ge "$2" ]
}

@test "card fraud: killed at random, with a model that is replaced: each score and alert once, in order, by one of the models" {
	topics card-transactions card-scores card-alerts card-dead-letters
	produce card-transactions <"$MADE/history"
	as_unit
	service fraud "$command" 3>&- &
	local pid=$! producer tries result=0 sent
	stop_later $pid
	stop_services_later fraud
	wait_for 30 has_committed state 400
	{
		head -n 1400 "$MADE/live" | produce card-transactions --rate 550
		wait_for 60 test -e replaced
		# A few at a time: the second model takes a barrier to begin, and a machine may be busy.
		for ((sent = 1400; sent < 1900; sent += 10)); do
			sed -n "$((sent + 1)),$((sent + 10))p" "$MADE/live" | produce card-transactions
			sleep 0.1
		done
		sed -n 1901,2400p "$MADE/live" | produce card-transactions --rate 550
	} 3>&- &
	producer=$!
	stop_later $producer
	for ((tries = 0; tries < 200; tries++)); do
		! has_committed state 2600 || break
		sleep "0.$((3 + RANDOM % 4))"
		strike fraud state
		if [ ! -e replaced ] && has_committed state 1000; then
			cp "$MADE/two.json" config/new
			mv config/new config/model.json
			touch replaced
		fi
	done
	wait $producer
	# What comes last shows that the last run has come up.
	tail -n 100 "$MADE/live" | produce card-transactions
	wait_for 30 has_committed state "$(wc -l <"$MADE/all")"
	stop fraud
	wait $pid || result=$?
	equal 0 "$result" "$(cat fraud.err)"
	[ "$(jq .barrier.last state/COMMIT)" = true ]
	echo "$(wc -l <fraud.runs) runs"
	[ "$(wc -l <fraud.runs)" -ge 3 ]

	topic card-scores >scores
	of_cards scores | jq -r '[.cardId, .eventTime, .score] | @tsv' >got
	equal "$(cut -f 1,2 "$MADE/expected")" "$(cut -f 1,2 got)" 'not the transactions in their order'
	# By one model, and behind its first score by the other of them.
	cut -f 3 got | paste "$MADE/expected" - | awk -F '\t' '
		$5 == $3 && !two[$1] { by_one++; next }
		$5 == $4 { two[$1] = 1; by_two++; next }
		{ print "by neither model, or by the first behind the second: " $0; wrong = 1 }
		END { print by_one, "by one,", by_two, "by the other"; exit wrong || by_one < 500 || by_two < 500 }'
	# Alerts are the scores above 0.9, of three members, byte for byte.
	topic card-alerts >alerts
	equal '["cardId","score","eventTime"]' "$(jq -c keys_unsorted alerts scores | sort -u)"
	of_cards scores | jq -c 'select(.score > 0.9)' >high
	of_cards alerts | jq -c . >got
	same_file high got
	[ "$(wc -l <alerts)" -ge 100 ]
	topic card-dead-letters | jq -r .rawData | sort >got
	same_file "$MADE/expected.bad" got
	# And the features to come are those of the other run.
	sml-features --state "$MADE/state" --dump-state "$SPEC" | sort >expected.state
	[ "$(wc -l <expected.state)" -ge 100 ]
	sml-features --checkpoint state --dump-state "$SPEC" | sort >got
	same_file expected.state got
}

@test "card fraud: scores with their features from one pipeline, alerts of these from another, both killed" {
	local scoring alerting names=(scoring alerting) pids=() pid name tries result
	topics full-transactions full-scores full-alerts full-bad
	scoring="env SML_CHECKPOINT=$PWD/scoring bash -o pipefail -c 'trap : TERM; sml-replay -q kafka:full-transactions | sml-features -q cards.features |
		sml-classify -q -m model.json | sml-route -q --message-key cardId error=kafka:full-bad \"*=kafka:full-scores\"'"
	alerting="env SML_CHECKPOINT=$PWD/alerting bash -o pipefail -c 'trap : TERM; sml-replay -q kafka:full-scores |
		sml-route -q --message-key cardId --select cardId,score=probability,eventTime=timestamp \
			\"probability > 0.9=kafka:full-alerts\" \"*=null\"'"
	service scoring "$scoring" 3>&- &
	pids+=($!)
	service alerting "$alerting" 3>&- &
	pids+=($!)
	stop_later "${pids[0]}"
	stop_later "${pids[1]}"
	stop_services_later "${names[@]}"
	head -n 2900 "$MADE/all" | produce full-transactions --rate 600 3>&- &
	local producer=$!
	stop_later $producer
	for ((tries = 0; tries < 200; tries++)); do
		! has_committed scoring 2500 || break
		sleep "0.$((2 + RANDOM % 5))"
		name=${names[RANDOM % 2]}
		strike "$name" "$name"
	done
	wait $producer
	local before
	before=$(committed alerting)
	tail -n 100 "$MADE/all" | produce full-transactions
	all_alerts() { [ "$(topic full-scores | wc -l)" = "$(wc -l <"$MADE/expected")" ] && [ "$(topic full-alerts | wc -l)" = "$(wc -l <high)" ]; }
	of_cards "$MADE/all.one.scored" >full
	jq -c 'select(.probability > 0.9) | {cardId, score: .probability, eventTime: .timestamp}' full >high
	wait_for 30 all_alerts
	wait_for 30 has_committed alerting $((before + 1))
	stop alerting
	stop scoring
	for pid in "${pids[@]}"; do
		result=0
		wait "$pid" || result=$?
		equal 0 "$result" "$(cat ./*.err)"
	done
	[ "$(cat ./*.runs | wc -l)" -ge 4 ]
	topic full-scores >scores
	of_cards scores >got
	same_file full got
	topic full-alerts >alerts
	of_cards alerts | jq -c . >got
	same_file high got
	topic full-bad | jq -r .rawData | sort >got
	same_file "$MADE/expected.bad" got
}

@test "card fraud: what cannot be helped by another run is not run again, and a stop is status 0, each time" {
	as_unit
	command=${command//kafka:card-/kafka:once-}
	topics once-transactions once-scores once-alerts once-dead-letters
	echo 'spent = total(' >>config/cards.features
	run -2 service broken "$command"
	equal 2 "$(cat broken.runs)"
	cp "$SPEC" config/cards.features
	local pid result to
	for to in 250 500; do
		sed -n "$((to - 249)),${to}p" "$MADE/history" | produce once-transactions
		rm -f fraud.stopped
		service fraud "$command" 3>&- &
		pid=$! result=0
		stop_later $pid
		stop_services_later fraud
		wait_for 30 has_committed state $to
		stop fraud
		wait $pid || result=$?
		equal 0 "$result" "$(cat fraud.err)"
	done
	equal $'0\n0' "$(cat fraud.runs)"
	equal 498 "$(topic once-scores | wc -l)"
}
