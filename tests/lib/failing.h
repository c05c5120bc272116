/*
 * failing.h - calls of ours that fail at the Nth time: allocations, reads,
 * writes. A test that uses it is linked with WRAPPED of the Makefile; what
 * libraries call inside is not met.
 */
#ifndef PYSTROBE_TESTS_FAILING_H
#define PYSTROBE_TESTS_FAILING_H

#include <stdbool.h>

enum failing {
	FAIL_MEMORY, /* malloc, calloc, realloc, reallocarray */
	FAIL_READ,   /* read, pread, recv, process_vm_readv */
	FAIL_WRITE,  /* write */
	FAIL_KINDS,
};

/* From now on the nth call fails with this errno, once; 0: none does. */
void fail_at(enum failing kind, unsigned long nth, int error);

/* It does not fail any more, if it has not yet. */
void fail_no_more(void);

/* Whether it has come to that. */
bool fail_happened(void);

/* For a backend of ours: the errno that this call fails with, or 0. */
int fail_now(enum failing kind);

#endif
