#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Error records, sml-record(5): every type gives its original back, data forge none, and none leaves a trace.
# shellcheck disable=SC1010,SC2030,SC2031,SC2154 # "then" is a word of sml; bats sets variables in subshells
load helper

setup() {
	common_setup
	export SOURCE_DATE_EPOCH=1700000000 PYTHONDONTWRITEBYTECODE=1
	model=$SML_ROOT/data/model.json
	set -o pipefail
}

lines() {
	python3 "$SML_ROOT/test/json/check.py" "$1"
}

# types: of the error records on stdin, each once
types() {
	sed -n 's/^{"errorType":"\([A-Z_]*\)",.*,"_sml":"error"}$/\1/p' | sort -u
}

# crafted TYPE MEMBER: error records of a type that no tool makes in this version, of the lines on stdin
crafted() {
	sml-features -q -k nobody -d 'n = count()' |
		sed 's/^{"errorType":"INVALID_DATA"/{"errorType":"'"$1"'"/; s/,"_sml":"error"}$/'"$2"'&/'
}

# rubbish: lines that are no JSON, of every kind, the last without LF
rubbish() {
	lines rubbish
	python3 -c 'import random, sys; sys.stdout.buffer.write(random.Random(1).randbytes(200000).replace(b"\n", b"\0"))'
	printf '\n\x00\n\x00\x00\x00\n{\n"\n0\n-\n\\\n}{\n\r.\r\n{"id":1}\r\r x\r\n\xff\n\xef\xbb\xbf{}\n\x7f\n\xe2\x80\xa8\n'
	printf '%0300000d\n' 0
	printf '{"errorType":"PARSE_ERROR"\n{"_sml" :1}}\n{"rawData":"\\n"}}\n\t\t.\t\n'
	printf 'the last line'
}

# valid: records of every kind, with CR and white space around some, the last without LF
valid() {
	lines records | sed '2~5s/$/\r/; 3~5s/^/ \t /; 4~5s/$/  /'
	printf '{"errorType":"PARSE_ERROR","id":1,"rawData":"\\n\\u0000","_sml":"error" }\n'
	printf '{"id":1,"id":2,"\\u0069d":3,"%s":"\x7f"}' "$(printf '\\u2028\\/\\"%.0s' {1..2000})"
}

