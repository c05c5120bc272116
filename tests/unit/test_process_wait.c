/*
 * What blocked threads wait for: children that wait in each way, and what is
 * made of the texts of the kernel.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "process.h"
#include "profile.h"
#include "remote.h"
#include "tests/lib/loopback.h"

#define DEADLINE 10000000000ull /* ns until a wait has failed */
#define FOREVER 1000            /* s */

static bool is_late(uint64_t since)
{
	struct timespec ms = {0, 1000000};

	nanosleep(&ms, NULL);
	return clock_mono() - since > DEADLINE;
}

/* ---- a child that blocks ---- */

/* What it blocks in: made before the fork, so both know numbers and peers. */
struct scene {
	int fds[4];
	char path[64];
	char text[160]; /* to be */
	uint32_t word;  /* of a futex */
	int id;         /* of System V */
	struct sockaddr_storage addr;
	socklen_t addr_len;
	pid_t child; /* that the child waits for */
	unsigned port;
};

#define NOTHING {.id = 0}

struct watched {
	pid_t pid;
	struct process p;
	struct thread_probe probe;
	struct remote *r;
	struct waits *w;
};

static void watch(struct watched *c, pid_t pid)
{
	struct err err = {""};

	c->pid = pid;
	if (process_open(&c->p, pid, &err))
		fail_msg("%s", err.msg);
	probe_init(&c->probe, pid);
	c->r = remote_new_process(pid);
	c->w = waits_new(&c->p, c->r);
}

static void unwatch(struct watched *c)
{
	waits_free(c->w);
	remote_free(c->r);
	probe_release(&c->probe);
	process_close(&c->p);
}

/* In a child: ends with its parent, also when that has ended by now. */
static void end_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
}

static pid_t fork_into(void (*block)(struct scene *s), struct scene *s)
{
	pid_t pid, parent = getpid();

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		end_with(parent);
		for (;;)
			block(s);
	}
	return pid;
}

/* Looks until it is blocked in that call. */
static void look_until(struct watched *c, int64_t call,
		       struct thread_look *look)
{
	uint64_t since = clock_mono();

	do
		assert_int_equal(probe_look(&c->probe, &c->p, look), 0);
	while ((look->call != call ||
		(look->run != RUN_SLEEPING && look->run != RUN_DISK)) &&
	       !is_late(since));
	assert_int_equal(look->call, call);
}

static void expect_look(struct waits *w, const struct thread_look *look,
			const char *text)
{
	uint64_t since = clock_mono();
	struct str out;

	str_init(&out);
	/* On a machine that is busy, tables are read in several goes. */
	do {
		str_clear(&out);
		waits_name(w, look, &out);
	} while (strcmp(out.data, text) && !is_late(since));
	assert_string_equal(out.data, text);
	/* Again, from what is remembered. */
	str_clear(&out);
	waits_name(w, look, &out);
	assert_string_equal(out.data, text);
	str_release(&out);
}

static void expect_wait(void (*block)(struct scene *s), struct scene *s,
			int64_t call, const char *text)
{
	struct thread_look look;
	struct watched c;

	watch(&c, fork_into(block, s));
	look_until(&c, call, &look);
	expect_look(c.w, &look, text);
	kill(c.pid, SIGKILL);
	waitpid(c.pid, NULL, 0);
	/* It is gone: no crash, and nothing of another process. */
	expect_look(c.w, &(struct thread_look){.run = RUN_SLEEPING,
					       .call = SYS_read},
		    "call read");
	unwatch(&c);
}

static void close_fds(struct scene *s)
{
	size_t i;

	for (i = 0; i < 4; i++) {
		if (s->fds[i] > 0)
			close(s->fds[i]);
		s->fds[i] = 0;
	}
}

/* ---- blocking, in many ways ---- */

static void do_read(struct scene *s)
{
	char bytes[256]; /* signalfd wants that many */

	syscall(SYS_read, s->fds[0], bytes, sizeof(bytes));
}

static void do_write(struct scene *s)
{
	static char bytes[1 << 20];

	syscall(SYS_write, s->fds[1], bytes, sizeof(bytes));
}

static void do_recv(struct scene *s)
{
	char byte;

	syscall(SYS_recvfrom, s->fds[0], &byte, 1, 0, NULL, NULL);
}

static void do_accept(struct scene *s)
{
	syscall(SYS_accept4, s->fds[0], NULL, NULL, 0);
}

static void do_connect(struct scene *s)
{
	syscall(SYS_connect, s->fds[1], &s->addr, s->addr_len);
}

