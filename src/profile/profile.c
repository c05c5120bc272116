/*
 * The sink that adds samples up.
 *
 * Work per sample is one look into a table of the numbers that the source
 * uses and one look into the hash table of cells.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"

#define UNSEEN UINT32_MAX

/* Our number for each number of the source; UNSEEN: not asked for yet. */
struct idmap {
	uint32_t *ids;
	size_t len, cap;
};

/* One for each table of symbols that samples come from. */
struct source {
	const struct symbols *table;
	uint32_t serial;
	struct idmap strings, codes, frames, stacks, states;
};

struct profile_build {
	struct source *sources;
	size_t nsources, cap_sources, source; /* source: the last used */
	uint32_t *slots; /* cells by (thread, stack, state); UNSEEN: free */
	size_t nslots;
	struct map threads; /* process and tid to the newest row */
	uint64_t *last_ns;  /* the last tick of each process; 0: none */
	size_t cap_last;
	uint32_t process; /* of the tick that is being told */
	uint64_t weight;  /* of each of its samples, in ns */
	uint64_t count;   /* how many each of them is */
	bool ticking;
	uint32_t *path; /* scratch: stacks that have no number yet */
	size_t cap_path;
};

/* ---- the source's numbers and ours ---- */

/* The place of `id`; entries up to `n` exist afterwards. id < n. */
static uint32_t *idmap_at(struct idmap *m, uint32_t id, size_t n)
{
	if (id >= m->len) {
		m->ids = grow(m->ids, &m->cap, n, sizeof(*m->ids));
		memset(m->ids + m->len, 0xff, (n - m->len) * sizeof(*m->ids));
		m->len = n;
	}
	return &m->ids[id];
}

static void source_forget(struct source *s)
{
	s->strings.len = s->codes.len = s->frames.len = 0;
	s->stacks.len = s->states.len = 0;
}

static void source_release(struct source *s)
{
	free(s->strings.ids);
	free(s->codes.ids);
	free(s->frames.ids);
	free(s->stacks.ids);
	free(s->states.ids);
}

static struct source *source_of(struct profile_build *b,
				const struct source_symbols *syms)
{
	struct source *s;
	size_t i = b->source;

	if (i >= b->nsources || b->sources[i].table != syms->table)
		for (i = 0; i < b->nsources; i++)
			if (b->sources[i].table == syms->table)
				break;
	if (i == b->nsources) {
		b->sources = grow(b->sources, &b->cap_sources, i + 1,
				  sizeof(*b->sources));
		memset(&b->sources[i], 0, sizeof(*b->sources));
		b->sources[i].table = syms->table;
		b->sources[i].serial = syms->serial;
		b->nsources++;
	}
	b->source = i;
	s = &b->sources[i];
	if (s->serial != syms->serial || s->stacks.len > syms->table->nstacks) {
		source_forget(s);
		s->serial = syms->serial;
	}
	return s;
}

/* Each of these gives our number, or UNSEEN when the source has no such. */

static uint32_t our_string(struct profile *p, struct source *s, uint32_t id)
{
	const struct intern *in = &s->table->strings;
	const char *text;
	uint32_t *at;
	size_t len;

	if (id >= in->len)
		return UNSEEN;
	at = idmap_at(&s->strings, id, in->len);
	if (*at == UNSEEN) {
		text = intern_text(in, id, &len);
		*at = symbols_string(&p->symbols, text, len);
	}
	return *at;
}

static uint32_t our_code(struct profile *p, struct source *s, uint32_t id)
{
	struct code_def def;
	uint32_t *at;

	if (id >= s->table->ncodes)
		return UNSEEN;
	at = idmap_at(&s->codes, id, s->table->ncodes);
	if (*at == UNSEEN) {
		def = s->table->codes[id];
		def.name = our_string(p, s, def.name);
		def.file = our_string(p, s, def.file);
		if (def.name != UNSEEN && def.file != UNSEEN)
			*at = symbols_code(&p->symbols, &def);
	}
	return *at;
}

static uint32_t our_frame(struct profile *p, struct source *s, uint32_t id)
{
	struct frame_def def;
	uint32_t *at;

	if (id >= s->table->nframes)
		return UNSEEN;
	at = idmap_at(&s->frames, id, s->table->nframes);
	if (*at == UNSEEN) {
		def = s->table->frames[id];
		def.code = our_code(p, s, def.code);
		if (def.code != UNSEEN)
			*at = symbols_frame(&p->symbols, &def);
	}
	return *at;
}

