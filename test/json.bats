#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# JSON after RFC 8259: what is taken, what is refused, what is left open, in the module and through every tool; names that repeat
# or are spelt with escapes.  The texts are data: test/json.
# shellcheck disable=SC1010,SC2154 # "then" is a word of sml; $output and $stderr are of bats
load helper

setup() {
	common_setup
	export SOURCE_DATE_EPOCH=1700000000 PYTHONDONTWRITEBYTECODE=1
	set -o pipefail
}

check() {
	run -0 python3 "$SML_ROOT/test/json/check.py" "$@"
	echo "$output"
	[[ ${lines[-1]} == *" looked at, 0 wrong" ]]
}

@test "the module takes and refuses what RFC 8259 does, with the byte, whole, by path and by span" {
	check module
}

@test "the same for texts cut at every byte, and changed" {
	check mutated
}

@test "every tool lets accepted texts pass and gives refused ones back" {
	check tools
}

@test "what RFC 8259 leaves open is as sml-record(5) says" {
	check open
	check page
}

# ---- names that repeat, names with escapes ----

# twice COUNT: `plain`, purchases that are valid, and `again`, which say the same in members that repeat
twice() {
	purchases -n "$1" --seed 5 --users 20 | jq -c '. + {nested: {user: {id: .userId}, at: .timestamp}, weight: (.basketSize / 2)}' >plain
	python3 "$SML_ROOT/test/json/repeat.py" <plain >again
	[ "$(wc -l <again)" = "$1" ]
	! cmp -s plain again
}

# same_records A B [MEMBER...]: line by line the same values; in B none of these members stands twice
same_records() {
	python3 - "$@" <<-'PY'
		import json, sys
		def once(pairs):
		    for name in sys.argv[3:]:
		        assert sum(key == name for key, _ in pairs) <= 1, (name, pairs)
		    return dict(pairs)
		a, b = (open(path, encoding="utf-8").read().splitlines() for path in sys.argv[1:3])
		assert len(a) == len(b) > 0, (len(a), len(b))
		for x, y in zip(a, b):
		    v, w = json.loads(x), json.loads(y, object_pairs_hook=once)
		    assert "_sml" not in v, x
		    assert v == w, (x, y)
	PY
}

@test "repeated names: keys, event time, expressions, aggregates" {
	twice 400
	cat >spec <<-'SPEC'
		key nested.user.id
		time nested.at
		require totalValue > 0
		n = count()
		spent = sum(totalValue)
		others = distinct(sessionId) by label
		gap = elapsed()
		kinds = unique(items[*].category)
		first_kind = items[0].category
		dearest = total(items[*].price)
		id = userId
		session = ["sessionId"]
		again = features
	SPEC
	sed -i '$d' spec
	sml-features -q spec plain >plain.out
	sml-features -q spec again >again.out
	same_records plain.out again.out features
	sml features -q spec again then route -q '*=-' >chain.out
	same_file again.out chain.out
	# Members that are there already, in both spellings, go.
	sed 's/^{/{"features":1,"f\\u0065atures":{"n":7},/; s/}$/,"featur\\u0065s":null}/' again >third
	sml-features -q spec third >third.out
	same_records plain.out third.out features
	run -1 grep -c 'featur\\u0065s' third.out
}

@test "repeated names: inputs of models, --nest, --contributions, --verify" {
	twice 400
	sml-features -q "$SML_ROOT/data/purchases.features" plain >plain.f
	python3 "$SML_ROOT/test/json/repeat.py" <plain.f >again.f
	for options in '' '--nest purchase' '--contributions' '--nest p --contributions' '--bands HIGH=0.5,LOW=0'; do
		# shellcheck disable=SC2086
		sml-classify -q -m "$SML_ROOT/data/model.json" $options plain.f >plain.out
		# shellcheck disable=SC2086
		sml-classify -q -m "$SML_ROOT/data/model.json" $options again.f >again.out
		same_records plain.out again.out classification probability model contributions
		# shellcheck disable=SC2086
		sml replay -q again.f then classify -q -m "$SML_ROOT/data/model.json" $options >chain.out
		same_file again.out chain.out
	done
	# Scored again: what is there is read, and replaced.
	sml-classify -q -m "$SML_ROOT/data/model.json" plain.f >scored
	python3 "$SML_ROOT/test/json/repeat.py" <scored >scored.again
	sml-classify -q -m "$SML_ROOT/data/model.json" --verify scored.again >again.out
	same_records scored again.out classification probability model
}

