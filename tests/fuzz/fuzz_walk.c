/*
 * Walking an interpreter of any version whose memory is damaged, also while it
 * is read. Input: which shape (shape.h), then steps: each a byte that says
 * what, and what it needs. Changes of memory and looks at it, in any order.
 */
#include <errno.h>
#include <string.h>

#include "base.h"
#include "fuzz.h"
#include "profile.h"
#include "tests/lib/shape.h"

#define STEPS_MAX 40u
#define LOOKS_MAX 3u /* each takes some 40 us */
#define PID 42u

enum step { WORD, POINTER, BYTE, FIELD, SMALL, COPY, LATER, LOOK, STEPS };

/* The memory, and what befalls it after some more reads. */
struct victim {
	const struct shape *shape;
	unsigned char memory[SHAPE_SIZE];
	struct cursor later;
	unsigned reads, changes; /* until then; how many */
	unsigned looks;
	struct remote *remote;
	struct walker *walker;
	uint64_t now;
};

/* ---- memory ---- */

static size_t field(const struct victim *v, struct cursor *c)
{
	return v->shape->fields[cursor_u16(c) % v->shape->nfields];
}

/* One change; `real`: it is made, not only passed over. */
static void change(struct victim *v, struct cursor *c, unsigned what, bool real)
{
	size_t words = v->shape->len / 8, at, n = 8;
	uint64_t value;

	at = what == WORD ? cursor_u16(c) % words * 8
	     : what == BYTE ? cursor_u16(c) % v->shape->len
			    : field(v, c);
	if (what == WORD || what == FIELD)
		value = cursor_u64(c);
	else if (what == POINTER)
		value = SHAPE_BASE + cursor_u16(c) % SHAPE_SIZE;
	else if (what == COPY)
		value = at_u64(v->memory, sizeof(v->memory), field(v, c));
	else
		value = (uint64_t)(int8_t)cursor_u8(c);
	if (what == BYTE)
		n = 1;
	if (at + n <= v->shape->len && real && !c->bad)
		memcpy(v->memory + at, &value, n);
}

static void change_later(struct victim *v)
{
	unsigned what;

	for (; v->changes; v->changes--) {
		what = cursor_u8(&v->later) % LATER;
		change(v, &v->later, what, true);
	}
}

static size_t copy(const struct victim *v, const struct range *r)
{
	uint64_t off = r->addr - SHAPE_BASE;
	size_t n;

	if (r->addr < SHAPE_BASE || off >= v->shape->len)
		return 0;
	n = v->shape->len - off < r->len ? v->shape->len - off : r->len;
	memcpy(r->to, v->memory + off, n);
	return n;
}

static ssize_t read_victim(void *arg, const struct range *ranges, size_t n)
{
	struct victim *v = arg;
	size_t i, got, sum = 0;

	for (i = 0; i < n; i++) {
		if (v->changes && !v->reads--)
			change_later(v);
		got = copy(v, &ranges[i]);
		sum += got;
		if (got < ranges[i].len)
			break;
	}
	return sum ? (ssize_t)sum : -EFAULT;
}

/* ---- looks ---- */

static void check_row(struct victim *v, const struct walk_thread *t)
{
	const struct walk_code *code;
	uint32_t i;

	must(t->loss < LOSS_CAUSES && t->depth <= WALK_DEPTH_MAX);
	for (i = 0; i < t->depth; i++) {
		code = walker_code(v->walker, t->frames[i].info);
		must(t->frames[i].serial <= code->serial);
		must(strlen(code->name) <= 3 * WALK_NAME_MAX &&
		     strlen(code->file) <= 3 * WALK_FILE_MAX);
		must_be_clean(code->name);
		must_be_clean(code->file);
		walker_line(v->walker, &t->frames[i]);
	}
}

static void check_rows(struct victim *v)
{
	const struct walk_thread *t;
	size_t i, n;

	t = walker_threads(v->walker, &n);
	must(n <= WALK_THREADS_MAX + WALK_INTERPRETERS_MAX);
	for (i = 0; i < n && i < 8; i++)
		check_row(v, &t[i]);
}

static void look_at_locals(struct victim *v, size_t row)
{
	struct value_limits limits = {.bytes = 100, .items = 8, .depth = 3,
				      .until = clock_mono() + 1000000000u};
	const struct walk_thread *t;
	const struct variable *local;
	size_t n, k;
	uint32_t i;

	walker_read_locals(v->walker, row, &limits);
	t = walker_threads(v->walker, &n) + row;
	for (i = 0; i < t->depth; i++) {
		for (k = 0; (local = walker_local(v->walker, row,
						  t->frames[i].addr, k)); k++) {
			must_be_clean(local->name);
			must_be_clean(local->value);
			must(strlen(local->value) <= 100 + 3);
		}
	}
}

