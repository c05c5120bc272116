#include <string.h>

#include "cpython.h"
#include "tests/lib/puppet.h"

#define CFRAME 128 /* behind the entry frame */

void puppet_put(uint64_t addr, uint64_t value, size_t bytes)
{
	memcpy((void *)(uintptr_t)addr, &value, bytes);
}

void puppet_field(uint64_t base, int32_t field, uint64_t value, size_t bytes)
{
	if (field != NO_FIELD)
		puppet_put(base + (uint64_t)(int64_t)field, value, bytes);
}

void puppet_text(const struct layout *l, uint64_t at, const char *text)
{
	uint32_t state = 1u | 1u << l->object.kind_shift |
			 1u << l->object.compact_shift |
			 1u << l->object.ascii_shift;
	int32_t data = l->major > 2 ? l->object.ascii_data
				    : l->object.bytes_data;

	puppet_field(at, l->object.type - 8, 1, 8);
	puppet_field(at, l->object.var_size, strlen(text), 8);
	puppet_field(at, l->object.unicode_length, strlen(text), 8);
	puppet_field(at, l->object.unicode_state, state, 4);
	memcpy((void *)(uintptr_t)(at + (uint64_t)data), text, strlen(text));
}

void puppet_code(const struct layout *l, uint64_t at,
		 const struct puppet_code *c)
{
	/* Its function's, and its frame's. */
	puppet_field(at, l->object.type - 8, 2, 8);
	puppet_field(at, l->object.type, c->type, 8);
	puppet_field(at, l->object.var_size, c->code_units, 8);
	puppet_field(at, l->code.name, c->name, 8);
	puppet_field(at, l->code.qualname, c->name, 8);
	puppet_field(at, l->code.filename, c->file, 8);
	puppet_field(c->lines, l->object.type - 8, 1, 8);
	puppet_field(at, l->code.linetable, c->lines, 8);
	puppet_field(at, l->code.code, c->lines, 8);
	puppet_field(at, l->code.firstlineno, c->first, 4);
	puppet_field(at, l->code.framesize, c->words, 4);
	puppet_field(at, l->code.nlocalsplus, 0, 4);
	puppet_field(at, l->code.stacksize, c->words - PUPPET_STACK, 4);
	puppet_field(at, l->code.version, c->version, 4);
}

static void heap_frame(const struct layout *l, uint64_t at, uint64_t back,
		       uint64_t code)
{
	puppet_field(at, l->object.type - 8, 1, 8);
	puppet_field(at, l->frame.back, back, 8);
	puppet_field(at, l->frame.code, code, 8);
	puppet_field(at, l->frame.lasti, 4, 4);
	puppet_field(at, l->frame.executing, 1, 1);
	puppet_field(at, l->frame.state, 0, 1);
}

void puppet_frame(const struct layout *l, uint64_t at, uint64_t back,
		  uint64_t code, unsigned owner)
{
	if (l->frames == FRAMES_HEAP) {
		heap_frame(l, at, back, code);
		return;
	}
	puppet_field(at, l->iframe.previous, back, 8);
	puppet_field(at, l->iframe.code, code, 8);
	puppet_field(at, l->iframe.instr,
		     code ? code + (uint64_t)l->code.adaptive + 8 : 0, 8);
	puppet_field(at, l->iframe.owner, owner, 1);
	puppet_field(at, l->iframe.stacktop, 0, 4);
}

uint64_t puppet_entry(const struct layout *l, uint64_t entry)
{
	if (l->frames == FRAMES_HEAP || l->iframe.owner_entry == 0xff)
		return 0;
	puppet_frame(l, entry, 0, 0, l->iframe.owner_entry);
	return entry;
}

void puppet_thread(const struct layout *l, uint64_t tstate,
		   const struct puppet_stack *s)
{
	if (l->frames != FRAMES_HEAP)
		puppet_field(s->leaf, l->iframe.stacktop, UINT32_MAX, 4);
	puppet_field(s->root, l->iframe.is_entry, 1, 1);
	puppet_field(tstate, l->thread.frame, s->leaf, 8);
	puppet_field(tstate, l->thread.current_frame, s->leaf, 8);
	puppet_field(tstate, l->thread.base_frame, s->entry, 8);
	puppet_field(tstate, l->thread.cframe, s->entry + CFRAME, 8);
	puppet_field(s->entry + CFRAME, l->thread.cframe_frame, s->leaf, 8);
	puppet_field(tstate, l->thread.chunk, s->chunk, 8);
	puppet_field(tstate, l->thread.chunk_top, s->top, 8);
	puppet_field(s->chunk, l->chunk.size, s->chunk_bytes, 8);
}
