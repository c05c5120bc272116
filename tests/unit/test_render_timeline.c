/*
 * Formats in the order of time: Firefox Profiler and trace events. What other
 * programs make of them is tests/integration/test_readers.py.
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
#include <zlib.h>

#include "render.h"
#include "tests/lib/sheet.h"

static int try(struct sheet *f, const char *format, struct err *err)
{
	str_clear(&f->out);
	timeline_order(f->p->timeline, f->p);
	return renderer_by_name(format)->render(f->p, &f->o, &f->out, err);
}

static const char *render(struct sheet *f, const char *format)
{
	struct err e;

	assert_int_equal(try(f, format, &e), 0);
	return f->out.data;
}

/* Of all kinds: each category, each marker, a gap, a partial and a lost one. */
static void some_samples(struct sheet *f)
{
	struct made *m = &f->m;
	uint32_t computes = made_doing(m, RUN_CPU, GIL_HELD, 0, "");
	uint32_t in_c = made_doing(m, RUN_CPU, GIL_NEITHER, 0, "");
	uint32_t wants = made_doing(m, RUN_SLEEPING, GIL_WANTED, 0, "");
	uint32_t reads = made_doing(m, RUN_SLEEPING, GIL_NEITHER, 0,
				    "socket 10.0.0.1:5432");
	uint32_t sleeps = made_doing(m, RUN_SLEEPING, GIL_NEITHER, 0, "timer");
	uint32_t collects = made_doing(m, RUN_CPU, GIL_HELD, STATE_GC, "");

	made_thread(m, 4711, "MainThread");
	made_samples_in(m, 4711, "main@/srv/app.py:3/1 work@/srv/app.py:9/7",
			computes, LOSS_NONE, 3);
	made_samples_in(m, 4711, "main@/srv/app.py:3/1 work@/srv/app.py:11/7",
			in_c, LOSS_NONE, 2);
	made_samples_in(m, 4711, "main@/srv/app.py:3/1 work@/srv/app.py:11/7",
			wants, LOSS_NONE, 1);
	made_samples_in(m, 4711, "main@/srv/app.py:3/1 work@/srv/app.py:11/7",
			collects, LOSS_NONE, 1);
	made_samples_in(m, 4711, "main@/srv/app.py:3/1 " MARKER_MOVING,
			computes, LOSS_MOVING, 1);
	made_samples_in(m, 4711, "", 0, LOSS_READ, 1);
	made_samples_in(m, 4711, "main@/srv/app.py:4/1", computes, LOSS_NONE,
			1);
	made_thread(m, 4712, "worker \"one\"");
	made_samples_in(m, 4712, "run@t.py:1 query@/srv/app.py:20/15", reads,
			LOSS_NONE, 2);
	made_samples_in(m, 4712, "run@t.py:1", sleeps, LOSS_NONE, 2);
}

static void firefox_of_two_threads(void **state)
{
	struct sheet *f = *state;

	some_samples(f);
	f->o.view.idle = true;
	render(f, "firefox");
	sheet_is_as_in(f, "two-threads.firefox.json");
}

static void trace_of_two_threads(void **state)
{
	struct sheet *f = *state;

	some_samples(f);
	f->o.view.idle = f->o.view.state_frames = true;
	render(f, "trace");
	sheet_is_as_in(f, "two-threads.trace.json");
}

/* Those that are asleep go, with a gap; a thread of nothing else as well. */
static void idle_samples_leave_a_gap(void **state)
{
	struct sheet *f = *state;
	const char *out;

	some_samples(f);
	out = render(f, "firefox");
	assert_null(strstr(out, "worker"));
	/* The third state, and the lost sample. */
	assert_non_null(strstr(out, "\"weight\":[1,1,1,1,1,0,0,1,1,0,0,1]"));
	/* What the markers say is not left out with it. */
	assert_non_null(strstr(out, "{\"type\":\"GIL wanted\"}"));
	out = render(f, "trace");
	assert_null(strstr(out, "worker"));
	assert_non_null(strstr(out, "\"ts\":0,\"dur\":49999.875,\"name\":"
			       "\"main (app.py:3)\"}"));
	assert_non_null(strstr(out, "\"ts\":60000,\"dur\":19999.875,"
			       "\"name\":\"main (app.py:3)\"}"));
}

