/*
 * The text of "pystrobe dump", of threads in each state.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "render.h"
#include "tests/lib/sheet.h"

static void dump_thread(struct sheet *f, uint32_t tid, const char *name,
			const char *stack, uint32_t state, enum loss loss)
{
	made_thread(&f->m, tid, name);
	assert_int_equal(made_sample(&f->m, tid, made_stack(&f->m, stack),
				     state, loss), 0);
}

static void dump_of_each_kind(void **state)
{
	struct sheet *f = *state;
	struct made *m = &f->m;

	made_tick(m);
	dump_thread(f, 4720, "waits", "run@/usr/lib/python3.11/t.py:3 "
		    "recv@/app/app.py:9",
		    made_doing(m, RUN_SLEEPING, GIL_NEITHER, 0,
			       "socket 127.0.0.1:5432"), LOSS_NONE);
	dump_thread(f, 4711, "MainThread", "<module>@/app/app.py:10 "
		    "main@/app/app.py:5",
		    made_doing(m, RUN_CPU, GIL_HELD, 0, ""), LOSS_NONE);
	dump_thread(f, 4713, "wants", "f@x.py:1",
		    made_doing(m, RUN_SLEEPING, GIL_WANTED, 0, "GIL"),
		    LOSS_NONE);
	dump_thread(f, 4714, "collects", "f@x.py:2",
		    made_doing(m, RUN_CPU, GIL_HELD, STATE_GC, ""), LOSS_NONE);
	dump_thread(f, 4715, "ready", "f@x.py:3",
		    made_doing(m, RUN_RUNNABLE, GIL_HELD, 0, ""), LOSS_NONE);
	dump_thread(f, 4716, "stopped", "f@x.py:4",
		    made_doing(m, RUN_STOPPED, GIL_UNKNOWN, 0, ""), LOSS_NONE);
	dump_thread(f, 4717, "part", "f@x.py:5 " MARKER_MOVING,
		    made_doing(m, RUN_CPU, GIL_UNKNOWN, 0, ""), LOSS_MOVING);
	dump_thread(f, 4718, "lost", "",
		    made_doing(m, RUN_CPU, GIL_UNKNOWN, 0, ""), LOSS_READ);
	dump_thread(f, 0x80001234, "made up; \"\n\x1b[31m", "f@x.py",
		    made_doing(m, RUN_UNKNOWN, GIL_UNKNOWN, 0, ""), LOSS_NONE);
	render_dump(f->p, &f->o, &f->out);
	sheet_is_as_in(f, "dump.txt");
	str_clear(&f->out);
	f->o.view.full_filenames = true;
	render_dump(f->p, &f->o, &f->out);
	assert_non_null(strstr(f->out.data, "(/usr/lib/python3.11/t.py:3)\n"));
}

static void dump_of_nothing(void **state)
{
	struct sheet *f = *state;

	render_dump(f->p, &f->o, &f->out);
	assert_non_null(strstr(f->out.data, "Process 4711: "));
	assert_non_null(strstr(f->out.data, "No thread runs Python code.\n"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, sheet_setup, sheet_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(dump_of_each_kind),
		TEST(dump_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
