/*
 * recording: ticks that stand for others, and what is written at leisure.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "recording.h"
#include "src/recording/writer_priv.h"
#include "tests/lib/made.h"
#include "tests/lib/tape.h"

#define PERIOD 10000000u /* of made.h */

struct place {
	char dir[64], path[96];
	struct tape in, out;
	struct tee tee;
	struct writer *w;
	struct made m;
};

static int setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/test_recording.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/run.strobe", p->dir);
	tape_init(&p->in, unit_shift(PERIOD));
	tape_init(&p->out, unit_shift(PERIOD));
	assert_int_equal(writer_open(&p->w, p->path, NULL), 0);
	tee_init(&p->tee, &p->in.sink, writer_sink(p->w));
	made_init(&p->m, &p->tee.sink);
	made_process(&p->m, 4712, "other");
	p->m.pid = 4711;
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	unlink(p->path);
	/* Fails when anything else was left there. */
	assert_int_equal(rmdir(p->dir), 0);
	made_release(&p->m);
	tape_release(&p->in);
	tape_release(&p->out);
	free(p);
	return 0;
}

/* A tick, the last of 1 + more, with one sample. */
static void sample(struct made *m, uint64_t more, const char *stack)
{
	struct tick tick = {.pid = m->pid, .more = more};

	m->now += (1 + more) * m->period;
	tick.mono_ns = m->now;
	assert_int_equal(m->sink->ops->tick(m->sink, &m->source, &tick), 0);
	assert_int_equal(made_sample(m, 9, made_stack(m, stack),
				     made_state(m, RUN_CPU), LOSS_NONE), 0);
}

static void some(struct made *m)
{
	sample(m, 0, "a@x.py:1");
	sample(m, 5, "a@x.py:1 b@x.py:7");
	sample(m, 1 << 20, "a@x.py:1");
	m->pid = 4712;
	sample(m, 2, "c@x.py:3");
	sample(m, 0, "c@x.py:3");
	sample(m, 0, "c@x.py:3");
	m->pid = 4711;
}

static void read_it(struct place *p, struct read_report *report)
{
	assert_int_equal(recording_read(p->path, &p->out.sink, report, NULL),
			 0);
}

static void they_come_out_as_they_went_in(void **state)
{
	struct place *p = *state;
	struct read_report report;

	some(&p->m);
	assert_int_equal(writer_close(p->w, NULL), 0);
	read_it(p, &report);
	tape_same(&p->in, &p->out);
	assert_non_null(strstr(tape_text(&p->out), " and 1048576 more\n"));
	assert_int_equal(report.unknown_records + report.bad_blocks, 0);
}

/* Thousands of days, and many ticks: one block, for it is not full. */
static void at_leisure_only_size_ends_a_block(void **state)
{
	struct place *p = *state;
	struct read_report report;
	int i;

	writer_at_leisure(p->w);
	for (i = 0; i < 1000; i++)
		some(&p->m);
	assert_int_equal(access(p->path, F_OK), -1);
	assert_int_equal(writer_close(p->w, NULL), 0);
	read_it(p, &report);
	assert_int_equal(report.blocks, 1);
	tape_same(&p->in, &p->out);
}

static void what_is_abandoned_is_not_there(void **state)
{
	struct place *p = *state;
	FILE *old = fopen(p->path, "w");
	char text[8] = "";

	assert_non_null(old);
	fputs("old", old);
	fclose(old);
	writer_at_leisure(p->w);
	some(&p->m);
	made_process(&p->m, 4711, "another, so that the chain ends");
	some(&p->m);
	assert_true(writer_bytes(p->w) > 0);
	assert_int_equal(writer_abandon(p->w, NULL), 0);
	old = fopen(p->path, "r");
	assert_non_null(fgets(text, sizeof(text), old));
	fclose(old);
	assert_string_equal(text, "old");
}

