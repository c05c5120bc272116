/*
 * Between two full looks: which threads are compared, and which have a look. The
 * walker, what it found, and the looks are stood in for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/target/target_priv.h"
#include "tests/lib/wrap.h"

#define NOW 1000000u

/* A thread by its last look, and what is found of it now. */
static const struct one {
	const char *what;
	bool blocked, idle, fresh, unwanted, unborn, to_be_stopped;
	bool left;             /* not as it was */
	bool compared, looked; /* wanted */
} ones[] = {
	{.what = "awake, as it was", .compared = true},
	{.what = "awake, elsewhere", .left = true, .compared = true, .looked = true},
	{.what = "awake, to be stopped",
	 .to_be_stopped = true,
	 .compared = true,
	 .looked = true},
	{.what = "asleep, as it was", .blocked = true, .compared = true},
	{.what = "asleep, to be stopped otherwise",
	 .blocked = true,
	 .to_be_stopped = true,
	 .compared = true},
	{.what = "woken up",
	 .blocked = true,
	 .left = true,
	 .compared = true,
	 .looked = true},
	{.what = "idle", .blocked = true, .idle = true},
	{.what = "new, not looked at",
	 .fresh = true,
	 .compared = true,
	 .looked = true},
	{.what = "not there yet", .unborn = true, .left = true, .compared = true},
	{.what = "of no interest",
	 .unwanted = true,
	 .left = true,
	 .compared = true},
};
#define ONES (sizeof(ones) / sizeof(*ones))

static struct {
	bool held[ONES], looked[ONES];
	struct walk_thread rows[ONES];
} seen;

bool wrap_lean(const struct walker *w, uint64_t now) WRAP(walker_lean);
void wrap_hold(struct walker *w, size_t i, bool hold) WRAP(walker_hold);
const struct walk_thread *wrap_threads(const struct walker *w,
				       size_t *n) WRAP(walker_threads);
void wrap_decide(struct target *t, struct known *k,
		 uint64_t now) WRAP(decide);
uint64_t wrap_slices(struct target *t, struct known *k) WRAP(look_slices);
int wrap_closely(struct target *t, struct known *k, size_t row,
		 uint64_t now) WRAP(look_closely);
int wrap_still(struct target *t, struct known *k,
	       size_t row) WRAP(hold_still);

bool wrap_lean(const struct walker *w, uint64_t now)
{
	(void)w;
	(void)now;
	return true;
}

void wrap_hold(struct walker *w, size_t i, bool hold)
{
	(void)w;
	seen.held[i] = hold;
}

const struct walk_thread *wrap_threads(const struct walker *w, size_t *n)
{
	(void)w;
	*n = ONES;
	return seen.rows;
}

void wrap_decide(struct target *t, struct known *k, uint64_t now)
{
	(void)t;
	(void)now;
	k->stop = ones[k->row].to_be_stopped;
}

uint64_t wrap_slices(struct target *t, struct known *k)
{
	(void)t;
	(void)k;
	return 1;
}

int wrap_closely(struct target *t, struct known *k, size_t row, uint64_t now)
{
	(void)t;
	(void)now;
	assert_int_equal(k->row, row);
	assert_false(k->leave || k->looked);
	seen.looked[row] = true;
	k->look = (struct thread_look){.run = RUN_CPU, .call = -1};
	return 0;
}

int wrap_still(struct target *t, struct known *k, size_t row)
{
	(void)t;
	(void)k;
	assert_true(seen.looked[row]);
	return 0;
}

static void known_of(struct known *k, size_t row)
{
	const struct one *o = &ones[row];

	*k = (struct known){
		.row = row,
		.tid = o->unborn ? SYNTHETIC : 1,
		.wanted = !o->unwanted,
		.fresh = o->fresh,
		.blocked = o->blocked,
		.idle = o->idle,
		.leave = true,  /* as the last */
		.looked = true, /* full look left it */
	};
	str_init(&k->wait);
	seen.held[row] = o->blocked;
	seen.rows[row].left = o->left;
	seen.rows[row].depth = !o->unborn;
}

static void who_changed_is_looked_at(void **state)
{
	struct known known[ONES], *rows[ONES];
	size_t moving[ONES], i;
	struct target t = {.rows = rows, .nrows = ONES, .moving = moving};

	(void)state;
	for (i = 0; i < ONES; i++) {
		known_of(&known[i], i);
		rows[i] = &known[i];
	}
	assert_int_equal(states_before(&t, NOW), 0);
	assert_int_equal(states_after(&t, NOW), 0);
	for (i = 0; i < ONES; i++) {
		if (seen.held[i] == ones[i].compared ||
		    seen.looked[i] != ones[i].looked)
			fail_msg("%s: %s, %s", ones[i].what,
				 seen.held[i] ? "held" : "compared",
				 seen.looked[i] ? "looked at" : "left alone");
		str_release(&known[i].wait);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_changed_is_looked_at),
	};

	return cmocka_run_group_tests_name("target_states", tests, NULL, NULL);
}
