#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debug_tables.h"
#include "shape.h"

#define FRAME_WORDS 24u
#define PAGE 4096u

/* Not cmocka's: fuzzers have it not. */
#define must(fact) ((fact) ? (void)0 : abort())

static const uint32_t tables[SHAPES - BUILDS] = {
	0x020712f0, 0x03060ff0, 0x030711f0, 0x030814f0,
	0x030913f0, 0x030a0df0, 0x030b0bf0, 0x030c08f0,
};

/* tp_flags: HEAPTYPE is not looked at. */
enum { INT2 = 1 << 23, INT = 1 << 24, LIST = 1 << 25, TUPLE = 1 << 26,
	BYTES = 1 << 27, STR = 1 << 28, DICT = 1 << 29 };

static void put(struct shape *s, raddr addr, uint64_t value, size_t bytes)
{
	size_t i, at = (size_t)(addr - SHAPE_BASE);

	must(at + bytes <= SHAPE_SIZE);
	for (i = 0; i < bytes; i++)
		s->memory[at + i] = (unsigned char)(value >> 8 * i);
	must(s->nfields < SHAPE_PUTS);
	s->fields[s->nfields++] = (uint16_t)at;
}

static void put_field(struct shape *s, raddr base, int32_t field,
		      uint64_t value, size_t bytes)
{
	if (field != NO_FIELD)
		put(s, base + (raddr)(int64_t)field, value, bytes);
}

static void put_bytes(struct shape *s, raddr addr, const void *data,
		      size_t len)
{
	const unsigned char *p = data;

	while (len--)
		put(s, addr++, *p++, 1);
}

static raddr take(struct shape *s, size_t bytes)
{
	raddr at = SHAPE_BASE + s->len;

	s->len += (bytes + 15) & ~(size_t)15;
	must(s->len <= SHAPE_SIZE);
	return at;
}

/*
 * A chunk of the data stack begins a page and has all of it. What is made
 * later lies in its unused part, which nobody looks at.
 */
static raddr take_chunk(struct shape *s, size_t used)
{
	s->len = (s->len + PAGE - 1) / PAGE * PAGE;
	return take(s, used);
}

/* ---- objects ---- */

static raddr make_type(struct shape *s, const char *name, uint64_t flags)
{
	const struct layout *l = &s->layout;
	raddr at = take(s, (size_t)l->object.type_flags + 8);
	raddr text = take(s, strlen(name) + 1);

	put_bytes(s, text, name, strlen(name));
	put_field(s, at, l->object.type_name, text, 8);
	put_field(s, at, l->object.type_flags, flags, 8);
	return at;
}

static raddr make_object(struct shape *s, raddr type, size_t bytes)
{
	raddr at = take(s, bytes + 64);

	put_field(s, at, s->layout.object.type - 8, 1, 8);
	put_field(s, at, s->layout.object.type, type, 8);
	return at;
}

static raddr make_sized(struct shape *s, raddr type, uint64_t n, size_t bytes)
{
	raddr at = make_object(s, type, bytes);

	put_field(s, at, s->layout.object.var_size, n, 8);
	return at;
}

struct types {
	raddr of_int, of_str, of_bytes, of_tuple, of_list, of_dict, of_instance;
};

static raddr make_bytes(struct shape *s, raddr type, const void *data,
			size_t len)
{
	raddr at = make_sized(s, type, len, len);

	put_bytes(s, at + (raddr)s->layout.object.bytes_data, data, len);
	return at;
}

static raddr make_str(struct shape *s, const struct types *t, const char *text)
{
	const struct layout *l = &s->layout;
	size_t len = strlen(text);
	raddr at;

	if (l->major == 2)
		return make_bytes(s, t->of_str, text, len);
	at = make_object(s, t->of_str, len);
	put_field(s, at, l->object.unicode_length, len, 8);
	put_field(s, at, l->object.unicode_state,
		  1u | 1u << l->object.kind_shift |
			  1u << l->object.compact_shift |
			  1u << l->object.ascii_shift, 4);
	put_bytes(s, at + (raddr)l->object.ascii_data, text, len);
	return at;
}

