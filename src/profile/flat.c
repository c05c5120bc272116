/*
 * Functions, lines, files or threads with their own and their inclusive
 * samples.
 */
#include <stdlib.h>
#include <string.h>

#include "profile_priv.h"

#define NO_THREAD UINT32_MAX
#define LAST UINT32_MAX

/* A frame on the way from the root to the stack where we are. */
struct step {
	size_t row;
	uint64_t count, ns; /* of the samples at it and above it, so far */
};

struct tally {
	const struct profile *p;
	const struct view *view;
	struct flat *flat;
	struct labels labels;
	uint32_t *row_of; /* the last row of each label plus 1; 0: none */
	size_t nrow_of, cap;
	uint32_t *on_path; /* per row: how many steps of the path have it */
	size_t cap_on_path;
	uint32_t part;
	/* Cells in the view by their stacks: numbers plus 1; 0 is the end. */
	uint32_t *first, *next;
	/* The tree of their stacks: the first that a stack calls, 0: none; the
	   next that its caller calls, or LAST; 0: not in the tree. */
	uint32_t *callee, *sibling;
	struct step *path; /* that of the empty stack is not in it */
	size_t depth, cap_path;
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
		t->on_path = grow(t->on_path, &t->cap_on_path, f->len + 1,
				  sizeof(*t->on_path));
		t->on_path[f->len] = 0;
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

static void add_total(struct flat_row *row, uint64_t count, uint64_t ns)
{
	row->total += count;
	row->total_ns += ns;
}

static void add_self(struct flat_row *row, const struct profile_cell *c)
{
	row->self += c->count;
	row->self_ns += c->ns;
}

/* A sample without frames has a row that stands for them. */
static void add_bare(struct tally *t, const struct profile_cell *c,
		     bool is_leaf)
{
	struct flat_row *row = row_of_marker(
		t, intern_adds(t->labels.to, LABEL_NO_FRAMES));

	add_total(row, c->count, c->ns);
	if (is_leaf)
		add_self(row, c);
}

/* The leaf is the stack's own, or what the state puts on top of it. */
static void add_cell(struct tally *t, const struct profile_cell *c)
{
	uint32_t marker = label_state(&t->labels, c->state);
	struct flat_row *row;
	struct step *top;

	if (c->stack) {
		top = &t->path[t->depth - 1];
		top->count += c->count;
		top->ns += c->ns;
		if (marker == LABEL_NONE)
			add_self(&t->flat->rows[top->row], c);
	} else {
		add_bare(t, c, marker == LABEL_NONE);
	}
	if (marker == LABEL_NONE)
		return;
	row = row_of_marker(t, marker);
	add_self(row, c);
	/* Unless a frame of the stack has the same name, and counts it. */
	if (!t->on_path[row - t->flat->rows])
		add_total(row, c->count, c->ns);
}

/* ---- the tree of stacks ---- */

/* Puts a stack and its callers into the tree, as far as they are not there. */
static void plant(struct tally *t, uint32_t stack)
{
	uint32_t caller;

	for (; stack && !t->sibling[stack]; stack = caller) {
		caller = t->p->symbols.stacks[stack].parent;
		t->sibling[stack] = t->callee[caller] ? t->callee[caller] : LAST;
		t->callee[caller] = stack;
	}
}

/* Takes the next stack that `caller` calls out of the tree; 0: none left. */
static uint32_t pick(struct tally *t, uint32_t caller)
{
	uint32_t stack = t->callee[caller];

	if (!stack)
		return 0;
	t->callee[caller] = t->sibling[stack] == LAST ? 0 : t->sibling[stack];
	t->sibling[stack] = 0;
	return stack;
}

static void enter(struct tally *t, uint32_t stack)
{
	uint32_t at;
	size_t row;

	if (stack) {
		row = (size_t)(row_of_frame(t, t->p->symbols.stacks[stack].frame) -
			       t->flat->rows);
		t->path = grow(t->path, &t->cap_path, t->depth + 1,
			       sizeof(*t->path));
		t->path[t->depth++] = (struct step){.row = row};
		t->on_path[row]++;
	}
	for (at = t->first[stack]; at; at = t->next[at - 1])
		add_cell(t, &t->p->cells[at - 1]);
	t->first[stack] = 0;
}

/* A function that calls itself counts where it was called first. */
static void leave(struct tally *t)
{
	struct step top = t->path[--t->depth];

	if (!--t->on_path[top.row])
		add_total(&t->flat->rows[top.row], top.count, top.ns);
	if (t->depth) {
		t->path[t->depth - 1].count += top.count;
		t->path[t->depth - 1].ns += top.ns;
	}
}

/* Each stack once, however many there are above it. */
static void add_tree(struct tally *t)
{
	uint32_t at = 0, stack;

	enter(t, at);
	for (;;) {
		stack = pick(t, at);
		if (stack) {
			enter(t, stack);
			at = stack;
		} else if (at) {
			leave(t);
			at = t->p->symbols.stacks[at].parent;
		} else {
			return;
		}
	}
}

/* ---- cells and parts ---- */

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
	add_total(row, c->count, c->ns);
}

/* NULL: all cells, as they are. */
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
		plant(t, c->stack);
	}
	add_tree(t);
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
	t.callee = xcalloc(p->symbols.nstacks, sizeof(*t.callee));
	t.sibling = xcalloc(p->symbols.nstacks, sizeof(*t.sibling));
	add_parts(&t);
	put_in_order(f, p, key);
	labels_release(&t.labels);
	free(t.first);
	free(t.next);
	free(t.row_of);
	free(t.callee);
	free(t.sibling);
	free(t.on_path);
	free(t.path);
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
