/*
 * recording.h - the file: man/pystrobe-format.5 is its specification.
 *
 * Self-contained, checksummed, compressed blocks. The writer is a sink; the
 * reader feeds one.
 */
#ifndef PYSTROBE_RECORDING_H
#define PYSTROBE_RECORDING_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct outfile;
struct sink;
struct writer;

/*
 * Writes blocks to `path` as they fill, and at least once a second of ticks
 * while samples come in. The file stands under its final name from the first
 * block on, since it is readable at every instant; an existing file is
 * replaced only when the first block is whole. "-" is standard output.
 */
int writer_open(struct writer **w, const char *path, struct err *err);
struct sink *writer_sink(struct writer *w);

/* Writes what is left; 0, or the first error that any write had. Frees. */
int writer_close(struct writer *w, struct err *err);
uint64_t writer_bytes(const struct writer *w); /* written so far */

/* What a reader found, beside the samples. */
struct read_report {
	uint64_t blocks, bad_blocks;
	uint64_t bytes, skipped_bytes; /* skipped: damaged or cut */
	uint64_t unknown_records;
	uint32_t cut; /* the last block is incomplete */
};

/* True when the first bytes are those of a recording. */
int recording_is(const void *head, size_t len);

/*
 * Feeds all readable blocks of a file to the sink. Damaged blocks are passed
 * over and counted. -EBADMSG: not a recording, or none of its blocks can be
 * read; -ENOTSUP: a later version of the format; the sink's own error.
 */
int recording_read(const char *path, struct sink *sink,
		   struct read_report *report, struct err *err);

/* The same from bytes in memory; `name` is for messages. */
int recording_read_bytes(const void *data, size_t len, const char *name,
			 struct sink *sink, struct read_report *report,
			 struct err *err);

#endif
