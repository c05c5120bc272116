/*
 * sampler: several targets side by side, and slices on their way to the
 * thread that draws. The targets are made up.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile.h"
#include "sampler.h"
#include "target.h"
#include "tests/lib/made.h"

#define MS 1000000u

/* ---- seats ---- */

struct fake {
	uint64_t ticks, gone_at, fail_at, lead_ns;
};

/* In place of the real one: the linker takes what it finds first. */
int target_sample(struct target *t, struct sink *sink, const struct tick *due)
{
	struct fake *f = (struct fake *)t;

	(void)sink;
	(void)due;
	f->ticks++;
	if (f->ticks == f->fail_at)
		return -ENOSPC;
	return f->ticks == f->gone_at ? -ESRCH : 0;
}

void target_next(struct target *t, const struct target_ticks *ticks)
{
	(void)t;
	(void)ticks;
}

uint64_t target_lead(const struct target *t)
{
	return ((const struct fake *)t)->lead_ns;
}

bool target_interrupt(struct target *t, uint64_t period_ns, uint64_t seed)
{
	(void)t;
	(void)period_ns;
	(void)seed;
	return false;
}

int target_interrupts(const struct target *t, uint64_t *until)
{
	(void)t;
	(void)until;
	return -1;
}

int target_sample_ticks(struct target *t, struct sink *sink, uint64_t now,
			bool last, struct target_ticked *out)
{
	(void)t;
	(void)sink;
	(void)now;
	(void)last;
	(void)out;
	return -EINVAL;
}

struct house {
	struct sampler_seat seats[3];
	struct fake fakes[4];
	uint64_t want; /* ticks of all, until it stops */
	bool replace;  /* who is gone, by fakes[3] */
	unsigned gone;
};

static bool watch(void *arg, const struct sampler_status *status)
{
	struct house *h = arg;
	bool done = true;
	size_t i;

	(void)status;
	for (i = 0; i < 3; i++) {
		if (h->seats[i].gone) {
			h->gone++;
			h->seats[i].gone = false;
			h->seats[i].target = h->replace
				? (struct target *)&h->fakes[3] : NULL;
		}
		if (h->seats[i].target)
			done = done && ((struct fake *)h->seats[i].target)
						->ticks >= h->want;
	}
	return done;
}

static enum sampler_end run_house(struct house *h, struct err *err)
{
	struct sampler_options o = {.period_ns = 2 * MS, .seed = 1};
	static const volatile int stop;
	size_t i;

	for (i = 0; i < 3; i++)
		if (!h->seats[i].target)
			h->seats[i].target = (struct target *)&h->fakes[i];
	return sampler_run_seats(h->seats, 3, NULL, &o, &stop, watch, h, err);
}

static void each_has_its_ticks(void **state)
{
	struct house h = {.want = 30};
	struct err err;
	size_t i;

	(void)state;
	assert_int_equal(run_house(&h, &err), SAMPLER_STOPPED);
	for (i = 0; i < 3; i++) {
		assert_true(h.fakes[i].ticks >= 30);
		assert_true(h.fakes[i].ticks < 3 * h.fakes[0].ticks);
	}
}

static void one_that_is_gone(void **state)
{
	struct house h = {.want = 20, .fakes[1].gone_at = 5};
	struct err err;

	(void)state;
	assert_int_equal(run_house(&h, &err), SAMPLER_STOPPED);
	assert_int_equal(h.gone, 1);
	assert_int_equal(h.fakes[1].ticks, 5);
	assert_true(h.fakes[0].ticks >= 20 && h.fakes[2].ticks >= 20);
	/* Another one may come in its place, as after an exec. */
	h = (struct house){.want = 20, .fakes[1].gone_at = 5,
			   .replace = true};
	assert_int_equal(run_house(&h, &err), SAMPLER_STOPPED);
	assert_true(h.fakes[3].ticks >= 20);
}

/* The watch takes the only one away, and later all is over. */
static bool take_away(void *arg, const struct sampler_status *status)
{
	struct house *h = arg;

	(void)status;
	if (++h->gone == 2)
		h->seats[0].target = NULL;
	return h->gone == 4;
}

static void one_leaves_while_it_is_waited_for(void **state)
{
	struct sampler_options o = {.period_ns = 60000ull * MS, .seed = 1};
	struct house h = {.fakes[0].lead_ns = MS};
	static const volatile int stop;
	struct err err;

	(void)state;
	h.seats[0].target = (struct target *)&h.fakes[0];
	assert_int_equal(sampler_run_seats(h.seats, 1, NULL, &o, &stop,
					   take_away, &h, &err),
			 SAMPLER_STOPPED);
	assert_int_equal(h.fakes[0].ticks, 1);
	assert_int_equal(h.gone, 5);
}

static void a_failure_ends_it(void **state)
{
	struct house h = {.want = 1000000, .fakes[2].fail_at = 3};
	struct err err = {""};

	(void)state;
	assert_int_equal(run_house(&h, &err), SAMPLER_FAILED);
	assert_non_null(strstr(err.msg, "No space"));
}

