/*
 * walk: stacks that an interrupt copied, of a made-up interpreter that has gone on
 * since.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base.h"
#include "profile.h"
#include "tests/lib/made_python.h"
#include "tests/lib/moving.h"

#define NAME 3u /* numbers of texts, as make_code has them */
#define FILE 4u
#define LINES 5u
#define PLAIN 20u
#define DEADLINE_NS 20000000000u

/* Each time that its file is read, f1 is another function of another file. */
static void replace_code(struct moving *f, const struct range *range)
{
	unsigned char *code = memory + (code_at(1) - BASE);

	if (range->addr != TEXTS + 0x100 * FILE)
		return;
	f->n++;
	make_text(NAME, f->n % 2 ? "g1" : "f1");
	make_text(FILE, f->n % 2 ? "g.py" : "f.py");
	memset(code + f->layout.code.version, 1 + (int)(f->n % 2), 4);
}

/* When its texts are read, it is another object, of which all else is the same. */
static void retype_code(struct moving *f, const struct range *range)
{
	if (range->addr != TEXTS + 0x100 * FILE)
		return;
	f->n++;
	put8(code_at(1) + (unsigned)f->layout.object.type, CODE_TYPE + 8);
}

/* When its texts are read, one is being made where it was. */
static void use_again(struct moving *f, const struct range *range)
{
	const uint64_t file = TEXTS + 0x100 * FILE;

	if (range->addr != file)
		return;
	f->n++;
	memory[file + 32 - BASE] &= (unsigned char)~3u;
	put8(code_at(1), 1);
}

struct copied {
	struct interrupt in;
	unsigned char frames[3][FRAME_BYTES + 8];
};

static void copy_frame(const struct moving *f, struct copied *c, uint64_t addr,
		       uint32_t version)
{
	unsigned char *to = c->frames[c->in.n++];

	memcpy(to, memory + (addr - BASE), FRAME_BYTES);
	memcpy(to + FRAME_BYTES, &version, sizeof(version));
	c->in.next = at_u64(to, FRAME_BYTES,
			    (size_t)f->layout.iframe.previous);
}

/* The interrupt of a thread in f1, which was that version. */
static void interrupt_in(const struct moving *f, uint32_t version,
			 struct copied *c)
{
	memset(c, 0, sizeof(*c));
	c->in.tid = 42;
	c->in.head = frame_at(1);
	c->in.state = memory + (TSTATE - BASE) + f->layout.thread.span_from;
	c->in.frames = c->frames[0];
	c->in.stride = sizeof(c->frames[0]);
	copy_frame(f, c, frame_at(1), version);
	copy_frame(f, c, frame_at(0), 1000);
	copy_frame(f, c, ENTRY, 0);
}

/* f1 was not seen before. */
static void begin_with_new_code(struct moving *f)
{
	moving_begin(f, 1);
	moving_look(f, later());
	make_code(&f->layout, 1, "f1");
	make_frame(&f->layout, frame_at(1), code_at(1), frame_at(0), 0);
}

static const struct walk_thread *
moving_interrupted(struct moving *f, const struct copied *c, bool gone)
{
	walker_interrupts(f->walker, gone);
	walker_interrupted(f->walker, 0, &c->in);
	return moving_rows(f, 1);
}

static void expect_outer_alone(struct moving *f, const struct copied *c)
{
	const struct walk_thread *t = moving_interrupted(f, c, false);

	assert_int_equal(t->depth, 1);
	assert_int_equal(t->loss, LOSS_CODE);
	moving_expect_name(f, &t->frames[0], "f0");
}

static void names_are_of_one_code_object(void **state)
{
	const struct walk_thread *t;
	struct moving f;
	struct copied c;
	uint32_t i;

	(void)state;
	for (i = 1; i <= 2; i++) {
		begin_with_new_code(&f);
		f.change = replace_code;
		interrupt_in(&f, 0x01010101 * i, &c);
		t = moving_interrupted(&f, &c, false);
		assert_true(f.n > 0);
		assert_int_equal(t->loss, LOSS_CODE);
		assert_int_equal(t->depth, 1);
		moving_expect_name(&f, &t->frames[0], "f0");
		/* Nor may what was read then do for it later. */
		f.change = NULL;
		t = moving_interrupted(&f, &c, true);
		assert_int_equal(t->depth, 1);
		moving_end(&f);
	}
}

