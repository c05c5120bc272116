#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/made_python.h"

unsigned char memory[SIZE];

/* The time of a snapshot that looks at everything. */
uint64_t later(void)
{
	static uint64_t now;

	now += 1000000;
	return now;
}

void put(uint64_t addr, uint64_t value, size_t bytes)
{
	size_t i;

	assert_in_range(addr, BASE, BASE + SIZE - bytes);
	for (i = 0; i < bytes; i++)
		memory[addr - BASE + i] = (unsigned char)(value >> 8 * i);
}

void put8(uint64_t addr, uint64_t value)
{
	put(addr, value, 8);
}

/* The shape of 3.13, with 3.11+ objects. */
struct layout chunk_layout(void)
{
	struct layout l;

	assert_int_equal(layout_for_version(&l, 0x030c01f0, NULL), 0);
	l.code.interns = true; /* as 3.13 does */
	return l;
}

uint64_t make_text(unsigned n, const char *text)
{
	uint64_t addr = TEXTS + n * 0x100u;
	size_t i, len = strlen(text);

	put8(addr, 1);
	put8(addr + 16, len);
	/* Interned, compact, ASCII. */
	put(addr + 32, 1u | 1u << 2 | 1u << 5 | 1u << 6, 4);
	for (i = 0; i < len; i++)
		put(addr + 40 + i, (unsigned char)text[i], 1);
	return addr;
}

uint64_t make_bytes(unsigned n, const void *data, size_t len)
{
	uint64_t addr = TEXTS + n * 0x100u;
	size_t i;

	put8(addr, 1);
	put8(addr + 16, len);
	for (i = 0; i < len; i++)
		put(addr + 32 + i, ((const unsigned char *)data)[i], 1);
	return addr;
}

uint64_t code_at(unsigned n)
{
	return CODES + n * 0x200u;
}

/* A function with 16 instructions on its first line + 1. */
void make_code(const struct layout *l, unsigned n, const char *name)
{
	/* 8 units, line +1, no columns; 8 units, the same line. */
	static const unsigned char lines[] = {0x80 | 13 << 3 | 7, 2,
					      0x80 | 13 << 3 | 7, 0};
	uint64_t addr = code_at(n);

	put8(addr, 1);
	put8(addr + (unsigned)l->object.type, CODE_TYPE);
	put8(addr + 16, 16);
	put8(addr + (unsigned)l->code.qualname, make_text(3 * n, name));
	put8(addr + (unsigned)l->code.name, make_text(3 * n, name));
	put8(addr + (unsigned)l->code.filename, make_text(3 * n + 1, "f.py"));
	put8(addr + (unsigned)l->code.linetable,
	     make_bytes(3 * n + 2, lines, sizeof(lines)));
	put(addr + (unsigned)l->code.firstlineno, 10 * (n + 1), 4);
	put(addr + (unsigned)l->code.framesize, FRAME_WORDS, 4);
	put(addr + (unsigned)l->code.firsttraceable, 1, 4);
	put(addr + (unsigned)l->code.version, 1000 + n, 4);
}

uint64_t frame_at(unsigned n)
{
	return CHUNK + 32 + n * FRAME_BYTES;
}

void make_frame(const struct layout *l, uint64_t addr, uint64_t code,
		       uint64_t previous, unsigned owner)
{
	put8(addr + (unsigned)l->iframe.code, code);
	put8(addr + (unsigned)l->iframe.previous, previous);
	put8(addr + (unsigned)l->iframe.instr,
	     code + (unsigned)l->code.adaptive + 6);
	put(addr + (unsigned)l->iframe.owner, owner, 1);
}

/* A thread with `n` frames on its chunk, the root is an entry frame. */
void make_process(const struct layout *l, unsigned n)
{
	char name[32];
	unsigned i;

	memset(memory, 0, sizeof(memory));
	put8(RUNTIME + (unsigned)l->runtime.interpreters_head, INTERP);
	put8(INTERP + (unsigned)l->interp.threads_head, TSTATE);
	put8(TSTATE + (unsigned)l->thread.interp, INTERP);
	put8(TSTATE + (unsigned)l->thread.thread_id, 0x7777);
	put8(TSTATE + (unsigned)l->thread.native_id, 42);
	put8(TSTATE + (unsigned)l->thread.chunk, CHUNK);
	put8(TSTATE + (unsigned)l->thread.chunk_top, frame_at(n));
	put8(TSTATE + (unsigned)l->thread.cframe, CFRAME);
	put8(CFRAME + (unsigned)l->thread.cframe_frame,
	     n ? frame_at(n - 1) : ENTRY);
	put8(CHUNK + (unsigned)l->chunk.size, CHUNK_SIZE);
	make_frame(l, ENTRY, 0, 0, l->iframe.owner_entry);
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		make_code(l, i, name);
		make_frame(l, frame_at(i), code_at(i),
			   i ? frame_at(i - 1) : ENTRY, 0);
	}
}

const struct entry_points made_entry = {.runtime = RUNTIME,
					.code_type = CODE_TYPE};
