/*
 * Interpreters, their lists of threads, and what is known of each thread
 * apart from its stack: ids, GIL, collector, exceptions.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"
#include "walk_priv.h"

#define PTHREAD_SCAN 1280 /* bytes of struct pthread looked at for the tid */
#define LIST_TRIES 3      /* readings of a list of threads that changes */
#define LIST_NS 250000000u /* a list is followed at least that often */
#define GIL_LOCKS(cond) (2 * ((cond) + sizeof(pthread_mutex_t)))
#define EXCEPTIONS_MAX 8  /* items of a stack of handled exceptions */

static uint64_t runtime_field(const struct walker *w, int32_t field)
{
	const struct piece *p = &w->runtime;

	if (field < w->layout.runtime.span_from)
		return 0;
	return field_of(p->copy[0], p->got[0],
			field - w->layout.runtime.span_from);
}

static uint64_t interp_field(const struct walker *w, const struct interp *in,
			     int32_t field)
{
	if (field < w->layout.interp.span_from)
		return 0;
	return field_of(in->span.copy[0], in->span.got[0],
			field - w->layout.interp.span_from);
}

/* The span of a struct may end with a field of four bytes. */
static bool runtime_is_1(const struct walker *w, int32_t field)
{
	const struct piece *p = &w->runtime;
	int32_t off = field - w->layout.runtime.span_from;

	return off >= 0 && at_u32(p->copy[0], p->got[0], (size_t)off) == 1;
}

static bool interp_is_1(const struct walker *w, const struct interp *in,
			int32_t field)
{
	const struct piece *p = &in->span;
	int32_t off = field - w->layout.interp.span_from;

	return off >= 0 && at_u32(p->copy[0], p->got[0], (size_t)off) == 1;
}

/* ---- what is read at the start of each snapshot ---- */

static void predict_static(struct walker *w, struct piece *p, raddr addr,
			   size_t len)
{
	if (!addr)
		return;
	piece_aim(p, addr, len);
	batch_add(&w->batch, p, 0);
}

static void predict_runtime(struct walker *w)
{
	const struct layout *l = &w->layout;

	if (w->entry.runtime) {
		predict_static(w, &w->runtime,
			       w->entry.runtime + (raddr)l->runtime.span_from,
			       (size_t)(l->runtime.span_to -
					l->runtime.span_from));
		return;
	}
	predict_static(w, &w->runtime, w->entry.interp_head, 8);
	predict_static(w, &w->current, w->entry.current, 8);
	predict_static(w, &w->collecting, w->entry.collecting, 4);
	predict_static(w, &w->lock, w->entry.gil_lock, 8);
}

/* The GIL of an interpreter of its own is part of it, and read with it. */
static bool gil_in_span(const struct walker *w, const struct interp *in)
{
	return in->gil == in->addr + (raddr)w->layout.interp.gil_embedded;
}

static void predict_interp(struct walker *w, struct interp *in)
{
	const struct layout *l = &w->layout;

	piece_aim(&in->span, in->addr + (raddr)l->interp.span_from,
		  (size_t)(l->interp.span_to - l->interp.span_from));
	batch_add(&w->batch, &in->span, 0);
	if (!in->gil || gil_in_span(w, in))
		return;
	piece_aim(&in->gil_piece, in->gil, (size_t)l->gil.locked + 4);
	batch_add(&w->batch, &in->gil_piece, 0);
}

void threads_predict(struct walker *w)
{
	size_t i;

	predict_runtime(w);
	for (i = 0; i < w->ninterps; i++)
		predict_interp(w, &w->interps[i]);
}

void threads_predict_counters(struct walker *w)
{
	size_t i;

	if (w->layout.interp.code_generation == NO_FIELD)
		return;
	for (i = 0; i < w->ninterps; i++)
		predict_interp(w, &w->interps[i]);
}

/* ---- interpreters ---- */

static raddr first_interp(const struct walker *w)
{
	if (!w->entry.runtime)
		return field_of(w->runtime.copy[0], w->runtime.got[0], 0);
	return runtime_field(w, w->layout.runtime.interpreters_head);
}

static void interp_release(struct interp *in)
{
	piece_release(&in->span);
	piece_release(&in->gil_piece);
}

/* The interpreter at `addr`, read if it is new; NULL with *ret. */
static struct interp *interp_at(struct walker *w, raddr addr, int *ret)
{
	struct interp *in;
	size_t i;

