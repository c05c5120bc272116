/*
 * Line tables. Sources: Objects/lnotab_notes.txt (2.7 to 3.10),
 * Objects/locations.md (3.11 on).
 */
#include <limits.h>

#include "base.h"
#include "cpython.h"

/* One step of a table: instructions up to `end` are on `line`. */
struct lines {
	struct cursor c;
	enum line_kind kind;
	int64_t end;  /* first byte offset behind this entry */
	int64_t line; /* running, before it is known to fit an int */
	bool none;    /* this entry has no line */
};

static int as_line(int64_t line)
{
	return line > 0 && line <= INT_MAX ? (int)line : LINE_NONE;
}

/* 6 bits a byte, bit 6: more to come. */
static uint64_t varint6(struct cursor *c)
{
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t b;

	do {
		b = cursor_u8(c);
		if (shift < 60)
			v |= (uint64_t)(b & 0x3f) << shift;
		shift += 6;
	} while (b & 0x40 && !c->bad);
	return v;
}

static int64_t svarint6(struct cursor *c)
{
	uint64_t v = varint6(c);

	return v & 1 ? -(int64_t)(v >> 1) : (int64_t)(v >> 1);
}

/* Keeps the sum of deltas from a hostile table inside 64 bits. */
static void add_line(struct lines *l, int64_t delta)
{
	const int64_t far = (int64_t)1 << 60;

	if (delta > far || delta < -far || l->line > far || l->line < -far)
		l->c.bad = true;
	else
		l->line += delta;
}

static void step_location(struct lines *l)
{
	uint8_t first = cursor_u8(&l->c);
	unsigned code = first >> 3 & 15;

	l->none = code == 15;
	if (code == 14 || code == 13)
		add_line(l, svarint6(&l->c));
	if (code == 14) {
		varint6(&l->c);
		varint6(&l->c);
		varint6(&l->c);
	} else if (code >= 10 && code <= 12) {
		add_line(l, code - 10);
		cursor_bytes(&l->c, 2);
	} else if (code < 10) {
		cursor_u8(&l->c);
	}
	l->end += 2 * ((first & 7) + 1);
}

/* Pairs of 3.10: the entry covers its own bytes with its own line. */
static void step_pair(struct lines *l)
{
	uint8_t bytes = cursor_u8(&l->c);
	int8_t delta = (int8_t)cursor_u8(&l->c);

	l->none = delta == -128;
	if (!l->none)
		add_line(l, delta);
	l->end += bytes;
}

/*
 * The entry that covers byte offset `at`. False behind the last one; a cut
 * entry counts as if the table had ended before it.
 */
static bool covering(struct lines *l, int64_t at)
{
	while (cursor_left(&l->c)) {
		if (l->kind == LINES_TABLE)
			step_pair(l);
		else
			step_location(l);
		if (l->c.bad)
			return false;
		if (l->end > at)
			return true;
	}
	return false;
}

/* Pairs up to 3.9: advance by the bytes first, then the line changes. */
static int line_of_lnotab(struct lines *l, int64_t at)
{
	uint8_t delta;

	while (cursor_left(&l->c) >= 2) {
		l->end += cursor_u8(&l->c);
		if (l->end > at)
			break;
		delta = cursor_u8(&l->c);
		add_line(l, l->kind == LINES_LNOTAB ? (int8_t)delta : delta);
	}
	return as_line(l->line);
}

static void lines_init(struct lines *l, enum line_kind kind, const void *table,
		       size_t len, int first)
{
	cursor_init(&l->c, table, len);
	l->kind = kind;
	l->end = 0;
	l->line = first;
	l->none = false;
}

static bool is_lnotab(enum line_kind kind)
{
	return kind == LINES_LNOTAB || kind == LINES_LNOTAB_UNSIGNED;
}

int line_of(enum line_kind kind, const void *table, size_t len, int first,
	    int64_t at)
{
	struct lines l;

	lines_init(&l, kind, table, len, first);
	if (is_lnotab(kind))
		return line_of_lnotab(&l, at);
	if (at < 0 || !covering(&l, at) || l.none)
		return LINE_NONE;
	return as_line(l.line);
}

int line_of_frame(enum line_kind kind, const void *table, size_t len,
		  int first, int64_t at)
{
	int line = first, found;
	struct lines l;

	lines_init(&l, kind, table, len, first);
	if (is_lnotab(kind)) {
		found = line_of_lnotab(&l, at);
		return found == LINE_NONE ? first : found;
	}
	/* The last entry with a line, up to the one that covers `at`. */
	while (l.end <= at && covering(&l, l.end))
		if (!l.none && as_line(l.line) != LINE_NONE)
			line = as_line(l.line);
	return line;
}
