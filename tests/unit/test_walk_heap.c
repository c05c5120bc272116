/*
 * walk: frames of 2.7, of which none says whether it is running.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "profile.h"
#include "tests/lib/made_python.h"
#include "tests/lib/shape.h"

#define PYTHON_2_7 0x020712f0u

struct fixture {
	struct shape shape;
	struct remote *remote;
	struct walker *walker;
	raddr frames[SHAPE_FRAMES]; /* of the first thread, the leaf first */
};

static void put_in(struct fixture *f, raddr at, int32_t field, uint64_t value,
		   size_t len)
{
	memcpy(f->shape.memory + (at + (raddr)field - SHAPE_BASE), &value, len);
}

static const struct walk_thread *look(struct fixture *f)
{
	const struct walk_thread *t;
	size_t n;

	assert_int_equal(walker_snapshot(f->walker, later()), 0);
	t = walker_threads(f->walker, &n);
	assert_int_equal(n, SHAPE_THREADS);
	return t;
}

/* Its stack was whole once. Now what is innermost cannot be read. */
static void begin(struct fixture *f)
{
	const struct walk_thread *t;
	struct layout layout;
	unsigned i;

	assert_int_equal(layout_for_version(&layout, PYTHON_2_7, NULL), 0);
	f->shape = *shape_of(shape_like(&layout));
	f->remote = remote_new_buffers();
	remote_add(f->remote, SHAPE_BASE, f->shape.memory, f->shape.len);
	f->walker = walker_new(f->remote, &f->shape.layout, &f->shape.entry,
			       42);
	t = look(f);
	assert_int_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->depth, SHAPE_FRAMES);
	for (i = 0; i < SHAPE_FRAMES; i++)
		f->frames[i] = t->frames[i].addr;
	put_in(f, t->tstate, f->shape.layout.thread.frame, 8, 8);
}

static void expect_prefix(struct fixture *f, unsigned depth)
{
	const struct walk_thread *t = look(f);

	assert_int_not_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->depth, depth);
	walker_free(f->walker);
	remote_free(f->remote);
}

static void what_is_in_use_may_run(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	expect_prefix(&f, SHAPE_FRAMES);
}

/* It is kept with all its links, for the next call of its code. */
static void one_that_returned_has_no_references(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	put_in(&f, f.frames[1], f.shape.layout.object.type - 8, 0, 8);
	expect_prefix(&f, 2);
}

/* The next free one, as pymalloc writes it. */
static void one_that_was_freed_has_a_link(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	put_in(&f, f.frames[1], f.shape.layout.object.type - 8,
	       0x7f1200003450, 8);
	expect_prefix(&f, 2);
}

/* What it called from the place where it was may be in a traceback. */
static void a_caller_that_went_on_has_no_callee(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	put_in(&f, f.frames[2], f.shape.layout.frame.lasti, 1, 4);
	expect_prefix(&f, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_use_may_run),
		cmocka_unit_test(one_that_returned_has_no_references),
		cmocka_unit_test(one_that_was_freed_has_a_link),
		cmocka_unit_test(a_caller_that_went_on_has_no_callee),
	};

	return cmocka_run_group_tests_name("walk_heap", tests, NULL, NULL);
}
