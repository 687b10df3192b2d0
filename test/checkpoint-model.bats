#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# sml-checkpoint(7): the model in force belongs to the checkpoint.  Model W is linear and multiplies n by W, so a score tells which one
# made it; the tests look at every record of every try, committed or not, and at the epoch that it was in.
# shellcheck disable=SC1010,SC2030,SC2031,SC2034,SC2154,SC2317 # "then" is a word of sml; tests are subshells; $victim and $rule are of stage()
# shellcheck disable=SC2086,SC2119,SC2120 # $quiet is no word when it is empty; options are given through "run"
load helper
load checkpoint

setup() {
	common_setup
	export SML_CHECKPOINT=$PWD/ck
	mkdir tries
	place 1
	lines 1 4000 >in.jsonl
}

# lines FROM TO: records
lines() {
	seq "$1" "$2" | sed 's/.*/{"n":&}/'
}

# model W [NAME]: of the input NAME, else n
model() {
	printf '{"format":1,"kind":"linear","features":[{"name":"%s","mean":0,"scale":1,"weight":%s}],"bias":0}\n' "${2-n}" "$1"
}

# place W [FILE]: model W is that of -m now, by a rename
place() {
	model "$1" >placed
	mv placed "${2-m.json}"
}

# id_of W: what records say of that model
id_of() {
	(unset SML_CHECKPOINT && model "$1" >asked && sml-classify -q -m asked <<<'{"n":1}' | jq -r .model)
}

# pipe [OPTION]...: what each try scores is in tries/, what is committed in out.jsonl
pipe() (
	set -o pipefail
	local try
	try=tries/$(find tries -type f | wc -l)
	stage replay --interval "${interval-5ms}" --rate "${rate-20000/s}" in.jsonl 3>&- | stage classify ${quiet--q} -m m.json "$@" 3>&- |
		tee "$try" | stage route -q --stamp '*=-' >>out.jsonl 3>&-
)

# The same in one process.
chain() (
	stage chain replay --interval "${interval-5ms}" --rate "${rate-20000/s}" in.jsonl then classify ${quiet--q} -m m.json "$@" then \
		route -q --stamp '*=-' >>out.jsonl 3>&-
)

