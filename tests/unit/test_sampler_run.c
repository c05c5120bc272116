/*
 * sampler: the loop, in real time, on a target that this file makes up. What
 * is asserted holds on a busy machine, too.
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "profile.h"
#include "sampler.h"
#include "target.h"

#define MS 1000000u
#define LONG (60000ull * MS) /* nothing here may wait for that */

/* What the sampler is to sample; handed over as its target. */
struct fake {
	uint64_t ticks, missed;
	uint64_t first_ns, last_ns;
	uint64_t slow_at, slow_ns; /* this tick takes that long */
	uint64_t lead_ns;
	struct target_ticks told;
	uint64_t first; /* ticks before which nobody comes */
	uint64_t early, as_told; /* ticks begun before they were due; when told */
	uint64_t fail_at;
	int fail;
	uint32_t missed_after_slow;
	uint64_t watched, stop_watch_at;
	struct sampler_status status;
	/* Ticks that interrupts take, once there was one: none if 0. */
	uint64_t round_ns, end_ns, rounds, last; /* last: calls that said so */
	uint64_t rounds_most; /* then they are ours again */
	uint64_t numbered; /* ticks of ours that are of a schedule */
	uint64_t heard; /* rounds that began since `news` could be read */
	int news;
};

/* In place of the real ones: the linker takes what it finds first. */
uint64_t target_lead(const struct target *t)
{
	return ((const struct fake *)t)->lead_ns;
}

void target_next(struct target *t, const struct target_ticks *ticks)
{
	struct fake *f = (struct fake *)t;

	f->as_told += f->told.due_ns[1] == ticks->due_ns[0];
	f->told = *ticks;
}

bool target_interrupt(struct target *t, uint64_t period_ns, uint64_t seed)
{
	const struct fake *f = (const struct fake *)t;

	assert_true(period_ns && seed == 1);
	return f->round_ns > 0;
}

int target_interrupts(const struct target *t, uint64_t *until)
{
	const struct fake *f = (const struct fake *)t;

	if (!f->round_ns || !f->ticks || f->rounds == f->rounds_most)
		return -1;
	*until = f->end_ns;
	return f->news;
}

/* Ten in each round. */
int target_sample_ticks(struct target *t, struct sink *sink, uint64_t now,
			bool last, struct target_ticked *out)
{
	struct fake *f = (struct fake *)t;
	uint64_t seen;

	(void)sink;
	f->last += last;
	f->heard += read(f->news, &seen, sizeof(seen)) > 0;
	f->early += now < f->end_ns && !last;
	f->end_ns = now + f->round_ns;
	f->rounds++;
	*out = (struct target_ticked){.due = 10, .taken = 9};
	return f->rounds == f->fail_at ? f->fail : 0;
}

static int policy(void)
{
	return sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
}

int target_sample(struct target *t, struct sink *sink, const struct tick *due)
{
	struct fake *f = (struct fake *)t;

	(void)sink;
	f->early += clock_mono() < due->mono_ns;
	f->first += policy() == SCHED_FIFO;
	f->last_ns = due->mono_ns;
	if (!f->ticks++)
		f->first_ns = f->last_ns;
	f->missed += due->missed;
	f->numbered += due->number > 0;
	f->end_ns = clock_mono() + f->round_ns;
	if (f->ticks == f->slow_at + 1)
		f->missed_after_slow = due->missed;
	if (f->ticks == f->slow_at)
		clock_sleep_until(f->last_ns + f->slow_ns);
	return f->ticks == f->fail_at ? f->fail : 0;
}

static bool watch(void *arg, const struct sampler_status *status)
{
	struct fake *f = arg;

	f->status = *status;
	return ++f->watched == f->stop_watch_at;
}

static volatile int stop;

static enum sampler_end run(struct fake *f, uint64_t period, uint64_t duration,
			    struct err *err)
{
	struct sampler_options o = {.period_ns = period,
				    .duration_ns = duration,
				    .seed = 1};

	stop = 0;
	return sampler_run((struct target *)f, NULL, &o, &stop, watch, f, err);
}

