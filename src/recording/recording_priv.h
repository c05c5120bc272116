/*
 * recording_priv.h - facts of the format that both sides share: the header of
 * a block, record types, limits. man/pystrobe-format.5 is where they are
 * specified.
 */
#ifndef PYSTROBE_RECORDING_PRIV_H
#define PYSTROBE_RECORDING_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run_info;

#define FORMAT_VERSION 3u
#define MAGIC_LEN 8u
#define HEADER_LEN 32u

/* What a reader refuses. */
#define RAW_MAX (16u << 20)               /* a payload, decompressed */
#define PACKED_MAX (RAW_MAX + (64u << 10)) /* a payload in the file */
#define TEXT_MAX 65535u                   /* bytes of one text */
#define CHAIN_TEXT_MAX (16u << 20) /* bytes, but for names of threads */
#define TABLE_MAX (1u << 20)              /* rows of one table */
#define PROCESSES_MAX 65536u              /* of a chain */
#define DEPTH_MAX 32768u                  /* frames of a stack */
#define BLOCK_THREADS_MAX (1u << 20) /* rows of THREADS; columns of SAMPLES */
#define CELLS_MAX (1u << 22) /* of a block: sum of ticks * (threads + 1) */
#define SHIFT_MAX 40u
#define PAST_MAX 32768u /* of a chain, from which a payload may copy: zlib's window */

enum header_flag {
	HEADER_CONTINUES = 1, /* the chain of the block before */
	HEADER_FLAGS = HEADER_CONTINUES,
};

struct header {
	uint32_t version, flags;
	uint32_t packed_len, raw_len;
	uint32_t crc;  /* of the payload */
	uint32_t link; /* crc of the block before in the chain */
};

void header_encode(const struct header *h, uint8_t to[HEADER_LEN]);
/* False unless magic and checksum are right; nothing else is checked. */
bool header_decode(struct header *h, const uint8_t from[HEADER_LEN]);
uint32_t block_checksum(const void *data, size_t len);

/*
 * When the ticks of a SAMPLES record are to be expected, as the time since
 * its first one: as in the schedule, or a period apart. All modulo 2^64.
 */
struct expected {
	uint64_t period, seed;
	uint64_t number; /* in the schedule, of the present tick; 0: none */
	uint64_t begin;  /* of its period */
};

void expect_init(struct expected *e, const struct run_info *run,
		 uint64_t number);
/* The time of the present tick. */
uint64_t expect(const struct expected *e);
/* Goes on to the next one, before which so many were missed. */
void expect_next(struct expected *e, uint32_t missed);

/*
 * The step that is to be expected between two ticks that are equally far
 * apart, for the most part: one alone that is another changes nothing.
 */
struct pace {
	uint64_t step;
	bool other; /* the last one was another */
};

void pace_init(struct pace *p);
void pace_next(struct pace *p, uint64_t step);

/* The last bytes of the payloads of a chain, decompressed. */
struct past {
	uint8_t bytes[PAST_MAX];
	size_t len;
};

void past_add(struct past *p, const uint8_t *bytes, size_t len);

/* Frees texts that are our copies. */
void run_release(struct run_info *run);

extern const uint8_t recording_magic[MAGIC_LEN];

enum record_type {
	RECORD_RUN = 1,
	RECORD_PROCESS,
	RECORD_THREADS,
	RECORD_STRINGS,
	RECORD_CODES,
	RECORD_FRAMES,
	RECORD_STACKS,
	RECORD_STATES,
	RECORD_CASES,
	RECORD_SAMPLES,
	RECORD_REPEATS,
	RECORD_TYPES,
};

enum samples_flag {
	SAMPLES_CONTINUE = 1, /* the first tick is the last one of before */
	SAMPLES_SCHEDULED = 2, /* ticks have numbers in the run's schedule, */
	SAMPLES_EVEN = 4, /* or are equally far apart, mostly, since version 3 */
	SAMPLES_FLAGS = SAMPLES_CONTINUE | SAMPLES_SCHEDULED | SAMPLES_EVEN,
};

/*
 * Tokens of a thread's column of samples; a case k is k + TOKEN_CASES, but the
 * next one of those that this block defines is TOKEN_NEXT. Version 1 did not
 * have that.
 */
enum sample_token { TOKEN_REPEAT, TOKEN_ABSENT, TOKEN_NEXT, TOKEN_CASES };

#endif
