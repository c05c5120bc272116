#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "tests/lib/kids.h"
#include "tests/lib/watched.h"

struct world world;

static struct watched watched;
static cpu_set_t allowed;

bool watched_init(void)
{
	return kids_init() &&
	       !sched_getaffinity(0, sizeof(allowed), &allowed);
}

int watched_setup(void **state)
{
	memset(&watched, 0, sizeof(watched));
	world_make(&world, 3);
	watched.plan = plan_of(&world);
	*state = &watched;
	return 0;
}

int watched_teardown(void **state)
{
	struct watched *s = *state;

	sched_setaffinity(0, sizeof(allowed), &allowed);
	interrupts_free(s->in);
	if (s->pid > 0)
		kid_end(s->pid);
	if (s->other > 0)
		kid_end(s->other);
	return 0;
}

/* ---- the child ---- */

/* In the kernel's programs only what is in memory can be read. */
void watched_ready(void)
{
	const volatile unsigned char *p = (const unsigned char *)&world;
	size_t i;

	for (i = 0; i < sizeof(world); i++)
		(void)p[i];
	atomic_store(&kids->tid, 1);
}

void watched_spin(void)
{
	watched_ready();
	kid_spin();
}

void watched_wait_ready(void)
{
	kid_wait_for(&kids->tid, 1);
}

