/*
 * profile: rows by file, module and thread; stacks cut at a function; the
 * lines of one.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile.h"
#include "tests/lib/sheet.h"

/* "label self/total" of each row, ", " between them. */
static void assert_rows(struct sheet *f, enum sort_key key, const char *want)
{
	struct flat *flat = flat_build(f->p, &f->o.view, key);
	struct str s;
	size_t i;

	str_init(&s);
	for (i = 0; i < flat->len; i++)
		str_addf(&s, "%s%s %llu/%llu", i ? ", " : "",
			 intern_text(&flat->labels, flat->rows[i].label, NULL),
			 (unsigned long long)flat->rows[i].self,
			 (unsigned long long)flat->rows[i].total);
	assert_string_equal(s.data, want);
	str_release(&s);
	flat_free(flat);
}

/* "label total(" of each node, its children in it, ")". */
static void assert_nodes(struct tree *t, const char *want)
{
	uint32_t node = 0, last = 0;
	struct str s;

	str_init(&s);
	while ((node = tree_next(t, node))) {
		while (t->nodes[last].depth >= t->nodes[node].depth) {
			str_addc(&s, ')');
			last = t->nodes[last].parent;
		}
		str_addf(&s, " %s %llu(", intern_text(&t->labels,
						      t->nodes[node].label,
						      NULL),
			 (unsigned long long)t->nodes[node].total);
		last = node;
	}
	for (; last; last = t->nodes[last].parent)
		str_addc(&s, ')');
	assert_string_equal(s.data, want);
	str_release(&s);
	tree_free(t);
}

/* However it is built. */
static void assert_tree(struct sheet *f, const char *want)
{
	assert_nodes(tree_build(f->p, &f->o.view), want);
	assert_nodes(tree_build_wide(f->p, &f->o.view, 1e9), want);
}

static void modules_are_guessed(void **state)
{
	static const struct {
		const char *file, *file_label, *module;
	} cases[] = {
		{"/srv/app/app.py", "app.py", "app"},
		{"/srv/app/pkg/sub/mod.py", "pkg/sub/mod.py", "pkg.sub.mod"},
		{"/srv/app/pkg/__init__.py", "pkg/__init__.py", "pkg"},
		{"/x/lib/python3.11/site-packages/a/b.py", "a/b.py", "a.b"},
		{"/usr/lib/python3.11/json/encoder.py", "json/encoder.py",
		 "json.encoder"},
		{"/elsewhere/run", "run", "run"},
		{"/elsewhere/.hidden", ".hidden", ".hidden"},
		{"/srv/app/v1.2/run", "v1.2/run", "v1.2.run"},
		{"__init__.py", "__init__.py", "__init__"},
		{"<frozen importlib._bootstrap>",
		 "<frozen importlib._bootstrap>", "importlib._bootstrap"},
		{"<frozen >", "<frozen >", "<frozen >"},
		{"<string>", "<string>", "<string>"},
		{"", "<no file>", "<no file>"},
	};
	struct sheet *f = *state;
	struct flat *flat;
	uint32_t cpu;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		sheet_teardown(state);
		sheet_setup(state);
		f = *state;
		cpu = made_state(&f->m, RUN_CPU);
		made_tick(&f->m);
		made_sample(&f->m, 1, made_frame(&f->m, 0, "f", cases[i].file,
						 1, 1), cpu, LOSS_NONE);
		f->o.view.label = LABEL_MODULE;
		flat = flat_build(f->p, &f->o.view, SORT_SELF);
		assert_string_equal(intern_text(&flat->labels,
						flat->rows[0].label, NULL),
				    cases[i].module);
		flat_free(flat);
		f->o.view.label = LABEL_FILE;
		flat = flat_build(f->p, &f->o.view, SORT_SELF);
		assert_string_equal(intern_text(&flat->labels,
						flat->rows[0].label, NULL),
				    cases[i].file_label);
		flat_free(flat);
	}
}

static void rows_of_files(void **state)
{
	struct sheet *f = *state;

	made_samples(&f->m, 1, "a@/srv/app/x.py:1 b@/srv/app/y.py:2 "
		     "c@/srv/app/x.py:3", RUN_CPU, 3);
	made_samples(&f->m, 1, "a@/srv/app/x.py:1 d@/srv/app/x.py:9 <moving>",
		     RUN_CPU, 2);
	f->o.view.label = LABEL_FILE;
	assert_rows(f, SORT_SELF, "x.py 3/5, <moving> 2/2, y.py 0/3");
	/* Back in x.py is a cell; d in x.py, called by x.py, is none. */
	assert_tree(f, " x.py 5( <moving> 2() y.py 3( x.py 3()))");
	f->o.view.reverse = true;
	assert_nodes(tree_build_wide(f->p, &f->o.view, 1e9),
		     " <moving> 2( x.py 2()) x.py 3( y.py 3( x.py 3()))");
	f->o.view.reverse = false;
	f->o.view.full_filenames = true;
	assert_rows(f, SORT_NAME, "/srv/app/x.py 3/5, /srv/app/y.py 0/3, "
		    "<moving> 2/2");
}

