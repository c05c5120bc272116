/*
 * Ticks that nobody looked at: what is told of a thread that was on no processor in
 * them, by what it did before and after. Both are made up, and so are the copies of
 * those that were on one.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/target/target_priv.h"

#define MS 1000000u
#define SINCE 5000000000u /* when the round began */
#define NOTED 4990000000u /* when all were looked at */
#define LIVELY (NOTED + 250u * MS)
#define SLICE 40u
#define MANY 60u

/* What the sink was told. */
struct notes {
	struct sink sink;
	struct tick *ticks;
	struct note {
		size_t tick; /* from 1 on */
		struct sample s;
	} *samples;
	size_t nticks, cap_ticks, nsamples, cap_samples;
	unsigned calls, fails; /* the number of the call that fails; 0: none */
};

struct fixture {
	struct target t;
	struct notes notes;
	/* "main left" and "main right" have a frame in common, "apart" none. */
	uint32_t main, left, right, apart;
	uint32_t sleeps, wants, runs, holds;
};

/* ---- a sink ---- */

static struct notes *notes_of(struct sink *s)
{
	return (struct notes *)((char *)s - offsetof(struct notes, sink));
}

static int call(struct notes *n)
{
	return ++n->calls == n->fails ? -EPIPE : 0;
}

static int on_tick(struct sink *s, const struct source_symbols *syms,
		   const struct tick *tick)
{
	struct notes *n = notes_of(s);

	assert_non_null(syms->table);
	n->ticks = grow(n->ticks, &n->cap_ticks, n->nticks + 1,
			sizeof(*n->ticks));
	n->ticks[n->nticks++] = *tick;
	return call(n);
}

static int on_sample(struct sink *s, const struct source_symbols *syms,
		     const struct sample *sample)
{
	struct notes *n = notes_of(s);

	assert_in_range(sample->stack, 0, syms->table->nstacks - 1);
	n->samples = grow(n->samples, &n->cap_samples, n->nsamples + 1,
			  sizeof(*n->samples));
	n->samples[n->nsamples++] = (struct note){n->nticks, *sample};
	return call(n);
}

static const struct sink_ops notes_ops = {
	.tick = on_tick,
	.sample = on_sample,
};

/* ---- a target ---- */

static uint32_t push(struct symbols *s, uint32_t parent, const char *name)
{
	struct code_def code = {.name = symbols_string(s, name, strlen(name)),
				.file = symbols_string(s, "a.py", 4),
				.first = 1};
	struct frame_def frame = {.code = symbols_code(s, &code), .line = 2};

	return symbols_stack(s, parent, symbols_frame(s, &frame));
}

static uint32_t state_number(struct symbols *s, uint8_t run, uint8_t gil)
{
	struct state_def def = {.run = run,
				.gil = gil,
				.wait = symbols_string(s, "", 0)};

	return symbols_state(s, &def);
}

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct symbols *s = &f->t.symbols;

	symbols_init(s);
	map_init(&f->t.known_of);
	f->t.source = (struct source_symbols){s, 1};
	f->t.ticking.since_ns = SINCE;
	f->t.ticking.step_ns = MS;
	f->t.ticking.noted_ns = NOTED;
	/* Nobody has a name that is to be told. */
	f->t.names_wait_ns = UINT64_MAX;
	f->sleeps = state_number(s, RUN_SLEEPING, GIL_NEITHER);
	f->wants = state_number(s, RUN_SLEEPING, GIL_WANTED);
	f->runs = state_number(s, RUN_CPU, GIL_NEITHER);
	f->holds = state_number(s, RUN_CPU, GIL_HELD);
	f->main = push(s, 0, "main");
	f->left = push(s, f->main, "left");
	f->right = push(s, f->main, "right");
	f->apart = push(s, 0, "apart");
	f->notes.sink.ops = &notes_ops;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	free(f->notes.ticks);
	free(f->notes.samples);
	free(f->t.ticking.before);
	free(f->t.ticking.after);
	free(f->t.ticking.quiet);
	map_release(&f->t.known_of);
	symbols_release(&f->t.symbols);
	free(f);
	return 0;
}

static struct told entry(const struct fixture *f, uint32_t tid, uint32_t stack,
			 uint32_t state, uint64_t slices, bool rests)
{
	struct told e = {.stays = {tid, stack, state, LOSS_NONE},
			 .slices = slices,
			 .rests = rests};

	/* What was told of that tick itself is not what it stays. */
	e.s = (struct sample){tid, f->main, f->runs, LOSS_NONE};
	return e;
}

