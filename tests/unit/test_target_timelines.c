/*
 * What is told of a tick is what was at the instant when it was due: where threads come
 * and leave just then, and in random timelines of some of them on two processors, read
 * bit by bit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/reading.h"

#define TIMELINES 150
#define TICKS 60
#define CPUS 2
#define LATE 50   /* us: until an interrupt comes */
#define PHASE 100 /* us: by which the ticks of a processor come later, or earlier */
#define NEVER INT64_MAX

/* ---- by hand ---- */

static void edges(void **state)
{
	static const struct {
		int64_t came, left;
		const char *told;
	} of_ticks[] = {
		{2000, 2900, "1s 2c 2s 2s"}, {2001, 2900, "1s 1s 2s 2s"},
		{1200, 2000, "1s 2s 2s 2s"}, {1200, 2001, "1s 2c 2s 2s"},
		{1999, 2001, "1s 2c 2s 2s"}, {2000, 2001, "1s 2c 2s 2s"},
		{1998, 2000, "1s 2s 2s 2s"}, {2001, 2003, "1s 1s 2s 2s"},
		{1200, 3000, "1s 2c 2s 2s"}, {1200, 3001, "1s 2c 2c 2s"},
		{2001, 4001, "1s 1s 2c 2c"},
	};
	struct reading *r = xcalloc(1, sizeof(*r));
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(of_ticks) / sizeof(*of_ticks); i++) {
		reading_init(r, 1);
		leaves(r, 1, 500, 400, INTERRUPTIBLE, 1);
		leaves(r, 1, of_ticks[i].left, of_ticks[i].came,
		       INTERRUPTIBLE, 2);
		reads(r, 4);
		is_told(r, 1, of_ticks[i].told);
		reading_release(r);
	}
	free(r);
}

/* It is there since, but that tick is not its own. */
static void came_before_a_late_interrupt(void **state)
{
	struct reading *r = *state;

	leaves(r, 1, 500, 400, INTERRUPTIBLE, 1);
	woken(r, 1, 1999);
	finds(r, 1, 2030, 2001, 2);
	leaves(r, 1, 2040, 2001, INTERRUPTIBLE, 3);
	finds(r, 1, 3030, 3000, 4);
	leaves(r, 1, 3040, 3000, INTERRUPTIBLE, 5);
	finds(r, 1, 4030, 4010, 6);
	reads(r, 5);
	is_told(r, 1, "1s 1r 4c 5s 6c");
	assert_int_equal(r->t.counts.interrupts, 1);
}

/* Then it is told as it left. */
static void left_before_a_late_interrupt(void **state)
{
	struct reading *r = *state;

	reading_add(r);
	leaves(r, 1, 2020, 1500, INTERRUPTIBLE, 1);
	finds(r, 2, 2030, 2025, 7);
	finds(r, 2, 3010, 2025, 8);
	leaves(r, 1, 3020, 2500, UNINTERRUPTIBLE, 2);
	/* A later tick was seen before. */
	finds(r, 2, 5010, 2025, 9);
	leaves(r, 1, 4990, 4000, INTERRUPTIBLE, 3);
	reads(r, 5);
	is_told(r, 1, "9s 1c 2c 3c 3s");
	is_told(r, 2, "9s 9s 8c 9c 9c");
	assert_int_equal(r->t.counts.interrupts, 2);
}

/* Its own time decides; ticks are told by that of who is found first. */
static void by_its_processors_time(void **state)
{
	struct reading *r = *state;

	leaves(r, 1, 500, 400, INTERRUPTIBLE, 1);
	finds(r, 1, 1990, 1980, 2);
	by_late(r, 60);
	leaves(r, 1, 1995, 1980, INTERRUPTIBLE, 3);
	by_late(r, 60);
	leaves(r, 1, 3001, 2500, INTERRUPTIBLE, 4);
	by_late(r, -60);
	finds(r, 1, 4010, 4000, 5);
	by_late(r, -60);
	ended(r, 1, 5001);
	by_late(r, -60);
	r->known[0].looked_ns = at_us(560);
	reads(r, 6);
	is_told(r, 1, "9s 2c 4c 5c 5c --");
	assert_int_equal(r->ticks[1].mono_ns, at_us(2060));
	assert_int_equal(r->ticks[2].mono_ns, at_us(3060));
	assert_int_equal(r->ticks[3].mono_ns, at_us(4060));
	assert_int_equal(r->t.ticking.seen_ns, at_us(5001));
}

