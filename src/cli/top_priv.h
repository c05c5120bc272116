/*
 * top_priv.h - the parts of "pystrobe top": a thread that samples, a model
 * that grows, files that are written meanwhile.
 */
#ifndef PYSTROBE_TOP_PRIV_H
#define PYSTROBE_TOP_PRIV_H

#include <pthread.h>

#include "cli_priv.h"
#include "tui.h"

#define TOP_PIDS_MAX 64

/* ---- top_sampling.c ---- */

struct sampling;

/* What became of a subject. */
struct fate {
	bool attached; /* it is being sampled, or was */
	bool ended;    /* and is not any more */
	char why[ERR_MAX]; /* "" or why it could not be */
	bool away;     /* it lives, but for some time has been no Python */
	bool refused;  /* its threads could not be stopped lately */
	pid_t tracer;  /* by whom; 0: not known */
};

/*
 * Samples the subjects, which are open, in a thread of its own. `targets` are
 * those that are attached to already, or NULL; they are taken. NULL with a
 * sentence when there can be no thread.
 */
struct sampling *sampling_start(struct subject *subjects,
				struct target **targets, size_t n,
				const struct sampler_options *o,
				struct err *err);
/* Ends the thread; the last slice can still be taken. */
void sampling_stop(struct sampling *s);
void sampling_free(struct sampling *s);
struct feed *sampling_feed(struct sampling *s);
void sampling_interval(struct sampling *s, uint64_t ns);
/* True once the thread has ended by itself: time over, or all have ended. */
bool sampling_over(struct sampling *s);
void sampling_fate(struct sampling *s, size_t i, struct fate *out);
/* Does not return before nothing of a target is held; until it is let go. */
void sampling_hold(struct sampling *s, bool hold);

/* ---- top_model.c ---- */

/* What the kernel says of a process. */
struct kernel_side {
	struct process process;
	struct sources *sources;
	bool open;
	uint64_t cpu_ns, at_ns; /* CPU time by then; at 0: not known */
	bool away, refused;     /* as in struct fate */
	pid_t tracer;
};

struct live {
	struct top_model model;
	struct profile *all, *last;
	struct profile *later; /* what came while the screen was paused */
	uint32_t *row_of;
	struct top_process *processes;
	struct kernel_side *kernel; /* of each process */
	size_t n;
	double minute_cpu, minute_s; /* of the second that is not over */
	struct str output, notice, trouble;
	uint64_t slices;
	bool screen; /* the last interval stays in sight */
};

void live_init(struct live *l, size_t n, uint64_t period_ns);
void live_release(struct live *l);
/* The process number `i` is this one. */
void live_process(struct live *l, size_t i, pid_t pid);
/* Takes a slice; what is shown stays as it is while it is paused. */
void live_take(struct live *l, struct profile *slice, bool paused);
void live_go_on(struct live *l); /* it is not paused any more */
void live_reset(struct live *l);
void live_output(struct live *l, const char *data, size_t len);
/* Takes over what is said of process `i`; true when that changes anything. */
bool live_fate(struct live *l, size_t i, const struct fate *f);
void live_notice(struct live *l, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- top_trouble.c ---- */

/*
 * Why there is less to be seen than one would expect, of the first process that
 * has such a reason: it is stopped, another one traces it, it is no Python now.
 */
void add_trouble(struct str *out, const struct live *l);

/* ---- top_export.c ---- */

struct export;

/*
 * Begins to write what is shown to a file, in a thread. NULL with a sentence
 * when the name's extension says no format. Until it is freed, the second
 * signal waits for its end (signals_hold).
 */
struct export *export_start(const struct live *l, const struct top_state *s,
			    struct err *err);
/* False while it is being written; then *text says what became of it. */
bool export_done(struct export *e, struct str *text);
void export_free(struct export *e); /* waits for its end; NULL legal */

/* ---- the whole ---- */

struct top {
	struct subject subjects[TOP_PIDS_MAX];
	struct target *targets[TOP_PIDS_MAX];
	size_t n;
	struct target_options options;
	struct sampler_options sampling;
	struct output choice; /* mode, -g, -i */
	struct top_state state;
	const char *path; /* of the program's output, or NULL */
	uint64_t limit, times;
	bool batch, json, ascii;
	bool waiting; /* the notice says that Python is waited for */

	struct live live;
	struct sampling *samples;
	struct screen *screen;
	struct export *export;
	int pipe; /* the program's output; -1: none, or at its end */
	int out;  /* its other end, or a file; -1 */
	uint64_t shown; /* slices */
	bool failed; /* standard output */
	int status;
};

/* ---- top_outlive.c ---- */

/*
 * From now on whoever writes to the pipe may go on after our end, whatever that
 * is: what nobody reads any more is thrown away. There must be no threads yet.
 */
int output_outlive(int pipe, struct err *err);

/* ---- top_open.c: subjects, and what a started program writes ---- */

/* Those that cannot be seen are told of and left out. */
void top_open_pids(struct top *t);
int top_open_program(struct top *t); /* an exit status */
/* Reads what the program wrote; true when there was something. */
bool top_read_output(struct top *t, bool to_stdout);
/* Says what became of subject `i`, as the notice. */
void top_tell_fate(struct top *t, size_t i, const struct fate *f);

/* ---- top_run.c ---- */

/* Until the end, as text or on the screen. */
void top_run(struct top *t);

#endif
