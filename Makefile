# make deps      what building needs (apt-get as root or with sudo; yyjson privately, in build/)
# make           the tools, in build/
# make check     all tests; installs what they need.  `make check T=route`: one by name
#
# make check-valgrind   the same under valgrind, for memory that is lost or not initialised
# make soak      pipelines under a checkpoint, killed at random (SECONDS=600)
# make fuzz      each target for a minute (SECONDS=60), with clang's libFuzzer
#
# make demo      the purchases, from history to live Kafka to side outputs
# make install   PREFIX=/usr/local DESTDIR=; make uninstall
# make dist      the sources, in build/; make deb: a Debian package, in build/deb
#
# make lint      what is wrong with manual, scripts and sources; make format: the lines of C that differ from HEAD
#
# SAN=address,undefined builds and tests beside the normal build; V=1 shows commands.

# ---- what a packager sets ----
PREFIX  ?= /usr/local
DESTDIR ?=
CFLAGS  ?= -O2 -g
LDFLAGS ?=
# With the compiler and the flags it is developed with, a warning stops the build; what others find need not.
WERROR := $(if $(filter 12-file,$(shell $(CC) -dumpversion)-$(origin CFLAGS)),-Werror)
SAN     =
JOBS    = $(shell nproc)
PKG_CONFIG ?= pkg-config

MAKEFLAGS += --no-builtin-rules

