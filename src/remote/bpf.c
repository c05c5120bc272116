/*
 * BPF instructions, and the system calls for programs and maps. The programs are
 * made here, from the layout of the interpreter at hand, so that neither building
 * nor running needs a compiler for them.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf_priv.h"

enum { TYPE_INT = 1, TYPE_PROTO, TYPE_PROGRAM, TYPE_CALLED };

static int bpf(int command, union bpf_attr *attr)
{
	long ret = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return ret < 0 ? -errno : (int)ret;
}

int bpf_map(uint32_t type, uint32_t key, uint32_t value, uint32_t entries,
	    uint32_t flags)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.map_type = type;
	a.key_size = key;
	a.value_size = value;
	a.max_entries = entries;
	a.map_flags = flags;
	return bpf(BPF_MAP_CREATE, &a);
}

static int change(int command, int map, const void *key, const void *value)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.map_fd = (uint32_t)map;
	a.key = (uintptr_t)key;
	a.value = (uintptr_t)value;
	return bpf(command, &a);
}

int bpf_map_put(int map, const void *key, const void *value)
{
	return change(BPF_MAP_UPDATE_ELEM, map, key, value);
}

int bpf_map_delete(int map, const void *key)
{
	return change(BPF_MAP_DELETE_ELEM, map, key, NULL);
}

/*
 * The kernel wants a function that it calls itself to have a type, in BTF
 * (Documentation/bpf/btf.rst): "int f()", for the program and for that one.
 */
static int load_types(void)
{
	static const struct {
		struct btf_header header;
		struct btf_type number;
		uint32_t encoding;
		struct btf_type proto, program, called;
		char names[7]; /* of 0, 1 and 5 */
	} types = {
		.header = {.magic = BTF_MAGIC,
			   .version = BTF_VERSION,
			   .hdr_len = sizeof(struct btf_header),
			   .type_len = 4 * sizeof(struct btf_type) + 4,
			   .str_off = 4 * sizeof(struct btf_type) + 4,
			   .str_len = 7},
		.number = {.name_off = 1, .info = BTF_KIND_INT << 24, .size = 4},
		.encoding = BTF_INT_SIGNED << 24 | 32,
		.proto = {.info = BTF_KIND_FUNC_PROTO << 24, .type = TYPE_INT},
		.program = {.name_off = 5,
			    .info = BTF_KIND_FUNC << 24 | BTF_FUNC_GLOBAL,
			    .type = TYPE_PROTO},
		.called = {.name_off = 5,
			   .info = BTF_KIND_FUNC << 24 | BTF_FUNC_STATIC,
			   .type = TYPE_PROTO},
		.names = "\0int\0f",
	};
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.btf = (uintptr_t)&types;
	a.btf_size = (uint32_t)sizeof(types.header) + types.header.type_len +
		     types.header.str_len;
	return bpf(BPF_BTF_LOAD, &a);
}

int bpf_load(const struct bpf_code *c, uint32_t type)
{
	const struct bpf_func_info functions[] = {
		{.insn_off = 0, .type_id = TYPE_PROGRAM},
		{.insn_off = c->called, .type_id = TYPE_CALLED},
	};
	union bpf_attr a;
	int types, ret;

	if (c->overflow)
		return -E2BIG;
	types = load_types();
	if (types < 0)
		return types;
	memset(&a, 0, sizeof(a));
	a.prog_type = type;
	a.insns = (uintptr_t)c->at;
	a.insn_cnt = c->len;
	/* What reads memory is for programs that say this only. */
	a.license = (uintptr_t)"Dual MIT/GPL";
	a.prog_btf_fd = (uint32_t)types;
	a.func_info = (uintptr_t)functions;
	a.func_info_rec_size = sizeof(functions[0]);
	a.func_info_cnt = c->called ? 2 : 1;
	ret = bpf(BPF_PROG_LOAD, &a);
	close(types);
	/* The kernel says so, too, of a program that it finds wrong. */
	return ret == -EACCES ? -ENOEXEC : ret;
}

