#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/sheet.h"

#define GOLDEN_MAX (4u << 20)

static int setup(void **state, struct timeline *timeline)
{
	struct sheet *f = calloc(1, sizeof(*f));

	f->p = profile_new();
	f->p->timeline = timeline;
	made_init(&f->m, &f->p->sink);
	str_init(&f->out);
	*state = f;
	return 0;
}

int sheet_setup(void **state)
{
	return setup(state, NULL);
}

int sheet_setup_timeline(void **state)
{
	return setup(state, timeline_new(TIMELINE_RUNS));
}

int sheet_teardown(void **state)
{
	struct sheet *f = *state;

	str_release(&f->out);
	made_release(&f->m);
	profile_free(f->p);
	free(f);
	return 0;
}

void sheet_is_as_in(struct sheet *f, const char *name)
{
	char path[128];
	struct outfile *file;
	struct str want;
	struct err e;

	snprintf(path, sizeof(path), "tests/golden/%s", name);
	if (getenv("UPDATE_GOLDEN")) {
		assert_int_equal(outfile_open(&file, path, &e), 0);
		assert_int_equal(outfile_write(file, f->out.data, f->out.len,
					       &e), 0);
		assert_int_equal(outfile_commit(file, &e), 0);
	}
	str_init(&want);
	if (file_read(&want, AT_FDCWD, path, GOLDEN_MAX))
		fail_msg("no '%s': run in the top folder, or UPDATE_GOLDEN=1",
			 path);
	if (want.len != f->out.len || memcmp(want.data, f->out.data, want.len))
		fail_msg("it is no longer as in '%s': look at what differs, "
			 "then UPDATE_GOLDEN=1", path);
	str_release(&want);
}
