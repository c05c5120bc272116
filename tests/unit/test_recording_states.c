/*
 * recording: samples of which only the outer frames are known, and states.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "recording.h"
#include "src/recording/writer_priv.h"
#include "tests/lib/made.h"
#include "tests/lib/tape.h"

/* One stack, whole, partial for two causes, lost: four cases of one thread. */
static void partial_samples(void **state)
{
	char path[] = "/tmp/test_recording.XXXXXX";
	struct profile *profile = profile_new();
	struct state_totals totals;
	struct tape in, out;
	struct writer *w;
	struct made m;
	struct tee tee;
	uint32_t cpu, gil;
	unsigned i;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	tape_init(&in, unit_shift(10000000));
	tape_init(&out, unit_shift(10000000));
	assert_int_equal(writer_open(&w, path, NULL), 0);
	tee_init(&tee, &in.sink, writer_sink(w));
	made_init(&m, &tee.sink);
	cpu = made_state(&m, RUN_CPU);
	gil = made_doing(&m, RUN_SLEEPING, GIL_WANTED, STATE_EXCEPTION, "GIL");
	for (i = 0; i < 2; i++) {
		made_samples_in(&m, 4711, "a@x.py:1 " MARKER_MOVING, cpu,
				LOSS_NONE, 1);
		made_samples_in(&m, 4711, "a@x.py:1 " MARKER_MOVING, cpu,
				LOSS_MOVING, 150);
		made_samples_in(&m, 4711, "a@x.py:1 " MARKER_MOVING, gil,
				LOSS_SHAPE, 3);
		made_samples_in(&m, 4711, "", cpu, LOSS_MOVING, 4);
	}
	assert_int_equal(writer_close(w, NULL), 0);
	assert_int_equal(recording_read(path, &out.sink, NULL, NULL), 0);
	tape_same(&in, &out);
	assert_non_null(strstr(tape_text(&out),
			       " 4711 1:0:0:'' 1 a(x.py:0:1:0) "
			       MARKER_MOVING "(:0:0:2)\n"));
	assert_int_equal(recording_read(path, &profile->sink, NULL, NULL), 0);
	unlink(path);
	assert_int_equal(profile->samples, 308);
	assert_int_equal(profile->partial[LOSS_MOVING], 300);
	assert_int_equal(profile->partial[LOSS_SHAPE], 6);
	assert_int_equal(profile_partial(profile), 306);
	assert_int_equal(profile->lost[LOSS_MOVING], 8);
	assert_int_equal(profile_lost(profile), 8);
	profile_states(profile, &totals);
	assert_int_equal(totals.gil_wanted, 6);
	assert_int_equal(totals.exception, 6);
	made_release(&m);
	profile_free(profile);
	tape_release(&in);
	tape_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(partial_samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
