/*
 * sampler.h - when samples are taken: absolute deadlines with a seeded jitter
 * inside each period; late and missed ticks are told, never hidden.
 */
#ifndef PYSTROBE_SAMPLER_H
#define PYSTROBE_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct profile;
struct sink;
struct target;

#define RATE_MAX 10000000.0 /* per second */
#define RATE_DEFAULT 100.0

struct sampler_options {
	uint64_t period_ns;
	uint64_t duration_ns; /* 0: until stopped or the target's end */
	uint64_t seed;        /* of the jitter */
};

enum sampler_end {
	SAMPLER_DURATION, /* the time is over */
	SAMPLER_STOPPED,  /* asked to stop */
	SAMPLER_GONE,     /* the target ended */
	SAMPLER_FAILED,   /* error of the sink */
};

struct sampler_status {
	uint64_t elapsed_ns;
	uint64_t due, taken; /* ticks */
};

/*
 * Called between ticks, about every 100 ms however low the rate (a progress
 * line, a child that ended), and once more at the end. Returns true to stop.
 */
typedef bool sampler_watch(void *arg, const struct sampler_status *status);

/*
 * Samples until the end and says which one it was; err is set for
 * SAMPLER_FAILED only. *stop may be set by a signal handler.
 */
enum sampler_end sampler_run(struct target *t, struct sink *sink,
			     const struct sampler_options *options,
			     const volatile int *stop, sampler_watch *watch,
			     void *arg, struct err *err);

/*
 * Several targets side by side, each with ticks of its own, by one thread:
 * only one thread of ours may ever stop others (src/process/trace.c). The
 * watch may put a target on a seat and take one away, and must take away one
 * that is gone. Ends like sampler_run, but not with SAMPLER_GONE.
 */
struct sampler_seat {
	struct target *target; /* the caller's; NULL: nobody there */
	bool gone;             /* set when it has ended */
};

enum sampler_end sampler_run_seats(struct sampler_seat *seats, size_t n,
				   struct sink *sink,
				   const struct sampler_options *options,
				   const volatile int *stop,
				   sampler_watch *watch, void *arg,
				   struct err *err);

/* ---- from the thread that samples to the one that draws ---- */

/*
 * A bounded queue of slices: the samples of an interval, added up. The side
 * that samples never waits: while the queue is full the present slice goes on,
 * and what is too much even for that is dropped and counted.
 */
struct feed;

#define FEED_SLICES 4           /* in the queue */
#define FEED_BYTES (4u << 20)   /* of a slice, about; beyond it samples drop */

struct feed *feed_new(void);
void feed_free(struct feed *f);

/* For the thread that samples. */
struct sink *feed_sink(struct feed *f);
/* The interval is over: false when the queue was full, and it goes on. */
bool feed_cut(struct feed *f);

/* For the one that draws: the oldest slice, which it frees, or NULL. */
struct profile *feed_take(struct feed *f);
int feed_fd(const struct feed *f); /* can be read while there is one */
uint64_t feed_dropped(struct feed *f); /* samples so far */

#endif
