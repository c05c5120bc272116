/*
 * waker_priv.h - sleeping until one deadline while the one after it is known.
 *
 * To sleep until a time is to program the timer of a processor, and to wake up
 * is to do so again for what comes next. In a virtual machine each costs some
 * 10 us, and the first is charged to who sleeps: a bare tick costs 25 us there.
 * A timer that is not the first to expire is only put in a queue. So there are
 * two, and while one is waited for the other is already set to the time after:
 * 13 us (bench/RESULTS.md).
 */
#ifndef PYSTROBE_WAKER_PRIV_H
#define PYSTROBE_WAKER_PRIV_H

#include <stdint.h>

struct waker {
	int fds[2];     /* -1: there is none to be had; then it just sleeps */
	uint64_t at[2]; /* what each is set to, 0: not yet */
};

void waker_init(struct waker *w);
void waker_release(struct waker *w);

/*
 * Sleeps until `due` or a signal (monotonic time, ns), expecting to be called
 * for `then` next; any other time does as well, but costs more.
 */
void waker_sleep(struct waker *w, uint64_t due, uint64_t then);

#endif
