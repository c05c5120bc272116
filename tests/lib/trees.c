#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "trees.h"

uint32_t find_child(const struct tree *t, uint32_t parent,
			   const char *label)
{
	uint32_t at;

	for (at = t->nodes[parent].child; at; at = t->nodes[at].sibling)
		if (!strcmp(intern_text(&t->labels, t->nodes[at].label, NULL),
			    label))
			return at;
	return 0;
}

const struct tree_node *node_at(const struct tree *t,
				const char *const *path)
{
	uint32_t at = 0;

	for (; *path; path++) {
		at = find_child(t, at, *path);
		if (!at)
			fail_msg("no node '%s'", *path);
	}
	return &t->nodes[at];
}

const struct flat_row *row_of(const struct flat *f, const char *label)
{
	size_t i;

	for (i = 0; i < f->len; i++)
		if (!strcmp(intern_text(&f->labels, f->rows[i].label, NULL),
			    label))
			return &f->rows[i];
	fail_msg("no row '%s'", label);
	return NULL;
}

static const char *label_of(const struct tree *t, uint32_t node)
{
	return intern_text(&t->labels, t->nodes[node].label, NULL);
}

/* The other tree is the same, node for node. */
static void check_same(const struct tree *t, const struct tree *other)
{
	const struct tree_node *a, *b;
	uint32_t i = 0, j = 0;

	do {
		a = &t->nodes[i];
		b = &other->nodes[j];
		assert_string_equal(label_of(t, i), label_of(other, j));
		assert_true(a->total == b->total && a->self == b->self);
		assert_true(a->total_ns == b->total_ns &&
			    a->self_ns == b->self_ns);
		assert_int_equal(a->depth, b->depth);
		i = tree_next(t, i);
		j = tree_next(other, j);
	} while (i && j);
	assert_int_equal(i, j);
	assert_int_equal(t->len, other->len);
	assert_true(t->left_out == other->left_out);
}

static bool is_frame(const struct tree *t, uint32_t node)
{
	return t->nodes[node].kind >= NODE_OWN;
}

/* Each way from a sample's leaf to its root leads from the root to a leaf. */
static void check_reversed(const struct tree *t, const struct tree *reversed)
{
	uint32_t i, at, group, ends = 0, there = 0;

	for (i = 1; i < t->len; i++) {
		if (!t->nodes[i].self)
			continue;
		for (group = i; is_frame(t, group);)
			group = t->nodes[group].parent;
		at = 0;
		if (t->nodes[group].depth == 2)
			at = find_child(reversed, at,
					label_of(t, t->nodes[group].parent));
		if (group)
			at = find_child(reversed, at, label_of(t, group));
		for (group = i; is_frame(t, group);
		     group = t->nodes[group].parent) {
			at = find_child(reversed, at, label_of(t, group));
			assert_int_not_equal(at, 0);
		}
		assert_true(reversed->nodes[at].self == t->nodes[i].self);
		assert_true(reversed->nodes[at].self_ns ==
			    t->nodes[i].self_ns);
		ends++;
	}
	for (i = 0; i < reversed->len; i++)
		there += reversed->nodes[i].self > 0;
	assert_int_equal(ends, there);
}

/*
 * Of a tree with parts only: what is wide is as in the whole one, and what is
 * narrow is in the hidden one beside it.
 */
