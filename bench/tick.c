/*
 * tick.c - what it costs to wake up at a rate, and no more.
 *
 *   tick RATE SECONDS
 *
 * Sleeps until each deadline, as a sampler has to, and does nothing then. Two
 * timers take turns, as in src/base/waker.c: it is the cheaper way.
 */
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>

#define SECOND 1000000000u

static int set(int fd, const struct timespec *start, double after)
{
	uint64_t at = (uint64_t)start->tv_nsec + (uint64_t)(after * SECOND);
	struct itimerspec t = {
		.it_value.tv_sec = start->tv_sec + (time_t)(at / SECOND),
		.it_value.tv_nsec = (long)(at % SECOND),
	};

	return timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL);
}

int main(int argc, char **argv)
{
	struct pollfd timers[2] = {{.events = POLLIN}, {.events = POLLIN}};
	struct timespec start;
	uint64_t count, i;
	double rate;

	if (argc != 3)
		return 2;
	rate = strtod(argv[1], NULL);
	if (!(rate > 0))
		return 2;
	count = (uint64_t)(rate * strtod(argv[2], NULL));
	timers[0].fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	timers[1].fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	clock_gettime(CLOCK_MONOTONIC, &start);
	if (set(timers[1].fd, &start, 1 / rate))
		return 1;
	for (i = 1; i <= count; i++) {
		if (set(timers[(i + 1) & 1].fd, &start, (double)(i + 1) / rate))
			return 1;
		poll(&timers[i & 1], 1, -1);
	}
	return 0;
}
