/*
 * The first step of a snapshot: bytes. What the last snapshot found is the
 * prediction; what it does not cover is read on demand while the chain of
 * frames is followed, and then all that was used is read a second time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"
#include "walk_priv.h"

#define PAGE 4096u

void slot_release(struct slot *s)
{
	size_t i;

	piece_release(&s->state);
	piece_release(&s->cframe);
	for (i = 0; i < s->nchunks; i++)
		piece_release(&s->chunks[i]);
	for (i = 0; i < s->nframes; i++)
		piece_release(&s->frames[i]);
	for (i = 0; i < s->cap_idents; i++)
		piece_release(&s->idents[i]);
	free(s->chunks);
	free(s->frames);
	free(s->idents);
	free(s->links);
}

uint64_t slot_field(const struct walker *w, const struct slot *s, int copy,
		    int32_t field)
{
	if (field < w->thread_span.from)
		return 0;
	return field_of(s->state.copy[copy], s->state.got[copy],
			field - w->thread_span.from);
}

/* The anchors stand outermost: read first in copy 0, last in copy 1. */
static void add_anchors(struct batch *b, struct slot *s, int copy)
{
	batch_add(b, &s->state, copy);
	batch_add(b, &s->cframe, copy);
}

static void add_frames(struct batch *b, struct slot *s, int copy)
{
	size_t i;

	for (i = 0; i < s->wanted; i++)
		batch_add(b, &s->chunks[i], copy);
	for (i = 0; i < s->nframes; i++)
		batch_add(b, &s->frames[i], copy);
}

static void add_closing(struct batch *b, struct slot *s)
{
	add_frames(b, s, 1);
	add_anchors(b, s, 1);
}

void slot_predict(struct walker *w, struct slot *s)
{
	size_t i;

	piece_aim(&s->state, s->tstate + (raddr)w->thread_span.from,
		  (size_t)(w->thread_span.to - w->thread_span.from));
	for (i = s->wanted; i < s->nchunks; i++)
		s->chunks[i].got[0] = s->chunks[i].got[1] = 0;
	s->reads = 0;
	s->missed = false;
	/*
	 * Idents first: between the copies they would keep them apart, and
	 * a stack that moves is lost. A code object cannot be freed, made
	 * anew at its address and begin to run in the few microseconds that
	 * this takes.
	 */
	for (i = 0; i < s->nidents; i++)
		batch_add(&w->batch, &s->idents[i], 0);
	add_anchors(&w->batch, s, 0);
	add_frames(&w->batch, s, 0);
	add_closing(&w->batch, s);
}

/* Reads one piece that was not predicted; an enum loss or negative. */
static int read_missed(struct walker *w, struct slot *s, struct piece *p)
{
	int ret;

	s->missed = true;
	if (s->reads++ >= DEPENDENT_READS_MAX)
		return LOSS_DEPTH;
	batch_add(&w->batch, p, 0);
	ret = batch_read(&w->batch, w->remote);
	if (ret)
		return ret;
	return piece_whole(p, 0) ? 0 : LOSS_READ;
}

/* ---- data stack chunks ---- */

/* Brings the chunk at `addr` to place i, by swapping or as a new one. */
static struct piece *chunk_at(struct slot *s, size_t i, raddr addr)
{
	struct piece swap;
	size_t j;

	for (j = i; j < s->nchunks; j++)
		if (s->chunks[j].addr == addr)
			break;
	if (j == s->nchunks) {
		s->chunks = grow(s->chunks, &s->cap_chunks, s->nchunks + 1,
				 sizeof(*s->chunks));
		memset(&s->chunks[s->nchunks++], 0, sizeof(*s->chunks));
	}
	swap = s->chunks[i];
	s->chunks[i] = s->chunks[j];
	s->chunks[j] = swap;
	return &s->chunks[i];
}

