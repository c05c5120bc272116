/*
 * The call tree, of which nodes are open or closed. It is that of all samples,
 * so that it stays as it is; the numbers of the last interval stand beside.
 */
#include <stdlib.h>
#include <string.h>

#include "tui_priv.h"

static const struct column columns[] = {
	{"self %", COLUMN_SHARE, 0, 6, 0, 0},
	{"total %", COLUMN_SHARE, 1, 7, 0, 0},
	{"self", COLUMN_TIME, 2, 7, 0, 64},
	{"total", COLUMN_TIME, 3, 7, 0, 48},
	{"call", COLUMN_TREE, 0, 10, 1, 0},
};

struct calls {
	const struct top_state *s;
	struct rows *rows;
	struct tree *tree;
	struct row *of_node; /* what its row would be */
	uint8_t *hot;        /* on the hottest path */
	uint8_t *alone;      /* no row has the same caller */
	uint8_t *match;      /* what the filter leaves: MATCH_ bits */
};

enum match { MATCH_SELF = 1, MATCH_BELOW = 2, MATCH_ABOVE = 4 };

static const char *label_of(const struct calls *c, uint32_t node)
{
	return intern_text(&c->tree->labels, c->tree->nodes[node].label, NULL);
}

/* What each node would look like as a row, but for its depth. */
static void make_rows(struct calls *c, const struct profile *p)
{
	const struct tree_node *n;
	const struct code_def *code;
	const char *label;
	struct row *row;
	size_t i;

	c->of_node = xcalloc(c->tree->len, sizeof(*c->of_node));
	for (i = 0; i < c->tree->len; i++) {
		n = &c->tree->nodes[i];
		row = &c->of_node[i];
		label = label_of(c, (uint32_t)i);
		/* The key is that of its path. */
		row->key = hash_u64((i ? c->of_node[n->parent].key : 0) ^
				    hash_bytes(label, strlen(label))) | 1;
		row->n[2] = n->self;
		row->n[3] = n->total;
		row->ink = (uint8_t)ink_of_kind(n->kind);
		row->depth = n->depth;
		row->fold = n->child ? FOLD_CLOSED : FOLD_LEAF;
		if (n->code == NO_CODE || n->kind == NODE_MARKER)
			continue;
		code = &p->symbols.codes[n->code];
		row->file = symbols_text(&p->symbols, code->file);
		row->line = code->first;
	}
}

/* Adds the numbers of the last interval: nodes with the same path. */
static void add_last(struct calls *c, const struct profile *last,
		     const struct view *v)
{
	struct tree *t = tree_build(last, v);
	uint64_t *keys = xcalloc(t->len, sizeof(*keys));
	const struct tree_node *n;
	const char *label;
	struct map node_of;
	uint32_t found;
	size_t i;

	map_init(&node_of);
	for (i = 0; i < c->tree->len; i++)
		map_put(&node_of, c->of_node[i].key, (uint32_t)i);
	for (i = 0; i < t->len; i++) {
		n = &t->nodes[i];
		label = intern_text(&t->labels, n->label, NULL);
		keys[i] = hash_u64((i ? keys[n->parent] : 0) ^
				   hash_bytes(label, strlen(label))) | 1;
		found = map_get(&node_of, keys[i]);
		if (found == MAP_NONE)
			continue;
		c->of_node[found].n[0] = n->self;
		c->of_node[found].n[1] = n->total;
	}
	map_release(&node_of);
	free(keys);
	tree_free(t);
}

static void find_hottest(struct calls *c)
{
	const struct tree_node *nodes = c->tree->nodes;
	uint32_t at = 0, child, best;

	c->hot = xcalloc(c->tree->len, 1);
	for (;;) {
		c->hot[at] = 1;
		best = nodes[at].child;
		for (child = best; child; child = nodes[child].sibling)
			if (nodes[child].total > nodes[best].total)
				best = child;
		if (!best)
			break;
		at = best;
	}
	c->of_node[at].hottest = true;
}

