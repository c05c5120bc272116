/*
 * walk_priv.h - the inside of walk: pieces of remote memory in two copies,
 * one slot per thread that was seen, the cache of code objects.
 */
#ifndef PYSTROBE_WALK_PRIV_H
#define PYSTROBE_WALK_PRIV_H

#include "base.h"
#include "cpython.h"
#include "profile.h"
#include "walk.h"

#define CHUNKS_MAX 1024u           /* data stack chunks of one thread */
#define CHUNK_BYTES_MAX (16u << 20) /* of one chunk */
#define CHUNK_GUESS 16384u         /* _PY_DATA_STACK_CHUNK_SIZE */
#define DEPENDENT_READS_MAX 20000u /* reads one after the other, a try */
#define DOUBTFUL 8 /* more looks in which a stack moved than others */
#define DOUBTFUL_MOST (DOUBTFUL + 4)
#define COPIES (1 + WALK_AHEAD)
#define PAGE 4096u
#define NEAR 4096u /* bytes between two ranges that one read costs less than */

/*
 * One range of the target, read up to twice in a snapshot: `copy[0]` before
 * the anchors, `copy[1]` after them; or once in each of the looks that one call
 * takes. got is 0 when not read in this try.
 * `kept` are the bytes of copy 0 that were accepted last.
 */
struct piece {
	raddr addr;
	size_t len, cap;
	size_t got[COPIES], nkept;
	unsigned char *copy[COPIES], *kept;
};

void piece_release(struct piece *p);
/* Makes it stand for other bytes; nothing is read yet. */
void piece_aim(struct piece *p, raddr addr, size_t len);
/* Nothing of it has been read yet in this try. */
void piece_reset(struct piece *p);
/* Gives it bytes that were read otherwise, as copy 0. */
void piece_set(struct piece *p, raddr addr, const void *bytes, size_t len);
/* Gives the memory of copies from `n` on back; it is made anew when they are read. */
void piece_forget(struct piece *p, unsigned n);
/* Whether copy `n` has all the bytes. */
bool piece_whole(const struct piece *p, int n);
/* Copy `n` becomes copy 0, which is gone by that. */
void piece_take(struct piece *p, unsigned n);
/* Remembers copy 0, which is gone by that. */
void piece_keep(struct piece *p);

struct pieces {
	struct piece *at;
	size_t len, cap; /* at[len..cap) keep their buffers */
};

/*
 * Makes the pieces cover `len` bytes at each address, neighbours together;
 * the addresses are sorted by that. Pieces that stay the same keep what they
 * have read.
 */
void pieces_cover(struct pieces *p, raddr *addrs, size_t n, size_t len);
/* Puts the piece that begins there, or a new one, at place i. */
struct piece *pieces_place(struct pieces *p, size_t i, raddr addr);
void pieces_release(struct pieces *p);
/* The piece that holds those bytes, or -1. */
int32_t pieces_find(const struct pieces *p, raddr addr, size_t bytes);

/* What is read in one call: pieces, and which copy of each. */
struct batch {
	struct range *ranges;
	struct batch_item {
		struct piece *piece;
		int copy;
	} *items;
	size_t len, cap_ranges, cap_items;
};

void batch_add(struct batch *b, struct piece *p, int copy);
/* The same for its first `len` bytes only. */
void batch_add_part(struct batch *b, struct piece *p, int copy, size_t len);
/* Reads and empties the batch. */
int batch_read(struct batch *b, struct remote *r);

/* A frame of the chain, leaf first. */
struct link {
	raddr addr, previous, code;
	uint64_t position; /* f_lasti or the instruction's address */
	uint8_t owner;     /* chunk frames */
	bool entry;        /* an entry frame: no Python code of its own */
	bool from_c;       /* 3.11: C code called it */
	int32_t block;     /* index in slot->blocks, -1: a piece of its own */
	uint32_t piece;    /* index in slot->frames */
	uint32_t info;     /* code cache, once accepted */
};

struct links {
	struct link *at;
	size_t len, cap;
};

/* Adds one, of which only the address is set. */
struct link *links_add(struct links *l, raddr addr);

