#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Completion as somebody at a prompt gets it: bash and zsh in a terminal of their own, fish through its `complete -C`.
# shellcheck disable=SC2154 # $stderr is of bats
load helper

tools=(sml-replay sml-features sml-classify sml-route sml-train)

# What each of them is asked, and what it must offer; the folder holds afile and bfile.
expected() {
	local tool
	for tool in sml "${tools[@]}"; do
		printf '%s --|%s\n' "$tool" "$(long_options "$tool")"
	done
	for tool in "${tools[@]}"; do
		printf 'sml %s --|%s\n' "${tool#sml-}" "$(long_options "$tool")"
	done
	cat <<-'CASES'
	sml |classify features replay route train
	sml r|replay route
	sml features afile th|then
	sml features afile then |classify features route train
	sml features afile then c|classify
	sml features afile |afile bfile then
	sml train |afile bfile
	sml replay x then train |afile bfile
	sml replay x then features --max-l|--max-line
	sml replay x then features --on-bad |route stop
	sml replay -- x then features --max-l|--max-line
	sml-features |afile bfile
	sml-features afile b|bfile
	sml-features --on-bad |route stop
	sml-features --on-bad s|stop
	sml-features --on-bad=|route stop
	sml-features --on-bad=s|stop
	sml-features --help=|all
	sml-features --help |afile bfile
	sml-features -f a|afile
	sml-features --spec a|afile
	sml-features --spec=a|afile
	sml-features --metrics |afile bfile
	sml-features --metrics=|afile bfile
	sml-features -k |
	sml-features --key=|
	sml-features -- --on|
	sml-features -- x --on|
	sml-features -- a|afile
	sml-features --nothing|
	sml-classify -m |afile bfile
	sml-classify --bands |
	sml-replay |afile bfile kafka:
	sml-replay afile |afile bfile kafka:
	sml-replay k|kafka:
	sml-replay kafka:|
	sml-replay -c |
	sml-replay -o |beginning end handoff stored
	sml-replay --offset=|beginning end handoff stored
	sml-replay --offset=s|stored
	sml-route error=a|afile
	sml-route --oversize |error stop
	sml-route --on-closed=d|drop
	sml-train --kind |gbt linear logistic one-vs-rest softmax tree
	sml-train --missing=|branch error mean
	CASES
}

long_options() {
	"$1" --list-options | cut -f 2 | sed 's/^/--/' | in_a_line
}

in_a_line() {
	sort -u | tr '\n' ' ' | sed 's/ $//'
}

# Each line of expected, put to `offered LINE`, which prints what it was offered a line each.
try_all() {
	local line want got wrong=0
	expected >cases
	while IFS='|' read -r line want; do
		got=$(offered "$line" | in_a_line)
		if [ "$got" != "$want" ]; then
			printf '%s\n  - %s\n  + %s\n' "[$line]" "$want" "$got"
			wrong=$((wrong + 1))
		fi
	done <cases
	[ "$wrong" -eq 0 ]
}

# What the Tab key does to the line itself.
try_tab() {
	equal 'sml-features --on-bad ' "$(typed 'sml-features --on-\t')"
	equal 'sml-features --on-bad=stop ' "$(typed 'sml-features --on-bad=s\t')"
	equal 'sml-replay kafka:' "$(typed 'sml-replay k\t')"
	equal 'sml features afile then route ' "$(typed 'sml f\ta\tth\tro\t')"
}

a_folder() {
	mkdir here
	touch here/afile here/bfile
}

# start_shell COMMAND: at a terminal in the folder, its keyboard is descriptor 7; it writes ../ready when it prompts
start_shell() {
	a_folder
	mkfifo keys
	exec 7<>keys
	(cd here && exec script -qfec "$1" /dev/null) <keys >screen 2>&1 3>&- &
	stop_later $!
	wait_for 10 test -e ready || { cat screen && false; }
}

