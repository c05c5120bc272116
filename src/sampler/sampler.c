/*
 * The loop of a run: waits for each tick and takes it.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base.h"
#include "profile.h"
#include "sampler.h"
#include "schedule_priv.h"
#include "target.h"

#define WATCH_NS 100000000u /* at most this long without a look around */
#define SLICE_NS 400000u /* shorter than those of others, longer than a tick */
#define SPIN_NS 5000u /* to fall asleep and wake up takes as long */

struct run {
	uint64_t start;
	const struct sampler_options *options;
	struct sampler_status status;
	const volatile int *stop;
	sampler_watch *watch;
	void *arg;
	uint64_t watched; /* time of the last look */
	uint64_t now;     /* as read last: the clock costs too */
};

static bool call_watch(struct run *r, uint64_t now)
{
	r->watched = now;
	r->status.elapsed_ns = now - r->start;
	return r->watch && r->watch(r->arg, &r->status);
}

/* A look around when it is time for one; true to stop. */
static bool look_around(struct run *r, uint64_t now)
{
	if (*r->stop)
		return true;
	return now - r->watched >= WATCH_NS && call_watch(r, now);
}

/*
 * Sleeps until `due`, looking around meanwhile. True when the run is to end:
 * stopped, or past its duration before the tick is due.
 */
static bool wait_until(struct run *r, uint64_t due, enum sampler_end *end)
{
	uint64_t last = r->options->duration_ns, now = r->now, until;

	last = last ? r->start + last : UINT64_MAX;
	for (;;) {
		*end = SAMPLER_STOPPED;
		if (look_around(r, now))
			return true;
		*end = SAMPLER_DURATION;
		if (now >= last)
			return true;
		if (now >= due)
			return false;
		until = due < last ? due : last;
		if (until > r->watched + WATCH_NS)
			until = r->watched + WATCH_NS;
		if (until > now + SPIN_NS)
			clock_sleep_until(until);
		now = r->now = clock_mono();
	}
}

/* What its sink or the target's reading said, when that ends the run. */
static enum sampler_end fail(int ret, struct err *err)
{
	err_set(err, ret, "cannot go on recording: %s", strerror(-ret));
	return SAMPLER_FAILED;
}

/* The tick that is due now; 0 or what target_sample says. */
static int take_tick(struct run *r, struct target *t, struct sink *sink,
		     struct schedule *s, uint32_t *missed)
{
	struct tick due = {
		.mono_ns = r->now, .missed = *missed, .number = s->at};
	int ret = target_sample(t, sink, &due);

	if (ret)
		return ret;
	r->status.taken++;
	r->status.due += 1 + *missed;
	r->now = clock_mono();
	*missed = schedule_advance(s, r->now);
	return 0;
}

static enum sampler_end loop(struct run *r, struct target *t,
			     struct sink *sink, struct err *err)
{
	enum sampler_end end;
	struct schedule s;
	uint32_t missed = 0;
	int ret;

	schedule_init(&s, r->start, r->options->period_ns, r->options->seed);
	while (!wait_until(r, schedule_due(&s), &end)) {
		ret = take_tick(r, t, sink, &s, &missed);
		if (ret == -ESRCH)
			return SAMPLER_GONE;
		if (ret)
			return fail(ret, err);
	}
	return end;
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

static void begin(struct run *r)
{
	/* The default slack of 50 us would make every tick late. */
	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	ask_for_short_slices();
	r->start = r->watched = r->now = clock_mono();
}

enum sampler_end sampler_run(struct target *t, struct sink *sink,
			     const struct sampler_options *options,
			     const volatile int *stop, sampler_watch *watch,
			     void *arg, struct err *err)
{
	struct run r = {.options = options,
			.stop = stop,
			.watch = watch,
			.arg = arg};
	enum sampler_end end;

	begin(&r);
	end = loop(&r, t, sink, err);
	call_watch(&r, clock_mono());
	return end;
}

/* ---- several targets ---- */

struct seat_times {
	const struct target *of; /* the target that the schedule is for */
	struct schedule schedule;
	uint32_t missed;
	uint64_t due;
};

/* The one that is due first, or `n`: all are empty. */
static size_t first_due(struct run *r, const struct sampler_seat *seats,
			struct seat_times *times, size_t n)
{
	size_t i, first = n;

	for (i = 0; i < n; i++) {
		if (!seats[i].target)
			continue;
		if (times[i].of != seats[i].target) {
			times[i] = (struct seat_times){.of = seats[i].target};
			schedule_init(&times[i].schedule, r->now,
				      r->options->period_ns,
				      r->options->seed + i);
			times[i].due = r->now;
		}
		if (first == n || times[i].due < times[first].due)
			first = i;
	}
	return first;
}

static enum sampler_end loop_seats(struct run *r, struct sampler_seat *seats,
				   struct seat_times *times, size_t n,
				   struct sink *sink, struct err *err)
{
	enum sampler_end end;
	uint64_t due;
	size_t i;
	int ret;

	for (;;) {
		i = first_due(r, seats, times, n);
		due = i < n ? times[i].due : r->now + WATCH_NS;
		if (wait_until(r, due, &end))
			return end;
		/* The watch may have changed who sits there. */
		if (i == n || seats[i].target != times[i].of)
			continue;
		ret = take_tick(r, seats[i].target, sink, &times[i].schedule,
				&times[i].missed);
		times[i].due = schedule_due(&times[i].schedule);
		if (ret && ret != -ESRCH)
			return fail(ret, err);
		if (!ret)
			continue;
		seats[i].gone = true;
		times[i].of = NULL;
		if (call_watch(r, clock_mono()))
			return SAMPLER_STOPPED;
	}
}

enum sampler_end sampler_run_seats(struct sampler_seat *seats, size_t n,
				   struct sink *sink,
				   const struct sampler_options *options,
				   const volatile int *stop,
				   sampler_watch *watch, void *arg,
				   struct err *err)
{
	struct seat_times *times = xcalloc(n, sizeof(*times));
	struct run r = {.options = options,
			.stop = stop,
			.watch = watch,
			.arg = arg};
	enum sampler_end end;

	begin(&r);
	end = loop_seats(&r, seats, times, n, sink, err);
	call_watch(&r, clock_mono());
	free(times);
	return end;
}
