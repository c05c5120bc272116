/*
 * The sink that adds samples up.
 *
 * Work per sample is one look into a table of the numbers that the source
 * uses and one look into the hash table of cells.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile_priv.h"

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

struct source *build_source(struct profile_build *b,
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

void build_forget(struct profile_build *b)
{
	size_t i;

	for (i = 0; i < b->nsources; i++)
		source_release(&b->sources[i]);
	b->nsources = 0;
}

uint32_t build_string(struct profile *p, struct source *s, uint32_t id)
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
		def.name = build_string(p, s, def.name);
		def.file = build_string(p, s, def.file);
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

uint32_t build_state(struct profile *p, struct source *s, uint32_t id)
{
	struct state_def def;
	uint32_t *at;

	if (id >= s->table->nstates)
		return UNSEEN;
	at = idmap_at(&s->states, id, s->table->nstates);
	if (*at == UNSEEN) {
		def = s->table->states[id];
		def.wait = build_string(p, s, def.wait);
		if (def.wait != UNSEEN)
			*at = symbols_state(&p->symbols, &def);
	}
	return *at;
}

/*
 * A parent's number is below its child's, which bounds the way up. Each stack
 * is copied once, so a million of them cost a million steps, not times depth.
 */
uint32_t build_stack(struct profile *p, struct source *s, uint32_t id)
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

struct profile_cell *build_cell(struct profile *p, uint32_t thread,
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

struct profile_run *build_run(struct profile *p)
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

static uint32_t newest_of(const struct profile_build *b, uint32_t pid)
{
	uint32_t i = map_get(&b->newest, pid);

	return i == MAP_NONE ? UNSEEN : i;
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
		.host = build_run(p)->host,
		.run = (uint32_t)p->nruns - 1,
	};
	b->last_ns = grow(b->last_ns, &b->cap_last, i + 1, sizeof(*b->last_ns));
	b->last_ns[i] = 0;
	b->older = grow(b->older, &b->cap_older, i + 1, sizeof(*b->older));
	b->older[i] = newest_of(b, pid);
	map_put(&b->newest, pid, (uint32_t)i);
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
	uint32_t i;

	for (i = newest_of(p->build, pid); i != UNSEEN; i = p->build->older[i])
		if (is_current(p, i, pid))
			return i;
	return process_add(p, pid, 0);
}

/* Of the same host; or one of which nothing was told so far, and that runs. */
static bool is_process(const struct profile *p, uint32_t i,
		       const struct profile_process *of)
{
	const struct profile_process *row = &p->processes[i];

	return row->host == p->runs[p->nruns - 1].host &&
	       (row->start == of->start ||
		(!row->start && is_current(p, i, of->pid)));
}

/* One that was never looked at is any program. */
static bool is_program(const struct profile *p, uint32_t i,
		       const struct profile_process *of)
{
	const struct profile_process *row = &p->processes[i];

	if (of->program != PROGRAM_TOLD)
		return row->program == of->program;
	return (!row->own && !p->build->last_ns[i]) ||
	       (!row->version && !row->command) ||
	       (row->version == of->version && row->command == of->command);
}

/*
 * The row of a program among those of its process, from the newest one back.
 * A process that still runs, and is told to be another program, became that by
 * exec; one that another run knew by another name may just have changed its
 * title.
 */
static uint32_t find_program(const struct profile *p, uint32_t newest,
			     const struct profile_process *of)
{
	bool told = of->program == PROGRAM_TOLD;
	uint32_t i;

	if (told && is_current(p, newest, of->pid))
		return is_program(p, newest, of) ? newest : UNSEEN;
	for (i = newest; i != UNSEEN; i = p->build->older[i])
		if (is_process(p, i, of) && is_program(p, i, of))
			return i;
	return told && p->processes[newest].version == of->version ? newest
								   : UNSEEN;
}

