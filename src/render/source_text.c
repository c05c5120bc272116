/*
 * A function, line by line, beside its source:
 *
 *   self %  total %   self  total
 *                                  54  def count(self, text):
 *     16.2     24.5     47     71  55      for match in WORD.finditer(text):
 */
#include <stdlib.h>
#include <string.h>

#include "render_priv.h"

#define QUIET 12u   /* lines without a sample in a row: more are cut */
#define CONTEXT 4u  /* and this many of them stay on each side */

struct annotating {
	const struct code_lines *lines;
	struct listing listing;
	struct page page;
	size_t at; /* next row of lines */
	size_t digits;
	bool cut; /* lines as wide as the page */
};

/* Whole, but for the reader of a terminal. */
static void put_rest_of_line(struct annotating *a)
{
	if (a->cut) {
		page_label(&a->page, 0);
		return;
	}
	str_adds(a->page.out, "  ");
	page_cut(&a->page, SIZE_MAX);
}

static void put_line(struct annotating *a, uint32_t line)
{
	const struct code_lines *l = a->lines;
	const struct code_line *row = NULL;
	const char *text;
	size_t len;

	if (a->at < l->len && l->rows[a->at].line == line)
		row = &l->rows[a->at++];
	if (row)
		page_numbers(&a->page, row->self, row->total);
	else
		page_blank(&a->page);
	text = listing_line(&a->listing, line, &len);
	str_addf(&a->page.scratch, len ? "%*u  " : "%*u", (int)a->digits, line);
	add_source(&a->page.scratch, text, len, a->listing.indentation);
	put_rest_of_line(a);
}

/* What has no sample, up to the line `until`: all of it, or its ends. */
static void put_quiet(struct annotating *a, uint32_t from, uint32_t until,
		      bool first, bool last)
{
	uint32_t n = until - from, head = first ? 1 : CONTEXT;
	uint32_t tail = last ? 0 : CONTEXT, i;

	if (n <= QUIET)
		head = n, tail = 0;
	for (i = 0; i < head; i++)
		put_line(a, from + i);
	if (head + tail < n) {
		page_blank(&a->page);
		str_addf(&a->page.scratch, "%*s  (%u lines)", (int)a->digits,
			 "", n - head - tail);
		page_label(&a->page, 0);
	}
	for (i = 0; i < tail; i++)
		put_line(a, until - tail + i);
}

static void put_lines(struct annotating *a)
{
	uint32_t line = a->listing.first, end = a->listing.last, next;

	str_addf(&a->page.scratch, "%u", end);
	a->digits = a->page.scratch.len;
	str_clear(&a->page.scratch);
	page_heading(&a->page, "source");
	while (a->at < a->lines->len && !a->lines->rows[a->at].line) {
		page_numbers(&a->page, a->lines->rows[a->at].self,
			     a->lines->rows[a->at].total);
		str_adds(&a->page.scratch, "(line not known)");
		page_label(&a->page, 0);
		a->at++;
	}
	while (line <= end) {
		next = a->at < a->lines->len ? a->lines->rows[a->at].line
					     : end + 1;
		if (next > line)
			put_quiet(a, line, next, line == a->listing.first,
				  next > end);
		if (next <= end)
			put_line(a, next);
		line = next + 1;
	}
}

/* "Library.count (demo.py:54): 16.2 % self, 24.5 % total" and notes. */
static void put_about(struct annotating *a, const struct profile *p,
		      const struct render_options *o)
{
	const struct code_def *c = &p->symbols.codes[o->source->code];
	struct page *g = &a->page;
	const char *note = o->source->note;

	str_adds_clean(&g->scratch, symbols_text(&p->symbols, c->name));
	str_addf(&g->scratch, ": ");
	add_share(&g->scratch, a->lines->self, a->lines->samples, 1);
	str_adds(&g->scratch, " self, ");
	add_share(&g->scratch, a->lines->total, a->lines->samples, 1);
	str_adds(&g->scratch, " total");
	page_line(g);
	str_adds_clean(&g->scratch, symbols_text(&p->symbols, c->file));
	str_addf(&g->scratch, ":%u", c->first);
	page_line(g);
	if (note && *note) {
		str_adds_clean(&g->scratch, note);
		page_line(g);
	}
	if (a->listing.past_end) {
		str_adds(&g->scratch, "the file ends before the last line "
			 "that had samples: it is another one now");
		page_line(g);
	}
	str_addc(g->out, '\n');
}

void page_source(const struct profile *p, const struct render_options *o,
		 struct str *out)
{
	struct code_lines *lines = lines_build(p, &o->view, o->source->code);
	struct annotating a = {.lines = lines, .cut = o->columns};

	page_init(&a.page, o, lines->samples, out);
	listing_find(&a.listing, p, o->source, lines);
	page_header(&a.page, p, o);
	put_about(&a, p, o);
	put_lines(&a);
	page_release(&a.page);
	listing_release(&a.listing);
	lines_free(lines);
}
