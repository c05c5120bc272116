/*
 * speedscope's file format: a sampled profile for each thread, each stack of
 * it with the time that it took, root first. Stacks are sorted, not in the
 * order in which they were seen.
 *
 * https://www.speedscope.app/file-format-schema.json; what tells frames apart
 * is their index, so each is there once.
 */
#include <stdlib.h>
#include <string.h>

#include "render_priv.h"

#define SCHEMA "https://www.speedscope.app/file-format-schema.json"

struct scope {
	const struct profile *p;
	const struct tree *tree;
	struct str frames;    /* shared.frames so far */
	struct map frame_of;  /* key of a frame -> its index */
	uint32_t nframes;
	struct str samples, weights; /* of the thread at hand */
	uint64_t total;       /* ns, of it */
	uint32_t *path;       /* scratch: nodes from the leaf to the root */
	size_t cap_path;
};

static const char *label_of(const struct scope *s, uint32_t node)
{
	return intern_text(&s->tree->labels, s->tree->nodes[node].label, NULL);
}

static void define_frame(struct scope *s, const struct tree_node *n,
			 const char *label)
{
	const struct symbols *t = &s->p->symbols;
	const struct code_def *c;
	const char *file;
	uint32_t line;

	str_adds(&s->frames, s->nframes ? ",{" : "{");
	if (n->code == NO_CODE || n->kind == NODE_MARKER) {
		add_member(&s->frames, "name", label);
	} else {
		c = &t->codes[n->code];
		file = symbols_text(t, c->file);
		line = n->detail ? n->detail : c->first;
		add_member(&s->frames, "name", symbols_text(t, c->name));
		if (*file) {
			str_addc(&s->frames, ',');
			add_member(&s->frames, "file", file);
		}
		if (line)
			str_addf(&s->frames, ",\"line\":%u", line);
	}
	str_addc(&s->frames, '}');
}

static uint32_t frame_of(struct scope *s, uint32_t node)
{
	const struct tree_node *n = &s->tree->nodes[node];
	/* Frames with equal labels are one, as in every other format. */
	uint32_t id = map_get(&s->frame_of, n->label);

	if (id != MAP_NONE)
		return id;
	define_frame(s, n, label_of(s, node));
	map_put(&s->frame_of, n->label, s->nframes);
	return s->nframes++;
}

static void add_sample(struct scope *s, uint32_t node)
{
	const struct tree_node *nodes = s->tree->nodes;
	uint64_t weight = nodes[node].self_ns;
	size_t n = 0;

	for (; node && nodes[node].kind != NODE_THREAD;
	     node = nodes[node].parent) {
		s->path = grow(s->path, &s->cap_path, n + 1, sizeof(*s->path));
		s->path[n++] = node;
	}
	str_adds(&s->samples, s->samples.len ? ",[" : "[");
	while (n--)
		str_addf(&s->samples, n ? "%u," : "%u",
			 frame_of(s, s->path[n]));
	str_addc(&s->samples, ']');
	str_addf(&s->weights, s->weights.len ? ",%llu" : "%llu",
		 (unsigned long long)weight);
	s->total += weight;
}

/*
 * "MainThread (thread 12), 5 partial, 2 lost": the viewer shows it above the
 * stacks. By cause these are counted for all threads together.
 */
static void add_thread_name(const struct scope *s, uint32_t node,
			    struct str *out)
{
	const struct profile_thread *t;
	struct str name;

	t = &s->p->threads[s->tree->nodes[node].detail];
	str_init(&name);
	str_adds(&name, label_of(s, node));
	if (t->partial) {
		str_adds(&name, ", ");
		add_count(&name, t->partial);
		str_adds(&name, " partial");
	}
	if (t->lost) {
		str_adds(&name, ", ");
		add_count(&name, t->lost);
		str_adds(&name, " lost");
	}
	add_member(out, "name", name.data);
	str_release(&name);
}

/* The thread at hand is done. */
static void end_thread(struct scope *s, uint32_t thread, struct str *profiles)
{
	if (!thread || !s->samples.len)
		return;
	str_adds(profiles, profiles->len ? ",{" : "{");
	str_adds(profiles, "\"type\":\"sampled\",");
	add_thread_name(s, thread, profiles);
	str_addf(profiles, ",\"unit\":\"nanoseconds\",\"startValue\":0,"
		 "\"endValue\":%llu,\"samples\":[",
		 (unsigned long long)s->total);
	str_add(profiles, s->samples.data, s->samples.len);
	str_adds(profiles, "],\"weights\":[");
	str_add(profiles, s->weights.data, s->weights.len);
	str_adds(profiles, "]}");
	str_clear(&s->samples);
	str_clear(&s->weights);
	s->total = 0;
}

static void add_threads(struct scope *s, struct str *profiles)
{
	const struct tree_node *nodes = s->tree->nodes;
	uint32_t node = 0, thread = 0;

	while ((node = tree_next(s->tree, node))) {
		if (nodes[node].kind == NODE_THREAD ||
		    nodes[node].kind == NODE_PROCESS) {
			end_thread(s, thread, profiles);
			thread = nodes[node].kind == NODE_THREAD ? node : 0;
		} else if (nodes[node].self) {
			add_sample(s, node);
		}
	}
	end_thread(s, thread, profiles);
}

int render_speedscope(const struct profile *p, const struct render_options *o,
		      struct str *out, struct err *err)
{
	struct view view = o->view;
	struct scope s = {.p = p};
	struct str profiles, title;
	struct tree *tree;

	(void)err;
	view.threads = true;
	s.tree = tree = tree_build(p, &view);
	str_init(&s.frames);
	str_init(&s.samples);
	str_init(&s.weights);
	str_init(&profiles);
	str_init(&title);
	map_init(&s.frame_of);
	add_threads(&s, &profiles);
	/* What stands in the title of its viewer's window. */
	add_title(&title, p, o);
	str_adds(&title, " | ");
	add_run(&title, p, &o->view, " | ");
	str_adds(out, "{\"$schema\":\"" SCHEMA "\",");
	add_member(out, "name", title.data);
	str_addc(out, ',');
	add_member(out, "exporter", symbols_text(&p->symbols, p->program));
	str_adds(out, ",\"shared\":{\"frames\":[");
	str_add(out, s.frames.data, s.frames.len);
	str_adds(out, "]},\"profiles\":[");
	str_add(out, profiles.data, profiles.len);
	str_adds(out, "]}\n");
	free(s.path);
	map_release(&s.frame_of);
	str_release(&title);
	str_release(&profiles);
	str_release(&s.weights);
	str_release(&s.samples);
	str_release(&s.frames);
	tree_free(tree);
	return 0;
}
