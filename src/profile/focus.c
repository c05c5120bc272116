/*
 * Stacks that a regular expression chooses by their frames.
 */
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "profile_priv.h"

#define FLAGS (REG_EXTENDED | REG_NOSUB)

static int compile(regex_t *re, const char *text, struct err *err)
{
	char why[200];
	int ret = regcomp(re, text, FLAGS);

	if (!ret)
		return 0;
	regerror(ret, re, why, sizeof(why));
	return err_set(err, -EINVAL, "'%s' is no regular expression: %s", text,
		       why);
}

int focus_check(const char *regex, struct err *err)
{
	regex_t re;
	int ret = compile(&re, regex, err);

	if (!ret)
		regfree(&re);
	return ret;
}

uint8_t *frames_that_fit(const struct profile *p, const char *regex,
			 struct err *err)
{
	const struct symbols *s = &p->symbols;
	const struct code_def *c;
	struct str text;
	uint8_t *fit;
	regex_t re;
	size_t i;

	if (compile(&re, regex, err))
		return NULL;
	fit = xcalloc(s->nframes + 1, 1);
	str_init(&text);
	for (i = 0; i < s->nframes; i++) {
		c = &s->codes[s->frames[i].code];
		str_clear(&text);
		str_addf(&text, "%s (%s)", symbols_text(s, c->name),
			 symbols_text(s, c->file));
		fit[i] = !regexec(&re, text.data, 0, NULL, 0);
	}
	str_release(&text);
	regfree(&re);
	return fit;
}

/* Which stacks have such a frame: a parent comes before its children. */
static uint8_t *stacks_with(const struct symbols *s, const uint8_t *frames)
{
	const struct stack_def *d;
	uint8_t *fit = xcalloc(s->nstacks + 1, 1);
	size_t i;

	for (i = 1; i < s->nstacks; i++) {
		d = &s->stacks[i];
		fit[i] = fit[d->parent] || frames[d->frame];
	}
	return fit;
}

static uint8_t *stacks_that_fit(const struct profile *p, const char *text,
				struct err *err)
{
	uint8_t *frames = frames_that_fit(p, text, err), *fit;

	if (!frames)
		return NULL;
	fit = stacks_with(&p->symbols, frames);
	free(frames);
	return fit;
}

void profile_focus_label(struct profile *p, const struct view *view,
			 const char *text)
{
	const struct symbols *s = &p->symbols;
	uint8_t *frames = xcalloc(s->nframes + 1, 1), *fit;
	struct labels labels;
	struct intern texts;
	size_t i;

	intern_init(&texts);
	labels_init(&labels, p, view, &texts);
	for (i = 0; i < s->nframes; i++)
		frames[i] = strcasestr(intern_text(&texts, label_frame(
					       &labels, (uint32_t)i), NULL),
				       text) != NULL;
	fit = stacks_with(s, frames);
	free(p->out_of_focus);
	p->out_of_focus = xcalloc(p->ncells + 1, 1);
	for (i = 0; i < p->ncells; i++)
		p->out_of_focus[i] = !fit[p->cells[i].stack];
	labels_release(&labels);
	intern_release(&texts);
	free(frames);
	free(fit);
}

int profile_focus(struct profile *p, const char *focus, const char *ignore,
		  struct err *err)
{
	uint8_t *wanted = NULL, *unwanted = NULL;
	uint32_t stack;
	size_t i;

	if (focus && !(wanted = stacks_that_fit(p, focus, err)))
		return -EINVAL;
	if (ignore && !(unwanted = stacks_that_fit(p, ignore, err))) {
		free(wanted);
		return -EINVAL;
	}
	free(p->out_of_focus);
	p->out_of_focus = NULL;
	if (wanted || unwanted)
		p->out_of_focus = xcalloc(p->ncells, 1);
	for (i = 0; p->out_of_focus && i < p->ncells; i++) {
		stack = p->cells[i].stack;
		p->out_of_focus[i] = (wanted && !wanted[stack]) ||
				     (unwanted && unwanted[stack]);
	}
	free(wanted);
	free(unwanted);
	return 0;
}
