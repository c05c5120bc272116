/*
 * One function, line by line.
 */
#include <stdlib.h>
#include <string.h>

#include "profile_priv.h"

struct counting {
	const struct profile *p;
	uint32_t code;
	struct code_lines *lines;
	struct map row_of;  /* line -> row */
	uint32_t *seen;     /* per row: the turn that counted it last */
	size_t cap_seen;
	uint32_t turn;
};

static struct code_line *row_at(struct counting *k, uint32_t line, size_t *i)
{
	struct code_lines *l = k->lines;
	uint32_t row = map_get(&k->row_of, line);

	if (row == MAP_NONE) {
		row = (uint32_t)l->len;
		l->rows = grow(l->rows, &l->cap, l->len + 1, sizeof(*l->rows));
		k->seen = grow(k->seen, &k->cap_seen, l->len + 1,
			       sizeof(*k->seen));
		k->seen[row] = 0;
		l->rows[l->len++] = (struct code_line){.line = line};
		map_put(&k->row_of, line, row);
	}
	*i = row;
	return &l->rows[row];
}

static void add_cell(struct counting *k, const struct profile_cell *c)
{
	const struct symbols *s = &k->p->symbols;
	const struct frame_def *f;
	struct code_line *row;
	bool any = false;
	uint32_t at;
	size_t i;

	k->turn++;
	k->lines->samples += c->count;
	for (at = c->stack; at; at = s->stacks[at].parent) {
		f = &s->frames[s->stacks[at].frame];
		if (f->code != k->code)
			continue;
		any = true;
		row = row_at(k, f->line, &i);
		if (at == c->stack) {
			row->self += c->count;
			row->self_ns += c->ns;
			k->lines->self += c->count;
		}
		if (k->seen[i] == k->turn)
			continue;
		k->seen[i] = k->turn;
		row->total += c->count;
		row->total_ns += c->ns;
	}
	if (any)
		k->lines->total += c->count;
}

static int by_line(const void *a, const void *b)
{
	const struct code_line *x = a, *y = b;

	return (x->line > y->line) - (x->line < y->line);
}

struct code_lines *lines_build(const struct profile *p,
			       const struct view *view, uint32_t code)
{
	struct code_lines *l = xcalloc(1, sizeof(*l));
	struct counting k = {.p = p, .code = code, .lines = l};
	size_t i;

	map_init(&k.row_of);
	for (i = 0; i < p->ncells; i++)
		if (cell_in_view(p, view, &p->cells[i]))
			add_cell(&k, &p->cells[i]);
	if (l->len)
		qsort(l->rows, l->len, sizeof(*l->rows), by_line);
	map_release(&k.row_of);
	free(k.seen);
	return l;
}

void lines_free(struct code_lines *l)
{
	if (!l)
		return;
	free(l->rows);
	free(l);
}
