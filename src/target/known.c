/*
 * Threads as the sink knows them.
 */
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

#define NAMES_NS 250000000u /* between looks for new thread names, at first */
#define NAMES_LAST_NS 16000000000u /* of threads that do not get one */

static bool wanted(const struct target *t, uint32_t tid)
{
	size_t i;

	for (i = 0; i < t->options.ntids; i++)
		if (t->options.tids[i] == tid)
			return true;
	return !t->options.ntids;
}

static struct known *known_new(struct target *t, uint32_t tid)
{
	struct known *k = xcalloc(1, sizeof(*k));

	k->tid = tid;
	k->wanted = wanted(t, tid);
	k->fresh = !(tid & SYNTHETIC);
	k->slices = UINT64_MAX;
	k->state_table = k->stack_table = UINT32_MAX;
	str_init(&k->wait);
	probe_init(&k->probe, (pid_t)tid);
	t->known = grow(t->known, &t->cap_known, t->nknown + 1,
			sizeof(struct known *));
	map_put(&t->known_of, tid, (uint32_t)t->nknown);
	t->known[t->nknown++] = k;
	return k;
}

void known_free(struct known *k)
{
	probe_release(&k->probe);
	str_release(&k->wait);
	free(k);
}

/* True when another row of this list has the id already. */
static bool is_taken(const struct target *t, uint32_t tid, uint32_t *at)
{
	*at = map_get(&t->known_of, tid);
	return *at != MAP_NONE && t->known[*at]->seen == t->pass;
}

/*
 * The thread behind a thread state. Where the kernel's id is not known, or is
 * that of another state already (a subinterpreter up to 3.12 keeps the id of
 * the thread that made it), it gets one of ours.
 */
static struct known *known_of(struct target *t, const struct walk_thread *w)
{
	uint32_t tid = ids_host(&t->ids, &t->process, w->tid), i = MAP_NONE;
	/* What is no id says nothing, and ours are beyond them. */
	bool known = tid && tid <= TID_MAX;
	bool shared = known && is_taken(t, tid, &i);
	struct known *k;

	if (!known || shared) {
		tid = SYNTHETIC | (uint32_t)(hash_u64(w->tstate) >> 33);
		while (is_taken(t, tid, &i))
			tid = SYNTHETIC | (tid + 1);
	}
	k = i == MAP_NONE ? known_new(t, tid) : t->known[i];
	k->ident = w->ident;
	k->seen = t->pass;
	k->shared = shared;
	return k;
}

int known_forget(struct target *t, struct sink *sink)
{
	struct thread_info info;
	size_t i, kept = 0;
	struct known *k;
	int ret = 0;

	for (i = 0; i < t->nknown; i++) {
		k = t->known[i];
		if (k->seen == t->pass) {
			t->known[kept++] = k;
			continue;
		}
		info = (struct thread_info){
			.pid = (uint32_t)t->process.pid,
			.tid = k->tid,
			.ident = k->ident,
			.flags = THREAD_ENDED,
			.name = "",
		};
		if (k->announced && !ret)
			ret = sink->ops->thread(sink, &info);
		forget_interrupts(t, k);
		known_free(k);
	}
	if (kept == t->nknown)
		return ret;
	t->nknown = kept;
	map_clear(&t->known_of);
	for (i = 0; i < kept; i++)
		map_put(&t->known_of, t->known[i]->tid, (uint32_t)i);
	return ret;
}

void known_update(struct target *t)
{
	const struct walk_thread *w;
	size_t i;

	if (t->list == walker_list(t->walker))
		return;
	t->list = walker_list(t->walker);
	t->pass++;
	w = walker_threads(t->walker, &t->nrows);
	t->rows = grow(t->rows, &t->cap_rows, t->nrows,
		       sizeof(struct known *));
	t->moving = grow(t->moving, &t->cap_moving, t->nrows,
			 sizeof(*t->moving));
	for (i = 0; i < t->nrows; i++) {
		t->rows[i] = known_of(t, &w[i]);
		t->rows[i]->row = i;
	}
	t->names_ns = 0;
	t->names_wait_ns = NAMES_NS;
}

static int tell_thread(struct target *t, struct known *k, uint32_t flags,
		       struct sink *sink)
{
	struct thread_info info = {
		.pid = (uint32_t)t->process.pid,
		.tid = k->tid,
		.ident = k->ident,
		.flags = flags,
	};
	struct str name;
	int ret;

	str_init(&name);
	if (k->ident)
		walker_thread_name(t->walker, k->ident, &name);
	k->named = name.len > 0;
	if (!name.len && !(k->tid & SYNTHETIC))
		thread_comm(&t->process, (pid_t)k->tid, &name);
	info.name = name.data;
	ret = sink->ops->thread(sink, &info);
	k->announced = true;
	str_release(&name);
	return ret;
}

bool known_is_born(const struct known *k, const struct walk_thread *w)
{
	return !(k->tid & SYNTHETIC) || w->depth || w->loss != LOSS_NONE;
}

int known_tell(struct target *t, struct sink *sink, uint64_t now)
{
	const struct walk_thread *w;
	struct known *k;
	size_t i, n;
	int ret = 0;

	if (now - t->names_ns < t->names_wait_ns)
		return 0;
	if (t->names_ns && t->names_wait_ns < NAMES_LAST_NS)
		t->names_wait_ns *= 2;
	t->names_ns = now;
	w = walker_threads(t->walker, &n);
	for (i = 0; i < n && !ret; i++) {
		k = t->rows[i];
		if (k->wanted && !k->named && known_is_born(k, &w[i]))
			ret = tell_thread(t, k, w[i].main ? THREAD_MAIN : 0,
					  sink);
	}
	return ret;
}
