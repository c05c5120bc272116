/*
 * _Py_DebugOffsets (Include/internal/pycore_debug_offsets.h; in 3.13
 * pycore_runtime.h): the offsets that a running CPython publishes about
 * itself. The order of the fields changes from minor to minor, the values
 * from build to build.
 */
#include <errno.h>
#include <string.h>

#include "base.h"
#include "layouts_priv.h"

#define COOKIE "xdebugpy"
#define VERSION_AT 8
#define FREE_THREADED_AT 16
#define FIRST_MINOR 13   /* the first that has such a table */
#define LEVEL 0xf0u      /* of PY_VERSION_HEX: release level */
#define LEVEL_FINAL 0xf0u
#define MOVE_MAX 64      /* bytes that an object head may be longer */
#define GIL_FIELD_MAX 64 /* offset of a field that a GIL may have */

enum owner {
	RUNTIME, INTERP, THREAD, IFRAME, CODE, OBJECT, TYPE, HEAP_TYPE,
	TUPLE, LIST, DICT, INT, BYTES, UNICODE, GC, OWNERS
};

/* Where each struct's own size stands, and the most that it may be. */
static const struct {
	uint16_t at[3]; /* in the table of 3.13, 3.14, 3.15; 0: not there */
	uint32_t limit;
	const char *name;
} sizes[] = {
	[RUNTIME] = {{24, 24, 24}, 16u << 20, "_PyRuntimeState"},
	[INTERP] = {{48, 48, 48}, 16u << 20, "PyInterpreterState"},
	[THREAD] = {{152, 176, 176}, 8192, "PyThreadState"},
	[IFRAME] = {{224, 248, 312}, 512, "_PyInterpreterFrame"},
	[CODE] = {{272, 312, 376}, 512, "PyCodeObject"},
	[OBJECT] = {{352, 400, 464}, 128, "PyObject"},
	[TYPE] = {{368, 416, 480}, 4096, "PyTypeObject"},
	[HEAP_TYPE] = {{0, 0, 528}, 8192, "PyHeapTypeObject"},
	[TUPLE] = {{400, 448, 544}, 256, "PyTupleObject"},
	[LIST] = {{424, 472, 568}, 256, "PyListObject"},
	[DICT] = {{448, 528, 624}, 256, "PyDictObject"},
	[INT] = {{488, 568, 664}, 256, "PyLongObject"},
	[BYTES] = {{512, 592, 688}, 256, "PyBytesObject"},
	[UNICODE] = {{536, 616, 712}, 256, "PyUnicodeObject"},
	[GC] = {{568, 648, 752}, 8192, "_gc_runtime_state"},
};

/* What a value of 0 says. */
enum zero {
	DAMAGED, /* something else stands first in that struct */
	FIRST,   /* it stands first */
	ABSENT,  /* this build has no such field */
};

/*
 * Rows: where the value stands in each minor's table (0: it is not there),
 * which struct it is an offset in, how many bytes from there on are used, and
 * which field of the layout it fills.
 */
