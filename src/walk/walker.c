/*
 * A snapshot: interpreters, their threads, and for each thread collect,
 * accept and decode, with retries.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"
#include "walk_priv.h"

#define PTHREAD_SCAN 1280 /* bytes of struct pthread looked at for the tid */
#define QUICK_TRIES 3     /* collects one right after the other */
#define LOOK_AWAY_NS 20000u
#define LIST_TRIES 3      /* readings of a list of threads that changes */

static void span_add(struct span *s, int32_t off, int32_t bytes)
{
	if (off < 0)
		return;
	if (s->to == 0) {
		s->from = off;
		s->to = off + bytes;
		return;
	}
	if (off < s->from)
		s->from = off;
	if (off + bytes > s->to)
		s->to = off + bytes;
}

/* The smallest spans that hold what each snapshot looks at. */
static void plan_spans(struct walker *w)
{
	const struct layout *l = &w->layout;
	int32_t gil = l->runtime.gil;

	span_add(&w->runtime_span, l->runtime.interpreters_head, 8);
	span_add(&w->runtime_span, l->runtime.finalizing, 8);
	span_add(&w->runtime_span, l->runtime.gc_collecting, 4);
	if (gil != NO_FIELD) {
		span_add(&w->runtime_span, gil + l->gil.last_holder, 8);
		span_add(&w->runtime_span, gil + l->gil.locked, 4);
	}
	span_add(&w->interp_span, l->interp.next, 8);
	span_add(&w->interp_span, l->interp.threads_head, 8);
	span_add(&w->interp_span, l->interp.threads_main, 8);
	span_add(&w->interp_span, l->interp.gc_collecting, 4);
	span_add(&w->thread_span, l->thread.next, 8);
	span_add(&w->thread_span, l->thread.interp, 8);
	span_add(&w->thread_span, l->thread.frame, 8);
	span_add(&w->thread_span, l->thread.cframe, 8);
	span_add(&w->thread_span, l->thread.current_frame, 8);
	span_add(&w->thread_span, l->thread.base_frame, 8);
	span_add(&w->thread_span, l->thread.thread_id, 8);
	span_add(&w->thread_span, l->thread.native_id, 8);
	span_add(&w->thread_span, l->thread.chunk, 8);
	span_add(&w->thread_span, l->thread.chunk_top, 8);
}

struct walker *walker_new(struct remote *r, const struct layout *l,
			  const struct entry_points *e, uint32_t pid)
{
	struct walker *w = xcalloc(1, sizeof(*w));

	w->remote = r;
	w->layout = *l;
	w->entry = *e;
	w->pid = pid;
	w->tid_at = -1;
	map_init(&w->slot_of);
	map_init(&w->codes.by_addr);
	plan_spans(w);
	return w;
}

static void interp_release(struct interp *in)
{
	piece_release(&in->span);
	piece_release(&in->gil_piece);
}

void walker_free(struct walker *w)
{
	size_t i;

	if (!w)
		return;
	for (i = 0; i < w->ninterps; i++)
		interp_release(&w->interps[i]);
	for (i = 0; i < w->nslots; i++) {
		slot_release(w->slots[i]);
		free(w->slots[i]);
	}
	piece_release(&w->runtime);
	piece_release(&w->current);
	piece_release(&w->collecting);
	codes_release(&w->codes);
	map_release(&w->slot_of);
	free(w->interps);
	free(w->slots);
	free(w->batch.ranges);
	free(w->batch.items);
	free(w->threads);
	free(w->frames);
	free(w);
}

static uint64_t span_field(const struct piece *p, const struct span *s,
			   int32_t field)
{
	if (field < s->from)
		return 0;
	return field_of(p->copy[0], p->got[0], field - s->from);
}

static uint64_t runtime_field(const struct walker *w, int32_t field)
{
	return field == NO_FIELD
		       ? 0
		       : span_field(&w->runtime, &w->runtime_span, field);
}

/* ---- what is read at the start of each snapshot ---- */

