/*
 * profile: sums, trees, flat tables, names.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

static void nothing_at_all(void **state)
{
	struct profile *p = profile_new();
	struct flat *flat = flat_build(p, &lines, SORT_SELF);

	(void)state;
	check_all_views(p);
	assert_int_equal(flat->len, 0);
	assert_true(profile_duration(p) == 0);
	assert_true(profile_achieved(p) == 0.0);
	flat_free(flat);
	profile_free(p);
	profile_free(NULL);
}

static void equal_samples_are_one_cell(void **state)
{
	struct fixture *f = *state;
	struct profile *p = f->p;

	made_thread(&f->m, 4711, "MainThread");
	made_samples(&f->m, 4711, "a@x.py:1 b@x.py:2", RUN_CPU, 5);
	made_samples(&f->m, 4711, "a@x.py:1 b@x.py:3", RUN_CPU, 2);
	made_samples(&f->m, 4711, "a@x.py:1 b@x.py:2", RUN_CPU, 1);
	made_samples(&f->m, 4711, "a@x.py:1 b@x.py:2", RUN_SLEEPING, 4);
	made_samples(&f->m, 99, "a@x.py:1 b@x.py:2", RUN_CPU, 1);
	assert_int_equal(p->ncells, 4);
	assert_int_equal(p->cells[0].count, 6);
	assert_true(p->cells[0].ns == 6 * f->m.period);
	assert_int_equal(p->nthreads, 2);
	assert_int_equal(p->threads[0].samples, 12);
	assert_int_equal(p->threads[0].idle, 4);
	assert_int_equal(p->samples, 13);
	assert_int_equal(p->idle, 4);
	assert_int_equal(p->ticks, 13);
	assert_true(profile_duration(p) == 13 * f->m.period);
	assert_string_equal(symbols_text(&p->symbols, p->threads[0].name),
			    "MainThread");
	assert_true(p->threads[0].flags == THREAD_MAIN);
	/* The day's time of the first tick, one period after the run. */
	assert_true(p->wall_ns == 1700000000000000000u + f->m.period);
	check_all_views(p);
}

static void weight_is_the_time_since_the_tick_before(void **state)
{
	struct fixture *f = *state;
	uint32_t stack = made_stack(&f->m, "a@x.py:1");
	uint32_t cpu = made_state(&f->m, RUN_CPU);
	struct tick tick = {.pid = 4711, .mono_ns = 100, .missed = 0};
	struct sink *s = &f->p->sink;

	assert_int_equal(s->ops->tick(s, &f->m.source, &tick), 0);
	made_sample(&f->m, 4711, stack, cpu, LOSS_NONE);
	assert_true(f->p->cells[0].ns == f->m.period);
	tick.mono_ns = 350;
	tick.missed = 2;
	s->ops->tick(s, &f->m.source, &tick);
	made_sample(&f->m, 4711, stack, cpu, LOSS_NONE);
	made_sample(&f->m, 4712, stack, cpu, LOSS_NONE);
	assert_true(f->p->cells[0].ns == f->m.period + 250);
	assert_true(f->p->cells[1].ns == 250);
	/* Another process has a clock of its own. */
	tick.pid = 5000;
	tick.mono_ns = 400;
	tick.missed = 0;
	s->ops->tick(s, &f->m.source, &tick);
	made_sample(&f->m, 5000, stack, cpu, LOSS_NONE);
	assert_true(f->p->cells[2].ns == f->m.period);
	/* Time that runs backwards has no weight. */
	tick.mono_ns = 10;
	s->ops->tick(s, &f->m.source, &tick);
	made_sample(&f->m, 5000, stack, cpu, LOSS_NONE);
	assert_true(f->p->cells[2].ns == f->m.period);
	assert_int_equal(f->p->missed, 2);
	assert_true(profile_achieved(f->p) > 66.6 &&
		    profile_achieved(f->p) < 66.7);
}