static void duration_ends_it(void **state)
{
	struct fake f = {0};
	uint64_t began = clock_mono();

	(void)state;
	assert_int_equal(run(&f, MS, 200 * MS, NULL), SAMPLER_DURATION);
	assert_true(clock_mono() - began >= 200 * MS);
	assert_true(f.last_ns - f.first_ns < clock_mono() - began);
	/* Every period of the 200 is accounted for, but for those that were
	 * due after the last tick. */
	assert_true(f.ticks + f.missed <= 201);
	assert_true(f.ticks > 5);
	assert_true(f.status.taken == f.ticks);
	assert_true(f.status.due == f.ticks + f.missed);
	assert_true(f.status.elapsed_ns >= 200 * MS);
}

static void first_tick_is_at_once(void **state)
{
	struct fake f = {0};

	(void)state;
	assert_int_equal(run(&f, LONG, 250 * MS, NULL), SAMPLER_DURATION);
	assert_true(f.ticks == 1);
	/* And it looks around while it waits for the next, and at the end. */
	assert_in_range(f.watched, 2, 4);
}

static void late_ticks_do_not_burst(void **state)
{
	struct fake f = {.slow_at = 3, .slow_ns = 40 * MS};

	(void)state;
	assert_int_equal(run(&f, 2 * MS, 200 * MS, NULL), SAMPLER_DURATION);
	/* 40 ms are 20 periods: 19 or 20 had no tick, more if we were slow. */
	assert_in_range(f.missed_after_slow, 19, 100);
	assert_true(f.ticks + f.missed <= 101);
}

static void fast_as_can_be(void **state)
{
	struct fake f = {0};

	(void)state;
	assert_int_equal(run(&f, 1000, 50 * MS, NULL), SAMPLER_DURATION);
	assert_true(f.ticks + f.missed <= 50001);
	assert_true(f.ticks > 100);
}

/* Begun early, a tick is still that of its time. */
static void ticks_begin_before_they_are_due(void **state)
{
	struct fake at_once = {0}, f = {.lead_ns = MS};

	(void)state;
	assert_int_equal(run(&at_once, 4 * MS, 400 * MS, NULL),
			 SAMPLER_DURATION);
	assert_int_equal(at_once.early, 0);
	assert_int_equal(run(&f, 4 * MS, 400 * MS, NULL), SAMPLER_DURATION);
	assert_true(f.ticks + f.missed <= 101);
	assert_true(f.early > 5);
	assert_true(f.told.period_ns == 4 * MS);
	/* But for those after a tick that was missed. */
	assert_true(f.as_told + 2 * f.missed + 1 >= f.ticks);
	assert_true(f.told.due_ns[0] > f.last_ns);
	assert_true(f.told.due_ns[1] > f.told.due_ns[0]);
}

/* In each run of a process, as after an exec. */
static void comes_first_on_one_processor(void **state)
{
	struct sched_param first = {.sched_priority = 1}, usual = {0};
	cpu_set_t before, one;
	int i;

	(void)state;
	if (sched_setscheduler(0, SCHED_FIFO, &first))
		skip();
	sched_setscheduler(0, SCHED_OTHER, &usual);
	sched_getaffinity(0, sizeof(before), &before);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	for (i = 0; i < 2; i++) {
		struct fake f = {0}, fast = {0};

		assert_int_equal(run(&f, MS, 20 * MS, NULL), SAMPLER_DURATION);
		assert_true(f.ticks && f.first == f.ticks);
		assert_int_equal(policy(), SCHED_OTHER);
		/* It would be ours all the time. */
		run(&fast, MS / 10, 2 * MS, NULL);
		assert_true(fast.ticks && !fast.first);
	}
	sched_setaffinity(0, sizeof(before), &before);
}

/* The first one is ours, and the rest of the last round is asked for. */
static void interrupts_take_ticks(void **state)
{
	struct fake f = {.round_ns = 20 * MS,
			 .news = eventfd(0, EFD_NONBLOCK),
			 .rounds_most = 1000};

	(void)state;
	assert_int_equal(run(&f, MS, 210 * MS, NULL), SAMPLER_DURATION);
	assert_true(f.ticks == 1 && !f.numbered && !f.missed);
	assert_in_range(f.rounds, 3, 11);
	assert_true(f.last == 1 && !f.early);
	assert_true(f.status.due == 1 + 10 * f.rounds);
	assert_true(f.status.taken == 1 + 9 * f.rounds);
	close(f.news);
}

