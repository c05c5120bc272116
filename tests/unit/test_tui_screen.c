/*
 * The live view as text: every view, in UTF-8 and ASCII, small and large, with
 * hostile names.
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
#include "tests/lib/stage.h"

static void views(void **state)
{
	static const struct {
		const char *keys, *name;
	} of[] = {
		{"f", "top-functions.txt"}, {"l", "top-lines.txt"},
		{"c", "top-calls.txt"},     {"t", "top-threads.txt"},
		{"P", "top-processes.txt"}, {"h", "top-help.txt"},
	};
	struct stage *st = *state;
	size_t i;

	for (i = 0; i < sizeof(of) / sizeof(*of); i++) {
		stage_type(st, of[i].keys);
		stage_is_as_in(st, of[i].name);
	}
}

static void in_ascii(void **state)
{
	struct stage *st = *state;
	size_t i;

	st->ascii = true;
	stage_is_as_in(st, "top-functions-ascii.txt");
	stage_type(st, "c");
	stage_is_as_in(st, "top-calls-ascii.txt");
	for (i = 0; i < st->sheet.out.len; i++)
		assert_true((unsigned char)st->sheet.out.data[i] < 0x80);
}

static void inks(void **state)
{
	struct stage *st = *state;

	stage_inks(st);
	sheet_is_as_in(&st->sheet, "top-functions-inks.txt");
	stage_type(st, "t");
	stage_inks(st);
	sheet_is_as_in(&st->sheet, "top-threads-inks.txt");
}

static void source(void **state)
{
	struct stage *st = *state;

	stage_type(st, "/orders.py\r");
	stage_key(st, TOP_KEY_ENTER);
	stage_key(st, TOP_KEY_ENTER);
	stage_is_as_in(st, "top-source.txt");
	stage_key(st, TOP_KEY_END);
	stage_shows(st, "    100  # \xef\xbf\xbd[2J line 100\n");
	stage_key(st, TOP_KEY_HOME);
	stage_shows(st, "      1      line 1 of it\n");
	/* What cannot be read. */
	stage_key(st, TOP_KEY_ESCAPE);
	stage_key(st, TOP_KEY_ESCAPE);
	stage_type(st, "/views.py");
	stage_key(st, TOP_KEY_ENTER);
	stage_key(st, TOP_KEY_ENTER);
	stage_shows(st, "/srv/app/views.py");
	stage_shows(st, "the file cannot be read; lines that were seen:");
	stage_shows(st, "  19\n");
}

static void output(void **state)
{
	struct stage *st = *state;

	stage_hides(st, "output");
	stage_type(st, "o");
	stage_shows(st, "\nonly of a program that is started here ");
	st->m.output_path = "/tmp/\x1b[31mlog";
	stage_shows(st, "\nwhat the program writes goes to the file\n"
		    "/tmp/\xef\xbf\xbd[31mlog\n");
	st->m.output_path = NULL;
	st->m.output = "";
	stage_shows(st, "nothing so far");
	st->m.output = "one\ntwo\r\n\x1b[31mred\x1b[0m \xe2\x80\xae"
		       "desrever\nlast";
	stage_shows(st, "\none\ntwo\nred \xef\xbf\xbd" "desrever\nlast\n");
	/* Along long lines, and back. */
	st->m.output = "0123456789abcdef0123\nshort\n\xe6\xbc\xa2\xe6\xbc\xa2"
		       "\xe6\xbc\xa2\xe6\xbc\xa2\xe5\xad\x97";
	stage_key(st, TOP_KEY_RIGHT);
	stage_shows(st, "\n89abcdef0123\n\n\xe5\xad\x97\n");
	stage_key(st, TOP_KEY_RIGHT);
	stage_shows(st, "\n0123\n\n\n");
	stage_key(st, TOP_KEY_LEFT);
	stage_key(st, TOP_KEY_LEFT);
	stage_key(st, TOP_KEY_LEFT);
	stage_shows(st, "\n0123456789abcdef0123\nshort\n");
}

