#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# States under a checkpoint that are too large for the barrier's line: a snapshot and logs of what has changed, put together now
# and then.  The oracles are the same commands with --state and without a checkpoint.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154,SC2317 # tests are subshells; $victim and $rule are of stage()
load helper
load checkpoint

setup() {
	common_setup
	export SML_CHECKPOINT=$PWD/ck
}

# events SEED N KEYS [PAD]: some late, by up to 3 s; of two kinds
events() {
	python3 - "$@" <<-'END'
		import random, sys
		seed, n, keys, pad = (list(map(int, sys.argv[1:])) + [0])[:4]
		r = random.Random(seed)
		t = 1700000000000
		for i in range(n):
		    t += r.randrange(40)
		    print('{"user":"u%d","t":%d,"x":%d,"kind":"%s","id":%d,"pad":"%s"}' % (r.randrange(keys), t - r.randrange(3000), r.randrange(100),
		        r.choice(["a", "b", "item"]), r.randrange(keys), "%0*d" % (pad, i) if pad else ""))
	END
}

# large REPLAY'S ARGUMENTS...: a pipeline with x.features into a file
large() (
	set -o pipefail
	stage replay "$@" 3>&- | stage features -q ${max_keys:+--max-keys "$max_keys"} x.features 3>&- | stage route '*=-' >>out.jsonl 3>&-
)

# spec LINE...
spec() {
	printf '%s\n' "$@" >x.features
}

# plainly FILE...: what comes out without a checkpoint, and the state behind it
plainly() {
	rm -f state
	(unset SML_CHECKPOINT && sml-features -q ${max_keys:+--max-keys "$max_keys"} --state state x.features "$@" >plain.jsonl)
	sml-features --state state --dump-state x.features | sort >plain.state
}

# same: the file and the state are those of plainly
same() {
	cmp plain.jsonl out.jsonl || return
	sml-features --checkpoint ck --dump-state x.features | sort | cmp plain.state -
}

# files: of the committed state, a line each
files() {
	jq -r '.barrier.st.features["$ref"][].f' ck/COMMIT
}

# bytes: of the committed state, in files
bytes() {
	jq '[.barrier.st.features["$ref"][].len] | add' ck/COMMIT
}

@test "a barrier takes what has changed, not what there is" {
	spec 'key user' 'p = prev(pad)'
	events 1 6000 5000 100 >in.jsonl
	run -0 large in.jsonl
	local before base
	before=$(bytes)
	base=$(files | head -n 1)
	[ "$before" -gt 300000 ]
	tail -n 10 in.jsonl >added
	cat added >>in.jsonl
	run -0 large in.jsonl
	[ $(($(bytes) - before)) -gt 1000 ]
	[ $(($(bytes) - before)) -lt 3000 ]
	equal "$base" "$(files | head -n 1)"
	# And nothing of it where nothing has.
	before=$(bytes)
	run -0 large in.jsonl
	[ $(($(bytes) - before)) -lt 200 ]
	plainly in.jsonl
	same
}

@test "logs do not grow beyond the snapshot: they are put together with it, and what is not needed goes" {
	spec 'key user' 'p = prev(pad)'
	events 2 20000 3000 100 >in.jsonl
	run -0 large --interval 5ms --rate 8000/s in.jsonl
	plainly in.jsonl
	same
	# A run of twenty thousand changes of three thousand keys would have written a log of many times that.
	[ "$(bytes)" -lt 1500000 ]
	[ "$(files | sed -n '1s/features\.\([0-9]*\)-.*/\1/p')" -gt 3 ]
	equal "$(files | sort)" "$(cd ck && printf '%s\n' features.*.snap features.*.log | grep -v '\*' | sort)"
	# Each run begins a log, and these are put together before they are many.
	local round
	tail -n 1 in.jsonl >added
	for ((round = 0; round < 25; round++)); do
		cat added >>in.jsonl
		run -0 large in.jsonl
	done
	[ "$(files | wc -l)" -le 33 ]
	plainly in.jsonl
	same
}

# more_files: how many files the state is in, or $most; of a small state the commit itself has all
more_files() {
	{ echo "$most"; files 2>/dev/null | wc -l; } | sort -n | tail -n 1
}

