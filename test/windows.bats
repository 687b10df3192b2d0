#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# emit windows: a record for each window when it closes, revisions, triggers.
# shellcheck disable=SC2154 # $output and $stderr are of bats

load helper

export SOURCE_DATE_EPOCH=0
ORACLE=$SML_ROOT/test/helper/closing-oracle.py

# spec LINE...: into x.features, with the key k and the time t
spec() {
	printf '%s\n' 'key k' 'time t' "$@" >x.features
}

# event KEY TIME [X]
event() {
	printf '{"k":"%s","t":%s,"x":%s}\n' "$1" "$2" "${3-1}"
}

@test "windows, revisions and triggers, as computed anew from all events: in one run, in two, line by line" {
	# Seed, events, how late they may be in ms, `late` in ms, trigger.
	for run in '1 200 3000 0' '2 200 3000 2000' '3 200 5000 5000' '4 200 3000 3000 10s' '5 200 3000 3000 7' '6 200 1 0 1s' '7 200 30000 2000 3' \
		'8 200 10000 5000 4s' '9 200 2000 60000 100'; do
		# shellcheck disable=SC2086
		python3 "$ORACLE" $run
		sml-features -q closing.features closing.jsonl >out
		same_file closing.expected out
		rm -f p
		head -n 77 closing.jsonl | sml-features -q --state p closing.features >two
		sml-features --state p --dump-state >/dev/null
		tail -n +78 closing.jsonl | sml-features -q --state p --final closing.features >>two
		same_file closing.expected two
		while IFS= read -r line; do printf '%s\n' "$line"; done <closing.jsonl | sml-features -q closing.features >lines
		same_file closing.expected lines
	done
}

@test "hold: windows are the same for any order of arrival within it" {
	spec 'hold 3s' 'emit windows' 'n = count() over tumbling 5s' 's = sum(x) over session 2s' 'l = last(x) over 10s every 5s'
	awk 'BEGIN { srand(3); t = 1720000000000; for (i = 0; i < 1000; i++) { t += int(rand() * 400)
		printf "{\"k\":\"%s\",\"t\":%.0f,\"x\":%d}\n", substr("abcde", 1 + int(rand() * 5), 1), t, i } }' >sorted
	sml-features -q x.features sorted >expected
	[ "$(wc -l <expected)" -gt 300 ]
	for seed in 1 2 3; do
		python3 "$SML_ROOT/test/helper/shuffle.py" "$seed" 2999 sorted >shuffled
		run -0 --separate-stderr sml-features x.features shuffled
		equal '' "$stderr"
		equal "$(cat expected)" "$output"
	done
}

@test "the record of a window: key, bounds in ms, features; what is behind it" {
	spec 'emit windows' 'is_big = x > 5' 'n = count() over tumbling 10s' 'big = count() over tumbling 10s where is_big' 'share = big / n'
	{ event a 1000 3; event b 2000 9; event a 9999 7; event a 10000 1; } >in
	run -0 --separate-stderr sml-features x.features in
	equal '{"key":"a","window":{"start":0,"end":10000},"features":{"n":2,"big":1,"share":0.5}}
{"key":"b","window":{"start":0,"end":10000},"features":{"n":1,"big":1,"share":1}}
{"key":"a","window":{"start":10000,"end":20000},"features":{"n":1,"big":0,"share":0}}' "$output"
	run -0 --separate-stderr sml-features --explain x.features
	[[ $output == *'emit     windows'* ]]
	[[ $output == *'not given out, for they are of no window: is_big'* ]]
	# Several keys, none, and a time in fractions of a ms.
	printf '%s\n' 'key k, x' 'time t us' 'emit windows' 'n = count() over session 1ms' 'm = count() over tumbling 1s by z' >x.features
	equal '{"key":["a",3],"window":{"start":0.5,"end":1.5},"features":{"n":1}}
{"key":"q","window":{"start":0,"end":1000},"features":{"m":1}}' "$(echo '{"k":"a","x":3,"t":500,"z":"q"}' | sml-features x.features)"
	printf '%s\n' 'emit windows' 'n = count()' >x.features
	equal '{"key":null,"window":{"start":null,"end":null},"features":{"n":4}}' "$(sml-features -T t x.features in)"
	# Error records pass; what is required of an event is looked at.
	spec 'emit windows' 'require x < 5' 'n = count() over tumbling 10s'
	run -0 --separate-stderr sml-features -q x.features in
	equal 'error error 1 1' "$(sed 's/.*"n"://; s/}}$//; s/.*errorType.*/error/' <<<"$output" | xargs)"
	# The next stage reads windows as any records.
	spec 'emit windows' 'n = count() over tumbling 10s'
	equal '{"key":"a","window":{"start":0,"end":10000},"features":{"is_busy":true}}' \
		"$(sml features x.features in 'then' features -d 'is_busy = features.n > 1' | head -n 1)"
}