static void predict_runtime(struct walker *w)
{
	if (w->entry.runtime) {
		piece_aim(&w->runtime,
			  w->entry.runtime + (raddr)w->runtime_span.from,
			  (size_t)(w->runtime_span.to - w->runtime_span.from));
		batch_add(&w->batch, &w->runtime, 0);
		return;
	}
	piece_aim(&w->runtime, w->entry.interp_head, 8);
	batch_add(&w->batch, &w->runtime, 0);
	if (w->entry.current) {
		piece_aim(&w->current, w->entry.current, 8);
		batch_add(&w->batch, &w->current, 0);
	}
	if (w->entry.collecting) {
		piece_aim(&w->collecting, w->entry.collecting, 4);
		batch_add(&w->batch, &w->collecting, 0);
	}
}

static void predict_interp(struct walker *w, struct interp *in)
{
	piece_aim(&in->span, in->addr + (raddr)w->interp_span.from,
		  (size_t)(w->interp_span.to - w->interp_span.from));
	batch_add(&w->batch, &in->span, 0);
	if (in->gil) {
		piece_aim(&in->gil_piece, in->gil,
			  (size_t)w->layout.gil.locked + 4);
		batch_add(&w->batch, &in->gil_piece, 0);
	}
}

static int read_predicted(struct walker *w)
{
	size_t i;

	predict_runtime(w);
	for (i = 0; i < w->ninterps; i++)
		predict_interp(w, &w->interps[i]);
	for (i = 0; i < w->nslots; i++)
		slot_predict(w, w->slots[i]);
	return batch_read(&w->batch, w->remote);
}

/* ---- interpreters ---- */

