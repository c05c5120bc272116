/*
 * Arguments and locals of the frames of a stack. They are torn far more easily
 * than frames: whoever asks sees to it that the thread stands still.
 *
 * Slots: up to 3.10 f_localsplus has the names of co_varnames, co_cellvars and
 * co_freevars one after the other; from 3.11 on localsplus those of
 * co_localsplusnames, each with a kind.
 */
#include <stdlib.h>
#include <string.h>

#include "walk_priv.h"

#define SLOTS_MAX 1000 /* of one frame */
#define NAME_MAX_BYTES 256
#define CODE_BYTES 160 /* of a code object: all that is looked at here */

/* co_flags */
#define VARARGS 0x04
#define VARKEYWORDS 0x08

/* co_localspluskinds */
#define KIND_CELL 0x40
#define KIND_FREE 0x80

/* A code object, as far as its variables go. */
struct variables {
	unsigned char code[CODE_BYTES];
	size_t got;
	size_t count, nlocals, arguments;
	unsigned char kinds[SLOTS_MAX];
	raddr names[SLOTS_MAX];
	raddr slots[SLOTS_MAX];
};

static size_t number(const struct variables *v, int32_t off)
{
	if (off == NO_FIELD)
		return 0;
	return at_u32(v->code, v->got, (size_t)off);
}

/* Adds the names of a tuple; false when they cannot be read, or too many. */
static bool add_names(struct walker *w, struct variables *v, raddr tuple)
{
	const struct layout *l = &w->layout;
	unsigned char size[8];
	uint64_t n;

	if (remote_read(w->remote, tuple + (raddr)l->object.var_size, size,
			sizeof(size)))
		return false;
	n = at_u64(size, sizeof(size), 0);
	if (n > SLOTS_MAX - v->count)
		return false;
	if (n && remote_read(w->remote, tuple + (raddr)l->object.tuple_items,
			     v->names + v->count, n * 8))
		return false;
	v->count += n;
	return true;
}

static bool names_of_heap_frame(struct walker *w, struct variables *v)
{
	const struct layout *l = &w->layout;

	if (!add_names(w, v, field_of(v->code, v->got, l->code.varnames)))
		return false;
	v->nlocals = v->count;
	return add_names(w, v, field_of(v->code, v->got, l->code.cellvars)) &&
	       add_names(w, v, field_of(v->code, v->got, l->code.freevars));
}

static bool names_of_chunk_frame(struct walker *w, struct variables *v)
{
	const struct layout *l = &w->layout;
	raddr kinds = field_of(v->code, v->got, l->code.localspluskinds);

	if (!add_names(w, v,
		       field_of(v->code, v->got, l->code.localsplusnames)))
		return false;
	return !v->count || !remote_read(w->remote,
					 kinds + (raddr)l->object.bytes_data,
					 v->kinds, v->count);
}

static bool read_variables(struct walker *w, const struct link *link,
			   struct variables *v)
{
	const struct layout *l = &w->layout;
	bool heap = l->frames == FRAMES_HEAP;
	struct range r = {.addr = link->code, .len = CODE_BYTES, .to = v->code};
	size_t flags;

	v->count = v->nlocals = 0;
	if (remote_batch(w->remote, &r, 1))
		return false;
	v->got = r.got;
	flags = number(v, l->code.flags);
	v->arguments = number(v, l->code.argcount) +
		       number(v, l->code.kwonlyargcount) +
		       !!(flags & VARARGS) + !!(flags & VARKEYWORDS);
	if (heap ? !names_of_heap_frame(w, v) : !names_of_chunk_frame(w, v))
		return false;
	return !v->count ||
	       !remote_read(w->remote,
			    link->addr + (raddr)(heap ? l->frame.localsplus
						      : l->iframe.localsplus),
			    v->slots, v->count * 8);
}

/* Up to 3.10 an argument that is a cell has its name twice, interned. */
static bool is_argument(const struct walker *w, const struct variables *v,
			size_t i)
{
	size_t k;

	if (w->layout.frames == FRAMES_CHUNKS || i < v->nlocals)
		return i < v->arguments;
	for (k = 0; k < v->arguments && k < v->nlocals; k++)
		if (v->names[k] == v->names[i])
			return true;
	return false;
}

