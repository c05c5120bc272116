/*
 * Threads: what each was doing in the last interval, and at its end.
 */
#include <stdlib.h>
#include <string.h>

#include "tui_priv.h"

static const struct column columns[] = {
	{"CPU %", COLUMN_SHARE, 0, 6, 0, 0},
	{"GIL %", COLUMN_SHARE, 1, 6, 0, 0},
	{"state", COLUMN_TEXT, 1, 9, 0, 0},
	{"TID", COLUMN_COUNT, 2, 7, 0, 100},
	{"thread", COLUMN_TEXT, 0, 8, 2, 0},
	{"waits for", COLUMN_TEXT, 2, 8, 2, 60},
	{"function", COLUMN_TEXT, 3, 10, 3, 50},
};

const char *doing(const struct state_def *def)
{
	if (def->flags & STATE_GC)
		return "GC";
	if (state_wants_gil(def))
		return "GIL wait";
	switch (def->run) {
	case RUN_CPU:
		return def->gil == GIL_HELD ? "CPU+GIL" : "CPU";
	case RUN_RUNNABLE:
		return "runnable";
	case RUN_SLEEPING:
		return "sleeping";
	case RUN_DISK:
		return "disk";
	case RUN_STOPPED:
		return "stopped";
	default:
		return "unknown";
	}
}

static enum ink ink_of_state(const struct state_def *def)
{
	if (def->flags & STATE_GC)
		return INK_GC;
	if (state_wants_gil(def))
		return INK_WANTED;
	if (def->run == RUN_CPU)
		return INK_CPU;
	return def->run == RUN_DISK ? INK_IO : INK_PLAIN;
}

/* "name (file:line)" of the innermost frame. */
static void add_function(struct str *out, const struct profile *p,
			 uint32_t stack)
{
	const struct symbols *s = &p->symbols;
	const struct frame_def *f;
	const struct code_def *c;
	const char *cwd = "";

	if (!stack)
		return;
	f = &s->frames[s->stacks[stack].frame];
	c = &s->codes[f->code];
	if (p->nprocesses)
		cwd = symbols_text(s, p->processes[0].cwd);
	str_adds_clean(out, symbols_text(s, c->name));
	if (f->flags & FRAME_MARKER)
		return;
	str_adds(out, " (");
	str_adds_clean(out, short_filename(symbols_text(s, c->file), cwd));
	str_addf(out, ":%u)", f->line);
}

static void set_last(struct rows *r, struct row *row, const struct profile *p,
		     const struct profile_cell *cell)
{
	const struct symbols *s = &p->symbols;
	const struct state_def *def = &s->states[cell->state];
	const struct frame_def *f;
	struct str text;

	row->text[1] = intern_adds(&r->texts, doing(def));
	str_init(&text);
	str_adds_clean(&text, symbols_text(s, def->wait));
	row->text[2] = intern_adds(&r->texts, text.data);
	str_clear(&text);
	add_function(&text, p, cell->stack);
	row->text[3] = intern_adds(&r->texts, text.data);
	str_release(&text);
	row->ink = (uint8_t)ink_of_state(def);
	if (!cell->stack)
		return;
	f = &s->frames[s->stacks[cell->stack].frame];
	if (f->flags & FRAME_MARKER)
		return;
	row->file = symbols_text(s, s->codes[f->code].file);
	row->line = f->line;
}

/* Each process has ticks of its own; all are told of one hundred percent. */
static uint64_t scaled(const struct rows *r, uint64_t count, uint64_t ticks)
{
	return ticks ? count * r->ticks / ticks : 0;
}

static void add_thread(struct rows *r, const struct top_model *m, size_t i,
		       uint64_t cpu, uint64_t gil)
{
	const struct profile *p = m->last;
	const struct profile_thread *t = &p->threads[i];
	const struct profile_thread *named = named_thread(m, i);
	const struct profile *names = m->row_of ? m->all : p;
	const char *name = symbols_text(&names->symbols, named->name);
	uint64_t ticks = top_ticks_of(p, t->pid);
	struct row *row;

	row = rows_add(r, *name ? name : "thread");
	row->key = ((uint64_t)t->pid << 32 | t->tid) + 1;
	row->pid = t->pid;
	row->tid = t->tid;
	row->n[0] = scaled(r, cpu, ticks);
	row->n[1] = scaled(r, gil, ticks);
	/* One that was made up says nothing to a reader. */
	row->n[2] = t->tid >> 31 ? 0 : t->tid;
	row->n[3] = t->samples;
	row->n[4] = t->lost;
	row->n[5] = named->ident;
	if (t->last)
		set_last(r, row, p, &p->cells[t->last - 1]);
	else
		row->text[1] = intern_adds(&r->texts, "lost");
}

void list_threads(struct rows *r, const struct top_model *m,
		  const struct top_state *s)
{
	const struct profile *p = m->last;
	uint64_t *cpu = xcalloc(p->nthreads, 2 * sizeof(*cpu)), *gil;
	const struct profile_cell *c;
	const struct state_def *def;
	size_t i;

	r->columns = columns;
	r->ncolumns = sizeof(columns) / sizeof(*columns);
	gil = cpu + p->nthreads;
	for (i = 0; i < p->ncells; i++) {
		c = &p->cells[i];
		def = &p->symbols.states[c->state];
		if (def->run == RUN_CPU)
			cpu[c->thread] += c->count;
		if (def->gil == GIL_HELD)
			gil[c->thread] += c->count;
	}
	for (i = 0; i < p->nthreads; i++) {
		const struct profile_thread *t = &p->threads[i];

		if ((!t->samples && !t->lost) || (s->pid && s->pid != t->pid))
			continue;
		add_thread(r, m, i, cpu[i], gil[i]);
	}
	free(cpu);
	rows_filter(r, s->filter);
	rows_sort(r, s->sort[TOP_THREADS], s->reverse);
}
