/*
 * The Firefox Profiler's processed format, version 57; its front end brings
 * that to its own version, and drops what it does not know.
 *
 * Each thread has tables of its own, in columns: functions, frames (a line of
 * a function, in a category), stacks (a frame on top of another stack, which
 * comes before it), samples and markers. Strings are shared. A sample has the
 * category of its innermost frame: what the thread was doing.
 */
#include <stdlib.h>
#include <string.h>

#include "render_priv.h"

/* More samples than this are told as fewer rows of more weight. */
#define FIREFOX_ROWS (1u << 20)

#define NONE UINT32_MAX
#define NO_TIME UINT64_MAX

enum category {
	OTHER, PYTHON, NATIVE, GC, GIL, IO, IDLE, CATEGORIES,
};

/* Colours are those that the front end knows; grey must be one of them. */
static const struct {
	const char *name, *colour;
} categories[CATEGORIES] = {
	[OTHER] = {"Other", "grey"},
	[PYTHON] = {"Python", "yellow"},
	[NATIVE] = {"Native", "blue"},
	[GC] = {"GC", "orange"},
	[GIL] = {"GIL", "red"},
	[IO] = {"I/O", "green"},
	[IDLE] = {"Idle", "transparent"},
};

enum interval { GIL_HOLD, GIL_WAIT, COLLECTION, CALL, INTERVALS };

static const struct {
	const char *name;
	enum category category;
} intervals[INTERVALS] = {
	[GIL_HOLD] = {"GIL held", PYTHON},
	[GIL_WAIT] = {"GIL wanted", GIL},
	[COLLECTION] = {"GC", GC},
	[CALL] = {"System call", IO},
};

enum column {
	FUNC_NAME, FUNC_FILE, FUNC_LINE,
	FRAME_FUNC, FRAME_LINE, FRAME_CATEGORY,
	STACK_PREFIX, STACK_FRAME,
	SAMPLE_STACK, SAMPLE_TIME, SAMPLE_WEIGHT, SAMPLE_CPU,
	MARK_NAME, MARK_CATEGORY, MARK_START, MARK_END, MARK_DATA,
	COLUMNS,
};

/* A marker that has not ended. */
struct open_interval {
	uint32_t value; /* 0: there is none; of a call a string, plus 1 */
	uint64_t start_ns;
};

struct firefox {
	const struct profile *p;
	const struct tree *tree;
	struct intern strings;
	uint64_t per_row; /* samples */
	bool cpu;         /* the recording knows what threads were doing */
	uint64_t first_ns;
	/* Of the thread at hand: */
	struct str columns[COLUMNS];
	struct intern funcs; /* name, file, first line -> id less 1 */
	struct map frame_of; /* label and category */
	struct map stack_of; /* stack below and frame */
	struct map of_node;  /* node and category to stack */
	uint32_t nframes, nstacks, nsamples, nmarkers;
	struct open_interval open[INTERVALS];
	uint32_t *path; /* scratch */
	size_t cap_path;
};

/* ---- columns ---- */

static void put(struct firefox *f, enum column column, uint64_t value)
{
	struct str *s = &f->columns[column];

	str_addf(s, s->len ? ",%llu" : "%llu", (unsigned long long)value);
}

static void put_null(struct firefox *f, enum column column)
{
	struct str *s = &f->columns[column];

	str_adds(s, s->len ? ",null" : "null");
}

static void put_or_null(struct firefox *f, enum column column, uint32_t value)
{
	if (value == NONE)
		put_null(f, column);
	else
		put(f, column, value);
}

/* Milliseconds since the beginning. */
static void put_time(struct firefox *f, enum column column, uint64_t ns)
{
	struct str *s = &f->columns[column];

	if (s->len)
		str_addc(s, ',');
	add_thousandths(s, (ns - f->first_ns) / 1000);
}

static uint32_t string(struct firefox *f, const char *text)
{
	return intern_adds(&f->strings, text);
}

/* ---- functions, frames, stacks ---- */