/* What tells code objects apart, to be read in few pieces. */
struct idents {
	struct pieces pieces;
	struct ident {
		uint32_t info; /* of the code object */
		int32_t piece; /* of pieces */
		size_t off;
	} *at;
	size_t len, cap;
};

/*
 * A thread state that was seen, and the prediction for the next time.
 *
 * `blocks` are what holds many frames: the chunks of the data stack, top one
 * first, or (up to 3.10) the parts of the heap where the frames were. They
 * are read before and after the anchors. `frames` are frames elsewhere:
 * entry frames on the C stack, generators; up to 3.10 what the blocks lack.
 */
struct slot {
	raddr tstate;
	uint32_t interp;
	uint64_t seen;   /* snapshot number */
	uint64_t listed; /* number of the list that named it last */
	raddr next;      /* thread state, when it was listed */
	bool held;       /* has not run: nothing is read */
	bool left;       /* to be left out of the next snapshot, */
	bool later;      /* but for the facts */
	bool asleep;     /* said to sleep: the next one reads it once */
	uint64_t known;  /* tick that its facts were read in */

	struct piece state, cframe;
	struct pieces blocks, frames;
	struct pieces items; /* of exceptions handled, the innermost first */
	struct idents idents; /* of the last stack that was accepted */

	struct links links, found; /* of this reading, and the one before it */
	raddr cleared; /* a leaf on a chunk that was being cleared: left out */
	bool missed;   /* something was not predicted in this try */
	bool traced;   /* its links go from the leaf to the root */
	bool grabbed;  /* they are of a time when it was stopped */
	bool ran;      /* in one of the tries its frames changed meanwhile */
	unsigned reads;

	/* The last stack that was accepted. */
	bool whole;      /* it is what the last try found */
	raddr head, top; /* its anchors */
	struct links chain;
	raddr root, other_root; /* its outermost frame; a new one seen once */
	bool begun; /* its leaf has begun: it is one of `out` */
	struct links prefix; /* root first: what held still of the last try */

	struct locals {
		struct frame_local {
			raddr frame;
			struct variable pub;
		} *at; /* one frame after the other */
		size_t len, cap;
		struct map first_of; /* frame -> its first */
	} locals; /* as read last */

	struct walk_frame *out;
	size_t nout, cap_out;
	uint32_t loss;
	uint32_t failed; /* snapshots that failed, less those that did not */
	uint32_t tid;   /* up to 3.10: of this ident */
	uint64_t ident_of_tid;
	uint64_t serial, callers; /* walk.h */
	uint64_t epoch; /* of the codes, when its codes were seen to be so */
};

struct interp {
	raddr addr;
	raddr gil; /* its GIL struct, 3.12+ */
	raddr active; /* dict of threading's threads, once found */
	raddr head;   /* thread state that was its newest when listed */
	uint64_t generation; /* of code objects, 3.14+ */
	uint64_t seen;
	struct piece span, gil_piece;
};

/* Code objects by address. An entry is re-read when it is another one now. */
struct code_entry {
	struct walk_code pub;
	raddr addr;
	uint64_t checked; /* epoch in which it was seen to be the same */
	uint32_t frame_bytes; /* 3.11+ */
	uint64_t mark;        /* see codes_mark */
	uint64_t doubted_ns;  /* since when, see is_doubtful; 0: it is not */
	uint32_t traceable;   /* bytes before the first traceable one, 3.11+ */
	uint32_t code_bytes;
	int32_t adaptive;
	bool shim; /* CPython's own, below the __init__ of a class that is called */
	unsigned char ident[160]; /* the span that tells two apart */
	unsigned char *lines;
	size_t nlines;
	struct {
		int32_t at, line;
	} memo[8];
};

struct codes {
	struct code_entry *entries;
	size_t len, cap;
	uint32_t *others; /* entries of what is gone; the first nfree are free */
	size_t nfree, nothers, cap_others;
	struct map by_addr;
	uint32_t serial;
	uint64_t epoch; /* a code object may have been freed since the last */
};