/* Each line is what a terminal would have there at the end. */
static void written_over(void **state)
{
	static const struct {
		const char *written, *shown;
	} cases[] = {
		{" 1%|#   |\r50%|##", "50%|##"},
		{"50%\r60%\r", "60%"}, /* its next one may still come */
		{"100%\r\n>", "100%\n>"},
		{"50%\r\x1b[Kdone", "done"},
		{"50%\r\x1b[2K", ""},
		{"50%\x1b[K", "50%"},
		{"|\b/\b-\b", "-"},
		{"ab\b \b.", "a."},
		{"\b\b\bx", "x"},
		{"\xe6\xbc\xa2\b.", "."},
		{"a\tb\n\xe6\xbc\xa2\xe5\xad\x97\tc",
		 "a       b\n\xe6\xbc\xa2\xe5\xad\x97    c"},
		{"\x1b[1;31mred\x1b[0m\x1b[38:2::1:2:3m.", "red."},
		{"\x1b]0;title\a.\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\",
		 ".link"},
		{"\x1b(B\x1b=\x1b" "7.", "."},
		{"\x1b]no end", "no end"},
		{"x\x1b[31", "x"},
		{"x\x1b", "x"},
		{"a\a\v.", "a\xef\xbf\xbd."},
		{"\xff\r\xbf\xbf.", "\xef\xbf\xbd\xef\xbf\xbd."},
	};
	struct stage *st = *state;
	char shown[128];
	struct str text;
	size_t i;

	str_init(&text);
	stage_type(st, "o");
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		st->m.output = cases[i].written;
		snprintf(shown, sizeof(shown), "not idle\n%s\n\n",
			 cases[i].shown);
		stage_shows(st, shown);
	}
	/* All of what is kept in one line. */
	for (i = 0; i < 20000; i++)
		str_adds(&text, "\t\b\r");
	st->m.output = text.data;
	stage_draw(st);
	st->m.output = NULL;
	str_release(&text);
}

/* The rate is that of the last interval, and none where there was none. */
static void rate(void **state)
{
	struct profile *none = profile_new();
	struct stage *st = *state;

	st->sheet.p->missed += st->sheet.p->ticks;
	stage_shows(st, "\n100.0 % of 100 Hz");
	st->last->missed += st->last->ticks;
	stage_shows(st, "\n50.0 % of 100 Hz");
	st->m.last = none;
	stage_shows(st, "\n100 Hz \xc2\xb7 902 samples");
	st->m.last = st->last;
	profile_free(none);
}

/* No text touches a bar, however many threads there are. */
static void bars(void **state)
{
	struct stage *st = *state;

	st->processes[0].cpu = 12.33;
	stage_shows(st, "\nCPU      [");
	stage_shows(st, "] 1233 %  GIL      [");
	stage_shows(st, "\nI/O wait [");
}

/* Losses are seen on any screen. */
static void losses(void **state)
{
	struct profile *none = profile_new();
	struct stage *st = *state;

	st->width = 40;
	stage_shows(st, "\n3 partial \xc2\xb7 12 lost \xc2\xb7 100.0 % of");
	st->m.dropped = 5;
	stage_shows(st, "\n3 partial \xc2\xb7 12 lost \xc2\xb7 5 dropped");
	st->m.dropped = 0;
	st->m.all = st->m.last = none;
	stage_shows(st, "\n100 Hz \xc2\xb7 0 samples \xc2\xb7 0 lost\n");
	st->m.last = st->last;
	st->m.all = st->sheet.p;
	profile_free(none);
}

/* What lasts is told until it is over, unless there is news. */
static void trouble(void **state)
{
	struct stage *st = *state;

	st->m.trouble = "process 4711 is stopped";
	stage_shows(st, "\nprocess 4711 is stopped\n");
	st->m.notice = "wrote 'x.svg'";
	stage_shows(st, "\nwrote 'x.svg'\n");
	stage_hides(st, "is stopped");
	top_text(&st->m, &st->s, 100, 8, false, &st->sheet.out);
	assert_non_null(strstr(st->sheet.out.data, "\nprocess 4711 is stopped"
			       "\n\n"));
}

/* A message below the least size, all else above; never outside the grid. */
static void sizes(void **state)
{
	static const char views[] = "flctPhSo";
	struct stage *st = *state;
	unsigned i, w, h;

	for (w = 1; w < 130; w += w < 45 ? 1 : 13) {
		for (h = 1; h < 60; h += h < 26 ? 1 : 9) {
			st->width = w;
			st->height = h;
			for (i = 0; views[i]; i++) {
				stage_key(st, (unsigned char)views[i]);
				stage_draw(st);
			}
		}
	}
	st->width = 39;
	st->height = 9;
	stage_type(st, "f");
	stage_shows(st, "too small: 39x9 of 40x10\n");
	st->width = 40;
	st->height = 10;
	stage_is_as_in(st, "top-least.txt");
	st->height = 15;
	stage_is_as_in(st, "top-narrow.txt");
	st->width = 200;
	st->height = 50;
	stage_type(st, "t");
	stage_is_as_in(st, "top-huge.txt");
}

