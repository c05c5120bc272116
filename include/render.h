/*
 * render.h - one file per output format, rows of one table. Deterministic:
 * the same profile and options give the same bytes.
 */
#ifndef PYSTROBE_RENDER_H
#define PYSTROBE_RENDER_H

#include <stddef.h>
#include <stdint.h>

#include "profile.h"

struct err;
struct str;

/* What a text, or JSON, shows of a profile. */
enum show {
	SHOW_TABLE,
	SHOW_TREE,
	SHOW_SOURCE, /* render_options.source */
	SHOW_HEADER, /* what was recorded */
};

/* A function and the file that it is in, as found. */
struct source {
	uint32_t code; /* of the profile */
	const char *text; /* whole file; NULL: not to be had */
	size_t len;
	const char *note; /* why there is no text, or what is wrong with it; "" */
	bool changed; /* since the recording began */
};

struct render_options {
	struct view view;
	enum show show;
	enum sort_key sort;  /* of rows, or of the children of a tree */
	double min_percent;  /* leaves out what has less in total */
	const char *callers, *callees; /* the regular expression; or NULL */
	const struct source *source;
	const char *title; /* NULL: made from the recording */
	uint32_t width;    /* SVG: 300 to 20000 pixels; 0: fluid, 1200 */
	uint32_t columns;  /* table: of the terminal; 0: 80 */
	uint32_t limit;    /* table: rows; 0: 25, a tree: 50, JSON: all */
	int ascii;         /* table: no characters beyond ASCII */
	bool flame;        /* SVG: the root at the bottom, not on top */
	unsigned palette;  /* SVG: as palette_by_name says; 0: the default */
};

/* Sets of colours, from 0 on. */
int palette_by_name(const char *name); /* or -EINVAL */
const char *palette_name(unsigned palette); /* NULL: there are no more */

struct renderer {
	const char *name;           /* "svg" */
	const char *const *aliases; /* "flamegraph", NULL at the end */
	const char *const *extensions; /* ".svg", NULL at the end */
	const char *about;          /* for the help */
	int bare; /* stacks only: tells neither totals nor what was lost */
	int gzipped;
	int timeline; /* needs profile->timeline */
	int shows;  /* takes `show`, `sort`, `min_percent` and view.rows */
	int labels; /* takes any label, and stacks cut by profile_around */
	/*
	 * Appends the whole output to *out. -EINVAL: an option out of range;
	 * then nothing is appended.
	 */
	int (*render)(const struct profile *p, const struct render_options *o,
		      struct str *out, struct err *err);
};

/* What "pystrobe dump" shows. */
struct dump_options {
	bool full_filenames;
	bool json;  /* one object on one line, instead of text */
	bool group; /* text: threads that do the same together */
	uint64_t wall_ns; /* JSON: when that was, since the epoch */
	/*
	 * The line of a file of the target, as the program names it, or NULL:
	 * not there. NULL itself: no lines of source. Valid until the next.
	 */
	const char *(*line)(void *lines, const char *file, uint32_t line);
	void *lines;
	/*
	 * Variable `n` of the frame that is `depth` below the innermost one of
	 * a thread; NULL: there is none. NULL itself: no variables.
	 */
	const struct variable *(*local)(void *locals, uint32_t tid,
					uint32_t depth, size_t n);
	unsigned (*locals_flaws)(void *locals, uint32_t tid);
	void *locals;
};

/*
 * Adds what each thread is doing, of a profile of a single tick of one
 * process.
 */
void render_dump(const struct profile *p, const struct dump_options *o,
		 struct str *out);

/* All of them, in the order of the help; *n rows. */
const struct renderer *renderers(size_t *n);

const struct renderer *renderer_by_name(const char *name);  /* or NULL */
/*
 * By what it ends in, the longest that is known, also with ".gz" behind it; or
 * NULL.
 */
const struct renderer *renderer_by_path(const char *path);

/* Renders for a file of this name: gzipped when that ends in ".gz". */
int render_to(const struct renderer *r, const char *path,
	      const struct profile *p, const struct render_options *o,
	      struct str *out, struct err *err);

/* ---- words, numbers and widths; independent of the locale ---- */

/* Columns of clean UTF-8 on a terminal or in a monospaced font. */
size_t text_columns(const char *s, size_t len);

/*
 * Adds a label that takes at most `columns`; one that is cut ends in `dots`.
 * Of "name (folder/file.py:42)" the folders go first, and it is not cut so
 * that just a few letters of the file stay.
 */
void text_fit(struct str *out, const char *s, size_t len, size_t columns,
	      const char *dots);
/*
 * The same for lists, where rows differ by their lines: "name (fil...:42)". If
 * `line`, rather the name is cut, too, than the line left out.
 */
void text_fit_place(struct str *out, const char *s, size_t len, size_t columns,
		    const char *dots, bool line);

void add_count(struct str *out, uint64_t n); /* 12,345 */
void add_noun(struct str *out, uint64_t n, const char *noun); /* 2 samples */
void add_fixed(struct str *out, double v, unsigned decimals); /* v >= 0 */

/* "12.34 %"; 0 of 0 is 0. */
void add_share(struct str *out, uint64_t part, uint64_t whole,
	       unsigned decimals);
/*
 * "12 %" of a whole that is not 0. Rounding makes neither none of some, nor all
 * of not quite all.
 */
void add_percent(struct str *out, uint64_t part, uint64_t whole);
void add_time(struct str *out, uint64_t ns); /* 12.3 s, 2 min 5 s */
/*
 * "100 Hz", "0.5 Hz", "1.25 kHz": the shortest number that has this period, as
 * that is what was asked for; else three digits.
 */
void add_rate(struct str *out, uint64_t period_ns);
void add_version(struct str *out, uint32_t hex); /* CPython 3.11.2 */

#endif
