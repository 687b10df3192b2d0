#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# sml-classify -j: several threads, and all that one of them would do.  What is expected is what -j 1 does.
# shellcheck disable=SC1010,SC2030,SC2031,SC2034,SC2154 # "then" is a word of sml; tests are subshells; $victim and $rule are of stage()
load helper
load checkpoint

setup() {
	common_setup
	model=$SML_ROOT/data/model.json
	export SOURCE_DATE_EPOCH=1700000000
}

# events N: records of which some bring scores, or lack inputs, or are none, or are too long for 600 bytes
events() {
	awk -v n="$1" 'BEGIN {
		srand(7)
		long = sprintf("%700s", "")
		gsub(/ /, "x", long)
		for (i = 1; i <= n; i++) {
			basket = int(rand() * 8)
			total = rand() * 300
			history = int(rand() * 20)
			if (i % 97 == 0) printf "{\"features\":{\"basket_size\":%d,\"user_history\":%d},\"i\":%d}\n", basket, history, i
			else if (i % 101 == 0) print "no record " i
			else if (i % 103 == 0) printf "{\"features\":{\"basket_size\":\"%d\",\"total_value\":1,\"user_history\":3}}\n", basket
			else if (i % 211 == 0) print "{\"features\":{\"basket_size\":1e308,\"total_value\":-1e308,\"user_history\":1e308}}"
			else if (i % 307 == 0) printf "{\"i\":%d,\"note\":\"%s\"}\n", i, long
			else if (i % 311 == 0) print ""
			else if (i % 313 == 0) print "{\"_sml\":\"hello\"}"
			else if (i % 317 == 0) print "{\"errorType\":\"LATE_DATA\",\"errorMessage\":\"m\",\"rawData\":\"{}\",\"timestamp\":1,\"stage\":\"features\",\"source\":\"stdin\",\"line\":7,\"_sml\":\"error\"}"
			else if (i % 331 == 0) printf "{\"basket_size\":%d,\"total_value\":%.3f,\"user_history\":%d,\"probability\":0.5}\r\n", basket, total, history
			else printf "{\"i\":%d,\"features\":{\"basket_size\":%d,\"total_value\":%.3f,\"user_history\":%d},\"who\":\"%c\"}\n", i, basket, total, history, 97 + i % 26
		}
	}'
}

# one_or_many OPTION...: sml-classify in one thread and in several: output, messages but for times, figures and status are the same;
# stdin is $piped on a pipe, if any
one_or_many() {
	local jobs
	for jobs in 1 2 3 8; do
		{ sml-classify -j "$jobs" -v -m "$model" --metrics m."$jobs" "$@" < <(cat "${piped-/dev/null}") >out."$jobs" 2>err."$jobs" && echo 0 || echo $?; } >status."$jobs"
		sed -E -i 's/, [0-9.]+ s, .*//' err."$jobs"
		sed -E -i '/_(seconds|latency)/d' m."$jobs"
		same_file status.1 status."$jobs"
		same_file out.1 out."$jobs"
		same_file err.1 err."$jobs"
		same_file m.1 m."$jobs"
	done
}

@test "threads make the same bytes, messages and figures, whatever the records and options" {
	events 20000 >in
	head -n 1 in >one
	sed 's/"weight":3.2/&,"missing":"mean"/' "$model" >mean.json
	one_or_many in
	[ "$(grep -c '"_sml":"error"' out.1)" -gt 500 ]
	one_or_many --max-line 600 in
	grep -q TOO_LONG out.1
	one_or_many --bands 'HIGH=0.9,MIDDLE=0.3,LOW=0' --nest event in
	one_or_many -t 0.2 --contributions in
	model=mean.json one_or_many in
	grep -q 'missing values in' err.1
	piped=in one_or_many
	piped=in one_or_many one - one
	one_or_many one
	one_or_many /dev/null
}

@test "variants, shadows and trees: each thread has what it writes to for itself" {
	local trees=$SML_ROOT/test/fixtures/trees
	events 8000 | sed -E 's/"basket_size":([0-9]+)/&,"age":\1/; s/"total_value":([0-9.]+)/&,"income":\1/' >in
	sed 's/"weight":3.2/"weight":-1/' "$model" >b.json
	model=A=$model:70 one_or_many -m B=b.json:30 --split-by who --shadow three="$trees"/lgb-multiclass.txt --shadow next=b.json --labels LOW,MIDDLE,HIGH --nest event in
	equal '"A" "B"' "$(jq .variant out.1 | grep -v null | sort -u | paste -sd ' ')"
	grep -q '"shadow":{"three":{"classification"' out.1
	model=$trees/lgb-multiclass.txt one_or_many --labels LOW,MIDDLE,HIGH --contributions in
	grep -q '"contributions":{"age":' out.1
}

@test "each error of several inputs is of its file and line, and the first of all is told" {
	events 3000 >a
	events 100 | sed 's/^{"i"/{"j"/' >b
	one_or_many a b a
	one_or_many b a /dev/null b
	one_or_many --on-bad stop b a
}

