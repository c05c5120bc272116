/*
 * Stacks that were copied while their thread stood in an interrupt (remote.h),
 * and that are decoded later, when it runs again.
 */
#include <errno.h>
#include <string.h>

#include "profile.h"
#include "walk_priv.h"

enum { FACT_LOCKED, FACT_HOLDER, FACT_COLLECTING };

static void add_fact(struct interrupt_plan *plan, int fact, raddr base,
		     int32_t off, size_t len)
{
	if (!base || off == NO_FIELD)
		return;
	plan->facts[fact].addr = base + (raddr)off;
	plan->facts[fact].len = len;
}

/* Who holds the GIL, and whether the collector runs. */
static void plan_facts(const struct walker *w, struct interrupt_plan *plan)
{
	const struct layout *l = &w->layout;
	const struct interp *in = threads_interp(w);
	raddr gil = in->gil;

	if (!w->entry.runtime) {
		add_fact(plan, FACT_HOLDER, w->entry.current, 0, 8);
		add_fact(plan, FACT_COLLECTING, w->entry.collecting, 0, 4);
		return;
	}
	if (l->runtime.gil != NO_FIELD)
		gil = w->entry.runtime + (raddr)l->runtime.gil;
	add_fact(plan, FACT_LOCKED, gil, l->gil.locked, 4);
	add_fact(plan, FACT_HOLDER, gil, l->gil.last_holder, 8);
	add_fact(plan, FACT_COLLECTING, w->entry.runtime,
		 l->runtime.gc_collecting, 4);
	add_fact(plan, FACT_COLLECTING, in->addr, l->interp.gc_collecting, 4);
}

int walker_interrupt_plan(const struct walker *w, struct interrupt_plan *plan)
{
	const struct layout *l = &w->layout;
	bool heap = l->frames == FRAMES_HEAP;

	if (!threads_interp(w))
		return -ENOTSUP;
	memset(plan, 0, sizeof(*plan));
	plan->state.from = l->thread.span_from;
	plan->state.to = l->thread.span_to;
	plan->state.head = heap ? l->thread.frame : l->thread.current_frame;
	plan->state.head_behind = -1;
	if (l->thread.cframe != NO_FIELD) {
		plan->state.head = l->thread.cframe;
		plan->state.head_behind = l->thread.cframe_frame;
	}
	plan->state.base = l->thread.base_frame;
	plan->state.exc = l->thread.exc_info;
	plan->exc.value = l->exc.value;
	plan->exc.previous = l->exc.previous;
	plan->exc.none = w->entry.none;
	plan->frame.len = frame_bytes(l);
	plan->frame.previous = heap ? l->frame.back : l->iframe.previous;
	plan->frame.code = heap ? l->frame.code : l->iframe.code;
	plan->frame.tagged = !heap && l->iframe.tagged;
	/* Before there were entry frames a generator's may be the last one. */
	if (l->frames == FRAMES_CHUNKS && l->iframe.owner_entry != 0xff) {
		plan->yield.type = w->entry.code_type;
		plan->yield.at = l->object.type;
		plan->yield.owner = l->iframe.owner;
		plan->yield.generator = l->iframe.owner_generator;
	}
	codes_mark(w, plan);
	plan_facts(w, plan);
	return 0;
}

void walker_interrupts(struct walker *w, bool gone)
{
	w->codes.epoch++;
	w->gone = gone;
}

/* What belongs to the stack, as it was then. */
static void set_pieces(struct walker *w, struct slot *s,
		       const struct interrupt *in)
{
	const struct layout *l = &w->layout;
	const unsigned char *head = (const unsigned char *)&in->head;
	raddr at;

	piece_set(&s->state, s->tstate + (raddr)l->thread.span_from, in->state,
		  (size_t)(l->thread.span_to - l->thread.span_from));
	if (l->thread.cframe != NO_FIELD) {
		at = slot_field(w, s, 0, l->thread.cframe);
		piece_set(&s->cframe, at + (raddr)l->thread.cframe_frame, head,
			  sizeof(in->head));
	}
}

static bool has_exception(const struct walker *w, const struct slot *s,
			  const struct interrupt *in)
{
	const struct layout *l = &w->layout;

	if (is_object(w, slot_field(w, s, 0, l->thread.raising)))
		return true;
	return is_object(w, l->thread.exc_info != NO_FIELD
				    ? in->exc
				    : slot_field(w, s, 0,
						 l->thread.exc_value));
}

/* The thread state that held the GIL then, or 0. */
static raddr holder_of(const struct walker *w, const struct interrupt *in)
{
	bool locked = !w->entry.runtime ||
		      (uint32_t)in->facts[FACT_LOCKED] == 1;

	return locked ? in->facts[FACT_HOLDER] : 0;
}

