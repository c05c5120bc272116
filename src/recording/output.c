/*
 * Where blocks are appended. Unlike base's outfile, the file takes its final
 * name with the first block and goes on growing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "recording.h"
#include "writer_priv.h"

struct output {
	int fd;
	char *name; /* for messages */
	char *path; /* what the temporary file will be called */
	char *temp; /* NULL: has its final name, or never had another */
	bool ours; /* we made it, so we may cut it */
	bool late; /* its final name comes when it is closed */
	uint64_t len;
};

static int cannot_write(const struct output *o, int code, struct err *err)
{
	return err_set(err, code == -EACCES ? -EPERM : code,
		       "cannot write '%s': %s", o->name, strerror(-code));
}

static int open_direct(struct output *o, const char *path, struct err *err)
{
	o->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	return o->fd < 0 ? cannot_write(o, -errno, err) : 0;
}

static int open_temp(struct output *o, const char *path, struct err *err)
{
	/* What a symbolic link points to is replaced, not the link. */
	o->path = path_follow(path);
	if (!o->path)
		return cannot_write(o, -errno, err);
	o->fd = temp_open(o->path, &o->temp);
	if (o->fd < 0)
		return cannot_write(o, o->fd, err);
	o->ours = true;
	return 0;
}

/* For recording_is_written; where it fails, nobody can follow. */
static void mark_written(const struct output *o)
{
	struct stat st;

	if (!fstat(o->fd, &st) && S_ISREG(st.st_mode))
		flock(o->fd, LOCK_EX | LOCK_NB);
}

int output_open(struct output **out, const char *path, struct err *err)
{
	struct output *o = xcalloc(1, sizeof(*o));
	bool plain = strcmp(path, "-") != 0;
	struct stat st;
	int ret;

	o->fd = -1;
	o->name = xstrdup(plain ? path : "standard output");
	if (!plain)
		ret = (o->fd = stdout_open(err)) < 0 ? o->fd : 0;
	else if (stat(path, &st))
		ret = open_temp(o, path, err);
	else if (S_ISDIR(st.st_mode))
		ret = cannot_write(o, -EISDIR, err);
	else if (!S_ISREG(st.st_mode))
		ret = open_direct(o, path, err);
	else
		ret = open_temp(o, path, err);
	if (ret) {
		output_free(o);
		return ret;
	}
	mark_written(o);
	*out = o;
	return 0;
}

/* An incomplete block is no loss, but what comes after it must be found. */
static void take_back(struct output *o)
{
	if (o->ours && !ftruncate(o->fd, (off_t)o->len))
		lseek(o->fd, (off_t)o->len, SEEK_SET);
}

/* The temporary file, if it still is one, gets its final name. */
static int give_name(struct output *o, struct err *err)
{
	if (!o->temp)
		return 0;
	if (rename(o->temp, o->path))
		return cannot_write(o, -errno, err);
	temp_forget(&o->temp);
	return 0;
}

int output_append(struct output *o, const void *data, size_t len,
		  struct err *err)
{
	int ret = fd_write_all(o->fd, data, len);

	if (ret) {
		take_back(o);
		return cannot_write(o, ret, err);
	}
	o->len += len;
	return o->late ? 0 : give_name(o, err);
}

void output_name_late(struct output *o)
{
	o->late = true;
}

bool recording_is_written(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	bool locked;

	if (fd < 0)
		return false;
	locked = flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
	close(fd);
	return locked;
}

uint64_t output_len(const struct output *o)
{
	return o->len;
}

int output_close(struct output *o, struct err *err)
{
	int ret = 0, fd = o->fd;

	/* Network file systems report a full disk here. */
	o->fd = -1;
	if (close(fd) && errno != EINTR)
		ret = cannot_write(o, -errno, err);
	if (!ret && o->len)
		ret = give_name(o, err);
	output_free(o);
	return ret;
}

void output_free(struct output *o)
{
	if (!o)
		return;
	if (o->fd >= 0)
		close(o->fd);
	if (o->temp)
		unlink(o->temp);
	temp_forget(&o->temp);
	free(o->path);
	free(o->name);
	free(o);
}