/* Each line takes exactly as many columns as it may. */
static void widths_hold(struct stage *st)
{
	const char *line, *end;

	stage_draw(st);
	for (line = st->sheet.out.data; *line; line = end + 1) {
		end = strchr(line, '\n');
		assert_true(text_columns(line, (size_t)(end - line)) <=
			    st->width);
	}
	assert_null(strchr(st->sheet.out.data, '\x1b'));
	assert_null(strstr(st->sheet.out.data, "\xe2\x80\xae"));
	assert_null(strstr(st->sheet.out.data, "\xe2\x81\xa6"));
	assert_null(strstr(st->sheet.out.data, "\xc2\x9b"));
	assert_null(strchr(st->sheet.out.data, '\r'));
	assert_null(strchr(st->sheet.out.data, '\b'));
}

/* What some terminals give no column, and others do, is not put out. */
static void columns(void **state)
{
	static const struct {
		const char *name, *shown;
	} cases[] = {
		{"s\xc2\xado\xe2\x80\x8b" "f\xe2\x80\x8dt\xe2\x81\xa0", "soft"},
		{"i\xe2\x81\xa4m\xe1\xa0\x8ev\xef\xb8\x8f\xf3\xa0\x81\xa1",
		 "imv"},
		{"\xe3\x85\xa4" "fill\xe1\x85\x9f\xe1\x85\xa0\xef\xbe\xa0",
		 "fill"},
		/* A family, a skin tone, a heart, a flag. */
		{"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7",
		 "\xf0\x9f\x91\xa9\xf0\x9f\x91\xa7"},
		{"\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd.", "\xf0\x9f\x91\x8d."},
		{"\xe2\x9d\xa4\xef\xb8\x8f.", "\xe2\x9d\xa4."},
		{"\xf0\x9f\x87\xaa\xf0\x9f\x87\xba", "EU"},
	};
	struct str out;
	struct grid g;
	size_t i, n;

	(void)state;
	str_init(&out);
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		grid_init(&g, 20, 1, false);
		n = grid_put(&g, 0, 0, 20, INK_PLAIN, cases[i].name);
		str_clear(&out);
		grid_text(&g, &out);
		out.data[--out.len] = '\0';
		assert_string_equal(out.data, cases[i].shown);
		assert_int_equal(text_columns(out.data, out.len), n);
		grid_release(&g);
	}
	str_release(&out);
}

static const char *const hostile[] = {
	"\x1b[2J\x1b[31mred", "a\rb\nc\td\be", "\xe2\x80\xaeoverride",
	"\xe2\x81\xa6isolate\xe2\x81\xa9", "\xc2\x9b" "31mC1",
	"\xff\xfe not UTF-8 \xc3", "\xe6\xbc\xa2\xe5\xad\x97" "wide",
	"e\xcc\x81\xcc\x82\xcc\x83\xcc\x84 marks", "\xcc\x81 mark first",
	"\xf0\x9f\x98\x80 picture", "", "   ", "\x7f", "\x01\x02",
	"\xe2\x80\x8bzero\xe2\x80\x8d", "so\xc2\xad" "ft", "\xc2\xad",
	"name (of (many) (parentheses.py:1)",
};

static void hostile_names(void **state)
{
	struct stage *st = *state;
	struct profile *p = profile_new();
	struct made m;
	char wide[2000];
	unsigned i, n = sizeof(hostile) / sizeof(*hostile);
	const char *views = "flctP";
	uint32_t id, run;

	for (i = 0; i + 3 < sizeof(wide); i += 3)
		memcpy(wide + i, "\xe6\xbc\xa2", 4);
	made_init(&m, &p->sink);
	made_process(&m, 4711, hostile[0]);
	for (i = 0; i <= n; i++) {
		const char *name = i < n ? hostile[i] : wide;

		made_thread(&m, 100 + i, name);
		made_tick(&m);
		run = made_doing(&m, RUN_SLEEPING, GIL_WANTED, 0, name);
		id = made_frame(&m, 0, name, name, 7, 7);
		id = made_frame(&m, id, name, "/srv/app/x.py", i, i);
		assert_int_equal(made_sample(&m, 100 + i, id, run,
					     LOSS_NONE), 0);
	}
	st->m.last = st->m.all = p;
	st->m.notice = hostile[2];
	stage_type(st, "w");
	for (i = 0; i < 5; i++) {
		stage_key(st, (unsigned char)views[i]);
		for (st->width = 40; st->width < 140; st->width += 7) {
			st->ascii = false;
			widths_hold(st);
			st->ascii = true;
			widths_hold(st);
		}
	}
	st->width = 80;
	st->ascii = false;
	stage_type(st, "l");
	stage_is_as_in(st, "top-hostile.txt");
	made_release(&m);
	profile_free(p);
}

