/*
 * The kinds of garbage that a pretended interpreter serves. Each comes beside
 * the thread that make_process made, which is whole.
 */
#include <string.h>

#include "base.h"
#include "tests/lib/pretend.h"
#include "tests/lib/puppet.h"

#define BILLIONS 0x3fffffffffull
#define LOCALS 64 /* of one function */
#define NAMES_MAX 40
#define THREADS 10000u
#define DEPTH 80000u
#define FAN 1000u  /* of lists in lists */
#define LEVELS 20u
#define LONG_NAME 100000u
#define MODULE_DICT 16
#define INSTANCE_DICT 16

static uint64_t last_thread(struct pretend *p, const uint64_t *codes, size_t n)
{
	return pretend_thread(p, &(struct pretend_stack){.codes = codes,
							 .n = n});
}

/* A thread in main and in one function. */
static uint64_t thread_in(struct pretend *p, uint64_t code)
{
	uint64_t codes[2] = {pretend_function(p, "begin"), code};

	return last_thread(p, codes, 2);
}

static void make_plain(struct pretend *p)
{
	thread_in(p, pretend_function(p, "plain"));
}

/* ---- names ---- */

static const uint16_t lone[] = {0xd800, 'x', 0xdfff};
static const uint16_t bidi[] = {0x202e, 'a', 0x2066, 0x200f, 0x2028, 0xfeff};
static const uint32_t beyond[] = {0x110000, 0xffffffff, 'z', 0x1f40d};

#define BYTES(text) {text, sizeof(text) - 1, 1}

static const struct hostile_name {
	const void *units;
	size_t n;
	unsigned width;
} hostile_names[] = {
	BYTES("new\nline"),
	BYTES("semi;colon;"),
	BYTES("\x1b[31mred\x1b]0;title\x07\x1b[0m"),
	BYTES("\x9b" "31m\x85\xa0\xad"),
	BYTES("<script>alert('&\"1\")</script>"),
	BYTES("]]></style><!-- <![CDATA[ &amp; &#0; %3C"),
	BYTES(""),
	BYTES(" 12"),
	BYTES("f 12"),
	BYTES("f (x.py:3)"),
	BYTES("tab\tand\rreturn\v\f\b\x7f"),
	BYTES("nul\0nul"),
	BYTES("\xff\xfe\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80"),
	BYTES("%s%n%x\\"),
	BYTES("\"\\u0022\\\"',{}[]"),
	BYTES("\n12\nmain;witness 100"),
	BYTES("a\r\n\r\nb"),
	{lone, 3, 2},
	{bidi, 6, 2},
	{beyond, 4, 4},
};

#define HOSTILE (sizeof(hostile_names) / sizeof(*hostile_names))

static uint64_t hostile(struct pretend *p, size_t i)
{
	return pretend_units(p, hostile_names[i].units, hostile_names[i].n,
			     hostile_names[i].width);
}

static uint64_t long_name(struct pretend *p)
{
	static char text[LONG_NAME + 1];

	memset(text, ';', LONG_NAME);
	return pretend_text(p, text);
}

/* sys.modules['threading'].__dict__['_active'], and in it all threads. */
static void name_threads(struct pretend *p, const uint64_t *idents,
			 const uint64_t *names, size_t n)
{
	uint64_t key, value, threads[NAMES_MAX];
	size_t i;

	key = pretend_text(p, p->l.major == 2 ? "_Thread__name" : "_name");
	for (i = 0; i < n; i++) {
		threads[i] = pretend_object(p, p->types.thing, 0);
		puppet_put(threads[i] + INSTANCE_DICT,
			   pretend_dict(p, &key, &names[i], 1), 8);
	}
	value = pretend_dict(p, idents, threads, n);
	key = pretend_text(p, "_active");
	value = pretend_dict(p, &key, &value, 1);
	key = pretend_object(p, p->types.thing, 0);
	puppet_put(key + MODULE_DICT, value, 8);
	value = key;
	key = pretend_text(p, "threading");
	puppet_field(p->interp, p->l.interp.modules,
		     pretend_dict(p, &key, &value, 1), 8);
}

