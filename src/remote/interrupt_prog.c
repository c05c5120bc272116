/*
 * The program that runs in the interrupt. Registers 6 to 9 survive calls: what the
 * processor had seen, the thread's id, the address to follow, and how far into the
 * frames we are.
 */
#include <stddef.h>

#include "interrupt_priv.h"

#define SEEN BPF_REG_6
#define TID BPF_REG_7
#define ADDR BPF_REG_8
#define AT BPF_REG_9
#define STACK BPF_REG_10

/* Below the stack pointer. */
#define KEY (-4)
#define IDS (-16) /* struct bpf_pidns_info */
#define WORD (-24)

#define RECORD ((int)offsetof(struct seen, record))
#define FIELD(name) (RECORD + (int)offsetof(struct record, name))

#define EXCEPTIONS_MAX 8

struct making {
	struct bpf_code *c;
	const struct interrupt_plan *plan;
	const struct interrupt_maps *maps;
	int frames; /* where they begin, in struct seen */
	int32_t half;
};

size_t interrupt_state_bytes(const struct interrupt_plan *plan)
{
	return ((size_t)(plan->state.to - plan->state.from) + 7) / 8 * 8;
}

size_t interrupt_stride(const struct interrupt_plan *plan)
{
	return (plan->frame.len + 7) / 8 * 8 + 8;
}

/* Register 0 is the map's value, or the returned jump is taken. */
static uint32_t look_up(struct bpf_code *c, int map, int key)
{
	bpf_set_map(c, BPF_REG_1, map);
	bpf_copy(c, BPF_REG_2, STACK);
	bpf_add(c, BPF_REG_2, key);
	bpf_call(c, BPF_FUNC_map_lookup_elem);
	return bpf_jump(c, BPF_JEQ, BPF_REG_0, 0);
}

/* Reads `len` bytes of the target at register 3 to where `base` + `off` points. */
static void read_user(struct bpf_code *c, int base, int off, size_t len)
{
	bpf_copy(c, BPF_REG_1, base);
	bpf_add(c, BPF_REG_1, off);
	bpf_set(c, BPF_REG_2, (int32_t)len);
	bpf_call(c, BPF_FUNC_probe_read_user);
}

static int in_state(const struct making *m, int32_t field)
{
	return FIELD(state) + field - m->plan->state.from;
}

/* Writes the record, of which `size` bytes and AT are used. Register 4: flags. */
static void write_record(const struct making *m, int size, bool frames)
{
	struct bpf_code *c = m->c;
	uint32_t full;

	bpf_set_map(c, BPF_REG_1, m->maps->ring);
	bpf_copy(c, BPF_REG_2, SEEN);
	bpf_add(c, BPF_REG_2, RECORD);
	bpf_set(c, BPF_REG_3, size);
	if (frames)
		bpf_add_reg(c, BPF_REG_3, AT);
	bpf_call(c, BPF_FUNC_ringbuf_output);
	/* Where the ring is full nobody was told of it. */
	full = bpf_jump(c, BPF_JNE, BPF_REG_0, 0);
	bpf_store(c, BPF_W, SEEN, 0, TID);
	bpf_land(c, full);
	bpf_return(c, 0);
}

static void note_time(struct bpf_code *c)
{
	bpf_call(c, BPF_FUNC_ktime_get_ns);
	bpf_store(c, BPF_DW, SEEN, FIELD(when), BPF_REG_0);
}

/*
 * TID is none of those to be read, or none at all. That is told once: it is
 * another one than at the interrupt before.
 */
static void tell_none(const struct making *m)
{
	struct bpf_code *c = m->c;
	uint32_t other;

	bpf_get(c, BPF_W, BPF_REG_1, SEEN, 0);
	other = bpf_jump_reg(c, BPF_JNE, BPF_REG_1, TID);
	bpf_return(c, 0);
	bpf_land(c, other);
	note_time(c);
	bpf_store(c, BPF_W, SEEN, FIELD(tid), TID);
	bpf_store_value(c, BPF_W, SEEN, FIELD(known), 0);
	bpf_set(c, BPF_REG_4, BPF_RB_FORCE_WAKEUP);
	write_record(m, m->frames - RECORD, false);
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
		read_user(c, STACK, WORD, 8);
		/* What cannot be read is 0. */
		bpf_get(c, BPF_DW, ADDR, STACK, WORD);
	}
	bpf_land(c, failed);
	bpf_store(c, BPF_DW, SEEN, FIELD(head), ADDR);
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
		read_user(c, SEEN, off, p->facts[i].len);
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
		read_user(c, SEEN, FIELD(exc), 8);
		bpf_copy(c, BPF_REG_3, AT);
		bpf_add(c, BPF_REG_3, p->exc.previous);
		read_user(c, STACK, WORD, 8);
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
#define NEXT (-64) /* the address to follow */
#define END (-56)  /* the one where to end */
#define DONE (-48) /* bytes of frames */
#define VALUE (-40) /* SEEN */

/* Reads half of the mark of the frame at AT, from register 3. */
static void read_half(const struct making *m, int half)
{
	const int at = m->frames + (int)interrupt_stride(m->plan) - 8;

	bpf_copy(m->c, BPF_REG_1, SEEN);
	bpf_add_reg(m->c, BPF_REG_1, AT);
	read_user(m->c, BPF_REG_1, at + 4 * half, 4);
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
	read_user(c, STACK, WORD, 8);
	bpf_get(c, BPF_DW, BPF_REG_3, STACK, WORD);
	bpf_add(c, BPF_REG_3, p->mark.behind);
	read_half(m, 1);
}

