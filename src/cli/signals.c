/*
 * The first SIGINT, SIGTERM or SIGHUP asks to stop, so that what was recorded
 * is written; the second one ends us at once.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "cli_priv.h"

volatile int stop_asked;
static const char *volatile to_remove;
static volatile pid_t forward_to;

static void on_signal(int sig)
{
	int kept = errno;

	/* The terminal sends SIGINT to the program by itself. */
	if (forward_to > 0 && sig != SIGINT)
		kill(forward_to, sig);
	if (stop_asked++) {
		if (to_remove)
			unlink(to_remove);
		signal(sig, SIG_DFL);
		raise(sig);
	}
	errno = kept;
}

void signals_catch(void)
{
	static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction sa = {.sa_handler = on_signal};
	struct sigaction old;
	size_t i;

	sigemptyset(&sa.sa_mask);
	for (i = 0; i < sizeof(caught) / sizeof(*caught); i++) {
		/* nohup and shells' background jobs ignore some: so do we. */
		if (!sigaction(caught[i], NULL, &old) &&
		    old.sa_handler == SIG_IGN && caught[i] == SIGHUP)
			continue;
		sigaction(caught[i], &sa, NULL);
	}
	signal(SIGPIPE, SIG_IGN);
}

void signals_remove(const char *path)
{
	to_remove = path;
}

void signals_forward(pid_t pid)
{
	forward_to = pid;
}
