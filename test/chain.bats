#!/usr/bin/env bats
# A chain prints the bytes that the pipe prints.
# shellcheck disable=SC1010,SC2154 # "then" is a word of sml; $stderr is of bats
load helper

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	purchases -n 5000 --seed 3 --users 50 --invalid 0.03 --malformed 0.02 >purchases.jsonl
	cp "$SML_ROOT/data/purchases.features" .
	sml-features -q purchases.features purchases.jsonl |
		sml-train -q -y label -x basket_size,total_value,user_history -m model.json
	nasty >nasty.jsonl
}

setup() {
	common_setup
	cp "$BATS_FILE_TMPDIR"/{purchases.jsonl,nasty.jsonl,purchases.features,model.json} .
	export SOURCE_DATE_EPOCH=1700000000 # the time in error records
	set -o pipefail
}

# Lines that have what a record may have: members that will be replaced, in every spelling; error records of earlier
# runs; lines that would forge one; numbers, names and white space to be kept as they are.
nasty() {
	cat <<'LINES'
{"userId":1,"timestamp":1000,"totalValue":10,"basketSize":2,"items":[]}
{"userId":1,"timestamp":2000,"totalValue":300,"basketSize":6,"features":{"old":1},"model":"other","probability":2}
{"features":1,"userId":1,"timestamp":2500,"totalValue":30,"basketSize":1,"features":2,"classification":"X","classification":null}
{"f\u0065atures":{"a":{"b":[1,2,{"c":"}"}]}},"userId":1,"timestamp":2600,"totalValue":31.50,"basketSize":1}
 {  "userId" : "1" , "timestamp":2700,"totalValue" : 1e2 , "basketSize":3.0 , "model" : [ 1 , 2 ]  }  
{"userId":9007199254740993,"timestamp":3000,"totalValue":1E+2,"basketSize":1,"big":123456789012345678901234567890,"x":1.10}
{"userId":"\ud83d\ude00é","timestamp":4000,"totalValue":5,"basketSize":1,"na\"me":"va\\lue"}
{"userId":2,"timestamp":5000,"totalValue":-1,"basketSize":1}
{"userId":2,"timestamp":5000,"totalValue":"12","basketSize":1}
{"userId":2,"timestamp":5000,"basketSize":1}
{"userId":null,"timestamp":5000,"totalValue":1,"basketSize":1}
{"userId":2,"timestamp":5000,"totalValue":1e400,"basketSize":1}
{}
[]
{"userId":3
"text"
{"a":"\ud800"}
{"errorType":"PARSE_ERROR","errorMessage":"m","rawData":"x","timestamp":1,"stage":"features","source":"stdin","line":1,"byte":1,"_sml":"error"}
{"errorType":"OWN","_sml":"error"}
{"errorType":"PARSE_ERROR","forged":true,"_sml":"error"}
{"a":1,"_sml":"error"}
{"_sml":"begin"}
{"_sml":"barrier","epoch":1}

LINES
	printf '{"userId":4,"timestamp":1,"totalValue":3,"basketSize":1}\r\n'
	printf '{"userId":4,"bytes":"\xff\xfe"}\n'
	printf '{"userId":4,"nul":"\x00"}\n'
	printf '{"deep":%s%s,"userId":5,"timestamp":1,"totalValue":3,"basketSize":1}\n' \
		"$(printf '%05000d' 0 | tr 0 '[')" "$(printf '%05000d' 0 | tr 0 ']')"
	printf '{"userId":5,"pad":"%s","timestamp":1,"totalValue":3,"basketSize":1}\n' "$(printf '%020000d' 0)"
	printf '{"userId":4,"timestamp":9,"totalValue":3,"basketSize":1}'
}

# same FILE: the four stages as a pipe and as a chain, with what the array `replay`, `features`, `classify` hold as options
same() {
	sml-replay -q "${replay[@]}" "$1" 2>pipe.err |
		sml-features -q "${features[@]}" purchases.features 2>>pipe.err |
		sml-classify -q "${classify[@]}" -m model.json >pipe.out 2>>pipe.err
	local status=("${PIPESTATUS[@]}")
	run -0 --separate-stderr sml replay -q "${replay[@]}" "$1" then \
		features -q "${features[@]}" purchases.features then \
		classify -q "${classify[@]}" -m model.json
	printf '%s\n' "$output" >chain.out
	equal '0 0 0' "${status[*]}"
	same_bytes pipe.out chain.out
	equal "$(sort pipe.err)" "$(sort <<<"$stderr")"
}

same_bytes() {
	cmp "$1" "$2" && return
	diff <(cut -c 1-400 "$1") <(cut -c 1-400 "$2") | head -n 20
	return 1
}

@test "purchases, some invalid, some no JSON" {
	replay=() features=() classify=()
	same purchases.jsonl
	equal 5000 "$(wc -l <chain.out)"
	[ "$(grep -c '"INVALID_DATA"' chain.out)" -gt 50 ]
	[ "$(grep -c '"PARSE_ERROR"' chain.out)" -gt 50 ]
	[ "$(grep -c '"probability"' chain.out)" -gt 4000 ]
}

@test "lines of every kind" {
	replay=() features=() classify=()
	same nasty.jsonl
	for type in PARSE_ERROR INVALID_DATA RESERVED; do
		grep -q "\"$type\"" chain.out
	done
	# No object holds a member twice, and the last stage's are there.
	grep '"probability"' chain.out >scored
	[ "$(wc -l <scored)" -ge 8 ]
	run -1 grep -E '"(features|classification|model|probability)".*"(features)"' scored
}

@test "what one run wrote is another's input" {
	replay=() features=() classify=()
	same nasty.jsonl
	cp chain.out again.jsonl
	same again.jsonl
	cat purchases.jsonl nasty.jsonl again.jsonl >all.jsonl
	same all.jsonl
}

@test "lines over a limit, at the source and in the middle" {
	replay=(--max-line 10K) features=() classify=()
	same nasty.jsonl
	grep -q '"TOO_LONG"' chain.out
	# Added members carry a line over what the next stage takes.
	replay=() features=(--max-line 400) classify=(--max-line 300)
	same purchases.jsonl
	grep -q '"TOO_LONG".*"stage":"classify"' chain.out
}

@test "options that change the line" {
	replay=() features=() classify=(--nest purchase)
	same purchases.jsonl
	same nasty.jsonl
	classify=(--contributions -t 0.9)
	same purchases.jsonl
	same nasty.jsonl
}

@test "a stage that stops ends the chain as it ends the pipe" {
	for limit in --on-bad=stop '--max-errors 3' '--max-errors 1%'; do
		# shellcheck disable=SC2086
		sml-replay purchases.jsonl | sml-features $limit -q purchases.features 2>features.err |
			sml-classify -m model.json >pipe.out && status=("${PIPESTATUS[@]}") || status=("${PIPESTATUS[@]}")
		equal 3 "${status[1]}"
		# shellcheck disable=SC2086
		run -3 --separate-stderr sml replay purchases.jsonl then features $limit -q purchases.features then \
			classify -m model.json
		printf '%s\n' "$output" >chain.out
		same_bytes pipe.out chain.out
		equal "$(cat features.err)" "$stderr"
	done
}

@test "side outputs" {
	sml-replay purchases.jsonl | sml-features -q purchases.features | sml-classify -m model.json |
		sml-route HIGH_VALUE=3 'LATE_DATA=never.jsonl' error=4 'totalValue < 20=low.jsonl' \
			3>vip 4>bad >rest
	mv low.jsonl low
	sml replay purchases.jsonl then features -q purchases.features then classify -m model.json then \
		route HIGH_VALUE=3 'LATE_DATA=never.jsonl' error=4 'totalValue < 20=low.jsonl' \
		3>vip.chain 4>bad.chain >rest.chain
	mv low.jsonl low.chain
	for f in vip bad rest low; do
		[ -s $f ]
		same_bytes $f $f.chain
	done
	equal 5000 "$(cat vip bad rest low | wc -l)"
}

@test "route in the middle passes on what it sends to stdout" {
	sml-replay purchases.jsonl | sml-features -q purchases.features | sml-route error=bad '*=-' |
		sml-classify -m model.json >pipe.out
	sml replay purchases.jsonl then features -q purchases.features then route error=bad.chain '*=-' then \
		classify -m model.json >chain.out
	same_bytes pipe.out chain.out
	same_bytes bad bad.chain
}

@test "train at the end writes the same model" {
	sml-features -q purchases.features purchases.jsonl |
		sml-train -q -y label -x basket_size,total_value,user_history -m pipe.json >pipe.out 2>&1
	sml features -q purchases.features purchases.jsonl then \
		train -q -y label -x basket_size,total_value,user_history -m chain.json >chain.out 2>&1
	same_bytes pipe.json chain.json
	same_bytes <(sed s/pipe.json/chain.json/g pipe.out) chain.out
	same_bytes model.json chain.json
}

@test "a tool twice" {
	sml-features -q -d 'double = totalValue * 2' purchases.jsonl |
		sml-features -q -k userId -d 'n = count()' -d 'again = features.double' >pipe.out
	sml features -q -d 'double = totalValue * 2' purchases.jsonl then \
		features -q -k userId -d 'n = count()' -d 'again = features.double' >chain.out
	same_bytes pipe.out chain.out
	[[ $(tail -n 1 chain.out) == *'"again":'[0-9]* ]]
}

@test "values that print as something else" {
	local definitions=(-d 'a = 0 / 5 * -1' -d 'b = x / 0' -d 'c = x * 1e300 * 1e300' -d 'd = 6 / 2' -d 'e = 1e21 * 1'
		-d 'f = 0.1 + 0.2' -d 'g = x' -d 'h = coalesce(nothing, "s\"\\")' -d 'i = bucket(7, [1, 5])' -d 'j = onehot(x, [1, 2])')
	printf '{"x":%s}\n' 1 1.0 -0 -0.0 1e2 9007199254740993 18446744073709551615 5e-324 0.30000000000000004 '"q\u0041\n"' null \
		'[1,[2]]' '{"k":1}' true >in
	local readers=(-d 'a = features.a == 0' -d 'a2 = features.a' -d 'b = features.b == null' -d 'd = features.d == 3'
		-d 'e = features.e' -d 'f = features.f' -d 'g = features.g == x' -d 'g2 = features.g' -d 'h = features.h')
	for try in 1 2; do
		sml-features -q "${definitions[@]}" in | sml-features -q "${readers[@]}" >pipe.out
		sml features -q "${definitions[@]}" in then features -q "${readers[@]}" >chain.out
		same_bytes pipe.out chain.out
		equal 14 "$(wc -l <chain.out)"
		definitions=(-d 'a = -x' -d 'b = min(x)' -d 'c = x' -d 'g = x')
		[ $try = 1 ] || break
	done
}

@test "input in small pieces" {
	sml features -q purchases.features purchases.jsonl then classify -m model.json >whole
	head -n 300 purchases.jsonl | perl -e '
		$| = 1; local $/; my $all = <STDIN>; my $seed = 7;
		while (length $all) { $seed = ($seed * 1103515245 + 12345) % 2147483648;
			print substr($all, 0, 1 + $seed % 997, ""); select undef, undef, undef, 0.0005 }' |
		sml features -q purchases.features then classify -m model.json >pieces
	# The first stage names its source.
	same_bytes <(head -n 300 whole | sed 's/"source":"purchases.jsonl"/"source":"stdin"/') pieces
}

@test "records leave at once" {
	mkfifo in out
	sml features -q -d 'y = x' then features -q -d 'z = features.y' <in >out 3>&- &
	stop_later $!
	exec 8>in 9<out
	for n in 1 2 3; do
		echo "{\"x\":$n}" >&8
		read -r -t 5 line <&9
		equal "{\"x\":$n,\"features\":{\"z\":$n}}" "$line"
	done
	exec 8>&- 9<&-
}

@test "a reader that closes ends the chain in silence" {
	run -0 --separate-stderr bash -c "yes '{\"x\":1}' | sml features -d 'y = x' then features -d 'z = x' | head -n 1"
	equal '' "$stderr"
	equal '{"x":1,"features":{"z":1}}' "$output"
}

@test "a word that is nearly then, before a tool, is a mistake; a file of that name is a file" {
	for word in than Then THEN thne the; do
		run -2 --separate-stderr sml features purchases.features purchases.jsonl $word classify -m model.json
		equal "sml: \"$word\": did you mean \"then\"? (see sml --help)" "$output$stderr"
		run -2 --separate-stderr sml features purchases.features purchases.jsonl $word clasify -m model.json
		equal "sml: \"$word\": did you mean \"then\"? (see sml --help)" "$output$stderr"
	done
	echo '{"x":1}' >than
	cp than features
	run -0 --separate-stderr sml features -d 'y = x' than features
	equal 2 "${#lines[@]}"
	run -0 --separate-stderr sml features -d 'y = x' than then features -d 'z = features.y'
	equal '{"x":1,"features":{"z":1}}' "$output"
	rm than
	run -1 --separate-stderr sml features -d 'y = x' than purchases.jsonl
	equal 'sml-features: than: No such file or directory' "$output$stderr"
}

@test "each stage has its own name, counts and files" {
	printf '{"x":1}\nnope\n{"x":"a"}\n{"x":2,"s":"b"}\n' >in
	run -0 --separate-stderr sml features -v -d 'y = x + 0' --metrics a.prom in then \
		features -d 'z = s + 1' --metrics b.prom
	[[ $stderr == *'sml-features: 2 of 4 lines are error records (first: in:2: '* ]]
	[[ $stderr == *'sml-features: 1 of 4 lines is an error record (first: stdin:4: '* ]]
	grep -qxF 'sml_features_records_total{stage="features"} 4' a.prom
	grep -qxF 'sml_features_errors_passed_total{stage="features"} 2' b.prom
}
