/*
 * interrupt_priv.h - what the BPF program and its reader agree on.
 */
#ifndef PYSTROBE_INTERRUPT_PRIV_H
#define PYSTROBE_INTERRUPT_PRIV_H

#include "bpf_priv.h"
#include "remote.h"

/* A value of a map that each processor has its own of cannot be longer. */
#define SEEN_BYTES 32768u

/* That value: what the processor had the last time, and the record to be made. */
struct seen {
	uint32_t tid;
	uint32_t unused;
	struct record {
		uint64_t when;
		uint32_t tid, known;
		uint64_t next, head, exc;
		uint64_t facts[INTERRUPT_FACTS];
		unsigned char state[]; /* and then the frames */
	} record;
};

/* The maps, as file descriptors, and whose threads are of interest. */
struct interrupt_maps {
	int seen;    /* one struct seen for each processor */
	int threads; /* id -> thread state */
	int ring;
	uint64_t ns_dev, ns_ino; /* the namespace of those ids, */
	uint32_t process;        /* and the process there */
};

/* Bytes of the state in a record, and of a frame with its mark. */
size_t interrupt_state_bytes(const struct interrupt_plan *plan);
size_t interrupt_stride(const struct interrupt_plan *plan);

/* The program. `half`: bytes in the ring from which on it wakes us. */
void interrupt_program(struct bpf_code *c, const struct interrupt_plan *plan,
		       const struct interrupt_maps *maps, int32_t half);

#endif
