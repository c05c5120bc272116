/*
 * Files behind mappings: replaced, deleted, strange, as root and as a user
 * who may not use /proc/PID/map_files.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "process.h"

#define NOBODY 65534u
#define DEADLINE 10000000000ull /* ns until a wait has failed */

/* A folder with one file, and that file mapped into our own process. */
struct scene {
	char dir[48], path[96];
	void *mapped;
	struct process p;
};

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void scene_open(struct scene *s, const char *name)
{
	struct err err = {""};
	int fd;

	memset(s, 0, sizeof(*s));
	strcpy(s->dir, "/tmp/pystrobe-mapped-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/%s", s->dir, name);
	write_file(s->path, "old");
	fd = open(s->path, O_RDONLY | O_CLOEXEC);
	s->mapped = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	assert_ptr_not_equal(s->mapped, MAP_FAILED);
	if (process_open(&s->p, getpid(), &err))
		fail_msg("%s", err.msg);
}

static void scene_close(struct scene *s)
{
	munmap(s->mapped, 1);
	unlink(s->path);
	rmdir(s->dir);
	process_close(&s->p);
}

/* What process_open_mapped gives for the mapping: content or an error. */
static int open_it(const struct scene *s, char *text, size_t size,
		   struct err *err)
{
	const struct map_entry *e;
	struct maps m;
	ssize_t n;
	int fd;

	memset(text, 0, size);
	assert_int_equal(maps_read(&m, &s->p, err), 0);
	e = maps_find(&m, (uint64_t)(uintptr_t)s->mapped);
	assert_non_null(e);
	fd = process_open_mapped(&s->p, e, err);
	maps_release(&m);
	if (fd < 0)
		return fd;
	n = read(fd, text, size - 1);
	close(fd);
	return n < 0 ? -errno : 0;
}

static void is_old(const struct scene *s)
{
	struct err err = {""};
	char text[8];

	if (open_it(s, text, sizeof(text), &err))
		fail_msg("%s", err.msg);
	assert_string_equal(text, "old");
}

/* Root still has it; a user hears why not. */
static void is_lost(const struct scene *s)
{
	struct err err = {""};
	char text[8];

	if (geteuid() == 0) {
		is_old(s);
		return;
	}
	assert_int_equal(open_it(s, text, sizeof(text), &err), -ENOENT);
	assert_non_null(strstr(err.msg, "was replaced or deleted"));
	assert_non_null(strstr(err.msg, "sudo pystrobe"));
}

static void check_names(void)
{
	static const char *const names[] = {
		"plain",     "with space",     "new\nline\n",
		"back\\slash", "\xff\x80\x1b[31m", "x (deleted)",
	};
	struct scene s;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		scene_open(&s, names[i]);
		is_old(&s);
		scene_close(&s);
	}
}

static void check_deleted(void)
{
	struct scene s;

	scene_open(&s, "file");
	unlink(s.path);
	is_lost(&s);
	scene_close(&s);
}

static void check_replaced(void)
{
	char other[128];
	struct scene s;

	scene_open(&s, "file");
	snprintf(other, sizeof(other), "%s.new", s.path);
	write_file(other, "new");
	assert_int_equal(rename(other, s.path), 0);
	is_lost(&s);
	/* Something whose opening would block for ever. */
	unlink(s.path);
	assert_int_equal(mkfifo(s.path, 0600), 0);
	is_lost(&s);
	scene_close(&s);
}

/* Renamed: the kernel tells the new name. */
static void check_renamed(void)
{
	struct scene s;
	char other[128];

	scene_open(&s, "file");
	snprintf(other, sizeof(other), "%s.new", s.path);
	assert_int_equal(rename(s.path, other), 0);
	is_old(&s);
	assert_int_equal(rename(other, s.path), 0);
	scene_close(&s);
}

