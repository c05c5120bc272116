/*
 * Keys of the live view: each one, from one choice to the next.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/stage.h"

static void views(void **state)
{
	static const struct {
		char key;
		enum top_view view;
	} keys[] = {
		{'l', TOP_LINES},   {'c', TOP_CALLS},	  {'t', TOP_THREADS},
		{'o', TOP_OUTPUT},  {'P', TOP_PROCESSES}, {'h', TOP_HELP},
		{'f', TOP_FUNCTIONS}, {'?', TOP_HELP},
	};
	struct stage *st = *state;
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		stage_key(st, (unsigned char)keys[i].key);
		assert_int_equal(st->s.view, keys[i].view);
	}
	/* Help and Esc go back. */
	stage_key(st, 'h');
	assert_int_equal(st->s.view, TOP_FUNCTIONS);
	stage_key(st, 't');
	stage_key(st, 'h');
	stage_key(st, TOP_KEY_ESCAPE);
	assert_int_equal(st->s.view, TOP_THREADS);
}

static void tabs(void **state)
{
	struct stage *st = *state;
	static const enum top_view order[] = {
		TOP_LINES, TOP_CALLS, TOP_THREADS, TOP_FUNCTIONS};
	size_t i;

	for (i = 0; i < 4; i++) {
		stage_key(st, TOP_KEY_TAB);
		assert_int_equal(st->s.view, order[i]);
	}
	stage_key(st, TOP_KEY_BACK_TAB);
	assert_int_equal(st->s.view, TOP_THREADS);
	st->m.nprocesses = 2;
	stage_key(st, '\t');
	assert_int_equal(st->s.view, TOP_PROCESSES);
}

/* What is under the cursor, by its ink. */
static unsigned cursor_row(struct stage *st)
{
	const char *at;
	unsigned row;

	stage_inks(st);
	at = st->sheet.out.data;
	for (row = 0; *at; row++, at = strchr(at, '\n') + 1)
		if (row > 5 && *at == 'C')
			return row;
	fail_msg("no cursor in:\n%s", st->sheet.out.data);
	return 0;
}

static void moving(void **state)
{
	struct stage *st = *state;

	assert_int_equal(cursor_row(st), 7);
	stage_key(st, TOP_KEY_DOWN);
	stage_key(st, 'j');
	assert_int_equal(cursor_row(st), 9);
	stage_key(st, TOP_KEY_UP);
	stage_key(st, 'k');
	stage_key(st, 'k');
	assert_int_equal(cursor_row(st), 7);
	stage_key(st, TOP_KEY_WHEEL_DOWN);
	assert_int_equal(cursor_row(st), 10);
	stage_key(st, TOP_KEY_WHEEL_UP);
	assert_int_equal(cursor_row(st), 7);
	stage_key(st, TOP_KEY_END);
	assert_int_equal(cursor_row(st), 22);
	stage_hides(st, "_populate_full");
	stage_key(st, TOP_KEY_PAGE_UP);
	stage_key(st, TOP_KEY_PAGE_UP);
	stage_key(st, TOP_KEY_PAGE_UP);
	assert_int_equal(cursor_row(st), 7);
	stage_shows(st, "_populate_full");
	stage_key(st, TOP_KEY_PAGE_DOWN);
	assert_int_equal(cursor_row(st), 22);
	stage_key(st, TOP_KEY_HOME);
	assert_int_equal(cursor_row(st), 7);
	assert_true(st->s.key == 0);
}

/* The cursor stays on what it is on, wherever that goes. */
static void cursor_follows(void **state)
{
	struct stage *st = *state;
	unsigned row;

	stage_key(st, TOP_KEY_DOWN);
	stage_key(st, TOP_KEY_DOWN);
	row = cursor_row(st);
	made_samples(&st->sheet.m, 4711, "new@/srv/app/new.py:1/1", RUN_CPU, 2);
	stage_type(st, "1");
	made_samples(&st->sheet.m, 4711, "escape@/srv/app/.venv/lib/python3.11/"
		     "site-packages/markupsafe/__init__.py:51/40", RUN_CPU, 500);
	st->m.last = st->m.all;
	assert_int_equal(cursor_row(st), row - 2);
}

static void sorting(void **state)
{
	struct stage *st = *state;
	unsigned i;

	for (i = 1; i <= 4; i++) {
		stage_key(st, '0' + i);
		assert_int_equal(st->s.sort[TOP_FUNCTIONS], i - 1);
	}
	stage_type(st, "2");
	stage_draw(st);
	assert_non_null(strstr(st->sheet.out.data,
			       "   0.0    41.4   0.00s   3.78s <module>"));
	stage_type(st, "s");
	assert_int_equal(st->s.sort[TOP_FUNCTIONS], 2);
	stage_type(st, ">>>");
	assert_int_equal(st->s.sort[TOP_FUNCTIONS], 0);
	stage_type(st, "<");
	assert_int_equal(st->s.sort[TOP_FUNCTIONS], 4);
	stage_shows(st, "function (file:line)\n   0.0    41.4   0.00s   3.78s "
		    "<module>");
	stage_type(st, "I");
	stage_shows(st, "function (file:line)\n   0.0     3.4   0.00s   0.31s "
		    "thumbnail");
	/* Each view has its own; columns that are not shown are passed over. */
	stage_type(st, "I1t");
	assert_int_equal(st->s.sort[TOP_THREADS], 0);
	stage_type(st, ">>>");
	assert_int_equal(st->s.sort[TOP_THREADS], 4);
}

