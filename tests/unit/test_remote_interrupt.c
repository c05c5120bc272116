/*
 * remote: what is copied in the interrupt, of a child that has made structures
 * of an interpreter and spins. They are static, so that they are at the same
 * addresses here. Where we may not load the program, this is skipped.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "remote.h"
#include "src/remote/interrupt_priv.h"
#include "tests/lib/kids.h"
#include "tests/lib/world.h"

#define MS 1000000ull
#define PERIOD MS
#define DEADLINE (20000 * MS) /* until a wait has failed */
#define QUIET 5		      /* ms: some periods in which nothing comes */
#define SOME (30 * PERIOD)    /* of the child's time: enough for a record */
#define RING_BYTES (1u << 20)
#define KERNEL 0xffff888000000000u

static struct world world;

/* ---- a child that spins ---- */

static struct scene {
	struct interrupt_plan plan;
	struct interrupts *in;
	pid_t pid, other; /* children, or 0 */
	uint32_t tid;	  /* of the first one, as it knows it */
	uint64_t before; /* it began */
} scene;

static cpu_set_t allowed;

static int setup(void **state)
{
	memset(&scene, 0, sizeof(scene));
	world_make(&world, 3);
	scene.plan = plan_of(&world);
	*state = &scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	sched_setaffinity(0, sizeof(allowed), &allowed);
	interrupts_free(s->in);
	if (s->pid > 0)
		kid_end(s->pid);
	if (s->other > 0)
		kid_end(s->other);
	return 0;
}

