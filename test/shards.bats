#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Shards without a broker, sml-checkpoint(7): wrong usage, and what a stage does with a stream that says of which partition it is.
# What they are for is in kafka-shards.bats.
# shellcheck disable=SC2154 # $output is of bats
load helper
load checkpoint

setup() {
	common_setup
	export SML_CHECKPOINT=$PWD/ck
}

# stream LINE...: of shard 0/2, with a barrier and an end; P:ID:KEY is a record of partition P
stream() {
	local item p id key last=''
	echo '{"_sml":"begin","v":1,"run":"aa","e":0,"shard":"0/2","generation":1,"via":"replay","st":{}'"${parts+,\"parts\":$parts}"'}'
	for item; do
		IFS=: read -r p id key <<<"$item"
		[ "$p" = "$last" ] || echo '{"_sml":"from","p":'"$p"'}'
		last=$p
		echo "{\"id\":$id,\"k\":\"$key\",\"timestamp\":$((id * 1000))}"
	done
	echo '{"_sml":"barrier","v":1,"run":"aa","e":1,"t":1,"last":true,"src":[],"via":"replay","st":{}}'
	echo '{"_sml":"end","run":"aa","e":1}'
}

counts() {
	sml-features -q --shard 0/2 -k k -d 'n = count()' "$@"
}

# part NAME PARTITIONS FILE: what FILE, a stage's output, has committed, as a member of `parts`
part() {
	grep '"barrier"' "$3" | jq -c --argjson p "$2" '{"'"$1"'": {p: $p, via: "replay,features", st: .st}}'
}

@test "a shard is I/N, of a checkpoint, of topics, and has all partitions that are its own" {
	local wrong
	for wrong in 3/3 0/0 1 x 1/2/3 -1/2 ' 0/2' 0x1/2 1/99999; do
		told 2 "\"$wrong\" is no shard" sml-replay --shard "$wrong" kafka:t
		told 2 "\$SML_SHARD: \"$wrong\" is no shard" env SML_SHARD="$wrong" sml-replay kafka:t
	done
	echo '{}' >file
	told 2 'file is no topic' sml-replay --shard 0/2 file
	told 2 'standard input is no topic' sml-replay --shard 0/2 <file
	told 2 'a shard reads the partitions that are its own' sml-replay --shard 0/2 -p 0 kafka:t
	told 2 'all stages of a process are of one shard' sml features --shard 0/2 -k k -d 'n = count()' 'then' route --shard 1/2 <file
	unset SML_CHECKPOINT
	told 2 'there is none (--checkpoint DIR)' sml-replay --shard 0/2 kafka:t
	SML_SHARD=7/2 run -0 sml-features -k k -d 'n = count()' file
}

@test "state is found by the key" {
	local spec
	for spec in 'n = count() by city' $'key k\nn = count() by city' $'key k, city\nn = count() by k' 'n = count()'; do
		printf '%s\n' "$spec" >wrong.features
		told 2 'under --shard state is found by the key' sml-features --shard 0/2 --check wrong.features
	done
	printf '%s\n' 'key k' 'lookup a from rows where kind == "a" on city' 'x = a.x' >wrong.features
	told 2 'under --shard state is found by the key' sml-features --shard 0/2 --check wrong.features
	printf '%s\n' 'key k' 'join j on id within 1h where kind == "j"' 'x = j.x' >wrong.features
	told 2 'under --shard state is found by the key' sml-features --shard 0/2 --check wrong.features
	printf '%s\n' 'key k' 'n = count() by city, k' 'm = count()' >right.features
	run -0 sml-features --shard 0/2 --check right.features
	run -0 sml-features --shard 0/2 --check -d 'x = a + 1'
}

@test "all stages are of the same shard" {
	stream 0:1:a >in
	run -0 counts <in
	told 2 'the stream is of shard 0/2, and this stage is of no shard' sml-features -k k -d 'n = count()' <in
	told 2 'the stream is of shard 0/2, and this stage is of shard 1/2' sml-features --shard 1/2 -k k -d 'n = count()' <in
	sed -i 's/"shard":"0.2",//' in
	told 2 'the stream is not divided, and this stage is of shard 0/2' counts <in
}

