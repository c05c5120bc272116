/*
 * A sink that passes all on, and counts the samples of threads that neither
 * ran nor waited for anything of their own: a recording of a stopped program is
 * not what its user had in mind.
 */
#include "cli_priv.h"

static struct standing *standing_of(struct sink *s)
{
	return (struct standing *)((char *)s -
				   offsetof(struct standing, sink));
}

static int on_run(struct sink *s, const struct run_info *info)
{
	struct sink *to = standing_of(s)->to;

	return to->ops->run(to, info);
}

static int on_process(struct sink *s, const struct process_info *info)
{
	struct sink *to = standing_of(s)->to;

	return to->ops->process(to, info);
}

static int on_thread(struct sink *s, const struct thread_info *info)
{
	struct sink *to = standing_of(s)->to;

	return to->ops->thread(to, info);
}

static int on_tick(struct sink *s, const struct source_symbols *syms,
		   const struct tick *tick)
{
	struct sink *to = standing_of(s)->to;

	return to->ops->tick(to, syms, tick);
}

static int on_sample(struct sink *s, const struct source_symbols *syms,
		     const struct sample *sample)
{
	struct standing *n = standing_of(s);
	const struct symbols *t = syms->table;
	bool lost = sample->loss && !sample->stack;
	unsigned run;

	if (!lost && sample->state < t->nstates) {
		run = t->states[sample->state].run;
		n->samples++;
		n->stopped += run == RUN_STOPPED;
		n->disk += run == RUN_DISK;
	}
	return n->to->ops->sample(n->to, syms, sample);
}

static const struct sink_ops standing_ops = {
	.run = on_run,
	.process = on_process,
	.thread = on_thread,
	.tick = on_tick,
	.sample = on_sample,
};

void standing_init(struct standing *s, struct sink *to)
{
	*s = (struct standing){.sink.ops = &standing_ops, .to = to};
}

static void add_part(struct str *s, uint64_t part, uint64_t whole,
		     const char *what)
{
	if (!part)
		return;
	str_adds(s, ", ");
	add_percent(s, part, whole);
	str_adds(s, what);
}

void add_standing(struct str *s, const struct standing *n)
{
	add_part(s, n->stopped, n->samples, " stopped");
	add_part(s, n->disk, n->samples, " in uninterruptible sleep");
}
