/*
 * recording: payloads whose checksums are right and whose records are not.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recording.h"
#include "src/recording/recording_priv.h"
#include "tests/lib/blocks.h"
#include "tests/lib/tape.h"

static const struct header plain = {.version = FORMAT_VERSION};

struct payload {
	struct str raw;
	size_t len_at; /* of the open record */
};

/* Records of up to 127 bytes, or as long as add_record says. */
static void add_record(struct str *raw, unsigned type, const void *data,
		       size_t len)
{
	str_add_varint(raw, type);
	str_add_varint(raw, len);
	str_add(raw, data, len);
}

/*
 * RUN, a process, a string, a code, a frame, two stacks, a state, a case and
 * three ticks of two threads; one of the parts replaced.
 */
static const struct part {
	unsigned type;
	const char *data;
	size_t len;
} parts[] = {
	{RECORD_RUN, "\x80\x08\x02\x03\x04\0\0\0", 8}, /* period 1024 */
	{RECORD_PROCESS, "\x07\0\0\0\0", 5},
	{RECORD_THREADS, "\0\0\x0e\0\0\x01t", 7},
	{RECORD_STRINGS, "\x02\x01\x01" "fg", 5},
	{RECORD_CODES, "\0\0\x05", 3},
	{RECORD_FRAMES, "\0\x02\0", 3},
	{RECORD_STACKS, "\0\0" "\0\x01", 4},
	{RECORD_STATES, "\x01\x01\0\0", 4},
	{RECORD_CASES, "\x04\0\0", 3},
	{RECORD_SAMPLES, "\0\0\x0a\x03\x03\0\x64\0\0\0\x02\x07\0"
			 "\x03\0\x02" "\x02\x01\x03", 19},
	{RECORD_REPEATS, "\0\x01\x05", 3},
};
#define NPARTS (sizeof(parts) / sizeof(parts[0]))

static void make_payload(struct str *raw, size_t instead, const void *data,
			 size_t len)
{
	size_t i;

	str_init(raw);
	for (i = 0; i < NPARTS; i++)
		if (i == instead)
			add_record(raw, parts[i].type, data, len);
		else
			add_record(raw, parts[i].type, parts[i].data,
				   parts[i].len);
}

static void the_plain_payload_is_right(void **state)
{
	struct read_report report;
	struct tape tape;
	struct str raw;

	(void)state;
	make_payload(&raw, NPARTS, NULL, 0);
	assert_int_equal(read_block(&plain, raw.data, raw.len, &tape, &report),
			 0);
	assert_string_equal(tape_text(&tape),
			    "run 2 3 1024 4 '' '' ''\n"
			    "process 7 0 0 '' ''\n"
			    "thread 7 7 0 0 't'\n"
			    "tick 7 0\n"
			    " 7 1:1:0:'' 0 f(g:5:6:0) f(g:5:6:0)\n"
			    " 8 1:1:0:'' 0 f(g:5:6:0) f(g:5:6:0)\n"
			    "tick 7 0 and 5 more\n"
			    " 7 1:1:0:'' 0 f(g:5:6:0) f(g:5:6:0)\n"
			    "tick 7 0\n"
			    " 7 1:1:0:'' 0 f(g:5:6:0) f(g:5:6:0)\n"
			    " 8 1:1:0:'' 0 f(g:5:6:0) f(g:5:6:0)\n");
	assert_int_equal(tape.ntimes, 3);
	assert_int_equal(tape.times[0], 100);
	assert_int_equal(tape.times[1], 1124);
	assert_int_equal(tape.times[2], 2148);
	tape_release(&tape);
	str_release(&raw);
}

/* Ticks 5, 6 and 9 of the schedule, the last two a unit late. */
static void ticks_of_a_schedule(void **state)
{
	static const char samples[] =
		"\0\x02\x0a\x03\x02\0\x01\x02\x05\xe8\x07\0\x01\x01"
		"\x01\x07\x02\0\x02";
	struct read_report report;
	struct tape tape;
	struct str raw;
	size_t i;

	(void)state;
	make_payload(&raw, 9, samples, sizeof(samples) - 1);
	assert_int_equal(read_block(&plain, raw.data, raw.len, &tape, &report),
			 0);
	assert_int_equal(tape.ntimes, 3);
	for (i = 0; i < 3; i++) {
		static const uint32_t periods[] = {0, 1, 4};
		uint64_t jitter = tick_jitter(4, 5 + periods[i], 1024) -
				  tick_jitter(4, 5, 1024);

		assert_int_equal(tape.times[i], 1000 + 1024 * periods[i] +
						jitter + (i ? 1024 : 0));
	}
	tape_release(&tape);
	str_release(&raw);
}

