#include <endian.h>
#include <string.h>

#include "base.h"

void cursor_init(struct cursor *c, const void *data, size_t len)
{
	c->p = data;
	c->end = len ? c->p + len : c->p; /* NULL has nothing behind it */
	c->bad = false;
}

size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

const uint8_t *cursor_bytes(struct cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if (c->bad || n > cursor_left(c)) {
		c->bad = true;
		c->p = c->end;
		return NULL;
	}
	c->p += n;
	return p;
}

/* At most 8 bytes. As a loop over bytes it was a tenth of all our time. */
static uint64_t le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return le64toh(v);
}

static uint64_t take(struct cursor *c, size_t n)
{
	const uint8_t *p = cursor_bytes(c, n);

	return p ? le(p, n) : 0;
}

uint8_t cursor_u8(struct cursor *c)
{
	return (uint8_t)take(c, 1);
}

uint16_t cursor_u16(struct cursor *c)
{
	return (uint16_t)take(c, 2);
}

uint32_t cursor_u32(struct cursor *c)
{
	return (uint32_t)take(c, 4);
}

uint64_t cursor_u64(struct cursor *c)
{
	return take(c, 8);
}

uint64_t cursor_varint(struct cursor *c)
{
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t b;

	do {
		b = cursor_u8(c);
		/* The tenth byte has room for one bit. */
		if (shift == 63 && b > 1)
			c->bad = true;
		if (c->bad)
			return 0;
		v |= (uint64_t)(b & 0x7f) << shift;
		shift += 7;
	} while (b & 0x80);
	return v;
}

int64_t cursor_svarint(struct cursor *c)
{
	uint64_t v = cursor_varint(c);

	return (int64_t)(v & 1 ? ~(v >> 1) : v >> 1);
}

static uint64_t at(const void *buf, size_t len, size_t off, size_t n)
{
	if (len < n || off > len - n)
		return 0;
	return le((const uint8_t *)buf + off, n);
}

uint8_t at_u8(const void *buf, size_t len, size_t off)
{
	return (uint8_t)at(buf, len, off, 1);
}

uint32_t at_u32(const void *buf, size_t len, size_t off)
{
	return (uint32_t)at(buf, len, off, 4);
}

uint64_t at_u64(const void *buf, size_t len, size_t off)
{
	return at(buf, len, off, 8);
}
