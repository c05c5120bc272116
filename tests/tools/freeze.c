/*
 * Takes a memory image of a Python process that stands still.
 *
 *     freeze PID FILE
 *
 * In FILE is what looks at it read: tests/lib/frozen.h. Prints what it saw.
 * scripts/image starts the process and compares.
 */
#include <stdio.h>
#include <stdlib.h>

#include "src/target/target_priv.h"
#include "tests/lib/frozen.h"

static int fill(struct frozen *f, struct process *p, struct found *found,
		struct err *err)
{
	struct remote *r = frozen_remote(f);
	struct layout layout;
	struct ids ids;
	struct str text;
	int ret, way;

	map_init(&ids.host);
	ids_init(&ids, p);
	f->version = found->version;
	f->entry = found->entry;
	f->pid = ids.self;
	ids_release(&ids);
	str_init(&text);
	ret = frozen_layout(f, r, &layout, err);
	for (way = 0; way < FROZEN_WAYS && !ret; way++) {
		str_clear(&text);
		ret = frozen_look(r, f, &layout, (enum frozen_way)way, &text);
		if (ret)
			err_set(err, ret, "it cannot be walked");
	}
	if (!ret)
		fputs(text.data, stdout);
	str_release(&text);
	remote_free(r);
	return ret;
}

int main(int argc, char **argv)
{
	struct frozen f = {.nblocks = 0};
	struct err err = {""};
	struct process process;
	struct found found;
	int ret;

	if (argc != 3)
		return 2;
	ret = process_open(&process, atoi(argv[1]), &err);
	if (!ret) {
		f.live = remote_new_process(process.pid);
		ret = find_interpreter(&found, &process, f.live, &err);
		if (!ret)
			ret = fill(&f, &process, &found, &err);
		if (!ret)
			ret = frozen_save(&f, argv[2], &err);
		remote_free(f.live);
		process_close(&process);
	}
	if (ret)
		fprintf(stderr, "freeze: %s\n", err.msg);
	frozen_release(&f);
	return ret ? 1 : 0;
}