/* What it did in the tick that was looked at before. */
static void did(struct fixture *f, uint32_t tid, uint32_t stack,
		uint32_t state, uint64_t slices, bool rests)
{
	struct ticking *g = &f->t.ticking;

	g->before = grow(g->before, &g->cap_before, g->nbefore + 1,
			 sizeof(*g->before));
	g->before[g->nbefore++] = entry(f, tid, stack, state, slices, rests);
}

/* And in the one that was looked at after the quiet ones. */
static void does(struct fixture *f, uint32_t tid, uint32_t stack,
		 uint32_t state, uint64_t slices, bool rests)
{
	struct ticking *g = &f->t.ticking;

	g->after = grow(g->after, &g->cap_after, g->nafter + 1,
			sizeof(*g->after));
	g->after[g->nafter++] = entry(f, tid, stack, state, slices, rests);
}

/* It was on a processor in that tick, and seen so `late_ns` after that was due. */
static void seen(struct fixture *f, uint64_t tick, int64_t late_ns,
		 uint32_t tid, uint32_t stack, uint32_t state)
{
	struct ticking *g = &f->t.ticking;

	g->quiet = grow(g->quiet, &g->cap_quiet, g->nquiet + 1,
			sizeof(*g->quiet));
	g->quiet[g->nquiet++] = (struct quiet){
		.tick = tick,
		.when = SINCE + tick * g->step_ns + (uint64_t)late_ns,
		.s = {tid, stack, state, LOSS_NONE}};
}

/* Tells ticks 1 to `last`. */
static void tell(struct fixture *f, uint64_t last)
{
	assert_int_equal(tell_ticks(&f->t, &f->notes.sink, last), 0);
	assert_int_equal(f->notes.nticks, last);
	assert_int_equal(f->t.ticking.told, last);
}

/* The one sample that was told of the thread in that tick; NULL: none was. */
static const struct sample *of(const struct fixture *f, size_t tick,
			       uint32_t tid)
{
	const struct notes *n = &f->notes;
	const struct sample *found = NULL;
	size_t i;

	for (i = 0; i < n->nsamples; i++) {
		if (n->samples[i].tick != tick || n->samples[i].s.tid != tid)
			continue;
		assert_null(found);
		found = &n->samples[i].s;
	}
	return found;
}

static void told_whole(const struct fixture *f, size_t tick, uint32_t tid,
		       uint32_t stack, uint32_t state)
{
	const struct sample *s = of(f, tick, tid);

	assert_non_null(s);
	assert_int_equal(s->loss, LOSS_NONE);
	assert_int_equal(s->stack, stack);
	assert_int_equal(s->state, state);
}

/* Only the common part of its stacks, with a marker on top; 0: not even that. */
static void told_partial(const struct fixture *f, size_t tick, uint32_t tid,
			 uint32_t common)
{
	const struct symbols *y = &f->t.symbols;
	const struct sample *s = of(f, tick, tid);
	const struct frame_def *top;

	assert_non_null(s);
	assert_int_equal(s->loss, LOSS_MOVING);
	assert_int_equal(y->states[s->state].run, RUN_UNKNOWN);
	assert_int_equal(y->states[s->state].gil, GIL_UNKNOWN);
	if (!common) {
		assert_int_equal(s->stack, 0);
		return;
	}
	assert_int_equal(y->stacks[s->stack].parent, common);
	top = &y->frames[y->stacks[s->stack].frame];
	assert_int_equal(top->flags, FRAME_MARKER);
	assert_string_equal(symbols_text(y, y->codes[top->code].name),
			    MARKER_MOVING);
}

static void is_lively(const struct fixture *f, bool lively)
{
	assert_int_equal(f->t.ticking.lively_ns, lively ? LIVELY : 0);
}

/* ---- asleep, running, or both ---- */

static void asleep_in_the_same_slice(void **state)
{
	struct fixture *f = *state;
	size_t i;

	did(f, 1, f->left, f->sleeps, SLICE, true);
	does(f, 1, f->right, f->wants, SLICE, true);
	tell(f, 4);
	for (i = 1; i <= 4; i++)
		told_whole(f, i, 1, f->left, f->sleeps);
	assert_int_equal(f->notes.nsamples, 4);
	is_lively(f, false);
}

