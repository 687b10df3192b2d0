#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# format.sh  - clang-format over the lines of C that differ from the last commit, and over new files.  `make format`.
#
# Not over all: tables with several entries to a line, types on one line and chains of conditions are written to be read,
# and no setting of clang-format 14 to 16 leaves them as they are: the best tears apart one line in fifty of the tree.
# It may do so with new lines too; look at `git diff` afterwards.
#
# A comment behind code stays in its column: hide() turns the tabs before it into bytes within it, shown() back.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C
unset CDPATH
mark=$(printf '\001')
out=$(mktemp)
trap 'rm -f "$out"' EXIT

hide() {
	sed -E -e ':a' -e "s|^(.*[^[:blank:]]	*)	/\\*($mark*)([^$mark].*\\*/)\$|\\1/*\\2$mark\\3|; ta" "$1"
}

shown() {
	sed -E -e "s|[[:blank:]]*/\\*$mark|/*$mark|" -e ':a' -e "s|/\\*$mark|	/*|; ta"
}

# lines FILE: those that differ, as options
lines() {
	git diff -U0 HEAD -- "$1" | sed -nE 's/^@@ .* \+([0-9]+)(,([0-9]+))? @@.*/\1 \3/p' | while read -r first n; do
		[ "${n:-1}" -eq 0 ] || echo "--lines=$first:$((first + ${n:-1} - 1))"
	done
}

# format FILE [--lines=FROM:TO...]
format() {
	file=$1
	shift
	hide "$file" | clang-format --style=file --assume-filename="$file" "$@" | shown >"$out"
	cmp -s "$out" "$file" || {
		cat "$out" >"$file"
		echo "$file"
	}
}

git diff --name-only --diff-filter=d HEAD -- '*.[ch]' | while read -r changed; do
	options=$(lines "$changed")
	# shellcheck disable=SC2086 # they are words
	if [ -n "$options" ]; then format "$changed" $options; fi
done
git ls-files --others --exclude-standard -- '*.[ch]' | while read -r new; do
	format "$new"
done
