/*
 * What each thread did in the ticks that interrupts took, from all that they saw, in
 * the order of time. A tick is the instant when it was due. Its interrupt comes up to
 * some 30 us later: what it sees of who came since then is not of that tick.
 *
 * Who was on a processor in a tick was *found* there: that is its sample. What else a
 * thread does *changes* when it leaves its processor, and when it is woken: that is its
 * sample in each tick in which it was not found. Most of what is seen is over before
 * the next tick, and never decoded.
 */
#include "target_priv.h"

#define EARLY_NS 25000u /* by so much we may be wrong about a processor's phase */

/* States of the kernel (include/linux/sched.h). */
#define TASK_UNINTERRUPTIBLE 0x2u
#define TASK_STOPPED_OR_TRACED 0xcu
#define TASK_NOLOAD 0x400u
#define TASK_FROZEN 0x8000u

/* ---- ticks ---- */

uint64_t early(const struct ticking *g)
{
	return EARLY_NS < g->step_ns / 8 ? EARLY_NS : g->step_ns / 8;
}

/* The first tick that is not before. */
static uint64_t tick_from(const struct ticking *g, uint64_t when)
{
	uint64_t tick = g->told + 1;

	if (when > time_of(g, tick))
		tick = (when - g->since_ns + g->step_ns - 1) / g->step_ns;
	return tick;
}

