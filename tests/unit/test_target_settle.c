/*
 * The look at a thread and its stack: what counts where it is woken meanwhile. The
 * kernel, the walker and the count of time slices are stood in for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/target/target_priv.h"
#include "tests/lib/wrap.h"

#define SLICE 7u

static struct {
	uint8_t run;             /* enum run_state, when it is looked at */
	uint64_t slices, cpu_ns; /* when it is asked for them after that */
	unsigned looks, still, moving; /* readings of its stack */
	struct walk_thread row;
} seen;

int wrap_look(struct thread_probe *t, const struct process *p,
	      struct thread_look *look) WRAP(probe_look);
int wrap_again(struct walker *w, size_t i, bool still) WRAP(walker_again);
const struct walk_thread *wrap_threads(const struct walker *w,
				       size_t *n) WRAP(walker_threads);
uint64_t wrap_slices(struct target *t, struct known *k) WRAP(look_slices);

int wrap_look(struct thread_probe *t, const struct process *p,
	      struct thread_look *look)
{
	(void)t;
	(void)p;
	seen.looks++;
	*look = (struct thread_look){.run = seen.run, .call = -1};
	return 0;
}

int wrap_again(struct walker *w, size_t i, bool still)
{
	(void)w;
	(void)i;
	seen.still += still;
	seen.moving += !still;
	return 0;
}

const struct walk_thread *wrap_threads(const struct walker *w, size_t *n)
{
	(void)w;
	*n = 1;
	return &seen.row;
}

uint64_t wrap_slices(struct target *t, struct known *k)
{
	(void)t;
	k->sched = (struct thread_sched){.slices = seen.slices,
					 .cpu_ns = seen.cpu_ns};
	return seen.slices;
}

/* Looks at one that was in slice SLICE, and had run for 1 ms, right before. */
static struct known look_at_one(uint8_t run, uint64_t slices,
				uint64_t cpu_ns)
{
	struct target t = {.options = {.stop = STOP_NEVER}};
	struct known k = {.slices = SLICE,
			  .sched = {.slices = SLICE, .cpu_ns = 1000000}};

	memset(&seen, 0, sizeof(seen));
	seen.run = run;
	seen.slices = slices;
	seen.cpu_ns = cpu_ns;
	assert_int_equal(look_closely(&t, &k, 0, 1), 0);
	assert_int_equal(seen.looks, 1);
	return k;
}

static void test_asleep_all_the_time(void **state)
{
	struct known k = look_at_one(RUN_SLEEPING, SLICE, 1000000);

	(void)state;
	assert_true(k.blocked && !k.passing);
	assert_int_equal(seen.still, 1);
	assert_int_equal(seen.moving, 0);
}

/* Its state is that of the look, its stack one that may move. */
static void test_woken_since(void **state)
{
	struct known k = look_at_one(RUN_SLEEPING, SLICE + 1, 1000000);

	(void)state;
	assert_int_equal(k.look.run, RUN_SLEEPING);
	assert_false(k.blocked || k.passing);
	assert_int_equal(k.slices, SLICE + 1);
	assert_int_equal(seen.moving, 1);
}

/* Its time is counted as it leaves its processor: it ran until then. */
static void test_falling_asleep(void **state)
{
	struct known k = look_at_one(RUN_SLEEPING, SLICE, 1000500);

	(void)state;
	assert_true(k.blocked && k.passing);
	assert_int_equal(seen.moving, 0);
}

static void test_running(void **state)
{
	struct known k = look_at_one(RUN_CPU, SLICE + 1, 1000500);

	(void)state;
	assert_int_equal(k.look.run, RUN_CPU);
	assert_false(k.blocked || k.passing || k.runnable);
	assert_int_equal(seen.still, 0);
	assert_int_equal(seen.moving, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asleep_all_the_time),
		cmocka_unit_test(test_woken_since),
		cmocka_unit_test(test_falling_asleep),
		cmocka_unit_test(test_running),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
