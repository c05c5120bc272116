/*
 * From a recording to what the user asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli_priv.h"

#define RECORDING "strobe"
#define WIDTH_MIN 300u /* pixels, as render.h has them */
#define WIDTH_MAX 20000u

static int take_mode(struct view *view, const char *name, struct err *err)
{
	int mode = mode_by_name(name);
	struct str s;

	if (mode >= 0) {
		view->mode = (enum view_mode)mode;
		return 0;
	}
	str_init(&s);
	list_words(&s, ", ", mode_word);
	err_set(err, -EINVAL, "unknown mode '%s'; the modes are %s", name,
		s.data);
	str_release(&s);
	return -EINVAL;
}

static int take_palette(struct render_options *o, const char *name,
			struct err *err)
{
	int palette = palette_by_name(name);
	struct str s;

	if (palette >= 0) {
		o->palette = (unsigned)palette;
		return 0;
	}
	str_init(&s);
	list_words(&s, ", ", palette_name);
	err_set(err, -EINVAL, "unknown palette '%s'; the palettes are %s",
		name, s.data);
	str_release(&s);
	return -EINVAL;
}

static int take_width(struct render_options *o, const char *text,
		      struct err *err)
{
	uint64_t v = 0;

	if (parse_number("number", text, &v, err) || v < WIDTH_MIN ||
	    v > WIDTH_MAX)
		return err_set(err, -EINVAL,
			       "--width is %u to %u pixels, not '%s'",
			       WIDTH_MIN, WIDTH_MAX, text);
	o->width = (uint32_t)v;
	return 0;
}

/* The options that only a flame graph has; 1: it is none of them. */
static int take_picture(struct output *out, int id, const char *argument,
			struct err *err)
{
	struct render_options *o = &out->options;

	switch (id) {
	case OPT_ICICLE:
	case OPT_FLAME:
		if (id == OPT_ICICLE ? o->flame : out->icicle)
			return err_set(err, -EINVAL,
				       "--icicle has the root on top and "
				       "--flame at the bottom: choose one");
		o->flame = id == OPT_FLAME;
		out->icicle = id == OPT_ICICLE;
		out->picture = o->flame ? "--flame" : "--icicle";
		return 0;
	case OPT_REVERSE:
		o->view.reverse = true;
		out->picture = "--reverse";
		return 0;
	case OPT_PALETTE:
		out->picture = "--palette";
		return take_palette(o, argument, err);
	case OPT_WIDTH:
		out->picture = "--width";
		return take_width(o, argument, err);
	default:
		return 1;
	}
}

int output_take(struct output *out, int id, const char *argument,
		struct err *err)
{
	struct view *view = &out->options.view;

	switch (id) {
	case 'o':
		out->path = argument;
		return 0;
	case 'f':
		out->format = argument;
		return 0;
	case 't':
		view->threads = true;
		return 0;
	case 'F':
		view->label = LABEL_FUNCTION;
		return 0;
	case OPT_NOLINENO:
		view->label = LABEL_NOLINE;
		return 0;
	case OPT_FULL_FILENAMES:
		view->full_filenames = true;
		return 0;
	case 'i':
		view->idle = true;
		return 0;
	case 'g':
		out->gil = true;
		return 0;
	case OPT_MODE:
		return take_mode(view, argument, err);
	case OPT_STATE_FRAMES:
		view->state_frames = true;
		return 0;
	case OPT_TITLE:
		out->options.title = argument;
		return 0;
	default:
		return take_picture(out, id, argument, err);
	}
}

static void add_formats(struct str *s)
{
	const struct renderer *r;
	size_t i, n;

	r = renderers(&n);
	for (i = 0; i < n; i++)
		str_addf(s, "%s, ", r[i].name);
	str_adds(s, RECORDING);
}

static void add_extensions(struct str *s)
{
	const struct renderer *r;
	size_t i, j, n;

	r = renderers(&n);
	for (i = 0; i < n; i++)
		for (j = 0; r[i].extensions[j]; j++)
			str_addf(s, "%s, ", r[i].extensions[j]);
	str_adds(s, "." RECORDING);
}

