/*
 * One thread: its look and its stack, and stopping it.
 *
 * A sample's state and stack belong together. The count of a thread's time
 * slices tells: one that was blocked in a slice, and is still in that slice,
 * has not run, whatever was read of it in between. One that runs is made to
 * stand, or read right after the look.
 */
#include <errno.h>

#include "target_priv.h"

#define SETTLE_TRIES 3          /* looks at a thread for its variables */
#define STOP_NS 80000u          /* to wait for a thread to stop; 20 is usual */
#define STOP_LONG_NS 50000000u  /* the same for variables */
#define BUDGET_NS 1000000000u   /* unused budget is kept for that long */
#define SAME 50 /* ticks with the same stack, until a look is enough */
#define REFUSED_NS 1000000000u  /* after a refusal, until it is tried again */
#define PEP_475 0x03050000u     /* PY_VERSION_HEX */

/* ---- the budget ---- */

static bool may_stop(struct target *t, uint64_t now)
{
	struct budget *b = &t->budget;

	if (t->options.stop != STOP_AUTO)
		return t->options.stop == STOP_ALWAYS;
	b->left_ns += b->share * (double)(now - b->filled);
	if (b->left_ns > b->share * BUDGET_NS)
		b->left_ns = b->share * BUDGET_NS;
	b->filled = now;
	return b->left_ns > 0;
}

/* ---- one thread ---- */

const struct walk_thread *row_of(const struct target *t, size_t row)
{
	size_t n;

	return walker_threads(t->walker, &n) + row;
}

bool is_blocked(const struct known *k)
{
	return k->look.run == RUN_SLEEPING || k->look.run == RUN_DISK ||
	       k->look.run == RUN_STOPPED;
}

/*
 * Of two states of a thread, the one without the GIL waits until it comes back
 * from the interpreter of the other.
 */
void look_at(struct target *t, struct known *k)
{
	bool away = k->shared && !row_of(t, k->row)->holds_gil;

	if (k->tid & SYNTHETIC ||
	    probe_look(&k->probe, &t->process, &k->look))
		k->look = (struct thread_look){
			.run = away ? RUN_SLEEPING : RUN_UNKNOWN, .call = -1};
}

/* The variables of a thread that stands, or that is asleep (`holds`). */
static void read_locals(struct target *t, struct known *k, size_t row,
			bool holds)
{
	const struct target_locals *o = &t->options.locals;
	struct value_limits limits = {.bytes = o->bytes, .items = o->items,
				      .depth = o->depth,
				      .until = clock_mono() + o->ns};

	if (!o->bytes || !k->wanted)
		return;
	k->locals_flaws = holds ? 0 : VARIABLES_TORN;
	if (!walker_read_locals(t->walker, row, &limits))
		k->locals_flaws |= VARIABLES_CUT;
}

/* Once, as far as is known of a thread that does not move. */
static int read_still(struct target *t, struct known *k, size_t row)
{
	int ret = walker_again(t->walker, row, true);

	if (!ret)
		read_locals(t, k, row, true);
	return ret;
}

/* After a look. */
static int read_stack(struct target *t, struct known *k, size_t row)
{
	if (is_blocked(k))
		return read_still(t, k, row);
	if (k->leave && row_of(t, row)->left)
		return 0;
	return walker_again(t->walker, row, false);
}

/*
 * One that waits for its processor does not move either. What was read of it
 * may be older than that; read now, it is the stack that it left with.
 */
static int settle_waiting(struct target *t, struct known *k, size_t row)
{
	int ret = read_still(t, k, row);

	if (ret)
		return ret;
	k->blocked = look_slices(t, k) == k->slices;
	if (k->blocked)
		return 0;
	k->locals_flaws = VARIABLES_TORN;
	return walker_again(t->walker, row, false);
}

/*
 * It was asleep when it was looked at. Woken since, it slept all the same, but the
 * stack may have moved while it was read.
 */
