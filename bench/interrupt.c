/*
 * interrupt.c - what it costs to interrupt a processor at a rate, and no more.
 *
 *   interrupt CPU RATE SECONDS
 *
 * A timer of the kernel's performance events on that processor, and nobody who
 * looks at what it notes.
 */
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
	};
	struct timespec left;
	double seconds;

	if (argc != 4 || !(strtod(argv[2], NULL) > 0))
		return 2;
	attr.sample_period = (uint64_t)(1e9 / strtod(argv[2], NULL));
	if (syscall(SYS_perf_event_open, &attr, -1, atoi(argv[1]), -1,
		    PERF_FLAG_FD_CLOEXEC) < 0)
		return 1;
	seconds = strtod(argv[3], NULL);
	left.tv_sec = (time_t)seconds;
	left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
	return nanosleep(&left, NULL) ? 1 : 0;
}
