/*
 * moving.h - the made-up interpreter of made_python.h behind a reader that lets
 * it change while it is read, and counts what is read.
 */
#ifndef PYSTROBE_TESTS_MOVING_H
#define PYSTROBE_TESTS_MOVING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpython.h"
#include "remote.h"
#include "walk.h"

#define MOVING_LOG 32u

struct moving {
	struct layout layout;
	struct remote *remote;
	struct walker *walker;
	struct range log[MOVING_LOG]; /* of the last call that read a stack */
	size_t nlog;
	/* Called before each range is read, when set. */
	void (*change)(struct moving *m, const struct range *range);
	uint64_t ranges, calls, bytes; /* read so far */
	unsigned n;                    /* for `change` to count */
};

/* A thread with that many frames on its chunk. */
void moving_begin(struct moving *m, unsigned frames);
void moving_end(struct moving *m);
/* The rows of the last snapshot, which must be `want`. */
const struct walk_thread *moving_rows(struct moving *m, size_t want);
/* A snapshot at that time, of one thread, and what a lean one left out. */
const struct walk_thread *moving_look(struct moving *m, uint64_t now);
/* Where its stack begins: at an address; at a frame of the chunk, the top one. */
void moving_head(struct moving *m, uint64_t frame);
void moving_leaf(struct moving *m, unsigned frame);
void moving_expect_name(struct moving *m, const struct walk_frame *frame,
			const char *name);
bool is_of_chunk(const struct range *range);

#endif
