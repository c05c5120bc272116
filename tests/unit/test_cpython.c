/*
 * cpython: lines, text, sizes of frames. Layouts are in test_cpython_layout.c.
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

static void put64(struct str *s, size_t at, uint64_t v)
{
	size_t i;

	for (i = 0; i < 8; i++)
		s->data[at + i] = (char)(v >> 8 * i);
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

/* Code 0 to 15 alone: what each adds to the line, and how long it is. */
static void lines_location_codes(void **state)
{
	static const int added[16] = {[11] = 1, [12] = 2, [13] = -5, [14] = -5};
	static const size_t bytes[16] = {2, 2, 2, 2, 2, 2, 2, 2,
					 2, 2, 3, 3, 3, 2, 5, 1};
	unsigned char table[16];
	unsigned code, units;
	struct guard g;

	(void)state;
	for (code = 0; code < 16; code++) {
		for (units = 1; units <= 8; units++) {
			memset(table, 11, sizeof(table)); /* svarint: -5 */
			table[0] = (unsigned char)(0x80 | code << 3 |
						   (units - 1));
			/* Behind it one instruction on the same line. */
			table[bytes[code]] = 0xd0;
			guard_init(&g, table, bytes[code] + 3);
			assert_int_equal(line_of(LINES_LOCATIONS, g.data,
						 g.len, 100, 2 * units - 1),
					 code == 15 ? LINE_NONE
						    : 100 + added[code]);
			assert_int_equal(line_of(LINES_LOCATIONS, g.data,
						 g.len, 100, 2 * units),
					 100 + added[code]);
			assert_int_equal(line_of(LINES_LOCATIONS, g.data,
						 g.len, 100, 2 * units + 2),
					 LINE_NONE);
			guard_release(&g);
		}
	}
}

/* A table made up entry by entry, and the line of each of its bytes. */
struct made_lines {
	struct str table;
	int line;
	int at[4096];
	size_t n;
};

static void cover(struct made_lines *m, size_t bytes, int line)
{
	while (bytes--)
		m->at[m->n++] = line;
}

static void add_pair(struct made_lines *m, unsigned bytes, int delta)
{
	str_add_u8(&m->table, (uint8_t)bytes);
	str_add_u8(&m->table, (uint8_t)delta);
}

static void add_svarint6(struct str *s, int v)
{
	unsigned u = v < 0 ? (unsigned)-v << 1 | 1 : (unsigned)v << 1;

	for (; u > 0x3f; u >>= 6)
		str_add_u8(s, (uint8_t)(0x40 | (u & 0x3f)));
	str_add_u8(s, (uint8_t)u);
}

/* As Objects/lnotab_notes.txt tells: steps that are too long are cut up. */
static void add_lnotab(struct made_lines *m, int delta, unsigned bytes,
		       bool is_signed)
{
	const int most = is_signed ? 127 : 255, least = is_signed ? -128 : 0;
	int step;

	m->line += delta;
	while (delta) {
		step = delta > most ? most : delta < least ? least : delta;
		add_pair(m, 0, step);
		delta -= step;
	}
	cover(m, bytes, m->line);
	add_pair(m, bytes, 0);
}

static void add_entry(struct made_lines *m, enum line_kind kind, int delta,
		      unsigned units, bool none)
{
	if (kind == LINES_LNOTAB || kind == LINES_LNOTAB_UNSIGNED) {
		if (kind == LINES_LNOTAB_UNSIGNED && delta < 0)
			delta = -delta;
		add_lnotab(m, delta, 2 * units, kind == LINES_LNOTAB);
		return;
	}
	if (kind == LINES_LOCATIONS) {
		str_add_u8(&m->table, (uint8_t)(0x80 | (none ? 15 : 13) << 3 |
						(units - 1)));
		if (!none)
			add_svarint6(&m->table, delta);
	} else if (none) {
		add_pair(m, 2 * units, -128);
	} else {
		for (; delta > 127; delta -= 127, m->line += 127)
			add_pair(m, 0, 127);
		for (; delta < -127; delta += 127, m->line -= 127)
			add_pair(m, 0, -127);
		add_pair(m, 2 * units, delta);
	}
	if (!none)
		m->line += delta;
	cover(m, 2 * units, none ? LINE_NONE : m->line);
}

