/*
 * convert: Austin's text and binary form.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "convert.h"
#include "src/convert/convert_priv.h"
#include "tests/lib/foreign.h"

/* ---- Austin ---- */

#define AUSTIN                                                                \
	"# austin: 4.0.0\n# interval: 100\n# mode: wall\n# python: 3.11.7\n"
#define AUSTIN_HEAD                                                           \
	"run 0 0 100000 0 '' '' 'test'\nprocess 7 0 30b07f0 '' ''\n"          \
	"thread 7 7 7 1 ''\n"

static void austin_has_times(void **state)
{
	struct foreign *f = *state;

	assert_string_equal(
		foreign_text(f, AUSTIN "P7;T0:7;/a.py:f:3;/b.py:C.g:4 110\n"
			       "P7;T0:9;/a.py:f:3 110\n"
			       "P7;T0:7 349\n"
			       "P8;T0:8;/a.py:f:3 20\n"
			       "# duration: 1\n"
			       "P7;T0:7;:INVALID:;:GC: 100\n"),
		AUSTIN_HEAD
		"thread 7 9 9 0 ''\n" /* before the tick that has it */
		"tick 7 110000 0\n"
		" 7 0:0:0:'' 0 f(/a.py:0:3:0) C.g(/b.py:0:4:0)\n"
		" 9 0:0:0:'' 0 f(/a.py:0:3:0)\n"
		"tick 7 459000 2\n"
		" 7 0:0:0:'' 0\n"
		"process 8 0 30b07f0 '' ''\nthread 8 8 8 1 ''\n"
		"tick 8 479000 0\n"
		" 8 0:0:0:'' 0 f(/a.py:0:3:0)\n"
		"tick 7 559000 0\n"
		" 7 0:0:1:'' 0 <invalid>(:0:0:2)\n");
	assert_int_equal(f->report.format, CONVERT_AUSTIN);
	assert_int_equal(f->report.lines, 5);
	assert_int_equal(f->report.samples, 5);
	assert_true(f->report.timed);
}

static void austin_has_modes(void **state)
{
	struct foreign *f = *state;

	assert_string_equal(foreign_text(f, "# austin: 3.7\n# mode: cpu\n"
				    "P7;T0:7;a.py:f:1 100\n"),
			    "run 0 0 0 0 '' '' 'test'\n"
			    "process 7 0 0 '' ''\nthread 7 7 7 1 ''\n"
			    "tick 7 100000 0\n"
			    " 7 1:0:0:'' 0 f(a.py:0:1:0)\n");
	foreign_text(f, AUSTIN "# mode: full\nP7;T0:7;a.py:f:1 100,1,-4096\n"
		       "P7;T0:7;a.py:f:2 100,0,12\nP7;T0:7;a.py:f:3 100\n");
	assert_non_null(strstr(tape_text(&f->tape),
			       " 7 2:0:0:'' 0 f(a.py:0:1:0)\n"));
	assert_non_null(strstr(tape_text(&f->tape),
			       " 7 1:0:0:'' 0 f(a.py:0:2:0)\n"));
	assert_non_null(strstr(tape_text(&f->tape),
			       " 7 0:0:0:'' 0 f(a.py:0:3:0)\n"));
	assert_true(f->report.full);
	assert_string_equal(
		foreign_text(f, AUSTIN "# mode: memory\nP7;T0:7;a.py:f:1 4096\n"
			       "P7;T0:7;a.py:f:1 -1\nP7;T0:7;a.py:f:1 0\n"),
		AUSTIN_HEAD "tick 7 409600000 0 and 4095 more\n"
		" 7 0:0:0:'' 0 f(a.py:0:1:0)\n");
	assert_true(f->report.bytes);
	assert_int_equal(f->report.samples, 4096);
	assert_int_equal(f->report.lines, 2);
	assert_int_equal(f->report.bad, 1);
	assert_string_equal(f->report.why, "its metric is negative");
	/* Nothing but zeros is nothing. */
	assert_string_equal(foreign_text(f, AUSTIN "# mode: memory\n"
					 "P7;T0:7;a.py:f:1 0\n"), "");
	assert_int_equal(f->ret, -EBADMSG);
	assert_int_equal(f->report.lines, 1);
}

