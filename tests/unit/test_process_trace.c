/*
 * Stopping threads: of children in every state, and of theirs.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "process.h"
#include "tests/lib/kids.h"

#define DEADLINE 20000000000ull /* ns until a wait has failed */
#define PATIENT 5000000000ull   /* for a stop that must succeed */

static void wait_settled(struct tracer *t)
{
	uint64_t begin = clock_mono();

	while (trace_settle(t)) {
		if (clock_mono() - begin > DEADLINE)
			fail_msg("still not let go");
		kid_tick();
	}
}

/* ---- a thread that runs ---- */

static void test_stop_and_resume(void **state)
{
	pid_t pid = kid_fork_spinning();
	struct tracer *t = tracer_new(pid, true);
	struct trace_counts c;
	uint64_t rounds, pause;

	(void)state;
	assert_int_equal(trace_stop(t, pid, PATIENT), 0);
	assert_int_equal(kid_state(pid), 't');
	rounds = atomic_load(&kids->rounds);
	kid_tick();
	assert_int_equal(atomic_load(&kids->rounds), rounds);
	pause = trace_resume(t);
	kid_expect_running();
	kid_expect_untraced(pid);
	trace_counts(t, &c);
	assert_int_equal(c.stops, 1);
	assert_int_equal(c.late, 0);
	assert_int_equal(c.pause_ns, pause);
	assert_int_equal(c.longest_ns, pause);
	/* At least as long as we looked on. */
	assert_true(pause > 500000);
	assert_int_equal(trace_resume(t), 0);
	tracer_free(t);
	kid_end(pid);
}

/* Also where another run has left the flag that children do not inherit. */
static void test_nobody_comes_between(void **state)
{
	struct sched_param first = {.sched_priority = 1}, usual = {0};
	static const int flags[] = {0, SCHED_RESET_ON_FORK, 0};
	struct tracer *t;
	pid_t pid;
	size_t i;

	(void)state;
	if (sched_setscheduler(0, SCHED_FIFO, &first))
		skip();
	sched_setscheduler(0, SCHED_OTHER, &usual);
	pid = kid_fork_spinning();
	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		assert_int_equal(sched_setscheduler(0, SCHED_OTHER | flags[i],
						    &usual), 0);
		t = tracer_new(pid, true);
		assert_int_equal(trace_stop(t, pid, PATIENT), 0);
		assert_int_equal(sched_getscheduler(0),
				 SCHED_FIFO | flags[i]);
		trace_resume(t);
		assert_int_equal(sched_getscheduler(0),
				 SCHED_OTHER | flags[i]);
		tracer_free(t);
	}
	kid_end(pid);
}

static void test_many_stops(void **state)
{
	pid_t pid = kid_fork_spinning();
	struct tracer *t = tracer_new(pid, true);
	uint64_t sum = 0, longest = 0, pause;
	struct trace_counts c;
	unsigned i;

	(void)state;
	for (i = 0; i < 3000; i++) {
		assert_int_equal(trace_stop(t, pid, PATIENT), 0);
		pause = trace_resume(t);
		sum += pause;
		longest = pause > longest ? pause : longest;
	}
	trace_counts(t, &c);
	assert_int_equal(c.stops, 3000);
	assert_int_equal(c.late, 0);
	assert_int_equal(c.pause_ns, sum);
	assert_int_equal(c.longest_ns, longest);
	assert_false(trace_settle(t));
	kid_expect_running();
	kid_expect_untraced(pid);
	tracer_free(t);
	kid_end(pid);
}

static void test_free_resumes(void **state)
{
	pid_t pid = kid_fork_spinning();
	struct tracer *t = tracer_new(pid, true);

	(void)state;
	assert_int_equal(trace_stop(t, pid, PATIENT), 0);
	tracer_free(t);
	kid_expect_running();
	kid_expect_untraced(pid);
	kid_end(pid);
	tracer_free(NULL);
}

/* ---- signals ---- */

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	atomic_fetch_add(&kids->received[info->si_value.sival_int], 1);
	atomic_fetch_add(&kids->count, 1);
}

static void spin_with_signals(void)
{
	struct sigaction act = {.sa_sigaction = on_signal,
				.sa_flags = SA_SIGINFO};

	sigaction(SIGRTMIN, &act, NULL);
	atomic_store(&kids->told, 1);
	kid_spin();
}

static void send(pid_t pid, int value)
{
	union sigval v = {.sival_int = value};

	while (sigqueue(pid, SIGRTMIN, v))
		assert_int_equal(errno, EAGAIN);
}

