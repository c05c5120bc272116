/*
 * The first step of a snapshot: the chain of frames is followed through the
 * bytes that were predicted (predict.c). What these do not cover is read on
 * demand, and then all that was used is read a second time.
 */
#include <stdlib.h>
#include <string.h>

#include "profile.h"
#include "walk_priv.h"

void slot_release(struct slot *s)
{
	piece_release(&s->state);
	piece_release(&s->cframe);
	pieces_release(&s->items);
	pieces_release(&s->blocks);
	pieces_release(&s->frames);
	idents_release(&s->idents);
	free(s->links.at);
	free(s->found.at);
	free(s->chain.at);
	free(s->prefix.at);
	locals_release(&s->locals);
	free(s->out);
}

void slot_forget(struct slot *s)
{
	size_t i;

	piece_forget(&s->state, 1);
	piece_forget(&s->cframe, 1);
	for (i = 0; i < s->blocks.len; i++)
		piece_forget(&s->blocks.at[i], 1);
	for (i = 0; i < s->frames.len; i++)
		piece_forget(&s->frames.at[i], 1);
	for (i = 0; i < s->idents.pieces.len; i++)
		piece_forget(&s->idents.pieces.at[i], 0);
}

bool slot_is_doubtful(const struct walker *w, const struct slot *s)
{
	return w->layout.frames == FRAMES_HEAP && s->failed >= DOUBTFUL;
}

struct link *links_add(struct links *l, raddr addr)
{
	l->at = grow(l->at, &l->cap, l->len + 1, sizeof(*l->at));
	l->at[l->len] = (struct link){.addr = addr, .block = -1};
	return &l->at[l->len++];
}

uint64_t slot_field(const struct walker *w, const struct slot *s, int copy,
		    int32_t field)
{
	if (field < w->layout.thread.span_from)
		return 0;
	return field_of(s->state.copy[copy], s->state.got[copy],
			field - w->layout.thread.span_from);
}

