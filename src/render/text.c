/*
 * Widths and numbers.
 */
#include <string.h>

#include "render_priv.h"

struct span {
	uint32_t from, to;
};

/* East Asian Wide and Fullwidth, and pictures (Unicode 15, UAX #11). */
static const struct span wide[] = {
	{0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},
	{0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},
	{0x4e00, 0xa4cf},   {0xa960, 0xa97c},   {0xac00, 0xd7a3},
	{0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff01, 0xff60},
	{0xffe0, 0xffe6},   {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
	{0x1f900, 0x1faff}, {0x20000, 0x3fffd},
};

/* Combining marks and what has no width. */
static const struct span narrow[] = {
	{0x0300, 0x036f},   {0x0483, 0x0489},   {0x0591, 0x05bd},
	{0x064b, 0x065f},   {0x093c, 0x093c},   {0x0941, 0x0948},
	{0x0e34, 0x0e3a},   {0x0e47, 0x0e4e},   {0x1ab0, 0x1aff},
	{0x1dc0, 0x1dff},   {0x200b, 0x200d},   {0x20d0, 0x20ff},
	{0xfe00, 0xfe0f},   {0xfe20, 0xfe2f},   {0xe0100, 0xe01ef},
};

static bool in_spans(const struct span *spans, size_t n, uint32_t c)
{
	size_t i;

	for (i = 0; i < n && spans[i].from <= c; i++)
		if (c <= spans[i].to)
			return true;
	return false;
}

static size_t width_of(uint32_t c)
{
	if (c < 0x300)
		return 1;
	if (in_spans(narrow, sizeof(narrow) / sizeof(*narrow), c))
		return 0;
	return in_spans(wide, sizeof(wide) / sizeof(*wide), c) ? 2 : 1;
}

/* One character of valid UTF-8; *used bytes, never more than len. */
static uint32_t next(const char *s, size_t len, size_t *used)
{
	uint32_t c = (unsigned char)s[0];
	size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	size_t i;

	if (n > len)
		n = len;
	if (n > 1)
		c &= 0x7fu >> n;
	for (i = 1; i < n; i++)
		c = c << 6 | ((unsigned char)s[i] & 0x3fu);
	*used = n;
	return c;
}

size_t text_columns(const char *s, size_t len)
{
	size_t columns = 0, used, at;

	for (at = 0; at < len; at += used)
		columns += width_of(next(s + at, len - at, &used));
	return columns;
}

/* Bytes at the start of s that take at most `columns`. */
static size_t bytes_within(const char *s, size_t len, size_t columns)
{
	size_t at, used, w;

	for (at = 0; at < len; at += used) {
		w = width_of(next(s + at, len - at, &used));
		if (w > columns)
			break;
		columns -= w;
	}
	return at;
}

/* Where " (file" begins, or len: names may have parentheses, files too. */
static size_t name_end(const char *s, size_t len)
{
	size_t i;

	for (i = 1; i + 1 < len; i++)
		if (s[i] == ' ' && s[i + 1] == '(')
			return i;
	return len;
}

#define FILE_LETTERS 4u /* fewer of them do not help */
#define NAME_COLUMNS 12u /* of a name say more than a line */

/* "name (.../base.py:12)": the folders go first. True when that fits. */
static bool fit_folders(struct str *out, const char *s, size_t len, size_t name,
			size_t columns, const char *dots)
{
	size_t slash = len, head = name + 2;
	size_t before = out->len;

	while (slash > head && s[slash - 1] != '/')
		slash--;
	if (slash <= head + 1)
		return false;
	slash--; /* it stays */
	str_add(out, s, head);
	str_adds(out, dots);
	str_add(out, s + slash, len - slash);
	if (text_columns(out->data + before, out->len - before) <= columns)
		return true;
	out->len = before;
	out->data[before] = '\0';
	return false;
}

void text_fit(struct str *out, const char *s, size_t len, size_t columns,
	      const char *dots)
{
	size_t ndots = text_columns(dots, strlen(dots));
	size_t name, cut;

	if (text_columns(s, len) <= columns) {
		str_add(out, s, len);
		return;
	}
	if (columns < ndots)
		return;
	name = name_end(s, len);
	if (name < len && fit_folders(out, s, len, name, columns, dots))
		return;
	cut = bytes_within(s, len, columns - ndots);
	if (name < len && cut < name + 2 + FILE_LETTERS &&
	    text_columns(s, name) <= columns) {
		str_add(out, s, name);
		return;
	}
	str_add(out, s, cut);
	str_adds(out, dots);
}

/* Where ":42)" at the end of a label begins, or len. */
static size_t line_at(const char *s, size_t len)
{
	size_t at = len ? len - 1 : 0;

	if (!len || s[at] != ')')
		return len;
	while (at && s[at - 1] >= '0' && s[at - 1] <= '9')
		at--;
	return at && at < len - 1 && s[at - 1] == ':' ? at - 1 : len;
}

void text_fit_place(struct str *out, const char *s, size_t len, size_t columns,
		    const char *dots, bool line)
{
	size_t ndots = text_columns(dots, strlen(dots));
	size_t name = name_end(s, len), at = line_at(s, len), slash = at;
	size_t need = 2 + ndots + text_columns(s + at, len - at);
	size_t least = text_columns(s, name);

	if (line && least > NAME_COLUMNS)
		least = NAME_COLUMNS;
	if (text_columns(s, len) <= columns || at == len || name > at ||
	    columns < need + least) {
		text_fit(out, s, len, columns, dots);
		return;
	}
	if (fit_folders(out, s, len, name, columns, dots))
		return;
	columns -= need;
	if (text_columns(s, name) <= columns) {
		while (slash > name + 2 && s[slash - 1] != '/')
			slash--;
		columns -= text_columns(s, name);
		str_add(out, s, name + 2);
		str_add(out, s + slash,
			bytes_within(s + slash, at - slash, columns));
	} else {
		str_add(out, s, bytes_within(s, name, columns - ndots));
		str_adds(out, dots);
		str_adds(out, " (");
	}
	str_adds(out, dots);
	str_add(out, s + at, len - at);
}

void add_count(struct str *out, uint64_t n)
{
	char digits[32];
	size_t at = sizeof(digits), i = 0;

	do {
		if (i && i % 3 == 0)
			digits[--at] = ',';
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
		i++;
	} while (n);
	str_add(out, digits + at, sizeof(digits) - at);
}

void add_noun(struct str *out, uint64_t n, const char *noun)
{
	add_count(out, n);
	str_addf(out, " %s%s", noun, n == 1 ? "" : "s");
}

/* Not printf's: that follows the locale. */
void add_fixed(struct str *out, double v, unsigned decimals)
{
	uint64_t unit = 1, n;
	unsigned i;

	for (i = 0; i < decimals; i++)
		unit *= 10;
	v = v * (double)unit + 0.5;
	n = v > 0 && v < 1e18 ? (uint64_t)v : 0;
	str_addf(out, "%llu", (unsigned long long)(n / unit));
	if (decimals)
		str_addf(out, ".%0*llu", (int)decimals,
			 (unsigned long long)(n % unit));
}

void add_plain(struct str *out, double v)
{
	add_fixed(out, v, 3);
	while (out->data[out->len - 1] == '0')
		out->data[--out->len] = '\0';
	if (out->data[out->len - 1] == '.')
		out->data[--out->len] = '\0';
}

void add_share(struct str *out, uint64_t part, uint64_t whole,
	       unsigned decimals)
{
	add_fixed(out, whole ? 100.0 * (double)part / (double)whole : 0.0,
		  decimals);
	str_adds(out, " %");
}

/* To so many digits that count; v > 0. */
static double round_to(double v, unsigned digits)
{
	double up = 1, down = 1, most = 10;

	while (--digits)
		most *= 10;
	while (v * up < most / 10)
		up *= 10;
	while (v / down >= most)
		down *= 10;
	return (double)(uint64_t)(v * up / down + 0.5) * down / up;
}

/* A period is rounded to whole ns: 3333 of them are 300030.003 Hz. */
static double rate_of(uint64_t period_ns)
{
	double hz = 1e9 / (double)period_ns, asked, off;
	unsigned digits;

	for (digits = 1; digits <= 6; digits++) {
		asked = round_to(hz, digits);
		off = 1e9 / asked - (double)period_ns;
		if (off >= -0.5 && off < 0.5)
			return asked;
	}
	return round_to(hz, 3);
}

void add_rate(struct str *out, uint64_t period_ns)
{
	double hz = period_ns ? rate_of(period_ns) : 0;

	if (hz >= 1e6)
		add_plain(out, hz / 1e6);
	else
		add_plain(out, hz >= 1000 ? hz / 1000 : hz);
	str_adds(out, hz >= 1e6 ? " MHz" : hz >= 1000 ? " kHz" : " Hz");
}

void add_time(struct str *out, uint64_t ns)
{
	double s = (double)ns / 1e9;
	uint64_t whole;

	if (!ns) {
		str_adds(out, "0 s");
	} else if (s < 1e-3) {
		add_fixed(out, s * 1e6, 0);
		str_adds(out, " us");
	} else if (s < 1) {
		add_fixed(out, s * 1e3, s < 0.1 ? 1 : 0);
		str_adds(out, " ms");
	} else if (s < 100) {
		add_fixed(out, s, s < 10 ? 2 : 1);
		str_adds(out, " s");
	} else {
		whole = (ns + 500000000u) / 1000000000u;
		if (whole >= 3600)
			str_addf(out, "%llu h ",
				 (unsigned long long)(whole / 3600));
		str_addf(out, "%llu min %llu s",
			 (unsigned long long)(whole / 60 % 60),
			 (unsigned long long)(whole % 60));
	}
}

void add_thousandths(struct str *out, uint64_t n)
{
	str_addf(out, "%llu.%03u", (unsigned long long)(n / 1000),
		 (unsigned)(n % 1000));
}

void add_member(struct str *out, const char *key, const char *text)
{
	str_addf(out, "\"%s\":", key);
	str_adds_json(out, text);
}