static void news_end_the_sleep(void **state)
{
	struct fake f = {.round_ns = LONG,
			 .rounds_most = 1000,
			 .news = eventfd(1, EFD_NONBLOCK)};

	(void)state;
	assert_int_equal(run(&f, MS, 250 * MS, NULL), SAMPLER_DURATION);
	assert_int_equal(f.rounds, 2);
	assert_int_equal(f.early, 1);
	assert_int_equal(f.heard, 1);
	assert_int_equal(f.last, 1);
	close(f.news);
}

/* No burst of what was due meanwhile. */
static void goes_on_where_interrupts_end(void **state)
{
	struct fake f = {.round_ns = 20 * MS,
			 .news = eventfd(0, EFD_NONBLOCK),
			 .rounds_most = 3};

	(void)state;
	assert_int_equal(run(&f, 2 * MS, 200 * MS, NULL), SAMPLER_DURATION);
	assert_int_equal(f.rounds, 3);
	assert_int_equal(f.last, 0);
	assert_true(f.ticks > 3 && f.ticks <= 72);
	assert_int_equal(f.numbered, 0);
	close(f.news);
}

static void ends_among_interrupts(void **state)
{
	struct fake gone = {.round_ns = MS,
			    .news = eventfd(0, EFD_NONBLOCK),
			    .rounds_most = 1000,
			    .fail_at = 3,
			    .fail = -ESRCH};
	struct fake full = gone;
	struct err err = {""};

	(void)state;
	assert_int_equal(run(&gone, MS, LONG, NULL), SAMPLER_GONE);
	assert_int_equal(gone.rounds, 3);
	full.fail = -ENOSPC;
	assert_int_equal(run(&full, MS, LONG, &err), SAMPLER_FAILED);
	assert_non_null(strstr(err.msg, strerror(ENOSPC)));
	close(gone.news);
}

static void ends_of_other_kinds(void **state)
{
	struct fake gone = {.fail_at = 3, .fail = -ESRCH};
	struct fake full = {.fail_at = 2, .fail = -ENOSPC};
	struct fake watched = {.stop_watch_at = 1};
	struct err err = {""};

	(void)state;
	assert_int_equal(run(&gone, MS, LONG, &err), SAMPLER_GONE);
	assert_true(gone.ticks == 3 && gone.status.taken == 2);
	assert_string_equal(err.msg, "");
	assert_int_equal(run(&full, MS, LONG, &err), SAMPLER_FAILED);
	assert_non_null(strstr(err.msg, strerror(ENOSPC)));
	assert_int_equal(run(&watched, MS, LONG, &err), SAMPLER_STOPPED);
}

static void on_alarm(int sig)
{
	(void)sig;
	stop = 1;
}

/* A signal ends the sleep itself, not only the next tick. */
static void stops_when_asked(void **state)
{
	struct sigaction sa = {.sa_handler = on_alarm};
	struct itimerval soon = {.it_value.tv_usec = 30000};
	struct fake f = {0};

	(void)state;
	sigemptyset(&sa.sa_mask);
	assert_int_equal(sigaction(SIGALRM, &sa, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(run(&f, LONG, 0, NULL), SAMPLER_STOPPED);
	assert_true(f.ticks == 1);
	assert_true(f.status.elapsed_ns < LONG / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(duration_ends_it),
		cmocka_unit_test(first_tick_is_at_once),
		cmocka_unit_test(late_ticks_do_not_burst),
		cmocka_unit_test(fast_as_can_be),
		cmocka_unit_test(ticks_begin_before_they_are_due),
		cmocka_unit_test(comes_first_on_one_processor),
		cmocka_unit_test(interrupts_take_ticks),
		cmocka_unit_test(news_end_the_sleep),
		cmocka_unit_test(goes_on_where_interrupts_end),
		cmocka_unit_test(ends_among_interrupts),
		cmocka_unit_test(ends_of_other_kinds),
		cmocka_unit_test(stops_when_asked),
	};

	return cmocka_run_group_tests_name("sampler: run", tests, NULL, NULL);
}
