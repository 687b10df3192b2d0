# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # $victim, $rule and $status are of the tests and of bats
#
# checkpoint.bash - pipelines under a checkpoint that are killed and run again; what *checkpoint.bats and kafka-transactions.bats
# begin with behind helper.bash.

# stage NAME ARGUMENTS...: that tool, "chain" for sml; its process is noted in pids/ where there is such a folder.  Where it is
# the $victim, the fault of $rule stands between it and the system.
stage() {
	[ ! -d pids ] || echo "$BASHPID" >"pids/$1"
	local tool=sml-$1
	[ "$1" != chain ] || tool=sml
	if [ "$1" != "${victim-}" ]; then
		exec "$tool" "${@:2}"
	fi
	ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0 INJECT=$rule LD_PRELOAD=$SML_BIN/test/inject.so exec "$tool" "${@:2}"
}

# until_done COMMAND...: again while it ends with 1 or by a signal, as a supervisor would
until_done() {
	local runs
	for ((runs = 0; runs < 20; runs++)); do
		run "$@"
		[ "$status" -ne 0 ] || return 0
		[ "$status" -eq 1 ] || [ "$status" -gt 128 ] || break
	done
	echo "status $status after $runs runs: $output"
	return 1
}

# told STATUS TEXT COMMAND...: it ends so, and says so
told() {
	run "${@:3}"
	[ "$status" -eq "$1" ] || { echo "status $status, not $1: $output" && return 1; }
	[[ $output == *"$2"* ]] || { echo "not said: $2: $output" && return 1; }
}

# disturb PID [all]: kills a stage of the pipeline PID that is noted in pids/, or, once in five times, all of them, and waits for its
# end; $disturbed counts the pipelines that did not end well, which is what a kill is for
disturb() {
	local files=(pids/*) pids
	[ "${2-}" = all ] || [ $((RANDOM % 5)) = 0 ] || files=("${files[RANDOM % ${#files[@]}]}")
	mapfile -t pids < <(cat "${files[@]}")
	kill -9 "${pids[@]}" 2>/dev/null || echo "some of ${files[*]} had ended"
	wait "$1" || disturbed=$((disturbed + 1))
}

# committed_anew: the checkpoint has another commit than $was, or the pipeline $pid has ended.  A busy machine comes to none for a while
# where a quiet one comes to many: what a test needs is waited for, not the time that it takes.
committed_anew() {
	[ "$(cksum ck/COMMIT 2>/dev/null)" != "$was" ] || ! kill -0 "$pid" 2>/dev/null
}

# all_noted N: so many stages are in pids/
all_noted() {
	[ "$(find pids -type f -size +0c | wc -l)" -ge "$1" ]
}

# fragile [all]: passes lines on, and is killed by the first one with a mark: by an error record of such a one only with "all"
fragile() {
	[ ! -d pids ] || echo "$BASHPID" >pids/fragile
	exec python3 -c '
import os, signal, sys
for line in sys.stdin.buffer:
    if b"poison" in line and (sys.argv[1:] or not line.endswith(b"\"_sml\":\"error\"}\n")) and not line.startswith(b"{\"_sml\""):
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()' "$@" 3>&- 4>&-
}

# ends STATUS RUNS COMMAND...: started again by a supervisor, it ends so, after so many runs at most; $deaths ended otherwise
ends() {
	for ((deaths = 0; deaths < $2; deaths++)); do
		run "${@:3}"
		[ "$status" -ne "$1" ] || return 0
		[ "$status" -eq 1 ] || [ "$status" -gt 128 ] || break
	done
	echo "status $status after $deaths deaths: $output"
	return 1
}
