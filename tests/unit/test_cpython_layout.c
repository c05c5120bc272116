/*
 * cpython: layouts and debug offsets. No interpreter is needed: the debug
 * offsets are those of real builds.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base.h"
#include "cpython.h"
#include "tests/lib/debug_tables.h"
#include "tests/lib/guard.h"

static void put64(struct str *s, size_t at, uint64_t v)
{
	size_t i;

	for (i = 0; i < 8; i++)
		s->data[at + i] = (char)(v >> 8 * i);
}

/* Nothing of what was there may stay, or all of it. */
static int decode(struct layout *l, const struct str *s, struct err *err)
{
	struct layout was;
	int ret;

	memset(l, 0x5a, sizeof(*l));
	was = *l;
	ret = layout_from_offsets(l, s->data, s->len, err);
	if (ret)
		assert_memory_equal(l, &was, sizeof(was));
	return ret;
}

/* ---- what holds for every layout ---- */

/* sizeof as DWARF tells; 0: there is none. */
static const struct known {
	uint32_t version;
	int32_t runtime, interp, thread, frame, code;
} known[] = {
	{0x020712f0, 0, 80, 168, 384, 128},
	{0x03060ff0, 0, 120, 2272, 384, 144},
	{0x030700f0, 1432, 2568, 280, 368, 144},
	{0x030703f0, 1432, 2568, 280, 368, 144},
	{0x030704f0, 1520, 2568, 280, 368, 144},
	{0x030710f0, 1520, 2568, 280, 368, 144},
	{0x030812f0, 1464, 2720, 264, 368, 176},
	{0x030912f0, 656, 5656, 264, 368, 176},
	{0x030a0df0, 672, 113528, 280, 360, 176},
	{0x030b02f0, 166688, 107752, 360, 80, 192},
	{0x030b07f0, 166688, 107752, 360, 80, 192},
	{0x030c01f0, 459944, 383552, 288, 80, 200},
	{0x030d00f0, 283320, 194968, 304, 80, 208},
	{0x030e0af0, 316616, 225864, 832, 88, 216},
	{0x030f02f0, 346560, 226232, 888, 88, 216},
};

static void field_in(int32_t field, int32_t bytes, int32_t size)
{
	if (field == NO_FIELD)
		return;
	assert_true(field >= 0);
	assert_true(field % (bytes >= 8 ? 8 : bytes) == 0);
	assert_true(field + bytes <= size);
}

static void field_between(int32_t field, int32_t bytes, int32_t from,
			  int32_t to)
{
	if (field == NO_FIELD)
		return;
	assert_true(field >= from);
	field_in(field, bytes, to);
}

static void check_runtime(const struct layout *l)
{
	const int32_t from = l->runtime.span_from, to = l->runtime.span_to;

	if (l->runtime.interpreters_head == NO_FIELD) {
		assert_true(l->major == 2 || l->minor < 7);
		assert_true(!from && !to && l->runtime.gil == NO_FIELD);
		return;
	}
	field_between(l->runtime.interpreters_head, 8, from, to);
	field_between(l->runtime.interpreters_main, 8, from, to);
	field_between(l->runtime.finalizing, 8, from, to);
	field_between(l->runtime.gc_collecting, 4, from, to);
	assert_true(l->runtime.interpreters_main > 0);
	assert_true((l->runtime.gil != NO_FIELD) ==
		    (l->interp.gil_ptr == NO_FIELD));
	if (l->runtime.gil != NO_FIELD) {
		field_between(l->runtime.gil + l->gil.locked, 4, from, to);
		field_between(l->runtime.gil + l->gil.last_holder, 8, from,
			      to);
	}
}

