/*
 * Austin's binary form, versions 1 to 3, as the page "The MOJO file format" of
 * Austin's documentation has it: "MOJ", a varint with the version, and events.
 * An event is a byte that says which, and fields: varints, and strings that a
 * NUL ends. Of a varint's first byte bit 7 says that more follow, bit 6 is the
 * sign, and six bits are the lowest of the value; the others have seven.
 *
 * FRAME and STRING define what is named by its key afterwards; the strings 0
 * and 1 are there from the beginning. A sample is a STACK, references to its
 * frames, root first, and what it measured. From version 2 on frames have more
 * than a line, from version 3 on stacks have an interpreter.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "convert_priv.h"

enum mojo_event {
	MOJO_METADATA = 1, /* string key, string value */
	MOJO_STACK,        /* pid, interpreter, string thread */
	MOJO_FRAME,        /* key, file, function, line, 3 varints of places */
	MOJO_INVALID,
	MOJO_FRAME_AGAIN,  /* key */
	MOJO_KERNEL,       /* string */
	MOJO_GC,
	MOJO_IDLE,
	MOJO_TIME,         /* microseconds */
	MOJO_MEMORY,       /* bytes */
	MOJO_STRING,       /* key, string */
	MOJO_STRING_AGAIN, /* key */
	MOJO_EVENTS,
};

#define VERSION_MAX 3u

static const char unknown[] = "<unknown>";
static const char invalid[] = "<invalid>";
static const char no_room[] = "more names than can be kept";

void mojo_init(struct mojo *m)
{
	memset(m, 0, sizeof(*m));
	intern_init(&m->strings);
	map_init(&m->string_of);
	map_init(&m->frame_of);
	map_put(&m->string_of, 0, 0);
	map_put(&m->string_of, 1, intern_adds(&m->strings, unknown));
}

void mojo_release(struct mojo *m)
{
	intern_release(&m->strings);
	map_release(&m->string_of);
	map_release(&m->frame_of);
	free(m->frames);
}

/* ---- fields; the cursor is bad when there are not all of its bytes ---- */

static uint64_t take_magnitude(struct mojo *m, struct cursor *from,
			       bool *negative)
{
	uint8_t byte = cursor_u8(from);
	uint64_t v = byte & 0x3f;
	unsigned shift = 6;

	*negative = byte & 0x40;
	while (byte & 0x80) {
		byte = cursor_u8(from);
		/* Two bits at most are left for the tenth byte. */
		if (shift == 62 && byte > 3) {
			m->broken = true;
			return 0;
		}
		v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	}
	return v;
}

/* One beyond what a signed number can hold is the largest that it can. */
static int64_t take_varint(struct mojo *m, struct cursor *from)
{
	bool negative;
	uint64_t v = take_magnitude(m, from, &negative);

	v = v > INT64_MAX ? INT64_MAX : v;
	return negative ? -(int64_t)v : (int64_t)v;
}

/* Keys have all 64 bits. */
static uint64_t take_key(struct mojo *m, struct cursor *from)
{
	bool negative;
	uint64_t v = take_magnitude(m, from, &negative);

	return negative ? -v : v;
}

static struct piece take_string(struct cursor *from)
{
	size_t left = cursor_left(from);
	const uint8_t *end = left ? memchr(from->p, 0, left) : NULL;
	struct piece s = {(const char *)from->p, 0};

	if (!end) {
		from->bad = true;
		return s;
	}
	s.len = (size_t)(end - from->p);
	cursor_bytes(from, s.len + 1);
	return s;
}

/* ---- strings and frames ---- */

static bool names_fit(const struct mojo *m, size_t more)
{
	return intern_bytes(&m->strings) + more < NAMES_MAX &&
	       m->string_of.len < MOJO_FRAMES_MAX;
}

static void define_string(struct mojo *m, uint64_t key, struct piece text)
{
	if (names_fit(m, text.len))
		map_put(&m->string_of, key,
			intern_add(&m->strings, text.p, text.len));
}

/* A string that was never defined is like the one that is unknown. */
static uint32_t string_at(struct mojo *m, uint64_t key)
{
	uint32_t id = map_get(&m->string_of, key);

	return id != MAP_NONE ? id : map_get(&m->string_of, 1);
}

