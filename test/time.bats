#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Event time in sml-features: the watermark, late and early events, hold, idle, ttl, what waits at the end.
# shellcheck disable=SC2154 # $output and $stderr are of bats

load helper

export SOURCE_DATE_EPOCH=0
SHUFFLE=$SML_ROOT/test/helper/shuffle.py

# spec LINE...: into x.features, with the key k and the time t
spec() {
	printf '%s\n' 'key k' 'time t' "$@" >x.features
}

# event KEY TIME [X]
event() {
	printf '{"k":"%s","t":%s,"x":%s}\n' "$1" "$2" "${3-1}"
}

# events SEED N: in order, with ties and gaps, of a few keys; times in ms
events() {
	awk -v seed="$1" -v n="$2" 'BEGIN { srand(seed); t = 1720000000000
		for (i = 0; i < n; i++) {
			r = rand()
			t += r < 0.2 ? 0 : r < 0.97 ? int(rand() * 400) : int(rand() * 40000)
			printf "{\"k\":\"%s\",\"t\":%.0f,\"x\":%d}\n", substr("abcde", 1 + int(rand() * 5), 1), t, int(rand() * 100)
		} }'
}

WINDOWS=('n = count() over 5s' 's = sum(x) over 10s every 2s' 'm = max(x) over tumbling 7s' 'c = count() over session 2s' 'e = elapsed()'
	'p = prev(x)' 'd = sum(x) decay 3s' 'l = mean(x) over last 4' 'w = ewma(x, 2s)')

# ---- late ----

@test "late events: counted, kept out, or error records; said and counted in each case" {
	{ event a 1000; event a 9000; event a 4000; event a 8500; event a 9500; } >in
	spec 'n = count() over 10s'
	run -0 --separate-stderr sml-features x.features in
	equal '1 2 2 3 5' "$(sed 's/.*"n"://; s/}}$//' <<<"$output" | xargs)"
	equal 'sml-features: 2 late events, by up to 5s: counted in windows that still hold their time; to take events in order: hold 5s' "$stderr"
	spec 'late 500ms' 'n = count() over 10s'
	run -0 --separate-stderr sml-features x.features in
	equal 'sml-features: 1 late event, by up to 5s: counted in windows that still hold their time; to take events in order: hold 5s' "$stderr"
	spec 'late 1s drop' 'n = count() over 10s'
	run -0 --separate-stderr sml-features --metrics m x.features in
	# The dropped one has its features, as of its own time, and is seen by nobody else.
	equal '1 2 2 2 4' "$(sed 's/.*"n"://; s/}}$//' <<<"$output" | xargs)"
	[[ $stderr == *': 1 late event, by up to 5s: kept out of the state; to take'* ]]
	grep -q '^sml_features_late_total{.*} 1$' m
	grep -q '^sml_features_watermark_seconds{.*} 9.5$' m
	spec 'late 1s error' 'n = count() over 10s'
	run -0 --separate-stderr sml-features x.features in
	equal '{"errorType":"LATE_DATA","errorMessage":"time t is 5s behind the watermark (late 1s)","rawData":"{\"k\":\"a\",\"t\":4000,\"x\":1}","timestamp":0,"stage":"features","source":"in","line":3,"latenessMs":5000,"_sml":"error"}' "${lines[2]}"
	equal '1 2 2 4' "$(grep -v LATE <<<"$output" | sed 's/.*"n"://; s/}}$//' | xargs)"
	[[ $stderr == *': 1 late event, by up to 5s: made error records; '* ]]
	# -q says nothing of it; a specification that looks at no times does not either.
	run -0 --separate-stderr sml-features -q x.features in
	equal '' "$stderr"
	spec 'n = count()'
	run -0 --separate-stderr sml-features x.features in
	equal '' "$stderr"
}

