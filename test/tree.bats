#!/usr/bin/env bats
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
