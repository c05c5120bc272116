/*
 * A thread that stands since its processor is taken: what of it counts, and up
 * to when. The kernel, the walker and the count of time slices are stood in for.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/target/target_priv.h"

/* The linker gives calls of `name` to what has this name. */
#define WRAP(name) __asm__("__wrap_" #name)

#define SLICE 7u

/* What was called, and when. */
static struct {
	uint64_t slices; /* that it is in when it is asked */
	uint64_t asked;  /* for its slice, in ns */
	uint64_t until;  /* it stood; 0: nothing was taken */
} seen;

int wrap_cpu(struct thread_probe *t, const struct process *p,
	     bool *runs) WRAP(probe_cpu);
int wrap_grab(struct walker *w, size_t i) WRAP(walker_grab);
int wrap_take(struct walker *w, size_t i, uint64_t resumed) WRAP(walker_take);
uint64_t wrap_slices(struct target *t, struct known *k) WRAP(look_slices);

int wrap_cpu(struct thread_probe *t, const struct process *p, bool *runs)
{
	(void)t;
	(void)p;
	*runs = true;
	return sched_getcpu();
}

int wrap_grab(struct walker *w, size_t i)
{
	(void)w;
	(void)i;
	return 0;
}

int wrap_take(struct walker *w, size_t i, uint64_t resumed)
{
	(void)w;
	(void)i;
	seen.until = resumed;
	return 0;
}

uint64_t wrap_slices(struct target *t, struct known *k)
{
	(void)t;
	(void)k;
	seen.asked = clock_mono();
	return seen.slices;
}

/* Where it stands since we are on its processor. */
static int displace_by_us(uint64_t slices)
{
	struct target t = {.displace = {.allowed = true, .cpu = -1}};
	struct known k = {.slices = SLICE};
	cpu_set_t all, one;
	int ret;

	memset(&seen, 0, sizeof(seen));
	seen.slices = slices;
	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	ret = displace(&t, &k, 0);
	sched_setaffinity(0, sizeof(all), &all);
	return ret;
}

/*
 * Right after that was asked we may lose the processor, and the thread runs on:
 * code that is loaded by then may be that of another function.
 */
static void test_stood_until_it_was_asked(void **state)
{
	(void)state;
	assert_int_equal(displace_by_us(SLICE), STAND_READ);
	assert_int_not_equal(seen.until, 0);
	assert_true(seen.until <= seen.asked);
}

static void test_ran_meanwhile(void **state)
{
	(void)state;
	assert_int_equal(displace_by_us(SLICE + 1), STAND_GONE);
	assert_int_equal(seen.until, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stood_until_it_was_asked),
		cmocka_unit_test(test_ran_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
