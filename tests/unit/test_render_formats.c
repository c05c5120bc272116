/*
 * Formats that other programs read: speedscope and pprof. What these programs
 * make of them is tested beside the real ones; here it is what we promise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "render.h"
#include "tests/lib/sheet.h"

#define PLAIN_MAX (1u << 20)

/* Of made_server. */
#define SERVER_RUN "527 of 902 samples | 9.14 s | 100 % of 100 Hz | 375 idle " \
	"left out | 3 partial (moving 3) | 12 lost (moving 9, read 3)"

static const char *render(struct sheet *f, const char *format)
{
	struct err e;

	str_clear(&f->out);
	assert_int_equal(renderer_by_name(format)->render(f->p, &f->o, &f->out,
							  &e), 0);
	return f->out.data;
}

static void some_samples(struct sheet *f)
{
	struct made *m = &f->m;

	made_samples(m, 4711, "main@/srv/app.py:3 work@/srv/app.py:9", RUN_CPU,
		     3);
	made_samples(m, 4711, "main@/srv/app.py:3 work@/srv/app.py:11", RUN_CPU,
		     2);
	made_samples(m, 4711, "main@/srv/app.py:3 " MARKER_MOVING, RUN_CPU, 1);
	made_thread(m, 4712, "worker \"one\"");
	made_samples(m, 4712, "run@t.py:1 work@/srv/app.py:9", RUN_CPU, 4);
}

static void speedscope_of_two_threads(void **state)
{
	struct sheet *f = *state;

	some_samples(f);
	render(f, "speedscope");
	sheet_is_as_in(f, "two-threads.speedscope.json");
}

static void speedscope_of_nothing(void **state)
{
	struct sheet *f = *state;

	assert_non_null(strstr(render(f, "speedscope"),
			       "\"shared\":{\"frames\":[]},\"profiles\":[]}\n"));
}

static void speedscope_tells_what_is_missing(void **state)
{
	struct sheet *f = *state;

	made_server(&f->m);
	render(f, "speedscope");
	assert_non_null(strstr(f->out.data, "\"name\":\"python3 app.py --port "
			       "8080 | " SERVER_RUN "\""));
	assert_non_null(strstr(f->out.data, "\"name\":\"MainThread (thread "
			       "4711), 3 partial, 12 lost\""));
	assert_non_null(strstr(f->out.data, "\"name\":\"pool_1 (thread "
			       "4713)\""));
}

/* ---- pprof ---- */

struct plain {
	unsigned char data[PLAIN_MAX];
	size_t len;
};

static void gunzip(const struct str *from, struct plain *to)
{
	z_stream z = {.next_in = (unsigned char *)from->data,
		      .avail_in = (uInt)from->len,
		      .next_out = to->data,
		      .avail_out = PLAIN_MAX};

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	to->len = PLAIN_MAX - z.avail_out;
	inflateEnd(&z);
}

struct field {
	unsigned number;
	uint64_t value;
	struct cursor bytes;
};

static bool next_field(struct cursor *c, struct field *f)
{
	uint64_t key;

	if (!cursor_left(c))
		return false;
	key = cursor_varint(c);
	f->number = (unsigned)(key >> 3);
	f->value = cursor_varint(c);
	if ((key & 7) == 2)
		cursor_init(&f->bytes, cursor_bytes(c, f->value), f->value);
	else
		assert_int_equal(key & 7, 0);
	assert_false(c->bad);
	return true;
}

/* What the samples of a profile add up to, and how many parts there are. */
struct sums {
	uint64_t samples, ns, parts[16];
	size_t strings_of_nothing;
};

static void add_sample(struct sums *s, struct cursor c)
{
	struct field f;

	while (next_field(&c, &f))
		if (f.number == 2) {
			s->samples += cursor_varint(&f.bytes);
			s->ns += cursor_varint(&f.bytes);
			assert_int_equal(cursor_left(&f.bytes), 0);
		}
}

static void sum_up(struct sheet *f, struct sums *s)
{
	struct plain *plain = malloc(sizeof(*plain));
	struct cursor c;
	struct field field;

	memset(s, 0, sizeof(*s));
	gunzip(&f->out, plain);
	cursor_init(&c, plain->data, plain->len);
	while (next_field(&c, &field)) {
		assert_in_range(field.number, 1, 15);
		if (field.number == 2)
			add_sample(s, field.bytes);
		if (field.number == 6 && !field.value) {
			assert_int_equal(s->parts[6], 0); /* the first one */
			s->strings_of_nothing++;
		}
		s->parts[field.number]++;
	}
	free(plain);
}

static void pprof_of_two_threads(void **state)
{
	struct sheet *f = *state;
	struct sums s;
	struct str first;

	some_samples(f);
	render(f, "pprof");
	sum_up(f, &s);
	assert_int_equal(s.samples, 10);
	assert_int_equal(s.ns, 10 * 10000000u);
	assert_int_equal(s.strings_of_nothing, 1);
	assert_int_equal(s.parts[1], 2); /* types */
	assert_int_equal(s.parts[2], 4); /* stacks of threads */
	assert_int_equal(s.parts[3], 1); /* mapping */
	assert_int_equal(s.parts[4], 5); /* locations: a line each */
	assert_int_equal(s.parts[5], 4); /* functions */
	str_init(&first);
	str_add(&first, f->out.data, f->out.len);
	render(f, "pprof");
	assert_int_equal(first.len, f->out.len);
	assert_memory_equal(first.data, f->out.data, first.len);
	str_release(&first);
}

/* Comments are numbers of strings, which stand behind them. */
static bool has_comment(struct sheet *f, const char *text)
{
	struct plain *plain = malloc(sizeof(*plain));
	uint64_t string = 0, found = 0, comments[8];
	size_t n = 0, i;
	struct cursor c;
	struct field field;
	bool has = false;

	gunzip(&f->out, plain);
	cursor_init(&c, plain->data, plain->len);
	while (next_field(&c, &field)) {
		if (field.number == 13 && n < 8)
			comments[n++] = field.value;
		if (field.number == 6 && field.value == strlen(text) &&
		    !memcmp(cursor_bytes(&field.bytes, field.value), text,
			    field.value))
			found = string;
		string += field.number == 6;
	}
	for (i = 0; i < n; i++)
		has |= found && comments[i] == found;
	free(plain);
	return has;
}

static void pprof_tells_what_is_missing(void **state)
{
	struct sheet *f = *state;

	made_server(&f->m);
	render(f, "pprof");
	assert_true(has_comment(f, "python3 app.py --port 8080"));
	assert_true(has_comment(f, "pid 4711 | CPython 3.11.2 | 4 threads"));
	assert_true(has_comment(f, SERVER_RUN));
}

static void pprof_of_nothing(void **state)
{
	struct sheet *f = *state;
	struct sums s;

	render(f, "pprof");
	sum_up(f, &s);
	assert_int_equal(s.samples, 0);
	assert_int_equal(s.strings_of_nothing, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, sheet_setup, sheet_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(speedscope_of_two_threads),
		TEST(speedscope_of_nothing),
		TEST(speedscope_tells_what_is_missing),
		TEST(pprof_of_two_threads),
		TEST(pprof_tells_what_is_missing),
		TEST(pprof_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
