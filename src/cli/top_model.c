/*
 * What "pystrobe top" shows: slices added up, in memory that does not grow for
 * ever, and what the kernel says of the processes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "top_priv.h"

#define STACKS_MOST 16384u /* of all samples, prefixes included */
#define OUTPUT_MOST (64u << 10) /* bytes kept of what a program wrote */
#define NS 1e9

static const char *line_of(void *lines, const char *file, uint32_t line)
{
	struct live *l = lines;
	const char *found = NULL;
	size_t i;

	for (i = 0; i < l->n && !found; i++) {
		if (!l->kernel[i].open)
			continue;
		if (!l->kernel[i].sources)
			l->kernel[i].sources =
				sources_new(&l->kernel[i].process);
		found = sources_whole_line(l->kernel[i].sources, file, line);
	}
	return found;
}

void live_init(struct live *l, size_t n, uint64_t period_ns)
{
	memset(l, 0, sizeof(*l));
	l->n = n;
	l->all = profile_new();
	l->last = profile_new();
	l->processes = xcalloc(n, sizeof(*l->processes));
	l->kernel = xcalloc(n, sizeof(*l->kernel));
	str_init(&l->output);
	str_init(&l->notice);
	str_init(&l->trouble);
	l->model = (struct top_model){
		.all = l->all,
		.last = l->last,
		.processes = l->processes,
		.nprocesses = n,
		.period_ns = period_ns,
		.line = line_of,
		.lines = l,
	};
}

void live_release(struct live *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		sources_free(l->kernel[i].sources);
		if (l->kernel[i].open)
			process_close(&l->kernel[i].process);
	}
	profile_free(l->all);
	profile_free(l->last);
	profile_free(l->later);
	free(l->row_of);
	free(l->processes);
	free(l->kernel);
	str_release(&l->output);
	str_release(&l->notice);
	str_release(&l->trouble);
}

/* Its CPU since the last time; false when it is gone, or was not known then. */
static bool measure(struct kernel_side *k, double *cpu)
{
	uint64_t now = clock_mono(), ns;
	bool known;

	if (!k->open || process_cpu_ns(&k->process, &ns))
		return false;
	known = k->at_ns && now > k->at_ns && ns >= k->cpu_ns;
	if (known)
		*cpu = (double)(ns - k->cpu_ns) / (double)(now - k->at_ns);
	k->cpu_ns = ns;
	k->at_ns = now;
	return known;
}

void live_process(struct live *l, size_t i, pid_t pid)
{
	struct err ignored;
	double unknown;

	l->processes[i].pid = (uint32_t)pid;
	l->processes[i].cpu = -1;
	l->kernel[i].open = !process_open(&l->kernel[i].process, pid,
					  &ignored);
	measure(&l->kernel[i], &unknown);
}

/* ---- the kernel's side ---- */

static uint64_t age_of(const struct process *p)
{
	double hz = (double)sysconf(_SC_CLK_TCK), now;
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	now = (double)t.tv_sec + (double)t.tv_nsec / NS;
	now -= (double)p->start / (hz > 0 ? hz : 100);
	return now > 0 ? (uint64_t)(now * NS) : 0;
}

static void look_at(struct live *l, size_t i)
{
	struct kernel_side *k = &l->kernel[i];
	struct top_process *p = &l->processes[i];

	if (!k->open && !p->ended) {
		live_process(l, i, (pid_t)p->pid);
		return;
	}
	if (!p->ended && measure(k, &p->cpu)) {
		p->age_ns = age_of(&k->process);
		return;
	}
	/* It has ended: in its last interval what was known last stays. */
	if (!top_ticks_of(l->last, p->pid))
		p->cpu = 0;
}

/* What is not shown is no part of what is shown next. */
static void look_away(struct live *l)
{
	double unseen;
	size_t i;

	for (i = 0; i < l->n; i++)
		measure(&l->kernel[i], &unseen);
}

/* ---- what is wrong, while it lasts ---- */

static void find_trouble(struct live *l)
{
	str_clear(&l->trouble);
	add_trouble(&l->trouble, l);
	l->model.trouble = l->trouble.len ? l->trouble.data : NULL;
}

/* Some live on as something else, so it is no end that there are no ticks. */
static bool is_away(const struct live *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->kernel[i].away)
			return true;
	return false;
}

/* Refusals are seldom where little moves; who traces it may be there still. */
static bool is_traced_still(const struct kernel_side *k)
{
	struct process_stat st;

	return k->open && k->tracer && !process_stat_read(&k->process, &st) &&
	       st.tracer == k->tracer;
}