static void do_poll(struct scene *s)
{
	struct pollfd one[] = {{s->fds[0], POLLIN, 0}, {-1, 0, 0}};

	syscall(SYS_ppoll, one, 2, NULL, NULL, 0);
}

static void do_poll_three(struct scene *s)
{
	struct pollfd all[3] = {{s->fds[0], POLLIN, 0},
				{s->fds[0], POLLIN, 0},
				{s->fds[0], POLLPRI, 0}};

	syscall(SYS_ppoll, all, 3, NULL, NULL, 0);
}

static void do_poll_none(struct scene *s)
{
	struct timespec ts = {FOREVER, 0};

	(void)s;
	syscall(SYS_ppoll, NULL, 0, &ts, NULL, 0);
}

static void do_select(struct scene *s)
{
	fd_set in, pri;

	FD_ZERO(&in);
	FD_ZERO(&pri);
	FD_SET(s->fds[0], &in);
	FD_SET(s->fds[0], &pri);
	syscall(SYS_pselect6, s->fds[0] + 1, &in, NULL, &pri, NULL, NULL);
}

static void do_select_two(struct scene *s)
{
	fd_set in, pri;

	FD_ZERO(&in);
	FD_ZERO(&pri);
	FD_SET(s->fds[0], &in);
	FD_SET(s->fds[1], &pri);
	syscall(SYS_pselect6, FD_SETSIZE, &in, NULL, &pri, NULL, NULL);
}

static void do_select_none(struct scene *s)
{
	struct timespec ts = {FOREVER, 0};

	(void)s;
	syscall(SYS_pselect6, 0, NULL, NULL, NULL, &ts, NULL);
}

static void do_epoll(struct scene *s)
{
	struct epoll_event e;

	syscall(SYS_epoll_pwait, s->fds[2], &e, 1, -1, NULL, 0);
}

static void do_futex(struct scene *s)
{
	syscall(SYS_futex, &s->word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void do_nanosleep(struct scene *s)
{
	struct timespec ts = {FOREVER, 0};

	(void)s;
	syscall(SYS_nanosleep, &ts, NULL);
}

static void do_clock_nanosleep(struct scene *s)
{
	struct timespec ts = {FOREVER, 0};

	(void)s;
	syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &ts, NULL);
}

static void make_child(struct scene *s)
{
	pid_t parent = getpid();

	if (s->child)
		return;
	s->child = fork();
	if (!s->child) {
		end_with(parent);
		for (;;)
			pause();
	}
}

static void do_waitid(struct scene *s)
{
	make_child(s);
	syscall(SYS_waitid, P_PID, s->child, NULL, WEXITED, NULL);
}

static void do_wait4(struct scene *s)
{
	make_child(s);
	syscall(SYS_wait4, s->child, NULL, 0, NULL);
}

/* Waits as vfork does: the child shares nothing and just stays. */
static void do_vfork(struct scene *s)
{
	pid_t parent = getpid();

	(void)s;
	if (!syscall(SYS_clone, CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, NULL)) {
		end_with(parent);
		for (;;)
			pause();
	}
}

static void do_sigtimedwait(struct scene *s)
{
	uint64_t set = 1u << (SIGUSR1 - 1);

	(void)s;
	syscall(SYS_rt_sigtimedwait, &set, NULL, NULL, sizeof(set));
}

static void do_sigsuspend(struct scene *s)
{
	uint64_t set = 0;

	(void)s;
	syscall(SYS_rt_sigsuspend, &set, sizeof(set));
}

static void do_semop(struct scene *s)
{
	struct sembuf take = {0, -1, 0};

	syscall(SYS_semtimedop, s->id, &take, 1, NULL);
}

static void do_msgrcv(struct scene *s)
{
	struct {
		long type;
		char text[8];
	} m;

	syscall(SYS_msgrcv, s->id, &m, sizeof(m.text), 0, 0);
}

/* A lock belongs to an open file or a process: the child opens its own. */
static void do_flock(struct scene *s)
{
	if (!s->fds[1])
		s->fds[1] = open(s->path, O_RDWR);
	syscall(SYS_flock, s->fds[1], LOCK_EX);
}

static void do_fcntl(struct scene *s)
{
	struct flock whole = {.l_type = F_WRLCK};

	syscall(SYS_fcntl, s->fds[0], F_SETLKW, &whole);
}

static void do_open(struct scene *s)
{
	syscall(SYS_openat, AT_FDCWD, s->path, O_RDONLY);
}

/* ---- tests with children ---- */

static void test_pipes(void **state)
{
	struct scene s = NOTHING;

	(void)state;
	assert_int_equal(pipe(s.fds), 0);
	expect_wait(do_read, &s, SYS_read, "pipe");
	expect_wait(do_poll, &s, SYS_ppoll, "pipe");
	expect_wait(do_poll_three, &s, SYS_ppoll, "poll of 3 descriptors");
	expect_wait(do_select, &s, SYS_pselect6, "pipe");
	expect_wait(do_write, &s, SYS_write, "pipe");
	close_fds(&s);
}

/*
 * fds: 0 a client, 1 the other end, 2 what listens; the text. False when there
 * is no such loopback.
 */
static bool connect_loopback(struct scene *s, int family, const char *what)
{
	struct loopback l;

	if (!loopback_open(&l, family))
		return false;
	s->fds[0] = l.client;
	s->fds[1] = l.server;
	s->fds[2] = l.listener;
	s->port = l.port;
	snprintf(s->text, sizeof(s->text), "%s%s", what, l.name);
	return true;
}

static void test_tcp(void **state)
{
	struct scene s = NOTHING;

	(void)state;
	assert_true(connect_loopback(&s, AF_INET, "socket "));
	expect_wait(do_read, &s, SYS_read, s.text);
	expect_wait(do_recv, &s, SYS_recvfrom, s.text);
	expect_wait(do_poll, &s, SYS_ppoll, s.text);
	expect_wait(do_select, &s, SYS_pselect6, s.text);
	expect_wait(do_select_two, &s, SYS_pselect6,
		    "select of 2 descriptors");
	close_fds(&s);
}

static void test_tcp6(void **state)
{
	struct scene s = NOTHING;

	(void)state;
	if (!connect_loopback(&s, AF_INET6, "socket ")) {
		print_message("skipped: no IPv6 here\n");
		skip();
	}
	expect_wait(do_read, &s, SYS_read, s.text);
	close_fds(&s);
	assert_true(connect_loopback(&s, AF_INET6, "socket listening "));
	dup2(s.fds[2], s.fds[0]);
	expect_wait(do_accept, &s, SYS_accept4, s.text);
	close_fds(&s);
}

/* IPv4 through a socket of IPv6 reads as IPv4. */
static void test_mapped(void **state)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct scene s = NOTHING;
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	(void)state;
	assert_true(connect_loopback(&s, AF_INET, "socket "));
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &six.sin6_addr);
	six.sin6_port = htons((uint16_t)s.port);
	if (fd < 0 || connect(fd, (struct sockaddr *)&six, sizeof(six))) {
		print_message("skipped: no IPv6 here\n");
		close_fds(&s);
		skip();
	}
	dup2(fd, s.fds[0]);
	close(fd);
	expect_wait(do_read, &s, SYS_read, s.text);
	close_fds(&s);
}