@test "a session goes on with events that have no value, whatever it comes to later" {
	spec 'emit windows' 'n = count() over session 3s' 's = sum(x) over session 3s' 'f = first(x) over session 3s' 'q = sequence(x, 2) over session 3s'
	{ event a 0 null; event a 2000 8; event a 4000 null; event a 6000 null; event a 9000 4; event a 13000 null; } >in
	expected='{"key":"a","window":{"start":0,"end":12000},"features":{"n":5,"s":12,"f":8,"q":[8,4]}}
{"key":"a","window":{"start":13000,"end":16000},"features":{"n":1,"s":0,"f":null,"q":null}}'
	equal "$expected" "$(sml-features x.features in)"
	for cut in 1 2 3 4 5; do
		rm -f p
		head -n $cut in | sml-features --state p x.features
		equal "$expected" "$(tail -n +$((cut + 1)) in | sml-features --state p --final x.features)"
	done
	# Of each event; the values may be arrays, and are alike as long as there are some.
	spec 's = sum(x) over session 3s' 'm = max(x[0]) over session 3s exclude current'
	{ event a 0 null; event a 2000 '[1,2,3]'; event a 4000 null; event a 6000 '[4,5,6]'; event a 6000 '[1,2]'; event a 10000 null; event a 10000 '[7,8]'; } >in
	expected='{"s":0,"m":null}
{"s":[1,2,3],"m":null}
{"s":[1,2,3],"m":1}
{"s":[5,7,9],"m":1}
null
{"s":0,"m":null}
{"s":[7,8],"m":null}'
	equal "$expected" "$(sml-features -q x.features in | jq -c .features)"
	for cut in 1 2 3 4 5 6; do
		rm -f p
		equal "$expected" "$({ head -n $cut in | sml-features -q --state p x.features
			tail -n +$((cut + 1)) in | sml-features -q --state p x.features; } | jq -c .features)"
	done
}

@test "a window closes as data moves the watermark, in silence with idle, at the end only without state or with --final" {
	spec 'idle 200ms' 'emit windows' 'n = count() over tumbling 1s'
	mkfifo pipe
	sml-features -q x.features pipe >out 3>&- &
	stop_later $!
	exec 9>pipe
	event a 100 >&9
	wait_for 10 grep -q '"end":1000' out
	exec 9>&-
	wait_gone $! 10
	equal 1 "$(wc -l <out)"
	spec 'emit windows' 'n = count() over tumbling 1s'
	equal '' "$(event a 100 | sml-features -q --state p x.features)"
	equal '{"key":"a","window":{"start":0,"end":1000},"features":{"n":2}}' "$(event a 200 | sml-features -q --state p --final x.features)"
	# It has been given out for good: what comes for it now is late.
	run -0 --separate-stderr bash -c "$(declare -f event); event a 300 | sml-features --state p x.features"
	equal '' "$output"
	[[ $stderr == *'1 late event, by up to 700ms: '* ]]
}

@test "a row of a lookup moves the watermark as an event does: what is due comes at once, and again after a restart" {
	spec 'lookup it from rows where kind == "item" on i' 'emit windows every 100ms' 'n = count() over tumbling 1s'
	printf '%s\n' '{"k":"a","t":50}' '{"kind":"item","i":1,"t":150}' '{"k":"a","t":180}' '{"kind":"item","i":1,"t":1000}' '{"k":"a","t":1001}' >in
	run -0 sml-features -q x.features in
	equal '[1,true] [2,true] [2,null] [1,null]' "$(jq -c '[.features.n, .open]' <<<"$output" | paste -sd' ')"
	for part in 1,1 2,2 3,4; do
		sed -n "${part}p" in | sml-features -q --state p x.features
	done >parts
	sed -n 5p in | sml-features -q --state p --final x.features >>parts
	equal "$output" "$(cat parts)"
}

@test "keys whose windows have closed are gone" {
	spec 'late 1s' 'emit windows' 'n = count() over tumbling 1s' 's = sum(x) over session 500ms' 'c = count() over 3s every 1s'
	awk 'BEGIN { for (i = 0; i < 100000; i++) printf "{\"k\":\"%d\",\"t\":%d,\"x\":1}\n", i, i }' >in
	sml-features -q --metrics m x.features in | sort >out
	# One of each, but of three panes three.
	equal 500000 "$(wc -l <out)"
	[ "$(awk '/^sml_features_keys/ { print $2 }' m)" -lt 5000 ]
	[ "$(awk '/^sml_features_state_bytes/ { print $2 }' m)" -lt 20000000 ]
	grep -q '^sml_features_windows_total{.*} 500000$' m
}

@test "what no window gives out is refused with a reason" {
	wrong() {
		local message=$1
		shift
		spec 'emit windows' "$@"
		run -2 --separate-stderr sml-features --check x.features
		equal "sml-features: x.features:$message" "$(head -n 1 <<<"$stderr")"
	}
	wrong '4:5: a sliding window never closes: emit windows takes over D every P, over tumbling D, over session G, over all' 'n = count() over 10m'
	wrong '4:5: over last N never closes: emit windows takes over D every P, over tumbling D, over session G, over all' 'n = sum(x) over last 3'
	wrong '4:5: decay knows no windows that close: see emit events' 'n = sum(x) decay 1h'
	wrong '4:5: exclude current is of an event: a window is given out when all its events are there' 'n = count() over tumbling 1m exclude current'
	wrong '4:5: it is of a window and of a record: what is of records stands inside aggregates' 'n = sum(x) over tumbling 1m / x'
	wrong '5:5: it is of a window and of a record: what is of records stands inside aggregates' 'g = prev(x)' 'n = sum(x) over tumbling 1m / g'
	wrong '4:5: it is of two different windows, and a record is given out for each' 'n = count() over tumbling 1m / count() over tumbling 1h'
	wrong ' emit windows, and no feature is of a window, as count() over tumbling 1h is' 'n = x'
	spec 'emit windows every' 'n = count()'
	run -2 --separate-stderr sml-features --check x.features
	[[ $stderr == *'x.features:3:14: a duration or a number of events should stand here: emit windows [every DURATION | every N events]'* ]]
	for bad in 'every 0 events' 'every 10' 'every 10 seconds' 'every 0s' 'often' 'every 10s 5s'; do
		spec "emit windows $bad" 'n = count()'
		run -2 --separate-stderr sml-features --check x.features
		[[ $stderr == *'x.features:3:'* ]]
	done
	spec 'emit windows every 1 event' 'n = count()'
	sml-features --check x.features
}
