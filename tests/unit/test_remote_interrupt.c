/*
 * remote: what is copied in the interrupt, of a child that has made structures
 * of an interpreter and spins. What the scheduler tells: test_remote_switch.c.
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/param.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "remote.h"
#include "src/remote/interrupt_priv.h"
#include "tests/lib/kids.h"
#include "tests/lib/watched.h"
#include "tests/lib/world.h"

#define RING_BYTES (1u << 20)
#define KERNEL 0xffff888000000000u

static struct interrupt wait_tick(struct watched *s)
{
	return watched_wait_kind(s, INTERRUPT_TICK);
}

/* The first one, of a child that does that. */
static struct interrupt run_with(struct watched *s, void (*spin)(void))
{
	watched_begin(s, spin);
	watched_tell_and_go(s, PERIOD);
	return wait_tick(s);
}

static struct interrupt run(struct watched *s)
{
	return run_with(s, watched_spin);
}

static void go_on(struct watched *s)
{
	kill(s->pid, SIGCONT);
	kid_expect_running();
}

/* ---- what is copied ---- */

/* There is no system call that it is in. */
static void check_tick(const struct interrupt *r)
{
	size_t i;

	watched_check_frames(r, 3);
	watched_check_facts(r);
	assert_int_equal(r->next, 0);
	assert_int_equal(r->exc, addr_of(&world.raised));
	assert_int_equal(r->why, 0);
	assert_int_equal(r->call, -1);
	assert_int_equal(r->first, 0);
	for (i = 0; i < 6; i++)
		assert_int_equal(r->args[i], 0);
}

static void copies_the_stack(void **state)
{
	struct watched *s = *state;
	unsigned n, regular = 0;
	uint64_t last = 0;
	struct interrupt r;

	r = run(s);
	for (n = 0; n < 20 || !regular; n++) {
		/* The first one is after a period, and none is too early. */
		assert_true(r.at >= s->before + PERIOD);
		check_tick(&r);
		assert_true(n < 2000);
		regular += r.at - last > PERIOD / 2 &&
			   r.at - last < PERIOD * 3 / 2;
		last = r.at;
		r = wait_tick(s);
	}
}

static void follows_what_is_behind(void **state)
{
	struct watched *s = *state;
	struct interrupt r;
	size_t i;

	plan_behind(&s->plan);
	world.tstate.head = addr_of(world.cframe);
	for (i = 0; i < 3; i++)
		world.frames[i].code |= i + 1;
	r = run(s);
	assert_int_equal(r.n, 3);
	assert_int_equal(r.next, 0);
	assert_int_equal(r.head, addr_of(&world.frames[0]));
	for (i = 0; i < 3; i++)
		assert_int_equal(watched_mark(&r, i),
				 (uint32_t)world.codes[i].mark |
					 world.names[i][1] << 32);
}

static void base_ends_it(void **state)
{
	struct watched *s = *state;
	struct interrupt r;

	s->plan.state.base = offsetof(struct tstate, base);
	world.tstate.base = addr_of(&world.frames[2]);
	r = run(s);
	watched_check_frames(&r, 2);
	assert_int_equal(r.next, world.tstate.base);
}

/* ---- within a yield ---- */

#define TYPE 0x5555aaaa5555aaaau
#define OF_GENERATOR 7

/* What one register has, and none else; but rcx, or 0. */
static struct frame *caller __asm__("caller") __attribute__((used));
static struct frame *also __asm__("also") __attribute__((used));

#define CLEAR(reg) "xor %%" #reg ", %%" #reg "\n"
#define SPINS_WITH(reg)                                                      \
	static void spin_with_##reg(void)                                    \
	{                                                                    \
		watched_ready();                                             \
		__asm__ volatile(                                            \
			CLEAR(rax) CLEAR(rbx) CLEAR(rcx) CLEAR(rdx)          \
			CLEAR(rsi) CLEAR(rdi) CLEAR(rbp) CLEAR(r8) CLEAR(r9) \
			CLEAR(r10) CLEAR(r11) CLEAR(r12) CLEAR(r13)          \
			CLEAR(r14) CLEAR(r15)                                \
			"mov also(%%rip), %%rcx\n"                           \
			"mov caller(%%rip), %%" #reg "\n1: jmp 1b" : : :     \
			"memory");                                           \
	}