static uint32_t our_state(struct profile *p, struct source *s, uint32_t id)
{
	struct state_def def;
	uint32_t *at;

	if (id >= s->table->nstates)
		return UNSEEN;
	at = idmap_at(&s->states, id, s->table->nstates);
	if (*at == UNSEEN) {
		def = s->table->states[id];
		def.wait = our_string(p, s, def.wait);
		if (def.wait != UNSEEN)
			*at = symbols_state(&p->symbols, &def);
	}
	return *at;
}

/*
 * A parent's number is below its child's, which bounds the way up. Each stack
 * is copied once, so a million of them cost a million steps, not times depth.
 */
static uint32_t our_stack(struct profile *p, struct source *s, uint32_t id)
{
	struct profile_build *b = p->build;
	const struct symbols *t = s->table;
	uint32_t *ids, parent, frame, ours;
	size_t n = 0;

	if (id >= t->nstacks)
		return UNSEEN;
	idmap_at(&s->stacks, (uint32_t)t->nstacks - 1, t->nstacks);
	ids = s->stacks.ids;
	ids[0] = 0;
	while (ids[id] == UNSEEN) {
		b->path = grow(b->path, &b->cap_path, n + 1, sizeof(*b->path));
		b->path[n++] = id;
		parent = t->stacks[id].parent;
		if (parent >= id)
			return UNSEEN;
		id = parent;
	}
	ours = ids[id];
	while (n) {
		id = b->path[--n];
		frame = our_frame(p, s, t->stacks[id].frame);
		if (frame == UNSEEN)
			return UNSEEN;
		ours = symbols_stack(&p->symbols, ours, frame);
		ids[id] = ours;
	}
	return ours;
}

/* ---- cells ---- */

static uint64_t cell_hash(uint32_t thread, uint32_t stack, uint32_t state)
{
	return hash_u64(hash_u64((uint64_t)thread << 32 | state) ^ stack);
}

static void cells_rehash(struct profile *p)
{
	struct profile_build *b = p->build;
	const struct profile_cell *c;
	size_t i, at;

	b->nslots = b->nslots ? b->nslots * 2 : 256;
	b->slots = xreallocarray(b->slots, b->nslots, sizeof(*b->slots));
	memset(b->slots, 0xff, b->nslots * sizeof(*b->slots));
	for (i = 0; i < p->ncells; i++) {
		c = &p->cells[i];
		at = cell_hash(c->thread, c->stack, c->state) & (b->nslots - 1);
		while (b->slots[at] != UNSEEN)
			at = (at + 1) & (b->nslots - 1);
		b->slots[at] = (uint32_t)i;
	}
}

static struct profile_cell *cell_at(struct profile *p, uint32_t thread,
				    uint32_t stack, uint32_t state)
{
	struct profile_build *b = p->build;
	struct profile_cell *c;
	size_t at;

	if (p->ncells * 2 >= b->nslots)
		cells_rehash(p);
	at = cell_hash(thread, stack, state) & (b->nslots - 1);
	for (; b->slots[at] != UNSEEN; at = (at + 1) & (b->nslots - 1)) {
		c = &p->cells[b->slots[at]];
		if (c->thread == thread && c->stack == stack &&
		    c->state == state)
			return c;
	}
	b->slots[at] = (uint32_t)p->ncells;
	p->cells = grow(p->cells, &p->cap_cells, p->ncells + 1,
			sizeof(*p->cells));
	c = &p->cells[p->ncells++];
	*c = (struct profile_cell){
		.thread = thread, .stack = stack, .state = state};
	return c;
}

/* ---- processes and threads ---- */

static struct profile *of_sink(struct sink *s)
{
	return (struct profile *)((char *)s - offsetof(struct profile, sink));
}

static uint32_t own_string(struct profile *p, const char *text)
{
	return text ? symbols_string(&p->symbols, text, strlen(text)) : 0;
}

static struct profile_run *run_now(struct profile *p)
{
	return &p->runs[p->nruns - 1];
}

static void run_add(struct profile *p, const struct run_info *info)
{
	p->runs = grow(p->runs, &p->cap_runs, p->nruns + 1, sizeof(*p->runs));
	p->runs[p->nruns++] = (struct profile_run){
		.period_ns = info->period_ns,
		.wall_ns = info->wall_ns,
		.mono_ns = info->mono_ns,
		.host = own_string(p, info->host),
		.kernel = own_string(p, info->kernel),
		.program = own_string(p, info->program),
	};
}

static uint32_t process_add(struct profile *p, uint32_t pid, uint64_t start)
{
	struct profile_build *b = p->build;
	size_t i = p->nprocesses++;

	p->processes = grow(p->processes, &p->cap_processes, i + 1,
			    sizeof(*p->processes));
	p->processes[i] = (struct profile_process){
		.pid = pid,
		.start = start,
		.host = run_now(p)->host,
		.run = (uint32_t)p->nruns - 1,
	};
	b->last_ns = grow(b->last_ns, &b->cap_last, i + 1, sizeof(*b->last_ns));
	b->last_ns[i] = 0;
	return (uint32_t)i;
}

