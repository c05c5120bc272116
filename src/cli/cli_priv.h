/*
 * cli_priv.h - the parts of the command line.
 */
#ifndef PYSTROBE_CLI_PRIV_H
#define PYSTROBE_CLI_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base.h"
#include "cli.h"
#include "process.h"
#include "profile.h"
#include "recording.h"
#include "render.h"
#include "sampler.h"
#include "target.h"

/* ---- options.c: one table parses, and prints the help ---- */

struct option_row {
	int id;               /* the letter, or above 255 when it has none */
	const char *name;     /* long name */
	const char *argument; /* NULL: takes none */
	const char *about;
};

enum option_id {
	OPT_SAVE = 256,
	OPT_NOLINENO,
	OPT_FULL_FILENAMES,
	OPT_MODE,
	OPT_STATE_FRAMES,
	OPT_KILL_AFTER,
	OPT_TITLE,
	OPT_SEED,
	OPT_LIMIT,
	OPT_NONBLOCKING,
	OPT_BLOCKING,
	OPT_NO_BPF,
	OPT_PAUSE_BUDGET,
	OPT_JSON,
	OPT_FOCUS,
	OPT_FROM,
	OPT_TO,
	OPT_IGNORE,
	OPT_GROUP,
	OPT_SOURCE,
	OPT_WATCH,
	OPT_ICICLE,
	OPT_FLAME,
	OPT_REVERSE,
	OPT_PALETTE,
	OPT_WIDTH,
	OPT_FROM_FORMAT,
	OPT_BY,
	OPT_SORT,
	OPT_MIN_PERCENT,
	OPT_TREE,
	OPT_CALLERS,
	OPT_CALLEES,
	OPT_HEADER,
	OPT_INTERVAL,
	OPT_ASCII,
	OPT_VIEW,
};

struct command {
	const char *name, *synopsis, *about;
	const struct option_row *options; /* --help is everyone's */
	size_t noptions;
	const char *examples; /* printed as they are */
	int (*run)(const struct command *c, int argc, char **argv);
};

#define OPTIONS_MAX 40 /* of one command */

/* Takes one option; 0, or -EINVAL with a sentence. */
typedef int option_take(void *to, int id, const char *argument,
			struct err *err);

/*
 * Parses argv[1..]; with `program`, options end at the first other word.
 * Returns the index of the first word that is no option, or -EINVAL with a
 * sentence, or -ECANCELED when help was printed.
 */
int options_parse(const struct command *c, int argc, char **argv, bool program,
		  option_take *take, void *to, struct err *err);
void print_help(const struct command *c);
/* The rows of a command, --help the last; NULL behind it. */
const struct option_row *option_at(const struct command *c, size_t i);

extern const struct command command_record, command_report, command_dump,
	command_convert, command_top;

/* ---- commands.c ---- */

const struct command *const *commands(size_t *n); /* all, as in the help */
/* The first one with this option, "-p" or "--pid=3"; or NULL. */
const struct command *command_with(const char *word);

/* ---- completion.c ---- */

/*
 * Prints the completion for a shell, or PID and command of each process that
 * can be named ("pids"). -EINVAL with a sentence when there is none.
 */
int completion_print(const char *what, struct err *err);
/* Whether it is known what is to be offered for the argument of an option. */
bool completion_knows(const struct option_row *row);

/* ---- values.c ---- */

/* "unlimited" is 0, as to the sampler. */
int parse_duration(const char *text, uint64_t *ns, struct err *err);
int parse_rate(const char *text, uint64_t *period_ns, struct err *err);
int parse_pid(const char *text, pid_t *pid, struct err *err);
int parse_number(const char *what, const char *text, uint64_t *value,
		 struct err *err);
/* How often something is to be done again. */
int parse_interval(const char *text, uint64_t *ns, struct err *err);
/* Percent, as a share of 1. */
int parse_share(const char *what, const char *text, double *share,
		struct err *err);

/* The candidate nearest to a misspelt word, or NULL when none is near. */
const char *nearest(const char *word, const char *const *candidates, size_t n);

/* The words that an option takes, by number; NULL behind the last one. */
typedef const char *option_word(unsigned i);
option_word mode_word, convert_word; /* as palette_name */
/* Adds them all, `between` them. */
void list_words(struct str *s, const char *between, option_word *word);

/* ---- messages.c ---- */

void complain(const char *sentence);   /* "pystrobe: sentence" on stderr */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *plural(uint64_t n);        /* "" or "s" */
int status_of(int ret);                /* the exit status; 0 or -errno */
int usage(const struct command *c, const struct err *err); /* EXIT_USAGE */

/* ---- output.c: what record and report share ---- */

struct output {
	const char *path;   /* NULL: the default */
	const char *format; /* as given, or NULL */
	const struct renderer *renderer; /* NULL: no rendering */
	bool gil; /* -g was given */
	bool icicle; /* --icicle was */
	const char *picture; /* the last option that only shapes a picture */
	struct render_options options;
};

