/*
 * walk: frames apart from the chunk, as those of generators.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "profile.h"
#include "tests/lib/made_python.h"
#include "tests/lib/moving.h"

#define MANY 60u

static uint64_t apart_at(unsigned n)
{
	return 0x20000u + n * 0x200u;
}

static void make_apart(struct moving *m, unsigned n, uint64_t previous)
{
	make_frame(&m->layout, apart_at(n), code_at(3), previous,
		   m->layout.iframe.owner_generator);
}

/* Three functions, and generators that the innermost one calls. */
static void begin_apart(struct moving *m)
{
	unsigned n;

	moving_begin(m, 4);
	moving_leaf(m, 2);
	for (n = 0; n < MANY; n++)
		make_apart(m, n, frame_at(2));
}

static void stop(struct moving *m)
{
	assert_int_equal(walker_grab(m->walker, 0), 0);
	assert_int_equal(walker_take(m->walker, 0, 0), 0);
}

static void look_asleep(struct moving *m)
{
	walker_asleep(m->walker, 0, true);
	moving_look(m, later());
}

/* In one generator after the other, it does not read those that were before. */
static void costs_the_same(void (*read)(struct moving *m))
{
	uint64_t first = 0, before = 0;
	struct moving m;
	unsigned n;

	begin_apart(&m);
	moving_look(&m, later());
	for (n = 0; n < MANY; n++) {
		moving_head(&m, apart_at(n));
		before = m.ranges;
		read(&m);
		assert_int_equal(moving_rows(&m, 1)->depth, 4);
		if (n == 1)
			first = m.ranges - before;
	}
	assert_int_equal(m.ranges - before, first);
	moving_end(&m);
}

/* A thread stands for as long as it is read. */
static void a_stop_does_not_read_what_is_gone(void **state)
{
	(void)state;
	costs_the_same(stop);
}

static void nor_does_a_look_at_one_that_sleeps(void **state)
{
	(void)state;
	costs_the_same(look_asleep);
}

#define CALLER MANY /* a generator, too, which calls others in turn */
#define TURNS 7u

/*
 * Another generator each time that somebody asks which; and what called it has
 * gone on each time that somebody reads where it is.
 */
static void take_turns(struct moving *m, const struct range *range)
{
	uint64_t code = code_at(3) + (unsigned)m->layout.code.adaptive;

	if (range->addr == CFRAME + (unsigned)m->layout.thread.cframe_frame)
		moving_head(m, apart_at(m->n++ % TURNS));
	if (range->addr == apart_at(CALLER))
		put8(apart_at(CALLER) + (unsigned)m->layout.iframe.instr,
		     code + 2 * (3 + m->calls % 8));
}

/* Frames that were read once, and not in the order of the chain, prove nothing. */
static void no_stack_is_of_different_times(void **state)
{
	const struct walk_thread *t;
	struct moving m;
	unsigned n;

	(void)state;
	begin_apart(&m);
	make_apart(&m, CALLER, frame_at(2));
	for (n = 0; n < TURNS; n++)
		make_apart(&m, n, apart_at(CALLER));
	moving_head(&m, apart_at(0));
	assert_int_equal(moving_look(&m, later())->loss, LOSS_NONE);
	m.change = take_turns;
	m.n = 1;
	for (n = 0; n < 100; n++) {
		t = moving_look(&m, later());
		assert_int_not_equal(t->loss, LOSS_NONE);
	}
	moving_end(&m);
}

/* The generator comes back to its caller once it has been read. */
static void come_back(struct moving *m, const struct range *range)
{
	if (range->addr == apart_at(0))
		moving_head(m, frame_at(2));
}

/*
 * A frame that was not predicted is read, and then all once more: the stack of
 * that is taken if it is the same one only. Else what runs for a moment would
 * be seen as what follows it.
 */
static void what_comes_after_is_not_taken(void **state)
{
	const struct walk_thread *t;
	struct moving m;

	(void)state;
	begin_apart(&m);
	assert_int_equal(moving_look(&m, later())->loss, LOSS_NONE);
	moving_head(&m, apart_at(1));
	t = moving_look(&m, later());
	assert_int_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->depth, 4);
	moving_head(&m, apart_at(0));
	m.change = come_back;
	t = moving_look(&m, later());
	assert_int_equal(t->loss, LOSS_MOVING);
	assert_int_equal(t->depth, 3); /* it waits for somebody */
	moving_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stop_does_not_read_what_is_gone),
		cmocka_unit_test(nor_does_a_look_at_one_that_sleeps),
		cmocka_unit_test(no_stack_is_of_different_times),
		cmocka_unit_test(what_comes_after_is_not_taken),
	};

	return cmocka_run_group_tests_name("walk, apart", tests, NULL, NULL);
}
