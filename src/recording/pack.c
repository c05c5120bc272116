/*
 * A block: records are put one after the other, compressed, and given their
 * header.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "writer_priv.h"

/* A Huffman table of its own costs about 50 bytes: not for less than this. */
#define PIECE_MIN 256u
/*
 * More than this comes only of rates above 10 kHz. To look for repetitions in
 * it costs more than the reading of the samples (60 ns a byte, where runs
 * alone take 8), for a seventh of the size at most.
 */
#define PIECE_FAST 65536u

/* ---- columns ---- */

void column_add(struct wthread *t)
{
	uint32_t ticks = t->next - t->from;

	if (!ticks)
		return;
	str_add_varint(&t->column,
		       t->token == t->fresh ? TOKEN_NEXT : t->token);
	if (t->token >= t->fresh)
		t->fresh = t->token + 1;
	if (ticks > 1) {
		str_add_varint(&t->column, TOKEN_REPEAT);
		str_add_varint(&t->column, ticks - 1);
	}
}

static void end_column(struct wthread *t, uint32_t nticks)
{
	column_add(t);
	if (t->next == nticks)
		return;
	t->token = TOKEN_ABSENT;
	t->from = t->next;
	t->next = nticks;
	column_add(t);
}

/* ---- times ---- */

/*
 * The power of 2 nearest to a 32nd of the period, at least 1 us: each bit
 * more of precision costs one bit a tick.
 */
unsigned unit_shift(uint64_t period_ns)
{
	unsigned shift = 10;

	/* 181/128 is the root of 2. */
	while (shift < SHIFT_MAX && (1ull << shift) / 128 * 181 < period_ns / 32)
		shift++;
	return shift;
}

static void add_missed(struct str *to, const uint32_t *missed, size_t n)
{
	size_t i, from = 0;

	for (i = 1; i <= n; i++) {
		if (i < n && missed[i] == missed[from])
			continue;
		str_add_varint(to, i - from);
		str_add_varint(to, missed[from]);
		from = i;
	}
}

/*
 * Each time becomes how much later it was than was to be expected. Returns the
 * least of these, so that no tick is early.
 */
static uint64_t take_lateness(struct wprocess *p, const struct run_info *run)
{
	uint64_t least = p->times[0];
	struct expected e;
	size_t i;

	expect_init(&e, run, p->first_number);
	for (i = 1; i < p->nticks; i++) {
		expect_next(&e, p->missed[i]);
		p->times[i] -= expect(&e);
		if ((int64_t)(p->times[i] - least) < 0)
			least = p->times[i];
	}
	return least;
}

/*
 * By how much the last step to a tick was longer than was to be expected, as those
 * before it were that have no tick.
 */
static uint64_t take_step(const struct wprocess *p, size_t i, struct pace *pace)
{
	uint64_t expected = pace->step;
	uint64_t step = p->times[i] - p->times[i - 1] - p->missed[i] * expected;

	pace_next(pace, step);
	return step - expected;
}

/*
 * Whether most steps are as long as was to be expected; if so, shift is the largest
 * unit of which all of them are multiples.
 */
static bool are_even(const struct wprocess *p, unsigned *shift)
{
	uint64_t longer, all = 0;
	struct pace pace;
	size_t i, others = 0;

	if (p->first_number)
		return false;
	pace_init(&pace);
	for (i = 1; i < p->nticks; i++) {
		longer = take_step(p, i, &pace);
		others += longer != 0;
		all |= longer;
	}
	if (others > p->nticks / 4 + 1)
		return false;
	*shift = all ? (unsigned)__builtin_ctzll(all | 1ull << SHIFT_MAX) : 0;
	return true;
}

static void add_even_times(struct str *to, const struct wprocess *p,
			   unsigned shift)
{
	struct pace pace;
	size_t i;

	str_add_varint(to, p->times[0]);
	pace_init(&pace);
	for (i = 1; i < p->nticks; i++)
		str_add_svarint(to, (int64_t)take_step(p, i, &pace) >> shift);
}