#ifdef __x86_64__
SPINS_WITH(rax)
SPINS_WITH(rbx)
SPINS_WITH(rcx)
SPINS_WITH(rdx)
SPINS_WITH(rsi)
SPINS_WITH(rdi)
SPINS_WITH(rbp)
SPINS_WITH(r8)
SPINS_WITH(r9)
SPINS_WITH(r10)
SPINS_WITH(r11)
SPINS_WITH(r12)
SPINS_WITH(r13)
SPINS_WITH(r14)
SPINS_WITH(r15)

static void (*const spin_with[])(void) = {
	spin_with_rax, spin_with_rbx, spin_with_rcx, spin_with_rdx,
	spin_with_rsi, spin_with_rdi, spin_with_rbp, spin_with_r8,
	spin_with_r9,  spin_with_r10, spin_with_r11, spin_with_r12,
	spin_with_r13, spin_with_r14, spin_with_r15,
};
#else
static void (*const spin_with[])(void) = {watched_spin};
#endif

static void yield_to(struct watched *s, struct frame *to)
{
	caller = to;
	also = NULL;
	world.frames[0].previous = 0;
	world.frames[0].position = OF_GENERATOR;
	world.codes[1].other[1] = TYPE;
	s->plan.yield.type = TYPE;
	s->plan.yield.at = offsetof(struct code, other[1]);
	s->plan.yield.owner = offsetof(struct frame, position);
	s->plan.yield.generator = OF_GENERATOR;
}

static void the_caller_of_a_yield(void **state)
{
	struct watched *s = *state;
	struct interrupt r;
	size_t i;

	for (i = 0; i < sizeof(spin_with) / sizeof(*spin_with); i++) {
		if (i) {
			watched_teardown(state);
			watched_setup(state);
		}
		yield_to(s, &world.frames[1]);
		r = run_with(s, spin_with[i]);
		assert_int_equal(r.head, addr_of(&world.frames[1]));
		assert_int_equal(r.n, 2);
		assert_int_equal(r.next, 0);
		assert_memory_equal(r.frames, &world.frames[1], FRAME_LEN);
		assert_int_equal(watched_mark(&r, 1),
				 (uint32_t)world.codes[2].mark);
	}
}

static void expect_alone(struct watched *s)
{
	struct interrupt r = run_with(s, spin_with[0]);

	watched_check_frames(&r, 1);
	assert_int_equal(r.next, 0);
}

static void nobody_else_is_a_caller(void **state)
{
	struct watched *s = *state;

	yield_to(s, &world.frames[0]); /* itself */
	world.codes[0].other[1] = TYPE;
	expect_alone(s);
}

/* One of them has ended before. */
static void of_two_none_is_taken(void **state)
{
	struct watched *s = *state;

	yield_to(s, &world.frames[1]);
	also = &world.frames[2];
	world.codes[2].other[1] = TYPE;
	expect_alone(s);
}

static void the_same_one_twice(void **state)
{
	struct watched *s = *state;
	struct interrupt r;

	yield_to(s, &world.frames[1]);
	also = &world.frames[1];
	r = run_with(s, spin_with[0]);
	assert_int_equal(r.head, addr_of(&world.frames[1]));
	assert_int_equal(r.n, 2);
}

static void a_caller_has_a_code_object(void **state)
{
	struct watched *s = *state;

	yield_to(s, &world.frames[1]);
	world.codes[1].other[1]++;
	expect_alone(s);
}

static void only_generators_yield(void **state)
{
	struct watched *s = *state;

	yield_to(s, &world.frames[1]);
	world.frames[0].position++;
	expect_alone(s);
}

/* ---- where it ends ---- */

static void check_end(struct watched *s, raddr end)
{
	struct interrupt r;

	world.frames[2].previous = end;
	r = run(s);
	watched_check_frames(&r, 3);
	assert_int_equal(r.next, end);
	assert_false(r.cut);
}

static void chain_that_ends_nowhere(void **state)
{
	check_end(*state, NOWHERE);
}

/* What a target says is an address may be one of the kernel. */
static void chain_that_ends_in_the_kernel(void **state)
{
	check_end(*state, KERNEL);
}

