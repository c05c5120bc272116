/*
 * pystrobe top: a live view, on the screen or as text.
 */
#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "top_priv.h"

#define LIMIT 20u
#define LIMIT_MAX 100000u
#define PIPE_MS 100 /* between looks whether the program has ended */

/* ---- options ---- */

static int add_pid(struct top *t, const char *word, struct err *err)
{
	pid_t pid;
	size_t i;
	int ret = parse_pid(word, &pid, err);

	for (i = 0; !ret && i < t->n; i++)
		if (t->subjects[i].pid == pid)
			return 0;
	if (!ret && t->n == TOP_PIDS_MAX)
		ret = err_set(err, -EINVAL, "more than %d processes",
			      TOP_PIDS_MAX);
	if (!ret)
		t->subjects[t->n++].pid = pid;
	return ret;
}

static int parse_refresh(struct top *t, const char *text, struct err *err)
{
	int ret = parse_duration(text, &t->state.interval_ns, err);

	if (!ret && (t->state.interval_ns < TOP_INTERVAL_MIN ||
		     t->state.interval_ns > TOP_INTERVAL_MAX))
		ret = err_set(err, -EINVAL,
			      "'--interval' is 100ms to 60s, not '%s'", text);
	return ret;
}

static int parse_view(struct top *t, const char *text, struct err *err)
{
	unsigned i;

	for (i = 0; i < TOP_LISTS; i++) {
		if (strcmp(top_view_name((enum top_view)i), text))
			continue;
		t->state.view = (enum top_view)i;
		return 0;
	}
	return err_set(err, -EINVAL, "'%s' is not a view; choose functions, "
		       "lines, calls, threads or processes", text);
}

static int parse_count(const char *what, const char *text, uint64_t *value,
		       struct err *err)
{
	if (parse_number("number", text, value, NULL) || !*value ||
	    *value > LIMIT_MAX)
		return err_set(err, -EINVAL, "%s is 1 to %u, not '%s'", what,
			       LIMIT_MAX, text);
	return 0;
}

static int take(void *to, int id, const char *argument, struct err *err)
{
	struct top *t = to;
	int ret;

	switch (id) {
	case 'p':
		return add_pid(t, argument, err);
	case 'd':
		return parse_duration(argument, &t->sampling.duration_ns, err);
	case 'r':
		return parse_rate(argument, &t->sampling.period_ns, err);
	case 'b':
		t->batch = true;
		return 0;
	case 'n':
		return parse_count("-n", argument, &t->times, err);
	case 'o':
		t->path = argument;
		return 0;
	case OPT_JSON:
		t->json = t->batch = true;
		return 0;
	case OPT_INTERVAL:
		return parse_refresh(t, argument, err);
	case OPT_VIEW:
		return parse_view(t, argument, err);
	case OPT_LIMIT:
		return parse_count("--limit", argument, &t->limit, err);
	case OPT_ASCII:
		t->ascii = true;
		return 0;
	case OPT_NONBLOCKING:
		t->options.stop = STOP_NEVER;
		return 0;
	case OPT_NO_BPF:
		t->options.own_ticks = true;
		return 0;
	case OPT_FULL_FILENAMES:
		t->state.full_filenames = true;
		return 0;
	default:
		ret = output_take(&t->choice, id, argument, err);
		return ret > 0 ? -EINVAL : ret;
	}
}

static int check(struct top *t, char **program, struct err *err)
{
	bool recording;
	int ret;

	if (t->n && program[0])
		return err_set(err, -EINVAL,
			       "both a PID and a program ('%s') were given; "
			       "one of them is to be sampled", program[0]);
	if (!t->n && !program[0])
		return err_set(err, -EINVAL,
			       "what is to be seen? a process: -p PID "
			       "('pgrep -a python' lists some), or a program: "
			       "-- python3 app.py");
	if (t->path && !program[0])
		return err_set(err, -EINVAL,
			       "-o is for the output of a program that "
			       "pystrobe starts, not for a PID");
	if (t->json && t->state.view != TOP_FUNCTIONS &&
	    t->state.view != TOP_LINES)
		return err_set(err, -EINVAL,
			       "'--json' has functions or lines, and threads "
			       "and processes in any case; leave out "
			       "'--view %s'",
			       top_view_name(t->state.view));
	ret = output_resolve(&t->choice, &recording, err);
	if (ret)
		return ret;
	if (program[0])
		t->subjects[t->n++].program = program;
	t->state.choice = t->choice.options.view;
	t->batch = t->batch || !isatty(STDOUT_FILENO);
	t->ascii = t->ascii || strcmp(nl_langinfo(CODESET), "UTF-8");
	return 0;
}

/* ---- the command ---- */

