/*
 * Definitions: numbers of the source become numbers of the chain, and what is
 * used for the first time in the chain becomes a row of this block.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "writer_priv.h"

/*
 * One sample may bring DEPTH_MAX new frames with two new strings each. These
 * leave room for it below the limits of the format.
 */
#define ROWS_SOFT (TABLE_MAX / 2)
#define TEXT_SOFT (CHAIN_TEXT_MAX / 2)
#define TEXT_HARD (CHAIN_TEXT_MAX / 4 * 3)
#define SHORT_TEXT 32u /* what is kept of a string beyond TEXT_HARD */

void tables_init(struct tables *t)
{
	memset(t, 0, sizeof(*t));
	t->chain = 1;
	map_init(&t->case_of);
	str_init(&t->lengths);
	str_init(&t->text);
	str_init(&t->codes);
	str_init(&t->frames);
	str_init(&t->stacks);
	str_init(&t->states);
	str_init(&t->cases);
}

void tables_release(struct tables *t)
{
	map_release(&t->case_of);
	str_release(&t->lengths);
	str_release(&t->text);
	str_release(&t->codes);
	str_release(&t->frames);
	str_release(&t->stacks);
	str_release(&t->states);
	str_release(&t->cases);
	free(t->path);
}

void tables_next_block(struct tables *t)
{
	t->old_cases = t->ncases;
	t->new_strings = 0;
	str_clear(&t->lengths);
	str_clear(&t->text);
	str_clear(&t->codes);
	str_clear(&t->frames);
	str_clear(&t->stacks);
	str_clear(&t->states);
	str_clear(&t->cases);
}

void tables_next_chain(struct tables *t)
{
	t->nstrings = t->ncodes = t->nframes = t->nstacks = 0;
	t->nstates = t->ncases = 0;
	tables_next_block(t);
	t->chain++;
	t->text_bytes = 0;
	t->case_stack = 0;
	map_clear(&t->case_of);
}

size_t tables_bytes(const struct tables *t)
{
	return t->lengths.len + t->text.len + t->codes.len + t->frames.len +
	       t->stacks.len + t->states.len + t->cases.len;
}

bool tables_full(const struct tables *t)
{
	return t->nstrings > ROWS_SOFT || t->ncodes > ROWS_SOFT ||
	       t->nframes > ROWS_SOFT || t->nstacks > ROWS_SOFT ||
	       t->nstates > ROWS_SOFT || t->ncases > ROWS_SOFT ||
	       t->text_bytes > TEXT_SOFT;
}

/* ---- sources ---- */

static void numbers_release(struct numbers *n)
{
	free(n->items);
	n->items = NULL;
	n->len = 0;
}

void source_release(struct source *src)
{
	numbers_release(&src->strings);
	numbers_release(&src->codes);
	numbers_release(&src->frames);
	numbers_release(&src->stacks);
	numbers_release(&src->states);
}

void source_select(struct source *src, struct tables *t,
		   const struct source_symbols *syms)
{
	if (src->stamp && src->table == syms->table &&
	    src->serial == syms->serial && src->chain == t->chain)
		return;
	src->table = syms->table;
	src->serial = syms->serial;
	src->chain = t->chain;
	src->stamp = ++t->stamps;
}

static struct number *number_at(struct numbers *n, uint32_t id)
{
	size_t old = n->len;

	if (id >= old) {
		n->items = grow(n->items, &n->len, (size_t)id + 1,
				sizeof(*n->items));
		memset(n->items + old, 0, (n->len - old) * sizeof(*n->items));
	}
	return &n->items[id];
}

/*
 * Appends the reference to *row. True when the chain did not have it yet: it
 * has got the next number then, and is to be defined.
 */
static bool refer(struct str *row, struct numbers *numbers, uint32_t id,
		  uint32_t stamp, uint32_t *count)
{
	struct number *n = number_at(numbers, id);

	if (n->stamp == stamp) {
		str_add_varint(row, *count - n->id);
		return false;
	}
	n->stamp = stamp;
	n->id = (*count)++;
	str_add_varint(row, 0);
	return true;
}

/* ---- rows ---- */

