/*
 * recording: files that are cut, damaged, of another version or made up.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "recording.h"
#include "src/recording/recording_priv.h"
#include "tests/lib/blocks.h"
#include "tests/lib/guard.h"
#include "tests/lib/payloads.h"
#include "tests/lib/scene.h"
#include "tests/lib/tape.h"

#define MS 1000000u
#define BLOCKS_MAX 64

/*
 * A recording and where its blocks begin; what had been told when each block
 * was whole.
 */
struct sample_file {
	struct str bytes;
	size_t start[BLOCKS_MAX + 1];
	bool opens[BLOCKS_MAX];
	char *told[BLOCKS_MAX + 1]; /* after so many blocks */
	size_t nblocks;
};

static void find_blocks(struct sample_file *f)
{
	struct header h;
	size_t at = 0;

	for (f->nblocks = 0; at < f->bytes.len; f->nblocks++) {
		assert_true(f->nblocks < BLOCKS_MAX);
		assert_true(f->bytes.len - at > HEADER_LEN);
		assert_true(header_decode(&h,
					  (uint8_t *)f->bytes.data + at));
		f->start[f->nblocks] = at;
		f->opens[f->nblocks] = !(h.flags & HEADER_CONTINUES);
		at += HEADER_LEN + h.packed_len;
	}
	assert_int_equal(at, f->bytes.len);
	f->start[f->nblocks] = at;
}

static int setup(void **state)
{
	struct sample_file *f = xcalloc(1, sizeof(*f));
	char path[] = "/tmp/test_recording_damage.XXXXXX";
	int fd = mkstemp(path), i;
	struct writer *w;
	struct tape tape;
	struct scene s;
	struct tee tee;
	size_t n = 0;
	uint64_t bytes = 0;

	close(fd);
	assert_int_equal(writer_open(&w, path, NULL), 0);
	tape_init(&tape, SHIFT);
	/* The writer first: what it wrote was told before this call. */
	tee_init(&tee, writer_sink(w), &tape.sink);
	scene_init(&s, &tee.sink, 100, 11, 600 * MS);
	scene_begin(&s);
	f->told[n++] = xstrdup("");
	for (i = 0; i < 60; i++) {
		char *before = xstrdup(tape_text(&tape));
		struct str now;

		assert_int_equal(scene_tick(&s), 0);
		if (writer_bytes(w) == bytes) {
			free(before);
			continue;
		}
		bytes = writer_bytes(w);
		/* Threads are told before the tick that began a block. */
		str_init(&now);
		str_adds(&now, tape_text(&tape));
		*strstr(now.data + strlen(before), "tick") = '\0';
		f->told[n++] = now.data;
		free(before);
	}
	assert_int_equal(writer_close(w, NULL), 0);
	f->told[n++] = xstrdup(tape_text(&tape));
	str_init(&f->bytes);
	assert_int_equal(file_read(&f->bytes, AT_FDCWD, path, 1 << 20), 0);
	unlink(path);
	find_blocks(f);
	assert_int_equal(f->nblocks + 1, n);
	scene_release(&s);
	tape_release(&tape);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct sample_file *f = *state;
	size_t i;

	for (i = 0; i <= f->nblocks; i++)
		free(f->told[i]);
	str_release(&f->bytes);
	free(f);
	return 0;
}

/* ---- cut ---- */

static void every_prefix_is_read(void **state)
{
	const struct sample_file *f = *state;
	struct read_report report;
	size_t len, whole = 0;
	struct tape tape;
	int ret;

	assert_true(f->nblocks > 10 && f->opens[0] && !f->opens[1]);
	for (len = 0; len <= f->bytes.len; len++) {
		if (whole < f->nblocks && len == f->start[whole + 1])
			whole++;
		ret = read_bytes(f->bytes.data, len, &tape, &report);
		assert_int_equal(ret, whole ? 0 : -EBADMSG);
		assert_int_equal(report.blocks, whole);
		assert_int_equal(report.bad_blocks, 0);
		assert_int_equal(report.cut, len != f->start[whole]);
		assert_int_equal(report.skipped_bytes, len - f->start[whole]);
		assert_string_equal(tape_text(&tape), f->told[whole]);
		tape_release(&tape);
	}
	assert_int_equal(whole, f->nblocks);
}

/* The same through a file, whose reader has a buffer. */
static void a_file_is_read_as_bytes_are(void **state)
{
	const struct sample_file *f = *state;
	char path[] = "/tmp/test_recording_damage.XXXXXX";
	int fd = mkstemp(path), i;
	struct read_report report;
	struct str many;
	struct tape tape;

	/* Larger than the buffer, with damage here and there. */
	str_init(&many);
	for (i = 0; many.len < (3u << 20); i++) {
		str_add(&many, f->bytes.data, f->bytes.len);
		if (i % 7 == 3)
			str_adds(&many, "\x93STROBE\nnot a block");
	}
	assert_int_equal(fd_write_all(fd, many.data, many.len), 0);
	close(fd);
	tape_init(&tape, SHIFT);
	assert_int_equal(recording_read(path, &tape.sink, &report, NULL), 0);
	assert_int_equal(report.blocks, f->nblocks * (size_t)i);
	assert_int_equal(report.bytes, many.len);
	/* The last of them may stand at the end. */
	assert_int_equal(report.bad_blocks + report.cut, (i + 3) / 7);
	unlink(path);
	str_release(&many);
	tape_release(&tape);
}

/* ---- damage ---- */

/* Ticks and samples alone: what is told of threads depends on what was read. */
static void only_ticks(struct str *to, const char *from, size_t len)
{
	const char *end = from + len, *next;

	for (; from < end; from = next) {
		next = memchr(from, '\n', (size_t)(end - from));
		next = next ? next + 1 : end;
		if (*from == ' ' || !strncmp(from, "tick", 4))
			str_add(to, from, (size_t)(next - from));
	}
}

/* What is left when the blocks lost..end-1 cannot be read. */
static void expect_without(const struct sample_file *f, size_t lost, size_t end,
			   struct str *to)
{
	size_t i, before;

	str_init(to);
	for (i = 0; i < f->nblocks; i++) {
		if (i >= lost && i < end)
			continue;
		before = strlen(f->told[i]);
		only_ticks(to, f->told[i + 1] + before,
			   strlen(f->told[i + 1]) - before);
	}
}

/* The block that opens the next chain. */
static size_t chain_end(const struct sample_file *f, size_t block)
{
	for (block++; block < f->nblocks && !f->opens[block]; block++)
		;
	return block;
}

static void check_without(const struct sample_file *f, const struct str *bytes,
			  size_t lost, uint64_t bad)
{
	size_t end = chain_end(f, lost);
	struct read_report report;
	struct str expected, got;
	struct tape tape;
	const char *text;
	int ret = read_bytes(bytes->data, bytes->len, &tape, &report);

	assert_int_equal(ret, 0);
	assert_int_equal(report.blocks, f->nblocks - (end - lost));
	assert_int_equal(report.bad_blocks + report.cut, end - lost - 1 + bad);
	assert_int_equal(report.orphan_blocks, end - lost - 1);
	expect_without(f, lost, end, &expected);
	str_init(&got);
	text = tape_text(&tape);
	only_ticks(&got, text, strlen(text));
	assert_string_equal(got.data, expected.data);
	str_release(&expected);
	str_release(&got);
	tape_release(&tape);
}

static void every_byte_may_be_wrong(void **state)
{
	struct sample_file *f = *state;
	size_t at, block = 0;
	struct str bytes;

	str_init(&bytes);
	str_add(&bytes, f->bytes.data, f->bytes.len);
	for (at = 0; at < bytes.len; at++) {
		if (at == f->start[block + 1])
			block++;
		bytes.data[at] = (char)~bytes.data[at];
		check_without(f, &bytes, block, 1);
		bytes.data[at] = (char)~bytes.data[at];
	}
	str_release(&bytes);
}

/* Bytes that are missing, and bytes too many, at each place of a block. */
static void lost_and_added_bytes(void **state)
{
	struct sample_file *f = *state;
	size_t at, block = 1;
	struct str bytes;

	str_init(&bytes);
	for (at = f->start[1]; at < f->start[2]; at++) {
		str_clear(&bytes);
		str_add(&bytes, f->bytes.data, at);
		str_add(&bytes, f->bytes.data + at + 1, f->bytes.len - at - 1);
		check_without(f, &bytes, block, 1);
		if (at == f->start[1])
			continue;
		str_clear(&bytes);
		str_add(&bytes, f->bytes.data, at);
		str_adds(&bytes, "\x93SPROBE");
		str_add(&bytes, f->bytes.data + at, f->bytes.len - at);
		check_without(f, &bytes, block, 1);
	}
	/* A whole block. */
	str_clear(&bytes);
	str_add(&bytes, f->bytes.data, f->start[2]);
	str_add(&bytes, f->bytes.data + f->start[3],
		f->bytes.len - f->start[3]);
	check_without(f, &bytes, 2, 0);
	str_release(&bytes);
}

