/*
 * Running, or waiting for a processor? The kernel says R for both. But it
 * counts how often a thread came on a processor (time slices) and how often it
 * was taken off one (context switches).
 */
#include <sched.h>

#include "target_priv.h"

#define CONTENDED_NS 100000000u /* for that long after it had to wait */
#define DELAY_SHARE 16 /* of its time, that it has to wait for that */

uint64_t look_slices(struct target *t, struct known *k)
{
	if (k->tid & SYNTHETIC ||
	    probe_sched(&k->probe, &t->process, &k->sched))
		k->sched = (struct thread_sched){.slices = UINT64_MAX};
	return k->sched.slices;
}

/*
 * Slices, as looked up last, less switches; false when a switch has come
 * since.
 */
static bool difference(struct target *t, struct known *k, uint64_t *diff)
{
	uint64_t switches, slices = k->sched.slices;

	if (slices == UINT64_MAX ||
	    probe_switches(&k->probe, &t->process, &switches) ||
	    look_slices(t, k) != slices)
		return false;
	*diff = slices - switches;
	/* Once in many switches the kernel counts one and no slice. */
	if (k->on_cpu.off_known && (int64_t)(*diff - k->on_cpu.off) < 0)
		k->on_cpu.off = *diff;
	return true;
}

/* Looks at the files that cost more only where there is a need. */
static bool contended(struct target *t, struct known *k, uint64_t now)
{
	struct on_cpu *c = &k->on_cpu;
	uint64_t waited, passed = now - c->looked_ns;

	if (k->sched.slices == UINT64_MAX)
		return false;
	if (!passed) /* a second look at the same tick */
		return now < c->contended_ns;
	waited = c->looked_ns ? k->sched.delay_ns - c->delay_ns : 0;
	c->ran = (double)(k->sched.cpu_ns - c->cpu_ns) / (double)passed;
	c->delay_ns = k->sched.delay_ns;
	c->cpu_ns = k->sched.cpu_ns;
	c->looked_ns = now;
	if (waited > passed / DELAY_SHARE)
		c->contended_ns = t->contended_ns = now + CONTENDED_NS;
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

void unlearn_off(struct known *k)
{
	k->on_cpu.off_known = k->on_cpu.seen = false;
}

bool waits_for_us(struct target *t, struct known *k)
{
	return probe_cpu(&k->probe, &t->process) == sched_getcpu();
}

/*
 * It is off its processor, and we are on that one: was it we who displaced it,
 * or somebody else, before? Nothing tells. So that as many looks find it running
 * as the kernel says that it ran, what remains of one is carried on.
 */
static bool displaced(struct on_cpu *c)
{
	c->owed += c->ran < 1 ? c->ran : 1;
	if (c->owed < 1)
		return false;
	c->owed -= 1;
	return true;
}

void learn_off(struct target *t, struct known *k, uint64_t now)
{
	struct on_cpu *c = &k->on_cpu;

	if (!c->off_known && k->blocked && now < t->contended_ns)
		c->off_known = difference(t, k, &c->off);
}

bool waits_for_cpu(struct target *t, struct known *k, bool ran, uint64_t now)
{
	struct on_cpu *c = &k->on_cpu;
	uint64_t diff;
	bool ours;

	if (k->look.run != RUN_CPU)
		return false;
	if (!contended(t, k, now) || (ran && c->off_known))
		return false;
	ours = !c->off_known && waits_for_us(t, k);
	if (!difference(t, k, &diff))
		return false;
	if (ours && waits_for_us(t, k)) {
		c->off = diff;
		c->off_known = true;
	}
	if (!c->off_known)
		learn(c, diff);
	if (!c->off_known || diff != c->off || ran)
		return false;
	return !waits_for_us(t, k) || !displaced(c);
}
