/*
 * The header of a block, and what else both sides have.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base.h"
#include "profile.h"
#include "recording.h"
#include "recording_priv.h"

enum { /* offsets */
	AT_VERSION = 8,
	AT_FLAGS = 10,
	AT_PACKED_LEN = 12,
	AT_RAW_LEN = 16,
	AT_CRC = 20,
	AT_LINK = 24,
	AT_HEADER_CRC = 28,
};

const uint8_t recording_magic[MAGIC_LEN] = {
	0x93, 'S', 'T', 'R', 'O', 'B', 'E', '\n'};

uint32_t block_checksum(const void *data, size_t len)
{
	/* Lengths of payloads and headers are far below zlib's uInt. */
	return (uint32_t)crc32(0, data, (uInt)len);
}

static void put(uint8_t *to, uint32_t v, size_t bytes)
{
	for (; bytes; bytes--, v >>= 8)
		*to++ = (uint8_t)v;
}

void header_encode(const struct header *h, uint8_t to[HEADER_LEN])
{
	memcpy(to, recording_magic, MAGIC_LEN);
	put(to + AT_VERSION, h->version, 2);
	put(to + AT_FLAGS, h->flags, 2);
	put(to + AT_PACKED_LEN, h->packed_len, 4);
	put(to + AT_RAW_LEN, h->raw_len, 4);
	put(to + AT_CRC, h->crc, 4);
	put(to + AT_LINK, h->link, 4);
	put(to + AT_HEADER_CRC, block_checksum(to, AT_HEADER_CRC), 4);
}

bool header_decode(struct header *h, const uint8_t from[HEADER_LEN])
{
	struct cursor c;

	if (memcmp(from, recording_magic, MAGIC_LEN) != 0)
		return false;
	cursor_init(&c, from + AT_VERSION, HEADER_LEN - AT_VERSION);
	h->version = cursor_u16(&c);
	h->flags = cursor_u16(&c);
	h->packed_len = cursor_u32(&c);
	h->raw_len = cursor_u32(&c);
	h->crc = cursor_u32(&c);
	h->link = cursor_u32(&c);
	return cursor_u32(&c) == block_checksum(from, AT_HEADER_CRC);
}

int recording_is(const void *head, size_t len)
{
	return len >= MAGIC_LEN && !memcmp(head, recording_magic, MAGIC_LEN);
}

void expect_init(struct expected *e, const struct run_info *run,
		 uint64_t number)
{
	*e = (struct expected){
		.period = run->period_ns,
		.seed = run->seed,
		.number = number,
		.begin = -tick_jitter(run->seed, number, run->period_ns),
	};
}

uint64_t expect(const struct expected *e)
{
	return e->begin + tick_jitter(e->seed, e->number, e->period);
}

void expect_next(struct expected *e, uint32_t missed)
{
	uint64_t steps = 1 + (uint64_t)missed;

	e->begin += steps * e->period;
	if (e->number)
		e->number += steps;
}

void pace_init(struct pace *p)
{
	*p = (struct pace){.other = true};
}

void pace_next(struct pace *p, uint64_t step)
{
	bool other = step != p->step;

	if (other && p->other)
		p->step = step;
	p->other = other;
}

void past_add(struct past *p, const uint8_t *bytes, size_t len)
{
	size_t kept = PAST_MAX - (len < PAST_MAX ? len : PAST_MAX);

	if (kept > p->len)
		kept = p->len;
	memmove(p->bytes, p->bytes + p->len - kept, kept);
	if (len > PAST_MAX) {
		bytes += len - PAST_MAX;
		len = PAST_MAX;
	}
	memcpy(p->bytes + kept, bytes, len);
	p->len = kept + len;
}

void run_release(struct run_info *run)
{
	free((char *)run->host);
	free((char *)run->kernel);
	free((char *)run->program);
}
