/*
 * recording: what samples cost, in bytes, in memory and in time.
 */
#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "recording.h"
#include "src/recording/recording_priv.h"
#include "tests/lib/payloads.h"
#include "tests/lib/tape.h"

#define SECOND 1000000000u
#define DEPTH 30
#define SEED 0x9e3779b97f4a7c15u
#define GRAIN 512u

/* What a request of a web service looks like. */
static const struct {
	const char *name, *file;
	uint32_t first, line;
} service[DEPTH] = {
#define PYTHON "/usr/lib/python3.11/"
#define PACKAGES "/usr/lib/python3/dist-packages/"
	{"Thread._bootstrap", PYTHON "threading.py", 988, 995},
	{"Thread._bootstrap_inner", PYTHON "threading.py", 1028, 1038},
	{"Thread.run", PYTHON "threading.py", 958, 975},
	{"_worker", PYTHON "concurrent/futures/thread.py", 69, 83},
	{"_WorkItem.run", PYTHON "concurrent/futures/thread.py", 53, 58},
	{"process_request_thread", PYTHON "socketserver.py", 684, 691},
	{"BaseServer.finish_request", PYTHON "socketserver.py", 358, 361},
	{"BaseRequestHandler.__init__", PYTHON "socketserver.py", 747, 755},
	{"WSGIRequestHandler.handle", PACKAGES "werkzeug/serving.py", 359, 363},
	{"WSGIRequestHandler.run_wsgi", PACKAGES "werkzeug/serving.py", 241,
	 333},
	{"WSGIRequestHandler.execute", PACKAGES "werkzeug/serving.py", 318,
	 324},
	{"Flask.__call__", PACKAGES "flask/app.py", 2541, 2548},
	{"Flask.wsgi_app", PACKAGES "flask/app.py", 2506, 2525},
	{"Flask.full_dispatch_request", PACKAGES "flask/app.py", 1809, 1820},
	{"Flask.dispatch_request", PACKAGES "flask/app.py", 1782, 1796},
	{"View.as_view.<locals>.view", PACKAGES "flask/app.py", 104, 107},
	{"OrderView.post", "/srv/shop/views/orders.py", 41, 57},
	{"OrderView.load_basket", "/srv/shop/views/orders.py", 77, 90},
	{"Query.all", PACKAGES "sqlalchemy/orm/query.py", 2757, 2779},
	{"Query._iter", PACKAGES "sqlalchemy/orm/query.py", 2901, 2916},
	{"Session.execute", PACKAGES "sqlalchemy/orm/query.py", 1635, 1714},
	{"ORMCompileState.orm_execute", PACKAGES "sqlalchemy/orm/query.py", 238,
	 262},
	{"instances", PACKAGES "sqlalchemy/orm/query.py", 88, 181},
	{"_instance_processor", PACKAGES "sqlalchemy/orm/query.py", 690, 731},
	{"Basket.total", "/srv/shop/views/orders.py", 130, 144},
	{"Basket.lines", "/srv/shop/views/orders.py", 150, 161},
	{"price_of", "/srv/shop/views/orders.py", 203, 215},
	{"JSONDecoder.decode", PYTHON "json/decoder.py", 332, 337},
	{"JSONDecoder.raw_decode", PYTHON "json/decoder.py", 343, 353},
	{"py_scanstring", PYTHON "json/decoder.py", 69, 97},
};

struct load {
	struct symbols symbols;
	struct source_symbols source;
	struct sink *sink;
	uint64_t rng, period, tick;
	uint32_t threads, busy;
	uint32_t idle_stack, cpu, asleep;
	uint32_t stacks[2][6]; /* of the busy threads */
	bool rounds;           /* as interrupts take ticks */
	uint64_t step, at;
	uint64_t *times; /* as told */
	size_t ntimes, cap_times;
};

static uint32_t load_random(struct load *l, uint32_t n)
{
	return (uint32_t)(rng_next(&l->rng) >> 32) % n;
}

