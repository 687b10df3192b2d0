#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC1010 # "then" is a word of sml
#
# What people get who don't build in a clone: install, the tarball, the Debian package.
load helper

setup() {
	skip_if_sanitized
	common_setup
}

# make in the tree, on the build that is tested
tree_make() {
	make -C "$SML_ROOT" --no-print-directory "$@"
}

# without a network, where the system lets us
offline() {
	if unshare -rn true 2>/dev/null; then
		unshare -rn "$@"
	else
		"$@"
	fi
}

# all_of DIR: each file and directory in it
all_of() {
	(cd "$1" && find . -mindepth 1 | LC_ALL=C sort)
}

@test "install puts files where they belong, uninstall removes them all" {
	mkdir root
	run -0 tree_make install DESTDIR="$PWD/root" PREFIX=/opt/sml
	local page
	for page in "$SML_ROOT"/man/*.[1-8]; do
		cmp "$page" "root/opt/sml/share/man/man${page##*.}/${page##*/}"
	done
	cmp "$SML_ROOT/completions/sml.bash" root/opt/sml/share/bash-completion/completions/sml-route
	cmp "$SML_ROOT/completions/sml.fish" root/opt/sml/share/fish/vendor_completions.d/sml.fish
	cmp "$SML_ROOT/completions/_sml" root/opt/sml/share/zsh/site-functions/_sml
	cmp "$SML_ROOT/LICENSE" root/opt/sml/share/doc/sml/LICENSE
	cmp "$SML_ROOT/packaging/sml-fraud.service" root/opt/sml/share/doc/sml/examples/sml-fraud.service
	for tool in "$SML_ROOT"/cmd/sml*.c; do
		tool=${tool##*/} tool=${tool%.c}
		run -0 "root/opt/sml/bin/$tool" --version
		[[ $output == "$tool "* ]]
	done
	# The tour's data/ is among the examples.
	(cd root/opt/sml/share/doc/sml/examples && ../../../../bin/sml-features data/purchases.features data/purchases.jsonl) >features
	[ -s features ]
	run -0 find root ! -type d ! -perm 644 ! -path '*/bin/*'
	equal '' "$output"
	run -0 tree_make uninstall DESTDIR="$PWD/root" PREFIX=/opt/sml
	equal '' "$(all_of root)"
}

@test "uninstall leaves what was there before, and nothing else" {
	mkdir -p there/bin there/share/man/man1
	touch there/share/man/man1/other.1
	all_of there >before
	run -0 tree_make install PREFIX="$PWD/there"
	[ -x there/bin/sml ]
	# A second install does not take the directories of the first for somebody else's.
	run -0 tree_make install PREFIX="$PWD/there"
	mkdir -p there/share/fish/vendor_completions.d
	touch there/share/fish/vendor_completions.d/other.fish
	run -0 tree_make uninstall PREFIX="$PWD/there"
	equal "$(LC_ALL=C sort before - <<<$'./share/fish\n./share/fish/vendor_completions.d\n./share/fish/vendor_completions.d/other.fish')" \
		"$(all_of there)"
	# Again: nothing to do.
	run -0 tree_make uninstall PREFIX="$PWD/there"
	run -0 tree_make install PREFIX="$PWD/new/place"
	run -0 tree_make uninstall PREFIX="$PWD/new/place"
	[ ! -e new ]
	run ! tree_make install PREFIX=relative
	[[ $output == *'absolute path'* ]]
}

@test "the example of a service is one to systemd" {
	command -v systemd-analyze >/dev/null || skip "no systemd"
	run -0 systemd-analyze --man=no verify "$SML_ROOT/packaging/sml-fraud.service"
	equal '' "$output"
	sed 's/^RestartSec=1/&x/' "$SML_ROOT/packaging/sml-fraud.service" >wrong.service
	run systemd-analyze --man=no verify "$PWD/wrong.service"
	[[ $output == *wrong.service:* ]]
}

# unpack [DIR]: the tarball, with the libraries that `make deps` has put into the tree
unpack() {
	mkdir -p "$1"
	tar -xzf dist/sml-*.tar.gz -C "$1" --strip-components=1
	if [ -e "$SML_ROOT/build/deps/yyjson.pc" ]; then
		mkdir -p "$1/build/deps"
		cp -r "$SML_ROOT"/build/deps/{include,lib,yyjson.pc} "$1/build/deps"
	fi
}

