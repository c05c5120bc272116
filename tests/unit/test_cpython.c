/*
 * cpython: layouts, debug offsets, lines, text. No interpreter is needed: the
 * debug offsets are those of real builds.
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base.h"
#include "cpython.h"
#include "tests/lib/guard.h"

/* _Py_DebugOffsets from its second word on, read from live processes. */
/* 3.13.0 */
static const uint32_t v3130[] = {
	0x30d00f0, 0, 283320, 608, 632, 194968, 7272, 7264, 7344, 7400, 7656, 7640,
	7648, 16, 7752, 0, 7768, 7760, 304, 0, 8, 16, 72, 152, 160, 232, 32, 80, 8,
	0, 56, 72, 70, 208, 112, 120, 128, 136, 68, 52, 96, 104, 200, 16, 8, 416,
	24, 88, 168, 32, 24, 16, 40, 24, 16, 48, 32, 40, 24, 16, 32, 16, 24, 40, 16,
	32, 64, 32, 16, 40, 240, 200,
};
/* 3.13.18 */
static const uint32_t v31318[] = {
	0x30d12f0, 0, 283408, 608, 632, 194984, 7272, 7264, 7344, 7400, 7656, 7640,
	7648, 16, 7752, 0, 7768, 7760, 312, 0, 8, 16, 72, 152, 160, 232, 32, 80, 8,
	0, 56, 72, 70, 208, 112, 120, 128, 136, 68, 52, 96, 104, 200, 16, 8, 416,
	24, 88, 168, 32, 24, 16, 40, 24, 16, 48, 32, 40, 24, 16, 32, 16, 24, 40, 16,
	32, 64, 32, 16, 40, 240, 200,
};
/* 3.14.10 */
static const uint32_t v31410[] = {
	0x30e0af0, 0, 316616, 784, 808, 225864, 7280, 7272, 7344, 7360, 7408, 7688,
	7672, 7680, 16, 7784, 0, 7800, 7792, 7992, 0, 832, 0, 8, 16, 72, 152, 160,
	232, 32, 88, 8, 0, 56, 80, 74, 64, 0, 216, 112, 120, 128, 136, 68, 52, 96,
	104, 208, 0, 16, 8, 416, 24, 88, 168, 40, 32, 16, 40, 24, 16, 200, 24, 40,
	32, 48, 32, 40, 24, 16, 32, 16, 24, 40, 16, 32, 64, 32, 16, 40, 264, 192,
	160, 24, 72, 67, 0, 8, 24, 304, 8076, 0, 4, 512,
};
/* 3.15.2 */
static const uint32_t v3152[] = {
	0x30f02f0, 0, 346568, 912, 936, 226240, 7272, 7264, 7336, 7352, 7400, 7592,
	7576, 7584, 16, 7736, 0, 7752, 7744, 7944, 0, 888, 0, 8, 16, 72, 80, 88, 96,
	176, 184, 256, 32, 36, 40, 136, 288, 0, 88, 8, 0, 56, 80, 74, 64, 0, 216,
	112, 120, 128, 136, 68, 52, 96, 104, 208, 0, 16, 8, 424, 24, 88, 168, 32,
	288, 944, 888, 40, 32, 16, 40, 24, 16, 200, 24, 40, 32, 48, 32, 40, 24, 16,
	32, 16, 24, 40, 16, 32, 64, 32, 16, 40, 56, 176, 112, 120, 1120, 104, 160,
	24, 72, 67, 0, 8, 24, 344, 8028, 0, 4, 512,
};

static const struct build {
	const uint32_t *words;
	size_t n;
	uint32_t version;
} builds[] = {
	{v3130, sizeof(v3130) / 4, 0x030d00f0},
	{v31318, sizeof(v31318) / 4, 0x030d12f0},
	{v31410, sizeof(v31410) / 4, 0x030e0af0},
	{v3152, sizeof(v3152) / 4, 0x030f02f0},
};
#define BUILDS (sizeof(builds) / sizeof(*builds))

