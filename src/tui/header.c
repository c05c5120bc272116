/*
 * What stands above and below every view: whose samples these are, how well
 * they were taken, bars, the last minute, the views, and what keys do.
 */
#include <stdio.h>
#include <string.h>

#include "render.h"
#include "tui_priv.h"

/* ---- shares ---- */

static double sampled_cpu(const struct profile *p, uint32_t pid)
{
	double ticks = (double)top_ticks_of(p, pid), sum = 0;
	const struct profile_cell *c;
	size_t i;

	for (i = 0; i < p->ncells; i++) {
		c = &p->cells[i];
		if (p->threads[c->thread].pid == pid &&
		    p->symbols.states[c->state].run == RUN_CPU)
			sum += (double)c->count;
	}
	return ticks > 0 ? sum / ticks : 0;
}

/* The kernel's figure where it is known, else that of the samples. */
static double cpu_of(const struct top_model *m)
{
	const struct top_process *t;
	double sum = 0;
	size_t i;

	for (i = 0; i < m->nprocesses; i++) {
		t = &m->processes[i];
		sum += t->cpu >= 0 ? t->cpu : sampled_cpu(m->last, t->pid);
	}
	return sum;
}

void top_shares(const struct top_model *m, struct top_shares *out)
{
	const struct profile *p = m->last;
	double ticks = (double)top_ticks(p), n;
	const struct state_def *def;
	size_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; ticks > 0 && i < p->ncells; i++) {
		def = &p->symbols.states[p->cells[i].state];
		n = (double)p->cells[i].count / ticks;
		out->gil += def->gil == GIL_HELD ? n : 0;
		out->wanted += state_wants_gil(def) ? n : 0;
		out->gc += def->flags & STATE_GC ? n : 0;
		out->io += state_is_io(&p->symbols, def) ? n : 0;
	}
	out->cpu = cpu_of(m);
}

/* ---- facts ---- */

