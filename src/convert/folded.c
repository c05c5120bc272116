/*
 * "frame;frame;frame COUNT"
 */
#include <string.h>

#include "convert_priv.h"

/* Takes the last word off the end; what parts it from the rest goes, too. */
static struct piece last_word(struct piece *line)
{
	size_t at = line->len;
	struct piece word;

	while (at && line->p[at - 1] != ' ' && line->p[at - 1] != '\t')
		at--;
	word = (struct piece){line->p + at, line->len - at};
	line->len = at;
	while (line->len && (line->p[line->len - 1] == ' ' ||
			     line->p[line->len - 1] == '\t'))
		line->len--;
	return word;
}

/* "12.5", ".5", "1e6": a number, but none that counts. */
static bool is_fraction(const struct piece *p)
{
	size_t i;

	for (i = 0; i < p->len; i++)
		if (!memchr("0123456789.eE+-", p->p[i], 15))
			return false;
	return p->len && p->p[0] >= '+' && p->p[0] <= '9';
}

static const char *count_of(struct piece *line, uint64_t *count)
{
	struct piece word = last_word(line), before, rest = *line;
	uint64_t base;

	if (!piece_number(&word, count)) {
		if (is_fraction(&word))
			return "its count is not a whole number";
		return "no count at its end";
	}
	if (*count > COUNT_MAX)
		return "its count is too large";
	if (!line->len)
		return "no stack before its count";
	before = last_word(&rest);
	if (rest.len && piece_number(&before, &base))
		return "two counts: it compares two profiles";
	return NULL;
}

/* What the frames at the root say of the owner is taken off the stack. */
static void take_owner(struct piece *stack, struct owner *o)
{
	struct piece rest = *stack, frame;

	if (root_of_austin(stack, o))
		return;
	*o = (struct owner){.pid = 0};
	frame = piece_until(&rest, ';');
	/* py-spy has the parents first. */
	while (root_is_process(frame, o)) {
		*stack = rest;
		frame = piece_until(&rest, ';');
	}
	if (root_is_thread(frame, o))
		*stack = rest;
}

int folded_line(struct convert *c, struct piece line)
{
	struct frame_text frame;
	const char *why;
	struct owner owner;
	uint64_t count;

	/* Some add a comment, though none of the formats has it. */
	if (!line.len || (line.p[0] == '#' && !memchr(line.p, ';', line.len)))
		return 0;
	why = count_of(&line, &count);
	if (!why && count > SAMPLES_MAX - c->report.samples)
		why = "the sum of all counts would be too large";
	if (why)
		return convert_refuse(c, why);
	if (!count)
		return 0;
	take_owner(&line, &owner);
	emit_begin(&c->emit);
	while (line.len) {
		frame = frame_parse(piece_until(&line, ';'));
		if (!emit_frame(&c->emit, &frame))
			return convert_refuse(c, "more than 32768 frames");
	}
	c->report.lines++;
	c->report.samples += count;
	return emit_counted(&c->emit, &owner, count);
}
