#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# sml-checkpoint(7): whatever a pipeline dies of and however often it is started again, its files are those of a run without a
# checkpoint that nothing has happened to.  That run is the oracle of nearly all tests here.
# shellcheck disable=SC1010,SC2030,SC2031,SC2034,SC2154,SC2317 # "then" is a word of sml; tests are subshells; $victim and $rule are of stage()
load helper
load checkpoint

setup_file() {
	export SOURCE_DATE_EPOCH=1700000000
	SPEC=$SML_ROOT/data/purchases.features
	MODEL=$SML_ROOT/data/model.json
	INPUT=$BATS_FILE_TMPDIR/in.jsonl
	PLAIN=$BATS_FILE_TMPDIR/plain
	export SPEC MODEL INPUT PLAIN
	purchases -n 20000 --users 200 --invalid 0.01 --malformed 0.005 >"$INPUT"
	mkdir "$PLAIN"
	cd "$PLAIN" || return
	four_of "$INPUT"
}

setup() {
	common_setup
	cp "$INPUT" in.jsonl
	export SML_CHECKPOINT=$PWD/ck
}

# four_of REPLAY'S ARGUMENTS...: a pipeline of four processes into three files, a path, a descriptor, standard output
four_of() (
	set -o pipefail
	stage replay "$@" 3>&- | stage features -q "$SPEC" 3>&- | stage classify -q -m "$MODEL" 3>&- |
		stage route -q HIGH_VALUE=vip.jsonl error=4 '*=-' 4>>bad.jsonl >>rest.jsonl 3>&-
)

# The same, with many barriers, as it is paced.
four() {
	four_of --interval 2ms --rate 100000/s "${packed-in.jsonl}"
}

# In one process: the same stages, the same files.
chain() (
	stage chain replay --interval 2ms --rate 100000/s in.jsonl then features -q "$SPEC" then classify -q -m "$MODEL" then \
		route -q HIGH_VALUE=vip.jsonl error=4 '*=-' 4>>bad.jsonl >>rest.jsonl 3>&-
)

# Two stages and one file, for what is not about the others.
short_of() (
	set -o pipefail
	stage replay "$@" 3>&- 4>&- | stage features -q -k userId -d 'n = count()' 3>&- 4>&- | stage route -q '*=-' >>out.jsonl 3>&- 4>&-
)

# anew: as if nothing had been run here
anew() {
	rm -rf ck vip.jsonl bad.jsonl rest.jsonl out.jsonl
}

# same_as [FOLDER]: the three files are those that a run without a checkpoint has made there
same_as() {
	local file
	for file in vip.jsonl bad.jsonl rest.jsonl; do
		cmp "${1-$PLAIN}/$file" "$file" || return
	done
}

# broken: a run that is killed when something has been committed, however fast the disk is
broken() {
	local writes
	for writes in 150 120 90 60 30 10; do
		anew
		victim=classify rule="write before $writes" run four
		[ "$status" -eq 0 ] || [ ! -e ck/COMMIT ] || [ "$(committed vip.jsonl)" -lt 2000 ] || return 0
	done
	return 1
}

# committed NAME: how many bytes of it
committed() {
	jq -r --arg name "$1" '.out[] | select(.name == $name).len' ck/COMMIT
}

# plain_of LINES: the files of a run without a checkpoint over the first so many lines, in plain.LINES/
plain_of() {
	mkdir -p "plain.$1"
	(unset SML_CHECKPOINT && head -n "$1" "$INPUT" >"plain.$1/in.jsonl" && cd "plain.$1" && four_of in.jsonl)
}

epoch() {
	jq .barrier.e ck/COMMIT
}

# ---- without an accident ----

@test "with a checkpoint the files are those without one, at many barriers" {
	run -0 four
	equal '' "$output"
	same_as
	[ "$(epoch)" -gt 1 ]
}

@test "a chain in one process is the same, and goes on where the pipe has ended and the other way round" {
	run -0 chain
	same_as
	anew
	local lines
	for lines in 6000 12000 18000 20000; do
		# The same file, longer: what has been read stays where it is.
		head -n $lines "$INPUT" >part
		cat part >in.jsonl
		if [ $((lines % 12000)) = 0 ]; then run -0 four; else run -0 chain; fi
	done
	same_as
}

@test "started again with nothing new it writes nothing, and with lines appended it goes on with these" {
	head -n 15000 "$INPUT" >part
	cat part >in.jsonl
	run -0 four
	sha256sum vip.jsonl bad.jsonl rest.jsonl >before
	run -0 four
	sha256sum -c --quiet before
	tail -n +15001 "$INPUT" >>in.jsonl
	run -0 four
	same_as
}

@test "several files are one input, and more may follow" {
	head -n 7000 "$INPUT" >a
	sed -n 7001,9000p "$INPUT" | gzip >b.gz
	tail -n +9001 "$INPUT" >c
	run -0 four_of --interval 2ms a b.gz
	run -0 four_of --interval 2ms a b.gz c
	same_as
}

@test "packed input is read again up to where it was" {
	gzip -c "$INPUT" >in.gz
	local packed=in.gz
	broken
	until_done four
	same_as
}

