/*
 * The report on a terminal:
 *
 *   python3 app.py
 *   pid 4711 | CPython 3.11.2 | 3 threads
 *   4,500 of 4,812 samples | 48.1 s | 100 % of 100 Hz | 312 idle left out
 *   all samples: 94 % on CPU, 6 % waiting (2 % for the GIL)
 *
 *   self %  total %   self  total            function
 *     34.2     56.1  1,646  2,701  #####---  parse (app.py:42)
 */
#include <string.h>

#include "render_priv.h"

#define COLUMNS 80u
#define COLUMNS_MIN 30u
#define LIMIT 25u
#define BAR 8u /* columns */
#define NUMBER_MIN 6u
#define SELF_SHARE 6u  /* "self %" */
#define TOTAL_SHARE 9u /* "  total %" */

/* Below these widths the label needs the room more. */
#define COLUMNS_BAR 70u
#define COLUMNS_NUMBERS 50u

struct marks {
	const char *bar;  /* between facts */
	const char *dots; /* where a label is cut */
	const char *full, *rest;
	const char *part[8]; /* eighths of a column, from the left */
};

static const struct marks utf8_marks = {
	.bar = " \xc2\xb7 ",
	.dots = "\xe2\x80\xa6",
	.full = "\xe2\x96\x88",
	.rest = "\xe2\x96\x91",
	.part = {"", "\xe2\x96\x8f", "\xe2\x96\x8e", "\xe2\x96\x8d",
		 "\xe2\x96\x8c", "\xe2\x96\x8b", "\xe2\x96\x8a",
		 "\xe2\x96\x89"},
};

static const struct marks ascii_marks = {
	.bar = " | ",
	.dots = "...",
	.full = "#",
	.rest = "-",
	.part = {"", "", "", "", "#", "#", "#", "#"},
};

struct tabling {
	const struct flat *flat;
	const struct marks *marks;
	struct str *out;
	size_t columns;
	size_t number; /* columns of a count */
	bool bars, numbers, ascii;
	struct str scratch;
};

