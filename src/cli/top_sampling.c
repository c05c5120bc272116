/*
 * The thread that samples for "pystrobe top". It alone attaches, stops threads
 * and looks after subjects; whoever draws asks it under a lock.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "top_priv.h"

#define AWAY_NS 1000000000u
#define REFUSED_NS 2500000000u

struct seat {
	struct subject *subject;
	uint64_t since, next_try; /* it is no target since, and when to try */
	uint64_t refused, refused_at; /* stops of its target, and when */
	struct fate fate;
};

struct sampling {
	struct sampler_options options;
	struct sampler_seat *targets;
	struct seat *seats;
	size_t n;
	struct feed *feed;
	pthread_t thread;
	bool running;
	volatile int stop;
	uint64_t next_cut;

	pthread_mutex_t lock; /* for all below, and the fates */
	pthread_cond_t changed;
	uint64_t interval_ns;
	bool hold, held, over;
};

struct feed *sampling_feed(struct sampling *s)
{
	return s->feed;
}

/* ---- subjects ---- */

static void set_fate(struct sampling *s, struct seat *seat, bool attached,
		     bool ended, const char *why)
{
	pthread_mutex_lock(&s->lock);
	seat->fate.attached = seat->fate.attached || attached;
	seat->fate.ended = ended;
	seat->fate.away = false;
	memcpy(seat->fate.why, why, strnlen(why, ERR_MAX - 1) + 1);
	pthread_mutex_unlock(&s->lock);
}

static void lose_target(struct sampler_seat *t, struct seat *seat)
{
	target_free(t->target);
	*t = (struct sampler_seat){.target = NULL};
	seat->refused = seat->refused_at = 0;
	seat->since = seat->next_try = clock_mono();
}

/* From one Python to another, by exec, takes less. */
static void look_for_long(struct sampling *s, struct seat *seat, uint64_t now)
{
	pthread_mutex_lock(&s->lock);
	seat->fate.away = seat->fate.attached && now - seat->since > AWAY_NS;
	seat->fate.refused = false;
	pthread_mutex_unlock(&s->lock);
}

/* After a refusal the next stop is tried a second later. */
static void look_for_refusals(struct sampling *s, const struct target *t,
			      struct seat *seat)
{
	struct target_counts c;
	uint64_t now = clock_mono();

	target_counts(t, &c);
	if (c.refused != seat->refused)
		seat->refused_at = now;
	seat->refused = c.refused;
	pthread_mutex_lock(&s->lock);
	seat->fate.refused = seat->refused_at &&
			     now - seat->refused_at < REFUSED_NS;
	seat->fate.tracer = c.tracer;
	pthread_mutex_unlock(&s->lock);
}

static void try_attach(struct sampling *s, struct sampler_seat *t,
		       struct seat *seat)
{
	uint64_t now = clock_mono(), pause;
	struct target *target = NULL;
	struct err err = {""};
	int ret;

	if (now < seat->next_try)
		return;
	ret = subject_try(seat->subject, &target, now - seat->since, &pause,
			  &err);
	seat->next_try = now + pause;
	if (ret == -EAGAIN) {
		look_for_long(s, seat, now);
		return;
	}
	if (!ret && target_announce(target, feed_sink(s->feed))) {
		target_free(target);
		ret = -EIO;
	}
	if (!ret)
		t->target = target;
	set_fate(s, seat, !ret, ret != 0,
		 ret && subject_alive(seat->subject) ? err.msg : "");
}

/* Whoever ended is let go, and an exec makes it another target. */
static void tend(struct sampling *s, size_t i)
{
	struct sampler_seat *t = &s->targets[i];
	struct seat *seat = &s->seats[i];

	if (t->gone)
		lose_target(t, seat);
	if (seat->fate.ended)
		return;
	if (!subject_alive(seat->subject)) {
		if (t->target)
			lose_target(t, seat);
		set_fate(s, seat, false, true, "");
	} else if (!t->target) {
		try_attach(s, t, seat);
	} else {
		look_for_refusals(s, t->target, seat);
	}
}

/* ---- the thread ---- */

/* Here nothing is stopped: it is between two ticks. */
static void wait_while_held(struct sampling *s)
{
	pthread_mutex_lock(&s->lock);
	while (s->hold && !s->stop) {
		s->held = true;
		pthread_cond_broadcast(&s->changed);
		pthread_cond_wait(&s->changed, &s->lock);
	}
	s->held = false;
	pthread_mutex_unlock(&s->lock);
}

