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
#include <sys/wait.h>
#include <unistd.h>

#include "cli_priv.h"

struct record {
	struct subject subject;
	struct sampler_options sampling;
	struct output output;
	const char *save;
	bool kill_after, quiet, seeded;

	uint64_t kept;   /* bytes of the recording, when it met with an error */
	bool rendered;   /* something is made of the recording */
	char *recording; /* where it is */
	char *folder;    /* that goes with it when we do, or NULL */
	struct writer *writer;
	struct target *target;
	uint64_t began;
	enum sampler_end end;
	bool killed; /* by us */
	struct totals past, totals; /* without and with the present target */
	struct progress progress;
};

/* ---- options ---- */

static int choose_policy(struct record *r, enum stop_policy stop,
			 struct err *err)
{
	if (r->subject.options.stop != STOP_AUTO &&
	    r->subject.options.stop != stop)
		return err_set(err, -EINVAL,
			       "--blocking and --nonblocking exclude each "
			       "other");
	r->subject.options.stop = stop;
	return 0;
}

static int take_pid(struct record *r, const char *argument, struct err *err)
{
	pid_t pid = r->subject.pid;
	int ret = parse_pid(argument, &r->subject.pid, err);

	if (!ret && pid)
		ret = err_set(err, -EINVAL,
			      "a recording is of one process, not of both %d "
			      "and %d; record each for itself, and name both "
			      "recordings to 'pystrobe report'",
			      (int)pid, (int)r->subject.pid);
	return ret;
}

static int take(void *to, int id, const char *argument, struct err *err)
{
	struct record *r = to;
	int ret;

	switch (id) {
	case 'p':
		return take_pid(r, argument, err);
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
	case OPT_NONBLOCKING:
		return choose_policy(r, STOP_NEVER, err);
	case OPT_BLOCKING:
		return choose_policy(r, STOP_ALWAYS, err);
	case OPT_NO_BPF:
		r->subject.options.own_ticks = true;
		return 0;
	case OPT_PAUSE_BUDGET:
		return parse_share("pause budget", argument,
				   &r->subject.options.pause_share, err);
	case OPT_SEED:
		r->seeded = true;
		return parse_number("seed", argument, &r->sampling.seed, err);
	default:
		ret = output_take(&r->output, id, argument, err);
		return ret > 0 ? -EINVAL : ret;
	}
}

static int check_subject(struct record *r, char **program, struct err *err)
{
	if (r->subject.pid && program[0])
		return err_set(err, -EINVAL,
			       "both a PID and a program ('%s') were given; "
			       "one of them is to be sampled",
			       program[0]);
	if (!r->subject.pid && !program[0])
		return err_set(err, -EINVAL,
			       "what is to be sampled? a process: -p PID "
			       "('pgrep -a python' lists some), or a program: "
			       "-- python3 app.py");
	if (r->kill_after && !program[0])
		return err_set(err, -EINVAL,
			       "--kill-after is for programs that pystrobe "
			       "starts, not for a PID");
	if (r->kill_after && !r->sampling.duration_ns)
		return err_set(err, -EINVAL,
			       "--kill-after needs a duration (-d) after which "
			       "to do so");
	if (program[0])
		r->subject.program = program;
	return 0;
}

/* Where the recording goes, and what is rendered from it, and where to. */
static int check_output(struct record *r, struct err *err)
{
	const struct renderer *svg = renderer_by_name("svg");
	struct output *out = &r->output;
	bool recording;
	int ret;

	if (out->path && !strcmp(out->path, "-") && !out->format)
		return err_set(err, -EINVAL,
			       "standard output has no extension: name its "
			       "format with -f, for example -f collapsed");
	ret = output_resolve(out, &recording, err);
	if (ret)
		return ret;
	r->rendered = !recording;
	if (recording && r->save)
		return err_set(err, -EINVAL,
			       "-o is a recording already, so --save has "
			       "nothing to add");
	if (recording && !out->path)
		return err_set(err, -EINVAL,
			       "a recording needs a name: -o FILE.strobe");
	if (recording)
		r->save = out->path;
	else if (!out->renderer)
		out->renderer = svg;
	/* Text is to be read at once; a picture needs a name. */
	if (!recording && !out->path && out->renderer != svg)
		out->path = "-";
	if (output_check(out, err))
		return -EINVAL;
	if (out->path && r->save && r->rendered && !strcmp(out->path, r->save))
		return err_set(err, -EINVAL,
			       "-o and --save are the same file, '%s'",
			       r->save);
	return 0;
}

