/*
 * A snapshot: interpreters, their threads, and for each thread collect,
 * accept and decode.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"
#include "walk_priv.h"

#define MANY 256u /* threads, from which on memory counts more than time */

struct walker *walker_new(struct remote *r, const struct layout *l,
			  const struct entry_points *e, uint32_t pid)
{
	struct walker *w = xcalloc(1, sizeof(*w));

	w->remote = r;
	w->layout = *l;
	w->entry = *e;
	w->pid = pid;
	w->tid_at = -1;
	w->tick = 1;
	map_init(&w->slot_of);
	map_init(&w->codes.by_addr);
	map_init(&w->names.of);
	return w;
}

void walker_free(struct walker *w)
{
	if (!w)
		return;
	threads_release(w);
	codes_release(&w->codes);
	idents_release(&w->others);
	names_release(&w->names);
	free(w->batch.ranges);
	free(w->batch.items);
	free(w->addrs);
	free(w);
}

/* The next snapshot need not read them once more. */
static void keep_facts(struct walker *w, struct slot *s)
{
	w->known = s->known = w->tick;
}

bool walker_begin(struct walker *w)
{
	w->tick++;
	return codes_trim(w);
}

/* ---- one thread ---- */

void row_show(struct walker *w, size_t row)
{
	const struct slot *s = w->rows[row];
	struct walk_thread *t = &w->threads[row];

	t->loss = s->loss;
	t->left = false;
	t->ran = s->ran;
	t->frames = s->out;
	t->depth = (uint32_t)s->nout;
	t->serial = s->serial;
	t->callers = s->callers;
}

/* What was found of a stack goes into its row. */
static void show_new(struct walker *w, size_t row)
{
	thread_facts(w, row);
	row_show(w, row);
	/* It need not be read again. */
	w->rows[row]->later = w->rows[row]->later || w->rows[row]->left;
	w->rows[row]->left = false;
	if (w->nthreads > MANY)
		slot_forget(w->rows[row]);
}

raddr slot_outermost(const struct links *links)
{
	size_t i;

	for (i = links->len; i > 0; i--)
		if (!links->at[i - 1].entry)
			return links->at[i - 1].addr;
	return 0;
}

/* The stack of the links is the truth. */
static void take_stack(struct walker *w, struct slot *s)
{
	slot_decode(w, s, &s->links, true);
	slot_keep(w, s);
	s->root = slot_outermost(&s->chain);
	s->loss = LOSS_NONE;
	s->whole = true;
}

/* A prefix of it is. */
static void take_prefix(struct walker *w, struct slot *s, enum loss loss)
{
	slot_decode(w, s, &s->prefix, false);
	s->loss = loss;
	s->whole = false;
}

/*
 * The stack is the last one, by one copy or both, with the codes of then: 1,
 * and its leaf is where it is now; 0; or a negative errno.
 */
static int is_last(struct walker *w, struct slot *s, int copies)
{
	uint64_t position = 0;
	bool same;
	int ret;

	if (!slot_same(w, s, copies, &position))
		return 0;
	s->ran = s->ran || leaf_moved(w, s, &s->chain);
	ret = codes_same(w, s, &same);
	return ret ? ret : same && slot_move_leaf(w, s, position);
}

/* What was read is followed and judged. An enum loss or a negative errno. */
static int judge(struct walker *w, struct slot *s)
{
	int ret = slot_is_doubtful(w, s) ? 0 : is_last(w, s, 2);

	w->tries++;
	if (ret)
		return ret < 0 ? ret : LOSS_NONE;
	ret = slot_trace(w, s);
	s->ran = s->ran || ret == LOSS_MOVING ||
		 (ret == LOSS_NONE && leaf_moved(w, s, &s->links));
	if (ret == LOSS_NONE)
		ret = slot_accept(w, s, false);
	if (ret == LOSS_NONE)
		take_stack(w, s);
	return ret;
}

/* What a slot needs beside its stack; and that of a thread that sleeps. */
static int read_facts(struct walker *w, struct slot *s, bool still)
{
	int ret;

	threads_predict(w);
	slot_predict_facts(w, s);
	if (still)
		slot_predict_stack(w, s, PREDICT_ONCE);
	ret = batch_read(&w->batch, w->remote);
	if (!ret)
		ret = threads_refresh(w);
	if (!ret)
		keep_facts(w, s);
	return ret;
}

