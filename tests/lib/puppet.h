/*
 * puppet.h - pieces of a made-up interpreter in this process's own memory, in
 * the shape of a layout: what tests/tools writes for pystrobe to read.
 * Addresses are those of this process.
 */
#ifndef PYSTROBE_TESTS_PUPPET_H
#define PYSTROBE_TESTS_PUPPET_H

#include <stddef.h>
#include <stdint.h>

struct layout;

#define PUPPET_STACK 9 /* words of a frame's own that 3.11 adds to co_stacksize */

void puppet_put(uint64_t addr, uint64_t value, size_t bytes);
/* Nothing, when the layout has no such field. */
void puppet_field(uint64_t base, int32_t field, uint64_t value, size_t bytes);

/* A str of ASCII (2.7: of bytes). */
void puppet_text(const struct layout *l, uint64_t at, const char *text);

/* Objects of a code object, and how many words its frames have. */
struct puppet_code {
	uint64_t type, name, file, lines;
	uint32_t code_units, first, words, version;
};

/* A function without variables; `lines` is its bytecode, too, up to 3.10. */
void puppet_code(const struct layout *l, uint64_t at,
		 const struct puppet_code *c);

/*
 * A frame; of those on a data stack one that waits for its callee, or, without
 * code, one that stands for a call from C. `owner` is of those only.
 */
void puppet_frame(const struct layout *l, uint64_t at, uint64_t back,
		  uint64_t code, unsigned owner);

/* The stack of a thread state: where it begins, and what it stands on. */
struct puppet_stack {
	uint64_t leaf, root; /* frames */
	uint64_t entry;      /* 256 bytes: a frame of C, and a C frame */
	uint64_t chunk, chunk_bytes, top;
};

/* The entry frame, as root->back has to be; 0 when the layout has none. */
uint64_t puppet_entry(const struct layout *l, uint64_t entry);
void puppet_thread(const struct layout *l, uint64_t tstate,
		   const struct puppet_stack *s);

#endif
