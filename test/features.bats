#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# sml-features: specs, features, what is kept per key, state that lives on.
# shellcheck disable=SC2154,SC2001 # $output and $stderr are of bats

load helper

ORACLE=$SML_ROOT/test/helper/features-oracle.py
export SOURCE_DATE_EPOCH=0

# spec LINE...: into x.features
spec() {
	printf '%s\n' "$@" >x.features
}

# features_of [OPTION...]: the features alone, of the events on stdin
features_of() {
	sml-features -q "$@" | sed 's/.*"features"://; s/}$//'
}

# refused MESSAGE: the spec x.features is, with that text and nothing else
refused() {
	run -2 --separate-stderr sml-features --check x.features
	[ -z "$output" ]
	equal "sml-features: $1" "$stderr"
}

# ---- against the oracle ----

@test "every aggregate and clause, as computed anew for each event from a list" {
	for run in '1 3000 6' '2 3000 200' '3 1500 1'; do
		# shellcheck disable=SC2086
		python3 "$ORACLE" $run
		sml-features -q oracle.features oracle.jsonl >out
		run -0 python3 "$ORACLE" --compare out
		echo "$output"
	done
}

@test "the result does not depend on how the input comes in pieces" {
	python3 "$ORACLE" 4 1500 3
	sml-features -q oracle.features oracle.jsonl | sed 's/"oracle.jsonl"/"stdin"/' >whole
	while IFS= read -r line; do printf '%s\n' "$line"; done <oracle.jsonl | sml-features -q oracle.features >lines
	same_file whole lines
	# The same key many times in one batch.
	for i in $(seq 100); do echo "{\"x\":$i}"; done >in
	equal "$(seq 100 | awk '{ s += $1; print "{\"n\":" $1 ",\"s\":" s "}" }')" "$(features_of -d 'n = count()' -d 's = sum(x)' <in)"
}

@test "an error record leaves no trace" {
	python3 "$ORACLE" 5 2000 4
	sml-features -q oracle.features oracle.jsonl >all
	paste -d '\t' oracle.expected oracle.jsonl | grep -v '^"error"' | cut -f 2- >good.jsonl
	[ "$(wc -l <good.jsonl)" -lt 1990 ]
	sml-features -q oracle.features good.jsonl >good
	grep -v '^{"errorType":' all >rest
	same_file good rest
	# Nor in the state.
	sml-features -q --state a oracle.features oracle.jsonl >/dev/null
	sml-features -q --state b oracle.features good.jsonl >/dev/null
	cmp a b
}

@test "the same input in one run or in several: the same bytes, the same state" {
	python3 "$ORACLE" 6 2500 20
	# Error records count each run's input.
	no_lines() { sed 's/"source":"[^"]*","line":[0-9]*,//'; }
	for max in '' --max-keys=9; do
		rm -f whole parts
		# shellcheck disable=SC2086
		sml-features -q $max --state whole oracle.features oracle.jsonl | no_lines >expected
		: >got
		from=1
		for to in 1 2 700 701 1483 2500; do
			# shellcheck disable=SC2086
			sed -n "$from,${to}p" oracle.jsonl | sml-features -q $max --state parts oracle.features | no_lines >>got
			from=$((to + 1))
		done
		same_file expected got
		cmp whole parts
	done
}

@test "a run that is killed has saved nothing: done again, it gives the same" {
	python3 "$ORACLE" 7 1200 5
	head -n 600 oracle.jsonl >one
	tail -n 600 oracle.jsonl >two
	sml-features -q --state s oracle.features one >/dev/null
	cp s before
	mkfifo pipe
	sml-features -q --state s oracle.features <pipe >out 3>&- &
	pid=$!
	exec 9>pipe
	head -n 300 two >&9
	wait_for 5 test -s out
	kill -9 $pid
	exec 9>&-
	wait $pid && status=0 || status=$?
	[ "$status" = 137 ]
	cmp before s
	sml-features -q --state s oracle.features two >after
	sml-features -q --state s2 oracle.features oracle.jsonl | tail -n 600 >expected
	cmp s s2
	grep -v errorType after >a
	grep -v errorType expected >b
	cmp a b
}

# ---- features ----

@test "members are added behind all others, and replaced where they stand already" {
	spec 'key userId' 'n = count()' 'twice = n * 2' 'big = x > 1' 'none = y'
	printf '%s\n' '{"userId":"u", "x":1.50 }' '{"features":1,"userId":"u","x":2}' '{"userId":"v"}' |
		sml-features x.features >out
	equal '{"userId":"u", "x":1.50 ,"features":{"n":1,"twice":2,"big":true,"none":null}}
{"userId":"u","x":2,"features":{"n":2,"twice":4,"big":true,"none":null}}
{"userId":"v","features":{"n":1,"twice":2,"big":null,"none":null}}' "$(cat out)"
}

@test "a name is an earlier feature first, then a member" {
	equal '{"x":2,"y":3,"z":5}' "$(features_of -d 'x = x + 1' -d 'y = x + 1' -d 'z = w' <<<'{"x":1,"w":5}')"
}

@test "42 and 42.0 are one key, \"42\" is another; null, missing, objects and arrays are none" {
	printf '{"k":%s}\n' 42 42.0 '"42"' true 4.2e1 null '{}' '[1]' '"a\"b"' '"a\u0022b"' >in
	echo '{}' >>in
	equal '{"n":1}
{"n":2}
{"n":1}
{"n":1}
{"n":3}
{"n":1}
{"n":2}' "$(features_of -k k -d 'n = count()' in | grep -v errorType)"
	equal 'key k is null
key k is an object: a key is a string, a number or a boolean
key k is an array: a key is a string, a number or a boolean
key k is missing' "$(sml-features -q -k k -d 'n = count()' in | sed -n 's/.*"errorMessage":"\([^"]*\)".*/\1/p')"
}

@test "a key of several paths is not their texts put together" {
	printf '%s\n' '{"a":"1","b":"2,3"}' '{"a":"1,2","b":"3"}' '{"a":"1","b":"2,3"}' '{"a":"1\",\"2","b":"3"}' >in
	equal '{"n":1}
{"n":1}
{"n":2}
{"n":1}' "$(features_of -k a,b -d 'n = count()' in)"
}