static int settle_asleep(struct target *t, struct known *k, size_t row,
			 uint64_t cpu_ns)
{
	bool same = k->sched.slices == k->slices && k->slices != UINT64_MAX;

	k->slices = k->sched.slices;
	k->blocked = same;
	/* It left its processor only now, when the kernel counts. */
	k->passing = k->blocked && k->sched.cpu_ns != cpu_ns;
	if (same)
		return 0;
	k->over_budget = false; /* nor would it be stopped */
	k->locals_flaws = VARIABLES_TORN;
	return walker_again(t->walker, row, false);
}

/*
 * The look and the stack, in a stretch as short as can be. The look counts, once
 * it is taken: who looks again until a thread rests does not see what runs for a
 * moment only, and who does so since it was woken meanwhile does not see that it
 * slept. k->slices and the CPU time are those from right before the look.
 */
static int settle(struct target *t, struct known *k, size_t row, uint64_t now)
{
	uint64_t cpu_ns;
	int ret = 0;

	/* A stop for variables may have taken long. */
	if (k->fresh || t->options.locals.bytes)
		k->slices = look_slices(t, k);
	k->locals_flaws = VARIABLES_TORN;
	if (!k->looked) {
		look_at(t, k);
		ret = read_stack(t, k, row);
	}
	k->fresh = k->looked = k->runnable = k->blocked = k->passing = false;
	k->ran_ns = now;
	if (ret)
		return ret;
	cpu_ns = k->sched.cpu_ns;
	look_slices(t, k);
	note_delays(t, k, now);
	if (is_blocked(k))
		return settle_asleep(t, k, row, cpu_ns);
	k->slices = k->sched.slices;
	/* A stop follows: whether it is runnable is asked before that. */
	k->runnable = waits_for_cpu(t, k, row_of(t, row)->ran, now);
	return k->runnable ? settle_waiting(t, k, row) : 0;
}

/*
 * Also a thread that is just ending cannot be stopped, and it says nothing
 * about the others.
 */
static void note_refusal(struct target *t, struct known *k, uint64_t now)
{
	struct thread_look look;

	if (probe_look(&k->probe, &t->process, &look))
		return;
	t->counts.refused++;
	t->refused_ns = now;
	t->counts.tracer = thread_tracer(&t->process, (pid_t)k->tid);
}

/*
 * It is not to be stopped, or not in time, since it waits for a processor; it
 * may have fallen asleep before. If there is a stack, that of its look counts.
 */
static int read_unless_whole(struct target *t, size_t row)
{
	const struct walk_thread *w = row_of(t, row);

	return w->left || w->loss == LOSS_NONE
		       ? STAND_NOT
		       : walker_again(t->walker, row, false);
}

/* Stops the thread and reads its stack. An enum stand or a negative errno. */
static int stop_and_read(struct target *t, struct known *k, size_t row,
			 uint64_t now)
{
	bool locals = t->options.locals.bytes > 0, slept;
	int ret, stopped;
	uint64_t resumed;

	/* It would not stop before we are gone; nor does it move. */
	if (!locals && now < t->contended_ns && waits_for_us(t, k))
		return read_unless_whole(t, row);
	stopped = trace_stop(t->tracer, (pid_t)k->tid,
			     locals ? STOP_LONG_NS : STOP_NS);
	if (stopped == -EPERM)
		note_refusal(t, k, now);
	if (stopped == -EPERM || stopped == -ESRCH)
		return STAND_NOT;
	if (stopped)
		return read_unless_whole(t, row);
	ret = walker_grab(t->walker, row);
	if (!ret)
		read_locals(t, k, row, true);
	/* On its way to the stop: then the look is of what it did before. */
	slept = !locals && look_slices(t, k) != k->slices;
	k->on_cpu.stops++;
	/* From here on: it may displace us before we are told that it runs. */
	resumed = clock_mono();
	t->budget.left_ns -= (double)trace_resume(t->tracer);
	if (ret)
		return ret;
	if (slept)
		return STAND_NOT;
	ret = walker_take(t->walker, row, resumed);
	if (ret > 0) {
		k->locals_flaws = VARIABLES_TORN;
		return STAND_NOT;
	}
	return ret ? ret : STAND_READ;
}

