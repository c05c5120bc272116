/*
 * What is told of threads in the ticks that interrupts took, by what these saw.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/reading.h"

static const struct state_def *state_at(const struct reading *r, size_t tick)
{
	const struct sample *s = sample_at(r, tick, 1);

	assert_non_null(s);
	return &r->t.symbols.states[s->state];
}

static void waits(const struct reading *r, size_t tick, const char *text)
{
	assert_string_equal(symbols_text(&r->t.symbols,
					 state_at(r, tick)->wait),
			    text);
}

static void calls(struct interrupt *in, uint8_t gil)
{
	in->exc = gil;
	in->call = 202;
	in->args[0] = 10;
	in->args[5] = 15;
	in->first = 7;
}

/* ---- found, or asleep ---- */

static void found_in_a_tick(void **state)
{
	struct reading *r = *state;

	finds(r, 1, 2010, 1500, 1)->took_ns = 3000;
	leaves(r, 1, 2500, 1500, INTERRUPTIBLE, 2)->took_ns = 1000;
	reads(r, 4);
	is_told(r, 1, "9s 1c 2s 2s");
	assert_int_equal(state_at(r, 2)->gil, GIL_NEITHER);
	assert_int_equal(r->decodes, 2);
	assert_int_equal(r->t.counts.interrupts, 1);
	assert_int_equal(r->t.ticking.stood_ns, 4000);
	assert_int_equal(r->t.counts.copies.times, 2);
	assert_int_equal(r->t.counts.copies.ns, 4000);
	assert_int_equal(r->t.counts.copies.longest_ns, 3000);
	assert_int_equal(r->t.ticking.seen_ns, at_us(2500));
	assert_false(r->t.ticking.unfit || r->t.ticking.lost_code ||
		     r->t.ticking.other || r->t.ticking.stranger);
}

static void why_it_left(void **state)
{
	static const uint32_t why[] = {
		0, INTERRUPTIBLE, UNINTERRUPTIBLE, WAKEKILL | UNINTERRUPTIBLE,
		UNINTERRUPTIBLE | NOLOAD, WAKEKILL, FROZEN,
		FROZEN | INTERRUPTIBLE, FROZEN | UNINTERRUPTIBLE | NOLOAD,
		STOPPED, TRACED, WAKEKILL | STOPPED, FROZEN | TRACED};
	struct reading *r = *state;
	int64_t i;

	for (i = 0; i < (int64_t)(sizeof(why) / sizeof(*why)); i++)
		leaves(r, 1, i * STEP + 500, i * STEP + 400, why[i], 1);
	reads(r, (uint64_t)i);
	is_told(r, 1, "1r 1s 1d 1d 1s 1s 1d 1d 1d 1t 1t 1t 1t");
}

/* In which call, and whether it still is when that is decoded. */
static void the_call_it_is_in(void **state)
{
	struct reading *r = *state;

	calls(leaves(r, 1, 500, 400, INTERRUPTIBLE, 1), GIL_WANTED);
	calls(leaves(r, 1, 1500, 1400, 0, 2), GIL_HELD);
	leaves(r, 1, 2500, 2400, INTERRUPTIBLE, 3)->first = 8;
	calls(leaves(r, 1, 3500, 3400, UNINTERRUPTIBLE, 4), GIL_NEITHER);
	reads(r, 5);
	is_told(r, 1, "1s 2r 3s 4d 4d");
	waits(r, 1, "202 10 15 7 past");
	waits(r, 2, "");
	waits(r, 3, "");
	waits(r, 4, "202 10 15 7");
	assert_int_equal(state_at(r, 1)->gil, GIL_WANTED);
	assert_int_equal(state_at(r, 2)->gil, GIL_HELD);
}

