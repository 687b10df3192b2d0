#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A real Apache Kafka with TLS, passwords and rights: a user with the rights that sml-checkpoint(7) lists needs no more, and one who
# lacks one of them, or has another password, is told so.
# shellcheck disable=SC1010,SC2030,SC2031,SC2034,SC2154,SC2317 # "then" is a word of sml; tests are subshells; $victim and $rule are of stage()
load helper
load checkpoint

PASSWORD=not-to-be-shown

# Who lacks what is said by the name.
USERS=(full other no-id half-id no-group half-group no-source no-target half-target no-offsets)

# rights USER: of a pipeline of that name, as in sml-checkpoint(7)
rights() {
	printf "allow $1 %s\n" "write transaction sml-$1" "describe transaction sml-$1" "read group sml-$1" 'write topic to' 'read topic to' \
		'read topic from'
}

setup_file() {
	load helper
	local user users=()
	for user in "${USERS[@]}"; do
		users+=(--user "$user=$PASSWORD")
	done
	kafka_start --acl "${users[@]}"
	SECURE=$(cat "$DIR/bootstrap.sasl")
	export SECURE
	purchases -n 3000 --users 50 --plain >"$BATS_FILE_TMPDIR/in.jsonl"
	kafka-produce -b "$BOOT" -t from --create 3 --key-field userId <"$BATS_FILE_TMPDIR/in.jsonl"
	kafka-produce -b "$BOOT" -t to --create 3 </dev/null
	kafka-produce -b "$BOOT" -t plain --create 1 </dev/null
	{
		rights full
		rights other
		rights no-id | grep -v ' transaction '
		rights half-id | grep -v 'write transaction'
		rights no-group | grep -v ' group '
		rights half-group | sed 's/read group/describe group/'
		rights no-source | grep -v ' from'
		rights no-target | grep -v ' to$'
		rights half-target | grep -v 'write topic'
		rights no-offsets | grep -v 'read topic to'
		printf 'allow other %s\n' 'read group reading' 'write topic plain' 'read topic plain'
	} | python3 "$SML_ROOT/test/helper/kafka-acl.py" "$BOOT"
	keytool -genkeypair -keyalg EC -groupname secp256r1 -dname CN=localhost -validity 10 -alias another -storepass for-tests \
		-storetype PKCS12 -keystore "$BATS_FILE_TMPDIR/another.p12" 2>/dev/null
	keytool -exportcert -rfc -alias another -storepass for-tests -keystore "$BATS_FILE_TMPDIR/another.p12" \
		>"$BATS_FILE_TMPDIR/another.pem" 2>/dev/null
}

teardown_file() {
	kafka_stop
}

setup() {
	common_setup
	export SML_CHECKPOINT=$PWD/ck KAFKA_BOOTSTRAP_SERVERS=$SECURE
	as full
}

# as USER [SED-COMMAND]: with these properties, in a file that may have been changed; the pipeline has the user's name
as() {
	export SML_PIPELINE=$1
	sed -n "s|^# *||; ${2-}; p" >properties <<-FILE
		# security.protocol=SASL_SSL
		# sasl.mechanism=PLAIN
		# sasl.username=$1
		# sasl.password=$PASSWORD
		# ssl.ca.location=$DIR/ca.pem
	FILE
	how=(-F properties)
}

# by_hand: the same as options
by_hand() {
	local property
	how=()
	while read -r property; do
		how+=(-X "$property")
	done <properties
}

# three [OPTION]...: from topic to topic
three() (
	set -o pipefail
	stage replay "${how[@]}" --interval 20ms -e "$@" kafka:from 3>&- | stage features -q -k userId -d 'n = count()' 3>&- |
		stage route -q "${how[@]}" --message-key userId '*=kafka:to' 3>&-
)

# committed TOPIC [PARTITION]
committed() {
	kcat -b "$BOOT" -C -q -e -X isolation.level=read_committed -t "$1" ${2:+-p "$2"}
}

# has_gone_on [EPOCH]: there is a commit behind that one
has_gone_on() {
	[ -e ck/COMMIT ] && [ "$(jq .barrier.e ck/COMMIT)" -gt "${1-0}" ]
}