static void expect_received(int each)
{
	int i;

	kid_wait_for(&kids->count, each * KID_VALUES);
	for (i = 0; i < KID_VALUES; i++)
		assert_int_equal(atomic_load(&kids->received[i]), each);
	assert_int_equal(atomic_load(&kids->count), each * KID_VALUES);
}

/* Each one that comes during a stop is delivered once, with its value. */
static void test_signals_while_stopped(void **state)
{
	pid_t pid = kid_fork(spin_with_signals);
	struct tracer *t = tracer_new(pid, true);
	int i;

	(void)state;
	kid_wait_for(&kids->told, 1);
	assert_int_equal(trace_stop(t, pid, PATIENT), 0);
	for (i = 0; i < KID_VALUES; i++)
		send(pid, i);
	assert_int_equal(atomic_load(&kids->count), 0);
	trace_resume(t);
	expect_received(1);
	tracer_free(t);
	kid_end(pid);
}

/* The signal may be what stops it: before, at, and after the interrupt. */
static void test_signals_before_the_stop(void **state)
{
	pid_t pid = kid_fork(spin_with_signals);
	struct tracer *t = tracer_new(pid, true);
	int i, round;

	(void)state;
	kid_wait_for(&kids->told, 1);
	for (round = 1; round <= 40; round++) {
		for (i = 0; i < KID_VALUES; i++) {
			send(pid, i);
			assert_int_equal(trace_stop(t, pid, PATIENT), 0);
			trace_resume(t);
		}
		expect_received(round);
	}
	tracer_free(t);
	kid_end(pid);
}

/*
 * Ctrl-Z for us while we hold something: the child must not be stopped for
 * as long as we are.
 */
static void hold_and_be_stopped(void)
{
	struct tracer *t = tracer_new(getppid(), false);
	pid_t target = atomic_load(&kids->tid);

	while (!target)
		target = atomic_load(&kids->tid);
	tracer_free(t);
	t = tracer_new(target, false);
	if (trace_stop(t, target, PATIENT))
		_exit(1);
	kill(getpid(), SIGTSTP);
	atomic_store(&kids->told, 1);
	trace_resume(t);
	atomic_store(&kids->told, 2);
	tracer_free(t);
}

static void test_job_control_waits(void **state)
{
	pid_t helper = kid_fork(hold_and_be_stopped), pid;
	int status;

	(void)state;
	/* Not with fork_child: both share the same page. */
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		kid_spin();
	}
	/* Orphaned groups are not stopped by the terminal's signals. */
	setpgid(helper, helper);
	kid_expect_running();
	atomic_store(&kids->tid, pid);
	assert_int_equal(waitpid(helper, &status, WUNTRACED), helper);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(WSTOPSIG(status), SIGTSTP);
	assert_int_equal(atomic_load(&kids->told), 1);
	kid_expect_running();
	kid_expect_untraced(pid);
	kill(helper, SIGCONT);
	assert_int_equal(kid_take_end(helper), 0);
	kid_end(pid);
}

/* ---- a stopped group ---- */

static void test_group_stop_stays(void **state)
{
	pid_t pid = kid_fork_spinning();
	struct tracer *t = tracer_new(pid, true);

	(void)state;
	kill(pid, SIGSTOP);
	kid_wait_state(pid, 'T');
	assert_int_equal(trace_stop(t, pid, PATIENT), 0);
	trace_resume(t);
	kid_wait_state(pid, 'T');
	kid_expect_untraced(pid);
	kill(pid, SIGCONT);
	kid_expect_running();
	tracer_free(t);
	kid_end(pid);
}

static void test_group_stop_meanwhile(void **state)
{
	pid_t pid = kid_fork_spinning();
	struct tracer *t = tracer_new(pid, true);
	unsigned i;

	(void)state;
	for (i = 0; i < 100; i++) {
		if (i % 2)
			kill(pid, SIGSTOP);
		assert_int_equal(trace_stop(t, pid, PATIENT), 0);
		if (i % 2 == 0)
			kill(pid, SIGSTOP);
		trace_resume(t);
		kid_wait_state(pid, 'T');
		kid_expect_untraced(pid);
		kill(pid, SIGCONT);
		kid_expect_running();
	}
	/* And one that is over again before it goes on. */
	assert_int_equal(trace_stop(t, pid, PATIENT), 0);
	kill(pid, SIGSTOP);
	kill(pid, SIGCONT);
	trace_resume(t);
	kid_expect_running();
	tracer_free(t);
	kid_end(pid);
}

/* ---- ends ---- */