/* Neither told nor decoded; the second came when another was to be told. */
static void over_before_the_next_tick(void **state)
{
	struct reading *r = *state;

	leaves(r, 1, 1100, 1080, INTERRUPTIBLE, 1);
	leaves(r, 1, 1300, 1200, INTERRUPTIBLE, 2);
	woken(r, 1, 1400);
	leaves(r, 1, 1500, 1410, 0, 3);
	finds(r, 1, 2020, 1600, 4);
	leaves(r, 1, 2500, 1600, INTERRUPTIBLE, 5);
	leaves(r, 1, 3010, 3001, INTERRUPTIBLE, 6);
	ended(r, 1, 3500);
	reads(r, 4);
	is_told(r, 1, "9s 4c 5s --");
	assert_int_equal(r->decodes, 2);
	assert_int_equal(r->t.ticking.nchanges, 2);
}

static void asleep_for_several_ticks(void **state)
{
	struct reading *r = *state;

	calls(leaves(r, 1, 1500, 1400, INTERRUPTIBLE, 1), GIL_NEITHER);
	woken(r, 1, 4500);
	finds(r, 1, 5010, 4520, 2);
	reads(r, 5);
	is_told(r, 1, "9s 1s 1s 1s 2c");
	waits(r, 2, "202 10 15 7 past");
	waits(r, 5, "");
	assert_int_equal(r->decodes, 2);
}

/* ---- woken ---- */

/* It is not in that call any more. */
static void woken_and_waiting(void **state)
{
	struct reading *r = *state;

	calls(leaves(r, 1, 1500, 1400, INTERRUPTIBLE, 1), GIL_WANTED);
	woken(r, 1, 2500);
	woken(r, 1, 3500);
	calls(leaves(r, 1, 4500, 4400, INTERRUPTIBLE, 2), GIL_HELD);
	woken(r, 1, 5500);
	finds(r, 1, 7010, 6500, 3);
	reads(r, 7);
	is_told(r, 1, "9s 1s 1r 1r 2s 2r 3c");
	waits(r, 2, "202 10 15 7 past");
	waits(r, 3, "");
	assert_int_equal(state_at(r, 2)->gil, GIL_WANTED);
	assert_int_equal(state_at(r, 3)->gil, GIL_NEITHER);
	assert_int_equal(state_at(r, 3)->flags, STATE_EXCEPTION);
	assert_int_equal(state_at(r, 6)->gil, GIL_HELD);
}

/* The way out of the processor's sleep is its own time. */
static void woken_on_an_idle_processor(void **state)
{
	struct reading *r = *state;

	calls(leaves(r, 1, 1500, 1400, INTERRUPTIBLE, 1), GIL_WANTED);
	woken(r, 1, 2500);
	leaves(r, 1, 3500, 3400, INTERRUPTIBLE, 2)->from_idle = true;
	woken(r, 1, 4500);
	finds(r, 1, 6010, 5500, 3)->from_idle = true;
	reads(r, 6);
	is_told(r, 1, "9s 1s 1c 2s 2c 3c");
	waits(r, 3, "");
	assert_int_equal(state_at(r, 3)->gil, GIL_NEITHER);
}

/* Nobody woke it, so it did not wait. */
static void preempted_by_what_is_idle_now(void **state)
{
	struct reading *r = *state;

	leaves(r, 1, 1500, 1400, 0, 1);
	finds(r, 1, 4010, 3500, 2)->from_idle = true;
	reads(r, 4);
	is_told(r, 1, "9s 1r 1r 2c");
}

static void woken_in_the_tick_in_which_it_left(void **state)
{
	struct reading *r = *state;

	leaves(r, 1, 1500, 1400, INTERRUPTIBLE, 1);
	woken(r, 1, 1700);
	finds(r, 1, 4010, 3500, 2);
	reads(r, 4);
	is_told(r, 1, "9s 1r 1r 2c");
	assert_int_equal(r->decodes, 2);
	assert_int_equal(r->t.ticking.nchanges, 1);
}

