/*
 * remote: what the programs in the kernel may do. Whether it takes them, and what
 * they do, is in test_remote_interrupt.c and test_remote_switch.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/remote/interrupt_priv.h"

#define HELPERS 256

enum { SEEN_MAP = 11, THREADS, TASKS, RING, LOST };

static const struct interrupt_maps maps = {
	.seen = SEEN_MAP,
	.threads = THREADS,
	.tasks = TASKS,
	.ring = RING,
	.lost = LOST,
	.ns_dev = 4,
	.ns_ino = 0xf0000001,
	.process = 4711,
};

/* None of these writes to a process, and a map must be one of these. */
static const struct helper {
	int32_t number;
	int maps[5];
} harmless[] = {
	{BPF_FUNC_map_lookup_elem, {SEEN_MAP, THREADS, TASKS, LOST}},
	{BPF_FUNC_map_update_elem, {THREADS, TASKS}},
	{BPF_FUNC_map_delete_elem, {THREADS, TASKS}},
	{BPF_FUNC_ringbuf_output, {RING}},
	{BPF_FUNC_ringbuf_query, {RING}},
	{.number = BPF_FUNC_ktime_get_ns},
	{.number = BPF_FUNC_get_ns_current_pid_tgid},
	{.number = BPF_FUNC_get_current_pid_tgid},
	{.number = BPF_FUNC_get_current_task},
	{.number = BPF_FUNC_get_current_task_btf},
	{.number = BPF_FUNC_task_pt_regs},
	{.number = BPF_FUNC_get_smp_processor_id},
	{.number = BPF_FUNC_probe_read_user},
	{.number = BPF_FUNC_loop}, /* of the function behind the program */
};

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

/* What is the last, in the order of the program, that sets a register. */
static const struct bpf_insn *set_before(const struct bpf_code *c, uint32_t at,
					 unsigned reg)
{
	while (at--)
		if (c->at[at].dst_reg == reg &&
		    BPF_CLASS(c->at[at].code) != BPF_STX &&
		    BPF_CLASS(c->at[at].code) != BPF_ST &&
		    !is_jump(&c->at[at]) && c->at[at].code)
			return &c->at[at];
	return NULL;
}

/* It is that of register 1. */
static void check_map(const struct bpf_code *c, uint32_t at,
		      const struct helper *h)
{
	const struct bpf_insn *set = set_before(c, at, BPF_REG_1);
	size_t i;

	assert_non_null(set);
	assert_true(is_wide(set));
	assert_int_equal(set->src_reg, BPF_PSEUDO_MAP_FD);
	for (i = 0; h->maps[i]; i++)
		if (set->imm == h->maps[i])
			return;
	fail_msg("helper %d has map %d", h->number, set->imm);
}

static void check_call(const struct bpf_code *c, uint32_t at)
{
	const struct bpf_insn *call = &c->at[at];
	size_t i;

	assert_int_equal(call->src_reg, 0); /* it is a helper */
	for (i = 0; i < sizeof(harmless) / sizeof(*harmless); i++) {
		if (call->imm != harmless[i].number)
			continue;
		if (harmless[i].maps[0])
			check_map(c, at, &harmless[i]);
		return;
	}
	fail_msg("helper %d is called", call->imm);
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

/* How often each helper is called, and how often a function's address is taken. */
struct counts {
	unsigned of[HELPERS], functions;
};

static void check_instruction(const struct bpf_code *c, uint32_t i,
			      const bool *begins, struct counts *n)
{
	const struct bpf_insn *at = &c->at[i];

	if (at->code == (BPF_JMP | BPF_CALL)) {
		check_call(c, i);
		assert_in_range(at->imm, 1, HELPERS - 1);
		n->of[at->imm]++;
	} else if (is_jump(at)) {
		check_jump(c, i, begins);
	} else if (is_wide(at) && at->src_reg == BPF_PSEUDO_FUNC) {
		assert_int_equal(i + 1 + (uint32_t)at->imm, c->called);
		n->functions++;
	}
}

static void check_code(const struct bpf_code *c, struct counts *n)
{
	bool begins[BPF_CODE_MAX] = {false};
	uint32_t i;

	memset(n, 0, sizeof(*n));
	assert_false(c->overflow);
	assert_in_range(c->len, 1, BPF_CODE_MAX);
	for (i = 0; i < c->len; i += is_wide(&c->at[i]) ? 2 : 1)
		begins[i] = true;
	assert_int_equal(i, c->len);
	for (i = 0; i < c->len; i++)
		if (begins[i])
			check_instruction(c, i, begins, n);
	assert_true(is_exit(&c->at[c->len - 1]));
}

/* It copies a stack, with a function behind it, which is named once. */
static void check_copies(const struct bpf_code *c, const struct counts *n)
{
	assert_int_equal(n->functions, 1);
	assert_int_equal(n->of[BPF_FUNC_loop], 1);
	assert_in_range(c->called, 1, c->len - 1);
	assert_true(is_exit(&c->at[c->called - 1]));
	assert_true(n->of[BPF_FUNC_probe_read_user] > 1);
	assert_int_equal(n->of[BPF_FUNC_get_ns_current_pid_tgid], 1);
	assert_int_equal(n->of[BPF_FUNC_ringbuf_output], 2); /* or a stranger */
}

/* Who is there may be another process, as of which nothing is read. */
static void check_tells(const struct bpf_code *c, const struct counts *n)
{
	assert_int_equal(n->functions, 0);
	assert_int_equal(n->of[BPF_FUNC_loop], 0);
	assert_int_equal(c->called, 0);
	assert_int_equal(n->of[BPF_FUNC_probe_read_user], 0);
	assert_int_equal(n->of[BPF_FUNC_task_pt_regs], 0);
	assert_int_equal(n->of[BPF_FUNC_ringbuf_output], 1);
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

static void make(struct bpf_code *c, int program, unsigned plan,
		 struct counts *n)
{
	struct interrupt_plan p = made_up(plan);

	memset(c, 0, sizeof(*c));
	interrupt_program(c, program, &p, &maps, 1000);
	check_code(c, n);
}

static void check_program(int program,
			  void (*check)(const struct bpf_code *,
					const struct counts *))
{
	struct counts n;
	struct bpf_code c;
	unsigned i;

	for (i = 0; i < 512; i++) {
		make(&c, program, i, &n);
		check(&c, &n);
	}
}

static void tick_only_reads(void **state)
{
	(void)state;
	check_program(PROGRAM_TICK, check_copies);
}

static void switch_only_reads(void **state)
{
	(void)state;
	check_program(PROGRAM_SWITCH, check_copies);
}

static void check_wake(const struct bpf_code *c, const struct counts *n)
{
	check_tells(c, n);
	assert_int_equal(n->of[BPF_FUNC_get_ns_current_pid_tgid], 0);
	assert_int_equal(n->of[BPF_FUNC_get_current_task], 0);
}

/* Nothing is said of who wakes it. */
static void wake_does_not_look_at_who_is_there(void **state)
{
	(void)state;
	check_program(PROGRAM_WAKE, check_wake);
}

static void exit_reads_nothing(void **state)
{
	(void)state;
	check_program(PROGRAM_EXIT, check_tells);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tick_only_reads),
		cmocka_unit_test(switch_only_reads),
		cmocka_unit_test(wake_does_not_look_at_who_is_there),
		cmocka_unit_test(exit_reads_nothing),
	};

	return cmocka_run_group_tests_name("remote_program", tests, NULL, NULL);
}
