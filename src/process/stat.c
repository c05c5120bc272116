/*
 * Small files of /proc/PID: stat, command line, links.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "process_priv.h"

int proc_error(int error)
{
	switch (error) {
	case EACCES:
		return -EPERM;
	case ENOENT: /* the folder of a process that ended */
		return -ESRCH;
	default:
		return -error;
	}
}

ssize_t proc_reread(int fd, char *to, size_t size)
{
	ssize_t n;

	do
		n = pread(fd, to, size - 1, 0);
	while (n < 0 && errno == EINTR);
	to[n > 0 ? n : 0] = '\0';
	return n < 0 ? proc_error(errno) : n;
}

ssize_t proc_read(const struct process *p, const char *name, char *to,
		  size_t size)
{
	int fd = openat(p->dirfd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	to[0] = '\0';
	if (fd < 0)
		return proc_error(errno);
	n = proc_reread(fd, to, size);
	close(fd);
	return n;
}

const char *status_value(const char *text, const char *key)
{
	size_t len = strlen(key);

	while (text && strncmp(text, key, len)) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	if (!text)
		return NULL;
	text += len;
	while (*text == '\t' || *text == ' ')
		text++;
	return text;
}

/* The next number of a list with single spaces; false at its end. */
static bool next_number(const char **at, const char *end, uint64_t *value)
{
	const char *p = *at;
	bool minus = p < end && *p == '-';
	uint64_t v = 0;

	p += minus;
	if (p == end || *p < '0' || *p > '9')
		return false;
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	*value = minus ? -v : v;
	*at = p < end && *p == ' ' ? p + 1 : p;
	return true;
}

/*
 * Fields by their numbers in proc(5): 3 state, 4 ppid, 9 flags, 22 start, 39
 * processor. The name before them may hold anything, ") R 1 (" too, but no
 * field after it holds a parenthesis.
 */
#define FIELD_START 22
#define FIELD_CPU 39

#define AUXV_MAX 64 /* pairs; Linux has up to 26, AT_VECTOR_SIZE in linux/mm_types.h */

int process_stat_parse(struct process_stat *out, const char *text, size_t len)
{
	const char *end = text + len, *p = memrchr(text, ')', len);
	uint64_t v[FIELD_CPU + 1] = {0};
	int field;

	memset(out, 0, sizeof(*out));
	if (!p || end - p < 5 || p[1] != ' ' || p[3] != ' ')
		return -EBADMSG;
	out->state = p[2];
	p += 4;
	/* A number is whole only if something follows it. */
	for (field = 4; field <= FIELD_CPU; field++)
		if (!next_number(&p, end, &v[field]) ||
		    (p == end && p[-1] >= '0' && p[-1] <= '9'))
			break;
	if (field <= FIELD_START)
		return -EBADMSG;
	out->ppid = (pid_t)v[4];
	out->flags = v[9];
	out->start = v[FIELD_START];
	out->cpu = field > FIELD_CPU && v[FIELD_CPU] <= INT_MAX
			   ? (int)v[FIELD_CPU]
			   : -1;
	return 0;
}

int process_stat_read(const struct process *p, struct process_stat *out)
{
	char text[STAT_MAX], status[STATUS_MAX];
	ssize_t n = proc_read(p, "stat", text, sizeof(text));
	const char *tracer;
	int ret;

	memset(out, 0, sizeof(*out));
	if (n < 0)
		return (int)n;
	ret = process_stat_parse(out, text, (size_t)n);
	if (!ret && proc_read(p, "status", status, sizeof(status)) > 0) {
		tracer = status_value(status, "TracerPid:");
		out->tracer = tracer ? (pid_t)strtol(tracer, NULL, 10) : 0;
	}
	return ret;
}

bool process_alive(const struct process *p)
{
	struct process_stat st;
	char text[STAT_MAX];
	ssize_t n = proc_reread(p->stat_fd, text, sizeof(text));

	return n > 0 && !process_stat_parse(&st, text, (size_t)n) &&
	       st.start == p->start && st.state != 'Z' && st.state != 'X';
}

int process_program(const struct process *p)
{
	return openat(p->dirfd, "maps", O_RDONLY | O_CLOEXEC);
}

bool program_lasts(int fd)
{
	char byte;

	return fd < 0 || pread(fd, &byte, 1, 0) != 0;
}

int process_random(const struct process *p, uint64_t *addr)
{
	uint64_t pairs[AUXV_MAX][2];
	ssize_t n = proc_read(p, "auxv", (char *)pairs, sizeof(pairs));
	size_t i;

	if (n < 0)
		return (int)n;
	for (i = 0; i < (size_t)n / sizeof(pairs[0]); i++) {
		if (pairs[i][0] != AT_RANDOM)
			continue;
		*addr = pairs[i][1];
		return 0;
	}
	return -ENOENT;
}

/* The clock id of a process' CPU time: linux/posix-timers.h, kernel 6.1. */
int process_cpu_ns(const struct process *p, uint64_t *ns)
{
	clockid_t clock = (clockid_t)((~(unsigned)p->pid) << 3 | 2);
	struct timespec ts;

	if (clock_gettime(clock, &ts))
		return errno == EINVAL ? -ESRCH : -errno;
	*ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	return 0;
}

int proc_link(int dirfd, const char *name, struct str *out)
{
	size_t size = 512;
	ssize_t n;

	/* As long as the buffer: perhaps cut off. */
	for (;;) {
		str_reserve(out, size);
		n = readlinkat(dirfd, name, out->data + out->len, size);
		if (n < 0)
			return proc_error(errno);
		if ((size_t)n < size || size >= PATH_LIMIT)
			break;
		size *= 2;
	}
	out->len += (size_t)n;
	out->data[out->len] = '\0';
	return 0;
}

bool strip_deleted(char *path, size_t *len)
{
	static const char mark[] = " (deleted)";
	size_t n = sizeof(mark) - 1;

	if (*len <= n || memcmp(path + *len - n, mark, n))
		return false;
	*len -= n;
	path[*len] = '\0';
	return true;
}

void process_cwd(const struct process *p, struct str *out)
{
	proc_link(p->dirfd, "cwd", out);
}

void process_exe(const struct process *p, struct str *out)
{
	struct str path;

	str_init(&path);
	if (!proc_link(p->dirfd, "exe", &path)) {
		strip_deleted(path.data, &path.len);
		str_add(out, path.data, path.len);
	}
	str_release(&path);
}

static void add_comm(const struct process *p, struct str *out)
{
	char name[64];
	ssize_t n = proc_read(p, "comm", name, sizeof(name));

	if (n <= 0)
		return;
	n -= name[n - 1] == '\n';
	str_addc(out, '[');
	str_add_clean(out, name, (size_t)n);
	str_addc(out, ']');
}

void process_command(const struct process *p, struct str *out)
{
	char text[COMMAND_MAX + 1];
	ssize_t i, n = proc_read(p, "cmdline", text, sizeof(text));

	/* Each argument ends with a NUL; setproctitle pads with more. */
	while (n > 0 && !text[n - 1])
		n--;
	if (n <= 0) {
		add_comm(p, out);
		return;
	}
	for (i = 0; i < n; i++) {
		if (!text[i])
			text[i] = ' ';
	}
	str_add_clean(out, text, (size_t)n);
}
