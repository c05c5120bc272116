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

/* ---- text.c ---- */

/* Columns of clean UTF-8 on a terminal or in a monospaced font. */
size_t text_columns(const char *s, size_t len);

/*
 * Adds a label that takes at most `columns`; one that is cut ends in `dots`.
 * Of "name (folder/file.py:42)" the folders go first, and it is not cut so
 * that just a few letters of the file stay.
 */
void text_fit(struct str *out, const char *s, size_t len, size_t columns,
	      const char *dots);

void add_count(struct str *out, uint64_t n); /* 12,345 */
void add_noun(struct str *out, uint64_t n, const char *noun); /* 2 samples */
void add_fixed(struct str *out, double v, unsigned decimals); /* v >= 0 */

/* "12.34 %"; 0 of 0 is 0. */
void add_share(struct str *out, uint64_t part, uint64_t whole,
	       unsigned decimals);
void add_time(struct str *out, uint64_t ns); /* 12.3 s, 2 min 5 s */
void add_thousandths(struct str *out, uint64_t n); /* 12.345 of 12345 */
void add_member(struct str *out, const char *key, const char *text); /* JSON */

/* ---- facts.c: what every report says about the run ---- */

/*
 * How many processes before this one have the same id: those of other hosts,
 * or of another time.
 */
uint32_t namesakes(const struct profile *p, uint32_t process);

void add_title(struct str *out, const struct profile *p,
	       const struct render_options *o);

void add_version(struct str *out, uint32_t hex); /* CPython 3.11.2 */

/* "pid 12 | CPython 3.11.2 | 3 threads", `bar` between them. */
void add_target(struct str *out, const struct profile *p, const char *bar);

/*
 * "4,500 of 4,812 samples | 48.1 s | 99.8 % of 100 Hz | 312 idle left out |
 * 5 partial (moving 5) | 12 lost (read 12)"
 */
void add_run(struct str *out, const struct profile *p, const struct view *view,
	     const char *bar);

/*
 * "all samples: 62 % on CPU, 38 % waiting (12 % for the GIL) | 3 % in GC";
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
