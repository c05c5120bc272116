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
#include "waker_priv.h"

#define WATCH_NS 100000000u /* about this long without a look around */
#define SLICE_NS 400000u /* shorter than those of others, longer than a tick */
#define SPIN_NS 5000u /* to fall asleep and wake up takes as long */

struct run {
	uint64_t start;
	const struct sampler_options *options;
	struct sampler_status status;
	struct waker waker;
	bool alone; /* of one target, with which the run ends */
	const volatile int *stop;
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

/* When to wake up at the latest, to sleep until `due`. */
static uint64_t nap_end(const struct run *r, uint64_t due, uint64_t last)
{
	uint64_t look = r->watched + WATCH_NS, until = due < last ? due : last;

	/* A tick that comes soon after the look is due saves its own wake-up. */
	return until > look + WATCH_NS / 2 ? look : until;
}

/*
 * Sleeps until `due`, after which `then` will come, looking around meanwhile.
 * True when the run is to end: stopped, or past its duration before the tick
 * is due.
 */
static bool wait_until(struct run *r, uint64_t due, uint64_t then,
		       enum sampler_end *end)
{
	uint64_t last = r->options->duration_ns, until;

	last = last ? r->start + last : UINT64_MAX;
	for (;;) {
		*end = SAMPLER_STOPPED;
		if (look_around(r))
			return true;
		*end = SAMPLER_DURATION;
		if (r->now >= last)
			return true;
		if (r->now >= due)
			return false;
		until = nap_end(r, due, last);
		if (until > r->now + SPIN_NS)
			waker_sleep(&r->waker, until,
				    until < due ? due : then);
		r->now = clock_mono();
	}
}

/* What its sink or the target's reading said, when that ends the run. */
static enum sampler_end fail(int ret, struct err *err)
{
	err_set(err, ret, "cannot go on recording: %s", strerror(-ret));
	return SAMPLER_FAILED;
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

struct seat_times {
	const struct target *of; /* the target that the schedule is for */
	struct schedule schedule;
	uint32_t missed;
	uint64_t due;
};

struct turn {
	size_t seat; /* their number: all are empty */
	uint64_t due, then; /* then: of the turn after it, if all goes well */
};

static void sit_down(struct run *r, const struct target *t, size_t i,
		     struct seat_times *times)
{
	*times = (struct seat_times){.of = t, .due = r->now};
	schedule_init(&times->schedule, r->now, r->options->period_ns,
		      r->options->seed + i);
}

static struct turn next_turn(struct run *r, const struct sampler_seat *seats,
			     struct seat_times *times, size_t n)
{
	struct turn t = {.seat = n, .due = UINT64_MAX, .then = UINT64_MAX};
	struct schedule s;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!seats[i].target)
			continue;
		if (times[i].of != seats[i].target)
			sit_down(r, seats[i].target, i, &times[i]);
		if (times[i].due < t.due) {
			t.then = t.due;
			t.due = times[i].due;
			t.seat = i;
		} else if (times[i].due < t.then) {
			t.then = times[i].due;
		}
	}
	if (t.seat == n)
		return (struct turn){.seat = n, .due = r->now + WATCH_NS};
	s = times[t.seat].schedule;
	s.at++;
	if (schedule_due(&s) < t.then)
		t.then = schedule_due(&s);
	return t;
}

/* The tick that is due now; 0 or what target_sample says. */
static int take_tick(struct run *r, const struct sampler_seat *seat,
		     struct seat_times *times, struct sink *sink)
{
	struct tick due = {.mono_ns = r->now,
			   .missed = times->missed,
			   .number = times->schedule.at};
	int ret = target_sample(seat->target, sink, &due);

	if (ret)
		return ret;
	r->status.taken++;
	r->status.due += 1 + times->missed;
	r->now = clock_mono();
	times->missed = schedule_advance(&times->schedule, r->now);
	times->due = schedule_due(&times->schedule);
	return 0;
}

static enum sampler_end loop(struct run *r, struct sampler_seat *seats,
			     struct seat_times *times, size_t n,
			     struct sink *sink, struct err *err)
{
	enum sampler_end end;
	struct turn t;
	int ret;

	for (;;) {
		t = next_turn(r, seats, times, n);
		if (wait_until(r, t.due, t.then, &end))
			return end;
		/* The watch may have changed who sits there. */
		if (t.seat == n || seats[t.seat].target != times[t.seat].of)
			continue;
		ret = take_tick(r, &seats[t.seat], &times[t.seat], sink);
		if (ret && ret != -ESRCH)
			return fail(ret, err);
		if (!ret)
			continue;
		seats[t.seat].gone = true;
		times[t.seat].of = NULL;
		if (r->alone)
			return SAMPLER_GONE;
		r->now = clock_mono();
		if (call_watch(r))
			return SAMPLER_STOPPED;
	}
}

static enum sampler_end run(struct run *r, struct sampler_seat *seats, size_t n,
			    struct sink *sink, struct err *err)
{
	struct seat_times *times = xcalloc(n, sizeof(*times));
	enum sampler_end end;

	ask_for_short_slices();
	waker_init(&r->waker);
	r->start = r->watched = r->now = clock_mono();
	end = loop(r, seats, times, n, sink, err);
	r->now = clock_mono();
	call_watch(r);
	waker_release(&r->waker);
	free(times);
	return end;
}

enum sampler_end sampler_run(struct target *t, struct sink *sink,
			     const struct sampler_options *options,
			     const volatile int *stop, sampler_watch *watch,
			     void *arg, struct err *err)
{
	struct sampler_seat seat = {.target = t};
	struct run r = {.options = options,
			.stop = stop,
			.watch = watch,
			.arg = arg,
			.alone = true};

	return run(&r, &seat, 1, sink, err);
}

enum sampler_end sampler_run_seats(struct sampler_seat *seats, size_t n,
				   struct sink *sink,
				   const struct sampler_options *options,
				   const volatile int *stop,
				   sampler_watch *watch, void *arg,
				   struct err *err)
{
	struct run r = {.options = options,
			.stop = stop,
			.watch = watch,
			.arg = arg};

	return run(&r, seats, n, sink, err);
}
