/*
 * walk_priv.h - the inside of walk: pieces of remote memory in two copies,
 * one slot per thread that was seen, the cache of code objects.
 */
#ifndef PYSTROBE_WALK_PRIV_H
#define PYSTROBE_WALK_PRIV_H

#include "base.h"
#include "cpython.h"
#include "walk.h"

#define CHUNKS_MAX 1024u           /* data stack chunks of one thread */
#define CHUNK_BYTES_MAX (16u << 20) /* of one chunk */
#define CHUNK_GUESS 16384u         /* _PY_DATA_STACK_CHUNK_SIZE */
#define DEPENDENT_READS_MAX 20000u /* reads one after the other, a try */

/* Bytes [from, to) of a structure. */
struct span {
	int32_t from, to;
};

/*
 * One range of the target, read up to twice in a snapshot: `copy[0]` before
 * the frames, `copy[1]` after them. got is 0 when not read in this try.
 */
struct piece {
	raddr addr;
	size_t len, cap;
	size_t got[2];
	unsigned char *copy[2];
};

void piece_release(struct piece *p);
/* Makes it stand for other bytes; nothing is read yet. */
void piece_aim(struct piece *p, raddr addr, size_t len);
/* Whether copy `n` has all the bytes. */
bool piece_whole(const struct piece *p, int n);

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
/* Reads and empties the batch. */
int batch_read(struct batch *b, struct remote *r);

/* A frame of the chain, leaf first. */
struct link {
	raddr addr, previous, code;
	uint64_t position; /* f_lasti or the instruction's address */
	uint8_t owner;     /* chunk frames */
	bool entry;        /* an entry frame: no Python code of its own */
	int32_t chunk;     /* index of its chunk, -1: a piece of its own */
	uint32_t piece;    /* index in slot->frames */
	uint32_t info;     /* code cache, once accepted */
};

/* A thread state that was seen, and the prediction for the next time. */
struct slot {
	raddr tstate;
	uint32_t interp;
	uint64_t seen;   /* snapshot number */
	uint64_t listed; /* number of the list that named it last */
	struct piece state, cframe;
	struct piece *chunks, *frames, *idents; /* idents: of code objects */
	size_t nchunks, cap_chunks, nframes, cap_frames, nidents, cap_idents;
	size_t wanted; /* chunks at the front that are in use */
	struct link *links;
	size_t nlinks, cap_links;
	bool missed;   /* something was not predicted in this try */
	raddr cleared; /* a leaf on a chunk that was being cleared: left out */
	unsigned reads;
};

struct interp {
	raddr addr;
	raddr gil; /* its GIL struct, 3.12+ */
	raddr active; /* dict of threading's threads, once found */
	uint64_t seen;
	struct piece span, gil_piece;
};

/* Code objects by address. An entry is re-read when it is another one now. */
struct code_entry {
	struct walk_code pub;
	raddr addr;
	uint64_t checked; /* number of the try that saw it to be the same */
	uint32_t frame_bytes; /* 3.11+ */
	uint32_t traceable;   /* bytes before the first traceable one, 3.11+ */
	uint32_t code_bytes;
	int32_t adaptive;
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
	struct map by_addr;
	uint32_t serial;
	uint64_t tries; /* number of the present try */
};

struct walker {
	struct remote *remote;
	struct layout layout;
	struct entry_points entry;
	uint32_t pid;
	uint64_t number; /* of the snapshot */
	uint64_t lists;  /* lists of threads followed so far */
	int32_t tid_at;  /* in struct pthread; -1 unknown, -2 not found */

	struct span runtime_span, interp_span, thread_span;
	struct piece runtime, current, collecting;
	struct interp *interps;
	size_t ninterps, cap_interps;
	struct slot **slots;
	size_t nslots, cap_slots;
	struct map slot_of; /* tstate -> index */

	struct batch batch;
	struct codes codes;
	struct walk_thread *threads;
	struct walk_frame *frames;
	size_t nthreads, cap_threads, nframes, cap_frames;
	uint64_t tries;
};

/* ---- collect.c ---- */

void slot_release(struct slot *s);
/* Adds all that is predicted for the slot, both copies around the frames. */
void slot_predict(struct walker *w, struct slot *s);
/*
 * Follows the chain through what was read, reads what was not predicted,
 * makes sure of the code objects, and closes with second copies: a frame that
 * is the same before and after kept its code alive in between. An enum loss,
 * or a negative errno.
 */
int slot_trace(struct walker *w, struct slot *s);
/* Copy `n` of a link's frame; *len is how much of it there is. */
const unsigned char *link_bytes(const struct slot *s, const struct link *l,
				int n, size_t *len);
uint64_t slot_field(const struct walker *w, const struct slot *s, int copy,
		    int32_t field);

/* ---- accept.c ---- */

int slot_accept(struct walker *w, struct slot *s);

/* ---- codes.c ---- */

void codes_release(struct codes *c);
/*
 * Makes sure that every code of the links is known and is the same as when it
 * was read, and fills link.info; what is not seen from the idents that were
 * predicted is read now (slot->missed). An enum loss, or a negative errno.
 */
int codes_resolve(struct walker *w, struct slot *s);
/* Makes the codes of the links the prediction for the next time. */
void codes_predict(struct walker *w, struct slot *s);
/* Forgets all when they are too many; between snapshots only. */
void codes_trim(struct walker *w);

/* ---- names.c, used by check.c and codes.c too ---- */

/* Text of a str object, cleaned, at most `limit` bytes; 0 or negative. */
int read_text(struct walker *w, raddr object, size_t limit, struct str *out);

uint64_t field_of(const void *data, size_t len, int32_t off);

#endif
