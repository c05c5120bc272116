/*
 * pystrobe record: attach or start, sample, and write. Whatever is rendered
 * goes through a recording.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli_priv.h"
#include "process.h"

#define ATTACH_NS 2000000000u /* that a PID may take to become Python */
#define RETRY_FIRST_NS 1000000u
#define RETRY_LAST_NS 50000000u

struct record {
	pid_t pid; /* 0: a program is started */
	char **program;
	struct sampler_options sampling;
	struct output output;
	const char *save;
	bool kill_after, quiet, seeded;

	char *recording; /* where the recording is */
	bool temporary;  /* and that it goes when we do */
	bool rendered;   /* something is made of it */
	struct child child;
	struct target *target;
	struct target_counts past; /* of targets before the present one */
	uint64_t elapsed_ns;       /* of them */
	struct progress progress;
	struct writer *writer;
};

/* ---- options ---- */

static int take(void *to, int id, const char *argument, struct err *err)
{
	struct record *r = to;

	switch (id) {
	case 'p':
		return parse_pid(argument, &r->pid, err);
	case 'd':
		return parse_duration(argument, &r->sampling.duration_ns, err);
	case 'r':
		return parse_rate(argument, &r->sampling.period_ns, err);
	case 'q':
		r->quiet = true;
		return 0;
	case OPT_SAVE:
		r->save = argument;
		return 0;
	case OPT_KILL_AFTER:
		r->kill_after = true;
		return 0;
	case OPT_SEED:
		r->seeded = true;
		return parse_number("seed", argument, &r->sampling.seed, err);
	default:
		return output_take(&r->output, id, argument) ? -EINVAL : 0;
	}
}

static int check_subject(struct record *r, struct err *err)
{
	if (r->pid && r->program[0])
		return err_set(err, -EINVAL,
			       "both a PID and a program ('%s') were given; "
			       "one of them is to be sampled",
			       r->program[0]);
	if (!r->pid && !r->program[0])
		return err_set(err, -EINVAL,
			       "what is to be sampled? give a PID with -p, or "
			       "a program after --");
	if (r->pid && r->kill_after)
		return err_set(err, -EINVAL,
			       "--kill-after is for programs that pystrobe "
			       "starts, not for a PID");
	return 0;
}

/* Where the recording goes, and whether anything is rendered from it. */
static int check_output(struct record *r, struct err *err)
{
	bool recording;
	int ret;

	if (r->output.path && !strcmp(r->output.path, "-") &&
	    !r->output.format)
		return err_set(err, -EINVAL,
			       "standard output has no extension: name its "
			       "format with -f, for example -f collapsed");
	ret = output_resolve(&r->output, &recording, err);
	if (ret)
		return ret;
	r->rendered = !recording;
	if (recording && r->save)
		return err_set(err, -EINVAL,
			       "-o is a recording already, so --save has "
			       "nothing to add");
	if (recording && !r->output.path)
		return err_set(err, -EINVAL,
			       "a recording needs a name: -o FILE.strobe");
	if (recording)
		r->save = r->output.path;
	else if (!r->output.renderer)
		r->output.renderer = renderer_by_name("svg");
	return 0;
}

/* ---- attaching ---- */

static bool alive(struct record *r)
{
	return r->program[0] ? !child_poll(&r->child)
			     : !kill(r->pid, 0) || errno == EPERM;
}

/*
 * Opens the target, which may not be Python yet: a program that has just been
 * started (wait as long as it lives), or one that called exec (`patient`).
 */
static int attach(struct record *r, bool patient, struct err *err)
{
	uint64_t pause = RETRY_FIRST_NS, began = clock_mono();
	pid_t pid = r->program[0] ? r->child.pid : r->pid;
	int ret;

	for (;;) {
		ret = target_open(&r->target, pid, NULL, err);
		if (ret != -EAGAIN && (ret != -ENOENT || !patient))
			return ret;
		if (stop_asked || !alive(r))
			return ret;
		if (!r->program[0] && clock_mono() - began > ATTACH_NS)
			return ret;
		clock_sleep_until(clock_mono() + pause);
		if (pause < RETRY_LAST_NS)
			pause += pause / 2;
	}
}

static int tell_run(struct record *r, struct sink *sink)
{
	struct run_info info = {
		.wall_ns = clock_wall(),
		.mono_ns = clock_mono(),
		.period_ns = r->sampling.period_ns,
		.seed = r->sampling.seed,
		.program = "pystrobe " PYSTROBE_VERSION,
	};
	struct utsname u;
	struct str kernel;
	int ret;

	memset(&u, 0, sizeof(u));
	uname(&u);
	str_init(&kernel);
	str_addf(&kernel, "%s %s %s", u.sysname, u.release, u.machine);
	info.host = u.nodename;
	info.kernel = kernel.data;
	ret = sink->ops->run(sink, &info);
	str_release(&kernel);
	return ret;
}

