#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What every tool promises about its input, whatever it does with it: sml(7), sml-record(5).
# shellcheck disable=SC1010,SC2154 # "then" is a word of sml; $output and $stderr are of bats
load helper
load contract

setup() {
	contract_setup
}

# ---- lines ----

@test "empty input is no output and 0; nothing to learn from is 3" {
	for t in $streams; do
		run -0 --separate-stderr tool "$t" </dev/null
		equal '' "$output$stderr" "$t"
		run -0 --separate-stderr tool "$t" <<<$'\n  \n\t\r\n'
		equal '' "$output$stderr" "$t, blank lines alone"
	done
	for input in '' $'\n  \n\t\r\n'; do
		run -3 --separate-stderr tool train <<<"$input"
		equal '' "$output"
		equal 1 "${#stderr_lines[@]}"
		[[ $stderr == sml-train:* ]]
	done
}

@test "a last line without LF counts, blank lines do not, a BOM goes, a CR stays" {
	{ printf '\xef\xbb\xbf'; records 1 1; printf '\n   \n'; records 2 2 | tr '\n' '\r'; printf '\n'; records 3 3 | tr -d '\n'; } >in
	for t in $streams; do
		tool "$t" <in >out
		equal '1 2 3' "$(ids <out)" "$t"
		equal '{"id"' "$(head -c 5 out)" "$t: the BOM"
		equal $'}\r' "$(sed -n 2p out | tail -c 3 | head -c 2)" "$t: the CR"
		equal '' "$(tail -c 1 out)" "$t: the last LF"
	done
	equal 3 "$(tool train -q <in | rows)"
}

@test "a BOM inside the input, or before the second file, is no JSON and no blank" {
	printf '\xef\xbb\xbf{"id":1}\n' >bom
	{ records 1 1; cat bom; } >in
	for t in $filters chain; do
		run -0 tool "$t" -q <in
		equal '1 PARSE_ERROR@2' "$(ids <<<"$output")" "$t"
	done
	run -0 sml-replay bom bom
	equal $'{"id":1}\n{"id":1}' "$output" "each input may begin with one"
}

@test "a bad line becomes an error record in its place, and comes back byte for byte" {
	records 1 2 >in
	printf '\n{"id":3\n\x00\n{"id":"\xff"}\n[]\n{"id":1}{"id":2}\n{"id":"\\ud800"}\n{"id":"a\x01"}\r\n{"id":"a\x00b"}\n' >>in
	records 4 4 | tr -d '\n' >>in
	summary='8 of 11 lines are error records (first: stdin:4: not JSON at byte 8: unexpected end of data)'
	for t in $filters chain; do
		for policy in '' --on-bad=route; do
			run -0 --separate-stderr tool "$t" $policy <in
			echo "$output" >out
			equal '1 2 PARSE_ERROR@4 PARSE_ERROR@5 PARSE_ERROR@6 PARSE_ERROR@7 PARSE_ERROR@8 PARSE_ERROR@9 PARSE_ERROR@10 PARSE_ERROR@11 4' \
				"$(ids <out)" "$t"
			equal "$(reader "$t"): $summary" "$stderr" "$t"
		done
		grep -a '"_sml":"error"' out | sml-replay --retry >back
		sed -n '4,11p' in >expected
		same_file expected back
	done
	run -0 --separate-stderr tool train <in
	equal 3 "$(rows <<<"$output")"
	equal "sml-train: $summary" "$(grep lines <<<"$stderr")"
}

@test "sml-replay frames lines and changes no byte of them" {
	python3 - >in <<-'PY'
		import sys
		for c in range(256):
		    if c not in b"\n":
		        sys.stdout.buffer.write(b'{"x":"%c%c"}\n' % (c, 255 - c if c != 245 else 1) + bytes([c if c > 32 else 33]) + b"\n")
	PY
	run -0 sml-replay in
	sml-replay in | cmp - in
}