static uint32_t func_of(struct firefox *f, const struct tree_node *n)
{
	const struct symbols *t = &f->p->symbols;
	const char *name = intern_text(&f->tree->labels, n->label, NULL);
	uint32_t key[3] = {NONE, NONE, NONE}, id, before;
	const struct code_def *c;

	if (n->code != NO_CODE && n->kind != NODE_MARKER) {
		c = &t->codes[n->code];
		if (*symbols_text(t, c->name))
			name = symbols_text(t, c->name);
		if (*symbols_text(t, c->file))
			key[1] = string(f, symbols_text(t, c->file));
		key[2] = c->first ? c->first : NONE;
	}
	key[0] = string(f, name);
	before = (uint32_t)f->funcs.len;
	id = intern_add(&f->funcs, key, sizeof(key));
	if (id == before) {
		put(f, FUNC_NAME, key[0]);
		put_or_null(f, FUNC_FILE, key[1]);
		put_or_null(f, FUNC_LINE, key[2]);
	}
	return id - 1;
}

static uint32_t frame_of(struct firefox *f, uint32_t node,
			 enum category category)
{
	const struct tree_node *n = &f->tree->nodes[node];
	uint64_t key = (uint64_t)n->label << 8 | (uint64_t)category;
	uint32_t id = map_get(&f->frame_of, key);

	if (id != MAP_NONE)
		return id;
	put(f, FRAME_FUNC, func_of(f, n));
	put_or_null(f, FRAME_LINE, n->detail ? n->detail : NONE);
	put(f, FRAME_CATEGORY, category);
	map_put(&f->frame_of, key, f->nframes);
	return f->nframes++;
}

static uint32_t stack_on(struct firefox *f, uint32_t below, uint32_t frame)
{
	uint64_t key = (uint64_t)below << 32 | frame;
	uint32_t id = map_get(&f->stack_of, key);

	if (id != MAP_NONE)
		return id;
	put_or_null(f, STACK_PREFIX, below);
	put(f, STACK_FRAME, frame);
	map_put(&f->stack_of, key, f->nstacks);
	return f->nstacks++;
}

static enum category category_of_node(const struct firefox *f, uint32_t node)
{
	return f->tree->nodes[node].kind == NODE_MARKER ? OTHER : PYTHON;
}

static uint64_t place(uint32_t node, enum category category)
{
	return (uint64_t)node << 8 | (uint64_t)category;
}

/* The stack up to this node, whose frame is of this category. */
static uint32_t stack_of(struct firefox *f, uint32_t node,
			 enum category category)
{
	const struct tree_node *nodes = f->tree->nodes;
	uint32_t stack = MAP_NONE;
	size_t n = 0;

	while (nodes[node].kind != NODE_THREAD) {
		stack = map_get(&f->of_node, place(node, category));
		if (stack != MAP_NONE)
			break;
		f->path = grow(f->path, &f->cap_path, n + 2, sizeof(*f->path));
		f->path[n++] = node;
		f->path[n++] = category;
		node = nodes[node].parent;
		category = category_of_node(f, node);
	}
	while (n) { /* NONE is MAP_NONE: below the outermost is nothing */
		category = (enum category)f->path[--n];
		node = f->path[--n];
		stack = stack_on(f, stack, frame_of(f, node, category));
		map_put(&f->of_node, place(node, category), stack);
	}
	return stack;
}

/* ---- samples ---- */

static enum category category_of_state(const struct firefox *f,
				       const struct state_def *def)
{
	if (def->run == RUN_STOPPED)
		return IDLE;
	if (def->flags & STATE_GC)
		return GC;
	if (state_wants_gil(def))
		return GIL;
	if (state_is_io(&f->p->symbols, def))
		return IO;
	if (state_is_idle(def))
		return IDLE;
	return def->run == RUN_CPU && def->gil == GIL_NEITHER ? NATIVE : PYTHON;
}

static void put_row(struct firefox *f, uint32_t stack, uint64_t ns,
		    uint64_t weight, uint64_t cpu_ns)
{
	put_or_null(f, SAMPLE_STACK, stack);
	put_time(f, SAMPLE_TIME, ns);
	put(f, SAMPLE_WEIGHT, weight);
	if (cpu_ns == NO_TIME)
		put_null(f, SAMPLE_CPU);
	else
		put(f, SAMPLE_CPU, cpu_ns);
	f->nsamples++;
}

