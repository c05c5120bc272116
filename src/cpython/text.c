/*
 * str objects (2.7: str and unicode are apart; code objects have str).
 * Source: Include/cpython/unicodeobject.h, Include/stringobject.h (2.7).
 * A str of 3.x has no surrogate pairs: each unit is a whole character.
 */
#include <errno.h>
#include <string.h>

#include "base.h"
#include "cpython.h"

static uint64_t field(const void *head, size_t len, int32_t off)
{
	return at_u64(head, len, (size_t)off);
}

static int py2_place(const struct layout *l, const void *head, size_t len,
		     struct text_place *out)
{
	if (len < (size_t)l->object.bytes_data)
		return -EFAULT;
	*out = (struct text_place){
		.units = field(head, len, l->object.var_size),
		.width = 1,
		.at = (uint64_t)l->object.bytes_data,
	};
	return 0;
}

int text_place_of(const struct layout *l, const void *head, size_t len,
		  struct text_place *out)
{
	uint32_t state;

	if (l->major == 2)
		return py2_place(l, head, len, out);
	if (len < (size_t)l->object.ascii_data)
		return -EFAULT;
	state = at_u32(head, len, (size_t)l->object.unicode_state);
	*out = (struct text_place){
		.units = field(head, len, l->object.unicode_length),
		.width = (uint8_t)(state >> l->object.kind_shift & 7),
		.latin1 = true,
		.interned = (state & ((1u << l->object.kind_shift) - 1)) > 0,
	};
	if (out->width != 1 && out->width != 2 && out->width != 4)
		return -EBADMSG;
	if (state >> l->object.ascii_shift & 1 && out->width != 1)
		return -EBADMSG;
	if (!(state >> l->object.compact_shift & 1)) {
		/* A subclass of str: its text lies apart. */
		if (len < (size_t)l->object.compact_data + 8)
			return -EFAULT;
		out->pointer = true;
		out->at = field(head, len, l->object.compact_data);
	} else if (state >> l->object.ascii_shift & 1) {
		out->at = (uint64_t)l->object.ascii_data;
	} else {
		out->at = (uint64_t)l->object.compact_data;
	}
	return 0;
}

void text_decode(struct str *out, const struct text_place *place,
		 const void *data, size_t len)
{
	struct cursor c;

	if (!place->latin1) {
		str_add_clean(out, data, len);
		return;
	}
	cursor_init(&c, data, len);
	while (cursor_left(&c) >= place->width) {
		if (place->width == 1)
			str_add_point(out, cursor_u8(&c));
		else if (place->width == 2)
			str_add_point(out, cursor_u16(&c));
		else
			str_add_point(out, cursor_u32(&c));
	}
}
