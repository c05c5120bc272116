/*
 * Objects of any version in hostile memory, as text. Input: which shape
 * (shape.h), two bytes of where the object is, the memory from SHAPE_BASE on.
 * Beyond its end memory begins anew, so that most pointers lead somewhere; at
 * addresses with the top byte set there is none.
 */
#include <errno.h>
#include <string.h>

#include "base.h"
#include "fuzz.h"
#include "src/walk/walk_priv.h"
#include "tests/lib/shape.h"

#define HEAD 3
#define BYTES 200u
#define READS_MAX 100000u /* for one object: far more than it may take */

struct heap {
	const uint8_t *data;
	size_t len;
	unsigned reads;
};

static size_t copy(const struct heap *h, const struct range *r)
{
	size_t off = (size_t)((r->addr - SHAPE_BASE) % h->len);
	size_t n = h->len - off < r->len ? h->len - off : r->len;

	if (r->addr >> 56)
		return 0;
	memcpy(r->to, h->data + off, n);
	return n;
}

static ssize_t read_heap(void *arg, const struct range *ranges, size_t n)
{
	struct heap *h = arg;
	size_t i, got, sum = 0;

	for (i = 0; i < n; i++) {
		got = copy(h, &ranges[i]);
		sum += got;
		must(h->reads++ < READS_MAX);
		if (got < ranges[i].len)
			break;
	}
	return sum ? (ssize_t)sum : -EFAULT;
}

static void look(struct walker *w, raddr object)
{
	struct value_limits limits = {.bytes = BYTES, .items = 10, .depth = 4,
				      .until = UINT64_MAX};
	struct str out;

	str_init(&out);
	value_text(w, object, &limits, &out);
	must_be_clean(out.data);
	must(out.len && out.len <= BYTES + 3);
	object_attribute(w, object, "_name");
	dict_item(w, object, "_name");
	value_is(w, object, "cell");
	str_clear(&out);
	read_text(w, object, 100, &out);
	must_be_clean(out.data);
	str_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct heap h = {.data = data + HEAD, .len = len - HEAD};
	const struct shape *s;
	struct remote *r;
	struct walker *w;

	if (len <= HEAD)
		return 0;
	s = shape_of(data[0]);
	r = remote_new_reader(read_heap, &h);
	w = walker_new(r, &s->layout, &s->entry, 42);
	look(w, SHAPE_BASE + (data[1] | (raddr)data[2] << 8));
	walker_free(w);
	remote_free(r);
	return 0;
}

void fuzz_seeds(seed_fn *add)
{
	const struct shape *shape;
	unsigned which, i;
	struct str s;

	for (which = 0; which < SHAPES; which++) {
		shape = shape_of(which);
		/* A few objects of each version, others of the next one. */
		for (i = which % 5; i < shape->nroots; i += 5) {
			str_init(&s);
			str_add_u8(&s, (uint8_t)which);
			str_add_u16(&s, (uint16_t)(shape->roots[i] -
						   SHAPE_BASE));
			str_add(&s, shape->memory, shape->objects);
			add(s.data, s.len);
			str_release(&s);
		}
	}
}
