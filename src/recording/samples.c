/*
 * The ticks of a block, what its threads did in them, and what is told of
 * these threads.
 */
#include "reader_priv.h"

static bool take_process(struct chain *c, struct cursor *from,
			 struct rprocess **p, uint32_t *number)
{
	*number = (uint32_t)take_upto(from, PROCESSES_MAX);
	if (from->bad || *number >= c->tprocesses.len)
		return false;
	*p = &c->processes[*number];
	return true;
}

/* ---- THREADS ---- */

static bool take_event(struct cursor *from, struct revent *e)
{
	uint64_t step = take_upto(from, CELLS_MAX - e->at);
	int64_t diff = cursor_svarint(from);

	e->at += (uint32_t)step;
	if (diff < -(int64_t)e->tid || diff > (int64_t)UINT32_MAX - e->tid)
		return false;
	e->tid = (uint32_t)(e->tid + diff);
	e->ident += (uint64_t)cursor_svarint(from);
	e->flags = (uint32_t)take_upto(from, UINT32_MAX);
	e->name = take_text(from);
	return !from->bad;
}

bool decode_threads(struct chain *c, struct block *b, struct cursor *from)
{
	struct revent e = {.at = 0};
	struct rthreads *group;
	struct rprocess *p;
	uint32_t number;

	if (!take_process(c, from, &p, &number) || p->threads_block == c->block)
		return false;
	p->threads_block = c->block;
	b->threads = grow(b->threads, &b->cap_threads, b->nthreads + 1,
			  sizeof(*b->threads));
	group = &b->threads[b->nthreads++];
	group->process = number;
	group->first = b->nevents;
	while (cursor_left(from)) {
		if (!take_event(from, &e) || b->nevents >= BLOCK_THREADS_MAX)
			return false;
		b->events = grow(b->events, &b->cap_events, b->nevents + 1,
				 sizeof(*b->events));
		b->events[b->nevents++] = e;
	}
	group->end = b->nevents;
	return true;
}

/* ---- SAMPLES ---- */

static bool take_missed(struct cursor *from, uint32_t *missed, size_t n)
{
	size_t at = 0, ticks;
	uint32_t each;

	while (at < n) {
		ticks = take_upto(from, n - at);
		each = (uint32_t)take_upto(from, UINT32_MAX);
		if (from->bad || !ticks)
			return false;
		while (ticks--)
			missed[at++] = each;
	}
	return true;
}

/* Version 1: on a grid of units. What matters is checked on the result. */
static bool take_grid_times(struct cursor *from, uint64_t *times,
			    const uint32_t *missed, size_t n,
			    uint64_t period, unsigned shift)
{
	uint64_t most = UINT64_MAX >> shift;
	uint64_t first = cursor_varint(from), at = first, last = first;
	uint64_t steps = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (i) {
			steps += 1 + (uint64_t)missed[i];
			at = first + (steps * period >> shift) +
			     (uint64_t)cursor_svarint(from);
		}
		if (from->bad || at > most || at < last)
			return false;
		times[i] = at << shift;
		last = at;
	}
	return true;
}

/* Modulo 2^64; what is rounded does not go back behind the tick before. */
static bool take_times(struct cursor *from, uint64_t *times,
		       const uint32_t *missed, size_t n, struct expected e,
		       unsigned shift)
{
	uint64_t base = cursor_varint(from), last = 0, at;
	size_t i;

	for (i = 0; i < n; i++) {
		if (i)
			expect_next(&e, missed[i]);
		at = base + expect(&e) + (cursor_varint(from) << shift);
		if ((int64_t)(at - last) > 0)
			last = at;
		times[i] = last;
	}
	return !from->bad;
}

/* Each step is the expected one and a difference; those that were missed are it. */
static bool take_even_times(struct cursor *from, uint64_t *times,
			    const uint32_t *missed, size_t n, unsigned shift)
{
	uint64_t at = cursor_varint(from), last = at, step;
	struct pace pace;
	size_t i;

	times[0] = at;
	pace_init(&pace);
	for (i = 1; i < n; i++) {
		step = pace.step + ((uint64_t)cursor_svarint(from) << shift);
		at += missed[i] * pace.step + step;
		pace_next(&pace, step);
		if ((int64_t)(at - last) > 0)
			last = at;
		times[i] = last;
	}
	return !from->bad;
}

static bool take_tids(struct cursor *from, struct column *columns, size_t n)
{
	uint64_t least = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (least > UINT32_MAX)
			return false;
		columns[i].tid = (uint32_t)(least +
					    take_upto(from, UINT32_MAX - least));
		least = (uint64_t)columns[i].tid + 1;
	}
	return !from->bad;
}

uint64_t column_token(const struct chain *c, struct column *column,
		      uint64_t token)
{
	bool old = c->version == 1;

	if (old && token >= TOKEN_NEXT && token < UINT64_MAX)
		token++;
	if (token == TOKEN_NEXT)
		token = column->fresh;
	if (token >= column->fresh)
		column->fresh = (uint32_t)token + 1;
	return token;
}

static bool token_is_right(const struct chain *c, uint64_t token)
{
	return token < TOKEN_CASES || token - TOKEN_CASES < c->tcases.len;
}

/* Walks over the tokens of one thread. */
static bool take_column(struct cursor *from, const struct chain *c,
			struct column *column, uint32_t nticks)
{
	const uint8_t *start = from->p;
	uint32_t at = 0, fresh = c->old_cases + TOKEN_CASES;
	uint64_t token;

