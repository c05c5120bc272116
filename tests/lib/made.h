/*
 * made.h - profiles made by hand, for tests of profile and render.
 */
#ifndef PYSTROBE_TESTS_MADE_H
#define PYSTROBE_TESTS_MADE_H

#include "profile.h"

/* A source of samples: its own symbols, feeding any sink. */
struct made {
	struct symbols symbols;
	struct source_symbols source;
	struct sink *sink;
	uint32_t pid;
	uint64_t now;
	uint64_t period;
};

/* Tells the run (100 Hz) and one process, pid 4711. */
void made_init(struct made *m, struct sink *sink);
void made_init_period(struct made *m, struct sink *sink, uint64_t period);
void made_release(struct made *m);

/* Like a source that had to clear its symbols. */
void made_forget(struct made *m);

void made_process(struct made *m, uint32_t pid, const char *command);
void made_thread(struct made *m, uint32_t tid, const char *name);
void made_tick(struct made *m); /* one period later */

/*
 * A stack in writing, root first: "main@/app/app.py:10 <wait> f@x.py:3/1",
 * parts apart by a tab or a blank; ":LINE", "/FIRST" are optional, no '@' is a
 * marker.
 */
uint32_t made_stack(struct made *m, const char *text);
uint32_t made_state(struct made *m, enum run_state run);
/* `flags`: enum state_flag; `wait`: "" for nothing. */
uint32_t made_doing(struct made *m, enum run_state run, enum gil_state gil,
		    uint32_t flags, const char *wait);

/* One frame on top of `parent`, any bytes as name and file. */
uint32_t made_frame(struct made *m, uint32_t parent, const char *name,
		    const char *file, uint32_t line, uint32_t first);

/* `n` ticks with one sample each. */
void made_samples(struct made *m, uint32_t tid, const char *stack,
		  enum run_state run, unsigned n);
/* The same in this state; with a loss, a partial one, or lost ("" as stack). */
void made_samples_in(struct made *m, uint32_t tid, const char *stack,
		     uint32_t state, enum loss loss, unsigned n);
int made_sample(struct made *m, uint32_t tid, uint32_t stack,
		uint32_t state, enum loss loss);

/*
 * A web server with four threads, idle time, losses, all kinds of code and of
 * states. Of 902 samples 375 are idle, and 3 partial.
 */
void made_server(struct made *m);

/* 13 names of a function and a file that try to be something else. */
void made_hostile(struct made *m);

#endif
