/*
 * The loop of a run: waits for each tick and takes it.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base.h"
#include "profile.h"
#include "sampler.h"
#include "schedule_priv.h"
#include "target.h"

#define WATCH_NS 100000000u /* about this long without a look around */
#define SLICE_NS 400000u /* shorter than those of others, longer than a tick */
#define FIRST_NS 500000u /* period, below which we would be on it all the time */
#define SPIN_NS 5000u /* to fall asleep and wake up takes as long */
#define CLOCK_NS 100u /* two looks at the clock: what is due by then is due now */

struct seat_times {
	const struct target *of; /* the target that the schedule is for */
	struct schedule schedule;
	bool scheduled; /* all ticks are of that one */
	uint32_t missed;
	uint64_t due;
};

struct run {
	struct sampler_seat *seats; /* n of them */
	struct seat_times *times;
	size_t n;
	uint64_t start;
	const struct sampler_options *options;
	struct sampler_status status;
	struct waker waker;
	bool alone; /* of one target, with which the run ends */
	const volatile int *stop;
	struct sink *sink;
	sampler_watch *watch;
	void *arg;
	uint64_t watched; /* time of the last look */
	uint64_t now;     /* as read last: the clock costs too */
};

/* That may take its time, too. */
static bool call_watch(struct run *r)
{
	bool stop;

	r->status.elapsed_ns = r->now - r->start;
	stop = r->watch && r->watch(r->arg, &r->status);
	r->watched = r->now = clock_mono();
	return stop;
}

/* A look around when it is time for one; true to stop. */
static bool look_around(struct run *r)
{
	if (*r->stop)
		return true;
	return r->now - r->watched >= WATCH_NS && call_watch(r);
}

/* What its sink or the target's reading said, when that ends the run. */
static enum sampler_end fail(int ret, struct err *err)
{
	err_set(err, ret, "cannot go on recording: %s", strerror(-ret));
	return SAMPLER_FAILED;
}

/*
 * Where there is one processor for all, the kernel gives it to us when the target
 * has called it, or in its own time. As a real-time task, if that is permitted, we
 * have it when a tick is due, and the target stands meanwhile anyway.
 */
static bool come_first(uint64_t period_ns)
{
	struct sched_param param = {.sched_priority = 1};
	cpu_set_t set;

	return period_ns >= FIRST_NS &&
	       !sched_getaffinity(0, sizeof(set), &set) &&
	       CPU_COUNT(&set) == 1 &&
	       (sched_getscheduler(0) & ~SCHED_RESET_ON_FORK) == SCHED_OTHER &&
	       !sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
}

/*
 * Where we share a processor with the target we would mostly get it when the
 * target falls asleep, and so would see it asleep. From Linux 6.12 on, who asks
 * for less time at once gets it sooner, and no more of it (sched_setattr(2)).
 * The glibc of Debian 12 has no function for that.
 */
static void ask_for_short_slices(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr = {.size = sizeof(attr)};

	if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) ||
	    attr.policy != SCHED_OTHER)
		return;
	attr.runtime = SLICE_NS;
	syscall(SYS_sched_setattr, 0, &attr, 0);
}

/* ---- whose turn it is ---- */

static bool is_short(const struct sampler_options *o)
{
	return o->duration_ns && o->duration_ns < WATCH_NS;
}

static void sit_down(struct run *r, size_t i)
{
	struct seat_times *times = &r->times[i];

	*times = (struct seat_times){.of = r->seats[i].target, .due = r->now};
	schedule_init(&times->schedule, r->now, r->options->period_ns,
		      r->options->seed + i);
	/* They wake us for one target alone; to begin takes some 5 ms. */
	times->scheduled = r->n > 1 || is_short(r->options) ||
			   !target_interrupt(r->seats[i].target,
					     r->options->period_ns,
					     r->options->seed);
}

/* When its tick is to begin, so as to be there when it is due. */
static uint64_t begin_of(const struct run *r, size_t i)
{
	uint64_t until;

	if (target_interrupts(r->seats[i].target, &until) >= 0)
		return until;
	return r->times[i].due - target_lead(r->seats[i].target);
}

/* Whether the one that its schedule is for is there. */
static bool sits(const struct run *r, size_t i)
{
	return r->seats[i].target && r->seats[i].target == r->times[i].of;
}

/* The one that is due first, or `n`: all are empty. */
static size_t first_due(struct run *r)
{
	size_t i, first = r->n;

	for (i = 0; i < r->n; i++) {
		if (!r->seats[i].target)
			continue;
		if (!sits(r, i))
			sit_down(r, i);
		if (first == r->n || begin_of(r, i) < begin_of(r, first))
			first = i;
	}
	return first;
}

/* When the turn after that of `first` will be, if all goes well. */
static uint64_t due_then(const struct run *r, size_t first)
{
	uint64_t then = UINT64_MAX;
	struct schedule s;
	size_t i;

	if (first == r->n)
		return then;
	s = r->times[first].schedule;
	s.at++;
	then = schedule_due(&s) - target_lead(r->seats[first].target);
	for (i = 0; i < r->n; i++)
		if (i != first && r->seats[i].target && begin_of(r, i) < then)
			then = begin_of(r, i);
	return then;
}

/* When to wake up at the latest, to sleep until `due`. */
static uint64_t nap_end(const struct run *r, uint64_t due, uint64_t last)
{
	uint64_t look = r->watched + WATCH_NS, until = due < last ? due : last;

	/* A tick that comes soon after the look is due saves its own wake-up. */
	return until > look + WATCH_NS / 2 ? look : until;
}