/* When the n-th sample of a run was taken, if its ticks were even. */
static uint64_t moment(const struct timeline_run *run, uint64_t n)
{
	uint64_t length = run->end_ns - run->start_ns, count = run->count;

	if (n >= count)
		return run->end_ns;
	for (; count >> 32; count >>= 1) /* so that products do not wrap */
		n >>= 1;
	return run->start_ns + length / count * n + length % count * n / count;
}

/* How long it was on a processor, of `ns`; NO_TIME: not known. */
static uint64_t cpu_of(const struct state_def *def, uint64_t ns)
{
	if (def->run == RUN_CPU)
		return ns;
	return state_is_idle(def) || def->run == RUN_RUNNABLE ? 0 : NO_TIME;
}

static void put_run(struct firefox *f, const struct timeline_run *run)
{
	const struct profile_cell *cell = &f->p->cells[run->cell];
	const struct state_def *def = &f->p->symbols.states[cell->state];
	uint64_t before = run->start_ns, now, n = 0, weight;
	uint32_t stack = stack_of(f, f->tree->of_cell[run->cell],
				  category_of_state(f, def));

	for (; n < run->count; before = now) {
		weight = run->count - n < f->per_row ? run->count - n
						     : f->per_row;
		n += weight;
		now = moment(run, n);
		put_row(f, stack, now, weight, cpu_of(def, now - before));
	}
}

/* Two rows without a stack tell the front end that nothing is known between. */
static void put_samples(struct firefox *f, const struct timeline_run *runs,
			size_t nruns)
{
	uint64_t until = 0;
	size_t i;

	for (i = 0; i < nruns; i++) {
		if (!f->tree->of_cell[runs[i].cell])
			continue;
		if (f->nsamples && runs[i].start_ns > until) {
			put_row(f, NONE, until, 0, 0);
			put_row(f, NONE, runs[i].start_ns, 0, 0);
		}
		put_run(f, &runs[i]);
		until = runs[i].end_ns;
	}
}

/* ---- markers ---- */

static void end_interval(struct firefox *f, enum interval i, uint64_t end_ns)
{
	struct open_interval *open = &f->open[i];
	struct str *data = &f->columns[MARK_DATA];

	if (!open->value)
		return;
	put(f, MARK_NAME, string(f, intervals[i].name));
	put(f, MARK_CATEGORY, intervals[i].category);
	put_time(f, MARK_START, open->start_ns);
	put_time(f, MARK_END, end_ns);
	str_addf(data, "%s{\"type\":\"%s\"", data->len ? "," : "",
		 intervals[i].name);
	if (i == CALL)
		str_addf(data, ",\"what\":%u", open->value - 1);
	str_addc(data, '}');
	f->nmarkers++;
	open->value = 0;
}

static void take_state(struct firefox *f, const struct state_def *def,
		       uint64_t start_ns)
{
	const char *wait = symbols_text(&f->p->symbols, def->wait);
	uint32_t now[INTERVALS] = {
		[GIL_HOLD] = def->gil == GIL_HELD,
		[GIL_WAIT] = state_wants_gil(def),
		[COLLECTION] = (def->flags & STATE_GC) != 0,
		[CALL] = *wait ? string(f, wait) + 1 : 0,
	};
	enum interval i;

	for (i = 0; i < INTERVALS; i++) {
		if (f->open[i].value != now[i])
			end_interval(f, i, start_ns);
		if (!f->open[i].value) {
			f->open[i].value = now[i];
			f->open[i].start_ns = start_ns;
		}
	}
}

/* Of all samples, also of those that the view leaves out. */
static void put_markers(struct firefox *f, const struct timeline_run *runs,
			size_t nruns)
{
	static const struct state_def nothing;
	const struct profile_cell *cells = f->p->cells;
	uint64_t until = 0;
	size_t i;

	for (i = 0; i < nruns; i++) {
		if (runs[i].start_ns > until)
			take_state(f, &nothing, until);
		take_state(f, &f->p->symbols.states[cells[runs[i].cell].state],
			   runs[i].start_ns);
		until = runs[i].end_ns;
	}
	take_state(f, &nothing, until);
}

/* ---- threads ---- */

