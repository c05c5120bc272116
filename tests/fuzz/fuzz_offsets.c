/*
 * _Py_DebugOffsets, and what is read with a layout that came of them: heads of
 * str and code objects. Input: two bytes of the length of the table, the
 * table, an object's head and text.
 */
#include <string.h>

#include "base.h"
#include "cpython.h"
#include "fuzz.h"
#include "tests/lib/debug_tables.h"
#include "tests/lib/shape.h"

/* What a layout promises to who reads with it. */
static void check(const struct layout *l)
{
	must(l->major == 3 && l->minor >= 13);
	must(l->frames == FRAMES_CHUNKS && l->lines == LINES_LOCATIONS);
	must(l->thread.size > 0 && l->interp.size > 0 && l->iframe.size > 0);
	must(l->thread.span_from >= 0 && l->thread.span_from <=
	     l->thread.span_to && l->thread.span_to <= l->thread.size);
	must(l->interp.span_from >= 0 && l->interp.span_from <=
	     l->interp.span_to && l->interp.span_to <= l->interp.size);
	must(l->runtime.span_from >= 0 &&
	     l->runtime.span_from <= l->runtime.span_to);
	must(l->code.ident_from >= 0 &&
	     l->code.ident_from <= l->code.ident_to &&
	     l->code.ident_to <= l->code.size);
	must(l->iframe.localsplus <= l->iframe.size);
}

/*
 * An interpreter of the same minor version, read as that layout says; whatever
 * comes of it.
 */
static void walk(const struct layout *l, unsigned which)
{
	struct value_limits limits = {.bytes = 100, .items = 8, .depth = 3,
				      .until = clock_mono() + 1000000000u};
	const struct shape *s = shape_of(which);
	struct remote *r = remote_new_buffers();
	const struct walk_thread *t;
	struct walker *w;
	struct str name;
	size_t n;

	remote_add(r, SHAPE_BASE, s->memory, s->len);
	w = walker_new(r, l, &s->entry, 42);
	walker_snapshot(w, 1000000000);
	t = walker_threads(w, &n);
	if (n) {
		walker_read_locals(w, 0, &limits);
		str_init(&name);
		walker_thread_name(w, t->ident, &name);
		str_release(&name);
	}
	walker_free(w);
	remote_free(r);
}

static void objects(const struct layout *l, const uint8_t *data, size_t len)
{
	size_t head = len < TEXT_HEAD ? len : TEXT_HEAD;
	struct text_place place;
	struct str out;
	uint8_t *copy;

	copy = own_copy(data, head);
	code_frame_bytes(l, copy, head);
	if (!text_place_of(l, copy, head, &place)) {
		must(place.width == 1 || place.width == 2 || place.width == 4);
		free(copy);
		copy = own_copy(data + head, len - head);
		str_init(&out);
		text_decode(&out, &place, copy, len - head);
		must(out.len <= 3 * (len - head) + 4);
		str_release(&out);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct err err = {""};
	struct layout l, was;
	uint8_t *table;
	size_t n;
	int ret;

	if (len < 2)
		return 0;
	n = data[0] | (size_t)data[1] << 8;
	if (n > len - 2)
		n = len - 2;
	table = own_copy(data + 2, n);
	memset(&l, 0x5a, sizeof(l));
	was = l;
	ret = layout_from_offsets(&l, table, n, &err);
	must(!ret == !err.msg[0]);
	if (ret) {
		must(!memcmp(&l, &was, sizeof(l)));
	} else {
		must(offsets_version(table, n) >> 24 == 3);
		check(&l);
		walk(&l, shape_like(&l));
	}
	if (ret)
		layout_for_version(&l, 0x03060000u + data[0] % 10u * 0x10000u,
				   NULL);
	objects(&l, data + 2 + n, len - 2 - n);
	free(table);
	return 0;
}

void fuzz_seeds(seed_fn *add)
{
	static const char tail[] = "text \xe4\xf6\xfc";
	struct str s, table;
	struct layout l;
	size_t i, start;

	for (i = 0; i < BUILDS; i++) {
		debug_table(&table, &builds[i]);
		must(!layout_from_offsets(&l, table.data, table.len, NULL));
		str_init(&s);
		str_add_u16(&s, (uint16_t)table.len);
		str_add(&s, table.data, table.len);
		/* A compact str of Latin-1. */
		start = s.len;
		while (s.len < start + TEXT_HEAD)
			str_addc(&s, 0);
		s.data[start + (size_t)l.object.unicode_length] = 8;
		s.data[start + (size_t)l.object.unicode_state +
		       l.object.kind_shift / 8u] |=
			(char)(1 << l.object.kind_shift % 8u);
		s.data[start + (size_t)l.object.unicode_state +
		       l.object.compact_shift / 8u] |=
			(char)(1 << l.object.compact_shift % 8u);
		str_add(&s, tail, sizeof(tail));
		add(s.data, s.len);
		str_release(&s);
		str_release(&table);
	}
}