/* threading's objects of the threads, by their ids. */
struct thread_names {
	uint64_t number; /* of the snapshot that they are of */
	struct map of;   /* ident -> index */
	raddr *objects;
	size_t len, cap;
	struct shared_key { /* where the name was in the keys of a class */
		raddr keys, entry, key;
		size_t index;
	} shared;
};

struct walker {
	struct remote *remote;
	struct layout layout;
	struct entry_points entry;
	uint32_t pid;
	uint64_t number; /* of the snapshot */
	uint64_t lists;  /* lists of threads followed so far */
	uint64_t list;   /* number of the rows, walker_list() */
	uint64_t last_ns, full_ns, listed_ns; /* snapshots, lists followed */
	uint64_t due_ns[WALK_AHEAD]; /* the snapshots after the next one */
	unsigned ndue;
	struct looks {
		unsigned n, at; /* how many were read; which is next */
		uint64_t ns, calls; /* then */
	} looks;
	bool relist; /* held threads may have run */
	uint64_t tick, known; /* which it is; that interpreters were read in */
	bool persists;   /* tries again */
	bool gone;       /* the program that interrupts saw is */
	int32_t tid_at;  /* in struct pthread; -1 unknown, -2 not found */

	struct piece runtime, current, collecting, lock;
	struct interp *interps;
	size_t ninterps, cap_interps;
	struct slot **slots;
	size_t nslots, cap_slots;
	struct map slot_of; /* tstate -> index */

	struct batch batch;
	struct codes codes;
	struct idents others; /* of codes that were not predicted */
	struct thread_names names;
	struct walk_thread *threads;
	struct slot **rows; /* whose each of them is; NULL: a lost list */
	size_t nthreads, cap_threads, cap_rows;
	raddr *addrs; /* scratch */
	size_t cap_addrs;
	uint64_t tries;
};

/* ---- lean.c ---- */

/*
 * The stacks alone, as far as they are the last ones; `twin`: within WALK_TWIN_NS of
 * the one before. 0 or a negative errno.
 */
int lean_snapshot(struct walker *w, uint64_t now, bool twin);

/* ---- walker.c ---- */

/* The stack of its slot becomes that of the row. */
void row_show(struct walker *w, size_t row);
/* The frame at the root that is one of the program; 0. */
raddr slot_outermost(const struct links *links);

/* ---- predict.c ---- */

/* Adds the items of exceptions that were followed the last time. */
void slot_add_items(struct slot *s, struct batch *b, int copy);
/* Adds what there is no hurry with: the thread state, exceptions. */
void slot_predict_facts(struct walker *w, struct slot *s);
enum predict {
	PREDICT_TWICE, /* blocks, anchors, blocks again, as the state is now */
	PREDICT_LEAN,  /* without anchors that cannot change alone */
	PREDICT_ONCE,  /* one copy, of a thread that stands still */
};
/* Adds what is predicted for its stack. To be read at once. */
void slot_predict_stack(struct walker *w, struct slot *s, enum predict what);
/*
 * The same for look `n` of a call, one copy of what PREDICT_LEAN reads: the bytes kept
 * are the other one. Taken, it is copy 0.
 */
void slot_predict_look(struct walker *w, struct slot *s, unsigned n);
void slot_take_look(struct slot *s, unsigned n);
/* Reads its stack twice, and what tells of freed code objects after it. */
int slot_read(struct walker *w, struct slot *s);
/* Takes the closing copies anew, `later` after a while that has no rhythm. */
int slot_close(struct walker *w, struct slot *s, bool later);
/* Makes the stack that was accepted the prediction for the next time. */
void slot_keep(struct walker *w, struct slot *s);
/* Whole units that hold n. */
size_t round_up(size_t n, size_t unit);

/* ---- collect.c ---- */

void slot_release(struct slot *s);
/* Gives back what is of no use after a look: closing copies, codes' bytes. */
void slot_forget(struct slot *s);
/*
 * Frames on the heap are not read in the order of the calls, so that a program
 * in whose rhythm we look can show a stack that never was; most looks fail
 * then. Such a stack must show the same a third time, after a while that has
 * no rhythm.
 */
bool slot_is_doubtful(const struct walker *w, const struct slot *s);
/*
 * Follows the chain through what was read, reads what was not predicted, and
 * makes sure of the code objects. Where it missed something it closes with
 * second copies of everything. An enum loss, or a negative errno.
 */
