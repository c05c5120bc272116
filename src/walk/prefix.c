/*
 * What of a moving stack held still: the outermost frames that both copies
 * share, from the root up. That a frame is alive is proved by the place where
 * the stack ends, by flags, and by the frame above it; never by the links of
 * what lies above, which may be dead.
 */
#include <stdlib.h>

#include "profile.h"
#include "walk_priv.h"

/* A climb from the root; links are filled from copy 0. */
struct climb {
	struct walker *w;
	struct slot *s;
	struct links found; /* root first */
	size_t most;        /* frames to be found */
};

/*
 * Adds the frame at `addr`, whose caller is `previous`, when both copies have
 * it and its code is known. False: the climb ends below it, or with it.
 */
static bool climb_to(struct climb *c, raddr addr, int32_t block,
		     raddr previous)
{
	const struct layout *y = &c->w->layout;
	struct link l = {.addr = addr, .block = block};
	const size_t bytes = frame_bytes(y);
	const unsigned char *a, *b;
	size_t na, nb;

	a = link_bytes(c->s, &l, 0, &na);
	b = link_bytes(c->s, &l, 1, &nb);
	if (na < bytes || nb < bytes || !frames_equal(y, a, b))
		return false;
	if (y->frames == FRAMES_HEAP &&
	    (!frame_runs(y, a, na) || !frame_runs(y, b, nb)))
		return false;
	link_fill(c->w, c->s, &l, 0);
	if (c->found.len && l.previous != previous)
		return false;
	l.info = codes_known(c->w, l.code);
	if (l.info == MAP_NONE || l.entry || !position_fits(c->w, &l))
		return false;
	*links_add(&c->found, addr) = l;
	return positions_equal(y, a, b);
}

/* Whether the last one found waits, in both copies, for a frame above it. */
static bool last_waits(const struct climb *c)
{
	const struct link *l = &c->found.at[c->found.len - 1];
	const unsigned char *a, *b;
	size_t na, nb;

	a = link_bytes(c->s, l, 0, &na);
	b = link_bytes(c->s, l, 1, &nb);
	return frame_waits(&c->w->layout, a, na) &&
	       frame_waits(&c->w->layout, b, nb);
}

/*
 * Up to 3.10: along the chain that was there the last time; as long as callers are
 * where they were then, if it is not known for sure which frames are running.
 */
static void climb_heap(struct climb *c)
{
	const struct links *chain = &c->s->chain;
	const struct layout *y = &c->w->layout;
	const bool flagged = y->frame.executing != NO_FIELD ||
			     y->frame.state != NO_FIELD;
	const size_t bytes = frame_bytes(y);
	raddr previous = 0;
	int32_t block;
	size_t i;

	for (i = chain->len; i-- > 0;) {
		block = pieces_find(&c->s->blocks, chain->at[i].addr, bytes);
		if (block < 0 || c->found.len >= c->most ||
		    !climb_to(c, chain->at[i].addr, block, previous))
			return;
		if (!flagged && c->found.at[c->found.len - 1].position !=
					chain->at[i].position)
			return;
		previous = chain->at[i].addr;
	}
}

/*
 * The frame off the chunks, a generator's or an entry frame, that `frame` on
 * a chunk has for its caller, and which itself has the last one found.
 */
static bool climb_beside(struct climb *c, raddr addr)
{
	struct slot *s = c->s;
	struct link l = {.addr = addr, .block = -1};
	size_t i;

	for (i = 0; i < s->frames.len; i++)
		if (s->frames.at[i].addr == addr &&
		    piece_whole(&s->frames.at[i], 0))
			break;
	if (i == s->frames.len)
		return false;
	l.piece = (uint32_t)i;
	link_fill(c->w, s, &l, 0);
	if (l.previous != c->found.at[c->found.len - 1].addr)
		return false;
	if (!l.entry) {
		l.info = codes_known(c->w, l.code);
		if (l.info == MAP_NONE || !position_fits(c->w, &l))
			return false;
	}
	*links_add(&c->found, addr) = l;
	return true;
}