static void check_interp(const struct layout *l)
{
	const int32_t from = l->interp.span_from, to = l->interp.span_to;
	const int32_t gil = l->interp.gil_embedded;

	field_in(l->interp.next, 8, l->interp.size);
	field_in(l->interp.id, 8, l->interp.size);
	field_in(l->interp.gil_ptr, 8, l->interp.size);
	field_in(l->interp.modules, 8, l->interp.size);
	assert_true(from >= 0 && from < to && to <= l->interp.size);
	assert_true(l->interp.threads_head > 0);
	field_between(l->interp.threads_head, 8, from, to);
	field_between(l->interp.threads_main, 8, from, to);
	field_between(l->interp.gc_collecting, 4, from, to);
	field_between(l->interp.code_generation, 8, from, to);
	assert_true((gil != NO_FIELD) == (l->interp.gil_ptr != NO_FIELD));
	if (gil == NO_FIELD)
		return;
	field_between(gil + l->gil.locked, 4, from, to);
	field_between(gil + l->gil.last_holder, 8, from, to);
	assert_true(l->gil.cond > l->gil.locked && l->gil.cond_size > 0);
	assert_true((l->gil.enabled != NO_FIELD) == l->free_threaded);
}

static void check_thread(const struct layout *l)
{
	const int32_t size = l->thread.size;

	assert_true(l->thread.next >= 0 && l->thread.interp > 0);
	assert_true(l->thread.thread_id > 0);
	assert_true((l->thread.frame != NO_FIELD) +
			    (l->thread.cframe != NO_FIELD) +
			    (l->thread.current_frame != NO_FIELD) ==
		    1);
	assert_true((l->thread.cframe == NO_FIELD) ==
		    (l->thread.cframe_frame == NO_FIELD));
	field_in(l->thread.next, 8, size);
	field_in(l->thread.interp, 8, size);
	field_in(l->thread.frame, 8, size);
	field_in(l->thread.cframe, 8, size);
	field_in(l->thread.current_frame, 8, size);
	field_in(l->thread.base_frame, 8, size);
	field_in(l->thread.thread_id, 8, size);
	field_in(l->thread.native_id, 8, size);
	field_in(l->thread.chunk, 8, size);
	field_in(l->thread.chunk_top, 8, size);
	field_in(l->thread.status, 4, size);
	field_in(l->thread.holds_gil, 4, size);
	assert_true((l->thread.frame != NO_FIELD) ==
		    (l->frames == FRAMES_HEAP));
}

static void check_heap_frames(const struct layout *l)
{
	const int32_t size = l->frame.size;

	assert_true(l->frame.back > 0 && l->frame.code > 0);
	assert_true(l->frame.lasti > 0 && l->code.code > 0);
	assert_true(l->lasti_unit == (l->minor == 10 ? 2 : 1));
	field_in(l->frame.back, 8, size);
	field_in(l->frame.code, 8, size);
	field_in(l->frame.lasti, 4, size);
	field_in(l->frame.executing, 1, size);
	field_in(l->frame.state, 1, size);
	assert_true(l->iframe.previous == NO_FIELD);
	assert_true(l->thread.chunk == NO_FIELD);
	assert_true(l->chunk.data == NO_FIELD);
	assert_true(l->code.adaptive == NO_FIELD);
	assert_true(l->code.qualname == NO_FIELD);
	assert_true(l->lines != LINES_LOCATIONS);
}

static void check_chunk_frames(const struct layout *l)
{
	const int32_t size = l->iframe.size;

	assert_true(l->frame.back == NO_FIELD && l->code.code == NO_FIELD);
	assert_true(l->lines == LINES_LOCATIONS);
	assert_true(l->code.adaptive >= l->code.size);
	assert_true(l->code.qualname > 0 && l->code.firsttraceable > 0);
	assert_true(l->iframe.previous > 0 && l->iframe.instr > 0);
	assert_true(l->iframe.code >= 0 && l->iframe.owner > 0);
	field_in(l->iframe.previous, 8, size);
	field_in(l->iframe.code, 8, size);
	field_in(l->iframe.instr, 8, size);
	field_in(l->iframe.owner, 1, size);
	field_in(l->iframe.is_entry, 1, size);
	field_in(l->iframe.tlbc_index, 4, size);
	assert_true((l->iframe.is_entry != NO_FIELD) == (l->minor == 11));
	assert_true((l->iframe.owner_entry == 3) == (l->minor >= 12));
	assert_true(l->iframe.owner_generator == 1);
	assert_true(l->iframe.tagged == (l->minor >= 14));
	assert_int_equal(l->thread.chunk_top, l->thread.chunk + 8);
	assert_true(l->chunk.data == 24 && l->chunk.top == 16);
	assert_true((l->code.framesize != NO_FIELD) == (l->minor >= 12));
}

