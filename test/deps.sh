#!/bin/sh
# SPDX-License-Identifier: MIT
#
# deps.sh SET...  - see to it that what a set needs is there.
#
#   build   compiler headers, librdkafka, zlib, zstd, yyjson
#   test    what `make check` runs beside the tools
#   kafka   what the tests on a real Kafka broker need: Java, Maven
#   lint    what `make lint` runs
#   format  what `make format` runs
#   package what makes a Debian package and judges it; elsewhere nothing
#   valgrind what `make check-valgrind` runs the tests under
#   fuzz    clang with libFuzzer
#   peers   the programs that the benchmark compares with; DuckDB goes to build/deps/peers
#
# Says nothing and asks nobody when nothing is missing.  System packages come from
# apt-get, as root or through sudo; without either, the command to run is printed.
#
# yyjson is packaged from Debian 13 and Ubuntu 25.04 on.  On an older Debian the
# source of Debian's own package is fetched from the mirror this machine already
# uses, checked against the keys it already trusts, and compiled into build/deps.
# apt keeps everything it needs for that inside build/deps, so the machine stays
# as it is, and no privilege is needed.
# shellcheck disable=SC2086 # lists of words: $missing, $command, $as_root, $CC
set -eu
cd "$(dirname "$0")/.."
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
unset CDPATH

deps=build/deps			# also in Makefile
log=$PWD/$deps/apt.log
next_suite=trixie		# the first Debian release that has yyjson
yyjson_least=0.10
missing=

id='an unknown system' codename='' version_id=''
if [ -r /etc/os-release ]; then
	# shellcheck source=/dev/null
	id=$(. /etc/os-release && echo "${ID-}")
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
	# shellcheck source=/dev/null
	version_id=$(. /etc/os-release && echo "${VERSION_ID-}")
fi

die() {
	printf 'deps: %s\n' "$@" >&2
	exit 1
}

have() {
	command -v "$1" >/dev/null 2>&1
}

# want_library PKG-CONFIG-NAME PACKAGE: PACKAGE is missing unless pkg-config knows NAME
want_library() {
	if ! have pkg-config || ! pkg-config --exists "$1" 2>/dev/null; then
		missing="$missing $2"
	fi
}

want_command() {
	have "$1" || missing="$missing $2"
}

have_yyjson() {
	PKG_CONFIG_PATH="$deps${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}" \
		pkg-config --atleast-version="$yyjson_least" yyjson 2>/dev/null
}

# Where the system has the package, that is the one to take.  No VERSION_ID: Debian testing and unstable.
yyjson_packaged() {
	case $id:$version_id in
	debian:1[3-9]* | debian:[2-9]? | debian: | ubuntu:2[5-9].* | ubuntu:[3-9]?.*) true ;;
	*) false ;;
	esac
}

build_set() {
	want_command pkg-config pkg-config
	echo '#include <stdio.h>' | ${CC:-cc} -E - >/dev/null 2>&1 || missing="$missing libc6-dev"
	want_library rdkafka librdkafka-dev
	want_library zlib zlib1g-dev
	want_library libzstd libzstd-dev
	if yyjson_packaged && ! have_yyjson; then
		missing="$missing libyyjson-dev"
	fi
}