@test "all that sml-features keeps goes on over kills, as changes" {
	local of pid was most n runs=0 disturbed=0 end=$((SECONDS + 120))
	mkdir pids
	events 3 40000 4000 30 >in.jsonl
	RANDOM=5
	for of in states held windows joined evicted; do
		max_keys=''
		case $of in
		states) spec 'key user' 'time t:ms' 'late 3s' 'ttl 10m' 'n = count()' 's = sum(x) over 5m' 'e = ewma(x, 10m)' 'p = prev(pad)' 'i = max(x) over last 5 by id' ;;
		held) spec 'key user' 'time t:ms' 'late 3s' 'hold 3s' 'n = count()' 'p = prev(pad)' 'q = quantile(x, 0.5) over 1h' ;;
		windows) spec 'key user' 'time t:ms' 'late 3s' 'emit windows' 'n = count() over session 2m' 's = sum(x) over session 2m' 'l = first(pad) over session 2m' ;;
		joined) spec 'key user' 'time t:ms' 'late 3s' 'join p on id within 10m where kind == "b"' 'lookup r from rows where kind == "item" on id' \
			'n = count()' 'y = p.x' 'z = r.pad' ;;
		evicted)
			max_keys=2500
			spec 'key user' 'time t:ms' 'late 3s' 'n = count()' 'p = prev(pad)' 'd = distinct(x)'
			;;
		esac
		rm -rf ck out.jsonl
		plainly in.jsonl
		most=0
		for ((n = 0; n < 4 || (most < 2 && SECONDS < end); n++)); do
			rm -f pids/*
			was=$(cksum ck/COMMIT 2>/dev/null) || was=
			large --interval 10ms --rate 25000/s in.jsonl 2>/dev/null 3>&- &
			pid=$!
			wait_for 10 all_noted 3
			wait_for 20 committed_anew
			sleep "0.$(printf %03d $((RANDOM % 300)))"
			disturb $pid
			runs=$((runs + 1))
			most=$(more_files)
		done
		until_done large in.jsonl
		most=$(more_files)
		[ "$most" -ge 2 ] || { echo "$of: no changes" && return 1; }
		same || { echo "$of: not the same" && return 1; }
	done
	echo "$disturbed of $runs runs were disturbed"
	[ $((disturbed * 2)) -ge "$runs" ]
}

@test "killed at any call that concerns a state's files" {
	spec 'key user' 'p = prev(pad)'
	events 4 4000 600 500 >in.jsonl
	plainly in.jsonl
	local pace=(--interval 2ms --rate 15000/s in.jsonl) calls=open,write,fsync,fdatasync,rename,unlink,close
	local n k step=3 rules=() when died=0
	[ -z "${SML_SANITIZED-}" ] || step=15
	# So that soon the log is longer than what it belongs to.
	run -0 large -c 1600 in.jsonl
	run -0 large -c 2000 in.jsonl
	[ "$(files | wc -l)" -gt 1 ]
	cp -r ck begun
	cp out.jsonl begun.jsonl
	again() {
		rm -rf ck
		cp -r begun ck
		# Into the same file: it is known by its number.
		cat begun.jsonl >out.jsonl
	}
	# The files are put together while the run lasts, as it is on a machine that is not too busy.
	for ((k = 0; k < 10; k++)); do
		again
		rm -f trace
		victim=features rule="$calls none 1+ */ck*" INJECT_TRACE=$PWD/trace run -0 large "${pace[@]}"
		! grep -q 'rename .*\.compact .*\.snap' trace || break
	done
	[ "$k" -lt 10 ]
	n=$(wc -l <trace)
	grep -q 'write .*\.log' trace
	for ((k = 1; k <= n; k += step)); do
		rules+=("$calls before $k */ck*")
	done
	rules+=('write torn 1 *.log' 'write torn 2 *.log' 'write torn 5 *.log' 'write torn 1 *.compact*' 'rename after 1 *.compact*' 'rename after 2 *.compact*')
	for when in "${rules[@]}"; do
		again
		victim=features rule=$when run large "${pace[@]}"
		[ "$status" -eq 0 ] || died=$((died + 1))
		victim=features rule=$when run large "${pace[@]}"
		until_done large "${pace[@]}" || { echo "$when" && return 1; }
		same || { echo "$when" && return 1; }
	done
	echo "$died of ${#rules[@]} died, $n calls"
	[ "$died" -gt $((n / step / 2)) ]
	# The rest of runs that died goes with a commit.
	events 5 5 600 500 >>in.jsonl
	run -0 large in.jsonl
	equal "$(files | sort)" "$(cd ck && printf '%s\n' features.* | sort)"
}

