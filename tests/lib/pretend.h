/*
 * pretend.h - a program that pretends to be a Python, and serves garbage. Its
 * parts are of the shape of a memory image's layout (tests/images), so that
 * no Python is needed.
 */
#ifndef PYSTROBE_TESTS_PRETEND_H
#define PYSTROBE_TESTS_PRETEND_H

#include <stddef.h>
#include <stdint.h>

#include "cpython.h"

/* What makes a version known, and leads to its interpreters. */
struct pretend_entry {
	unsigned char *runtime; /* _PyRuntime; NULL up to 3.6 */
	uint64_t *interp_head; /* up to 3.6 */
};

/*
 *     pretend IMAGE MODE [NUMBER]
 *
 * Prints "ready" once all stands there, and ends with its standard input. The
 * modes are those of pretend_modes.
 */
int pretend_main(const struct pretend_entry *e, int argc, char **argv);

/* ---- for its modes ---- */

#define PRETEND_HUGE (1u << 30) /* bytes of what is huge */

struct pretend {
	struct layout l;
	unsigned char *memory;
	size_t used;
	uint64_t interp;
	uint64_t threads; /* head of the list: the newest one */
	uint64_t nothing; /* pages that cannot be read */
	uint64_t huge;    /* zeros, PRETEND_HUGE of them */
	uint32_t nthreads, ncodes;
	uint64_t number; /* which of a mode's kinds */
	struct pretend_types {
		uint64_t code, str, integer, list, tuple, bytes, dict, set,
			number, thing;
	} types;
};

struct pretend_mode {
	const char *name;
	void (*make)(struct pretend *p);
};

/* Ends with a NULL name. */
extern const struct pretend_mode pretend_modes[];

/* Objects; each returns its address. They are zeros but for what is said. */
uint64_t pretend_alloc(struct pretend *p, size_t bytes);
uint64_t pretend_object(struct pretend *p, uint64_t type, uint64_t size);
/* `bit` of tp_flags; 0: none. */
uint64_t pretend_type(struct pretend *p, const char *name, int bit);
uint64_t pretend_text(struct pretend *p, const char *ascii);
/* `n` units of `width` bytes; in 2.7 these bytes. */
uint64_t pretend_units(struct pretend *p, const void *units, size_t n,
		       unsigned width);
uint64_t pretend_int(struct pretend *p, uint64_t value);
uint64_t pretend_tuple(struct pretend *p, const uint64_t *items, size_t n);
uint64_t pretend_list(struct pretend *p, uint64_t items, uint64_t n);
uint64_t pretend_dict(struct pretend *p, const uint64_t *keys,
		      const uint64_t *values, size_t n);

/* A function with `n` variables of these names. */
uint64_t pretend_code(struct pretend *p, uint64_t name, uint64_t file,
		      const uint64_t *names, size_t n);
/* One without, in "pretend.py". */
uint64_t pretend_function(struct pretend *p, const char *name);

/*
 * A thread that is in these functions, root first, and with these variables in
 * the last one. Where its frames are is in frames[], unless that is NULL.
 * Returns its state.
 */
struct pretend_stack {
	const uint64_t *codes;
	size_t n;
	const uint64_t *values;
	size_t nvalues;
	uint64_t *frames;
};
uint64_t pretend_thread(struct pretend *p, const struct pretend_stack *s);

#endif
