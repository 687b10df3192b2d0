#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What every tool promises about signals: sml(7).
# shellcheck disable=SC1010,SC2154 # "then" is a word of sml; $output and $stderr are of bats
load helper
load contract

setup() {
	contract_setup
	pids=()
}

# begin NAME [OPTION...]: in the background, on the pipe p.NAME, which stays open for writing until `end NAME`; its pid is
# ${pid[NAME]}, what it says out.NAME and err.NAME.  Signals are as at a prompt, where a background job of a script has no SIGINT.
declare -gA pid hold
begin() {
	local name=$1 fd
	[ -p "p.$name" ] || mkfifo "p.$name"
	# shellcheck disable=SC2094 # to hold both ends
	exec {fd}<>"p.$name"
	hold[$name]=$fd
	(
		for fd in "${hold[@]}"; do
			exec {fd}>&-
		done
		exec env --default-signal=INT,TERM,HUP bash -c 'become "$@"' - "$@"
	) <"p.$name" >"out.$name" 2>"err.$name" 3>&- &
	pid[$name]=$!
	stop_later $!
}

end() {
	eval "exec ${hold[$1]}>&-"
	unset "hold[$1]"
}

# feed NAME FROM TO
feed() {
	records "$2" "$3" >&"${hold[$1]}"
}

# has_taken NAME: all that was written to its pipe
has_taken() {
	! read -r -t 0 -u "${hold[$1]}"
}

# ended PID STATUS [WHAT]: waits, and holds it to that
ended() {
	local status
	wait "$1" && status=0 || status=$?
	equal "$2" "$status" "${3-}"
}

# heeded PID: no signal is waiting for it any more
heeded() {
	[ "$(sed -n 's/^SigPnd:\t0*//p; s/^ShdPnd:\t0*//p' "/proc/$1/status")" = '' ]
}

# ---- the end ----

# A pipe of all, whose writer stops by itself at the signal and says how many lines it has written whole.
whole_pipe() {
	cat >writer <<-'PY'
		import os, signal, time
		stopped = []
		for s in signal.SIGTERM, signal.SIGINT:
		    signal.signal(s, lambda *a: stopped.append(1))
		n = 0
		while not stopped:
		    n += 1
		    line = b'{"id":%d,"timestamp":%d,"features":{"basket_size":1,"total_value":3,"user_history":2}}\n' % (n, n)
		    while line:
		        line = line[os.write(1, line):]
		    if os.environ.get("SML_SLOW"):	# what has to be drained is not to last for ten seconds
		        time.sleep(0.002)
		open("written", "w").write(str(n))
	PY
	cat >pipe <<-'SH'
		trap : TERM INT
		python3 writer | become replay | become classify | become features | become route | sml route '*=-' then features -d 'm = count()' >out
		echo "${PIPESTATUS[*]}" >status.new
		mv status.new status
	SH
	rm -f status out written
}

all_came_out() {
	equal '0 0 0 0 0 0' "$(cat status)"
	equal "$(cat written)" "$(wc -l <out)" "as many as were written"
	tail -n 1 out | grep -q "^{\"id\":$(cat written),.*\"m\":$(cat written)}}\$"
}

@test "SIGTERM to a whole pipe: what had entered comes out, and all end with 0" {
	for _ in 1 2 3; do
		whole_pipe
		setsid bash pipe 2>err 3>&- &
		wait_for 5 test -s out
		kill -TERM -- -$!
		wait_for 20 test -e status
		all_came_out
		equal '' "$(cat err)"
	done
}

@test "Ctrl-C on a terminal: the same" {
	whole_pipe
	python3 - <<-'PY'
		import os, pty, sys, time
		pid, master = pty.fork()
		if not pid:
		    os.execvp("bash", ["bash", "pipe"])
		end = time.time() + 20
		while not (os.path.exists("out") and os.path.getsize("out")) and time.time() < end:
		    time.sleep(0.02)
		os.write(master, b"\x03")
		while not os.path.exists("status") and time.time() < end:
		    time.sleep(0.02)
	PY
	all_came_out
}

