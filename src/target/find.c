/*
 * Where is the interpreter? The mapped files that may hold one are opened as
 * the target sees them; symbols and, from 3.13 on, the target's own debug
 * offsets say the rest.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "elf.h"
#include "target_priv.h"

#define ACCESSOR_BYTES 48 /* of machine code that are looked at */

/* The file name of a path. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* How likely a file holds an interpreter; 0: the last to be tried. */
static int likelihood(const struct map_entry *e, const char *exe)
{
	const char *name = base_name(e->path);

	if (!strncmp(name, "libpython", 9))
		return 3;
	if (!strcmp(e->path, exe))
		return 2;
	return strstr(name, "python") ? 1 : 0;
}

static bool is_module(const struct maps *m, size_t i)
{
	const struct map_entry *e = &m->entries[i];

	return e->inode && e->path[0] == '/' && e->offset == 0 &&
	       (i == 0 || m->entries[i - 1].inode != e->inode);
}

static uint64_t symbol_at(const struct image_symbol *s, uint64_t bias)
{
	return s->addr ? s->addr + bias : 0;
}

/*
 * The variable that a function of the kind `mov var(%rip),%rax; ret` or `mov
 * var(%rip),%eax; test` begins with, from its machine code (x86-64). Stripped
 * builds of 2.7 and 3.6 have no other trace of it.
 */
static raddr variable_of(struct remote *r, raddr function, bool wide)
{
	static const unsigned char mov64[] = {0x48, 0x8b, 0x05};
	static const unsigned char mov32[] = {0x8b, 0x05};
	const unsigned char *op = wide ? mov64 : mov32;
	size_t n = wide ? sizeof(mov64) : sizeof(mov32), i;
	unsigned char code[ACCESSOR_BYTES];

	if (!function || remote_read(r, function, code, sizeof(code)))
		return 0;
	for (i = 0; i + n + 6 <= sizeof(code); i++) {
		if (memcmp(code + i, op, n))
			continue;
		if (code[i + n + 4] != (wide ? 0xc3 : 0x85))
			continue;
		return function + i + n + 4 +
		       (raddr)(int64_t)(int32_t)at_u32(code, sizeof(code),
						       i + n);
	}
	return 0;
}

/* 2.7 and 3.6: static variables instead of a runtime structure. */
static bool find_statics(struct found *f, struct image *img, uint64_t bias,
			 struct remote *r)
{
	struct image_symbol s[] = {
		{.name = "interp_head"},
		{.name = "_PyThreadState_Current"},
		{.name = "collecting"},
		{.name = "PyInterpreterState_Head"},
		{.name = "PyGC_Collect"},
		{.name = "gil_cond"},
		{.name = "interpreter_lock"},
	};
	struct entry_points *e = &f->entry;

	image_symbols(img, s, sizeof(s) / sizeof(*s));
	e->interp_head = symbol_at(&s[0], bias);
	e->current = symbol_at(&s[1], bias);
	e->collecting = symbol_at(&s[2], bias);
	e->gil_cond = symbol_at(&s[5], bias);
	e->gil_lock = symbol_at(&s[6], bias);
	if (!e->interp_head)
		e->interp_head =
			variable_of(r, symbol_at(&s[3], bias), true);
	if (!e->collecting)
		e->collecting =
			variable_of(r, symbol_at(&s[4], bias), false);
	return e->interp_head != 0;
}

static void find_symbols(struct found *f, struct image *img, uint64_t bias,
			 struct remote *r)
{
	struct image_symbol s[] = {
		{.name = "PyCode_Type"},
		{.name = "_PyRuntime"},
		{.name = "_Py_NoneStruct"},
	};
	uint64_t addr, size;

	image_symbols(img, s, sizeof(s) / sizeof(*s));
	f->entry.code_type = symbol_at(&s[0], bias);
	f->entry.runtime = symbol_at(&s[1], bias);
	f->entry.none = symbol_at(&s[2], bias);
	if (!f->entry.runtime &&
	    image_section(img, ".PyRuntime", &addr, &size) == 0)
		f->entry.runtime = addr + bias;
	if (!f->entry.runtime && f->entry.code_type)
		find_statics(f, img, bias, r);
}

static uint32_t version_symbol(struct image *img, uint64_t bias,
			       struct remote *r)
{
	struct image_symbol s = {.name = "Py_Version"};
	unsigned char v[4];

	image_symbols(img, &s, 1);
	if (!s.addr || remote_read(r, s.addr + bias, v, sizeof(v)))
		return 0;
	return at_u32(v, sizeof(v), 0);
}

/*
 * The version and the layout. 3.13 and later tell both in their runtime
 * structure; 3.11 and 3.12 have a constant; before, only the version text.
 */
static int find_layout(struct found *f, struct image *img, uint64_t bias,
		       const struct maps *maps, size_t at, struct remote *r,
		       struct err *err)
{
	unsigned char table[DEBUG_OFFSETS_MAX];
	struct range range = {.addr = f->entry.runtime,
			      .len = sizeof(table),
			      .to = table};
	int ret;

