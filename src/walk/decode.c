/*
 * The third step of a snapshot: links become frames.
 */
#include <string.h>

#include "walk_priv.h"

static int64_t position_of(const struct walker *w, const struct link *l,
			   uint64_t position)
{
	const struct code_entry *c = &w->codes.entries[l->info];

	if (w->layout.frames == FRAMES_HEAP)
		return (int64_t)(int32_t)position * w->layout.lasti_unit;
	return (int64_t)(position - l->code - (raddr)c->adaptive);
}

/*
 * Frames that have not begun (they still make cells), and the shim frames of
 * specialised calls, are no frames of the program.
 */
static bool incomplete(const struct walker *w, const struct link *l,
		       int64_t at)
{
	return w->layout.frames == FRAMES_CHUNKS &&
	       l->owner != w->layout.iframe.owner_generator &&
	       at < (int64_t)w->codes.entries[l->info].traceable;
}

static bool same_frame(const struct walk_frame *a, const struct walk_frame *b)
{
	return a->code == b->code && a->at == b->at && a->info == b->info &&
	       a->serial == b->serial && a->entry == b->entry;
}

/* Puts a frame at place n of slot->out; true when it was there before. */
static bool put_frame(struct slot *s, size_t n, const struct walk_frame *f)
{
	bool same = n < s->nout && same_frame(&s->out[n], f);

	s->out[n] = *f;
	return same;
}

static const struct link *link_at(const struct links *links, size_t i,
				  bool whole)
{
	return &links->at[whole ? i : links->len - 1 - i];
}

/*
 * Whether C code lies between frame i and its caller: an entry frame follows,
 * or what follows is no frame of the program. A prefix has no entry frame at
 * its root, where 3.12 to 3.14 have one.
 */
static bool above_c_call(const struct walker *w, const struct links *links,
			 size_t i, bool whole)
{
	const struct layout *y = &w->layout;
	const struct link *l;

	/* Of a prefix, the bytes are gone by now. */
	if (y->frames == FRAMES_HEAP || link_at(links, i, whole)->from_c)
		return true;
	while (++i < links->len) {
		l = link_at(links, i, whole);
		if (l->entry)
			return true;
		if (!incomplete(w, l, position_of(w, l, l->position)))
			return false;
	}
	return !whole && y->frames == FRAMES_CHUNKS &&
	       y->iframe.owner_entry != 0xff &&
	       y->thread.base_frame == NO_FIELD;
}

void slot_decode(struct walker *w, struct slot *s, const struct links *links,
		 bool whole)
{
	bool leaf = true, callers = true, same;
	const struct link *l;
	struct walk_frame f;
	size_t i, n = 0;
	int64_t at;

	s->out = grow(s->out, &s->cap_out, links->len + 1, sizeof(*s->out));
	s->begun = false;
	for (i = 0; i < links->len; i++) {
		l = link_at(links, i, whole);
		at = l->entry ? -1 : position_of(w, l, l->position);
		if (l->entry || incomplete(w, l, at))
			continue;
		s->begun = s->begun || !i;
		f = (struct walk_frame){
			.addr = l->addr,
			.code = l->code,
			.at = (int32_t)at,
			.info = l->info,
			.serial = w->codes.entries[l->info].pub.serial,
			.entry = above_c_call(w, links, i, whole)};
		same = put_frame(s, n, &f);
		if (n)
			callers = callers && same;
		else
			leaf = same;
		n++;
	}
	callers = callers && n == s->nout;
	leaf = leaf && n == s->nout;
	s->nout = n;
	s->serial += !(leaf && callers);
	s->callers += !callers;
}

bool slot_move_leaf(struct walker *w, struct slot *s, uint64_t position)
{
	struct link *leaf = &s->chain.at[0];
	struct link moved = *leaf;
	int64_t at;

	moved.position = position;
	at = position_of(w, leaf, position);
	if (!position_fits(w, &moved) || incomplete(w, leaf, at) == s->begun)
		return false;
	leaf->position = position;
	if (!s->begun || s->out[0].at == (int32_t)at)
		return true;
	s->out[0].at = (int32_t)at;
	s->serial++;
	return true;
}
