/*
 * Profiles added to one another, folded, and replayed: hours of samples in
 * memory that does not grow, and totals that stay exact.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile.h"
#include "tests/lib/made.h"
#include "tests/lib/trees.h"

static void same_flat(const struct profile *a, const struct profile *b,
		      enum frame_label label)
{
	struct view v = {.mode = MODE_WALL, .label = label};
	struct flat *x = flat_build(a, &v, SORT_SELF);
	struct flat *y = flat_build(b, &v, SORT_SELF);
	size_t i;

	assert_int_equal(x->len, y->len);
	assert_int_equal(x->samples, y->samples);
	for (i = 0; i < x->len; i++) {
		const char *name = intern_text(&x->labels, x->rows[i].label,
					       NULL);
		const struct flat_row *row = row_of(y, name);

		assert_int_equal(x->rows[i].self, row->self);
		assert_int_equal(x->rows[i].total, row->total);
	}
	flat_free(x);
	flat_free(y);
}

static void same_counts(const struct profile *a, const struct profile *b)
{
	uint64_t x = 0, y = 0;
	size_t i;

	assert_int_equal(a->samples, b->samples);
	assert_int_equal(a->idle, b->idle);
	assert_int_equal(a->ticks, b->ticks);
	assert_int_equal(a->missed, b->missed);
	assert_memory_equal(a->lost, b->lost, sizeof(a->lost));
	assert_memory_equal(a->partial, b->partial, sizeof(a->partial));
	assert_int_equal(a->runs[0].first_ns, b->runs[0].first_ns);
	assert_int_equal(a->runs[0].last_ns, b->runs[0].last_ns);
	assert_int_equal(a->runs[0].ticks, b->runs[0].ticks);
	assert_int_equal(a->wall_ns, b->wall_ns);
	for (i = 0; i < a->ncells; i++)
		x += a->cells[i].ns;
	for (i = 0; i < b->ncells; i++)
		y += b->cells[i].ns;
	assert_int_equal(x, y);
}

/*
 * Feeds two profiles with the same: one with all, the other with a slice at a
 * time, which goes on where the last one ended.
 */
struct pair {
	struct profile *whole, *all, *slice;
	struct made one, two;
};

static void pair_init(struct pair *p)
{
	p->whole = profile_new();
	p->all = profile_new();
	p->slice = profile_new();
	made_init(&p->one, &p->whole->sink);
	made_init(&p->two, &p->slice->sink);
}

static void pair_release(struct pair *p)
{
	made_release(&p->one);
	made_release(&p->two);
	profile_free(p->whole);
	profile_free(p->all);
	profile_free(p->slice);
}

static void pair_cut(struct pair *p)
{
	struct profile *next = profile_next(p->slice);

	profile_merge(p->all, p->slice, NULL);
	profile_free(p->slice);
	p->slice = next;
	p->two.sink = &next->sink;
}

static void pair_feed(struct pair *p, uint32_t tid, const char *stack,
		      enum run_state run, unsigned n)
{
	made_samples(&p->one, tid, stack, run, n);
	made_samples(&p->two, tid, stack, run, n);
}

static void slices_are_the_whole(void **state)
{
	struct pair p;
	unsigned i;

	(void)state;
	pair_init(&p);
	for (i = 0; i < 5; i++) {
		pair_feed(&p, 1, "main@a.py:1 f@a.py:2", RUN_CPU, 3 + i);
		pair_feed(&p, 2, "main@a.py:1 g@b.py:7", RUN_SLEEPING, 2);
		if (i == 2) {
			made_forget(&p.one);
			made_forget(&p.two);
		}
		made_samples_in(&p.one, 3, "x@c.py:1 <moving>", made_state(
			&p.one, RUN_CPU), LOSS_BUDGET, 1);
		made_samples_in(&p.two, 3, "x@c.py:1 <moving>", made_state(
			&p.two, RUN_CPU), LOSS_BUDGET, 1);
		made_samples_in(&p.one, 3, "", made_state(&p.one, RUN_CPU),
				LOSS_READ, 1);
		made_samples_in(&p.two, 3, "", made_state(&p.two, RUN_CPU),
				LOSS_READ, 1);
		pair_cut(&p);
	}
	same_counts(p.whole, p.all);
	same_flat(p.whole, p.all, LABEL_LINE);
	assert_int_equal(p.all->nthreads, 3);
	assert_int_equal(p.all->processes[0].ticks, p.all->ticks);
	check_all_views(p.all);
	pair_release(&p);
}

