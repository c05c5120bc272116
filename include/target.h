/*
 * target.h - one Python process that can be sampled: finds the interpreter
 * in its mappings, checks that it is what it says, and turns each snapshot of
 * its threads into samples of a sink.
 */
#ifndef PYSTROBE_TARGET_H
#define PYSTROBE_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct sink;
struct tick;
struct target;
struct variable;

#define PAUSE_SHARE 0.03 /* of the time, that a target may be stopped */

enum stop_policy {
	STOP_AUTO,   /* what runs, but where it stands still, within the budget */
	STOP_NEVER,
	STOP_ALWAYS, /* each thread that runs, one at a time */
};

struct target_options {
	const uint32_t *tids; /* only these threads; NULL: all */
	size_t ntids;
	enum stop_policy stop;
	double pause_share; /* the budget, for STOP_AUTO */
	bool own_ticks;     /* no interrupts take them, whatever is permitted */
	bool once; /* one look, no shares: what moved is tried again */
	/*
	 * Arguments and locals are read, too, while a thread stands: it is
	 * stopped for longer by that, but for no longer than `ns`.
	 */
	struct target_locals {
		size_t bytes; /* of a value's text; 0: none are read */
		size_t items; /* of a container */
		unsigned depth;
		uint64_t ns; /* a thread */
	} locals;
};

/*
 * Attaches. Errors are those of process_open, and:
 *   -ENOENT   not a Python process, or no interpreter in it yet
 *   -EAGAIN   Python is there, but not initialised yet (a fresh start)
 *   -ENOTSUP  a version that is not known
 *   -EBADMSG  the interpreter's structures fail the self-check
 */
int target_open(struct target **t, pid_t pid,
		const struct target_options *options, struct err *err);
void target_free(struct target *t);

/* The versions of Python that are known: "2.7 and 3.6 to 3.15". */
const char *target_pythons(void);

pid_t target_pid(const struct target *t);
uint32_t target_version(const struct target *t); /* PY_VERSION_HEX or 0 */

/* Tells the sink which process this is; once, before the first sample. */
int target_announce(struct target *t, struct sink *sink);

#define TICKS_AHEAD 3u
/* When the ticks after the next one will be, if all goes well (monotonic, ns). */
struct target_ticks {
	uint64_t period_ns, due_ns[TICKS_AHEAD];
};
void target_next(struct target *t, const struct target_ticks *ticks);
/* How long before it is due the next tick is to be taken, in ns. */
uint64_t target_lead(const struct target *t);

/*
 * One tick: a sample of each live thread goes to the sink. Of `due`, mono_ns
 * is now, and missed and number are passed on. -ESRCH: the process has ended,
 * or replaced itself by exec; other errors are the sink's.
 */
int target_sample(struct target *t, struct sink *sink, const struct tick *due);

/*
 * Lets interrupts take the ticks that come after the next one, where that is
 * permitted and known to be true (STOP_AUTO): then nobody has to wake up for most
 * of them, and a thread stands for as long as it takes to copy its stack. False:
 * each tick is ours. `seed` is that of their jitter.
 */
bool target_interrupt(struct target *t, uint64_t period_ns, uint64_t seed);
/*
 * target_sample_ticks is to be called at *until, or when the file descriptor can be
 * read. -1: the next tick is ours.
 */
int target_interrupts(const struct target *t, uint64_t *until);
/*
 * All ticks up to now; `last`: it is not called again. *out says how many they
 * were, and how many of them there was something to tell of. Else like
 * target_sample.
 */
struct target_ticked {
	uint64_t due, taken;
};
int target_sample_ticks(struct target *t, struct sink *sink, uint64_t now,
			bool last, struct target_ticked *out);

/*
 * Variable `n` of the frame that is `depth` below the innermost one of a
 * thread, as its last sample found it; NULL when there is none. Valid up to the
 * next sample.
 */
const struct variable *target_local(const struct target *t, uint32_t tid,
				    uint32_t depth, size_t n);
unsigned target_locals_flaws(const struct target *t, uint32_t tid);

struct target_counts {
	uint64_t ticks, samples;
	uint64_t lost[16], partial[16]; /* by enum loss */
	uint64_t stopped, disk; /* samples, not lost, in that enum run_state */
	struct target_pauses {
		uint64_t times, ns, longest_ns;
		uint64_t vain; /* of them: we were too late to read anything */
	} stops, displaced; /* threads; by taking their processor */
	uint64_t interrupts; /* samples that they copied, */
	struct target_pauses copies; /* and what threads stood for to be copied */
	uint64_t refused; /* stops that were not permitted */
	pid_t tracer;     /* who traced a thread then; 0: not known */
	uint64_t calls;                    /* system calls that read memory */
};
void target_counts(const struct target *t, struct target_counts *out);

#endif
