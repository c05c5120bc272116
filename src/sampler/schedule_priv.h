/*
 * schedule_priv.h - when the ticks are, as arithmetic on given times.
 *
 * Time is cut into periods from the start on, and each has one tick, at a
 * random place inside it: no lock-step with the target's own timers, no
 * drift, and exactly one sample for each period of the run.
 */
#ifndef PYSTROBE_SCHEDULE_PRIV_H
#define PYSTROBE_SCHEDULE_PRIV_H

#include <stdint.h>

struct schedule {
	uint64_t start, period; /* ns */
	uint64_t seed;
	uint64_t at; /* number of the next tick and of its period, from 1 */
};

void schedule_init(struct schedule *s, uint64_t start, uint64_t period,
		   uint64_t seed);

/* When the next tick is due. The first one is due at the start itself. */
uint64_t schedule_due(const struct schedule *s);

/*
 * After a tick was taken: goes on to the next period, or to the one of `now`
 * if that is later. Returns how many periods had no tick.
 */
uint32_t schedule_advance(struct schedule *s, uint64_t now);

#endif