/* All in one stack, and a thread with each. */
static void make_names(struct pretend *p)
{
	uint64_t codes[NAMES_MAX], idents[NAMES_MAX], names[NAMES_MAX], at;
	size_t i;

	for (i = 0; i < HOSTILE; i++)
		codes[i] = pretend_code(p, hostile(p, i), hostile(p, i), NULL,
					0);
	codes[i++] = pretend_code(p, long_name(p), long_name(p), NULL, 0);
	last_thread(p, codes, i);
	for (i = 0; i < HOSTILE; i++) {
		at = thread_in(p, pretend_function(p, "named"));
		puppet_field(at, p->l.thread.thread_id,
			     p->nothing + 64 * (100 + i), 8);
		idents[i] = pretend_int(p, p->nothing + 64 * (100 + i));
		names[i] = hostile(p, i);
	}
	name_threads(p, idents, names, HOSTILE);
}

/* ---- values ---- */

struct values {
	struct pretend *p;
	uint64_t names[LOCALS], values[LOCALS];
	size_t n;
};

static void add_value(struct values *v, const char *name, uint64_t value)
{
	v->names[v->n] = pretend_text(v->p, name);
	v->values[v->n++] = value;
}

/* An object with words behind its head: size, and two more. */
static uint64_t object(struct pretend *p, uint64_t type, uint64_t size,
		       uint64_t second, uint64_t third)
{
	uint64_t at = pretend_object(p, type, size);
	uint64_t body = at + (uint64_t)p->l.object.var_size;

	puppet_put(body + 8, second, 8);
	puppet_put(body + 16, third, 8);
	return at;
}

static void add_counts(struct values *v)
{
	struct pretend *p = v->p;
	uint64_t list = pretend_list(p, p->huge, BILLIONS);

	add_value(v, "billions", list);
	add_value(v, "negative", pretend_list(p, list, UINT64_MAX));
	add_value(v, "elsewhere", pretend_list(p, p->nothing, 100));
	add_value(v, "odd", pretend_list(p, 0xdeadbeefdeadbeef, 100));
	add_value(v, "tuple", object(p, p->types.tuple, 1ull << 63, list, 7));
	add_value(v, "digits",
		  object(p, p->types.integer, 1ull << 50, ~0ull, ~0ull));
	add_value(v, "many", object(p, p->types.integer, 64, ~0ull, ~0ull));
	add_value(v, "many_tagged",
		  object(p, p->types.integer, 64 << 3 | 2, ~0ull, ~0ull));
	add_value(v, "least", object(p, p->types.integer, 1ull << 63, 0, 0));
	add_value(v, "nan", object(p, p->types.number, ~0ull, 0, 0));
	add_value(v, "bytes", object(p, p->types.bytes, 1ull << 62, 0, 0));
	add_value(v, "huge_bytes",
		  object(p, p->types.bytes, PRETEND_HUGE, 0, 0));
	add_value(v, "set", object(p, p->types.set, 1, BILLIONS, ~0ull));
	puppet_put(v->values[v->n - 1] + (uint64_t)p->l.object.var_size + 24,
		   p->huge, 8);
	add_value(v, "nothing", p->nothing);
	add_value(v, "one", 1);
	add_value(v, "last", ~7ull);
	add_value(v, "no_type", pretend_object(p, p->nothing, 1));
	add_value(v, "its_own_type", pretend_object(p, 0, 1));
	puppet_put(v->values[v->n - 1] + (uint64_t)p->l.object.type,
		   v->values[v->n - 1], 8);
}

static void add_texts(struct values *v)
{
	struct pretend *p = v->p;
	static const unsigned widths[] = {0, 1, 2, 3, 4, 7};
	uint64_t at, state;
	size_t i;

	for (i = 0; i < sizeof(widths) / sizeof(*widths); i++) {
		at = pretend_units(p, "abc", 3, 1);
		state = widths[i] << p->l.object.kind_shift |
			1u << p->l.object.compact_shift;
		puppet_field(at, p->l.object.unicode_state, state, 4);
		puppet_field(at, p->l.object.var_size, 1ull << 62, 8);
		add_value(v, "wide", at);
	}
	at = pretend_object(p, p->types.str, PRETEND_HUGE);
	puppet_field(at, p->l.object.unicode_state,
		     1u << p->l.object.kind_shift, 4);
	puppet_field(at, p->l.object.compact_data, p->huge, 8);
	add_value(v, "huge", at);
	for (i = 0; i < HOSTILE; i++) {
		v->names[v->n] = hostile(p, i);
		v->values[v->n++] = hostile(p, i);
	}
}

