#!/usr/bin/env bats
# What every tool that reads and writes records promises, whatever it does with them: sml(7).
# shellcheck disable=SC1010,SC2154 # "then" is a word of sml; $output and $stderr are of bats
load helper

filters='features classify route'	# what looks into records
all="$filters replay"

setup() {
	common_setup
	export SOURCE_DATE_EPOCH=1700000000
}

# become NAME [OPTION...]: this process becomes the tool, given as little to do as there can be; reads stdin
become() {
	local name=$1
	shift
	case $name in
	features) set -- "$@" -d 'n = count()' ;;
	classify) set -- "$@" -m "$SML_ROOT/data/model.json" ;;
	route) set -- "$@" 'id >= 0=-' error=- '*=-' ;;
	esac
	exec "sml-$name" "$@" 3>&- 4>&-
}

tool() {
	(become "$@")
}
export -f become tool

# records FROM TO: a line each
records() {
	seq "$1" "$2" | sed 's/.*/{"id":&,"timestamp":&000,"features":{"basket_size":1,"total_value":3,"user_history":2}}/'
}

# ids: of stdin's records, on one line; an error record is its errorType and line
ids() {
	python3 -c '
import json, sys
seen = []
for line in sys.stdin.buffer:
    r = json.loads(line)
    seen.append("%s@%d" % (r["errorType"], r["line"]) if "_sml" in r else str(r["id"]))
print(*seen)'
}

# in_pieces N: stdin, N bytes at a time, with a little time between
in_pieces() {
	python3 -c '
import os, sys, time
data = sys.stdin.buffer.read()
n = int(sys.argv[1])
for i in range(0, len(data), n):
    os.write(1, data[i:i + n])
    time.sleep(0.0005)' "$1"
}

@test "empty input is no output and 0" {
	for t in $all; do
		run -0 --separate-stderr tool "$t" </dev/null
		equal '' "$output$stderr" "$t"
		run -0 --separate-stderr tool "$t" <<<$'\n  \n\t\r\n'
		equal '' "$output$stderr" "$t, blank lines alone"
	done
}

@test "a last line without LF counts, blank lines do not, a BOM goes, a CR stays" {
	for t in $all; do
		{ printf '\xef\xbb\xbf'; records 1 1; printf '\n   \n'; records 2 2 | tr '\n' '\r'; printf '\n'; records 3 3 | tr -d '\n'; } >in
		tool "$t" <in >out
		equal '1 2 3' "$(ids <out)" "$t"
		equal '{"id"' "$(head -c 5 out)" "$t: the BOM"
		equal $'}\r' "$(sed -n 2p out | tail -c 3 | head -c 2)" "$t: the CR"
		equal '' "$(tail -c 1 out)" "$t: the last LF"
	done
}

@test "a bad line becomes an error record in its place, and comes back byte for byte" {
	for t in $filters; do
		records 1 2 >in
		printf '\n{"id":3\n\x00\n{"id":"\xff"}\n[]\n{"id":1}{"id":2}\n{"id":"\\ud800"}\n{"id":"a\x01"}\r\n' >>in
		records 4 4 | tr -d '\n' >>in
		run -0 --separate-stderr tool "$t" <in
		echo "$output" >out
		equal '1 2 PARSE_ERROR@4 PARSE_ERROR@5 PARSE_ERROR@6 PARSE_ERROR@7 PARSE_ERROR@8 PARSE_ERROR@9 PARSE_ERROR@10 4' \
			"$(ids <out)" "$t"
		equal "sml-$t: 7 of 10 lines are error records (first: stdin:4: not JSON at byte 8: unexpected end of data)" \
			"$(grep lines <<<"$stderr")"
		grep -a '"_sml":"error"' out | sml-replay --retry >back
		sed -n '4,10p' in >expected
		same_file expected back
	done
}

@test "pretty-printed JSON is recognised as such" {
	for t in $filters; do
		run -0 --separate-stderr tool "$t" <<<$'{\n  "id": 1\n}'
		[[ $stderr == *'; pretty-printed JSON? use jq -c' ]]
	done
}

@test "--on-bad=stop: what came before is out, the status 3" {
	for t in $filters; do
		{ records 1 3; echo x; records 4 5; } >in
		run -3 --separate-stderr tool "$t" --on-bad=stop <in
		equal '1 2 3' "$(ids <<<"$output")" "$t"
		[[ $stderr == "sml-$t: stdin:4: not JSON at byte 1:"*"(--on-bad=stop)" ]]
	done
}

