/*
 * interrupt_priv.h - what the BPF program and its reader agree on.
 */
#ifndef PYSTROBE_INTERRUPT_PRIV_H
#define PYSTROBE_INTERRUPT_PRIV_H

#include "bpf_priv.h"
#include "remote.h"

/* A value of a map that each processor has its own of cannot be longer. */
#define SEEN_BYTES 32768u

/* Whether we know where registers lie in what the kernel keeps of them. */
#ifdef __x86_64__
#define REGS_KNOWN true
#else
#define REGS_KNOWN false
#endif

/* What is told of a thread that is not there itself. */
struct record_head {
	uint64_t when;
	uint32_t tid, kind; /* enum interrupt_kind */
	uint32_t cpu, unused;
};

/* A processor's value: who came there last, and the record to be made. */
struct seen {
	uint64_t came; /* when, */
	uint32_t from; /* after whom: an id, 0 for the idle task */
	uint32_t unused;
	uint64_t took; /* ns that the last copy there kept its thread standing */
	struct record {
		struct record_head head;
		uint64_t came;
		uint32_t from, why;
		uint64_t took; /* by the copy before this one */
		uint64_t call, args[6], first;
		uint64_t next, frame, exc;
		uint64_t facts[INTERRUPT_FACTS];
		unsigned char state[]; /* and then the frames */
	} record;
};

/* The maps, as file descriptors, and whose threads are of interest. */
struct interrupt_maps {
	int seen;    /* one struct seen for each processor */
	int threads; /* id -> thread state */
	int tasks;   /* the kernel's own address of a thread -> id */
	int ring;
	int lost;    /* one number: when there was no room first, or 0 */
	uint64_t ns_dev, ns_ino; /* the namespace of those ids, */
	uint32_t process;        /* and the process there */
};

/* Bytes of the state in a record, and of a frame with its mark. */
size_t interrupt_state_bytes(const struct interrupt_plan *plan);
size_t interrupt_stride(const struct interrupt_plan *plan);

/* The programs, in the order in which they are loaded. */
enum { PROGRAM_TICK, PROGRAM_SWITCH, PROGRAM_WAKE, PROGRAM_EXIT, PROGRAMS };
/* `half`: bytes in the ring from which on it wakes us. */
void interrupt_program(struct bpf_code *c, int program,
		       const struct interrupt_plan *plan,
		       const struct interrupt_maps *maps, int32_t half);

/* ---- making them ---- */

#define SEEN BPF_REG_6 /* struct seen */
#define TID BPF_REG_7
#define ADDR BPF_REG_8 /* the address to follow */
#define AT BPF_REG_9   /* how far into the frames we are */
#define STACK BPF_REG_10
/* These survive calls. Below the stack pointer: */
#define WORD (-8)  /* what is of use for a moment only */
#define TASK (-16) /* a key of `tasks` */
#define IDS (-24)  /* struct bpf_pidns_info, and so a key of `threads` */
#define SHORT (-48) /* struct record_head */
#define BELOW (-80) /* from there on up: of interrupt_copy.c */

#define RECORD ((int)offsetof(struct seen, record))
#define FIELD(name) (RECORD + (int)offsetof(struct record, name))

struct making {
	struct bpf_code *c;
	const struct interrupt_plan *plan;
	const struct interrupt_maps *maps;
	int frames; /* where they begin, in struct seen */
	int32_t half;
	uint32_t exits[8]; /* jumps to the end */
	size_t nexits;
	uint32_t follows[2]; /* where make_read_frame's function is called */
	size_t nfollows;
};

/* Register 0 is the map's value for the key there, or 0. */
void make_look_up(struct bpf_code *c, int map, int key);
/* Reads `len` bytes of the target at register 3 to where `base` + `off` points. */
void make_read(struct bpf_code *c, int base, int off, size_t len);
/* Register 0 is the kernel's copy of the registers that the thread has outside. */
void make_find_regs(struct bpf_code *c);
/*
 * Writes `size` bytes at `base` + `off`, and if `more` as many as AT says; register
 * 4 has the flags.
 */
void make_write(const struct making *m, int base, int off, int size, bool more);
/*
 * Copies the thread with state ADDR, and writes the record, of which the fields
 * before `next` are set. The program ends with it, and make_read_frame has to
 * follow, behind the program.
 */
void make_copy(struct making *m);
void make_read_frame(const struct making *m);

#endif
