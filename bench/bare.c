/*
 * bare.c - how often the kernel lets us read another process, and no more.
 *
 *   bare PID ADDRESS RANGES SECONDS
 *
 * Each call of process_vm_readv reads RANGES ranges: one of 4 KiB, the others
 * of 256 bytes, each in a page of its own, 8 KiB apart from ADDRESS on. Prints
 * calls and seconds.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#define RANGES_MAX 8
#define FIRST 4096
#define OTHER 256
#define APART 8192

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static ssize_t prepare(struct iovec *remote, uint64_t address, unsigned n)
{
	ssize_t bytes = 0;
	unsigned i;

	for (i = 0; i < n; i++) {
		remote[i].iov_base = (void *)(uintptr_t)(address + i * APART);
		remote[i].iov_len = i ? OTHER : FIRST;
		bytes += (ssize_t)remote[i].iov_len;
	}
	return bytes;
}

int main(int argc, char **argv)
{
	static char buffer[FIRST + RANGES_MAX * OTHER];
	struct iovec local = {.iov_base = buffer}, remote[RANGES_MAX];
	unsigned long calls = 0, i, n;
	double began, seconds, took;
	ssize_t bytes;
	int pid;

	if (argc != 5)
		return 2;
	pid = atoi(argv[1]);
	n = strtoul(argv[3], NULL, 10);
	seconds = strtod(argv[4], NULL);
	if (n < 1 || n > RANGES_MAX)
		return 2;
	bytes = prepare(remote, strtoull(argv[2], NULL, 0), (unsigned)n);
	local.iov_len = (size_t)bytes;
	began = now();
	do {
		for (i = 0; i < 1000; i++) {
			if (process_vm_readv(pid, &local, 1, remote, n, 0) !=
			    bytes) {
				fprintf(stderr, "bare: %s\n", strerror(errno));
				return 1;
			}
		}
		calls += 1000;
		took = now() - began;
	} while (took < seconds);
	printf("%lu %.6f\n", calls, took);
	return 0;
}