/*
 * In 2.7 the slot of an argument that is a cell keeps what it was called with;
 * what it is now is in the cell.
 */
static bool is_stale(const struct walker *w, const struct variables *v,
		     size_t i)
{
	size_t k;

	if (w->layout.frames == FRAMES_CHUNKS || i >= v->nlocals)
		return false;
	for (k = v->nlocals; k < v->count; k++)
		if (v->names[k] == v->names[i])
			return true;
	return false;
}

/* The value of a slot, or 0: it has none at the time. */
static raddr value_of(struct walker *w, const struct variables *v, size_t i)
{
	const struct layout *l = &w->layout;
	raddr value = v->slots[i];
	bool cell = l->frames == FRAMES_HEAP
			    ? i >= v->nlocals
			    : v->kinds[i] & (KIND_CELL | KIND_FREE);

	if (l->iframe.tagged && l->frames == FRAMES_CHUNKS)
		value = (value & 3) == 3 ? 0 : value & ~(raddr)3;
	if (!value || !cell || !value_is(w, value, "cell"))
		return value;
	return object_word(w, value + (raddr)l->object.var_size);
}

/* The text for itself, to be freed: that of an empty str is not its own. */
static char *taken(struct str *s)
{
	str_reserve(s, 0);
	return s->data;
}

static void add_local(struct walker *w, struct slot *s, raddr frame,
		      const struct variables *v, size_t i,
		      const struct value_limits *limits)
{
	struct locals *to = &s->locals;
	raddr value = is_stale(w, v, i) ? 0 : value_of(w, v, i);
	struct str name, text;

	if (!value)
		return;
	str_init(&name);
	str_init(&text);
	if (read_text(w, v->names[i], NAME_MAX_BYTES, &name) || !name.len)
		str_adds(&name, "?");
	value_text(w, value, limits, &text);
	if (!to->len || to->at[to->len - 1].frame != frame)
		map_put(&to->first_of, frame, (uint32_t)to->len);
	to->at = grow(to->at, &to->cap, to->len + 1, sizeof(*to->at));
	to->at[to->len++] = (struct frame_local){
		.frame = frame,
		.pub = {.name = taken(&name), .value = taken(&text),
			.argument = is_argument(w, v, i)},
	};
}

void locals_clear(struct locals *l)
{
	size_t i;

	for (i = 0; i < l->len; i++) {
		free((char *)l->at[i].pub.name);
		free((char *)l->at[i].pub.value);
	}
	l->len = 0;
	map_clear(&l->first_of);
}

void locals_release(struct locals *l)
{
	locals_clear(l);
	map_release(&l->first_of);
	free(l->at);
}

bool walker_read_locals(struct walker *w, size_t row,
			const struct value_limits *limits)
{
	struct slot *s = w->rows[row];
	const struct links *links;
	struct variables *v;
	bool time = true;
	size_t i, k;

	if (!s)
		return true;
	locals_clear(&s->locals);
	if (!s->grabbed && !s->whole)
		return true; /* what its frames are is not known */
	links = s->grabbed ? &s->links : &s->chain;
	v = xmalloc(sizeof(*v));
	for (i = 0; i < links->len && time; i++) {
		if (links->at[i].entry || !read_variables(w, &links->at[i], v))
			continue;
		for (k = 0; k < v->count && time; k++) {
			add_local(w, s, links->at[i].addr, v, k, limits);
			time = clock_mono() < limits->until;
		}
	}
	free(v);
	return time;
}

const struct variable *walker_local(const struct walker *w, size_t row,
				    raddr frame, size_t i)
{
	const struct slot *s = w->rows[row];
	uint32_t first = s ? map_get(&s->locals.first_of, frame) : MAP_NONE;

	if (first == MAP_NONE || i >= s->locals.len - first ||
	    s->locals.at[first + i].frame != frame)
		return NULL;
	return &s->locals.at[first + i].pub;
}