static void test_killed_while_stopped(void **state)
{
	pid_t pid = kid_fork_spinning();
	struct tracer *t = tracer_new(pid, true);

	(void)state;
	assert_int_equal(trace_stop(t, pid, PATIENT), 0);
	kill(pid, SIGKILL);
	trace_resume(t);
	wait_settled(t);
	/* The news of its end is not taken away. */
	assert_int_equal(kid_take_end(pid), SIGKILL);
	assert_int_equal(trace_stop(t, pid, PATIENT), -ESRCH);
	tracer_free(t);
}

static void test_zombie(void **state)
{
	pid_t pid = kid_fork_spinning();
	struct tracer *t = tracer_new(pid, true);
	int ret;

	(void)state;
	kill(pid, SIGKILL);
	kid_wait_state(pid, 'Z');
	ret = trace_stop(t, pid, PATIENT);
	assert_true(ret == -ESRCH || ret == -EPERM);
	assert_false(trace_settle(t));
	assert_int_equal(kid_take_end(pid), SIGKILL);
	tracer_free(t);
}

static void spin_until_told(void)
{
	while (!atomic_load(&kids->told))
		atomic_fetch_add(&kids->rounds, 1);
	_exit(7);
}

/* It ends at about the time of the stop: before, in, after it. */
static void test_exit_at_any_time(void **state)
{
	struct tracer *t;
	unsigned i;
	pid_t pid;
	int ret;

	(void)state;
	for (i = 0; i < 150; i++) {
		pid = kid_fork(spin_until_told);
		kid_expect_running();
		t = tracer_new(pid, true);
		atomic_store(&kids->told, 1);
		ret = trace_stop(t, pid, i % 3 ? PATIENT : 0);
		assert_true(ret == 0 || ret == -ESRCH || ret == -EPERM ||
			    (ret == -ETIMEDOUT && i % 3 == 0));
		trace_resume(t);
		wait_settled(t);
		assert_int_equal(WEXITSTATUS(kid_take_end(pid)), 7);
		tracer_free(t);
	}
}

/* The parent of the one that is stopped; reports how that ended. */
static void be_a_parent(void)
{
	pid_t pid = fork();
	int status = 0;

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		kid_spin();
	}
	atomic_store(&kids->tid, pid);
	if (waitpid(pid, &status, 0) != pid)
		_exit(1);
	_exit(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 0 : 2);
}

/* One that is not ours: its parent gets its end, and no zombie stays. */
static void test_killed_while_stopped_of_another(void **state)
{
	pid_t parent = kid_fork(be_a_parent), pid;
	struct tracer *t;

	(void)state;
	kid_expect_running();
	pid = atomic_load(&kids->tid);
	t = tracer_new(pid, false);
	assert_int_equal(trace_stop(t, pid, PATIENT), 0);
	kill(pid, SIGKILL);
	trace_resume(t);
	wait_settled(t);
	assert_int_equal(kid_take_end(parent), 0);
	tracer_free(t);
}

static void *thread_spin(void *arg)
{
	(void)arg;
	atomic_store(&kids->tid, (int)syscall(SYS_gettid));
	kid_spin();
	return NULL;
}

static void run_second_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, thread_spin, NULL);
	pthread_join(thread, NULL);
}

/* A second thread that is ours must not keep its process from ending. */
static void test_killed_thread(void **state)
{
	pid_t pid = kid_fork(run_second_thread), tid;
	struct tracer *t = tracer_new(pid, true);

	(void)state;
	kid_expect_running();
	tid = atomic_load(&kids->tid);
	assert_int_equal(trace_stop(t, tid, PATIENT), 0);
	kill(pid, SIGKILL);
	trace_resume(t);
	tracer_free(t);
	assert_int_equal(kid_take_end(pid), SIGKILL);
}

static void *thread_brief(void *arg)
{
	unsigned i;

	atomic_store(&kids->tid, (int)syscall(SYS_gettid));
	for (i = 0; i < 20000; i++)
		atomic_fetch_add(&kids->rounds, 1);
	return arg;
}

static void run_brief_threads(void)
{
	pthread_t thread;

	while (!atomic_load(&kids->told)) {
		pthread_create(&thread, NULL, thread_brief, NULL);
		pthread_join(thread, NULL);
		atomic_fetch_add(&kids->count, 1);
	}
	_exit(7);
}

