/*
 * Profiles that are added to one another, so that one can grow for as long as
 * a program runs: what it has too much of is folded.
 */
#include <stdlib.h>
#include <string.h>

#include "profile_priv.h"

/* The run of which the samples are, without any so far. */
static void copy_run(struct profile *to, const struct profile *from,
		     struct source *s)
{
	struct profile_run *run;

	if (to->nruns || !from->nruns)
		return;
	to->runs = grow(to->runs, &to->cap_runs, 1, sizeof(*to->runs));
	run = &to->runs[to->nruns++];
	*run = from->runs[0];
	run->first_ns = run->last_ns = run->ticks = run->missed = 0;
	run->host = build_string(to, s, run->host);
	run->kernel = build_string(to, s, run->kernel);
	run->program = build_string(to, s, run->program);
	to->period_ns = run->period_ns;
	to->wall_ns = run->wall_ns;
	to->host = run->host;
	to->kernel = run->kernel;
	to->program = run->program;
}

/* *row_of is the row here of each of its processes. */
static void copy_processes(struct profile *to, const struct profile *from,
			   struct source *s, uint32_t *row_of)
{
	struct profile_process of;
	size_t i;

	for (i = 0; i < from->nprocesses; i++) {
		of = from->processes[i];
		of.command = build_string(to, s, of.command);
		of.cwd = build_string(to, s, of.cwd);
		row_of[i] = build_process(to, &of);
		to->build->last_ns[row_of[i]] = from->build->last_ns[i];
	}
}

/* As `before`, without samples; *row_of as above (NULL: not wanted). */
static struct profile *begin_next(const struct profile *before,
				  struct source **from, uint32_t **row_of)
{
	struct source_symbols syms = {.table = (void *)&before->symbols};
	uint32_t *rows = xcalloc(before->nprocesses, sizeof(*rows));
	struct profile *p = profile_new();

	*from = build_source(p->build, &syms);
	copy_run(p, before, *from);
	copy_processes(p, before, *from, rows);
	if (row_of)
		*row_of = rows;
	else
		free(rows);
	return p;
}

struct profile *profile_next(const struct profile *before)
{
	struct source *from;
	struct profile *p = begin_next(before, &from, NULL);

	build_forget(p->build);
	return p;
}

/* ---- merging ---- */

/* What this thread is called here; it may have ended and another begun. */
static uint32_t merge_thread(struct profile *to, struct source *s,
			     const struct profile_thread *t, uint32_t process)
{
	uint32_t i = build_thread(to, process, t->tid);
	struct profile_thread *ours = &to->threads[i];

	if ((ours->flags & THREAD_ENDED && (t->samples || t->ident)) ||
	    (ours->ident && t->ident && ours->ident != t->ident)) {
		i = build_thread_add(to, process, t->tid);
		ours = &to->threads[i];
	}
	ours->flags |= t->flags;
	if (t->ident)
		ours->ident = t->ident;
	if (t->name)
		ours->name = build_string(to, s, t->name);
	ours->samples += t->samples;
	ours->lost += t->lost;
	ours->idle += t->idle;
	ours->partial += t->partial;
	return i;
}

static void merge_cells(struct profile *to, const struct profile *from,
			struct source *s, const uint32_t *row_of)
{
	const struct profile_cell *c;
	struct profile_cell *ours;
	size_t i;

	for (i = 0; i < from->ncells; i++) {
		c = &from->cells[i];
		ours = build_cell(to, row_of[c->thread],
				  build_stack(to, s, c->stack),
				  build_state(to, s, c->state));
		ours->count += c->count;
		ours->ns += c->ns;
		if (from->threads[c->thread].last == i + 1)
			to->threads[row_of[c->thread]].last =
				(uint32_t)(ours - to->cells) + 1;
	}
}

/* When the samples of a run were; those of `from` are later. */
static void merge_times(struct profile *to, const struct profile *from)
{
	const struct profile_run *theirs = from->nruns ? from->runs : NULL;
	struct profile_run *ours = to->nruns ? to->runs : NULL;

	if (!theirs || !theirs->ticks)
		return;
	if (!ours->ticks)
		to->wall_ns = from->wall_ns;
	if (!ours->ticks || theirs->first_ns < ours->first_ns)
		ours->first_ns = theirs->first_ns;
	if (!ours->ticks || theirs->last_ns > ours->last_ns)
		ours->last_ns = theirs->last_ns;
	ours->ticks += theirs->ticks;
	ours->missed += theirs->missed;
	/* They are known from one to the next. */
	if (ours->processes < theirs->processes)
		ours->processes = theirs->processes;
}

