#include <string.h>

#include "tests/lib/world.h"

raddr addr_of(const void *p)
{
	return (raddr)(uintptr_t)p;
}

void world_make(struct world *w, size_t n)
{
	size_t i;

	memset(w, 0, sizeof(*w));
	for (i = 0; i < LONG; i++) {
		w->names[i][1] = 0x7777777740000000 + i;
		w->codes[i].mark = 0x1122334455660000 + i;
		w->codes[i].names = addr_of(w->names[i]);
		w->frames[i] = (struct frame){
			.number = 0xabcdef0000 + i,
			.previous = i + 1 < n ? addr_of(&w->frames[i + 1]) : 0,
			.code = addr_of(&w->codes[i]),
			.position = 0xfedc0000 + (uint32_t)i,
			.beyond = 0xffffffff};
	}
	w->items[0].previous = addr_of(&w->items[1]);
	w->items[0].value = addr_of(&w->none);
	w->items[1].value = addr_of(&w->raised);
	w->cframe[1] = addr_of(&w->frames[0]);
	w->facts[0] = 0x0123456789abcdef;
	w->facts[1] = 0xaaaaaaaa00000001;
	w->tstate = (struct tstate){.skipped = 1,
				    .number = 0x5555666677778888,
				    .head = addr_of(&w->frames[0]),
				    .exc = addr_of(&w->items[0]),
				    .status = 0x99999999,
				    .beyond = 0xffffffff};
}

struct interrupt_plan plan_of(const struct world *w)
{
	return (struct interrupt_plan){
		.state = {.from = STATE_FROM,
			  .to = STATE_FROM + STATE_LEN,
			  .head = offsetof(struct tstate, head),
			  .head_behind = -1,
			  .base = -1,
			  .exc = offsetof(struct tstate, exc)},
		.exc = {offsetof(struct item, value),
			offsetof(struct item, previous), addr_of(&w->none)},
		.frame = {FRAME_LEN, offsetof(struct frame, previous),
			  offsetof(struct frame, code), false},
		.mark = {.word = offsetof(struct code, mark), .pointer = -1},
		.facts = {{addr_of(&w->facts[0]), 8},
			  {addr_of(&w->facts[1]), 4},
			  {NOWHERE, 8}},
	};
}

void plan_behind(struct interrupt_plan *p)
{
	p->state.head_behind = 8;
	p->frame.tagged = true;
	p->mark.pointer = offsetof(struct code, names);
	p->mark.behind = 8;
}