@test "by replaces the key, and where it is null the value is null and no state is touched" {
	printf '%s\n' '{"m":1,"x":1}' '{"x":5}' '{"m":null,"x":5}' '{"m":1,"x":2}' '{"m":2,"x":9}' >in
	equal '{"s":1,"n":1}
{"s":null,"n":2}
{"s":null,"n":3}
{"s":3,"n":4}
{"s":9,"n":5}' "$(features_of -d 's = sum(x) by m' -d 'n = count()' in)"
	equal 'by m is an object: a key is a string, a number or a boolean' \
		"$(sml-features -q -d 's = sum(x) by m' <<<'{"m":{},"x":1}' | sed -n 's/.*"errorMessage":"\([^"]*\)".*/\1/p')"
}

@test "1e16 that has come and gone leaves nothing behind" {
	printf '{"x":%s}\n' 0.1 1e16 0.2 -1e16 0.3 0.4 0.5 >in
	equal '{"last":0.1,"mean":0.1,"all":0.1}
{"last":10000000000000000,"mean":5000000000000000,"all":10000000000000000}
{"last":10000000000000000,"mean":3333333333333333.5,"all":10000000000000000}
{"last":0.2,"mean":0.06666666666666667,"all":0.30000000000000004}
{"last":-10000000000000000,"mean":-3333333333333333.5,"all":0.6000000000000001}
{"last":-10000000000000000,"mean":-3333333333333333.5,"all":1}
{"last":1.2,"mean":0.39999999999999997,"all":1.5}' \
		"$(features_of -d 'last = sum(x) over last 3' -d 'mean = mean(x) over last 3' -d 'all = sum(x)' in)"
}

@test "a number that is only carried keeps every digit" {
	printf '{"x":%s}\n' 9007199254740993 9007199254740992 18446744073709551615 -9223372036854775808 >in
	equal '{"x":9007199254740993,"first":9007199254740993,"last":9007199254740993,"low":9007199254740993,"high":9007199254740993,"prev":null}
{"x":9007199254740992,"first":9007199254740993,"last":9007199254740992,"low":9007199254740992,"high":9007199254740993,"prev":9007199254740993}
{"x":18446744073709551615,"first":9007199254740993,"last":18446744073709551615,"low":9007199254740992,"high":18446744073709551615,"prev":9007199254740992}
{"x":-9223372036854775808,"first":9007199254740993,"last":-9223372036854775808,"low":-9223372036854775808,"high":18446744073709551615,"prev":18446744073709551615}' \
		"$(features_of -d 'x = x' -d 'first = first(x)' -d 'last = last(x)' -d 'low = min(x)' -d 'high = max(x) over last 9' -d 'prev = prev(x)' in)"
	# ... as key and through a saved state too
	sml-features -q --state s -k x -d 'n = count()' -d 'p = first(x)' in >/dev/null
	equal '{"n":2,"p":9007199254740993}' "$(features_of --state s -k x -d 'n = count()' -d 'p = first(x)' < <(head -n 1 in))"
}

@test "sums and means of arrays are element by element" {
	printf '{"v":%s}\n' '[1,2]' 'null' '[3,5]' '[1]' '[1,"a"]' '7' '[0,0]' >in
	sml-features -q -d 'm = mean(v)' -d 's = sum(v) over last 2' in >out
	equal '{"m":[1,2],"s":[1,2]}
{"m":[1,2],"s":[1,2]}
{"m":[2,3.5],"s":[4,7]}
{"m":[1.3333333333333333,2.3333333333333335],"s":[3,5]}' "$(grep -v errorType out | sed 's/.*"features"://; s/}$//')"
	equal 'feature m: v is an array, mean() needs an array of 2 numbers as before
feature m: v is an array, mean() needs an array of numbers
feature m: v is a number (7), mean() needs an array of 2 numbers as before' "$(sed -n 's/.*"errorMessage":"\([^"]*\)".*/\1/p' out)"
}

@test "what is wrong with a record is said with feature or rule, path and value" {
	message() {
		printf '%s\n' "$1" | sml-features -q x.features | sed -n 's/^{"errorType":"\([A-Z_]*\)","errorMessage":"\(.*\)","rawData".*/\1 \2/p'
	}
	spec 'key userId' 'time timestamp' 'require totalValue > 0' 'require a == null or a < b' \
		'spend = sum(totalValue + extra) over last 3' 'm = max(m)' 'p = prev(p)' 'copy = c' 'wide = sum(w)'
	good='"userId":1,"timestamp":5,"totalValue":3'
	equal 'INVALID_DATA require totalValue > 0 failed: totalValue is -3' "$(message '{"userId":1,"timestamp":5,"totalValue":-3}')"
	equal 'INVALID_DATA require totalValue > 0 failed: totalValue is missing' "$(message '{"userId":1,"timestamp":5}')"
	equal 'INVALID_DATA require a == null or a < b failed: a is 3, b is 2' "$(message "{$good,\"a\":3,\"b\":2}")"
	equal 'INVALID_DATA require totalValue > 0: totalValue is a string (\"abc\"), > 0 needs a number' \
		"$(message '{"userId":1,"timestamp":5,"totalValue":"abc"}')"
	equal 'INVALID_DATA feature spend: extra is a boolean (true), + needs a number' "$(message "{$good,\"extra\":true}")"
	equal 'INVALID_DATA feature m: m is a boolean (true), max() needs a number or a string' "$(message "{$good,\"m\":true}")"
	equal 'INVALID_DATA feature p: p is an object, prev() can keep numbers, strings, booleans and arrays of these' \
		"$(message "{$good,\"p\":{}}")"
	equal 'INVALID_DATA feature copy: its value is an object: a feature is a number, a string, a boolean, an array or null' \
		"$(message "{$good,\"c\":{\"d\":1}}")"
	equal 'INVALID_DATA feature wide: w is a string (\"'"$(printf 'x%.0s' {1..60})"'\"...), sum() needs a number' \
		"$(message "{$good,\"w\":\"$(printf 'x%.0s' {1..90})\"}")"
	equal 'INVALID_DATA time timestamp is missing, not a time in ms' "$(message '{"userId":1,"totalValue":3}')"
	equal 'INVALID_DATA time timestamp is a string, not a time in ms' "$(message '{"userId":1,"totalValue":3,"timestamp":"x"}')"
	equal 'INVALID_DATA feature copy: its value is a number beyond the range of a double' "$(message "{$good,\"c\":1e999}")"
	equal 'INVALID_DATA feature wide: w is a number beyond the range of a double' "$(message "{$good,\"w\":-1e999}")"
}

@test "one line is a line" {
	spec 'n = count()'
	run -0 --separate-stderr sml-features x.features <<<'no'
	[[ $stderr == 'sml-features: 1 of 1 line is an error record (first: stdin:1: '* ]]
	run -0 --separate-stderr sml-features x.features <<<$'no\nno\n{}'
	[[ $stderr == 'sml-features: 2 of 3 lines are error records (first: stdin:1: '* ]]
	run -0 --separate-stderr sml-features x.features <<<$'no\n{}'
	[[ $stderr == 'sml-features: 1 of 2 lines is an error record (first: stdin:1: '* ]]
}

@test "the time is asked for only where something needs it" {
	printf '%s\n' '{"x":1}' '{"x":2,"timestamp":"soon"}' '{"x":3,"timestamp":1500}' '{"x":4,"timestamp":4000}' >in
	equal 4 "$(sml-features -q -d 'n = count()' in | grep -vc errorType)"
	equal 2 "$(sml-features -q -d 'n = elapsed()' in | grep -vc errorType)"
	equal 2 "$(sml-features -q --max-keys 5 -d 'n = count()' in | grep -vc errorType)"
	spec 'time timestamp' 'n = count()'
	equal 2 "$(sml-features -q x.features in | grep -vc errorType)"
	equal '{"e":null}
{"e":2.5}' "$(features_of -d 'e = elapsed()' in | grep -v errorType)"
	# Where it is and in what unit: the spec's line, then -T, then SML_TIME.
	printf '%s\n' '{"t":1,"u":{"at":"2024-07-03T00:00:00Z"}}' '{"t":3,"u":{"at":"2024-07-03T00:00:00.5+00:00"}}' >in
	equal 2 "$(features_of -T t:s -d 'e = elapsed()' in | sed -n '2s/.*:\([^}]*\)}/\1/p')"
	equal 0.002 "$(SML_TIME=t features_of -d 'e = elapsed()' in | sed -n '2s/.*:\([^}]*\)}/\1/p')"
	equal 2 "$(SML_TIME=nowhere features_of -T t:s -d 'e = elapsed()' in | sed -n '2s/.*:\([^}]*\)}/\1/p')"
	spec 'time u.at rfc3339' 'e = elapsed()'
	equal 0.5 "$(features_of -T t:s x.features in | sed -n '2s/.*:\([^}]*\)}/\1/p')"
	# hour() of a bare time is in the unit of the time line.
	spec 'time t s' 'h = hour(t)'
	equal 1 "$(features_of x.features <<<'{"t":3600}' | sed -n 's/.*:\([^}]*\)}/\1/p')"
}