static void test_threads_that_end(void **state)
{
	pid_t pid = kid_fork(run_brief_threads), tid;
	struct tracer *t = tracer_new(pid, true);
	int stopped = 0, ended = 0, ret, before;
	uint64_t begin = clock_mono();

	(void)state;
	while (stopped < 200 || ended < 50) {
		if (clock_mono() - begin > DEADLINE)
			fail_msg("only %d stops and %d ends", stopped, ended);
		tid = atomic_load(&kids->tid);
		ret = tid ? trace_stop(t, tid, 200000) : -EAGAIN;
		trace_resume(t);
		stopped += !ret;
		ended += ret == -ESRCH || ret == -EPERM;
	}
	wait_settled(t);
	before = atomic_load(&kids->count);
	kid_wait_for(&kids->count, before + 3);
	kid_expect_untraced(pid);
	atomic_store(&kids->told, 1);
	assert_int_equal(WEXITSTATUS(kid_take_end(pid)), 7);
	tracer_free(t);
}

/* ---- those that do not stop ---- */

/* In state D until `told`, or its child's end: vfork(2). */
static void wait_uninterruptibly(void)
{
	pid_t pid = vfork();

	if (!pid) {
		while (!atomic_load(&kids->told))
			kid_tick();
		_exit(0);
	}
	atomic_fetch_add(&kids->count, 1);
	kid_spin();
}

static pid_t fork_uninterruptible(void)
{
	pid_t pid = kid_fork(wait_uninterruptibly);

	kid_wait_state(pid, 'D');
	return pid;
}

static void test_uninterruptible(void **state)
{
	pid_t pid = fork_uninterruptible(), other;
	struct tracer *t = tracer_new(pid, true);
	struct sigaction before, after;
	struct trace_counts c;
	uint64_t begin = clock_mono();

	(void)state;
	sigaction(SIGCHLD, NULL, &before);
	assert_int_equal(trace_stop(t, pid, 300000), -ETIMEDOUT);
	assert_true(clock_mono() - begin < 1000000000u);
	assert_int_equal(trace_resume(t), 0);
	assert_true(trace_settle(t));
	/* Nothing else is stopped until that is over. */
	other = fork();
	if (!other) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	assert_int_equal(trace_stop(t, other, PATIENT), -ETIMEDOUT);
	kid_expect_untraced(other);
	kid_end(other);
	assert_int_equal(kid_state(pid), 'D');
	atomic_store(&kids->told, 1);
	kid_expect_running();
	wait_settled(t);
	kid_expect_untraced(pid);
	assert_int_equal(trace_stop(t, pid, PATIENT), 0);
	trace_resume(t);
	trace_counts(t, &c);
	assert_int_equal(c.stops, 1);
	assert_int_equal(c.late, 1);
	sigaction(SIGCHLD, NULL, &after);
	assert_true(after.sa_handler == before.sa_handler);
	tracer_free(t);
	kid_end(pid);
}

/* The tracer is long gone when it wakes, and we do something else. */
static void test_uninterruptible_after_free(void **state)
{
	pid_t pid = fork_uninterruptible();
	struct tracer *t = tracer_new(pid, true);

	(void)state;
	assert_int_equal(trace_stop(t, pid, 300000), -ETIMEDOUT);
	tracer_free(t);
	atomic_store(&kids->told, 1);
	kid_wait_for(&kids->count, 1);
	kid_expect_running();
	kid_expect_untraced(pid);
	kid_end(pid);
}

static void test_killed_while_uninterruptible(void **state)
{
	pid_t pid = fork_uninterruptible();
	struct tracer *t = tracer_new(pid, true);

	(void)state;
	assert_int_equal(trace_stop(t, pid, 300000), -ETIMEDOUT);
	kill(pid, SIGKILL);
	/* Its other half, so that nothing is left behind. */
	atomic_store(&kids->told, 1);
	wait_settled(t);
	assert_int_equal(kid_take_end(pid), SIGKILL);
	tracer_free(t);
}

/* That it stopped for us is no news for who waits for its end. */
static void test_stop_is_no_end(void **state)
{
	pid_t pid = fork_uninterruptible();
	struct tracer *t = tracer_new(pid, true);
	struct child c = {.pid = pid};
	sigset_t set, mask;

	(void)state;
	assert_int_equal(trace_stop(t, pid, 300000), -ETIMEDOUT);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &mask);
	atomic_store(&kids->told, 1);
	kid_wait_state(pid, 't');
	assert_false(child_poll(&c));
	assert_int_equal(kid_state(pid), 't');
	sigprocmask(SIG_SETMASK, &mask, NULL);
	kid_expect_running();
	kid_expect_untraced(pid);
	assert_false(child_poll(&c));
	kill(pid, SIGKILL);
	assert_int_equal(child_wait(&c), 0);
	assert_int_equal(child_exit_status(&c), 128 + SIGKILL);
	tracer_free(t);
}