static void check_code(const struct layout *l)
{
	const int32_t size = l->code.size;

	assert_true(size > 0 && size <= 512);
	assert_true(l->code.ident_from > l->object.type);
	assert_true(l->code.ident_from < l->code.ident_to);
	assert_true(l->code.ident_to - l->code.ident_from <= 160);
	field_in(l->code.ident_to, 1, size);
	field_in(l->code.argcount, 4, size);
	field_in(l->code.flags, 4, size);
	field_in(l->code.firstlineno, 4, size);
	field_in(l->code.filename, 8, size);
	field_in(l->code.name, 8, size);
	field_in(l->code.qualname, 8, size);
	field_in(l->code.linetable, 8, size);
	field_in(l->code.code, 8, size);
	field_in(l->code.framesize, 4, size);
	field_in(l->code.nlocalsplus, 4, size);
	field_in(l->code.stacksize, 4, size);
	field_in(l->code.firsttraceable, 4, size);
	field_in(l->code.version, 4, size);
	field_in(l->code.tlbc, 8, size);
}

/* What walking relies on, whatever the version. */
static void check_layout(const struct layout *l)
{
	check_runtime(l);
	check_interp(l);
	check_thread(l);
	check_code(l);
	if (l->frames == FRAMES_HEAP)
		check_heap_frames(l);
	else
		check_chunk_frames(l);
	assert_true(l->object.type > 0 && l->object.var_size > 0);
	assert_true(l->object.bytes_data > l->object.var_size);
	assert_true((l->object.managed == MANAGED_NONE) ==
		    !l->object.managed_dict);
}

/* Against the sizes of the structs themselves. */
static void check_sizes(const struct layout *l, const struct known *k)
{
	assert_true(l->runtime.span_to <= k->runtime);
	assert_true(l->interp.size <= k->interp);
	assert_true(l->interp.size <= 8192);
	assert_true(l->thread.size <= k->thread);
	assert_true(l->code.size <= k->code);
	if (l->frames == FRAMES_HEAP)
		assert_true(l->frame.size <= k->frame);
	else
		assert_int_equal(l->iframe.size, k->frame);
	if (l->runtime.gil != NO_FIELD)
		field_in(l->runtime.gil + l->gil.cond, l->gil.cond_size,
			 k->runtime);
}

/* ---- layouts ---- */

static void known_versions(void **state)
{
	struct layout l;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
		assert_int_equal(
			layout_for_version(&l, known[i].version, NULL), 0);
		assert_int_equal(l.major, known[i].version >> 24);
		assert_int_equal(l.minor, known[i].version >> 16 & 0xff);
		assert_int_equal(layout_needs_offsets(&l),
				 known[i].version >= 0x030d0000);
		check_layout(&l);
		check_sizes(&l, &known[i]);
	}
}

/* PyGC_Head grew with 3.7.4, its release candidate included. */
static void both_37(void **state)
{
	struct layout l;

	(void)state;
	assert_int_equal(layout_for_version(&l, 0x030703f0, NULL), 0);
	assert_int_equal(l.runtime.gil + l.gil.last_holder, 1184);
	assert_int_equal(l.runtime.gc_collecting, 544);
	assert_int_equal(l.runtime.span_from, 8);
	assert_int_equal(l.runtime.span_to, 1196);
	assert_int_equal(layout_for_version(&l, 0x030704c1, NULL), 0);
	assert_int_equal(l.runtime.gil + l.gil.last_holder, 1272);
	assert_int_equal(l.runtime.gc_collecting, 632);
	assert_int_equal(l.runtime.span_to, 1284);
}

/*
 * A code object's identity has nothing in it that changes while it lives:
 * 2.7 co_zombieframe at 112, 3.11 co_warmup at 52.
 */
