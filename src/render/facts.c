/*
 * What every report says about the run: who was sampled, for how long, how
 * well, and what is missing from the picture.
 */
#include <stdlib.h>
#include <string.h>

#include "render_priv.h"

#define SHOWN_MAX 3u /* names in a row */

static const char *text(const struct profile *p, uint32_t string)
{
	return symbols_text(&p->symbols, string);
}

uint32_t namesakes(const struct profile *p, uint32_t process)
{
	uint32_t i, n = 0;

	for (i = 0; i < process; i++)
		n += p->processes[i].pid == p->processes[process].pid;
	return n;
}

uint64_t *process_samples(const struct profile *p)
{
	uint64_t *n = xcalloc(p->nprocesses, sizeof(*n));
	size_t i;

	for (i = 0; i < p->nthreads; i++)
		n[p->threads[i].process] += p->threads[i].samples;
	return n;
}

/* Of the first process: what it ran most. A launcher is soon another one. */
static uint32_t main_program(const struct profile *p)
{
	const struct profile_process *first = p->processes, *most = first, *row;

	for (row = first; row < first + p->nprocesses; row++)
		if (row->pid == first->pid && row->host == first->host &&
		    row->start == first->start && row->own > most->own)
			most = row;
	return most->command;
}

void add_title(struct str *out, const struct profile *p,
	       const struct render_options *o)
{
	const char *command = "";

	if (p->nprocesses)
		command = text(p, main_program(p));
	if (o->title && *o->title)
		str_adds_clean(out, o->title);
	else if (*command)
		str_adds_clean(out, command);
	else
		str_adds(out, "Python profile");
	if (p->nprocesses > 1 && !(o->title && *o->title))
		str_addf(out, " and %zu more", p->nprocesses - 1);
}

/* PY_VERSION_HEX: major, minor, micro, level, serial. */
void add_version(struct str *out, uint32_t hex)
{
	static const char *const levels[16] = {
		[0xa] = "a", [0xb] = "b", [0xc] = "rc"};
	const char *level = levels[hex >> 4 & 0xf];

	str_addf(out, "CPython %u.%u.%u", hex >> 24, hex >> 16 & 0xff,
		 hex >> 8 & 0xff);
	if (level)
		str_addf(out, "%s%u", level, hex & 0xf);
}

/* "2 recordings of web-1, web-2 | "; nothing of a single one. */
static void add_recordings(struct str *out, const struct profile *p,
			   const char *bar)
{
	size_t i, j, hosts = 0;

	if (p->nruns < 2)
		return;
	add_noun(out, p->nruns, "recording");
	for (i = 0; i < p->nruns; i++) {
		for (j = 0; p->runs[j].host != p->runs[i].host; j++)
			;
		/* What other profilers wrote names none. */
		if (j < i || !*text(p, p->runs[i].host))
			continue;
		/* More of them are a number. */
		if (hosts++ < SHOWN_MAX) {
			str_adds(out, hosts > 1 ? ", " : " of ");
			str_adds_clean(out, text(p, p->runs[i].host));
		}
	}
	if (hosts > SHOWN_MAX)
		str_addf(out, " and %zu more", hosts - SHOWN_MAX);
	str_adds(out, bar);
}

/* Those of all processes, each once. */
static void add_versions(struct str *out, const struct profile *p,
			 const char *bar)
{
	size_t i, j, versions = 0;

	for (i = 0; i < p->nprocesses; i++) {
		for (j = 0; p->processes[j].version != p->processes[i].version;
		     j++)
			;
		if (j < i || !p->processes[i].version)
			continue;
		if (versions++ < SHOWN_MAX) {
			str_adds(out, versions > 1 ? ", " : bar);
			add_version(out, p->processes[i].version);
		}
	}
	if (versions > SHOWN_MAX)
		str_addf(out, " and %zu more", versions - SHOWN_MAX);
}

void add_target(struct str *out, const struct profile *p, const char *bar)
{
	size_t programs = p->nprocesses, processes = 0, i;

	for (i = 0; i < programs; i++)
		processes += !p->processes[i].program;
	add_recordings(out, p, bar);
	if (processes == 1) {
		if (p->processes[0].pid)
			str_addf(out, "pid %u", p->processes[0].pid);
		else
			str_adds(out, "pid unknown");
	} else {
		add_count(out, processes);
		str_adds(out, " processes");
	}
	if (programs > processes) {
		str_adds(out, bar);
		add_noun(out, programs, "program");
	}
	add_versions(out, p, bar);
	str_adds(out, bar);
	add_noun(out, p->nthreads, "thread");
}

/* Each recording has one; of those without a tick none counts. */
static bool knows_rates(const struct profile *p)
{
	size_t i;

	for (i = 0; i < p->nruns; i++)
		if (p->runs[i].ticks && !p->runs[i].period_ns)
			return false;
	return p->nruns > 0;
}

