/*
 * sampler: the schedule, on made-up times.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base.h"
#include "src/sampler/schedule_priv.h"

#define PERIOD 1000000u

static void one_tick_in_each_period(void **state)
{
	struct schedule s;
	uint64_t i, due, early = 0;

	(void)state;
	schedule_init(&s, 5000, PERIOD, 1);
	assert_true(schedule_due(&s) == 5000);
	for (i = 0; i < 100000; i++) {
		due = schedule_due(&s);
		assert_true(due >= 5000 + i * PERIOD);
		assert_true(due < 5000 + (i + 1) * PERIOD);
		early += (due - 5000) % PERIOD < PERIOD / 2;
		assert_int_equal(schedule_advance(&s, due), 0);
	}
	/* Uniform inside the period: half of them in its first half; 5
	 * standard deviations of 100 000 fair coins are 791. */
	assert_in_range(early, 50000 - 791, 50000 + 791);
}

static void late_ticks_are_counted(void **state)
{
	struct schedule s;

	(void)state;
	schedule_init(&s, 0, PERIOD, 1);
	/* The first tick took 3.5 periods: those of 1 and 2 had none. */
	assert_int_equal(schedule_advance(&s, 3 * PERIOD + PERIOD / 2), 2);
	assert_true(schedule_due(&s) >= 3 * PERIOD);
	assert_true(schedule_due(&s) < 4 * PERIOD);
	assert_int_equal(schedule_advance(&s, 3 * PERIOD + PERIOD / 2), 0);
	assert_true(schedule_due(&s) >= 4 * PERIOD);
}

static void seed_decides(void **state)
{
	struct schedule a, b, c;
	unsigned differ = 0, i;

	(void)state;
	schedule_init(&a, 0, PERIOD, 1);
	schedule_init(&b, 0, PERIOD, 1);
	schedule_init(&c, 0, PERIOD, 77777);
	for (i = 0; i < 100; i++) {
		assert_true(schedule_due(&a) == schedule_due(&b));
		differ += schedule_due(&a) != schedule_due(&c);
		schedule_advance(&a, 0);
		schedule_advance(&b, 0);
		schedule_advance(&c, 0);
	}
	assert_true(differ > 90);
}

/* Recordings have it, so it must not change: as another program computed. */
static void jitter_is_what_the_format_says(void **state)
{
	(void)state;
	assert_true(tick_jitter(12345, 1, PERIOD) == 0);
	assert_true(tick_jitter(12345, 2, 0) == 0);
	assert_true(tick_jitter(12345, 2, UINT64_MAX) == 0x51b05987a27fba4du);
	assert_true(tick_jitter(UINT64_MAX, 2, 1000) == 465u);
}

static void no_drift_over_a_day(void **state)
{
	struct schedule s;
	uint64_t day = 86400000, i;

	(void)state;
	schedule_init(&s, 0, PERIOD, 3);
	s.at = day; /* a day of ticks at 1 kHz later */
	for (i = 0; i < 10; i++)
		schedule_advance(&s, schedule_due(&s));
	assert_true(schedule_due(&s) / PERIOD == day + 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_tick_in_each_period),
		cmocka_unit_test(late_ticks_are_counted),
		cmocka_unit_test(seed_decides),
		cmocka_unit_test(jitter_is_what_the_format_says),
		cmocka_unit_test(no_drift_over_a_day),
	};

	return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
