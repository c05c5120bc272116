/*
 * profile: partial samples, and views by what threads were doing.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile.h"
#include "tests/lib/made.h"
#include "tests/lib/trees.h"

static const struct view lines = {.label = LABEL_LINE};
static const struct view functions = {.label = LABEL_FUNCTION};

struct fixture {
	struct profile *p;
	struct made m;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->p = profile_new();
	made_init(&f->m, &f->p->sink);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	made_release(&f->m);
	profile_free(f->p);
	free(f);
	return 0;
}

/* A stack in spite of a loss: it counts, and its inclusive times are right. */
static void partial_samples(void **state)
{
	struct fixture *f = *state;
	struct profile *p = f->p;
	const struct flat_row *row;
	struct flat *flat;
	struct tree *t;
	uint32_t cpu = made_state(&f->m, RUN_CPU);

	made_samples(&f->m, 4711, "a@x.py:1 b@x.py:2", RUN_CPU, 3);
	made_samples_in(&f->m, 4711, "a@x.py:1 " MARKER_MOVING, cpu,
			LOSS_MOVING, 5);
	made_samples_in(&f->m, 4711, "a@x.py:1 " MARKER_MOVING, cpu,
			LOSS_SHAPE, 2);
	made_samples_in(&f->m, 4711, "", cpu, LOSS_MOVING, 4);
	assert_int_equal(made_sample(&f->m, 4711, 99, cpu, LOSS_READ),
			 -EINVAL);
	assert_int_equal(p->samples, 10);
	assert_int_equal(p->threads[0].samples, 10);
	assert_int_equal(p->threads[0].partial, 7);
	assert_int_equal(p->threads[0].lost, 4);
	assert_int_equal(p->partial[LOSS_MOVING], 5);
	assert_int_equal(p->partial[LOSS_SHAPE], 2);
	assert_int_equal(p->partial[LOSS_READ], 0);
	assert_int_equal(profile_partial(p), 7);
	assert_int_equal(p->lost[LOSS_MOVING], 4);
	assert_int_equal(profile_lost(p), 4);
	t = tree_build(p, &lines);
	assert_int_equal(NODE(t, "a (x.py:1)")->total, 10);
	assert_int_equal(NODE(t, "a (x.py:1)", "<moving>")->self, 7);
	assert_int_equal(NODE(t, "a (x.py:1)", "<moving>")->kind, NODE_MARKER);
	tree_free(t);
	flat = flat_build(p, &functions, SORT_SELF);
	row = row_of(flat, "<moving>");
	assert_int_equal(row->self, 7);
	assert_int_equal(row->kind, NODE_MARKER);
	flat_free(flat);
	check_all_views(p);
}

/* One sample of each kind of state, more of some: powers of two. */
static void made_states(struct made *m)
{
	static const struct {
		enum run_state run;
		enum gil_state gil;
		uint32_t flags;
		const char *wait;
	} doing[] = {
		{RUN_CPU, GIL_HELD, 0, ""},                  /* 1 */
		{RUN_CPU, GIL_NEITHER, 0, ""},               /* 2 */
		{RUN_UNKNOWN, GIL_UNKNOWN, 0, ""},           /* 4 */
		{RUN_SLEEPING, GIL_WANTED, 0, "GIL"},        /* 8 */
		{RUN_UNKNOWN, GIL_WANTED, 0, ""},            /* 16 */
		{RUN_SLEEPING, GIL_NEITHER, 0, "timer"},     /* 32 */
		{RUN_SLEEPING, GIL_HELD, 0, ""},             /* 64 */
		{RUN_DISK, GIL_NEITHER, 0, " "},             /* 128 */
		{RUN_STOPPED, GIL_WANTED, 0, ""},            /* 256 */
		{RUN_CPU, GIL_HELD, STATE_GC, ""},           /* 512 */
		{RUN_SLEEPING, GIL_HELD, STATE_GC, "x"},     /* 1024 */
		{RUN_CPU, GIL_HELD, STATE_EXCEPTION, ""},    /* 2048 */
		{RUN_SLEEPING, GIL_NEITHER, STATE_EXCEPTION, "a;b 12"},
	};
	size_t i;

	for (i = 0; i < sizeof(doing) / sizeof(*doing); i++)
		made_samples_in(m, 4711, "m@x.py:1/1 f@x.py:5/3",
				made_doing(m, doing[i].run, doing[i].gil,
					   doing[i].flags, doing[i].wait),
				LOSS_NONE, 1u << i);
}