@test "the line at the end tells how many, of how many, and the first; one for each stage; -q is without" {
	{ for _ in 1 2 3; do echo x; done; records 1 3397; } >in
	for t in $filters train; do
		run -0 --separate-stderr tool "$t" <in
		equal "sml-$t: 3 of 3,400 lines are error records (first: stdin:1: not JSON at byte 1: unexpected character, expected a valid root value)" \
			"$(grep ' lines ' <<<"$stderr")"
		run -0 --separate-stderr tool "$t" -q <in
		equal '' "$stderr"
	done
	{ records 1 1; echo '{"_sml":'; } >in
	run -0 --separate-stderr tool replay <in
	equal 'sml-replay: 1 of 2 lines is an error record (first: stdin:2: begins as a control record does)' "$stderr"
	printf '%s\n' '{"x":1}' x '{"x":"a"}' >in
	run -0 --separate-stderr bash -c "sml features -d 'n = count()' then features -d 'y = x + 1' in 2>&1 >/dev/null ||
		sml features -d 'n = count()' in then features -d 'y = x + 1' then route '*=null'"
	[[ $stderr == *$'sml-features: 1 of 3 lines is an error record (first: in:2: not JSON '*$'\n'*'sml-features: 1 of 3 lines is an error record (first: stdin:3: '* ]]
}

@test "CSV is recognised as such" {
	for t in $filters; do
		run -0 --separate-stderr bash -c "printf 'user,total\\n1,2\\n' | become $t"
		[[ $stderr == *'; CSV? "mlr --icsv --ojsonl cat" makes JSON lines of it'* ]]
	done
}

@test "pretty-printed JSON is recognised as such" {
	for t in $filters chain; do
		run -0 --separate-stderr tool "$t" <<<$'{\n  "id": 1\n}'
		[[ $stderr == *'; pretty-printed JSON? use jq -c' ]]
	done
	run -3 --separate-stderr tool train <<<$'{\r\n  "id": 1\r\n}\r'
	[[ $stderr == *'; pretty-printed JSON? use jq -c'* ]]
}

@test "--on-bad=stop: at the first bad line, though more may come; what came before is out; the status 3" {
	mkfifo p
	for t in $all; do
		bad=x message='not JSON at byte 1: '
		[ "$t" != replay ] || bad='{"_sml":' message='begins as a control record does'
		exec 8<>p
		{ records 1 3; echo "$bad"; records 4 5; } >&8
		run -3 --separate-stderr timeout 20 bash -c "become $t --on-bad=stop <p 8>&-"
		exec 8>&-
		[ "$t" = train ] || equal '1 2 3' "$(ids <<<"$output")" "$t"
		[ "$t" != train ] || equal '' "$output" "$t"
		equal 1 "${#stderr_lines[@]}" "$t says: $stderr"
		[[ $stderr == "$(reader "$t"): stdin:4: $message"*"(--on-bad=stop)" ]]
	done
}

@test "--max-errors: as many are let out, wherever they go and however the input comes" {
	for t in $filters chain; do
		{ records 1 3; printf 'x\ny\n'; records 4 4; } >in
		run -0 tool "$t" -q --max-errors 2 <in
		equal '1 2 3 PARSE_ERROR@4 PARSE_ERROR@5 4' "$(ids <<<"$output")" "$t"
		run -3 --separate-stderr tool "$t" --max-errors 1 <in
		equal '1 2 3 PARSE_ERROR@4' "$(ids <<<"$output")" "$t"
		equal 1 "${#stderr_lines[@]}" "$t says: $stderr"
		[[ $stderr == "$(reader "$t"): 2 of 5 records are error records, over --max-errors (first: stdin:4: "* ]]
		for i in $(seq 40); do records $((i * 100)) $((i * 100 + 48)); echo x; done >in
		tool "$t" -q --max-errors 1% <in >whole && false
		tool "$t" -q --max-errors 1% < <(in_pieces 5003 <in) >pieces && false
		same_file whole pieces
		equal 999 "$(wc -l <whole)" "$t: judged at the 1,000th, which is one too many"
		tool "$t" -q --max-errors 2% <in >whole
		equal 2000 "$(wc -l <whole)"
	done
	{ records 1 3; printf 'x\ny\n'; records 4 4; } >in
	run -0 tool train -q --max-errors 2 <in
	run -3 tool train -q --max-errors 1 <in
	equal 1 "${#lines[@]}"
	run -3 tool train -q --max-errors 33% <in
	sed 's/^[xy]$/{"_sml":/' in >forged
	run -0 tool replay -q --max-errors 2 <forged
	run -3 tool replay -q --max-errors 1 <forged
}

@test "--max-line: a longer line is TOO_LONG, with its length and its beginning" {
	{
		records 1 1
		records 2 2 | sed "s/}$/,\"pad\":\"$(printf %08911d 0)\"}/"
		records 3 3
		records 4 4 | sed "s/}$/,\"pad\":\"$(printf %08911d 0)\"}/" | tr -d '\n'
	} >in
	equal 9017 "$(sed -n 2p in | tr -d '\n' | wc -c)"
	for t in $streams; do
		run -0 tool "$t" -q --max-line 5000 <in
		equal '1 TOO_LONG@2 3 TOO_LONG@4' "$(ids <<<"$output")" "$t"
		equal '9017 4096' "$(sed -n 2p <<<"$output" | jq -r '"\(.length) \(.rawData | length)"')" "$t"
		run -0 tool "$t" -q --max-line 9017 <in
		equal '1 2 3 4' "$(ids <<<"$output")" "$t: a limit is allowed to be reached"
		run -3 tool "$t" -q --max-line 5000 --on-bad=stop <in
		equal 1 "$(grep -c '^{' <<<"$output")" "$t"
	done
	records 5 6 >>in
	run -0 --separate-stderr tool train --max-line 5000 <in
	[[ $stderr == *'sml-train: 2 of 5 lines are error records (first: stdin:2: 9017 bytes, over the limit of 5000 (--max-line))'* ]]
}

# endless HEAD: a line of 300 MB that begins so
endless() {
	printf '%s' "$1"
	head -c 300000000 /dev/zero | tr '\0' x
}

# little COMMAND...: in 200 MB of memory
little() {
	ulimit -v 200000
	"$@"
}
export -f endless little

@test "a line of 300 MB without an end, in 200 MB of memory, whatever it begins with" {
	skip_if_sanitized
	for t in $filters replay; do
		head='{"_sml":"xxxx'
		[ "$t" != features ] || head='{"id":1,"x":"'
		endless "$head" | (little become "$t" -q) >out
		equal 300000013 "$(jq .length out)" "$t"
	done
	run -3 --separate-stderr bash -c "endless '{\"_sml\":' | little tool train --on-bad=stop"
	[[ $stderr == *'300000008 bytes, over the limit of 16777216 (--max-line) (--on-bad=stop)' ]]
}

@test "an endless line can be stopped" {
	pids=()
	for t in $streams; do
		become "$t" -q </dev/zero >/dev/null 3>&- &
		pids+=($!)
		stop_later $!
	done
	for pid in "${pids[@]}"; do
		wait_for 5 has_read "$pid" 50000000	# more than is read before it begins, by valgrind
		kill "$pid"
	done
	for pid in "${pids[@]}"; do
		wait_gone "$pid" 15
		wait "$pid"
	done
}

# has_read PID BYTES: at least so many
has_read() {
	[ "$(sed -n 's/^rchar: //p' "/proc/$1/io")" -ge "$2" ]
}

@test "100,000 levels and 400 digits are only bytes where nobody looks" {
	python3 - >in <<-'PY'
		n = 100000
		for i, x in enumerate(["[" * n + "]" * n, '{"a":' * n + "1" + "}" * n, "9" * 400, "[" * n]):
		    print('{"id":%d,"timestamp":1,"x":%s%s' % (i + 1, x, "" if i == 3 else "}"))
	PY
	for t in features route chain; do
		(ulimit -s 512 && tool $t -q <in >out)
		[ "$(sed 's/,"features":{"n":[0-9]}//' out | head -3 | cmp - <(head -3 in) && echo same)" = same ]
		grep -q '^{"errorType":"PARSE_ERROR"' <(sed -n 4p out)
	done
}