static bool is_recording(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && dot != path && !strcmp(dot + 1, RECORDING);
}

static int resolve_format(struct output *out, bool *recording,
			  struct err *err)
{
	struct str s;

	*recording = !strcmp(out->format, RECORDING);
	out->renderer = renderer_by_name(out->format);
	if (*recording || out->renderer)
		return 0;
	str_init(&s);
	add_formats(&s);
	err_set(err, -EINVAL, "unknown format '%s'; the formats are %s",
		out->format, s.data);
	str_release(&s);
	return -EINVAL;
}

static int resolve_path(struct output *out, bool *recording, struct err *err)
{
	struct str s;

	*recording = is_recording(out->path);
	out->renderer = renderer_by_path(out->path);
	if (*recording || out->renderer)
		return 0;
	str_init(&s);
	add_extensions(&s);
	err_set(err, -EINVAL,
		"no format is known by the name '%s'; end it in one of %s, or "
		"name the format with -f",
		out->path, s.data);
	str_release(&s);
	return -EINVAL;
}

static int resolve_view(struct output *out, struct err *err)
{
	struct view *view = &out->options.view;

	if (out->gil && view->mode != MODE_DEFAULT && view->mode != MODE_GIL)
		return err_set(err, -EINVAL,
			       "-g means '--mode gil', so it cannot go with "
			       "'--mode %s'",
			       mode_name(view->mode));
	if (out->gil)
		view->mode = MODE_GIL;
	if (view->idle && view->mode == MODE_CPU)
		return err_set(err, -EINVAL,
			       "-i asks for idle threads, which '--mode cpu' "
			       "leaves out");
	return 0;
}

int output_resolve(struct output *out, bool *recording, struct err *err)
{
	int ret = resolve_view(out, err);

	if (ret)
		return ret;
	if (out->format)
		return resolve_format(out, recording, err);
	if (out->path)
		return resolve_path(out, recording, err);
	*recording = false;
	return 0;
}

int output_check(const struct output *out, struct err *err)
{
	if (!out->picture || out->renderer == renderer_by_name("svg"))
		return 0;
	return err_set(err, -EINVAL,
		       "%s shapes a flame graph, which '%s' is not; write "
		       "one with -o FILE.svg or -f svg",
		       out->picture,
		       out->renderer ? out->renderer->name : RECORDING);
}

bool output_is_file(const char *path)
{
	struct stat st;

	return strcmp(path, "-") && (stat(path, &st) || S_ISREG(st.st_mode));
}

int output_probe(const char *path, struct err *err)
{
	struct outfile *file;
	struct stat st;
	int ret;

	/* To open a pipe is seen at its other end. */
	if (!output_is_file(path) && (stat(path, &st) || !S_ISDIR(st.st_mode)))
		return 0;
	signals_block(true);
	ret = outfile_open(&file, path, err);
	if (!ret)
		outfile_abort(file);
	signals_block(false);
	return ret;
}

void add_clock(struct str *out)
{
	time_t now = (time_t)(clock_wall() / 1000000000);
	struct tm tm;
	char text[32];

	localtime_r(&now, &tm);
	strftime(text, sizeof(text), "%F %T", &tm);
	str_addf(out, "--- %s\n", text);
}

static int write_whole(const char *path, const struct str *s, struct err *err)
{
	struct outfile *file;
	int ret = outfile_open(&file, path, err);

	if (ret)
		return ret;
	ret = outfile_write(file, s->data, s->len, err);
	if (!ret)
		return outfile_commit(file, err);
	outfile_abort(file);
	return ret;
}

int output_text(const struct str *s, struct err *err)
{
	return write_whole("-", s, err);
}

/* What a format in the order of time lacks, though the profile has it. */
static void tell_order(const char *path, const struct timeline *t)
{
	struct str s;

	str_init(&s);
	timeline_tell(t, &s);
	if (s.len)
		say("'%s' is not whole: %s%s", path, s.data,
		    t->left_out ? "; --from and --to choose another part"
				: "");
	str_release(&s);
}

