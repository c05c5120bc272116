/*
 * Ticks that are taken by interrupts (remote.h): while the threads that are on a
 * processor stay the same, and the others sleep, nobody wakes up for one. What was
 * copied is decoded later, all at once, and told by quiet.c.
 *
 * A tick that was looked at, as they all are elsewhere, is followed by quiet ones,
 * until a processor has another thread of the target, or a round is over.
 */
#include <errno.h>
#include <stdlib.h>

#include "target_priv.h"

#define ROUND_NS 100000000u /* from one look at all threads to the next */
#define FASTEST_NS 100000u  /* period, below which interrupts are too many */
#define DELAY_NS 25000u     /* until an interrupt comes, and is told of */
#define LATE_NS 150000u     /* after a tick, until it counts without one */
#define IGNORED_MAX 4096u   /* threads that are none of the interpreter's */
#define FACT_RANDOM (INTERRUPT_FACTS - 1) /* the one that the walker leaves us */

/* ---- a thread ---- */

void read_interrupted(struct target *t, struct known *k,
		      const struct interrupt *in, uint64_t now)
{
	walker_interrupted(t->walker, k->row, in);
	if (row_of(t, k->row)->loss == LOSS_DEPTH)
		t->ticking.unfit = true;
	k->look = (struct thread_look){.run = RUN_CPU, .call = -1};
	k->runnable = k->blocked = k->queued = k->passing = false;
	k->over_budget = k->looked = k->off = k->fresh = false;
	k->ran_ns = now;
	not_idle(t, k);
	t->counts.interrupts++;
	define_state(t, k);
}

bool is_unseen(const struct target *t, const struct known *k)
{
	return t->ticking.from && k->mapped && !k->interrupt;
}

bool held_gil(const struct target *t, const struct known *k)
{
	const struct walk_thread *w = row_of(t, k->row);

	return is_unseen(t, k) && t->ticking.nfresh
		       ? t->ticking.holder == w->tstate
		       : w->holds_gil;
}

static struct known *known_inside(const struct target *t, uint32_t inside)
{
	uint32_t i = map_get(&t->ticking.of, inside);

	return i < t->nrows && t->rows[i]->inside == inside ? t->rows[i] : NULL;
}

static bool tell_thread(struct target *t, struct known *k,
			const struct walk_thread *w)
{
	if (k->mapped == w->tstate && k->inside == w->tid)
		return true;
	k->mapped = w->tstate;
	k->inside = w->tid;
	k->cpu_ns = k->counted_ns = k->seen_ns = k->blind_ns = 0;
	k->owed_ns = 0;
	return !interrupts_tell(t->ticking.from, w->tid, w->tstate);
}

/*
 * Tells the interrupts of threads that are new, when the list is. Those that the
 * kernel has no id for, or that have just begun, are looked at as elsewhere. False
 * when it cannot be.
 */
static bool tell_threads(struct target *t)
{
	struct ticking *g = &t->ticking;
	struct interrupt_plan plan;
	const struct walk_thread *w;
	size_t i, n;

	if (g->list == t->list)
		return true;
	g->list = t->list;
	/* Another interpreter would have a GIL of its own. */
	if (walker_interrupt_plan(t->walker, &plan))
		return false;
	w = walker_threads(t->walker, &n);
	map_clear(&g->of);
	for (i = 0; i < n; i++) {
		if (t->rows[i]->tid & SYNTHETIC || !w[i].tid)
			continue;
		map_put(&g->of, w[i].tid, (uint32_t)i);
		if (!tell_thread(t, t->rows[i], &w[i]))
			return false;
	}
	return true;
}

void forget_interrupts(struct target *t, const struct known *k)
{
	if (t->ticking.from && k->mapped)
		interrupts_forget(t->ticking.from, k->inside);
}