	column->fresh = fresh;
	while (at < nticks) {
		token = column_token(c, column, cursor_varint(from));
		if (from->bad || !token_is_right(c, token))
			return false;
		if (token != TOKEN_REPEAT) {
			at++;
			continue;
		}
		token = take_upto(from, nticks - at);
		if (!token || !at)
			return false;
		at += (uint32_t)token;
	}
	cursor_init(&column->tokens, start, (size_t)(from->p - start));
	column->token = TOKEN_ABSENT;
	column->left = 0;
	column->fresh = fresh;
	return true;
}

static bool take_columns(struct chain *c, struct block *b,
			 struct rsamples *s, struct cursor *from)
{
	size_t n = take_upto(from, BLOCK_THREADS_MAX - b->ncolumns), i;
	struct column *columns;

	/* Each has a byte of its id, and one at least of its tokens. */
	b->cells += (uint64_t)s->nticks * (n + 1);
	if (from->bad || n > cursor_left(from) / 2 || b->cells > CELLS_MAX)
		return false;
	s->first_column = b->ncolumns;
	s->ncolumns = n;
	/* One more: there is an array even where no thread has a sample. */
	b->columns = grow(b->columns, &b->cap_columns, b->ncolumns + n + 1,
			  sizeof(*b->columns));
	columns = b->columns + b->ncolumns;
	b->ncolumns += n;
	if (!take_tids(from, columns, n))
		return false;
	for (i = 0; i < n; i++)
		if (!take_column(from, c, &columns[i], s->nticks))
			return false;
	return true;
}

static bool take_ticks(struct chain *c, struct block *b, struct rsamples *s,
		       struct cursor *from)
{
	unsigned shift = (unsigned)take_upto(from, SHIFT_MAX);
	size_t n = take_upto(from, CELLS_MAX), end;
	struct expected e;
	uint64_t *times;
	uint32_t *missed;

	/* Each tick has a byte of its time. */
	if (from->bad || !n || n > cursor_left(from))
		return false;
	s->first_time = b->ntimes;
	s->nticks = (uint32_t)n;
	s->unit = s->flags & SAMPLES_EVEN ? 1 : 1ull << shift;
	s->next = 0;
	end = b->ntimes + n;
	b->times = grow(b->times, &b->cap_times, end, sizeof(*b->times));
	b->missed = grow(b->missed, &b->cap_missed, end, sizeof(*b->missed));
	b->ntimes = end;
	times = b->times + s->first_time;
	missed = b->missed + s->first_time;
	if (!take_missed(from, missed, n))
		return false;
	if (c->version == 1)
		return take_grid_times(from, times, missed, n,
				       c->run.period_ns, shift);
	if (s->flags & SAMPLES_EVEN)
		return take_even_times(from, times, missed, n, shift);
	expect_init(&e, &c->run,
		    s->flags & SAMPLES_SCHEDULED ? cursor_varint(from) : 0);
	return take_times(from, times, missed, n, e, shift);
}

static bool flags_are_right(const struct chain *c, uint64_t flags)
{
	static const uint64_t known[FORMAT_VERSION + 1] = {
		[1] = SAMPLES_CONTINUE,
		[2] = SAMPLES_CONTINUE | SAMPLES_SCHEDULED,
		[3] = SAMPLES_FLAGS};

	return !(flags & ~known[c->version]) &&
	       !(flags & SAMPLES_SCHEDULED && flags & SAMPLES_EVEN);
}

bool decode_samples(struct chain *c, struct block *b, struct cursor *from)
{
	struct rsamples *s;
	struct rprocess *p;
	uint32_t number;

	if (!take_process(c, from, &p, &number) || p->samples_block == c->block)
		return false;
	b->samples = grow(b->samples, &b->cap_samples, b->nsamples + 1,
			  sizeof(*b->samples));
	s = &b->samples[b->nsamples++];
	s->process = number;
	s->flags = cursor_varint(from);
	if (!flags_are_right(c, s->flags) || !take_ticks(c, b, s, from))
		return false;
	s->first_repeat = s->end_repeat = 0;
	p->samples_block = c->block;
	p->samples = (uint32_t)b->nsamples - 1;
	p->nticks = s->nticks;
	return take_columns(c, b, s, from);
}

bool decode_repeats(struct chain *c, struct block *b, struct cursor *from)
{
	struct rsamples *s;
	struct rrepeat *r;
	struct rprocess *p;
	uint32_t number;
	uint64_t tick = 0;

	if (!take_process(c, from, &p, &number) || p->samples_block != c->block)
		return false;
	s = &b->samples[p->samples];
	if (s->end_repeat)
		return false;
	s->first_repeat = b->nrepeats;
	while (cursor_left(from)) {
		b->repeats = grow(b->repeats, &b->cap_repeats, b->nrepeats + 1,
				  sizeof(*b->repeats));
		tick += take_upto(from, s->nticks);
		r = &b->repeats[b->nrepeats++];
		r->tick = (uint32_t)tick;
		r->more = take_upto(from, SAMPLES_MAX);
		/* No tick has two rows. */
		if (from->bad || tick >= s->nticks || !r->more ||
		    (b->nrepeats - 1 > s->first_repeat && r[-1].tick == tick))
			return false;
	}
	s->end_repeat = b->nrepeats;
	return b->nrepeats > s->first_repeat;
}
