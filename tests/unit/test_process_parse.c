/*
 * The texts of /proc, odd and damaged, in buffers that end where the memory
 * does.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "process.h"
#include "profile.h"

#define ROOM 65536u

/* Pages whose last byte is followed by one that cannot be read. */
struct fence {
	char *start, *end;
};

static int fence_setup(void **state)
{
	struct fence *f = malloc(sizeof(*f));
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!f)
		return -1;
	f->start = mmap(NULL, ROOM + page, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	f->end = f->start + ROOM;
	*state = f;
	return f->start == MAP_FAILED || mprotect(f->end, page, PROT_NONE);
}

static int fence_teardown(void **state)
{
	struct fence *f = *state;

	munmap(f->start, ROOM + (size_t)sysconf(_SC_PAGESIZE));
	free(f);
	return 0;
}

/* The bytes right before the end of the readable memory. */
static const char *fenced(const struct fence *f, const char *text, size_t len)
{
	assert_true(len <= ROOM);
	return memcpy(f->end - len, text, len);
}

/* ---- stat ---- */

#define AFTER " R 4711 20 30 34816 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 " \
	      "987654321 4096 100 18446744073709551615 1 2 3\n"

#define AFTER_CPU " R 4711 20 30 34816 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 " \
		  "987654321 4096 100 18446744073709551615 1 2 3 4 5 0 6 7 8 " \
		  "9 0 0 17 12 0 0 0\n"

static int stat_of(const struct fence *f, struct process_stat *st,
		   const char *text)
{
	size_t len = strlen(text);

	return process_stat_parse(st, fenced(f, text, len), len);
}

static void good_stat(const struct fence *f, const char *text)
{
	struct process_stat st;

	assert_int_equal(stat_of(f, &st, text), 0);
	assert_int_equal(st.state, 'R');
	assert_int_equal(st.ppid, 4711);
	assert_int_equal(st.flags, 4194560);
	assert_int_equal(st.start, 987654321);
	assert_int_equal(st.tracer, 0);
	assert_int_equal(st.cpu, -1); /* that field is not there */
}

static void test_stat_cpu(void **state)
{
	static const char text[] = "12 (a) b)" AFTER_CPU;
	size_t len, whole = (size_t)(strstr(text, " 17 12 ") - text) + 7;
	struct process_stat st;

	for (len = sizeof(text) - 1; len > whole - 40; len--) {
		assert_int_equal(process_stat_parse(
					 &st, fenced(*state, text, len), len),
				 0);
		assert_int_equal(st.cpu, len < whole ? -1 : 12);
	}
}

/* Numbers that the kernel never writes. */
static void test_stat_cpu_too_large(void **state)
{
	static const char text[] = "12 (a) R 4711 20 30 34816 -1 4194560 1 2 3 "
				   "4 5 6 7 8 20 0 9 0 987654321 4096 100 1 1 "
				   "2 3 4 5 0 6 7 8 9 0 0 17 2147483648 0\n";
	size_t len = sizeof(text) - 1;
	struct process_stat st;

	assert_int_equal(process_stat_parse(&st, fenced(*state, text, len),
					    len),
			 0);
	assert_int_equal(st.cpu, -1);
}

static void test_no_such_call(void **state)
{
	static const struct process nobody = {.dirfd = -1};
	static const char call[] = "-11 0x7ffd 0x7f2\n";
	static const char stat[] = "12 (a)" " S 4711 20 30 34816 -1 4194560 1 "
				   "2 3 4 5 6 7 8 20 0 9 0 987654321 1 1\n";
	struct thread_probe t;
	struct thread_look look;

	(void)state;
	probe_init(&t, 12);
	t.syscall_fd = memfd_create("syscall", MFD_CLOEXEC);
	t.stat_fd = memfd_create("stat", MFD_CLOEXEC);
	assert_int_equal(write(t.syscall_fd, call, strlen(call)),
			 strlen(call));
	assert_int_equal(write(t.stat_fd, stat, strlen(stat)), strlen(stat));
	assert_int_equal(probe_look(&t, &nobody, &look), 0);
	assert_int_equal(look.run, RUN_SLEEPING);
	assert_int_equal(look.call, -1);
	probe_release(&t);
}

static void test_stat_names(void **state)
{
	good_stat(*state, "12 (python3)" AFTER);
	good_stat(*state, "12 (a) S 1 2 3)" AFTER);
	good_stat(*state, "12 ())" AFTER);
	good_stat(*state, "12 ()" AFTER);
	good_stat(*state, "12 () ()" AFTER);
	good_stat(*state, "12 (new\nline) X 0 (\n)" AFTER);
	good_stat(*state, "12 (\xff\x80)" AFTER);
}