static void check_made(const struct made_lines *m, enum line_kind kind,
		       int first)
{
	int frame = first;
	struct guard g;
	size_t i;

	guard_init(&g, m->table.data, m->table.len);
	for (i = 0; i < m->n; i++) {
		assert_int_equal(line_of(kind, g.data, g.len, first,
					 (int64_t)i),
				 m->at[i]);
		if (m->at[i] != LINE_NONE)
			frame = m->at[i];
		assert_int_equal(line_of_frame(kind, g.data, g.len, first,
					       (int64_t)i),
				 frame);
	}
	guard_release(&g);
}

static void lines_made_up(void **state)
{
	struct made_lines m;
	uint64_t seed = 7;
	unsigned kind, round, i;
	int delta;

	(void)state;
	str_init(&m.table);
	for (kind = LINES_LNOTAB_UNSIGNED; kind <= LINES_LOCATIONS; kind++) {
		for (round = 0; round < 50; round++) {
			str_clear(&m.table);
			m.n = 0;
			m.line = 100000;
			for (i = 0; i < 60; i++) {
				delta = (int)(rng_next(&seed) % 1200) - 600;
				add_entry(&m, (enum line_kind)kind, delta,
					  1 + rng_next(&seed) % 8,
					  rng_next(&seed) % 5 == 0);
			}
			check_made(&m, (enum line_kind)kind, 100000);
		}
	}
	str_release(&m.table);
}

