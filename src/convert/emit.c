/*
 * Stacks and owners become what a sink is told.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "convert_priv.h"

#define PERIOD_NS 10000000u
#define MADE_UP (1u << 31) /* bit of thread ids that are */

void emit_init(struct emit *e, const struct convert_options *o,
	       struct sink *sink, struct convert_report *report)
{
	memset(e, 0, sizeof(*e));
	e->sink = sink;
	e->report = report;
	e->run.period_ns = o->period_ns;
	e->run.host = e->run.kernel = "";
	e->run.program = xstrdup(o->program ? o->program : "");
	symbols_init(&e->symbols);
	e->source.table = &e->symbols;
	map_init(&e->process_of);
	intern_init(&e->thread_keys);
	map_init(&e->taken);
	str_init(&e->name);
	str_init(&e->other);
}

void emit_release(struct emit *e)
{
	symbols_release(&e->symbols);
	map_release(&e->process_of);
	intern_release(&e->thread_keys);
	map_release(&e->taken);
	str_release(&e->name);
	str_release(&e->other);
	free((char *)e->run.program);
	free(e->processes);
	free(e->threads);
	free(e->samples);
}

/* Tells the tick that is held, if there is one. */
static int tell_tick(struct emit *e)
{
	size_t i;
	int ret;

	if (!e->nsamples)
		return 0;
	ret = e->sink->ops->tick(e->sink, &e->source, &e->held);
	for (i = 0; !ret && i < e->nsamples; i++)
		ret = e->sink->ops->sample(e->sink, &e->source,
					   &e->samples[i]);
	e->nsamples = 0;
	return ret;
}

int emit_end(struct emit *e)
{
	return e->failed ? e->failed : tell_tick(e);
}

/* ---- stacks ---- */

void emit_begin(struct emit *e)
{
	if (symbols_bytes(&e->symbols) > SYMBOLS_MAX) {
		if (!e->failed)
			e->failed = tell_tick(e);
		symbols_clear(&e->symbols);
		e->source.serial++;
	}
	e->stack = 0;
	e->frames = 0;
}

static uint32_t string_of(struct emit *e, const struct piece *p)
{
	str_clear(&e->name);
	str_add_clean(&e->name, p->p, p->len);
	return symbols_string(&e->symbols, e->name.data, e->name.len);
}

bool emit_frame(struct emit *e, const struct frame_text *f)
{
	struct code_def code = {.first = 0};
	struct frame_def frame = {.line = f->line, .flags = f->flags};

	if (e->frames++ == FRAMES_MAX)
		return false;
	code.name = string_of(e, &f->name);
	code.file = string_of(e, &f->file);
	frame.code = symbols_code(&e->symbols, &code);
	e->stack = symbols_stack(&e->symbols, e->stack,
				 symbols_frame(&e->symbols, &frame));
	return true;
}

/* ---- who ---- */

static int tell_run(struct emit *e)
{
	if (e->told)
		return 0;
	e->told = true;
	return e->sink->ops->run(e->sink, &e->run);
}

/* Forgets all of them, when there are too many; the sink is told again. */
static int bound_known(struct emit *e)
{
	if (e->nprocesses < KNOWN_MAX && e->nthreads < KNOWN_MAX)
		return 0;
	e->nprocesses = e->nthreads = 0;
	map_clear(&e->process_of);
	intern_clear(&e->thread_keys);
	map_clear(&e->taken);
	return tell_tick(e);
}

static int tell_process(struct emit *e, const struct owner *o,
			struct emit_process **out)
{
	struct process_info info = {
		.pid = o->pid, .version = e->version, .cwd = ""};
	uint32_t i = map_get(&e->process_of, o->pid);

	if (i != MAP_NONE) {
		*out = &e->processes[i];
		return 0;
	}
	e->processes = grow(e->processes, &e->cap_processes,
			    e->nprocesses + 1, sizeof(*e->processes));
	map_put(&e->process_of, o->pid, (uint32_t)e->nprocesses);
	*out = &e->processes[e->nprocesses++];
	**out = (struct emit_process){.pid = o->pid, .clock = e->clock};
	str_clear(&e->name);
	str_add_clean(&e->name, o->command.p, o->command.len);
	info.command = e->name.data;
	return e->sink->ops->process(e->sink, &info);
}

/* An id that two threads had, one after the other, is the first one's. */
static uint32_t thread_id(struct emit *e, const struct owner *o)
{
	uint64_t key = (uint64_t)o->pid << 32 | (uint32_t)o->tid;

	if (!o->made_up && !o->interp && o->tid &&
	    map_get(&e->taken, key) == MAP_NONE) {
		map_put(&e->taken, key, 1);
		return (uint32_t)o->tid;
	}
	return MADE_UP | (e->made_up++ & ~MADE_UP);
}

