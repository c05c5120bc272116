#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/stage.h"

/* A file of 100 lines; what is hostile in it is to be cleaned. */
static const char *line_of(void *lines, const char *file, uint32_t line)
{
	static char text[64];

	(void)lines;
	if (strcmp(file, "/srv/app/orders.py") || line > 100)
		return NULL;
	snprintf(text, sizeof(text), line % 10 ? "\tline %u of it" :
		 "# \x1b[2J line %u", line);
	return text;
}

int stage_setup(void **state)
{
	struct stage *st = calloc(1, sizeof(*st));
	struct made m;
	unsigned i;

	st->sheet.p = profile_new();
	str_init(&st->sheet.out);
	made_init(&st->sheet.m, &st->sheet.p->sink);
	made_server(&st->sheet.m);
	st->last = profile_new();
	made_init(&m, &st->last->sink);
	made_server(&m);
	made_release(&m);
	st->processes[0] = (struct top_process){
		.pid = 4711, .cpu = 0.87, .age_ns = 7384000000000u};
	st->m = (struct top_model){
		.last = st->last,
		.all = st->sheet.p,
		.processes = st->processes,
		.nprocesses = 1,
		.period_ns = st->sheet.p->period_ns,
		.line = line_of,
	};
	for (i = 0; i < 30; i++)
		st->m.minute[st->m.nminute++] = (uint8_t)(i * 100 / 29);
	top_state_init(&st->s);
	st->width = 80;
	st->height = 24;
	*state = st;
	return 0;
}

int stage_teardown(void **state)
{
	struct stage *st = *state;

	top_state_release(&st->s);
	made_release(&st->sheet.m);
	str_release(&st->sheet.out);
	profile_free(st->sheet.p);
	profile_free(st->last);
	free(st);
	return 0;
}

static void draw(struct stage *st, bool inks)
{
	struct screen *sc = screen_new(&st->m, &st->s, st->width, st->height);
	struct grid g;

	grid_init(&g, st->width, st->height, st->ascii);
	screen_draw(sc, &st->s, &g);
	str_clear(&st->sheet.out);
	if (inks)
		grid_inks(&g, &st->sheet.out);
	else
		grid_text(&g, &st->sheet.out);
	grid_release(&g);
	screen_free(sc);
}

void stage_draw(struct stage *st)
{
	draw(st, false);
}

void stage_inks(struct stage *st)
{
	draw(st, true);
}

void stage_is_as_in(struct stage *st, const char *name)
{
	stage_draw(st);
	sheet_is_as_in(&st->sheet, name);
}

enum top_action stage_mouse(struct stage *st, uint32_t code, unsigned x,
			    unsigned y)
{
	struct top_key key = {.code = code, .x = x, .y = y};
	struct screen *sc = screen_new(&st->m, &st->s, st->width, st->height);
	enum top_action action = screen_key(sc, &st->s, &key);

	screen_free(sc);
	return action;
}

enum top_action stage_key(struct stage *st, uint32_t code)
{
	return stage_mouse(st, code, 0, 0);
}

void stage_type(struct stage *st, const char *keys)
{
	for (; *keys; keys++)
		stage_key(st, (unsigned char)*keys);
}

void stage_shows(struct stage *st, const char *text)
{
	stage_draw(st);
	if (!strstr(st->sheet.out.data, text))
		fail_msg("no '%s' in:\n%s", text, st->sheet.out.data);
}

void stage_hides(struct stage *st, const char *text)
{
	stage_draw(st);
	if (strstr(st->sheet.out.data, text))
		fail_msg("'%s' in:\n%s", text, st->sheet.out.data);
}
