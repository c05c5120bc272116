/*
 * How frames, threads and processes are called, and whose code a frame is.
 */
#include <stdlib.h>
#include <string.h>

#include "profile_priv.h"

static bool is(const char *s, size_t len, const char *word)
{
	return len == strlen(word) && !memcmp(s, word, len);
}

static size_t digits(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] >= '0' && s[n] <= '9')
		n++;
	return n;
}

/* "python3", "python3.13", "python3.13t", "python311.zip" */
static bool is_python(const char *s, size_t len)
{
	size_t n;

	if (len < 7 || memcmp(s, "python", 6))
		return false;
	s += 6;
	len -= 6;
	n = digits(s, len);
	if (!n)
		return false;
	s += n;
	len -= n;
	if (is(s, len, ".zip"))
		return true;
	if (len && *s == '.') {
		n = 1 + digits(s + 1, len - 1);
		s += n;
		len -= n;
	}
	return !len || is(s, len, "t");
}

/*
 * Where the part below the innermost library folder begins, NULL when there
 * is none. In a virtual environment, lib/python3.11/site-packages, the
 * package folder is the inner one.
 */
static const char *below_library(const char *file, enum node_kind *kind)
{
	const char *p = file, *slash, *found = NULL;
	bool in_lib = false;
	size_t len;

	while ((slash = strchr(p, '/'))) {
		len = (size_t)(slash - p);
		if (is(p, len, "site-packages") ||
		    is(p, len, "dist-packages")) {
			*kind = NODE_PACKAGE;
			found = slash + 1;
		} else if (in_lib && is_python(p, len)) {
			*kind = NODE_STDLIB;
			found = slash + 1;
		}
		in_lib = is(p, len, "lib") || is(p, len, "lib64");
		p = slash + 1;
	}
	return found && *found ? found : NULL;
}

const char *short_filename(const char *file, const char *cwd)
{
	size_t len = strlen(cwd);
	const char *found, *slash;
	enum node_kind kind;

	found = below_library(file, &kind);
	if (found)
		return found;
	/* A relative one is that of the working directory already. */
	if (*file != '/')
		return file;
	while (len && cwd[len - 1] == '/')
		len--;
	if (len && !strncmp(file, cwd, len) && file[len] == '/' &&
	    file[len + 1])
		return file + len + 1;
	slash = strrchr(file, '/');
	return slash && slash[1] ? slash + 1 : file;
}

enum node_kind kind_of_frame(const struct profile *p, uint32_t frame)
{
	const struct frame_def *f = &p->symbols.frames[frame];
	enum node_kind kind = NODE_OWN;
	const char *file;

	if (f->flags & FRAME_MARKER)
		return NODE_MARKER;
	file = symbols_text(&p->symbols, p->symbols.codes[f->code].file);
	if (!below_library(file, &kind) && !strncmp(file, "<frozen ", 8))
		kind = NODE_STDLIB;
	return kind;
}

void labels_init(struct labels *l, const struct profile *p,
		 const struct view *view, struct intern *to)
{
	size_t n = p->symbols.nframes;

	l->profile = p;
	l->view = view;
	l->to = to;
	l->cwd = "";
	if (p->nprocesses)
		l->cwd = symbols_text(&p->symbols, p->processes[0].cwd);
	l->of_frame = xreallocarray(NULL, n, sizeof(*l->of_frame));
	memset(l->of_frame, 0xff, n * sizeof(*l->of_frame));
	n = p->symbols.nstates;
	l->of_state = xreallocarray(NULL, n, sizeof(*l->of_state));
	memset(l->of_state, 0xff, n * sizeof(*l->of_state));
	str_init(&l->scratch);
}

void labels_release(struct labels *l)
{
	free(l->of_frame);
	free(l->of_state);
	str_release(&l->scratch);
}

/* "a/b/__init__.py" is "a.b", "<frozen os>" is "os"; else as it is. */
static void compose_module(struct labels *l, const char *file)
{
	size_t len, from = l->scratch.len;
	const char *dot;
	char *at;

	if (!strncmp(file, "<frozen ", 8) && strlen(file) > 9) {
		str_add_clean(&l->scratch, file + 8, strlen(file) - 9);
		return;
	}
	if (*file == '<') {
		str_adds_clean(&l->scratch, file);
		return;
	}
	file = short_filename(file, l->cwd);
	dot = strrchr(file, '.');
	len = dot && dot > file && !strchr(dot, '/') ? (size_t)(dot - file)
						     : strlen(file);
	if (len > 9 && !memcmp(file + len - 9, "/__init__", 9))
		len -= 9;
	str_add_clean(&l->scratch, file, len);
	for (at = l->scratch.data + from; (at = strchr(at, '/'));)
		*at = '.';
}

/* Of a file or module. A marker, which has none, is itself. */
static void compose_place(struct labels *l, const struct frame_def *f)
{
	const struct symbols *t = &l->profile->symbols;
	const struct code_def *c = &t->codes[f->code];
	const char *file = symbols_text(t, c->file);

	if (!*file && f->flags & FRAME_MARKER)
		str_adds_clean(&l->scratch, symbols_text(t, c->name));
	else if (!*file)
		str_adds(&l->scratch, "<no file>");
	else if (l->view->label == LABEL_MODULE)
		compose_module(l, file);
	else
		str_adds_clean(&l->scratch, l->view->full_filenames ? file :
			       short_filename(file, l->cwd));
}