static void add_dicts(struct values *v)
{
	struct pretend *p = v->p;
	const struct layout *l = &p->l;
	uint64_t key = pretend_text(p, "key"), dict, keys;

	dict = pretend_dict(p, &key, &key, 1);
	add_value(v, "itself", dict);
	if (l->object.dict_keys == NO_FIELD) {
		puppet_field(dict, l->object.py2_dict_mask, BILLIONS, 8);
		return;
	}
	keys = pretend_alloc(p, 256);
	puppet_field(keys, l->object.keys_entries, BILLIONS, 8);
	puppet_field(keys, l->object.keys_size, 1ull << 62, 8);
	puppet_field(keys, l->object.keys_log2_index, 255, 1);
	puppet_field(dict, l->object.dict_keys, keys, 8);
	dict = pretend_dict(p, &key, &key, 1);
	puppet_field(dict, l->object.dict_used, BILLIONS, 8);
	puppet_field(dict, l->object.dict_values, p->nothing, 8);
	add_value(v, "split", dict);
	dict = pretend_dict(p, &key, &p->nothing, 1);
	puppet_field(dict, l->object.dict_keys, p->huge, 8);
	add_value(v, "empty", dict);
}

/* Contained in themselves, and many times in each other. */
static void add_circles(struct values *v)
{
	struct pretend *p = v->p;
	uint64_t items = pretend_alloc(p, 8 * FAN), list, at = 0;
	unsigned level, i;

	list = pretend_list(p, items, FAN);
	for (i = 0; i < FAN; i++)
		puppet_put(items + 8 * i, list, 8);
	add_value(v, "circle", list);
	add_value(v, "keys", pretend_dict(p, &list, &list, 1));
	for (level = 0; level < LEVELS; level++, at = list) {
		items = pretend_alloc(p, 8 * FAN);
		list = pretend_list(p, items, FAN);
		for (i = 0; i < FAN; i++)
			puppet_put(items + 8 * i, at ? at : list, 8);
	}
	add_value(v, "levels", list);
}

/* Types whose names, and flags, are no better. */
static void add_types(struct values *v)
{
	struct pretend *p = v->p;
	uint64_t all = pretend_type(p, "\x1b[1m\n;<x>", 0), endless, nowhere;

	add_value(v, "named", pretend_object(p, all, 1));
	puppet_field(all, p->l.object.type_flags, ~0ull, 8);
	endless = pretend_type(p, "", 0);
	puppet_field(endless, p->l.object.type_name, p->huge, 8);
	add_value(v, "endless", pretend_object(p, endless, 1));
	nowhere = pretend_type(p, "", 0);
	puppet_field(nowhere, p->l.object.type_name, p->nothing - 3, 8);
	add_value(v, "nowhere", pretend_object(p, nowhere, 1));
}

static void thread_with(struct values *v)
{
	struct pretend *p = v->p;
	uint64_t codes[2];

	codes[0] = pretend_function(p, "begin");
	codes[1] = pretend_code(p, pretend_text(p, "variables"),
				pretend_text(p, "pretend.py"), v->names, v->n);
	pretend_thread(p, &(struct pretend_stack){.codes = codes,
						  .n = 2,
						  .values = v->values,
						  .nvalues = v->n});
	v->n = 0;
}

static void make_values(struct pretend *p)
{
	struct values v = {.p = p};

	add_counts(&v);
	thread_with(&v);
	add_texts(&v);
	thread_with(&v);
	add_dicts(&v);
	add_circles(&v);
	add_types(&v);
	thread_with(&v);
}

/* ---- links ---- */

/* Which list goes round is the number of the mode. */
static void make_cycle(struct pretend *p)
{
	const struct layout *l = &p->l;
	uint64_t codes[3] = {pretend_function(p, "a"),
			     pretend_function(p, "b"),
			     pretend_function(p, "c")};
	uint64_t frames[3], thread, item = pretend_alloc(p, 256);
	struct pretend_stack s = {.codes = codes, .n = 3, .frames = frames};
	int32_t back = l->frames == FRAMES_HEAP ? l->frame.back
						: l->iframe.previous;

	thread = pretend_thread(p, &s);
	switch (p->number) {
	case 0:
		puppet_field(frames[0], back, frames[2], 8);
		break;
	case 1:
		puppet_field(frames[1], back, frames[1], 8);
		break;
	case 2:
		puppet_field(thread, l->thread.next, thread, 8);
		break;
	case 3:
		puppet_field(p->interp, l->interp.next, p->interp, 8);
		break;
	case 4:
		puppet_field(thread, l->thread.exc_info, item, 8);
		puppet_field(item, l->exc.previous, item, 8);
		break;
	default: /* a chunk is the one before itself */
		item = frames[0] & ~4095ull;
		puppet_field(item, l->chunk.previous, item, 8);
	}
}