#define FIELD(f) offsetof(struct layout, f)
static const struct {
	uint16_t at[3];
	uint8_t owner, bytes, zero;
	uint16_t field;
} rows[] = {
	{{32, 32, 32}, RUNTIME, 8, DAMAGED, FIELD(runtime.finalizing)},
	/* interpreters.main follows the head */
	{{40, 40, 40}, RUNTIME, 16, DAMAGED, FIELD(runtime.interpreters_head)},
	{{56, 56, 56}, INTERP, 8, DAMAGED, FIELD(interp.id)},
	{{64, 64, 64}, INTERP, 8, DAMAGED, FIELD(interp.next)},
	/* in 3.13 threads.main follows the head */
	{{72, 72, 72}, INTERP, 16, DAMAGED, FIELD(interp.threads_head)},
	{{0, 80, 80}, INTERP, 8, DAMAGED, FIELD(interp.threads_main)},
	{{80, 88, 88}, INTERP, 8, DAMAGED, FIELD(interp.gc_collecting)},
	{{88, 96, 96}, INTERP, 8, DAMAGED, FIELD(interp.modules)},
	{{112, 120, 120}, INTERP, 8, DAMAGED, FIELD(interp.gil_ptr)},
	{{120, 128, 128}, INTERP, 8, DAMAGED, FIELD(interp.gil_embedded)},
	{{136, 144, 144}, INTERP, 4, DAMAGED, FIELD(gil.locked)},
	{{144, 152, 152}, INTERP, 8, DAMAGED, FIELD(gil.last_holder)},
	{{0, 160, 160}, INTERP, 8, DAMAGED, FIELD(interp.code_generation)},
	{{168, 192, 192}, THREAD, 8, DAMAGED, FIELD(thread.next)},
	{{176, 200, 200}, THREAD, 8, DAMAGED, FIELD(thread.interp)},
	{{184, 208, 208}, THREAD, 8, DAMAGED, FIELD(thread.current_frame)},
	{{0, 0, 216}, THREAD, 8, DAMAGED, FIELD(thread.base_frame)},
	{{192, 216, 240}, THREAD, 8, DAMAGED, FIELD(thread.thread_id)},
	{{200, 224, 248}, THREAD, 8, DAMAGED, FIELD(thread.native_id)},
	/* datastack_top follows the chunk */
	{{208, 232, 256}, THREAD, 16, DAMAGED, FIELD(thread.chunk)},
	/* in 3.14 holds_gil follows the status */
	{{216, 240, 264}, THREAD, 8, DAMAGED, FIELD(thread.status)},
	{{0, 0, 272}, THREAD, 4, DAMAGED, FIELD(thread.holds_gil)},
	{{232, 256, 320}, IFRAME, 8, DAMAGED, FIELD(iframe.previous)},
	{{240, 264, 328}, IFRAME, 8, FIRST, FIELD(iframe.code)},
	{{248, 272, 336}, IFRAME, 8, DAMAGED, FIELD(iframe.instr)},
	{{256, 280, 344}, IFRAME, 8, DAMAGED, FIELD(iframe.localsplus)},
	{{264, 288, 352}, IFRAME, 1, DAMAGED, FIELD(iframe.owner)},
	{{0, 304, 368}, IFRAME, 4, ABSENT, FIELD(iframe.tlbc_index)},
	{{280, 320, 384}, CODE, 8, DAMAGED, FIELD(code.filename)},
	{{288, 328, 392}, CODE, 8, DAMAGED, FIELD(code.name)},
	{{296, 336, 400}, CODE, 8, DAMAGED, FIELD(code.qualname)},
	{{304, 344, 408}, CODE, 8, DAMAGED, FIELD(code.linetable)},
	{{312, 352, 416}, CODE, 4, DAMAGED, FIELD(code.firstlineno)},
	{{320, 360, 424}, CODE, 4, DAMAGED, FIELD(code.argcount)},
	{{328, 368, 432}, CODE, 8, DAMAGED, FIELD(code.localsplusnames)},
	{{336, 376, 440}, CODE, 8, DAMAGED, FIELD(code.localspluskinds)},
	{{344, 384, 448}, CODE, 8, DAMAGED, FIELD(code.adaptive)},
	{{0, 392, 456}, CODE, 8, ABSENT, FIELD(code.tlbc)},
	{{360, 408, 472}, OBJECT, 8, DAMAGED, FIELD(object.type)},
	{{376, 424, 488}, TYPE, 8, DAMAGED, FIELD(object.type_name)},
	{{392, 440, 504}, TYPE, 8, DAMAGED, FIELD(object.type_flags)},
	{{0, 0, 512}, TYPE, 8, DAMAGED, FIELD(object.type_basicsize)},
	{{0, 0, 520}, TYPE, 8, DAMAGED, FIELD(object.type_dictoffset)},
	{{0, 0, 536}, HEAP_TYPE, 8, DAMAGED, FIELD(object.ht_cached_keys)},
	{{408, 456, 552}, TUPLE, 8, DAMAGED, FIELD(object.tuple_items)},
	{{432, 480, 576}, LIST, 8, DAMAGED, FIELD(object.list_items)},
	{{456, 536, 632}, DICT, 8, DAMAGED, FIELD(object.dict_keys)},
	{{464, 544, 640}, DICT, 8, DAMAGED, FIELD(object.dict_values)},
	{{496, 576, 672}, INT, 8, DAMAGED, FIELD(object.int_size)},
	{{504, 584, 680}, INT, 4, DAMAGED, FIELD(object.int_digits)},
	{{520, 600, 696}, BYTES, 8, DAMAGED, FIELD(object.var_size)},
	{{528, 608, 704}, BYTES, 1, DAMAGED, FIELD(object.bytes_data)},
	{{544, 624, 720}, UNICODE, 4, DAMAGED, FIELD(object.unicode_state)},
	{{552, 632, 728}, UNICODE, 8, DAMAGED, FIELD(object.unicode_length)},
	{{560, 640, 736}, UNICODE, 8, DAMAGED, FIELD(object.ascii_data)},
	{{0, 0, 744}, UNICODE, 8, DAMAGED, FIELD(object.compact_data)},
};

