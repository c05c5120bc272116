/*
 * What each thread is doing, of a profile of a single tick: the stacks as
 * text, innermost frame first.
 */
#include <stdlib.h>
#include <string.h>

#include "render_priv.h"

struct dump {
	const struct profile *p;
	const struct render_options *o;
	struct str *out;
};

static const char *text(const struct dump *d, uint32_t string)
{
	return symbols_text(&d->p->symbols, string);
}

static void add_clean(struct dump *d, const char *s)
{
	str_add_clean(d->out, s, strlen(s));
}

static void add_process(struct dump *d)
{
	const struct profile_process *process = d->p->processes;

	str_addf(d->out, "Process %u: ", process->pid);
	add_clean(d, text(d, process->command));
	str_addc(d->out, '\n');
	if (process->version)
		add_version(d->out, process->version);
	str_addc(d->out, '\n');
}

/* "active+gil", "idle, wait: GIL": the first word is py-spy's. */
static void add_state(struct dump *d, const struct state_def *def)
{
	const char *wait = text(d, def->wait);

	str_adds(d->out, state_is_idle(def) ? "idle" : "active");
	if (def->gil == GIL_HELD)
		str_adds(d->out, "+gil");
	if (def->flags & STATE_GC)
		str_adds(d->out, ", collects garbage");
	if (def->gil == GIL_WANTED)
		str_adds(d->out, ", wait: GIL");
	else if (def->run == RUN_RUNNABLE)
		str_adds(d->out, ", runnable");
	else if (def->run == RUN_STOPPED)
		str_adds(d->out, ", stopped");
	else if (state_is_idle(def) && *wait) {
		str_adds(d->out, ", wait: ");
		add_clean(d, wait);
	}
}

static void add_frame(struct dump *d, const struct frame_def *f)
{
	const struct symbols *s = &d->p->symbols;
	const struct code_def *c = &s->codes[f->code];
	const char *file = text(d, c->file);

	str_adds(d->out, "    ");
	add_clean(d, text(d, c->name));
	if (*file && !d->o->view.full_filenames)
		file = short_filename(file, text(d, d->p->processes->cwd));
	if (*file) {
		str_adds(d->out, " (");
		add_clean(d, file);
		if (f->line)
			str_addf(d->out, ":%u", f->line);
		str_addc(d->out, ')');
	}
	str_addc(d->out, '\n');
}

static void add_stack(struct dump *d, uint32_t stack)
{
	const struct symbols *s = &d->p->symbols;

	for (; stack; stack = s->stacks[stack].parent)
		add_frame(d, &s->frames[s->stacks[stack].frame]);
}

static const struct profile_cell *cell_of(const struct profile *p,
					  uint32_t thread)
{
	size_t i;

	for (i = 0; i < p->ncells; i++)
		if (p->cells[i].thread == thread)
			return &p->cells[i];
	return NULL;
}

static void add_thread(struct dump *d, uint32_t thread)
{
	const struct profile_thread *t = &d->p->threads[thread];
	const struct profile_cell *cell = cell_of(d->p, thread);

	str_adds(d->out, "\nThread ");
	if (t->tid >> 31) /* made up */
		str_addf(d->out, "0x%llx", (unsigned long long)t->ident);
	else
		str_addf(d->out, "%u", t->tid);
	str_adds(d->out, " (");
	if (cell)
		add_state(d, &d->p->symbols.states[cell->state]);
	else
		str_adds(d->out, "its stack could not be read");
	str_adds(d->out, "): \"");
	add_clean(d, text(d, t->name));
	str_adds(d->out, "\"\n");
	if (cell)
		add_stack(d, cell->stack);
}

/* The main thread first, then by id. */
static int by_id(const void *a, const void *b, void *arg)
{
	const struct profile *p = arg;
	const struct profile_thread *x = &p->threads[*(const uint32_t *)a];
	const struct profile_thread *y = &p->threads[*(const uint32_t *)b];
	int main = (int)(y->flags & THREAD_MAIN) - (int)(x->flags & THREAD_MAIN);

	return main ? main : (x->tid > y->tid) - (x->tid < y->tid);
}

void render_dump(const struct profile *p, const struct render_options *o,
		 struct str *out)
{
	struct dump d = {.p = p, .o = o, .out = out};
	uint32_t *order = xcalloc(p->nthreads, sizeof(*order));
	uint32_t i;

	for (i = 0; i < p->nthreads; i++)
		order[i] = i;
	if (p->nthreads)
		qsort_r(order, p->nthreads, sizeof(*order), by_id, (void *)p);
	add_process(&d);
	for (i = 0; i < p->nthreads; i++)
		add_thread(&d, order[i]);
	if (!p->nthreads)
		str_adds(out, "\nNo thread runs Python code.\n");
	free(order);
}
