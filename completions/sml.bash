# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completion for bash of sml and its tools.  Asks the tool itself: TOOL --list-options.

_sml() {
	local command=$1 cur=$2 prev=$3 first=1 i
	local ask=("$command") letter name argument word words=() choices=()

	if [[ ${command##*/} == sml ]]; then
		for ((i = 1; i < COMP_CWORD; i++)); do
			[[ ${COMP_WORDS[i]} != 'then' ]] || first=$((i + 1))
		done
		if ((COMP_CWORD == first)) && [[ $first -gt 1 || $cur != -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$("$command" --list-tools 2>/dev/null | cut -f 1)" -- "$cur")
			return
		fi
		((COMP_CWORD == first)) || ask+=("${COMP_WORDS[first]}") words=('then')
	fi
	# "=" is a word of its own in --name=value.
	[[ $cur != = ]] || cur=
	[[ $prev != = ]] || prev=${COMP_WORDS[COMP_CWORD - 2]}
	[[ $2 != = ]] || prev=${COMP_WORDS[COMP_CWORD - 1]}
	while IFS=$'\t' read -r letter name argument _; do
		words+=("--$name")
		if [[ $argument != - && ($prev == "--$name" || $prev == "-$letter") ]]; then
			[[ $argument != '['* || $2 == = || ${COMP_WORDS[COMP_CWORD - 1]} == = ]] || continue
			for word in ${argument//[][|=]/ }; do
				[[ $word != [a-z]* ]] || choices+=("$word")
			done
			# None: the argument may be a file, which is bash's own default.
			mapfile -t COMPREPLY < <(compgen -W "${choices[*]}" -- "$cur")
			return
		fi
	done < <("${ask[@]}" --list-options 2>/dev/null)
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "${words[*]}" -- "$cur")
	elif [[ ${words[0]-} == 'then' && 'then' == "$cur"* ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(echo 'then' && compgen -f -- "$cur")
	fi
}

complete -o default -F _sml sml sml-replay sml-features sml-classify sml-route sml-train