/* What the kernel does not take for being wrong is EACCES, too. */
static bool may_have_events(void)
{
	struct perf_event_attr a = {.type = PERF_TYPE_SOFTWARE,
				    .size = sizeof(a),
				    .config = PERF_COUNT_SW_CPU_CLOCK};
	int fd = (int)syscall(SYS_perf_event_open, &a, -1, 0, -1,
			      PERF_FLAG_FD_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

void watched_open(struct watched *s)
{
	int ret;

	s->opened = clock_mono();
	ret = interrupts_new(&s->in, s->pid, s->tid, &s->plan);
	if (ret == -EPERM || ret == -ENOSYS || ret == -ENOTSUP ||
	    (ret == -EACCES && !may_have_events()))
		skip();
	assert_int_equal(ret, 0);
}

void watched_begin(struct watched *s, void (*run)(void))
{
	s->pid = kid_fork(run);
	s->tid = (uint32_t)s->pid;
	watched_wait_ready();
	watched_open(s);
}

void watched_pin(pid_t pid, bool last)
{
	cpu_set_t set;
	int i = last ? CPU_SETSIZE - 1 : 0;

	while (!CPU_ISSET(i, &allowed))
		i += last ? -1 : 1;
	CPU_ZERO(&set);
	CPU_SET(i, &set);
	assert_int_equal(sched_setaffinity(pid, sizeof(set), &set), 0);
}

/* All records are in the order of time then, and we are elsewhere if we can. */
void watched_begin_pinned(struct watched *s, void (*run)(void))
{
	watched_begin(s, run);
	watched_pin(s->pid, true);
	watched_pin(0, false);
}

/* Who was in a program somewhere is not any more when we have been there. */
static void visit_all(void)
{
	cpu_set_t before, one;
	int i;

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	for (i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &allowed))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	}
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

/* It may have left its processor already, as a stranger. */
void watched_tell(struct watched *s, raddr tstate)
{
	struct interrupt r;

	assert_int_equal(interrupts_tell(s->in, s->tid, 0), 0);
	visit_all();
	while (interrupts_next(s->in, EVER, &r))
		assert_int_equal(r.kind, INTERRUPT_STRANGER);
	interrupts_done(s->in);
	interrupts_heard(s->in);
	assert_int_equal(interrupts_tell(s->in, s->tid, tstate), 0);
}

void watched_every(struct watched *s, uint64_t period)
{
	uint64_t since, spread;
	int ret;

	s->before = clock_mono();
	do /* a busy machine may be late */
		ret = interrupts_every(s->in, period, &since, &spread);
	while (ret == -ETIME && clock_mono() - s->before < DEADLINE);
	assert_int_equal(ret, 0);
	assert_in_range(since, s->before, clock_mono());
	assert_in_range(spread, 0, clock_mono() - s->before);
}

void watched_tell_and_go(struct watched *s, uint64_t period)
{
	watched_tell(s, addr_of(&world.tstate));
	watched_every(s, period);
}

void watched_stop(const struct watched *s)
{
	assert_int_equal(kill(s->pid, SIGSTOP), 0);
	kid_wait_state(s->pid, 'T');
	visit_all(); /* it has left its processor */
}

uint64_t watched_used(pid_t pid)
{
	struct timespec t;
	clockid_t id;

	assert_int_equal(clock_getcpuclockid(pid, &id), 0);
	assert_int_equal(clock_gettime(id, &t), 0);
	return (uint64_t)t.tv_sec * 1000 * MS + (uint64_t)t.tv_nsec;
}

void watched_let_use(pid_t pid, uint64_t ns)
{
	uint64_t begun = clock_mono(), until = watched_used(pid) + ns;

	while (watched_used(pid) < until) {
		assert_true(clock_mono() - begun < DEADLINE);
		kid_tick();
	}
}

/* ---- what comes ---- */

bool watched_wait_fd(const struct watched *s, int ms)
{
	struct pollfd p = {.fd = interrupts_fd(s->in), .events = POLLIN};
	int ret = poll(&p, 1, ms);

	assert_true(ret >= 0);
	assert_int_equal(p.revents & ~POLLIN, 0);
	return ret > 0;
}

/* Something wakes us; at the end of its time poll() would look once more. */
void watched_expect_woken(const struct watched *s)
{
	uint64_t begun = clock_mono();

	assert_true(watched_wait_fd(s, (int)(DEADLINE / MS)));
	assert_true(clock_mono() - begun < DEADLINE);
}

/* Nothing wakes us for most of what comes. */
struct interrupt watched_wait_next(struct watched *s)
{
	uint64_t begun = clock_mono();
	struct interrupt r;

	while (!interrupts_next(s->in, EVER, &r)) {
		if (clock_mono() - begun > DEADLINE)
			fail_msg("nothing comes");
		kid_tick();
	}
	assert_int_equal(r.tid, s->tid);
	assert_in_range(r.at, s->opened, clock_mono());
	if (r.kind == INTERRUPT_TICK)
		assert_true(r.at >= s->before);
	return r;
}

struct interrupt watched_wait_kind(struct watched *s, enum interrupt_kind kind)
{
	uint64_t begun = clock_mono();
	struct interrupt r = watched_wait_next(s);

	while (r.kind != kind) {
		if (clock_mono() - begun > DEADLINE)
			fail_msg("no record of kind %d", (int)kind);
		interrupts_done(s->in);
		r = watched_wait_next(s);
	}
	return r;
}

void watched_expect_none(struct watched *s)
{
	struct interrupt r;

	if (interrupts_next(s->in, EVER, &r))
		fail_msg("kind %d of thread %u", (int)r.kind, r.tid);
}

uint64_t watched_mark(const struct interrupt *r, size_t i)
{
	uint64_t mark;

	memcpy(&mark, r->frames + (i + 1) * r->stride - 8, 8);
	return mark;
}

void watched_check_frames(const struct interrupt *r, size_t n)
{
	size_t i;

	assert_memory_equal(r->state, (char *)&world.tstate + STATE_FROM,
			    STATE_LEN);
	assert_int_equal(r->n, n);
	assert_int_equal(r->head, addr_of(&world.frames[0]));
	for (i = 0; i < n; i++) {
		assert_memory_equal(r->frames + i * r->stride, &world.frames[i],
				    FRAME_LEN);
		assert_int_equal(watched_mark(r, i),
				 (uint32_t)world.codes[i].mark);
	}
}

void watched_check_facts(const struct interrupt *r)
{
	assert_int_equal(r->facts[0], world.facts[0]);
	assert_int_equal(r->facts[1], (uint32_t)world.facts[1]);
	assert_int_equal(r->facts[2], 0);
	assert_int_equal(r->facts[3], 0);
}
