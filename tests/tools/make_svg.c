/*
 * Writes a made-up profile in any format to standard output:
 *
 *   make_svg [FORMAT [KIND [COLUMNS-OR-WIDTH]]]
 *
 * KIND: server; threads (with thread cells, idle samples); states (with these,
 * and what they wait for); deep (40 levels of
 * random calls); narrow (5 levels, thousands of slivers); hostile (names that
 * try to be markup); empty; one; million (distinct stacks, for timing). With
 * "-reversed" behind it: from the leaf; with "-flame": the root at the bottom.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "render.h"
#include "tests/lib/made.h"

static const char *const words[] = {
	"parse", "load", "encode", "flush", "merge", "visit", "resolve",
	"handle", "dispatch", "commit", "render", "compile", "fetch", "walk",
	"update", "close",
};

static uint32_t random_frame(struct made *m, uint32_t parent, uint32_t pick)
{
	static const char *const folders[] = {
		"/srv/app", "/usr/lib/python3.11", "/srv/app",
		"/usr/lib/python3/dist-packages/numpy"};
	char name[64], file[96];

	snprintf(name, sizeof(name), "%s_%s", words[pick % 16],
		 words[pick / 16 % 16]);
	snprintf(file, sizeof(file), "%s/%s.py", folders[pick / 64 % 4],
		 words[pick / 7 % 16]);
	return made_frame(m, parent, name, file, 10 + pick % 200, 10);
}

/* Stacks that share their beginnings, as programs' do. */
static void random_stacks(struct made *m, unsigned n, unsigned depth,
			  unsigned turn)
{
	uint64_t seed = 42;
	uint32_t path[64] = {0}, running = made_state(m, RUN_CPU);
	unsigned at, i, d = 0;

	made_thread(m, 4711, "MainThread");
	for (i = 0; i < n; i++) {
		at = (unsigned)(rng_next(&seed) % turn);
		at = at < d ? d - at : 0;
		for (d = at; d < depth; d++) {
			path[d + 1] = random_frame(
				m, path[d],
				(uint32_t)(rng_next(&seed) % (d + 2)) * 37 + d);
			if (rng_next(&seed) % 16 == 0 && d > depth / 3) {
				d++;
				break;
			}
		}
		made_tick(m);
		made_sample(m, 4711, path[d], running, LOSS_NONE);
	}
}

static void slivers(struct made *m)
{
	uint64_t seed = 7;
	uint32_t running = made_state(m, RUN_CPU), stack, i, d;

	made_thread(m, 4711, "MainThread");
	made_samples(m, 4711, "main@/srv/app/app.py:3 work@/srv/app/app.py:9",
		     RUN_CPU, 30000);
	for (i = 0; i < 20000; i++) {
		stack = made_stack(m, "main@/srv/app/app.py:3 "
				      "spread@/srv/app/app.py:7");
		stack = random_frame(m, stack, i % 9);
		for (d = 0; d < 3; d++)
			stack = random_frame(m, stack,
					     (uint32_t)rng_next(&seed) %
						     (8u << 3 * d));
		made_tick(m);
		made_sample(m, 4711, stack, running, LOSS_NONE);
	}
}

static void fill(struct made *m, const char *kind)
{
	if (!strcmp(kind, "deep"))
		random_stacks(m, 20000, 40, 30);
	else if (!strcmp(kind, "million"))
		random_stacks(m, 1000000, 30, 12);
	else if (!strncmp(kind, "narrow", 6))
		slivers(m);
	else if (!strcmp(kind, "hostile"))
		made_hostile(m);
	else if (!strcmp(kind, "one"))
		made_samples(m, 4711, "main@app.py:1", RUN_CPU, 1);
	else if (strcmp(kind, "empty") != 0)
		made_server(m);
}

int main(int argc, char **argv)
{
	const char *format = argc > 1 ? argv[1] : "svg";
	const char *kind = argc > 2 ? argv[2] : "server";
	const struct renderer *r = renderer_by_name(format);
	struct render_options o = {0};
	struct profile *p = profile_new();
	struct made m;
	struct str out;
	struct err e;
	int ret;

	if (!r) {
		fprintf(stderr, "make_svg: no format '%s'\n", format);
		return 2;
	}
	o.view.state_frames = !strcmp(kind, "states");
	o.view.idle = o.view.state_frames || !strcmp(kind, "threads");
	o.view.reverse = strstr(kind, "-reversed") != NULL;
	o.flame = strstr(kind, "-flame") != NULL;
	o.view.threads = o.view.idle || !strcmp(kind, "hostile");
	if (!strcmp(r->name, "table"))
		o.view.label = LABEL_FUNCTION;
	if (argc > 3)
		o.width = o.columns = (uint32_t)strtoul(argv[3], NULL, 10);
	o.ascii = argc > 4;
	if (r->timeline)
		p->timeline = timeline_new(TIMELINE_RUNS);
	made_init(&m, &p->sink);
	fill(&m, kind);
	if (r->timeline)
		timeline_order(p->timeline, p);
	str_init(&out);
	ret = r->render(p, &o, &out, &e);
	if (ret)
		fprintf(stderr, "make_svg: %s\n", e.msg);
	else if (fd_write_all(1, out.data, out.len))
		ret = 1;
	made_release(&m);
	profile_free(p);
	str_release(&out);
	return ret ? 1 : 0;
}