@test "standard input may be the source where it is a file" {
	run -0 four_of --interval 2ms - <in.jsonl
	same_as
	run -0 four_of --interval 2ms - <in.jsonl
	same_as
}

@test "a last line that is not whole waits for its rest" {
	head -n 100 "$INPUT" | head -c -40 >in.jsonl
	run -0 four
	equal 99 "$(cat vip.jsonl bad.jsonl rest.jsonl | wc -l)"
	head -n 100 "$INPUT" | tail -c 40 >>in.jsonl
	run -0 four
	plain_of 100
	same_as plain.100
}

@test "blank lines, carriage returns, a byte order mark, lines that are too long or reserved: the same over kills" {
	odd() (
		set -o pipefail
		stage replay -q --interval 2ms --rate 20000/s --max-line 200 odd.jsonl 3>&- 4>&- |
			stage features -q -k n -d 'c = count()' 3>&- 4>&- | stage route -q '*=-' >>out.jsonl 3>&- 4>&-
	)
	printf '\xef\xbb\xbf' >odd.jsonl
	local i k died=0
	for ((i = 0; i < 400; i++)); do
		printf '{"n":%d}\r\n\n{"x":"%0300d"}\n  \n{"_sml":"barrier"}\n' $i $i
	done >>odd.jsonl
	(unset SML_CHECKPOINT && sml-replay -q --max-line 200 odd.jsonl | sml-features -q -k n -d 'c = count()') >plain
	for k in 3 9 15 22 30; do
		victim=features rule="write before $k" run odd
		[ "$status" -eq 0 ] || died=$((died + 1))
	done
	[ "$died" -ge 3 ]
	until_done odd
	cmp plain out.jsonl
}

@test "error records count the lines as without a checkpoint, also after a restart" {
	broken
	until_done four
	cmp "$PLAIN/bad.jsonl" bad.jsonl
}

# ---- stopped ----

@test "SIGTERM to the source: a last barrier, status 0, and the next run goes on" {
	local i before=0
	mkdir pids
	has_gone_on() {
		[ -e ck/COMMIT ] && [ "$(epoch)" -gt "$before" ]
	}
	for i in 1 2 3; do
		four_of --interval 20ms --rate 6000/s in.jsonl 3>&- &
		stop_later $!
		# It is the process of this round that gets the signal.
		wait_for 10 has_gone_on
		pause 0.1
		kill -TERM "$(cat pids/replay)"
		wait $!
		[ "$(jq .barrier.last ck/COMMIT)" = true ]
		[ "$(cat vip.jsonl bad.jsonl rest.jsonl | wc -l)" -lt 20000 ]
		# Nothing is in the files that is not committed.
		equal "$(jq -r '.out[].len' ck/COMMIT | sort)" "$(stat -c %s vip.jsonl bad.jsonl rest.jsonl | sort)"
		before=$(epoch)
	done
	run -0 four
	same_as
}

@test "a commit that took long for once is no reason to wait long for the next ones" {
	local epoch
	mkdir pids
	short_of --interval 20ms --rate 2000/s -c 8000 in.jsonl 3>&- &
	stop_later $!
	wait_for 10 test -e ck/COMMIT
	kill -STOP "$(cat pids/route)"
	pause 0.8
	epoch=$(epoch)
	kill -CONT "$(cat pids/route)"
	wait $!
	[ "$(epoch)" -ge $((epoch + 5)) ] || { epoch && return 1; }
}

@test "SIGTERM to the source while sml-route has not come up: status 0, and the next run goes on" {
	waiting() (
		set -o pipefail
		stage replay in.jsonl 3>&- | {
			wait_for 10 test -s pids/replay
			sleep 0.3
			kill -TERM "$(cat pids/replay)"
			sleep 0.3
			stage route -q '*=rest.jsonl' 3>&-
		}
	)
	mkdir pids
	run -0 waiting
	equal '' "$output"
	[ "$(jq .barrier.last ck/COMMIT)" = true ]
	sml-replay in.jsonl | sml-route -q '*=rest.jsonl'
	cmp in.jsonl rest.jsonl
}

# ---- killed ----

# The calls that change something outside of a process, or tell it what is there.
KILLS=open,write,fsync,fdatasync,fchmod,ftruncate,truncate,flock,rename,unlink,mkdir,close

# calls NAME COMMAND...: how many of these the stage makes in a run of its own from the start
calls() {
	rm -f trace
	anew
	victim=$1 rule="$KILLS none" INJECT_TRACE=$PWD/trace run -0 "${@:2}"
	wc -l <trace
}

# killed_everywhere STAGE STEP PIPELINE: at every STEP-th call, and in the middle of writes; each run is then started again
killed_everywhere() {
	local n k when rules=() died=0 step=$2
	# A sanitized build is slow to start.
	[ -z "${SML_SANITIZED-}" ] || step=$((step * 5))
	n=$(calls "$1" "$3")
	for ((k = 1; k <= n; k += step)); do
		rules+=("$KILLS before $k")
	done
	for when in 1 2 3 5 8 13; do
		rules+=("write torn $when")
	done
	rules+=('rename after 1' 'rename after 2' 'rename after 3' 'ftruncate after 1' 'ftruncate after 2')
	for when in "${rules[@]}"; do
		anew
		victim=$1 rule=$when run "$3"
		[ "$status" -eq 0 ] || died=$((died + 1))
		[ "$status" -eq 0 ] || [ "$status" -eq 1 ] || [ "$status" -gt 128 ] || { echo "$1: $when: status $status: $output" && return 1; }
		# And once more as it begins again, when there is something to be cut back.
		victim=$1 rule=$when run "$3"
		until_done "$3" || { echo "$1: $when" && return 1; }
		same_as plain.1000 || { echo "$1: $when" && return 1; }
	done
	[ "$died" -gt $((n / step / 2)) ]
}

