/*
 * walk: snapshots that follow one another so soon that they look at stacks alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "profile.h"
#include "tests/lib/made_python.h"
#include "tests/lib/moving.h"

#define ITEM 0x1c400u
#define LEAF 4u

static void set_position(struct moving *f, unsigned frame, unsigned units)
{
	put8(frame_at(frame) + (unsigned)f->layout.iframe.instr,
	     code_at(frame) + (unsigned)f->layout.code.adaptive + 2 * units);
}

/* The leaf says that it runs: 3.11 and 3.12 need no C frame then. */
static void run_leaf(struct moving *f, unsigned frame)
{
	put(frame_at(frame) + (unsigned)f->layout.iframe.stacktop, UINT32_MAX,
	    4);
}

/* Right after the last one: one copy of the stack, up to its leaf. */
static void a_twin_look_is_two_ranges(void **state)
{
	const struct walk_thread *t;
	uint64_t now = later(), calls;
	struct moving f;

	(void)state;
	moving_begin(&f, 5);
	run_leaf(&f, 4);
	moving_look(&f, now);
	moving_look(&f, now + 1000);
	calls = f.calls;
	set_position(&f, 4, 7);
	t = moving_look(&f, now + 2000);
	assert_int_equal(f.calls - calls, 1);
	assert_int_equal(f.nlog, 2);
	assert_int_equal(f.log[0].addr, CHUNK);
	assert_int_equal(f.log[0].len, frame_at(4) - CHUNK +
					       (unsigned)f.layout.iframe.size);
	assert_int_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->frames[0].at, 14);
	/* It has called: now another frame runs. */
	put(frame_at(4) + (unsigned)f.layout.iframe.stacktop, 0, 4);
	make_code(&f.layout, 5, "f5");
	make_frame(&f.layout, frame_at(5), code_at(5), frame_at(4), 0);
	moving_leaf(&f, 5);
	t = moving_look(&f, now + 3000);
	assert_int_equal(t->depth, 6);
	/* It returned: neither the anchors nor the bytes are the last ones. */
	moving_leaf(&f, 4);
	run_leaf(&f, 4);
	t = moving_look(&f, now + 4000);
	assert_int_equal(t->depth, 5);
	/* Only a caller has moved. */
	set_position(&f, 2, 7);
	t = moving_look(&f, now + 5000);
	assert_int_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->frames[2].at, 14);
	moving_end(&f);
}

/* Soon after the last one: one call, the chunk twice, and the anchors. */
static void a_lean_look_is_four_ranges(void **state)
{
	const struct walk_thread *t;
	uint64_t now = later(), ranges, calls;
	struct moving f;

	(void)state;
	moving_begin(&f, 5);
	moving_look(&f, now);
	ranges = f.ranges;
	calls = f.calls;
	set_position(&f, 4, 7);
	assert_true(walker_lean(f.walker, now + 5000));
	t = moving_look(&f, now + 5000);
	assert_int_equal(f.calls - calls, 1);
	assert_int_equal(f.ranges - ranges, 4);
	assert_int_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->frames[0].at, 14);
	/* After a gap, or when its time is over, all is read again. */
	assert_false(walker_lean(f.walker, now + 5000 + WALK_GAP_NS));
	assert_false(walker_lean(f.walker, now + WALK_FRESH_NS));
	moving_end(&f);
}

/* An address used again is seen, however soon, once the stack has changed. */
static void lean_looks_see_new_code(void **state)
{
	const struct walk_thread *t;
	uint64_t now = later();
	struct moving f;

	(void)state;
	moving_begin(&f, 3);
	moving_look(&f, now);
	moving_leaf(&f, 1);
	moving_look(&f, now + 4000);
	make_code(&f.layout, 2, "another");
	put(code_at(2) + (unsigned)f.layout.code.version, 5000, 4);
	moving_leaf(&f, 2);
	t = moving_look(&f, now + 8000);
	assert_int_equal(t->loss, LOSS_NONE);
	moving_expect_name(&f, &t->frames[0], "another");
	moving_end(&f);
}

