/*
 * What "pystrobe top" looks at, and what a program that it started writes.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "top_priv.h"

/* ---- the program's output ---- */

static int open_output(struct top *t, struct err *err)
{
	int ends[2];

	if (t->path) {
		t->live.model.output_path = t->path;
		t->out = open(t->path, O_WRONLY | O_CREAT | O_TRUNC |
				       O_CLOEXEC, 0666);
		if (t->out < 0)
			return err_set(err, -errno, "cannot write '%s': %s",
				       t->path, strerror(errno));
	} else if (t->batch) {
		/* Ours is for data. */
		t->out = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	} else {
		if (pipe2(ends, O_CLOEXEC))
			return err_set(err, -errno, "cannot make a pipe: %s",
				       strerror(errno));
		t->pipe = ends[0];
		t->out = ends[1];
		fcntl(t->pipe, F_SETFL, O_NONBLOCK);
		live_output(&t->live, "", 0);
		return output_outlive(t->pipe, err);
	}
	return 0;
}

bool top_read_output(struct top *t, bool to_stdout)
{
	char data[16384];
	ssize_t n;

	if (t->pipe < 0)
		return false;
	n = read(t->pipe, data, sizeof(data));
	if (n > 0 && to_stdout)
		fd_write_all(STDOUT_FILENO, data, (size_t)n);
	else if (n > 0)
		live_output(&t->live, data, (size_t)n);
	if (n > 0)
		return true;
	if (!n || (errno != EAGAIN && errno != EINTR)) {
		close(t->pipe);
		t->pipe = -1;
	}
	return false;
}

/* ---- the subjects ---- */

void top_open_pids(struct top *t)
{
	struct err err = {""};
	size_t i, kept = 0;
	int ret;

	for (i = 0; i < t->n; i++) {
		struct subject s = t->subjects[i];
		struct target *target = NULL;

		s.options = t->options;
		s.quiet = true;
		ret = subject_open(&s, &err);
		if (!ret) {
			ret = subject_attach(&s, &target, UINT64_MAX, &err);
			if (ret)
				subject_close(&s);
		}
		if (ret) {
			complain(err.msg);
			if (!t->status)
				t->status = status_of(ret);
			continue;
		}
		t->targets[kept] = target;
		t->subjects[kept++] = s;
	}
	t->n = kept;
}

int top_open_program(struct top *t)
{
	struct subject *s = &t->subjects[0];
	struct err err = {""};
	int ret = open_output(t, &err);

	s->options = t->options;
	s->quiet = true;
	s->out = t->out;
	/* Keys are ours. */
	s->no_input = !t->batch && isatty(STDIN_FILENO);
	if (!ret)
		ret = subject_open(s, &err);
	if (t->out >= 0)
		close(t->out);
	if (!ret)
		return EXIT_OK;
	subject_explain(s, "top", ret, &err);
	complain(err.msg);
	return EXIT_FAILED;
}

void top_tell_fate(struct top *t, size_t i, const struct fate *f)
{
	const struct subject *s = &t->subjects[i];
	const struct child *c = &s->child;
	const char *quit = t->batch ? "" : "; q quits";
	const char *early = f->attached ? "" : " before Python ran in it";

	if (*f->why)
		live_notice(&t->live, "%s%s", f->why, quit);
	else if (!s->program)
		live_notice(&t->live, "process %d has ended%s", (int)s->pid,
			    quit);
	else if (!s->child.reaped)
		live_notice(&t->live, "'%s' has ended%s", s->program[0], quit);
	else if (WIFSIGNALED(c->status))
		live_notice(&t->live, "'%s' was ended by signal %d%s%s",
			    s->program[0], WTERMSIG(c->status), early, quit);
	else
		live_notice(&t->live, "'%s' has ended with status %d%s%s",
			    s->program[0], WEXITSTATUS(c->status), early, quit);
}
