/*
 * The samples of a profile in the order of time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/scene.h"
#include "tests/lib/sheet.h"

#define PERIOD 10000000ull
#define WALL 1700000000000000000u /* of made.h's run, when its clock is 5 s */

static const struct timeline_run *runs_of(struct sheet *f, uint32_t thread,
					  size_t *n)
{
	timeline_order(f->p->timeline, f->p);
	return timeline_thread(f->p->timeline, thread, n);
}

static void is_run(const struct timeline_run *run, uint64_t from,
		   uint64_t until, uint32_t count)
{
	assert_int_equal(run->start_ns, WALL + from * PERIOD);
	assert_int_equal(run->end_ns, WALL + until * PERIOD);
	assert_int_equal(run->count, count);
}

static void equal_neighbours_are_one_run(void **state)
{
	struct sheet *f = *state;
	const struct timeline_run *runs;
	size_t n;

	made_thread(&f->m, 4711, "MainThread");
	made_samples(&f->m, 4711, "a@x.py:1", RUN_CPU, 3);
	made_samples(&f->m, 4711, "a@x.py:1 b@x.py:2", RUN_CPU, 1);
	made_samples(&f->m, 4711, "a@x.py:1", RUN_SLEEPING, 2);
	made_samples(&f->m, 4711, "a@x.py:1", RUN_CPU, 1);
	runs = runs_of(f, 0, &n);
	assert_int_equal(n, 4);
	is_run(&runs[0], 0, 3, 3);
	is_run(&runs[1], 3, 4, 1);
	is_run(&runs[2], 4, 6, 2);
	is_run(&runs[3], 6, 7, 1);
	assert_int_equal(runs[0].cell, runs[3].cell);
	assert_int_equal(f->p->timeline->first_ns, WALL);
	assert_int_equal(f->p->timeline->last_ns, WALL + 7 * PERIOD);
}

/* A tick without the thread, or with a lost sample, ends its run. */
static void a_gap_ends_a_run(void **state)
{
	struct sheet *f = *state;
	const struct timeline_run *runs;
	size_t n;

	made_samples(&f->m, 4711, "a@x.py:1", RUN_CPU, 2);
	made_tick(&f->m);
	made_samples(&f->m, 4711, "a@x.py:1", RUN_CPU, 1);
	made_samples_in(&f->m, 4711, "", 0, LOSS_READ, 1);
	made_samples(&f->m, 4711, "a@x.py:1", RUN_CPU, 2);
	runs = runs_of(f, 0, &n);
	assert_int_equal(n, 3);
	is_run(&runs[0], 0, 2, 2);
	is_run(&runs[1], 3, 4, 1);
	is_run(&runs[2], 5, 7, 2);
}

static void threads_have_their_own(void **state)
{
	struct sheet *f = *state;
	const struct timeline_run *runs;
	uint32_t a, b, cpu;
	size_t n;
	int i;

	for (i = 0; i < 6; i++) {
		made_tick(&f->m);
		cpu = made_state(&f->m, RUN_CPU);
		a = made_stack(&f->m, "a@x.py:1");
		b = made_stack(&f->m, i % 2 ? "b@x.py:1" : "c@x.py:1");
		assert_int_equal(made_sample(&f->m, 4712, b, cpu, 0), 0);
		assert_int_equal(made_sample(&f->m, 4711, a, cpu, 0), 0);
	}
	runs = runs_of(f, 0, &n);
	assert_int_equal(n, 6);
	is_run(&runs[5], 5, 6, 1);
	runs = timeline_thread(f->p->timeline, 1, &n);
	assert_int_equal(n, 1);
	is_run(&runs[0], 0, 6, 6);
}

/* What the runs have is what the cells have, whatever happens. */
static void sums_are_those_of_the_cells(void **state)
{
	struct sheet *f = *state;
	uint64_t *count, *ns;
	const struct timeline_run *runs;
	struct scene scene;
	size_t i, n;
	uint32_t t;

	scene_init(&scene, &f->p->sink, 77, 5, 1000000);
	scene.clears = true;
	scene_begin(&scene);
	for (i = 0; i < 3000; i++)
		assert_int_equal(scene_tick(&scene), 0);
	scene_release(&scene);
	timeline_order(f->p->timeline, f->p);
	count = xcalloc(f->p->ncells, sizeof(*count));
	ns = xcalloc(f->p->ncells, sizeof(*ns));
	for (t = 0; t < f->p->nthreads; t++) {
		runs = timeline_thread(f->p->timeline, t, &n);
		for (i = 0; i < n; i++) {
			assert_int_equal(f->p->cells[runs[i].cell].thread, t);
			assert_true(!i ||
				    runs[i].start_ns >= runs[i - 1].end_ns);
			count[runs[i].cell] += runs[i].count;
			ns[runs[i].cell] += runs[i].end_ns - runs[i].start_ns;
		}
	}
	for (i = 0; i < f->p->ncells; i++) {
		assert_int_equal(count[i], f->p->cells[i].count);
		assert_int_equal(ns[i], f->p->cells[i].ns);
	}
	free(count);
	free(ns);
}

