#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Whole systems on the sample data: click-through rates, pings of trucks that come late, card fraud, customers who leave, purchases in
# three classes, and models that are compared.  Recipes are in README.
# shellcheck disable=SC2016,SC2154 # $ in programs of jq; $output and $stderr are of bats

load helper

DATA=$SML_ROOT/data

# with_broker TOPIC:PARTITIONS
with_broker() {
	mock-broker --seconds 300 --topic "$1" >bootstrap </dev/null 3>&- &
	stop_later $!
	wait_for 10 test -s bootstrap
	KAFKA_BOOTSTRAP_SERVERS=$(cat bootstrap)
	export KAFKA_BOOTSTRAP_SERVERS
}

# alike EXPECTED GOT LEAST: files of as many JSON values, at least so many, equal as jq sees them
alike() {
	run -0 jq -n --slurpfile a "$1" --slurpfile b "$2" --argjson least "$3" \
		'[$a, $b] | transpose | map(select(.[0] != .[1])) | if ($a | length) >= $least and . == [] then empty else .[:5] end'
	equal '' "$output"
}

@test "the sample data are what their scripts make" {
	for name in sensors ads trucks cards customers; do
		python3 "$SML_ROOT/test/fixtures/$name.py" >got
		same_file "$DATA/$name.jsonl" got
	done
}

# ---- click-through rates ----

@test "click-through rates: as counted by hand, of what came before" {
	sml-features "$DATA/ads.features" "$DATA/ads.jsonl" | jq -c '.features | [.user_ctr_10m, .ad_ctr_30m, .last_ads, .seen_lately]' >got
	jq -s -c 'to_entries as $all | $all[] | . as {$key, value: $e} | [$all[:$key][].value] |
		(map(select(.userId == $e.userId and .timestamp > $e.timestamp - 600000))) as $user |
		(map(select(.adId == $e.adId and .timestamp > $e.timestamp - 1800000))) as $ad |
		(map(select(.userId == $e.userId and .kind == "impression").adId)[-5:]) as $last |
		def n($kind): map(select(.kind == $kind)) | length;
		[if ($user | n("impression")) > 0 then ($user | n("click")) / ($user | n("impression")) else null end,
			(($ad | n("click")) + 1) / (($ad | n("impression")) + 4),
			if $last == [] then null else $last end, ($last | index([$e.adId]) != null)]' "$DATA/ads.jsonl" >expected
	alike expected got 300
}

@test "click-through rates: no feature knows the label, nor a click that comes later" {
	sml-features "$DATA/ads.features" "$DATA/ads.jsonl" | jq -c .features >with
	jq -c 'del(.clicked)' "$DATA/ads.jsonl" | sml-features "$DATA/ads.features" | jq -c .features >without
	same_file with without
	# Without "exclude current" and with the label as a value the model knows what it is to find out.
	sml-features -k userId -d 'clicks = mean(if(clicked, 1, 0)) over last 1' "$DATA/ads.jsonl" |
		sml-train -q -y clicked -x clicks --require 'auc == 1' -m leaky.json
	sml-features -k userId -d 'clicks = mean(if(clicked, 1, 0)) over last 1 exclude current' "$DATA/ads.jsonl" |
		sml-train -q -y clicked -x clicks --require 'auc < 0.8' -m honest.json
}

@test "click-through rates: impressions are scored, from a file and from topic to topic the same bytes" {
	sml-features "$DATA/ads.features" "$DATA/ads.jsonl" |
		sml-train -q -y clicked -x user_ctr_10m,ad_ctr_30m,seen_lately,on_top --holdout 25% --require 'auc > 0.7 and loss < constant_loss' -m ctr.json
	# What comes live has no label.
	jq -c 'del(.clicked)' "$DATA/ads.jsonl" >live
	sml-features "$DATA/ads.features" live | sml-classify -m ctr.json | sml-route 'kind == "click"=null' >scored
	equal "$(grep -c impression live)" "$(grep -c '"probability":' scored)"
	# A partition has an order; several would need a hold.
	with_broker ad-events:1
	sml-route '*=kafka:ad-events' <live
	sml-replay -e kafka:ad-events | sml-features "$DATA/ads.features" | sml-classify -m ctr.json |
		sml-route 'kind == "click"=null' '*=kafka:ad-scores'
	sml-replay -e kafka:ad-scores | sort >sent
	sort scored >expected
	same_file expected sent
}