static void test_accept(void **state)
{
	struct scene s = NOTHING;

	(void)state;
	assert_true(connect_loopback(&s, AF_INET, "socket listening "));
	dup2(s.fds[2], s.fds[0]);
	expect_wait(do_accept, &s, SYS_accept4, s.text);
	expect_wait(do_poll, &s, SYS_ppoll, s.text);
	close_fds(&s);
}

static void test_udp(void **state)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(9),
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct scene s = NOTHING;
	socklen_t len = sizeof(to);

	(void)state;
	s.fds[0] = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(connect(s.fds[0], (struct sockaddr *)&to, len), 0);
	expect_wait(do_recv, &s, SYS_recvfrom, "socket 127.0.0.1:9");
	close(s.fds[0]);
	s.fds[0] = socket(AF_INET, SOCK_DGRAM, 0);
	to.sin_port = 0;
	assert_int_equal(bind(s.fds[0], (struct sockaddr *)&to, len), 0);
	getsockname(s.fds[0], (struct sockaddr *)&to, &len);
	snprintf(s.text, sizeof(s.text), "socket bound 127.0.0.1:%u",
		 ntohs(to.sin_port));
	expect_wait(do_recv, &s, SYS_recvfrom, s.text);
	close_fds(&s);
}

/* A queue that is full: the next one to connect waits. */
static void test_connect(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct scene s = NOTHING;

	(void)state;
	snprintf(s.path, sizeof(s.path), "pystrobe wait %d", (int)getpid());
	memcpy(un.sun_path + 1, s.path, strlen(s.path));
	s.addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				 strlen(s.path));
	memcpy(&s.addr, &un, sizeof(un));
	s.fds[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	s.fds[1] = socket(AF_UNIX, SOCK_STREAM, 0);
	s.fds[2] = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(s.fds[0], (struct sockaddr *)&un, s.addr_len),
			 0);
	assert_int_equal(listen(s.fds[0], 0), 0);
	assert_int_equal(connect(s.fds[2], (struct sockaddr *)&un, s.addr_len),
			 0);
	snprintf(s.text, sizeof(s.text), "connect unix @%s", s.path);
	expect_wait(do_connect, &s, SYS_connect, s.text);
	close_fds(&s);
}

