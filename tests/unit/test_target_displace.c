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
#include "tests/lib/wrap.h"

#define SLICE 7u

/* What was called, and when. */
static struct {
	int cpu;         /* that it was on last */
	bool to_the_end; /* the occupier was there as long as it was read */
	uint64_t slices; /* that it is in when it is asked */
	uint64_t asked;  /* for its slice, in ns */
	uint64_t until;  /* it stood; 0: nothing was taken */
	enum loss loss;  /* why its stack cannot be told */
} seen;

int wrap_cpu(struct thread_probe *t, const struct process *p,
	     bool *runs) WRAP(probe_cpu);
int wrap_grab(struct walker *w, size_t i) WRAP(walker_grab);
int wrap_take(struct walker *w, size_t i, uint64_t resumed) WRAP(walker_take);
uint64_t wrap_slices(struct target *t, struct known *k) WRAP(look_slices);
int wrap_look(struct thread_probe *t, const struct process *p,
	      struct thread_look *look) WRAP(probe_look);
uint64_t wrap_lead(const struct occupier *o) WRAP(occupy_lead);
bool wrap_is_on(const struct occupier *o, int cpu) WRAP(occupy_is_on);
bool wrap_begin(struct occupier *o, int cpu) WRAP(occupy_begin);
bool wrap_end(struct occupier *o, uint64_t due,
	      uint64_t then) WRAP(occupy_end);
uint64_t wrap_took(struct occupier *o) WRAP(occupy_took);

int wrap_cpu(struct thread_probe *t, const struct process *p, bool *runs)
{
	(void)t;
	(void)p;
	*runs = true;
	return seen.cpu;
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
	return (int)seen.loss;
}

uint64_t wrap_slices(struct target *t, struct known *k)
{
	(void)t;
	(void)k;
	seen.asked = clock_mono();
	return seen.slices;
}

int wrap_look(struct thread_probe *t, const struct process *p,
	      struct thread_look *look)
{
	(void)t;
	(void)p;
	*look = (struct thread_look){.run = RUN_CPU, .call = -1};
	return 0;
}

uint64_t wrap_lead(const struct occupier *o)
{
	(void)o;
	return 1;
}

bool wrap_is_on(const struct occupier *o, int cpu)
{
	(void)o;
	(void)cpu;
	return false;
}

bool wrap_begin(struct occupier *o, int cpu)
{
	(void)o;
	return cpu == seen.cpu;
}

bool wrap_end(struct occupier *o, uint64_t due, uint64_t then)
{
	(void)o;
	(void)due;
	(void)then;
	return seen.to_the_end;
}

uint64_t wrap_took(struct occupier *o)
{
	(void)o;
	return 0;
}

/* `away`: on another processor than ours, which the occupier takes. */
static int displace_one(bool away, bool to_the_end, uint64_t slices,
			enum loss loss)
{
	struct displace d = {.allowed = true, .cpu = -1, .next_ns = 1};
	struct target t = {.displace = d};
	struct known k = {.slices = SLICE};
	cpu_set_t all, one;
	int ret, cpu;

	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	cpu = sched_getcpu();
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	memset(&seen, 0, sizeof(seen));
	seen.cpu = cpu + away;
	seen.to_the_end = to_the_end;
	seen.slices = slices;
	seen.loss = loss;
	/* Nobody looks into it. */
	t.displace.occupier = away ? (struct occupier *)&seen : NULL;
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
	bool away = *state;

	assert_int_equal(displace_one(away, true, SLICE, LOSS_NONE),
			 STAND_READ);
	assert_int_not_equal(seen.until, 0);
	assert_true(seen.until <= seen.asked);
}

static void test_ran_meanwhile(void **state)
{
	bool away = *state;

	assert_int_equal(displace_one(away, true, SLICE + 1, LOSS_NONE),
			 STAND_GONE);
	assert_int_equal(seen.until, 0);
}

static void test_occupier_left(void **state)
{
	(void)state;
	assert_int_equal(displace_one(true, false, SLICE, LOSS_NONE),
			 STAND_GONE);
	assert_int_equal(seen.until, 0);
}

/* It is looked at instead. */
static void test_stood_where_nothing_can_be_told(void **state)
{
	bool away = *state;

	assert_int_equal(displace_one(away, true, SLICE, LOSS_ROOT),
			 STAND_GONE);
}

int main(void)
{
	char away[] = "on another processor";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stood_until_it_was_asked),
		cmocka_unit_test_prestate(test_stood_until_it_was_asked, away),
		cmocka_unit_test(test_ran_meanwhile),
		cmocka_unit_test_prestate(test_ran_meanwhile, away),
		cmocka_unit_test(test_occupier_left),
		cmocka_unit_test(test_stood_where_nothing_can_be_told),
		cmocka_unit_test_prestate(test_stood_where_nothing_can_be_told,
					  away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
