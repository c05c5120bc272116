/*
 * walk: a made-up interpreter in a buffer, whole and damaged.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base.h"
#include "cpython.h"
#include "profile.h"
#include "walk.h"

/* Addresses of the made-up process; BASE is the first byte of memory. */
#define BASE 0x10000u
#define SIZE 0x20000u
#define RUNTIME 0x10000u
#define INTERP 0x10400u
#define TSTATE 0x10800u
#define CHUNK 0x14000u
#define CHUNK_SIZE 0x4000u
#define CODES 0x11000u  /* one every 0x200 */
#define TEXTS 0x19000u  /* one every 0x100 */
#define ENTRY 0x1c000u  /* an entry frame, as on a C stack */
#define GENERATOR 0x1c100u
#define CODE_TYPE 0x1d000u
#define FRAME_WORDS 16u
#define FRAME_BYTES (FRAME_WORDS * 8)

static unsigned char memory[SIZE];

/* The time of a snapshot that looks at everything. */
static uint64_t later(void)
{
	static uint64_t now;

	now += 1000000;
	return now;
}

static void put(uint64_t addr, uint64_t value, size_t bytes)
{
	size_t i;

	assert_in_range(addr, BASE, BASE + SIZE - bytes);
	for (i = 0; i < bytes; i++)
		memory[addr - BASE + i] = (unsigned char)(value >> 8 * i);
}

static void put8(uint64_t addr, uint64_t value)
{
	put(addr, value, 8);
}

/* The shape of 3.13, with 3.11+ objects. */
static struct layout chunk_layout(void)
{
	struct layout l;

	assert_int_equal(layout_for_version(&l, 0x030c01f0, NULL), 0);
	return l;
}

static uint64_t make_text(unsigned n, const char *text)
{
	uint64_t addr = TEXTS + n * 0x100u;
	size_t i, len = strlen(text);

	put8(addr + 16, len);
	put(addr + 32, 1u << 2 | 1u << 5 | 1u << 6, 4); /* compact ASCII */
	for (i = 0; i < len; i++)
		put(addr + 40 + i, (unsigned char)text[i], 1);
	return addr;
}

static uint64_t make_bytes(unsigned n, const void *data, size_t len)
{
	uint64_t addr = TEXTS + n * 0x100u;
	size_t i;

	put8(addr + 16, len);
	for (i = 0; i < len; i++)
		put(addr + 32 + i, ((const unsigned char *)data)[i], 1);
	return addr;
}

static uint64_t code_at(unsigned n)
{
	return CODES + n * 0x200u;
}

/* A function with 16 instructions on its first line + 1. */
static void make_code(const struct layout *l, unsigned n, const char *name)
{
	/* 8 units, line +1, no columns; 8 units, the same line. */
	static const unsigned char lines[] = {0x80 | 13 << 3 | 7, 2,
					      0x80 | 13 << 3 | 7, 0};
	uint64_t addr = code_at(n);

	put8(addr + (unsigned)l->object.type, CODE_TYPE);
	put8(addr + 16, 16);
	put8(addr + (unsigned)l->code.qualname, make_text(3 * n, name));
	put8(addr + (unsigned)l->code.name, make_text(3 * n, name));
	put8(addr + (unsigned)l->code.filename, make_text(3 * n + 1, "f.py"));
	put8(addr + (unsigned)l->code.linetable,
	     make_bytes(3 * n + 2, lines, sizeof(lines)));
	put(addr + (unsigned)l->code.firstlineno, 10 * (n + 1), 4);
	put(addr + (unsigned)l->code.framesize, FRAME_WORDS, 4);
	put(addr + (unsigned)l->code.firsttraceable, 1, 4);
	put(addr + (unsigned)l->code.version, 1000 + n, 4);
}

static uint64_t frame_at(unsigned n)
{
	return CHUNK + 32 + n * FRAME_BYTES;
}

static void make_frame(const struct layout *l, uint64_t addr, uint64_t code,
		       uint64_t previous, unsigned owner)
{
	put8(addr + (unsigned)l->iframe.code, code);
	put8(addr + (unsigned)l->iframe.previous, previous);
	put8(addr + (unsigned)l->iframe.instr,
	     code + (unsigned)l->code.adaptive + 6);
	put(addr + (unsigned)l->iframe.owner, owner, 1);
}

#define CFRAME 0x1c300u

