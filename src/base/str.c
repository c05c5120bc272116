#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

/* What an empty string points to, so that data is never NULL. Never written:
 * every writer reserves first. */
static char empty[1];

void str_init(struct str *s)
{
	s->data = empty;
	s->len = s->cap = 0;
}

void str_release(struct str *s)
{
	if (s->cap)
		free(s->data);
	str_init(s);
}

void str_clear(struct str *s)
{
	s->len = 0;
	if (s->cap)
		s->data[0] = '\0';
}

void str_reserve(struct str *s, size_t more)
{
	char *old = s->cap ? s->data : NULL;

	/* The sum cannot wrap: both are sizes of things in memory. */
	s->data = grow(old, &s->cap, s->len + more + 1, 1);
	s->data[s->len] = '\0';
}

void str_add(struct str *s, const void *data, size_t len)
{
	if (!len)
		return;
	str_reserve(s, len);
	memcpy(s->data + s->len, data, len);
	s->len += len;
	s->data[s->len] = '\0';
}

void str_adds(struct str *s, const char *text)
{
	str_add(s, text, strlen(text));
}

void str_addc(struct str *s, char c)
{
	str_add(s, &c, 1);
}

void str_vaddf(struct str *s, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	if (n > 0) {
		str_reserve(s, (size_t)n);
		vsnprintf(s->data + s->len, (size_t)n + 1, fmt, again);
		s->len += (size_t)n;
	}
	va_end(again);
}

void str_addf(struct str *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(s, fmt, ap);
	va_end(ap);
}

void str_add_u8(struct str *s, uint8_t v)
{
	str_add(s, &v, 1);
}

static void add_le(struct str *s, uint64_t v, size_t bytes)
{
	unsigned char b[8];
	size_t i;

	for (i = 0; i < bytes; i++)
		b[i] = (unsigned char)(v >> (8 * i));
	str_add(s, b, bytes);
}

void str_add_u16(struct str *s, uint16_t v)
{
	add_le(s, v, 2);
}

void str_add_u32(struct str *s, uint32_t v)
{
	add_le(s, v, 4);
}

void str_add_u64(struct str *s, uint64_t v)
{
	add_le(s, v, 8);
}

void str_add_varint(struct str *s, uint64_t v)
{
	unsigned char b[10];
	size_t n = 0;

	while (v >= 0x80) {
		b[n++] = (unsigned char)(v | 0x80);
		v >>= 7;
	}
	b[n++] = (unsigned char)v;
	str_add(s, b, n);
}

void str_add_svarint(struct str *s, int64_t v)
{
	uint64_t u = (uint64_t)v << 1;

	str_add_varint(s, v < 0 ? ~u : u);
}