small() {
	plain_of 1000
	cp plain.1000/in.jsonl in.jsonl
	four() {
		four_of --interval 2ms --rate 100000/s in.jsonl
	}
}

@test "a chain killed at any call" {
	small
	killed_everywhere chain 4 chain
}

@test "sml-route killed at any call" {
	small
	killed_everywhere route 3 four
}

@test "sml-replay killed at any call" {
	small
	killed_everywhere replay 3 four
}

@test "sml-features and sml-classify killed at any call" {
	small
	killed_everywhere features 4 four
	killed_everywhere classify 4 four
}

@test "killed at random places, one stage or all of them, with the run not once disturbed as its equal" {
	local round k pid runs=0 disturbed=0 end=$((SECONDS + 20))
	mkdir pids
	RANDOM=7
	for ((round = 0; round < 6 && SECONDS < end; round++)); do
		anew
		for ((k = 0; k < 5; k++)); do
			rm -f pids/*
			# Slow enough to have something left to do after all that is killed.
			four_of --interval 10ms --rate 20000/s in.jsonl 2>/dev/null 3>&- &
			pid=$!
			wait_for 10 all_noted 4
			sleep "0.$(printf %03d $((RANDOM % 200)))"
			disturb $pid
			runs=$((runs + 1))
		done
		until_done four
		same_as || { echo "round $round" && return 1; }
	done
	[ "$round" -ge 2 ]
	echo "$disturbed of $runs runs were disturbed"
	[ $((disturbed * 4)) -ge $((runs * 3)) ]
}

@test "what has been committed is never cut, what has not been always" {
	broken
	# What a run that died may have written behind it.
	printf '{"not":"committed"}\n{"half' | tee -a vip.jsonl bad.jsonl >>rest.jsonl
	until_done four
	same_as
}

# ---- what these tests would find ----

@test "with a commit that says something else, the comparison of these tests fails" {
	broken
	cp -r ck was
	mkdir saved
	cp vip.jsonl bad.jsonl rest.jsonl saved

	# The place in the input a line earlier, and later: records twice, and missing.
	for change in -3000 3000; do
		place=$(jq -r '.barrier.src[0].off' was/COMMIT)
		changed=$(head -c $((place + change)) in.jsonl | sed '$d' | wc -c)
		sed "s/\"off\":\"$place\"/\"off\":\"$changed\"/" was/COMMIT >ck/COMMIT
		: >ck/OPENED
		[ "$changed" != "$place" ]
		cat saved/vip.jsonl >vip.jsonl
		cat saved/bad.jsonl >bad.jsonl
		cat saved/rest.jsonl >rest.jsonl
		until_done four
		run ! same_as
	done

	# A file that is cut back too far.
	cp was/COMMIT ck
	len=$(committed vip.jsonl)
	sed "s/\"len\":\"$len\"/\"len\":\"$((len - 1000))\"/" was/COMMIT >ck/COMMIT
	cat saved/vip.jsonl >vip.jsonl
	cat saved/bad.jsonl >bad.jsonl
	cat saved/rest.jsonl >rest.jsonl
	until_done four
	run ! same_as

	# As it was: equal.
	cp was/* ck
	cat saved/vip.jsonl >vip.jsonl
	cat saved/bad.jsonl >bad.jsonl
	cat saved/rest.jsonl >rest.jsonl
	until_done four
	same_as
}

# ---- features ----

# windows SPEC OPTIONS...: the trucks, of which the file trucks holds as many as it holds
windows() (
	set -o pipefail
	stage replay --interval 2ms --rate "${rate-1000000/s}" trucks 3>&- 4>&- | stage features -q "${@:2}" "$1" 3>&- 4>&- | stage route -q '*=-' >>out.jsonl 3>&- 4>&-
)

@test "events that are held, windows and sessions go on over kills, and --final closes them" {
	local rate=2000/s spec k died
	cp "$SML_ROOT/data/trucks.features" "$SML_ROOT/data/trucks-minute.features" .
	printf '%s\n' 'key truckId' 'time timestamp' 'late 5m' 'emit windows' 'pings = count() over session 2m' >session.features
	for spec in trucks.features trucks-minute.features session.features; do
		rm -rf ck out.jsonl
		cp "$SML_ROOT/data/trucks.jsonl" trucks
		(unset SML_CHECKPOINT && sml-features -q $spec <trucks >plain)
		died=0
		for k in 1 3 5; do
			victim=features rule="write before $k" run windows $spec --final
			[ "$status" -eq 0 ] || died=$((died + 1))
		done
			[ "$died" -ge 2 ]
		until_done windows $spec --final
		cmp plain out.jsonl
	done
}

@test "without --final what is open stays open for the lines to come" {
	local spec
	cp "$SML_ROOT/data/trucks.features" "$SML_ROOT/data/trucks-minute.features" .
	for spec in trucks.features trucks-minute.features; do
		rm -rf ck out.jsonl
		(unset SML_CHECKPOINT && sml-features -q $spec <"$SML_ROOT/data/trucks.jsonl" >plain)
		head -n 200 "$SML_ROOT/data/trucks.jsonl" >trucks
		run -0 windows $spec
		[ "$(wc -l <out.jsonl)" -lt "$(unset SML_CHECKPOINT && sml-features -q $spec trucks | wc -l)" ]
		tail -n +201 "$SML_ROOT/data/trucks.jsonl" >>trucks
		run -0 windows $spec --final
		cmp plain out.jsonl
	done
}

@test "a specification that has changed: what it adds begins empty, the rest goes on" {
	defined() (
		set -o pipefail
		stage replay -q in.jsonl 3>&- 4>&- | stage features -k userId "$@" 3>&- 4>&- | stage route -q '*=-' >>out.jsonl 3>&- 4>&-
	)
	purchases -n 4000 --users 50 >all
	head -n 3000 all >in.jsonl
	run -0 defined -d 'n = count()'
	tail -n +3001 all >>in.jsonl
	run -0 defined -d 'n = count()' -d 'm = sum(basketSize)'
	(
		unset SML_CHECKPOINT
		sml-features -q -k userId -d 'n = count()' all | tail -n +3001 | jq -c .features.n >n
		tail -n +3001 all | sml-features -q -k userId -d 'm = sum(basketSize)' | jq -c .features.m >m
	)
	equal "$(paste -d , n m)" "$(tail -n +3001 out.jsonl | jq -r '.features | "\(.n),\(.m)"')"

	# Both are said, and with nothing that changes nothing is.
	cp -r ck kept
	run -0 defined -d 'n = count()' -d 'm = sum(basketSize)'
	equal '' "$output"
	run -0 defined -d 'm = sum(basketSize)' -d 'h = max(basketSize)'
	equal 'sml-features: ck: no state of max(basketSize): begins empty
sml-features: ck: state of count() is dropped: the spec no longer uses it' "${output//$PWD\//}"
	# Another key, another time: the state of another spec, which stays as it is.
	rm -r ck && cp -r kept ck
	local other
	for other in '-k sessionId' '-T timestamp:s'; do
		# shellcheck disable=SC2086 # options
		told 2 "the checkpoint's state of features: holds the state of another spec: " defined $other -d 'n = count()'
		[[ $output == *"to begin anew, remove $PWD/ck and the outputs"* ]]
		same_file kept/COMMIT ck/COMMIT
	done
	run -0 defined -d 'n = count()' -d 'm = sum(basketSize)'
	equal '' "$output"
	# In the process of a chain, too.
	told 2 'holds the state of another spec' sml replay in.jsonl then features -q -k sessionId -d 'n = count()' then route -q '*=null'
}

@test "a tool that stands twice has a name for each" {
	twice() (
		set -o pipefail
		stage replay in.jsonl 3>&- 4>&- | stage features -q -k userId -d 'n = count()' 3>&- 4>&- |
			stage features "$@" -q -k sessionId -d 'n = sum(features.n)' 3>&- 4>&- | stage route -q '*=-' >>out.jsonl 3>&- 4>&-
	)
	head -n 1000 "$INPUT" >part
	cat part >in.jsonl
	told 2 '--stage' twice
	anew
	run -0 twice --stage sums
	sed -n 1001,2000p "$INPUT" >>in.jsonl
	run -0 twice --stage sums
	head -n 2000 "$INPUT" >both
	(unset SML_CHECKPOINT && sml-features -q -k userId -d 'n = count()' both | sml-features -q -k sessionId -d 'n = sum(features.n)') >plain
	equal "$(jq -c .features plain)" "$(jq -c .features out.jsonl)"
	equal replay,features,sums,route "$(jq -r .barrier.via ck/COMMIT)"
}

# ---- files ----

@test "files of days are opened, closed and cut back over kills" {
	days() (
		set -o pipefail
		stage replay --interval 2ms in.jsonl 3>&- 4>&- | stage features -q -k userId -d 'n = count()' 3>&- 4>&- |
			stage route -q '*=day-{date}.jsonl' 3>&- 4>&-
	)
	purchases -n 8000 --step 300000 >in.jsonl
	mkdir plain
	(unset SML_CHECKPOINT && cp in.jsonl plain && cd plain && days)
	[ "$(find plain -name 'day*' | wc -l)" -gt 20 ]
	local k died=0
	for k in 30 60 90 120 150 180; do
		victim=route rule="open,write,fdatasync,rename before $k" run days
		[ "$status" -eq 0 ] || died=$((died + 1))
	done
	[ "$died" -ge 3 ]
	until_done days
	equal "$(cd plain && sha256sum day*)" "$(sha256sum day*)"
}

@test "an output that has lost bytes, is another file or is gone: 2" {
	run -0 four
	cp vip.jsonl kept
	truncate -s -1 vip.jsonl
	told 2 'vip.jsonl: has lost bytes' four
	cat kept >vip.jsonl
	mv vip.jsonl moved
	told 2 'vip.jsonl' four
	cp moved vip.jsonl
	told 2 'vip.jsonl: is another file' four
	mv moved vip.jsonl
	mv rest.jsonl moved
	told 2 'stdout: is another file' four
	mv moved rest.jsonl
	run -0 four
	same_as
}

@test "a descriptor that would be emptied at each start: 2, and the line to type" {
	emptied() (
		set -o pipefail
		stage replay in.jsonl 4>&- | stage route -q "$1" '*=-' 4>"$2" >"$3"
	)
	told 2 'descriptor 4: is a file that is not open for append' emptied 'totalValue > 0=4' out.jsonl /dev/null
	told 2 'the shell appends with >>' emptied 'totalValue > 0=null' /dev/null out.jsonl
}

two() (
	set -o pipefail
	stage replay in.jsonl 3>&- 4>&- | stage route -q "$@" 3>&- 4>&-
)

@test "a path that is not UTF-8: 2 before anything is read, and with another the pipeline goes on" {
	local name=$'caf\xe9' what
	printf '%s\n' '{"timestamp":1,"a":1}' '{"timestamp":1,"a":2}' >in.jsonl
	cp in.jsonl "$name.jsonl"
	for what in "$name.out" "$name-{date}" "file:$name/x"; do
		told 2 'the name is not UTF-8: a checkpoint could not find it again' two "*=$what"
	done
	told 2 'the name is not UTF-8: a checkpoint could not find it again' stage chain replay in.jsonl then route "*=$name.out"
	equal '' "$(find . -name '*.out' -o -name '*-1970*')"
	read_from() (
		set -o pipefail
		stage replay "$@" 3>&- 4>&- | stage route -q '*=-' >>out.jsonl 3>&- 4>&-
	)
	# Also where it is not its turn yet.
	for what in "$name.jsonl" "in.jsonl $name.jsonl"; do
		# shellcheck disable=SC2086 # two names
		told 2 'the name is not UTF-8: a checkpoint could not find it again' read_from $what
		[[ $output == *'sml-route: stopped by replay: caf?.jsonl: '* ]]
	done
	[ ! -s out.jsonl ]
	run -0 two '*=out.jsonl'
	run -0 two '*=out.jsonl'
	cmp in.jsonl out.jsonl
	# Without a checkpoint any name will do.
	unset SML_CHECKPOINT
	sml-replay "$name.jsonl" | sml-route "*=$name.out"
	cmp in.jsonl "$name.out"
}

@test "lines that are no JSON are stamped, or pass" {
	printf '%s\n' '{"a":1}' 'no JSON' '{"a":2}' >in.jsonl
	run -0 --separate-stderr two --stamp '*=-'
	equal 4 "${#lines[@]}"
	[[ ${lines[0]} == '{"a":1,"_e":["'*'",1,1]}' && ${lines[3]} == '{"_sml":"commit",'* ]]
}

@test "standard output that is no destination gets no commit lines, and may be any file" {
	printf '%s\n' '{"a":1}' '{"a":2}' >in.jsonl
	run -0 --separate-stderr two '*=out.jsonl'
	equal '' "$output"
	equal 2 "$(wc -l <out.jsonl)"
	two '*=out.jsonl' >log
	equal '' "$(cat log)"
}

@test "a checkpoint that cannot be read: 2" {
	run -0 two '*=null'
	cp ck/COMMIT whole
	head -c 100 whole >ck/COMMIT
	told 2 COMMIT two '*=null'
	echo '{}' >ck/COMMIT
	told 2 COMMIT two '*=null'
	cp whole ck/COMMIT
	run -0 two '*=null'
}

@test "-c counts over all runs, and what only looks is not under the checkpoint" {
	run -0 short_of -c 1000 in.jsonl
	run -0 short_of -c 1000 in.jsonl
	equal 1000 "$(wc -l <out.jsonl)"
	run -0 short_of -c 1500 in.jsonl
	equal 1500 "$(wc -l <out.jsonl)"
	run -0 short_of in.jsonl
	(unset SML_CHECKPOINT && sml-features -q -k userId -d 'n = count()' <in.jsonl) >plain
	cmp plain out.jsonl

	jq -r .barrier.st.features.bytes ck/COMMIT | base64 -d >state
	run -0 --separate-stderr sml-features --state state --dump-state -k userId -d 'n = count()'
	equal "$(jq -r 'select(.features) | .userId' out.jsonl | sort -u | wc -l)" "$(grep -c '"definition"' <<<"$output")"
	run -0 sml-features --check -k userId -d 'n = count()'
	run -0 sml-route --explain '*=x.jsonl'
	run -0 sml-classify -m "$MODEL" --explain
	run ! grep -q _sml <<<"$output"
}

@test "readers of a pipe get what they can drop repetitions by: stamps, and a line for each commit" {
	stamped() (
		set -o pipefail
		stage replay --interval 2ms --rate 40000/s in.jsonl 3>&- 4>&- | stage features -q -k userId -d 'n = count()' 3>&- 4>&- |
			stage route -q --stamp '*=-' 3>&- 4>&- | cat >>pipe
	)
	head -n 4000 "$INPUT" >in.jsonl
	(unset SML_CHECKPOINT && sml-features -q -k userId -d 'n = count()' <in.jsonl) >plain
	local k
	for k in 10 25; do
		victim=features rule="write before $k" run ! stamped
	done
	run -0 stamped
	# What has been given and committed by the run that gave it.  A run that died may have torn a line.
	jq -cR 'fromjson? | if ._sml == "commit" then [.run, .e] else empty end' pipe >commits
	jq -cR 'fromjson? | select(._e)' pipe >records
	[ "$(wc -l <records)" -gt "$(grep -vc '"_sml":"error"' plain)" ]
	jq -c --slurpfile c commits '([$c[] | {(.[0] + " " + (.[1] | tostring)): true}] | add) as $done |
		select($done[._e[0] + " " + (._e[1] | tostring)])' records >taken
	# Error records have their own members and no stamp.
	equal "$(jq -c 'select(._sml == null)' plain | sort | sha256sum)" "$(jq -c 'del(._e)' taken | sort | sha256sum)"
	equal "$(wc -l <taken)" "$(jq -c ._e taken | sort -u | wc -l)"
}

# ---- mistakes ----

@test "an input that has changed, has become shorter or is another one: 2" {
	run -0 four
	cp in.jsonl kept
	purchases -n 100 --seed 9 >in.jsonl
	told 2 'in.jsonl: is another file than the one that the checkpoint has read' four
	head -n 1000 kept >in.jsonl
	told 2 'in.jsonl: is shorter' four
	cp kept in.jsonl
	cp kept other.jsonl
	told 2 'input 1 was in.jsonl, not other.jsonl' four_of other.jsonl
	run -0 four
	same_as
	run -0 four_of in.jsonl other.jsonl
	head -n 5 kept >>in.jsonl
	told 2 'in.jsonl: has changed since it was read to its end' four_of in.jsonl other.jsonl
}

@test "standard input that is a pipe, a group, --merge, replace:, --truncate, --state: 2" {
	piped() (
		set -o pipefail
		tail -n +1 in.jsonl | stage replay | stage route '*=-' >>out.jsonl
	)
	told 2 'stdin: is no regular file' piped
	told 2 replace sml-route '*=replace:x' </dev/null
	told 2 --truncate sml-route --truncate '*=x' </dev/null
	told 2 --group sml-replay -G x kafka:x
	told 2 isolation.level sml-replay -X isolation.level=read_uncommitted kafka:x
	told 2 --merge sml-replay --merge in.jsonl in.jsonl
	told 2 --state sml-features --state s -d 'n = count()' </dev/null
	told 2 sml-replay sml-features -d 'n = count()' in.jsonl
	told 2 --stage sml-features --stage 'a b' -d 'n = count()' </dev/null
	unset SML_CHECKPOINT
	told 2 --stage sml-features --stage ab -d 'n = count()' </dev/null
	told 2 --stamp sml-route --stamp '*=-' </dev/null
}

# with WHICH: the pipeline in which only these stages are told of the checkpoint
with() (
	set -o pipefail
	which=$1
	at() {
		[[ " $which " == *" $1 "* ]] || unset SML_CHECKPOINT
		stage "$@" 3>&- 4>&-
	}
	at replay in.jsonl | at features -q -k userId -d 'n = count()' | at route -q '*=-' >>out.jsonl
)

@test "a stage without the checkpoint, and one with it behind one without: 2" {
	run -0 with 'replay features route'
	local which
	for which in 'replay route' 'features route' features route; do
		anew
		run with "$which"
		[ "$status" -eq 2 ] || { echo "$which: status $status: $output" && return 1; }
	done
	unset SML_CHECKPOINT
	told 2 'the first line is a begin record' sml-route '*=-' <<<'{"_sml":"begin","v":1,"run":"a","e":0,"via":"replay","st":{}}'
	told 2 'the first line is an abort record' sml-route '*=-' <<<'{"_sml":"abort","exit":2,"stage":"replay","why":"x"}'
}

@test "filters between the stages: what passes control records on works, what drops them is found" {
	between() (
		set -o pipefail
		stage replay --interval 2ms in.jsonl 3>&- 4>&- | "$@" | stage features -q -k userId -d 'n = count()' 3>&- 4>&- |
			stage route -q '*=-' >>out.jsonl 3>&- 4>&-
	)
	purchases -n 20000 >in.jsonl
	grep HIGH_VALUE in.jsonl | (unset SML_CHECKPOINT && sml-features -q -k userId -d 'n = count()') >plain
	local filter
	for filter in "grep --line-buffered -E '^\{\"_sml\":|HIGH_VALUE'" "awk '/^\{\"_sml\":/ || /HIGH_VALUE/ { print; fflush() }'" \
		"sed -un '/^{\"_sml\":/p; /HIGH_VALUE/p'" \
		"jq -c --unbuffered 'if has(\"_sml\") then . else select(.label == \"HIGH_VALUE\") end'"; do
		anew
		run -0 between bash -c "$filter"
		equal "$(jq -c . plain)" "$(jq -c . out.jsonl)" "$filter"
		# Again: nothing is read twice.
		run -0 between bash -c "$filter"
		equal "$(wc -l <plain)" "$(wc -l <out.jsonl)"
	done
	anew
	run -0 between tee copy
	equal 20000 "$(grep -cv '^{"_sml":' copy)"
	for filter in 'grep HIGH_VALUE' "jq -c --unbuffered 'select(._sml != \"barrier\")'" "jq -c --unbuffered 'select(._sml != \"barrier\" or .e != 1)'" sort; do
		anew
		run between bash -c "$filter"
		[ "$status" -eq 2 ] || { echo "$filter: status $status: $output" && return 1; }
	done
	# One that ends early is as a stage that has died.
	anew
	told 1 'a stage before this one has died' between head -n 100
}

@test "another list of stages over a checkpoint: 2" {
	run -0 four
	fewer() (
		set -o pipefail
		stage replay in.jsonl 3>&- 4>&- | stage classify -q -m "$MODEL" 3>&- 4>&- | stage route -q '*=-' >>rest.jsonl 3>&- 4>&-
	)
	told 2 'replay,classify,route' fewer
	run -0 four
	same_as
}

@test "metrics and -v tell of the commits" {
	run -0 bash -o pipefail -c "sml-replay --interval 5ms --rate 20000/s in.jsonl | sml-route -v --metrics m.prom '*=out.jsonl'"
	n=$(epoch)
	[[ $output == *"$n  commits, "*" ms each, "*" ms the longest"* ]]
	grep -q "^sml_route_checkpoint_epoch{.*} $n\$" m.prom
	grep -q "^sml_route_checkpoint_commits_total{.*} $n\$" m.prom
	grep -q '^sml_route_checkpoint_commit_seconds_total{.*} [0-9.e-]*$' m.prom
	[ "$(awk '/^sml_route_checkpoint_last_commit_timestamp_seconds/ { print int($2) }' m.prom)" -gt $(($(date +%s) - 60)) ]
	# Without a checkpoint there is nothing of the kind.
	SML_CHECKPOINT='' sml-route -q --metrics n.prom '*=null' <in.jsonl
	run ! grep checkpoint n.prom
}

@test "two pipelines with one directory: the second ends with 2, the first goes on" {
	mkdir pids
	short_of --rate 1000/s in.jsonl 3>&- &
	pid=$!
	stop_later $pid
	wait_for 10 test -s ck/COMMIT
	mv pids first
	told 2 'is in use by process' four
	kill -TERM "$(cat first/replay)"
	wait $pid
	run -0 short_of in.jsonl
	(unset SML_CHECKPOINT && sml-features -q -k userId -d 'n = count()' <in.jsonl) >plain
	cmp plain out.jsonl
}

@test "a disk that is full, or fails: 1, a message, and the next run goes on" {
	small
	local fault
	for fault in 'write ENOSPC 1+ */vip.jsonl' 'write ENOSPC 2+ */bad.jsonl' 'write ENOSPC 1+ */COMMIT*' 'write ENOSPC 1+ */OPENED' \
		'fdatasync EIO 2 */rest.jsonl' 'fsync EIO 2' 'rename ENOSPC 2' 'ftruncate EIO 1+ */vip.jsonl' 'open EMFILE 9+'; do
		anew
		victim=route rule=$fault run four
		if [[ $fault == ftruncate* ]]; then
			printf more >>vip.jsonl
			victim=route rule=$fault run four
		fi
		[ "$status" -eq 1 ] || { echo "$fault: status $status: $output" && return 1; }
		[[ $output == *'sml-route: '*@(No space left on device|Input/output error|Too many open files)* ]] || { echo "$fault: $output" && return 1; }
		until_done four
		same_as plain.1000 || { echo "$fault" && return 1; }
	done
}

