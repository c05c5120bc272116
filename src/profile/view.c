/*
 * Which samples a view shows, and how many there are of each kind.
 */
#include <errno.h>
#include <string.h>

#include "profile_priv.h"

static const struct {
	const char *name, *about;
} modes[VIEW_MODES] = {
	[MODE_DEFAULT] = {"", ""},
	[MODE_WALL] = {"wall", ""},
	[MODE_CPU] = {"cpu", "on CPU"},
	[MODE_GIL] = {"gil", "holding the GIL"},
	[MODE_OFFCPU] = {"offcpu", "off CPU"},
	[MODE_GC] = {"gc", "in garbage collection"},
	[MODE_EXCEPTION] = {"exception", "handling an exception"},
};

const char *mode_name(enum view_mode mode)
{
	return (unsigned)mode < VIEW_MODES ? modes[mode].name : "unknown";
}

const char *mode_about(enum view_mode mode)
{
	return (unsigned)mode < VIEW_MODES ? modes[mode].about : "";
}

int mode_by_name(const char *name)
{
	int i;

	for (i = MODE_DEFAULT + 1; i < VIEW_MODES; i++)
		if (!strcmp(modes[i].name, name))
			return i;
	return -EINVAL;
}

static bool state_in_mode(const struct state_def *def, enum view_mode mode)
{
	switch (mode) {
	case MODE_CPU:
		return !state_is_idle(def) && def->run != RUN_RUNNABLE;
	case MODE_GIL:
		return def->gil == GIL_HELD;
	case MODE_OFFCPU:
		return state_is_idle(def) || def->run == RUN_RUNNABLE;
	case MODE_GC:
		return def->flags & STATE_GC;
	case MODE_EXCEPTION:
		return def->flags & STATE_EXCEPTION;
	default:
		return true;
	}
}

bool view_has_idle(const struct view *view)
{
	return view->mode == MODE_DEFAULT ? view->idle : view->mode != MODE_CPU;
}

/* Of the mode, but left out since it is idle. */
static bool idle_left_out(const struct state_def *def, const struct view *view)
{
	return view->mode == MODE_DEFAULT && !view->idle && state_is_idle(def);
}

bool cell_in_view(const struct profile *p, const struct view *view,
		  const struct profile_cell *cell)
{
	const struct state_def *def = &p->symbols.states[cell->state];

	if (p->out_of_focus && p->out_of_focus[cell - p->cells])
		return false;
	return state_in_mode(def, view->mode) && !idle_left_out(def, view);
}

void view_count(const struct profile *p, const struct view *view,
		struct view_count *out)
{
	const struct profile_cell *c;
	const struct state_def *def;
	size_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < p->ncells; i++) {
		c = &p->cells[i];
		def = &p->symbols.states[c->state];
		if (!state_in_mode(def, view->mode))
			continue;
		if (idle_left_out(def, view))
			out->idle += c->count;
		else if (p->out_of_focus && p->out_of_focus[i])
			out->unfocused += c->count;
		else
			out->samples += c->count;
	}
}

static void add_state(struct state_totals *out, const struct profile *p,
		      const struct profile_cell *c)
{
	const struct state_def *def = &p->symbols.states[c->state];

	out->samples += c->count;
	if (def->run == RUN_STOPPED)
		out->stopped += c->count;
	else if (state_is_idle(def))
		out->waiting += c->count;
	else if (def->run == RUN_CPU)
		out->cpu += c->count;
	else if (def->run == RUN_RUNNABLE)
		out->runnable += c->count;
	else
		out->unknown += c->count;
	if (state_wants_gil(def) && state_is_idle(def))
		out->gil_wanted += c->count;
	if (def->run == RUN_DISK)
		out->disk += c->count;
	if (def->gil != GIL_UNKNOWN)
		out->gil_known += c->count;
	if (def->flags & STATE_GC)
		out->gc += c->count;
	if (def->flags & STATE_EXCEPTION)
		out->exception += c->count;
}

void profile_states(const struct profile *p, struct state_totals *out)
{
	size_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < p->ncells; i++)
		add_state(out, p, &p->cells[i]);
}

struct state_totals *profile_thread_states(const struct profile *p)
{
	struct state_totals *t = xcalloc(p->nthreads, sizeof(*t));
	size_t i;

	for (i = 0; i < p->ncells; i++)
		add_state(&t[p->cells[i].thread], p, &p->cells[i]);
	return t;
}

const char *view_missing(const struct profile *p, const struct view *view)
{
	struct state_totals t;

	profile_states(p, &t);
	if (view->mode == MODE_GIL && t.samples && !t.gil_known)
		return "who held the GIL";
	if (view->mode == MODE_OFFCPU && t.samples && t.unknown == t.samples)
		return "what the threads did";
	return NULL;
}