# ---- trucks ----

# lateness: of each ping behind the newest that came before it, ms
lateness() {
	jq -s 'foreach .[].timestamp as $t (0; [., $t] | max; . - $t)' "$DATA/trucks.jsonl"
}

# not_later MS: the pings that are not later than that
not_later() {
	lateness | paste - "$DATA/trucks.jsonl" | awk -F '\t' -v most="$1" '$1 <= most { print $2 }'
}

# in_order: pings by event time
in_order() {
	jq .timestamp "$DATA/trucks.jsonl" | paste - "$DATA/trucks.jsonl" | sort -s -n -k 1,1 | cut -f 2-
}

# means PATH PER-SECOND: of each ping the mean speed of its truck in five minutes by the time at PATH, as of that time
means() {
	jq -s -c --arg path "$1" --argjson width "$((300 * $2))" 'sort_by(.[$path]) | . as $all | to_entries[] | . as {$key, value: $e} |
		[$all[:$key + 1][] | select(.truckId == $e.truckId and .[$path] > $e[$path] - $width).speed] |
		[$e.truckId, $e.timestamp, (add / length * 1e6 | round)]'
}

# rows: of features the same
rows() {
	jq -c 'select(.features) | [.truckId, .timestamp, (.features.mean_speed * 1e6 | round)]'
}

# processing_time: trucks.features by when pings arrived
processing_time() {
	sed 's/^time .*/time _in us/; /^hold/d; /^late/d' "$DATA/trucks.features"
}

@test "trucks: held as long as they are late, pings from a tunnel give the bytes that pings in order give" {
	most=$(lateness | sort -n | tail -n 1)
	sed "s/^hold .*/hold ${most}ms/" "$DATA/trucks.features" >held.features
	in_order >sorted
	run ! cmp -s sorted "$DATA/trucks.jsonl"
	sml-features held.features sorted >expected
	sml-features held.features "$DATA/trucks.jsonl" >got 2>err
	same_file expected got
	[ ! -s err ]
	# In order they need no hold.
	grep -v '^hold' held.features >plain.features
	sml-features plain.features sorted >got
	same_file expected got
	# And a millisecond less is not enough.
	sed "s/^hold .*/hold $((most - 1))ms/" "$DATA/trucks.features" >held.features
	run -0 --separate-stderr sml-features held.features "$DATA/trucks.jsonl"
	[[ $stderr == *'1 late event, by up to 1ms: made error records'* ]]
}

@test "trucks: what is later than the hold is an error record, counted and told of" {
	late=$(lateness | awk '$1 > 300000' | wc -l)
	[ "$late" -ge 1 ]
	run -0 --separate-stderr sml-features --metrics m "$DATA/trucks.features" "$DATA/trucks.jsonl"
	equal "$late" "$(grep -c '"errorType":"LATE_DATA"' <<<"$output")"
	equal "$(lateness | awk '$1 > 300000 { print $1 - 300000 }')" "$(jq 'select(.errorType).latenessMs' <<<"$output")"
	grep -q "^sml_features_late_total{.*} $late\$" m
	[[ $stderr == *"$late late event, by up to "* ]]
}

@test "trucks: event time beside processing time, each as computed by hand, and far apart behind a tunnel" {
	# Of what is later than the hold, event time does not know.
	not_later 300000 >in-time
	sml-features "$DATA/trucks.features" in-time | rows >by-event
	means timestamp 1000 <in-time >expected
	alike expected by-event 300
	processing_time | sml-features -f - in-time | rows >by-arrival
	means _in 1000000 <in-time >expected
	alike expected by-arrival 300
	sort by-event >a
	sort by-arrival >b
	apart=$(jq -n --slurpfile a a --slurpfile b b '[$a, $b] | transpose | map((.[0][2] - .[1][2]) / 1e6 | if . < 0 then -. else . end | select(. > 10)) | length')
	[ "$apart" -gt 30 ]
}

