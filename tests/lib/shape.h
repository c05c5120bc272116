/*
 * shape.h - a made-up interpreter of any version in a buffer: objects of every
 * kind, threads whose frames have them as locals, names of threads. What
 * fuzzers damage.
 *
 * Not tests/lib/made_python.h, which is for tests that want to know each
 * address: here one description serves all layouts.
 */
#ifndef PYSTROBE_TESTS_SHAPE_H
#define PYSTROBE_TESTS_SHAPE_H

#include <stddef.h>
#include <stdint.h>

#include "cpython.h"
#include "walk.h"

#define SHAPE_BASE 0x10000u
#define SHAPE_SIZE 0xa000u /* bytes, at most */
#define SHAPE_PUTS 2048u
#define SHAPE_ROOTS 32u
#define SHAPES 15u /* versions and builds */

struct shape {
	struct layout layout;
	struct entry_points entry;
	unsigned char memory[SHAPE_SIZE];
	size_t len;     /* of memory in use */
	size_t objects; /* bytes of it, from the start: objects and types */
	/* Objects of each kind, by address. */
	raddr roots[SHAPE_ROOTS];
	unsigned nroots;
	/* Where something was put: what is worth to be damaged. */
	uint16_t fields[SHAPE_PUTS];
	unsigned nfields;
};

#define SHAPE_THREADS 2u
#define SHAPE_FRAMES 4u /* of each */
#define SHAPE_LOCALS 6u /* of each of these; two are arguments */
#define SHAPE_IDENT 0x17000u /* of its first thread */

/* The one of that number; made once, never freed. */
const struct shape *shape_of(unsigned which);
/* The number of the first one of that version and build. */
unsigned shape_like(const struct layout *l);

#endif