static size_t round_up(size_t n, size_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/*
 * Bytes to read of a chunk of which `used` are in use: to the end of the page
 * and a little more, since that costs nothing and covers a deeper stack next
 * time, but never beyond the chunk.
 */
static size_t chunk_length(size_t used, size_t size)
{
	size_t len = round_up(used + PAGE / 4, PAGE);

	return size && len > size ? size : len;
}

static bool chunk_is_sane(const struct walker *w, const struct piece *p,
			  uint64_t *size)
{
	*size = field_of(p->copy[0], p->got[0], w->layout.chunk.size);
	return p->addr % PAGE == 0 && *size >= PAGE &&
	       *size <= CHUNK_BYTES_MAX;
}

/*
 * Makes the chunks of the thread those of its list, top first, each read as
 * far as it is used. An enum loss or negative.
 */
static int trace_chunks(struct walker *w, struct slot *s)
{
	const struct layout *l = &w->layout;
	raddr addr = slot_field(w, s, 0, l->thread.chunk);
	raddr top = slot_field(w, s, 0, l->thread.chunk_top);
	uint64_t used, size;
	struct piece *p;
	size_t i;
	int ret;

	for (i = 0; addr && i < CHUNKS_MAX; i++) {
		p = chunk_at(s, i, addr);
		if (p->addr != addr || !piece_whole(p, 0)) {
			piece_aim(p, addr, i ? CHUNK_GUESS : PAGE);
			ret = read_missed(w, s, p);
			if (ret)
				return ret;
		}
		if (!chunk_is_sane(w, p, &size))
			return LOSS_SHAPE;
		used = i ? 8 * field_of(p->copy[0], p->got[0],
					l->chunk.top) +
			   (uint64_t)l->chunk.data
			 : top - addr;
		if (used > size)
			return LOSS_SHAPE;
		if (used > p->len) {
			piece_aim(p, addr, chunk_length(used, size));
			ret = read_missed(w, s, p);
			if (ret)
				return ret;
		}
		addr = field_of(p->copy[0], p->got[0], l->chunk.previous);
	}
	s->wanted = i;
	return addr ? LOSS_DEPTH : 0;
}

static int32_t chunk_of(const struct slot *s, raddr addr, size_t bytes)
{
	size_t i;

	for (i = 0; i < s->wanted; i++)
		if (addr >= s->chunks[i].addr &&
		    addr - s->chunks[i].addr < s->chunks[i].len &&
		    s->chunks[i].len - (addr - s->chunks[i].addr) >= bytes)
			return (int32_t)i;
	return -1;
}

/* ---- frames that are pieces of their own ---- */

static void swap_pieces(struct piece *a, struct piece *b)
{
	struct piece swap = *a;

	*a = *b;
	*b = swap;
}

/*
 * Brings the frame at `addr` to place i of slot->frames, where the chain
 * needs it: it is there, or further on, or it must be read.
 */
static int frame_piece(struct walker *w, struct slot *s, size_t i, raddr addr,
		       size_t bytes)
{
	size_t j;

	for (j = i; j < s->nframes; j++)
		if (s->frames[j].addr == addr && s->frames[j].len == bytes)
			break;
	if (j == s->nframes) {
		s->frames = grow(s->frames, &s->cap_frames, s->nframes + 1,
				 sizeof(*s->frames));
		memset(&s->frames[s->nframes++], 0, sizeof(*s->frames));
		piece_aim(&s->frames[j], addr, bytes);
	}
	if (i != j)
		swap_pieces(&s->frames[i], &s->frames[j]);
	if (piece_whole(&s->frames[i], 0))
		return 0;
	return read_missed(w, s, &s->frames[i]);
}

/* Pieces that the chain did not need are forgotten. */
static void forget_frames(struct slot *s, size_t used)
{
	while (s->nframes > used)
		piece_release(&s->frames[--s->nframes]);
}

const unsigned char *link_bytes(const struct slot *s, const struct link *l,
				int n, size_t *len)
{
	const struct piece *p;
	size_t off = 0;

	if (l->chunk >= 0) {
		p = &s->chunks[l->chunk];
		off = (size_t)(l->addr - p->addr);
	} else {
		p = &s->frames[l->piece];
	}
	*len = p->got[n] > off ? p->got[n] - off : 0;
	return p->copy[n] + off;
}

static void link_fill(const struct walker *w, struct slot *s, struct link *l)
{
	const struct layout *y = &w->layout;
	size_t len;
	const unsigned char *p = link_bytes(s, l, 0, &len);

	if (y->frames == FRAMES_HEAP) {
		l->previous = field_of(p, len, y->frame.back);
		l->code = field_of(p, len, y->frame.code);
		l->position = at_u32(p, len, (size_t)y->frame.lasti);
		return;
	}
	l->previous = field_of(p, len, y->iframe.previous);
	l->code = field_of(p, len, y->iframe.code);
	l->position = field_of(p, len, y->iframe.instr);
	l->owner = at_u8(p, len, (size_t)y->iframe.owner);
	l->entry = y->iframe.owner_entry != 0xff &&
		   l->owner == y->iframe.owner_entry;
	if (y->iframe.tagged)
		l->code &= ~(raddr)3;
}

/* Where the chain starts; 3.11 and 3.12 go through the C frame. */
static int trace_head(struct walker *w, struct slot *s, raddr *head)
{
	const struct layout *l = &w->layout;
	raddr cframe;
	int ret;

	*head = 0;
	if (l->frames == FRAMES_HEAP) {
		*head = slot_field(w, s, 0, l->thread.frame);
		return 0;
	}
	if (l->thread.cframe == NO_FIELD) {
		*head = slot_field(w, s, 0, l->thread.current_frame);
		return 0;
	}
	cframe = slot_field(w, s, 0, l->thread.cframe);
	if (!cframe)
		return 0;
	cframe += (raddr)l->thread.cframe_frame;
	if (s->cframe.addr != cframe || !piece_whole(&s->cframe, 0)) {
		piece_aim(&s->cframe, cframe, 8);
		ret = read_missed(w, s, &s->cframe);
		if (ret)
			return ret;
	}
	*head = field_of(s->cframe.copy[0], s->cframe.got[0], 0);
	return 0;
}

static size_t frame_bytes(const struct layout *l)
{
	return (size_t)(l->frames == FRAMES_HEAP ? l->frame.size
						 : l->iframe.size);
}

/* Follows `previous` from the head to the root. An enum loss or negative. */
static int trace_links(struct walker *w, struct slot *s, raddr addr)
{
	const size_t bytes = frame_bytes(&w->layout);
	raddr base = slot_field(w, s, 0, w->layout.thread.base_frame);
	size_t used = 0, mark = 1;
	raddr marked = 0;
	struct link *l;
	int ret;

	s->nlinks = 0;
	while (addr && addr != base) {
		if (s->nlinks >= WALK_DEPTH_MAX)
			return LOSS_DEPTH;
		/* Brent: a circle comes by the frame marked last. */
		if (addr % 8 || addr == marked)
			return LOSS_SHAPE;
		if (s->nlinks == mark) {
			marked = addr;
			mark *= 2;
		}
		s->links = grow(s->links, &s->cap_links, s->nlinks + 1,
				sizeof(*s->links));
		l = &s->links[s->nlinks];
		*l = (struct link){.addr = addr};
		l->chunk = chunk_of(s, addr, bytes);
		if (l->chunk < 0) {
			ret = frame_piece(w, s, used, addr, bytes);
			if (ret)
				return ret;
			l->piece = (uint32_t)used++;
		}
		link_fill(w, s, l);
		addr = l->previous;
		s->nlinks++;
	}
	forget_frames(s, used);
	return 0;
}

/*
 * 3.14 and later set the code of a frame to NULL before they unlink it. Such
 * a leaf is gone in all but name; its caller is the truth.
 */
static void drop_cleared_leaf(const struct walker *w, struct slot *s)
{
	s->cleared = 0;
	if (!w->layout.iframe.tagged || !s->nlinks || s->links[0].entry ||
	    s->links[0].code)
		return;
	if (s->links[0].chunk >= 0)
		s->cleared = s->links[0].addr;
	s->nlinks--;
	memmove(s->links, s->links + 1, s->nlinks * sizeof(*s->links));
}

int slot_trace(struct walker *w, struct slot *s)
{
	raddr head;
	int ret = 0;

	s->wanted = 0;
	s->nlinks = 0;
	if (!piece_whole(&s->state, 0))
		return LOSS_READ;
	ret = trace_head(w, s, &head);
	if (!ret && w->layout.frames == FRAMES_CHUNKS)
		ret = trace_chunks(w, s);
	if (!ret)
		ret = trace_links(w, s, head);
	if (!ret) {
		drop_cleared_leaf(w, s);
		ret = codes_resolve(w, s);
	}
	if (ret || !s->missed)
		return ret;
	/* The closing copies of the prediction are older than what was read
	 * on demand: take new ones of everything. */
	add_closing(&w->batch, s);
	return batch_read(&w->batch, w->remote);
}
