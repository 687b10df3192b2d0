#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Streams that meet in sml-features: join, and lookup from rows of the stream.
# shellcheck disable=SC2154 # $output and $stderr are of bats

load helper

export SOURCE_DATE_EPOCH=0
ORACLE=$SML_ROOT/test/helper/join-oracle.py

# spec LINE...: into x.features
spec() {
	printf '%s\n' "$@" >x.features
}

# pairs FILE: per line the event's number, its partner's and the row's, as the oracle writes them
pairs() {
	sed -E 's/.*"features":\{"event":([0-9]+),"partner":([0-9a-z]+),"row":([0-9a-z]+),.*/[\1, \2, \3]/' "$1"
}

JOIN='join outcome on order = of within 1h where kind == "outcome"'

@test "a partner earlier, later, twice, never: as computed from lists, in one run, in two, line by line" {
	# Seed, events, how late they may be in ms, within, hold.
	for run in '1 300 0 3000 0' '2 400 2000 3000 0' '3 400 2000 3000 2000' '4 400 9000 1000 4000' '5 400 9000 1000 0' '6 400 100 60000 100'; do
		# shellcheck disable=SC2086
		python3 "$ORACLE" $run
		sml-features -q join.features join.jsonl >out
		same_file join.expected <(pairs out)
		rm -f p
		head -n 77 join.jsonl | sml-features -q --state p join.features >two
		sml-features --state p --dump-state >>dump
		tail -n +78 join.jsonl | sml-features -q --final --state p join.features >>two
		same_file out two
		while IFS= read -r line; do printf '%s\n' "$line"; done <join.jsonl | sml-features -q join.features >lines
		same_file out lines
		# The text of a row is its own, also when a later record of the batch replaces the row.
		[ "$(grep -o '"row":[0-9]*,"text":"row [0-9]*' out | awk -F '[:, ]' '$2 != $(NF)' | wc -l)" = 0 ]
	done
	grep -q '^{"join":"outcome on order = of within .* where kind == ' dump
	grep -q '^{"rows":"thing from rows where .* on item: i, text","key":7,"values":\[[0-9]*,"row ' dump
}

@test "DuckDB's range join finds the same partners" {
	sml-features -q "$SML_ROOT/test/fixtures/joins.features" "$SML_ROOT/test/fixtures/joins.jsonl" >out
	jq -S -s 'map({key: (.i | tostring), value: .features.outcome_i}) | from_entries' out >got
	same_file <(jq -S . "$SML_ROOT/test/fixtures/joins.expected.json") got
	[ "$(jq 'map(select(. != null)) | length' got)" -gt 150 ]
	[ "$(jq 'map(select(. == null)) | length' got)" -gt 50 ]
}

@test "what leaves: the record, its partner under the name, the features; partners and rows leave nothing" {
	spec 'key user' 'time t' "$JOIN" 'good = outcome.good' 'n = count() over 1h'
	cat >in <<-'E'
		{"user":"a","t":1000,"order":1}
		{"kind":"outcome","t":2000,"of":1,"good":true}
		{"user":"a","t":3000,"order":2,"outcome":"mine"}
	E
	run -0 --separate-stderr sml-features --metrics m x.features in
	equal '{"user":"a","t":1000,"order":1,"outcome":{"kind":"outcome","t":2000,"of":1,"good":true},"features":{"good":true,"n":1}}
{"user":"a","t":3000,"order":2,"outcome":null,"features":{"good":null,"n":2}}' "$output"
	equal '' "$stderr"
	grep -q '^sml_features_join_matched_total{.*join="outcome"} 1$' m
	grep -q '^sml_features_join_unmatched_total{.*join="outcome"} 1$' m
	# In a chain the next stage sees the partner as a member.
	equal '{"amount":true}' "$(sml features -q x.features in 'then' features -q -d 'amount = outcome.good' | sed -n '1s/.*"features"://; 1s/}$//p')"
	run -0 --separate-stderr sml-features -v x.features in
	[[ $stderr == *' 1  records with a partner (join outcome)'* ]]
	run -0 --separate-stderr sml-features --explain x.features
	[[ $output == *'join     outcome on order = of within 1h where kind == "outcome"'* ]]
}

@test "a partner that many wait for, held itself, in two joins and a row besides" {
	spec 'time t' 'hold 1s' 'join a on k within 1h where is_a' 'join b on k within 1h where is_b' 'lookup r from rows where is_a on k' \
		'x = a.x' 'y = b.y' 'z = r.x'
	{
		for i in $(seq 100); do echo "{\"t\":$i,\"k\":1,\"pad\":\"$(printf 'p%.0s' {1..200})\"}"; done
		echo '{"t":2000,"k":1,"is_a":true,"is_b":true,"x":7,"y":8}'
		echo '{"t":2000,"k":{},"is_b":true}'
		echo '{"t":2001,"k":1}'
	} >in
	sml-features -q x.features in >out
	equal '    100 "features":{"x":7,"y":8,"z":null}}
      1 "features":{"x":7,"y":8,"z":7}}' "$(grep -o '"features":.*' out | sort | uniq -c | sort -rn)"
	equal 1 "$(grep -c '^{"errorType":"INVALID_DATA","errorMessage":"join b: the partner.s key is an object' out)"
}

