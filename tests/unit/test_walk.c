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

#include "tests/lib/made_python.h"
#include "profile.h"

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
	f->walker = walker_new(f->remote, &f->layout, &made_entry, 42);
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

/* The loss, and with it the `depth` outermost frames, from f0 on. */
static void expect_loss(struct fixture *f, enum loss want, unsigned depth)
{
	const struct walk_thread *t = only_thread(f);
	char name[8];
	unsigned i;

	assert_string_equal(loss_name(t->loss), loss_name(want));
	assert_int_equal(t->depth, depth);
	for (i = 0; i < depth; i++) {
		snprintf(name, sizeof(name), "f%u", depth - 1 - i);
		assert_string_equal(
			walker_code(f->walker, t->frames[i].info)->name, name);
	}
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

static uint64_t calls_of_snapshot(struct fixture *f)
{
	uint64_t before = remote_calls(f->remote);

	only_thread(f);
	return remote_calls(f->remote) - before;
}

/*
 * The second snapshot of a stack that stands still is three calls: facts, the
 * stack, and whether its code objects are the same.
 */
static void steady_stack_is_three_calls(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 5);
	only_thread(&f);
	assert_int_equal(calls_of_snapshot(&f), 3);
	end(&f);
}

/* What was read with a thread that stood is good for this tick, and no other. */
static void facts_are_read_once_in_a_tick(void **state)
{
	struct fixture f;
	uint64_t before;

	(void)state;
	begin(&f, 5);
	only_thread(&f);
	walker_begin(f.walker);
	walker_leave(f.walker, 0);
	before = remote_calls(f.remote);
	assert_int_equal(walker_grab(f.walker, 0), 0);
	assert_int_equal(walker_take(f.walker, 0, 0), 0);
	assert_int_equal(remote_calls(f.remote) - before, 2);
	assert_int_equal(calls_of_snapshot(&f), 0);
	assert_int_equal(calls_of_snapshot(&f), 3);
	/* A tick that came to no snapshot. */
	assert_int_equal(walker_again(f.walker, 0, false), 0);
	walker_begin(f.walker);
	assert_int_equal(calls_of_snapshot(&f), 3);
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

/* What was read of a generator long ago is not what it is now. */
static void generator_comes_again(void **state)
{
	const struct walk_thread *t;
	struct fixture f;

	(void)state;
	begin(&f, 4);
	make_frame(&f.layout, GENERATOR, code_at(2), frame_at(1),
		   f.layout.iframe.owner_generator);
	put8(CFRAME + (unsigned)f.layout.thread.cframe_frame, GENERATOR);
	put8(TSTATE + (unsigned)f.layout.thread.chunk_top, frame_at(2));
	t = only_thread(&f);
	assert_string_equal(walker_code(f.walker, t->frames[0].info)->name,
			    "f2");
	put8(CFRAME + (unsigned)f.layout.thread.cframe_frame, frame_at(1));
	assert_int_equal(only_thread(&f)->depth, 2);
	put8(CFRAME + (unsigned)f.layout.thread.cframe_frame, GENERATOR);
	make_frame(&f.layout, GENERATOR, code_at(3), frame_at(1),
		   f.layout.iframe.owner_generator);
	t = only_thread(&f);
	assert_int_equal(t->depth, 3);
	assert_string_equal(walker_code(f.walker, t->frames[0].info)->name,
			    "f3");
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
	expect_loss(&f, LOSS_SHAPE, 2);
	end(&f);
	begin(&f, 4); /* a circle */
	put8(frame_at(1) + (unsigned)l.iframe.previous, frame_at(3));
	expect_loss(&f, LOSS_SHAPE, 0);
	assert_in_range(remote_calls(f.remote), 1, 50);
	end(&f);
	begin(&f, 4); /* a link to nowhere */
	put8(frame_at(1) + (unsigned)l.iframe.previous, 0x7fff0000);
	expect_loss(&f, LOSS_READ, 0);
	end(&f);
	begin(&f, 4); /* cut short */
	put8(frame_at(2) + (unsigned)l.iframe.previous, 0);
	expect_loss(&f, LOSS_ROOT, 0);
	end(&f);
	begin(&f, 4); /* not a code object */
	put8(code_at(2) + (unsigned)l.object.type, CODE_TYPE + 8);
	expect_loss(&f, LOSS_CODE, 0);
	end(&f);
	begin(&f, 4); /* an instruction of another function */
	put8(frame_at(2) + (unsigned)l.iframe.instr, code_at(3));
	expect_loss(&f, LOSS_CODE, 2);
	end(&f);
	begin(&f, 4); /* a chunk of a terabyte */
	put8(CHUNK + (unsigned)l.chunk.size, (uint64_t)1 << 40);
	expect_loss(&f, LOSS_SHAPE, 0);
	end(&f);
	begin(&f, 4); /* chunks in a circle */
	put8(CHUNK + (unsigned)l.chunk.previous, CHUNK);
	expect_loss(&f, LOSS_DEPTH, 0);
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

struct measure {
	unsigned calls;
	size_t longest; /* range of the first one */
};

/* Reads `memory`. */
static ssize_t read_measured(void *arg, const struct range *ranges, size_t n)
{
	struct measure *m = arg;
	size_t i, sum = 0, off;

	m->calls++;
	for (i = 0; i < n; i++) {
		if (m->calls == 1 && ranges[i].len > m->longest)
			m->longest = ranges[i].len;
		off = (size_t)(ranges[i].addr - BASE);
		if (off > SIZE || ranges[i].len > SIZE - off)
			break;
		memcpy(ranges[i].to, memory + off, ranges[i].len);
		sum += ranges[i].len;
	}
	return sum ? (ssize_t)sum : -EFAULT;
}

/*
 * A look at a thread that was stopped found another chunk, and failed. What
 * is read next is no longer than the pieces are, though the leaf that was
 * accepted last is far behind.
 */
static void chunk_that_a_grab_found(void **state)
{
	const uint64_t other = CHUNK - 0x2000;
	struct fixture f;
	struct measure m = {0, 0};
	uint64_t now;

	(void)state;
	f.layout = chunk_layout();
	make_process(&f.layout, 4);
	f.remote = remote_new_reader(read_measured, &m);
	f.walker = walker_new(f.remote, &f.layout, &made_entry, 42);
	now = later();
	assert_int_equal(walker_snapshot(f.walker, now), 0);
	put8(other + (unsigned)f.layout.chunk.size, 0x1000);
	put8(TSTATE + (unsigned)f.layout.thread.chunk, other);
	assert_int_equal(walker_grab(f.walker, 0), 0);
	m = (struct measure){0, 0};
	assert_true(walker_lean(f.walker, now + 1000));
	assert_int_equal(walker_snapshot(f.walker, now + 1000), 0);
	assert_in_range(m.longest, 1, 0x1000);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steady_stack),
		cmocka_unit_test(steady_stack_is_three_calls),
		cmocka_unit_test(facts_are_read_once_in_a_tick),
		cmocka_unit_test(generator_lies_elsewhere),
		cmocka_unit_test(generator_comes_again),
		cmocka_unit_test(incomplete_leaf_is_no_frame),
		cmocka_unit_test(no_python_frames),
		cmocka_unit_test(damage_is_counted),
		cmocka_unit_test(long_names_are_cut),
		cmocka_unit_test(threads_in_a_circle),
		cmocka_unit_test(reused_code_address),
		cmocka_unit_test(rubbish_is_bounded),
		cmocka_unit_test(chunk_that_a_grab_found),
	};

	return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
