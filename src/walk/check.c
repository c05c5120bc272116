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
	unsigned char m[MEMBER_SIZE];
	char name[24];
	size_t i;
	int ret;

	for (i = 0; i < MEMBERS_MAX; i++) {
		if (remote_read(w->remote, members + i * MEMBER_SIZE, m,
				sizeof(m)))
			return 0;
		if (!at_u64(m, sizeof(m), 0))
			return 0;
		memset(name, 0, sizeof(name));
		if (remote_read(w->remote, at_u64(m, sizeof(m), 0), name,
				sizeof(name) - 1))
			return 0;
		ret = check_member(table, sizeof(table) / sizeof(*table), name,
				   at_u64(m, sizeof(m), MEMBER_OFFSET), seen,
				   err);
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
