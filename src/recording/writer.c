/*
 * The sink that records. A thread's samples are a column of cases; a sample
 * that equals the one before only moves the column's end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "recording.h"
#include "writer_priv.h"

#define BLOCK_NS 1000000000u   /* ticks of one block: what a kill can lose */
#define CHAIN_NS 30000000000u  /* of one chain: what damage can cost */
#define BLOCK_SOFT (RAW_MAX / 4)
#define CELLS_SOFT (CELLS_MAX / 2)
#define PROCESSES_SOFT (PROCESSES_MAX / 2)

/* The most that one of these adds to a payload. */
#define TICK_BYTES 45u
#define COLUMN_BYTES 32u
#define CHANGE_BYTES 16u

static struct writer *writer_of(struct sink *s)
{
	return (struct writer *)((char *)s - offsetof(struct writer, sink));
}

/* ---- blocks and chains ---- */

static bool chain_full(const struct writer *w)
{
	return tables_full(&w->tables) || w->chain_processes > PROCESSES_SOFT;
}

static bool block_full(const struct writer *w)
{
	return w->cells > CELLS_SOFT || chain_full(w) ||
	       w->bytes + w->processes_new.len + tables_bytes(&w->tables) >
		       BLOCK_SOFT;
}

static void next_chain(struct writer *w)
{
	tables_next_chain(&w->tables);
	w->open_chain = true;
	w->chain_has_ticks = false;
	w->chain_processes = 0;
	w->link = 0;
	w->past.len = 0;
}

static int fail(struct writer *w, int code)
{
	w->failed = code;
	return code;
}

/* Writes the block and begins the next one. */
static int flush(struct writer *w)
{
	bool full = chain_full(w);
	int ret = writer_pack(w);

	if (!ret)
		ret = output_append(w->out, w->packed.data, w->packed.len,
				    &w->err);
	if (ret)
		return fail(w, ret);
	writer_forget(w);
	tables_next_block(&w->tables);
	str_clear(&w->processes_new);
	w->block++;
	w->open_chain = w->dirty = w->has_ticks = false;
	w->bytes = w->cells = 0;
	if (full)
		next_chain(w);
	return 0;
}

/* Ends the chain, so that the next block is self-contained. */
static int end_chain(struct writer *w)
{
	int ret = w->dirty ? flush(w) : 0;

	if (!ret && !w->open_chain)
		next_chain(w);
	return ret;
}

/* True when `ns` is so much later than `since`, or even before it. */
static bool is_over(uint64_t since, uint64_t ns, uint64_t span)
{
	return ns - since >= span;
}

/* ---- what is told of the run, processes, threads ---- */

static bool same_run(const struct run_info *a, const struct run_info *b)
{
	return a->wall_ns == b->wall_ns && a->mono_ns == b->mono_ns &&
	       a->period_ns == b->period_ns && a->seed == b->seed &&
	       !strcmp(a->host, b->host) && !strcmp(a->kernel, b->kernel) &&
	       !strcmp(a->program, b->program);
}

static int on_run(struct sink *s, const struct run_info *info)
{
	struct writer *w = writer_of(s);
	int ret = w->failed;

	if (ret || (w->run.host && same_run(&w->run, info)))
		return ret;
	ret = end_chain(w);
	if (ret)
		return ret;
	run_release(&w->run);
	w->run = *info;
	w->run.host = xstrdup(info->host);
	w->run.kernel = xstrdup(info->kernel);
	w->run.program = xstrdup(info->program);
	return 0;
}

static int on_process(struct sink *s, const struct process_info *info)
{
	struct writer *w = writer_of(s);
	struct wprocess *p = writer_find(w, info->pid);
	int ret = w->failed;

	if (!ret && block_full(w))
		ret = flush(w);
	if (ret)
		return ret;
	/* A flush may have forgotten it. */
	p = writer_find(w, info->pid);
	if (p && !writer_same_process(&p->info, info)) {
		ret = end_chain(w);
		if (ret)
			return ret;
		p = writer_find(w, info->pid);
		if (p)
			writer_forget_process(w, p);
		p = NULL;
	}
	if (!p)
		p = writer_add_process(w, info);
	/* Another source may have its symbols where an old one had them. */
	p->source.stamp = 0;
	writer_enter(w, p);
	return 0;
}

/* The process; one that nothing was told of has only its id. */
static struct wprocess *subject(struct writer *w, uint32_t pid)
{
	struct wprocess *p = writer_find(w, pid);
	struct process_info info = {.pid = pid, .command = "", .cwd = ""};