@test "trucks: stamped with --arrival, processing time gives the same features whenever the record is read again" {
	sml-replay --arrival "$DATA/trucks.jsonl" >stamped
	jq -s -e '[.[]._in] | . == sort and .[0] > 1719993000000000' stamped
	processing_time >arrival.features
	sml-features arrival.features stamped >one
	sml-features arrival.features <stamped >two
	same_file one two
	# They came all at once.
	equal "$(jq -s 'map(select(.truckId == "t1")) | length' stamped)" "$(jq -s 'map(select(.truckId == "t1"))[-1].features.pings' one)"
}

@test "trucks: minutes as they end and as they were in the end" {
	run -0 --separate-stderr sml-features "$DATA/trucks-minute.features" "$DATA/trucks.jsonl"
	echo "$output" >minutes
	[ "$(grep -c '"revision":' minutes)" -gt 20 ]
	[[ $stderr == *': 1 late event, by up to '* ]]
	# The newest revision of each; the late one is in none.
	jq -s -c 'group_by(.window.start, .key)[][-1] | [.key, .window.start, .features.pings, .features.slowest]' minutes >got
	not_later 300000 | jq -s -c 'group_by((.timestamp / 60000 | floor), .truckId)[] |
		[.[0].truckId, (.[0].timestamp / 60000 | floor * 60000), length, (map(.speed) | min)]' >expected
	alike expected got 60
	# Held, each leaves once, and is the same.
	sed 's/^late .*/hold 5m/' "$DATA/trucks-minute.features" >held.features
	sml-features -q held.features "$DATA/trucks.jsonl" >held
	run -1 grep revision held
	jq -s -c 'sort_by(.window.start, .key)[] | [.key, .window.start, .features.pings, .features.slowest]' held >got
	alike expected got 60
}

@test "trucks: the time of arrival is learned, and better than from the speed so far" {
	sml-features -q "$DATA/trucks.features" "$DATA/trucks.jsonl" >features
	sml-train -q -y etaMinutes --kind linear -x remaining_km,mean_speed,minutes_so --holdout 25% --require 'r2 > 0.9' -m eta.json features
	learned=$(sml-classify -q -m eta.json features | sml-train -q -y etaMinutes --evaluate | jq .rmse)
	naive=$(jq -c 'select(.features) | .prediction = .features.minutes_so' features | sml-train -q -y etaMinutes --evaluate | jq .rmse)
	jq -n -e "$learned < $naive"
}

# ---- card fraud ----

@test "card fraud: as computed by hand, of each card's transactions" {
	sml-features -q "$DATA/cards.features" "$DATA/cards.jsonl" >features
	jq -c 'select(.features).features | [.spent_5m, .over_mean, .since_last | if . then (. * 1e6 | round) else null end] + [.count_5m, .countries_1h, .away]' features >got
	jq -s -c 'map(select((.amount | type) == "number" and .amount > 0)) | to_entries as $all | $all[] | . as {$key, value: $e} |
		def if_any(f): if . == [] then null else f end;
		def rounded: if . then (. * 1e6 | round) else null end;
		[$all[:$key][].value | select(.cardId == $e.cardId)] as $before | ($before + [$e]) as $card |
		($card | map(select(.timestamp > $e.timestamp - 300000).amount)) as $lately |
		[($lately | add), ($before | if_any($e.amount / (map(.amount) | add / length))),
			($before | if_any(($e.timestamp - .[-1].timestamp) / 1000)) | rounded] +
		[($lately | length), ($card | map(select(.timestamp > $e.timestamp - 3600000).country) | unique | length),
			($before | if_any($e.country != (to_entries | group_by(.value.country) | max_by([length, -.[0].key])[0].value.country)))]' \
		"$DATA/cards.jsonl" >expected
	alike expected got 450
	equal "$(jq -c 'select((.amount | type) != "number" or .amount <= 0)' "$DATA/cards.jsonl")" \
		"$(jq -r 'select(.errorType == "INVALID_DATA").rawData' features)"
}