/* ---- sampling ---- */

static bool watch(void *arg, const struct sampler_status *status)
{
	struct record *r = arg;

	progress_draw(&r->progress, status);
	r->elapsed_ns = r->progress.before_ns + status->elapsed_ns;
	if (r->program[0])
		child_poll(&r->child);
	return false;
}

/* Adds up what the target counted, and lets it go. */
static void detach(struct record *r)
{
	struct target_counts c;
	unsigned i;

	target_counts(r->target, &c);
	r->past.ticks += c.ticks;
	r->past.samples += c.samples;
	for (i = 0; i < LOSS_CAUSES; i++)
		r->past.lost[i] += c.lost[i];
	target_free(r->target);
	r->target = NULL;
}

/* What is left of the duration; false when nothing is. */
static bool time_left(struct record *r, uint64_t began,
		      struct sampler_options *o)
{
	uint64_t used = clock_mono() - began;

	*o = r->sampling;
	r->progress.before_ns = used;
	if (!o->duration_ns)
		return true;
	if (used >= o->duration_ns)
		return false;
	o->duration_ns -= used;
	return true;
}

/*
 * Samples until the end. A target that calls exec is another one afterwards,
 * in the same recording.
 */
static int sample(struct record *r, struct err *err)
{
	struct sink *sink = writer_sink(r->writer);
	enum sampler_end end = SAMPLER_GONE;
	struct sampler_options o;
	uint64_t began = clock_mono();
	struct err ignored;
	int ret;

	while (time_left(r, began, &o)) {
		r->progress.target = r->target;
		ret = target_announce(r->target, sink);
		if (ret)
			return err_set(err, ret, "cannot record: %s",
				       strerror(-ret));
		end = sampler_run(r->target, sink, &o, &stop_asked, watch, r,
				  err);
		detach(r);
		if (end != SAMPLER_GONE || !alive(r) ||
		    attach(r, true, &ignored))
			break;
	}
	if (r->target)
		detach(r);
	progress_clear(&r->progress);
	r->elapsed_ns = clock_mono() - began;
	return end == SAMPLER_FAILED ? -EIO : 0;
}

/* ---- the files ---- */

static int open_writer(struct record *r, struct err *err)
{
	const char *folder = getenv("TMPDIR");
	struct str path;

	str_init(&path);
	if (r->save)
		str_adds(&path, r->save);
	else
		str_addf(&path, "%s/pystrobe-%d.strobe",
			 folder && *folder ? folder : "/tmp", (int)getpid());
	r->recording = xstrdup(path.data);
	r->temporary = !r->save;
	str_release(&path);
	if (r->temporary)
		signals_remove(r->recording);
	return writer_open(&r->writer, r->recording, err);
}

static int render(struct record *r, const char *path, struct err *err)
{
	struct profile *p;
	int ret = load_profile(&p, &r->recording, 1, err);

	if (ret)
		return ret;
	ret = output_write(&r->output, path, p, err);
	if (!ret && !r->quiet && p->idle && !r->output.options.view.idle)
		say("%llu idle samples are left out of it; -i shows them",
		    (unsigned long long)p->idle);
	profile_free(p);
	return ret;
}

static void summarize(const struct record *r, const char *path)
{
	struct str s;

	if (r->quiet)
		return;
	str_init(&s);
	str_addf(&s, "%llu samples in %.1f s",
		 (unsigned long long)r->past.samples,
		 (double)r->elapsed_ns / 1e9);
	if (r->past.lost[LOSS_NONE] != r->past.samples)
		str_adds(&s, ", ");
	add_losses(&s, r->past.lost);
	if (r->rendered && strcmp(path, "-"))
		str_addf(&s, "; wrote '%s'", path);
	if (r->save)
		str_addf(&s, "; recording in '%s'", r->save);
	say("%s", s.data);
	if (!r->past.samples)
		say("there was nothing to sample: the program ended, or was "
		    "stopped, before the first tick");
	str_release(&s);
}

static int write_outputs(struct record *r, struct err *err)
{
	struct str path;
	int ret = writer_close(r->writer, err);

	r->writer = NULL;
	str_init(&path);
	if (r->output.path)
		str_adds(&path, r->output.path);
	else
		str_addf(&path, "pystrobe-%d.svg",
			 (int)(r->pid ? r->pid : r->child.pid));
	if (!ret && r->rendered)
		ret = render(r, path.data, err);
	if (!ret)
		summarize(r, path.data);
	str_release(&path);
	return ret;
}