static void find_matches(struct calls *c)
{
	const struct tree_node *nodes = c->tree->nodes;
	size_t i;

	c->match = xcalloc(c->tree->len, 1);
	for (i = c->tree->len; i-- > 1;) {
		if (text_has(label_of(c, (uint32_t)i), c->s->filter))
			c->match[i] |= MATCH_SELF;
		if (c->match[i] & (MATCH_SELF | MATCH_BELOW))
			c->match[nodes[i].parent] |= MATCH_BELOW;
	}
	for (i = 1; i < c->tree->len; i++)
		if (c->match[nodes[i].parent] & (MATCH_SELF | MATCH_ABOVE))
			c->match[i] |= MATCH_ABOVE;
}

static bool is_open(const struct calls *c, uint32_t node)
{
	uint32_t chosen = map_get(&c->s->opened, c->of_node[node].key);

	if (chosen != MAP_NONE)
		return chosen == 1;
	if (*c->s->filter && c->match[node] & MATCH_BELOW)
		return true;
	return c->hot[node];
}

/*
 * The children of a node in the order of the list, from the last one on. A chain
 * of calls without any others beside it is not indented: an open node that is
 * followed by one below itself, and not right of it, called that one alone.
 */
static void push_children(struct calls *c, uint32_t parent, uint32_t **todo,
			  size_t *n, size_t *cap)
{
	const struct tree_node *nodes = c->tree->nodes;
	struct rows sorted = {.columns = columns,
			      .ncolumns = sizeof(columns) / sizeof(*columns)};
	uint32_t child, indent;
	struct row *row;
	size_t i;

	intern_init(&sorted.texts);
	for (child = nodes[parent].child; child; child = nodes[child].sibling) {
		if (!c->match[child])
			continue;
		row = rows_add(&sorted, label_of(c, child));
		memcpy(row->n, c->of_node[child].n, sizeof(row->n));
		row->key = child;
	}
	rows_sort(&sorted, c->s->sort[TOP_CALLS], c->s->reverse);
	indent = c->of_node[parent].indent;
	indent += parent && !(c->alone[parent] && sorted.len == 1);
	*todo = grow(*todo, cap, *n + sorted.len, sizeof(**todo));
	for (i = sorted.len; i-- > 0;) {
		child = (uint32_t)sorted.v[i].key;
		c->of_node[child].indent = indent;
		c->alone[child] = sorted.len == 1;
		(*todo)[(*n)++] = child;
	}
	rows_release(&sorted);
}

static void add_visible(struct calls *c)
{
	uint32_t *todo = NULL, node, text;
	size_t n = 0, cap = 0;
	struct row *row;

	push_children(c, 0, &todo, &n, &cap);
	while (n) {
		node = todo[--n];
		row = rows_add(c->rows, label_of(c, node));
		text = row->text[0];
		*row = c->of_node[node];
		row->text[0] = text;
		if (row->fold == FOLD_LEAF || !is_open(c, node))
			continue;
		row->fold = FOLD_OPEN;
		push_children(c, node, &todo, &n, &cap);
	}
	free(todo);
}

void list_calls(struct rows *r, const struct top_model *m,
		const struct top_state *s)
{
	struct calls c = {.s = s, .rows = r};
	struct view v = s->choice;
	struct profile all, last;

	r->columns = columns;
	r->ncolumns = sizeof(columns) / sizeof(*columns);
	v.label = LABEL_FUNCTION;
	v.full_filenames = s->full_filenames;
	c.tree = tree_build(top_part(m->all, s, &all), &v);
	make_rows(&c, m->all);
	add_last(&c, top_part(m->last, s, &last), &v);
	find_hottest(&c);
	find_matches(&c);
	c.alone = xcalloc(c.tree->len, 1);
	add_visible(&c);
	free(all.cells);
	free(last.cells);
	free(c.of_node);
	free(c.hot);
	free(c.match);
	free(c.alone);
	tree_free(c.tree);
}
