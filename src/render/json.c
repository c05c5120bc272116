/*
 * A report as JSON: one object on one line. pystrobe-report(1) has the schema;
 * what changes the meaning of a key makes the version one more.
 */
#include <stdlib.h>
#include <string.h>

#include "render_priv.h"

struct writing {
	const struct profile *p;
	const struct render_options *o;
	struct str *out;
};

/* ---- pieces: a comma comes before a key, unless it is the first ---- */

static void put_key(struct writing *w, const char *key)
{
	char last = w->out->data[w->out->len - 1];

	str_addf(w->out, "%s\"%s\":", last == '{' || last == '[' ? "" : ",",
		 key);
}

static void put_text(struct writing *w, const char *key, const char *text)
{
	put_key(w, key);
	str_adds_json(w->out, text);
}

static void put_string(struct writing *w, const char *key, uint32_t string)
{
	put_text(w, key, symbols_text(&w->p->symbols, string));
}

static void put_number(struct writing *w, const char *key, uint64_t n)
{
	put_key(w, key);
	str_addf(w->out, "%llu", (unsigned long long)n);
}

static void put_bool(struct writing *w, const char *key, bool value)
{
	put_key(w, key);
	str_adds(w->out, value ? "true" : "false");
}

static void open_list(struct writing *w, const char *key)
{
	put_key(w, key);
	str_addc(w->out, '[');
}

static void open_object(struct writing *w, const char *key)
{
	if (key)
		put_key(w, key);
	else if (w->out->data[w->out->len - 1] == '}')
		str_addc(w->out, ',');
	str_addc(w->out, '{');
}

static void close_with(struct writing *w, char bracket)
{
	str_addc(w->out, bracket);
}

/* ---- what was recorded ---- */

static void put_states(struct writing *w, const struct state_totals *t)
{
	open_object(w, "states");
	put_number(w, "cpu", t->cpu);
	put_number(w, "runnable", t->runnable);
	put_number(w, "waiting", t->waiting);
	put_number(w, "stopped", t->stopped);
	put_number(w, "unknown", t->unknown);
	put_number(w, "gil_wanted", t->gil_wanted);
	put_number(w, "disk", t->disk);
	put_number(w, "gc", t->gc);
	put_number(w, "exception", t->exception);
	close_with(w, '}');
}

static void put_causes(struct writing *w, const char *key,
		       const uint64_t *by_cause)
{
	int i;

	open_object(w, key);
	for (i = LOSS_NONE + 1; i < LOSS_CAUSES; i++)
		if (by_cause[i])
			put_number(w, loss_name((enum loss)i), by_cause[i]);
	close_with(w, '}');
}

static void put_processes(struct writing *w)
{
	const struct profile *p = w->p;
	uint64_t *samples = process_samples(p);
	struct str version;
	size_t i;

	str_init(&version);
	open_list(w, "processes");
	for (i = 0; i < p->nprocesses; i++) {
		open_object(w, NULL);
		put_number(w, "pid", p->processes[i].pid);
		put_number(w, "program", p->processes[i].program);
		put_string(w, "host", p->processes[i].host);
		str_clear(&version);
		if (p->processes[i].version)
			add_version(&version, p->processes[i].version);
		put_text(w, "python", version.data);
		put_string(w, "command", p->processes[i].command);
		put_string(w, "cwd", p->processes[i].cwd);
		put_number(w, "samples", samples[i]);
		close_with(w, '}');
	}
	close_with(w, ']');
	str_release(&version);
	free(samples);
}

static void put_threads(struct writing *w)
{
	struct state_totals *states = profile_thread_states(w->p);
	const struct profile_thread *t;
	size_t i;

	open_list(w, "threads");
	for (i = 0; i < w->p->nthreads; i++) {
		t = &w->p->threads[i];
		open_object(w, NULL);
		put_number(w, "process", t->process);
		put_number(w, "pid", t->pid);
		if (!(t->tid >> 31))
			put_number(w, "tid", t->tid);
		put_key(w, "ident");
		str_addf(w->out, "\"0x%llx\"", (unsigned long long)t->ident);
		put_string(w, "name", t->name);
		put_bool(w, "main", t->flags & THREAD_MAIN);
		put_bool(w, "ended", thread_ended(w->p, t));
		put_number(w, "samples", t->samples);
		put_number(w, "idle", t->idle);
		put_number(w, "partial", t->partial);
		put_number(w, "lost", t->lost);
		put_states(w, &states[i]);
		close_with(w, '}');
	}
	close_with(w, ']');
	free(states);
}

static void put_runs(struct writing *w)
{
	const struct profile_run *run;
	size_t i;

	open_list(w, "runs");
	for (i = 0; i < w->p->nruns; i++) {
		run = &w->p->runs[i];
		open_object(w, NULL);
		put_string(w, "host", run->host);
		put_string(w, "kernel", run->kernel);
		put_string(w, "program", run->program);
		put_key(w, "started");
		if (run_started(run))
			str_addf(w->out, "%llu.%06llu",
				 (unsigned long long)(run_started(run) /
						      1000000000),
				 (unsigned long long)(run_started(run) / 1000 %
						      1000000));
		else
			str_adds(w->out, "null");
		put_number(w, "duration_ns", run_duration(run));
		put_number(w, "period_ns", run->period_ns);
		put_number(w, "ticks", run->ticks);
		put_number(w, "missed", run->missed);
		put_number(w, "processes", run->processes);
		close_with(w, '}');
	}
	close_with(w, ']');
}

static void put_recording(struct writing *w)
{
	const struct profile *p = w->p;
	struct state_totals states;

	open_object(w, "recording");
	put_runs(w);
	put_number(w, "duration_ns", profile_duration(p));
	put_number(w, "ticks", p->ticks);
	put_number(w, "missed", p->missed);
	put_number(w, "samples", p->samples);
	put_number(w, "idle", p->idle);
	put_causes(w, "partial", p->partial);
	put_causes(w, "lost", p->lost);
	profile_states(p, &states);
	put_states(w, &states);
	put_processes(w);
	put_threads(w);
	close_with(w, '}');
}

static void put_view(struct writing *w)
{
	static const char *const shows[] = {
		[SHOW_TABLE] = "table", [SHOW_TREE] = "tree",
		[SHOW_SOURCE] = "source", [SHOW_HEADER] = "header",
	};
	const struct render_options *o = w->o;
	struct view_count count;

	view_count(w->p, &o->view, &count);
	open_object(w, "view");
	put_text(w, "show", shows[o->show]);
	put_text(w, "by", noun_of_rows(&o->view));
	put_text(w, "mode", o->view.mode == MODE_DEFAULT
				    ? "default" : mode_name(o->view.mode));
	put_bool(w, "idle", view_has_idle(&o->view));
	put_bool(w, "threads", o->view.threads);
	put_text(w, "sort", sort_name(o->sort));
	if (o->callers)
		put_text(w, "callers", o->callers);
	if (o->callees)
		put_text(w, "callees", o->callees);
	put_number(w, "samples", count.samples);
	put_number(w, "idle_left_out", count.idle);
	put_number(w, "out_of_focus", count.unfocused);
	close_with(w, '}');
}

/* ---- rows ---- */

static const char *kind_name(uint32_t kind)
{
	static const char *const kinds[] = {
		[NODE_ROOT] = "root",       [NODE_PROCESS] = "process",
		[NODE_THREAD] = "thread",   [NODE_OWN] = "own",
		[NODE_PACKAGE] = "package", [NODE_STDLIB] = "stdlib",
		[NODE_MARKER] = "marker",   [NODE_HIDDEN] = "hidden",
	};

	return kinds[kind];
}

/* What a row or node is of. Of a file or module, no function. */
static void put_subject(struct writing *w, const struct intern *labels,
			uint32_t label, uint32_t kind, uint32_t code,
			uint32_t detail)
{
	const struct code_def *c;

	put_text(w, "label", intern_text(labels, label, NULL));
	put_text(w, "kind", kind_name(kind));
	if (kind == NODE_THREAD)
		put_number(w, "thread", detail);
	else if (kind == NODE_PROCESS)
		put_number(w, "process", detail);
	if (code == NO_CODE || kind == NODE_MARKER)
		return;
	c = &w->p->symbols.codes[code];
	if (w->o->view.label < LABEL_FILE) {
		put_string(w, "function", c->name);
		put_number(w, "first_line", c->first);
		if (detail)
			put_number(w, "line", detail);
	}
	put_string(w, "file", c->file);
}

static void put_left_out(struct writing *w, const struct rest *rest)
{
	open_object(w, "left_out");
	put_number(w, "rows", rest->n);
	if (!w->o->callers)
		put_number(w, "self", rest->self);
	close_with(w, '}');
}

static void put_part(struct writing *w, const struct flat *f,
		     const struct flat_part *part)
{
	size_t limit = w->o->limit ? w->o->limit : SIZE_MAX, n = 0, i;
	const struct flat_row *row;
	struct rest rest = {0};

	open_object(w, NULL);
	if (part->thread != UINT32_MAX)
		put_number(w, "thread", part->thread);
	put_number(w, "samples", part->samples);
	open_list(w, "rows");
	for (i = part->first; i < part->first + part->len; i++) {
		row = &f->rows[i];
		if (n == limit || below_minimum(w->o, row->total, f->samples)) {
			rest.n++;
			rest.self += row->self;
			continue;
		}
		n++;
		open_object(w, NULL);
		put_subject(w, &f->labels, row->label, row->kind, row->code,
			    row->detail);
		put_number(w, "self", row->self);
		put_number(w, "total", row->total);
		put_number(w, "self_ns", row->self_ns);
		put_number(w, "total_ns", row->total_ns);
		close_with(w, '}');
	}
	close_with(w, ']');
	put_left_out(w, &rest);
	close_with(w, '}');
}

