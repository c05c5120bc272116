/*
 * made_python.h - a made-up interpreter in a buffer: one thread whose stack
 * of n functions f0, f1 ... lies on one chunk, in the shape of 3.12.
 */
#ifndef PYSTROBE_TESTS_MADE_PYTHON_H
#define PYSTROBE_TESTS_MADE_PYTHON_H

#include <stddef.h>
#include <stdint.h>

#include "cpython.h"
#include "walk.h"

/* Addresses of the made-up process; BASE is the first byte of memory. */
#define BASE 0x10000u
#define SIZE 0x20000u
#define RUNTIME 0x10000u
#define INTERP 0x1c600u
#define TSTATE 0x10800u
#define CHUNK 0x14000u
#define CHUNK_SIZE 0x4000u
#define CODES 0x11000u  /* one every 0x200 */
#define TEXTS 0x20000u  /* one every 0x100 */
#define ENTRY 0x1c000u  /* an entry frame, as on a C stack */
#define GENERATOR 0x1c100u
#define CODE_TYPE 0x1d000u
#define FRAME_WORDS 16u
#define FRAME_BYTES (FRAME_WORDS * 8)
#define CFRAME 0x1c300u

extern unsigned char memory[SIZE];
extern const struct entry_points made_entry;

/* The time of a snapshot that looks at everything. */
uint64_t later(void);
void put(uint64_t addr, uint64_t value, size_t bytes);
void put8(uint64_t addr, uint64_t value);
struct layout chunk_layout(void);
uint64_t make_text(unsigned n, const char *text);
uint64_t make_bytes(unsigned n, const void *data, size_t len);
uint64_t code_at(unsigned n);
/* A function with 16 instructions on its first line + 1. */
void make_code(const struct layout *l, unsigned n, const char *name);
uint64_t frame_at(unsigned n);
void make_frame(const struct layout *l, uint64_t addr, uint64_t code,
		uint64_t previous, unsigned owner);
/* A thread with `n` frames on its chunk, the root is an entry frame. */
void make_process(const struct layout *l, unsigned n);

#endif
