/*
 * render_priv.h - words, numbers and widths that the formats share. All of it
 * is independent of the locale.
 */
#ifndef PYSTROBE_RENDER_PRIV_H
#define PYSTROBE_RENDER_PRIV_H

#include "base.h"
#include "render.h"

int render_table(const struct profile *p, const struct render_options *o,
		 struct str *out, struct err *err);
int render_svg(const struct profile *p, const struct render_options *o,
	       struct str *out, struct err *err);
int render_collapsed(const struct profile *p, const struct render_options *o,
		     struct str *out, struct err *err);

int render_speedscope(const struct profile *p, const struct render_options *o,
		      struct str *out, struct err *err);
int render_pprof(const struct profile *p, const struct render_options *o,
		 struct str *out, struct err *err);
int render_firefox(const struct profile *p, const struct render_options *o,
		   struct str *out, struct err *err);
int render_trace(const struct profile *p, const struct render_options *o,
		 struct str *out, struct err *err);

/* -E2BIG when it is more than 2 GiB. */
int add_gzip(struct str *out, const struct str *data, struct err *err);

int render_json(const struct profile *p, const struct render_options *o,
		struct str *out, struct err *err);

/* ---- page.c: lines of text for a terminal ---- */

/* A text lists so many threads, if it is not told how many rows. */
#define THREADS_LISTED 40u

struct marks {
	const char *bar;  /* between facts */
	const char *dots; /* where a label is cut */
	const char *full, *rest;
	const char *part[8]; /* eighths of a column, from the left */
	const char *branch, *last, *pass; /* of a tree, two columns each */
	const char *hot;  /* one column */
};

struct page {
	struct str *out;
	const struct marks *marks;
	size_t columns;
	bool ascii;
	bool numbers, bars, self; /* columns that there are */
	bool lines;     /* rows differ by their lines */
	uint64_t whole; /* samples that are 100 % */
	size_t number;  /* columns of a count */
	struct str scratch; /* the text at hand; each page_ call empties it */
};

/* `whole` samples are 100 %. */
void page_init(struct page *g, const struct render_options *o, uint64_t whole,
	       struct str *out);
void page_release(struct page *g);
/* The scratch text in a field of `width` columns. */
void page_put(struct page *g, size_t width, bool right);
void page_line(struct page *g); /* as a line of its own, cut to fit */
void page_cut(struct page *g, size_t room); /* ends a line; cut to `room` */
void page_facts(struct page *g); /* as many lines as it needs */
/*
 * How many bytes of some facts are a line of `room` columns: whole facts, or
 * a part of one as its commas divide it; *next is what follows, or NULL. More
 * than fit where nothing divides them.
 */
size_t page_fits(const struct page *g, const char *s, size_t room,
		 const char **next);
/* What every text begins with: who was sampled, for how long, how well. */
void page_header(struct page *g, const struct profile *p,
		 const struct render_options *o);
/* The columns of numbers, and above them what they are. */
void page_heading(struct page *g, const char *what);
void page_numbers(struct page *g, uint64_t self, uint64_t total);
/* One with no self of its own: a thread, a rest. */
void page_total(struct page *g, uint64_t total);
void page_blank(struct page *g); /* none at all */
size_t page_used(const struct page *g); /* columns before the label */
/*
 * The scratch text as the last one of a line with numbers. Its first `lead`
 * bytes, for which there must be room, stand before the label.
 */
void page_label(struct page *g, size_t lead);
/* The same of "NAME (thread 12)", of which rather the name is cut. */
void page_owner(struct page *g);
void page_nothing(struct page *g, const struct profile *p,
		  const struct render_options *o);

/* `n` rows were left out, `below` of them by min_percent; self: theirs. */
struct rest {
	uint64_t n, below, self;
};

void page_rest(struct page *g, const struct rest *rest, const char *noun,
	       const struct render_options *o);

bool below_minimum(const struct render_options *o, uint64_t total,
		   uint64_t whole);
/* What a row of the view is: "line", "function", "file". */
const char *noun_of_rows(const struct view *view);

/* ---- what a page shows ---- */

void page_table(const struct profile *p, const struct render_options *o,
		struct str *out);
void page_tree(const struct profile *p, const struct render_options *o,
	       struct str *out);
void page_source(const struct profile *p, const struct render_options *o,
		 struct str *out);
void page_recording(const struct profile *p, const struct render_options *o,
		    struct str *out);