/* A thread that is none of the interpreter's is not told of each time. */
static void ignore(struct target *t, const struct interrupt *in)
{
	struct ticking *g = &t->ticking;

	if (!in->tid || in->known || known_inside(t, in->tid))
		return;
	if (g->nignored == IGNORED_MAX)
		while (g->nignored)
			interrupts_forget(g->from, g->ignored[--g->nignored]);
	g->ignored = grow(g->ignored, &g->cap_ignored, g->nignored + 1,
			  sizeof(*g->ignored));
	g->ignored[g->nignored++] = in->tid;
	interrupts_tell(g->from, in->tid, 0);
}

/* ---- beginning, rounds, end ---- */

/* From when on all processors have had a tick. */
static uint64_t late(const struct ticking *g, bool lively)
{
	uint64_t ns = g->spread_ns / 2 + DELAY_NS;

	if (!lively && ns < LATE_NS)
		ns = LATE_NS;
	return ns < g->step_ns / 4 ? ns : g->step_ns / 4;
}

static void stop_ticking(struct target *t)
{
	struct ticking *g = &t->ticking;
	size_t i;

	interrupts_free(g->from);
	g->from = NULL;
	g->step_ns = 0;
	for (i = 0; i < t->nknown; i++) {
		t->known[i]->interrupt = NULL;
		t->known[i]->mapped = 0;
		t->known[i]->off = false;
	}
}

void ticking_release(struct target *t)
{
	struct ticking *g = &t->ticking;

	interrupts_free(g->from);
	map_release(&g->of);
	free(g->ignored);
	free(g->quiet);
	free(g->fresh);
	free(g->before);
	free(g->after);
}

/*
 * Rounds are of the same length but for a jitter of a period, so that no timer of
 * the target's keeps step with the ticks. After a delay they begin anew.
 */
static int begin_round(struct target *t, uint64_t now)
{
	struct ticking *g = &t->ticking;
	uint64_t ticks = ROUND_NS / g->period_ns, length, end;
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
	g->step_ns = end > now ? (end - now) / ticks : 0;
	if (g->step_ns < g->period_ns / 8)
		g->step_ns = g->period_ns / 8;
	ret = interrupts_every(g->from, g->step_ns, &g->since_ns,
			       &g->spread_ns);
	g->told = 0;
	g->end_ns = g->since_ns + ticks * g->step_ns + late(g, false);
	return ret;
}

/* By these an interrupt tells that there was an exec. */
static void plan_random(struct target *t, struct interrupt_plan *plan)
{
	struct ticking *g = &t->ticking;
	raddr at;

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
	g->seed = seed;
	g->step_ns = 0;
	return true;
}

void begin_ticking(struct target *t, uint64_t now)
{
	struct ticking *g = &t->ticking;

	if (!g->from || g->step_ns)
		return;
	g->start_ns = now;
	g->round = 0;
	note_all(t);
	keep_noted(g);
	if (!tell_threads(t) || begin_round(t, now))
		stop_ticking(t);
}

int target_interrupts(const struct target *t, uint64_t *until)
{
	const struct ticking *g = &t->ticking;
	uint64_t next;

	if (!g->from || !g->step_ns)
		return -1;
	next = time_of(g, g->told + 1) + late(g, true);
	*until = next < g->lively_ns && next < g->end_ns ? next : g->end_ns;
	return interrupts_fd(g->from);
}

/* ---- what the interrupts saw ---- */

uint64_t time_of(const struct ticking *g, uint64_t tick)
{
	return g->since_ns + tick * g->step_ns;
}

/* The number of the last tick by then. */
static uint64_t tick_at(const struct ticking *g, uint64_t when)
{
	return when < g->since_ns ? 0 : (when - g->since_ns) / g->step_ns;
}

/* Of an interrupt, which may come late, or early since they do not begin at once. */
static uint64_t tick_of(const struct ticking *g, const struct interrupt *in)
{
	return tick_at(g, in->when + g->step_ns / 8);
}

