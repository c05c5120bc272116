/*
 * base: strings, safe text, cursors, hash tables, files.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"

static void text_of(const char *in, size_t len, const char *want)
{
	struct str s;

	str_init(&s);
	str_add_clean(&s, in, len);
	assert_string_equal(s.data, want);
	str_release(&s);
}

static void clean_text(void **state)
{
	(void)state;
	text_of("plain \xc3\xa4", 8, "plain \xc3\xa4");
	text_of("a\nb\tc", 5, "a b c");
	text_of("a\x1b[2J", 5, "a\xef\xbf\xbd[2J");
	text_of("\xff\xfe", 2, "\xef\xbf\xbd\xef\xbf\xbd");
	text_of("\xc0\x80", 2, "\xef\xbf\xbd\xef\xbf\xbd");     /* overlong */
	text_of("\xe2\x82", 2, "\xef\xbf\xbd\xef\xbf\xbd");     /* cut */
	text_of("\xe2\x80\xae", 3, "\xef\xbf\xbd");             /* RLO */
	text_of("\xed\xa0\x80x", 4,
		"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx");       /* surrogate */
	text_of("\xf0\x9f\x90\x8d", 4, "\xf0\x9f\x90\x8d");
	text_of("\xf4\x90\x80\x80", 1, "\xef\xbf\xbd");
	text_of("\x00", 1, "\xef\xbf\xbd");
}

static void xml_and_json(void **state)
{
	struct str s;

	(void)state;
	str_init(&s);
	str_add_xml(&s, "<a b='\"'>&", 10);
	assert_string_equal(s.data, "&lt;a b=&#39;&quot;&#39;&gt;&amp;");
	str_clear(&s);
	str_add_json(&s, "a\"b\\c\n", 6);
	assert_string_equal(s.data, "\"a\\\"b\\\\c \"");
	str_release(&s);
}

static void numbers_round_trip(void **state)
{
	static const uint64_t u[] = {0, 1, 127, 128, 300, UINT32_MAX,
				     UINT64_MAX};
	static const int64_t v[] = {0, -1, 1, 63, -64, 64, INT64_MAX,
				    INT64_MIN};
	struct cursor c;
	struct str s;
	size_t i;

	(void)state;
	str_init(&s);
	for (i = 0; i < sizeof(u) / sizeof(*u); i++)
		str_add_varint(&s, u[i]);
	for (i = 0; i < sizeof(v) / sizeof(*v); i++)
		str_add_svarint(&s, v[i]);
	str_add_u16(&s, 0x1234);
	str_add_u64(&s, 0x0123456789abcdefu);
	cursor_init(&c, s.data, s.len);
	for (i = 0; i < sizeof(u) / sizeof(*u); i++)
		assert_true(cursor_varint(&c) == u[i]);
	for (i = 0; i < sizeof(v) / sizeof(*v); i++)
		assert_true(cursor_svarint(&c) == v[i]);
	assert_int_equal(cursor_u16(&c), 0x1234);
	assert_true(cursor_u64(&c) == 0x0123456789abcdefu);
	assert_false(c.bad);
	assert_int_equal(cursor_left(&c), 0);
	assert_int_equal(cursor_u8(&c), 0);
	assert_true(c.bad);
	str_release(&s);
}

/* Bytes that end where an unmapped page begins: an over-read crashes. */
static unsigned char *at_the_edge(const void *data, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	assert_int_equal(mprotect(p + page, page, PROT_NONE), 0);
	memcpy(p + page - len, data, len);
	return p + page - len;
}

static void cursor_stays_inside(void **state)
{
	static const unsigned char endless[12] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct cursor c;
	size_t n;

	(void)state;
	for (n = 1; n <= sizeof(endless); n++) {
		cursor_init(&c, at_the_edge(endless, n), n);
		cursor_varint(&c);
		assert_true(c.bad);
		assert_null(cursor_bytes(&c, 1));
	}
	assert_int_equal(at_u32(at_the_edge("abcd", 4), 4, 1), 0);
	assert_int_equal(at_u32(at_the_edge("abcd", 4), 4, 0), 0x64636261);
	assert_int_equal(at_u64("abcd", 4, SIZE_MAX - 3), 0);
}

static void map_holds_many(void **state)
{
	struct map m;
	uint32_t i;

	(void)state;
	map_init(&m);
	assert_int_equal(map_get(&m, 7), MAP_NONE);
	for (i = 0; i < 10000; i++)
		map_put(&m, (uint64_t)i << 40 | i, i);
	for (i = 0; i < 10000; i++)
		assert_int_equal(map_get(&m, (uint64_t)i << 40 | i), i);
	assert_int_equal(m.len, 10000);
	map_put(&m, 0, 5);
	assert_int_equal(map_get(&m, 0), 5);
	map_clear(&m);
	assert_int_equal(map_get(&m, 0), MAP_NONE);
	map_release(&m);
}

