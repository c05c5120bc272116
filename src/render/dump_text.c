/*
 * A dump as text: the stacks of threads, innermost frame first.
 */
#include <stdlib.h>
#include <string.h>

#include "dump_priv.h"

#define NAMES_SHOWN 3 /* of a group whose names have nothing in common */
#define IDS_SHOWN 12  /* of a group */
#define PREFIX_MIN 3  /* letters that names have in common */
#define SOURCE_COLUMNS 160

/* ---- groups: threads that do the same at the same place ---- */

/* One thread, or all that are like it: a list of rows by index. */
struct group {
	size_t first, last, count;
};

struct groups {
	const struct dump_row *rows;
	size_t *next; /* row -> the next one of its group */
	struct group *at;
	size_t len;
};

/* Equal for threads that do the same, whatever exactly they wait for. */
static uint64_t likeness(const struct dump *d, const struct dump_row *row)
{
	const struct state_def *s = &d->p->symbols.states[row->cell->state];

	return (uint64_t)row->cell->stack << 32 | (uint32_t)s->run << 16 |
	       (uint32_t)s->gil << 8 | (s->flags & STATE_GC);
}

static void groups_make(struct groups *g, const struct dump *d,
			const struct dump_row *rows, size_t n)
{
	struct map of;
	uint32_t i;
	size_t k;

	g->rows = rows;
	g->next = xcalloc(n, sizeof(*g->next));
	g->at = xcalloc(n, sizeof(*g->at));
	g->len = 0;
	map_init(&of);
	for (k = 0; k < n; k++) {
		i = MAP_NONE;
		if (d->o->group && rows[k].cell) {
			i = map_get(&of, likeness(d, &rows[k]));
			if (i == MAP_NONE)
				map_put(&of, likeness(d, &rows[k]),
					(uint32_t)g->len);
		}
		if (i == MAP_NONE) {
			g->at[g->len++] = (struct group){k, k, 1};
			continue;
		}
		g->next[g->at[i].last] = k;
		g->at[i].last = k;
		g->at[i].count++;
	}
	map_release(&of);
}

static void groups_release(struct groups *g)
{
	free(g->next);
	free(g->at);
}

/* ---- text ---- */

static void add_process(struct dump *d)
{
	const struct profile_process *process = d->p->processes;

	str_addf(d->out, "Process %u: ", process->pid);
	str_adds_clean(d->out, dump_text(d, process->command));
	str_addc(d->out, '\n');
	if (process->version)
		add_version(d->out, process->version);
	str_addc(d->out, '\n');
}

/* "active+gil", "idle, wait: GIL": the first word is py-spy's. */
static void add_state(struct dump *d, const struct state_def *def,
		      const char *wait)
{
	str_adds(d->out, state_is_idle(def) ? "idle" : "active");
	if (def->gil == GIL_HELD)
		str_adds(d->out, "+gil");
	if (def->flags & STATE_GC)
		str_adds(d->out, ", collects garbage");
	if (def->run == RUN_STOPPED)
		str_adds(d->out, ", stopped");
	else if (state_wants_gil(def))
		str_adds(d->out, ", wait: GIL");
	else if (def->run == RUN_RUNNABLE)
		str_adds(d->out, ", runnable");
	else if (state_is_idle(def) && *wait) {
		str_adds(d->out, ", wait: ");
		str_adds_clean(d->out, wait);
	}
}

static void add_frame(struct dump *d, const struct frame_def *f)
{
	const struct code_def *c = &d->p->symbols.codes[f->code];
	const char *file = dump_file(d, c), *source = dump_source(d, f);
	struct str clean;

	str_adds(d->out, "    ");
	str_adds_clean(d->out, dump_text(d, c->name));
	if (*file) {
		str_adds(d->out, " (");
		str_adds_clean(d->out, file);
		if (f->line)
			str_addf(d->out, ":%u", f->line);
		str_addc(d->out, ')');
	}
	str_addc(d->out, '\n');
	if (!source || !*source)
		return;
	str_init(&clean);
	str_adds_clean(&clean, source);
	str_adds(d->out, "        ");
	text_fit(d->out, clean.data, clean.len, SOURCE_COLUMNS, "...");
	str_addc(d->out, '\n');
	str_release(&clean);
}

/* Those that are arguments, or those that are not, under their head. */
static void add_variables(struct dump *d, uint32_t tid, uint32_t depth,
			  bool arguments)
{
	const struct variable *local;
	bool any = false;
	size_t n;

	for (n = 0; (local = d->o->local(d->o->locals, tid, depth, n)); n++) {
		if (local->argument != arguments)
			continue;
		if (!any)
			str_adds(d->out, arguments ? "        Arguments:\n"
						   : "        Locals:\n");
		any = true;
		str_adds(d->out, "            ");
		str_adds_clean(d->out, local->name);
		str_adds(d->out, ": ");
		str_adds_clean(d->out, local->value);
		str_addc(d->out, '\n');
	}
}

static void add_stack(struct dump *d, uint32_t tid, uint32_t stack)
{
	const struct symbols *s = &d->p->symbols;
	const struct frame_def *f;
	uint32_t depth = 0;

	for (; stack; stack = s->stacks[stack].parent) {
		f = &s->frames[s->stacks[stack].frame];
		add_frame(d, f);
		if (f->flags & FRAME_MARKER || !d->o->local)
			continue;
		add_variables(d, tid, depth, true);
		add_variables(d, tid, depth, false);
		depth++;
	}
}

