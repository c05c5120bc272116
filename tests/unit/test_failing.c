/*
 * Calls that fail: for each job of tests/lib/jobs.h, and for all N, the Nth
 * allocation, read or write fails. A job whose allocation fails ends the
 * program with one sentence and status 1; the others end in an error with its
 * sentence, or in a loss that is counted. Nothing is left behind: no file, no
 * descriptor, no memory (the sanitizers tell), no process that is traced.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "tests/lib/failing.h"
#include "tests/lib/jobs.h"
#include "tests/lib/kids.h"

#define CALLS_MAX 20000 /* of one job: it would take too long */
#define UNHARMED 42     /* the child's status: no call failed */
#define SURVIVED 43     /* one did, and the job came back */
#define ILL 44          /* none did, and the job failed */

struct fixture {
	char folder[64];
	pid_t victim;
	int in; /* what it reads from: it lives as long */
};

/* ---- a process that looks like Python ---- */

static void run_rubbish(int in, int out)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 16);

	if (n < 0)
		_exit(1);
	path[n] = '\0';
	dirname(path);
	strcat(path, "/rubbish");
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execl(path, path, "3.11", (char *)NULL);
	_exit(1);
}

static void start_victim(struct fixture *f)
{
	int in[2], out[2];
	char c;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	f->victim = fork();
	assert_true(f->victim >= 0);
	if (!f->victim)
		run_rubbish(in[0], out[1]);
	close(in[0]);
	close(out[1]);
	/* "ready": its interpreter stands. */
	assert_int_equal(read(out[0], &c, 1), 1);
	close(out[0]);
	f->in = in[1];
}

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->folder, "/tmp/test_failing.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	start_victim(f);
	jobs_begin(f->folder, f->victim);
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	jobs_end();
	close(f->in);
	waitpid(f->victim, NULL, 0);
	/* Fails when something was left behind. */
	assert_int_equal(rmdir(f->folder), 0);
	free(f);
	return 0;
}

/* ---- what is left ---- */

static unsigned entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void nothing_is_left(const struct fixture *f)
{
	static const char *const ours[] = {".", "..", JOB_INPUT, JOB_OUTPUT,
					   JOB_DRAWING};
	DIR *dir = opendir(f->folder);
	struct dirent *e;
	size_t i;

	assert_non_null(dir);
	while ((e = readdir(dir))) {
		for (i = 0; i < sizeof(ours) / sizeof(*ours); i++)
			if (!strcmp(e->d_name, ours[i]))
				break;
		if (i == sizeof(ours) / sizeof(*ours))
			fail_msg("'%s' is left", e->d_name);
	}
	closedir(dir);
	kid_expect_untraced(f->victim);
	assert_int_equal(kid_state(f->victim) == 'T', 0);
}

/* ---- allocations: in a child each, since they end it ---- */

static int run_child(const struct job *job, unsigned long n, struct str *said)
{
	struct err err = {""};
	int both[2], status;
	pid_t pid;

	assert_int_equal(pipe2(both, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(both[1], STDERR_FILENO);
		fail_at(FAIL_MEMORY, n, ENOMEM);
		status = job->run(&err);
		_exit(fail_happened() ? SURVIVED : status ? ILL : UNHARMED);
	}
	close(both[1]);
	assert_int_equal(fd_read(said, both[0], 65536), 0);
	close(both[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void memory_of(const struct fixture *f, const struct job *job)
{
	int status = 0;
	unsigned long n;
	struct str said;

	for (n = 1; status != UNHARMED && n < CALLS_MAX; n++) {
		str_init(&said);
		status = run_child(job, n, &said);
		if (status == UNHARMED ? said.len != 0
				       : status != 1 ||
				strcmp(said.data, "pystrobe: out of memory\n"))
			fail_msg("%s: without its allocation %lu status %d, "
				 "'%s'",
				 job->name, n, status, said.data);
		str_release(&said);
		nothing_is_left(f);
	}
	print_message("%s: %lu allocations\n", job->name, n - 2);
	assert_true(n > 3 && n < CALLS_MAX);
}

static void memory_fails(void **state)
{
	size_t i;

	for (i = 0; i < njobs; i++)
		memory_of(*state, &jobs[i]);
}

/* ---- reads and writes ---- */

/* True when a call failed. */
static bool run_once(const struct job *job, enum failing kind,
		     unsigned long n, int error, unsigned *shown)
{
	struct err err = {""};
	unsigned fds = entries("/proc/self/fd");
	bool happened;
	int ret;

	fail_at(kind, n, error);
	ret = job->run(&err);
	happened = fail_happened();
	fail_at(kind, 0, 0);
	if (!happened ? ret != 0
		      : (ret < 0 && !err.msg[0]) || (!ret && !job->facts))
		fail_msg("%s: %d, '%s' when call %lu ends with %s", job->name,
			 ret, err.msg, n, happened ? strerror(error) : "none");
	assert_int_equal(entries("/proc/self/fd"), fds);
	*shown += ret != 0;
	return happened;
}

static void calls_of(const struct fixture *f, const struct job *job,
		     enum failing kind, int error)
{
	unsigned long n = 1;
	unsigned shown = 0;

	while (run_once(job, kind, n, error, &shown) && n++ < CALLS_MAX)
		nothing_is_left(f);
	print_message("%s, %s: %u of %lu calls show\n", job->name,
		      strerror(error), shown, n - 1);
	assert_true(n < CALLS_MAX);
	assert_true(n == 1 || shown);
}

static void reads_fail(void **state)
{
	static const int errors[] = {EIO, ESRCH};
	size_t i, k;

	for (i = 0; i < njobs; i++)
		for (k = 0; k < sizeof(errors) / sizeof(*errors); k++)
			calls_of(*state, &jobs[i], FAIL_READ, errors[k]);
}

static void writes_fail(void **state)
{
	static const int errors[] = {ENOSPC, EPIPE};
	size_t i, k;

	for (i = 0; i < njobs; i++)
		for (k = 0; jobs[i].writes &&
			    k < sizeof(errors) / sizeof(*errors); k++)
			calls_of(*state, &jobs[i], FAIL_WRITE, errors[k]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_fails),
		cmocka_unit_test(reads_fail),
		cmocka_unit_test(writes_fail),
	};

	return cmocka_run_group_tests_name("failing", tests, begin, end);
}