/* The stack of the service with other lines in the two innermost frames. */
static uint32_t load_stack(struct load *l, size_t depth, uint32_t second,
			   uint32_t leaf)
{
	struct symbols *s = &l->symbols;
	struct frame_def frame = {.flags = 0};
	struct code_def code;
	uint32_t stack = 0;
	size_t i;

	for (i = 0; i < depth; i++) {
		code.name = symbols_string(s, service[i].name,
					   strlen(service[i].name));
		code.file = symbols_string(s, service[i].file,
					   strlen(service[i].file));
		code.first = service[i].first;
		frame.code = symbols_code(s, &code);
		frame.line = service[i].line;
		if (i == DEPTH - 2)
			frame.line += second * 3;
		if (i == DEPTH - 1)
			frame.line += leaf * 2;
		stack = symbols_stack(s, stack, symbols_frame(s, &frame));
	}
	return stack;
}

static void load_begin(struct load *l, struct writer *w, uint64_t period,
		       uint32_t threads, uint32_t busy)
{
	struct run_info run = {
		.wall_ns = 1790000000123456789u,
		.mono_ns = 98765432109876u,
		.period_ns = period,
		.seed = SEED,
		.host = "web-07.example",
		.kernel = "Linux 6.1.0-18-amd64 x86_64",
		.program = "pystrobe 0.1.0",
	};
	struct process_info process = {
		.pid = 12345,
		.start = 88123456,
		.version = 0x030b02f0,
		.command = "python3 -m shop --port 8080 --workers 1",
		.cwd = "/srv/shop",
	};
	struct thread_info thread = {.pid = 12345};
	struct state_def state = {.run = RUN_CPU, .gil = GIL_HELD};
	char name[40];
	uint32_t i;

	memset(l, 0, sizeof(*l));
	symbols_init(&l->symbols);
	l->source.table = &l->symbols;
	l->sink = writer_sink(w);
	l->period = period;
	l->threads = threads;
	l->busy = busy;
	l->cpu = symbols_state(&l->symbols, &state);
	state.run = RUN_SLEEPING;
	state.gil = GIL_UNKNOWN;
	l->asleep = symbols_state(&l->symbols, &state);
	l->idle_stack = load_stack(l, 4, 0, 0);
	for (i = 0; i < 12; i++)
		l->stacks[i / 6][i % 6] = load_stack(l, DEPTH, i / 6, i % 6);
	l->sink->ops->run(l->sink, &run);
	l->sink->ops->process(l->sink, &process);
	for (i = 0; i < threads; i++) {
		thread.tid = 12345 + i;
		thread.ident = 0x7f32a4bf6000u - (uint64_t)i * 0x801000;
		thread.flags = i ? 0 : THREAD_MAIN;
		snprintf(name, sizeof(name), "ThreadPoolExecutor-0_%u", i);
		thread.name = i ? name : "MainThread";
		l->sink->ops->thread(l->sink, &thread);
	}
}

/* As in the schedule, and up to 32 us late. */
static void load_scheduled(struct load *l, struct tick *tick)
{
	uint64_t late = MIN(l->period / 32, 32000);

	tick->number = l->tick + 1;
	tick->mono_ns = 98765432109876u + l->tick * l->period +
			tick_jitter(SEED, tick->number, l->period) +
			rng_next(&l->rng) % late;
}

/*
 * Equally far apart for a tenth of a second, in units of a 1024th of a ms; the next
 * one begins a little later.
 */
static void load_round(struct load *l, struct tick *tick)
{
	uint64_t ticks = MAX(SECOND / 10 / l->period, 1);

	if (l->tick % ticks == 0) {
		l->step = l->period - l->period / 100 +
			  load_random(l, (uint32_t)l->period / 50);
		l->step -= l->step % GRAIN;
		l->at += load_random(l, 100000);
		l->at -= l->at % GRAIN;
	}
	/* One is missed now and then. */
	tick->missed = l->tick && load_random(l, 500) == 0;
	l->at += l->step * (1 + (uint64_t)tick->missed);
	tick->mono_ns = l->at;
	l->times = grow(l->times, &l->cap_times, l->ntimes + 1,
			sizeof(*l->times));
	l->times[l->ntimes++] = l->at;
}