@test "how long a record waits: until the watermark is beyond its time and the duration" {
	spec 'time t' 'join p on k within 10s where is_p' 'x = p.x'
	cat >in <<-'E'
		{"t":0,"k":1}
		{"t":1,"k":2}
		{"t":10000,"k":3}
		{"t":10000,"k":1,"is_p":true,"x":1}
		{"t":10002,"k":4}
		{"t":10001,"k":2,"is_p":true,"x":2}
	E
	equal '1 1
2 null
3 null
4 null' "$(sml-features -q x.features in | sed -E 's/.*"k":([0-9]),.*"x":([0-9a-z]+)\}\}/\1 \2/' )"
	# What waits is in the state, and not lost.
	sml-features -q --state s x.features in >one
	equal 2 "$(wc -l <one)"
	echo '{"t":10003,"k":4,"is_p":true,"x":4}' | sml-features -q --state s --final x.features | sed -E 's/.*"k":([0-9]),.*"x":([0-9a-z]+)\}\}/\1 \2/' >two
	equal '4 4
3 null' "$(cat two)"
}

@test "join and windows: a window waits for the records that wait" {
	spec 'time t' 'emit windows' 'join p on k within 10s where is_p' 'n = count() over tumbling 5s' 'good = sum(p.x) over tumbling 5s'
	cat >in <<-'E'
		{"t":1000,"k":1}
		{"t":2000,"k":2}
		{"t":9000,"k":9}
		{"t":11000,"k":1,"is_p":true,"x":7}
		{"t":40000,"k":5}
	E
	equal '{"key":null,"window":{"start":0,"end":5000},"features":{"n":2,"good":7}}
{"key":null,"window":{"start":5000,"end":10000},"features":{"n":1,"good":0}}
{"key":null,"window":{"start":40000,"end":45000},"features":{"n":1,"good":0}}' "$(sml-features -q x.features in)"
}

