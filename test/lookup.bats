#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# sml-features: lookups, the rows of another file beside the stream.
# shellcheck disable=SC2154 # $output and $stderr are of bats

load helper

ORACLE=$SML_ROOT/test/helper/lookup-oracle.py
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

# rows LINE...: the file of the lookup, replaced as a whole
rows() {
	printf '%s\n' "$@" >a.new
	mv a.new a.jsonl
}

# ---- what is found ----

@test "rows are found as a dict of keys finds them, whatever keys and values are" {
	for run in '1 2000 3000' '2 300 2000' '3 60 500'; do
		# shellcheck disable=SC2086
		python3 "$ORACLE" $run
		sml-features -q lookup.features lookup.jsonl >out
		run -0 python3 "$ORACLE" --compare out
		echo "$output"
	done
	# In pieces, and in a chain, the same.
	sed 's/"lookup.jsonl"/"stdin"/' out >whole
	while IFS= read -r line; do printf '%s\n' "$line"; done <lookup.jsonl | sml-features -q lookup.features >lines
	same_file whole lines
	sml features -q lookup.features lookup.jsonl 'then' features -q -d 'n = features.a' >chain
	sml-features -q lookup.features lookup.jsonl | sml-features -q -d 'n = features.a' >pipe
	same_file pipe chain
}

@test "packed rows are rows; blank lines, CR LF, a byte order mark and a last line without LF" {
	printf '\xef\xbb\xbf{"u":1,"x":"one"}\r\n\r\n \t\n{"u":2,"x":"two"}' >a.jsonl
	spec 'lookup a from a.jsonl on u' 'x = a.x'
	printf '{"u":%s}\n' 2 1 3 >in
	expected=$'{"x":"two"}\n{"x":"one"}\n{"x":null}'
	equal "$expected" "$(features_of x.features in)"
	for pack in 'gzip zlib' 'zstd zstd'; do
		[[ $(sml-features --version) == *" ${pack#* }"* ]] && command -v "${pack% *}" >/dev/null || continue
		"${pack% *}" -q <a.jsonl >b
		sed 's/a.jsonl/b/' x.features >y.features
		equal "$expected" "$(features_of y.features in)"
		head -c 30 b >c && mv c b
		run -2 --separate-stderr sml-features y.features in
		[[ $stderr == 'sml-features: lookup a: b: the '*' data are cut short' ]]
	done
}

@test "the paths of event and row may differ; names may be odd" {
	mkdir 'a dir'
	echo '{"id":{"n":7},"v":[{"w":"deep"}],"e-mail":"x@y"}' >'a dir/#1.jsonl'
	spec 'lookup a from "a dir/#1.jsonl" on user["the id"][0] = id.n # who' 'w = a.v[0].w' 'm = a["e-mail"]' 'k = a.id.n'
	equal '{"w":"deep","m":"x@y","k":7}' "$(features_of x.features <<<'{"user":{"the id":[7]}}')"
	spec "lookup a from 'a dir/#1.jsonl' on u=id.n" 'w = a.v[0].w'
	equal '{"w":"deep"}' "$(features_of x.features <<<'{"u":7}')"
}

@test "a lookup holds in every line, and goes before members of the record" {
	rows '{"u":1,"x":5,"t":"row"}'
	spec 'require a.x > 4' 'y = a.x + x' 'z = y + a.x' 'g = sum(x) by a.t' 'n = count() where a.x == 5' 'h = if(a.t == "row", 1, 0)' \
		'lookup a from a.jsonl on u'
	equal '{"y":6,"z":11,"g":1,"n":1,"h":1}
{"y":7,"z":12,"g":3,"n":2,"h":1}' "$(features_of x.features <<<'{"u":1,"x":1,"a":{"x":100,"t":"member"}}
{"u":1.0,"x":2}')"
	# Two of them, on one member and on others.
	printf '%s\n' '{"c":"DE","vat":19}' '{"c":"FR","vat":20}' >b.jsonl
	spec 'key u' 'lookup a from a.jsonl on u' 'lookup b from b.jsonl on country = c' 'lookup c from a.jsonl on other = u' 'x = a.x' 'v = b.vat' 'w = c.x'
	equal '{"x":5,"v":20,"w":null}
{"x":null,"v":19,"w":5}' "$(features_of x.features <<<'{"u":1,"country":"FR","other":2}
{"u":2,"country":"DE","other":1}')"
}

