/*
 * walk: locals and names of threads of a made-up interpreter of each version.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base.h"
#include "profile.h"
#include "tests/lib/shape.h"

struct fixture {
	unsigned char memory[SHAPE_SIZE];
	const struct shape *shape;
	struct remote *remote;
	struct walker *walker;
};

static void begin(struct fixture *f, unsigned which)
{
	f->shape = shape_of(which);
	memcpy(f->memory, f->shape->memory, f->shape->len);
	f->remote = remote_new_buffers();
	remote_add(f->remote, SHAPE_BASE, f->memory, f->shape->len);
	f->walker = walker_new(f->remote, &f->shape->layout,
			       &f->shape->entry, 42);
}

static void end(struct fixture *f)
{
	walker_free(f->walker);
	remote_free(f->remote);
}

/* The first thread, with its whole stack and locals. */
static const struct walk_thread *thread_of(struct fixture *f)
{
	struct value_limits limits = {.bytes = 200, .items = 10, .depth = 3,
				      .until = UINT64_MAX};
	const struct walk_thread *t;
	size_t n;

	assert_int_equal(walker_snapshot(f->walker, 1000000000), 0);
	t = walker_threads(f->walker, &n);
	assert_int_equal(n, SHAPE_THREADS);
	assert_int_equal(t->loss, LOSS_NONE);
	assert_int_equal(t->depth, SHAPE_FRAMES);
	walker_read_locals(f->walker, 0, &limits);
	return t;
}

static const struct variable *local(struct fixture *f, unsigned frame,
				    size_t n)
{
	size_t rows;

	return walker_local(f->walker, 0,
			    walker_threads(f->walker, &rows)->frames[frame].addr,
			    n);
}

static void locals_of_each_version(void **state)
{
	const struct variable *v;
	struct fixture f;
	struct str name;
	unsigned which, frame;
	char expected[8];
	size_t n;

	(void)state;
	str_init(&name);
	for (which = 0; which < SHAPES; which++) {
		begin(&f, which);
		walker_thread_name(f.walker, thread_of(&f)->ident, &name);
		assert_string_equal(name.data, "Thread-1 (work)");
		str_clear(&name);
		for (frame = 0; frame < SHAPE_FRAMES; frame++) {
			for (n = 0; (v = local(&f, frame, n)); n++) {
				snprintf(expected, sizeof(expected), "v%zu", n);
				assert_string_equal(v->name, expected);
				assert_null(strstr(v->value, "<?>"));
				assert_int_equal(v->argument, n < 2);
			}
			assert_int_equal(n, SHAPE_LOCALS);
		}
		/* The outermost one has the first objects. */
		assert_string_equal(local(&f, SHAPE_FRAMES - 1, 0)->value,
				    "42");
		end(&f);
	}
	str_release(&name);
}

/* What was stopped once has the locals of its last stack from then on. */
static void locals_after_a_stop(void **state)
{
	struct fixture f;
	unsigned which;

	(void)state;
	for (which = 0; which < SHAPES; which++) {
		begin(&f, which);
		thread_of(&f);
		assert_int_equal(walker_grab(f.walker, 0), 0);
		assert_int_equal(walker_take(f.walker, 0, 1), 0);
		thread_of(&f);
		assert_non_null(local(&f, 0, SHAPE_LOCALS - 1));
		end(&f);
	}
}

/* A name without a letter, which no program can have. */
static void empty_name_of_a_local(void **state)
{
	const struct layout *l;
	struct fixture f;
	unsigned which;
	uint64_t none = 0;
	raddr names, name;

	(void)state;
	for (which = 0; which < SHAPES; which++) {
		begin(&f, which);
		l = &f.shape->layout;
		names = at_u64(f.memory, SHAPE_SIZE,
			       (size_t)(thread_of(&f)->frames[0].code -
					SHAPE_BASE) +
				       (size_t)(l->frames == FRAMES_HEAP
							? l->code.varnames
							: l->code.localsplusnames));
		name = at_u64(f.memory, SHAPE_SIZE,
			      (size_t)(names - SHAPE_BASE) +
				      (size_t)l->object.tuple_items);
		memcpy(f.memory + (name - SHAPE_BASE) +
			       (l->major == 2 ? l->object.var_size
					      : l->object.unicode_length),
		       &none, 8);
		thread_of(&f);
		assert_string_equal(local(&f, 0, 0)->name, "?");
		end(&f);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(locals_of_each_version),
		cmocka_unit_test(locals_after_a_stop),
		cmocka_unit_test(empty_name_of_a_local),
	};

	return cmocka_run_group_tests_name("walk locals", tests, NULL, NULL);
}
