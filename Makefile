# make deps      what building needs (apt-get as root or with sudo; yyjson privately, in build/)
# make           the tools, in build/
# make check     all tests; installs what they need.  `make check T=route`: one by name
#
# make demo      the purchases, from history to live Kafka to side outputs
# make install   PREFIX=/usr/local DESTDIR=
#
# SAN=address,undefined builds and tests beside the normal build; V=1 shows commands.

# ---- what a packager sets ----
PREFIX  ?= /usr/local
DESTDIR ?=
CFLAGS  ?= -O2 -g
LDFLAGS ?=
# With the compiler it is developed with, a warning stops the build; what another one finds need not.
WERROR := $(if $(filter 12,$(shell $(CC) -dumpversion)),-Werror)
SAN     =
JOBS    = $(shell nproc)
PKG_CONFIG ?= pkg-config

MAKEFLAGS += --no-builtin-rules

# ---- what is built ----
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

# What a folder of lib/ may include besides itself.  cmd/ may include all of them.
LAYER_base       =
LAYER_json       = base
LAYER_expr       = base
LAYER_store      = base
LAYER_stream     = base json
LAYER_model      = base json
LAYER_remote     = base json
LAYER_cli        = base stream
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
SANITIZE = $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
COMPILE = $(CC) $(CPPFLAGS) $(LANGUAGE) $(WARN) $(FOUND) $(CFLAGS) $(SANITIZE)
LINK = $(CC) $(CFLAGS) $(SANITIZE) -Wl,--as-needed $(LDFLAGS)
LIBS = $(YYJSON_LIBS) $(ZSTD_LIBS) $(ZLIB_LIBS) -lm
BANNED = -include lib/base/banned.h
# Files whose loops are worth more than -O2: EXTRA holds for one file.
FAST := $(wildcard lib/model/solver-*.c lib/model/score*.c)
$(FAST:%.c=$(B)/%.o): EXTRA = $(if $(filter -O2,$(CFLAGS)),-O3)

Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-4s %s\n' $(1) $@)

# ---- rules ----
all: $(BINS)
tests: all $(UNITS) $(HELPERS) $(FAULTS)

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
	$(Q)rm -f $@ && $(AR) qcs $@ $^

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

# Made to be preloaded: never sanitized itself.
$(FAULTS): $(B)/test/%.so: test/fault/%.c $(B)/flags
	$(call say,TEST)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LANGUAGE) $(WARN) $(CFLAGS) -fPIC -shared -MMD -MP -MF $@.d -MT $@ -o $@ $<

# Other flags than last time: everything is compiled again.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(COMPILE) $(LINK) $(LIBS)' | cmp -s - $@ || echo '$(COMPILE) $(LINK) $(LIBS)' >$@

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

# Each header, and each source without the headers that banned.h brings along, compiles alone.
ALONE := $(patsubst %,$(B)/alone/%.ok,$(filter-out lib/base/banned.h,$(wildcard lib/*/*.[ch] cmd/*.[ch])))
check-headers: $(ALONE)
$(ALONE): $(B)/alone/%.ok: % $(B)/flags | found
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -DCOMMAND=no_command -fsyntax-only -MMD -MP -MF $(@:.ok=.d) -MT $@ -x c $(if $(<:%.c=),-include $< /dev/null,$<)
	@touch $@

check-layers:
	@test/check-layers.sh $(foreach d,$(notdir $(wildcard lib/*)),'$d:$(or $(LAYER_$d),$(if $(filter undefined,$(origin LAYER_$d)),?))') $(OWNERS)

check-names: $(LIB)
	@test/check-names.sh $(NOUNS) $(LIB)

SCRIPTS := $(wildcard .ci/run test/run test/*.sh test/demo test/bench/run test/fixtures/make test/*.bash test/*.bats)
lint:
	mandoc -Tlint -Wwarning $(wildcard man/*)
	if command -v shellcheck >/dev/null; then shellcheck -x $(SCRIPTS); fi

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

# The expected values in test/fixtures, again from the real scikit-learn; nobody else needs Python packages.
fixtures:
	test/fixtures/make

# ---- install: exactly what uninstall removes ----
share  = $(DESTDIR)$(PREFIX)/share
bash_d = $(share)/bash-completion/completions
fish_d = $(share)/fish/vendor_completions.d
INSTALLED = $(BINS:$(B)/%=$(DESTDIR)$(PREFIX)/bin/%) \
	$(foreach p,$(wildcard man/*.[1-8]),$(share)/man/man$(patsubst .%,%,$(suffix $p))/$(notdir $p)) \
	$(if $(wildcard completions/sml.bash),$(BINS:$(B)/%=$(bash_d)/%)) \
	$(if $(wildcard completions/_sml),$(share)/zsh/site-functions/_sml) \
	$(if $(wildcard completions/sml.fish),$(BINS:$(B)/%=$(fish_d)/%.fish))

install: all
	$(Q)for to in $(INSTALLED); do \
		mode=644; name=$${to##*/}; \
		case $$to in \
		*/bin/*) mode=755 from=$(B)/$$name ;; \
		*/man/*) from=man/$$name ;; \
		*/bash-completion/*) from=completions/sml.bash ;; \
		*.fish) from=completions/sml.fish ;; \
		*) from=completions/$$name ;; \
		esac; \
		install -D -m $$mode $$from $$to || exit; \
	done

uninstall:
	$(Q)rm -f $(INSTALLED)

# clean keeps what `make deps` fetched; distclean does not.
clean:
	$(Q)rm -rf build-* $(filter-out build/deps,$(wildcard build/*))

distclean:
	$(Q)rm -rf build build-*

.PHONY: all tests found deps check check-quick check-headers check-layers check-names lint demo bench bench-peers \
	fixtures install uninstall clean distclean FORCE
.DELETE_ON_ERROR:
.SECONDARY:
-include $(wildcard $(addprefix $(B)/,lib/*/*.d cmd/*.d test/*.d bench/*.d alone/lib/*/*.d alone/cmd/*.d))