static raddr first_interp(const struct walker *w)
{
	if (!w->entry.runtime)
		return field_of(w->runtime.copy[0], w->runtime.got[0], 0);
	return runtime_field(w, w->layout.runtime.interpreters_head);
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

static uint64_t interp_field(const struct walker *w, const struct interp *in,
			     int32_t field)
{
	return field == NO_FIELD ? 0
				 : span_field(&in->span, &w->interp_span,
					      field);
}

/* ---- threads ---- */

static struct slot *slot_new(struct walker *w, raddr tstate)
{
	struct slot *s = xcalloc(1, sizeof(*s));

	s->tstate = tstate;
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
	s = slot_new(w, tstate);
	slot_predict(w, s);
	*ret = batch_read(&w->batch, w->remote);
	return *ret ? NULL : s;
}

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

/*
 * Follows one list of thread states. -EAGAIN when a link cannot be right:
 * a thread ended while its state was read.
 */
static int list_threads(struct walker *w, size_t interp, bool again)
{
	raddr in = w->interps[interp].addr, addr;
	struct slot *s;
	unsigned n = 0;
	int ret;

	w->lists++;
	addr = interp_field(w, &w->interps[interp],
			    w->layout.interp.threads_head);
	while (addr) {
		if (n++ >= WALK_THREADS_MAX || addr % 8)
			return -EAGAIN;
		s = slot_at(w, addr, &ret);
		if (!s)
			return ret;
		if (again) {
			slot_predict(w, s);
			ret = batch_read(&w->batch, w->remote);
			if (ret)
				return ret;
		}
		if (!piece_whole(&s->state, 0) ||
		    slot_field(w, s, 0, w->layout.thread.interp) != in)
			return -EAGAIN;
		if (s->listed == w->lists)
			return -EAGAIN; /* a circle */
		s->listed = w->lists;
		s->seen = w->number;
		s->interp = (uint32_t)interp;
		addr = slot_field(w, s, 0, w->layout.thread.next);
	}
	return 0;
}

static int reread_interp(struct walker *w, struct interp *in)
{
	predict_interp(w, in);
	return batch_read(&w->batch, w->remote);
}

/* All threads of an interpreter, however often its list changes. */
static int interp_threads(struct walker *w, size_t interp, bool *lost)
{
	int ret = list_threads(w, interp, false);
	unsigned i;

	for (i = 1; ret == -EAGAIN && i < LIST_TRIES; i++) {
		ret = reread_interp(w, &w->interps[interp]);
		if (!ret)
			ret = list_threads(w, interp, true);
	}
	*lost = ret == -EAGAIN;
	return *lost ? 0 : ret;
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

static uint32_t thread_tid(struct walker *w, const struct slot *s)
{
	const struct layout *l = &w->layout;
	unsigned char p[4];
	raddr ident;

	if (l->thread.native_id != NO_FIELD)
		return (uint32_t)slot_field(w, s, 0, l->thread.native_id);
	ident = slot_field(w, s, 0, l->thread.thread_id);
	if (w->tid_at < 0 ||
	    remote_read(w->remote, ident + (raddr)w->tid_at, p, sizeof(p)))
		return 0;
	return at_u32(p, sizeof(p), 0);
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
		if (s->seen == w->number &&
		    !slot_field(w, s, 0, l->thread.next) &&
		    !interp_field(w, &w->interps[s->interp], l->interp.next))
			return slot_field(w, s, 0, l->thread.thread_id);
	}
	return 0;
}

/* ---- the GIL and the collector ---- */

static raddr gil_holder(const struct walker *w, const struct interp *in)
{
	const struct layout *l = &w->layout;
	const unsigned char *p;
	size_t len;
	raddr at;

	if (!w->entry.runtime)
		return field_of(w->current.copy[0], w->current.got[0], 0);
	if (l->runtime.gil != NO_FIELD) {
		at = runtime_field(w, l->runtime.gil + l->gil.locked);
		return (uint32_t)at == 1
			       ? runtime_field(w, l->runtime.gil +
							  l->gil.last_holder)
			       : 0;
	}
	p = in->gil_piece.copy[0];
	len = in->gil_piece.got[0];
	if (!len || at_u32(p, len, (size_t)l->gil.locked) != 1)
		return 0;
	return field_of(p, len, l->gil.last_holder);
}

static bool collecting(const struct walker *w, const struct interp *in)
{
	const struct layout *l = &w->layout;
	const struct piece *p = &in->span;
	int32_t off;

	if (l->interp.gc_collecting != NO_FIELD) {
		off = l->interp.gc_collecting - w->interp_span.from;
		return at_u32(p->copy[0], p->got[0], (size_t)off) == 1;
	}
	if (l->runtime.gc_collecting != NO_FIELD) {
		p = &w->runtime;
		off = l->runtime.gc_collecting - w->runtime_span.from;
		return at_u32(p->copy[0], p->got[0], (size_t)off) == 1;
	}
	p = &w->collecting;
	return at_u32(p->copy[0], p->got[0], 0) == 1;
}

/* ---- decode ---- */

static int64_t position_of(const struct walker *w, const struct link *l,
			   const struct code_entry *c)
{
	if (w->layout.frames == FRAMES_HEAP)
		return (int64_t)(int32_t)l->position * w->layout.lasti_unit;
	return (int64_t)(l->position - l->code - (raddr)c->adaptive);
}

/*
 * Frames that have not begun (they still make cells), and the shim frames of
 * specialised calls, are no frames of the program.
 */
static bool incomplete(const struct walker *w, const struct link *l,
		       const struct code_entry *c, int64_t at)
{
	return w->layout.frames == FRAMES_CHUNKS &&
	       l->owner != w->layout.iframe.owner_generator &&
	       at < (int64_t)c->traceable;
}

static bool ends_c_call(const struct walker *w, const struct slot *s,
			const struct link *l)
{
	size_t len;
	const unsigned char *p;

	if (w->layout.frames == FRAMES_HEAP)
		return true;
	if (w->layout.iframe.is_entry == NO_FIELD)
		return false;
	p = link_bytes(s, l, 0, &len);
	return at_u8(p, len, (size_t)w->layout.iframe.is_entry) == 1;
}

static void slot_decode(struct walker *w, const struct slot *s,
			struct walk_thread *t)
{
	const struct code_entry *c;
	const struct link *l;
	struct walk_frame *f;
	int64_t at;
	size_t i;

	w->frames = grow(w->frames, &w->cap_frames, w->nframes + s->nlinks,
			 sizeof(*w->frames));
	t->first = (uint32_t)w->nframes;
	for (i = 0; i < s->nlinks; i++) {
		l = &s->links[i];
		if (l->entry) {
			if (w->nframes > t->first)
				w->frames[w->nframes - 1].entry = true;
			continue;
		}
		c = &w->codes.entries[l->info];
		at = position_of(w, l, c);
		if (incomplete(w, l, c, at))
			continue;
		f = &w->frames[w->nframes++];
		*f = (struct walk_frame){.code = l->code,
					 .at = (int32_t)at,
					 .info = l->info,
					 .entry = ends_c_call(w, s, l)};
	}
	t->depth = (uint32_t)(w->nframes - t->first);
}

/* ---- a snapshot ---- */

/*
 * A thread that we have pushed off its processor, just as it pushed or popped
 * a frame, stays like that as long as we keep looking: look away.
 */
static void let_it_run(void)
{
	clock_sleep_until(clock_mono() + LOOK_AWAY_NS);
}

/* Collect, accept, decode, and again if need be. 0 or a negative errno. */
static int sample_slot(struct walker *w, struct slot *s,
		       struct walk_thread *t)
{
	unsigned try;
	int ret = LOSS_NONE;

	for (try = 0; try < WALK_TRIES; try++) {
		if (try) {
			if (try >= QUICK_TRIES)
				let_it_run();
			slot_predict(w, s);
			ret = batch_read(&w->batch, w->remote);
			if (ret)
				return ret;
		}
		w->tries++;
		ret = slot_trace(w, s);
		if (ret == LOSS_NONE)
			ret = slot_accept(w, s);
		if (ret <= LOSS_NONE)
			break;
	}
	if (ret < 0)
		return ret;
	t->loss = (uint32_t)ret;
	if (ret != LOSS_NONE)
		return 0;
	codes_predict(w, s);
	slot_decode(w, s, t);
	return 0;
}

static struct walk_thread *thread_add(struct walker *w)
{
	w->threads = grow(w->threads, &w->cap_threads, w->nthreads + 1,
			  sizeof(*w->threads));
	memset(&w->threads[w->nthreads], 0, sizeof(*w->threads));
	return &w->threads[w->nthreads++];
}

static int sample_threads(struct walker *w)
{
	const struct interp *in;
	struct walk_thread *t;
	struct slot *s;
	size_t i;
	int ret;

	if (w->layout.thread.native_id == NO_FIELD && w->tid_at == -1)
		find_tid_field(w, oldest_ident(w));
	for (i = 0; i < w->nslots; i++) {
		s = w->slots[i];
		if (s->seen != w->number)
			continue;
		in = &w->interps[s->interp];
		t = thread_add(w);
		t->tstate = s->tstate;
		t->interp = s->interp;
		t->ident = slot_field(w, s, 0, w->layout.thread.thread_id);
		t->tid = thread_tid(w, s);
		t->main = t->tid == w->pid;
		t->holds_gil = gil_holder(w, in) == s->tstate;
		t->gc = t->holds_gil && collecting(w, in);
		ret = sample_slot(w, s, t);
		if (ret)
			return ret;
	}
	return 0;
}

/* A list that would not hold still: one loss, of no known thread. */
static void lose_list(struct walker *w, size_t interp)
{
	struct walk_thread *t = thread_add(w);

	t->interp = (uint32_t)interp;
	t->loss = LOSS_THREADS;
}

int walker_snapshot(struct walker *w)
{
	raddr addr;
	struct interp *in;
	unsigned n = 0;
	bool lost;
	int ret;

	w->number++;
	w->nthreads = w->nframes = 0;
	codes_trim(w);
	ret = read_predicted(w);
	if (ret)
		return ret;
	addr = first_interp(w);
	if (!addr || runtime_field(w, w->layout.runtime.finalizing))
		return -EAGAIN;
	while (addr && n++ < WALK_INTERPRETERS_MAX) {
		in = interp_at(w, addr, &ret);
		if (!in)
			return ret;
		in->seen = w->number;
		addr = interp_field(w, in, w->layout.interp.next);
	}
	forget_interps(w);
	for (n = 0; n < w->ninterps; n++) {
		ret = interp_threads(w, n, &lost);
		if (ret)
			return ret;
		if (lost)
			lose_list(w, n);
	}
	forget_slots(w);
	return sample_threads(w);
}

const struct walk_thread *walker_threads(const struct walker *w, size_t *n)
{
	*n = w->nthreads;
	return w->threads;
}

const struct walk_frame *walker_frames(const struct walker *w)
{
	return w->frames;
}

void walker_stats(const struct walker *w, struct walk_stats *out)
{
	out->snapshots = w->number;
	out->tries = w->tries;
	out->reads = remote_calls(w->remote);
}
