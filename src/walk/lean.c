/*
 * Snapshots that follow one another so soon that stacks alone are looked at. The
 * looks that are due by then are taken in one call, one behind the other: to call
 * costs as much as to read.
 */
#include <string.h>

#include "profile.h"
#include "walk_priv.h"

#define AHEAD_NS 400u /* it takes that long to come to the second look of a call */
#define AHEAD_RANGES 8u /* of all looks; for more the kernel has to allocate memory */

/* Whether a look found all as it was, but for where the leaf is. */
static bool is_as_before(struct walker *w, size_t row, int copies)
{
	uint64_t position = 0;
	struct slot *s = w->rows[row];

	return slot_same(w, s, copies, &position) &&
	       slot_move_leaf(w, s, position) &&
	       handles_exception(w, s) == w->threads[row].exception;
}

static struct slot *moving_slot(const struct walker *w, size_t row)
{
	struct slot *s = w->rows[row];

	return s && !s->held ? s : NULL;
}

static unsigned looks_due(const struct walker *w, uint64_t now)
{
	unsigned n = 1;

	while (n <= w->ndue && w->due_ns[n - 1] <= now + AHEAD_NS)
		n++;
	return n;
}

static unsigned looks_for(size_t ranges)
{
	return ranges > AHEAD_RANGES ? 1 : (unsigned)(AHEAD_RANGES / ranges);
}

/* Reads this look, and those that are due with it. 0 or a negative errno. */
static int read_looks(struct walker *w, uint64_t now)
{
	struct looks *l = &w->looks;
	unsigned n, due = looks_due(w, now);
	struct slot *s;
	size_t i;
	int ret;

	for (n = 0; n < due; n++) {
		for (i = 0; i < w->nthreads; i++) {
			s = moving_slot(w, i);
			if (s)
				slot_predict_look(w, s, n);
		}
		if (!n && due * w->batch.len > AHEAD_RANGES)
			due = looks_for(w->batch.len);
	}
	ret = batch_read(&w->batch, w->remote);
	*l = (struct looks){.n = ret ? 0 : due, .at = 1, .ns = now,
			    .calls = remote_calls(w->remote)};
	return ret;
}

/* The next one that was read ahead, if nothing else was read since. */
static bool take_look(struct walker *w, uint64_t now)
{
	struct looks *l = &w->looks;
	struct slot *s;
	size_t i;

	if (l->at >= l->n || now - l->ns >= WALK_TWIN_NS ||
	    remote_calls(w->remote) != l->calls)
		return false;
	for (i = 0; i < w->nthreads; i++) {
		s = moving_slot(w, i);
		if (s)
			slot_take_look(s, l->at);
	}
	l->at++;
	return true;
}

static int read_lean(struct walker *w)
{
	struct slot *s;
	size_t i;

	for (i = 0; i < w->nthreads; i++) {
		s = moving_slot(w, i);
		if (s)
			slot_predict_stack(w, s, PREDICT_LEAN);
	}
	return batch_read(&w->batch, w->remote);
}

int lean_snapshot(struct walker *w, uint64_t now, bool twin)
{
	size_t i;
	bool left;
	int ret = 0;

	if (!twin)
		ret = read_lean(w);
	else if (!take_look(w, now))
		ret = read_looks(w, now);
	for (i = 0; i < w->nthreads && !ret; i++) {
		if (!moving_slot(w, i))
			continue;
		w->tries++;
		left = !is_as_before(w, i, twin ? 1 : 2);
		row_show(w, i);
		w->threads[i].left = left;
	}
	return ret;
}

void walker_next(struct walker *w, const uint64_t *due, unsigned n)
{
	w->ndue = n < WALK_AHEAD ? n : WALK_AHEAD;
	memcpy(w->due_ns, due, w->ndue * sizeof(*due));
}

bool walker_lean(const struct walker *w, uint64_t now)
{
	return w->nthreads && now - w->last_ns < WALK_GAP_NS &&
	       now - w->full_ns < WALK_FRESH_NS;
}
