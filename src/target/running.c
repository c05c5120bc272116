/*
 * Running, or waiting for a processor? The kernel says R for both. But it
 * counts how often a thread came on a processor (time slices) and how often it
 * was taken off one (context switches).
 */
#include <sched.h>

#include "target_priv.h"

#define CONTENDED_NS 1000000000u /* for that long after it had to wait */
#define DELAY_SHARE 16 /* of its time, that it has to wait for that */

/* Slices less switches; false when a switch came in between. */
static bool difference(struct target *t, struct known *k, uint64_t *diff)
{
	struct thread_sched before, after;
	uint64_t switches;

	if (probe_sched(&k->probe, &t->process, &before) ||
	    probe_switches(&k->probe, &t->process, &switches) ||
	    probe_sched(&k->probe, &t->process, &after) ||
	    before.slices != after.slices)
		return false;
	*diff = before.slices - switches;
	return true;
}

/* Looks at the files that cost more only where there is a need. */
static bool contended(struct target *t, struct known *k, uint64_t now)
{
	struct on_cpu *c = &k->on_cpu;
	struct thread_sched sched;
	uint64_t waited, passed = now - c->looked_ns;

	if (probe_sched(&k->probe, &t->process, &sched))
		return false;
	waited = c->looked_ns ? sched.delay_ns - c->delay_ns : 0;
	c->delay_ns = sched.delay_ns;
	c->looked_ns = now;
	if (waited > passed / DELAY_SHARE)
		c->contended_ns = now + CONTENDED_NS;
	return now < c->contended_ns;
}

/* There are two values: the lower one is that of a thread on none. */
static void learn(struct on_cpu *c, uint64_t diff)
{
	if (c->seen && diff != c->first) {
		c->off = (int64_t)(diff - c->first) < 0 ? diff : c->first;
		c->off_known = true;
	}
	c->first = diff;
	c->seen = true;
}

/* It waits because we are on the processor that it would be on. */
static bool waits_for_us(struct target *t, struct known *k)
{
	return probe_cpu(&k->probe, &t->process) == sched_getcpu();
}

bool waits_for_cpu(struct target *t, struct known *k, uint64_t now)
{
	struct on_cpu *c = &k->on_cpu;
	uint64_t diff;

	if (k->tid & SYNTHETIC || k->look.run == RUN_UNKNOWN)
		return false;
	if (k->look.run != RUN_CPU) {
		if (!c->off_known && k->blocked)
			c->off_known = difference(t, k, &c->off);
		return false;
	}
	if (!contended(t, k, now) || !difference(t, k, &diff))
		return false;
	if (!c->off_known)
		learn(c, diff);
	return c->off_known && diff == c->off && !waits_for_us(t, k);
}
