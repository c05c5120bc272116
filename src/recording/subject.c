/*
 * Processes and threads as the source told them: kept for as long as they
 * may have samples, since each chain tells them again.
 */
#include <stdlib.h>
#include <string.h>

#include "writer_priv.h"

/* Beyond these, those without samples of late are forgotten. */
#define PROCESSES_KEPT 1024u
#define THREADS_KEPT 16384u

struct wprocess *writer_find(const struct writer *w, uint32_t pid)
{
	uint32_t i;

	if (w->current && w->current->info.pid == pid)
		return w->current;
	i = map_get(&w->process_of, pid);
	return i == MAP_NONE ? NULL : w->processes[i];
}

struct wprocess *writer_add_process(struct writer *w,
				    const struct process_info *info)
{
	struct wprocess *p = xcalloc(1, sizeof(*p));

	p->info = *info;
	p->info.command = xstrdup(info->command);
	p->info.cwd = xstrdup(info->cwd);
	map_init(&p->thread_of);
	str_init(&p->events);
	str_init(&p->repeats);
	w->processes = grow(w->processes, &w->cap_processes,
			    w->nprocesses + 1, sizeof(struct wprocess *));
	map_put(&w->process_of, info->pid, (uint32_t)w->nprocesses);
	w->processes[w->nprocesses++] = p;
	return p;
}

bool writer_same_process(const struct process_info *a,
		       const struct process_info *b)
{
	return a->pid == b->pid && a->start == b->start &&
	       a->version == b->version && !strcmp(a->command, b->command) &&
	       !strcmp(a->cwd, b->cwd);
}

void writer_enter(struct writer *w, struct wprocess *p)
{
	struct str row;

	if (p->chain == w->tables.chain)
		return;
	p->chain = w->tables.chain;
	p->number = w->chain_processes++;
	str_init(&row);
	str_add_varint(&row, p->info.pid);
	str_add_varint(&row, p->info.start);
	str_add_varint(&row, p->info.version);
	add_text(&row, p->info.command);
	add_text(&row, p->info.cwd);
	w->tables.text_bytes += row.len;
	str_add_varint(&w->processes_new, RECORD_PROCESS);
	str_add_varint(&w->processes_new, row.len);
	str_add(&w->processes_new, row.data, row.len);
	str_release(&row);
	w->dirty = true;
}

struct wthread *writer_thread(struct wprocess *p, uint32_t tid)
{
	uint32_t i = map_get(&p->thread_of, tid);
	struct wthread *t;

	if (i != MAP_NONE)
		return p->threads[i];
	t = xcalloc(1, sizeof(*t));
	t->tid = tid;
	str_init(&t->column);
	p->threads = grow(p->threads, &p->cap_threads, p->nthreads + 1,
			  sizeof(struct wthread *));
	map_put(&p->thread_of, tid, (uint32_t)p->nthreads);
	p->threads[p->nthreads++] = t;
	return t;
}

bool writer_learn(struct wthread *t, const struct thread_info *info)
{
	if (t->name && t->ident == info->ident && t->flags == info->flags &&
	    !strcmp(t->name, info->name))
		return false;
	free(t->name);
	t->ident = info->ident;
	t->flags = info->flags;
	t->name = xstrdup(info->name);
	return true;
}

void writer_tell(struct writer *w, struct wprocess *p, struct wthread *t,
		 uint32_t at)
{
	size_t before = p->events.len;

	str_add_varint(&p->events, at - p->event_at);
	str_add_svarint(&p->events, (int64_t)t->tid - p->event_tid);
	str_add_svarint(&p->events, (int64_t)(t->ident - p->event_ident));
	str_add_varint(&p->events, t->flags);
	add_text(&p->events, t->name);
	p->event_at = at;
	p->event_tid = t->tid;
	p->event_ident = t->ident;
	t->chain = w->tables.chain;
	w->bytes += p->events.len - before;
	w->dirty = true;
}

static void thread_free(struct wthread *t)
{
	str_release(&t->column);
	free(t->name);
	free(t);
}

static void process_free(struct wprocess *p)
{
	size_t i;

	for (i = 0; i < p->nthreads; i++)
		thread_free(p->threads[i]);
	free(p->threads);
	free(p->order);
	free(p->times);
	free(p->missed);
	map_release(&p->thread_of);
	str_release(&p->events);
	str_release(&p->repeats);
	source_release(&p->source);
	free((char *)p->info.command);
	free((char *)p->info.cwd);
	free(p);
}

static void forget_threads(const struct writer *w, struct wprocess *p)
{
	bool many = p->nthreads > THREADS_KEPT;
	size_t i, kept = 0;
	struct wthread *t;

	for (i = 0; i < p->nthreads; i++) {
		t = p->threads[i];
		if ((t->flags & THREAD_ENDED) || (many && t->block != w->block))
			thread_free(t);
		else
			p->threads[kept++] = t;
	}
	if (kept == p->nthreads)
		return;
	p->nthreads = kept;
	map_clear(&p->thread_of);
	for (i = 0; i < kept; i++)
		map_put(&p->thread_of, p->threads[i]->tid, (uint32_t)i);
}

static void next_block(const struct writer *w, struct wprocess *p)
{
	size_t i;

	for (i = 0; i < p->norder; i++)
		str_clear(&p->order[i]->column);
	p->norder = p->nticks = p->pos = 0;
	p->continued = false;
	str_clear(&p->repeats);
	p->repeat_at = 0;
	str_clear(&p->events);
	p->event_at = p->event_tid = 0;
	p->event_ident = 0;
	forget_threads(w, p);
}

static void count_again(struct writer *w)
{
	size_t i;

	map_clear(&w->process_of);
	for (i = 0; i < w->nprocesses; i++)
		map_put(&w->process_of, w->processes[i]->info.pid,
			(uint32_t)i);
}

void writer_forget(struct writer *w)
{
	bool many = w->nprocesses > PROCESSES_KEPT;
	size_t i, kept = 0;
	struct wprocess *p;

	for (i = 0; i < w->nprocesses; i++) {
		p = w->processes[i];
		if (many && p->chain != w->tables.chain) {
			process_free(p);
			continue;
		}
		next_block(w, p);
		w->processes[kept++] = p;
	}
	w->current = NULL;
	if (kept == w->nprocesses)
		return;
	w->nprocesses = kept;
	count_again(w);
}

void writer_forget_process(struct writer *w, struct wprocess *p)
{
	size_t i, kept = 0;

	for (i = 0; i < w->nprocesses; i++)
		if (w->processes[i] != p)
			w->processes[kept++] = w->processes[i];
	w->nprocesses = kept;
	w->current = NULL;
	count_again(w);
	process_free(p);
}

void writer_free_processes(struct writer *w)
{
	size_t i;

	for (i = 0; i < w->nprocesses; i++)
		process_free(w->processes[i]);
	free(w->processes);
	map_release(&w->process_of);
}
