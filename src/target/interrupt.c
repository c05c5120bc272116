/*
 * Ticks that are taken by interrupts (remote.h). What they saw is read ten times a
 * second, and told by replay.c; nobody wakes up for a tick. Then the list of threads
 * is read, too, and those are looked at that are new.
 */
#include <errno.h>
#include <stdlib.h>

#include "target_priv.h"

#define ROUND_NS 100000000u /* from one reading to the next */
#define FASTEST_NS 100000u  /* period, below which interrupts are too many */
#define GRAINS 1024u        /* of a period, at least: each bit more costs one a round */
#define GRAIN_MAX_NS 8192u
#define DELAY_NS 25000u     /* until an interrupt comes, and is told of */
#define LATE_NS 150000u     /* after a tick, until it counts without one */
#define LIST_NS 10000000u   /* between looks at the list, where threads are new */
#define CURIOUS_NS 250000000u /* after a code object was found to be another one */
#define AGAIN_NS 5000000000u /* after an end, until it is tried again: or twice the last */
#define RESTLESS_MAX 5u     /* rounds beyond the budget, or in which some is lost */
#define STRANGE_LOOKS 5u    /* at the list, for one that it does not have (yet) */
#define FACT_RANDOM (INTERRUPT_FACTS - 1) /* the one that the walker leaves us */

/* ---- threads ---- */

bool is_ticking(const struct target *t)
{
	return t->ticking.step_ns > 0;
}

static bool tell_thread(struct target *t, struct known *k,
			const struct walk_thread *w)
{
	if (k->mapped == w->tstate && k->inside == w->tid)
		return true;
	k->mapped = w->tstate;
	k->inside = w->tid;
	k->ended = false;
	/* Nothing was seen of it before. */
	k->fresh = true;
	return !interrupts_tell(t->ticking.from, w->tid, w->tstate);
}

void tell_threads(struct target *t)
{
	struct ticking *g = &t->ticking;
	struct interrupt_plan plan;
	const struct walk_thread *w;
	size_t i, n;

	if (!g->from || g->list == t->list)
		return;
	g->list = t->list;
	/* Another interpreter would have a GIL of its own. */
	if (walker_interrupt_plan(t->walker, &plan))
		g->unfit = true;
	w = walker_threads(t->walker, &n);
	map_clear(&g->of);
	for (i = 0; i < n; i++) {
		if (t->rows[i]->tid & SYNTHETIC || !w[i].tid)
			continue;
		map_put(&g->of, w[i].tid, (uint32_t)i);
		if (!tell_thread(t, t->rows[i], &w[i]))
			g->unfit = true;
	}
}

void forget_interrupts(struct target *t, const struct known *k)
{
	if (t->ticking.from && k->mapped)
		interrupts_forget(t->ticking.from, k->inside);
}

/* ---- beginning, rounds, end ---- */

/* From when on all processors have had a tick. */
static uint64_t late(const struct ticking *g)
{
	uint64_t ns = g->spread_ns / 2 + DELAY_NS;

	if (ns < LATE_NS)
		ns = LATE_NS;
	return ns < g->step_ns - early(g) ? ns : g->step_ns - early(g);
}

static void stop_ticking(struct target *t)
{
	struct ticking *g = &t->ticking;
	uint64_t now = clock_mono();
	size_t i;

	interrupts_free(g->from);
	g->from = NULL;
	g->step_ns = 0;
	g->pause_ns = now - g->began_ns > g->pause_ns ? AGAIN_NS
						      : 2 * g->pause_ns;
	g->again_ns = now + g->pause_ns;
	for (i = 0; i < t->nknown; i++) {
		t->known[i]->mapped = 0;
		t->known[i]->blocked = false;
	}
	t->rest_known = false;
}

void ticking_release(struct target *t)
{
	struct ticking *g = &t->ticking;

	interrupts_free(g->from);
	map_release(&g->of);
	free(g->found);
	free(g->changes);
}

uint64_t grain_of(uint64_t period_ns)
{
	uint64_t grain = 1;

	while (grain * 2 * GRAINS <= period_ns && grain < GRAIN_MAX_NS)
		grain *= 2;
	return grain;
}

uint64_t step_of(const struct ticking *g, uint64_t ns, uint64_t ticks)
{
	uint64_t step = ns / ticks;

	if (step < g->period_ns / 8)
		step = g->period_ns / 8;
	return step - step % g->grain_ns;
}

