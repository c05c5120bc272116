/*
 * A block that was accepted becomes calls of the sink. What each chain tells
 * again of the run, processes and threads is passed on when it is new.
 */
#include <stdlib.h>
#include <string.h>

#include "reader_priv.h"

/*
 * Beyond these, what is known is forgotten, at the cost of repetitions. More
 * symbols are slower: they leave the processor's cache.
 */
#define SYMBOLS_BYTES_MAX (8u << 20)
#define TOLD_BYTES_MAX (16u << 20)
#define TOLD_MAX (1u << 16)

void player_init(struct player *p, struct sink *sink)
{
	memset(p, 0, sizeof(*p));
	p->sink = sink;
	symbols_init(&p->symbols);
	p->source.table = &p->symbols;
	str_init(&p->clean);
	map_init(&p->process_of);
	map_init(&p->thread_of);
}

static void told_release(struct told *told)
{
	free(told->text);
	free(told->more);
}

static void forget_told(struct player *p)
{
	size_t i;

	for (i = 0; i < p->ntold; i++)
		told_release(&p->told[i]);
	p->ntold = p->told_bytes = 0;
	map_release(&p->process_of);
	map_release(&p->thread_of);
}

void player_release(struct player *p)
{
	forget_told(p);
	free(p->told);
	free(p->heap);
	run_release(&p->run);
	symbols_release(&p->symbols);
	str_release(&p->clean);
}

/* ---- what is told of run, processes and threads ---- */

static char *clean_copy(struct player *p, const struct text *text)
{
	str_clear(&p->clean);
	str_add_clean(&p->clean, text->p, text->len);
	return xstrdup(p->clean.data);
}

static bool run_same(const struct run_info *a, const struct run_info *b)
{
	return a->host && a->wall_ns == b->wall_ns &&
	       a->mono_ns == b->mono_ns && a->period_ns == b->period_ns &&
	       a->seed == b->seed && !strcmp(a->host, b->host) &&
	       !strcmp(a->kernel, b->kernel) &&
	       !strcmp(a->program, b->program);
}

static int play_run(struct player *p, const struct block *b)
{
	struct run_info run = b->run;

	run.host = clean_copy(p, &b->host);
	run.kernel = clean_copy(p, &b->kernel);
	run.program = clean_copy(p, &b->program);
	if (run_same(&p->run, &run)) {
		run_release(&run);
		return 0;
	}
	run_release(&p->run);
	p->run = run;
	/* Another run may have other processes with the same ids. */
	forget_told(p);
	p->in_tick = false;
	return p->sink->ops->run(p->sink, &p->run);
}

static size_t told_bytes(const struct told *told)
{
	return strlen(told->text) + (told->more ? strlen(told->more) : 0);
}

/* Those of one kind all have `more`, or none has. */
static bool told_same(const struct told *a, const struct told *b)
{
	return a->a == b->a && a->b == b->b && a->programs == b->programs &&
	       !strcmp(a->text, b->text) &&
	       (!a->more || !strcmp(a->more, b->more));
}

/*
 * Remembers what is about to be told; takes the texts. NULL when the sink was
 * told the very same.
 */
static struct told *learn(struct player *p, struct map *index,
			  struct told *new)
{
	uint32_t i = map_get(index, new->key);

	if (i != MAP_NONE && told_same(&p->told[i], new)) {
		told_release(new);
		return NULL;
	}
	if (i == MAP_NONE) {
		i = (uint32_t)p->ntold++;
		map_put(index, new->key, i);
		p->told = grow(p->told, &p->cap_told, p->ntold,
			       sizeof(*p->told));
	} else {
		p->told_bytes -= told_bytes(&p->told[i]);
		told_release(&p->told[i]);
	}
	p->told[i] = *new;
	p->told_bytes += told_bytes(new);
	return &p->told[i];
}

/* Between blocks only: what `learn` returned must last for the call. */
static void bound_told(struct player *p)
{
	if (p->told_bytes > TOLD_BYTES_MAX || p->ntold > TOLD_MAX)
		forget_told(p);
}