static void many_processes(void **state)
{
	struct stage *st = *state;
	struct made *m = &st->sheet.m;
	struct made last;

	made_process(m, 4800, "python3 /opt/worker.py --queue mail");
	made_thread(m, 4800, "MainThread");
	made_samples(m, 4800, "w@/opt/worker.py:3", RUN_CPU, 40);
	made_init(&last, &st->last->sink);
	made_process(&last, 4800, "python3 /opt/worker.py --queue mail");
	made_thread(&last, 4800, "MainThread");
	made_samples(&last, 4800, "w@/opt/worker.py:3", RUN_CPU, 40);
	made_release(&last);
	st->processes[1] = (struct top_process){.pid = 4800, .cpu = -1};
	st->processes[2] = (struct top_process){.pid = 4900, .cpu = 0,
						.ended = true};
	st->m.nprocesses = 3;
	stage_type(st, "P");
	stage_is_as_in(st, "top-three.txt");
	stage_shows(st, "[ended]");
	/* Of several: the version if it is that of all. */
	stage_hides(st, "CPython");
	stage_hides(st, "up 2h");
	st->m.nprocesses = 2;
	stage_shows(st, "2 processes: 4711 4800 ");
	stage_shows(st, "  CPython 3.11.2\n");
	st->m.nprocesses = 3;
	/* Enter: that one alone. */
	stage_key(st, TOP_KEY_DOWN);
	stage_key(st, TOP_KEY_ENTER);
	stage_shows(st, " pid 47");
	stage_hides(st, "w (worker.py:3)");
	stage_key(st, TOP_KEY_ESCAPE);
	stage_shows(st, "--queue m");
	stage_type(st, "f");
	stage_shows(st, "worker.py");
}

/* The end of the hottest path is in sight, and has room for its name. */
static void deep_calls(void **state)
{
	struct profile *p = profile_new();
	struct stage *st = *state;
	struct made m;
	uint32_t id = 0, run;
	unsigned i;

	made_init(&m, &p->sink);
	made_thread(&m, 4711, "MainThread");
	run = made_state(&m, RUN_CPU);
	for (i = 0; i < 60; i++)
		id = made_frame(&m, id, "rec", "/srv/app/rec.py", 2, 1);
	for (i = 0; i < 3; i++) {
		made_tick(&m);
		made_sample(&m, 4711,
			    made_frame(&m, id, i ? "leaf" : "other",
				       "/srv/app/rec.py", 9, 8), run,
			    LOSS_NONE);
	}
	made_release(&m);
	st->m.last = st->m.all = p;
	stage_type(st, "c");
	stage_shows(st, " \xe2\x96\xbe rec (rec.py:1)\n"
		    "  66.7    66.7   0.02s   0.02s    leaf (rec.py:8)\n"
		    "  33.3    33.3   0.01s   0.01s    other (rec.py:8)\n");
	/* Until another place was chosen. */
	stage_key(st, TOP_KEY_HOME);
	stage_hides(st, "leaf");
	stage_type(st, "fc");
	stage_shows(st, "leaf");
	st->m.last = st->last;
	st->m.all = st->sheet.p;
	profile_free(p);
}

static void nothing_at_all(void **state)
{
	struct profile *p = profile_new();
	struct stage *st = *state;
	unsigned i;

	st->m.all = st->m.last = p;
	st->m.nprocesses = 0;
	st->m.period_ns = 0;
	for (i = 0; i < 6; i++) {
		stage_key(st, (unsigned char)"flctPh"[i]);
		stage_draw(st);
	}
	stage_type(st, "f");
	stage_shows(st, "no samples yet");
	profile_free(p);
	st->m.all = st->m.last = st->sheet.p;
}

/* ---- batch ---- */

static void blocks(void **state)
{
	struct stage *st = *state;

	top_text(&st->m, &st->s, 100, 8, false, &st->sheet.out);
	sheet_is_as_in(&st->sheet, "top-batch.txt");
	str_clear(&st->sheet.out);
	st->s.view = TOP_CALLS;
	top_text(&st->m, &st->s, 72, 5, true, &st->sheet.out);
	sheet_is_as_in(&st->sheet, "top-batch-ascii.txt");
}

static void json(void **state)
{
	struct stage *st = *state;

	st->m.dropped = 3;
	top_json(&st->m, &st->s, 3, 1700000000500000000u, &st->sheet.out);
	assert_ptr_equal(strchr(st->sheet.out.data, '\n'),
			 st->sheet.out.data + st->sheet.out.len - 1);
	sheet_is_as_in(&st->sheet, "top.json");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(views),	      TEST(in_ascii),  TEST(inks),
		TEST(source),	      TEST(output),    TEST(sizes),
		TEST(rate),	      TEST(losses),
		TEST(bars),	      TEST(trouble),	      TEST(written_over),
		TEST(columns),	      TEST(hostile_names),  TEST(many_processes),
		TEST(deep_calls),     TEST(nothing_at_all), TEST(blocks),    TEST(json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
