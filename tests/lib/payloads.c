#include <stdlib.h>

#include "base.h"
#include "src/recording/reader_priv.h"
#include "tests/lib/payloads.h"

bool each_payload(const void *data, size_t len, payload_fn *each, void *arg)
{
	const uint8_t *at = data, *end = at + len;
	struct unpacker u;
	struct header h;
	bool right;
	uint8_t *raw;

	right = !unpacker_init(&u);
	while (right && at < end) {
		right = header_decode(&h, at);
		if (!right)
			break;
		raw = xmalloc(h.raw_len);
		right = unpack_payload(&u, &h, at + HEADER_LEN, raw);
		if (right)
			each(arg, &h, raw, h.raw_len);
		free(raw);
		at += HEADER_LEN + h.packed_len;
	}
	unpacker_release(&u);
	return right;
}