/* One that is the same all the while is told, also when its program is gone. */
static void names_of_what_interrupts_saw(void **state)
{
	const struct walk_thread *t;
	struct moving f;
	struct copied c;
	unsigned i;

	(void)state;
	begin_with_new_code(&f);
	interrupt_in(&f, 1001, &c);
	for (i = 0; i < 2; i++) {
		t = moving_interrupted(&f, &c, i > 0);
		assert_int_equal(t->loss, LOSS_NONE);
		assert_int_equal(t->depth, 2);
		moving_expect_name(&f, &t->frames[0], "f1");
		moving_expect_name(&f, &t->frames[1], "f0");
		memset(memory + (CODES - BASE), 0, 0x400);
	}
	moving_end(&f);
}

/*
 * Of one that is gone, the names may be those of another that is being made, by
 * the way that it had to its own.
 */
static void names_are_not_of_what_is_gone(void **state)
{
	static const struct {
		uint64_t references;
		bool gone;
	} seen[] = {{1, false},
		    {UINT32_MAX, false}, /* 3.12: of one that is immortal */
		    {0x008000007fffffff, false}, /* with flags of 3.14 */
		    {0, true},
		    {0x7f1234567890, true}, /* a link to one that is free */
		    {0x555555567890, true}};
	const struct walk_thread *t;
	struct moving f;
	struct copied c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(seen) / sizeof(*seen); i++) {
		begin_with_new_code(&f);
		interrupt_in(&f, 1001, &c);
		put8(code_at(1), seen[i].references);
		t = moving_interrupted(&f, &c, false);
		assert_int_equal(t->depth, seen[i].gone ? 1 : 2);
		assert_int_equal(t->loss,
				 seen[i].gone ? LOSS_CODE : LOSS_NONE);
		moving_end(&f);
	}
}

/* By then one is made there, which has all but its texts of the one before. */
static void names_are_not_of_the_next_one(void **state)
{
	struct moving f;
	struct copied c;

	(void)state;
	begin_with_new_code(&f);
	f.change = use_again;
	interrupt_in(&f, 1001, &c);
	put8(code_at(1), 0x7f1234567890);
	expect_outer_alone(&f, &c);
	moving_end(&f);
}

/* By its type nothing else is one, though it looks the same. */
static void names_are_not_of_another_object(void **state)
{
	struct moving f;
	struct copied c;

	(void)state;
	begin_with_new_code(&f);
	f.change = retype_code;
	interrupt_in(&f, 1001, &c);
	expect_outer_alone(&f, &c);
	assert_true(f.n > 0);
	moving_end(&f);
}

/* One whose table of lines is gone is itself another one by now. */
static void names_are_not_of_what_has_no_lines(void **state)
{
	struct moving f;
	struct copied c;

	(void)state;
	begin_with_new_code(&f);
	interrupt_in(&f, 1001, &c);
	put8(TEXTS + 0x100 * LINES, 0x7f1234567890);
	expect_outer_alone(&f, &c);
	moving_end(&f);
}

/* f1 has its name apart from its qualified name. */
static void begin_with_three_texts(struct moving *f, struct copied *c)
{
	begin_with_new_code(f);
	put8(code_at(1) + (unsigned)f->layout.code.name,
	     make_text(PLAIN, "f1"));
	interrupt_in(f, 1001, c);
}

/*
 * One that is being made where it was has its file and its names, but nothing
 * else, until they are interned. What stays so is no such one.
 */
static void names_are_not_of_what_is_being_made(void **state)
{
	static const unsigned texts[] = {NAME, FILE, PLAIN};
	const struct walk_thread *t;
	struct moving f;
	struct copied c;
	uint64_t began;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		begin_with_three_texts(&f, &c);
		memory[TEXTS + 0x100 * texts[i] + 32 - BASE] &= (unsigned char)~3u;
		began = clock_mono();
		do {
			t = moving_interrupted(&f, &c, false);
			assert_int_equal(t->loss, t->depth == 2 ? LOSS_NONE
								: LOSS_CODE);
			assert_in_range(t->depth, 1, 2);
		} while (t->depth == 1 && clock_mono() - began < DEADLINE_NS);
		assert_int_equal(t->depth, 2);
		assert_true(clock_mono() - began > 50000000);
		moving_expect_name(&f, &t->frames[0], "f1");
		moving_end(&f);
	}
}

