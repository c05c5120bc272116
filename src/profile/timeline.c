/*
 * The samples of a profile in the order of time.
 */
#include <stdlib.h>
#include <string.h>

#include "profile.h"

#define NO_RUN UINT32_MAX

struct timeline *timeline_new(size_t limit)
{
	struct timeline *t = xcalloc(1, sizeof(*t));

	t->limit = limit;
	return t;
}

void timeline_free(struct timeline *t)
{
	if (!t)
		return;
	free(t->runs);
	free(t->begin);
	free(t->newest);
	free(t);
}

void timeline_tick(struct timeline *t, uint64_t wall_ns, uint64_t weight)
{
	t->tick_ns = wall_ns;
	t->since_ns = t->tick_ns > weight ? t->tick_ns - weight : 0;
}

/* The newest run of a thread, or NULL. */
static struct timeline_run *newest_run(struct timeline *t, uint32_t thread)
{
	size_t was = t->cap_newest;

	if (thread >= was) {
		t->newest = grow(t->newest, &t->cap_newest, thread + 1,
				 sizeof(*t->newest));
		memset(t->newest + was, 0xff,
		       (t->cap_newest - was) * sizeof(*t->newest));
	}
	return t->newest[thread] == NO_RUN ? NULL
					   : &t->runs[t->newest[thread]];
}

void timeline_add(struct timeline *t, uint32_t thread, uint32_t cell,
		  uint64_t count)
{
	struct timeline_run *run = newest_run(t, thread);

	/* Once it is full nothing more comes in: all threads end together. */
	if (t->left_out) {
		t->left_out += count;
		return;
	}
	if (run && run->cell == cell && run->end_ns == t->since_ns) {
		run->end_ns = t->tick_ns;
		run->count += count;
		return;
	}
	if (t->nruns >= t->limit) {
		t->left_out = count;
		return;
	}
	t->runs = grow(t->runs, &t->cap_runs, t->nruns + 1, sizeof(*t->runs));
	t->newest[thread] = (uint32_t)t->nruns;
	t->runs[t->nruns++] = (struct timeline_run){
		.start_ns = t->since_ns,
		.end_ns = t->tick_ns,
		.count = count,
		.cell = cell,
	};
}

/* ---- once all samples are there ---- */

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_thread_and_time(const void *a, const void *b, void *cells)
{
	const struct timeline_run *x = a, *y = b;
	const struct profile_cell *of = cells;
	int order = compare(of[x->cell].thread, of[y->cell].thread);

	if (!order)
		order = compare(x->start_ns, y->start_ns);
	if (!order)
		order = compare(x->end_ns, y->end_ns);
	if (!order)
		order = compare(x->cell, y->cell);
	return order ? order : compare(x->count, y->count);
}

/*
 * A thread does one thing at a time: of two recordings of the same time, the
 * one that came first is shown, and so is the time before a clock went back.
 */
static void end_overlaps(struct timeline *t, const struct profile_cell *cells)
{
	struct timeline_run *run, *before = NULL;
	size_t i, n = 0;

	for (i = 0; i < t->nruns; i++) {
		run = &t->runs[i];
		if (before && cells[before->cell].thread ==
				      cells[run->cell].thread &&
		    run->start_ns < before->end_ns) {
			if (run->end_ns <= before->end_ns) {
				t->overlapping += run->count;
				continue;
			}
			run->start_ns = before->end_ns;
		}
		t->runs[n] = *run;
		before = &t->runs[n++];
	}
	t->nruns = n;
}

static void find_bounds(struct timeline *t)
{
	size_t i;

	for (i = 0; i < t->nruns; i++) {
		if (!i || t->runs[i].start_ns < t->first_ns)
			t->first_ns = t->runs[i].start_ns;
		if (!i || t->runs[i].end_ns > t->last_ns)
			t->last_ns = t->runs[i].end_ns;
	}
}

void timeline_order(struct timeline *t, const struct profile *p)
{
	size_t i, n = 0;

	if (t->nruns)
		qsort_r(t->runs, t->nruns, sizeof(*t->runs),
			by_thread_and_time, p->cells);
	end_overlaps(t, p->cells);
	find_bounds(t);
	free(t->begin);
	t->begin = xcalloc(p->nthreads + 1, sizeof(*t->begin));
	for (i = 0; i < p->nthreads; i++) {
		while (n < t->nruns && p->cells[t->runs[n].cell].thread == i)
			n++;
		t->begin[i + 1] = n;
	}
}

const struct timeline_run *timeline_thread(const struct timeline *t,
					   uint32_t thread, size_t *n)
{
	*n = t->begin[thread + 1] - t->begin[thread];
	return t->runs + t->begin[thread];
}

void timeline_tell(const struct timeline *t, struct str *out)
{
	uint64_t ms = (t->last_ns - t->first_ns) / 1000000u;

	if (t->left_out)
		str_addf(out,
			 "%llu samples after the first %llu.%03u s are left "
			 "out, since there are more than %zu changes of stacks "
			 "and states",
			 (unsigned long long)t->left_out,
			 (unsigned long long)(ms / 1000),
			 (unsigned)(ms % 1000), t->limit);
	if (t->overlapping)
		str_addf(out,
			 "%s%llu samples are left out, since there are others "
			 "of the same threads and times",
			 t->left_out ? "; " : "",
			 (unsigned long long)t->overlapping);
}
