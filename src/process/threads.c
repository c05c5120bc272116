/*
 * Threads: which there are, and what one is doing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "process_priv.h"
#include "profile.h"

#define STATUS_SHORT 8192u /* bytes of a thread's status file */

static int by_id(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

/* The names that are numbers, at most `max`. */
static ssize_t list_ids(DIR *dir, size_t max, pid_t **ids, size_t *cap)
{
	struct dirent *d;
	size_t n = 0;

	for (errno = 0; (d = readdir(dir)); errno = 0) {
		if (d->d_name[0] < '1' || d->d_name[0] > '9')
			continue;
		if (n == max)
			return -E2BIG;
		*ids = grow(*ids, cap, n + 1, sizeof(**ids));
		(*ids)[n++] = (pid_t)strtol(d->d_name, NULL, 10);
	}
	if (errno)
		return proc_error(errno);
	if (!n) /* its last thread ended while we read */
		return -ESRCH;
	qsort(*ids, n, sizeof(**ids), by_id);
	return (ssize_t)n;
}

static ssize_t list_folder(int fd, size_t max, pid_t **ids, size_t *cap)
{
	ssize_t n;
	DIR *dir;

	if (fd < 0)
		return proc_error(errno);
	dir = fdopendir(fd);
	if (!dir) {
		n = -errno;
		close(fd);
		return n;
	}
	n = list_ids(dir, max, ids, cap);
	closedir(dir);
	return n;
}

ssize_t process_threads(const struct process *p, pid_t **tids, size_t *cap)
{
	return list_folder(openat(p->dirfd, "task",
				  O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			   THREADS_MAX, tids, cap);
}

ssize_t process_list(pid_t **pids, size_t *cap)
{
	return list_folder(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			   PROCESSES_MAX, pids, cap);
}

void thread_comm(const struct process *p, pid_t tid, struct str *out)
{
	char path[48], name[64];
	ssize_t n;

	snprintf(path, sizeof(path), "task/%d/comm", (int)tid);
	n = proc_read(p, path, name, sizeof(name));
	if (n > 0 && name[n - 1] == '\n')
		n--;
	if (n > 0)
		str_add_clean(out, name, (size_t)n);
}

pid_t thread_tracer(const struct process *p, pid_t tid)
{
	char path[48], text[STATUS_MAX];
	const char *tracer;

	snprintf(path, sizeof(path), "task/%d/status", (int)tid);
	if (proc_read(p, path, text, sizeof(text)) <= 0)
		return 0;
	tracer = status_value(text, "TracerPid:");
	return tracer ? (pid_t)strtol(tracer, NULL, 10) : 0;
}

void probe_init(struct thread_probe *t, pid_t tid)
{
	t->tid = tid;
	t->syscall_fd = t->schedstat_fd = t->stat_fd = -1;
	t->status_fd = t->sched_fd = -1;
}

void probe_release(struct thread_probe *t)
{
	if (t->syscall_fd >= 0)
		close(t->syscall_fd);
	if (t->schedstat_fd >= 0)
		close(t->schedstat_fd);
	if (t->stat_fd >= 0)
		close(t->stat_fd);
	if (t->status_fd >= 0)
		close(t->status_fd);
	if (t->sched_fd >= 0)
		close(t->sched_fd);
	probe_init(t, t->tid);
}

/* Reads a file of the thread, opened at the first time. */
static ssize_t probe_read(int *fd, const struct thread_probe *t,
			  const struct process *p, const char *name, char *to,
			  size_t size)
{
	char path[64];

	to[0] = '\0';
	if (*fd < 0) {
		snprintf(path, sizeof(path), "task/%d/%s", (int)t->tid, name);
		*fd = openat(p->dirfd, path, O_RDONLY | O_CLOEXEC);
	}
	return *fd < 0 ? proc_error(errno) : proc_reread(*fd, to, size);
}

/*
 * "running", or the call, its six arguments, the stack pointer and the
 * program counter; -1 as the call when blocked outside of any (proc(5)).
 * True when running.
 */
static bool parse_call(const char *text, struct thread_look *out)
{
	char *end;
	int i;

	if (!strncmp(text, "running", 7))
		return true;
	out->call = strtoll(text, &end, 10);
	if (end == text || out->call < 0)
		out->call = -1;
	for (i = 0; out->call >= 0 && i < 6; i++)
		out->args[i] = strtoull(end, &end, 16);
	return false;
}

bool probe_runs(struct thread_probe *t, const struct process *p)
{
	struct thread_look look;
	char text[256];

	return probe_read(&t->syscall_fd, t, p, "syscall", text,
			  sizeof(text)) > 0 && parse_call(text, &look);
}

static ssize_t read_stat(struct thread_probe *t, const struct process *p,
			 struct process_stat *st)
{
	char text[STAT_MAX];
	ssize_t n = probe_read(&t->stat_fd, t, p, "stat", text, sizeof(text));

	return n < 0 ? n : process_stat_parse(st, text, (size_t)n);
}

static int state_of(char letter)
{
	switch (letter) {
	case 'R':
		return RUN_CPU;
	case 'S':
	case 'I':
	case 'P':
		return RUN_SLEEPING;
	case 'D':
		return RUN_DISK;
	case 'T':
	case 't':
		return RUN_STOPPED;
	case 'Z':
	case 'X':
	case 'x':
		return -ESRCH;
	default:
		return RUN_UNKNOWN;
	}
}

int probe_look(struct thread_probe *t, const struct process *p,
	       struct thread_look *out)
{
	char text[256];
	struct process_stat st;
	ssize_t n;
	int state;

	*out = (struct thread_look){.run = RUN_UNKNOWN, .call = -1};
	n = probe_read(&t->syscall_fd, t, p, "syscall", text, sizeof(text));
	/* Not every kernel has the file, and it may be forbidden: no call. */
	if (n > 0 && parse_call(text, out)) {
		out->run = RUN_CPU;
		return 0;
	}
	n = read_stat(t, p, &st);
	if (n < 0)
		return (int)n;
	state = state_of(st.state);
	if (state < 0)
		return state;
	/* It has gone on between the two reads: the later one counts. */
	if (state == RUN_CPU)
		*out = (struct thread_look){.call = -1};
	out->run = (uint8_t)state;
	return 0;
}

int probe_sched(struct thread_probe *t, const struct process *p,
		struct thread_sched *out)
{
	char text[128], *at = text, *end;
	uint64_t fields[3];
	ssize_t n;
	int i;

	n = probe_read(&t->schedstat_fd, t, p, "schedstat", text,
		       sizeof(text));
	if (n < 0)
		return (int)n;
	for (i = 0; i < 3; i++, at = end) {
		fields[i] = strtoull(at, &end, 10);
		if (end == at)
			return -EBADMSG;
	}
	*out = (struct thread_sched){.cpu_ns = fields[0],
				     .delay_ns = fields[1],
				     .slices = fields[2]};
	return 0;
}

int probe_switches(struct thread_probe *t, const struct process *p,
		   uint64_t *switches, bool *runs)
{
	static const char *const keys[] = {"voluntary_ctxt_switches:",
					   "nonvoluntary_ctxt_switches:"};
	char text[STATUS_SHORT];
	const char *value;
	ssize_t n;
	int i;

	n = probe_read(&t->status_fd, t, p, "status", text, sizeof(text));
	if (n < 0)
		return (int)n;
	value = status_value(text, "State:");
	if (!value)
		return -EBADMSG;
	*runs = *value == 'R';
	*switches = 0;
	for (i = 0; i < 2; i++) {
		value = status_value(text, keys[i]);
		if (!value)
			return -EBADMSG;
		*switches += strtoull(value, NULL, 10);
	}
	return 0;
}

int sched_last_on(const char *text, uint64_t *ns)
{
	static const char key[] = "\nse.exec_start";
	const char *at = strstr(text, key);
	unsigned long long ms, rest;

	if (!at || sscanf(at + sizeof(key) - 1, " : %llu.%6llu", &ms, &rest) != 2)
		return -EBADMSG;
	*ns = ms * 1000000 + rest;
	return 0;
}

int probe_last_on(struct thread_probe *t, const struct process *p,
		  uint64_t *ns)
{
	char text[SCHED_START];
	ssize_t n = probe_read(&t->sched_fd, t, p, "sched", text,
			       sizeof(text));

	return n < 0 ? (int)n : sched_last_on(text, ns);
}

int probe_cpu(struct thread_probe *t, const struct process *p, bool *runs)
{
	struct process_stat st;
	bool known = !read_stat(t, p, &st);

	*runs = known && st.state == 'R';
	return known ? st.cpu : -1;
}
