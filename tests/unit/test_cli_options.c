/*
 * cli: the tables of options, and how a command line is taken apart.
 */
#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/cli/cli_priv.h"
#include "tests/lib/made.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define ABOUT_MAX 53 /* so that a line of the help has 80 columns */
#define WORDS_MAX 16

static const struct command *const all[] = {&command_record, &command_report};

/* ---- the tables ---- */

static void assert_row(const struct option_row *row)
{
	assert_true(row->id != 'h' && row->id != ':' && row->id != '?' &&
		    row->id != '-' && row->id > ' ');
	assert_true(strlen(row->name) > 1);
	assert_int_equal(strspn(row->name, "abcdefghijklmnopqrstuvwxyz-"),
			 strlen(row->name));
	assert_true(strlen(row->about) > 5);
	assert_true(strlen(row->about) <= ABOUT_MAX);
	assert_true(row->about[strlen(row->about) - 1] != '.');
	if (!row->argument)
		return;
	assert_int_equal(strspn(row->argument, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
			 strlen(row->argument));
	/* A list of words in the help, or a row in src/cli/completion.c. */
	if (!completion_knows(row))
		fail_msg("what is to be offered for %s?", row->argument);
}

static void tables_are_sane(void **state)
{
	const struct command *const *table;
	const struct option_row *rows;
	size_t i, j, k, n, ncommands;

	(void)state;
	table = commands(&ncommands);
	for (i = 0; i < ncommands; i++) {
		rows = table[i]->options;
		n = table[i]->noptions;
		assert_true(n < OPTIONS_MAX);
		for (j = 0; j < n; j++) {
			assert_row(&rows[j]);
			for (k = 0; k < j; k++) {
				assert_int_not_equal(rows[k].id, rows[j].id);
				assert_string_not_equal(rows[k].name,
							rows[j].name);
			}
		}
	}
}

/* What an option takes: by its argument, or by a list of words in its help. */
static void what_is_offered(void **state)
{
	static const struct {
		struct option_row row;
		bool known;
	} cases[] = {
		{{'a', "a", "FILE", "x"}, true},
		{{'a', "a", "N", "x"}, true},
		{{'a', "a", "KEY", "self, total or name; self"}, true},
		{{'a', "a", "KEY", "self or total"}, true},
		{{'a', "a", "KEY", "self"}, false},
		{{'a', "a", "KEY", "self, 30 or total"}, false},
		{{'a', "a", "KEY", "by self, total or name"}, false},
		{{'a', "a", "KEY", ""}, false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_true(completion_knows(&cases[i].row) == cases[i].known);
}

/* A letter or name that both commands have means the same in both. */
static void commands_agree(void **state)
{
	const struct command *a = all[0], *b = all[1];
	const struct option_row *x, *y;
	size_t i, j, both = 0;

	(void)state;
	for (i = 0; i < a->noptions; i++) {
		for (j = 0; j < b->noptions; j++) {
			x = &a->options[i];
			y = &b->options[j];
			assert_int_equal(x->id == y->id,
					 !strcmp(x->name, y->name));
			if (x->id != y->id)
				continue;
			assert_int_equal(!x->argument, !y->argument);
			both++;
		}
	}
	assert_true(both >= 12);
}

/* ---- taking a command line apart ---- */

struct seen {
	struct {
		int id;
		const char *argument;
	} options[WORDS_MAX];
	size_t n;
};

static int note(void *to, int id, const char *argument, struct err *err)
{
	struct seen *s = to;

	if (id == 'r' && !isdigit((unsigned char)*argument))
		return err_set(err, -EINVAL, "bad");
	s->options[s->n].id = id;
	s->options[s->n++].argument = argument;
	return 0;
}

static const struct option_row rows[] = {
	{'r', "rate", "RATE", "x"},
	{'i', "idle", NULL, "x"},
	{'q', "quiet", NULL, "x"},
	{OPT_SAVE, "save", "FILE", "x"},
	{OPT_SEED, "seed", "N", "x"},
};

static const struct command command = {
	.name = "test",
	.synopsis = "",
	.about = "",
	.options = rows,
	.noptions = COUNT(rows),
	.examples = "",
};

/* Parses words that are separated by one space; *words belongs to them. */
static int parse(const char *line, bool program, struct seen *seen,
		 struct err *err)
{
	static char words[256];
	static char *argv[WORDS_MAX];
	char *p;
	int n = 1;

	memset(seen, 0, sizeof(*seen));
	snprintf(words, sizeof(words), "%s", line);
	argv[0] = words + sizeof(words) - 1;
	for (p = strtok(words, " "); p; p = strtok(NULL, " "))
		argv[n++] = p;
	argv[n] = NULL;
	return options_parse(&command, n, argv, program, note, seen, err);
}

static void assert_seen(const struct seen *s, size_t i, int id,
			const char *argument)
{
	assert_true(i < s->n);
	assert_int_equal(s->options[i].id, id);
	if (argument)
		assert_string_equal(s->options[i].argument, argument);
	else
		assert_null(s->options[i].argument);
}

static void ways_to_write_them(void **state)
{
	struct seen s;
	struct err err;

	(void)state;
	assert_int_equal(parse("-r 5 -i --save a --rate=6 -r7", true, &s, &err),
			 8);
	assert_int_equal(s.n, 5);
	assert_seen(&s, 0, 'r', "5");
	assert_seen(&s, 1, 'i', NULL);
	assert_seen(&s, 2, OPT_SAVE, "a");
	assert_seen(&s, 3, 'r', "6");
	assert_seen(&s, 4, 'r', "7");
	assert_int_equal(parse("-iqr 5 --id --sa=x", true, &s, &err), 5);
	assert_int_equal(s.n, 5);
	assert_seen(&s, 2, 'r', "5");
	assert_seen(&s, 3, 'i', NULL);
	assert_seen(&s, 4, OPT_SAVE, "x");
	assert_int_equal(parse("", true, &s, &err), 1);
	assert_int_equal(s.n, 0);
}

/* What belongs to a program is not ours. */
static void programs_options(void **state)
{
	struct seen s;
	struct err err;

	(void)state;
	assert_int_equal(parse("-i prog -q --save", true, &s, &err), 2);
	assert_int_equal(s.n, 1);
	assert_int_equal(parse("-i -- -prog -q", true, &s, &err), 3);
	assert_int_equal(s.n, 1);
	/* Files of a report may stand before its options. */
	assert_int_equal(parse("a -i b -q", false, &s, &err), 3);
	assert_int_equal(s.n, 2);
}

static void mistakes(void **state)
{
	static const struct {
		const char *line, *said;
	} cases[] = {
		{"-x", "unknown option '-x'"},
		{"--idle -xq", "unknown option '-x'"},
		{"-qx", "unknown option '-x'"},
		{"--idel", "unknown option '--idel'; did you mean '--idle'?"},
		{"--rat-e=5", "unknown option '--rat-e'; did you mean "
			      "'--rate'?"},
		{"--something", "unknown option '--something'"},
		{"--s", "'--s' is short for --save or --seed"},
		{"-R 5", "unknown option '-R'; did you mean '-r'?"},
		{"-i --pid=3", "unknown option '--pid'; it is one of 'pystrobe "
			       "record'"},
		{"-l", "unknown option '-l'; it is one of 'pystrobe dump'"},
		{"-idle", "'-idle' is several options of one letter; did you "
			  "mean '--idle'?"},
		{"-q -rate 5", "'-rate' is several options of one letter; did "
			       "you mean '--rate'?"},
		{"-rate=bad", "'-rate' is several options of one letter; did "
			      "you mean '--rate'?"},
		{"-r", "option '--rate' needs a value (RATE)"},
		{"--save", "option '--save' needs a value (FILE)"},
		{"--idle=3", "option '--idle' takes no value"},
		{"--help=3", "option '--help' takes no value"},
		{"-\xc3\xa9", "options have ASCII letters"},
		{"-r bad", "bad"},
	};
	struct seen s;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(parse(cases[i].line, true, &s, &err),
				 -EINVAL);
		assert_string_equal(err.msg, cases[i].said);
	}
}

/* ---- formats and places ---- */

static void formats(void **state)
{
	static const struct {
		const char *path, *format, *renderer; /* NULL: -EINVAL */
	} cases[] = {
		{"a.svg", NULL, "svg"},
		{"a/b.c/x.folded", NULL, "collapsed"},
		{"x.collapsed", NULL, "collapsed"},
		{"x.txt", NULL, "table"},
		{"x.strobe", NULL, ""},
		{"x.svg", "raw", "collapsed"},
		{"x", "flamegraph", "svg"},
		{"-", "strobe", ""},
		{"x", NULL, NULL},
		{"x.pdf", NULL, NULL},
		{"a.svg/x", NULL, NULL},
		{"strobe", NULL, NULL},
		{".strobe", NULL, NULL},
		{"x.svg", "pdf", NULL},
		{NULL, NULL, ""},
	};
	struct output out;
	struct err err;
	bool recording;
	size_t i;
	int ret;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		out = (struct output){.path = cases[i].path,
				      .format = cases[i].format};
		ret = output_resolve(&out, &recording, &err);
		if (!cases[i].renderer) {
			assert_int_equal(ret, -EINVAL);
			assert_non_null(strstr(err.msg, "strobe"));
			continue;
		}
		assert_int_equal(ret, 0);
		assert_int_equal(!out.renderer, !*cases[i].renderer);
		assert_int_equal(recording, !out.renderer && out.path);
		if (out.renderer)
			assert_string_equal(out.renderer->name,
					    cases[i].renderer);
	}
}

static void places(void **state)
{
	struct err err;

	(void)state;
	assert_false(output_is_file("-"));
	assert_false(output_is_file("/dev/null"));
	assert_true(output_is_file("/nonexistent/x.svg"));
	assert_int_equal(output_probe("/dev/null", &err), 0);
	assert_int_equal(output_probe("-", &err), 0);
	assert_int_equal(output_probe("/nonexistent/x.svg", &err), -ENOENT);
	assert_non_null(strstr(err.msg, "'/nonexistent/x.svg'"));
	assert_int_equal(output_probe("/", &err), -EISDIR);
}

/* ---- views ---- */

static void views(void **state)
{
	static const struct {
		const char *mode; /* NULL: not given */
		bool gil, idle;
		int want;         /* enum view_mode, or -EINVAL */
		const char *said;
	} cases[] = {
		{NULL, false, false, MODE_DEFAULT, ""},
		{NULL, false, true, MODE_DEFAULT, ""},
		{NULL, true, false, MODE_GIL, ""},
		{NULL, true, true, MODE_GIL, ""},
		{"gil", true, false, MODE_GIL, ""},
		{"wall", false, true, MODE_WALL, ""},
		{"cpu", false, false, MODE_CPU, ""},
		{"offcpu", false, true, MODE_OFFCPU, ""},
		{"gc", false, true, MODE_GC, ""},
		{"exception", false, true, MODE_EXCEPTION, ""},
		{"cpu", true, false, -EINVAL, "-g means '--mode gil', so it "
					      "cannot go with '--mode cpu'"},
		{"wall", true, false, -EINVAL, "-g means '--mode gil', so it "
					       "cannot go with '--mode wall'"},
		{"cpu", false, true, -EINVAL, "-i asks for idle threads, which "
					      "'--mode cpu' leaves out"},
		{"GIL", false, false, -EINVAL,
		 "unknown mode 'GIL'; the modes are wall, cpu, gil, offcpu, "
		 "gc, exception"},
		{"", false, false, -EINVAL,
		 "unknown mode ''; the modes are wall, cpu, gil, offcpu, gc, "
		 "exception"},
	};
	struct output out;
	struct err err;
	bool recording;
	size_t i;
	int ret;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		memset(&out, 0, sizeof(out));
		err.msg[0] = '\0';
		ret = 0;
		if (cases[i].gil)
			output_take(&out, 'g', NULL, &err);
		if (cases[i].mode)
			ret = output_take(&out, OPT_MODE, cases[i].mode, &err);
		if (cases[i].idle)
			output_take(&out, 'i', NULL, &err);
		if (!ret)
			ret = output_resolve(&out, &recording, &err);
		assert_string_equal(err.msg, cases[i].said);
		assert_int_equal(ret ? ret : (int)out.options.view.mode,
				 cases[i].want);
		assert_int_equal(out.options.view.idle, cases[i].idle);
	}
	assert_int_equal(output_take(&out, OPT_STATE_FRAMES, NULL, &err), 0);
	assert_true(out.options.view.state_frames);
	assert_int_equal(output_take(&out, 'p', NULL, &err), 1);
}