leave() {
	printf 'exit\r' >&7
	wait_gone "${stop_pids[0]}" 10
}

# typed KEYS: what the line is when they have been struck; Ctrl-T hands it over
typed() {
	rm -f line
	printf '%b\x14' "$1" >&7
	wait_for 10 test -e line || { cat screen && false; }
	cat line
}

start_bash() {
	cat >bashrc <<-'RC'
	source "$SML_ROOT/completions/sml.bash"
	bind 'set bell-style none'
	hand_over() {
		printf '%s\n' "$READLINE_LINE" >../line.new
		mv ../line.new ../line
		READLINE_LINE='' READLINE_POINT=0
	}
	bind -x '"\C-t": hand_over'
	PS1='> ' PROMPT_COMMAND='>../ready'
	RC
	start_shell 'bash --noprofile --rcfile ../bashrc -i'
}

start_zsh() {
	mkdir rc
	cat >rc/.zshrc <<-'RC'
	fpath=($SML_ROOT/completions $fpath)
	autoload -Uz compinit && compinit -u -d $ZDOTDIR/dump
	# What is offered is what compadd matches.
	compadd() {
		local -a matched
		if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
			builtin compadd -O matched "$@"
			print -rl -- $matched >>../offered
		fi
		builtin compadd "$@"
	}
	hand_over() {
		print -r -- $BUFFER >../line.new
		mv ../line.new ../line
		BUFFER=
	}
	zle -N hand_over
	bindkey '^I' complete-word '^T' hand_over
	PS1='> '
	precmd() { : >../ready }
	RC
	export ZDOTDIR=$PWD/rc
	start_shell 'zsh -i'
}

@test "bash offers what can stand there" {
	# Meta-* puts all that is offered into the line.
	offered() {
		local got word
		got=$(typed "$1\e*")
		[ "$got" != "$1" ] || return 0
		word=${1##*[ =]}
		tr ' ' '\n' <<<"${got:${#1} - ${#word}}" | grep . | tr -d '\134'
	}
	start_bash
	try_all
	try_tab
	leave
}

@test "zsh offers what can stand there" {
	offered() {
		rm -f offered
		typed "$1\t" >/dev/null
		[ ! -e offered ] || grep . offered
	}
	start_zsh
	try_all
	try_tab
	leave
}

@test "fish offers what can stand there" {
	a_folder
	expected | cut -d '|' -f 1 >lines
	(
		cd here
		# shellcheck disable=SC2016
		HOME=$PWD/.. fish --no-config -c 'source $SML_ROOT/completions/sml.fish
			while read -l line
				echo "[$line]"
				complete -C "$line" | cut -f 1
			end <../lines' >../answers
	)
	# An option's value comes with its name; short options are offered beside the long ones.
	offered() {
		awk -v line="[$1]" '/^\[/ { on = $0 == line; next } on' answers | sed 's/^-[^=]*=//; s/^error=//; /^-.$/d'
	}
	try_all
}

@test "each shell knows every tool" {
	for tool in sml "${tools[@]}"; do
		grep -qE "^#compdef.* $tool( |\$)" "$SML_ROOT/completions/_sml"
		grep -qE "^for tool in.* $tool( |\$)" "$SML_ROOT/completions/sml.fish"
		grep -qE "^complete .* $tool( |\$)" "$SML_ROOT/completions/sml.bash"
	done
}

# Which words --offset takes is the one thing that the tables don't say.
# Which words --offset takes is the one thing that the tables don't say.
@test "the words of --offset are the tool's" {
	run -2 --separate-stderr sml-replay -o somewhere kafka:x
	words=$(sed 's/.* none of \([^N]*\), N.*/\1/; s/,//g' <<<"$stderr")
	[ "$(wc -w <<<"$words")" -eq 4 ]
	for file in sml.bash _sml sml.fish; do
		grep -q " $words" "$SML_ROOT/completions/$file" || grep -q "($words)" "$SML_ROOT/completions/$file"
	done
}
