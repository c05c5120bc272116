/*
 * _Py_DebugOffsets (Include/internal/pycore_debug_offsets.h): the offsets
 * that a running CPython 3.13 or later publishes about itself. The order of
 * the fields changes from minor to minor, the values from build to build.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base.h"
#include "cpython.h"

#define COOKIE "xdebugpy"
#define VERSION_AT 8
#define FREE_THREADED_AT 16
#define FINAL 0xf0u /* release level of PY_VERSION_HEX */

enum owner { RUNTIME, INTERP, THREAD, IFRAME, CODE, OBJECT, GC, OWNERS };

/* Where each struct's own size stands, and the most that it may be. */
static const struct {
	uint16_t at[3]; /* in the table of 3.13, 3.14, 3.15 */
	uint32_t limit;
	const char *name;
} sizes[] = {
	[RUNTIME] = {{24, 24, 24}, 16u << 20, "_PyRuntimeState"},
	[INTERP] = {{48, 48, 48}, 16u << 20, "PyInterpreterState"},
	[THREAD] = {{152, 176, 176}, 8192, "PyThreadState"},
	[IFRAME] = {{224, 248, 312}, 512, "_PyInterpreterFrame"},
	[CODE] = {{272, 312, 376}, 512, "PyCodeObject"},
	[OBJECT] = {{368, 416, 480}, 8192, "PyTypeObject"},
	[GC] = {{568, 648, 752}, 8192, "_gc_runtime_state"},
};

/*
 * Rows: where the value stands in each minor's table (0: it is not there),
 * which struct it is an offset in, how many bytes lie there, and which field
 * of the layout it fills.
 */
#define FIELD(f) offsetof(struct layout, f)
static const struct {
	uint16_t at[3];
	uint8_t owner, bytes;
	uint16_t field;
} rows[] = {
	{{32, 32, 32}, RUNTIME, 8, FIELD(runtime.finalizing)},
	{{40, 40, 40}, RUNTIME, 8, FIELD(runtime.interpreters_head)},
	{{56, 56, 56}, INTERP, 8, FIELD(interp.id)},
	{{64, 64, 64}, INTERP, 8, FIELD(interp.next)},
	{{72, 72, 72}, INTERP, 8, FIELD(interp.threads_head)},
	{{0, 80, 80}, INTERP, 8, FIELD(interp.threads_main)},
	{{80, 88, 88}, INTERP, 8, FIELD(interp.gc_collecting)},
	{{88, 96, 96}, INTERP, 8, FIELD(interp.modules)},
	{{112, 120, 120}, INTERP, 8, FIELD(interp.gil_ptr)},
	{{0, 160, 160}, INTERP, 8, FIELD(interp.code_generation)},
	{{168, 192, 192}, THREAD, 8, FIELD(thread.next)},
	{{176, 200, 200}, THREAD, 8, FIELD(thread.interp)},
	{{184, 208, 208}, THREAD, 8, FIELD(thread.current_frame)},
	{{0, 0, 216}, THREAD, 8, FIELD(thread.base_frame)},
	{{192, 216, 240}, THREAD, 8, FIELD(thread.thread_id)},
	{{200, 224, 248}, THREAD, 8, FIELD(thread.native_id)},
	{{208, 232, 256}, THREAD, 16, FIELD(thread.chunk)},
	{{216, 240, 264}, THREAD, 4, FIELD(thread.status)},
	{{0, 0, 272}, THREAD, 4, FIELD(thread.holds_gil)},
	{{232, 256, 320}, IFRAME, 8, FIELD(iframe.previous)},
	{{240, 264, 328}, IFRAME, 8, FIELD(iframe.code)},
	{{248, 272, 336}, IFRAME, 8, FIELD(iframe.instr)},
	{{264, 288, 352}, IFRAME, 1, FIELD(iframe.owner)},
	{{280, 320, 384}, CODE, 8, FIELD(code.filename)},
	{{288, 328, 392}, CODE, 8, FIELD(code.name)},
	{{296, 336, 400}, CODE, 8, FIELD(code.qualname)},
	{{304, 344, 408}, CODE, 8, FIELD(code.linetable)},
	{{312, 352, 416}, CODE, 4, FIELD(code.firstlineno)},
	{{320, 360, 424}, CODE, 4, FIELD(code.argcount)},
	{{344, 384, 448}, CODE, 0, FIELD(code.adaptive)},
	{{360, 408, 472}, OBJECT, 8, FIELD(object.type)},
	{{376, 424, 488}, OBJECT, 8, FIELD(object.type_name)},
	{{392, 440, 504}, OBJECT, 8, FIELD(object.type_flags)},
	{{0, 0, 512}, OBJECT, 8, FIELD(object.type_basicsize)},
	{{0, 0, 520}, OBJECT, 8, FIELD(object.type_dictoffset)},
	{{408, 456, 552}, OBJECT, 8, FIELD(object.tuple_items)},
	{{432, 480, 576}, OBJECT, 8, FIELD(object.list_items)},
	{{456, 536, 632}, OBJECT, 8, FIELD(object.dict_keys)},
	{{464, 544, 640}, OBJECT, 8, FIELD(object.dict_values)},
	{{496, 576, 672}, OBJECT, 8, FIELD(object.int_size)},
	{{504, 584, 680}, OBJECT, 4, FIELD(object.int_digits)},
	{{520, 600, 696}, OBJECT, 8, FIELD(object.var_size)},
	{{528, 608, 704}, OBJECT, 1, FIELD(object.bytes_data)},
	{{544, 624, 720}, OBJECT, 4, FIELD(object.unicode_state)},
	{{552, 632, 728}, OBJECT, 8, FIELD(object.unicode_length)},
	{{560, 640, 736}, OBJECT, 1, FIELD(object.ascii_data)},
	{{0, 0, 744}, OBJECT, 1, FIELD(object.compact_data)},
};