/* Units of `width` bytes; 2.7: an unicode object. */
static raddr make_wide(struct shape *s, const struct types *t, unsigned width,
		       const void *data, size_t units)
{
	const struct layout *l = &s->layout;
	raddr at, text;

	if (l->major == 2) {
		at = make_object(s, make_type(s, "unicode", STR), 0);
		text = take(s, units * width + width);
		put(s, at + 16, units, 8);
		put(s, at + 24, text, 8);
		put_bytes(s, text, data, units * width);
		return at;
	}
	at = make_object(s, t->of_str, units * width + 32);
	put_field(s, at, l->object.unicode_length, units, 8);
	put_field(s, at, l->object.unicode_state,
		  width << l->object.kind_shift |
			  1u << l->object.compact_shift, 4);
	put_bytes(s, at + (raddr)l->object.compact_data, data, units * width);
	return at;
}

static raddr make_int(struct shape *s, const struct types *t, unsigned digits,
		      uint64_t value)
{
	const struct layout *l = &s->layout;
	raddr at = make_object(s, t->of_int, 4 * digits);
	unsigned i;

	if (l->object.int_plain) {
		put_field(s, at, l->object.int_size, value, 8);
		return at;
	}
	put_field(s, at, l->object.int_size,
		  l->object.int_tagged ? (uint64_t)digits << 3 : digits, 8);
	for (i = 0; i < digits; i++, value >>= 30)
		put_field(s, at, l->object.int_digits + 4 * (int32_t)i,
			  value & 0x3fffffff, 4);
	return at;
}

static raddr make_tuple(struct shape *s, const struct types *t,
			const raddr *items, unsigned n)
{
	raddr at = make_sized(s, t->of_tuple, n, 8 * n);
	unsigned i;

	for (i = 0; i < n; i++)
		put_field(s, at, s->layout.object.tuple_items + 8 * (int32_t)i,
			  items[i], 8);
	return at;
}

/* A list of these, and of itself. */
static raddr make_list(struct shape *s, const struct types *t,
		       const raddr *items, unsigned n)
{
	raddr at = make_sized(s, t->of_list, n + 1, 8), data = take(s, 8 * n + 8);
	unsigned i;

	put_field(s, at, s->layout.object.list_items, data, 8);
	for (i = 0; i < n; i++)
		put(s, data + 8 * i, items[i], 8);
	put(s, data + 8 * n, at, 8);
	return at;
}

/* The keys of a dict with 8 indices; values only if they are not split. */
static raddr make_keys(struct shape *s, const raddr *items, unsigned n,
		       bool split, bool only_str)
{
	const struct layout *l = &s->layout;
	raddr keys = take(s, 48 + 8 + 24 * n), at;
	unsigned i;

	only_str = only_str && l->object.keys_kind != NO_FIELD;
	put_field(s, keys, l->object.keys_size, 8, 8);
	put_field(s, keys, l->object.keys_log2_index, 3, 1);
	put_field(s, keys, l->object.keys_kind, only_str ? split ? 2 : 1 : 0, 1);
	put_field(s, keys, l->object.keys_entries, n, 8);
	at = keys + (raddr)l->object.keys_indices + 8;
	for (i = 0; i < n; i++, at += only_str ? 16 : 24) {
		put(s, at + (only_str ? 0 : 8), items[2 * i], 8);
		if (!split)
			put(s, at + (only_str ? 8 : 16), items[2 * i + 1], 8);
	}
	return keys;
}

