/*
 * convert: what other profilers wrote, told to a tape.
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
#include "tests/lib/guard.h"

#define MS 1000000u

/* The lines, and what the tape has of them behind run, process and thread. */
#define HEAD(period)                                                          \
	"run 0 0 " period " 0 '' '' 'test'\n"                                 \
	"process 0 0 0 '' ''\nthread 0 2147483648 0 0 ''\n"
#define SAMPLE " 2147483648 0:0:0:'' 0"

/* ---- frames ---- */

static void frames_of_all_kinds(void **state)
{
	static const struct {
		const char *text, *name, *file;
		uint32_t line, flags;
	} rows[] = {
		{"f (a.py:42)", "f", "a.py", 42, 0},
		{"f (a.py)", "f", "a.py", 0, 0},
		{"f (a b (c).py:7)", "f (a b", "c).py", 7, 0},
		{"<module> (<string>:1)", "<module>", "<string>", 1, 0},
		{"f (a.py:0)", "f", "a.py:0", 0, 0},
		{"f (a.py:012)", "f", "a.py:012", 0, 0},
		{"f (a.py:2147483647)", "f", "a.py", 2147483647, 0},
		{"f (a.py:2147483648)", "f", "a.py:2147483648", 0, 0},
		{"f (:3)", "f", ":3", 0, 0},
		{"f ()", "f ()", "", 0, 0},
		{" (a.py:3)", " (a.py:3)", "", 0, 0},
		{"   (a.py:3)", "   (a.py:3)", "", 0, 0},
		{"f(a.py:3)", "f(a.py:3)", "", 0, 0},
		{"a.py:f:42", "f", "a.py", 42, 0},
		{"C:\\a.py:f:42", "f", "C:\\a.py", 42, 0},
		{"a.py:f:0", "f", "a.py", 0, 0},
		{"std::f:3", "std::f:3", "", 0, 0},
		{"f:3", "f:3", "", 0, 0},
		{"a.py::3", "a.py::3", "", 0, 0},
		{":f:3", ":f:3", "", 0, 0},
		{":3", ":3", "", 0, 0},
		{"3", "3", "", 0, 0},
		{"", "", "", 0, 0},
		{")", ")", "", 0, 0},
		{"[wait: GIL]", "[wait: GIL]", "", 0, FRAME_MARKER},
		{"<moving>", "<moving>", "", 0, FRAME_MARKER},
		{"<module>", "<module>", "", 0, 0},
		{"[]", "[]", "", 0, 0},
	};
	struct frame_text f;
	struct guard g;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		guard_init(&g, rows[i].text, strlen(rows[i].text));
		f = frame_parse((struct piece){g.data, g.len});
		if (!piece_is(&f.name, rows[i].name) ||
		    !piece_is(&f.file, rows[i].file) ||
		    f.line != rows[i].line || f.flags != rows[i].flags)
			fail_msg("'%s' is '%.*s' in '%.*s', %u, %u",
				 rows[i].text, (int)f.name.len, f.name.p,
				 (int)f.file.len, f.file.p, f.line, f.flags);
		guard_release(&g);
	}
}

/* ---- folded ---- */

static void counts_become_ticks(void **state)
{
	struct foreign *f = *state;

	assert_string_equal(
		foreign_text(f, "main (a.py:1);work (a.py:5) 3\n"
				"main (a.py:1) 1\n"
				"main (a.py:1);work (a.py:5) 9000000000000000\n"),
		HEAD("10000000")
		"tick 0 30000000 0 and 2 more\n"
		SAMPLE " main(a.py:0:1:0) work(a.py:0:5:0)\n"
		"tick 0 40000000 0\n"
		SAMPLE " main(a.py:0:1:0)\n"
		"tick 0 4611686018427387904 0 and 8999999999999999 more\n"
		SAMPLE " main(a.py:0:1:0) work(a.py:0:5:0)\n");
	assert_int_equal(f->ret, 0);
	assert_int_equal(f->report.lines, 3);
	assert_int_equal(f->report.samples, 9000000000000004);
	assert_int_equal(f->report.bad, 0);
	assert_true(f->report.late);
	assert_false(f->report.timed);
	f->options.period_ns = MS;
	assert_string_equal(foreign_text(f, "a 2"), /* no end of the line */
			    HEAD("1000000") "tick 0 2000000 0 and 1 more\n"
			    SAMPLE " a(:0:0:0)\n");
	assert_false(f->report.late);
}

