/*
 * Numbers of the chain become numbers of our symbols, which all chains of the
 * file share: equal stacks keep equal numbers.
 */
#include "reader_priv.h"

/* Whoever wrote it: what leaves here is clean text. */
static uint32_t resolve_text(struct symbols *s, const struct text *text,
			     struct str *clean)
{
	str_clear(clean);
	str_add_clean(clean, text->p, text->len);
	return symbols_string(s, clean->data, clean->len);
}

static void resolve_codes(struct chain *c, struct symbols *s)
{
	struct code_def def;
	struct rcode *code;

	for (; c->tcodes.resolved < c->tcodes.len; c->tcodes.resolved++) {
		code = &c->codes[c->tcodes.resolved];
		def.name = c->strings[code->name].id;
		def.file = c->strings[code->file].id;
		def.first = code->first;
		code->id = symbols_code(s, &def);
	}
}

static void resolve_frames(struct chain *c, struct symbols *s)
{
	struct frame_def def;
	struct rframe *frame;

	for (; c->tframes.resolved < c->tframes.len; c->tframes.resolved++) {
		frame = &c->frames[c->tframes.resolved];
		def.code = c->codes[frame->code].id;
		def.line = frame->line;
		def.flags = frame->flags;
		frame->id = symbols_frame(s, &def);
	}
}

static void resolve_stacks(struct chain *c, struct symbols *s)
{
	struct rstack *stack;

	for (; c->tstacks.resolved < c->tstacks.len; c->tstacks.resolved++) {
		stack = &c->stacks[c->tstacks.resolved];
		stack->id = symbols_stack(s, c->stacks[stack->caller].id,
					  c->frames[stack->frame].id);
	}
}

static void resolve_states(struct chain *c, struct symbols *s,
			   struct str *clean)
{
	struct state_def def;
	struct rstate *state;

	for (; c->tstates.resolved < c->tstates.len; c->tstates.resolved++) {
		state = &c->states[c->tstates.resolved];
		def.run = (uint8_t)state->run;
		def.gil = (uint8_t)state->gil;
		def.flags = state->flags;
		def.wait = resolve_text(s, &state->wait, clean);
		state->id = symbols_state(s, &def);
	}
}

void chain_resolve(struct chain *c, struct symbols *s, struct str *clean)
{
	struct table *t = &c->tstrings;

	for (; t->resolved < t->len; t->resolved++)
		c->strings[t->resolved].id = resolve_text(
			s, &c->strings[t->resolved].text, clean);
	resolve_codes(c, s);
	resolve_frames(c, s);
	resolve_stacks(c, s);
	resolve_states(c, s, clean);
}
