/*
 * walk.h - interpreters, threads and frames of a CPython process, from its
 * memory and a layout alone. A snapshot has three steps, apart so that a
 * stricter one can take the place of any: collect (bytes), accept (do they
 * belong together), decode (frames). design: HACKING.md, "The snapshot".
 */
#ifndef PYSTROBE_WALK_H
#define PYSTROBE_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "remote.h"

struct err;
struct layout;
struct str;
struct walker;

#define WALK_DEPTH_MAX 16384u     /* frames of one stack */
#define WALK_THREADS_MAX 16384u   /* thread states of one process */
#define WALK_INTERPRETERS_MAX 256u
#define WALK_NAME_MAX 4096u       /* bytes of a function's name */
#define WALK_FILE_MAX 8192u       /* bytes of a file name */
#define WALK_LINES_MAX (4u << 20) /* bytes of a line table */
#define WALK_TRIES 8              /* collects before a sample is lost */

/* Where the interpreter's entry points are; 0: not found. */
struct entry_points {
	raddr runtime;        /* _PyRuntime, 3.7+ */
	raddr interp_head;    /* 2.7, 3.6: &interp_head */
	raddr current;        /* 2.7, 3.6: &_PyThreadState_Current */
	raddr gil_locked;     /* 3.6 statics, 0 when stripped */
	raddr gil_holder;
	raddr collecting;     /* 2.7, 3.6: static */
	raddr code_type;      /* PyCode_Type */
};

/* A Python thread as this snapshot saw it. */
struct walk_thread {
	raddr tstate;
	uint64_t ident; /* pthread_t */
	uint32_t tid;   /* kernel's; 0: not known */
	uint32_t interp; /* index */
	bool main;
	bool holds_gil;
	bool gc;        /* runs the collector */
	uint32_t loss;  /* enum loss of profile.h: why there are no frames */
	uint32_t first, depth; /* frames: walker_frames()[first..] */
};

struct walk_frame { /* leaf first */
	raddr code;
	int32_t at;    /* byte offset of the instruction in the bytecode */
	uint32_t info; /* index of walker_code(), valid once accepted */
	bool entry;    /* C code lies between it and its caller */
};

/* A code object of the target, read once and re-checked. */
struct walk_code {
	const char *name, *file; /* cleaned UTF-8 */
	int32_t first;
	uint32_t serial; /* new for every new function at an old address */
};

/*
 * The layout, the entry points and the remote must outlive the walker.
 * `pid` only marks the main thread.
 */
struct walker *walker_new(struct remote *r, const struct layout *l,
			  const struct entry_points *e, uint32_t pid);
void walker_free(struct walker *w);

/*
 * The table-free self-check: PyCode_Type's own member table and basic size
 * against the layout. -EBADMSG with a sentence when they differ; 0 when equal
 * or when there is nothing to check with (*checked says which).
 */
int walker_self_check(struct walker *w, bool *checked, struct err *err);

/*
 * Takes one snapshot of all threads: collect, accept, decode, with retries.
 * 0; -ESRCH when the process is gone; -EPERM; -EAGAIN when the interpreter is
 * not initialised yet, or no longer (finalizing).
 */
int walker_snapshot(struct walker *w);

/* The result of the last snapshot; valid until the next. */
const struct walk_thread *walker_threads(const struct walker *w, size_t *n);
const struct walk_frame *walker_frames(const struct walker *w);
const struct walk_code *walker_code(const struct walker *w, uint32_t info);
int walker_line(struct walker *w, const struct walk_frame *f);

/*
 * The name that threading gave the thread, or "" (no threading, not found).
 * Not cheap: once per new thread.
 */
void walker_thread_name(struct walker *w, uint64_t ident, struct str *out);

/* Counters for progress and benchmarks. */
struct walk_stats {
	uint64_t snapshots, tries, reads;
};
void walker_stats(const struct walker *w, struct walk_stats *out);

#endif
