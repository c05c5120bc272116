/*
 * "FILE:FUNCTION": which function of a profile that is, and what its file
 * says.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli_priv.h"

#define TOLD_MAX 4u /* functions that a sentence names */

/* What was asked for, in its two parts. */
struct wanted {
	const struct profile *p;
	char *file; /* "" for any */
	const char *function;
	uint64_t line; /* when the function is a number; else 0 */
	uint32_t *codes; /* what fits */
	size_t n, cap;
};

static const char *text_of(const struct profile *p, uint32_t string)
{
	return symbols_text(&p->symbols, string);
}

static const char *name_of(const struct profile *p, uint32_t code)
{
	return text_of(p, p->symbols.codes[code].name);
}

static const char *file_of(const struct profile *p, uint32_t code)
{
	return text_of(p, p->symbols.codes[code].file);
}

/* The same, or what is behind one of these letters in it. */
static bool is_tail(const char *whole, const char *tail, char before)
{
	size_t n = strlen(whole), m = strlen(tail);

	return m <= n && !strcmp(whole + n - m, tail) &&
	       (m == n || whole[n - m - 1] == before);
}

static bool file_fits(const struct wanted *w, uint32_t code)
{
	const char *file = file_of(w->p, code);

	return *file && (!*w->file || is_tail(file, w->file, '/'));
}

static bool function_fits(const struct wanted *w, uint32_t code, bool whole)
{
	const char *name = name_of(w->p, code);

	if (w->line)
		return w->p->symbols.codes[code].first == w->line;
	return whole ? !strcmp(name, w->function)
		     : is_tail(name, w->function, '.');
}

/* A whole name counts more than the end of one. */
static void collect(struct wanted *w, bool whole)
{
	uint32_t i;

	for (i = 0; i < w->p->symbols.ncodes; i++) {
		if (!file_fits(w, i) || !function_fits(w, i, whole))
			continue;
		w->codes = grow(w->codes, &w->cap, w->n + 1,
				sizeof(*w->codes));
		w->codes[w->n++] = i;
	}
}

/* ---- sentences ---- */

/* Ever longer ways to write a function, until they differ. */
static void add_candidate(struct str *s, const struct profile *p,
			  uint32_t code, int way)
{
	const char *file = file_of(p, code), *cwd = "";

	if (p->nprocesses)
		cwd = text_of(p, p->processes[0].cwd);
	str_adds_clean(s, way ? file : short_filename(file, cwd));
	str_addc(s, ':');
	if (way < 2)
		str_adds_clean(s, name_of(p, code));
	else
		str_addf(s, "%u", p->symbols.codes[code].first);
}

static bool all_differ(const struct wanted *w, int way)
{
	struct intern seen;
	struct str s;
	size_t i;

	intern_init(&seen);
	str_init(&s);
	for (i = 0; i < w->n; i++) {
		str_clear(&s);
		add_candidate(&s, w->p, w->codes[i], way);
		intern_add(&seen, s.data, s.len);
	}
	str_release(&s);
	i = seen.len;
	intern_release(&seen);
	return i == w->n + 1; /* the empty string is one, too */
}

static int tell_several(const struct wanted *w, const char *what,
			struct err *err)
{
	struct str s;
	int way = 0;
	size_t i;

	while (way < 2 && !all_differ(w, way))
		way++;
	str_init(&s);
	for (i = 0; i < w->n && i < TOLD_MAX; i++) {
		str_adds(&s, i ? ", '" : "'");
		add_candidate(&s, w->p, w->codes[i], way);
		str_addc(&s, '\'');
	}
	if (i < w->n)
		str_addf(&s, " and %zu more", w->n - i);
	err_set(err, -ENOENT, "'%s' may be any of %zu functions: %s", what,
		w->n, s.data);
	str_release(&s);
	return -ENOENT;
}

/* The nearest of the files, or of the functions in the file that was named. */
static const char *nearest_of(const struct wanted *w, bool files)
{
	const struct symbols *t = &w->p->symbols;
	const char **all = xreallocarray(NULL, 2 * t->ncodes, sizeof(*all));
	const char *found, *dot, *name;
	size_t n = 0;
	uint32_t i;

	for (i = 0; i < t->ncodes; i++) {
		if (!*file_of(w->p, i) || (!files && !file_fits(w, i)))
			continue;
		name = files ? file_of(w->p, i) : name_of(w->p, i);
		dot = strrchr(name, files ? '/' : '.');
		all[n++] = name;
		if (dot && dot[1])
			all[n++] = dot + 1;
	}
	found = nearest(files ? w->file : w->function, all, n);
	free(all);
	return found;
}

