#include <stdio.h>
#include <string.h>

#include "scene.h"

static const char *const plain_names[16] = {
	"<module>",  "main",      "Thread.run",  "wait",
	"handle",    "parse",     "<lambda>",    "fetch",
	"connect",   "Pool._run", "<listcomp>",  "encode",
	"Cache.get", "lookup",    "Query.first", "close",
};

void scene_init(struct scene *s, struct sink *sink, uint32_t pid,
		uint64_t seed, uint64_t period_ns)
{
	memset(s, 0, sizeof(*s));
	s->sink = sink;
	symbols_init(&s->symbols);
	s->source.table = &s->symbols;
	s->rng = seed;
	s->number = seed & 1;
	s->period_ns = period_ns;
	s->due_ns = 123456789012345u;
	s->pid = pid;
	s->next_tid = pid;
	s->names = plain_names;
}

void scene_release(struct scene *s)
{
	symbols_release(&s->symbols);
}

uint32_t scene_random(struct scene *s, uint32_t n)
{
	return (uint32_t)(rng_next(&s->rng) >> 32) % n;
}

void scene_begin(struct scene *s)
{
	struct run_info run = {
		.wall_ns = 1790000000123456789u,
		.mono_ns = 123456780000000u,
		.period_ns = s->period_ns,
		.seed = 42,
		.host = "host.example",
		.kernel = "Linux 6.1.0 x86_64",
		.program = "pystrobe 0.1.0",
	};
	struct process_info process = {
		.pid = s->pid,
		.start = 4711,
		.version = 0x030b02f0,
		.command = "python3 -m service",
		.cwd = "/srv/service",
	};

	s->sink->ops->run(s->sink, &run);
	s->sink->ops->process(s->sink, &process);
}

static uint32_t make_stack(struct scene *s)
{
	uint32_t depth = 1 + scene_random(s, 8), stack = 0;
	struct frame_def frame;
	struct code_def code;
	const char *name;
	char file[32];

	while (depth--) {
		name = s->names[scene_random(s, 16)];
		snprintf(file, sizeof(file), "/srv/module%u.py",
			 scene_random(s, 3));
		code.name = symbols_string(&s->symbols, name, strlen(name));
		code.file = symbols_string(&s->symbols, file, strlen(file));
		code.first = scene_random(s, 5) * 40;
		frame.code = symbols_code(&s->symbols, &code);
		frame.line = scene_random(s, 6) ? code.first + depth : 0;
		frame.flags = scene_random(s, 4);
		stack = symbols_stack(&s->symbols, stack,
				      symbols_frame(&s->symbols, &frame));
	}
	return stack;
}

static uint32_t make_state(struct scene *s)
{
	static const char *const waits[] = {"", "futex GIL",
					    "read socket:[10.0.0.1:5432]"};
	const char *wait = waits[scene_random(s, 3)];
	struct state_def def = {
		.run = (uint8_t)scene_random(s, RUN_STOPPED + 1),
		.gil = (uint8_t)scene_random(s, 4),
		.flags = scene_random(s, 4),
		.wait = symbols_string(&s->symbols, wait, strlen(wait)),
	};

	return symbols_state(&s->symbols, &def);
}

static int tell(struct scene *s, uint32_t tid, uint32_t flags)
{
	char name[32];
	struct thread_info info = {
		.pid = s->pid,
		.tid = tid,
		.ident = 0x7f0000001000u + (uint64_t)tid * 0x801000,
		.flags = flags,
		.name = name,
	};

	snprintf(name, sizeof(name), "Thread-%u", tid);
	if (flags & THREAD_ENDED)
		name[0] = '\0';
	return s->sink->ops->thread(s->sink, &info);
}

static int come_and_go(struct scene *s)
{
	struct scene_thread *t = &s->threads[scene_random(s, SCENE_THREADS)];
	int ret;

	if (t->tid && scene_random(s, 3))
		return 0;
	if (t->tid) {
		ret = tell(s, t->tid, THREAD_ENDED);
		t->tid = 0;
		return ret;
	}
	t->tid = s->next_tid++;
	t->serial = UINT32_MAX;
	/* Of some threads nothing is ever told. */
	if (!scene_random(s, 6))
		return 0;
	return tell(s, t->tid, t->tid == s->pid ? THREAD_MAIN : 0);
}

static void move(struct scene *s, struct scene_thread *t)
{
	if (t->serial != s->source.serial || !scene_random(s, 3)) {
		t->loss = scene_random(s, 8) ? 0
					     : scene_random(s, LOSS_CAUSES);
		/* What is not whole may be lost, or partial. */
		t->stack = t->loss && scene_random(s, 2) ? 0 : make_stack(s);
	}
	if (t->serial != s->source.serial || !scene_random(s, 4))
		t->state = make_state(s);
	t->serial = s->source.serial;
}

int scene_tick(struct scene *s)
{
	struct tick tick = {.pid = s->pid};
	struct scene_thread *t;
	struct sample sample;
	size_t i;
	int ret = scene_random(s, 4) ? 0 : come_and_go(s);

	if (s->clears && !scene_random(s, 10)) {
		symbols_clear(&s->symbols);
		s->source.serial++;
	}
	tick.missed = scene_random(s, 9) ? 0 : scene_random(s, 3);
	s->due_ns += s->period_ns * tick.missed;
	if (s->number) {
		tick.number = s->number + tick.missed;
		s->number = tick.number + 1;
	}
	tick.mono_ns = s->due_ns + rng_next(&s->rng) % s->period_ns;
	s->due_ns += s->period_ns;
	if (!ret)
		ret = s->sink->ops->tick(s->sink, &s->source, &tick);
	for (i = 0; i < SCENE_THREADS && !ret; i++) {
		t = &s->threads[i];
		/* A thread may have no sample in some tick. */
		if (!t->tid || !scene_random(s, 12))
			continue;
		move(s, t);
		sample = (struct sample){t->tid, t->stack, t->state, t->loss};
		ret = s->sink->ops->sample(s->sink, &s->source, &sample);
	}
	return ret;
}
