/*
 * convert.h - what other profilers wrote becomes ticks and samples of a sink.
 *
 * Pure: bytes in, calls of the sink out; the same bytes give the same calls.
 * All bytes are hostile. Memory is bounded by the named limits of
 * src/convert/convert_priv.h, however long the input is.
 *
 *   folded   "frame;frame;frame COUNT", as pystrobe, FlameGraph, inferno,
 *            py-spy ("raw") and Tachyon ("collapsed") write it
 *   austin   the text of Austin 3: "P1;T0:1;file:function:line;... METRIC"
 *   mojo     Austin's binary form, versions 1 to 3
 *
 * Folded stacks have counts and no times, as bytes have that Austin counted:
 * each line becomes one tick that stands for as many as its count says, in the
 * order of the lines, one period apart. Austin's metric is the time since its
 * last look: a line is a sample then, lines of different threads with the same
 * metric are one tick, and each process has a clock that begins where the
 * others stand. States are what the data says: mostly unknown.
 */
#ifndef PYSTROBE_CONVERT_H
#define PYSTROBE_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct convert;
struct err;
struct sink;

enum convert_format {
	CONVERT_DETECT, /* by the first lines */
	CONVERT_FOLDED,
	CONVERT_AUSTIN,
	CONVERT_MOJO,
	CONVERT_FORMATS,
};

const char *convert_format_name(enum convert_format format); /* "folded" */
int convert_format_by_name(const char *name); /* or -EINVAL */

struct convert_options {
	enum convert_format format;
	/* Between two ticks; 0: what the data says, or else 10 ms. */
	uint64_t period_ns;
	const char *program; /* that converts, for struct run_info */
};

/* What was made of the input. */
struct convert_report {
	enum convert_format format;
	uint64_t lines;   /* that were used; MOJO: samples */
	uint64_t samples; /* the sum of their counts */
	uint64_t bad;     /* lines, or samples, that could not be used */
	uint64_t first_bad; /* the number of the first of them, from 1 */
	const char *why;    /* it could not: "no count at its end" */
	bool timed; /* each sample has its time */
	bool bytes; /* counts are bytes, not samples */
	bool full;  /* bytes were there too, and are left out */
	bool cut;   /* MOJO: from somewhere on there is no event any more */
	bool late;  /* the clock came to its end: times beyond it are equal */
};

/* The sink must outlive it. Texts of `options` are copied. */
struct convert *convert_new(const struct convert_options *options,
			    struct sink *sink);
void convert_free(struct convert *c); /* NULL legal */

/*
 * Takes the next bytes of the input; these may end anywhere. -EBADMSG with a
 * sentence: it cannot be of that format, or of none; or the sink's own error.
 * After an error only convert_free is left.
 */
int convert_feed(struct convert *c, const void *data, size_t len,
		 struct err *err);
/*
 * When all was fed. -EBADMSG when nothing could be used: the sink was told
 * nothing then. `report` is filled in either way; NULL is legal.
 */
int convert_end(struct convert *c, struct convert_report *report,
		struct err *err);

/* All of the above, for bytes in memory. */
int convert_bytes(const void *data, size_t len,
		  const struct convert_options *options, struct sink *sink,
		  struct convert_report *report, struct err *err);

#endif