@test "repeated names: what sml-train learns, with inputs met and inputs named" {
	twice 400
	sml-features -q "$SML_ROOT/data/purchases.features" plain >plain.f
	python3 "$SML_ROOT/test/json/repeat.py" <plain.f >again.f
	# From the record's own members, from features, by name, with arrays and categories.
	for options in plain plain.f '-x totalValue,basketSize plain' '-x total_value,label=X,user_history plain.f' '--weight weight plain.f' \
		'--weight nested.at --missing error plain.f' '--kind linear -y features.total_value plain.f'; do
		# shellcheck disable=SC2086
		sml-train -q -y label -m a.json $options
		# shellcheck disable=SC2086
		sml-train -q -y label -m b.json ${options/plain/again}
		same_file a.json b.json
	done
	jq -c '{label: .label} + {features: {v: [.totalValue, .basketSize, 3], w: (.basketSize > 1)}}' plain >plain.v
	python3 "$SML_ROOT/test/json/repeat.py" <plain.v >again.v
	sml-train -q -y label -m a.json plain.v
	sml-train -q -y label -m b.json again.v
	same_file a.json b.json
	equal 'v[0] v[1] v[2] w' "$(jq -r '[.features[].name] | join(" ")' b.json)"
	sml-classify -q -m a.json plain.v >scored
	python3 "$SML_ROOT/test/json/repeat.py" <scored >scored.again
	equal "$(sml-train -y label --evaluate scored)" "$(sml-train -y label --evaluate scored.again)"
}

@test "repeated names: rules, --select, dates in paths, --until and --arrival" {
	twice 400
	for t in plain again; do
		sml-route -q 'totalValue > 100 and items[*].category != null=-' 'nested.user.id == "u1"=null' '*=-' <$t >$t.out
		sml-route -q --all 'basketSize in [1, 2]=small-'$t 'nested.at % 2 == 0=even-'$t '*=null' <$t
		mkdir $t.d
		sml-route -q -T nested.at --select userId,id=nested.user.id,t=nested.at,k="items[*].category",all=items[0].sku "*=$t.d/{date}-%H%M" <$t
		sml-replay -q --until 2024-07-03T07:25:00Z --arrival $t | jq -cS 'del(._in)' >$t.until
	done
	same_records plain.out again.out
	same_records small-plain small-again
	same_records even-plain even-again
	diff -r plain.d again.d
	[ "$(find plain.d -type f | wc -l)" -gt 1 ]
	same_file plain.until again.until
	[ "$(wc -l <plain.until)" -lt 400 ]
	# A label that repeats.
	sml-classify -q -m "$SML_ROOT/data/model.json" <(sml-features -q "$SML_ROOT/data/purchases.features" plain) >scored
	python3 "$SML_ROOT/test/json/repeat.py" <scored >scored.again
	sml-route -q HIGH_VALUE=- '*=null' <scored >a
	sml-route -q HIGH_VALUE=- '*=null' <scored.again >b
	same_records a b
}

@test "an object that a tool makes has no member twice" {
	echo '{"a":1,"b":{"a":2},"timestamp":1,"features":{"id":3}}' >in
	run -2 --separate-stderr sml-route --select a,b.a '*=-' <in
	equal 'sml-route: --select: "b.a": a second member of that name; NAME=PATH renames one' "$stderr"
	run -0 sml-route -q --select a,c=b.a '*=-' <in
	equal '{"a":1,"c":2}' "$output"
	run -2 --separate-stderr sml-features -q -k features.id -d 'emit features' -d 'n = count()' in
	printf 'key features.id\nemit features\nn = count()\n' >spec
	run -2 --separate-stderr sml-features spec in
	[[ $stderr == *'emit features: features.id: the member features is there already'* ]]
	run -2 --separate-stderr sml-classify -m "$SML_ROOT/data/model.json" --nest features in
}

@test "names on the command line are UTF-8" {
	echo '{"a":1,"basket_size":1,"total_value":3,"user_history":2}' >in
	run -2 --separate-stderr sml-route --select $'\xff=a' '*=-' <in
	run -2 --separate-stderr sml-features -d $'["\xff"] = 1' in
	run -2 --separate-stderr sml-features -d $'x = "\xff"' in
	run -2 --separate-stderr sml-classify -m "$SML_ROOT/data/model.json" --bands $'\xff=0' in
	equal 'sml-classify: --bands: a name is not UTF-8' "$stderr"
	run -2 --separate-stderr sml-classify -m "$SML_ROOT/data/model.json" --nest $'\xff' in
}