/* A thread with `n` frames on its chunk, the root is an entry frame. */
static void make_process(const struct layout *l, unsigned n)
{
	char name[32];
	unsigned i;

	memset(memory, 0, sizeof(memory));
	put8(RUNTIME + (unsigned)l->runtime.interpreters_head, INTERP);
	put8(INTERP + (unsigned)l->interp.threads_head, TSTATE);
	put8(TSTATE + (unsigned)l->thread.interp, INTERP);
	put8(TSTATE + (unsigned)l->thread.thread_id, 0x7777);
	put8(TSTATE + (unsigned)l->thread.native_id, 42);
	put8(TSTATE + (unsigned)l->thread.chunk, CHUNK);
	put8(TSTATE + (unsigned)l->thread.chunk_top, frame_at(n));
	put8(TSTATE + (unsigned)l->thread.cframe, CFRAME);
	put8(CFRAME + (unsigned)l->thread.cframe_frame,
	     n ? frame_at(n - 1) : ENTRY);
	put8(CHUNK + (unsigned)l->chunk.size, CHUNK_SIZE);
	make_frame(l, ENTRY, 0, 0, l->iframe.owner_entry);
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		make_code(l, i, name);
		make_frame(l, frame_at(i), code_at(i),
			   i ? frame_at(i - 1) : ENTRY, 0);
	}
}

static const struct entry_points entry = {.runtime = RUNTIME,
					  .code_type = CODE_TYPE};

struct fixture {
	struct layout layout;
	struct remote *remote;
	struct walker *walker;
};

static void begin(struct fixture *f, unsigned frames)
{
	f->layout = chunk_layout();
	make_process(&f->layout, frames);
	f->remote = remote_new_buffers();
	remote_add(f->remote, BASE, memory, SIZE);
	f->walker = walker_new(f->remote, &f->layout, &entry, 42);
}

static void end(struct fixture *f)
{
	walker_free(f->walker);
	remote_free(f->remote);
}

static const struct walk_thread *only_thread(struct fixture *f)
{
	const struct walk_thread *t;
	size_t n;

	assert_int_equal(walker_snapshot(f->walker, later()), 0);
	t = walker_threads(f->walker, &n);
	assert_int_equal(n, 1);
	return t;
}

static void expect_loss(struct fixture *f, enum loss want)
{
	const struct walk_thread *t = only_thread(f);

	assert_string_equal(loss_name(t->loss), loss_name(want));
	assert_int_equal(t->depth, 0);
}

static void steady_stack(void **state)
{
	const struct walk_thread *t;
	const struct walk_frame *w;
	struct fixture f;
	unsigned i;

	(void)state;
	begin(&f, 5);
	t = only_thread(&f);
	assert_int_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->tid, 42);
	assert_true(t->main);
	assert_int_equal(t->depth, 5);
	w = t->frames;
	for (i = 0; i < 5; i++) {
		char name[8];

		snprintf(name, sizeof(name), "f%u", 4 - i);
		assert_string_equal(walker_code(f.walker, w[i].info)->name,
				    name);
		assert_int_equal(walker_line(f.walker, &w[i]),
				 10 * (5 - (int)i) + 1);
	}
	assert_true(w[4].entry);
	assert_false(w[0].entry);
	end(&f);
}

/* The second snapshot of a stack that stands still is one call. */
static void steady_stack_is_one_call(void **state)
{
	struct fixture f;
	uint64_t before;

	(void)state;
	begin(&f, 5);
	only_thread(&f);
	before = remote_calls(f.remote);
	only_thread(&f);
	assert_int_equal(remote_calls(f.remote) - before, 1);
	end(&f);
}

static void generator_lies_elsewhere(void **state)
{
	const struct walk_thread *t;
	struct fixture f;

	(void)state;
	begin(&f, 3);
	/* f2 is a generator: not on the chunk, f1's caller is f0. */
	make_frame(&f.layout, GENERATOR, code_at(2), frame_at(1),
		   f.layout.iframe.owner_generator);
	put8(CFRAME + (unsigned)f.layout.thread.cframe_frame, GENERATOR);
	put8(TSTATE + (unsigned)f.layout.thread.chunk_top, frame_at(2));
	t = only_thread(&f);
	assert_int_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->depth, 3);
	end(&f);
}

static void incomplete_leaf_is_no_frame(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 3);
	put8(frame_at(2) + (unsigned)f.layout.iframe.instr,
	     code_at(2) + (unsigned)f.layout.code.adaptive - 2);
	assert_int_equal(only_thread(&f)->depth, 2);
	end(&f);
}

static void no_python_frames(void **state)
{
	const struct walk_thread *t;
	struct fixture f;

	(void)state;
	begin(&f, 0);
	t = only_thread(&f);
	assert_int_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->depth, 0);
	end(&f);
}

