/*
 * Makes a recording with many different stacks, the same each time:
 *
 *   many_stacks FILE STACKS
 *
 * Sixteen threads at 1 kHz walk up and down in calls of a thousand functions,
 * each from several lines, until so many different stacks were seen, some of
 * them more than once. Prints the samples, the stacks, and the nodes of the
 * tree that they make.
 */
#include <stdio.h>
#include <stdlib.h>

#include "profile.h"
#include "recording.h"

#define THREADS 16u
#define PERIOD 1000000u
#define DEPTH_MIN 6u
#define DEPTH_MAX 45u
#define FUNCTIONS 1000u
#define LINES 8u /* of a function, from which it calls */
#define PID 4711u
#define BEGIN 98765432109876u

struct worker {
	uint32_t depth;
	uint32_t function[DEPTH_MAX + 1];
	uint32_t stack[DEPTH_MAX + 1]; /* of each depth */
};

struct feed {
	struct sink *sink;
	struct symbols symbols;
	struct source_symbols source;
	struct worker workers[THREADS];
	uint64_t rng, ticks, samples;
	uint32_t state, distinct;
	uint8_t *seen; /* by stack */
	size_t cap_seen;
};

static uint32_t pick(struct feed *f, uint32_t n)
{
	return (uint32_t)(rng_next(&f->rng) >> 32) % n;
}

static uint32_t frame_of(struct feed *f, uint32_t function, uint32_t line)
{
	static const char *const folders[] = {
		"/srv/app", "/usr/lib/python3.13", "/srv/app/views",
		"/usr/lib/python3/dist-packages/orm"};
	struct symbols *s = &f->symbols;
	struct code_def code = {.first = 10 * (function / 50 + 1)};
	struct frame_def frame = {.line = code.first + line};
	char text[96];
	int n;

	n = snprintf(text, sizeof(text), "Class%u.method_%u", function % 40,
		     function);
	code.name = symbols_string(s, text, (size_t)n);
	n = snprintf(text, sizeof(text), "%s/module_%u.py",
		     folders[function % 4], function % 50);
	code.file = symbols_string(s, text, (size_t)n);
	frame.code = symbols_code(s, &code);
	return symbols_frame(s, &frame);
}

static void push(struct feed *f, struct worker *w)
{
	uint32_t d = w->depth++;
	uint32_t from = d ? w->function[d - 1] : 1;
	/* Some calls are far more frequent than others. */
	uint32_t which = pick(f, 4) ? pick(f, 2) : pick(f, 10);

	w->function[d] = (from * 7 + which * 31 + d) % FUNCTIONS;
	w->stack[d + 1] = symbols_stack(
		&f->symbols, w->stack[d],
		frame_of(f, w->function[d], pick(f, pick(f, 3) ? 2 : LINES)));
}

/* Returns from some calls, and makes some. */
static void move(struct feed *f, struct worker *w)
{
	uint32_t drop = pick(f, 8) ? pick(f, 5) : pick(f, DEPTH_MAX);
	uint32_t grow = pick(f, 7) + 1;

	w->depth = w->depth > drop + DEPTH_MIN ? w->depth - drop : DEPTH_MIN;
	while (grow-- && w->depth < DEPTH_MAX)
		push(f, w);
}

static void count(struct feed *f, uint32_t stack)
{
	size_t old = f->cap_seen;

	f->seen = grow(f->seen, &f->cap_seen, stack + 1, 1);
	for (; old < f->cap_seen; old++)
		f->seen[old] = 0;
	f->distinct += !f->seen[stack];
	f->seen[stack] = 1;
	f->samples++;
}

static int begin(struct feed *f)
{
	struct state_def state = {.run = RUN_CPU, .gil = GIL_HELD};
	struct run_info run = {
		.wall_ns = 1790000000123456789u,
		.mono_ns = BEGIN,
		.period_ns = PERIOD,
		.seed = 42,
		.host = "host.example",
		.kernel = "Linux",
		.program = "many_stacks",
	};
	struct process_info process = {
		.pid = PID,
		.start = 4711,
		.version = 0x030d00f0,
		.command = "python3 -m service",
		.cwd = "/srv/app",
	};
	int ret;
	uint32_t i;

	symbols_init(&f->symbols);
	f->source.table = &f->symbols;
	f->state = symbols_state(&f->symbols, &state);
	ret = f->sink->ops->run(f->sink, &run);
	if (!ret)
		ret = f->sink->ops->process(f->sink, &process);
	for (i = 0; i < THREADS; i++)
		while (f->workers[i].depth < DEPTH_MIN)
			push(f, &f->workers[i]);
	return ret;
}

static int one_tick(struct feed *f, uint32_t wanted)
{
	struct tick tick = {.pid = PID, .mono_ns = BEGIN + f->ticks * PERIOD};
	struct sample sample = {.state = f->state};
	struct worker *w = f->workers;
	int ret = f->sink->ops->tick(f->sink, &f->source, &tick);
	uint32_t i;

	f->ticks++;
	for (i = 0; !ret && i < THREADS && f->distinct < wanted; i++, w++) {
		move(f, w);
		sample.tid = PID + i;
		sample.stack = w->stack[w->depth];
		count(f, sample.stack);
		ret = f->sink->ops->sample(f->sink, &f->source, &sample);
	}
	return ret;
}

static int make(const char *path, uint32_t wanted)
{
	static struct feed feed;
	struct writer *writer;
	struct err err = {""};
	int ret = writer_open(&writer, path, &err), end;

	if (ret)
		return ret;
	feed.sink = writer_sink(writer);
	ret = begin(&feed);
	while (!ret && feed.distinct < wanted)
		ret = one_tick(&feed, wanted);
	end = writer_close(writer, &err);
	printf("%llu samples %u stacks %zu nodes\n",
	       (unsigned long long)feed.samples, feed.distinct,
	       feed.symbols.nstacks);
	symbols_release(&feed.symbols);
	free(feed.seen);
	return ret ? ret : end;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	if (!make(argv[1], (uint32_t)strtoul(argv[2], NULL, 10)))
		return 0;
	fprintf(stderr, "many_stacks: cannot write '%s'\n", argv[1]);
	return 1;
}