static void made_server_in_two(void **state)
{
	struct profile *whole = profile_new(), *all = profile_new();
	struct made m;
	uint32_t *rows;

	(void)state;
	made_init(&m, &whole->sink);
	made_server(&m);
	profile_merge(all, whole, &rows);
	assert_int_equal(rows[0], 0);
	free(rows);
	same_counts(whole, all);
	same_flat(whole, all, LABEL_FUNCTION);
	profile_merge(all, whole, NULL);
	assert_int_equal(all->samples, 2 * whole->samples);
	assert_int_equal(all->nthreads, whole->nthreads);
	made_release(&m);
	profile_free(whole);
	profile_free(all);
}

/* A thread id that is used again is another row, in whichever slice. */
static void threads_that_end(void **state)
{
	struct thread_info end = {.pid = 4711, .tid = 9, .name = "",
				  .flags = THREAD_ENDED};
	struct pair p;

	(void)state;
	pair_init(&p);
	made_thread(&p.two, 9, "first");
	made_samples(&p.two, 9, "f@a.py:1", RUN_CPU, 2);
	pair_cut(&p);
	made_samples(&p.two, 9, "f@a.py:1", RUN_CPU, 1);
	assert_int_equal(p.slice->sink.ops->thread(&p.slice->sink, &end), 0);
	made_thread(&p.two, 9, "second");
	made_samples(&p.two, 9, "g@a.py:1", RUN_CPU, 5);
	pair_cut(&p);
	made_samples(&p.two, 9, "g@a.py:1", RUN_CPU, 1);
	pair_cut(&p);
	assert_int_equal(p.all->nthreads, 2);
	assert_string_equal(symbols_text(&p.all->symbols,
					 p.all->threads[0].name), "first");
	assert_int_equal(p.all->threads[0].samples, 3);
	assert_true(p.all->threads[0].flags & THREAD_ENDED);
	assert_string_equal(symbols_text(&p.all->symbols,
					 p.all->threads[1].name), "second");
	assert_int_equal(p.all->threads[1].samples, 6);
	pair_release(&p);
}

/* The same id, but another thread: no end was told. */
static void threads_that_change(void **state)
{
	struct thread_info info = {.pid = 4711, .tid = 2, .ident = 77,
				   .name = "other"};
	struct profile *p = profile_new();
	struct made m;
	uint32_t id, run;
	unsigned i, tid;

	(void)state;
	made_init(&m, &p->sink);
	for (tid = 1; tid <= 3; tid++)
		made_thread(&m, tid, "thread");
	id = made_stack(&m, "f@a.py:1");
	run = made_state(&m, RUN_CPU);
	for (i = 0; i < 10; i++) {
		if (i == 4)
			assert_int_equal(p->sink.ops->thread(&p->sink, &info),
					 0);
		made_tick(&m);
		for (tid = 1; tid <= 3; tid++)
			assert_int_equal(made_sample(&m, tid, id, run,
						     LOSS_NONE), 0);
	}
	assert_int_equal(p->nthreads, 4);
	assert_int_equal(p->threads[0].samples, 10);
	assert_int_equal(p->threads[1].samples, 4);
	assert_int_equal(p->threads[2].samples, 10);
	assert_int_equal(p->threads[3].samples, 6);
	made_release(&m);
	profile_free(p);
}

/* The cell of the last sample is that of the last slice that had one. */
static void last_cells(void **state)
{
	const struct profile_cell *c;
	struct pair p;

	(void)state;
	pair_init(&p);
	made_samples(&p.two, 1, "f@a.py:1", RUN_CPU, 1);
	made_samples(&p.two, 1, "g@a.py:2", RUN_SLEEPING, 3);
	made_samples(&p.two, 1, "f@a.py:1", RUN_CPU, 1);
	pair_cut(&p);
	made_samples(&p.two, 2, "h@a.py:2", RUN_CPU, 1);
	pair_cut(&p);
	c = &p.all->cells[p.all->threads[0].last - 1];
	assert_int_equal(p.all->symbols.states[c->state].run, RUN_CPU);
	assert_int_equal(c->count, 2);
	pair_release(&p);
}

