# pystrobe: build, test, install. See README.md and HACKING.md.

CC ?= cc
BUILD ?= build
CFLAGS ?= -O2 -g
WARN = -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
	-Wconversion -Wno-sign-conversion
# Developer builds: make WERROR=1 (make check sets it)
WERROR ?=
SANITIZE ?=
PREFIX ?= /usr/local

VERSION = 0.1.0

# -iquote, not -I: include/elf.h must not hide libelf's own <elf.h>.
ALL_CPPFLAGS = -D_GNU_SOURCE -DPYSTROBE_VERSION='"$(VERSION)"' -iquote include \
	$(CPPFLAGS)
ALL_CFLAGS = -std=c11 $(WARN) $(if $(WERROR),-Werror) $(CFLAGS) \
	$(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer \
	-fno-sanitize-recover=all)
# The program is optimized as a whole; tests stand in for parts of it, and are not.
ifeq ($(origin LTO)$(SANITIZE)$(ENGINE),undefined)
FAT = -flto=auto -ffat-lto-objects
LTO := $(shell $(CC) -Werror $(FAT) -x c -c -o /dev/null /dev/null \
	2>/dev/null && echo "$(FAT)")
endif
ALL_LDFLAGS = $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)
LIBS = -lelf -lz -lncursesw -ltinfo -pthread

# Objects of a sanitized build live apart from those of a plain one.
comma := ,
OUT = $(BUILD)$(if $(SANITIZE),/san-$(subst $(comma),-,$(SANITIZE)))

