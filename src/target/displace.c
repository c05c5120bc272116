/*
 * A thread whose processor we have taken stands still, and can be read as one
 * that was stopped; see occupy.c in process.
 */
#include <sched.h>

#include "target_priv.h"

#define TURN_NS 25000 /* that the processor is taken for, or so */
#define VAIN 20 /* turns in a row that came to nothing: not for BARRED_NS */
#define BARRED_NS 1000000000u

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
	const struct displace *d = &t->displace;

	return d->allowed && d->next_ns && d->next_ns >= d->barred_ns;
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

/* What was taken from a thread: it did not wait for that in its queue. */
static void charge(struct target *t, struct known *k)
{
	uint64_t took = occupy_took(t->displace.occupier);

	t->budget.left_ns -= (double)took;
	if (k)
		k->on_cpu.displaced_ns += took;
}

/* The target was kept waiting, and nothing was read. */
static void note_vain(struct displace *d)
{
	if (++d->vain < VAIN)
		return;
	d->vain = 0;
	d->barred_ns = d->next_ns + BARRED_NS;
}

/*
 * It is in the slice in which its processor was looked up; so it is there, or
 * has left it since and not run again.
 */
static int read_displaced(struct target *t, struct known *k, size_t row)
{
	struct displace *d = &t->displace;
	struct thread_look look;
	uint64_t resumed;
	bool still;
	int ret = 0;

	still = !probe_look(&k->probe, &t->process, &look) &&
		look.run == RUN_CPU;
	if (still)
		ret = walker_grab(t->walker, row);
	still = still && k->slices != UINT64_MAX &&
		look_slices(t, k) == k->slices;
	resumed = clock_mono();
	still = occupy_end(d->occupier, d->next_ns, d->then_ns) && still;
	if (ret)
		return ret;
	if (!still)
		return DISPLACE_GONE;
	k->on_cpu.stops++;
	ret = walker_take(t->walker, row, resumed);
	return ret ? ret : DISPLACE_READ;
}

int displace(struct target *t, struct known *k, size_t row)
{
	struct displace *d = &t->displace;
	bool told;
	int ret;

	/* One in each tick: it is told of the next one by now. */
	if (d->cpu >= 0 || !has_occupier(t))
		return DISPLACE_NOT;
	d->cpu = probe_cpu(&k->probe, &t->process);
	if (d->cpu < 0)
		return DISPLACE_NOT;
	if (d->cpu == sched_getcpu())
		occupy_not(d->occupier);
	told = occupy_lead(d->occupier) > 0;
	if (!occupy_begin(d->occupier, d->cpu)) {
		if (told)
			note_vain(d);
		charge(t, k);
		return DISPLACE_NOT;
	}
	d->vain = 0;
	ret = read_displaced(t, k, row);
	charge(t, k);
	return ret;
}

void displace_next(struct target *t)
{
	struct displace *d = &t->displace;

	if (!d->occupier)
		return;
	if (d->cpu < 0 || !may_displace(t)) {
		occupy_not(d->occupier);
		charge(t, NULL);
	} else if (occupy_cpu(d->occupier) != d->cpu &&
		   d->cpu != sched_getcpu() &&
		   !occupy_at(d->occupier, d->cpu, d->next_ns, d->then_ns)) {
		d->barred_ns = d->next_ns + BARRED_NS;
	}
	d->cpu = -1;
}