/* Steps are multiples of the grain, so that what is told is as far apart. */
static void told_by_the_grain(void **state)
{
	struct ticking g = {.period_ns = 1000000, .grain_ns = 512};
	struct reading *r = *state;
	size_t i;

	assert_int_equal(grain_of(100000), 64);
	assert_int_equal(grain_of(g.period_ns), g.grain_ns);
	assert_int_equal(grain_of(10000000), 8192);
	assert_int_equal(grain_of(UINT64_MAX), 8192);
	assert_int_equal(step_of(&g, 99887766, 100), 998877 / 512 * 512);
	assert_int_equal(step_of(&g, 0, 100), 125000 / 512 * 512);

	r->t.ticking.grain_ns = 8;
	finds(r, 1, 1010, 400, 1);
	by_late(r, 60);
	r->t.ticking.since_ns += 5;
	reads(r, 6);
	assert_int_equal(r->nticks, 6);
	for (i = 0; i < r->nticks; i++)
		assert_int_equal(r->ticks[i].mono_ns,
				 (at_us(1060 + 1000 * (int64_t)i) + 5) / 8 * 8);
}

/* By the time of who woke it, that was before it left. */
static void woken_before_it_left(void **state)
{
	struct reading *r = *state;

	leaves(r, 1, 500, 400, INTERRUPTIBLE, 1);
	leaves(r, 1, 2020, 2010, INTERRUPTIBLE, 2);
	woken(r, 1, 1990);
	by_late(r, 40);
	finds(r, 1, 4010, 3500, 3);
	reads(r, 4);
	is_told(r, 1, "1s 1s 2r 3c");
}

/* ---- random timelines ---- */

/*
 * While a thread was on a processor, or was not. Times are true ones, but `came`,
 * `left` and `woken`, which are by a processor's own time.
 */
struct span {
	int64_t from, to;
	bool on, from_idle; /* from_idle: when it came, of the span before too */
	int64_t came, left; /* of one that was not: when it left before */
	int64_t woken, woken_at;
	size_t record; /* of that */
	uint32_t stack; /* of one that was not, */
	char run;       /* and how it was until it was woken */
};

struct world {
	struct reading r;
	struct course {
		struct span *spans;
		size_t n, cap;
		int64_t end;
	} of[THREADS]; /* by id - 1 */
	uint32_t on[CPUS]; /* ids; 0: none of ours */
	int64_t phase[CPUS];
	uint64_t rng;
	uint32_t stack;
	size_t begun; /* the first record of this reading */
	int64_t until;
	uint64_t phase_ns; /* that ticks have their times of */
	uint64_t interrupts;  /* that ticks are told by */
	size_t nfound, nleft, nmissed, naway, nedges, nhidden;
};

static uint32_t any(struct world *w, uint32_t n)
{
	return (uint32_t)(rng_next(&w->rng) % n);
}

static uint32_t new_stack(struct world *w)
{
	return 1 + w->stack++ % STACKS;
}

/* ---- a timeline, and what is seen of it ---- */

static struct span *last_span(struct course *l)
{
	return &l->spans[l->n - 1];
}

static struct span *begin_span(struct course *l, int64_t now)
{
	if (l->n)
		last_span(l)->to = now;
	l->spans = grow(l->spans, &l->cap, l->n + 1, sizeof(*l->spans));
	l->spans[l->n] = (struct span){.from = now,
				       .to = NEVER,
				       .left = NEVER,
				       .woken = NEVER,
				       .woken_at = NEVER};
	return &l->spans[l->n++];
}

static void comes(struct world *w, uint32_t tid, int64_t now)
{
	struct course *l = &w->of[tid - 1];
	uint32_t cpu = any(w, CPUS);
	struct span *s;

	if (w->on[cpu])
		return;
	w->on[cpu] = tid;
	s = begin_span(l, now);
	s->on = true;
	s->came = now - w->phase[cpu];
	s->from_idle = s[-1].from_idle = any(w, 2);
}

