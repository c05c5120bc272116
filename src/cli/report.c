/*
 * pystrobe report: a recording, seen again.
 */
#include <errno.h>
#include <string.h>

#include "cli_priv.h"

static int take(void *to, int id, const char *argument, struct err *err)
{
	struct output *out = to;
	uint64_t v;
	int ret;

	if (id == OPT_LIMIT) {
		ret = parse_number("number of rows", argument, &v, err);
		if (!ret && (!v || v > 1000000))
			ret = err_set(err, -EINVAL,
				      "--limit may be 1 to 1000000");
		out->options.limit = (uint32_t)v;
		return ret;
	}
	return output_take(out, id, argument) ? -EINVAL : 0;
}

static int run_report(const struct command *c, int argc, char **argv)
{
	struct output out = {.path = NULL};
	struct err err = {""};
	struct profile *p;
	bool recording;
	int at, ret;

	at = options_parse(c, argc, argv, false, take, &out, &err);
	if (at == -ECANCELED)
		return EXIT_OK;
	if (at < 0)
		return usage(c, &err);
	if (at == argc) {
		err_set(&err, 0, "which recording? name a file that "
				 "'pystrobe record' wrote");
		return usage(c, &err);
	}
	if (output_resolve(&out, &recording, &err))
		return usage(c, &err);
	if (recording) {
		err_set(&err, 0, "a report cannot be a recording; choose "
				 "another extension or format");
		return usage(c, &err);
	}
	if (!out.renderer)
		out.renderer = renderer_by_name("table");
	ret = load_profile(&p, argv + at, (size_t)(argc - at), &err);
	if (!ret) {
		ret = output_write(&out, out.path ? out.path : "-", p, &err);
		profile_free(p);
	}
	if (ret)
		complain(err.msg);
	return ret ? status_of(ret) : EXIT_OK;
}

static const struct option_row options[] = {
	{'o', "output", "FILE", "where to; '-' is standard output"},
	{'f', "format", "FORMAT",
	 "table, svg or collapsed; else by FILE's extension"},
	VIEW_OPTIONS,
	{OPT_LIMIT, "limit", "N", "rows of the table (25)"},
};

const struct command command_report = {
	.name = "report",
	.synopsis = "[OPTIONS] FILE...",
	.about = "Shows recordings: a table, a flame graph, collapsed stacks.",
	.options = options,
	.noptions = sizeof(options) / sizeof(*options),
	.examples = "  pystrobe report run.strobe\n"
		    "  pystrobe report run.strobe -o flame.svg\n"
		    "  pystrobe report run.strobe -f collapsed -i\n",
	.run = run_report,
};
