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
	c->period_ns = info->period_ns;
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

/* Ticks of several processes are not quite in order. */
static uint64_t since(const struct clip *c, uint64_t ns)
{
	return ns > c->first_ns ? ns - c->first_ns : 0;
}

/* How many periods cover `ns`; 2^64 - 1 where they have no length. */
static uint64_t periods_in(const struct clip *c, uint64_t ns)
{
	if (!c->period_ns)
		return ns ? UINT64_MAX : 0;
	return ns / c->period_ns + (ns % c->period_ns != 0);
}

/*
 * Leaves of the ticks that this one stands for those that are inside. False:
 * none is.
 */
static bool cut(const struct clip *c, struct tick *tick)
{
	uint64_t first = since(c, tick_begin(tick, c->period_ns));
	uint64_t last = since(c, tick->mono_ns), early = 0, late = 0, room;

	if (first < c->from_ns)
		early = periods_in(c, c->from_ns - first);
	if (last >= c->until_ns)
		late = periods_in(c, last - c->until_ns + 1);
	if (late > tick->more || early > tick->more - late)
		return false;
	tick->more -= late + early;
	tick->mono_ns -= late * c->period_ns;
	/* Those that were missed before the part began are not of it. */
	if (c->from_ns && c->period_ns) {
		first += early * c->period_ns;
		room = (first - c->from_ns) / c->period_ns;
		if (tick->missed > room)
			tick->missed = (uint32_t)room;
	}
	return true;
}

static int on_tick(struct sink *s, const struct source_symbols *syms,
		   const struct tick *tick)
{
	struct clip *c = clip_of(s);
	struct tick part = *tick;

	if (!c->begun)
		c->first_ns = tick_begin(tick, c->period_ns);
	c->begun = true;
	c->inside = cut(c, &part);
	return c->inside ? c->to->ops->tick(c->to, syms, &part) : 0;
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
