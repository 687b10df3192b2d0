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

# The tool whose words these are, by its long name.
function __sml_tool
	set -l tool (basename -- (commandline -opc)[1])
	if test $tool = sml
		set -l stage (__sml_stage)
		set tool sml-$stage[1]
	end
	echo $tool
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

# A tool that reads a source of its own can only stand first.
function __sml_tools
	set -l words (commandline -opc)
	if contains then $words
		$words[1] --list-tools 2>/dev/null | string match -v 'replay*'
	else
		$words[1] --list-tools 2>/dev/null
	end
end

# What the option whose argument comes next, or stands behind a "=", takes; fails where there is none.
function __sml_argument
	set -l token (commandline -ct)
	set -l previous (commandline -opc)[-1]
	not contains -- -- (__sml_stage); or return
	__sml_ask | while read -l -d \t letter name argument help
		test "$argument" != -; or continue
		if string match -q -- "--$name=*" $token
			printf '%s\n' $argument --$name=
			return
		else if not string match -q '[*' -- $argument; and contains -- $previous --$name -$letter
			echo $argument
			return
		end
	end
	return 1
end

# The words an argument may be, as the tool writes it: a|b|C.
function __sml_choices
	if test $argv[1] = WHERE
		printf '%s\n' beginning end stored handoff
	else
		string replace -ra '[=\[\]]' '' -- $argv[1] | string split '|' | string match -r '^[a-z].*'
	end
end

# Where no file can stand.
function __sml_no_file
	set -l argument (__sml_argument)
	if set -q argument[1]
		test $argument[1] != FILE
	else
		# Which topics there are is not known.
		string match -q 'kafka:*' -- (commandline -ct); and test (__sml_tool) = sml-replay
	end
end

function __sml_complete
	set -l argument (__sml_argument)
	if set -q argument[1]
		__sml_choices $argument[1] | string replace -r '^' -- "$argument[2]"
	else if string match -q -- '-*' (commandline -ct); and not contains -- -- (__sml_stage)
		__sml_ask | while read -l -d \t letter name argument help
			printf '%s\t%s\n' --$name $help
			test $letter = -; or printf '%s\t%s\n' -$letter $help
		end
	end
end

# What may stand where operands do, besides files.
function __sml_operands
	set -l argument (__sml_argument)
	if set -q argument[1]
		return
	end
	set -l tool (__sml_tool)
	if test $tool = sml-replay; and not string match -q 'kafka:*' -- (commandline -ct)
		printf '%s\t%s\n' kafka: 'a topic'
	end
	if test (basename -- (commandline -opc)[1]) = sml; and test $tool != sml-train
		printf '%s\t%s\n' then 'the next stage'
	end
end

for tool in sml sml-replay sml-features sml-classify sml-route sml-train
	complete -c $tool -a '(__sml_complete)'
	complete -c $tool -n __sml_no_file -f
	complete -c $tool -n 'not __sml_wants_tool; or test (basename -- (commandline -opc)[1]) != sml' -a '(__sml_operands)'
end
complete -c sml -n __sml_wants_tool -f -a '(__sml_tools)'
