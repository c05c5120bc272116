/*
 * What is read of a stack in one call: the last snapshot found it, and so it is
 * predicted for this one. What it does not cover, collect.c reads on demand.
 */
#include "walk_priv.h"

#define LINGER_NS 3000u
#define SLACK_BYTES 1024u /* more of the top chunk than was in use just before */

static void add_anchors(struct batch *b, struct slot *s, int copy)
{
	size_t i;

	batch_add(b, &s->state, copy);
	batch_add(b, &s->cframe, copy);
	for (i = 0; i < s->frames.len; i++)
		batch_add(b, &s->frames.at[i], copy);
}

void slot_add_items(struct slot *s, struct batch *b, int copy)
{
	size_t i;

	for (i = 0; i < s->items.len; i++)
		batch_add(b, &s->items.at[i], copy);
}

/*
 * Of a stack that was whole the last time, without what cannot change alone:
 * the entry frame at the root; the C frame, when the leaf says itself that it
 * runs.
 */
static void add_few_anchors(const struct walker *w, struct batch *b,
			    struct slot *s, int copy)
{
	const struct link *root;
	size_t i, but = SIZE_MAX;

	if (s->whole && s->chain.len) {
		root = &s->chain.at[s->chain.len - 1];
		if (root->entry && root->block < 0)
			but = root->piece;
	}
	batch_add(b, &s->state, copy);
	slot_add_items(s, b, copy);
	if (!leaf_ran(w, s))
		batch_add(b, &s->cframe, copy);
	for (i = 0; i < s->frames.len; i++)
		if (i != but)
			batch_add(b, &s->frames.at[i], copy);
}

/*
 * Both copies in the same order: then frames that are neighbours are read right
 * after one another in both, and that is what a program that comes back to the
 * same stack in the meantime does not get around.
 */
static void add_blocks(struct batch *b, struct slot *s, int copy)
{
	size_t i;

	for (i = s->blocks.len; i-- > 0;)
		batch_add(b, &s->blocks.at[i], copy);
}

/*
 * How much of the top chunk there is to read: no more than up to the end of
 * the leaf, if the piece still is the one that it was found in.
 */
static size_t top_bytes(const struct walker *w, const struct slot *s)
{
	const struct piece *top = &s->blocks.at[0];
	size_t bytes = frame_bytes(&w->layout);
	raddr off;

	if (w->layout.frames == FRAMES_HEAP || !s->whole || !s->chain.len ||
	    s->chain.at[0].block)
		return top->len;
	off = s->chain.at[0].addr - top->addr;
	return bytes <= top->len && off <= top->len - bytes
		       ? (size_t)off + bytes
		       : top->len;
}

static void add_blocks_once(const struct walker *w, struct batch *b,
			    struct slot *s, int copy)
{
	size_t i;

	for (i = 0; i < s->blocks.len; i++)
		batch_add_part(b, &s->blocks.at[i], copy,
			       i ? s->blocks.at[i].len : top_bytes(w, s));
}