/* `items`: key, value, key ... */
static raddr make_dict(struct shape *s, const struct types *t,
		       const raddr *items, unsigned n, bool only_str)
{
	const struct layout *l = &s->layout;
	raddr at = make_object(s, t->of_dict, 0), table;
	unsigned i;

	put_field(s, at, l->object.dict_used, n, 8);
	if (l->object.py2_dict_table == NO_FIELD) {
		put_field(s, at, l->object.dict_keys,
			  make_keys(s, items, n, false, only_str), 8);
		return at;
	}
	table = take(s, 24 * 8);
	put_field(s, at, l->object.dict_used + 0, n, 8);
	put_field(s, at, l->object.py2_dict_mask, 7, 8);
	put_field(s, at, l->object.py2_dict_table, table, 8);
	for (i = 0; i < n; i++) {
		put(s, table + 24 * i + 8, items[2 * i], 8);
		put(s, table + 24 * i + 16, items[2 * i + 1], 8);
	}
	return at;
}

static raddr make_split(struct shape *s, const struct types *t,
			const raddr *items, unsigned n)
{
	const struct layout *l = &s->layout;
	raddr at, values;
	unsigned i;

	if (l->object.py2_dict_table != NO_FIELD)
		return make_dict(s, t, items, n, false);
	at = make_object(s, t->of_dict, 0);
	values = take(s, 32 + 8 * n);
	put_field(s, at, l->object.dict_used, n, 8);
	put_field(s, at, l->object.dict_keys,
		  make_keys(s, items, n, true, true), 8);
	put_field(s, at, l->object.dict_values, values, 8);
	for (i = 0; i < n; i++)
		put(s, values + (raddr)l->object.values_data + 8 * i,
		    items[2 * i + 1], 8);
	return at;
}

static raddr make_set(struct shape *s, raddr type, const raddr *items,
		      unsigned n)
{
	raddr at = make_object(s, type, 32), table = take(s, 16 * 8);
	raddr body = at + (raddr)s->layout.object.var_size;
	unsigned i;

	put(s, body, n, 8);
	put(s, body + 8, n, 8);
	put(s, body + 16, 7, 8);
	put(s, body + 24, table, 8);
	for (i = 0; i < n; i++)
		put(s, table + 32 * i + (s->layout.major == 2 ? 8 : 0),
		    items[i], 8);
	return at;
}

/* An instance whose attributes are in a dict, wherever that is. */
static raddr make_instance(struct shape *s, const struct types *t, raddr dict)
{
	const struct layout *l = &s->layout;
	raddr before = take(s, 32), at = make_object(s, t->of_instance, 16);

	(void)before;
	if (l->object.managed == MANAGED_NONE)
		put(s, at + 16, dict, 8);
	else
		put(s, at + (raddr)(int64_t)l->object.managed_dict, dict, 8);
	return at;
}

/* The same with values apart from the keys, which its class has. */
static raddr make_shared(struct shape *s, const struct types *t,
			 const raddr *items, unsigned n)
{
	const struct layout *l = &s->layout;
	raddr at = make_instance(s, t, 0), values = take(s, 32 + 8 * n);
	raddr word = at + (raddr)(int64_t)l->object.managed_dict;
	unsigned i;

	put_field(s, t->of_instance, l->object.ht_cached_keys,
		  make_keys(s, items, n, true, true), 8);
	if (l->object.managed == MANAGED_POINTERS)
		put(s, word - 8, values, 8);
	else if (l->object.managed == MANAGED_TAGGED)
		put(s, word, values - 1, 8);
	else
		values = at + 48; /* as its class says */
	for (i = 0; i < n; i++)
		put(s, values + (raddr)l->object.values_data + 8 * i,
		    items[2 * i + 1], 8);
	return at;
}

static void add_root(struct shape *s, raddr at)
{
	must(s->nroots < SHAPE_ROOTS);
	s->roots[s->nroots++] = at;
}

