/*
 * Lines of the source files of a process, as it sees them: through its own
 * root folder, which may be another one than ours. What a file name says comes
 * from the target: only regular files below that root are opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base.h"
#include "process_priv.h"

#define FILES_MAX 256            /* of one struct sources */
#define FILE_MAX (8u << 20)      /* bytes of a file */
#define FILES_BYTES_MAX (64u << 20) /* of all of them */
#define LINE_MAX_BYTES 4096u

struct sources {
	int root; /* of the process; -1: not to be had */
	struct str cwd; /* of the process, below its root */
	struct intern names;
	struct str files[FILES_MAX]; /* by number of the name, less 1 */
	size_t bytes;
	struct str line;
};

/* The working folder as it is called below the root of the process. */
static void find_cwd(struct sources *s, const struct process *p)
{
	struct str root;

	str_init(&root);
	process_cwd(p, &s->cwd);
	if (!proc_link(p->dirfd, "root", &root) && root.len > 1 &&
	    !strncmp(s->cwd.data, root.data, root.len) &&
	    s->cwd.data[root.len] == '/') {
		memmove(s->cwd.data, s->cwd.data + root.len,
			s->cwd.len - root.len + 1);
		s->cwd.len -= root.len;
	}
	str_release(&root);
}

struct sources *sources_new(const struct process *p)
{
	struct sources *s = xcalloc(1, sizeof(*s));
	size_t i;

	str_init(&s->cwd);
	str_init(&s->line);
	intern_init(&s->names);
	for (i = 0; i < FILES_MAX; i++)
		str_init(&s->files[i]);
	s->root = openat(p->dirfd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	find_cwd(s, p);
	return s;
}

void sources_free(struct sources *s)
{
	size_t i;

	if (!s)
		return;
	for (i = 0; i < FILES_MAX; i++)
		str_release(&s->files[i]);
	intern_release(&s->names);
	str_release(&s->line);
	str_release(&s->cwd);
	if (s->root >= 0)
		close(s->root);
	free(s);
}

/* Opens nothing that could block, and nothing outside of the root. */
static int open_below(int root, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return -ENOTSUP;
	}
	return fd;
}

/* A whole file as it is called below a root; 0, or why it cannot be had. */
static int read_below(int root, const char *cwd, const char *file,
		      struct str *out, uint64_t *changed_ns)
{
	struct stat st = {.st_size = 0};
	struct str path;
	int fd, ret;

	if (*file == '<' || !*file)
		return -ENOENT;
	str_init(&path);
	if (*file != '/')
		str_addf(&path, "%s/", cwd);
	str_adds(&path, file);
	fd = open_below(root, path.data);
	str_release(&path);
	if (fd < 0)
		return fd;
	fstat(fd, &st);
	*changed_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u +
		      (uint64_t)st.st_mtim.tv_nsec;
	ret = fd_read(out, fd, FILE_MAX);
	if (ret)
		str_clear(out);
	close(fd);
	return ret;
}

static void load(struct sources *s, const char *file, struct str *out)
{
	uint64_t changed_ns;

	if (s->root < 0)
		return;
	read_below(s->root, s->cwd.data, file, out, &changed_ns);
	s->bytes += out->len;
}

int source_read_of(const struct process *p, const char *file, struct str *out,
		   uint64_t *changed_ns)
{
	struct sources *s = sources_new(p);
	int ret = s->root < 0 ? -EPERM
			      : read_below(s->root, s->cwd.data, file, out,
					   changed_ns);

	sources_free(s);
	return ret;
}

int source_read_here(const char *cwd, const char *file, struct str *out,
		     uint64_t *changed_ns)
{
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), ret;

	if (root < 0)
		return -errno;
	ret = read_below(root, cwd, file, out, changed_ns);
	close(root);
	return ret;
}

/* The text of a file; empty when it is not there, or too large. */
static const struct str *text_of(struct sources *s, const char *file)
{
	uint32_t known = (uint32_t)s->names.len;
	uint32_t id = intern_adds(&s->names, file);
	size_t i;

	if (id < known)
		return &s->files[id - 1];
	if (id > FILES_MAX || s->bytes > FILES_BYTES_MAX) {
		for (i = 0; i < FILES_MAX; i++)
			str_clear(&s->files[i]);
		intern_clear(&s->names);
		s->bytes = 0;
		id = intern_adds(&s->names, file);
	}
	load(s, file, &s->files[id - 1]);
	return &s->files[id - 1];
}

/* The line up to *end; NULL when the file has none such. */
static const char *find_line(const struct str *text, uint32_t line,
			     const char **end)
{
	const char *p = text->data, *stop = p + text->len;

	while (--line && p) {
		p = memchr(p, '\n', (size_t)(stop - p));
		p = p ? p + 1 : NULL;
	}
	if (!p || p == stop)
		return NULL;
	*end = memchr(p, '\n', (size_t)(stop - p));
	*end = *end ? *end : stop;
	while (*end > p && ((*end)[-1] == '\r' || (*end)[-1] == ' '))
		--*end;
	return p;
}

static const char *keep(struct sources *s, const char *p, const char *end)
{
	if ((size_t)(end - p) > LINE_MAX_BYTES)
		end = p + LINE_MAX_BYTES;
	str_clear(&s->line);
	str_add(&s->line, p, (size_t)(end - p));
	return s->line.data;
}

const char *sources_whole_line(void *sources, const char *file, uint32_t line)
{
	struct sources *s = sources;
	const char *p = NULL, *end;

	if (*file && line)
		p = find_line(text_of(s, file), line, &end);
	return p ? keep(s, p, end) : NULL;
}

const char *sources_line(void *sources, const char *file, uint32_t line)
{
	struct sources *s = sources;
	const char *p = NULL, *end;

	if (*file && line)
		p = find_line(text_of(s, file), line, &end);
	if (!p)
		return NULL;
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\f'))
		p++;
	return keep(s, p, end);
}
