/*
 * base: sleeping with the next deadline known, on real timers.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"

#define MS 1000000u
#define LONG (60000ull * MS) /* nothing here may wait for that */

static int setup(void **state)
{
	static struct waker w;

	waker_init(&w);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	waker_release(*state);
	return 0;
}

/* Sleeps, and says whether it woke up no sooner than it should. */
static bool sleeps(struct waker *w, uint64_t due, uint64_t then)
{
	waker_sleep(w, due, then, -1);
	return clock_mono() >= due;
}

static void each_in_time(void **state)
{
	uint64_t start = clock_mono(), i;

	for (i = 1; i <= 20; i++)
		assert_true(sleeps(*state, start + i * MS,
				   start + (i + 1) * MS));
	assert_true(clock_mono() - start < LONG);
}

/* What was to come next comes later, sooner, or not at all. */
static void other_than_expected(void **state)
{
	uint64_t start = clock_mono();

	assert_true(sleeps(*state, start + MS, start + LONG));
	assert_true(sleeps(*state, start + 3 * MS, start + 2 * MS));
	assert_true(sleeps(*state, start + 5 * MS, start + 5 * MS));
	assert_true(sleeps(*state, start + 7 * MS, 0));
	assert_true(sleeps(*state, start + 9 * MS, start + 11 * MS));
	assert_true(sleeps(*state, start + 20 * MS, UINT64_MAX));
	/* One that has long been over. */
	assert_true(sleeps(*state, start + 11 * MS, start + 12 * MS));
	assert_true(sleeps(*state, start + 12 * MS, start + LONG));
	assert_true(clock_mono() - start < LONG);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void signals_end_it(void **state)
{
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct itimerval soon = {.it_value.tv_usec = 30000};
	uint64_t start = clock_mono();

	sigemptyset(&sa.sa_mask);
	assert_int_equal(sigaction(SIGALRM, &sa, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	waker_sleep(*state, start + LONG, start + 2 * LONG, -1);
	assert_true(clock_mono() - start < LONG);
}

static void a_descriptor_ends_it(void **state)
{
	uint64_t start = clock_mono();
	int fd = eventfd(1, EFD_CLOEXEC);

	assert_true(fd >= 0);
	waker_sleep(*state, start + LONG, start + 2 * LONG, fd);
	close(fd);
	assert_true(clock_mono() - start < LONG);
}

static void without_descriptors(void **state)
{
	struct rlimit old, none;
	uint64_t start = clock_mono();
	struct waker w;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	waker_init(&w);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_true(w.fds[0] < 0 && w.fds[1] < 0);
	assert_true(sleeps(&w, start + MS, start + 2 * MS));
	assert_true(sleeps(&w, start + 2 * MS, start + 3 * MS));
	waker_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_in_time, setup, teardown),
		cmocka_unit_test_setup_teardown(other_than_expected, setup,
						teardown),
		cmocka_unit_test_setup_teardown(signals_end_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_descriptor_ends_it, setup,
						teardown),
		cmocka_unit_test(without_descriptors),
	};

	return cmocka_run_group_tests_name("base: waker", tests, NULL, NULL);
}