LIB_SRC = $(filter-out src/cli/main.c,$(wildcard src/*/*.c))
LIB_OBJ = $(LIB_SRC:%.c=$(OUT)/%.o)
LIB = $(OUT)/libpystrobe.a
MAIN_OBJ = $(OUT)/src/cli/main.o
PROGRAM = $(OUT)/pystrobe

# Completions of the command line, which the program makes.
SHELLS = bash zsh fish
COMPLETIONS = $(SHELLS:%=$(OUT)/completions/pystrobe.%)

UNIT_SRC = $(wildcard tests/unit/test_*.c)
UNIT = $(UNIT_SRC:tests/unit/%.c=$(OUT)/tests/%)
TEST_LIB = $(OUT)/libtests.a
TEST_LIB_OBJ = $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/lib/*.c))
TOOL_SRC = $(wildcard tests/tools/*.c)
TOOL = $(TOOL_SRC:tests/tools/%.c=$(OUT)/tests/%)

# Fuzz targets (tests/fuzz). Without ENGINE they replay inputs, as tests; with
# it (make fuzz) a fuzzer drives them.
ENGINE ?=
FUZZ_SRC = $(wildcard tests/fuzz/fuzz_*.c)
FUZZ = $(FUZZ_SRC:tests/fuzz/%.c=$(OUT)/tests/%)
FUZZ_LIB_SRC = $(filter-out $(FUZZ_SRC) $(if $(ENGINE),tests/fuzz/replay.c),\
	$(wildcard tests/fuzz/*.c))
FUZZ_LIB_OBJ = $(FUZZ_LIB_SRC:%.c=$(OUT)/%.o)

all: $(PROGRAM) $(COMPLETIONS)

$(PROGRAM): $(MAIN_OBJ) $(LIB)
	$(CC) $(ALL_CFLAGS) $(LTO) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# With another program, such as one of this machine when it is compiled for a
# different one, COMPLETER makes them.
COMPLETER ?= $(PROGRAM)
$(OUT)/completions/pystrobe.%: $(PROGRAM)
	@mkdir -p $(@D)
	$(COMPLETER) --completion $* >$@.tmp
	@mv $@.tmp $@

$(LIB): $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

# An archive: tools take from it only what does not need cmocka.
$(TEST_LIB): $(TEST_LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(OUT)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Style and script of the flame graph as C strings, without indentation and
# lines that are only a comment.
$(OUT)/gen/flame_%.inc: src/render/flame.%
	@mkdir -p $(@D)
	sed -e 's/^[[:space:]]*//' -e '/^\/\//d' -e '/^$$/d' \
		-e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n"/' $< >$@.tmp
	@mv $@.tmp $@

# What the completion of a shell has beside the tables of options.
$(OUT)/gen/completion_%.inc: src/cli/completion.%
	@mkdir -p $(@D)
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n"/' $< >$@.tmp
	@mv $@.tmp $@

$(OUT)/src/%.o: ALL_CFLAGS += $(LTO)

$(OUT)/src/cli/completion.o: ALL_CPPFLAGS += -iquote $(OUT)/gen
$(OUT)/src/cli/completion.o: $(SHELLS:%=$(OUT)/gen/completion_%.inc)

$(OUT)/src/render/svg.o: ALL_CPPFLAGS += -iquote $(OUT)/gen
$(OUT)/src/render/svg.o: $(OUT)/gen/flame_css.inc $(OUT)/gen/flame_js.inc

# Tests may look inside a room: "src/walk/walk_priv.h".
# cmocka 2 (Debian sid) warns of the names that version 1 (Debian 12) has.
$(OUT)/tests/%.o: ALL_CPPFLAGS += -iquote . \
	-DCMOCKA_DISABLE_DEPRECATION_WARNINGS

# Calls that tests/lib/failing.c stands in for.
WRAPPED = malloc calloc realloc reallocarray read pread recv \
	process_vm_readv write
$(OUT)/tests/test_failing: ALL_LDFLAGS += $(WRAPPED:%=-Wl,--wrap=%)
$(OUT)/tests/test_failing: | $(OUT)/tests/rubbish

# What test_target_displace.c, _settle.c and _states.c stand in for.
STOOD_IN = probe_cpu probe_look walker_grab walker_take look_slices \
	occupy_lead occupy_is_on occupy_begin occupy_end occupy_took
$(OUT)/tests/test_target_displace: ALL_LDFLAGS += $(STOOD_IN:%=-Wl,--wrap=%)
LOOKED_AT = probe_look walker_again walker_threads look_slices
$(OUT)/tests/test_target_settle: ALL_LDFLAGS += $(LOOKED_AT:%=-Wl,--wrap=%)
COMPARED = walker_lean walker_hold walker_threads decide look_slices \
	look_closely hold_still
$(OUT)/tests/test_target_states: ALL_LDFLAGS += $(COMPARED:%=-Wl,--wrap=%)
# What tests/lib/reading.c stands in for.
REPLAYED = interrupts_next walker_interrupted walker_ended walker_threads \
	define_state sample_of
$(OUT)/tests/test_target_replay $(OUT)/tests/test_target_timelines: \
	ALL_LDFLAGS += $(REPLAYED:%=-Wl,--wrap=%)

$(OUT)/tests/test_%: $(OUT)/tests/unit/test_%.o $(TEST_LIB) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -fno-lto -o $@ $^ -lcmocka -lm $(LIBS)

# tests/lib/tape.c asserts.
$(OUT)/tests/tell: LIBS += -lcmocka

$(OUT)/tests/%: $(OUT)/tests/tools/%.o $(TEST_LIB) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -fno-lto -o $@ $^ $(LIBS)

$(OUT)/tests/fuzz_%: $(OUT)/tests/fuzz/fuzz_%.o $(FUZZ_LIB_OBJ) $(TEST_LIB) \
		$(LIB)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(if $(ENGINE),-fsanitize=$(ENGINE)) \
		$(ALL_LDFLAGS) -fno-lto -o $@ $^ $(LIBS)

tests: $(UNIT) $(TOOL) $(FUZZ)

# ---- for people ----

SANITIZERS = address,undefined
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))
in_ci = $(filter true,$(CI))
# CI runs a second round with the sanitizers, unless that is the round.
second = $(if $(SANITIZE),,$(if $(in_ci)$(LONG),$(SANITIZERS)))
DEMO_PYTHON = $(firstword $(wildcard /usr/bin/python3) python3)

# Profiles tests/targets/demo.py; leaves a flame graph and prints a table.
demo:
	@scripts/deps build
	@+$(MAKE) -s $(JOBS) all
	@echo "profiling tests/targets/demo.py, which takes 5 seconds ..."
	@$(PROGRAM) record -r 500 --title "make demo" -o $(OUT)/demo.svg \
		--save $(OUT)/demo.strobe -- $(DEMO_PYTHON) tests/targets/demo.py
	@echo
	@$(PROGRAM) report $(OUT)/demo.strobe -F --limit 15
	@echo
	@echo "The flame graph is in $(OUT)/demo.svg: open it in a browser, click"
	@echo "to zoom, Ctrl-F to search. The recording is in $(OUT)/demo.strobe:"
	@echo "  $(PROGRAM) report $(OUT)/demo.strobe -o lines.folded"

