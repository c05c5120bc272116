/*
 * What a blocked thread waits for, from looks made by hand at our own process:
 * arguments of all kinds, good and bad.
 */
#include <fcntl.h>
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
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "process.h"
#include "profile.h"
#include "remote.h"
#include "tests/lib/loopback.h"

#define DEADLINE 10000000000ull /* ns until a wait has failed */

static bool is_late(uint64_t since)
{
	struct timespec ms = {0, 1000000};

	nanosleep(&ms, NULL);
	return clock_mono() - since > DEADLINE;
}

struct watched {
	struct process p;
	struct remote *r;
	struct waits *w;
};

static void watch(struct watched *c)
{
	struct err err = {""};

	if (process_open(&c->p, getpid(), &err))
		fail_msg("%s", err.msg);
	c->r = remote_new_process(getpid());
	c->w = waits_new(&c->p, c->r);
}

static void unwatch(struct watched *c)
{
	waits_free(c->w);
	remote_free(c->r);
	process_close(&c->p);
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

static void expect_call(struct waits *w, int64_t call, uint64_t a,
			uint64_t b, uint64_t c, const char *text)
{
	struct thread_look look = {
		.run = RUN_SLEEPING, .call = call, .args = {a, b, c}};

	expect_look(w, &look, text);
}

static void test_other_calls(void **state)
{
	struct thread_look look = {.run = RUN_DISK, .call = -1};
	struct watched c;
	int fd;

	(void)state;
	watch(&c);
	expect_call(c.w, SYS_ioctl, 0, 0, 0, "call ioctl");
	expect_call(c.w, 99999, 0, 0, 0, "call 99999");
	expect_call(c.w, INT64_MAX, 0, 0, 0, "call 9223372036854775807");
	expect_call(c.w, SYS_fcntl, 0, F_SETFL, 0, "call fcntl");
	expect_call(c.w, SYS_clone, SIGCHLD, 0, 0, "call clone");
	expect_call(c.w, SYS_read, 99, 0, 0, "call read");
	expect_call(c.w, SYS_read, UINT64_MAX, 0, 0, "call read");
	expect_call(c.w, SYS_fsync, 99, 0, 0, "fsync");
	fd = open("/dev/null", O_RDONLY);
	expect_call(c.w, SYS_read, (uint64_t)fd, 0, 0, "file /dev/null");
	expect_call(c.w, SYS_fdatasync, (uint64_t)fd, 0, 0,
		    "fsync /dev/null");
	close(fd);
	/* Outside of a call; not blocked at all. */
	expect_look(c.w, &look, "page fault");
	look.run = RUN_SLEEPING;
	expect_look(c.w, &look, "");
	look = (struct thread_look){.run = RUN_CPU,
				     .call = SYS_nanosleep};
	expect_look(c.w, &look, "");
	look.run = RUN_STOPPED;
	expect_look(c.w, &look, "");
	unwatch(&c);
}

/* Memory that is not there, and more than we want to read. */
static void test_bad_arguments(void **state)
{
	uint64_t many = (uintptr_t)calloc(2000, sizeof(struct pollfd));
	struct watched c;

	(void)state;
	watch(&c);
	expect_call(c.w, SYS_openat, 0, 8, 0, "call openat");
	expect_call(c.w, SYS_ppoll, 8, 1, 0, "poll");
	expect_call(c.w, SYS_ppoll, many, 2000, 0, "poll");
	expect_call(c.w, SYS_ppoll, many, UINT64_MAX, 0, "poll");
	expect_call(c.w, SYS_pselect6, 64, 8, 0, "select");
	expect_call(c.w, SYS_pselect6, UINT64_MAX, 0, 0, "select");
	expect_call(c.w, SYS_pselect6, 64, 0, 0, "timer");
	expect_call(c.w, SYS_connect, 3, 8, 16, "connect");
	expect_call(c.w, SYS_connect, 3, many, UINT64_MAX, "connect");
	expect_call(c.w, SYS_connect, 3, many, 0, "connect");
	expect_call(c.w, SYS_connect, 3, many, 16, "connect");
	expect_call(c.w, SYS_epoll_pwait, UINT64_MAX, 0, 0, "epoll");
	free((void *)(uintptr_t)many);
	unwatch(&c);
}

#ifdef SYS_futex_waitv
#define WAITV SYS_futex_waitv
#else
#define WAITV 449 /* of every architecture */
#endif

static void test_addresses(void **state)
{
	uint64_t waitv[3] = {0, 0x1234567890}, args = CLONE_VFORK | CLONE_VM;
	struct watched c;

	(void)state;
	watch(&c);
	expect_call(c.w, WAITV, (uintptr_t)waitv, 1, 0, "lock 0x1234567890");
	expect_call(c.w, WAITV, (uintptr_t)waitv, 7, 0, "7 locks");
	expect_call(c.w, WAITV, 8, 1, 0, "lock");
	expect_call(c.w, SYS_clone3, (uintptr_t)&args, 64, 0, "child");
	args = SIGCHLD;
	expect_call(c.w, SYS_clone3, (uintptr_t)&args, 64, 0, "call clone3");
	expect_call(c.w, SYS_clone3, 8, 64, 0, "call clone3");
	unwatch(&c);
}

/* It has left that call: of its memory the first eight bytes are known. */
static void test_past(void **state)
{
	struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.fd = -1}};
	struct thread_look look = {.run = RUN_SLEEPING,
				   .call = SYS_poll,
				   .args = {(uintptr_t)fds, 1},
				   .past = true};
	struct watched c;
	int fd = open("/dev/null", O_RDONLY);

	(void)state;
	watch(&c);
	/* Not what lies there now. */
	look.first = (uint64_t)fd | (uint64_t)POLLIN << 32;
	expect_look(c.w, &look, "file /dev/null");
	look.args[1] = 2;
	expect_look(c.w, &look, "poll of 2 descriptors");
	look = (struct thread_look){.run = RUN_SLEEPING,
				    .call = SYS_openat,
				    .args = {0, (uintptr_t) "/etc/hosts"},
				    .past = true};
	expect_look(c.w, &look, "call openat");
	look.past = false;
	expect_look(c.w, &look, "open /etc/hosts");
	close(fd);
	unwatch(&c);
}