static void reset(void **state)
{
	struct profile *p = profile_new();
	struct made m;

	(void)state;
	made_init(&m, &p->sink);
	made_server(&m);
	profile_reset(p);
	assert_int_equal(p->samples, 0);
	assert_int_equal(p->ticks, 0);
	assert_int_equal(p->ncells, 0);
	assert_true(p->nthreads > 1);
	assert_string_not_equal(symbols_text(&p->symbols,
					     p->threads[0].name), "");
	assert_int_equal(p->processes[0].pid, 4711);
	m.sink = &p->sink;
	made_forget(&m);
	made_samples(&m, 4711, "f@a.py:1", RUN_CPU, 2);
	assert_int_equal(p->samples, 2);
	made_release(&m);
	profile_free(p);
}

/* ---- folding ---- */

#define HOT 40     /* stacks that come again and again */
#define MOST 2048u

static void fold_keeps_the_hot(void **state)
{
	struct profile *p = profile_new();
	struct view v = {.mode = MODE_WALL};
	uint64_t samples, rare = 0, self;
	struct tree *t;
	struct made m;
	char text[96];
	unsigned i;

	(void)state;
	made_init(&m, &p->sink);
	for (i = 0; i < 6000; i++) {
		snprintf(text, sizeof(text), "main@a.py:1 run@a.py:2 hot_%u@h.py:1",
			 i % HOT);
		made_samples(&m, 1, text, RUN_CPU, 1);
		snprintf(text, sizeof(text), "main@a.py:1 rare_%u@r.py:%u x@r.py:1",
			 i, i + 1);
		made_samples(&m, 1, text, RUN_SLEEPING, 1);
		rare++;
	}
	samples = p->samples;
	assert_false(profile_fold(p, 1u << 20));
	assert_true(profile_fold(p, MOST));
	assert_int_equal(p->samples, samples);
	assert_true(p->symbols.nstacks <= MOST);
	t = tree_build(p, &v);
	assert_int_equal(t->nodes[0].total, samples);
	assert_int_equal(NODE(t, "main (a.py:1)")->total, samples);
	assert_int_equal(NODE(t, "main (a.py:1)", "run (a.py:2)")->total, 6000);
	for (i = 0; i < HOT; i++) {
		snprintf(text, sizeof(text), "hot_%u (h.py:1)", i);
		self = NODE(t, "main (a.py:1)", "run (a.py:2)", text)->self;
		assert_int_equal(self, 6000 / HOT);
	}
	assert_int_equal(NODE(t, "main (a.py:1)", MARKER_FOLDED)->self, rare);
	tree_free(t);
	check_all_views(p);
	/* Once more: what was folded does not get a second marker. */
	for (i = 0; i < 6000; i++) {
		snprintf(text, sizeof(text), "main@a.py:1 rest_%u@r.py:%u", i,
			 i + 1);
		made_samples(&m, 1, text, RUN_CPU, 1);
	}
	assert_true(profile_fold(p, MOST));
	t = tree_build(p, &v);
	assert_int_equal(NODE(t, "main (a.py:1)", MARKER_FOLDED)->self,
			 rare + 6000);
	assert_int_equal(find_child(t, find_child(t, find_child(
		t, 0, "main (a.py:1)"), MARKER_FOLDED), MARKER_FOLDED), 0);
	tree_free(t);
	made_release(&m);
	profile_free(p);
}

/* Threads that come and go, and peers of sockets, are folded as well. */
static void fold_threads_and_states(void **state)
{
	struct profile *p = profile_new();
	struct thread_info end = {.pid = 4711, .name = "",
				  .flags = THREAD_ENDED};
	struct made m;
	char text[64];
	unsigned i;

	(void)state;
	made_init(&m, &p->sink);
	made_thread(&m, 4711, "MainThread");
	for (i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text), "worker-%u", i);
		made_thread(&m, 5000 + i, text);
		snprintf(text, sizeof(text), "socket 10.0.0.1:%u", i);
		made_samples_in(&m, 5000 + i, "f@a.py:1", made_doing(
			&m, RUN_SLEEPING, GIL_NEITHER, 0, text), LOSS_NONE, 1);
		end.tid = 5000 + i;
		assert_int_equal(p->sink.ops->thread(&p->sink, &end), 0);
	}
	made_samples(&m, 4711, "f@a.py:1", RUN_CPU, 1);
	assert_true(profile_fold(p, MOST));
	assert_int_equal(p->samples, 3001);
	assert_int_equal(p->idle, 3000);
	assert_true(p->nthreads <= MOST / 8);
	assert_true(p->symbols.nstates <= MOST / 8);
	for (i = 0; i < p->nthreads; i++)
		if (p->threads[i].tid == 4711)
			break;
	assert_true(i < p->nthreads);
	assert_string_equal(symbols_text(&p->symbols, p->threads[i].name),
			    "MainThread");
	/* It goes on with the same row. */
	made_samples(&m, 4711, "f@a.py:1", RUN_CPU, 1);
	assert_int_equal(p->threads[i].samples, 2);
	check_all_views(p);
	made_release(&m);
	profile_free(p);
}

