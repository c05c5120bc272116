/*
 * Payloads of blocks, decompressed: what continues a chain may copy from what came
 * before it.
 */
#include <errno.h>

#include "reader_priv.h"

int unpacker_init(struct unpacker *u)
{
	u->past.len = 0;
	u->z = (z_stream){.zalloc = NULL};
	return inflateInit(&u->z) == Z_OK ? 0 : -ENOMEM;
}

void unpacker_release(struct unpacker *u)
{
	inflateEnd(&u->z);
}

bool unpack_payload(struct unpacker *u, const struct header *h,
		    const uint8_t *packed, uint8_t *raw)
{
	z_stream *z = &u->z;
	int ret;

	if (!(h->flags & HEADER_CONTINUES))
		u->past.len = 0;
	if (inflateReset(z) != Z_OK)
		return false;
	z->next_in = (Bytef *)packed;
	z->avail_in = h->packed_len;
	z->next_out = raw;
	z->avail_out = h->raw_len;
	ret = inflate(z, Z_FINISH);
	/* There is none in what opens a chain, nor in versions 1 and 2. */
	if (ret == Z_NEED_DICT && u->past.len && h->version > 2 &&
	    inflateSetDictionary(z, u->past.bytes, (uInt)u->past.len) == Z_OK)
		ret = inflate(z, Z_FINISH);
	if (ret != Z_STREAM_END || z->avail_in || z->avail_out)
		return false;
	past_add(&u->past, raw, h->raw_len);
	return true;
}