static struct piece text_of(const struct mojo *m, uint32_t id)
{
	struct piece p;

	p.p = intern_text(&m->strings, id, &p.len);
	return p;
}

static void add_frame(struct convert *c, const struct frame_text *f)
{
	if (!c->mojo.open)
		c->mojo.broken = true; /* frames of no sample */
	else if (!c->mojo.spoilt && !emit_frame(&c->emit, f))
		c->mojo.spoilt = "more than 32768 frames";
}

static void add_known(struct convert *c, const struct mojo_frame *known)
{
	struct frame_text f = {
		.name = text_of(&c->mojo, known->name),
		.file = text_of(&c->mojo, known->file),
		.line = known->line,
	};

	add_frame(c, &f);
}

static void add_marker(struct convert *c, const char *name)
{
	struct frame_text f = {
		.name = {name, strlen(name)},
		.file = {name, 0},
		.flags = FRAME_MARKER,
	};

	add_frame(c, &f);
}

static void define_frame(struct mojo *m, uint64_t key,
			 const struct mojo_frame *f)
{
	if (m->nframes >= MOJO_FRAMES_MAX)
		return;
	m->frames = grow(m->frames, &m->cap_frames, m->nframes + 1,
			 sizeof(*m->frames));
	map_put(&m->frame_of, key, (uint32_t)m->nframes);
	m->frames[m->nframes++] = *f;
}

/* ---- samples ---- */

static int end_sample(struct convert *c)
{
	struct mojo *m = &c->mojo;
	bool measured = c->mode == AUSTIN_MEMORY ? m->has_memory : m->has_time;

	if (!m->open)
		return 0;
	m->open = false;
	if (m->spoilt)
		return convert_refuse(c, m->spoilt);
	if (!measured)
		return convert_refuse(c, "no metric");
	return convert_austin(c, &m->owner, &m->state, m->time, m->memory);
}

static void begin_sample(struct convert *c, int64_t pid, int64_t interp,
			 struct piece thread)
{
	struct mojo *m = &c->mojo;
	struct owner *o = &m->owner;

	c->line++;
	*o = (struct owner){.pid = (uint32_t)pid, .interp = (uint32_t)interp};
	m->state = (struct state_def){.run = RUN_UNKNOWN};
	/* There is an event for those that are idle, in these modes. */
	if (c->mode == AUSTIN_CPU || c->mode == AUSTIN_FULL)
		m->state.run = RUN_CPU;
	m->open = true;
	m->has_time = m->has_memory = false;
	m->time = m->memory = 0;
	m->spoilt = NULL;
	if (pid < 0 || pid > INT32_MAX || interp < 0 || interp > INT32_MAX ||
	    !piece_hex(&thread, &o->tid))
		m->spoilt = "no process and thread at its beginning";
	o->made_up = o->tid > INT32_MAX;
	emit_begin(&c->emit);
}

static int take_stack(struct convert *c, struct cursor *from)
{
	struct mojo *m = &c->mojo;
	int64_t pid = take_varint(m, from), interp = 0;
	struct piece thread;
	int ret;

	if (m->version >= 3)
		interp = take_varint(m, from);
	thread = take_string(from);
	if (from->bad || m->broken)
		return 0;
	ret = end_sample(c);
	begin_sample(c, pid, interp, thread);
	return ret;
}

/* ---- events: what is not wholly there has no effect ---- */

static void take_frame(struct mojo *m, struct cursor *from)
{
	uint64_t key = take_key(m, from), file = take_key(m, from),
		 name = take_key(m, from);
	int64_t line = take_varint(m, from);
	struct mojo_frame f;
	int i;

	for (i = 0; i < 3 && m->version >= 2; i++)
		take_varint(m, from); /* the last line, and the columns */
	if (from->bad || m->broken)
		return;
	f.name = string_at(m, name);
	f.file = string_at(m, file);
	f.line = line > 0 && line <= LINE_NUMBER_MAX ? (uint32_t)line : 0;
	define_frame(m, key, &f);
}