static void intern_numbers_in_order(void **state)
{
	struct intern in;
	char name[32];
	uint32_t i;
	size_t len;

	(void)state;
	intern_init(&in);
	assert_int_equal(intern_adds(&in, ""), 0);
	for (i = 1; i < 5000; i++) {
		snprintf(name, sizeof(name), "name %u", i);
		assert_int_equal(intern_adds(&in, name), i);
	}
	for (i = 1; i < 5000; i++) {
		snprintf(name, sizeof(name), "name %u", i);
		assert_int_equal(intern_adds(&in, name), i);
		assert_string_equal(intern_text(&in, i, &len), name);
		assert_int_equal(len, strlen(name));
	}
	intern_add(&in, "a\0b", 3);
	intern_text(&in, 5000, &len);
	assert_int_equal(len, 3);
	intern_clear(&in);
	assert_int_equal(intern_adds(&in, "x"), 1);
	intern_release(&in);
}

static void errors_are_sentences(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(err_set(&e, -ESRCH, "no process %d", 7), -ESRCH);
	assert_int_equal(err_prefix(&e, -EPERM, "'%s'", "x"), -EPERM);
	assert_string_equal(e.msg, "'x': no process 7");
	assert_int_equal(err_set(NULL, -1, "x"), -1);
}

static int folder(void **state)
{
	static char path[64];

	strcpy(path, "/tmp/pystrobe-base-XXXXXX");
	*state = mkdtemp(path);
	return *state ? 0 : -1;
}

static char *in_folder(void **state, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", (char *)*state, name);
	return path;
}

static int remove_folder(void **state)
{
	unlink(in_folder(state, "out"));
	return rmdir(*state);
}

static void whole_or_not_at_all(void **state)
{
	const char *path = in_folder(state, "out");
	struct outfile *out;
	struct stat st;
	struct err e;
	struct str s;
	mode_t mask = umask(022);

	str_init(&s);
	assert_int_equal(outfile_open(&out, path, &e), 0);
	assert_int_equal(outfile_write(out, "one", 3, &e), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(outfile_commit(out, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(outfile_open(&out, path, &e), 0);
	assert_int_equal(outfile_write(out, "two", 3, &e), 0);
	outfile_abort(out);
	assert_int_equal(file_read(&s, AT_FDCWD, path, 100), 0);
	assert_string_equal(s.data, "one");
	assert_int_equal(file_read(&s, AT_FDCWD, path, 2), -E2BIG);
	assert_int_equal(outfile_open(&out, *state, &e), -EISDIR);
	assert_non_null(strstr(e.msg, *state));
	assert_int_equal(outfile_open(&out, "/nowhere/x", &e), -ENOENT);
	umask(mask);
	str_release(&s);
}

/* What a link points at is replaced, not the link. */
static void links_stay(void **state)
{
	const char *path = xstrdup(in_folder(state, "out"));
	const char *link = in_folder(state, "link");
	struct outfile *out;
	struct stat st;
	struct str s;

	str_init(&s);
	assert_int_equal(symlink("out", link), 0);
	assert_int_equal(outfile_open(&out, path, NULL), 0);
	assert_int_equal(outfile_commit(out, NULL), 0);
	assert_int_equal(outfile_open(&out, link, NULL), 0);
	assert_int_equal(outfile_write(out, "three", 5, NULL), 0);
	assert_int_equal(outfile_commit(out, NULL), 0);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(file_read(&s, AT_FDCWD, path, 100), 0);
	assert_string_equal(s.data, "three");
	assert_int_equal(unlink(link), 0);
	str_release(&s);
	free((char *)path);
}

static void full_disk_is_told(void **state)
{
	struct outfile *out;
	struct err e;

	(void)state;
	assert_int_equal(outfile_open(&out, "/dev/full", &e), 0);
	assert_int_equal(outfile_write(out, "x", 1, &e), -ENOSPC);
	assert_non_null(strstr(e.msg, "/dev/full"));
	outfile_abort(out);
}

static void sequence_is_seeded(void **state)
{
	uint64_t a = 1, b = 1, c = 2;

	(void)state;
	assert_true(rng_next(&a) == rng_next(&b));
	assert_true(rng_next(&a) != rng_next(&c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean_text),
		cmocka_unit_test(xml_and_json),
		cmocka_unit_test(numbers_round_trip),
		cmocka_unit_test(cursor_stays_inside),
		cmocka_unit_test(map_holds_many),
		cmocka_unit_test(intern_numbers_in_order),
		cmocka_unit_test(errors_are_sentences),
		cmocka_unit_test_setup_teardown(whole_or_not_at_all, folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(links_stay, folder,
						remove_folder),
		cmocka_unit_test(full_disk_is_told),
		cmocka_unit_test(sequence_is_seeded),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
