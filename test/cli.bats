#!/usr/bin/env bats
# What every tool does with options, and what the common options do.
# shellcheck disable=SC1010,SC2016,SC2154 # "then" is a word of sml; $stderr is of bats
load helper

tools=(sml-replay sml-features sml-classify sml-route sml-train)

# features ARGUMENT...: one tool stands for all where the library does the work
features() {
	sml-features -d 'y = x + 1' "$@"
}

# mistake TOOL ARGUMENT...: status 2, one line on stderr that begins with the tool's name, nothing on stdout
mistake() {
	run -2 --separate-stderr "$@" </dev/null
	equal '' "$output"
	equal 1 "${#stderr_lines[@]}" "$* says: $stderr"
	[[ $stderr == "${1##*/}: "* ]]
}

# figure FILE NAME: the value of a sample without labels of its own
figure() {
	sed -n "s/^$2{[^}]*} //p" "$1"
}

@test "an unknown option: status 2, one line, a pointer, a suggestion" {
	for tool in "${tools[@]}"; do
		mistake "$tool" --no-such-option-at-all
		equal "$tool: unknown option \"--no-such-option-at-all\" (see $tool --help)" "$stderr"
		mistake "$tool" --max-eror=3
		equal "$tool: unknown option \"--max-eror\" (did you mean \"--max-errors\"?) (see $tool --help)" "$stderr"
		mistake "$tool" --metric x
		equal "$tool: unknown option \"--metric\" (did you mean \"--metrics\"?) (see $tool --help)" "$stderr"
		mistake "$tool" -Z
		equal "$tool: unknown option \"-Z\" (see $tool --help)" "$stderr"
		mistake "$tool" --max-line
		equal "$tool: --max-line needs its argument, BYTES (see $tool --help)" "$stderr"
		mistake "$tool" --quiet=yes
		equal "$tool: --quiet takes no argument (see $tool --help)" "$stderr"
		mistake "$tool" --max-line 12x
		mistake "$tool" --on-bad=drop
		mistake "$tool" --max-errors 101%
		mistake "$tool" --max-errors=-1
		mistake "$tool" -T 'a b'
		mistake "$tool" -T at:min
		mistake "$tool" --metrics no/such/folder/x
		mistake "$tool" --metrics /dev/null
		SML_TIME=x:y mistake "$tool"
		[[ $stderr == *'$SML_TIME'* ]]
	done
}

