/*
 * walk: a made-up interpreter whose stack moves while it is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base.h"
#include "profile.h"
#include "tests/lib/made_python.h"
#include "tests/lib/moving.h"

static void set_code(struct moving *f, unsigned frame, unsigned code)
{
	put8(frame_at(frame) + (unsigned)f->layout.iframe.code, code_at(code));
	put8(frame_at(frame) + (unsigned)f->layout.iframe.instr,
	     code_at(code) + (unsigned)f->layout.code.adaptive + 6);
}

static void set_position(struct moving *f, unsigned frame, unsigned units)
{
	put8(frame_at(frame) + (unsigned)f->layout.iframe.instr,
	     code_at(frame) + (unsigned)f->layout.code.adaptive + 2 * units);
}

/* ---- prefixes ---- */

/* The two inner frames are new ones each time that the chunk is read. */
static void change_inner(struct moving *f, const struct range *range)
{
	if (!is_of_chunk(range))
		return;
	f->n++;
	set_code(f, 3, f->n % 2 ? 3 : 4);
	set_code(f, 4, f->n % 2 ? 4 : 3);
	set_position(f, 2, f->n % 2 ? 3 : 5);
}

static void what_held_still_is_kept(void **state)
{
	const struct walk_thread *t;
	struct moving f;

	(void)state;
	moving_begin(&f, 5);
	t = moving_look(&f, later());
	assert_int_equal(t->loss, LOSS_NONE);
	f.change = change_inner;
	t = moving_look(&f, later());
	assert_int_equal(t->loss, LOSS_MOVING);
	/* f2 waits in another place of its own each time: it is the last. */
	assert_int_equal(t->depth, 3);
	moving_expect_name(&f, &t->frames[0], "f2");
	moving_expect_name(&f, &t->frames[2], "f0");
	assert_true(t->frames[2].entry);
	f.change = NULL;
	t = moving_look(&f, later());
	assert_int_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->depth, 5);
	moving_end(&f);
}

/* The leaf's frame lies above: what is there is dead, and both copies agree. */
static void change_depth(struct moving *f, const struct range *range)
{
	if (is_of_chunk(range))
		put8(frame_at(1) + (unsigned)f->layout.iframe.previous,
		     f->n++ % 2 ? frame_at(0) : frame_at(3));
}

static void dead_frames_are_no_prefix(void **state)
{
	const struct walk_thread *t;
	struct moving f;

	(void)state;
	moving_begin(&f, 6);
	moving_look(&f, later());
	moving_leaf(&f, 1); /* frames 2 to 5 have returned */
	f.change = change_depth;
	t = moving_look(&f, later());
	assert_int_not_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->depth, 1);
	moving_expect_name(&f, &t->frames[0], "f0");
	moving_end(&f);
}

/* Before a stack was seen whole too: it begins where the first chunk does. */
static void a_prefix_comes_first(void **state)
{
	const struct walk_thread *t;
	struct moving f;

	(void)state;
	moving_begin(&f, 5);
	f.change = change_inner;
	t = moving_look(&f, later());
	assert_int_equal(t->loss, LOSS_MOVING);
	assert_int_equal(t->depth, 3);
	moving_expect_name(&f, &t->frames[2], "f0");
	moving_end(&f);
}

/* Deeper each time than it was when the used part of the chunk was aimed at. */
static void change_aim(struct moving *f, const struct range *range)
{
	if (range->addr >= TSTATE && range->addr < CODES)
		moving_leaf(f, f->n++ % 2 ? 4 : 19);
}

static void what_was_not_predicted_has_a_prefix(void **state)
{
	const struct walk_thread *t;
	struct moving f;

	(void)state;
	moving_begin(&f, 20);
	f.change = change_aim;
	t = moving_look(&f, later());
	assert_int_equal(t->loss, LOSS_MOVING);
	assert_in_range(t->depth, 5, 20);
	moving_expect_name(&f, &t->frames[t->depth - 5], "f4");
	moving_expect_name(&f, &t->frames[t->depth - 1], "f0");
	moving_end(&f);
}

