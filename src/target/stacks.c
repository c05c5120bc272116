/*
 * Numbers for stacks: what the walker found becomes symbols.
 */
#include <string.h>

#include "target_priv.h"

/* The number of a code object; walker and symbols each have their own. */
static uint32_t code_id(struct target *t, uint32_t info)
{
	const struct walk_code *c = walker_code(t->walker, info);
	struct code_number *n;
	struct code_def def;
	size_t old = t->ncodes;

	if (info >= old) {
		t->codes = grow(t->codes, &t->ncodes, info + 1,
				sizeof(*t->codes));
		memset(t->codes + old, 0,
		       (t->ncodes - old) * sizeof(*t->codes));
	}
	/* Serials of the walker start at 1. */
	n = &t->codes[info];
	if (n->serial == c->serial)
		return n->code;
	def.name = symbols_string(&t->symbols, c->name, strlen(c->name));
	def.file = symbols_string(&t->symbols, c->file, strlen(c->file));
	def.first = c->first > 0 ? (uint32_t)c->first : 0;
	n->code = symbols_code(&t->symbols, &def);
	n->serial = c->serial;
	return n->code;
}

static uint32_t push_frame(struct target *t, uint32_t parent,
			   const struct walk_frame *f)
{
	int line = walker_line(t->walker, f);
	struct frame_def def = {
		.code = code_id(t, f->info),
		.line = line > 0 ? (uint32_t)line : 0,
		.flags = f->entry ? FRAME_ENTRY : 0,
	};

	return symbols_stack(&t->symbols, parent,
			     symbols_frame(&t->symbols, &def));
}

/* The frame on top of a stack of which the inner part is not known. */
static uint32_t push_marker(struct target *t, uint32_t parent,
			    enum loss loss)
{
	const char *name = loss_marker(loss);
	struct code_def code = {.first = 0};
	struct frame_def def = {.flags = FRAME_MARKER};

	if (t->marker_table != t->source.serial)
		memset(t->markers, 0, sizeof(t->markers));
	t->marker_table = t->source.serial;
	if (!t->markers[loss]) {
		code.name = symbols_string(&t->symbols, name, strlen(name));
		code.file = symbols_string(&t->symbols, "", 0);
		def.code = symbols_code(&t->symbols, &code);
		t->markers[loss] = symbols_frame(&t->symbols, &def) + 1;
	}
	return symbols_stack(&t->symbols, parent, t->markers[loss] - 1);
}

/* What a loop does again and again: the same leaf, at a few positions. */
static uint32_t push_leaf(struct target *t, struct known *k,
			  const struct walk_frame *f)
{
	struct leaf_number *n = &k->leaves[(uint32_t)f->at / 2 % LEAVES];

	if (!n->serial || n->serial != f->serial || n->at != f->at ||
	    n->entry != f->entry || n->parent != k->parent)
		*n = (struct leaf_number){
			.serial = f->serial,
			.at = f->at,
			.entry = f->entry,
			.parent = k->parent,
			.stack = push_frame(t, k->parent, f)};
	return n->stack;
}

static void number_stack(struct target *t, struct known *k,
			 const struct walk_thread *w)
{
	size_t n = w->depth;
	bool callers = k->stack_table == t->source.serial &&
		       k->tstate == w->tstate && k->callers == w->callers;

	if (k->stack_table != t->source.serial)
		memset(k->leaves, 0, sizeof(k->leaves));
	if (!callers) {
		k->parent = 0;
		while (n > 1)
			k->parent = push_frame(t, k->parent, &w->frames[--n]);
	}
	k->stack = push_leaf(t, k, &w->frames[0]);
	k->stack_table = t->source.serial;
	k->tstate = w->tstate;
	k->callers = w->callers;
	k->serial = w->serial;
}

uint32_t stack_of(struct target *t, struct known *k,
		  const struct walk_thread *w)
{
	if (!w->depth)
		return 0;
	if (k->stack_table != t->source.serial || k->tstate != w->tstate ||
	    k->serial != w->serial)
		number_stack(t, k, w);
	return w->loss ? push_marker(t, k->stack, w->loss) : k->stack;
}
