/*
 * The texts and the JSON of a report: trees, parts, rows by other things than
 * lines, source, header. Files in tests/golden are what the made-up server
 * looks like. Runs in the top folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "render.h"
#include "src/render/render_priv.h"
#include "tests/lib/sheet.h"

static const char *render(struct sheet *f, const char *format)
{
	struct err e;

	str_clear(&f->out);
	assert_int_equal(renderer_by_name(format)->render(f->p, &f->o, &f->out,
							  &e), 0);
	assert_int_equal(strlen(f->out.data), f->out.len);
	return f->out.data;
}

static void golden(struct sheet *f, const char *format, const char *name)
{
	render(f, format);
	sheet_is_as_in(f, name);
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no '%s' in:\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("'%s' in:\n%s", part, text);
}

static uint32_t code_named(const struct sheet *f, const char *name)
{
	const struct symbols *s = &f->p->symbols;
	uint32_t i;

	for (i = 0; i < s->ncodes; i++)
		if (!strcmp(symbols_text(s, s->codes[i].name), name))
			return i;
	fail_msg("no function '%s'", name);
	return 0;
}

/* ---- what the server looks like ---- */

static void tables(void **state)
{
	struct sheet *f = *state;

	made_server(&f->m);
	f->o.view.label = LABEL_MODULE;
	f->o.min_percent = 5;
	golden(f, "table", "server-modules.txt");
	f->o.view.label = LABEL_FUNCTION;
	f->o.view.threads = true;
	f->o.view.idle = true;
	f->o.limit = 3;
	f->o.sort = SORT_TOTAL;
	golden(f, "table", "server-threads.txt");
	golden(f, "json", "server-threads.json");
}

static void trees(void **state)
{
	struct sheet *f = *state;

	made_server(&f->m);
	f->o.show = SHOW_TREE;
	f->o.sort = SORT_TOTAL;
	f->o.view.label = LABEL_FUNCTION;
	f->o.min_percent = 2;
	golden(f, "table", "server-tree.txt");
	f->o.view.threads = true;
	f->o.ascii = 1;
	f->o.columns = 60;
	f->o.limit = 12;
	golden(f, "table", "server-tree-ascii.txt");
	f->o = (struct render_options){.show = SHOW_TREE,
				       .view.label = LABEL_MODULE};
	golden(f, "json", "server-tree.json");
}

static void callers(void **state)
{
	struct sheet *f = *state;

	made_server(&f->m);
	f->o.show = SHOW_TREE;
	f->o.sort = SORT_TOTAL;
	f->o.view.label = LABEL_FUNCTION;
	f->o.callers = "_worker|JSONEncoder";
	assert_int_equal(profile_around(f->p, f->o.callers, AROUND_CALLERS,
					NULL), 0);
	golden(f, "table", "server-callers.txt");
}

static void headers(void **state)
{
	struct sheet *f = *state;

	made_server(&f->m);
	f->o.show = SHOW_HEADER;
	golden(f, "table", "server-header.txt");
	f->o.limit = 2;
	assert_has(render(f, "table"), "\nand 2 more threads, 240 samples\n");
	assert_lacks(render(f, "json"), "\"tables\"");
	/* Each process has ticks of its own, in the same time. */
	made_process(&f->m, 4712, "other");
	f->m.now -= 86 * f->m.period;
	made_samples(&f->m, 4712, "a@x.py:1", RUN_CPU, 86);
	assert_has(render(f, "table"), "duration    9.14 s\nrate        100 Hz "
		   "wanted, 100 % held: 1,000 ticks of 2 processes, 0 missed\n");
	assert_has(render(f, "json"), "\"processes\":2}]");
}

