/*
 * The same rows for scripts: blocks of text, and JSON.
 */
#include <string.h>

#include "render.h"
#include "tui_priv.h"

static void add_list(const struct top_model *m, const struct top_state *s,
		     unsigned width, size_t limit, bool ascii, struct str *out)
{
	struct screen *sc;
	struct grid g;

	/* A screen that has just the rows; its header is left out. */
	sc = screen_new(m, s, width, SCREEN_HEIGHT);
	if (limit > sc->rows.len)
		limit = sc->rows.len;
	sc->cursor = SIZE_MAX;
	sc->first = 0;
	sc->head_y = 0;
	sc->body_y = 1;
	sc->body_height = (unsigned)limit;
	grid_init(&g, width, (unsigned)limit + 1, ascii);
	screen_list(sc, s, &g);
	grid_text(&g, out);
	grid_release(&g);
	screen_free(sc);
}

static void add_line(struct str *out, const struct str *text, unsigned width,
		     bool ascii)
{
	struct grid g;

	grid_init(&g, width, 1, ascii);
	grid_put(&g, 0, 0, width, INK_PLAIN, text->data);
	grid_text(&g, out);
	grid_release(&g);
}

static void add_shares(struct str *out, const struct top_model *m,
		       const char *bar)
{
	struct top_shares s;

	top_shares(m, &s);
	str_adds(out, "CPU ");
	add_fixed(out, 100 * s.cpu, 0);
	str_addf(out, " %%%sGIL ", bar);
	add_fixed(out, 100 * s.gil, 0);
	str_addf(out, " %%%swanted ", bar);
	add_fixed(out, 100 * s.wanted, 0);
	str_addf(out, " %%%sGC ", bar);
	add_fixed(out, 100 * s.gc, 0);
	str_addf(out, " %%%sI/O wait ", bar);
	add_fixed(out, 100 * s.io, 0);
	str_adds(out, " %");
}

void top_text(const struct top_model *m, const struct top_state *s,
	      unsigned width, size_t limit, bool ascii, struct str *out)
{
	const char *bar = ascii ? " | " : " \xc2\xb7 ";
	struct top_state of = *s;
	struct str line;

	if (width < SCREEN_WIDTH)
		width = SCREEN_WIDTH;
	str_init(&line);
	add_subject(&line, m);
	add_line(out, &line, width, ascii);
	str_clear(&line);
	add_facts(&line, m, s, width, bar);
	add_line(out, &line, width, ascii);
	str_clear(&line);
	add_shares(&line, m, bar);
	add_line(out, &line, width, ascii);
	if (m->trouble) {
		str_clear(&line);
		str_adds(&line, m->trouble);
		add_line(out, &line, width, ascii);
	}
	str_release(&line);
	if (m->nprocesses > 1) {
		str_addc(out, '\n');
		of.view = TOP_PROCESSES;
		add_list(m, &of, width, limit, ascii, out);
	}
	str_addc(out, '\n');
	of.view = s->view < TOP_LISTS ? s->view : TOP_FUNCTIONS;
	add_list(m, &of, width, limit, ascii, out);
	if (of.view == TOP_THREADS)
		return;
	str_addc(out, '\n');
	of.view = TOP_THREADS;
	add_list(m, &of, width, limit, ascii, out);
}

/* ---- JSON ---- */

static void add_number(struct str *out, const char *key, double v)
{
	str_addf(out, ",\"%s\":", key);
	add_fixed(out, v > 0 ? v : 0, 4);
}

static void add_whole(struct str *out, const char *key, uint64_t v)
{
	str_addf(out, ",\"%s\":%llu", key, (unsigned long long)v);
}

static void add_text(struct str *out, const char *key, const char *v)
{
	str_addf(out, ",\"%s\":", key);
	str_adds_json(out, v);
}

static double share(const struct rows *r, uint64_t n)
{
	return r->ticks ? (double)n / (double)r->ticks : 0;
}