/* Lines beyond an int, and below 1, are none; the frame has one all the same. */
static void lines_beyond(void **state)
{
	static const char up[] = "\xe8\x02\xe8\x03"; /* +1, then -1 */
	static const char down[] = "\x02\x80\x02\x05"; /* -128, +5 */

	(void)state;
	assert_int_equal(line_of(LINES_LOCATIONS, up, 4, INT_MAX, 0),
			 LINE_NONE);
	assert_int_equal(line_of(LINES_LOCATIONS, up, 4, INT_MAX, 2), INT_MAX);
	assert_int_equal(line_of(LINES_LOCATIONS, "\xe8\x0b", 2, 5, 0),
			 LINE_NONE);
	assert_int_equal(line_of(LINES_LNOTAB, down, 4, 100, 2), LINE_NONE);
	assert_int_equal(line_of_frame(LINES_LNOTAB, down, 4, 100, 2), 100);
	assert_int_equal(line_of(LINES_LNOTAB_UNSIGNED, down, 4, INT_MAX, 2),
			 LINE_NONE);
	assert_int_equal(line_of(LINES_LNOTAB, "", 0, 3, INT64_MAX), 3);
	assert_int_equal(line_of(LINES_TABLE, "", 0, 3, 0), LINE_NONE);
	assert_int_equal(line_of_frame(LINES_TABLE, "", 0, 3, INT64_MAX), 3);
	/* Half a pair at the end says nothing. */
	assert_int_equal(line_of(LINES_LNOTAB, "\x02\x01\x02", 3, 3, 9), 4);
	assert_int_equal(line_of(LINES_TABLE, "\x02\x01\x02", 3, 3, 2),
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
	put64(&s, 32, 2u << 2 | 1u << 5 | 1u << 6); /* ASCII has one byte */
	assert_int_equal(text_place_of(&l, s.data, s.len, &t), -EBADMSG);
	put64(&s, 32, 0); /* 3.6 to 3.11: not ready */
	assert_int_equal(text_place_of(&l, s.data, s.len, &t), -EBADMSG);
	layout_for_version(&l, 0x030c01f0, NULL);
	put64(&s, 32, 1u << 2 | 1u << 5 | 1u << 6);
	assert_int_equal(text_place_of(&l, s.data, s.len, &t), 0);
	assert_true(t.at == 40);
	layout_for_version(&l, 0x020712f0, NULL);
	assert_int_equal(text_place_of(&l, s.data, s.len, &t), 0);
	assert_true(t.at == 36 && t.width == 1 && !t.latin1);
	str_release(&s);
}

/* Heads cut at each length: too few bytes, or the same as the whole. */
static void text_places_cut(void **state)
{
	static const uint32_t versions[] = {0x020712f0, 0x030601f0, 0x030b01f0,
					    0x030c01f0, 0x030f02f0};
	struct text_place whole, t;
	struct layout l;
	struct guard g;
	struct str s;
	size_t i, n, told = 0;
	int ret;

	(void)state;
	head_of(&s, 5, 4u << 2); /* its text lies apart: the longest head */
	put64(&s, 56, 0x1234);
	put64(&s, 72, 0x1234);
	for (i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
		layout_for_version(&l, versions[i], NULL);
		assert_int_equal(text_place_of(&l, s.data, s.len, &whole), 0);
		for (n = 0; n <= s.len; n++) {
			guard_init(&g, s.data, n);
			ret = text_place_of(&l, g.data, n, &t);
			guard_release(&g);
			assert_true(ret == 0 || ret == -EFAULT);
			if (ret)
				continue;
			told++;
			assert_true(t.units == whole.units &&
				    t.width == whole.width &&
				    t.pointer == whole.pointer &&
				    t.at == whole.at);
		}
	}
	assert_true(told >= 5);
	str_release(&s);
}

/* The state of a str is laid out anew in 3.14t. */
static void text_free_threaded(void **state)
{
	struct text_place t;
	struct layout l;
	struct str s;

	(void)state;
	layout_for_version(&l, 0x030e01f0, NULL);
	l.object.kind_shift = 8;
	l.object.compact_shift = 11;
	l.object.ascii_shift = 12;
	head_of(&s, 5, 0xffu | 2u << 8 | 1u << 11);
	assert_int_equal(text_place_of(&l, s.data, s.len, &t), 0);
	assert_true(t.width == 2 && !t.pointer && t.at == 56);
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
	/* Two units that would be a pair in UTF-16 are two lone ones. */
	decode_is(2, "\x3d\xd8\x0d\xdc", 4, "\xef\xbf\xbd\xef\xbf\xbd");
	decode_is(4, "\x3d\xd8\x00\x00z", 5, "\xef\xbf\xbd");
	decode_is(4, "abc", 3, "");
	decode_is(1, "", 0, "");
}

/* A str of 2.7 has bytes: UTF-8 stays, anything else is replaced. */
static void text_of_27(void **state)
{
	struct text_place t = {.width = 1, .latin1 = false};
	struct str s;

	(void)state;
	str_init(&s);
	text_decode(&s, &t, "\xc3\xa4", 2);
	assert_string_equal(s.data, "\xc3\xa4");
	str_clear(&s);
	text_decode(&s, &t, "a\xe4z", 3);
	assert_string_equal(s.data, "a\xef\xbf\xbdz");
	str_release(&s);
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
		cmocka_unit_test(lines_lnotab),
		cmocka_unit_test(lines_pairs),
		cmocka_unit_test(lines_locations),
		cmocka_unit_test(lines_location_codes),
		cmocka_unit_test(lines_made_up),
		cmocka_unit_test(lines_beyond),
		cmocka_unit_test(lines_damaged),
		cmocka_unit_test(text_places),
		cmocka_unit_test(text_places_cut),
		cmocka_unit_test(text_free_threaded),
		cmocka_unit_test(text_decoded),
		cmocka_unit_test(text_of_27),
		cmocka_unit_test(frame_sizes),
	};

	return cmocka_run_group_tests_name("cpython", tests, NULL, NULL);
}