static void make_types(struct shape *s, struct types *t)
{
	const struct layout *l = &s->layout;
	bool py2 = l->major == 2;

	t->of_int = make_type(s, "int", py2 ? INT2 : INT);
	t->of_str = make_type(s, "str", py2 ? BYTES : STR);
	t->of_bytes = py2 ? t->of_str : make_type(s, "bytes", BYTES);
	t->of_tuple = make_type(s, "tuple", TUPLE);
	t->of_list = make_type(s, "list", LIST);
	t->of_dict = make_type(s, "dict", DICT);
	t->of_instance = make_type(s, "Thread", 0);
	take(s, 1024 - 192); /* a type of the heap is longer */
	put_field(s, t->of_instance, l->object.type_basicsize, 48, 8);
	put_field(s, t->of_instance, l->object.type_dictoffset,
		  l->object.managed == MANAGED_NONE ? 16 : (uint64_t)-1, 8);
}

static void make_numbers(struct shape *s, const struct types *t)
{
	static const double pi = 3.25;
	uint64_t bits;
	raddr at;

	memcpy(&bits, &pi, sizeof(bits));
	add_root(s, make_int(s, t, 1, 42));
	add_root(s, make_int(s, t, 4, 0x123456789abcdef));
	if (s->layout.major == 2) {
		at = make_object(s, make_type(s, "long", INT), 16);
		put(s, at + 16, (uint64_t)-3, 8);
		put(s, at + 24, 77, 4);
		add_root(s, at);
	}
	at = make_object(s, make_type(s, "bool", INT), 8);
	put_field(s, at, s->layout.object.int_size, 1 << 3, 8);
	add_root(s, at);
	at = make_object(s, make_type(s, "float", 0), 8);
	put(s, at + (raddr)s->layout.object.var_size, bits, 8);
	add_root(s, at);
	at = make_object(s, make_type(s, "complex", 0), 16);
	put(s, at + (raddr)s->layout.object.var_size, bits, 8);
	put(s, at + (raddr)s->layout.object.var_size + 8, bits, 8);
	add_root(s, at);
	add_root(s, make_object(s, make_type(s, "NoneType", 0), 0));
}

static void make_containers(struct shape *s, const struct types *t,
			    const raddr *items)
{
	raddr cell;

	add_root(s, make_tuple(s, t, items, 3));
	add_root(s, make_list(s, t, items, 3));
	add_root(s, make_dict(s, t, items, 2, false));
	add_root(s, make_dict(s, t, items, 2, true));
	add_root(s, make_split(s, t, items, 2));
	add_root(s, make_set(s, make_type(s, "set", 0), items, 2));
	add_root(s, make_set(s, make_type(s, "frozenset", 0), items, 1));
	add_root(s, make_instance(s, t, s->roots[s->nroots - 4]));
	add_root(s, make_shared(s, t, items, 2));
	add_root(s, t->of_dict);
	put_field(s, t->of_dict, s->layout.object.type,
		  make_type(s, "type", 0), 8);
	/* A subclass of list, and a cell. */
	add_root(s, make_sized(s, make_type(s, "Stack", LIST), 0, 8));
	cell = make_object(s, make_type(s, "cell", 0), 8);
	put_field(s, cell, s->layout.object.var_size, items[1], 8);
	add_root(s, cell);
}

/* Of each kind one; numbers, texts, containers. */
static void make_objects(struct shape *s, struct types *t)
{
	static const uint16_t wide[] = {0x20ac, 'x', 0xd800};
	static const uint32_t wider[] = {0x1f600, 'y', 0x10ffff};
	raddr items[4];

	make_types(s, t);
	make_numbers(s, t);
	items[0] = make_str(s, t, "_name");
	items[1] = make_str(s, t, "it's \"here\"\n\\");
	items[2] = s->roots[0];
	items[3] = s->roots[1];
	add_root(s, items[1]);
	add_root(s, make_wide(s, t, 2, wide, 3));
	add_root(s, make_wide(s, t, 4, wider, 3));
	add_root(s, make_wide(s, t, 1, "na\xefve", 5));
	add_root(s, make_bytes(s, t->of_bytes, "a\0\xff'", 4));
	make_containers(s, t, items);
	s->objects = s->len;
}

