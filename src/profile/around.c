/*
 * Stacks cut at a function: what it calls, or who calls it.
 */
#include <errno.h>
#include <stdlib.h>

#include "profile_priv.h"

/*
 * Turned round, stacks share little: of each that fits all frames may be new
 * ones, so that few bytes of a recording would take all memory.
 */
#define NEW_STACKS_MAX (16u << 20)

struct turning {
	struct symbols *symbols;
	const uint8_t *frames; /* which fit */
	enum around way;
	uint32_t *at;  /* of a stack: the outermost one below it that fits */
	uint32_t *new; /* of a stack: what becomes of it; 0: not known yet */
	size_t n;      /* stacks that there were before */
};

/* A parent comes before its children. */
static void find_outermost(struct turning *t)
{
	const struct stack_def *d;
	uint32_t i;

	for (i = 1; i < t->n; i++) {
		d = &t->symbols->stacks[i];
		t->at[i] = t->at[d->parent];
		if (!t->at[i] && t->frames[d->frame])
			t->at[i] = i;
	}
}

/* The frames from the one that fits to the leaf. */
static void cut(struct turning *t)
{
	struct stack_def d;
	uint32_t i, parent;

	for (i = 1; i < t->n; i++) {
		if (!t->at[i])
			continue;
		d = t->symbols->stacks[i];
		parent = t->at[i] == i ? 0 : t->new[d.parent];
		t->new[i] = symbols_stack(t->symbols, parent, d.frame);
	}
}

/* The frames from the one that fits to the root, in this order. */
static uint32_t turned(struct turning *t, uint32_t stack)
{
	uint32_t at, made = 0;

	if (t->new[stack])
		return t->new[stack];
	for (at = stack; at; at = t->symbols->stacks[at].parent)
		made = symbols_stack(t->symbols, made,
				     t->symbols->stacks[at].frame);
	t->new[stack] = made;
	return made;
}

/* Where the cells are now. False: there would be too many stacks. */
static bool move_cells(struct profile *p, struct turning *t)
{
	struct profile_cell *c;
	size_t i;

	for (i = 0; i < p->ncells; i++) {
		c = &p->cells[i];
		if (!t->at[c->stack])
			p->out_of_focus[i] = 1;
		else
			c->stack = t->way == AROUND_CALLEES
					   ? t->new[c->stack]
					   : turned(t, t->at[c->stack]);
		if (p->symbols.nstacks - t->n > NEW_STACKS_MAX)
			return false;
	}
	return true;
}

int profile_around(struct profile *p, const char *regex, enum around way,
		   struct err *err)
{
	struct turning t = {.symbols = &p->symbols, .way = way,
			    .n = p->symbols.nstacks};
	uint8_t *frames = frames_that_fit(p, regex, err);
	int ret = 0;

	if (!frames)
		return -EINVAL;
	t.frames = frames;
	t.at = xcalloc(t.n, sizeof(*t.at));
	t.new = xcalloc(t.n, sizeof(*t.new));
	find_outermost(&t);
	if (way == AROUND_CALLEES)
		cut(&t);
	if (!p->out_of_focus)
		p->out_of_focus = xcalloc(p->ncells, 1);
	if (!move_cells(p, &t))
		ret = err_set(err, -E2BIG,
			      "more than %u stacks lead to '%s'; narrow it "
			      "down, or choose a part by --focus",
			      NEW_STACKS_MAX, regex);
	free(t.at);
	free(t.new);
	free(frames);
	return ret;
}