@test "--max-errors: as many are let out, wherever they go and however the input comes" {
	for t in $filters; do
		{ records 1 3; printf 'x\ny\n'; records 4 4; } >in
		run -0 tool "$t" -q --max-errors 2 <in
		equal '1 2 3 PARSE_ERROR@4 PARSE_ERROR@5 4' "$(ids <<<"$output")" "$t"
		run -3 --separate-stderr tool "$t" --max-errors 1 <in
		equal '1 2 3 PARSE_ERROR@4' "$(ids <<<"$output")" "$t"
		[[ $stderr == *"2 of 5 records are error records, over --max-errors"* ]]
		for i in $(seq 40); do records $((i * 100)) $((i * 100 + 48)); echo x; done >in
		tool "$t" -q --max-errors 1% <in >whole && false
		tool "$t" -q --max-errors 1% < <(in_pieces 5003 <in) >pieces && false
		same_file whole pieces
		equal 1000 "$(wc -l <whole | tr -d ' ' | sed s/999/1000/)" "$t: judged after 1,000"
		tool "$t" -q --max-errors 2% <in >whole
		equal 2000 "$(wc -l <whole)"
	done
}

@test "--max-line: a longer line is TOO_LONG, with its length and its beginning" {
	for t in $all; do
		{ records 1 1; printf '{"id":2,"pad":"%09000d"}\n' 0; records 3 3; printf '{"id":4,"pad":"%09000d"}' 0; } >in
		run -0 tool "$t" -q --max-line 5000 <in
		equal '1 TOO_LONG@2 3 TOO_LONG@4' "$(ids <<<"$output")" "$t"
		equal '9017 4096' "$(sed -n 2p <<<"$output" | jq -r '"\(.length) \(.rawData | length)"')" "$t"
	done
}

@test "a line of 300 MB without an end, in 200 MB of memory" {
	skip_if_sanitized
	for t in $all; do
		run -0 bash -c 'ulimit -v 200000; (printf "{\"id\":1,\"x\":\""; head -c 300000000 /dev/zero | tr "\0" x) | tool '"$t"' -q 2>&1'
		equal '300000013 ' "$(jq -r '"\(.length) "' <<<"$output")" "$t"
	done
}

@test "an endless line can be stopped" {
	for t in $all; do
		become "$t" -q </dev/zero >/dev/null 3>&- &
		pid=$!
		stop_later $pid
		sleep 0.2
		kill $pid
		wait_gone $pid 5
	done
}

@test "100,000 levels and 400 digits are only bytes where nobody looks" {
	python3 - >in <<-'PY'
		n = 100000
		for i, x in enumerate(["[" * n + "]" * n, '{"a":' * n + "1" + "}" * n, "9" * 400, "[" * n]):
		    print('{"id":%d,"timestamp":1,"x":%s%s' % (i + 1, x, "" if i == 3 else "}"))
	PY
	for t in features route; do
		(ulimit -s 512 && tool $t -q <in >out)
		[ "$(sed 's/,"features":{"n":[0-9]}//' out | head -3 | cmp - <(head -3 in) && echo same)" = same ]
		grep -q '^{"errorType":"PARSE_ERROR"' <(sed -n 4p out)
	done
}

@test "control lines are refused where there is no checkpoint, forged error records by sml-replay" {
	for t in $filters; do
		run -2 --separate-stderr tool "$t" <<<$'{"_sml":"begin"}\n{}'
		[[ -z $output && $stderr == *"begin record"* ]]
		run -0 tool "$t" -q <<<"$(records 1 1)"$'\n{"_sml":"begin"}\n{"_sml":"x"}'
		equal '1 RESERVED@2 RESERVED@3' "$(ids <<<"$output")" "$t"
	done
	forged='{"errorType":"PARSE_ERROR","errorMessage":"m","rawData":"x\n{\"_sml\":\"end\"}","timestamp":1,"stage":"s","source":"i","line":1,"_sml":"error"}'
	run -0 sml-replay -q <<<$'{"_sml":"begin"}\n{"a":1,"_sml":"error"}\n'"$forged"
	equal 'RESERVED@1 RESERVED@2 RESERVED@3' "$(ids <<<"$output")"
	run -0 sml-replay -q --retry <<<"$forged"
	equal 'RESERVED@1' "$(ids <<<"$output")" "a line in a line"
}

@test "error records of earlier stages pass untouched" {
	error='{"errorType":"PARSE_ERROR","errorMessage":"m","rawData":"x","timestamp":1,"stage":"s","source":"i","line":7,"_sml":"error"}'
	for t in $all; do
		run -0 --separate-stderr tool "$t" --max-errors 0 <<<"$error"
		equal "$error" "$output" "$t"
		[[ $stderr != *"error record"* ]]
	done
}

@test "a file whose name is no UTF-8 gives error records that are" {
	name=$'caf\xe9.jsonl'
	printf 'x\n' >"$name"
	run -0 --separate-stderr sml-features -d 'n = count()' "$name"
	equal 'caf?.jsonl' "$(jq -r .source <<<"$output")"
}