static void goes(struct world *w, uint32_t tid, int64_t now)
{
	static const struct {
		uint32_t why;
		char run;
	} reasons[] = {{0, 'r'}, {INTERRUPTIBLE, 's'}, {UNINTERRUPTIBLE, 'd'},
		       {INTERRUPTIBLE | FROZEN, 'd'}, {STOPPED, 't'},
		       {UNINTERRUPTIBLE | NOLOAD, 's'}};
	struct course *l = &w->of[tid - 1];
	uint32_t cpu = w->on[0] == tid ? 0 : 1;
	uint32_t reason = any(w, sizeof(reasons) / sizeof(*reasons));
	struct span *s = last_span(l);
	int64_t left = now - w->phase[cpu], came = s->came;
	bool from_idle = s->from_idle;

	w->on[cpu] = 0;
	s->left = left;
	s = begin_span(l, now);
	s->left = left;
	if (!any(w, 100)) {
		l->end = now;
		ended(&w->r, tid, left);
	} else {
		s->stack = new_stack(w);
		s->run = reasons[reason].run;
		leaves(&w->r, tid, left, came, reasons[reason].why, s->stack)
			->from_idle = from_idle;
	}
	by_late(&w->r, w->phase[cpu]);
}

/* By any processor. */
static void wakes(struct world *w, uint32_t tid, int64_t now)
{
	struct span *s = last_span(&w->of[tid - 1]);
	uint32_t cpu = any(w, CPUS);

	/* One that was preempted waits for a processor anyway. */
	if (!s->on && s->run != 'r') {
		s->woken_at = now;
		s->record = w->r.nrecords;
		s->woken = now - w->phase[cpu];
	}
	woken(&w->r, tid, now - w->phase[cpu]);
	by_late(&w->r, w->phase[cpu]);
}

static void moves(struct world *w, int64_t now)
{
	uint32_t tid = 1 + any(w, (uint32_t)w->r.t.nrows);
	struct span *s = last_span(&w->of[tid - 1]);

	if (now >= w->of[tid - 1].end)
		return;
	if (s->on && any(w, 4))
		goes(w, tid, now);
	else if (!s->on && (s->run == 'r' || s->woken_at != NEVER))
		comes(w, tid, now);
	else
		wakes(w, tid, now);
}

/* One of several is not found, since somebody has taken its processor. */
static void interrupts(struct world *w, uint32_t cpu, int64_t now)
{
	uint32_t tid = w->on[cpu];
	struct span *s;

	if (!tid || !any(w, 6))
		return;
	s = last_span(&w->of[tid - 1]);
	finds(&w->r, tid, now - w->phase[cpu], s->came, new_stack(w))
		->from_idle = s->from_idle;
	by_late(&w->r, w->phase[cpu]);
}

/* From somewhat before it to somewhat before the next one. */
static void make_tick(struct world *w, int64_t tick, int64_t *next)
{
	int64_t due[CPUS], now = tick * STEP - 2 * PHASE, end = now + STEP;
	uint32_t i;

	for (i = 0; i < CPUS; i++)
		due[i] = tick * STEP + w->phase[i] + any(w, LATE);
	for (; now < end; now++) {
		for (i = 0; i < CPUS; i++)
			if (now == due[i])
				interrupts(w, i, now);
		if (now < *next)
			continue;
		moves(w, now);
		*next = now + 1 + any(w, any(w, 3) ? 60 : 3 * STEP);
	}
}

static void world_init(struct world *w, uint64_t seed)
{
	int64_t tick, next = 1;
	struct span *s;
	size_t i;

	w->rng = seed;
	w->stack = 10;
	w->interrupts = 0;
	reading_init(&w->r, 1 + any(w, THREADS));
	memset(w->on, 0, sizeof(w->on));
	for (i = 0; i < CPUS; i++)
		w->phase[i] = (int64_t)any(w, 2 * PHASE + 1) - PHASE;
	for (i = 0; i < THREADS; i++) {
		w->of[i].n = 0;
		w->of[i].end = NEVER;
		s = begin_span(&w->of[i], -STEP);
		s->left = -STEP;
		s->stack = 9;
		s->run = 's';
	}
	for (tick = 0; tick <= TICKS; tick++)
		make_tick(w, tick, &next);
}

static void world_release(struct world *w)
{
	size_t i;

	reading_release(&w->r);
	for (i = 0; i < THREADS; i++) {
		free(w->of[i].spans);
		w->of[i] = (struct course){.spans = NULL};
	}
}

/* ---- what is to be told of it ---- */

/*
 * The copy that was made of it on that processor at the instant, or next; else the
 * last one. NULL: there is none yet.
 */
static const struct interrupt *copy_in(const struct world *w, uint32_t tid,
				       const struct span *s, int64_t when)
{
	const struct interrupt *in, *found = NULL;
	size_t i;

	for (i = 0; i < w->r.at; i++) {
		in = &w->r.records[i];
		if (in->tid != tid + INSIDE || !in->head ||
		    in->at <= at_us(s->from) ||
		    (s->to != NEVER && in->at > at_us(s->to)))
			continue;
		found = in;
		if (in->when >= at_us(when))
			break;
	}
	return found;
}