# scored: a line for each record of each try: the commit its epoch begins behind, the model, by what it has multiplied, the try
scored() {
	local try
	for try in tries/*; do
		jq -nrR --arg name "$try" 'foreach (inputs | fromjson?) as $line (null;
			if $line._sml == "begin" then "\($line.e)-\($line.erun)" elif $line._sml == "barrier" then "\($line.e)-\($line.run)" else . end;
			if $line._sml then empty else [., $line.model, $line.prediction / $line.n, $name] | @tsv end)' "$try"
	done
}

# by_epoch: each epoch, however often it was tried, has one model, and that multiplies by the same; what was before the first commit aside
by_epoch() {
	scored | grep -v '^0-' >tried
	equal '' "$(cut -f 1-3 tried | sort -u | cut -f 1 | uniq -d)" 'epochs of several models'
	equal '' "$(cut -f 2,3 tried | sort -u | cut -f 1 | uniq -d)" 'models that have changed'
}

# again: how many epochs were tried more than once, after by_epoch
again() {
	cut -f 1,4 tried | sort -u | cut -f 1 | uniq -d | wc -l
}

# whole N: what is committed is every record once, in order, and each epoch of it is by one model
whole() {
	equal "$1 1 $1" "$(jq .n out.jsonl | awk 'NR != $1 { exit 1 } NR == 1 { first = $1 } END { print NR, first, $1 }')"
	equal '' "$(jq -r '[(._e[0:2] | join(" ")), .prediction / .n] | @tsv' out.jsonl | sort -u | cut -f 1 | uniq -d)" 'epochs of several models'
}

# factors: by what the committed records were multiplied, in order
factors() {
	jq '.prediction / .n' out.jsonl | uniq | paste -sd ' '
}

# kept: the files of models that are there
kept() {
	(cd ck && echo ./*.model*)
}

# ---- when a model begins ----

@test "a model that comes while an epoch is open begins behind its barrier, however often it is asked for" {
	# All records are in one epoch, whose barrier comes with the end.
	mkdir pids
	interval=1h rate=4000/s pipe 3>&- &
	stop_later $!
	local begun=0
	wait_for 10 test -s tries/0
	for ((begun = 2; begun < 6; begun++)); do
		place $begun
		kill -HUP "$(cat pids/classify)"
		pause 0.1
	done
	wait $!
	equal 1 "$(factors)"
	# What came last is in the checkpoint, and what comes next begins with it.
	lines 4001 5000 >>in.jsonl
	interval=1h run -0 pipe
	equal '1 5' "$(factors)"
	equal 4000 "$(jq 'select(.prediction == .n)' -c out.jsonl | wc -l)"
	whole 5000
	by_epoch
}

@test "without a checkpoint one begins at once, as ever" {
	unset SML_CHECKPOINT
	sml-replay --rate 2000/s in.jsonl | sml-classify -q -m m.json >out.jsonl 3>&- &
	stop_later $!
	wait_for 10 test -s out.jsonl
	place 2
	wait $!
	equal '1 2' "$(factors)"
}

@test "after a restart the model of the checkpoint goes on until a barrier, and then that of -m" {
	run -0 pipe
	place 2
	lines 4001 8000 >>in.jsonl
	quiet='' run -0 pipe
	equal "sml-classify: goes on with model $(id_of 1) until the next commit, then with $(id_of 2)" "$output"
	equal '1 2' "$(factors)"
	whole 8000
	by_epoch
	# Run again with the same there is nothing to be said, nor with nothing new, nor with -q.
	lines 8001 8100 >>in.jsonl
	quiet='' run -0 pipe
	equal '' "$output"
	place 3
	run -0 pipe
	equal '' "$output"
	equal '1 2' "$(factors)"
	# The file of another name and date, with the same model in it.
	model 3 | jq . >placed
	mv placed m.json
	quiet='' run -0 pipe
	equal '' "$output"
}

@test "chains, pipes and a folder of models: each goes on with the model of the one before" {
	local k before=1
	for k in 1 2 3 4 5 6; do
		place $k
		lines $((k * 1000 - 999)) $((k * 1000)) >part
		if [ $k = 1 ]; then cat part >in.jsonl; else cat part >>in.jsonl; fi
		if [ $((k % 2)) = 1 ]; then run -0 chain; else run -0 pipe; fi
		equal $before "$(jq "select(.n == $((k * 1000 - 999))) | .prediction / .n" out.jsonl)"
		before=$k
	done
	equal '1 2 3 4 5 6' "$(factors)"
	whole 6000
	by_epoch
	# A registry; taking the newest away rolls back.
	rm m.json
	mkdir m.json
	place 7 m.json/0007.json
	place 8 m.json/0008.json
	lines 6001 7000 >>in.jsonl
	run -0 pipe
	rm m.json/0008.json
	lines 7001 8000 >>in.jsonl
	run -0 chain
	equal '1 2 3 4 5 6 8 7' "$(factors)"
	whole 8000
}

@test "two stages: each its own model and its own file" {
	twice() (
		set -o pipefail
		stage replay --interval 5ms --rate 10000/s in.jsonl 3>&- | stage classify --stage first -q -m m.json 3>&- |
			sed -u '/^{"_sml":/!s/"prediction":/"first":/' |
			stage classify --stage second -q -m other.json 3>&- | stage route -q --stamp '*=-' >>out.jsonl 3>&-
	)
	place 10 other.json
	run -0 twice
	place 2
	place 20 other.json
	lines 4001 6000 >>in.jsonl
	victim=route rule='rename before 2 *COMMIT*' run ! twice
	until_done twice
	lines 6001 7000 >>in.jsonl
	run -0 twice
	whole 7000
	equal '1 10,2 20' "$(jq -r '"\(.first / .n) \(.prediction / .n)"' out.jsonl | uniq | paste -sd ,)"
	equal 2 "$(kept | wc -w)"
	[[ $(kept) == ./first.*.model' '*/second.*.model ]]
}

@test "metrics tell of the model in force, and count those that were" {
	run -0 pipe
	place 2
	lines 4001 4100 >>in.jsonl
	interval=1h run -0 pipe --metrics before.prom
	# The last barrier has put the new one in force.
	grep -q "^sml_classify_model{.*id=\"$(id_of 2)\"} 1\$" before.prom
	grep -q '^sml_classify_models_loaded_total{.*} 2$' before.prom
	equal 1 "$(factors)"
}

