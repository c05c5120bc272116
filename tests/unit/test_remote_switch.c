/*
 * remote: what the scheduler tells of a child that has made structures of an
 * interpreter: it leaves its processor, is woken, ends. What is copied of them in
 * the timer's interrupt is in test_remote_interrupt.c.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "remote.h"
#include "tests/lib/kids.h"
#include "tests/lib/watched.h"
#include "tests/lib/world.h"

#define WORD 0x5a5a1234
#define BEHIND 0x0bcd4321
#define ASLEEP 1u  /* TASK_INTERRUPTIBLE, */
#define STOPPED 4u /* __TASK_STOPPED, */
#define STATES 255u /* and above that flags (include/linux/sched.h) */
#define CYCLES 40
/*
 * Of CYCLES: about once a second some virtual machines (seen with 6.18) run none of
 * the programs for 2 ms while somebody else is on that processor.
 */
#define MISSED 5
#define MUCH (64u << 20) /* bytes */

/* ---- children ---- */

static long wait_there(const struct timespec *most)
{
	return syscall(SYS_futex, &kids->count, FUTEX_WAIT, WORD, most, NULL, 0);
}

/* The eight bytes that its argument points to. */
static void set_word(void)
{
	atomic_store(&kids->count, WORD);
	atomic_store(&kids->told, BEHIND);
}

static void sleep_there(void)
{
	set_word();
	watched_ready();
	for (;;)
		wait_there(NULL);
}

/* In turn in a call with an address, and in one with none that can be read. */
static void sleep_by_itself(void)
{
	static const struct timespec ms = {0, MS};

	set_word();
	watched_ready();
	for (;;) {
		wait_there(&ms);
		syscall(SYS_poll, NOWHERE, 0, 1);
	}
}

/* Until `received[0]` says that it ends. */
static void *spin_in_thread(void *arg)
{
	(void)arg;
	atomic_store(&kids->told, (int)syscall(SYS_gettid));
	while (!atomic_load(&kids->received[0]))
		atomic_fetch_add(&kids->rounds, 1);
	return NULL;
}

static void have_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, spin_in_thread, NULL))
		return;
	watched_ready();
	for (;;)
		pause();
}