# Installs what the tests need, builds and runs them all.
#   SANITIZE=address,undefined   with the sanitizers
#   SID=1                        makes a root folder with Python 3.13 to 3.15
#                                first, about 400 MB (CI=true does, too)
#   READERS=1                    installs foreign readers of our formats first,
#                                about 200 MB (CI=true does, too)
check:
	scripts/deps check
	$(if $(in_ci)$(SID),scripts/sid-root || [ $$? -eq 3 ])
	$(if $(in_ci)$(READERS),scripts/readers || [ $$? -eq 3 ])
	+$(MAKE) $(JOBS) -s WERROR=1 all tests
	$(if $(second),+$(MAKE) $(JOBS) -s WERROR=1 SANITIZE=$(second) all tests)
	scripts/check --out $(OUT) $(if $(second),--sanitized \
		$(BUILD)/san-$(subst $(comma),-,$(second))) $(if $(LONG),--long)

# Also all of the integration tests with the sanitizers, a clang build, and the
# Debian package in a clean root.
check-long:
	+$(MAKE) check LONG=1

# Side by side with other profilers (scripts/peers installs them); one
# scenario: scripts/bench NAME. bench/README.md
bench: all
	scripts/bench --program $(PROGRAM)

# Fuzzers of everything that reads foreign bytes, in build/fuzz: libFuzzer by
# clang; with AFL=1 for afl-fuzz, in build/afl. HACKING.md says how to run one.
FUZZ_OUT = $(BUILD)/$(if $(AFL),afl,fuzz)
fuzz: $(FUZZ)
	+$(MAKE) $(JOBS) CC=$(if $(AFL),afl-clang-fast,clang) ENGINE=fuzzer \
		BUILD=$(FUZZ_OUT) \
		SANITIZE=$(if $(AFL),,fuzzer-no-link$(comma))$(SANITIZERS) fuzzers
	@for program in $(FUZZ:$(OUT)/tests/%=%); do \
		$(OUT)/tests/$$program --seeds $(FUZZ_OUT)/seeds-$$program || exit; \
	done

fuzzers: $(FUZZ)

format:
	clang-format -i $(wildcard include/*.h src/*/*.[ch] tests/*/*.[ch])

# What 'make install' puts where, as FILE=PLACE; 'make uninstall' removes just
# that. A system that wants some of it elsewhere sets that folder.
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d
MANDIR ?= $(PREFIX)/share/man
PLACES = $(PROGRAM)=$(PREFIX)/bin/pystrobe \
	$(foreach page,$(sort $(wildcard man/*.[1-8])),\
	$(page)=$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(notdir $(page))) \
	$(OUT)/completions/pystrobe.bash=$(BASHDIR)/pystrobe \
	$(OUT)/completions/pystrobe.zsh=$(ZSHDIR)/_pystrobe \
	$(OUT)/completions/pystrobe.fish=$(FISHDIR)/pystrobe.fish

install: all
	@set -e; for pair in $(PLACES); do \
		file=$${pair%%=*} to="$(DESTDIR)$${pair#*=}" mode=644; \
		if [ -x "$$file" ]; then mode=755; fi; \
		echo "install $$to"; \
		install -D -m $$mode "$$file" "$$to"; \
	done

# Below a DESTDIR also the folders, as far as they are empty then.
uninstall:
	@set -e; for pair in $(PLACES); do \
		to=$${pair#*=}; folder=$${to%/*}; \
		echo "remove $(DESTDIR)$$to"; \
		rm -f "$(DESTDIR)$$to"; \
		if [ "$(DESTDIR)" ] && [ -d "$(DESTDIR)$$folder" ]; then \
			(cd "$(DESTDIR)" && rmdir -p \
				--ignore-fail-on-non-empty "$${folder#/}"); \
		fi; \
	done

# A tarball of the sources, always the same bytes; a Debian package from it.
dist:
	@mkdir -p $(OUT)
	@scripts/dist $(VERSION) $(abspath $(OUT))/pystrobe-$(VERSION).tar.gz
	@echo $(OUT)/pystrobe-$(VERSION).tar.gz

deb: dist
	@scripts/deps deb
	@scripts/deb $(VERSION) $(OUT)

clean:
	rm -rf $(BUILD)

-include $(shell test -d $(OUT) && find $(OUT) -name '*.d')

.PHONY: all tests demo check check-long bench fuzz fuzzers format install \
	uninstall dist deb clean
.SECONDARY:
