/*
 * Payloads of a recording's blocks, behind checksums and compression. Input:
 * blocks one after the other: 2 bytes of length, one of which bit 0 says that
 * it opens a chain, the payload.
 */
#include <string.h>

#include "base.h"
#include "fuzz.h"
#include "src/recording/reader_priv.h"
#include "tests/fuzz/hearer.h"
#include "tests/lib/payloads.h"

struct reading {
	struct chain chain;
	struct block block;
	struct player player;
	struct hearer hearer;
};

static void take(struct reading *r, const uint8_t *raw, size_t len, bool opens)
{
	struct chain *c = &r->chain;
	uint8_t *copy = own_copy(raw, len);

	if (opens || c->alive) {
		c->alive = chain_decode(c, &r->block, copy, len, opens);
		/* Our sink takes everything. */
		if (c->alive)
			must(!player_play(&r->player, c, &r->block));
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct reading r;
	size_t n, at = 0;

	memset(&r, 0, sizeof(r));
	hearer_init(&r.hearer);
	chain_init(&r.chain);
	player_init(&r.player, &r.hearer.sink);
	while (len - at >= 3) {
		n = data[at] | (size_t)data[at + 1] << 8;
		if (n > len - at - 3)
			n = len - at - 3;
		if (n) /* the reader refuses empty ones */
			take(&r, data + at + 3, n, data[at + 2] & 1);
		at += 3 + n;
	}
	player_release(&r.player);
	chain_release(&r.chain);
	block_release(&r.block);
	return 0;
}

static void add_payload(void *arg, const struct header *h, const uint8_t *raw,
			size_t len)
{
	struct str *s = arg;

	str_add_u16(s, (uint16_t)len);
	str_add_u8(s, !(h->flags & HEADER_CONTINUES));
	str_add(s, raw, len);
}

void fuzz_seeds(seed_fn *add)
{
	struct str recording, s;
	unsigned i;

	for (i = 0; i < HEARER_RECORDINGS; i++) {
		str_init(&recording);
		str_init(&s);
		make_recording(&recording, i);
		must(each_payload(recording.data, recording.len, add_payload,
				  &s));
		add(s.data, s.len);
		str_release(&recording);
		str_release(&s);
	}
}
