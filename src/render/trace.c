/*
 * Trace events, for Perfetto and chrome://tracing: a slice for as long as a
 * frame was there in neighbouring samples. That is reconstructed, and says so:
 * what a thread did between two samples is not known.
 *
 * The Trace Event Format, as an object. Slices of a thread nest: each begins
 * and ends inside the one it lies in, and stands behind it, since not every
 * reader sorts those that begin together.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "render_priv.h"

/* About 200 MB of text, more than any reader of it takes. */
#define TRACE_SLICES (2u << 20)

#define PID_BITS 22 /* of the largest that Linux gives */

struct slice {
	uint64_t start_ns, end_ns;
	uint32_t node;
};

struct tracing {
	const struct profile *p;
	const struct tree *tree;
	struct slice *slices; /* of the thread at hand, by their start */
	size_t nslices, cap_slices;
	uint64_t total;       /* slices, of all threads */
	size_t *open;         /* slices that have not ended, outermost first */
	size_t nopen, cap_open;
	uint64_t until_ns;    /* as far as these are known to go */
	uint32_t *path;       /* scratch: nodes from the leaf to the root */
	size_t cap_path;
	size_t depth;         /* of that */
};

/* ---- slices ---- */

static void close_above(struct tracing *t, size_t depth, uint64_t end_ns)
{
	while (t->nopen > depth)
		t->slices[t->open[--t->nopen]].end_ns = end_ns;
}

static void open_slice(struct tracing *t, uint32_t node, uint64_t start_ns)
{
	t->slices = grow(t->slices, &t->cap_slices, t->nslices + 1,
			 sizeof(*t->slices));
	t->slices[t->nslices] = (struct slice){.start_ns = start_ns,
					       .node = node};
	t->open = grow(t->open, &t->cap_open, t->nopen + 1, sizeof(*t->open));
	t->open[t->nopen++] = t->nslices++;
}

/* How many slices are open up to that of the node; 0 when it has none. */
static size_t open_up_to(const struct tracing *t, uint32_t node)
{
	const struct tree_node *nodes = t->tree->nodes;
	uint32_t depth = nodes[node].depth, first;

	if (!t->nopen)
		return 0;
	first = nodes[t->slices[t->open[0]].node].depth;
	if (depth < first || depth - first >= t->nopen ||
	    t->slices[t->open[depth - first]].node != node)
		return 0;
	return depth - first + 1;
}

/* The path down to the first node that goes on; how many of these there are. */
static size_t find_path(struct tracing *t, uint32_t node)
{
	const struct tree_node *nodes = t->tree->nodes;
	size_t on;

	t->depth = 0;
	for (; nodes[node].kind != NODE_THREAD; node = nodes[node].parent) {
		on = open_up_to(t, node);
		if (on)
			return on;
		t->path = grow(t->path, &t->cap_path, t->depth + 1,
			       sizeof(*t->path));
		t->path[t->depth++] = node;
	}
	return 0;
}

static void take_run(struct tracing *t, const struct timeline_run *run)
{
	uint32_t node = t->tree->of_cell[run->cell];

	if (!node || run->start_ns == run->end_ns)
		return;
	if (run->start_ns > t->until_ns)
		close_above(t, 0, t->until_ns);
	close_above(t, find_path(t, node), run->start_ns);
	while (t->depth)
		open_slice(t, t->path[--t->depth], run->start_ns);
	t->until_ns = run->end_ns;
}

/* ---- text ---- */

static void begin_event(struct str *out, const char *phase, uint32_t pid,
			uint32_t tid)
{
	if (out->data[out->len - 1] != '[')
		str_addc(out, ',');
	str_addf(out, "\n{\"ph\":\"%s\",\"pid\":%u,\"tid\":%u,", phase, pid,
		 tid);
}

/* Tracks are told apart by it, so it must be another one for a namesake. */
static uint32_t pid_of(const struct profile *p, uint32_t process)
{
	return p->processes[process].pid | namesakes(p, process) << PID_BITS;
}

static void add_name(struct str *out, const char *what, uint32_t pid,
		     uint32_t tid, const char *key, const char *text)
{
	begin_event(out, "M", pid, tid);
	str_addf(out, "\"name\":\"%s\",\"args\":{", what);
	add_member(out, key, text);
	str_adds(out, "}}");
}