static const uint16_t collecting_at[] = {576, 656, 760};

/* The last field of each minor's table ends here. */
static const uint16_t lengths[] = {584, 760, 888};

struct table {
	const void *data;
	size_t len;
	unsigned column;
	uint32_t sizes[OWNERS];
};

static int corrupt(struct err *err, const char *what, uint64_t value)
{
	return err_set(err, -EBADMSG,
		       "the debug offsets of the interpreter are damaged: %s "
		       "is %llu",
		       what, (unsigned long long)value);
}

static int misplaced(struct err *err, enum owner owner, uint64_t value)
{
	return err_set(err, -EBADMSG,
		       "the debug offsets of the interpreter are damaged: "
		       "%llu cannot be an offset in %s",
		       (unsigned long long)value, sizes[owner].name);
}

uint32_t offsets_version(const void *table, size_t len)
{
	if (len < VERSION_AT + 8 || memcmp(table, COOKIE, VERSION_AT))
		return 0;
	return at_u32(table, len, VERSION_AT);
}

static int read_sizes(struct table *t, struct err *err)
{
	uint64_t v;
	size_t i;

	for (i = 0; i < OWNERS; i++) {
		if (!sizes[i].at[t->column])
			continue;
		v = at_u64(t->data, t->len, sizes[i].at[t->column]);
		if (!v || v > sizes[i].limit)
			return err_set(err, -EBADMSG,
				       "the debug offsets of the interpreter "
				       "are damaged: %llu cannot be the size "
				       "of %s",
				       (unsigned long long)v, sizes[i].name);
		t->sizes[i] = (uint32_t)v;
	}
	return 0;
}

/* An offset of something of `bytes` bytes: aligned, and inside its struct. */
static bool fits(const struct table *t, uint64_t v, unsigned owner,
		 unsigned bytes)
{
	unsigned align = bytes >= 8 ? 8 : bytes;

	return v <= t->sizes[owner] && t->sizes[owner] - v >= bytes &&
	       v % align == 0;
}

/* The same of one that was reckoned from others. */
static bool fits_after(const struct table *t, int32_t v, unsigned owner,
		       unsigned bytes)
{
	return v >= 0 && fits(t, (uint64_t)v, owner, bytes);
}

static int read_rows(struct layout *l, const struct table *t, struct err *err)
{
	int32_t value;
	uint64_t v;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (!rows[i].at[t->column])
			continue;
		v = at_u64(t->data, t->len, rows[i].at[t->column]);
		if (!fits(t, v, rows[i].owner, rows[i].bytes) ||
		    (!v && rows[i].zero == DAMAGED))
			return misplaced(err, rows[i].owner, v);
		value = !v && rows[i].zero == ABSENT ? NO_FIELD : (int32_t)v;
		memcpy((char *)l + rows[i].field, &value, sizeof(value));
	}
	return 0;
}

/*
 * The GIL's fields are told as offsets of the interpreter. A free-threaded
 * build has `enabled` before them; the switch number lies between the lock
 * and the condition (Include/internal/pycore_gil.h).
 */
static int place_gil(struct layout *l, const struct table *t, struct err *err)
{
	int32_t gil = l->interp.gil_embedded;

	l->gil.locked -= gil;
	l->gil.last_holder -= gil;
	if (l->gil.locked < 0 || l->gil.locked > GIL_FIELD_MAX ||
	    l->gil.last_holder < 0 || l->gil.last_holder > GIL_FIELD_MAX)
		return misplaced(err, INTERP, (uint64_t)gil);
	l->gil.cond = l->gil.locked + 16;
	if (!fits(t, (uint64_t)(gil + l->gil.cond), INTERP,
		  (unsigned)l->gil.cond_size))
		return misplaced(err, INTERP, (uint64_t)gil);
	if (l->free_threaded)
		l->gil.enabled = 0;
	return 0;
}

