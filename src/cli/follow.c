/*
 * A report of recordings that are still being written, again and again until
 * nobody writes them any more.
 */
#include <errno.h>
#include <sys/stat.h>

#include "cli_priv.h"

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

int follow(char *const *paths, size_t n, uint64_t every_ns,
	   int (*once)(void *arg), void *arg)
{
	uint64_t now, seen, before = 0;
	bool written, first = true;
	int ret = 0;

	signals_catch();
	do {
		/* In this order: what is read then was written before. */
		written = any_written(paths, n);
		seen = look(paths, n);
		if (first || seen != before)
			ret = once(arg);
		first = false;
		before = seen;
		now = clock_mono();
	} while (!ret && written && !*signals_asked() &&
		 clock_sleep_until(now + every_ns) != -EINTR);
	return ret;
}