/* What a block of that version tells, with parts of its own: nothing if refused. */
static void told_by(struct tape *tape, uint16_t version, const struct part *own,
		    size_t nown)
{
	struct header h = {.version = version};
	struct read_report report;
	struct str raw;
	size_t i, k;

	str_init(&raw);
	for (i = 0; i < NPARTS; i++) {
		const struct part *p = &parts[i];

		for (k = 0; k < nown; k++)
			if (own[k].type == p->type)
				p = &own[k];
		if (p->len)
			add_record(&raw, p->type, p->data, p->len);
	}
	if (read_block(&h, raw.data, raw.len, tape, &report))
		assert_int_equal(tape->text.len, 0);
	str_release(&raw);
}

/*
 * In units of 8 ns: 128 each, one of 129 alone, one of 256 and then 127 each, which
 * the one that was missed had, too.
 */
static void ticks_equally_far_apart(void **state)
{
	static const char samples[] =
		"\0\x04\x03\x08\x07\0\x01\x01\xe8\x07"
		"\x80\x02\0\x02\0\x80\x02\x01\0\x01\x07\x03\0\x07";
	static const uint64_t times[] = {1000, 2024, 3048, 4080,
					 5104, 7152, 8168, 10200};
	static const struct part own = {RECORD_SAMPLES, samples,
					sizeof(samples) - 1};
	struct tape tape;

	(void)state;
	told_by(&tape, 3, &own, 1);
	assert_int_equal(tape.ntimes, 8);
	assert_memory_equal(tape.times, times, sizeof(times));
	tape_release(&tape);
	told_by(&tape, 2, &own, 1);
	assert_int_equal(tape.ntimes, 0);
	tape_release(&tape);
}

/* The second step goes back, by 1024; the third one is of 1024 from there. */
static void times_do_not_decrease(void **state)
{
	static const char samples[] =
		"\0\x04\0\x04\x04\0\xe8\x07\x80\x10\xff\x1f\x80\x20\0";
	static const struct part own[] = {
		{RECORD_SAMPLES, samples, sizeof(samples) - 1},
		{RECORD_REPEATS, "", 0}};
	struct tape tape;

	(void)state;
	told_by(&tape, 3, own, 2);
	assert_int_equal(tape.ntimes, 4);
	assert_int_equal(tape.times[1], 2024);
	assert_int_equal(tape.times[2], 2024);
	assert_int_equal(tape.times[3], 2024);
	tape_release(&tape);
}

/* From the highest stack, or from that of the row before. */
static void cases_of_versions(void **state)
{
	static const struct part own[] = {
		{RECORD_STACKS, "\0\0" "\0\x01" "\0\x01", 6},
		{RECORD_CASES, "\x04\0\0" "\x01\x01\0" "\x02\x01\0", 9},
		{RECORD_SAMPLES, "\0\0\x0a\x01\x01\0\x64\0\x01\x07\x05", 11},
		{RECORD_REPEATS, "", 0}};
	struct tape tape;

	(void)state;
	told_by(&tape, 3, own, 4);
	assert_non_null(strstr(tape_text(&tape),
			       "'' 0 f(g:5:6:0) f(g:5:6:0) f(g:5:6:0)\n"));
	tape_release(&tape);
	told_by(&tape, 2, own, 4);
	assert_non_null(strstr(tape_text(&tape),
			       "'' 0 f(g:5:6:0) f(g:5:6:0)\n"));
	tape_release(&tape);
}

enum { RUN, PROCESS, THREADS, STRINGS, CODES, FRAMES, STACKS, STATES, CASES,
	SAMPLES, REPEATS };

#define BIG "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" /* 2^64 - 1 */
#define OVER "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"
#define BAD(part, text) {part, text, sizeof(text) - 1}

