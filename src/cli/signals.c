/*
 * The first SIGINT, SIGTERM or SIGHUP asks to stop, so that what was recorded
 * is written; the second one ends us at once, without leaving files behind.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "base.h"
#include "cli_priv.h"

static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
#define CAUGHT (sizeof(caught) / sizeof(*caught))

/* A handler has no argument of its own to find this by. */
static struct signal_state {
	volatile int asked; /* how often */
	volatile sig_atomic_t last, held, passing;
	volatile sig_atomic_t stop, go_on; /* SIGTSTP has come, SIGCONT */
	volatile pid_t forward_to;
	const char *volatile file, *volatile folder; /* that go with us */
	void (*volatile before_end)(void);
} signal_state;

/* Only what signal-safety(7) allows, as in all up to on_signal. */
static void remove_ours(void)
{
	if (signal_state.before_end)
		signal_state.before_end();
	if (signal_state.file)
		unlink(signal_state.file);
	if (signal_state.folder)
		rmdir(signal_state.folder);
}

static void abandon(int sig)
{
	memory_last_acts();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void on_signal(int sig)
{
	int kept = errno;

	/* The terminal sends SIGINT to the program by itself. */
	if (signal_state.forward_to > 0 && sig != SIGINT)
		kill(signal_state.forward_to, sig);
	signal_state.last = sig;
	if (!signal_state.passing) {
		signal_state.asked++;
		if (signal_state.asked > 1 + signal_state.held)
			abandon(sig);
	}
	errno = kept;
}

void signals_catch(void)
{
	struct sigaction sa = {.sa_handler = on_signal};
	struct sigaction old;
	size_t i;

	memory_last_call(remove_ours);
	sigemptyset(&sa.sa_mask);
	for (i = 0; i < CAUGHT; i++) {
		/*
		 * nohup means it. A shell that has no job control lets its
		 * background jobs ignore SIGINT, but kill -INT is how a
		 * script ends a recording.
		 */
		if (caught[i] == SIGHUP && !sigaction(SIGHUP, NULL, &old) &&
		    old.sa_handler == SIG_IGN)
			continue;
		sigaction(caught[i], &sa, NULL);
	}
}

static void on_stop(int sig)
{
	if (sig == SIGCONT)
		signal_state.go_on = 1;
	else
		signal_state.stop = 1;
}

void signals_catch_stop(void)
{
	struct sigaction sa = {.sa_handler = on_stop};
	struct sigaction old;

	sigemptyset(&sa.sa_mask);
	/* A shell without job control ignores it for us. */
	if (!sigaction(SIGTSTP, NULL, &old) && old.sa_handler != SIG_IGN)
		sigaction(SIGTSTP, &sa, NULL);
	sigaction(SIGCONT, &sa, NULL);
}

bool signals_continued(void)
{
	bool asked = signal_state.go_on;

	signal_state.go_on = 0;
	return asked;
}

bool signals_stop_asked(void)
{
	bool asked = signal_state.stop;

	signal_state.stop = 0;
	return asked;
}

const volatile int *signals_asked(void)
{
	return &signal_state.asked;
}

static sigset_t caught_set(void)
{
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < CAUGHT; i++)
		sigaddset(&set, caught[i]);
	return set;
}

bool signals_sleep_until(uint64_t due)
{
	sigset_t set = caught_set(), before;
	struct timespec rest;
	uint64_t now;

	sigprocmask(SIG_BLOCK, &set, &before);
	/* Other signals end the wait, too: that of a thread we let go late. */
	while (!signal_state.asked && (now = clock_mono()) < due) {
		rest = clock_spec(due - now);
		ppoll(NULL, 0, &rest, &before);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return signal_state.asked;
}

void signals_hold(bool on)
{
	signal_state.held = on;
	/* The one that came meanwhile. */
	if (!on && signal_state.asked > 1)
		abandon(signal_state.last);
}

void signals_block(bool on)
{
	sigset_t set = caught_set();

	sigprocmask(on ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

void signals_remove(const char *file, const char *folder)
{
	signal_state.file = file;
	signal_state.folder = folder;
}

void signals_before_end(void (*call)(void))
{
	signal_state.before_end = call;
}

void signals_forward(pid_t pid)
{
	signal_state.forward_to = pid;
}

void signals_pass(void)
{
	signal_state.passing = 1;
}
