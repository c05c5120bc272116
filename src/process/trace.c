/*
 * Stopping a thread for the time of a read. Nothing else calls ptrace, and
 * only these requests: SEIZE, which does not stop; INTERRUPT; DETACH. Should
 * we die at any instant, the kernel detaches (and so resumes) what we traced.
 *
 * A thread that does not stop in time cannot be let go at once: only what is
 * stopped can be detached. It is kept in mind, and the SIGCHLD of its stop lets
 * it go, whatever we are doing by then.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "process_priv.h"

#define SPIN_NS 80000u
#define EVENT_STOP 128 /* PTRACE_EVENT_STOP, linux/ptrace.h */

enum seen { SEEN_NOTHING, SEEN_STOP, SEEN_END };

/* A thread that is ours: stopped, or still to be caught and let go. */
struct held {
	pid_t pid, tid;
	bool child; /* the process is ours: its end is told to us as such */
	int signal; /* to be delivered when it goes on */
};

struct tracer {
	struct held now; /* tid 0: none */
	pid_t pid;
	bool child;
	bool ready, urgent, may_be_urgent;
	int policy; /* ours otherwise, with its flag */
	int slack; /* of our timers, in ns, to be set again; -1: not known yet */
	uint64_t since;    /* when it was interrupted */
	sigset_t mask;     /* of signals, before that */
	struct trace_counts counts;
};

/*
 * The one that the handler of SIGCHLD has to let go; nothing else is stopped
 * until then. Changed by the handler, or with SIGCHLD blocked.
 */
static struct late_thread {
	struct held held;
	volatile bool there;
	struct sigaction before; /* of SIGCHLD; in force when none is there */
} late_thread;

struct tracer *tracer_new(pid_t pid, bool child)
{
	struct tracer *t = xcalloc(1, sizeof(*t));

	t->pid = pid;
	t->child = child;
	t->may_be_urgent = true;
	t->slack = -1;
	return t;
}

/*
 * While we hold a thread nobody may take our processor, or it stays stopped
 * for as long as we wait for another. Not everyone is permitted to do that.
 */
static void be_urgent(struct tracer *t, bool urgent)
{
	struct sched_param param = {.sched_priority = urgent ? 1 : 0};

	if (urgent == t->urgent || !t->may_be_urgent)
		return;
	if (t->slack < 0) {
		t->slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
		t->policy = sched_getscheduler(0);
		t->may_be_urgent =
			(t->policy & ~SCHED_RESET_ON_FORK) == SCHED_OTHER;
		if (!t->may_be_urgent)
			return;
	}
	/* To take the flag away is for who is privileged. */
	if (sched_setscheduler(0, urgent ? SCHED_FIFO | t->policy : t->policy,
			       &param)) {
		t->may_be_urgent = false;
		return;
	}
	t->urgent = urgent;
	if (urgent || t->slack <= 0)
		return;
	/* Back among the others the kernel gives us its default: ours, mostly. */
	if (prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0) == t->slack)
		t->slack = 0;
	else
		prctl(PR_SET_TIMERSLACK, t->slack, 0, 0, 0);
}

/* ---- one thread ---- */

/*
 * What has become of it, without taking the news away: the end of a child of
 * ours is for its parent to take, and a stop ends with the detaching. A signal
 * that came first is what stopped it; it is delivered when it goes on, also if
 * we are killed now, since the news of it is not taken.
 */
static enum seen look(struct held *h)
{
	siginfo_t si;

	memset(&si, 0, sizeof(si));
	if (waitid(P_PID, (id_t)h->tid, &si,
		   WSTOPPED | WEXITED | WNOHANG | WNOWAIT | __WALL))
		return errno == ECHILD ? SEEN_END : SEEN_NOTHING;
	if (!si.si_pid)
		return SEEN_NOTHING;
	if (si.si_code == CLD_TRAPPED || si.si_code == CLD_STOPPED) {
		h->signal = si.si_status >> 8 == EVENT_STOP
				    ? 0
				    : si.si_status & 0x7f;
		return SEEN_STOP;
	}
	if (!h->child || h->tid != h->pid)
		waitid(P_PID, (id_t)h->tid, &si, WEXITED | WNOHANG | __WALL);
	return SEEN_END;
}

/* It is traced by us, and will stop. */
static bool interrupt(pid_t tid)
{
	return !ptrace(PTRACE_INTERRUPT, tid, 0, 0);
}

/*
 * An exec ends all threads but the one that called it, which gets the id of
 * the process and stays ours.
 */
static bool follow_exec(struct held *h)
{
	if (h->tid == h->pid || !interrupt(h->pid))
		return false;
	h->tid = h->pid;
	return true;
}

static enum seen look_again(struct held *h)
{
	enum seen seen = look(h);

	return seen == SEEN_END && follow_exec(h) ? look(h) : seen;
}

/* False when it was killed meanwhile: its end is still to be seen. */
static bool let_go(const struct held *h)
{
	return !ptrace(PTRACE_DETACH, h->tid, 0, (void *)(intptr_t)h->signal);
}

static void block(const int *signals, size_t n, sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	while (n--)
		sigaddset(&set, signals[n]);
	sigprocmask(SIG_BLOCK, &set, before);
}

static void block_child(sigset_t *before)
{
	static const int child = SIGCHLD;

	block(&child, 1, before);
}

/* Sleeps until SIGCHLD tells of a stop, or until the time is over. */
static void sleep_for(uint64_t ns)
{
	struct timespec t = clock_spec(ns);
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigtimedwait(&child, NULL, &t);
}

