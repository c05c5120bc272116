/*
 * hours.c - hours of samples through the writer, as fast as it takes them.
 *
 *   hours FILE HOURS
 *
 * Eight threads at 100 Hz: stacks that grow and shrink at random out of some
 * hundred functions, two threads that mostly wait, a function never seen
 * before every ten seconds, a thread that comes and goes every minute. The
 * same each time. Prints for each hour: the hour, samples, peak resident KiB,
 * bytes of the file, seconds that it took.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "profile.h"
#include "recording.h"

#define THREADS 8
#define RATE 100
#define PERIOD (1000000000u / RATE)
#define DEPTH 40
#define FUNCTIONS 400
#define PID 4711
#define SEED 42u
#define BEGIN 98765432109876u
#define SYMBOLS_MAX (8u << 20) /* as a target bounds its symbols */

struct worker {
	uint32_t tid, depth;
	uint32_t function[DEPTH], line[DEPTH];
	uint32_t stack[DEPTH + 1]; /* of each depth; valid up to `depth` */
	uint32_t state;
};

struct feed {
	struct sink *sink;
	struct symbols symbols;
	struct source_symbols source;
	uint64_t rng, ticks, samples;
	struct worker workers[THREADS];
	uint32_t running, asleep, fresh;
};

static uint32_t pick(struct feed *f, uint32_t n)
{
	return (uint32_t)(rng_next(&f->rng) >> 32) % n;
}

static uint32_t frame_of(struct feed *f, uint32_t function, uint32_t line)
{
	struct symbols *s = &f->symbols;
	struct frame_def frame = {.line = line};
	struct code_def code;
	char text[64];

	snprintf(text, sizeof(text), "Module%u.function_%u", function % 37,
		 function);
	code.name = symbols_string(s, text, strlen(text));
	snprintf(text, sizeof(text), "/srv/service/module_%u.py",
		 function % 37);
	code.file = symbols_string(s, text, strlen(text));
	code.first = 10 + function % 900;
	frame.code = symbols_code(s, &code);
	return symbols_frame(s, &frame);
}

static void push(struct feed *f, struct worker *w, uint32_t function)
{
	uint32_t d = w->depth, line = 11 + function % 900 + pick(f, 12);

	w->function[d] = function;
	w->line[d] = line;
	w->stack[d + 1] = symbols_stack(&f->symbols, w->stack[d],
					frame_of(f, function, line));
	w->depth++;
}

/* Returns from some calls, and makes some. */
static void move(struct feed *f, struct worker *w)
{
	uint32_t drop = pick(f, 4) ? pick(f, 4) : pick(f, 12);
	uint32_t grow = pick(f, 6);

	w->depth = w->depth > drop + 3 ? w->depth - drop : 3;
	if (f->fresh && w->depth < DEPTH) {
		push(f, w, FUNCTIONS + f->fresh);
		f->fresh = 0;
	}
	while (grow-- && w->depth < DEPTH)
		push(f, w, (w->function[w->depth - 1] * 7 + pick(f, 5)) %
				   FUNCTIONS);
}

/* The symbols were cleared, or are new: all numbers are made again. */
static void define_again(struct feed *f)
{
	struct state_def state = {.run = RUN_CPU, .gil = GIL_HELD};
	struct worker *w;
	uint32_t d;

	f->running = symbols_state(&f->symbols, &state);
	state.run = RUN_SLEEPING;
	state.gil = GIL_NEITHER;
	f->asleep = symbols_state(&f->symbols, &state);
	for (w = f->workers; w < f->workers + THREADS; w++)
		for (d = 0; d < w->depth; d++)
			w->stack[d + 1] = symbols_stack(
				&f->symbols, w->stack[d],
				frame_of(f, w->function[d], w->line[d]));
}

static int tell(struct feed *f, uint32_t tid, uint32_t flags)
{
	char name[32];
	struct thread_info info = {
		.pid = PID,
		.tid = tid,
		.ident = 0x7f0000001000u + (uint64_t)tid * 0x801000,
		.flags = flags,
		.name = name,
	};

	snprintf(name, sizeof(name), "worker-%u", tid);
	return f->sink->ops->thread(f->sink, &info);
}

