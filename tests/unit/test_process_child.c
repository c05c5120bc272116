/*
 * Programs that we start: how they end is how we end.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "process.h"

static void start(struct child *c, const char *script)
{
	char *argv[] = {"sh", "-c", (char *)script, NULL};
	struct err err = {""};

	if (child_start(c, argv, &err))
		fail_msg("%s", err.msg);
}

static void wait_for(struct child *c)
{
	int ret;

	do
		ret = child_wait(c);
	while (ret == -EINTR);
	assert_int_equal(ret, 0);
	assert_true(c->reaped);
}

static int status_of(const char *script)
{
	struct child c;

	start(&c, script);
	wait_for(&c);
	return child_exit_status(&c);
}

static void test_exit_status(void **state)
{
	(void)state;
	/* In the background of a shell it is ignored. */
	signal(SIGINT, SIG_DFL);
	assert_int_equal(status_of("exit 0"), 0);
	assert_int_equal(status_of("exit 7"), 7);
	assert_int_equal(status_of("exit 255"), 255);
	assert_int_equal(status_of("kill -TERM $$"), 128 + SIGTERM);
	assert_int_equal(status_of("kill -KILL $$"), 128 + SIGKILL);
	assert_int_equal(status_of("kill -INT $$"), 128 + SIGINT);
}

static void test_poll(void **state)
{
	struct child c;

	(void)state;
	start(&c, "exec sleep 1000");
	assert_false(child_poll(&c));
	kill(c.pid, SIGKILL);
	wait_for(&c);
	assert_true(child_poll(&c));
	assert_int_equal(child_wait(&c), 0);
	assert_int_equal(child_exit_status(&c), 128 + SIGKILL);
}

/* The status that only polling saw is kept. */
static void test_poll_keeps_the_status(void **state)
{
	siginfo_t info;
	struct child c;

	(void)state;
	start(&c, "exit 7");
	assert_int_equal(waitid(P_PID, (id_t)c.pid, &info, WEXITED | WNOWAIT),
			 0);
	assert_true(child_poll(&c));
	assert_int_equal(child_exit_status(&c), 7);
}

/* Whoever started us may ignore SIGCHLD: no end would be told then. */
static void test_child_signal_ignored(void **state)
{
	(void)state;
	signal(SIGCHLD, SIG_IGN);
	assert_int_equal(status_of("exit 7"), 7);
	signal(SIGCHLD, SIG_DFL);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void test_wait_interrupted(void **state)
{
	struct sigaction act = {.sa_handler = on_alarm}, old;
	struct itimerval soon = {{0, 2000}, {0, 2000}}, none = {{0, 0}, {0, 0}};
	struct child c;

	(void)state;
	sigaction(SIGALRM, &act, &old);
	start(&c, "exec sleep 1000");
	setitimer(ITIMER_REAL, &soon, NULL);
	assert_int_equal(child_wait(&c), -EINTR);
	setitimer(ITIMER_REAL, &none, NULL);
	sigaction(SIGALRM, &old, NULL);
	assert_false(child_poll(&c));
	kill(c.pid, SIGKILL);
	wait_for(&c);
}

/* We may ignore SIGPIPE ourselves; what the user ignores stays ignored. */
static void test_dispositions(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, on_alarm);
	assert_int_equal(status_of("kill -PIPE $$; exit 3"), 128 + SIGPIPE);
	assert_int_equal(status_of("kill -HUP $$; exit 3"), 3);
	assert_int_equal(status_of("kill -TERM $$; exit 3"), 128 + SIGTERM);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
}

static void refused(const char *name, int code, const char *why)
{
	char *argv[] = {(char *)name, NULL};
	struct err err = {""};
	struct child c;

	assert_int_equal(child_start(&c, argv, &err), code);
	if (!strstr(err.msg, why))
		fail_msg("'%s' does not say '%s'", err.msg, why);
	assert_int_equal(c.pid, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void script(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void test_cannot_start(void **state)
{
	char dir[] = "/tmp/pystrobe-child-XXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/program", dir);
	refused("", -EINVAL, "no program");
	refused("pystrobe-no-such-program", -ENOENT, "on PATH");
	refused(path, -ENOENT, "no such program");
	refused(dir, -EPERM, "is a directory");
	script(path, "#!/no/such/interpreter\n", 0700);
	refused(path, -ENOENT, "interpreter or loader");
	script(path, "#!/bin/sh\n", 0600);
	refused(path, -EPERM, "not executable");
	script(path, "exit 0\n", 0700);
	refused(path, -ENOEXEC, "neither a program nor a script");
	unlink(path);
	rmdir(dir);
}

/* The wait status of a process that mirrors the end of the script. */
static int mirrored(const char *text)
{
	struct child c;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		sigset_t all;

		/* What a program with its own handling of signals has. */
		sigfillset(&all);
		signal(SIGTERM, on_alarm);
		signal(SIGINT, on_alarm);
		start(&c, text);
		sigprocmask(SIG_BLOCK, &all, NULL);
		wait_for(&c);
		child_mirror(&c);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_mirror(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGKILL, SIGSEGV,
				      SIGABRT, SIGPIPE};
	struct rlimit core = {RLIM_INFINITY, RLIM_INFINITY};
	char text[64];
	int status;
	size_t i;

	(void)state;
	assert_int_equal(mirrored("exit 0"), 0);
	status = mirrored("exit 42");
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	/* The script itself must leave no core, the mirror could. */
	getrlimit(RLIMIT_CORE, &core);
	core.rlim_cur = core.rlim_max;
	setrlimit(RLIMIT_CORE, &core);
	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		snprintf(text, sizeof(text), "ulimit -c 0; kill -%d $$",
			 signals[i]);
		status = mirrored(text);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), signals[i]);
		assert_false(WCOREDUMP(status));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_status),
		cmocka_unit_test(test_poll),
		cmocka_unit_test(test_poll_keeps_the_status),
		cmocka_unit_test(test_child_signal_ignored),
		cmocka_unit_test(test_wait_interrupted),
		cmocka_unit_test(test_dispositions),
		cmocka_unit_test(test_cannot_start),
		cmocka_unit_test(test_mirror),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
