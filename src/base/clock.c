#include <errno.h>
#include <time.h>

#include "base.h"

#define NS 1000000000u

static uint64_t now(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

uint64_t clock_mono(void)
{
	return now(CLOCK_MONOTONIC);
}

uint64_t clock_wall(void)
{
	return now(CLOCK_REALTIME);
}

struct timespec clock_spec(uint64_t ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(ns / NS),
		.tv_nsec = (long)(ns % NS),
	};
}

int clock_sleep_until(uint64_t deadline)
{
	struct timespec t = clock_spec(deadline);

	return -clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

uint64_t rng_next(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15u;
	return hash_u64(*state);
}

uint64_t tick_jitter(uint64_t seed, uint64_t number, uint64_t period)
{
	uint64_t state = seed + number;

	return number > 1 && period ? rng_next(&state) % period : 0;
}