static const struct bad {
	size_t part;
	const char *data;
	size_t len;
} bad[] = {
	BAD(RUN, ""), BAD(RUN, "\0\0\0\0\0\0"), BAD(RUN, "\0\0\0\0\0\0\0\0"),
	BAD(RUN, "\0\0\0\0\0\0\x01"), BAD(RUN, OVER "\0\0\0\0\0\0"),
	BAD(PROCESS, BIG "\0\0\0\0"), BAD(PROCESS, "\0\0" BIG "\0\0"),
	BAD(PROCESS, "\0\0\0\0\x80\x80\x04"),
	BAD(THREADS, ""), BAD(THREADS, "\x01"), BAD(THREADS, BIG),
	BAD(THREADS, "\0\x04\x0e\0\0\0"), /* after a tick that is not there */
	BAD(THREADS, "\0" BIG "\x0e\0\0\0"),
	BAD(THREADS, "\0\0\x01\0\0\0"), /* id -1 */
	BAD(THREADS, "\0\0" BIG "\0\0\0"),
	BAD(THREADS, "\0\0\0\0" BIG "\0"),
	BAD(THREADS, "\0\0\0\0\0\x02t"),
	BAD(STRINGS, ""), BAD(STRINGS, "\x01"), BAD(STRINGS, BIG),
	BAD(STRINGS, "\x02\x01\x02" "fg"), BAD(STRINGS, "\x02\x01" BIG "fg"),
	BAD(STRINGS, "\x02\x01\x01" "fgh"),
	BAD(STRINGS, "\x01\x01" "f"), /* the code names two */
	BAD(CODES, "\0"), BAD(CODES, "\x01\0\0"), BAD(CODES, "\0\x02\0"),
	BAD(CODES, "\0\0" BIG), BAD(CODES, "\0\0\x05\0\0\x05"),
	BAD(CODES, BIG "\0\0"),
	BAD(FRAMES, "\x01\x02\0"), BAD(FRAMES, "\0\x0b\0"), /* line -1 */
	BAD(FRAMES, "\0" BIG "\0"), BAD(FRAMES, "\0\x02\x04"),
	BAD(FRAMES, "\0\x02\0\0\0\0"), BAD(FRAMES, "\0\xfc\xff\xff\xff\x0f\0"),
	BAD(STACKS, "\x01\0"), BAD(STACKS, "\0\x01"), BAD(STACKS, "\0\0\0\0"),
	BAD(STACKS, "\0\0\x02\x01"), BAD(STACKS, BIG "\0"),
	BAD(STACKS, "\0\0"), /* the case names two */
	BAD(STATES, "\x06\0\0\0"), BAD(STATES, "\0\x04\0\0"),
	BAD(STATES, "\0\0\x80\x02\0"), BAD(STATES, "\0\0\0\x01"),
	BAD(STATES, ""),
	BAD(CASES, "\x01\0\0"), BAD(CASES, "\x06\0\0"), BAD(CASES, BIG "\0\0"),
	BAD(CASES, "\x04\x01\0"), BAD(CASES, "\x04\0\x0a"),
	BAD(CASES, "\x04\0\0\0\0\0"), BAD(CASES, ""),
	BAD(REPEATS, ""), BAD(REPEATS, "\0"), BAD(REPEATS, "\x01\0\x01"),
	BAD(REPEATS, "\0\x03\x01"), BAD(REPEATS, "\0\0\0"),
	BAD(REPEATS, "\0\0\x01\0\x01"), /* twice the same tick */
	BAD(REPEATS, "\0\x02\x01\x01\x01"), BAD(REPEATS, "\0" BIG "\x01"),
	BAD(REPEATS, "\0\0" BIG), BAD(REPEATS, "\0\0"),
	BAD(SAMPLES, ""),
	BAD(SAMPLES, "\x01\0\x0a\x01\x01\0\0\0\0"), /* process */
	BAD(SAMPLES, "\0\x08\x0a\x01\x01\0\0\0\0"), /* flags */
	BAD(SAMPLES, "\0\x06\x0a\x01\x01\0\0\0"), /* scheduled and even */
	BAD(SAMPLES, "\0\x04\0\x02\x02\0\0" OVER "\0"),
	BAD(SAMPLES, "\0\0\x29\x01\x01\0\0\0\0"),   /* shift */
	BAD(SAMPLES, "\0\x04\x29\x01\x01\0\0\0"),
	BAD(SAMPLES, "\0\0\x0a\0\0"),                /* no tick */
	BAD(SAMPLES, "\0\0\x0a" BIG "\x01\0\0\0\0"),
	BAD(SAMPLES, "\0\0\x0a\xff\xff\xff\x01\x01\0\0\0\0"),
	BAD(SAMPLES, "\0\0\x0a\x01\0\0\0\0\0"),   /* no tick in a pair */
	BAD(SAMPLES, "\0\0\x0a\x01\x02\0\0\0\0"), /* too many in a pair */
	BAD(SAMPLES, "\0\0\x0a\x01\x01" BIG "\0\0\0"),
	BAD(SAMPLES, "\0\0\x0a\x01\x01\0" OVER "\0\0"), /* time */
	BAD(SAMPLES, "\0\0\x0a\x01\x01\0\x64" OVER "\0"),
	BAD(SAMPLES, "\0\x02\x0a\x01\x01\0" OVER "\x64\0\0"), /* number */
	BAD(SAMPLES, "\0\0\x0a\x01\x01\0\x64\0" BIG),  /* threads */
	BAD(SAMPLES, "\0\0\x0a\x01\x01\0\x64\0\x01"),
	BAD(SAMPLES, "\0\0\x0a\x01\x01\0\x64\0\x01\x07"),
	BAD(SAMPLES, "\0\0\x0a\x01\x01\0\x64\0\x01" BIG "\x03"),
	BAD(SAMPLES, "\0\0\x0a\x01\x01\0\x64\0\x02"
		     "\xff\xff\xff\xff\x0f\0\x03\x03"), /* 2^32 */
	BAD(SAMPLES, "\0\0\x0a\x01\x01\0\x64\0\x01\x07\x04"), /* case */
	BAD(SAMPLES, "\0\0\x0a\x01\x01\0\x64\0\x01\x07" BIG),
	BAD(SAMPLES, "\0\0\x0a\x02\x02\0\x64\0\0\x01\x07\x02\x02"), /* next */
	BAD(SAMPLES, "\0\0\x0a\x02\x02\0\x64\0\0\x01\x07\x03\x02"),
	BAD(SAMPLES, "\0\0\x0a\x01\x01\0\x64\0\x01\x07\0\x01"), /* repeat */
	BAD(SAMPLES, "\0\0\x0a\x02\x02\0\x64\0\0\x01\x07\x03\0\0\x03"),
	BAD(SAMPLES, "\0\0\x0a\x02\x02\0\x64\0\0\x01\x07\x03\0\x02"),
	BAD(SAMPLES, "\0\0\x0a\x02\x02\0\x64\0\0\x01\x07\x03\0" BIG),
	BAD(SAMPLES, "\0\0\x0a\x01\x01\0\x64\0\x01\x07\x03\x03"), /* too long */
};

