/*
 * What was added up, as samples again.
 *
 * Each thread's samples become pieces of equal ones, one behind the other.
 * A row that many threads were folded into has more samples than there were
 * ticks: it becomes several threads.
 */
#include <stdlib.h>
#include <string.h>

#include "profile_priv.h"

#define MADE_UP 0x80000000u /* ids that are none of the kernel's */

struct piece {
	struct sample sample;
	uint64_t count;
};

/* The pieces of one thread of the replay. */
struct lane {
	uint32_t process, thread, tid;
	size_t next, end; /* pieces */
	uint64_t used;    /* ticks that have a sample, while it is made */
};

struct replay {
	const struct profile *p;
	struct sink *sink;
	struct source_symbols syms;
	struct piece *pieces;
	struct lane *lanes;
	size_t npieces, cap_pieces, nlanes, cap_lanes;
	struct map seen; /* process and thread id of each lane */
	uint64_t *ns;    /* of each thread */
	uint64_t lost[LOSS_CAUSES], partial[LOSS_CAUSES]; /* not used yet */
};

/* ---- pieces ---- */

/* An id that another one had before, or none, gets a new one. */
static void lane_add(struct replay *r, uint32_t thread)
{
	const struct profile_thread *t = &r->p->threads[thread];
	uint64_t key = (uint64_t)t->process << 32 | t->tid;
	struct lane *l;

	r->lanes = grow(r->lanes, &r->cap_lanes, r->nlanes + 1,
			sizeof(*r->lanes));
	l = &r->lanes[r->nlanes];
	*l = (struct lane){
		.process = t->process,
		.thread = thread,
		.tid = t->tid && map_get(&r->seen, key) == MAP_NONE
			       ? t->tid
			       : MADE_UP | (uint32_t)r->nlanes,
		.next = r->npieces,
		.end = r->npieces,
	};
	map_put(&r->seen, key, 1);
	r->nlanes++;
}

static void add_pieces(struct replay *r, uint32_t thread, struct sample s,
		       uint64_t count)
{
	const struct profile_thread *t = &r->p->threads[thread];
	uint64_t ticks = r->p->processes[t->process].own, n;
	struct lane *l = &r->lanes[r->nlanes - 1];

	while (count && ticks) {
		if (l->used == ticks) {
			lane_add(r, thread);
			l = &r->lanes[r->nlanes - 1];
		}
		n = count < ticks - l->used ? count : ticks - l->used;
		s.tid = l->tid;
		r->pieces = grow(r->pieces, &r->cap_pieces, r->npieces + 1,
				 sizeof(*r->pieces));
		r->pieces[r->npieces++] = (struct piece){s, n};
		l->end = r->npieces;
		l->used += n;
		count -= n;
	}
}

/* Which causes are whose is not known any more: they are used up in order. */
static void add_by_cause(struct replay *r, uint32_t thread, struct sample s,
			 uint64_t count, uint64_t *causes)
{
	uint64_t n;
	unsigned i;

	for (i = LOSS_NONE + 1; count && i < LOSS_CAUSES; i++) {
		n = count < causes[i] ? count : causes[i];
		s.loss = i;
		add_pieces(r, thread, s, n);
		causes[i] -= n;
		count -= n;
	}
	s.loss = LOSS_MOVING;
	add_pieces(r, thread, s, count);
}

/* A stack that is known in part says so on its top. */
static bool is_marked(const struct symbols *s, uint32_t stack,
		      const char *marker)
{
	const struct frame_def *f;

	if (!stack)
		return false;
	f = &s->frames[s->stacks[stack].frame];
	return f->flags & FRAME_MARKER &&
	       !strcmp(symbols_text(s, s->codes[f->code].name), marker);
}

static void add_cell(struct replay *r, const struct profile_cell *c)
{
	const struct symbols *s = &r->p->symbols;
	struct sample sample = {.stack = c->stack, .state = c->state};
	uint64_t *deep = &r->partial[LOSS_DEPTH];

	if (is_marked(s, c->stack, MARKER_DEEPER)) {
		sample.loss = LOSS_DEPTH;
		*deep -= c->count < *deep ? c->count : *deep;
		add_pieces(r, c->thread, sample, c->count);
	} else if (is_marked(s, c->stack, MARKER_MOVING)) {
		add_by_cause(r, c->thread, sample, c->count, r->partial);
	} else {
		add_pieces(r, c->thread, sample, c->count);
	}
}

/* Cells in the order of their threads; `first` of each, and the end. */
static uint32_t *sort_cells(const struct profile *p, size_t *first)
{
	uint32_t *order = xcalloc(p->ncells, sizeof(*order));
	size_t i;

	for (i = 0; i < p->ncells; i++)
		first[p->cells[i].thread + 1]++;
	for (i = 0; i < p->nthreads; i++)
		first[i + 1] += first[i];
	for (i = p->ncells; i-- > 0;)
		order[--first[p->cells[i].thread + 1]] = (uint32_t)i;
	return order;
}

static void make_pieces(struct replay *r)
{
	const struct profile *p = r->p;
	size_t *first = xcalloc(p->nthreads + 2, sizeof(*first)), i, at;
	uint32_t *order = sort_cells(p, first);
	struct sample lost = {.stack = 0};

	for (i = 0, at = 0; i < p->nthreads; i++) {
		lane_add(r, (uint32_t)i);
		for (; at < p->ncells && p->cells[order[at]].thread == i; at++)
			if (!p->out_of_focus || !p->out_of_focus[order[at]])
				add_cell(r, &p->cells[order[at]]);
		if (p->symbols.nstates)
			add_by_cause(r, (uint32_t)i, lost, p->threads[i].lost,
				     r->lost);
	}
	free(order);
	free(first);
}

