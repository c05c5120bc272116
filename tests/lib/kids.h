/*
 * kids.h - children for tests to stop: what they tell of themselves, and what
 * the kernel does.
 */
#ifndef PYSTROBE_TESTS_KIDS_H
#define PYSTROBE_TESTS_KIDS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define KID_VALUES 64 /* of signals */

/* Shared with all children; zero when one is forked by kid_fork. */
extern struct kids {
	_Atomic uint64_t rounds; /* made by who spins */
	_Atomic int received[KID_VALUES]; /* signals with each value */
	_Atomic int tid, count, told;
} *kids;

bool kids_init(void);

pid_t kid_fork(void (*run)(void));
pid_t kid_fork_spinning(void); /* it does so already */
void kid_spin(void);           /* for ever */
void kid_tick(void);           /* half a millisecond passes */

/* What must come true within a deadline, or the test has failed. */
void kid_expect_running(void); /* somebody makes rounds from now on */
void kid_wait_state(pid_t pid, char want);
void kid_wait_for(_Atomic int *what, int least);
int kid_take_end(pid_t pid); /* of a child; its status */

void kid_expect_untraced(pid_t pid);
char kid_state(pid_t pid); /* the letter; 0: gone */
void kid_end(pid_t pid);

#endif
