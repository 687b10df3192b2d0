#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What every tool promises about its options, taken from the tables that the tools themselves show: sml(7).
# shellcheck disable=SC1010,SC2154 # "then" is a word of sml; $output and $stderr are of bats
load helper
load contract

setup() {
	contract_setup
}

# tables: a line per option, the tool before it, then as --list-options
tables() {
	local tool
	for tool in $binaries; do
		"$tool" --list-options | sed "s/^/$tool\t/"
	done
}

# mistake TOOL ARGUMENT...: status 2 before anything is read, one line that begins with the tool's name and ends with where to
# look, nothing on stdout
mistake() {
	wrong_use "$@"
	[[ $said == "$1: "*" (see $1 --help)" ]] || { echo "$* says: $said" && return 1; }
}

# The same for what need not be a mistake of the command line alone.  ($said, and not run: there are many.)
wrong_use() {
	local got status=0
	got=$("$@" 2>said <&-) || status=$?
	said=$(<said)
	[[ $status = 2 && -z $got && $said == "${1##*/}: "* && $said != *$'\n'* ]] || { echo "$*: $status, prints $got, says $said" && return 1; }
}

# each_option FUNCTION: of all tools, called with tool, letter, name, argument
each_option() {
	local row rows
	mapfile -t rows < <(tables)
	[ ${#rows[@]} -gt 100 ]
	for row in "${rows[@]}"; do
		IFS=$'\t' read -r -a row <<<"$row"
		"$1" "${row[@]:0:4}"
	done
}

@test "a letter, and a long name, mean the same in every tool" {
	tables | cut -f 2- | sort -u >rows
	equal '' "$(cut -f 2 rows | sort | uniq -d)" "one name, two rows"
	cut -f 1,2 rows | grep -v ^- | sort -u >letters
	equal '' "$(cut -f 1 letters | uniq -d)" "one letter, two names"
	equal '' "$(cut -f 2 letters | sort | uniq -d)" "one name, two letters"
}

@test "letters are those of sml(7), Kafka's those of kcat" {
	tables | cut -f 2,3 | grep -v ^- | LC_ALL=C sort -u | tr '\t\n' '= ' >got
	equal 'F=config G=group T=time V=version X=property b=brokers c=count d=define e=exit f=spec h=help j=jobs k=key m=model o=offset p=partition q=quiet t=threshold v=verbose x=features y=label ' \
		"$(cat got)"
}

@test "each tool has the common options" {
	for tool in $binaries; do
		"$tool" --list-options | cut -f 2 >names
		for name in help version list-options quiet verbose time metrics no-progress on-bad max-errors max-line; do
			grep -qx -- "$name" names
		done
	done
}

@test "--help: 30 lines at most, 120 columns, three examples, its own name; --help=all: every option" {
	for tool in sml $binaries; do
		"$tool" --help >help
		[ "$(wc -l <help)" -le 30 ]
		[ "$(wc -L <help)" -le 120 ]
		grep -q "^usage: $tool " help
		sed -n '/^examples:$/,/^$/p' help | grep '^  ' >examples
		equal 3 "$(wc -l <examples)" "$tool"
		equal 0 "$(grep -vc "\<$tool\>" examples)" "$tool"
		"$tool" -h | cmp - help
		"$tool" --help=all >all
		"$tool" --list-options | while IFS=$'\t' read -r letter name argument help; do
			grep -q -- "^  ..*--$name\>.*  ${help//\[/\\[}\$" all
			[ "$letter" = - ] || grep -q -- "^  -$letter, --$name" all
			[ "$argument" = - ] || grep -qF -- "--$name${argument/#[![]/ ${argument:0:1}}" all
		done
		# what is on the first screen is in the whole
		run -1 grep -vxFf all <(sed -n 's/^  .*--.*/&/p' help | grep -v '^  s')
	done
}

@test "--help and --version come before mistakes behind them, not before those in front" {
	for tool in $binaries; do
		run -0 --separate-stderr "$tool" --version --no-such-option
		mistake "$tool" --no-such-option --version
		run -0 --separate-stderr "$tool" -qvV </dev/null
		[[ $output == "$tool "* ]]
	done
}

@test "unknown letters and names: one line, with what was typed" {
	for tool in $binaries; do
		for letter in Z 9 '?' '%' W J:; do
			mistake "$tool" "-$letter"
			[[ $said == "$tool: unknown option \"-${letter:0:1}\" "* ]]
			mistake "$tool" "-q$letter"
		done
		for name in --no-such-option --no-such=1 --= --QUIET ---quiet --quiet- $'--a\nb' $'--\e[31m' --é; do
			mistake "$tool" "$name"
			[[ $said == "$tool: unknown option \""* && $said != *$'\e'* ]]
		done
		mistake "$tool" $'-\xff'
	done
	mistake sml --no-such-option
	mistake sml -Z
	mistake sml no-such-tool
}

# A name that is one letter too short, and half of it; one that is too long.
refuses_parts() {
	local tool=$1 name=$3 part value=
	[ "$4" = - ] || value="=1"
	for part in "${name%?}" "${name:0:$((${#name} / 2))}"; do
		if [[ $names != *$'\n'"$tool $part"$'\n'* ]]; then
			mistake "$tool" "--$part$value"
			[[ $said == "$tool: unknown option \"--$part\""* ]]
		fi
	done
	mistake "$tool" "--${name}x"
	[[ $said == *"did you mean \"--$name\"?"* ]]
}

@test "long names are typed whole: a beginning of one is refused, and the nearest is shown" {
	names=$'\n'$(tables | cut -f 1,3 | tr '\t' ' ')$'\n'
	each_option refuses_parts
}

checks_argument() {
	local tool=$1 letter=$2 name=$3 argument=$4
	case $argument in
	-)
		mistake "$tool" "--$name=yes"
		equal "$tool: --$name takes no argument (see $tool --help)" "$said"
		mistake "$tool" "--$name="
		;;
	'[=all]')
		mistake "$tool" "--$name=most"
		;;
	*)
		mistake "$tool" "--$name"
		equal "$tool: --$name needs its argument, $argument (see $tool --help)" "$said"
		[ "$letter" != - ] || return 0
		mistake "$tool" "-q$letter"
		equal "$tool: -$letter needs its argument, $argument (see $tool --help)" "$said"
		;;
	esac
}

