/*
 * profile.h - the vocabulary: frames, stacks, threads, samples; the sink that
 * carries them; and the profile and call tree that are made of them.
 */
#ifndef PYSTROBE_PROFILE_H
#define PYSTROBE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"

/* ---- symbols: everything that has a number ---- */

struct code_def { /* a function of the program */
	uint32_t name;  /* string: qualified from 3.11 on, else plain */
	uint32_t file;  /* string: co_filename */
	uint32_t first; /* first line */
};

enum frame_flag {
	FRAME_ENTRY = 1, /* a C function lies between this frame and its caller */
	FRAME_MARKER = 2, /* not Python code: "[wait: GIL]", "<moving>" */
};

/* An argument or a local of a frame. */
struct variable {
	const char *name, *value; /* clean; value as repr() has it, about */
	bool argument;
};

/* What is wrong with the variables of a thread. */
enum variables_flaw {
	VARIABLES_TORN = 1, /* it ran while they were read */
	VARIABLES_CUT = 2,  /* time was over before all were */
};

struct frame_def {
	uint32_t code;
	uint32_t line; /* 0: unknown; below 2^31 */
	uint32_t flags; /* enum frame_flag */
};

struct stack_def { /* a stack is a parent and a frame; 0 is the empty one */
	uint32_t parent;
	uint32_t frame;
	uint32_t depth;
};

/* What a thread was doing. Equal states have equal numbers. */
enum run_state {
	RUN_UNKNOWN,
	RUN_CPU,      /* on a processor, or runnable if that was not told */
	RUN_SLEEPING, /* in a system call, interruptible */
	RUN_DISK,     /* uninterruptible */
	RUN_STOPPED,  /* stopped by a signal or a tracer */
	RUN_RUNNABLE, /* waits for a processor */
	RUN_STATES,
};

enum gil_state { GIL_UNKNOWN, GIL_HELD, GIL_WANTED, GIL_NEITHER };

enum state_flag {
	STATE_GC = 1,        /* this thread runs the garbage collector */
	STATE_EXCEPTION = 2, /* an exception is being handled */
};

struct state_def {
	uint8_t run, gil;
	uint32_t flags;
	uint32_t wait; /* string: what it waits for, "" when nothing */
};

struct symbols {
	struct intern strings;
	struct code_def *codes;
	struct frame_def *frames;
	struct stack_def *stacks;
	struct state_def *states;
	size_t ncodes, nframes, nstacks, nstates;
	size_t cap_codes, cap_frames, cap_stacks, cap_states;
	struct intern code_keys; /* codes by the bytes of their definition */
	struct map frame_ids, state_ids;
	/* Stacks by parent and frame, open addressing; 0: free. A quarter of a
	   map's bytes: there may be millions. */
	uint32_t *stack_slots;
	size_t nstack_slots;
};

void symbols_init(struct symbols *s);
void symbols_release(struct symbols *s);
void symbols_clear(struct symbols *s);
uint32_t symbols_string(struct symbols *s, const char *text, size_t len);
uint32_t symbols_code(struct symbols *s, const struct code_def *def);
uint32_t symbols_frame(struct symbols *s, const struct frame_def *def);
uint32_t symbols_stack(struct symbols *s, uint32_t parent, uint32_t frame);
uint32_t symbols_state(struct symbols *s, const struct state_def *def);
const char *symbols_text(const struct symbols *s, uint32_t string);
size_t symbols_bytes(const struct symbols *s); /* memory held, about */

/* ---- the sink: one interface for record, report, top, dump, daemon ---- */

/*
 * Why a sample of a thread has no stack, or no whole one. Names are part of
 * the file format.
 */
enum loss {
	LOSS_NONE,
	LOSS_MOVING,    /* the two copies of the stack differ: it moved */
	LOSS_READ,      /* an address was not mapped */
	LOSS_SHAPE,     /* frames not contiguous, a link that cannot be */
	LOSS_CODE,      /* not a code object, position outside of it */
	LOSS_ROOT,      /* the walk did not end at the thread's root */
	LOSS_DEPTH,     /* deeper than the limit */
	LOSS_THREADS,   /* the list of threads changed while it was read */
	LOSS_LATE,      /* a tick that was due and could not be taken */
	LOSS_BUDGET,    /* it moved, and the pause budget was spent */
	LOSS_CAUSES,
};

