/*
 * A source file with the share of each line: of the samples in which it is
 * somewhere on the stack.
 */
#include <stdlib.h>
#include <string.h>

#include "render.h"
#include "tui_priv.h"

struct line_count {
	uint32_t line;
	uint64_t last, all; /* samples with it on the stack */
	size_t seen;        /* the cell that counted it last, plus 1 */
	bool wanted;        /* of the function that was opened */
};

struct source_lines {
	struct line_count *v;
	size_t len, cap;
	struct map index; /* of a line */
	uint32_t count;   /* lines of the file; 0: it cannot be read */
	uint64_t ticks;   /* of the last interval */
	uint64_t samples; /* in the view, since the start */
};

static struct line_count *line_at(struct source_lines *l, uint32_t line)
{
	uint32_t i = map_get(&l->index, line);

	if (i == MAP_NONE) {
		i = (uint32_t)l->len++;
		map_put(&l->index, line, i);
		l->v = grow(l->v, &l->cap, l->len, sizeof(*l->v));
		l->v[i] = (struct line_count){.line = line};
	}
	return &l->v[i];
}

/* Which codes are of the file: a byte each. */
static uint8_t *codes_of(const struct profile *p, const char *file)
{
	uint8_t *of = xcalloc(p->symbols.ncodes + 1, 1);
	size_t i;

	for (i = 0; i < p->symbols.ncodes; i++)
		of[i] = !strcmp(symbols_text(&p->symbols,
					     p->symbols.codes[i].file), file);
	return of;
}

static bool is_wanted(const struct profile *p, const struct frame_def *f,
		      const struct top_state *s)
{
	return !s->function || p->symbols.codes[f->code].first == s->function;
}

static void count_lines(struct source_lines *l, const struct profile *p,
			const struct top_state *s, bool last)
{
	const struct symbols *y = &p->symbols;
	uint8_t *of = codes_of(p, s->file);
	const struct frame_def *f;
	struct line_count *at;
	uint32_t stack;
	size_t i;

	for (i = 0; i < l->len; i++)
		l->v[i].seen = 0;
	for (i = 0; i < p->ncells; i++) {
		if (!cell_in_view(p, &s->choice, &p->cells[i]))
			continue;
		if (!last)
			l->samples += p->cells[i].count;
		for (stack = p->cells[i].stack; stack;
		     stack = y->stacks[stack].parent) {
			f = &y->frames[y->stacks[stack].frame];
			if (!of[f->code] || !f->line || f->flags & FRAME_MARKER)
				continue;
			at = line_at(l, f->line);
			if (at->seen == i + 1)
				continue;
			at->seen = i + 1;
			at->wanted |= is_wanted(p, f, s);
			at->last += last ? p->cells[i].count : 0;
			at->all += last ? 0 : p->cells[i].count;
		}
	}
	free(of);
}

static bool has_line(const struct top_model *m, const char *file, uint32_t n)
{
	return m->line && m->line(m->lines, file, n);
}

/* How many lines the file has: doubled first, then halved. */
static uint32_t count_of(const struct top_model *m, const char *file)
{
	uint32_t from = 0, to = 64, middle;

	if (!has_line(m, file, 1))
		return 0;
	while (to < 1u << 24 && has_line(m, file, to)) {
		from = to;
		to *= 2;
	}
	while (from + 1 < to) {
		middle = from + (to - from) / 2;
		if (has_line(m, file, middle))
			from = middle;
		else
			to = middle;
	}
	return from ? from : 1;
}

struct source_lines *source_new(const struct top_model *m,
				const struct top_state *s)
{
	struct source_lines *l = xcalloc(1, sizeof(*l));
	struct profile part;

	map_init(&l->index);
	l->ticks = top_ticks(m->last);
	if (!s->file)
		return l;
	count_lines(l, top_part(m->all, s, &part), s, false);
	free(part.cells);
	count_lines(l, top_part(m->last, s, &part), s, true);
	free(part.cells);
	l->count = count_of(m, s->file);
	return l;
}

