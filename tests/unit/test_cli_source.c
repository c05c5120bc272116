/*
 * cli: which function "FILE:FUNCTION" means, and what is said when it is none
 * or more than one.
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
#include "tests/lib/sheet.h"

/* No file of these is there: what is found is told by name and line. */
static int setup(void **state)
{
	static const char *const stacks[] = {
		"main@/no/app/one.py:5/3", "Thing.run@/no/app/one.py:12/10",
		"Other.run@/no/app/one.py:22/20",
		"main@/no/app/sub/two.py:33/30", "run@/no/app/sub/two.py:42/40",
		"f.<locals>.inner@/no/app/one.py:52/50", "same@/no/a/x.py:2/1",
		"same@/no/b/x.py:2/1", "twice@/no/a/x.py:12/10",
		"twice@/no/a/x.py:22/20", "[wait]", "k@<string>:1/1",
	};
	struct sheet *f;
	size_t i;

	sheet_setup(state);
	f = *state;
	for (i = 0; i < sizeof(stacks) / sizeof(*stacks); i++)
		made_samples(&f->m, 1, stacks[i], RUN_CPU, 1);
	return 0;
}

static void found(void **state)
{
	static const struct {
		const char *what;
		uint32_t first; /* line of the function */
	} cases[] = {
		{"one.py:main", 3}, {"/no/app/one.py:main", 3},
		{"app/one.py:main", 3}, {"two.py:main", 30},
		{"sub/two.py:main", 30}, {"two.py:run", 40},
		{"one.py:Thing.run", 10}, {"Other.run", 20}, {"run", 40},
		{"inner", 50}, {"f.<locals>.inner", 50}, {"one.py:inner", 50},
		{"one.py:20", 20}, {"a/x.py:same", 1}, {"x.py:10", 10},
		{"<string>:k", 1}, {":inner", 50},
	};
	struct sheet *f = *state;
	struct annotated a;
	struct err err = {""};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		annotated_init(&a);
		if (annotated_find(&a, f->p, cases[i].what, &err))
			fail_msg("'%s': %s", cases[i].what, err.msg);
		assert_int_equal(f->p->symbols.codes[a.source.code].first,
				 cases[i].first);
		assert_null(a.source.text);
		assert_non_null(strstr(a.source.note, "cannot be read: No such "
				       "file"));
		annotated_release(&a);
	}
}

static void not_found(void **state)
{
	static const struct {
		const char *what, *sentence;
	} cases[] = {
		{"one.py:run", "'one.py:run' may be any of 2 functions: "
		 "'one.py:Thing.run', 'one.py:Other.run'"},
		{"main", "'main' may be any of 2 functions: 'one.py:main', "
		 "'two.py:main'"},
		{"x.py:same", "'x.py:same' may be any of 2 functions: "
		 "'/no/a/x.py:same', '/no/b/x.py:same'"},
		{"twice", "'twice' may be any of 2 functions: "
		 "'/no/a/x.py:10', '/no/a/x.py:20'"},
		{"one.py:maim", "no sample was in a function 'maim' of "
		 "'one.py'; did you mean 'main'?"},
		{"one.py:Thing.rum", "no sample was in a function 'Thing.rum' "
		 "of 'one.py'; did you mean 'Thing.run'?"},
		{"ones.py:main", "no sample was in a file 'ones.py'; did you "
		 "mean 'one.py'?"},
		{"ne.py:main", "no sample was in a file 'ne.py'; did you mean "
		 "'one.py'?"},
		{"one.py:77", "no function that was sampled begins in line 77 "
		 "of 'one.py'"},
		{"innermost", "no sample was in a function 'innermost'; did you "
		 "mean 'inner'?"},
		{"[wait]", "no sample was in a function '[wait]'"},
		{"one.py", "no sample was in a function 'one.py'; write "
		 "FILE:FUNCTION"},
	};
	struct sheet *f = *state;
	struct annotated a;
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		annotated_init(&a);
		assert_int_equal(annotated_find(&a, f->p, cases[i].what, &err),
				 -ENOENT);
		assert_string_equal(err.msg, cases[i].sentence);
		annotated_release(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(found, setup, sheet_teardown),
		cmocka_unit_test_setup_teardown(not_found, setup, sheet_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