size_t round_up(size_t n, size_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/*
 * Aims at the used part of the top chunk, as the thread state tells it by now,
 * and a little more: the less there is to read, the less can change meanwhile.
 */
static void aim_top(const struct walker *w, struct slot *s)
{
	const struct layout *l = &w->layout;
	struct piece *top = s->blocks.at;
	uint64_t used;
	size_t len;

	if (l->frames == FRAMES_HEAP || !s->blocks.len ||
	    slot_field(w, s, 0, l->thread.chunk) != top->addr)
		return;
	used = slot_field(w, s, 0, l->thread.chunk_top) - top->addr;
	if (!used || used > CHUNK_BYTES_MAX)
		return;
	/* A chunk is whole pages. */
	len = round_up((size_t)used, PAGE);
	if (len > used + SLACK_BYTES)
		len = (size_t)used + SLACK_BYTES;
	piece_aim(top, top->addr, len);
}

static void reset_pieces(struct pieces *p)
{
	size_t i;

	for (i = 0; i < p->len; i++)
		piece_reset(&p->at[i]);
}

static void reset_slot(struct slot *s)
{
	piece_reset(&s->cframe);
	reset_pieces(&s->blocks);
	reset_pieces(&s->frames);
	s->reads = 0;
	s->missed = s->traced = false;
}

void slot_predict_facts(struct walker *w, struct slot *s)
{
	const struct layout *l = &w->layout;

	piece_aim(&s->state, s->tstate + (raddr)l->thread.span_from,
		  (size_t)(l->thread.span_to - l->thread.span_from));
	slot_add_items(s, &w->batch, 0);
	batch_add(&w->batch, &s->state, 0);
}

void slot_predict_stack(struct walker *w, struct slot *s, enum predict what)
{
	if (what == PREDICT_TWICE)
		aim_top(w, s);
	reset_slot(s);
	add_blocks(&w->batch, s, 0);
	if (what == PREDICT_LEAN)
		add_few_anchors(w, &w->batch, s, 0);
	else
		add_anchors(&w->batch, s, 0);
	if (what == PREDICT_TWICE || what == PREDICT_LEAN)
		add_blocks(&w->batch, s, 1);
}

void slot_predict_look(struct walker *w, struct slot *s, unsigned n)
{
	if (!n)
		reset_slot(s);
	add_blocks_once(w, &w->batch, s, (int)n);
	add_few_anchors(w, &w->batch, s, (int)n);
}

void slot_take_look(struct slot *s, unsigned n)
{
	size_t i;

	piece_take(&s->state, n);
	piece_take(&s->cframe, n);
	for (i = 0; i < s->items.len; i++)
		piece_take(&s->items.at[i], n);
	for (i = 0; i < s->blocks.len; i++)
		piece_take(&s->blocks.at[i], n);
	for (i = 0; i < s->frames.len; i++)
		piece_take(&s->frames.at[i], n);
}

int slot_read(struct walker *w, struct slot *s)
{
	int ret;

	slot_predict_stack(w, s, PREDICT_TWICE);
	threads_predict_counters(w);
	ret = batch_read(&w->batch, w->remote);
	return ret ? ret : threads_refresh(w);
}

/* Up to LINGER_NS, at random. */
static void linger(const struct walker *w)
{
	uint64_t now = clock_mono(), state = w->tries;
	uint64_t until = now + rng_next(&state) % LINGER_NS;

	while (now < until)
		now = clock_mono();
}

int slot_close(struct walker *w, struct slot *s, bool later)
{
	if (later)
		linger(w);
	s->missed = true;
	add_blocks(&w->batch, s, 1);
	add_anchors(&w->batch, s, 1);
	return batch_read(&w->batch, w->remote);
}

/* ---- the next prediction ---- */

/* Up to 3.10: the parts of the heap where the frames are. */
static void cover_frames(struct walker *w, struct slot *s)
{
	size_t i;

	w->addrs = grow(w->addrs, &w->cap_addrs, s->links.len,
			sizeof(*w->addrs));
	for (i = 0; i < s->links.len; i++)
		w->addrs[i] = s->links.at[i].addr;
	pieces_cover(&s->blocks, w->addrs, s->links.len,
		     frame_bytes(&w->layout));
	s->frames.len = 0;
	for (i = 0; i < s->links.len; i++)
		s->links.at[i].block =
			pieces_find(&s->blocks, s->links.at[i].addr,
				    frame_bytes(&w->layout));
}

void slot_keep(struct walker *w, struct slot *s)
{
	struct links swap = s->chain;
	size_t i;

	s->head = slot_head(w, s);
	s->top = slot_field(w, s, 0, w->layout.thread.chunk_top);
	codes_predict(w, s);
	if (w->layout.frames == FRAMES_HEAP)
		cover_frames(w, s);
	else
		for (i = 0; i < s->blocks.len; i++)
			piece_keep(&s->blocks.at[i]);
	s->chain = s->links;
	s->links = swap;
	s->links.len = 0;
}