static int place_gc(struct layout *l, const struct table *t, struct err *err)
{
	uint64_t v = at_u64(t->data, t->len, collecting_at[t->column]);

	if (!v || !fits(t, v, GC, 4) ||
	    !fits(t, (uint64_t)l->interp.gc_collecting + v, INTERP, 4))
		return misplaced(err, GC, v);
	l->interp.gc_collecting += (int32_t)v;
	return 0;
}

/* By how much a field has moved against the table; false: too far. */
static bool moved(int32_t *by, int32_t now, int32_t then)
{
	*by = now - then;
	return *by >= 0 && *by <= MOVE_MAX && *by % 8 == 0;
}

/* What a code object has beside the fields that are told. */
static int place_code(struct layout *l, const struct layout *table,
		      struct err *err)
{
	int32_t by;

	if (!moved(&by, l->code.argcount, table->code.argcount))
		return misplaced(err, CODE, (uint64_t)l->code.argcount);
	l->code.flags += by;
	l->code.kwonlyargcount += by;
	l->code.framesize += by;
	l->code.nlocalsplus += by;
	l->code.stacksize += by;
	l->code.version += by;
	l->code.ident_from += by;
	l->code.ident_to += by;
	/* An int and its padding, then co_extra, then co_tlbc if at all. */
	l->code.firsttraceable = -16 + (l->code.tlbc != NO_FIELD
						? l->code.tlbc
						: l->code.adaptive);
	l->code.size = l->code.adaptive;
	if (l->code.ident_to > l->code.size ||
	    (l->code.tlbc != NO_FIELD && l->code.tlbc > l->code.size - 8) ||
	    l->code.firsttraceable < l->code.ident_to ||
	    l->code.firsttraceable > l->code.size - 16 ||
	    l->code.filename > l->code.size - 8 ||
	    l->code.name > l->code.size - 8 ||
	    l->code.qualname > l->code.size - 8 ||
	    l->code.linetable > l->code.size - 8 ||
	    l->code.localsplusnames > l->code.size - 8 ||
	    l->code.localspluskinds > l->code.size - 8 ||
	    l->code.firstlineno > l->code.size - 4)
		return misplaced(err, CODE, (uint64_t)l->code.adaptive);
	return 0;
}

static int place_objects(struct layout *l, const struct layout *table,
			 struct err *err)
{
	int32_t type, dict;

	if (!moved(&type, l->object.type_name, table->object.type_name))
		return misplaced(err, TYPE, (uint64_t)l->object.type_name);
	if (!moved(&dict, l->object.dict_keys, table->object.dict_keys))
		return misplaced(err, DICT, (uint64_t)l->object.dict_keys);
	if (l->object.bytes_data < l->object.var_size + 8)
		return misplaced(err, BYTES, (uint64_t)l->object.bytes_data);
	l->object.type_members += type;
	l->object.dict_used += dict;
	if (l->minor < 15) {
		l->object.type_basicsize += type;
		l->object.type_dictoffset += type;
		l->object.ht_cached_keys += type;
		/* utf8_length and utf8, Include/cpython/unicodeobject.h */
		l->object.compact_data = l->object.ascii_data + 16;
	}
	return 0;
}

/* What stands beside the fields of a thread that are told. */
static int place_thread(struct layout *l, const struct layout *table,
			const struct table *t, struct err *err)
{
	int32_t by = l->thread.thread_id - table->thread.thread_id;

	l->thread.chunk_top = l->thread.chunk + 8;
	l->thread.raising += by;
	l->thread.exc_info += by;
	l->thread.exc_value += l->thread.chunk - table->thread.chunk;
	if (l->minor == 14)
		l->thread.holds_gil = l->thread.status +
				      table->thread.holds_gil -
				      table->thread.status;
	if (!fits_after(t, l->thread.raising, THREAD, 8) ||
	    !fits_after(t, l->thread.exc_info, THREAD, 8) ||
	    !fits_after(t, l->thread.exc_value, THREAD, 8) ||
	    (l->thread.holds_gil != NO_FIELD &&
	     !fits_after(t, l->thread.holds_gil, THREAD, 4)))
		return misplaced(err, THREAD, (uint64_t)l->thread.thread_id);
	return 0;
}

