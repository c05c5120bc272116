/*
 * reading.h - a reading of what interrupts saw (src/target/replay.c). That is made up,
 * and so is what a stack is decoded to: `head` of a record is its number, `exc` what
 * it says of the GIL, `next` its loss. Needs what the Makefile calls REPLAYED. Times
 * are in us since the round began, by the processor's own time.
 */
#ifndef PYSTROBE_TESTS_READING_H
#define PYSTROBE_TESTS_READING_H

#include "src/target/target_priv.h"

#define US 1000
#define EARLY 25 /* us by which an interrupt may come before its tick */
#define STEP 1000 /* us, from tick to tick */
#define SINCE 5000000000u /* when the round began, ns */
#define INSIDE 100u       /* ids inside, less ours */
#define RANDOM 0x1234u    /* what the program has */
#define THREADS 4u
#define STACKS 97u /* numbers 1 to that */

/* States of the kernel. */
#define INTERRUPTIBLE 1u
#define UNINTERRUPTIBLE 2u
#define STOPPED 4u
#define TRACED 8u
#define WAKEKILL 0x100u
#define NOLOAD 0x400u
#define FROZEN 0x8000u

struct reading {
	struct target t;
	struct known known[THREADS], *rows[THREADS];
	struct interrupt *records;
	size_t nrecords, cap_records, at; /* at: the next one to be read */
	/* What was decoded: */
	struct walk_thread decoded[THREADS];
	unsigned ended[THREADS]; /* how often the walker was told */
	uint32_t stacks[THREADS];
	uint8_t gil;
	size_t decodes;
	/* What the sink was told: */
	struct sink sink;
	struct tick *ticks;
	struct note {
		size_t tick; /* from 1 on */
		struct sample s;
	} *notes;
	size_t nticks, cap_ticks, nnotes, cap_notes;
	unsigned calls, fails; /* the number of the call that fails; 0: none */
};

/* With so many threads, of ids from 1 on. */
void reading_init(struct reading *r, size_t threads);
void reading_release(struct reading *r);
/* One with one thread, for cmocka. */
int reading_set_up(void **state);
int reading_tear_down(void **state);
/* One more; they are looked at when the round begins, asleep in stack 9. */
void reading_add(struct reading *r);

/* ---- what was seen: each is valid until the next one ---- */

uint64_t at_us(int64_t us);
struct interrupt *saw(struct reading *r, enum interrupt_kind kind, uint32_t tid,
		      int64_t us);
/* `came`: 0: before we began. */
struct interrupt *finds(struct reading *r, uint32_t tid, int64_t us,
			int64_t came, uint32_t stack);
struct interrupt *leaves(struct reading *r, uint32_t tid, int64_t us,
			 int64_t came, uint32_t why, uint32_t stack);
void woken(struct reading *r, uint32_t tid, int64_t us);
void ended(struct reading *r, uint32_t tid, int64_t us);
/* The last one was seen by a processor that has its ticks so much later. */
void by_late(struct reading *r, int64_t us);

/* ---- what was told ---- */

/* Tells what was seen before `until`, of ticks up to `last`. */
void reads_until(struct reading *r, uint64_t last, int64_t until);
void reads(struct reading *r, uint64_t last);
/* The one sample that was told of the thread in that tick; NULL: none was. */
const struct sample *sample_at(const struct reading *r, size_t tick,
			       uint32_t tid);
/* 'u' unknown, 'c' cpu, 's' sleeping, 'd' disk, 't' stopped, 'r' runnable */
char run_at(const struct reading *r, const struct sample *s);
/* Tick by tick its stack and that: "9s 1c --". */
void is_told(const struct reading *r, uint32_t tid, const char *expected);

#endif