static void losses_are_counted_apart(void **state)
{
	struct fixture *f = *state;
	struct profile *p = f->p;
	int i;

	made_samples(&f->m, 4711, "a@x.py:1", RUN_CPU, 3);
	for (i = LOSS_MOVING; i < LOSS_CAUSES; i++) {
		assert_int_equal(made_sample(&f->m, 4711, 0, 0, i), 0);
		assert_int_equal(p->lost[i], 1);
		assert_true(*loss_name(i) && *loss_about(i));
	}
	assert_int_equal(made_sample(&f->m, 4711, 0, 0, LOSS_CAUSES), -EINVAL);
	assert_int_equal(profile_lost(p), LOSS_CAUSES - 1);
	assert_int_equal(p->threads[0].lost, LOSS_CAUSES - 1);
	assert_int_equal(p->samples, 3);
	assert_int_equal(p->ncells, 1);
	assert_int_equal(profile_partial(p), 0);
	assert_string_equal(loss_name(LOSS_MOVING), "moving");
	assert_string_equal(loss_name((enum loss)77), "unknown");
}

static void foreign_numbers_are_refused(void **state)
{
	struct fixture *f = *state;
	struct symbols *s = &f->m.symbols;
	uint32_t cpu = made_state(&f->m, RUN_CPU);
	uint32_t stack = made_stack(&f->m, "a@x.py:1 b@x.py:2");
	uint32_t file;

	/* Before any tick. */
	assert_int_equal(made_sample(&f->m, 1, stack, cpu, LOSS_NONE), -EINVAL);
	made_tick(&f->m);
	assert_int_equal(made_sample(&f->m, 1, 77, cpu, LOSS_NONE), -EINVAL);
	s->stacks[stack].frame = 99;
	assert_int_equal(made_sample(&f->m, 1, stack, cpu, LOSS_NONE), -EINVAL);
	s->stacks[stack].frame = 1;
	s->stacks[stack].parent = stack; /* a circle */
	assert_int_equal(made_sample(&f->m, 1, stack, cpu, LOSS_NONE), -EINVAL);
	s->stacks[stack].parent = 1;
	s->frames[1].code = 1000;
	assert_int_equal(made_sample(&f->m, 1, stack, cpu, LOSS_NONE), -EINVAL);
	s->frames[1].code = 1;
	file = s->codes[1].file;
	s->codes[1].file = 1000;
	assert_int_equal(made_sample(&f->m, 1, stack, cpu, LOSS_NONE), -EINVAL);
	s->codes[1].file = file;
	assert_int_equal(made_sample(&f->m, 1, stack, 77, LOSS_NONE), -EINVAL);
	assert_int_equal(f->p->samples, 0);
	assert_int_equal(made_sample(&f->m, 1, stack, cpu, LOSS_NONE), 0);
	check_all_views(f->p);
}

/* A source may clear its symbols: the same numbers mean others then. */
static void a_source_that_forgets(void **state)
{
	struct fixture *f = *state;
	struct tree *t;

	made_samples(&f->m, 4711, "a@x.py:1 b@x.py:2", RUN_CPU, 3);
	made_forget(&f->m);
	made_samples(&f->m, 4711, "c@x.py:7 d@x.py:8", RUN_CPU, 2);
	made_samples(&f->m, 4711, "a@x.py:1 b@x.py:2", RUN_CPU, 1);
	t = tree_build(f->p, &lines);
	assert_int_equal(NODE(t, "a (x.py:1)", "b (x.py:2)")->self, 4);
	assert_int_equal(NODE(t, "c (x.py:7)", "d (x.py:8)")->self, 2);
	tree_free(t);
	check_all_views(f->p);
}

static void two_sources_take_turns(void **state)
{
	struct fixture *f = *state;
	struct made other;
	struct tree *t;
	int i;

	made_init(&other, &f->p->sink);
	made_process(&other, 5000, "python3 worker.py");
	for (i = 0; i < 3; i++) {
		made_samples(&f->m, 4711, "a@x.py:1 b@x.py:2", RUN_CPU, 1);
		made_samples(&other, 5000, "c@x.py:7 b@x.py:2", RUN_CPU, 1);
	}
	t = tree_build(f->p, &lines);
	assert_int_equal(NODE(t, "a (x.py:1)", "b (x.py:2)")->self, 3);
	assert_int_equal(NODE(t, "c (x.py:7)", "b (x.py:2)")->self, 3);
	tree_free(t);
	assert_int_equal(f->p->nprocesses, 2);
	made_release(&other);
}