@test "records go on with their partition, told where it changes" {
	stream 0:1:a 0:2:b 2:3:c 4:4:d 4:5:d 0:6:a >in
	run -0 counts <in
	equal "$(grep -v -e begin -e barrier in | jq -c .)" "$(grep -v -e begin -e barrier <<<"$output" | jq -c 'del(.features)')"
	# In order of time, held up to the end of the data.
	stream 0:9:a 2:5:b 0:3:a 4:4:c >in
	printf '%s\n' 'key k' 'hold 1h' 'n = count()' >held.features
	run -0 sml-features -q --shard 0/2 --final held.features <in
	equal '0 3 4 4 2 5 0 9' "$(grep -v -e begin -e barrier -e '_sml":"end"' <<<"$output" | jq .p,.id | grep -v null | paste -sd ' ')"
	printf '%s\n' 'key k' 'emit windows' 'n = count() over tumbling 1h' >windows.features
	run -0 sml-features -q --shard 0/2 --final windows.features <in
	equal '0 a 2 b 4 c' "$(grep -v -e begin -e barrier -e '_sml":"end"' <<<"$output" | jq -r .p,.key | grep -v null | paste -sd ' ')"
	# An error record is of one, too.
	(stream && echo) | sed '/barrier/i {"_sml":"from","p":6}\nnope' >in
	run -0 counts <in
	grep -A1 -xF '{"_sml":"from","p":6}' <<<"$output" | grep -q PARSE_ERROR
}

@test "a key that is met in two partitions ends the run, and nothing of it is kept" {
	printf '%s\n' 'key k' 'lookup a from rows where kind == "a" on k' 'n = count()' >rows.features
	printf '%s\n' 'key k' 'join j on k within 1h where kind == "j"' 'x = j.x' >joined.features
	stream 0:1:a 2:2:b 4:3:a >in
	told 2 'the key "a" came in partition 4, and its state is of partition 0' counts <in
	told 2 'the key "a" came in partition 4' sml-features --shard 0/2 -k k -d 'n = count() over tumbling 1h' -d 'm = sum(id) over last 3' <in
	told 2 'the key "a" came in partition 4' sml-features --shard 0/2 joined.features <in
	stream 0:1:a 2:2:b | sed '/from","p":2/,$!d; s/"k":"b"/"k":"a","kind":"a"/' >rest
	stream 0:1:a | grep -v -e barrier -e '_sml":"end"' | cat - rest >in
	sed 's/"kind":"a"/"kind":"j"/' in >partners
	told 2 'the key "a" came in partition 2' sml-features --shard 0/2 joined.features <partners
	# The row first, in another partition than the event.
	stream 2:1:a 0:2:a | sed '0,/"k":"a"/s//"k":"a","kind":"a"/' >in
	told 2 'the key "a" came in partition 0' sml-features --shard 0/2 rows.features <in
	# A record of which nobody says.
	stream 0:1:a | grep -v '"from"' >in
	told 2 'a record came without its partition' counts <in
}

@test "a stage takes those keys from the states of others whose partitions are its own" {
	stream 0:1:a 1:2:b 2:3:c 0:4:a >in
	run -0 counts <in
	echo "$output" >one
	stream 3:5:d 4:6:e 5:7:f 4:8:e >in
	run -0 counts <in
	echo "$output" >two
	parts=$(jq -cs add <(part 1.0 '[0,2]' one) <(part 1.1 '[4]' two))
	stream 0:9:a 2:10:c 4:11:e 6:12:b 8:13:d >in
	run -0 counts <in
	equal '3 2 3 1 1' "$(jq 'select(.features).features.n' <<<"$output" | paste -sd ' ')"
	# A part that cannot be read.
	parts=$(jq -c '.["1.1"].st.features.bytes |= .[0:40]' <<<"$parts")
	stream 0:9:a >in
	told 2 "the checkpoint's state of features" counts <in
}

@test "time goes on from where the one was that had come least far, and late stays late" {
	printf '%s\n' 'key k' 'late 0s error' 'n = count() over tumbling 1h' >late.features
	stage() {
		sml-features -q --shard 0/2 late.features
	}
	stream 0:100:a >in
	run -0 stage <in
	echo "$output" >one
	stream 2:50:b >in
	run -0 stage <in
	echo "$output" >two
	parts=$(jq -cs add <(part 1.0 '[0]' one) <(part 1.1 '[2]' two))
	stream 2:60:b 0:90:a 0:100:a 2:70:b 2:40:b 0:101:a 2:80:b >in
	run -0 stage <in
	equal '60 100 70 101' "$(jq 'select(.features).id' <<<"$output" | paste -sd ' ')"
	equal '90 40 80' "$(jq -r 'select(.errorType == "LATE_DATA").rawData | fromjson.id' <<<"$output" | paste -sd ' ')"
	# Also when the shard has committed and goes on by itself.
	echo "$output" >three
	parts=$(part 2.0 '[0,2]' three)
	stream 2:99:b 2:101:b >in
	run -0 stage <in
	equal '101' "$(jq 'select(.features).id' <<<"$output" | paste -sd ' ')"
}
