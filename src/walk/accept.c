/*
 * The second step of a snapshot: do the bytes belong together? Each check
 * answers with an enum loss. HACKING.md, "The snapshot", has their reasons.
 */
#include <string.h>

#include "profile.h"
#include "walk_priv.h"

/* ---- two copies of a frame ---- */

bool frames_equal(const struct layout *y, const unsigned char *a,
		  const unsigned char *b)
{
	size_t len = frame_bytes(y);

	if (y->frames == FRAMES_HEAP)
		return field_of(a, len, y->frame.back) ==
			       field_of(b, len, y->frame.back) &&
		       field_of(a, len, y->frame.code) ==
			       field_of(b, len, y->frame.code);
	return field_of(a, len, y->iframe.previous) ==
		       field_of(b, len, y->iframe.previous) &&
	       field_of(a, len, y->iframe.code) ==
		       field_of(b, len, y->iframe.code) &&
	       at_u8(a, len, (size_t)y->iframe.owner) ==
		       at_u8(b, len, (size_t)y->iframe.owner);
}

bool positions_equal(const struct layout *y, const unsigned char *a,
		     const unsigned char *b)
{
	size_t len = frame_bytes(y);

	if (y->frames == FRAMES_HEAP)
		return at_u32(a, len, (size_t)y->frame.lasti) ==
		       at_u32(b, len, (size_t)y->frame.lasti);
	return field_of(a, len, y->iframe.instr) ==
	       field_of(b, len, y->iframe.instr);
}

/*
 * Up to 3.10 a frame that has returned keeps plausible links; the flag says
 * that it is running. 3.10: executing (0), or unwinding (2) with a finalizer
 * on top. 2.7: one that returned is kept for the next call of its code, or freed.
 */
bool frame_runs(const struct layout *y, const unsigned char *p, size_t len)
{
	uint8_t v;

	if (y->frame.executing != NO_FIELD)
		return at_u8(p, len, (size_t)y->frame.executing) == 1;
	if (y->frame.state == NO_FIELD)
		return is_referenced(y, p, len);
	v = at_u8(p, len, (size_t)y->frame.state);
	return v == 0 || v == 2;
}

/*
 * 3.11 to 3.13: a frame that called another one without C code between has
 * put its stack pointer away. One that runs has not: what lies above it on
 * the chunk has returned.
 */
bool frame_waits(const struct layout *y, const unsigned char *p, size_t len)
{
	return y->iframe.stacktop == NO_FIELD ||
	       at_u32(p, len, (size_t)y->iframe.stacktop) != UINT32_MAX;
}

/* ---- did it stand still ---- */

static bool same_field(const struct walker *w, const struct slot *s,
		       int32_t field)
{
	return field == NO_FIELD ||
	       slot_field(w, s, 0, field) == slot_field(w, s, 1, field);
}

/*
 * The anchors lie between the two copies of the blocks; where something was
 * read on demand they too were read a second time.
 */
static bool anchors_hold(const struct walker *w, const struct slot *s)
{
	const struct layout *l = &w->layout;

	if (!s->missed)
		return true;
	if (!piece_whole(&s->state, 1))
		return false;
	if (s->cframe.len &&
	    (!piece_whole(&s->cframe, 0) || !piece_whole(&s->cframe, 1) ||
	     memcmp(s->cframe.copy[0], s->cframe.copy[1], s->cframe.len)))
		return false;
	return same_field(w, s, l->thread.interp) &&
	       same_field(w, s, l->thread.frame) &&
	       same_field(w, s, l->thread.cframe) &&
	       same_field(w, s, l->thread.current_frame) &&
	       same_field(w, s, l->thread.chunk) &&
	       same_field(w, s, l->thread.chunk_top);
}

/* Each live frame is the same in both copies; the leaf may have moved on. */
static bool links_hold(const struct walker *w, const struct slot *s)
{
	const struct layout *y = &w->layout;
	const size_t bytes = frame_bytes(y);
	const unsigned char *a, *b;
	const struct link *l;
	size_t i, na, nb;

	for (i = 0; i < s->links.len; i++) {
		l = &s->links.at[i];
		if (l->block < 0 && !s->missed)
			continue; /* read once, between the others' copies */
		a = link_bytes(s, l, 0, &na);
		b = link_bytes(s, l, 1, &nb);
		if (na < bytes || nb < bytes || !frames_equal(y, a, b) ||
		    (i && !l->entry && !positions_equal(y, a, b)))
			return false;
	}
	return true;
}

