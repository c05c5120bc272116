/*
 * profile_priv.h - how frames and threads are called in a view, and what
 * samples are added up with.
 */
#ifndef PYSTROBE_PROFILE_PRIV_H
#define PYSTROBE_PROFILE_PRIV_H

#include "profile.h"

#define LABEL_UNKNOWN UINT32_MAX
#define LABEL_NONE (UINT32_MAX - 1)

struct labels {
	const struct profile *profile;
	const struct view *view;
	struct intern *to;  /* where the labels go */
	const char *cwd;    /* of the first process */
	uint32_t *of_frame; /* label of each frame, or LABEL_UNKNOWN */
	uint32_t *of_state; /* the same, or LABEL_NONE */
	struct str scratch;
};

void labels_init(struct labels *l, const struct profile *p,
		 const struct view *view, struct intern *to);
void labels_release(struct labels *l);

uint32_t label_frame(struct labels *l, uint32_t frame);
/* The marker that a state puts on top of a stack, or LABEL_NONE. */
uint32_t label_state(struct labels *l, uint32_t state);
uint32_t label_thread(struct labels *l, uint32_t thread);
uint32_t label_process(struct labels *l, uint32_t process);

enum node_kind kind_of_frame(const struct profile *p, uint32_t frame);

/* Cells in the order of their threads; end[i] is where thread i's end. */
uint32_t *cells_by_thread(const struct profile *p, size_t *end);

/*
 * Which frames fit a regular expression: a byte each; NULL with a sentence
 * when it is none.
 */
uint8_t *frames_that_fit(const struct profile *p, const char *regex,
			 struct err *err);

/* ---- profile.c: what samples are added up with ---- */

#define UNSEEN UINT32_MAX

/* Our number for each number of the source; UNSEEN: not asked for yet. */
struct idmap {
	uint32_t *ids;
	size_t len, cap;
};

/* One for each table of symbols that samples come from. */
struct source {
	const struct symbols *table;
	uint32_t serial;
	struct idmap strings, codes, frames, stacks, states;
};

/* The last sample of a thread, as its source numbers it. */
struct recent {
	const struct symbols *table; /* NULL: none */
	uint32_t serial, stack, state;
	uint32_t next; /* the thread whose sample came behind it */
};

struct profile_build {
	struct source *sources;
	size_t nsources, cap_sources, source; /* source: the last used */
	uint32_t *slots; /* cells by (thread, stack, state); UNSEEN: free */
	size_t nslots;
	struct map threads; /* process and tid to the newest row */
	uint64_t *last_ns;  /* the last tick of each process; 0: none */
	uint32_t *older;   /* of each: the row of that pid before, or UNSEEN */
	struct map newest; /* pid to its newest row */
	size_t cap_older;
	size_t cap_last;
	uint32_t process; /* of the tick that is being told */
	uint64_t weight;  /* of each of its samples, in ns */
	uint64_t count;   /* how many each of them is */
	bool ticking;
	uint32_t *path; /* scratch: stacks that have no number yet */
	size_t cap_path;
	struct recent *recent; /* by thread */
	uint32_t next; /* the thread of the last sample */
	size_t nrecent, cap_recent;
};

struct source *build_source(struct profile_build *b,
			    const struct source_symbols *syms);
void build_forget(struct profile_build *b); /* all sources */
/* Each of these gives our number, or UNSEEN when the source has no such. */
uint32_t build_string(struct profile *p, struct source *s, uint32_t id);
uint32_t build_stack(struct profile *p, struct source *s, uint32_t id);
uint32_t build_state(struct profile *p, struct source *s, uint32_t id);
struct profile_cell *build_cell(struct profile *p, uint32_t thread,
				uint32_t stack, uint32_t state);
/* The present run; there must be one. */
struct profile_run *build_run(struct profile *p);
#define PROGRAM_TOLD UINT32_MAX /* as of->program: the one that runs now */

/*
 * The row of this very process and program: `of` has all but the ticks, with
 * strings of `p`. It may move the rows.
 */
uint32_t build_process(struct profile *p, const struct profile_process *of);
/* The newest row of a thread, and a new one. */
uint32_t build_thread(struct profile *p, uint32_t process, uint32_t tid);
uint32_t build_thread_add(struct profile *p, uint32_t process, uint32_t tid);

/* Makes the lists of children, sorted, of nodes that have parents only. */
void tree_link(struct tree *t);

/* ---- order.c: for qsort_r, with a struct sorting ---- */

struct sorting {
	const struct profile *p;
	const struct intern *labels;
	enum sort_key key;
	const struct tree *tree; /* of nodes */
};

int sort_rows(const void *a, const void *b, void *sorting);
int sort_parts(const void *a, const void *b, void *sorting);

/* What stands for a sample that has no frame. */
#define LABEL_NO_FRAMES "<no frames>"

#endif