@test "a tool on a pipe drains it, until a second of silence, and ends with 0" {
	for t in $all; do
		begin "$t" -q
		feed "$t" 1 2
	done
	for t in $streams; do
		wait_for 5 test -s "out.$t"
	done
	for t in $all; do
		wait_for 5 has_taken "$t"
	done
	for t in $all; do
		kill "${pid[$t]}"
		wait_for 5 heeded "${pid[$t]}"
		feed "$t" 3 3
	done
	for t in $all; do
		ended "${pid[$t]}" 0 "$t"
	done
	for t in $streams; do
		equal '1 2 3' "$(ids <"out.$t")" "$t"
	done
	equal 3 "$(rows <out.train)"
}

@test "... or to its end, without waiting for silence" {
	for t in $streams; do
		begin "$t" -q
		feed "$t" 1 1
		wait_for 5 test -s "out.$t"
		kill "${pid[$t]}"
		feed "$t" 2 2
		end "$t"
		ended "${pid[$t]}" 0 "$t"
		equal '1 2' "$(ids <"out.$t")" "$t"
	done
}

@test "the second signal ends it at once, as its name says" {
	for signals in 'TERM TERM 143' 'INT INT 130' 'INT TERM 143' 'TERM INT 130'; do
		read -r first second status <<<"$signals"
		for t in $all; do
			begin "$t" -q
			feed "$t" 1 1
		done
		for t in $all; do
			[ "$t" = train ] || wait_for 5 test -s "out.$t"
			wait_for 5 has_taken "$t"
		done
		kill -"$first" "${pid[@]}"
		for t in $all; do
			wait_for 5 heeded "${pid[$t]}"
		done
		sleep 0.3	# nearer than 0.1 s they are one, for timeout(1); a second of silence ends it by itself
		kill -"$second" "${pid[@]}"
		for t in $all; do
			ended "${pid[$t]}" "$status" "$t: $signals"
			equal '' "$(cat "err.$t")"
			end "$t"
			rm "out.$t" "p.$t"
		done
	done
}

@test "timeout(1), which sends its signal twice, does not cut a drain short" {
	mkfifo p
	exec 8<>p
	records 1 2 >&8
	timeout --preserve-status 0.5 sml-features -q -d 'n = count()' --state s <p >out 3>&- 8>&- && status=0 || status=$?
	exec 8>&-
	equal 0 "$status"
	equal '1 2' "$(ids <out)"
	[ -s s ]
	exec 8<>p
	python3 - <<-'PY'
		import os, signal, subprocess, time
		def pending(pid):
		    return any(int(line.split()[1], 16) for line in open("/proc/%d/status" % pid) if line[:6] in ("SigPnd", "ShdPnd"))
		for attempt in range(20):
		    os.write(os.open("p", os.O_WRONLY), b'{"id":3}\n')
		    p = subprocess.Popen(["sml-features", "-d", "n = count()"], stdin=os.open("p", os.O_RDONLY), stdout=subprocess.PIPE)
		    p.stdout.readline()
		    start = time.monotonic()
		    p.send_signal(signal.SIGTERM)
		    while pending(p.pid):
		        pass
		    p.send_signal(signal.SIGTERM)
		    near = time.monotonic() - start < 0.05
		    status = p.wait(10)
		    if near:	# else they may count as two
		        break
		assert near and status == 0, status
	PY
	exec 8>&-
}

@test "files are not read on: whole lines, no error, and the state is of what was written" {
	records 1 300000 >in
	mkfifo out
	for command in 'sml-replay in' "sml-features -d 'n = count()' --state state in" "sml-classify -m '$SML_ROOT/data/model.json' in" \
		"sml features -d 'n = count()' --state state2 in then route '*=-'"; do
		bash -c "exec $command" >out 2>err 3>&- &
		child=$!
		stop_later $child
		exec 8<out
		read -r line <&8
		kill $child
		{ echo "$line"; cat <&8; } >got
		exec 8<&-
		wait $child
		equal '' "$(cat err)"
		n=$(wc -l <got)
		[ "$n" -lt 300000 ]
		jq -s 'length' <got >length
		equal "$n" "$(cat length)"
		equal "$n" "$(tail -n 1 got | jq .id)"
		[[ $command != *state* ]] || equal "$n" "$(tail -n 1 got | jq .features.n)"
	done
	for state in state state2; do
		equal "$((n + 1))" "$(records $((n + 1)) $((n + 1)) | sml-features -d 'n = count()' --state $state | jq .features.n)" ||
			[ $state = state ]
	done
}

