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
struct variable;
struct walker;

#define WALK_DEPTH_MAX 16384u     /* frames of one stack */
#define WALK_THREADS_MAX 16384u   /* thread states of one process */
#define WALK_INTERPRETERS_MAX 256u
#define WALK_NAME_MAX 4096u       /* bytes of a function's name */
#define WALK_FILE_MAX 8192u       /* bytes of a file name */
#define WALK_LINES_MAX (4u << 20) /* bytes of a line table */
#define WALK_TRIES 20             /* collects, one right after the other */
/*
 * Facts about threads other than their stacks are at most this old: each
 * snapshot that is later reads them, and so does each that comes more than
 * WALK_GAP_NS after the one before. In a gap that short no code object can be
 * freed and another one be made at its address and called.
 */
#define WALK_FRESH_NS 100000u
#define WALK_GAP_NS 20000u
/*
 * Of a snapshot that comes within this of the one before, the bytes that one
 * accepted are the first copy, and it reads the second one only.
 */
#define WALK_TWIN_NS 5000u
#define WALK_AHEAD 3u /* that are read by one that is late for them */

/* Where the interpreter's entry points are; 0: not found. */
struct entry_points {
	raddr runtime;        /* _PyRuntime, 3.7+ */
	raddr interp_head;    /* 2.7, 3.6: &interp_head */
	raddr current;        /* 2.7, 3.6: &_PyThreadState_Current */
	raddr gil_locked;     /* 3.6 statics, 0 when stripped */
	raddr gil_holder;
	raddr gil_cond;       /* 3.6 static */
	raddr gil_lock;       /* 2.7 static: pointer to the lock */
	raddr collecting;     /* 2.7, 3.6: static */
	raddr code_type;      /* PyCode_Type */
	raddr none;           /* _Py_NoneStruct */
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
	bool exception; /* handles one, or one is on its way */
	/* A futex in [gil_from, gil_to) is the GIL's; 0: not known. */
	raddr gil_from, gil_to;
	/*
	 * enum loss of profile.h: why there is no stack, or, with frames, why
	 * they are only its outermost ones.
	 */
	uint32_t loss;
	bool left;     /* it was left out: all is of the time before */
	bool ran;      /* it did while it was read: so it had a processor */
	const struct walk_frame *frames; /* leaf first */
	uint32_t depth;
	/*
	 * Equal numbers of one thread state: the same frames; the same but
	 * for the first one.
	 */
	uint64_t serial, callers;
};

