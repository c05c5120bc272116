/*
 * target_priv.h - the inside of target: where the interpreter is, whose
 * thread ids are whose, what is known of each thread.
 */
#ifndef PYSTROBE_TARGET_PRIV_H
#define PYSTROBE_TARGET_PRIV_H

#include "base.h"
#include "cpython.h"
#include "process.h"
#include "profile.h"
#include "remote.h"
#include "target.h"
#include "walk.h"

/* An interpreter found in the mappings of a process. */
struct found {
	uint32_t version; /* PY_VERSION_HEX; the micro may be 0 when unknown */
	struct layout layout;
	struct entry_points entry;
	uint64_t start, inode; /* of the mapping that holds it */
};

/* -ENOENT no interpreter, -EAGAIN not initialised; and layout's errors. */
int find_interpreter(struct found *f, const struct process *p,
		     struct remote *r, struct err *err);

/* False once that mapping is no longer there: the process called exec. */
bool still_mapped(const struct found *f, const struct process *p);

/*
 * The version text that Py_GetVersion keeps in a static buffer ("3.9.18
 * (main, ..."), searched in the writable data of the module that is mapped
 * from maps->entries[at] on. 0 when it is not there (yet).
 */
uint32_t version_in_data(const struct maps *maps, size_t at,
			 struct remote *r);

/* The number of a version text, 0 when it is none; exposed for tests. */
uint32_t version_of_text(const char *text, size_t len);

/* Thread ids inside the target's pid namespace, as ours. */
struct ids {
	bool foreign;  /* the target's namespace is another one */
	uint32_t self; /* the process id inside it */
	struct map host;
};

void ids_init(struct ids *ids, const struct process *p);
void ids_release(struct ids *ids);
uint32_t ids_host(struct ids *ids, const struct process *p, uint32_t inside);

#define TID_MAX 0x400000u /* PID_MAX_LIMIT, linux/threads.h */
#define SYNTHETIC 0x80000000u /* ids of threads whose own is not known */

/* What tells a thread on a processor from one that waits for it. */
struct on_cpu {
	uint64_t delay_ns, cpu_ns, began_ns; /* when a window began */
	double ran;     /* of the time in which it could, 0 to 1 */
	uint64_t since_ns, slices; /* CPU time and slices, when another began */
	uint64_t stops; /* that we made since then: a slice each */
	uint64_t displaced_ns; /* by us, in that window */
	bool brief;     /* it mostly runs for a moment only */
	double owed;    /* looks at which it ran and was not said to */
	uint64_t contended_ns; /* until then it may have to wait */
	uint64_t off;   /* slices less switches while it is on none */
	uint64_t first; /* that, as seen last, until `off` is known */
	bool off_known, seen;
};

#define LEAVES 16 /* positions of a leaf whose stacks are remembered */

struct interrupt;

/* A thread as the sink knows it. */
struct known {
	uint32_t tid;
	uint64_t ident;
	uint64_t seen; /* number of the pass over the rows that had it */
	size_t row;    /* of that list */
	bool wanted, announced, named;
	bool fresh; /* not looked at yet */
	bool shared; /* another state of a thread that has its own row */
	bool looked; /* right before this snapshot, which has its stack */
	bool stop;   /* to be stopped in this tick, whatever a look would show */
	bool leave;  /* soon enough: its stack is not read before */
	bool queued; /* it waited for the processor that was taken */
	unsigned locals_flaws;
	bool runnable; /* waited for a processor, before we stopped it */

	/* State: what it was doing, and since which of its time slices. */
	struct thread_probe probe;
	struct thread_look look;
	struct thread_sched sched; /* as looked up last */
	bool blocked;    /* it was, and in slice number `slices` */
	bool passing;    /* on the way off its processor, or back on it */
	uint64_t slices; /* UINT64_MAX: not known */
	uint64_t ran_ns; /* when it was seen to have run last */
	bool idle;       /* it has not run for long */
	bool awake;      /* it has run since, or may have: to be looked at */
	bool over_budget; /* it would have been stopped */
	unsigned same; /* how often its stack was the one before, in a row */
	struct on_cpu on_cpu;