/* Fields of code objects, and what they are set to. */
static void break_codes(struct pretend *p, uint64_t value, size_t bytes)
{
	const struct layout *l = &p->l;
	const int32_t fields[] = {
		l->object.type,    l->object.var_size,
		l->code.name,      l->code.qualname,
		l->code.filename,  l->code.linetable,
		l->code.code,      l->code.firstlineno & ~7,
		l->code.varnames,  l->code.localsplusnames,
		l->code.framesize, l->code.localspluskinds,
		l->code.argcount,  l->code.tlbc,
	};
	uint64_t code;
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		code = pretend_function(p, "broken");
		puppet_field(code, fields[i], value, bytes);
		thread_in(p, code);
	}
}

/* Objects that a code object names, with sizes that cannot be. */
static void make_counts(struct pretend *p)
{
	static const uint64_t sizes[] = {BILLIONS, 1u << 31, 1ull << 63,
					 UINT64_MAX, (64u << 20) - 1};
	uint64_t text, bytes, code;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		text = pretend_text(p, "sized");
		puppet_field(text, p->l.object.var_size, sizes[i], 8);
		bytes = pretend_object(p, p->types.bytes, sizes[i]);
		code = pretend_code(p, text, text, NULL, 0);
		puppet_field(code, p->l.code.linetable, bytes, 8);
		thread_in(p, code);
		code = pretend_function(p, "sized");
		puppet_field(code, p->l.code.linetable, bytes, 8);
		puppet_field(code, p->l.code.varnames, bytes, 8);
		puppet_field(code, p->l.code.localsplusnames, bytes, 8);
		thread_in(p, code);
		break_codes(p, sizes[i], 8);
	}
}

static void break_threads(struct pretend *p, uint64_t value)
{
	const struct layout *l = &p->l;
	const int32_t fields[] = {
		l->thread.frame,     l->thread.current_frame,
		l->thread.cframe,    l->thread.base_frame,
		l->thread.thread_id, l->thread.native_id,
		l->thread.chunk,     l->thread.chunk_top,
		l->thread.raising,   l->thread.exc_info,
		l->thread.exc_value,
	};
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		puppet_field(thread_in(p, pretend_function(p, "astray")),
			     fields[i], value, 8);
}

static void make_unmapped(struct pretend *p)
{
	const uint64_t places[] = {p->nothing, 1, 0x8000000000000000,
				   UINT64_MAX - 7};
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
		break_codes(p, places[i], 8);
		break_threads(p, places[i]);
	}
}

/* ---- much ---- */

/* Texts and tables of a gigabyte each, which can all be read. */
static void make_gigabyte(struct pretend *p)
{
	const struct layout *l = &p->l;
	uint64_t text = pretend_object(p, p->types.str, PRETEND_HUGE), code;

	/* Of 2.7 the text follows: it is what lies there. */
	puppet_field(text, l->object.unicode_state,
		     4u << l->object.kind_shift, 4);
	puppet_field(text, l->object.compact_data, p->huge, 8);
	code = pretend_code(p, text, text, &text, 1);
	puppet_field(code, l->code.linetable,
		     pretend_object(p, p->types.bytes, PRETEND_HUGE), 8);
	thread_in(p, code);
	code = pretend_code(p, text, text, &text, 1);
	thread_in(p, code);
}

static void make_threads(struct pretend *p)
{
	uint64_t codes[3] = {pretend_function(p, "one"),
			     pretend_function(p, "two"),
			     pretend_function(p, "three")};
	unsigned i;

	for (i = 0; i < THREADS; i++)
		last_thread(p, codes, 3);
}

static void make_deep(struct pretend *p)
{
	static uint64_t codes[DEPTH];
	uint64_t code = pretend_function(p, "deep");
	unsigned i;

	for (i = 0; i < DEPTH; i++)
		codes[i] = code;
	last_thread(p, codes, DEPTH);
}

const struct pretend_mode pretend_modes[] = {
	{"plain", make_plain},       {"names", make_names},
	{"values", make_values},     {"cycle", make_cycle},
	{"counts", make_counts},     {"unmapped", make_unmapped},
	{"gigabyte", make_gigabyte}, {"threads", make_threads},
	{"deep", make_deep},         {NULL, NULL},
};
