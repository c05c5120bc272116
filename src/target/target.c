/*
 * One Python process: attaches, and turns each snapshot into samples.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"
#include "target.h"
#include "target_priv.h"

#define SYMBOLS_BYTES_MAX (16u << 20) /* then they start anew */
#define IDENTITY_NS 100000000u /* between looks whether it still is it */
#define NAMES_NS 250000000u    /* between looks for new thread names */
#define SYNTHETIC 0x80000000u  /* ids of threads whose own is not known */

/* A thread as the sink knows it. */
struct known {
	uint32_t tid;
	uint64_t ident;
	uint64_t seen; /* tick */
	bool announced, named;
	struct thread_probe probe;
	struct run {
		uint32_t serial; /* of the code object */
		int32_t at;
		bool entry;
	} *frames; /* the last stack, to know it again */
	size_t nframes, cap;
	uint32_t stack, symbols; /* its number, and in which table */
};

struct target {
	struct process process;
	struct found found;
	struct remote *remote;
	struct walker *walker;
	struct ids ids;
	struct symbols symbols;
	struct source_symbols source;
	struct known **known;
	size_t nknown, cap_known;
	struct map known_of; /* tid -> index */
	struct known **rows; /* of this tick, one for each walk_thread */
	size_t cap_rows;
	uint64_t pass; /* number of the tick, for known.seen */
	struct code_number {
		uint32_t serial, code; /* holds for this serial; 0: none */
	} *codes; /* by walk info */
	size_t ncodes;
	uint32_t *only;
	size_t nonly;
	uint64_t checked_ns, names_ns;
	uint32_t missed; /* ticks that the sink was not told of yet */
	struct target_counts counts;
};

static struct known *known_new(struct target *t, uint32_t tid)
{
	struct known *k = xcalloc(1, sizeof(*k));

	k->tid = tid;
	k->symbols = UINT32_MAX;
	probe_init(&k->probe, (pid_t)tid);
	t->known = grow(t->known, &t->cap_known, t->nknown + 1,
			sizeof(struct known *));
	map_put(&t->known_of, tid, (uint32_t)t->nknown);
	t->known[t->nknown++] = k;
	return k;
}

static void known_free(struct known *k)
{
	probe_release(&k->probe);
	free(k->frames);
	free(k);
}

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

	t->remote = remote_new_process(t->process.pid);
	ret = find_interpreter(&t->found, &t->process, t->remote, err);
	if (ret == -EPERM)
		return process_denied(&t->process, err);
	if (ret)
		return ret;
	ids_init(&t->ids, &t->process);
	t->walker = walker_new(t->remote, &t->found.layout, &t->found.entry,
			       t->ids.self);
	ret = check_layout(t, err);
	if (ret)
		return ret;
	ret = walker_snapshot(t->walker);
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

