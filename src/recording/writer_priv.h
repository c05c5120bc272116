/*
 * writer_priv.h - the parts of the writer.
 *
 *   writer.c    the sink: ticks and samples become columns
 *   subject.c   what was told of processes and threads, to tell it again
 *   tables.c    numbers of the source become numbers of the chain
 *   pack.c      a block is put together, compressed and appended
 *   output.c    the file
 */
#ifndef PYSTROBE_WRITER_PRIV_H
#define PYSTROBE_WRITER_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "base.h"
#include "profile.h"
#include "recording_priv.h"

/* ---- output.c ---- */

struct output;

int output_open(struct output **out, const char *path, struct err *err);
/* All of it or, in a file of our own, nothing of it. */
int output_append(struct output *o, const void *data, size_t len,
		  struct err *err);
/* The file gets its name when it is closed, not with the first block. */
void output_name_late(struct output *o);
uint64_t output_len(const struct output *o);
int output_close(struct output *o, struct err *err); /* frees */
void output_free(struct output *o); /* NULL legal */

/* ---- tables.c ---- */

/* A number of the source -> a number of the chain, while the stamp holds. */
struct numbers {
	struct number {
		uint32_t stamp, id;
	} *items;
	size_t len;
};

/* The symbols of one source. */
struct source {
	const struct symbols *table;
	uint32_t serial;
	uint32_t chain; /* for which the stamp was given */
	uint32_t stamp; /* 0: none */
	struct numbers strings, codes, frames, stacks, states;
};

/* Counts are those of the chain, rows those of the block. */
struct tables {
	uint32_t chain;  /* number of the chain, from 1 */
	uint32_t stamps; /* given so far */
	uint32_t nstrings, ncodes, nframes, nstacks, nstates, ncases;
	uint32_t old_cases; /* of blocks before */
	size_t text_bytes;
	uint32_t case_stack; /* the highest one of a case */
	struct map case_of; /* by stack, state and loss */
	uint32_t new_strings;
	struct str lengths, text, codes, frames, stacks, states, cases;
	uint32_t *path; /* scratch */
	size_t cap_path;
};

void tables_init(struct tables *t);
void tables_release(struct tables *t);
void tables_next_block(struct tables *t);
void tables_next_chain(struct tables *t);
size_t tables_bytes(const struct tables *t); /* of this block, about */
bool tables_full(const struct tables *t);    /* another chain is due */

void source_release(struct source *src);
/* To be called before numbers of `syms` are used. */
void source_select(struct source *src, struct tables *t,
		   const struct source_symbols *syms);
/* The case of a sample, defined if need be; -EINVAL for a foreign number. */
int tables_case(struct tables *t, struct source *src,
		const struct sample *sample, uint32_t *id);

/* A text as the format has it: at most TEXT_MAX bytes. */
void add_text(struct str *to, const char *text);

/* ---- subject.c ---- */

struct wthread {
	uint32_t tid;
	uint32_t flags;
	uint64_t ident;
	char *name;     /* NULL: nothing was told about it */
	uint32_t chain; /* in which that was written */
	/* Its column, if it has one in this block: */
	uint32_t block, place; /* index in `order` of the process */
	uint32_t stamp, stack, state, loss; /* the last sample, as it came */
	uint32_t token;      /* it holds for the ticks from..next-1 */
	uint32_t fresh;      /* the token for which TOKEN_NEXT stands */
	uint32_t from, next;
	struct str column;   /* the ticks before `from` */
};

struct wprocess {
	struct process_info info; /* its texts are ours */
	uint32_t chain, number;   /* its number in that chain */
	struct source source;
	struct wthread **threads;
	size_t nthreads, cap_threads;
	struct map thread_of; /* tid -> index of threads */
	/* Of this block: */
	struct wthread **order; /* those that have a column */
	size_t norder, cap_order;
	size_t pos; /* in order: whose sample is likely the next */
	uint64_t *times;
	uint32_t *missed;
	uint64_t first_number, last_number; /* of ticks, in the schedule */
	size_t nticks, cap_times, cap_missed;
	struct str repeats; /* rows of ticks that stand for several */
	uint32_t repeat_at; /* of the last row */
	uint64_t more;      /* of the last tick */
	bool continued; /* the first tick is the last one of before */
	struct str events;
	uint32_t event_at, event_tid; /* of the last row of events */
	uint64_t event_ident;
};

struct writer {
	struct sink sink;
	struct output *out;
	struct run_info run; /* its texts are ours; host NULL: not told */
	struct wprocess **processes;
	size_t nprocesses, cap_processes;
	struct map process_of; /* pid -> index */
	struct wprocess *current; /* of the last tick */
	struct tables tables;
	uint32_t block; /* number, from 1 */
	bool open_chain; /* the block opens a chain */
	bool dirty;      /* there is something in it */
	bool leisure;    /* it is over when it is full */
	bool has_ticks, chain_has_ticks;
	uint64_t block_ns, chain_ns; /* first tick */
	uint32_t chain_processes;
	struct str processes_new; /* PROCESS records of this block */
	size_t bytes; /* of events and columns, at most */
	size_t cells;
	uint32_t link;
	z_stream z;
	struct str raw, packed;
	struct past past;
	size_t *cuts; /* in raw: where other kinds of bytes begin */
	size_t ncuts, cap_cuts;
	int failed; /* the first error, and its sentence */
	struct err err;
};

/* The process, or NULL. */
struct wprocess *writer_find(const struct writer *w, uint32_t pid);
struct wprocess *writer_add_process(struct writer *w,
				    const struct process_info *info);
bool writer_same_process(const struct process_info *a,
		       const struct process_info *b);
/* Gives the process a number in this chain. */
void writer_enter(struct writer *w, struct wprocess *p);
struct wthread *writer_thread(struct wprocess *p, uint32_t tid);
/* True when what is told is new. */
bool writer_learn(struct wthread *t, const struct thread_info *info);
/* Writes what is known of the thread, from the tick `at` on. */
void writer_tell(struct writer *w, struct wprocess *p, struct wthread *t,
		 uint32_t at);
/* Forgets the columns, and threads and processes that are over. */
void writer_forget(struct writer *w);
void writer_forget_process(struct writer *w, struct wprocess *p);
void writer_free_processes(struct writer *w);

/* ---- pack.c ---- */

#define LEVEL 6 /* of zlib: 9 gains nothing on these bytes */


/* Puts the block together in w->packed, header included. */
int writer_pack(struct writer *w);
/* Appends the token that holds to the column. */
void column_add(struct wthread *t);
/* The unit of times, as a power of 2 in ns, for a period. */
unsigned unit_shift(uint64_t period_ns);

#endif