static void circle(void **state)
{
	struct watched *s = *state;
	struct interrupt r;
	size_t most, i;

	world.frames[2].previous = addr_of(&world.frames[0]);
	r = run(s);
	most = (SEEN_BYTES - offsetof(struct seen, record.state) -
		interrupt_state_bytes(&s->plan)) /
	       interrupt_stride(&s->plan);
	assert_true(most > 500);
	assert_int_equal(r.n, most);
	assert_true(r.cut);
	assert_int_equal(r.next, addr_of(&world.frames[most % 3]));
	for (i = 0; i < most; i++) {
		assert_memory_equal(r.frames + i * r.stride,
				    &world.frames[i % 3], FRAME_LEN);
		assert_int_equal(watched_mark(&r, i),
				 (uint32_t)world.codes[i % 3].mark);
	}
}

/* For how long it stands, of the copies before; the least of some. */
static uint64_t stands(struct watched *s)
{
	uint64_t least = PERIOD;
	unsigned n;

	watched_begin_pinned(s, watched_spin);
	watched_tell_and_go(s, PERIOD);
	assert_int_equal(watched_wait_next(s).took_ns, 0);
	for (n = 0; n < 50; n++) {
		interrupts_done(s->in);
		least = MIN(least, wait_tick(s).took_ns);
		assert_true(least > 0);
	}
	return least;
}

static void says_how_long_it_took(void **state)
{
	assert_true(stands(*state) < PERIOD / 10);
}

/* More than 500 frames: they are some 50 us or more. */
static void takes_longer_for_more(void **state)
{
	world.frames[2].previous = addr_of(&world.frames[0]);
	assert_in_range(stands(*state), 10000, PERIOD - 1);
}

static void state_that_cannot_be_read(void **state)
{
	struct watched *s = *state;
	struct interrupt r;

	watched_begin(s, watched_spin);
	watched_tell(s, NOWHERE);
	watched_every(s, PERIOD);
	r = wait_tick(s);
	assert_int_equal(r.n, 0);
	assert_int_equal(r.head, 0);
	assert_int_equal(r.next, 0);
	assert_int_equal(r.exc, 0);
	watched_check_facts(&r);
}

/* Items without an object, for ever. */
static void circle_of_exceptions(void **state)
{
	struct interrupt r;

	world.items[1].value = addr_of(&world.none);
	world.items[1].previous = addr_of(&world.items[0]);
	r = run(*state);
	assert_int_equal(r.exc, addr_of(&world.none));
	watched_check_frames(&r, 3);
}

/* ---- whose ---- */

/* It wakes us, once, and nothing else is told of it. */
static void stranger(void **state)
{
	struct watched *s = *state;
	struct interrupt r;

	watched_begin_pinned(s, watched_spin);
	watched_every(s, PERIOD);
	watched_expect_woken(s);
	interrupts_heard(s->in);
	assert_false(watched_wait_fd(s, 0)); /* though it is there */
	r = watched_wait_next(s);
	assert_int_equal(r.kind, INTERRUPT_STRANGER);
	assert_int_equal(r.n, 0);
	interrupts_done(s->in);
	watched_let_use(s->pid, SOME);
	watched_expect_none(s);
	assert_false(watched_wait_fd(s, 0));
	watched_tell(s, addr_of(&world.tstate));
	r = wait_tick(s);
	watched_check_frames(&r, 3);
}

static void not_to_be_read(void **state)
{
	struct watched *s = *state;

	watched_begin(s, watched_spin);
	watched_tell(s, 0);
	watched_every(s, PERIOD);
	watched_let_use(s->pid, SOME);
	watched_expect_none(s);
	assert_false(watched_wait_fd(s, 0));
	watched_tell(s, addr_of(&world.tstate));
	wait_tick(s);
}

static void forgotten_thread(void **state)
{
	struct watched *s = *state;

	watched_begin_pinned(s, watched_spin);
	watched_tell_and_go(s, PERIOD);
	wait_tick(s);
	interrupts_forget(s->in, s->tid);
	watched_wait_kind(s, INTERRUPT_STRANGER);
	watched_let_use(s->pid, SOME);
	watched_expect_none(s);
}

