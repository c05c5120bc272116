/*
 * The table-free self-check: PyCode_Type describes its own members by name
 * and offset (PyMemberDef, Include/structmember.h), in every version.
 */
#include <errno.h>
#include <string.h>

#include "walk_priv.h"

#define MEMBERS_MAX 40
#define MEMBER_SIZE 40 /* sizeof(PyMemberDef), 64-bit */
#define MEMBER_OFFSET 16
#define NAME_SIZE 24

struct expected {
	const char *name;
	int32_t offset;
};

static int check_member(const struct expected *e, size_t n, const char *name,
			uint64_t offset, unsigned *seen, struct err *err)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (e[i].offset == NO_FIELD || strcmp(e[i].name, name))
			continue;
		if (offset != (uint64_t)e[i].offset)
			return err_set(err, -EBADMSG,
				       "'%s' of its code objects is at offset "
				       "%u, not at %d as in other builds",
				       name, (unsigned)offset, e[i].offset);
		++*seen;
	}
	return 0;
}

/* The names of the members of a table, read all at once; how many there are. */
static size_t read_members(struct walker *w, raddr members,
			   unsigned char table[][MEMBER_SIZE],
			   char names[][NAME_SIZE])
{
	struct range r = {.addr = members, .len = MEMBERS_MAX * MEMBER_SIZE,
			  .to = table}, each[MEMBERS_MAX];
	size_t i, n;

	memset(names, 0, MEMBERS_MAX * NAME_SIZE);
	if (remote_batch(w->remote, &r, 1))
		return 0;
	for (n = 0; (n + 1) * MEMBER_SIZE <= r.got; n++) {
		each[n] = (struct range){
			.addr = at_u64(table[n], MEMBER_SIZE, 0),
			.len = NAME_SIZE - 1,
			.to = names[n]};
		if (!each[n].addr)
			break;
	}
	if (remote_batch(w->remote, each, n))
		return 0;
	for (i = 0; i < n && each[i].got; i++)
		;
	return i;
}

static int check_members(struct walker *w, raddr members, unsigned *seen,
			 struct err *err)
{
	const struct layout *l = &w->layout;
	const struct expected table[] = {
		{"co_name", l->code.name},
		{"co_filename", l->code.filename},
		{"co_qualname", l->code.qualname},
		{"co_firstlineno", l->code.firstlineno},
		{"co_linetable", l->code.linetable},
		{"co_argcount", l->code.argcount},
		{"co_flags", l->code.flags},
	};
	unsigned char m[MEMBERS_MAX][MEMBER_SIZE];
	char names[MEMBERS_MAX][NAME_SIZE];
	size_t i, n = read_members(w, members, m, names);
	int ret;

	for (i = 0; i < n; i++) {
		ret = check_member(table, sizeof(table) / sizeof(*table),
				   names[i],
				   at_u64(m[i], MEMBER_SIZE, MEMBER_OFFSET),
				   seen, err);
		if (ret)
			return ret;
	}
	return 0;
}

int walker_self_check(struct walker *w, bool *checked, struct err *err)
{
	const struct layout *l = &w->layout;
	unsigned char type[512];
	uint64_t basic;
	raddr members;
	unsigned seen = 0;
	int ret;

	*checked = false;
	if (!w->entry.code_type ||
	    remote_read(w->remote, w->entry.code_type, type, sizeof(type)))
		return 0;
	basic = field_of(type, sizeof(type), l->object.type_basicsize);
	members = field_of(type, sizeof(type), l->object.type_members);
	if (l->code.adaptive != NO_FIELD &&
	    basic != (uint64_t)l->code.adaptive)
		return err_set(err, -EBADMSG,
			       "its code objects have %u bytes before the "
			       "bytecode, not %d as in other builds",
			       (unsigned)basic, l->code.adaptive);
	ret = check_members(w, members, &seen, err);
	*checked = !ret && seen >= 3;
	return ret;
}
