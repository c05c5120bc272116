/*
 * A call tree as text. What has a single row below it goes on in the same
 * column, so that deep stacks fit:
 *
 *   self %  total %   self  total    line
 *      0.0     71.7      0    378  > main (app.py:61)
 *      0.0     71.7      0    378  > handle (server.py:30)
 *      0.0     41.6      0    219  > + list (orders.py:40)
 *      7.0     32.6     37    172  > | query (orders.py:52)
 *     30.1     30.1    159    159    ` render (views.py:11)
 */
#include <stdlib.h>
#include <string.h>

#include "render_priv.h"

#define LIMIT 50u
#define LABEL_MIN 24u /* columns that branches leave to a label */

struct branching {
	struct tree *tree;
	const struct render_options *options;
	struct branches branches;
	struct page page;
	struct str prefix;  /* what stands before the rows below a node */
	size_t *len_at;     /* of it, by depth of the node */
};

/* Whether the hidden children of a node are worth a row of their own. */
static bool tells_hidden(const struct branching *b, uint32_t node)
{
	return b->branches.hidden[node] &&
	       !below_minimum(b->options, b->branches.hidden_total[node],
			      b->page.whole);
}

/* Whether a node has more than one row right below it. */
static bool forks(const struct branching *b, uint32_t node)
{
	uint32_t first = b->tree->nodes[node].child;

	return first && (b->tree->nodes[first].sibling ||
			 tells_hidden(b, node));
}

/* Branches so deep that they leave no room for a label lose the outer ones. */
static void put_prefix(struct branching *b)
{
	const struct page *g = &b->page;
	const char *p = b->prefix.data;
	size_t room = g->columns - page_used(g) - 2, cut = 0;
	size_t label = room / 2 < LABEL_MIN ? room / 2 : LABEL_MIN;
	size_t columns = text_columns(p, b->prefix.len);

	if (columns + label > room)
		cut = columns + label - room + strlen(g->marks->dots);
	if (cut)
		str_adds(&b->page.scratch, g->marks->dots);
	for (; cut && *p; cut--) /* each character is one column wide */
		for (p++; ((unsigned char)*p & 0xc0) == 0x80;)
			p++;
	str_adds(&b->page.scratch, p);
}

/* One row below `parent`. */
struct row {
	const char *label;
	size_t len;
	bool hot, owner, last;
};

static void put_row(struct branching *b, uint32_t parent, struct row row)
{
	const struct marks *marks = b->page.marks;
	size_t depth = b->tree->nodes[parent].depth, lead;
	bool fork = forks(b, parent);

	b->prefix.len = b->len_at[depth];
	b->prefix.data[b->prefix.len] = '\0';
	if (fork)
		str_adds(&b->prefix, row.last ? marks->last : marks->branch);
	str_adds(&b->page.scratch, row.hot ? marks->hot : " ");
	str_addc(&b->page.scratch, ' ');
	put_prefix(b);
	lead = b->page.scratch.len;
	str_add(&b->page.scratch, row.label, row.len);
	if (row.owner)
		page_owner(&b->page);
	else
		page_label(&b->page, lead);
	b->prefix.len = b->len_at[depth];
	b->prefix.data[b->prefix.len] = '\0';
	if (fork)
		str_adds(&b->prefix, row.last ? "  " : marks->pass);
	b->len_at[depth + 1] = b->prefix.len;
}

static void put_node(struct branching *b, uint32_t node)
{
	const struct tree_node *n = &b->tree->nodes[node];
	struct row row = {
		.hot = b->branches.hot[node],
		.owner = n->kind == NODE_THREAD || n->kind == NODE_PROCESS,
		.last = !n->sibling && !tells_hidden(b, n->parent),
	};

	row.label = intern_text(&b->tree->labels, n->label, &row.len);
	if (row.owner)
		page_total(&b->page, n->total);
	else
		page_numbers(&b->page, n->self, n->total);
	put_row(b, n->parent, row);
}

static void put_hidden(struct branching *b, uint32_t parent)
{
	struct str text;

	if (!tells_hidden(b, parent))
		return;
	str_init(&text);
	str_addc(&text, '(');
	add_count(&text, b->branches.hidden[parent]);
	str_adds(&text, " more)");
	page_total(&b->page, b->branches.hidden_total[parent]);
	put_row(b, parent, (struct row){.label = text.data, .len = text.len,
					.last = true});
	str_release(&text);
}

static void put_nodes(struct branching *b)
{
	const struct tree_node *nodes = b->tree->nodes;
	uint32_t node = 0, next;

	for (;;) {
		next = nodes[node].child;
		while (!next) {
			put_hidden(b, node);
			if (!node)
				return;
			next = nodes[node].sibling;
			node = nodes[node].parent;
		}
		node = next;
		put_node(b, node);
	}
}

static size_t depth_of(const struct tree *t)
{
	size_t depth = 0, i;

	for (i = 0; i < t->len; i++)
		if (t->nodes[i].depth > depth)
			depth = t->nodes[i].depth;
	return depth;
}

static void put_tree(struct branching *b)
{
	const struct render_options *o = b->options;
	struct str what;

	str_init(&what);
	str_addf(&what, "  %s", noun_of_rows(&o->view));
	page_heading(&b->page, what.data);
	str_release(&what);
	b->len_at = xcalloc(depth_of(b->tree) + 2, sizeof(*b->len_at));
	branches_choose(&b->branches, b->tree, o, o->limit ? o->limit : LIMIT);
	str_init(&b->prefix);
	str_reserve(&b->prefix, 1);
	put_nodes(b);
	page_rest(&b->page, &b->branches.rest, "row", o);
	str_release(&b->prefix);
	branches_release(&b->branches);
	free(b->len_at);
}

void page_tree(const struct profile *p, const struct render_options *o,
	       struct str *out)
{
	struct tree *tree = tree_build(p, &o->view);
	struct branching b = {.tree = tree, .options = o};

	tree_sort(tree, p, o->sort);
	page_init(&b.page, o, tree->nodes[0].total, out);
	b.page.self = !o->callers;
	page_header(&b.page, p, o);
	if (tree->nodes[0].total)
		put_tree(&b);
	else
		page_nothing(&b.page, p, o);
	page_release(&b.page);
	tree_free(tree);
}