/* Its end takes some time: all of that is to be given back. */
static void have_much(void)
{
	void *p = mmap(NULL, MUCH, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return;
	madvise(p, MUCH, MADV_NOHUGEPAGE);
	memset(p, 1, MUCH);
	watched_spin();
}

/* ---- what comes ---- */

static void begin_told(struct watched *s, void (*run)(void))
{
	watched_begin_pinned(s, run);
	watched_tell(s, addr_of(&world.tstate));
}

static void check_leaves(const struct interrupt *r)
{
	assert_int_equal(r->kind, INTERRUPT_LEAVES);
	watched_check_frames(r, 3);
	watched_check_facts(r);
	assert_int_equal(r->next, 0);
	assert_int_equal(r->exc, addr_of(&world.raised));
	assert_true(r->came <= r->when);
}

/* The first time, of which nothing else can be said. */
static struct interrupt wait_first_sleep(struct watched *s)
{
	struct interrupt r;

	do
		r = watched_wait_kind(s, INTERRUPT_LEAVES);
	while (!r.why);
	return r;
}

static void wake(void)
{
	uint64_t begun = clock_mono();

	while (syscall(SYS_futex, &kids->count, FUTEX_WAKE, 1, NULL, NULL, 0) !=
	       1)
		assert_true(clock_mono() - begun < DEADLINE);
}

static void check_woken(const struct interrupt *r, uint64_t least)
{
	size_t i;

	assert_int_equal(r->kind, INTERRUPT_WOKEN);
	assert_true(r->when >= least);
	assert_int_equal(r->n, 0);
	assert_int_equal(r->came, 0);
	assert_int_equal(r->why, 0);
	assert_int_equal(r->call, -1);
	assert_int_equal(r->first, 0);
	for (i = 0; i < 6; i++)
		assert_int_equal(r->args[i], 0);
}

/*
 * It is woken after `time`, comes, and leaves until it sleeps again. *missed grows
 * by what was not told of that.
 */
static struct interrupt wait_asleep(struct watched *s, uint64_t time,
				    unsigned *missed)
{
	struct interrupt r = watched_wait_next(s);

	if (r.kind == INTERRUPT_WOKEN) {
		check_woken(&r, time);
		time = r.when;
		r = watched_wait_next(s);
	} else {
		++*missed;
	}
	for (;;) {
		check_leaves(&r);
		assert_true(r.when > time);
		*missed += r.came < time;
		if (r.why)
			return r;
		time = r.when; /* it was somebody else's turn */
		interrupts_done(s->in);
		r = watched_wait_next(s);
	}
}

static void check_first_word(const struct interrupt *r)
{
	assert_int_equal(r->why & STATES, ASLEEP);
	assert_int_equal(r->call, SYS_futex);
	assert_int_equal(r->args[0], addr_of(&kids->count));
	assert_int_equal(r->args[1], FUTEX_WAIT);
	assert_int_equal(r->args[2], WORD);
	assert_int_equal(r->args[4], 0);
	assert_int_equal(r->args[5], 0);
	assert_int_equal(r->first, WORD | (uint64_t)BEHIND << 32);
}

/* ---- it sleeps, and is woken ---- */

static void sleeps_in_a_call(void **state)
{
	struct watched *s = *state;
	struct interrupt r;
	unsigned missed = 0;
	uint64_t time;
	int i;

	begin_told(s, sleep_there);
	wake();
	wait_first_sleep(s);
	for (i = 0; i < CYCLES; i++) {
		interrupts_done(s->in);
		time = clock_mono();
		wake();
		r = wait_asleep(s, time, &missed);
		check_first_word(&r);
		assert_int_equal(r.args[3], 0);
	}
	assert_in_range(missed, 0, MISSED);
	watched_expect_none(s);
	assert_false(watched_wait_fd(s, 0));
}

static void call_without_an_address(void **state)
{
	struct watched *s = *state;
	struct interrupt r;
	unsigned polls = 0, missed = 0;
	int i;

	begin_told(s, sleep_by_itself);
	r = wait_first_sleep(s);
	for (i = 0; i < CYCLES; i++) {
		interrupts_done(s->in);
		r = wait_asleep(s, r.when, &missed);
		if (r.call == SYS_futex) {
			check_first_word(&r);
			continue;
		}
		assert_int_equal(r.why & STATES, ASLEEP);
		assert_int_equal(r.call, SYS_poll);
		assert_int_equal(r.args[0], NOWHERE);
		assert_int_equal(r.args[1], 0);
		assert_int_equal(r.args[2], 1);
		assert_int_equal(r.first, 0);
		polls++;
	}
	assert_int_equal(polls, CYCLES / 2);
	assert_in_range(missed, 0, MISSED);
}

/* It is woken on a processor that has nothing else to do, now and then. */
static void comes_where_nobody_was(void **state)
{
	struct watched *s = *state;
	uint64_t begun = clock_mono();
	struct interrupt r;

	begin_told(s, sleep_by_itself);
	do {
		assert_true(clock_mono() - begun < DEADLINE);
		r = watched_wait_kind(s, INTERRUPT_LEAVES);
		interrupts_done(s->in);
	} while (!r.from_idle);
	assert_true(r.came);
}

/* Somebody spins there all the time. */
static void comes_after_somebody(void **state)
{
	struct watched *s = *state;
	struct interrupt r;
	int i;

	s->other = kid_fork(watched_spin);
	watched_wait_ready();
	watched_pin(s->other, true);
	begin_told(s, sleep_by_itself);
	/* Before it slept there it may have come to another one. */
	for (i = 0; i < 2; i++)
		wait_first_sleep(s);
	for (i = 0; i < CYCLES; i++) {
		interrupts_done(s->in);
		r = watched_wait_kind(s, INTERRUPT_LEAVES);
		assert_true(r.came);
		assert_false(r.from_idle);
	}
}

/* ---- it is somebody else's turn, or it is stopped ---- */

static void would_go_on(void **state)
{
	struct watched *s = *state;
	uint64_t left, ticks = 0;
	struct interrupt r;
	unsigned n;

	s->other = kid_fork(watched_spin);
	watched_wait_ready();
	watched_pin(s->other, true);
	begin_told(s, watched_spin);
	watched_every(s, PERIOD);
	left = watched_wait_kind(s, INTERRUPT_LEAVES).when;
	for (n = 0; n < CYCLES;) {
		interrupts_done(s->in);
		r = watched_wait_next(s);
		assert_in_range(r.came, left, r.when);
		if (r.kind == INTERRUPT_TICK) {
			/* The tick says when that was, as what follows. */
			assert_true(!ticks || r.came == ticks);
			ticks = r.came;
			continue;
		}
		check_leaves(&r);
		assert_true(!ticks || r.came == ticks);
		assert_int_equal(r.why, 0);
		assert_int_equal(r.call, -1);
		left = r.when;
		n += ticks != 0;
		ticks = 0;
	}
}

static void stops(void **state)
{
	struct watched *s = *state;
	unsigned missed = 0;
	struct interrupt r;
	uint64_t time;
	int i;

	begin_told(s, watched_spin);
	for (i = 0; i < CYCLES; i++) {
		time = clock_mono();
		watched_stop(s);
		do
			r = watched_wait_kind(s, INTERRUPT_LEAVES);
		while (!r.why);
		assert_int_equal(r.why & STATES, STOPPED);
		assert_true(r.when > time);
		check_leaves(&r);
		watched_expect_none(s);
		interrupts_done(s->in);
		time = clock_mono();
		kill(s->pid, SIGCONT);
		kid_expect_running();
		if (interrupts_next(s->in, EVER, &r) &&
		    r.kind == INTERRUPT_WOKEN)
			check_woken(&r, time);
		else
			missed++;
	}
	assert_in_range(missed, 0, MISSED);
}

/* ---- who is told of ---- */

/* It is seen when it leaves, too: that wakes us, and is told once. */
static void stranger_that_sleeps(void **state)
{
	struct watched *s = *state;
	struct interrupt r;
	int i;

	watched_begin_pinned(s, sleep_there);
	wake();
	watched_expect_woken(s);
	r = watched_wait_next(s);
	assert_int_equal(r.kind, INTERRUPT_STRANGER);
	interrupts_heard(s->in);
	for (i = 0; i < CYCLES; i++) {
		kid_wait_state(s->pid, 'S');
		wake();
	}
	watched_expect_none(s);
	assert_false(watched_wait_fd(s, 0));
	watched_tell(s, addr_of(&world.tstate));
	wake();
	r = wait_first_sleep(s);
	watched_check_frames(&r, 3);
}

static void forgotten_that_sleeps(void **state)
{
	struct watched *s = *state;
	struct interrupt r;

	begin_told(s, sleep_there);
	wake();
	wait_first_sleep(s);
	interrupts_done(s->in);
	interrupts_forget(s->in, s->tid);
	wake(); /* which is not told */
	r = watched_wait_next(s);
	assert_int_equal(r.kind, INTERRUPT_STRANGER);
	kid_wait_state(s->pid, 'S');
	wake();
	kid_wait_state(s->pid, 'S');
	watched_expect_none(s);
}

/* Its process has another one, which sleeps. */
static void begin_thread(struct watched *s)
{
	s->pid = kid_fork(have_thread);
	watched_wait_ready();
	kid_wait_state(s->pid, 'S');
	kid_wait_for(&kids->told, 1);
	s->tid = (uint32_t)s->pid;
	watched_open(s);
	s->tid = (uint32_t)atomic_load(&kids->told);
}

static void thread_that_ends(void **state)
{
	struct watched *s = *state;
	struct interrupt r;
	uint64_t time;

	begin_thread(s);
	watched_every(s, PERIOD);
	r = watched_wait_next(s);
	assert_int_equal(r.kind, INTERRUPT_STRANGER);
	watched_tell(s, addr_of(&world.tstate));
	r = watched_wait_kind(s, INTERRUPT_TICK);
	watched_check_frames(&r, 3);
	time = clock_mono();
	atomic_store(&kids->received[0], 1);
	r = watched_wait_kind(s, INTERRUPT_ENDED);
	assert_true(r.when > time);
	assert_int_equal(r.n, 0);
	assert_int_equal(r.call, -1);
}

static void is_gone(struct watched *s)
{
	kill(s->pid, SIGKILL);
	assert_int_equal(kid_take_end(s->pid), SIGKILL);
	s->pid = 0;
}

/* It is the last thing that is told, though it goes on for a while. */
static void nothing_comes_after_the_end(void **state)
{
	struct watched *s = *state;
	int i;

	for (i = 0; i < 5; i++) {
		watched_begin(s, have_much);
		watched_tell_and_go(s, PERIOD / 10);
		is_gone(s);
		watched_wait_kind(s, INTERRUPT_ENDED);
		watched_expect_none(s);
		interrupts_free(s->in);
		s->in = NULL;
	}
}

static void end_of_one_not_to_be_read(void **state)
{
	struct watched *s = *state;

	watched_begin(s, watched_spin);
	watched_tell(s, 0);
	is_gone(s);
	watched_expect_none(s);
}

static int ask(int command, int map, const void *key, void *next)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.map_fd = (uint32_t)map;
	a.key = (uintptr_t)key;
	a.next_key = (uintptr_t)next;
	return (int)syscall(SYS_bpf, command, &a, sizeof(a));
}