#define MARKER_MOVING "<moving>"
#define MARKER_DEEPER "<deeper>" /* for LOSS_DEPTH */

const char *loss_name(enum loss cause);  /* "moving" */
const char *loss_about(enum loss cause); /* "stack moved while being read" */
const char *loss_marker(enum loss cause); /* of what is known in part */

struct process_info {
	uint32_t pid;
	uint64_t start;      /* clock ticks since boot: identity with pid */
	uint32_t version;    /* PY_VERSION_HEX */
	const char *command; /* cleaned command line */
	const char *cwd;     /* "" when unknown */
};

enum thread_flag { THREAD_MAIN = 1, THREAD_ENDED = 2 };

struct thread_info {
	uint32_t pid, tid;
	uint64_t ident;   /* threading.get_ident() */
	uint32_t flags;
	const char *name; /* Python's own, else the kernel's; cleaned */
};

/* Facts about the whole run, in force from where they stand in the stream. */
struct run_info {
	uint64_t wall_ns;   /* time of day at mono_ns */
	uint64_t mono_ns;   /* monotonic clock of the recording host */
	uint64_t period_ns; /* wanted */
	uint64_t seed;      /* of the jitter */
	const char *host, *kernel, *program; /* program: "pystrobe 0.1" */
};

struct tick {
	uint32_t pid;
	uint64_t mono_ns; /* when the samples were taken */
	uint32_t missed;  /* ticks that were due since the last and not taken */
	/*
	 * In the run's schedule, from 1, missed ones included; 0: no schedule.
	 * Only the writer uses it, and a reader leaves it 0.
	 */
	uint64_t number;
	/*
	 * So many ticks more stand before this one, a period apart, in which the
	 * same threads had the same samples: each of these counts 1 + `more`.
	 * For sources that counted and kept no times; 0 of a live one.
	 */
	uint64_t more;
};

/* When the first of them was. */
uint64_t tick_begin(const struct tick *tick, uint64_t period_ns);

/* What a run can add up to; a sink may refuse more, with -EOVERFLOW. */
#define SAMPLES_MAX (1ull << 62)

struct sample {
	uint32_t tid;
	/*
	 * With a loss, 0: the sample is lost. Or, partial, the outermost frames,
	 * which held still, and on top of them a frame with FRAME_MARKER,
	 * named as loss_marker says and without a file, which the source puts
	 * there.
	 */
	uint32_t stack;
	uint32_t state;
	uint32_t loss; /* enum loss */
};

/*
 * Order of calls: run, then process, then for each tick of that process any
 * new thread, tick, and one sample for each of its live threads. Numbers
 * refer to `symbols`, which belongs to the source and may be cleared by it
 * between ticks (`symbols_serial` then changes). Each call returns 0 or a
 * negative errno that ends the run.
 */
struct sink {
	const struct sink_ops *ops;
};

struct source_symbols {
	struct symbols *table;
	uint32_t serial;
};

struct sink_ops {
	int (*run)(struct sink *s, const struct run_info *info);
	int (*process)(struct sink *s, const struct process_info *info);
	int (*thread)(struct sink *s, const struct thread_info *info);
	int (*tick)(struct sink *s, const struct source_symbols *syms,
		    const struct tick *tick);
	int (*sample)(struct sink *s, const struct source_symbols *syms,
		      const struct sample *sample);
};

/* ---- a part of a recording ---- */

/*
 * A sink that passes on to another one only the ticks from `from_ns` on and
 * before `until_ns`, both since the first tick of the run.
 */
struct clip {
	struct sink sink;
	struct sink *to;
	uint64_t from_ns, until_ns, first_ns, period_ns;
	bool begun, inside;
};

void clip_init(struct clip *c, struct sink *to, uint64_t from_ns,
	       uint64_t until_ns);

/* ---- a profile: samples added up ---- */

/*
 * A thread id that the kernel uses again after the thread's end is another
 * row. Lost samples have no stack: they are not in `samples`, nor in a cell.
 * Partial ones are in both: their inclusive times are exact.
 */