struct walk_frame {
	raddr addr; /* of the frame itself */
	raddr code;
	int32_t at;    /* byte offset of the instruction in the bytecode */
	uint32_t info; /* index of walker_code(), valid once accepted */
	uint32_t serial; /* of that */
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
 * Before anything of a tick is read: what the last one read says nothing of it.
 * Forgets code objects that are gone, and all when they are too many: then it
 * is true, and no row of before is of use.
 */
bool walker_begin(struct walker *w);

/*
 * Whether a snapshot at that time would look at stacks alone. What such a one does
 * not find as it was, but for the place in the leaf, it leaves out.
 */
bool walker_lean(const struct walker *w, uint64_t now);

/*
 * When the `n` snapshots after the next one are due, if all goes well (monotonic, ns).
 * Of these the next one may read as many as are due by then, up to WALK_AHEAD: one
 * behind the other, at most WALK_TWIN_NS before they are asked for.
 */
void walker_next(struct walker *w, const uint64_t *due, unsigned n);

/*
 * Takes one snapshot of all threads that are not held: collect, accept,
 * decode. `now` is of the monotonic clock.
 * 0; -ESRCH when the process is gone; -EPERM; -EAGAIN when the interpreter is
 * not initialised yet, or no longer (finalizing).
 */
int walker_snapshot(struct walker *w, uint64_t now);

/*
 * From now on a stack that moved is tried again, up to WALK_TRIES times: for one
 * look. Many would prefer what stands still for long, and their shares be wrong.
 */
void walker_persist(struct walker *w);

/* The same without the stacks: the rows are there, each with a loss. */
int walker_follow(struct walker *w, uint64_t now);

/*
 * The result of the last snapshot, a row for each thread; valid until the
 * next. Order and number of the rows change only when lists are followed anew.
 */
/* A number that is new whenever the rows are, or the ids of one. */
uint64_t walker_list(const struct walker *w);
const struct walk_thread *walker_threads(const struct walker *w, size_t *n);

/*
 * The next snapshot follows the lists of threads, and looks up the ids of those that
 * are held, too: for who holds a thread that may run.
 */
void walker_relist(struct walker *w);
/* The thread of row `i` has ended: its ids are another one's, if there are any. */
void walker_ended(struct walker *w, size_t i);

/*
 * The thread of row `i` has not run since its stack was read: the next
 * snapshots leave it as it is, until it is let go.
 */
void walker_hold(struct walker *w, size_t i, bool hold);

/*
 * The thread of row `i` sleeps, as far as we know: the next snapshots read its
 * stack once, which is true only if that proves right afterwards. In either
 * case it is not left out by them, whatever was said before.
 */
void walker_asleep(struct walker *w, size_t i, bool asleep);

/*
 * The next snapshot leaves out the stack of row `i`, since walker_grab or
 * walker_again will read it.
 */
void walker_leave(struct walker *w, size_t i);
/* The same, but the facts are read, as the list of threads needs them. */
void walker_later(struct walker *w, size_t i);

/*
 * Reads the stack of row `i` once more, into the same row. `still`: the thread
 * sleeps, as far as we know; what is read is true only if that proves right
 * afterwards.
 */
int walker_again(struct walker *w, size_t i, bool still);

/*
 * The same for a thread that was stopped, in two steps, so that it is stopped
 * for the reading only. walker_grab reads it and who holds the GIL, while it
 * stands; walker_take makes the stack of that, when it may run again since
 * `resumed` (0: it still stands), or says with an enum loss that it cannot, since
 * it stood where nothing can be told: then the row stays what it was.
 */
int walker_grab(struct walker *w, size_t i);
int walker_take(struct walker *w, size_t i, uint64_t resumed);

/*
 * The same from what an interrupt copied (remote.h). walker_interrupt_plan says
 * what that is to be: -ENOTSUP where there are several interpreters, which have
 * facts of their own; the last fact is free. walker_interrupts goes before the first
 * of those that came since the last look, walker_interrupted makes one the stack of
 * row `i`, with a loss where code objects are others by now. `gone`: the program is,
 * so that what is known of them has to do.
 */
int walker_interrupt_plan(const struct walker *w, struct interrupt_plan *plan);
void walker_interrupts(struct walker *w, bool gone);
void walker_interrupted(struct walker *w, size_t i, const struct interrupt *in);

const struct walk_code *walker_code(const struct walker *w, uint32_t info);
int walker_line(struct walker *w, const struct walk_frame *f);

/*
 * The name that threading gave the thread, or "" (no threading, not found).
 * Not cheap: once per new thread.
 */
void walker_thread_name(struct walker *w, uint64_t ident, struct str *out);

/* ---- arguments and locals ---- */

struct value_limits {
	size_t bytes;   /* of a value's text, about */
	size_t items;   /* of a container */
	unsigned depth; /* of containers in containers */
	uint64_t until; /* monotonic: what is not read by then is left out */
};

/*
 * Reads the variables of the frames of row `i` as they are now. Between
 * walker_grab and walker_take they are those of the thread that was stopped,
 * else those of its last stack. Kept until they are read again. False: the
 * time was over before all were.
 */
bool walker_read_locals(struct walker *w, size_t i,
			const struct value_limits *limits);
/* Number `n` of a frame of the row, or NULL. */
const struct variable *walker_local(const struct walker *w, size_t i,
				    raddr frame, size_t n);

/* Counters for progress and benchmarks. */
struct walk_stats {
	uint64_t snapshots, tries, reads;
};
void walker_stats(const struct walker *w, struct walk_stats *out);

#endif