/*
 * Rounds are of the same length but for a jitter of a period, so that no timer of
 * the target's keeps step with the ticks. After a delay they begin anew.
 */
static int begin_round(struct target *t, uint64_t now)
{
	struct ticking *g = &t->ticking;
	uint64_t ticks = ROUND_NS / g->period_ns, length, end;
	size_t i;
	int ret;

	ticks += !ticks;
	length = ticks * g->period_ns;
	g->round++;
	end = g->start_ns + g->round * length;
	/* The one before may have been longer by its jitter. */
	if (now + length / 2 > end + g->period_ns) {
		g->start_ns = now - g->round * length + length;
		end = now + length;
	}
	end += tick_jitter(g->seed, g->round + 1, g->period_ns);
	g->step_ns = step_of(g, end > now ? end - now : 0, ticks);
	ret = interrupts_every(g->from, g->step_ns, &g->since_ns,
			       &g->spread_ns);
	g->told = g->stood_ns = g->phase_ns = 0;
	g->lost = false;
	for (i = 0; i < t->nknown; i++)
		t->known[i]->found = t->known[i]->on_from = 0;
	g->end_ns = g->since_ns + ticks * g->step_ns + late(g);
	return ret;
}

/* By these an interrupt tells that there was an exec. */
static void plan_random(struct target *t, struct interrupt_plan *plan)
{
	struct ticking *g = &t->ticking;
	raddr at = 0;

	g->random = 0;
	if (process_random(&t->process, &at) ||
	    remote_read(t->remote, at, &g->random, sizeof(g->random)))
		return;
	plan->facts[FACT_RANDOM].addr = at;
	plan->facts[FACT_RANDOM].len = sizeof(g->random);
}

bool target_interrupt(struct target *t, uint64_t period_ns, uint64_t seed)
{
	struct ticking *g = &t->ticking;
	struct interrupt_plan plan;

	if (g->from)
		return true;
	if (t->options.stop != STOP_AUTO || t->options.own_ticks ||
	    t->options.once || t->options.locals.bytes ||
	    !(t->options.pause_share > 0) || period_ns < FASTEST_NS ||
	    t->found.layout.free_threaded ||
	    walker_interrupt_plan(t->walker, &plan))
		return false;
	plan_random(t, &plan);
	if (interrupts_new(&g->from, t->process.pid, t->ids.self, &plan))
		return false;
	g->unfit = g->other = false;
	g->list = UINT64_MAX;
	g->period_ns = period_ns;
	g->grain_ns = grain_of(period_ns);
	g->seed = seed;
	g->step_ns = 0;
	/* So that the first look, which is our own, is of what they see. */
	known_update(t);
	tell_threads(t);
	return true;
}

void resume_ticking(struct target *t, uint64_t now)
{
	struct ticking *g = &t->ticking;

	if (!g->again_ns || now < g->again_ns)
		return;
	g->again_ns = 0;
	target_interrupt(t, g->period_ns, g->seed);
}

void begin_ticking(struct target *t)
{
	struct ticking *g = &t->ticking;
	uint64_t now;
	size_t i;

	if (!g->from || is_ticking(t))
		return;
	now = clock_mono();
	g->start_ns = g->listed_ns = g->began_ns = now;
	g->round = 0;
	g->restless = g->stranger = 0;
	g->anew = false;
	for (i = 0; i < t->nrows; i++)
		stay_as_looked(t, t->rows[i]);
	if (g->unfit || begin_round(t, now))
		stop_ticking(t);
}

uint64_t time_of(const struct ticking *g, uint64_t tick)
{
	return g->since_ns + tick * g->step_ns;
}

uint64_t tick_at(const struct ticking *g, uint64_t when)
{
	return when < g->since_ns ? 0 : (when - g->since_ns) / g->step_ns;
}

int target_interrupts(const struct target *t, uint64_t *until)
{
	const struct ticking *g = &t->ticking;
	uint64_t next;

	if (!is_ticking(t))
		return -1;
	next = time_of(g, g->told + 1) + late(g);
	*until = next < g->curious_ns && next < g->end_ns ? next : g->end_ns;
	if (g->stranger && g->listed_ns + LIST_NS < *until)
		*until = g->listed_ns + LIST_NS;
	return interrupts_fd(g->from);
}

/* ---- a reading ---- */