# ---- what is built ----
VERSION := $(shell sed -n 's/.*SML_VERSION "\(.*\)"/\1/p' lib/cli/version.h)
B       := build$(if $(SAN),-$(subst $(shell echo ,),-,$(SAN)))
TOOLS   := $(patsubst cmd/%.c,%,$(wildcard cmd/sml-*.c))
CHAIN   := $(patsubst cmd/%.c,%,$(wildcard cmd/sml.c))
KAFKA   := sml-replay sml-route sml
BINS    := $(addprefix $(B)/,$(TOOLS) $(CHAIN))
LIB     := $(patsubst %.c,$(B)/%.o,$(wildcard lib/*/*.c))
UNITS   := $(patsubst test/unit/%.c,$(B)/test/%,$(wildcard test/unit/test-*.c))
HELPERS := $(patsubst test/helper/%.c,$(B)/test/%,$(wildcard test/helper/*.c))
FAULTS  := $(patsubst test/fault/%.c,$(B)/test/%.so,$(wildcard test/fault/*.c))
BENCHES := $(patsubst test/bench/%.c,$(B)/bench/%,$(wildcard test/bench/*.c))
FUZZERS := $(patsubst test/fuzz/%.c,$(B)/test/%,$(wildcard test/fuzz/fuzz-*.c))

# What a folder of lib/ may include besides itself.  cmd/ may include all of them.
LAYER_base       =
LAYER_json       = base
LAYER_expr       = base
LAYER_store      = base
LAYER_stream     = base json
LAYER_model      = base json
LAYER_remote     = base json
LAYER_cli        = base stream checkpoint
LAYER_checkpoint = base json stream
LAYER_kafka      = base json stream
LAYER_sink       = base json expr kafka stream store
LAYER_feature    = base json stream expr model store remote
# The one folder that may include a library's header.
OWNERS = yyjson.h=json rdkafka.h=kafka zlib.h=stream zstd.h=stream

# What a file's exported names begin with, besides its own name and its folder's.
NOUNS = filter=loop

# ---- other people's libraries; X_CFLAGS= and X_LIBS= override pkg-config ----
pkg = $(shell PKG_CONFIG_PATH="build/deps:$$PKG_CONFIG_PATH" $(PKG_CONFIG) $(1) 2>/dev/null)
yyjson_a := $(wildcard $(call pkg,--variable=libdir yyjson)/libyyjson.a)
YYJSON_CFLAGS  := $(call pkg,--cflags 'yyjson >= 0.10')
YYJSON_LIBS    := $(or $(yyjson_a),$(call pkg,--libs 'yyjson >= 0.10'))
RDKAFKA_CFLAGS := $(call pkg,--cflags rdkafka)
RDKAFKA_LIBS   := $(call pkg,--libs rdkafka)
ZLIB_LIBS      := $(call pkg,--libs zlib)
ZSTD_LIBS      := $(call pkg,--libs libzstd)
MISSING := $(if $(YYJSON_LIBS),,yyjson) $(if $(RDKAFKA_LIBS),,librdkafka)

# ---- flags ----
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla $(WERROR)
# No fused multiply-add: results are the same bits on every machine.
LANGUAGE = -std=c17 -D_GNU_SOURCE -ffp-contract=off -Ilib -I.
FOUND = $(if $(ZLIB_LIBS),-DHAVE_ZLIB) $(if $(ZSTD_LIBS),-DHAVE_ZSTD) $(YYJSON_CFLAGS) $(RDKAFKA_CFLAGS)
SANITIZE = $(if $(SAN),-fsanitize=$(SAN)$(if $(findstring undefined,$(SAN)),$(shell echo ,)float-cast-overflow) -fno-sanitize-recover=all -fno-omit-frame-pointer)
# Where it is built is no part of what is built.
ANYWHERE = '-ffile-prefix-map=$(CURDIR)=.'
COMPILE = $(CC) $(CPPFLAGS) $(LANGUAGE) $(WARN) $(FOUND) $(ANYWHERE) $(CFLAGS) $(SANITIZE)
LINK = $(CC) $(ANYWHERE) $(CFLAGS) $(SANITIZE) -Wl,--as-needed $(LDFLAGS)
LIBS = $(YYJSON_LIBS) $(ZSTD_LIBS) $(ZLIB_LIBS) -ldl -lm
BANNED = -include lib/base/banned.h
# Files whose loops are worth more than -O2: EXTRA holds for one file.
FAST := $(wildcard lib/model/solver-*.c lib/model/score*.c lib/feature/*.c lib/json/*.c)
$(FAST:%.c=$(B)/%.o): EXTRA = $(if $(filter -O2,$(CFLAGS)),-O3)

Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-4s %s\n' $(1) $@)

# ---- rules ----
all: $(BINS)
tests: all $(UNITS) $(HELPERS) $(FAULTS) $(FUZZERS)

$(B)/%.o: %.c $(B)/flags | found
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(EXTRA) $(BANNED) -MMD -MP -c -o $@ $<

# One main for all: X_command is the tool that cmd/sml-X.c describes.
$(B)/cmd/main-%.o: cmd/main.c $(B)/flags | found
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(BANNED) -DCOMMAND=$*_command -MMD -MP -c -o $@ $<

$(B)/libsml.a: $(LIB)
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) qcsD $@ $^

# Of the five filters only those that talk to Kafka link its client.
$(addprefix $(B)/,$(KAFKA)): private LIBS += $(RDKAFKA_LIBS)
$(addprefix $(B)/,$(TOOLS)): $(B)/sml-%: $(B)/cmd/sml-%.o $(B)/cmd/main-%.o $(B)/libsml.a
$(addprefix $(B)/,$(CHAIN)): $(B)/cmd/sml.o $(TOOLS:%=$(B)/cmd/%.o) $(B)/libsml.a
$(BINS):
	$(call say,LINK)
	$(Q)$(LINK) -o $@ $^ $(LIBS)

$(UNITS): $(B)/test/%: test/unit/%.c
$(HELPERS): $(B)/test/%: test/helper/%.c
$(BENCHES): $(B)/bench/%: test/bench/%.c
$(UNITS) $(HELPERS) $(BENCHES): $(B)/libsml.a $(B)/flags | found
	$(call say,TEST)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(LDFLAGS) -Wl,--as-needed -MMD -MP -MF $@.d -MT $@ -o $@ $(filter %.c,$^) $(B)/libsml.a $(LIBS) $(RDKAFKA_LIBS)

# A target of fuzzing: libFuzzer drives it where FUZZ says so, else replay.c with files of a corpus.
$(FUZZERS): $(B)/test/%: test/fuzz/%.c $(if $(FUZZ),,test/fuzz/replay.c)
$(B)/test/fuzz-options: private LDFLAGS += -Wl,--wrap=exit
$(B)/test/fuzz-options: $(TOOLS:%=$(B)/cmd/%.o)
$(FUZZERS): $(B)/libsml.a $(B)/flags | found
	$(call say,TEST)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) -Itest/fuzz $(LDFLAGS) $(if $(FUZZ),-fsanitize=fuzzer) -Wl,--as-needed -MMD -MP -MF $@.d -MT $@ -o $@ $(filter %.c %.o,$^) \
		$(B)/libsml.a $(LIBS) $(RDKAFKA_LIBS)

# Made to be preloaded: never sanitized itself.
$(FAULTS): $(B)/test/%.so: test/fault/%.c $(B)/flags
	$(call say,TEST)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LANGUAGE) $(WARN) $(CFLAGS) -fPIC -shared -MMD -MP -MF $@.d -MT $@ -o $@ $<

# Other flags than last time: everything is compiled again.
$(B)/flags: export FLAGS = $(COMPILE) $(LINK) $(LIBS)
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo "$$FLAGS" | cmp -s - $@ || echo "$$FLAGS" >$@

found:
	$(if $(strip $(MISSING)),$(error missing: $(strip $(MISSING)); run: make deps))

deps:
	@test/deps.sh build

# ---- checks ----
make = $(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS))
# CI runs the suite a second time under sanitizers, without the broker.
SECOND = $(if $(filter true,$(CI)),$(if $(SAN)$(T),,address,undefined))
export BUILD = $(B)
export SML_BIN = $(CURDIR)/$(B)
run = T='$(T)' V='$(V)' test/run

check:
	@test/deps.sh build test kafka
	+@$(make) tests
	$(if $(SECOND),+@$(make) tests SAN=$(SECOND))
	@$(run) $(B) $(if $(SECOND),build-address-undefined)

check-quick:
	@test/deps.sh build test
	+@$(make) tests
	@SML_TEST_NO_KAFKA=1 JOBS=$$((2 * $(JOBS))) $(run) $(B)

# Half an hour, or with the broker a whole one; SML_TEST_NO_KAFKA=1 is without.
check-valgrind:
	@test/deps.sh build test kafka valgrind
	+@$(make) tests
	@$(run) $(B)-valgrind

# Each header, and each source without the headers that banned.h brings along, compiles alone.
ALONE := $(patsubst %,$(B)/alone/%.ok,$(filter-out lib/base/banned.h,$(wildcard lib/*/*.[ch] cmd/*.[ch])))
check-headers: $(ALONE) ; @:
$(ALONE): $(B)/alone/%.ok: % $(B)/flags | found
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -DCOMMAND=no_command -fsyntax-only -MMD -MP -MF $(@:.ok=.d) -MT $@ -x c $(if $(<:%.c=),-include $< /dev/null,$<)
	@touch $@

check-layers:
	@test/check-layers.sh $(foreach d,$(notdir $(wildcard lib/*)),'$d:$(or $(LAYER_$d),$(if $(filter undefined,$(origin LAYER_$d)),?))') $(OWNERS)

check-names: $(LIB)
	@test/check-names.sh $(NOUNS) $(LIB)

check-manual:
	@mandoc -Tlint -Wwarning $(wildcard man/*)

# Every script, whatever it is called.
check-scripts:
	@grep -rIlE '^#!.*(sh|bats)$$|^# shellcheck shell=' .ci completions packaging test | xargs -P $(JOBS) -n 4 shellcheck -x

# Each source when it has changed, or a header of it.  What clang-tidy prints is a finding, but for one line of statistics.
TIDY := $(patsubst %,$(B)/tidy/%.ok,$(wildcard lib/*/*.c cmd/*.c))
check-tidy: $(TIDY) ; @:
$(TIDY): $(B)/tidy/%.ok: % $(B)/alone/%.ok .clang-tidy
	$(call say,TIDY)
	@mkdir -p $(@D)
	$(Q)! clang-tidy --quiet $< -- $(LANGUAGE) $(WARN) $(FOUND) $(BANNED) -DCOMMAND=no_command 2>&1 | grep -v ' warnings* generated\.$$'
	@touch $@

# The other compiler has no warning either.
check-clang:
	+@$(make) tests CC=clang CFLAGS=-O1 WERROR=-Werror B=$(B)/clang

# Minutes for the first time, then as much as has changed.
lint:
	@test/deps.sh build lint
	+@$(make) check-layers check-names check-headers check-manual check-scripts check-tidy check-clang

format:
	@test/deps.sh format
	@test/format.sh

# ---- fuzzing: clang's libFuzzer; SECONDS for each target, T as above ----
fuzzers: $(FUZZERS)

fuzz:
	@test/deps.sh build fuzz
	+@$(make) fuzzers FUZZ=1 CC=clang SAN=address,undefined,fuzzer-no-link B=build-fuzz CFLAGS='-O1 -g'
	@T='$(T)' test/fuzz/run build-fuzz/test $(or $(SECONDS),60)

# Pipelines under a checkpoint that are killed at random for SECONDS=600.
soak:
	@test/deps.sh build test kafka
	+@$(make) all $(HELPERS)
	@SECONDS_MAX=$(or $(SECONDS),600) test/soak

# ---- to look at ----
demo:
	@test/deps.sh build
	+@$(make) all $(HELPERS)
	@test/demo

bench:
	@test/deps.sh build
	+@$(make) all $(HELPERS) $(BENCHES)
	@PATH="$(CURDIR)/build/deps/peers/bin:$$PATH" test/bench/run

bench-peers:
	@test/deps.sh build peers

# The expected values in test/fixtures, again from the real scikit-learn, DuckDB, pandas, XGBoost and LightGBM; nobody else needs Python packages.
fixtures:
	test/fixtures/make

# ---- packages ----
# FROM:TO of each file, TO below PREFIX: exactly what install puts there and uninstall removes.
ZSH_DIR = share/zsh/site-functions
INSTALLED = $(foreach b,$(BINS),$b:bin/$(notdir $b)) \
	$(foreach p,$(wildcard man/*.[1-8]),$p:share/man/man$(patsubst .%,%,$(suffix $p))/$(notdir $p)) \
	$(BINS:$(B)/%=completions/sml.bash:share/bash-completion/completions/%) \
	completions/_sml:$(ZSH_DIR)/_sml \
	$(BINS:$(B)/%=completions/sml.fish:share/fish/vendor_completions.d/%.fish) \
	$(foreach f,README.md LICENSE,$f:share/doc/sml/$f) \
	$(foreach f,$(wildcard data/*),$f:share/doc/sml/examples/$f) \
	packaging/sml-fraud.service:share/doc/sml/examples/sml-fraud.service

install: all
	$(Q)packaging/install add '$(DESTDIR)' '$(PREFIX)' $(INSTALLED)

uninstall:
	$(Q)packaging/install remove '$(DESTDIR)' '$(PREFIX)' $(INSTALLED)

dist:
	@packaging/dist $(VERSION) build

deb:
	@test/deps.sh build package
	@packaging/deb $(VERSION) build/deb

help:
	@sed -n '/^$$/q; s/^#[ ]\{0,1\}//p' Makefile

# clean keeps what `make deps` fetched; distclean does not.
clean:
	$(Q)rm -rf build-* $(filter-out build/deps,$(wildcard build/*))

distclean:
	$(Q)rm -rf build build-*

.PHONY: all tests fuzzers fuzz found deps check check-quick check-valgrind check-headers check-layers check-names \
	check-manual check-scripts check-tidy check-clang lint format demo soak bench bench-peers fixtures install uninstall dist deb help clean distclean FORCE
.DELETE_ON_ERROR:
.SECONDARY:
-include $(wildcard $(addprefix $(B)/,lib/*/*.d cmd/*.d test/*.d bench/*.d alone/lib/*/*.d alone/cmd/*.d))
