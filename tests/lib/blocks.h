/*
 * blocks.h - blocks of a recording made by hand, and what a reader says of
 * them.
 */
#ifndef PYSTROBE_TESTS_BLOCKS_H
#define PYSTROBE_TESTS_BLOCKS_H

#include <stddef.h>

struct header;
struct read_report;
struct str;
struct tape;

#define SHIFT 23 /* the unit of a period of 200 ms */

/* Reads bytes that end at an unmapped page into a tape, which it begins. */
int read_bytes(const void *data, size_t len, struct tape *tape,
	       struct read_report *report);

/* Adds a block with this payload; raw_len and checksums are filled in. */
void add_block(struct str *to, const struct header *like, const void *raw,
	       size_t len);

/* Reads one block alone; what became of it. */
int read_block(const struct header *like, const void *raw, size_t len,
	       struct tape *tape, struct read_report *report);

#endif
