/*
 * The call tree of a view.
 *
 * A stack's node is its parent's node and its label, so every stack is looked
 * up once per thread and not once per sample and level.
 */
#include <stdlib.h>
#include <string.h>

#include "profile_priv.h"

/* The node of a stack, for one root. */
struct place {
	uint32_t root, node; /* root: plus 1; 0: none yet */
};

#define NO_ROOT UINT32_MAX

struct building {
	const struct profile *p;
	const struct view *view;
	struct tree *tree;
	struct labels labels;
	struct map children; /* parent node and label to node */
	struct place *of_stack;
	uint32_t root; /* where the frames of this thread hang */
	uint32_t *path; /* scratch */
	size_t cap_path;
};

static uint32_t child_of(struct building *b, uint32_t parent, uint32_t label,
			 enum node_kind kind, uint32_t code, uint32_t detail)
{
	uint64_t key = (uint64_t)parent << 32 | label;
	uint32_t id = map_get(&b->children, key);
	struct tree *t = b->tree;

	if (id != MAP_NONE)
		return id;
	t->nodes = grow(t->nodes, &t->cap, t->len + 1, sizeof(*t->nodes));
	id = (uint32_t)t->len++;
	t->nodes[id] = (struct tree_node){
		.label = label,
		.parent = parent,
		.depth = t->nodes[parent].depth + 1,
		.code = code,
		.kind = kind,
		.detail = detail,
	};
	map_put(&b->children, key, id);
	return id;
}

static uint32_t child_of_frame(struct building *b, uint32_t parent,
			       uint32_t frame)
{
	const struct frame_def *f = &b->p->symbols.frames[frame];
	uint32_t label = label_frame(&b->labels, frame);
	uint64_t key = (uint64_t)parent << 32 | label;
	uint32_t id = map_get(&b->children, key);

	if (id != MAP_NONE)
		return id;
	/* A call inside of a file or module. */
	if (b->view->label >= LABEL_FILE && parent != b->root &&
	    b->tree->nodes[parent].label == label)
		return parent;
	return child_of(b, parent, label, kind_of_frame(b->p, frame), f->code,
			b->view->label == LABEL_LINE ? f->line : 0);
}

/* Where the frames of a thread hang. */
static uint32_t root_of(struct building *b, uint32_t thread)
{
	uint32_t process = b->p->threads[thread].process;
	uint32_t at = 0;

	if (!b->view->threads)
		return 0;
	if (b->p->nprocesses > 1)
		at = child_of(b, at, label_process(&b->labels, process),
			      NODE_PROCESS, NO_CODE, process);
	return child_of(b, at, label_thread(&b->labels, thread), NODE_THREAD,
			NO_CODE, thread);
}

static uint32_t node_of(struct building *b, uint32_t stack)
{
	const struct stack_def *stacks = b->p->symbols.stacks;
	uint32_t node, label;
	size_t n = 0;

	if (!stack) {
		label = intern_adds(b->labels.to, LABEL_NO_FRAMES);
		return child_of(b, b->root, label, NODE_MARKER, NO_CODE, 0);
	}
	while (stack && b->of_stack[stack].root != b->root + 1) {
		b->path = grow(b->path, &b->cap_path, n + 1, sizeof(*b->path));
		b->path[n++] = stack;
		stack = stacks[stack].parent;
	}
	node = stack ? b->of_stack[stack].node : b->root;
	while (n) {
		stack = b->path[--n];
		node = child_of_frame(b, node, stacks[stack].frame);
		b->of_stack[stack] = (struct place){b->root + 1, node};
	}
	return node;
}

static void add_cells(struct building *b, uint32_t thread,
		      const uint32_t *cells, size_t n)
{
	const struct profile_cell *c;
	struct tree_node *node;
	uint32_t id, marker;
	size_t i;

	b->root = NO_ROOT;
	for (i = 0; i < n; i++) {
		c = &b->p->cells[cells[i]];
		if (!cell_in_view(b->p, b->view, c)) {
			b->tree->left_out += c->count;
			continue;
		}
		if (b->root == NO_ROOT) /* no cell for a thread of no sample */
			b->root = root_of(b, thread);
		id = node_of(b, c->stack); /* moves the nodes */
		marker = label_state(&b->labels, c->state);
		if (marker != LABEL_NONE)
			id = child_of(b, id, marker, NODE_MARKER, NO_CODE, 0);
		if (b->tree->of_cell)
			b->tree->of_cell[cells[i]] = id;
		node = &b->tree->nodes[id];
		node->self += c->count;
		node->self_ns += c->ns;
	}
}

