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
	tree_free(t);
}

/* And for every table: all of the view's samples, each once. */
static void check_flat(const struct profile *p, const struct view *view)
{
	struct flat *f = flat_build(p, view);
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