/* Values that are no offsets of a struct by themselves. */
enum loose { GIL, GIL_LOCKED, GIL_HOLDER, COLLECTING, LOOSE };
static const uint16_t loose_at[LOOSE][3] = {
	[GIL] = {120, 128, 128},
	[GIL_LOCKED] = {136, 144, 144},
	[GIL_HOLDER] = {144, 152, 152},
	[COLLECTING] = {576, 656, 760},
};

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

uint32_t offsets_version(const void *table, size_t len)
{
	if (len < VERSION_AT + 8 || memcmp(table, COOKIE, 8))
		return 0;
	return at_u32(table, len, VERSION_AT);
}

static int read_sizes(struct table *t, struct err *err)
{
	uint64_t v;
	size_t i;

	for (i = 0; i < OWNERS; i++) {
		v = at_u64(t->data, t->len, sizes[i].at[t->column]);
		if (!v || v > sizes[i].limit)
			return corrupt(err, sizes[i].name, v);
		t->sizes[i] = (uint32_t)v;
	}
	return 0;
}

/* An offset of `bytes` bytes: aligned, and inside its struct. */
static bool fits(const struct table *t, uint64_t v, unsigned owner,
		 unsigned bytes)
{
	unsigned align = bytes >= 8 ? 8 : bytes ? bytes : 1;

	return v <= t->sizes[owner] && t->sizes[owner] - v >= bytes &&
	       v % align == 0;
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
		/* Only the code stands first in its struct. */
		if (!fits(t, v, rows[i].owner, rows[i].bytes) ||
		    (!v && rows[i].field != FIELD(iframe.code)))
			return corrupt(err, sizes[rows[i].owner].name, v);
		value = (int32_t)v;
		memcpy((char *)l + rows[i].field, &value, sizeof(value));
	}
	return 0;
}

static uint64_t loose(const struct table *t, enum loose what)
{
	return at_u64(t->data, t->len, loose_at[what][t->column]);
}

