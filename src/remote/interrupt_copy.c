/*
 * Copying a thread that stands where the program runs: its state, the frames one by
 * one along their links, and a mark of each code object.
 */
#include <stddef.h>

#include "interrupt_priv.h"

#define EXCEPTIONS_MAX 8

/* Where struct pt_regs of x86-64 has what a compiler keeps an address in. */
static const int16_t regs_of_program[] = {40, 32, 24, 16, 8,  0,  80, 88,
					  96, 104, 112, 72, 64, 56, 48};
#define REGS_OF_PROGRAM (sizeof(regs_of_program) / sizeof(*regs_of_program))

size_t interrupt_state_bytes(const struct interrupt_plan *plan)
{
	return ((size_t)(plan->state.to - plan->state.from) + 7) / 8 * 8;
}

size_t interrupt_stride(const struct interrupt_plan *plan)
{
	return (plan->frame.len + 7) / 8 * 8 + 8;
}

void make_read(struct bpf_code *c, int base, int off, size_t len)
{
	bpf_copy(c, BPF_REG_1, base);
	bpf_add(c, BPF_REG_1, off);
	bpf_set(c, BPF_REG_2, (int32_t)len);
	bpf_call(c, BPF_FUNC_probe_read_user);
}

void make_look_up(struct bpf_code *c, int map, int key)
{
	bpf_set_map(c, BPF_REG_1, map);
	bpf_copy(c, BPF_REG_2, STACK);
	bpf_add(c, BPF_REG_2, key);
	bpf_call(c, BPF_FUNC_map_lookup_elem);
}

void make_find_regs(struct bpf_code *c)
{
	bpf_call(c, BPF_FUNC_get_current_task_btf);
	bpf_copy(c, BPF_REG_1, BPF_REG_0);
	bpf_call(c, BPF_FUNC_task_pt_regs);
}

/* What there is no room for is not told; since when is. */
static void note_lost(const struct making *m)
{
	struct bpf_code *c = m->c;
	uint32_t known, none;

	bpf_store_value(c, BPF_W, STACK, WORD, 0);
	make_look_up(c, m->maps->lost, WORD);
	none = bpf_jump(c, BPF_JEQ, BPF_REG_0, 0);
	bpf_get(c, BPF_DW, BPF_REG_1, BPF_REG_0, 0);
	known = bpf_jump(c, BPF_JNE, BPF_REG_1, 0);
	bpf_copy(c, TID, BPF_REG_0);
	bpf_call(c, BPF_FUNC_ktime_get_ns);
	bpf_store(c, BPF_DW, TID, 0, BPF_REG_0);
	bpf_land(c, none);
	bpf_land(c, known);
}

void make_write(const struct making *m, int base, int off, int size, bool more)
{
	struct bpf_code *c = m->c;
	uint32_t written;

	bpf_set_map(c, BPF_REG_1, m->maps->ring);
	bpf_copy(c, BPF_REG_2, base);
	bpf_add(c, BPF_REG_2, off);
	bpf_set(c, BPF_REG_3, size);
	if (more)
		bpf_add_reg(c, BPF_REG_3, AT);
	bpf_call(c, BPF_FUNC_ringbuf_output);
	written = bpf_jump(c, BPF_JEQ, BPF_REG_0, 0);
	note_lost(m);
	bpf_land(c, written);
}

static int in_state(const struct making *m, int32_t field)
{
	return FIELD(state) + field - m->plan->state.from;
}

/* ADDR becomes the innermost frame, or 0. */
static void find_head(const struct making *m)
{
	const struct interrupt_plan *p = m->plan;
	struct bpf_code *c = m->c;
	uint32_t failed;

	bpf_get(c, BPF_DW, ADDR, SEEN, in_state(m, p->state.head));
	failed = bpf_jump(c, BPF_JEQ, ADDR, 0);
	if (p->state.head_behind >= 0) {
		bpf_copy(c, BPF_REG_3, ADDR);
		bpf_add(c, BPF_REG_3, p->state.head_behind);
		make_read(c, STACK, WORD, 8);
		/* What cannot be read is 0. */
		bpf_get(c, BPF_DW, ADDR, STACK, WORD);
	}
	bpf_land(c, failed);
	bpf_store(c, BPF_DW, SEEN, FIELD(frame), ADDR);
}