static void take_frame_again(struct convert *c, struct cursor *from)
{
	struct mojo *m = &c->mojo;
	uint64_t key = take_key(m, from);
	uint32_t i = map_get(&m->frame_of, key);

	if (from->bad || m->broken)
		return;
	if (i != MAP_NONE)
		add_known(c, &m->frames[i]);
	else if (m->nframes >= MOJO_FRAMES_MAX)
		m->spoilt = no_room;
	else
		add_marker(c, unknown);
}

static void take_kernel(struct convert *c, struct cursor *from)
{
	static const char kernel[] = "kernel";
	struct frame_text f = {
		.name = take_string(from),
		.file = {kernel, sizeof(kernel) - 1},
	};

	if (!from->bad)
		add_frame(c, &f);
}

static void take_string_event(struct convert *c, struct cursor *from)
{
	struct mojo *m = &c->mojo;
	uint64_t key = take_key(m, from);
	struct piece text = take_string(from);

	if (!from->bad && !m->broken)
		define_string(m, key, text);
}

static void take_metadata(struct convert *c, struct cursor *from)
{
	struct piece key = take_string(from), value = take_string(from);

	if (!from->bad)
		convert_fact(c, &key, &value);
}

static void take_metric(struct convert *c, struct cursor *from, int64_t *to,
			bool *has)
{
	int64_t v = take_varint(&c->mojo, from);

	if (from->bad || c->mojo.broken)
		return;
	*to = v;
	*has = true;
}

static int take_event(struct convert *c, struct cursor *from)
{
	struct mojo *m = &c->mojo;

	switch (cursor_u8(from)) {
	case MOJO_METADATA:
		take_metadata(c, from);
		break;
	case MOJO_STACK:
		return take_stack(c, from);
	case MOJO_FRAME:
		take_frame(m, from);
		break;
	case MOJO_INVALID:
		add_marker(c, invalid);
		break;
	case MOJO_FRAME_AGAIN:
		take_frame_again(c, from);
		break;
	case MOJO_KERNEL:
		take_kernel(c, from);
		break;
	case MOJO_GC:
		m->state.flags |= STATE_GC;
		break;
	case MOJO_IDLE:
		m->state.run = RUN_SLEEPING;
		break;
	case MOJO_TIME:
		take_metric(c, from, &m->time, &m->has_time);
		break;
	case MOJO_MEMORY:
		take_metric(c, from, &m->memory, &m->has_memory);
		break;
	case MOJO_STRING:
		take_string_event(c, from);
		break;
	case MOJO_STRING_AGAIN:
		take_key(m, from);
		break;
	default:
		m->broken = true;
	}
	return 0;
}

static int take_header(struct mojo *m, struct cursor *from, struct err *err)
{
	size_t len = strlen(MOJO_MAGIC);
	const uint8_t *magic = cursor_bytes(from, len);
	int64_t version = take_varint(m, from);

	if (magic && memcmp(magic, MOJO_MAGIC, len))
		return err_set(err, -EBADMSG,
			       "it does not begin as MOJO does");
	if (from->bad)
		return 0;
	if (m->broken || version < 1 || version > VERSION_MAX)
		return err_set(err, -EBADMSG,
			       "it is MOJO of version %lld, and versions 1 to "
			       "%u are known; mojo2austin makes text of it",
			       (long long)version, VERSION_MAX);
	m->version = (uint32_t)version;
	return 0;
}

int mojo_events(struct convert *c, const uint8_t *data, size_t len, bool end,
		size_t *used, struct err *err)
{
	struct mojo *m = &c->mojo;
	struct cursor from;
	int ret = 0;

	cursor_init(&from, data, len);
	*used = 0;
	while (!ret && cursor_left(&from) && !m->broken) {
		ret = m->version ? take_event(c, &from)
				 : take_header(m, &from, err);
		if (from.bad)
			break;
		*used = len - cursor_left(&from);
	}
	if (m->broken || len - *used > LINE_BYTES_MAX ||
	    (end && len > *used)) {
		m->broken = c->report.cut = true;
		*used = len;
	}
	return ret;
}

int mojo_end(struct convert *c)
{
	/* What the end of the file cut is no sample. */
	if (c->report.cut && !c->mojo.has_time && !c->mojo.has_memory)
		c->mojo.open = false;
	return end_sample(c);
}