static void load_ticks(struct load *l, uint64_t n)
{
	struct tick tick = {.pid = 12345};
	struct sample sample = {.loss = 0};
	uint64_t i;
	uint32_t k;

	for (i = 0; i < n; i++, l->tick++) {
		if (l->rounds)
			load_round(l, &tick);
		else
			load_scheduled(l, &tick);
		l->sink->ops->tick(l->sink, &l->source, &tick);
		for (k = 0; k < l->threads; k++) {
			sample.tid = 12345 + k;
			sample.stack = l->idle_stack;
			sample.state = l->asleep;
			if (k < l->busy) {
				sample.stack = l->stacks[load_random(l, 2)]
							[load_random(l, 6)];
				sample.state = l->cpu;
			}
			l->sink->ops->sample(l->sink, &l->source, &sample);
		}
	}
}

/* Of a payload's ticks, which are to be told as equally far apart. */
static void is_in_grains(void *arg, const struct header *h, const uint8_t *raw,
			 size_t len)
{
	struct cursor c;
	uint64_t type, left;

	(void)arg;
	(void)h;
	cursor_init(&c, raw, len);
	while (cursor_left(&c)) {
		type = cursor_varint(&c);
		left = cursor_varint(&c);
		if (type != RECORD_SAMPLES) {
			cursor_bytes(&c, left);
			continue;
		}
		assert_int_equal(cursor_varint(&c), 0); /* the process */
		assert_int_equal(cursor_varint(&c), SAMPLES_EVEN);
		assert_true(1u << cursor_varint(&c) >= GRAIN);
		return;
	}
	fail();
}

static void all_is_in_grains(const char *path)
{
	struct str file;

	str_init(&file);
	assert_int_equal(file_read(&file, AT_FDCWD, path, 1 << 20), 0);
	assert_true(each_payload(file.data, file.len, is_in_grains, NULL));
	str_release(&file);
}

/* Bytes a sample, file by samples. */
static double cost(uint64_t period, uint32_t threads, uint32_t busy,
		   uint64_t seconds, bool rounds)
{
	char path[] = "/tmp/test_recording_size.XXXXXX";
	uint64_t ticks = seconds * SECOND / period;
	struct read_report report;
	struct tape tape;
	struct writer *w;
	struct load l;
	struct stat st;
	double each;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(writer_open(&w, path, NULL), 0);
	load_begin(&l, w, period, threads, busy);
	l.rounds = rounds;
	load_ticks(&l, ticks);
	assert_int_equal(writer_close(w, NULL), 0);
	symbols_release(&l.symbols);
	close(fd);
	assert_int_equal(stat(path, &st), 0);
	tape_init(&tape, rounds);
	assert_int_equal(recording_read(path, &tape.sink, &report, NULL), 0);
	assert_int_equal(tape.samples, ticks * threads);
	if (rounds) { /* to the nanosecond */
		assert_int_equal(tape.ntimes, l.ntimes);
		assert_memory_equal(tape.times, l.times,
				    l.ntimes * sizeof(*l.times));
		all_is_in_grains(path);
	}
	free(l.times);
	unlink(path);
	each = (double)st.st_size / (double)tape.samples;
	print_message("%u threads, %u busy, %u Hz: %.3f bytes a sample, "
		      "%.0f a second\n", threads, busy,
		      (unsigned)(SECOND / period), each,
		      (double)st.st_size / (double)seconds);
	tape_release(&tape);
	return each;
}

static void steady_load_is_small(void **state)
{
	(void)state;
	assert_true(cost(SECOND / 1000, 1, 1, 30, false) <= 1.0);
	assert_true(cost(SECOND / 100, 1, 1, 60, false) <= 2.5);
	assert_true(cost(SECOND / 100, 160, 2, 30, false) <= 0.06);
}

static void even_times_are_small(void **state)
{
	(void)state;
	assert_true(cost(SECOND / 1000, 1, 1, 30, true) <= 0.78);
	assert_true(cost(SECOND / 100, 160, 2, 30, true) <= 0.03);
}

/* ---- memory ---- */

/* A function that was never seen before, with a file of its own at times. */
static uint32_t new_stack(struct load *l, uint32_t number)
{
	struct frame_def frame = {.line = number % 1000 + 1};
	struct symbols *s = &l->symbols;
	struct code_def code;
	char text[64];

	snprintf(text, sizeof(text), "generated_function_%u", number);
	code.name = symbols_string(s, text, strlen(text));
	snprintf(text, sizeof(text), "/srv/generated/module_%u.py",
		 number / 50);
	code.file = symbols_string(s, text, strlen(text));
	code.first = number % 1000;
	frame.code = symbols_code(s, &code);
	return symbols_stack(s, l->idle_stack, symbols_frame(s, &frame));
}