struct profile_thread {
	uint32_t pid, tid; /* tid: made up when the top bit is set */
	uint32_t process;  /* index into processes */
	uint64_t ident;
	uint32_t flags;
	uint32_t name; /* string */
	uint64_t samples, lost;
	uint64_t idle, partial; /* how many of `samples` */
	uint32_t last; /* the cell of its last sample, plus 1; 0: none */
};

struct profile;

/* Also with its process, or by the exec of that. */
bool thread_ended(const struct profile *p, const struct profile_thread *t);

/* Equal samples of one thread, added up. */
struct profile_cell {
	uint32_t thread; /* index into threads */
	uint32_t stack, state;
	uint64_t count;
	uint64_t ns; /* weight: time since the process's tick before */
};

struct profile {
	struct sink sink; /* feed it through this */
	struct symbols symbols;
	struct profile_thread *threads;
	struct profile_cell *cells;
	size_t nthreads, cap_threads, ncells, cap_cells;
	uint64_t ticks, missed; /* missed: due and not taken */
	uint64_t samples, idle; /* as in profile_thread */
	uint64_t lost[LOSS_CAUSES]; /* samples without a stack, by cause */
	uint64_t partial[LOSS_CAUSES]; /* of `samples`: without the whole one */
	/* Of the first run: */
	uint64_t period_ns;
	uint64_t wall_ns; /* time of day of its first tick */
	uint32_t host, kernel, program; /* strings */
	/* Recordings that were added up; clocks are of their hosts. */
	struct profile_run {
		uint64_t first_ns, last_ns; /* monotonic, first and last tick */
		uint64_t period_ns;
		uint64_t wall_ns; /* time of day at mono_ns */
		uint64_t mono_ns;
		uint64_t ticks, missed; /* of each process by itself */
		uint32_t processes; /* that had a tick */
		uint32_t host, kernel, program; /* strings */
	} *runs;
	size_t nruns, cap_runs;
	/*
	 * The same host, process id and time of start are the same process, in
	 * whatever run. Each program that it became by exec is a row.
	 */
	struct profile_process {
		uint32_t pid, version;
		uint32_t program; /* how many it ran before this one */
		uint64_t start;
		uint32_t command, cwd;
		uint32_t host; /* string */
		uint32_t run;  /* index of the last one that told of it */
		uint64_t ticks, own; /* ticks: with the programs before */
	} *processes;
	size_t nprocesses, cap_processes;
	uint8_t *out_of_focus; /* by cell; NULL: all are in it */
	struct timeline *timeline; /* NULL: the order is not kept; owned */
	struct profile_build *build; /* only while samples come in */
};

/*
 * The sink copies what it needs of the source's symbols, so the profile
 * outlives its source. It answers -EINVAL to a sample that refers to symbols
 * that are not there, or that comes before the first tick.
 */
struct profile *profile_new(void);
void profile_free(struct profile *p);

/*
 * A profile without samples that goes on where `p` stands: the same run and
 * processes, and the first tick weighs the time since the last one of `p`.
 */
struct profile *profile_next(const struct profile *p);

/*
 * Adds what `from` has to `to`, threads by their ids and the order in which
 * they came; `from` is of the same run, and later. *row_of (NULL: not wanted;
 * free it) is the row in `to` of each thread of `from`.
 */
void profile_merge(struct profile *to, const struct profile *from,
		   uint32_t **row_of);

/* Forgets all samples, but not which processes and live threads there are. */
void profile_reset(struct profile *p);

/*
 * Feeds what was added up to a sink: totals are the same, but which samples
 * were taken together, and in what order, is not known any more. `program` as
 * in struct run_info. 0, or the first error of the sink.
 */
int profile_replay(const struct profile *p, struct sink *sink,
		   const char *program);

#define MARKER_FOLDED "<folded>" /* for what profile_fold has cut off */

/*
 * When there are more than `most` stacks, prefixes included, or an eighth of
 * that of threads or states: keeps half as many, those with the most samples.
 * What a rarer one had goes to the part of it that is kept, with MARKER_FOLDED
 * on top, rare threads to one of id 0 for each process, and rare waits lose
 * their details. Counts, and the inclusive times of stacks that are kept,
 * stay what they were. Numbers are new then: true.
 */