/* It was in the queue for the GIL when it was stopped, and would not take it. */
static void stopped_threads_wait_for_nothing(void **state)
{
	struct sheet *f = *state;
	const char *out;

	made_samples_in(&f->m, 4711, "main@/srv/app.py:3",
			made_doing(&f->m, RUN_STOPPED, GIL_WANTED, STATE_GC, ""),
			LOSS_NONE, 3);
	f->o.view.idle = true;
	out = render(f, "firefox");
	assert_null(strstr(out, "{\"type\":\"GIL wanted\"}"));
	assert_non_null(strstr(out, "{\"type\":\"GC\"}"));
	f->o.view.state_frames = true;
	assert_non_null(strstr(render(f, "trace"), "\"name\":\"[stopped]\""));
}

static void empty_ones(void **state)
{
	struct sheet *f = *state;

	/* The front end does not open a file without a thread. */
	assert_non_null(strstr(render(f, "firefox"),
			       "\"samples\":{\"length\":0,\"stack\":[],"));
	assert_non_null(strstr(render(f, "trace"),
			       "\"labels\":\"reconstructed from samples\"}}"
			       "\n]}\n"));
}

static void same_bytes_again(void **state)
{
	static const char *const formats[] = {"firefox", "trace"};
	struct sheet *f = *state;
	struct str first;
	size_t i;

	made_server(&f->m);
	str_init(&first);
	for (i = 0; i < 2; i++) {
		render(f, formats[i]);
		str_clear(&first);
		str_add(&first, f->out.data, f->out.len);
		render(f, formats[i]);
		assert_string_equal(first.data, f->out.data);
	}
	str_release(&first);
}

/* Where there are too many samples, rows stand for several of them. */
static void many_samples_in_few_rows(void **state)
{
	struct sheet *f = *state;
	const char *at;
	uint64_t weight = 0, rows = 0;
	char *end;

	made_samples(&f->m, 4711, "main@app.py:1", RUN_CPU, 1);
	timeline_order(f->p->timeline, f->p);
	f->p->timeline->runs[0].count = 5000001;
	f->p->samples = 5000001;
	at = strstr(render(f, "firefox"), "\"weight\":[");
	assert_non_null(at);
	for (at += strlen("\"weight\":["); *at != ']'; at = end + (*end == ','))
		rows++, weight += strtoull(at, &end, 10);
	assert_int_equal(weight, 5000001);
	assert_in_range(rows, 800000, 1100000);
}

/* As many as a recording may count: the sums hold, and time goes forward. */
static void more_samples_than_there_can_be(void **state)
{
	struct sheet *f = *state;
	uint64_t before = 0, ns;
	const char *at;
	char *end;

	made_samples(&f->m, 4711, "main@app.py:1", RUN_CPU, 1);
	timeline_order(f->p->timeline, f->p);
	f->p->timeline->runs[0].count = SAMPLES_MAX;
	f->p->samples = SAMPLES_MAX;
	at = strstr(render(f, "firefox"), "\"time\":[");
	assert_non_null(at);
	for (at += strlen("\"time\":["); *at != ']'; at = end + (*end == ',')) {
		ns = (uint64_t)(strtod(at, &end) * 1e6);
		assert_in_range(ns, before, 10000000);
		before = ns;
	}
	assert_in_range(before, 9999999, 10000000);
}

static void too_many_slices_are_an_error(void **state)
{
	struct sheet *f = *state;
	uint32_t stacks[2] = {0}, cpu = made_state(&f->m, RUN_CPU);
	struct err e = {""};
	int i, depth;

	for (i = 0; i < 2; i++) {
		stacks[i] = made_frame(&f->m, 0, i ? "a" : "b", "x.py", 1, 1);
		for (depth = 0; depth < 2000; depth++)
			stacks[i] = made_frame(&f->m, stacks[i], "f", "x.py",
					       2, 1);
	}
	for (i = 0; i < 1200; i++) {
		made_tick(&f->m);
		assert_int_equal(made_sample(&f->m, 4711, stacks[i % 2], cpu,
					     LOSS_NONE), 0);
	}
	assert_int_equal(try(f, "trace", &e), -E2BIG);
	assert_string_equal(e.msg,
			    "the trace has more than 2097152 slices; choose a "
			    "part of it, by --from and --to or by --focus");
	assert_int_equal(f->out.len, 0);
}

/* What is left out of the order of time is told in the file, too. */
static void what_is_missing_is_told(void **state)
{
	static const char missing[] =
		"7 samples after the first 0.010 s are left out";
	struct sheet *f = *state;

	f->p->timeline->limit = 1;
	made_samples(&f->m, 4711, "main@app.py:1", RUN_CPU, 1);
	made_samples(&f->m, 4711, "main@app.py:2", RUN_CPU, 7);
	assert_non_null(strstr(render(f, "firefox"), missing));
	assert_non_null(strstr(render(f, "trace"), missing));
}