int slot_trace(struct walker *w, struct slot *s);
/* The first half of that: the chain, of which the codes are not known yet. */
int slot_follow(struct walker *w, struct slot *s);
/* Copy `n` of a link's frame; *len is how much of it there is. */
const unsigned char *link_bytes(const struct slot *s, const struct link *l,
				int n, size_t *len);
/* What its frame's bytes say of a link whose address is set; copy `n` of them. */
void link_parse(const struct walker *w, struct link *l, const unsigned char *p,
		size_t len);
void link_fill(const struct walker *w, const struct slot *s, struct link *l,
	       int n);
/* Leaves out the leaf of its links, of these bytes, if it is just being cleared. */
void slot_drop_leaf(const struct walker *w, struct slot *s,
		    const unsigned char *p, size_t len);
uint64_t slot_field(const struct walker *w, const struct slot *s, int copy,
		    int32_t field);
size_t frame_bytes(const struct layout *l);
/* Where the chain starts, from the anchors as read. */
raddr slot_head(const struct walker *w, const struct slot *s);
/* The end of the used part of a chunk. */
raddr chunk_end(const struct walker *w, const struct slot *s, size_t i);

/* ---- accept.c ---- */

int slot_accept(struct walker *w, struct slot *s, bool stopped);
/*
 * Whether the stack is the last accepted one, but for the position of its
 * leaf, which is *position; by the bytes of one or both copies, without
 * following the chain.
 */
bool slot_same(struct walker *w, struct slot *s, int copies,
	       uint64_t *position);
/*
 * 3.11 and 3.12: the leaf of the last stack had not put its stack pointer
 * away. If that still holds, under the same C frame, it is the frame that runs.
 */
bool leaf_ran(const struct walker *w, const struct slot *s);
/*
 * From which of its links on, to the root, the frames are the same in copies
 * that were read already, the first of them perhaps at another position. Not
 * 0: it moved.
 */
size_t slot_still(const struct walker *w, const struct slot *s);
/* Whether the leaf of its links is not the same in both copies. */
bool leaf_moved(const struct walker *w, const struct slot *s,
		const struct links *links);
bool position_fits(const struct walker *w, const struct link *l);
/* Whether two copies of a frame are the same, but for its position. */
bool frames_equal(const struct layout *y, const unsigned char *a,
		  const unsigned char *b);
bool positions_equal(const struct layout *y, const unsigned char *a,
		     const unsigned char *b);
/*
 * 3.11 and later: the frame is beyond its first traceable instruction, RESUME,
 * which calls nothing itself.
 */
bool has_called(const struct walker *w, const struct link *l);
/* 3.11 to 3.13: the frame waits for another one that it called itself. */
bool frame_waits(const struct layout *y, const unsigned char *p, size_t len);
/*
 * Up to 3.10: the frame is executing. 2.7 has no flag that says so: it is in use,
 * which one that returned may still be, if a traceback has it.
 */
bool frame_runs(const struct layout *y, const unsigned char *p, size_t len);

/* ---- prefix.c ---- */

/* After a try that failed: what of the stack held still. */
int slot_prefix(struct walker *w, struct slot *s);

/* ---- decode.c ---- */

/* Makes slot->out of these links, leaf first. */
void slot_decode(struct walker *w, struct slot *s, const struct links *links,
		 bool whole);
/* Gives the leaf of slot->out another position, if it has begun. */
bool slot_move_leaf(struct walker *w, struct slot *s, uint64_t position);

/* ---- threads.c ---- */

/*
 * Brings interpreters, slots and rows up to date after a batch that held
 * their spans and states. 0 or a negative errno.
 */
int threads_update(struct walker *w, uint64_t now);
/*
 * The same for what such a batch says of freed code objects alone.
 * -EAGAIN when the interpreter is just beginning or ending.
 */