static void woken_seen_and_asleep_again(void **state)
{
	struct fixture *f = *state;

	did(f, 1, f->left, f->sleeps, SLICE, true);
	seen(f, 2, 0, 1, f->main, f->runs);
	seen(f, 3, 0, 1, f->apart, f->holds);
	does(f, 1, f->right, f->wants, SLICE + 1, true);
	tell(f, 5);
	told_whole(f, 1, 1, f->left, f->sleeps);
	told_whole(f, 2, 1, f->main, f->runs);
	told_whole(f, 3, 1, f->apart, f->holds);
	told_whole(f, 4, 1, f->right, f->wants);
	told_whole(f, 5, 1, f->right, f->wants);
	is_lively(f, false);
}

/* It may have run in any of them. */
static void woken_unseen_and_asleep_again(void **state)
{
	struct fixture *f = *state;

	did(f, 1, f->left, f->sleeps, SLICE, true);
	does(f, 1, f->right, f->sleeps, SLICE + 1, true);
	tell(f, 2);
	told_partial(f, 1, 1, f->main);
	told_partial(f, 2, 1, f->main);
	is_lively(f, true);
}

static void fell_asleep(void **state)
{
	struct fixture *f = *state;

	did(f, 1, f->left, f->runs, SLICE, false);
	seen(f, 1, 0, 1, f->apart, f->runs);
	does(f, 1, f->right, f->sleeps, SLICE, true);
	tell(f, 3);
	told_whole(f, 1, 1, f->apart, f->runs);
	told_whole(f, 2, 1, f->right, f->sleeps);
	told_whole(f, 3, 1, f->right, f->sleeps);
	is_lively(f, false);
}

/* It runs before and after; where it was not seen, it was displaced. */
static void was_displaced(void **state)
{
	struct fixture *f = *state;

	did(f, 1, f->left, f->runs, SLICE, false);
	does(f, 1, f->right, f->runs, SLICE, false);
	seen(f, 2, 0, 1, f->right, f->runs);
	tell(f, 2);
	told_partial(f, 1, 1, f->main);
	told_whole(f, 2, 1, f->right, f->runs);
	is_lively(f, true);
}

static void runs_by_now(void **state)
{
	struct fixture *f = *state;
	size_t i;

	did(f, 1, f->left, f->sleeps, SLICE, true);
	does(f, 1, f->right, f->runs, SLICE + 1, false);
	tell(f, 3);
	for (i = 1; i <= 3; i++)
		told_whole(f, i, 1, f->left, f->sleeps);
	is_lively(f, false);
}

/* Nor is it asleep any more where it was not seen after it was. */
static void runs_by_now_and_was_seen(void **state)
{
	struct fixture *f = *state;

	did(f, 1, f->left, f->sleeps, SLICE, true);
	seen(f, 2, 0, 1, f->apart, f->holds);
	does(f, 1, f->right, f->runs, SLICE + 1, false);
	tell(f, 3);
	told_whole(f, 1, 1, f->left, f->sleeps);
	told_whole(f, 2, 1, f->apart, f->holds);
	/* What it has in common with the stack that was seen. */
	told_partial(f, 3, 1, 0);
	is_lively(f, true);
}

/* ---- ran, and nobody saw when ---- */

static void slept_more_than_once(void **state)
{
	struct fixture *f = *state;

	did(f, 1, f->left, f->sleeps, SLICE, true);
	does(f, 1, f->right, f->sleeps, SLICE + 2, true);
	did(f, 2, f->left, f->sleeps, SLICE, true);
	does(f, 2, f->apart, f->sleeps, SLICE + 2, true);
	tell(f, 2);
	told_partial(f, 1, 1, f->main);
	told_partial(f, 2, 1, f->main);
	told_partial(f, 1, 2, 0);
	told_partial(f, 2, 2, 0);
	assert_int_equal(f->t.counts.partial[LOSS_MOVING], 2);
	assert_int_equal(f->t.counts.lost[LOSS_MOVING], 2);
	is_lively(f, true);
}

static void slept_more_than_once_in_one_place(void **state)
{
	struct fixture *f = *state;

	did(f, 1, f->left, f->sleeps, SLICE, true);
	does(f, 1, f->left, f->wants, SLICE + 2, true);
	tell(f, 2);
	told_whole(f, 1, 1, f->left, f->sleeps);
	told_whole(f, 2, 1, f->left, f->sleeps);
	is_lively(f, false);
}