# For each type: the lines, and what makes error records of them.
lines_PARSE_ERROR() { rubbish; }
make_PARSE_ERROR() { sml-features -q -d 'n = count()'; }
lines_INVALID_DATA() { valid; }
make_INVALID_DATA() { sml-features -q -k nobody -d 'n = count()'; }
lines_MISSING_FEATURE() { valid; }
make_MISSING_FEATURE() { sml-classify -q -m "$model"; }
lines_TOO_LONG() { { rubbish; valid; } | python3 -c '
import sys
sys.stdout.buffer.writelines(l for l in sys.stdin.buffer if 2 < len(l.rstrip(b"\n")) <= 4096 and l.strip())'; }
make_TOO_LONG() { sml-replay -q --max-line 2; }
lines_LATE_DATA() { valid | sed -n 's/^\([ \t]*\){"/\1{"at":5,"/p'; }
make_LATE_DATA() {
	printf '%s\n' 'time at' 'late 0 error' 'n = count()' >late.features
	rm -f late.state
	echo '{"at":10}' | sml-features -q --state late.state late.features >/dev/null
	sml-features -q --state late.state late.features
}
lines_REMOTE_ERROR() { valid; }
make_REMOTE_ERROR() { crafted REMOTE_ERROR; }
lines_POISON() { valid; }
make_POISON() { crafted POISON; }	# poison.bats has real ones
lines_RESERVED() {
	printf '%s\n' '{"_sml":"begin"}' '{"_sml":}' '{"_sml":"x' '{"errorType":"X","_sml":"error"}' '{"a":1,"_sml":"error"}' ',"_sml":"error"}'
	printf '{"_sml":\xff\x00}\r\n{"_sml":1,"x":"\\n"}'
}
make_RESERVED() { sml-replay -q; }

@test "the types of the page, the code and these tests are the same" {
	cases=$(declare -F | sed -n 's/^declare -f make_//p' | sort)
	page=$(sed -n '/^The types are:/,/^\.El/s/^\.It Cm \([A-Z_]*\)$/\1/p' "$SML_ROOT/man/sml-record.5" | sort)
	code=$(sed -n '/record_error_types\[.*{$/,/};/p' "$SML_ROOT/lib/stream/record.c" | grep -o '"[A-Z_]*"' | tr -d '"' | sort)
	equal "$page" "$cases" "the page's types, and those with a case here"
	equal "$code" "$cases" "the code's types, and those with a case here"
	# What is crafted here is made by no tool: a tool that begins to make it needs a case of its own.
	run -1 grep -rnE 'record_fail(_with)?\([^;]*REMOTE_ERROR' "$SML_ROOT/lib" "$SML_ROOT/cmd"
}

@test "every type comes back through --retry, byte for byte, also behind other stages" {
	for type in PARSE_ERROR INVALID_DATA MISSING_FEATURE TOO_LONG LATE_DATA REMOTE_ERROR POISON; do
		"lines_$type" >raw
		"make_$type" <raw >errors
		equal $type "$(types <errors)"
		equal "$(sed -n '$=' raw)" "$(grep -c '"_sml":"error"}$' errors)" "$type"
		# An LF at the end, where there is none.
		{ cat raw && { [ -z "$(tail -c 1 raw)" ] || echo; }; } >expected
		sml-replay -q --retry errors >back
		same_file expected back
		# Other stages pass them on untouched, in a pipe and in a chain.
		sml-replay -q errors | sml-features -q -k nobody -d 'n = count()' | sml-classify -q -m "$model" | sml-route -q '*=-' >passed
		same_file errors passed
		sml replay -q errors then features -q -k nobody -d 'n = count()' then classify -q -m "$model" then route -q '*=-' >passed
		same_file errors passed
		# From a chain they come back as well.
		sml replay -q errors then route -q '*=-' | sml-replay -q --retry >back
		same_file expected back
	done
}

@test "RESERVED holds its line, which is refused again" {
	lines_RESERVED >raw
	make_RESERVED <raw >errors
	equal RESERVED "$(types <errors)"
	python3 - >back <<-'PY'
		import base64, json, sys
		for line in open("errors", encoding="utf-8"):
		    e = json.loads(line)
		    data = base64.b64decode(e["rawBase64"]) if "rawBase64" in e else e["rawData"].encode()
		    sys.stdout.buffer.write(data + b"\n")
	PY
	same_file <(cat raw; echo) back
	sml-replay -q --retry errors >again
	same_file <(sed 's/"source":"stdin"/"source":"errors"/' errors) again
	# In a filter, of whatever begins as a control record.
	run -0 sml-features -q -d 'n = count()' <<<$'{}\n{"_sml":"x"}\n{"_sml":'
	equal RESERVED "$(types <<<"$output")"
	equal 'RESERVED@2 RESERVED@3' "$(sed -n 2,3p <<<"$output" | jq -r '"\(.errorType)@\(.line)"' | paste -sd ' ')"
}

@test "TOO_LONG: the first 4096 bytes, whole characters, the length; what is whole comes back" {
	python3 - >raw <<-'PY'
		import sys
		out = sys.stdout.buffer
		for n in (4095, 4096, 4097, 5000):
		    for fill in ("x", "é", "€", "😀", "\""):
		        out.write(b"y" * (n % 3) + (fill * n).encode()[:n].decode("utf-8", "ignore").encode() + b"\n")
		    out.write(b"\xff" * n + b"\n" + b"a" * (n - 1) + b"\xc3\n")
		out.write(b'{"id":1,"x":"' + b"z" * 100000 + b'"}')
	PY
	for tool in 'sml-replay -q' 'sml-features -q -d n=count()' "sml-classify -q -m $model" "sml-route -q *=-"; do
		$tool --max-line 100 <raw >errors
		equal TOO_LONG "$(types <errors)"
		sml-replay -q --retry errors >back
		run -0 python3 - <<-'PY'
			import base64, json
			raw = open("raw", "rb").read().split(b"\n")
			errors = open("errors", encoding="utf-8").read().splitlines()
			back = open("back", "rb").read().split(b"\n")[:-1]
			assert len(raw) == len(errors) == len(back), (len(raw), len(errors), len(back))
			whole = cut = 0
			for line, text, again in zip(raw, errors, back):
			    e = json.loads(text)
			    kept = base64.b64decode(e["rawBase64"]) if "rawBase64" in e else e["rawData"].encode()
			    assert e["length"] == len(line) and line.startswith(kept), text[:200]
			    if len(line) <= 4096:
			        whole += 1
			        assert kept == again == line
			    else:
			        cut += 1
			        assert 4093 <= len(kept) <= 4096 and again == text.encode(), (len(line), len(kept))
			print(whole, cut)
		PY
		equal '10 19' "$output"
	done
}

# What is too large for a topic becomes an error record; a topic may refuse that too.
@test "--oversize=error ends, whatever refuses what; what a file takes comes back whole" {
	mkfifo mock.in
	mock-broker --topic t:1 --topic dlq:1 --seconds 60 <mock.in >bootstrap 3>&- &
	stop_later $!
	exec 9>mock.in
	wait_for 10 test -s bootstrap
	KAFKA_BOOTSTRAP_SERVERS=$(cat bootstrap)
	export KAFKA_BOOTSTRAP_SERVERS
	printf '{"id":1}\n{"id":2,"x":"%070000d"}\n{"id":3}\n' 0 >in
	limit='-X message.max.bytes=20000 --oversize=error'
	# shellcheck disable=SC2086
	sml-route -q $limit error=dead '*=kafka:t' <in
	sml-replay -q --retry dead >back
	same_file <(sed -n 2p in) back
	# shellcheck disable=SC2086
	sml-route -q $limit error=kafka:dlq '*=kafka:t' <in
	run -0 sml-replay -q -e kafka:dlq
	equal "1 TOO_LONG $(($(sed -n 2p in | wc -c) - 1)) 4096" "${#lines[@]} $(jq -r '"\(.errorType) \(.length) \(.rawData | length)"' <<<"$output")"
	# shellcheck disable=SC2086
	run -0 --separate-stderr sml-route $limit '*=kafka:t' <in
	[[ $stderr == *"1 of 3 lines is an error record"* ]]
	equal '1 3 TOO_LONG' "$(sml-replay -q -e kafka:t | jq -r 'if .id then .id else .errorType end' | tail -n 3 | sort | paste -sd ' ')"
	# Not even the beginning fits.
	run -1 --separate-stderr sml-route -X message.max.bytes=1000 --oversize=error error=kafka:dlq '*=kafka:t' <in
	[[ $stderr == *"kafka:dlq: an error record of "*" bytes: "* ]]
}

# ---- nobody forges one ----

# forged: a line each; what only looks like an error record, or ends as one does
forged() {
	local head='{"errorType":"INVALID_DATA","errorMessage":"m"' tail='"timestamp":1,"stage":"s","source":"i","line":1,"_sml":"error"}'
	cat <<-LINES
		{"errorType":"","_sml":"error"}
		{"errorType":"INVALID_DATA","_sml":"error"}
		$head,$tail
		$head,"rawData":1,$tail
		$head,"rawData":null,$tail
		$head,"rawData":"x","rawBase64":"eA==",$tail
		$head,"rawData":"x\\n{}",$tail
		$head,"rawData":"x","rawData":"y",$tail
		$head,"rawData":"x","more":1,$tail
		$head,"rawData":"x","byte":"1",$tail
		$head,"rawData":"x","timestamp":1.5,"stage":"s","source":"i","line":1,"_sml":"error"}
		$head,"rawData":"x","stage":"s","timestamp":1,"source":"i","line":1,"_sml":"error"}
		$head,"rawData":"x","timestamp":1,"stage":"s","source":"i","line":1,"latenessMs":"1","_sml":"error"}
		$head,"rawData":"x","timestamp":1,"stage":"s","source":"i","line":1,"_sml":"error","_sml":"error"}
		{"errorType":"NEW_TYPE","errorMessage":"m","rawData":"x",$tail
		{"errorType":"invalid_data","errorMessage":"m","rawData":"x",$tail
		$head,"rawData":"x",$tail,"_sml":"error"}
		{"errorType":"INVALID_DATA",},"_sml":"error"}
		{"errorType":"INVALID_DATA
	LINES
	printf '{"errorType":"INVALID_DATA","errorMessage":"\xff","rawData":"x",%s\n' "$tail"
}