static void rows_of_threads(void **state)
{
	struct sheet *f = *state;

	made_thread(&f->m, 1, "one");
	made_samples(&f->m, 1, "a@x.py:1 b@x.py:2", RUN_CPU, 3);
	made_samples(&f->m, 1, "a@x.py:1", RUN_SLEEPING, 7);
	made_process(&f->m, 9, "other");
	made_thread(&f->m, 2, "two");
	made_samples(&f->m, 2, "", RUN_CPU, 4);
	f->o.view.rows = ROWS_THREADS;
	f->o.view.state_frames = true; /* says nothing here */
	assert_rows(f, SORT_SELF, "two (thread 2) 4/4, one (thread 1) 3/3");
	f->o.view.idle = true;
	assert_rows(f, SORT_TOTAL, "one (thread 1) 10/10, two (thread 2) 4/4");
	f->o.view.rows = ROWS_PROCESSES;
	assert_rows(f, SORT_NAME, "other (process 9) 4/4, python3 app.py --port"
		    " 8080 (process 4711) 10/10");
}

/* A row for each label of each thread; those without a sample have none. */
static void parts_of_threads(void **state)
{
	struct sheet *f = *state;
	struct flat *flat;

	made_samples(&f->m, 1, "a@x.py:1 b@x.py:2", RUN_CPU, 3);
	made_samples(&f->m, 2, "a@x.py:1 b@x.py:2 a@x.py:1", RUN_CPU, 5);
	made_samples(&f->m, 3, "a@x.py:1", RUN_SLEEPING, 9);
	f->o.view.threads = true;
	flat = flat_build(f->p, &f->o.view, SORT_SELF);
	assert_int_equal(flat->nparts, 2);
	assert_int_equal(flat->samples, 8);
	assert_int_equal(flat->left_out, 9);
	assert_int_equal(flat->parts[0].samples, 5);
	assert_int_equal(flat->parts[0].thread, 1);
	assert_int_equal(flat->parts[0].len, 2);
	assert_int_equal(flat->parts[1].samples, 3);
	assert_int_equal(flat->rows[flat->parts[0].first].total, 5);
	assert_int_equal(flat->rows[flat->parts[1].first].total, 3);
	flat_free(flat);
}

/* The time of rows is that of their samples. */
/* Each stack is walked once, not once for each that is above it. */
static void deep_stacks_are_walked_once(void **state)
{
	enum { DEPTH = 100000 };
	struct sheet *f = *state;
	uint32_t cpu = made_state(&f->m, RUN_CPU), stack = 0, i;

	for (i = 0; i < DEPTH; i++) {
		stack = made_frame(&f->m, stack, i & 1 ? "odd" : "even",
				   "/srv/app/a.py", 1, 1);
		made_tick(&f->m);
		made_sample(&f->m, 1, stack, cpu, LOSS_NONE);
	}
	assert_rows(f, SORT_TOTAL, "even (a.py:1) 50000/100000, "
				   "odd (a.py:1) 50000/99999");
}

static void rows_have_their_time(void **state)
{
	struct sheet *f = *state;
	uint64_t self = 0, all = 0;
	struct flat *flat;
	size_t i;

	made_server(&f->m);
	f->o.view.mode = MODE_WALL;
	f->o.view.state_frames = true;
	flat = flat_build(f->p, &f->o.view, SORT_SELF);
	for (i = 0; i < flat->len; i++) {
		self += flat->rows[i].self_ns;
		assert_true(flat->rows[i].self_ns <= flat->rows[i].total_ns);
	}
	for (i = 0; i < f->p->ncells; i++)
		all += f->p->cells[i].ns;
	assert_int_equal(self, all);
	flat_free(flat);
}

/* ---- callers and callees ---- */

static void some_calls(struct sheet *f)
{
	made_samples(&f->m, 1, "main@x.py:1 f@x.py:2 g@x.py:3 f@x.py:2",
		     RUN_CPU, 4);
	made_samples(&f->m, 1, "other@x.py:5 f@x.py:2", RUN_CPU, 2);
	made_samples(&f->m, 1, "main@x.py:1", RUN_CPU, 1);
	made_samples(&f->m, 2, "main@x.py:1 g@x.py:3", RUN_SLEEPING, 8);
	f->o.view.label = LABEL_NOLINE;
}