static void note_restless(struct target *t, uint64_t now)
{
	struct ticking *g = &t->ticking;
	uint64_t round_ns = now - g->since_ns;
	bool much = (double)g->stood_ns > t->budget.share * (double)round_ns;

	g->restless = much || g->lost ? g->restless + 1 : 0;
	if (g->restless > RESTLESS_MAX)
		g->unfit = true;
}

/* The stranger is known by now, or is none of the interpreter's. */
static void note_list(struct ticking *g)
{
	if (map_get(&g->of, g->stranger) != MAP_NONE ||
	    ++g->strange_looks >= STRANGE_LOOKS)
		g->stranger = 0;
}

/*
 * At threads that are new, or at all: when nothing is known of what they do, or the
 * numbers of symbols are others. 0 or a negative errno.
 */
static int look(struct target *t, struct sink *sink, uint64_t now)
{
	struct ticking *g = &t->ticking;
	size_t i;
	int ret;

	if (g->anew) {
		all_anew(t);
		for (i = 0; i < t->nknown; i++)
			stay_unknown(t->known[i]);
	}
	ret = look_at_all(t, now);
	g->listed_ns = now;
	note_list(g);
	/* Nothing was to be had just now, or not of all: the next time, then. */
	g->anew = ret > 0;
	if (ret)
		return ret > 0 ? 0 : ret;
	for (i = 0; i < t->nrows; i++)
		if (t->rows[i]->looked_ns == now)
			stay_as_looked(t, t->rows[i]);
	ret = known_forget(t, sink);
	return ret ? ret : known_tell(t, sink, now);
}

/*
 * All ticks up to now. Where there was no room for what was seen, nothing is known of
 * the others, which are missed.
 */
static int tell(struct target *t, struct sink *sink, uint64_t now, bool gone)
{
	struct ticking *g = &t->ticking;
	uint64_t since = interrupts_lost(g->from), last, newest;
	int ret;

	newest = tick_at(g, now - late(g));
	if (newest < g->told)
		newest = g->told;
	last = since ? tick_at(g, since - late(g)) : newest;
	if (last > newest)
		last = newest;
	walker_interrupts(t->walker, gone);
	last = replay(t, time_of(g, newest + 1) - early(g), last);
	/* It may have ended long ago. */
	if (gone && last > tick_at(g, g->seen_ns))
		last = tick_at(g, g->seen_ns);
	ret = tell_ticks(t, sink, last);
	interrupts_done(g->from);
	if (g->lost_code)
		g->curious_ns = now + CURIOUS_NS;
	if (!since || gone || g->other)
		return ret;
	t->missed += (uint32_t)(newest - g->told);
	g->told = newest;
	g->lost = g->anew = true;
	return ret;
}

static int go_on(struct target *t, struct sink *sink, bool over)
{
	struct ticking *g = &t->ticking;
	uint64_t now = clock_mono();
	int ret = 0;

	if (over)
		note_restless(t, now);
	if (bound_symbols(t))
		g->anew = true;
	if (over || g->anew ||
	    (g->stranger && now >= g->listed_ns + LIST_NS))
		ret = look(t, sink, now);
	if (ret)
		return ret;
	if (g->unfit || g->other || (over && begin_round(t, clock_mono())))
		stop_ticking(t);
	return 0;
}

static int sample_ticks(struct target *t, struct sink *sink, uint64_t now,
			bool last, uint64_t *due)
{
	struct ticking *g = &t->ticking;
	bool over = now >= g->end_ns;
	/* Of many ticks, names would be lost that we know. */
	bool itself = is_itself(t, now, over || now > time_of(g, g->told + 2));
	uint64_t told = g->told;
	int ret;

	interrupts_heard(g->from);
	ret = tell(t, sink, now, !itself);
	*due = g->told - told;
	/* Another one by its bytes alone: somebody wrote there. */
	itself = itself && (!g->other || is_itself(t, now, true));
	if (ret || !itself)
		return ret ? ret : -ESRCH;
	return last ? 0 : go_on(t, sink, over);
}

int target_sample_ticks(struct target *t, struct sink *sink, uint64_t now,
			bool last, struct target_ticked *out)
{
	uint64_t taken = t->counts.ticks;
	int ret = sample_ticks(t, sink, now, last, &out->due);

	out->taken = t->counts.ticks - taken;
	return ret;
}