static void json_processes(struct str *out, const struct top_model *m)
{
	const struct top_process *t;
	struct str version;
	size_t i, k;

	str_adds(out, ",\"processes\":[");
	for (i = 0; i < m->nprocesses; i++) {
		t = &m->processes[i];
		str_addf(out, "%s{\"pid\":%u", i ? "," : "", t->pid);
		add_text(out, "command", process_text(m->all, t->pid));
		str_init(&version);
		for (k = 0; k < m->all->nprocesses; k++) {
			if (m->all->processes[k].pid != t->pid)
				continue;
			str_clear(&version);
			add_version(&version, m->all->processes[k].version);
		}
		add_text(out, "python", version.data);
		str_release(&version);
		add_number(out, "age", (double)t->age_ns / 1e9);
		if (t->cpu >= 0)
			add_number(out, "cpu", t->cpu);
		str_addf(out, ",\"ended\":%s}", t->ended ? "true" : "false");
	}
	str_addc(out, ']');
}

static void json_functions(struct str *out, const struct top_model *m,
			   const struct top_state *s, size_t limit)
{
	const struct row *row;
	struct rows r;
	size_t i;

	rows_init(&r, m);
	list_functions(&r, m, s);
	str_addf(out, ",\"%s\":[", s->view == TOP_LINES ? "lines"
							: "functions");
	for (i = 0; i < r.len && i < limit; i++) {
		row = &r.v[i];
		str_addf(out, "%s{\"name\":", i ? "," : "");
		str_adds_json(out, row_text(&r, row, 0));
		add_text(out, "file", row->file ? row->file : "");
		add_whole(out, "line", row->line);
		add_number(out, "self", share(&r, row->n[0]));
		add_number(out, "total", share(&r, row->n[1]));
		add_number(out, "self_seconds",
			   r.tick_ns * (double)row->n[2] / 1e9);
		add_number(out, "total_seconds",
			   r.tick_ns * (double)row->n[3] / 1e9);
		str_addc(out, '}');
	}
	str_addc(out, ']');
	rows_release(&r);
}

static void json_threads(struct str *out, const struct top_model *m,
			 const struct top_state *s)
{
	const struct row *row;
	struct rows r;
	size_t i;

	rows_init(&r, m);
	list_threads(&r, m, s);
	str_adds(out, ",\"threads\":[");
	for (i = 0; i < r.len; i++) {
		row = &r.v[i];
		str_addf(out, "%s{\"pid\":%u", i ? "," : "", row->pid);
		add_whole(out, "tid", row->n[2]);
		add_text(out, "name", row_text(&r, row, 0));
		add_text(out, "state", row_text(&r, row, 1));
		add_text(out, "wait", row_text(&r, row, 2));
		add_text(out, "function", row_text(&r, row, 3));
		add_number(out, "cpu", share(&r, row->n[0]));
		add_number(out, "gil", share(&r, row->n[1]));
		add_whole(out, "samples", row->n[3]);
		add_whole(out, "lost", row->n[4]);
		str_addc(out, '}');
	}
	str_addc(out, ']');
	rows_release(&r);
}

void top_json(const struct top_model *m, const struct top_state *s,
	      size_t limit, uint64_t wall_ns, struct str *out)
{
	struct top_state of = *s;
	struct top_shares shares;

	top_shares(m, &shares);
	str_adds(out, "{\"pystrobe_top\":1");
	add_number(out, "time", (double)wall_ns / 1e9);
	add_number(out, "interval", (double)profile_duration(m->last) / 1e9);
	add_number(out, "rate", m->period_ns ? 1e9 / (double)m->period_ns : 0);
	add_number(out, "held", profile_achieved(m->last) / 100);
	add_whole(out, "samples", m->last->samples);
	add_whole(out, "partial", profile_partial(m->last));
	add_whole(out, "lost", profile_lost(m->last));
	add_whole(out, "all_samples", m->all->samples);
	add_whole(out, "all_lost", profile_lost(m->all));
	add_whole(out, "dropped", m->dropped);
	add_number(out, "cpu", shares.cpu);
	add_number(out, "gil", shares.gil);
	add_number(out, "gil_wanted", shares.wanted);
	add_number(out, "gc", shares.gc);
	add_number(out, "io_wait", shares.io);
	add_text(out, "trouble", m->trouble ? m->trouble : "");
	json_processes(out, m);
	of.view = s->view == TOP_LINES ? TOP_LINES : TOP_FUNCTIONS;
	json_functions(out, m, &of, limit);
	of.view = TOP_THREADS;
	json_threads(out, m, &of);
	str_adds(out, "}\n");
}
