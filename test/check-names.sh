#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check-names.sh FILE=NOUN... OBJECT... - that names say where they are from.
#
# What lib/x/y-z.c exports is called y_z or y_z_something, or x_something where the folder is the thing
# (json_read in lib/json); or NOUN_something, for the files of which the Makefile says so.
set -eu
bad=0 nouns=' '
for object; do
	case $object in
	*=*)
		nouns="$nouns$object "
		continue
		;;
	esac
	file=$(basename "$object" .o)
	module=$(echo "$file" | tr - _)
	layer=$(basename "$(dirname "$object")")
	noun=$module
	case $nouns in
	*" $file="*) noun=${nouns##* "$file"=} noun=${noun%% *} ;;
	esac
	nm -gP --defined-only "$object" | awk -v module="$module" -v layer="$layer" -v noun="$noun" -v object="${object#*/}" '
		$1 ~ /^__/ || $1 == module || index($1, module "_") == 1 || index($1, layer "_") == 1 || index($1, noun "_") == 1 { next }
		{ sub(/\.o$/, ".c", object); print object ": stray name " $1; bad = 1 }
		END { exit bad }' || bad=1
done
exit $bad