/* A mapped device is not opened. */
static void check_device(void)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	struct map_entry e = {.path = "/dev/zero"};
	struct process p;
	struct stat st;
	struct err err;

	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	e.inode = st.st_ino;
	e.dev_major = (uint32_t)(st.st_dev >> 8 & 0xfff);
	e.dev_minor = (uint32_t)(st.st_dev & 0xff);
	assert_int_equal(process_open(&p, getpid(), &err), 0);
	assert_int_equal(process_open_mapped(&p, &e, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "not a regular file"));
	process_close(&p);
}

static void copy_program(const char *path)
{
	struct str text;
	int fd;

	str_init(&text);
	assert_int_equal(file_read(&text, AT_FDCWD, "/bin/sleep", 4u << 20),
			 0);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	assert_int_equal(fd_write_all(fd, text.data, text.len), 0);
	close(fd);
	str_release(&text);
}

/*
 * The maps once the program is in them: the parent of a new program goes on
 * as soon as the old one has left, a little earlier.
 */
static const struct map_entry *find_path(struct maps *m,
					 const struct process *p,
					 const char *path)
{
	uint64_t since = clock_mono();
	struct err err = {""};
	size_t i;

	while (clock_mono() - since < DEADLINE) {
		if (maps_read(m, p, &err))
			fail_msg("%s", err.msg);
		for (i = 0; i < m->len; i++) {
			if (!strcmp(m->entries[i].path, path))
				return &m->entries[i];
		}
		maps_release(m);
	}
	fail_msg("'%s' is never mapped", path);
	return NULL;
}

/* A running program whose file is gone: /proc/PID/exe has it for all. */
static void check_deleted_program(void)
{
	char dir[] = "/tmp/pystrobe-mapped-XXXXXX", path[64];
	char *argv[] = {path, "60", NULL};
	const struct map_entry *e;
	struct process p;
	struct child c;
	struct maps m;
	struct err err = {""};
	char magic[4];
	int fd;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sleep", dir);
	copy_program(path);
	if (child_start(&c, argv, &err))
		fail_msg("%s", err.msg);
	unlink(path);
	rmdir(dir);
	assert_int_equal(process_open(&p, c.pid, &err), 0);
	e = find_path(&m, &p, path);
	assert_true(e->deleted);
	fd = process_open_mapped(&p, e, &err);
	if (fd < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(read(fd, magic, 4), 4);
	assert_memory_equal(magic, "\177ELF", 4);
	close(fd);
	maps_release(&m);
	kill(c.pid, SIGKILL);
	child_wait(&c);
	/* Now the process is gone, not the file. */
	e = &(struct map_entry){.path = path, .inode = 1};
	assert_int_equal(process_open_mapped(&p, e, &err), -ESRCH);
	process_close(&p);
}

static void test_names(void **state)
{
	(void)state;
	check_names();
}

static void test_deleted(void **state)
{
	(void)state;
	check_deleted();
}

static void test_replaced(void **state)
{
	(void)state;
	check_replaced();
	check_renamed();
}

static void test_device(void **state)
{
	(void)state;
	check_device();
}

static void test_deleted_program(void **state)
{
	(void)state;
	check_deleted_program();
}

static const struct CMUnitTest tests[] = {
	{"test_names", test_names, NULL, NULL, NULL},
	{"test_deleted", test_deleted, NULL, NULL, NULL},
	{"test_replaced", test_replaced, NULL, NULL, NULL},
	{"test_device", test_device, NULL, NULL, NULL},
	{"test_deleted_program", test_deleted_program, NULL, NULL, NULL},
};

/* All of it once more, in a process of a user without rights. */
static int run_as_nobody(void)
{
	int status = 0;
	pid_t pid;

	if (geteuid())
		return 0;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (setresgid(NOBODY, NOBODY, NOBODY) ||
		    setresuid(NOBODY, NOBODY, NOBODY) ||
		    prctl(PR_SET_DUMPABLE, 1))
			_exit(1);
		exit(cmocka_run_group_tests_name("as nobody", tests, NULL,
						 NULL));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	return status != 0;
}

int main(void)
{
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed + run_as_nobody();
}
