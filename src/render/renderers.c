/*
 * The table of output formats.
 */
#include <string.h>

#include "render_priv.h"

static const char *const table_aliases[] = {"text", NULL};
static const char *const table_extensions[] = {".txt", NULL};
static const char *const svg_aliases[] = {"flamegraph", NULL};
static const char *const svg_extensions[] = {".svg", NULL};
static const char *const collapsed_aliases[] = {"folded", "raw", NULL};
static const char *const collapsed_extensions[] = {".folded", ".collapsed",
						   NULL};
static const char *const no_aliases[] = {NULL};
static const char *const speedscope_extensions[] = {".speedscope",
						    ".speedscope.json",
						    NULL};
static const char *const json_extensions[] = {".json", NULL};
static const char *const pprof_extensions[] = {".pprof", ".pb.gz", NULL};
static const char *const firefox_extensions[] = {".firefox.json", NULL};
static const char *const trace_aliases[] = {"chrometrace", NULL};
static const char *const trace_extensions[] = {".trace.json", NULL};

static const struct renderer all[] = {
	{
		.name = "table",
		.aliases = table_aliases,
		.extensions = table_extensions,
		.about = "functions by their share, for a terminal",
		.shows = 1,
		.labels = 1,
		.render = render_table,
	},
	{
		.name = "svg",
		.aliases = svg_aliases,
		.extensions = svg_extensions,
		.about = "interactive flame graph, one file, any browser",
		.labels = 1,
		.render = render_svg,
	},
	{
		.name = "collapsed",
		.aliases = collapsed_aliases,
		.extensions = collapsed_extensions,
		.about = "one line a stack and its samples, for other tools",
		.bare = 1,
		.labels = 1,
		.render = render_collapsed,
	},
	{
		.name = "speedscope",
		.aliases = no_aliases,
		.extensions = speedscope_extensions,
		.about = "for https://www.speedscope.app",
		.render = render_speedscope,
	},
	{
		.name = "pprof",
		.aliases = no_aliases,
		.extensions = pprof_extensions,
		.about = "gzipped protocol buffer, for go tool pprof",
		.gzipped = 1,
		.render = render_pprof,
	},
	{
		.name = "firefox",
		.aliases = no_aliases,
		.extensions = firefox_extensions,
		.about = "for https://profiler.firefox.com",
		.timeline = 1,
		.render = render_firefox,
	},
	{
		.name = "trace",
		.aliases = trace_aliases,
		.extensions = trace_extensions,
		.about = "trace events, for Perfetto and chrome://tracing",
		.timeline = 1,
		.render = render_trace,
	},
	{
		.name = "json",
		.aliases = no_aliases,
		.extensions = json_extensions,
		.about = "what a text shows, for programs",
		.shows = 1,
		.labels = 1,
		.render = render_json,
	},
};

#define COUNT (sizeof(all) / sizeof(*all))

const struct renderer *renderers(size_t *n)
{
	*n = COUNT;
	return all;
}

static bool among(const char *const *words, const char *word)
{
	for (; *words; words++)
		if (!strcmp(*words, word))
			return true;
	return false;
}

const struct renderer *renderer_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT; i++)
		if (!strcmp(all[i].name, name) || among(all[i].aliases, name))
			return &all[i];
	return NULL;
}

/* How much of the end of the path is one of these extensions. */
static size_t ends_in(const char *path, size_t len,
		      const char *const *extensions)
{
	size_t n, most = 0;

	for (; *extensions; extensions++) {
		n = strlen(*extensions);
		if (n > most && len >= n &&
		    !memcmp(path + len - n, *extensions, n))
			most = n;
	}
	return most;
}

/* ".speedscope.json" is more than ".json". */
static const struct renderer *by_end(const char *path, size_t len)
{
	const struct renderer *found = NULL;
	size_t i, n, most = 0;

	for (i = 0; i < COUNT; i++) {
		n = ends_in(path, len, all[i].extensions);
		if (n > most) {
			found = &all[i];
			most = n;
		}
	}
	return found;
}

/* What ".gz" is to be behind, or the whole length. */
static size_t before_gz(const char *path)
{
	size_t len = strlen(path);

	return len >= 3 && !strcmp(path + len - 3, ".gz") ? len - 3 : len;
}

const struct renderer *renderer_by_path(const char *path)
{
	const struct renderer *found = by_end(path, strlen(path));

	return found ? found : by_end(path, before_gz(path));
}

int render_to(const struct renderer *r, const char *path,
	      const struct profile *p, const struct render_options *o,
	      struct str *out, struct err *err)
{
	struct str plain;
	int ret;

	if (r->gzipped || before_gz(path) == strlen(path))
		return r->render(p, o, out, err);
	str_init(&plain);
	ret = r->render(p, o, &plain, err);
	if (!ret)
		ret = add_gzip(out, &plain, err);
	str_release(&plain);
	return ret;
}
