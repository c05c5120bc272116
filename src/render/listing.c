/*
 * Where a function ends. A recording knows its first line, and those that had
 * samples; for the rest the indentation has to do.
 */
#include <stdlib.h>
#include <string.h>

#include "render_priv.h"

#define TAB 8u
#define LINES_MAX 10000000u /* of a file; what is behind has no text */

static void split(struct listing *l, const struct source *source)
{
	const char *p = source->text, *end, *stop;

	if (!p)
		return;
	for (stop = p + source->len; p < stop && l->n < LINES_MAX;
	     p = end + 1) {
		end = memchr(p, '\n', (size_t)(stop - p));
		end = end ? end : stop;
		l->starts = grow(l->starts, &l->cap, l->n + 2,
				 sizeof(*l->starts));
		l->starts[l->n++] = p;
		l->starts[l->n] = end + 1;
	}
}

const char *listing_line(const struct listing *l, uint32_t line, size_t *len)
{
	*len = 0;
	if (!line || line > l->n)
		return "";
	*len = (size_t)(l->starts[line] - l->starts[line - 1]) - 1;
	return l->starts[line - 1];
}

void add_source(struct str *out, const char *text, size_t len, size_t less)
{
	size_t columns = 0, i;

	while (len && (text[len - 1] == '\r' || text[len - 1] == ' ' ||
		       text[len - 1] == '\t'))
		len--;
	for (i = 0; i < len && (text[i] == ' ' || text[i] == '\t'); i++) {
		do
			if (columns++ >= less)
				str_addc(out, ' ');
		while (columns % TAB && text[i] == '\t');
	}
	str_add_clean(out, text + i, len - i);
}

/* Columns before the first letter; -1 for a line that says nothing. */
static int indentation(const struct listing *l, uint32_t line, char *letter)
{
	const char *text;
	size_t len, i, columns = 0;

	text = listing_line(l, line, &len);
	for (i = 0; i < len && (text[i] == ' ' || text[i] == '\t'); i++)
		columns = text[i] == '\t' ? (columns / TAB + 1) * TAB
					  : columns + 1;
	if (i == len || text[i] == '#' || text[i] == '\r')
		return -1;
	*letter = text[i];
	return (int)columns;
}

/* "def f(", "async def f(", "class A:": what has a block below it. */
static bool opens_block(const struct listing *l, uint32_t line)
{
	const char *text;
	size_t len;

	text = listing_line(l, line, &len);
	while (len && (*text == ' ' || *text == '\t'))
		text++, len--;
	return (len > 4 && !memcmp(text, "def ", 4)) ||
	       (len > 6 && (!memcmp(text, "class ", 6) ||
			    !memcmp(text, "async ", 6)));
}

/*
 * The last line of a block that begins at `first`, which may be a decorator.
 * What closes a bracket at the same indentation belongs to it.
 */
static uint32_t block_end(const struct listing *l, uint32_t first)
{
	uint32_t line = first, end;
	int outer, inner;
	char letter = '\0';

	if (indentation(l, line, &letter) >= 0 && letter == '@')
		while (line < l->n && !opens_block(l, line))
			line++;
	if (!opens_block(l, line))
		return first;
	outer = indentation(l, line, &letter);
	for (end = line++; line <= l->n; line++) {
		inner = indentation(l, line, &letter);
		if (inner >= 0 && inner <= outer && !strchr(")]}", letter))
			break;
		if (inner >= 0)
			end = line;
	}
	return end;
}

void listing_find(struct listing *l, const struct profile *p,
		  const struct source *source, const struct code_lines *lines)
{
	const struct code_def *c = &p->symbols.codes[source->code];
	const char *name = symbols_text(&p->symbols, c->name);
	uint32_t sampled = 0, lowest = UINT32_MAX;
	char letter;
	int inner;
	size_t i;

	memset(l, 0, sizeof(*l));
	split(l, source);
	for (i = 0; i < lines->len; i++) {
		if (!lines->rows[i].line)
			continue;
		sampled = lines->rows[i].line;
		if (lowest > sampled)
			lowest = sampled;
	}
	l->first = c->first ? c->first : 1;
	if (l->first > lowest)
		l->first = lowest;
	l->last = l->first;
	if (!strcmp(name, "<module>"))
		l->last = l->n > 1 ? (uint32_t)l->n : 1;
	else if (l->n)
		l->last = block_end(l, l->first);
	if (l->last < sampled)
		l->last = sampled;
	inner = indentation(l, l->first, &letter);
	l->indentation = inner > 0 ? (size_t)inner : 0;
	l->past_end = source->text && l->last > l->n;
}

void listing_release(struct listing *l)
{
	free(l->starts);
}