static void clear_thread(struct firefox *f)
{
	size_t i;

	for (i = 0; i < COLUMNS; i++)
		str_clear(&f->columns[i]);
	intern_clear(&f->funcs);
	/* To clear a map costs as much as the largest thread before had in it. */
	map_release(&f->frame_of);
	map_release(&f->stack_of);
	map_release(&f->of_node);
	f->nframes = f->nstacks = f->nsamples = f->nmarkers = 0;
}

/* `key`:[VALUE,...] with the same value in each of n rows. */
static void add_constant(struct str *out, const char *key, const char *value,
			 size_t n)
{
	size_t i;

	str_addf(out, ",\"%s\":[", key);
	for (i = 0; i < n; i++)
		str_addf(out, i ? ",%s" : "%s", value);
	str_addc(out, ']');
}

static void add_column(const struct firefox *f, struct str *out,
		       const char *key, enum column column)
{
	str_addf(out, ",\"%s\":[", key);
	str_add(out, f->columns[column].data, f->columns[column].len);
	str_addc(out, ']');
}

static void begin_table(struct str *out, const char *name, size_t length)
{
	str_addf(out, ",\n\"%s\":{\"length\":%zu", name, length);
}

static void add_functions(const struct firefox *f, struct str *out)
{
	size_t n = f->funcs.len - 1;

	begin_table(out, "funcTable", n);
	add_column(f, out, "name", FUNC_NAME);
	add_column(f, out, "fileName", FUNC_FILE);
	add_column(f, out, "lineNumber", FUNC_LINE);
	add_constant(out, "columnNumber", "null", n);
	add_constant(out, "isJS", "false", n);
	add_constant(out, "relevantForJS", "false", n);
	add_constant(out, "resource", "-1", n);
	str_addc(out, '}');
}

static void add_stacks(const struct firefox *f, struct str *out)
{
	size_t n = f->nframes;

	begin_table(out, "frameTable", n);
	add_column(f, out, "func", FRAME_FUNC);
	add_column(f, out, "line", FRAME_LINE);
	add_column(f, out, "category", FRAME_CATEGORY);
	add_constant(out, "subcategory", "0", n);
	add_constant(out, "address", "-1", n);
	add_constant(out, "inlineDepth", "0", n);
	add_constant(out, "nativeSymbol", "null", n);
	add_constant(out, "innerWindowID", "0", n);
	add_constant(out, "column", "null", n);
	str_addc(out, '}');
	begin_table(out, "stackTable", f->nstacks);
	add_column(f, out, "prefix", STACK_PREFIX);
	add_column(f, out, "frame", STACK_FRAME);
	str_addc(out, '}');
}

static void add_samples(const struct firefox *f, struct str *out)
{
	begin_table(out, "samples", f->nsamples);
	add_column(f, out, "stack", SAMPLE_STACK);
	add_column(f, out, "time", SAMPLE_TIME);
	add_column(f, out, "weight", SAMPLE_WEIGHT);
	str_adds(out, ",\"weightType\":\"samples\"");
	if (f->cpu)
		add_column(f, out, "threadCPUDelta", SAMPLE_CPU);
	str_addc(out, '}');
	begin_table(out, "markers", f->nmarkers);
	add_column(f, out, "name", MARK_NAME);
	add_column(f, out, "category", MARK_CATEGORY);
	add_column(f, out, "startTime", MARK_START);
	add_column(f, out, "endTime", MARK_END);
	add_constant(out, "phase", "1", f->nmarkers); /* an interval */
	add_column(f, out, "data", MARK_DATA);
	str_addc(out, '}');
}

static void add_thread_facts(const struct firefox *f, struct str *out,
			     const struct profile_thread *t,
			     const struct timeline_run *runs, size_t nruns)
{
	const struct symbols *s = &f->p->symbols;
	const char *name = symbols_text(s, t->name), *command = "";
	uint32_t others = 0;

	if (t->process < f->p->nprocesses) {
		command = symbols_text(s,
				       f->p->processes[t->process].command);
		others = namesakes(f->p, t->process);
	}
	add_member(out, "name", *name ? name : "thread");
	str_addf(out, ",\"pid\":\"%u", t->pid);
	if (others)
		str_addf(out, "-%u", others + 1);
	str_addf(out, "\",\"tid\":%u,\"isMainThread\":%s,", t->tid,
		 t->flags & THREAD_MAIN ? "true" : "false");
	add_member(out, "processName", *command ? command : "process");
	str_adds(out, ",\"processType\":\"default\",\"processStartupTime\":0,"
		 "\"processShutdownTime\":null,\"pausedRanges\":[],"
		 "\"registerTime\":");
	add_thousandths(out, nruns ? (runs[0].start_ns - f->first_ns) / 1000
				   : 0);
	str_adds(out, ",\"unregisterTime\":");
	if (nruns && thread_ended(f->p, t))
		add_thousandths(out, (runs[nruns - 1].end_ns - f->first_ns) /
					     1000);
	else
		str_adds(out, "null");
}

