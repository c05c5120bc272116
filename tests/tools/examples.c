/*
 * Writes a made-up recording, for tests of what other programs read:
 *
 *   examples KIND FILE
 *
 * KIND: empty; one (sample); unicode, hostile (names); threads (three, that
 * compute, wait and end); deep (recursion); processes (two). Each sample
 * stands for PERIOD, which a recording has exactly.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recording.h"
#include "tests/lib/made.h"

#define PERIOD (40u << 18) /* ns, about 10 ms */
#define DEPTH 900
#define WORK "<module>@/srv/app/app.py:88/1 work@/srv/app/work.py:9/7"

static void unicode(struct made *m)
{
	static const char *const names[] = {
		"\xe6\xbc\xa2\xe5\xad\x97",                 /* Han */
		"\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82", /* Cyrillic */
		"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",         /* from the right */
		"e\xcc\x81t\xc3\xa9",                       /* combining */
		"\xf0\x9f\x90\x8d_\xf0\x9d\x94\xa3",        /* beyond 16 bits */
	};
	uint32_t running = made_state(m, RUN_CPU), stack;
	unsigned i, n;

	made_thread(m, 4711, "\xe7\xba\xbf\xe7\xa8\x8b");
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		stack = made_frame(m, 0, names[i], names[i], 3, 1);
		stack = made_frame(m, stack, names[0], "/srv/\xc3\xa9.py", i,
				   1);
		for (n = 0; n < 3 + i; n++) {
			made_tick(m);
			made_sample(m, 4711, stack, running, LOSS_NONE);
		}
	}
}

/* What a thread does at a tick: it computes, and waits every now and then. */
static void sample(struct made *m, uint32_t tid, unsigned tick)
{
	static const char *const waits[] = {"timer", "socket 10.0.0.1:5432",
					    "lock 0x7f3a5c00"};
	bool waits_now = (tick + tid) % 7 < 3;
	uint32_t state, stack;

	if (waits_now)
		state = made_doing(m, RUN_SLEEPING,
				   tid % 2 ? GIL_WANTED : GIL_NEITHER, 0,
				   tid % 2 ? "" : waits[tid % 3]);
	else
		state = made_doing(m, RUN_CPU, GIL_HELD,
				   tick % 11 ? 0 : STATE_GC, "");
	stack = made_stack(m, waits_now ? WORK " wait@/srv/app/work.py:12/10"
			   : tick % 5 ? WORK : WORK " f@/srv/app/f.py:2/1");
	made_sample(m, tid, stack, state, LOSS_NONE);
}

static void threads(struct made *m)
{
	unsigned i;

	made_thread(m, 4711, "MainThread");
	made_thread(m, 4712, "worker");
	made_thread(m, 4713, "worker");
	for (i = 0; i < 200; i++) {
		made_tick(m);
		sample(m, 4711, i);
		if (i > 20 && i < 170)
			sample(m, 4712, i);
		if (i % 50 < 40) /* gaps */
			sample(m, 4713, i);
	}
}

static void deep(struct made *m)
{
	uint32_t running = made_state(m, RUN_CPU);
	uint32_t path[DEPTH + 1] = {0};
	unsigned i;

	made_thread(m, 4711, "MainThread");
	for (i = 0; i < DEPTH; i++)
		path[i + 1] = made_frame(m, path[i], i ? "fib" : "<module>",
					 "/srv/app/fib.py", i ? 5 : 9, 3);
	for (i = 0; i < 60; i++) {
		made_tick(m);
		made_sample(m, 4711, path[DEPTH - i * 13], running, LOSS_NONE);
	}
}

static void processes(struct made *m)
{
	unsigned i, pid;

	for (i = 0; i < 50; i++)
		for (pid = 4711; pid <= 4811; pid += 100) {
			if (!i)
				made_process(m, pid, pid == 4711 ? "parent"
								 : "child");
			if (!i)
				made_thread(m, pid, "MainThread");
			m->pid = pid;
			m->now -= pid == 4711 ? 0 : m->period; /* the same */
			made_tick(m);
			sample(m, pid, i);
		}
}

static int fill(struct made *m, const char *kind)
{
	if (!strcmp(kind, "one"))
		made_samples(m, 4711, WORK, RUN_CPU, 1);
	else if (!strcmp(kind, "unicode"))
		unicode(m);
	else if (!strcmp(kind, "hostile"))
		made_hostile(m);
	else if (!strcmp(kind, "threads"))
		threads(m);
	else if (!strcmp(kind, "deep"))
		deep(m);
	else if (!strcmp(kind, "processes"))
		processes(m);
	else
		return strcmp(kind, "empty") != 0;
	return 0;
}

int main(int argc, char **argv)
{
	struct writer *w;
	struct made m;
	struct err e;
	int ret;

	if (argc != 3) {
		fprintf(stderr, "usage: examples KIND FILE\n");
		return 2;
	}
	ret = writer_open(&w, argv[2], &e);
	if (!ret) {
		made_init_period(&m, writer_sink(w), PERIOD);
		ret = fill(&m, argv[1]);
		if (ret)
			fprintf(stderr, "examples: no kind '%s'\n", argv[1]);
		made_release(&m);
		ret |= writer_close(w, &e);
	}
	if (ret < 0)
		fprintf(stderr, "examples: %s\n", e.msg);
	return ret ? 1 : 0;
}
