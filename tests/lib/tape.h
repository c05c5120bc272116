/*
 * tape.h - a sink that writes down what it is told, one line a call, in a form
 * that does not depend on numbers of symbols or on the order of the samples
 * of a tick: two tapes are equal when the same was told.
 */
#ifndef PYSTROBE_TESTS_TAPE_H
#define PYSTROBE_TESTS_TAPE_H

#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "profile.h"

struct tape_line {
	uint32_t tid;
	char *text;
};

struct tape {
	struct sink sink;
	struct str text;
	/*
	 * 0: times stand in the text. Otherwise only in `times`, for they
	 * were or will be rounded to units of 2^shift ns.
	 */
	unsigned shift;
	uint64_t *times; /* of the ticks */
	size_t ntimes, cap_times;
	struct tape_line *lines; /* samples of the tick */
	size_t nlines, cap_lines;
	uint64_t ticks, samples;
	uint32_t serial; /* of the last symbols */
};

void tape_init(struct tape *t, unsigned shift);
void tape_release(struct tape *t);
/* All that was told so far, ended by a NUL. */
const char *tape_text(struct tape *t);
/* Asserts that both have the same text, and times within half a unit. */
void tape_same(struct tape *a, struct tape *b);

/* Passes each call on to one, then to the other; the first one's error. */
struct tee {
	struct sink sink;
	struct sink *first, *second;
};

void tee_init(struct tee *t, struct sink *first, struct sink *second);

/* A stack as text, root first. */
void describe_stack(struct str *to, const struct symbols *s, uint32_t stack);

#endif