/* It is there, or gone, with the very look that finds it so. */
static void a_lean_look_sees_exceptions(void **state)
{
	uint64_t now = later(), own;
	unsigned i;
	struct moving f;

	(void)state;
	moving_begin(&f, 3);
	own = TSTATE + (unsigned)f.layout.thread.exc_value;
	put8(TSTATE + (unsigned)f.layout.thread.exc_info, ITEM);
	put8(ITEM + (unsigned)f.layout.exc.previous, own);
	moving_look(&f, now);
	for (i = 1; i < 9; i++) {
		now += 1000;
		assert_true(walker_lean(f.walker, now));
		put8((i - 1) & 2 ? own : ITEM + (unsigned)f.layout.exc.value,
		     i & 1 ? 0x1234 : 0);
		assert_int_equal(walker_snapshot(f.walker, now), 0);
		assert_true(moving_rows(&f, 1)->left);
		assert_int_equal(walker_again(f.walker, 0, false), 0);
		assert_int_equal(moving_rows(&f, 1)->exception, i & 1);
		assert_int_equal(moving_rows(&f, 1)->loss, LOSS_NONE);
	}
	moving_end(&f);
}

/* ---- several looks in one call ---- */

/* The leaf is at another place with each look that reads it. */
static void go_on(struct moving *f, const struct range *range)
{
	if (is_of_chunk(range))
		set_position(f, LEAF, ++f->n);
}

/* Looks that come right after one another, so that the next one is a twin. */
static uint64_t begin_looks(struct moving *f)
{
	uint64_t now = later();

	moving_begin(f, LEAF + 1);
	run_leaf(f, LEAF);
	moving_look(f, now);
	moving_look(f, now + 500);
	f->change = go_on;
	f->calls = 0;
	return now + 1000;
}

/* Three more ticks by the time that the first one is read. */
static void all_are_due(struct moving *f, uint64_t now)
{
	const uint64_t due[] = {now + 100, now + 200, now + 300};

	walker_next(f->walker, due, WALK_AHEAD);
}

static void expect_look(struct moving *f, uint64_t now, unsigned calls,
			unsigned position)
{
	const struct walk_thread *t = moving_look(f, now);

	assert_int_equal(f->calls, calls);
	assert_int_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->depth, LEAF + 1);
	assert_int_equal(t->frames[0].at, 2 * position);
}

static void what_is_due_is_read_in_one_call(void **state)
{
	struct moving f;
	uint64_t now = begin_looks(&f), serial;

	(void)state;
	all_are_due(&f, now);
	expect_look(&f, now, 1, 1);
	assert_int_equal(f.nlog, 2 * (1 + WALK_AHEAD));
	serial = moving_rows(&f, 1)->serial;
	expect_look(&f, now + 700, 1, 2);
	assert_int_not_equal(moving_rows(&f, 1)->serial, serial);
	expect_look(&f, now + 1400, 1, 3);
	expect_look(&f, now + 2100, 1, 4);
	/* What is due after that one is not known. */
	expect_look(&f, now + 2800, 2, 5);
	assert_int_equal(f.nlog, 2);
	moving_end(&f);
}

/* A tick that is due later is not taken before. */
static void what_is_not_due_is_not_read(void **state)
{
	struct moving f;
	uint64_t now = begin_looks(&f);
	const uint64_t due[] = {now + 200, now + 1200, now + 2200};

	(void)state;
	walker_next(f.walker, due, WALK_AHEAD);
	expect_look(&f, now, 1, 1);
	assert_int_equal(f.nlog, 2 * 2);
	expect_look(&f, now + 700, 1, 2);
	expect_look(&f, now + 1400, 2, 3);
	moving_end(&f);
}

/* Whoever comes late has a look of that time. */
static void what_was_read_long_ago_is_none(void **state)
{
	struct moving f;
	uint64_t now = begin_looks(&f);

	(void)state;
	all_are_due(&f, now);
	expect_look(&f, now, 1, 1);
	expect_look(&f, now + 700, 1, 2);
	expect_look(&f, now + WALK_TWIN_NS, 2, 5);
	moving_end(&f);
}