/* A path longer than a text: cleaned, and not cut inside of a letter. */
static void test_long_path(void **state)
{
	struct thread_look look = {.run = RUN_SLEEPING,
				   .call = SYS_openat};
	char path[300] = "x\033", *end = path + 2;
	struct watched c;
	struct str out;

	(void)state;
	watch(&c);
	while (end < path + 280)
		end = stpcpy(end, "\u00e4");
	str_init(&out);
	str_adds(&out, "before ");
	look.args[1] = (uintptr_t)path;
	waits_name(c.w, &look, &out);
	assert_in_range(out.len, 7 + WAIT_TEXT_MAX - 1, 7 + WAIT_TEXT_MAX);
	assert_memory_equal(out.data, "before open x\ufffd\u00e4", 18);
	assert_memory_equal(out.data + out.len - 2, "\u00e4", 3);
	str_release(&out);
	unwatch(&c);
}

/* One number of a descriptor, one socket after the other. */
static void test_reused_number(void **state)
{
	struct loopback l;
	struct watched c;
	char text[64];
	int i, fd = 90;

	(void)state;
	watch(&c);
	for (i = 0; i < 10; i++) {
		assert_true(loopback_open(&l, AF_INET));
		assert_int_equal(dup2(l.client, fd), fd);
		snprintf(text, sizeof(text), "socket %s", l.name);
		expect_call(c.w, SYS_read, (uint64_t)fd, 0, 0, text);
		loopback_close(&l);
	}
	close(fd);
	unwatch(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_calls),
		cmocka_unit_test(test_bad_arguments),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_past),
		cmocka_unit_test(test_long_path),
		cmocka_unit_test(test_reused_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