/* The same ids on two hosts: other processes, other tracks. */
static void namesakes_are_told_apart(void **state)
{
	struct sheet *f = *state;
	struct run_info run = {.wall_ns = 1700000000000000000u,
			       .mono_ns = 5000000000u,
			       .period_ns = 10000000,
			       .host = "another",
			       .kernel = "",
			       .program = ""};
	const char *out;

	made_samples(&f->m, 4711, "main@app.py:1", RUN_CPU, 1);
	assert_int_equal(f->p->sink.ops->run(&f->p->sink, &run), 0);
	made_process(&f->m, 4711, "python3 app.py --port 8081");
	made_samples(&f->m, 4711, "main@app.py:1", RUN_CPU, 1);
	out = render(f, "firefox");
	assert_non_null(strstr(out, "\"pid\":\"4711\""));
	assert_non_null(strstr(out, "\"pid\":\"4711-2\""));
	out = render(f, "trace");
	assert_non_null(strstr(out, "\"X\",\"pid\":4711,"));
	assert_non_null(strstr(out, "\"X\",\"pid\":4199015,"));
}

static void hostile_names_stay_names(void **state)
{
	static const char *const formats[] = {"firefox", "trace"};
	struct sheet *f = *state;
	const char *p;
	size_t i;

	made_hostile(&f->m);
	for (i = 0; i < 2; i++) {
		p = render(f, formats[i]);
		for (; *p; p++)
			assert_true((unsigned char)*p >= ' ' || *p == '\n');
		assert_null(strstr(f->out.data, "\xff"));
		assert_null(strstr(f->out.data, "a\" onload"));
		assert_null(strstr(f->out.data, "two\nlines"));
	}
}

/* ---- the table ---- */

static void paths_name_formats(void **state)
{
	static const struct {
		const char *path, *format;
	} known[] = {
		{"x.json", "json"},
		{"x.json.gz", "json"},
		{"x.firefox.json", "firefox"},
		{"x.firefox.json.gz", "firefox"},
		{"x.trace.json", "trace"},
		{"x.trace.json.gz", "trace"},
		{"x.speedscope.json", "speedscope"},
		{"x.speedscope.json.gz", "speedscope"},
		{"x.pb.gz", "pprof"},
		{"x.pprof.gz", "pprof"},
		{"x.svg.gz", "svg"},
		{".folded.gz", "collapsed"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(known) / sizeof(*known); i++)
		assert_string_equal(renderer_by_path(known[i].path)->name,
				    known[i].format);
	assert_null(renderer_by_path("x.gz"));
	assert_null(renderer_by_path(".gz"));
	assert_null(renderer_by_path("x.svg.gz.gz"));
	assert_null(renderer_by_path("x.pb"));
}

/* gzipped by its name, once. */
static void gz_is_gzip(void **state)
{
	struct sheet *f = *state;
	unsigned char plain[1u << 16];
	z_stream z = {.next_out = plain, .avail_out = sizeof(plain)};
	struct str out;
	struct err e;

	some_samples(f);
	render(f, "trace");
	str_init(&out);
	assert_int_equal(render_to(renderer_by_name("trace"), "a.trace.json.gz",
				   f->p, &f->o, &out, &e), 0);
	z.next_in = (unsigned char *)out.data;
	z.avail_in = (uInt)out.len;
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, f->out.len);
	assert_memory_equal(plain, f->out.data, f->out.len);
	inflateEnd(&z);

	render(f, "pprof"); /* which is gzipped anyway */
	str_clear(&out);
	assert_int_equal(render_to(renderer_by_name("pprof"), "a.pb.gz", f->p,
				   &f->o, &out, &e), 0);
	assert_int_equal(out.len, f->out.len);
	assert_memory_equal(out.data, f->out.data, out.len);
	str_release(&out);
}

#define TEST(f)                                                               \
	cmocka_unit_test_setup_teardown(f, sheet_setup_timeline, sheet_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(firefox_of_two_threads),
		TEST(trace_of_two_threads),
		TEST(idle_samples_leave_a_gap),
		TEST(stopped_threads_wait_for_nothing),
		TEST(empty_ones),
		TEST(same_bytes_again),
		TEST(many_samples_in_few_rows),
		TEST(more_samples_than_there_can_be),
		TEST(too_many_slices_are_an_error),
		TEST(what_is_missing_is_told),
		TEST(namesakes_are_told_apart),
		TEST(hostile_names_stay_names),
		TEST(paths_name_formats),
		TEST(gz_is_gzip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
