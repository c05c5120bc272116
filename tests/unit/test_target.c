/*
 * target: version texts, as Py_GetVersion leaves them in a static buffer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base.h"
#include "src/target/target_priv.h"

static uint32_t version(const char *text)
{
	return version_of_text(text, strlen(text));
}

static void version_texts(void **state)
{
	(void)state;
	assert_int_equal(version("3.9.18 (main, Jan  1 2024)"), 0x030912f0);
	assert_int_equal(version("2.7.18 (default, x)"), 0x020712f0);
	assert_int_equal(version("3.8.0+ (heads"), 0x030800f0);
	assert_int_equal(version("3.10.0rc2 (tags"), 0x030a00f0);
	assert_int_equal(version("3.9.18"), 0);
	assert_int_equal(version("3.9.1888 (x"), 0);
	assert_int_equal(version("4.0.1 (x"), 0);
	assert_int_equal(version("3..1 (x"), 0);
	assert_int_equal(version("3.9. (x"), 0);
	assert_int_equal(version(""), 0);
}

#define DATA 0x5000u

/* A module of two file mappings and a .bss, with the text at `at`. */
static uint32_t found(const char *before, const char *text, size_t at)
{
	static char data[0x3000];
	struct map_entry e[] = {
		{.start = DATA - 0x1000, .end = DATA, .inode = 7,
		 .read = true, .path = "/x"},
		{.start = DATA, .end = DATA + 0x1000, .inode = 7, .read = true,
		 .write = true, .path = "/x"},
		{.start = DATA + 0x1000, .end = DATA + 0x3000, .read = true,
		 .write = true, .path = ""},
	};
	struct maps maps = {.entries = e, .len = 3};
	struct remote *r = remote_new_buffers();
	uint32_t v;

	memset(data, 0, sizeof(data));
	memcpy(data + at - strlen(before), before, strlen(before));
	memcpy(data + at, text, strlen(text));
	remote_add(r, DATA, data, sizeof(data));
	v = version_in_data(&maps, 0, r);
	remote_free(r);
	return v;
}

static void version_in_module(void **state)
{
	(void)state;
	assert_int_equal(found("", "3.9.18 (main", 0x2100), 0x030912f0);
	assert_int_equal(found("", "3.9.18 (main", 0), 0x030912f0);
	assert_int_equal(found("", "2.7.18 (main", 0x10), 0x020712f0);
	/* A part of another text is not it. */
	assert_int_equal(found("1", "3.9.18 (main", 0x2100), 0);
	assert_int_equal(found("", "nothing here", 0x2100), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_texts),
		cmocka_unit_test(version_in_module),
	};

	return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
