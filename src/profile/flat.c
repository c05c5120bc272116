/*
 * Functions, lines, files or threads with their own and their inclusive
 * samples.
 */
#include <stdlib.h>
#include <string.h>

#include "profile_priv.h"

#define NO_THREAD UINT32_MAX

struct tally {
	const struct profile *p;
	const struct view *view;
	struct flat *flat;
	struct labels labels;
	uint32_t *row_of; /* the last row of each label plus 1; 0: none */
	size_t nrow_of, cap;
	uint32_t *seen; /* per row: the turn that counted it last */
	size_t cap_seen;
	uint32_t turn, part;
	/* Cells in the view by their stacks: numbers plus 1; 0 is the end. */
	uint32_t *first, *next;
};

static bool has_row(const struct tally *t, uint32_t label)
{
	return label < t->nrow_of && t->row_of[label] &&
	       t->flat->rows[t->row_of[label] - 1].part == t->part;
}

/* The row of a label in this part; a new one has what `like` says. */
static struct flat_row *row_at(struct tally *t, struct flat_row like)
{
	struct flat *f = t->flat;

	if (like.label >= t->nrow_of) {
		t->row_of = grow(t->row_of, &t->cap, like.label + 1,
				 sizeof(*t->row_of));
		memset(t->row_of + t->nrow_of, 0,
		       (like.label + 1 - t->nrow_of) * sizeof(*t->row_of));
		t->nrow_of = like.label + 1;
	}
	if (!has_row(t, like.label)) {
		f->rows = grow(f->rows, &f->cap, f->len + 1, sizeof(*f->rows));
		t->seen = grow(t->seen, &t->cap_seen, f->len + 1,
			       sizeof(*t->seen));
		t->seen[f->len] = 0;
		like.part = t->part;
		f->rows[f->len++] = like;
		t->row_of[like.label] = (uint32_t)f->len;
	}
	return &f->rows[t->row_of[like.label] - 1];
}

static struct flat_row *row_of_marker(struct tally *t, uint32_t label)
{
	return row_at(t, (struct flat_row){.label = label, .kind = NODE_MARKER,
					   .code = NO_CODE});
}

static struct flat_row *row_of_frame(struct tally *t, uint32_t frame)
{
	const struct frame_def *f = &t->p->symbols.frames[frame];
	uint32_t label = label_frame(&t->labels, frame);

	if (has_row(t, label))
		return &t->flat->rows[t->row_of[label] - 1];
	return row_at(t, (struct flat_row){
		.label = label, .kind = kind_of_frame(t->p, frame),
		.code = f->code,
		.detail = t->view->label == LABEL_LINE ? f->line : 0});
}

/* The leaf's row; what stands for a sample without frames is one, too. */
static struct flat_row *row_of_stack(struct tally *t, uint32_t stack)
{
	if (stack)
		return row_of_frame(t, t->p->symbols.stacks[stack].frame);
	return row_of_marker(t, intern_adds(t->labels.to, LABEL_NO_FRAMES));
}

static void add_total(struct flat_row *row, const struct profile_cell *c)
{
	row->total += c->count;
	row->total_ns += c->ns;
}

static void add_self(struct flat_row *row, const struct profile_cell *c)
{
	row->self += c->count;
	row->self_ns += c->ns;
}

static void add_totals(struct tally *t, const struct profile_cell *sum)
{
	const struct stack_def *stacks = t->p->symbols.stacks;
	struct flat_row *row;
	uint32_t at;
	size_t i;

	if (!sum->stack)
		add_total(row_of_stack(t, sum->stack), sum);
	for (at = sum->stack; at; at = stacks[at].parent) {
		row = row_of_frame(t, stacks[at].frame);
		i = (size_t)(row - t->flat->rows);
		if (t->seen[i] == t->turn)
			continue;
		t->seen[i] = t->turn;
		add_total(row, sum);
	}
}

/* The leaf is the stack's own, or what the state puts on top of it. */
static void add_leaf(struct tally *t, const struct profile_cell *c)
{
	uint32_t marker = label_state(&t->labels, c->state);
	struct flat_row *row;

	if (marker == LABEL_NONE) {
		add_self(row_of_stack(t, c->stack), c);
		return;
	}
	row = row_of_marker(t, marker);
	add_self(row, c);
	/* Unless a frame of the stack has the same name: add_totals did it. */
	if (t->seen[row - t->flat->rows] != t->turn)
		add_total(row, c);
}