	if (!p)
		p = writer_add_process(w, &info);
	writer_enter(w, p);
	return p;
}

static int on_thread(struct sink *s, const struct thread_info *info)
{
	struct writer *w = writer_of(s);
	struct wprocess *p;
	struct wthread *t;
	int ret = w->failed;

	if (!ret && block_full(w))
		ret = flush(w);
	if (ret)
		return ret;
	p = subject(w, info->pid);
	t = writer_thread(p, info->tid);
	if (writer_learn(t, info))
		writer_tell(w, p, t, (uint32_t)p->nticks);
	return 0;
}

/* ---- ticks ---- */

static void add_repeats(struct wprocess *p, uint32_t tick, uint64_t more)
{
	if (!more)
		return;
	str_add_varint(&p->repeats, tick - p->repeat_at);
	str_add_varint(&p->repeats, more);
	p->repeat_at = tick;
}

static void begin_tick(struct writer *w, struct wprocess *p,
		       const struct source_symbols *syms,
		       const struct tick *tick)
{
	uint64_t ns = tick->mono_ns;

	if (!w->has_ticks)
		w->block_ns = ns;
	if (!w->chain_has_ticks)
		w->chain_ns = ns;
	w->has_ticks = w->chain_has_ticks = w->dirty = true;
	p->times = grow(p->times, &p->cap_times, p->nticks + 1,
			sizeof(*p->times));
	p->missed = grow(p->missed, &p->cap_missed, p->nticks + 1,
			 sizeof(*p->missed));
	if (!p->nticks)
		p->first_number = tick->number;
	p->last_number = tick->number;
	p->times[p->nticks] = ns;
	p->missed[p->nticks] = tick->missed;
	add_repeats(p, (uint32_t)p->nticks, tick->more);
	p->more = tick->more;
	p->nticks++;
	p->pos = 0;
	w->current = p;
	w->bytes += TICK_BYTES;
	w->cells += p->norder + 1;
	source_select(&p->source, &w->tables, syms);
}

static bool block_over(const struct writer *w, const struct tick *tick)
{
	const struct wprocess *p = writer_find(w, tick->pid);

	if (w->has_ticks && !w->leisure && tick->mono_ns >= w->block_ns &&
	    is_over(w->block_ns, tick->mono_ns, BLOCK_NS))
		return true;
	/* Times of a process never decrease within a block. */
	if (p && p->nticks && tick->mono_ns < p->times[p->nticks - 1])
		return true;
	return block_full(w);
}

static int on_tick(struct sink *s, const struct source_symbols *syms,
		   const struct tick *tick)
{
	struct writer *w = writer_of(s);
	int ret = w->failed;

	if (!ret && block_over(w, tick))
		ret = flush(w);
	if (ret)
		return ret;
	if (!w->dirty && w->chain_has_ticks && !w->leisure &&
	    is_over(w->chain_ns, tick->mono_ns, CHAIN_NS))
		next_chain(w);
	begin_tick(w, subject(w, tick->pid), syms, tick);
	return 0;
}

/* Goes on with the same tick in another block. */
static int split_tick(struct writer *w, const struct source_symbols *syms)
{
	struct wprocess *p = w->current;
	struct tick tick = {
		.pid = p->info.pid,
		.mono_ns = p->times[p->nticks - 1],
		.more = p->more,
		.number = p->last_number,
	};
	int ret = flush(w);

	if (ret)
		return ret;
	p = subject(w, tick.pid);
	p->continued = true;
	begin_tick(w, p, syms, &tick);
	return 0;
}

/* ---- samples ---- */

static struct wthread *thread_of_sample(struct wprocess *p, uint32_t tid)
{
	struct wthread *t;

	/* Threads mostly come in the order of the tick before. */
	if (p->pos < p->norder && p->order[p->pos]->tid == tid)
		return p->order[p->pos++];
	t = writer_thread(p, tid);
	if (t->place < p->norder && p->order[t->place] == t)
		p->pos = t->place + 1;
	return t;
}

/* The thread gets a column in this block; so far it was absent. */
static void add_column(struct writer *w, struct wprocess *p,
		       struct wthread *t, uint32_t tick)
{
	t->block = w->block;
	t->place = (uint32_t)p->norder;
	p->order = grow(p->order, &p->cap_order, p->norder + 1,
			sizeof(struct wthread *));
	p->order[p->norder++] = t;
	p->pos = p->norder;
	t->token = TOKEN_ABSENT;
	t->fresh = w->tables.old_cases + TOKEN_CASES;
	t->from = 0;
	t->next = tick;
	w->bytes += COLUMN_BYTES;
	w->cells += p->nticks;
	if (t->name && t->chain != w->tables.chain)
		writer_tell(w, p, t, tick);
}