static void test_stat_bad(void **state)
{
	struct process_stat st;

	assert_int_equal(stat_of(*state, &st, ""), -EBADMSG);
	assert_int_equal(stat_of(*state, &st, "12 python R 1"), -EBADMSG);
	assert_int_equal(stat_of(*state, &st, ")"), -EBADMSG);
	assert_int_equal(stat_of(*state, &st, "12 (a)RR1 2 3"), -EBADMSG);
	assert_int_equal(stat_of(*state, &st, "12 (a) R 1 x 3"), -EBADMSG);
	assert_int_equal(stat_of(*state, &st, "12 (a) R 1 - 3"), -EBADMSG);
}

/* A cut text is told, or has all fields: none is ever half read. */
static void test_stat_cut(void **state)
{
	static const char text[] = "12 (a) b)" AFTER;
	size_t len, whole = (size_t)(strstr(text, "987654321 ") - text) + 10;
	struct process_stat st;
	int ret;

	for (len = 0; len < sizeof(text) - 1; len++) {
		ret = process_stat_parse(&st, fenced(*state, text, len), len);
		assert_int_equal(ret, len < whole ? -EBADMSG : 0);
		if (!ret)
			assert_int_equal(st.start, 987654321);
	}
}

/* ---- maps ---- */

static void parse(const struct fence *f, struct maps *m, const char *text)
{
	size_t len = strlen(text);

	maps_parse(m, fenced(f, text, len), len);
}

static void test_maps_plain(void **state)
{
	static const char text[] =
		"00400000-00423000 r--p 00000000 fe:00 301234      "
		"/usr/bin/python3.11\n"
		"00423000-006ad000 r-xp 00023000 fe:00 301234      "
		"/usr/bin/python3.11\n"
		"01c5a000-01d2e000 rw-p 00000000 00:00 0           [heap]\n"
		"7f0000000000-7f0000001000 ---s 7fffffffff000 103:1a "
		"18446744073709551615 /dev/shm/x y (deleted)\n"
		"7f0000001000-7f0000002000 rw-p 00000000 00:00 0 \n"
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0   "
		"               [vsyscall]\n";
	const struct map_entry *e;
	struct maps m;

	parse(*state, &m, text);
	assert_int_equal(m.len, 6);
	e = &m.entries[1];
	assert_int_equal(e->start, 0x423000);
	assert_int_equal(e->end, 0x6ad000);
	assert_int_equal(e->offset, 0x23000);
	assert_int_equal(e->inode, 301234);
	assert_int_equal(e->dev_major, 0xfe);
	assert_int_equal(e->dev_minor, 0);
	assert_true(e->read && !e->write && e->exec && !e->deleted);
	assert_string_equal(e->path, "/usr/bin/python3.11");
	assert_string_equal(m.entries[2].path, "[heap]");
	e = &m.entries[3];
	assert_string_equal(e->path, "/dev/shm/x y");
	assert_true(e->deleted && !e->read && !e->write && !e->exec);
	assert_int_equal(e->inode, UINT64_MAX);
	assert_int_equal(e->offset, 0x7fffffffff000);
	assert_int_equal(e->dev_major, 0x103);
	assert_int_equal(e->dev_minor, 0x1a);
	assert_string_equal(m.entries[4].path, "");
	assert_int_equal(m.entries[5].start, 0xffffffffff600000);
	maps_release(&m);
}

static void test_maps_find(void **state)
{
	struct maps m;

	parse(*state, &m, "1000-2000 r--p 0 0:0 1 /a\n"
			  "2000-3000 r--p 0 0:0 1 /b\n"
			  "5000-6000 r--p 0 0:0 1 /c\n");
	assert_int_equal(m.len, 3);
	assert_null(maps_find(&m, 0));
	assert_null(maps_find(&m, 0xfff));
	assert_ptr_equal(maps_find(&m, 0x1000), &m.entries[0]);
	assert_ptr_equal(maps_find(&m, 0x1fff), &m.entries[0]);
	assert_ptr_equal(maps_find(&m, 0x2000), &m.entries[1]);
	assert_null(maps_find(&m, 0x3000));
	assert_null(maps_find(&m, 0x4fff));
	assert_ptr_equal(maps_find(&m, 0x5fff), &m.entries[2]);
	assert_null(maps_find(&m, UINT64_MAX));
	maps_release(&m);
	maps_parse(&m, "", 0);
	assert_null(maps_find(&m, 0));
	maps_release(&m);
	maps_release(&m);
}

