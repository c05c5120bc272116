/*
 * cli: a wait ends at its time or when a signal asks to stop, and with no other
 * signal; and an end by signals leaves nothing behind.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/cli/cli_priv.h"

#define MS 1000000u
#define FOREVER UINT64_MAX

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static void on_last_alarm(int sig)
{
	(void)sig;
	raise(SIGTERM);
}

/* SIGALRM in a millisecond, and again each millisecond when asked to. */
static void alarm_each_ms(void (*handler)(int), bool again)
{
	struct itimerval t = {{0, again ? 1000 : 0}, {0, 1000}};
	struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};

	sigemptyset(&sa.sa_mask);
	assert_int_equal(sigaction(SIGALRM, &sa, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &t, NULL), 0);
}

static void alarms_end(void)
{
	struct itimerval never = {{0, 0}, {0, 0}};

	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_DFL);
}

static void others_do_not_end_it(void **state)
{
	uint64_t due = clock_mono() + 50 * MS;

	(void)state;
	alarm_each_ms(on_alarm, true);
	assert_false(signals_sleep_until(due));
	assert_true(clock_mono() >= due);
	alarms_end();
	assert_true(alarms > 1);
}

static void past_is_no_wait(void **state)
{
	(void)state;
	assert_false(signals_sleep_until(0));
	assert_false(signals_sleep_until(clock_mono()));
}

/* The last of them: who was asked to stop stays so. */
static void asked_ends_it(void **state)
{
	sigset_t after;

	(void)state;
	signals_catch();
	alarm_each_ms(on_last_alarm, false);
	assert_true(signals_sleep_until(FOREVER));
	alarms_end();
	sigprocmask(SIG_BLOCK, NULL, &after);
	assert_int_equal(sigismember(&after, SIGTERM), 0);
	/* Whoever was asked before the wait does not begin it. */
	assert_true(signals_sleep_until(FOREVER));
}

/* That of a child that gets so many, with a file that is to be whole first. */
static int status_after(const char *temp, unsigned signals)
{
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		signals_catch();
		memory_last_file(temp);
		signals_hold(true);
		while (signals--)
			raise(SIGINT);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* The third one waits for nothing, and leaves nothing behind. */
static void third_one_removes_what_is_not_whole(void **state)
{
	char temp[] = "/tmp/pystrobe-test-XXXXXX";
	int fd = mkstemp(temp);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(status_after(temp, 2), 0);
	assert_int_equal(access(temp, F_OK), 0);
	assert_int_equal(WTERMSIG(status_after(temp, 3)), SIGINT);
	assert_int_not_equal(access(temp, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First, for the others ask. */
		cmocka_unit_test(third_one_removes_what_is_not_whole),
		cmocka_unit_test(others_do_not_end_it),
		cmocka_unit_test(past_is_no_wait),
		cmocka_unit_test(asked_ends_it),
	};

	return cmocka_run_group_tests_name("cli: signals", tests, NULL, NULL);
}
