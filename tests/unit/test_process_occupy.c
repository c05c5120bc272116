/*
 * Taking the processor of a child that spins, from another processor. What
 * cannot be tried here, since there is one processor or real-time priorities
 * are not permitted, is skipped.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "process.h"
#include "tests/lib/kids.h"

#define US 1000u
#define SOON (500 * US)
#define LONG 60000000000ull /* nothing here may wait for that */
#define TRIES 2000 /* of what a busy machine may be too late for */

static struct scene {
	struct occupier *o;
	pid_t pid; /* it spins on processor `there` */
	int here, there;
} scene;

static void pin(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	assert_int_equal(sched_setaffinity(pid, sizeof(set), &set), 0);
}

static cpu_set_t allowed;

static int setup(void **state)
{
	struct scene *s = &scene;
	int i;

	*state = s;
	s->here = s->there = -1;
	for (i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &allowed) && s->here < 0)
			s->here = i;
		else if (CPU_ISSET(i, &allowed) && s->there < 0)
			s->there = i;
	s->o = occupier_new();
	s->pid = kid_fork_spinning();
	if (s->there < 0)
		return 0;
	pin(0, s->here);
	pin(s->pid, s->there);
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	sched_setaffinity(0, sizeof(allowed), &allowed);
	occupier_free(s->o);
	kid_end(s->pid);
	return 0;
}

static struct scene *set(void **state)
{
	struct scene *s = *state;

	if (!s->o || s->there < 0)
		skip();
	return s;
}

/* Takes it, at a time that is still to come. */
static bool take(struct scene *s)
{
	uint64_t due = clock_mono() + SOON;
	int cpu;

	assert_true(occupy_at(s->o, s->there, due, due + SOON));
	cpu = occupy_cpu(s->o);
	assert_true(cpu == s->there || clock_mono() > due);
	if (!occupy_begin(s->o, s->there))
		return false;
	assert_true(clock_mono() >= due);
	return true;
}

/* Whether nothing went on from begin to end; -1: it was gone too soon. */
static int stands(struct scene *s, uint64_t next)
{
	uint64_t before = atomic_load(&kids->rounds), then, until;

	for (until = clock_mono() + 20 * US; clock_mono() < until;)
		;
	then = atomic_load(&kids->rounds);
	if (!occupy_end(s->o, next, next + SOON))
		return -1;
	return then == before;
}

static void stands_and_goes_on(void **state)
{
	struct scene *s = set(state);
	struct occupy_counts c;
	unsigned taken = 0;
	int i, n = 0, is;

	for (i = 0; i < TRIES && n < 100; i++) {
		is = -1;
		if (take(s)) {
			taken++;
			is = stands(s, 0);
		}
		assert_int_not_equal(is, 0);
		n += is > 0;
		assert_int_equal(occupy_cpu(s->o), -1);
		kid_expect_running();
	}
	assert_int_equal(n, 100);
	/* It counts each turn as it goes, also those that we were late for. */
	do
		occupy_counts(s->o, &c);
	while (c.turns < taken);
	assert_in_range(c.turns, taken, i);
	assert_true(c.turns - c.vain >= 100);
	/* As long as we looked on, and not much longer than it may stay. */
	assert_true(c.longest_ns >= 20 * US);
}

/* Each end says when it is to come again. */
static void comes_again(void **state)
{
	struct scene *s = set(state);
	uint64_t due = clock_mono() + SOON;
	int i, n = 0, is;

	for (i = 0; i < TRIES && n < 100; i++) {
		if (occupy_cpu(s->o) < 0) {
			due = clock_mono() + SOON;
			occupy_at(s->o, s->there, due, due + SOON);
		}
		is = -1;
		if (occupy_begin(s->o, s->there)) {
			assert_true(clock_mono() >= due);
			due += SOON;
			is = stands(s, due);
		}
		assert_int_not_equal(is, 0);
		n += is > 0;
	}
	assert_int_equal(n, 100);
	assert_true(occupy_took(s->o) > 100 * 20 * US);
	assert_true(occupy_lead(s->o) > 0);
}

/* By how much it was there before; -1: not to be told. */
static int64_t ns_before(struct scene *s, struct thread_probe *probe,
			 const struct process *p)
{
	uint64_t last, since;

	if (occupy_since(s->o, &since) || probe_last_on(probe, p, &last))
		return -1;
	return (int64_t)(since - last);
}

