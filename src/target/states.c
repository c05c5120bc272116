/*
 * What threads do, and stopping those that run.
 *
 * A sample's state and stack belong together. The count of a thread's time
 * slices tells: one that was blocked in a slice, and is still in that slice,
 * has not run, whatever was read of it in between. For one that runs, the
 * same count before and after means that it ran all the time.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "target_priv.h"

#define SETTLE_TRIES 3          /* looks at a thread that just blocks */
#define STOP_NS 200000u         /* to wait for a thread to stop */
#define BUDGET_NS 1000000000u   /* unused budget is kept for that long */
#define REFUSED_NS 1000000000u  /* after a refusal, until it is tried again */

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

static const struct walk_thread *row_of(const struct target *t, size_t row)
{
	size_t n;

	return walker_threads(t->walker, &n) + row;
}

static uint64_t slices_of(struct target *t, struct known *k)
{
	uint64_t slices;

	if (k->tid & SYNTHETIC || probe_slices(&k->probe, &t->process, &slices))
		return UINT64_MAX;
	return slices;
}

static bool is_blocked(const struct known *k)
{
	return k->look.run == RUN_SLEEPING || k->look.run == RUN_DISK ||
	       k->look.run == RUN_STOPPED;
}

static void look_at(struct target *t, struct known *k)
{
	if (k->tid & SYNTHETIC ||
	    probe_look(&k->probe, &t->process, &k->look))
		k->look = (struct thread_look){.run = RUN_UNKNOWN, .call = -1};
}

/*
 * The look and the stack, from one stretch in which the thread did not change
 * between running and not. `slices` is the count from before the snapshot.
 */
static int settle(struct target *t, struct known *k, size_t row,
		  uint64_t slices)
{
	unsigned try;
	uint64_t now;
	int ret;

	for (try = 0;; try++) {
		look_at(t, k);
		now = slices_of(t, k);
		k->blocked = false;
		if (now == slices && !is_blocked(k))
			return 0;
		/*
		 * Blocked after the slice began: the stack may be older than
		 * that. Read now, it is the one that it blocked with.
		 */
		slices = now;
		ret = walker_again(t->walker, row, false);
		if (ret)
			return ret;
		if (is_blocked(k) && slices != UINT64_MAX &&
		    slices_of(t, k) == slices) {
			k->blocked = true;
			k->slices = slices;
			return 0;
		}
		if (try + 1 == SETTLE_TRIES || slices == UINT64_MAX)
			return 0;
	}
}

/*
 * Stops the thread and reads its stack. A thread that does not stop in time
 * waits for a processor: it does not move either.
 */
static int stop_and_read(struct target *t, struct known *k, size_t row,
			 uint64_t now)
{
	bool child = t->child && (pid_t)k->tid == t->process.pid;
	int ret, stopped = trace_stop(t->tracer, (pid_t)k->tid, child, STOP_NS);

	if (stopped == -EPERM) {
		t->counts.refused++;
		t->refused_ns = now;
		return 0;
	}
	if (stopped == -ESRCH)
		return 0;
	ret = walker_again(t->walker, row, !stopped);
	t->budget.left_ns -= (double)trace_resume(t->tracer);
	return ret;
}

/* A stack that moves: the thread is stopped for it, as far as we may. */
static int hold_still(struct target *t, struct known *k, size_t row)
{
	const struct walk_thread *w = row_of(t, row);
	uint64_t now;

	k->over_budget = false;
	if (k->tid & SYNTHETIC || !k->wanted || t->options.stop == STOP_NEVER)
		return 0;
	if (w->loss == LOSS_NONE && t->options.stop != STOP_ALWAYS)
		return 0;
	now = clock_mono();
	if (now - t->refused_ns < REFUSED_NS)
		return 0;
	if (!may_stop(t, now)) {
		k->over_budget = w->loss == LOSS_MOVING;
		return 0;
	}
	/* Only what runs at this moment: a system call is left alone. */
	look_at(t, k);
	return k->look.run == RUN_CPU ? stop_and_read(t, k, row, now) : 0;
}

static uint8_t gil_of(const struct known *k, const struct walk_thread *w)
{
	if (k->look.call == SYS_futex && k->look.args[0] >= w->gil_from &&
	    k->look.args[0] < w->gil_to)
		return GIL_WANTED;
	if (w->holds_gil)
		return GIL_HELD;
	return w->gil_from ? GIL_NEITHER : GIL_UNKNOWN;
}

static void define_state(struct known *k, const struct walk_thread *w)
{
	struct state_def def;

	memset(&def, 0, sizeof(def)); /* its padding too: it is a key */
	def.run = k->look.run;
	def.gil = gil_of(k, w);
	if (w->gc)
		def.flags |= STATE_GC;
	if (w->exception)
		def.flags |= STATE_EXCEPTION;
	if (memcmp(&def, &k->def, sizeof(def)) == 0)
		return;
	k->def = def;
	k->state_table = UINT32_MAX;
}

/* ---- all of them ---- */

void states_before(struct target *t, uint64_t now)
{
	uint64_t slices;
	struct known *k;
	size_t i;

	if (now - t->state_ns < WALK_FRESH_NS)
		return;
	for (i = 0; i < t->nrows; i++) {
		k = t->rows[i];
		slices = slices_of(t, k);
		k->blocked = k->blocked && slices == k->slices;
		k->slices = slices;
		walker_hold(t->walker, i, k->blocked);
	}
}

int states_after(struct target *t, uint64_t now)
{
	bool fresh = now - t->state_ns < WALK_FRESH_NS;
	const struct walk_thread *w;
	struct known *k;
	size_t i, n;
	int ret = 0;

	w = walker_threads(t->walker, &n);
	for (i = 0; i < n && !ret; i++) {
		k = t->rows[i];
		if (k->blocked)
			continue;
		if (!fresh)
			ret = settle(t, k, i, k->slices);
		if (!ret)
			ret = hold_still(t, k, i);
		if (!fresh)
			define_state(k, &w[i]);
	}
	if (!fresh)
		t->state_ns = now;
	return ret;
}

uint32_t state_of(struct target *t, struct known *k)
{
	if (k->state_table != t->source.serial) {
		k->state = symbols_state(&t->symbols, &k->def);
		k->state_table = t->source.serial;
	}
	return k->state;
}