static uint64_t pick(uint64_t *rng, uint64_t n)
{
	return (rng_next(rng) >> 32) % n;
}

static void end_thread(struct made *m, uint32_t tid)
{
	struct thread_info end = {.pid = m->pid, .tid = tid, .name = "",
				  .flags = THREAD_ENDED};

	assert_int_equal(m->sink->ops->thread(m->sink, &end), 0);
}

/* A slice of ever new stacks of a thousand functions in four threads. */
static void feed_slice(struct made *m, uint64_t *rng, uint32_t first_tid)
{
	char text[160];
	uint32_t i;

	for (i = 0; i < 8; i++) {
		snprintf(text, sizeof(text), "main@a.py:1 f%u@a.py:%u "
			 "f%u@b.py:%u f%u@c.py:%u",
			 (unsigned)pick(rng, 10), i, (unsigned)pick(rng, 1000),
			 (unsigned)pick(rng, 50) + 1,
			 (unsigned)pick(rng, 1000),
			 (unsigned)pick(rng, 9) + 1);
		made_samples(m, first_tid + i % 4, text, RUN_CPU, 1);
	}
	for (i = 0; i < 4; i++)
		end_thread(m, first_tid + i);
}

/*
 * Made-up hours: after the first quarter the memory that is held does not grow
 * any more, and nothing is missing.
 */
static void hours(void **state)
{
	size_t before = 0, after = 0;
	uint64_t rng = 42;
	struct pair p;
	unsigned i;

	(void)state;
	pair_init(&p);
	p.two.period = 1000000000u;
	for (i = 0; i < 3600; i++) {
		feed_slice(&p.two, &rng, 1 + 4 * i);
		profile_fold(p.all, MOST);
		pair_cut(&p);
		if (i % 60 == 59)
			made_forget(&p.two);
		if (i < 900 && profile_bytes(p.all) > before)
			before = profile_bytes(p.all);
		if (i >= 900 && profile_bytes(p.all) > after)
			after = profile_bytes(p.all);
	}
	assert_int_equal(p.all->samples, 3600 * 8);
	assert_int_equal(p.all->ticks, 3600 * 8);
	assert_true(after <= before + before / 4);
	assert_true(after < 2u << 20);
	pair_release(&p);
}

/* ---- replaying ---- */

static void replay_has_the_totals(void **state)
{
	struct profile *p = profile_new(), *again = profile_new();
	uint64_t lost = 0, partial = 0, ns = 0, ns_again = 0;
	struct made m;
	size_t i;

	(void)state;
	made_init(&m, &p->sink);
	made_server(&m);
	assert_int_equal(profile_replay(p, &again->sink, "test"), 0);
	assert_int_equal(again->samples, p->samples);
	assert_int_equal(again->ticks, p->ticks);
	assert_int_equal(again->missed, p->missed);
	for (i = 0; i < p->ncells; i++)
		ns += p->cells[i].ns;
	for (i = 0; i < again->ncells; i++)
		ns_again += again->cells[i].ns;
	assert_true(ns_again > ns - ns / 50 && ns_again < ns + ns / 50);
	assert_int_equal(again->idle, p->idle);
	for (i = 0; i < LOSS_CAUSES; i++) {
		lost += p->lost[i];
		partial += p->partial[i];
	}
	assert_true(lost > 0 && partial > 0);
	assert_int_equal(profile_lost(again), lost);
	assert_int_equal(profile_partial(again), partial);
	same_flat(p, again, LABEL_LINE);
	made_release(&m);
	profile_free(p);
	profile_free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slices_are_the_whole),
		cmocka_unit_test(made_server_in_two),
		cmocka_unit_test(threads_that_end),
		cmocka_unit_test(threads_that_change),
		cmocka_unit_test(last_cells),
		cmocka_unit_test(reset),
		cmocka_unit_test(fold_keeps_the_hot),
		cmocka_unit_test(fold_threads_and_states),
		cmocka_unit_test(hours),
		cmocka_unit_test(replay_has_the_totals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
