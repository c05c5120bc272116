/*
 * foreign.h - what other profilers wrote, told to a tape.
 */
#ifndef PYSTROBE_TESTS_FOREIGN_H
#define PYSTROBE_TESTS_FOREIGN_H

#include <stddef.h>

#include "base.h"
#include "convert.h"
#include "tests/lib/tape.h"

struct foreign {
	struct convert_options options;
	struct convert_report report;
	struct tape tape;
	struct err err;
	int ret;
};

/* For cmocka: *state is a struct foreign. */
int foreign_setup(void **state);
int foreign_teardown(void **state);
/* An empty tape, and no error. */
void foreign_begin(struct foreign *f);
/*
 * Converts all at once, from bytes that end at an unmapped page; f->ret is what
 * came of it. Returns the tape.
 */
const char *foreign_bytes(struct foreign *f, const void *data, size_t len);
const char *foreign_text(struct foreign *f, const char *lines);

/* ---- MOJO ---- */

#define BYTES(text) text, sizeof(text) - 1
#define META(key, value) "\x01" key "\0" value "\0"
#define MOJO META("austin", "4.0") META("interval", "100")                    \
	META("mode", "wall") META("python", "3.11.7")
#define NAMES "\x0b\x10/a.py\0" "\x0b\x11" "f\0"
/* Key 32, file 16, name 17, line 3, to line 4, columns. */
#define FRAME "\x03\x20\x10\x11\x03\x04\x01\x09"

#endif