@test "help and version go to stdout, with status 0" {
	for tool in sml "${tools[@]}"; do
		for option in -h --help --help=all -V --version --list-options; do
			run -0 --separate-stderr "$tool" "$option"
			[ -n "$output" ]
			equal '' "$stderr"
		done
		mistake "$tool" --help=everything
		run -0 "$tool" --version
		[[ ${lines[0]} =~ ^$tool\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
		[[ $output == *yyjson* ]]
	done
	for tool in sml sml-replay sml-route; do
		run -0 "$tool" --version
		[[ $output == *librdkafka\ [0-9]* ]]
	done
}

@test "help that cannot be written is a failure" {
	for tool in sml "${tools[@]}"; do
		run -1 bash -c "$tool --help >/dev/full"
		[[ $output == "$tool: stdout: "* ]]
		run -1 bash -c "$tool --version >&-"
	done
}

@test "options may stand between operands, -- ends them" {
	echo '{"x":1}' >a
	echo '{"x":2}' >./-q
	run -0 --separate-stderr features a -q --on-bad route a
	equal 2 "${#lines[@]}"
	run -0 --separate-stderr features a -- -q
	equal '{"x":2,"features":{"y":3}}' "${lines[1]}"
	run -0 --separate-stderr features - <a
	equal 1 "${#lines[@]}"
}

@test "a line says how many error records there are, unless -q" {
	printf '{"x":1}\n\nnope\n{"x":"a"}\n' >in
	run -0 --separate-stderr features in
	[[ $stderr == 'sml-features: 2 of 3 lines are error records (first: in:3: not JSON at byte 1: '*')' ]]
	run -0 --separate-stderr features -q in
	equal '' "$stderr"
	printf '{\n"x":1\n}\n' >pretty
	run -0 --separate-stderr features pretty
	[[ $stderr == *'pretty-printed JSON? use jq -c' ]]
	echo '{"x":1}' >good
	run -0 --separate-stderr features good
	equal '' "$stderr"
}

@test "-v prints a summary, also of what the tool counts" {
	printf '{"x":1}\n{"x":2}\n' >in
	run -0 --separate-stderr features -v in
	[[ $stderr == *'sml-features: 2 records, '* ]]
	run -0 --separate-stderr features -v -q in
	equal '' "$stderr"
}

@test "--on-bad=stop ends at the first bad line with 3" {
	printf '{"x":1}\nnope\n{"x":2}\n' >in
	run -3 --separate-stderr features --on-bad=stop in
	equal '{"x":1,"features":{"y":2}}' "$output"
	[[ $stderr == 'sml-features: in:2: not JSON at byte 1: '*' (--on-bad=stop)' ]]
	equal 1 "${#stderr_lines[@]}"
}

@test "--max-errors N and N% end with 3" {
	printf '{"x":1}\nnope\n{"x":2}\nnope\n' >in
	run -0 --separate-stderr features --max-errors 2 in
	run -0 --separate-stderr features --max-errors 50% in
	run -3 --separate-stderr features --max-errors 1 in
	equal 3 "${#lines[@]}" # the one too many is not let out
	[[ $stderr == *'2 of 4 records are error records, over --max-errors'* ]]
	run -3 --separate-stderr features --max-errors 49.9% in
	run -3 --separate-stderr features --max-errors 0 in
	equal 1 "${#lines[@]}"
	# The share is judged from 1,000 records on, not when the first one is bad.
	{ echo nope && yes '{"x":1}' | head -n 1200; } >in
	run -0 --separate-stderr features --max-errors 1% in
}

@test "--max-line: a longer line is TOO_LONG" {
	printf '{"x":1}\n{"x":1,"pad":"%s"}\n{"x":2}\n' "$(printf '%070d' 0)" >in
	run -0 --separate-stderr features --max-line 64 in
	[[ ${lines[1]} == '{"errorType":"TOO_LONG",'* ]]
	equal 3 "${#lines[@]}"
}

@test "an input that cannot be read is named" {
	mkdir folder
	run -1 --separate-stderr features missing
	[[ $stderr == 'sml-features: missing: '* ]]
	run -1 --separate-stderr features folder
	[[ $stderr == 'sml-features: folder: '* ]]
	equal '' "$output"
}

@test "a stage that has failed closes nothing quietly" {
	yes '{"x":1}' | head -n 10000 >in
	run -1 --separate-stderr bash -c "sml-features -d 'y = x' in >/dev/full"
	[[ $stderr == *'stdout: No space left on device'* ]]
	run -1 --separate-stderr bash -c "sml-features -d 'y = x' in >&-"
	[[ $stderr == *'stdout: Bad file descriptor'* ]]
	run -1 --separate-stderr bash -c "sml-features -d 'y = x' <&-"
	[[ $stderr == *'stdin: Bad file descriptor'* ]]
	# What is opened later must not take the place of a stdout that is closed.
	run bash -c "sml-features --metrics m -d 'y = x' in >&-"
	run -1 grep '"x"' m
}

# ---- metrics ----

# What a textfile must hold to: HELP and TYPE once per name and before its samples, which stand together; no time stamps.
check_metrics() {
	python3 - "$1" <<'PY'
import re, sys
name = r'[a-zA-Z_:][a-zA-Z0-9_:]*'
label = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
sample = re.compile(rf'^({name})\{{({label}(?:,{label})*)\}} (NaN|[+-]Inf|-?[0-9.]+(?:e[+-]?[0-9]+)?)$')
text = open(sys.argv[1]).read()
assert text.endswith('\n')
helps, kinds, closed, now, seen = set(), {}, set(), None, {}
for line in text.splitlines():
    if m := re.match(rf'^# HELP ({name}) \S.*$', line):
        assert m[1] not in helps, line
        if now: closed.add(now)
        now = m[1]
        helps.add(now)
    elif m := re.match(rf'^# TYPE ({name}) (counter|gauge|histogram)$', line):
        assert m[1] == now and now not in kinds, line
        kinds[now] = m[2]
    else:
        m = sample.match(line)
        assert m, line
        base = re.sub('_(bucket|sum|count)$', '', m[1]) if kinds.get(now) == 'histogram' else m[1]
        assert base == now and base not in closed and base in kinds, line
        assert kinds[base] != 'counter' or base.endswith('_total'), line
        assert (m[1], m[2]) not in seen, line
        seen[m[1], m[2]] = float(m[3])
        assert 'stage="' in m[2], line
for base, kind in kinds.items():
    if kind == 'histogram':
        b = [(l, v) for (n, l), v in seen.items() if n == base + '_bucket']
        les = [re.search(r'le="([^"]*)"', l)[1] for l, v in b]
        assert les[-1] == '+Inf' and [float(x) for x in les] == sorted(float(x) for x in les)
        assert [v for l, v in b] == sorted(v for l, v in b)
        assert b[-1][1] == [v for (n, l), v in seen.items() if n == base + '_count'][0]
        assert any(n == base + '_sum' for n, l in seen)
PY
}

@test "--metrics keeps a Prometheus textfile" {
	printf '{"x":1}\nnope\n{"errorType":"LATE_DATA","_sml":"error"}\n' >in
	run -0 --separate-stderr features --metrics m.prom in
	check_metrics m.prom
	equal 3 "$(figure m.prom sml_features_records_total)"
	equal 1 "$(figure m.prom sml_features_errors_passed_total)"
	grep -qxF 'sml_features_errors_total{stage="features",type="PARSE_ERROR"} 1' m.prom
	grep -qxF 'sml_features_errors_total{stage="features",type="TOO_LONG"} 0' m.prom
	equal 3 "$(figure m.prom sml_features_latency_seconds_count)"
	equal "$(printf '%s\n' "$output" | wc -c)" "$(figure m.prom sml_features_output_bytes_total)"
	run -1 compgen -G 'm.prom?*' # no temporary is left
	SML_PIPELINE='a "b"\c' SML_SHARD=2/4 features --metrics m.prom -q in >out
	check_metrics m.prom
	grep -qF '{pipeline="a \"b\"\\c",stage="features",shard="2/4"} 3' m.prom
}

@test "metrics of every tool are well-formed" {
	echo '{"x":1,"probability":0.5,"classification":"A","label":1}' >in
	features -q --metrics features.prom in >features.out
	sml-replay -q --metrics replay.prom in >replay.out
	sml-route -q --metrics route.prom 'probability > 0.4=odd "1".out' '*=null' <in
	sml-train -q --metrics train.prom -y label -m model.json in || [ $? -eq 3 ]
	sml-classify -q --metrics classify.prom -m "$SML_ROOT/data/model.json" in >classify.out
	for tool in "${tools[@]#sml-}"; do
		check_metrics "$tool.prom"
		equal 1 "$(figure "$tool.prom" "sml_${tool}_records_total")"
	done
}

@test "metrics move while nothing comes" {
	mkfifo pipe
	sml-features -d 'y = x' --metrics m.prom <pipe >out 3>&- &
	stop_later $!
	exec 9>pipe
	wait_for 5 test -s m.prom
	before=$(figure m.prom sml_features_input_blocked_seconds_total)
	moved() { [ "$(figure m.prom sml_features_input_blocked_seconds_total)" != "$before" ]; }
	wait_for 5 moved
	echo '{"x":1}' >&9
	counted() { [ "$(figure m.prom sml_features_records_total)" = 1 ]; }
	wait_for 5 counted
	exec 9>&-
}

# ---- a terminal ----

# on_terminal COMMAND: its stderr is a terminal; what it wrote there
on_terminal() {
	TERM=${TERM_TO_BE-xterm} script -qec "$1" /dev/null </dev/null
}

@test "a bar on a terminal, cleared at the end; none elsewhere" {
	command -v script >/dev/null || skip "no script(1) here"
	yes '{"x":1}' | head -n 150 >in
	slow="sml-replay --rate 100/s in 2>/dev/null | sml-features -d 'y = x' >out"
	run -0 on_terminal "sml-replay --rate 100/s in >out"
	[[ $output == *'sml-replay '*'% ['*']'*'/s'*'ETA '* ]]
	[[ $output == *$'\r\e[K' ]]
	run -0 on_terminal "sml-replay --rate 100/s --no-progress in >out"
	equal '' "$output"
	run -0 on_terminal "sml-replay --rate 100/s -q in >out"
	equal '' "$output"
	TERM_TO_BE=dumb run -0 on_terminal "sml-replay --rate 100/s in >out"
	equal '' "$output"
	run -0 on_terminal "sml-replay --rate 100/s in"
	equal "$(cat in)" "$(tr -d '\r' <<<"$output")"
	run -0 --separate-stderr bash -c "$slow"
	equal '' "$stderr"
	# quick work has none
	run -0 on_terminal "sml-replay in >out"
	equal '' "$output"
}

@test "a tool that waits on a terminal says so once" {
	command -v script >/dev/null || skip "no script(1) here"
	run -0 timeout 20 script -qec "sml-features -d 'y = x' >out" /dev/null < <(sleep 0.5; printf '{"x":1}\n\x04'; sleep 0.5)
	equal 1 "$(grep -c 'sml-features: reading from the terminal' <<<"$output")"
	equal '{"x":1,"features":{"y":1}}' "$(cat out)"
}

@test "SIGUSR1: one line of progress" {
	mkfifo pipe
	sml-features -d 'y = x' <pipe >out 2>err 3>&- &
	pid=$!
	stop_later $pid
	exec 9>pipe
	printf '{"x":1}\nnope\n' >&9
	wait_for 5 test -s out
	kill -USR1 $pid
	wait_for 5 test -s err
	[[ $(cat err) == 'sml-features: 2 records, 1 error, '*' s, '*'/s; waited '* ]]
	exec 9>&-
	wait $pid
	equal 2 "$(wc -l <err)"
}

# ---- sml itself ----

@test "sml: mistakes in a chain" {
	echo '{"x":1}' >in
	mistake sml
	mistake sml then
	[[ $stderr == *'a tool is missing before "then"'* ]]
	mistake sml replay in then
	[[ $stderr == *'a tool is missing behind "then"'* ]]
	mistake sml replay in then then route
	mistake sml featurse
	equal 'sml: no tool is called "featurse" (did you mean "features"?) (see sml --help)' "$stderr"
	mistake sml -v replay in
	mistake sml replay in then replay in
	[[ $stderr == *'replay reads a source of its own: it can only stand first'* ]]
	mistake sml train -y label -m m.json in then route
	[[ $stderr == *'train writes no records: nothing can stand behind it'* ]]
	mistake sml replay in then features -d 'y = x' in
	equal 'sml: features: input operand "in": its input is the stage before it' "$stderr"
	run -2 --separate-stderr sml replay in then features --no-such
	[[ $stderr == 'sml-features: unknown option "--no-such" (see sml-features --help)' ]]
	run -2 --separate-stderr sml replay in then features -d 'y = '
	[[ $stderr == 'sml-features: '* ]]
}

@test "sml: the help of a tool is its own" {
	for tool in "${tools[@]}"; do
		equal "$("$tool" --help)" "$(sml "${tool#sml-}" --help)"
		equal "$("$tool" --list-options)" "$(sml "${tool#sml-}" --list-options)"
		equal "$("$tool" --version)" "$(sml "${tool#sml-}" --version)"
	done
}
