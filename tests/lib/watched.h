/*
 * watched.h - a child that has structures of an interpreter, made up, and the programs
 * in the kernel that look at it. `world` is static, so that it is at the same
 * address there. Where we may not load the programs, the test is skipped.
 */
#ifndef PYSTROBE_TESTS_WATCHED_H
#define PYSTROBE_TESTS_WATCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "remote.h"
#include "tests/lib/world.h"

#define MS 1000000ull
#define PERIOD MS
#define DEADLINE (20000 * MS) /* until a wait has failed */
#define SOME (30 * PERIOD)    /* of the child's time: enough for a record */
#define EVER UINT64_MAX

extern struct world world;

struct watched {
	struct interrupt_plan plan;
	struct interrupts *in;
	pid_t pid, other; /* children, or 0 */
	uint32_t tid;	  /* of the first one, as it knows it */
	uint64_t opened;  /* nothing is from before that, */
	uint64_t before;  /* and no tick from before that */
};

bool watched_init(void);
int watched_setup(void **state);
int watched_teardown(void **state);

/* In a child: it is ready, and all of `world` is in memory; then it spins. */
void watched_ready(void);
void watched_spin(void);
/* What is forked by kid_fork or the like has called watched_ready. */
void watched_wait_ready(void);

void watched_open(struct watched *s);
/* The child does that; nothing is told of it yet. */
void watched_begin(struct watched *s, void (*run)(void));
/* On the last of our processors, while we are on the first. */
void watched_begin_pinned(struct watched *s, void (*run)(void));
void watched_pin(pid_t pid, bool last);
/* Nothing that was there before is there any more. */
void watched_tell(struct watched *s, raddr tstate);
void watched_every(struct watched *s, uint64_t period);
void watched_tell_and_go(struct watched *s, uint64_t period);

/* It has been told that it leaves, or else it will not be. */
void watched_stop(const struct watched *s);

/* ns that a child has had of a processor; until it has had as many more. */
uint64_t watched_used(pid_t pid);
void watched_let_use(pid_t pid, uint64_t ns);

bool watched_wait_fd(const struct watched *s, int ms);
void watched_expect_woken(const struct watched *s);
/* The next one, which comes, and is of the first child. */
struct interrupt watched_wait_next(struct watched *s);
struct interrupt watched_wait_kind(struct watched *s, enum interrupt_kind kind);
/* Nothing is there. */
void watched_expect_none(struct watched *s);

uint64_t watched_mark(const struct interrupt *r, size_t i);
void watched_check_frames(const struct interrupt *r, size_t n);
void watched_check_facts(const struct interrupt *r);

#endif