/* Two who spin in turn there: one of them was, and the other one waited. */
static void tells_who_was_there(void **state)
{
	struct scene *s = set(state);
	pid_t other = kid_fork_spinning();
	struct thread_probe probes[2];
	struct process p[2];
	struct err err;
	int64_t ns[2] = {0};
	int i, n = 0, first = 0, both = 0;

	pin(other, s->there);
	assert_int_equal(process_open(&p[0], s->pid, &err), 0);
	assert_int_equal(process_open(&p[1], other, &err), 0);
	probe_init(&probes[0], s->pid);
	probe_init(&probes[1], other);
	for (i = 0; i < TRIES && n < 100; i++) {
		if (!take(s))
			continue;
		ns[0] = ns_before(s, &probes[0], &p[0]);
		ns[1] = ns_before(s, &probes[1], &p[1]);
		if (!occupy_end(s->o, 0, 0))
			continue;
		both += !ns[0] && !ns[1];
		/* Or somebody else was, or the kernel's tick came in between. */
		n += !ns[0] || !ns[1];
		first += !ns[0];
	}
	for (i = 0; i < 2; i++) {
		probe_release(&probes[i]);
		process_close(&p[i]);
	}
	kid_end(other);
	if (access("/proc/self/sched", R_OK))
		skip();
	assert_int_equal(n, 100);
	assert_int_equal(both, 0);
	assert_in_range(first, 10, n - 10);
}

static void is_called_back(void **state)
{
	struct scene *s = set(state);
	uint64_t due = clock_mono() + LONG;

	assert_true(occupy_at(s->o, s->there, due, due));
	occupy_not(s->o);
	assert_int_equal(occupy_cpu(s->o), -1);
	assert_false(occupy_begin(s->o, s->there));
	assert_int_equal(occupy_lead(s->o), 0);
	/* It may still sleep until then, and is to come before. */
	assert_true(occupy_at(s->o, s->there, due, due));
	occupy_not(s->o);
	kid_expect_running();
}

/* Nobody comes: it does not wait for long. */
static void does_not_wait(void **state)
{
	struct scene *s = set(state);
	uint64_t due = clock_mono() + SOON;
	struct occupy_counts c;

	assert_true(occupy_at(s->o, s->there, due, due));
	while (occupy_cpu(s->o) >= 0)
		assert_true(clock_mono() < due + LONG);
	assert_false(occupy_begin(s->o, s->there));
	do
		occupy_counts(s->o, &c);
	while (!c.vain);
	assert_int_equal(c.turns, 1);
	assert_int_equal(c.vain, 1);
	kid_expect_running();
}

/* We stay too long: it goes, and says so. */
static void does_not_stay(void **state)
{
	struct scene *s = set(state);
	uint64_t rounds;
	int i;

	for (i = 0; i < TRIES; i++)
		if (take(s))
			break;
	assert_int_not_equal(i, TRIES);
	rounds = atomic_load(&kids->rounds);
	while (atomic_load(&kids->rounds) == rounds)
		;
	assert_false(occupy_end(s->o, 0, 0));
	kid_expect_running();
}

static void no_such_processor(void **state)
{
	struct scene *s = set(state);

	assert_false(occupy_at(s->o, -1, clock_mono(), 0));
	assert_false(occupy_at(s->o, CPU_SETSIZE - 1, clock_mono(), 0));
	assert_false(occupy_at(s->o, CPU_SETSIZE, clock_mono(), 0));
	assert_int_equal(occupy_cpu(s->o), -1);
}

static void ends_while_due(void **state)
{
	struct scene *s = set(state);
	uint64_t due = clock_mono() + LONG;

	assert_true(occupy_at(s->o, s->there, due, due));
	occupier_free(s->o);
	s->o = NULL;
	assert_true(clock_mono() < due);
	kid_expect_running();
}

/* Who may not have a real-time priority has none of this. */
static void not_permitted(void **state)
{
	struct rlimit none = {0};
	pid_t pid = fork();
	int status;

	(void)state;
	if (!pid)
		_exit(setrlimit(RLIMIT_RTPRIO, &none) || setgid(65534) ||
		      setuid(65534) || occupier_new() != NULL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (geteuid() == 0)
		assert_int_equal(status, 0);
	occupier_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stands_and_goes_on, setup,
						teardown),
		cmocka_unit_test_setup_teardown(comes_again, setup, teardown),
		cmocka_unit_test_setup_teardown(tells_who_was_there, setup,
						teardown),
		cmocka_unit_test_setup_teardown(is_called_back, setup,
						teardown),
		cmocka_unit_test_setup_teardown(does_not_wait, setup,
						teardown),
		cmocka_unit_test_setup_teardown(does_not_stay, setup,
						teardown),
		cmocka_unit_test_setup_teardown(no_such_processor, setup,
						teardown),
		cmocka_unit_test_setup_teardown(ends_while_due, setup,
						teardown),
		cmocka_unit_test(not_permitted),
	};

	if (!kids_init() || sched_getaffinity(0, sizeof(allowed), &allowed))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