static void add_id(struct dump *d, const struct profile_thread *t)
{
	if (dump_has_tid(t))
		str_addf(d->out, "%u", t->tid);
	else
		str_addf(d->out, "0x%llx", (unsigned long long)t->ident);
}

static const char *wait_of(const struct dump *d, const struct groups *g,
			   size_t row)
{
	const struct dump_row *r = &g->rows[row];

	return dump_text(d, d->p->symbols.states[r->cell->state].wait);
}

/* What all of them wait for: of "lock 0x10", "lock 0x20" it is "lock". */
static void common_wait(const struct dump *d, const struct groups *g,
			const struct group *group, struct str *out)
{
	const char *wait = wait_of(d, g, group->first), *other;
	size_t i, row = group->first, word = strcspn(wait, " ");
	size_t len = strlen(wait);

	for (i = 1; i < group->count; i++) {
		row = g->next[row];
		other = wait_of(d, g, row);
		if (strcspn(other, " ") != word || strncmp(other, wait, word))
			return;
		if (strcmp(other, wait) != 0)
			len = word;
	}
	str_add(out, wait, len);
}

static const char *name_of(const struct dump *d, const struct groups *g,
			   size_t row)
{
	return dump_text(d, g->rows[row].thread->name);
}

/* Bytes that the names of a group have in common; *same: all of them. */
static size_t common_prefix(const struct dump *d, const struct groups *g,
			    const struct group *group, bool *same)
{
	const char *first = name_of(d, g, group->first), *other;
	size_t i, n, row = group->first, prefix = strlen(first);

	*same = true;
	for (i = 1; i < group->count; i++) {
		row = g->next[row];
		other = name_of(d, g, row);
		*same = *same && !strcmp(other, first);
		for (n = 0; n < prefix && other[n] == first[n]; n++)
			;
		prefix = n;
	}
	/* Not in the middle of a character. */
	while (prefix && ((unsigned char)first[prefix] & 0xc0) == 0x80)
		prefix--;
	return prefix;
}

static void add_name(struct dump *d, const struct dump_row *row)
{
	str_addc(d->out, '"');
	str_adds_clean(d->out, dump_text(d, row->thread->name));
	str_addc(d->out, '"');
}

/* "worker-*", or the first few names. */
static void add_names(struct dump *d, const struct groups *g,
		      const struct group *group)
{
	size_t i, row = group->first, prefix;
	bool same;

	prefix = common_prefix(d, g, group, &same);
	if (same) {
		add_name(d, &g->rows[row]);
		return;
	}
	if (prefix >= PREFIX_MIN) {
		str_addc(d->out, '"');
		str_add_clean(d->out, name_of(d, g, row), prefix);
		str_adds(d->out, "*\"");
		return;
	}
	for (i = 0; i < group->count && i < NAMES_SHOWN; i++) {
		str_adds(d->out, i ? ", " : "");
		add_name(d, &g->rows[row]);
		row = g->next[row];
	}
	if (i < group->count)
		str_adds(d->out, ", ...");
}

static void add_ids(struct dump *d, const struct groups *g,
		    const struct group *group)
{
	size_t i, row = group->first;

	str_adds(d->out, "    # ");
	for (i = 0; i < group->count && i < IDS_SHOWN; i++) {
		str_adds(d->out, i ? ", " : "");
		add_id(d, g->rows[row].thread);
		row = g->next[row];
	}
	if (i < group->count)
		str_addf(d->out, " and %zu more", group->count - i);
	str_addc(d->out, '\n');
}

static void add_flaws(struct dump *d, unsigned flaws)
{
	if (flaws & VARIABLES_TORN)
		str_adds(d->out, "    (it ran while its variables were read)\n");
	if (flaws & VARIABLES_CUT)
		str_adds(d->out, "    (time was over before all variables were "
				 "read)\n");
}

static void add_group(struct dump *d, const struct groups *g,
		      const struct group *group)
{
	const struct dump_row *row = &g->rows[group->first];
	struct str wait;

	str_addc(d->out, '\n');
	if (group->count > 1) {
		str_addf(d->out, "%zu threads", group->count);
	} else {
		str_adds(d->out, "Thread ");
		add_id(d, row->thread);
	}
	str_adds(d->out, " (");
	str_init(&wait);
	if (row->cell) {
		common_wait(d, g, group, &wait);
		add_state(d, &d->p->symbols.states[row->cell->state],
			  wait.data);
	} else {
		str_adds(d->out, "its stack could not be read");
	}
	str_release(&wait);
	str_adds(d->out, "): ");
	add_names(d, g, group);
	str_addc(d->out, '\n');
	if (group->count > 1)
		add_ids(d, g, group);
	if (!row->cell)
		return;
	add_stack(d, row->thread->tid, row->cell->stack);
	if (d->o->local)
		add_flaws(d, d->o->locals_flaws(d->o->locals, row->thread->tid));
}

void dump_as_text(struct dump *d, const struct dump_row *rows)
{
	struct groups groups;
	size_t i;

	groups_make(&groups, d, rows, d->p->nthreads);
	add_process(d);
	for (i = 0; i < groups.len; i++)
		add_group(d, &groups, &groups.at[i]);
	if (!d->p->nthreads)
		str_adds(d->out, "\nNo thread runs Python code.\n");
	groups_release(&groups);
}