/* Better now than when all has been sampled. */
static int probe_outputs(const struct record *r, struct err *err)
{
	const char *path = r->output.path;
	struct err why;
	int ret = 0;

	if (r->save)
		ret = output_probe(r->save, err);
	if (ret || !r->rendered)
		return ret;
	if (path)
		return output_probe(path, err);
	ret = output_probe("pystrobe.svg", &why);
	if (ret)
		err_set(err, ret, "%s; -o names another place", why.msg);
	return ret;
}

/* ---- sampling ---- */

int tell_run(struct sink *sink, const struct sampler_options *sampling)
{
	struct run_info info = {
		.wall_ns = clock_wall(),
		.mono_ns = clock_mono(),
		.period_ns = sampling->period_ns,
		.seed = sampling->seed,
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

static void add_pauses(struct target_pauses *to,
		       const struct target_pauses *p)
{
	to->times += p->times;
	to->ns += p->ns;
	if (p->longest_ns > to->longest_ns)
		to->longest_ns = p->longest_ns;
	to->vain += p->vain;
}

/* The totals with what the present target has counted by now. */
static void add_up(struct record *r, const struct sampler_status *status)
{
	struct totals *t = &r->totals;
	struct target_counts c;
	unsigned i;

	target_counts(r->target, &c);
	*t = r->past;
	t->counts.ticks += c.ticks;
	t->counts.samples += c.samples;
	for (i = 0; i < LOSS_CAUSES; i++) {
		t->counts.lost[i] += c.lost[i];
		t->counts.partial[i] += c.partial[i];
	}
	t->counts.interrupts += c.interrupts;
	add_pauses(&t->counts.copies, &c.copies);
	t->counts.stopped += c.stopped;
	t->counts.disk += c.disk;
	add_pauses(&t->counts.stops, &c.stops);
	add_pauses(&t->counts.displaced, &c.displaced);
	t->counts.refused += c.refused;
	if (c.tracer)
		t->counts.tracer = c.tracer;
	t->due += status->due;
	t->taken += status->taken;
	t->elapsed_ns = clock_mono() - r->began;
}

static bool watch(void *arg, const struct sampler_status *status)
{
	struct record *r = arg;

	add_up(r, status);
	progress_draw(&r->progress, &r->totals);
	return !subject_alive(&r->subject);
}

static int sample_target(struct record *r, uint64_t until, struct err *err)
{
	struct sink *sink = writer_sink(r->writer);
	struct sampler_options o = r->sampling;
	int ret = target_announce(r->target, sink);

	r->end = SAMPLER_FAILED;
	if (ret)
		err_set(err, ret, "cannot record: %s", strerror(-ret));
	o.duration_ns = until == UINT64_MAX ? 0 : until - clock_mono();
	if (!ret)
		r->end = sampler_run(r->target, sink, &o, signals_asked(),
				     watch, r, err);
	r->past = r->totals;
	target_free(r->target);
	r->target = NULL;
	return r->end == SAMPLER_FAILED ? -EIO : 0;
}

/* A target that calls exec is another one afterwards: true to go on. */
static bool again(struct record *r, uint64_t until)
{
	struct err ignored;
	int ret;

	if (r->end == SAMPLER_DURATION || *signals_asked() ||
	    !subject_alive(&r->subject))
		return false;
	progress_clear(&r->progress);
	ret = subject_attach(&r->subject, &r->target, until, &ignored);
	if (!ret && clock_mono() < until)
		return true;
	if (ret == -ENOENT && !r->subject.program && !r->quiet &&
	    subject_alive(&r->subject))
		say("process %d runs another program now, which is not Python",
		    (int)r->subject.pid);
	target_free(r->target);
	r->target = NULL;
	if (clock_mono() >= until)
		r->end = SAMPLER_DURATION;
	return false;
}

/* Samples until the end, into one recording. */
static int sample(struct record *r, struct err *err)
{
	uint64_t until = UINT64_MAX;
	int ret;

	if (r->sampling.duration_ns)
		until = r->began + r->sampling.duration_ns;
	do
		ret = sample_target(r, until, err);
	while (!ret && again(r, until));
	progress_clear(&r->progress);
	return ret;
}

/* ---- the files ---- */

/* A folder of our own: nobody else can put a link in our way. */
static int make_folder(struct record *r, struct err *err)
{
	const char *in = getenv("TMPDIR");
	bool made;
	struct str s;
	int ret = 0;

	in = in && *in ? in : "/tmp";
	str_init(&s);
	str_addf(&s, "%s/pystrobe-XXXXXX", in);
	r->folder = xstrdup(s.data);
	signals_block(true);
	made = mkdtemp(r->folder);
	if (made)
		signals_remove(NULL, r->folder);
	signals_block(false);
	if (!made) {
		ret = err_set(err, -errno,
			      "cannot make a temporary folder in '%s': %s; "
			      "set TMPDIR to another, or --save the recording",
			      in, strerror(errno));
		free(r->folder);
		r->folder = NULL;
	} else {
		str_clear(&s);
		str_addf(&s, "%s/run.strobe", r->folder);
		r->recording = xstrdup(s.data);
	}
	str_release(&s);
	return ret;
}

static int open_writer(struct record *r, struct err *err)
{
	int ret;

	if (!r->save) {
		ret = make_folder(r, err);
		if (ret)
			return ret;
	} else {
		r->recording = xstrdup(r->save);
	}
	signals_remove(r->folder ? r->recording : NULL, r->folder);
	signals_hold(output_is_file(r->recording));
	return writer_open(&r->writer, r->recording, err);
}

/* The recording is complete; what its writing has met with, if anything. */
static int close_writer(struct record *r, struct err *err)
{
	int ret;

	r->kept = r->writer ? writer_bytes(r->writer) : 0;
	ret = r->writer ? writer_close(r->writer, err) : 0;
	r->writer = NULL;
	signals_hold(false);
	return ret;
}

static void remove_temporary(struct record *r)
{
	if (r->folder) {
		unlink(r->recording);
		rmdir(r->folder);
	}
	signals_remove(NULL, NULL);
	free(r->folder);
	free(r->recording);
}

/* Adds what the view shows of the samples, if that is not all. */
static void add_shown(const struct record *r, const struct profile *p,
		      struct str *s)
{
	const struct view *view = &r->output.options.view;
	struct view_count count;

	view_count(p, view, &count);
	if (count.samples == p->samples)
		return;
	if (!count.samples) {
		str_adds(s, ", which is empty: ");
		add_nothing(s, p, view);
		return;
	}
	if (*mode_about(view->mode))
		str_addf(s, " of the %llu %s",
			 (unsigned long long)count.samples,
			 mode_about(view->mode));
	if (count.idle)
		str_addf(s, " without %llu idle one%s (-i includes them)",
			 (unsigned long long)count.idle,
			 count.idle == 1 ? "" : "s");
}

static int render(const struct record *r, struct str *told, struct err *err)
{
	struct span span = {.until_ns = UINT64_MAX,
			    .timeline = r->output.renderer->timeline};
	struct profile *p;
	struct str path;
	int ret = load_profile(&p, &r->recording, 1, &span, err);

	if (ret)
		return ret;
	str_init(&path);
	if (r->output.path)
		str_adds(&path, r->output.path);
	else
		str_addf(&path, "pystrobe-%d.svg", (int)r->subject.pid);
	ret = output_write(&r->output, path.data, p, err);
	if (!strcmp(path.data, "-"))
		str_adds(told, "; written to standard output");
	else
		str_addf(told, "; wrote '%s'", path.data);
	add_shown(r, p, told);
	str_release(&path);
	profile_free(p);
	return ret;
}

/* `wrote` says what became of the recording; whole: it met with no error. */
static void summarize(const struct record *r, const char *wrote, bool whole)
{
	const struct totals *t = &r->totals;
	struct str s;

	if (r->quiet)
		return;
	str_init(&s);
	str_addf(&s, "%llu sample%s in ",
		 (unsigned long long)t->counts.samples,
		 t->counts.samples == 1 ? "" : "s");
	add_seconds(&s, t->elapsed_ns);
	str_adds(&s, ", ");
	add_held(&s, t, r->sampling.period_ns);
	add_standing(&s, &t->counts);
	add_losses(&s, ", ", t->counts.partial, t->counts.lost);
	add_stops(&s, t);
	str_adds(&s, wrote);
	if (r->save && strcmp(r->save, "-"))
		str_addf(&s, whole ? "; recording in '%s'"
				   : "; what was recorded before that is in "
				     "'%s'", r->save);
	say("%s", s.data);
	if (!t->counts.samples)
		say("there was nothing to sample: the program ended, or was "
		    "stopped, before it ran any Python code");
	str_release(&s);
}

/* Tells why nothing is shown; what was recorded is not lost by that. */
static void complain_and_keep(struct record *r, const char *sentence)
{
	struct str s;

	str_init(&s);
	str_adds(&s, sentence);
	if (r->folder && r->totals.counts.samples) {
		str_addf(&s, "; what was recorded is in '%s', for 'pystrobe "
			     "report'", r->recording);
		signals_remove(NULL, NULL);
		free(r->folder);
		r->folder = NULL;
	}
	complain(s.data);
	str_release(&s);
}

/*
 * What was recorded is shown even if the recording met with an error, which
 * is `failed` then.
 */
static int write_outputs(struct record *r, int failed, struct err *err)
{
	struct err later = {""};
	struct str wrote;
	int ret = close_writer(r, err);

	if (ret || failed) {
		complain(err->msg);
		failed = ret ? ret : failed;
	}
	str_init(&wrote);
	ret = r->rendered ? render(r, &wrote, &later) : 0;
	if (ret) {
		complain_and_keep(r, later.msg);
	} else if (!failed || r->kept || r->rendered)
		summarize(r, wrote.data, !failed);
	str_release(&wrote);
	/* All is written: a second signal has nothing to abandon any more. */
	signals_pass();
	return failed ? failed : ret;
}

/* ---- the command ---- */

static int record_target(struct record *r)
{
	struct err err = {""};
	int ret;

	r->began = clock_mono();
	ret = open_writer(r, &err);
	if (ret) {
		complain(err.msg);
		close_writer(r, NULL);
		target_free(r->target);
		remove_temporary(r);
		return EXIT_FAILED;
	}
	ret = tell_run(writer_sink(r->writer), &r->sampling);
	if (ret)
		err_set(&err, ret, "cannot record: %s", strerror(-ret));
	else
		ret = sample(r, &err);
	target_free(r->target);
	if (r->kill_after && r->end == SAMPLER_DURATION &&
	    subject_alive(&r->subject)) {
		r->killed = !kill(r->subject.pid, SIGTERM);
		if (r->killed && !r->quiet)
			say("asked '%s' to end (--kill-after)",
			    r->subject.program[0]);
	}
	ret = write_outputs(r, ret, &err);
	remove_temporary(r);
	return ret ? EXIT_FAILED : EXIT_OK;
}

/* Why there is not one sample. */
static void explain_attach(struct record *r, const struct err *err)
{
	const char *program = r->subject.program ? r->subject.program[0] : "";
	bool alive = subject_alive(&r->subject);

	if (!*program || (alive && !*signals_asked()))
		complain(err->msg);
	else if (alive)
		say("stopped while Python was not running in '%s'", program);
	else if (!r->subject.python)
		say("'%s' ended before a Python interpreter was found in it; "
		    "if it starts Python as another process, sample that one "
		    "with -p",
		    program);
	else
		say("'%s' ended before the first sample", program);
}

static int record_subject(struct record *r)
{
	struct err err = {""};
	int ret = subject_attach(&r->subject, &r->target, UINT64_MAX, &err);

	if (!ret)
		return record_target(r);
	explain_attach(r, &err);
	return status_of(ret);
}

/*
 * A started program keeps its exit status, whatever became of the sampling;
 * only if it succeeded, or ended because we asked it to, does ours show.
 */
static int finish_program(struct record *r, int status)
{
	const struct child *c = &r->subject.child;

	if (subject_alive(&r->subject) && r->end == SAMPLER_DURATION &&
	    !r->killed && !r->quiet)
		say("'%s' goes on; waiting for its end",
		    r->subject.program[0]);
	signals_pass();
	subject_wait(&r->subject);
	if (r->killed && WIFSIGNALED(c->status) &&
	    WTERMSIG(c->status) == SIGTERM)
		return status;
	if (!child_exit_status(c))
		return status;
	child_mirror(c);
}

static int record(struct record *r)
{
	struct err err = {""};
	int status = EXIT_FAILED, ret;

	if (probe_outputs(r, &err)) {
		complain(err.msg);
		return EXIT_FAILED;
	}
	signals_catch();
	ret = subject_open(&r->subject, &err);
	if (ret) {
		subject_explain(&r->subject, "record", ret, &err);
		complain(err.msg);
		return ret == -EPERM && !r->subject.program ? EXIT_DENIED
							    : EXIT_FAILED;
	}
	status = record_subject(r);
	if (r->subject.program)
		status = finish_program(r, status);
	subject_close(&r->subject);
	return status;
}

static int run_record(const struct command *c, int argc, char **argv)
{
	struct record r = {
		.sampling.period_ns = (uint64_t)(1e9 / RATE_DEFAULT),
		.end = SAMPLER_STOPPED,
		.subject.options.pause_share = PAUSE_SHARE,
	};
	struct err err = {""};
	int at;

	at = options_parse(c, argc, argv, true, take, &r, &err);
	if (at == -ECANCELED)
		return EXIT_OK;
	if (at < 0 || check_subject(&r, argv + at, &err) ||
	    check_output(&r, &err))
		return usage(c, &err);
	if (!r.seeded)
		r.sampling.seed = clock_mono();
	r.subject.quiet = r.quiet;
	r.progress = (struct progress){
		.shown = !r.quiet && isatty(STDERR_FILENO),
		.duration_ns = r.sampling.duration_ns,
		.period_ns = r.sampling.period_ns,
	};
	return record(&r);
}

static const struct option_row options[] = {
	{'p', "pid", "PID", "the running process to sample"},
	{'d', "duration", "TIME", "30, 30s, 2m, 1h30m; else until the end"},
	{'r', "rate", "RATE", "samples per second: 100 (default), 1k, 10khz"},
	{'o', "output", "FILE",
	 "where to (pystrobe-PID.svg); '-' is standard output"},
	{'f', "format", "FORMAT",
	 "svg, folded, table, speedscope, pprof, firefox, trace"},
	{OPT_SAVE, "save", "FILE", "keep the recording, to report on later"},
	VIEW_OPTIONS,
	{OPT_KILL_AFTER, "kill-after", NULL,
	 "end the started program when the duration is over"},
	{OPT_NONBLOCKING, "nonblocking", NULL,
	 "never stop a thread; what moves is read in part"},
	{OPT_BLOCKING, "blocking", NULL,
	 "stop each running thread to read it, one at a time"},
	{OPT_NO_BPF, "no-bpf", NULL,
	 "no program in the kernel, even where it is permitted"},
	{OPT_PAUSE_BUDGET, "pause-budget", "PERCENT",
	 "of the time that threads may be stopped (3)"},
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
		    "  pystrobe record -p 1234 -d 5 -f collapsed\n",
	.run = run_record,
};
