/*
 * remote.h - reading another address space. Nothing here can write to it.
 *
 * Backends: a live process (process_vm_readv), and byte ranges in memory
 * (memory images and tests).
 */
#ifndef PYSTROBE_REMOTE_H
#define PYSTROBE_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* An address in the other address space; never a pointer of ours. */
typedef uint64_t raddr;

struct remote;

/* One piece of a batch: `len` bytes at `addr` to `to`; `got` is filled in. */
struct range {
	raddr addr;
	size_t len;
	void *to;
	size_t got;
};

struct remote *remote_new_process(pid_t pid);

/*
 * A space that consists of buffers; they are not copied and must outlive it.
 * remote_add adds one. Ranges must not overlap.
 */
struct remote *remote_new_buffers(void);
void remote_add(struct remote *r, raddr addr, const void *data, size_t len);

/*
 * A space that a function reads: it copies whole ranges in order, at most `n`,
 * and returns how many bytes that were, or -EFAULT for none, like the system
 * call. For tests of memory that changes while it is read.
 */
typedef ssize_t remote_reader(void *arg, const struct range *ranges, size_t n);
struct remote *remote_new_reader(remote_reader *read, void *arg);

void remote_free(struct remote *r);

/* Exactly `len` bytes, or -EFAULT, -ESRCH (gone), -EPERM. */
int remote_read(struct remote *r, raddr addr, void *to, size_t len);

/*
 * All ranges, in order, in as few system calls as the kernel allows: one, if
 * every byte is mapped. A range that is cut by an unmapped page keeps the
 * bytes before it (`got`), and the rest of the batch is still read. Returns 0
 * or -ESRCH / -EPERM when the process cannot be read at all.
 */
int remote_batch(struct remote *r, struct range *ranges, size_t n);

/* System calls made so far, for tests and benchmarks. */
uint64_t remote_calls(const struct remote *r);

/* ---- reading in the interrupt ---- */

/*
 * BPF programs of ours, which run in the kernel where the target's thread stands: in a
 * timer's interrupt on each processor, and where the scheduler takes the thread off
 * one. They copy its stack, so that we need not wake up for it, and tell who is woken.
 * Needs CAP_BPF and CAP_PERFMON (or root), Linux 5.18 with BTF, x86-64.
 */
#define INTERRUPT_FACTS 4

/* What is copied, and how the chain of frames is followed. */
struct interrupt_plan {
	struct { /* the thread state: offsets in it, -1: there is none */
		int32_t from, to;    /* what is copied of it */
		int32_t head;        /* pointer to the innermost frame, */
		int32_t head_behind; /* or to what has that at this offset */
		int32_t base;        /* pointer to where the chain ends */
		int32_t exc;         /* pointer to the first of the items below */
	} state;
	struct { /* a list, in which the first value that is none of these counts */
		int32_t value, previous;
		raddr none; /* or 0 */
	} exc;
	struct {
		size_t len;
		int32_t previous, code;
		bool tagged; /* the low two bits of `code` say something else */
	} frame;
	/*
	 * A generator's frame that goes back to nothing has given up its place
	 * to a frame that only registers point to: the one whose code is an
	 * object of that type, if there is one.
	 */
	struct {
		raddr type; /* 0: none is looked for */
		int32_t at; /* where an object has its type */
		int32_t owner; /* a byte of a frame, which is `generator` */
		uint8_t generator;
	} yield;
	struct { /* what tells a code object from another one at its address: */
		int32_t word;    /* four bytes of it, */
		int32_t pointer; /* and four behind what this points to; -1 */
		int32_t behind;
	} mark;
	struct {
		raddr addr;
		size_t len; /* at most 8; 0: not used */
	} facts[INTERRUPT_FACTS];
};

enum interrupt_kind {
	INTERRUPT_TICK,     /* the timer: the thread is on a processor */
	INTERRUPT_LEAVES,   /* it leaves that */
	INTERRUPT_WOKEN,    /* it may run again: it waits for one */
	INTERRUPT_ENDED,    /* it is ending */
	INTERRUPT_STRANGER, /* nothing was told of it, which is told once */
};

/* What was seen. Pointers are valid until the next one is asked for. */
struct interrupt {
	uint64_t at;   /* monotonic, ns */
	/*
	 * The same, as if its processor had begun the ticks when all others did:
	 * what was first, and what comes next, is of that processor's own time.
	 */
	uint64_t when;
	uint32_t tid; /* as the target knows it */
	enum interrupt_kind kind;
	/* Of the first two kinds: */
	uint64_t came;  /* when it came there, like `when`; 0: before we began */
	bool from_idle; /* nothing else was there then */
	uint64_t took_ns; /* that the one before stood there, to be copied */
	raddr next; /* the frame behind the last one; 0 or the base: it is whole */
	bool cut;   /* there would be no room for that one */
	raddr head;
	raddr exc; /* that value, 0 or `none`; 0 where there is no list */
	uint64_t facts[INTERRUPT_FACTS];
	const unsigned char *state;
	const unsigned char *frames; /* n of them, each followed by its mark */
	size_t n, stride;
	/* Of INTERRUPT_LEAVES: */
	uint32_t why;    /* the kernel's state of it; 0: it would go on */
	int64_t call;    /* system call that it is in; -1: none */
	uint64_t args[6];
	uint64_t first;  /* the eight bytes that args[0] points to, if it does */
};

struct interrupts;

/*
 * `pid` is ours, `inside` that of the same process in its own namespace. There are
 * no ticks before interrupts_every. -EPERM, -ENOSYS and others when it cannot be.
 */
int interrupts_new(struct interrupts **out, pid_t pid, uint32_t inside,
		   const struct interrupt_plan *plan);
void interrupts_free(struct interrupts *in);
/* A thread, by its id inside, and its thread state; 0: it is not to be read. */
int interrupts_tell(struct interrupts *in, uint32_t tid, raddr tstate);
void interrupts_forget(struct interrupts *in, uint32_t tid);
/*
 * From now on there is a tick each period, the first one after one. *since is when it
 * was that, and processors begin up to half of *spread (ns) before or after it.
 * -ETIME: there are so many that this would be more than 0.1 ms and a fifth of a
 * period. -ENODEV: there are more than there were.
 */
int interrupts_every(struct interrupts *in, uint64_t period_ns, uint64_t *since,
		     uint64_t *spread);
/*
 * Can be read when a stranger was seen, or much is waiting; interrupts_heard says
 * that this is known.
 */
int interrupts_fd(const struct interrupts *in);
void interrupts_heard(struct interrupts *in);
/*
 * The next one with `when` before `until`, in the order of time for each thread; false when
 * there is none. interrupts_done gives its memory back, and that of all before it.
 */
bool interrupts_next(struct interrupts *in, uint64_t until,
		     struct interrupt *out);
void interrupts_done(struct interrupts *in);
/* Since when some were not told, since there was no room (0: none were); once. */
uint64_t interrupts_lost(struct interrupts *in);

#endif