/*
 * The function that reads a frame, called by bpf_loop, so that the kernel need not
 * look at each turn before it takes the program. It returns 1 at the end of the
 * chain. It has registers of its own.
 */
static void read_frame(const struct making *m)
{
	const struct interrupt_plan *p = m->plan;
	const int stride = (int)interrupt_stride(p);
	struct bpf_code *c = m->c;
	uint32_t ends[4], n = 0;

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
	read_user(c, BPF_REG_1, m->frames, p->frame.len);
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

/* Follows the chain from ADDR on; ADDR is what was not followed, AT the bytes. */
static uint32_t follow(const struct making *m)
{
	struct bpf_code *c = m->c;
	uint32_t function;

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
	function = bpf_set_called(c, BPF_REG_2);
	bpf_copy(c, BPF_REG_3, STACK);
	bpf_add(c, BPF_REG_3, NEXT);
	bpf_set(c, BPF_REG_4, 0);
	bpf_call(c, BPF_FUNC_loop);
	bpf_get(c, BPF_DW, ADDR, STACK, NEXT);
	bpf_store(c, BPF_DW, SEEN, FIELD(next), ADDR);
	bpf_get(c, BPF_DW, AT, STACK, DONE);
	return function;
}

/* ---- the program ---- */

/* Register 4: whether we are to be woken. */
static void choose_wake(const struct making *m)
{
	struct bpf_code *c = m->c;
	uint32_t full, other, quiet;

	bpf_set_map(c, BPF_REG_1, m->maps->ring);
	bpf_set(c, BPF_REG_2, BPF_RB_AVAIL_DATA);
	bpf_call(c, BPF_FUNC_ringbuf_query);
	full = bpf_jump(c, BPF_JGT, BPF_REG_0, m->half);
	bpf_get(c, BPF_W, BPF_REG_1, SEEN, 0);
	other = bpf_jump_reg(c, BPF_JNE, BPF_REG_1, TID);
	bpf_set(c, BPF_REG_4, BPF_RB_NO_WAKEUP);
	quiet = bpf_jump(c, BPF_JA, 0, 0);
	bpf_land(c, full);
	bpf_land(c, other);
	bpf_set(c, BPF_REG_4, BPF_RB_FORCE_WAKEUP);
	bpf_land(c, quiet);
}

/* ADDR is the thread state of TID. */
static uint32_t tell_stack(const struct making *m)
{
	const struct interrupt_plan *p = m->plan;
	struct bpf_code *c = m->c;
	uint32_t function, full;

	note_time(c);
	bpf_store(c, BPF_W, SEEN, FIELD(tid), TID);
	bpf_store_value(c, BPF_W, SEEN, FIELD(known), 1);
	bpf_copy(c, BPF_REG_3, ADDR);
	bpf_add(c, BPF_REG_3, p->state.from);
	/* What cannot be read is 0, so that there are no frames. */
	read_user(c, SEEN, FIELD(state), (size_t)(p->state.to - p->state.from));
	read_facts(m);
	find_exception(m);
	find_head(m);
	function = follow(m);
	choose_wake(m);
	/* As it is; but the kernel does not know that. */
	full = bpf_jump(c, BPF_JGT, AT, (int32_t)SEEN_BYTES - m->frames);
	write_record(m, m->frames - RECORD, true);
	bpf_land(c, full);
	bpf_return(c, 0);
	return function;
}

void interrupt_program(struct bpf_code *c, const struct interrupt_plan *plan,
		       const struct interrupt_maps *maps, int32_t half)
{
	const struct making m = {
		.c = c,
		.plan = plan,
		.maps = maps,
		.half = half,
		.frames = FIELD(state) + (int)interrupt_state_bytes(plan)};
	uint32_t stranger, unknown, ignored, nothing, function;

	bpf_store_value(c, BPF_W, STACK, KEY, 0);
	nothing = look_up(c, maps->seen, KEY);
	bpf_copy(c, SEEN, BPF_REG_0);
	bpf_store_value(c, BPF_DW, STACK, IDS, 0);
	bpf_set_wide(c, BPF_REG_1, maps->ns_dev);
	bpf_set_wide(c, BPF_REG_2, maps->ns_ino);
	bpf_copy(c, BPF_REG_3, STACK);
	bpf_add(c, BPF_REG_3, IDS);
	bpf_set(c, BPF_REG_4, sizeof(struct bpf_pidns_info));
	bpf_call(c, BPF_FUNC_get_ns_current_pid_tgid);
	bpf_set(c, TID, 0);
	bpf_get(c, BPF_W, BPF_REG_1, STACK,
		IDS + (int)offsetof(struct bpf_pidns_info, tgid));
	stranger = bpf_jump(c, BPF_JNE, BPF_REG_1, (int32_t)maps->process);
	bpf_get(c, BPF_W, TID, STACK,
		IDS + (int)offsetof(struct bpf_pidns_info, pid));
	unknown = look_up(c, maps->threads, IDS);
	bpf_get(c, BPF_DW, ADDR, BPF_REG_0, 0);
	ignored = bpf_jump(c, BPF_JEQ, ADDR, 0);
	function = tell_stack(&m);
	bpf_land(c, ignored);
	bpf_set(c, TID, 0);
	bpf_land(c, stranger);
	bpf_land(c, unknown);
	tell_none(&m);
	bpf_land(c, nothing);
	bpf_return(c, 0);
	bpf_begin_called(c, function);
	read_frame(&m);
}
