# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # $output is of bats
#
# helper.bash - what every .bats file begins with:  load helper
#
# The programs under test are on PATH (from $SML_BIN, the build directory: the normal or a sanitized build), the helper
# programs behind them (test/helper/x.c is `x`).  Each test starts in an empty directory of its own; $SML_ROOT is the tree.
#
# bats itself holds descriptors 3 and 4 open: where a test is about side outputs, say 3>&- 4>&- or 3>file 4>file.
# A background process keeps bats waiting unless it closes 3:  sml-replay … 3>&- &
# and `stop_later $!` sees to its end whatever becomes of the test.

bats_require_minimum_version 1.5.0

SML_ROOT=${SML_ROOT:-$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)}
SML_BIN=${SML_BIN:-$SML_ROOT/build}
PATH=$SML_BIN:$SML_BIN/test:$PATH
export SML_ROOT SML_BIN PATH

# What these say must not leak into a test.
unset SML_TIME SML_CHECKPOINT KAFKA_BOOTSTRAP_SERVERS
export LC_ALL=C.UTF-8 TZ=UTC

setup() {
	common_setup
}

teardown() {
	common_teardown
}

# A file with a setup of its own calls these in it.
common_setup() {
	cd "$BATS_TEST_TMPDIR" || return
	stop_pids=()
}

common_teardown() {
	local pid
	for pid in "${stop_pids[@]}"; do
		kill -CONT "$pid" 2>/dev/null && kill "$pid" 2>/dev/null
	done
	for pid in "${stop_pids[@]}"; do
		wait_gone "$pid" 5 || kill -9 "$pid" 2>/dev/null
	done
	return 0
}

# stop_later PID: ended when the test is
stop_later() {
	stop_pids+=("$1")
}

# wait_gone PID SECONDS: 0 as soon as it has ended
wait_gone() {
	wait_for "$2" process_gone "$1"
}

process_gone() {
	! kill -0 "$1" 2>/dev/null || [ "$(ps -o stat= -p "$1" | cut -c1)" = Z ]
}

# wait_for SECONDS COMMAND...: 0 as soon as COMMAND succeeds, tried every 20 ms.  $SML_SLOW: how many times as long all takes.
wait_for() {
	local end=$((SECONDS + $1 * ${SML_SLOW:-1}))
	shift
	until "$@"; do
		[ "$SECONDS" -le "$end" ] || return 1
		sleep 0.02
	done
}

# pause SECONDS: for what cannot be waited for otherwise; as many times as long as $SML_SLOW says
pause() {
	local i
	for ((i = 0; i < ${SML_SLOW:-1}; i++)); do
		sleep "$1"
	done
}

# Tests that measure memory, or limit it, mean nothing in a build with sanitizers, nor under valgrind.
skip_if_sanitized() {
	[ -z "${SML_SANITIZED-}" ] || skip "$([ -z "${SML_SLOW-}" ] && echo sanitized build || echo valgrind)${1:+: $1}"
}

# kafka_start [OPTION]...: a real broker for a whole file, from its setup_file and teardown_file: $BOOT is its address, $DIR its
# directory.
kafka_start() {
	DIR=$BATS_FILE_TMPDIR/broker
	run "$SML_ROOT/test/kafka/broker" start --owner $$ "$@" "$DIR"
	[ "$status" != 75 ] || skip "no Apache Kafka here: $output"
	[ "$status" = 0 ] || { echo "$output" && return 1; }
	BOOT=$(cat "$DIR/bootstrap")
	export DIR BOOT
}

kafka_stop() {
	[ -z "${DIR-}" ] || "$SML_ROOT/test/kafka/broker" stop "$DIR"
}

# equal EXPECTED GOT [WHAT]: the same text, shown as a diff if not
equal() {
	[ "$1" = "$2" ] && return
	echo "${3:-not equal} (- expected, + got)"
	diff -u <(printf '%s\n' "$1") <(printf '%s\n' "$2") | tail -n +3
	return 1
}

# same_file EXPECTED GOT: the same bytes.  With UPDATE=1, EXPECTED becomes what was got: the diff is for review.
same_file() {
	if [ "${UPDATE-}" = 1 ] && ! cmp -s "$1" "$2"; then
		cp "$2" "$1"
		return
	fi
	cmp -s "$1" "$2" && return
	cmp "$1" "$2" || true
	echo "(- $1, + $2)"
	diff -u "$1" "$2" | tail -n +3 | head -n 40
	return 1
}

# A unit test: every check held, and it came to its end.
tap_program() {
	run -0 "$SML_BIN/test/$1"
	[[ ${output##*$'\n'} == 1..* ]]
}
