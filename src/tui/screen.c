/*
 * The whole screen: what stands where, and the rows of a list.
 */
#include <stdlib.h>
#include <string.h>

#include "render.h"
#include "tui_priv.h"

/* ---- where columns stand ---- */

static void place_columns(struct screen *sc)
{
	const struct rows *r = &sc->rows;
	unsigned used = 0, left, weights = 0, x = 0, n = 0;
	const struct column *c;
	size_t i;

	for (i = 0; i < r->ncolumns; i++) {
		c = &r->columns[i];
		if (sc->width < c->from)
			continue;
		sc->places[i].width = c->width;
		used += c->width;
		weights += c->stretch;
		n++;
	}
	used += n ? n - 1 : 0;
	left = sc->width > used ? sc->width - used : 0;
	for (i = 0; i < r->ncolumns; i++) {
		c = &r->columns[i];
		if (!sc->places[i].width)
			continue;
		if (c->stretch && weights) {
			used = left * c->stretch / weights;
			sc->places[i].width += used;
			left -= used;
			weights -= c->stretch;
		}
		sc->places[i].x = x;
		x += sc->places[i].width + 1;
	}
}

/* ---- what is in view ---- */

static void make_rows(struct screen *sc, const struct top_state *s)
{
	rows_init(&sc->rows, sc->m);
	switch (s->view) {
	case TOP_FUNCTIONS:
	case TOP_LINES:
		list_functions(&sc->rows, sc->m, s);
		break;
	case TOP_CALLS:
		list_calls(&sc->rows, sc->m, s);
		break;
	case TOP_THREADS:
		list_threads(&sc->rows, sc->m, s);
		break;
	case TOP_PROCESSES:
		list_processes(&sc->rows, sc->m, s);
		break;
	default:
		break;
	}
}

/* The cursor is on what it was on, or else where it was. */
static void find_cursor(struct screen *sc, const struct top_state *s)
{
	size_t i, n = sc->rows.len;

	sc->cursor = s->at < n ? s->at : n ? n - 1 : 0;
	for (i = 0; s->key && i < n; i++)
		if (sc->rows.v[i].key == s->key ||
		    (s->key == TOP_HOTTEST && sc->rows.v[i].hottest &&
		     i >= sc->body_height))
			sc->cursor = i;
}

static void find_first(struct screen *sc, const struct top_state *s)
{
	size_t n = sc->rows.len, room = sc->body_height;

	sc->first = s->scroll;
	/* With what is beside it. */
	if (s->key == TOP_HOTTEST && sc->cursor >= room)
		sc->first = sc->cursor - room / 2;
	if (sc->first > sc->cursor)
		sc->first = sc->cursor;
	if (room && sc->cursor >= sc->first + room)
		sc->first = sc->cursor - room + 1;
	if (sc->first + room > n)
		sc->first = n > room ? n - room : 0;
}

/* Where a pane begins: at what it follows, or where it was scrolled to. */
static void find_line(struct screen *sc, const struct top_state *s)
{
	size_t room = sc->body_height, hot = 0;

	if (s->view == TOP_SOURCE && s->follow && sc->source) {
		hot = s->line ? s->line : source_hottest(sc->source);
		sc->first = hot > room / 2 ? hot - room / 2 : 0;
	} else if (s->follow && s->view == TOP_OUTPUT) {
		sc->first = sc->lines;
	} else {
		sc->first = s->scroll;
	}
	if (sc->first + room > sc->lines)
		sc->first = sc->lines > room ? sc->lines - room : 0;
}

static void make_pane(struct screen *sc, const struct top_state *s)
{
	switch (s->view) {
	case TOP_SOURCE:
		sc->source = source_new(sc->m, s);
		sc->lines = source_count(sc->source);
		break;
	case TOP_OUTPUT:
		sc->lines = sc->m->output ? text_lines(sc->m->output) : 0;
		break;
	default:
		add_help(&sc->help);
		sc->lines = text_lines(sc->help.data);
		break;
	}
	find_line(sc, s);
}

struct screen *screen_new(const struct top_model *m, const struct top_state *s,
			  unsigned width, unsigned height)
{
	struct screen *sc = xcalloc(1, sizeof(*sc));

	sc->m = m;
	sc->width = width;
	sc->height = height;
	str_init(&sc->help);
	rows_init(&sc->rows, m);
	sc->small = width < SCREEN_WIDTH || height < SCREEN_HEIGHT;
	if (sc->small)
		return sc;
	sc->bars = bars_height(height);
	sc->tabs_y = 2 + sc->bars;
	sc->head_y = sc->tabs_y + 1;
	sc->body_y = sc->head_y + 1;
	sc->body_height = height - 1 - sc->body_y;
	if (s->view == TOP_OUTPUT || s->view == TOP_HELP)
		sc->body_height++;
	if (s->view < TOP_LISTS) {
		rows_release(&sc->rows);
		make_rows(sc, s);
		find_cursor(sc, s);
		find_first(sc, s);
		place_columns(sc);
	} else {
		make_pane(sc, s);
	}
	return sc;
}

