/*
 * tick.c - what it costs to wake up at a rate, and no more.
 *
 *   tick RATE SECONDS
 *
 * Sleeps until each deadline, as a sampler has to, and does nothing then.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#define SECOND 1000000000u

int main(int argc, char **argv)
{
	struct timespec start, due;
	uint64_t count, i, since;
	double rate;

	if (argc != 3)
		return 2;
	rate = strtod(argv[1], NULL);
	if (!(rate > 0))
		return 2;
	count = (uint64_t)(rate * strtod(argv[2], NULL));
	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (i = 1; i <= count; i++) {
		since = (uint64_t)start.tv_nsec +
			(uint64_t)((double)i * SECOND / rate);
		due.tv_sec = start.tv_sec + (time_t)(since / SECOND);
		due.tv_nsec = (long)(since % SECOND);
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
	}
	return 0;
}
