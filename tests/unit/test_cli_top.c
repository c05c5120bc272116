/*
 * What the live view shows of processes: CPU from the kernel, what stays of one
 * that has ended.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/cli/top_priv.h"
#include "tests/lib/made.h"

#define PIDS 2

struct scene {
	struct live live;
	pid_t pids[PIDS];
	struct top_shares shares;
};

/* One that does nothing until it is killed, once it does. */
static pid_t start_idle(void)
{
	struct process_stat st = {.state = 'R'};
	struct process p;
	struct err err;
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	assert_true(pid > 0);
	assert_int_equal(process_open(&p, pid, &err), 0);
	while (st.state != 'S')
		assert_int_equal(process_stat_read(&p, &st), 0);
	process_close(&p);
	return pid;
}

static int setup(void **state)
{
	struct scene *sc = calloc(1, sizeof(*sc));
	size_t i;

	live_init(&sc->live, PIDS, 10000000);
	for (i = 0; i < PIDS; i++) {
		sc->pids[i] = start_idle();
		live_process(&sc->live, i, sc->pids[i]);
	}
	*state = sc;
	return 0;
}

static void end(struct scene *sc, size_t i)
{
	kill(sc->pids[i], SIGKILL);
	assert_int_equal(waitpid(sc->pids[i], NULL, 0), sc->pids[i]);
	sc->pids[i] = 0;
}

static int teardown(void **state)
{
	struct scene *sc = *state;
	size_t i;

	for (i = 0; i < PIDS; i++)
		if (sc->pids[i])
			end(sc, i);
	live_release(&sc->live);
	free(sc);
	return 0;
}

/* An interval in which each of these was busy, by what was sampled. */
static void interval(struct scene *sc, const pid_t *pids, size_t n, bool paused)
{
	struct profile *p = profile_new();
	struct made m;
	size_t i;

	made_init(&m, &p->sink);
	for (i = 0; i < n; i++) {
		made_process(&m, (uint32_t)pids[i], "python3 app.py");
		made_thread(&m, (uint32_t)pids[i], "MainThread");
		made_samples(&m, (uint32_t)pids[i], "f@/srv/app.py:1", RUN_CPU,
			     10);
	}
	made_release(&m);
	live_take(&sc->live, p, paused);
	top_shares(&sc->live.model, &sc->shares);
}

static double newest_second(const struct scene *sc)
{
	return sc->live.model.minute[sc->live.model.nminute - 1];
}

/* Samples say busy, the kernel says idle: also of the first interval. */
static void kernel_counts(void **state)
{
	struct scene *sc = *state;

	interval(sc, sc->pids, PIDS, false);
	assert_true(sc->live.processes[0].cpu >= 0);
	assert_true(sc->shares.cpu < 0.5);
}

/* CPU of the pause is not CPU of the interval behind it. */
static void pauses(void **state)
{
	struct scene *sc = *state;
	uint64_t before = clock_mono();

	interval(sc, sc->pids, PIDS, true);
	assert_true(sc->live.kernel[0].at_ns >= before);
	assert_true(sc->live.processes[0].cpu < 0);
}

static void last_interval_stays(void **state)
{
	struct scene *sc = *state;
	pid_t pids[PIDS] = {sc->pids[0], sc->pids[1]};

	interval(sc, pids, PIDS, false);
	sc->live.processes[0].cpu = 0.7;
	sc->live.processes[1].cpu = 0.1;
	end(sc, 0);
	end(sc, 1);
	interval(sc, pids, PIDS, false);
	assert_true(sc->live.processes[0].cpu == 0.7);
	assert_true(sc->shares.cpu > 0.79);
	/* Empty ones, at the end, change nothing. */
	sc->live.processes[0].ended = sc->live.processes[1].ended = true;
	live_take(&sc->live, profile_new(), false);
	top_shares(&sc->live.model, &sc->shares);
	assert_true(sc->shares.cpu > 0.79);
}

/* Two samples are no picture of what went on. */
static void a_rest(void **state)
{
	struct scene *sc = *state;
	pid_t pids[PIDS] = {sc->pids[0], sc->pids[1]};
	struct profile *p;
	struct made m;
	int i;

	sc->live.screen = true;
	interval(sc, pids, PIDS, false);
	for (i = 0; i < PIDS; i++) {
		p = profile_new();
		made_init(&m, &p->sink);
		made_process(&m, (uint32_t)pids[0], "python3 app.py");
		made_thread(&m, (uint32_t)pids[0], "MainThread");
		made_samples(&m, (uint32_t)pids[0], "f@/srv/app.py:1", RUN_CPU,
			     2);
		made_release(&m);
		end(sc, (size_t)i);
		live_take(&sc->live, p, false);
		/* As long as one of them lives it is an interval. */
		assert_int_equal(sc->live.last->ticks, i ? 20 : 2);
		if (!i)
			interval(sc, pids, PIDS, false);
	}
	assert_int_equal(sc->live.all->samples, 44);
}