/* ---- what is alive ---- */

/* 3.12: a frame with a stack pointer of -1 runs, and has called nothing. */
static void a_running_caller_has_no_callee(void **state)
{
	const struct walk_thread *t;
	struct moving f;

	(void)state;
	moving_begin(&f, 4);
	put(frame_at(1) + (unsigned)f.layout.iframe.stacktop, UINT32_MAX, 4);
	t = moving_look(&f, later());
	assert_int_equal(t->loss, LOSS_MOVING);
	put(frame_at(1) + (unsigned)f.layout.iframe.stacktop, 0, 4);
	put(frame_at(3) + (unsigned)f.layout.iframe.stacktop, UINT32_MAX, 4);
	t = moving_look(&f, later());
	assert_int_equal(t->loss, LOSS_NONE);
	moving_end(&f);
}

/* Its frame takes room, but is not linked yet, or not any more. */
static void a_thread_may_be_pushing(void **state)
{
	const struct walk_thread *t;
	struct moving f;

	(void)state;
	moving_begin(&f, 4);
	moving_leaf(&f, 2);
	put8(TSTATE + (unsigned)f.layout.thread.chunk_top, frame_at(4));
	t = moving_look(&f, later());
	assert_int_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->depth, 3);
	/* A frame beyond the end is none. */
	put8(TSTATE + (unsigned)f.layout.thread.chunk_top, frame_at(2));
	t = moving_look(&f, later());
	assert_int_equal(t->loss, LOSS_SHAPE);
	moving_end(&f);
}

static void a_stopped_thread_is_read_as_it_stood(void **state)
{
	const struct walk_thread *t;
	struct moving f;

	(void)state;
	moving_begin(&f, 4);
	moving_look(&f, later());
	moving_leaf(&f, 2);
	walker_leave(f.walker, 0);
	t = moving_look(&f, later());
	assert_true(t->left);
	assert_int_equal(t->depth, 4);
	assert_int_equal(walker_grab(f.walker, 0), 0);
	moving_leaf(&f, 0); /* it goes on */
	assert_int_equal(walker_take(f.walker, 0, clock_mono()), 0);
	t = moving_rows(&f, 1);
	assert_false(t->left);
	assert_int_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->depth, 3);
	moving_end(&f);
}

/* Another function may be at its address by the time that its name is read. */
static void a_name_that_comes_late_is_none(void **state)
{
	const struct walk_thread *t;
	struct moving f;

	(void)state;
	moving_begin(&f, 4);
	moving_look(&f, later());
	assert_int_equal(walker_grab(f.walker, 0), 0);
	put8(code_at(3) + (unsigned)f.layout.code.qualname,
	     make_text(0x20, "another"));
	assert_int_equal(walker_take(f.walker, 0, 1), 0); /* long ago */
	t = moving_rows(&f, 1);
	assert_int_equal(t->loss, LOSS_CODE);
	assert_int_equal(t->depth, 3);
	moving_expect_name(&f, &t->frames[0], "f2");
	t = moving_look(&f, later());
	assert_int_equal(t->loss, LOSS_NONE);
	moving_expect_name(&f, &t->frames[0], "another");
	moving_end(&f);
}

/*
 * A generator of 3.12 that was stopped within its yield has no caller, for an
 * instruction or two: that is no stack.
 */
static void stopped_where_nothing_can_be_told(void **state)
{
	const struct walk_thread *t;
	struct moving f;

	(void)state;
	moving_begin(&f, 4);
	moving_look(&f, later());
	put8(frame_at(3) + (unsigned)f.layout.iframe.previous, 0);
	assert_int_equal(walker_grab(f.walker, 0), 0);
	assert_int_equal(walker_take(f.walker, 0, clock_mono()), LOSS_ROOT);
	t = moving_rows(&f, 1);
	assert_int_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->depth, 4);
	/* Nor is what was not grabbed. */
	assert_true(walker_take(f.walker, 0, clock_mono()) > 0);
	moving_end(&f);
}