#define VIEW_OPTIONS                                                          \
	{'t', "threads", NULL, "a root cell for each thread"},                \
	{'F', "function", NULL,                                               \
	 "one cell for a function, not for each of its lines"},         \
	{OPT_NOLINENO, "nolineno", NULL, "no line numbers"},                  \
	{OPT_FULL_FILENAMES, "full-filenames", NULL, "whole paths of files"}, \
	{OPT_MODE, "mode", "MODE",                                            \
	 "only samples of wall, cpu, gil, offcpu, gc, exception"},      \
	{'g', "gil", NULL, "only threads that hold the GIL"},                 \
	{'i', "idle", NULL, "idle threads too"},                              \
	{OPT_STATE_FRAMES, "state-frames", NULL,                              \
	 "what a thread waits for, on top of its stack"},               \
	{OPT_TITLE, "title", "TEXT", "title of the picture"},                 \
	{OPT_ICICLE, "icicle", NULL,                                          \
	 "flame graph: the root on top, the default"},                  \
	{OPT_FLAME, "flame", NULL, "flame graph: the root at the bottom"},    \
	{OPT_REVERSE, "reverse", NULL,                                        \
	 "flame graph: from what ran to its callers"},                  \
	{OPT_PALETTE, "palette", "PALETTE",                                   \
	 "its colours: default, safe, grey, warm"},                     \
	{OPT_WIDTH, "width", "PIXELS", "its width; else that of the window"}

/*
 * Takes an option of the above, -o or -f: 0, or -EINVAL with a sentence; 1
 * when it is none of them.
 */
int output_take(struct output *out, int id, const char *argument,
		struct err *err);

/*
 * When all options were taken. Finds the renderer by the format, else by the
 * extension of the path; the recording itself ("strobe") leaves renderer NULL
 * and sets *recording. Options that contradict each other are -EINVAL.
 */
int output_resolve(struct output *out, bool *recording, struct err *err);
/*
 * When the renderer is known for good: -EINVAL for options that shape a
 * picture where none is made.
 */
int output_check(const struct output *out, struct err *err);

/*
 * Whether an output can be written there, as far as that can be told
 * beforehand.
 */
int output_probe(const char *path, struct err *err);

/* False for "-" and for what exists and is no regular file (a pipe). */
bool output_is_file(const char *path);

/* "--- 2026-11-23 12:34:56", here, above each look of a watch. */
void add_clock(struct str *out);

/* Renders and writes it, whole or not at all. */
int output_write(const struct output *out, const char *path,
		 const struct profile *p, struct err *err);

/* Text for standard output, before what is rendered. */
int output_text(const struct str *s, struct err *err);

/* Why the view shows nothing at all: "all 12 samples are idle ones; ...". */
void add_nothing(struct str *s, const struct profile *p,
		 const struct view *view);

/* From when to when of each recording, in ns since its first tick. */
struct span {
	uint64_t from_ns, until_ns;
	bool timeline; /* keeps the order of time, too */
};

/*
 * Reads recordings, the part `span` of each (NULL: all), into one profile;
 * tells on stderr what was damaged.
 */
int load_profile(struct profile **p, char *const *paths, size_t n,
		 const struct span *span, struct err *err);

/* ---- follow.c ---- */

/*
 * Does `once` when all recordings are there, which is said on stderr of those
 * that are not yet unless `quiet`, and again each `every_ns` when one of them
 * has grown, until they are not written any more, a signal, or an error of it,
 * which is returned.
 */
int follow(char *const *paths, size_t n, uint64_t every_ns, bool quiet,
	   int (*once)(void *arg), void *arg);
/* ---- source.c: a function of a profile, and its file ---- */

struct annotated {
	struct source source; /* its texts are those below */
	struct str text, note;
};

void annotated_init(struct annotated *a);
void annotated_release(struct annotated *a);
/*
 * Finds what "FILE:FUNCTION" means, and reads its file: as the process sees it
 * while that lives, else as we do. A file that cannot be had is a note, no
 * error; -ENOENT with a sentence when the profile has no such function, or
 * more than one.
 */
int annotated_find(struct annotated *a, const struct profile *p,
		   const char *what, struct err *err);

/* ---- report_view.c: what a report shows, as text or as JSON ---- */

struct report_view {
	const char *source; /* FILE:FUNCTION, or NULL */
	const char *by;     /* as given, or NULL */
	bool tree, header, json, sorted, limited, min_given;
};

/*
 * Takes one of its options: 0, or -EINVAL with a sentence; 1 when it is none
 * of them.
 */
int report_view_take(struct report_view *v, struct output *out, int id,
		     const char *argument, struct err *err);