/* Not even if a thread of its id was told of. */
static void other_process_is_not_seen(void **state)
{
	struct watched *s = *state;
	const raddr at = addr_of(&world.tstate);
	uint64_t begun, until;
	unsigned n;

	s->other = kid_fork(watched_spin);
	watched_begin(s, watched_spin);
	assert_int_equal(interrupts_tell(s->in, (uint32_t)s->other, at), 0);
	assert_int_equal(interrupts_tell(s->in, (uint32_t)getpid(), at), 0);
	watched_tell_and_go(s, PERIOD);
	begun = clock_mono();
	until = watched_used(s->other) + SOME;
	/* Each one is of the first child; we sleep, and are woken, too. */
	for (n = 0; n < 20 || watched_used(s->other) < until; n++) {
		wait_tick(s);
		interrupts_done(s->in);
		assert_true(clock_mono() - begun < DEADLINE);
	}
}

static void ids_of_another_namespace(void **state)
{
	struct watched *s = *state;
	struct interrupt r;
	uint64_t begun;
	long pid;

	memset(kids, 0, sizeof(*kids));
	pid = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	if (pid < 0 && (errno == EPERM || errno == EINVAL))
		skip();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		watched_spin();
	}
	s->pid = (pid_t)pid;
	s->tid = 1;
	watched_wait_ready();
	watched_open(s);
	watched_tell_and_go(s, PERIOD);
	r = wait_tick(s);
	watched_check_frames(&r, 3);
	/* As the others call it, too. */
	begun = clock_mono();
	do {
		assert_true(clock_mono() - begun < DEADLINE);
		watched_stop(s);
		watched_wait_kind(s, INTERRUPT_LEAVES);
		go_on(s);
		r = watched_wait_next(s);
	} while (r.kind != INTERRUPT_WOKEN);
	kill(s->pid, SIGKILL);
	watched_wait_kind(s, INTERRUPT_ENDED);
}

/* ---- the ring ---- */

/* Each has the same long chain. */
static void begin_long(struct watched *s)
{
	world_make(&world, LONG);
	watched_begin_pinned(s, watched_spin);
}

static size_t bytes_of(const struct watched *s, const struct interrupt *r)
{
	return BPF_RINGBUF_HDR_SZ + sizeof(struct record) +
	       interrupt_state_bytes(&s->plan) + r->n * r->stride;
}

static size_t bytes_of_long(const struct watched *s)
{
	const struct interrupt whole = {
		.n = LONG, .stride = interrupt_stride(&s->plan)};

	return bytes_of(s, &whole);
}

/* Its bytes in the ring. */
static size_t check_long(const struct watched *s, const struct interrupt *r)
{
	if (r->kind == INTERRUPT_WOKEN) /* it was stopped */
		return BPF_RINGBUF_HDR_SZ + sizeof(struct record_head);
	assert_true(r->kind == INTERRUPT_TICK || r->kind == INTERRUPT_LEAVES);
	watched_check_frames(r, LONG);
	return bytes_of(s, r);
}

static size_t take(struct watched *s)
{
	struct interrupt r = watched_wait_next(s);

	return check_long(s, &r);
}

/* All that is there. */
static size_t take_all(struct watched *s)
{
	struct interrupt r;
	size_t bytes = 0;

	while (interrupts_next(s->in, EVER, &r))
		bytes += check_long(s, &r);
	interrupts_done(s->in);
	return bytes;
}

/* Nothing is given back, until nothing more can come: the time of the last. */
static uint64_t fill(struct watched *s)
{
	size_t bytes = 0, most = RING_BYTES - 1 - bytes_of_long(s);
	struct interrupt r = {.at = 0};

	while (bytes <= most) {
		r = watched_wait_next(s);
		bytes += check_long(s, &r);
	}
	return r.at;
}

static void many(void **state)
{
	struct watched *s = *state;
	size_t bytes;

	begin_long(s);
	watched_tell_and_go(s, PERIOD / 10);
	for (bytes = 0; bytes < 3 * RING_BYTES; interrupts_done(s->in))
		bytes += take(s);
	assert_int_equal(interrupts_lost(s->in), 0);
}

