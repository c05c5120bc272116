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
						    ".speedscope.json", NULL};
static const char *const pprof_extensions[] = {".pprof", ".pb.gz", NULL};

static const struct renderer all[] = {
	{
		.name = "table",
		.aliases = table_aliases,
		.extensions = table_extensions,
		.about = "functions by their share, for a terminal",
		.render = render_table,
	},
	{
		.name = "svg",
		.aliases = svg_aliases,
		.extensions = svg_extensions,
		.about = "interactive flame graph, one file, any browser",
		.render = render_svg,
	},
	{
		.name = "collapsed",
		.aliases = collapsed_aliases,
		.extensions = collapsed_extensions,
		.about = "one line a stack and its samples, for other tools",
		.bare = 1,
		.render = render_collapsed,
	},
	{
		.name = "speedscope",
		.aliases = no_aliases,
		.extensions = speedscope_extensions,
		.about = "for https://www.speedscope.app",
		.bare = 1,
		.render = render_speedscope,
	},
	{
		.name = "pprof",
		.aliases = no_aliases,
		.extensions = pprof_extensions,
		.about = "gzipped protocol buffer, for go tool pprof",
		.bare = 1,
		.render = render_pprof,
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

static bool ends_in(const char *path, const char *const *extensions)
{
	size_t len = strlen(path), n;

	for (; *extensions; extensions++) {
		n = strlen(*extensions);
		if (len >= n && !strcmp(path + len - n, *extensions))
			return true;
	}
	return false;
}

const struct renderer *renderer_by_path(const char *path)
{
	size_t i;

	for (i = 0; i < COUNT; i++)
		if (ends_in(path, all[i].extensions))
			return &all[i];
	return NULL;
}
