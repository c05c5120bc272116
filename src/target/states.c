/*
 * What all threads do, in a tick: which have run since the last one, and which
 * of the states that they are in are new.
 */
#include <string.h>
#include <sys/syscall.h>

#include "target_priv.h"

#define RECENT_NS 20000000u /* after it ran: who often sleeps often wakes up */
#define QUIET_NS 250000000u /* without running, until a thread is idle */

/* ---- the state ---- */

static uint8_t run_of(const struct known *k)
{
	if (k->passing)
		return RUN_CPU;
	return k->runnable && k->look.run == RUN_CPU ? RUN_RUNNABLE
						     : k->look.run;
}

static bool is_asleep(const struct known *k)
{
	return is_blocked(k) && !k->passing;
}

static uint8_t gil_of(const struct known *k, const struct walk_thread *w)
{
	if (is_asleep(k) && k->look.call == SYS_futex &&
	    k->look.args[0] >= w->gil_from && k->look.args[0] < w->gil_to)
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
	bool changed, asleep = is_asleep(k);
	struct str text;

	if (asleep && k->blocked && k->waited_slices == k->slices &&
	    last->run == k->look.run && last->call == k->look.call &&
	    !memcmp(last->args, k->look.args, sizeof(last->args)))
		return false;
	str_init(&text);
	k->waited = k->look;
	k->waited_slices = asleep && k->blocked ? k->slices : UINT64_MAX;
	if (gil == GIL_WANTED)
		str_adds(&text, "GIL");
	else if (asleep)
		waits_name(t->waits, &k->look, &text);
	changed = strcmp(text.data, k->wait.data) != 0;
	if (changed) {
		str_clear(&k->wait);
		str_add(&k->wait, text.data, text.len);
	}
	str_release(&text);
	return changed;
}

