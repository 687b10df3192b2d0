#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Help, man page and option table are one list, what a page promises is there, and every example in it runs.
# shellcheck disable=SC2030,SC2031 # each test is a subshell
load helper

tools=(sml-replay sml-features sml-classify sml-route sml-train)

# listed TOOL: "letter name argument" of each option, as the tool says it
listed() {
	"$1" --list-options | awk -F '\t' '{ gsub(/[][\047" ]/, "", $3); print $1, $2, $3 }' | sort -k 2
}

# documented PAGE: the same from the .It lines of its section OPTIONS, less those of lists in a list
documented() {
	awk '
		/^\.Sh/ { on = $2 == "OPTIONS" }
		/^\.Bl/ { depth++ }
		/^\.El/ { depth-- }
		on && depth == 1 && /^\.It Fl/ {
			letter = "-"; name = ""; argument = ""
			for (i = 2; i <= NF; i++) {
				if ($i == "Fl") {
					i++
					if ($i ~ /^-/) name = substr($i, 2); else letter = $i
				} else if ($i !~ /^(,|Ar|Cm|Li|Ns|Op|Oo|Oc|Brq|Pf|Sm|on|off)$/)
					argument = argument $i
			}
			gsub(/\\\(aq|\\&|[][\047" ]/, "", argument)
			print letter, name, argument == "" ? "-" : argument
		}' "$1" | sort -k 2
}

# synopsis PAGE: as one line of text
synopsis() {
	mandoc -Tascii -Owidth=500 "$1" | sed 's/.\x08//g' | awk '/^[A-Z]/ { on = $1 == "SYNOPSIS"; next } on' | one_line
}

one_line() {
	tr -s ' \n' ' ' | sed 's/ \.\.\./.../g; s/^ //; s/ $//'
}

# read_displays PAGE SECTION: its commands[], and what it shows of what they print in shown[], the displays that are further in
read_displays() {
	local display
	commands=() shown=()
	while IFS= read -r -d $'\f' display; do
		display=${display#$'\n'}
		display=${display%$'\n'}
		if [[ $display == $'\v'* ]]; then
			shown[${#commands[@]} - 1]=${display#$'\v'}
		else
			commands+=("$display")
		fi
	done < <(awk -v name="$2" '
		/^\.Sh/ { on = substr($0, 5) == name }
		/^\.Ed/ && show { print "\f"; show = 0 }
		on && show
		/^\.Bd -literal/ { show = on; if (on && /-offset indent-two/) printf "\v" }' "$1" |
		sed "s/\\\\&//g; s/\\\\(aq/'/g; s/\\\\(dq/\"/g; s/\\\\-/-/g; s/\\\\e/\\\\/g")
}

# like SHOWN GOT: the same text, but that "..." in SHOWN is for anything in a line and, alone, for any lines
like() {
	local pattern
	pattern=$(awk '
		$0 == "..." { printf "(?:[^\\n]*\\n)*"; next }
		{ gsub(/\.\.\./, "\\E[^\\n]*\\Q"); printf "\\Q%s\\E\\n", $0 }' <<<"${1%$'\n'}")
	printf '%s\n' "${2%$'\n'}" | grep -Pzq "\A$pattern\z"
}

# The mock cluster makes every topic that is asked for.
with_broker() {
	mock-broker --seconds 300 >bootstrap </dev/null 3>&- &
	stop_later $!
	wait_for 10 test -s bootstrap
}

# What a reader's broker would hold.
with_purchases() {
	head -n 100 "$SML_ROOT/data/purchases.jsonl" |
		sml-route -b "$(cat bootstrap)" '*=kafka:purchases'
}

@test "the pages are good mdoc" {
	run mandoc -Tlint -Wwarning "$SML_ROOT"/man/*.[1-8]
	[ "$status" -eq 0 ] || { grep -v 'mandoc.db' <<<"$output" && false; }
}

@test "each tool has a page, and the pages name every tool" {
	run -0 sml --list-tools
	equal "$(printf '%s\n' "${tools[@]#sml-}")" "$(cut -f 1 <<<"$output")"
	for tool in "${tools[@]}"; do
		[ -e "$SML_ROOT/man/$tool.1" ]
		grep -q "^\.It Cm ${tool#sml-}" "$SML_ROOT/man/sml.1"
		grep -q "^\.It Xr $tool 1" "$SML_ROOT/man/sml.7"
	done
}

@test "the options of a tool are those of its page" {
	for tool in sml "${tools[@]}"; do
		equal "$(listed "$tool")" "$(documented "$SML_ROOT/man/$tool.1")" "$tool (- table, + page)"
	done
}

@test "the usage line is the page's synopsis" {
	for tool in sml "${tools[@]}"; do
		run -0 --separate-stderr "$tool" --help
		usage=$(sed '/^$/,$d; s/^usage: //' <<<"$output" | one_line)
		equal "$usage" "$(synopsis "$SML_ROOT/man/$tool.1")" "$tool (- usage, + SYNOPSIS)"
	done
}

@test "the purpose of a tool is the page's" {
	for tool in sml "${tools[@]}"; do
		purpose=$("$tool" --help | sed -n '/^$/{n;p;q}')
		equal "$purpose" "$(sed -n 's/^\.Nd //p' "$SML_ROOT/man/$tool.1")" "$tool (- help, + page)"
	done
	for tool in "${tools[@]}"; do
		purpose=$(sed -n 's/^\.Nd //p' "$SML_ROOT/man/$tool.1")
		equal "$purpose" "$(sml --list-tools | sed -n "s/^${tool#sml-}\t//p")"
	done
}

@test "help is one screen with three examples, and help=all is the table" {
	for tool in sml "${tools[@]}"; do
		run -0 --separate-stderr "$tool" --help
		[ "${#lines[@]}" -le 30 ]
		[ "$(wc -l <<<"$output")" -le 30 ]
		equal 3 "$(sed -n '/^examples:$/,/^$/p' <<<"$output" | grep -c '^  ')" "$tool: examples"
		[[ $output == *"man $tool"* && $output == *"$tool --help=all"* ]]
		# What it shows is in the table.
		sed -n 's/^  \(-., \|    \)--\([a-z0-9-]*\).*/\2/p' <<<"$output" | sort >shown
		[ -s shown ]
		run -0 --separate-stderr "$tool" --help=all
		sed -n 's/^  \(-., \|    \)--\([a-z0-9-]*\).*/\2/p' <<<"$output" | sort >all
		equal "$(listed "$tool" | cut -d ' ' -f 2 | sort)" "$(cat all)" "$tool --help=all"
		equal '' "$(comm -23 shown all)"
	done
}

@test "help fits a terminal" {
	for tool in sml "${tools[@]}"; do
		run -0 --separate-stderr "$tool" --help=all
		long=$(awk '/^examples:/ { exit } length > 110' <<<"$output")
		equal '' "$long" "$tool"
	done
}

@test "a letter and a long name mean the same in every tool" {
	for tool in "${tools[@]}"; do
		"$tool" --list-options
	done | sort -u >rows
	equal '' "$(cut -f 2 rows | uniq -d)$(cut -f 2 rows | sort | uniq -d)" "a name with two meanings"
	equal '' "$(cut -f 1 rows | grep -v '^-$' | sort | uniq -d)" "a letter with two meanings"
}

# signatures: of the .It Fn lines of the page, as `functions` writes them
signatures() {
	awk '
		/^\.Sh/ { on = /FUNCTIONS|AGGREGATES/ }
		on && /^\.It Fn/ {
			text = $3 "("
			for (i = 4; i <= NF; i++)
				text = text (i > 4 ? ", " : "") $i
			print text ")"
		}' "$SML_ROOT/man/sml-expr.7"
}

@test "functions and aggregates are those of sml-expr(7), with their arguments" {
	run -0 functions
	# Where the table shows a list, the page has a name for it.
	table=$(functions | sed 's/bucket(x, \[.*/bucket(x, bounds)/; s/onehot(x, \[.*/onehot(x, categories)/' | sort)
	equal "$table" "$(signatures | sort)" "(- table, + page)"
	equal '' "$(cut -d '(' -f 1 <<<"$table" | uniq -d)" "both a function and an aggregate"
}

# examples_of SECTION: of sml-expr(7), "EXPRESSION -> VALUE" a line
examples_of() {
	awk -v name="$1" '/^\.Sh/ { on = $2 == name } on && /^\.Dl .* -> / { print substr($0, 5) }' "$SML_ROOT/man/sml-expr.7" |
		sed 's/\\(dq/"/g; s/\\e/\\/g'
}

# try_examples SECTION [OF]: each is what it says for the last of the records that the section, or section OF, shows
try_examples() {
	examples_of "$1" >examples
	[ -s examples ]
	{
		echo 'time t ms'
		sed 's/ -> .*//' examples | awk '{ print "e" NR " = " $0 }'
	} >spec
	read_displays "$SML_ROOT/man/sml-expr.7" "${2-$1}"
	printf '%s\n' "${commands[@]}" | grep -E '^ ?["{]' | jq -c . >events
	sml-features spec events | tail -n 1 | jq -c '.features[]' >got
	equal "$(cat examples)" "$(sed 's/ -> .*//' examples | paste -d '\f' - got | sed 's/\f/ -> /')"
	cat examples >>all
}

@test "the examples of the expression language are true, and each function, aggregate, operator and clause has one" {
	for section in DESCRIPTION VALUES PATHS OPERATORS FUNCTIONS; do
		try_examples $section DESCRIPTION
	done
	try_examples AGGREGATES
	while read -r name; do
		grep -qE "(^|[^a-z0-9])$name\\(" all || { echo "no example: $name" && false; }
	done < <(signatures | sed 's/(.*//')
	# Clauses and operators.
	for what in 'over last 2' 'over 1s' 'every 2s' 'over tumbling' 'over session' offset decay 'exclude current' by where \
		not and or in 'not in' == '<' '>' + - '\*' / %; do
		grep -qE "(^|[ (])$what([ )\"0-9]|$)" all || { echo "no example: $what" && false; }
	done
}

# directives: of the page, "NAME<TAB>EXAMPLE" for each of its .It lines; without one EXAMPLE is empty
directives() {
	awk '
		function done() { if (name) print name "\t" example; name = example = "" }
		/^\.Ss The specification/ { on = 1 }
		on && /^\.El/ { done(); exit }
		on && /^\.It/ { done(); if ($2 == "Cm") name = $3 }
		on && name && /^\.Dl / { example = substr($0, 5) }' "$SML_ROOT/man/sml-features.1" | sed 's/\\(dq/"/g'
}

# A record for all the specifications of the page.
an_event() {
	printf '{"shop":{"id":3},"userId":"u1","truckId":"t1","itemId":1,"orderId":1,"kind":"order","sentAt":"2024-07-03T07:%02d:00Z",' "$1"
	printf '"timestamp":%d,"totalValue":%d,"basketSize":2,"speed":50}\n' $((1719990000000 + $1 * 1000)) "$2"
}

@test "the examples of directives and the specifications in sml-features(1) run, and each directive has one" {
	{ an_event 1 100; an_event 2 250; an_event 3 50; } >in
	read_displays "$SML_ROOT/man/sml-features.1" DESCRIPTION
	printf '%s\n' "${commands[@]}" | grep '^{"userId"' >accounts.jsonl
	directives >list
	equal 13 "$(wc -l <list)"
	while IFS=$'\t' read -r name example; do
		[[ $example == "$name "* ]] || { echo "$name: no example" && false; }
		printf '%s\n' "$example" 'n = count() over tumbling 1h' >x.features
		run -0 --separate-stderr sml-features x.features in
		[ -n "$output" ] && [ -z "$stderr" ] || { printf '%s: %s%s\n' "$example" "$output" "$stderr" && false; }
		[[ $output == *'"n":3'* && $output != *errorType* ]]
	done <list
	specs=0
	for text in "${commands[@]}"; do
		[[ $text =~ ^(key|lookup|join)\  ]] || continue
		specs=$((specs + 1))
		{ echo "$text"; grep -q ' = ' <<<"$text" || echo 'n = outcome.kind'; } >x.features
		run -0 --separate-stderr sml-features x.features in
		equal '' "$stderr"
		[ -n "$output" ] && [[ $output != *errorType* ]]
		# What it gives out stands behind it.
		! grep -q '^emit' <<<"$text" || grep -qxF -- "$output" <(printf '%s\n' "${commands[@]}")
	done
	[ "$specs" -ge 6 ]
}

@test "sections come in the order of mdoc(7), and pages are referred to in theirs" {
	for page in "$SML_ROOT"/man/*.[1-8]; do
		mapfile -t sections < <(sed -n 's/^\.Sh //p' "$page" |
			grep -xE 'NAME|SYNOPSIS|DESCRIPTION|OPTIONS|SIGNALS|ENVIRONMENT|FILES|EXIT STATUS|EXAMPLES|SEE ALSO|STANDARDS|CAVEATS')
		equal "$(printf '%s\n' NAME SYNOPSIS DESCRIPTION OPTIONS SIGNALS ENVIRONMENT FILES 'EXIT STATUS' EXAMPLES 'SEE ALSO' \
			STANDARDS CAVEATS | grep -xFf <(printf '%s\n' "${sections[@]}"))" "$(printf '%s\n' "${sections[@]}")" "${page##*/}"
		[ "$(grep -c '^\.Sh' "$page")" = "$(sed -n 's/^\.Sh //p' "$page" | sort -u | wc -l)" ]
		awk '/^\.Sh/ { on = $0 == ".Sh SEE ALSO"; next } on && /^\.Xr/ { print $3, $2 }' "$page" >see
		sort -c see
		[ -s see ]
		# Nobody is sent to where he is.
		run -1 grep -x "${page##*.} $(basename "${page%.*}")" see
	done
}

# item PAGE OPTION: what the page says of it
item() {
	awk -v name="$2" '
		/^\.It Fl/ { on = 0; for (i = 2; i < NF; i++) if ($i == "Fl" && $(i + 1) == "-" name) on = 1; next }
		/^\.Sh/ { on = 0 }
		on' "$1"
}

@test "a page says something of each option, and the default that help says" {
	for tool in sml "${tools[@]}"; do
		"$tool" --list-options >options
		while IFS=$'\t' read -r _ name _ help; do
			text=$(item "$SML_ROOT/man/$tool.1" "$name")
			[ -n "$text" ] || { echo "$tool --$name: nothing is said" && false; }
			default=$(sed -n 's/.* (\([a-z0-9:]*[0-9a-zA-Z]\)\(,.*\)\{0,1\})$/\1/p' <<<"$help")
			[ -z "$default" ] || grep -qF -- "$default" <<<"$text" ||
				{ echo "$tool --$name: $default is not in the page: $text" && false; }
		done <options
	done
}

# variables PAGE: those of its section ENVIRONMENT
variables() {
	awk '/^\.Sh/ { on = $2 == "ENVIRONMENT" } on && /^\.It Ev/ { for (i = 3; i <= NF; i++) if ($i != ",") print $i }' "$1" | sort
}

@test "environment variables are those that the programs read" {
	equal "$(grep -rhoE 'getenv\("[A-Z_]+"\)' "$SML_ROOT/lib" "$SML_ROOT/cmd" | grep -oE '[A-Z_]{2,}' | sort -u)" \
		"$(variables "$SML_ROOT/man/sml.7")" "(- getenv, + sml.7)"
	for tool in "${tools[@]}"; do
		want=SML_TIME
		! listed "$tool" | grep -q ' kind ' || want=$'SML_LIBXGBOOST\n'$want
		! listed "$tool" | grep -q ' shard ' || want=$'SML_SHARD\n'$want
		! listed "$tool" | grep -q ' pipeline ' || want=$'SML_PIPELINE\n'$want
		! listed "$tool" | grep -q ' checkpoint ' || want=$'SML_CHECKPOINT\n'$want
		! listed "$tool" | grep -q ' brokers ' || want=$'KAFKA_BOOTSTRAP_SERVERS\n'$want
		equal "$want" "$(variables "$SML_ROOT/man/$tool.1")" "$tool"
	done
}

@test "exit statuses are those that the programs have" {
	statuses=$(sed -n 's/^\tEXIT_[A-Z]* = \([0-9]*\),.*/\1/p' "$SML_ROOT/lib/stream/filter.h")
	[ -n "$statuses" ]
	for page in sml.7 "${tools[@]/%/.1}"; do
		equal "$statuses" "$(awk '/^\.Sh/ { on = $0 == ".Sh EXIT STATUS" } on && /^\.It/ { print $2 }' "$SML_ROOT/man/$page")" "$page"
	done
}

# measured PAGE: the metrics it has in a list of section or option WHERE
measured() {
	awk -v where="$2" '
		/^\.(Ss|Sh|It Fl)/ { on = index($0, where) }
		on && /^\.It Cm/ { for (i = 3; i <= NF; i++) if ($i != ",") print $i }' "$1"
}

@test "metrics are those of the pages" {
	with_broker
	with_purchases
	printf '{"x":%s,"y":%s}\n' 1.5 1 2 0 3 1 4 0 >rows
	sml-replay --metrics replay.prom -b "$(cat bootstrap)" -e kafka:purchases >/dev/null
	printf '%s\n' 'lookup a from ./rows on x' 'join b on x within 1s where y == 7' 'n = a.y' >x.features
	sml-features -q -T x --metrics features.prom x.features rows >/dev/null
	sml-train -q --metrics train.prom -y y -m model rows
	sml-classify --metrics classify.prom -m model rows >/dev/null
	sml-route --metrics route.prom 'x > 1=null' <rows >/dev/null
	for tool in "${tools[@]#sml-}"; do
		equal "$({ measured "$SML_ROOT/man/sml.7" 'Ss Metrics' && measured "$SML_ROOT/man/sml-$tool.1" 'Fl -metrics'; } | sort)" \
			"$(sed -n "s/^# TYPE sml_${tool}_\([a-z_]*\) .*/\1/p" "$tool.prom" | sort)" "$tool (- page, + file)"
	done
}

@test "the pages refer to pages that exist" {
	for page in "$SML_ROOT"/man/*.[1-8]; do
		while read -r name section; do
			[ -e "$SML_ROOT/man/$name.$section" ] || { echo "$page: $name($section)" && false; }
		done < <(sed -n 's/^\.\(It \)\{0,1\}Xr \(sml[a-z-]*\) \([1-8]\).*/\2 \3/p' "$page")
	done
}

# What came of an example: it printed something or left files, and none of them is empty.
has_done_something() {
	local files
	files=$(find . -type f ! -name '*.lock' ! -name OPENED ! -path './data/*')
	[ -z "$files" ] || [ -z "$(find . -type f -empty ! -name '*.lock' ! -name OPENED ! -path './data/*')" ] || return 1
	[ -n "$output$files" ]
}

# run_example PAGE COMMANDS SHOWN: in a folder with nothing but the sample data
run_example() {
	# A reader that has seen enough ends a pipe with 141.
	local setup="set -o pipefail; trap 's=\$?; [ \$s -eq 141 ] || exit \$s' ERR"
	rm -rf "$BATS_TEST_TMPDIR/example"
	mkdir "$BATS_TEST_TMPDIR/example"
	cd "$BATS_TEST_TMPDIR/example" || return
	ln -s "$SML_ROOT/data" data
	run timeout 20 bash -c "$setup"$'\n'"$2" 3>&- 4>&- </dev/null
	if [ "$status" -ne 0 ] && ! [[ $status -eq 141 && $2 == *head\ * ]]; then
		printf '%s: status %s of\n%s\n%s\n' "$1" "$status" "$2" "$output"
		return 1
	fi
	has_done_something || { printf '%s: nothing came of\n%s\n' "$1" "$2" && find . -type f -empty && return 1; }
	[ -z "$3" ] || like "$3" "$output" || equal "$3" "$output" "$1"
}

@test "every example in a page runs, by itself" {
	with_broker
	with_purchases
	KAFKA_BOOTSTRAP_SERVERS=$(cat bootstrap)
	export KAFKA_BOOTSTRAP_SERVERS
	for page in "$SML_ROOT"/man/*.[1-8]; do
		read_displays "$page" EXAMPLES
		[ "${#commands[@]}" -ge 2 ] || [ "${page##*/}" = sml.7 ]
		for i in "${!commands[@]}"; do
			run_example "${page##*/}" "${commands[i]}" "${shown[i]-}"
		done
	done
}

# recipes: the blocks of README's recipes, a \f after each
recipes() {
	awk '
		/^## / { on = $2 == "Recipes" }
		on && /^    / { print substr($0, 5); block = 1; next }
		block { printf "\f"; block = 0 }' "$SML_ROOT/README.md"
}

@test "the recipes of README run" {
	tried=0 left_out=0
	while IFS= read -r -d $'\f' recipe; do
		if [[ $recipe == *sklearn* ]] && ! python3 -c 'import sklearn' 2>/dev/null; then
			left_out=$((left_out + 1))
			continue
		fi
		run_example README.md "$recipe" ''
		tried=$((tried + 1))
	done < <(recipes)
	# That of scikit-learn's models alone may be left out.
	[ $left_out -le 1 ]
	equal "$(grep -c '^\*\*[0-9]*\.' "$SML_ROOT/README.md")" $((tried + left_out))
}

@test "make install puts the sample data where sml(7) looks for them" {
	env -u MAKEFLAGS make -sn -C "$SML_ROOT" install >commands
	grep -qF 'data/purchases.jsonl:share/doc/sml/examples/data/purchases.jsonl' commands
	grep -qF '/../share/doc/sml/examples/data"' "$SML_ROOT/man/sml.7"
}

# As a reader follows it who has installed the tools: in one shell, from top to bottom.
@test "the walk-through of sml(7) runs, and prints what it shows" {
	mkdir -p prefix/bin prefix/share/doc/sml/examples walk
	ln -s "$SML_BIN"/sml* prefix/bin
	cp -R "$SML_ROOT/data" prefix/share/doc/sml/examples
	with_broker
	read_displays "$SML_ROOT/man/sml.7" WALK-THROUGH
	[ "${#commands[@]}" -ge 20 ] && [ "${#shown[@]}" -ge 20 ]
	for i in "${!commands[@]}"; do
		printf '%s' "${commands[i]//localhost:9092/$(cat bootstrap)}" >"walk/$i.sh"
	done
	# shellcheck disable=SC2016
	PATH=$PWD/prefix/bin:$PATH WALK=$PWD/walk run -0 timeout 60 bash -c 'for ((i = 0; i < $1; i++)); do
		source "$WALK/$i.sh" >"$WALK/$i.out" 2>&1; echo $? >"$WALK/$i.status"; done' bash "${#commands[@]}" 3>&- 4>&- </dev/null
	wrong=0
	for i in "${!commands[@]}"; do
		got=$(cat "walk/$i.out")
		[ "$(cat "walk/$i.status")" -ne 0 ] || ! like "${shown[i]-}" "$got" || continue
		printf 'status %s of\n%s\n' "$(cat "walk/$i.status")" "${commands[i]}"
		equal "${shown[i]-}" "$got" || true
		wrong=$((wrong + 1))
	done
	[ "$wrong" -eq 0 ]
}