@test "control lines are refused where there is no checkpoint, forged error records by sml-replay" {
	for t in $filters chain train; do
		run -2 --separate-stderr tool "$t" <<<$'{"_sml":"begin"}\n{}'
		[[ $stderr == "$(reader "$t"): "*"begin record"* ]]
		[ "$t" != train ] || { [ -z "$output" ] && continue; }
		# Stages behind it, under the checkpoint, hear why.
		[[ $output == '{"_sml":"abort","exit":2,"stage":'*',"why":"it was started without a checkpoint"}' ]]
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
	for t in $streams; do
		run -0 --separate-stderr tool "$t" --max-errors 0 <<<"$error"
		equal "$error" "$output" "$t"
		[[ $stderr != *"error record"* ]]
	done
	run -0 tool train -q --max-errors 0 --on-bad=stop <<<"$error"$'\n'"$(records 1 2)"
	equal 2 "$(rows <<<"$output")"
}

# ---- files ----

@test "operands are inputs as in cat: in order, '-' is stdin, -- ends options, options may stand between" {
	records 1 1 >a
	records 2 3 >b
	records 4 4 >./-q
	: >empty
	mkfifo p
	for t in replay features classify; do
		set --
		[ $t != features ] || set -- -d 'n = count()'
		[ $t != classify ] || set -- -m "$SML_ROOT/data/model.json"
		equal '1 2 3 1' "$(sml-$t "$@" a b a | ids)" $t
		equal '2 3 1' "$(sml-$t "$@" b - <a | ids)" $t
		equal '1 2 3' "$(sml-$t "$@" - b <a | ids)" $t
		equal '1' "$(sml-$t "$@" - - <a | ids)" "$t: stdin has ended the second time"
		equal '1' "$(sml-$t "$@" empty a /dev/null empty <b | ids)" $t
		equal '1 4' "$(sml-$t "$@" a -- -q | ids)" $t
		equal '1 2 3' "$(sml-$t a "$@" -q b --on-bad route | ids)" $t
		equal '1 2 3' "$(sml-$t "$@" <(cat a) b | ids)" "$t: process substitution"
		cat b >p 3>&- &
		equal '1 2 3' "$(sml-$t "$@" a p | ids)" "$t: a named pipe"
	done
	equal 4 "$(sml-train -q -y label -x id -m - a - -- -q <b | rows)"
}

@test "a line is counted in its file" {
	{ records 1 2; echo x; } >a
	for t in replay features classify; do
		sml-$t -h >/dev/null
	done
	run -0 --separate-stderr sml-features -d 'n = count()' a a
	equal '1 2 PARSE_ERROR@3 1 2 PARSE_ERROR@3' "$(ids <<<"$output")"
	[[ $stderr == *'2 of 6 lines are error records (first: a:3: '* ]]
	equal 'a a' "$(jq -r 'select(._sml).source' <<<"$output" | xargs)"
}

@test "what cannot be read: a sentence with its name, status 1, and nothing has been written" {
	mkdir folder
	records 1 2 >a
	for t in replay features classify train; do
		set --
		[ $t != features ] || set -- -d 'n = count()'
		[ $t != classify ] || set -- -m "$SML_ROOT/data/model.json"
		[ $t != train ] || set -- -y label -m -
		run -1 --separate-stderr sml-$t "$@" a missing
		equal "sml-$t: missing: No such file or directory" "$output$stderr"
		run -1 --separate-stderr sml-$t "$@" a folder
		equal "sml-$t: folder: is a directory" "$output$stderr"
		run -1 --separate-stderr sml-$t "$@" a a/b
		equal "sml-$t: a/b: Not a directory" "$output$stderr"
		run -1 --separate-stderr sml-$t "$@" ''
		equal "sml-$t: : No such file or directory" "$output$stderr"
	done
	for t in $all; do
		run -1 --separate-stderr tool "$t" <folder
		equal "$(reader "$t"): stdin: is a directory" "$output$stderr"
		run -1 --separate-stderr bash -c "tool $t <&-"
		equal "$(reader "$t"): stdin: Bad file descriptor" "$output$stderr"
		run -1 --separate-stderr bash -c "tool $t 0>/dev/null"
		equal "$(reader "$t"): stdin: Bad file descriptor" "$output$stderr"
	done
	run -2 --separate-stderr sml-route a </dev/null
	[[ -z $output && $stderr == 'sml-route: '* ]]
}

