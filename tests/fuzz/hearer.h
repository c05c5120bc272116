/*
 * hearer.h - a sink that holds a source to its word, and small recordings to
 * start from.
 */
#ifndef PYSTROBE_TESTS_FUZZ_HEARER_H
#define PYSTROBE_TESTS_FUZZ_HEARER_H

#include "base.h"
#include "profile.h"

/* Aborts where a call is none that profile.h allows, or a text is not clean. */
struct hearer {
	struct sink sink;
	bool ran, ticked;
	uint32_t pid; /* of the tick */
	size_t strings, codes, frames, stacks; /* that were looked at */
	uint32_t serial; /* of these */
};

void hearer_init(struct hearer *h);

#define HEARER_RECORDINGS 4

/* One of a few recordings, about a kB each. */
void make_recording(struct str *to, unsigned which);

#endif