/* "name (file.py:42)"; without a file just the name. */
static void compose(struct labels *l, const struct frame_def *f)
{
	const struct symbols *t = &l->profile->symbols;
	const struct code_def *c = &t->codes[f->code];
	const char *name = symbols_text(t, c->name);
	const char *file = symbols_text(t, c->file);
	uint32_t line = 0;

	if (l->view->label >= LABEL_FILE) {
		compose_place(l, f);
		return;
	}
	str_adds_clean(&l->scratch, name);
	if (l->scratch.data[strspn(l->scratch.data, " ")] == '\0') {
		str_clear(&l->scratch);
		str_adds(&l->scratch, "<no name>");
	}
	if (f->flags & FRAME_MARKER || !*file)
		return;
	if (!l->view->full_filenames)
		file = short_filename(file, l->cwd);
	str_adds(&l->scratch, " (");
	str_adds_clean(&l->scratch, file);
	if (l->view->label == LABEL_LINE)
		line = f->line;
	else if (l->view->label == LABEL_FUNCTION)
		line = c->first;
	if (line)
		str_addf(&l->scratch, ":%u", line);
	str_addc(&l->scratch, ')');
}

static uint32_t put(struct labels *l)
{
	return intern_add(l->to, l->scratch.data, l->scratch.len);
}

uint32_t label_frame(struct labels *l, uint32_t frame)
{
	uint32_t *at = &l->of_frame[frame];

	if (*at == LABEL_UNKNOWN) {
		str_clear(&l->scratch);
		compose(l, &l->profile->symbols.frames[frame]);
		*at = put(l);
	}
	return *at;
}

/* The text of a wait is cleaned already, but may be blank. */
static void compose_state(struct labels *l, const struct state_def *def)
{
	const char *wait = symbols_text(&l->profile->symbols, def->wait);

	if (def->run == RUN_STOPPED) {
		str_adds(&l->scratch, "[stopped]");
	} else if (def->flags & STATE_GC) {
		str_adds(&l->scratch, "[GC]");
	} else if (state_wants_gil(def)) {
		str_adds(&l->scratch, "[wait: GIL]");
	} else if (def->run == RUN_RUNNABLE) {
		str_adds(&l->scratch, "[runnable]");
	} else if (!state_is_idle(def)) {
		return;
	} else if (wait[strspn(wait, " ")]) {
		str_adds(&l->scratch, "[wait: ");
		str_adds_clean(&l->scratch, wait);
		str_addc(&l->scratch, ']');
	} else {
		str_adds(&l->scratch,
			 def->run == RUN_DISK ? "[disk]" : "[idle]");
	}
}

uint32_t label_state(struct labels *l, uint32_t state)
{
	uint32_t *at = &l->of_state[state];

	if (!l->view->state_frames)
		return LABEL_NONE;
	if (*at == LABEL_UNKNOWN) {
		str_clear(&l->scratch);
		compose_state(l, &l->profile->symbols.states[state]);
		*at = l->scratch.len ? put(l) : LABEL_NONE;
	}
	return *at;
}

void add_thread_label(struct str *out, const struct profile *p, uint32_t thread)
{
	const struct profile_thread *t = &p->threads[thread];
	const char *name = symbols_text(&p->symbols, t->name);

	str_adds_clean(out, *name ? name : "thread");
	if (t->tid >> 31) /* made up, says nothing to a reader */
		str_addf(out, " (thread 0x%llx)", (unsigned long long)t->ident);
	else
		str_addf(out, " (thread %u)", t->tid);
}

uint32_t label_thread(struct labels *l, uint32_t thread)
{
	str_clear(&l->scratch);
	add_thread_label(&l->scratch, l->profile, thread);
	return put(l);
}

void add_process_id(struct str *out, const struct profile *p, uint32_t process)
{
	const struct profile_process *row = &p->processes[process], *other;
	bool hosts = false;
	uint32_t i, before = 0;

	for (i = 0; i < p->nprocesses; i++) {
		other = &p->processes[i];
		hosts |= other->host != row->host;
		before += i < process && other->pid == row->pid &&
			  other->host == row->host;
	}
	str_addf(out, "%u", row->pid);
	if (before)
		str_addf(out, " #%u", before + 1);
	if (hosts) {
		str_adds(out, " on ");
		str_adds_clean(out, symbols_text(&p->symbols, row->host));
	}
}

uint32_t label_process(struct labels *l, uint32_t process)
{
	const struct profile *p = l->profile;
	const struct profile_process *row = &p->processes[process];
	const char *command = symbols_text(&p->symbols, row->command);

	str_clear(&l->scratch);
	str_adds_clean(&l->scratch, *command ? command : "process");
	str_adds(&l->scratch, " (process ");
	add_process_id(&l->scratch, p, process);
	str_addc(&l->scratch, ')');
	return put(l);
}