/* A node comes after its parent, so one way back adds everything up. */
static void add_totals(struct tree *t)
{
	struct tree_node *node, *parent;
	size_t i;

	for (i = t->len; i-- > 0;) {
		node = &t->nodes[i];
		node->total += node->self;
		node->total_ns += node->self_ns;
		if (!i)
			break;
		parent = &t->nodes[node->parent];
		parent->total += node->total;
		parent->total_ns += node->total_ns;
	}
}

static int by_text(const void *a, const void *b, void *labels)
{
	return strcmp(intern_text(labels, *(const uint32_t *)a, NULL),
		      intern_text(labels, *(const uint32_t *)b, NULL));
}

/* The labels' places in byte order. */
static uint32_t *rank_labels(struct intern *labels)
{
	uint32_t n = (uint32_t)labels->len, i;
	uint32_t *order = xreallocarray(NULL, n, sizeof(*order));
	uint32_t *rank = xreallocarray(NULL, n, sizeof(*rank));

	for (i = 0; i < n; i++)
		order[i] = i;
	qsort_r(order, n, sizeof(*order), by_text, labels);
	for (i = 0; i < n; i++)
		rank[order[i]] = i;
	free(order);
	return rank;
}

/*
 * Distributes all nodes by their label's rank, then puts them in front of
 * their parents' lists, last rank first: sorted lists without comparing.
 */
void tree_link(struct tree *t)
{
	uint32_t *rank = rank_labels(&t->labels);
	uint32_t *start = xcalloc(t->labels.len + 1, sizeof(*start));
	uint32_t *order = xreallocarray(NULL, t->len, sizeof(*order));
	struct tree_node *node;
	size_t i;

	for (i = 1; i < t->len; i++)
		start[rank[t->nodes[i].label] + 1]++;
	for (i = 1; i <= t->labels.len; i++)
		start[i] += start[i - 1];
	for (i = 1; i < t->len; i++)
		order[start[rank[t->nodes[i].label]]++] = (uint32_t)i;
	for (i = t->len - 1; i-- > 0;) {
		node = &t->nodes[order[i]];
		node->sibling = t->nodes[node->parent].child;
		t->nodes[node->parent].child = order[i];
	}
	free(rank);
	free(start);
	free(order);
}

uint32_t *cells_by_thread(const struct profile *p, size_t *end)
{
	uint32_t *order = xreallocarray(NULL, p->ncells, sizeof(*order));
	size_t i;

	for (i = 0; i < p->ncells; i++)
		end[p->cells[i].thread + 1]++;
	for (i = 0; i < p->nthreads; i++)
		end[i + 1] += end[i];
	/* end[i] is now where thread i's begin; filling moves it. */
	for (i = 0; i < p->ncells; i++)
		order[end[p->cells[i].thread]++] = (uint32_t)i;
	return order;
}

struct tree *tree_build(const struct profile *p, const struct view *view)
{
	struct tree *t = xcalloc(1, sizeof(*t));
	struct building b = {.p = p, .view = view, .tree = t};
	size_t *end = xcalloc(p->nthreads + 1, sizeof(*end));
	size_t i, from = 0;
	uint32_t *order;

	intern_init(&t->labels);
	labels_init(&b.labels, p, view, &t->labels);
	map_init(&b.children);
	t->nodes = grow(NULL, &t->cap, 1, sizeof(*t->nodes));
	t->len = 1;
	t->nodes[0] = (struct tree_node){
		.label = intern_adds(&t->labels, "all"), .code = NO_CODE};
	if (p->timeline)
		t->of_cell = xcalloc(p->ncells + 1, sizeof(*t->of_cell));
	b.of_stack = xcalloc(p->symbols.nstacks, sizeof(*b.of_stack));
	order = cells_by_thread(p, end);
	for (i = 0; i < p->nthreads; i++) {
		add_cells(&b, (uint32_t)i, order + from, end[i] - from);
		from = end[i];
	}
	add_totals(t);
	tree_link(t);
	free(order);
	free(end);
	free(b.of_stack);
	free(b.path);
	map_release(&b.children);
	labels_release(&b.labels);
	return t;
}

uint32_t tree_next(const struct tree *t, uint32_t node)
{
	if (t->nodes[node].child)
		return t->nodes[node].child;
	while (node && !t->nodes[node].sibling)
		node = t->nodes[node].parent;
	return t->nodes[node].sibling;
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	intern_release(&t->labels);
	free(t->of_cell);
	free(t->nodes);
	free(t);
}
