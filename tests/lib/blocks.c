#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "recording.h"
#include "src/recording/recording_priv.h"
#include "tests/lib/blocks.h"
#include "tests/lib/guard.h"
#include "tests/lib/tape.h"

int read_bytes(const void *data, size_t len, struct tape *tape,
	       struct read_report *report)
{
	struct guard g;
	int ret;

	guard_init(&g, data, len);
	tape_init(tape, SHIFT);
	ret = recording_read_bytes(g.data, len, "x", &tape->sink, report,
				   NULL);
	guard_release(&g);
	/* Each byte was read, or passed over. */
	assert_int_equal(report->bytes, len);
	return ret;
}

void add_block(struct str *to, const struct header *like, const void *raw,
	       size_t len)
{
	uLongf packed = compressBound(len);
	struct header h = *like;
	uint8_t head[HEADER_LEN];
	Bytef *body = xmalloc(packed);

	assert_int_equal(compress2(body, &packed, raw, len, 6), Z_OK);
	h.packed_len = (uint32_t)packed;
	if (!h.raw_len)
		h.raw_len = (uint32_t)len;
	h.crc = block_checksum(body, packed);
	header_encode(&h, head);
	str_add(to, head, HEADER_LEN);
	str_add(to, body, packed);
	free(body);
}

int read_block(const struct header *like, const void *raw, size_t len,
	       struct tape *tape, struct read_report *report)
{
	struct str bytes;
	int ret;

	str_init(&bytes);
	add_block(&bytes, like, raw, len);
	ret = read_bytes(bytes.data, bytes.len, tape, report);
	str_release(&bytes);
	return ret;
}
