/*
 * Cells of a screen.
 */
#include <stdlib.h>
#include <string.h>

#include "render.h"
#include "tui_priv.h"

void grid_init(struct grid *g, unsigned width, unsigned height, bool ascii)
{
	size_t i, n = (size_t)width * height;

	*g = (struct grid){.width = width, .height = height, .ascii = ascii};
	g->cells = xcalloc(n, sizeof(*g->cells));
	for (i = 0; i < n; i++)
		g->cells[i].point = ' ';
}

void grid_release(struct grid *g)
{
	free(g->cells);
	g->cells = NULL;
}

/* Of valid UTF-8; *len bytes. */
static uint32_t point_at(const char *s, size_t *len)
{
	uint32_t c = (unsigned char)s[0];
	size_t i, n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	*len = n;
	if (n > 1)
		c &= 0x7fu >> n;
	for (i = 1; i < n; i++)
		c = c << 6 | ((unsigned char)s[i] & 0x3fu);
	return c;
}

static void add_mark(struct grid_cell *cell, uint32_t mark)
{
	size_t i;

	for (i = 0; i < GRID_MARKS; i++) {
		if (cell->marks[i])
			continue;
		cell->marks[i] = mark;
		return;
	}
}

static void set_cell(struct grid_cell *cell, uint32_t point, enum ink ink)
{
	*cell = (struct grid_cell){.point = point, .ink = (uint8_t)ink};
}

/*
 * What has no picture of its own, or changes that of its neighbours: of these
 * terminals differ in how many columns they take. Unicode 15,
 * DerivedCoreProperties.txt, Default_Ignorable_Code_Point, and Cf of
 * UnicodeData.txt; skin tones of emoji.
 */
static const struct span {
	uint32_t from, to;
} unseen[] = {
	{0x00ad, 0x00ad},   {0x034f, 0x034f},   {0x0600, 0x0605},
	{0x061c, 0x061c},   {0x06dd, 0x06dd},   {0x070f, 0x070f},
	{0x0890, 0x0891},   {0x08e2, 0x08e2},   {0x115f, 0x1160},
	{0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},
	{0x202a, 0x202e},   {0x2060, 0x206f},   {0x3164, 0x3164},
	{0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
	{0xfff0, 0xfffb},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd},
	{0x13430, 0x1345f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
	{0x1f3fb, 0x1f3ff}, {0xe0000, 0xe0fff},
};

#define FLAG_A 0x1f1e6u /* of two such letters some make one flag */
#define FLAG_Z 0x1f1ffu

static bool is_unseen(uint32_t c)
{
	size_t i, n = sizeof(unseen) / sizeof(*unseen);

	for (i = 0; i < n && unseen[i].from <= c; i++)
		if (c <= unseen[i].to)
			return true;
	return false;
}

/* Clean text without what terminals make of several characters. */
static void add_apart(struct str *out, const struct str *s)
{
	size_t at, n;
	uint32_t c;

	for (at = 0; at < s->len; at += n) {
		c = point_at(s->data + at, &n);
		if (c >= FLAG_A && c <= FLAG_Z)
			str_addc(out, (char)('A' + (c - FLAG_A)));
		else if (!is_unseen(c))
			str_add(out, s->data + at, n);
	}
}

/* Clean text that fits; returns the column behind it. */
static unsigned put_points(struct grid *g, unsigned x, unsigned y, unsigned end,
			   enum ink ink, const struct str *s)
{
	struct grid_cell *row = g->cells + (size_t)y * g->width;
	unsigned from = x;
	size_t at, n, w;
	uint32_t c;

	for (at = 0; at < s->len; at += n) {
		c = point_at(s->data + at, &n);
		w = text_columns(s->data + at, n);
		if (g->ascii && c >= 0x80) {
			c = '?';
			w = w ? 1 : 0;
		}
		if (x + w > end)
			break;
		if (!w) {
			/* Without a character to stand on it is left out. */
			if (x > from && !g->ascii)
				add_mark(&row[row[x - 1].point ? x - 1
							       : x - 2], c);
			continue;
		}
		set_cell(&row[x], c, ink);
		if (w == 2)
			set_cell(&row[x + 1], 0, ink);
		x += (unsigned)w;
	}
	return x;
}

static unsigned end_of(const struct grid *g, unsigned x, unsigned room)
{
	return room > g->width - x ? g->width : x + room;
}

/* The text as it is shown: clean, and cut where it does not fit. */
static void fit(const struct grid *g, struct str *out, const char *text,
		size_t room)
{
	struct str clean, apart;

	str_init(&clean);
	str_init(&apart);
	str_adds_clean(&clean, text);
	add_apart(&apart, &clean);
	text_fit_place(out, apart.data, apart.len, room,
		       g->ascii ? ".." : "\xe2\x80\xa6", true);
	str_release(&clean);
	str_release(&apart);
}

unsigned grid_put(struct grid *g, unsigned x, unsigned y, unsigned room,
		  enum ink ink, const char *text)
{
	unsigned end;
	struct str s;

	if (y >= g->height || x >= g->width || !room)
		return 0;
	end = end_of(g, x, room);
	str_init(&s);
	fit(g, &s, text, end - x);
	end = put_points(g, x, y, end, ink, &s);
	str_release(&s);
	return end - x;
}

void grid_right(struct grid *g, unsigned x, unsigned y, unsigned room,
		enum ink ink, const char *text)
{
	size_t n = text_columns(text, strlen(text));
	unsigned left = n < room ? room - (unsigned)n : 0;

	grid_put(g, x + left, y, room - left, ink, text);
}

void grid_ink(struct grid *g, unsigned x, unsigned y, unsigned room,
	      enum ink ink)
{
	unsigned end;

	if (y >= g->height || x >= g->width)
		return;
	end = end_of(g, x, room);
	for (; x < end; x++)
		g->cells[(size_t)y * g->width + x].ink = (uint8_t)ink;
}

static void add_character(struct str *out, const struct grid_cell *cell)
{
	size_t i;

	if (!cell->point)
		return;
	str_add_point(out, cell->point);
	for (i = 0; i < GRID_MARKS && cell->marks[i]; i++)
		str_add_point(out, cell->marks[i]);
}

void grid_text(const struct grid *g, struct str *out)
{
	const struct grid_cell *row;
	unsigned x, y, end;

	for (y = 0; y < g->height; y++) {
		row = g->cells + (size_t)y * g->width;
		for (end = g->width; end && row[end - 1].point == ' '; end--)
			;
		for (x = 0; x < end; x++)
			add_character(out, &row[x]);
		str_addc(out, '\n');
	}
}

void grid_inks(const struct grid *g, struct str *out)
{
	static const char letters[INKS + 1] = ".dshSCoplmcgwGi!H";
	unsigned x, y;

	for (y = 0; y < g->height; y++) {
		for (x = 0; x < g->width; x++)
			str_addc(out, letters[g->cells[y * g->width + x].ink]);
		str_addc(out, '\n');
	}
}