static void assert_nothing(struct profile *p, const struct view *view,
			   const char *wanted)
{
	struct str s;

	str_init(&s);
	add_nothing(&s, p, view);
	assert_string_equal(s.data, wanted);
	str_release(&s);
}

static void empty_views(void **state)
{
	struct profile *p = profile_new();
	struct view v = {.mode = MODE_DEFAULT};
	struct made m;

	(void)state;
	made_init(&m, &p->sink);
	made_samples(&m, 1, "a@x.py:1", RUN_SLEEPING, 1);
	assert_nothing(p, &v, "the only sample is an idle one; -i includes it");
	made_samples(&m, 1, "a@x.py:1", RUN_SLEEPING, 2);
	assert_nothing(p, &v, "all 3 samples are idle ones; -i includes them");
	v.mode = MODE_CPU;
	assert_nothing(p, &v, "none of 3 samples is on CPU");
	v.mode = MODE_GIL;
	assert_nothing(p, &v, "who held the GIL was not recorded");
	made_samples_in(&m, 1, "a@x.py:1",
			made_doing(&m, RUN_SLEEPING, GIL_NEITHER, STATE_GC, ""),
			LOSS_NONE, 1);
	assert_nothing(p, &v, "none of 4 samples is holding the GIL");
	v.mode = MODE_EXCEPTION;
	assert_nothing(p, &v, "none of 4 samples is handling an exception");
	made_release(&m);
	profile_free(p);
}