/* Whatever their number, an id that is used again is another thread. */
static void ids_used_again(void **state)
{
	struct fixture *f = *state;
	struct thread_info info = {.pid = 4711, .tid = 9};
	unsigned i;

	for (i = 1; i <= 200; i++) {
		info.ident = i;
		info.name = i % 2 ? "odd" : "even";
		info.flags = 0;
		assert_int_equal(f->p->sink.ops->thread(&f->p->sink, &info),
				 0);
		assert_int_equal(f->p->nthreads, i);
		assert_int_equal(f->p->threads[i - 1].ident, i);
		info.flags = THREAD_ENDED;
		assert_int_equal(f->p->sink.ops->thread(&f->p->sink, &info),
				 0);
		assert_int_equal(f->p->threads[i - 1].flags, THREAD_ENDED);
	}
}

static void threads_that_end(void **state)
{
	struct fixture *f = *state;
	struct sink *s = &f->p->sink;
	struct thread_info end = {
		.pid = 4711, .tid = 9, .flags = THREAD_ENDED, .name = ""};

	made_thread(&f->m, 9, "");
	made_thread(&f->m, 9, "first"); /* its name is known later */
	assert_int_equal(f->p->nthreads, 1);
	made_samples(&f->m, 9, "a@x.py:1", RUN_CPU, 1);
	s->ops->thread(s, &end);
	made_thread(&f->m, 9, "second");
	made_samples(&f->m, 9, "a@x.py:1", RUN_CPU, 2);
	assert_int_equal(f->p->nthreads, 2);
	assert_int_equal(f->p->threads[0].samples, 1);
	assert_int_equal(f->p->threads[0].flags, THREAD_ENDED);
	assert_string_equal(
		symbols_text(&f->p->symbols, f->p->threads[0].name), "first");
	assert_int_equal(f->p->threads[1].samples, 2);
	check_all_views(f->p);
}

static void views_of_the_tree(void **state)
{
	struct fixture *f = *state;
	struct view v = lines;
	struct tree *t;

	made_thread(&f->m, 4711, "MainThread");
	made_samples(&f->m, 4711, "a@/srv/app/x.py:5/1 <wait>", RUN_SLEEPING,
		     2);
	made_samples(&f->m, 4711, "a@/srv/app/x.py:6/1", RUN_CPU, 3);
	made_samples(&f->m, 8, "", RUN_CPU, 1);
	t = tree_build(f->p, &v);
	assert_int_equal(t->left_out, 2);
	assert_int_equal(NODE(t, "a (x.py:6)")->self, 3);
	assert_int_equal(NODE(t, "<no frames>")->self, 1);
	assert_int_equal(find_child(t, 0, "a (x.py:5)"), 0);
	tree_free(t);

	v.idle = true;
	v.label = LABEL_FUNCTION;
	t = tree_build(f->p, &v);
	assert_int_equal(t->left_out, 0);
	assert_int_equal(NODE(t, "a (x.py:1)")->total, 5);
	assert_int_equal(NODE(t, "a (x.py:1)", "<wait>")->kind, NODE_MARKER);
	tree_free(t);

	v.label = LABEL_NOLINE;
	v.threads = true;
	v.full_filenames = true;
	t = tree_build(f->p, &v);
	assert_int_equal(NODE(t, "MainThread (thread 4711)",
			      "a (/srv/app/x.py)")->total, 5);
	assert_int_equal(NODE(t, "thread (thread 8)")->kind, NODE_THREAD);
	tree_free(t);

	made_process(&f->m, 12, "python3 child.py");
	made_samples(&f->m, 12, "a@/srv/app/x.py:6/1", RUN_CPU, 1);
	t = tree_build(f->p, &v);
	assert_int_equal(NODE(t, "python3 child.py (process 12)",
			      "thread (thread 12)")->total, 1);
	tree_free(t);
	check_all_views(f->p);
}

