/*
 * What "pystrobe dump" prints, of threads in each state.
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

static void dump_each_kind(struct sheet *f)
{
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
		    made_doing(m, RUN_STOPPED, GIL_WANTED, 0, ""), LOSS_NONE);
	dump_thread(f, 4717, "part", "f@x.py:5 " MARKER_MOVING,
		    made_doing(m, RUN_CPU, GIL_UNKNOWN, 0, ""), LOSS_MOVING);
	dump_thread(f, 4718, "lost", "",
		    made_doing(m, RUN_CPU, GIL_UNKNOWN, 0, ""), LOSS_READ);
	dump_thread(f, 0x80001234, "made up; \"\n\x1b[31m", "f@x.py",
		    made_doing(m, RUN_UNKNOWN, GIL_UNKNOWN, 0, ""), LOSS_NONE);
}

static void text_of_each_kind(void **state)
{
	struct dump_options o = {.json = false};
	struct sheet *f = *state;

	dump_each_kind(f);
	render_dump(f->p, &o, &f->out);
	sheet_is_as_in(f, "dump.txt");
	str_clear(&f->out);
	o.full_filenames = true;
	render_dump(f->p, &o, &f->out);
	assert_non_null(strstr(f->out.data, "(/usr/lib/python3.11/t.py:3)\n"));
}

static void json_of_each_kind(void **state)
{
	struct dump_options o = {.json = true,
				 .wall_ns = 1700000000123456789u};
	struct sheet *f = *state;

	dump_each_kind(f);
	render_dump(f->p, &o, &f->out);
	assert_ptr_equal(strchr(f->out.data, '\n'),
			 f->out.data + f->out.len - 1);
	sheet_is_as_in(f, "dump.json");
}

/* Of x.py only line 2 is there, and it is hostile. */
static const char *line_of_x(void *lines, const char *file, uint32_t line)
{
	(void)lines;
	return !strcmp(file, "x.py") && line == 2 ? "if x < 2:\t# \x1b[2J" : NULL;
}

static void lines_of_source(void **state)
{
	struct dump_options o = {.line = line_of_x};
	struct sheet *f = *state;

	dump_each_kind(f);
	render_dump(f->p, &o, &f->out);
	assert_non_null(strstr(f->out.data, "    f (x.py:2)\n"
			       "        if x < 2: # \xef\xbf\xbd[2J\n\n"));
	assert_non_null(strstr(f->out.data, "    f (x.py:1)\n\n"));
	str_clear(&f->out);
	o.json = true;
	render_dump(f->p, &o, &f->out);
	assert_non_null(strstr(f->out.data, ",\"source\":\"if x < 2:"));
}

static void waiting(struct sheet *f, uint32_t tid, const char *name,
		    const char *stack, const char *what)
{
	dump_thread(f, tid, name, stack,
		    made_doing(&f->m, RUN_SLEEPING, GIL_NEITHER, 0, what),
		    LOSS_NONE);
}

/* Same stack, same kind of state: one group, whatever exactly it waits for. */
static void groups(void **state)
{
	struct dump_options o = {.group = true};
	struct sheet *f = *state;
	uint32_t i;
	char name[32];

	made_tick(&f->m);
	waiting(f, 4711, "MainThread", "main@x.py:1", "timer");
	for (i = 0; i < 14; i++) {
		snprintf(name, sizeof(name), "pool-\xc3%c_%u", i % 2 ? 0xa4 : 0xa5,
			 i);
		waiting(f, 4720 + i, name, "run@x.py:2 get@x.py:3",
			"lock 0x1000");
	}
	waiting(f, 4740, "one", "run@x.py:2 get@x.py:4", "lock 0x1000");
	waiting(f, 4741, "two", "run@x.py:2 get@x.py:4", "lock 0x2000");
	waiting(f, 4742, "same", "run@x.py:2", "timer");
	waiting(f, 4743, "same", "run@x.py:2", "timer");
	dump_thread(f, 4744, "same", "run@x.py:2",
		    made_doing(&f->m, RUN_CPU, GIL_HELD, 0, ""), LOSS_NONE);
	render_dump(f->p, &o, &f->out);
	sheet_is_as_in(f, "dump-groups.txt");
}

static void dump_of_nothing(void **state)
{
	struct dump_options o = {.json = false};
	struct sheet *f = *state;

	render_dump(f->p, &o, &f->out);
	assert_non_null(strstr(f->out.data, "Process 4711: "));
	assert_non_null(strstr(f->out.data, "No thread runs Python code.\n"));
	str_clear(&f->out);
	o.json = true;
	render_dump(f->p, &o, &f->out);
	assert_non_null(strstr(f->out.data, "\"threads\":[]}\n"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, sheet_setup, sheet_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(text_of_each_kind),
		TEST(json_of_each_kind),
		TEST(lines_of_source),
		TEST(groups),
		TEST(dump_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
