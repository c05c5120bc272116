/*
 * trees.h - looks into trees and tables, for tests of profile. All of them
 * fail the test when they do not find what they are asked for.
 */
#ifndef PYSTROBE_TESTS_TREES_H
#define PYSTROBE_TESTS_TREES_H

#include <stddef.h>
#include <stdint.h>

#include "profile.h"

/* The child with this label; 0: none, which is no failure. */
uint32_t find_child(const struct tree *t, uint32_t parent, const char *label);

/* The node of a path of labels, the last one NULL: NODE(t, "a", "b"). */
const struct tree_node *node_at(const struct tree *t,
				const char *const *path);
#define NODE(t, ...) node_at(t, (const char *const[]){__VA_ARGS__, NULL})

const struct flat_row *row_of(const struct flat *f, const char *label);

/* What holds for the tree and the table of every view. */
void check_all_views(const struct profile *p);

#endif