bool profile_fold(struct profile *p, size_t most);

size_t profile_bytes(const struct profile *p); /* memory held, about */

/*
 * A state in which nothing is computed: asleep, or stopped; of a thread of
 * which only that is known, to wait for the GIL.
 */
bool state_is_idle(const struct state_def *def);

/*
 * It waits for the GIL. Not one that is stopped meanwhile: that would not take
 * it.
 */
bool state_wants_gil(const struct state_def *def);

/* Asleep until something is read, written or opened, or for the disk. */
bool state_is_io(const struct symbols *s, const struct state_def *def);

/*
 * Duration covered, from the first tick to one period after the last, the sum
 * of all runs.
 */
uint64_t profile_duration(const struct profile *p);

/* Ticks taken of those that were due, in percent. */
double profile_achieved(const struct profile *p);

uint64_t profile_lost(const struct profile *p); /* all causes */
uint64_t profile_partial(const struct profile *p);

/* Samples of all threads, by what these were doing. */
struct state_totals {
	uint64_t samples; /* = cpu + runnable + waiting + stopped + unknown */
	uint64_t cpu, runnable, waiting, stopped, unknown;
	uint64_t gil_wanted, disk; /* of `waiting`; disk: uninterruptible */
	uint64_t gc, exception;
	uint64_t gil_known; /* whether the thread held the GIL */
};

void profile_states(const struct profile *p, struct state_totals *out);
/* The same of each thread: p->nthreads of them; to be freed. */
struct state_totals *profile_thread_states(const struct profile *p);

/* "MainThread (thread 4712)", clean. */
void add_thread_label(struct str *out, const struct profile *p, uint32_t thread);
/*
 * "4711", and what tells two processes, or programs of one, with the same id
 * apart: "4711 #2 on web-1", the second of that id and host.
 */
void add_process_id(struct str *out, const struct profile *p, uint32_t process);

/* ---- the order of time, for the formats that show it ---- */

/*
 * Samples of one thread, in the same stack and state, without one of anything
 * else, or a tick without it, between them.
 */
struct timeline_run {
	/*
	 * A sample stands for the time since the tick before, so its run
	 * begins there; times are since the epoch, ns.
	 */
	uint64_t start_ns, end_ns;
	uint64_t count; /* samples */
	uint32_t cell;  /* of the profile: its thread, stack and state */
};

/*
 * How many there may be: 32 MB. Samples that come later are counted, and
 * whoever shows the timeline says so.
 */
#define TIMELINE_RUNS (1u << 20)

/*
 * To be set as profile->timeline before the first call of the sink: the
 * profile then keeps its samples' order as well. The runs are in that of
 * threads and time after timeline_order; within a thread they do not overlap.
 */
struct timeline {
	struct timeline_run *runs;
	size_t nruns, cap_runs, limit;
	uint64_t left_out;    /* samples beyond the limit */
	uint64_t overlapping; /* of a time of which there were others */
	uint64_t first_ns, last_ns;
	size_t *begin; /* of each thread's runs, and the end of the last */
	/* While samples come in: */
	uint32_t *newest; /* run of each thread */
	size_t cap_newest;
	uint64_t since_ns, tick_ns;
};

struct timeline *timeline_new(size_t limit); /* at most 2^32 - 1 runs */
void timeline_free(struct timeline *t);
/* For the profile, which adds up the same samples. */
void timeline_tick(struct timeline *t, uint64_t wall_ns, uint64_t weight);
void timeline_add(struct timeline *t, uint32_t thread, uint32_t cell,
		  uint64_t count);
/* Once all samples are there. */
void timeline_order(struct timeline *t, const struct profile *p);
const struct timeline_run *timeline_thread(const struct timeline *t,
					   uint32_t thread, size_t *n);
/* Adds what it lacks, "12 samples after the first 3.4 s ...", or nothing. */
void timeline_tell(const struct timeline *t, struct str *out);

/* ---- views: choices at the time of rendering ---- */

/* -EINVAL with a sentence when the text is no extended regular expression. */
int focus_check(const char *regex, struct err *err);
/*
 * From now on the views leave out stacks in which no frame fits `focus`, and
 * those in which one fits `ignore`; NULL: none of that. A frame is "name
 * (file)", with the whole path. Once all samples are there.
 */
