/*
 * Bytes that come in pieces become lines, or events.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "convert_priv.h"

static const char *const names[CONVERT_FORMATS] = {
	[CONVERT_DETECT] = "detect",
	[CONVERT_FOLDED] = "folded",
	[CONVERT_AUSTIN] = "austin",
	[CONVERT_MOJO] = "mojo",
};

const char *convert_format_name(enum convert_format format)
{
	return (unsigned)format < CONVERT_FORMATS ? names[format] : "unknown";
}

int convert_format_by_name(const char *name)
{
	int i;

	for (i = CONVERT_DETECT + 1; i < CONVERT_FORMATS; i++)
		if (!strcmp(names[i], name))
			return i;
	return -EINVAL;
}

struct convert *convert_new(const struct convert_options *options,
			    struct sink *sink)
{
	struct convert *c = xcalloc(1, sizeof(*c));

	c->options = *options;
	c->report.format = options->format;
	str_init(&c->pending);
	emit_init(&c->emit, options, sink, &c->report);
	mojo_init(&c->mojo);
	return c;
}

void convert_free(struct convert *c)
{
	if (!c)
		return;
	str_release(&c->pending);
	emit_release(&c->emit);
	mojo_release(&c->mojo);
	free(c);
}

int convert_refuse(struct convert *c, const char *why)
{
	if (!c->report.bad++) {
		c->report.first_bad = c->line;
		c->report.why = why;
	}
	return 0;
}

/* ---- which format it is ---- */

#define A_PICTURE                                                             \
	"it is a picture or a page, which is not read; have the other "       \
	"profiler write collapsed (raw) stacks"

/* What people may take for one of ours. */
static const struct {
	const char *begin;
	const char *about;
} others[] = {
	{"\x93STROBE\n", "it is a recording already; 'pystrobe report' shows "
			  "it"},
	{"\x1f\x8b", "it is compressed; 'zcat FILE | pystrobe convert -' "
		     "takes what is in it"},
	{"\x28\xb5\x2f\xfd", "it is compressed; 'zstdcat FILE | pystrobe "
			     "convert -' takes what is in it"},
	{"{\"", "it is JSON, which is not read; have the other profiler write "
		"collapsed (raw) stacks"},
	{"<?xml", A_PICTURE},
	{"<!DOCTYPE", A_PICTURE},
	{"<svg", A_PICTURE},
};
#define OTHERS (sizeof(others) / sizeof(*others))
#define BEGIN_MAX 9u /* bytes of the longest of them */

static int refuse_others(const struct piece *begin, struct err *err)
{
	size_t i;

	for (i = 0; i < OTHERS; i++)
		if (piece_begins(begin, others[i].begin))
			return err_set(err, -EBADMSG, "%s", others[i].about);
	return 0;
}

/* By the first line that is neither blank nor a comment of someone else. */
static enum convert_format format_of(struct piece text, bool all)
{
	struct piece line;

	if (piece_begins(&text, MOJO_MAGIC) &&
	    (text.len < 4 || (unsigned char)text.p[3] < ' '))
		return CONVERT_MOJO;
	while (text.len) {
		if (!all && !memchr(text.p, '\n', text.len))
			return CONVERT_DETECT;
		line = piece_until(&text, '\n');
		if (line.len && line.p[line.len - 1] == '\r')
			line.len--;
		if (austin_looks_so(line))
			return CONVERT_AUSTIN;
		if (line.len && line.p[0] != '#')
			return CONVERT_FOLDED;
	}
	return all ? CONVERT_FOLDED : CONVERT_DETECT;
}

/* False: more bytes are needed to tell. */
static bool detect(struct convert *c, bool end, int *ret, struct err *err)
{
	struct piece begin = {c->pending.data, c->pending.len};
	bool all = end || begin.len > LINE_BYTES_MAX;

	*ret = 0;
	if (c->report.format != CONVERT_DETECT)
		return true;
	if (begin.len < BEGIN_MAX && !end)
		return false;
	*ret = refuse_others(&begin, err);
	if (!*ret)
		c->report.format = format_of(begin, all);
	return *ret || c->report.format != CONVERT_DETECT;
}