	if (f->entry.runtime) {
		ret = remote_batch(r, &range, 1);
		if (ret)
			return ret;
		f->version = offsets_version(table, range.got);
	}
	if (f->version)
		return layout_from_offsets(&f->layout, table, range.got, err);
	if (f->entry.runtime)
		f->version = version_symbol(img, bias, r);
	if (!f->version)
		f->version = version_in_data(maps, at, r);
	if (!f->version)
		return err_set(err, -EAGAIN,
			       "the Python interpreter in '%s' is not "
			       "initialised; if it is not just starting, its "
			       "version cannot be told",
			       maps->entries[at].path);
	ret = layout_for_version(&f->layout, f->version, err);
	if (!ret && layout_needs_offsets(&f->layout))
		return err_set(err, -EAGAIN,
			       "the Python interpreter in '%s' has no debug "
			       "offsets (yet)",
			       maps->entries[at].path);
	return ret;
}

/* Whether an interpreter stands behind the entry points. */
static bool initialised(const struct found *f, struct remote *r)
{
	raddr head = f->entry.interp_head;
	unsigned char p[8];

	if (f->entry.runtime)
		head = f->entry.runtime +
		       (raddr)f->layout.runtime.interpreters_head;
	return !remote_read(r, head, p, sizeof(p)) && at_u64(p, sizeof(p), 0);
}

/* One mapped file; -ENOENT when it holds no interpreter. */
static int look_into(struct found *f, const struct process *p,
		     const struct maps *maps, size_t at, struct remote *r,
		     struct err *err)
{
	const struct map_entry *e = &maps->entries[at];
	struct image *img = NULL;
	uint64_t bias;
	int ret, fd = process_open_mapped(p, e, err);

	if (fd < 0)
		return fd;
	ret = image_open(&img, fd, err);
	close(fd);
	if (ret)
		return ret;
	memset(f, 0, sizeof(*f));
	bias = image_bias(img, e->start, e->offset);
	find_symbols(f, img, bias, r);
	if (!f->entry.runtime && !f->entry.interp_head)
		ret = -ENOENT;
	else
		ret = find_layout(f, img, bias, maps, at, r, err);
	image_close(img);
	if (!ret && !initialised(f, r))
		ret = err_set(err, -EAGAIN,
			      "the Python interpreter in '%s' is not "
			      "initialised",
			      e->path);
	f->start = e->start;
	f->inode = e->inode;
	return ret;
}

static int not_python(const struct process *p, bool unreadable,
		      const struct err *why, struct err *err)
{
	struct str command;
	int ret;

	str_init(&command);
	process_command(p, &command);
	if (unreadable)
		ret = err_set(err, -ENOENT,
			      "no Python interpreter found in process %d "
			      "('%.100s'): %s",
			      (int)p->pid, command.data, why->msg);
	else
		ret = err_set(err, -ENOENT,
			      "process %d ('%.100s') is not Python: no "
			      "interpreter is mapped into it; give the PID of "
			      "the Python process itself, perhaps one of its "
			      "children",
			      (int)p->pid, command.data);
	str_release(&command);
	return ret;
}

/* What is known after some of the files, and the sentence about it. */
struct search {
	int best;
	struct err why;
};

/*
 * A file that does not help may be the wrong one: there can be a second
 * libpython that nobody initialised. The first reason of the most telling
 * kind is kept: -EAGAIN or -ENOTSUP over a file that cannot be read, over
 * none at all.
 */
static void keep_reason(struct search *s, int ret, int rank,
			const struct err *why)
{
	bool told = s->best == -EAGAIN || s->best == -ENOTSUP;

	if (ret == -ENOENT || told)
		return;
	if (ret != -EAGAIN && ret != -ENOTSUP && (rank < 2 || s->best))
		return;
	s->best = ret;
	s->why = *why;
}

static int search_maps(struct found *f, const struct process *p,
		       const struct maps *maps, const char *exe,
		       struct remote *r, struct search *s)
{
	struct err why = {""};
	int rank, ret;
	size_t i;

	for (rank = 3; rank >= 0; rank--) {
		/* The unlikely files are opened only if nothing was found. */
		if (rank == 0 && s->best)
			break;
		for (i = 0; i < maps->len; i++) {
			if (!is_module(maps, i) ||
			    likelihood(&maps->entries[i], exe) != rank)
				continue;
			ret = look_into(f, p, maps, i, r, &why);
			if (!ret)
				return 0;
			keep_reason(s, ret, rank, &why);
		}
	}
	return s->best ? s->best : -ENOENT;
}

int find_interpreter(struct found *f, const struct process *p,
		     struct remote *r, struct err *err)
{
	struct search s = {.best = 0};
	struct maps maps;
	struct str exe;
	int ret;

	ret = maps_read(&maps, p, err);
	if (ret)
		return ret;
	str_init(&exe);
	process_exe(p, &exe);
	ret = search_maps(f, p, &maps, exe.data, r, &s);
	if (ret == -EAGAIN || ret == -ENOTSUP)
		err_set(err, ret, "%s", s.why.msg);
	else if (ret)
		ret = not_python(p, s.best != 0, &s.why, err);
	str_release(&exe);
	maps_release(&maps);
	return ret;
}

bool still_mapped(const struct found *f, const struct process *p)
{
	struct maps maps;
	const struct map_entry *e;
	bool there;

	if (maps_read(&maps, p, NULL))
		return false;
	e = maps_find(&maps, f->start);
	there = e && e->inode == f->inode;
	maps_release(&maps);
	return there;
}
