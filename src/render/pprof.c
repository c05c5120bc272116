/*
 * pprof: a gzipped protocol buffer, perftools.profiles.Profile of
 * https://github.com/google/pprof/blob/main/proto/profile.proto.
 *
 * Values are samples and nanoseconds. Function.system_name stays unset: else
 * the reader takes "<module>" for a mangled name and shows nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "render_priv.h"

/* Numbers of fields. */
enum {
	PROFILE_SAMPLE_TYPE = 1, PROFILE_SAMPLE, PROFILE_MAPPING,
	PROFILE_LOCATION, PROFILE_FUNCTION, PROFILE_STRING,
	PROFILE_TIME = 9, PROFILE_DURATION, PROFILE_PERIOD_TYPE,
	PROFILE_PERIOD, PROFILE_COMMENT, PROFILE_DEFAULT_TYPE,
};
enum { TYPE_TYPE = 1, TYPE_UNIT };
enum { SAMPLE_LOCATIONS = 1, SAMPLE_VALUES, SAMPLE_LABEL };
enum { LABEL_KEY = 1, LABEL_STR, LABEL_NUM };
enum { MAPPING_ID = 1, MAPPING_FILE = 5, MAPPING_HAS_FUNCTIONS = 7,
       MAPPING_HAS_FILENAMES, MAPPING_HAS_LINES };
enum { LOCATION_ID = 1, LOCATION_MAPPING, LOCATION_LINE = 4 };
enum { LINE_FUNCTION = 1, LINE_LINE };
enum { FUNCTION_ID = 1, FUNCTION_NAME, FUNCTION_FILE = 4, FUNCTION_FIRST };

struct pprof {
	const struct profile *p;
	const struct tree *tree;
	struct intern strings;
	struct map location_of;  /* label of a node -> id */
	struct intern functions; /* name, file, first line -> id less 1 */
	struct str samples, locations, function_defs; /* whole fields */
	struct str message;      /* scratch, for one that is nested */
	struct str packed;       /* the same */
	uint32_t nlocations;
};

/* ---- protocol buffers ---- */

static void put_number(struct str *to, unsigned field, uint64_t v)
{
	if (!v)
		return; /* the default */
	str_add_varint(to, (uint64_t)field << 3);
	str_add_varint(to, v);
}

static void put_bytes(struct str *to, unsigned field, const void *data,
		      size_t len)
{
	str_add_varint(to, (uint64_t)field << 3 | 2);
	str_add_varint(to, len);
	str_add(to, data, len);
}

/* Puts a nested message, which is empty again by that. */
static void put_message(struct str *to, unsigned field, struct str *message)
{
	put_bytes(to, field, message->data, message->len);
	str_clear(message);
}

static uint64_t text(struct pprof *f, const char *s)
{
	struct str clean;
	uint32_t id;

	str_init(&clean);
	str_adds_clean(&clean, s);
	id = intern_add(&f->strings, clean.data, clean.len);
	str_release(&clean);
	return id;
}

/* ---- functions, locations ---- */

static uint64_t function_of(struct pprof *f, const char *name,
			    const char *file, uint32_t first)
{
	uint64_t key[3] = {text(f, name), text(f, file), first};
	uint32_t before = (uint32_t)f->functions.len;
	uint32_t id = intern_add(&f->functions, key, sizeof(key));
	struct str message;

	if (id < before)
		return id;
	str_init(&message);
	put_number(&message, FUNCTION_ID, id);
	put_number(&message, FUNCTION_NAME, key[0]);
	put_number(&message, FUNCTION_FILE, key[1]);
	put_number(&message, FUNCTION_FIRST, first);
	put_message(&f->function_defs, PROFILE_FUNCTION, &message);
	str_release(&message);
	return id;
}

static void define_location(struct pprof *f, uint32_t node, uint32_t id)
{
	const struct tree_node *n = &f->tree->nodes[node];
	const struct symbols *t = &f->p->symbols;
	const struct code_def *c;
	struct str line, location;
	uint64_t function;

	if (n->code == NO_CODE || n->kind == NODE_MARKER) {
		function = function_of(f, intern_text(&f->tree->labels,
						      n->label, NULL), "", 0);
	} else {
		c = &t->codes[n->code];
		function = function_of(f, symbols_text(t, c->name),
				       symbols_text(t, c->file), c->first);
	}
	str_init(&line);
	str_init(&location);
	put_number(&line, LINE_FUNCTION, function);
	put_number(&line, LINE_LINE, n->detail);
	put_number(&location, LOCATION_ID, id);
	put_number(&location, LOCATION_MAPPING, 1);
	put_message(&location, LOCATION_LINE, &line);
	put_message(&f->locations, PROFILE_LOCATION, &location);
	str_release(&location);
	str_release(&line);
}

static uint32_t location_of(struct pprof *f, uint32_t node)
{
	uint32_t label = f->tree->nodes[node].label;
	uint32_t id = map_get(&f->location_of, label);

	if (id != MAP_NONE)
		return id;
	id = ++f->nlocations;
	map_put(&f->location_of, label, id);
	define_location(f, node, id);
	return id;
}

/* ---- samples ---- */

static void put_label(struct pprof *f, struct str *sample, const char *key,
		      const char *value, uint64_t number)
{
	put_number(&f->message, LABEL_KEY, text(f, key));
	if (value)
		put_number(&f->message, LABEL_STR, text(f, value));
	else
		put_number(&f->message, LABEL_NUM, number);
	put_message(sample, SAMPLE_LABEL, &f->message);
}