/* Of another one nothing is known by that. */
static void who_is_doubted_is_so_by_itself(void **state)
{
	const struct walk_thread *t;
	struct moving f;
	struct copied c;
	uint64_t began;

	(void)state;
	begin_with_three_texts(&f, &c);
	memory[TEXTS + 0x100 * FILE + 32 - BASE] &= (unsigned char)~3u;
	t = moving_interrupted(&f, &c, false);
	assert_int_equal(t->depth, 1);
	for (began = clock_mono(); clock_mono() - began < 60000000;)
		continue;
	put(code_at(1) + (unsigned)f.layout.code.version, 2001, 4);
	interrupt_in(&f, 2001, &c);
	t = moving_interrupted(&f, &c, false);
	assert_int_equal(t->depth, 1);
	moving_end(&f);
}

/* Nobody but its maker knows of one that is being made. */
static void what_runs_has_been_made(void **state)
{
	const struct walk_thread *t;
	struct moving f;
	struct copied c;

	(void)state;
	begin_with_three_texts(&f, &c);
	memory[TEXTS + 0x100 * FILE + 32 - BASE] &= (unsigned char)~3u;
	put8(code_at(1), 2);
	t = moving_interrupted(&f, &c, false);
	assert_int_equal(t->depth, 2);
	moving_end(&f);
}

/* Of a subclass of str: that is never interned. */
static void a_text_that_lies_apart(void **state)
{
	const uint64_t file = TEXTS + 0x100 * FILE;
	const struct walk_thread *t;
	struct moving f;
	struct copied c;

	(void)state;
	begin_with_three_texts(&f, &c);
	put(file + 32, 1u << 2, 4);
	put8(file + (unsigned)f.layout.object.compact_data,
	     make_text(PLAIN + 1, "g.py") + 40);
	t = moving_interrupted(&f, &c, false);
	assert_int_equal(t->depth, 2);
	assert_string_equal(walker_code(f.walker, t->frames[0].info)->file,
			    "g.py");
	moving_end(&f);
}

/* More than there is room for; but those that lead back are not a deep stack. */
static void a_circle_is_not_deep(void **state)
{
	static unsigned char frames[100][FRAME_BYTES + 8];
	const struct walk_thread *t;
	struct moving f;
	struct copied c;
	size_t i, back;

	(void)state;
	for (back = 0; back < 100; back += 9) {
		begin_with_new_code(&f);
		interrupt_in(&f, 1001, &c);
		for (i = 0; i < 100; i++)
			make_frame(&f.layout, frame_at((unsigned)i),
				   code_at(1), frame_at((unsigned)i + 1), 0);
		if (back)
			make_frame(&f.layout, frame_at((unsigned)back),
				   code_at(1), frame_at((unsigned)back / 2), 0);
		c.in.head = c.in.next = frame_at(0);
		for (i = 0; i < 100; i++) {
			memcpy(frames[i], memory + (c.in.next - BASE),
			       FRAME_BYTES);
			c.in.next = at_u64(frames[i], FRAME_BYTES,
					   (size_t)f.layout.iframe.previous);
		}
		c.in.frames = frames[0];
		c.in.n = 100;
		c.in.cut = true;
		t = moving_interrupted(&f, &c, false);
		assert_int_equal(t->loss, back ? LOSS_SHAPE : LOSS_DEPTH);
		assert_int_equal(t->depth, 0);
		moving_end(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_of_one_code_object),
		cmocka_unit_test(names_of_what_interrupts_saw),
		cmocka_unit_test(names_are_not_of_what_is_gone),
		cmocka_unit_test(names_are_not_of_the_next_one),
		cmocka_unit_test(names_are_not_of_another_object),
		cmocka_unit_test(names_are_not_of_what_has_no_lines),
		cmocka_unit_test(names_are_not_of_what_is_being_made),
		cmocka_unit_test(who_is_doubted_is_so_by_itself),
		cmocka_unit_test(what_runs_has_been_made),
		cmocka_unit_test(a_text_that_lies_apart),
		cmocka_unit_test(a_circle_is_not_deep),
	};

	return cmocka_run_group_tests_name("walk, interrupted", tests, NULL,
					   NULL);
}