static void owners_at_the_root(void **state)
{
	static const struct {
		const char *line, *process, *thread;
	} rows[] = {
		{"thread (8): Main;a 1", "process 0 0 0 '' ''",
		 "thread 0 8 8 0 'Main'"},
		{"thread (0x7F12);a 1", "process 0 0 0 '' ''",
		 "thread 0 2147483648 7f12 0 ''"},
		{"process 7:\"python x.py\";thread (7);a 1",
		 "process 7 0 0 'python x.py' ''", "thread 7 7 7 1 ''"},
		{"process 7:\"p\";process 8:\"q r\";thread (9);a 1",
		 "process 8 0 0 'q r' ''", "thread 8 9 9 0 ''"},
		{"Main (thread 8);a 1", "process 0 0 0 '' ''",
		 "thread 0 8 8 0 'Main'"},
		{"thread (thread 0x7f12);a 1", "process 0 0 0 '' ''",
		 "thread 0 2147483648 7f12 0 ''"},
		{"x.py (process 7);T-1 (thread 8);a 1",
		 "process 7 0 0 'x.py' ''", "thread 7 8 8 0 'T-1'"},
		{"tid:8;a 1", "process 0 0 0 '' ''", "thread 0 8 8 0 ''"},
		{"tid:139900000000000;a 1", "process 0 0 0 '' ''",
		 "thread 0 2147483648 7f3d01cdd800 0 ''"},
		{"P7;T0:8;a 1", "process 7 0 0 '' ''", "thread 7 8 8 0 ''"},
		{"P7;T8;a 1", "process 7 0 0 '' ''", "thread 7 8 8 0 ''"},
		{"P7;T2:8;a 1", "process 7 0 0 '' ''",
		 "thread 7 2147483648 8 0 'interpreter 2'"},
		{"P7;T7f12ab345678;a 1", "process 7 0 0 '' ''",
		 "thread 7 2147483648 7f12ab345678 0 ''"},
	};
	struct foreign *f = *state;
	const char *told;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		f->options.format = CONVERT_FOLDED;
		told = foreign_text(f, rows[i].line);
		if (!strstr(told, rows[i].process) ||
		    !strstr(told, rows[i].thread) ||
		    !strstr(told, "0:0:0:'' 0 a(:0:0:0)\n"))
			fail_msg("'%s' became '%s'", rows[i].line, told);
	}
}

/* What looks like one, and is a frame. */
static void no_owners(void **state)
{
	static const char *const lines[] = {
		"thread (x);a 1", "thread (x): y;a 1", "thread (8)x;a 1",
		"thread (;a 1",
		"process x;a 1", "x (process y);a 1", "(thread 8);a 1",
		"tid:;a 1", "P7;a 1", "Px;T8;a 1", "P7;Tz;a 1", "P7;T;a 1",
		"P7;Tx:8;a 1", "process 99999999999;a 1", "T0:8;a 1",
	};
	struct foreign *f = *state;
	const char *told;
	size_t i;

	f->options.format = CONVERT_FOLDED;
	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		told = foreign_text(f, lines[i]);
		if (strncmp(told, HEAD("10000000"), strlen(HEAD("10000000"))))
			fail_msg("'%s' became '%s'", lines[i], told);
	}
}