static void set_facts(struct walker *w, size_t row, const struct interrupt *in)
{
	struct walk_thread *t = &w->threads[row];

	t->holds_gil = holder_of(w, in) == t->tstate;
	t->gc = t->holds_gil && (uint32_t)in->facts[FACT_COLLECTING] == 1;
	t->exception = has_exception(w, w->rows[row], in);
}

/*
 * As long as there was room for, but of the same frames again and again: what is
 * followed where no frame is yet, in a thread that begins to run one.
 */
static bool is_circle(const struct links *links, raddr next)
{
	size_t i;

	for (i = 0; i < links->len; i++)
		if (links->at[i].addr == next)
			return true;
	return false;
}

/* The chain, innermost first. An enum loss. */
static int follow(struct walker *w, struct slot *s, const struct interrupt *in)
{
	const size_t bytes = frame_bytes(&w->layout);
	raddr addr = in->head;
	struct link *l;
	size_t i;

	s->links.len = 0;
	for (i = 0; i < in->n; i++) {
		l = links_add(&s->links, addr);
		link_parse(w, l, in->frames + i * in->stride, bytes);
		addr = l->previous;
	}
	slot_drop_leaf(w, s, in->frames, bytes);
	if (!in->next ||
	    in->next == slot_field(w, s, 0, w->layout.thread.base_frame))
		return LOSS_NONE;
	if (!in->cut)
		return LOSS_READ;
	return is_circle(&s->links, in->next) ? LOSS_SHAPE : LOSS_DEPTH;
}

/*
 * From the root on, as far as each code object is by now what it was then; that
 * it is there by its address says nothing, since the thread has moved on.
 */
static void take_marked(struct walker *w, struct slot *s,
			const struct interrupt *in, bool gone)
{
	size_t i = s->links.len, dropped = in->n - i;
	uint64_t mark;
	struct link *l;

	s->prefix.len = 0;
	while (i-- > 0) {
		l = &s->links.at[i];
		mark = at_u64(in->frames + (i + dropped + 1) * in->stride - 8, 8,
			      0);
		if (!l->entry)
			l->info = codes_marked(w, l->code, mark, gone);
		if (!l->entry && l->info == MAP_NONE)
			return;
		*links_add(&s->prefix, l->addr) = *l;
	}
}

/* What memory is predicted to be is not touched by this. */
static void take_whole(struct walker *w, struct slot *s)
{
	slot_decode(w, s, &s->links, true);
	s->root = slot_outermost(&s->links);
}

/*
 * Confirms the codes of all links: of those that cannot be, the ones further out
 * can all the same. 0, or negative.
 */
static int confirm_codes(struct walker *w, struct slot *s)
{
	size_t first = 0;
	int ret = codes_resolve(w, s, 0);

	while (ret == LOSS_CODE && first < s->links.len) {
		while (first < s->links.len &&
		       (s->links.at[first].entry ||
			codes_have(w, s->links.at[first].code)))
			first++;
		ret = codes_resolve(w, s, ++first);
	}
	return ret < 0 ? ret : 0;
}

/* An enum loss, or negative. */
static int judge(struct walker *w, struct slot *s, const struct interrupt *in)
{
	int loss = follow(w, s, in), ret;

	s->prefix.len = 0;
	if (loss != LOSS_NONE)
		return loss;
	ret = w->gone ? -ESRCH : confirm_codes(w, s);
	/* What was known when it was there will do. */
	take_marked(w, s, in, ret == -ESRCH || ret == -EPERM);
	if (s->prefix.len < s->links.len)
		return LOSS_CODE;
	loss = slot_accept(w, s, true);
	s->prefix.len = 0; /* of another root, perhaps */
	return loss;
}

/* Whether it still was that thread's state, and not free memory. */
static bool is_alive(const struct walker *w, const struct slot *s,
		     const struct interrupt *in)
{
	const struct layout *l = &w->layout;

	return slot_field(w, s, 0, l->thread.interp) ==
		       w->interps[s->interp].addr &&
	       (l->thread.native_id == NO_FIELD ||
		slot_field(w, s, 0, l->thread.native_id) == in->tid);
}

void walker_interrupted(struct walker *w, size_t i, const struct interrupt *in)
{
	struct slot *s = w->rows[i];
	int loss;

	if (!s)
		return;
	set_pieces(w, s, in);
	s->whole = s->grabbed = false;
	s->links.len = s->prefix.len = 0;
	loss = is_alive(w, s, in) ? judge(w, s, in) : LOSS_READ;
	if (loss == LOSS_NONE)
		take_whole(w, s);
	else
		slot_decode(w, s, &s->prefix, false);
	s->loss = (uint32_t)loss;
	set_facts(w, i, in);
	row_show(w, i);
	w->threads[i].ran = true;
}