int target_open(struct target **out, pid_t pid,
		const struct target_options *options, struct err *err)
{
	struct target *t = xcalloc(1, sizeof(*t));
	int ret = process_open(&t->process, pid, err);

	if (ret) {
		free(t);
		return ret;
	}
	symbols_init(&t->symbols);
	map_init(&t->known_of);
	map_init(&t->ids.host);
	t->source.table = &t->symbols;
	if (options && options->ntids) {
		t->nonly = options->ntids;
		t->only = xreallocarray(NULL, t->nonly, sizeof(*t->only));
		memcpy(t->only, options->tids, t->nonly * sizeof(*t->only));
	}
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
	walker_free(t->walker);
	remote_free(t->remote);
	ids_release(&t->ids);
	symbols_release(&t->symbols);
	map_release(&t->known_of);
	process_close(&t->process);
	free(t->known);
	free(t->codes);
	free(t->rows);
	free(t->only);
	free(t);
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

/* ---- stacks ---- */

/* The number of a code object; walker and symbols each have their own. */
static uint32_t code_id(struct target *t, uint32_t info)
{
	const struct walk_code *c = walker_code(t->walker, info);
	struct code_number *n;
	struct code_def def;
	size_t old = t->ncodes;

	if (info >= old) {
		t->codes = grow(t->codes, &t->ncodes, info + 1,
				sizeof(*t->codes));
		memset(t->codes + old, 0,
		       (t->ncodes - old) * sizeof(*t->codes));
	}
	/* Serials of the walker start at 1. */
	n = &t->codes[info];
	if (n->serial == c->serial)
		return n->code;
	def.name = symbols_string(&t->symbols, c->name, strlen(c->name));
	def.file = symbols_string(&t->symbols, c->file, strlen(c->file));
	def.first = c->first > 0 ? (uint32_t)c->first : 0;
	n->code = symbols_code(&t->symbols, &def);
	n->serial = c->serial;
	return n->code;
}

/* Keeps the raw stack in k; true when it is the one that was there. */
static bool same_stack(const struct target *t, struct known *k,
		       const struct walk_frame *f, size_t n)
{
	bool same = k->nframes == n && k->symbols == t->source.serial;
	struct run run;
	size_t i;

	k->frames = grow(k->frames, &k->cap, n, sizeof(*k->frames));
	for (i = 0; i < n; i++) {
		run = (struct run){
			.serial = walker_code(t->walker, f[i].info)->serial,
			.at = f[i].at,
			.entry = f[i].entry,
		};
		same = same && run.serial == k->frames[i].serial &&
		       run.at == k->frames[i].at &&
		       run.entry == k->frames[i].entry;
		k->frames[i] = run;
	}
	k->nframes = n;
	return same;
}

/* Adds frames, leaf first, on top of the stack `parent`. */
static uint32_t push_frames(struct target *t, uint32_t parent,
			    const struct walk_frame *f, size_t n)
{
	struct frame_def def;
	int line;

	while (n--) {
		line = walker_line(t->walker, &f[n]);
		def.code = code_id(t, f[n].info);
		def.line = line > 0 ? (uint32_t)line : 0;
		def.flags = f[n].entry ? FRAME_ENTRY : 0;
		parent = symbols_stack(&t->symbols, parent,
				       symbols_frame(&t->symbols, &def));
	}
	return parent;
}

static uint32_t stack_of(struct target *t, struct known *k,
			 const struct walk_thread *w)
{
	const struct walk_frame *f = walker_frames(t->walker) + w->first;

	if (!w->depth)
		return 0;
	if (!same_stack(t, k, f, w->depth)) {
		k->stack = push_frames(t, 0, f, w->depth);
		k->symbols = t->source.serial;
	}
	return k->stack;
}

/* ---- threads ---- */

static bool wanted(const struct target *t, uint32_t tid)
{
	size_t i;

	for (i = 0; i < t->nonly; i++)
		if (t->only[i] == tid)
			return true;
	return !t->nonly;
}

static int tell_thread(struct target *t, struct known *k, uint32_t flags,
		       struct sink *sink)
{
	struct thread_info info = {
		.pid = (uint32_t)t->process.pid,
		.tid = k->tid,
		.ident = k->ident,
		.flags = flags,
	};
	struct str name;
	int ret;

	str_init(&name);
	if (k->ident)
		walker_thread_name(t->walker, k->ident, &name);
	k->named = name.len > 0;
	if (!name.len && !(k->tid & SYNTHETIC))
		thread_comm(&t->process, (pid_t)k->tid, &name);
	info.name = name.data;
	ret = sink->ops->thread(sink, &info);
	k->announced = true;
	str_release(&name);
	return ret;
}

/*
 * The thread behind a thread state. Where the kernel's id is not known, or is
 * that of another state already (a subinterpreter up to 3.12 keeps the id of
 * the thread that made it), it gets one of ours.
 */
static struct known *known_of(struct target *t, const struct walk_thread *w)
{
	uint32_t tid = ids_host(&t->ids, &t->process, w->tid);
	uint32_t i = tid ? map_get(&t->known_of, tid) : MAP_NONE;
	struct known *k;

	if (!tid || (i != MAP_NONE && t->known[i]->seen == t->pass)) {
		tid = SYNTHETIC | (uint32_t)(hash_u64(w->tstate) >> 33);
		i = map_get(&t->known_of, tid);
	}
	k = i == MAP_NONE ? known_new(t, tid) : t->known[i];
	k->ident = w->ident;
	k->seen = t->pass;
	return k;
}

/* Fills rows: whose snapshot each one is. */
static void identify(struct target *t, const struct walk_thread *w, size_t n)
{
	size_t i;

	t->pass++;
	t->rows = grow(t->rows, &t->cap_rows, n, sizeof(struct known *));
	for (i = 0; i < n; i++)
		t->rows[i] = known_of(t, &w[i]);
}

static uint32_t state_of(struct target *t, struct known *k,
			 const struct walk_thread *w)
{
	struct thread_look look = {.run = RUN_UNKNOWN};
	struct state_def def = {.gil = w->holds_gil ? GIL_HELD : GIL_UNKNOWN,
				.flags = w->gc ? STATE_GC : 0};

	if (!(k->tid & SYNTHETIC))
		probe_look(&k->probe, &t->process, &look);
	def.run = look.run;
	return symbols_state(&t->symbols, &def);
}

static int sample_thread(struct target *t, struct known *k,
			 const struct walk_thread *w, struct sink *sink)
{
	struct sample s = {.tid = k->tid, .loss = w->loss};

	s.state = state_of(t, k, w);
	if (!w->loss)
		s.stack = stack_of(t, k, w);
	t->counts.samples++;
	t->counts.lost[w->loss]++;
	return sink->ops->sample(sink, &t->source, &s);
}

/* Tells the sink of threads that are new or have got a name by now. */
static int tell_threads(struct target *t, const struct walk_thread *w,
			size_t n, struct sink *sink)
{
	uint64_t now = clock_mono();
	bool look = now - t->names_ns >= NAMES_NS;
	struct known *k;
	size_t i;
	int ret = 0;

	for (i = 0; i < n && !ret; i++) {
		k = t->rows[i];
		if (!wanted(t, k->tid) || (k->announced && (k->named || !look)))
			continue;
		ret = tell_thread(t, k, w[i].main ? THREAD_MAIN : 0, sink);
	}
	if (look)
		t->names_ns = now;
	return ret;
}

/* Threads that are in no list any more. */
static int tell_ended(struct target *t, struct sink *sink)
{
	struct thread_info info;
	size_t i, kept = 0;
	struct known *k;
	int ret = 0;

	for (i = 0; i < t->nknown; i++) {
		k = t->known[i];
		if (k->seen == t->pass) {
			t->known[kept++] = k;
			continue;
		}
		info = (struct thread_info){
			.pid = (uint32_t)t->process.pid,
			.tid = k->tid,
			.ident = k->ident,
			.flags = THREAD_ENDED,
			.name = "",
		};
		if (k->announced && !ret)
			ret = sink->ops->thread(sink, &info);
		known_free(k);
	}
	if (kept == t->nknown)
		return ret;
	t->nknown = kept;
	map_clear(&t->known_of);
	for (i = 0; i < kept; i++)
		map_put(&t->known_of, t->known[i]->tid, (uint32_t)i);
	return ret;
}

/* ---- a tick ---- */

static void bound_symbols(struct target *t)
{
	if (symbols_bytes(&t->symbols) < SYMBOLS_BYTES_MAX)
		return;
	symbols_clear(&t->symbols);
	memset(t->codes, 0, t->ncodes * sizeof(*t->codes));
	t->source.serial++;
}

/*
 * What a failed snapshot means: the process ended or called exec (-ESRCH), or
 * its interpreter is just being set up or taken down: nothing to sample (0).
 */
static int judge(struct target *t, int error)
{
	if (!process_alive(&t->process))
		return -ESRCH;
	if (error == -EPERM || error == -ESRCH)
		return -ESRCH;
	return still_mapped(&t->found, &t->process) ? 0 : -ESRCH;
}

static int sample_all(struct target *t, struct sink *sink, uint64_t when)
{
	const struct walk_thread *w;
	struct tick tick = {
		.pid = (uint32_t)t->process.pid,
		.mono_ns = when,
		.missed = t->missed,
	};
	size_t i, n;
	int ret;

	w = walker_threads(t->walker, &n);
	identify(t, w, n);
	ret = tell_threads(t, w, n, sink);
	if (!ret)
		ret = tell_ended(t, sink);
	if (!ret)
		ret = sink->ops->tick(sink, &t->source, &tick);
	t->missed = 0;
	t->counts.ticks++;
	for (i = 0; i < n && !ret; i++)
		if (wanted(t, t->rows[i]->tid))
			ret = sample_thread(t, t->rows[i], &w[i], sink);
	return ret;
}

int target_sample(struct target *t, struct sink *sink, uint32_t missed)
{
	uint64_t when = clock_mono();
	int ret;

	if (when - t->checked_ns >= IDENTITY_NS) {
		t->checked_ns = when;
		if (!process_alive(&t->process))
			return -ESRCH;
	}
	bound_symbols(t);
	t->missed += missed;
	ret = walker_snapshot(t->walker);
	if (ret) {
		t->missed++;
		return judge(t, ret);
	}
	return sample_all(t, sink, when);
}

void target_counts(const struct target *t, struct target_counts *out)
{
	*out = t->counts;
	out->calls = remote_calls(t->remote);
}
