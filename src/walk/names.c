/*
 * The names that threading gave its threads:
 *
 *   sys.modules['threading'].__dict__['_active']  ->  {ident: Thread}
 *   Thread.__dict__['_name']                          (2.7: _Thread__name)
 *
 * All of it is read from a process that runs on: every table is bounded, and
 * a name that cannot be had is "".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "walk_priv.h"

#define NAME_TEXT_MAX 256u

/* ---- threads ---- */

/* Where threading keeps its threads, or 0. Found once per interpreter. */
static raddr active_threads(struct walker *w, struct interp *in)
{
	/* PyModuleObject.md_dict follows the head of the object. */
	raddr module, dict = (raddr)w->layout.object.type + 8;

	if (in->active)
		return in->active;
	module = dict_item(w,
			   object_word(w, in->addr +
					  (raddr)w->layout.interp.modules),
			   "threading");
	if (module)
		in->active = dict_item(w, object_word(w, module + dict),
				       "_active");
	return in->active;
}

#define DIGITS 3 /* of 30 bits, of an id */

/* Bytes of an int object that are looked at. */
static size_t int_bytes(const struct layout *l)
{
	return (size_t)(l->object.int_plain ? l->object.int_size + 8
					    : l->object.int_digits + 4 * DIGITS);
}

/* The value of an int object of up to that many digits; else 0. */
static uint64_t int_value(const struct layout *l, const unsigned char *p)
{
	const size_t bytes = int_bytes(l);
	uint64_t v = 0, n = field_of(p, bytes, l->object.int_size);
	size_t i;

	if (l->object.int_plain)
		return n;
	if (l->object.int_tagged)
		n = n & 3 ? 0 : n >> 3;
	if (n < 1 || n > DIGITS)
		return 0;
	for (i = n; i-- > 0;)
		v = v << 30 | at_u32(p, bytes,
				     (size_t)l->object.int_digits + 4 * i);
	return v;
}

/* Remembers the threads of a table of {ident: Thread}: all keys at once. */
static void add_threads(struct walker *w, const struct table *t)
{
	struct thread_names *names = &w->names;
	const size_t bytes = int_bytes(&w->layout);
	struct range *r = xcalloc(t->n, sizeof(*r));
	unsigned char *ints = xcalloc(t->n, bytes);
	uint64_t ident;
	size_t i;

	for (i = 0; i < t->n; i++)
		r[i] = (struct range){.addr = table_key(t, i),
				      .len = bytes,
				      .to = ints + i * bytes};
	if (!remote_batch(w->remote, r, t->n))
		for (i = 0; i < t->n; i++) {
			ident = r[i].got == bytes
					? int_value(&w->layout, r[i].to)
					: 0;
			if (!ident)
				continue;
			names->objects = grow(names->objects, &names->cap,
					      names->len + 1,
					      sizeof(*names->objects));
			names->objects[names->len] = table_value(w, t, i);
			map_put(&names->of, ident, (uint32_t)names->len++);
		}
	free(ints);
	free(r);
}

/* The threads of all interpreters, as they are in this snapshot. */
static void find_threads(struct walker *w)
{
	struct thread_names *names = &w->names;
	struct table t;
	size_t i;

	if (names->number == w->number)
		return;
	names->number = w->number;
	names->len = 0;
	map_clear(&names->of);
	for (i = 0; i < w->ninterps; i++) {
		if (dict_table(w, active_threads(w, &w->interps[i]),
			       DICT_ENTRIES_MAX, &t))
			continue;
		add_threads(w, &t);
		free(t.bytes);
	}
}

void walker_thread_name(struct walker *w, uint64_t ident, struct str *out)
{
	const char *key = w->layout.major == 2 ? "_Thread__name" : "_name";
	uint32_t i;
	raddr name;

	find_threads(w);
	i = ident ? map_get(&w->names.of, ident) : MAP_NONE;
	if (i == MAP_NONE || !w->names.objects[i])
		return;
	name = object_attribute(w, w->names.objects[i], key);
	if (name)
		read_text(w, name, NAME_TEXT_MAX, out);
}

void names_release(struct thread_names *names)
{
	map_release(&names->of);
	free(names->objects);
}
