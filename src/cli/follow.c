/*
 * A report of recordings that are still being written, again and again until
 * nobody writes them any more.
 */
#include <errno.h>
#include <sys/stat.h>

#include "cli_priv.h"

#define APPEAR_NS 100000000u /* between looks for a file, at most */

static bool any_written(char *const *paths, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (recording_is_written(paths[i]))
			return true;
	return false;
}

/* Another value when one of the files has changed. */
static uint64_t look(char *const *paths, size_t n)
{
	uint64_t seen = 0;
	struct stat st;
	size_t i;

	for (i = 0; i < n; i++) {
		if (stat(paths[i], &st))
			continue;
		seen = hash_u64(seen ^ (uint64_t)st.st_dev);
		seen = hash_u64(seen ^ (uint64_t)st.st_ino);
		seen = hash_u64(seen ^ (uint64_t)st.st_size);
		seen = hash_u64(seen ^ (uint64_t)st.st_mtim.tv_sec << 30 ^
				(uint64_t)st.st_mtim.tv_nsec);
	}
	return seen;
}

/* A recorder makes its file with the first block, up to a second late. */
static void wait_for_file(const char *path, uint64_t every_ns, bool quiet)
{
	uint64_t pause = every_ns < APPEAR_NS ? every_ns : APPEAR_NS;
	bool told = quiet;
	struct stat st;

	while (!*signals_asked() && stat(path, &st) && errno == ENOENT) {
		if (!told)
			say("waiting for '%s'", path);
		told = true;
		signals_sleep_until(clock_mono() + pause);
	}
}

int follow(char *const *paths, size_t n, uint64_t every_ns, bool quiet,
	   int (*once)(void *arg), void *arg)
{
	uint64_t now, seen, before = 0;
	bool written, first = true;
	int ret = 0;
	size_t i;

	signals_catch();
	for (i = 0; i < n; i++)
		wait_for_file(paths[i], every_ns, quiet);
	if (*signals_asked())
		return 0;
	do {
		/* In this order: what is read then was written before. */
		written = any_written(paths, n);
		seen = look(paths, n);
		if (first || seen != before)
			ret = once(arg);
		first = false;
		before = seen;
		now = clock_mono();
	} while (!ret && written && !signals_sleep_until(now + every_ns));
	return ret;
}
