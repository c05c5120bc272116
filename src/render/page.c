/*
 * What the texts for a terminal have in common: lines that fit, the head, and
 * columns of numbers.
 */
#include <string.h>

#include "render_priv.h"

#define COLUMNS 80u
#define COLUMNS_MIN 30u
#define BAR 8u /* columns */
#define NUMBER_MIN 6u
#define SELF_SHARE 6u  /* "self %" */
#define TOTAL_SHARE 9u /* "  total %" */

#define OWNER_MIN 8u   /* columns of a name whose id is not cut */

/* Below this width the label needs the room more. */
#define COLUMNS_NUMBERS 50u

static const struct marks utf8_marks = {
	.bar = " \xc2\xb7 ",
	.dots = "\xe2\x80\xa6",
	.full = "\xe2\x96\x88",
	.rest = "\xe2\x96\x91",
	.part = {"", "\xe2\x96\x8f", "\xe2\x96\x8e", "\xe2\x96\x8d",
		 "\xe2\x96\x8c", "\xe2\x96\x8b", "\xe2\x96\x8a",
		 "\xe2\x96\x89"},
	.branch = "\xe2\x94\x9c ",
	.last = "\xe2\x94\x94 ",
	.pass = "\xe2\x94\x82 ",
	.hot = "\xe2\x96\xb8",
};

static const struct marks ascii_marks = {
	.bar = " | ",
	.dots = "...",
	.full = "#",
	.rest = "-",
	.part = {"", "", "", "", "#", "#", "#", "#"},
	.branch = "+ ",
	.last = "` ",
	.pass = "| ",
	.hot = ">",
};

void page_init(struct page *g, const struct render_options *o, uint64_t whole,
	       struct str *out)
{
	size_t columns = o->columns ? o->columns : COLUMNS;

	memset(g, 0, sizeof(*g));
	str_init(&g->scratch);
	g->out = out;
	g->ascii = o->ascii;
	g->marks = o->ascii ? &ascii_marks : &utf8_marks;
	g->columns = columns < COLUMNS_MIN ? COLUMNS_MIN : columns;
	g->numbers = g->columns >= COLUMNS_NUMBERS;
	g->self = true;
	g->lines = o->view.label == LABEL_LINE;
	g->whole = whole;
	add_count(&g->scratch, whole);
	g->number = g->scratch.len;
	if (g->number < NUMBER_MIN)
		g->number = NUMBER_MIN;
	str_clear(&g->scratch);
}

void page_release(struct page *g)
{
	str_release(&g->scratch);
}

void page_put(struct page *g, size_t width, bool right)
{
	size_t n = text_columns(g->scratch.data, g->scratch.len);

	if (right)
		for (; n < width; n++)
			str_addc(g->out, ' ');
	str_add(g->out, g->scratch.data, g->scratch.len);
	if (!right)
		for (; n < width; n++)
			str_addc(g->out, ' ');
	str_clear(&g->scratch);
}

/* A character that is not ASCII is one '?'. */
static void to_ascii(struct str *s)
{
	size_t i, n = 0;

	for (i = 0; i < s->len; i++)
		if ((s->data[i] & 0xc0) != 0x80)
			s->data[n++] = s->data[i] & 0x80 ? '?' : s->data[i];
	s->len = n;
	if (s->cap)
		s->data[n] = '\0';
}

/* `lead` bytes of the line are no part of the label, and are kept. */
static void cut(struct page *g, size_t room, size_t lead, bool label)
{
	struct str line = g->scratch;

	str_init(&g->scratch);
	if (g->ascii)
		to_ascii(&line);
	str_add(g->out, line.data, lead);
	room -= text_columns(line.data, lead);
	if (label)
		text_fit_place(g->out, line.data + lead, line.len - lead, room,
			       g->marks->dots, g->lines);
	else
		text_fit(g->out, line.data, line.len, room, g->marks->dots);
	str_addc(g->out, '\n');
	str_release(&line);
}

void page_cut(struct page *g, size_t room)
{
	cut(g, room, 0, false);
}

void page_line(struct page *g)
{
	page_cut(g, g->columns);
}

