#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What every tool promises about its output, its messages and its descriptors: sml(7).
# shellcheck disable=SC1010,SC2016,SC2030,SC2031,SC2154 # "then" is a word of sml; $output and $stderr are of bats
load helper
load contract

setup() {
	contract_setup
}

# ---- when ----

@test "output leaves before the input ends, also for a single record" {
	mkfifo p
	for t in $streams; do
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

@test "side outputs leave before the input ends as well" {
	mkfifo p
	sml-route 'id == 1=file' 'id == 2=3' 'id == 3=by-{date}' 'id == 4=replace:newest' <p >rest 3>three &
	pid=$!
	stop_later $pid
	exec 8>p
	records 1 5 >&8
	for file in file three by-1970-01-01 newest rest; do
		wait_for 3 test -s $file
	done
	exec 8>&-
	wait $pid
}

@test "pipes are grown to 256 KiB where that is allowed" {
	python3 - features classify route replay chain <<-'PY'
		import fcntl, os, subprocess, sys
		for name in sys.argv[1:]:
		    pipes = os.pipe(), os.pipe()
		    p = subprocess.Popen(["bash", "-c", "become %s" % name], stdin=pipes[0][0], stdout=pipes[1][1])
		    record = b'{"id":1,"timestamp":1,"features":{"basket_size":1,"total_value":3,"user_history":2}}\n'
		    os.write(pipes[0][1], record)
		    assert os.read(pipes[1][0], 1000)[:8] == b'{"id":1,'
		    for pipe in pipes:
		        assert fcntl.fcntl(pipe[0], 1032) == 256 << 10, name
		    os.close(pipes[0][1])
		    assert p.wait() == 0
	PY
}

# ---- where it can't go ----

@test "a full disk and a closed stdout end with 1 and a message" {
	records 1 2 >in
	for t in $all; do
		run -1 --separate-stderr bash -c "tool $t -q <in >/dev/full"
		equal "$(writer "$t"): stdout: No space left on device" "$output$stderr"
		run -1 --separate-stderr bash -c "tool $t -q <in >&-"
		equal "$(writer "$t"): stdout: Bad file descriptor" "$output$stderr"
		run -1 --separate-stderr bash -c "tool $t -q <in 1</dev/null"
		equal "$(writer "$t"): stdout: Bad file descriptor" "$output$stderr"
	done
	for t in $streams; do
		run -0 --separate-stderr bash -c "tool $t </dev/null >&-"
		equal '' "$output$stderr"
	done
	run -0 sml-train -q -y label -x id -m model.json in >&-
	[ -s model.json ]
}

@test "a full disk ends a run that has more to read" {
	records 1 1000 >some
	for t in $streams; do
		run -1 --separate-stderr timeout 20 bash -c "while cat some; do :; done 2>/dev/null | tool $t -q >/dev/full"
		equal "$(writer "$t"): stdout: No space left on device" "$stderr"
	done
}

@test "what --help, --version, --explain and reports print arrives, or the status says that it has not" {
	records 1 2 | sed 's/}$/,"probability":0.5,"classification":0}/' >in
	for redirect in '>/dev/full' '>&-'; do
		for command in 'sml-features --explain -d "n = count()"' 'sml-classify --explain -m "$SML_ROOT/data/model.json"' \
			'sml-route --explain "*=-"' 'sml-train -q -y label --evaluate in' 'sml-train -q -y label -x id -m - in' \
			'sml route --explain "*=-"' 'sml features -d "n = count()" in then train -q -y label --evaluate'; do
			run -1 --separate-stderr bash -c "$command $redirect"
			equal 1 "${#stderr_lines[@]}" "$command: $stderr"
			name=${command%% [-i]*}
			name=${name/#sml features*/sml-train}
			[[ $stderr == "${name/ /-}: stdout: "* ]]
		done
		for tool in sml $binaries; do
			for option in --help --help=all --version --list-options; do
				run -1 --separate-stderr bash -c "$tool $option $redirect"
				[[ -z $output && ${#stderr_lines[@]} = 1 && $stderr == "$tool: stdout: "* ]]
			done
		done
		run -1 --separate-stderr bash -c "sml --list-tools $redirect"
		[[ $stderr == "sml: stdout: "* ]]
	done
}

@test "without a stderr the work is done and no message gets among the data" {
	{ records 1 2; echo x; } >in
	for t in $streams; do
		run -0 --separate-stderr bash -c "tool $t -v <in 2>&-"
		equal 3 "${#lines[@]}" "$t"
		run -0 --separate-stderr bash -c "tool $t -v <in 2>/dev/full"
		equal 3 "${#lines[@]}" "$t"
		run -1 bash -c "tool $t -v --metrics m.$t <in 2>&- >/dev/full"
		run -1 grep -v '^#\|^sml_' "m.$t"
	done
	run -0 bash -c "sml-route -v 'id >= 0=good' error=bad <in 2>&- 3>&- 4>&-"
	equal '' "$output"
	equal '1 2' "$(ids <good)"
	equal 'PARSE_ERROR@3' "$(ids <bad)"
	run -0 bash -c "sml-train -v -y label -x id -m model.json in 2>&- 3>&- 4>&-"
	jq -e .id model.json >/dev/null
	run -2 bash -c "sml-features --no-such 2>&-"
	equal '' "$output"
}

@test "with all three closed nothing is read, written or left" {
	for t in $streams; do
		run -1 bash -c "tool $t -v <&- >&- 2>&-"
		equal '' "$output"
	done
	[ -z "$(ls -A)" ]
}

@test "sml-route: a descriptor that is not open is found before a byte is read" {
	records 1 3 >in
	for rules in '' 'x=3' '*=fd:9' 'error=4'; do
		run -2 --separate-stderr bash -c "exec 3>&- 4>&-; { sml-route $rules; cat; } <in; exit 2"
		equal "$(cat in)" "$output"
		run -2 --separate-stderr bash -c "sml-route $rules <in 3>&- 4>&-"
		local default=
		[ -n "$rules" ] || default='default rule HIGH_VALUE=3: '
		[[ -z $output && $stderr == "sml-route: $default"'descriptor '[349]' is not open; the shell opens it with: '[349]'>>out'[349].jsonl ]]
	done
	run -2 --separate-stderr bash -c "sml-route 'x=3' <in 3<in 4>&-"
	[[ -z $output && $stderr == *'descriptor 3 is open for reading only'* ]]
	run -2 --separate-stderr bash -c "sml features -d 'n = count()' then route 'x=3' <in 3>&- 4>&-"
	[[ -z $output && $stderr == 'sml-route: descriptor 3 is not open'* ]]
}

# ---- files that are appended to ----

# torn FILE: half a record, as a full disk leaves it
torn() {
	printf '{"id":1}\n{"id":' >"$1"
}

@test "a torn last line gets an end before the next record, whatever descriptor leads to it" {
	records 1 2 >in
	for t in $streams; do
		torn log
		run -0 --separate-stderr bash -c "tool $t <in >>log"
		[[ $stderr == "$(writer "$t"): stdout: its last line has no end: it gets one" ]] || [ "$t" = chain ]
		equal '{"id":1} {"id":' "$(head -n 2 log | paste -sd ' ')"
		equal '1 2' "$(tail -n +3 log | ids)"
		bash -c "tool $t <in >>log" 2>err
		equal '' "$(cat err)" "once is enough"
		equal '1 2 1 2' "$(tail -n +3 log | ids)"
		# At its end without O_APPEND, and not at its end; nothing to write; nothing that can be asked.
		torn log
		bash -c "{ cat >/dev/null; printf half; tool $t <in; } >log </dev/null" 2>err
		equal 'half' "$(head -n 1 log)"
		torn log
		bash -c "tool $t <in 1<>log" 2>err
		equal '' "$(cat err)"
		equal '1 2' "$(head -n 2 log | ids)"
		torn log
		bash -c "tool $t </dev/null >>log" 2>err
		equal 15 "$(wc -c <log)"
		: >log
		bash -c "tool $t <in >>log" 2>err
		equal '1 2' "$(ids <log)"
		equal '' "$(cat err)"
	done
}

@test "... also sml-route's files and descriptors, and not under --truncate; a disk that is full stays a failure" {
	records 1 3 >in
	torn a
	torn b
	torn c-2024
	torn d
	sed -i 's/"timestamp":/&172000000/' in
	run -0 --separate-stderr bash -c "sml-route 'id == 1=a' 'id == 2=3' '*=c-%Y' <in 3>>b"
	[[ $stderr == *'sml-route: a: its last line has no end: it gets one'* ]]
	[[ $stderr == *'sml-route: descriptor 3: its last line has no end: it gets one'* ]]
	[[ $stderr == *'sml-route: c-2024: its last line has no end: it gets one'* ]]
	equal '1 2 3' "$(tail -qn +3 a b c-2024 | ids)"
	run -0 --separate-stderr sml-route --truncate '*=d' <in
	equal '' "$stderr"
	equal '1 2 3' "$(ids <d)"
	run -1 --separate-stderr sml-route '*=/dev/full' <in
	equal 'sml-route: /dev/full: No space left on device' "$stderr"
}

# ---- readers that go ----

@test "a reader that closes ends the tool as by SIGPIPE, without a word" {
	records 1 100 >some
	[ -s some ]
	for t in $streams; do
		run -141 --separate-stderr bash -c "while cat some; do :; done 2>/dev/null | tool $t | head -1 >/dev/null; exit \${PIPESTATUS[1]}"
		equal '' "$stderr" "$t"
		trap_ignored=$(bash -c "trap '' PIPE; while cat some; do :; done 2>/dev/null | tool $t | head -1 >/dev/null; echo \${PIPESTATUS[1]}")
		equal 141 "$trap_ignored" "$t, SIGPIPE ignored by its parent"
	done
}

@test "... also while its input is idle, and before anything has come" {
	mkfifo p
	for t in $streams; do
		for first in 'records 1 1' :; do
			exec 8<>p
			$first >&8
			run -141 --separate-stderr timeout 20 bash -c "tool $t <p 8>&- | ([ '$first' = : ] || head -1) >/dev/null; exit \${PIPESTATUS[0]}"
			equal '' "$stderr" "$t"
			exec 8>&-
		done
	done
}

@test "a pipe of five whose last reader goes ends from behind, in silence, and saves nothing" {
	mkfifo p
	exec 8<>p
	records 1 3 >&8
	run -0 --separate-stderr timeout 20 bash -c '
		{ become replay <p | sml-features -d "n = count()" --state state | become classify | become route; } 8>&- | head -n 2
		exit 0'
	equal 2 "${#lines[@]}"
	equal '' "$stderr"
	exec 8>&-
	[ ! -e state ]
}

# ---- descriptors that are one ----

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

@test "as many path patterns as there may be rules, each with many names" {
	for i in $(seq 0 63); do
		echo "id % 64 == $i=$i-%M"
	done >rules
	# minute 0 to 9 of the epoch for each of them
	seq 0 639 | sed 's/.*/{"id":&,"timestamp":@&}/' | awk -F@ '{ split($2, t, "}"); print $1 int(t[1] / 64) * 60000 "}" }' >in
	mapfile -t rules <rules
	run -0 --separate-stderr sml-route "${rules[@]}" <in
	equal '' "$output$stderr"
	equal 640 "$(cat [0-9]*-0[0-9] | wc -l)"
	equal 640 "$(find . -name '*-0?' | wc -l)"
	equal '{"id":127,"timestamp":60000}' "$(cat 63-01)"
}

# ---- the chain speaks as the pipe does ----

# same_words PIPE CHAIN STATUS: both say the same, and the chain ends so
same_words() {
	run bash -c "$1"
	words=$output
	run -"$3" bash -c "$2"
	equal "$words" "$output" "$2"
	[ -n "$words" ]
}

@test "a failure in a chain has the name of the stage, as in a pipe" {
	records 1 5000 >in
	gzip -c in | head -c 5000 >cut.gz
	f="features -q -d 'n = count()'"
	same_words "sml-replay missing | sml-$f >/dev/null" "sml replay missing then $f >/dev/null" 1
	same_words "sml-replay cut.gz | sml-$f >/dev/null" "sml replay cut.gz then $f >/dev/null" 1
	same_words "sml-$f in 2>&1 >/dev/full" "sml $f in 2>&1 >/dev/full" 1
	same_words "sml-$f in | sml-route '*=3' 3>/dev/full" "sml $f in then route '*=3' 3>/dev/full" 1
	same_words "sml-$f in | sml-route '*=/dev/full'" "sml $f in then route '*=/dev/full'" 1
	same_words "head -n 1 in | sml-$f | sml-route '*=/dev/full'" "head -n 1 in | sml $f then route '*=/dev/full'" 1
	same_words "sml-route 'id >= 0=3' 3>/dev/full <in" "sml route 'id >= 0=3' then $f then route '*=null' 3>/dev/full <in" 1
	same_words "head -n 1 in | sml-route --all 'id >= 0=3' '*=-' 3>/dev/full >/dev/null" \
		"head -n 1 in | sml route --all 'id >= 0=3' '*=-' then $f then route '*=null' 3>/dev/full" 1
	same_words "sml-$f in | sml-route '*=no/such/folder'" "sml $f in then route '*=no/such/folder'" 1
	same_words "sml-$f in | sml-route '*=3' 3> >(:)" "sml $f in then route '*=3' 3> >(:)" 1
	same_words "sml-$f </" "sml $f then route '*=null' </" 1
	same_words "sml-train -q -y nothing -m m.json in" "sml $f in then train -q -y nothing -m m.json" 3
	same_words "sml-features -q -d 'n = count()' <<<'{\"_sml\":\"begin\"}'" "sml $f then route '*=null' <<<'{\"_sml\":\"begin\"}'" 2
}

# ---- words on stderr ----

@test "-q says nothing of a good run, -v more than nothing, and the data are the same" {
	{ records 1 20; echo x; } >in
	for t in $all; do
		tool "$t" <in >plain 2>said
		tool "$t" -q <in >quiet 2>err
		same_file plain quiet
		equal '' "$(cat err)" "$t"
		tool "$t" -v <in >verbose 2>err
		same_file plain verbose
		[ "$(wc -l <err)" -gt "$(wc -l <said)" ]
		grep -q "^$(reader "$t"): 21 records, " err
		tool "$t" -q -v <in >out 2>err
		equal '' "$(cat err)" "$t: quiet wins"
	done
}

@test "--metrics moves on an idle stream, at the end it is whole, and a chain has a file for each stage" {
	pids=() n=0
	for t in $all; do
		mkfifo "p.$t"
		become "$t" --metrics "$t.prom" <"p.$t" >out."$t" 2>/dev/null 3>&- &
		pids+=($!)
		stop_later $!
	done
	exec 20>p.features 21>p.classify 22>p.route 23>p.replay 24>p.chain 25>p.train
	blocked() { sed -n 's/^sml_[a-z]*_input_blocked_seconds_total{.*} //p' "$1.prom"; }
	moved() { [ "$(blocked "$1")" != "$before" ]; }
	for t in $all; do
		wait_for 5 test -s "$t.prom"
	done
	declare -A was
	for t in $all; do
		was[$t]=$(blocked "$t")
	done
	for t in $all; do
		before=${was[$t]}
		wait_for 5 moved "$t"
	done
	for n in 20 21 22 23 24 25; do
		{ records 1 3; echo '{"_sml":'; } >&$n
	done
	exec 20>&- 21>&- 22>&- 23>&- 24>&- 25>&-
	wait "${pids[@]}"
	for t in $all; do
		name=$(reader "$t") name=${name#sml-}
		grep -q "^sml_${name}_records_total{stage=\"$name\"} 4\$" "$t.prom"
		grep -q "^sml_${name}_errors_total{stage=\"$name\",type=\"RESERVED\"} 1\$" "$t.prom"
		[ "$t" = train ] || grep -q "^sml_${name}_output_bytes_total{stage=\"$name\"} $(wc -c <"out.$t")\$" "$t.prom"
		[ -z "$(find . -name "$t.prom?*")" ]
	done
	records 1 3 | sml features -d 'n = count()' --metrics a.prom then route --metrics b.prom '*=null'
	grep -q '^sml_features_records_total{stage="features"} 3$' a.prom
	grep -q '^sml_route_records_total{stage="route"} 3$' b.prom
}

@test "a bar is for a terminal alone; no colour anywhere; NO_COLOR, TERM=dumb, --no-progress" {
	read -ra names <<<"$all"
	python3 - "${names[@]}" <<-'PY'
		import os, pty, re, subprocess, sys, threading, time
		record = b'{"id":%d,"timestamp":1,"label":%d,"features":{"basket_size":1,"total_value":3,"user_history":2}}\n'
		failures = []

		def run(name, where, *options, **environment):
		    env = dict(os.environ, TERM="xterm")
		    env.update(environment)
		    master, slave = pty.openpty() if where != "file" else (None, open("err." + name, "w"))
		    out = open("out.%s.%s" % (name, where), "w") if where != "both" else slave
		    p = subprocess.Popen(["bash", "-c", 'become "$@"', "-", name, *options], stdin=subprocess.PIPE, stdout=out, stderr=slave, env=env)
		    said = b""
		    if where != "file":
		        os.close(slave)
		    else:
		        slave.close()
		    def write():
		        # A stage on a pipe shows its bar after two seconds.
		        for i in range(52 * int(os.environ.get("SML_SLOW", 1))):
		            p.stdin.write(record % (i, i % 2))
		            p.stdin.flush()
		            time.sleep(0.05)
		        p.stdin.close()
		    t = threading.Thread(target=write)
		    t.start()
		    while master is not None:
		        try:
		            piece = os.read(master, 10000)
		        except OSError:
		            break
		        said += piece
		    t.join()
		    status = p.wait()
		    if where == "file":
		        said = open("err." + name, "rb").read()
		    return status, said

		def check(name, where, bar, *options, **environment):
		    status, said = run(name, where, *options, **environment)
		    what = "%s %s %s %s: %d %r" % (name, where, options, environment, status, said)
		    good = status == 0 and not re.search(rb"\033\[[0-9;]*m", said)
		    if bar:
		        good = good and b" records  " in said and b"\r\033[K" in said and (name == "train" or said.endswith(b"\r\033[K"))
		    else:
		        good = good and b"\033" not in said and (where == "both" or b"/s" not in said)
		    if not good:
		        failures.append(what)

		jobs = []
		def job(*args, **env):
		    jobs.append(threading.Thread(target=check, args=args, kwargs=env))
		for name in sys.argv[1:]:
		    job(name, "terminal", True, NO_COLOR="1", COLORTERM="truecolor")
		    job(name, "file", False)
		for name in "features", "chain":
		    job(name, "dumb", False, TERM="dumb")
		    job(name, "none", False, "--no-progress")
		    job(name, "quiet", False, "-q")
		    job(name, "both", False)
		for j in jobs: j.start()
		for j in jobs: j.join()
		for name in sys.argv[1:]:
		    if b"\033" in open("out.%s.terminal" % name, "rb").read():
		        failures.append("%s: escapes in the data" % name)
		print(*failures, sep="\n")
		sys.exit(len(failures))
	PY
}

@test "an input that is the output as well is refused, and stays as it is" {
	records 1 5 >g
	cp g before
	for t in $streams; do
		run -1 --separate-stderr bash -c "become $t <g >>g"
		equal "$(reader "$t"): stdin: the input is the output as well" "$stderr"
		cmp before g
	done
	run -1 --separate-stderr bash -c 'sml-replay before g >>g'
	equal 'sml-replay: g: the input is the output as well' "$stderr"
	for rule in '*=g' '*=file:./g' '*=3'; do
		run -1 --separate-stderr bash -c 'sml-route --truncate "$1" <g 3>>g' - "$rule"
		[[ $stderr == sml-route:*': the input is the output as well' ]]
		cmp before g
	done
	# Another file of the same bytes is another file.
	run -0 bash -c 'sml-replay g >>before'
}
