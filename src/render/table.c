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

#define LIMIT 25u
#define COLUMNS_BAR 70u /* below this the label needs the room more */

struct tabling {
	const struct flat *flat;
	const struct render_options *options;
	struct page page;
	const char *noun;
};

static void set_label(struct tabling *t, uint32_t label)
{
	size_t len;
	const char *text = intern_text(&t->flat->labels, label, &len);

	str_add(&t->page.scratch, text, len);
}

/* A thread of its own: what it has of all, then its rows. */
static void put_part(struct tabling *t, const struct flat_part *part)
{
	const struct render_options *o = t->options;
	size_t limit = o->limit ? o->limit : LIMIT, shown = 0, i;
	const struct flat_row *row;
	struct rest rest = {0};

	if (o->view.threads) {
		str_addc(t->page.out, '\n');
		page_total(&t->page, part->samples);
		set_label(t, part->label);
		page_owner(&t->page);
	}
	for (i = part->first; i < part->first + part->len; i++) {
		row = &t->flat->rows[i];
		if (below_minimum(o, row->total, t->flat->samples))
			rest.below++;
		else if (shown < limit) {
			shown++;
			page_numbers(&t->page, row->self, row->total);
			set_label(t, row->label);
			if (o->view.rows == ROWS_FRAMES)
				page_label(&t->page, 0);
			else
				page_owner(&t->page);
			continue;
		}
		rest.n++;
		rest.self += row->self;
	}
	page_rest(&t->page, &rest, t->noun, o);
}

/* What is left out, as below the minimum or one too many, is said. */
static void put_parts(struct tabling *t)
{
	uint32_t limit = t->options->limit;
	const struct flat *f = t->flat;
	struct rest rest = {0};
	size_t shown = 0, i;

	if (limit < THREADS_LISTED)
		limit = THREADS_LISTED;
	for (i = 0; i < f->nparts; i++) {
		if (below_minimum(t->options, f->parts[i].samples,
				  f->samples)) {
			rest.below++;
		} else if (shown < limit) {
			shown++;
			put_part(t, &f->parts[i]);
			continue;
		}
		rest.n++;
		rest.self += f->parts[i].samples;
	}
	if (rest.n)
		str_addc(t->page.out, '\n');
	page_rest(&t->page, &rest, "thread", t->options);
}

void page_table(const struct profile *p, const struct render_options *o,
		struct str *out)
{
	struct flat *flat = flat_build(p, &o->view, o->sort);
	struct tabling t = {.flat = flat, .options = o,
			    .noun = noun_of_rows(&o->view)};

	page_init(&t.page, o, flat->samples, out);
	t.page.bars = t.page.columns >= COLUMNS_BAR;
	page_header(&t.page, p, o);
	if (flat->len)
		page_heading(&t.page, t.noun);
	else
		page_nothing(&t.page, p, o);
	put_parts(&t);
	page_release(&t.page);
	flat_free(flat);
}

int render_table(const struct profile *p, const struct render_options *o,
		 struct str *out, struct err *err)
{
	static void (*const pages[])(const struct profile *p,
				     const struct render_options *o,
				     struct str *out) = {
		[SHOW_TABLE] = page_table,
		[SHOW_TREE] = page_tree,
		[SHOW_SOURCE] = page_source,
		[SHOW_HEADER] = page_recording,
	};

	(void)err;
	pages[o->show](p, o, out);
	return 0;
}