/* Gives the processor away meanwhile: it may be the one that it needs. */
static enum seen await_long(const struct tracer *t, struct held *h,
			    uint64_t deadline_ns)
{
	uint64_t passed;
	enum seen seen;
	sigset_t mask;

	block_child(&mask);
	seen = look_again(h);
	while (seen == SEEN_NOTHING) {
		passed = clock_mono() - t->since;
		if (passed >= deadline_ns)
			break;
		sleep_for(deadline_ns - passed);
		seen = look_again(h);
	}
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return seen;
}

/*
 * Waits until it stops. We keep the processor for as long as that usually
 * takes: were we to give it away, others might have it for long when the
 * thread has stopped.
 */
static enum seen await(const struct tracer *t, struct held *h,
		       uint64_t deadline_ns)
{
	uint64_t spin = deadline_ns < SPIN_NS ? deadline_ns : SPIN_NS;
	enum seen seen = look_again(h);

	while (seen == SEEN_NOTHING && clock_mono() - t->since < spin)
		seen = look_again(h);
	if (seen == SEEN_NOTHING && deadline_ns > spin)
		seen = await_long(t, h, deadline_ns);
	return seen;
}

/* ---- the thread that did not stop in time ---- */

/* True when nothing is to be done about it any more. */
static bool is_settled(struct held *h)
{
	switch (look_again(h)) {
	case SEEN_STOP:
		return let_go(h);
	case SEEN_END:
		return true;
	default:
		/* Not ours any more: a thread of a child of ours called exec. */
		return !interrupt(h->tid) && !follow_exec(h);
	}
}

/* Only what signal-safety(7) allows. */
static void settle_late(void)
{
	struct late_thread *l = &late_thread;

	if (!l->there || !is_settled(&l->held))
		return;
	l->there = false;
	sigaction(SIGCHLD, &l->before, NULL);
}

static void on_child(int sig)
{
	int kept = errno;

	(void)sig;
	settle_late();
	errno = kept;
}

static void keep_for_later(const struct held *h)
{
	struct sigaction act = {.sa_handler = on_child,
				.sa_flags = SA_RESTART};
	struct late_thread *l = &late_thread;
	sigset_t mask;

	block_child(&mask);
	sigemptyset(&act.sa_mask);
	sigaction(SIGCHLD, &act, &l->before);
	l->held = *h;
	l->there = true;
	/* It may have stopped before the handler was there. */
	settle_late();
	sigdelset(&mask, SIGCHLD);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

bool trace_settle(struct tracer *t)
{
	sigset_t mask;

	(void)t;
	if (!late_thread.there)
		return false;
	block_child(&mask);
	settle_late();
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return late_thread.there;
}

/* ---- stop and resume ---- */

/* Were we stopped by Ctrl-Z now, the target would be for as long. */
static void hold_job_control(struct tracer *t)
{
	static const int job[] = {SIGTSTP, SIGTTIN, SIGTTOU};

	block(job, sizeof(job) / sizeof(*job), &t->mask);
}

static void pass_job_control(const struct tracer *t)
{
	sigprocmask(SIG_SETMASK, &t->mask, NULL);
}

static int seize_error(int error)
{
	if (error == ESRCH)
		return -ESRCH;
	return error == EPERM || error == EACCES ? -EPERM : -error;
}

static int seize(struct tracer *t, pid_t tid, uint64_t deadline_ns)
{
	struct held h = {.pid = t->pid, .tid = tid, .child = t->child};
	enum seen seen;

	if (ptrace(PTRACE_SEIZE, tid, 0, 0))
		return seize_error(errno);
	t->since = clock_mono();
	if (!interrupt(tid)) {
		keep_for_later(&h);
		return -ESRCH;
	}
	seen = await(t, &h, deadline_ns);
	if (seen == SEEN_END)
		return -ESRCH;
	if (seen == SEEN_NOTHING) {
		t->counts.late++;
		keep_for_later(&h);
		return -ETIMEDOUT;
	}
	t->now = h;
	return 0;
}

void trace_ready(struct tracer *t)
{
	if (t->ready)
		return;
	t->ready = true;
	hold_job_control(t);
	be_urgent(t, true);
}

static void relax(struct tracer *t)
{
	if (!t->ready)
		return;
	t->ready = false;
	be_urgent(t, false);
	pass_job_control(t);
}

int trace_stop(struct tracer *t, pid_t tid, uint64_t deadline_ns)
{
	int ret;

	/*
	 * One at a time. An exec waits until we take note of the end of a
	 * thread that is ours, and to seize another one is to wait for the
	 * exec.
	 */
	ret = -ETIMEDOUT;
	if (!trace_settle(t)) {
		trace_ready(t);
		ret = seize(t, tid, deadline_ns);
	}
	if (ret)
		relax(t);
	return ret;
}

uint64_t trace_resume(struct tracer *t)
{
	uint64_t pause;

	if (!t->now.tid) {
		relax(t);
		return 0;
	}
	if (!let_go(&t->now))
		keep_for_later(&t->now);
	pause = clock_mono() - t->since;
	t->now.tid = 0;
	relax(t);
	t->counts.stops++;
	t->counts.pause_ns += pause;
	if (pause > t->counts.longest_ns)
		t->counts.longest_ns = pause;
	return pause;
}

void trace_counts(const struct tracer *t, struct trace_counts *out)
{
	*out = t->counts;
}

void tracer_free(struct tracer *t)
{
	if (!t)
		return;
	trace_resume(t);
	trace_settle(t);
	free(t);
}