static void read_facts(const struct making *m)
{
	const struct interrupt_plan *p = m->plan;
	struct bpf_code *c = m->c;
	size_t i;
	int off;

	for (i = 0; i < INTERRUPT_FACTS; i++) {
		off = FIELD(facts) + 8 * (int)i;
		bpf_store_value(c, BPF_DW, SEEN, off, 0);
		if (!p->facts[i].len)
			continue;
		bpf_set_wide(c, BPF_REG_3, p->facts[i].addr);
		make_read(c, SEEN, off, p->facts[i].len);
	}
}

/* AT goes through the list of exceptions that are handled. */
static void find_exception(const struct making *m)
{
	const struct interrupt_plan *p = m->plan;
	struct bpf_code *c = m->c;
	uint32_t ends[2 * EXCEPTIONS_MAX], n = 0, none;
	unsigned i;

	bpf_store_value(c, BPF_DW, SEEN, FIELD(exc), 0);
	if (p->state.exc < 0)
		return;
	bpf_get(c, BPF_DW, AT, SEEN, in_state(m, p->state.exc));
	for (i = 0; i < EXCEPTIONS_MAX; i++) {
		ends[n++] = bpf_jump(c, BPF_JEQ, AT, 0);
		bpf_copy(c, BPF_REG_3, AT);
		bpf_add(c, BPF_REG_3, p->exc.value);
		make_read(c, SEEN, FIELD(exc), 8);
		bpf_copy(c, BPF_REG_3, AT);
		bpf_add(c, BPF_REG_3, p->exc.previous);
		make_read(c, STACK, WORD, 8);
		bpf_get(c, BPF_DW, AT, STACK, WORD);
		/* An object ends it, and None goes on like nothing. */
		bpf_get(c, BPF_DW, BPF_REG_1, SEEN, FIELD(exc));
		bpf_set_wide(c, BPF_REG_2, p->exc.none);
		none = bpf_jump_reg(c, BPF_JEQ, BPF_REG_1, BPF_REG_2);
		ends[n++] = bpf_jump(c, BPF_JNE, BPF_REG_1, 0);
		bpf_land(c, none);
	}
	while (n)
		bpf_land(c, ends[--n]);
}

/* ---- the frames ---- */

/*
 * What the function that reads one has of the program, below its stack pointer;
 * VALUES is where NEXT is.
 */
#define VALUES BPF_REG_7
#define NEXT BELOW        /* the address to follow */
#define END (BELOW + 8)   /* the one where to end */
#define DONE (BELOW + 16) /* bytes of frames */
#define VALUE (BELOW + 24) /* SEEN */

/* Reads half of the mark of the frame at AT, from register 3. */
static void read_half(const struct making *m, int half)
{
	const int at = m->frames + (int)interrupt_stride(m->plan) - 8;

	bpf_copy(m->c, BPF_REG_1, SEEN);
	bpf_add_reg(m->c, BPF_REG_1, AT);
	make_read(m->c, BPF_REG_1, at + 4 * half, 4);
}

/* ADDR is its code object. */
static void read_mark(const struct making *m)
{
	const struct interrupt_plan *p = m->plan;
	struct bpf_code *c = m->c;

	bpf_copy(c, BPF_REG_3, ADDR);
	bpf_add(c, BPF_REG_3, p->mark.word);
	read_half(m, 0);
	if (p->mark.pointer < 0) {
		bpf_copy(c, BPF_REG_1, SEEN);
		bpf_add_reg(c, BPF_REG_1, AT);
		bpf_store_value(c, BPF_W, BPF_REG_1,
				m->frames + (int)interrupt_stride(p) - 4, 0);
		return;
	}
	bpf_copy(c, BPF_REG_3, ADDR);
	bpf_add(c, BPF_REG_3, p->mark.pointer);
	make_read(c, STACK, WORD, 8);
	bpf_get(c, BPF_DW, BPF_REG_3, STACK, WORD);
	bpf_add(c, BPF_REG_3, p->mark.behind);
	read_half(m, 1);
}