static void identity_is_constant(void **state)
{
	struct layout l;

	(void)state;
	layout_for_version(&l, 0x020712f0, NULL);
	assert_true(l.code.ident_to <= 112);
	layout_for_version(&l, 0x030b02f0, NULL);
	assert_true(l.code.ident_from >= 56);
	layout_for_version(&l, 0x030c01f0, NULL);
	assert_true(l.code.ident_from <= l.code.version);
	assert_true(l.code.ident_to >= l.code.linetable + 8);
}

static void unknown_versions(void **state)
{
	static const uint32_t unknown[] = {0,          0x020612f0, 0x030500f0,
					   0x031000f0, 0x040000f0, UINT32_MAX};
	struct layout l;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
		assert_int_equal(layout_for_version(&l, unknown[i], &e),
				 -ENOTSUP);
		assert_non_null(strstr(e.msg, layouts_known()));
	}
}

/* ---- debug offsets ---- */

/* The tables of 3.13 and later were made from these very builds. */
static void offsets_of_builds(void **state)
{
	struct layout l, table;
	struct str s;
	size_t i;

	(void)state;
	for (i = 0; i < GIL_BUILDS; i++) {
		debug_table(&s, &builds[i]);
		assert_int_equal(offsets_version(s.data, s.len),
				 builds[i].version);
		assert_int_equal(decode(&l, &s, NULL), 0);
		check_layout(&l);
		layout_for_version(&table, builds[i].version, NULL);
		assert_false(l.free_threaded);
		assert_memory_equal(&l.runtime, &table.runtime,
				    sizeof(l.runtime));
		assert_memory_equal(&l.interp, &table.interp,
				    sizeof(l.interp));
		assert_memory_equal(&l.gil, &table.gil, sizeof(l.gil));
		assert_memory_equal(&l.thread, &table.thread,
				    sizeof(l.thread));
		assert_int_equal(l.iframe.size, table.iframe.size);
		assert_int_equal(l.iframe.previous, table.iframe.previous);
		assert_int_equal(l.iframe.code, table.iframe.code);
		assert_int_equal(l.iframe.instr, table.iframe.instr);
		assert_int_equal(l.iframe.owner, table.iframe.owner);
		assert_int_equal(l.iframe.tlbc_index, NO_FIELD);
		assert_memory_equal(&l.code, &table.code, sizeof(l.code));
		assert_memory_equal(&l.object, &table.object,
				    sizeof(l.object));
		str_release(&s);
	}
}

/* The spans of one sample, as reckoned by hand. */
static void spans(void **state)
{
	static const struct {
		uint32_t version;
		int32_t from, to;
	} want[] = {{0x030b07f0, 0, 852},      {0x030c01f0, 0, 1060},
		    {0x030d00f0, 7264, 7772},  {0x030e0af0, 7272, 8000},
		    {0x030f02f0, 7264, 7952}};
	struct layout l;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(want) / sizeof(*want); i++) {
		layout_for_version(&l, want[i].version, NULL);
		assert_int_equal(l.interp.span_from, want[i].from);
		assert_int_equal(l.interp.span_to, want[i].to);
	}
	layout_for_version(&l, 0x030b07f0, NULL);
	assert_int_equal(l.runtime.span_from, 24);
	assert_int_equal(l.runtime.span_to, 380);
}