static void table_of(struct str *s, const struct build *b)
{
	size_t i;

	str_init(s);
	str_adds(s, "xdebugpy");
	for (i = 0; i < b->n; i++)
		str_add_u64(s, b->words[i]);
}

static void put64(struct str *s, size_t at, uint64_t v)
{
	size_t i;

	for (i = 0; i < 8; i++)
		s->data[at + i] = (char)(v >> 8 * i);
}

/* ---- layouts ---- */

static const uint32_t versions[] = {
	0x020712f0, 0x03060ff0, 0x030703f0, 0x030710f0, 0x030812f0, 0x030912f0,
	0x030a0df0, 0x030b02f0, 0x030b07f0, 0x030c01f0, 0x030d00f0, 0x030e0af0,
	0x030f02f0,
};

static void field_in(int32_t field, int32_t bytes, int32_t size)
{
	if (field != NO_FIELD) {
		assert_true(field >= 0);
		assert_true(field + bytes <= size);
	}
}

/* What walking relies on, whatever the version. */
static void check_layout(const struct layout *l)
{
	assert_true(l->thread.next >= 0 && l->thread.interp >= 0);
	assert_true(l->thread.thread_id > 0);
	field_in(l->thread.native_id, 8, l->thread.size);
	field_in(l->thread.chunk_top, 8, l->thread.size);
	assert_true(l->code.ident_from >= 0);
	assert_true(l->code.ident_to - l->code.ident_from <= 160);
	assert_true(l->code.size <= 512);
	field_in(l->code.ident_to, 0, l->code.size);
	field_in(l->code.linetable, 8, l->code.size);
	field_in(l->code.firstlineno, 4, l->code.size);
	field_in(l->code.filename, 8, l->code.size);
	if (l->frames == FRAMES_HEAP) {
		assert_true(l->thread.frame > 0 && l->code.code > 0);
		field_in(l->frame.lasti, 4, l->frame.size);
		field_in(l->frame.executing, 1, l->frame.size);
		field_in(l->frame.state, 1, l->frame.size);
		return;
	}
	assert_true(l->thread.cframe > 0 || l->thread.current_frame > 0);
	assert_true(l->code.adaptive > 0 && l->code.qualname > 0);
	field_in(l->iframe.instr, 8, l->iframe.size);
	field_in(l->iframe.owner, 1, l->iframe.size);
	field_in(l->code.framesize, 4, l->code.size);
	field_in(l->code.firsttraceable, 4, l->code.size);
	assert_int_equal(l->thread.chunk_top, l->thread.chunk + 8);
}

static void known_versions(void **state)
{
	struct layout l;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
		assert_int_equal(layout_for_version(&l, versions[i], NULL), 0);
		assert_int_equal(l.major, versions[i] >> 24);
		assert_int_equal(l.minor, versions[i] >> 16 & 0xff);
		check_layout(&l);
	}
	/* PyGC_Head grew with 3.7.4. */
	assert_int_equal(layout_for_version(&l, 0x030703f0, NULL), 0);
	assert_int_equal(l.runtime.gil + l.gil.last_holder, 1184);
	assert_int_equal(l.runtime.gc_collecting, 544);
	assert_int_equal(layout_for_version(&l, 0x030704f0, NULL), 0);
	assert_int_equal(l.runtime.gil + l.gil.last_holder, 1272);
	assert_int_equal(l.runtime.gc_collecting, 632);
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

static void offsets_of_builds(void **state)
{
	struct layout l, table;
	struct str s;
	size_t i;

	(void)state;
	for (i = 0; i < BUILDS; i++) {
		table_of(&s, &builds[i]);
		assert_int_equal(offsets_version(s.data, s.len),
				 builds[i].version);
		assert_int_equal(layout_from_offsets(&l, s.data, s.len, NULL),
				 0);
		check_layout(&l);
		/* These builds are those that the tables were made from. */
		layout_for_version(&table, builds[i].version, NULL);
		assert_int_equal(l.thread.chunk, table.thread.chunk);
		assert_int_equal(l.interp.gc_collecting,
				 table.interp.gc_collecting);
		assert_int_equal(l.gil.locked, 16);
		assert_int_equal(l.gil.last_holder, 8);
		assert_memory_equal(&l.code, &table.code, sizeof(l.code));
		assert_memory_equal(&l.object, &table.object,
				    sizeof(l.object));
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
		table_of(&s, &builds[i]);
		for (n = 0; n < s.len; n++) {
			guard_init(&g, s.data, n);
			assert_int_equal(
				layout_from_offsets(&l, g.data, n, NULL),
				-EBADMSG);
			guard_release(&g);
		}
		str_release(&s);
	}
}