void source_free(struct source_lines *l)
{
	if (!l)
		return;
	map_release(&l->index);
	free(l->v);
	free(l);
}

size_t source_count(const struct source_lines *l)
{
	return l->count ? l->count : l->len;
}

uint32_t source_hottest(const struct source_lines *l)
{
	uint64_t most = 0;
	uint32_t line = 0;
	size_t i;

	for (i = 0; i < l->len; i++) {
		if (!l->v[i].wanted || l->v[i].all < most ||
		    (l->v[i].all == most && l->v[i].line <= line))
			continue;
		most = l->v[i].all;
		line = l->v[i].line;
	}
	return line;
}

static void put_share(struct grid *g, unsigned x, unsigned y, uint64_t n,
		      uint64_t whole)
{
	double share = whole ? (double)n / (double)whole : 0;
	struct str s;

	if (!n)
		return;
	str_init(&s);
	add_fixed(&s, 100 * share, 1);
	grid_right(g, x, y, 6, share >= 0.1 ? INK_HOT : INK_STRONG, s.data);
	str_release(&s);
}

static void draw_line(const struct screen *sc, const struct top_state *s,
		      struct grid *g, unsigned y, uint32_t line)
{
	const struct source_lines *l = sc->source;
	uint32_t i = map_get(&l->index, line);
	const char *text = NULL;
	struct str number;

	if (i != MAP_NONE) {
		put_share(g, 0, y, l->v[i].last, l->ticks);
		put_share(g, 7, y, l->v[i].all, l->samples);
	}
	str_init(&number);
	str_addf(&number, "%u", line);
	grid_right(g, 14, y, 6, line == s->line ? INK_STRONG : INK_DIM,
		   number.data);
	str_release(&number);
	if (sc->m->line)
		text = sc->m->line(sc->m->lines, s->file, line);
	/* A tab is four columns here: what matters is what is below what. */
	if (text) {
		struct str s2;

		str_init(&s2);
		for (; *text; text++)
			str_adds(&s2, *text == '\t' ? "    "
						    : (char[2]){*text, 0});
		grid_put(g, 22, y, g->width - 22,
			 i == MAP_NONE ? INK_PLAIN : INK_OWN, s2.data);
		str_release(&s2);
	}
}

static int by_line(const void *a, const void *b)
{
	const struct line_count *x = a, *y = b;

	return x->line == y->line ? 0 : x->line < y->line ? -1 : 1;
}

void draw_source(const struct screen *sc, const struct top_state *s,
		 struct grid *g)
{
	struct source_lines *l = sc->source;
	unsigned y;
	size_t n;

	grid_ink(g, 0, sc->head_y, g->width, INK_HEAD);
	grid_put(g, 0, sc->head_y, g->width, INK_HEAD, " now %  all %   line");
	grid_put(g, 22, sc->head_y, g->width - 22, INK_HEAD,
		 s->file ? s->file : "no file: choose a row, then Enter");
	grid_ink(g, 0, sc->head_y, g->width, INK_HEAD);
	if (s->file && !l->count)
		grid_put(g, 22, sc->body_y, g->width - 22, INK_WARNING,
			 "the file cannot be read; lines that were seen:");
	/* Without the file only those that were seen. */
	if (!l->count && l->len)
		qsort(l->v, l->len, sizeof(*l->v), by_line);
	for (n = 0; !l->count && n < l->len; n++)
		map_put(&l->index, l->v[n].line, (uint32_t)n);
	for (y = !l->count; y < sc->body_height; y++) {
		n = sc->first + y;
		if (l->count && n < l->count)
			draw_line(sc, s, g, sc->body_y + y, (uint32_t)n + 1);
		else if (!l->count && n - 1 < l->len)
			draw_line(sc, s, g, sc->body_y + y, l->v[n - 1].line);
	}
}
