/*
 * scene.h - a made-up process whose threads come, run, wait and go: a source
 * of samples for tests. The same seed gives the same calls.
 */
#ifndef PYSTROBE_TESTS_SCENE_H
#define PYSTROBE_TESTS_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "profile.h"

#define SCENE_THREADS 12

struct scene {
	struct sink *sink;
	struct symbols symbols;
	struct source_symbols source;
	uint64_t rng, period_ns;
	uint64_t due_ns; /* of the next tick */
	uint64_t number; /* of it, in a schedule; 0, for even seeds: none */
	uint32_t pid;
	const char *const *names; /* of functions; 16 */
	bool clears;     /* the symbols, now and then */
	struct scene_thread {
		uint32_t tid; /* 0: none */
		uint32_t stack, state, loss;
		uint32_t serial; /* for which they hold */
	} threads[SCENE_THREADS];
	uint32_t next_tid;
};

void scene_init(struct scene *s, struct sink *sink, uint32_t pid,
		uint64_t seed, uint64_t period_ns);
void scene_release(struct scene *s);
/* Tells the run and the process. */
void scene_begin(struct scene *s);
/* One tick; the sink's error. */
int scene_tick(struct scene *s);
/* A number below n. */
uint32_t scene_random(struct scene *s, uint32_t n);

#endif