size_t frame_bytes(const struct layout *l)
{
	return (size_t)(l->frames == FRAMES_HEAP ? l->frame.size
						 : l->iframe.size);
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

raddr chunk_end(const struct walker *w, const struct slot *s, size_t i)
{
	const struct piece *p = &s->blocks.at[i];

	if (i == 0)
		return slot_field(w, s, 0, w->layout.thread.chunk_top);
	return p->addr + (raddr)w->layout.chunk.data +
	       8 * field_of(p->copy[0], p->got[0], w->layout.chunk.top);
}

/*
 * Makes the blocks of the thread the chunks of its list, top first, each read
 * as far as it is used. An enum loss or negative.
 */
static int trace_chunks(struct walker *w, struct slot *s)
{
	const struct layout *l = &w->layout;
	raddr addr = slot_field(w, s, 0, l->thread.chunk);
	uint64_t used, size;
	struct piece *p;
	size_t i;
	int ret;

	for (i = 0; addr && i < CHUNKS_MAX; i++) {
		p = pieces_place(&s->blocks, i, addr);
		if (p->addr != addr || !piece_whole(p, 0)) {
			piece_aim(p, addr, i ? CHUNK_GUESS : PAGE);
			ret = read_missed(w, s, p);
			if (ret)
				return ret;
		}
		if (!chunk_is_sane(w, p, &size))
			return LOSS_SHAPE;
		used = chunk_end(w, s, i) - addr;
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
	s->blocks.len = i;
	return addr ? LOSS_DEPTH : 0;
}

/* ---- frames ---- */

const unsigned char *link_bytes(const struct slot *s, const struct link *l,
				int n, size_t *len)
{
	const struct piece *p;
	size_t off = 0;

	if (l->block >= 0) {
		p = &s->blocks.at[l->block];
		off = (size_t)(l->addr - p->addr);
	} else {
		p = &s->frames.at[l->piece];
	}
	/* The piece may stand for other bytes by now. */
	*len = p->got[n] > off ? p->got[n] - off : 0;
	return *len ? p->copy[n] + off : NULL;
}

void link_parse(const struct walker *w, struct link *l, const unsigned char *p,
		size_t len)
{
	const struct layout *y = &w->layout;

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
	l->from_c = y->iframe.is_entry != NO_FIELD &&
		    at_u8(p, len, (size_t)y->iframe.is_entry) == 1;
	if (y->iframe.tagged)
		l->code &= ~(raddr)3;
}

void link_fill(const struct walker *w, const struct slot *s, struct link *l,
	       int n)
{
	size_t len;
	const unsigned char *p = link_bytes(s, l, n, &len);

	link_parse(w, l, p, len);
}

raddr slot_head(const struct walker *w, const struct slot *s)
{
	const struct layout *l = &w->layout;

	if (l->frames == FRAMES_HEAP)
		return slot_field(w, s, 0, l->thread.frame);
	if (l->thread.cframe == NO_FIELD)
		return slot_field(w, s, 0, l->thread.current_frame);
	return field_of(s->cframe.copy[0], s->cframe.got[0], 0);
}

/* 3.11 and 3.12 go through the C frame. */
static int trace_cframe(struct walker *w, struct slot *s)
{
	const struct layout *l = &w->layout;
	raddr cframe = slot_field(w, s, 0, l->thread.cframe);

	if (l->thread.cframe == NO_FIELD)
		return 0;
	if (!cframe) {
		s->cframe.len = 0;
		return 0;
	}
	cframe += (raddr)l->thread.cframe_frame;
	if (s->cframe.addr == cframe && piece_whole(&s->cframe, 0))
		return 0;
	piece_aim(&s->cframe, cframe, 8);
	return read_missed(w, s, &s->cframe);
}

/* Whether the top chunk goes on to there, beyond what was read of it. */
static bool lies_deeper(const struct walker *w, const struct slot *s, raddr a)
{
	const struct piece *p = s->blocks.at;

	return w->layout.frames == FRAMES_CHUNKS && s->blocks.len &&
	       a - p->addr >= p->len &&
	       a - p->addr < field_of(p->copy[0], p->got[0],
				      w->layout.chunk.size);
}

/* Follows `previous` from the head to the root. An enum loss or negative. */
static int trace_links(struct walker *w, struct slot *s, raddr addr)
{
	const size_t bytes = frame_bytes(&w->layout);
	raddr base = slot_field(w, s, 0, w->layout.thread.base_frame);
	size_t used = 0, mark = 1;
	raddr marked = 0;
	struct piece *p;
	struct link *l;
	int ret;

	s->links.len = 0;
	while (addr && addr != base) {
		if (s->links.len >= WALK_DEPTH_MAX)
			return LOSS_DEPTH;
		/* Brent: a circle comes by the frame marked last. */
		if (addr % 8 || addr == marked)
			return LOSS_SHAPE;
		if (s->links.len == mark) {
			marked = addr;
			mark *= 2;
		}
		l = links_add(&s->links, addr);
		l->block = pieces_find(&s->blocks, addr, bytes);
		if (l->block >= 0 &&
		    !piece_whole(&s->blocks.at[l->block], 0))
			l->block = -1;
		/* By now it is deeper: this look is over. */
		if (l->block < 0 && lies_deeper(w, s, addr))
			return LOSS_MOVING;
		if (l->block < 0) {
			p = pieces_place(&s->frames, used, addr);
			l->piece = (uint32_t)used++;
			if (p->addr != addr || p->len != bytes)
				piece_aim(p, addr, bytes);
			ret = piece_whole(p, 0) ? 0 : read_missed(w, s, p);
			if (ret)
				return ret;
		}
		link_fill(w, s, l, 0);
		addr = l->previous;
	}
	s->frames.len = used;
	return 0;
}

/*
 * A leaf that is gone in all but name; its caller is the truth. 3.14 and later
 * set the code of a frame to NULL before they unlink it; up to 3.10 the flag
 * says that a frame has not begun to run, or has ended.
 */
static bool leaf_is_gone(const struct walker *w, const struct link *leaf,
			 const unsigned char *p, size_t len)
{
	if (w->layout.frames == FRAMES_CHUNKS)
		return w->layout.iframe.tagged && !leaf->entry && !leaf->code;
	return !frame_runs(&w->layout, p, len);
}

void slot_drop_leaf(const struct walker *w, struct slot *s,
		    const unsigned char *p, size_t len)
{
	s->cleared = 0;
	if (!s->links.len || !leaf_is_gone(w, &s->links.at[0], p, len))
		return;
	if (s->links.at[0].block >= 0)
		s->cleared = s->links.at[0].addr;
	s->links.len--;
	memmove(s->links.at, s->links.at + 1,
		s->links.len * sizeof(*s->links.at));
}

int slot_follow(struct walker *w, struct slot *s)
{
	const unsigned char *leaf = NULL;
	size_t len = 0;
	int ret;

	s->grabbed = s->traced = false;
	s->links.len = 0;
	if (!piece_whole(&s->state, 0))
		return LOSS_READ;
	ret = trace_cframe(w, s);
	if (!ret && w->layout.frames == FRAMES_CHUNKS)
		ret = trace_chunks(w, s);
	if (!ret)
		ret = trace_links(w, s, slot_head(w, s));
	if (ret)
		return ret;
	if (s->links.len)
		leaf = link_bytes(s, &s->links.at[0], 0, &len);
	slot_drop_leaf(w, s, leaf, len);
	s->traced = true;
	return 0;
}

/* The same frames, of which only the leaf may have moved on. */
static bool same_links(const struct links *a, const struct links *b)
{
	const struct link *x = a->at, *y = b->at;
	size_t i;

	if (a->len != b->len)
		return false;
	for (i = 0; i < a->len; i++)
		if (x[i].addr != y[i].addr || x[i].code != y[i].code ||
		    (i && x[i].position != y[i].position))
			return false;
	return true;
}

/*
 * Not all was predicted, but by now it is known what there is to read: all at
 * once, in the order of the chain. With other frames between, some of which it
 * would need after all, stacks would be accepted that are of different times.
 * What comes out is the stack of this look only if it still is the one that was
 * found: to take another one instead is to prefer what is easy to read.
 */
static int aim_again(struct walker *w, struct slot *s)
{
	struct links swap = s->found;
	int ret;

	s->found = s->links;
	s->links = swap;
	ret = slot_read(w, s);
	if (!ret)
		ret = slot_follow(w, s);
	if (!ret && (s->missed || !same_links(&s->found, &s->links)))
		ret = LOSS_MOVING;
	return ret;
}

int slot_trace(struct walker *w, struct slot *s)
{
	int ret = slot_follow(w, s);

	if (!ret && s->missed)
		ret = aim_again(w, s);
	if (!ret && slot_still(w, s))
		ret = LOSS_MOVING;
	if (!ret)
		ret = codes_resolve(w, s, 0);
	if (ret || !(s->missed || slot_is_doubtful(w, s)))
		return ret;
	/*
	 * The closing copies of the prediction are older than what was read
	 * on demand: take new ones of everything.
	 */
	if (slot_still(w, s))
		return LOSS_MOVING;
	return slot_close(w, s, slot_is_doubtful(w, s));
}
