#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check-layers.sh LAYER:"MAY INCLUDE..."... HEADER=OWNER...
#
# Holds the #include lines of lib/LAYER to the layers that it may include, and keeps another
# library's HEADER in the one folder that owns it.  Prints each line that breaks a rule.
set -eu
cd "$(dirname "$0")/.."
includes() {	# DIR...: "file:line HEADER" of each include in them
	grep -rnE '^[[:space:]]*#[[:space:]]*include' -s --include='*.[ch]' "$@" |
		sed -nE 's/^([^:]*:[0-9]+):[^<"]*[<"]([^>"]*)[>"].*/\1 \2/p'
}
bad=0
for rule; do
	case $rule in
	*:'?')
		echo "lib/${rule%:*}: no such layer in the Makefile's table"
		bad=1
		;;
	*:*)
		layer=${rule%%:*}
		includes "lib/$layer" | awk -v layer="$layer" -v may=" $layer ${rule#*:} " '
			{ to = $2 }
			!sub("/.*", "", to) { next }
			system("test -d lib/" to) == 0 && !index(may, " " to " ") {
				print $1 ": " layer " must not include " $2; bad = 1
			}
			END { exit bad }' || bad=1
		;;
	*=*)
		includes lib cmd | awk -v header="${rule%=*}" -v owner="lib/${rule#*=}/" '
			{ name = $2; sub(".*/", "", name) }
			name == header && index($1, owner) != 1 { print $1 ": only " owner " includes " header; bad = 1 }
			END { exit bad }' || bad=1
		;;
	esac
done
exit $bad
