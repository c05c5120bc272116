/*
 * What every report says about the run: who was sampled, for how long, how
 * well, and what is missing from the picture.
 */
#include <string.h>

#include "render_priv.h"

static const char *text(const struct profile *p, uint32_t string)
{
	return symbols_text(&p->symbols, string);
}

static void add_clean(struct str *out, const char *s)
{
	str_add_clean(out, s, strlen(s));
}

void add_title(struct str *out, const struct profile *p,
	       const struct render_options *o)
{
	const char *command = "";

	if (p->nprocesses)
		command = text(p, p->processes[0].command);
	if (o->title && *o->title)
		add_clean(out, o->title);
	else if (*command)
		add_clean(out, command);
	else
		str_adds(out, "Python profile");
	if (p->nprocesses > 1 && !(o->title && *o->title))
		str_addf(out, " and %zu more", p->nprocesses - 1);
}

/* PY_VERSION_HEX: major, minor, micro, level, serial. */
static void add_version(struct str *out, uint32_t hex)
{
	static const char *const levels[16] = {
		[0xa] = "a", [0xb] = "b", [0xc] = "rc"};
	const char *level = levels[hex >> 4 & 0xf];

	str_addf(out, "CPython %u.%u.%u", hex >> 24, hex >> 16 & 0xff,
		 hex >> 8 & 0xff);
	if (level)
		str_addf(out, "%s%u", level, hex & 0xf);
}

void add_target(struct str *out, const struct profile *p, const char *bar)
{
	if (p->nprocesses == 1) {
		str_addf(out, "pid %u", p->processes[0].pid);
	} else {
		add_count(out, p->nprocesses);
		str_adds(out, " processes");
	}
	if (p->nprocesses && p->processes[0].version) {
		str_adds(out, bar);
		add_version(out, p->processes[0].version);
	}
	str_adds(out, bar);
	add_noun(out, p->nthreads, "thread");
}

/* "100 Hz", "0.5 Hz" */
static void add_rate(struct str *out, uint64_t period_ns)
{
	double hz = 1e9 / (double)period_ns;

	add_fixed(out, hz, hz < 10 && hz != (double)(int)hz ? 2 : 0);
	str_adds(out, " Hz");
}

static void add_losses(struct str *out, const struct profile *p,
		       const char *bar)
{
	uint64_t lost = profile_lost(p);
	const char *before = " (";
	int i;

	if (!lost)
		return;
	str_adds(out, bar);
	add_count(out, lost);
	str_adds(out, " lost");
	for (i = LOSS_NONE + 1; i < LOSS_CAUSES; i++) {
		if (!p->lost[i])
			continue;
		str_addf(out, "%s%s ", before, loss_name((enum loss)i));
		add_count(out, p->lost[i]);
		before = ", ";
	}
	str_addc(out, ')');
}

void add_run(struct str *out, const struct profile *p, uint64_t samples,
	     uint64_t left_out, const char *bar)
{
	add_noun(out, samples, "sample");
	str_adds(out, bar);
	add_time(out, profile_duration(p));
	if (p->period_ns && p->ticks) {
		str_adds(out, bar);
		/* Rounding must not turn a missed tick into none. */
		if (p->missed && profile_achieved(p) > 99.9)
			str_adds(out, "99.9 %");
		else if (!p->missed)
			str_adds(out, "100 %");
		else {
			add_fixed(out, profile_achieved(p), 1);
			str_adds(out, " %");
		}
		str_adds(out, " of ");
		add_rate(out, p->period_ns);
	}
	if (left_out) {
		str_adds(out, bar);
		add_count(out, left_out);
		str_adds(out, " idle left out");
	}
	add_losses(out, p, bar);
}