/* One tick whose samples fill several blocks stands for others in each. */
static void they_survive_a_split(void **state)
{
	struct place *p = *state;
	struct profile *profile = profile_new();
	struct tick tick = {.pid = 4711, .more = 2};
	struct read_report report;
	struct made *m = &p->m;
	uint32_t cpu = made_state(m, RUN_CPU), tid, i, stack;
	char name[32];

	/* So uneven that their times are rounded; those of one tick never are. */
	for (i = 0; i < 9; i++) {
		sample(m, 0, "a@x.py:1");
		m->now += i * i * 1000003 % PERIOD;
	}
	tick.mono_ns = m->now + 3 * PERIOD;
	m->sink->ops->tick(m->sink, &m->source, &tick);
	for (tid = 1; tid <= 3000; tid++) {
		for (i = stack = 0; i < 400; i++) {
			snprintf(name, sizeof(name), "f%u_%u", tid, i);
			stack = made_frame(m, stack, name, "x.py", i + 1, 1);
		}
		assert_int_equal(made_sample(m, tid, stack, cpu, LOSS_NONE),
				 0);
	}
	assert_int_equal(writer_close(p->w, NULL), 0);
	read_it(p, &report);
	assert_true(report.blocks > 2);
	tape_same(&p->in, &p->out);
	assert_int_equal(recording_read(p->path, &profile->sink, NULL, NULL),
			 0);
	assert_int_equal(profile->samples, 9 + 3 * 3000);
	assert_int_equal(profile->ticks, 9 + 3);
	profile_free(profile);
}

static void a_profile_counts_each(void **state)
{
	struct place *p = *state;
	struct profile *profile = profile_new();
	struct tick huge = {.pid = 4711, .more = SAMPLES_MAX - 100};
	struct made m;

	made_init(&m, &profile->sink);
	sample(&m, 5, "a@x.py:1");
	sample(&m, 0, "a@x.py:1");
	sample(&m, 2, "a@x.py:1 b@x.py:7");
	assert_int_equal(profile->samples, 10);
	assert_int_equal(profile->ticks, 10);
	assert_int_equal(profile->threads[0].samples, 10);
	assert_int_equal(profile->ncells, 2);
	assert_int_equal(profile->cells[0].count, 7);
	assert_int_equal(profile->cells[0].ns, 7 * (uint64_t)PERIOD);
	assert_int_equal(profile->cells[1].count, 3);
	assert_int_equal(profile->cells[1].ns, 3 * (uint64_t)PERIOD);
	assert_int_equal(profile_duration(profile), 10 * (uint64_t)PERIOD);
	/* More than can be added up is refused. */
	huge.mono_ns = m.now;
	assert_int_equal(m.sink->ops->tick(m.sink, &m.source, &huge), 0);
	assert_int_equal(made_sample(&m, 1, 0, 0, LOSS_NONE), 0);
	assert_int_equal(made_sample(&m, 2, 0, 0, LOSS_NONE), -EOVERFLOW);
	assert_int_equal(m.sink->ops->tick(m.sink, &m.source, &huge),
			 -EOVERFLOW);
	made_release(&m);
	profile_free(profile);
	assert_int_equal(writer_close(p->w, NULL), 0);
}

/* Of ten ticks, the first of which is at 0: those from `from` to `until`. */
static uint64_t clipped(uint64_t from, uint64_t until)
{
	struct profile *p = profile_new();
	struct clip clip;
	struct made m;
	uint64_t samples;

	clip_init(&clip, &p->sink, from, until);
	made_init(&m, &clip.sink);
	sample(&m, 5, "a@x.py:1");
	sample(&m, 0, "a@x.py:1");
	sample(&m, 2, "a@x.py:1 b@x.py:7");
	samples = p->samples;
	assert_int_equal(p->ticks, samples);
	made_release(&m);
	profile_free(p);
	return samples;
}

static void a_part_may_begin_and_end_in_them(void **state)
{
	unsigned from, until, wanted;

	(void)state;
	assert_int_equal(clipped(0, UINT64_MAX), 10);
	for (from = 0; from < 12; from++) {
		for (until = from + 1; until < 13; until++) {
			wanted = (until < 10 ? until : 10) -
				 (from < 10 ? from : 10);
			assert_int_equal(clipped(from * (uint64_t)PERIOD,
						 until * (uint64_t)PERIOD),
					 wanted);
			/* Between two ticks the later one is the first. */
			assert_int_equal(
				clipped(from * (uint64_t)PERIOD + 1,
					until * (uint64_t)PERIOD + 1),
				(until < 9 ? until : 9) -
					(from < 9 ? from : 9));
		}
	}
}

#define PLACED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		PLACED(they_come_out_as_they_went_in),
		PLACED(at_leisure_only_size_ends_a_block),
		PLACED(what_is_abandoned_is_not_there),
		PLACED(they_survive_a_split),
		PLACED(a_profile_counts_each),
		cmocka_unit_test(a_part_may_begin_and_end_in_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