static void modes(void **state)
{
	struct stage *st = *state;

	stage_type(st, "w");
	assert_int_equal(st->s.choice.mode, MODE_WALL);
	stage_shows(st, " wall\n");
	stage_shows(st, "wait (threading.py:288)");
	stage_type(st, "C");
	assert_int_equal(st->s.choice.mode, MODE_CPU);
	stage_hides(st, "wait (threading.py:288)");
	stage_type(st, "g");
	assert_int_equal(st->s.choice.mode, MODE_GIL);
	stage_hides(st, "<native:sqlite3_step>");
	stage_type(st, "g");
	assert_int_equal(st->s.choice.mode, MODE_DEFAULT);
	stage_type(st, "i");
	assert_true(st->s.choice.idle);
	stage_shows(st, " all\n");
	stage_type(st, "Cd");
	assert_int_equal(st->s.choice.mode, MODE_DEFAULT);
	assert_false(st->s.choice.idle);
}

static void filter(void **state)
{
	struct stage *st = *state;

	stage_type(st, "/ORDERSx");
	stage_key(st, TOP_KEY_ERASE);
	assert_string_equal(st->s.filter, "ORDERS");
	stage_shows(st, "filter: ORDERS\n");
	stage_shows(st, "Orders.total (orders.py:66)");
	stage_hides(st, "_populate_full");
	/* While it is typed, keys are letters. */
	stage_type(st, "q");
	assert_string_equal(st->s.filter, "ORDERSq");
	stage_shows(st, "no row has that text");
	stage_key(st, TOP_KEY_ERASE);
	stage_key(st, TOP_KEY_ENTER);
	stage_shows(st, "not idle /ORDERS\n");
	/* The tree keeps who called it. */
	stage_type(st, "c");
	stage_shows(st, "serve_forever");
	stage_shows(st, "Orders.total");
	stage_hides(st, "Thread._bootstrap");
	stage_key(st, TOP_KEY_ESCAPE);
	assert_string_equal(st->s.filter, "");
	stage_shows(st, "Thread._bootstrap");
	/* Esc while typing takes it back, and a wide letter is one. */
	stage_type(st, "/");
	stage_key(st, 0x6f22);
	assert_string_equal(st->s.filter, "\xe6\xbc\xa2");
	stage_key(st, TOP_KEY_ERASE);
	assert_string_equal(st->s.filter, "");
	stage_type(st, "abc");
	stage_key(st, TOP_KEY_ESCAPE);
	assert_string_equal(st->s.filter, "");
	assert_int_equal(st->s.prompt, PROMPT_NONE);
}

/* No end of letters; what does not fit is left out. */
static void long_input(void **state)
{
	struct stage *st = *state;
	unsigned i;

	stage_type(st, "/");
	for (i = 0; i < 2 * TOP_INPUT_MAX; i++)
		stage_key(st, i % 2 ? 'x' : 0x6f22);
	assert_true(strlen(st->s.input) < TOP_INPUT_MAX);
	stage_draw(st);
	stage_key(st, 21);
	assert_string_equal(st->s.input, "");
}

static void tree(void **state)
{
	struct stage *st = *state;

	stage_type(st, "c");
	stage_hides(st, "fib (");
	stage_key(st, TOP_KEY_END);
	stage_key(st, TOP_KEY_RIGHT);
	stage_shows(st, "_worker");
	stage_key(st, TOP_KEY_LEFT);
	stage_hides(st, "_worker");
	/* Enter turns it round; from a closed one, left goes to its caller. */
	stage_key(st, TOP_KEY_ENTER);
	stage_shows(st, "_worker");
	stage_key(st, TOP_KEY_DOWN);
	stage_key(st, TOP_KEY_LEFT);
	stage_key(st, TOP_KEY_LEFT);
	stage_hides(st, "_worker");
	stage_key(st, TOP_KEY_HOME);
	stage_key(st, TOP_KEY_LEFT);
	stage_hides(st, "main (");
	stage_key(st, TOP_KEY_RIGHT);
	stage_shows(st, "main (");
	stage_shows(st, "_populate_full");
}

static void threads_open(void **state)
{
	struct stage *st = *state;

	stage_type(st, "t");
	stage_key(st, TOP_KEY_DOWN);
	stage_key(st, TOP_KEY_DOWN);
	stage_key(st, TOP_KEY_ENTER);
	assert_int_equal(st->s.view, TOP_CALLS);
	assert_int_equal(st->s.tid, 4713);
	stage_shows(st, "thread 4713");
	stage_shows(st, "fib (stats.py:3)");
	stage_hides(st, "serve_forever");
	stage_type(st, "f");
	stage_hides(st, "serve_forever");
	stage_key(st, TOP_KEY_ESCAPE);
	assert_int_equal(st->s.view, TOP_THREADS);
	assert_int_equal(st->s.tid, 0);
}