static bool is_hash(int fd)
{
	struct bpf_map_info info = {0};
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.info.bpf_fd = (uint32_t)fd;
	a.info.info_len = sizeof(info);
	a.info.info = (uintptr_t)&info;
	return !syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &a, sizeof(a)) &&
	       info.type == BPF_MAP_TYPE_HASH && info.key_size <= 8;
}

/* In all maps of ours that have threads. */
static unsigned entries(unsigned *maps)
{
	uint64_t key;
	unsigned n = 0;
	int fd, got;

	*maps = 0;
	for (fd = 0; fd < 256; fd++) {
		if (!is_hash(fd))
			continue;
		++*maps;
		got = ask(BPF_MAP_GET_NEXT_KEY, fd, NULL, &key);
		for (; !got && n < 1000; n++)
			got = ask(BPF_MAP_GET_NEXT_KEY, fd, &key, &key);
	}
	return n;
}

/* Or their ids and addresses would be taken for theirs who come later. */
static void nothing_is_kept_of_the_dead(void **state)
{
	struct watched *s = *state;
	uint64_t begun = clock_mono();
	unsigned maps;

	begin_thread(s);
	assert_int_equal(interrupts_tell(s->in, (uint32_t)s->pid, 0), 0);
	watched_tell(s, addr_of(&world.tstate));
	watched_stop(s); /* both */
	watched_wait_kind(s, INTERRUPT_LEAVES);
	assert_true(entries(&maps) >= 3);
	assert_int_equal(maps, 2);
	is_gone(s);
	while (entries(&maps)) {
		assert_true(clock_mono() - begun < DEADLINE);
		kid_tick();
	}
}

