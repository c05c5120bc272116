/*
 * cli: what people write for durations, rates, numbers and names.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/cli/cli_priv.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define MS 1000000u
#define SECOND (1000 * (uint64_t)MS)

struct pair {
	const char *text;
	uint64_t value;
};

static void durations(void **state)
{
	static const struct pair good[] = {
		{"30", 30 * SECOND},
		{"30s", 30 * SECOND},
		{"30sec", 30 * SECOND},
		{"0.25", 250 * MS},
		{".5s", 500 * MS},
		{"5.", 5 * SECOND},
		{"500ms", 500 * MS},
		{"20us", 20000},
		{"2m", 120 * SECOND},
		{"2min", 120 * SECOND},
		{"1h30m", 5400 * SECOND},
		{"1h30m5s", 5405 * SECOND},
		{"1d", 86400 * SECOND},
		{"1H", 3600 * SECOND},
		{"unlimited", 0},
	};
	uint64_t ns;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		ns = 1;
		assert_int_equal(parse_duration(good[i].text, &ns, NULL), 0);
		assert_true(ns == good[i].value);
	}
}

static void rates(void **state)
{
	static const struct pair good[] = {
		{"100", 10 * MS}, {"100hz", 10 * MS}, {"1k", MS},
		{"1K", MS},	  {"10khz", 100000},  {"10kHz", 100000},
		{"0.5", 2 * SECOND}, {"1.5k", 666667}, {"1m", 1000},
		{"1MHz", 1000},	  {"0.1Hz", 10 * SECOND}, {"10M", 100},
	};
	uint64_t ns;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		assert_int_equal(parse_rate(good[i].text, &ns, NULL), 0);
		assert_true(ns == good[i].value);
	}
}

/* One sentence that repeats what was written. */
static void assert_refused(int ret, const struct err *err, const char *text)
{
	struct str quoted;

	assert_int_equal(ret, -EINVAL);
	str_init(&quoted);
	str_addf(&quoted, "'%s'", text);
	assert_non_null(strstr(err->msg, quoted.data));
	assert_null(strchr(err->msg, '\n'));
	assert_true(err->msg[strlen(err->msg) - 1] != '.');
	str_release(&quoted);
}

static void nonsense(void **state)
{
	static const char *const never[] = {
		"",    "-5",  "+5", "x",      "ten",  "1e3",	"0x10",
		"1.2.3", ".",  "5 s", "s",     "inf",  "nan",	"1,5",
		"5x",  "5ss", "5s ", " 5",     "--5",  "\xc3\xa9",
		"111111111111111111111111111111111111111111111111111111",
	};
	static const char *const durations_only[] = {"0", "0s", "1h-5m",
						     "400d", "5khz"};
	static const char *const rates_only[] = {"0", "0hz", "1g", "11m",
						 "10001k", "1h", "0.00001"};
	struct err err;
	uint64_t v;
	pid_t pid;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(never); i++) {
		assert_refused(parse_duration(never[i], &v, &err), &err,
			       never[i]);
		assert_refused(parse_rate(never[i], &v, &err), &err, never[i]);
		assert_refused(parse_number("count", never[i], &v, &err), &err,
			       never[i]);
		assert_refused(parse_pid(never[i], &pid, &err), &err,
			       never[i]);
	}
	for (i = 0; i < COUNT(durations_only); i++)
		assert_refused(parse_duration(durations_only[i], &v, &err),
			       &err, durations_only[i]);
	for (i = 0; i < COUNT(rates_only); i++)
		assert_refused(parse_rate(rates_only[i], &v, &err), &err,
			       rates_only[i]);
}

static void numbers(void **state)
{
	struct err err;
	uint64_t v;
	pid_t pid;

	(void)state;
	assert_int_equal(parse_number("count", "0", &v, &err), 0);
	assert_true(v == 0);
	assert_int_equal(parse_number("count", "9999999999999999999", &v,
				      &err),
			 0);
	assert_true(v == 9999999999999999999u);
	assert_int_equal(parse_pid("1", &pid, &err), 0);
	assert_int_equal(pid, 1);
	assert_int_equal(parse_pid("2147483647", &pid, &err), 0);
	assert_int_equal(pid, 2147483647);
	assert_refused(parse_pid("0", &pid, &err), &err, "0");
	assert_refused(parse_pid("2147483648", &pid, &err), &err,
		       "2147483648");
}

static void nearest_names(void **state)
{
	static const char *const names[] = {"record", "report", "duration",
					    "full-filenames"};
	static const struct {
		const char *word, *wanted;
	} cases[] = {
		{"recrod", "record"},	{"recor", "record"},
		{"reprot", "report"},	{"rreport", "report"},
		{"repord", "record"}, /* as near to report: the first one */
		{"dur", "duration"},	{"duratoin", "duration"},
		{"full-filename", "full-filenames"},
		{"fullfilenames", "full-filenames"},
		{"python3", NULL},	{"", NULL},
		{"x", NULL},		{"top", NULL},
		{"an-option-that-is-longer-than-all-that-there-are", NULL},
	};
	const char *found;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		found = nearest(cases[i].word, names, COUNT(names));
		if (cases[i].wanted)
			assert_string_equal(found, cases[i].wanted);
		else
			assert_null(found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(rates),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(numbers),
		cmocka_unit_test(nearest_names),
	};

	return cmocka_run_group_tests_name("cli: values", tests, NULL, NULL);
}
