/*
 * A thread whose processor we have taken stands still, and can be read as one
 * that was stopped; see occupy.c in process.
 */
#include <sched.h>

#include "target_priv.h"

#define TURN_NS 25000 /* that the processor is taken for, or so */
#define VAIN 20 /* turns in a row that came to nothing: not for BARRED_NS */
#define BARRED_NS 1000000000u

void target_next(struct target *t, const struct target_ticks *ticks)
{
	struct displace *d = &t->displace;
	bool each = !t->ticking.from &&
		    t->budget.share * (double)ticks->period_ns >= TURN_NS;

	/* It takes as long to call it back as to let it come each time. */
	d->next_ns = each ? ticks->due_ns[0] : 0;
	d->then_ns = ticks->due_ns[1];
	walker_next(t->walker, ticks->due_ns, TICKS_AHEAD);
}

uint64_t target_lead(const struct target *t)
{
	const struct displace *d = &t->displace;

	return d->occupier ? occupy_lead(d->occupier) : 0;
}

bool may_displace(const struct target *t)
{
	const struct displace *d = &t->displace;

	return d->allowed && !d->failed && d->next_ns &&
	       d->next_ns >= d->barred_ns;
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
		d->failed = !d->occupier;
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
 * Reads the stack of one whose processor is not its own now. It is in the slice
 * in which that was looked up; so it is there, or has left it since and not run
 * again. False when it is not so, and nothing is to be said of its stack. *until:
 * it had not run by then; taken before that is known, for then it may run.
 */
static bool grab(struct target *t, struct known *k, size_t row, int *ret,
		 uint64_t *until)
{
	*ret = walker_grab(t->walker, row);
	*until = clock_mono();
	return !*ret && k->slices != UINT64_MAX &&
	       look_slices(t, k) == k->slices;
}

static int take(struct target *t, struct known *k, size_t row, uint64_t until)
{
	int ret = walker_take(t->walker, row, until);

	k->on_cpu.stops++;
	if (ret > 0)
		return STAND_GONE;
	return ret ? ret : STAND_READ;
}

/* We are there ourselves. */
static int read_beside_us(struct target *t, struct known *k, size_t row)
{
	uint64_t until, began = clock_mono();
	int ret = 0;
	bool still = grab(t, k, row, &ret, &until);

	k->queued = false; /* but behind us */
	t->budget.left_ns -= (double)(clock_mono() - began);
	if (!still)
		return ret ? ret : STAND_GONE;
	return take(t, k, row, until);
}

/*
 * It fell asleep before its processor was ours. One that slept after that has come
 * on it once more. Asked when it runs again, so that it stands for less long.
 */
static bool had_slept(struct target *t, struct known *k)
{
	struct thread_look look;

	return probe_look(&k->probe, &t->process, &look) ||
	       (look.run != RUN_CPU && look_slices(t, k) == k->slices);
}

/*
 * If it did not run since its CPU time was read, it waited for its processor all
 * the time; `late`: that may have been read when it stood already.
 */
static int read_displaced(struct target *t, struct known *k, size_t row,
			  bool late)
{
	struct displace *d = &t->displace;
	uint64_t until, cpu_ns = k->sched.cpu_ns;
	int ret = 0;
	bool still = grab(t, k, row, &ret, &until);

	k->queued = late ? waited_before(t, k, until)
			 : k->sched.cpu_ns == cpu_ns;
	still = occupy_end(d->occupier, d->next_ns, d->then_ns) && still;
	if (!still || had_slept(t, k))
		return ret ? ret : STAND_GONE;
	d->there = k->tid;
	return take(t, k, row, until);
}

/* The occupier's turn. */
static int take_turn(struct target *t, struct known *k, size_t row)
{
	struct displace *d = &t->displace;
	bool told = occupy_lead(d->occupier) > 0;
	bool late = occupy_is_on(d->occupier, d->cpu);
	int ret = STAND_NOT;

	if (occupy_begin(d->occupier, d->cpu)) {
		d->vain = d->there = 0;
		ret = read_displaced(t, k, row, late);
	} else if (told) {
		note_vain(d);
	}
	charge(t, k);
	return ret;
}

bool turn_comes(const struct target *t)
{
	const struct displace *d = &t->displace;

	return d->cpu < 0 && may_displace(t) && d->occupier &&
	       occupy_lead(d->occupier) > 0 &&
	       occupy_cpu(d->occupier) != sched_getcpu();
}

int displace(struct target *t, struct known *k, size_t row)
{
	struct displace *d = &t->displace;
	bool runs;
	int cpu;

	/* One in each tick: the occupier is told of the next one by now. */
	if (!d->allowed || d->cpu >= 0)
		return STAND_NOT;
	cpu = probe_cpu(&k->probe, &t->process, &runs);
	if (cpu < 0)
		return STAND_NOT;
	/* The turn is that of another one, but it may be back for the next. */
	if (!runs && d->there == k->tid)
		d->asleep_cpu = cpu;
	if (!runs)
		return STAND_NOT;
	d->cpu = cpu;
	if (d->cpu == sched_getcpu())
		return read_beside_us(t, k, row);
	return has_occupier(t) ? take_turn(t, k, row) : STAND_NOT;
}

void displace_next(struct target *t)
{
	struct displace *d = &t->displace;
	bool unused = d->cpu < 0;
	int cpu = unused ? d->asleep_cpu : d->cpu;

	d->cpu = d->asleep_cpu = -1;
	if (!d->occupier)
		return;
	/* It may be there by now, or will be soon. */
	if (unused) {
		occupy_not(d->occupier);
		charge(t, NULL);
	}
	if (cpu < 0 || cpu == sched_getcpu() || !may_displace(t))
		occupy_not(d->occupier);
	else if (occupy_cpu(d->occupier) != cpu &&
		 !occupy_at(d->occupier, cpu, d->next_ns, d->then_ns))
		d->barred_ns = d->next_ns + BARRED_NS;
}