static void refuse(const struct str *raw, const char *what, size_t number)
{
	struct read_report report;
	struct tape tape;
	int ret = read_block(&plain, raw->data, raw->len, &tape, &report);

	if (ret != -EBADMSG || tape.text.len)
		print_error("%s %zu is taken\n", what, number);
	assert_int_equal(ret, -EBADMSG);
	assert_int_equal(report.bad_blocks, 1);
	assert_int_equal(tape.text.len, 0);
	tape_release(&tape);
}

static void bad_records_are_refused(void **state)
{
	struct str raw;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make_payload(&raw, bad[i].part, bad[i].data, bad[i].len);
		refuse(&raw, "bad payload", i);
		str_release(&raw);
	}
	/* Records that are there twice, or in the wrong order. */
	for (i = 0; i < NPARTS; i++) {
		if (i != RUN && i != PROCESS && i != THREADS && i != SAMPLES &&
		    i != REPEATS)
			continue;
		make_payload(&raw, NPARTS, NULL, 0);
		add_record(&raw, parts[i].type, parts[i].data, parts[i].len);
		refuse(&raw, "repeated record", i);
		str_release(&raw);
	}
	/* Each is needed, but for what is known of a thread, and of ticks. */
	for (i = 0; i < NPARTS; i++) {
		size_t k;

		if (i == THREADS || i == REPEATS)
			continue;
		str_init(&raw);
		for (k = 0; k < NPARTS; k++)
			if (k != i)
				add_record(&raw, parts[k].type, parts[k].data,
					   parts[k].len);
		refuse(&raw, "payload without", i);
		str_release(&raw);
	}
}