# ---- the file ----

# large W: a model of which a copy takes more than what travels in a barrier, by long names
large() {
	seq 30 | jq -cs --argjson w "$1" '{format: 1, kind: "linear", features: [{name: "n", mean: 0, scale: 1, weight: $w},
		(.[] | {name: ("input \(.)" + "." * 10000), mean: 0, scale: 1, weight: 0, missing: 0})], bias: 0}' >placed
	mv placed m.json
}

@test "the file of a large model is written once, and goes when a commit names another one" {
	large 1
	lines 1 1000 >in.jsonl
	local rate=2000/s
	victim=classify rule='open,write,rename none 1+ *.model*' INJECT_TRACE=$PWD/trace run -0 pipe
	local file
	file=$(jq -r .barrier.st.classify.file.f ck/COMMIT)
	equal "./$file" "$(kept)"
	[ "$(stat -c %s "ck/$file")" -gt 300000 ]
	[ "$(stat -c %s ck/COMMIT)" -lt 10000 ]
	[ "$(jq .barrier.e ck/COMMIT)" -ge 3 ]
	equal "open $PWD/ck/$file.sml.tmp,rename $PWD/ck/$file.sml.tmp $PWD/ck/$file" "$(grep -v ^write trace | paste -sd ,)"
	# Another run with the same model writes nothing.
	rm trace
	lines 1001 1100 >>in.jsonl
	victim=classify rule='open,write,rename none 1+ *.model*' INJECT_TRACE=$PWD/trace run -0 pipe
	equal "open $PWD/ck/$file" "$(cat trace)"
	equal "./$file" "$(kept)"
	large 2
	lines 1101 2000 >>in.jsonl
	# Without room for it the old one is the last that was committed.
	victim=classify rule='write ENOSPC 1+ *.model*' told 1 '.model: cannot be written: No space left on device' pipe
	equal "./$file" "$(kept)"
	equal 1 "$(factors)"
	run -0 pipe
	[ "$(kept)" != "./$file" ]
	equal "./$(jq -r .barrier.st.classify.file.f ck/COMMIT)" "$(kept)"
	equal '1 2' "$(factors)"
	whole 2000
}

@test "a file that is gone or damaged: 2, but where -m has the same model, which needs none" {
	run -0 pipe
	local file
	file=$(kept)
	cp "ck/$file" whole
	place 2
	lines 4001 5000 >>in.jsonl
	cp in.jsonl more.jsonl
	rm "ck/$file"
	told 2 "the checkpoint's state of classify: model $(id_of 1): $SML_CHECKPOINT/${file#./}: No such file or directory" pipe
	[[ $output == *'sml-route: stopped by classify: '* ]]
	for change in 's/"weight":1/"weight":3/' 's/^{/[/' 2d; do
		sed "$change" whole >"ck/$file"
		told 2 "the checkpoint's state of classify: model $(id_of 1): $SML_CHECKPOINT/${file#./}: is damaged" pipe
		told 2 'is damaged' chain
	done
	equal 4000 "$(wc -l <out.jsonl)"
	place 1
	run -0 pipe
	equal "./$(jq -r .barrier.st.classify.file.f ck/COMMIT)" "$(kept)"
	place 2
	lines 5001 6000 >>in.jsonl
	run -0 pipe
	equal '1 2' "$(factors)"
	whole 6000
}

@test "a model that is not valid or not there at a restart is a mistake as at a start; one that these options do not suit is named" {
	run -0 pipe
	lines 4001 5000 >>in.jsonl
	echo '{"format":1}' >m.json
	told 2 'm.json: kind: is missing' pipe
	rm m.json
	told 2 'm.json: No such file or directory' pipe
	# A logistic model, with what the linear one of the checkpoint has not.
	cp "$SML_ROOT/data/model.json" m.json
	told 2 'predicts a number: there is no probability for -t' pipe -t 0.3
	model 1 | sed 's/"linear"/"logistic","labels":["no","yes"],"positive":"yes"/' >m.json
	run -0 pipe
	equal '4000' "$(jq -c 'select(.n <= 4000 and .prediction == .n)' out.jsonl | wc -l)"
	# Other members, from a barrier on.
	equal '1,yes' "$(jq -r 'if .n <= 4000 then empty elif .prediction then .prediction / .n else .classification end' out.jsonl | uniq | paste -sd ,)"
	equal "$(seq 5000)" "$(jq .n out.jsonl)"
	run -0 pipe -t 0.3
}