@test "join and windows: what has its partner at once leaves no earlier window empty" {
	python3 - <<-'E'
		import json, random
		from collections import Counter
		r, events, good, n = random.Random(7), [], Counter(), Counter()
		for i in range(600):
		    t = 100 * i + r.randrange(100)
		    key, waits = r.choice("ab"), r.choice([None, 10, 900, 9999, 30000])
		    events.append((t, {"t": t, "k": i, "key": key}))
		    if waits is not None:
		        events.append((t + waits, {"t": t + waits, "k": i, "is_p": True}))
		    for size, step in (5000, 5000), (6000, 2000):
		        for start in range(t // step * step + step - size, t + 1, step):
		            n[start, start + size, key] += 1
		            good[start, start + size, key] += waits is not None and waits <= 10000
		with open("in", "w") as f:
		    f.writelines(json.dumps(e) + "\n" for _, e in sorted(events, key=lambda x: x[0]))
		with open("expected", "w") as f:
		    f.writelines(f"{key} {start} {end} {n[start, end, key]} {good[start, end, key]}\n" for start, end, key in sorted(n))
	E
	spec 'key key' 'time t' 'emit windows' 'join p on k within 10s where is_p' \
		'n = count() over tumbling 5s' 'good = count() over tumbling 5s where p.t != null' \
		'n2 = count() over 6s every 2s' 'good2 = count() over 6s every 2s where p.t != null'
	sml-features -q x.features in >out
	same_file expected <(sed -E 's/[^:]*:"(.)".*"start":(-?[0-9]+),"end":([0-9]+).*"n2?":([0-9]+),"good2?":([0-9]+).*/\1 \2 \3 \4 \5/' out |
		sort -k2,2n -k3,3n -k1,1)
}

@test "delayed labels by a join train the model that labels at hand would" {
	purchases -n 3000 --seed 5 --users 50 >all.jsonl
	python3 - <<-'E'
		import json
		events, labels = open("events.jsonl", "w"), []
		for i, line in enumerate(open("all.jsonl")):
		    record = json.loads(line)
		    label = record.pop("label")
		    record["id"] = i
		    events.write(json.dumps(record) + "\n")
		    labels.append({"is_label": True, "of": i, "label": label, "timestamp": record["timestamp"] + 1000 * (i * 7919 % 600)})
		labels.sort(key=lambda l: l["timestamp"])
		open("labels.jsonl", "w").writelines(json.dumps(l) + "\n" for l in labels)
	E
	sml-features -q "$SML_ROOT/data/purchases.features" all.jsonl >direct.jsonl
	sml-train -q -y label -m direct.json direct.jsonl
	# Features as of the event, then its label whenever that comes.
	sml-features -q "$SML_ROOT/data/purchases.features" events.jsonl >scored.jsonl
	names=$(sed -n 's/^\([a-z_]*\) *=.*/\1/p' "$SML_ROOT/data/purchases.features")
	{ echo 'join outcome on id = of within 15m where is_label' && for name in $names; do echo "$name = features.$name"; done; } >late.features
	sml-replay -q --merge scored.jsonl labels.jsonl | sml-features -q late.features >late.jsonl
	equal "$(grep -c '"features"' direct.jsonl)" "$(grep -c '"outcome":{' late.jsonl)"
	sml-train -q -y outcome.label -m late.json late.jsonl
	python3 - <<-'E'
		import json
		a, b = json.load(open("direct.json")), json.load(open("late.json"))
		assert abs(a["bias"] - b["bias"]) < 1e-9
		assert [f["name"] for f in a["features"]] == [f["name"] for f in b["features"]]
		assert all(abs(x["weight"] - y["weight"]) < 1e-9 for x, y in zip(a["features"], b["features"]))
	E
}

@test "a catalogue as rows of the stream: newest per key, and with required an error record" {
	spec 'lookup item from rows where kind == "item" on itemId' 'price = item.price' 'tags = item.tags[*]' 'total = item.price * count'
	cat >in <<-'E'
		{"itemId":1,"count":2}
		{"kind":"item","itemId":1,"price":10,"tags":["a","b"]}
		{"itemId":1,"count":2}
		{"kind":"item","itemId":1.0,"price":11}
		{"itemId":1,"count":2}
		{"itemId":"1","count":2}
		{"kind":"item","itemId":null}
	E
	run -0 --separate-stderr sml-features -q --metrics m x.features in
	equal '{"price":null,"tags":null,"total":null}
{"price":10,"tags":["a","b"],"total":20}
{"price":11,"tags":null,"total":22}
{"price":null,"tags":null,"total":null}' "$(grep -o '"features":.*' <<<"$output" | sed 's/^"features"://; s/}$//')"
	[[ $output == *'"errorType":"INVALID_DATA","errorMessage":"lookup item: itemId is null: a row'"'"'s key is a string, a number or a boolean"'* ]]
	grep -q '^sml_features_lookup_rows{.*lookup="item"} 1$' m
	spec 'lookup item from rows where kind == "item" on itemId required' 'price = item.price'
	run -0 --separate-stderr sml-features -q x.features in
	[[ ${lines[0]} == *'"errorType":"MISSING_FEATURE","errorMessage":"lookup item: no row in the stream: itemId is 1"'* ]]
}

@test "a row that is late, ahead of time or without a valid time is an error record where records are held, and changes nothing" {
	cat >in <<-'E'
		{"t":10000,"id":1,"kind":"item","price":5}
		{"t":1,"id":1,"kind":"item","price":7}
		{"t":90000000,"id":1,"kind":"item","price":8}
		{"t":"soon","id":1,"kind":"item","price":9}
		{"t":10500,"id":1}
	E
	spec 'time t' 'late 0s error' 'ahead 1h' 'hold 1s' 'lookup item from rows where kind == "item" on id' 'price = item.price'
	run -0 --separate-stderr sml-features -q x.features in
	equal 'LATE_DATA INVALID_DATA INVALID_DATA "features":{"price":5}' \
		"$(grep -oE '(LATE|INVALID)_DATA|"features":.[^}]*}' <<<"$output" | paste -sd' ')"
	# The same rows are partners besides: one without a time is neither.
	spec 'time t' 'lookup item from rows where kind == "item" on id' 'join p on id within 1s where kind == "item"' 'price = item.price'
	run -0 --separate-stderr sml-features -q x.features in
	[[ $output == *'time t is a string, not a time in ms'* ]]
}

@test "mistakes in join and lookup from rows are pointed at" {
	wrong() {
		spec "$1" 'n = count()'
		run -2 --separate-stderr sml-features --check x.features
		equal "sml-features: x.features:1:$2" "$(head -n 1 <<<"$stderr")"
	}
	local form='join NAME on PATH [= PATH] within DURATION where CONDITION'
	wrong 'join' "5: a name should stand here: $form"
	wrong 'join p' "7: on PATH should stand here: $form"
	wrong 'join p on' "10: a path should stand here: $form"
	wrong 'join p on k' "12: within DURATION should stand here: $form"
	wrong 'join p on k within' "19: a duration should stand here: $form"
	wrong 'join p on k within 5 where x' '20: "5" is not a duration: 250ms 30s 10m 1h30m 7d'
	wrong 'join p on k within 0s where x' '20: a duration above 0 should stand here'
	wrong 'join p on k within 1h' "22: where CONDITION should stand here: $form"
	wrong 'join p on k within 1h where' "28: a condition should stand here: $form"
	wrong 'join p on k within 1h where x + 1' '31: this is a number, a condition is true or false'
	wrong 'join p on k within 1h where count() > 1' '29: unknown function "count": see sml-expr(7)'
	wrong 'join p on k[*] within 1h where x' '11: [*] stands for many values, here must be one'
	wrong 'join and on k within 1h where x' '6: "and" is a word of the language and no name for a join'
	wrong 'join features on k within 1h where x' '6: "features" is a member of its own: give the join another name'
	wrong 'lookup p from rows on k' '20: where CONDITION should stand here: lookup NAME from rows where CONDITION on PATH [= PATH] [required]'
	wrong 'lookup p from rows where x' '27: on PATH should stand here: lookup NAME from rows where CONDITION on PATH [= PATH] [required]'
	spec 'join p on k within 1h where x' 'join p on j within 1h where y' 'n = count()'
	run -2 --separate-stderr sml-features --check x.features
	[[ $stderr == *'x.features:2:6: join "p" stands twice (first in x.features:1)'* ]]
	# A condition that is no boolean for a record, a partner without a key.
	spec 'time t' "$JOIN" 'lookup item from rows where flag on id' 'n = item.x'
	run -0 --separate-stderr sml-features -q x.features <<<'{"t":1,"flag":3}
{"t":1,"kind":"outcome"}'
	[[ ${lines[0]} == *'"errorMessage":"lookup item: flag is a number (3), a condition needs a boolean"'* ]]
	[[ ${lines[1]} == *'"errorMessage":"join outcome: the partner'"'"'s key is missing: a key is a string, a number or a boolean"'* ]]
}