/* ---- the line of progress ---- */

static void assert_progress(const struct totals *t, uint64_t duration,
			    const char *wanted)
{
	struct progress p = {.period_ns = 1000000, .duration_ns = duration};
	struct str s;

	str_init(&s);
	progress_text(&s, &p, t);
	assert_string_equal(s.data, wanted);
	str_release(&s);
}

static void progress_lines(void **state)
{
	struct totals t = {.elapsed_ns = 12340000000u,
			   .due = 1000,
			   .taken = 1000,
			   .counts.samples = 2000};

	(void)state;
	t.counts.lost[LOSS_NONE] = 2000;
	assert_progress(&t, 0, "12.3 s   2000 samples   100 % of 1 kHz");
	t.taken = 999;
	t.counts.lost[LOSS_NONE] = 1995;
	t.counts.lost[LOSS_MOVING] = 3;
	t.counts.lost[LOSS_READ] = 2;
	assert_progress(&t, 30000000000u,
			"12.3 s of 30.0 s   2000 samples   99.9 % of 1 kHz"
			"   5 lost (moving 3, read 2)");
	t.counts.partial[LOSS_MOVING] = 7;
	t.counts.partial[LOSS_SHAPE] = 1;
	assert_progress(&t, 30000000000u,
			"12.3 s of 30.0 s   2000 samples   99.9 % of 1 kHz"
			"   8 partial (moving 7, shape 1)"
			"   5 lost (moving 3, read 2)");
	t.counts.partial[LOSS_MOVING] = t.counts.partial[LOSS_SHAPE] = 0;
	/* Nothing but all of them is 100 %. */
	t.due = t.taken + 1;
	t.taken = 1000000;
	t.due = 1000001;
	t.counts.lost[LOSS_NONE] = t.counts.samples = 1;
	t.counts.lost[LOSS_MOVING] = t.counts.lost[LOSS_READ] = 0;
	t.elapsed_ns = 3725000000000u;
	assert_progress(&t, 7200000000000u,
			"1:02 h of 2:00 h   1 sample   99.9 % of 1 kHz");
	t.elapsed_ns = 640500000000u;
	assert_progress(&t, 0, "10:40 min   1 sample   99.9 % of 1 kHz");
	t.due = t.taken = 0;
	t.elapsed_ns = 1000;
	assert_progress(&t, 0, "0.001 ms   1 sample   100 % of 1 kHz");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_are_sane),
		cmocka_unit_test(what_is_offered),
		cmocka_unit_test(commands_agree),
		cmocka_unit_test(ways_to_write_them),
		cmocka_unit_test(programs_options),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(formats),
		cmocka_unit_test(places),
		cmocka_unit_test(views),
		cmocka_unit_test(empty_views),
		cmocka_unit_test(progress_lines),
	};

	return cmocka_run_group_tests_name("cli: options", tests, NULL, NULL);
}