/* The end of one chain does not fit the beginning of another. */
static void chains_are_not_mixed(void **state)
{
	struct sample_file *f = *state;
	size_t second = chain_end(f, 0);
	struct read_report report;
	struct str bytes;
	struct tape tape;

	assert_true(second + 1 < f->nblocks && !f->opens[second + 1]);
	str_init(&bytes);
	str_add(&bytes, f->bytes.data, f->start[1]);
	str_add(&bytes, f->bytes.data + f->start[second + 1],
		f->bytes.len - f->start[second + 1]);
	assert_int_equal(read_bytes(bytes.data, bytes.len, &tape, &report), 0);
	assert_int_equal(report.blocks, 1);
	assert_int_equal(report.orphan_blocks, f->nblocks - second - 1);
	assert_string_equal(tape_text(&tape), f->told[1]);
	tape_release(&tape);
	str_release(&bytes);
}

/* ---- made-up blocks ---- */

static const struct header plain = {.version = FORMAT_VERSION};

static void keep_payload(void *arg, const struct header *h, const uint8_t *raw,
			 size_t len)
{
	(void)h;
	str_clear(arg);
	str_add(arg, raw, len);
}

static void unpack(const struct sample_file *f, size_t block, struct str *raw)
{
	str_init(raw);
	assert_true(each_payload(f->bytes.data, f->start[block + 1],
				 keep_payload, raw));
}

static void unknown_records_are_passed_over(void **state)
{
	struct sample_file *f = *state;
	struct read_report report;
	struct tape tape;
	struct str raw;

	unpack(f, 0, &raw);
	str_add(&raw, "\x0c\x03xyz" "\xff\x01\x00" "\x00\x00", 10);
	assert_int_equal(read_block(&plain, raw.data, raw.len, &tape, &report),
			 0);
	assert_int_equal(report.unknown_records, 3);
	assert_int_equal(report.bad_blocks, 0);
	assert_string_equal(tape_text(&tape), f->told[1]);
	tape_release(&tape);
	str_release(&raw);
}

static void later_versions_are_told_apart(void **state)
{
	struct header later = {.version = FORMAT_VERSION + 1, .flags = 0xff00};
	struct sample_file *f = *state;
	struct read_report report;
	struct err err = {""};
	struct str raw, bytes;
	struct tape tape;

	unpack(f, 0, &raw);
	str_init(&bytes);
	add_block(&bytes, &later, raw.data, raw.len);
	tape_init(&tape, SHIFT);
	assert_int_equal(recording_read_bytes(bytes.data, bytes.len, "x",
					      &tape.sink, &report, &err),
			 -ENOTSUP);
	assert_string_equal(err.msg,
			    "'x' was written by a later version of pystrobe "
			    "(format 4, this one reads up to 3)");
	assert_int_equal(tape.text.len, 0);
	tape_release(&tape);
	/* Among blocks that can be read it is passed over. */
	str_add(&bytes, f->bytes.data, f->bytes.len);
	assert_int_equal(read_bytes(bytes.data, bytes.len, &tape, &report), 0);
	assert_int_equal(report.blocks, f->nblocks);
	assert_int_equal(report.later_blocks, 1);
	assert_int_equal(report.bad_blocks, 1);
	tape_release(&tape);
	str_release(&raw);
	str_release(&bytes);
}

static void check_no_recording(const void *data, size_t len, const char *what)
{
	struct read_report report;
	struct err err = {""};
	struct guard g;

	guard_init(&g, data, len);
	assert_int_equal(recording_read_bytes(g.data, len, "x", NULL, &report,
					      &err),
			 -EBADMSG);
	assert_string_equal(err.msg, what);
	guard_release(&g);
}

static void other_files_are_refused(void **state)
{
	struct sample_file *f = *state;

	check_no_recording("", 0, "'x' is empty");
	check_no_recording("hello", 5, "'x' is not a recording");
	check_no_recording("\x93STROBF\n more than a header in it, surely", 40,
			   "'x' is not a recording");
	check_no_recording(f->bytes.data, 50,
			   "'x' is damaged: none of its blocks can be read");
	assert_false(recording_is("\x93STROB", 6));
	assert_true(recording_is(f->bytes.data, f->bytes.len));
}

/* Headers that lie about their payload. */
static void wrong_headers_are_refused(void **state)
{
	static const struct header lies[] = {
		{.version = 0},
		{.version = FORMAT_VERSION, .flags = 2},
		{.version = FORMAT_VERSION, .flags = 0x8000},
		{.version = FORMAT_VERSION, .link = 1},
		{.version = FORMAT_VERSION, .flags = HEADER_CONTINUES},
		{.version = FORMAT_VERSION, .raw_len = 1},
		{.version = FORMAT_VERSION, .raw_len = RAW_MAX},
		{.version = FORMAT_VERSION, .raw_len = RAW_MAX + 1},
		{.version = FORMAT_VERSION, .raw_len = UINT32_MAX},
	};
	struct sample_file *f = *state;
	struct read_report report;
	struct tape tape;
	struct str raw;
	size_t i;

	unpack(f, 0, &raw);
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		assert_int_equal(read_block(&lies[i], raw.data, raw.len, &tape,
					    &report), -EBADMSG);
		assert_int_equal(report.bad_blocks, 1);
		assert_int_equal(tape.text.len, 0);
		tape_release(&tape);
	}
	str_release(&raw);
}

/* A small file that claims to be a large one. */
static void bombs_are_refused(void **state)
{
	struct read_report report;
	struct str raw;
	struct tape tape;

	(void)state;
	str_init(&raw);
	str_reserve(&raw, RAW_MAX + 1);
	memset(raw.data, 0, RAW_MAX + 1);
	assert_int_equal(read_block(&plain, raw.data, RAW_MAX + 1, &tape,
				    &report), -EBADMSG);
	tape_release(&tape);
	/* As large as it may be, but nothing but empty unknown records. */
	assert_int_equal(read_block(&plain, raw.data, RAW_MAX, &tape, &report),
			 -EBADMSG);
	tape_release(&tape);
	str_release(&raw);
}

/* A block of the file as it is, but compressed with a dictionary. */
static void add_with_dictionary(struct str *to, const struct sample_file *f,
				size_t block, unsigned version,
				const void *dictionary, size_t len)
{
	uint8_t packed[8192], head[HEADER_LEN];
	z_stream z = {.zalloc = NULL};
	struct header h;
	struct str raw;

	unpack(f, block, &raw);
	assert_true(header_decode(&h,
				  (uint8_t *)f->bytes.data + f->start[block]));
	assert_int_equal(deflateInit(&z, 9), Z_OK);
	assert_int_equal(deflateSetDictionary(&z, dictionary, (uInt)len), Z_OK);
	z.next_in = (Bytef *)raw.data;
	z.avail_in = (uInt)raw.len;
	z.next_out = packed;
	z.avail_out = sizeof(packed);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	h.version = version;
	h.packed_len = (uint32_t)z.total_out;
	h.crc = block_checksum(packed, h.packed_len);
	deflateEnd(&z);
	header_encode(&h, head);
	str_add(to, head, HEADER_LEN);
	str_add(to, packed, h.packed_len);
	str_release(&raw);
}

/* The first block, with an empty dictionary, which zlib itself does not say. */
static void add_with_none(struct str *to, const struct sample_file *f)
{
	static const uint8_t begin[] = {0x78, 0xbb, 0, 0, 0, 1};
	const char *body = f->bytes.data + HEADER_LEN;
	struct header h;
	size_t at = to->len;
	uint8_t *block;

	assert_true(header_decode(&h, (uint8_t *)f->bytes.data));
	str_add(to, f->bytes.data, HEADER_LEN);
	str_add(to, begin, sizeof(begin));
	str_add(to, body + 2, h.packed_len - 2);
	h.packed_len += 4;
	block = (uint8_t *)to->data + at;
	h.crc = block_checksum(block + HEADER_LEN, h.packed_len);
	header_encode(&h, block);
}

/* What is told by a file of the first blocks, the last of which has a dictionary. */
static void told_with(const struct sample_file *f, size_t last, unsigned version,
		      const struct str *dictionary, const char *told)
{
	struct read_report report;
	struct str bytes;
	struct tape tape;

	str_init(&bytes);
	str_add(&bytes, f->bytes.data, f->start[last]);
	add_with_dictionary(&bytes, f, last, version, dictionary->data,
			    dictionary->len);
	read_bytes(bytes.data, bytes.len, &tape, &report);
	assert_int_equal(report.blocks + report.bad_blocks, last + 1);
	assert_string_equal(tape.text.len ? tape_text(&tape) : "", told);
	tape_release(&tape);
	str_release(&bytes);
}

