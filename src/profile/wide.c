/*
 * The call tree of a view as far as it can be seen: narrow nodes are never
 * made, so a million stacks cost little more than the lists of them.
 *
 * Level by level. A node begins as a list of members: of stacks that end in
 * it, or, upside down, of samples that have come as far as it. To expand it,
 * its members are sorted by the label of what comes next; a group that is wide
 * enough becomes a node, and the rest one NODE_HIDDEN.
 */
#include <stdlib.h>
#include <string.h>

#include "profile_priv.h"

#define NONE UINT32_MAX
#define NO_FRAMES (UINT32_MAX - 1)

struct widening {
	const struct profile *p;
	const struct view *view;
	struct tree *tree;
	struct labels labels;
	double least; /* samples of a node that is kept */

	/* By stack; upside down none of these is there. */
	struct weight {
		uint64_t samples, ns;
	} *weights; /* of all cells on it and above it */
	uint32_t *child, *cell; /* first ones, or NONE */
	uint32_t *link; /* next sibling; then next member */
	uint32_t *touched; /* stacks of the thread at hand, parents first */
	size_t ntouched, cap_touched;

	/* By cell. */
	uint32_t *next;  /* on the same stack; upside down, next member */
	uint32_t *above; /* upside down: the stack that is left of it */

	uint32_t group;    /* the node that all of these hang on */
	uint32_t inside;   /* members that the node at hand gets yet, or NONE */
	uint32_t *members; /* first one of each node */
	size_t cap_members;
	uint32_t *found; /* by label: the latest node, if it is a candidate */
	size_t cap_found;
	uint32_t *path; /* scratch */
	size_t cap_path;
};

/* ---- nodes ---- */

static uint32_t add_node(struct widening *w, uint32_t parent, uint32_t label,
			 enum node_kind kind, uint32_t detail)
{
	struct tree *t = w->tree;
	uint32_t id = (uint32_t)t->len;

	t->nodes = grow(t->nodes, &t->cap, t->len + 1, sizeof(*t->nodes));
	w->members = grow(w->members, &w->cap_members, t->len + 1,
			  sizeof(*w->members));
	t->nodes[t->len++] = (struct tree_node){
		.label = label,
		.parent = parent,
		.depth = id ? t->nodes[parent].depth + 1 : 0,
		.code = NO_CODE,
		.kind = kind,
		.detail = detail,
	};
	w->members[id] = NONE;
	return id;
}

/* The child of this label among the nodes from `first` on. */
static uint32_t candidate(struct widening *w, uint32_t parent, size_t first,
			  uint32_t label, enum node_kind kind, uint32_t detail)
{
	size_t old = w->cap_found;
	uint32_t id;

	w->found = grow(w->found, &w->cap_found, label + 1,
			sizeof(*w->found));
	if (w->cap_found > old)
		memset(w->found + old, 0xff,
		       (w->cap_found - old) * sizeof(*w->found));
	id = w->found[label];
	if (id < first || id >= w->tree->len ||
	    w->tree->nodes[id].label != label)
		id = w->found[label] =
			add_node(w, parent, label, kind, detail);
	return id;
}

static uint32_t frame_candidate(struct widening *w, uint32_t parent,
				size_t first, uint32_t frame)
{
	const struct frame_def *f = &w->p->symbols.frames[frame];
	size_t before = w->tree->len;
	uint32_t id = candidate(w, parent, first, label_frame(&w->labels, frame),
				NODE_OWN, 0);

	if (w->tree->len > before) {
		w->tree->nodes[id].kind = kind_of_frame(w->p, frame);
		w->tree->nodes[id].code = f->code;
		if (w->view->label == LABEL_LINE)
			w->tree->nodes[id].detail = f->line;
	}
	return id;
}

/* Whether a frame is a call inside of the node's file or module. */
static bool is_inside(struct widening *w, uint32_t node, uint32_t frame)
{
	return w->view->label >= LABEL_FILE && node != w->group &&
	       w->tree->nodes[node].label == label_frame(&w->labels, frame);
}

static void add_weight(struct tree_node *n, uint64_t samples, uint64_t ns)
{
	n->total += samples;
	n->total_ns += ns;
}

