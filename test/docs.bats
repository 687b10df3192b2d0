#!/usr/bin/env bats
# Help, man page, completion and option table are one list, and every example in a page runs.
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

# blocks PAGE: its examples, each followed by a line of \f
blocks() {
	awk '
		/^\.Sh/ { on = $2 == "EXAMPLES" || $2 == "WALK-THROUGH" }
		/^\.Ed/ && show { print "\f"; show = 0 }
		on && show && !/^\./
		/^\.Bd -literal/ { show = on }' "$1" | sed 's/\\e/\\/g; s/\\&//g; s/\\(aq/'\''/g; s/\\-/-/g'
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

@test "functions and aggregates are those of sml-expr(7)" {
	run -0 functions
	table=$(functions | sed 's/(.*//' | sort)
	equal "$table" "$(awk '/^\.Sh/ { on = /FUNCTIONS|AGGREGATES/ } on && /^\.It Fn/ { print $3 }' "$SML_ROOT/man/sml-expr.7" |
		sort)" "(- table, + page)"
	equal '' "$(uniq -d <<<"$table")" "both a function and an aggregate"
}

@test "the pages refer to pages that exist" {
	for page in "$SML_ROOT"/man/*.[1-8]; do
		while read -r name section; do
			[ -e "$SML_ROOT/man/$name.$section" ] || { echo "$page: $name($section)" && false; }
		done < <(sed -n 's/^\.\(It \)\{0,1\}Xr \(sml[a-z-]*\) \([1-8]\).*/\2 \3/p' "$page")
	done
}

@test "every example in a page runs" {
	ln -s "$SML_ROOT/data" data
	for page in "$SML_ROOT"/man/*.[1-8]; do
		if grep -q '^\.Sh EXAMPLES' "$page"; then
			[ "$(blocks "$page" | grep -c $'\f')" -ge 2 ]
		fi
		while IFS= read -r -d $'\f' block; do
			run_example "${page##*/}" "$block"
			read -r _ || true
		done < <(blocks "$page")
	done
}

# The mock cluster makes every topic that is asked for.
with_broker() {
	[ -z "${KAFKA_BOOTSTRAP_SERVERS-}" ] || return 0
	mock-broker --seconds 300 >bootstrap </dev/null 3>&- &
	stop_later $!
	wait_for 10 test -s bootstrap
	KAFKA_BOOTSTRAP_SERVERS=$(cat bootstrap)
	export KAFKA_BOOTSTRAP_SERVERS
}

# A reader that has seen enough ends a pipe with 141; a topic that never ends is stopped.
run_example() {
	local setup="set -o pipefail; trap 's=\$?; [ \$s -eq 141 ] || exit \$s' ERR"
	[[ $2 != *kafka:* ]] || with_broker
	run timeout 20 bash -c "$setup"$'\n'"$2" 3>&- 4>&- </dev/null
	if [ "$status" -ne 0 ] && ! [[ $status -eq 124 && $2 == *kafka:* || $status -eq 141 && $2 == *head\ * ]]; then
		printf '%s: status %s of\n%s\n%s\n' "$1" "$status" "$2" "$output"
		return 1
	fi
}

@test "completion for bash asks the tool" {
	# complete WORD...: what is offered for the last one
	complete_last() {
		# shellcheck disable=SC2016
		bash -c 'source "$SML_ROOT/completions/sml.bash"
			COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
			_sml "$1" "${@: -1}" "${COMP_WORDS[COMP_CWORD - 1]}"
			printf "%s\n" "${COMPREPLY[@]}"' bash "$@" | sort
	}
	for tool in sml "${tools[@]}"; do
		equal "$("$tool" --list-options | cut -f 2 | sed 's/^/--/' | sort)" "$(complete_last "$tool" --)" "$tool"
	done
	for tool in "${tools[@]}"; do
		equal "$(complete_last "$tool" --)" "$(complete_last sml "${tool#sml-}" --)" "sml $tool"
	done
	equal $'classify\nfeatures\nreplay\nroute\ntrain' "$(complete_last sml '')"
	equal classify "$(complete_last sml features spec 'then' c)"
	equal $'route\nstop' "$(complete_last sml-features --on-bad '')"
	equal stop "$(complete_last sml-features --on-bad = st)"
	equal all "$(complete_last sml-features --help = '')"
	equal --max-line "$(complete_last sml replay x 'then' features --max-l)"
	equal '' "$(complete_last sml-features --metrics '')" # a file
	equal $'then\nthere' "$(touch there && complete_last sml replay the)"
}

@test "completion for zsh and fish knows every tool" {
	for tool in sml "${tools[@]}"; do
		grep -qE "^#compdef.* $tool( |\$)" "$SML_ROOT/completions/_sml"
		grep -qE "^for tool in.* $tool( |\$)" "$SML_ROOT/completions/sml.fish"
		grep -qE "^complete .* $tool( |\$)" "$SML_ROOT/completions/sml.bash"
	done
}

@test "completion in fish" {
	command -v fish >/dev/null || skip "no fish here"
	offered() {
		fish --no-config -c "source $SML_ROOT/completions/sml.fish; complete -C '$1'" | cut -f 1 | sort
	}
	for tool in "${tools[@]}"; do
		equal "$("$tool" --list-options | cut -f 2 | sed 's/^/--/' | sort)" "$(offered "$tool --")"
	done
	equal $'classify\nfeatures\nreplay\nroute\ntrain' "$(offered 'sml ')"
	equal classify "$(offered 'sml features spec then c')"
	equal --on-bad=stop "$(offered 'sml-features --on-bad=st' | grep stop)"
}