@test "while its reader stands still: all comes out when it goes on, and a second signal need not wait" {
	records 1 10000 >in
	for t in $streams; do
		for goes_on in yes no; do
			mkfifo out
			bash -c "become $t -q" < <(cat in) >out 2>err 3>&- &
			child=$!
			stop_later $child
			exec 8<out
			read -r line <&8
			kill $child
			if [ $goes_on = yes ]; then
				{ echo "$line"; cat <&8; } >got
				wait $child
				equal 10000 "$(wc -l <got)" "$t"
			else
				pause 0.15
				kill $child
				ended $child 143 "$t"
			fi
			exec 8<&-
			rm out
		done
	done
}

@test "a named pipe as second operand can be stopped before its writer comes" {
	mkfifo p
	records 1 1 >in
	for t in replay features; do
		set --
		[ $t = replay ] || set -- -d 'n = count()'
		sml-$t -q "$@" in p >out 3>&- &
		child=$!
		stop_later $child
		wait_for 3 test -s out
		kill -TERM $child
		wait_gone $child 5
		wait $child
		rm out
	done
}

# ---- training ----

# A pipe that is nearly full stands for a slow terminal: what sml-train says when it has read everything blocks there.
@test "a signal while sml-train computes ends it at once, and the old model stays" {
	records 1 30 >in
	python3 - <<-'PY'
		import fcntl, os, signal, struct, subprocess, termios, time
		def there(fd):
		    return struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"    "))[0]
		for sig in signal.SIGTERM, signal.SIGINT:
		    for command in ["sml-train", "-y", "label", "-x", "id", "-m", "m.json", "in"], \
		            ["sml", "replay", "in", "then", "train", "-y", "label", "-x", "id", "-m", "m.json"]:
		        open("m.json", "w").write("old")
		        r, w = os.pipe()
		        fcntl.fcntl(w, 1031, 4096)
		        os.write(w, b"x" * (4096 - 40))
		        p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=w)
		        end = time.time() + 20
		        while there(r) == 4096 - 40 and time.time() < end:
		            time.sleep(0.01)
		        p.send_signal(sig)
		        assert p.wait(20) == -sig, p.returncode
		        assert open("m.json").read() == "old"
		        assert sorted(os.listdir(".")) == ["in", "m.json"], os.listdir(".")
		# One that came before, while it read, has ended reading: the next one ends it.
		os.mkfifo("p")
		r, w = os.pipe()
		fcntl.fcntl(w, 1031, 4096)
		os.write(w, b"x" * (4096 - 40))
		holder = os.open("p", os.O_RDWR)
		os.write(holder, open("in", "rb").read())
		p = subprocess.Popen(["sml-train", "-y", "label", "-x", "id", "-m", "m.json"], stdin=os.open("p", os.O_RDONLY), stderr=w)
		while there(holder):
		    time.sleep(0.01)
		p.send_signal(signal.SIGTERM)
		while there(r) == 4096 - 40:
		    time.sleep(0.01)
		assert p.poll() is None
		p.send_signal(signal.SIGTERM)
		assert p.wait(20) == -signal.SIGTERM
		assert open("m.json").read() == "old"
	PY
}

# ---- SIGHUP, SIGUSR1 ----

