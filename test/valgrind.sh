#!/bin/sh
# SPDX-License-Identifier: MIT
#
# valgrind.sh BUILD DIR  - fill DIR with what the suite takes for a build: programs called as those of BUILD, which run
#                          these under valgrind.  Called by run.
#
# Each process that did something wrong, or lost memory, leaves DIR/test/results/valgrind.* and ends with status 86.
# Still reachable at the end is fine: what has to live as long as the process need not be freed.
set -eu
cd "$(dirname "$0")/.."
build=$PWD/$1 dir=$PWD/$2

rm -rf "$dir"
mkdir -p "$dir/test/results"

# wrap PROGRAM: as DIR/PROGRAM
wrap() {
	# The log's descriptor is a high one, which no test means; of one that it opens itself valgrind leaves the
	# lowest that is free to the program, which may be one that the test has closed.
	cat >"$dir/$1" <<-SH
	#!/bin/bash
	exec 200>"$dir/test/results/valgrind.${1##*/}.\$\$"
	exec valgrind -q --vgdb=no --log-fd=200 --suppressions='$PWD/test/valgrind.supp' --num-callers=30 --error-exitcode=86 \\
		--leak-check=full --show-leak-kinds=definite,indirect,possible --errors-for-leak-kinds=definite,indirect,possible \\
		'$build/$1' "\$@"
	SH
	chmod +x "$dir/$1"
}

# A limit on time is as many times as long.
cat >"$dir/test/timeout" <<'SH'
#!/bin/bash
for ((i = 1; i < $#; i++)); do
	if [[ ${!i} =~ ^[0-9.]+$ ]]; then
		set -- "${@:1:i-1}" "$(awk "BEGIN { print ${!i} * $SML_SLOW }")" "${@:i+1}"
		break
	fi
done
exec /usr/bin/timeout "$@"
SH
chmod +x "$dir/test/timeout"

for program in "$build"/sml* "$build"/test/*; do
	name=${program#"$build"/}
	if [ ! -f "$program" ] || [ ! -x "$program" ]; then
		continue
	fi
	case $name in
	*.so | test/kafka-* | test/mock-broker | test/purchases) ln -s "$program" "$dir/$name" ;;
	*) wrap "$name" ;;
	esac
done