/* Until there is no more; what it started may have the pipe for longer. */
static void pass_output(struct top *t)
{
	struct pollfd fd = {.fd = t->pipe, .events = POLLIN};
	bool alive = true;

	while (t->pipe >= 0 && alive) {
		alive = subject_alive(&t->subjects[0]);
		poll(&fd, 1, alive ? PIPE_MS : 0);
		while (top_read_output(t, true))
			;
	}
}

/* The screen is gone: from now on the program's output is ours again. */
static void finish_program(struct top *t)
{
	struct subject *s = &t->subjects[0];

	if (subject_alive(s)) {
		say("'%s' goes on; waiting for its end", s->program[0]);
		signals_pass();
		pass_output(t);
	}
	signals_pass();
	subject_wait(s);
	if (child_exit_status(&s->child))
		child_mirror(&s->child);
}

static void say_end(const struct top *t)
{
	if (t->live.model.notice && (!t->json || !t->shown))
		say("%s", t->live.model.notice);
}

static int top(struct top *t)
{
	bool program = t->subjects[0].program != NULL;
	size_t i;

	live_init(&t->live, t->n, t->sampling.period_ns);
	t->live.screen = !t->batch;
	signals_catch();
	if (program)
		t->status = top_open_program(t);
	else
		top_open_pids(t);
	if (!t->n || (program && t->status)) {
		live_release(&t->live);
		return t->status;
	}
	t->live.model.nprocesses = t->live.n = t->n;
	for (i = 0; i < t->n; i++)
		live_process(&t->live, i, t->subjects[i].pid);
	t->waiting = program;
	if (program)
		live_notice(&t->live, "waiting until '%s' runs Python",
			    t->subjects[0].program[0]);
	top_run(t);
	if (t->batch)
		say_end(t);
	if (program)
		finish_program(t);
	sampling_free(t->samples);
	live_release(&t->live);
	for (i = 0; i < t->n; i++)
		subject_close(&t->subjects[i]);
	return t->status;
}

static int run_top(const struct command *c, int argc, char **argv)
{
	struct top t = {
		.sampling.period_ns = (uint64_t)(1e9 / RATE_DEFAULT),
		.options.pause_share = PAUSE_SHARE,
		.limit = LIMIT,
		.pipe = -1,
		.out = -1,
	};
	struct err err = {""};
	int at, status;

	top_state_init(&t.state);
	at = options_parse(c, argc, argv, true, take, &t, &err);
	if (at == -ECANCELED)
		return EXIT_OK;
	if (at < 0 || check(&t, argv + at, &err))
		return usage(c, &err);
	t.sampling.seed = clock_mono();
	status = top(&t);
	top_state_release(&t.state);
	return status;
}

static const struct option_row options[] = {
	{'p', "pid", "PID", "the running process; may be repeated"},
	{'d', "duration", "TIME", "30, 30s, 2m, 1h30m; else until q"},
	{'r', "rate", "RATE", "samples per second: 100 (default), 1k, 10khz"},
	{OPT_INTERVAL, "interval", "TIME", "between refreshes: 1s (default)"},
	{'b', "batch", NULL, "blocks of text, no screen; as without a terminal"},
	{'n', "iterations", "N", "so many refreshes, then the end"},
	{OPT_JSON, "json", NULL, "for programs: an object a line, each interval"},
	{OPT_VIEW, "view", "VIEW",
	 "functions, lines, calls, threads or processes"},
	{OPT_LIMIT, "limit", "N", "rows of each list in a block (20)"},
	{OPT_MODE, "mode", "MODE",
	 "only samples of wall, cpu, gil, offcpu, gc, exception"},
	{'g', "gil", NULL, "only threads that hold the GIL"},
	{'i', "idle", NULL, "idle threads too"},
	{OPT_FULL_FILENAMES, "full-filenames", NULL, "whole paths of files"},
	{'o', "output", "FILE", "for what the started program writes"},
	{OPT_ASCII, "ascii", NULL, "no characters beyond ASCII"},
	{OPT_NONBLOCKING, "nonblocking", NULL,
	 "never stop a thread; what moves is read in part"},
	{OPT_NO_BPF, "no-bpf", NULL,
	 "no program in the kernel, even where it is permitted"},
};

const struct command command_top = {
	.name = "top",
	.synopsis = "[OPTIONS] (-p PID | [--] PROGRAM [ARGUMENT...])",
	.about = "Shows live where time goes and what threads wait for.",
	.options = options,
	.noptions = sizeof(options) / sizeof(*options),
	.examples = "  pystrobe top -p 1234\n"
		    "  pystrobe top -r 1k -- python3 app.py\n"
		    "  pystrobe top -b -n 1 -p 1234\n",
	.run = run_top,
};