/* Programs start thousands of short ones. */
static void threads_without_number(void **state)
{
	struct sheet *f = *state;
	char name[16];
	unsigned i;

	for (i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "short-%u", i);
		made_thread(&f->m, 5000 + i, name);
		made_samples(&f->m, 5000 + i, "a@x.py:1", RUN_CPU,
			     i == 59 ? 2 : 1);
	}
	f->o.show = SHOW_HEADER;
	assert_has(render(f, "table"), "short-59 (thread 5059)\n");
	assert_has(f->out.data, "short-38 (thread 5038)\nand 20 more threads, "
				"20 samples\n");
	assert_lacks(f->out.data, "short-39");
	assert_has(render(f, "json"), "short-58");
	f->o.limit = 59;
	assert_has(render(f, "table"), "\nand 1 more thread, 1 sample\n");
	f->o.show = SHOW_TABLE;
	f->o.limit = 0;
	f->o.view.threads = true;
	assert_has(render(f, "table"), "short-59 (thread 5059)\n");
	assert_has(f->out.data, "  self in 20 more threads\n");
	f->o.limit = 60;
	assert_lacks(render(f, "table"), "more threads");
}

static void source(void **state)
{
	static const char text[] = "import fast\n\n\n"
		"@fast.cached(\n\tsize=3,\n)\n"
		"def total(\n\torders,\n):\n"
		"\tsum = 0\n"
		"\t# one\n\n# of them\n"
		"\tfor order in orders:\r\n"
		"\t\tsum += order.sum\t\n"
		"\treturn sum\n\n\n"
		"def other():\n\tpass\n";
	struct source s = {.text = text, .len = sizeof(text) - 1};
	struct sheet *f = *state;

	made_samples(&f->m, 4711, "main@/srv/app.py:3 total@/srv/o.py:14/4",
		     RUN_CPU, 3);
	made_samples(&f->m, 4711, "main@/srv/app.py:3 total@/srv/o.py:15/4 "
		     "sum@/srv/o.py:40/39", RUN_CPU, 4);
	made_samples(&f->m, 4711, "main@/srv/app.py:3 total@/srv/o.py:15/4 "
		     "total@/srv/o.py:15/4", RUN_CPU, 2);
	made_samples(&f->m, 4711, "main@/srv/app.py:4", RUN_CPU, 1);
	s.code = code_named(f, "total");
	f->o.source = &s;
	f->o.show = SHOW_SOURCE;
	golden(f, "table", "source.txt");
	golden(f, "json", "source.json");
	s.text = NULL;
	s.len = 0;
	s.note = "it is gone";
	assert_has(render(f, "table"), "\nit is gone\n");
	assert_has(f->out.data, "      6  15\n");
	s.text = text;
	s.len = 20; /* the file has three lines now */
	assert_has(render(f, "table"), "another one now");
	assert_has(render(f, "json"), "\"changed\":true");
}

/* ---- what is promised ---- */

/* Self of all rows, shown or told to be left out, is all samples. */
static void check_sums(struct sheet *f)
{
	uint64_t sum = 0, parts = 0, all;
	const char *p;

	all = strtoull(strstr(render(f, "json"), "\"samples\":") + 10, NULL,
		       10);
	p = strstr(f->out.data, "\"view\"");
	all = strtoull(strstr(p, "\"samples\":") + 10, NULL, 10);
	for (p = strstr(p, "\"tables\":"); (p = strstr(p, "\"self\":")); p++)
		sum += strtoull(p + 7, NULL, 10);
	p = strstr(f->out.data, "\"tables\":");
	for (; (p = strstr(p, "\"samples\":")); p++)
		parts += strtoull(p + 10, NULL, 10);
	assert_int_equal(sum, all);
	assert_int_equal(parts, all);
}

static void totals_stay_exact(void **state)
{
	static const enum frame_label labels[] = {LABEL_LINE, LABEL_FUNCTION,
						  LABEL_FILE, LABEL_MODULE};
	struct sheet *f = *state;
	size_t i;
	int way;

	made_server(&f->m);
	for (i = 0; i < sizeof(labels) / sizeof(*labels); i++)
		for (way = 0; way < 16; way++) {
			f->o.view.label = labels[i];
			f->o.view.idle = way & 1;
			f->o.view.threads = way & 2;
			f->o.min_percent = way & 4 ? 4.5 : 0;
			f->o.limit = way & 8 ? 2 : 0;
			f->o.view.state_frames = way & 8;
			check_sums(f);
		}
	f->o.view.threads = false;
	f->o.view.rows = ROWS_THREADS;
	check_sums(f);
	f->o.view.rows = ROWS_PROCESSES;
	check_sums(f);
}