/* One try: reads the stack and judges it. An enum loss or a negative errno. */
static int try_slot(struct walker *w, struct slot *s)
{
	int ret = slot_read(w, s);

	return ret ? ret : judge(w, s);
}

/* One more failure, or one less. */
static void score(uint32_t *failed, bool fails)
{
	if (fails)
		*failed += *failed < DOUBTFUL_MOST;
	else
		*failed -= *failed > 0;
}

/* What of it held still, when it is not accepted. 0 or a negative errno. */
static int sample_slot(struct walker *w, struct slot *s)
{
	unsigned tries = w->persists ? WALK_TRIES : 1;
	int ret, loss;

	s->ran = false;
	loss = try_slot(w, s);
	score(&s->failed, loss > LOSS_NONE);
	while (loss > LOSS_NONE && --tries)
		loss = try_slot(w, s);
	if (loss <= LOSS_NONE)
		return loss;
	ret = slot_prefix(w, s);
	if (!ret)
		take_prefix(w, s, (enum loss)loss);
	return ret;
}

/* Reads the stack of a thread that does not move: once. */
static int read_still(struct walker *w, struct slot *s)
{
	int ret;

	slot_predict_stack(w, s, PREDICT_ONCE);
	ret = batch_read(&w->batch, w->remote);
	return ret ? ret : slot_follow(w, s);
}

/* What was read of one that did not move is true. An enum loss. */
static int take_still(struct walker *w, struct slot *s)
{
	int loss = slot_accept(w, s, true);

	if (loss == LOSS_NONE)
		take_stack(w, s);
	return loss;
}

/*
 * It was stopped, and has moved on for long: a code object that had to be loaded
 * may be another one by now. Its callers up to there are known.
 */
static void take_known(struct walker *w, struct slot *s, uint32_t loaded)
{
	const struct link *l;
	size_t i;

	s->prefix.len = 0;
	for (i = s->links.len; i-- > 0;) {
		l = &s->links.at[i];
		if (!l->entry && w->codes.entries[l->info].pub.serial > loaded)
			break;
		*links_add(&s->prefix, l->addr) = *l;
	}
	take_prefix(w, s, LOSS_CODE);
}

/* The stack of a thread that was stopped, see walker_take. A loss, or negative. */
static int accept_stopped(struct walker *w, struct slot *s, uint64_t resumed)
{
	uint32_t loaded = w->codes.serial;
	int ret = codes_resolve(w, s, 0);

	if (ret)
		return ret;
	if (w->codes.serial == loaded || !resumed ||
	    clock_mono() - resumed < WALK_GAP_NS)
		return take_still(w, s);
	take_known(w, s, loaded);
	return 0;
}

/* The stack of a thread that sleeps was read with the facts. */
static int sample_asleep(struct walker *w, struct slot *s)
{
	int ret;

	s->ran = false;
	ret = is_last(w, s, 1);
	if (ret)
		return ret < 0 ? ret : 0;
	ret = slot_follow(w, s);
	if (!ret)
		ret = codes_resolve(w, s, 0);
	if (!ret)
		ret = take_still(w, s);
	return ret > LOSS_NONE ? sample_slot(w, s) : ret;
}

int walker_again(struct walker *w, size_t i, bool still)
{
	struct slot *s = w->rows[i];
	int ret;

	if (!s)
		return 0;
	ret = read_facts(w, s, still);
	if (!ret)
		ret = still ? sample_asleep(w, s) : sample_slot(w, s);
	if (!ret)
		show_new(w, i);
	return ret;
}

int walker_grab(struct walker *w, size_t i)
{
	struct slot *s = w->rows[i];
	int ret;

	if (!s)
		return 0;
	threads_predict(w);
	slot_add_items(s, &w->batch, 0); /* the state is part of the stack */
	ret = read_still(w, s);
	s->grabbed = ret == LOSS_NONE;
	if (!s->grabbed)
		return ret < 0 ? ret : 0;
	ret = threads_refresh(w);
	if (ret)
		return ret;
	keep_facts(w, s);
	return codes_meet(w, s);
}