static void one_ends(void **state)
{
	struct scene *sc = *state;
	pid_t pids[PIDS] = {sc->pids[0], sc->pids[1]};
	int i;

	interval(sc, pids, PIDS, false);
	sc->live.processes[0].cpu = 1;
	end(sc, 0);
	sc->live.processes[0].ended = true;
	for (i = 0; i < 40; i++)
		interval(sc, pids + 1, 1, false);
	assert_true(sc->live.processes[0].cpu == 0);
	assert_true(sc->shares.cpu < 0.5);
	assert_true(newest_second(sc) < 50);
}

static void says(struct scene *sc, const char *part)
{
	const char *said = sc->live.model.trouble;

	if (!said != !part || (part && !strstr(said, part)))
		fail_msg("'%s' is said, not '%s'", said ? said : "(nothing)",
			 part ? part : "(nothing)");
}

/* All threads of the second one in one state, with another in between. */
static void second_is(struct scene *sc, enum run_state one,
		      enum run_state other)
{
	struct profile *p = profile_new();
	struct made m;

	made_init(&m, &p->sink);
	made_process(&m, (uint32_t)sc->pids[1], "python3 app.py");
	made_thread(&m, 1, "MainThread");
	made_samples(&m, 1, "f@/srv/app.py:1", one, 5);
	made_thread(&m, 2, "other");
	made_samples(&m, 2, "f@/srv/app.py:1", other, 5);
	made_release(&m);
	live_take(&sc->live, p, false);
}

static void stopped(void **state)
{
	struct scene *sc = *state;
	char part[64];

	says(sc, NULL);
	second_is(sc, RUN_STOPPED, RUN_CPU);
	says(sc, NULL);
	second_is(sc, RUN_STOPPED, RUN_STOPPED);
	snprintf(part, sizeof(part), "process %d is stopped; 'kill -CONT %d' ",
		 (int)sc->pids[1], (int)sc->pids[1]);
	says(sc, part);
	second_is(sc, RUN_CPU, RUN_CPU);
	says(sc, NULL);
}

static void traced(void **state)
{
	struct fate f = {.attached = true};
	struct scene *sc = *state;
	char part[64];

	assert_false(live_fate(&sc->live, 0, &f));
	f.refused = true;
	assert_true(live_fate(&sc->live, 0, &f));
	assert_false(live_fate(&sc->live, 0, &f));
	says(sc, " may not be stopped: what moves is not whole");
	f.tracer = sc->pids[1];
	assert_true(live_fate(&sc->live, 0, &f));
	snprintf(part, sizeof(part), "%d is traced by process %d ('",
		 (int)sc->pids[0], (int)sc->pids[1]);
	says(sc, part);
	says(sc, "'): what moves is not whole");
	f.refused = false;
	assert_true(live_fate(&sc->live, 0, &f));
	says(sc, NULL);
	/* As long as it is traced, however seldom that is in the way. */
	assert_int_equal(ptrace(PTRACE_SEIZE, sc->pids[0], NULL, NULL), 0);
	f.refused = true;
	f.tracer = getpid();
	assert_true(live_fate(&sc->live, 0, &f));
	f.refused = false;
	assert_false(live_fate(&sc->live, 0, &f));
	says(sc, " is traced by process ");
	f.ended = true;
	assert_true(live_fate(&sc->live, 0, &f));
	says(sc, NULL);
}

/* An exec of what is no Python: the old values do not stay. */
static void away(void **state)
{
	struct fate f = {.attached = true, .away = true};
	struct scene *sc = *state;
	char part[64];

	interval(sc, sc->pids, PIDS, false);
	assert_true(live_fate(&sc->live, 0, &f));
	snprintf(part, sizeof(part), "process %d ('", (int)sc->pids[0]);
	says(sc, part);
	says(sc, "') is no Python now; waiting until it is");
	assert_true(sc->live.model.last->ticks > 0);
	live_take(&sc->live, profile_new(), false);
	assert_true(sc->live.model.last->ticks == 0);
	assert_int_equal(sc->live.slices, 1);
	f.away = false;
	assert_true(live_fate(&sc->live, 0, &f));
	says(sc, NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kernel_counts),
		TEST(pauses),
		TEST(last_interval_stays),
		TEST(a_rest),
		TEST(one_ends),
		TEST(stopped),
		TEST(traced),
		TEST(away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