#define ALL_STATES 8191u
#define IDLE_STATES (8u + 16 + 32 + 64 + 128 + 256 + 1024 + 4096)

static void modes_choose(void **state)
{
	static const struct {
		enum view_mode mode;
		bool idle;
		uint64_t samples, left_out; /* left out: for being idle */
	} cases[] = {
		{MODE_DEFAULT, false, ALL_STATES - IDLE_STATES, IDLE_STATES},
		{MODE_DEFAULT, true, ALL_STATES, 0},
		{MODE_WALL, false, ALL_STATES, 0},
		{MODE_WALL, true, ALL_STATES, 0},
		{MODE_CPU, false, ALL_STATES - IDLE_STATES, 0},
		{MODE_GIL, false, 1 + 64 + 512 + 1024 + 2048, 0},
		{MODE_GIL, true, 1 + 64 + 512 + 1024 + 2048, 0},
		{MODE_OFFCPU, false, IDLE_STATES, 0},
		{MODE_OFFCPU, true, IDLE_STATES, 0},
		{MODE_GC, false, 512 + 1024, 0},
		{MODE_GC, true, 512 + 1024, 0},
		{MODE_EXCEPTION, false, 2048 + 4096, 0},
		{MODE_EXCEPTION, true, 2048 + 4096, 0},
	};
	struct fixture *f = *state;
	struct view_count count;
	struct view v;
	size_t i;

	made_states(&f->m);
	assert_int_equal(f->p->samples, ALL_STATES);
	assert_int_equal(f->p->idle, IDLE_STATES);
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		v = (struct view){.mode = cases[i].mode, .idle = cases[i].idle};
		view_count(f->p, &v, &count);
		assert_int_equal(count.samples, cases[i].samples);
		assert_int_equal(count.idle, cases[i].left_out);
	}
	check_all_views(f->p);
}

static void state_frames(void **state)
{
	static const struct {
		const char *label;
		uint64_t samples;
	} leaves[] = {
		{"[GC]", 512 + 1024},
		{"[wait: GIL]", 8 + 16},
		{"[wait: timer]", 32},
		{"[wait: a;b 12]", 4096},
		{"[idle]", 64},
		{"[disk]", 128},
		{"[stopped]", 256},
	};
	struct view v = {.mode = MODE_WALL, .state_frames = true};
	struct fixture *f = *state;
	const struct tree_node *n;
	struct flat *flat;
	struct tree *t;
	size_t i;

	made_states(&f->m);
	t = tree_build(f->p, &v);
	flat = flat_build(f->p, &v, SORT_SELF);
	n = NODE(t, "m (x.py:1)", "f (x.py:5)");
	assert_int_equal(n->total, ALL_STATES);
	assert_int_equal(n->self, 1 + 2 + 4 + 2048);
	assert_int_equal(row_of(flat, "f (x.py:5)")->self, n->self);
	assert_int_equal(row_of(flat, "f (x.py:5)")->total, ALL_STATES);
	assert_int_equal(flat->len, 2 + sizeof(leaves) / sizeof(*leaves));
	for (i = 0; i < sizeof(leaves) / sizeof(*leaves); i++) {
		n = NODE(t, "m (x.py:1)", "f (x.py:5)", leaves[i].label);
		assert_int_equal(n->self, leaves[i].samples);
		assert_int_equal(n->total, leaves[i].samples);
		assert_int_equal(n->kind, NODE_MARKER);
		assert_int_equal(n->child, 0);
		assert_int_equal(row_of(flat, leaves[i].label)->self,
				 leaves[i].samples);
		assert_int_equal(row_of(flat, leaves[i].label)->total,
				 leaves[i].samples);
	}
	tree_free(t);
	flat_free(flat);
}