/* ---- the interpreter ---- */

static raddr make_code(struct shape *s, const struct types *t, unsigned n)
{
	const struct layout *l = &s->layout;
	static const char lines[] = {(char)0xef, 2, (char)0xef, 0};
	/* a local, a cell, a free variable */
	static const char kinds[SHAPE_LOCALS] = {0x20, 0x20, 0x20, 0x20, 0x40,
					   (char)0x80};
	raddr at = take(s, (size_t)l->code.size + 64), names[SHAPE_LOCALS];
	char text[32];
	unsigned i;

	for (i = 0; i < SHAPE_LOCALS; i++) {
		snprintf(text, sizeof(text), "v%u", i);
		names[i] = make_str(s, t, text);
	}
	snprintf(text, sizeof(text), "f%u", n);
	put_field(s, at, l->object.type - 8, 1, 8);
	put_field(s, at, l->object.type, s->entry.code_type, 8);
	put_field(s, at, l->object.var_size, 16, 8);
	put_field(s, at, l->code.name, make_str(s, t, text), 8);
	put_field(s, at, l->code.qualname, make_str(s, t, text), 8);
	put_field(s, at, l->code.filename, make_str(s, t, "f.py"), 8);
	put_field(s, at, l->code.linetable,
		  make_bytes(s, t->of_bytes, lines, 4), 8);
	put_field(s, at, l->code.code,
		  make_bytes(s, t->of_bytes, "0123456789abcdef", 16), 8);
	put_field(s, at, l->code.firstlineno, 10 * n + 1, 4);
	put_field(s, at, l->code.argcount, 2, 4);
	put_field(s, at, l->code.framesize, FRAME_WORDS, 4);
	put_field(s, at, l->code.nlocalsplus, SHAPE_LOCALS, 4);
	if (l->code.framesize == NO_FIELD)
		put_field(s, at, l->code.stacksize, FRAME_WORDS - SHAPE_LOCALS - 9,
			  4);
	put_field(s, at, l->code.firsttraceable, 1, 4);
	put_field(s, at, l->code.version, 1000 + n, 4);
	put_field(s, at, l->code.varnames, make_tuple(s, t, names, 4), 8);
	put_field(s, at, l->code.cellvars, make_tuple(s, t, names + 4, 1), 8);
	put_field(s, at, l->code.freevars, make_tuple(s, t, names + 5, 1), 8);
	put_field(s, at, l->code.localsplusnames,
		  make_tuple(s, t, names, SHAPE_LOCALS), 8);
	put_field(s, at, l->code.localspluskinds,
		  make_bytes(s, t->of_bytes, kinds, SHAPE_LOCALS), 8);
	return at;
}

static void fill_heap_frame(struct shape *s, raddr at, raddr back, raddr code)
{
	const struct layout *l = &s->layout;

	put_field(s, at, l->object.type - 8, 1, 8);
	put_field(s, at, l->object.type, s->entry.code_type + 8, 8);
	put_field(s, at, l->frame.back, back, 8);
	put_field(s, at, l->frame.code, code, 8);
	put_field(s, at, l->frame.lasti, 2, 4);
	put_field(s, at, l->frame.executing, 1, 1);
	put_field(s, at, l->frame.state, 0, 1);
}

static void fill_chunk_frame(struct shape *s, raddr at, raddr back, raddr code,
			     unsigned owner)
{
	const struct layout *l = &s->layout;

	put_field(s, at, l->iframe.previous, back, 8);
	put_field(s, at, l->iframe.code, code, 8);
	put_field(s, at, l->iframe.instr,
		  code ? code + (raddr)l->code.adaptive + 6 : 0, 8);
	put_field(s, at, l->iframe.owner, owner, 1);
	put_field(s, at, l->iframe.stacktop, 0, 4);
}