/* Another stack is read anew; then what was read before is of no use. */
static void what_changed_ends_them(void **state)
{
	struct moving f;
	uint64_t now = begin_looks(&f);

	(void)state;
	all_are_due(&f, now);
	expect_look(&f, now, 1, 1);
	assert_int_equal(walker_again(f.walker, 0, false), 0);
	f.calls = 0;
	f.change = NULL;
	set_position(&f, LEAF, 9);
	expect_look(&f, now + 700, 1, 9);
	moving_end(&f);
}

/* Ranges beyond what the kernel takes without allocating memory. */
static void many_ranges_are_read_in_fewer_looks(void **state)
{
	struct moving f;
	uint64_t now = begin_looks(&f);

	(void)state;
	/* One that handles an exception of a generator has an item more. */
	f.change = NULL;
	put8(TSTATE + (unsigned)f.layout.thread.exc_info, ITEM);
	moving_look(&f, now - 300);
	f.change = go_on;
	f.calls = 0;
	f.n = 0;
	all_are_due(&f, now);
	expect_look(&f, now, 1, 1);
	assert_int_equal(f.nlog, 3 * 2);
	expect_look(&f, now + 700, 1, 2);
	expect_look(&f, now + 1400, 2, 3);
	moving_end(&f);
}

/* Of generators that run one another each has an item; the thread's own is no more. */
static void items_are_read_with_the_stack(void **state)
{
	const uint64_t inner = ITEM + 0x100;
	struct moving f;
	uint64_t now = begin_looks(&f), own;

	(void)state;
	f.change = NULL;
	own = TSTATE + (unsigned)f.layout.thread.exc_value;
	put8(TSTATE + (unsigned)f.layout.thread.exc_info, inner);
	put8(inner + (unsigned)f.layout.exc.previous, ITEM);
	put8(ITEM + (unsigned)f.layout.exc.previous, own);
	moving_look(&f, now);
	f.calls = 0;
	moving_look(&f, now + 700);
	moving_look(&f, now + 1400);
	assert_int_equal(f.calls, 2);
	assert_int_equal(f.nlog, 2 + 2);
	put8(ITEM + (unsigned)f.layout.exc.value, 0x1234);
	assert_int_equal(walker_snapshot(f.walker, now + 2100), 0);
	assert_true(moving_rows(&f, 1)->left);
	put8(TSTATE + (unsigned)f.layout.thread.exc_info, own);
	moving_look(&f, now + 2800);
	moving_look(&f, now + 3500);
	assert_int_equal(f.nlog, 2);
	moving_end(&f);
}

/* One that was held is read once it is let go, and what was read of others is old. */
static void one_that_is_let_go_is_looked_at(void **state)
{
	struct moving f;
	uint64_t now = begin_looks(&f);

	(void)state;
	all_are_due(&f, now);
	expect_look(&f, now, 1, 1);
	walker_hold(f.walker, 0, true);
	expect_look(&f, now + 700, 1, 1);
	walker_hold(f.walker, 0, false);
	expect_look(&f, now + 1400, 2, 5);
	moving_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_twin_look_is_two_ranges),
		cmocka_unit_test(a_lean_look_is_four_ranges),
		cmocka_unit_test(lean_looks_see_new_code),
		cmocka_unit_test(a_lean_look_sees_exceptions),
		cmocka_unit_test(what_is_due_is_read_in_one_call),
		cmocka_unit_test(what_is_not_due_is_not_read),
		cmocka_unit_test(what_was_read_long_ago_is_none),
		cmocka_unit_test(what_changed_ends_them),
		cmocka_unit_test(many_ranges_are_read_in_fewer_looks),
		cmocka_unit_test(items_are_read_with_the_stack),
		cmocka_unit_test(one_that_is_let_go_is_looked_at),
	};

	return cmocka_run_group_tests_name("walk_lean", tests, NULL, NULL);
}