/* Of one that is looked at again instead, all is as ever. */
static void a_row_that_was_left_out_can_be_read(void **state)
{
	const struct walk_thread *t;
	struct moving f;

	(void)state;
	moving_begin(&f, 4);
	moving_look(&f, later());
	walker_leave(f.walker, 0);
	moving_leaf(&f, 1);
	moving_look(&f, later());
	assert_int_equal(walker_again(f.walker, 0, false), 0);
	t = moving_rows(&f, 1);
	assert_false(t->left);
	assert_int_equal(t->depth, 2);
	t = moving_look(&f, later());
	assert_false(t->left);
	moving_end(&f);
}

/* ---- how often ---- */

static void change_twice(struct moving *f, const struct range *range)
{
	if (f->n < 2)
		change_inner(f, range);
}

/* What it will be later is not what it was when the look began. */
static void a_stack_that_moves_is_not_looked_at_again(void **state)
{
	const struct walk_thread *t;
	struct moving f;
	uint64_t calls;

	(void)state;
	moving_begin(&f, 5);
	moving_look(&f, later());
	f.change = change_twice;
	calls = f.calls;
	t = moving_look(&f, later());
	assert_int_equal(t->loss, LOSS_MOVING);
	assert_int_equal(t->depth, 3);
	/* Facts, the stack, codes of the part that held still; that once more. */
	assert_in_range(f.calls - calls, 3, 4);
	moving_end(&f);
}

/* But where one stack is wanted and no shares. */
static void one_that_persists_tries_again(void **state)
{
	const struct walk_thread *t;
	struct moving f;
	uint64_t calls;

	(void)state;
	moving_begin(&f, 5);
	walker_persist(f.walker);
	moving_look(&f, later());
	f.change = change_twice;
	t = moving_look(&f, later());
	assert_int_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->depth, 5);
	f.change = change_inner;
	calls = f.calls;
	t = moving_look(&f, later());
	assert_int_equal(t->loss, LOSS_MOVING);
	assert_in_range(f.calls - calls, WALK_TRIES, WALK_TRIES + 4);
	moving_end(&f);
}

/* ---- what is read, and in which order ---- */

/*
 * Only what is in use, and a little more; before and after the anchors, in
 * the same order.
 */
static void the_used_part_is_read_twice(void **state)
{
	struct moving f;
	size_t i;

	(void)state;
	moving_begin(&f, 20);
	moving_look(&f, later());
	moving_look(&f, later());
	i = f.nlog - 1;
	assert_int_equal(f.log[0].addr, CHUNK);
	assert_int_equal(f.log[0].len, frame_at(20) - CHUNK + 1024);
	assert_int_equal(f.log[i].addr, CHUNK);
	assert_int_equal(f.log[i].len, f.log[0].len);
	assert_in_range(i, 3, 5); /* thread state, C frame, entry frame */
	moving_end(&f);
}

/* At its first traceable instruction a frame has called nothing. */
static void a_frame_that_begins_is_no_caller(void **state)
{
	const struct walk_thread *t;
	struct moving f;

	(void)state;
	moving_begin(&f, 4);
	set_position(&f, 1, 1);
	t = moving_look(&f, later());
	assert_int_equal(t->loss, LOSS_MOVING);
	assert_int_equal(t->depth, 2);
	set_position(&f, 1, 2);
	t = moving_look(&f, later());
	assert_int_equal(t->loss, LOSS_NONE);
	moving_end(&f);
}