/* Only what continues a chain may copy from before it, and from the chain alone. */
static void other_dictionaries_are_refused(void **state)
{
	struct sample_file *f = *state;
	struct read_report report;
	struct str first, other, bytes;
	struct tape tape;

	assert_false(f->opens[1]);
	/* The one of ours (RFC 1950, FDICT). */
	assert_true(f->bytes.data[f->start[1] + HEADER_LEN + 1] & 0x20);
	unpack(f, 0, &first);
	str_init(&other);
	str_addc(&other, 'x');
	told_with(f, 1, FORMAT_VERSION, &first, f->told[2]);
	told_with(f, 1, FORMAT_VERSION, &other, f->told[1]);
	told_with(f, 1, 2, &first, f->told[1]);
	told_with(f, 0, FORMAT_VERSION, &other, "");
	str_init(&bytes);
	add_with_none(&bytes, f);
	assert_int_equal(read_bytes(bytes.data, bytes.len, &tape, &report),
			 -EBADMSG);
	tape_release(&tape);
	str_release(&bytes);
	str_release(&first);
	str_release(&other);
}

/* Right checksums, wrong contents: whatever it is, it is survived. */
static void made_up_contents_are_survived(void **state)
{
	struct sample_file *f = *state;
	uint64_t rng = 99, taken = 0, n;
	struct read_report report;
	struct str raw, bytes;
	struct tape tape;
	struct header h;
	size_t i, at, changes;
	int ret;

	for (n = 0; n < 6000; n++) {
		i = n % 2;
		unpack(f, i, &raw);
		str_init(&bytes);
		h = plain;
		if (i) {
			str_add(&bytes, f->bytes.data, f->start[1]);
			assert_true(header_decode(
				&h, (uint8_t *)f->bytes.data + f->start[1]));
			h.raw_len = 0;
		}
		for (changes = 1 + rng_next(&rng) % 3; changes; changes--) {
			at = rng_next(&rng) % raw.len;
			raw.data[at] = (char)(rng_next(&rng) % 4
						      ? rng_next(&rng) >> 17
						      : 0xff);
		}
		add_block(&bytes, &h, raw.data, raw.len);
		ret = read_bytes(bytes.data, bytes.len, &tape, &report);
		assert_true(ret == 0 || ret == -EBADMSG);
		taken += report.blocks;
		tape_release(&tape);
		str_release(&raw);
		str_release(&bytes);
	}
	/* Both kinds were met: texts and times may have any value. */
	assert_in_range(taken, 3100, 8000);
}

/* The sink's error ends the reading. */
static int refuse_tick(struct sink *s, const struct source_symbols *syms,
		       const struct tick *tick)
{
	(void)s;
	(void)syms;
	(void)tick;
	return -ENOSPC;
}

static void the_sink_may_refuse(void **state)
{
	struct sample_file *f = *state;
	struct sink_ops ops;
	struct err err = {""};
	struct tape tape;

	tape_init(&tape, SHIFT);
	ops = *tape.sink.ops;
	ops.tick = refuse_tick;
	tape.sink.ops = &ops;
	assert_int_equal(recording_read_bytes(f->bytes.data, f->bytes.len, "x",
					      &tape.sink, NULL, &err),
			 -ENOSPC);
	assert_string_equal(err.msg, "what 'x' holds cannot be used: "
				     "No space left on device");
	tape_release(&tape);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_prefix_is_read),
		cmocka_unit_test(a_file_is_read_as_bytes_are),
		cmocka_unit_test(every_byte_may_be_wrong),
		cmocka_unit_test(lost_and_added_bytes),
		cmocka_unit_test(chains_are_not_mixed),
		cmocka_unit_test(unknown_records_are_passed_over),
		cmocka_unit_test(later_versions_are_told_apart),
		cmocka_unit_test(other_files_are_refused),
		cmocka_unit_test(wrong_headers_are_refused),
		cmocka_unit_test(bombs_are_refused),
		cmocka_unit_test(other_dictionaries_are_refused),
		cmocka_unit_test(made_up_contents_are_survived),
		cmocka_unit_test(the_sink_may_refuse),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