void define_state(struct target *t, struct known *k)
{
	const struct walk_thread *w = row_of(t, k->row);
	struct state_def def;
	bool changed;

	memset(&def, 0, sizeof(def));
	def.run = run_of(k);
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
static void check_run(struct target *t, struct known *k, uint64_t now)
{
	uint64_t cpu_ns = k->sched.cpu_ns;
	uint64_t slices = look_slices(t, k);

	if (k->runnable && slices == k->slices && k->sched.cpu_ns != cpu_ns)
		unlearn_off(k);
	k->blocked = k->blocked && slices == k->slices &&
		     k->sched.cpu_ns == cpu_ns;
	k->slices = slices;
	if (!k->blocked)
		k->ran_ns = now;
}

/*
 * One that slept and has not run since may have been woken. It waits for its
 * processor, or that one comes out of its own sleep, for which the kernel
 * charges the thread: 30 us in a virtual machine.
 */
static void check_woken(struct target *t, struct known *k, uint64_t now)
{
	bool waits = may_be_woken(k, now);

	if (!waits && now - k->ran_ns >= RECENT_NS)
		return;
	/* For us: it slept when the tick began. */
	if (!probe_runs(&k->probe, &t->process) || waits_for_us(t, k))
		return;
	k->blocked = look_slices(t, k) == k->slices;
	k->slices = k->sched.slices;
	if (!k->blocked)
		return;
	k->look = (struct thread_look){.run = RUN_CPU, .call = -1};
	k->runnable = waits || waits_for_other(t, k);
	k->passing = !k->runnable;
	define_state(t, k);
}

/* The look and the stack of a row right now. */
static int look_now(struct target *t, struct known *k, size_t row,
		    uint64_t now)
{
	int ret = look_closely(t, k, row, now);

	define_state(t, k);
	k->awake = false;
	k->looked_ns = now;
	if (!t->options.locals.bytes)
		t->moving[t->nmoving++] = row;
	return ret;
}

/*
 * The only one that may run is looked at now, and the snapshot reads its stack
 * with the facts.
 */
static void look_before(struct target *t, struct known *k, size_t row)
{
	look_at(t, k);
	k->looked = true;
	walker_asleep(t->walker, row, is_blocked(k));
}

/* Where a turn comes to nothing, the look is what counts, as for the others. */
static int look_or_hold(struct target *t, struct known *k, size_t row,
			bool only, uint64_t now)
{
	int ret = STAND_NOT;

	if (k->leave && turn_comes(t))
		ret = hold_unseen(t, k, row, now);
	if (ret < 0)
		return ret;
	if (ret != STAND_READ) {
		/* Once in a tick. */
		k->stop = k->stop && ret == STAND_NOT;
		k->leave = k->stop && only;
		return look_now(t, k, row, now);
	}
	define_state(t, k);
	k->awake = false;
	return 0;
}

/*
 * Whether it has run since the last tick. If so, it is looked at on the spot:
 * what runs for a moment only has ended before the next thread's turn. A thread
 * that is new, or ends, waits for the lists. *cpu_ns is its CPU time.
 */
static int check_row(struct target *t, size_t row, bool only, uint64_t now,
		     uint64_t *cpu_ns)
{
	struct known *k = t->rows[row];
	int ret = 0;

	k->stop = k->leave = k->looked = k->over_budget = false;
	walker_asleep(t->walker, row, false);
	if (!k->fresh)
		check_run(t, k, now);
	/* After a whole tick it is asleep, or waits for its processor. */
	if (k->blocked && k->passing) {
		k->passing = false;
		k->runnable = k->look.run == RUN_CPU;
		define_state(t, k);
	}
	if (k->blocked && !k->runnable)
		check_woken(t, k, now);
	*cpu_ns = k->sched.cpu_ns;
	k->awake = !k->blocked;
	if (k->awake && !k->fresh && k->slices != UINT64_MAX) {
		decide(t, k, now);
		/* Of several, the stop comes long after the look. */
		k->leave = k->stop && (only || turn_comes(t));
		if (k->leave)
			walker_leave(t->walker, row);
		if (only && !k->stop && !t->options.locals.bytes)
			look_before(t, k, row);
		else
			ret = look_or_hold(t, k, row, only, now);
	}
	walker_hold(t->walker, row, k->blocked);
	if (!k->blocked && !k->looked && !k->leave)
		walker_later(t->walker, row);
	return ret;
}

/* That of the one that stood the last time: its turn comes soon. */
static size_t expected_row(const struct target *t)
{
	uint32_t i = map_get(&t->known_of, t->displace.there);
	size_t row;

	if (!t->displace.there || i == MAP_NONE)
		return t->nrows;
	row = t->known[i]->row;
	return row < t->nrows && !t->rows[row]->idle ? row : t->nrows;
}

/*
 * The CPU time of the process less that of the threads that are not idle, which
 * are checked; false when it is not known. The clock is read first, but for the
 * one whose turn comes: what it does not count yet it will the next time.
 */
static int check_busy(struct target *t, uint64_t now, uint64_t *rest,
		      bool *known)
{
	bool only = t->nrows - t->nidle == 1;
	size_t i, first = expected_row(t);
	uint64_t cpu_ns;
	int ret = 0;

	if (first < t->nrows)
		ret = check_row(t, first, only, now, &cpu_ns);
	*known = t->nidle && !t->found.layout.free_threaded &&
		 process_cpu_ns(&t->process, rest) == 0;
	for (i = 0; i < t->nrows && !ret; i++) {
		if (t->rows[i]->idle)
			continue;
		if (i == first)
			cpu_ns = t->rows[i]->sched.cpu_ns;
		else
			ret = check_row(t, i, only, now, &cpu_ns);
		*known = *known && t->rows[i]->slices != UINT64_MAX;
		*rest -= cpu_ns;
	}
	return ret;
}

/* The same sum, in one go. */
static bool read_rest(struct target *t, uint64_t *rest)
{
	struct thread_sched sched;
	struct known *k;
	size_t i;

	if (process_cpu_ns(&t->process, rest))
		return false;
	for (i = 0; i < t->nrows; i++) {
		k = t->rows[i];
		if (k->idle)
			continue;
		if (probe_sched(&k->probe, &t->process, &sched))
			return false;
		*rest -= sched.cpu_ns;
	}
	return true;
}

/* An early look at the only other one is old by the end of it. */
static int check_idle(struct target *t, uint64_t now)
{
	size_t i, looked = t->nrows;
	uint64_t cpu_ns;
	int ret = 0;

	for (i = 0; i < t->nrows && !ret; i++) {
		if (t->rows[i]->idle)
			ret = check_row(t, i, false, now, &cpu_ns);
		else if (t->rows[i]->looked)
			looked = i;
	}
	if (!ret && looked < t->nrows) {
		t->rows[looked]->slices = look_slices(t, t->rows[looked]);
		look_before(t, t->rows[looked], looked);
	}
	return ret;
}

/* Which are idle by now; true when these are others than before. */
static bool count_idle(struct target *t, uint64_t now)
{
	bool idle, changed = false;
	struct known *k;
	size_t i;

	t->nidle = 0;
	for (i = 0; i < t->nrows; i++) {
		k = t->rows[i];
		idle = k->blocked && now - k->ran_ns >= QUIET_NS;
		changed = changed || idle != k->idle;
		k->idle = idle;
		t->nidle += idle;
	}
	return changed;
}

/* Stops those whose stacks move: after the looks, for others feel it. */
static int hold_moving(struct target *t)
{
	struct known *k;
	size_t i;
	int ret = 0;

	for (i = 0; i < t->nmoving && !ret; i++) {
		k = t->rows[t->moving[i]];
		ret = hold_still(t, k, t->moving[i]);
		/* GIL, collector and exception are those of the stop. */
		if (k->stop)
			define_state(t, k);
	}
	return ret;
}

/* The names of all stacks are gone: each is read anew. */
static void forget_all(struct target *t)
{
	size_t i;

	t->rest_known = false;
	t->nidle = 0;
	for (i = 0; i < t->nrows; i++)
		t->rows[i]->blocked = t->rows[i]->idle = false;
}

void all_anew(struct target *t)
{
	size_t i;

	for (i = 0; i < t->nrows; i++)
		t->rows[i]->fresh = !(t->rows[i]->tid & SYNTHETIC);
}

/*
 * Interrupts see what the others do: those alone are looked at that are new to them,
 * or that the kernel does not know.
 */
static void hold_seen(struct target *t)
{
	struct known *k;
	size_t i;

	walker_relist(t->walker);
	for (i = 0; i < t->nrows; i++) {
		k = t->rows[i];
		k->awake = !k->mapped;
		k->stop = k->leave = k->looked = k->over_budget = false;
		walker_asleep(t->walker, i, false);
		walker_hold(t->walker, i, !k->fresh && !k->awake);
	}
}

/*
 * Before a snapshot of stacks alone. One that is awake is seen to fall asleep there, so
 * one that sleeps has to be seen to wake up.
 */
static void let_go(struct target *t)
{
	size_t i;

	for (i = 0; i < t->nrows; i++)
		walker_hold(t->walker, i, t->rows[i]->idle);
}

/*
 * While the CPU time of the idle threads is what it was, none of them has run,
 * and their time slices need no look. The kernel counts the time of one that
 * runs just now a little late: such a thread does not hold the GIL
 * (wake_idle), and so its stack does not move. Without a GIL each is looked at.
 */
int states_before(struct target *t, uint64_t now)
{
	uint64_t rest = 0;
	bool known, same;
	int ret;

	t->nmoving = 0;
	t->lean = walker_lean(t->walker, now);
	if (t->lean) {
		let_go(t);
		return 0;
	}
	if (walker_begin(t->walker)) {
		forget_all(t);
		if (is_ticking(t))
			all_anew(t);
	}
	if (is_ticking(t)) {
		hold_seen(t);
		return 0;
	}
	ret = check_busy(t, now, &rest, &known);
	same = known && t->rest_known && rest == t->rest_ns;
	/* One that came off its processor meanwhile has the time of one clock. */
	if (!ret && known && t->rest_known && !same) {
		known = read_rest(t, &rest);
		same = known && rest == t->rest_ns;
	}
	if (!ret && !same)
		ret = check_idle(t, now);
	t->rest_known = !count_idle(t, now) && known && !ret;
	t->rest_ns = rest;
	return ret ? ret : hold_moving(t);
}

/* One that was not looked at before the snapshot. */
static int look_late(struct target *t, struct known *k, size_t row,
		     uint64_t now)
{
	k->slices = look_slices(t, k);
	k->leave = k->looked = false;
	return look_now(t, k, row, now);
}

/*
 * Those that are idle were not looked at: one that holds the GIL has run since.
 * It comes first, since it may do so for a moment only.
 */
static int wake_idle(struct target *t, uint64_t now)
{
	const struct walk_thread *w;
	struct known *k;
	size_t i, n;
	int ret = 0;

	w = walker_threads(t->walker, &n);
	for (i = 0; i < n && !ret; i++) {
		k = t->rows[i];
		if (!k->idle || !w[i].holds_gil || k->def.gil == GIL_HELD)
			continue;
		t->rest_known = k->idle = false;
		t->nidle--;
		decide(t, k, now);
		ret = look_late(t, k, i, now);
	}
	return ret;
}

/*
 * After a snapshot of stacks alone: what is as it was keeps its state, unless it is
 * to be stopped. One that is not there yet is not told either.
 */
static int look_at_others(struct target *t, uint64_t now)
{
	struct known *k;
	bool other;
	size_t i;
	int ret = 0;

	for (i = 0; i < t->nrows && !ret; i++) {
		k = t->rows[i];
		other = k->fresh || row_of(t, i)->left;
		if (!k->wanted || !known_is_born(k, row_of(t, i)) ||
		    (k->blocked && !other))
			continue;
		decide(t, k, now);
		if (k->stop || other)
			ret = look_late(t, k, i, now);
	}
	return ret;
}

/* Those that were not looked at before the snapshot, and are not known to sleep. */
static int look_at_awake(struct target *t, uint64_t now)
{
	struct known *k;
	size_t i;
	int ret = wake_idle(t, now);

	for (i = 0; i < t->nrows && !ret; i++) {
		k = t->rows[i];
		if (!k->awake && !k->fresh)
			continue;
		if (k->fresh || k->slices == UINT64_MAX)
			decide(t, k, now);
		ret = look_now(t, k, i, now);
	}
	return ret;
}

int states_after(struct target *t, uint64_t now)
{
	int ret;

	t->nmoving = 0;
	ret = t->lean ? look_at_others(t, now) : look_at_awake(t, now);
	return ret ? ret : hold_moving(t);
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
