#include "base.h"
#include "schedule_priv.h"

void schedule_init(struct schedule *s, uint64_t start, uint64_t period,
		   uint64_t seed)
{
	*s = (struct schedule){
		.start = start, .period = period, .seed = seed};
}

uint64_t schedule_due(const struct schedule *s)
{
	/* A function of the number alone: skipped periods change nothing. */
	uint64_t state = s->seed + s->at;
	uint64_t jitter = s->at ? rng_next(&state) % s->period : 0;

	return s->start + s->at * s->period + jitter;
}

uint32_t schedule_advance(struct schedule *s, uint64_t now)
{
	uint64_t current = now > s->start ? (now - s->start) / s->period : 0;
	uint64_t next = s->at + 1, missed = 0;

	if (current > next)
		missed = current - next;
	s->at = next + missed;
	return missed > UINT32_MAX ? UINT32_MAX : (uint32_t)missed;
}
