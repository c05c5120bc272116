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

static void tell_all(struct sink *s, const struct source_symbols *syms,
		     struct sample *sample)
{
	static const struct {
		uint64_t us, number;
		uint32_t missed, line;
	} ticks[] = {{3000, 1, 0, 7}, {16200, 2, 0, 7}, {39400, 4, 1, 8}};
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
static void tell_example(struct sink *s)
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
	tell_all(s, &syms, &sample);
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
	tell_example(writer_sink(w));
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
	tell_example(&told.sink);
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_is_what_we_write),
		cmocka_unit_test(the_example_is_what_we_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