/* Keeps what is wide of the candidates, and puts the rest together. */
static void choose(struct widening *w, uint32_t parent, size_t first)
{
	struct tree *t = w->tree;
	uint64_t samples = 0, ns = 0;
	uint32_t hidden = 0, id;
	size_t i, keep = first;

	for (i = first; i < t->len; i++) {
		if ((double)t->nodes[i].total < w->least) {
			hidden++;
			samples += t->nodes[i].total;
			ns += t->nodes[i].total_ns;
			continue;
		}
		w->members[keep] = w->members[i];
		t->nodes[keep++] = t->nodes[i];
	}
	t->len = keep;
	if (!hidden)
		return;
	id = add_node(w, parent, 0, NODE_HIDDEN, hidden);
	add_weight(&t->nodes[id], samples, ns);
}

/* ---- root first ---- */

/* The stack and those below it are listed, if they are not yet. */
static void touch(struct widening *w, uint32_t stack)
{
	const struct stack_def *stacks = w->p->symbols.stacks;
	size_t n = 0;

	for (; stack && w->link[stack] == 0; stack = stacks[stack].parent) {
		w->path = grow(w->path, &w->cap_path, n + 1, sizeof(*w->path));
		w->path[n++] = stack;
		w->link[stack] = NONE;
	}
	w->touched = grow(w->touched, &w->cap_touched, w->ntouched + n,
			  sizeof(*w->touched));
	while (n)
		w->touched[w->ntouched++] = w->path[--n];
}

/* Children of each stack, and what all those above it weigh. */
static void link_stacks(struct widening *w)
{
	const struct stack_def *stacks = w->p->symbols.stacks;
	uint32_t stack, parent;
	size_t i;

	for (i = w->ntouched; i-- > 0;) {
		stack = w->touched[i];
		parent = stacks[stack].parent;
		w->weights[parent].samples += w->weights[stack].samples;
		w->weights[parent].ns += w->weights[stack].ns;
		w->link[stack] = w->child[parent];
		w->child[parent] = stack;
	}
}

static void forget_stack(struct widening *w, uint32_t stack)
{
	w->weights[stack] = (struct weight){0, 0};
	w->child[stack] = w->cell[stack] = NONE;
	w->link[stack] = 0;
}

/* Samples without a frame are one marker, whose member is stack 0. */
static void take_no_frames(struct widening *w, uint32_t node, size_t first)
{
	uint32_t label = intern_adds(&w->tree->labels, LABEL_NO_FRAMES);
	const struct profile_cell *c;
	uint32_t i, at;

	for (i = w->cell[0]; i != NONE; i = w->next[i]) {
		c = &w->p->cells[i];
		at = candidate(w, node, first, label, NODE_MARKER, 0);
		w->members[at] = 0;
		add_weight(&w->tree->nodes[at], c->count, c->ns);
	}
}

/* What ends in this stack: the node's own samples, or one marker more. */
static void take_cells(struct widening *w, uint32_t node, size_t first,
		       uint32_t stack)
{
	const struct profile_cell *c;
	uint32_t i, label, at;

	for (i = w->cell[stack]; i != NONE; i = w->next[i]) {
		c = &w->p->cells[i];
		label = label_state(&w->labels, c->state);
		at = node;
		if (label != LABEL_NONE) {
			at = candidate(w, node, first, label, NODE_MARKER, 0);
			add_weight(&w->tree->nodes[at], c->count, c->ns);
		}
		w->tree->nodes[at].self += c->count;
		w->tree->nodes[at].self_ns += c->ns;
	}
}

static void expand_stack(struct widening *w, uint32_t node, size_t first,
			 uint32_t stack)
{
	uint32_t child, next, at, frame;

	if (!stack && node == w->group) {
		take_no_frames(w, node, first);
	} else {
		take_cells(w, node, first, stack);
		if (!stack)
			return;
	}
	for (child = w->child[stack]; child != NONE; child = next) {
		next = w->link[child];
		frame = w->p->symbols.stacks[child].frame;
		if (is_inside(w, node, frame)) {
			w->link[child] = w->inside;
			w->inside = child;
			continue;
		}
		at = frame_candidate(w, node, first, frame);
		w->link[child] = w->members[at];
		w->members[at] = child;
		add_weight(&w->tree->nodes[at], w->weights[child].samples,
			   w->weights[child].ns);
	}
}

/* ---- leaf first ---- */