@test "late keeps windows open for events that are behind the key's newest" {
	{ event a 1000 1; event a 30000 2; event a 2000 4; event a 12000 8; } >in
	for late in 0s 18s 30s; do
		spec "late $late" 's = sum(x) over 10s' 't = sum(x) over tumbling 10s' 'c = sum(x) over session 10s'
		sml-features -q x.features in | sed -n 's/.*"features"://; s/}$//; 3,$p' >"$late"
	done
	# Without: what is behind the window of the newest is gone.
	equal '{"s":4,"t":4,"c":4}
{"s":8,"t":8,"c":8}' "$(cat 0s)"
	equal '{"s":4,"t":4,"c":4}
{"s":8,"t":8,"c":12}' "$(cat 18s)"
	equal '{"s":5,"t":5,"c":5}
{"s":8,"t":8,"c":13}' "$(cat 30s)"
}

# ---- hold ----

@test "hold: any order of arrival within it gives the same bytes, however the input is cut, in one run or two" {
	for seed in 1 2 3 4; do
		events "$seed" 1200 >sorted
		spec 'hold 3s' "${WINDOWS[@]}" 'require x < 97'
		sml-features -q x.features sorted | sed 's/"line":[0-9]*//' >expected
		# In order already, hold changes nothing but when records leave.
		spec "${WINDOWS[@]}" 'require x < 97'
		sml-features -q x.features sorted | grep -v '^{"errorType"' >plain
		grep -v '^{"errorType"' expected >held
		same_file plain held
		spec 'hold 3s' "${WINDOWS[@]}" 'require x < 97'
		for shuffle in 5 6 7; do
			python3 "$SHUFFLE" "$shuffle" 2999 sorted >shuffled
			! cmp -s sorted shuffled
			run -0 --separate-stderr sml-features x.features shuffled
			[[ $stderr != *late* ]]
			sed 's/"line":[0-9]*//; s/"source":"[a-z]*"//' <<<"$output" >got
			sed 's/"source":"[a-z]*"//' expected >want
			same_file want got
		done
		rm -f p
		head -n 700 shuffled | sml-features -q --state p x.features >one
		[ "$(wc -l <one)" -lt 700 ]
		tail -n +701 shuffled | while IFS= read -r line; do printf '%s\n' "$line"; done | sml-features -q --final --state p x.features >>one
		sed 's/"line":[0-9]*//; s/"source":"[a-z]*"//' one >got
		same_file want got
	done
}

@test "what is behind the watermark is not held: late, and told of by how much" {
	{ event a 10000 1; event a 20000 2; event a 14000 4; event a 15001 8; } >in
	spec 'hold 5s' 'late 0 error' 's = sum(x) over 1m'
	run -0 --separate-stderr sml-features x.features in
	equal '10000 14000 15001 20000' "$(sed 's/.*"t\\*"://; s/,.*//' <<<"$output" | xargs)"
	[[ ${lines[1]} == *'"errorMessage":"time t is 1s behind the watermark (hold 5s)"'*'"latenessMs":1000'* ]]
	[[ $stderr == *'1 late event, by up to 1s: made error records'$'\n'* ]]
}

@test "held events are in the state, and leave with --final; after a restart nothing is late that was not" {
	spec 'hold 10s' 'late 0 error' 'n = count() over 1h'
	event a 1000 1 >one
	event a 5000 2 >>one
	run -0 --separate-stderr sml-features -v --state p x.features one
	equal '' "$output"
	[[ $stderr == *'2 held events in the state (--final lets them go)'* ]]
	equal '{"watermark":"1969-12-31T23:59:55Z","newest":"1970-01-01T00:00:05Z"}
{"held":{"k":"a","t":1000,"x":1},"time":"1970-01-01T00:00:01Z"}
{"held":{"k":"a","t":5000,"x":2},"time":"1970-01-01T00:00:05Z"}' "$(sml-features --state p --dump-state)"
	event a 2000 3 >two
	run -0 --separate-stderr sml-features --state p --final x.features two
	equal '1000 2000 5000' "$(sed 's/.*"t"://; s/,.*//' <<<"$output" | xargs)"
	# They have left: what is older than they were is late now.
	event a 3000 4 >three
	run -0 --separate-stderr sml-features --state p x.features three
	[[ $output == *'time t is 2s behind the watermark'* ]]
	# An error record of a held one names where it came from.
	rm p
	spec 'hold 10s' 'n = sum(x) over 1h'
	event a 1000 '"no"' >bad
	sml-features -q --state p x.features bad
	run -0 --separate-stderr sml-features --state p --final x.features two
	[[ ${lines[0]} == *'"stage":"features","source":"bad","line":1,'* ]]
	# A specification without hold lets them go at once.
	rm p
	spec 'hold 10s' 'n = count() over 1h'
	sml-features -q --state p x.features one
	spec 'n = count() over 1h'
	equal '1 2 3' "$(event a 6000 3 | sml-features -q --state p x.features | sed 's/.*"x"://; s/,.*//' | xargs)"
}