/* Whoever else has this id has ended. */
static void end_others(struct profile *p, uint32_t pid, uint32_t found)
{
	uint32_t i;

	for (i = newest_of(p->build, pid); i != UNSEEN; i = p->build->older[i])
		if (i != found && is_current(p, i, pid) &&
		    p->processes[i].host == build_run(p)->host)
			p->processes[i].run = UNSEEN;
}

/* A further program of the process of which `newest` is the last one. */
static uint32_t program_add(struct profile *p, uint32_t newest,
			    const struct profile_process *of)
{
	uint32_t i = process_add(p, of->pid, of->start);
	const struct profile_process *before = &p->processes[newest];

	p->processes[i].program = before->program + 1;
	p->processes[i].ticks = before->ticks;
	return i;
}

uint32_t build_process(struct profile *p, const struct profile_process *of)
{
	uint32_t i = newest_of(p->build, of->pid), found = UNSEEN;
	struct profile_process *row;

	while (i != UNSEEN && !is_process(p, i, of))
		i = p->build->older[i];
	if (i != UNSEEN)
		found = find_program(p, i, of);
	if (found == UNSEEN)
		found = i == UNSEEN ? process_add(p, of->pid, of->start)
				    : program_add(p, i, of);
	else if (!is_current(p, found, of->pid))
		/* What lies between two runs is not the time of any sample. */
		p->build->last_ns[found] = 0;
	end_others(p, of->pid, found);
	row = &p->processes[found];
	row->start = of->start;
	row->version = of->version;
	row->command = of->command;
	row->cwd = of->cwd;
	row->run = (uint32_t)p->nruns - 1;
	return found;
}

bool thread_ended(const struct profile *p, const struct profile_thread *t)
{
	return t->flags & THREAD_ENDED || p->processes[t->process].run == UNSEEN;
}

static uint64_t thread_key(uint32_t process, uint32_t tid)
{
	return (uint64_t)process << 32 | tid;
}

uint32_t build_thread_add(struct profile *p, uint32_t process, uint32_t tid)
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

uint32_t build_thread(struct profile *p, uint32_t process, uint32_t tid)
{
	uint32_t i = map_get(&p->build->threads, thread_key(process, tid));

	return i == MAP_NONE ? build_thread_add(p, process, tid) : i;
}

/* What the thread did at its last sample; nothing at first. */
static struct recent *recent_at(struct profile_build *b, uint32_t thread)
{
	size_t n = b->nrecent;

	if (thread >= n) {
		b->recent = grow(b->recent, &b->cap_recent, thread + 1,
				 sizeof(*b->recent));
		b->nrecent = thread + 1;
		memset(b->recent + n, 0,
		       (b->nrecent - n) * sizeof(*b->recent));
	}
	return &b->recent[thread];
}

/* The thread that a row was of has another one now. */
static void forget_order(struct profile_build *b)
{
	size_t i;

	for (i = 0; i < b->nrecent; i++)
		b->recent[i].next = UNSEEN;
}

/*
 * The samples of a tick come in the order of the last one: the row that came
 * behind the row before. A thread that has ended may have a newer row.
 */
static uint32_t next_thread(struct profile *p, uint32_t tid)
{
	struct profile_build *b = p->build;
	const struct profile_thread *t;
	uint32_t i = b->next < b->nrecent ? b->recent[b->next].next : UNSEEN;

	if (i < p->nthreads) {
		t = &p->threads[i];
		if (t->tid == tid && t->process == b->process &&
		    !(t->flags & THREAD_ENDED)) {
			b->next = i;
			return i;
		}
	}
	i = build_thread(p, b->process, tid);
	recent_at(b, i);
	if (b->next < b->nrecent)
		b->recent[b->next].next = i;
	b->next = i;
	return i;
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
	struct profile_process of = {
		.pid = info->pid,
		.start = info->start,
		.version = info->version,
		.program = PROGRAM_TOLD,
		.command = own_string(p, info->command),
		.cwd = own_string(p, info->cwd),
	};

	need_run(p);
	build_process(p, &of);
	return 0;
}