@test "what no record has is told as by one thread, and what is verified is as much" {
	events 4000 | jq -cR 'fromjson? // . | select(type == "object" and .features) | {other: .i}' >in
	sed 's/"weight":[0-9.]*/&,"missing":"mean"/g' "$model" >m.json
	model=m.json one_or_many in
	grep -q 'no input of the model' err.1
	# Only those at the beginning lack all; which of those that differ is the worst does not depend on who has found it.
	(head -n 150 in && events 5000) >mixed
	model=m.json one_or_many mixed
	sml-classify -q -m "$model" mixed | awk 'NR % 1000 == 7 { sub(/"probability":[0-9.e-]*/, "\"probability\":0.25") } 1' >scored
	one_or_many --verify scored
	equal 3 "$(cat status.1)"
	grep -q 'scores that differ by more than 1e-9: [1-9]' err.1
	sml-classify -q -m "$model" mixed >scored
	one_or_many --verify scored
	grep -q 'scores that agree to 1e-9' err.1
}

@test "a run that bad records end is ended by the same one" {
	local n
	events 20000 >in
	one_or_many --on-bad stop in
	for n in 1 5 50 100 500; do
		one_or_many --max-errors $n in
		equal 3 "$(cat status.1)"
		equal $n "$(grep -c '"stage":"classify".*"_sml":"error"' out.1)"
	done
	one_or_many --max-errors 2% in
	equal 3 "$(cat status.1)"
	one_or_many --max-errors 2% --max-line 600 in
	one_or_many --max-errors 50% in
	equal 0 "$(cat status.1)"
	# A bad record among the last ones.
	(grep '^{"i".*who' in | head -n 9000 && echo no) >in2
	one_or_many --on-bad stop in2
	equal 9000 "$(wc -l <out.1)"
}

@test "records of a slow stream leave as they come" {
	local i line
	mkfifo in out
	sml-classify -q -j 4 -m "$model" <in >out 3>&- &
	stop_later $!
	exec 5>in 6<out
	for i in 1 2 3; do
		echo '{"basket_size":'$i',"total_value":150,"user_history":5}' >&5
		read -r -t 10 line <&6
		equal $i "$(jq .basket_size <<<"$line")"
	done
	events 100 >&5
	for ((i = 0; i < 100; i++)); do
		read -r -t 10 line <&6
	done
	[[ $line == *'"i":100,'* ]]
	exec 5>&- 6<&-
}

@test "a stop finishes what has been read, a reader that goes ends it, a full disk is told" {
	events 30000 >in
	mkfifo fifo
	sml-classify -q -j 3 -m "$model" fifo >out 3>&- &
	pid=$!
	stop_later $pid
	exec 5>fifo
	cat in >&5
	kill -TERM $pid
	wait $pid
	exec 5>&-
	sed 's/"source":"fifo"/"source":"in"/' out >stopped
	sml-classify -q -m "$model" in >whole
	same_file whole stopped
	cat in in in | sml-classify -q -j 3 -m "$model" 2>err | head -n 1 >one && ended=("${PIPESTATUS[@]}") || ended=("${PIPESTATUS[@]}")
	equal 141 "${ended[1]}"
	equal '' "$(cat err)"
	run -1 --separate-stderr bash -c "sml-classify -q -j 3 -m $model in >/dev/full"
	equal 'sml-classify: stdout: No space left on device' "$stderr"
}

@test "a model that is replaced scores nothing behind the new one" {
	weigh() {
		printf '{"format":1,"kind":"linear","features":[{"name":"i","mean":0,"scale":1,"weight":%s,"missing":"mean"}],"bias":0}\n' "$1" >m.new
		mv m.new m.json
	}
	weigh 1
	mkfifo in
	sml-classify -q -j 3 -m m.json in >out 3>&- &
	pid=$!
	stop_later $pid
	exec 5>in
	for i in $(seq 1 5); do
		weigh "$i"
		kill -HUP $pid
		seq $((i * 10000)) $((i * 10000 + 9999)) | sed 's/.*/{"i":&}/' >&5
		wait_for 10 grep -q "\"i\":$((i * 10000 + 9999))," out
	done
	exec 5>&-
	wait $pid
	equal 50000 "$(wc -l <out)"
	jq -r '.prediction / .i' out | uniq >factors
	equal "$(seq 1 5)" "$(cat factors)"
}

@test "what is no number of threads, or cannot have them, is a mistake" {
	for n in 0 257 x 1.5 ''; do
		run -2 --separate-stderr sml-classify -j "$n" -m "$model" /dev/null
		equal "sml-classify: --jobs: \"$n\" is not a whole number from 1 to 256 (see sml-classify --help)" "$stderr"
	done
	echo 'n = count()' >f
	run -2 --separate-stderr sml features f then classify -j 2 -m "$model" </dev/null
	equal 'sml: classify: -j: only the first tool of a chain can work in several threads; on a pipe (| sml classify -j 2) any can' "$stderr"
	run -0 sml features -q f then classify -q -j 1 -m "$model" </dev/null
}