@test "emit features: key, time and features alone, nested as they were" {
	spec 'key user.id, user.region, items[1]' 'time meta.at' 'emit features' 'n = count()' 'x = x'
	line='{"a":1,"user":{"region":"eu","name":"N","id":9007199254740993},"items":[1,2.0],"meta":{"at":5},"x":"\u00e9","features":9}'
	equal '{"user":{"id":9007199254740993,"region":"eu"},"items":[null,2],"meta":{"at":5},"features":{"n":1,"x":"é"}}' \
		"$(sml-features x.features <<<"$line")"
	# A chain's next stage sees what a pipe's would.
	equal "$(sml-features x.features <<<"$line" | sml-features -d 'a = a' -d 'r = user.region' -d 'n = features.n')" \
		"$(sml features x.features 'then' features -d 'a = a' -d 'r = user.region' -d 'n = features.n' <<<"$line")"
	# The time may be missing where nothing needs it.
	spec 'key k' 'emit features' 'n = count()'
	equal '{"k":1,"features":{"n":1}}' "$(sml-features x.features <<<'{"k":1,"y":2}')"
	spec 'emit features' 'n = count()'
	equal '{"features":{"n":1}}' "$(sml-features x.features <<<'{"k":1,"y":2}')"
	spec 'key a' 'time a.b' 'emit features' 'n = 1'
	refused 'emit features: a.b lies in another path of key or time'
	spec 'key a[0], a.b' 'emit features' 'n = 1'
	refused 'emit features: a.b would make one thing an object and an array'
}

# ---- windows in time ----

@test "every aggregate over every window: what a plain computation gives, in order and out of it, in one run and in two" {
	local oracle=$SML_ROOT/test/helper/windows-oracle.py
	for order in sorted shuffled; do
		python3 "$oracle" 3 800 "$order" 2>/dev/null
		run -0 --separate-stderr sml-features -q windows.features windows.jsonl
		echo "$output" >out
		run -0 python3 "$oracle" --compare out
		# The same bytes through a file, wherever the run is cut.
		rm -f state ./*.lock
		for part in 1,300 301,301 302,800; do
			sed -n "${part}p" windows.jsonl | sml-features -q --state state windows.features
		done >parts
		cmp out parts
	done
}

@test "distinct and topk around 1,024 different values: exact, null, or as near as is said" {
	local oracle=$SML_ROOT/test/helper/counted-oracle.py
	for late in 0 3000; do
		python3 "$oracle" 1 "$late"
		rm -f whole parts ./*.lock
		sml-features --state whole counted.features counted.jsonl >out 2>notes
		# Said once for each feature.
		equal "$(printf 'sml-features: feature %s: more than 1,024 different values in a window: null\n' d dx k kx)" \
			"$(grep different notes | sort)"
		run -0 python3 "$oracle" --compare out
		echo "$output"
		[[ $output != "0 windows"* ]]
		for part in 1,1 2,1700 1701,5000; do
			sed -n "${part}p" counted.jsonl | sml-features -q --state parts counted.features
		done >again
		cmp out again
		cmp whole parts
	done
}

@test "quantiles of one window are read off one state, whichever came first" {
	spec 'time t:s' 'a = quantile(x, 0.5) over 10s' 'b = quantile(x, 0.99) over 10s exclude current'
	run -0 sml-features --explain x.features
	[[ $output == *'  quantile(x) over 10s '*'; for a, b (shared)'* ]]
	printf '{"t":%s,"x":%s}\n' 0 100 1 200 2 300 >one
	printf '{"t":%s,"x":%s}\n' 3 400 4 500 >two
	sml-features -q --state s x.features one >/dev/null
	spec 'time t:s' 'c = quantile(x, 0) over 10s' 'a = quantile(x, 1/2) over 10s'
	run -0 --separate-stderr sml-features --state s x.features two
	equal '' "$stderr"
	equal '100,200
100,300' "$(jq -r '.features | [.c, .a] | map(. / 100 | round * 100 | tostring) | join(",")' <<<"$output")"
}

@test "what fails and what does not count leaves no trace, wherever in time it stands" {
	python3 "$SML_ROOT/test/helper/windows-oracle.py" 11 500 shuffled 2>/dev/null
	grep -E '^(key|time)|distinct|quantile|topk' windows.features >counted.features
	echo 'require bad == null' >>counted.features
	python3 - <<-'END'
	import json, random
	dice = random.Random(1)
	with open("with.jsonl", "w") as out:
	    for line in open("windows.jsonl"):
	        for _ in range(dice.randrange(3)):
	            e = dict(json.loads(line), bad=True, x=dice.randrange(9), s=dice.choice("abc"))
	            out.write(json.dumps(dict(e, t=e["t"] + dice.choice([-100, -10, -1, 0, 1, 10, 100, 1000]))) + "\n")
	        out.write(line)
	END
	sml-features -q --state a counted.features windows.jsonl >good
	sml-features -q --state b counted.features with.jsonl | grep -v '^{"errorType":' >rest
	same_file good rest
	cmp a b
	# Nor what `where` leaves out.
	sed -e '/^require/d' -e 's/ where x > 2/ where x > 2 and bad == null/' -e '/=/{/ where /!s/$/ where bad == null/}' counted.features >where.features
	sml-features -q where.features with.jsonl | grep -v '"bad"' | sed 's/.*"features"://' >rest
	sed 's/.*"features"://' good | cmp - rest
}

@test "what has gone from a window leaves no trace: 1e16, and a window that is empty" {
	spec 'key k' 'time t:s' 's = sum(x) over 10s' 'v = round(var(x) over 10s * 1e6)' 'm = mean(x) over 5s exclude current' \
		'n = count() over 5s exclude current'
	printf '{"k":1,"t":%s,"x":%s}\n' 0 0.1 1 1e16 2 0.2 11 0.3 12 0.4 40 1 >in
	equal '0.1,0,null,0
0.5,2500,null,0
0.7,2500,0.3,1
1,0,null,0' "$(sml-features x.features in | jq -r '.features | [.s, .v, .m, .n] | map(tostring) | join(",")' | sed -n '1p; 4,6p')"
}

@test "a sequence: values as they came, nulls apart; of nothing null; no arrays" {
	printf '{"x":%s}\n' 18446744073709551615 null '"\u00e9\""' true -0.5 '[1]' '{"a":1}' 1e400 7 >in
	equal '{"a":[18446744073709551615],"b":null}
{"a":[18446744073709551615],"b":[18446744073709551615]}
{"a":[18446744073709551615,"é\""],"b":[18446744073709551615]}
{"a":[18446744073709551615,"é\"",true],"b":["é\""]}
{"a":["é\"",true,-0.5],"b":[true]}
feature a: x is an array, sequence() needs a number, a string or a boolean
feature a: x is an object, sequence() needs a number, a string or a boolean
feature a: x is a number beyond the range of a double
{"a":[true,-0.5,7],"b":[-0.5]}' \
		"$(features_of -d 'a = sequence(x, 3)' -d 'b = sequence(x, 5) over last 1 exclude current' in | sed 's/.*errorMessage":"//; s/","rawData.*//')"
}

