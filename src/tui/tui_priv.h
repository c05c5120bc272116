/*
 * tui_priv.h - rows, which all lists are made of, and the parts of the screen.
 */
#ifndef PYSTROBE_TUI_PRIV_H
#define PYSTROBE_TUI_PRIV_H

#include "tui.h"

/* ---- rows.c ---- */

enum column_kind {
	COLUMN_SHARE, /* of the ticks of the last interval, in percent */
	COLUMN_TIME,  /* ticks since the start, as time */
	COLUMN_COUNT,
	COLUMN_TEXT,
	COLUMN_TREE,  /* text with what the row's depth and fold ask for */
};

struct column {
	const char *head;
	uint8_t kind, value; /* value: index into n or text of a row */
	uint8_t width;       /* the least, of texts */
	uint8_t stretch;     /* its part of the room that is left */
	uint8_t from;        /* columns that the screen must have for it */
};

#define COLUMNS_MAX 8
#define ROW_NUMBERS 6
#define ROW_TEXTS 4

enum fold { FOLD_LEAF, FOLD_CLOSED, FOLD_OPEN };

struct row {
	uint64_t key; /* the same for the same thing at the next refresh */
	uint64_t n[ROW_NUMBERS];
	uint32_t text[ROW_TEXTS]; /* strings of rows->texts */
	uint8_t ink, fold;
	uint32_t depth, indent;
	bool hottest; /* the end of the hottest path */
	const char *file; /* of the profile, or NULL */
	uint32_t line;
	uint32_t pid, tid;
};

struct rows {
	const struct column *columns;
	size_t ncolumns;
	struct row *v;
	size_t len, cap;
	struct intern texts;
	uint64_t ticks;  /* of the last interval */
	double tick_ns;  /* between two, since the start */
};

void rows_init(struct rows *r, const struct top_model *m);
void rows_release(struct rows *r);
struct row *rows_add(struct rows *r, const char *text);
const char *row_text(const struct rows *r, const struct row *row, size_t i);
/* Most first, texts by the alphabet; `reverse` turns that round. */
void rows_sort(struct rows *r, unsigned column, bool reverse);
/* Whether one of its texts has this in it, whatever the case; "" is. */
bool row_matches(const struct rows *r, const struct row *row,
		 const char *filter);
bool text_has(const char *text, const char *part);
void rows_filter(struct rows *r, const char *filter);
void add_cell(struct str *out, const struct rows *r, const struct row *row,
	      const struct column *c);
enum ink ink_of_kind(enum node_kind kind);

/* Thread `i` of the last interval, as `all` has it: with its name. */
const struct profile_thread *named_thread(const struct top_model *m, size_t i);
const char *process_text(const struct profile *p, uint32_t pid);

/* ---- one file for each view ---- */

void list_functions(struct rows *r, const struct top_model *m,
		    const struct top_state *s);
void list_calls(struct rows *r, const struct top_model *m,
		const struct top_state *s);
void list_threads(struct rows *r, const struct top_model *m,
		  const struct top_state *s);
void list_processes(struct rows *r, const struct top_model *m,
		    const struct top_state *s);
/* What a thread was doing: "running", "runnable", "waiting", ... */
const char *doing(const struct state_def *def);

/* ---- screen.c ---- */

struct place {
	unsigned x, width;
};

struct screen {
	const struct top_model *m;
	unsigned width, height;
	bool small;       /* too small: a message is all */
	struct rows rows; /* of a list */
	size_t cursor, first; /* rows; or lines: `first` of `lines` */
	size_t lines;     /* of a pane */
	unsigned bars;    /* rows that the bars take */
	unsigned tabs_y, head_y, body_y, body_height;
	struct place places[COLUMNS_MAX]; /* of columns; width 0: not shown */
	struct source_lines *source;
	struct str help;
};

/* The head and the rows of a list, where sc has them. */
void screen_list(const struct screen *sc, const struct top_state *s,
		 struct grid *g);

/* ---- header.c ---- */

unsigned bars_height(unsigned height);
void draw_header(const struct screen *sc, const struct top_state *s,
		 struct grid *g);
void draw_tabs(const struct screen *sc, const struct top_state *s,
	       struct grid *g);
void draw_footer(const struct screen *sc, const struct top_state *s,
		 struct grid *g);
/* The view whose name stands there, or TOP_VIEWS. */
enum top_view tab_at(const struct screen *sc, const struct top_state *s,
		     unsigned x);
/*
 * The facts of the header, as lines; also for batch. Where there is no room
 * for all, losses come first.
 */
void add_facts(struct str *out, const struct top_model *m,
	       const struct top_state *s, unsigned room, const char *bar);
void add_subject(struct str *out, const struct top_model *m);

/* ---- source.c, panes.c ---- */

struct source_lines *source_new(const struct top_model *m,
				const struct top_state *s);
void source_free(struct source_lines *l);
size_t source_count(const struct source_lines *l);
uint32_t source_hottest(const struct source_lines *l); /* 0: none */
void draw_source(const struct screen *sc, const struct top_state *s,
		 struct grid *g);

size_t text_lines(const char *text);
/*
 * From that column on, as a terminal would show it, but for what moves from line
 * to line.
 */
void draw_text(const struct screen *sc, const char *text, size_t column,
	       struct grid *g);
/* What a started program wrote, or where that goes. */
void draw_output(const struct screen *sc, const struct top_state *s,
		 struct grid *g);
void add_help(struct str *out);

#endif