@test "a thread that cannot be started is told" {
	skip_if_sanitized # its memory is not bounded so
	run -1 --separate-stderr bash -c "ulimit -v 300000; sml-classify -j 256 -m $model /dev/null"
	[[ $stderr == 'sml-classify: thread '*' of 256 (-j) cannot be started: Resource temporarily unavailable' ]]
}

@test "a chain that threads begin is a chain, and a pipe" {
	events 5000 >in
	for jobs in 1 3; do
		sml classify -j $jobs -m "$model" in then route 'HIGH_VALUE=5' 'nosuch > 3=6' '*=-' 5>high.$jobs 6>none.$jobs >rest.$jobs 2>err.$jobs
		sml classify -q -j $jobs --max-errors 70 -m "$model" in then route '*=-' >stopped.$jobs 2>stop.$jobs && false || equal 3 $?
	done
	grep -q nosuch err.1
	for what in high rest err stopped stop; do
		same_file $what.1 $what.3
	done
	sml-classify -q -j 3 -m "$model" in | sml-route -q 'HIGH_VALUE=5' '*=-' 5>high >rest
	same_file high.1 high
	same_file rest.1 rest
}

# plain N: N events, and what all of it makes of them without a checkpoint, in one thread
plain() {
	events "$1" | grep -v '"_sml"' >in.jsonl
	sml-replay in.jsonl | sml-classify -q -m "$model" | sml-route -q error=bad.plain '*=-' >out.plain
	export SML_CHECKPOINT=$PWD/ck
}

# pipe: three processes with many barriers
pipe() (
	set -o pipefail
	stage replay --interval 2ms --rate 60000/s in.jsonl 3>&- | stage classify -q -j 3 -m "$model" 3>&- |
		stage route -q error=bad.jsonl '*=-' >>out.jsonl 3>&-
)

@test "under a checkpoint: killed at random places, and its files are those of one thread without one" {
	local round pid disturbed=0 end=$((SECONDS + 15))
	plain 30000
	mkdir pids
	RANDOM=11
	for ((round = 0; round < 15 && SECONDS < end; round++)); do
		rm -f pids/*
		pipe 2>/dev/null 3>&- &
		pid=$!
		wait_for 10 all_noted 3
		sleep "0.$(printf %03d $((RANDOM % 150)))"
		disturb $pid
	done
	until_done pipe
	same_file bad.plain bad.jsonl
	same_file out.plain out.jsonl
	echo "$disturbed of $round runs were disturbed"
	[ "$disturbed" -gt 2 ]
}

@test "under a checkpoint: killed at any call, as the first of a chain" {
	local k n
	plain 1500
	pipe() (
		set -o pipefail
		stage replay --interval 2ms --rate 60000/s in.jsonl 3>&- |
			stage chain classify -q -j 3 -m "$model" then route -q error=bad.jsonl '*=-' >>out.jsonl 3>&-
	)
	calls=open,write,fsync,fdatasync,ftruncate,rename,unlink,close
	victim=chain rule="$calls none" INJECT_TRACE=$PWD/trace run -0 pipe
	n=$(wc -l <trace)
	for ((k = 1; k <= n; k += 1 + n / 15)); do
		rm -rf ck bad.jsonl out.jsonl
		victim=chain rule="$calls before $k" run pipe
		until_done pipe
		same_file bad.plain bad.jsonl
		same_file out.plain out.jsonl
	done
}

@test "records of a shard stay with their partition, and a barrier behind what comes before it" {
	local jobs
	set -o pipefail
	export SML_CHECKPOINT=$PWD/ck
	awk 'BEGIN {
		print "{\"_sml\":\"begin\",\"v\":1,\"run\":\"aa\",\"e\":0,\"shard\":\"0/2\",\"generation\":1,\"via\":\"replay\",\"st\":{}}"
		for (i = 1; i <= 3000; i++) {
			if (i % 7 == 1) printf "{\"_sml\":\"from\",\"p\":%d}\n", i % 6
			printf i % 50 ? "{\"basket_size\":%d,\"total_value\":9,\"user_history\":1}\n" : "no %d\n", i
			if (i % 700 == 0) printf "{\"_sml\":\"barrier\",\"v\":1,\"run\":\"aa\",\"e\":%d,\"t\":1,\"src\":[],\"via\":\"replay\",\"st\":{}}\n", i / 700
		}
		print "{\"_sml\":\"barrier\",\"v\":1,\"run\":\"aa\",\"e\":5,\"t\":1,\"last\":true,\"src\":[],\"via\":\"replay\",\"st\":{}}"
		print "{\"_sml\":\"end\",\"run\":\"aa\",\"e\":5}"
	}' >in
	for jobs in 1 2 5; do
		rm -rf ck
		mkdir -p ck/1.0			# of this generation, which sml-replay would have begun
		sml-classify -q --shard 0/2 -j $jobs -m "$model" <in | cat >out.$jobs
		same_file out.1 out.$jobs
	done
	equal "$(grep -c '"from"' in)" "$(grep -c '"from"' out.1)"
	equal 5 "$(grep -c '"barrier"' out.1)"
}