static void test_unix(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct scene s = NOTHING;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s.fds), 0);
	expect_wait(do_read, &s, SYS_read, "socket unix");
	close_fds(&s);
	/* A newline in it is not a line of its own. */
	snprintf(un.sun_path, sizeof(un.sun_path), "/tmp/pystrobe wait\n%d",
		 (int)getpid());
	s.fds[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(s.fds[0], (struct sockaddr *)&un, sizeof(un)),
			 0);
	assert_int_equal(listen(s.fds[0], 1), 0);
	s.fds[1] = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(connect(s.fds[1], (struct sockaddr *)&un, sizeof(un)),
			 0);
	unlink(un.sun_path);
	*strchr(un.sun_path, '\n') = '\0';
	snprintf(s.text, sizeof(s.text), "socket listening unix %s",
		 un.sun_path);
	s.fds[2] = accept(s.fds[0], NULL, NULL);
	expect_wait(do_accept, &s, SYS_accept4, s.text);
	dup2(s.fds[2], s.fds[0]);
	snprintf(s.text, sizeof(s.text), "socket unix %s", un.sun_path);
	expect_wait(do_read, &s, SYS_read, s.text);
	close_fds(&s);
}

static void test_netlink(void **state)
{
	struct scene s = NOTHING;

	(void)state;
	s.fds[0] = socket(AF_NETLINK, SOCK_RAW, 0);
	if (s.fds[0] < 0) {
		print_message("skipped: no netlink here\n");
		skip();
	}
	expect_wait(do_recv, &s, SYS_recvfrom, "socket netlink");
	close_fds(&s);
}

static void test_anonymous(void **state)
{
	static const char *const texts[] = {"eventfd", "timerfd", "signalfd",
					    "inotify"};
	struct scene s = NOTHING;
	sigset_t none;
	int fds[4];
	size_t i;

	(void)state;
	sigemptyset(&none);
	fds[0] = eventfd(0, 0);
	fds[1] = timerfd_create(CLOCK_MONOTONIC, 0);
	fds[2] = signalfd(-1, &none, 0);
	fds[3] = inotify_init();
	for (i = 0; i < 4; i++) {
		s.fds[0] = fds[i];
		expect_wait(do_read, &s, SYS_read, texts[i]);
		close_fds(&s);
	}
	s.fds[0] = epoll_create1(0);
	expect_wait(do_poll, &s, SYS_ppoll, "epoll");
	close_fds(&s);
}

static void test_tty(void **state)
{
	struct scene s = NOTHING;

	(void)state;
	s.fds[1] = posix_openpt(O_RDWR | O_NOCTTY);
	if (s.fds[1] < 0 || grantpt(s.fds[1]) || unlockpt(s.fds[1])) {
		print_message("skipped: no pseudo terminals here\n");
		skip();
	}
	s.fds[0] = open(ptsname(s.fds[1]), O_RDWR | O_NOCTTY);
	snprintf(s.text, sizeof(s.text), "tty %s", ptsname(s.fds[1]));
	expect_wait(do_read, &s, SYS_read, s.text);
	close_fds(&s);
}

static void add_to_epoll(const struct scene *s, int fd)
{
	struct epoll_event e = {.events = EPOLLIN};

	assert_int_equal(epoll_ctl(s->fds[2], EPOLL_CTL_ADD, fd, &e), 0);
}

static void test_epoll(void **state)
{
	char text[200];
	struct scene s = NOTHING;

	(void)state;
	assert_true(connect_loopback(&s, AF_INET, "socket "));
	s.fds[3] = s.fds[2];
	s.fds[2] = epoll_create1(0);
	expect_wait(do_epoll, &s, SYS_epoll_pwait, "epoll");
	add_to_epoll(&s, s.fds[0]);
	snprintf(text, sizeof(text), "epoll: %s", s.text);
	expect_wait(do_epoll, &s, SYS_epoll_pwait, text);
	add_to_epoll(&s, s.fds[1]);
	expect_wait(do_epoll, &s, SYS_epoll_pwait, "epoll");
	close_fds(&s);
}