static bool in_view(const struct firefox *f, const struct timeline_run *runs,
		    size_t nruns)
{
	while (nruns)
		if (f->tree->of_cell[runs[--nruns].cell])
			return true;
	return false;
}

static void add_thread(struct firefox *f, struct str *out,
		       const struct profile_thread *t,
		       const struct timeline_run *runs, size_t nruns)
{
	clear_thread(f);
	put_samples(f, runs, nruns);
	put_markers(f, runs, nruns);
	str_adds(out, out->data[out->len - 1] == '[' ? "\n{" : ",\n{");
	add_thread_facts(f, out, t, runs, nruns);
	add_samples(f, out);
	add_stacks(f, out);
	add_functions(f, out);
	begin_table(out, "resourceTable", 0);
	str_adds(out, ",\"lib\":[],\"name\":[],\"host\":[],\"type\":[]}");
	begin_table(out, "nativeSymbols", 0);
	str_adds(out, ",\"libIndex\":[],\"address\":[],\"name\":[],"
		 "\"functionSize\":[]}}");
}

/* The front end does not open a file without a thread. */
static void add_threads(struct firefox *f, struct str *out)
{
	const struct profile *p = f->p;
	struct profile_thread nobody = {.flags = THREAD_MAIN};
	const struct timeline_run *runs;
	size_t i, n, before = out->len;

	for (i = 0; i < p->nthreads; i++) {
		runs = timeline_thread(p->timeline, (uint32_t)i, &n);
		if (in_view(f, runs, n))
			add_thread(f, out, &p->threads[i], runs, n);
	}
	if (out->len > before)
		return;
	if (p->nprocesses)
		nobody.pid = nobody.tid = p->processes[0].pid;
	add_thread(f, out, &nobody, NULL, 0);
}

/* ---- the whole ---- */

static void add_categories(struct str *out)
{
	enum category i;

	str_adds(out, ",\"categories\":[");
	for (i = 0; i < CATEGORIES; i++)
		str_addf(out, "%s{\"name\":\"%s\",\"color\":\"%s\","
			 "\"subcategories\":[\"Other\"]}",
			 i ? "," : "", categories[i].name,
			 categories[i].colour);
	str_addc(out, ']');
}

static void add_schema(struct str *out)
{
	enum interval i;

	str_adds(out, ",\"markerSchema\":[");
	for (i = 0; i < INTERVALS; i++) {
		str_addf(out, "%s{\"name\":\"%s\",\"display\":[\"marker-chart\""
			 ",\"marker-table\",\"timeline-overview\"]",
			 i ? "," : "", intervals[i].name);
		if (i == CALL)
			str_adds(out, ",\"tableLabel\":\"{marker.data.what}\","
				 "\"chartLabel\":\"{marker.data.what}\","
				 "\"tooltipLabel\":\"{marker.data.what}\","
				 "\"fields\":[{\"key\":\"what\",\"label\":"
				 "\"Waits for\",\"format\":\"unique-string\"}]}");
		else
			str_adds(out, ",\"fields\":[]}");
	}
	str_addc(out, ']');
}

/* One line of the front end's panel about the recording. */
static void add_fact(struct str *out, const char *label, const char *value)
{
	if (!*value)
		return;
	str_adds(out, out->data[out->len - 1] == '[' ? "{" : ",{");
	add_member(out, "label", label);
	str_adds(out, ",\"format\":\"string\",");
	add_member(out, "value", value);
	str_addc(out, '}');
}

static void add_facts(const struct profile *p, const struct render_options *o,
		      struct str *out)
{
	struct str text;