static void test_maps_names(void **state)
{
	struct maps m;

	parse(*state, &m,
	      "1000-2000 r--p 0 0:0 1 /two\\012lines\\012\n"
	      "2000-3000 r--p 0 0:0 1 /back\\slash\\0123\\01 (deleted)\n"
	      "3000-4000 r--p 0 0:0 1 /a (deleted) (deleted)\n"
	      "4000-5000 r--p 0 0:0 1  (deleted)\n"
	      "5000-6000 r--p 0 0:0 1 /5000-6000 r--p 0 0:0 1 /x\n"
	      "6000-7000 r--p 0 0:0 1 /tail \n"
	      "7000-8000 r--p 0 0:0 1 /\xff\xfe\r\t\n");
	assert_int_equal(m.len, 7);
	assert_string_equal(m.entries[0].path, "/two\nlines\n");
	assert_string_equal(m.entries[1].path, "/back\\slash\n3\\01");
	assert_true(m.entries[1].deleted);
	assert_string_equal(m.entries[2].path, "/a (deleted)");
	assert_true(m.entries[2].deleted);
	/* Never a path before the mark. */
	assert_string_equal(m.entries[3].path, "(deleted)");
	assert_string_equal(m.entries[4].path, "/5000-6000 r--p 0 0:0 1 /x");
	assert_string_equal(m.entries[5].path, "/tail ");
	assert_string_equal(m.entries[6].path, "/\xff\xfe\r\t");
	maps_release(&m);
}

static void test_maps_bad_lines(void **state)
{
	struct maps m;

	parse(*state, &m,
	      "\n"
	      "nonsense\n"
	      "1000-2000\n"
	      "1000-2000 r--p\n"
	      "1000-2000 r--p 0 0:0\n"
	      "1000-2000 r--p 0 0:0 12\n" /* no space after the inode */
	      "-2000 r--p 0 0:0 1 /x\n"
	      "1000- r--p 0 0:0 1 /x\n"
	      "2000-1000 r--p 0 0:0 1 /x\n"
	      "1000-1000 r--p 0 0:0 1 /x\n"
	      "10000000000000000-20000000000000000 r--p 0 0:0 1 /x\n"
	      "1000-2000 r--p 0 0:0 18446744073709551616 /x\n"
	      "1000-2000 r--p 0 0:0 1a /x\n"
	      "0x1000-0x2000 r--p 0 0:0 1 /x\n"
	      "1000 -2000 r--p 0 0:0 1 /x\n"
	      "4000-5000 r--p 0 0:0 1 /good\n"
	      "1000-2000 r--p 0 0:0 1 /out of order\n"
	      "4fff-6000 r--p 0 0:0 1 /overlapping\n"
	      "5000-6000 r--p 0 0:0 1 /good too\n"
	      "6000-7000 r--p 0 0:0 1 /cut");
	assert_int_equal(m.len, 2);
	assert_string_equal(m.entries[0].path, "/good");
	assert_string_equal(m.entries[1].path, "/good too");
	maps_release(&m);
}

static void test_maps_nul_and_long(void **state)
{
	static const char line[] = "1000-2000 r--p 0 0:0 1 /a\0b\n"
				   "2000-3000 r--p 0 0:0 1 /";
	char *text = malloc(ROOM);
	struct maps m;

	assert_non_null(text);
	memset(text, 'n', ROOM);
	memcpy(text, line, sizeof(line) - 1);
	text[ROOM - 1] = '\n';
	maps_parse(&m, fenced(*state, text, ROOM), ROOM);
	assert_int_equal(m.len, 2);
	assert_string_equal(m.entries[0].path, "/a");
	assert_int_equal(strlen(m.entries[1].path), ROOM - sizeof(line) + 1);
	maps_release(&m);
	free(text);
}

/* Whatever it is cut at: whole lines, in order, nothing else. */
static void test_maps_cut(void **state)
{
	static const char text[] =
		"1000-2000 r--p 00001000 fe:00 1234  /usr/lib/a\\012b\n"
		"2000-3000 rw-p 00000000 00:00 0 \n"
		"3000-4000 rw-s 00000000 00:00 5 /x (deleted)\n";
	size_t len, i, lines;
	struct maps m;

	for (len = 0; len < sizeof(text); len++) {
		for (i = lines = 0; i < len; i++)
			lines += text[i] == '\n';
		maps_parse(&m, fenced(*state, text, len), len);
		assert_int_equal(m.len, lines);
		for (i = 0; i < m.len; i++)
			assert_int_equal(m.entries[i].start, 0x1000 * (i + 1));
		maps_release(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat_names),
		cmocka_unit_test(test_stat_cpu),
		cmocka_unit_test(test_stat_cpu_too_large),
		cmocka_unit_test(test_no_such_call),
		cmocka_unit_test(test_stat_bad),
		cmocka_unit_test(test_stat_cut),
		cmocka_unit_test(test_maps_plain),
		cmocka_unit_test(test_maps_find),
		cmocka_unit_test(test_maps_names),
		cmocka_unit_test(test_maps_bad_lines),
		cmocka_unit_test(test_maps_nul_and_long),
		cmocka_unit_test(test_maps_cut),
	};

	return cmocka_run_group_tests(tests, fence_setup, fence_teardown);
}
