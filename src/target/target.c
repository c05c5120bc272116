/*
 * One Python process: attaches, and turns each snapshot into samples.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target_priv.h"

#define SYMBOLS_BYTES_MAX (16u << 20) /* then they start anew */
#define IDENTITY_NS 100000000u /* between looks whether it still is it */

/* ---- attach ---- */

static int check_layout(struct target *t, struct err *err)
{
	uint32_t v = t->found.version;
	bool checked;
	int ret = walker_self_check(t->walker, &checked, err);

	if (ret)
		err_prefix(err, ret,
			   "process %d runs a Python %u.%u.%u whose structures "
			   "are not those that pystrobe knows",
			   (int)t->process.pid, v >> 24, v >> 16 & 0xff,
			   v >> 8 & 0xff);
	return ret;
}

static int attach(struct target *t, struct err *err)
{
	int ret;

	t->program = process_program(&t->process);
	t->remote = remote_new_process(t->process.pid);
	ret = find_interpreter(&t->found, &t->process, t->remote, err);
	if (ret == -EPERM)
		return process_denied(&t->process, err);
	if (ret)
		return ret;
	t->waits = waits_new(&t->process, t->remote);
	ids_init(&t->ids, &t->process);
	t->walker = walker_new(t->remote, &t->found.layout, &t->found.entry,
			       t->ids.self);
	if (t->options.once)
		walker_persist(t->walker);
	ret = check_layout(t, err);
	if (ret)
		return ret;
	ret = walker_follow(t->walker, clock_mono());
	if (ret == -EPERM)
		return process_denied(&t->process, err);
	if (ret == -ESRCH)
		return err_set(err, ret, "process %d has ended",
			       (int)t->process.pid);
	if (ret)
		return err_set(err, -EAGAIN,
			       "the Python interpreter of process %d is just "
			       "starting or ending",
			       (int)t->process.pid);
	return 0;
}

static void set_options(struct target *t, const struct target_options *o)
{
	struct process_stat st;
	uint32_t *tids;

	t->options = *o;
	tids = xreallocarray(NULL, o->ntids, sizeof(*tids));
	if (o->ntids)
		memcpy(tids, o->tids, o->ntids * sizeof(*tids));
	t->options.tids = tids;
	t->budget.share = o->pause_share;
	t->budget.filled = clock_mono();
	t->displace.allowed = o->stop == STOP_AUTO && !o->locals.bytes;
	t->displace.cpu = t->displace.asleep_cpu = -1;
	t->tracer = tracer_new(t->process.pid,
			       !process_stat_read(&t->process, &st) &&
				       st.ppid == getpid());
}

int target_open(struct target **out, pid_t pid,
		const struct target_options *options, struct err *err)
{
	struct target *t = xcalloc(1, sizeof(*t));
	int ret = process_open(&t->process, pid, err);

	t->program = -1;
	if (ret) {
		free(t);
		return ret;
	}
	symbols_init(&t->symbols);
	map_init(&t->known_of);
	map_init(&t->ids.host);
	map_init(&t->ticking.of);
	t->source.table = &t->symbols;
	t->marker_table = UINT32_MAX;
	set_options(t, options);
	ret = attach(t, err);
	if (ret) {
		target_free(t);
		return ret;
	}
	*out = t;
	return 0;
}

void target_free(struct target *t)
{
	size_t i;

	if (!t)
		return;
	for (i = 0; i < t->nknown; i++)
		known_free(t->known[i]);
	ticking_release(t);
	tracer_free(t->tracer);
	occupier_free(t->displace.occupier);
	waits_free(t->waits);
	walker_free(t->walker);
	remote_free(t->remote);
	ids_release(&t->ids);
	symbols_release(&t->symbols);
	map_release(&t->known_of);
	process_close(&t->process);
	if (t->program >= 0)
		close(t->program);
	free(t->known);
	free(t->codes);
	free(t->rows);
	free(t->moving);
	free((void *)t->options.tids);
	free(t);
}

const char *target_pythons(void)
{
	return layouts_known();
}

pid_t target_pid(const struct target *t)
{
	return t->process.pid;
}

uint32_t target_version(const struct target *t)
{
	return t->found.version;
}

int target_announce(struct target *t, struct sink *sink)
{
	struct str command, cwd;
	struct process_info info = {
		.pid = (uint32_t)t->process.pid,
		.start = t->process.start,
		.version = t->found.version,
	};
	int ret;

	str_init(&command);
	str_init(&cwd);
	process_command(&t->process, &command);
	process_cwd(&t->process, &cwd);
	info.command = command.data;
	info.cwd = cwd.data;
	ret = sink->ops->process(sink, &info);
	str_release(&command);
	str_release(&cwd);
	return ret;
}

/* ---- a tick ---- */

bool bound_symbols(struct target *t)
{
	if (symbols_bytes(&t->symbols) < SYMBOLS_BYTES_MAX)
		return false;
	symbols_clear(&t->symbols);
	memset(t->codes, 0, t->ncodes * sizeof(*t->codes));
	t->source.serial++;
	return true;
}

/* Whether it still is that process, with that program. */
static bool is_still_itself(struct target *t)
{
	return process_alive(&t->process) && program_lasts(t->program);
}

