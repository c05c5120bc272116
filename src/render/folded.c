/*
 * Collapsed stacks: "root;caller;leaf COUNT", the lines sorted bytewise.
 *
 * Readers differ in what they make of anything else, so there is nothing
 * else: no comment, no fraction, no empty frame. A stack that ends in " 12"
 * would be read as the left half of a comparison.
 */
#include <stdlib.h>
#include <string.h>

#include "render_priv.h"

struct folding {
	const struct tree *tree;
	struct str stack;   /* the frames from the root to the current node */
	size_t *ends;       /* its length at each depth */
	size_t cap_ends;
	struct intern seen; /* labels that differ in ';' only are one line */
	uint64_t *counts;
	size_t cap_counts;
};

/* A label of the tree is clean already. */
static void add_frame(struct str *out, const char *label, size_t len)
{
	size_t i, start;

	if (out->len)
		str_addc(out, ';');
	start = out->len;
	str_add(out, label, len);
	for (i = start; i < out->len; i++)
		if (out->data[i] == ';')
			out->data[i] = ':';
}

/* "x 12" to "x_12" */
static void mend_leaf(char *s, size_t len)
{
	size_t i = len;

	while (i && s[i - 1] >= '0' && s[i - 1] <= '9')
		i--;
	if (i < len && i && s[i - 1] == ' ')
		s[i - 1] = '_';
}

static void count_stack(struct folding *f, uint64_t count)
{
	size_t before = f->seen.len;
	struct str leaf;
	uint32_t id;

	str_init(&leaf);
	str_add(&leaf, f->stack.data, f->stack.len);
	mend_leaf(leaf.data, leaf.len);
	id = intern_add(&f->seen, leaf.data, leaf.len);
	f->counts = grow(f->counts, &f->cap_counts, f->seen.len,
			 sizeof(*f->counts));
	if (f->seen.len > before)
		f->counts[id] = 0;
	f->counts[id] += count;
	str_release(&leaf);
}

static void visit(struct folding *f, uint32_t id)
{
	const struct tree_node *n = &f->tree->nodes[id];
	const char *label;
	size_t len;

	f->ends = grow(f->ends, &f->cap_ends, n->depth + 1, sizeof(*f->ends));
	f->stack.len = n->depth > 1 ? f->ends[n->depth - 1] : 0;
	label = intern_text(&f->tree->labels, n->label, &len);
	add_frame(&f->stack, label, len);
	f->ends[n->depth] = f->stack.len;
	if (n->self)
		count_stack(f, n->self);
}

/* All nodes, parents first, without recursion: stacks may be deep. */
static void visit_all(struct folding *f)
{
	const struct tree_node *nodes = f->tree->nodes;
	uint32_t at = nodes[0].child;

	while (at) {
		visit(f, at);
		if (nodes[at].child) {
			at = nodes[at].child;
			continue;
		}
		while (at && !nodes[at].sibling)
			at = nodes[at].parent;
		at = nodes[at].sibling;
	}
}

struct line {
	const char *text;
	size_t len;
};

static int by_bytes(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int order = memcmp(x->text, y->text, n);

	if (order)
		return order;
	return x->len < y->len ? -1 : x->len > y->len;
}

static void add_lines(struct folding *f, struct str *out)
{
	size_t n = f->seen.len, i, *at;
	struct line *lines;
	struct str text;

	/* Number 0 is the empty string, which is no stack. */
	at = xreallocarray(NULL, n + 1, sizeof(*at));
	lines = xreallocarray(NULL, n, sizeof(*lines));
	str_init(&text);
	for (i = 1; i < n; i++) {
		at[i] = text.len;
		str_adds(&text, intern_text(&f->seen, (uint32_t)i, NULL));
		str_addf(&text, " %llu", (unsigned long long)f->counts[i]);
	}
	at[n] = text.len;
	for (i = 1; i < n; i++)
		lines[i - 1] = (struct line){text.data + at[i],
					     at[i + 1] - at[i]};
	qsort(lines, n - 1, sizeof(*lines), by_bytes);
	for (i = 0; i < n - 1; i++) {
		str_add(out, lines[i].text, lines[i].len);
		str_addc(out, '\n');
	}
	free(at);
	free(lines);
	str_release(&text);
}

int render_collapsed(const struct profile *p, const struct render_options *o,
		     struct str *out, struct err *err)
{
	struct tree *tree = tree_build(p, &o->view);
	struct folding f = {.tree = tree};

	(void)err;
	str_init(&f.stack);
	intern_init(&f.seen);
	visit_all(&f);
	add_lines(&f, out);
	str_release(&f.stack);
	intern_release(&f.seen);
	free(f.ends);
	free(f.counts);
	tree_free(tree);
	return 0;
}
