/*
 * Children for tests to stop, and what is seen of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "kids.h"
#include "process.h"

#define DEADLINE 20000000000ull /* ns until a wait has failed */

struct kids *kids;

bool kids_init(void)
{
	kids = mmap(NULL, sizeof(*kids), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return kids != MAP_FAILED;
}

void kid_tick(void)
{
	struct timespec ms = {0, 500000};

	nanosleep(&ms, NULL);
}

void kid_spin(void)
{
	for (;;)
		atomic_fetch_add(&kids->rounds, 1);
}

pid_t kid_fork(void (*run)(void))
{
	pid_t pid;

	memset(kids, 0, sizeof(*kids));
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run();
		_exit(0);
	}
	return pid;
}

/* It makes rounds from now on. */
void kid_expect_running(void)
{
	uint64_t begin = clock_mono(), seen = atomic_load(&kids->rounds);

	while (atomic_load(&kids->rounds) < seen + 1000) {
		if (clock_mono() - begin > DEADLINE)
			fail_msg("the child does not go on");
	}
}

pid_t kid_fork_spinning(void)
{
	pid_t pid = kid_fork(kid_spin);

	kid_expect_running();
	return pid;
}

void kid_expect_untraced(pid_t pid)
{
	char path[32];
	struct process p = {.pid = pid};

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	p.dirfd = open(path, O_PATH | O_DIRECTORY);
	assert_true(p.dirfd >= 0);
	assert_int_equal(thread_tracer(&p, pid), 0);
	close(p.dirfd);
}

char kid_state(pid_t pid)
{
	struct process_stat st = {0};
	char path[32], text[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text));
	close(fd);
	if (n <= 0 || process_stat_parse(&st, text, (size_t)n))
		return 0;
	return st.state;
}

void kid_wait_state(pid_t pid, char want)
{
	uint64_t begin = clock_mono();

	while (kid_state(pid) != want) {
		if (clock_mono() - begin > DEADLINE)
			fail_msg("state '%c', not '%c'", kid_state(pid), want);
		kid_tick();
	}
}

void kid_wait_for(_Atomic int *what, int least)
{
	uint64_t begin = clock_mono();

	while (atomic_load(what) < least) {
		if (clock_mono() - begin > DEADLINE)
			fail_msg("waited in vain for %d, is %d", least,
				 atomic_load(what));
		kid_tick();
	}
}

/* Takes the end of a child of ours, which must come; its status. */
int kid_take_end(pid_t pid)
{
	uint64_t begin = clock_mono();
	int status = 0;
	pid_t got;

	for (;;) {
		got = waitpid(pid, &status, WNOHANG);
		if (got == pid)
			return status;
		assert_int_equal(got, 0);
		if (clock_mono() - begin > DEADLINE)
			fail_msg("no end of child %d, in state '%c'", (int)pid,
				 kid_state(pid));
		kid_tick();
	}
}

void kid_end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(kid_take_end(pid), SIGKILL);
}