/*
 * How often that process was another program than before, as far as is known:
 * its threads are others then, though they may have the same ids and names.
 */
static uint32_t programs_of(const struct player *p, uint32_t pid)
{
	uint32_t i = map_get(&p->process_of, pid);

	return i == MAP_NONE ? 0 : p->told[i].programs;
}

static int play_process(struct player *p, const struct rprocess *process)
{
	struct process_info info = process->info;
	struct told new = {
		.key = info.pid,
		.a = info.start,
		.b = info.version,
		.programs = programs_of(p, info.pid),
		.text = clean_copy(p, &process->command),
		.more = clean_copy(p, &process->cwd),
	};
	struct told *told = learn(p, &p->process_of, &new);

	if (!told)
		return 0;
	told->programs++;
	info.command = told->text;
	info.cwd = told->more;
	p->in_tick = false;
	return p->sink->ops->process(p->sink, &info);
}

static int play_event(struct player *p, uint32_t pid, const struct revent *e)
{
	struct thread_info info = {
		.pid = pid,
		.tid = e->tid,
		.ident = e->ident,
		.flags = e->flags,
	};
	struct told new = {
		.key = (uint64_t)pid << 32 | e->tid,
		.a = e->ident,
		.b = e->flags,
		.programs = programs_of(p, pid),
		.text = clean_copy(p, &e->name),
	};
	const struct told *told = learn(p, &p->thread_of, &new);

	if (!told)
		return 0;
	info.name = told->text;
	return p->sink->ops->thread(p->sink, &info);
}

/* ---- ticks ---- */

static uint32_t next_token(const struct chain *chain, struct column *c)
{
	uint64_t token;

	if (c->left) {
		c->left--;
		return c->token;
	}
	token = column_token(chain, c, cursor_varint(&c->tokens));
	if (token == TOKEN_REPEAT)
		c->left = (uint32_t)cursor_varint(&c->tokens) - 1;
	else
		c->token = (uint32_t)token;
	return c->token;
}

static int play_samples(struct player *p, const struct chain *c,
			struct column *columns, size_t n)
{
	const struct rcase *known;
	struct sample sample;
	uint32_t token;
	size_t i;
	int ret;

	for (i = 0; i < n; i++) {
		token = next_token(c, &columns[i]);
		if (token == TOKEN_ABSENT)
			continue;
		known = &c->cases[token - TOKEN_CASES];
		sample.tid = columns[i].tid;
		sample.stack = c->stacks[known->stack].id;
		sample.state = c->states[known->state].id;
		sample.loss = known->loss;
		ret = p->sink->ops->sample(p->sink, &p->source, &sample);
		if (ret)
			return ret;
	}
	return 0;
}

/* How many ticks more the next one stands for. */
static uint64_t next_more(const struct block *b, struct rsamples *s)
{
	if (s->first_repeat == s->end_repeat ||
	    b->repeats[s->first_repeat].tick != s->next)
		return 0;
	return b->repeats[s->first_repeat++].more;
}

/* Times of two blocks are rounded from other beginnings, and by other units. */
static bool is_near(uint64_t a, uint64_t b, uint64_t unit)
{
	return a > b ? a - b <= unit : b - a <= unit;
}

static int play_tick(struct player *p, const struct chain *c, struct block *b,
		     struct rsamples *s)
{
	uint64_t ns = b->times[s->first_time + s->next];
	uint64_t unit = s->unit > p->unit ? s->unit : p->unit;
	bool near = is_near(ns, p->ns, unit);
	struct tick tick = {
		.pid = c->processes[s->process].info.pid,
		.mono_ns = near && ns < p->ns ? p->ns : ns,
		.missed = b->missed[s->first_time + s->next],
		.more = next_more(b, s),
	};
	bool same = s->flags & SAMPLES_CONTINUE && !s->next && p->in_tick &&
		    p->pid == tick.pid && near;
	int ret;

