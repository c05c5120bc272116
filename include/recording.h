/*
 * recording.h - the file: man/pystrobe-format.5 is its specification.
 *
 * Checksummed, compressed blocks, one for each second of ticks. Each opens or
 * continues a chain of at most about 30 seconds, which can be read by itself.
 * The writer is a sink; the reader feeds one.
 */
#ifndef PYSTROBE_RECORDING_H
#define PYSTROBE_RECORDING_H

#include <stdbool.h>
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
 * replaced only when the first block is whole. "-" is standard output; what
 * is not a regular file is written directly.
 *
 * The sink's calls return 0, -EINVAL (a second sample of a thread in a tick, a
 * number that the symbols do not have; nothing is recorded then), or from the
 * first failed write on its error, whose sentence writer_close has.
 */
int writer_open(struct writer **w, const char *path, struct err *err);
struct sink *writer_sink(struct writer *w);
/*
 * For what is not sampled while it is written; to be called first. Blocks and
 * chains end where they are full, and not after so many seconds of ticks, and
 * the file gets its name, or replaces the old one, when it is closed.
 */
void writer_at_leisure(struct writer *w);

/*
 * Writes what is left; 0, or the first error that any write had. Frees. What
 * was written before an error stays readable. A run without a sample makes a
 * recording with one block; if not even a run was told, there is no file.
 */
int writer_close(struct writer *w, struct err *err);
/*
 * Frees, and writes no more: what was at leisure is not there then. The first
 * error that any write had, or 0.
 */
int writer_abandon(struct writer *w, struct err *err);
uint64_t writer_bytes(const struct writer *w); /* written so far */

/* What a reader found, beside the samples. */
struct read_report {
	uint64_t blocks;        /* read */
	uint64_t bad_blocks;    /* passed over; a damaged stretch is one */
	uint64_t orphan_blocks; /* of these: the chain before them is lost */
	uint64_t later_blocks;  /* of these: of a later version */
	uint64_t bytes, skipped_bytes; /* skipped: damaged or cut */
	uint64_t unknown_records;
	uint32_t cut; /* the last block is incomplete; not in bad_blocks */
};

/* True when the first bytes are those of a recording. */
int recording_is(const void *head, size_t len);

/*
 * Feeds all readable blocks of a file ("-": standard input) to the sink, in
 * bounded memory. Damaged blocks are passed over and counted; nothing of them
 * reaches the sink. What was told of the run, a process or a thread is told
 * again only when it changed. Texts are clean, and within a block times of a
 * process do not decrease; where two recordings were joined they may.
 *
 * -EBADMSG: not a recording, or none of its blocks can be read; -ENOTSUP: all
 * are of a later version of the format; -EIO and the like: the file cannot be
 * read; or the sink's own error. `report` may be NULL.
 */
int recording_read(const char *path, struct sink *sink,
		   struct read_report *report, struct err *err);

/* The same from bytes in memory; `name` is for messages. */
int recording_read_bytes(const void *data, size_t len, const char *name,
			 struct sink *sink, struct read_report *report,
			 struct err *err);

/*
 * Whether a writer has this file open: it holds a lock on it, which ends with
 * it however that ends.
 */
bool recording_is_written(const char *path);

#endif
