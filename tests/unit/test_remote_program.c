/*
 * remote: what the program in the interrupt may do. Whether the kernel takes it,
 * and what it does, is in test_remote_interrupt.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/remote/interrupt_priv.h"

static void check_call(const struct bpf_insn *at)
{
	static const int32_t harmless[] = {
		BPF_FUNC_map_lookup_elem,
		BPF_FUNC_ktime_get_ns,
		BPF_FUNC_probe_read_user,
		BPF_FUNC_get_ns_current_pid_tgid,
		BPF_FUNC_ringbuf_output,
		BPF_FUNC_ringbuf_query,
		BPF_FUNC_loop, /* of the function behind the program */
	};
	size_t i;

	assert_int_equal(at->src_reg, 0); /* it is a helper */
	for (i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		if (at->imm == harmless[i])
			return;
	fail_msg("helper %d is called", at->imm);
}

static bool is_wide(const struct bpf_insn *at)
{
	return at->code == (BPF_LD | BPF_IMM | BPF_DW);
}

static bool is_exit(const struct bpf_insn *at)
{
	return at->code == (BPF_JMP | BPF_EXIT);
}

static bool is_jump(const struct bpf_insn *at)
{
	int kind = BPF_CLASS(at->code), op = BPF_OP(at->code);

	return (kind == BPF_JMP || kind == BPF_JMP32) && op != BPF_CALL &&
	       op != BPF_EXIT;
}

/* Forwards, to where an instruction begins, and not into the other function. */
static void check_jump(const struct bpf_code *c, uint32_t at,
		       const bool *begins)
{
	uint32_t end = at < c->called ? c->called : c->len;
	int64_t to = (int64_t)at + 1 + c->at[at].off;

	assert_true(to > at && to < end);
	assert_true(begins[to]);
}

/* The program, and behind it a function, of which the address is taken once. */
static void check_program(const struct bpf_code *c)
{
	bool begins[BPF_CODE_MAX] = {false};
	unsigned calls = 0, functions = 0;
	const struct bpf_insn *at;
	uint32_t i;

	assert_false(c->overflow);
	assert_in_range(c->len, 1, BPF_CODE_MAX);
	for (i = 0; i < c->len; i += is_wide(&c->at[i]) ? 2 : 1)
		begins[i] = true;
	assert_int_equal(i, c->len);
	for (i = 0; i < c->len; i++) {
		at = &c->at[i];
		if (!begins[i])
			continue;
		if (at->code == (BPF_JMP | BPF_CALL)) {
			check_call(at);
			calls++;
		} else if (is_jump(at)) {
			check_jump(c, i, begins);
		} else if (is_wide(at) && at->src_reg == BPF_PSEUDO_FUNC) {
			assert_int_equal(i + 1 + (uint32_t)at->imm, c->called);
			functions++;
		}
	}
	assert_true(calls > 6);
	assert_int_equal(functions, 1);
	assert_in_range(c->called, 1, c->len - 1);
	assert_true(is_exit(&c->at[c->called - 1]));
	assert_true(is_exit(&c->at[c->len - 1]));
}

static struct interrupt_plan made_up(unsigned i)
{
	struct interrupt_plan p = {
		.state = {.from = 8,
			  .to = i & 1 ? 1000 : 44,
			  .head = 16,
			  .head_behind = i & 2 ? 8 : -1,
			  .base = i & 4 ? 24 : -1,
			  .exc = i & 8 ? 32 : -1},
		.exc = {.value = 8, .none = i & 16 ? 0x7f0012345678 : 0},
		.frame = {.len = i & 32 ? 500 : 28,
			  .previous = 8,
			  .code = 16,
			  .tagged = i & 64},
		.mark = {.word = 16, .pointer = i & 128 ? 24 : -1, .behind = 8},
	};
	size_t j;

	for (j = 0; i & 256 && j < INTERRUPT_FACTS; j++) {
		p.facts[j].addr = 0x7f0087654320 + j;
		p.facts[j].len = 4 + j;
	}
	return p;
}

static void calls_no_helper_that_writes(void **state)
{
	const struct interrupt_maps maps = {
		.seen = 11,
		.threads = 12,
		.ring = 13,
		.ns_dev = 4,
		.ns_ino = 0xf0000001,
		.process = 4711,
	};
	struct interrupt_plan p;
	struct bpf_code c;
	unsigned i;

	(void)state;
	for (i = 0; i < 512; i++) {
		p = made_up(i);
		memset(&c, 0, sizeof(c));
		interrupt_program(&c, &p, &maps, 1000);
		check_program(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_no_helper_that_writes),
	};

	return cmocka_run_group_tests_name("remote_program", tests, NULL, NULL);
}
