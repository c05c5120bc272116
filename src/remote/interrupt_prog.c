/*
 * The programs: one for the timer, and one each for three events of the scheduler
 * (include/trace/events/sched.h in the kernel): a thread leaves its processor, one is
 * woken, one ends.
 */
#include <stddef.h>

#include "interrupt_priv.h"

/* Arguments of sched_switch(preempt, prev, next, prev_state), since Linux 5.18. */
#define ARG_PREEMPTED 0
#define ARG_STATE 24
#define DEAD 0x90 /* EXIT_DEAD, TASK_DEAD (include/linux/sched.h) */

/* Where struct pt_regs of x86-64 has what a system call is given. */
static const int16_t regs_of_call[] = {120, 112, 104, 96, 56, 72, 64};

/* What the jump is taken for ends the program. */
static void end_if(struct making *m, uint32_t jump)
{
	m->exits[m->nexits++] = jump;
}

static void delete(struct bpf_code *c, int map, int key)
{
	bpf_set_map(c, BPF_REG_1, map);
	bpf_copy(c, BPF_REG_2, STACK);
	bpf_add(c, BPF_REG_2, key);
	bpf_call(c, BPF_FUNC_map_delete_elem);
}

static void put(struct bpf_code *c, int map, int key, int value, int32_t flags)
{
	bpf_set_map(c, BPF_REG_1, map);
	bpf_copy(c, BPF_REG_2, STACK);
	bpf_add(c, BPF_REG_2, key);
	bpf_copy(c, BPF_REG_3, STACK);
	bpf_add(c, BPF_REG_3, value);
	bpf_set(c, BPF_REG_4, flags);
	bpf_call(c, BPF_FUNC_map_update_elem);
}

/* SEEN; the verifier wants to be told that it is there. */
static void find_seen(struct making *m)
{
	struct bpf_code *c = m->c;

	bpf_store_value(c, BPF_W, STACK, WORD, 0);
	make_look_up(c, m->maps->seen, WORD);
	end_if(m, bpf_jump(c, BPF_JEQ, BPF_REG_0, 0));
	bpf_copy(c, SEEN, BPF_REG_0);
}

/* TID, of a thread of the target. */
static void find_tid(struct making *m)
{
	struct bpf_code *c = m->c;

	bpf_store_value(c, BPF_DW, STACK, IDS, 0);
	bpf_set_wide(c, BPF_REG_1, m->maps->ns_dev);
	bpf_set_wide(c, BPF_REG_2, m->maps->ns_ino);
	bpf_copy(c, BPF_REG_3, STACK);
	bpf_add(c, BPF_REG_3, IDS);
	bpf_set(c, BPF_REG_4, sizeof(struct bpf_pidns_info));
	bpf_call(c, BPF_FUNC_get_ns_current_pid_tgid);
	bpf_get(c, BPF_W, BPF_REG_1, STACK,
		IDS + (int)offsetof(struct bpf_pidns_info, tgid));
	end_if(m, bpf_jump(c, BPF_JNE, BPF_REG_1, (int32_t)m->maps->process));
	bpf_get(c, BPF_W, TID, STACK,
		IDS + (int)offsetof(struct bpf_pidns_info, pid));
}

/* TASK, of who is here. */
static void find_task(struct bpf_code *c)
{
	bpf_call(c, BPF_FUNC_get_current_task);
	bpf_store(c, BPF_DW, STACK, TASK, BPF_REG_0);
}

/* ADDR, its thread state. The jump that is returned is taken for a stranger. */
static uint32_t find_state(struct making *m)
{
	struct bpf_code *c = m->c;
	uint32_t stranger;

	make_look_up(c, m->maps->threads, IDS);
	stranger = bpf_jump(c, BPF_JEQ, BPF_REG_0, 0);
	bpf_get(c, BPF_DW, ADDR, BPF_REG_0, 0);
	end_if(m, bpf_jump(c, BPF_JEQ, ADDR, 0));
	return stranger;
}

static void note_time(struct bpf_code *c, int base, int head)
{
	bpf_call(c, BPF_FUNC_ktime_get_ns);
	bpf_store(c, BPF_DW, base,
		  head + (int)offsetof(struct record_head, when), BPF_REG_0);
}

/* The rest of a struct record_head. */
static void set_head(struct bpf_code *c, int base, int head, int32_t kind)
{
	bpf_store(c, BPF_W, base, head + (int)offsetof(struct record_head, tid),
		  TID);
	bpf_store_value(c, BPF_W, base,
			head + (int)offsetof(struct record_head, kind), kind);
	bpf_call(c, BPF_FUNC_get_smp_processor_id);
	bpf_store(c, BPF_DW, base, head + (int)offsetof(struct record_head, cpu),
		  BPF_REG_0);
}

