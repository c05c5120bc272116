/*
 * world.h - structures of an interpreter, made up, and the plan that leads through
 * them: for a child that has them at the same addresses.
 */
#ifndef PYSTROBE_TESTS_WORLD_H
#define PYSTROBE_TESTS_WORLD_H

#include <stddef.h>
#include <stdint.h>

#include "remote.h"

#define LONG 100 /* frames */
#define NOWHERE 16u /* below all that can be mapped */

struct tstate {
	uint64_t skipped, number;
	raddr head, base, exc;
	uint32_t status, beyond;
};

struct frame {
	uint64_t number;
	raddr previous, code;
	uint32_t position, beyond;
};

struct code {
	uint64_t other[2];
	uint64_t mark;
	raddr names;
};

struct item {
	raddr previous, value;
};

#define STATE_FROM offsetof(struct tstate, number)
#define STATE_LEN (offsetof(struct tstate, beyond) - STATE_FROM)
#define FRAME_LEN offsetof(struct frame, beyond)

struct world {
	struct tstate tstate;
	struct frame frames[LONG];
	struct code codes[LONG];
	uint64_t names[LONG][2];
	struct item items[2];
	uint64_t cframe[2], facts[2], none, raised;
};

/* The address that something of ours has in a child, too. */
raddr addr_of(const void *p);
/* A chain of `n` frames. */
void world_make(struct world *w, size_t n);
struct interrupt_plan plan_of(const struct world *w);
/* The head, the code and half of the mark are each behind something. */
void plan_behind(struct interrupt_plan *p);

#endif