static void what_is_left_out_is_told(void **state)
{
	struct sheet *f = *state;
	const char *text;

	made_samples(&f->m, 4711, "a@x.py:1", RUN_CPU, 900);
	made_samples(&f->m, 4711, "b@x.py:2", RUN_CPU, 90);
	made_samples(&f->m, 4711, "c@x.py:3", RUN_CPU, 6);
	made_samples(&f->m, 4711, "d@x.py:4", RUN_CPU, 4);
	f->o.min_percent = 0.5;
	assert_has(render(f, "table"), "   0.4  self in 1 more line below 0.5 "
		   "%\n");
	f->o.limit = 1;
	assert_has(render(f, "table"), "  10.0  self in 3 more lines, 1 of them"
		   " below 0.5 %\n");
	f->o.show = SHOW_TREE;
	text = render(f, "table");
	assert_has(text, "  10.0  self in 3 more rows, 1 of them below 0.5 %");
	assert_has(text, "(3 more)");
	f->o.limit = 0;
	assert_lacks(render(f, "table"), "(1 more)");
	f->o.min_percent = 0;
	assert_lacks(render(f, "table"), "more");
}

/* Of a long name the end is cut, not what tells it from the next. */
static void ids_are_not_cut(void **state)
{
	static const char name[] = "a command that is as long as these are in "
				   "real life (and then some more of it)";
	struct sheet *f = *state;

	made_thread(&f->m, 12, name);
	made_samples(&f->m, 12, "a@x.py:1", RUN_CPU, 1);
	f->o.view.rows = ROWS_THREADS;
	assert_has(render(f, "table"), "\xe2\x80\xa6 (thread 12)\n");
	f->o.view.rows = ROWS_FRAMES;
	f->o.view.threads = true;
	assert_has(render(f, "table"), "\xe2\x80\xa6 (thread 12)\n");
	f->o.show = SHOW_TREE;
	assert_has(render(f, "table"), "\xe2\x80\xa6 (thread 12)\n");
	f->o.columns = 30;
	f->o.ascii = 1;
	assert_has(render(f, "table"), "> a comman...\n");
	made_process(&f->m, 4712, name);
	made_samples(&f->m, 13, "a@x.py:1", RUN_CPU, 1);
	made_process(&f->m, 4713, "/usr/local/lib/some/where/bin/python3 a.py");
	made_samples(&f->m, 14, "a@x.py:1", RUN_CPU, 1);
	f->o = (struct render_options){.view.rows = ROWS_PROCESSES};
	assert_has(render(f, "table"), "\xe2\x80\xa6 (process 4712)\n");
	assert_has(f->out.data,
		   " \xe2\x80\xa6/python3 a.py (process 4713)\n");
}

/* A row that has the only one below it shares its column with it. */
static void chains_take_no_room(void **state)
{
	struct sheet *f = *state;
	uint32_t stack = 0;
	const char *text;
	int i;

	for (i = 0; i < 5000; i++)
		stack = made_frame(&f->m, stack, i % 2 ? "odd" : "even", "x.py",
				   3, 1);
	made_tick(&f->m);
	made_sample(&f->m, 4711, stack, made_state(&f->m, RUN_CPU), LOSS_NONE);
	f->o.show = SHOW_TREE;
	f->o.limit = 5000;
	text = render(f, "table");
	assert_int_equal(count(text, "\xe2\x96\xb8 even (x.py:3)\n"), 2500);
	f->o.limit = 10;
	assert_int_equal(count(render(f, "table"), "(x.py:3)"), 10);
	assert_has(f->out.data, " 100.0  self in 4,990 more rows\n");
}

/* However deep the branches are, a label has room. */
static void deep_branches(void **state)
{
	struct sheet *f = *state;
	uint32_t cpu, stack = 0;
	size_t columns;
	char *line, *next;
	int i;

	cpu = made_state(&f->m, RUN_CPU);
	for (i = 0; i < 60; i++) {
		stack = made_frame(&f->m, stack, "function_of_the_middle",
				   "\xe6\xbc\xa2\xe5\xad\x97.py", 3, 1);
		made_tick(&f->m);
		made_sample(&f->m, 4711, made_frame(&f->m, stack, "leaf",
						    "x.py", 9, 9), cpu,
			    LOSS_NONE);
	}
	f->o.show = SHOW_TREE;
	f->o.limit = 1000;
	for (columns = 44; columns < 130; columns += 7) {
		f->o.columns = (uint32_t)columns;
		f->o.ascii = columns % 2;
		render(f, "table");
		assert_int_equal(count(f->out.data, " fun"), 60);
		for (line = f->out.data; *line; line = next + 1) {
			next = strchr(line, '\n');
			assert_true(text_columns(line, (size_t)(next - line)) <=
				    columns);
		}
	}
}