static void put_sample(struct pprof *f, uint32_t node, uint32_t thread)
{
	const struct tree_node *nodes = f->tree->nodes, *n = &nodes[node];
	const struct profile_thread *t;
	const char *name;
	struct str sample;

	str_init(&sample);
	for (; node != thread; node = nodes[node].parent)
		str_add_varint(&f->packed, location_of(f, node));
	put_message(&sample, SAMPLE_LOCATIONS, &f->packed);
	str_add_varint(&f->packed, n->self);
	str_add_varint(&f->packed, n->self_ns);
	put_message(&sample, SAMPLE_VALUES, &f->packed);
	t = &f->p->threads[nodes[thread].detail];
	name = symbols_text(&f->p->symbols, t->name);
	if (*name)
		put_label(f, &sample, "thread", name, 0);
	if (!(t->tid >> 31)) /* not made up */
		put_label(f, &sample, "tid", NULL, t->tid);
	put_label(f, &sample, "pid", NULL, t->pid);
	put_message(&f->samples, PROFILE_SAMPLE, &sample);
	str_release(&sample);
}

static void put_samples(struct pprof *f)
{
	const struct tree_node *nodes = f->tree->nodes;
	uint32_t node = 0, thread = 0;

	while ((node = tree_next(f->tree, node))) {
		if (nodes[node].kind == NODE_THREAD)
			thread = node;
		else if (nodes[node].self)
			put_sample(f, node, thread);
	}
}

/* ---- the whole ---- */

static void put_type(struct pprof *f, struct str *to, unsigned field,
		     const char *type, const char *unit)
{
	put_number(&f->message, TYPE_TYPE, text(f, type));
	put_number(&f->message, TYPE_UNIT, text(f, unit));
	put_message(to, field, &f->message);
}

static void put_mapping(struct pprof *f, struct str *to)
{
	const struct profile_process *process = f->p->processes;

	put_number(&f->message, MAPPING_ID, 1);
	if (f->p->nprocesses)
		put_number(&f->message, MAPPING_FILE,
			   text(f, symbols_text(&f->p->symbols,
						process->command)));
	put_number(&f->message, MAPPING_HAS_FUNCTIONS, 1);
	put_number(&f->message, MAPPING_HAS_FILENAMES, 1);
	put_number(&f->message, MAPPING_HAS_LINES, 1);
	put_message(to, PROFILE_MAPPING, &f->message);
}

/* go tool pprof shows them above its tables. */
static void put_comments(struct pprof *f, const struct render_options *o,
			 struct str *to)
{
	struct str fact;

	str_init(&fact);
	add_title(&fact, f->p, o);
	put_number(to, PROFILE_COMMENT, text(f, fact.data));
	str_clear(&fact);
	add_target(&fact, f->p, " | ");
	put_number(to, PROFILE_COMMENT, text(f, fact.data));
	str_clear(&fact);
	add_run(&fact, f->p, &o->view, " | ");
	put_number(to, PROFILE_COMMENT, text(f, fact.data));
	str_release(&fact);
}

static void put_profile(struct pprof *f, const struct render_options *o,
			struct str *to)
{
	const char *time = o->view.mode == MODE_CPU ? "cpu" : "wall", *s;
	size_t i, len;

	put_type(f, to, PROFILE_SAMPLE_TYPE, "samples", "count");
	put_type(f, to, PROFILE_SAMPLE_TYPE, time, "nanoseconds");
	put_samples(f);
	str_add(to, f->samples.data, f->samples.len);
	put_mapping(f, to);
	str_add(to, f->locations.data, f->locations.len);
	str_add(to, f->function_defs.data, f->function_defs.len);
	put_number(to, PROFILE_TIME, f->p->wall_ns);
	put_number(to, PROFILE_DURATION, profile_duration(f->p));
	put_type(f, to, PROFILE_PERIOD_TYPE, time, "nanoseconds");
	put_number(to, PROFILE_PERIOD, f->p->period_ns);
	put_comments(f, o, to);
	put_number(to, PROFILE_DEFAULT_TYPE, text(f, "samples"));
	for (i = 0; i < f->strings.len; i++) {
		s = intern_text(&f->strings, (uint32_t)i, &len);
		put_bytes(to, PROFILE_STRING, s, len);
	}
}

int render_pprof(const struct profile *p, const struct render_options *o,
		 struct str *out, struct err *err)
{
	struct view view = o->view;
	struct pprof f = {.p = p};
	struct tree *tree;
	struct str message;
	int ret;

	view.threads = true;
	f.tree = tree = tree_build(p, &view);
	intern_init(&f.strings);
	intern_init(&f.functions);
	map_init(&f.location_of);
	str_init(&f.samples);
	str_init(&f.locations);
	str_init(&f.function_defs);
	str_init(&f.message);
	str_init(&f.packed);
	str_init(&message);
	put_profile(&f, o, &message);
	ret = add_gzip(out, &message, err);
	str_release(&message);
	str_release(&f.packed);
	str_release(&f.message);
	str_release(&f.function_defs);
	str_release(&f.locations);
	str_release(&f.samples);
	map_release(&f.location_of);
	intern_release(&f.functions);
	intern_release(&f.strings);
	tree_free(tree);
	return ret;
}