	/* Where interrupts take the ticks. */
	raddr mapped;    /* the state that they were told of, 0: none yet, */
	uint32_t inside; /* by this id */
	uint64_t looked_ns; /* what they saw before that is old */
	/* What it does while it is not found on a processor: last, and as told. */
	struct sample stay, told;
	bool ended;
	struct away { /* what it did last, as far as it is not noted yet */
		bool left, woken;
		uint64_t left_tick, woken_tick; /* the first one of that */
		struct interrupt in; /* when it left */
	} away;
	uint64_t found; /* the last tick in which it was found on a processor */
	bool preempted;   /* when it left last it would have gone on */
	bool on;          /* it is there, */
	uint64_t on_from; /* from that tick on, */
	struct sample on_stay; /* with that stack */
	const struct sample *now; /* found in the tick that is told */
	size_t change, last_change; /* its changes: place + 1, 0: none */

	struct state_def def; /* but for `wait` */
	struct str wait;      /* what it waits for */
	struct thread_look waited; /* the look that `wait` is of, */
	uint64_t waited_slices;    /* and its time slice */
	uint32_t state; /* its number in table number `state_table` */
	uint32_t state_table;

	/* The last stack. */
	uint64_t tstate, serial, callers; /* of walk_thread */
	uint32_t leaf; /* serial of its code */
	uint32_t stack, parent, stack_table;
	struct leaf_number {
		uint32_t serial; /* of the code; 0: none */
		int32_t at;
		bool entry;
		uint32_t parent, stack;
	} leaves[LEAVES]; /* numbers of this stack_table */
};

/* Pause that the target may still be put to. */
struct budget {
	double share;    /* of wall time; 0: never stop */
	double left_ns;  /* below 0: overdrawn */
	uint64_t filled; /* when it was filled up last */
};

/* Taking the processor of the thread that is read. */
struct displace {
	struct occupier *occupier; /* NULL: not needed yet, or not to be had */
	bool allowed, failed;
	int cpu; /* of the one that was to stand in this tick; -1: none was */
	int asleep_cpu; /* of the one whose turn it was, if it slept; -1 */
	uint32_t there; /* thread that stood in the last turn; 0: none did */
	uint64_t next_ns, then_ns; /* when the next ticks are due; 0: not then */
	unsigned vain;      /* turns in a row in which nothing was read */
	uint64_t barred_ns; /* it is not tried until then */
};

/* Ticks that interrupts take. */
struct ticking {
	struct interrupts *from; /* NULL: they do not */
	uint64_t began_ns, pause_ns; /* for how long they did not, the last time */
	uint64_t again_ns; /* from when on that is tried again; 0: it is not */
	bool unfit;              /* nor can they go on */
	uint64_t random;         /* eight bytes that the next program has not; 0 */
	bool other;              /* which an interrupt saw */
	uint64_t period_ns, seed, start_ns;
	uint64_t round, end_ns; /* when this one is over */
	uint64_t since_ns, step_ns; /* tick n of it is at since + n * step */
	uint64_t grain_ns; /* grain_of(period) */
	uint64_t spread_ns; /* in which all processors have it */
	uint64_t told;      /* ticks of it */
	uint64_t phase_ns;  /* of the processor that ticks have their times of */
	uint64_t listed_ns; /* when the list of threads was read last, */
	uint32_t stranger;  /* one that has come since, */
	unsigned strange_looks; /* and was not found by these */
	bool anew;          /* all threads are to be looked at */
	bool lost_code;     /* a code object was another one already */
	uint64_t curious_ns; /* until then each tick is read at once */
	uint64_t seen_ns;    /* when something was, last */
	uint64_t stood_ns;   /* for how long threads were made to, in this round, */
	bool lost;           /* and whether some was not told */
	unsigned restless;   /* rounds in a row in which that was too much */
	struct map of;       /* id inside -> row */
	uint64_t list;       /* number of the list that it is of */
	struct found_in {    /* who was on a processor, by tick */
		uint64_t tick, phase_ns;
		struct known *k;
		struct sample s;
	} *found;
	size_t nfound, cap_found;
	struct change { /* what a thread does else, from that tick on */
		uint64_t tick;
		struct sample s; /* without id: it has ended */
		size_t next;     /* of the same thread: place + 1, 0: none */
	} *changes;
	size_t nchanges, cap_changes;
};