/* But below the __init__ of a class lies a frame of CPython's own. */
static void a_shim_is_a_caller(void **state)
{
	const struct walk_thread *t;
	struct moving f;

	(void)state;
	moving_begin(&f, 4);
	put8(code_at(1) + (unsigned)f.layout.code.qualname,
	     make_text(0x20, "__init__"));
	put8(code_at(1) + (unsigned)f.layout.code.filename,
	     make_text(0x20, "__init__"));
	set_position(&f, 1, 0);
	t = moving_look(&f, later());
	assert_int_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->depth, 3); /* it is none of the program's */
	moving_expect_name(&f, &t->frames[0], "f3");
	moving_expect_name(&f, &t->frames[1], "f2");
	moving_expect_name(&f, &t->frames[2], "f0");
	moving_end(&f);
}

/* ---- the same again ---- */

static void numbers_tell_what_changed(void **state)
{
	const struct walk_thread *t;
	uint64_t serial, callers;
	struct moving f;

	(void)state;
	moving_begin(&f, 4);
	t = moving_look(&f, later());
	serial = t->serial;
	callers = t->callers;
	t = moving_look(&f, later());
	assert_int_equal(t->serial, serial);
	assert_int_equal(t->callers, callers);
	set_position(&f, 3, 7);
	t = moving_look(&f, later());
	assert_int_not_equal(t->serial, serial);
	assert_int_equal(t->callers, callers);
	assert_int_equal(t->frames[0].at, 14);
	serial = t->serial;
	set_position(&f, 1, 7);
	t = moving_look(&f, later());
	assert_int_not_equal(t->serial, serial);
	assert_int_not_equal(t->callers, callers);
	assert_int_equal(t->frames[2].at, 14);
	callers = t->callers;
	moving_leaf(&f, 2);
	t = moving_look(&f, later());
	assert_int_not_equal(t->callers, callers);
	assert_int_equal(t->depth, 3);
	moving_end(&f);
}

/* ---- threads that sleep, or had a processor ---- */

static void count_chunks(struct moving *f, const struct range *range)
{
	f->n += is_of_chunk(range);
}

static void a_sleeping_thread_is_read_once(void **state)
{
	const struct walk_thread *t;
	uint64_t serial, calls;
	struct moving f;

	(void)state;
	moving_begin(&f, 4);
	f.change = count_chunks;
	moving_look(&f, later());
	walker_asleep(f.walker, 0, true);
	moving_leaf(&f, 2);
	f.n = 0;
	t = moving_look(&f, later());
	assert_int_equal(f.n, 1);
	assert_int_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->depth, 3);
	assert_false(t->ran);
	/* With the facts: the other call is for the codes. */
	serial = t->serial;
	calls = f.calls;
	t = moving_look(&f, later());
	assert_int_equal(f.n, 2);
	assert_int_equal(f.calls - calls, 2);
	assert_int_equal(t->serial, serial);
	walker_asleep(f.walker, 0, false);
	moving_look(&f, later());
	assert_int_equal(f.n, 4);
	moving_end(&f);
}

/* Deeper than the last time: what is missing is read, and is enough. */
static void a_sleeping_thread_may_be_deeper(void **state)
{
	const struct walk_thread *t;
	struct moving f;

	(void)state;
	moving_begin(&f, 4);
	moving_leaf(&f, 1);
	moving_look(&f, later());
	walker_asleep(f.walker, 0, true);
	moving_leaf(&f, 3);
	t = moving_look(&f, later());
	assert_int_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->depth, 4);
	moving_end(&f);
}

static void move_leaf(struct moving *f, const struct range *range)
{
	if (is_of_chunk(range))
		set_position(f, 3, f->n++ % 2 ? 3 : 5);
}

static void what_moved_had_a_processor(void **state)
{
	struct moving f;

	(void)state;
	moving_begin(&f, 4);
	assert_false(moving_look(&f, later())->ran);
	f.change = move_leaf;
	assert_true(moving_look(&f, later())->ran);
	assert_true(moving_look(&f, later())->ran);
	f.change = change_inner; /* no look finds a whole stack */
	assert_true(moving_look(&f, later())->ran);
	walker_leave(f.walker, 0); /* nothing is known of it then */
	assert_false(moving_look(&f, later())->ran);
	assert_true(moving_look(&f, later())->ran);
	f.change = NULL;
	assert_false(moving_look(&f, later())->ran);
	assert_false(moving_look(&f, later())->ran);
	moving_end(&f);
}

