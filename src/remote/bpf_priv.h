/*
 * bpf_priv.h - making a BPF program, instruction by instruction, and loading it.
 * Registers and sizes (BPF_W, BPF_DW) are those of <linux/bpf.h>; what each
 * instruction does is in the kernel's Documentation/bpf/standardization.
 */
#ifndef PYSTROBE_BPF_PRIV_H
#define PYSTROBE_BPF_PRIV_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>

#define BPF_CODE_MAX 1024u

struct bpf_code {
	struct bpf_insn at[BPF_CODE_MAX];
	uint32_t len;
	uint32_t called; /* where a function begins that the kernel calls; 0 */
	bool overflow;   /* it is not to be loaded */
};

/* File descriptors, or a negative errno. */
int bpf_map(uint32_t type, uint32_t key, uint32_t value, uint32_t entries,
	    uint32_t flags);
/* `type` of <linux/bpf.h>. */
int bpf_load(const struct bpf_code *c, uint32_t type);
/* A program of type RAW_TRACEPOINT is called there, until this is closed. */
int bpf_attach(int program, const char *tracepoint);
int bpf_map_put(int map, const void *key, const void *value);
int bpf_map_delete(int map, const void *key);

void bpf_set(struct bpf_code *c, int to, int32_t value);
void bpf_set_wide(struct bpf_code *c, int to, uint64_t value);
void bpf_set_map(struct bpf_code *c, int to, int map);
void bpf_copy(struct bpf_code *c, int to, int from);
void bpf_add(struct bpf_code *c, int to, int32_t value);
void bpf_add_reg(struct bpf_code *c, int to, int from);
void bpf_multiply(struct bpf_code *c, int to, int32_t value);
void bpf_and(struct bpf_code *c, int to, int32_t value);
void bpf_get(struct bpf_code *c, int size, int to, int from, int off);
void bpf_store(struct bpf_code *c, int size, int to, int off, int from);
void bpf_store_value(struct bpf_code *c, int size, int to, int off,
		     int32_t value);
void bpf_call(struct bpf_code *c, int32_t helper);
/* From the program, or from the function below. */
void bpf_return(struct bpf_code *c, int32_t value);
/*
 * Its address, for the helper that calls it; there is one such function, behind
 * the program, which begins where bpf_begin_called says.
 */
uint32_t bpf_set_called(struct bpf_code *c, int to);
void bpf_begin_called(struct bpf_code *c, uint32_t set);
/* A jump (BPF_JEQ, ...) to where bpf_land says: its number. */
uint32_t bpf_jump(struct bpf_code *c, int op, int a, int32_t value);
uint32_t bpf_jump_reg(struct bpf_code *c, int op, int a, int b);
void bpf_land(struct bpf_code *c, uint32_t jump);

#endif
