/*
 * Colours. The family says whose code it is, the place within the family
 * comes from the name, so that two graphs of one program match. All are light
 * enough for dark text: contrast 7:1 at least (WCAG AAA).
 */
#include <errno.h>
#include <string.h>

#include "render_priv.h"

struct family {
	uint32_t from, to;
};

static const struct {
	const char *name;
	struct family families[NODE_HIDDEN + 1];
} palettes[] = {
	{
		.name = "default",
		.families = {
			[NODE_ROOT] = {0xd9dce3, 0xd9dce3},
			[NODE_PROCESS] = {0xc5cbd8, 0xc5cbd8},
			[NODE_THREAD] = {0xcdd3df, 0xbdc5d4},
			[NODE_OWN] = {0xfbd670, 0xf29a6b},
			[NODE_PACKAGE] = {0xb5dd9b, 0x74c7ae},
			[NODE_STDLIB] = {0xb4d3f7, 0x98abee},
			[NODE_MARKER] = {0xe6c6ea, 0xd0b0e4},
			[NODE_HIDDEN] = {0xb4b7bd, 0xb4b7bd},
		},
	},
	{
		/* Yellow, blue, greys: apart for each kind of colour blindness,
		   and by their lightness. */
		.name = "safe",
		.families = {
			[NODE_ROOT] = {0xe4e6ea, 0xe4e6ea},
			[NODE_PROCESS] = {0xd2d6dd, 0xd2d6dd},
			[NODE_THREAD] = {0xd8dce2, 0xcdd2da},
			[NODE_OWN] = {0xfdf0a0, 0xf5d84a},
			[NODE_PACKAGE] = {0x86c0f0, 0x70adea},
			[NODE_STDLIB] = {0xd3eafc, 0xb9dbf7},
			[NODE_MARKER] = {0xf2f2f2, 0xe2e2e2},
			[NODE_HIDDEN] = {0xb4b7bd, 0xb4b7bd},
		},
	},
	{
		.name = "grey",
		.families = {
			[NODE_ROOT] = {0xe0e0e0, 0xe0e0e0},
			[NODE_PROCESS] = {0xd2d2d2, 0xd2d2d2},
			[NODE_THREAD] = {0xd8d8d8, 0xcecece},
			[NODE_OWN] = {0xf2f2f2, 0xdedede},
			[NODE_PACKAGE] = {0xd6d6d6, 0xc4c4c4},
			[NODE_STDLIB] = {0xbebebe, 0xaeaeae},
			[NODE_MARKER] = {0xfafafa, 0xf4f4f4},
			[NODE_HIDDEN] = {0xababab, 0xababab},
		},
	},
	{
		/* Nearer to what a fire looks like. */
		.name = "warm",
		.families = {
			[NODE_ROOT] = {0xe8dfd6, 0xe8dfd6},
			[NODE_PROCESS] = {0xdccfc2, 0xdccfc2},
			[NODE_THREAD] = {0xe2d6ca, 0xd6c8ba},
			[NODE_OWN] = {0xffb56b, 0xf59a78},
			[NODE_PACKAGE] = {0xffe07a, 0xffc857},
			[NODE_STDLIB] = {0xfff0bd, 0xf6dfa4},
			[NODE_MARKER] = {0xf3cfd8, 0xe6b3c4},
			[NODE_HIDDEN] = {0xb4b7bd, 0xb4b7bd},
		},
	},
};

#define PALETTES (sizeof(palettes) / sizeof(*palettes))

const char *palette_name(unsigned palette)
{
	return palette < PALETTES ? palettes[palette].name : NULL;
}

int palette_by_name(const char *name)
{
	unsigned i;

	for (i = 0; i < PALETTES; i++)
		if (!strcmp(palettes[i].name, name))
			return (int)i;
	return -EINVAL;
}

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

uint32_t colour_of(unsigned palette, enum node_kind kind, const char *label,
		   size_t len)
{
	uint32_t h = name_hash(label, without_line(label, len));

	return mix(&palettes[palette].families[kind], h & 0xff);
}

uint32_t colour_of_kind(unsigned palette, enum node_kind kind)
{
	return mix(&palettes[palette].families[kind], 128);
}
