#include <poll.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base.h"

void waker_release(struct waker *w)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		if (w->fds[i] >= 0)
			close(w->fds[i]);
		w->fds[i] = -1;
	}
}

void waker_init(struct waker *w)
{
	size_t i;

	*w = (struct waker){.fds = {-1, -1}};
	for (i = 0; i < 2; i++)
		w->fds[i] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (w->fds[0] >= 0 && w->fds[1] >= 0)
		return;
	waker_release(w);
	/* The default slack of 50 us would make every tick late. */
	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
}

void waker_forget(struct waker *w)
{
	w->at[0] = w->at[1] = 0;
}

static void set(struct waker *w, size_t i, uint64_t at)
{
	struct itimerspec t = {.it_value = clock_spec(at)};

	if (w->at[i] == at)
		return;
	timerfd_settime(w->fds[i], TFD_TIMER_ABSTIME, &t, NULL);
	w->at[i] = at;
}

bool waker_sleep(struct waker *w, uint64_t due, uint64_t then, int fd)
{
	size_t i = w->at[1] == due;
	struct pollfd p[2] = {{.events = POLLIN},
			      {.fd = fd, .events = POLLIN}};

	if (w->fds[i] < 0) {
		clock_sleep_until(due);
		return false;
	}
	set(w, i, due);
	if (then > due)
		set(w, !i, then);
	p[0].fd = w->fds[i];
	/* Not read(2), which goes on after signals that restart calls. */
	return poll(p, 2, -1) > 0 && p[1].revents;
}