static void one_order_each(void **state)
{
	static const struct {
		enum sort_key key;
		const char *names;
	} want[] = {
		{SORT_SELF, "cabd"}, {SORT_TOTAL, "abcd"},
		{SORT_NAME, "abcd"}, {SORT_FILE, "dabc"},
	};
	struct sheet *f = *state;
	const char *p;
	size_t i, n;

	made_samples(&f->m, 1, "a@/b/x.py:1 b@/b/x.py:2 c@/b/x.py:3", RUN_CPU,
		     5);
	made_samples(&f->m, 1, "a@/b/x.py:1", RUN_CPU, 2);
	made_samples(&f->m, 1, "b@/b/x.py:2", RUN_CPU, 1);
	made_samples(&f->m, 1, "d@/a/y.py:9", RUN_CPU, 1);
	for (i = 0; i < sizeof(want) / sizeof(*want); i++) {
		f->o.sort = want[i].key;
		p = strstr(render(f, "json"), "\"tables\"");
		for (n = 0; (p = strstr(p, "\"label\":\"")); n++) {
			p += 9;
			assert_int_equal(*p, want[i].names[n]);
		}
		assert_int_equal(n, 4);
	}
}

static const char *const hostile[] = {
	"</script>", "two\nlines", "esc\033[2J\001", "\xe2\x80\xaertl",
	"bad\xff\xc0", "\"quoted\\", "", " ", "a;b",
};

static void hostile_names(void **state)
{
	struct sheet *f = *state;
	uint32_t cpu = made_state(&f->m, RUN_CPU), stack = 0;
	struct source s = {.text = "\x1b]0;\x07\xff\n\0\n", .len = 10};
	struct str clean;
	size_t i;
	int show, json;

	made_process(&f->m, 4711, "x\033[1m\n\"");
	made_thread(&f->m, 4711, "\033]\n\"\\");
	for (i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
		stack = made_frame(&f->m, stack, hostile[i], hostile[i], 1, 1);
		made_tick(&f->m);
		made_sample(&f->m, 4711, stack, cpu, LOSS_NONE);
	}
	f->o.source = &s;
	f->o.callees = "\033[\n";
	str_init(&clean);
	for (show = SHOW_TABLE; show <= SHOW_HEADER; show++)
		for (json = 0; json < 2; json++)
			for (i = LABEL_LINE; i <= LABEL_MODULE; i++) {
				f->o.show = (enum show)show;
				f->o.view.label = (enum frame_label)i;
				f->o.view.threads = i & 1;
				render(f, json ? "json" : "table");
				if (json)
					assert_int_equal(
						count(f->out.data, "\n"), 1);
				while (strchr(f->out.data, '\n'))
					*strchr(f->out.data, '\n') = ' ';
				str_clear(&clean);
				str_adds_clean(&clean, f->out.data);
				assert_string_equal(clean.data, f->out.data);
			}
	str_release(&clean);
}

static void nothing(void **state)
{
	struct sheet *f = *state;
	int show;

	for (show = SHOW_TABLE; show <= SHOW_HEADER; show++) {
		f->o.show = (enum show)show;
		if (show == SHOW_SOURCE)
			continue; /* there is no function */
		render(f, "json");
		if (show != SHOW_HEADER)
			assert_has(render(f, "table"), "no samples to show");
		else
			assert_has(render(f, "table"), "samples     0");
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, sheet_setup, sheet_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tables),
		TEST(trees),
		TEST(callers),
		TEST(headers),
		TEST(threads_without_number),
		TEST(source),
		TEST(totals_stay_exact),
		TEST(what_is_left_out_is_told),
		TEST(ids_are_not_cut),
		TEST(chains_take_no_room),
		TEST(deep_branches),
		TEST(one_order_each),
		TEST(hostile_names),
		TEST(nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
