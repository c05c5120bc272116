/*
 * A thread whose processor we have taken stands still, and can be read as one
 * that was stopped; see occupy.c in process.
 */
#include <sched.h>

#include "target_priv.h"

#define TURN_NS 25000 /* that the processor is taken for, or so */

void displace_plan(struct target *t, const struct target_ticks *ticks)
{
	struct displace *d = &t->displace;
	bool each = t->budget.share * (double)ticks->period_ns >= TURN_NS;

	/* It takes as long to call it back as to let it come each time. */
	d->next_ns = each ? ticks->next_ns : 0;
	d->then_ns = ticks->then_ns;
}

bool may_displace(const struct target *t)
{
	return t->displace.allowed && t->displace.next_ns;
}

bool is_displaced(const struct target *t, int cpu)
{
	const struct displace *d = &t->displace;

	return d->occupier && occupy_is_on(d->occupier, cpu);
}

static bool has_occupier(struct target *t)
{
	struct displace *d = &t->displace;

	if (may_displace(t) && !d->occupier) {
		d->occupier = occupier_new();
		d->allowed = d->occupier != NULL;
	}
	return may_displace(t);
}

/* What the occupier took from it: it did not wait for that in its queue. */
static void charge(struct target *t, struct known *k)
{
	uint64_t took = occupy_took(t->displace.occupier);

	t->budget.left_ns -= (double)took;
	k->on_cpu.displaced_ns += took;
}

/*
 * It is in the slice in which its processor was looked up; so it is there, or
 * has left it since and not run again.
 */
static int read_displaced(struct target *t, struct known *k, size_t row)
{
	struct displace *d = &t->displace;
	struct thread_look look;
	bool still;
	int ret = 0;

	if (!occupy_begin(d->occupier, d->cpu))
		return 0;
	still = !probe_look(&k->probe, &t->process, &look) &&
		look.run == RUN_CPU;
	if (still)
		ret = walker_grab(t->walker, row);
	still = still && look_slices(t, k) == k->slices;
	still = occupy_end(d->occupier, d->next_ns, d->then_ns) && still;
	charge(t, k);
	if (ret || !still)
		return ret;
	k->on_cpu.stops++;
	ret = walker_take(t->walker, row, clock_mono());
	return ret ? ret : 1;
}

int displace(struct target *t, struct known *k, size_t row)
{
	struct displace *d = &t->displace;

	if (!has_occupier(t))
		return 0;
	d->cpu = probe_cpu(&k->probe, &t->process);
	return read_displaced(t, k, row);
}

void displace_next(struct target *t)
{
	struct displace *d = &t->displace;

	if (!d->occupier)
		return;
	if (d->cpu < 0 || !d->next_ns)
		occupy_not(d->occupier);
	else if (occupy_cpu(d->occupier) != d->cpu && d->cpu != sched_getcpu())
		d->allowed = occupy_at(d->occupier, d->cpu, d->next_ns,
				       d->then_ns);
	d->cpu = -1;
}