static void note_hit(const struct ticking *g, struct known *k)
{
	k->hit = true;
	k->seen_ns += g->step_ns;
	k->owed_ns -= (int64_t)g->step_ns;
}

/* The sample of one that was on a processor in a tick that nobody looked at. */
static void take_quiet(struct target *t, const struct interrupt *in,
		       uint64_t tick)
{
	struct known *k = known_inside(t, in->tid);
	struct ticking *g = &t->ticking;

	if (!in->known || !k || tick <= g->told)
		return;
	read_interrupted(t, k, in, in->when);
	g->quiet = grow(g->quiet, &g->cap_quiet, g->nquiet + 1,
			sizeof(*g->quiet));
	g->quiet[g->nquiet++] = (struct quiet){
		.tick = tick, .when = in->when, .s = sample_of(t, k)};
	note_hit(g, k);
}

/* Another tick is the newest by now. */
static void settle_fresh(struct target *t, uint64_t tick)
{
	struct ticking *g = &t->ticking;
	size_t i;

	for (i = 0; i < g->nfresh; i++)
		take_quiet(t, &g->fresh[i], g->newest);
	g->nfresh = 0;
	g->newest = tick;
}

static void add_fresh(struct ticking *g, const struct interrupt *in)
{
	g->fresh = grow(g->fresh, &g->cap_fresh, g->nfresh + 1,
			sizeof(*g->fresh));
	g->fresh[g->nfresh++] = *in;
}

/* What could not be read is 0. */
static bool is_of_another(const struct ticking *g, const struct interrupt *in)
{
	uint64_t random = in->facts[FACT_RANDOM];

	return g->random && in->known && random && random != g->random;
}

/* From that tick on nothing is ours. */
static void end_before(struct target *t, uint64_t tick)
{
	struct ticking *g = &t->ticking;

	if (tick > g->newest)
		settle_fresh(t, tick);
	g->nfresh = 0;
	g->newest = tick > g->told ? tick - 1 : g->told;
	g->other = true;
}

static void take_interrupt(struct target *t, const struct interrupt *in)
{
	struct ticking *g = &t->ticking;
	uint64_t tick = tick_of(g, in);

	if (is_of_another(g, in)) {
		end_before(t, tick);
		return;
	}
	ignore(t, in);
	if (tick > g->newest)
		settle_fresh(t, tick);
	if (tick < g->newest)
		take_quiet(t, in, tick);
	else if (in->known)
		add_fresh(g, in);
}

static void take_interrupts(struct target *t)
{
	struct interrupt in;

	while (!t->ticking.other && interrupts_next(t->ticking.from, &in))
		take_interrupt(t, &in);
}

/* Until all processors have had the newest tick, of which one woke us. */
static void await_others(struct target *t)
{
	const struct ticking *g = &t->ticking;
	uint64_t all = time_of(g, g->newest) + late(g, true);

	if (g->other || g->newest == g->told || clock_mono() >= all)
		return;
	while (clock_mono() < all)
		;
	take_interrupts(t);
}

/*
 * All interrupts up to now. Those of the newest tick are kept; to decode the others
 * takes its time, in which there may be another tick.
 */
static void collect(struct target *t, uint64_t now, bool gone)
{
	struct ticking *g = &t->ticking;
	bool lively = now < g->lively_ns;
	uint64_t tick = tick_at(g, now - late(g, lively));

	g->nquiet = g->nfresh = 0;
	g->newest = g->told;
	walker_interrupts(t->walker, gone);
	do {
		if (tick > g->newest)
			settle_fresh(t, tick);
		take_interrupts(t);
		await_others(t);
		tick = tick_at(g, clock_mono() - late(g, lively));
	} while (tick > g->newest && !g->other);
}