/* Follows the chain from ADDR on; ADDR is what was not followed, AT the bytes. */
static void follow(struct making *m)
{
	struct bpf_code *c = m->c;

	bpf_store(c, BPF_DW, STACK, NEXT, ADDR);
	bpf_store_value(c, BPF_DW, STACK, END, 0);
	if (m->plan->state.base >= 0) {
		bpf_get(c, BPF_DW, BPF_REG_1, SEEN,
			in_state(m, m->plan->state.base));
		bpf_store(c, BPF_DW, STACK, END, BPF_REG_1);
	}
	bpf_store_value(c, BPF_DW, STACK, DONE, 0);
	bpf_store(c, BPF_DW, STACK, VALUE, SEEN);
	bpf_set(c, BPF_REG_1, (int32_t)(SEEN_BYTES / interrupt_stride(m->plan)));
	m->follows[m->nfollows++] = bpf_set_called(c, BPF_REG_2);
	bpf_copy(c, BPF_REG_3, STACK);
	bpf_add(c, BPF_REG_3, NEXT);
	bpf_set(c, BPF_REG_4, 0);
	bpf_call(c, BPF_FUNC_loop);
	bpf_get(c, BPF_DW, ADDR, STACK, NEXT);
	bpf_store(c, BPF_DW, SEEN, FIELD(next), ADDR);
	bpf_get(c, BPF_DW, AT, STACK, DONE);
}

/*
 * Keeps ADDR, if it is a frame by its code, and not the first one, which is no
 * longer on the stack. The jump is taken when it is another one than was kept: then
 * none is.
 */
static uint32_t keep_frame(const struct making *m)
{
	const struct interrupt_plan *p = m->plan;
	struct bpf_code *c = m->c;
	uint32_t no[3], first, other;

	bpf_get(c, BPF_DW, BPF_REG_1, SEEN, FIELD(frame));
	no[0] = bpf_jump_reg(c, BPF_JEQ, BPF_REG_1, ADDR);
	bpf_copy(c, BPF_REG_3, ADDR);
	bpf_add(c, BPF_REG_3, p->frame.code);
	make_read(c, STACK, WORD, 8);
	bpf_get(c, BPF_DW, BPF_REG_3, STACK, WORD);
	if (p->frame.tagged)
		bpf_and(c, BPF_REG_3, ~3);
	bpf_add(c, BPF_REG_3, p->yield.at);
	make_read(c, STACK, WORD, 8);
	bpf_get(c, BPF_DW, BPF_REG_1, STACK, WORD);
	bpf_set_wide(c, BPF_REG_2, p->yield.type);
	no[1] = bpf_jump_reg(c, BPF_JNE, BPF_REG_1, BPF_REG_2);
	bpf_get(c, BPF_DW, BPF_REG_1, STACK, NEXT);
	no[2] = bpf_jump_reg(c, BPF_JEQ, BPF_REG_1, ADDR);
	first = bpf_jump(c, BPF_JEQ, BPF_REG_1, 0);
	bpf_store_value(c, BPF_DW, STACK, NEXT, 0);
	other = bpf_jump(c, BPF_JNE, BPF_REG_1, 0);
	bpf_land(c, first);
	bpf_store(c, BPF_DW, STACK, NEXT, ADDR);
	bpf_land(c, no[0]);
	bpf_land(c, no[1]);
	bpf_land(c, no[2]);
	return other;
}

/*
 * Within the yield of a generator, which is the first frame, and the last: then what
 * it yields to is followed, if the registers have no other frame. (Of frames that
 * ended before, more may be in them.)
 */
static void follow_caller(struct making *m)
{
	const struct interrupt_plan *p = m->plan;
	const int stride = (int)interrupt_stride(p);
	struct bpf_code *c = m->c;
	uint32_t none[4], other[REGS_OF_PROGRAM];
	size_t i;

	none[0] = bpf_jump(c, BPF_JNE, ADDR, 0);
	none[1] = bpf_jump(c, BPF_JNE, AT, stride);
	bpf_get(c, BPF_B, BPF_REG_1, SEEN, m->frames + p->yield.owner);
	none[2] = bpf_jump(c, BPF_JNE, BPF_REG_1, p->yield.generator);
	make_find_regs(c);
	bpf_copy(c, AT, BPF_REG_0);
	bpf_store_value(c, BPF_DW, STACK, NEXT, 0);
	for (i = 0; i < REGS_OF_PROGRAM; i++) {
		bpf_get(c, BPF_DW, ADDR, AT, regs_of_program[i]);
		other[i] = keep_frame(m);
	}
	while (i)
		bpf_land(c, other[--i]);
	bpf_set(c, AT, stride);
	bpf_get(c, BPF_DW, ADDR, STACK, NEXT);
	none[3] = bpf_jump(c, BPF_JEQ, ADDR, 0);
	bpf_store(c, BPF_DW, SEEN, FIELD(frame), ADDR);
	follow(m);
	for (i = 0; i < 4; i++)
		bpf_land(c, none[i]);
}