/* ---- branches.c: which nodes of a tree are shown ---- */

struct branches {
	uint8_t *shown; /* by node; a shown one's parent is shown */
	uint8_t *hot;   /* on the path of the most samples */
	uint32_t *hidden; /* by node: children that are not shown */
	uint64_t *hidden_total; /* and their samples */
	struct rest rest;
};

/*
 * The `limit` nodes of the most samples, without those below the minimum, but
 * first of all the hot path. The others are taken out of the lists of
 * children.
 */
void branches_choose(struct branches *b, struct tree *t,
		     const struct render_options *o, size_t limit);
void branches_release(struct branches *b);

/* ---- listing.c: a function in its file ---- */

struct listing {
	const char **starts; /* of its lines, and of what is behind the last */
	size_t n, cap;
	uint32_t first, last; /* lines of the function */
	size_t indentation;   /* of the first one */
	bool past_end; /* there were samples behind the end of the file */
};

void listing_find(struct listing *l, const struct profile *p,
		  const struct source *source, const struct code_lines *lines);
void listing_release(struct listing *l);
/* A line without its end; "" where there is none. */
const char *listing_line(const struct listing *l, uint32_t line, size_t *len);
/*
 * Adds a line of source: clean, tabs as blanks, none at the end, and `less`
 * columns of blanks fewer at the beginning.
 */
void add_source(struct str *out, const char *text, size_t len, size_t less);

void add_plain(struct str *out, double v); /* 0.5, 12: 3 decimals at most */
void add_thousandths(struct str *out, uint64_t n); /* 12.345 of 12345 */
void add_member(struct str *out, const char *key, const char *text); /* JSON */

/* ---- facts.c: what every report says about the run ---- */

/*
 * How many processes before this one have the same id: those of other hosts,
 * or of another time.
 */
uint32_t namesakes(const struct profile *p, uint32_t process);

/* Of each of p->processes; to be freed. */
uint64_t *process_samples(const struct profile *p);

void add_title(struct str *out, const struct profile *p,
	       const struct render_options *o);

/* "pid 12 | CPython 3.11.2 | 3 threads", `bar` between them. */
void add_target(struct str *out, const struct profile *p, const char *bar);

/*
 * "4,500 of 4,812 samples | 48.1 s | 99.8 % of 100 Hz | 312 idle left out |
 * 5 partial (moving 5) | 12 lost (read 12)"
 */
void add_run(struct str *out, const struct profile *p, const struct view *view,
	     const char *bar);

/* "99.8 %" of the ticks that were due */
void add_achieved(struct str *out, uint64_t ticks, uint64_t missed);
uint64_t run_started(const struct profile_run *run);  /* ns since the epoch */
uint64_t run_duration(const struct profile_run *run); /* ns */
/*
 * "all samples: 62 % on CPU, 38 % waiting (12 % for the GIL), 1 % stopped |
 * 3 % in GC";
 * nothing when the recording does not know.
 */
void add_states(struct str *out, const struct profile *p, const char *bar);

/* ---- cells.c: the drawing of the tree ---- */

#define SVG_WIDTH 1200u
#define SVG_WIDTH_MIN 300u
#define SVG_WIDTH_MAX 20000u
#define SVG_PAD 16u   /* left and right of the cells */
#define SVG_HEAD 92u  /* above them */
#define SVG_FOOT 16u  /* below them */
#define SVG_ROW 18u   /* of one level, the gap included */
#define SVG_MIN 0.1   /* narrowest cell drawn, in pixels */

/* More cells than this make a browser slow: then the narrowest one grows. */
#define SVG_CELLS_MAX 40000u

/* What was drawn. */
struct drawn {
	uint32_t levels; /* with hidden cells */
	uint64_t cells, hidden; /* nodes of the tree */
	uint32_t kinds;         /* bit of each enum node_kind */
	double min;             /* pixels */
};

/* Adds one <g> for each cell, parents first. */
void draw_cells(struct str *out, const struct tree *t,
		const struct render_options *o, uint32_t width,
		struct drawn *drawn);

/* ---- colour.c ---- */

/* 0xrrggbb from the name alone: the same function looks the same anywhere. */
uint32_t colour_of(unsigned palette, enum node_kind kind, const char *label,
		   size_t len);
uint32_t colour_of_kind(unsigned palette, enum node_kind kind); /* legend */

#endif
