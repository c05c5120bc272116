/*
 * gzip: without a time or a name in its head, so that the same input gives
 * the same bytes.
 */
#include <errno.h>
#include <zlib.h>

#include "render_priv.h"

#define GZIP_WINDOW (15 + 16) /* zlib's largest, and a head of gzip */

int add_gzip(struct str *out, const struct str *data, struct err *err)
{
	z_stream z = {.next_in = (unsigned char *)data->data,
		      .avail_in = (uInt)data->len};
	size_t bound;
	int ret;

	if (data->len > UINT32_MAX / 2)
		return err_set(err, -E2BIG, "the profile has more than 2 GiB "
			       "in this format; choose a part of it");
	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return err_set(err, -ENOMEM, "zlib has no memory");
	bound = deflateBound(&z, (uLong)data->len);
	str_reserve(out, bound + 1);
	z.next_out = (unsigned char *)out->data + out->len;
	z.avail_out = (uInt)bound;
	ret = deflate(&z, Z_FINISH);
	out->len += bound - z.avail_out;
	out->data[out->len] = '\0';
	deflateEnd(&z);
	return ret == Z_STREAM_END ? 0 : err_set(err, -EIO, "zlib failed");
}
