/*
 * tui.h - the live view. The screen is a pure function of a model (profiles
 * and a few facts), of what its user has chosen (struct top_state) and of the
 * size, drawn into a grid of cells; keys are a pure function from one choice to
 * the next. Batch text and JSON come from the same rows. Only terminal.c knows
 * a terminal; nothing here knows a target.
 */
#ifndef PYSTROBE_TUI_H
#define PYSTROBE_TUI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "profile.h"

/* ---- the grid ---- */

/* Colour by meaning; in monochrome these are bold, dim, reverse. */
enum ink {
	INK_PLAIN,
	INK_DIM,     /* what stands around the facts */
	INK_STRONG,  /* facts */
	INK_HEAD,    /* heads of columns */
	INK_SORTED,  /* the head of the one that rows are sorted by */
	INK_CHOSEN,  /* the row of the cursor, the view that is shown */
	INK_OWN,     /* code of the program */
	INK_PACKAGE, /* of a package, */
	INK_STDLIB,  /* of the standard library */
	INK_MARKER,  /* not code */
	INK_CPU,
	INK_GIL,     /* holds the interpreter lock */
	INK_WANTED,  /* waits for it */
	INK_GC,
	INK_IO,      /* waits for files, sockets, pipes */
	INK_WARNING, /* losses, ends, errors */
	INK_HOT,     /* much of the time */
	INKS,
};

#define GRID_MARKS 2 /* combining marks kept on one character */

struct grid_cell {
	uint32_t point; /* 0: the second half of the wide one before it */
	uint32_t marks[GRID_MARKS]; /* 0: none */
	uint8_t ink;
};

struct grid {
	unsigned width, height;
	bool ascii; /* what is not ASCII becomes '?' */
	struct grid_cell *cells;
};

void grid_init(struct grid *g, unsigned width, unsigned height, bool ascii);
void grid_release(struct grid *g);
/*
 * Puts text, of any bytes, at column x of row y into at most `room` columns;
 * cleaned, and cut with dots where it is too long. What is not seen, or joins
 * its neighbours, is left out. Returns how many columns it took. Nothing is put
 * outside of the grid.
 */
unsigned grid_put(struct grid *g, unsigned x, unsigned y, unsigned room,
		  enum ink ink, const char *text);
/* The same for what ends at column x + room. */
void grid_right(struct grid *g, unsigned x, unsigned y, unsigned room,
		enum ink ink, const char *text);
/* All of row y from x on. */
void grid_ink(struct grid *g, unsigned x, unsigned y, unsigned room,
	      enum ink ink);
/* As lines of text without blanks at their ends. */
void grid_text(const struct grid *g, struct str *out);
/* The inks as letters, '.' for INK_PLAIN, for tests. */
void grid_inks(const struct grid *g, struct str *out);

/* ---- the model ---- */

#define TOP_MINUTE 60 /* values of the sparkline, a second each */

struct top_process {
	uint32_t pid;
	double cpu;      /* of a processor, of the last interval; < 0 unknown */
	uint64_t age_ns; /* since it began */
	bool ended;      /* and counts no more once an interval is without it */
};

struct top_model {
	/* The last interval, and all since the start or a reset. */
	const struct profile *last, *all;
	const uint32_t *row_of; /* of each thread of `last`, in `all` */
	const struct top_process *processes;
	size_t nprocesses;
	uint64_t period_ns; /* wanted */
	uint64_t dropped;   /* samples that we had no room for */
	uint8_t minute[TOP_MINUTE]; /* CPU in percent, up to 100; newest last */
	unsigned nminute;
	const char *notice; /* one line, or NULL */
	const char *trouble; /* the same, of what lasts; notices go before it */
	const char *output; /* what a started program wrote, or NULL */
	const char *output_path; /* the file where that goes, or NULL */
	/*
	 * A line of a source file as it is, or NULL: not there. NULL itself:
	 * no source. Valid until the next.
	 */
	const char *(*line)(void *lines, const char *file, uint32_t line);
	void *lines;
};

/* Shares of the last interval; 1 is one thread all of the time. */
struct top_shares {
	double cpu, gil, wanted, gc, io;
};

void top_shares(const struct top_model *m, struct top_shares *out);
/* Ticks of the process that had most. */
uint64_t top_ticks(const struct profile *p);
uint64_t top_ticks_of(const struct profile *p, uint32_t pid);

/* ---- what the user has chosen ---- */

enum top_view {
	TOP_FUNCTIONS,
	TOP_LINES,
	TOP_CALLS,
	TOP_THREADS,
	TOP_PROCESSES,
	TOP_LISTS, /* those above are lists of rows */
	TOP_SOURCE = TOP_LISTS,
	TOP_OUTPUT,
	TOP_HELP,
	TOP_VIEWS,
};

/* "functions", of a list. */
const char *top_view_name(enum top_view view);

