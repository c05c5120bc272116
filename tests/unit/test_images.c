/*
 * walk and cpython on memory images of every version (tests/images, taken by
 * scripts/image): what is seen is what the process said of itself; and with
 * any one page of them missing, nothing that is seen is wrong.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "tests/lib/frozen.h"

#define FOLDER "tests/images"
#define IMAGES_MAX 64
#define SAID_MAX (16u << 20)
#define LINES_MAX 16384
#define PAGE 4096u
#define TORN "<?>" /* what stands for a value that cannot be read */

struct images {
	char paths[IMAGES_MAX][300]; /* without ".image" */
	size_t n;
};

static int compare_paths(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int find_images(void **state)
{
	static struct images images;
	DIR *dir = opendir(FOLDER);
	const struct dirent *e;
	const char *end;

	if (!dir) {
		fprintf(stderr, "no '%s': run in the top folder\n", FOLDER);
		return -1;
	}
	while ((e = readdir(dir)) && images.n < IMAGES_MAX) {
		end = strstr(e->d_name, ".image");
		if (end && !end[6])
			snprintf(images.paths[images.n++], 300, FOLDER "/%.*s",
				 (int)(end - e->d_name), e->d_name);
	}
	closedir(dir);
	qsort(images.paths, images.n, sizeof(*images.paths), compare_paths);
	*state = &images;
	return 0;
}

static void load(struct frozen *f, const char *path)
{
	struct err err = {""};
	char name[310];

	snprintf(name, sizeof(name), "%s.image", path);
	if (frozen_load(f, name, &err))
		fail_msg("%s", err.msg);
}

static void load_said(struct str *said, const char *path)
{
	char name[310];

	str_init(said);
	snprintf(name, sizeof(name), "%s.txt", path);
	assert_int_equal(file_read(said, AT_FDCWD, name, SAID_MAX), 0);
}

static int look(struct frozen *f, enum frozen_way way, struct str *out)
{
	struct remote *r = frozen_remote(f);
	struct err err = {""};
	struct layout layout;
	int ret = frozen_layout(f, r, &layout, &err);

	if (!ret)
		ret = frozen_look(r, f, &layout, way, out);
	remote_free(r);
	return ret;
}

/* ---- whole ---- */

static void every_version_is_there(void **state)
{
	static const unsigned wanted[] = {0x207, 0x306, 0x307, 0x308, 0x309,
					  0x30a, 0x30b, 0x30c, 0x30d, 0x30e,
					  0x30f};
	struct images *images = *state;
	struct frozen f;
	size_t i, k, found;

	for (i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		for (k = 0, found = 0; k < images->n; k++) {
			load(&f, images->paths[k]);
			found += f.version >> 16 == wanted[i];
			frozen_release(&f);
		}
		if (!found)
			fail_msg("no image of %u.%u", wanted[i] >> 8,
				 wanted[i] & 0xff);
	}
}

/* The first line in which they differ. */
static void fail_at(const char *path, const char *saw, const char *said)
{
	unsigned line = 1;

	for (; *saw && *saw == *said; saw++, said++)
		line += *saw == '\n';
	fail_msg("%s.txt:%u: saw '%.*s' from there on, which is '%.*s'", path,
		 line, (int)strcspn(saw, "\n"), saw, (int)strcspn(said, "\n"),
		 said);
}

static void what_is_seen_is_what_is_said(void **state)
{
	struct images *images = *state;
	struct str said, saw;
	struct frozen f;
	size_t i;
	int way;

	str_init(&saw);
	for (i = 0; i < images->n; i++) {
		load(&f, images->paths[i]);
		load_said(&said, images->paths[i]);
		for (way = 0; way < FROZEN_WAYS; way++) {
			str_clear(&saw);
			assert_int_equal(look(&f, (enum frozen_way)way, &saw),
					 0);
			if (strcmp(saw.data, said.data))
				fail_at(images->paths[i], saw.data, said.data);
		}
		str_release(&said);
		frozen_release(&f);
	}
	str_release(&saw);
}

/* ---- with a page missing ---- */

/* A text, line by line; a depth is the blanks before it. */
struct text {
	char *lines[LINES_MAX + 1]; /* the last one is "" */
	size_t n;
};

static void split(struct text *t, const char *data)
{
	size_t len;

	for (t->n = 0; *data; data += len + 1) {
		assert_in_range(t->n, 0, LINES_MAX - 1);
		len = strcspn(data, "\n");
		t->lines[t->n++] = xstrndup(data, len);
	}
	t->lines[t->n] = xstrdup("");
}

static void text_release(struct text *t)
{
	size_t i;

	for (i = 0; i <= t->n; i++)
		free(t->lines[i]);
}

static size_t depth_of(const char *line)
{
	return strspn(line, " ");
}

/* The end of what belongs to line `i`: those that follow and are deeper. */
static size_t end_of(const struct text *t, size_t i)
{
	size_t depth = depth_of(t->lines[i++]);

	while (i < t->n && depth_of(t->lines[i]) > depth)
		i++;
	return i;
}

/* Frames in lines [from, to). */
static size_t frames_in(const struct text *t, size_t from, size_t to)
{
	size_t n = 0;

	for (; from < to; from++)
		n += depth_of(t->lines[from]) == 2;
	return n;
}

static size_t next_frame(const struct text *t, size_t i)
{
	do
		i++;
	while (i < t->n && depth_of(t->lines[i]) > 2);
	return i;
}

struct cut {
	const char *path;
	raddr page;
	struct text said, saw;
};

static void wrong(const struct cut *c, size_t line, const char *why)
{
	fail_msg("%s without page 0x%llx: '%s': %s", c->path,
		 (unsigned long long)c->page, c->saw.lines[line], why);
}

/* Words behind the name: each one is there in truth, too, but for a loss. */
static void check_words(const struct cut *c, size_t saw, const char *said)
{
	static const char *const words[] = {" main", " gil", " gc",
					    " exception"};
	const char *found = strrchr(c->saw.lines[saw], '\'');
	size_t i;

	for (i = 0; i < 4; i++)
		if (strstr(found, words[i]) && !strstr(said, words[i]))
			wrong(c, saw, "it is not");
}

/* It is as it was said to be, or was not seen to the end. */
static void check_variable(const struct cut *c, size_t saw, size_t frame)
{
	const char *line = c->saw.lines[saw], *value = strstr(line, " = ");
	size_t i, end = end_of(&c->said, frame);

	assert_non_null(value);
	if (strstr(value, TORN) || !strncmp(value - 2, " ?", 2))
		return;
	for (i = frame + 1; i < end; i++)
		if (!strcmp(c->said.lines[i], line))
			return;
	wrong(c, saw, "its value is another");
}

/* The frames of a thread: all, or the outermost ones where there is a loss. */
static void check_thread(const struct cut *c, size_t saw, size_t said)
{
	size_t end = end_of(&c->saw, saw), said_end = end_of(&c->said, said);
	size_t n = frames_in(&c->saw, saw, end);
	size_t all = frames_in(&c->said, said, said_end);
	bool loss = strstr(strrchr(c->saw.lines[saw], '\''), " loss ");

	check_words(c, saw, c->said.lines[said]);
	if (n > all || (n < all && !loss))
		wrong(c, saw, "its stack is not whole, nor counted as lost");
	for (said = next_frame(&c->said, said); all > n; all--)
		said = next_frame(&c->said, said);
	for (saw++; saw < end; saw++) {
		if (depth_of(c->saw.lines[saw]) > 2) {
			check_variable(c, saw, said);
			continue;
		}
		if (frames_in(&c->saw, saw, end) < n) {
			said = next_frame(&c->said, said);
			n--;
		}
		if (strcmp(c->saw.lines[saw], c->said.lines[said]))
			wrong(c, saw, "that frame is none");
	}
}

/* The line of the same thread in what was said, or c->said.n. */
static size_t same_thread(const struct cut *c, const char *line)
{
	size_t len = strcspn(line + 7, " ") + 8, i;

	for (i = 0; i < c->said.n; i++)
		if (!strncmp(c->said.lines[i], line, len))
			break;
	return i;
}

static void check_look(struct cut *c)
{
	size_t i, said, missing = 0;
	bool lost = false;

	for (i = 0; i < c->said.n; i++)
		missing += !depth_of(c->said.lines[i]);
	for (i = 0; i < c->saw.n; i = end_of(&c->saw, i)) {
		if (strstr(c->saw.lines[i], " loss threads")) {
			lost = true;
			continue;
		}
		said = same_thread(c, c->saw.lines[i]);
		if (said == c->said.n) {
			if (!strstr(c->saw.lines[i], " loss "))
				wrong(c, i, "no such thread");
			continue;
		}
		check_thread(c, i, said);
		missing--;
	}
	if (missing && !lost)
		fail_msg("%s without page 0x%llx: %zu threads are missing, "
			 "and nothing is lost", c->path,
			 (unsigned long long)c->page, missing);
}

/* Takes away the page of block `i`, or puts it back; the next page's first. */
static size_t set_page(struct frozen *f, size_t i, bool gone)
{
	raddr page = f->blocks[i].addr & ~(raddr)(PAGE - 1);

	for (; i < f->nblocks && f->blocks[i].addr - page < PAGE; i++)
		f->blocks[i].gone = gone;
	return i;
}

static void check_without(struct cut *c, struct frozen *f)
{
	struct str saw;
	int way;

	str_init(&saw);
	for (way = FROZEN_RUNS; way <= FROZEN_STOPPED; way++) {
		str_clear(&saw);
		if (look(f, (enum frozen_way)way, &saw))
			continue; /* nothing is seen, and it says so */
		split(&c->saw, saw.data);
		check_look(c);
		text_release(&c->saw);
	}
	str_release(&saw);
}

static void nothing_wrong_without_a_page(void **state)
{
	struct images *images = *state;
	struct str said;
	struct frozen f;
	struct cut c;
	size_t i, k, next;

	for (i = 0; i < images->n; i++) {
		c.path = images->paths[i];
		load(&f, c.path);
		load_said(&said, c.path);
		split(&c.said, said.data);
		for (k = 0; k < f.nblocks; k = next) {
			c.page = f.blocks[k].addr & ~(raddr)(PAGE - 1);
			next = set_page(&f, k, true);
			check_without(&c, &f);
			set_page(&f, k, false);
		}
		text_release(&c.said);
		str_release(&said);
		frozen_release(&f);
	}
}

/* ---- damaged files ---- */

static int load_bytes(const char *path, const void *data, size_t len)
{
	struct outfile *out;
	struct frozen f;
	struct err err;
	int ret;

	assert_int_equal(outfile_open(&out, path, &err), 0);
	assert_int_equal(outfile_write(out, data, len, &err), 0);
	assert_int_equal(outfile_commit(out, &err), 0);
	ret = frozen_load(&f, path, &err);
	if (!ret)
		frozen_release(&f);
	return ret;
}

/* Cut anywhere, or with any byte of its beginning another: refused. */
static void damaged_files(void **state)
{
	struct images *images = *state;
	char path[] = "/tmp/pystrobe-test-XXXXXX", name[310];
	struct str s;
	size_t i;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	str_init(&s);
	snprintf(name, sizeof(name), "%s.image", images->paths[0]);
	assert_int_equal(file_read(&s, AT_FDCWD, name, SAID_MAX), 0);
	assert_int_equal(load_bytes(path, s.data, s.len), 0);
	for (i = 0; i < s.len; i += 1 + i / 8)
		assert_int_equal(load_bytes(path, s.data, i), -EBADMSG);
	for (i = 0; i < 64; i++) {
		s.data[i] ^= 0x55;
		assert_int_equal(load_bytes(path, s.data, s.len), -EBADMSG);
		s.data[i] ^= 0x55;
	}
	str_release(&s);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_files),
		cmocka_unit_test(every_version_is_there),
		cmocka_unit_test(what_is_seen_is_what_is_said),
		cmocka_unit_test(nothing_wrong_without_a_page),
	};

	return cmocka_run_group_tests(tests, find_images, NULL);
}
