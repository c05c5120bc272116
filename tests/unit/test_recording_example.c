/*
 * recording: the example of man/pystrobe-format.5 is what the writer writes
 * and what the reader reads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "recording.h"
#include "src/recording/recording_priv.h"
#include "tests/lib/tape.h"

#define PAGE "man/pystrobe-format.5"
#define MS 1000000u

static uint32_t frame(struct symbols *s, uint32_t caller, const char *name,
		      uint32_t first, uint32_t line)
{
	struct code_def code = {.first = first};
	struct frame_def def = {.line = line};

	code.name = symbols_string(s, name, strlen(name));
	code.file = symbols_string(s, "x.py", 4);
	def.code = symbols_code(s, &code);
	return symbols_stack(s, caller, symbols_frame(s, &def));
}

struct moment {
	uint64_t us, number;
	uint32_t missed, line;
};

static const struct moment example[] = {
	{3000, 1, 0, 7}, {16200, 2, 0, 7}, {39400, 4, 1, 8}};

static void tell_all(struct sink *s, const struct source_symbols *syms,
		     struct sample *sample, const struct moment *ticks)
{
	struct tick tick = {.pid = 7};
	uint32_t caller = frame(syms->table, 0, "<module>", 1, 12);
	size_t i;

	for (i = 0; i < 3; i++) {
		tick.mono_ns = 1000000u * (uint64_t)MS + ticks[i].us * 1000;
		tick.number = ticks[i].number;
		tick.missed = ticks[i].missed;
		s->ops->tick(s, syms, &tick);
		sample->stack = frame(syms->table, caller, "work", 5,
				      ticks[i].line);
		s->ops->sample(s, syms, sample);
	}
}

/* What the page says has been recorded. */
static void tell_example(struct sink *s, const struct moment *ticks)
{
	struct run_info run = {
		.wall_ns = 1700000000000000000u,
		.mono_ns = 1000000u * (uint64_t)MS,
		.period_ns = 10 * MS,
		.seed = 1,
		.host = "web",
		.kernel = "Linux",
		.program = "pystrobe",
	};
	struct process_info process = {
		.pid = 7,
		.start = 300,
		.version = 0x030b02f0,
		.command = "python3 x.py",
		.cwd = "/srv",
	};
	struct thread_info thread = {.pid = 7, .tid = 7, .ident = 4096,
				     .flags = THREAD_MAIN, .name = "main"};
	struct state_def state = {.run = RUN_CPU, .gil = GIL_HELD};
	struct sample sample = {.tid = 7};
	struct source_symbols syms;
	struct symbols table;

	symbols_init(&table);
	syms = (struct source_symbols){&table, 0};
	sample.state = symbols_state(&table, &state);
	s->ops->run(s, &run);
	s->ops->process(s, &process);
	s->ops->thread(s, &thread);
	tell_all(s, &syms, &sample, ticks);
	symbols_release(&table);
}

/*
 * The bytes that the page shows between the lines .\" NAME and .\" end: pairs
 * of hexadecimal digits, after which three spaces begin a remark.
 */
static void bytes_of_page(struct str *to, const char *name)
{
	struct str page;
	char start[32];
	const char *at, *end;
	unsigned byte;
	int n;

	str_init(to);
	str_init(&page);
	assert_int_equal(file_read(&page, AT_FDCWD, PAGE, 1 << 20), 0);
	snprintf(start, sizeof(start), "\n.\\\" %s\n", name);
	at = strstr(page.data, start);
	assert_non_null(at);
	end = strstr(at + strlen(start) - 1, "\n.\\\" end");
	assert_non_null(end);
	for (at += strlen(start); at < end;) {
		if (*at == '.' || !strncmp(at, "   ", 3)) {
			at = strchr(at, '\n') + 1;
		} else if (*at == ' ' || *at == '\n') {
			at++;
		} else {
			assert_int_equal(sscanf(at, "%2x%n", &byte, &n), 1);
			assert_int_equal(n, 2);
			str_add_u8(to, (uint8_t)byte);
			at += 2;
		}
	}
	str_release(&page);
}

static void unpack(const struct str *file, struct str *raw)
{
	struct header h;
	uLongf len;

	assert_true(file->len > HEADER_LEN);
	assert_true(header_decode(&h, (uint8_t *)file->data));
	assert_int_equal(file->len, HEADER_LEN + h.packed_len);
	len = h.raw_len;
	str_init(raw);
	str_reserve(raw, len);
	assert_int_equal(uncompress((Bytef *)raw->data, &len,
				    (Bytef *)file->data + HEADER_LEN,
				    h.packed_len), Z_OK);
	raw->len = len;
}

/* For whoever has to bring the page up to date. */
static void show(const char *what, const struct str *s)
{
	size_t i;

	print_message("%s:\n", what);
	for (i = 0; i < s->len; i++)
		print_message("%02x%s", (uint8_t)s->data[i],
			      i % 16 == 15 || i + 1 == s->len ? "\n" : " ");
}

static void write_example(struct str *bytes)
{
	char path[] = "/tmp/test_recording_example.XXXXXX";
	struct writer *w;

	close(mkstemp(path));
	assert_int_equal(writer_open(&w, path, NULL), 0);
	tell_example(writer_sink(w), example);
	assert_int_equal(writer_close(w, NULL), 0);
	str_init(bytes);
	assert_int_equal(file_read(bytes, AT_FDCWD, path, 1 << 20), 0);
	unlink(path);
}