struct target {
	struct process process;
	int program; /* process_program() */
	struct target_options options; /* tids is ours */
	struct found found;
	struct remote *remote;
	struct walker *walker;
	struct tracer *tracer;
	struct displace displace;
	struct ticking ticking;
	struct budget budget;
	struct waits *waits;
	struct ids ids;
	struct symbols symbols;
	struct source_symbols source;
	struct known **known;
	size_t nknown, cap_known;
	struct map known_of; /* tid -> index */
	struct known **rows; /* one for each walk_thread */
	size_t nrows, cap_rows;
	size_t *moving; /* rows just looked at: they may have to be stopped */
	size_t nmoving, cap_moving;
	uint64_t list; /* number of the walker's list that rows are of */
	uint64_t pass; /* how often they were filled */
	bool lean; /* the snapshot is of stacks alone */
	/*
	 * CPU time of the process less that of the threads that are not idle:
	 * the same as the last time, none of the idle ones has run.
	 */
	uint64_t rest_ns;
	bool rest_known;
	size_t nidle; /* threads that are */
	struct code_number {
		uint32_t serial, code; /* holds for this serial; 0: none */
	} *codes; /* by walk info */
	size_t ncodes;
	uint32_t markers[LOSS_CAUSES]; /* frames, + 1; 0: none yet */
	uint32_t marker_table;
	uint64_t checked_ns, names_ns, names_wait_ns;
	uint64_t refused_ns; /* when a stop was not permitted last */
	uint64_t contended_ns; /* until then some thread may wait for a processor */
	uint32_t missed; /* ticks that the sink was not told of yet */
	struct target_counts counts;
};

/* ---- known.c: threads ---- */

void known_free(struct known *k);
/* Fills rows after the walker's lists changed: whose each one is. */
void known_update(struct target *t);
/* Tells the sink of threads that are in no list any more. 0 or what it says. */
int known_forget(struct target *t, struct sink *sink);
/* Tells the sink of threads that are new or have got a name by now. */
int known_tell(struct target *t, struct sink *sink, uint64_t now);
/*
 * False of a state that was made for a thread which has not begun: it has the
 * ids of the one that made it or none, and no frames.
 */
bool known_is_born(const struct known *k, const struct walk_thread *w);

/* ---- stacks.c: numbers for stacks ---- */

/* The number of the row's stack, or of its part with a marker; 0: none. */
uint32_t stack_of(struct target *t, struct known *k,
		  const struct walk_thread *w);

/* ---- running.c ---- */

/* Looks up k->sched; its slices, UINT64_MAX when they are not known. */
uint64_t look_slices(struct target *t, struct known *k);

/*
 * Takes note of how long it waited for a processor, in the last window: only
 * where that is some part of the time that it could run, the files are looked
 * at that cost more. After its schedstat was read.
 */
void note_delays(struct target *t, struct known *k, uint64_t now);
/* Whether it waits so much that it may do so now, woken from its sleep. */
bool may_be_woken(const struct known *k, uint64_t now);
/*
 * Whether a thread that may run waits for a processor. Known once it has been
 * seen blocked, on our processor, or both ways; until then, and where
 * processors are free, false; and so when it `ran` while its stack was read.
 * After each look at it.
 */
bool waits_for_cpu(struct target *t, struct known *k, bool ran, uint64_t now);
/*
 * Of one that is off its processor, which the occupier took before it was looked
 * at and still has: whether it was off before. Where the kernel does not tell when
 * it was on last, its share of all ticks is known, not more.
 */
bool waited_before(struct target *t, struct known *k, uint64_t now);
/* After each look at it: one that is blocked tells what its counts are then. */
void learn_off(struct target *t, struct known *k, uint64_t now);
/* It ran where it was said to wait. */
void unlearn_off(struct known *k);
/* Whether it waits because we are on the processor that it would be on. */
bool waits_for_us(struct target *t, struct known *k);
/* Whether another thread of the target has it, as far as the last looks tell. */
bool waits_for_other(struct target *t, struct known *k);

/* ---- settle.c: one thread ---- */

/* What the walker knows of it; until the next call of the walker's. */
const struct walk_thread *row_of(const struct target *t, size_t row);
bool is_blocked(const struct known *k);
/* Fills k->look. */
void look_at(struct target *t, struct known *k);
/*
 * Decides whether a thread is to be stopped in this tick, which sets k->stop
 * and k->over_budget. Before anything is read of it: what a look shows is what
 * held still for as long as that takes, and to stop the others only would give
 * them the stacks of a later moment. So what runs for a microsecond would be
 * hardly seen. A thread whose stack has been the same again and again is looked
 * at, and so is one that runs for moments only, in which a stop comes too late.
 */
