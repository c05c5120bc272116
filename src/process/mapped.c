/*
 * Opening the very file that is behind a mapping.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base.h"
#include "process_priv.h"

/* How sure it is that a file is the mapped one. */
enum match {
	MATCH_NONE,
	MATCH_INODE,  /* equal numbers on another device */
	MATCH_DEVICE, /* equal device too */
};

static enum match match_of(const struct map_entry *e, const struct stat *st)
{
	if (st->st_ino != e->inode)
		return MATCH_NONE;
	return major(st->st_dev) == e->dev_major &&
	       minor(st->st_dev) == e->dev_minor ? MATCH_DEVICE : MATCH_INODE;
}

/*
 * Looks before it opens: opening a device, a FIFO or a terminal can change
 * it, and the target decides what is at its paths. `need`: MATCH_NONE when
 * the path cannot lead to another file.
 */
static int open_checked(int dirfd, const char *path, enum match need,
			const struct map_entry *e)
{
	int look = openat(dirfd, path, O_PATH | O_CLOEXEC), fd;
	char self[40];
	struct stat st;

	if (look < 0)
		return -errno;
	if (fstat(look, &st)) {
		fd = -errno;
	} else if (match_of(e, &st) < need) {
		fd = -ESTALE;
	} else if (!S_ISREG(st.st_mode)) {
		fd = -ENOTSUP;
	} else {
		snprintf(self, sizeof(self), "/proc/self/fd/%d", look);
		fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		fd = fd < 0 ? -errno : fd;
	}
	close(look);
	return fd;
}

/* The names that the mapped file may have, as a path below a folder's fd. */
static int open_named(const struct process *p, const struct map_entry *e,
		      enum match need)
{
	struct str path;
	int fd, first;

	str_init(&path);
	str_addf(&path, "root%s", e->path);
	fd = first = open_checked(p->dirfd, path.data, need, e);
	/* The kernel writes paths relative to our root, not the target's:
	 * they are equal but for a chroot. */
	if (fd < 0)
		fd = open_checked(AT_FDCWD, e->path, need, e);
	/* A file can have " (deleted)" at the end of its true name. */
	if (fd < 0 && e->deleted) {
		str_adds(&path, " (deleted)");
		fd = open_checked(p->dirfd, path.data, need, e);
	}
	str_release(&path);
	return fd < 0 ? first : fd;
}

static int open_exe(const struct process *p, const struct map_entry *e)
{
	struct str exe;
	int fd = open_checked(p->dirfd, "exe", MATCH_INODE, e);

	if (fd != -ESTALE)
		return fd;
	/* On overlayfs the numbers may differ; the name does not. */
	str_init(&exe);
	process_exe(p, &exe);
	if (!strcmp(exe.data, e->path))
		fd = open_checked(p->dirfd, "exe", MATCH_NONE, e);
	str_release(&exe);
	return fd;
}

static int explain(const struct process *p, const struct map_entry *e,
		   int why, struct err *err)
{
	if (!process_alive(p))
		return err_set(err, -ESRCH, "process %d has ended",
			       (int)p->pid);
	if (why == -ENOTSUP)
		return err_set(err, why, "'%.300s', mapped by process %d, is "
			       "not a regular file", e->path, (int)p->pid);
	if (why == -EACCES || why == -EPERM)
		return err_set(err, -EPERM, "we may not read '%.300s', mapped "
			       "by process %d%s", e->path, (int)p->pid,
			       geteuid() ? ": sudo pystrobe ..." : "");
	if (why == -ESTALE || why == -ENOENT || why == -ENOTDIR)
		return err_set(err, -ENOENT, "'%.300s' was replaced or "
			       "deleted after process %d had mapped it%s",
			       e->path, (int)p->pid,
			       geteuid() ? ", and only root can still read "
			       "it: sudo pystrobe ..., or restart the process"
			       : "");
	return err_set(err, why, "cannot read '%.300s', mapped by process %d: "
		       "%s", e->path, (int)p->pid, strerror(-why));
}

int process_open_mapped(const struct process *p, const struct map_entry *e,
			struct err *err)
{
	char name[64];
	int fd, why;

	if (!e->inode || e->path[0] != '/')
		return err_set(err, -EINVAL, "no file is behind the mapping "
			       "at 0x%" PRIx64, e->start);
	snprintf(name, sizeof(name), "map_files/%" PRIx64 "-%" PRIx64,
		 e->start, e->end);
	fd = open_checked(p->dirfd, name, MATCH_NONE, e);
	if (fd >= 0 || fd == -ENOTSUP)
		return fd >= 0 ? fd : explain(p, e, fd, err);
	fd = why = open_named(p, e, MATCH_DEVICE);
	if (fd < 0)
		fd = open_exe(p, e);
	if (fd < 0)
		fd = open_named(p, e, MATCH_INODE);
	return fd < 0 ? explain(p, e, why, err) : fd;
}