@test "forged error records are RESERVED at sml-replay, also with --retry, and never sent again" {
	forged | grep -a '"_sml":"error"}$' >in
	[ "$(wc -l <in)" = 19 ]
	sml-replay -q in >out
	equal RESERVED "$(types <out)"
	equal 19 "$(grep -c '^{"errorType":"RESERVED"' out)"
	sml-replay -q --retry in >retried
	same_file out retried
	# Topped with white space, or with a CR, it is data like any other.
	sed 's/$/ /' in >spaced
	sml-replay -q spaced >out
	same_file spaced out
}

@test "filters pass what begins and ends as an error record, and take the rest for data, in a pipe as in a chain" {
	{ forged; echo '{"a":1,"_sml":"error"}'; echo '{"_sml" :"error"}'; echo '{"errorType":"OWN"}'; } >in
	sml-features -q -d 'n = count()' in | sml-route -q nothing=null '*=-' | sml-classify -q -m "$model" >pipe.out
	sml features -q -d 'n = count()' in then route -q nothing=null '*=-' then classify -q -m "$model" >chain.out
	same_file pipe.out chain.out
	# Those that begin and end so are there as they were.
	LC_ALL=C grep -a '^{"errorType":".*"_sml":"error"}$' in >passed
	LC_ALL=C grep -aFxf passed pipe.out >found
	same_file passed found
	[ "$(wc -l <passed)" = 19 ]
	equal 'MISSING_FEATURE MISSING_FEATURE MISSING_FEATURE PARSE_ERROR' \
		"$(LC_ALL=C grep -avFxf passed pipe.out | sed 's/^{"errorType":"\([A-Z_]*\)".*/\1/' | sort | paste -sd ' ')"
}