static void add_times(struct str *to, struct wprocess *p,
		      const struct run_info *run, unsigned shift)
{
	uint64_t half = 1ull << (shift - 1), base = take_lateness(p, run);
	size_t i;

	if (p->first_number)
		str_add_varint(to, p->first_number);
	str_add_varint(to, base);
	for (i = 0; i < p->nticks; i++)
		str_add_varint(to, (p->times[i] - base + half) >> shift);
}

/* ---- records ---- */

static void add_record(struct str *raw, enum record_type type,
		       const struct str *content)
{
	if (!content->len)
		return;
	str_add_varint(raw, type);
	str_add_varint(raw, content->len);
	str_add(raw, content->data, content->len);
}

static void cut_here(struct writer *w)
{
	w->cuts = grow(w->cuts, &w->cap_cuts, w->ncuts + 1, sizeof(*w->cuts));
	w->cuts[w->ncuts++] = w->raw.len;
}

static void add_run(struct writer *w)
{
	const struct run_info *run = &w->run;
	struct str s;

	if (!w->open_chain)
		return;
	str_init(&s);
	str_add_varint(&s, run->period_ns);
	str_add_varint(&s, run->wall_ns);
	str_add_varint(&s, run->mono_ns);
	str_add_varint(&s, run->seed);
	add_text(&s, run->host ? run->host : "");
	add_text(&s, run->kernel ? run->kernel : "");
	add_text(&s, run->program ? run->program : "");
	add_record(&w->raw, RECORD_RUN, &s);
	str_release(&s);
}

/* A record of rows of a process, if there are any. */
static void add_rows(struct writer *w, enum record_type type,
		     const struct wprocess *p, const struct str *rows)
{
	struct str s;

	if (!rows->len)
		return;
	str_init(&s);
	str_add_varint(&s, p->number);
	str_add(&s, rows->data, rows->len);
	add_record(&w->raw, type, &s);
	str_release(&s);
}

static void add_strings(struct writer *w)
{
	struct str s;

	if (!w->tables.new_strings)
		return;
	str_init(&s);
	str_add_varint(&s, w->tables.new_strings);
	str_add(&s, w->tables.lengths.data, w->tables.lengths.len);
	str_add(&s, w->tables.text.data, w->tables.text.len);
	add_record(&w->raw, RECORD_STRINGS, &s);
	str_release(&s);
}

static int by_tid(const void *a, const void *b)
{
	const struct wthread *const *x = a, *const *y = b;

	return ((*x)->tid > (*y)->tid) - ((*x)->tid < (*y)->tid);
}

/* The numbers before the columns; the threads are sorted from here on. */
static void add_head(struct str *s, const struct writer *w, struct wprocess *p)
{
	unsigned shift = unit_shift(w->run.period_ns);
	bool even = are_even(p, &shift);
	uint32_t least = 0;
	size_t i;

	str_add_varint(s, p->number);
	str_add_varint(s, (p->continued ? SAMPLES_CONTINUE : 0) |
				  (p->first_number ? SAMPLES_SCHEDULED : 0) |
				  (even ? SAMPLES_EVEN : 0));
	str_add_varint(s, shift);
	str_add_varint(s, p->nticks);
	add_missed(s, p->missed, p->nticks);
	if (even)
		add_even_times(s, p, shift);
	else
		add_times(s, p, &w->run, shift);
	if (p->norder)
		qsort(p->order, p->norder, sizeof(struct wthread *), by_tid);
	str_add_varint(s, p->norder);
	for (i = 0; i < p->norder; i++) {
		str_add_varint(s, p->order[i]->tid - least);
		/* Wraps after the last possible id, and is not used then. */
		least = p->order[i]->tid + 1;
	}
}