@test "other keys make no difference, however they lie between" {
	python3 "$SML_ROOT/test/helper/windows-oracle.py" 9 600 shuffled 2>/dev/null
	grep -v ' by g' windows.features >alone.features
	sml-features -q alone.features windows.jsonl | sort >all
	for k in 0 1 2 3; do
		grep "\"k\": $k" windows.jsonl | sml-features -q alone.features
	done | sort >apart
	cmp all apart
}

# ---- specs ----

@test "comments, white space, CRLF, a BOM, '#' and '=' in strings" {
	printf '\xef\xbb\xbf# first\r\n\r\n  key\tuserId # who\r\nx="#="   # what\r\n\ty = a == "b # c"\r\n' >x.features
	equal '{"x":"#=","y":true}' "$(features_of x.features <<<'{"userId":1,"a":"b # c"}')"
	# Words of the language that begin no line may be names.
	spec 'over = over' 'by = key' 'window = "w"'
	equal '{"over":2,"by":1,"window":"w"}' "$(features_of x.features <<<'{"key":1,"over":2}')"
}

@test "a mistake in a spec is shown with its line and a caret" {
	spec 'key userId' '' 'x = cuont()'
	refused 'x.features:3:5: unknown function "cuont" (did you mean "count"?)
x = cuont()
    ^'
	spec 'requires totalValue > 0' 'x = 1'
	refused 'x.features:1:1: unknown directive "requires" (did you mean "require"?)
requires totalValue > 0
^'
	spec 'spend = 1' 'n = 2' '  spend = 3 # again'
	refused 'x.features:3:3: feature "spend" is defined twice (first in x.features:1)
  spend = 3 # again
  ^'
	spec 'key a' 'key b' 'x = 1'
	refused 'x.features:2:1: key stands twice (first in x.features:1)
key b
^'
	spec 'key a, items[*].b' 'x = 1'
	refused 'x.features:1:8: [*] stands for many values, here must be one
key a, items[*].b
       ^'
	spec 'key a, , b' 'x = 1'
	refused 'x.features:1:8: a path should stand here: key PATH, PATH...
key a, , b
       ^'
	spec 'key a, b, a' 'x = 1'
	refused 'x.features:1:11: a stands twice in the key
key a, b, a
          ^'
	spec 'time ts minutes' 'x = 1'
	refused 'x.features:1:9: "minutes" is no unit of time: s ms us ns rfc3339
time ts minutes
        ^'
	spec 'emit feature' 'x = 1'
	refused 'x.features:1:6: behind emit stands events, features or windows
emit feature
     ^'
	spec 'and = 3'
	refused 'x.features:1:1: "and" is a word of the language and no name for a feature
and = 3
^'
	spec 'spend-10 = 3'
	refused "x.features:1:6: a feature's name is made of letters, digits and _
spend-10 = 3
     ^"
	spec 'x'
	refused 'x.features:1:1: "x" is no directive (key time require emit late hold ahead idle ttl lookup join), and a definition is NAME = EXPRESSION
x
^'
	spec '{"a":1}'
	refused 'x.features:1:1: this is a record: the spec is the first operand, or given by -f or -d
{"a":1}
^'
	spec '= 3'
	refused 'x.features:1:1: a line is NAME = EXPRESSION or a directive: key time require emit late hold ahead idle ttl lookup join
= 3
^'
	spec '9th = 3'
	refused "x.features:1:1: a feature's name does not begin with a digit
9th = 3
^"
	spec 'key'
	refused 'x.features:1:4: a path should stand here: key PATH, PATH...
key
   ^'
	spec 'key a, b.c d'
	refused 'x.features:1:12: a comma should stand here: key PATH, PATH...
key a, b.c d
           ^'
	spec 'key: a'
	refused 'x.features:1:4: a blank should stand behind the directive key
key: a
   ^'
	spec 'require(x > 3)'
	refused 'x.features:1:8: a blank should stand behind the directive require
require(x > 3)
       ^'
	spec 'x = count() over last'
	refused 'x.features:1:22: last is followed by a whole number of events from 1
x = count() over last
                     ^'
	spec 'x = max(a, b)'
	refused 'x.features:1:12: max() takes 1 argument, not 2: greatest(a, b, ...) is of several
x = max(a, b)
           ^'
	spec 'x = avg(a)'
	refused 'x.features:1:5: unknown function "avg" (did you mean "mean"?)
x = avg(a)
    ^'
	spec '# nothing'
	refused 'x.features: no feature is defined (NAME = EXPRESSION)'
	spec 'x = distinct(a) over last 2000'
	refused 'x.features:1:5: distinct() takes at most 1,024 events, not over last 2000
x = distinct(a) over last 2000
    ^'
	spec 'x = count() by items[*].a'
	refused 'x.features:1:5: by: [*] stands for many values, here must be one
x = count() by items[*].a
    ^'
}

@test "what an aggregate gives is checked before the first record" {
	spec 'require count()' 'x = 1'
	refused 'x.features:1:9: this is a number, a condition is true or false
require count()
        ^'
	spec 'x = not elapsed()'
	refused 'x.features:1:9: elapsed() is a number, not needs a boolean
x = not elapsed()
        ^'
	for call in 'distinct(a)' 'delta(a)' 'count(a) over last 3'; do
		spec "x = length($call)"
		run -2 --separate-stderr sml-features --check x.features
		[[ ${stderr_lines[0]} == *": $call is a number, length() needs a string" ]]
	done
	spec 'x = length(sequence(a, 3))'
	refused 'x.features:1:12: sequence(a, 3) is an array, length() needs a string
x = length(sequence(a, 3))
           ^'
	spec 'x = 1 + sequence(a, 2000) over 10m'
	refused 'x.features:1:21: how many sequence() takes is a constant, a whole number from 1 to 1,024, not 2000
x = 1 + sequence(a, 2000) over 10m
                    ^'
	spec 'x = sequence(a, 3) decay 1h'
	refused 'x.features:1:20: sequence() takes no decay
x = sequence(a, 3) decay 1h
                   ^'
	# What others give depends on the data.
	spec 'x = length(first(a))' 'y = max(a) + 1' 'z = not prev(a)' 'm = mean(a)[0]'
	run -0 sml-features --check x.features
}

@test "quantile, topk and distinct: what is out of range or of a wrong type is pointed at" {
	for call in 'quantile(a)' 'quantile(a, 1.5)' 'quantile(a, -0.1)' 'quantile(a, b)' 'quantile("a", 0.5)' 'topk(a)' 'topk(a, 0)' 'topk(a, 2.5)' 'topk(a, 101)' \
		'topk(a, "b")' 'distinct(a) over last 2000' 'topk(a, 3) over last 2000' 'quantile(a, 0.5) decay 1h' 'topk(a, 3) decay 1h'; do
		spec "x = $call"
		run -2 --separate-stderr sml-features --check x.features
		[[ $stderr == 'sml-features: x.features:1:'*$'\n'"x = $call"$'\n'* ]] || { echo "$call" && false; }
	done
	run -0 --separate-stderr sml-features -q -d 'x = quantile(a, 0.5)' <<<'{"a":"b"}'
	[[ $output == *'"errorMessage":"feature x: a is a string (\"b\"), quantile() needs a number"'* ]]
	run -0 --separate-stderr sml-features -q -d 'x = topk(a, 2)' <<<'{"a":{}}'
	[[ $output == *'"errorType":"INVALID_DATA"'* ]]
}