	*ret = 0;
	for (i = 0; i < w->ninterps; i++)
		if (w->interps[i].addr == addr)
			return &w->interps[i];
	w->interps = grow(w->interps, &w->cap_interps, w->ninterps + 1,
			  sizeof(*w->interps));
	in = &w->interps[w->ninterps];
	memset(in, 0, sizeof(*in));
	in->addr = addr;
	if (w->layout.interp.gil_ptr != NO_FIELD) {
		unsigned char p[8];

		*ret = remote_read(w->remote,
				   addr + (raddr)w->layout.interp.gil_ptr, p,
				   sizeof(p));
		if (*ret)
			return NULL;
		in->gil = at_u64(p, sizeof(p), 0);
	}
	predict_interp(w, in);
	*ret = batch_read(&w->batch, w->remote);
	if (*ret) {
		interp_release(in);
		return NULL;
	}
	w->ninterps++;
	return in;
}

const struct interp *threads_interp(const struct walker *w)
{
	return w->ninterps == 1 ? &w->interps[0] : NULL;
}

static void forget_interps(struct walker *w)
{
	size_t i, kept = 0;

	for (i = 0; i < w->ninterps; i++) {
		if (w->interps[i].seen == w->number)
			w->interps[kept++] = w->interps[i];
		else
			interp_release(&w->interps[i]);
	}
	w->ninterps = kept;
}

int threads_refresh(struct walker *w)
{
	const struct layout *l = &w->layout;
	int32_t counter = l->interp.code_generation;
	bool freed = counter == NO_FIELD;
	uint64_t count;
	size_t i;

	if (!first_interp(w) || runtime_field(w, l->runtime.finalizing))
		return -EAGAIN;
	/* Unless each interpreter that counts them says that none was. */
	for (i = 0; i < w->ninterps && counter != NO_FIELD; i++) {
		count = interp_field(w, &w->interps[i], counter);
		freed = freed || count != w->interps[i].generation;
		w->interps[i].generation = count;
	}
	w->codes.epoch += freed;
	return 0;
}

/* The interpreters of the list; *changed: not those of the last time. */
static int update_interps(struct walker *w, bool *changed)
{
	raddr addr = first_interp(w);
	size_t known = w->ninterps;
	struct interp *in;
	unsigned n = 0;
	int ret;

	while (addr && n++ < WALK_INTERPRETERS_MAX) {
		in = interp_at(w, addr, &ret);
		if (!in)
			return ret;
		in->seen = w->number;
		addr = interp_field(w, in, w->layout.interp.next);
	}
	*changed = w->ninterps != known;
	known = w->ninterps;
	forget_interps(w);
	*changed = *changed || w->ninterps != known;
	return 0;
}

/* ---- threads ---- */

static struct slot *slot_new(struct walker *w, raddr tstate)
{
	struct slot *s = xcalloc(1, sizeof(*s));

	s->tstate = tstate;
	s->serial = s->callers = 1; /* a new row has 0 */
	map_init(&s->locals.first_of);
	w->slots = grow(w->slots, &w->cap_slots, w->nslots + 1,
			sizeof(struct slot *));
	map_put(&w->slot_of, tstate, (uint32_t)w->nslots);
	w->slots[w->nslots++] = s;
	return s;
}

/* The slot of a thread state; a new one is read. NULL with *ret. */
static struct slot *slot_at(struct walker *w, raddr tstate, int *ret)
{
	uint32_t i = map_get(&w->slot_of, tstate);
	struct slot *s;

	*ret = 0;
	if (i != MAP_NONE)
		return w->slots[i];
	/* Of all lists together. */
	*ret = -EAGAIN;
	if (w->nslots >= WALK_THREADS_MAX)
		return NULL;
	s = slot_new(w, tstate);
	slot_predict_facts(w, s);
	*ret = batch_read(&w->batch, w->remote);
	return *ret ? NULL : s;
}

/* ---- whose thread is it ---- */

/*
 * Up to 3.10 a thread state has only the pthread_t: the address of the C
 * library's struct, in which the kernel's id is found once by looking for the
 * process id in that of the main thread (the oldest of its interpreter).
 */
static void find_tid_field(struct walker *w, raddr main_ident)
{
	unsigned char p[PTHREAD_SCAN];
	int32_t off;

	w->tid_at = -2;
	if (!main_ident || remote_read(w->remote, main_ident, p, sizeof(p)))
		return;
	for (off = 0; off + 4 <= PTHREAD_SCAN; off += 4) {
		if (at_u32(p, sizeof(p), (size_t)off) == w->pid) {
			w->tid_at = off;
			return;
		}
	}
}

