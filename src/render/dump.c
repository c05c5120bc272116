/*
 * What each thread is doing, of a profile of a single tick: what both forms of
 * a dump need.
 */
#include <stdlib.h>
#include <string.h>

#include "dump_priv.h"

const char *dump_text(const struct dump *d, uint32_t string)
{
	return symbols_text(&d->p->symbols, string);
}

const char *dump_file(const struct dump *d, const struct code_def *c)
{
	const char *file = dump_text(d, c->file);

	if (!*file || d->o->full_filenames)
		return file;
	return short_filename(file, dump_text(d, d->p->processes->cwd));
}

const char *dump_source(const struct dump *d, const struct frame_def *f)
{
	if (!d->o->line || !f->line)
		return NULL;
	return d->o->line(d->o->lines,
			  dump_text(d, d->p->symbols.codes[f->code].file),
			  f->line);
}

bool dump_has_tid(const struct profile_thread *t)
{
	return !(t->tid >> 31);
}

/* ---- order ---- */

static int by_id(const void *a, const void *b)
{
	const struct profile_thread *x = ((const struct dump_row *)a)->thread;
	const struct profile_thread *y = ((const struct dump_row *)b)->thread;
	int main = (int)(y->flags & THREAD_MAIN) - (int)(x->flags & THREAD_MAIN);

	return main ? main : (x->tid > y->tid) - (x->tid < y->tid);
}

static struct dump_row *dump_rows(const struct profile *p)
{
	struct dump_row *rows = xcalloc(p->nthreads, sizeof(*rows));
	size_t i;

	for (i = 0; i < p->nthreads; i++)
		rows[i].thread = &p->threads[i];
	for (i = 0; i < p->ncells; i++)
		rows[p->cells[i].thread].cell = &p->cells[i];
	if (p->nthreads)
		qsort(rows, p->nthreads, sizeof(*rows), by_id);
	return rows;
}

void render_dump(const struct profile *p, const struct dump_options *o,
		 struct str *out)
{
	struct dump d = {.p = p, .o = o, .out = out};
	struct dump_row *rows = dump_rows(p);

	if (o->json)
		dump_as_json(&d, rows);
	else
		dump_as_text(&d, rows);
	free(rows);
}