int output_write(const struct output *out, const char *path,
		 const struct profile *p, struct err *err)
{
	bool to_stdout = !strcmp(path, "-"), file = output_is_file(path);
	struct render_options o = out->options;
	struct str s;
	int ret;

	/* A file is for other terminals, too. */
	o.ascii = to_stdout && strcmp(nl_langinfo(CODESET), "UTF-8");
	if (to_stdout && isatty(STDOUT_FILENO))
		o.columns = terminal_columns(STDOUT_FILENO);
	str_init(&s);
	ret = render_to(out->renderer, path, p, &o, &s, err);
	if (!ret) {
		/* No temporary file stays behind; a pipe may block for long. */
		if (file)
			signals_block(true);
		ret = write_whole(path, &s, err);
		if (file)
			signals_block(false);
	}
	if (!ret && out->renderer->timeline)
		tell_order(path, p->timeline);
	str_release(&s);
	return ret;
}

void add_nothing(struct str *s, const struct profile *p,
		 const struct view *view)
{
	const char *missing = view_missing(p, view);
	unsigned long long samples = p->samples, idle;
	struct view_count count;

	view_count(p, view, &count);
	idle = count.idle;
	if (missing)
		str_addf(s, "%s was not recorded", missing);
	else if (count.unfocused)
		str_addf(s, "no stack of %llu sample%s is in focus",
			 (unsigned long long)count.unfocused,
			 plural(count.unfocused));
	else if (idle == 1)
		str_adds(s, "the only sample is an idle one; -i includes it");
	else if (idle)
		str_addf(s, "all %llu samples are idle ones; -i includes them",
			 idle);
	else
		str_addf(s, "none of %llu sample%s is %s", samples,
			 plural(samples), mode_about(view->mode));
}

static void tell_damage(const char *path, const struct read_report *report)
{
	uint64_t later = report->later_blocks, bad = report->bad_blocks;

	bad -= bad < later ? bad : later;
	if (bad)
		say("'%s' is damaged: %llu of its blocks (%llu of %llu bytes) "
		    "could not be read; the other %llu are used",
		    path, (unsigned long long)bad,
		    (unsigned long long)report->skipped_bytes,
		    (unsigned long long)report->bytes,
		    (unsigned long long)report->blocks);
	if (later)
		say("'%s' has %llu block%s of a later version of the format; "
		    "a newer pystrobe reads them",
		    path, (unsigned long long)later, plural(later));
	/* What is at its end may be just half written. */
	if (report->cut && !recording_is_written(path))
		say("'%s' is cut off inside a block; the %llu block%s before "
		    "are used",
		    path, (unsigned long long)report->blocks,
		    plural(report->blocks));
}

#define HEAD 64u /* bytes that tell a recording */

/* What is none at all may be what another profiler wrote. */
static void advise_convert(const char *path, struct err *err)
{
	struct err why = *err;
	struct str head;
	int ret;

	str_init(&head);
	ret = file_read(&head, AT_FDCWD, path, HEAD);
	if ((!ret || ret == -E2BIG) && head.len &&
	    !recording_is(head.data, head.len))
		err_set(err, -EBADMSG,
			"%s; 'pystrobe convert' reads what other profilers "
			"wrote", why.msg);
	str_release(&head);
}

int load_profile(struct profile **out, char *const *paths, size_t n,
		 const struct span *span, struct err *err)
{
	struct profile *p = profile_new();
	struct clip clip;
	struct read_report report;
	size_t i;
	int ret;

	if (span && span->timeline)
		p->timeline = timeline_new(TIMELINE_RUNS);
	clip_init(&clip, &p->sink, span ? span->from_ns : 0,
		  span ? span->until_ns : UINT64_MAX);
	for (i = 0; i < n; i++) {
		memset(&report, 0, sizeof(report));
		ret = recording_read(paths[i], &clip.sink, &report, err);
		if (ret) {
			if (ret == -EBADMSG && strcmp(paths[i], "-"))
				advise_convert(paths[i], err);
			profile_free(p);
			return ret;
		}
		tell_damage(paths[i], &report);
	}
	if (p->timeline)
		timeline_order(p->timeline, p);
	*out = p;
	return 0;
}