/* Told of in this run: its newest row, for process ids are used again. */
static bool is_current(const struct profile *p, size_t i, uint32_t pid)
{
	return p->processes[i].pid == pid &&
	       p->processes[i].run == p->nruns - 1;
}

static uint32_t process_at(struct profile *p, uint32_t pid)
{
	size_t i = p->nprocesses;

	while (i > 0)
		if (is_current(p, --i, pid))
			return (uint32_t)i;
	return process_add(p, pid, 0);
}

/*
 * The row of this very process, which another run may have told of; one of
 * which nothing was told so far becomes it.
 */
static uint32_t process_known(struct profile *p, uint32_t pid, uint64_t start)
{
	uint32_t host = run_now(p)->host, i, found = UNSEEN;
	struct profile_process *row;

	for (i = 0; i < p->nprocesses; i++) {
		row = &p->processes[i];
		if (row->pid != pid || row->host != host)
			continue;
		if (row->start == start || (!row->start && is_current(p, i, pid)))
			found = i;
		else if (is_current(p, i, pid))
			row->run = UNSEEN; /* it has ended */
	}
	if (found == UNSEEN)
		return process_add(p, pid, start);
	row = &p->processes[found];
	row->start = start;
	/* What lies between two runs is not the time of any sample. */
	if (!is_current(p, found, pid))
		p->build->last_ns[found] = 0;
	row->run = (uint32_t)p->nruns - 1;
	return found;
}

static uint64_t thread_key(uint32_t process, uint32_t tid)
{
	return (uint64_t)process << 32 | tid;
}

static uint32_t thread_add(struct profile *p, uint32_t process, uint32_t tid)
{
	uint32_t i = (uint32_t)p->nthreads++;

	p->threads = grow(p->threads, &p->cap_threads, p->nthreads,
			  sizeof(*p->threads));
	p->threads[i] = (struct profile_thread){
		.pid = p->processes[process].pid,
		.tid = tid,
		.process = process,
	};
	map_put(&p->build->threads, thread_key(process, tid), i);
	return i;
}

static uint32_t thread_at(struct profile *p, uint32_t process, uint32_t tid)
{
	uint32_t i = map_get(&p->build->threads, thread_key(process, tid));

	return i == MAP_NONE ? thread_add(p, process, tid) : i;
}

/* ---- the sink ---- */

static int take_run(struct sink *s, const struct run_info *info)
{
	struct profile *p = of_sink(s);

	run_add(p, info);
	p->build->ticking = false;
	if (p->nruns > 1)
		return 0; /* the first one names the profile */
	p->period_ns = p->runs[0].period_ns;
	p->wall_ns = p->runs[0].wall_ns;
	p->host = p->runs[0].host;
	p->kernel = p->runs[0].kernel;
	p->program = p->runs[0].program;
	return 0;
}

/* One that was told of nothing but samples has a run all the same. */
static void need_run(struct profile *p)
{
	if (!p->nruns)
		run_add(p, &(struct run_info){.host = ""});
}

static int take_process(struct sink *s, const struct process_info *info)
{
	struct profile *p = of_sink(s);
	struct profile_process *row;
	uint32_t i;

	need_run(p);
	i = process_known(p, info->pid, info->start); /* may move the rows */
	row = &p->processes[i];
	row->version = info->version;
	row->command = own_string(p, info->command);
	row->cwd = own_string(p, info->cwd);
	return 0;
}

static int take_thread(struct sink *s, const struct thread_info *info)
{
	struct profile *p = of_sink(s);
	struct profile_thread *t;
	uint32_t process, i;

	need_run(p);
	process = process_at(p, info->pid);
	i = thread_at(p, process, info->tid);
	t = &p->threads[i];
	if (info->flags & THREAD_ENDED) {
		t->flags |= THREAD_ENDED;
		return 0;
	}
	if (t->flags & THREAD_ENDED ||
	    (t->ident && info->ident && t->ident != info->ident)) {
		i = thread_add(p, process, info->tid);
		t = &p->threads[i];
	}
	t->flags = info->flags;
	t->ident = info->ident ? info->ident : t->ident;
	t->name = own_string(p, info->name);
	return 0;
}

uint64_t tick_begin(const struct tick *tick, uint64_t period_ns)
{
	if (period_ns && tick->more > tick->mono_ns / period_ns)
		return 0;
	return tick->mono_ns - tick->more * period_ns;
}