@test "no tool makes a control record of data" {
	printf '{"features":1,"_sml":"begin"}\n{"features":1, "_sml":"x","f\\u0065atures":2}\n{ "features":{} , "_sml":1,"a":2}\n' >in
	sml-features -q -d 'n = count()' in >pipe.out
	run -0 sml-features -q -d 'm = 1' pipe.out
	equal '{ "_sml":"begin","features":{"m":1}}' "${lines[0]}"
	equal '{ "_sml":"x","features":{"m":1}}' "${lines[1]}"
	equal "$output" "$(sml features -q -d 'n = count()' in then features -q -d 'm = 1')"
	equal '{ "_sml":"barrier","_in":' "$(echo '{"_in":1,"_sml":"barrier"}' | sml-replay --arrival | head -c 25)"
	equal '{ "_sml":"end","basket_size":1' "$(echo '{"model":1,"_sml":"end","basket_size":1,"total_value":3,"user_history":2}' |
		sml-classify -q -m "$model" | head -c 30)"
	printf 'key a\nemit features\nn = count()\n' | sed 's/a/_sml/' >spec
	run -2 --separate-stderr sml-features spec in
	run -2 --separate-stderr sml-classify -m "$model" --nest _sml in
	run -2 --separate-stderr sml-route --select _sml '*=-' <in
	run -2 --separate-stderr sml-route --select _sml=a '*=-' <in
}

# ---- no trace ----

# events: purchases that are valid, with a number now and then
events() {
	purchases -n 600 --seed 11 --users 30 | jq -c '. + {v: [.totalValue, .basketSize], s: .label, w: 1}'
}

