/*
 * The rows of a list: numbers and texts, sorted and filtered.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "render.h"
#include "tui_priv.h"

const char *top_view_name(enum top_view view)
{
	static const char *const names[TOP_LISTS] = {
		"functions", "lines", "calls", "threads", "processes"};

	return view < TOP_LISTS ? names[view] : "";
}

uint64_t top_ticks_of(const struct profile *p, uint32_t pid)
{
	size_t i;

	for (i = p->nprocesses; i-- > 0;)
		if (p->processes[i].pid == pid)
			return p->processes[i].ticks;
	return 0;
}

uint64_t top_ticks(const struct profile *p)
{
	uint64_t most = 0;
	size_t i;

	for (i = 0; i < p->nprocesses; i++)
		if (p->processes[i].ticks > most)
			most = p->processes[i].ticks;
	return most;
}

void rows_init(struct rows *r, const struct top_model *m)
{
	uint64_t ticks = top_ticks(m->all);

	memset(r, 0, sizeof(*r));
	intern_init(&r->texts);
	r->ticks = top_ticks(m->last);
	if (ticks)
		r->tick_ns = (double)profile_duration(m->all) / (double)ticks;
}

void rows_release(struct rows *r)
{
	intern_release(&r->texts);
	free(r->v);
}

struct row *rows_add(struct rows *r, const char *text)
{
	struct row *row;

	r->v = grow(r->v, &r->cap, r->len + 1, sizeof(*r->v));
	row = &r->v[r->len++];
	memset(row, 0, sizeof(*row));
	row->text[0] = intern_adds(&r->texts, text);
	row->key = hash_bytes(text, strlen(text)) | 1;
	return row;
}

const char *row_text(const struct rows *r, const struct row *row, size_t i)
{
	return intern_text(&r->texts, row->text[i], NULL);
}

/* ---- order ---- */

struct order {
	const struct rows *rows;
	const struct column *by;
	bool reverse;
};

static int compare(const struct row *x, const struct row *y,
		   const struct order *o)
{
	size_t v = o->by->value;

	if (o->by->kind == COLUMN_TEXT || o->by->kind == COLUMN_TREE)
		return strcmp(row_text(o->rows, x, v),
			      row_text(o->rows, y, v));
	return x->n[v] == y->n[v] ? 0 : x->n[v] < y->n[v] ? 1 : -1;
}

static int in_order(const void *a, const void *b, void *order)
{
	const struct row *x = a, *y = b;
	const struct order *o = order;
	int i, found = compare(x, y, o);

	if (found)
		return o->reverse ? -found : found;
	for (i = 0; i < 4; i++)
		if (x->n[i] != y->n[i])
			return x->n[i] < y->n[i] ? 1 : -1;
	found = strcmp(row_text(o->rows, x, 0), row_text(o->rows, y, 0));
	return found ? found : x->key == y->key ? 0 : x->key < y->key ? -1 : 1;
}

void rows_sort(struct rows *r, unsigned column, bool reverse)
{
	struct order o = {.rows = r, .reverse = reverse};

	o.by = &r->columns[column < r->ncolumns ? column : 0];
	if (r->len)
		qsort_r(r->v, r->len, sizeof(*r->v), in_order, &o);
}

/* ---- filter ---- */

bool text_has(const char *text, const char *part)
{
	return !*part || strcasestr(text, part) != NULL;
}

bool row_matches(const struct rows *r, const struct row *row,
		 const char *filter)
{
	size_t i;

	for (i = 0; i < ROW_TEXTS; i++)
		if (text_has(row_text(r, row, i), filter))
			return true;
	return false;
}

void rows_filter(struct rows *r, const char *filter)
{
	size_t i, kept = 0;

	for (i = 0; i < r->len; i++)
		if (row_matches(r, &r->v[i], filter))
			r->v[kept++] = r->v[i];
	r->len = kept;
}

/* ---- what stands in a cell ---- */

/* "12.34s", "12m05s", "3h07m": at most seven columns, for years. */
static void add_span(struct str *out, double ns)
{
	double s = ns / 1e9;
	unsigned long long whole = (unsigned long long)s;

	if (s < 999.95) {
		add_fixed(out, s, s < 99.995 ? 2 : 1);
		str_addc(out, 's');
	} else if (whole < 3600 * 100) {
		if (whole < 3600)
			str_addf(out, "%llum%02llus", whole / 60, whole % 60);
		else
			str_addf(out, "%lluh%02llum", whole / 3600,
				 whole / 60 % 60);
	} else {
		str_addf(out, "%llud%02lluh", whole / 86400,
			 whole / 3600 % 24);
	}
}

void add_cell(struct str *out, const struct rows *r, const struct row *row,
	      const struct column *c)
{
	switch ((enum column_kind)c->kind) {
	case COLUMN_SHARE:
		add_fixed(out, r->ticks ? 100.0 * (double)row->n[c->value] /
						  (double)r->ticks
					: 0.0, 1);
		break;
	case COLUMN_TIME:
		add_span(out, r->tick_ns * (double)row->n[c->value]);
		break;
	case COLUMN_COUNT:
		str_addf(out, "%llu", (unsigned long long)row->n[c->value]);
		break;
	case COLUMN_TEXT:
	case COLUMN_TREE:
		str_adds(out, row_text(r, row, c->value));
		break;
	}
}

enum ink ink_of_kind(enum node_kind kind)
{
	switch (kind) {
	case NODE_OWN:
		return INK_OWN;
	case NODE_PACKAGE:
		return INK_PACKAGE;
	case NODE_STDLIB:
		return INK_STDLIB;
	case NODE_MARKER:
		return INK_MARKER;
	default:
		return INK_PLAIN;
	}
}

/* ---- parts of a model ---- */

static bool is_chosen(const struct profile_thread *t,
		      const struct top_state *s)
{
	return (!s->pid || t->pid == s->pid) && (!s->tid || t->tid == s->tid);
}

const struct profile *top_part(const struct profile *p,
			      const struct top_state *s, struct profile *part)
{
	size_t i;

	part->cells = NULL;
	if (!s->pid && !s->tid)
		return p;
	*part = *p;
	part->ncells = part->samples = 0;
	part->cells = xcalloc(p->ncells, sizeof(*p->cells));
	for (i = 0; i < p->ncells; i++) {
		if (!is_chosen(&p->threads[p->cells[i].thread], s))
			continue;
		part->cells[part->ncells++] = p->cells[i];
		part->samples += p->cells[i].count;
	}
	return part;
}

const struct profile_thread *named_thread(const struct top_model *m, size_t i)
{
	return m->row_of ? &m->all->threads[m->row_of[i]]
			 : &m->last->threads[i];
}

const char *process_text(const struct profile *p, uint32_t pid)
{
	size_t i;

	for (i = p->nprocesses; i-- > 0;)
		if (p->processes[i].pid == pid)
			return symbols_text(&p->symbols,
					    p->processes[i].command);
	return "";
}
