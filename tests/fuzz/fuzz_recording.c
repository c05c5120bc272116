/*
 * A whole recording. Input: a byte, of which bit 0 says that checksums of
 * what looks like a block are mended first, so that damage behind them is
 * seen; the file.
 */
#include <string.h>

#include "base.h"
#include "fuzz.h"
#include "recording.h"
#include "src/recording/recording_priv.h"
#include "tests/fuzz/hearer.h"

/* Checksums and links, from block to block as the reader goes. */
static void mend(uint8_t *data, size_t len)
{
	uint8_t *at = data, *end = data + len;
	struct header h;
	uint32_t left, crc, link = 0;
	size_t i;

	while ((at = memmem(at, (size_t)(end - at), recording_magic,
			    MAGIC_LEN)) &&
	       (size_t)(end - at) >= HEADER_LEN) {
		crc = block_checksum(at, HEADER_LEN - 4);
		for (i = 0; i < 4; i++)
			at[HEADER_LEN - 4 + i] = (uint8_t)(crc >> 8 * i);
		must(header_decode(&h, at));
		left = (uint32_t)(end - at) - HEADER_LEN;
		if (h.packed_len > left)
			h.packed_len = left;
		h.crc = block_checksum(at + HEADER_LEN, h.packed_len);
		if (h.flags & HEADER_CONTINUES)
			h.link = link;
		link = h.crc;
		header_encode(&h, at);
		at += HEADER_LEN + h.packed_len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct read_report report;
	struct hearer hearer;
	struct err err = {""};
	uint8_t *copy;
	int ret;

	if (!len)
		return 0;
	copy = own_copy(data + 1, len - 1);
	if (data[0] & 1)
		mend(copy, len - 1);
	hearer_init(&hearer);
	ret = recording_read_bytes(copy, len - 1, "x", &hearer.sink, &report,
				   &err);
	/* Each byte was read, or passed over; an error has its sentence. */
	must(report.bytes == len - 1);
	must(report.skipped_bytes <= report.bytes);
	must(!ret == !err.msg[0] && !ret == !!report.blocks);
	free(copy);
	return 0;
}

void fuzz_seeds(seed_fn *add)
{
	struct str s;
	unsigned i;

	for (i = 0; i < HEARER_RECORDINGS; i++) {
		str_init(&s);
		str_addc(&s, 1);
		make_recording(&s, i);
		add(s.data, s.len);
		str_release(&s);
	}
}
