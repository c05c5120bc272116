/*
 * Telling of ticks that nobody looked at (interrupt.c). Who was on a processor then
 * was copied; of the others it is known what they did in the tick that was looked
 * at before, and in the next one, and how many time slices they have begun since.
 */
#include "target_priv.h"

#define LIVELY_NS 250000000u /* that each tick is looked at */
#define BLIND_NS 500000000u  /* of CPU time that no interrupt saw */

/*
 * The entry of a thread, which mostly is at place *hint, one behind that of the
 * thread before it.
 */
static struct told *told_of(struct told *list, size_t n, uint32_t tid,
			    size_t *hint)
{
	size_t i;

	if (*hint < n && list[*hint].s.tid == tid)
		return &list[(*hint)++];
	for (i = 0; i < n; i++) {
		if (list[i].s.tid != tid)
			continue;
		*hint = i + 1;
		return &list[i];
	}
	return NULL;
}

static uint32_t common_stack(const struct symbols *s, uint32_t a, uint32_t b)
{
	while (a != b) {
		if (s->stacks[a].depth >= s->stacks[b].depth)
			a = s->stacks[a].parent;
		else
			b = s->stacks[b].parent;
	}
	return a;
}

static void be_lively(struct ticking *g, uint64_t for_ns)
{
	if (g->lively_ns < g->noted_ns + for_ns)
		g->lively_ns = g->noted_ns + for_ns;
}

/* All that is known of it is what both stacks have in common: it may be all. */
static struct sample partial(struct target *t, const struct sample *a,
			     const struct sample *b)
{
	const struct state_def unknown = {.run = RUN_UNKNOWN};
	uint32_t stack = common_stack(&t->symbols, a->stack, b->stack);
	struct sample s = {.tid = a->tid,
			   .stack = stack,
			   .state = symbols_state(&t->symbols, &unknown),
			   .loss = LOSS_NONE};

	if (stack && a->stack == b->stack && !a->loss && !b->loss)
		return s;
	s.stack = stack ? marked_stack(t, stack, LOSS_MOVING) : 0;
	s.loss = LOSS_MOVING;
	return s;
}

/* ---- the tick that was looked at ---- */

/* The kernel's count of its CPU time, against that of the interrupts. */
static void compare_cpu(struct target *t, struct known *k, uint64_t elapsed)
{
	uint64_t ran = k->cpu_ns ? k->sched.cpu_ns - k->cpu_ns : 0;

	if (k->slices == UINT64_MAX || !k->mapped)
		return;
	k->cpu_ns = k->sched.cpu_ns;
	k->owed_ns += (int64_t)ran;
	k->counted_ns += ran;
	k->blind_ns = k->hit ? 0 : k->blind_ns + (ran > elapsed / 2 ? ran : 0);
	k->hit = false;
	/* They do not come on the processor that it is on. */
	if (k->blind_ns > BLIND_NS)
		t->ticking.unfit = true;
}

/*
 * To fall asleep and to wake up takes CPU time, too, in which no interrupt comes:
 * they are held off until it is over. Of one that does little else this is most of
 * it, and it is given the ticks that it is owed, where it ran between two.
 */
static bool is_owed(const struct target *t, const struct known *k)
{
	return k->owed_ns > (int64_t)t->ticking.step_ns &&
	       k->seen_ns < k->counted_ns / 2;
}

static void give(struct target *t, struct known *k, struct told *now)
{
	k->owed_ns -= (int64_t)t->ticking.step_ns;
	k->passing = true;
	define_state(t, k);
	now->s = sample_of(t, k);
	k->passing = false;
	define_state(t, k);
}

/*
 * One that was on no processor. What it does by now, when it is looked at, may be
 * what it does since: if it began one slice after it slept, and still runs in that,
 * it slept when the tick was. Without the GIL its stack does not move.
 */
static void correct(struct target *t, struct known *k,
		    const struct told *before, struct told *now)
{
	if (!before || before->slices == k->slices ||
	    k->slices == UINT64_MAX)
		return;
	if (is_owed(t, k)) {
		give(t, k, now);
	} else if (k->off && before->rests &&
		   k->slices == before->slices + 1) {
		now->s = before->stays;
	} else if (k->off && (held_gil(t, k) || row_of(t, k->row)->holds_gil)) {
		now->s = partial(t, &before->stays, &now->s);
	}
}

/*
 * One that was on a processor will be seen there, and one that sleeps for long is
 * known when it is woken. What another one does is only known in a tick that is
 * looked at; so is one that waits for the GIL, which may have it for a moment.
 */
static bool is_steady(const struct known *k)
{
	return k->interrupt || k->idle;
}

void note_all(struct target *t)
{
	struct ticking *g = &t->ticking;
	uint64_t now = clock_mono(), elapsed = now - g->noted_ns;
	size_t i, hint = 0;
	struct told *e;
	struct known *k;

	g->noted_ns = now;
	g->nafter = 0;
	for (i = 0; i < t->nrows; i++) {
		k = t->rows[i];
		if (!k->wanted || !known_is_born(k, row_of(t, i)))
			continue;
		g->after = grow(g->after, &g->cap_after, g->nafter + 1,
				sizeof(*g->after));
		e = &g->after[g->nafter++];
		e->s = e->stays = sample_of(t, k);
		e->slices = k->slices;
		e->rests = k->blocked && k->slices != UINT64_MAX;
		if (!is_steady(k))
			be_lively(g, 3 * g->step_ns);
		compare_cpu(t, k, elapsed);
		if (is_unseen(t, k))
			correct(t, k,
				told_of(g->before, g->nbefore, k->tid, &hint),
				e);
	}
}