static void thread_comes(struct load *l, uint32_t tid, uint32_t flags)
{
	struct thread_info thread = {
		.pid = 12345, .tid = tid, .flags = flags, .name = "short"};

	l->sink->ops->thread(l->sink, &thread);
}

/* An hour at 100 Hz; functions and threads come and go all the time. */
static void busy_hour(struct load *l, uint64_t hour)
{
	struct sample sample = {.loss = 0};
	struct tick tick = {.pid = 12345};
	uint32_t i, number, serial = UINT32_MAX;

	sample.state = l->cpu;
	for (i = 0; i < 360000; i++) {
		number = (uint32_t)hour * 360000 + i;
		/* As the walker does when its symbols get large. */
		if (symbols_bytes(&l->symbols) > (4u << 20)) {
			symbols_clear(&l->symbols);
			l->source.serial++;
		}
		if (l->source.serial != serial) {
			serial = l->source.serial;
			l->idle_stack = load_stack(l, 4, 0, 0);
			l->cpu = symbols_state(&l->symbols,
					       &(struct state_def){.run = 1});
			sample.state = l->cpu;
		}
		if (i % 20 == 0) {
			thread_comes(l, 20000 + number / 20, 0);
			thread_comes(l, 20000 + number / 20 - 3, THREAD_ENDED);
		}
		tick.mono_ns = ((uint64_t)number + 1) * 10000000u;
		l->sink->ops->tick(l->sink, &l->source, &tick);
		sample.tid = 12345;
		if (i % 4 == 0)
			sample.stack = new_stack(l, number);
		else
			sample.stack = l->idle_stack;
		l->sink->ops->sample(l->sink, &l->source, &sample);
		sample.tid = 20000 + number / 20;
		sample.stack = l->idle_stack;
		l->sink->ops->sample(l->sink, &l->source, &sample);
	}
}

/* A sanitizer's allocator says 0: there the test finds leaks only. */
static size_t in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static void memory_is_flat_for_hours(void **state)
{
	size_t first, last;
	struct writer *w;
	struct load l;
	uint64_t hour;

	(void)state;
	assert_int_equal(writer_open(&w, "/dev/null", NULL), 0);
	load_begin(&l, w, SECOND / 100, 1, 1);
	busy_hour(&l, 0);
	first = in_use();
	for (hour = 1; hour < 8; hour++)
		busy_hour(&l, hour);
	last = in_use();
	print_message("in use after 1 hour %zu KiB, after 8 hours %zu KiB, "
		      "%.1f MiB written\n", first >> 10, last >> 10,
		      (double)writer_bytes(w) / (1 << 20));
	/* The symbols of the source, at most 8 MiB, are in both. */
	assert_true(last < first + (8u << 20));
	assert_true(last < (24u << 20));
	assert_true(writer_bytes(w) > (1u << 20));
	assert_int_equal(writer_close(w, NULL), 0);
	symbols_release(&l.symbols);
}

/* ---- time ---- */

/* Time that a sample takes, its source's included. */
static double nanoseconds(uint64_t period, uint32_t threads, uint32_t busy,
			  uint64_t ticks)
{
	uint64_t began, took;
	struct writer *w;
	struct load l;

	assert_int_equal(writer_open(&w, "/dev/null", NULL), 0);
	load_begin(&l, w, period, threads, busy);
	began = clock_mono();
	load_ticks(&l, ticks);
	took = clock_mono() - began;
	assert_int_equal(writer_close(w, NULL), 0);
	symbols_release(&l.symbols);
	return (double)took / (double)(ticks * threads);
}

/* Bounds for slow and busy machines and for sanitizers; wanted is a 20th. */
static void samples_cost_next_to_nothing(void **state)
{
	double equal = nanoseconds(SECOND / 1000, 160, 0, 20000);
	double changed = nanoseconds(3333, 1, 1, 300000);

	(void)state;
	print_message("an equal sample takes %.1f ns, a changed one %.1f ns\n",
		      equal, changed);
	assert_true(equal < 1000);
	assert_true(changed < 10000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(steady_load_is_small),
		cmocka_unit_test(even_times_are_small),
		cmocka_unit_test(memory_is_flat_for_hours),
		cmocka_unit_test(samples_cost_next_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