@test "a file of a state that is damaged, cut short or gone: 2, and with it the pipeline goes on" {
	spec 'key user' 'p = prev(pad)'
	events 6 6000 3000 100 >in.jsonl
	run -0 large -c 5900 in.jsonl
	run -0 large -c 5950 in.jsonl
	local file
	for file in $(files); do
		cp "ck/$file" kept
		printf x | dd of="ck/$file" bs=1 seek=1000 conv=notrunc status=none
		told 2 'is damaged' large in.jsonl
		head -c 2000 kept >"ck/$file"
		told 2 "$file: is cut short" large in.jsonl
		rm "ck/$file"
		told 2 "$file: No such file" large in.jsonl
		cp kept "ck/$file"
	done
	# What is behind the committed length does not count.
	printf 'more of it' >>"ck/$(files | tail -n 1)"
	run -0 large in.jsonl
	plainly in.jsonl
	same
}

@test "a disk that is full or fails while a state is written: 1, and the next run goes on" {
	spec 'key user' 'p = prev(pad)'
	events 7 3600 600 500 >in.jsonl
	plainly in.jsonl
	local fault try
	for fault in 'write ENOSPC 1 *.snap*' 'write ENOSPC 2 *.log' 'fdatasync EIO 1 *.log' 'open EMFILE 1 *.log' 'write ENOSPC 1 *.compact*' \
		'fsync EIO 1 *.compact*' 'rename ENOSPC 1 *.compact*'; do
		# On a busy machine a run may have too few barriers for a log to be written.
		for try in {1..5}; do
			rm -rf ck out.jsonl
			victim=features rule=$fault run large --interval 2ms --rate 4000/s in.jsonl
			[ "$status" -eq 0 ] && [[ $fault == *.log ]] || break
		done
		# What is put together may not be needed any more before the input ends.
		if [ "$status" -ne 0 ] || [[ $fault != *compact* ]]; then
			equal 1 "$status" "$fault: $output"
			[[ $output == *'sml-features: '*ck*': '* ]] || { echo "$fault: $output" && return 1; }
		fi
		until_done large in.jsonl
		same || { echo "$fault" && return 1; }
	done
}

@test "a specification that changes and changes back: what was left out begins empty, though files hold it" {
	events 8 9000 3000 100 >all
	local part=0 from
	for from in 1 3001 6001; do
		part=$((part + 1))
		spec 'key user' 'p = prev(pad)' 'n = count()'
		[ $part != 2 ] || spec 'key user' 'p = prev(pad)'
		sed -n "$from,$((from + 2999))p" all >>in.jsonl
		sed -n "$from,$((from + 2999))p" all | (unset SML_CHECKPOINT && sml-features -q --state state x.features) >>plain.jsonl
		run -0 large --interval 5ms --rate 50000/s in.jsonl
	done
	[ "$(files | wc -l)" -ge 1 ]
	sml-features --state state --dump-state x.features | sort >plain.state
	same
}

@test "--dump-state shows what has been committed, and says where nothing has" {
	spec 'key user' 'p = prev(pad)'
	told 2 'ck: no state of features has been committed there' sml-features --dump-state x.features
	events 9 100 50 >in.jsonl
	run -0 large in.jsonl
	plainly in.jsonl
	same
	equal '' "$(files 2>/dev/null)"
	told 2 'no state of other has been committed there' sml-features --checkpoint ck --stage other --dump-state
	told 2 '--dump-state prints the file of --state FILE, or the state in --checkpoint DIR' env -u SML_CHECKPOINT sml-features --dump-state
}
