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
#define STOP_NS 80000u          /* to wait for a thread to stop; 20 is usual */
#define STOP_LONG_NS 50000000u  /* the same for variables */
#define BUDGET_NS 1000000000u   /* unused budget is kept for that long */
#define QUIET_TICKS 8           /* without running, until a thread is idle */
#define LEFT_OUT 8 /* times that a restless stack is not looked at, less one */
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

/*
 * The look and the stack, from one stretch in which the thread did not change
 * between running and not. k->slices is the count from before the snapshot.
 * One that was stopped has to wait for its processor again: whether it is
 * runnable is asked before that.
 */
static int settle(struct target *t, struct known *k, size_t row, uint64_t now)
{
	uint64_t slices = k->slices, found;
	unsigned try;
	bool still;
	int ret;

	k->fresh = k->runnable = false;
	k->locals_flaws = VARIABLES_TORN;
	if (k->asleep && look_slices(t, k) == slices) {
		k->blocked = true;
		return 0;
	}
	for (try = 0;; try++) {
		look_at(t, k);
		found = look_slices(t, k);
		k->blocked = false;
		k->runnable = waits_for_cpu(t, k, row_of(t, row)->ran, now);
		still = is_blocked(k) || k->runnable;
		if (found == slices && !still)
			return 0;
		/*
		 * Off its processor after the slice began: the stack may be
		 * older than that. Read now, it is the one that it left with.
		 */
		slices = found;
		still = still && slices != UINT64_MAX &&
			try + 1 < SETTLE_TRIES;
		ret = walker_again(t->walker, row, still);
		if (ret)
			return ret;
		if (still)
			read_locals(t, k, row, true);
		if (still && look_slices(t, k) == slices) {
			k->blocked = true;
			k->slices = slices;
			return 0;
		}
		k->locals_flaws = VARIABLES_TORN;
		if (try + 1 == SETTLE_TRIES || slices == UINT64_MAX)
			return 0;
	}
}

/*
 * Also a thread that is just ending cannot be stopped, and it says nothing
 * about the others.
 */
static void note_refusal(struct target *t, struct known *k, uint64_t now)
{
	look_at(t, k);
	if (k->look.run == RUN_UNKNOWN)
		return;
	t->counts.refused++;
	t->refused_ns = now;
	t->counts.tracer = thread_tracer(&t->process, (pid_t)k->tid);
}

/*
 * Stops the thread and reads its stack. A thread that does not stop in time
 * waits for a processor: it does not move either.
 */
static int stop_and_read(struct target *t, struct known *k, size_t row,
			 uint64_t now)
{
	bool locals = t->options.locals.bytes > 0;
	int ret, stopped;

	/* It would not stop before we are gone; nor does it move. */
	if (!locals && now < t->contended_ns && waits_for_us(t, k))
		return walker_again(t->walker, row, false);
	stopped = trace_stop(t->tracer, (pid_t)k->tid,
			     locals ? STOP_LONG_NS : STOP_NS);
	if (stopped == -EPERM)
		note_refusal(t, k, now);
	if (stopped == -EPERM || stopped == -ESRCH)
		return 0;
	if (stopped)
		return walker_again(t->walker, row, false);
	ret = walker_grab(t->walker, row);
	if (!ret)
		read_locals(t, k, row, true);
	t->budget.left_ns -= (double)trace_resume(t->tracer);
	return ret ? ret : walker_take(t->walker, row, clock_mono());
}

static bool is_stoppable(const struct target *t, const struct known *k,
			 uint64_t now)
{
	return k->wanted && !(k->tid & SYNTHETIC) &&
	       t->options.stop != STOP_NEVER &&
	       now - t->refused_ns >= REFUSED_NS;
}

/*
 * A thread that will be stopped in any case is not looked at before: that
 * costs it nearly as much as to be stopped. Now and then it is, since it may
 * have come to rest.
 */
