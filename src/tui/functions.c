/*
 * Functions, and lines: self and total, of the last interval and of all.
 */
#include <stdlib.h>
#include <string.h>

#include "tui_priv.h"

static const struct column functions[] = {
	{"self %", COLUMN_SHARE, 0, 6, 0, 0},
	{"total %", COLUMN_SHARE, 1, 7, 0, 0},
	{"self", COLUMN_TIME, 2, 7, 0, 56},
	{"total", COLUMN_TIME, 3, 7, 0, 48},
	{"function (file:line)", COLUMN_TEXT, 0, 10, 1, 0},
};

static const struct column lines[] = {
	{"self %", COLUMN_SHARE, 0, 6, 0, 0},
	{"total %", COLUMN_SHARE, 1, 7, 0, 0},
	{"self", COLUMN_TIME, 2, 7, 0, 56},
	{"total", COLUMN_TIME, 3, 7, 0, 48},
	{"line", COLUMN_TEXT, 0, 10, 1, 0},
};

static void set_place(struct row *row, const struct profile *p,
		      const struct flat_row *from)
{
	const struct code_def *c;

	if (from->code == NO_CODE || from->kind == NODE_MARKER || row->file)
		return;
	c = &p->symbols.codes[from->code];
	row->file = symbols_text(&p->symbols, c->file);
	row->line = from->detail ? from->detail : c->first;
}

/* Adds the rows of one table; its numbers go to n[at] and n[at + 1]. */
static void add_flat(struct rows *r, struct map *row_of,
		     const struct profile *p, const struct view *v, size_t at)
{
	struct flat *f = flat_build(p, v, SORT_SELF);
	const struct flat_row *from;
	const char *label;
	struct row *row;
	uint32_t i, id;
	size_t n;

	for (n = 0; n < f->len; n++) {
		from = &f->rows[n];
		if (!from->total && !from->self)
			continue;
		label = intern_text(&f->labels, from->label, NULL);
		id = intern_adds(&r->texts, label);
		i = map_get(row_of, id);
		if (i == MAP_NONE) {
			i = (uint32_t)r->len;
			map_put(row_of, id, i);
			rows_add(r, label)->ink =
				(uint8_t)ink_of_kind(from->kind);
		}
		row = &r->v[i];
		row->n[at] = from->self;
		row->n[at + 1] = from->total;
		set_place(row, p, from);
	}
	flat_free(f);
}

void list_functions(struct rows *r, const struct top_model *m,
		    const struct top_state *s)
{
	bool by_line = s->view == TOP_LINES;
	struct view v = s->choice;
	struct profile all, last;
	struct map row_of;

	r->columns = by_line ? lines : functions;
	r->ncolumns = sizeof(functions) / sizeof(*functions);
	v.label = by_line ? LABEL_LINE : LABEL_FUNCTION;
	v.full_filenames = s->full_filenames;
	map_init(&row_of);
	add_flat(r, &row_of, top_part(m->all, s, &all), &v, 2);
	free(all.cells);
	add_flat(r, &row_of, top_part(m->last, s, &last), &v, 0);
	free(last.cells);
	map_release(&row_of);
	rows_filter(r, s->filter);
	rows_sort(r, s->sort[s->view], s->reverse);
}