/* What the debug offsets lack: offsetof in the headers of those builds. */
static void check_free_threaded(const struct layout *l)
{
	assert_true(l->free_threaded);
	assert_int_equal(l->object.type, 24);
	assert_int_equal(l->object.type_basicsize, 48);
	assert_int_equal(l->object.type_dictoffset, 304);
	assert_int_equal(l->object.type_members, 256);
	assert_int_equal(l->object.ht_cached_keys, l->minor < 15 ? 896 : 904);
	assert_int_equal(l->object.dict_used, 32);
	assert_int_equal(l->object.ascii_data, 56);
	assert_int_equal(l->object.compact_data, 72);
	assert_int_equal(l->object.managed_dict, -8);
	assert_int_equal(l->object.kind_shift, l->minor < 14 ? 2 : 8);
	assert_int_equal(l->object.compact_shift, l->minor < 14 ? 5 : 11);
	assert_int_equal(l->object.ascii_shift, l->minor < 14 ? 6 : 12);
	assert_int_equal(l->code.flags, 64);
	assert_int_equal(l->code.framesize, 92);
	assert_int_equal(l->code.nlocalsplus, 88);
	assert_int_equal(l->code.stacksize, 80);
	assert_int_equal(l->code.version, 108);
	assert_int_equal(l->code.firsttraceable, l->minor < 14 ? 200 : 208);
	assert_int_equal(l->code.adaptive, l->minor < 14 ? 216 : 232);
	assert_int_equal(l->code.tlbc, l->minor < 14 ? NO_FIELD : 224);
	assert_int_equal(l->code.ident_from, 32);
	assert_int_equal(l->code.ident_to, 160);
	assert_int_equal(l->iframe.tlbc_index, l->minor < 14 ? NO_FIELD : 72);
	assert_int_equal(l->gil.last_holder, 16);
	assert_int_equal(l->gil.locked, 24);
	assert_int_equal(l->gil.cond, 40);
	assert_int_equal(l->gil.enabled, 0);
	assert_int_equal(l->thread.holds_gil, l->minor < 14 ? NO_FIELD : 36);
}

static void offsets_free_threaded(void **state)
{
	struct layout l;
	struct str s;
	size_t i;

	(void)state;
	for (i = GIL_BUILDS; i < BUILDS; i++) {
		debug_table(&s, &builds[i]);
		assert_int_equal(decode(&l, &s, NULL), 0);
		check_layout(&l);
		check_free_threaded(&l);
		put64(&s, 16, 2);
		assert_int_equal(decode(&l, &s, NULL), -EBADMSG);
		/* Copies of the bytecode are nowhere else. */
		put64(&s, 16, 0);
		assert_int_equal(decode(&l, &s, NULL),
				 builds[i].version < 0x030e0000 ? 0
								: -EBADMSG);
		str_release(&s);
	}
}

static void offsets_cut(void **state)
{
	struct layout l;
	struct guard g;
	struct str s;
	size_t i, n;

	(void)state;
	for (i = 0; i < BUILDS; i++) {
		debug_table(&s, &builds[i]);
		for (n = 0; n <= s.len; n++) {
			guard_init(&g, s.data, n);
			assert_int_equal(
				layout_from_offsets(&l, g.data, n, NULL),
				n < s.len ? -EBADMSG : 0);
			guard_release(&g);
		}
		str_release(&s);
	}
}

/* Refused with a sentence, or still a layout that can be walked with. */
static void survives(const struct str *s, unsigned *refused)
{
	struct layout l;
	struct err e = {""};
	int ret = decode(&l, s, &e);

	if (ret) {
		++*refused;
		assert_true(ret == -EBADMSG || ret == -ENOTSUP);
		assert_true(strlen(e.msg) > 20);
	} else {
		check_layout(&l);
	}
}

/* Each word replaced, by rubbish and by every other word of the table. */
static void offsets_damaged(void **state)
{
	static const uint64_t rubbish[] = {0, 1, 3, 4096, 1u << 20, UINT32_MAX,
					   1ull << 32, INT64_MAX, UINT64_MAX};
	const size_t nrubbish = sizeof(rubbish) / sizeof(*rubbish);
	unsigned refused = 0;
	struct str s;
	size_t i, j, at;
	uint64_t was;

	(void)state;
	for (i = 0; i < BUILDS; i++) {
		debug_table(&s, &builds[i]);
		for (at = 0; at + 8 <= s.len; at += 8) {
			was = at_u64(s.data, s.len, at);
			for (j = 0; j < nrubbish + builds[i].n; j++) {
				put64(&s, at,
				      j < nrubbish ? rubbish[j]
						   : builds[i].words[j -
								     nrubbish]);
				survives(&s, &refused);
			}
			put64(&s, at, was + 1);
			survives(&s, &refused);
			put64(&s, at, was - 1);
			survives(&s, &refused);
			put64(&s, at, was);
		}
		str_release(&s);
	}
	assert_true(refused > 10000);
}