/* Where a tick is due it is woken. */
static void woken_at_a_tick(void **state)
{
	struct reading *r = *state;

	leaves(r, 1, 1500, 1400, INTERRUPTIBLE, 1);
	woken(r, 1, 3000);
	finds(r, 1, 5010, 4500, 2);
	reads(r, 5);
	is_told(r, 1, "9s 1s 1r 1r 2c");
}

static void woken_where_it_runs(void **state)
{
	struct reading *r = *state;

	finds(r, 1, 1010, 500, 1);
	woken(r, 1, 2500);
	reads(r, 4);
	is_told(r, 1, "1c 1c 1c 1c");
	leaves(r, 1, 5500, 500, INTERRUPTIBLE, 2);
	reads(r, 7);
	is_told(r, 1, "1c 1c 1c 1c 2c 2s 2s");
}

/* ---- not found where it was ---- */

static void not_found_in_some_ticks(void **state)
{
	struct reading *r = *state;

	leaves(r, 1, 1500, 1400, INTERRUPTIBLE, 1);
	finds(r, 1, 4010, 2500, 2);
	finds(r, 1, 6010, 2500, 3);
	leaves(r, 1, 8500, 2500, INTERRUPTIBLE, 4);
	reads(r, 9);
	is_told(r, 1, "9s 1s 2c 2c 3c 3c 4c 4c 4s");
	/* What leaves twice: it goes on, and it is away. */
	assert_int_equal(r->decodes, 5);
	assert_int_equal(r->t.counts.interrupts, 2);
}

static void there_before_we_began(void **state)
{
	struct reading *r = *state;

	leaves(r, 1, 2500, 0, INTERRUPTIBLE, 1);
	reads(r, 3);
	finds(r, 1, 5010, 0, 2);
	reads(r, 5);
	is_told(r, 1, "1c 1c 1s 2c 2c");
}

/* ---- who is told of ---- */

static void seen_before_the_look(void **state)
{
	struct reading *r = *state;

	r->known[0].looked_ns = at_us(2000);
	leaves(r, 1, 1999, 1500, INTERRUPTIBLE, 1);
	finds(r, 1, 1999, 1500, 1);
	reads(r, 3);
	is_told(r, 1, "9s 9s 9s");
	r->known[0].looked_ns = at_us(4500);
	leaves(r, 1, 4500, 4400, INTERRUPTIBLE, 1);
	reads(r, 5);
	is_told(r, 1, "9s 9s 9s 9s 1s");
}

static void not_wanted(void **state)
{
	struct reading *r = *state;

	r->known[0].wanted = false;
	stay_as_looked(&r->t, &r->known[0]);
	finds(r, 1, 1010, 900, 1);
	leaves(r, 1, 1500, 900, INTERRUPTIBLE, 1);
	woken(r, 1, 1700);
	reads(r, 2);
	is_told(r, 1, "-- --");
	assert_int_equal(r->nnotes + r->decodes, 0);
}

/* Ids of which nothing is known, or that the list had before. */
static void not_known(void **state)
{
	struct reading *r = *state;

	map_put(&r->t.ticking.of, 77 + INSIDE, 0);
	map_put(&r->t.ticking.of, 78 + INSIDE, 1);
	finds(r, 76, 1010, 900, 1);
	finds(r, 77, 1010, 900, 1);
	finds(r, 78, 1010, 900, 1);
	reads(r, 2);
	is_told(r, 1, "9s 9s");
	assert_int_equal(r->decodes, 0);
	saw(r, INTERRUPT_STRANGER, 76, 2900);
	reads(r, 3);
	assert_int_equal(r->t.ticking.stranger, 76 + INSIDE);
	r->t.ticking.strange_looks = 1;
	r->known[0].mapped = 1;
	assert_int_equal(r->t.ticking.list, 7);
	saw(r, INTERRUPT_STRANGER, 1, 3900);
	reads(r, 5);
	is_told(r, 1, "9s 9s 9s 9s 9s");
	assert_int_equal(r->t.ticking.stranger, 1 + INSIDE);
	assert_int_equal(r->t.ticking.strange_looks, 0);
	/* Another one has its id: it is to be told of anew. */
	assert_int_equal(r->known[0].mapped, 0);
	assert_int_equal(r->t.ticking.list, UINT64_MAX);
}