/*
 * The last of the main interpreter's list is its oldest, the main thread; the
 * main interpreter is the last of the list of interpreters.
 */
static raddr oldest_ident(const struct walker *w)
{
	const struct layout *l = &w->layout;
	const struct slot *s;
	size_t i;

	for (i = 0; i < w->nslots; i++) {
		s = w->slots[i];
		if (!s->next && !interp_field(w, &w->interps[s->interp],
					      l->interp.next))
			return slot_field(w, s, 0, l->thread.thread_id);
	}
	return 0;
}

static uint32_t thread_tid(struct walker *w, struct slot *s, raddr ident)
{
	const struct layout *l = &w->layout;
	unsigned char p[4];

	if (l->thread.native_id != NO_FIELD)
		return (uint32_t)slot_field(w, s, 0, l->thread.native_id);
	if (w->tid_at == -1)
		find_tid_field(w, oldest_ident(w));
	if (s->tid && s->ident_of_tid == ident)
		return s->tid;
	s->tid = 0;
	s->ident_of_tid = ident;
	if (w->tid_at >= 0 &&
	    !remote_read(w->remote, ident + (raddr)w->tid_at, p, sizeof(p)))
		s->tid = at_u32(p, sizeof(p), 0);
	return s->tid;
}

/*
 * A state is made by the thread that starts another, with its own ids or none;
 * the new one puts its own there when it first runs, which changes no list.
 */
static void find_ids(struct walker *w, struct walk_thread *t, struct slot *s)
{
	uint64_t ident = slot_field(w, s, 0, w->layout.thread.thread_id);
	uint32_t tid = thread_tid(w, s, ident);

	w->list += t->ident != ident || t->tid != tid;
	t->ident = ident;
	t->tid = tid;
}

/* ---- lists ---- */

/* Slots that no list named any more. */
static void forget_slots(struct walker *w)
{
	size_t i, kept = 0;

	for (i = 0; i < w->nslots; i++) {
		if (w->slots[i]->seen == w->number) {
			w->slots[kept++] = w->slots[i];
			continue;
		}
		slot_release(w->slots[i]);
		free(w->slots[i]);
	}
	if (kept == w->nslots)
		return;
	w->nslots = kept;
	map_clear(&w->slot_of);
	for (i = 0; i < kept; i++)
		map_put(&w->slot_of, w->slots[i]->tstate, (uint32_t)i);
}

/*
 * Follows one list of thread states. -EAGAIN when a link cannot be right:
 * a thread ended while its state was read.
 */
static int list_threads(struct walker *w, size_t interp, bool again)
{
	struct interp *in = &w->interps[interp];
	raddr addr;
	struct slot *s;
	unsigned n = 0;
	int ret;

	w->lists++;
	if (!piece_whole(&in->span, 0))
		return -EAGAIN;
	in->head = interp_field(w, in, w->layout.interp.threads_head);
	for (addr = in->head; addr; addr = s->next) {
		if (n++ >= WALK_THREADS_MAX || addr % 8)
			return -EAGAIN;
		s = slot_at(w, addr, &ret);
		if (!s)
			return ret;
		if (again) {
			slot_predict_facts(w, s);
			ret = batch_read(&w->batch, w->remote);
			if (ret)
				return ret;
			s->held = false;
		}
		if (!piece_whole(&s->state, 0) ||
		    slot_field(w, s, 0, w->layout.thread.interp) != in->addr)
			return -EAGAIN;
		if (s->listed == w->lists)
			return -EAGAIN; /* a circle */
		s->listed = w->lists;
		s->seen = w->number;
		s->interp = (uint32_t)interp;
		s->next = slot_field(w, s, 0, w->layout.thread.next);
	}
	return 0;
}

/* All threads of an interpreter, however often its list changes. */
static int interp_threads(struct walker *w, size_t interp, bool *lost)
{
	int ret = list_threads(w, interp, false);
	unsigned i;

	for (i = 1; ret == -EAGAIN && i < LIST_TRIES; i++) {
		predict_interp(w, &w->interps[interp]);
		ret = batch_read(&w->batch, w->remote);
		if (!ret)
			ret = list_threads(w, interp, true);
	}
	*lost = ret == -EAGAIN;
	return *lost ? 0 : ret;
}

/*
 * Whether the lists may be taken for what they were. A held thread has not
 * run and so is still in its list; a thread that left it changed the link of
 * the one before it, or its own state, which is free memory by now.
 */