/* After <moving>, below <no frames>; a frame of the same name counts once. */
static void state_frames_are_the_last(void **state)
{
	struct view v = {.idle = true, .state_frames = true};
	struct fixture *f = *state;
	const struct flat_row *row;
	struct flat *flat;
	struct tree *t;
	uint32_t gil;

	gil = made_doing(&f->m, RUN_SLEEPING, GIL_WANTED, 0, "");
	made_samples_in(&f->m, 1, "a@x.py:1 " MARKER_MOVING, gil, LOSS_MOVING,
			2);
	made_samples_in(&f->m, 1, "", gil, LOSS_NONE, 3);
	made_samples_in(&f->m, 1, "a@x.py:1 [GC]",
			made_doing(&f->m, RUN_CPU, GIL_HELD, STATE_GC, ""),
			LOSS_NONE, 4);
	t = tree_build(f->p, &v);
	assert_int_equal(NODE(t, "a (x.py:1)", "<moving>",
			      "[wait: GIL]")->self, 2);
	assert_int_equal(NODE(t, "<no frames>", "[wait: GIL]")->self, 3);
	assert_int_equal(NODE(t, "a (x.py:1)", "[GC]", "[GC]")->self, 4);
	tree_free(t);
	flat = flat_build(f->p, &v, SORT_SELF);
	row = row_of(flat, "[GC]");
	assert_int_equal(row->self, 4);
	assert_int_equal(row->total, 4);
	assert_int_equal(row_of(flat, "<moving>")->self, 0);
	assert_int_equal(row_of(flat, "<moving>")->total, 2);
	assert_int_equal(row_of(flat, "[wait: GIL]")->total, 5);
	assert_int_equal(row_of(flat, "<no frames>")->total, 3);
	flat_free(flat);
	check_all_views(f->p);
}

static void names_of_modes(void **state)
{
	int i;

	(void)state;
	for (i = MODE_DEFAULT + 1; i < VIEW_MODES; i++)
		assert_int_equal(mode_by_name(mode_name((enum view_mode)i)),
				 i);
	assert_int_equal(mode_by_name("gil"), MODE_GIL);
	assert_int_equal(mode_by_name(""), -EINVAL);
	assert_int_equal(mode_by_name("CPU"), -EINVAL);
	assert_string_equal(mode_about(MODE_DEFAULT), "");
	assert_string_equal(mode_about(MODE_CPU), "on CPU");
}