static void add_age(struct str *out, uint64_t ns)
{
	unsigned long long s = ns / 1000000000u;

	if (s < 60)
		str_addf(out, "%llus", s);
	else if (s < 3600)
		str_addf(out, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400 * 2)
		str_addf(out, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		str_addf(out, "%llud%02lluh", s / 86400, s / 3600 % 24);
}

static uint32_t version_of(const struct profile *p, uint32_t pid)
{
	size_t i;

	for (i = p->nprocesses; i-- > 0;)
		if (p->processes[i].pid == pid)
			return p->processes[i].version;
	return 0;
}

/* The folder of its first word says least. */
static const char *short_command(const char *command)
{
	const char *at = command, *p;

	for (p = command; *p && *p != ' '; p++)
		if (*p == '/' && p[1] && p[1] != ' ')
			at = p + 1;
	return at;
}

/* "4711 python3 app.py", or "3 processes: 12 13 14". */
void add_subject(struct str *out, const struct top_model *m)
{
	size_t i;

	if (m->nprocesses == 1) {
		str_addf(out, "%u ", m->processes[0].pid);
		str_adds(out, short_command(process_text(
				      m->all, m->processes[0].pid)));
		return;
	}
	add_count(out, m->nprocesses);
	str_adds(out, " processes:");
	for (i = 0; i < m->nprocesses; i++)
		str_addf(out, " %u", m->processes[i].pid);
}

/* That of all of them, or 0. */
static uint32_t common_version(const struct top_model *m)
{
	uint32_t first = 0;
	size_t i;

	for (i = 0; i < m->nprocesses; i++) {
		uint32_t its = version_of(m->all, m->processes[i].pid);

		if (!its || (i && its != first))
			return 0;
		first = its;
	}
	return first;
}

/* "CPython 3.11.2 | up 2h03m"; several began at different times. */
static void add_about(struct str *out, const struct top_model *m,
		      const char *bar)
{
	uint32_t version = common_version(m);

	if (version)
		add_version(out, version);
	if (m->nprocesses != 1)
		return;
	str_adds(out, version ? bar : "");
	str_adds(out, "up ");
	add_age(out, m->processes[0].age_ns);
}

/* The rate of the last interval; after a reset there is none yet. */
static void add_taken(struct str *out, const struct top_model *m,
		      const struct top_state *s, const char *bar)
{
	const struct profile *p = m->all;
	struct view_count count;

	if (m->last->ticks) {
		add_fixed(out, profile_achieved(m->last), 1);
		str_adds(out, " % of ");
	}
	add_rate(out, m->period_ns);
	str_adds(out, bar);
	add_noun(out, p->samples, "sample");
	view_count(p, &s->choice, &count);
	if (count.idle) {
		str_adds(out, ", ");
		add_count(out, count.idle);
		str_adds(out, " idle");
	}
}

/* Those that there are; none at all is a fact, too. */
static void add_lost(struct str *out, const struct top_model *m,
		     const char *bar)
{
	uint64_t partial = profile_partial(m->all);

	if (partial) {
		add_count(out, partial);
		str_addf(out, " partial%s", bar);
	}
	add_count(out, profile_lost(m->all));
	str_adds(out, " lost");
	if (m->dropped) {
		str_adds(out, bar);
		add_count(out, m->dropped);
		str_adds(out, " dropped");
	}
}

static bool has_losses(const struct top_model *m)
{
	return profile_partial(m->all) || profile_lost(m->all) || m->dropped;
}

void add_facts(struct str *out, const struct top_model *m,
	       const struct top_state *s, unsigned room, const char *bar)
{
	struct str taken, losses;
	bool fits;

	str_init(&taken);
	str_init(&losses);
	add_taken(&taken, m, s, bar);
	add_lost(&losses, m, bar);
	fits = text_columns(taken.data, taken.len) +
	       text_columns(losses.data, losses.len) + strlen(" . ") <= room;
	if (fits || !has_losses(m))
		str_addf(out, "%s%s%s", taken.data, bar, losses.data);
	else
		str_addf(out, "%s%s%s", losses.data, bar, taken.data);
	str_release(&taken);
	str_release(&losses);
}

static const char *bar_of(const struct grid *g)
{
	return g->ascii ? " | " : " \xc2\xb7 ";
}

static void draw_title(const struct screen *sc, struct grid *g)
{
	struct str s, about;
	unsigned x, room;

	str_init(&s);
	str_init(&about);
	add_about(&about, sc->m, bar_of(g));
	add_subject(&s, sc->m);
	x = grid_put(g, 0, 0, g->width, INK_DIM, "pystrobe ");
	room = (unsigned)text_columns(about.data, about.len);
	/* What it is matters more than since when. */
	if (g->width > x + room + 20)
		grid_right(g, g->width - room, 0, room, INK_DIM, about.data);
	else
		room = 0;
	grid_put(g, x, 0, g->width - x - room - (room ? 2 : 0), INK_STRONG,
		 s.data);
	str_release(&s);
	str_release(&about);
}

static void draw_facts(const struct screen *sc, const struct top_state *s,
		       struct grid *g)
{
	const struct profile *last = sc->m->last;
	bool bad = profile_lost(sc->m->all) || sc->m->dropped ||
		   (last->ticks && profile_achieved(last) < 95);
	struct str text;

	str_init(&text);
	add_facts(&text, sc->m, s, g->width, bar_of(g));
	grid_put(g, 0, 1, g->width, bad ? INK_WARNING : INK_DIM, text.data);
	str_release(&text);
}

/* ---- bars ---- */

#define LABEL 9u /* columns before a bar */

struct bar {
	const char *name;
	double share;
	enum ink ink;
};

static void draw_bar(struct grid *g, unsigned x, unsigned y, unsigned width,
		     const struct bar *b)
{
	unsigned number = 7, at, room, full;
	double share = b->share > 1 ? 1 : b->share;
	struct str s;

	grid_put(g, x, y, LABEL, INK_DIM, b->name);
	if (width < LABEL + number + 4)
		return;
	room = width - LABEL - number - 2;
	at = x + LABEL;
	grid_put(g, at, y, 1, INK_DIM, "[");
	full = (unsigned)(share * room + 0.5);
	if (!full && share > 0.005)
		full = 1;
	for (unsigned i = 0; i < full; i++)
		grid_put(g, at + 1 + i, y, 1, b->ink,
			 g->ascii ? "#" : "\xe2\x96\x88");
	grid_put(g, at + 1 + room, y, 1, INK_DIM, "]");
	str_init(&s);
	add_fixed(&s, 100 * b->share, 0);
	str_adds(&s, " %");
	grid_right(g, at + 2 + room, y, number, INK_STRONG, s.data);
	str_release(&s);
}

static void draw_minute(const struct screen *sc, struct grid *g, unsigned x,
			unsigned y, unsigned width)
{
	static const char *const utf8[] = {
		" ", "\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83",
		"\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86", "\xe2\x96\x87",
		"\xe2\x96\x88"};
	static const char *const ascii[] = {" ", "_", ".", ":", "-", "=", "+",
					    "*", "#"};
	unsigned i, n = sc->m->nminute, level, room;

	grid_put(g, x, y, LABEL, INK_DIM, "minute");
	room = width > LABEL ? width - LABEL : 0;
	n = n > room ? room : n;
	for (i = 0; i < n; i++) {
		level = sc->m->minute[sc->m->nminute - n + i];
		level = level ? 1 + (level > 99 ? 99 : level) * 8 / 100 : 0;
		level = level > 8 ? 8 : level;
		grid_put(g, x + LABEL + (room - n) + i, y, 1, INK_CPU,
			 g->ascii ? ascii[level] : utf8[level]);
	}
}

/* All in one line, where there is no room for bars. */
static void draw_numbers(struct grid *g, const struct bar *bars, size_t n)
{
	unsigned x = 0;
	struct str s;
	size_t i;

	str_init(&s);
	for (i = 0; i < n; i++) {
		str_clear(&s);
		str_addf(&s, "%s%s ", i ? "  " : "", bars[i].name);
		x += grid_put(g, x, 2, g->width, INK_DIM, s.data);
		str_clear(&s);
		add_fixed(&s, 100 * bars[i].share, 0);
		str_adds(&s, "%");
		x += grid_put(g, x, 2, g->width, bars[i].ink, s.data);
	}
	str_release(&s);
}

unsigned bars_height(unsigned height)
{
	return height >= 20 ? 3 : height >= 14 ? 1 : 0;
}

void draw_header(const struct screen *sc, const struct top_state *s,
		 struct grid *g)
{
	unsigned half = (g->width - 2) / 2, i;
	struct top_shares shares;

	draw_title(sc, g);
	draw_facts(sc, s, g);
	top_shares(sc->m, &shares);
	const struct bar bars[] = {
		{"CPU", shares.cpu, INK_CPU},
		{"GIL", shares.gil, INK_GIL},
		{"wanted", shares.wanted, INK_WANTED},
		{"GC", shares.gc, INK_GC},
		{"I/O wait", shares.io, INK_IO},
	};
	if (sc->bars == 1)
		draw_numbers(g, bars, 5);
	if (sc->bars < 3)
		return;
	for (i = 0; i < 5; i++)
		draw_bar(g, i % 2 ? g->width - half : 0, 2 + i / 2, half,
			 &bars[i]);
	draw_minute(sc, g, g->width - half, 4, half);
}

/* ---- the views ---- */

static const struct tab {
	const char *key, *name;
} tabs[TOP_VIEWS] = {
	[TOP_FUNCTIONS] = {"f", "functions"},
	[TOP_LINES] = {"l", "lines"},
	[TOP_CALLS] = {"c", "calls"},
	[TOP_THREADS] = {"t", "threads"},
	[TOP_PROCESSES] = {"P", "procs"},
	[TOP_SOURCE] = {"S", "source"},
	[TOP_OUTPUT] = {"o", "output"},
	[TOP_HELP] = {"h", "help"},
};

static bool has_tab(const struct screen *sc, const struct top_state *s,
		    size_t view)
{
	switch (view) {
	case TOP_PROCESSES:
		return sc->m->nprocesses > 1 || s->view == TOP_PROCESSES;
	case TOP_SOURCE:
		return s->file != NULL;
	case TOP_OUTPUT:
		return sc->m->output || s->view == TOP_OUTPUT;
	case TOP_HELP:
		return s->view == TOP_HELP;
	default:
		return true;
	}
}

static unsigned tab_width(const struct tab *t)
{
	return (unsigned)(strlen(t->key) + strlen(t->name)) + 2;
}

enum top_view tab_at(const struct screen *sc, const struct top_state *s,
		     unsigned x)
{
	unsigned from = 0, i;

	for (i = 0; i < TOP_VIEWS; i++) {
		if (!has_tab(sc, s, i))
			continue;
		if (x >= from && x + 1 < from + tab_width(&tabs[i]))
			return (enum top_view)i;
		from += tab_width(&tabs[i]);
	}
	return TOP_VIEWS;
}

/* What is left out of the view, or put first. */
static void add_choice(struct str *out, const struct top_state *s)
{
	const char *mode = mode_name(s->choice.mode);

	if (s->paused)
		str_adds(out, "PAUSED ");
	str_adds(out, *mode ? mode : s->choice.idle ? "all" : "not idle");
	if (s->tid)
		str_addf(out, " thread %u", s->tid);
	else if (s->pid)
		str_addf(out, " pid %u", s->pid);
	if (*s->filter) {
		str_adds(out, " /");
		str_adds_clean(out, s->filter);
	}
}

void draw_tabs(const struct screen *sc, const struct top_state *s,
	       struct grid *g)
{
	unsigned x = 0, y = sc->tabs_y, i, room;
	struct str choice;

	for (i = 0; i < TOP_VIEWS; i++) {
		if (!has_tab(sc, s, i))
			continue;
		if (i == s->view) {
			grid_ink(g, x, y, tab_width(&tabs[i]) - 1, INK_CHOSEN);
			grid_put(g, x, y, 1, INK_CHOSEN, tabs[i].key);
			grid_put(g, x + 2, y, g->width, INK_CHOSEN,
				 tabs[i].name);
			grid_ink(g, x, y, tab_width(&tabs[i]) - 1, INK_CHOSEN);
		} else {
			grid_put(g, x, y, 1, INK_STRONG, tabs[i].key);
			grid_put(g, x + 2, y, g->width, INK_DIM, tabs[i].name);
		}
		x += tab_width(&tabs[i]);
	}
	str_init(&choice);
	add_choice(&choice, s);
	room = x < g->width ? g->width - x : 0;
	/* Better over the last names than not at all. */
	if (room < choice.len && (s->paused || *s->filter || s->tid))
		room = (unsigned)choice.len < g->width ? (unsigned)choice.len
						       : g->width;
	if (room < choice.len && room < g->width)
		room = 0;
	grid_put(g, g->width - room, y, room, INK_PLAIN, "");
	grid_right(g, g->width - room, y, room,
		   s->paused ? INK_WARNING : INK_STRONG, choice.data);
	str_release(&choice);
}

/* ---- the last line ---- */

static void draw_prompt(const struct top_state *s, struct grid *g, unsigned y)
{
	const char *what = s->prompt == PROMPT_FILTER
				   ? "filter: "
				   : "export to (.svg, .strobe, ...): ";
	unsigned x = grid_put(g, 0, y, g->width, INK_STRONG, what);
	size_t n = strlen(s->input), room = g->width > x + 1 ? g->width - x - 1
							     : 0;
	const char *from = s->input;

	/* The end of it is what is being typed. */
	while (n > room || text_columns(from, n) > room) {
		from++;
		n--;
		while ((*from & 0xc0) == 0x80) {
			from++;
			n--;
		}
	}
	x += grid_put(g, x, y, g->width - x, INK_PLAIN, from);
	grid_put(g, x, y, 1, INK_CHOSEN, " ");
	grid_ink(g, x, y, 1, INK_CHOSEN);
}

void draw_footer(const struct screen *sc, const struct top_state *s,
		 struct grid *g)
{
	static const char *const keys[][2] = {
		{"h", "help"}, {"q", "quit"}, {"/", "filter"}, {"s", "sort"},
		{"Enter", "open"}, {"space", "pause"}, {"r", "reset"},
		{"e", "export"}, {"w C g", "mode"},
	};
	const char *notice = sc->m->notice ? sc->m->notice : sc->m->trouble;
	unsigned x = 0, y = g->height - 1;
	size_t i;

	if (s->prompt != PROMPT_NONE) {
		draw_prompt(s, g, y);
		return;
	}
	if (notice) {
		grid_put(g, 0, y, g->width, INK_WARNING, notice);
		return;
	}
	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (x + strlen(keys[i][0]) + strlen(keys[i][1]) + 1 > g->width)
			return;
		x += grid_put(g, x, y, g->width, INK_STRONG, keys[i][0]) + 1;
		x += grid_put(g, x, y, g->width, INK_DIM, keys[i][1]) + 2;
	}
}
