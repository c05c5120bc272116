/*
 * The text of a frame, as different programs write it.
 */
#include <string.h>

#include "convert_priv.h"

bool piece_is(const struct piece *p, const char *text)
{
	return p->len == strlen(text) && !memcmp(p->p, text, p->len);
}

bool piece_begins(const struct piece *p, const char *text)
{
	size_t len = strlen(text);

	return p->len >= len && !memcmp(p->p, text, len);
}

struct piece piece_until(struct piece *p, char c)
{
	const char *at = p->len ? memchr(p->p, c, p->len) : NULL;
	struct piece first = *p;

	if (at)
		first.len = (size_t)(at - p->p);
	p->p += first.len + (at != NULL);
	p->len -= first.len + (at != NULL);
	return first;
}

bool piece_number(const struct piece *p, uint64_t *value)
{
	return digits_value(p->p, p->len, 10, INT64_MAX, value);
}

bool piece_hex(const struct piece *p, uint64_t *value)
{
	return digits_value(p->p, p->len, 16, UINT64_MAX, value);
}

/*
 * Takes ":42" off the end, as a number that is written in the one way that
 * there is: what is read can be written again.
 */
static uint32_t take_line(struct piece *p)
{
	struct piece digits = {p->p + p->len, 0};
	uint64_t line;

	while (digits.len < p->len && digits.p[-1] >= '0' &&
	       digits.p[-1] <= '9') {
		digits.p--;
		digits.len++;
	}
	if (!digits.len || *digits.p == '0' || digits.len + 1 >= p->len ||
	    digits.p[-1] != ':' || !piece_number(&digits, &line) ||
	    line > LINE_NUMBER_MAX)
		return 0;
	p->len -= digits.len + 1;
	return (uint32_t)line;
}

static bool blank(const struct piece *p)
{
	size_t i;

	for (i = 0; i < p->len; i++)
		if (p->p[i] != ' ')
			return false;
	return true;
}

/* "name (file.py:42)" */
static bool in_brackets(struct piece text, struct frame_text *f)
{
	size_t at;

	if (text.len < 5 || text.p[text.len - 1] != ')')
		return false;
	for (at = text.len - 2; at && memcmp(text.p + at, " (", 2); at--)
		;
	f->name = (struct piece){text.p, at};
	f->file = (struct piece){text.p + at + 2, text.len - at - 2};
	if (!f->file.len || blank(&f->name))
		return false;
	f->file.len--;
	f->line = take_line(&f->file);
	return f->file.len > 0;
}

/* "file.py:name:42"; a line of 0 is none. */
static bool with_colons(struct piece text, struct frame_text *f)
{
	struct piece rest = text;
	size_t at;

	f->line = take_line(&rest);
	if (!f->line && text.len > 2 &&
	    !memcmp(text.p + text.len - 2, ":0", 2))
		rest.len -= 2;
	if (rest.len == text.len)
		return false;
	for (at = rest.len; at && rest.p[at - 1] != ':'; at--)
		;
	/* Neither "std::name:3" nor "name:3" has a file. */
	if (at < 2 || at == rest.len || rest.p[at - 2] == ':')
		return false;
	f->file = (struct piece){rest.p, at - 1};
	f->name = (struct piece){rest.p + at, rest.len - at};
	return true;
}

static bool is_marker(const struct piece *p)
{
	static const char *const markers[] = {
		MARKER_MOVING, MARKER_DEEPER, "<no frames>", "<GC>", "<native>",
	};
	size_t i;

	if (p->len > 2 && p->p[0] == '[' && p->p[p->len - 1] == ']')
		return true;
	for (i = 0; i < sizeof(markers) / sizeof(*markers); i++)
		if (piece_is(p, markers[i]))
			return true;
	return false;
}

struct frame_text frame_parse(struct piece text)
{
	struct frame_text f = {.line = 0};

	if (in_brackets(text, &f))
		return f;
	f = (struct frame_text){.line = 0};
	if (with_colons(text, &f))
		return f;
	f = (struct frame_text){.name = text, .file = {text.p, 0}};
	if (is_marker(&text))
		f.flags = FRAME_MARKER;
	return f;
}