# ---- too early ----

@test "ahead: one event from the future is refused, a second in a row is believed" {
	{ event a 1000; event a 9000000; event a 2000; event a 9000000; event a 9000001; event a 9000002; } >in
	spec 'ahead 1h' 'n = count() over 10m'
	run -0 --separate-stderr sml-features -q x.features in
	equal '1 error 2 error 1 2' "$(sed 's/.*"n"://; s/}}$//; s/.*errorType.*/error/' <<<"$output" | xargs)"
	[[ ${lines[1]} == *'"errorType":"INVALID_DATA","errorMessage":"time t is 2h29m59s ahead of the newest event (ahead 1h)"'* ]]
	# One run or two.
	head -n 4 in | sml-features -q --state p x.features >got
	tail -n +5 in | sml-features -q --state p x.features >>got
	equal '1 error 2 error 1 2' "$(sed 's/.*"n"://; s/}}$//; s/.*errorType.*/error/' got | xargs)"
}

# ---- silence ----

@test "idle: in silence the watermark goes with the clock, and held events leave" {
	spec 'hold 300ms' 'idle 100ms' 'n = count() over 10m'
	mkfifo in
	sml-features -q x.features in >out 3>&- &
	stop_later $!
	exec 9>in
	{ event a 1000; event a 1200; } >&9
	wait_for 10 grep -q '"n":2' out
	# Older than what has left: late.
	event a 1100 >&9
	exec 9>&-
	wait_gone $! 10
	equal '1 2 2' "$(sed 's/.*"n"://; s/}}$//' out | xargs)"
	# Without idle they wait for data.
	spec 'hold 300ms' 'n = count() over 10m'
	sml-features -q x.features in >out 3>&- &
	stop_later $!
	exec 9>in
	event a 1000 >&9
	pause 1
	[ ! -s out ]
	exec 9>&-
	wait_gone $! 10
	[ -s out ]
}

# ---- keys that end ----

@test "ttl: a key that was silent for longer begins anew, and its memory is free" {
	spec 'ttl 10s' 'n = count()' 'd = count() by x'
	{ event a 0; event a 10000; event b 20000; event a 20001 2; event c 30000; event b 30000; event b 40001; } >in
	run -0 --separate-stderr sml-features -q --metrics m x.features in
	equal '1 2 1 1 1 2 1' "$(sed 's/.*"n"://; s/,.*//' <<<"$output" | xargs)"
	grep -q '^sml_features_expired_total{.*} [1-9]' m
	# Many keys come and go: a few are there at a time.
	awk 'BEGIN { for (i = 0; i < 200000; i++) printf "{\"k\":\"%d\",\"t\":%d,\"x\":1}\n", i, i * 10 }' | sml-features -q --metrics m x.features >/dev/null
	equal 1002 "$(awk '/^sml_features_keys/ { print $2 }' m)"
	# One run or two.
	for cut in 1 3 4 6; do
		rm -f p
		head -n "$cut" in | sml-features -q --state p x.features >got
		tail -n +$((cut + 1)) in | sml-features -q --state p x.features >>got
		sml-features -q x.features in >want
		same_file want got
	done
}

# ---- bounds ----