static void actions(void **state)
{
	struct stage *st = *state;

	assert_int_equal(stage_key(st, 'q'), TOP_QUIT);
	assert_int_equal(stage_key(st, 3), TOP_QUIT);
	assert_int_equal(stage_key(st, 26), TOP_SUSPEND);
	assert_int_equal(stage_key(st, 12), TOP_REDRAW);
	assert_int_equal(stage_key(st, 'r'), TOP_RESET);
	assert_int_equal(stage_key(st, TOP_KEY_RESIZE), TOP_NOTHING);
	assert_int_equal(stage_key(st, TOP_KEY_NONE), TOP_NOTHING);
	stage_key(st, 'e');
	assert_int_equal(stage_key(st, TOP_KEY_ENTER), TOP_NOTHING);
	stage_type(st, "ex.svg");
	stage_shows(st, "export to (.svg, .strobe, ...): x.svg\n");
	assert_int_equal(stage_key(st, TOP_KEY_ENTER), TOP_EXPORT);
	assert_string_equal(st->s.input, "x.svg");
	stage_type(st, "e");
	assert_string_equal(st->s.input, "");
	assert_int_equal(stage_key(st, 3), TOP_NOTHING);
	assert_int_equal(st->s.prompt, PROMPT_NONE);
	stage_key(st, 'p');
	assert_true(st->s.paused);
	stage_shows(st, "PAUSED");
	stage_key(st, ' ');
	assert_false(st->s.paused);
	stage_key(st, 'F');
	st->width = 200;
	stage_shows(st, "(/srv/app/.venv/lib/python3.11/site-packages/");
	assert_true(st->s.full_filenames);
}

static void interval(void **state)
{
	struct stage *st = *state;
	unsigned i;

	stage_key(st, '+');
	assert_int_equal(st->s.interval_ns, 500000000);
	for (i = 0; i < 20; i++)
		stage_key(st, '+');
	assert_true(st->s.interval_ns == TOP_INTERVAL_MIN);
	/* That it stays is to be said, too. */
	assert_int_equal(stage_key(st, '+'), TOP_INTERVAL);
	for (i = 0; i < 20; i++)
		stage_key(st, '-');
	assert_true(st->s.interval_ns == TOP_INTERVAL_MAX);
	assert_int_equal(stage_key(st, '-'), TOP_INTERVAL);
}

static void mouse(void **state)
{
	struct stage *st = *state;

	/* A column head: by it; once more: the other way round. */
	stage_mouse(st, TOP_KEY_CLICK, 10, 6);
	assert_int_equal(st->s.sort[TOP_FUNCTIONS], 1);
	assert_false(st->s.reverse);
	stage_mouse(st, TOP_KEY_CLICK, 10, 6);
	assert_true(st->s.reverse);
	stage_mouse(st, TOP_KEY_CLICK, 0, 6);
	assert_false(st->s.reverse);
	/* A row, and again to open it. */
	stage_mouse(st, TOP_KEY_CLICK, 40, 9);
	assert_int_equal(cursor_row(st), 9);
	stage_mouse(st, TOP_KEY_CLICK, 40, 9);
	assert_int_equal(st->s.view, TOP_SOURCE);
	stage_key(st, TOP_KEY_ESCAPE);
	/* The name of a view. */
	stage_mouse(st, TOP_KEY_CLICK, 14, 5);
	assert_int_equal(st->s.view, TOP_LINES);
	/* Anywhere else, also outside of the screen: nothing. */
	stage_mouse(st, TOP_KEY_CLICK, 500, 5);
	stage_mouse(st, TOP_KEY_CLICK, 5, 500);
	stage_mouse(st, TOP_KEY_CLICK, 5, 0);
	assert_int_equal(st->s.view, TOP_LINES);
	st->width = 20;
	stage_mouse(st, TOP_KEY_CLICK, 5, 5);
}

/* Whatever comes, in whatever order and size. */
static void any_keys(void **state)
{
	struct stage *st = *state;
	uint64_t rng = 7, r;
	unsigned i;

	st->m.output = "some\ntext\n";
	for (i = 0; i < 4000; i++) {
		r = rng_next(&rng);
		if (r % 50 == 0) {
			st->width = 1 + (unsigned)(r >> 8) % 120;
			st->height = 1 + (unsigned)(r >> 20) % 50;
		}
		if (r % 3)
			stage_key(st, (uint32_t)(r >> 32) % 128);
		else
			stage_mouse(st, TOP_KEY_UP + (uint32_t)(r >> 32) %
				    (TOP_KEY_NONE + 1 - TOP_KEY_UP),
				    (unsigned)(r >> 40) % 130,
				    (unsigned)(r >> 50) % 60);
		if (r % 8 == 0)
			stage_draw(st);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(views),    TEST(tabs),	    TEST(moving),
		TEST(cursor_follows), TEST(sorting), TEST(modes),
		TEST(filter),   TEST(long_input),   TEST(tree),
		TEST(threads_open), TEST(actions),  TEST(interval),
		TEST(mouse),    TEST(any_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