	s->next++;
	if (!same) {
		ret = p->sink->ops->tick(p->sink, &p->source, &tick);
		if (ret)
			return ret;
	}
	p->in_tick = true;
	p->pid = tick.pid;
	p->ns = tick.mono_ns;
	p->unit = s->unit;
	return play_samples(p, c, b->columns + s->first_column, s->ncolumns);
}

/* Events that stand before the tick `at`. */
static int play_events(struct player *p, const struct chain *c,
		       struct block *b, struct rthreads *group, uint32_t at)
{
	uint32_t pid = c->processes[group->process].info.pid;
	int ret = 0;

	while (!ret && group->first < group->end &&
	       b->events[group->first].at <= at)
		ret = play_event(p, pid, &b->events[group->first++]);
	return ret;
}

/* ---- processes side by side: a heap by the time of the next tick ---- */

static bool is_before(const struct block *b, uint32_t x, uint32_t y)
{
	const struct rsamples *sx = &b->samples[x], *sy = &b->samples[y];
	uint64_t tx = b->times[sx->first_time + sx->next];
	uint64_t ty = b->times[sy->first_time + sy->next];

	return tx != ty ? tx < ty : sx->process < sy->process;
}

static void sift_down(struct player *p, const struct block *b, size_t i)
{
	uint32_t *heap = p->heap, moved = heap[i];
	size_t child;

	while ((child = 2 * i + 1) < p->nheap) {
		if (child + 1 < p->nheap &&
		    is_before(b, heap[child + 1], heap[child]))
			child++;
		if (!is_before(b, heap[child], moved))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = moved;
}

static void make_heap(struct player *p, const struct block *b)
{
	size_t i;

	p->heap = grow(p->heap, &p->cap_heap, b->nsamples, sizeof(*p->heap));
	p->nheap = b->nsamples;
	for (i = 0; i < p->nheap; i++)
		p->heap[i] = (uint32_t)i;
	for (i = p->nheap / 2; i-- > 0;)
		sift_down(p, b, i);
}

/* Moves on after a tick of the first in the heap. */
static void next_in_heap(struct player *p, const struct block *b)
{
	const struct rsamples *s = &b->samples[p->heap[0]];

	if (s->next == s->nticks)
		p->heap[0] = p->heap[--p->nheap];
	if (p->nheap)
		sift_down(p, b, 0);
}

/* The events of each process; samples of it find them by this. */
static void find_events(struct chain *c, struct block *b)
{
	size_t i;

	for (i = 0; i < b->nthreads; i++)
		c->processes[b->threads[i].process].events = (uint32_t)i;
}

static int play_ticks(struct player *p, struct chain *c, struct block *b)
{
	struct rthreads *group;
	struct rprocess *process;
	struct rsamples *s;
	int ret = 0;

	make_heap(p, b);
	find_events(c, b);
	while (!ret && p->nheap) {
		s = &b->samples[p->heap[0]];
		process = &c->processes[s->process];
		if (process->threads_block == c->block) {
			group = &b->threads[process->events];
			ret = play_events(p, c, b, group, s->next);
		}
		if (!ret)
			ret = play_tick(p, c, b, s);
		next_in_heap(p, b);
	}
	return ret;
}

int player_play(struct player *p, struct chain *c, struct block *b)
{
	size_t i;
	int ret = 0;

	bound_told(p);
	/* The numbers of a chain hold until its end. */
	if (b->has_run && symbols_bytes(&p->symbols) > SYMBOLS_BYTES_MAX) {
		symbols_clear(&p->symbols);
		p->source.serial++;
	}
	chain_resolve(c, &p->symbols, &p->clean);
	if (b->has_run)
		ret = play_run(p, b);
	for (i = b->first_process; i < c->tprocesses.len && !ret; i++)
		ret = play_process(p, &c->processes[i]);
	if (!ret)
		ret = play_ticks(p, c, b);
	for (i = 0; i < b->nthreads && !ret; i++)
		ret = play_events(p, c, b, &b->threads[i], UINT32_MAX);
	return ret;
}
