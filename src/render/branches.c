/*
 * What of a call tree fits on a page.
 *
 * A node never has more samples than its parent, so the heaviest ones are
 * found by going down from the root, always to the heaviest of those whose
 * parent is shown; most of a large tree is not looked at.
 */
#include <stdlib.h>
#include <string.h>

#include "render_priv.h"

/* Nodes whose parent is shown, the heaviest at the top: a heap. */
struct waiting {
	const struct tree *tree;
	uint32_t *nodes;
	size_t len, cap;
};

/* Of two with as many samples the first one of the tree. */
static bool heavier(const struct waiting *w, size_t a, size_t b)
{
	uint32_t x = w->nodes[a], y = w->nodes[b];
	uint64_t x_total = w->tree->nodes[x].total;
	uint64_t y_total = w->tree->nodes[y].total;

	return x_total != y_total ? x_total > y_total : x < y;
}

static void swap(struct waiting *w, size_t a, size_t b)
{
	uint32_t node = w->nodes[a];

	w->nodes[a] = w->nodes[b];
	w->nodes[b] = node;
}

static void push(struct waiting *w, uint32_t node)
{
	size_t at = w->len++;

	w->nodes = grow(w->nodes, &w->cap, w->len, sizeof(*w->nodes));
	w->nodes[at] = node;
	for (; at && heavier(w, at, (at - 1) / 2); at = (at - 1) / 2)
		swap(w, at, (at - 1) / 2);
}

static uint32_t pop(struct waiting *w)
{
	uint32_t node = w->nodes[0];
	size_t at = 0, best;

	w->nodes[0] = w->nodes[--w->len];
	for (;; at = best) {
		best = 2 * at + 1;
		if (best >= w->len)
			return node;
		if (best + 1 < w->len && heavier(w, best + 1, best))
			best++;
		if (!heavier(w, best, at))
			return node;
		swap(w, best, at);
	}
}

static void push_children(struct waiting *w, const struct render_options *o,
			  uint32_t node)
{
	const struct tree_node *nodes = w->tree->nodes;

	for (node = nodes[node].child; node; node = nodes[node].sibling)
		if (!below_minimum(o, nodes[node].total, nodes[0].total))
			push(w, node);
}

static uint32_t heaviest_child(const struct tree *t, uint32_t node)
{
	uint32_t best = t->nodes[node].child, at;

	for (at = best; at; at = t->nodes[at].sibling)
		if (t->nodes[at].total > t->nodes[best].total)
			best = at;
	return best;
}

/* Down to where the time is spent rather than passed on. */
static size_t show_hot(struct branches *b, const struct tree *t, size_t limit)
{
	uint32_t node = heaviest_child(t, 0);
	size_t n = 0;

	while (node && n < limit) {
		b->shown[node] = b->hot[node] = 1;
		n++;
		if (t->nodes[node].self >=
		    t->nodes[heaviest_child(t, node)].total)
			break;
		node = heaviest_child(t, node);
	}
	return n;
}

static void count_hidden(struct branches *b, const struct tree *t,
			 const struct render_options *o)
{
	const struct tree_node *node;
	size_t i;

	for (i = 1; i < t->len; i++) {
		node = &t->nodes[i];
		if (b->shown[i])
			continue;
		b->rest.n++;
		b->rest.below += below_minimum(o, node->total,
					       t->nodes[0].total);
		b->rest.self += node->self;
		b->hidden[node->parent]++;
		b->hidden_total[node->parent] += node->total;
	}
}

static void prune(const struct branches *b, struct tree *t)
{
	uint32_t *link, at;
	size_t i;

	for (i = 0; i < t->len; i++) {
		link = &t->nodes[i].child;
		for (at = *link; at; at = t->nodes[at].sibling) {
			if (!b->shown[at])
				continue;
			*link = at;
			link = &t->nodes[at].sibling;
		}
		*link = 0;
	}
}

void branches_choose(struct branches *b, struct tree *t,
		     const struct render_options *o, size_t limit)
{
	struct waiting w = {.tree = t};
	uint32_t node;
	size_t n;

	memset(b, 0, sizeof(*b));
	b->shown = xcalloc(t->len, 1);
	b->hot = xcalloc(t->len, 1);
	b->hidden = xcalloc(t->len, sizeof(*b->hidden));
	b->hidden_total = xcalloc(t->len, sizeof(*b->hidden_total));
	n = show_hot(b, t, limit);
	push_children(&w, o, 0);
	while (w.len) {
		node = pop(&w);
		if (!b->shown[node] && n == limit)
			break;
		n += !b->shown[node];
		b->shown[node] = 1;
		push_children(&w, o, node);
	}
	free(w.nodes);
	b->shown[0] = 1;
	count_hidden(b, t, o);
	prune(b, t);
}

void branches_release(struct branches *b)
{
	free(b->shown);
	free(b->hot);
	free(b->hidden);
	free(b->hidden_total);
}
