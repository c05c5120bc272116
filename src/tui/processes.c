/*
 * Processes, side by side.
 */
#include <stdlib.h>
#include <string.h>

#include "tui_priv.h"

static const struct column columns[] = {
	{"CPU %", COLUMN_SHARE, 0, 6, 0, 0},
	{"GIL %", COLUMN_SHARE, 1, 6, 0, 0},
	{"PID", COLUMN_COUNT, 2, 7, 0, 0},
	{"threads", COLUMN_COUNT, 3, 7, 0, 50},
	{"samples", COLUMN_COUNT, 4, 9, 0, 60},
	{"lost", COLUMN_COUNT, 5, 6, 0, 70},
	{"command", COLUMN_TEXT, 0, 10, 1, 0},
};

struct sums {
	uint64_t gil, cpu, threads, samples, lost;
};

static void add_up(const struct profile *p, uint32_t pid, struct sums *out)
{
	const struct profile_cell *c;
	const struct state_def *def;
	size_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < p->nthreads; i++) {
		if (p->threads[i].pid != pid)
			continue;
		out->threads += p->threads[i].samples > 0;
		out->samples += p->threads[i].samples;
		out->lost += p->threads[i].lost;
	}
	for (i = 0; i < p->ncells; i++) {
		c = &p->cells[i];
		if (p->threads[c->thread].pid != pid)
			continue;
		def = &p->symbols.states[c->state];
		out->gil += def->gil == GIL_HELD ? c->count : 0;
		out->cpu += def->run == RUN_CPU ? c->count : 0;
	}
}

/* The kernel's figure of the CPU where there is one. */
static uint64_t cpu_of(const struct rows *r, const struct top_process *t,
		       const struct sums *last, uint64_t ticks)
{
	if (t->cpu >= 0)
		return (uint64_t)(t->cpu * (double)r->ticks + 0.5);
	return ticks ? last->cpu * r->ticks / ticks : 0;
}

void list_processes(struct rows *r, const struct top_model *m,
		    const struct top_state *s)
{
	const struct top_process *t;
	struct sums last, all;
	struct row *row;
	struct str text;
	uint64_t ticks;
	size_t i;

	str_init(&text);
	r->columns = columns;
	r->ncolumns = sizeof(columns) / sizeof(*columns);
	for (i = 0; i < m->nprocesses; i++) {
		t = &m->processes[i];
		add_up(m->last, t->pid, &last);
		add_up(m->all, t->pid, &all);
		ticks = top_ticks_of(m->last, t->pid);
		str_clear(&text);
		str_adds(&text, t->ended ? "[ended] " : "");
		str_adds(&text, process_text(m->all, t->pid));
		row = rows_add(r, text.data);
		row->key = t->pid;
		row->pid = t->pid;
		row->ink = t->ended ? INK_WARNING : INK_PLAIN;
		row->n[0] = cpu_of(r, t, &last, ticks);
		row->n[1] = ticks ? last.gil * r->ticks / ticks : 0;
		row->n[2] = t->pid;
		row->n[3] = last.threads;
		row->n[4] = all.samples;
		row->n[5] = all.lost;
	}
	str_release(&text);
	rows_filter(r, s->filter);
	rows_sort(r, s->sort[TOP_PROCESSES], s->reverse);
}