static void merge_counts(struct profile *to, const struct profile *from,
			 const uint32_t *process_of)
{
	size_t i;

	merge_times(to, from);
	to->ticks += from->ticks;
	to->missed += from->missed;
	to->samples += from->samples;
	to->idle += from->idle;
	for (i = 0; i < LOSS_CAUSES; i++) {
		to->lost[i] += from->lost[i];
		to->partial[i] += from->partial[i];
	}
	for (i = 0; i < from->nprocesses; i++) {
		to->processes[process_of[i]].ticks += from->processes[i].ticks;
		to->processes[process_of[i]].own += from->processes[i].own;
	}
}

void profile_merge(struct profile *to, const struct profile *from,
		   uint32_t **row_of)
{
	struct source_symbols syms = {.table = (void *)&from->symbols};
	struct source *s = build_source(to->build, &syms);
	uint32_t *rows = xcalloc(from->nthreads, sizeof(*rows));
	uint32_t *processes = xcalloc(from->nprocesses, sizeof(*processes));
	const struct profile_thread *t;
	size_t i;

	copy_run(to, from, s);
	copy_processes(to, from, s, processes);
	for (i = 0; i < from->nthreads; i++) {
		t = &from->threads[i];
		rows[i] = merge_thread(to, s, t, processes[t->process]);
	}
	merge_cells(to, from, s, rows);
	merge_counts(to, from, processes);
	free(processes);
	/* Another table may come to lie where this one is. */
	build_forget(to->build);
	if (row_of)
		*row_of = rows;
	else
		free(rows);
}

/* What the caller holds is the same profile, with another inside. */
static void swap(struct profile *a, struct profile *b)
{
	struct profile c = *a;

	*a = *b;
	*b = c;
}

void profile_reset(struct profile *p)
{
	struct profile_thread none;
	struct source *s;
	uint32_t *rows;
	struct profile *next = begin_next(p, &s, &rows);
	size_t i;

	for (i = 0; i < p->nthreads; i++) {
		if (thread_ended(p, &p->threads[i]))
			continue;
		none = p->threads[i];
		none.samples = none.lost = none.idle = none.partial = 0;
		merge_thread(next, s, &none, rows[none.process]);
	}
	build_forget(next->build);
	free(rows);
	swap(p, next);
	profile_free(next);
}

size_t profile_bytes(const struct profile *p)
{
	return symbols_bytes(&p->symbols) + p->cap_cells * sizeof(*p->cells) +
	       p->build->nslots * sizeof(*p->build->slots) +
	       p->cap_threads * sizeof(*p->threads);
}

/* ---- folding ---- */

struct folding {
	const struct profile *from;
	struct profile *to;
	struct source *source;
	uint64_t least;     /* samples of a stack that is kept */
	uint64_t *counts;   /* by stack: its own and those of all above it */
	uint32_t *stack_of; /* its number in `to`, plus 1; 0: none yet */
	uint32_t *process_of; /* of each process, in `to` */
	uint32_t *row_of;   /* of each thread, in `to` */
	uint32_t *state_of; /* of each state, in `to` */
	uint32_t marker;    /* the frame, in `to` */
};

static int more_first(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x == y ? 0 : x < y ? 1 : -1;
}

/* So many samples that at most `most` of the counts are as large. */
static uint64_t least_of(const uint64_t *counts, size_t n, size_t most)
{
	uint64_t *sorted, least = 0;

	if (n <= most)
		return 0;
	sorted = xreallocarray(NULL, n, sizeof(*sorted));
	memcpy(sorted, counts, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), more_first);
	least = sorted[most] + 1;
	free(sorted);
	return least;
}

/* A parent comes before its children, so one way back adds it all up. */
static void count_stacks(struct folding *f, size_t most)
{
	const struct symbols *s = &f->from->symbols;
	size_t i;

	f->counts = xcalloc(s->nstacks, sizeof(*f->counts));
	for (i = 0; i < f->from->ncells; i++)
		f->counts[f->from->cells[i].stack] += f->from->cells[i].count;
	for (i = s->nstacks; i-- > 1;)
		f->counts[s->stacks[i].parent] += f->counts[i];
	f->least = least_of(f->counts, s->nstacks, most);
}

static uint32_t marker_frame(struct profile *p)
{
	struct code_def code = {.first = 0};
	struct frame_def frame = {.flags = FRAME_MARKER};

	code.name = symbols_string(&p->symbols, MARKER_FOLDED,
				   strlen(MARKER_FOLDED));
	code.file = symbols_string(&p->symbols, "", 0);
	frame.code = symbols_code(&p->symbols, &code);
	return symbols_frame(&p->symbols, &frame);
}

static bool is_folded(const struct symbols *s, uint32_t stack)
{
	const struct frame_def *f = &s->frames[s->stacks[stack].frame];

	return f->flags & FRAME_MARKER &&
	       !strcmp(symbols_text(s, s->codes[f->code].name), MARKER_FOLDED);
}

