# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completion for bash of sml and its tools.  Asks the tool itself: TOOL --list-options.

# _sml_argument ARGUMENT: offers what an option's argument may be, as the tool writes it: a|b|C, WHERE, FILE
_sml_argument() {
	local word words=()

	for word in ${1//[][|=]/ }; do
		case $word in
		[a-z]*) words+=("$word") ;;
		WHERE) words+=(beginning end stored handoff) ;;
		FILE) return ;;	# bash's own default
		esac
	done
	compopt +o default 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -W "${words[*]}" -- "$cur")
}

_sml() {
	local command=$1 cur=$2 prev=$3 tool=${1##*/} first=1 glued='' operands='' i
	local ask=("$command") letter name argument words=()

	# What readline breaks words at is a word of its own: "=" in --name=value, ":" in kafka:topic.
	if [[ ${COMP_WORDS[COMP_CWORD]} == [=:] ]]; then
		glued=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} cur=
	elif [[ $prev == [=:] ]]; then
		glued=$prev prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	if [[ $tool == sml ]]; then
		for ((i = 1; i < COMP_CWORD; i++)); do
			[[ ${COMP_WORDS[i]} != 'then' ]] || first=$((i + 1))
		done
		if ((COMP_CWORD == first)) && [[ $first -gt 1 || $cur != -* ]]; then
			# A tool that reads a source of its own can only stand first.
			while IFS=$'\t' read -r name _; do
				[[ $first -gt 1 && $name == replay ]] || words+=("$name")
			done < <("$command" --list-tools 2>/dev/null)
			mapfile -t COMPREPLY < <(compgen -W "${words[*]}" -- "$cur")
			compopt +o default 2>/dev/null
			return
		fi
		((COMP_CWORD == first)) || ask+=("${COMP_WORDS[first]}")
		tool=sml-${COMP_WORDS[first]}
	fi
	for ((i = first; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} != -- ]] || operands=1
	done
	while [[ ! $operands ]] && IFS=$'\t' read -r letter name argument _; do
		words+=("--$name")
		if [[ $argument != - && ($prev == "--$name" || $prev == "-$letter") ]]; then
			[[ $argument != '['* || $glued ]] || continue
			_sml_argument "$argument"
			return
		fi
	done < <("${ask[@]}" --list-options 2>/dev/null)
	if [[ $cur == -* && ! $operands ]]; then
		mapfile -t COMPREPLY < <(compgen -W "${words[*]}" -- "$cur")
		compopt +o default 2>/dev/null
		return
	fi

	# Operands are files, bash's own default, and what else may stand here.
	words=()
	if [[ $tool == sml-replay && $glued == : ]]; then
		compopt +o default 2>/dev/null # which topics there are is not known
		return
	fi
	[[ $tool != sml-replay ]] || words+=('kafka:')
	[[ ${#ask[@]} == 1 || $tool == sml-train ]] || words+=('then')
	[[ $glued ]] || mapfile -t COMPREPLY < <(compgen -W "${words[*]}" -- "$cur")
	[[ ${COMPREPLY[0]-} ]] || return
	mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur")
	if [[ ${COMPREPLY[*]} == kafka: ]]; then
		compopt -o nospace 2>/dev/null
	else
		compopt -o filenames 2>/dev/null
	fi
}

complete -o default -F _sml sml sml-replay sml-features sml-classify sml-route sml-train