static int begin(struct feed *f)
{
	struct run_info run = {
		.wall_ns = 1790000000123456789u,
		.mono_ns = BEGIN,
		.period_ns = PERIOD,
		.seed = SEED,
		.host = "host.example",
		.kernel = "Linux",
		.program = "hours",
	};
	struct process_info process = {
		.pid = PID,
		.start = 4711,
		.version = 0x030d00f0,
		.command = "python3 -m service",
		.cwd = "/srv/service",
	};
	uint32_t i;
	int ret;

	symbols_init(&f->symbols);
	f->source.table = &f->symbols;
	f->rng = SEED;
	ret = f->sink->ops->run(f->sink, &run);
	if (!ret)
		ret = f->sink->ops->process(f->sink, &process);
	for (i = 0; !ret && i < THREADS; i++) {
		f->workers[i].tid = PID + i;
		push(f, &f->workers[i], i);
		push(f, &f->workers[i], 10 + i);
		push(f, &f->workers[i], 20 + i);
		ret = tell(f, PID + i, i ? 0 : THREAD_MAIN);
	}
	define_again(f);
	return ret;
}

/* A thread ends and another takes its place. */
static int renew(struct feed *f)
{
	struct worker *w = &f->workers[1 + pick(f, THREADS - 1)];
	int ret = tell(f, w->tid, THREAD_ENDED);

	w->tid = PID + THREADS + (uint32_t)(f->ticks / (60 * RATE));
	return ret ? ret : tell(f, w->tid, 0);
}

static int one_tick(struct feed *f)
{
	struct tick tick = {.pid = PID};
	struct sample sample = {.loss = LOSS_NONE};
	struct worker *w;
	int ret = 0;

	if (symbols_bytes(&f->symbols) > SYMBOLS_MAX) {
		symbols_clear(&f->symbols);
		f->source.serial++;
		define_again(f);
	}
	if (f->ticks % (10 * RATE) == 0)
		f->fresh = 1 + (uint32_t)(f->ticks / (10 * RATE));
	if (f->ticks % (60 * RATE) == 60 * RATE - 1)
		ret = renew(f);
	/* As in the schedule, and up to 50 us late. */
	tick.number = f->ticks + 1;
	tick.mono_ns = BEGIN + f->ticks * PERIOD +
		       tick_jitter(SEED, tick.number, PERIOD) +
		       pick(f, 50000);
	for (w = f->workers; w < f->workers + THREADS; w++) {
		bool waits = w >= f->workers + THREADS - 2;

		if (!waits || !pick(f, 200))
			move(f, w);
		w->state = waits ? f->asleep : f->running;
	}
	if (!ret)
		ret = f->sink->ops->tick(f->sink, &f->source, &tick);
	for (w = f->workers; !ret && w < f->workers + THREADS; w++) {
		sample.tid = w->tid;
		sample.stack = w->stack[w->depth];
		sample.state = w->state;
		ret = f->sink->ops->sample(f->sink, &f->source, &sample);
		f->samples++;
	}
	f->ticks++;
	return ret;
}

/* Peak resident KiB of this process. */
static unsigned long resident(void)
{
	unsigned long kib = 0;
	char line[128];
	FILE *status = fopen("/proc/self/status", "r");

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "VmHWM: %lu", &kib) == 1)
			break;
	if (status)
		fclose(status);
	return kib;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
	static struct feed feed;
	struct err err = {0};
	struct writer *w;
	unsigned long hour, hours;
	double began = now();
	uint64_t i;
	int ret;

	if (argc != 3)
		return 2;
	hours = strtoul(argv[2], NULL, 10);
	if (writer_open(&w, argv[1], &err) < 0) {
		fprintf(stderr, "hours: cannot open '%s'\n", argv[1]);
		return 1;
	}
	feed.sink = writer_sink(w);
	ret = begin(&feed);
	for (hour = 1; !ret && hour <= hours; hour++) {
		for (i = 0; !ret && i < 3600 * RATE; i++)
			ret = one_tick(&feed);
		printf("%lu %llu %lu %llu %.3f\n", hour,
		       (unsigned long long)feed.samples, resident(),
		       (unsigned long long)writer_bytes(w), now() - began);
		fflush(stdout);
	}
	if (writer_close(w, &err) < 0)
		ret = -1;
	symbols_release(&feed.symbols);
	if (ret)
		fprintf(stderr, "hours: the writer failed\n");
	return ret ? 1 : 0;
}
