/*
 * The text of /proc/PID/maps. The kernel writes it, but the target chooses
 * the names in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "process_priv.h"

/* A position in one line; `p` never passes `end`. */
struct line {
	char *p, *end;
	bool bad;
};

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* A number of at least one digit that fits, and the character behind it. */
static uint64_t number(struct line *l, unsigned base, char after)
{
	uint64_t v = 0;
	int digit, n;

	for (n = 0; l->p < l->end; n++, l->p++) {
		digit = digit_of(*l->p);
		if (digit < 0 || (unsigned)digit >= base)
			break;
		if (v > (UINT64_MAX - (unsigned)digit) / base)
			l->bad = true;
		v = v * base + (unsigned)digit;
	}
	if (!n || l->p == l->end || *l->p != after)
		l->bad = true;
	else
		l->p++;
	return v;
}

/* "r-xp " */
static void permissions(struct line *l, struct map_entry *e)
{
	if (l->end - l->p < 5 || l->p[4] != ' ') {
		l->bad = true;
		return;
	}
	e->read = l->p[0] == 'r';
	e->write = l->p[1] == 'w';
	e->exec = l->p[2] == 'x';
	l->p += 5;
}

/*
 * The kernel writes a newline in a name as \012 and nothing else so
 * (show_map_vma in fs/proc/task_mmu.c, 6.1), a backslash as itself; a file
 * named with the four characters is mistaken, which opening it will find.
 */
static size_t decode_newlines(char *s, size_t len)
{
	size_t from, to = 0;

	for (from = 0; from < len; from++) {
		if (len - from >= 4 && !memcmp(s + from, "\\012", 4)) {
			s[to++] = '\n';
			from += 3;
		} else {
			s[to++] = s[from];
		}
	}
	s[to] = '\0';
	return to;
}

/*
 * "START-END PERM OFFSET MAJOR:MINOR INODE   PATH"; the inode is followed by
 * a space even where there is no path. Line without its newline; the byte
 * at `end` may be written to.
 */
static bool parse_line(struct map_entry *e, char *text, char *end)
{
	struct line l = {.p = text, .end = end};
	size_t len;

	memset(e, 0, sizeof(*e));
	e->start = number(&l, 16, '-');
	e->end = number(&l, 16, ' ');
	if (l.bad)
		return false;
	permissions(&l, e);
	e->offset = number(&l, 16, ' ');
	e->dev_major = (uint32_t)number(&l, 16, ':');
	e->dev_minor = (uint32_t)number(&l, 16, ' ');
	e->inode = number(&l, 10, ' ');
	if (l.bad || e->start >= e->end)
		return false;
	while (l.p < end && *l.p == ' ')
		l.p++;
	len = decode_newlines(l.p, (size_t)(end - l.p));
	e->deleted = strip_deleted(l.p, &len);
	e->path = l.p;
	return true;
}

/* Of m->text, in place. */
static void parse_text(struct maps *m)
{
	char *p = m->text->data, *end = p + m->text->len, *line_end;
	uint64_t last = 0;
	size_t cap = 0;

	for (; p < end; p = line_end + 1) {
		line_end = memchr(p, '\n', (size_t)(end - p));
		/* A cut last line has lost the end of its path. */
		if (!line_end)
			break;
		m->entries = grow(m->entries, &cap, m->len + 1,
				  sizeof(*m->entries));
		/* In order, so that they can be searched by bisection. */
		if (!parse_line(&m->entries[m->len], p, line_end) ||
		    m->entries[m->len].start < last)
			continue;
		last = m->entries[m->len++].end;
	}
}

static void maps_init(struct maps *m)
{
	memset(m, 0, sizeof(*m));
	m->text = xmalloc(sizeof(*m->text));
	str_init(m->text);
}

void maps_parse(struct maps *m, const char *text, size_t len)
{
	maps_init(m);
	str_add(m->text, text, len);
	parse_text(m);
}

int maps_read(struct maps *m, const struct process *p, struct err *err)
{
	int ret;

	maps_init(m);
	ret = file_read(m->text, p->dirfd, "maps", MAPS_MAX);
	if (!ret)
		parse_text(m);
	/* The memory goes before the process does: no lines at all. */
	if (ret == -ESRCH || ret == -ENOENT || (!ret && !m->len))
		ret = err_set(err, -ESRCH, "process %d has ended",
			      (int)p->pid);
	else if (ret == -EPERM)
		ret = process_denied(p, err);
	else if (ret == -E2BIG)
		err_set(err, ret, "process %d has more mappings than the "
			"limit of %u bytes of '/proc/%d/maps' can hold",
			(int)p->pid, MAPS_MAX, (int)p->pid);
	else if (ret)
		err_set(err, ret, "cannot read '/proc/%d/maps': %s",
			(int)p->pid, strerror(-ret));
	if (ret)
		maps_release(m);
	return ret;
}

void maps_release(struct maps *m)
{
	free(m->entries);
	if (m->text)
		str_release(m->text);
	free(m->text);
	memset(m, 0, sizeof(*m));
}

const struct map_entry *maps_find(const struct maps *m, uint64_t addr)
{
	size_t low = 0, high = m->len, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (addr < m->entries[mid].start)
			high = mid;
		else if (addr >= m->entries[mid].end)
			low = mid + 1;
		else
			return &m->entries[mid];
	}
	return NULL;
}