@test "what others call a function leads to ours" {
	for pair in median:quantile mode:topk avg:mean; do
		run -2 --separate-stderr sml-features -d "x = ${pair%:*}(a)" </dev/null
		equal "sml-features: -d: unknown function \"${pair%:*}\" (did you mean \"${pair#*:}\"?)" "$(head -n 1 <<<"$stderr")"
	done
}

# shared_events: for a while y is now and then null, missing or a text; some events are late
shared_events() {
	awk 'BEGIN {
		srand(7)
		for (i = 0; i < 4000; i++) {
			t += int(rand() * 400)
			odd = i > 1200 && i < 1800 && rand() < .1
			y = !odd ? ",\"y\":" int(rand() * 50) : rand() < .5 ? "" : ",\"y\":null"
			if (odd && rand() < .2) y = ",\"y\":\"text\""
			late = rand() < .1 ? int(rand() * 9000) : 0
			printf "{\"k\":%d,\"t\":%d,\"x\":%.2f%s}\n", int(rand() * rand() * 6), 1000000 + t - late, rand() * 100, y
		}
	}'
}

# alone FILE RUN: what each definition of the file gives by itself goes to alone.RUN.NAME
alone() {
	local definition name
	while read -r definition; do
		name=${definition%% *}
		spec 'key k' 'time t' 'late 2s' "$definition"
		sml-features -q --state "alone.$name" x.features in 2>/dev/null | jq -c "[.t, .features.$name]" >"alone.$2.$name"
	done <"$1"
}

@test "sliding windows that share their events give what each gives alone, whatever is null or late, in one run or in three" {
	cat >definitions <<-'END'
		a = sum(x) over 5s
		b = count() over 5s
		c = mean(x) over 30s exclude current
		d = max(y) over 1m
		e = min(x) over 20s
		f = range(x) over 1m
		g = rate() over 30s
		h = count(y) over 1m
	END
	# Values that are members of the record, and one that is not.
	for last in '' 'i = sum(x * 2) over 10s'; do
	echo "$last" >>definitions
	# An error in one is an error of the record, so texts are left out.
	shared_events | grep -v text >in
	rm -f alone.* whole parts
	grep . definitions >some
	alone some whole
	spec 'key k' 'time t' 'late 2s' "$(cat some)"
	run -0 sml-features --explain x.features
	[ "$(grep -c ': in the timeline of ' <<<"$output")" -eq $(($(wc -l <some) - 1)) ]
	sml-features -q --state whole x.features in >out
	while read -r name _; do
		jq -c "[.t, .features.$name]" out | cmp - "alone.whole.$name"
	done <some
	shared_events >in
	rm whole
	sml-features -q --state whole x.features in >out 2>errors
	for part in 1,1500 1501,1600 1601,4000; do
		sed -n "${part}p" in | sml-features -q --state parts x.features 2>errors
	done >again
	cmp <(grep -v '"_sml":"error"' out) <(grep -v '"_sml":"error"' again)
	[ "$(grep -c '"_sml":"error"' out)" -gt 3 ]
	cmp whole parts
	done
}

@test "windows that share their events keep them when the specification changes, and new ones begin empty" {
	shared_events | grep -v text >all
	cat >before <<-'END'
		a = sum(x) over 5s
		b = max(y) over 1m
		c = min(x) over 20s
	END
	cat >after <<-'END'
		c = min(x) over 20s
		d = count() over 2m
		e = mean(y) over 20s
		a = sum(x) over 5s
	END
	head -n 1000 all >in
	alone before first
	spec 'key k' 'time t' 'late 2s' "$(cat before)"
	sml-features -q --state p x.features in >/dev/null
	tail -n +1001 all >in
	alone after second
	spec 'key k' 'time t' 'late 2s' "$(cat after)"
	sml-features --state p x.features in 2>err >out
	grep -qx 'sml-features: p: no state of count() over 2m, sum(y) over 20s: begins empty' err
	grep -qx 'sml-features: p: state of max(y) over 1m is dropped: the spec no longer uses it' err
	for name in a c d e; do
		jq -c "[.t, .features.$name]" out | cmp - "alone.second.$name"
	done
}

@test "topk of nothing but different values stays within its bound, texts apart" {
	awk 'BEGIN { for (i = 0; i < 30000; i++) printf "{\"k\":1,\"t\":%d,\"x\":%d}\n", i * 1000, i }' >in
	for window in '' ' over last 1000' ' over tumbling 1h' ' over 4h every 1h' ' over session 1m'; do
		spec 'key k' 'time t' "x = topk(x, 3)$window"
		bound=$(sml-features --explain x.features | sed -n 's/^state by k: .* at most \([0-9]*\) .*/\1/p')
		run -0 sml-features -q --metrics m x.features in
		bytes=$(awk '/^sml_features_state_bytes/ { printf "%d", $2 }' m)
		echo "$window: $bytes bytes, bound $bound"
		# And the table of keys, with what its pieces leave over.
		[ "$bytes" -lt $((bound + 16384)) ]
	done
}

@test "more than 1,024 different values in a sliding window: null, and said once; in panes and over all an estimate" {
	awk 'BEGIN { for (i = 0; i < 3000; i++) printf "{\"timestamp\":%d,\"x\":%d}\n", i, i }' >in
	run -0 --separate-stderr sml-features -d 'd = distinct(x) over 1h' -d 't = topk(x, 1) over 1h' -d 'p = distinct(x) over 1h every 1m' \
		-d 'a = distinct(x)' -d 's = distinct(x) over session 1m' in
	equal '{"d":1024,"t":[[0,1]],"p":1024,"a":1024,"s":1024}' "$(sed -n '1024s/.*"features"://; 1024s/}$//p' <<<"$output")"
	[[ ${lines[1024]} == *'"features":{"d":null,"t":null,'* ]]
	equal 1 "$(grep -c 'feature d: more than 1,024 different values in a window: null' <<<"$stderr")"
	equal 1 "$(grep -c 'feature t: more than 1,024 different values in a window: null' <<<"$stderr")"
	# Within 2 %.
	python3 - 3<<<"$output" <<-'E'
		import json, os
		last = json.loads(os.fdopen(3).read().splitlines()[-1])["features"]
		assert all(abs(last[name] - 3000) < 60 for name in ("p", "a", "s")), last
	E
}

