/*
 * sheet.h - a profile that a test makes up, and what is drawn of it. Files in
 * tests/golden are what that looks like; UPDATE_GOLDEN=1 writes them anew.
 */
#ifndef PYSTROBE_TESTS_SHEET_H
#define PYSTROBE_TESTS_SHEET_H

#include "base.h"
#include "profile.h"
#include "render.h"
#include "tests/lib/made.h"

struct sheet {
	struct profile *p;
	struct made m;
	struct render_options o;
	struct str out;
};

/* For cmocka: *state is a struct sheet of a profile without samples. */
int sheet_setup(void **state);
int sheet_setup_timeline(void **state); /* keeps the order of time */
int sheet_teardown(void **state);
/* Fails unless f->out is what the file below tests/golden has. */
void sheet_is_as_in(struct sheet *f, const char *name);

#endif