/* Adds the scratch text and empties it. */
static void put(struct tabling *t, size_t width, bool right)
{
	size_t n = text_columns(t->scratch.data, t->scratch.len);

	if (right)
		for (; n < width; n++)
			str_addc(t->out, ' ');
	str_add(t->out, t->scratch.data, t->scratch.len);
	if (!right)
		for (; n < width; n++)
			str_addc(t->out, ' ');
	str_clear(&t->scratch);
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

/* A line of its own that fits, from the scratch text. */
static void put_line(struct tabling *t)
{
	struct str line = t->scratch;

	str_init(&t->scratch);
	if (t->ascii)
		to_ascii(&line);
	text_fit(&t->scratch, line.data, line.len, t->columns, t->marks->dots);
	put(t, 0, false);
	str_addc(t->out, '\n');
	str_release(&line);
}

/* Facts go on as many lines as they need, broken between two of them. */
static void put_facts(struct tabling *t)
{
	const char *bar = t->marks->bar, *from, *next, *fits;
	size_t step = strlen(bar);
	struct str all = t->scratch;

	str_init(&t->scratch);
	for (from = all.data; from; from = fits ? fits + step : NULL) {
		fits = NULL;
		for (next = strstr(from, bar); next;
		     next = strstr(next + step, bar)) {
			if (text_columns(from, (size_t)(next - from)) >
				    t->columns &&
			    fits)
				break;
			fits = next;
		}
		if (!next && text_columns(from, strlen(from)) <= t->columns)
			fits = NULL;
		str_add(&t->scratch, from,
			fits ? (size_t)(fits - from) : strlen(from));
		put_line(t);
	}
	str_release(&all);
}

static void put_header(struct tabling *t, const struct profile *p,
		       const struct render_options *o)
{
	add_title(&t->scratch, p, o);
	put_line(t);
	add_target(&t->scratch, p, t->marks->bar);
	put_facts(t);
	add_run(&t->scratch, p, &o->view, t->marks->bar);
	put_facts(t);
	add_states(&t->scratch, p, t->marks->bar);
	if (t->scratch.len)
		put_facts(t);
	str_addc(t->out, '\n');
}

/* Self is solid; what the callees add is light. */
static void put_bar(struct tabling *t, const struct flat_row *row)
{
	double whole = t->flat->samples ? (double)t->flat->samples : 1.0;
	unsigned self = (unsigned)(8.0 * BAR * (double)row->self / whole);
	unsigned total = (unsigned)(8.0 * BAR * (double)row->total / whole);
	unsigned i = self / 8;

	while (text_columns(t->scratch.data, t->scratch.len) < i)
		str_adds(&t->scratch, t->marks->full);
	str_adds(&t->scratch, t->marks->part[self % 8]);
	i = (unsigned)text_columns(t->scratch.data, t->scratch.len);
	for (; i < (total + 4) / 8; i++)
		str_adds(&t->scratch, t->marks->rest);
	str_adds(t->out, "  ");
	put(t, BAR, false);
}

static void put_share(struct tabling *t, uint64_t part, size_t width)
{
	double whole = t->flat->samples ? (double)t->flat->samples : 1.0;

	add_fixed(&t->scratch, 100.0 * (double)part / whole, 1);
	put(t, width, true);
}

static void put_number(struct tabling *t, uint64_t n)
{
	add_count(&t->scratch, n);
	put(t, t->number, true);
}

static size_t label_room(const struct tabling *t)
{
	size_t used = SELF_SHARE + TOTAL_SHARE + 2;

	if (t->numbers)
		used += 2 * (t->number + 1);
	if (t->bars)
		used += BAR + 2;
	return t->columns - used;
}

static void put_label(struct tabling *t, const char *label, size_t len)
{
	struct str text;

	str_init(&text);
	str_add(&text, label, len);
	if (t->ascii)
		to_ascii(&text);
	str_adds(t->out, "  ");
	text_fit(t->out, text.data, text.len, label_room(t), t->marks->dots);
	str_addc(t->out, '\n');
	str_release(&text);
}

static void put_row(struct tabling *t, const struct flat_row *row)
{
	const char *label;
	size_t len;

	put_share(t, row->self, SELF_SHARE);
	put_share(t, row->total, TOTAL_SHARE);
	if (t->numbers) {
		str_addc(t->out, ' ');
		put_number(t, row->self);
		str_addc(t->out, ' ');
		put_number(t, row->total);
	}
	if (t->bars)
		put_bar(t, row);
	label = intern_text(&t->flat->labels, row->label, &len);
	put_label(t, label, len);
}

static void put_heading(struct tabling *t, enum frame_label label)
{
	const char *what = label == LABEL_LINE ? "line" : "function";

	str_adds(&t->scratch, "self %");
	put(t, SELF_SHARE, true);
	str_adds(&t->scratch, "total %");
	put(t, TOTAL_SHARE, true);
	if (t->numbers) {
		str_addc(t->out, ' ');
		str_adds(&t->scratch, "self");
		put(t, t->number, true);
		str_addc(t->out, ' ');
		str_adds(&t->scratch, "total");
		put(t, t->number, true);
	}
	if (t->bars)
		put(t, BAR + 2, false);
	str_addf(t->out, "  %s\n", what);
}

/* What the limit leaves out is said, not hidden. */
static void put_rest(struct tabling *t, size_t from, enum frame_label label)
{
	uint64_t self = 0;
	size_t i;

	for (i = from; i < t->flat->len; i++)
		self += t->flat->rows[i].self;
	put_share(t, self, SELF_SHARE);
	str_adds(&t->scratch, "  self in ");
	add_noun(&t->scratch, t->flat->len - from,
		 label == LABEL_LINE ? "more line" : "more function");
	put_line(t);
}

static void put_nothing(struct tabling *t, const struct profile *p,
			const struct view *view)
{
	const char *missing = view_missing(p, view);

	str_adds(&t->scratch, "no samples to show");
	if (missing)
		str_addf(&t->scratch, ": %s was not recorded", missing);
	put_line(t);
}

static void set_columns(struct tabling *t, const struct render_options *o)
{
	size_t columns = o->columns ? o->columns : COLUMNS;

	t->columns = columns < COLUMNS_MIN ? COLUMNS_MIN : columns;
	t->numbers = t->columns >= COLUMNS_NUMBERS;
	t->bars = t->columns >= COLUMNS_BAR;
	add_count(&t->scratch, t->flat->samples);
	t->number = t->scratch.len;
	if (t->number < NUMBER_MIN)
		t->number = NUMBER_MIN;
	str_clear(&t->scratch);
}

int render_table(const struct profile *p, const struct render_options *o,
		 struct str *out, struct err *err)
{
	struct flat *flat = flat_build(p, &o->view, SORT_SELF);
	struct tabling t = {.flat = flat, .out = out, .ascii = o->ascii};
	size_t limit = o->limit ? o->limit : LIMIT, i;

	(void)err;
	str_init(&t.scratch);
	t.marks = o->ascii ? &ascii_marks : &utf8_marks;
	set_columns(&t, o);
	put_header(&t, p, o);
	if (flat->len)
		put_heading(&t, o->view.label);
	else
		put_nothing(&t, p, &o->view);
	for (i = 0; i < flat->len && i < limit; i++)
		put_row(&t, &flat->rows[i]);
	if (i < flat->len)
		put_rest(&t, i, o->view.label);
	str_release(&t.scratch);
	flat_free(flat);
	return 0;
}