/* "100 Hz"; "100 Hz to 1000 Hz" of recordings that differ */
static void add_rates(struct str *out, const struct profile *p)
{
	uint64_t least = UINT64_MAX, most = 0;
	size_t i;

	for (i = 0; i < p->nruns; i++) {
		if (!p->runs[i].ticks)
			continue;
		if (p->runs[i].period_ns < least)
			least = p->runs[i].period_ns;
		if (p->runs[i].period_ns > most)
			most = p->runs[i].period_ns;
	}
	if (most != least) {
		add_rate(out, most);
		str_adds(out, " to ");
	}
	add_rate(out, least);
}

/* "12 lost (moving 9, read 3)" */
static void add_causes(struct str *out, uint64_t sum, const uint64_t *by_cause,
		       const char *what, const char *bar)
{
	const char *before = " (";
	int i;

	if (!sum)
		return;
	str_adds(out, bar);
	add_count(out, sum);
	str_addf(out, " %s", what);
	for (i = LOSS_NONE + 1; i < LOSS_CAUSES; i++) {
		if (!by_cause[i])
			continue;
		str_addf(out, "%s%s ", before, loss_name((enum loss)i));
		add_count(out, by_cause[i]);
		before = ", ";
	}
	str_addc(out, ')');
}

/* "902 samples", "527 of 902 samples on CPU" */
static void add_samples(struct str *out, const struct profile *p,
			const struct view *view, uint64_t shown)
{
	const char *about = mode_about(view->mode);

	if (shown != p->samples || *about) {
		add_count(out, shown);
		str_adds(out, " of ");
	}
	add_noun(out, p->samples, "sample");
	if (*about)
		str_addf(out, " %s", about);
}

/* Rounding must not turn a missed tick into none. */
void add_achieved(struct str *out, uint64_t ticks, uint64_t missed)
{
	double percent = 100.0 * (double)ticks / (double)(ticks + missed);

	if (missed && percent > 99.9) {
		str_adds(out, "99.9 %");
	} else if (!missed) {
		str_adds(out, "100 %");
	} else {
		add_fixed(out, percent, 1);
		str_adds(out, " %");
	}
}

uint64_t run_started(const struct profile_run *run)
{
	return run->wall_ns ? run->wall_ns + (run->first_ns - run->mono_ns) : 0;
}

uint64_t run_duration(const struct profile_run *run)
{
	return run->ticks ? run->last_ns - run->first_ns + run->period_ns : 0;
}

void add_run(struct str *out, const struct profile *p, const struct view *view,
	     const char *bar)
{
	struct view_count count;

	view_count(p, view, &count);
	add_samples(out, p, view, count.samples);
	str_adds(out, bar);
	add_time(out, profile_duration(p));
	if (knows_rates(p) && p->ticks) {
		str_adds(out, bar);
		add_achieved(out, p->ticks, p->missed);
		str_adds(out, " of ");
		add_rates(out, p);
	}
	if (count.idle) {
		str_adds(out, bar);
		add_count(out, count.idle);
		str_adds(out, " idle left out");
	}
	if (count.unfocused) {
		str_adds(out, bar);
		add_count(out, count.unfocused);
		str_adds(out, " out of focus");
	}
	add_causes(out, profile_partial(p), p->partial, "partial", bar);
	add_causes(out, profile_lost(p), p->lost, "lost", bar);
}

/* In integers, the same on every machine. */
void add_percent(struct str *out, uint64_t part, uint64_t whole)
{
	uint64_t n = part / whole * 100 +
		     (part % whole * 100 + whole / 2) / whole;

	if (part && !n)
		str_adds(out, "<1 %");
	else if (part < whole && n == 100)
		str_adds(out, ">99 %");
	else
		str_addf(out, "%llu %%", (unsigned long long)n);
}

/* A share of all samples, and what comes before the next one. */
static void add_part(struct str *out, const struct state_totals *t,
		     uint64_t part, const char **before, const char *what)
{
	if (!part)
		return;
	str_adds(out, *before);
	add_percent(out, part, t->samples);
	str_adds(out, what);
	*before = ", ";
}

void add_states(struct str *out, const struct profile *p, const char *bar)
{
	const char *before = "all samples: ", *of = " (";
	struct state_totals t;

	profile_states(p, &t);
	if (t.unknown == t.samples && !t.gc && !t.exception)
		return;
	add_part(out, &t, t.cpu, &before, " on CPU");
	add_part(out, &t, t.runnable, &before, " runnable");
	add_part(out, &t, t.waiting, &before, " waiting");
	add_part(out, &t, t.gil_wanted, &of, " for the GIL");
	add_part(out, &t, t.disk, &of, " in uninterruptible sleep");
	if (t.gil_wanted || t.disk)
		str_addc(out, ')');
	add_part(out, &t, t.stopped, &before, " stopped");
	add_part(out, &t, t.unknown, &before, " unknown");
	before = bar;
	add_part(out, &t, t.gc, &before, " in GC");
	before = bar;
	add_part(out, &t, t.exception, &before, " handling an exception");
}