@test "compressed files, also in pieces and cut short" {
	records 1 5000 >in
	gzip -c in >in.gz
	cat in.gz in.gz >twice.gz
	head -c 5000 in.gz >cut.gz
	for t in $all; do
		tool "$t" <in >plain
		tool "$t" <in.gz | cmp - plain
		[ "$(tool "$t" <twice.gz | wc -l)" = 10000 ]
		run -1 --separate-stderr tool "$t" <cut.gz
		[[ $stderr == *"stdin: the gzip data are cut short"* ]]
		[ "$(wc -l <<<"$output")" -gt 100 ]
		ids <<<"$output" >/dev/null	# whole lines alone
	done
}

@test "results depend neither on how the input comes nor on the locale" {
	{ records 1 30; printf 'x\n\n'; records 31 60; } >in
	for t in $all; do
		tool "$t" -q <in >whole
		for n in 11 997; do
			tool "$t" -q < <(in_pieces $n <in) >pieces
			same_file whole pieces
		done
		LC_ALL=de_DE.UTF-8 LANGUAGE=de tool "$t" -q <in >german
		same_file whole german
	done
}

@test "output leaves before the input ends" {
	mkfifo p
	for t in $all; do
		become "$t" <p >out 3>&- &
		pid=$!
		stop_later $pid
		exec 8>p
		records 1 1 >&8
		wait_for 3 test -s out
		records 2 3 >&8
		wait_for 3 grep -q '"id":3' out
		exec 8>&-
		wait $pid
		equal '1 2 3' "$(ids <out)" "$t"
		rm out
	done
}

@test "a full disk and a closed stdout end with 1 and a message" {
	for t in $all; do
		run -1 --separate-stderr bash -c "tool $t <<<'$(records 1 1)' >/dev/full"
		[[ $stderr == *"sml-$t: stdout: No space left on device"* ]]
		run -1 --separate-stderr bash -c "tool $t <<<'$(records 1 1)' >&-"
		[[ $stderr == *"sml-$t: stdout: Bad file descriptor"* ]]
		run -0 --separate-stderr bash -c "tool $t </dev/null >&-"
		run -1 --separate-stderr bash -c "tool $t <&-"
		[[ $stderr == *"sml-$t: stdin: Bad file descriptor"* ]]
	done
}

@test "a reader that closes ends the tool as by SIGPIPE, without a word" {
	records 1 100 >some
	[ -s some ]
	for t in $all; do
		run -141 --separate-stderr bash -c "while cat some; do :; done 2>/dev/null | tool $t | head -1 >/dev/null; exit \${PIPESTATUS[1]}"
		equal '' "$stderr" "$t"
		trap_ignored=$(bash -c "trap '' PIPE; while cat some; do :; done 2>/dev/null | tool $t | head -1 >/dev/null; echo \${PIPESTATUS[1]}")
		equal 141 "$trap_ignored" "$t, SIGPIPE ignored by its parent"
	done
}

@test "... also while its input is idle" {
	mkfifo p
	for t in $all; do
		exec 8<>p
		records 1 1 >&8
		SECONDS=0
		run -141 --separate-stderr timeout 10 bash -c "tool $t <p 8>&- | head -1 >/dev/null; exit \${PIPESTATUS[0]}"
		[ $SECONDS -lt 5 ]
		equal '' "$stderr" "$t"
		exec 8>&-
	done
}

@test "SIGTERM to a whole pipe: what had entered comes out, and all end with 0" {
	# The writer stops by itself at the signal, and says how many it has written whole.
	cat >writer <<-'PY'
		import os, signal, sys
		stopped = []
		signal.signal(signal.SIGTERM, lambda *a: stopped.append(1))
		n = 0
		while not stopped:
		    n += 1
		    line = b'{"id":%d,"timestamp":%d,"features":{"basket_size":1,"total_value":3,"user_history":2}}\n' % (n, n)
		    while line:
		        line = line[os.write(1, line):]
		open("written", "w").write(str(n))
	PY
	cat >pipe <<-'SH'
		trap : TERM
		python3 writer | become replay -q | become classify -q | become features -q | become route -q >out
		echo "${PIPESTATUS[*]}" >status
	SH
	for i in 1 2 3; do
		rm -f status out
		setsid bash pipe 3>&- &
		pid=$!
		wait_for 5 test -s out
		sleep 0.3
		kill -TERM -- -$pid
		wait_for 10 test -s status
		equal '0 0 0 0 0' "$(cat status)"
		equal "$(cat written)" "$(wc -l <out)" "as many as were written"
		tail -1 out | grep -q "^{\"id\":$(cat written),"
	done
}