static void fill_locals(struct shape *s, raddr at, unsigned first)
{
	const struct layout *l = &s->layout;
	int32_t from = l->frames == FRAMES_HEAP ? l->frame.localsplus
						: l->iframe.localsplus;
	unsigned i;

	for (i = 0; i < SHAPE_LOCALS; i++)
		put_field(s, at, from + 8 * (int32_t)i,
			  s->roots[i == 4 ? s->nroots - 1
					  : (first + i) % s->nroots], 8);
}

static void point_to_frames(struct shape *s, raddr tstate, raddr leaf,
			    raddr entry, raddr chunk)
{
	const struct layout *l = &s->layout;
	raddr cframe;

	put_field(s, tstate, l->thread.frame, leaf, 8);
	put_field(s, tstate, l->thread.current_frame, leaf, 8);
	put_field(s, tstate, l->thread.base_frame, entry, 8);
	put_field(s, tstate, l->thread.chunk, chunk, 8);
	put_field(s, tstate, l->thread.chunk_top, leaf + 8 * FRAME_WORDS, 8);
	if (l->thread.cframe == NO_FIELD)
		return;
	cframe = take(s, (size_t)l->thread.cframe_frame + 16);
	put_field(s, tstate, l->thread.cframe, cframe, 8);
	put_field(s, cframe, l->thread.cframe_frame, leaf, 8);
}

static void make_frames(struct shape *s, const struct types *t, raddr tstate,
			unsigned n)
{
	const struct layout *l = &s->layout;
	bool heap = l->frames == FRAMES_HEAP;
	raddr entry = take(s, 192), chunk, at = 0, back = 0, code;
	unsigned i, stride = heap ? 448 : FRAME_WORDS * 8;

	chunk = take_chunk(s, (SHAPE_FRAMES + 1) * stride + 64);
	if (!heap && l->iframe.owner_entry != 0xff) {
		fill_chunk_frame(s, entry, 0, 0, l->iframe.owner_entry);
		back = entry;
	}
	for (i = 0; i < SHAPE_FRAMES; i++, back = at) {
		at = chunk + (heap ? 0 : (raddr)l->chunk.data + 8) + i * stride;
		code = make_code(s, t, n * SHAPE_FRAMES + i);
		if (heap)
			fill_heap_frame(s, at, back, code);
		else
			fill_chunk_frame(s, at, back, code, 0);
		fill_locals(s, at, 7 * i);
	}
	if (!heap) {
		put_field(s, at, l->iframe.stacktop, UINT32_MAX, 4);
		put_field(s, chunk + (raddr)l->chunk.data + 8,
			  l->iframe.is_entry, 1, 1);
		put_field(s, chunk, l->chunk.size, PAGE, 8);
	}
	point_to_frames(s, tstate, at, entry, chunk);
}

/* sys.modules['threading'].__dict__['_active'] has the first thread. */
static raddr make_modules(struct shape *s, const struct types *t)
{
	raddr attributes[2], active[2], dict[2], modules[2];
	raddr module = make_object(s, make_type(s, "module", 0), 0);

	attributes[0] = make_str(s, t, s->layout.major == 2 ? "_Thread__name"
							     : "_name");
	attributes[1] = make_str(s, t, "Thread-1 (work)");
	active[0] = make_int(s, t, 1, SHAPE_IDENT);
	active[1] = make_instance(s, t,
				  make_dict(s, t, attributes, 1, true));
	dict[0] = make_str(s, t, "_active");
	dict[1] = make_dict(s, t, active, 1, false);
	modules[0] = make_str(s, t, "threading");
	modules[1] = module;
	put_field(s, module, s->layout.object.type + 8,
		  make_dict(s, t, dict, 1, true), 8);
	return make_dict(s, t, modules, 1, true);
}

