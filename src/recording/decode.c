/*
 * The records of a block. Each number is checked against what it refers to or
 * against its limit as it is read; nothing is done with a block before all of
 * it was found to be right.
 */
#include <stdlib.h>
#include <string.h>

#include "reader_priv.h"

#define CODE_LINE_MAX 0x7fffffffu
#define FRAME_FLAGS (FRAME_ENTRY | FRAME_MARKER)
#define STATE_FLAGS_MAX 0xffu /* what profile.h tells apart */

void chain_init(struct chain *c)
{
	memset(c, 0, sizeof(*c));
	map_init(&c->pids);
}

void chain_release(struct chain *c)
{
	free(c->strings);
	free(c->codes);
	free(c->frames);
	free(c->stacks);
	free(c->states);
	free(c->cases);
	free(c->processes);
	map_release(&c->pids);
}

void block_release(struct block *b)
{
	free(b->times);
	free(b->missed);
	free(b->columns);
	free(b->samples);
	free(b->repeats);
	free(b->events);
	free(b->threads);
}

/* ---- what records consist of ---- */

uint64_t take_upto(struct cursor *from, uint64_t most)
{
	uint64_t v = cursor_varint(from);

	if (v <= most)
		return v;
	from->bad = true;
	return 0;
}

static uint32_t take_u32(struct cursor *from)
{
	return (uint32_t)take_upto(from, UINT32_MAX);
}

uint32_t take_recent(struct cursor *from, struct table *t)
{
	uint64_t k = cursor_varint(from);

	if (k > t->used || (!k && t->used >= t->len)) {
		from->bad = true;
		return 0;
	}
	return k ? t->used - (uint32_t)k : t->used++;
}

struct text take_text(struct cursor *from)
{
	struct text text;

	text.len = (uint32_t)take_upto(from, TEXT_MAX);
	text.p = cursor_bytes(from, text.len);
	return text;
}

/* Room for a row; NULL when the table is full. */
static void *add_row(void *rows, struct table *t, size_t size)
{
	if (t->len >= TABLE_MAX)
		return NULL;
	return grow(rows, &t->cap, t->len + 1, size);
}

/* ---- one function for each type of record ---- */

static bool decode_run(struct chain *c, struct block *b, struct cursor *from)
{
	struct run_info *run = &b->run;

	if (b->has_run)
		return false;
	b->has_run = true;
	run->period_ns = cursor_varint(from);
	run->wall_ns = cursor_varint(from);
	run->mono_ns = cursor_varint(from);
	run->seed = cursor_varint(from);
	b->host = take_text(from);
	b->kernel = take_text(from);
	b->program = take_text(from);
	c->run = *run;
	return true;
}

/* Counts bytes of texts that the chain has to keep. */
static bool text_fits(struct chain *c, size_t bytes)
{
	c->text_bytes += bytes;
	return c->text_bytes <= CHAIN_TEXT_MAX;
}

static bool decode_process(struct chain *c, struct block *b,
			   struct cursor *from)
{
	struct rprocess p = {.samples_block = 0};

	(void)b;
	p.info.pid = take_u32(from);
	p.info.start = cursor_varint(from);
	p.info.version = take_u32(from);
	p.command = take_text(from);
	p.cwd = take_text(from);
	if (from->bad || c->tprocesses.len >= PROCESSES_MAX ||
	    map_get(&c->pids, p.info.pid) != MAP_NONE ||
	    !text_fits(c, (size_t)p.command.len + p.cwd.len))
		return false;
	map_put(&c->pids, p.info.pid, (uint32_t)c->tprocesses.len);
	c->processes = grow(c->processes, &c->tprocesses.cap,
			    c->tprocesses.len + 1, sizeof(*c->processes));
	c->processes[c->tprocesses.len++] = p;
	return true;
}

static bool decode_strings(struct chain *c, struct block *b,
			   struct cursor *from)
{
	struct table *t = &c->tstrings;
	size_t n = take_upto(from, TABLE_MAX - t->len), i;
	struct text *text;

