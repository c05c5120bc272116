/*
 * reader_priv.h - the parts of the reader.
 *
 *   reader.c    finds blocks in a file, and checks them
 *   unpack.c    decompresses them
 *   decode.c    the records of a block are read and validated
 *   samples.c   ... and its ticks
 *   resolve.c   numbers of the chain become numbers of our symbols
 *   play.c      the calls of the sink
 *
 * Everything is foreign until chain_decode has accepted a block.
 */
#ifndef PYSTROBE_READER_PRIV_H
#define PYSTROBE_READER_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "base.h"
#include "profile.h"
#include "recording_priv.h"

/* Bytes of the payload that is being read. */
struct text {
	const uint8_t *p;
	uint32_t len;
};

/*
 * A table of a chain. `used` counts the rows that references of its kind have
 * named; `resolved` those that have a number of our symbols.
 */
struct table {
	size_t len, cap;
	uint32_t used, resolved;
};

struct rstring {
	struct text text; /* valid in the block that defines it */
	uint32_t id;      /* in our symbols, as in all of these */
};
struct rcode {
	uint32_t name, file, first; /* numbers of the chain */
	uint32_t id;
};
struct rframe {
	uint32_t code, line, flags;
	uint32_t id;
};
struct rstack {
	uint32_t caller, frame, depth;
	uint32_t id;
};
struct rstate {
	uint32_t run, gil, flags;
	struct text wait; /* valid in the block that defines it */
	uint32_t id;
};
struct rcase {
	uint32_t stack, state, loss;
};
struct rprocess {
	struct process_info info; /* without its texts */
	struct text command, cwd; /* valid in the block that defines it */
	uint32_t samples_block, threads_block; /* the last that had some */
	uint32_t nticks; /* in samples_block */
	uint32_t samples; /* index of samples, in samples_block */
	uint32_t events; /* index of threads, in threads_block */
};

/* What the blocks of a chain so far have defined. */
struct chain {
	bool alive;
	uint32_t version; /* of the block that is being read */
	uint32_t link;  /* of the last block */
	uint32_t block; /* number of the block that is being read */
	struct run_info run; /* without its texts */
	struct rstring *strings;
	struct rcode *codes;
	struct rframe *frames;
	struct rstack *stacks; /* from 1; row 0 is the empty one */
	struct rstate *states;
	struct rcase *cases;
	struct rprocess *processes;
	struct table tstrings, tcodes, tframes, tstacks, tstates, tcases,
		tprocesses;
	struct map pids;
	size_t text_bytes;
	uint32_t case_stack; /* that the next one is told from */
	uint32_t old_cases; /* of blocks before */
};

/* A thread's tokens; the same token holds for `left` more ticks. */
struct column {
	struct cursor tokens;
	uint32_t tid, token, left;
	uint32_t fresh; /* the token for which TOKEN_NEXT stands */
};

struct rsamples {
	uint32_t process;
	uint64_t flags, unit; /* of times, in ns */
	uint32_t nticks;
	size_t first_time; /* in times and missed */
	size_t first_column, ncolumns;
	uint32_t next;     /* tick to be played */
	size_t first_repeat, end_repeat; /* first: of the ticks to be played */
};

/* A tick that stands for `more` others, too. */
struct rrepeat {
	uint32_t tick;
	uint64_t more;
};

struct revent {
	uint32_t at;
	uint32_t tid, flags;
	uint64_t ident;
	struct text name;
};

/* The events of a process. */
struct rthreads {
	uint32_t process;
	size_t first, end;
};

/* The contents of one block. */
struct block {
	bool has_run;
	struct run_info run;
	struct text host, kernel, program;
	uint32_t first_process; /* of the chain: new in this block */
	uint64_t *times;        /* ns */
	uint32_t *missed;
	struct column *columns;
	struct rsamples *samples;
	struct rrepeat *repeats;
	struct revent *events;
	struct rthreads *threads;
	size_t ntimes, ncolumns, nsamples, nrepeats, nevents, nthreads;
	size_t cap_times, cap_missed, cap_columns, cap_samples, cap_repeats,
		cap_events, cap_threads;
	uint64_t cells;
	uint64_t unknown; /* records */
};

/* ---- unpack.c ---- */

struct unpacker {
	z_stream z;
	struct past past;
};

/* 0 or -ENOMEM. */
int unpacker_init(struct unpacker *u);
void unpacker_release(struct unpacker *u);
/*
 * The payload of a block, into h->raw_len bytes; blocks of a chain have to come one
 * after the other. True when it decompresses to exactly that.
 */
bool unpack_payload(struct unpacker *u, const struct header *h,
		    const uint8_t *packed, uint8_t *raw);

/* ---- decode.c ---- */

void chain_init(struct chain *c);
void chain_release(struct chain *c);
void block_release(struct block *b);
/*
 * Reads a payload into *b and adds its definitions to the chain; `opens`: the
 * block is the first of a chain. False: it is not what the format says, and
 * the chain is spoilt. The texts of *b point into `raw`.
 */
bool chain_decode(struct chain *c, struct block *b, const uint8_t *raw,
		  size_t len, bool opens);
/* A varint of at most `most`; else the cursor is bad. */
uint64_t take_upto(struct cursor *from, uint64_t most);
/* A reference of the kind "recent"; else the cursor is bad. */
uint32_t take_recent(struct cursor *from, struct table *t);
struct text take_text(struct cursor *from);

/* ---- samples.c ---- */

bool decode_threads(struct chain *c, struct block *b, struct cursor *from);
bool decode_samples(struct chain *c, struct block *b, struct cursor *from);
bool decode_repeats(struct chain *c, struct block *b, struct cursor *from);
/*
 * A token of the column as the present version has it, and with the number of
 * its case where it is TOKEN_NEXT, which is the one behind that from now on.
 */
uint64_t column_token(const struct chain *c, struct column *column,
		      uint64_t token);

/* ---- resolve.c ---- */

/* Gives all new rows their numbers; `clean` is scratch. */
void chain_resolve(struct chain *c, struct symbols *s, struct str *clean);

/* ---- play.c ---- */

struct player {
	struct sink *sink;
	struct symbols symbols;
	struct source_symbols source;
	struct str clean; /* scratch */
	/* What the sink was told, in order not to repeat it: */
	struct run_info run; /* its texts are ours; host NULL: nothing */
	struct told {
		uint64_t key, a, b; /* all numbers of it */
		uint32_t programs; /* how often its process was another one */
		char *text, *more; /* more: NULL for threads */
	} *told;
	size_t ntold, cap_told, told_bytes;
	struct map process_of, thread_of; /* index of told */
	bool in_tick; /* the last call told of this tick, or its samples: */
	uint32_t pid;
	uint64_t ns, unit;
	uint32_t *heap; /* scratch: indices of samples, by time */
	size_t nheap, cap_heap;
};

void player_init(struct player *p, struct sink *sink);
void player_release(struct player *p);
/* Resolves and plays a block that was accepted; the sink's error. */
int player_play(struct player *p, struct chain *c, struct block *b);

#endif