static void has_ended(void **state)
{
	struct reading *r = *state;

	reading_add(r);
	reading_add(r);
	calls(leaves(r, 1, 500, 400, INTERRUPTIBLE, 1), GIL_NEITHER);
	finds(r, 2, 1010, 900, 2);
	woken(r, 1, 1500);
	leaves(r, 3, 1500, 1400, INTERRUPTIBLE, 3);
	assert_int_equal(r->t.ticking.list, 7);
	ended(r, 3, 2000);
	ended(r, 1, 3001);
	ended(r, 2, 3500);
	finds(r, 1, 4010, 3500, 3);
	leaves(r, 3, 4500, 4400, INTERRUPTIBLE, 3);
	woken(r, 2, 4500);
	reads(r, 5);
	is_told(r, 1, "1s 1r 1r -- --");
	waits(r, 1, "202 10 15 7 past");
	/* It ran until it ended. */
	is_told(r, 2, "2c 2c 2c -- --");
	is_told(r, 3, "9s -- -- -- --");
	assert_int_equal(r->decodes, 2);
	assert_true(r->known[0].ended && r->known[1].ended);
	assert_true(r->ended[0] == 1 && r->ended[1] == 1 && r->ended[2] == 1);
	assert_int_equal(r->t.ticking.list, 7);
	reads(r, 6);
	is_told(r, 2, "2c 2c 2c -- -- --");
}

/* ---- ticks ---- */

static void on_two_processors(void **state)
{
	struct reading *r = *state;

	reading_add(r);
	finds(r, 1, 2010, 1500, 1);
	finds(r, 2, 2030, 1600, 2);
	finds(r, 2, 3010, 1600, 3);
	/* It moves, and is found again. */
	finds(r, 1, 3012, 1500, 4);
	leaves(r, 1, 3015, 1500, 0, 5);
	finds(r, 1, 3040, 3018, 6);
	reads(r, 3);
	is_told(r, 1, "9s 1c 4c");
	is_told(r, 2, "9s 2c 3c");
	assert_int_equal(r->t.counts.interrupts, 4);
	/* It still is there. */
	woken(r, 1, 3900);
	reads(r, 5);
	is_told(r, 1, "9s 1c 4c 6c 6c");
}

static void late_or_early(void **state)
{
	struct reading *r = *state;

	leaves(r, 1, 500, 400, INTERRUPTIBLE, 1);
	finds(r, 1, 2974, 2000, 2);
	leaves(r, 1, 2980, 2000, INTERRUPTIBLE, 3);
	finds(r, 1, 3975, 3970, 4);
	leaves(r, 1, 3980, 3970, INTERRUPTIBLE, 5);
	leaves(r, 1, 4500, 4400, INTERRUPTIBLE, 6);
	finds(r, 1, 5600, 5000, 7);
	reads(r, 5);
	is_told(r, 1, "1s 2c 3s 4c 7c");
	assert_int_equal(r->decodes, 6);
}

/* Right before the round began; it is there since. */
static void early_in_the_round(void **state)
{
	struct reading *r = *state;

	r->known[0].looked_ns = at_us(-STEP);
	finds(r, 1, -200, -300, 1);
	finds(r, 1, -100, -300, 2);
	reads(r, 2);
	is_told(r, 1, "2c 2c");
	assert_int_equal(r->t.counts.interrupts, 0);
}

/* One stands behind that of a later tick: it is told in its own. */
static void out_of_order(void **state)
{
	struct reading *r = *state;

	reading_add(r);
	finds(r, 2, 3010, 2500, 2);
	finds(r, 1, 2870, 1500, 1);
	finds(r, 2, 4010, 2500, 3);
	finds(r, 1, 4020, 1500, 4);
	reads(r, 4);
	is_told(r, 1, "9s 1c 4c 4c");
	is_told(r, 2, "9s 9s 2c 3c");
}

/* So late that it is of the next tick, which is not told yet: that is found anew. */
static void beyond_what_is_told(void **state)
{
	struct reading *r = *state;

	finds(r, 1, 3980, 2500, 1);
	by_late(r, -10);
	reads_until(r, 3, 3985);
	is_told(r, 1, "9s 9s 1c");
	finds(r, 1, 4020, 2500, 2);
	reads(r, 4);
	finds(r, 1, 5980, 2500, 3);
	by_late(r, -10);
	reads_until(r, 5, 5985);
	reads(r, 6);
	is_told(r, 1, "9s 9s 1c 2c 3c 3c");
}

static void told_already(void **state)
{
	struct reading *r = *state;

	leaves(r, 1, 1500, 1400, INTERRUPTIBLE, 1);
	reads_until(r, 3, 3300);
	finds(r, 1, 3400, 3350, 2);
	reads(r, 5);
	/* But it is there since. */
	is_told(r, 1, "9s 1s 1s 2c 2c");
	assert_int_equal(r->t.counts.interrupts, 0);
	leaves(r, 1, 5990, 3350, INTERRUPTIBLE, 3);
	reads(r, 6);
	is_told(r, 1, "9s 1s 1s 2c 2c 3s");
}

/* When they were due, whenever their interrupts came. */
static void times_of_ticks(void **state)
{
	struct reading *r = *state;
	size_t i;

	finds(r, 1, 2003, 1500, 1);
	finds(r, 1, 4970, 1500, 1);
	finds(r, 1, 4980, 1500, 1);
	r->t.missed = 3;
	r->t.process.pid = 77;
	reads(r, 6);
	for (i = 0; i < r->nticks; i++) {
		assert_int_equal(r->ticks[i].mono_ns,
				 at_us(((int64_t)i + 1) * STEP));
		assert_int_equal(r->ticks[i].pid, 77);
		assert_int_equal(r->ticks[i].missed, i ? 0 : 3);
	}
	assert_int_equal(r->t.counts.ticks, 6);
	/* All are told. */
	assert_int_equal(tell_ticks(&r->t, &r->sink, 6), 0);
	assert_int_equal(r->nticks, 6);
}

/* ---- from one reading to the next ---- */

static void still_away(void **state)
{
	struct reading *r = *state;

	calls(leaves(r, 1, 1500, 1400, INTERRUPTIBLE, 1), GIL_WANTED);
	reads(r, 2);
	reads(r, 3);
	assert_int_equal(r->decodes, 1);
	woken(r, 1, 4500);
	finds(r, 1, 6010, 5500, 2)->from_idle = true;
	/* Of the next tick, but that is not told yet. */
	leaves(r, 1, 6500, 5500, UNINTERRUPTIBLE, 3);
	reads(r, 6);
	reads(r, 7);
	is_told(r, 1, "9s 1s 1s 1s 1c 2c 3d");
	waits(r, 2, "202 10 15 7");
	waits(r, 4, "202 10 15 7");
	waits(r, 5, "");
}

static void still_waiting(void **state)
{
	struct reading *r = *state;

	calls(leaves(r, 1, 1500, 1400, INTERRUPTIBLE, 1), GIL_WANTED);
	woken(r, 1, 2500);
	reads(r, 3);
	reads(r, 4);
	is_told(r, 1, "9s 1s 1r 1r");
	waits(r, 2, "202 10 15 7 past");
	waits(r, 4, "");
	assert_int_equal(r->decodes, 1);
	finds(r, 1, 6010, 5500, 2);
	reads(r, 6);
	is_told(r, 1, "9s 1s 1r 1r 1r 2c");
	assert_int_equal(r->decodes, 2);
	assert_int_equal(r->t.ticking.nchanges, 0);
}