/* In the interrupt only what is in memory can be read. */
static void spin_there(void)
{
	const volatile unsigned char *p = (const unsigned char *)&world;
	size_t i;

	for (i = 0; i < sizeof(world); i++)
		(void)p[i];
	kid_spin();
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

static void open_scene(struct scene *s)
{
	int ret = interrupts_new(&s->in, s->pid, s->tid, &s->plan);

	if (ret == -EPERM || ret == -ENOSYS ||
	    (ret == -EACCES && !may_have_events()))
		skip();
	assert_int_equal(ret, 0);
}

/* The child spins, and nothing is told of it yet. */
static void begin(struct scene *s)
{
	s->pid = kid_fork(spin_there);
	s->tid = (uint32_t)s->pid;
	kid_expect_running();
	open_scene(s);
}

static void tell(struct scene *s, raddr tstate)
{
	assert_int_equal(interrupts_tell(s->in, s->tid, tstate), 0);
}

static void every(struct scene *s, uint64_t period)
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

static void tell_and_go(struct scene *s, uint64_t period)
{
	tell(s, addr_of(&world.tstate));
	every(s, period);
}

/* To the first or the last processor that we may have. */
static void pin(pid_t pid, bool last)
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
static void begin_pinned(struct scene *s)
{
	begin(s);
	pin(s->pid, true);
	pin(0, false);
}

static bool wait_fd(const struct scene *s, int ms)
{
	struct pollfd p = {.fd = interrupts_fd(s->in), .events = POLLIN};
	int ret = poll(&p, 1, ms);

	assert_true(ret >= 0);
	assert_int_equal(p.revents & ~POLLIN, 0);
	return ret > 0;
}

/* Something wakes us; at the end of its time poll() would look once more. */
static void expect_woken(const struct scene *s)
{
	uint64_t begun = clock_mono();

	assert_true(wait_fd(s, (int)(DEADLINE / MS)));
	assert_true(clock_mono() - begun < DEADLINE);
}

/* One comes; the fd may say nothing of it while no other thread is there. */
static struct interrupt wait_next(struct scene *s)
{
	uint64_t begun = clock_mono();
	struct interrupt r;

	while (!interrupts_next(s->in, &r)) {
		if (clock_mono() - begun > DEADLINE)
			fail_msg("nothing comes");
		wait_fd(s, 1);
	}
	assert_in_range(r.when, s->before, clock_mono());
	return r;
}

static struct interrupt wait_known(struct scene *s)
{
	struct interrupt r = wait_next(s);

	while (!r.known) {
		assert_int_equal(r.tid, 0);
		r = wait_next(s);
	}
	assert_int_equal(r.tid, s->tid);
	return r;
}

/* The first one. */
static struct interrupt run(struct scene *s)
{
	begin(s);
	tell_and_go(s, PERIOD);
	return wait_known(s);
}

/* All that is there, if anything; *last is the last one. */
static unsigned drain(struct scene *s, struct interrupt *last)
{
	struct interrupt r;
	unsigned n;

	for (n = 0; interrupts_next(s->in, &r); n++)
		*last = r;
	interrupts_done(s->in);
	return n;
}

/* Nothing comes any more. */
static void settle(struct scene *s, struct interrupt *last)
{
	uint64_t begun = clock_mono();

	do {
		drain(s, last);
		assert_true(clock_mono() - begun < DEADLINE);
	} while (wait_fd(s, QUIET));
}

/* ns that a child has had of a processor. */
static uint64_t used(pid_t pid)
{
	struct timespec t;
	clockid_t id;

	assert_int_equal(clock_getcpuclockid(pid, &id), 0);
	assert_int_equal(clock_gettime(id, &t), 0);
	return (uint64_t)t.tv_sec * 1000 * MS + (uint64_t)t.tv_nsec;
}

static void let_use(pid_t pid, uint64_t ns)
{
	uint64_t begun = clock_mono(), until = used(pid) + ns;

	while (used(pid) < until) {
		assert_true(clock_mono() - begun < DEADLINE);
		kid_tick();
	}
}

static uint64_t mark_of(const struct interrupt *r, size_t i)
{
	uint64_t mark;

	memcpy(&mark, r->frames + (i + 1) * r->stride - 8, 8);
	return mark;
}

static void check_frames(const struct interrupt *r, size_t n)
{
	size_t i;

	assert_memory_equal(r->state, (char *)&world.tstate + STATE_FROM,
			    STATE_LEN);
	assert_int_equal(r->n, n);
	assert_int_equal(r->head, addr_of(&world.frames[0]));
	for (i = 0; i < n; i++) {
		assert_memory_equal(r->frames + i * r->stride, &world.frames[i],
				    FRAME_LEN);
		assert_int_equal(mark_of(r, i), (uint32_t)world.codes[i].mark);
	}
}

static void check_facts(const struct interrupt *r)
{
	assert_int_equal(r->facts[0], world.facts[0]);
	assert_int_equal(r->facts[1], (uint32_t)world.facts[1]);
	assert_int_equal(r->facts[2], 0);
	assert_int_equal(r->facts[3], 0);
}

/* ---- what is copied ---- */

static void copies_the_stack(void **state)
{
	struct scene *s = *state;
	unsigned n, regular = 0;
	uint64_t last = 0;
	struct interrupt r;

	r = run(s);
	for (n = 0; n < 20 || !regular; n++) {
		/* The first one is after a period, and none is too early. */
		assert_true(r.when >= s->before + PERIOD);
		check_frames(&r, 3);
		check_facts(&r);
		assert_int_equal(r.next, 0);
		assert_int_equal(r.exc, addr_of(&world.raised));
		assert_true(n < 2000);
		regular += r.when - last > PERIOD / 2 &&
			   r.when - last < PERIOD * 3 / 2;
		last = r.when;
		r = wait_known(s);
	}
}

static void follows_what_is_behind(void **state)
{
	struct scene *s = *state;
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
		assert_int_equal(mark_of(&r, i),
				 (uint32_t)world.codes[i].mark |
					 world.names[i][1] << 32);
}

static void base_ends_it(void **state)
{
	struct scene *s = *state;
	struct interrupt r;

	s->plan.state.base = offsetof(struct tstate, base);
	world.tstate.base = addr_of(&world.frames[2]);
	r = run(s);
	check_frames(&r, 2);
	assert_int_equal(r.next, world.tstate.base);
}

static void check_end(struct scene *s, raddr end)
{
	struct interrupt r;

	world.frames[2].previous = end;
	r = run(s);
	check_frames(&r, 3);
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
	struct scene *s = *state;
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
		assert_int_equal(mark_of(&r, i),
				 (uint32_t)world.codes[i % 3].mark);
	}
}

static void state_that_cannot_be_read(void **state)
{
	struct scene *s = *state;
	struct interrupt r;

	begin(s);
	tell(s, NOWHERE);
	every(s, PERIOD);
	r = wait_known(s);
	assert_int_equal(r.n, 0);
	assert_int_equal(r.head, 0);
	assert_int_equal(r.next, 0);
	assert_int_equal(r.exc, 0);
	check_facts(&r);
}

/* Items without an object, for ever. */
static void circle_of_exceptions(void **state)
{
	struct interrupt r;

	world.items[1].value = addr_of(&world.none);
	world.items[1].previous = addr_of(&world.items[0]);
	r = run(*state);
	assert_int_equal(r.exc, addr_of(&world.none));
	check_frames(&r, 3);
}