/* Its number in `to`: of itself, or of the part that stays, with a marker. */
static uint32_t folded_stack(struct folding *f, uint32_t stack)
{
	const struct symbols *s = &f->from->symbols;
	uint32_t at = stack, *known = &f->stack_of[stack];

	if (*known)
		return *known - 1;
	while (at && f->counts[at] < f->least)
		at = s->stacks[at].parent;
	*known = build_stack(f->to, f->source, at) + 1;
	if (at != stack && !(at && is_folded(s, at)))
		*known = symbols_stack(&f->to->symbols, *known - 1,
				       f->marker) + 1;
	return *known - 1;
}

static uint32_t folded_thread(struct folding *f,
			      const struct profile_thread *t, bool keep)
{
	uint32_t process = f->process_of[t->process], i;
	struct profile *to = f->to;

	/* A row of its own even if another one has had this id. */
	i = keep ? build_thread_add(to, process, t->tid)
		 : build_thread(to, process, 0);
	to->threads[i].ident = keep ? t->ident : 0;
	to->threads[i].flags = keep ? t->flags : THREAD_ENDED;
	if (keep)
		to->threads[i].name = build_string(to, f->source, t->name);
	else
		to->threads[i].name = symbols_string(&to->symbols,
						     MARKER_FOLDED,
						     strlen(MARKER_FOLDED));
	to->threads[i].samples += t->samples;
	to->threads[i].lost += t->lost;
	to->threads[i].idle += t->idle;
	to->threads[i].partial += t->partial;
	return i;
}

/* Threads that live are kept in any case: they are shown by name. */
static void fold_threads(struct folding *f, size_t most)
{
	const struct profile *from = f->from;
	uint64_t *counts = xcalloc(from->nthreads, sizeof(*counts)), least;
	const struct profile_thread *t;
	size_t i;

	for (i = 0; i < from->nthreads; i++)
		if (from->threads[i].flags & THREAD_ENDED)
			counts[i] = from->threads[i].samples + 1;
	least = least_of(counts, from->nthreads, most);
	f->row_of = xcalloc(from->nthreads, sizeof(*f->row_of));
	for (i = 0; i < from->nthreads; i++) {
		t = &from->threads[i];
		f->row_of[i] = folded_thread(f, t, t->tid && (!counts[i] ||
						   counts[i] >= least));
	}
	free(counts);
}

/* "socket 10.0.0.1:5432" is "socket" then. */
static uint32_t folded_state(struct folding *f, uint32_t state, bool keep)
{
	struct state_def def = f->from->symbols.states[state];
	const char *wait = symbols_text(&f->from->symbols, def.wait);

	if (keep)
		return build_state(f->to, f->source, state);
	def.wait = symbols_string(&f->to->symbols, wait, strcspn(wait, " "));
	return symbols_state(&f->to->symbols, &def);
}

static void fold_states(struct folding *f, size_t most)
{
	const struct profile *from = f->from;
	size_t i, n = from->symbols.nstates;
	uint64_t *counts = xcalloc(n, sizeof(*counts)), least;

	for (i = 0; i < from->ncells; i++)
		counts[from->cells[i].state] += from->cells[i].count;
	least = least_of(counts, n, most);
	f->state_of = xcalloc(n, sizeof(*f->state_of));
	for (i = 0; i < n; i++)
		f->state_of[i] = folded_state(f, (uint32_t)i,
					      counts[i] >= least);
	free(counts);
}

static void fold_cells(struct folding *f)
{
	const struct profile *from = f->from;
	const struct profile_cell *c;
	struct profile_cell *ours;
	uint32_t row;
	size_t i;

	for (i = 0; i < from->ncells; i++) {
		c = &from->cells[i];
		row = f->row_of[c->thread];
		ours = build_cell(f->to, row, folded_stack(f, c->stack),
				  f->state_of[c->state]);
		ours->count += c->count;
		ours->ns += c->ns;
		if (from->threads[c->thread].last == i + 1)
			f->to->threads[row].last =
				(uint32_t)(ours - f->to->cells) + 1;
	}
}

bool profile_fold(struct profile *p, size_t most)
{
	struct folding f = {.from = p};

	if (p->symbols.nstacks <= most && p->nthreads <= most / 8 &&
	    p->symbols.nstates <= most / 8)
		return false;
	f.to = begin_next(p, &f.source, &f.process_of);
	f.marker = marker_frame(f.to);
	f.stack_of = xcalloc(p->symbols.nstacks, sizeof(*f.stack_of));
	count_stacks(&f, most / 2);
	fold_threads(&f, most / 16);
	fold_states(&f, most / 16);
	fold_cells(&f);
	merge_counts(f.to, p, f.process_of);
	build_forget(f.to->build);
	swap(p, f.to);
	profile_free(f.to);
	free(f.stack_of);
	free(f.counts);
	free(f.process_of);
	free(f.row_of);
	free(f.state_of);
	return true;
}