bool live_fate(struct live *l, size_t i, const struct fate *f)
{
	struct kernel_side *k = &l->kernel[i];
	struct top_process *p = &l->processes[i];
	bool refused = f->refused || is_traced_still(k);
	pid_t tracer = f->refused ? f->tracer : refused ? k->tracer : 0;

	if (p->ended == f->ended && k->away == f->away &&
	    k->refused == refused && k->tracer == tracer)
		return false;
	p->ended = f->ended;
	k->away = f->away;
	k->refused = refused;
	k->tracer = tracer;
	find_trouble(l);
	return true;
}

/* ---- the last minute ---- */

static void push_second(struct top_model *m, double cpu)
{
	double percent = 100 * cpu;

	if (m->nminute == TOP_MINUTE)
		memmove(m->minute, m->minute + 1, --m->nminute);
	m->minute[m->nminute++] =
		(uint8_t)(percent > 100 ? 100 : percent > 0 ? percent : 0);
}

static void add_minute(struct live *l, double seconds)
{
	struct top_shares shares;

	top_shares(&l->model, &shares);
	l->minute_cpu += shares.cpu * seconds;
	l->minute_s += seconds;
	/* Slices are a little more or less than a second. */
	while (l->minute_s >= 0.9) {
		push_second(&l->model, l->minute_cpu / l->minute_s);
		l->minute_cpu -= l->minute_cpu / l->minute_s *
				 (l->minute_s > 1 ? 1 : l->minute_s);
		l->minute_s -= l->minute_s > 1 ? 1 : l->minute_s;
	}
}

/* ---- slices ---- */

#define REST 4 /* times less than an interval before it */

/* At the end there is little new: what was seen before stays. */
static bool is_rest(const struct live *l, const struct profile *slice)
{
	size_t i;

	if (!slice->ticks)
		return !is_away(l);
	if (!l->screen || slice->ticks * REST > l->last->ticks)
		return false;
	for (i = 0; i < l->n; i++)
		if (l->kernel[i].open && process_alive(&l->kernel[i].process))
			return false;
	return true;
}

void live_take(struct live *l, struct profile *slice, bool paused)
{
	size_t i;

	if (paused) {
		look_away(l);
		if (!l->later)
			l->later = profile_new();
		profile_merge(l->later, slice, NULL);
		profile_fold(l->later, STACKS_MOST);
		profile_free(slice);
		return;
	}
	live_go_on(l);
	if (is_rest(l, slice)) {
		look_away(l);
		profile_merge(l->all, slice, NULL);
		profile_free(slice);
		return;
	}
	free(l->row_of);
	profile_free(l->last);
	/* Before, since its threads' rows are those of after it. */
	profile_fold(l->all, STACKS_MOST);
	profile_merge(l->all, slice, &l->row_of);
	l->last = slice;
	l->model.last = slice;
	l->model.row_of = l->row_of;
	l->slices += slice->ticks > 0;
	for (i = 0; i < l->n; i++)
		look_at(l, i);
	find_trouble(l);
	add_minute(l, (double)profile_duration(slice) / NS);
}

void live_go_on(struct live *l)
{
	if (!l->later)
		return;
	if (profile_fold(l->all, STACKS_MOST)) {
		/* Rows of threads have other numbers then. */
		free(l->row_of);
		l->row_of = NULL;
		l->model.row_of = NULL;
	}
	profile_merge(l->all, l->later, NULL);
	profile_free(l->later);
	l->later = NULL;
}

void live_reset(struct live *l)
{
	live_go_on(l);
	profile_reset(l->all);
	profile_free(l->last);
	l->last = profile_next(l->all);
	free(l->row_of);
	l->row_of = NULL;
	l->model.last = l->last;
	l->model.row_of = NULL;
}

/* ---- what a started program wrote ---- */

void live_output(struct live *l, const char *data, size_t len)
{
	const char *keep;
	size_t left;

	str_add(&l->output, data, len);
	for (left = l->output.len - len; left < l->output.len; left++)
		if (!l->output.data[left])
			l->output.data[left] = ' ';
	if (l->output.len > OUTPUT_MOST) {
		keep = l->output.data + l->output.len - OUTPUT_MOST / 2;
		keep = strchr(keep, '\n') ? strchr(keep, '\n') + 1 : keep;
		left = l->output.len - (size_t)(keep - l->output.data);
		memmove(l->output.data, keep, left + 1);
		l->output.len = left;
	}
	l->model.output = l->output.data;
}

void live_notice(struct live *l, const char *fmt, ...)
{
	va_list ap;

	str_clear(&l->notice);
	va_start(ap, fmt);
	str_vaddf(&l->notice, fmt, ap);
	va_end(ap);
	l->model.notice = l->notice.len ? l->notice.data : NULL;
}