# bad_lines: of each kind that a stage refuses, at its first look or its last
bad_lines() {
	cat <<-'LINES'
		no JSON
		{"userId":"u1","timestamp":1719991234567,"totalValue":1e9
		{"_sml":"x"}
		[]
		{"userId":null,"timestamp":1719991234567,"totalValue":1e9,"basketSize":1}
		{"userId":{},"timestamp":1719991234567,"totalValue":1e9,"basketSize":1}
		{"userId":"u1","totalValue":1e9,"basketSize":1}
		{"userId":"u1","timestamp":"soon","totalValue":1e9,"basketSize":1}
		{"userId":"u1","timestamp":9e99,"totalValue":1e9,"basketSize":1}
		{"userId":"u1","timestamp":1919991234567,"totalValue":-1e9,"basketSize":1}
		{"userId":"u1","timestamp":1919991234567,"totalValue":"1e9","basketSize":1}
		{"userId":"u1","timestamp":1919991234567,"totalValue":1e999,"basketSize":1}
		{"userId":"u1","timestamp":1919991234567,"totalValue":1e9,"basketSize":0}
		{"userId":"u1","timestamp":1919991234567,"totalValue":1e9,"basketSize":[]}
		{"userId":"new","timestamp":1919991234567,"totalValue":1e9,"basketSize":1,"s":7,"label":"L","last":0}
		{"userId":"u2","timestamp":1919991234567,"totalValue":1e9,"basketSize":1,"s":{},"label":"new","v":[1,2]}
		{"userId":"u2","timestamp":1919991234567,"totalValue":1e9,"basketSize":1,"s":"A","label":"new","v":[1,"x"]}
		{"userId":"u2","timestamp":1919991234567,"totalValue":1e9,"basketSize":1,"s":"A","label":{},"v":[1,2]}
		{"userId":"u2","timestamp":1919991234567,"totalValue":1e9,"basketSize":1,"s":"A","label":"new","v":[1,2],"last":0}
		{"userId":"u2","timestamp":1919991234567,"totalValue":1e9,"basketSize":1,"s":"A","label":"new","v":[1,2],"last":"x"}
		{"errorType":"PARSE_ERROR","errorMessage":"m","rawData":"x","timestamp":1,"stage":"s","source":"i","line":7,"_sml":"error"}
	LINES
	printf '\xff\xfe\n\x00\n{"userId":"u1","pad":"%020000d"}\r\n' 0
}

# late: lines that what a key has had makes bad
late() {
	for user in u1 u2 u3; do
		printf '{"userId":"%s","timestamp":1919991234567,"totalValue":1e9,"basketSize":1,"s":"A","v":[1,2]%s}\n' \
			"$user" ',"s":7' "$user" ',"s":true' "$user" ',"v":[1]' "$user" ',"v":3' "$user" ',"label":"new","v":[1,2,3]'
	done
}

# mixed GOOD BAD: the bad lines among the good ones, each several times, and all of them first
mixed() {
	python3 - "$1" "$2" <<-'PY'
		import random, sys
		good, bad = (open(path, "rb").read().split(b"\n")[:-1] for path in sys.argv[1:])
		random_ = random.Random(4)
		out = list(bad)
		for line in good:
		    out += [line] + [random_.choice(bad) for _ in range(random_.choice((0, 0, 1, 2)))]
		sys.stdout.buffer.write(b"\n".join(out + bad) + b"\n")
	PY
}

good() {
	grep -av '^{"errorType":"' "$@" || [ $? = 1 ]
}

# figure NAME FILE
figure() {
	sed -n "s/^sml_[a-z]*_$1{[^}]*} //p" "$2" | awk '{ n += $1 } END { printf "%.0f\n", n }'
}

@test "no trace in features, their state, or their figures" {
	cat >spec <<-'SPEC'
		key userId
		time timestamp
		require totalValue > 0
		n = count()
		n_before = count() exclude current
		spent = sum(totalValue)
		mean_v = mean(v)
		five = sum(totalValue) over last 5
		least_s = min(s)
		latest = last(totalValue)
		oldest = first(sessionId)
		before = prev(totalValue)
		step = delta(totalValue)
		gap = elapsed()
		labels = distinct(sessionId) by label
		by_two = count() by label, basketSize
		large = count() over last 10 where totalValue > 100
		require basketSize > 0
		of_category = count() by items[0].category
		end = 1 / (coalesce(last, 1) + 0)
		require last == null or last > 0
	SPEC
	events >half
	bad_lines >bad
	{ bad_lines; late; } >later
	cat half half >clean
	{ mixed half bad; mixed half later; } >all
	for options in '' '--max-keys 7'; do
		# The states of most keys go, and what they had with them.
		[ -z "$options" ] || { mixed half bad && mixed half bad; } >all
		# shellcheck disable=SC2086
		sml-features -q $options --max-line 10K --state a.state --metrics a.prom spec clean >a.out
		# shellcheck disable=SC2086
		sml-features -q $options --max-line 10K --state b.state --metrics b.prom spec all >b.out
		equal "$(wc -l <all)" "$(wc -l <b.out)"
		good b.out >b.good
		same_file a.out b.good
		same_file a.state b.state
		for name in keys state_bytes evicted_total; do
			equal "$(figure $name a.prom)" "$(figure $name b.prom)" "$name"
		done
		equal 0 "$(figure errors_total a.prom)"
		equal "$(figure records_total b.prom)" "$(($(figure records_total a.prom) + $(figure errors_total b.prom) + $(figure errors_passed_total b.prom)))"
		# A second run goes on from either state alike, and a chain does as the pipe.
		# shellcheck disable=SC2086
		sml-features -q $options --max-line 10K --state a.state spec clean >a.out
		# shellcheck disable=SC2086
		sml replay -q --max-line 10K all then features -q $options --max-line 10K --state b.state spec then route -q error=null '*=-' >b.out
		same_file a.out b.out
		same_file a.state b.state
		rm a.state b.state
	done
	equal 'INVALID_DATA PARSE_ERROR RESERVED TOO_LONG' "$(sml-features -q --max-line 10K spec all | types | paste -sd ' ')"
}

@test "no trace in scores, rules and pace" {
	events | sml-features -q "$SML_ROOT/data/purchases.features" >clean
	{ bad_lines; printf '%s\n' '{"features":{}}' '{"features":{"basket_size":"x"}}' '{"id":7}'; } >bad
	mixed clean bad >all
	for options in '' '--nest p' '--contributions'; do
		# shellcheck disable=SC2086
		sml-classify -q -m "$model" $options clean >a.out
		# shellcheck disable=SC2086
		sml-classify -q -m "$model" $options all >b.out
		good b.out >b.good
		same_file a.out b.good
	done
	printf '%s\n' 'no JSON' '{' '{"_sml":1}' '{"totalValue":"x"}' '{"totalValue":{}}' '{"totalValue":1e999}' '{"totalValue":1,"basketSize":"x"}' \
		'{"totalValue":1,"basketSize":[]}' >bad
	printf '\xff\n\x00\n' >>bad
	mixed clean bad >all
	for t in clean all; do
		mkdir $t.d
		sml-route -q 'totalValue + 0 > 100='$t.d/large 'not (basketSize > 3)='$t.d/small error=null '*=-' <$t >$t.d/rest
	done
	[ -s clean.d/large ]
	[ -s clean.d/small ]
	diff -r clean.d all.d
	sed -i '/^{"totalValue"/d' bad
	mixed clean bad >all
	sml-replay -q --speed 100000000 --until 2024-07-03T07:25:00Z clean >a.out
	sml-replay -q --speed 100000000 --until 2024-07-03T07:25:00Z all >b.out
	[ "$(wc -l <a.out)" -lt 600 ]
	good b.out >b.good
	same_file a.out b.good
}

@test "no trace in what sml-train learns or judges" {
	events | jq -c '{label: .label, at: .timestamp, w: .w, features: {a: .totalValue, v: [.basketSize, 2, .totalValue], s: .userId, f: (.basketSize > 2)}}' >clean
	cat >bad <<-'LINES'
		no JSON
		{"label":"HIGH_VALUE","w":1,"features":{"new":1,"s":2,"v":[1,"x"]}}
		{"label":"HIGH_VALUE","w":1,"features":{"new":"text","a":"text","v":[1,"x"]}}
		{"label":"HIGH_VALUE","w":1,"features":{"a":[1],"v":[1,2,3,4,5,"x"]}}
		{"label":"HIGH_VALUE","w":1,"features":{"v":[1,2,3,4,{}],"f":"x"}}
		{"label":"HIGH_VALUE","w":1,"features":{"v":[1,1e999],"a":1e999}}
		{"label":{},"w":1,"features":{"a":5,"other":1}}
		{"label":[],"w":1,"a":5}
		{"label":"HIGH_VALUE","w":-1,"features":{"a":5,"other":1}}
		{"label":"HIGH_VALUE","w":"x","features":{"a":5,"other":1}}
		{"errorType":"PARSE_ERROR","errorMessage":"m","rawData":"x","timestamp":1,"stage":"s","source":"i","line":7,"_sml":"error"}
	LINES
	printf '\xff\n{"_sml":"x"}\n' >>bad
	for options in '' '--missing error' '--holdout 20%' '-x a,v[2],s=u1' '--kind linear -y features.a'; do
		rm -f a.json b.json
		# Some lines are bad only where their members are looked at.
		case $options in
		-x*) sed -E '/"(new|v)":/d' bad >bad.now ;;
		*linear*) sed -E '/"(new|f|other)":|"a":5/d' bad >bad.now ;;
		*) cp bad bad.now ;;
		esac
		mixed clean bad.now >all
		# shellcheck disable=SC2086
		sml-train -y label -T at --weight w -m a.json $options clean 2>a.err
		# shellcheck disable=SC2086
		sml-train -y label -T at --weight w -m b.json $options all 2>b.err || { echo "$options" && cat b.err && false; }
		same_file a.json b.json
		same_file <(sed s/a.json/b.json/ a.err) <(grep -v 'error records' b.err)
		grep -q 'lines are error records' b.err
	done
	# Of the first record's inputs some are missing: it decides nothing.
	{ echo '{"label":"HIGH_VALUE","w":1,"features":{"a":1,"v":[1,null,3]}}'; cat clean; } >all
	sml-train -q -y label --missing error -m a.json clean
	run -0 --separate-stderr sml-train -q -y label --missing error -m b.json all
	same_file a.json b.json
	# The judge's figures.
	sml-train -q -y label -m a.json clean
	sml-classify -q -m a.json clean >scored
	{ printf '%s\n' '{"label":"HIGH_VALUE","probability":7}' '{"label":"HIGH_VALUE","probability":"x"}' '{"label":"HIGH_VALUE","probability":{}}' \
		'{"label":{},"probability":0.5}' '{"label":[1],"probability":1}'; cat bad; } | sed '/"features"/d' >bad2
	mixed scored bad2 >all
	equal "$(sml-train -q -y label --evaluate scored)" "$(sml-train -q -y label --evaluate all)"
}

# ---- what they say ----

@test "a message that is cut keeps its reason, and is UTF-8" {
	long=$(printf 'é%.0s' {1..400})
	printf '{"x":"%s"}\n{"x":"%sa"}\n{"x":3}\n' "$long" "$long" >in
	for odd in '' x; do
		run -0 sml-features -q -d 'z = 1' -f <(echo 'require x < 1 or x == "'"$odd$long"'"') in
		equal '3' "${#lines[@]}"
		sed -n 1p <<<"$output" | python3 -c 'import json, sys; m = json.load(sys.stdin)["errorMessage"]; assert m.endswith(", < 1 needs a number"), m'
	done
	printf 'require x == "a"\ny = 1\n' >spec
	printf '{"x":"%s"}\n{"x":"a%s"}\n' "$long" "$long" >in
	run -0 sml-features -q spec in
	for line in "${lines[@]}"; do
		python3 -c 'import json, sys; m = json.loads(sys.argv[1])["errorMessage"]; assert m.endswith("é\""), m' "$line"
	done
}