static void what_is_beyond_the_limit_is_told(void **state)
{
	struct sheet *f = *state;
	struct str told;
	size_t n;
	int i;

	str_init(&told);
	timeline_tell(f->p->timeline, &told);
	assert_string_equal(told.data, "");
	f->p->timeline->limit = 4;
	for (i = 0; i < 6; i++)
		made_samples(&f->m, 4711, i % 2 ? "a@x.py:1" : "b@x.py:1",
			     RUN_CPU, 3);
	/* The last run that came in is not made longer afterwards either. */
	made_samples(&f->m, 4711, "a@x.py:1", RUN_CPU, 1);
	runs_of(f, 0, &n);
	assert_int_equal(n, 4);
	assert_int_equal(f->p->samples, 19);
	assert_int_equal(f->p->timeline->left_out, 7);
	timeline_tell(f->p->timeline, &told);
	assert_string_equal(told.data,
			    "7 samples after the first 0.120 s are left out, "
			    "since there are more than 4 changes of stacks "
			    "and states");
	str_release(&told);
}

/* Two recordings of one time: one of them is shown, the other one counted. */
static void what_overlaps_is_told(void **state)
{
	struct sheet *f = *state;
	const struct timeline_run *runs;
	struct str told;
	size_t n;

	made_samples(&f->m, 4711, "a@x.py:1", RUN_CPU, 4);
	f->m.now -= 3 * PERIOD;
	made_samples(&f->m, 4711, "b@x.py:1", RUN_CPU, 2);
	made_samples(&f->m, 4711, "c@x.py:1", RUN_CPU, 5);
	runs = runs_of(f, 0, &n);
	assert_int_equal(n, 2);
	is_run(&runs[0], 0, 4, 4);
	is_run(&runs[1], 4, 8, 5);
	assert_int_equal(f->p->timeline->overlapping, 2);
	str_init(&told);
	timeline_tell(f->p->timeline, &told);
	assert_string_equal(told.data, "2 samples are left out, since there "
			    "are others of the same threads and times");
	str_release(&told);
}

/* Recordings of several hosts meet in the time of day. */
static void clocks_of_two_runs_meet(void **state)
{
	struct sheet *f = *state;
	const struct timeline_run *runs;
	struct run_info run = {.wall_ns = WALL + 100 * PERIOD,
			       .mono_ns = 7,
			       .period_ns = PERIOD,
			       .host = "host",
			       .kernel = "",
			       .program = ""};
	size_t n;

	made_samples(&f->m, 4711, "a@x.py:1", RUN_CPU, 2);
	assert_int_equal(f->p->sink.ops->run(&f->p->sink, &run), 0);
	made_process(&f->m, 12, "other");
	f->m.now = 7;
	made_samples(&f->m, 12, "a@x.py:1", RUN_CPU, 2);
	/* The same process again, a while later: nothing lies between. */
	run.wall_ns += 500 * PERIOD;
	assert_int_equal(f->p->sink.ops->run(&f->p->sink, &run), 0);
	made_process(&f->m, 4711, "python3 app.py --port 8080");
	f->m.now = 7;
	made_samples(&f->m, 4711, "a@x.py:1", RUN_CPU, 2);
	runs = runs_of(f, 1, &n);
	assert_int_equal(n, 1);
	is_run(&runs[0], 100, 102, 2);
	runs = timeline_thread(f->p->timeline, 0, &n);
	assert_int_equal(n, 2);
	is_run(&runs[0], 0, 2, 2);
	is_run(&runs[1], 600, 602, 2);
}

/* A tick that stands for others: one run, as long as all of them. */
static void a_tick_may_stand_for_many(void **state)
{
	struct sheet *f = *state;
	const struct timeline_run *runs;
	struct tick tick = {.pid = 4711, .more = 99};
	uint32_t stack = made_stack(&f->m, "a@x.py:1");
	uint32_t cpu = made_state(&f->m, RUN_CPU);
	size_t n;

	f->p->timeline->limit = 1;
	tick.mono_ns = f->m.now + 100 * PERIOD;
	assert_int_equal(f->p->sink.ops->tick(&f->p->sink, &f->m.source, &tick),
			 0);
	assert_int_equal(made_sample(&f->m, 4711, stack, cpu, LOSS_NONE), 0);
	tick.mono_ns += 100 * PERIOD;
	assert_int_equal(f->p->sink.ops->tick(&f->p->sink, &f->m.source, &tick),
			 0);
	stack = made_stack(&f->m, "b@x.py:1");
	assert_int_equal(made_sample(&f->m, 4711, stack, cpu, LOSS_NONE), 0);
	runs = runs_of(f, 0, &n);
	assert_int_equal(n, 1);
	is_run(&runs[0], 0, 100, 100);
	assert_int_equal(f->p->timeline->left_out, 100);
}

static void nothing_at_all(void **state)
{
	struct sheet *f = *state;
	size_t n = 1;

	timeline_order(f->p->timeline, f->p);
	assert_int_equal(f->p->timeline->nruns, 0);
	made_thread(&f->m, 4711, "MainThread");
	runs_of(f, 0, &n);
	assert_int_equal(n, 0);
	timeline_free(NULL);
}

#define TEST(f)                                                               \
	cmocka_unit_test_setup_teardown(f, sheet_setup_timeline, sheet_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(equal_neighbours_are_one_run),
		TEST(a_gap_ends_a_run),
		TEST(threads_have_their_own),
		TEST(sums_are_those_of_the_cells),
		TEST(what_is_beyond_the_limit_is_told),
		TEST(what_overlaps_is_told),
		TEST(clocks_of_two_runs_meet),
		TEST(a_tick_may_stand_for_many),
		TEST(nothing_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