static void share_fresh(struct target *t)
{
	struct ticking *g = &t->ticking;
	struct known *k;
	size_t i;

	if (g->nfresh)
		g->holder = walker_interrupt_holder(t->walker, &g->fresh[0]);
	for (i = 0; i < g->nfresh; i++) {
		k = known_inside(t, g->fresh[i].tid);
		if (!k || k->interrupt)
			continue;
		k->interrupt = &g->fresh[i];
		note_hit(g, k);
		/* Else it would not be asked what it does. */
		not_idle(t, k);
	}
}

static void forget_fresh(struct target *t)
{
	size_t i;

	for (i = 0; i < t->nknown; i++)
		t->known[i]->interrupt = NULL;
	interrupts_done(t->ticking.from);
}

/* ---- a call ---- */

/* It is over, or cannot go on: what was copied is told all the same. */
static int tell_rest(struct target *t, struct sink *sink)
{
	struct ticking *g = &t->ticking;
	int ret;

	settle_fresh(t, g->newest);
	g->nafter = 0;
	ret = tell_ticks(t, sink, g->newest);
	forget_fresh(t);
	return ret;
}

/*
 * We were stopped ourselves, for longer than there was room for what interrupts
 * saw: of the ticks after that nothing is known.
 */
static bool is_gap(const struct ticking *g, uint64_t *known)
{
	*known = g->told;
	if (g->nquiet && g->quiet[g->nquiet - 1].tick > g->told)
		*known = g->quiet[g->nquiet - 1].tick;
	return g->newest - *known > 3 &&
	       (g->newest - *known) * g->step_ns > 3ull * ROUND_NS;
}

static int tell_gap(struct target *t, struct sink *sink, uint64_t known)
{
	struct ticking *g = &t->ticking;
	uint64_t missed = g->newest - known;
	size_t i;
	int ret;

	g->nfresh = 0;
	g->nafter = 0;
	ret = tell_ticks(t, sink, known);
	t->missed += missed > UINT32_MAX ? UINT32_MAX : (uint32_t)missed;
	g->told = g->newest;
	for (i = 0; i < t->nknown; i++)
		t->known[i]->cpu_ns = 0;
	forget_fresh(t);
	return ret;
}

/* The newest tick is looked at, and those before it are told by that. */
static int look_and_tell(struct target *t, struct sink *sink, uint64_t now)
{
	int ret, rest;

	share_fresh(t);
	ret = look_at_all(t, now);
	if (!ret) {
		ret = tell_newest(t, sink, now);
		forget_fresh(t);
		return ret;
	}
	rest = tell_rest(t, sink);
	if (rest)
		return rest;
	return ret > 0 ? 0 : ret;
}

static int sample_ticks(struct target *t, struct sink *sink, uint64_t now,
			bool last, uint64_t *due)
{
	struct ticking *g = &t->ticking;
	bool over = now >= g->end_ns;
	/* Of many ticks, names would be lost that we know. */
	bool itself = is_itself(t, now, over || now > time_of(g, g->told + 2));
	uint64_t known;
	int ret;

	collect(t, now, !itself);
	itself = itself && (!g->other || is_itself(t, now, true));
	*due = g->newest - g->told;
	if (is_gap(g, &known))
		ret = tell_gap(t, sink, known);
	else if (last || !itself || !*due)
		ret = tell_rest(t, sink);
	else
		ret = look_and_tell(t, sink, now);
	if (ret || !itself)
		return ret ? ret : -ESRCH;
	if (bound_symbols(t))
		renumber(t);
	/* Another one by these bytes alone: somebody wrote there. */
	if (g->unfit || g->other || !tell_threads(t) ||
	    (over && !last && begin_round(t, clock_mono())))
		stop_ticking(t);
	return 0;
}

int target_sample_ticks(struct target *t, struct sink *sink, uint64_t now,
			bool last, struct target_ticked *out)
{
	uint64_t taken = t->counts.ticks;
	int ret = sample_ticks(t, sink, now, last, &out->due);

	out->taken = t->counts.ticks - taken;
	return ret;
}
