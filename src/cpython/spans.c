/*
 * What follows from the offsets: how much of a struct to read.
 */
#include "layouts_priv.h"

struct reach {
	int32_t from, to; /* to == 0: nothing yet */
};

static void reach_add(struct reach *r, int32_t off, int32_t bytes)
{
	if (off == NO_FIELD)
		return;
	if (!r->to || off < r->from)
		r->from = off;
	if (off + bytes > r->to)
		r->to = off + bytes;
}

static void add_gil(struct reach *r, const struct layout *l, int32_t gil)
{
	if (gil == NO_FIELD)
		return;
	reach_add(r, gil + l->gil.last_holder, 8);
	reach_add(r, gil + l->gil.locked, 4);
}

static struct reach runtime_span(const struct layout *l)
{
	struct reach r = {0, 0};

	reach_add(&r, l->runtime.interpreters_head, 8);
	reach_add(&r, l->runtime.interpreters_main, 8);
	reach_add(&r, l->runtime.finalizing, 8);
	reach_add(&r, l->runtime.gc_collecting, 4);
	add_gil(&r, l, l->runtime.gil);
	return r;
}

static struct reach interp_span(const struct layout *l)
{
	struct reach r = {0, 0};

	reach_add(&r, l->interp.next, 8);
	reach_add(&r, l->interp.threads_head, 8);
	reach_add(&r, l->interp.threads_main, 8);
	reach_add(&r, l->interp.gc_collecting, 4);
	reach_add(&r, l->interp.code_generation, 8);
	add_gil(&r, l, l->interp.gil_embedded);
	return r;
}

static int32_t interp_size(const struct layout *l)
{
	struct reach r = interp_span(l);

	reach_add(&r, l->interp.id, 8);
	reach_add(&r, l->interp.gil_ptr, 8);
	reach_add(&r, l->interp.modules, 8);
	return r.to;
}

static struct reach thread_span(const struct layout *l)
{
	struct reach r = {0, 0};

	reach_add(&r, l->thread.next, 8);
	reach_add(&r, l->thread.interp, 8);
	reach_add(&r, l->thread.frame, 8);
	reach_add(&r, l->thread.cframe, 8);
	reach_add(&r, l->thread.current_frame, 8);
	reach_add(&r, l->thread.base_frame, 8);
	reach_add(&r, l->thread.thread_id, 8);
	reach_add(&r, l->thread.native_id, 8);
	reach_add(&r, l->thread.chunk, 8);
	reach_add(&r, l->thread.chunk_top, 8);
	reach_add(&r, l->thread.status, 4);
	reach_add(&r, l->thread.holds_gil, 4);
	reach_add(&r, l->thread.raising, 8);
	reach_add(&r, l->thread.exc_info, 8);
	reach_add(&r, l->thread.exc_value, 8);
	return r;
}

void layout_spans(struct layout *l)
{
	struct reach runtime = runtime_span(l), interp = interp_span(l);
	struct reach thread = thread_span(l);

	l->runtime.span_from = runtime.from;
	l->runtime.span_to = runtime.to;
	l->interp.span_from = interp.from;
	l->interp.span_to = interp.to;
	l->interp.size = interp_size(l);
	l->thread.span_from = thread.from;
	l->thread.span_to = l->thread.size = thread.to;
}