/*
 * Sleeps until the turn of `first`, looking around meanwhile. True when the
 * run is to end: stopped, or past its duration before the tick is due.
 */
static bool wait_for(struct run *r, size_t first, enum sampler_end *end)
{
	bool any = first < r->n;
	uint64_t due = any ? begin_of(r, first) : r->now + WATCH_NS;
	uint64_t last = r->options->duration_ns, until;
	bool woken = false;
	int news = any ? target_interrupts(r->seats[first].target, &until) : -1;

	last = last ? r->start + last : UINT64_MAX;
	for (;;) {
		*end = SAMPLER_STOPPED;
		if (look_around(r))
			return true;
		*end = SAMPLER_DURATION;
		if (r->now >= last)
			return true;
		/* The watch may have changed who sits there. */
		if (any && !sits(r, first))
			return false;
		if (r->now + CLOCK_NS >= due)
			return any && news < 0 && r->times[first].due >= last;
		until = nap_end(r, due, last);
		if (until > r->now + SPIN_NS)
			woken = waker_sleep(
				&r->waker, until,
				until < due ? due : due_then(r, first), news);
		r->now = clock_mono();
		if (woken)
			return false;
	}
}

/* The tick of seat i, which is due now; 0 or what target_sample says. */
static int take_tick(struct run *r, size_t i)
{
	struct seat_times *times = &r->times[i];
	struct schedule s = times->schedule;
	struct tick due = {.mono_ns = r->now > times->due ? r->now : times->due,
			   .missed = times->missed,
			   .number = times->scheduled ? times->schedule.at
						      : 0};
	struct target_ticks ticks = {.period_ns = r->options->period_ns};
	unsigned n;
	int ret;

	for (n = 0; n < TICKS_AHEAD; n++) {
		s.at++;
		ticks.due_ns[n] = schedule_due(&s);
	}
	target_next(r->seats[i].target, &ticks);
	ret = target_sample(r->seats[i].target, r->sink, &due);
	r->now = clock_mono();
	if (ret)
		return ret;
	r->status.taken++;
	r->status.due += 1 + times->missed;
	times->missed = schedule_advance(&times->schedule, r->now);
	times->due = schedule_due(&times->schedule);
	return 0;
}

/* All ticks that interrupts took by now. */
static int take_ticks(struct run *r, size_t i, bool last)
{
	struct seat_times *times = &r->times[i];
	struct target_ticked ticks;
	int ret = target_sample_ticks(r->seats[i].target, r->sink, r->now, last,
				      &ticks);

	r->now = clock_mono();
	r->status.taken += ticks.taken;
	r->status.due += ticks.due;
	/* It goes on from here, if they end. */
	times->missed = 0;
	if (times->due <= r->now) {
		schedule_advance(&times->schedule, r->now);
		times->due = schedule_due(&times->schedule);
	}
	return ret;
}

/* What is left of them when the run ends. */
static int take_rest(struct run *r, size_t i)
{
	uint64_t until;
	int ret;

	if (i == r->n || !sits(r, i) ||
	    target_interrupts(r->times[i].of, &until) < 0)
		return 0;
	ret = take_ticks(r, i, true);
	return ret == -ESRCH ? 0 : ret;
}

static enum sampler_end loop(struct run *r, struct err *err)
{
	enum sampler_end end;
	uint64_t until;
	size_t i;
	int ret;

	for (;;) {
		i = first_due(r);
		if (wait_for(r, i, &end)) {
			ret = take_rest(r, i);
			return ret ? fail(ret, err) : end;
		}
		if (i == r->n || !sits(r, i))
			continue;
		ret = target_interrupts(r->times[i].of, &until) < 0
			      ? take_tick(r, i)
			      : take_ticks(r, i, false);
		if (ret && ret != -ESRCH)
			return fail(ret, err);
		if (!ret)
			continue;
		r->seats[i].gone = true;
		r->times[i].of = NULL;
		if (r->alone)
			return SAMPLER_GONE;
		if (call_watch(r))
			return SAMPLER_STOPPED;
	}
}

static enum sampler_end run(struct run *r, struct err *err)
{
	struct sched_param usual = {.sched_priority = 0};
	enum sampler_end end;
	bool first;

	r->times = xcalloc(r->n, sizeof(*r->times));
	first = come_first(r->options->period_ns);
	if (!first)
		ask_for_short_slices();
	waker_init(&r->waker);
	r->start = r->watched = r->now = clock_mono();
	end = loop(r, err);
	call_watch(r);
	if (first)
		/* Only who is privileged may take the flag away. */
		sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK,
				   &usual);
	waker_release(&r->waker);
	free(r->times);
	return end;
}

enum sampler_end sampler_run(struct target *t, struct sink *sink,
			     const struct sampler_options *options,
			     const volatile int *stop, sampler_watch *watch,
			     void *arg, struct err *err)
{
	struct sampler_seat seat = {.target = t};
	struct run r = {.seats = &seat,
			.n = 1,
			.alone = true,
			.options = options,
			.stop = stop,
			.sink = sink,
			.watch = watch,
			.arg = arg};

	return run(&r, err);
}

enum sampler_end sampler_run_seats(struct sampler_seat *seats, size_t n,
				   struct sink *sink,
				   const struct sampler_options *options,
				   const volatile int *stop,
				   sampler_watch *watch, void *arg,
				   struct err *err)
{
	struct run r = {.seats = seats,
			.n = n,
			.options = options,
			.stop = stop,
			.sink = sink,
			.watch = watch,
			.arg = arg};

	return run(&r, err);
}