/* Since when is told once, and again when there was room meanwhile. */
static void what_there_is_no_room_for(void **state)
{
	struct watched *s = *state;
	uint64_t full, lost;
	int i;

	begin_long(s);
	watched_tell_and_go(s, PERIOD / 10);
	for (i = 0; i < 3; i++) {
		full = fill(s);
		watched_let_use(s->pid, SOME);
		watched_expect_none(s);
		lost = interrupts_lost(s->in);
		/* Not the last one. */
		assert_in_range(lost, full + 1,
				full + (clock_mono() - full) / 2);
		watched_stop(s);
		interrupts_lost(s->in); /* that it left, too */
		assert_int_equal(interrupts_lost(s->in), 0);
		interrupts_done(s->in);
		go_on(s);
		take(s);
		interrupts_done(s->in);
		assert_int_equal(interrupts_lost(s->in), 0);
	}
}

static void wakes_us_when_half_is_full(void **state)
{
	struct watched *s = *state;
	unsigned n, late = 0, vain = 0;
	size_t bytes;

	begin_long(s);
	watched_tell_and_go(s, PERIOD / 4);
	for (n = 0; n < 5; n++) {
		watched_expect_woken(s);
		bytes = take_all(s);
		/* One more may come between. */
		vain += bytes <= RING_BYTES / 2;
		late += bytes >= RING_BYTES / 4 * 3;
		interrupts_heard(s->in);
	}
	assert_in_range(vain, 0, 2);
	assert_in_range(late, 0, 4);
}

static void does_not_wake_us_for_each(void **state)
{
	struct watched *s = *state;
	unsigned silent, n;
	size_t bytes;

	begin_long(s);
	watched_tell_and_go(s, PERIOD);
	for (silent = 0, n = 0; silent < 5; n++) {
		assert_true(n < 50);
		watched_let_use(s->pid, 5 * PERIOD);
		watched_stop(s);
		if (watched_wait_fd(s, 0)) { /* there was much */
			bytes = take_all(s);
			assert_true(bytes > RING_BYTES / 2);
			interrupts_heard(s->in);
		} else if (take_all(s)) {
			silent++;
		}
		go_on(s);
	}
}

/* In the order of time, since the child is on one processor. */
static void until(void **state)
{
	struct watched *s = *state;
	uint64_t time, step = PERIOD / 3;
	struct interrupt r;
	unsigned n = 0;

	watched_begin_pinned(s, watched_spin);
	watched_tell_and_go(s, PERIOD);
	watched_let_use(s->pid, SOME);
	watched_stop(s);
	assert_false(interrupts_next(s->in, 0, &r));
	assert_true(interrupts_next(s->in, EVER, &r));
	/* To the nanosecond */
	for (time = r.when; !interrupts_next(s->in, time, &r); time++)
		assert_true(time < clock_mono());
	assert_int_equal(r.when, time - 1);
	for (; time < clock_mono() + step; time += step)
		for (; interrupts_next(s->in, time, &r); n++)
			assert_in_range(r.when, time - step, time - 1);
	assert_true(n > 5);
	watched_expect_none(s);
}

#define LIVE(test) \
	cmocka_unit_test_setup_teardown(test, watched_setup, watched_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(copies_the_stack),
		LIVE(follows_what_is_behind),
		LIVE(base_ends_it),
		LIVE(the_caller_of_a_yield),
		LIVE(nobody_else_is_a_caller),
		LIVE(of_two_none_is_taken),
		LIVE(the_same_one_twice),
		LIVE(a_caller_has_a_code_object),
		LIVE(only_generators_yield),
		LIVE(chain_that_ends_nowhere),
		LIVE(chain_that_ends_in_the_kernel),
		LIVE(circle),
		LIVE(says_how_long_it_took),
		LIVE(takes_longer_for_more),
		LIVE(state_that_cannot_be_read),
		LIVE(circle_of_exceptions),
		LIVE(stranger),
		LIVE(not_to_be_read),
		LIVE(forgotten_thread),
		LIVE(other_process_is_not_seen),
		LIVE(ids_of_another_namespace),
		LIVE(many),
		LIVE(what_there_is_no_room_for),
		LIVE(wakes_us_when_half_is_full),
		LIVE(does_not_wake_us_for_each),
		LIVE(until),
	};

	if (!watched_init())
		return 1;
	return cmocka_run_group_tests_name("remote_interrupt", tests, NULL,
					   NULL);
}
