/*
 * dump_priv.h - what the two forms of a dump, text and JSON, share.
 */
#ifndef PYSTROBE_DUMP_PRIV_H
#define PYSTROBE_DUMP_PRIV_H

#include "render_priv.h"

struct dump {
	const struct profile *p;
	const struct dump_options *o;
	struct str *out;
};

/* A thread of a dump; without a cell its stack could not be read at all. */
struct dump_row {
	const struct profile_thread *thread;
	const struct profile_cell *cell;
};

/* `rows` are all threads: the main one first, then by id. */
void dump_as_text(struct dump *d, const struct dump_row *rows);
void dump_as_json(struct dump *d, const struct dump_row *rows);

const char *dump_text(const struct dump *d, uint32_t string);
/* The file of a frame as it is to be shown; "" for none. */
const char *dump_file(const struct dump *d, const struct code_def *c);
/* The line of source of a frame, or NULL. */
const char *dump_source(const struct dump *d, const struct frame_def *f);
/* Of one that the kernel does not know it is made up. */
bool dump_has_tid(const struct profile_thread *t);

#endif
