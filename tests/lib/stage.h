/*
 * stage.h - a model of the live view that a test makes up, and its screen as
 * text.
 */
#ifndef PYSTROBE_TESTS_STAGE_H
#define PYSTROBE_TESTS_STAGE_H

#include "tests/lib/made.h"
#include "tests/lib/sheet.h"
#include "tui.h"

struct stage {
	struct sheet sheet; /* `out` is the screen, p all samples */
	struct profile *last;
	struct top_process processes[3];
	struct top_model m;
	struct top_state s;
	unsigned width, height;
	bool ascii;
};

/* For cmocka: made_server twice, as all samples and as the last interval. */
int stage_setup(void **state);
int stage_teardown(void **state);
void stage_draw(struct stage *st); /* into st->sheet.out */
/* The inks of the screen instead of its text. */
void stage_inks(struct stage *st);
/* Draws, and fails unless it is as in tests/golden. */
void stage_is_as_in(struct stage *st, const char *name);
enum top_action stage_key(struct stage *st, uint32_t code);
enum top_action stage_mouse(struct stage *st, uint32_t code, unsigned x,
			    unsigned y);
/* Each byte is a key. */
void stage_type(struct stage *st, const char *keys);
/* Fails unless the screen, drawn anew, has this text, or has not. */
void stage_shows(struct stage *st, const char *text);
void stage_hides(struct stage *st, const char *text);

#endif