static void the_example_is_what_we_write(void **state)
{
	struct str file, raw, shown, shown_file, shown_raw;

	(void)state;
	write_example(&file);
	unpack(&file, &raw);
	bytes_of_page(&shown, "payload");
	if (shown.len != raw.len || memcmp(shown.data, raw.data, raw.len)) {
		show("file", &file);
		show("payload", &raw);
	}
	assert_int_equal(shown.len, raw.len);
	assert_memory_equal(shown.data, raw.data, raw.len);
	/* Another zlib may compress otherwise: to the same payload. */
	bytes_of_page(&shown_file, "file");
	unpack(&shown_file, &shown_raw);
	assert_int_equal(shown_raw.len, raw.len);
	assert_memory_equal(shown_raw.data, raw.data, raw.len);
	str_release(&file);
	str_release(&raw);
	str_release(&shown);
	str_release(&shown_file);
	str_release(&shown_raw);
}

static void the_example_is_what_we_read(void **state)
{
	struct read_report report;
	struct tape told, read;
	struct str file;

	(void)state;
	bytes_of_page(&file, "file");
	tape_init(&told, 18);
	tape_init(&read, 18);
	tell_example(&told.sink, example);
	assert_int_equal(recording_read_bytes(file.data, file.len, PAGE,
					      &read.sink, &report, NULL), 0);
	assert_int_equal(report.blocks, 1);
	assert_int_equal(report.bytes, file.len);
	tape_same(&read, &told);
	assert_int_equal(read.samples, 3);
	tape_release(&told);
	tape_release(&read);
	str_release(&file);
}

/* The example of the page as it was when the format had version 1. */
static const uint8_t version_1[] = {
	0x93, 0x53, 0x54, 0x52, 0x4f, 0x42, 0x45, 0x0a, 0x01, 0x00, 0x00, 0x00,
	0xa9, 0x00, 0x00, 0x00, 0xa6, 0x00, 0x00, 0x00, 0x09, 0xce, 0x75, 0xae,
	0x00, 0x00, 0x00, 0x00, 0x6a, 0x25, 0xe8, 0x25, 0x78, 0x9c, 0x63, 0x54,
	0x6f, 0x58, 0xfb, 0x88, 0xa5, 0xa1, 0x61, 0xc5, 0xc6, 0xc7, 0xf3, 0x9f,
	0x9f, 0x16, 0x6f, 0x58, 0x30, 0x65, 0x69, 0xaf, 0x2c, 0x23, 0x73, 0x79,
	0x6a, 0x12, 0xab, 0x4f, 0x66, 0x5e, 0x69, 0x05, 0x47, 0x41, 0x65, 0x71,
	0x49, 0x51, 0x7e, 0x52, 0x2a, 0x93, 0x24, 0xfb, 0x1a, 0xa6, 0x0f, 0xad,
	0x6b, 0x24, 0x78, 0x0a, 0x2a, 0x4b, 0x32, 0xf2, 0xf3, 0x8c, 0x15, 0x2a,
	0xf4, 0x0a, 0x2a, 0x59, 0xf4, 0x8b, 0x8b, 0xca, 0x98, 0xb9, 0x19, 0x18,
	0xf8, 0x1a, 0x1c, 0x18, 0x59, 0x72, 0x13, 0x33, 0xf3, 0x58, 0x44, 0x98,
	0x39, 0x58, 0x58, 0x6c, 0x72, 0xf3, 0x53, 0x4a, 0x73, 0x52, 0xed, 0x40,
	0x6a, 0xca, 0xf3, 0x8b, 0xb2, 0x59, 0xd9, 0x18, 0x18, 0x18, 0x19, 0x98,
	0x58, 0xd9, 0x38, 0x19, 0xc4, 0x18, 0x18, 0x58, 0x18, 0x18, 0xd9, 0x18,
	0xd8, 0x81, 0x42, 0x20, 0x41, 0x0e, 0x16, 0x46, 0x46, 0x06, 0x06, 0x4e,
	0x36, 0x16, 0x06, 0x06, 0x26, 0x46, 0x06, 0x2e, 0x11, 0x06, 0x06, 0x21,
	0x66, 0x26, 0x06, 0x46, 0xc6, 0xad, 0xaf, 0x5e, 0x30, 0xb2, 0x33, 0x30,
	0xb2, 0x03, 0xd9, 0xcc, 0x00, 0x17, 0x05, 0x27, 0x2d,
};

static void version_1_can_still_be_read(void **state)
{
	static const struct moment ticks[] = {
		{3000, 0, 0, 7}, {12000, 0, 0, 7}, {33000, 0, 1, 8}};
	struct read_report report;
	struct tape told, read;

	(void)state;
	tape_init(&told, 18);
	tape_init(&read, 18);
	tell_example(&told.sink, ticks);
	assert_int_equal(recording_read_bytes(version_1, sizeof(version_1), "x",
					      &read.sink, &report, NULL), 0);
	assert_int_equal(report.blocks, 1);
	tape_same(&read, &told);
	assert_int_equal(read.samples, 3);
	tape_release(&told);
	tape_release(&read);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_is_what_we_write),
		cmocka_unit_test(the_example_is_what_we_read),
		cmocka_unit_test(version_1_can_still_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