/* Nobody would know its address. */
static void forgotten_that_ends(void **state)
{
	struct watched *s = *state;
	uint64_t begun = clock_mono();
	unsigned maps;

	begin_told(s, sleep_there);
	wake();
	wait_first_sleep(s);
	interrupts_done(s->in);
	interrupts_forget(s->in, s->tid);
	assert_int_equal(entries(&maps), 1);
	is_gone(s);
	while (entries(&maps)) {
		assert_true(clock_mono() - begun < DEADLINE);
		kid_tick();
	}
}

#define LIVE(test) \
	cmocka_unit_test_setup_teardown(test, watched_setup, watched_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(sleeps_in_a_call),
		LIVE(call_without_an_address),
		LIVE(comes_where_nobody_was),
		LIVE(comes_after_somebody),
		LIVE(would_go_on),
		LIVE(stops),
		LIVE(stranger_that_sleeps),
		LIVE(forgotten_that_sleeps),
		LIVE(thread_that_ends),
		LIVE(nothing_comes_after_the_end),
		LIVE(end_of_one_not_to_be_read),
		LIVE(nothing_is_kept_of_the_dead),
		LIVE(forgotten_that_ends),
	};

	if (!watched_init())
		return 1;
	return cmocka_run_group_tests_name("remote_switch", tests, NULL, NULL);
}