# ---- killed ----

# half_done PIPELINE: a checkpoint by model 1 over half the input, of which every try of the other half, by model 2, begins
half_done() {
	rm -rf ck tries out.jsonl
	mkdir tries
	place 1
	lines 1 400 >in.jsonl
	"$1"
	place 2
	lines 401 800 >>in.jsonl
}

# The calls that change something outside of a process, or tell it what is there.
KILLS=open,write,fsync,fdatasync,fchmod,ftruncate,truncate,flock,rename,unlink,mkdir,close

# killed_everywhere STAGE STEP PIPELINE: at every STEP-th call, and in the middle of writes, in a run that takes another model
killed_everywhere() {
	local n k=1 when rules=() died=0 step=$2
	[ -z "${SML_SANITIZED-}" ] || step=$((step * 5))
	half_done "$3"
	victim=$1 rule="$KILLS none" INJECT_TRACE=$PWD/trace run -0 "$3"
	n=$(wc -l <trace)
	# Where sml-route has not come up, sml-replay waits for another: that is of no model.
	[ "$1" = classify ] || k=$(($(grep -n AUTHORITY trace | tail -n 1 | cut -d : -f 1) + 1))
	rm trace
	half_done "$3"
	rm -rf ck.half
	cp -r ck ck.half
	cp out.jsonl out.half
	for (( ; k <= n; k += step)); do
		rules+=("$KILLS before $k")
	done
	[[ $1 != c* ]] || rules+=('open after 1 *.model*' 'write torn 1 *.model*' 'fsync after 1 *.model*' 'rename before 1 *.model*'
		'rename after 1 *.model*')
	for when in "${rules[@]}"; do
		rm -rf ck
		cp -r ck.half ck
		# The file that the checkpoint has been written to, and no copy of it.
		cat out.half >out.jsonl
		rm -f tries/*
		victim=$1 rule=$when run "$3"
		[ "$status" -eq 0 ] || died=$((died + 1))
		[ "$status" -eq 0 ] || [ "$status" -eq 1 ] || [ "$status" -gt 128 ] || { echo "$1: $when: status $status: $output" && return 1; }
		echo "$1: $when"
		until_done "$3"
		whole 800
		equal '1 2' "$(factors)"
		[ "$3" = chain ] || by_epoch
		equal "./$(jq -r .barrier.st.classify.file.f ck/COMMIT)" "$(kept)"
	done
	[ $((died * 3)) -ge ${#rules[@]} ]
}

@test "sml-classify killed at any call of a run that takes another model" {
	killed_everywhere classify 4 pipe
}

@test "sml-route and sml-replay killed at any call of it" {
	killed_everywhere route 8 pipe
	killed_everywhere replay 9 pipe
}

@test "a chain killed at any call of it" {
	killed_everywhere chain 5 chain
}

@test "killed at random while models come and go: an epoch that is tried again has the same scores" {
	local pid was runs=0 disturbed=0 end=$((SECONDS + 120))
	mkdir pids
	RANDOM=7
	lines 1 40000 >in.jsonl
	models_come() {
		while [ ! -e done ]; do
			place $((RANDOM % 1000 + 1))
			sleep 0.02
		done
	}
	models_come 3>&- &
	stop_later $!
	local comes=$!
	enough() {
		scored | grep -v '^0-' >tried
		[ "$runs" -ge 12 ] && [ "$(factors 2>/dev/null | wc -w)" -ge 10 ] && [ "$(again)" -ge 5 ] && [ "$(again)" -ge $((disturbed / 2)) ]
	}
	until enough || [ "$SECONDS" -ge "$end" ]; do
		rm -f pids/*
		was=$(cksum ck/COMMIT 2>/dev/null) || was=
		rate=10000/s interval=10ms pipe 2>/dev/null 3>&- &
		pid=$!
		wait_for 10 all_noted 3
		[ $((runs % 4)) = 0 ] || wait_for 20 committed_anew
		sleep "0.$(printf %03d $((RANDOM % 200)))"
		disturb $pid
		runs=$((runs + 1))
	done
	touch done
	wait "$comes"
	until_done pipe
	whole 40000
	by_epoch
	echo "$disturbed of $runs runs were disturbed, $(factors | wc -w) models, $(again) epochs tried again"
	[ "$(factors | wc -w)" -ge 10 ]
	[ "$(again)" -ge 5 ]
	[ "$(again)" -ge $((disturbed / 2)) ]
}

# ---- several models ----

# many: two variants, and a shadow of another library, whose names stand beside it
many() (
	set -o pipefail
	local try
	try=tries/$(find tries -type f | wc -l)
	stage replay --interval 10ms --rate 10000/s in.jsonl 3>&- | stage classify -q -m A=a.json:3 -m B=b.json:1 --shadow s=shadow.ubj "$@" 3>&- |
		tee "$try" | stage route -q --stamp '*=-' >>out.jsonl 3>&-
)

# by_role: for each epoch and try, what each variant has multiplied by, and which model the shadow was; what was before the first commit aside
by_role() {
	local try
	for try in tries/*; do
		jq -nrR --arg name "$try" 'foreach (inputs | fromjson?) as $line (null;
			if $line._sml == "begin" then "\($line.e)-\($line.erun)" elif $line._sml == "barrier" then "\($line.e)-\($line.run)" else . end;
			if $line._sml then empty else ([., $line.variant, $line.prediction / $line.n, $name], [., "shadow", $line.shadow.s.model, $name]) | @tsv end)' "$try"
	done | grep -v '^0-' | sort -u
}

@test "variants and shadows, killed at random while each is replaced: an epoch that is tried again has the same scores" {
	local pid was runs=0 disturbed=0 end=$((SECONDS + 120)) trees=$SML_ROOT/test/fixtures/trees
	mkdir pids
	RANDOM=11
	lines 1 20000 >in.jsonl
	echo '{"labels":["no","yes"]}' >shadow.inputs.json
	place 1 a.json
	place 2 b.json
	cp "$trees/binary.ubj" shadow.ubj
	all_come() {
		local shadows=("$trees"/binary.ubj "$trees"/lgb-binary.txt "$trees"/labelled.json)
		while [ ! -e done ]; do
			place $((RANDOM % 1000 + 1)) a.json
			place $((RANDOM % 1000 + 2000)) b.json
			cp "${shadows[RANDOM % 3]}" shadow.new
			mv shadow.new shadow.ubj
			sleep 0.03
		done
	}
	all_come 3>&- &
	stop_later $!
	local comes=$!
	tried_again() {
		cut -f 1,4 roles | sort -u | cut -f 1 | uniq -d | wc -l
	}
	shadows_seen() {
		awk '$2 == "shadow"' roles | cut -f 3 | sort -u | wc -l
	}
	enough() {
		by_role >roles
		[ "$runs" -ge 12 ] && [ "$(tried_again)" -ge 5 ] && [ "$(tried_again)" -ge $((disturbed / 2)) ] &&
			[ "$(shadows_seen)" -eq 3 ]
	}
	until enough || [ "$SECONDS" -ge "$end" ]; do
		rm -f pids/*
		was=$(cksum ck/COMMIT 2>/dev/null) || was=
		many --split-by n 2>/dev/null 3>&- &
		pid=$!
		wait_for 10 all_noted 3
		[ $((runs % 4)) = 0 ] || wait_for 20 committed_anew
		sleep "0.$(printf %03d $((RANDOM % 300)))"
		disturb $pid
		runs=$((runs + 1))
	done
	touch done
	wait "$comes"
	until_done many --split-by n
	equal "$(seq 20000 | sha256sum)" "$(jq .n out.jsonl | sha256sum)"
	by_role >roles
	equal '' "$(cut -f 1-3 roles | sort -u | cut -f 1,2 | uniq -d)" 'epochs with several models in one place'
	echo "$disturbed of $runs runs were disturbed, $(tried_again) epochs tried again, $(grep -c shadow roles) shadows"
	[ "$(tried_again)" -ge 5 ]
	[ "$(tried_again)" -ge $((disturbed / 2)) ]
	[ "$(shadows_seen)" -eq 3 ]
	# One that is no longer asked for, and a new one: what the checkpoint has of the others goes on.
	echo '{"n":20001}' >>in.jsonl
	until_done many --split-by n --shadow t=a.json
	equal '["s","t"]' "$(tail -n 1 out.jsonl | jq -c '.shadow | keys')"
}
