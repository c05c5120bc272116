/*
 * fuzz.h - what each target of tests/fuzz has: a function that takes any
 * bytes, and seeds from which a fuzzer starts. HACKING.md says how to run one;
 * replay.c is the main program where there is no fuzzer.
 */
#ifndef PYSTROBE_TESTS_FUZZ_H
#define PYSTROBE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Returns 0; what it finds out is an abort, or a sanitizer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Calls `add` with each seed; they are made, not kept in files. */
typedef void seed_fn(const void *data, size_t len);
void fuzz_seeds(seed_fn *add);

/* What must hold for every input. */
#define must(fact) ((fact) ? (void)0 : abort())

/*
 * A copy of its own size, so that the sanitizers see each byte too far; free
 * it. Never NULL.
 */
void *own_copy(const void *data, size_t len);
char *own_text(const void *data, size_t len); /* with a NUL behind it */

/* A file without a name, the same each time, with these bytes; never closed. */
int file_of(unsigned which, const void *data, size_t len);

/* As everything must be that goes to a terminal or a file. */
void must_be_clean(const char *text);

#endif