enum top_prompt { PROMPT_NONE, PROMPT_FILTER, PROMPT_EXPORT };

#define TOP_INPUT_MAX 256

#define TOP_HOTTEST UINT64_MAX /* where the hottest path ends */

struct top_state {
	enum top_view view, before; /* before: where Esc goes back to */
	struct view choice;         /* mode, idle */
	unsigned sort[TOP_LISTS];   /* column */
	bool reverse;
	/*
	 * The row of the cursor: its place, and what it is; 0: the place, or
	 * TOP_HOTTEST of the tree, where that would not be seen else.
	 */
	size_t at;
	uint64_t key;
	size_t scroll; /* first line shown of source, output and help */
	size_t column; /* the same of the output */
	bool follow;   /* source: the hottest line; output: the end */
	uint32_t pid, tid; /* only these; 0: all */
	char filter[TOP_INPUT_MAX];
	enum top_prompt prompt;
	char input[TOP_INPUT_MAX]; /* being typed */
	struct map opened; /* nodes of the tree: 1 opened, 0 closed */
	/*
	 * Of the source pane: the file, or NULL; the line to begin with, or 0:
	 * the hottest of the function that begins at `function`, 0: of all.
	 */
	char *file;
	uint32_t line, function;
	bool paused;
	uint64_t interval_ns; /* between refreshes */
	bool full_filenames;
};

#define TOP_INTERVAL_MIN 100000000u
#define TOP_INTERVAL_MAX 60000000000u

void top_state_init(struct top_state *s);
void top_state_release(struct top_state *s);

/*
 * The profile of the process and the thread that were chosen; what is not p
 * itself is *part, whose cells are to be freed.
 */
const struct profile *top_part(const struct profile *p,
			       const struct top_state *s, struct profile *part);

/* What a key asks of the caller. */
enum top_action {
	TOP_NOTHING,
	TOP_QUIT,
	TOP_RESET,
	TOP_EXPORT,  /* to the file state->input */
	TOP_SUSPEND, /* Ctrl-Z */
	TOP_REDRAW,  /* from nothing: Ctrl-L */
	TOP_INTERVAL, /* to say what it is: state->interval_ns */
};

enum top_key_code { /* beyond all characters */
	TOP_KEY_UP = 0x110000,
	TOP_KEY_DOWN,
	TOP_KEY_LEFT,
	TOP_KEY_RIGHT,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
	TOP_KEY_ENTER,
	TOP_KEY_ESCAPE,
	TOP_KEY_ERASE,
	TOP_KEY_TAB,
	TOP_KEY_BACK_TAB,
	TOP_KEY_WHEEL_UP,
	TOP_KEY_WHEEL_DOWN,
	TOP_KEY_CLICK,
	TOP_KEY_RESIZE,
	TOP_KEY_NONE,
};

struct top_key {
	uint32_t code;
	unsigned x, y; /* of the mouse */
};

/* ---- the screen ---- */

#define SCREEN_WIDTH 40u /* smaller ones show a message */
#define SCREEN_HEIGHT 10u

/* The rows of a view and where they stand. */
struct screen;

/* The model must outlive it; the state may change afterwards. */
struct screen *screen_new(const struct top_model *m, const struct top_state *s,
			  unsigned width, unsigned height);
void screen_free(struct screen *sc);
/* Into a grid of that size. */
void screen_draw(const struct screen *sc, const struct top_state *s,
		 struct grid *g);
enum top_action screen_key(const struct screen *sc, struct top_state *s,
			   const struct top_key *key);

/* ---- batch ---- */

/* A block of text with at most `limit` functions and as many threads. */
void top_text(const struct top_model *m, const struct top_state *s,
	      unsigned width, size_t limit, bool ascii, struct str *out);
/* One object on one line; at most `limit` functions. */
void top_json(const struct top_model *m, const struct top_state *s,
	      size_t limit, uint64_t wall_ns, struct str *out);

/* ---- the terminal ---- */

struct terminal_options {
	bool colour, mouse;
};

/*
 * Takes over the terminal: its other screen, single keys, the mouse. From then
 * on until terminal_close it is as it was before, too, after any signal that
 * ends us. -ENOTSUP: a terminal that is not known, with a sentence.
 */
int terminal_open(const struct terminal_options *o, struct err *err);
void terminal_close(void); /* may be called twice */
void terminal_abandon(void); /* for a signal handler, before we end by it */
void terminal_size(unsigned *width, unsigned *height);
void terminal_show(const struct grid *g);
void terminal_redraw(void); /* the next one from nothing */
int terminal_fd(void);      /* can be read when there are keys */
bool terminal_key(struct top_key *key); /* false: no more now */
/* Gives the terminal back, for Ctrl-Z, and takes it over again. */
void terminal_leave(void);
void terminal_return(void);

#endif
