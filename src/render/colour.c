/*
 * Colours. The family says whose code it is, the place within the family
 * comes from the name, so that two graphs of one program match. All are light
 * enough for dark text: contrast 7:1 at least (WCAG AAA).
 */
#include <string.h>

#include "render_priv.h"

struct family {
	uint32_t from, to;
};

static const struct family families[] = {
	[NODE_ROOT] = {0xd9dce3, 0xd9dce3},
	[NODE_PROCESS] = {0xc5cbd8, 0xc5cbd8},
	[NODE_THREAD] = {0xcdd3df, 0xbdc5d4},
	[NODE_OWN] = {0xfbd670, 0xf29a6b},
	[NODE_PACKAGE] = {0xb5dd9b, 0x74c7ae},
	[NODE_STDLIB] = {0xb4d3f7, 0x98abee},
	[NODE_MARKER] = {0xe6c6ea, 0xd0b0e4},
};

/* FNV-1a: the same on every machine, whatever its byte order. */
static uint32_t name_hash(const char *s, size_t len)
{
	uint32_t h = 0x811c9dc5u;
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * 0x01000193u;
	return h ^ h >> 15;
}

static uint32_t channel(uint32_t from, uint32_t to, unsigned shift, uint32_t at)
{
	uint32_t a = from >> shift & 0xff, b = to >> shift & 0xff;

	return (a * (255 - at) + b * at) / 255 << shift;
}

static uint32_t mix(const struct family *f, uint32_t at)
{
	return channel(f->from, f->to, 16, at) | channel(f->from, f->to, 8, at) |
	       channel(f->from, f->to, 0, at);
}

/* The lines of a function share its colour: ":42)" is not hashed. */
static size_t without_line(const char *label, size_t len)
{
	size_t n = len;

	if (!n || label[n - 1] != ')')
		return len;
	n--;
	while (n && label[n - 1] >= '0' && label[n - 1] <= '9')
		n--;
	return n && label[n - 1] == ':' ? n - 1 : len - 1;
}

uint32_t colour_of(enum node_kind kind, const char *label, size_t len)
{
	uint32_t h = name_hash(label, without_line(label, len));

	return mix(&families[kind], h & 0xff);
}

uint32_t colour_of_kind(enum node_kind kind)
{
	return mix(&families[kind], 128);
}