static void assert_programs(const struct profile *p, uint64_t first,
			    uint64_t second)
{
	assert_int_equal(p->nprocesses, 2);
	assert_int_equal(p->runs[0].processes, 1);
	assert_int_equal(p->processes[0].program, 0);
	assert_int_equal(p->processes[0].own, first);
	assert_int_equal(p->processes[0].ticks, first);
	assert_int_equal(p->processes[1].program, 1);
	assert_int_equal(p->processes[1].own, second);
	assert_int_equal(p->processes[1].ticks, first + second);
	assert_int_equal(p->nthreads, 2);
	assert_int_equal(p->threads[0].samples, first);
	assert_true(thread_ended(p, &p->threads[0]));
	assert_int_equal(p->threads[1].samples, second);
	assert_false(thread_ended(p, &p->threads[1]));
}

/* By exec. It has the same id, threads of the same ids, but is another one. */
static void programs_of_one_process(void **state)
{
	struct view v = {.threads = true};
	struct fixture *f = *state;
	struct profile *sum = profile_new(), *next, *again = profile_new();
	struct tree *t;

	made_process(&f->m, 4711, "launcher, which had no sample");
	made_process(&f->m, 4711, "python3 app.py --port 8080");
	made_samples(&f->m, 4711, "a@x.py:1", RUN_CPU, 3);
	made_process(&f->m, 4711, "python3 other.py");
	made_samples(&f->m, 4711, "a@x.py:1", RUN_CPU, 2);
	made_process(&f->m, 4711, "python3 other.py");
	made_samples(&f->m, 4711, "a@x.py:1", RUN_CPU, 2);
	assert_programs(f->p, 3, 4);
	t = tree_build(f->p, &v);
	assert_int_equal(NODE(t, "python3 app.py --port 8080 (process 4711)",
			      "thread (thread 4711)")->total, 3);
	assert_int_equal(NODE(t, "python3 other.py (process 4711 #2)",
			      "thread (thread 4711)")->total, 4);
	tree_free(t);
	check_all_views(f->p);
	/* As top adds its slices up, and writes them. */
	next = profile_next(f->p);
	profile_merge(sum, f->p, NULL);
	f->m.sink = &next->sink;
	made_samples(&f->m, 4711, "a@x.py:1", RUN_CPU, 5);
	profile_merge(sum, next, NULL);
	assert_programs(sum, 3, 9);
	assert_int_equal(profile_replay(sum, &again->sink, "p"), 0);
	assert_programs(again, 3, 9);
	profile_free(again);
	/* The first one again is a third one. */
	f->m.sink = &sum->sink;
	made_process(&f->m, 4711, "python3 app.py --port 8080");
	assert_int_equal(sum->nprocesses, 3);
	assert_int_equal(sum->processes[2].program, 2);
	profile_free(next);
	profile_free(sum);
}

