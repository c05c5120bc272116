#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

#define DATA_MAX (16u << 20) /* bytes of a module's data that are searched */
#define FINAL 0xf0u          /* release level of PY_VERSION_HEX */

static const char *number(const char *p, const char *end, unsigned *out)
{
	const char *start = p;

	*out = 0;
	while (p < end && isdigit((unsigned char)*p) && p - start < 3)
		*out = *out * 10 + (unsigned)(*p++ - '0');
	return p > start ? p : NULL;
}

/* "3.9.18 (", "3.12.0rc1+ (": a number if the text has that form. */
uint32_t version_of_text(const char *text, size_t len)
{
	const char *p = text, *end = text + len;
	unsigned v[3], i;

	for (i = 0; i < 3; i++) {
		p = number(p, end, &v[i]);
		if (!p || (i < 2 && (p == end || *p++ != '.')))
			return 0;
	}
	while (p < end && (isalnum((unsigned char)*p) || *p == '+'))
		p++;
	if (end - p < 2 || p[0] != ' ' || p[1] != '(')
		return 0;
	if (v[0] < 2 || v[0] > 3 || v[1] > 99 || v[2] > 99)
		return 0;
	return v[0] << 24 | v[1] << 16 | v[2] << 8 | FINAL;
}

/*
 * The text begins its buffer: a NUL, or nothing, stands before it. Candidates
 * are the digits before a point.
 */
static uint32_t search(const char *data, size_t len)
{
	const char *point = data, *end = data + len, *p;
	uint32_t v;

	while ((point = memchr(point, '.', (size_t)(end - point)))) {
		p = point++ - 1;
		if (p < data || (p > data && p[-1]))
			continue;
		v = version_of_text(p, (size_t)(end - p));
		if (v)
			return v;
	}
	return 0;
}

static uint32_t search_range(struct remote *r, uint64_t start, uint64_t end)
{
	size_t len = end - start > DATA_MAX ? DATA_MAX : (size_t)(end - start);
	struct range range = {.addr = start, .len = len};
	uint32_t v = 0;

	range.to = xmalloc(len);
	if (remote_batch(r, &range, 1) == 0)
		v = search(range.to, range.got);
	free(range.to);
	return v;
}

uint32_t version_in_data(const struct maps *maps, size_t at, struct remote *r)
{
	const struct map_entry *first = &maps->entries[at], *e;
	uint64_t end = first->end;
	uint32_t v;
	size_t i;

	for (i = at; i < maps->len; i++) {
		e = &maps->entries[i];
		/* The module ends where something else, or a gap, begins;
		 * its .bss follows without a name. */
		if (e->inode ? e->inode != first->inode : e->start != end)
			break;
		if (!e->inode && *e->path && strcmp(e->path, "[heap]"))
			break;
		end = e->end;
		if (!e->write || !e->read)
			continue;
		v = search_range(r, e->start, e->end);
		if (v)
			return v;
		if (!e->inode)
			break;
	}
	return 0;
}