void decide(struct target *t, struct known *k, uint64_t now);
/* Takes note of its stack in this tick, for that. */
void note_stack(struct known *k, const struct walk_thread *w);
/*
 * Reads it while it stands, if that is so, without a look before: that it stood
 * tells what it did. An enum stand or a negative errno.
 */
int hold_unseen(struct target *t, struct known *k, size_t row, uint64_t now);
/*
 * Its state and its stack; and its variables if these are wanted: then it must
 * be found asleep or stop. 0 or a negative errno.
 */
int look_closely(struct target *t, struct known *k, size_t row, uint64_t now);
/*
 * Stops it, if that was decided, and reads its stack. That changes what the
 * others do, for which a processor becomes free: it comes after the looks. 0 or
 * a negative errno.
 */
int hold_still(struct target *t, struct known *k, size_t row);

/* ---- displace.c: taking its processor ---- */

/* Whether that is a way to make a thread stand. */
bool may_displace(const struct target *t);
/* Whether who would be on this processor (-1: any) stands, since it is ours now. */
bool is_displaced(const struct target *t, int cpu);
enum stand {
	STAND_NOT,  /* it was not: another way is to be found */
	STAND_GONE, /* it had gone by then, or stood where nothing can be told */
	STAND_READ, /* the walker has its stack */
};

/* Whether some processor is to be taken in this tick, and was not yet. */
bool turn_comes(const struct target *t);
/*
 * Waits until its processor is ours, if it is not by chance, and reads its
 * stack. An enum stand or a negative errno.
 */
int displace(struct target *t, struct known *k, size_t row);
/* After each tick: where to come in the next one. */
void displace_next(struct target *t);

/* ---- states.c: what all threads do ---- */

/*
 * Before a snapshot: those that have run since the last one are looked at, the
 * others are held. 0 or a negative errno.
 */
int states_before(struct target *t, uint64_t now);
/* After it: those of which that snapshot told. 0 or a negative errno. */
int states_after(struct target *t, uint64_t now);
uint32_t state_of(struct target *t, struct known *k);
/* All threads are new: the next look is at each. */
void all_anew(struct target *t);
/* Makes k->def of what is known by now. */
void define_state(struct target *t, struct known *k);

/* ---- interrupt.c: ticks taken by interrupts ---- */

/* Whether they take the ticks now. */
bool is_ticking(const struct target *t);
/* After a tick of our own, if they are to take the next ones. */
void begin_ticking(struct target *t);
/* Some time after that could not go on: from the next but one on, then. */
void resume_ticking(struct target *t, uint64_t now);
void ticking_release(struct target *t);
/* Tells them of threads that are new, when the list is. */
void tell_threads(struct target *t);
/* It has ended. */
void forget_interrupts(struct target *t, const struct known *k);
/* The unit of steps and told times: a power of 2, some 1024th of a period. */
uint64_t grain_of(uint64_t period_ns);
/* Between ticks, so that as many take so long: whole grains, not much too few. */
uint64_t step_of(const struct ticking *g, uint64_t ns, uint64_t ticks);
/* By how much an interrupt may come before its tick. */
uint64_t early(const struct ticking *g);
/* When a tick of this round was due. */
uint64_t time_of(const struct ticking *g, uint64_t tick);
/* The number of the last one that was due by then; 0: none. */
uint64_t tick_at(const struct ticking *g, uint64_t when);

/* ---- replay.c: what each thread did in them ---- */

/*
 * All that was seen before `until`, of ticks up to `newest`. Returns the last one of
 * this program.
 */
uint64_t replay(struct target *t, uint64_t until, uint64_t newest);
/* Tells of the ticks up to that one. */
int tell_ticks(struct target *t, struct sink *sink, uint64_t last);
/* From now on it stays what it is by its look; what nothing is known of. */
void stay_as_looked(struct target *t, struct known *k);
void stay_unknown(struct known *k);

/* ---- target.c: a tick ---- */

/* Whether it still is that process, with that program; asked now and then, or now. */
bool is_itself(struct target *t, uint64_t now, bool at_once);
/* True when all symbols were forgotten, since they were too many. */
bool bound_symbols(struct target *t);
/*
 * Looks at all threads. 1: there was nothing to be had just now; -ESRCH.
 */
int look_at_all(struct target *t, uint64_t when);
struct sample sample_of(struct target *t, struct known *k);
/* A tick, and its samples. */
int begin_tick(struct target *t, struct sink *sink, const struct tick *due);
int tell_sample(struct target *t, struct sink *sink, const struct sample *s);

#endif