	(void)b;
	/* Each has at least the byte of its length. */
	if (n > cursor_left(from))
		return false;
	c->strings = grow(c->strings, &t->cap, t->len + n,
			  sizeof(*c->strings));
	for (i = 0; i < n; i++)
		c->strings[t->len + i].text.len =
			(uint32_t)take_upto(from, TEXT_MAX);
	for (i = 0; i < n; i++) {
		text = &c->strings[t->len + i].text;
		text->p = cursor_bytes(from, text->len);
		if (from->bad || !text_fits(c, text->len))
			return false;
	}
	t->len += n;
	return true;
}

static bool decode_codes(struct chain *c, struct block *b, struct cursor *from)
{
	struct rcode *rows;

	(void)b;
	while (cursor_left(from)) {
		rows = add_row(c->codes, &c->tcodes, sizeof(*rows));
		if (!rows)
			return false;
		c->codes = rows;
		rows += c->tcodes.len++;
		rows->name = take_recent(from, &c->tstrings);
		rows->file = take_recent(from, &c->tstrings);
		rows->first = take_u32(from);
		if (from->bad)
			return false;
	}
	return true;
}

/* The line, from its difference to the first one of its function. */
static uint32_t take_line(struct cursor *from, uint32_t first)
{
	int64_t diff = cursor_svarint(from);

	if (diff < -(int64_t)first || diff > (int64_t)CODE_LINE_MAX - first) {
		from->bad = true;
		return 0;
	}
	return (uint32_t)(first + diff);
}

static bool decode_frames(struct chain *c, struct block *b,
			  struct cursor *from)
{
	struct rframe *rows;

	(void)b;
	while (cursor_left(from)) {
		rows = add_row(c->frames, &c->tframes, sizeof(*rows));
		if (!rows)
			return false;
		c->frames = rows;
		rows += c->tframes.len++;
		rows->code = take_recent(from, &c->tcodes);
		if (from->bad)
			return false;
		rows->line = take_line(from, c->codes[rows->code].first);
		rows->flags = (uint32_t)take_upto(from, FRAME_FLAGS);
		if (from->bad)
			return false;
	}
	return true;
}

static bool decode_stacks(struct chain *c, struct block *b,
			  struct cursor *from)
{
	struct rstack *rows;
	uint32_t own;

	(void)b;
	while (cursor_left(from)) {
		rows = add_row(c->stacks, &c->tstacks, sizeof(*rows));
		if (!rows)
			return false;
		c->stacks = rows;
		own = (uint32_t)c->tstacks.len++;
		rows[own].caller =
			own - 1 - (uint32_t)take_upto(from, own - 1);
		rows[own].frame = take_recent(from, &c->tframes);
		if (from->bad)
			return false;
		rows[own].depth = rows[rows[own].caller].depth + 1;
		if (rows[own].depth > DEPTH_MAX)
			return false;
	}
	return true;
}

static bool decode_states(struct chain *c, struct block *b,
			  struct cursor *from)
{
	struct rstate *rows;

	(void)b;
	while (cursor_left(from)) {
		rows = add_row(c->states, &c->tstates, sizeof(*rows));
		if (!rows)
			return false;
		c->states = rows;
		rows += c->tstates.len++;
		rows->run = (uint32_t)take_upto(from, RUN_STATES - 1);
		rows->gil = (uint32_t)take_upto(from, GIL_NEITHER);
		rows->flags = (uint32_t)take_upto(from, STATE_FLAGS_MAX);
		rows->wait = take_text(from);
		if (from->bad || !text_fits(c, rows->wait.len))
			return false;
	}
	return true;
}