test_set() {
	want_command bats bats
	want_command mandoc mandoc
	want_command jq jq
	want_command python3 python3
	want_command zstd zstd
	want_command ps procps
	want_command zsh zsh
	want_command fish fish
	want_command shellcheck shellcheck
	# sml-train --kind gbt loads it; where no package is known, the tests of that are skipped.
	case $id:$version_id in
	debian:12) ls /usr/lib/*/libxgboost.so.0 >/dev/null 2>&1 || missing="$missing libxgboost0" ;;
	esac
}

kafka_set() {
	want_command java default-jre-headless
	want_command mvn maven
	want_command kcat kcat
}

lint_set() {
	want_command mandoc mandoc
	want_command shellcheck shellcheck
	want_command clang-tidy clang-tidy
	want_command clang clang
}

format_set() {
	want_command clang-format clang-format
}

package_set() {
	have dpkg-deb || return 0
	want_command dpkg-buildpackage dpkg-dev
	want_command dh debhelper
	want_command lintian lintian
}

valgrind_set() {
	want_command valgrind valgrind
}

fuzz_set() {
	want_command clang clang
	want_command llvm-symbolizer llvm
	have clang && [ -e "$(clang -print-file-name="libclang_rt.fuzzer-$(uname -m).a")" ] || missing="$missing libclang-rt-dev"
}

peers_set() {
	want_command jq jq
	want_command mlr miller
	want_command python3 python3
	# Debian's python3 has the module venv but not what it needs, unless python3-venv is installed.
	python3 -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
}

# quietly COMMAND...: its output goes to the log
quietly() {
	printf '$ %s\n' "$*" >>"$log"
	"$@" >>"$log" 2>&1 </dev/null
}

install_missing() {
	[ -n "$missing" ] || return 0
	have apt-get || die "missing:$missing (Debian's names; this machine has no apt-get)"
	command="apt-get install -y --no-install-recommends$missing"
	as_root=
	if [ "$(id -u)" -ne 0 ]; then
		if have sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
			as_root='sudo env DEBIAN_FRONTEND=noninteractive'
		else
			die "missing:$missing" "run as root: apt-get update && $command"
		fi
	fi
	echo "deps: installing$missing"
	[ -z "$as_root" ] || sudo -v || die 'sudo refused'
	# A source that this machine can't reach need not be the one that is wanted here.
	quietly $as_root apt-get update || echo 'deps: apt-get update failed, going on with the lists at hand' >&2
	quietly $as_root $command || {
		tail -n 20 "$log" >&2
		die "could not install$missing (all of it in $log; offline?)"
	}
}

# The entry of this machine's apt sources that its release itself comes from, turned into a
# source entry of the next suite: mirror and key stay, whatever they are.  Prints a deb822
# paragraph or a one-line entry; nothing when there is none.
next_suite_entry() {
	for list in /etc/apt/sources.list.d/*.sources; do
		[ -r "$list" ] || continue
		awk -v old="$1" -v new="$next_suite" '
		function flush(    i, skip) {
			if (n && is_old && is_deb && is_main && !off) {
				for (i = 1; i <= n; i++) {
					if (line[i] ~ /^[^ \t#]/)
						skip = line[i] ~ /^(Types|Suites|Components|Architectures|Targets|Enabled):/
					if (!skip && line[i] !~ /^#/)
						print line[i]
				}
				print "Types: deb-src\nSuites: " new "\nComponents: main"
				exit
			}
			n = is_old = is_deb = is_main = off = 0
		}
		/^[ \t]*$/ { flush(); next }
		{
			line[++n] = $0
			if ($0 ~ /^[^ \t#]/)
				field = tolower($1)
			if ($0 ~ /^#/)
				next
			for (i = 1; i <= NF; i++) {
				if (field == "types:" && $i == "deb") is_deb = 1
				if (field == "suites:" && ($i == old || $i ~ /^(old)*stable$/)) is_old = 1
				if (field == "components:" && $i == "main") is_main = 1
				if (field == "enabled:" && $i == "no") off = 1
			}
		}
		END { if (n) { flush() } }' "$list" >"$deps/apt/next.sources"
		if [ -s "$deps/apt/next.sources" ]; then
			echo "$deps/apt/next.sources"
			return
		fi
	done
	for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -r "$list" ] || continue
		sed -n -E "s/^deb[[:space:]]+((\[[^]]*\][[:space:]]+)?[^[:space:]]+)[[:space:]]+($1|(old)*stable)[[:space:]]+(.*[[:space:]])?main([[:space:]].*)?\$/deb-src \1 $next_suite main/p" \
			"$list" | head -n 1 >"$deps/apt/next.list"
		if [ -s "$deps/apt/next.list" ]; then
			echo "$deps/apt/next.list"
			return
		fi
	done
}

# An apt configuration of its own: what the machine says about proxies, keys and mirrors holds,
# its lists, its package state and its hooks are not touched.
private_apt() {
	apt-config dump | grep -Ev '^(Dir|DPkg|APT::Update|Acquire::IndexTargets)\b' >"$deps/apt/apt.conf"
	cat >>"$deps/apt/apt.conf" <<-CONF
	Dir::Etc::parts "/dev/null";
	Dir::Etc::main "/dev/null";
	Dir::Etc::sourcelist "$1";
	Dir::Etc::sourceparts "/dev/null";
	Dir::Etc::preferences "/dev/null";
	Dir::Etc::preferencesparts "/dev/null";
	Dir::State "$PWD/$deps/apt/state";
	Dir::State::status "/dev/null";
	Dir::Cache "$PWD/$deps/apt/cache";
	Dir::Log "$PWD/$deps/apt";
	APT::Sandbox::User "";
	Acquire::Languages "none";
	CONF
}

fetch_yyjson() {
	have apt-get || die 'yyjson is missing: install it so that pkg-config finds yyjson >= '"$yyjson_least"
	[ "$id" = debian ] || die "$id $codename has no package of yyjson: install yyjson >= $yyjson_least so that pkg-config finds it"

	echo "deps: fetching yyjson's source from Debian $next_suite into $deps (this machine's mirror and keys)"
	rm -rf "$deps/apt" "$deps/yyjson"
	mkdir -p "$deps/apt/state/lists/partial" "$deps/apt/cache/archives/partial" "$deps/yyjson"
	chmod 700 "$deps/apt"
	entry=$(next_suite_entry "$codename")
	[ -n "$entry" ] || die "no entry for $codename main in /etc/apt/sources.list or sources.list.d: yyjson can't be fetched"
	private_apt "$PWD/$entry"
	# Nothing unsigned passes: apt refuses an index that no trusted key has signed, and a
	# file that differs from the index.  --tar-only: Debian's packaging is not needed.
	(
		export APT_CONFIG="$PWD/$deps/apt/apt.conf"
		quietly apt-get -q -o APT::Update::Error-Mode=any update &&
			cd "$deps/yyjson" &&
			quietly apt-get -q source --download-only --tar-only yyjson
	) || {
		tail -n 20 "$log" >&2
		die "could not fetch yyjson (all of it in $log; offline?)"
	}
	# apt-helper unpacks what tar would need another program for.
	tarball=$(ls "$deps"/yyjson/yyjson_*.orig.tar.*)
	/usr/lib/apt/apt-helper cat-file "$PWD/$tarball" | tar -xf - -C "$deps/yyjson" --strip-components=1
	version=$(basename "$tarball" | sed -E 's/^yyjson_([0-9.]*[0-9]).*/\1/')

	mkdir -p "$deps/include" "$deps/lib"
	quietly ${CC:-cc} -std=c99 -O2 -g "-ffile-prefix-map=$PWD/$deps=." -fPIC -DNDEBUG -c -o "$deps/yyjson/yyjson.o" "$deps/yyjson/src/yyjson.c" || {
		tail -n 20 "$log" >&2
		die 'could not compile yyjson'
	}
	cp "$deps/yyjson/src/yyjson.h" "$deps/include/"
	cp "$deps/yyjson/LICENSE" "$deps/lib/yyjson.LICENSE"
	rm -f "$deps/lib/libyyjson.a"
	ar rcsD "$deps/lib/libyyjson.a" "$deps/yyjson/yyjson.o"
	cat >"$deps/yyjson.pc" <<-PC
	prefix=\${pcfiledir}
	libdir=\${prefix}/lib
	Name: yyjson
	Description: JSON reader and writer, compiled for this tree alone
	Version: $version
	Libs: -L\${libdir} -lyyjson
	Cflags: -I\${prefix}/include
	PC
	rm -rf "$deps/apt" "$deps/yyjson"
}

# DuckDB has no package of Debian's: Python's, in an environment of its own.
fetch_peers() {
	[ -x "$deps/peers/bin/python3" ] || quietly python3 -m venv "$deps/peers" || die "python3 -m venv failed: $log"
	"$deps/peers/bin/python3" -c 'import duckdb, sklearn, polars, xgboost, lightgbm' 2>/dev/null && return
	echo "deps: installing duckdb, scikit-learn, polars, xgboost and lightgbm with pip into $deps/peers"
	quietly "$deps/peers/bin/python3" -m pip install -q --disable-pip-version-check duckdb scikit-learn polars xgboost-cpu lightgbm || {
		tail -n 5 "$log" >&2
		die "could not install duckdb, scikit-learn, polars, xgboost and lightgbm (all of it in $log)"
	}
}

mkdir -p "$deps"
for set in "$@"; do
	case $set in
	build | test | kafka | lint | format | package | valgrind | fuzz | peers) "${set}_set" ;;
	*) die "no such set: $set" ;;
	esac
done
install_missing
case " $* " in
*' build '*) have_yyjson || fetch_yyjson ;;
esac
case " $* " in
*' peers '*) fetch_peers ;;
esac
