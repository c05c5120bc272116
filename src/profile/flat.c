/*
 * Functions or lines with their own and their inclusive samples.
 */
#include <stdlib.h>
#include <string.h>

#include "profile_priv.h"

struct tally {
	const struct profile *p;
	struct flat *flat;
	struct labels labels;
	uint32_t *row_of; /* row of each label plus 1; 0: none */
	size_t nrow_of, cap;
	uint32_t *seen; /* per row: the stack that counted it last */
	size_t cap_seen;
	/* Cells in the view by their stacks: numbers plus 1; 0 is the end. */
	uint32_t *first, *next;
};

static struct flat_row *row_at(struct tally *t, uint32_t label,
			       enum node_kind kind)
{
	struct flat *f = t->flat;

	if (label >= t->nrow_of) {
		t->row_of = grow(t->row_of, &t->cap, label + 1,
				 sizeof(*t->row_of));
		memset(t->row_of + t->nrow_of, 0,
		       (label + 1 - t->nrow_of) * sizeof(*t->row_of));
		t->nrow_of = label + 1;
	}
	if (!t->row_of[label]) {
		f->rows = grow(f->rows, &f->cap, f->len + 1, sizeof(*f->rows));
		t->seen = grow(t->seen, &t->cap_seen, f->len + 1,
			       sizeof(*t->seen));
		t->seen[f->len] = 0;
		f->rows[f->len++] = (struct flat_row){.label = label,
						      .kind = kind};
		t->row_of[label] = (uint32_t)f->len;
	}
	return &f->rows[t->row_of[label] - 1];
}

static struct flat_row *row_of_frame(struct tally *t, uint32_t frame)
{
	uint32_t label = label_frame(&t->labels, frame);

	if (label < t->nrow_of && t->row_of[label])
		return &t->flat->rows[t->row_of[label] - 1];
	return row_at(t, label, kind_of_frame(t->p, frame));
}

/* The leaf's row; what stands for a sample without frames is one, too. */
static struct flat_row *row_of_stack(struct tally *t, uint32_t stack)
{
	uint32_t label;

	if (stack)
		return row_of_frame(t, t->p->symbols.stacks[stack].frame);
	label = intern_adds(t->labels.to, LABEL_NO_FRAMES);
	return row_at(t, label, NODE_MARKER);
}

static void add_totals(struct tally *t, uint32_t stack, uint64_t count)
{
	const struct stack_def *stacks = t->p->symbols.stacks;
	struct flat_row *row;
	uint32_t at;
	size_t i;

	if (!stack)
		row_of_stack(t, stack)->total += count;
	for (at = stack; at; at = stacks[at].parent) {
		row = row_of_frame(t, stacks[at].frame);
		i = (size_t)(row - t->flat->rows);
		if (t->seen[i] == stack)
			continue;
		t->seen[i] = stack;
		row->total += count;
	}
}

/* The leaf is the stack's own, or what the state puts on top of it. */
static void add_self(struct tally *t, const struct profile_cell *c)
{
	uint32_t marker = label_state(&t->labels, c->state);
	struct flat_row *row;

	if (marker == LABEL_NONE) {
		row_of_stack(t, c->stack)->self += c->count;
		return;
	}
	row = row_at(t, marker, NODE_MARKER);
	row->self += c->count;
	/* Unless a frame of the stack has the same name: add_totals did it. */
	if (!c->stack || t->seen[row - t->flat->rows] != c->stack)
		row->total += c->count;
}

static void add_stack(struct tally *t, uint32_t stack)
{
	const struct profile_cell *cells = t->p->cells;
	uint64_t count = 0;
	uint32_t at;

	for (at = t->first[stack]; at; at = t->next[at - 1])
		count += cells[at - 1].count;
	add_totals(t, stack, count);
	for (at = t->first[stack]; at; at = t->next[at - 1])
		add_self(t, &cells[at - 1]);
}

/* Links the cells in the view, so that each stack is walked up only once. */
static void link_cells(struct tally *t, const struct view *view)
{
	const struct profile *p = t->p;
	const struct profile_cell *c;
	size_t i;

	t->first = xcalloc(p->symbols.nstacks, sizeof(*t->first));
	t->next = xcalloc(p->ncells, sizeof(*t->next));
	for (i = 0; i < p->ncells; i++) {
		c = &p->cells[i];
		if (!cell_in_view(p, view, c)) {
			t->flat->left_out += c->count;
			continue;
		}
		t->flat->samples += c->count;
		t->next[i] = t->first[c->stack];
		t->first[c->stack] = (uint32_t)i + 1;
	}
}

static int by_samples(const void *a, const void *b, void *labels)
{
	const struct flat_row *x = a, *y = b;

	if (x->self != y->self)
		return x->self < y->self ? 1 : -1;
	if (x->total != y->total)
		return x->total < y->total ? 1 : -1;
	return strcmp(intern_text(labels, x->label, NULL),
		      intern_text(labels, y->label, NULL));
}

struct flat *flat_build(const struct profile *p, const struct view *view)
{
	struct flat *f = xcalloc(1, sizeof(*f));
	struct tally t = {.p = p, .flat = f};
	size_t i;

	intern_init(&f->labels);
	labels_init(&t.labels, p, view, &f->labels);
	link_cells(&t, view);
	for (i = 0; i < p->symbols.nstacks; i++)
		if (t.first[i])
			add_stack(&t, (uint32_t)i);
	if (f->len)
		qsort_r(f->rows, f->len, sizeof(*f->rows), by_samples,
			&f->labels);
	labels_release(&t.labels);
	free(t.first);
	free(t.next);
	free(t.row_of);
	free(t.seen);
	return f;
}

void flat_free(struct flat *f)
{
	if (!f)
		return;
	intern_release(&f->labels);
	free(f->rows);
	free(f);
}
