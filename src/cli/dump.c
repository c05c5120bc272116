/*
 * pystrobe dump: what each thread of a process is doing now.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli_priv.h"

#define PIDS_MAX 1024
#define LOCALS_NS 50000000u /* that a thread may stand for them */

struct dump {
	struct target_options options;
	struct dump_options form;
	bool source;
	uint64_t watch_ns; /* between looks; 0: one look */
	pid_t pids[PIDS_MAX];
	size_t npids;
};

static int add_pid(struct dump *d, const char *word, struct err *err)
{
	if (d->npids == PIDS_MAX)
		return err_set(err, -EINVAL, "more than %d processes",
			       PIDS_MAX);
	return parse_pid(word, &d->pids[d->npids++], err);
}

/* Each time that it is asked for: more of a value. */
static void more_locals(struct target_locals *l)
{
	bool again = l->bytes > 0;

	*l = (struct target_locals){
		.bytes = again ? 4096 : 128,
		.items = again ? 200 : 20,
		.depth = again ? 6 : 3,
		.ns = LOCALS_NS,
	};
}

static int take(void *to, int id, const char *argument, struct err *err)
{
	struct dump *d = to;

	switch (id) {
	case 'p':
		return add_pid(d, argument, err);
	case OPT_FULL_FILENAMES:
		d->form.full_filenames = true;
		return 0;
	case OPT_JSON:
		d->form.json = true;
		return 0;
	case OPT_GROUP:
		d->form.group = true;
		return 0;
	case OPT_SOURCE:
		d->source = true;
		return 0;
	case 'l':
		more_locals(&d->options.locals);
		return 0;
	case OPT_WATCH:
		return parse_interval(argument, &d->watch_ns, err);
	case OPT_NONBLOCKING:
		d->options.stop = STOP_NEVER;
		return 0;
	default:
		return -EINVAL;
	}
}

/* One tick of the target, as a profile of its own. */
static int look(struct target *t, struct profile *p)
{
	struct tick now = {.mono_ns = 0};
	int ret = target_announce(t, &p->sink);

	now.mono_ns = clock_mono();
	return ret ? ret : target_sample(t, &p->sink, &now);
}

static const struct variable *local_of(void *locals, uint32_t tid,
				       uint32_t depth, size_t n)
{
	return target_local(locals, tid, depth, n);
}

static unsigned locals_flaws(void *locals, uint32_t tid)
{
	return target_locals_flaws(locals, tid);
}

/* What was seen, with the lines of source of the process. */
static void draw(const struct dump *d, const struct process *process,
		 struct target *t, const struct profile *p, struct str *out)
{
	struct dump_options form = d->form;
	struct sources *sources = NULL;

	form.wall_ns = clock_wall();
	if (d->options.locals.bytes) {
		form.locals = t;
		form.local = local_of;
		form.locals_flaws = locals_flaws;
	}
	if (d->source) {
		form.lines = sources = sources_new(process);
		form.line = sources_line;
	}
	render_dump(p, &form, out);
	sources_free(sources);
}

static int dump_process(const struct dump *d, pid_t pid, struct str *out,
			struct err *err)
{
	struct subject s = {.pid = pid, .options = d->options, .quiet = true};
	struct target *t = NULL;
	struct profile *p = profile_new();
	int ret = subject_open(&s, err);

	if (!ret) {
		ret = subject_attach(&s, &t, UINT64_MAX, err);
		if (!ret) {
			ret = look(t, p);
			if (ret)
				err_set(err, ret, "process %d has ended",
					(int)pid);
		}
		if (!ret)
			draw(d, &s.process, t, p, out);
		target_free(t);
		subject_close(&s);
	}
	profile_free(p);
	return ret;
}

/*
 * All of them; the first status that is not 0 counts. *shown is how many could
 * be seen.
 */
static int dump_all(const struct dump *d, size_t *shown)
{
	struct err err = {""};
	int status = EXIT_OK, ret;
	struct str out;
	size_t i;

	str_init(&out);
	if (d->watch_ns && !d->form.json)
		add_clock(&out);
	for (i = *shown = 0; i < d->npids; i++) {
		if (*shown && !d->form.json)
			str_addc(&out, '\n');
		ret = dump_process(d, d->pids[i], &out, &err);
		*shown += !ret;
		if (ret && !*signals_asked())
			complain(err.msg);
		if (!status)
			status = status_of(ret);
	}
	ret = fd_write_all(STDOUT_FILENO, out.data, out.len);
	str_release(&out);
	if (!ret)
		return status;
	err_set(&err, ret, "cannot write standard output: %s",
		strerror(-ret));
	complain(err.msg);
	*shown = 0;
	return EXIT_FAILED;
}

/* Until a signal, or until none of the processes can be seen any more. */
static int watch(const struct dump *d)
{
	uint64_t due = clock_mono();
	size_t shown, seen = 0;
	int status;

	signals_catch();
	for (;;) {
		status = dump_all(d, &shown);
		seen += shown;
		due += d->watch_ns;
		if (!shown || signals_sleep_until(due))
			break;
	}
	return seen ? EXIT_OK : status;
}

static int run_dump(const struct command *c, int argc, char **argv)
{
	/* One look: whatever runs may be stopped for it. */
	struct dump d = {.options.pause_share = 1, .options.once = true};
	struct err err = {""};
	size_t shown;
	int at;

	at = options_parse(c, argc, argv, false, take, &d, &err);
	if (at == -ECANCELED)
		return EXIT_OK;
	if (at < 0)
		return usage(c, &err);
	for (; at < argc; at++)
		if (add_pid(&d, argv[at], &err))
			return usage(c, &err);
	if (!d.npids) {
		err_set(&err, -EINVAL, "which process? name its PID, which 'pgrep -a "
			"python' tells");
		return usage(c, &err);
	}
	if (d.form.json && d.form.group) {
		err_set(&err, -EINVAL, "'--group' is for people; '--json' "
			"tells each thread by itself");
		return usage(c, &err);
	}
	if (d.options.locals.bytes && d.form.group) {
		err_set(&err, -EINVAL, "'--group' shows threads together, "
			"'--locals' what each has of its own");
		return usage(c, &err);
	}
	if (d.options.locals.bytes && d.options.stop != STOP_NEVER)
		d.options.stop = STOP_ALWAYS;
	return d.watch_ns ? watch(&d) : dump_all(&d, &shown);
}

static const struct option_row options[] = {
	{'p', "pid", "PID", "the process, as without -p; may be repeated"},
	{OPT_FULL_FILENAMES, "full-filenames", NULL, "whole paths of files"},
	{'l', "locals", NULL,
	 "arguments and locals, secrets too; -ll: longer"},
	{OPT_GROUP, "group", NULL, "threads that do the same as one"},
	{OPT_SOURCE, "source", NULL, "the line of source under each frame"},
	{OPT_JSON, "json", NULL, "for programs: one object on one line"},
	{OPT_WATCH, "watch", "TIME", "again each TIME, as 1s, until Ctrl-C"},
	{OPT_NONBLOCKING, "nonblocking", NULL,
	 "never stop a thread; what moves is read in part"},
};

const struct command command_dump = {
	.name = "dump",
	.synopsis = "[OPTIONS] PID...",
	.about = "Shows what each thread of a process is doing now.",
	.options = options,
	.noptions = sizeof(options) / sizeof(*options),
	.examples = "  pystrobe dump 1234\n"
		    "  pystrobe dump --source --group 1234 1235\n"
		    "  pystrobe dump --json --watch 10s 1234\n",
	.run = run_dump,
};