size_t page_fits(const struct page *g, const char *s, size_t room,
		 const char **next)
{
	const char *bar = g->marks->bar, *at;
	size_t step = strlen(bar), fits = 0;

	*next = NULL;
	if (text_columns(s, strlen(s)) <= room)
		return strlen(s);
	for (at = strstr(s, bar);
	     at && text_columns(s, (size_t)(at - s)) <= room;
	     at = strstr(*next, bar)) {
		fits = (size_t)(at - s);
		*next = at + step;
	}
	for (at = fits ? NULL : strstr(s, ", ");
	     at && text_columns(s, (size_t)(at + 1 - s)) <= room;
	     at = strstr(*next, ", ")) {
		fits = (size_t)(at + 1 - s);
		*next = at + 2;
	}
	if (fits)
		return fits;
	at = strstr(s, bar);
	*next = at ? at + step : NULL;
	return at ? (size_t)(at - s) : strlen(s);
}

void page_facts(struct page *g)
{
	struct str all = g->scratch;
	const char *from, *next;
	size_t len;

	str_init(&g->scratch);
	for (from = all.data; from; from = next) {
		len = page_fits(g, from, g->columns, &next);
		str_add(&g->scratch, from, len);
		page_line(g);
	}
	str_release(&all);
}

void page_header(struct page *g, const struct profile *p,
		 const struct render_options *o)
{
	add_title(&g->scratch, p, o);
	page_line(g);
	add_target(&g->scratch, p, g->marks->bar);
	page_facts(g);
	add_run(&g->scratch, p, &o->view, g->marks->bar);
	page_facts(g);
	add_states(&g->scratch, p, g->marks->bar);
	if (g->scratch.len)
		page_facts(g);
	if (o->callers || o->callees) {
		str_adds(&g->scratch, o->callers ? "callers of '"
						 : "callees of '");
		str_adds_clean(&g->scratch, o->callers ? o->callers
						       : o->callees);
		str_addc(&g->scratch, '\'');
		page_line(g);
	}
	str_addc(g->out, '\n');
}

void page_heading(struct page *g, const char *what)
{
	if (g->self) {
		str_adds(&g->scratch, "self %");
		page_put(g, SELF_SHARE, true);
	}
	str_adds(&g->scratch, "total %");
	page_put(g, TOTAL_SHARE, true);
	if (g->numbers && g->self) {
		str_addc(g->out, ' ');
		str_adds(&g->scratch, "self");
		page_put(g, g->number, true);
	}
	if (g->numbers) {
		str_addc(g->out, ' ');
		str_adds(&g->scratch, "total");
		page_put(g, g->number, true);
	}
	if (g->bars)
		page_put(g, BAR + 2, false);
	str_addf(g->out, "  %s\n", what);
}

static void put_share(struct page *g, uint64_t part, size_t width)
{
	double whole = g->whole ? (double)g->whole : 1.0;

	add_fixed(&g->scratch, 100.0 * (double)part / whole, 1);
	page_put(g, width, true);
}

/* Self is solid; what the callees add is light. */
static void put_bar(struct page *g, uint64_t row_self, uint64_t row_total)
{
	double whole = g->whole ? (double)g->whole : 1.0;
	unsigned self = (unsigned)(8.0 * BAR * (double)row_self / whole);
	unsigned total = (unsigned)(8.0 * BAR * (double)row_total / whole);
	unsigned i = self / 8;

	while (text_columns(g->scratch.data, g->scratch.len) < i)
		str_adds(&g->scratch, g->marks->full);
	str_adds(&g->scratch, g->marks->part[self % 8]);
	i = (unsigned)text_columns(g->scratch.data, g->scratch.len);
	for (; i < (total + 4) / 8; i++)
		str_adds(&g->scratch, g->marks->rest);
	str_adds(g->out, "  ");
	page_put(g, BAR, false);
}

static void put_number(struct page *g, bool there, uint64_t n)
{
	str_addc(g->out, ' ');
	if (there)
		add_count(&g->scratch, n);
	page_put(g, g->number, true);
}

static void put_numbers(struct page *g, bool self_too, uint64_t self,
			uint64_t total)
{
	if (g->self && self_too)
		put_share(g, self, SELF_SHARE);
	else if (g->self)
		page_put(g, SELF_SHARE, true);
	put_share(g, total, TOTAL_SHARE);
	if (g->numbers && g->self)
		put_number(g, self_too, self);
	if (g->numbers)
		put_number(g, true, total);
	if (g->bars && self_too)
		put_bar(g, self, total);
	else if (g->bars)
		page_put(g, BAR + 2, false);
}

