/*
 * Running, or waiting for a processor? The kernel says R for both. But it
 * counts how often a thread came on a processor (time slices) and how often it
 * was taken off one (context switches).
 */
#include <sched.h>

#include "target_priv.h"

#define CONTENDED_NS 100000000u /* for that long after it had to wait */
#define WINDOW_NS 50000000u /* over which that is looked at */
#define BRIEF_NS 150000u /* on a processor, a time: a stop comes 20 us later */
#define BRIEF_WINDOW_NS 5000000u /* on a processor, over which that is seen */
/* Parts of the time that it could run for which it waited, that make us look */
#define DELAY_SHARE 0.06 /* whether it is on its processor, */
#define STOPS_SHARE 0.01 /* and that where each is stopped, */
#define WOKEN_SHARE 0.25 /* and whether one that slept still does */

uint64_t look_slices(struct target *t, struct known *k)
{
	if (k->tid & SYNTHETIC ||
	    probe_sched(&k->probe, &t->process, &k->sched))
		k->sched = (struct thread_sched){.slices = UINT64_MAX};
	return k->sched.slices;
}

/*
 * Slices, as looked up last, less switches, and whether it may run; false when
 * a slice has begun since.
 */
static bool difference(struct target *t, struct known *k, uint64_t *diff,
		       bool *runs)
{
	uint64_t switches, slices = k->sched.slices;

	if (slices == UINT64_MAX ||
	    probe_switches(&k->probe, &t->process, &switches, runs) ||
	    look_slices(t, k) != slices)
		return false;
	*diff = slices - switches;
	/* Once in many switches the kernel counts one and no slice. */
	if (k->on_cpu.off_known && (int64_t)(*diff - k->on_cpu.off) < 0)
		k->on_cpu.off = *diff;
	return true;
}

/*
 * While one stands, the others run: who waited for its processor falls asleep
 * by then, with the stack of its sleep. So that matters more there.
 */
static double delay_share(const struct target *t)
{
	return t->options.stop == STOP_NEVER ? DELAY_SHARE : STOPS_SHARE;
}

/*
 * Who waits for the GIL wakes up every 5 ms, for nothing: so it is as long a turn
 * of work as that which is looked at.
 */
static void note_bursts(struct known *k)
{
	struct on_cpu *c = &k->on_cpu;
	uint64_t ran = k->sched.cpu_ns - c->since_ns;
	uint64_t slices = k->sched.slices - c->slices;

	if (ran < BRIEF_WINDOW_NS)
		return;
	slices -= c->stops < slices ? c->stops : slices;
	c->brief = c->slices && slices && ran / slices < BRIEF_NS;
	c->since_ns = k->sched.cpu_ns;
	c->slices = k->sched.slices;
	c->stops = 0;
}

void note_delays(struct target *t, struct known *k, uint64_t now)
{
	struct on_cpu *c = &k->on_cpu;
	uint64_t waited, ran;

	if (k->sched.slices == UINT64_MAX)
		return;
	note_bursts(k);
	if (c->began_ns && now - c->began_ns < WINDOW_NS)
		return;
	waited = k->sched.delay_ns - c->delay_ns;
	waited -= c->displaced_ns < waited ? c->displaced_ns : waited;
	c->displaced_ns = 0;
	ran = k->sched.cpu_ns - c->cpu_ns;
	c->ran = waited + ran ? (double)ran / (double)(waited + ran) : 1;
	c->delay_ns = k->sched.delay_ns;
	c->cpu_ns = k->sched.cpu_ns;
	c->began_ns = now;
	if (c->ran < 1 - delay_share(t))
		c->contended_ns = t->contended_ns = now + CONTENDED_NS;
}

bool may_be_woken(const struct known *k, uint64_t now)
{
	return now < k->on_cpu.contended_ns &&
	       k->on_cpu.ran < 1 - WOKEN_SHARE;
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
	bool runs;
	int cpu = probe_cpu(&k->probe, &t->process, &runs);

	return cpu == sched_getcpu() || is_displaced(t, cpu);
}

bool waits_for_other(struct target *t, struct known *k)
{
	struct known *other;
	bool runs;
	int cpu = probe_cpu(&k->probe, &t->process, &runs);
	size_t i;

	for (i = 0; i < t->nrows; i++) {
		other = t->rows[i];
		if (other != k && !other->blocked &&
		    other->def.run == RUN_CPU && !(other->tid & SYNTHETIC) &&
		    probe_cpu(&other->probe, &t->process, &runs) == cpu &&
		    runs)
			return true;
	}
	return false;
}

/*
 * It is off its processor, and we are on that one: was it we who displaced it,
 * or somebody else, before? Nothing tells. So that as many looks find it running
 * as the kernel says that it ran, of the time that it could, what remains of
 * one is carried on.
 */
static bool displaced(struct on_cpu *c)
{
	c->owed += c->ran;
	if (c->owed < 1)
		return false;
	c->owed -= 1;
	return true;
}

bool waited_before(struct target *t, struct known *k, uint64_t now)
{
	uint64_t since, last;

	if (now >= k->on_cpu.contended_ns)
		return false;
	if (occupy_since(t->displace.occupier, &since) ||
	    probe_last_on(&k->probe, &t->process, &last))
		return !displaced(&k->on_cpu);
	return last < since;
}

void learn_off(struct target *t, struct known *k, uint64_t now)
{
	struct on_cpu *c = &k->on_cpu;
	bool runs;

	if (!c->off_known && k->blocked && now < t->contended_ns)
		c->off_known = difference(t, k, &c->off, &runs);
}

bool waits_for_cpu(struct target *t, struct known *k, bool ran, uint64_t now)
{
	struct on_cpu *c = &k->on_cpu;
	uint64_t diff;
	bool ours, runs, taken;

	if (k->look.run != RUN_CPU)
		return false;
	if (now >= c->contended_ns || (ran && c->off_known))
		return false;
	ours = !c->off_known && waits_for_us(t, k);
	/* It may go while we look. */
	taken = is_displaced(t, -1);
	/* One that sleeps by now ran when it was looked at. */
	if (!difference(t, k, &diff, &runs) || !runs)
		return false;
	if (ours && waits_for_us(t, k)) {
		c->off = diff;
		c->off_known = true;
	}
	if (!c->off_known)
		learn(c, diff);
	if (!c->off_known || diff != c->off || ran)
		return false;
	return !(taken || waits_for_us(t, k)) || !displaced(c);
}
