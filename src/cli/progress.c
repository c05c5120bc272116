/*
 * One line on the terminal, drawn again and again.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli_priv.h"

unsigned terminal_columns(int fd)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) || !size.ws_col)
		return 80;
	return size.ws_col;
}

void add_seconds(struct str *s, uint64_t ns)
{
	uint64_t tenths = (ns + 50000000u) / 100000000u;
	unsigned long long minutes = tenths / 600;

	if (ns < 100000000u)
		str_addf(s, "%.3g ms", (double)ns / 1e6);
	else if (minutes < 10)
		str_addf(s, "%llu.%llu s", (unsigned long long)(tenths / 10),
			 (unsigned long long)(tenths % 10));
	else if (minutes < 60)
		str_addf(s, "%llu:%02llu min", minutes,
			 (unsigned long long)(tenths / 10 % 60));
	else
		str_addf(s, "%llu:%02llu h", minutes / 60, minutes % 60);
}

/* Three digits at most, and 100 % only when nothing is missing. */
static double percent(uint64_t part, uint64_t whole)
{
	double p = whole ? 100.0 * (double)part / (double)whole : 100.0;

	return part < whole && p > 99.9 ? 99.9 : p;
}

void add_held(struct str *s, const struct totals *t, uint64_t period_ns)
{
	str_addf(s, "%.*f %% of ", t->taken < t->due ? 1 : 0,
		 percent(t->taken, t->due));
	add_rate(s, period_ns);
}

static uint64_t sum_of(const uint64_t *by_cause)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = LOSS_NONE + 1; i < LOSS_CAUSES; i++)
		sum += by_cause[i];
	return sum;
}

static void add_part(struct str *s, uint64_t part, uint64_t whole,
		     const char *what)
{
	if (!part)
		return;
	str_adds(s, ", ");
	add_percent(s, part, whole);
	str_adds(s, what);
}

void add_standing(struct str *s, const struct target_counts *c)
{
	uint64_t whole = c->samples - sum_of(c->lost);

	add_part(s, c->stopped, whole, " stopped");
	add_part(s, c->disk, whole, " in uninterruptible sleep");
}

static void add_causes(struct str *s, const char *sep, const char *what,
		       const uint64_t *by_cause)
{
	uint64_t sum = sum_of(by_cause);
	unsigned i;

	if (!sum)
		return;
	str_addf(s, "%s%llu %s (", sep, (unsigned long long)sum, what);
	sep = "";
	for (i = LOSS_NONE + 1; i < LOSS_CAUSES; i++) {
		if (!by_cause[i])
			continue;
		str_addf(s, "%s%s %llu", sep, loss_name((enum loss)i),
			 (unsigned long long)by_cause[i]);
		sep = ", ";
	}
	str_addc(s, ')');
}

void add_losses(struct str *s, const char *sep, const uint64_t *partial,
		const uint64_t *lost)
{
	add_causes(s, sep, "partial", partial);
	add_causes(s, sep, "lost", lost);
}

void add_process(struct str *s, pid_t pid)
{
	struct process p;
	struct str name;
	struct err ignored;

	str_init(&name);
	if (!process_open(&p, pid, &ignored)) {
		process_command(&p, &name);
		process_close(&p);
	}
	if (name.len)
		str_addf(s, "process %d ('%.60s')", (int)pid, name.data);
	else
		str_addf(s, "process %d", (int)pid);
	str_release(&name);
}

static void add_refusal(struct str *s, const struct target_counts *c)
{
	if (!c->tracer) {
		str_adds(s, "; threads could not be stopped: not permitted");
		return;
	}
	str_adds(s, "; threads could not be stopped: ");
	add_process(s, c->tracer);
	str_adds(s, " traces them");
}

/* So many digits that count, without an exponent where the value is large. */
static void add_digits(struct str *s, int digits, double limit, double v)
{
	if (v < limit)
		str_addf(s, "%.*g", digits, v);
	else
		str_addf(s, "%.0f", v);
}

static void add_stood(struct str *s, const struct target_pauses *p,
		      uint64_t elapsed_ns)
{
	add_digits(s, 2, 99.5, 100.0 * (double)p->ns / (double)elapsed_ns);
	str_addf(s, " %% of the time, %.0f us at most",
		 (double)p->longest_ns / 1e3);
}

static void add_pauses(struct str *s, const char *what,
		       const struct target_pauses *p, uint64_t elapsed_ns)
{
	if (!p->times)
		return;
	str_addf(s, "; %s %llu time%s for ", what,
		 (unsigned long long)p->times, p->times == 1 ? "" : "s");
	add_digits(s, 3, 999.5, (double)p->ns / 1e6);
	str_adds(s, " ms in all (");
	add_stood(s, p, elapsed_ns);
	if (p->vain)
		str_addf(s, "; %llu in vain", (unsigned long long)p->vain);
	str_addc(s, ')');
}

/* Threads are copied when they leave a processor, too. */
static void add_copies(struct str *s, const struct totals *t)
{
	const struct target_counts *c = &t->counts;

	if (!c->interrupts)
		return;
	str_addf(s, "; copied %llu stacks in interrupts, for which threads "
		    "stood for ", (unsigned long long)c->interrupts);
	add_stood(s, &c->copies, t->elapsed_ns);
}

void add_stops(struct str *s, const struct totals *t)
{
	const struct target_counts *c = &t->counts;

	add_copies(s, t);
	add_pauses(s, "took the processor of a thread", &c->displaced,
		   t->elapsed_ns);
	add_pauses(s, "stopped a thread", &c->stops, t->elapsed_ns);
	if (c->refused)
		add_refusal(s, c);
}

/*
 * Not for a job in the background: with stty tostop, its output would stop
 * it.
 */
static bool may_draw(const struct progress *p)
{
	return p->shown && tcgetpgrp(STDERR_FILENO) == getpgrp();
}

void progress_text(struct str *s, const struct progress *p,
		   const struct totals *t)
{
	add_seconds(s, t->elapsed_ns);
	if (p->duration_ns) {
		str_adds(s, " of ");
		add_seconds(s, p->duration_ns);
	}
	str_addf(s, "   %llu sample%s   ",
		 (unsigned long long)t->counts.samples,
		 t->counts.samples == 1 ? "" : "s");
	add_held(s, t, p->period_ns);
	add_losses(s, "   ", t->counts.partial, t->counts.lost);
}

void progress_draw(const struct progress *p, const struct totals *t)
{
	struct str s;
	size_t width;

	if (!may_draw(p))
		return;
	str_init(&s);
	progress_text(&s, p, t);
	/* What the program that we started may write stands apart. */
	str_adds(&s, "   ");
	/* The last column is left free: some terminals wrap behind it. */
	width = terminal_columns(STDERR_FILENO) - 1;
	fprintf(stderr, "\r%.*s\033[K", (int)(s.len < width ? s.len : width),
		s.data);
	fflush(stderr);
	str_release(&s);
}

void progress_clear(const struct progress *p)
{
	if (!may_draw(p))
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
}