@test "the tarball: same tree, same bytes; nothing that was built or fetched" {
	local version
	version=$("$SML_BIN/sml" --version | sed -n '1s/.* //p')
	run -0 "$SML_ROOT/packaging/dist" "$version" "$PWD/dist"
	run -0 "$SML_ROOT/packaging/dist" "$version" "$PWD/again"
	cmp "dist/sml-$version.tar.gz" "again/sml-$version.tar.gz"
	tar -tzf "dist/sml-$version.tar.gz" >names
	LC_ALL=C sort -c names
	grep -Fqx "sml-$version/lib/base/buf.c" names
	grep -Fqx "sml-$version/packaging/debian/rules" names
	run ! grep -E '/build|/\.git/|\.o$|yyjson\.[ch]$' names
	# Of itself, in another place, by someone with another umask.
	(umask 077 && unpack "a place" && umask 022 && cd "a place" && packaging/dist "$version" build)
	cmp "dist/sml-$version.tar.gz" "a place/build/sml-$version.tar.gz"
}

@test "the tarball builds offline, in any place, to the same bytes" {
	run -0 "$SML_ROOT/packaging/dist" 0 "$PWD/dist"
	unpack "a place"
	run -0 offline make -C "a place" -j"$(nproc)"
	local tool
	for tool in "$SML_ROOT"/cmd/sml*.c; do
		tool=${tool##*/} tool=${tool%.c}
		cmp "$SML_BIN/$tool" "a place/build/$tool"
	done
	run ! grep -aFl "a place" "a place"/build/sml*
}

@test "the version stands in one place" {
	run -0 grep -rlF "\"$("$SML_BIN/sml" --version | sed -n '1s/.* //p')\"" "$SML_ROOT"/{Makefile,cmd,lib,packaging}
	equal "$SML_ROOT/lib/cli/version.h" "$output"
}

# dpkg on a root of its own, as who may give files to root
dpkg_root() {
	local as_root=()
	[ "$(id -u)" -eq 0 ] || as_root=(unshare -r)
	"${as_root[@]}" dpkg --root="$PWD/root" --force-depends --log="$PWD/dpkg.log" "$@"
}

@test "the Debian package: lintian, install, run, remove" {
	command -v dpkg-deb >/dev/null || skip "no Debian"
	if ! command -v dh || ! command -v lintian; then
		[ "${CI-}" != true ]
		skip "no debhelper and lintian: test/deps.sh package"
	fi >/dev/null
	local deb version
	version=$("$SML_BIN/sml" --version | sed -n '1s/.* //p')
	run -0 "$SML_ROOT/packaging/deb" "$version" "$PWD/deb"
	deb=${lines[-1]}
	[[ ${deb##*/} == sml_"$version"-* ]]
	run -0 lintian --allow-root --fail-on error,warning "${deb%_*.deb}"_*.changes
	equal '' "$output"

	# The programs are stripped and hardened, and need what they are linked to.
	[[ $(dpkg-deb -f "$deb" Depends) == *librdkafka1* ]]
	mkdir -p root/var/lib/dpkg/{info,updates,triggers}
	touch root/var/lib/dpkg/status
	run -0 dpkg_root -i "$deb"
	run -0 readelf -dWS root/usr/bin/sml
	[[ $output == *BIND_NOW* && $output != *.debug_info* ]]
	run -0 dpkg_root --verify sml
	equal '' "$output"
	run -0 root/usr/bin/sml-classify --version
	(cd root/usr/share/doc/sml/examples && "$OLDPWD/root/usr/bin/sml" replay data/purchases.jsonl then \
		features data/purchases.features then classify -m data/model.json then route error=null) >scored
	[ -s scored ]
	gzip -t root/usr/share/man/man1/*.1.gz root/usr/share/man/man7/sml.7.gz
	for page in "$SML_ROOT"/man/*.[1-8]; do
		zcat "root/usr/share/man/man${page##*.}/${page##*/}.gz" | cmp - "$page"
	done
	cmp "$SML_ROOT/completions/sml.bash" root/usr/share/bash-completion/completions/sml-train
	grep -q 'Permission is hereby granted' root/usr/share/doc/sml/copyright

	run -0 dpkg_root --purge sml
	run -0 find root -mindepth 1 ! -path 'root/var*' ! -path 'root/usr'
	equal '' "$output"
}
