/*
 * Sockets by inode: what is remembered, how long, and how much is read.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "process.h"
#include "src/process/wait_priv.h"
#include "tests/lib/loopback.h"

#define MANY 300

#define DEADLINE 10000000000ull /* ns until a wait has failed */

static bool is_late(uint64_t since)
{
	struct timespec ms = {0, 1000000};

	nanosleep(&ms, NULL);
	return clock_mono() - since > DEADLINE;
}

static void expect_socket_of(struct sockets *k, pid_t pid, int fd,
			     const char *want)
{
	uint64_t since = clock_mono();
	struct str out;
	char path[48], link[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
	n = readlink(path, link, sizeof(link));
	assert_true(n > 0);
	str_init(&out);
	/* On a machine that is busy, tables are read in several goes. */
	do {
		str_clear(&out);
		sockets_add(k, fd, link_number(link, (size_t)n, "socket"),
			    &out);
	} while (strcmp(out.data, want) && !is_late(since));
	assert_string_equal(out.data, want);
	str_release(&out);
}

static void expect_socket(struct sockets *k, int fd, const char *want)
{
	expect_socket_of(k, getpid(), fd, want);
}

/* A table is read again for a socket that is new, and for no other. */
static void test_remembered(void **state)
{
	struct loopback l, m;
	struct sockets *k;
	struct process p;
	char want[64];
	int i;

	(void)state;
	assert_int_equal(process_open(&p, getpid(), NULL), 0);
	k = sockets_new(&p);
	assert_true(loopback_open(&l, AF_INET));
	for (i = 0; i < 100; i++) {
		snprintf(want, sizeof(want), "socket %s", l.name);
		expect_socket(k, l.client, want);
		assert_int_equal(sockets_passes(k), 1);
	}
	assert_true(loopback_open(&m, AF_INET));
	snprintf(want, sizeof(want), "socket %s", m.name);
	expect_socket(k, m.client, want);
	assert_in_range(sockets_passes(k), 1, 2);
	loopback_close(&m);
	loopback_close(&l);
	sockets_free(k);
	process_close(&p);
}

/* One that is in no table is looked for, but not each time. */
static void test_absent(void **state)
{
	uint64_t since = clock_mono();
	struct sockets *k;
	struct process p;
	int i, fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(process_open(&p, getpid(), NULL), 0);
	k = sockets_new(&p);
	for (i = 0; i < 100; i++) {
		expect_socket(k, fd, "socket");
	}
	/* Once a second. */
	assert_in_range(sockets_passes(k), 1,
			1 + (clock_mono() - since) / 1000000000u);
	close(fd);
	sockets_free(k);
	process_close(&p);
}

/* More of them than are read at a time; each is found, in few passes. */
static void test_many(void **state)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int i, fds[MANY];
	struct sockets *k;
	struct process p;
	char want[64];

	(void)state;
	assert_int_equal(process_open(&p, getpid(), NULL), 0);
	for (i = 0; i < MANY; i++) {
		fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
		to.sin_port = htons((uint16_t)(1000 + i));
		assert_int_equal(connect(fds[i], (struct sockaddr *)&to,
					 sizeof(to)), 0);
	}
	k = sockets_new(&p);
	for (i = 0; i < MANY; i++) {
		snprintf(want, sizeof(want), "socket 127.0.0.1:%d", 1000 + i);
		expect_socket(k, fds[i], want);
		close(fds[i]);
	}
	/* What was said of a datagram socket holds for a second. */
	assert_in_range(sockets_passes(k), 1, MANY / 10);
	sockets_free(k);
	process_close(&p);
}

/*
 * A path that forges a line about another socket: one shows nothing, rather
 * than what it says. The true line comes before or after it, by where the
 * kernel hashes them: several forgers.
 */
static void test_forged_path(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int i, fds[2], forger;
	struct sockets *k;
	struct process p;
	struct stat st;
	socklen_t len;

	(void)state;
	assert_int_equal(process_open(&p, getpid(), NULL), 0);
	for (i = 0; i < 8; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		fstat(fds[0], &st);
		forger = socket(AF_UNIX, SOCK_STREAM, 0);
		snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1,
			 "%d\n000000000000000%d: 00000002 00000000 00010000 "
			 "0001 01 %llu /forged", i, i,
			 (unsigned long long)st.st_ino);
		len = (socklen_t)(3 + strlen(un.sun_path + 1));
		assert_int_equal(bind(forger, (struct sockaddr *)&un, len),
				 0);
		k = sockets_new(&p);
		expect_socket(k, fds[0], "socket unix");
		sockets_free(k);
		close(fds[0]);
		close(fds[1]);
		close(forger);
	}
	process_close(&p);
}

static void test_budget(void **state)
{
	struct budget b;
	uint64_t now = 1000000;
	int i;

	(void)state;
	budget_init(&b, now);
	assert_true(budget_allows(&b, now));
	budget_spend(&b, BUDGET_MAX);
	assert_false(budget_allows(&b, now));
	/* Small steps add up like a large one. */
	for (i = 0; i < BUDGET_SHARE - 1; i++)
		assert_false(budget_allows(&b, ++now));
	assert_true(budget_allows(&b, ++now));
	assert_int_equal(b.credit, 1);
	budget_spend(&b, 1000001);
	assert_false(budget_allows(&b, now + 999999 * BUDGET_SHARE));
	assert_true(budget_allows(&b, now + 1000001 * BUDGET_SHARE));
	/* What can be saved up has a limit. */
	assert_true(budget_allows(&b, UINT64_MAX / 2));
	assert_int_equal(b.credit, BUDGET_MAX);
}

/* ---- another network namespace: its tables, by files ---- */

static bool new_network(void)
{
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = unshare(CLONE_NEWNET) ? -1 : socket(AF_INET, SOCK_DGRAM, 0);

	return fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &up) && !close(fd);
}

/* A child with a connection of its own, which it tells; 0: it may not. */
static pid_t fork_elsewhere(struct loopback *l)
{
	int fds[2];
	pid_t pid, parent = getpid();

	assert_int_equal(pipe(fds), 0);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent || !new_network() || !loopback_open(l, AF_INET) ||
		    write(fds[1], l, sizeof(*l)) != sizeof(*l))
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	if (read(fds[0], l, sizeof(*l)) != sizeof(*l)) {
		waitpid(pid, NULL, 0);
		pid = 0;
	}
	close(fds[0]);
	return pid;
}

static void test_other_network(void **state)
{
	struct sockets *k;
	struct loopback l;
	struct process p;
	char want[64];
	pid_t pid = fork_elsewhere(&l);

	(void)state;
	if (!pid) {
		print_message("skipped: we may not make a network namespace\n");
		skip();
	}
	assert_int_equal(process_open(&p, pid, NULL), 0);
	k = sockets_new(&p);
	snprintf(want, sizeof(want), "socket %s", l.name);
	expect_socket_of(k, pid, l.client, want);
	snprintf(want, sizeof(want), "socket listening %s", l.name);
	expect_socket_of(k, pid, l.listener, want);
	sockets_free(k);
	process_close(&p);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_remembered),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_forged_path),
		cmocka_unit_test(test_other_network),
		cmocka_unit_test(test_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