/* Tells of TID, of which there is nothing else to be said. */
static void tell_short(const struct making *m, int32_t kind, int32_t flags)
{
	struct bpf_code *c = m->c;

	note_time(c, STACK, SHORT);
	set_head(c, STACK, SHORT, kind);
	bpf_set(c, BPF_REG_4, flags);
	make_write(m, STACK, SHORT, sizeof(struct record_head), false);
}

/* Once: it is known from now on, as one that is not to be read. */
static void tell_stranger(struct making *m)
{
	struct bpf_code *c = m->c;

	bpf_store_value(c, BPF_DW, STACK, WORD, 0);
	put(c, m->maps->threads, IDS, WORD, BPF_NOEXIST);
	end_if(m, bpf_jump(c, BPF_JNE, BPF_REG_0, 0));
	tell_short(m, INTERRUPT_STRANGER, BPF_RB_FORCE_WAKEUP);
}

static void end(struct making *m)
{
	while (m->nexits)
		bpf_land(m->c, m->exits[--m->nexits]);
	bpf_return(m->c, 0);
}

/* When the thread that is here came, and what its processor has to say else. */
static void tell_came(struct bpf_code *c)
{
	bpf_get(c, BPF_DW, BPF_REG_1, SEEN, offsetof(struct seen, came));
	bpf_store(c, BPF_DW, SEEN, FIELD(came), BPF_REG_1);
	bpf_get(c, BPF_W, BPF_REG_1, SEEN, offsetof(struct seen, from));
	bpf_store(c, BPF_W, SEEN, FIELD(from), BPF_REG_1);
	bpf_get(c, BPF_DW, BPF_REG_1, SEEN, offsetof(struct seen, took));
	bpf_store(c, BPF_DW, SEEN, FIELD(took), BPF_REG_1);
}

/* ---- the timer ---- */

static void make_tick(struct making *m)
{
	struct bpf_code *c = m->c;
	uint32_t stranger;

	find_seen(m);
	find_tid(m);
	stranger = find_state(m);
	tell_came(c);
	note_time(c, SEEN, RECORD);
	set_head(c, SEEN, RECORD, INTERRUPT_TICK);
	make_copy(m);
	bpf_land(c, stranger);
	tell_stranger(m);
	end(m);
	make_read_frame(m);
}

/* ---- a thread leaves its processor ---- */

/* Whoever comes now comes now, after who is here. Before that is said of it. */
static void note_switch(const struct making *m)
{
	struct bpf_code *c = m->c;

	tell_came(c);
	note_time(c, SEEN, RECORD);
	bpf_store(c, BPF_DW, SEEN, offsetof(struct seen, came), BPF_REG_0);
	bpf_call(c, BPF_FUNC_get_current_pid_tgid);
	bpf_store(c, BPF_W, SEEN, offsetof(struct seen, from), BPF_REG_0);
}

/*
 * AT are the arguments. One that was preempted would go on, whatever its state. The
 * jump that is returned is taken for one that never comes back.
 */
static uint32_t find_why(const struct making *m)
{
	struct bpf_code *c = m->c;
	uint32_t chosen, dead;

	bpf_get(c, BPF_DW, BPF_REG_1, AT, ARG_STATE);
	dead = bpf_jump(c, BPF_JSET, BPF_REG_1, DEAD);
	bpf_get(c, BPF_DW, BPF_REG_2, AT, ARG_PREEMPTED);
	chosen = bpf_jump(c, BPF_JEQ, BPF_REG_2, 0);
	bpf_set(c, BPF_REG_1, 0);
	bpf_land(c, chosen);
	bpf_store(c, BPF_W, SEEN, FIELD(why), BPF_REG_1);
	return dead;
}

/* It has no id any more, but for what make_exit has kept. */
static void forget_dead(struct making *m)
{
	struct bpf_code *c = m->c;

	find_task(c);
	make_look_up(c, m->maps->tasks, TASK);
	end_if(m, bpf_jump(c, BPF_JEQ, BPF_REG_0, 0));
	bpf_get(c, BPF_W, BPF_REG_1, BPF_REG_0, 0);
	bpf_store(c, BPF_W, STACK, IDS, BPF_REG_1);
	delete(c, m->maps->threads, IDS);
	delete(c, m->maps->tasks, TASK);
}