void page_numbers(struct page *g, uint64_t self, uint64_t total)
{
	put_numbers(g, true, self, total);
}

void page_total(struct page *g, uint64_t total)
{
	put_numbers(g, false, 0, total);
}

size_t page_used(const struct page *g)
{
	size_t used = TOTAL_SHARE + 2;

	if (g->self)
		used += SELF_SHARE;
	if (g->numbers)
		used += (g->self ? 2 : 1) * (g->number + 1);
	if (g->bars)
		used += BAR + 2;
	return used;
}

void page_blank(struct page *g)
{
	page_put(g, page_used(g) - 2, true);
}

void page_label(struct page *g, size_t lead)
{
	str_adds(g->out, "  ");
	cut(g, g->columns - page_used(g), lead, true);
}

/* "/usr/bin/python3 app.py": the folders say least. */
static void drop_folders(struct page *g)
{
	const char *s = g->scratch.data, *rest;
	struct str kept;
	size_t base = strcspn(s, " ");

	if (*s != '/')
		return;
	while (s[base - 1] != '/')
		base--;
	rest = s + base - 1;
	if (rest - s <= (ptrdiff_t)text_columns(g->marks->dots,
						strlen(g->marks->dots)))
		return;
	str_init(&kept);
	str_adds(&kept, g->marks->dots);
	str_adds(&kept, rest);
	str_release(&g->scratch);
	g->scratch = kept;
}

void page_owner(struct page *g)
{
	const char *at = g->scratch.data, *tail = NULL;
	size_t room = g->columns - page_used(g), keep;
	struct str id;

	while ((at = strstr(at, " (")))
		tail = at++;
	keep = tail ? text_columns(tail, strlen(tail)) : 0;
	if (!tail || keep + OWNER_MIN > room) {
		page_label(g, 0);
		return;
	}
	str_init(&id);
	str_adds(&id, tail);
	str_adds(g->out, "  ");
	g->scratch.len = (size_t)(tail - g->scratch.data);
	g->scratch.data[g->scratch.len] = '\0';
	if (text_columns(g->scratch.data, g->scratch.len) > room - keep)
		drop_folders(g);
	page_cut(g, room - keep);
	g->out->len--; /* the end of the line */
	str_add(g->out, id.data, id.len);
	str_addc(g->out, '\n');
	str_release(&id);
}

void page_nothing(struct page *g, const struct profile *p,
		  const struct render_options *o)
{
	const char *missing = view_missing(p, &o->view);

	str_adds(&g->scratch, "no samples to show");
	if (missing)
		str_addf(&g->scratch, ": %s was not recorded", missing);
	page_line(g);
}

/* "self in 10 more functions, 3 of them below 0.5 %" */
void page_rest(struct page *g, const struct rest *rest, const char *noun,
	       const struct render_options *o)
{
	if (!rest->n)
		return;
	put_share(g, rest->self, SELF_SHARE);
	str_adds(&g->scratch, "  self in ");
	add_count(&g->scratch, rest->n);
	str_addf(&g->scratch, " more %s%s", noun, rest->n == 1 ? "" :
		 !strcmp(noun, "process") ? "es" : "s");
	if (rest->below && rest->below < rest->n) {
		str_adds(&g->scratch, ", ");
		add_count(&g->scratch, rest->below);
		str_adds(&g->scratch, " of them");
	}
	if (rest->below) {
		str_adds(&g->scratch, " below ");
		add_plain(&g->scratch, o->min_percent);
		str_adds(&g->scratch, " %");
	}
	page_line(g);
}

bool below_minimum(const struct render_options *o, uint64_t total,
		   uint64_t whole)
{
	return 100.0 * (double)total < o->min_percent * (double)whole;
}

const char *noun_of_rows(const struct view *view)
{
	static const char *const nouns[] = {
		[LABEL_LINE] = "line",     [LABEL_FUNCTION] = "function",
		[LABEL_NOLINE] = "function", [LABEL_FILE] = "file",
		[LABEL_MODULE] = "module",
	};

	if (view->rows == ROWS_THREADS)
		return "thread";
	return view->rows == ROWS_PROCESSES ? "process" : nouns[view->label];
}