static void check_away(struct world *w, uint32_t tid, struct span *s,
		       int64_t when, const struct sample *told)
{
	char run = s->run;

	/* With the next copy it is seen what was there when it came. */
	if (s->woken <= when)
		run = s->record >= w->begun && s->from_idle &&
				      s->to != NEVER &&
				      copy_in(w, tid, s + 1, w->until + STEP)
			      ? 'c'
			      : 'r';
	assert_int_equal(told->stack, s->stack);
	assert_int_equal(run_at(&w->r, told), run);
	w->naway++;
}

static void check_on(struct world *w, const struct interrupt *in, int64_t when,
		     const struct sample *told)
{
	bool ticks = in->kind == INTERRUPT_TICK;

	assert_int_equal(told->stack, in->head);
	assert_int_equal(run_at(&w->r, told), 'c');
	if (in->when < at_us(when) ||
	    in->when > at_us(when + (ticks ? LATE : STEP))) {
		w->nmissed++;
		return;
	}
	w->interrupts += ticks;
	w->nfound += ticks;
	w->nleft += !ticks;
}

static bool is_near(int64_t a, int64_t b)
{
	return a > b - LATE && a < b + LATE;
}

/* `when` is the instant of that tick. */
static void check(struct world *w, uint32_t tid, size_t tick)
{
	const struct course *l = &w->of[tid - 1];
	const struct sample *told = sample_at(&w->r, tick, tid);
	const struct interrupt *in = NULL;
	int64_t when = (int64_t)tick * STEP;
	struct span *s, *away = NULL, *on = NULL;
	size_t i;

	for (i = 0; i < l->n; i++) {
		s = &l->spans[i];
		if (!s->on && s->left <= when)
			away = s;
		/* Processors are not at one: it may be on two of them. */
		if (s->on && !on && s->came <= when && s->left > when)
			on = s;
		w->nedges += s->on && (is_near(s->came, when) ||
				       is_near(s->left, when));
	}
	if (on)
		in = copy_in(w, tid, on, when);
	if (in) {
		assert_non_null(told);
		check_on(w, in, when, told);
		return;
	}
	w->nhidden += on != NULL;
	if (away->from == l->end) {
		assert_null(told);
		return;
	}
	assert_non_null(told);
	check_away(w, tid, away, when, told);
}

static void check_tick(struct world *w, size_t tick)
{
	uint64_t due = at_us((int64_t)tick * STEP);
	uint32_t tid;

	for (tid = 1; tid <= w->r.t.nrows; tid++)
		check(w, tid, tick);
	if (tick == 1)
		w->phase_ns = w->r.ticks[0].mono_ns - due;
	assert_in_range(w->phase_ns + PHASE * 1000, 0, 2 * PHASE * 1000);
	assert_int_equal(w->r.ticks[tick - 1].mono_ns, due + w->phase_ns);
}

static void read_it(struct world *w)
{
	struct reading *r = &w->r;
	size_t tick = 1, last = 0;

	w->until = 0;
	while (last < TICKS) {
		last += 1 + any(w, 12);
		last = last < TICKS ? last : TICKS;
		w->begun = r->at;
		w->until = (int64_t)(last + 1) * STEP - EARLY;
		reads_until(r, last, w->until);
		for (; tick <= last; tick++)
			check_tick(w, tick);
	}
	assert_int_equal(r->t.counts.interrupts, w->interrupts);
}

static void random_timelines(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	uint64_t i;

	(void)state;
	for (i = 0; i < TIMELINES; i++) {
		world_init(w, i);
		read_it(w);
		world_release(w);
	}
	print_message("found %zu, left %zu, not found %zu, away %zu, "
		      "not seen %zu, at edges %zu\n",
		      w->nfound, w->nleft, w->nmissed, w->naway, w->nhidden,
		      w->nedges);
	assert_true(w->nfound > 1000 && w->nleft > 200 && w->nmissed > 100 &&
		    w->naway > 1000 && w->nhidden > 50 && w->nedges > 500);
	free(w);
}

#define TEST(f)                                            \
	cmocka_unit_test_setup_teardown(f, reading_set_up, \
					reading_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edges),
		TEST(came_before_a_late_interrupt),
		TEST(left_before_a_late_interrupt),
		TEST(by_its_processors_time),
		TEST(told_by_the_grain),
		TEST(woken_before_it_left),
		cmocka_unit_test(random_timelines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
