/*
 * profile: several recordings added up. What is the same process, and which
 * thread; how much time they cover together; what the head says of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "profile.h"
#include "src/render/render_priv.h"
#include "tests/lib/trees.h"

#define MS 1000000u
#define START 98765432100000u

struct fixture {
	struct profile *p;
	struct symbols symbols;
	struct source_symbols source;
	uint32_t stack, state;
};

static int setup(void **state)
{
	static struct fixture f;
	struct code_def code = {0};
	struct frame_def frame = {.line = 3};
	struct state_def doing = {.run = RUN_CPU};

	f.p = profile_new();
	symbols_init(&f.symbols);
	f.source.table = &f.symbols;
	code.name = symbols_string(&f.symbols, "main", 4);
	frame.code = symbols_code(&f.symbols, &code);
	f.stack = symbols_stack(&f.symbols, 0,
				symbols_frame(&f.symbols, &frame));
	f.state = symbols_state(&f.symbols, &doing);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	profile_free(f->p);
	symbols_release(&f->symbols);
	return 0;
}

/* A recording of one process with one thread, which has `ticks` samples. */
struct recording {
	const char *host;
	uint32_t pid, tid, version;
	uint64_t start, ident, begin_ns, period_ns;
	unsigned ticks;
};

static void add(struct fixture *f, const struct recording *r)
{
	struct sink *s = &f->p->sink;
	struct run_info run = {
		.wall_ns = 1700000000u * 1000000000u,
		.mono_ns = r->begin_ns,
		.period_ns = r->period_ns,
		.host = r->host,
		.kernel = "Linux",
		.program = "pystrobe",
	};
	struct process_info process = {
		.pid = r->pid,
		.start = r->start,
		.version = r->version ? r->version : 0x030b02f0,
		.command = "python3 app.py",
		.cwd = "/srv",
	};
	struct thread_info thread = {
		.pid = r->pid, .tid = r->tid, .ident = r->ident, .name = "T"};
	struct sample sample = {
		.tid = r->tid, .stack = f->stack, .state = f->state};
	struct tick tick = {.pid = r->pid};
	unsigned i;

	assert_int_equal(s->ops->run(s, &run), 0);
	assert_int_equal(s->ops->process(s, &process), 0);
	assert_int_equal(s->ops->thread(s, &thread), 0);
	for (i = 0; i < r->ticks; i++) {
		tick.mono_ns = r->begin_ns + i * r->period_ns;
		assert_int_equal(s->ops->tick(s, &f->source, &tick), 0);
		assert_int_equal(s->ops->sample(s, &f->source, &sample), 0);
	}
}

static const struct recording first = {
	.host = "web-1", .pid = 7, .tid = 7, .start = 500, .ident = 0x1000,
	.begin_ns = START, .period_ns = 10 * MS, .ticks = 100,
};

static const struct view threads = {.threads = true};

static void two_hosts(void **state)
{
	struct fixture *f = *state;
	struct recording other = first;
	struct tree *t;

	other.host = "web-2";
	other.begin_ns = 5; /* it was started a moment ago */
	other.ticks = 50;
	add(f, &first);
	add(f, &other);
	assert_int_equal(f->p->nprocesses, 2);
	assert_int_equal(f->p->nthreads, 2);
	assert_int_equal(f->p->threads[0].samples, 100);
	assert_int_equal(f->p->threads[1].samples, 50);
	assert_int_equal(f->p->threads[1].process, 1);
	/* Clocks of two hosts have nothing to do with each other. */
	assert_true(profile_duration(f->p) == 1500u * MS);
	t = tree_build(f->p, &threads);
	assert_int_equal(NODE(t, "python3 app.py (process 7 on web-1)",
			      "T (thread 7)")->total, 100);
	assert_int_equal(NODE(t, "python3 app.py (process 7 on web-2)",
			      "T (thread 7)")->total, 50);
	tree_free(t);
	check_all_views(f->p);
}

