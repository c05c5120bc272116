/*
 * A dump as JSON: one object on one line. pystrobe-dump(1) has the schema;
 * what changes the meaning of a key makes the version one more.
 */
#include <string.h>

#include "dump_priv.h"

/* `,"key":"text"` */
static void add_text(struct dump *d, const char *key, const char *text)
{
	str_addf(d->out, ",\"%s\":", key);
	str_adds_json(d->out, text);
}

static void add_bool(struct dump *d, const char *key, bool value)
{
	str_addf(d->out, ",\"%s\":%s", key, value ? "true" : "false");
}

static const char *run_name(uint8_t run)
{
	static const char *const names[RUN_STATES] = {
		"unknown", "cpu", "sleeping", "disk", "stopped", "runnable"};

	return names[run < RUN_STATES ? run : RUN_UNKNOWN];
}

static const char *gil_name(uint8_t gil)
{
	static const char *const names[] = {"unknown", "held", "wanted",
					    "neither"};

	return names[gil <= GIL_NEITHER ? gil : GIL_UNKNOWN];
}

static void add_state(struct dump *d, const struct state_def *s)
{
	add_bool(d, "idle", state_is_idle(s));
	add_text(d, "run", run_name(s->run));
	add_text(d, "gil", gil_name(s->gil));
	add_bool(d, "gc", s->flags & STATE_GC);
	add_bool(d, "exception", s->flags & STATE_EXCEPTION);
	if (*dump_text(d, s->wait))
		add_text(d, "wait", dump_text(d, s->wait));
}

static void add_variables(struct dump *d, uint32_t tid, uint32_t depth)
{
	const struct variable *local;
	size_t n;

	str_adds(d->out, ",\"locals\":[");
	for (n = 0; (local = d->o->local(d->o->locals, tid, depth, n)); n++) {
		str_adds(d->out, n ? ",{\"name\":" : "{\"name\":");
		str_adds_json(d->out, local->name);
		add_text(d, "value", local->value);
		add_bool(d, "argument", local->argument);
		str_addc(d->out, '}');
	}
	str_addc(d->out, ']');
}

static void add_frame(struct dump *d, const struct frame_def *f, uint32_t tid,
		      uint32_t depth)
{
	const struct code_def *c = &d->p->symbols.codes[f->code];
	const char *file = dump_text(d, c->file), *source = dump_source(d, f);

	str_adds(d->out, "{\"name\":");
	str_adds_json(d->out, dump_text(d, c->name));
	add_text(d, "file", file);
	if (*file && !d->o->full_filenames)
		add_text(d, "short_file", dump_file(d, c));
	str_addf(d->out, ",\"line\":%u,\"first_line\":%u", f->line, c->first);
	if (source)
		add_text(d, "source", source);
	if (d->o->local)
		add_variables(d, tid, depth);
	str_addc(d->out, '}');
}

/* Whole, or its outermost frames only, below a marker that is no frame. */
static void add_stack(struct dump *d, uint32_t tid, uint32_t stack)
{
	const struct symbols *s = &d->p->symbols;
	const struct frame_def *f;
	const char *comma = "";
	uint32_t depth = 0;
	bool whole = true;

	str_adds(d->out, ",\"frames\":[");
	for (; stack; stack = s->stacks[stack].parent) {
		f = &s->frames[s->stacks[stack].frame];
		if (f->flags & FRAME_MARKER) {
			whole = false;
			continue;
		}
		str_adds(d->out, comma);
		add_frame(d, f, tid, depth++);
		comma = ",";
	}
	str_addc(d->out, ']');
	add_text(d, "stack", whole ? "whole" : "partial");
}

static void add_flaws(struct dump *d, unsigned flaws)
{
	add_bool(d, "locals_hold", !(flaws & VARIABLES_TORN));
	add_bool(d, "locals_whole", !(flaws & VARIABLES_CUT));
}

static void add_thread(struct dump *d, const struct dump_row *row)
{
	const struct profile_thread *t = row->thread;

	str_addf(d->out, "{\"ident\":\"0x%llx\"",
		 (unsigned long long)t->ident);
	if (dump_has_tid(t))
		str_addf(d->out, ",\"tid\":%u", t->tid);
	add_text(d, "name", dump_text(d, t->name));
	add_bool(d, "main", t->flags & THREAD_MAIN);
	if (row->cell) {
		add_state(d, &d->p->symbols.states[row->cell->state]);
		add_stack(d, t->tid, row->cell->stack);
		if (d->o->local)
			add_flaws(d, d->o->locals_flaws(d->o->locals, t->tid));
	} else {
		add_text(d, "stack", "lost");
	}
	str_addc(d->out, '}');
}

void dump_as_json(struct dump *d, const struct dump_row *rows)
{
	const struct profile_process *process = d->p->processes;
	struct str version;
	size_t i;

	str_init(&version);
	if (process->version)
		add_version(&version, process->version);
	str_addf(d->out, "{\"pystrobe_dump\":1,\"pid\":%u", process->pid);
	add_text(d, "command", dump_text(d, process->command));
	add_text(d, "python", version.data);
	str_addf(d->out, ",\"time\":%llu.%06llu",
		 (unsigned long long)(d->o->wall_ns / 1000000000),
		 (unsigned long long)(d->o->wall_ns / 1000 % 1000000));
	str_adds(d->out, ",\"threads\":[");
	for (i = 0; i < d->p->nthreads; i++) {
		str_adds(d->out, i ? "," : "");
		add_thread(d, &rows[i]);
	}
	str_adds(d->out, "]}\n");
	str_release(&version);
}
