#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check-names.sh OBJECT... - what lib/x/y-z.c exports is called y_z or y_z_something.
set -eu
bad=0
for object; do
	module=$(basename "$object" .o | tr - _)
	nm -gP --defined-only "$object" | awk -v module="$module" -v object="${object#*/}" '
		$1 !~ /^__/ && $1 != module && index($1, module "_") != 1 {
			sub(/\.o$/, ".c", object); print object ": stray name " $1; bad = 1
		}
		END { exit bad }' || bad=1
done
exit $bad