enum motion { STILL, MOVED_ON, ANOTHER };

/* What became of a frame between the copies, as far as there are two. */
static enum motion motion_of(const struct walker *w, const struct slot *s,
			     const struct link *l)
{
	const size_t bytes = frame_bytes(&w->layout);
	const unsigned char *a, *b;
	size_t na, nb;

	a = link_bytes(s, l, 0, &na);
	b = link_bytes(s, l, 1, &nb);
	if (na < bytes || nb < bytes)
		return STILL;
	if (!frames_equal(&w->layout, a, b))
		return ANOTHER;
	return l->entry || positions_equal(&w->layout, a, b) ? STILL : MOVED_ON;
}

bool leaf_moved(const struct walker *w, const struct slot *s,
		const struct links *links)
{
	return links->len && motion_of(w, s, &links->at[0]) != STILL;
}

size_t slot_still(const struct walker *w, const struct slot *s)
{
	enum motion motion = STILL;
	size_t i = s->links.len;

	while (i && motion == STILL)
		motion = motion_of(w, s, &s->links.at[--i]);
	/* The leaf may move on. */
	return motion == ANOTHER ? i + 1 : i;
}

/* Each frame was alive in both copies, as far as this version tells. */
static bool links_live(const struct walker *w, const struct slot *s)
{
	const struct layout *y = &w->layout;
	const unsigned char *p;
	const struct link *l;
	size_t i, len;
	int n;

	for (i = 0; i < s->links.len; i++) {
		l = &s->links.at[i];
		for (n = 0; n < 2; n++) {
			if (n && l->block < 0 && !s->missed)
				continue;
			p = link_bytes(s, l, n, &len);
			if (y->frames == FRAMES_HEAP && !frame_runs(y, p, len))
				return false;
		}
	}
	return true;
}

bool has_called(const struct walker *w, const struct link *l)
{
	const struct code_entry *c = &w->codes.entries[l->info];

	return c->shim ||
	       l->position > l->code + (raddr)c->adaptive + c->traceable;
}

/*
 * 3.11 and later: each caller has come to a call, and up to 3.13 it waits for
 * the frame above it, in both copies.
 */
static bool callers_wait(const struct walker *w, const struct slot *s)
{
	const struct layout *y = &w->layout;
	const unsigned char *p;
	const struct link *l;
	size_t i, len;
	int n;

	if (y->frames == FRAMES_HEAP)
		return true;
	for (i = 1; i < s->links.len; i++) {
		l = &s->links.at[i];
		if (l->entry || s->links.at[i - 1].entry ||
		    s->links.at[i - 1].from_c)
			continue;
		if (!has_called(w, l))
			return false;
		for (n = 0; n < 2; n++) {
			if (n && l->block < 0 && !s->missed)
				continue;
			p = link_bytes(s, l, n, &len);
			if (!frame_waits(y, p, len))
				return false;
		}
	}
	return true;
}

/*
 * Frames of a chunk lie one behind the other without a gap, from the end of
 * its used part down. At that end there may be one more, which is just being
 * pushed or popped.
 */
static bool contiguous(const struct walker *w, const struct slot *s)
{
	bool top = true;
	raddr end = 0, stop;
	int32_t chunk = -1;
	const struct link *l;
	size_t i;

	for (i = 0; i < s->links.len; i++) {
		l = &s->links.at[i];
		if (l->block < 0)
			continue;
		if (l->block != chunk) {
			if (l->block < chunk)
				return false;
			chunk = l->block;
			end = chunk_end(w, s, (size_t)chunk);
		}
		stop = l->addr + w->codes.entries[l->info].frame_bytes;
		if (top ? stop > end : stop != end)
			return false;
		top = false;
		end = l->addr;
	}
	return true;
}

/* ---- can it be ---- */