/* ---- whose ---- */

/* No two are the same: it is told once, until it has gone and is back. */
static void check_once(struct scene *s, uint32_t *last)
{
	struct interrupt r;

	while (interrupts_next(s->in, &r)) {
		assert_false(r.known);
		assert_int_equal(r.n, 0);
		assert_true(!r.tid || r.tid == s->tid);
		assert_int_not_equal(r.tid, *last);
		*last = r.tid;
	}
	interrupts_done(s->in);
}

static void unknown_thread(void **state)
{
	struct scene *s = *state;
	struct interrupt r = {0};
	uint32_t last = 0;

	begin_pinned(s);
	every(s, PERIOD);
	expect_woken(s);
	let_use(s->pid, SOME);
	check_once(s, &last);
	while (last != s->tid) {
		r = wait_next(s);
		last = r.tid;
	}
	/* Not to be read: it is like nobody. */
	tell(s, 0);
	let_use(s->pid, SOME);
	check_once(s, &last);
	assert_int_equal(last, 0);
	let_use(s->pid, SOME);
	assert_false(interrupts_next(s->in, &r));
	tell(s, addr_of(&world.tstate));
	expect_woken(s);
	wait_known(s);
}

static void forgotten_thread(void **state)
{
	struct scene *s = *state;
	struct interrupt r;

	begin_pinned(s);
	tell_and_go(s, PERIOD);
	wait_known(s);
	interrupts_forget(s->in, s->tid);
	settle(s, &r);
	let_use(s->pid, SOME);
	while (interrupts_next(s->in, &r))
		assert_false(r.known);
}

/* Spins there while the child does not: an idle processor may say nothing. */
static void fork_idler(struct scene *s)
{
	const struct sched_param none = {0};

	s->other = kid_fork(spin_there);
	pin(s->other, true);
	assert_int_equal(sched_setscheduler(s->other, SCHED_IDLE, &none), 0);
}

/* Stops the child, and lets it go on. How many records before we noticed? */
static unsigned leave_and_come(struct scene *s)
{
	struct interrupt r;
	unsigned n;

	do {
		r = wait_known(s);
		drain(s, &r);
	} while (!r.tid);
	/* It is there: that it goes must be told, and wakes us. */
	kill(s->pid, SIGSTOP);
	expect_woken(s);
	kid_wait_state(s->pid, 'T');
	settle(s, &r);
	assert_int_equal(r.tid, 0);
	assert_false(r.known);
	assert_int_equal(r.n, 0);
	kill(s->other, SIGSTOP); /* else it would come between */
	kill(s->pid, SIGCONT);
	expect_woken(s);
	r = wait_next(s);
	assert_int_equal(r.tid, s->tid);
	assert_true(r.known);
	check_frames(&r, 3);
	n = drain(s, &r);
	kill(s->other, SIGCONT);
	return n;
}

static void one_that_left(void **state)
{
	struct scene *s = *state;
	unsigned i, late = 0;

	fork_idler(s);
	begin_pinned(s);
	tell_and_go(s, PERIOD);
	for (i = 0; i < 10; i++)
		late += leave_and_come(s) > 1;
	assert_in_range(late, 0, 6);
}

/* Not even if a thread of its id was told of. */
static void other_process_is_not_seen(void **state)
{
	struct scene *s = *state;
	const raddr at = addr_of(&world.tstate);
	uint64_t begun, until;
	unsigned n;

	s->other = kid_fork(spin_there);
	begin(s);
	assert_int_equal(interrupts_tell(s->in, (uint32_t)s->other, at), 0);
	assert_int_equal(interrupts_tell(s->in, (uint32_t)getpid(), at), 0);
	tell_and_go(s, PERIOD);
	begun = clock_mono();
	until = used(s->other) + SOME;
	/* Each one is of the first child, or of nobody. */
	for (n = 0; n < 20 || used(s->other) < until; n++) {
		wait_known(s);
		interrupts_done(s->in);
		assert_true(clock_mono() - begun < DEADLINE);
	}
}

static void ids_of_another_namespace(void **state)
{
	struct scene *s = *state;
	struct interrupt r;
	long pid;

	memset(kids, 0, sizeof(*kids));
	pid = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	if (pid < 0 && (errno == EPERM || errno == EINVAL))
		skip();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		spin_there();
	}
	s->pid = (pid_t)pid;
	s->tid = 1;
	kid_expect_running();
	open_scene(s);
	tell_and_go(s, PERIOD);
	r = wait_known(s);
	check_frames(&r, 3);
}