static void a_process_id_used_again(void **state)
{
	struct fixture *f = *state;
	struct recording other = first;
	struct tree *t;

	other.start = 900;
	other.begin_ns += 3600u * 1000u * (uint64_t)MS;
	add(f, &first);
	add(f, &other);
	add(f, &other);
	assert_int_equal(f->p->nprocesses, 2);
	assert_int_equal(f->p->nthreads, 2);
	assert_true(f->p->processes[0].start == 500);
	assert_true(f->p->processes[1].start == 900);
	t = tree_build(f->p, &threads);
	assert_int_equal(NODE(t, "python3 app.py (process 7)")->total, 100);
	assert_int_equal(NODE(t, "python3 app.py (process 7 #2)")->total, 200);
	tree_free(t);
	check_all_views(f->p);
}

/* Twice, with an hour between: one process, and the hour is no sample's. */
static void the_same_process(void **state)
{
	struct fixture *f = *state;
	struct recording later = first;
	struct view wall = {.mode = MODE_WALL};
	struct tree *t;

	later.begin_ns += 3600u * 1000u * (uint64_t)MS;
	later.period_ns = MS;
	add(f, &first);
	add(f, &later);
	assert_int_equal(f->p->nprocesses, 1);
	assert_int_equal(f->p->nthreads, 1);
	assert_int_equal(f->p->threads[0].samples, 200);
	assert_true(profile_duration(f->p) == 1100u * MS);
	t = tree_build(f->p, &wall);
	assert_true(t->nodes[0].total_ns == 1100u * MS);
	tree_free(t);
}

static void processes_in_turns(void **state)
{
	struct fixture *f = *state;
	struct recording other = first;

	other.pid = other.tid = 8;
	add(f, &first);
	add(f, &other);
	add(f, &first);
	assert_int_equal(f->p->nprocesses, 2);
	assert_int_equal(f->p->nthreads, 2);
	assert_int_equal(f->p->threads[0].samples, 200);
}

/* A thread of the other run may have the same id and be another one. */
static void other_threads(void **state)
{
	struct fixture *f = *state;
	struct recording other = first;

	other.ident = 0x2000;
	add(f, &first);
	add(f, &other);
	assert_int_equal(f->p->nprocesses, 1);
	assert_int_equal(f->p->nthreads, 2);
}

static void what_the_head_says(void **state)
{
	struct fixture *f = *state;
	struct recording other = first;
	struct view view = {0};
	struct str text;
	unsigned i;
	char host[3] = "a";

	str_init(&text);
	add(f, &first);
	add_target(&text, f->p, " | ");
	assert_string_equal(text.data, "pid 7 | CPython 3.11.2 | 1 thread");
	other.host = "web-2";
	other.period_ns = MS;
	other.version = 0x030d00f0;
	add(f, &other);
	str_clear(&text);
	add_target(&text, f->p, " | ");
	assert_string_equal(text.data,
			    "2 recordings of web-1, web-2 | 2 processes | "
			    "CPython 3.11.2, CPython 3.13.0 | 2 threads");
	str_clear(&text);
	add_run(&text, f->p, &view, " | ");
	assert_string_equal(text.data, "200 samples | 1.10 s | 100 % of "
				       "100 Hz to 1 kHz");
	other.host = "";
	add(f, &other);
	str_clear(&text);
	add_target(&text, f->p, " | ");
	assert_non_null(strstr(text.data, "3 recordings of web-1, web-2 | "
					  "3 processes | "));
	for (i = 0; i < 4; i++, host[0]++) {
		other.host = host;
		add(f, &other);
	}
	str_clear(&text);
	add_target(&text, f->p, " | ");
	assert_string_equal(text.data,
			    "7 recordings of web-1, web-2, a and 3 more | "
			    "7 processes | CPython 3.11.2, CPython 3.13.0 | "
			    "7 threads");
	str_release(&text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_hosts),
		TEST(a_process_id_used_again),
		TEST(the_same_process),
		TEST(processes_in_turns),
		TEST(other_threads),
		TEST(what_the_head_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