/* ---- slices ---- */

static bool readable(const struct feed *f)
{
	struct pollfd p = {.fd = feed_fd(f), .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void slices_in_order(void **state)
{
	struct feed *f = feed_new();
	struct profile *p;
	struct made m;

	(void)state;
	made_init(&m, feed_sink(f));
	assert_false(readable(f));
	assert_null(feed_take(f));
	made_samples(&m, 1, "f@a.py:1", RUN_CPU, 3);
	assert_true(feed_cut(f));
	assert_true(readable(f));
	made_samples(&m, 1, "f@a.py:1", RUN_CPU, 5);
	assert_true(feed_cut(f));
	p = feed_take(f);
	assert_int_equal(p->samples, 3);
	profile_free(p);
	p = feed_take(f);
	assert_int_equal(p->samples, 5);
	assert_int_equal(p->processes[0].pid, 4711);
	/* The time between the last tick of one and the first of the next. */
	assert_int_equal(p->cells[0].ns, 5 * m.period);
	profile_free(p);
	assert_false(readable(f));
	assert_null(feed_take(f));
	made_release(&m);
	feed_free(f);
}

/* Nobody draws: the slice goes on, and nothing is lost of it. */
static void a_full_queue(void **state)
{
	uint64_t samples = 0;
	struct feed *f = feed_new();
	struct profile *p;
	struct made m;
	unsigned i, n = 0;

	(void)state;
	made_init(&m, feed_sink(f));
	for (i = 0; i < FEED_SLICES + 10; i++) {
		made_samples(&m, 1, "f@a.py:1", RUN_CPU, 1);
		assert_int_equal(feed_cut(f), i < FEED_SLICES);
	}
	while ((p = feed_take(f))) {
		samples += p->samples;
		profile_free(p);
		n++;
	}
	assert_int_equal(n, FEED_SLICES);
	assert_true(feed_cut(f));
	p = feed_take(f);
	assert_int_equal(p->samples, 10);
	profile_free(p);
	assert_int_equal(samples, FEED_SLICES);
	assert_int_equal(feed_dropped(f), 0);
	made_release(&m);
	feed_free(f);
}

/* A slice that is too large takes no more; what it leaves out is counted. */
static void a_full_slice(void **state)
{
	uint64_t all = 0, dropped;
	struct feed *f = feed_new();
	struct profile *p;
	struct made m;
	char text[300];

	(void)state;
	made_init(&m, feed_sink(f));
	while (!feed_dropped(f) && all < 1000000) {
		snprintf(text, sizeof(text), "f%0200u@a.py:1", (unsigned)all);
		made_samples(&m, 1, text, RUN_CPU, 1);
		all++;
		if (all % 1000 == 0)
			made_forget(&m);
	}
	made_samples(&m, 1, "g@a.py:1", RUN_CPU, 9);
	dropped = feed_dropped(f);
	assert_int_equal(dropped, 10);
	feed_cut(f);
	p = feed_take(f);
	assert_int_equal(p->samples, all + 9 - dropped);
	assert_true(profile_bytes(p) < 4 * FEED_BYTES);
	profile_free(p);
	/* The next one has room again. */
	made_samples(&m, 1, "g@a.py:1", RUN_CPU, 9);
	assert_int_equal(feed_dropped(f), dropped);
	made_release(&m);
	feed_free(f);
}

#define SLICES 200u
#define EACH 50u

static void *sample(void *arg)
{
	struct feed *f = arg;
	struct made m;
	unsigned i;

	made_init(&m, feed_sink(f));
	for (i = 0; i < SLICES; i++) {
		made_samples(&m, 1, "f@a.py:1", RUN_CPU, EACH);
		feed_cut(f);
	}
	while (!feed_cut(f))
		;
	made_release(&m);
	return NULL;
}

/* Two threads: each sample comes over once. */
static void between_threads(void **state)
{
	struct feed *f = feed_new();
	uint64_t samples = 0;
	struct profile *p;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, sample, f), 0);
	while (samples < SLICES * EACH) {
		struct pollfd fd = {.fd = feed_fd(f), .events = POLLIN};

		assert_int_equal(poll(&fd, 1, 60000), 1);
		while ((p = feed_take(f))) {
			samples += p->samples;
			profile_free(p);
		}
	}
	pthread_join(thread, NULL);
	assert_int_equal(samples, SLICES * EACH);
	assert_int_equal(feed_dropped(f), 0);
	feed_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_its_ticks),
		cmocka_unit_test(one_that_is_gone),
		cmocka_unit_test(one_leaves_while_it_is_waited_for),
		cmocka_unit_test(a_failure_ends_it),
		cmocka_unit_test(slices_in_order),
		cmocka_unit_test(a_full_queue),
		cmocka_unit_test(a_full_slice),
		cmocka_unit_test(between_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
