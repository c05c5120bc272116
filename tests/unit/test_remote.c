/*
 * remote: batches over holes, in a live process and over buffers.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "remote.h"

static const char text[] = "0123456789";

static raddr addr_of(const void *p)
{
	return (raddr)(uintptr_t)p;
}

static void reads_itself(void **state)
{
	struct remote *r = remote_new_process(getpid());
	char to[4];

	(void)state;
	assert_int_equal(remote_read(r, addr_of(text) + 2, to, 4), 0);
	assert_memory_equal(to, "2345", 4);
	assert_int_equal(remote_read(r, 8, to, 4), -EFAULT);
	assert_int_equal(remote_calls(r), 2);
	remote_free(r);
}

/* A hole in the middle costs its own range only. */
static void check_holes(struct remote *r, raddr good, raddr hole)
{
	char to[200][4];
	struct range ranges[200];
	size_t i;

	for (i = 0; i < 200; i++)
		ranges[i] = (struct range){.addr = i % 7 == 3 ? hole : good,
					   .len = 4,
					   .to = to[i],
					   .got = 99};
	assert_int_equal(remote_batch(r, ranges, 200), 0);
	for (i = 0; i < 200; i++) {
		assert_int_equal(ranges[i].got, i % 7 == 3 ? 0 : 4);
		if (i % 7 != 3)
			assert_memory_equal(to[i], "0123", 4);
	}
}

static void holes_are_passed_over(void **state)
{
	struct remote *r = remote_new_process(getpid());

	(void)state;
	check_holes(r, addr_of(text), 8);
	remote_free(r);
	r = remote_new_buffers();
	remote_add(r, 0x1000, text, sizeof(text));
	check_holes(r, 0x1000, 0x5000);
	remote_free(r);
}

/* A range that crosses the end of a mapping keeps what is before it. */
static void cut_at_a_page(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct remote *r = remote_new_process(getpid());
	char to[64], more[4];
	struct range ranges[2] = {
		{.addr = addr_of(p + page - 10), .len = 64, .to = to},
		{.addr = addr_of(text), .len = 4, .to = more},
	};

	(void)state;
	assert_true(p != MAP_FAILED);
	memset(p, 'x', page);
	assert_int_equal(munmap(p + page, page), 0);
	assert_int_equal(remote_batch(r, ranges, 2), 0);
	assert_int_equal(ranges[0].got, 10);
	assert_int_equal(ranges[1].got, 4);
	assert_memory_equal(more, "0123", 4);
	remote_free(r);
	munmap(p, page);
}

static void one_call_when_all_is_mapped(void **state)
{
	struct remote *r = remote_new_process(getpid());
	char to[30][4];
	struct range ranges[30];
	size_t i;

	(void)state;
	for (i = 0; i < 30; i++)
		ranges[i] = (struct range){
			.addr = addr_of(text), .len = 4, .to = to[i]};
	assert_int_equal(remote_batch(r, ranges, 30), 0);
	assert_int_equal(remote_calls(r), 1);
	remote_free(r);
}

static void gone_is_told(void **state)
{
	pid_t pid = fork();
	struct remote *r;
	char c;

	(void)state;
	if (!pid) {
		pause();
		_exit(0);
	}
	r = remote_new_process(pid);
	assert_int_equal(remote_read(r, addr_of(text), &c, 1), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(remote_read(r, addr_of(text), &c, 1), -ESRCH);
	remote_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_itself),
		cmocka_unit_test(holes_are_passed_over),
		cmocka_unit_test(cut_at_a_page),
		cmocka_unit_test(one_call_when_all_is_mapped),
		cmocka_unit_test(gone_is_told),
	};

	return cmocka_run_group_tests_name("remote", tests, NULL, NULL);
}
