/*
 * Numbers for strings, codes, frames, stacks and states.
 */
#include <stdlib.h>
#include <string.h>

#include "profile.h"

void symbols_init(struct symbols *s)
{
	memset(s, 0, sizeof(*s));
	intern_init(&s->strings);
	/* Stack 0 is the empty one. */
	s->stacks = grow(s->stacks, &s->cap_stacks, 1, sizeof(*s->stacks));
	s->stacks[0] = (struct stack_def){0, 0, 0};
	s->nstacks = 1;
	intern_init(&s->code_keys);
	map_init(&s->frame_ids);
	map_init(&s->state_ids);
}

void symbols_release(struct symbols *s)
{
	intern_release(&s->strings);
	intern_release(&s->code_keys);
	free(s->stack_slots);
	map_release(&s->frame_ids);
	map_release(&s->state_ids);
	free(s->codes);
	free(s->frames);
	free(s->stacks);
	free(s->states);
	memset(s, 0, sizeof(*s));
}

void symbols_clear(struct symbols *s)
{
	symbols_release(s);
	symbols_init(s);
}

uint32_t symbols_string(struct symbols *s, const char *text, size_t len)
{
	return intern_add(&s->strings, text, len);
}

const char *symbols_text(const struct symbols *s, uint32_t string)
{
	return intern_text(&s->strings, string, NULL);
}

uint32_t symbols_code(struct symbols *s, const struct code_def *def)
{
	uint32_t key[3] = {def->name, def->file, def->first};
	/* Id 0 of an intern table is the empty string. */
	uint32_t id = intern_add(&s->code_keys, key, sizeof(key)) - 1;

	if (id == s->ncodes) {
		s->codes = grow(s->codes, &s->cap_codes, s->ncodes + 1,
				sizeof(*s->codes));
		s->codes[s->ncodes++] = *def;
	}
	return id;
}

/*
 * 31 bits each for the code and the line, 2 for the flags. Codes cannot get
 * there: their definitions would fill 100 GB.
 */
static uint64_t frame_key(const struct frame_def *def)
{
	return (uint64_t)def->code << 33 | (uint64_t)(def->flags & 3) << 31 |
	       (def->line & 0x7fffffffu);
}

uint32_t symbols_frame(struct symbols *s, const struct frame_def *def)
{
	uint64_t key = frame_key(def);
	uint32_t id = map_get(&s->frame_ids, key);

	if (id != MAP_NONE)
		return id;
	s->frames = grow(s->frames, &s->cap_frames, s->nframes + 1,
			 sizeof(*s->frames));
	s->frames[s->nframes] = *def;
	map_put(&s->frame_ids, key, (uint32_t)s->nframes);
	return (uint32_t)s->nframes++;
}

/* Where a stack of this parent and frame is, or belongs. */
static uint32_t *stack_slot(const struct symbols *s, uint32_t parent,
			    uint32_t frame)
{
	size_t mask = s->nstack_slots - 1;
	size_t i = hash_u64((uint64_t)parent << 32 | frame) & mask;
	const struct stack_def *d;

	for (; s->stack_slots[i]; i = (i + 1) & mask) {
		d = &s->stacks[s->stack_slots[i]];
		if (d->parent == parent && d->frame == frame)
			break;
	}
	return &s->stack_slots[i];
}

static void more_stack_slots(struct symbols *s)
{
	size_t i;

	free(s->stack_slots);
	s->nstack_slots = s->nstack_slots ? 2 * s->nstack_slots : 64;
	s->stack_slots = xcalloc(s->nstack_slots, sizeof(*s->stack_slots));
	for (i = 1; i < s->nstacks; i++)
		*stack_slot(s, s->stacks[i].parent, s->stacks[i].frame) =
			(uint32_t)i;
}

uint32_t symbols_stack(struct symbols *s, uint32_t parent, uint32_t frame)
{
	uint32_t *slot;

	if (2 * s->nstacks >= s->nstack_slots)
		more_stack_slots(s);
	slot = stack_slot(s, parent, frame);
	if (*slot)
		return *slot;
	*slot = (uint32_t)s->nstacks;
	s->stacks = grow(s->stacks, &s->cap_stacks, s->nstacks + 1,
			 sizeof(*s->stacks));
	s->stacks[s->nstacks] = (struct stack_def){
		.parent = parent,
		.frame = frame,
		.depth = s->stacks[parent].depth + 1,
	};
	return (uint32_t)s->nstacks++;
}

/* run < 8, gil < 4, flags < 2^8; a wait string takes the upper half. */
static uint64_t state_key(const struct state_def *def)
{
	return (uint64_t)def->wait << 32 | (uint64_t)(def->flags & 0xff) << 8 |
	       (uint64_t)(def->gil & 0xf) << 4 | (def->run & 0xf);
}

uint32_t symbols_state(struct symbols *s, const struct state_def *def)
{
	uint64_t key = state_key(def);
	uint32_t id = map_get(&s->state_ids, key);

	if (id != MAP_NONE)
		return id;
	s->states = grow(s->states, &s->cap_states, s->nstates + 1,
			 sizeof(*s->states));
	s->states[s->nstates] = *def;
	map_put(&s->state_ids, key, (uint32_t)s->nstates);
	return (uint32_t)s->nstates++;
}

size_t symbols_bytes(const struct symbols *s)
{
	return intern_bytes(&s->strings) + intern_bytes(&s->code_keys) +
	       s->cap_codes * sizeof(*s->codes) +
	       s->cap_frames * sizeof(*s->frames) +
	       s->cap_stacks * sizeof(*s->stacks) +
	       s->cap_states * sizeof(*s->states) +
	       s->nstack_slots * sizeof(*s->stack_slots) +
	       (s->frame_ids.cap + s->state_ids.cap) * 16;
}