int threads_refresh(struct walker *w);
/* Adds the spans of runtime and interpreters to the batch. */
void threads_predict(struct walker *w);
/* Of these only what counts freed code objects, 3.14+. */
void threads_predict_counters(struct walker *w);
/* Fills ids, GIL, collector and exception of a row; GIL and collector. */
void thread_facts(struct walker *w, size_t row);
void thread_gil(struct walker *w, size_t row);
/* Neither NULL nor None. */
bool is_object(const struct walker *w, raddr p);
/* By what was read of the slot last. */
bool handles_exception(struct walker *w, struct slot *s);
/* The only interpreter, or NULL. */
const struct interp *threads_interp(const struct walker *w);
void threads_release(struct walker *w);

/* ---- codes.c ---- */

void codes_release(struct codes *c);
void idents_release(struct idents *ids);
/*
 * Makes sure that every code of the links from `first` on is known and is the
 * same as when it was loaded, and fills link.info. One that is not is loaded
 * now: then slot->missed says that the frames must be looked at once more. An
 * enum loss, or a negative errno.
 */
int codes_resolve(struct walker *w, struct slot *s, size_t first);
/*
 * While a thread stands: loads a few that were never seen, which may be gone
 * when it runs again. 0 or negative.
 */
int codes_meet(struct walker *w, const struct slot *s);
/* Forgets those that are gone, and all when they are too many: then true. */
bool codes_trim(struct walker *w);
/* *same: the codes of the last accepted stack are the same. 0 or negative. */
int codes_same(struct walker *w, struct slot *s, bool *same);
/* Makes the codes of the links the prediction for the next time. */
void codes_predict(struct walker *w, struct slot *s);
/* The entry, if it is known and confirmed in this epoch or now; MAP_NONE. */
uint32_t codes_known(struct walker *w, raddr code);

/*
 * What no other code object at its address has, or hardly. Where it is found is
 * part of the plan.
 */
void codes_mark(const struct walker *w, struct interrupt_plan *plan);
/*
 * The entry, if it has that mark and was confirmed in this epoch, or (`gone`)
 * cannot be any more; MAP_NONE.
 */
uint32_t codes_marked(const struct walker *w, raddr code, uint64_t mark,
		      bool gone);
bool codes_have(const struct walker *w, raddr code);

/* ---- objects.c ---- */

#define DICT_ENTRIES_MAX 65536u /* of a table that is looked through */

/* A table of key and value pairs, copied. */
struct table {
	unsigned char *bytes;
	size_t len;
	size_t entry;           /* bytes of one */
	int32_t key, value;     /* in an entry; value NO_FIELD: split */
	raddr entries;          /* where they were read */
	raddr values;           /* split table: the values are here */
	size_t n;
};

/* Eight bytes of the target; 0 when they cannot be read. */
uint64_t object_word(struct walker *w, raddr addr);
/*
 * The entries of a dict, the first `most` of them: t->bytes is to be freed.
 * -EBADMSG: too large, or none; -EFAULT.
 */
int dict_table(struct walker *w, raddr dict, size_t most, struct table *t);
raddr table_key(const struct table *t, size_t i);
raddr table_value(struct walker *w, const struct table *t, size_t i); /* or 0 */
/* The value of a str key, or 0. */
raddr dict_item(struct walker *w, raddr dict, const char *key);
/* An attribute that an instance has itself, or 0. */
raddr object_attribute(struct walker *w, raddr object, const char *key);

/* ---- values.c ---- */

/* Adds the value of an object as text. */
void value_text(struct walker *w, raddr object,
		const struct value_limits *limits, struct str *out);
/* Whether its type has this name. */
bool value_is(struct walker *w, raddr object, const char *type);

/* ---- locals.c ---- */

void locals_clear(struct locals *l);
void locals_release(struct locals *l);

/* ---- names.c ---- */

void names_release(struct thread_names *names);

/* ---- codes.c, used by others too ---- */

/*
 * Whether an object may be in use: one that was freed has no references, or the
 * allocator's link to another free one in their place, which is more (pymalloc).
 */
bool is_referenced(const struct layout *y, const unsigned char *object,
		   size_t len);
/* Text of a str object, cleaned, at most `limit` bytes; 0 or negative. */
int read_text(struct walker *w, raddr object, size_t limit, struct str *out);

uint64_t field_of(const void *data, size_t len, int32_t off);

#endif
