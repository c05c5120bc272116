#include "base.h"
#include "schedule_priv.h"

void schedule_init(struct schedule *s, uint64_t start, uint64_t period,
		   uint64_t seed)
{
	*s = (struct schedule){
		.start = start, .period = period, .seed = seed, .at = 1};
}

uint64_t schedule_due(const struct schedule *s)
{
	/* A function of the number alone: skipped periods change nothing. */
	return s->start + (s->at - 1) * s->period +
	       tick_jitter(s->seed, s->at, s->period);
}

uint32_t schedule_advance(struct schedule *s, uint64_t now)
{
	uint64_t gone = now > s->start ? (now - s->start) / s->period : 0;
	uint64_t current = gone + 1, next = s->at + 1, missed = 0;

	if (current > next)
		missed = current - next;
	s->at = next + missed;
	return missed > UINT32_MAX ? UINT32_MAX : (uint32_t)missed;
}