static void bad_lines_of_austin(void **state)
{
	static const struct {
		const char *line, *why;
	} rows[] = {
		{"P7;T0:7;a.py:f:1", "no metric at its end"},
		{"P7;T0:7;a.py:f:1 x", "no metric at its end"},
		{"P7;T0:7;a.py:f:1 1,2,3", "no metric at its end"},
		{"P7;T0:7;a.py:f:1 1,1", "no metric at its end"},
		{"P7;T0:7;a.py:f:1 --1", "no metric at its end"},
		{"P7;T0:7;a.py:f:1 -1", "its metric is negative"},
		{"P7;T0:7;a 9223372036854775807", "its metric is too large"},
		{"a.py:f:1 7", "no process and thread at its beginning"},
		{"P7;a.py:f:1 7", "no process and thread at its beginning"},
	};
	struct foreign *f = *state;
	struct str s;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		str_init(&s);
		str_addf(&s, AUSTIN "P7;T0:7 1\n%s\nP7;T0:7 1\n",
			 rows[i].line);
		foreign_text(f, s.data);
		assert_int_equal(f->ret, 0);
		assert_string_equal(f->report.why, rows[i].why);
		assert_int_equal(f->report.first_bad, 6);
		assert_int_equal(f->report.lines, 2);
		str_release(&s);
	}
}

/* ---- MOJO ---- */


static void mojo_is_as_the_text(void **state)
{
	static const char three[] = "MOJ\x03" MOJO NAMES
		"\x02\x07\0" "7\0" FRAME "\x05\x20\x07\x09\xae\x01" /* 110 */
		"\x02\x07\0" "a\0" "\x06sys\0\x05\x20\x04\x08\x09\xae\x01";
	static const char two[] = "MOJ\x02" MOJO NAMES
		"\x02\x07" "7\0" FRAME "\x05\x20\x07\x09\xae\x01"
		"\x02\x07" "a\0" "\x06sys\0\x05\x20\x04\x08\x09\xae\x01";
	static const char one[] = "MOJ\x01" MOJO NAMES
		"\x02\x07" "7\0" "\x03\x20\x10\x11\x03\x05\x20\x07\x09\xae\x01"
		"\x02\x07" "a\0" "\x06sys\0\x05\x20\x04\x08\x09\xae\x01";
	static const char wanted[] = AUSTIN_HEAD
		"thread 7 10 a 0 ''\n"
		"tick 7 110000 0\n"
		" 7 0:0:1:'' 0 f(/a.py:0:3:0)\n"
		" 10 2:0:0:'' 0 sys(kernel:0:0:0) f(/a.py:0:3:0)"
		" <invalid>(:0:0:2)\n";
	struct foreign *f = *state;

	assert_string_equal(foreign_bytes(f, BYTES(three)), wanted);
	assert_int_equal(f->report.format, CONVERT_MOJO);
	assert_int_equal(f->report.lines, 2);
	assert_false(f->report.cut);
	assert_string_equal(foreign_bytes(f, BYTES(two)), wanted);
	assert_string_equal(foreign_bytes(f, BYTES(one)), wanted);
}

