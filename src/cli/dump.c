/*
 * pystrobe dump: what each thread of a process is doing now.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli_priv.h"

#define PIDS_MAX 1024

struct dump {
	struct target_options options;
	struct render_options rendering;
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

static int take(void *to, int id, const char *argument, struct err *err)
{
	struct dump *d = to;

	switch (id) {
	case 'p':
		return add_pid(d, argument, err);
	case OPT_FULL_FILENAMES:
		d->rendering.view.full_filenames = true;
		return 0;
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
	int ret = target_announce(t, &p->sink);

	return ret ? ret : target_sample(t, &p->sink, clock_mono(), 0);
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
		target_free(t);
		subject_close(&s);
	}
	if (!ret)
		render_dump(p, &d->rendering, out);
	profile_free(p);
	return ret;
}

/* All of them; the first status that is not 0 counts. */
static int dump_all(const struct dump *d)
{
	struct err err = {""};
	int status = EXIT_OK, ret;
	struct str out;
	size_t i;

	for (i = 0; i < d->npids; i++) {
		str_init(&out);
		ret = dump_process(d, d->pids[i], &out, &err);
		if (ret)
			complain(err.msg);
		if (ret && !status)
			status = ret == -EPERM ? EXIT_DENIED : EXIT_FAILED;
		if (i && !ret)
			putchar('\n');
		fwrite(out.data, 1, out.len, stdout);
		str_release(&out);
	}
	return status;
}

static int run_dump(const struct command *c, int argc, char **argv)
{
	/* One look: whatever moves may be stopped for it. */
	struct dump d = {.options.pause_share = 1};
	struct err err = {""};
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
		err_set(&err, -EINVAL, "which process? name its PID");
		return usage(c, &err);
	}
	return dump_all(&d);
}

static const struct option_row options[] = {
	{'p', "pid", "PID", "the process, as without -p; may be repeated"},
	{OPT_FULL_FILENAMES, "full-filenames", NULL, "whole paths of files"},
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
		    "  pystrobe dump --full-filenames 1234 1235\n",
	.run = run_dump,
};