static void recursion_counts_once(void **state)
{
	struct fixture *f = *state;
	const struct flat_row *row;
	struct flat *flat;
	uint64_t self = 0;
	size_t i;

	made_samples(&f->m, 1, "m@x.py:1/1 fib@x.py:5/3 fib@x.py:5/3 "
			       "fib@x.py:6/3", RUN_CPU, 7);
	made_samples(&f->m, 2, "m@x.py:1/1 fib@x.py:5/3 g@x.py:9/8", RUN_CPU,
		     2);
	made_samples(&f->m, 2, "m@x.py:1/1", RUN_SLEEPING, 4);
	made_samples(&f->m, 2, "", RUN_CPU, 1);
	flat = flat_build(f->p, &functions, SORT_SELF);
	assert_int_equal(flat->samples, 10);
	assert_int_equal(flat->left_out, 4);
	row = row_of(flat, "fib (x.py:3)");
	assert_int_equal(row->self, 7);
	assert_int_equal(row->total, 9);
	assert_int_equal(row_of(flat, "m (x.py:1)")->total, 9);
	assert_int_equal(row_of(flat, "m (x.py:1)")->self, 0);
	assert_int_equal(row_of(flat, "<no frames>")->self, 1);
	for (i = 0; i < flat->len; i++) {
		self += flat->rows[i].self;
		assert_true(!i || flat->rows[i].self <= flat->rows[i - 1].self);
	}
	assert_int_equal(self, flat->samples);
	flat_free(flat);
	flat = flat_build(f->p, &lines, SORT_SELF);
	assert_int_equal(row_of(flat, "fib (x.py:5)")->total, 9);
	assert_int_equal(row_of(flat, "fib (x.py:6)")->total, 7);
	flat_free(flat);
}

static void a_whole_server(void **state)
{
	struct fixture *f = *state;
	struct flat *flat;

	made_server(&f->m);
	check_all_views(f->p);
	flat = flat_build(f->p, &functions, SORT_SELF);
	assert_int_equal(flat->samples, 527);
	assert_int_equal(flat->left_out, 375);
	assert_int_equal(row_of(flat, "fib (stats.py:3)")->total, 40);
	flat_free(flat);
}

static void a_deep_stack(void **state)
{
	struct fixture *f = *state;
	uint32_t stack = 0, depth = 16384, i;
	struct flat *flat;
	struct tree *t;

	for (i = 0; i < depth; i++)
		stack = made_frame(&f->m, stack, "down", "/srv/app/x.py", 3, 1);
	made_tick(&f->m);
	made_sample(&f->m, 1, stack, made_state(&f->m, RUN_CPU), LOSS_NONE);
	t = tree_build(f->p, &lines);
	assert_int_equal(t->len, depth + 1);
	assert_int_equal(t->nodes[depth].depth, depth);
	tree_free(t);
	flat = flat_build(f->p, &lines, SORT_SELF);
	assert_int_equal(flat->len, 1);
	assert_int_equal(flat->rows[0].total, 1);
	flat_free(flat);
	check_all_views(f->p);
}

