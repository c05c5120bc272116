/*
 * Opening a process: what is it, and is there anything to be read?
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "process_priv.h"

/* /proc/PID is not there. Hidden (hidepid), or is there no such process? */
static int no_process(pid_t pid, struct err *err)
{
	if (access("/proc/self/stat", F_OK))
		return err_set(err, -EPERM, "the proc file system is not "
			       "mounted on '/proc', and every fact about a "
			       "process comes from there; mount -t proc proc "
			       "/proc");
	if (!kill(pid, 0) || errno == EPERM)
		return err_set(err, -EPERM, "process %d is hidden from us: "
			       "/proc is mounted with hidepid; sudo pystrobe "
			       "...", (int)pid);
	return err_set(err, -ESRCH, "no process has the PID %d (any more)",
		       (int)pid);
}

/* /proc/TID exists for every thread, though no listing shows it. */
static int check_leader(const struct process *p, struct err *err)
{
	char status[STATUS_MAX];
	const char *group;
	long tgid;

	if (proc_read(p, "status", status, sizeof(status)) <= 0)
		return 0;
	group = status_value(status, "Tgid:");
	tgid = group ? strtol(group, NULL, 10) : 0;
	if (tgid <= 0 || tgid == p->pid)
		return 0;
	return err_set(err, -ESRCH, "%d is not a process but a thread of "
		       "process %ld; give that PID", (int)p->pid, tgid);
}

/* A process that ended, or whose main thread did. */
static int describe_zombie(const struct process *p, pid_t parent,
			   struct err *err)
{
	pid_t *tids = NULL;
	size_t cap = 0;
	ssize_t n = process_threads(p, &tids, &cap);

	free(tids);
	if (n > 1)
		return err_set(err, -ENOTSUP, "the main thread of process %d "
			       "has ended while %zd others go on, and the "
			       "kernel shows the memory of a process only "
			       "through its main thread", (int)p->pid, n - 1);
	return err_set(err, -ESRCH, "process %d has ended and is a zombie "
		       "until its parent, process %d, waits for it",
		       (int)p->pid, (int)parent);
}

static int check_kind(struct process *p, struct err *err)
{
	struct process_stat st;
	struct str name;
	int ret;

	ret = process_stat_read(p, &st);
	if (ret == -ESRCH)
		return no_process(p->pid, err);
	if (ret)
		return err_set(err, ret, "cannot read the state of process "
			       "%d: %s", (int)p->pid, strerror(-ret));
	p->start = st.start;
	if (st.flags & PF_KTHREAD) {
		str_init(&name);
		process_command(p, &name);
		ret = err_set(err, -ENOTSUP, "process %d ('%s') is a kernel "
			      "thread and runs no program", (int)p->pid,
			      name.data);
		str_release(&name);
		return ret;
	}
	if (st.state == 'Z' || st.state == 'X')
		return describe_zombie(p, st.ppid, err);
	return 0;
}

/* By the class of the executable; x32 programs are of class 32 too. */
static int check_class(const struct process *p, struct err *err)
{
	unsigned char ident[EI_NIDENT] = "";
	int fd = openat(p->dirfd, "exe", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;

	/* Without permission to read the program itself: not known. */
	if (fd < 0)
		return 0;
	n = pread(fd, ident, sizeof(ident), 0);
	close(fd);
	if (n < (ssize_t)sizeof(ident) || memcmp(ident, ELFMAG, SELFMAG) ||
	    ident[EI_CLASS] != ELFCLASS32)
		return 0;
	return err_set(err, -ENOTSUP, "process %d runs a 32-bit program; only "
		       "64-bit Python can be sampled", (int)p->pid);
}

int process_open(struct process *p, pid_t pid, struct err *err)
{
	char path[32];
	int ret;

	memset(p, 0, sizeof(*p));
	p->pid = pid;
	p->dirfd = p->stat_fd = -1;
	if (pid <= 0)
		return err_set(err, -ESRCH, "%d is not a PID", (int)pid);
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	p->dirfd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->dirfd < 0)
		return no_process(pid, err);
	p->stat_fd = openat(p->dirfd, "stat", O_RDONLY | O_CLOEXEC);
	ret = check_kind(p, err);
	if (!ret)
		ret = check_leader(p, err);
	if (!ret && !process_permitted(p))
		ret = process_alive(p) ? process_denied(p, err)
				       : no_process(pid, err);
	if (!ret)
		ret = check_class(p, err);
	if (ret)
		process_close(p);
	return ret;
}

void process_close(struct process *p)
{
	if (p->dirfd >= 0)
		close(p->dirfd);
	if (p->stat_fd >= 0)
		close(p->stat_fd);
	p->dirfd = p->stat_fd = -1;
}