/* By its address in the kernel who wakes it will know it. */
static void keep_task(const struct making *m)
{
	struct bpf_code *c = m->c;
	uint32_t none, same;

	find_task(c);
	make_look_up(c, m->maps->tasks, TASK);
	none = bpf_jump(c, BPF_JEQ, BPF_REG_0, 0);
	bpf_get(c, BPF_W, BPF_REG_1, BPF_REG_0, 0);
	same = bpf_jump_reg(c, BPF_JEQ, BPF_REG_1, TID);
	bpf_land(c, none);
	put(c, m->maps->tasks, TASK, IDS, BPF_ANY);
	bpf_land(c, same);
}

static void copy_call(const struct making *m)
{
	const int n = sizeof(regs_of_call) / sizeof(*regs_of_call);
	struct bpf_code *c = m->c;
	int i;

	make_find_regs(c);
	for (i = 0; i < n; i++) {
		bpf_get(c, BPF_DW, BPF_REG_1, BPF_REG_0, regs_of_call[i]);
		bpf_store(c, BPF_DW, SEEN, FIELD(call) + 8 * i, BPF_REG_1);
	}
	bpf_get(c, BPF_DW, BPF_REG_3, SEEN, FIELD(args));
	make_read(c, SEEN, FIELD(first), 8);
}

static void make_switch(struct making *m)
{
	struct bpf_code *c = m->c;
	uint32_t stranger, dead;

	bpf_copy(c, AT, BPF_REG_1);
	find_seen(m);
	note_switch(m);
	dead = find_why(m);
	find_tid(m);
	stranger = find_state(m);
	keep_task(m);
	set_head(c, SEEN, RECORD, INTERRUPT_LEAVES);
	copy_call(m);
	make_copy(m);
	bpf_land(c, stranger);
	tell_stranger(m);
	bpf_return(c, 0);
	bpf_land(c, dead);
	forget_dead(m);
	end(m);
	make_read_frame(m);
}

/* ---- a thread is woken, or ends ---- */

/* sched_wakeup(p); one may be in `tasks` that was forgotten, or is ending. */
static void make_wake(struct making *m)
{
	struct bpf_code *c = m->c;

	bpf_get(c, BPF_DW, BPF_REG_1, BPF_REG_1, 0);
	bpf_store(c, BPF_DW, STACK, TASK, BPF_REG_1);
	make_look_up(c, m->maps->tasks, TASK);
	end_if(m, bpf_jump(c, BPF_JEQ, BPF_REG_0, 0));
	bpf_get(c, BPF_W, TID, BPF_REG_0, 0);
	bpf_store(c, BPF_W, STACK, IDS, TID);
	end_if(m, find_state(m));
	tell_short(m, INTERRUPT_WOKEN, BPF_RB_NO_WAKEUP);
	end(m);
}

/*
 * sched_process_exit, of the one that is here, which may be seen a few times more,
 * but is not to be read.
 */
static void make_exit(struct making *m)
{
	struct bpf_code *c = m->c;
	uint32_t none;

	find_tid(m);
	bpf_set(c, ADDR, 0);
	make_look_up(c, m->maps->threads, IDS);
	none = bpf_jump(c, BPF_JEQ, BPF_REG_0, 0);
	bpf_get(c, BPF_DW, ADDR, BPF_REG_0, 0);
	bpf_land(c, none);
	find_task(c);
	put(c, m->maps->tasks, TASK, IDS, BPF_ANY);
	bpf_store_value(c, BPF_DW, STACK, WORD, 0);
	put(c, m->maps->threads, IDS, WORD, BPF_ANY);
	end_if(m, bpf_jump(c, BPF_JEQ, ADDR, 0));
	tell_short(m, INTERRUPT_ENDED, BPF_RB_NO_WAKEUP);
	end(m);
}

void interrupt_program(struct bpf_code *c, int program,
		       const struct interrupt_plan *plan,
		       const struct interrupt_maps *maps, int32_t half)
{
	static void (*const make[PROGRAMS])(struct making *) = {
		[PROGRAM_TICK] = make_tick,
		[PROGRAM_SWITCH] = make_switch,
		[PROGRAM_WAKE] = make_wake,
		[PROGRAM_EXIT] = make_exit,
	};
	struct making m = {
		.c = c,
		.plan = plan,
		.maps = maps,
		.half = half,
		.frames = FIELD(state) + (int)interrupt_state_bytes(plan)};

	make[program](&m);
}
