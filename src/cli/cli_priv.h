/*
 * cli_priv.h - the parts of the command line.
 */
#ifndef PYSTROBE_CLI_PRIV_H
#define PYSTROBE_CLI_PRIV_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base.h"
#include "cli.h"
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
	OPT_KILL_AFTER,
	OPT_TITLE,
	OPT_SEED,
	OPT_LIMIT,
};

struct command {
	const char *name, *synopsis, *about;
	const struct option_row *options;
	size_t noptions;
	const char *examples; /* printed as they are */
	int (*run)(const struct command *c, int argc, char **argv);
};

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

/* Commands, in the order of the help. */
const struct command *commands(size_t *n);
extern const struct command command_record, command_report;

/* ---- values.c ---- */

int parse_duration(const char *text, uint64_t *ns, struct err *err);
int parse_rate(const char *text, uint64_t *period_ns, struct err *err);
int parse_pid(const char *text, pid_t *pid, struct err *err);
int parse_number(const char *what, const char *text, uint64_t *value,
		 struct err *err);

/* The candidate nearest to a misspelt word, or NULL when none is near. */
const char *nearest(const char *word, const char *const *candidates, size_t n);

/* ---- messages.c ---- */

void complain(const char *sentence);   /* "pystrobe: sentence" on stderr */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int status_of(int code);               /* negative errno to exit status */
int usage(const struct command *c, const struct err *err); /* EXIT_USAGE */
/* "3 lost (moving 2, read 1)", or "" when nothing was. */
void add_losses(struct str *s, const uint64_t *lost);

/* ---- view options that record and report share ---- */

struct output {
	const char *path;   /* NULL: the default */
	const char *format; /* as given, or NULL */
	const struct renderer *renderer; /* NULL: no rendering */
	struct render_options options;
};

#define VIEW_OPTIONS                                                          \
	{'t', "threads", NULL, "a root cell for each thread"},                \
	{'F', "function", NULL,                                               \
	 "one cell a function: its first line, not the current one"},         \
	{OPT_NOLINENO, "nolineno", NULL, "no line numbers"},                  \
	{OPT_FULL_FILENAMES, "full-filenames", NULL, "whole paths of files"}, \
	{'i', "idle", NULL, "idle threads too"},                              \
	{OPT_TITLE, "title", "TEXT", "title of the picture"}

/* Takes an option of the above; 1 when it is none of them. */
int output_take(struct output *out, int id, const char *argument);

/*
 * Finds the renderer by the format, else by the extension of the path. The
 * recording itself ("strobe") leaves renderer NULL and sets *recording.
 */
int output_resolve(struct output *out, bool *recording, struct err *err);

/* Renders and writes it, whole or not at all. */
int output_write(const struct output *out, const char *path,
		 const struct profile *p, struct err *err);

/* Reads recordings into one profile; tells on stderr what was damaged. */
int load_profile(struct profile **p, char *const *paths, size_t n,
		 struct err *err);

/* ---- signals.c ---- */

extern volatile int stop_asked; /* set by the first signal */

/* From now on the first SIGINT, SIGTERM or SIGHUP only asks to stop. */
void signals_catch(void);
/* A file that the second one removes before it ends us; NULL: none. */
void signals_remove(const char *path);
/* SIGTERM and SIGHUP go on to this process too; 0: to none. */
void signals_forward(pid_t pid);

/* ---- progress.c ---- */

struct progress {
	bool shown; /* stderr is a terminal */
	uint64_t duration_ns, before_ns; /* before: of earlier attachments */
	const struct target *target;
	const struct target_counts *past;
};

void progress_draw(const struct progress *p,
		   const struct sampler_status *status);
void progress_clear(const struct progress *p);
unsigned terminal_columns(int fd); /* 80 when it is none */

#endif
