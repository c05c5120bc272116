/*
 * Other profilers' output. Input: format, a byte of which the lower half says
 * how many parts it is fed in, the text.
 */
#include <string.h>

#include "base.h"
#include "convert.h"
#include "fuzz.h"
#include "tests/fuzz/hearer.h"

#define HEAD 2

static int feed(struct convert *c, const uint8_t *data, size_t len,
		unsigned parts, struct err *err)
{
	size_t at = 0, n = len / parts + 1;
	uint8_t *copy;
	int ret = 0;

	for (; at < len && !ret; at += n) {
		if (n > len - at)
			n = len - at;
		copy = own_copy(data + at, n);
		ret = convert_feed(c, copy, n, err);
		free(copy);
	}
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct convert_options o = {.program = "fuzz"};
	struct convert_report report;
	struct hearer hearer;
	struct err err = {""};
	struct convert *c;
	int ret;

	if (len < HEAD)
		return 0;
	o.format = data[0] % CONVERT_FORMATS;
	o.period_ns = data[1] & 0x80 ? 1000000 : 0;
	hearer_init(&hearer);
	c = convert_new(&o, &hearer.sink);
	ret = feed(c, data + HEAD, len - HEAD, data[1] % 16 + 1u, &err);
	if (!ret) {
		ret = convert_end(c, &report, &err);
		must(!report.bad || report.why);
		must(ret || report.samples);
		must(!ret || !hearer.ran);
	}
	must(!ret == !err.msg[0]);
	convert_free(c);
	return 0;
}

static const struct {
	enum convert_format format;
	const char *text;
	size_t len;
} texts[] = {
#define TEXT(format, text) {format, text, sizeof(text) - 1}
	TEXT(CONVERT_DETECT, "main;work (a.py:10);inner 5\nmain 3\n\n# x\n"),
	TEXT(CONVERT_FOLDED, "process 12:\"python a.py\";thread (0x7f): \"w\";"
			     "<module> (/app/a.py:3) 18446744073709551615\n"),
	TEXT(CONVERT_DETECT, "# austin: 3.6.0\n# interval: 10000\n# mode: wall"
			     "\nP42;T0:43;/a.py:main:3;/a.py:f:9 10023\n"
			     "P42;T0:44;/a.py:main:3 10023\n# duration: 9\n"),
	TEXT(CONVERT_AUSTIN, "# mode: full\nP1;T7f;a.py:f:1 100,1,-4096\n"),
	TEXT(CONVERT_MOJO, "MOJ\3\1mode\0wall\0\1interval\0" "1000\0\2\x2a\0"
			   "7f01\0\11\1main\0\11\2/a.py\0\3\1\2\1\12\12\3\11"
			   "\1\4\1\10\1\5\6\xa4\1"),
};

void fuzz_seeds(seed_fn *add)
{
	struct str s;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		str_init(&s);
		str_add_u8(&s, (uint8_t)texts[i].format);
		str_add_u8(&s, 1);
		str_add(&s, texts[i].text, texts[i].len);
		add(s.data, s.len);
		str_release(&s);
	}
}
