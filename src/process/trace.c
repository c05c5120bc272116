/*
 * Stopping a thread for the time of a read. Nothing else calls ptrace, and
 * only these requests: SEIZE, which does not stop; INTERRUPT; DETACH. Should
 * we die at any instant, the kernel detaches (and so resumes) what we traced.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"
#include "process_priv.h"

#define SPIN_NS 60000u /* then the target may need this very processor */
#define EVENT_STOP 128 /* PTRACE_EVENT_STOP, linux/ptrace.h */

enum seen { SEEN_NOTHING, SEEN_STOP, SEEN_END };

/* A thread that is ours: stopped, or still to be caught and let go. */
struct held {
	pid_t tid;
	bool child; /* its end is told to us as its parent, too */
	int signal; /* to be delivered when it goes on */
};

struct tracer {
	struct held now; /* tid 0: none */
	bool urgent, may_be_urgent;
	uint64_t since;  /* when it was interrupted */
	struct held *late;
	size_t nlate, cap_late;
	struct trace_counts counts;
};

struct tracer *tracer_new(void)
{
	struct tracer *t = xcalloc(1, sizeof(*t));

	t->may_be_urgent = true;
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
	if (sched_setscheduler(0, urgent ? SCHED_FIFO : SCHED_OTHER, &param))
		t->may_be_urgent = false;
	else
		t->urgent = urgent;
}

/*
 * What has become of it, without taking the news away: the end of a child of
 * ours is for its parent to take, and a stop ends with the detaching. A signal
 * that came first is what stopped it; it is delivered when it goes on.
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
	if (!h->child)
		waitid(P_PID, (id_t)h->tid, &si, WEXITED | WNOHANG | __WALL);
	return SEEN_END;
}

static void let_go(const struct held *h)
{
	ptrace(PTRACE_DETACH, h->tid, 0, (void *)(intptr_t)h->signal);
}

static void keep_for_later(struct tracer *t, const struct held *h)
{
	t->late = grow(t->late, &t->cap_late, t->nlate + 1, sizeof(*t->late));
	t->late[t->nlate++] = *h;
	t->counts.late++;
}

static bool is_late(const struct tracer *t, pid_t tid)
{
	size_t i;

	for (i = 0; i < t->nlate; i++)
		if (t->late[i].tid == tid)
			return true;
	return false;
}

/* Waits until it stops; the processor is given away after a while. */
static enum seen await(struct tracer *t, struct held *h, uint64_t deadline_ns)
{
	enum seen seen = look(h);
	uint64_t now, begin = t->since;

	while (seen == SEEN_NOTHING) {
		now = clock_mono();
		if (now - begin >= deadline_ns)
			break;
		if (now - begin >= SPIN_NS) {
			be_urgent(t, false);
			sched_yield();
		}
		seen = look(h);
	}
	return seen;
}

static int seize_error(int error)
{
	if (error == ESRCH)
		return -ESRCH;
	return error == EPERM || error == EACCES ? -EPERM : -error;
}

int trace_stop(struct tracer *t, pid_t tid, bool child, uint64_t deadline_ns)
{
	struct held h = {.tid = tid, .child = child};
	enum seen seen;

	if (is_late(t, tid))
		return -ETIMEDOUT;
	if (ptrace(PTRACE_SEIZE, tid, 0, 0))
		return seize_error(errno);
	be_urgent(t, true);
	t->since = clock_mono();
	if (ptrace(PTRACE_INTERRUPT, tid, 0, 0)) {
		/* It is just ending: there is nothing to detach from. */
		be_urgent(t, false);
		look(&h);
		return -ESRCH;
	}
	seen = await(t, &h, deadline_ns);
	be_urgent(t, seen == SEEN_STOP);
	if (seen == SEEN_END)
		return -ESRCH;
	if (seen == SEEN_NOTHING) {
		keep_for_later(t, &h);
		return -ETIMEDOUT;
	}
	t->now = h;
	return 0;
}

uint64_t trace_resume(struct tracer *t)
{
	uint64_t pause;

	if (!t->now.tid)
		return 0;
	let_go(&t->now);
	t->now.tid = 0;
	pause = clock_mono() - t->since;
	be_urgent(t, false);
	t->counts.stops++;
	t->counts.pause_ns += pause;
	if (pause > t->counts.longest_ns)
		t->counts.longest_ns = pause;
	return pause;
}

bool trace_settle(struct tracer *t)
{
	size_t i, kept = 0;
	enum seen seen;

	for (i = 0; i < t->nlate; i++) {
		seen = look(&t->late[i]);
		if (seen == SEEN_STOP)
			let_go(&t->late[i]);
		else if (seen == SEEN_NOTHING)
			t->late[kept++] = t->late[i];
	}
	t->nlate = kept;
	return kept > 0;
}

void trace_counts(const struct tracer *t, struct trace_counts *out)
{
	*out = t->counts;
}

/*
 * What does not stop in time, such as a thread in uninterruptible sleep, is
 * detached by the kernel when we end; until then trace_settle looks after it.
 */
void tracer_free(struct tracer *t)
{
	if (!t)
		return;
	trace_resume(t);
	trace_settle(t);
	free(t->late);
	free(t);
}