/* Every offset that is used: not 0, not misaligned, not past its struct. */
static void offsets_each_refused(void **state)
{
	static const uint16_t used[] = {
		24,  32,  40,  48,  56,  64,  72,  80,  88,  96,  120, 128,
		144, 152, 160, 176, 192, 200, 208, 216, 224, 232, 240, 248,
		256, 272, 288, 312, 320, 328, 336, 344, 352, 360, 384, 400,
		408, 416, 424, 440, 448, 456, 472, 480, 528, 536, 544, 568,
		576, 584, 592, 600, 608, 616, 624, 632, 640, 648, 656};
	struct layout l;
	struct str s;
	uint64_t was;
	size_t i;

	(void)state;
	debug_table(&s, &builds[2]); /* 3.14 */
	for (i = 0; i < sizeof(used) / sizeof(*used); i++) {
		was = at_u64(s.data, s.len, used[i]);
		if (was) { /* iframe.code stands first */
			put64(&s, used[i], 0);
			assert_int_equal(decode(&l, &s, NULL), -EBADMSG);
		}
		put64(&s, used[i], 1ull << 31);
		assert_int_equal(decode(&l, &s, NULL), -EBADMSG);
		put64(&s, used[i], was);
		assert_int_equal(decode(&l, &s, NULL), 0);
	}
	str_release(&s);
}

/* What stands beside a field that is told must be inside its struct, too. */
static void offsets_neighbours_refused(void **state)
{
	static const struct {
		unsigned build;
		uint16_t at;
		uint64_t value;
	} bad[] = {
		/* thread_id: `raising` would be before the struct */
		{0, 192, 32}, {2, 216, 32}, {3, 240, 32},
		{0, 208, 280}, /* chunk: exc_value behind it */
	};
	struct layout l;
	struct str s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		debug_table(&s, &builds[bad[i].build]);
		put64(&s, bad[i].at, bad[i].value);
		if (decode(&l, &s, NULL) != -EBADMSG)
			fail_msg("neighbour %zu is taken", i);
		str_release(&s);
	}
}

static void offsets_refused(void **state)
{
	static const uint32_t early[] = {0x030f00a1, 0x030f00b4, 0x030f00c2,
					 0x030e00c3, 0x030d00b1};
	struct layout l;
	struct err e;
	struct str s;
	size_t i;

	(void)state;
	debug_table(&s, &builds[3]);
	for (i = 0; i < sizeof(early) / sizeof(*early); i++) {
		put64(&s, 8, early[i]);
		assert_int_equal(decode(&l, &s, &e), -ENOTSUP);
		assert_non_null(strstr(e.msg, "is a pre-release"));
	}
	put64(&s, 8, 0x030f00b4);
	assert_int_equal(decode(&l, &s, &e), -ENOTSUP);
	assert_non_null(strstr(e.msg, "Python 3.15.0 is a pre-release"));
	put64(&s, 8, 0x031000f0);
	assert_int_equal(decode(&l, &s, &e), -ENOTSUP);
	assert_non_null(strstr(e.msg, "Python 3.16"));
	assert_non_null(strstr(e.msg, layouts_known()));
	put64(&s, 8, 0x030c00f0); /* it had no such table */
	assert_int_equal(decode(&l, &s, &e), -EBADMSG);
	str_release(&s);
	assert_int_equal(offsets_version("xdebugpx\0\0\0\0\0\0\0", 16), 0);
	assert_int_equal(offsets_version("xdebugpy\xf0\0\0\3\0\0\0", 15), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_versions),
		cmocka_unit_test(both_37),
		cmocka_unit_test(identity_is_constant),
		cmocka_unit_test(unknown_versions),
		cmocka_unit_test(offsets_of_builds),
		cmocka_unit_test(spans),
		cmocka_unit_test(offsets_free_threaded),
		cmocka_unit_test(offsets_cut),
		cmocka_unit_test(offsets_damaged),
		cmocka_unit_test(offsets_each_refused),
		cmocka_unit_test(offsets_neighbours_refused),
		cmocka_unit_test(offsets_refused),
	};

	return cmocka_run_group_tests_name("cpython layouts", tests, NULL,
					   NULL);
}