/* The thread has `token` in this tick. */
static void extend_column(struct wthread *t, uint32_t tick, uint32_t token)
{
	if (t->next < tick) {
		column_add(t);
		t->token = TOKEN_ABSENT;
		t->from = t->next;
		t->next = tick;
	}
	if (t->token != token) {
		column_add(t);
		t->token = token;
		t->from = tick;
	}
	t->next = tick + 1;
}

static int change(struct writer *w, const struct source_symbols *syms,
		  struct wthread *t, const struct sample *sample)
{
	struct wprocess *p = w->current;
	uint32_t tick, id;
	int ret;

	if (block_full(w)) {
		ret = split_tick(w, syms);
		if (ret)
			return ret;
		/* It may have been forgotten. */
		p = w->current;
		t = writer_thread(p, sample->tid);
	}
	ret = tables_case(&w->tables, &p->source, sample, &id);
	if (ret)
		return ret;
	tick = (uint32_t)p->nticks - 1;
	if (t->block != w->block)
		add_column(w, p, t, tick);
	w->bytes += CHANGE_BYTES;
	t->stamp = p->source.stamp;
	t->stack = sample->stack;
	t->state = sample->state;
	t->loss = sample->loss;
	extend_column(t, tick, id + TOKEN_CASES);
	return 0;
}

static int on_sample(struct sink *s, const struct source_symbols *syms,
		     const struct sample *sample)
{
	struct writer *w = writer_of(s);
	struct wprocess *p = w->current;
	uint32_t tick;
	struct wthread *t;

	if (w->failed)
		return w->failed;
	if (!p)
		return -EINVAL;
	tick = (uint32_t)p->nticks - 1;
	t = thread_of_sample(p, sample->tid);
	if (t->block == w->block && t->next == tick &&
	    t->stamp == p->source.stamp && t->stack == sample->stack &&
	    t->state == sample->state && t->loss == sample->loss) {
		t->next = tick + 1;
		return 0;
	}
	/* A second sample of a thread in one tick cannot be. */
	if (t->block == w->block && t->next > tick)
		return -EINVAL;
	return change(w, syms, t, sample);
}

/* ---- life ---- */

static const struct sink_ops writer_ops = {
	.run = on_run,
	.process = on_process,
	.thread = on_thread,
	.tick = on_tick,
	.sample = on_sample,
};

static int open_stream(z_stream *z, struct err *err)
{
	if (deflateInit2(z, LEVEL, Z_DEFLATED, 15, 9, Z_DEFAULT_STRATEGY) !=
	    Z_OK)
		return err_set(err, -ENOMEM, "zlib cannot be set up");
	return 0;
}

int writer_open(struct writer **out, const char *path, struct err *err)
{
	struct writer *w = xcalloc(1, sizeof(*w));
	int ret = open_stream(&w->z, err);

	if (!ret) {
		ret = output_open(&w->out, path, err);
		if (ret)
			deflateEnd(&w->z);
	}
	if (ret) {
		free(w);
		return ret;
	}
	w->sink.ops = &writer_ops;
	w->block = 1;
	w->open_chain = true;
	map_init(&w->process_of);
	tables_init(&w->tables);
	str_init(&w->processes_new);
	str_init(&w->raw);
	str_init(&w->packed);
	*out = w;
	return 0;
}

struct sink *writer_sink(struct writer *w)
{
	return &w->sink;
}

void writer_at_leisure(struct writer *w)
{
	w->leisure = true;
	output_name_late(w->out);
}

uint64_t writer_bytes(const struct writer *w)
{
	return output_len(w->out);
}

static void writer_free(struct writer *w)
{
	deflateEnd(&w->z);
	writer_free_processes(w);
	tables_release(&w->tables);
	run_release(&w->run);
	str_release(&w->processes_new);
	str_release(&w->raw);
	str_release(&w->packed);
	free(w->cuts);
	output_free(w->out);
	free(w);
}

int writer_close(struct writer *w, struct err *err)
{
	bool empty = w->run.host && !output_len(w->out);
	int ret = w->failed;

	if (!ret && (w->dirty || empty))
		ret = flush(w);
	if (!ret) {
		ret = output_close(w->out, &w->err);
		w->out = NULL;
	}
	if (ret && err)
		*err = w->err;
	writer_free(w);
	return ret;
}

int writer_abandon(struct writer *w, struct err *err)
{
	int ret = w->failed;

	if (ret && err)
		*err = w->err;
	writer_free(w);
	return ret;
}