static void threads_are_told_apart(void **state)
{
	struct foreign *f = *state;

	foreign_text(f, "A (thread 0x1);a 1\nB (thread 0x1);a 1\n"
			"A (thread 0x1);b 1\nthread (1);a 1\n");
	assert_non_null(strstr(tape_text(&f->tape), " 2147483649 1 0 'B'\n"));
	assert_non_null(strstr(tape_text(&f->tape),
			       "tick 0 30000000 0\n 2147483648 "));
	assert_non_null(strstr(tape_text(&f->tape), "thread 0 1 1 0 ''\n"));
}

static void bad_lines_are_counted(void **state)
{
	static const struct {
		const char *line, *why;
	} rows[] = {
		{"a;b", "no count at its end"},
		{"a;b x", "no count at its end"},
		{"a;b -3", "its count is not a whole number"},
		{"a;b 1.5", "its count is not a whole number"},
		{"a;b .5", "its count is not a whole number"},
		{"a;b 1e6", "its count is not a whole number"},
		{"a;b 3 4", "two counts: it compares two profiles"},
		{" 5", "no stack before its count"},
		{"5", "no stack before its count"},
		{"a 9007199254740993", "its count is too large"},
		{"a 99999999999999999999999", "no count at its end"},
	};
	struct foreign *f = *state;
	struct str s;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		str_init(&s);
		str_addf(&s, "# a comment\n\nx 1\n%s\r\ny 2\n%s\n",
			 rows[i].line, rows[i].line);
		foreign_text(f, s.data);
		if (f->ret || f->report.bad != 2 || f->report.first_bad != 4 ||
		    f->report.lines != 2 || f->report.samples != 3)
			fail_msg("'%s': %d, %d bad", rows[i].line, f->ret,
				 (int)f->report.bad);
		if (!i || i != sizeof(rows) / sizeof(*rows) - 1)
			assert_string_equal(f->report.why, rows[i].why);
		str_release(&s);
	}
	assert_string_equal(foreign_text(f, "a 0\n"), "");
	assert_int_equal(f->ret, -EBADMSG);
}

static void limits(void **state)
{
	struct foreign *f = *state;
	struct str s;
	int i;

	str_init(&s);
	str_adds(&s, "first 1\n");
	for (i = 0; i <= (int)LINE_BYTES_MAX; i++)
		str_addc(&s, 'x');
	str_adds(&s, " 1\nlast 2\n");
	foreign_bytes(f, s.data, s.len);
	assert_int_equal(f->report.samples, 3);
	assert_int_equal(f->report.first_bad, 2);
	assert_string_equal(f->report.why, "longer than 1 MiB");
	str_clear(&s);
	for (i = 0; i < (int)FRAMES_MAX; i++)
		str_adds(&s, "f;");
	str_adds(&s, "f 1\nf 1\n");
	foreign_bytes(f, s.data, s.len);
	assert_string_equal(f->report.why, "more than 32768 frames");
	assert_int_equal(f->report.samples, 1);
	/* The sum of all counts, line by line below the limit. */
	str_clear(&s);
	for (i = 0; i < 600; i++)
		str_adds(&s, "f 9007199254740992\n");
	foreign_bytes(f, s.data, s.len);
	assert_int_equal(f->report.bad, 88);
	assert_int_equal(f->report.samples, SAMPLES_MAX);
	str_release(&s);
}

/* Names that no limit keeps: the symbols are begun anew, and all is told. */
static void many_names_in_bounded_memory(void **state)
{
	struct foreign *f = *state;
	struct profile *p = profile_new();
	struct str s;
	int i, k;

	str_init(&s);
	for (i = 0; i < 24; i++) {
		for (k = 0; k < 40000; k++)
			str_addf(&s, "%d_%d_a_name_that_is_long_enough;x 1\n",
				 i, k);
	}
	f->ret = convert_bytes(s.data, s.len, &f->options, &p->sink,
			       &f->report, &f->err);
	assert_int_equal(f->ret, 0);
	assert_int_equal(p->samples, 24 * 40000);
	assert_int_equal(p->ncells, 24 * 40000);
	str_release(&s);
	profile_free(p);
}