@test "card fraud: no feature knows the label, and alerts are mostly right" {
	sml-features -q "$DATA/cards.features" "$DATA/cards.jsonl" >features
	jq -c 'del(.fraud)' "$DATA/cards.jsonl" | sml-features -q "$DATA/cards.features" | jq -c .features >without
	jq -c .features features >with
	same_file with without
	sml-train -q -y fraud --holdout 25% --require 'auc > 0.9 and loss < constant_loss' -m fraud.json features
	sml-classify -m fraud.json features | sml-route --all --select cardId,score=probability,eventTime=timestamp,fraud \
		'probability > 0.9=alerts' 'probability >= 0=scores' error=bad
	equal '498 2' "$(wc -l <scores) $(wc -l <bad)"
	jq -s -e 'length >= 25 and (map(select(.fraud)) | length) / length > 0.9' alerts
	equal "$(jq -c 'select(.score > 0.9)' scores)" "$(jq -c . alerts)"
}

# ---- customers who leave ----

@test "bands of risk go to three places, and those in between to two models: each customer once, by one of them, judged as scikit-learn would" {
	sml-features "$DATA/customers.features" "$DATA/customers.jsonl" >weeks
	sml-train -q -y churned -m churn.json weeks
	sml-train -q -y churned --kind tree --max-depth 3 -m rules.json weeks
	sml-classify -m churn.json --bands 'HIGH=0.5,MEDIUM=0.15,LOW=0' weeks | sml-route HIGH=3 LOW=4 3>high 4>low |
		sml-classify -m A=churn.json -m B=rules.json --split-by customerId >tested
	# By hand, from the scores of all.
	sml-classify -m churn.json weeks >all
	local from=1 to name
	for name in high:0.5 tested:0.15 low:0; do
		to=${name#*:} name=${name%:*}
		same_file <(jq -r --argjson from "$from" --argjson to "$to" 'select(.probability < $from and .probability >= $to) | [.customerId, .timestamp] | @tsv' all) \
			<(jq -r '[.customerId, .timestamp] | @tsv' "$name")
		[ "$(wc -l <"$name")" -gt 20 ]
		from=$to
	done
	equal 640 "$(cat high tested low | wc -l)"
	equal '' "$(jq -r '[.customerId, .variant] | @tsv' tested | sort -u | cut -f 1 | uniq -d)" 'customers of two variants'
	same_file <(jq -s -c '[.[] | select(.variant == "A")] | map([.customerId, .timestamp, .probability])[]' tested) \
		<(jq -c --slurpfile t tested 'select([.customerId, .timestamp] as $w | any($t[]; .variant == "A" and [.customerId, .timestamp] == $w)) |
			[.customerId, .timestamp, .probability]' all)
	# The log loss by its definition.
	sml-train -y churned --evaluate --by variant tested >judged
	for name in A B; do
		jq -s --arg v $name '[.[] | select(.variant == $v) | if .churned then .probability else 1 - .probability end | if . < 2.3e-16 then 2.3e-16 else . end | -log] | add / length' \
			tested >want
		jq -n --slurpfile want want --slurpfile judged judged --arg v $name -e '$judged[] | select(.by == $v) | .loss - $want[0] | fabs < 1e-9'
	done
	# What a path says holds of the record.
	sml-classify -m rules.json --contributions weeks >explained
	python3 - <<-'END'
		import json, re
		n = 0
		for line in open("explained"):
		    r = json.loads(line)
		    assert abs(sum(r["contributions"].values()) - r["probability"]) < 1e-12, r
		    for step in r["decision_path"]:
		        m = re.fullmatch(r"(\w+) (<=|>) (\S+)", step)
		        if not m:
		            assert step.endswith(" is missing") and r["features"][step.split()[0]] is None, step
		            continue
		        x = r["features"][m[1]]
		        assert (x <= float(m[3])) == (m[2] == "<="), (step, x)
		        n += 1
		assert n > 1000, n
	END
}

# ---- purchases in three classes ----

# tiers: features of the purchases and the tier to be learned, which follows from what is no input below
tiers() {
	sml-features -d 'tier = if(totalValue > 180, "HIGH", if(totalValue > 60, "MEDIUM", "LOW"))' \
		-f "$DATA/purchases.features" "$DATA/purchases.jsonl"
}

@test "purchases in three classes: learned, scored, and routed to three outputs" {
	tiers >features.jsonl
	for kind in softmax one-vs-rest; do
		sml-train -q -y features.tier --kind $kind -x basket_size,category_diversity,user_history --holdout 25% \
			--require 'auc > 0.75 and loss < constant_loss and accuracy > constant' -m $kind.json features.jsonl
		equal '["HIGH","LOW","MEDIUM"]' "$(jq -c .labels $kind.json)"
		sml-classify -m $kind.json features.jsonl |
			sml-route --truncate HIGH=3 MEDIUM=4 LOW=5 error=bad.jsonl 3>high.jsonl 4>medium.jsonl 5>low.jsonl >rest.jsonl
		# Every purchase is in one of them, under its own name, and the others are in none.
		equal "$(grep -c '"tier"' features.jsonl) 4 0" "$(cat high.jsonl medium.jsonl low.jsonl | wc -l) $(wc -l <bad.jsonl) $(wc -l <rest.jsonl)"
		for tier in high medium low; do
			[ -s $tier.jsonl ]
			equal "${tier^^}" "$(jq -r .classification $tier.jsonl | sort -u)"
		done
		# The largest probability is that of the class, and they add up to 1.
		run -0 jq -c '.classification as $c | select(([.probabilities[]] | add - 1 | fabs) > 1e-12 or .probability != .probabilities[$c] or
			.probability != ([.probabilities[]] | max))' high.jsonl medium.jsonl low.jsonl
		equal '' "$output"
		# By hand: margins of the file, and the formula of sml-model(5).
		jq -c --slurpfile m $kind.json '. as $r | $m[0] as $m
			| [range(3) as $k | $m.biases[$k] + ([$m.features[] | .weights[$k] * ($r.features[.name] - .mean) / .scale] | add)]
			| map(if $m.kind == "softmax" then exp else 1 / (1 + (-. | exp)) end) | add as $sum
			| [., [$m.labels[] | $r.probabilities[.]]] | transpose | map(.[0] / $sum - .[1] | fabs) | max < 1e-12' high.jsonl | sort -u >agree
		equal true "$(cat agree)"
		cat high.jsonl medium.jsonl low.jsonl | sml-train -y features.tier --evaluate --by userId --require 'auc > 0.75 and rows == 200' >figures
		equal "$(jq -r .userId high.jsonl medium.jsonl low.jsonl | sort -u | wc -l)" "$(grep -c '"by"' figures)"
	done
}

@test "purchases: a challenger in the shadow takes over when it is better, and a variant is judged by its own users" {
	sml-features "$DATA/purchases.features" "$DATA/purchases.jsonl" >features.jsonl
	head -n 150 features.jsonl | sml-train -q -y label -m good.json
	jq '.features |= map(.weight = -.weight)' good.json >bad.json
	gate() {	# CHALLENGER
		tail -n +151 features.jsonl | sml-classify -m "$DATA/model.json" --shadow "new=$1" |
			sml-train -q -y label --evaluate --require 'shadow.new.loss < loss and shadow.new.auc >= 0.8' >figures
	}
	gate good.json
	run -3 --separate-stderr gate bad.json
	[[ $stderr == *"does not hold: shadow.new.loss is "*", loss is "*", shadow.new.auc is "* ]]
	# Each variant's figures are those of its model on its users, and the shadow's those of its model on all.
	sml-classify -m A=good.json:50 -m B="$DATA/model.json":50 --split-by userId --shadow C=bad.json features.jsonl >scored
	sml-train -q -y label --positive HIGH_VALUE --evaluate --by variant scored >figures
	for variant in A:good.json B:"$DATA/model.json"; do
		jq -c --arg v "${variant%%:*}" 'select(.variant == $v) | del(.variant, .shadow, .probability, .classification, .model)' scored |
			sml-classify -m "${variant#*:}" | sml-train -q -y label --positive HIGH_VALUE --evaluate >alone
		equal "$(cat alone)" "$(jq -c --arg v "${variant%%:*}" 'select(.by == $v and .shadow == null) | del(.by)' figures)"
	done
	sml-classify -m bad.json features.jsonl | sml-train -q -y label --positive HIGH_VALUE --evaluate >alone
	equal "$(cat alone)" "$(jq -c 'select(.by == null and .shadow == "C") | del(.shadow)' figures)"
}