@test "definitions on the command line" {
	equal '{"n":1,"s":3}' "$(features_of -k u -d 'n = count()' -d 's = sum(x)' <<<'{"u":1,"x":3}')"
	# With a spec: behind it.  All operands are then input.
	spec 'key u' 'n = count()'
	echo '{"u":1}' >one
	equal '{"n":1,"m":2}
{"n":2,"m":4}' "$(features_of -d 'm = n * 2' -f x.features one one)"
	run -2 --separate-stderr sml-features -d 'x = cnt()'
	equal 'sml-features: -d: unknown function "cnt": see sml-expr(7)
x = cnt()
    ^' "$stderr"
	run -2 --separate-stderr sml-features -d 'key a'
	equal 'sml-features: -d: a definition is NAME = EXPRESSION
key a
^' "$stderr"
	run -2 --separate-stderr sml-features -d 'x = 1' -d 'x = 2'
	equal "sml-features: -d: feature \"x\" is defined twice (first in -d 'x = 1')
x = 2
^" "$stderr"
	run -2 --separate-stderr sml-features -k v -f x.features one
	equal 'sml-features: the key is given twice: -k v, and x.features:1' "$stderr"
	run -2 --separate-stderr sml-features
	equal "sml-features: a spec is missing: SPEC, -f SPEC or -d 'NAME = EXPRESSION' (see sml-features --help)" "$stderr"
	run -2 --separate-stderr sml-features missing.features
	equal 'sml-features: spec: missing.features: No such file or directory' "$stderr"
	equal '{"n":1}' "$(features_of <(cat x.features) one)"
}

@test "--check says nothing, --explain the plan" {
	spec 'key userId' 'require x > 0' 'n = count() exclude current' 'all = count( )' 's = sum(x) over last 10' \
		'm = mean( (x) )over last 10' 'shop = last(page) by merchant' 'e = elapsed()' 'r = s/(m + 1)'
	run -0 --separate-stderr sml-features --check x.features
	equal '' "$output$stderr"
	run -0 --separate-stderr sml-features --explain x.features
	equal 'key      userId
time     timestamp ms (for elapsed())
emit     events

require  x > 0
n    = count() exclude current
all  = count()
s    = sum(x) over last 10
m    = mean(x) over last 10
shop = last(page) by merchant
e    = elapsed()
r    = s / (m + 1)

state by userId: 112 bytes a key, and at most 80 beside the row
  count()                 8 bytes: a number; for n, all (shared)
  sum(x) over last 10    32 bytes + 80: the last N numbers and partial sums; for s, m (shared)
  elapsed()               8 bytes: a time; for e

state by merchant: 80 bytes a key
  last(page) by merchant    16 bytes: one value; for shop

A key of more than 20 bytes takes its length and 16 besides, a text or an array that is kept its length.
What a key outgrows serves others; where all keys grow at once, what is beside the rows may double.' "$output"
}

# ---- state ----

@test "--max-keys keeps the keys with the newest events, and says so once" {
	printf '{"k":"%s","timestamp":%s}\n' a 1 b 2 c 3 a 4 d 5 b 6 a 7 c 2 b 8 >in
	run -0 --separate-stderr sml-features --max-keys 3 -k k -d 'n = count()' in
	equal '1 1 1 2 1 1 3 1 2' "$(sed 's/.*"n":\([0-9]*\).*/\1/' <<<"$output" | tr '\n' ' ' | sed 's/ $//')"
	equal 'sml-features: more than 3 keys (--max-keys): the state of those with the oldest events is dropped' "$stderr"
	# Each `by` has as many.
	equal '{"n":1,"m":1}
{"n":1,"m":2}
{"n":1,"m":3}' "$(printf '{"k":%s,"m":1,"timestamp":5}\n' 1 2 1 | features_of --max-keys 1 -k k -d 'n = count()' -d 'm = count() by m')"
}

@test "200,000 keys in the memory of 1,000" {
	skip_if_sanitized
	awk 'BEGIN { for (i = 0; i < 200000; i++) printf "{\"k\":\"user-%d\",\"timestamp\":%d,\"x\":\"text %d\"}\n", i, i, i }' >in
	(
		ulimit -v 60000
		sml-features -q --max-keys 1000 -k k -d 'n = count()' -d 'f = first(x)' -d 's = sum(timestamp) over last 100' in >out
	)
	[ "$(wc -l <out)" -eq 200000 ]
	[ "$(grep -c '"n":1,' out)" -eq 200000 ]
	sml-features --max-keys 1000 -k k -d 'n = count()' --metrics m.prom -v in 2>err >/dev/null
	grep -qxF 'sml_features_keys{stage="features"} 1000' m.prom
	grep -qxF 'sml_features_evicted_total{stage="features"} 199000' m.prom
	grep -q '^sml-features: *199,000  keys dropped (--max-keys)$' err
}

# keys N EVENTS together|by-turns: so many events of each key, those of one at a time or all keys by turns
keys() {
	awk -v keys="$1" -v events="$2" -v order="$3" '
		function put(k, e) { printf "{\"k\":%d,\"t\":%d,\"x\":%d}\n", k, 7200000 + e, e }
		BEGIN {
			if (order == "together")
				for (k = 0; k < keys; k++) for (e = 0; e < events; e++) put(k, e)
			else
				for (e = 0; e < events; e++) for (k = 0; k < keys; k++) put(k, e)
		}'
}

# taken EVENTS ORDER BYTES: what a key of x.features really takes, by some 10 MB of keys and by a quarter of them
taken() {
	local n
	for n in $((10000000 / $3 / 4 * 4)) $((10000000 / $3 / 4)); do
		keys "$n" "$1" "$2" | peak sml-features -q x.features 9>kib >/dev/null
		echo "$n $(cat kib)"
	done | awk '{ n[NR] = $1; kib[NR] = $2 } END { printf "%d\n", (kib[1] - kib[2]) * 1024 / (n[1] - n[2]) }'
}

# promised EVENTS: what --explain says of it: the bytes of a row, and those beside it
promised() {
	sml-features --explain x.features | awk -v with="[0-9]+ with $1[^0-9]" '
		/^state/ { sub(/ bytes a key.*/, ""); row += $NF }
		/^  .* bytes \+ / { if (!match($0, with)) match($0, / bytes \+ [0-9]+/) && RSTART += 9; beside += substr($0, RSTART) + 0 }
		END { print row + 0, beside + 0 }'
}

@test "a key takes what --explain says, within 20 %" {
	skip_if_sanitized
	try() {
		local events=$1 row beside got
		shift
		spec 'key k' 'time t' "$@"
		read -r row beside < <(promised "$events")
		got=$(taken "$events" together $((row + beside)))
		echo "$*: $events events, $row + $beside, really $got"
		[ $((got * 10)) -ge $(((row + beside) * 8)) ]
		[ $((got * 10)) -le $(((row + beside) * 12)) ]
	}
	try 1 'n = count()'
	try 1 'm = mean(x)' 'p = prev(x)' 'd = sum(x) decay 1h' 'l = max(x) by k, x'
	try 10 'a = sum(x) over 1m' 'b = sum(x) over 10m' 'c = max(x) over 1h'
	try 100 'a = sum(x) over 10m' 'b = sum(x) over last 100'
	try 10 'a = sequence(x, 10)' 'b = sum(x) over session 1h' 'c = distinct(x)'
	try 10 'emit windows' 'a = sum(x) over tumbling 1h' 'b = stddev(x) over session 1h'
	try 100 'a = topk(x, 3) over 1h'
	try 100 'a = quantile(x, 0.5)' 'b = distinct(x) over tumbling 1h'
	# Where all keys grow at once, twice what is beside the row, and no more.
	spec 'key k' 'time t' 'a = sum(x) over 10m' 'b = sum(x) over last 100'
	read -r row beside < <(promised 10)
	[ "$(taken 10 by-turns $((row + beside * 2)))" -le $(((row + beside * 2) * 12 / 10)) ]
}