/* Of an interrupt, which may come late, or early since they do not begin at once. */
static uint64_t tick_of(const struct ticking *g, uint64_t when)
{
	return tick_at(g, when + early(g));
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* ---- samples ---- */

static uint8_t run_of_task(uint32_t why)
{
	if (!why)
		return RUN_RUNNABLE;
	if (why & TASK_STOPPED_OR_TRACED)
		return RUN_STOPPED;
	return (why & TASK_UNINTERRUPTIBLE && !(why & TASK_NOLOAD)) ||
			       why & TASK_FROZEN
		       ? RUN_DISK
		       : RUN_SLEEPING;
}

static struct sample decode(struct target *t, struct known *k,
			    const struct interrupt *in,
			    const struct thread_look *look)
{
	uint32_t loss;

	walker_interrupted(t->walker, k->row, in);
	loss = row_of(t, k->row)->loss;
	if (loss == LOSS_DEPTH)
		t->ticking.unfit = true;
	t->ticking.lost_code |= loss == LOSS_CODE;
	k->look = *look;
	k->runnable = k->blocked = k->passing = k->over_budget = false;
	define_state(t, k);
	return sample_of(t, k);
}

static struct sample decode_running(struct target *t, struct known *k,
				    const struct interrupt *in)
{
	const struct thread_look look = {.run = RUN_CPU, .call = -1};

	return decode(t, k, in, &look);
}

/* `past`: it has left that call since. */
static struct sample decode_leaving(struct target *t, struct known *k,
				    const struct interrupt *in, bool past)
{
	struct thread_look look = {.run = run_of_task(in->why),
				   .call = -1,
				   .past = past,
				   .first = in->first};
	size_t i;

	if (in->why && in->call >= 0) {
		look.call = in->call;
		for (i = 0; i < 6; i++)
			look.args[i] = in->args[i];
	}
	return decode(t, k, in, &look);
}

/*
 * The same stack, but it may run again. Where its processor was idle, that comes out
 * of its own sleep, for which the kernel charges the thread.
 */
static struct sample woken(struct target *t, const struct sample *asleep,
			   bool from_idle)
{
	struct sample s = *asleep;
	struct state_def def;

	if (!s.tid)
		return s;
	def = t->symbols.states[s.state];
	def.run = from_idle ? RUN_CPU : RUN_RUNNABLE;
	def.wait = 0;
	if (def.gil == GIL_WANTED)
		def.gil = GIL_NEITHER;
	s.state = symbols_state(&t->symbols, &def);
	return s;
}

/* ---- changes ---- */

static void change(struct target *t, struct known *k, uint64_t tick,
		   const struct sample *s)
{
	struct ticking *g = &t->ticking;

	g->changes = grow(g->changes, &g->cap_changes, g->nchanges + 1,
			  sizeof(*g->changes));
	g->changes[g->nchanges++] = (struct change){.tick = tick, .s = *s};
	if (k->last_change)
		g->changes[k->last_change - 1].next = g->nchanges;
	else
		k->change = g->nchanges;
	k->last_change = g->nchanges;
	k->stay = *s;
}

/* What it did until that tick, where that was not noted: it did not last, or did. */
static void note_away(struct target *t, struct known *k, uint64_t until,
		      bool from_idle, bool past)
{
	struct away *a = &k->away;
	uint64_t slept = a->woken ? min(a->woken_tick, until) : until;
	struct sample s = k->stay;

	if (a->left && a->left_tick < until)
		s = decode_leaving(t, k, &a->in, past);
	if (a->left && a->left_tick < slept)
		change(t, k, a->left_tick, &s);
	if (a->woken && a->woken_tick < until) {
		s = woken(t, &s, from_idle);
		change(t, k, a->woken_tick, &s);
	}
	a->left = a->woken = false;
}

/* ---- what is seen ---- */

/* In the order of ticks: what is seen of a thread may be of an earlier one. */
static void add_found(struct ticking *g, struct known *k, uint64_t tick,
		      const struct interrupt *in, const struct sample *s)
{
	size_t i;

	g->found = grow(g->found, &g->cap_found, g->nfound + 1,
			sizeof(*g->found));
	for (i = g->nfound++; i && g->found[i - 1].tick > tick; i--)
		g->found[i] = g->found[i - 1];
	g->found[i] = (struct found_in){.tick = tick,
					.phase_ns = in->at - in->when,
					.k = k,
					.s = *s};
	k->found = tick;
}

/*
 * It was there in these ticks, and no interrupt found it. In the last one that came a
 * little later than it went; before that a hypervisor had taken its processor, and it
 * went on from where it is now.
 */
static void fill(struct target *t, struct known *k, uint64_t from, uint64_t to,
		 const struct interrupt *in)
{
	struct sample s;

	from = max(from, k->found + 1);
	if (from >= to)
		return;
	s = decode_running(t, k, in);
	if (from + 1 < to)
		change(t, k, from, &s);
	add_found(&t->ticking, k, to - 1, in, &s);
}

/* It was found there, and was there before, or is since, until that tick. */
static void note_on(struct target *t, struct known *k, uint64_t until)
{
	uint64_t from = max(k->found + 1, k->on_from);

	if (k->on && from < until)
		change(t, k, from, &k->on_stay);
}

static void take_tick(struct target *t, struct known *k,
		      const struct interrupt *in)
{
	struct ticking *g = &t->ticking;
	uint64_t tick = tick_of(g, in->when);

	k->on_from = tick_from(g, in->came);
	note_away(t, k, k->on_from, in->from_idle, true);
	k->on_stay = decode_running(t, k, in);
	k->on = true;
	/*
	 * One that is told already; or it was there on another processor; or it came
	 * between the tick and its interrupt.
	 */
	if (tick <= g->told || tick <= k->found || tick < k->on_from)
		return;
	note_on(t, k, tick);
	add_found(g, k, tick, in, &k->on_stay);
	t->counts.interrupts++;
}

static void take_leaving(struct target *t, struct known *k,
			 const struct interrupt *in)
{
	const struct ticking *g = &t->ticking;
	uint64_t on = tick_from(g, in->came), off = tick_from(g, in->when);

	note_away(t, k, on, in->from_idle, true);
	fill(t, k, on, off, in);
	k->away.left = true;
	k->away.left_tick = off;
	k->away.in = *in;
	k->on = false;
	k->preempted = !in->why;
}

static void take_woken(struct target *t, struct known *k, uint64_t when)
{
	struct away *a = &k->away;

	/* It had not left yet, and does not; or waits for a processor anyway. */
	if (k->on || k->preempted || a->woken)
		return;
	a->woken = true;
	a->woken_tick = tick_from(&t->ticking, when);
	/* By the time of another processor that may be before it left. */
	if (a->left)
		a->woken_tick = max(a->woken_tick, a->left_tick);
}

static void take_end(struct target *t, struct known *k, uint64_t when)
{
	const struct sample none = {.tid = 0};
	uint64_t tick = tick_from(&t->ticking, when);

	note_away(t, k, tick, false, true);
	note_on(t, k, tick);
	change(t, k, tick, &none);
	k->on = false;
	k->ended = true;
	walker_ended(t->walker, k->row);
}

/* A thread that nothing was told of: k, if another one had all its numbers. */
static void take_stranger(struct target *t, struct known *k, uint32_t tid)
{
	struct ticking *g = &t->ticking;

	g->stranger = tid;
	g->strange_looks = 0;
	if (!k)
		return;
	k->mapped = 0;
	g->list = UINT64_MAX;
}

/* What could not be read is 0. */
static bool is_of_another(const struct ticking *g, const struct interrupt *in)
{
	uint64_t random = in->facts[INTERRUPT_FACTS - 1];

	return g->random && random && random != g->random;
}

static struct known *known_inside(const struct target *t, uint32_t inside)
{
	uint32_t i = map_get(&t->ticking.of, inside);

	return i < t->nrows && t->rows[i]->inside == inside ? t->rows[i] : NULL;
}

static void note_copy(struct target *t, uint64_t ns)
{
	struct target_pauses *p = &t->counts.copies;

	p->times += ns > 0;
	p->ns += ns;
	p->longest_ns = max(p->longest_ns, ns);
	t->ticking.stood_ns += ns;
}

static void take(struct target *t, const struct interrupt *in)
{
	struct known *k = known_inside(t, in->tid);

	note_copy(t, in->took_ns);
	if (in->kind == INTERRUPT_STRANGER)
		take_stranger(t, k, in->tid);
	if (!k || !k->wanted || k->ended || in->at < k->looked_ns)
		return;
	switch (in->kind) {
	case INTERRUPT_TICK:
		take_tick(t, k, in);
		break;
	case INTERRUPT_LEAVES:
		take_leaving(t, k, in);
		break;
	case INTERRUPT_WOKEN:
		take_woken(t, k, in->when);
		break;
	case INTERRUPT_ENDED:
		take_end(t, k, in->when);
		break;
	case INTERRUPT_STRANGER:
		break;
	}
}

/* Who is still away, or still there, by now. */
static void note_last(struct target *t, uint64_t newest)
{
	struct known *k;
	size_t i;

	for (i = 0; i < t->nrows; i++) {
		k = t->rows[i];
		note_away(t, k, UINT64_MAX, false, k->away.woken);
		note_on(t, k, newest + 1);
		/* What is beyond is not told now, but by what is seen next. */
		k->found = min(k->found, newest);
	}
}

uint64_t replay(struct target *t, uint64_t until, uint64_t newest)
{
	struct ticking *g = &t->ticking;
	struct interrupt in;
	size_t i;

	g->nfound = g->nchanges = 0;
	g->lost_code = false;
	for (i = 0; i < t->nrows; i++)
		t->rows[i]->change = t->rows[i]->last_change = 0;
	while (!g->other && interrupts_next(g->from, until, &in)) {
		g->other = is_of_another(g, &in);
		if (g->other)
			newest = min(newest, tick_from(g, in.when) - 1);
		else
			take(t, &in);
		g->seen_ns = in.when;
	}
	note_last(t, newest);
	return newest;
}

/* ---- telling of it ---- */

static void tell_changes(const struct ticking *g, struct known *k, uint64_t tick)
{
	const struct change *c;

	while (k->change) {
		c = &g->changes[k->change - 1];
		if (c->tick > tick)
			return;
		k->told = c->s;
		k->change = c->next;
	}
}

static int tell_tick(struct target *t, struct sink *sink, uint64_t tick,
		     const struct tick *due)
{
	const struct sample *s;
	struct known *k;
	size_t i;
	int ret = begin_tick(t, sink, due);

	for (i = 0; i < t->nrows && !ret; i++) {
		k = t->rows[i];
		tell_changes(&t->ticking, k, tick);
		s = k->now ? k->now : &k->told;
		k->now = NULL;
		if (s->tid)
			ret = tell_sample(t, sink, s);
	}
	return ret;
}

int tell_ticks(struct target *t, struct sink *sink, uint64_t last)
{
	struct ticking *g = &t->ticking;
	struct tick due = {.mono_ns = 0};
	const struct found_in *f;
	size_t i, at = 0;
	int ret = 0;

	if (!g->told && g->nfound)
		g->phase_ns = g->found->phase_ns;
	while (g->told < last && !ret) {
		due.mono_ns = time_of(g, ++g->told) + g->phase_ns;
		due.mono_ns -= due.mono_ns % g->grain_ns;
		for (; at < g->nfound && g->found[at].tick <= g->told; at++) {
			f = &g->found[at];
			f->k->now = &f->s;
		}
		ret = tell_tick(t, sink, g->told, &due);
	}
	for (i = 0; i < t->nrows; i++) {
		t->rows[i]->told = t->rows[i]->stay;
		t->rows[i]->now = NULL;
	}
	return ret;
}

/* ---- looks ---- */

void stay_unknown(struct known *k)
{
	k->stay = k->told = (struct sample){.tid = 0};
	k->away.left = k->away.woken = k->on = k->preempted = false;
}

void stay_as_looked(struct target *t, struct known *k)
{
	stay_unknown(k);
	if (k->wanted && known_is_born(k, row_of(t, k->row)))
		k->stay = k->told = sample_of(t, k);
}