static int take_thread(struct sink *s, const struct thread_info *info)
{
	struct profile *p = of_sink(s);
	struct profile_thread *t;
	uint32_t process, i;

	need_run(p);
	process = process_at(p, info->pid);
	i = build_thread(p, process, info->tid);
	t = &p->threads[i];
	if (info->flags & THREAD_ENDED) {
		t->flags |= THREAD_ENDED;
		return 0;
	}
	if (t->flags & THREAD_ENDED ||
	    (t->ident && info->ident && t->ident != info->ident)) {
		t->flags |= THREAD_ENDED;
		i = build_thread_add(p, process, info->tid);
		t = &p->threads[i];
		forget_order(p->build);
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
	run = build_run(p);
	begin = tick_begin(tick, run->period_ns);
	b->process = process_at(p, tick->pid);
	b->ticking = true;
	if (tick->more >= SAMPLES_MAX - p->ticks)
		return -EOVERFLOW;
	b->count = 1 + tick->more;
	last = b->last_ns[b->process];
	run->processes += !last && !p->processes[b->process].program;
	if (!last)
		b->weight = run->period_ns * b->count;
	else /* a clock that goes back is damage: no time passed */
		b->weight = tick->mono_ns > last ? tick->mono_ns - last : 0;
	b->last_ns[b->process] = tick->mono_ns;
	if (p->timeline)
		timeline_tick(p->timeline,
			      tick->mono_ns - run->mono_ns + run->wall_ns,
			      b->weight);
	if (!p->ticks && run->wall_ns)
		p->wall_ns += begin - run->mono_ns;
	if (!run->ticks || begin < run->first_ns)
		run->first_ns = begin;
	if (!run->ticks || tick->mono_ns > run->last_ns)
		run->last_ns = tick->mono_ns;
	run->ticks += b->count;
	run->missed += tick->missed;
	p->ticks += b->count;
	p->missed += tick->missed;
	p->processes[b->process].ticks += b->count;
	p->processes[b->process].own += b->count;
	return 0;
}

/* The cell of a sample, NULL when its symbols are not there. */
static struct profile_cell *cell_of(struct profile *p,
				    const struct source_symbols *syms,
				    uint32_t thread,
				    const struct sample *sample)
{
	struct profile_build *b = p->build;
	struct recent *r = recent_at(b, thread);
	struct profile_cell *c;
	struct source *from;
	uint32_t stack, state;

	/* Most threads do what they did the last time. */
	if (r->table == syms->table && r->serial == syms->serial &&
	    r->stack == sample->stack && r->state == sample->state)
		return &p->cells[p->threads[thread].last - 1];
	from = build_source(b, syms);
	stack = build_stack(p, from, sample->stack);
	state = build_state(p, from, sample->state);
	if (stack == UNSEEN || state == UNSEEN)
		return NULL;
	c = build_cell(p, thread, stack, state);
	p->threads[thread].last = (uint32_t)(c - p->cells) + 1;
	*r = (struct recent){syms->table, syms->serial, sample->stack,
			     sample->state, r->next};
	return c;
}

static int take_sample(struct sink *s, const struct source_symbols *syms,
		       const struct sample *sample)
{
	struct profile *p = of_sink(s);
	struct profile_build *b = p->build;
	struct profile_thread *t;
	struct profile_cell *c;
	uint64_t count = b->count;
	uint32_t thread;

	if (!b->ticking || sample->loss >= LOSS_CAUSES)
		return -EINVAL;
	if (count > SAMPLES_MAX - p->samples)
		return -EOVERFLOW;
	thread = next_thread(p, sample->tid);
	t = &p->threads[thread];
	if (sample->loss != LOSS_NONE && !sample->stack) {
		t->lost += count;
		p->lost[sample->loss] += count;
		return 0;
	}
	c = cell_of(p, syms, thread, sample);
	if (!c)
		return -EINVAL;
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
	if (state_is_idle(&p->symbols.states[c->state])) {
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
	map_init(&p->build->newest);
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
	map_release(&b->newest);
	free(b->older);
	free(b->last_ns);
	free(b->path);
	free(b->recent);
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
