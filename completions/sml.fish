# SPDX-License-Identifier: MIT
# Completion for fish of sml and its tools.  Asks the tool itself: TOOL --list-options.

# The part of the line that is one tool's: behind the last `then`.
function __sml_stage
	set -l stage
	for word in (commandline -opc)[2..]
		if test "$word" = then
			set stage
		else
			set -a stage $word
		end
	end
	string join \n -- $stage
end

function __sml_ask
	set -l words (commandline -opc)
	if test (basename -- $words[1]) = sml
		set -l stage (__sml_stage)
		if set -q stage[1]
			$words[1] $stage[1] --list-options 2>/dev/null
			return
		end
	end
	$words[1] --list-options 2>/dev/null
end

function __sml_wants_tool
	test -z "$(__sml_stage)"
end

function __sml_tools
	set -l words (commandline -opc)
	$words[1] --list-tools 2>/dev/null
end

# The words an option's argument may be; fails where there is none.
function __sml_choices
	string replace -ra '[=\[\]]' '' -- $argv | string split '|' | string match -r '^[a-z].*'
end

function __sml_complete
	set -l token (commandline -ct)
	set -l previous (commandline -opc)[-1]
	__sml_ask | while read -l -d \t letter name argument help
		if test "$argument" != -; and string match -q -- "--$name=*" $token
			__sml_choices $argument | string replace -r '^' -- "--$name="
		else if test "$argument" != -; and not string match -q '[*' -- $argument; and contains -- $previous --$name -$letter
			__sml_choices $argument
		else if string match -q -- '-*' $token
			printf '%s\t%s\n' --$name $help
			test $letter = -; or printf '%s\t%s\n' -$letter $help
		end
	end
end

for tool in sml sml-replay sml-features sml-classify sml-route sml-train
	complete -c $tool -a '(__sml_complete)'
end
complete -c sml -n __sml_wants_tool -f -a '(__sml_tools)'
complete -c sml -n 'not __sml_wants_tool' -a then