/* Each word replaced: refused, or still a layout that can be walked with. */
static void offsets_damaged(void **state)
{
	static const uint64_t rubbish[] = {0, 1, 3, 4096, 1u << 20, UINT32_MAX,
					   INT64_MAX, UINT64_MAX};
	struct layout l;
	struct str s;
	unsigned refused = 0;
	size_t i, j, at;

	(void)state;
	for (i = 0; i < BUILDS; i++) {
		for (at = 0; at < builds[i].n * 8 + 8; at += 8) {
			for (j = 0; j < sizeof(rubbish) / 8; j++) {
				table_of(&s, &builds[i]);
				put64(&s, at, rubbish[j]);
				if (layout_from_offsets(&l, s.data, s.len,
							NULL))
					refused++;
				else
					check_layout(&l);
				str_release(&s);
			}
		}
	}
	assert_true(refused > 1000);
}

static void offsets_refused(void **state)
{
	struct layout l;
	struct err e;
	struct str s;

	(void)state;
	table_of(&s, &builds[3]);
	put64(&s, 8, 0x030f00b4); /* 3.15.0b4 */
	assert_int_equal(layout_from_offsets(&l, s.data, s.len, &e), -ENOTSUP);
	assert_non_null(strstr(e.msg, "3.15.0 is a pre-release"));
	put64(&s, 8, 0x031000f0);
	assert_int_equal(layout_from_offsets(&l, s.data, s.len, &e), -ENOTSUP);
	put64(&s, 8, 0x030c00f0);
	assert_int_equal(layout_from_offsets(&l, s.data, s.len, &e), -EBADMSG);
	str_release(&s);
	assert_int_equal(offsets_version("xdebugpx\0\0\0\0\0\0\0", 16), 0);
}

/* A free-threaded 3.14: the object head is 16 bytes longer. */
static void offsets_free_threaded(void **state)
{
	struct layout l, plain;
	struct str s;
	size_t at;

	(void)state;
	table_of(&s, &builds[2]);
	layout_for_version(&plain, builds[2].version, NULL);
	put64(&s, 16, 1);
	for (at = 320; at <= 376; at += 8) /* code_object.filename ... */
		put64(&s, at, at_u64(s.data, s.len, at) + 16);
	put64(&s, 312, 248);
	put64(&s, 384, 232);
	put64(&s, 424, 40);
	assert_int_equal(layout_from_offsets(&l, s.data, s.len, NULL), 0);
	assert_true(l.free_threaded);
	assert_int_equal(l.code.framesize, plain.code.framesize + 16);
	assert_int_equal(l.code.firsttraceable,
			 plain.code.firsttraceable + 24);
	assert_int_equal(l.object.kind_shift, 8);
	check_layout(&l);
	str_release(&s);
}

/* ---- lines ---- */

struct line_case {
	int at, line;
};

static void check_lines(enum line_kind kind, const char *table, size_t len,
			int first, const struct line_case *cases, size_t n)
{
	struct guard g;
	size_t i;

	guard_init(&g, table, len);
	for (i = 0; i < n; i++)
		assert_int_equal(line_of(kind, g.data, len, first,
					 cases[i].at),
				 cases[i].line);
	guard_release(&g);
}
#define CHECK_LINES(kind, table, first, cases)                                \
	check_lines(kind, table, sizeof(table) - 1, first, cases,             \
		    sizeof(cases) / sizeof(*(cases)))