static void put_tables(struct writing *w)
{
	struct flat *f = flat_build(w->p, &w->o->view, w->o->sort);
	size_t i;

	open_list(w, "tables");
	for (i = 0; i < f->nparts; i++)
		put_part(w, f, &f->parts[i]);
	close_with(w, ']');
	flat_free(f);
}

static void put_node(struct writing *w, const struct tree *t, uint32_t node,
		     uint32_t parent)
{
	const struct tree_node *n = &t->nodes[node];

	open_object(w, NULL);
	put_key(w, "parent");
	if (n->parent)
		str_addf(w->out, "%u", parent);
	else
		str_adds(w->out, "null");
	put_subject(w, &t->labels, n->label, n->kind, n->code, n->detail);
	if (!w->o->callers) {
		put_number(w, "self", n->self);
		put_number(w, "self_ns", n->self_ns);
	}
	put_number(w, "total", n->total);
	put_number(w, "total_ns", n->total_ns);
	close_with(w, '}');
}

/* A list, in which each says the place of its parent: trees may be deep. */
static void put_tree(struct writing *w)
{
	struct tree *t = tree_build(w->p, &w->o->view);
	uint32_t *place = xcalloc(t->len, sizeof(*place)), node = 0, n = 0;
	struct branches b;

	tree_sort(t, w->p, w->o->sort);
	branches_choose(&b, t, w->o, w->o->limit ? w->o->limit : SIZE_MAX);
	open_object(w, "tree");
	open_list(w, "nodes");
	while ((node = tree_next(t, node))) {
		place[node] = n++;
		put_node(w, t, node, place[t->nodes[node].parent]);
	}
	close_with(w, ']');
	put_left_out(w, &b.rest);
	close_with(w, '}');
	branches_release(&b);
	free(place);
	tree_free(t);
}

/* ---- source ---- */

static void put_line(struct writing *w, const struct code_line *row,
		     const char *text, size_t len)
{
	struct str line;

	open_object(w, NULL);
	put_number(w, "line", row->line);
	put_number(w, "self", row->self);
	put_number(w, "total", row->total);
	put_number(w, "self_ns", row->self_ns);
	put_number(w, "total_ns", row->total_ns);
	if (len) {
		str_init(&line);
		add_source(&line, text, len, 0);
		put_text(w, "text", line.data);
		str_release(&line);
	}
	close_with(w, '}');
}

/* Those with samples, and all that the file has from the first to the last. */
static void put_lines(struct writing *w, const struct code_lines *lines,
		      const struct listing *l)
{
	uint32_t end = l->last < l->n ? l->last : (uint32_t)l->n;
	uint32_t line = l->first;
	struct code_line none;
	const char *text;
	size_t i = 0, len;

	open_list(w, "lines");
	while (i < lines->len || line <= end) {
		if (i < lines->len &&
		    (lines->rows[i].line <= line || line > end)) {
			text = listing_line(l, lines->rows[i].line, &len);
			put_line(w, &lines->rows[i], text, len);
			line += lines->rows[i++].line == line;
			continue;
		}
		none = (struct code_line){.line = line};
		text = listing_line(l, line++, &len);
		put_line(w, &none, text, len);
	}
	close_with(w, ']');
}

static void put_source(struct writing *w)
{
	const struct source *s = w->o->source;
	const struct code_def *c = &w->p->symbols.codes[s->code];
	struct code_lines *lines = lines_build(w->p, &w->o->view, s->code);
	struct listing l;

	listing_find(&l, w->p, s, lines);
	open_object(w, "source");
	put_string(w, "function", c->name);
	put_string(w, "file", c->file);
	put_number(w, "first_line", c->first);
	put_bool(w, "found", s->text != NULL);
	put_bool(w, "changed", s->changed || l.past_end);
	put_text(w, "note", s->note ? s->note : "");
	put_number(w, "self", lines->self);
	put_number(w, "total", lines->total);
	put_lines(w, lines, &l);
	close_with(w, '}');
	listing_release(&l);
	lines_free(lines);
}

int render_json(const struct profile *p, const struct render_options *o,
		struct str *out, struct err *err)
{
	struct writing w = {.p = p, .o = o, .out = out};
	struct str title;

	(void)err;
	str_init(&title);
	add_title(&title, p, o);
	str_adds(out, "{\"pystrobe_report\":1");
	put_text(&w, "title", title.data);
	put_recording(&w);
	put_view(&w);
	if (o->show == SHOW_TABLE)
		put_tables(&w);
	else if (o->show == SHOW_TREE)
		put_tree(&w);
	else if (o->show == SHOW_SOURCE)
		put_source(&w);
	str_adds(out, "}\n");
	str_release(&title);
	return 0;
}