int profile_focus(struct profile *p, const char *focus, const char *ignore,
		  struct err *err);

enum around {
	AROUND_CALLEES, /* the function, and on it what it calls */
	AROUND_CALLERS, /* the same from there down: on it who calls it */
};

/*
 * Cuts each stack at the outermost frame that fits, which becomes the root;
 * stacks in which none fits are out of focus from now on. Frames are written
 * as for profile_focus. Once all samples are there, and behind profile_focus.
 * -E2BIG with a sentence: there would be too many stacks.
 */
int profile_around(struct profile *p, const char *regex, enum around way,
		   struct err *err);

enum frame_label {
	LABEL_LINE,     /* name (file.py:line) */
	LABEL_FUNCTION, /* name (file.py:first line) */
	LABEL_NOLINE,   /* name (file.py) */
	/* No functions: calls inside of one file or module are none in a tree. */
	LABEL_FILE,     /* folder/file.py */
	LABEL_MODULE,   /* folder.file, guessed from the short name of the file */
};

/* What a row of a flat table is. */
enum view_rows {
	ROWS_FRAMES, /* what has the same label */
	ROWS_THREADS,
	ROWS_PROCESSES,
};

/* Which samples are shown. */
enum view_mode {
	MODE_DEFAULT,   /* those that are not idle */
	MODE_WALL,      /* all */
	MODE_CPU,       /* on a processor, or not known to be idle */
	MODE_GIL,       /* of the thread that holds the GIL, idle or not */
	MODE_OFFCPU,    /* idle: waiting, also for the GIL, or stopped */
	MODE_GC,        /* of a thread that collects garbage, idle or not */
	MODE_EXCEPTION, /* of one that handles an exception, idle or not */
	VIEW_MODES,
};

const char *mode_name(enum view_mode mode);  /* "cpu"; "" for the default */
const char *mode_about(enum view_mode mode); /* "on CPU"; "" for all */
/* By its name, or -EINVAL. The default has none. */
int mode_by_name(const char *name);

struct view {
	enum view_mode mode;
	enum frame_label label;
	bool full_filenames;
	enum view_rows rows;
	bool threads; /* a root cell per thread (and per process, if several) */
	bool idle;    /* idle samples too, for the default mode */
	/*
	 * One marker more on top of each stack: [GC], [wait: GIL], [wait: TEXT],
	 * [idle], [disk], [stopped]; none for a thread that computes.
	 */
	bool state_frames;
	/* Only for tree_build_wide: leaf first, each above who called it. */
	bool reverse;
};

/* Whether samples may be idle that it shows. */
bool view_has_idle(const struct view *view);

/* One of the cells of the profile: whether the view shows its samples. */
bool cell_in_view(const struct profile *p, const struct view *view,
		  const struct profile_cell *cell);

struct view_count {
	uint64_t samples; /* in the view */
	uint64_t idle;    /* not in it because they are idle */
	uint64_t unfocused; /* nor because of profile_focus */
};

void view_count(const struct profile *p, const struct view *view,
		struct view_count *out);

/*
 * The same as profile_focus for stacks with a frame whose label in this view
 * has the text in it, whatever the case.
 */
void profile_focus_label(struct profile *p, const struct view *view,
			 const char *text);

/*
 * What the mode asks for and no sample knows: "who held the GIL"; else NULL.
 */
const char *view_missing(const struct profile *p, const struct view *view);

/* What a node is; for frames: whose code. */
enum node_kind {
	NODE_ROOT,
	NODE_PROCESS,
	NODE_THREAD,
	NODE_OWN,     /* the program's own code */
	NODE_PACKAGE, /* below site-packages or dist-packages */
	NODE_STDLIB,  /* below lib/pythonX.Y, or frozen into the interpreter */
	NODE_MARKER,  /* not Python code */
	NODE_HIDDEN,  /* tree_build_wide: nodes that are too narrow */
};

#define NO_CODE UINT32_MAX

/*
 * Node 0 is the root, "all"; a node comes after its parent; children are
 * sorted by label bytes, and frames with equal labels are one node. A sample
 * without any frame is in a child "<no frames>", so self is 0 in all nodes
 * that are not frames or markers.
 */