static void look_at_name(struct victim *v, const struct walk_thread *t)
{
	struct str name;

	str_init(&name);
	walker_thread_name(v->walker, t->ident, &name);
	must_be_clean(name.data);
	str_release(&name);
}

enum look { FULL, LEAN, TWIN, FOLLOW, AGAIN, STILL, GRAB, HOLD, LEAVE, LOCALS,
	NAME, LOOKS };

static void look_at_row(struct victim *v, unsigned what, size_t row)
{
	struct walker *w = v->walker;
	size_t n;

	walker_threads(w, &n);
	if (!n)
		return;
	row %= n;
	switch (what) {
	case AGAIN:
	case STILL:
		walker_again(w, row, what == STILL);
		break;
	case GRAB:
		if (!walker_grab(w, row)) {
			look_at_locals(v, row);
			walker_take(w, row, 1);
		}
		break;
	case HOLD:
		walker_hold(w, row, v->reads & 1);
		walker_asleep(w, row, v->reads & 2);
		break;
	case LEAVE:
		(v->reads & 4 ? walker_leave : walker_later)(w, row);
		break;
	case LOCALS:
		look_at_locals(v, row);
		break;
	default:
		look_at_name(v, walker_threads(w, &n) + row);
	}
}

static void look(struct victim *v, unsigned how)
{
	static const uint64_t later[] = {1000000, 10000, 1000};
	unsigned what = how % 16 % LOOKS;
	bool checked;

	if (what <= TWIN) {
		v->now += later[what];
		walker_snapshot(v->walker, v->now);
	} else if (what == FOLLOW) {
		walker_follow(v->walker, v->now);
		walker_self_check(v->walker, &checked, NULL);
	} else {
		look_at_row(v, what, how / 16);
	}
	check_rows(v);
}

static void step(struct victim *v, struct cursor *c)
{
	unsigned what = cursor_u8(c) % STEPS, n, i;

	if (what < LATER) {
		change(v, c, what, true);
	} else if (what == LOOK) {
		n = cursor_u8(c);
		if (v->looks++ < LOOKS_MAX)
			look(v, n);
	} else {
		v->reads = cursor_u8(c);
		n = cursor_u8(c) % 8;
		v->later = *c;
		v->changes = n;
		for (i = 0; i < n; i++) {
			what = cursor_u8(c) % LATER;
			change(v, c, what, false);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct victim v;
	struct cursor c;
	unsigned i;

	if (!len)
		return 0;
	v.shape = shape_of(data[0]);
	v.reads = v.changes = v.looks = 0;
	v.now = 1000000000;
	memcpy(v.memory, v.shape->memory, v.shape->len);
	v.remote = remote_new_reader(read_victim, &v);
	v.walker = walker_new(v.remote, &v.shape->layout, &v.shape->entry, PID);
	cursor_init(&c, data + 1, len - 1);
	for (i = 0; i < STEPS_MAX && cursor_left(&c); i++)
		step(&v, &c);
	if (!v.looks)
		look(&v, FULL);
	walker_free(v.walker);
	remote_free(v.remote);
	return 0;
}

/* ---- seeds ---- */

static const uint8_t looks[][8] = {
	{FULL, TWIN, NAME}, {FULL, LOCALS, LEAN}, {FULL, STILL, AGAIN},
	{FULL, GRAB, FOLLOW, 16 + GRAB}, {FULL, HOLD, LEAVE, TWIN},
};
#define KINDS (sizeof(looks) / sizeof(*looks))

/*
 * Looks at what is whole, and a change after some reads; some kinds of looks
 * for each shape, so that none takes long.
 */
void fuzz_seeds(seed_fn *add)
{
	static const uint8_t end[] = {LATER, 12, 1, COPY, 200, 2, 240, 2,
				      LOOK, FULL};
	unsigned which, i, k;
	struct str s;

	for (which = 0; which < SHAPES; which++) {
		for (i = which % 2; i < KINDS; i += 2) {
			str_init(&s);
			str_add_u8(&s, (uint8_t)which);
			for (k = 0; looks[i][k] || !k; k++) {
				str_add_u8(&s, LOOK);
				str_add_u8(&s, looks[i][k]);
			}
			str_add(&s, end, sizeof(end));
			add(s.data, s.len);
			str_release(&s);
		}
	}
}