/* ---- which format, and pieces of it ---- */

static void formats_are_detected(void **state)
{
	static const struct {
		const char *text;
		enum convert_format format;
	} rows[] = {
		{"a;b 3\n", CONVERT_FOLDED},
		{"\n\n# x\na 3", CONVERT_FOLDED},
		{"MOJITO;x 3\n", CONVERT_FOLDED},
		{"<module> (x.py:1) 3\n", CONVERT_FOLDED},
		{"[GC] 3\n", CONVERT_FOLDED},
		{"P1;a 3\n", CONVERT_FOLDED},
		{"# austin: 4.0\nP1;T0:1 3\n", CONVERT_AUSTIN},
		{"# mode: wall\nP1;T0:1;a:b:3 3\n", CONVERT_AUSTIN},
		{"P1;T0:1;a:b:3 3\n", CONVERT_AUSTIN},
		{"\r\nP1;T1 3\r\n", CONVERT_AUSTIN},
	};
	struct foreign *f = *state;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		foreign_text(f, rows[i].text);
		assert_int_equal(f->ret, 0);
		assert_int_equal(f->report.format, rows[i].format);
	}
	for (i = CONVERT_DETECT + 1; i < CONVERT_FORMATS; i++)
		assert_int_equal(convert_format_by_name(convert_format_name(
					 (enum convert_format)i)), i);
	assert_int_equal(convert_format_by_name("detect"), -EINVAL);
}

static void others_are_named(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		const char *word;
	} rows[] = {
		{BYTES(""), "empty"},
		{BYTES("\n\n"), "no stack"},
		{BYTES("hello\nworld\n"), "line 1: no count at its end"},
		{BYTES("\x93STROBE\n........"), "recording already"},
		{BYTES("\x1f\x8b\x08......"), "zcat"},
		{BYTES("{\"version\":1}"), "JSON"},
		{BYTES("<?xml version="), "picture"},
		{BYTES("<svg "), "picture"},
		{BYTES("\0\0\0\0"), "no count"},
	};
	struct foreign *f = *state;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		foreign_bytes(f, rows[i].data, rows[i].len);
		assert_int_equal(f->ret, -EBADMSG);
		if (!strstr(f->err.msg, rows[i].word))
			fail_msg("%s: no '%s'", f->err.msg, rows[i].word);
		assert_string_equal(tape_text(&f->tape), "");
	}
}

/* However the bytes come, the same is told. */
static void pieces_of_any_size(void **state)
{
	static const char mojo[] = "MOJ\x03" MOJO NAMES
		"\x02\x07\0" "7\0" FRAME "\x05\x20\x09\xae\x01"
		"\x02\x07\0" "a\0" "\x05\x20\x09\xae\x01";
	static const char folded[] = "# c\r\na;b (x.py:3) 3\r\nbad\n\nx 7";
	static const struct {
		const char *data;
		size_t len;
	} rows[] = {{BYTES(mojo)}, {BYTES(folded)}};
	struct foreign *f = *state;
	struct convert_report report;
	struct convert *c;
	char *whole;
	size_t i, k, n, step;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		whole = xstrdup(foreign_bytes(f, rows[i].data, rows[i].len));
		for (step = 1; step < rows[i].len; step++) {
			foreign_begin(f);
			c = convert_new(&f->options, &f->tape.sink);
			for (k = 0; k < rows[i].len; k += n) {
				n = rows[i].len - k;
				n = n < step ? n : step;
				assert_int_equal(
					convert_feed(c, rows[i].data + k, n,
						     &f->err), 0);
			}
			assert_int_equal(convert_end(c, &report, &f->err), 0);
			convert_free(c);
			assert_string_equal(tape_text(&f->tape), whole);
			assert_int_equal(report.bad, f->report.bad);
			assert_int_equal(report.first_bad,
					 f->report.first_bad);
		}
		free(whole);
	}
}

/* ---- hostile ---- */

