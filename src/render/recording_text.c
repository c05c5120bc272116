/*
 * What was recorded: all that a report knows beside the stacks.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "render_priv.h"

#define NAMES 12u /* columns of the names of facts */

static const char *text(const struct profile *p, uint32_t string)
{
	return symbols_text(&p->symbols, string);
}

/* The scratch text under a name, or under none; nothing when it is empty. */
static void put_fact(struct page *g, const char *name)
{
	struct str fact = g->scratch;

	str_init(&g->scratch);
	if (fact.len) {
		str_adds(&g->scratch, name);
		page_put(g, NAMES, false);
		str_add(&g->scratch, fact.data, fact.len);
		page_cut(g, SIZE_MAX);
	}
	str_release(&fact);
}

/* The same of what may need more lines than one. */
static void put_facts(struct page *g, const char *name)
{
	size_t room = g->columns > NAMES ? g->columns - NAMES : 1, len;
	struct str all = g->scratch;
	const char *from, *next;

	str_init(&g->scratch);
	for (from = all.len ? all.data : NULL; from; from = next, name = "") {
		len = page_fits(g, from, room, &next);
		str_add(&g->scratch, from, len);
		put_fact(g, name);
	}
	str_release(&all);
}

static void put_text(struct page *g, const char *name, const char *value)
{
	str_adds_clean(&g->scratch, value);
	put_fact(g, name);
}

static void put_processes(struct page *g, const struct profile *p)
{
	uint64_t *samples = process_samples(p);
	uint32_t i;

	for (i = 0; i < p->nprocesses; i++) {
		add_process_id(&g->scratch, p, i);
		if (p->processes[i].version) {
			str_adds(&g->scratch, g->marks->bar);
			add_version(&g->scratch, p->processes[i].version);
		}
		if (p->nprocesses > 1) {
			str_adds(&g->scratch, g->marks->bar);
			add_noun(&g->scratch, samples[i], "sample");
		}
		put_fact(g, "process");
		put_text(g, "command", text(p, p->processes[i].command));
		put_text(g, "folder", text(p, p->processes[i].cwd));
	}
	free(samples);
}

/* In UTC, so that it is the same wherever it is looked at. */
static void put_time(struct page *g, uint64_t wall_ns)
{
	time_t when = (time_t)(wall_ns / 1000000000u);
	char buf[64];
	struct tm tm;

	if (!wall_ns || !gmtime_r(&when, &tm) ||
	    !strftime(buf, sizeof(buf), "%Y-%m-%d %H:%M:%S UTC", &tm))
		return;
	put_text(g, "started", buf);
}

static void put_rate(struct page *g, const struct profile_run *run)
{
	if (!run->period_ns || !run->ticks)
		return;
	add_rate(&g->scratch, run->period_ns);
	str_adds(&g->scratch, " wanted, ");
	add_achieved(&g->scratch, run->ticks, run->missed);
	str_adds(&g->scratch, " held: ");
	add_noun(&g->scratch, run->ticks, "tick");
	if (run->processes > 1) {
		str_adds(&g->scratch, " of ");
		add_count(&g->scratch, run->processes);
		str_adds(&g->scratch, " processes");
	}
	str_adds(&g->scratch, ", ");
	add_count(&g->scratch, run->missed);
	str_adds(&g->scratch, " missed");
	put_fact(g, "rate");
}

/* Each recording, where several were added up. */
static void put_runs(struct page *g, const struct profile *p)
{
	const struct profile_run *run;
	size_t i;

	for (i = 0; i < p->nruns; i++) {
		run = &p->runs[i];
		if (p->nruns > 1) {
			str_addf(&g->scratch, "%zu of %zu", i + 1, p->nruns);
			put_fact(g, "recording");
		}
		put_text(g, "host", text(p, run->host));
		put_text(g, "kernel", text(p, run->kernel));
		put_text(g, "recorded by", text(p, run->program));
		if (run_started(run))
			put_time(g, run_started(run));
		add_time(&g->scratch, run_duration(run));
		put_fact(g, "duration");
		put_rate(g, run);
	}
}

/* "12", and below it each cause with its number and in words. */
static void put_losses(struct page *g, const char *name, uint64_t sum,
		       const uint64_t *by_cause)
{
	int i;

	add_count(&g->scratch, sum);
	put_fact(g, name);
	for (i = LOSS_NONE + 1; i < LOSS_CAUSES; i++) {
		if (!by_cause[i])
			continue;
		add_count(&g->scratch, by_cause[i]);
		str_addf(&g->scratch, " %s: %s", loss_name((enum loss)i),
			 loss_about((enum loss)i));
		put_fact(g, "");
	}
}