/* The GIL's fields are told as offsets of the interpreter. */
static int read_loose(struct layout *l, const struct table *t, struct err *err)
{
	uint64_t gil = loose(t, GIL), locked = loose(t, GIL_LOCKED),
		 holder = loose(t, GIL_HOLDER), gc = loose(t, COLLECTING);

	if (!fits(t, gil, INTERP, 208) || !fits(t, locked, INTERP, 4) ||
	    !fits(t, holder, INTERP, 8) || locked < gil || holder < gil ||
	    locked - gil > 200 || holder - gil > 200)
		return corrupt(err, "_gil", gil);
	if (!fits(t, gc, GC, 4) ||
	    t->sizes[INTERP] - (uint32_t)l->interp.gc_collecting < gc + 4)
		return corrupt(err, "gc.collecting", gc);
	l->gil.locked = (int32_t)(locked - gil);
	l->gil.last_holder = (int32_t)(holder - gil);
	l->interp.gc_collecting += (int32_t)gc;
	l->interp.size = (int32_t)t->sizes[INTERP];
	l->thread.size = (int32_t)t->sizes[THREAD];
	l->iframe.size = (int32_t)t->sizes[IFRAME];
	return 0;
}

/*
 * What the debug offsets lack, from the table of the minor version, moved by
 * as much as its neighbours have moved (free-threaded builds have a larger
 * object head).
 */
static int move_others(struct layout *l, const struct layout *table,
		       struct err *err)
{
	int32_t code = l->code.argcount - table->code.argcount;
	int32_t type = l->object.type_name - table->object.type_name;
	int32_t end = l->code.adaptive - table->code.adaptive;

	if (code < 0 || code > 64 || type < 0 || type > 64 || end < 0 ||
	    end > 128 || l->code.adaptive < table->code.ident_to + code)
		return corrupt(err, "co_argcount",
			       (uint64_t)l->code.argcount);
	l->thread.chunk_top = l->thread.chunk + 8;
	l->code.flags += code;
	l->code.framesize += code;
	l->code.nlocalsplus += code;
	l->code.stacksize += code;
	l->code.version += code;
	l->code.ident_from += code;
	l->code.ident_to += code;
	l->code.firsttraceable += end;
	l->code.size = l->code.adaptive;
	l->object.type_members += type;
	if (l->minor < 15) {
		l->object.type_basicsize += type;
		l->object.type_dictoffset += type;
		l->object.compact_data += type;
	}
	return 0;
}

/* PyASCIIObject.state is laid out anew in 3.14t (unicodeobject.h). */
static void set_free_threaded(struct layout *l)
{
	l->free_threaded = true;
	if (l->minor >= 14) {
		l->object.kind_shift = 8;
		l->object.compact_shift = 11;
		l->object.ascii_shift = 12;
	}
}

int layout_from_offsets(struct layout *out, const void *table, size_t len,
			struct err *err)
{
	/* The last field of each minor's table ends here. */
	static const uint16_t lengths[] = {584, 760, 888};
	uint32_t hex = offsets_version(table, len);
	struct table t = {.data = table, .len = len};
	struct layout minor;
	int ret;

	if (!hex)
		return corrupt(err, "the cookie", at_u64(table, len, 0));
	ret = layout_for_version(&minor, hex, err);
	if (ret)
		return ret;
	if (!layout_needs_offsets(&minor))
		return corrupt(err, "the version", hex);
	if ((hex & 0xf0) != FINAL)
		return err_set(err, -ENOTSUP,
			       "Python %u.%u.%u is a pre-release, whose "
			       "structures were still changing; a final "
			       "release of it can be sampled",
			       hex >> 24, hex >> 16 & 0xff, hex >> 8 & 0xff);
	t.column = minor.minor - 13u;
	if (len < lengths[t.column])
		return corrupt(err, "their length", len);
	*out = minor;
	ret = read_sizes(&t, err);
	if (!ret)
		ret = read_rows(out, &t, err);
	if (!ret)
		ret = read_loose(out, &t, err);
	if (!ret)
		ret = move_others(out, &minor, err);
	if (!ret && at_u64(table, len, FREE_THREADED_AT))
		set_free_threaded(out);
	return ret;
}