void screen_free(struct screen *sc)
{
	if (!sc)
		return;
	rows_release(&sc->rows);
	source_free(sc->source);
	str_release(&sc->help);
	free(sc);
}

/* ---- drawing a list ---- */

static bool is_text(const struct column *c)
{
	return c->kind == COLUMN_TEXT || c->kind == COLUMN_TREE;
}

static void draw_head(const struct screen *sc, const struct top_state *s,
		      struct grid *g)
{
	const struct column *c;
	const struct place *p;
	enum ink ink;
	size_t i;

	grid_ink(g, 0, sc->head_y, g->width, INK_HEAD);
	for (i = 0; i < sc->rows.ncolumns; i++) {
		c = &sc->rows.columns[i];
		p = &sc->places[i];
		ink = s->sort[s->view] == i ? INK_SORTED : INK_HEAD;
		if (is_text(c))
			grid_put(g, p->x, sc->head_y, p->width, ink, c->head);
		else
			grid_right(g, p->x, sc->head_y, p->width, ink, c->head);
	}
}

/* The deepest are not pushed out at the right. */
static unsigned draw_fold(struct grid *g, unsigned x, unsigned y,
			  unsigned width, const struct row *row)
{
	static const char *const utf8[] = {" ", "\xe2\x96\xb8", "\xe2\x96\xbe"};
	static const char *const ascii[] = {" ", "+", "-"};
	unsigned indent = row->indent;

	if (indent > width / 2)
		indent = width / 2;
	grid_put(g, x + indent, y, 1, INK_STRONG,
		 g->ascii ? ascii[row->fold] : utf8[row->fold]);
	return indent + 2;
}

static enum ink ink_of_cell(const struct screen *sc, const struct row *row,
			    const struct column *c)
{
	if (is_text(c))
		return c->value < 2 ? (enum ink)row->ink : INK_PLAIN;
	if (!row->n[c->value])
		return INK_DIM;
	if (c->kind == COLUMN_SHARE &&
	    row->n[c->value] * 4 >= sc->rows.ticks)
		return INK_HOT;
	return INK_PLAIN;
}

static void draw_row(const struct screen *sc, struct grid *g, unsigned y,
		     const struct row *row)
{
	const struct column *c;
	const struct place *p;
	unsigned indent;
	struct str text;
	size_t i;

	str_init(&text);
	for (i = 0; i < sc->rows.ncolumns; i++) {
		c = &sc->rows.columns[i];
		p = &sc->places[i];
		if (!p->width)
			continue;
		str_clear(&text);
		add_cell(&text, &sc->rows, row, c);
		indent = c->kind == COLUMN_TREE
				 ? draw_fold(g, p->x, y, p->width, row)
				 : 0;
		if (is_text(c))
			grid_put(g, p->x + indent, y, p->width - indent,
				 ink_of_cell(sc, row, c), text.data);
		else
			grid_right(g, p->x, y, p->width,
				   ink_of_cell(sc, row, c), text.data);
	}
	str_release(&text);
}

static const char *why_empty(const struct screen *sc,
			     const struct top_state *s)
{
	if (*s->filter)
		return "no row has that text; Esc ends the filter";
	if (!sc->m->all->samples)
		return "no samples yet";
	if (s->view == TOP_THREADS || s->view == TOP_PROCESSES)
		return "no thread was seen in the last interval";
	return s->choice.mode == MODE_DEFAULT
		       ? "all samples are idle ones; i shows them"
		       : "no sample is of this mode; d goes back";
}

void screen_list(const struct screen *sc, const struct top_state *s,
		 struct grid *g)
{
	unsigned y;
	size_t i;

	draw_head(sc, s, g);
	if (!sc->rows.len)
		grid_put(g, 2, sc->body_y, g->width, INK_WARNING,
			 why_empty(sc, s));
	for (y = 0; y < sc->body_height; y++) {
		i = sc->first + y;
		if (i >= sc->rows.len)
			break;
		draw_row(sc, g, sc->body_y + y, &sc->rows.v[i]);
		if (i == sc->cursor)
			grid_ink(g, 0, sc->body_y + y, g->width, INK_CHOSEN);
	}
}

static void draw_small(const struct screen *sc, struct grid *g)
{
	struct str s;

	str_init(&s);
	str_addf(&s, "too small: %ux%u of %ux%u", sc->width, sc->height,
		 SCREEN_WIDTH, SCREEN_HEIGHT);
	grid_put(g, 0, 0, g->width, INK_WARNING, s.data);
	str_release(&s);
}

void screen_draw(const struct screen *sc, const struct top_state *s,
		 struct grid *g)
{
	if (sc->small) {
		draw_small(sc, g);
		return;
	}
	draw_header(sc, s, g);
	draw_tabs(sc, s, g);
	if (s->view < TOP_LISTS)
		screen_list(sc, s, g);
	else if (s->view == TOP_SOURCE)
		draw_source(sc, s, g);
	else if (s->view == TOP_HELP)
		draw_text(sc, sc->help.data, 0, g);
	else
		draw_output(sc, s, g);
	draw_footer(sc, s, g);
}
