/*
 * A program whose output we read would be killed by its next print once we are:
 * there is nobody at the other end of its pipe. A child of ours stays there. It
 * sleeps until the pipe of which we have the only writing end tells of our own
 * end, and then reads what the program still writes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "top_priv.h"

#define OURS 1024 /* file descriptors are below that */

/* Blocks until there is something, or the end of all who could write it. */
static bool throw_away(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	char data[16384];
	ssize_t n = read(fd, data, sizeof(data));

	if (n < 0 && errno == EAGAIN)
		poll(&poll_fd, 1, -1);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/*
 * Nothing of ours is held: no terminal, no file, no folder, no signal of a
 * terminal or of one who ends all that have our name.
 */
static void outlive(int pipe, int alive)
{
	sigset_t all;
	int fd;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid();
	prctl(PR_SET_NAME, "top-output");
	dup2(pipe, 0);
	dup2(alive, 1);
	/* Kernels before 5.9 do not have it; ours are few, and low. */
	if (close_range(2, ~0u, 0))
		for (fd = 2; fd < OURS; fd++)
			close(fd);
	if (chdir("/"))
		return;
	while (throw_away(1))
		;
	while (throw_away(0))
		;
}

static void leave_child(int pipe, const int *alive)
{
	pid_t pid;

	/* Nobody of ours has to wait for its end, then. */
	pid = fork();
	if (pid)
		_exit(pid < 0);
	close(alive[1]);
	outlive(pipe, alive[0]);
	_exit(0);
}

int output_outlive(int pipe, struct err *err)
{
	int alive[2], status = 0;
	pid_t pid;

	if (pipe2(alive, O_CLOEXEC))
		return err_set(err, -errno, "cannot make a pipe: %s",
			       strerror(errno));
	pid = fork();
	if (!pid)
		leave_child(pipe, alive);
	close(alive[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	/* Its other end is ours until we end, in whatever way. */
	if (pid > 0 && !status)
		return 0;
	close(alive[1]);
	return err_set(err, -EAGAIN, "cannot start a process that takes care "
		       "of the output; perhaps a limit of processes is "
		       "reached, see 'ulimit -u'; -o FILE needs none");
}
