/*
 * The text of Austin 3, and what it has in common with its binary form.
 *
 * Metadata are "# key: value": "interval" in microseconds, "mode" (wall, cpu,
 * memory, full), "python". The metric is a time in microseconds, in memory mode
 * bytes, and in full mode "time,idle,bytes". A frame ":GC:" says that the
 * collector runs, ":INVALID:" that a frame could not be read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "convert_priv.h"

#define US 1000u
#define TIME_MAX (CLOCK_MAX / US)

/* "3.11.7", as PY_VERSION_HEX of a final release; 0 when it is none. */
static uint32_t version_of(struct piece text)
{
	uint32_t version = 0;
	struct piece part;
	uint64_t v;
	int i;

	for (i = 0; i < 3; i++) {
		part = piece_until(&text, '.');
		if (!piece_number(&part, &v) || v > 255)
			return 0;
		version = version << 8 | (uint32_t)v;
	}
	return version << 8 | 0xf0;
}

void convert_fact(struct convert *c, const struct piece *key,
		  const struct piece *value)
{
	static const char *const modes[] = {
		[AUSTIN_WALL] = "wall",
		[AUSTIN_CPU] = "cpu",
		[AUSTIN_MEMORY] = "memory",
		[AUSTIN_FULL] = "full",
	};
	uint64_t v;
	size_t i;

	if (piece_is(key, "mode"))
		for (i = 0; i < sizeof(modes) / sizeof(*modes); i++)
			if (piece_is(value, modes[i]))
				c->mode = (enum austin_mode)i;
	if (piece_is(key, "python"))
		c->emit.version = version_of(*value);
	/* What was asked for goes first; nor does it change afterwards. */
	if (piece_is(key, "interval") && !c->options.period_ns &&
	    !c->emit.told && piece_number(value, &v) && v <= TIME_MAX / 1000)
		c->emit.run.period_ns = v * US;
}

int convert_austin(struct convert *c, const struct owner *owner,
		   const struct state_def *state, int64_t time,
		   int64_t memory)
{
	bool bytes = c->mode == AUSTIN_MEMORY;
	int64_t metric = bytes ? memory : time;

	if (metric < 0)
		return convert_refuse(c, "its metric is negative");
	if (bytes ? metric > (int64_t)COUNT_MAX : metric > (int64_t)TIME_MAX)
		return convert_refuse(c, "its metric is too large");
	if (bytes && (uint64_t)metric > SAMPLES_MAX - c->report.samples)
		return convert_refuse(c, "the sum of all metrics would be too "
					 "large");
	c->report.lines++;
	c->report.bytes |= bytes;
	c->report.timed |= !bytes;
	c->report.full |= c->mode == AUSTIN_FULL;
	c->report.samples += bytes ? (uint64_t)metric : 1;
	if (bytes)
		return metric ? emit_counted(&c->emit, owner, (uint64_t)metric)
			      : 0;
	return emit_timed(&c->emit, owner, state, (uint64_t)metric * US);
}

/* ---- lines ---- */

static bool take_signed(struct piece p, int64_t *value)
{
	bool negative = piece_begins(&p, "-");
	uint64_t v;

	p.p += negative;
	p.len -= negative;
	if (!piece_number(&p, &v))
		return false;
	*value = negative ? -(int64_t)v : (int64_t)v;
	return true;
}

struct metrics {
	int64_t time, memory;
	enum run_state run;
};

/* One number, which is what the mode says, or three. */
static bool take_metrics(struct piece p, struct metrics *m)
{
	struct piece first = piece_until(&p, ','), second;

	if (!take_signed(first, &m->time))
		return false;
	m->memory = m->time;
	if (p.p == first.p + first.len)
		return true;
	second = piece_until(&p, ',');
	m->run = piece_is(&second, "1") ? RUN_SLEEPING : RUN_CPU;
	return (m->run == RUN_SLEEPING || piece_is(&second, "0")) &&
	       take_signed(p, &m->memory);
}

static void take_fact(struct convert *c, struct piece line)
{
	struct piece key = piece_until(&line, ':');

	while (key.len && (key.p[0] == '#' || key.p[0] == ' ')) {
		key.p++;
		key.len--;
	}
	if (line.len && line.p[0] == ' ') {
		line.p++;
		line.len--;
	}
	convert_fact(c, &key, &line);
}

/* "file:function:line" */
static bool take_frame(struct convert *c, struct piece text,
		       struct state_def *state)
{
	static const char invalid[] = "<invalid>";
	struct frame_text f;

	if (piece_is(&text, ":GC:")) {
		state->flags |= STATE_GC;
		return true;
	}
	f = frame_parse(text);
	if (piece_is(&text, ":INVALID:"))
		f = (struct frame_text){
			.name = {invalid, sizeof(invalid) - 1},
			.file = {invalid, 0},
			.flags = FRAME_MARKER,
		};
	return emit_frame(&c->emit, &f);
}

/* The stack and its metric are parted by the last blank. */
static bool cut_metric(struct piece *line, struct piece *metric)
{
	size_t at = line->len;

	while (at && line->p[at - 1] != ' ')
		at--;
	*metric = (struct piece){line->p + at, line->len - at};
	line->len = at ? at - 1 : 0;
	return at > 0;
}

bool austin_looks_so(struct piece line)
{
	struct owner owner;
	struct piece metric;

	if (piece_begins(&line, "# austin:"))
		return true;
	return cut_metric(&line, &metric) && root_of_austin(&line, &owner);
}

int austin_line(struct convert *c, struct piece line)
{
	struct state_def state = {.run = RUN_UNKNOWN};
	struct piece metric;
	struct metrics m = {.run = c->mode == AUSTIN_CPU ? RUN_CPU
							 : RUN_UNKNOWN};
	struct owner owner;

	if (!line.len)
		return 0;
	if (line.p[0] == '#') {
		take_fact(c, line);
		return 0;
	}
	if (!cut_metric(&line, &metric) || !take_metrics(metric, &m))
		return convert_refuse(c, "no metric at its end");
	if (!root_of_austin(&line, &owner))
		return convert_refuse(c, "no process and thread at its "
					 "beginning");
	emit_begin(&c->emit);
	while (line.len)
		if (!take_frame(c, piece_until(&line, ';'), &state))
			return convert_refuse(c, "more than 32768 frames");
	state.run = (uint8_t)m.run;
	return convert_austin(c, &owner, &state, m.time, m.memory);
}