bool position_fits(const struct walker *w, const struct link *l)
{
	const struct code_entry *c = &w->codes.entries[l->info];
	int64_t at;

	if (w->layout.frames == FRAMES_HEAP)
		at = (int64_t)(int32_t)l->position * w->layout.lasti_unit;
	else
		at = (int64_t)(l->position - l->code - (raddr)c->adaptive);
	/* One unit before the first: a frame that has not begun. */
	return at >= -2 && at < (int64_t)c->code_bytes;
}

static bool positions_fit(const struct walker *w, const struct slot *s)
{
	size_t i;

	for (i = 0; i < s->links.len; i++)
		if (!s->links.at[i].entry &&
		    !position_fits(w, &s->links.at[i]))
			return false;
	return true;
}

/*
 * 3.12 to 3.14 end at an entry frame; 3.15 was stopped by base_frame. A generator
 * that has just ended has no caller any more, also where the thread is stopped in
 * it. Before, a chain may end early at a frame that was just unlinked: a root that
 * is not the last one's must be seen twice.
 */
static bool root_fits(const struct walker *w, struct slot *s, bool stopped)
{
	const struct layout *y = &w->layout;
	const struct link *root =
		s->links.len ? &s->links.at[s->links.len - 1] : NULL;
	raddr head = slot_head(w, s), base;

	if (y->thread.base_frame != NO_FIELD) {
		base = slot_field(w, s, 0, y->thread.base_frame);
		return root ? root->previous == base : !head || head == base;
	}
	if (y->frames == FRAMES_CHUNKS && y->iframe.owner_entry != 0xff)
		return root ? root->entry : !head;
	if (stopped)
		return true;
	if (!root)
		return !head;
	if (root->addr == s->root || root->addr == s->other_root)
		return true;
	s->other_root = root->addr;
	return !s->root;
}

/*
 * A thread that was stopped may be inside of a push or a pop: frames need not
 * reach to the end of the chunk.
 */
int slot_accept(struct walker *w, struct slot *s, bool stopped)
{
	if (!stopped) {
		if (!anchors_hold(w, s) || !links_hold(w, s) ||
		    !links_live(w, s) || !callers_wait(w, s))
			return LOSS_MOVING;
		if (w->layout.frames == FRAMES_CHUNKS && !contiguous(w, s))
			return LOSS_SHAPE;
	}
	if (!root_fits(w, s, stopped))
		return LOSS_ROOT;
	return positions_fit(w, s) ? LOSS_NONE : LOSS_CODE;
}

/* ---- the same stack again ---- */

/* Whether bytes of a chunk are those that were accepted last. */
static bool chunk_same(const struct piece *p, int copies, size_t from,
		       size_t to)
{
	int n;

	if (from > to || p->nkept < to)
		return false;
	for (n = 0; n < copies && to; n++)
		if (p->got[n] < to ||
		    memcmp(p->copy[n] + from, p->kept + from, to - from))
			return false;
	return true;
}

/* The leaf's frame lies on the top chunk and is the same but for position. */
static bool leaf_same(const struct walker *w, const struct slot *s, int copies,
		      const struct link *leaf, uint64_t *position)
{
	const struct layout *y = &w->layout;
	const struct piece *p = &s->blocks.at[leaf->block];
	size_t off = (size_t)(leaf->addr - p->addr), end;
	int n;

	if (off > p->nkept || frame_bytes(y) > p->nkept - off)
		return false;
	end = off + frame_bytes(y);
	for (n = 0; n < copies; n++)
		if (p->got[n] < end ||
		    !frames_equal(y, p->copy[n] + off, p->kept + off))
			return false;
	*position = field_of(p->copy[0], end, (int32_t)off + y->iframe.instr);
	return true;
}

/* Frames off the chunks; the entry frame at the root cannot change alone. */
static bool others_same(const struct walker *w, struct slot *s,
			uint64_t *position)
{
	struct link now, *l;
	size_t i;

	for (i = 0; i < s->chain.len; i++) {
		l = &s->chain.at[i];
		if (l->block >= 0 || (l->entry && i + 1 == s->chain.len))
			continue;
		if (l->piece >= s->frames.len ||
		    s->frames.at[l->piece].addr != l->addr ||
		    !piece_whole(&s->frames.at[l->piece], 0))
			return false;
		now = *l;
		link_fill(w, s, &now, 0);
		if (now.previous != l->previous || now.code != l->code ||
		    now.owner != l->owner ||
		    (i && !l->entry && now.position != l->position))
			return false;
		if (!i)
			*position = now.position;
	}
	return true;
}