/* Frames, and lists of interpreters and threads. */
static int place_states(struct layout *l, const struct layout *table,
			const struct table *t, struct err *err)
{
	l->runtime.interpreters_main = l->runtime.interpreters_head + 8;
	if (l->minor == 13)
		l->interp.threads_main = l->interp.threads_head + 8;
	l->iframe.size = (int32_t)t->sizes[IFRAME];
	if (l->minor == 13) {
		l->iframe.stacktop += l->iframe.instr - table->iframe.instr;
		if (!fits_after(t, l->iframe.stacktop, IFRAME, 4))
			return misplaced(err, IFRAME,
					 (uint64_t)l->iframe.instr);
	}
	return place_thread(l, table, t, err);
}

/*
 * Free-threaded builds: no collector's head before an instance, so that its
 * dict is nearer (Include/internal/pycore_object.h); from 3.14 on the state of
 * a str begins with a whole byte and each thread has its copy of the bytecode.
 */
static int place_free_threaded(struct layout *l, struct err *err)
{
	bool copies = l->code.tlbc != NO_FIELD &&
		      l->iframe.tlbc_index != NO_FIELD;
	bool none = l->code.tlbc == NO_FIELD &&
		    l->iframe.tlbc_index == NO_FIELD;

	if (!(l->free_threaded && l->minor >= 14 ? copies : none))
		return misplaced(err, CODE, (uint64_t)l->code.tlbc);
	if (!l->free_threaded)
		return 0;
	l->object.managed_dict = -8;
	if (l->minor >= 14) {
		l->object.kind_shift = 8;
		l->object.compact_shift = 11;
		l->object.ascii_shift = 12;
	}
	return 0;
}

static int read_table(struct layout *l, const struct layout *minor,
		      struct table *t, struct err *err)
{
	int ret = read_sizes(t, err);

	if (!ret)
		ret = read_rows(l, t, err);
	if (!ret)
		ret = place_gil(l, t, err);
	if (!ret)
		ret = place_gc(l, t, err);
	if (!ret)
		ret = place_code(l, minor, err);
	if (!ret)
		ret = place_objects(l, minor, err);
	if (!ret)
		ret = place_free_threaded(l, err);
	if (!ret)
		ret = place_states(l, minor, t, err);
	if (!ret)
		layout_spans(l);
	return ret;
}

/* The table of this version, or a reason why there is none. */
static int minor_table(struct layout *out, uint32_t hex, struct err *err)
{
	int ret = layout_for_version(out, hex, err);

	if (ret)
		return ret;
	if (!layout_needs_offsets(out))
		return corrupt(err, "the version", hex);
	if ((hex & LEVEL) != LEVEL_FINAL)
		return err_set(err, -ENOTSUP,
			       "Python %u.%u.%u is a pre-release, whose "
			       "structures were still changing; a final "
			       "release of it can be sampled",
			       hex >> 24, hex >> 16 & 0xff, hex >> 8 & 0xff);
	return 0;
}

int layout_from_offsets(struct layout *out, const void *table, size_t len,
			struct err *err)
{
	uint64_t threaded = at_u64(table, len, FREE_THREADED_AT);
	uint32_t hex = offsets_version(table, len);
	struct table t = {.data = table, .len = len};
	struct layout minor, made;
	int ret;

	if (!hex)
		return corrupt(err, "the cookie", at_u64(table, len, 0));
	ret = minor_table(&minor, hex, err);
	if (ret)
		return ret;
	t.column = minor.minor - (unsigned)FIRST_MINOR;
	if (len < lengths[t.column])
		return corrupt(err, "their length", len);
	if (threaded > 1)
		return corrupt(err, "the mark of free-threaded builds",
			       threaded);
	made = minor;
	made.free_threaded = threaded;
	ret = read_table(&made, &minor, &t, err);
	if (!ret)
		*out = made;
	return ret;
}