@test "an argument that is missing, or one too many" {
	each_option checks_argument
}

# base TOOL: what it needs beside the option in question
base() {
	case $1 in
	sml-features) echo "-d n=count()" ;;
	sml-classify) echo "-m $SML_ROOT/data/model.json" ;;
	sml-train) echo "-y label -m -" ;;
	sml-route) echo "x=-" ;;
	esac
}

is_strict() {
	local tool=$1 name=$3 argument=$4 value wrong=()
	case $argument in
	N) wrong=('' x 1x 0x10 1e '1 2' -1 0 1.5 99999999999999999999999 nan inf) ;;
	X | LAMBDA | P) wrong=('' x 1x 0x10 1e '1 2' -1 nan inf '1,5' 1e999) ;;
	N/s) wrong=('' x 1x 0x10 '1 2' -1 0 nan inf '1,5' 10/m /s) ;;
	N%) wrong=('' x 1x 10 -1% 0% 100% nan% % 10%%) ;;
	'N|N%') wrong=('' x 1x 0x10 -1 1.5 nan% % 101% -1% 10%%) ;;
	BYTES) wrong=('' x 1x 0x10 -1 0 1.5 16m 1Q 99999999999999999999G) ;;
	D) wrong=('' x 10 1x -1s 0x1s 1m1h s '1 s' 99999999999d) ;;
	TIME) wrong=('' x 2024-13-01T00:00:00Z 1x --1h) ;;
	*VALUE*) ;;
	*'|'*) wrong=('' x "$argument" "${argument%%|*}x" "${argument^^}") ;;
	esac
	for value in "${wrong[@]}"; do
		[[ $name=$value != @(attempts|seed)=0 ]] || continue	# any number
		# shellcheck disable=SC2046 # words
		wrong_use "$tool" $(base "$tool") "--$name=$value"
		[[ $said == *"--$name"*"$value"* ]] || { echo "$tool --$name='$value': $said" && return 1; }
	done
	strict=$((strict + ${#wrong[@]}))
}

@test "numbers, durations, sizes and choices are strict; the message names option and value" {
	strict=0
	each_option is_strict
	[ $strict -gt 200 ]
}

@test "an option given twice: the last one counts; a list is gathered" {
	records 1 3 >in
	printf 'x\nx\n' >>in
	run -0 --separate-stderr sml-features -d 'n = count()' --max-errors 0 --max-errors 5 -q in
	equal 5 "${#lines[@]}"
	run -0 sml-features -q -d 'n = count()' -d 'm = id' in
	equal '{"n":1,"m":1}' "$(head -n 1 <<<"$output" | jq -c .features)"
}

@test "letters may stand together, and with their argument" {
	records 1 2 >in
	equal '1 2' "$(sml-features -qvd'n = count()' -kid in | ids)"
	equal '1' "$(sml-replay -qc1 in | ids)"
	equal '1' "$(sml-replay -qc 1 in | ids)"
	mistake sml-replay -qcx in
}

@test "sml TOOL takes what sml-TOOL takes, and gives the same" {
	{ records 1 3; echo x; } >in
	for t in $filters replay train; do
		set --
		[ "$t" != features ] || set -- -d 'n = count()' -v
		[ "$t" != classify ] || set -- -m "$SML_ROOT/data/model.json" -t 0.3
		[ "$t" != route ] || set -- 'id > 1=-' error=null '*=null'
		[ "$t" != train ] || set -- -y label -x id -m -
		"sml-$t" "$@" <in >one 2>err.one
		sml "$t" "$@" <in >other 2>err.other
		same_file one other
		equal "$(grep -v ' s, ' err.one)" "$(grep -v ' s, ' err.other)"
		run -2 --separate-stderr sml "$t" --no-such-option
		equal "sml-$t: unknown option \"--no-such-option\" (see sml-$t --help)" "$stderr"
	done
}

@test "-T and \$SML_TIME are the event time of every tool; a spec's own line wins" {
	for tool in $binaries; do
		# shellcheck disable=SC2046 # words
		for wrong in 'a b' at:min 'at[' '' ':ms'; do
			wrong_use "$tool" $(base "$tool") --time "$wrong"
			[[ $said == *--time* ]]
			[ -n "$wrong" ] || continue
			SML_TIME=$wrong wrong_use "$tool" $(base "$tool")
			[[ $said == *\$SML_TIME* ]]
		done
	done
	echo '{"k":1,"at":"1970-01-01T03:00:00Z","timestamp":0,"t":18000}' >in
	printf '%s\n' 'key k' 'emit features' 'n = count()' >spec
	{ echo 'time timestamp ms' && cat spec; } >timed
	seen() { jq -r 'keys_unsorted[1]'; }
	equal timestamp "$(sml-features spec in | seen)"
	equal at "$(SML_TIME=at:rfc3339 sml-features spec in | seen)"
	equal t "$(SML_TIME=at:rfc3339 sml-features -T t:s spec in | seen)"
	equal timestamp "$(SML_TIME=at:rfc3339 sml-features -T t:s timed in | seen)"
	sml-route '*=a-%H' <in
	SML_TIME=at:rfc3339 sml-route '*=b-%H' <in
	SML_TIME=at:rfc3339 sml-route -T t:s '*=c-%H' <in
	equal 'a-00 b-03 c-05' "$(echo [abc]-*)"
}
