/*
 * The order of rows and of a tree's children.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile_priv.h"

static const char *const names[SORT_KEYS] = {
	[SORT_SELF] = "self",
	[SORT_TOTAL] = "total",
	[SORT_NAME] = "name",
	[SORT_FILE] = "file",
};

const char *sort_name(enum sort_key key)
{
	return (unsigned)key < SORT_KEYS ? names[key] : "unknown";
}

int sort_by_name(const char *name)
{
	int i;

	for (i = 0; i < SORT_KEYS; i++)
		if (!strcmp(names[i], name))
			return i;
	return -EINVAL;
}

static int most_first(uint64_t x, uint64_t y)
{
	return (x < y) - (x > y);
}

static int by_label(const struct sorting *how, uint32_t x, uint32_t y)
{
	return strcmp(intern_text(how->labels, x, NULL),
		      intern_text(how->labels, y, NULL));
}

static const char *file_of(const struct profile *p, uint32_t code)
{
	if (code == NO_CODE)
		return "";
	return symbols_text(&p->symbols, p->symbols.codes[code].file);
}

/* Files by their whole paths; in each by the line, else by the first one. */
static int by_place(const struct profile *p, uint32_t x, uint32_t x_line,
		    uint32_t y, uint32_t y_line)
{
	int order = strcmp(file_of(p, x), file_of(p, y));

	if (order)
		return order;
	if (!x_line && x != NO_CODE)
		x_line = p->symbols.codes[x].first;
	if (!y_line && y != NO_CODE)
		y_line = p->symbols.codes[y].first;
	return (x_line > y_line) - (x_line < y_line);
}

/* Equal by the key: by what they have; equal in that: by label. */
static int in_order(const struct sorting *how, const struct flat_row *x,
		    const struct flat_row *y)
{
	int order = 0;

	if (how->key == SORT_FILE)
		order = by_place(how->p, x->code, x->detail, y->code,
				 y->detail);
	else if (how->key == SORT_SELF)
		order = most_first(x->self, y->self);
	if (!order && how->key != SORT_NAME)
		order = most_first(x->total, y->total);
	if (!order && how->key == SORT_TOTAL)
		order = most_first(x->self, y->self);
	return order ? order : by_label(how, x->label, y->label);
}

int sort_rows(const void *a, const void *b, void *sorting)
{
	return in_order(sorting, a, b);
}

int sort_parts(const void *a, const void *b, void *sorting)
{
	const struct sorting *how = sorting;
	const struct flat_part *x = a, *y = b;
	int order = most_first(x->samples, y->samples);

	if (!order)
		order = by_label(how, x->label, y->label);
	return order ? order : (x->thread > y->thread) -
				       (x->thread < y->thread);
}

static struct flat_row as_row(const struct tree_node *n)
{
	bool frame = n->code != NO_CODE;

	return (struct flat_row){.label = n->label, .code = n->code,
				 .detail = frame ? n->detail : 0,
				 .self = n->self, .total = n->total};
}

static int by_node(const void *a, const void *b, void *sorting)
{
	const struct sorting *how = sorting;
	struct flat_row x = as_row(&how->tree->nodes[*(const uint32_t *)a]);
	struct flat_row y = as_row(&how->tree->nodes[*(const uint32_t *)b]);

	return in_order(how, &x, &y);
}

/* Most nodes have one child, which is in order. */
void tree_sort(struct tree *t, const struct profile *p, enum sort_key key)
{
	struct sorting how = {.p = p, .labels = &t->labels, .key = key,
			      .tree = t};
	uint32_t *order = NULL, *link, at, k;
	size_t cap = 0, n, i;

	for (i = 0; i < t->len; i++) {
		for (n = 0, at = t->nodes[i].child; at; n++) {
			order = grow(order, &cap, n + 1, sizeof(*order));
			order[n] = at;
			at = t->nodes[at].sibling;
		}
		if (n < 2)
			continue;
		qsort_r(order, n, sizeof(*order), by_node, &how);
		link = &t->nodes[i].child;
		for (k = 0; k < n; k++) {
			*link = order[k];
			link = &t->nodes[order[k]].sibling;
		}
		*link = 0;
	}
	free(order);
}
