#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"

struct outfile {
	int fd;
	char *path;
	char *temp; /* NULL: written directly */
};

int fd_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int file_errno(void)
{
	return errno == EACCES ? -EPERM : -errno;
}

int fd_read(struct str *s, int fd, size_t limit)
{
	size_t start = s->len, room;
	int ret = 0;
	ssize_t n;

	for (;;) {
		/* A page more than was read so far: /proc gives pages. */
		str_reserve(s, s->cap - s->len > 4096 ? 0 : 4096);
		room = s->cap - s->len - 1;
		n = read(fd, s->data + s->len, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			ret = file_errno();
		if (n <= 0)
			break;
		s->len += (size_t)n;
		if (s->len - start > limit) {
			ret = -E2BIG;
			break;
		}
	}
	s->data[s->len] = '\0';
	return ret;
}

int file_read(struct str *s, int dirfd, const char *path, size_t limit)
{
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int ret;

	if (fd < 0)
		return file_errno();
	ret = fd_read(s, fd, limit);
	close(fd);
	return ret;
}

static int cannot_write(const struct outfile *out, int code, struct err *err)
{
	return err_set(err, code == -EACCES ? -EPERM : code,
		       "cannot write '%s': %s", out->path, strerror(-code));
}

static int open_direct(struct outfile *out, struct err *err)
{
	out->fd = open(out->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	return out->fd < 0 ? cannot_write(out, -errno, err) : 0;
}

int temp_open(const char *path, char **temp)
{
	struct str name;
	mode_t mask;
	int fd;

	str_init(&name);
	str_addf(&name, "%s.XXXXXX", path);
	*temp = xstrdup(name.data);
	str_release(&name);
	fd = mkostemp(*temp, O_CLOEXEC);
	if (fd < 0) {
		fd = -errno;
		free(*temp);
		*temp = NULL;
		return fd;
	}
	/* mkostemp makes 0600; an ordinary output has the user's mask. */
	mask = umask(0);
	umask(mask);
	fchmod(fd, 0666 & ~mask);
	memory_last_file(*temp);
	return fd;
}

void temp_forget(char **temp)
{
	if (*temp)
		memory_last_file(NULL);
	free(*temp);
	*temp = NULL;
}

static int open_temp(struct outfile *out, struct err *err)
{
	out->fd = temp_open(out->path, &out->temp);
	return out->fd < 0 ? cannot_write(out, out->fd, err) : 0;
}

/* Names of things that are open already, or of devices: never replaced. */
static bool is_special(const char *path)
{
	struct stat st;

	if (!strncmp(path, "/dev/", 5) || !strncmp(path, "/proc/", 6))
		return true;
	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

int stdout_open(struct err *err)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL), fd = -1;

	if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY)
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? err_set(err, -EBADF, "standard output is closed") : fd;
}

#define LINKS_MAX 40 /* as the kernel has it */

/* Where a link leads, seen from its own folder; NULL when it is none. */
static char *link_target(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
	char target[PATH_MAX], *found;
	ssize_t n = readlink(path, target, sizeof(target));
	struct str s;

	if (n <= 0 || (size_t)n == sizeof(target))
		return NULL;
	str_init(&s);
	if (*target != '/')
		str_add(&s, path, folder);
	str_add(&s, target, (size_t)n);
	found = xstrdup(s.data);
	str_release(&s);
	return found;
}

char *path_follow(const char *path)
{
	char *at = xstrdup(path), *next;
	int i;

	for (i = 0; i < LINKS_MAX; i++) {
		next = link_target(at);
		if (!next)
			return at;
		free(at);
		at = next;
	}
	free(at);
	errno = ELOOP;
	return NULL;
}

static int open_any(struct outfile *out, struct err *err)
{
	struct stat st;
	char *target;

	if (!strcmp(out->path, "-")) {
		out->fd = stdout_open(err);
		return out->fd < 0 ? out->fd : 0;
	}
	if (stat(out->path, &st) == 0 && S_ISDIR(st.st_mode))
		return err_set(err, -EISDIR, "'%s' is a directory", out->path);
	if (is_special(out->path))
		return open_direct(out, err);
	/* A link stays a link: what it points at is replaced. */
	target = path_follow(out->path);
	if (!target)
		return err_set(err, -errno, "cannot write '%s': %s", out->path,
			       strerror(errno));
	free(out->path);
	out->path = target;
	return open_temp(out, err);
}

int outfile_open(struct outfile **outp, const char *path, struct err *err)
{
	struct outfile *out = xcalloc(1, sizeof(*out));
	int ret;

	out->path = xstrdup(path);
	ret = open_any(out, err);
	if (ret) {
		free(out->path);
		free(out);
		return ret;
	}
	*outp = out;
	return 0;
}

int outfile_write(struct outfile *out, const void *data, size_t len,
		  struct err *err)
{
	int ret = fd_write_all(out->fd, data, len);

	if (ret && !strcmp(out->path, "-"))
		return err_set(err, ret, "cannot write standard output: %s",
			       strerror(-ret));
	if (ret)
		return err_set(err, ret, "cannot write '%s': %s", out->path,
			       strerror(-ret));
	return 0;
}

static void outfile_free(struct outfile *out)
{
	free(out->path);
	temp_forget(&out->temp);
	free(out);
}

int outfile_commit(struct outfile *out, struct err *err)
{
	int ret = 0;

	if (close(out->fd) && errno != EINTR)
		ret = -errno;
	if (!ret && out->temp && rename(out->temp, out->path))
		ret = -errno;
	if (ret && out->temp)
		unlink(out->temp);
	if (ret)
		err_set(err, ret, "cannot write '%s': %s", out->path,
			strerror(-ret));
	outfile_free(out);
	return ret;
}

void outfile_abort(struct outfile *out)
{
	if (!out)
		return;
	close(out->fd);
	if (out->temp)
		unlink(out->temp);
	outfile_free(out);
}