static void leave_out(struct target *t, struct known *k, size_t row,
		      uint64_t now)
{
	if (k->blocked || (!k->fresh && !is_stoppable(t, k, now)))
		return;
	/* Of one that is fresh, settle() reads it when it is known to wait. */
	if (k->fresh || t->options.stop == STOP_ALWAYS ||
	    (row_of(t, row)->restless && ++k->left_out % LEFT_OUT &&
	     may_stop(t, now)))
		walker_leave(t->walker, row);
}

/* A stack that moves: the thread is stopped for it, as far as we may. */
static int hold_still(struct target *t, struct known *k, size_t row)
{
	const struct walk_thread *w = row_of(t, row);
	uint64_t now;
	int ret = 0;

	k->over_budget = false;
	if (w->loss == LOSS_NONE && !w->left && t->options.stop != STOP_ALWAYS)
		return 0;
	now = clock_mono();
	if (!is_stoppable(t, k, now))
		return 0;
	if (!may_stop(t, now)) {
		k->over_budget = w->loss != LOSS_NONE;
		return 0;
	}
	/* Only what runs at this moment: a system call is left alone. */
	trace_ready(t->tracer);
	look_at(t, k);
	if (k->look.run == RUN_CPU)
		ret = stop_and_read(t, k, row, now);
	trace_resume(t->tracer);
	return !ret && w->left ? walker_again(t->walker, row, false) : ret;
}

/*
 * Its state and its stack, and its variables if these are wanted: then it must
 * be found asleep or stop.
 */
