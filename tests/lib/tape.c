#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tape.h"

static struct tape *tape_of(struct sink *s)
{
	return (struct tape *)((char *)s - offsetof(struct tape, sink));
}

static int by_tid(const void *a, const void *b)
{
	const struct tape_line *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

static void end_tick(struct tape *t)
{
	size_t i;

	if (t->nlines)
		qsort(t->lines, t->nlines, sizeof(*t->lines), by_tid);
	for (i = 0; i < t->nlines; i++) {
		str_adds(&t->text, t->lines[i].text);
		free(t->lines[i].text);
	}
	t->nlines = 0;
}

static int on_run(struct sink *s, const struct run_info *r)
{
	struct tape *t = tape_of(s);

	end_tick(t);
	str_addf(&t->text, "run %llu %llu %llu %llu '%s' '%s' '%s'\n",
		 (unsigned long long)r->wall_ns, (unsigned long long)r->mono_ns,
		 (unsigned long long)r->period_ns, (unsigned long long)r->seed,
		 r->host, r->kernel, r->program);
	return 0;
}

static int on_process(struct sink *s, const struct process_info *p)
{
	struct tape *t = tape_of(s);

	end_tick(t);
	str_addf(&t->text, "process %u %llu %x '%s' '%s'\n", p->pid,
		 (unsigned long long)p->start, p->version, p->command, p->cwd);
	return 0;
}

static int on_thread(struct sink *s, const struct thread_info *i)
{
	struct tape *t = tape_of(s);

	end_tick(t);
	str_addf(&t->text, "thread %u %u %llx %x '%s'\n", i->pid, i->tid,
		 (unsigned long long)i->ident, i->flags, i->name);
	return 0;
}

static int on_tick(struct sink *s, const struct source_symbols *syms,
		   const struct tick *tick)
{
	struct tape *t = tape_of(s);

	end_tick(t);
	t->times = grow(t->times, &t->cap_times, t->ntimes + 1,
			sizeof(*t->times));
	t->times[t->ntimes++] = tick->mono_ns;
	t->ticks++;
	t->serial = syms->serial;
	str_addf(&t->text, "tick %u ", tick->pid);
	if (!t->shift)
		str_addf(&t->text, "%llu ", (unsigned long long)tick->mono_ns);
	str_addf(&t->text, "%u", tick->missed);
	if (tick->more)
		str_addf(&t->text, " and %llu more",
			 (unsigned long long)tick->more);
	str_addc(&t->text, '\n');
	return 0;
}

static void describe_frame(struct str *to, const struct symbols *s,
			   const struct frame_def *f)
{
	const struct code_def *c = &s->codes[f->code];

	str_addf(to, " %s(%s:%u:%u:%u)", symbols_text(s, c->name),
		 symbols_text(s, c->file), c->first, f->line, f->flags);
}

void describe_stack(struct str *to, const struct symbols *s, uint32_t stack)
{
	uint32_t n = s->stacks[stack].depth, i;
	uint32_t *path = xmalloc((n + 1) * sizeof(*path));

	for (i = n; i; i--, stack = s->stacks[stack].parent)
		path[i - 1] = s->stacks[stack].frame;
	for (i = 0; i < n; i++)
		describe_frame(to, s, &s->frames[path[i]]);
	free(path);
}

static int on_sample(struct sink *s, const struct source_symbols *syms,
		     const struct sample *sample)
{
	struct tape *t = tape_of(s);
	const struct symbols *table = syms->table;
	const struct state_def *state = &table->states[sample->state];
	struct str line;

	str_init(&line);
	str_addf(&line, " %u %u:%u:%x:'%s' %u", sample->tid, state->run,
		 state->gil, state->flags, symbols_text(table, state->wait),
		 sample->loss);
	describe_stack(&line, table, sample->stack);
	str_addc(&line, '\n');
	t->lines = grow(t->lines, &t->cap_lines, t->nlines + 1,
			sizeof(*t->lines));
	t->lines[t->nlines++] = (struct tape_line){sample->tid, line.data};
	t->samples++;
	return 0;
}

static const struct sink_ops tape_ops = {
	.run = on_run,
	.process = on_process,
	.thread = on_thread,
	.tick = on_tick,
	.sample = on_sample,
};

void tape_init(struct tape *t, unsigned shift)
{
	memset(t, 0, sizeof(*t));
	t->sink.ops = &tape_ops;
	t->shift = shift;
	str_init(&t->text);
}

void tape_release(struct tape *t)
{
	end_tick(t);
	free(t->lines);
	free(t->times);
	str_release(&t->text);
}

const char *tape_text(struct tape *t)
{
	end_tick(t);
	return t->text.data;
}

void tape_same(struct tape *a, struct tape *b)
{
	uint64_t unit = 1ull << a->shift, apart;
	size_t i;

	assert_string_equal(tape_text(a), tape_text(b));
	assert_int_equal(a->ntimes, b->ntimes);
	for (i = 0; i < a->ntimes; i++) {
		apart = a->times[i] > b->times[i] ? a->times[i] - b->times[i] :
						    b->times[i] - a->times[i];
		assert_true(2 * apart <= unit);
	}
}

/* ---- tee ---- */

static struct tee *tee_of(struct sink *s)
{
	return (struct tee *)((char *)s - offsetof(struct tee, sink));
}

static int tee_run(struct sink *s, const struct run_info *info)
{
	struct tee *t = tee_of(s);
	int ret = t->first->ops->run(t->first, info);

	return ret ? ret : t->second->ops->run(t->second, info);
}

static int tee_process(struct sink *s, const struct process_info *info)
{
	struct tee *t = tee_of(s);
	int ret = t->first->ops->process(t->first, info);

	return ret ? ret : t->second->ops->process(t->second, info);
}

static int tee_thread(struct sink *s, const struct thread_info *info)
{
	struct tee *t = tee_of(s);
	int ret = t->first->ops->thread(t->first, info);

	return ret ? ret : t->second->ops->thread(t->second, info);
}

static int tee_tick(struct sink *s, const struct source_symbols *syms,
		    const struct tick *tick)
{
	struct tee *t = tee_of(s);
	int ret = t->first->ops->tick(t->first, syms, tick);

	return ret ? ret : t->second->ops->tick(t->second, syms, tick);
}

static int tee_sample(struct sink *s, const struct source_symbols *syms,
		      const struct sample *sample)
{
	struct tee *t = tee_of(s);
	int ret = t->first->ops->sample(t->first, syms, sample);

	return ret ? ret : t->second->ops->sample(t->second, syms, sample);
}

static const struct sink_ops tee_ops = {
	.run = tee_run,
	.process = tee_process,
	.thread = tee_thread,
	.tick = tee_tick,
	.sample = tee_sample,
};

void tee_init(struct tee *t, struct sink *first, struct sink *second)
{
	t->sink.ops = &tee_ops;
	t->first = first;
	t->second = second;
}