static bool lists_hold(const struct walker *w, uint64_t now)
{
	const struct slot *s;
	size_t i;

	if (!w->nthreads || now - w->listed_ns >= LIST_NS)
		return false;
	for (i = 0; i < w->ninterps; i++)
		if (w->interps[i].head !=
		    interp_field(w, &w->interps[i],
				 w->layout.interp.threads_head))
			return false;
	for (i = 0; i < w->nthreads; i++) {
		s = w->rows[i];
		if (!s)
			return false;
		if (s->held || s->left)
			continue;
		if (!piece_whole(&s->state, 0) ||
		    slot_field(w, s, 0, w->layout.thread.next) != s->next ||
		    slot_field(w, s, 0, w->layout.thread.interp) !=
			    w->interps[s->interp].addr)
			return false;
	}
	return true;
}

/* Puts a slot in row n; false when it is there already. */
static bool put_row(struct walker *w, size_t n, struct slot *s,
		    uint32_t interp)
{
	bool same = s && n < w->nthreads && w->rows[n] == s;

	w->threads = grow(w->threads, &w->cap_threads, n + 1,
			  sizeof(*w->threads));
	w->rows = grow(w->rows, &w->cap_rows, n + 1, sizeof(struct slot *));
	if (same)
		return false;
	/* Of a stack that is not read yet, all is lost. */
	w->threads[n] = (struct walk_thread){
		.interp = interp, .loss = s ? LOSS_READ : LOSS_THREADS};
	w->rows[n] = s;
	if (s)
		w->threads[n].tstate = s->tstate;
	return true;
}

/* Held threads are not read but for this. */
static int read_held(struct walker *w)
{
	size_t i;

	for (i = 0; i < w->nslots; i++)
		if (w->slots[i]->held || w->slots[i]->left)
			batch_add(&w->batch, &w->slots[i]->state, 0);
	return batch_read(&w->batch, w->remote);
}

/* Follows all lists, and makes the rows anew if they differ. */
static int follow_lists(struct walker *w)
{
	size_t i, n = 0;
	bool lost, changed = false;
	int ret = read_held(w);

	for (i = 0; i < w->ninterps && !ret; i++) {
		ret = interp_threads(w, i, &lost);
		/* A list that would not hold still: no known thread's loss. */
		if (!ret && lost)
			changed = put_row(w, n++, NULL, (uint32_t)i);
	}
	if (ret)
		return ret;
	forget_slots(w);
	for (i = 0; i < w->nslots; i++)
		changed = put_row(w, n++, w->slots[i], w->slots[i]->interp) ||
			  changed;
	w->list += changed || n != w->nthreads;
	w->nthreads = n;
	return 0;
}

int threads_update(struct walker *w, uint64_t now)
{
	bool changed;
	int ret = threads_refresh(w);
	size_t i;

	if (!ret)
		ret = update_interps(w, &changed);
	if (ret || (!changed && !w->relist && lists_hold(w, now)))
		return ret;
	w->listed_ns = now;
	ret = follow_lists(w);
	for (i = 0; i < w->nthreads && !ret && w->relist; i++)
		if (w->rows[i] && w->rows[i]->held)
			find_ids(w, &w->threads[i], w->rows[i]);
	w->relist = false;
	return ret;
}

void threads_release(struct walker *w)
{
	size_t i;

	for (i = 0; i < w->ninterps; i++)
		interp_release(&w->interps[i]);
	for (i = 0; i < w->nslots; i++) {
		slot_release(w->slots[i]);
		free(w->slots[i]);
	}
	piece_release(&w->runtime);
	piece_release(&w->current);
	piece_release(&w->collecting);
	piece_release(&w->lock);
	map_release(&w->slot_of);
	free(w->interps);
	free(w->slots);
	free(w->threads);
	free(w->rows);
}

/* ---- the GIL and the collector ---- */

static raddr gil_holder(const struct walker *w, const struct interp *in)
{
	const struct layout *l = &w->layout;
	int32_t gil = l->runtime.gil;
	const unsigned char *p = in->gil_piece.copy[0];
	size_t len = in->gil_piece.got[0];

	if (!w->entry.runtime)
		return field_of(w->current.copy[0], w->current.got[0], 0);
	if (gil != NO_FIELD)
		return runtime_is_1(w, gil + l->gil.locked)
			       ? runtime_field(w, gil + l->gil.last_holder)
			       : 0;
	gil = l->interp.gil_embedded;
	if (in->gil && gil_in_span(w, in))
		return interp_is_1(w, in, gil + l->gil.locked)
			       ? interp_field(w, in, gil + l->gil.last_holder)
			       : 0;
	if (!len || at_u32(p, len, (size_t)l->gil.locked) != 1)
		return 0;
	return field_of(p, len, l->gil.last_holder);
}