static void thread_name(struct emit *e, const struct owner *o)
{
	str_clear(&e->name);
	str_add_clean(&e->name, o->name.p, o->name.len);
	if (o->interp && !o->name.len)
		str_addf(&e->name, "interpreter %u", o->interp);
}

static int tell_thread(struct emit *e, const struct owner *o,
		       struct emit_thread **out)
{
	uint64_t key[2] = {(uint64_t)o->pid << 32 | o->interp, o->tid};
	struct thread_info info = {.pid = o->pid, .ident = o->tid};
	size_t before = e->thread_keys.len;
	uint32_t i;

	/* Names tell threads apart that have no number. */
	thread_name(e, o);
	str_clear(&e->other);
	str_add(&e->other, key, sizeof(key));
	str_addc(&e->other, (char)o->made_up);
	str_adds(&e->other, e->name.data);
	i = intern_add(&e->thread_keys, e->other.data, e->other.len) - 1;
	if (e->thread_keys.len == before) {
		*out = &e->threads[i];
		return 0;
	}
	e->threads = grow(e->threads, &e->cap_threads, e->nthreads + 1,
			  sizeof(*e->threads));
	*out = &e->threads[e->nthreads++];
	**out = (struct emit_thread){.tid = thread_id(e, o)};
	info.tid = (*out)->tid;
	info.name = e->name.data;
	if (info.tid == info.pid && info.pid)
		info.flags = THREAD_MAIN;
	return e->sink->ops->thread(e->sink, &info);
}

static int tell_owner(struct emit *e, const struct owner *o,
		      struct emit_process **p, struct emit_thread **t)
{
	int ret = e->failed;

	if (!ret && e->held.pid != o->pid)
		ret = tell_tick(e);
	if (!ret)
		ret = bound_known(e);
	if (!ret)
		ret = tell_run(e);
	if (!ret)
		ret = tell_process(e, o, p);
	if (!ret)
		ret = tell_thread(e, o, t);
	return ret;
}

/* ---- when ---- */

/* The clock does not go beyond what all readers can hold. */
static uint64_t later(struct emit *e, uint64_t clock, uint64_t count,
		      uint64_t ns)
{
	uint64_t left = CLOCK_MAX - clock;

	if (!count || !ns || ns <= left / count)
		return clock + count * ns;
	e->report->late = true;
	return CLOCK_MAX;
}

static void hold_tick(struct emit *e, const struct emit_process *p,
		      uint32_t missed, uint64_t more)
{
	e->held = (struct tick){
		.pid = p->pid,
		.mono_ns = p->clock,
		.missed = missed,
		.more = more,
	};
	if (p->clock > e->clock)
		e->clock = p->clock;
	e->tick++;
}

static void hold_sample(struct emit *e, struct emit_thread *t,
			const struct state_def *state)
{
	e->samples = grow(e->samples, &e->cap_samples, e->nsamples + 1,
			  sizeof(*e->samples));
	e->samples[e->nsamples++] = (struct sample){
		.tid = t->tid,
		.stack = e->stack,
		.state = symbols_state(&e->symbols, state),
	};
	t->tick = e->tick;
}

int emit_counted(struct emit *e, const struct owner *o, uint64_t count)
{
	struct state_def unknown = {.run = RUN_UNKNOWN};
	struct emit_process *p;
	struct emit_thread *t;
	int ret;

	if (!e->run.period_ns)
		e->run.period_ns = PERIOD_NS;
	ret = tell_owner(e, o, &p, &t);
	if (ret)
		return ret;
	/* One clock for all: nothing says that they ran side by side. */
	p->clock = later(e, e->clock, count, e->run.period_ns);
	hold_tick(e, p, 0, count - 1);
	hold_sample(e, t, &unknown);
	return tell_tick(e);
}

/* Ticks that were due and not taken, as far as the time since the last says. */
static uint32_t missed_in(const struct emit *e, uint64_t ns)
{
	uint64_t period = e->run.period_ns, due;

	if (!period)
		return 0;
	due = ns / period + (ns % period >= period / 2 + period % 2);
	if (due < 2)
		return 0;
	return due > UINT32_MAX ? UINT32_MAX : (uint32_t)due - 1;
}

int emit_timed(struct emit *e, const struct owner *o,
	       const struct state_def *state, uint64_t ns)
{
	struct emit_process *p;
	struct emit_thread *t;
	int ret = tell_owner(e, o, &p, &t);

	if (ret)
		return ret;
	/* Another look, unless it is one more thread of the same. */
	if (!e->nsamples || e->tick_ns != ns || t->tick == e->tick) {
		ret = tell_tick(e);
		p->clock = later(e, p->clock, 1, ns);
		e->tick_ns = ns;
		hold_tick(e, p, missed_in(e, ns), 0);
	}
	hold_sample(e, t, state);
	return ret;
}