/* Whether it may be made to stand at all. */
static bool is_ours(const struct target *t, const struct known *k)
{
	return t->options.stop != STOP_NEVER && !is_ticking(t) && k->wanted &&
	       !(k->tid & SYNTHETIC);
}

/*
 * Before 3.5 a system call that a stop interrupts, since the thread falls asleep
 * just then, may fail in the program (PEP 475). Only who asks for stops gets that.
 */
static bool is_stoppable(const struct target *t, const struct known *k,
			 uint64_t now)
{
	if (t->options.stop == STOP_AUTO && t->found.version < PEP_475)
		return false;
	return is_ours(t, k) && now - t->refused_ns >= REFUSED_NS;
}

void decide(struct target *t, struct known *k, uint64_t now)
{
	bool wanted = (is_stoppable(t, k, now) ||
		       (is_ours(t, k) && may_displace(t))) &&
		      (t->options.stop == STOP_ALWAYS ||
		       (k->same < SAME && !k->on_cpu.brief));

	k->stop = wanted && may_stop(t, now);
	k->over_budget = wanted && !k->stop;
}

void note_stack(struct known *k, const struct walk_thread *w)
{
	uint32_t leaf = w->depth ? w->frames[0].serial : 0;
	bool same = w->loss == LOSS_NONE && k->leaf == leaf &&
		    k->tstate == w->tstate && k->callers == w->callers;

	k->same = same ? k->same + (k->same < SAME) : 0;
	k->leaf = leaf;
}

/* Only if it runs at this moment: a system call is left alone. */
static int stop_if_running(struct target *t, struct known *k, size_t row)
{
	uint64_t now = clock_mono();
	struct thread_look look;
	int ret = 0;

	if (!is_stoppable(t, k, now))
		return 0;
	trace_ready(t->tracer);
	if (!probe_look(&k->probe, &t->process, &look) && look.run == RUN_CPU)
		ret = stop_and_read(t, k, row, now);
	trace_resume(t->tracer);
	return ret;
}

/*
 * It ran, and did not stand or had gone by then: what it did before, when it was
 * looked at, does not belong to the stack that it has now.
 */
static int look_anew(struct target *t, struct known *k, size_t row)
{
	k->slices = look_slices(t, k);
	k->leave = k->looked = false;
	return settle(t, k, row, clock_mono());
}

int hold_unseen(struct target *t, struct known *k, size_t row, uint64_t now)
{
	int ret = displace(t, k, row);

	if (ret != STAND_READ) {
		/* The look that follows is of this slice. */
		k->slices = k->sched.slices;
		return ret;
	}
	k->look = (struct thread_look){.run = RUN_CPU, .call = -1};
	k->runnable = k->blocked = k->queued;
	k->passing = false;
	k->ran_ns = now;
	note_delays(t, k, now);
	return STAND_READ;
}

int hold_still(struct target *t, struct known *k, size_t row)
{
	const struct walk_thread *w = row_of(t, row);
	int ret;

	/* One that was woken since its look slept by that, which counts. */
	if (!k->stop || is_blocked(k) ||
	    (k->blocked && w->loss == LOSS_NONE && !w->left))
		return 0;
	ret = displace(t, k, row);
	if (ret == STAND_NOT)
		ret = stop_if_running(t, k, row);
	if (ret == STAND_GONE || (ret == STAND_NOT && w->left))
		ret = look_anew(t, k, row);
	return ret < 0 ? ret : 0;
}

int look_closely(struct target *t, struct known *k, size_t row, uint64_t now)
{
	bool locals = t->options.locals.bytes > 0;
	unsigned try = 0;
	int ret;

	do {
		ret = settle(t, k, row, now);
		if (!ret)
			learn_off(t, k, now);
		if (!ret && locals)
			ret = hold_still(t, k, row);
		if (ret || !locals || k->blocked ||
		    !(k->locals_flaws & VARIABLES_TORN))
			return ret;
	} while ((t->options.stop != STOP_NEVER || is_blocked(k)) &&
		 ++try < SETTLE_TRIES);
	read_locals(t, k, row, false);
	return 0;
}