/* Whether a copy of the leaf, which lies on the top chunk, is of one that runs. */
static bool leaf_runs(const struct walker *w, const struct slot *s,
		      const unsigned char *chunk, size_t got)
{
	const struct link *leaf = s->chain.at;
	size_t off;

	if (!s->chain.len || leaf->block || !s->blocks.len)
		return false;
	off = (size_t)(leaf->addr - s->blocks.at[0].addr);
	return off <= got && frame_bytes(&w->layout) <= got - off &&
	       !frame_waits(&w->layout, chunk + off, got - off);
}

bool leaf_ran(const struct walker *w, const struct slot *s)
{
	return w->layout.thread.cframe != NO_FIELD && s->whole &&
	       s->blocks.len &&
	       leaf_runs(w, s, s->blocks.at[0].kept, s->blocks.at[0].nkept);
}

static bool head_same(const struct walker *w, const struct slot *s)
{
	const struct layout *y = &w->layout;
	const struct piece *top = &s->blocks.at[0];

	if (y->thread.cframe == NO_FIELD)
		return slot_head(w, s) == s->head;
	if (slot_field(w, s, 0, y->thread.cframe) +
		    (raddr)y->thread.cframe_frame !=
	    s->cframe.addr)
		return false;
	return s->cframe.got[0] ? slot_head(w, s) == s->head
				: leaf_runs(w, s, top->copy[0], top->got[0]);
}

static bool chunks_same(struct walker *w, struct slot *s, int copies,
			uint64_t *position)
{
	const struct layout *y = &w->layout;
	const struct link *leaf = s->chain.at;
	raddr end;
	size_t i;

	if (leaf->entry || s->cleared || !s->blocks.len ||
	    slot_field(w, s, 0, y->thread.chunk_top) != s->top ||
	    slot_field(w, s, 0, y->thread.chunk) != s->blocks.at[0].addr ||
	    !head_same(w, s))
		return false;
	end = leaf->block == 0 ? leaf->addr : s->top;
	if (!chunk_same(&s->blocks.at[0], copies, (size_t)y->chunk.data,
			(size_t)(end - s->blocks.at[0].addr)))
		return false;
	for (i = 1; i < s->blocks.len; i++)
		if (!chunk_same(&s->blocks.at[i], copies, 0,
				s->blocks.at[i].len))
			return false;
	if (leaf->block > 0 ||
	    (leaf->block == 0 && !leaf_same(w, s, copies, leaf, position)))
		return false;
	return others_same(w, s, position);
}

/* Up to 3.10: one copy of a frame, against the link; the leaf may move on. */
static bool frame_same(const struct walker *w, const struct slot *s,
		       const struct link *l, int copy)
{
	const struct layout *y = &w->layout;
	const unsigned char *p;
	size_t len;

	if (l->block < 0 || (size_t)l->block >= s->blocks.len)
		return false;
	p = link_bytes(s, l, copy, &len);
	return len >= frame_bytes(y) && frame_runs(y, p, len) &&
	       field_of(p, len, y->frame.back) == l->previous &&
	       field_of(p, len, y->frame.code) == l->code &&
	       (l == s->chain.at ||
		at_u32(p, len, (size_t)y->frame.lasti) == l->position);
}

/* Frame by frame, in each copy. */
static bool frames_same(const struct walker *w, const struct slot *s,
			int copies, uint64_t *position)
{
	struct link leaf = s->chain.at[0];
	size_t i;
	int n;

	for (i = 0; i < s->chain.len; i++)
		for (n = 0; n < copies; n++)
			if (!frame_same(w, s, &s->chain.at[i], n))
				return false;
	link_fill(w, s, &leaf, 0);
	*position = leaf.position;
	return true;
}

bool slot_same(struct walker *w, struct slot *s, int copies, uint64_t *position)
{
	if (!s->whole || !s->chain.len || !piece_whole(&s->state, 0) ||
	    s->chain.at[0].addr != s->head)
		return false;
	return w->layout.frames == FRAMES_HEAP
		       ? slot_head(w, s) == s->head &&
				 frames_same(w, s, copies, position)
		       : chunks_same(w, s, copies, position);
}