static void cut_slice(struct sampling *s)
{
	uint64_t now = clock_mono(), interval;

	pthread_mutex_lock(&s->lock);
	interval = s->interval_ns;
	pthread_mutex_unlock(&s->lock);
	/* The interval may have become shorter. */
	if (s->next_cut > now + interval)
		s->next_cut = now + interval;
	if (now < s->next_cut)
		return;
	if (feed_cut(s->feed)) {
		s->next_cut += interval;
		if (s->next_cut <= now)
			s->next_cut = now + interval;
	}
}

static bool watch(void *arg, const struct sampler_status *status)
{
	struct sampling *s = arg;
	bool all_ended = true;
	size_t i;

	(void)status;
	wait_while_held(s);
	for (i = 0; i < s->n; i++) {
		tend(s, i);
		all_ended = all_ended && s->seats[i].fate.ended;
	}
	cut_slice(s);
	return all_ended;
}

/*
 * SIGCHLD is for the one who stops threads. Signals for the program are the
 * other thread's, which sleeps in a place from which they wake it.
 */
static void set_signals(void)
{
	sigset_t set;

	sigfillset(&set);
	sigdelset(&set, SIGCHLD);
	sigdelset(&set, SIGSEGV);
	sigdelset(&set, SIGBUS);
	sigdelset(&set, SIGFPE);
	sigdelset(&set, SIGILL);
	sigdelset(&set, SIGABRT);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
}

static void *sample(void *arg)
{
	struct sampling *s = arg;
	struct err err;

	set_signals();
	sampler_run_seats(s->targets, s->n, feed_sink(s->feed), &s->options,
			  &s->stop, watch, s, &err);
	for (size_t i = 0; i < s->n; i++)
		target_free(s->targets[i].target);
	feed_cut(s->feed);
	pthread_mutex_lock(&s->lock);
	s->over = s->held = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void block_child(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

struct sampling *sampling_start(struct subject *subjects,
				struct target **targets, size_t n,
				const struct sampler_options *o,
				struct err *err)
{
	struct sampling *s = xcalloc(1, sizeof(*s));
	size_t i;
	int ret;

	s->options = *o;
	s->n = n;
	s->targets = xcalloc(n, sizeof(*s->targets));
	s->seats = xcalloc(n, sizeof(*s->seats));
	s->feed = feed_new();
	s->interval_ns = 1000000000u;
	s->next_cut = clock_mono() + s->interval_ns;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	tell_run(feed_sink(s->feed), o);
	for (i = 0; i < n; i++) {
		s->seats[i].subject = &subjects[i];
		s->seats[i].since = clock_mono();
		s->targets[i].target = targets[i];
		s->seats[i].fate.attached = targets[i] != NULL;
		if (targets[i])
			target_announce(targets[i], feed_sink(s->feed));
	}
	block_child();
	ret = pthread_create(&s->thread, NULL, sample, s);
	s->running = !ret;
	if (!ret)
		return s;
	err_set(err, -ret,
		"cannot start the thread that samples: %s; perhaps a limit of "
		"threads or memory is reached, see 'ulimit -a'",
		strerror(ret));
	for (i = 0; i < n; i++)
		target_free(targets[i]);
	sampling_free(s);
	return NULL;
}

void sampling_stop(struct sampling *s)
{
	if (!s->running)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = 1;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	s->running = false;
}

void sampling_free(struct sampling *s)
{
	if (!s)
		return;
	sampling_stop(s);
	feed_free(s->feed);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
	free(s->targets);
	free(s->seats);
	free(s);
}

void sampling_interval(struct sampling *s, uint64_t ns)
{
	pthread_mutex_lock(&s->lock);
	s->interval_ns = ns;
	pthread_mutex_unlock(&s->lock);
}

bool sampling_over(struct sampling *s)
{
	bool over;

	pthread_mutex_lock(&s->lock);
	over = s->over;
	pthread_mutex_unlock(&s->lock);
	return over;
}

void sampling_fate(struct sampling *s, size_t i, struct fate *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->seats[i].fate;
	pthread_mutex_unlock(&s->lock);
}

void sampling_hold(struct sampling *s, bool hold)
{
	pthread_mutex_lock(&s->lock);
	s->hold = hold;
	pthread_cond_broadcast(&s->changed);
	while (hold && !s->held && !s->over)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
}
