#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $stderr is of bats
#
# The sources hold to the rules of the tree, and what is built links what it should.
load helper

# make in the tree, on the build that is tested
tree_make() {
	make -C "$SML_ROOT" --no-print-directory "$@"
}

@test "each header, and each source, compiles alone" {
	run -0 tree_make -j"$(nproc)" check-headers
}

@test "each layer includes only the layers below it" {
	run -0 tree_make check-layers
	[ -z "$output" ]
}

@test "exported functions are named after their module" {
	run -0 tree_make check-names
}

@test "shellcheck has nothing to say about any script" {
	if ! command -v shellcheck >/dev/null; then
		[ "${CI-}" != true ]
		skip "no shellcheck: test/deps.sh test"
	fi
	run -0 tree_make check-scripts
	[ -z "$output" ]
}

@test "without zlib and zstd it builds, and says so when it meets such a file" {
	local werror=
	[ "$("${CC:-cc}" -dumpversion)" != 12 ] || werror=-Werror
	run -0 tree_make -j"$(nproc)" B="$PWD/none" CFLAGS=-O0 WERROR=$werror ZLIB_LIBS= ZSTD_LIBS= "$PWD"/none/sml-{replay,features}
	local tool=none/sml-features
	run -0 ldd $tool
	[[ $output != *libz* ]]
	run -0 $tool --version
	equal 'built with: yyjson' "${lines[1]}"
	echo '{"a":1}' >plain
	gzip -c plain >packed.gz
	zstd -qc plain >packed.zst
	run -0 none/sml-replay plain
	equal '{"a":1}' "$output"
	# An input that can't be read: status 1, as for one that isn't there.
	for tool in replay 'features -d n=1'; do
		name=sml-${tool%% *}
		# shellcheck disable=SC2086 # words
		run -1 none/sml-$tool packed.gz
		equal "$name: packed.gz: is gzip data, and this build is without zlib" "$output"
		# shellcheck disable=SC2086
		run -1 none/sml-$tool packed.zst
		equal "$name: packed.zst: is Zstandard data, and this build is without zstd" "$output"
	done
	run -1 --separate-stderr none/sml-replay plain packed.gz plain
	equal '{"a":1}' "$output"
	equal 'sml-replay: packed.gz: is gzip data, and this build is without zlib' "$stderr"
}

@test "make format: the lines that differ, and no others" {
	command -v clang-format >/dev/null || skip "no clang-format: test/deps.sh format"
	mkdir test
	cp "$SML_ROOT/test/format.sh" test/
	cp "$SML_ROOT/.clang-format" .
	printf 'struct pair { int a, b; };\nstruct row {\n\tint a;\t\t/* one */\n\tint b;\t\t/* two */\n};\n' >old.c
	git -c init.defaultBranch=main init -q
	git add old.c
	git -c user.name=t -c user.email=t commit -qm t
	run -0 test/format.sh
	equal '' "$output"
	sed -i 's/int b;\t/int  c ;\t/' old.c
	printf 'int f(int a)\n{\n  if(a) return 1;\n\treturn f(a,\n\t    1);\t/* "c" */\n}\n' >new.c
	run -0 test/format.sh
	equal $'old.c\nnew.c' "$output"
	equal $'struct pair { int a, b; };\nstruct row {\n\tint a;\t\t/* one */\n\tint c;\t\t/* two */\n};' "$(cat old.c)"
	equal $'int f(int a)\n{\n\tif (a)\n\t\treturn 1;\n\treturn f(a,\n\t    1);\t/* "c" */\n}' "$(cat new.c)"
}

@test "a forbidden include is found" {
	mkdir -p lib/stream lib/cli test
	cp "$SML_ROOT/test/check-layers.sh" test/
	echo '#include "cli/options.h"' >lib/stream/x.c
	run -1 test/check-layers.sh stream:"base json" cli:"base stream"
	equal 'lib/stream/x.c:1: stream must not include cli/options.h' "$output"
	run -0 test/check-layers.sh stream:"base json cli"
	echo '#include <librdkafka/rdkafka.h>' >lib/stream/x.c
	run -1 test/check-layers.sh rdkafka.h=kafka
	equal 'lib/stream/x.c:1: only lib/kafka/ includes rdkafka.h' "$output"
	run -1 test/check-layers.sh 'new:?'
}

@test "a stray name is found" {
	mkdir -p build/lib/x
	echo 'int stray_get(void) { return 1; } int some_module_get(void) { return stray_get() + 1; }' | "${CC:-cc}" -w -c -x c -o build/lib/x/some-module.o -
	run -1 "$SML_ROOT/test/check-names.sh" build/lib/x/some-module.o
	equal 'lib/x/some-module.c: stray name stray_get' "$output"
	run -0 "$SML_ROOT/test/check-names.sh" some-module=stray build/lib/x/some-module.o
}

@test "a banned function does not compile" {
	for call in 'strcpy(a, b)' 'sprintf(a, "x")' 'atoi(b)' 'strtok(a, b)' 'setlocale(0, b)'; do
		echo "void f(char *a, const char *b); void f(char *a, const char *b) { $call; }" >x.c
		run -1 "${CC:-cc}" -D_GNU_SOURCE -c -include "$SML_ROOT/lib/base/banned.h" x.c
		[[ $output == *poisoned* ]]
	done
}

@test "only the tools that talk to Kafka load its client" {
	for tool in features classify train; do
		run -0 ldd "$SML_BIN/sml-$tool"
		[[ $output != *rdkafka* ]]
	done
	for tool in sml-replay sml-route sml; do
		run -0 ldd "$SML_BIN/$tool"
		[[ $output == *rdkafka* ]]
	done
}

@test "no tool needs a library that a fresh system has no package of" {
	skip_if_packaged_yyjson
	for tool in "$SML_BIN"/sml*; do
		[ -x "$tool" ] && [ -f "$tool" ] || continue
		run -0 ldd "$tool"
		[[ $output != *yyjson* ]]
	done
}

skip_if_packaged_yyjson() {
	[ -e "$SML_ROOT/build/deps/lib/libyyjson.a" ] || skip "yyjson is the system's"
}