@test "a file that grows beyond a real disk: 1, and with room it goes on" {
	mkdir disk
	run unshare -rm mount -t tmpfs -o size=64k tmpfs "$PWD/disk"
	[ "$status" -eq 0 ] || skip "no file system can be mounted here"
	cat >inside.sh <<-'SH'
	mount -t tmpfs -o size=1m tmpfs disk
	set -o pipefail
	go() {
		sml-replay --interval 2ms in.jsonl | sml-features -q -k userId -d 'n = count()' | sml-route -q '*=disk/out.jsonl'
	}
	go
	echo "status $?"
	mount -o remount,size=64m disk
	go
	echo "status $?"
	cp disk/out.jsonl .
	SH
	run -0 unshare -rm bash inside.sh 3>&- 4>&-
	[[ $output == *'No space left on device'*'status 1'*'status 0' ]]
	(unset SML_CHECKPOINT && sml-features -q -k userId -d 'n = count()' <in.jsonl) >plain
	cmp plain out.jsonl
}

@test "two runs that die when they have committed, and the file of the first is not touched again: it stays as it is" {
	dated() (
		set -o pipefail
		stage replay in.jsonl | stage features -q -k d -d 'n = count()' | stage route -q '*=day-{date}.jsonl'
	)
	# day N: a hundred events of that day more
	day() {
		jq -cn --argjson day "$1" 'range(100) | {d: "a", timestamp: ($day * 86400000 + 1719964800000 + .)}' >>in.jsonl
	}
	: >in.jsonl
	day 0
	victim=route rule='truncate before 1' run dated
	equal 137 "$status"
	cp day-2024-07-03.jsonl was
	day 1
	victim=route rule='truncate before 1' run dated
	equal 137 "$status"
	# One of which nothing has been committed may go.
	day 2
	victim=route rule='fdatasync before 2' run dated
	equal 137 "$status"
	grep -q 07-05 ck/OPENED
	rm day-2024-07-05.jsonl
	run -0 dated
	cmp was day-2024-07-03.jsonl
	equal 100 "$(wc -l <day-2024-07-04.jsonl)"
	equal 100 "$(wc -l <day-2024-07-05.jsonl)"
}