int bpf_attach(int program, const char *tracepoint)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.raw_tracepoint.name = (uintptr_t)tracepoint;
	a.raw_tracepoint.prog_fd = (uint32_t)program;
	return bpf(BPF_RAW_TRACEPOINT_OPEN, &a);
}

static void put(struct bpf_code *c, uint8_t op, int to, int from, int off,
		int32_t value)
{
	if (c->len == BPF_CODE_MAX || off != (int16_t)off) {
		c->overflow = true;
		return;
	}
	c->at[c->len++] = (struct bpf_insn){.code = op,
					    .dst_reg = (unsigned)to & 15u,
					    .src_reg = (unsigned)from & 15u,
					    .off = (int16_t)off,
					    .imm = value};
}

void bpf_set(struct bpf_code *c, int to, int32_t value)
{
	put(c, BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}

void bpf_copy(struct bpf_code *c, int to, int from)
{
	put(c, BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

void bpf_add(struct bpf_code *c, int to, int32_t value)
{
	put(c, BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value);
}

void bpf_add_reg(struct bpf_code *c, int to, int from)
{
	put(c, BPF_ALU64 | BPF_ADD | BPF_X, to, from, 0, 0);
}

void bpf_multiply(struct bpf_code *c, int to, int32_t value)
{
	put(c, BPF_ALU64 | BPF_MUL | BPF_K, to, 0, 0, value);
}

void bpf_and(struct bpf_code *c, int to, int32_t value)
{
	put(c, BPF_ALU64 | BPF_AND | BPF_K, to, 0, 0, value);
}

void bpf_set_wide(struct bpf_code *c, int to, uint64_t value)
{
	put(c, BPF_LD | BPF_IMM | BPF_DW, to, 0, 0, (int32_t)value);
	put(c, 0, 0, 0, 0, (int32_t)(value >> 32));
}

void bpf_set_map(struct bpf_code *c, int to, int map)
{
	put(c, BPF_LD | BPF_IMM | BPF_DW, to, BPF_PSEUDO_MAP_FD, 0, map);
	put(c, 0, 0, 0, 0, 0);
}

uint32_t bpf_set_called(struct bpf_code *c, int to)
{
	put(c, BPF_LD | BPF_IMM | BPF_DW, to, BPF_PSEUDO_FUNC, 0, 0);
	put(c, 0, 0, 0, 0, 0);
	return c->len - 2;
}

void bpf_begin_called(struct bpf_code *c, uint32_t set)
{
	c->called = c->len;
	c->at[set].imm = (int32_t)c->len - (int32_t)set - 1;
}

void bpf_get(struct bpf_code *c, int size, int to, int from, int off)
{
	put(c, (uint8_t)(BPF_LDX | BPF_MEM | size), to, from, off, 0);
}

void bpf_store(struct bpf_code *c, int size, int to, int off, int from)
{
	put(c, (uint8_t)(BPF_STX | BPF_MEM | size), to, from, off, 0);
}

void bpf_store_value(struct bpf_code *c, int size, int to, int off,
		     int32_t value)
{
	put(c, (uint8_t)(BPF_ST | BPF_MEM | size), to, 0, off, value);
}

void bpf_call(struct bpf_code *c, int32_t helper)
{
	put(c, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

void bpf_return(struct bpf_code *c, int32_t value)
{
	bpf_set(c, BPF_REG_0, value);
	put(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

uint32_t bpf_jump(struct bpf_code *c, int op, int a, int32_t value)
{
	put(c, (uint8_t)(BPF_JMP | op | BPF_K), a, 0, 0, value);
	return c->len - 1;
}

uint32_t bpf_jump_reg(struct bpf_code *c, int op, int a, int b)
{
	put(c, (uint8_t)(BPF_JMP | op | BPF_X), a, b, 0, 0);
	return c->len - 1;
}

void bpf_land(struct bpf_code *c, uint32_t jump)
{
	int32_t off = (int32_t)c->len - (int32_t)jump - 1;

	if (jump < c->len)
		c->at[jump].off = (int16_t)off;
}