void keep_noted(struct ticking *g)
{
	struct told *swap = g->before;
	size_t cap = g->cap_before;

	g->before = g->after;
	g->nbefore = g->nafter;
	g->cap_before = g->cap_after;
	g->after = swap;
	g->cap_after = cap;
	g->nafter = 0;
}

void renumber(struct target *t)
{
	struct ticking *g = &t->ticking;
	size_t i, kept = 0;
	struct told *e;
	uint32_t at;

	for (i = 0; i < g->nbefore; i++) {
		e = &g->before[i];
		at = map_get(&t->known_of, e->s.tid);
		if (at == MAP_NONE || t->known[at]->seen != t->pass)
			continue;
		e->s = e->stays = sample_of(t, t->known[at]);
		g->before[kept++] = *e;
	}
	g->nbefore = kept;
}

/* ---- those before it ---- */

/* A tick, and the interrupts of it: at[0..n) of those that were copied. */
struct quiet_tick {
	uint64_t number;
	const struct quiet *at;
	size_t n;
};

static const struct quiet *seen_in(const struct quiet_tick *q, uint32_t tid)
{
	size_t i;

	for (i = 0; i < q->n; i++)
		if (q->at[i].s.tid == tid && q->at[i].tick == q->number)
			return &q->at[i];
	return NULL;
}

/*
 * One that was on no processor then. If it slept before and has begun no slice
 * since, or one that it still runs in or was seen in later, it slept; if it sleeps
 * by now in the slice that it was seen in, it slept, too. *moved: it ran, or was
 * displaced, and that was not seen.
 */
static struct sample between(struct target *t, const struct quiet_tick *q,
			     const struct told *before,
			     const struct told *after, bool *moved)
{
	uint64_t begun = after->slices - before->slices;

	if (before->rests && !begun)
		return before->stays;
	if (before->rests && begun == 1 &&
	    (!after->rests || before->first > q->number))
		return before->stays;
	if (!begun && after->rests)
		return after->stays;
	if (before->rests && after->rests && before->stays.stack &&
	    before->stays.stack == after->stays.stack &&
	    !before->stays.loss && !after->stays.loss)
		return before->stays;
	*moved = true;
	return partial(t, &before->stays, &after->stays);
}

/* It runs from here on, in a slice that it began after it slept. */
static void note_seen(struct told *before, const struct sample *s)
{
	before->slices += before->rests;
	before->rests = false;
	before->stays = *s;
}

static int tell_quiet(struct target *t, struct sink *sink,
		      const struct quiet_tick *q, bool *moved)
{
	struct ticking *g = &t->ticking;
	struct tick due = {.mono_ns = time_of(g, q->number)};
	const struct quiet *seen;
	const struct told *after;
	size_t i, hint = 0;
	struct told *before;
	struct sample s;
	int ret;

	if (q->n && q->at[q->n - 1].tick == q->number)
		due.mono_ns = q->at[q->n - 1].when;
	ret = begin_tick(t, sink, &due);
	for (i = 0; i < g->nbefore && !ret; i++) {
		before = &g->before[i];
		after = told_of(g->after, g->nafter, before->s.tid, &hint);
		seen = seen_in(q, before->s.tid);
		if (seen) {
			s = seen->s;
			note_seen(before, &s);
		} else if (after) {
			s = between(t, q, before, after, moved);
		} else if (before->rests) {
			s = before->stays;
		} else {
			continue; /* it has ended */
		}
		ret = tell_sample(t, sink, &s);
	}
	return ret;
}

/* When each was seen first. */
static void note_first(struct ticking *g)
{
	size_t i, j;

	for (i = 0; i < g->nbefore; i++)
		g->before[i].first = 0;
	for (j = g->nquiet; j-- > 0;)
		for (i = 0; i < g->nbefore; i++)
			if (g->before[i].s.tid == g->quiet[j].s.tid)
				g->before[i].first = g->quiet[j].tick;
}

int tell_ticks(struct target *t, struct sink *sink, uint64_t last)
{
	struct ticking *g = &t->ticking;
	struct quiet_tick q = {.at = g->quiet};
	bool moved = false;
	int ret = 0;

	note_first(g);
	while (!ret && g->told < last) {
		q.number = ++g->told;
		for (q.n = 0; q.at + q.n < g->quiet + g->nquiet &&
			      q.at[q.n].tick <= q.number;)
			q.n++;
		ret = tell_quiet(t, sink, &q, &moved);
		q.at += q.n;
	}
	if (moved)
		be_lively(g, LIVELY_NS);
	return ret;
}

int tell_newest(struct target *t, struct sink *sink, uint64_t now)
{
	struct ticking *g = &t->ticking;
	struct tick due = {.mono_ns = g->nfresh ? g->fresh[0].when
						: time_of(g, g->newest)};
	size_t i;
	int ret;

	note_all(t);
	ret = tell_ticks(t, sink, g->newest - 1);
	if (!ret)
		ret = known_forget(t, sink);
	if (!ret)
		ret = known_tell(t, sink, now);
	if (!ret)
		ret = begin_tick(t, sink, &due);
	g->told = g->newest;
	for (i = 0; i < g->nafter && !ret; i++)
		ret = tell_sample(t, sink, &g->after[i].s);
	keep_noted(g);
	return ret;
}
