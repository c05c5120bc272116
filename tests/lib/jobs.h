/*
 * jobs.h - what pystrobe does, in small: each job begins, does and ends one
 * thing, for tests in which a call of it fails.
 */
#ifndef PYSTROBE_TESTS_JOBS_H
#define PYSTROBE_TESTS_JOBS_H

#include <stddef.h>
#include <sys/types.h>

struct err;

#define JOB_LOSS 1 /* done but for a part, which was counted or told */

struct job {
	const char *name;
	/* 0, JOB_LOSS, or a negative errno with a sentence. */
	int (*run)(struct err *err);
	/*
	 * Facts of it may be absent, so that a failing read of one need not
	 * show.
	 */
	int facts;
	int writes; /* a failing write is its error */
};

extern const struct job jobs[];
extern const size_t njobs;

/*
 * Makes in `folder` what they read, and the profile that they draw; their
 * output goes there, too. `victim`: a process that looks like Python, or 0.
 */
void jobs_begin(const char *folder, pid_t victim);
void jobs_end(void);

/* Names of the files that may be in the folder. */
#define JOB_INPUT "input.strobe"
#define JOB_OUTPUT "output.strobe"
#define JOB_DRAWING "drawing.svg"

#endif
