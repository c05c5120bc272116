/*
 * A part of a recording, by time.
 */
#include "profile.h"

static struct clip *clip_of(struct sink *s)
{
	return (struct clip *)s;
}

static int on_run(struct sink *s, const struct run_info *info)
{
	struct clip *c = clip_of(s);

	c->begun = false;
	return c->to->ops->run(c->to, info);
}

static int on_process(struct sink *s, const struct process_info *info)
{
	return clip_of(s)->to->ops->process(clip_of(s)->to, info);
}

static int on_thread(struct sink *s, const struct thread_info *info)
{
	return clip_of(s)->to->ops->thread(clip_of(s)->to, info);
}

static int on_tick(struct sink *s, const struct source_symbols *syms,
		   const struct tick *tick)
{
	struct clip *c = clip_of(s);
	uint64_t since;

	if (!c->begun)
		c->first_ns = tick->mono_ns;
	c->begun = true;
	/* Ticks of several processes are not quite in order. */
	since = tick->mono_ns > c->first_ns ? tick->mono_ns - c->first_ns : 0;
	c->inside = since >= c->from_ns && since < c->until_ns;
	return c->inside ? c->to->ops->tick(c->to, syms, tick) : 0;
}

static int on_sample(struct sink *s, const struct source_symbols *syms,
		     const struct sample *sample)
{
	struct clip *c = clip_of(s);

	return c->inside ? c->to->ops->sample(c->to, syms, sample) : 0;
}

void clip_init(struct clip *c, struct sink *to, uint64_t from_ns,
	       uint64_t until_ns)
{
	static const struct sink_ops ops = {
		.run = on_run,
		.process = on_process,
		.thread = on_thread,
		.tick = on_tick,
		.sample = on_sample,
	};

	*c = (struct clip){.sink.ops = &ops, .to = to, .from_ns = from_ns,
			   .until_ns = until_ns};
}