static void totals_of_states(void **state)
{
	struct view v = {.mode = MODE_GIL};
	struct fixture *f = *state;
	struct state_totals t;

	profile_states(f->p, &t);
	assert_true(t.samples == 0 && t.cpu == 0);
	assert_null(view_missing(f->p, &v));
	made_samples(&f->m, 1, "a@x.py:1", RUN_UNKNOWN, 5);
	assert_string_equal(view_missing(f->p, &v), "who held the GIL");
	v.mode = MODE_OFFCPU;
	assert_non_null(view_missing(f->p, &v));
	v.mode = MODE_CPU;
	assert_null(view_missing(f->p, &v));
	made_states(&f->m);
	profile_states(f->p, &t);
	assert_int_equal(t.samples, ALL_STATES + 5);
	assert_int_equal(t.waiting, IDLE_STATES - 256);
	assert_int_equal(t.stopped, 256);
	assert_int_equal(t.disk, 128);
	assert_int_equal(t.cpu, 1 + 2 + 512 + 2048);
	assert_int_equal(t.unknown, 4 + 5);
	assert_int_equal(t.gil_wanted, 8 + 16);
	assert_int_equal(t.gc, 512 + 1024);
	assert_int_equal(t.exception, 2048 + 4096);
	assert_int_equal(t.gil_known, ALL_STATES - 4);
	v.mode = MODE_GIL;
	assert_null(view_missing(f->p, &v));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void expect_focus(struct fixture *f, const char *focus,
			 const char *ignore, uint64_t shown)
{
	struct view_count count;
	struct tree *t;
	struct err e;

	assert_int_equal(profile_focus(f->p, focus, ignore, &e), 0);
	view_count(f->p, &lines, &count);
	assert_int_equal(count.samples, shown);
	assert_int_equal(count.samples + count.idle + count.unfocused,
			 f->p->samples);
	t = tree_build(f->p, &lines);
	assert_int_equal(t->nodes[0].total, shown);
	tree_free(t);
}

/* By any frame of a stack, its name or its file. */
static void focus(void **state)
{
	struct fixture *f = *state;
	struct err e;

	made_samples(&f->m, 4711, "a@/app/x.py:1 b@/app/x.py:2", RUN_CPU, 3);
	made_samples(&f->m, 4711, "a@/app/x.py:1 b@/app/x.py:2 c@/lib/y.py:3",
		     RUN_CPU, 5);
	made_samples(&f->m, 4711, "a@/app/x.py:1", RUN_CPU, 7);
	made_samples(&f->m, 4711, "c@/lib/y.py:3", RUN_SLEEPING, 11);
	expect_focus(f, NULL, NULL, 15);
	expect_focus(f, "^b ", NULL, 8);
	expect_focus(f, "y\\.py", NULL, 5);
	expect_focus(f, NULL, "/lib/", 10);
	expect_focus(f, "^b ", "^c ", 3);
	expect_focus(f, "nothing", NULL, 0);
	expect_focus(f, "^(a|c) ", "", 0); /* all have an empty text */
	expect_focus(f, NULL, NULL, 15);
	assert_int_equal(profile_focus(f->p, "(", NULL, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "'(' is no regular expression"));
	assert_int_equal(focus_check("a|b", &e), 0);
	assert_int_equal(focus_check("*[", &e), -EINVAL);
}

/* Ticks are 10 ms apart: from the third on, and before the sixth. */
static void clipped(void **state)
{
	struct profile *p = profile_new();
	struct clip c;
	struct made m;

	(void)state;
	clip_init(&c, &p->sink, 20000000, 50000000);
	made_init(&m, &c.sink);
	made_samples(&m, 4711, "a@x.py:1", RUN_CPU, 4);
	made_samples(&m, 4711, "b@x.py:2", RUN_CPU, 4);
	assert_int_equal(p->samples, 3);
	assert_int_equal(p->ticks, 3);
	assert_int_equal(p->ncells, 2);
	assert_int_equal(p->cells[0].count, 2);
	assert_int_equal(p->cells[1].count, 1);
	made_release(&m);
	profile_free(p);
}

/* Of ticks that were missed, those before the part are not of it. */
static void clipped_after_a_gap(void **state)
{
	static const struct run_info run = {
		.period_ns = 10000000, .host = "", .kernel = "", .program = ""};
	static const struct process_info process = {
		.pid = 1, .command = "", .cwd = ""};
	struct tick tick = {.pid = 1};
	struct profile *p = profile_new();
	struct source_symbols none = {NULL, 0};
	struct clip c;

	(void)state;
	clip_init(&c, &p->sink, 900000000, UINT64_MAX);
	c.sink.ops->run(&c.sink, &run);
	c.sink.ops->process(&c.sink, &process);
	assert_int_equal(c.sink.ops->tick(&c.sink, &none, &tick), 0);
	tick.mono_ns = 1000000000;
	tick.missed = 99;
	assert_int_equal(c.sink.ops->tick(&c.sink, &none, &tick), 0);
	assert_int_equal(p->ticks, 1);
	assert_int_equal(p->missed, 10);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(partial_samples),
		TEST(modes_choose),
		TEST(state_frames),
		TEST(state_frames_are_the_last),
		cmocka_unit_test(names_of_modes),
		TEST(totals_of_states),
		TEST(focus),
		cmocka_unit_test(clipped),
		cmocka_unit_test(clipped_after_a_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
