/*
 * sampler.h - when samples are taken: absolute deadlines with a seeded jitter
 * inside each period; late and missed ticks are told, never hidden.
 */
#ifndef PYSTROBE_SAMPLER_H
#define PYSTROBE_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

struct err;
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

#endif