@test "a file whose name is no UTF-8 gives error records that are" {
	name=$'caf\xe9.jsonl'
	{ echo '{"_sml":'; records 1 2; } >"$name"
	for t in replay features classify train; do
		set --
		[ $t != features ] || set -- -d 'n = count()'
		[ $t != classify ] || set -- -m "$SML_ROOT/data/model.json"
		[ $t != train ] || set -- -y label -m -
		run -0 --separate-stderr sml-$t "$@" "$name"
		[ $t = train ] || equal 'caf?.jsonl' "$(head -n 1 <<<"$output" | jq -r .source)"
	done
}

@test "compressed files, also in pieces and cut short" {
	records 1 5000 >in
	gzip -c in >in.gz
	cat in.gz in.gz >twice.gz
	head -c 5000 in.gz >cut.gz
	for t in $streams; do
		tool "$t" <in >plain
		tool "$t" <in.gz | cmp - plain
		[ "$(tool "$t" <twice.gz | wc -l)" = 10000 ]
		run -1 --separate-stderr tool "$t" <cut.gz
		[[ $stderr == "$(reader "$t"): stdin: the gzip data are cut short" ]]
		[ "$(wc -l <<<"$output")" -gt 100 ]
		ids <<<"$output" >/dev/null	# whole lines alone
	done
	equal 5000 "$(tool train -q <in.gz | rows)"
	run -1 --separate-stderr tool train -q <cut.gz
	equal '' "$output" "no model of half a file"
}

@test "compressed data on a pipe end with 1 at once, also byte by byte" {
	export -f in_pieces
	records 1 300 | gzip -c >in.gz
	records 1 300 | zstd -q -c >in.zst
	for t in $all; do
		run -1 --separate-stderr bash -c "cat in.gz | tool $t"
		equal "$(reader "$t"): stdin: a pipe of gzip data: put zcat before it, or give the file itself" "$output$stderr"
		run -1 --separate-stderr bash -c "head -c 6 in.zst | in_pieces 1 2>/dev/null | tool $t"
		equal "$(reader "$t"): stdin: a pipe of Zstandard data: put zstdcat before it, or give the file itself" "$output$stderr"
	done
	run -1 --separate-stderr sml-features -d 'n = count()' <(cat in.gz)
	[[ -z $output && $stderr == *': a pipe of gzip data: '* ]]
	# Elsewhere in it such bytes are a bad line like any other.
	run -0 --separate-stderr bash -c '{ echo "{}"; cat in.gz; } | sml-features -q -d "n = count()"'
	[[ ${lines[0]} == '{"features":'* && ${lines[1]} == *'"PARSE_ERROR"'* ]]
}

@test "what stands behind a gzip member is as to gzip(1)" {
	records 1 3 >in
	gzip -c in >in.gz
	python3 - <<-'PY'
		member = open("in.gz", "rb").read()
		zeros = bytes(700000)
		for i, behind in enumerate([b"", b"\0", bytes(512), zeros, b"\n", b"x", b"\0x", zeros + b"x", b"\x1f", b"\x1f\x8b", b"\x1f\x8c",
		        b"\0\x1f\x8b", member, b"\0" + member, zeros + member, member + zeros, b"x" + member, member[:-1]]):
		    open("%02d.gz" % i, "wb").write(member + behind)
	PY
	for file in [0-9]*.gz; do
		gzip -dc "$file" >expected 2>/dev/null && good=yes || good=no
		sml-replay -q "$file" >out 2>err && got=yes || got=no
		equal "$good" "$got" "$file: $(cat err)"
		same_file expected out
	done
	run -1 --separate-stderr sml-features -q -d 'n = count()' --state state 05.gz
	equal 'sml-features: 05.gz: behind the gzip data stands something else' "$stderr"
	[ ! -e state ]
}