/* The number in an epoll is that of when it was added. */
static void test_epoll_reused(void **state)
{
	struct scene s = NOTHING;
	int other;

	(void)state;
	assert_int_equal(pipe(s.fds), 0);
	s.fds[2] = epoll_create1(0);
	add_to_epoll(&s, s.fds[0]);
	expect_wait(do_epoll, &s, SYS_epoll_pwait, "epoll: pipe");
	s.fds[3] = dup(s.fds[0]); /* keeps it there */
	other = socket(AF_UNIX, SOCK_STREAM, 0);
	dup2(other, s.fds[0]);
	close(other);
	expect_wait(do_epoll, &s, SYS_epoll_pwait, "epoll");
	close_fds(&s);
}

static void test_futex(void **state)
{
	struct scene s = NOTHING;

	(void)state;
	snprintf(s.text, sizeof(s.text), "lock 0x%llx",
		 (unsigned long long)(uintptr_t)&s.word);
	expect_wait(do_futex, &s, SYS_futex, s.text);
}

static void test_timers(void **state)
{
	struct scene s = NOTHING;

	(void)state;
	expect_wait(do_nanosleep, &s, SYS_nanosleep, "timer");
	expect_wait(do_clock_nanosleep, &s, SYS_clock_nanosleep, "timer");
	expect_wait(do_poll_none, &s, SYS_ppoll, "timer");
	expect_wait(do_select_none, &s, SYS_pselect6, "timer");
}

static void test_children(void **state)
{
	struct scene s = NOTHING;

	(void)state;
	expect_wait(do_waitid, &s, SYS_waitid, "child");
	expect_wait(do_wait4, &s, SYS_wait4, "child");
	expect_wait(do_vfork, &s, SYS_clone, "child");
}

static void test_signals(void **state)
{
	struct scene s = NOTHING;

	(void)state;
	expect_wait(do_sigtimedwait, &s, SYS_rt_sigtimedwait, "signal");
	expect_wait(do_sigsuspend, &s, SYS_rt_sigsuspend, "signal");
}

static void test_system_v(void **state)
{
	struct scene s = NOTHING;

	(void)state;
	s.id = semget(IPC_PRIVATE, 1, 0600);
	if (s.id < 0) {
		print_message("skipped: no System V semaphores here\n");
		skip();
	}
	expect_wait(do_semop, &s, SYS_semtimedop, "semaphore");
	semctl(s.id, 0, IPC_RMID);
	s.id = msgget(IPC_PRIVATE, 0600);
	assert_true(s.id >= 0);
	expect_wait(do_msgrcv, &s, SYS_msgrcv, "message queue");
	msgctl(s.id, IPC_RMID, NULL);
}

static void test_file_locks(void **state)
{
	struct flock whole = {.l_type = F_WRLCK};
	struct scene s = {.path = "/tmp/pystrobe-wait-XXXXXX"};

	(void)state;
	s.fds[0] = mkstemp(s.path);
	assert_true(s.fds[0] > 0);
	assert_int_equal(flock(s.fds[0], LOCK_EX), 0);
	snprintf(s.text, sizeof(s.text), "flock %s", s.path);
	expect_wait(do_flock, &s, SYS_flock, s.text);
	assert_int_equal(fcntl(s.fds[0], F_SETLK, &whole), 0);
	snprintf(s.text, sizeof(s.text), "file lock %s", s.path);
	expect_wait(do_fcntl, &s, SYS_fcntl, s.text);
	close_fds(&s);
	unlink(s.path);
}

static void test_open(void **state)
{
	struct scene s = NOTHING;

	(void)state;
	snprintf(s.path, sizeof(s.path), "/tmp/pystrobe-wait-%d",
		 (int)getpid());
	assert_int_equal(mkfifo(s.path, 0600), 0);
	snprintf(s.text, sizeof(s.text), "open %s", s.path);
	expect_wait(do_open, &s, SYS_openat, s.text);
	s.fds[0] = open(s.path, O_RDWR);
	snprintf(s.text, sizeof(s.text), "file %s", s.path);
	expect_wait(do_read, &s, SYS_read, s.text);
	close_fds(&s);
	unlink(s.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipes),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_tcp6),
		cmocka_unit_test(test_mapped),
		cmocka_unit_test(test_accept),
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_netlink),
		cmocka_unit_test(test_anonymous),
		cmocka_unit_test(test_tty),
		cmocka_unit_test(test_epoll),
		cmocka_unit_test(test_epoll_reused),
		cmocka_unit_test(test_futex),
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_children),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_system_v),
		cmocka_unit_test(test_file_locks),
		cmocka_unit_test(test_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