/* Since the beginning, in microseconds. */
static uint64_t moment(const struct tracing *t, uint64_t ns)
{
	return (ns - t->p->timeline->first_ns) / 1000;
}

/*
 * Times are whole microseconds, but that a slice ends an eighth before the next
 * one begins. Readers add the beginning and the length up in floating point,
 * which is exact for these; and where an end and a beginning coincide, some
 * open a slice of the same name first, and never close the other.
 */
static void add_slices(const struct tracing *t, struct str *out,
		       uint32_t pid, uint32_t tid)
{
	const struct slice *s, *end = t->slices + t->nslices;
	uint64_t ts, dur;

	for (s = t->slices; s < end; s++) {
		ts = moment(t, s->start_ns);
		dur = moment(t, s->end_ns) - ts;
		if (!dur)
			continue;
		begin_event(out, "X", pid, tid);
		str_addf(out, "\"ts\":%llu,\"dur\":%llu.875,",
			 (unsigned long long)ts, (unsigned long long)dur - 1);
		add_member(out, "name",
			   intern_text(&t->tree->labels,
				       t->tree->nodes[s->node].label, NULL));
		str_addc(out, '}');
	}
}

static int add_thread(struct tracing *t, uint32_t index, struct str *out,
		      struct err *err)
{
	const struct profile_thread *thread = &t->p->threads[index];
	const char *name = symbols_text(&t->p->symbols, thread->name);
	uint32_t pid = pid_of(t->p, thread->process);
	const struct timeline_run *runs;
	size_t i, n;

	runs = timeline_thread(t->p->timeline, index, &n);
	t->nslices = 0;
	t->until_ns = 0;
	for (i = 0; i < n && t->total + t->nslices < TRACE_SLICES; i++)
		take_run(t, &runs[i]);
	close_above(t, 0, t->until_ns);
	t->total += t->nslices;
	if (i < n)
		return err_set(err, -E2BIG,
			       "the trace has more than %u slices; choose a "
			       "part of it, by --from and --to or by --focus",
			       TRACE_SLICES);
	if (!t->nslices)
		return 0;
	add_name(out, "thread_name", pid, thread->tid, "name",
		 *name ? name : "thread");
	add_slices(t, out, pid, thread->tid);
	return 0;
}

static void add_processes(const struct profile *p, struct str *out)
{
	const char *command;
	uint32_t i, pid;

	for (i = 0; i < p->nprocesses; i++) {
		command = symbols_text(&p->symbols, p->processes[i].command);
		pid = pid_of(p, i);
		add_name(out, "process_name", pid, pid, "name",
			 *command ? command : "process");
		add_name(out, "process_labels", pid, pid, "labels",
			 "reconstructed from samples");
	}
}

static void add_head(const struct profile *p, const struct render_options *o,
		     struct str *out)
{
	struct str text;

	str_init(&text);
	add_title(&text, p, o);
	str_adds(out, "{\"displayTimeUnit\":\"ms\",\"otherData\":{");
	add_member(out, "title", text.data);
	str_addc(out, ',');
	add_member(out, "exporter", symbols_text(&p->symbols, p->program));
	str_addc(out, ',');
	add_member(out, "note", "slices are reconstructed from samples; what "
		   "a thread did between two of them is not known");
	str_addc(out, ',');
	str_clear(&text);
	add_run(&text, p, &o->view, " | ");
	add_member(out, "run", text.data);
	str_clear(&text);
	timeline_tell(p->timeline, &text);
	if (text.len) {
		str_addc(out, ',');
		add_member(out, "missing", text.data);
	}
	str_addf(out, ",\"began_ns\":\"%llu\"},\n\"traceEvents\":[",
		 (unsigned long long)p->timeline->first_ns);
	str_release(&text);
}

int render_trace(const struct profile *p, const struct render_options *o,
		 struct str *out, struct err *err)
{
	struct view view = o->view;
	struct tracing t = {.p = p};
	struct tree *tree;
	size_t i, before = out->len;
	int ret = 0;

	view.threads = true;
	t.tree = tree = tree_build(p, &view);
	add_head(p, o, out);
	add_processes(p, out);
	for (i = 0; i < p->nthreads && !ret; i++)
		ret = add_thread(&t, (uint32_t)i, out, err);
	str_adds(out, "\n]}\n");
	if (ret)
		out->len = before;
	free(t.slices);
	free(t.open);
	free(t.path);
	tree_free(tree);
	return ret;
}