static void make_threads(struct shape *s, const struct types *t, raddr interp)
{
	const struct layout *l = &s->layout;
	raddr tstate[SHAPE_THREADS];
	unsigned i;

	for (i = 0; i < SHAPE_THREADS; i++)
		tstate[i] = take(s, (size_t)l->thread.size);
	put_field(s, interp, l->interp.threads_head, tstate[0], 8);
	put_field(s, interp, l->interp.threads_main, tstate[0], 8);
	for (i = 0; i < SHAPE_THREADS; i++) {
		if (i + 1 < SHAPE_THREADS)
			put_field(s, tstate[i], l->thread.next, tstate[i + 1],
				  8);
		put_field(s, tstate[i], l->thread.interp, interp, 8);
		put_field(s, tstate[i], l->thread.thread_id, SHAPE_IDENT + i,
			  8);
		put_field(s, tstate[i], l->thread.native_id, 42 + i, 8);
		make_frames(s, t, tstate[i], i);
	}
}

/* Pointers that are symbols of their own up to 3.6. */
static void make_statics(struct shape *s, raddr interp)
{
	const struct layout *l = &s->layout;

	if (l->runtime.interpreters_head != NO_FIELD) {
		s->entry.runtime = take(s, (size_t)l->runtime.span_to + 16);
		put_field(s, s->entry.runtime, l->runtime.interpreters_head,
			  interp, 8);
		put_field(s, s->entry.runtime, l->runtime.interpreters_main,
			  interp, 8);
		return;
	}
	s->entry.interp_head = take(s, 16);
	s->entry.current = take(s, 16);
	s->entry.collecting = take(s, 16);
	s->entry.gil_lock = take(s, 16);
	put(s, s->entry.interp_head, interp, 8);
	put(s, s->entry.current, interp, 8);
	put(s, s->entry.collecting, 0, 4);
	put(s, s->entry.gil_lock, interp, 8);
}

static void make_layout(struct shape *s, unsigned which)
{
	const struct build *b;
	struct str table;

	if (which < SHAPES - BUILDS) {
		must(!layout_for_version(&s->layout, tables[which], NULL));
		return;
	}
	b = &builds[which - (SHAPES - BUILDS)];
	debug_table(&table, b);
	must(!layout_from_offsets(&s->layout, table.data, table.len, NULL));
	str_release(&table);
}

static void make_shape(struct shape *s, unsigned which)
{
	const struct layout *l = &s->layout;
	struct types t;
	raddr interp;

	make_layout(s, which);
	make_objects(s, &t);
	s->entry.code_type = make_type(s, "code", 0);
	put_field(s, s->entry.code_type, l->object.type_basicsize,
		  (uint64_t)(l->code.adaptive != NO_FIELD ? l->code.adaptive
							  : l->code.size), 8);
	s->entry.none = s->roots[5];
	interp = take(s, (size_t)l->interp.size + 16);
	make_statics(s, interp);
	put_field(s, interp, l->interp.gil_ptr,
		  interp + (raddr)(int64_t)l->interp.gil_embedded, 8);
	put_field(s, interp, l->interp.modules, make_modules(s, &t), 8);
	put_field(s, interp, l->interp.code_generation, 1, 8);
	make_threads(s, &t, interp);
}

const struct shape *shape_of(unsigned which)
{
	static struct shape *made[SHAPES];

	which %= SHAPES;
	if (!made[which]) {
		made[which] = xcalloc(1, sizeof(**made));
		make_shape(made[which], which);
	}
	return made[which];
}

unsigned shape_like(const struct layout *l)
{
	unsigned i = 0;

	while (i < SHAPES - 1 &&
	       (shape_of(i)->layout.minor != l->minor ||
		shape_of(i)->layout.major != l->major ||
		shape_of(i)->layout.free_threaded != l->free_threaded))
		i++;
	return i;
}