static int take_tick(struct sink *s, const struct source_symbols *syms,
		     const struct tick *tick)
{
	struct profile *p = of_sink(s);
	struct profile_build *b = p->build;
	struct profile_run *run;
	uint64_t begin, last;

	(void)syms;
	need_run(p);
	run = run_now(p);
	begin = tick_begin(tick, run->period_ns);
	b->process = process_at(p, tick->pid);
	b->ticking = true;
	if (tick->more >= SAMPLES_MAX - p->ticks)
		return -EOVERFLOW;
	b->count = 1 + tick->more;
	last = b->last_ns[b->process];
	if (!last)
		b->weight = run->period_ns * b->count;
	else /* a clock that goes back is damage: no time passed */
		b->weight = tick->mono_ns > last ? tick->mono_ns - last : 0;
	b->last_ns[b->process] = tick->mono_ns;
	if (p->timeline)
		timeline_tick(p->timeline,
			      tick->mono_ns - run->mono_ns + run->wall_ns,
			      b->weight);
	if (!p->ticks)
		p->wall_ns += begin - run->mono_ns;
	if (!run->ticks || begin < run->first_ns)
		run->first_ns = begin;
	if (!run->ticks || tick->mono_ns > run->last_ns)
		run->last_ns = tick->mono_ns;
	run->ticks += b->count;
	run->missed += tick->missed;
	p->ticks += b->count;
	p->missed += tick->missed;
	return 0;
}

static int take_sample(struct sink *s, const struct source_symbols *syms,
		       const struct sample *sample)
{
	struct profile *p = of_sink(s);
	struct profile_build *b = p->build;
	struct profile_thread *t;
	struct profile_cell *c;
	struct source *from;
	uint32_t thread, stack, state;
	uint64_t count = b->count;

	if (!b->ticking || sample->loss >= LOSS_CAUSES)
		return -EINVAL;
	if (count > SAMPLES_MAX - p->samples)
		return -EOVERFLOW;
	thread = thread_at(p, b->process, sample->tid);
	t = &p->threads[thread];
	if (sample->loss != LOSS_NONE && !sample->stack) {
		t->lost += count;
		p->lost[sample->loss] += count;
		return 0;
	}
	from = source_of(b, syms);
	stack = our_stack(p, from, sample->stack);
	state = our_state(p, from, sample->state);
	if (stack == UNSEEN || state == UNSEEN)
		return -EINVAL;
	c = cell_at(p, thread, stack, state);
	c->count += count;
	c->ns += b->weight;
	if (p->timeline)
		timeline_add(p->timeline, thread, (uint32_t)(c - p->cells),
			     count);
	t->samples += count;
	p->samples += count;
	if (sample->loss != LOSS_NONE) {
		t->partial += count;
		p->partial[sample->loss] += count;
	}
	if (state_is_idle(&p->symbols.states[state])) {
		t->idle += count;
		p->idle += count;
	}
	return 0;
}

static const struct sink_ops ops = {
	.run = take_run,
	.process = take_process,
	.thread = take_thread,
	.tick = take_tick,
	.sample = take_sample,
};

struct profile *profile_new(void)
{
	struct profile *p = xcalloc(1, sizeof(*p));

	p->sink.ops = &ops;
	symbols_init(&p->symbols);
	p->build = xcalloc(1, sizeof(*p->build));
	map_init(&p->build->threads);
	return p;
}

void profile_free(struct profile *p)
{
	struct profile_build *b;
	size_t i;

	if (!p)
		return;
	b = p->build;
	for (i = 0; i < b->nsources; i++)
		source_release(&b->sources[i]);
	free(b->sources);
	free(b->slots);
	map_release(&b->threads);
	free(b->last_ns);
	free(b->path);
	free(b);
	symbols_release(&p->symbols);
	free(p->out_of_focus);
	timeline_free(p->timeline);
	free(p->threads);
	free(p->cells);
	free(p->processes);
	free(p->runs);
	free(p);
}

uint64_t profile_duration(const struct profile *p)
{
	const struct profile_run *run;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < p->nruns; i++) {
		run = &p->runs[i];
		if (run->ticks)
			sum += run->last_ns - run->first_ns + run->period_ns;
	}
	return sum;
}

double profile_achieved(const struct profile *p)
{
	double due = (double)p->ticks + (double)p->missed;

	return p->ticks ? 100.0 * (double)p->ticks / due : 0.0;
}

static uint64_t sum_of(const uint64_t *by_cause)
{
	uint64_t sum = 0;
	int i;

	for (i = LOSS_NONE + 1; i < LOSS_CAUSES; i++)
		sum += by_cause[i];
	return sum;
}

uint64_t profile_lost(const struct profile *p)
{
	return sum_of(p->lost);
}

uint64_t profile_partial(const struct profile *p)
{
	return sum_of(p->partial);
}
