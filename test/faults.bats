#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What the system refuses, interrupts or cuts short, and a process that ends in the middle: no fault passes for success,
# and no state, model or metrics file is ever half.  The faults: test/fault/*.c; runs under all of them: helper/faults.py.
# shellcheck disable=SC1010,SC2154 # "then" is a word of sml; $output and $stderr are of bats
load helper

setup() {
	common_setup
	export SOURCE_DATE_EPOCH=1700000000
	SPEC=$SML_ROOT/data/purchases.features
	MODEL=$SML_ROOT/data/model.json
}

# under_all MODE: every scenario of helper/faults.py; what went wrong is shown
under_all() {
	run -0 python3 "$SML_ROOT/test/helper/faults.py" "$1" 3>&- 4>&-
	[[ ${output##*$'\n'} == *' runs, 0 violations' ]]
}

# faulty RULE COMMAND...: with test/fault/inject.c between it and the system
faulty() (
	rule=$1
	shift
	ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0 INJECT=$rule LD_PRELOAD=$SML_BIN/test/inject.so exec "$@"
)

# into FILE COMMAND...: its standard output goes to FILE
into() {
	"${@:2}" >"$1"
}

# events FROM TO: lines of the purchases
events() {
	sed -n "$1,$2p" "$SML_ROOT/data/purchases.jsonl"
}

@test "short reads and writes, interruptions, pipes that are not ready: the same bytes and messages" {
	under_all pieces
}

@test "a call that fails: a message that says why and status 1 or 2, or all is whole" {
	under_all errors
}

@test "memory that runs out at any allocation: a message and status 1" {
	skip_if_sanitized "it brings an allocator of its own"
	under_all memory
}

@test "killed at any call: state, model and metrics are old or new, and the next run is as ever" {
	under_all kills
}

@test "a save is synced before its name changes, and the folder behind it; output is closed first" {
	events 1 20 >in
	events 1 1 >one
	for saved in state model last; do
		rm -f trace "$saved"
		case $saved in
		state) set -- sml-features -q --state state "$SPEC" in ;;
		model) set -- sml features -q "$SPEC" in then train -q -y label -m model ;;
		last) set -- sml-route '*=replace:last' ;;
		esac
		INJECT_TRACE=trace faulty 'write,fsync,rename,close none' "$@" <one >out
		[ -s "$saved" ]
		equal "write $PWD/$saved.sml.tmp
fsync $PWD/$saved.sml.tmp
rename $saved.sml.tmp $saved
fsync $PWD" "$(grep -E 'sml.tmp$|^rename|^fsync' trace | uniq)" "$saved"
		if [ "$saved" = state ]; then
			equal 'close out' "$(grep -E 'out$|tmp$' trace | sed -n "s|$PWD/||; /^write state/q; p" | tail -n 1)"
		fi
	done
}

@test "output that could not be closed is lost: no state is saved for it" {
	events 1 20 >in
	run -0 sml-features -q --state state "$SPEC" in
	cp state old
	run -1 --separate-stderr into out faulty 'close ENOSPC 1+ */out' sml-features -q --state state "$SPEC" in
	equal 'sml-features: stdout: No space left on device' "$stderr"
	same_file old state
	run -1 --separate-stderr into out faulty 'close ENOSPC 1+ */out' sml-features --explain "$SPEC"
	equal 'sml-features: stdout: No space left on device' "$stderr"
	run -1 --separate-stderr into out faulty 'close ENOSPC 1+ */out' sml-features --help
	equal 'sml-features: stdout: cannot write: No space left on device' "$stderr"
}

@test "no room for the lock: 1, for another time may have some; no folder for it: 2" {
	events 1 1 >in
	run -1 --separate-stderr faulty 'write ENOSPC 1+ */state.lock' sml-features -q --state state "$SPEC" in
	equal 'sml-features: state: cannot be locked by state.lock: No space left on device' "$stderr"
	run -2 --separate-stderr sml-features -q --state none/state "$SPEC" in
}

@test "what killed runs leave does not pile up, and what somebody else writes is left alone" {
	events 1 20 >in
	for _ in 1 2 3; do
		run -137 faulty 'rename before' sml-features -q --state state "$SPEC" in
	done
	equal 'in state.lock state.sml.tmp' "$(echo *)"
	run -0 sml-features -q --state state "$SPEC" in
	equal 'in state state.lock' "$(echo *)"

	# A writer at the same time holds the lock on its temporary.
	echo half >state.sml.tmp
	(
		flock 9
		sml-features -q --state state "$SPEC" in >/dev/null
	) 9>>state.sml.tmp
	equal half "$(cat state.sml.tmp)"
	equal 'in state state.lock state.sml.tmp' "$(echo *)"
	run -0 sml-features -q --state state --dump-state
}

@test "packed input whose first bytes cannot be read is no plain input" {
	events 1 5 | gzip >in.gz
	events 1 5 >in
	for error in EIO ENOMEM; do
		run -1 --separate-stderr faulty "pread $error" sml-replay in.gz
		equal '' "$output"
		[[ $stderr == 'sml-replay: in.gz: '* ]]
	done
	faulty 'pread,read short' sml-replay in.gz >out
	same_file in out
}

@test "a model that could not be read once is read at the next look" {
	cp "$MODEL" model.json
	mkfifo in
	faulty 'open EIO 2 model.json' sml-classify -v -m model.json <in >out 2>err 3>&- &
	pid=$!
	stop_later $pid
	exec 5>in
	wait_for 20 grep -q 'inputs)' err
	jq -c '.bias += 1 | del(.id)' "$MODEL" >new
	mv new model.json
	wait_for 20 grep -q 'Input/output error; model .* goes on' err
	wait_for 20 loaded_twice
	exec 5>&-
	wait $pid
	equal 1 "$(grep -c 'Input/output error' err)"
}

loaded_twice() {
	[ "$(grep -c 'inputs)' err)" = 2 ]
}

@test "a registry that cannot be listed to its end gives no model" {
	mkdir models
	cp "$MODEL" models/1.json
	jq -c '.bias += 1 | del(.id)' "$MODEL" >models/2.json
	for k in 1 2 3 4; do
		run -2 --separate-stderr faulty "readdir EIO $k" sml-classify -m models
		equal 'sml-classify: models: Input/output error' "$stderr" "entry $k"
	done
}