@test "what a rule needs, and a number that no double holds, are named by the lookup" {
	rows '{"u":1,"x":5,"h":1e999,"s":"text"}'
	spec 'lookup a from a.jsonl on u' 'require a.x > 7' 'y = 1'
	equal 'INVALID_DATA require a.x > 7 failed: a.x is 5' "$(sml-features -q x.features <<<'{"u":1}' | jq -r '"\(.errorType) \(.errorMessage)"')"
	spec 'lookup a from a.jsonl on u' 'y = a.s + 1'
	equal 'feature y: a.s is a string ("text"), + needs a number' "$(sml-features -q x.features <<<'{"u":1}' | jq -r .errorMessage)"
	spec 'lookup a from a.jsonl on u' 'y = a.h'
	equal 'feature y: a.h is a number beyond the range of a double (1e999)' "$(sml-features -q x.features <<<'{"u":1}' | jq -r .errorMessage)"
}

# ---- what is not found ----

@test "a miss is null and counted; where a row is required, an error record" {
	rows '{"u":1,"x":5}'
	printf '{"u":%s}\n' 1 2 '"1"' null '{}' '[1]' 1e999 '"é and a text that is cut because it is quite a bit longer than a message"' >in
	echo '{}' >>in
	spec 'lookup a from a.jsonl on u' 'x = a.x'
	run -0 --separate-stderr sml-features -v --metrics m.prom x.features in
	equal '5 null null null null null null null null' "$(jq -r .features.x <<<"$output" | paste -sd ' ')"
	[[ $stderr == *' 1  rows found by lookup a'*' 8  rows missed by lookup a'* ]]
	equal 'sml_features_lookup_hits_total{stage="features",lookup="a"} 1
sml_features_lookup_misses_total{stage="features",lookup="a"} 8
sml_features_lookup_rows{stage="features",lookup="a"} 1
sml_features_lookup_files_loaded_total{stage="features",lookup="a"} 1
sml_features_lookup_files_refused_total{stage="features",lookup="a"} 0' "$(grep '^sml_features_lookup_' m.prom | grep -v bytes)"
	spec 'lookup a from a.jsonl on u required' 'x = a.x' 'n = count()'
	run -0 --separate-stderr sml-features -q x.features in
	equal '{"x":5,"n":1}' "$(jq -c 'select(.features) | .features' <<<"$output")"
	equal 'MISSING_FEATURE lookup a: no row in a.jsonl: u is 2
MISSING_FEATURE lookup a: no row in a.jsonl: u is "1"
MISSING_FEATURE lookup a: no row in a.jsonl: u is null
MISSING_FEATURE lookup a: no row in a.jsonl: u is an object
MISSING_FEATURE lookup a: no row in a.jsonl: u is an array
MISSING_FEATURE lookup a: no row in a.jsonl: u is a number beyond the range of a double
MISSING_FEATURE lookup a: no row in a.jsonl: u is "é and a text that is cut because it is quite a bit longer t"...
MISSING_FEATURE lookup a: no row in a.jsonl: u is missing' "$(jq -r 'select(.errorType) | "\(.errorType) \(.errorMessage)"' <<<"$output")"
	# A lookup that nothing reads is a list of those that may pass.
	spec 'lookup a from a.jsonl on u required' 'y = u'
	equal 1 "$(sml-features -q x.features in | grep -c '"features":')"
}

@test "keys of another type, members that no row has and a file without rows are told" {
	seq 100 | sed 's/.*/{"u":&}/' >in
	seq 100 | sed 's/.*/{"u":"&","x":1}/' >a.jsonl
	spec 'lookup a from a.jsonl on u' 'x = a.x'
	run -0 --separate-stderr sml-features x.features in
	equal 'sml-features: lookup a: none of 100 records has a row in a.jsonl: u is 1 in the first one, the file begins with "1"' "$stderr"
	run -0 --separate-stderr sml-features x.features <(head -n 99 in)
	equal '' "$stderr"
	rows '{"u":1,"x":null}' '{"u":2}'
	spec 'lookup a from a.jsonl on u' 'x = a.x + a.y' 'z = a.w.z[0]'
	run -0 --separate-stderr sml-features x.features in
	equal 'sml-features: lookup a: no row of a.jsonl has "y", "w.z[0]"' "$stderr"
	: >a.jsonl
	run -0 --separate-stderr sml-features x.features in
	equal 'sml-features: lookup a: a.jsonl has no rows' "$stderr"
	run -0 --separate-stderr sml-features -q x.features in
	equal '' "$stderr"
}