static void remove_temporary(struct record *r)
{
	if (r->temporary)
		unlink(r->recording);
	signals_remove(NULL);
}

/* ---- the command ---- */

static int record_target(struct record *r, struct err *err)
{
	int ret, closed;

	ret = attach(r, r->program[0] != NULL, err);
	if (ret)
		return ret;
	ret = open_writer(r, err);
	if (ret) {
		detach(r);
		return ret;
	}
	ret = tell_run(r, writer_sink(r->writer));
	if (ret)
		err_set(err, ret, "cannot record: %s", strerror(-ret));
	else
		ret = sample(r, err);
	if (r->target)
		detach(r);
	if (!ret)
		ret = write_outputs(r, err);
	if (r->writer) {
		closed = writer_close(r->writer, err);
		ret = closed ? closed : ret;
	}
	remove_temporary(r);
	return ret;
}

static int record_pid(struct record *r)
{
	struct err err = {""};
	int ret = record_target(r, &err);

	if (ret)
		complain(err.msg);
	return ret ? status_of(ret) : EXIT_OK;
}

static int start(struct record *r, struct err *err)
{
	int ret = child_start(&r->child, r->program, err);

	if (!ret)
		signals_forward(r->child.pid);
	return ret;
}

/*
 * A started program keeps its exit status, whatever became of the sampling;
 * only if it succeeded does our own failure show.
 */
static int record_program(struct record *r)
{
	struct err err = {""};
	int ret = start(r, &err);

	if (ret) {
		complain(err.msg);
		return EXIT_FAILED;
	}
	ret = record_target(r, &err);
	if (ret && !child_poll(&r->child) && ret != -ENOENT && ret != -EAGAIN)
		complain(err.msg);
	if (r->kill_after && !child_poll(&r->child)) {
		if (!r->quiet)
			say("ending '%s' (--kill-after)", r->program[0]);
		kill(r->child.pid, SIGTERM);
	}
	while (!r->child.reaped)
		child_wait(&r->child);
	signals_forward(0);
	if (ret == -ENOENT || ret == -EAGAIN || ret == -ESRCH)
		say("'%s' ended before a Python interpreter was found in it",
		    r->program[0]);
	if (ret && !child_exit_status(&r->child))
		return status_of(ret);
	child_mirror(&r->child);
}

static int run_record(const struct command *c, int argc, char **argv)
{
	struct record r = {
		.sampling.period_ns = (uint64_t)(1e9 / RATE_DEFAULT),
	};
	struct err err = {""};
	int at, status;

	at = options_parse(c, argc, argv, true, take, &r, &err);
	if (at == -ECANCELED)
		return EXIT_OK;
	if (at >= 0)
		r.program = argv + at;
	if (at < 0 || check_subject(&r, &err) || check_output(&r, &err))
		return usage(c, &err);
	if (!r.seeded)
		r.sampling.seed = clock_mono();
	r.progress = (struct progress){
		.shown = !r.quiet && isatty(STDERR_FILENO),
		.duration_ns = r.sampling.duration_ns,
		.past = &r.past,
	};
	signals_catch();
	status = r.pid ? record_pid(&r) : record_program(&r);
	free(r.recording);
	return status;
}

static const struct option_row options[] = {
	{'p', "pid", "PID", "the running process to sample"},
	{'d', "duration", "TIME", "30, 30s, 2m, 1h30m; else until the end"},
	{'r', "rate", "RATE", "samples per second: 100 (default), 1k, 10khz"},
	{'o', "output", "FILE", "where to; '-' is standard output"},
	{'f', "format", "FORMAT",
	 "svg, collapsed, table or strobe; else by FILE's extension"},
	{OPT_SAVE, "save", "FILE", "keep the recording, to report on later"},
	VIEW_OPTIONS,
	{OPT_KILL_AFTER, "kill-after", NULL,
	 "end the started program when the duration is over"},
	{OPT_SEED, "seed", "N", "seed of the jitter between samples"},
	{'q', "quiet", NULL, "no progress line and no summary"},
};

const struct command command_record = {
	.name = "record",
	.synopsis = "[OPTIONS] (-p PID | [--] PROGRAM [ARGUMENT...])",
	.about = "Samples a Python program and writes what was seen.",
	.options = options,
	.noptions = sizeof(options) / sizeof(*options),
	.examples = "  pystrobe record -p 1234 -d 10 -o flame.svg\n"
		    "  pystrobe record -r 1k -o run.strobe -- python3 app.py\n"
		    "  pystrobe record -p 1234 -d 5 -f collapsed -o -\n",
	.run = run_record,
};
