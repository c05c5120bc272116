/*
 * Foreign bytes made safe to print: one decoder of UTF-8, three ways out.
 */
#include <string.h>

#include "base.h"

#define REPLACEMENT 0xfffdu

static bool is_tail(uint8_t b)
{
	return (b & 0xc0) == 0x80;
}

/*
 * Decodes one character of p[0..n), n > 0; *used is how many bytes it took.
 * REPLACEMENT for a sequence that is not valid UTF-8 (RFC 3629).
 */
static uint32_t decode(const uint8_t *p, size_t n, size_t *used)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t c = p[0];
	size_t len, i;

	*used = 1;
	if (c < 0x80)
		return c;
	if (c >= 0xc2 && c <= 0xdf)
		len = 2;
	else if ((c & 0xf0) == 0xe0)
		len = 3;
	else if (c >= 0xf0 && c <= 0xf4)
		len = 4;
	else
		return REPLACEMENT;
	if (len > n)
		return REPLACEMENT;
	c &= 0x7fu >> len;
	for (i = 1; i < len; i++) {
		if (!is_tail(p[i]))
			return REPLACEMENT;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return REPLACEMENT;
	*used = len;
	return c;
}

/* Controls, and what reorders or hides the text around it (UAX #9). */
static uint32_t made_safe(uint32_t c)
{
	if (c == '\n' || c == '\r' || c == '\t')
		return ' ';
	if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
		return REPLACEMENT;
	if (c == 0x200e || c == 0x200f || c == 0x061c)
		return REPLACEMENT;
	if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
		return REPLACEMENT;
	if (c == 0x2028 || c == 0x2029 || c == 0xfeff)
		return REPLACEMENT;
	if ((c & 0xfffe) == 0xfffe) /* not legal in XML 1.0 */
		return REPLACEMENT;
	return c;
}

static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

bool digits_value(const char *digits, size_t n, unsigned base, uint64_t most,
		  uint64_t *value)
{
	uint64_t sum = 0;
	unsigned v;
	size_t i;

	for (i = 0; i < n; i++) {
		v = digit_value(digits[i]);
		if (v >= base || v > most || sum > (most - v) / base)
			return false;
		sum = sum * base + v;
	}
	*value = sum;
	return n > 0;
}

void str_add_point(struct str *s, uint32_t c)
{
	unsigned char b[4];

	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		c = REPLACEMENT;
	if (c < 0x80) {
		str_addc(s, (char)c);
	} else if (c < 0x800) {
		b[0] = (unsigned char)(0xc0 | c >> 6);
		b[1] = (unsigned char)(0x80 | (c & 0x3f));
		str_add(s, b, 2);
	} else if (c < 0x10000) {
		b[0] = (unsigned char)(0xe0 | c >> 12);
		b[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		b[2] = (unsigned char)(0x80 | (c & 0x3f));
		str_add(s, b, 3);
	} else {
		b[0] = (unsigned char)(0xf0 | c >> 18);
		b[1] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
		b[2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		b[3] = (unsigned char)(0x80 | (c & 0x3f));
		str_add(s, b, 4);
	}
}

typedef const char *reference_of(uint32_t c);

static void add_text(struct str *s, const void *data, size_t len,
		     reference_of *reference)
{
	const uint8_t *p = data;
	const char *ref;
	size_t used;
	uint32_t c;

	while (len) {
		c = made_safe(decode(p, len, &used));
		ref = reference(c);
		if (ref)
			str_adds(s, ref);
		else
			str_add_point(s, c);
		p += used;
		len -= used;
	}
}

static const char *plain_reference(uint32_t c)
{
	(void)c;
	return NULL;
}

static const char *xml_reference(uint32_t c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

static const char *json_reference(uint32_t c)
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	default:
		return NULL;
	}
}

void str_add_clean(struct str *s, const void *data, size_t len)
{
	add_text(s, data, len, plain_reference);
}

void str_adds_clean(struct str *s, const char *text)
{
	str_add_clean(s, text, strlen(text));
}

void str_add_xml(struct str *s, const void *data, size_t len)
{
	add_text(s, data, len, xml_reference);
}

void str_add_json(struct str *s, const void *data, size_t len)
{
	str_addc(s, '"');
	add_text(s, data, len, json_reference);
	str_addc(s, '"');
}

void str_adds_json(struct str *s, const char *text)
{
	str_add_json(s, text, strlen(text));
}