/* ---- threads that are held ---- */

static void a_held_thread_is_not_read(void **state)
{
	const struct walk_thread *t;
	uint64_t bytes;
	struct moving f;

	(void)state;
	moving_begin(&f, 4);
	moving_look(&f, later());
	bytes = f.bytes;
	moving_look(&f, later());
	bytes = f.bytes - bytes;
	walker_hold(f.walker, 0, true);
	moving_leaf(&f, 2);
	f.bytes = 0;
	t = moving_look(&f, later());
	assert_true(f.bytes < bytes / 4);
	assert_int_equal(t->depth, 4);
	walker_hold(f.walker, 0, false);
	t = moving_look(&f, later());
	assert_int_equal(t->depth, 3);
	moving_end(&f);
}

#define SECOND 0x10c00u

/* A second thread state, newer than the first, without frames. */
static void add_thread(struct moving *f, uint64_t at, uint64_t next)
{
	const struct layout *l = &f->layout;

	memset(memory + (at - BASE), 0, 0x200);
	put8(at + (unsigned)l->thread.interp, INTERP);
	put8(at + (unsigned)l->thread.next, next);
	put8(at + (unsigned)l->thread.thread_id, at);
	put8(at + (unsigned)l->thread.native_id, 43);
}

static void threads_come_and_go_beside_held_ones(void **state)
{
	const struct walk_thread *t;
	struct moving f;
	uint64_t list;

	(void)state;
	moving_begin(&f, 4);
	moving_look(&f, later());
	walker_hold(f.walker, 0, true);
	list = walker_list(f.walker);
	add_thread(&f, SECOND, TSTATE);
	put8(INTERP + (unsigned)f.layout.interp.threads_head, SECOND);
	assert_int_equal(walker_snapshot(f.walker, later()), 0);
	t = moving_rows(&f, 2);
	assert_int_not_equal(walker_list(f.walker), list);
	list = walker_list(f.walker);
	assert_int_equal(t[0].depth + t[1].depth, 4);
	assert_int_equal(t[0].tid + t[1].tid, 42 + 43);
	assert_int_equal(walker_snapshot(f.walker, later()), 0);
	assert_int_equal(walker_list(f.walker), list);
	put8(INTERP + (unsigned)f.layout.interp.threads_head, TSTATE);
	t = moving_look(&f, later());
	assert_int_equal(t->tid, 42);
	assert_int_equal(t->depth, 4);
	moving_end(&f);
}

/* ---- facts ---- */

#define ITEM 0x1c400u

static void exceptions(void **state)
{
	struct moving f;
	uint64_t own;

	(void)state;
	moving_begin(&f, 3);
	own = TSTATE + (unsigned)f.layout.thread.exc_value;
	put8(TSTATE + (unsigned)f.layout.thread.exc_info, own);
	assert_false(moving_look(&f, later())->exception);
	put8(own, 0x1234); /* handled */
	assert_true(moving_look(&f, later())->exception);
	put8(own, made_entry.none);
	assert_false(moving_look(&f, later())->exception);
	/* A generator has an item of its own, the thread's lies below. */
	put8(TSTATE + (unsigned)f.layout.thread.exc_info, ITEM);
	put8(ITEM + (unsigned)f.layout.exc.previous, own);
	assert_false(moving_look(&f, later())->exception);
	put8(ITEM + (unsigned)f.layout.exc.value, 0x1234);
	assert_true(moving_look(&f, later())->exception);
	put8(ITEM + (unsigned)f.layout.exc.value, 0);
	put8(ITEM + (unsigned)f.layout.exc.previous, ITEM); /* a circle */
	assert_false(moving_look(&f, later())->exception);
	put8(TSTATE + (unsigned)f.layout.thread.exc_info, own);
	put8(TSTATE + (unsigned)f.layout.thread.raising, 0x1234);
	assert_true(moving_look(&f, later())->exception);
	moving_end(&f);
}

