/*
 * bare.c - how often the kernel lets us read another process, and no more.
 *
 *   bare PID SECONDS ADDRESS:LENGTH...
 *
 * Each call of process_vm_readv reads all these ranges. Prints calls and
 * seconds.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#define RANGES_MAX 64
#define BYTES_MAX (1u << 20)

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* "ADDRESS:LENGTH"; how many bytes, or 0 when it is none. */
static size_t parse(const char *word, struct iovec *range)
{
	char *end;

	range->iov_base = (void *)(uintptr_t)strtoull(word, &end, 0);
	if (*end != ':')
		return 0;
	range->iov_len = strtoul(end + 1, &end, 0);
	return *end ? 0 : range->iov_len;
}

/* Calls until the time is over; how many, or 0 when one failed. */
static unsigned long read_for(double seconds, int pid,
			      const struct iovec *local,
			      const struct iovec *remote, unsigned long n,
			      double *took)
{
	unsigned long calls = 0, i;
	double began = now();

	do {
		for (i = 0; i < 1000; i++)
			if (process_vm_readv(pid, local, 1, remote, n, 0) !=
			    (ssize_t)local->iov_len)
				return 0;
		calls += 1000;
		*took = now() - began;
	} while (*took < seconds);
	return calls;
}

int main(int argc, char **argv)
{
	static char buffer[BYTES_MAX];
	struct iovec local = {.iov_base = buffer}, remote[RANGES_MAX];
	unsigned long calls, n;
	double took;
	size_t bytes;

	if (argc < 4 || argc - 3 > RANGES_MAX)
		return 2;
	for (n = 0; argv[n + 3]; n++) {
		bytes = parse(argv[n + 3], &remote[n]);
		local.iov_len += bytes;
		if (!bytes || local.iov_len > BYTES_MAX)
			return 2;
	}
	calls = read_for(strtod(argv[2], NULL), atoi(argv[1]), &local, remote,
			 n, &took);
	if (!calls) {
		fprintf(stderr, "bare: %s\n", strerror(errno));
		return 1;
	}
	printf("%lu %.6f\n", calls, took);
	return 0;
}