@test "more keys than --max-keys: an end within a limit of memory" {
	skip_if_sanitized "address space"
	spec 'n = count() over 10m' 's = sum(x) over 1h every 1m' 'm = max(x)'
	seq 2000000 | sed 's/.*/{"k":&,"t":&,"x":1}/' | (ulimit -v 300000 && sml-features --max-keys 50000 --metrics m x.features 2>err) | tail -n 1 >last
	equal '{"k":2000000,"t":2000000,"x":1,"features":{"n":1,"s":1,"m":1}}' "$(cat last)"
	equal 50000 "$(awk '/^sml_features_keys/ { print $2 }' m)"
	grep -q 'more than 50,000 keys (--max-keys)' err
}

@test "a window of 30 days by the hour costs its panes, not its events" {
	spec 's = sum(x) over 30d every 1h' 'm = max(x) over 30d every 1h' 'd = distinct(x) over 30d every 1h' 'q = quantile(x, 0.5) over 30d every 1h'
	state_bytes() {
		awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "{\"k\":1,\"t\":%.0f,\"x\":%d}\n", 1720000000000 + i * (2592000000 / n), i % 50 }' |
			sml-features -q --metrics m x.features >/dev/null
		awk '/^sml_features_state_bytes/ { printf "%d", $2 }' m
	}
	few=$(state_bytes 40000) many=$(state_bytes 400000)
	echo "$few bytes, $many bytes"
	[ "$many" -lt $((few * 12 / 10)) ]
}

# ---- mistakes ----

@test "no time anywhere, and one event far ahead of all others: the end says which line is missing" {
	printf '{"at":"2024-07-03T07:20:34Z"}\n' >in
	run -0 --separate-stderr sml-features -T at -d 'n = count() over 1m' in
	[[ $stderr == *'no record has an event time at "at" in ms: the line "time PATH [s|ms|us|ns|rfc3339]", or -T, says where it is'* ]]
	run -0 --separate-stderr sml-features -T at:rfc3339 -d 'n = count() over 1m' in
	equal '' "$stderr"
	printf '{"k":1,"t":%s}\n' 1720000000000 4102444800000 1720000001000 >in
	spec 'n = count() over 1m'
	run -0 --separate-stderr sml-features x.features in
	[[ $stderr == *'still hold their time; against events that are ahead of time: ahead 1d' ]]
	spec 'ahead 1d' 'n = count() over 1m'
	run -0 --separate-stderr sml-features x.features in
	[[ $stderr != *'late event'* ]]
}

@test "directives of time: what is wrong is pointed at" {
	wrong() {
		spec "$1" 'n = count()'
		run -2 --separate-stderr sml-features --check x.features
		equal "sml-features: x.features:3:$2" "$(head -n 1 <<<"$stderr")"
	}
	wrong 'hold' '5: a duration should stand here: hold DURATION'
	wrong 'hold 0' '6: hold takes a duration above 0'
	wrong 'ttl 5' '5: "5" is not a duration: 250ms 30s 10m 1h30m 7d (ttl DURATION)'
	wrong 'idle -5s' '6: "-5s" is not a duration: 250ms 30s 10m 1h30m 7d (idle DURATION)'
	wrong 'late error' '6: "error" is not a duration: 250ms 30s 10m 1h30m 7d (late DURATION [update|drop|error])'
	wrong 'ahead 5s 6s' '10: nothing more can stand here: ahead DURATION'
	wrong 'late' '5: a duration should stand here: late DURATION [update|drop|error]'
	wrong 'late 5s refuse' '9: behind the duration stands update, drop or error'
	wrong 'late 5s drop error' '14: nothing more can stand here: late DURATION [update|drop|error]'
	spec 'late 5s' 'late 6s' 'n = count()'
	run -2 --separate-stderr sml-features --check x.features
	[[ $stderr == *'x.features:4:1: late stands twice (first in x.features:3)'* ]]
	# They need the time, and say so.
	printf '%s\n' 'hold 5s' 'n = count()' >y.features
	run -0 --separate-stderr sml-features --explain y.features
	[[ $output == *'(for the hold line)'* ]]
}