static void gil_and_collector(void **state)
{
	const struct walk_thread *t;
	struct moving f;
	uint64_t gil;

	(void)state;
	moving_begin(&f, 2);
	gil = INTERP + (unsigned)f.layout.interp.gil_embedded;
	put8(INTERP + (unsigned)f.layout.interp.gil_ptr, gil);
	put8(gil + (unsigned)f.layout.gil.last_holder, TSTATE);
	t = moving_look(&f, later());
	assert_false(t->holds_gil);
	assert_int_equal(t->gil_from, gil + (unsigned)f.layout.gil.cond);
	assert_true(t->gil_to > t->gil_from);
	put(gil + (unsigned)f.layout.gil.locked, 1, 4);
	put(INTERP + (unsigned)f.layout.interp.gc_collecting, 1, 4);
	t = moving_look(&f, later());
	assert_true(t->holds_gil);
	/* When it stood, that is. */
	assert_int_equal(walker_grab(f.walker, 0), 0);
	put(gil + (unsigned)f.layout.gil.locked, 0, 4);
	assert_int_equal(walker_take(f.walker, 0, clock_mono()), 0);
	assert_true(moving_rows(&f, 1)->holds_gil);
	assert_true(t->gc);
	moving_end(&f);
}

/* Its stack stays, also where the row is another one by now. */
static void a_row_for_later(void **state)
{
	const struct walk_thread *t;
	struct moving f;

	(void)state;
	moving_begin(&f, 4);
	moving_look(&f, later());
	walker_later(f.walker, 0);
	moving_leaf(&f, 0);
	add_thread(&f, SECOND, TSTATE);
	put8(INTERP + (unsigned)f.layout.interp.threads_head, SECOND);
	assert_int_equal(walker_snapshot(f.walker, later()), 0);
	t = moving_rows(&f, 2);
	assert_int_equal(t[t[1].tid == 42].depth, 4);
	moving_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_held_still_is_kept),
		cmocka_unit_test(dead_frames_are_no_prefix),
		cmocka_unit_test(a_prefix_comes_first),
		cmocka_unit_test(what_was_not_predicted_has_a_prefix),
		cmocka_unit_test(a_running_caller_has_no_callee),
		cmocka_unit_test(a_thread_may_be_pushing),
		cmocka_unit_test(a_stopped_thread_is_read_as_it_stood),
		cmocka_unit_test(a_name_that_comes_late_is_none),
		cmocka_unit_test(stopped_where_nothing_can_be_told),
		cmocka_unit_test(a_row_that_was_left_out_can_be_read),
		cmocka_unit_test(a_row_for_later),
		cmocka_unit_test(a_stack_that_moves_is_not_looked_at_again),
		cmocka_unit_test(one_that_persists_tries_again),
		cmocka_unit_test(the_used_part_is_read_twice),
		cmocka_unit_test(a_frame_that_begins_is_no_caller),
		cmocka_unit_test(a_shim_is_a_caller),
		cmocka_unit_test(numbers_tell_what_changed),
		cmocka_unit_test(a_sleeping_thread_is_read_once),
		cmocka_unit_test(a_sleeping_thread_may_be_deeper),
		cmocka_unit_test(what_moved_had_a_processor),
		cmocka_unit_test(a_held_thread_is_not_read),
		cmocka_unit_test(threads_come_and_go_beside_held_ones),
		cmocka_unit_test(exceptions),
		cmocka_unit_test(gil_and_collector),
	};

	return cmocka_run_group_tests_name("walk, moving", tests, NULL, NULL);
}