/* Bytes of the three formats, shuffled: nothing but refusals may come of it. */
static void rubbish(void **state)
{
	static const char *const bits[] = {
		"MOJ\x03", "\x02\x07", "P1;T0:1;", "a.py:f:3", " 12\n", ";",
		"# mode: memory\n", "\x0b\x10", "\x05\x20", "\x09\xae\x01",
		"process 1:\"x\";", "thread (0x", ")", " (", "999999999999",
		"\xff\xff\xff\xff", "\n", "\xe2\x80\xae", "\x03\x20\x10\x11",
	};
	struct foreign *f = *state;
	uint64_t seed = 42, r;
	struct str s;
	int i, k;

	str_init(&s);
	for (i = 0; i < 20000; i++) {
		str_clear(&s);
		for (k = 0; k < 24; k++) {
			r = rng_next(&seed);
			if (r >> 60)
				str_adds(&s, bits[r % (sizeof(bits) /
						       sizeof(*bits))]);
			else
				str_addc(&s, (char)(r >> 8));
		}
		f->options.format = (enum convert_format)(
			rng_next(&seed) % CONVERT_FORMATS);
		foreign_bytes(f, s.data, s.len);
		assert_true(f->ret == 0 || f->ret == -EBADMSG);
		assert_true(f->ret == 0 || *f->err.msg);
		assert_true(f->ret != 0 || f->tape.samples > 0 ||
			    f->report.samples == 0);
	}
	str_release(&s);
}

/* The sink's own error ends it at once, whichever call has it. */
struct refusing {
	struct sink sink;
	int left;
};

static int refuse(struct sink *s)
{
	struct refusing *r = (struct refusing *)s;

	return r->left-- > 0 ? 0 : -ENOSPC;
}

static int refuse_run(struct sink *s, const struct run_info *info)
{
	(void)info;
	return refuse(s);
}

static int refuse_process(struct sink *s, const struct process_info *info)
{
	(void)info;
	return refuse(s);
}

static int refuse_thread(struct sink *s, const struct thread_info *info)
{
	(void)info;
	return refuse(s);
}

static int refuse_tick(struct sink *s, const struct source_symbols *syms,
		       const struct tick *tick)
{
	(void)syms;
	(void)tick;
	return refuse(s);
}

static int refuse_sample(struct sink *s, const struct source_symbols *syms,
			 const struct sample *sample)
{
	(void)syms;
	(void)sample;
	return refuse(s);
}

static void a_sink_may_refuse(void **state)
{
	static const struct sink_ops ops = {
		.run = refuse_run,
		.process = refuse_process,
		.thread = refuse_thread,
		.tick = refuse_tick,
		.sample = refuse_sample,
	};
	static const char *const inputs[] = {"a 1\nb 2\n",
					     "P7;T0:7 1\nP7;T0:7 1\n"};
	struct foreign *f = *state;
	struct refusing r = {.sink.ops = &ops};
	size_t i;
	int n;

	for (i = 0; i < 2; i++) {
		for (n = 0; n < 8; n++) {
			r.left = n;
			f->err.msg[0] = '\0';
			f->ret = convert_bytes(inputs[i], strlen(inputs[i]),
					       &f->options, &r.sink,
					       &f->report, &f->err);
			assert_int_equal(f->ret, n < 7 ? -ENOSPC : 0);
			assert_int_equal(*f->err.msg != '\0', n < 7);
		}
	}
}

#define FIXED(test)                                                           \
	cmocka_unit_test_setup_teardown(test, foreign_setup, foreign_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_all_kinds),
		FIXED(counts_become_ticks),
		FIXED(owners_at_the_root),
		FIXED(no_owners),
		FIXED(threads_are_told_apart),
		FIXED(bad_lines_are_counted),
		FIXED(limits),
		FIXED(many_names_in_bounded_memory),
		FIXED(formats_are_detected),
		FIXED(others_are_named),
		FIXED(pieces_of_any_size),
		FIXED(rubbish),
		FIXED(a_sink_may_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