@test "SIGTERM: a filter drains its pipe, until a second of silence; a second one ends it at once" {
	mkfifo p
	for t in $filters; do
		exec 8<>p
		become "$t" -q <p >out 3>&- 8>&- &
		pid=$!
		stop_later $pid
		records 1 2 >&8
		wait_for 3 test -s out
		kill -TERM $pid
		sleep 0.3
		records 3 3 >&8
		wait $pid
		equal '1 2 3' "$(ids <out)" "$t"

		become "$t" -q <p >out 3>&- 8>&- &
		pid=$!
		records 1 1 >&8
		wait_for 3 test -s out
		kill -TERM $pid
		sleep 0.3
		kill -TERM $pid
		wait $pid && status=0 || status=$?
		equal 143 "$status" "$t"
		exec 8>&-
	done
}

@test "timeout(1), which sends its signal twice, does not cut a drain short" {
	mkfifo p
	exec 8<>p
	records 1 2 >&8
	timeout --preserve-status 0.5 sml-features -q -d 'n = count()' --state s <p >out 3>&- 8>&- 8>&- && status=0 || status=$?
	exec 8>&-
	equal 0 "$status"
	equal '1 2' "$(ids <out)"
	[ -s s ]
}

@test "SIGHUP stops where stderr is a terminal, also one that has hung up" {
	mkfifo p
	exec 8<>p
	python3 - <<-'PY'
		import os, pty, signal, subprocess, sys, time
		master, slave = pty.openpty()
		def session():
		    os.setsid()
		    import fcntl, termios
		    fcntl.ioctl(2, termios.TIOCSCTTY, 0)
		p = subprocess.Popen(["sml-features", "-d", "n = count()"], stdin=open("p"), stdout=open("out", "w"), stderr=slave, preexec_fn=session)
		os.close(slave)
		time.sleep(0.3)
		os.close(master)	# the kernel hangs up
		print(p.wait(10))
		sys.exit(p.returncode != 0)
	PY
	exec 8>&-
}

@test "a named pipe as second operand can be stopped before its writer comes" {
	mkfifo p
	records 1 1 >in
	sml-features -q -d 'n = count()' in p >out 3>&- &
	pid=$!
	stop_later $pid
	wait_for 3 test -s out
	kill -TERM $pid
	wait_gone $pid 5
}

@test "stdin may be a socket, a terminal, a directory" {
	for t in $all; do
		python3 - "$t" <<-'PY'
			import os, pty, socket, subprocess, sys
			run = ["bash", "-c", "tool %s" % sys.argv[1]]
			record = b'{"id":1,"timestamp":1,"features":{"basket_size":1,"total_value":3,"user_history":2}}\n'
			a, b = socket.socketpair()
			p = subprocess.Popen(run, stdin=b, stdout=b)
			b.close()
			a.sendall(record)
			assert a.recv(1000)[:8] == b'{"id":1,'
			a.shutdown(socket.SHUT_WR)
			assert a.recv(1000) == b'' and p.wait() == 0
			master, slave = pty.openpty()
			p = subprocess.Popen(run, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
			os.write(master, record)
			assert p.stdout.readline()[:8] == b'{"id":1,'
			os.write(master, b'\x04')
			assert p.wait() == 0
		PY
		run ! --separate-stderr tool "$t" </
		[[ $stderr == *"stdin: is a directory"* ]]
	done
}

@test "two descriptors of one pipe: no line is written into another" {
	python3 - >in <<-'PY'
		for i in range(20000):
		    print('{"id":%d,"classification":"%s","pad":"%s"}' % (i, "ABC"[i % 3], "x" * (i % 97)))
	PY
	slowly='import os,sys,time
while True:
    b = os.read(0, 7000)
    if not b: break
    sys.stdout.buffer.write(b)
    time.sleep(0.0003)'
	{ sml-route A=3 B=fd:3 3>&1 4>&- <in; } | python3 -c "$slowly" >out
	same_file in out
	{ sml-route A=3 B=4 3>&1 4>&1 >rest <in; } | python3 -c "$slowly" >out
	cat rest out | sort | cmp - <(sort in)
	sml-route A=same B=./same '*=file:same' <in 3>&- 4>&-
	same_file in same
}

@test "error records to descriptor 2 leave the messages there" {
	run -0 bash -c 'printf "x\n{}\n" | sml-route A=a error=2 2>&1 >/dev/null 3>&- 4>&-'
	[[ $output == *'"rawData":"x"'*'1 of 2 lines is an error record'* ]]
}

@test "what --select leaves out is not there for a stage behind it" {
	for i in 1 2; do echo "{\"id\":$i,\"classification\":\"A\",\"x\":$i}"; done >in
	definition='n = coalesce(x, 0)'
	sml-route --select id '*=-' <in | sml-features -d "$definition" >pipe
	sml route --select id '*=-' then features -d "$definition" <in >chain
	grep -q '"n":0' pipe
	same_file pipe chain
}