/* The longest start of at most `max` bytes that cuts no character. */
static size_t cut_text(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

void add_text(struct str *to, const char *text)
{
	size_t len = cut_text(text, strlen(text), TEXT_MAX);

	str_add_varint(to, len);
	str_add(to, text, len);
}

static void define_string(struct tables *t, const struct symbols *s,
			  uint32_t id)
{
	static const char dots[] = "...";
	bool much = t->text_bytes > TEXT_HARD;
	size_t len, kept;
	const char *text = intern_text(&s->strings, id, &len);

	kept = cut_text(text, len, much ? SHORT_TEXT : TEXT_MAX);
	str_add(&t->text, text, kept);
	if (much && kept < len) {
		str_adds(&t->text, dots);
		kept += sizeof(dots) - 1;
	}
	str_add_varint(&t->lengths, kept);
	t->text_bytes += kept;
	t->new_strings++;
}

static void refer_string(struct tables *t, struct source *src, uint32_t id)
{
	if (refer(&t->codes, &src->strings, id, src->stamp, &t->nstrings))
		define_string(t, src->table, id);
}

static void define_code(struct tables *t, struct source *src, uint32_t id)
{
	const struct code_def *def = &src->table->codes[id];

	refer_string(t, src, def->name);
	refer_string(t, src, def->file);
	str_add_varint(&t->codes, def->first);
}

static void define_frame(struct tables *t, struct source *src, uint32_t id)
{
	const struct frame_def *def = &src->table->frames[id];
	const struct code_def *code = &src->table->codes[def->code];

	if (refer(&t->frames, &src->codes, def->code, src->stamp, &t->ncodes))
		define_code(t, src, def->code);
	str_add_svarint(&t->frames, (int64_t)def->line - code->first);
	str_add_varint(&t->frames, def->flags);
}

/* The stack gets a number; its caller has one. */
static void define_stack(struct tables *t, struct source *src, uint32_t id,
			 uint32_t caller)
{
	const struct stack_def *def = &src->table->stacks[id];
	struct number *n = number_at(&src->stacks, id);

	str_add_varint(&t->stacks, t->nstacks - caller);
	n->stamp = src->stamp;
	n->id = ++t->nstacks;
	if (refer(&t->stacks, &src->frames, def->frame, src->stamp,
		  &t->nframes))
		define_frame(t, src, def->frame);
}

static uint32_t stack_number(struct tables *t, struct source *src, uint32_t id)
{
	const struct symbols *s = src->table;
	uint32_t known = id, at = 0;
	struct number *n;
	size_t depth = 0;

	for (; known; known = s->stacks[known].parent) {
		n = number_at(&src->stacks, known);
		if (n->stamp == src->stamp) {
			at = n->id;
			break;
		}
		t->path = grow(t->path, &t->cap_path, depth + 1,
			       sizeof(*t->path));
		t->path[depth++] = known;
	}
	while (depth) {
		define_stack(t, src, t->path[--depth], at);
		at = t->nstacks;
	}
	return at;
}

static void define_state(struct tables *t, const struct source *src,
			 uint32_t id)
{
	const struct state_def *def = &src->table->states[id];

	size_t before;

	str_add_varint(&t->states, def->run);
	str_add_varint(&t->states, def->gil);
	str_add_varint(&t->states, def->flags);
	before = t->states.len;
	add_text(&t->states, symbols_text(src->table, def->wait));
	t->text_bytes += t->states.len - before;
}

static void define_case(struct tables *t, struct source *src, uint32_t stack,
			uint32_t state, uint32_t loss)
{
	str_add_svarint(&t->cases, (int64_t)stack - t->case_stack);
	if (stack > t->case_stack)
		t->case_stack = stack;
	if (refer(&t->cases, &src->states, state, src->stamp, &t->nstates))
		define_state(t, src, state);
	str_add_varint(&t->cases, loss);
}

/* Stacks and states have less than 2^28 numbers in a chain: TABLE_MAX. */
static uint64_t case_key(uint32_t stack, uint32_t state, uint32_t loss)
{
	return (uint64_t)stack << 36 | (uint64_t)state << 8 | loss;
}

int tables_case(struct tables *t, struct source *src,
		const struct sample *sample, uint32_t *id)
{
	const struct symbols *s = src->table;
	uint32_t stack = sample->stack, loss = sample->loss, at;
	struct number *state;
	uint64_t key;

	if (stack >= s->nstacks || sample->state >= s->nstates ||
	    loss >= LOSS_CAUSES)
		return -EINVAL;
	if (s->stacks[stack].depth > DEPTH_MAX) {
		stack = 0;
		loss = LOSS_DEPTH;
	}
	at = stack_number(t, src, stack);
	/* A state without a number yet makes a case that is not there yet. */
	state = number_at(&src->states, sample->state);
	key = case_key(at, state->stamp == src->stamp ? state->id : t->nstates,
		       loss);
	*id = map_get(&t->case_of, key);
	if (*id != MAP_NONE)
		return 0;
	define_case(t, src, at, sample->state, loss);
	*id = t->ncases++;
	map_put(&t->case_of, key, *id);
	return 0;
}
