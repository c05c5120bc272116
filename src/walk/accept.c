/*
 * The second step of a snapshot: do the bytes belong together? Each check
 * answers with an enum loss. HACKING.md, "The snapshot", has their reasons.
 */
#include <string.h>

#include "profile.h"
#include "walk_priv.h"

static bool same_field(const struct walker *w, const struct slot *s,
		       int32_t field)
{
	return field == NO_FIELD ||
	       slot_field(w, s, 0, field) == slot_field(w, s, 1, field);
}

/* Where the stack starts and ends must not have moved between the copies. */
static bool anchors_hold(const struct walker *w, const struct slot *s)
{
	const struct layout *l = &w->layout;

	if (!piece_whole(&s->state, 1))
		return false;
	if (l->thread.cframe != NO_FIELD && s->cframe.len &&
	    (!piece_whole(&s->cframe, 1) ||
	     memcmp(s->cframe.copy[0], s->cframe.copy[1], s->cframe.len)))
		return false;
	return same_field(w, s, l->thread.interp) &&
	       same_field(w, s, l->thread.frame) &&
	       same_field(w, s, l->thread.cframe) &&
	       same_field(w, s, l->thread.current_frame) &&
	       same_field(w, s, l->thread.chunk) &&
	       same_field(w, s, l->thread.chunk_top);
}

static bool heap_link_holds(const struct layout *y, const unsigned char *a,
			    const unsigned char *b, size_t len, bool leaf)
{
	return field_of(a, len, y->frame.back) ==
		       field_of(b, len, y->frame.back) &&
	       field_of(a, len, y->frame.code) ==
		       field_of(b, len, y->frame.code) &&
	       (leaf || at_u32(a, len, (size_t)y->frame.lasti) ==
				at_u32(b, len, (size_t)y->frame.lasti));
}

static bool chunk_link_holds(const struct layout *y, const struct link *l,
			     const unsigned char *a, const unsigned char *b,
			     size_t len, bool leaf)
{
	return field_of(a, len, y->iframe.previous) ==
		       field_of(b, len, y->iframe.previous) &&
	       field_of(a, len, y->iframe.code) ==
		       field_of(b, len, y->iframe.code) &&
	       at_u8(a, len, (size_t)y->iframe.owner) ==
		       at_u8(b, len, (size_t)y->iframe.owner) &&
	       (leaf || l->entry ||
		field_of(a, len, y->iframe.instr) ==
			field_of(b, len, y->iframe.instr));
}

/* Each live frame is the same in both copies; the leaf may have moved on. */
static bool links_hold(const struct walker *w, const struct slot *s)
{
	const struct layout *y = &w->layout;
	size_t bytes = (size_t)(y->frames == FRAMES_HEAP ? y->frame.size
							 : y->iframe.size);
	const unsigned char *a, *b;
	size_t i, na, nb;
	bool holds;

	for (i = 0; i < s->nlinks; i++) {
		a = link_bytes(s, &s->links[i], 0, &na);
		b = link_bytes(s, &s->links[i], 1, &nb);
		if (na < bytes || nb < bytes)
			return false;
		holds = y->frames == FRAMES_HEAP
				? heap_link_holds(y, a, b, bytes, i == 0)
				: chunk_link_holds(y, &s->links[i], a, b,
						   bytes, i == 0);
		if (!holds)
			return false;
	}
	return true;
}

/*
 * Up to 3.10 a frame that has returned keeps plausible links; the flag says
 * that it is running. 3.10: executing (0), or unwinding (2) with a finalizer
 * on top.
 */
static bool heap_frames_run(const struct walker *w, const struct slot *s)
{
	const struct layout *y = &w->layout;
	const unsigned char *p;
	size_t i, len;
	uint8_t v;

	for (i = 0; i < s->nlinks; i++) {
		p = link_bytes(s, &s->links[i], 0, &len);
		if (y->frame.executing != NO_FIELD &&
		    at_u8(p, len, (size_t)y->frame.executing) != 1)
			return false;
		if (y->frame.state != NO_FIELD) {
			v = at_u8(p, len, (size_t)y->frame.state);
			if (v != 0 && v != 2)
				return false;
		}
	}
	return true;
}

/* The end of the used part of a chunk. */
static raddr chunk_end(const struct walker *w, const struct slot *s, size_t i)
{
	const struct piece *p = &s->chunks[i];

	if (i == 0)
		return slot_field(w, s, 0, w->layout.thread.chunk_top);
	return p->addr + (raddr)w->layout.chunk.data +
	       8 * field_of(p->copy[0], p->got[0], w->layout.chunk.top);
}

/*
 * Frames of a chunk lie one behind the other without a gap, from the end of
 * its used part down. A leaf that is being cleared may still take its place.
 */
static bool contiguous(const struct walker *w, const struct slot *s)
{
	raddr end = 0, stop, cleared = s->cleared;
	int32_t chunk = -1;
	const struct link *l;
	size_t i;

	for (i = 0; i < s->nlinks; i++) {
		l = &s->links[i];
		if (l->chunk < 0)
			continue;
		if (l->chunk != chunk) {
			if (l->chunk < chunk)
				return false;
			chunk = l->chunk;
			end = chunk_end(w, s, (size_t)chunk);
		}
		stop = l->addr + w->codes.entries[l->info].frame_bytes;
		if (stop != end && stop != cleared)
			return false;
		cleared = 0;
		end = l->addr;
	}
	return true;
}

/* Where instructions start is behind the head of the code object. */
static bool positions_fit(const struct walker *w, const struct slot *s)
{
	const struct code_entry *c;
	const struct link *l;
	int64_t at;
	size_t i;

	for (i = 0; i < s->nlinks; i++) {
		l = &s->links[i];
		if (l->entry)
			continue;
		c = &w->codes.entries[l->info];
		if (w->layout.frames == FRAMES_HEAP)
			at = (int64_t)(int32_t)l->position *
			     w->layout.lasti_unit;
		else
			at = (int64_t)(l->position - l->code -
				       (raddr)c->adaptive);
		/* One unit before the first: a frame that has not begun. */
		if (at < -2 || at >= (int64_t)c->code_bytes)
			return false;
	}
	return true;
}

/* 3.12 to 3.14 end at an entry frame; 3.15 was stopped by base_frame. */
static bool root_fits(const struct walker *w, const struct slot *s)
{
	if (!s->nlinks || w->layout.iframe.owner_entry == 0xff ||
	    w->layout.frames == FRAMES_HEAP)
		return true;
	if (w->layout.thread.base_frame != NO_FIELD)
		return s->links[s->nlinks - 1].previous ==
		       slot_field(w, s, 0, w->layout.thread.base_frame);
	return s->links[s->nlinks - 1].entry;
}

int slot_accept(struct walker *w, struct slot *s)
{
	if (!anchors_hold(w, s) || !links_hold(w, s))
		return LOSS_MOVING;
	if (w->layout.frames == FRAMES_HEAP && !heap_frames_run(w, s))
		return LOSS_MOVING;
	if (w->layout.frames == FRAMES_CHUNKS && !contiguous(w, s))
		return LOSS_SHAPE;
	if (!positions_fit(w, s))
		return LOSS_CODE;
	return root_fits(w, s) ? LOSS_NONE : LOSS_ROOT;
}
