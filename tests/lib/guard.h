/*
 * guard.h - a copy of bytes that ends at an unmapped page: reading one byte
 * too far ends the test.
 */
#ifndef PYSTROBE_TESTS_GUARD_H
#define PYSTROBE_TESTS_GUARD_H

#include <stddef.h>

struct guard {
	void *data; /* the copy */
	size_t len;
	void *map;
	size_t map_len;
};

void guard_init(struct guard *g, const void *data, size_t len);
void guard_release(struct guard *g);

#endif
