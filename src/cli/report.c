/*
 * pystrobe report: a recording, seen again.
 */
#include <errno.h>
#include <string.h>

#include "cli_priv.h"

struct report {
	struct output output;
	struct report_view view;
	const char *focus, *ignore; /* regular expressions, or NULL */
	struct span span;
	uint64_t watch_ns; /* between two looks; 0: one look */
	char **files;
	size_t nfiles;
	bool quiet;
};

/* Since the beginning of a recording; "0" too, which is no duration. */
static int parse_moment(const char *text, uint64_t *ns, struct err *err)
{
	*ns = 0;
	return !strcmp(text, "0") || !strcmp(text, "0s")
		       ? 0
		       : parse_duration(text, ns, err);
}

static int take(void *to, int id, const char *argument, struct err *err)
{
	struct report *r = to;
	int ret;

	switch (id) {
	case 'q':
		r->quiet = true;
		return 0;
	case OPT_FROM:
		return parse_moment(argument, &r->span.from_ns, err);
	case OPT_TO:
		return parse_moment(argument, &r->span.until_ns, err);
	case OPT_WATCH:
		return parse_interval(argument, &r->watch_ns, err);
	case OPT_FOCUS:
		r->focus = argument;
		return focus_check(argument, err);
	case OPT_IGNORE:
		r->ignore = argument;
		return focus_check(argument, err);
	default:
		ret = report_view_take(&r->view, &r->output, id, argument,
				       err);
		if (ret > 0)
			ret = output_take(&r->output, id, argument, err);
		return ret > 0 ? -EINVAL : ret;
	}
}

/* What is to be done is clear and possible; else -EINVAL with a sentence. */
static int check(struct report *r, struct err *err)
{
	bool recording;
	int ret;

	if (!r->nfiles)
		return err_set(err, -EINVAL,
			       "which recording? name a file that 'pystrobe "
			       "record' wrote");
	/* Standard output has no extension; nor does it need one here. */
	if (r->output.path && !strcmp(r->output.path, "-"))
		r->output.path = NULL;
	if (r->span.from_ns >= r->span.until_ns)
		return err_set(err, -EINVAL, "--from must come before --to");
	ret = report_view_format(&r->view, &r->output, err);
	if (!ret)
		ret = output_resolve(&r->output, &recording, err);
	if (ret)
		return ret;
	if (recording)
		return err_set(err, -EINVAL,
			       "a report is not a recording; choose another "
			       "extension or format than strobe");
	if (!r->output.renderer)
		r->output.renderer = renderer_by_name("table");
	r->span.timeline = r->output.renderer->timeline;
	ret = output_check(&r->output, err);
	return ret ? ret : report_view_resolve(&r->view, &r->output, err);
}

/* What is written again and again replaces what was there, or is text. */
static int check_watch(const struct report *r, struct err *err)
{
	size_t i;

	if (!r->watch_ns)
		return 0;
	if (!r->output.path && r->output.renderer != renderer_by_name("table"))
		return err_set(err, -EINVAL,
			       "--watch writes '%s' again and again: name a "
			       "file for it with -o",
			       r->output.renderer->name);
	for (i = 0; i < r->nfiles; i++)
		if (!strcmp(r->files[i], "-"))
			return err_set(err, -EINVAL,
				       "--watch reads a recording more than "
				       "once, which standard input cannot be");
	return 0;
}

static void add_shown(struct str *s, const struct profile *p,
		      const struct view *view, const struct view_count *count)
{
	const char *about = mode_about(view->mode);

	if (count->samples != p->samples || *about)
		str_addf(s, "%llu of ", (unsigned long long)count->samples);
	str_addf(s, "%llu sample%s", (unsigned long long)p->samples,
		 p->samples == 1 ? "" : "s");
	if (*about)
		str_addf(s, " %s", about);
	if (count->idle)
		str_addf(s, ", %llu idle left out",
			 (unsigned long long)count->idle);
	if (count->unfocused)
		str_addf(s, ", %llu out of focus",
			 (unsigned long long)count->unfocused);
}

/* Says on stderr what the output itself does not, or not to whom writes it. */
static void summarize(const struct report *r, const struct profile *p)
{
	const struct view *view = &r->output.options.view;
	const char *path = r->output.path;
	struct view_count count;
	struct str s;

	if (r->quiet)
		return;
	view_count(p, view, &count);
	str_init(&s);
	if (path || (r->output.renderer->bare &&
		     profile_lost(p) + profile_partial(p))) {
		if (path)
			str_addf(&s, "wrote '%s': ", path);
		add_shown(&s, p, view, &count);
		add_losses(&s, ", ", p->partial, p->lost);
		say("%s", s.data);
		str_clear(&s);
	}
	if (p->samples && !count.samples && !r->view.header) {
		add_nothing(&s, p, view);
		say("%s", s.data);
	}
	if (!p->samples && (r->span.from_ns || r->span.until_ns < UINT64_MAX))
		say("nothing was recorded between --from and --to; for how "
		    "long it was, '--header' tells without them");
	str_release(&s);
}

/* The stacks that are wanted, and what of them. */
static int choose(const struct report *r, struct profile *p, struct err *err)
{
	const struct render_options *o = &r->output.options;
	int ret = profile_focus(p, r->focus, r->ignore, err);

	if (!ret && o->callers)
		ret = profile_around(p, o->callers, AROUND_CALLERS, err);
	if (!ret && o->callees)
		ret = profile_around(p, o->callees, AROUND_CALLEES, err);
	return ret;
}

static int write_report(struct report *r, const struct profile *p,
			struct err *err)
{
	const char *path = r->output.path ? r->output.path : "-";
	struct annotated a;
	int ret = 0;

	annotated_init(&a);
	if (r->view.source)
		ret = annotated_find(&a, p, r->view.source, err);
	r->output.options.source = &a.source;
	if (!ret)
		ret = output_write(&r->output, path, p, err);
	r->output.options.source = NULL;
	annotated_release(&a);
	return ret;
}

/* One look at the recordings. */
static int show(void *arg)
{
	struct report *r = arg;
	bool above = r->watch_ns && !r->output.path;
	struct err err = {""};
	struct profile *p;
	struct str clock;
	int ret;

	ret = load_profile(&p, r->files, r->nfiles, &r->span, &err);
	if (!ret) {
		str_init(&clock);
		add_clock(&clock);
		ret = choose(r, p, &err);
		if (!ret && above)
			ret = output_text(&clock, &err);
		if (!ret)
			ret = write_report(r, p, &err);
		if (!ret)
			summarize(r, p);
		str_release(&clock);
		profile_free(p);
	}
	if (ret)
		complain(err.msg);
	return ret;
}

static int run_report(const struct command *c, int argc, char **argv)
{
	struct report r = {.span.until_ns = UINT64_MAX};
	struct err err = {""};
	int at, ret;

	at = options_parse(c, argc, argv, false, take, &r, &err);
	if (at == -ECANCELED)
		return EXIT_OK;
	r.files = argv + at;
	r.nfiles = at < 0 ? 0 : (size_t)(argc - at);
	if (at < 0 || check(&r, &err) || check_watch(&r, &err))
		return usage(c, &err);
	if (r.watch_ns)
		ret = follow(r.files, r.nfiles, r.watch_ns, r.quiet, show,
			     &r);
	else
		ret = show(&r);
	return ret ? EXIT_FAILED : EXIT_OK;
}

static const struct option_row options[] = {
	{'o', "output", "FILE", "where to; '-' is standard output, the default"},
	{'f', "format", "FORMAT",
	 "table, svg, folded, speedscope, pprof, firefox, trace"},
	VIEW_OPTIONS,
	{OPT_FROM, "from", "TIME", "only what came this long after the start"},
	{OPT_TO, "to", "TIME", "only what came before that"},
	{OPT_FOCUS, "focus", "REGEX", "only stacks with such a frame"},
	{OPT_IGNORE, "ignore", "REGEX", "no stacks with such a frame"},
	{OPT_CALLERS, "callers", "REGEX", "a tree of who calls such a function"},
	{OPT_CALLEES, "callees", "REGEX", "a tree of what it calls"},
	{OPT_TREE, "tree", NULL, "the call tree as text"},
	{OPT_SOURCE, "source", "WHERE",
	 "FILE:FUNCTION, line by line with its share"},
	{OPT_HEADER, "header", NULL, "what was recorded, and nothing else"},
	{OPT_JSON, "json", NULL, "for programs: the same as one JSON object"},
	{OPT_BY, "by", "ROWS",
	 "function, line, file, module, thread or process"},
	{OPT_SORT, "sort", "KEY", "self, total, name or file"},
	{OPT_MIN_PERCENT, "min-percent", "PERCENT",
	 "only what has so much of the samples in total"},
	{OPT_LIMIT, "limit", "N", "rows of the table (25), or the tree (50)"},
	{OPT_WATCH, "watch", "TIME", "again each TIME while it is being recorded"},
	{'q', "quiet", NULL, "tells only of errors"},
};

const struct command command_report = {
	.name = "report",
	.synopsis = "[OPTIONS] FILE...",
	.about = "Shows recordings: tables, trees, lines of source, flame graphs.",
	.options = options,
	.noptions = sizeof(options) / sizeof(*options),
	.examples = "  pystrobe report run.strobe\n"
		    "  pystrobe report run.strobe -o flame.svg\n"
		    "  pystrobe report run.strobe --tree -F\n"
		    "  pystrobe report run.strobe --source app.py:parse\n"
		    "  pystrobe report run.strobe -f collapsed -i\n",
	.run = run_report,
};