/*
 * Where the stack begins: as it was last accepted; else the first frame of the
 * first chunk, of which one word is left out (push_chunk, Python/pystate.c).
 */
static raddr root_of(const struct walker *w, const struct slot *s)
{
	if (s->root || !s->blocks.len)
		return s->root;
	return s->blocks.at[s->blocks.len - 1].addr +
	       (raddr)w->layout.chunk.data + 8;
}

/* 3.11 and later: frames follow one another on the chunks. */
static void climb_chunks(struct climb *c)
{
	struct walker *w = c->w;
	struct slot *s = c->s;
	raddr addr = root_of(w, s), above, previous = 0;
	const struct link *last;
	struct link peek;
	int32_t block = pieces_find(&s->blocks, addr, frame_bytes(&w->layout));

	while (block >= 0 && c->found.len < c->most) {
		/* Alive: below the end of the stack, between both copies. */
		if (addr + frame_bytes(&w->layout) >
			    chunk_end(w, s, (size_t)block) ||
		    !climb_to(c, addr, block, previous))
			return;
		last = &c->found.at[c->found.len - 1];
		above = addr + w->codes.entries[last->info].frame_bytes;
		if (above > chunk_end(w, s, (size_t)block)) {
			c->found.len--; /* it is only being pushed */
			return;
		}
		if (above == chunk_end(w, s, (size_t)block)) {
			if (!block)
				return;
			block--;
			above = s->blocks.at[block].addr +
				(raddr)w->layout.chunk.data;
		}
		previous = addr;
		addr = above;
		if (pieces_find(&s->blocks, addr, frame_bytes(&w->layout)) !=
		    block)
			return;
		peek = (struct link){.addr = addr, .block = block};
		link_fill(w, s, &peek, 0);
		if (peek.previous == previous) {
			if (!peek.from_c && (!has_called(w, last) ||
					     !last_waits(c)))
				return;
			continue;
		}
		if (!climb_beside(c, peek.previous))
			return;
		previous = peek.previous;
	}
}

static void climb(struct climb *c)
{
	if (c->w->layout.frames == FRAMES_HEAP)
		climb_heap(c);
	else
		climb_chunks(c);
}

/*
 * What is still so in new closing copies. Nothing above the last frame of a
 * prefix vouches for it: lines of memory that come out of order show the
 * caller as it calls and, above it, a frame that has just returned; of many
 * tries some show that twice.
 */
static int climb_again(struct climb *c)
{
	struct climb again = {.w = c->w, .s = c->s, .most = c->found.len};
	int ret = slot_close(c->w, c->s, true);

	if (!ret)
		climb(&again);
	if (again.found.len < c->found.len)
		c->found.len = again.found.len;
	free(again.found.at);
	return ret;
}

/* One that was read on demand, since it had grown, has no closing copy. */
static bool blocks_closed(const struct slot *s)
{
	size_t i;

	for (i = 0; i < s->blocks.len; i++)
		if (!piece_whole(&s->blocks.at[i], 1))
			return false;
	return true;
}

int slot_prefix(struct walker *w, struct slot *s)
{
	struct climb c = {.w = w, .s = s, .most = WALK_DEPTH_MAX};
	int ret = 0;

	s->prefix.len = 0;
	if (!piece_whole(&s->state, 0))
		return 0;
	s->missed = false;
	if (s->traced)
		ret = codes_resolve(w, s, slot_still(w, s));
	if (ret < 0)
		return ret;
	ret = blocks_closed(s) ? 0 : slot_close(w, s, false);
	if (!ret)
		climb(&c);
	if (c.found.len)
		ret = climb_again(&c);
	free(s->prefix.at);
	s->prefix = c.found;
	return ret;
}