/* ---- the ring ---- */

/* Each has the same long chain, and so it goes on from `end`. */
static void run_long(struct scene *s, raddr end, uint64_t period)
{
	world_make(&world, LONG);
	world.frames[LONG - 1].previous = end;
	begin_pinned(s);
	tell_and_go(s, period);
}

static size_t bytes_of(const struct scene *s, const struct interrupt *r)
{
	return BPF_RINGBUF_HDR_SZ + sizeof(struct record) +
	       interrupt_state_bytes(&s->plan) + r->n * r->stride;
}

/* Reads one, which is checked; its bytes in the ring. */
static size_t take(struct scene *s)
{
	struct interrupt r = wait_next(s);

	assert_true(!r.tid || (r.tid == s->tid && r.known));
	if (r.tid)
		check_frames(&r, LONG);
	return bytes_of(s, &r);
}

static void many(void **state)
{
	const struct interrupt whole = {
		.n = LONG, .stride = interrupt_stride(&scene.plan)};
	struct scene *s = *state;
	size_t bytes, most = RING_BYTES - 1 - bytes_of(s, &whole);
	struct interrupt r;
	int i;

	run_long(s, 0, PERIOD / 10);
	for (bytes = 0; bytes < 3 * RING_BYTES; interrupts_done(s->in))
		bytes += take(s);
	/* Nothing is given back: it is full, and stays so. */
	for (i = 0; i < 2; i++) {
		for (bytes = 0; bytes <= most;)
			bytes += take(s);
		let_use(s->pid, SOME);
		assert_true(wait_fd(s, 0));
		while (interrupts_next(s->in, &r))
			assert_int_equal(r.tid, 0); /* a small one */
		interrupts_done(s->in);
	}
	take(s);
}

/* Whether what is read has another thread than *tid, which becomes the last. */
static bool has_other(struct scene *s, uint32_t *tid, size_t *bytes)
{
	bool other = false;
	struct interrupt r;

	for (*bytes = 0; interrupts_next(s->in, &r); *tid = r.tid) {
		other = other || r.tid != *tid;
		*bytes += bytes_of(s, &r);
	}
	interrupts_done(s->in);
	return other;
}

/* We are not for each one; but one may be there already before we sleep. */
static void wakes_us_when_much_waits(void **state)
{
	struct scene *s = *state;
	unsigned n = 0, much = 0, late = 0, vain = 0;
	uint32_t tid = 0;
	uint64_t until;
	size_t bytes;
	bool other;

	run_long(s, addr_of(world.frames), PERIOD / 4);
	until = clock_mono() + 2000 * MS;
	for (; much < 5 && clock_mono() < until; n++) {
		expect_woken(s);
		other = has_other(s, &tid, &bytes);
		much += !other && bytes >= RING_BYTES / 2;
		vain += !other && bytes < RING_BYTES / 2;
		late += other && bytes >= RING_BYTES / 4 * 3;
	}
	assert_in_range(vain, 0, n / 2 + 2);
	/* Where others come and go they wake us; but not only they. */
	assert_in_range(late, 0, much + 15);
}

/* Nobody could be told of it then. */
static void left_while_full(void **state)
{
	struct scene *s = *state;
	struct interrupt r = {.tid = 0};

	fork_idler(s);
	begin_pinned(s);
	tell(s, NOWHERE);
	every(s, PERIOD / 50);
	let_use(s->pid, 500 * MS);
	kill(s->pid, SIGSTOP);
	kid_wait_state(s->pid, 'T');
	let_use(s->other, SOME);
	drain(s, &r);
	let_use(s->other, SOME);
	drain(s, &r);
	assert_int_equal(r.tid, 0);
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(copies_the_stack),
		LIVE(follows_what_is_behind),
		LIVE(base_ends_it),
		LIVE(chain_that_ends_nowhere),
		LIVE(chain_that_ends_in_the_kernel),
		LIVE(circle),
		LIVE(state_that_cannot_be_read),
		LIVE(circle_of_exceptions),
		LIVE(unknown_thread),
		LIVE(forgotten_thread),
		LIVE(one_that_left),
		LIVE(other_process_is_not_seen),
		LIVE(ids_of_another_namespace),
		LIVE(many),
		LIVE(wakes_us_when_much_waits),
		LIVE(left_while_full),
	};

	if (!kids_init() || sched_getaffinity(0, sizeof(allowed), &allowed))
		return 1;
	return cmocka_run_group_tests_name("remote_interrupt", tests, NULL,
					   NULL);
}