	str_init(&text);
	str_adds(out, ",\"extra\":[{\"label\":\"Recording\",\"entries\":[");
	add_target(&text, p, ", ");
	add_fact(out, "Target", text.data);
	str_clear(&text);
	add_run(&text, p, &o->view, ", ");
	add_fact(out, "Samples", text.data);
	str_clear(&text);
	add_states(&text, p, "; ");
	add_fact(out, "States", text.data);
	str_clear(&text);
	timeline_tell(p->timeline, &text);
	add_fact(out, "Missing", text.data);
	add_fact(out, "Host", symbols_text(&p->symbols, p->host));
	str_adds(out, "]}]");
	str_release(&text);
}

static void add_meta(const struct firefox *f, const struct render_options *o,
		     struct str *out)
{
	const struct profile *p = f->p;
	struct str title;

	str_init(&title);
	add_title(&title, p, o);
	str_adds(out, "\"meta\":{\"preprocessedProfileVersion\":57,"
		 "\"version\":24,\"interval\":");
	add_thousandths(out, p->period_ns / 1000);
	str_adds(out, ",\"startTime\":");
	add_thousandths(out, f->first_ns / 1000);
	str_adds(out, ",\"processType\":0,\"stackwalk\":0,\"debug\":false,"
		 "\"symbolicated\":true,\"usesOnlyOneStackType\":true,"
		 "\"sourceCodeIsNotOnSearchfox\":true,");
	add_member(out, "product", title.data);
	str_addc(out, ',');
	add_member(out, "importedFrom", symbols_text(&p->symbols, p->program));
	str_addc(out, ',');
	add_member(out, "oscpu", symbols_text(&p->symbols, p->kernel));
	str_adds(out, ",\"sampleUnits\":{\"time\":\"ms\",\"eventDelay\":\"ms\","
		 "\"threadCPUDelta\":\"ns\"},\"extensions\":{\"length\":0,"
		 "\"id\":[],\"name\":[],\"baseURL\":[]}");
	add_categories(out);
	add_schema(out);
	add_facts(p, o, out);
	str_addc(out, '}');
	str_release(&title);
}

static void add_strings(const struct firefox *f, struct str *out)
{
	const char *text;
	size_t i, len;

	str_adds(out, "\"shared\":{\"stringArray\":[");
	for (i = 0; i < f->strings.len; i++) {
		text = intern_text(&f->strings, (uint32_t)i, &len);
		if (i)
			str_adds(out, ",\n");
		str_add_json(out, text, len);
	}
	str_adds(out, "]}");
}

static void firefox_init(struct firefox *f, const struct profile *p)
{
	struct state_totals totals;
	size_t i;

	profile_states(p, &totals);
	*f = (struct firefox){.p = p};
	f->cpu = totals.unknown < totals.samples;
	f->per_row = 1 + p->samples / FIREFOX_ROWS;
	f->first_ns = p->timeline->first_ns;
	intern_init(&f->strings);
	intern_init(&f->funcs);
	map_init(&f->frame_of);
	map_init(&f->stack_of);
	map_init(&f->of_node);
	for (i = 0; i < COLUMNS; i++)
		str_init(&f->columns[i]);
}

static void firefox_release(struct firefox *f)
{
	size_t i;

	for (i = 0; i < COLUMNS; i++)
		str_release(&f->columns[i]);
	map_release(&f->of_node);
	map_release(&f->stack_of);
	map_release(&f->frame_of);
	intern_release(&f->funcs);
	intern_release(&f->strings);
	free(f->path);
}

int render_firefox(const struct profile *p, const struct render_options *o,
		   struct str *out, struct err *err)
{
	struct view view = o->view;
	struct tree *tree;
	struct firefox f;

	(void)err;
	view.threads = true;
	firefox_init(&f, p);
	f.tree = tree = tree_build(p, &view);
	str_addc(out, '{');
	add_meta(&f, o, out);
	str_adds(out, ",\n\"libs\":[],\"pages\":[],\n\"threads\":[");
	add_threads(&f, out);
	str_adds(out, "],\n"); /* strings come last: now all are known */
	add_strings(&f, out);
	str_adds(out, "}\n");
	firefox_release(&f);
	tree_free(tree);
	return 0;
}