# ---- mistakes ----

@test "a mistake in a lookup line is shown with a caret" {
	form='lookup NAME from FILE on PATH [= PATH] [required]'
	# pointed COLUMN MESSAGE LINE...: the last line is wrong there
	pointed() {
		local column=$1 message=$2
		shift 2
		spec "$@" 'y = 1'
		refused "x.features:$#:$column: $message
${!#}
$(printf '%*s' $((column - 1)) '')^"
	}
	pointed 7 "a name should stand here: $form" 'lookup'
	pointed 8 "a name should stand here: $form" 'lookup 9 from x on y'
	pointed 8 '"not" is a word of the language and no name for a lookup' 'lookup not from x on y'
	pointed 9 "a lookup's name is made of letters, digits and _" 'lookup a-b from x on y'
	pointed 10 "from FILE should stand here: $form" 'lookup a form x on y'
	pointed 14 "a file should stand here: $form" 'lookup a from'
	pointed 15 'this string has no end: " is missing' 'lookup a from "x on y'
	pointed 18 "on PATH should stand here: $form" 'lookup a from "x"y on z'
	pointed 17 "on PATH should stand here: $form" 'lookup a from x in z'
	pointed 19 "a path should stand here: $form" 'lookup a from x on'
	pointed 21 "behind the path can stand required alone: $form" 'lookup a from x on y, z'
	pointed 22 "behind the path can stand required alone: $form" 'lookup a from x on y z'
	pointed 23 "a path should stand here: $form" 'lookup a from x on y == z'
	pointed 20 '[*] stands for many values, here must be one' 'lookup a from x on y[*]'
	pointed 24 '[*] stands for many values, here must be one' 'lookup a from x on y = z[*]'
	pointed 31 'nothing can stand behind required' 'lookup a from x on y required z'
	pointed 15 'the events come from stdin: a lookup names a file' 'lookup a from - on y'
	pointed 15 "a file's name is not empty" 'lookup a from "" on y'
	pointed 15 "the name of a file should stand here: $form" 'lookup a from "a\u0000b" on y'
	pointed 20 'where CONDITION should stand here: lookup NAME from rows where CONDITION on PATH [= PATH] [required]' 'lookup a from rows on y'
	pointed 15 'lookup from a store or server is not in this version: name a file' 'lookup a from redis://h/0/a:{u} on y'
	pointed 8 'lookup "a" stands twice (first in x.features:1)' 'lookup a from x on y' 'lookup a from z on y'
	pointed 1 '"a" is the lookup of x.features:1, and no name for a feature' 'lookup a from x on y' 'a = 1'
	pointed 20 '"b" is a lookup, here must be a member of the record' 'lookup b from x on y' 'lookup a from x on b.y'
	pointed 5 '"a" is a lookup, here must be a member of the record' 'lookup a from x on y' 'key a.b'
	pointed 6 '"a" is a lookup, here must be a member of the record' 'lookup a from x on y' 'time a.t'
	pointed 5 '"a" is a row of x: a.MEMBER is a value of it, null where there is no row' 'lookup a from x on y' 'z = a'
	pointed 5 'a row of the lookup "a" is an object: a.MEMBER is a value of it' 'lookup a from x on y' 'z = a[0]'
	pointed 5 'a.b[*].c is an array, + needs a number' 'lookup a from x on y' 'z = a.b[*].c + 1'
	run -2 --separate-stderr sml-features -d 'lookup a from x on y' --check
	[[ $stderr == 'sml-features: -d:'*'a definition is NAME = EXPRESSION'* ]]
}

@test "a file that is missing or broken ends the start with 2, also of --check, and says where" {
	spec 'lookup a from a.jsonl on u.v' 'x = a.x'
	refused 'lookup a: a.jsonl: No such file or directory'
	run -2 --separate-stderr sml-features x.features <<<'{}'
	equal '' "$output"
	equal 'sml-features: lookup a: a.jsonl: No such file or directory' "$stderr"
	mkdir a.jsonl
	refused 'lookup a: a.jsonl: is a directory'
	rmdir a.jsonl
	mkfifo a.jsonl
	refused 'lookup a: a.jsonl: is no regular file'
	# broken LINE MESSAGE: behind a good line and a blank one
	broken() {
		rm -f a.jsonl
		printf '%s\n' '{"u":{"v":1}}' '' "$1" '{"u":{"v":2}}' >a.jsonl
		refused "lookup a: a.jsonl:3: $2"
	}
	broken '!' 'not JSON at byte 1: unexpected character, expected a valid root value'
	broken '{"u":{"v":1},}' 'not JSON at byte 13: trailing comma is not allowed'
	broken '[1]' 'not JSON at byte 1: not an object'
	broken '{"u":1}' "u.v is missing: a row's key is a string, a number or a boolean"
	broken '{"u":{"v":null}}' "u.v is null: a row's key is a string, a number or a boolean"
	broken '{"u":{"v":[1]}}' "u.v is an array: a row's key is a string, a number or a boolean"
	broken '{"u":{"v":1e999}}' "u.v is a number beyond the range of a double: a row's key is a string, a number or a boolean"
	# What is too long is not gathered, wherever its line ends.
	for tail in '' '\n' '\n{}\n'; do
		{ printf '{"u":{"v":1}}\n{"u":"' && head -c 3000000 /dev/zero | tr '\0' x && printf '"}%b' "$tail"; } >a.jsonl
		run -2 --separate-stderr sml-features --max-line 1M --check x.features
		equal 'sml-features: lookup a: a.jsonl:2: longer than 1,048,576 bytes (--max-line)' "$stderr"
	done
}

# ---- the file is replaced ----

# values: of the events so far, each new value once
values() {
	jq -c '.features.x // .errorType' out 2>/dev/null | uniq | paste -sd ' '
}

saw() {
	echo '{"u":1}' >&7
	sleep 0.02
	[ "$(values)" = "$1" ]
}

@test "the rows are replaced while running; a broken file is told once, and the old rows go on" {
	rows '{"u":1,"x":1}'
	spec 'lookup a from a.jsonl on u' 'x = a.x'
	mkfifo pipe
	sml-features -v --metrics m.prom x.features <pipe >out 2>err 3>&- &
	stop_later $!
	exec 7>pipe
	wait_for 5 saw 1
	rows '{"u":1,"x":2}' '{"u":2,"x":2}'
	wait_for 5 saw '1 2'
	rows '{"u":1,"x":3}' 'broken'
	wait_for 5 grep -q 'not JSON' err
	sleep 1.2
	saw '1 2'
	wait_for 5 grep -q '^sml_features_lookup_files_refused_total{.*} 1$' m.prom
	rows '{"u":1,"x":4}'
	wait_for 5 saw '1 2 4'
	# Gone, and there again.
	mv a.jsonl b.jsonl
	wait_for 5 grep -q 'No such file' err
	sleep 1.2
	saw '1 2 4'
	rows '{"u":2,"x":5}'
	wait_for 5 saw '1 2 4 null'
	# Written to in place.
	echo '{"u":1,"x":6}' >>a.jsonl
	wait_for 5 saw '1 2 4 null 6'
	wait_for 5 grep -q '^sml_features_lookup_files_loaded_total{.*} 5$' m.prom
	exec 7>&-
	wait
	equal 'sml-features: lookup a: a.jsonl:2: not JSON at byte 1: unexpected character, expected a valid root value; the rows from before go on
sml-features: lookup a: a.jsonl: No such file or directory; the rows from before go on' "$(grep 'go on' err)"
	equal 5 "$(grep -cE 'rows? of a.jsonl in' err)"
}

@test "SIGHUP looks at once, and every stage of a chain does" {
	rows '{"u":1,"x":1}'
	spec 'lookup a from a.jsonl on u' 'x = a.x'
	mkfifo pipe
	sml features x.features 'then' features -q -d 'x = features.x' <pipe >out 2>err 3>&- &
	pid=$!
	stop_later $pid
	exec 7>pipe
	wait_for 5 saw 1
	for x in 2 3 4; do
		rows "{\"u\":1,\"x\":$x}"
		kill -HUP $pid
		wait_for 5 saw "$(seq $x | paste -sd ' ')"
	done
	exec 7>&-
	wait
	equal '' "$(cat err)"
}

@test "a file of many rows is read in pieces, and takes their place as a whole" {
	many() {
		seq 60000 | sed "s/.*/{\"u\":&,\"x\":$1,\"pad\":\"0123456789\"}/" >a.new
		mv a.new a.jsonl
	}
	many 1
	spec 'lookup a from a.jsonl on u' 'lookup b from a.jsonl on v = u' 'x = a.x'
	mkfifo pipe
	sml-features -v x.features <pipe >out 2>err 3>&- &
	stop_later $!
	exec 7>pipe
	wait_for 5 saw 1
	many 2
	# At all times every key has a row.
	ask() {
		printf '{"u":%s}\n' 1 60000 30000 >&7
		sleep 0.02
		[ "$(jq -c .features.x out | tail -n 1)" = 2 ]
	}
	wait_for 10 ask
	exec 7>&-
	wait
	equal '1 2' "$(values)"
}

# ---- what is kept ----

@test "--explain tells rows and bytes, which are fewer than twice the file's and 60 for each row" {
	rows '{"u":1,"x":1}' '{"u":2}'
	spec 'key k' 'lookup a from a.jsonl on u' 'lookup b from "a.jsonl" on ["a b"] = u required' 'x = a.x' 'n = sum(a.x) by b.x'
	run -0 --separate-stderr sml-features --explain x.features
	equal 'key      k
time     timestamp ms (nothing needs it)
emit     events
lookup   a from a.jsonl on u: 2 rows in N bytes
lookup   b from a.jsonl on ["a b"] = u required: 2 rows in N bytes

x = a.x
n = sum(a.x) by b.x' "$(sed '/^$/,/^$/!{/^state/,$d}; s/in [0-9,]* bytes/in N bytes/' <<<"$output" | sed '/^state/,$d' | sed '$d')"
	seq 100000 | awk '{ printf "{\"userId\":\"user-%d\",\"age\":%d,\"country\":\"DE\",\"score\":%.5f,\"tags\":[\"a\",\"b\"]}\n", $1, $1 % 80, $1 / 7 }' >big.jsonl
	spec 'lookup a from big.jsonl on userId' 'x = a.age' 'y = a.country' 'z = a.score' 't = a.tags' 'u = a.userId'
	run -0 --separate-stderr sml-features --explain x.features
	[[ $output =~ :\ 100,000\ rows\ in\ ([0-9,]+)\ bytes ]]
	[ "${BASH_REMATCH[1]//,/}" -lt $((2 * $(wc -c <big.jsonl) + 60 * 100000)) ]
}

@test "a state is of the lookup's relation, not of its file, and not of a member of that name" {
	rows '{"u":1,"x":5,"c":"DE"}'
	cp a.jsonl b.jsonl
	echo '{"u":1,"v":1,"a":{"x":7}}' >in
	spec 'key u' 'lookup a from a.jsonl on u' 's = sum(a.x)' 'd = a.c' 'n = count() by d where a.x > 1'
	equal '{"s":5,"d":"DE","n":1}' "$(features_of --state p x.features in)"
	# Another file, another name of a feature, another order.
	spec 'key u' 'e = a.c' 'm = count() by e where a.x > 1' 'lookup a from b.jsonl on u = u' 's = sum( a.x )'
	run -0 --separate-stderr sml-features --state p x.features in
	equal '' "$stderr"
	equal '{"e":"DE","m":2,"s":10}' "$(jq -c .features <<<"$output")"
	cp p was
	# Other rows for an event, and no rows at all.
	spec 'key u' 'lookup a from a.jsonl on v = u' 's = sum(a.x)'
	run -0 --separate-stderr sml-features --state p --state-out q x.features in
	equal 'sml-features: p: no state of sum(a.x): begins empty
sml-features: p: state of sum(a.x), count() by a.c where a.x > 1 is dropped: the spec no longer uses it' "$stderr"
	equal 5 "$(jq -c .features.s <<<"$output")"
	spec 'key u' 's = sum(a.x)'
	run -0 --separate-stderr sml-features --state p --state-out q x.features in
	equal 7 "$(jq -c .features.s <<<"$output")"
	cmp p was
	run -0 --separate-stderr sml-features --state p --dump-state
	equal '{"definition":"sum(a.x)","key":1,"state":{"n":2,"sum":10}}
{"definition":"count() by a.c where a.x > 1","key":"DE","state":{"n":2}}' "$(sort -r <<<"$output")"
}

@test "emit features takes key and time alone along" {
	rows '{"u":1,"x":5}'
	spec 'key u' 'lookup a from a.jsonl on u' 'x = a.x' 'emit features'
	equal '{"u":1,"timestamp":3,"features":{"x":5}}' "$(sml-features -q x.features <<<'{"u":1,"timestamp":3,"more":4}')"
}
