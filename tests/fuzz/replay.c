/*
 * Runs a target of tests/fuzz without a fuzzer.
 *
 *   fuzz_NAME                    its seeds
 *   fuzz_NAME FILE|FOLDER...     these, and its seeds
 *   fuzz_NAME --seeds FOLDER     writes the seeds there
 *
 * Each input ends at an unmapped page. Prints how many there were; that an
 * input ends the program, or takes longer than SECONDS, is the failure.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "fuzz.h"
#include "tests/lib/guard.h"

#define INPUT_MAX (16u << 20)
#define SECONDS 60

static const char *folder; /* of seeds, when they are to be written */
static unsigned seeds, files;

static void run(const void *data, size_t len)
{
	struct guard g;

	guard_init(&g, data, len);
	alarm(SECONDS);
	LLVMFuzzerTestOneInput(g.data, len);
	alarm(0);
	guard_release(&g);
}

static void write_seed(const void *data, size_t len)
{
	struct outfile *out;
	struct str path;
	struct err err;

	str_init(&path);
	str_addf(&path, "%s/seed-%03u", folder, seeds);
	if (outfile_open(&out, path.data, &err) ||
	    outfile_write(out, data, len, &err) ||
	    outfile_commit(out, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		exit(2);
	}
	str_release(&path);
}

static void take_seed(const void *data, size_t len)
{
	if (folder)
		write_seed(data, len);
	else
		run(data, len);
	seeds++;
}

static void replay(const char *path)
{
	struct dirent **names;
	struct str text, below;
	int i, n = scandir(path, &names, NULL, alphasort);

	str_init(&text);
	for (i = 0; i < n; i++) {
		str_init(&below);
		str_addf(&below, "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			replay(below.data);
		str_release(&below);
		free(names[i]);
	}
	if (n >= 0) {
		free(names);
	} else if (file_read(&text, AT_FDCWD, path, INPUT_MAX)) {
		fprintf(stderr, "cannot read %s\n", path);
		exit(2);
	} else {
		/* The last one that was named is the one that failed. */
		fprintf(stderr, "%s\n", path);
		run(text.data, text.len);
		files++;
	}
	str_release(&text);
}

int main(int argc, char **argv)
{
	int i;

	if (argc == 3 && !strcmp(argv[1], "--seeds")) {
		folder = argv[2];
		mkdir(folder, 0777);
	}
	for (i = 1; !folder && i < argc; i++)
		replay(argv[i]);
	fuzz_seeds(take_seed);
	printf("%u seeds, %u files\n", seeds, files);
	return seeds + files ? 0 : 1;
}