static void still_there(void **state)
{
	struct reading *r = *state;

	finds(r, 1, 2010, 1500, 1);
	reads(r, 2);
	assert_int_equal(r->t.ticking.nchanges, 0);
	reads(r, 4);
	is_told(r, 1, "9s 1c 1c 1c");
	finds(r, 1, 6010, 1500, 2);
	reads(r, 7);
	is_told(r, 1, "9s 1c 1c 1c 2c 2c 2c");
	leaves(r, 1, 8500, 1500, INTERRUPTIBLE, 3);
	reads(r, 9);
	is_told(r, 1, "9s 1c 1c 1c 2c 2c 2c 3c 3s");
}

/* ---- what ends it ---- */

static void another_program(void **state)
{
	struct reading *r = *state;
	struct ticking *g = &r->t.ticking;

	r->t.ticking.random = 0;
	finds(r, 1, 900, 500, 1)->facts[INTERRUPT_FACTS - 1] = RANDOM + 1;
	reads(r, 1);
	r->t.ticking.random = RANDOM;
	finds(r, 1, 2010, 500, 2)->facts[INTERRUPT_FACTS - 1] = 0;
	finds(r, 1, 3010, 500, 3);
	reads(r, 3);
	is_told(r, 1, "1c 2c 3c");
	assert_false(g->other);
	leaves(r, 1, 5500, 500, 0, 4)->facts[INTERRUPT_FACTS - 1] = RANDOM + 1;
	finds(r, 1, 7010, 6500, 5);
	assert_int_equal(replay(&r->t, at_us(7500), 7), 5);
	assert_true(g->other);
	assert_int_equal(g->seen_ns, at_us(5500));
	assert_int_equal(tell_ticks(&r->t, &r->sink, 5), 0);
	is_told(r, 1, "1c 2c 3c 3c 3c");
	assert_int_equal(r->decodes, 3);
	/* Nor is anything read then. */
	assert_int_equal(replay(&r->t, at_us(9500), 6), 6);
	assert_int_equal(g->nfound, 0);
	/* Ticks beyond the last are not told, and what is told is told. */
	g->other = false;
	finds(r, 1, 7020, 500, 4)->facts[INTERRUPT_FACTS - 1] = 9;
	finds(r, 1, 4500, 500, 4)->facts[INTERRUPT_FACTS - 1] = 9;
	r->at = r->nrecords - 2;
	assert_int_equal(replay(&r->t, at_us(9500), 6), 6);
	g->other = false;
	assert_int_equal(replay(&r->t, at_us(9500), 6), 5);
}

static void losses(void **state)
{
	struct reading *r = *state;
	struct ticking *g = &r->t.ticking;

	finds(r, 1, 1010, 500, 1)->next = LOSS_CODE;
	finds(r, 1, 2010, 500, 2);
	reads(r, 2);
	assert_true(g->lost_code && !g->unfit);
	assert_int_equal(sample_at(r, 1, 1)->loss, LOSS_CODE);
	leaves(r, 1, 3010, 500, INTERRUPTIBLE, 3)->next = LOSS_DEPTH;
	reads(r, 3);
	assert_true(!g->lost_code && g->unfit);
	assert_int_equal(sample_at(r, 3, 1)->loss, LOSS_DEPTH);
}

/* Of three ticks with a sample each, calls 3 and 4 are those of the second. */
static void sink_fails(void **state)
{
	struct reading *r = *state;
	unsigned i;

	for (i = 3; i <= 4; i++) {
		r->calls = 0;
		r->fails = i;
		r->t.ticking.told = 0;
		assert_int_equal(replay(&r->t, at_us(4500), 3), 3);
		assert_int_equal(tell_ticks(&r->t, &r->sink, 3), -EPIPE);
		assert_int_equal(r->calls, i);
	}
	/* Nobody is left found. */
	reading_add(r);
	finds(r, 1, 4010, 3500, 1);
	finds(r, 2, 4010, 3500, 1);
	r->fails = 2;
	r->calls = 0;
	r->t.ticking.told = 3;
	assert_int_equal(replay(&r->t, at_us(4500), 4), 4);
	assert_int_equal(tell_ticks(&r->t, &r->sink, 4), -EPIPE);
	assert_null(r->known[1].now);
}