/* Equal stacks of which one is not whole, or not known, say less. */
static void equal_but_not_whole(void **state)
{
	struct fixture *f = *state;
	struct ticking *g = &f->t.ticking;

	did(f, 1, f->left, f->sleeps, SLICE, true);
	does(f, 1, f->left, f->sleeps, SLICE + 2, true);
	did(f, 2, f->left, f->sleeps, SLICE, true);
	does(f, 2, f->left, f->sleeps, SLICE + 2, true);
	did(f, 3, 0, f->sleeps, SLICE, true);
	does(f, 3, 0, f->sleeps, SLICE + 2, true);
	g->before[0].stays.loss = LOSS_DEPTH;
	g->after[1].stays.loss = LOSS_DEPTH;
	tell(f, 1);
	told_partial(f, 1, 1, f->left);
	told_partial(f, 1, 2, f->left);
	told_partial(f, 1, 3, 0);
}

/* It was displaced for a moment: the stack is the same, the state is not known. */
static void displaced_in_the_same_stack(void **state)
{
	struct fixture *f = *state;
	const struct sample *s;

	did(f, 1, f->left, f->sleeps, SLICE, false);
	does(f, 1, f->left, f->sleeps, SLICE + 2, false);
	tell(f, 1);
	s = of(f, 1, 1);
	assert_non_null(s);
	assert_int_equal(s->stack, f->left);
	assert_int_equal(s->loss, LOSS_NONE);
	assert_int_equal(f->t.symbols.states[s->state].run, RUN_UNKNOWN);
}

static void lively_for_longer(void **state)
{
	struct fixture *f = *state;

	f->t.ticking.lively_ns = LIVELY + 1;
	did(f, 1, f->left, f->sleeps, SLICE, true);
	does(f, 1, f->right, f->sleeps, SLICE + 2, true);
	tell(f, 1);
	told_partial(f, 1, 1, f->main);
	assert_int_equal(f->t.ticking.lively_ns, LIVELY + 1);
}

/* It may have had the GIL, and given it away, whoever has it in the tick. */
static void waits_for_the_gil(void **state)
{
	struct fixture *f = *state;

	did(f, 1, f->left, f->wants, SLICE, true);
	did(f, 2, f->apart, f->runs, SLICE, false);
	seen(f, 1, 0, 2, f->apart, f->holds);
	does(f, 1, f->right, f->wants, SLICE + 3, true);
	does(f, 2, f->apart, f->sleeps, SLICE, true);
	tell(f, 1);
	told_partial(f, 1, 1, f->main);
	told_whole(f, 1, 2, f->apart, f->holds);
}

/* ---- threads come and go ---- */

static void has_ended(void **state)
{
	struct fixture *f = *state;
	size_t i;

	did(f, 1, f->left, f->sleeps, SLICE, true);
	did(f, 2, f->right, f->runs, SLICE, false);
	did(f, 3, f->apart, f->sleeps, SLICE, true);
	seen(f, 2, 0, 3, f->main, f->runs);
	tell(f, 3);
	for (i = 1; i <= 3; i++) {
		told_whole(f, i, 1, f->left, f->sleeps);
		assert_null(of(f, i, 2));
	}
	told_whole(f, 1, 3, f->apart, f->sleeps);
	told_whole(f, 2, 3, f->main, f->runs);
	assert_null(of(f, 3, 3));
	is_lively(f, false);
}

/* What has begun since is not told of before it was looked at. */
static void has_begun(void **state)
{
	struct fixture *f = *state;

	did(f, 1, f->left, f->sleeps, SLICE, true);
	seen(f, 1, 0, 2, f->main, f->runs);
	does(f, 2, f->apart, f->sleeps, SLICE, true);
	does(f, 1, f->left, f->sleeps, SLICE, true);
	tell(f, 2);
	told_whole(f, 1, 1, f->left, f->sleeps);
	told_whole(f, 2, 1, f->left, f->sleeps);
	assert_int_equal(f->notes.nsamples, 2);
}