/* The node that the sample goes on to, its caller; NONE: there is none. */
static uint32_t next_of_cell(struct widening *w, uint32_t node, size_t first,
			     uint32_t cell)
{
	const struct profile_cell *c = &w->p->cells[cell];
	uint32_t *above = &w->above[cell], label;
	const struct stack_def *s;

	if (*above == NONE) { /* the marker of its state comes first */
		*above = c->stack ? c->stack : NO_FRAMES;
		label = label_state(&w->labels, c->state);
		if (label != LABEL_NONE)
			return candidate(w, node, first, label, NODE_MARKER, 0);
	}
	if (*above == NO_FRAMES) {
		*above = 0;
		label = intern_adds(&w->tree->labels, LABEL_NO_FRAMES);
		return candidate(w, node, first, label, NODE_MARKER, 0);
	}
	do {
		if (!*above)
			return NONE;
		s = &w->p->symbols.stacks[*above];
		*above = s->parent;
	} while (is_inside(w, node, s->frame));
	return frame_candidate(w, node, first, s->frame);
}

static void expand_cell(struct widening *w, uint32_t node, size_t first,
			uint32_t cell)
{
	const struct profile_cell *c = &w->p->cells[cell];
	uint32_t at = next_of_cell(w, node, first, cell);

	if (at == NONE) {
		w->tree->nodes[node].self += c->count;
		w->tree->nodes[node].self_ns += c->ns;
		return;
	}
	w->next[cell] = w->members[at];
	w->members[at] = cell;
	add_weight(&w->tree->nodes[at], c->count, c->ns);
}

/* ---- the threads, and all of it ---- */

static void expand(struct widening *w, uint32_t node)
{
	uint32_t *link = w->view->reverse ? w->next : w->link;
	size_t first = w->tree->len;
	uint32_t at, next;

	for (at = w->members[node]; at != NONE; at = next) {
		next = link[at];
		if (w->view->reverse)
			expand_cell(w, node, first, at);
		else
			expand_stack(w, node, first, at);
		if (next == NONE) {
			next = w->inside;
			w->inside = NONE;
		}
	}
	choose(w, node, first);
}

static void list_cell(struct widening *w, uint32_t cell)
{
	const struct profile_cell *c = &w->p->cells[cell];

	if (w->view->reverse) {
		w->above[cell] = NONE;
		w->next[cell] = w->members[w->group];
		w->members[w->group] = cell;
		return;
	}
	touch(w, c->stack);
	w->weights[c->stack].samples += c->count;
	w->weights[c->stack].ns += c->ns;
	w->next[cell] = w->cell[c->stack];
	w->cell[c->stack] = cell;
}

/* All that hangs on one node: everything, or a thread. */
static void build_group(struct widening *w, uint32_t node,
			const uint32_t *cells, size_t n)
{
	struct tree_node *group = &w->tree->nodes[node];
	size_t i;

	w->group = node;
	w->inside = NONE;
	for (i = 0; i < n; i++) {
		list_cell(w, cells[i]);
		add_weight(group, w->p->cells[cells[i]].count,
			   w->p->cells[cells[i]].ns);
	}
	if (!w->view->reverse) {
		link_stacks(w);
		w->members[node] = 0;
	}
	i = w->tree->len;
	if ((double)group->total >= w->least)
		expand(w, node);
	for (; i < w->tree->len; i++)
		expand(w, (uint32_t)i);
	if (w->view->reverse)
		return;
	for (i = 0; i < w->ntouched; i++)
		forget_stack(w, w->touched[i]);
	forget_stack(w, 0);
	w->link[0] = NONE;
	w->ntouched = 0;
}

static uint32_t child_node(struct widening *w, struct map *known,
			   uint32_t parent, uint32_t label,
			   enum node_kind kind, uint32_t detail)
{
	uint64_t key = (uint64_t)parent << 32 | label;
	uint32_t id = map_get(known, key);

	if (id == MAP_NONE) {
		id = add_node(w, parent, label, kind, detail);
		map_put(known, key, id);
	}
	return id;
}