static int tell_none(const struct wanted *w, const char *what, struct err *err)
{
	const char *near;
	struct str s;
	bool file = false;
	uint32_t i;

	for (i = 0; i < w->p->symbols.ncodes && !file; i++)
		file = file_fits(w, i);
	near = nearest_of(w, !file);
	str_init(&s);
	if (near) {
		str_adds(&s, "; did you mean '");
		str_adds_clean(&s, near);
		str_adds(&s, "'?");
	} else if (!*w->file && strchr(what, '.')) {
		str_adds(&s, "; write FILE:FUNCTION");
	}
	if (!file && *w->file)
		err_set(err, -ENOENT, "no sample was in a file '%s'%s",
			w->file, s.data);
	else if (w->line)
		err_set(err, -ENOENT, "no function that was sampled begins in "
			"line %llu of '%s'%s", (unsigned long long)w->line,
			w->file, s.data);
	else if (*w->file)
		err_set(err, -ENOENT, "no sample was in a function '%s' of "
			"'%s'%s", w->function, w->file, s.data);
	else
		err_set(err, -ENOENT, "no sample was in a function '%s'%s",
			w->function, s.data);
	str_release(&s);
	return -ENOENT;
}

static int find_code(const struct profile *p, const char *what, uint32_t *code,
		     struct err *err)
{
	const char *colon = strrchr(what, ':');
	struct wanted w = {.p = p};
	int ret = 0;

	w.file = xstrndup(what, colon ? (size_t)(colon - what) : 0);
	w.function = colon ? colon + 1 : what;
	if (colon && parse_number("line", w.function, &w.line, NULL))
		w.line = 0;
	collect(&w, true);
	if (!w.n && !w.line)
		collect(&w, false);
	if (w.n == 1)
		*code = w.codes[0];
	else
		ret = w.n ? tell_several(&w, what, err)
			  : tell_none(&w, what, err);
	free(w.codes);
	free(w.file);
	return ret;
}

/* ---- the file ---- */

/* From a process of the recording that still lives. */
static int read_of(const struct profile_process *info, const char *file,
		   struct str *out, uint64_t *changed_ns)
{
	struct process process;
	int ret = process_open(&process, (pid_t)info->pid, NULL);

	if (ret)
		return ret;
	ret = process.start == info->start
		      ? source_read_of(&process, file, out, changed_ns)
		      : -ESRCH;
	process_close(&process);
	return ret;
}

static int read_file(const struct profile *p, const char *file,
		     struct str *out, uint64_t *changed_ns)
{
	const char *cwd;
	int ret = -ENOENT;
	size_t i;

	for (i = 0; i < p->nprocesses; i++)
		if (!read_of(&p->processes[i], file, out, changed_ns))
			return 0;
	for (i = 0; i < p->nprocesses; i++) {
		cwd = text_of(p, p->processes[i].cwd);
		ret = source_read_here(cwd, file, out, changed_ns);
		if (!ret)
			return 0;
	}
	return ret;
}

void annotated_init(struct annotated *a)
{
	memset(a, 0, sizeof(*a));
	str_init(&a->text);
	str_init(&a->note);
}

void annotated_release(struct annotated *a)
{
	str_release(&a->text);
	str_release(&a->note);
}

int annotated_find(struct annotated *a, const struct profile *p,
		   const char *what, struct err *err)
{
	uint64_t changed_ns = 0;
	const char *file;
	int ret = find_code(p, what, &a->source.code, err);

	if (ret)
		return ret;
	file = file_of(p, a->source.code);
	ret = read_file(p, file, &a->text, &changed_ns);
	a->source.changed = !ret && p->wall_ns && changed_ns > p->wall_ns;
	if (ret)
		str_addf(&a->note, "its file cannot be read: %s",
			 strerror(-ret));
	else if (a->source.changed)
		str_adds(&a->note, "its file was changed after the recording "
			 "began: lines may have moved");
	if (!ret)
		a->source.text = a->text.data;
	a->source.len = a->text.len;
	a->source.note = a->note.data;
	return 0;
}