/* Each has a stack of its own, and by now sleeps in the slice that it ran in. */
static void one_of_many_has_ended(void **state)
{
	struct fixture *f = *state;
	uint32_t stacks[MANY + 1], tid;
	char name[] = "a0";

	for (tid = 1; tid <= MANY; tid++) {
		name[0] = (char)('a' + tid % 26);
		name[1] = (char)('0' + tid / 26);
		stacks[tid] = push(&f->t.symbols, 0, name);
		did(f, tid, f->left, f->runs, SLICE + tid, false);
		if (tid != MANY / 2 && tid != MANY / 2 + 5)
			does(f, tid, stacks[tid], f->sleeps, SLICE + tid, true);
	}
	/* One has moved to the front of the list. */
	f->t.ticking.after[0] = f->t.ticking.after[MANY - 3];
	f->t.ticking.nafter--;
	does(f, 1, stacks[1], f->sleeps, SLICE + 1, true);
	tell(f, 2);
	for (tid = 1; tid <= MANY; tid++) {
		if (tid == MANY / 2 || tid == MANY / 2 + 5) {
			assert_null(of(f, 1, tid));
			assert_null(of(f, 2, tid));
			continue;
		}
		told_whole(f, 1, tid, stacks[tid], f->sleeps);
		told_whole(f, 2, tid, stacks[tid], f->sleeps);
	}
	is_lively(f, false);
}

/* ---- ticks ---- */

static void times_of_ticks(void **state)
{
	static const uint64_t us[] = {1870, 2000, 2900, 4030, 5000,
				      6870, 6880, 8000};
	struct fixture *f = *state;
	size_t i;

	did(f, 1, f->left, f->runs, SLICE, false);
	did(f, 2, f->right, f->runs, SLICE, false);
	does(f, 1, f->left, f->sleeps, SLICE, true);
	does(f, 2, f->right, f->sleeps, SLICE, true);
	seen(f, 1, 870000, 1, f->left, f->runs);
	seen(f, 3, -100000, 2, f->right, f->runs);
	/* On two processors. */
	seen(f, 4, 10000, 1, f->left, f->runs);
	seen(f, 4, 30000, 2, f->right, f->runs);
	seen(f, 6, 870000, 1, f->left, f->runs);
	seen(f, 7, -120000, 1, f->left, f->runs);
	f->t.missed = 3;
	f->t.process.pid = 77;
	tell(f, 8);
	for (i = 0; i < 8; i++) {
		assert_int_equal(f->notes.ticks[i].mono_ns,
				 SINCE + us[i] * 1000);
		assert_int_equal(f->notes.ticks[i].pid, 77);
		assert_int_equal(f->notes.ticks[i].missed, i ? 0 : 3);
		if (i)
			assert_true(f->notes.ticks[i].mono_ns >=
				    f->notes.ticks[i - 1].mono_ns);
	}
	told_whole(f, 4, 1, f->left, f->runs);
	told_whole(f, 4, 2, f->right, f->runs);
	told_whole(f, 5, 2, f->right, f->sleeps);
}

/* A copy that stands behind one of a later tick is not that one's. */
static void copies_out_of_order(void **state)
{
	struct fixture *f = *state;

	did(f, 1, f->left, f->sleeps, SLICE, true);
	does(f, 1, f->left, f->sleeps, SLICE, true);
	did(f, 2, f->right, f->runs, SLICE, false);
	does(f, 2, f->right, f->sleeps, SLICE, true);
	seen(f, 2, 0, 2, f->right, f->runs);
	seen(f, 1, -10000, 1, f->apart, f->runs);
	tell(f, 2);
	assert_true(f->notes.ticks[1].mono_ns >= f->notes.ticks[0].mono_ns);
	told_whole(f, 2, 1, f->left, f->sleeps);
	told_whole(f, 2, 2, f->right, f->runs);
}

static void from_the_last_one_told(void **state)
{
	struct fixture *f = *state;

	f->t.ticking.told = 6;
	did(f, 1, f->left, f->sleeps, SLICE, true);
	does(f, 1, f->left, f->sleeps, SLICE, true);
	assert_int_equal(tell_ticks(&f->t, &f->notes.sink, 8), 0);
	assert_int_equal(f->notes.nticks, 2);
	assert_int_equal(f->notes.ticks[0].mono_ns, SINCE + 7ull * MS);
	assert_int_equal(f->notes.ticks[1].mono_ns, SINCE + 8ull * MS);
	assert_int_equal(tell_ticks(&f->t, &f->notes.sink, 8), 0);
	assert_int_equal(f->notes.nticks, 2);
}

