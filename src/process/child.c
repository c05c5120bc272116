/*
 * A program that we start, and ending as it ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"
#include "process_priv.h"

static bool is_script(const char *name)
{
	size_t len = strlen(name);

	return len > 3 && !strcmp(name + len - 3, ".py");
}

/* A name without a folder that is not on PATH, but perhaps here. */
static int explain_name(const char *name, struct err *err)
{
	struct stat st;

	if (stat(name, &st) || !S_ISREG(st.st_mode))
		return err_set(err, -ENOENT, "no executable program '%s' on "
			       "PATH", name);
	if (st.st_mode & 0111)
		return err_set(err, -ENOENT, "'%s' is here, but not on PATH: "
			       "pystrobe record -- ./%s", name, name);
	return err_set(err, -ENOENT, "'%s' is not on PATH, and the file here "
		       "is not executable", name);
}

static int explain_start(const char *name, int error, struct err *err)
{
	struct stat st;

	if (is_script(name) && !stat(name, &st) && S_ISREG(st.st_mode) &&
	    (!strchr(name, '/') || error == EACCES || error == ENOEXEC))
		return err_set(err, error == ENOEXEC ? -ENOEXEC : -EPERM,
			       "'%s' is a script that its interpreter has to "
			       "start: pystrobe record -- python3 %s", name,
			       name);
	/* EACCES too: a folder on PATH that we may not search. */
	if (!strchr(name, '/') && (error == ENOENT || error == EACCES))
		return explain_name(name, err);
	switch (error) {
	case ENOENT:
		if (!stat(name, &st))
			return err_set(err, -ENOENT, "the interpreter or "
				       "loader that '%s' asks for does not "
				       "exist", name);
		return err_set(err, -ENOENT, "no such program: '%s'", name);
	case EACCES:
	case EPERM:
		if (!stat(name, &st) && S_ISDIR(st.st_mode))
			return err_set(err, -EPERM, "'%s' is a directory, not "
				       "a program", name);
		return err_set(err, -EPERM, "'%s' is not executable: chmod +x "
			       "it, or start its interpreter with it as "
			       "argument", name);
	case ENOEXEC:
		return err_set(err, -ENOEXEC, "'%s' is neither a program nor "
			       "a script that begins with '#!'", name);
	default:
		return err_set(err, -error, "cannot start '%s': %s", name,
			       strerror(error));
	}
}

/* Where it reads from and writes to, if not where we do. */
static int redirect(posix_spawn_file_actions_t *files, int out, bool no_input)
{
	int error = posix_spawn_file_actions_init(files);

	if (!error && no_input)
		error = posix_spawn_file_actions_addopen(
			files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!error && out >= 0)
		error = posix_spawn_file_actions_adddup2(files, out,
							 STDOUT_FILENO);
	if (!error && out >= 0)
		error = posix_spawn_file_actions_adddup2(files, out,
							 STDERR_FILENO);
	return error;
}

int child_start(struct child *c, char *const argv[], struct err *err)
{
	return child_start_to(c, argv, -1, false, err);
}

int child_start_to(struct child *c, char *const argv[], int out, bool no_input,
		   struct err *err)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t defaults;
	int error;

	memset(c, 0, sizeof(*c));
	if (!argv[0] || !*argv[0])
		return err_set(err, -EINVAL, "no program to start is given");
	/* If whoever started us ignores it, we would not be told of the end. */
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	error = posix_spawnattr_init(&attr);
	if (error)
		return explain_start(argv[0], error, err);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	error = redirect(&files, out, no_input);
	if (!error)
		error = posix_spawnp(&c->pid, argv[0], &files, &attr, argv,
				     environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	if (error) {
		c->pid = 0;
		return explain_start(argv[0], error, err);
	}
	return 0;
}

/*
 * Takes note of its end, if that is the news. waitpid would also tell, and so
 * take away, that it stops for the one in trace.c who lets it go.
 */
static int take_end(struct child *c, int flags)
{
	siginfo_t si;
	int status;

	memset(&si, 0, sizeof(si));
	if (waitid(P_PID, (id_t)c->pid, &si, WEXITED | WNOWAIT | flags))
		return -errno;
	if (!si.si_pid || si.si_code == CLD_TRAPPED)
		return 0;
	if (waitpid(c->pid, &status, WNOHANG) == c->pid) {
		c->status = status;
		c->reaped = true;
	}
	return 0;
}

bool child_poll(struct child *c)
{
	if (!c->reaped && c->pid > 0)
		take_end(c, WNOHANG);
	return c->reaped;
}

int child_wait(struct child *c)
{
	int ret = 0;

	while (!c->reaped && !ret)
		ret = take_end(c, 0);
	return ret;
}

int child_exit_status(const struct child *c)
{
	return WIFSIGNALED(c->status) ? 128 + WTERMSIG(c->status)
				      : WEXITSTATUS(c->status);
}

void child_mirror(const struct child *c)
{
	struct rlimit none = {0, 0};
	sigset_t all;

	if (!WIFSIGNALED(c->status))
		exit(WEXITSTATUS(c->status));
	fflush(NULL);
	/* The core that matters is the program's, not ours. A core handler
	 * that is a pipe ignores the limit, hence the second one (core(5)). */
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	signal(WTERMSIG(c->status), SIG_DFL);
	sigfillset(&all);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	raise(WTERMSIG(c->status));
	_exit(child_exit_status(c));
}
