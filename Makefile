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
ALL_LDFLAGS = $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)
LIBS = -lelf -lz

# Objects of a sanitized build live apart from those of a plain one.
comma := ,
OUT = $(BUILD)$(if $(SANITIZE),/san-$(subst $(comma),-,$(SANITIZE)))

LIB_SRC = $(filter-out src/cli/main.c,$(wildcard src/*/*.c))
LIB_OBJ = $(LIB_SRC:%.c=$(OUT)/%.o)
LIB = $(OUT)/libpystrobe.a
MAIN_OBJ = $(OUT)/src/cli/main.o
PROGRAM = $(OUT)/pystrobe

UNIT_SRC = $(wildcard tests/unit/test_*.c)
UNIT = $(UNIT_SRC:tests/unit/%.c=$(OUT)/tests/%)
TEST_LIB_OBJ = $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/lib/*.c))
TOOL_SRC = $(wildcard tests/tools/*.c)
TOOL = $(TOOL_SRC:tests/tools/%.c=$(OUT)/tests/%)

all: $(PROGRAM)

$(PROGRAM): $(MAIN_OBJ) $(LIB)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(LIB): $(LIB_OBJ)
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

$(OUT)/src/render/svg.o: ALL_CPPFLAGS += -iquote $(OUT)/gen
$(OUT)/src/render/svg.o: $(OUT)/gen/flame_css.inc $(OUT)/gen/flame_js.inc

# Unit tests may look inside a room: "src/walk/walk_priv.h".
$(OUT)/tests/%.o: ALL_CPPFLAGS += -iquote .

$(OUT)/tests/test_%: $(OUT)/tests/unit/test_%.o $(TEST_LIB_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

$(OUT)/tests/%: $(OUT)/tests/tools/%.o $(TEST_LIB_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

tests: $(UNIT) $(TOOL)

clean:
	rm -rf $(BUILD)

-include $(shell test -d $(OUT) && find $(OUT) -name '*.d')

.PHONY: all tests clean
.SECONDARY:
