/*
 * pystrobe convert: what another profiler wrote, as a recording or a picture.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli_priv.h"
#include "convert.h"

#define READ_BYTES 65536u

struct conversion {
	struct output output;
	struct convert_options options;
	bool quiet, recording;
	struct writer *writer;   /* one of these two */
	struct profile *profile;
	struct convert_report report;
};

/* ---- options ---- */

static int take_format(struct conversion *v, const char *name,
		       struct err *err)
{
	int format = convert_format_by_name(name);
	struct str s;

	if (format >= 0) {
		v->options.format = (enum convert_format)format;
		return 0;
	}
	str_init(&s);
	list_words(&s, ", ", convert_word);
	err_set(err, -EINVAL, "'%s' is not a format to convert from; these are "
		"%s", name, s.data);
	str_release(&s);
	return -EINVAL;
}

static int take(void *to, int id, const char *argument, struct err *err)
{
	struct conversion *v = to;
	int ret;

	switch (id) {
	case 'r':
		return parse_rate(argument, &v->options.period_ns, err);
	case 'q':
		v->quiet = true;
		return 0;
	case OPT_FROM_FORMAT:
		return take_format(v, argument, err);
	default:
		ret = output_take(&v->output, id, argument, err);
		return ret > 0 ? -EINVAL : ret;
	}
}

static int check(struct conversion *v, int files, struct err *err)
{
	struct output *out = &v->output;
	int ret;

	if (files != 1)
		return err_set(err, -EINVAL,
			       files ? "one file at a time: 'pystrobe report' "
				       "adds recordings up"
				     : "which file? name one that another "
				       "profiler wrote; '-' is standard input");
	if (!out->path && !out->format)
		return err_set(err, -EINVAL,
			       "where to? name a file with -o, for example -o "
			       "run.strobe");
	if (out->path && !strcmp(out->path, "-") && !out->format)
		return err_set(err, -EINVAL,
			       "standard output has no extension: name its "
			       "format with -f, for example -f table");
	ret = output_resolve(out, &v->recording, err);
	if (!ret)
		ret = output_check(out, err);
	if (!ret && v->recording && !out->path)
		ret = err_set(err, -EINVAL,
			      "a recording needs a name: -o FILE.strobe");
	if (!out->path)
		out->path = "-";
	return ret;
}

/* ---- input ---- */

static int feed_all(struct convert *c, int fd, const char *name,
		    struct err *err)
{
	char buffer[READ_BYTES];
	ssize_t got;
	int ret;

	for (;;) {
		got = read(fd, buffer, sizeof(buffer));
		if (*signals_asked())
			return err_set(err, -EINTR,
				       "stopped, and nothing was written");
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(err, -errno, "cannot read '%s': %s",
				       name, strerror(errno));
		if (!got)
			return 0;
		ret = convert_feed(c, buffer, (size_t)got, err);
		if (ret)
			return err_prefix(err, ret, "cannot convert '%s'",
					  name);
	}
}

static int convert_fd(struct conversion *v, int fd, const char *name,
		      struct sink *sink, struct err *err)
{
	struct convert *c = convert_new(&v->options, sink);
	int ret = feed_all(c, fd, name, err);

	if (!ret) {
		ret = convert_end(c, &v->report, err);
		if (ret)
			err_prefix(err, ret, "cannot convert '%s'", name);
	}
	convert_free(c);
	return ret;
}

static int convert_path(struct conversion *v, const char *path,
			struct sink *sink, struct err *err)
{
	int fd, ret;

	if (!strcmp(path, "-"))
		return convert_fd(v, STDIN_FILENO, "standard input", sink,
				  err);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_set(err, -errno, "cannot read '%s': %s", path,
			       strerror(errno));
	ret = convert_fd(v, fd, path, sink, err);
	close(fd);
	return ret;
}

/* ---- output ---- */

static int to_recording(struct conversion *v, const char *path,
			struct err *err)
{
	struct err writing = {""};
	int ret = writer_open(&v->writer, v->output.path, err), failed;

	if (ret)
		return ret;
	writer_at_leisure(v->writer);
	ret = convert_path(v, path, writer_sink(v->writer), err);
	if (!ret)
		return writer_close(v->writer, err);
	/* Where the writing failed, that is the cause. */
	failed = writer_abandon(v->writer, &writing);
	if (failed)
		*err = writing;
	return failed ? failed : ret;
}

static int to_rendering(struct conversion *v, const char *path,
			struct err *err)
{
	int ret;

	v->profile = profile_new();
	if (v->output.renderer->timeline)
		v->profile->timeline = timeline_new(TIMELINE_RUNS);
	ret = convert_path(v, path, &v->profile->sink, err);
	if (!ret && v->profile->timeline)
		timeline_order(v->profile->timeline, v->profile);
	if (!ret)
		ret = output_write(&v->output, v->output.path, v->profile,
				   err);
	return ret;
}

/* ---- what is told ---- */

/* What is not in the data, in one sentence. */
static void tell_lacks(const struct convert_report *r, const char *what)
{
	if (r->bytes)
		say("its counts are bytes, not samples; there are no times and "
		    "no states in it, so each byte is a tick, in the order of "
		    "the %ss", what);
	else if (r->full)
		say("what it says of memory is left out");
	else if (!r->timed)
		say("there are no times and no states in it, so each count is "
		    "a tick, in the order of the lines (-r says how many are "
		    "a second)");
	if (r->late)
		say("the clock of a recording has no room for so many ticks, "
		    "so the last ones have one time; -r with a higher rate "
		    "makes them shorter");
}

static void tell_bad(const struct convert_report *r, const char *what)
{
	if (r->bad)
		say("%llu %s%s could not be used; the first is %s %llu: %s",
		    (unsigned long long)r->bad, what, plural(r->bad), what,
		    (unsigned long long)r->first_bad, r->why);
	if (r->cut)
		say("it is cut off, or damaged, behind sample %llu: what "
		    "follows is left out",
		    (unsigned long long)(r->lines + r->bad));
}

static void summarize(const struct conversion *v)
{
	const struct convert_report *r = &v->report;
	const char *what = r->format == CONVERT_MOJO ? "sample" : "line";
	const struct view *view = &v->output.options.view;
	struct view_count count;
	struct str s;

	tell_bad(r, what);
	if (v->quiet)
		return;
	tell_lacks(r, what);
	str_init(&s);
	if (strcmp(v->output.path, "-"))
		str_addf(&s, "wrote '%s': ", v->output.path);
	str_addf(&s, "%llu %s%s of %llu %s%s, read as %s",
		 (unsigned long long)r->samples, r->bytes ? "byte" : "sample",
		 plural(r->samples), (unsigned long long)r->lines, what,
		 plural(r->lines), convert_format_name(r->format));
	say("%s", s.data);
	str_clear(&s);
	if (v->profile) {
		view_count(v->profile, view, &count);
		if (!count.samples) {
			add_nothing(&s, v->profile, view);
			say("%s", s.data);
		}
	}
	str_release(&s);
}

/* ---- the command ---- */

static int run_convert(const struct command *c, int argc, char **argv)
{
	struct conversion v = {
		.options.program = "pystrobe " PYSTROBE_VERSION " convert"};
	struct err err = {""};
	int at, ret;

	at = options_parse(c, argc, argv, false, take, &v, &err);
	if (at == -ECANCELED)
		return EXIT_OK;
	if (at < 0 || check(&v, argc - at, &err))
		return usage(c, &err);
	signals_catch();
	signals_hold(v.recording && output_is_file(v.output.path));
	ret = v.recording ? to_recording(&v, argv[at], &err)
			  : to_rendering(&v, argv[at], &err);
	if (ret)
		complain(err.msg);
	else
		summarize(&v);
	profile_free(v.profile);
	signals_hold(false);
	return ret ? EXIT_FAILED : EXIT_OK;
}

static const struct option_row options[] = {
	{'o', "output", "FILE", "where to; '-' is standard output"},
	{'f', "format", "FORMAT", "strobe, or one of report's; else as FILE"},
	{OPT_FROM_FORMAT, "from-format", "KIND",
	 "folded, austin, mojo; else it is recognized"},
	{'r', "rate", "RATE", "ticks a second; else the file's own, or 100"},
	VIEW_OPTIONS,
	{'q', "quiet", NULL, "tells only of errors"},
};

const struct command command_convert = {
	.name = "convert",
	.synopsis = "[OPTIONS] FILE",
	.about = "Makes recordings and pictures of what other profilers wrote.",
	.options = options,
	.noptions = sizeof(options) / sizeof(*options),
	.examples = "  pystrobe convert stacks.folded -o run.strobe\n"
		    "  pystrobe convert profile.mojo -o flame.svg\n"
		    "  pystrobe convert stacks.folded -f table\n",
	.run = run_convert,
};