/* The node of each thread that has samples in the view; else NONE. */
static uint32_t *nodes_of_threads(struct widening *w)
{
	const struct profile *p = w->p;
	uint32_t *nodes = xreallocarray(NULL, p->nthreads, sizeof(*nodes));
	uint32_t thread, process, at;
	struct map known;
	size_t i;

	map_init(&known);
	memset(nodes, 0xff, p->nthreads * sizeof(*nodes));
	for (i = 0; i < p->ncells; i++) {
		thread = p->cells[i].thread;
		if (!cell_in_view(p, w->view, &p->cells[i])) {
			w->tree->left_out += p->cells[i].count;
			continue;
		}
		at = 0;
		process = p->threads[thread].process;
		if (nodes[thread] != NONE)
			continue;
		if (w->view->threads && p->nprocesses > 1)
			at = child_node(w, &known, at,
					label_process(&w->labels, process),
					NODE_PROCESS, process);
		if (w->view->threads)
			at = child_node(w, &known, at,
					label_thread(&w->labels, thread),
					NODE_THREAD, thread);
		nodes[thread] = at;
	}
	map_release(&known);
	return nodes;
}

/* Cells in the order of their nodes; end[node + 1] is where those end. */
static uint32_t *cells_by_node(const struct widening *w, const uint32_t *nodes,
			       size_t *end)
{
	const struct profile *p = w->p;
	uint32_t *order = xreallocarray(NULL, p->ncells, sizeof(*order));
	size_t i, n = w->tree->len;

	for (i = 0; i < p->ncells; i++)
		if (cell_in_view(p, w->view, &p->cells[i]))
			end[nodes[p->cells[i].thread] + 1]++;
	for (i = 0; i < n; i++)
		end[i + 1] += end[i];
	/* end[i] is now where those of node i begin; filling moves it. */
	for (i = 0; i < p->ncells; i++)
		if (cell_in_view(p, w->view, &p->cells[i]))
			order[end[nodes[p->cells[i].thread]]++] = (uint32_t)i;
	return order;
}

static void build_groups(struct widening *w)
{
	uint32_t *nodes = nodes_of_threads(w), *order, at;
	size_t groups = w->tree->len, i, from = 0;
	size_t *end = xcalloc(groups + 1, sizeof(*end));

	order = cells_by_node(w, nodes, end);
	for (i = 0; i < groups; i++) {
		if (end[i] > from)
			build_group(w, (uint32_t)i, order + from,
				    end[i] - from);
		from = end[i];
	}
	/* What the threads have is also of their process, and of the root. */
	for (i = groups; i-- > 1;) {
		at = w->tree->nodes[i].parent;
		add_weight(&w->tree->nodes[at], w->tree->nodes[i].total,
			   w->tree->nodes[i].total_ns);
	}
	free(nodes);
	free(order);
	free(end);
}

static void prepare(struct widening *w)
{
	size_t stacks = w->p->symbols.nstacks, cells = w->p->ncells;

	w->next = xreallocarray(NULL, cells, sizeof(*w->next));
	if (w->view->reverse) {
		w->above = xreallocarray(NULL, cells, sizeof(*w->above));
		return;
	}
	w->weights = xcalloc(stacks, sizeof(*w->weights));
	w->link = xcalloc(stacks, sizeof(*w->link));
	w->link[0] = NONE;
	w->child = xreallocarray(NULL, stacks, sizeof(*w->child));
	w->cell = xreallocarray(NULL, stacks, sizeof(*w->cell));
	memset(w->child, 0xff, stacks * sizeof(*w->child));
	memset(w->cell, 0xff, stacks * sizeof(*w->cell));
}

static void release(struct widening *w)
{
	labels_release(&w->labels);
	free(w->weights);
	free(w->child);
	free(w->cell);
	free(w->link);
	free(w->touched);
	free(w->next);
	free(w->above);
	free(w->members);
	free(w->found);
	free(w->path);
}

struct tree *tree_build_wide(const struct profile *p, const struct view *view,
			     double parts)
{
	struct tree *t = xcalloc(1, sizeof(*t));
	struct widening w = {.p = p, .view = view, .tree = t};
	struct view_count count;

	view_count(p, view, &count);
	w.least = (double)count.samples / parts;
	intern_init(&t->labels);
	labels_init(&w.labels, p, view, &t->labels);
	add_node(&w, 0, intern_adds(&t->labels, "all"), NODE_ROOT, 0);
	prepare(&w);
	build_groups(&w);
	release(&w);
	tree_link(t);
	return t;
}