@test "SIGHUP stops where stderr is a terminal, also one that has hung up; nohup is obeyed" {
	cat >script <<-'PY'
		import fcntl, os, pty, signal, subprocess, sys, termios
		record = b'{"id":1,"timestamp":1,"label":1,"features":{"basket_size":1,"total_value":3,"user_history":2}}\n'
		def start(name, ignored):
		    master, slave = pty.openpty()
		    def session():
		        os.setsid()
		        fcntl.ioctl(2, termios.TIOCSCTTY, 0)
		        if ignored:
		            signal.signal(signal.SIGHUP, signal.SIG_IGN)
		    r, w = os.pipe()
		    p = subprocess.Popen(["bash", "-c", "become " + name], stdin=r, stdout=subprocess.PIPE, stderr=slave, preexec_fn=session)
		    os.close(slave)
		    os.close(r)
		    os.write(w, record)
		    assert p.stdout.readline()[:8] == b'{"id":1,', name
		    return p, master, w
		def check():
		    running, ignoring = [], []
		    for name in sys.argv[1:]:
		        p, master, w = start(name, False)
		        os.close(master)	# the kernel hangs up
		        running.append((name, p, w))
		        p, master, w = start(name, False)
		        p.send_signal(signal.SIGHUP)
		        running.append((name, p, w, master))
		        p, master, w = start(name, True)
		        os.close(master)
		        ignoring.append((name, p, w))
		    for name, p, *rest in running:
		        assert p.wait(10) == 0, name
		    for name, p, w in ignoring:
		        os.write(w, record)
		        assert p.stdout.readline()[:8] == b'{"id":1,', name
		        os.close(w)
		        assert p.wait(10) == 0, name
		check()
	PY
	read -ra names <<<"$streams"
	python3 script "${names[@]}"
}

@test "SIGHUP elsewhere ends nothing" {
	for t in $all; do
		begin "$t" -q
		feed "$t" 1 1
		[ "$t" = train ] || wait_for 5 test -s "out.$t"
		wait_for 5 has_taken "$t"
		kill -HUP "${pid[$t]}"
	done
	pause 1.2	# longer than the silence that ends a drain
	for t in $all; do
		feed "$t" 2 3
		[ "$t" = train ] || wait_for 5 grep -q '"id":3' "out.$t"
		end "$t"
		ended "${pid[$t]}" 0 "$t"
		equal '' "$(cat "err.$t")" "$t"
	done
}

@test "SIGUSR1: one line of progress, of an idle tool and of a busy one" {
	for t in $all; do
		name=$(reader "$t")
		[ "$t" != chain ] || name=sml
		begin "$t" -q
		feed "$t" 1 2
		wait_for 5 has_taken "$t"
		for n in 1 2; do
			kill -USR1 "${pid[$t]}"
			has_lines() { [ "$(wc -l <"err.$t")" = "$n" ]; }
			wait_for 5 has_lines
		done
		end "$t"
		ended "${pid[$t]}" 0 "$t"
		equal 2 "$(grep -cE "^$name: 2 records, [0-9.]+ s, [0-9,]+/s; waited [0-9.]+ s for input, [0-9.]+ s for output\$" "err.$t")"
		equal 2 "$(wc -l <"err.$t")"
	done
	trap '' USR1	# in what is started here, until it asks for it
	records 1 1000 >some
	for t in $streams; do
		while cat some; do :; done 2>/dev/null 3>&- | env --default-signal=PIPE bash -c "become $t -q" 2>"busy.$t" >/dev/null 3>&- &
		pids+=($!)
		stop_later $!
	done
	# These never wait, neither for input nor for output.
	records 1 10000 >in
	mapfile -t many < <(yes in | head -n 5000)
	for t in replay features classify; do
		set --
		[ $t != features ] || set -- -d 'n = count()'
		[ $t != classify ] || set -- -m "$SML_ROOT/data/model.json"
		sml-$t -q "$@" "${many[@]}" 2>"busy.$t.files" >/dev/null 3>&- &
		pids+=($!)
		stop_later $!
	done
	read -ra names <<<"$streams replay.files features.files classify.files"
	for i in "${!pids[@]}"; do
		said() { [ -s "busy.${names[$i]}" ] || { kill -USR1 "${pids[$i]}" && false; }; }
		wait_for 5 said
		kill -9 "${pids[$i]}"	# to drain this would take it ten seconds
	done
}