/* Of three ticks with a sample each, calls 3 and 4 are those of the second. */
static void sink_fails(void **state)
{
	struct fixture *f = *state;

	did(f, 1, f->left, f->sleeps, SLICE, true);
	does(f, 1, f->left, f->sleeps, SLICE, true);
	f->notes.fails = 3;
	assert_int_equal(tell_ticks(&f->t, &f->notes.sink, 3), -EPIPE);
	assert_int_equal(f->notes.calls, 3);
	f->notes.calls = 0;
	f->t.ticking.told = 0;
	f->notes.fails = 4;
	assert_int_equal(tell_ticks(&f->t, &f->notes.sink, 3), -EPIPE);
	assert_int_equal(f->notes.calls, 4);
}

/* ---- what is kept ---- */

static void after_is_before(void **state)
{
	struct fixture *f = *state;
	struct ticking *g = &f->t.ticking;
	struct told *before, *after;
	size_t cap_before, cap_after;
	uint32_t tid;

	did(f, 1, f->left, f->sleeps, SLICE, true);
	for (tid = 1; tid <= MANY; tid++)
		does(f, tid, f->right, f->sleeps, SLICE, true);
	before = g->before;
	after = g->after;
	cap_before = g->cap_before;
	cap_after = g->cap_after;
	assert_int_not_equal(cap_before, cap_after);
	keep_noted(g);
	assert_ptr_equal(g->before, after);
	assert_ptr_equal(g->after, before);
	assert_int_equal(g->cap_before, cap_after);
	assert_int_equal(g->cap_after, cap_before);
	assert_int_equal(g->nbefore, MANY);
	assert_int_equal(g->nafter, 0);
	assert_int_equal(g->before[MANY - 1].stays.tid, MANY);
}

/* No thread is left in the newest tick; those before it are told all the same. */
static void newest_tick(void **state)
{
	struct fixture *f = *state;
	struct ticking *g = &f->t.ticking;
	struct interrupt fresh = {.when = SINCE + 3 * MS + 20000};

	did(f, 1, f->left, f->sleeps, SLICE, true);
	does(f, 1, f->right, f->sleeps, SLICE + 2, true);
	g->newest = 3;
	g->fresh = &fresh;
	g->nfresh = 1;
	assert_int_equal(tell_newest(&f->t, &f->notes.sink, SINCE), 0);
	assert_int_equal(f->notes.nticks, 3);
	told_whole(f, 1, 1, f->left, f->sleeps);
	told_whole(f, 2, 1, f->left, f->sleeps);
	assert_null(of(f, 3, 1));
	assert_int_equal(f->notes.ticks[2].mono_ns, fresh.when);
	assert_int_equal(g->told, 3);
	assert_int_equal(g->nbefore, 0);
	assert_int_not_equal(g->noted_ns, NOTED);
	/* Nobody was on a processor. */
	g->newest = 4;
	g->nfresh = 0;
	assert_int_equal(tell_newest(&f->t, &f->notes.sink, SINCE), 0);
	assert_int_equal(f->notes.nticks, 4);
	assert_int_equal(f->notes.ticks[3].mono_ns, SINCE + 4ull * MS);
	g->fresh = NULL;
}

/* Of threads that have ended there are no new numbers. */
static void renumbered_after_they_ended(void **state)
{
	struct fixture *f = *state;
	struct known ended = {.tid = 2, .seen = 1}, *known = &ended;

	did(f, 1, f->left, f->sleeps, SLICE, true);
	did(f, 2, f->left, f->sleeps, SLICE, true);
	f->t.known = &known;
	f->t.nknown = 1;
	f->t.pass = 2;
	map_put(&f->t.known_of, 2, 0);
	renumber(&f->t);
	assert_int_equal(f->t.ticking.nbefore, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(asleep_in_the_same_slice),
		TEST(woken_seen_and_asleep_again),
		TEST(woken_unseen_and_asleep_again),
		TEST(fell_asleep),
		TEST(was_displaced),
		TEST(runs_by_now),
		TEST(runs_by_now_and_was_seen),
		TEST(slept_more_than_once),
		TEST(slept_more_than_once_in_one_place),
		TEST(equal_but_not_whole),
		TEST(displaced_in_the_same_stack),
		TEST(lively_for_longer),
		TEST(waits_for_the_gil),
		TEST(has_ended),
		TEST(has_begun),
		TEST(one_of_many_has_ended),
		TEST(times_of_ticks),
		TEST(copies_out_of_order),
		TEST(from_the_last_one_told),
		TEST(sink_fails),
		TEST(after_is_before),
		TEST(newest_tick),
		TEST(renumbered_after_they_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