static bool decode_cases(struct chain *c, struct block *b, struct cursor *from)
{
	struct rcase *rows;
	int64_t diff, last;

	(void)b;
	while (cursor_left(from)) {
		rows = add_row(c->cases, &c->tcases, sizeof(*rows));
		if (!rows)
			return false;
		c->cases = rows;
		rows += c->tcases.len++;
		last = c->case_stack;
		diff = cursor_svarint(from);
		if (diff < -last || diff >= (int64_t)c->tstacks.len - last)
			return false;
		rows->stack = (uint32_t)(last + diff);
		if (c->version < 3 || diff > 0)
			c->case_stack = rows->stack;
		rows->state = take_recent(from, &c->tstates);
		rows->loss = (uint32_t)take_upto(from, LOSS_CAUSES - 1);
		if (from->bad)
			return false;
	}
	return true;
}

/* ---- blocks ---- */

typedef bool decode_record(struct chain *c, struct block *b,
			   struct cursor *from);

static decode_record *const decoders[RECORD_TYPES] = {
	[RECORD_RUN] = decode_run,
	[RECORD_PROCESS] = decode_process,
	[RECORD_THREADS] = decode_threads,
	[RECORD_STRINGS] = decode_strings,
	[RECORD_CODES] = decode_codes,
	[RECORD_FRAMES] = decode_frames,
	[RECORD_STACKS] = decode_stacks,
	[RECORD_STATES] = decode_states,
	[RECORD_CASES] = decode_cases,
	[RECORD_SAMPLES] = decode_samples,
	[RECORD_REPEATS] = decode_repeats,
};

static void table_clear(struct table *t)
{
	t->len = 0;
	t->used = t->resolved = 0;
}

static void chain_clear(struct chain *c)
{
	table_clear(&c->tstrings);
	table_clear(&c->tcodes);
	table_clear(&c->tframes);
	table_clear(&c->tstacks);
	table_clear(&c->tstates);
	table_clear(&c->tcases);
	table_clear(&c->tprocesses);
	c->stacks = grow(c->stacks, &c->tstacks.cap, 1, sizeof(*c->stacks));
	memset(c->stacks, 0, sizeof(*c->stacks));
	c->tstacks.len = c->tstacks.resolved = 1;
	/* Not map_clear: a chain must not pay for the size of another. */
	map_release(&c->pids);
	c->text_bytes = 0;
	c->case_stack = 0;
}

static void block_clear(struct block *b, const struct chain *c)
{
	b->has_run = false;
	b->first_process = (uint32_t)c->tprocesses.len;
	b->ntimes = b->ncolumns = b->nsamples = b->nevents = b->nthreads = 0;
	b->nrepeats = 0;
	b->cells = b->unknown = 0;
}

static bool decode_one(struct chain *c, struct block *b, struct cursor *from)
{
	uint64_t type = cursor_varint(from);
	uint64_t len = take_upto(from, RAW_MAX);
	const uint8_t *content = cursor_bytes(from, len);
	struct cursor record;

	if (!content)
		return false;
	if (type >= RECORD_TYPES || !decoders[type]) {
		b->unknown++;
		return true;
	}
	cursor_init(&record, content, len);
	return decoders[type](c, b, &record) && !record.bad &&
	       !cursor_left(&record);
}

/* What can only be told when all records have been read. */
static bool check_events(const struct chain *c, const struct block *b)
{
	const struct rprocess *p;
	uint32_t nticks;
	size_t i;

	for (i = 0; i < b->nthreads; i++) {
		p = &c->processes[b->threads[i].process];
		nticks = p->samples_block == c->block ? p->nticks : 0;
		if (b->threads[i].end > b->threads[i].first &&
		    b->events[b->threads[i].end - 1].at > nticks)
			return false;
	}
	return true;
}

bool chain_decode(struct chain *c, struct block *b, const uint8_t *raw,
		  size_t len, bool opens)
{
	struct cursor from;

	if (opens)
		chain_clear(c);
	c->block++;
	c->old_cases = (uint32_t)c->tcases.len;
	block_clear(b, c);
	cursor_init(&from, raw, len);
	while (cursor_left(&from)) {
		if (!decode_one(c, b, &from))
			return false;
		/* RUN, and it alone, begins a chain. */
		if (opens != b->has_run)
			return false;
	}
	return opens == b->has_run && check_events(c, b);
}