@test "the state of definitions that stay is kept, new ones begin empty" {
	spec 'key u' 'n = count()' 's = sum(x)'
	echo '{"u":1,"x":3}' >in
	run -0 --separate-stderr sml-features --state p x.features in
	equal '' "$stderr"
	# Another name, another order, spaces; the mean shares the sum's state; one is new, one is gone.
	spec 'key u' 'mean_x = mean( x )' 'hi = max(x)'
	run -0 --separate-stderr sml-features -v --state p x.features in
	equal '{"u":1,"x":3,"features":{"mean_x":3,"hi":3}}' "$output"
	[[ $stderr == *'sml-features: p: state of 1 key loaded'* ]]
	[[ $stderr == *'sml-features: p: no state of max(x): begins empty'* ]]
	[[ $stderr == *'sml-features: p: state of count() is dropped: the spec no longer uses it'* ]]
	spec 'key u' 'n = count()' 'm = mean(x)'
	equal '{"n":1,"m":3}' "$(features_of --state p x.features in 2>/dev/null)"
	# A feature that is used counts with its definition.
	spec 'key u' 'y = x + 1' 's = sum(y)'
	sml-features -q --state q x.features in
	spec 'key u' 'z = x + 1' 't = sum(z)'
	equal '{"z":4,"t":8}' "$(features_of --state q x.features in)"
	spec 'key u' 'z = x + 2' 't = sum(z)'
	equal '{"z":5,"t":5}' "$(features_of --state q x.features in)"
	# Another key, another time: the state of another spec.
	spec 'key x' 'z = x + 2' 't = sum(z)'
	run -2 --separate-stderr sml-features --state q x.features in
	equal 'sml-features: q: holds the state of another spec: sum(x + 2) (key u, time timestamp:ms); to begin anew, remove it' "$stderr"
}

@test "--state-out saves elsewhere" {
	spec 'n = count()'
	echo '{}' >in
	sml-features --state p --state-out p.new x.features in
	[ ! -e p ]
	mv p.new p
	cp p before
	equal '{"n":2}' "$(features_of --state p --state-out p.new x.features in)"
	cmp p before
	equal '{"n":3}' "$(features_of --state p.new x.features in)"
	sml-features --state-out alone x.features in
	equal '{"n":2}' "$(features_of --state alone x.features in)"
}

@test "a second run on the same state ends with 2 and names the first" {
	mkfifo pipe
	sml-features --state p -d 'n = count()' <pipe >/dev/null 3>&- &
	pid=$!
	stop_later $pid
	exec 9>pipe
	wait_for 5 test -e p.lock
	wait_for 5 grep -q "$pid" p.lock
	run -2 --separate-stderr sml-features --state p -d 'n = count()' </dev/null
	[[ $stderr == "sml-features: p is in use by process $pid" ]]
	exec 9>&-
	wait $pid
	run -0 sml-features --state p -d 'n = count()' </dev/null
}

@test "a state that is damaged, torn or of another version is refused" {
	echo '{"x":1}' | sml-features -q --state p -d 'n = count()' -d 's = sum(x) over last 3'
	size=$(stat -c %s p)
	for at in 0 10 20 40 $((size - 3)); do
		cp p q
		printf '\x7f' | dd of=q bs=1 seek="$at" conv=notrunc status=none
		cp q before
		run -2 --separate-stderr sml-features --state q -d 'n = count()' </dev/null
		[[ $stderr == 'sml-features: q: '* ]]
		[ "$(wc -l <<<"$stderr")" -eq 1 ]
		cmp q before
	done
	head -c $((size - 1)) p >q
	run -2 sml-features --state q -d 'n = count()' </dev/null
	: >q
	run -2 sml-features --state q -d 'n = count()' </dev/null
	run -2 sml-features --state . -d 'n = count()' </dev/null
}

@test "only a good end saves the state" {
	echo '{"x":1}' >in
	sml-features -q --state p -d 'n = count()' in >/dev/null
	cp p before
	run -1 bash -c "sml-features --state p -d 'n = count()' in >/dev/full"
	cmp p before
	run -3 bash -c "{ cat in; echo x; } | sml-features --on-bad=stop --state p -d 'n = count()'"
	cmp p before
	run -1 sml-features --state p -d 'n = count()' in missing
	cmp p before
	# A signal is a good end.
	mkfifo pipe
	sml-features --state p -d 'n = count()' <pipe >out 3>&- &
	pid=$!
	exec 9>pipe
	cat in >&9
	wait_for 5 test -s out
	kill -TERM $pid
	wait $pid
	exec 9>&-
	equal '{"n":3}' "$(features_of --state p -d 'n = count()' in)"
}

@test "--dump-state of a tumbling window that keeps older ones for late events: the newest alone" {
	printf '%s\n' 'time t' 'late 1h' 's = sum(x) over tumbling 1ms' 'h = sum(x) over tumbling 40ms' 'm = sum(x) over 10ms every 1ms' >x.features
	for i in {0..39}; do echo "{\"t\":$i,\"x\":$i}"; done | sml-features -q --state p x.features >out
	equal '{"s":39,"h":780,"m":345}' "$(tail -n 1 out | jq -c .features)"
	equal '345 39 780' "$(sml-features --state p --dump-state x.features | jq -r 'select(.state.value) | .state.value' | sort | paste -sd' ')"
}

@test "--dump-state prints what is kept" {
	spec 'key u' 'time t s' 'n = count()' 's = sum(x) over last 2' 'e = elapsed()' 'p = prev(page)' 'd = distinct(page) by m, u'
	printf '%s\n' '{"u":"b","t":0,"x":1,"page":"q\"","m":1}' '{"u":2,"t":1.5,"x":2}' '{"u":"b","t":3,"x":4}' '{"u":"b","t":2,"x":8}' |
		sml-features -q --state p x.features >/dev/null
	run -0 --separate-stderr sml-features --state p --dump-state
	equal '{"watermark":"1970-01-01T00:00:03Z","newest":"1970-01-01T00:00:03Z"}
{"keys":"u","key":"b","time":"1970-01-01T00:00:03Z"}
{"keys":"u","key":2,"time":"1970-01-01T00:00:01.5Z"}
{"definition":"count()","key":"b","state":{"n":3}}
{"definition":"count()","key":2,"state":{"n":1}}
{"definition":"sum(x) over last 2","key":"b","state":{"n":3,"sum":12,"values":[4,8]}}
{"definition":"sum(x) over last 2","key":2,"state":{"n":1,"sum":2,"values":[2]}}
{"definition":"elapsed()","key":"b","state":{"time":"1970-01-01T00:00:02Z"}}
{"definition":"elapsed()","key":2,"state":{"time":"1970-01-01T00:00:01.5Z"}}
{"definition":"prev(page)","key":"b","state":{"value":null}}
{"definition":"prev(page)","key":2,"state":{"value":null}}
{"keys":"by m, u","key":[1,"b"],"time":"1970-01-01T00:00:00Z"}
{"definition":"distinct(page) by m, u","key":[1,"b"],"state":{"n":1,"value":1}}' "$output"
	# With a spec, only what it uses, with the features' names.
	spec 'key u' 'time t s' 'sum_x = sum(x) over last 2' 'mean_x = mean(x) over last 2'
	run -0 --separate-stderr sml-features --state p --dump-state x.features
	equal '{"definition":"sum(x) over last 2","features":["sum_x","mean_x"],"key":"b","state":{"n":3,"sum":12,"values":[4,8]}}' \
		"$(grep definition <<<"$output" | head -n 1)"
	equal '' "$(grep count <<<"$output" || true)"
	run -2 --separate-stderr sml-features --dump-state
	equal 'sml-features: --dump-state prints the file of --state FILE, or the state in --checkpoint DIR (see sml-features --help)' "$stderr"
	run -2 --separate-stderr sml-features --dump-state --state none
	equal 'sml-features: none: No such file or directory' "$stderr"
	python3 -c 'import json, sys; [json.loads(line) for line in sys.stdin]' < <(sml-features --state p --dump-state)
}