@test "a note of what is written to that is torn spoils none of the next run" {
	small
	in_one_epoch() {
		four_of --interval 10s in.jsonl
	}
	victim=route rule='write torn 1 */OPENED' run in_one_epoch
	equal 137 "$status"
	[ -s ck/OPENED ]
	[ "$(tail -c 1 ck/OPENED | wc -l)" = 0 ]
	# It has written to the files, and dies before the first commit.
	victim=route rule='rename before 1 */COMMIT*' run in_one_epoch
	equal 137 "$status"
	[ ! -e ck/COMMIT ]
	[ -s vip.jsonl ]
	until_done in_one_epoch
	same_as plain.1000
}

@test "files that are called as descriptors are" {
	into() (
		set -o pipefail
		stage replay --interval 2ms --rate 100000/s in.jsonl 4>&- |
			stage route -q 'totalValue > 80=stdout' 'totalValue > 40=descriptor 4' 'totalValue > 20=4' '*=-' 4>>out.4 >>out.1
	)
	run -0 into
	mkdir was
	mv stdout 'descriptor 4' out.* was
	rm -rf ck
	local k
	for k in 20 60 100; do
		victim=route rule="write after $k" run into
		equal 137 "$status"
	done
	until_done into
	for file in stdout 'descriptor 4' out.1 out.4; do
		[ -s "$file" ]
		cmp "was/$file" "$file"
	done
	equal './descriptor 4,./stdout,descriptor 4,stdout' "$(jq -r '[.out[].name] | sort | join(",")' ck/COMMIT)"
}

@test "a share of errors that is too large only at the end stops the run before its last epoch is committed" {
	head -n 900 "$INPUT" >in.jsonl	# less than is judged on the way
	share_in() (
		set -o pipefail
		local b=() c=()
		case $1 in features) b=(--max-errors 0.01%) ;; route) c=(--max-errors 0.01%) ;; esac
		if [ "$2" = chain ]; then
			sml replay in.jsonl then features -q "${b[@]}" "$SPEC" then route -q "${c[@]}" 'userId > 1=null' '*=-' >>out.jsonl
		else
			stage replay in.jsonl | stage features -q "${b[@]}" "$SPEC" | stage route -q "${c[@]}" 'userId > 1=null' '*=-' >>out.jsonl
		fi
	)
	local name kind
	for kind in pipe chain; do
		for name in features route; do
			anew
			told 3 'over --max-errors' share_in $name $kind
			[ ! -e ck/COMMIT ] || { echo "$kind, $name: committed" && return 1; }
			run -0 share_in none $kind
			[ -e ck/COMMIT ]
		done
	done
}

@test "the pipeline's status is the cause's" {
	status_of() (
		set -o pipefail
		stage replay in.jsonl 3>&- 4>&- | stage features -q "$@" "$SPEC" 3>&- 4>&- | stage classify -q -m "$MODEL" 3>&- 4>&- |
			stage route -q '*=-' >>out.jsonl 3>&- 4>&-
	)
	told 3 'stopped by features' status_of --max-errors 3
	anew
	told 3 'stopped by features' status_of --on-bad stop
	anew
	# A killed stage: 1 of those behind it, or the signal where it was the last.  Half a line is no bad line.
	local k
	for k in 2 3 4; do
		anew
		victim=classify rule="write torn $k" told 1 'a stage before this one has died' stopping
	done
	anew
	victim=route rule='write before 2' run four
	equal 137 "$status"
	# What is wrong with the source is known behind it.
	anew
	run -0 four
	purchases -n 100 --seed 9 >in.jsonl
	told 2 'stopped by replay' four
}

@test "the cause is heard behind, whatever bytes are in it" {
	caused() (
		set -o pipefail
		stage replay "$1" 3>&- 4>&- | stage features -q -k userId "${@:2}" 3>&- 4>&- | stage route -q '*=-' >>out.jsonl 3>&- 4>&-
	)
	printf '%s\n' '{"userId":1}' >in.jsonl
	told 2 'sml-route: stopped by features: spec: caf?.features: No such file' caused in.jsonl -f $'caf\xe9.features'
	told 1 'sml-route: stopped by replay: caf?.jsonl: No such file' caused $'caf\xe9.jsonl' -d 'n = count()'
	# Cut in the middle of a character, at one length or the other.
	local long before
	printf -v long '\xc3\xa9%.0s' {1..200}
	for before in x xx; do
		told 1 "sml-route: stopped by replay: $before/éé" caused "$before/$long" -d 'n = count()'
		[[ $output != *'a control record'* ]]
	done
}

stopping() (
	set -o pipefail
	stage replay in.jsonl 3>&- 4>&- | stage classify -q -m "$MODEL" 3>&- 4>&- | stage route -q --on-bad stop 'userId == ""=null' '*=-' >>out.jsonl 3>&- 4>&-
)