bool is_itself(struct target *t, uint64_t now, bool at_once)
{
	if (!at_once && now - t->checked_ns < IDENTITY_NS)
		return true;
	t->checked_ns = now;
	return is_still_itself(t);
}

/*
 * What a failed snapshot means: the process ended or called exec (-ESRCH), or
 * its interpreter is just being set up or taken down: nothing to sample (0).
 */
static int judge(struct target *t, int error)
{
	if (!is_still_itself(t))
		return -ESRCH;
	if (error == -EPERM || error == -ESRCH)
		return -ESRCH;
	return still_mapped(&t->found, &t->process) ? 0 : -ESRCH;
}

struct sample sample_of(struct target *t, struct known *k)
{
	const struct walk_thread *w = row_of(t, k->row);

	return (struct sample){
		.tid = k->tid,
		.stack = stack_of(t, k, w),
		.state = state_of(t, k),
		.loss = w->loss && k->over_budget ? LOSS_BUDGET : w->loss,
	};
}

int begin_tick(struct target *t, struct sink *sink, const struct tick *due)
{
	struct tick tick = *due;

	tick.pid = (uint32_t)t->process.pid;
	tick.missed = t->missed;
	t->missed = 0;
	t->counts.ticks++;
	return sink->ops->tick(sink, &t->source, &tick);
}

int tell_sample(struct target *t, struct sink *sink, const struct sample *s)
{
	uint8_t run = t->symbols.states[s->state].run;

	t->counts.samples++;
	if (s->stack)
		t->counts.partial[s->loss] += s->loss != LOSS_NONE;
	else
		t->counts.lost[s->loss]++;
	if (s->stack || s->loss == LOSS_NONE) {
		t->counts.stopped += run == RUN_STOPPED;
		t->counts.disk += run == RUN_DISK;
	}
	return sink->ops->sample(sink, &t->source, s);
}

/* Tells the sink of this tick. */
static int tell_tick(struct target *t, struct sink *sink,
		     const struct tick *due)
{
	int ret = known_forget(t, sink);
	const struct walk_thread *w;
	struct sample s;
	struct known *k;
	size_t i;

	if (!ret)
		ret = known_tell(t, sink, due->mono_ns);
	if (!ret)
		ret = begin_tick(t, sink, due);
	for (i = 0; i < t->nrows && !ret; i++) {
		k = t->rows[i];
		w = row_of(t, i);
		if (!k->wanted || !known_is_born(k, w))
			continue;
		if (!k->blocked)
			note_stack(k, w);
		s = sample_of(t, k);
		ret = tell_sample(t, sink, &s);
	}
	return ret;
}

int look_at_all(struct target *t, uint64_t when)
{
	bool other;
	int ret;

	known_update(t);
	ret = states_before(t, when);
	if (!ret)
		ret = walker_snapshot(t->walker, when);
	/* Other threads: those of another program, perhaps. */
	other = t->list != walker_list(t->walker) && !program_lasts(t->program);
	/* Of one that failed, too: rows are the walker's. */
	known_update(t);
	if (other)
		return -ESRCH;
	tell_threads(t);
	if (!ret)
		ret = states_after(t, when);
	displace_next(t);
	if (!ret)
		return 0;
	ret = judge(t, ret);
	return ret ? ret : 1;
}

int target_sample(struct target *t, struct sink *sink, const struct tick *due)
{
	int ret;

	if (!is_itself(t, due->mono_ns, false))
		return -ESRCH;
	bound_symbols(t);
	t->missed += due->missed;
	ret = look_at_all(t, due->mono_ns);
	if (!ret) {
		ret = tell_tick(t, sink, due);
		if (!ret) {
			begin_ticking(t);
			resume_ticking(t, due->mono_ns);
		}
		return ret;
	}
	t->missed += ret > 0;
	return ret > 0 ? 0 : ret;
}

/* NULL when no thread has this id. */
static const struct known *known_with(const struct target *t, uint32_t tid)
{
	uint32_t i = map_get(&t->known_of, tid);

	return i == MAP_NONE ? NULL : t->known[i];
}

const struct variable *target_local(const struct target *t, uint32_t tid,
				    uint32_t depth, size_t n)
{
	const struct known *k = known_with(t, tid);
	const struct walk_thread *w;
	size_t rows;

	w = walker_threads(t->walker, &rows);
	if (!k || k->row >= rows || depth >= w[k->row].depth)
		return NULL;
	return walker_local(t->walker, k->row, w[k->row].frames[depth].addr, n);
}

unsigned target_locals_flaws(const struct target *t, uint32_t tid)
{
	const struct known *k = known_with(t, tid);

	return k ? k->locals_flaws : VARIABLES_TORN;
}

void target_counts(const struct target *t, struct target_counts *out)
{
	struct trace_counts trace;
	struct occupy_counts turns = {0};

	trace_counts(t->tracer, &trace);
	if (t->displace.occupier)
		occupy_counts(t->displace.occupier, &turns);
	*out = t->counts;
	out->calls = remote_calls(t->remote);
	out->stops = (struct target_pauses){.times = trace.stops,
					    .ns = trace.pause_ns,
					    .longest_ns = trace.longest_ns};
	out->displaced = (struct target_pauses){
		.times = turns.turns,
		.vain = turns.vain,
		.ns = turns.cpu_ns,
		.longest_ns = turns.longest_ns,
	};
}