/*
 * Where a thread sleeps that waits for the GIL: its condition, its mutex, and
 * the pair for handing it over (Python/ceval_gil.h), one after the other.
 */
static void gil_futexes(const struct walker *w, const struct interp *in,
			struct walk_thread *t)
{
	const struct layout *l = &w->layout;
	raddr gil = in->gil;

	t->gil_from = t->gil_to = 0;
	if (l->runtime.gil != NO_FIELD)
		gil = w->entry.runtime + (raddr)l->runtime.gil;
	if (gil) {
		t->gil_from = gil + (raddr)l->gil.cond;
		t->gil_to = t->gil_from + GIL_LOCKS((raddr)l->gil.cond_size);
	} else if (w->entry.gil_cond) {
		t->gil_from = w->entry.gil_cond;
		t->gil_to = t->gil_from + sizeof(pthread_cond_t);
	} else if (w->lock.got[0]) {
		t->gil_from = field_of(w->lock.copy[0], w->lock.got[0], 0);
		t->gil_to = t->gil_from ? t->gil_from + 4 : 0;
	}
}

static bool collecting(const struct walker *w, const struct interp *in)
{
	const struct layout *l = &w->layout;

	if (l->interp.gc_collecting != NO_FIELD)
		return interp_is_1(w, in, l->interp.gc_collecting);
	if (l->runtime.gc_collecting != NO_FIELD)
		return runtime_is_1(w, l->runtime.gc_collecting);
	return at_u32(w->collecting.copy[0], w->collecting.got[0], 0) == 1;
}

/* ---- exceptions ---- */

bool is_object(const struct walker *w, raddr p)
{
	return p && p != w->entry.none;
}

/* Item `n` of the thread; NULL: it cannot be read. */
static const struct piece *item_at(struct walker *w, struct slot *s, size_t n,
				   raddr addr)
{
	struct piece *p = pieces_place(&s->items, n, addr);

	if (p->addr == addr && piece_whole(p, 0))
		return p;
	piece_aim(p, addr, (size_t)w->layout.exc.previous + 8);
	batch_add(&w->batch, p, 0);
	return batch_read(&w->batch, w->remote) || !piece_whole(p, 0) ? NULL
								       : p;
}

/*
 * From 3.7 on the exceptions being handled are a stack of items, the last one
 * inside the thread state; those of generators lie in them.
 */
bool handles_exception(struct walker *w, struct slot *s)
{
	const struct layout *l = &w->layout;
	raddr own = s->tstate + (raddr)l->thread.exc_value, item;
	const struct piece *p;
	size_t n;

	if (is_object(w, slot_field(w, s, 0, l->thread.raising)))
		return true;
	if (l->thread.exc_info == NO_FIELD)
		return is_object(w, slot_field(w, s, 0, l->thread.exc_value));
	own -= (raddr)l->exc.value;
	item = slot_field(w, s, 0, l->thread.exc_info);
	for (n = 0; item && item != own && n < EXCEPTIONS_MAX; n++) {
		p = item_at(w, s, n, item);
		if (!p)
			return false;
		if (is_object(w, field_of(p->copy[0], p->len, l->exc.value))) {
			s->items.len = n + 1;
			return true;
		}
		item = field_of(p->copy[0], p->len, l->exc.previous);
	}
	s->items.len = n;
	return item == own &&
	       is_object(w, slot_field(w, s, 0, l->thread.exc_value));
}

void thread_gil(struct walker *w, size_t row)
{
	struct walk_thread *t = &w->threads[row];
	const struct interp *in = &w->interps[t->interp];

	t->holds_gil = gil_holder(w, in) == t->tstate;
	t->gc = t->holds_gil && collecting(w, in);
}

void thread_facts(struct walker *w, size_t row)
{
	struct walk_thread *t = &w->threads[row];
	struct slot *s = w->rows[row];

	thread_gil(w, row);
	find_ids(w, t, s);
	t->main = t->tid == w->pid;
	t->exception = handles_exception(w, s);
	gil_futexes(w, &w->interps[t->interp], t);
}