static void short_names(void **state)
{
	static const char *const names[][3] = {
		{"/usr/lib/python3.11/asyncio/base_events.py", "",
		 "asyncio/base_events.py"},
		{"/opt/py/lib/python3.13t/json/decoder.py", "/",
		 "json/decoder.py"},
		{"/usr/lib64/python2.7/os.py", "/srv", "os.py"},
		{"/usr/lib/python311.zip/os.py", "/srv", "os.py"},
		{"/usr/lib/python3/dist-packages/numpy/core/x.py", "/srv",
		 "numpy/core/x.py"},
		{"/srv/.venv/lib/python3.11/site-packages/a/b.py", "/srv",
		 "a/b.py"},
		{"/srv/app/pkg/mod.py", "/srv/app", "pkg/mod.py"},
		{"/srv/app/pkg/mod.py", "/srv/app/", "pkg/mod.py"},
		{"/srv/apple/mod.py", "/srv/app", "mod.py"},
		{"/srv/app", "/srv/app", "app"},
		{"/opt/me/python3.11/x.py", "/srv", "x.py"},
		{"/usr/lib/pythonic/x.py", "/srv", "x.py"},
		{"/usr/lib/python3.11/", "/srv", "/usr/lib/python3.11/"},
		{"<frozen importlib._bootstrap>", "/srv",
		 "<frozen importlib._bootstrap>"},
		{"relative.py", "/srv", "relative.py"},
		{"pkg/relative.py", "/srv", "pkg/relative.py"},
		{"./venv/lib/python3.11/site-packages/a/b.py", "/srv",
		 "a/b.py"},
		{"", "/srv", ""},
		{"/", "/", "/"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_string_equal(short_filename(names[i][0], names[i][1]),
				    names[i][2]);
}

static void kinds_of_code(void **state)
{
	struct fixture *f = *state;
	struct tree *t;

	made_samples(&f->m, 1, "own@/srv/app/x.py:1 std@/usr/lib/python3.9/a.py"
		     " pkg@/usr/lib/python3/dist-packages/b.py:1 "
		     "froz@<frozen_os> [GC]", RUN_CPU, 1);
	made_frame(&f->m, 0, "x", "<frozen os>", 1, 1);
	t = tree_build(f->p, &lines);
	assert_int_equal(t->len, 6);
	assert_int_equal(t->nodes[0].kind, NODE_ROOT);
	assert_int_equal(t->nodes[1].kind, NODE_OWN);
	assert_int_equal(t->nodes[2].kind, NODE_STDLIB);
	assert_int_equal(t->nodes[3].kind, NODE_PACKAGE);
	assert_int_equal(t->nodes[4].kind, NODE_OWN);
	assert_int_equal(t->nodes[5].kind, NODE_MARKER);
	tree_free(t);
	made_tick(&f->m);
	made_sample(&f->m, 1, made_frame(&f->m, 0, "x", "<frozen os>", 1, 1),
		    made_state(&f->m, RUN_CPU), LOSS_NONE);
	t = tree_build(f->p, &lines);
	assert_int_equal(NODE(t, "x (<frozen os>:1)")->kind, NODE_STDLIB);
	tree_free(t);
}

static void what_is_idle(void **state)
{
	static const bool idle[RUN_STATES] = {
		[RUN_SLEEPING] = true, [RUN_DISK] = true, [RUN_STOPPED] = true};
	struct state_def def = {0};
	int i;

	(void)state;
	for (i = 0; i < RUN_STATES; i++) {
		def.run = (uint8_t)i;
		def.gil = GIL_HELD;
		assert_int_equal(state_is_idle(&def), idle[i]);
		/* Who waits for the GIL and is not seen to run, waits. */
		def.gil = GIL_WANTED;
		assert_int_equal(state_is_idle(&def),
				 idle[i] || i == RUN_UNKNOWN);
	}
}

static void what_is_io(void **state)
{
	static const char *const waits[] = {
		"socket 127.0.0.1:80", "socket listening 0.0.0.0:80", "pipe",
		"file /x", "tty /dev/pts/0", "connect unix /x", "open /x",
		"fsync /x",
	}, *const others[] = {
		"", "timer", "lock 0x7f12a0", "file lock /x", "files", "epoll",
		"epoll: socket 127.0.0.1:80", "poll of 3 descriptors", "child",
	};
	struct state_def def = {.run = RUN_SLEEPING};
	struct symbols s;
	size_t i;

	(void)state;
	symbols_init(&s);
	for (i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
		def.wait = symbols_string(&s, waits[i], strlen(waits[i]));
		def.run = RUN_SLEEPING;
		assert_true(state_is_io(&s, &def));
		def.run = RUN_CPU;
		assert_false(state_is_io(&s, &def));
	}
	for (i = 0; i < sizeof(others) / sizeof(*others); i++) {
		def.wait = symbols_string(&s, others[i], strlen(others[i]));
		def.run = RUN_SLEEPING;
		assert_false(state_is_io(&s, &def));
		def.run = RUN_DISK;
		assert_true(state_is_io(&s, &def));
	}
	symbols_release(&s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_at_all),
		TEST(equal_samples_are_one_cell),
		TEST(weight_is_the_time_since_the_tick_before),
		TEST(losses_are_counted_apart),
		TEST(foreign_numbers_are_refused),
		TEST(a_source_that_forgets),
		TEST(two_sources_take_turns),
		TEST(programs_of_one_process),
		TEST(threads_that_end),
		TEST(ids_used_again),
		TEST(views_of_the_tree),
		TEST(recursion_counts_once),
		TEST(a_whole_server),
		TEST(a_deep_stack),
		cmocka_unit_test(short_names),
		TEST(kinds_of_code),
		cmocka_unit_test(what_is_idle),
		cmocka_unit_test(what_is_io),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