static void mojo_numbers(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int64_t value;
		bool broken;
	} rows[] = {
		{BYTES("\0"), 0, false},
		{BYTES("\x3f"), 63, false},
		{BYTES("\x40"), 0, false},
		{BYTES("\x41"), -1, false},
		{BYTES("\xc3\x02"), -131, false}, /* the example of the page */
		{BYTES("\xbf\xff\xff\xff\xff\xff\xff\xff\xff\x01"), INT64_MAX,
		 false},
		{BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), -INT64_MAX,
		 false},
		{BYTES("\xbf\xff\xff\xff\xff\xff\xff\xff\xff\x03"), INT64_MAX,
		 false},
		{BYTES("\xbf\xff\xff\xff\xff\xff\xff\xff\xff\x04"), 0, true},
		{BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), 0, true},
	};
	struct foreign *f = *state;
	struct str s;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		str_init(&s);
		str_add(&s, BYTES("MOJ\x03" META("mode", "memory")
				  "\x02\x07\0" "7\0" "\x0a\x01"
				  "\x02\x07\0" "7\0" "\x0a"));
		str_add(&s, rows[i].bytes, rows[i].len);
		str_add(&s, BYTES("\x02\x07\0" "7\0" "\x0a\x02"));
		foreign_bytes(f, s.data, s.len);
		assert_int_equal(f->report.cut, rows[i].broken);
		if (rows[i].value < 0 || rows[i].value > (int64_t)COUNT_MAX)
			assert_int_equal(f->report.bad, 1);
		else
			assert_int_equal(f->report.samples,
					 1 + (rows[i].broken
						      ? 0
						      : rows[i].value + 2));
		str_release(&s);
	}
}

/* Wherever it is cut: no sample more, and told, unless it is between two. */
static void mojo_cut_anywhere(void **state)
{
	static const char whole[] = "MOJ\x03" MOJO NAMES
		"\x02\x07\0" "7\0" FRAME "\x05\x20\x09\xae\x01"
		"\x02\x07\0" "7\0" "\x05\x20\x09\xae\x01";
	struct foreign *f = *state;
	size_t len, full = sizeof(whole) - 1;
	bool cut;

	f->options.format = CONVERT_MOJO;
	for (len = 0; len <= full; len++) {
		foreign_bytes(f, whole, len);
		cut = f->report.cut;
		assert_true(f->report.lines <= 2);
		assert_int_equal(f->ret, f->report.lines ? 0 : -EBADMSG);
		if (len == full)
			assert_int_equal(f->report.lines, 2);
		if (len == full - 1)
			assert_true(cut);
	}
}

static void mojo_that_is_none(void **state)
{
	struct foreign *f = *state;

	foreign_bytes(f, BYTES("MOJ\x04" MOJO));
	assert_int_equal(f->ret, -EBADMSG);
	assert_non_null(strstr(f->err.msg, "version 4"));
	f->options.format = CONVERT_MOJO;
	foreign_bytes(f, BYTES("a;b 1\n"));
	assert_int_equal(f->ret, -EBADMSG);
	/* Frames that were never defined, a reference to no string. */
	f->options.format = CONVERT_DETECT;
	foreign_bytes(f, BYTES("MOJ\x03\x03\x20\x15\x16\x03\x04\x01\x09"
			 "\x02\x07\0" "7\0\x05\x20\x05\x21\x09\x01"));
	assert_non_null(strstr(tape_text(&f->tape),
			       " <unknown>(<unknown>:0:3:0) "
			       "<unknown>(:0:0:2)\n"));
	/* An event that is none ends it; what was before stays. */
	foreign_bytes(f, BYTES("MOJ\x03\x02\x07\0" "7\0\x09\x01\x0d\x02\x07"));
	assert_int_equal(f->ret, 0);
	assert_true(f->report.cut);
	assert_int_equal(f->report.lines, 1);
	/* No process, no thread, no metric. */
	foreign_bytes(f, BYTES("MOJ\x03\x02\x47\0" "7\0\x09\x01"
			 "\x02\x07\0" "x\0\x09\x01" "\x02\x07\0" "7\0"
			 "\x02\x07\0" "7\0\x09\x01"));
	assert_int_equal(f->report.bad, 3);
	assert_int_equal(f->report.first_bad, 1);
	assert_int_equal(f->report.lines, 1);
}

#define FIXED(test)                                                           \
	cmocka_unit_test_setup_teardown(test, foreign_setup, foreign_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		FIXED(austin_has_times),
		FIXED(austin_has_modes),
		FIXED(bad_lines_of_austin),
		FIXED(mojo_is_as_the_text),
		FIXED(mojo_numbers),
		FIXED(mojo_cut_anywhere),
		FIXED(mojo_that_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