@test "with the rights that are listed and no other, killed at random: each record once" {
	local k pid disturbed=0 p epoch=0
	mkdir pids
	RANDOM=3
	for ((k = 0; k < 6; k++)); do
		rm -f pids/*
		as full
		[ $((k % 2)) = 0 ] || by_hand
		three --rate 2000/s 2>/dev/null 3>&- &
		pid=$!
		wait_for 10 all_noted 3
		# The command line is for everyone to read.
		[ $((k % 2)) = 1 ] || [ "$(cat pids/* | xargs -I{} cat /proc/{}/cmdline | grep -ac "$PASSWORD")" = 0 ]
		wait_for 20 has_gone_on "$epoch"
		disturb $pid
		epoch=$(jq .barrier.e ck/COMMIT)
	done
	[ "$disturbed" -ge 4 ]
	until_done three
	as full
	run -0 sml replay "${how[@]}" -e kafka:from then features -q -k userId -d 'n = count()' then \
		route -q "${how[@]}" --message-key userId '*=kafka:to'
	for p in 0 1 2; do
		cmp <(kcat -b "$BOOT" -C -q -e -t from -p $p | SML_CHECKPOINT='' sml-features -q -k userId -d 'n = count()') <(committed to $p)
	done
	run ! grep -rlF "$PASSWORD" ck
}

# lacks USER TEXT...: 2, and in what is said are these
lacks() {
	local text
	rm -rf ck
	as "$1"
	told 2 "${2-}" three
	for text in "${@:3}"; do
		[[ $output == *"$text"* ]] || { echo "not said: $text: $output" && return 1; }
	done
	[[ $output != *"$PASSWORD"* ]]
}

@test "a right that is missing: 2, and which one it is" {
	local before
	before=$(committed to | wc -l)
	lacks no-id 'Transactional Id authorization failed' 'needs Write and Describe on the transactional id'
	lacks half-id 'Transactional Id authorization failed' 'needs Write and Describe on the transactional id'
	lacks no-group 'sml-no-group: ' 'Group authorization failed' 'needs Read on the group'
	lacks half-group 'sml-half-group: ' 'Group authorization failed' 'needs Read on the group'
	lacks no-source 'sml-replay: kafka:from: Broker: Topic authorization failed (the user needs Read on the topic)' 'sml-features: stopped by replay: '
	lacks no-target 'kafka:to: Broker: Topic authorization failed (the user needs Write on the topic)'
	lacks half-target 'Topic authorization failed' 'needs Write on each topic: to)'
	lacks no-offsets 'sml-no-offsets: ' 'to[0]' 'Topic authorization failed' 'needs Read on the topic'
	equal "$before" "$(committed to | wc -l)"
}

@test "a right that is taken away while the pipeline runs: 2" {
	local right pid result
	as other
	for right in 'write topic to' 'write transaction sml-other'; do
		three --rate 200/s 2>err 3>&- &
		pid=$!
		stop_later $pid
		wait_for 20 has_gone_on
		python3 "$SML_ROOT/test/helper/kafka-acl.py" "$BOOT" <<<"deny other $right"
		result=0
		wait $pid || result=$?
		equal 2 $result
		grep -q 'authorization failed' err
	done
}

@test "another password, another authority, or none: refused, under a checkpoint with 2" {
	local refused='no access to Kafka at '
	as full 's/password=.*/password=another-not-to-be-shown/'
	told 2 "$refused$SECURE (from \$KAFKA_BOOTSTRAP_SERVERS): " three
	[[ $output == *'Authentication failed'* ]]
	by_hand
	told 2 'Authentication failed' three
	as full "s|location=.*|location=$BATS_FILE_TMPDIR/another.pem|"
	told 2 'certificate verify failed' three
	as full "s|location=.*|location=nowhere.pem|"
	told 2 'ssl.ca.location' three
	[ ! -e ck/COMMIT ]
	# Without a checkpoint each tool says so for itself.
	as full 's/password=.*/password=another-not-to-be-shown/'
	unset SML_CHECKPOINT SML_PIPELINE
	told 1 "sml-replay: $refused" sml-replay "${how[@]}" -e kafka:from
	told 1 "sml-route: $refused" sml-route "${how[@]}" '*=kafka:to' <<<'{}'
	[[ $output != *not-to-be-shown* ]]
}

@test "SCRAM-SHA-512 works, and with a librdkafka that cannot do it what it needs is said" {
	local version
	version=$(sml-replay --version | sed -n 's/^librdkafka //p')
	as full 's/PLAIN/SCRAM-SHA-512/'
	if [ "$(printf '%s\n' 2.6.1 "$version" | sort -V | head -n 1)" = 2.6.1 ]; then
		run -0 three
	else
		told 2 'SCRAM with Kafka 4 needs librdkafka 2.6.1 or newer' three
		[[ $output == *'SASL mechanism SCRAM-SHA-512'* ]]
	fi
	[[ $output != *"$PASSWORD"* ]]
}

@test "without a checkpoint: topics, a group and the hand-over work, and a missing right is named" {
	unset SML_CHECKPOINT SML_PIPELINE
	as full
	sml-replay "${how[@]}" -q -e kafka:from | sort | cmp - <(sort "$BATS_FILE_TMPDIR/in.jsonl")
	told 1 'Topic authorization failed (the user needs Write on the topic)' sml-route "${how[@]}" '*=kafka:plain' <<<'{}'
	told 1 'Group authorization failed (the user needs Read on the group)' sml-replay "${how[@]}" -G reading -e kafka:from
	as other
	head -n 100 "$BATS_FILE_TMPDIR/in.jsonl" >some
	run -0 sml-route "${how[@]}" -q '*=kafka:plain' <some
	same_file some <(sml-replay "${how[@]}" -q -G reading -X auto.offset.reset=earliest -e kafka:plain)
	equal '' "$(sml-replay "${how[@]}" -q -G reading -e kafka:plain)"
	same_file some <(sml-replay "${how[@]}" -q -e some kafka:plain)
	as no-target
	told 1 'needs Write on the topic' sml-route "${how[@]}" '*=kafka:from' <<<'{}'
}

@test "the password is nowhere: not in what is said, metrics, error records, the checkpoint" {
	local said=(-v -v) debug=(-X "debug=conf,security,broker,eos")
	as other
	echo '{' | kafka-produce -b "$BOOT" -t from
	(
		set -o pipefail
		sml-replay "${said[@]}" "${how[@]}" "${debug[@]}" --meta -e kafka:from |
			sml-features "${said[@]}" --metrics m.features -k userId -d 'n = count()' |
			sml-route "${said[@]}" --metrics m.route "${how[@]}" "${debug[@]}" error=bad.out '*=all.out'
	) >out 2>err
	[ -s bad.out ]
	[ -s m.route ]
	grep -q SASL err
	as other 's/password=.*/password=another-not-to-be-shown/'
	run three -v -v
	echo "$output" >>err
	rm properties
	run ! grep -rlF not-to-be-shown .
	[ -e ck/COMMIT ]
}