static void callees(void **state)
{
	struct sheet *f = *state;
	struct view_count count;

	some_calls(f);
	assert_int_equal(profile_around(f->p, "^f ", AROUND_CALLEES, NULL), 0);
	assert_tree(f, " f (x.py) 6( g (x.py) 4( f (x.py) 4()))");
	view_count(f->p, &f->o.view, &count);
	assert_int_equal(count.samples, 6);
	assert_int_equal(count.unfocused, 1);
	assert_int_equal(count.idle, 8);
}

static void callers(void **state)
{
	struct sheet *f = *state;

	some_calls(f);
	assert_int_equal(profile_around(f->p, "^f ", AROUND_CALLERS, NULL), 0);
	assert_tree(f, " f (x.py) 6( main (x.py) 4() other (x.py) 2())");
	f->o.view.idle = true;
	assert_tree(f, " f (x.py) 6( main (x.py) 4() other (x.py) 2())");
}

/* What is ignored stays ignored, though its stack becomes that of others. */
static void around_what_is_in_focus(void **state)
{
	struct sheet *f = *state;

	some_calls(f);
	made_samples(&f->m, 1, "main@x.py:1 f@x.py:2 h@x.py:4", RUN_CPU, 16);
	assert_int_equal(profile_focus(f->p, "main", "^h ", NULL), 0);
	assert_int_equal(profile_around(f->p, "^f ", AROUND_CALLERS, NULL), 0);
	assert_tree(f, " f (x.py) 4( main (x.py) 4())");
}

static void around_nothing(void **state)
{
	struct sheet *f = *state;
	struct err err;

	some_calls(f);
	assert_int_equal(profile_around(f->p, "(", AROUND_CALLEES, &err),
			 -EINVAL);
	assert_non_null(strstr(err.msg, "'('"));
	assert_int_equal(profile_around(f->p, "nobody", AROUND_CALLEES, &err),
			 0);
	assert_tree(f, "");
}

/* ---- lines ---- */

static uint32_t code_of_leaf(const struct sheet *f)
{
	const struct symbols *s = &f->p->symbols;

	return s->frames[s->stacks[f->p->cells[0].stack].frame].code;
}

static void lines_of_a_function(void **state)
{
	struct sheet *f = *state;
	struct code_lines *l;

	made_samples(&f->m, 1, "f@x.py:7/1", RUN_CPU, 3);
	made_samples(&f->m, 1, "f@x.py:5/1 f@x.py:5/1 g@x.py:20/19", RUN_CPU,
		     2);
	made_samples(&f->m, 1, "f@x.py:5/1 f@x.py:7/1", RUN_CPU, 1);
	made_samples(&f->m, 1, "f@y.py:7/1", RUN_CPU, 5); /* another one */
	made_samples(&f->m, 2, "f@x.py:9/1", RUN_SLEEPING, 6);
	l = lines_build(f->p, &f->o.view, code_of_leaf(f));
	assert_int_equal(l->len, 2);
	assert_int_equal(l->samples, 11);
	assert_int_equal(l->self, 4);
	assert_int_equal(l->total, 6);
	assert_int_equal(l->rows[0].line, 5);
	assert_int_equal(l->rows[0].self, 0);
	assert_int_equal(l->rows[0].total, 3);
	assert_int_equal(l->rows[1].line, 7);
	assert_int_equal(l->rows[1].self, 4);
	assert_int_equal(l->rows[1].total, 4);
	lines_free(l);
	f->o.view.idle = true;
	l = lines_build(f->p, &f->o.view, code_of_leaf(f));
	assert_int_equal(l->len, 3);
	assert_int_equal(l->rows[2].self, 6);
	lines_free(l);
	lines_free(NULL);
}

static void states_of_threads(void **state)
{
	struct sheet *f = *state;
	struct state_totals *t;

	some_calls(f);
	t = profile_thread_states(f->p);
	assert_int_equal(t[0].cpu, 7);
	assert_int_equal(t[0].samples, 7);
	assert_int_equal(t[1].waiting, 8);
	assert_int_equal(t[1].cpu, 0);
	free(t);
}

static void names_of_orders(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < SORT_KEYS; i++)
		assert_int_equal(sort_by_name(sort_name((enum sort_key)i)), i);
	assert_int_equal(sort_by_name("size"), -EINVAL);
	assert_string_equal(sort_name(SORT_KEYS), "unknown");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, sheet_setup, sheet_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(modules_are_guessed), TEST(rows_of_files),
		TEST(rows_of_threads),     TEST(parts_of_threads),
		TEST(deep_stacks_are_walked_once),
		TEST(rows_have_their_time), TEST(callees),
		TEST(callers),             TEST(around_what_is_in_focus),
		TEST(around_nothing),      TEST(lines_of_a_function),
		TEST(states_of_threads),   cmocka_unit_test(names_of_orders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