static void damage_is_counted(void **state)
{
	struct fixture f;
	struct layout l = chunk_layout();

	(void)state;
	begin(&f, 4); /* a frame left out: a gap */
	put8(frame_at(3) + (unsigned)l.iframe.previous, frame_at(1));
	expect_loss(&f, LOSS_SHAPE);
	end(&f);
	begin(&f, 4); /* a circle */
	put8(frame_at(1) + (unsigned)l.iframe.previous, frame_at(3));
	expect_loss(&f, LOSS_SHAPE);
	assert_in_range(remote_calls(f.remote), 1, 50);
	end(&f);
	begin(&f, 4); /* a link to nowhere */
	put8(frame_at(1) + (unsigned)l.iframe.previous, 0x7fff0000);
	expect_loss(&f, LOSS_READ);
	end(&f);
	begin(&f, 4); /* cut short */
	put8(frame_at(2) + (unsigned)l.iframe.previous, 0);
	expect_loss(&f, LOSS_ROOT);
	end(&f);
	begin(&f, 4); /* not a code object */
	put8(code_at(2) + (unsigned)l.object.type, CODE_TYPE + 8);
	expect_loss(&f, LOSS_CODE);
	end(&f);
	begin(&f, 4); /* an instruction of another function */
	put8(frame_at(2) + (unsigned)l.iframe.instr, code_at(3));
	expect_loss(&f, LOSS_CODE);
	end(&f);
	begin(&f, 4); /* a chunk of a terabyte */
	put8(CHUNK + (unsigned)l.chunk.size, (uint64_t)1 << 40);
	expect_loss(&f, LOSS_SHAPE);
	end(&f);
	begin(&f, 4); /* chunks in a circle */
	put8(CHUNK + (unsigned)l.chunk.previous, CHUNK);
	expect_loss(&f, LOSS_DEPTH);
	end(&f);
}

/* A name of a terabyte: its first WALK_NAME_MAX bytes, or no name. */
static void long_names_are_cut(void **state)
{
	const struct walk_thread *t;
	const struct walk_frame *w;
	struct fixture f;

	(void)state;
	begin(&f, 1);
	put8(TEXTS + 16, (uint64_t)1 << 40);
	memset(memory + (TEXTS + 40 - BASE), 'n', WALK_NAME_MAX);
	/* The other texts lay there: put them back, further on. */
	put8(code_at(0) + (unsigned)f.layout.code.filename,
	     make_text(0x20, "f.py"));
	put8(code_at(0) + (unsigned)f.layout.code.linetable,
	     make_bytes(0x21, "\xef\x02", 2));
	t = only_thread(&f);
	assert_int_equal(t->loss, LOSS_NONE);
	w = t->frames;
	assert_int_equal(strlen(walker_code(f.walker, w->info)->name),
			 WALK_NAME_MAX);
	end(&f);
}

static void threads_in_a_circle(void **state)
{
	const struct walk_thread *t;
	struct fixture f;
	size_t n;

	(void)state;
	begin(&f, 2);
	put8(TSTATE + (unsigned)f.layout.thread.next, TSTATE);
	assert_int_equal(walker_snapshot(f.walker, later()), 0);
	t = walker_threads(f.walker, &n);
	assert_int_equal(n, 2);
	assert_int_equal(t[0].loss, LOSS_THREADS);
	assert_int_equal(t[1].loss, LOSS_NONE);
	assert_in_range(remote_calls(f.remote), 1, 50);
	end(&f);
}

static void reused_code_address(void **state)
{
	const struct walk_thread *t;
	struct fixture f;

	(void)state;
	begin(&f, 2);
	only_thread(&f);
	make_code(&f.layout, 1, "another");
	put(code_at(1) + (unsigned)f.layout.code.version, 5000, 4);
	put(code_at(1) + (unsigned)f.layout.code.firstlineno, 77, 4);
	t = only_thread(&f);
	assert_string_equal(walker_code(f.walker,
					t->frames->info)
				    ->name,
			    "another");
	end(&f);
}

/* Every single word of the thread and its stack replaced by rubbish. */
static void rubbish_is_bounded(void **state)
{
	static const uint64_t rubbish[] = {0, 1, 0x7fffffffffff, CHUNK,
					   UINT64_MAX, TSTATE, 0x10000000000};
	struct fixture f;
	unsigned char kept[8];
	uint64_t addr;
	size_t i;

	(void)state;
	begin(&f, 4);
	for (addr = BASE; addr + 8 <= BASE + SIZE; addr += 8) {
		memcpy(kept, memory + (addr - BASE), 8);
		/* Where nothing is, nothing can be damaged. */
		if (!memcmp(kept, "\0\0\0\0\0\0\0", 8))
			continue;
		for (i = 0; i < sizeof(rubbish) / sizeof(*rubbish); i++) {
			put8(addr, rubbish[i]);
			walker_snapshot(f.walker, later());
			memcpy(memory + (addr - BASE), kept, 8);
		}
		walker_snapshot(f.walker, later());
	}
	assert_int_equal(only_thread(&f)->loss, LOSS_NONE);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steady_stack),
		cmocka_unit_test(steady_stack_is_one_call),
		cmocka_unit_test(generator_lies_elsewhere),
		cmocka_unit_test(incomplete_leaf_is_no_frame),
		cmocka_unit_test(no_python_frames),
		cmocka_unit_test(damage_is_counted),
		cmocka_unit_test(long_names_are_cut),
		cmocka_unit_test(threads_in_a_circle),
		cmocka_unit_test(reused_code_address),
		cmocka_unit_test(rubbish_is_bounded),
	};

	return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