/* ---- lines ---- */

static int take_line(struct convert *c, struct piece line)
{
	bool skipped = c->skipping;

	c->skipping = false;
	if (skipped)
		return 0; /* the end of one that was refused */
	c->line++;
	if (line.len > LINE_BYTES_MAX)
		return convert_refuse(c, "longer than 1 MiB");
	if (line.len && line.p[line.len - 1] == '\r')
		line.len--;
	return c->report.format == CONVERT_AUSTIN ? austin_line(c, line)
						  : folded_line(c, line);
}

/* The rest of a line that is too long is not kept. */
static void begin_skipping(struct convert *c)
{
	if (!c->skipping) {
		c->line++;
		convert_refuse(c, "longer than 1 MiB");
	}
	c->skipping = true;
}

static int take_lines(struct convert *c, bool end, size_t *used)
{
	struct piece rest = {c->pending.data, c->pending.len};
	int ret = 0;

	while (!ret && rest.len && memchr(rest.p, '\n', rest.len))
		ret = take_line(c, piece_until(&rest, '\n'));
	if (!ret && rest.len && end)
		ret = take_line(c, piece_until(&rest, '\n'));
	if (rest.len > LINE_BYTES_MAX || (rest.len && c->skipping)) {
		begin_skipping(c);
		rest.len = 0;
	}
	*used = c->pending.len - rest.len;
	return ret;
}

/* ---- all of it ---- */

static void cannot_use(int code, struct err *err)
{
	err_set(err, code, "what it holds cannot be used: %s",
		strerror(-code));
}

/* Takes what is whole of the bytes at hand. */
static int take(struct convert *c, bool end, struct err *err)
{
	struct str *p = &c->pending;
	size_t used = 0;
	int ret;

	if (!p->len || !detect(c, end, &ret, err))
		return 0;
	if (ret)
		return ret;
	err_set(err, 0, "%s", "");
	if (c->report.format == CONVERT_MOJO)
		ret = mojo_events(c, (const uint8_t *)p->data, p->len, end,
				  &used, err);
	else
		ret = take_lines(c, end, &used);
	if (ret && err && !*err->msg)
		cannot_use(ret, err);
	memmove(p->data, p->data + used, p->len - used);
	p->len -= used;
	p->data[p->len] = '\0';
	return ret;
}

int convert_feed(struct convert *c, const void *data, size_t len,
		 struct err *err)
{
	if (!len || c->mojo.broken)
		return 0;
	c->fed = true;
	str_add(&c->pending, data, len);
	return take(c, false, err);
}

static int nothing(const struct convert *c, struct err *err)
{
	const struct convert_report *r = &c->report;
	const char *what = r->format == CONVERT_MOJO ? "sample" : "line";

	if (!c->fed)
		return err_set(err, -EBADMSG, "it is empty");
	if (r->lines)
		return err_set(err, -EBADMSG, "all of its counts are 0");
	if (!r->bad)
		return err_set(err, -EBADMSG, "there is no stack in it");
	return err_set(err, -EBADMSG,
		       "read as %s, no %s of it can be used; %s %llu: %s",
		       convert_format_name(r->format), what, what,
		       (unsigned long long)r->first_bad, r->why);
}

int convert_end(struct convert *c, struct convert_report *report,
		struct err *err)
{
	int ret;

	err_set(err, 0, "%s", "");
	ret = take(c, true, err);
	if (!ret && c->report.format == CONVERT_MOJO)
		ret = mojo_end(c);
	if (!ret)
		ret = emit_end(&c->emit);
	if (ret && err && !*err->msg)
		cannot_use(ret, err);
	if (!ret && !c->report.samples)
		ret = nothing(c, err);
	if (report)
		*report = c->report;
	return ret;
}

int convert_bytes(const void *data, size_t len,
		  const struct convert_options *options, struct sink *sink,
		  struct convert_report *report, struct err *err)
{
	struct convert *c = convert_new(options, sink);
	int ret = convert_feed(c, data, len, err);

	if (!ret)
		ret = convert_end(c, report, err);
	else if (report)
		*report = c->report;
	convert_free(c);
	return ret;
}
