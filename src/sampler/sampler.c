#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#include "base.h"
#include "sampler.h"
#include "schedule_priv.h"
#include "target.h"

#define WATCH_NS 100000000u /* at most this long without a look around */
#define SPIN_NS 5000u /* to fall asleep and wake up takes as long */

struct run {
	struct schedule schedule;
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
	r->status.elapsed_ns = now - r->schedule.start;
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

	last = last ? r->schedule.start + last : UINT64_MAX;
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

static enum sampler_end loop(struct run *r, struct target *t,
			     struct sink *sink, struct err *err)
{
	enum sampler_end end;
	uint32_t missed = 0;
	int ret;

	while (!wait_until(r, schedule_due(&r->schedule), &end)) {
		ret = target_sample(t, sink, r->now, missed);
		if (ret == -ESRCH)
			return SAMPLER_GONE;
		if (ret) {
			err_set(err, ret, "cannot go on recording: %s",
				strerror(-ret));
			return SAMPLER_FAILED;
		}
		r->status.taken++;
		r->status.due += 1 + missed;
		r->now = clock_mono();
		missed = schedule_advance(&r->schedule, r->now);
	}
	return end;
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

	/* The default slack of 50 us would make every tick late. */
	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	schedule_init(&r.schedule, clock_mono(), options->period_ns,
		      options->seed);
	r.watched = r.now = r.schedule.start;
	end = loop(&r, t, sink, err);
	call_watch(&r, clock_mono());
	return end;
}
