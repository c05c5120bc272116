/*
 * debug_tables.h - the debug offsets of builds that there are.
 */
#ifndef PYSTROBE_TESTS_DEBUG_TABLES_H
#define PYSTROBE_TESTS_DEBUG_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

#define BUILDS 7u
#define GIL_BUILDS 4u /* come first */

extern const struct build {
	uint32_t version;
	bool free_threaded;
	const uint32_t *words; /* of _Py_DebugOffsets, from the second on */
	size_t n;
} builds[BUILDS];

/* The bytes of such a table; begins *s. */
void debug_table(struct str *s, const struct build *b);

#endif