/* Register 4: whether we are to be woken. */
static void choose_wake(const struct making *m)
{
	struct bpf_code *c = m->c;
	uint32_t room;

	bpf_set_map(c, BPF_REG_1, m->maps->ring);
	bpf_set(c, BPF_REG_2, BPF_RB_AVAIL_DATA);
	bpf_call(c, BPF_FUNC_ringbuf_query);
	bpf_set(c, BPF_REG_4, BPF_RB_NO_WAKEUP);
	room = bpf_jump(c, BPF_JLE, BPF_REG_0, m->half);
	bpf_set(c, BPF_REG_4, BPF_RB_FORCE_WAKEUP);
	bpf_land(c, room);
}

/* From the time of the record until now. */
static void note_took(struct bpf_code *c)
{
	bpf_call(c, BPF_FUNC_ktime_get_ns);
	bpf_get(c, BPF_DW, BPF_REG_1, SEEN, FIELD(head.when));
	bpf_multiply(c, BPF_REG_1, -1);
	bpf_add_reg(c, BPF_REG_0, BPF_REG_1);
	bpf_store(c, BPF_DW, SEEN, offsetof(struct seen, took), BPF_REG_0);
}

void make_copy(struct making *m)
{
	const struct interrupt_plan *p = m->plan;
	struct bpf_code *c = m->c;
	uint32_t full;

	bpf_copy(c, BPF_REG_3, ADDR);
	bpf_add(c, BPF_REG_3, p->state.from);
	/* What cannot be read is 0, so that there are no frames. */
	make_read(c, SEEN, FIELD(state), (size_t)(p->state.to - p->state.from));
	read_facts(m);
	find_exception(m);
	find_head(m);
	follow(m);
	if (p->yield.type)
		follow_caller(m);
	choose_wake(m);
	/* As it is; but the kernel does not know that. */
	full = bpf_jump(c, BPF_JGT, AT, (int32_t)SEEN_BYTES - m->frames);
	make_write(m, SEEN, RECORD, m->frames - RECORD, true);
	bpf_land(c, full);
	note_took(c);
	bpf_return(c, 0);
}

/*
 * The function that reads a frame, called by bpf_loop, so that the kernel need not
 * look at each turn before it takes the program. It returns 1 at the end of the
 * chain. It has registers of its own.
 */
void make_read_frame(const struct making *m)
{
	const struct interrupt_plan *p = m->plan;
	const int stride = (int)interrupt_stride(p);
	struct bpf_code *c = m->c;
	uint32_t ends[4], n = 0;
	size_t i;

	for (i = 0; i < m->nfollows; i++)
		bpf_begin_called(c, m->follows[i]);
	bpf_copy(c, VALUES, BPF_REG_2);
	bpf_copy(c, AT, BPF_REG_1);
	bpf_get(c, BPF_DW, ADDR, VALUES, NEXT - NEXT);
	ends[n++] = bpf_jump(c, BPF_JEQ, ADDR, 0);
	bpf_get(c, BPF_DW, BPF_REG_1, VALUES, END - NEXT);
	ends[n++] = bpf_jump_reg(c, BPF_JEQ, ADDR, BPF_REG_1);
	/* Its number, from the kernel: how far we are need not be proven. */
	bpf_multiply(c, AT, stride);
	ends[n++] = bpf_jump(c, BPF_JGT, AT,
			     (int32_t)SEEN_BYTES - m->frames - stride);
	bpf_get(c, BPF_DW, SEEN, VALUES, VALUE - NEXT);
	bpf_copy(c, BPF_REG_1, SEEN);
	bpf_add_reg(c, BPF_REG_1, AT);
	bpf_copy(c, BPF_REG_3, ADDR);
	make_read(c, BPF_REG_1, m->frames, p->frame.len);
	ends[n++] = bpf_jump(c, BPF_JNE, BPF_REG_0, 0);
	bpf_copy(c, BPF_REG_1, SEEN);
	bpf_add_reg(c, BPF_REG_1, AT);
	bpf_get(c, BPF_DW, BPF_REG_3, BPF_REG_1,
		m->frames + p->frame.previous);
	bpf_store(c, BPF_DW, VALUES, NEXT - NEXT, BPF_REG_3);
	bpf_get(c, BPF_DW, ADDR, BPF_REG_1, m->frames + p->frame.code);
	if (p->frame.tagged)
		bpf_and(c, ADDR, ~3);
	read_mark(m);
	bpf_add(c, AT, stride);
	bpf_store(c, BPF_DW, VALUES, DONE - NEXT, AT);
	bpf_return(c, 0);
	while (n)
		bpf_land(c, ends[--n]);
	bpf_return(c, 1);
}