@test "a pipe and a chain, and a chain with two sml-features, say the same" {
	python3 "$ORACLE" 8 800 5
	sml-features -q oracle.features oracle.jsonl | sml-features -q -k userId -d 'twice = features.n * 2' -d 'm = mean(features.total)' >pipe
	sml features -q oracle.features oracle.jsonl 'then' features -q -k userId -d 'twice = features.n * 2' -d 'm = mean(features.total)' >chain
	same_file pipe chain
}

# ---- mistakes that give results like any others ----

@test "a path that none of 100 records has is named, of fewer it is not" {
	seq 100 | sed 's/.*/{"u":"a","x":&,"timestamp":1700000000000}/' >in
	run -0 --separate-stderr sml-features -k u -d 's = sum(y.z[0])' -d 't = u' -d 'v = coalesce(w, t)' in
	equal 'sml-features: none of 100 records has "y.z[0]", "w"' "$stderr"
	run -0 --separate-stderr sml-features -q -k u -d 's = sum(y)' in
	equal '' "$stderr"
	run -0 --separate-stderr sml-features -k u -d 's = sum(y)' <(head -n 99 in)
	equal '' "$stderr"
	{ head -n 99 in && echo '{"u":"a","y":null}'; } >one
	run -0 --separate-stderr sml-features -k u -d 's = sum(y)' one
	equal '' "$stderr"
	# In a chain a stage misses what neither the line nor a stage before it has.
	run -0 --separate-stderr sml features -k u -d 'n = count()' in 'then' features -d 'm = features.n + features.k'
	equal 'sml-features: none of 100 records has "features.k"' "$stderr"
}

@test "seconds taken for milliseconds are noticed" {
	seq 1700000001 1700000100 | sed 's/.*/{"timestamp":&}/' >in
	run -0 --separate-stderr sml-features -d 'e = elapsed()' in
	equal 'sml-features: every event time lies before 1971, the newest is 1970-01-20T16:13:20.1Z: is timestamp not in ms?' "$stderr"
	run -0 --separate-stderr sml-features -T timestamp:s -d 'e = elapsed()' in
	equal '' "$stderr"
	# Also by those that only look at them.
	run -0 --separate-stderr sml-features -d 'h = hour(timestamp)' in
	[[ $stderr == 'sml-features: every time that hour(), day() and the like were given lies before 1971, '*' as in hour(x, s)?' ]]
	for given in 'h = hour(timestamp, s)' 'h = hour(timestamp * 1000)' 'h = if(false, hour(timestamp), 1)'; do
		run -0 --separate-stderr sml-features -d "$given" in
		equal '' "$stderr"
	done
}

@test "the state of a spec without aggregates says nothing, and is one" {
	echo '{"x":1}' >in
	sml-features -q --state p -d 'y = x + 1' in
	run -0 --separate-stderr sml-features --state p --dump-state
	equal '' "$output$stderr"
}

@test "the state of another spec is not saved over" {
	echo '{"u":"a","x":1}' >in
	sml-features --state p -k u -d 's = sum(x)' in >/dev/null
	cp p was
	run -2 --separate-stderr sml-features --state p -k x -d 'm = max(x)' in
	equal 'sml-features: p: holds the state of another spec: sum(x) (key u, time timestamp:ms); to begin anew, remove it' "$stderr"
	run -2 sml-features --state p -d 'y = x + 1' in
	same_file was p
	# Of a spec that has gone on in part, what is dropped is named.
	sml-features --state p -k u -d 's = sum(x)' -d 'm = max(x)' in >/dev/null 2>&1
	run -0 --separate-stderr sml-features --state p -k u -d 'm = max(x)' in
	equal 'sml-features: p: state of sum(x) is dropped: the spec no longer uses it' "$stderr"
}

@test "state by a computed feature can be printed" {
	printf '%s\n' '{"x":1.5,"v":[4]}' '{"x":1.25,"v":[4]}' | sml-features -q --state p -d 'h = floor(x)' -d 'g = h' -d 'n = count() by g' \
		-d 'i = v[0]' -d 'k = i' -d 'm = max(x) by k where x > 1' -d 'z = h + 1' -d 'o = count() by z, x' >/dev/null
	run -0 --separate-stderr sml-features --state p --dump-state
	equal '{"definition":"count() by (floor(x))","key":1,"state":{"n":2}}
{"definition":"max(x) by v[0] where x > 1","key":4,"state":{"value":1.5}}
{"definition":"count() by (floor(x) + 1), x","key":[2,1.25],"state":{"n":1}}
{"definition":"count() by (floor(x) + 1), x","key":[2,1.5],"state":{"n":1}}' "$(grep definition <<<"$output")"
	spec 'n = count() by (floor(x))'
	run -2 --separate-stderr sml-features --check x.features
	[[ $stderr == *'by takes paths and earlier features: give (floor(x)) a name and say by NAME'* ]]
}

@test "no feature has the name of a directive" {
	spec 'key = ip' 'n = count()'
	refused 'x.features:1:1: "key" is a directive, written without "=", and no name for a feature
key = ip
^'
	run -2 sml-features -d 'time = 3' --check
}

@test "a spec among the inputs, a spec on stdin, a feature's members" {
	spec 'key k' 'n = count()'
	echo '{"k":1}' >in
	run -2 --separate-stderr sml-features x.features -d 'z = k' in
	[[ $stderr == *'x.features is a spec by its name, and with -d all operands are input: give it with -f'* ]]
	equal '{"k":1,"features":{"n":1,"z":1}}' "$(sml-features -f x.features -d 'z = k' in)"
	equal '{"k":1,"features":{"n":1}}' "$(sml-features -f - in <x.features)"
	equal '{"k":1,"features":{"n":1}}' "$(sml-features -f - in < <(cat x.features))"
	run -2 --separate-stderr sml-features -f - <x.features
	[[ $stderr == *'the spec comes from stdin, so the events cannot: name their files'* ]]
	echo 'n = 1 +' | { run -2 --separate-stderr sml-features -f - in && [[ $stderr == *'stdin:1:'* ]]; }
	spec 'm = m.temp' 'b = m.vib'
	refused 'x.features:2:5: "m" is the feature above, and a feature has no members: give it another name
b = m.vib
    ^'
	spec 'a = split(s, ",")' 'b = a[0]'
	equal '{"a":["x","y"],"b":"x"}' "$(features_of x.features <<<'{"s":"x,y"}')"
	spec 'x = number(a)'
	run -2 --separate-stderr sml-features x.features in
	[[ $stderr == *'unknown function "number": a text stays a text;'* ]]
}