static void lines_lnotab(void **state)
{
	static const struct line_case back[] = {
		{-1, 10}, {0, 10}, {5, 10}, {6, 12}, {7, 12}, {8, 9}, {900, 9}};
	static const struct line_case far[] = {{6, 12}, {8, 265}};

	(void)state;
	CHECK_LINES(LINES_LNOTAB, "\x06\x02\x02\xfd", 10, back);
	CHECK_LINES(LINES_LNOTAB_UNSIGNED, "\x06\x02\x02\xfd", 10, far);
}

static void lines_pairs(void **state)
{
	static const struct line_case cases[] = {
		{0, 11}, {3, 11}, {4, 0}, {6, 14}, {7, 14}, {8, 9}, {10, 0}};

	(void)state;
	CHECK_LINES(LINES_TABLE, "\x04\x01\x02\x80\x02\x03\x02\xfb", 10,
		    cases);
	/* The frame of an instruction without a line has the one before. */
	assert_int_equal(line_of_frame(LINES_TABLE,
				       "\x04\x01\x02\x80\x02\x03", 6, 10, 4),
			 11);
	assert_int_equal(line_of_frame(LINES_TABLE, "\x04\x80", 2, 10, 0),
			 10);
}

/* Every code of an entry; each covers one instruction of 2 bytes. */
static void lines_locations(void **state)
{
	static const char table[] = "\x80\x11"             /* short, +0 */
				    "\xd8\x05\x09"         /* 11: +1 */
				    "\xe0\x05\x09"         /* 12: +2 */
				    "\xe8\x07"             /* 13: -3 */
				    "\xf0\x48\x01\x01\x02\x03" /* 14: +36 */
				    "\xf8"                 /* 15: none */
				    "\xd1\x05\x09";        /* 10: 2 units */
	static const struct line_case cases[] = {
		{0, 10},  {1, 10}, {2, 11}, {4, 13},  {6, 10},
		{8, 46},  {10, 0}, {12, 46}, {15, 46}, {16, 0}};

	(void)state;
	CHECK_LINES(LINES_LOCATIONS, table, 10, cases);
	assert_int_equal(line_of_frame(LINES_LOCATIONS, table,
				       sizeof(table) - 1, 10, 10),
			 46);
	assert_int_equal(line_of_frame(LINES_LOCATIONS, "\xf8", 1, 10, 0),
			 10);
	assert_int_equal(line_of(LINES_LOCATIONS, table, sizeof(table) - 1, 10,
				 -2),
			 LINE_NONE);
}

static void lines_damaged(void **state)
{
	static const char endless[] = "\xf0\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f"
				      "\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x3f";
	struct guard g;
	unsigned seed;
	size_t i, n;
	uint64_t s = 42;
	char table[64];

	(void)state;
	for (n = 0; n < sizeof(endless) - 1; n++) {
		guard_init(&g, endless, n);
		line_of(LINES_LOCATIONS, g.data, n, 1, 100);
		line_of_frame(LINES_LOCATIONS, g.data, n, 1, 100);
		guard_release(&g);
	}
	for (seed = 0; seed < 20000; seed++) {
		n = rng_next(&s) % sizeof(table);
		for (i = 0; i < n; i++)
			table[i] = (char)rng_next(&s);
		guard_init(&g, table, n);
		for (i = LINES_LNOTAB_UNSIGNED; i <= LINES_LOCATIONS; i++) {
			assert_true(line_of((enum line_kind)i, g.data, n,
					    INT_MAX, 30) >= 0);
			assert_true(line_of_frame((enum line_kind)i, g.data,
						  n, 1, 1000) >= 0);
		}
		guard_release(&g);
	}
}

/* ---- text ---- */

static void head_of(struct str *s, uint64_t length, uint32_t flags)
{
	static const char zero[80];

	str_init(s);
	str_add(s, zero, sizeof(zero));
	put64(s, 16, length);
	put64(s, 32, flags);
}