/* ---- looks ---- */

static void stays_as_looked(void **state)
{
	const struct interrupt in = {.head = 5, .exc = GIL_HELD};
	struct reading *r = *state;
	struct known *k = &r->known[0];

	finds(r, 1, 1010, 500, 1);
	reads(r, 1);
	r->stacks[0] = 5;
	k->def.run = RUN_DISK;
	k->away = (struct away){.left = true, .left_tick = 2, .in = in};
	stay_as_looked(&r->t, k);
	reads(r, 2);
	is_told(r, 1, "1c 5d");
	assert_int_equal(k->stay.stack, 5);
	assert_int_equal(r->decodes, 1);
	k->away = (struct away){.woken = true, .woken_tick = 3};
	stay_as_looked(&r->t, k);
	reads(r, 3);
	is_told(r, 1, "1c 5d 5d");
	/* A state that was made for a thread which has not begun. */
	k->tid |= SYNTHETIC;
	stay_as_looked(&r->t, k);
	assert_int_equal(k->stay.tid, 0);
	assert_int_equal(k->told.tid, 0);
	r->decoded[0].depth = 1;
	stay_as_looked(&r->t, k);
	assert_int_equal(k->stay.tid, k->tid);
	k->wanted = false;
	stay_as_looked(&r->t, k);
	assert_int_equal(k->stay.tid, 0);
	reads(r, 4);
	is_told(r, 1, "1c 5d 5d --");
}

/* Until it is found, or leaves. */
static void stays_unknown(void **state)
{
	struct reading *r = *state;
	struct known *k = &r->known[0];
	size_t states;

	finds(r, 1, 1010, 500, 1);
	reads(r, 1);
	k->away = (struct away){.left = true, .left_tick = 2};
	stay_unknown(k);
	reads(r, 2);
	k->away = (struct away){.woken = true, .woken_tick = 3};
	stay_unknown(k);
	reads(r, 3);
	states = r->t.symbols.nstates;
	woken(r, 1, 4500);
	reads(r, 5);
	assert_int_equal(r->t.symbols.nstates, states);
	finds(r, 1, 6010, 5500, 2);
	leaves(r, 1, 6500, 5500, INTERRUPTIBLE, 3);
	reads(r, 7);
	is_told(r, 1, "1c -- -- -- -- 2c 3s");
	assert_int_equal(r->decodes, 3);
}

#define TEST(f)                                            \
	cmocka_unit_test_setup_teardown(f, reading_set_up, \
					reading_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(found_in_a_tick),
		TEST(why_it_left),
		TEST(the_call_it_is_in),
		TEST(over_before_the_next_tick),
		TEST(asleep_for_several_ticks),
		TEST(woken_and_waiting),
		TEST(woken_on_an_idle_processor),
		TEST(preempted_by_what_is_idle_now),
		TEST(woken_in_the_tick_in_which_it_left),
		TEST(woken_at_a_tick),
		TEST(woken_where_it_runs),
		TEST(not_found_in_some_ticks),
		TEST(there_before_we_began),
		TEST(seen_before_the_look),
		TEST(not_wanted),
		TEST(not_known),
		TEST(has_ended),
		TEST(on_two_processors),
		TEST(late_or_early),
		TEST(early_in_the_round),
		TEST(out_of_order),
		TEST(beyond_what_is_told),
		TEST(told_already),
		TEST(times_of_ticks),
		TEST(still_away),
		TEST(still_waiting),
		TEST(still_there),
		TEST(another_program),
		TEST(losses),
		TEST(sink_fails),
		TEST(stays_as_looked),
		TEST(stays_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
