/*
 * profile_priv.h - how frames and threads are called in a view.
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

/* One of the cells of the profile: whether the view shows its samples. */
bool cell_in_view(const struct profile *p, const struct view *view,
		  const struct profile_cell *cell);

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