/* ---- threads ---- */

struct thread_row {
	uint32_t thread;
	const struct profile_thread *info;
	const struct state_totals *states;
};

static int by_samples(const void *a, const void *b)
{
	const struct thread_row *x = a, *y = b;

	if (x->info->samples != y->info->samples)
		return x->info->samples < y->info->samples ? 1 : -1;
	if (x->info->pid != y->info->pid)
		return x->info->pid < y->info->pid ? -1 : 1;
	if (x->info->tid != y->info->tid)
		return x->info->tid < y->info->tid ? -1 : 1;
	return (x->thread > y->thread) - (x->thread < y->thread);
}

static void put_number(struct page *g, uint64_t n, size_t width)
{
	add_count(&g->scratch, n);
	page_put(g, width, true);
}

static void put_share(struct page *g, uint64_t part, uint64_t whole)
{
	if (whole)
		add_percent(&g->scratch, part, whole);
	page_put(g, 10, true);
}

static void put_thread(struct page *g, const struct profile *p,
		       const struct thread_row *row, bool stopped)
{
	const struct state_totals *s = row->states;

	put_number(g, row->info->samples, g->number + 1);
	put_share(g, s->cpu, s->samples);
	put_share(g, s->runnable, s->samples);
	put_share(g, s->waiting, s->samples);
	put_share(g, s->gil_wanted, s->samples);
	if (stopped)
		put_share(g, s->stopped, s->samples);
	put_share(g, s->unknown, s->samples);
	put_number(g, row->info->partial, 9);
	put_number(g, row->info->lost, 7);
	str_adds(&g->scratch, "  ");
	add_thread_label(&g->scratch, p, row->thread);
	if (p->nprocesses > 1) {
		str_adds(&g->scratch, ", process ");
		add_process_id(&g->scratch, p, row->info->process);
	}
	if (thread_ended(p, row->info))
		str_adds(&g->scratch, ", ended");
	page_cut(g, SIZE_MAX);
}

/* Those that are not listed. */
static void put_others(struct page *g, const struct thread_row *rows, size_t n)
{
	uint64_t samples = 0;
	size_t i;

	for (i = 0; i < n; i++)
		samples += rows[i].info->samples;
	str_adds(&g->scratch, "and ");
	add_noun(&g->scratch, n, "more thread");
	str_adds(&g->scratch, ", ");
	add_noun(&g->scratch, samples, "sample");
	page_line(g);
}

static void put_threads(struct page *g, const struct profile *p,
			const struct render_options *o)
{
	struct state_totals *states = profile_thread_states(p);
	struct thread_row *rows = xcalloc(p->nthreads, sizeof(*rows));
	size_t limit = o->limit ? o->limit : THREADS_LISTED, i;
	bool stopped = false; /* a column that is rarely of use */

	for (i = 0; i < p->nthreads; i++) {
		rows[i] = (struct thread_row){(uint32_t)i, &p->threads[i],
					      &states[i]};
		stopped |= states[i].stopped > 0;
	}
	if (p->nthreads)
		qsort(rows, p->nthreads, sizeof(*rows), by_samples);
	str_adds(&g->scratch, "samples");
	page_put(g, g->number + 1, true);
	str_addf(g->out, "%10s%10s%10s%10s%s%10s%9s%7s  thread\n", "on CPU",
		 "runnable", "waiting", "for GIL", stopped ? "   stopped" : "",
		 "unknown", "partial", "lost");
	for (i = 0; i < p->nthreads && i < limit; i++)
		put_thread(g, p, &rows[i], stopped);
	if (i < p->nthreads)
		put_others(g, rows + i, p->nthreads - i);
	free(rows);
	free(states);
}

void page_recording(const struct profile *p, const struct render_options *o,
		    struct str *out)
{
	struct page g;

	page_init(&g, o, p->samples, out);
	add_title(&g.scratch, p, o);
	page_line(&g);
	str_addc(out, '\n');
	put_processes(&g, p);
	put_runs(&g, p);
	add_count(&g.scratch, p->samples);
	str_adds(&g.scratch, ", ");
	add_count(&g.scratch, p->idle);
	str_adds(&g.scratch, " of them idle");
	put_fact(&g, "samples");
	add_states(&g.scratch, p, g.marks->bar);
	put_facts(&g, "states");
	put_losses(&g, "partial", profile_partial(p), p->partial);
	put_losses(&g, "lost", profile_lost(p), p->lost);
	add_count(&g.scratch, p->nthreads);
	put_fact(&g, "threads");
	str_addc(out, '\n');
	if (p->nthreads)
		put_threads(&g, p, o);
	page_release(&g);
}