static void add_samples(struct writer *w, struct wprocess *p)
{
	struct str head;
	size_t i, len;

	if (!p->nticks)
		return;
	str_init(&head);
	add_head(&head, w, p);
	len = head.len;
	for (i = 0; i < p->norder; i++) {
		end_column(p->order[i], (uint32_t)p->nticks);
		len += p->order[i]->column.len;
	}
	cut_here(w);
	str_add_varint(&w->raw, RECORD_SAMPLES);
	str_add_varint(&w->raw, len);
	str_add(&w->raw, head.data, head.len);
	cut_here(w);
	for (i = 0; i < p->norder; i++)
		str_add(&w->raw, p->order[i]->column.data,
			p->order[i]->column.len);
	str_release(&head);
	add_rows(w, RECORD_REPEATS, p, &p->repeats);
}

static void add_records(struct writer *w)
{
	const struct tables *t = &w->tables;
	size_t i;

	add_run(w);
	str_add(&w->raw, w->processes_new.data, w->processes_new.len);
	for (i = 0; i < w->nprocesses; i++)
		add_rows(w, RECORD_THREADS, w->processes[i],
			 &w->processes[i]->events);
	add_strings(w);
	cut_here(w);
	add_record(&w->raw, RECORD_CODES, &t->codes);
	add_record(&w->raw, RECORD_FRAMES, &t->frames);
	add_record(&w->raw, RECORD_STACKS, &t->stacks);
	add_record(&w->raw, RECORD_STATES, &t->states);
	add_record(&w->raw, RECORD_CASES, &t->cases);
	for (i = 0; i < w->nprocesses; i++)
		add_samples(w, w->processes[i]);
}

/* ---- compression ---- */

/* Z_BLOCK ends a Huffman table, but neither a byte nor the window. */
static int press(z_stream *z, char *from, size_t len, int flush)
{
	deflateParams(z, LEVEL,
		      len > PIECE_FAST ? Z_RLE : Z_DEFAULT_STRATEGY);
	z->next_in = (Bytef *)from;
	z->avail_in = (uInt)len;
	/* There is room for all of it, so one call takes it. */
	return deflate(z, flush);
}

static int compress_raw(struct writer *w)
{
	size_t bound, at = 0, i, end = w->raw.len;
	z_stream *z = &w->z;

	/* Each cut may add the head of a deflate block. */
	bound = deflateBound(z, end) + (w->ncuts + 1) * 64;
	str_reserve(&w->packed, HEADER_LEN + bound);
	deflateReset(z);
	if (w->past.len)
		deflateSetDictionary(z, w->past.bytes, (uInt)w->past.len);
	z->next_out = (Bytef *)w->packed.data + HEADER_LEN;
	z->avail_out = (uInt)(w->packed.cap - HEADER_LEN - 1);
	for (i = 0; i < w->ncuts; i++) {
		if (w->cuts[i] - at < PIECE_MIN || end - w->cuts[i] < PIECE_MIN)
			continue;
		press(z, w->raw.data + at, w->cuts[i] - at, Z_BLOCK);
		at = w->cuts[i];
	}
	if (press(z, w->raw.data + at, end - at, Z_FINISH) != Z_STREAM_END)
		return err_set(&w->err, -EIO, "a block cannot be compressed");
	w->packed.len = HEADER_LEN + z->total_out;
	return 0;
}

int writer_pack(struct writer *w)
{
	struct header h = {
		.version = FORMAT_VERSION,
		.flags = w->open_chain ? 0 : HEADER_CONTINUES,
		.link = w->link,
	};
	int ret;

	str_clear(&w->raw);
	str_clear(&w->packed);
	w->ncuts = 0;
	add_records(w);
	if (w->raw.len > RAW_MAX)
		return err_set(&w->err, -E2BIG,
			       "a block would exceed %u MiB", RAW_MAX >> 20);
	ret = compress_raw(w);
	if (ret)
		return ret;
	h.raw_len = (uint32_t)w->raw.len;
	h.packed_len = (uint32_t)(w->packed.len - HEADER_LEN);
	h.crc = block_checksum(w->packed.data + HEADER_LEN, h.packed_len);
	header_encode(&h, (uint8_t *)w->packed.data);
	past_add(&w->past, (uint8_t *)w->raw.data, w->raw.len);
	w->link = h.crc;
	return 0;
}