static void text_places(void **state)
{
	struct text_place t;
	struct layout l;
	struct str s;

	(void)state;
	layout_for_version(&l, 0x030901f0, NULL);
	head_of(&s, 5, 1u << 2 | 1u << 5 | 1u << 6);
	assert_int_equal(text_place_of(&l, s.data, s.len, &t), 0);
	assert_true(t.at == 48 && t.width == 1 && t.units == 5 && !t.pointer);
	put64(&s, 32, 2u << 2 | 1u << 5);
	assert_int_equal(text_place_of(&l, s.data, s.len, &t), 0);
	assert_true(t.at == 72 && t.width == 2);
	put64(&s, 32, 4u << 2); /* a subclass */
	put64(&s, 72, 0x1234);
	assert_int_equal(text_place_of(&l, s.data, s.len, &t), 0);
	assert_true(t.at == 0x1234 && t.width == 4 && t.pointer);
	put64(&s, 32, 3u << 2 | 1u << 5);
	assert_int_equal(text_place_of(&l, s.data, s.len, &t), -EBADMSG);
	assert_int_equal(text_place_of(&l, s.data, 20, &t), -EFAULT);
	layout_for_version(&l, 0x030c01f0, NULL);
	put64(&s, 32, 1u << 2 | 1u << 5 | 1u << 6);
	assert_int_equal(text_place_of(&l, s.data, s.len, &t), 0);
	assert_true(t.at == 40);
	layout_for_version(&l, 0x020712f0, NULL);
	assert_int_equal(text_place_of(&l, s.data, s.len, &t), 0);
	assert_true(t.at == 36 && t.width == 1 && !t.latin1);
	str_release(&s);
}

static void decode_is(uint8_t width, const char *in, size_t len,
		      const char *want)
{
	struct text_place t = {.width = width, .latin1 = true};
	struct guard g;
	struct str s;

	str_init(&s);
	guard_init(&g, in, len);
	text_decode(&s, &t, g.data, len);
	assert_string_equal(s.data, want);
	guard_release(&g);
	str_release(&s);
}

static void text_decoded(void **state)
{
	(void)state;
	decode_is(1, "a\xe4", 2, "a\xc3\xa4");
	decode_is(2, "\x42\x30z", 3, "\xe3\x81\x82"); /* a cut unit */
	decode_is(2, "\x00\xd8", 2, "\xef\xbf\xbd");  /* a lone surrogate */
	decode_is(4, "\x0d\xf4\x01\x00", 4, "\xf0\x9f\x90\x8d");
	decode_is(4, "\x00\x00\x11\x00", 4, "\xef\xbf\xbd");
}

static void frame_sizes(void **state)
{
	unsigned char code[256] = {0};
	struct layout l;

	(void)state;
	layout_for_version(&l, 0x030c01f0, NULL);
	code[l.code.framesize] = 15;
	assert_int_equal(code_frame_bytes(&l, code, sizeof(code)), 120);
	memset(code + l.code.framesize, 0xff, 4);
	assert_int_equal(code_frame_bytes(&l, code, sizeof(code)), 0);
	layout_for_version(&l, 0x030b07f0, NULL);
	memset(code, 0, sizeof(code));
	code[l.code.nlocalsplus] = 3;
	code[l.code.stacksize] = 4;
	assert_int_equal(code_frame_bytes(&l, code, sizeof(code)), 128);
	layout_for_version(&l, 0x030a01f0, NULL);
	assert_int_equal(code_frame_bytes(&l, code, sizeof(code)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_versions),
		cmocka_unit_test(unknown_versions),
		cmocka_unit_test(offsets_of_builds),
		cmocka_unit_test(offsets_cut),
		cmocka_unit_test(offsets_damaged),
		cmocka_unit_test(offsets_refused),
		cmocka_unit_test(offsets_free_threaded),
		cmocka_unit_test(lines_lnotab),
		cmocka_unit_test(lines_pairs),
		cmocka_unit_test(lines_locations),
		cmocka_unit_test(lines_damaged),
		cmocka_unit_test(text_places),
		cmocka_unit_test(text_decoded),
		cmocka_unit_test(frame_sizes),
	};

	return cmocka_run_group_tests_name("cpython", tests, NULL, NULL);
}
