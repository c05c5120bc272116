/*
 * What a report shows, as text or as JSON: a table, a tree, a function's
 * lines, or what was recorded. And what cannot go together.
 */
#include <errno.h>
#include <string.h>

#include "cli_priv.h"

#define LIMIT_MAX 1000000u
#define TREE_PERCENT 1.0 /* the least that a tree shows, if nothing is said */

static const struct {
	const char *name;
	enum view_rows rows;
	enum frame_label label; /* of frames */
} bys[] = {
	{"function", ROWS_FRAMES, LABEL_FUNCTION},
	{"line", ROWS_FRAMES, LABEL_LINE},
	{"file", ROWS_FRAMES, LABEL_FILE},
	{"module", ROWS_FRAMES, LABEL_MODULE},
	{"thread", ROWS_THREADS, LABEL_LINE},
	{"process", ROWS_PROCESSES, LABEL_LINE},
};

#define BYS (sizeof(bys) / sizeof(*bys))

static int by_of(const char *name)
{
	size_t i;

	for (i = 0; i < BYS; i++)
		if (!strcmp(bys[i].name, name))
			return (int)i;
	return -EINVAL;
}

static int take_by(struct report_view *v, const char *name, struct err *err)
{
	if (by_of(name) < 0)
		return err_set(err, -EINVAL,
			       "unknown rows '%s'; --by is function, line, "
			       "file, module, thread or process",
			       name);
	v->by = name;
	return 0;
}

static int take_sort(struct report_view *v, struct output *out,
		     const char *name, struct err *err)
{
	int key = sort_by_name(name);

	if (key < 0)
		return err_set(err, -EINVAL,
			       "unknown order '%s'; --sort is self, total, "
			       "name or file",
			       name);
	out->options.sort = (enum sort_key)key;
	v->sorted = true;
	return 0;
}

static int take_limit(struct report_view *v, struct output *out,
		      const char *text, struct err *err)
{
	uint64_t n;

	if (parse_number("number", text, &n, err) || !n || n > LIMIT_MAX)
		return err_set(err, -EINVAL,
			       "--limit is 1 to %u rows, not '%s'", LIMIT_MAX,
			       text);
	out->options.limit = (uint32_t)n;
	v->limited = true;
	return 0;
}

static int take_percent(struct report_view *v, struct output *out,
			const char *text, struct err *err)
{
	double share;

	if (parse_share("number for --min-percent", text, &share, err))
		return -EINVAL;
	out->options.min_percent = 100 * share;
	v->min_given = true;
	return 0;
}

int report_view_take(struct report_view *v, struct output *out, int id,
		     const char *argument, struct err *err)
{
	switch (id) {
	case OPT_BY:
		return take_by(v, argument, err);
	case OPT_SORT:
		return take_sort(v, out, argument, err);
	case OPT_LIMIT:
		return take_limit(v, out, argument, err);
	case OPT_MIN_PERCENT:
		return take_percent(v, out, argument, err);
	case OPT_TREE:
		v->tree = true;
		return 0;
	case OPT_CALLERS:
		out->options.callers = argument;
		return focus_check(argument, err);
	case OPT_CALLEES:
		out->options.callees = argument;
		return focus_check(argument, err);
	case OPT_SOURCE:
		v->source = argument;
		if (!*argument || argument[strlen(argument) - 1] == ':')
			return err_set(err, -EINVAL,
				       "'--source %s' names no function; "
				       "write FILE:FUNCTION",
				       argument);
		return 0;
	case OPT_HEADER:
		v->header = true;
		return 0;
	case OPT_JSON:
		v->json = true;
		return 0;
	default:
		return 1;
	}
}

int report_view_format(const struct report_view *v, struct output *out,
		       struct err *err)
{
	if (!v->json)
		return 0;
	if (out->format && strcmp(out->format, "json") != 0)
		return err_set(err, -EINVAL,
			       "'--json' is '-f json', so it cannot go with "
			       "'-f %s'",
			       out->format);
	out->format = "json";
	return 0;
}

/* ---- what cannot go together ---- */

struct clash {
	bool both;
	const char *sentence;
};

static int first_clash(const struct clash *clashes, size_t n, struct err *err)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (clashes[i].both)
			return err_set(err, -EINVAL, "%s",
				       clashes[i].sentence);
	return 0;
}

static int check_shows(const struct report_view *v, const struct output *out,
		       struct err *err)
{
	const struct render_options *o = &out->options;
	bool calls = o->callers || o->callees;
	bool text = v->tree || calls || v->source || v->header;
	const struct clash clashes[] = {
		{o->callers && o->callees,
		 "'--callers' and '--callees' are two pictures; make one after "
		 "the other"},
		{v->source && (v->tree || calls),
		 "'--source' shows the lines of one function, a tree the calls "
		 "of many; choose one"},
		{v->header && (v->tree || calls || v->source),
		 "'--header' tells what was recorded, not where the time goes; "
		 "leave it out, or the others"},
		{text && v->by && by_of(v->by) >= 0 &&
			 bys[by_of(v->by)].rows != ROWS_FRAMES,
		 "'--by thread' and '--by process' are of the table; '-t' "
		 "makes a tree for each thread"},
		{v->source && v->by,
		 "'--source' is by line already; leave out '--by'"},
		{v->source && (v->sorted || v->min_given || v->limited),
		 "'--source' shows a whole function in the order of its lines; "
		 "leave out '--sort', '--limit' and '--min-percent'"},
		{v->source && o->view.threads,
		 "'--source' adds all threads up; leave out '-t'"},
		{v->header && (v->by || v->sorted || v->min_given),
		 "'--header' has no such rows; leave out '--by', '--sort' and "
		 "'--min-percent'"},
		{v->source && (o->view.label != LABEL_LINE ||
			       o->view.state_frames),
		 "'--source' shows lines; leave out '-F', '--nolineno' and "
		 "'--state-frames'"},
		{o->callers && o->view.state_frames,
		 "what '--state-frames' puts on top of a stack is no caller; "
		 "leave it out"},
	};

	return first_clash(clashes, sizeof(clashes) / sizeof(*clashes), err);
}

static int check_by(const struct report_view *v, const struct output *out,
		    struct err *err)
{
	const struct view *view = &out->options.view;
	int by = v->by ? by_of(v->by) : -1;
	enum frame_label label;

	if (by < 0 || (view->label == LABEL_LINE && !view->threads))
		return 0;
	label = bys[by].label;
	if (bys[by].rows != ROWS_FRAMES) {
		if (view->threads)
			return err_set(err, -EINVAL,
				       "'-t' makes a table for each thread, "
				       "and '--by %s' has no functions to put "
				       "into them; choose one",
				       v->by);
		return err_set(err, -EINVAL,
			       "'--by %s' has no functions, so '-F' and "
			       "'--nolineno' say nothing; leave them out",
			       v->by);
	}
	if (view->label != LABEL_LINE && label != LABEL_FUNCTION)
		return err_set(err, -EINVAL,
			       "'%s' is by function, so it cannot go with "
			       "'--by %s'",
			       view->label == LABEL_FUNCTION ? "-F"
							     : "--nolineno",
			       v->by);
	return 0;
}

/* What another format than text or JSON has no use for. */
static int check_format(const struct report_view *v, const struct output *out,
			struct err *err)
{
	const struct renderer *r = out->renderer;
	const struct render_options *o = &out->options;
	int by = v->by ? by_of(v->by) : -1;
	const char *name = NULL;

	if (!r->shows)
		name = v->sorted      ? "sort"
		       : v->limited   ? "limit"
		       : v->min_given ? "min-percent"
		       : v->tree      ? "tree"
		       : v->source    ? "source"
		       : v->header    ? "header"
		       : by >= 0 && bys[by].rows != ROWS_FRAMES ? "by"
								: NULL;
	if (!name && !r->labels)
		name = o->callers   ? "callers"
		       : o->callees ? "callees"
		       : by >= 0 && bys[by].label >= LABEL_FILE ? "by"
								: NULL;
	if (!name)
		return 0;
	if (!strcmp(name, "by"))
		return err_set(err, -EINVAL,
			       "'--by %s' is for text and JSON; the format "
			       "'%s' has no such rows",
			       v->by, r->name);
	return err_set(err, -EINVAL,
		       "'--%s' is for text and JSON; the format '%s' has no "
		       "use for it",
		       name, r->name);
}

int report_view_resolve(const struct report_view *v, struct output *out,
			struct err *err)
{
	struct render_options *o = &out->options;
	int by = v->by ? by_of(v->by) : -1, ret;

	ret = check_format(v, out, err);
	if (!ret)
		ret = check_shows(v, out, err);
	if (!ret)
		ret = check_by(v, out, err);
	if (ret)
		return ret;
	if (by >= 0) {
		o->view.rows = bys[by].rows;
		if (o->view.label != LABEL_NOLINE)
			o->view.label = bys[by].label;
	}
	o->show = v->header   ? SHOW_HEADER
		  : v->source ? SHOW_SOURCE
		  : v->tree || o->callers || o->callees ? SHOW_TREE
							: SHOW_TABLE;
	if (o->show != SHOW_TREE)
		return 0;
	if (!v->sorted)
		o->sort = SORT_TOTAL;
	if (!v->min_given && strcmp(out->renderer->name, "json") != 0)
		o->min_percent = TREE_PERCENT;
	return 0;
}