struct tree_node {
	uint32_t label; /* string of tree->labels */
	uint32_t parent;
	uint32_t child, sibling; /* first child, next sibling; 0: none */
	uint32_t depth;
	uint32_t code; /* the first one seen, of the profile, or NO_CODE */
	uint32_t kind; /* enum node_kind */
	/*
	 * Frames: the line, 0 when it is not known or the view has none.
	 * Threads: the index in profile->threads. Processes: in ->processes.
	 * Hidden: how many children of the parent these are.
	 */
	uint32_t detail;
	uint64_t self, total; /* samples */
	uint64_t self_ns, total_ns;
};

struct tree {
	struct intern labels;
	struct tree_node *nodes;
	size_t len, cap;
	uint64_t left_out; /* samples that the view leaves out */
	/*
	 * Where the samples of a cell are; 0: the view leaves them out. NULL
	 * unless the profile has a timeline.
	 */
	uint32_t *of_cell;
};

/* Labels are clean, valid UTF-8 on one line, as str_add_clean makes it. */
struct tree *tree_build(const struct profile *p, const struct view *view);
/*
 * The same tree without what is narrower than 1/parts of it. Among the
 * children of a node, those are one NODE_HIDDEN, without a label, which has
 * their samples; what is above them is not there at all. Processes and
 * threads all have their nodes, of which nothing is above the narrow ones.
 * parts > 0.
 */
struct tree *tree_build_wide(const struct profile *p, const struct view *view,
			     double parts);
void tree_free(struct tree *t);
/*
 * The node after this one, in the order of the labels and parents first; 0
 * after the last one. From 0 on it is the first.
 */
uint32_t tree_next(const struct tree *t, uint32_t node);

/* The order of rows, and of the children of a node; what is most first. */
enum sort_key {
	SORT_SELF,
	SORT_TOTAL,
	SORT_NAME,
	SORT_FILE, /* whole path, then line */
	SORT_KEYS,
};

const char *sort_name(enum sort_key key); /* "self" */
int sort_by_name(const char *name);       /* or -EINVAL */

/* Puts the children of each node in this order. */
void tree_sort(struct tree *t, const struct profile *p, enum sort_key key);

/*
 * One row of a flat table: what view->rows and view->label say, with self and
 * total samples. The self samples of all rows add up to flat->samples.
 */
struct flat_row {
	uint32_t label; /* string of flat->labels */
	uint32_t kind;  /* enum node_kind */
	uint32_t part;  /* index into flat->parts */
	uint32_t code, detail; /* as in struct tree_node */
	uint64_t self, total; /* a recursive function counts once a sample */
	uint64_t self_ns, total_ns;
};

/* The rows of one thread; without view->threads there is one part of all. */
struct flat_part {
	uint32_t thread; /* index into profile->threads; UINT32_MAX: all */
	uint32_t label;
	size_t first, len; /* rows */
	uint64_t samples;
};

struct flat {
	struct intern labels;
	/* In the order that was asked for; at last by total and label. */
	struct flat_row *rows;
	size_t len, cap;
	/* Most samples first; none without a sample. */
	struct flat_part *parts;
	size_t nparts, cap_parts;
	uint64_t samples;  /* in the view */
	uint64_t left_out;
};

struct flat *flat_build(const struct profile *p, const struct view *view,
			enum sort_key key);
void flat_free(struct flat *f);

/* The samples of one function by its lines. */
struct code_line {
	uint32_t line; /* 0: not known */
	uint64_t self, total; /* each line once a sample */
	uint64_t self_ns, total_ns;
};

struct code_lines {
	struct code_line *rows; /* by line; only those of the view */
	size_t len, cap;
	uint64_t self, total;   /* of the whole function */
	uint64_t samples;       /* of the whole view */
};

struct code_lines *lines_build(const struct profile *p,
			       const struct view *view, uint32_t code);
void lines_free(struct code_lines *l);

/*
 * The short form of a file name: what follows site-packages, dist-packages or
 * lib/pythonX.Y, or the recorded working directory; a relative name as it is;
 * else the last component.
 * A pointer into `file`; cwd may be "".
 */
const char *short_filename(const char *file, const char *cwd);

#endif