int walker_take(struct walker *w, size_t i, uint64_t resumed)
{
	struct slot *s = w->rows[i];
	int ret;

	if (!s)
		return 0;
	if (!s->grabbed)
		return LOSS_READ;
	s->grabbed = false;
	ret = accept_stopped(w, s, resumed);
	if (!ret)
		show_new(w, i);
	return ret;
}

void walker_persist(struct walker *w)
{
	w->persists = true;
}

void walker_relist(struct walker *w)
{
	w->relist = true;
}

void walker_ended(struct walker *w, size_t i)
{
	if (w->rows[i])
		w->rows[i]->tid = 0;
}

void walker_hold(struct walker *w, size_t i, bool hold)
{
	struct slot *s = w->rows[i];

	if (!s || s->held == hold)
		return;
	s->held = hold;
	w->looks.n = 0; /* they are of the others */
}

void walker_leave(struct walker *w, size_t i)
{
	if (!w->rows[i])
		return;
	w->rows[i]->left = true;
	w->threads[i].left = true;
	w->threads[i].ran = false; /* as far as is known */
}

void walker_later(struct walker *w, size_t i)
{
	if (w->rows[i])
		w->rows[i]->later = true;
}

void walker_asleep(struct walker *w, size_t i, bool asleep)
{
	struct slot *s = w->rows[i];

	if (!s)
		return;
	s->asleep = asleep;
	s->left = s->later = false;
}

/* ---- all threads ---- */

static int sample(struct walker *w, struct slot *s)
{
	return s->asleep ? sample_asleep(w, s) : sample_slot(w, s);
}

static int sample_rows(struct walker *w)
{
	struct slot *s;
	size_t i;
	int ret;

	for (i = 0; i < w->nthreads; i++) {
		s = w->rows[i];
		if (!s)
			continue;
		if (s->left || s->later) {
			thread_facts(w, i);
			row_show(w, i);
			w->threads[i].left = s->left;
			w->threads[i].ran = false;
			s->left = s->later = false;
			continue;
		}
		if (s->held && w->threads[i].serial == s->serial) {
			thread_gil(w, i);
			w->threads[i].left = w->threads[i].ran = false;
			continue;
		}
		ret = s->held ? 0 : sample(w, s);
		if (ret)
			return ret;
		show_new(w, i);
	}
	return 0;
}

static int look_at_lists(struct walker *w, uint64_t now)
{
	struct slot *s;
	size_t i;
	int ret;

	if (w->known != w->tick)
		threads_predict(w);
	for (i = 0; i < w->nslots; i++) {
		s = w->slots[i];
		if (!s->held && !s->left && s->known != w->tick)
			slot_predict_facts(w, s);
	}
	for (i = 0; i < w->nslots; i++)
		if (w->slots[i]->asleep)
			slot_predict_stack(w, w->slots[i], PREDICT_ONCE);
	w->tick++;
	ret = batch_read(&w->batch, w->remote);
	return ret ? ret : threads_update(w, now);
}

static int full_snapshot(struct walker *w, uint64_t now)
{
	int ret;

	w->full_ns = now;
	w->looks.n = 0;
	ret = look_at_lists(w, now);
	if (!ret)
		ret = sample_rows(w);
	if (ret)
		w->full_ns = 0;
	return ret;
}

int walker_follow(struct walker *w, uint64_t now)
{
	size_t i;
	int ret;

	w->number++;
	w->tick++;
	ret = look_at_lists(w, now);
	for (i = 0; i < w->nthreads && !ret; i++)
		if (w->rows[i])
			thread_facts(w, i);
	return ret;
}

int walker_snapshot(struct walker *w, uint64_t now)
{
	bool lean = walker_lean(w, now);
	bool twin = now - w->last_ns < WALK_TWIN_NS;
	int ret;

	w->number++;
	w->last_ns = now;
	ret = lean ? lean_snapshot(w, now, twin) : full_snapshot(w, now);
	w->ndue = 0;
	return ret;
}

uint64_t walker_list(const struct walker *w)
{
	return w->list;
}

const struct walk_thread *walker_threads(const struct walker *w, size_t *n)
{
	*n = w->nthreads;
	return w->threads;
}

void walker_stats(const struct walker *w, struct walk_stats *out)
{
	out->snapshots = w->number;
	out->tries = w->tries;
	out->reads = remote_calls(w->remote);
}