/* A record that claims to be longer than the payload. */
static void every_cut_payload_is_refused(void **state)
{
	size_t len, at = 0, next = 0;
	struct read_report report;
	struct str raw, ends;
	struct tape tape;
	size_t i;
	int ret;

	(void)state;
	make_payload(&raw, NPARTS, NULL, 0);
	str_init(&ends);
	for (i = 0; i < NPARTS; i++) {
		at += 2 + parts[i].len;
		str_add(&ends, &at, sizeof(at));
	}
	for (len = 1; len <= raw.len; len++) {
		ret = read_block(&plain, raw.data, len, &tape, &report);
		tape_release(&tape);
		memcpy(&at, ends.data + next * sizeof(at), sizeof(at));
		if (len < at) {
			assert_int_equal(ret, -EBADMSG);
			continue;
		}
		/* Whole records; but a thread wants its ticks. */
		assert_int_equal(ret, 0);
		next++;
	}
	assert_int_equal(next, NPARTS);
	str_release(&raw);
	str_release(&ends);
}

/* Claims of enormous tables, ticks and threads in few bytes. */
static void limits_hold(void **state)
{
	struct str raw, record;
	uint64_t i;

	(void)state;
	/* One more cell than there may be: ticks times threads and one. */
	str_init(&record);
	str_add(&record, "\0\0\x0a", 3);
	str_add_varint(&record, 2048);
	str_add_varint(&record, 2048);
	str_add(&record, "\0\0", 2);
	for (i = 0; i < 2048; i++)
		str_addc(&record, 0);
	str_add_varint(&record, 2048);
	for (i = 0; i < 2048; i++)
		str_addc(&record, 0);
	for (i = 0; i < 2048; i++)
		str_add(&record, "\x03\0\xff\x0f", 4);
	make_payload(&raw, SAMPLES, record.data, record.len);
	refuse(&raw, "cells", 0);
	str_release(&raw);
	/* A stack that is too deep. */
	str_clear(&record);
	str_add(&record, "\0\0", 2);
	for (i = 0; i < DEPTH_MAX; i++)
		str_add(&record, "\0\x01", 2);
	make_payload(&raw, STACKS, record.data, record.len);
	refuse(&raw, "depth", 0);
	str_release(&raw);
	/* A table that is too large. */
	str_clear(&record);
	str_add(&record, "\0\0", 2);
	for (i = 0; i < TABLE_MAX; i++) {
		str_add_varint(&record, i + 1);
		str_addc(&record, 1);
	}
	make_payload(&raw, STACKS, record.data, record.len);
	refuse(&raw, "rows", 0);
	str_release(&raw);
	str_release(&record);
}
/* Headers without end, each claiming what follows as its payload. */
static void overlapping_claims_end(void **state)
{
	struct header h = {.version = FORMAT_VERSION, .raw_len = 100};
	struct read_report report;
	uint8_t head[HEADER_LEN];
	struct str bytes;
	struct tape tape;
	uint32_t i;

	(void)state;
	str_init(&bytes);
	for (i = 0; i < 60000; i++) {
		h.packed_len = 1000000;
		h.crc = i;
		header_encode(&h, head);
		str_add(&bytes, head, HEADER_LEN);
	}
	assert_int_equal(read_bytes(bytes.data, bytes.len, &tape, &report),
			 -EBADMSG);
	tape_release(&tape);
	str_release(&bytes);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_plain_payload_is_right),
		cmocka_unit_test(ticks_of_a_schedule),
		cmocka_unit_test(ticks_equally_far_apart),
		cmocka_unit_test(times_do_not_decrease),
		cmocka_unit_test(cases_of_versions),
		cmocka_unit_test(bad_records_are_refused),
		cmocka_unit_test(every_cut_payload_is_refused),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(overlapping_claims_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