/* ---- telling ---- */

static int tell_process(struct replay *r, uint32_t process)
{
	const struct symbols *s = &r->p->symbols;
	const struct profile_process *of = &r->p->processes[process];
	struct process_info info = {
		.pid = of->pid,
		.start = of->start,
		.version = of->version,
		.command = symbols_text(s, of->command),
		.cwd = symbols_text(s, of->cwd),
	};
	const struct profile_thread *t;
	struct thread_info thread;
	int ret = r->sink->ops->process(r->sink, &info);
	size_t i;

	for (i = 0; i < r->nlanes && !ret; i++) {
		if (r->lanes[i].process != process)
			continue;
		t = &r->p->threads[r->lanes[i].thread];
		thread = (struct thread_info){
			.pid = of->pid,
			.tid = r->lanes[i].tid,
			.ident = t->ident,
			.flags = t->flags & ~(uint32_t)THREAD_ENDED,
			.name = symbols_text(s, t->name),
		};
		ret = r->sink->ops->thread(r->sink, &thread);
	}
	return ret;
}

/* For how many of `ticks` each thread has what it has now. */
static uint64_t step_of(const struct replay *r, uint32_t process,
			uint64_t ticks)
{
	const struct lane *l;
	size_t i;

	for (i = 0; i < r->nlanes; i++) {
		l = &r->lanes[i];
		if (l->process == process && l->next < l->end &&
		    r->pieces[l->next].count < ticks)
			ticks = r->pieces[l->next].count;
	}
	return ticks;
}

static int replay_step(struct replay *r, uint32_t process, uint64_t step)
{
	struct piece *piece;
	struct lane *l;
	int ret = 0;
	size_t i;

	for (i = 0; i < r->nlanes && !ret; i++) {
		l = &r->lanes[i];
		if (l->process != process || l->next == l->end)
			continue;
		piece = &r->pieces[l->next];
		ret = r->sink->ops->sample(r->sink, &r->syms, &piece->sample);
		piece->count -= step;
		l->next += !piece->count;
	}
	return ret;
}

/* The time of its ticks: as much for each as a sample stands for, on average. */
static double span_of(const struct replay *r, uint32_t process)
{
	uint64_t ns = 0, samples = 0;
	size_t i;

	for (i = 0; i < r->p->nthreads; i++) {
		if (r->p->threads[i].process != process)
			continue;
		ns += r->ns[i];
		samples += r->p->threads[i].samples;
	}
	return samples ? (double)ns / (double)samples *
				 (double)r->p->processes[process].own
		       : 0;
}

/*
 * As many ticks as there were; those that were missed come with the first.
 * That one stands for a period, the others share the rest of the time.
 */
static int replay_process(struct replay *r, uint32_t process, uint64_t missed)
{
	const struct profile_run *run = &r->p->runs[0];
	const struct profile_process *of = &r->p->processes[process];
	double span = span_of(r, process) - (double)r->p->period_ns;
	double apart = of->own > 1 && span > 0
			       ? span / (double)(of->own - 1)
			       : 0;
	struct tick tick = {.pid = of->pid};
	uint64_t at = 0, step;
	int ret = tell_process(r, process);

	while (at < of->own && !ret) {
		step = step_of(r, process, at ? of->own - at : 1);
		at += step;
		tick.mono_ns = run->first_ns +
			       (uint64_t)(apart * (double)(at - 1));
		tick.more = step - 1;
		tick.missed = missed > UINT32_MAX ? UINT32_MAX
						  : (uint32_t)missed;
		missed = 0;
		ret = r->sink->ops->tick(r->sink, &r->syms, &tick);
		if (!ret)
			ret = replay_step(r, process, step);
	}
	return ret;
}

int profile_replay(const struct profile *p, struct sink *sink,
		   const char *program)
{
	struct replay r = {.p = p, .sink = sink};
	struct run_info run = {
		.wall_ns = p->nruns ? p->runs[0].wall_ns : 0,
		.mono_ns = p->nruns ? p->runs[0].mono_ns : 0,
		.period_ns = p->period_ns,
		.host = symbols_text(&p->symbols, p->host),
		.kernel = symbols_text(&p->symbols, p->kernel),
		.program = program,
	};
	int ret = sink->ops->run(sink, &run);
	uint32_t i;
	size_t c;

	r.syms.table = (struct symbols *)&p->symbols;
	memcpy(r.lost, p->lost, sizeof(r.lost));
	memcpy(r.partial, p->partial, sizeof(r.partial));
	map_init(&r.seen);
	r.ns = xcalloc(p->nthreads + 1, sizeof(*r.ns));
	for (c = 0; c < p->ncells; c++)
		r.ns[p->cells[c].thread] += p->cells[c].ns;
	make_pieces(&r);
	for (i = 0; i < p->nprocesses && !ret; i++)
		ret = replay_process(&r, i, i ? 0 : p->missed);
	map_release(&r.seen);
	free(r.pieces);
	free(r.lanes);
	free(r.ns);
	return ret;
}