static void add_stack(struct tally *t, uint32_t stack)
{
	const struct profile_cell *cells = t->p->cells;
	struct profile_cell sum = {.stack = stack};
	uint32_t at;

	t->turn++;
	for (at = t->first[stack]; at; at = t->next[at - 1]) {
		sum.count += cells[at - 1].count;
		sum.ns += cells[at - 1].ns;
	}
	add_totals(t, &sum);
	for (at = t->first[stack]; at; at = t->next[at - 1])
		add_leaf(t, &cells[at - 1]);
	t->first[stack] = 0;
}

/* A whole thread or process is a row. */
static void add_owner(struct tally *t, const struct profile_cell *c)
{
	struct flat_row *row, like = {.code = NO_CODE};

	if (t->view->rows == ROWS_THREADS) {
		like.detail = c->thread;
		like.kind = NODE_THREAD;
		like.label = label_thread(&t->labels, c->thread);
	} else {
		like.detail = t->p->threads[c->thread].process;
		like.kind = NODE_PROCESS;
		like.label = label_process(&t->labels, like.detail);
	}
	row = row_at(t, like);
	add_self(row, c);
	add_total(row, c);
}

/*
 * Links the cells by their stacks, so that each is walked up only once. NULL:
 * all cells, as they are.
 */
static uint64_t add_cells(struct tally *t, const uint32_t *cells, size_t n)
{
	const struct profile_cell *c;
	uint64_t samples = 0;
	uint32_t cell;
	size_t i;

	for (i = 0; i < n; i++) {
		cell = cells ? cells[i] : (uint32_t)i;
		c = &t->p->cells[cell];
		if (!cell_in_view(t->p, t->view, c)) {
			t->flat->left_out += c->count;
			continue;
		}
		samples += c->count;
		if (t->view->rows != ROWS_FRAMES) {
			add_owner(t, c);
			continue;
		}
		t->next[cell] = t->first[c->stack];
		t->first[c->stack] = cell + 1;
	}
	for (i = 0; i < n; i++) {
		c = &t->p->cells[cells ? cells[i] : i];
		if (t->first[c->stack])
			add_stack(t, c->stack);
	}
	return samples;
}

static void add_part(struct tally *t, uint32_t thread, const uint32_t *cells,
		     size_t n)
{
	struct flat *f = t->flat;
	struct flat_part part = {.thread = thread, .first = f->len};

	t->part = (uint32_t)f->nparts;
	part.samples = add_cells(t, cells, n);
	if (!part.samples)
		return;
	if (thread != NO_THREAD)
		part.label = label_thread(&t->labels, thread);
	part.len = f->len - part.first;
	f->samples += part.samples;
	f->parts = grow(f->parts, &f->cap_parts, f->nparts + 1,
			sizeof(*f->parts));
	f->parts[f->nparts++] = part;
}

static void add_parts(struct tally *t)
{
	const struct profile *p = t->p;
	size_t *end, from = 0;
	uint32_t *order, i;

	if (!t->view->threads) {
		add_part(t, NO_THREAD, NULL, p->ncells);
		return;
	}
	end = xcalloc(p->nthreads + 1, sizeof(*end));
	order = cells_by_thread(p, end);
	for (i = 0; i < p->nthreads; i++) {
		add_part(t, i, order + from, end[i] - from);
		from = end[i];
	}
	free(order);
	free(end);
}

/* The parts, and in each its rows. */
static void put_in_order(struct flat *f, const struct profile *p,
			 enum sort_key key)
{
	struct sorting how = {.p = p, .labels = &f->labels, .key = key};
	size_t i;

	for (i = 0; i < f->nparts; i++)
		qsort_r(f->rows + f->parts[i].first, f->parts[i].len,
			sizeof(*f->rows), sort_rows, &how);
	if (f->nparts)
		qsort_r(f->parts, f->nparts, sizeof(*f->parts), sort_parts,
			&how);
}

struct flat *flat_build(const struct profile *p, const struct view *view,
			enum sort_key key)
{
	struct flat *f = xcalloc(1, sizeof(*f));
	struct tally t = {.p = p, .view = view, .flat = f};

	intern_init(&f->labels);
	labels_init(&t.labels, p, view, &f->labels);
	t.first = xcalloc(p->symbols.nstacks, sizeof(*t.first));
	t.next = xcalloc(p->ncells, sizeof(*t.next));
	add_parts(&t);
	put_in_order(f, p, key);
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
	free(f->parts);
	free(f);
}