/* Before output_resolve: --json is a format. */
int report_view_format(const struct report_view *v, struct output *out,
		       struct err *err);
/* When the renderer is known; -EINVAL with a sentence for what cannot be. */
int report_view_resolve(const struct report_view *v, struct output *out,
			struct err *err);

/* ---- signals.c ---- */

/* From now on the first SIGINT, SIGTERM or SIGHUP only asks to stop. */
void signals_catch(void);
const volatile int *signals_asked(void); /* how often; never NULL */
/* Sleeps until that monotonic time; true when a signal asks to stop. */
bool signals_sleep_until(uint64_t due);
/*
 * While on, the second signal waits for the end of this, so that what is
 * being written is whole. A third one does not.
 */
void signals_hold(bool on);
/* While on, none is delivered; also when they are not caught. Short! */
void signals_block(bool on);
/*
 * A file, and the folder around it, that the second one removes, and the end
 * of memory, too; or NULL.
 */
void signals_remove(const char *file, const char *folder);
/* From now on SIGTSTP only asks, too; whether it has since the last call. */
void signals_catch_stop(void);
bool signals_stop_asked(void);
bool signals_continued(void); /* by SIGCONT, the same */
/* Called, in the handler, before the second one ends us. */
void signals_before_end(void (*call)(void));
/* SIGTERM and SIGHUP go on to this process too; 0: to none. */
void signals_forward(pid_t pid);
/* Our work is done: from now on they are only passed on. */
void signals_pass(void);

/* ---- subject.c ---- */

struct subject {
	char **program; /* to be started; NULL: `pid` is given */
	struct target_options options;
	bool quiet;     /* does not tell that it waits for Python */
	pid_t pid;
	struct process process; /* when it was not started */
	struct child child;     /* when it was */
	/* What it writes goes there; 0: where ours does. */
	int out;
	bool no_input;          /* it reads from /dev/null */
	bool seen;              /* has been attached to once */
	bool python;            /* there was an interpreter in it */
};

/* Starts the program, or makes sure of the process. */
int subject_open(struct subject *s, struct err *err);
/* Of an error of it: "record 1234" was meant as "record -p 1234". */
void subject_explain(const struct subject *s, const char *command, int error,
		     struct err *err);
void subject_close(struct subject *s);
bool subject_alive(struct subject *s);
void subject_wait(struct subject *s); /* for a started program's end */

/*
 * Opens the target. What is not Python yet, and may still become it, is tried
 * again, until the monotonic time `until`, a signal or the subject's end; then
 * the last error of target_open.
 */
int subject_attach(struct subject *s, struct target **t, uint64_t until,
		   struct err *err);

/*
 * The same, one try, after `waited` ns: -EAGAIN without a sentence when another
 * one is worth it after *pause ns.
 */
int subject_try(struct subject *s, struct target **t, uint64_t waited,
		uint64_t *pause, struct err *err);

/* Tells a sink of the run that begins. */
int tell_run(struct sink *sink, const struct sampler_options *sampling);

/* ---- pythons.c ---- */

/*
 * Calls `each` for the processes that look like Python and that we may read,
 * by PID, until it returns false.
 */
void pythons_each(bool (*each)(void *arg, const struct process *p), void *arg);

/*
 * The first of them that a process started, itself or through others, and its
 * command line; 0 when there is none.
 */
pid_t python_below(pid_t pid, struct str *command);

/* ---- progress.c ---- */

/* Of a whole run, over all its targets. */
struct totals {
	struct target_counts counts;
	uint64_t due, taken; /* ticks */
	uint64_t elapsed_ns;
};

struct progress {
	bool shown;
	uint64_t duration_ns, period_ns; /* wanted */
};

void progress_draw(const struct progress *p, const struct totals *t);
void progress_clear(const struct progress *p);
void progress_text(struct str *s, const struct progress *p,
		   const struct totals *t);
unsigned terminal_columns(int fd); /* 80 when it is none */

void add_seconds(struct str *s, uint64_t ns); /* "12.3 s" */
/* "process 12 ('python3 app.py')", by name if that is still to be had. */
void add_process(struct str *s, pid_t pid);
/*
 * How often, and for how long, threads were stopped; nothing if they were
 * not.
 */
void add_stops(struct str *s, const struct totals *t);
/*
 * ", 12 % stopped, 3 % in uninterruptible sleep", without what is zero: a
 * recording of a stopped program is not what its user had in mind.
 */
void add_standing(struct str *s, const struct target_counts *c);
/* "99.9 % of 1 kHz" */
void add_held(struct str *s, const struct totals *t, uint64_t period_ns);
/*
 * Adds "SEP5 partial (moving 5)SEP3 lost (moving 2, read 1)" without what is
 * zero. Both are by cause.
 */
void add_losses(struct str *s, const char *sep, const uint64_t *partial,
		const uint64_t *lost);

#endif