/* ---- exec ---- */

static void *thread_exec(void *arg)
{
	atomic_store(&kids->tid, (int)syscall(SYS_gettid));
	while (!atomic_load(&kids->told))
		atomic_fetch_add(&kids->rounds, 1);
	execl("/bin/sh", "sh", "-c", "read line; exit 7", (char *)NULL);
	return arg;
}

static void run_exec(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, thread_exec, NULL);
	pthread_join(thread, NULL);
}

/*
 * A thread calls exec at about the time of its stop, and so gets the id of
 * its process; what it becomes must run.
 */
static void test_exec_at_any_time(void **state)
{
	int ends[2], kept = dup(0), ret;
	struct tracer *t;
	unsigned i;
	pid_t pid;

	(void)state;
	for (i = 0; i < 100; i++) {
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		dup2(ends[0], 0);
		pid = kid_fork(run_exec);
		dup2(kept, 0);
		close(ends[0]);
		kid_expect_running();
		t = tracer_new(pid, true);
		atomic_store(&kids->told, 1);
		for (ret = 0; !ret || ret == -ETIMEDOUT;) {
			ret = trace_stop(t, atomic_load(&kids->tid),
					 i % 4 ? 0 : 200000);
			trace_resume(t);
		}
		assert_true(ret == -ESRCH || ret == -EPERM);
		tracer_free(t);
		/* Here its end is taken by waitpid, which takes stops too. */
		wait_settled(NULL);
		kid_expect_untraced(pid);
		close(ends[1]);
		assert_int_equal(WEXITSTATUS(kid_take_end(pid)), 7);
	}
	close(kept);
}

/* ---- another tool ---- */

static void trace_another(void)
{
	pid_t pid;

	do
		pid = atomic_load(&kids->tid);
	while (!pid);
	if (ptrace(PTRACE_SEIZE, pid, 0, 0))
		_exit(1);
	atomic_store(&kids->told, 1);
	for (;;)
		pause();
}

static void test_traced_by_another(void **state)
{
	pid_t other = kid_fork(trace_another), pid;
	struct process p;
	struct tracer *t;
	struct err err;

	(void)state;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		kid_spin();
	}
	atomic_store(&kids->tid, pid);
	kid_wait_for(&kids->told, 1);
	t = tracer_new(pid, true);
	assert_int_equal(trace_stop(t, pid, PATIENT), -EPERM);
	assert_int_equal(process_open(&p, pid, &err), 0);
	assert_int_equal(thread_tracer(&p, pid), other);
	kid_expect_running();
	kid_end(other);
	assert_int_equal(thread_tracer(&p, pid), 0);
	assert_int_equal(trace_stop(t, pid, PATIENT), 0);
	assert_int_equal(thread_tracer(&p, pid), getpid());
	trace_resume(t);
	kid_expect_running();
	process_close(&p);
	tracer_free(t);
	kid_end(pid);
}

static void test_no_such_thread(void **state)
{
	struct tracer *t = tracer_new(getpid(), false);

	(void)state;
	/* Beyond what the kernel gives out. */
	assert_int_equal(trace_stop(t, 1 << 30, PATIENT), -ESRCH);
	/* Ourselves. */
	assert_int_equal(trace_stop(t, getpid(), PATIENT), -EPERM);
	tracer_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stop_and_resume),
		cmocka_unit_test(test_nobody_comes_between),
		cmocka_unit_test(test_many_stops),
		cmocka_unit_test(test_free_resumes),
		cmocka_unit_test(test_signals_while_stopped),
		cmocka_unit_test(test_signals_before_the_stop),
		cmocka_unit_test(test_job_control_waits),
		cmocka_unit_test(test_group_stop_stays),
		cmocka_unit_test(test_group_stop_meanwhile),
		cmocka_unit_test(test_killed_while_stopped),
		cmocka_unit_test(test_zombie),
		cmocka_unit_test(test_exit_at_any_time),
		cmocka_unit_test(test_killed_while_stopped_of_another),
		cmocka_unit_test(test_killed_thread),
		cmocka_unit_test(test_threads_that_end),
		cmocka_unit_test(test_uninterruptible),
		cmocka_unit_test(test_uninterruptible_after_free),
		cmocka_unit_test(test_killed_while_uninterruptible),
		cmocka_unit_test(test_stop_is_no_end),
		cmocka_unit_test(test_exec_at_any_time),
		cmocka_unit_test(test_traced_by_another),
		cmocka_unit_test(test_no_such_thread),
	};

	if (!kids_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