static void check_narrowed(const struct tree *t, const struct tree *some,
			   double parts)
{
	double least = (double)t->nodes[0].total / parts;
	uint64_t hidden, ns;
	uint32_t i, j, c, n;

	for (i = j = 0; i || !j; i = tree_next(some, i)) {
		if (some->nodes[i].kind == NODE_HIDDEN)
			continue;
		while (strcmp(label_of(t, j), label_of(some, i)) ||
		       t->nodes[j].depth != some->nodes[i].depth)
			assert_int_not_equal(j = tree_next(t, j), 0);
		assert_true(t->nodes[j].total == some->nodes[i].total);
		assert_true(t->nodes[j].self == some->nodes[i].self);
		hidden = ns = n = 0;
		for (c = t->nodes[j].child; c; c = t->nodes[c].sibling) {
			if (!is_frame(t, c) ||
			    (double)t->nodes[c].total >= least ||
			    (double)t->nodes[j].total < least)
				continue;
			hidden += t->nodes[c].total;
			ns += t->nodes[c].total_ns;
			n++;
		}
		for (c = some->nodes[i].child; c; c = some->nodes[c].sibling)
			if (some->nodes[c].kind == NODE_HIDDEN)
				break;
		assert_int_equal(c ? some->nodes[c].detail : 0, n);
		assert_true((c ? some->nodes[c].total : 0) == hidden);
		assert_true((c ? some->nodes[c].total_ns : 0) == ns);
		j = tree_next(t, j);
		if (!tree_next(some, i))
			break;
	}
}

static void check_wide(const struct profile *p, const struct view *view,
		       const struct tree *t)
{
	static const double parts[] = {2, 10, 100};
	struct view reverse = *view;
	struct tree *wide = tree_build_wide(p, view, 1e18);
	size_t i;

	check_same(t, wide);
	tree_free(wide);
	reverse.reverse = true;
	wide = tree_build_wide(p, &reverse, 1e18);
	check_reversed(t, wide);
	for (i = 0; i < 3; i++) {
		struct tree *some = tree_build_wide(p, view, parts[i]);
		struct tree *back = tree_build_wide(p, &reverse, parts[i]);

		check_narrowed(t, some, parts[i]);
		check_narrowed(wide, back, parts[i]);
		tree_free(some);
		tree_free(back);
	}
	tree_free(wide);
}

/* What holds for every tree. */
static void check_tree(const struct profile *p, const struct view *view)
{
	struct tree *t = tree_build(p, view);
	const struct tree_node *n;
	uint64_t below, below_ns;
	const char *text, *last;
	uint32_t c;
	size_t i;

	for (i = 0; i < t->len; i++) {
		n = &t->nodes[i];
		below = n->self;
		below_ns = n->self_ns;
		last = "";
		for (c = n->child; c; c = t->nodes[c].sibling) {
			text = intern_text(&t->labels, t->nodes[c].label, NULL);
			assert_true(strcmp(last, text) < 0 || !*last);
			assert_int_equal(t->nodes[c].parent, i);
			assert_int_equal(t->nodes[c].depth, n->depth + 1);
			assert_true(c > i);
			below += t->nodes[c].total;
			below_ns += t->nodes[c].total_ns;
			last = text;
		}
		assert_true(below == n->total);
		assert_true(below_ns == n->total_ns);
		assert_true(n->total > 0 || !i);
	}
	assert_true(t->nodes[0].total + t->left_out == p->samples);
	assert_true(t->nodes[0].self == 0);
	check_wide(p, view, t);
	tree_free(t);
}

/* And for every table: all of the view's samples, each once. */
static void check_flat(const struct profile *p, const struct view *view)
{
	struct flat *f = flat_build(p, view, SORT_SELF);
	struct view_count count;
	uint64_t self = 0;
	size_t i;

	view_count(p, view, &count);
	assert_true(f->samples == count.samples);
	assert_true(f->samples + f->left_out == p->samples);
	assert_true(count.idle <= f->left_out);
	for (i = 0; i < f->len; i++) {
		self += f->rows[i].self;
		assert_true(f->rows[i].self <= f->rows[i].total);
		assert_true(f->rows[i].total <= f->samples);
	}
	assert_true(self == f->samples);
	flat_free(f);
}

void check_all_views(const struct profile *p)
{
	struct view v = {0};
	int i;

	for (i = 0; i < 48 * VIEW_MODES; i++) {
		v.label = (enum frame_label)(i % 3);
		v.threads = i / 3 % 2;
		v.idle = i / 6 % 2;
		v.full_filenames = i / 12 % 2;
		v.state_frames = i / 24 % 2;
		v.mode = (enum view_mode)(i / 48);
		check_tree(p, &v);
		check_flat(p, &v);
	}
}