@test "stdin may be a socket or a terminal" {
	for t in $streams; do
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
	done
}

@test "a tool that waits on a terminal says so once, unless -q" {
	read -ra names <<<"$all"
	python3 - "${names[@]}" <<-'PY'
		import os, pty, subprocess, sys
		record = b'{"id":%d,"timestamp":1,"label":%d,"features":{"basket_size":1,"total_value":3,"user_history":2}}\n'
		def run(name, *options):
		    master, slave = pty.openpty()
		    p = subprocess.Popen(["bash", "-c", 'tool "$@"', "-", name, *options], stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
		    os.write(master, record % (1, 1) + record % (2, 0) + b'\x04')
		    out, err = p.communicate(timeout=20)
		    assert p.returncode == 0, (name, err)
		    return err.decode()
		for name in sys.argv[1:]:
		    reader = "sml-features" if name == "chain" else "sml-" + name
		    said = run(name)
		    assert said.count(reader + ": reading from the terminal; Ctrl-D ends the input\n") == 1, said
		    assert "terminal" not in run(name, "-q")
		    if name in ("features", "replay"):
		        said = run(name, "/dev/null", "-")
		        assert said.count("reading from the terminal") == 1, said
		        assert run(name, "/dev/null") == ""
	PY
}

# ---- nothing else counts ----

# german: LC_ALL=de_DE.UTF-8 in earnest; made here where the system has none
german() {
	if ! locale -a 2>/dev/null | grep -qix 'de_DE\.utf-\?8'; then
		mkdir -p locales
		localedef -i de_DE -f UTF-8 locales/de_DE.UTF-8 2>/dev/null || [ -e locales/de_DE.UTF-8/LC_NUMERIC ] ||
			skip "no German locale, and none can be made (Debian: locales)"
		export LOCPATH=$PWD/locales
	fi
	export LC_ALL=de_DE.UTF-8 LANG=de_DE.UTF-8 LANGUAGE=de
	equal , "$(locale decimal_point)" "the locale is there"
}

@test "results depend neither on how the input comes nor on the locale" {
	{ records 1 15; printf 'x\n\n'; records 16 30 | sed 's/"total_value":3/"total_value":3.25e1/'; } >in
	for t in $all; do
		tool "$t" -q <in >"whole.$t"
		for n in 11 997; do
			tool "$t" -q < <(in_pieces $n <in) >"$n.$t" 3>&- &
		done
	done
	wait
	for t in $all; do
		[ -s "whole.$t" ]
		same_file "whole.$t" "11.$t"
		same_file "whole.$t" "997.$t"
	done
	sml-replay --rate 100000.5/s --speed 1000000.5 in >paced
	tool classify -q -t 0.25 --max-errors 99.5% <in >threshold
	run sml-features -d 'n = count()' --max-errors 0,5% in
	equal 2 "$status"
	said=$output
	german
	for t in $all; do
		tool "$t" -q <in >out
		same_file "whole.$t" out
	done
	sml-replay --rate 100000.5/s --speed 1000000.5 in >out
	same_file paced out
	tool classify -q -t 0.25 --max-errors 99.5% <in >out
	same_file threshold out
	run sml-features -d 'n = count()' --max-errors 0,5% in
	equal "$said" "$output"
}

@test "what --select leaves out is not there for a stage behind it" {
	for i in 1 2; do echo "{\"id\":$i,\"classification\":\"A\",\"x\":$i}"; done >in
	definition='n = coalesce(x, 0)'
	sml-route --select id '*=-' <in | sml-features -d "$definition" >pipe
	sml route --select id '*=-' then features -d "$definition" <in >chain
	grep -q '"n":0' pipe
	same_file pipe chain
}