static int look_closely(struct target *t, struct known *k, size_t row,
			uint64_t now)
{
	unsigned try = 0;
	int ret = 0;

	do {
		if (!t->lean)
			ret = settle(t, k, row, now);
		if (!ret && !t->lean)
			learn_off(t, k, now);
		if (!ret)
			ret = hold_still(t, k, row);
		if (ret || !t->options.locals.bytes || k->blocked ||
		    !(k->locals_flaws & VARIABLES_TORN))
			return ret;
	} while (t->options.stop != STOP_NEVER && ++try < SETTLE_TRIES);
	read_locals(t, k, row, false);
	return 0;
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

/*
 * What it waits for; looked up once, as long as it stays in that call in that
 * time slice, since that may cost more than all the rest.
 */
static bool name_wait(struct target *t, struct known *k, uint8_t gil)
{
	struct thread_look *last = &k->waited;
	struct str text;
	bool changed;

	if (k->blocked && k->waited_slices == k->slices &&
	    last->run == k->look.run && last->call == k->look.call &&
	    !memcmp(last->args, k->look.args, sizeof(last->args)))
		return false;
	k->waited = k->look;
	k->waited_slices = k->slices;
	str_init(&text);
	if (gil == GIL_WANTED)
		str_adds(&text, "GIL");
	else if (is_blocked(k))
		waits_name(t->waits, &k->look, &text);
	changed = strcmp(text.data, k->wait.data) != 0;
	if (changed) {
		str_clear(&k->wait);
		str_add(&k->wait, text.data, text.len);
	}
	str_release(&text);
	return changed;
}

static void define_state(struct target *t, struct known *k,
			 const struct walk_thread *w)
{
	struct state_def def;
	bool changed;

	memset(&def, 0, sizeof(def));
	def.run = k->runnable && k->look.run == RUN_CPU ? RUN_RUNNABLE
							: k->look.run;
	def.gil = gil_of(k, w);
	if (w->gc)
		def.flags |= STATE_GC;
	if (w->exception)
		def.flags |= STATE_EXCEPTION;
	changed = name_wait(t, k, def.gil);
	if (!changed && !memcmp(&def, &k->def, sizeof(def)))
		return;
	k->def = def;
	k->state_table = UINT32_MAX;
}

/* ---- all of them ---- */

/* Whether it has run since it left its processor. */
static void check_run(struct target *t, struct known *k)
{
	uint64_t cpu_ns = k->sched.cpu_ns;
	uint64_t slices = look_slices(t, k);

	if (k->runnable && slices == k->slices && k->sched.cpu_ns != cpu_ns)
		unlearn_off(k);
	k->blocked = k->blocked && slices == k->slices &&
		     k->sched.cpu_ns == cpu_ns;
	k->quiet = k->blocked ? k->quiet + 1 : 0;
	k->slices = slices;
}

/*
 * Looks whether the threads that are not idle have run; *rest is the CPU time
 * of the process without theirs, false when it is not known. The clock is
 * read first: what it does not count yet it will the next time.
 */
static bool check_busy(struct target *t, uint64_t *rest)
{
	bool known = t->nidle && !t->found.layout.free_threaded &&
		     process_cpu_ns(&t->process, rest) == 0;
	struct known *k;
	size_t i;

	for (i = 0; i < t->nrows; i++) {
		k = t->rows[i];
		if (k->idle || k->fresh)
			continue;
		check_run(t, k);
		known = known && k->slices != UINT64_MAX;
		*rest -= k->sched.cpu_ns;
	}
	return known;
}

/*
 * One that slept the last time and has run since mostly sleeps again, as it does
 * that waits for the GIL and looks every 5 ms whether it is asked for. When it
 * is known before the snapshot, it need be read only once.
 */
static bool sleeps_again(struct target *t, struct known *k)
{
	if (k->blocked || !is_blocked(k) || k->slices == UINT64_MAX ||
	    t->options.locals.bytes)
		return false;
	look_at(t, k);
	return is_blocked(k);
}

/*
 * While the CPU time of the idle threads is what it was, none of them has run,
 * and their time slices need no look. The kernel counts the time of one that
 * runs just now a little late: such a thread does not hold the GIL
 * (states_after), and so its stack does not move. Without a GIL each is
 * looked at.
 */
void states_before(struct target *t, uint64_t now)
{
	bool known, same, idle, changed = false;
	size_t i, nidle = 0;
	uint64_t rest = 0;
	struct known *k;

	t->lean = walker_lean(t->walker, now);
	if (t->lean)
		return;
	known = check_busy(t, &rest);
	same = known && t->rest_known && rest == t->rest_ns;
	for (i = 0; i < t->nrows; i++) {
		k = t->rows[i];
		if (k->idle && !same)
			check_run(t, k);
		idle = k->blocked && k->quiet >= QUIET_TICKS;
		changed = changed || idle != k->idle;
		k->idle = idle;
		nidle += idle;
		walker_hold(t->walker, i, k->blocked);
		k->asleep = sleeps_again(t, k);
		walker_asleep(t->walker, i, k->asleep);
		if (!k->asleep)
			leave_out(t, k, i, now);
	}
	t->rest_ns = rest;
	t->rest_known = known && !changed;
	t->nidle = nidle;
}

int states_after(struct target *t, uint64_t now)
{
	const struct walk_thread *w;
	struct known *k;
	size_t i, n;
	int ret = 0;

	w = walker_threads(t->walker, &n);
	for (i = 0; i < n && !ret; i++) {
		k = t->rows[i];
		if (k->blocked && (t->lean || !w[i].holds_gil ||
				   k->def.gil == GIL_HELD))
			continue;
		if (k->idle)
			t->rest_known = k->idle = false;
		ret = look_closely(t, k, i, now);
		if (!t->lean)
			define_state(t, k, &w[i]);
	}
	return ret;
}

uint32_t state_of(struct target *t, struct known *k)
{
	struct state_def def = k->def;

	if (k->state_table != t->source.serial) {
		def.wait = symbols_string(&t->symbols, k->wait.data,
					  k->wait.len);
		k->state = symbols_state(&t->symbols, &def);
		k->state_table = t->source.serial;
	}
	return k->state;
}
