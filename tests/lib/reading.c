#include "tests/lib/reading.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/wrap.h"

/* ---- stood in for ---- */

bool wrap_next(struct interrupts *in, uint64_t until,
	       struct interrupt *out) WRAP(interrupts_next);
void wrap_interrupted(struct walker *w, size_t i,
		      const struct interrupt *in) WRAP(walker_interrupted);
void wrap_ended(struct walker *w, size_t i) WRAP(walker_ended);
const struct walk_thread *wrap_threads(const struct walker *w,
				       size_t *n) WRAP(walker_threads);
void wrap_define(struct target *t, struct known *k) WRAP(define_state);
struct sample wrap_sample(struct target *t, struct known *k) WRAP(sample_of);

bool wrap_next(struct interrupts *in, uint64_t until, struct interrupt *out)
{
	struct reading *r = (struct reading *)(void *)in;

	if (r->at == r->nrecords || r->records[r->at].when >= until)
		return false;
	*out = r->records[r->at++];
	return true;
}

void wrap_interrupted(struct walker *w, size_t i, const struct interrupt *in)
{
	struct reading *r = (struct reading *)(void *)w;

	assert_in_range(i, 0, r->t.nrows - 1);
	r->stacks[i] = (uint32_t)in->head;
	r->gil = (uint8_t)in->exc;
	r->decoded[i].loss = (uint32_t)in->next;
	r->decodes++;
}

void wrap_ended(struct walker *w, size_t i)
{
	struct reading *r = (struct reading *)(void *)w;

	assert_in_range(i, 0, r->t.nrows - 1);
	r->ended[i]++;
}

const struct walk_thread *wrap_threads(const struct walker *w, size_t *n)
{
	const struct reading *r = (const struct reading *)(const void *)w;

	*n = r->t.nrows;
	return r->decoded;
}

/* `wait` says all that is known of the call. */
void wrap_define(struct target *t, struct known *k)
{
	const struct reading *r = (const struct reading *)t;
	const struct thread_look *l = &k->look;
	char text[80] = "";

	assert_false(k->runnable || k->blocked || k->passing || k->over_budget);
	k->runnable = k->blocked = k->passing = k->over_budget = true;
	if (l->call >= 0)
		snprintf(text, sizeof(text), "%d %d %d %d%s", (int)l->call,
			 (int)l->args[0], (int)l->args[5], (int)l->first,
			 l->past ? " past" : "");
	k->def = (struct state_def){
		.run = l->run,
		.gil = r->gil,
		.flags = STATE_EXCEPTION,
		.wait = symbols_string(&t->symbols, text, strlen(text))};
}

struct sample wrap_sample(struct target *t, struct known *k)
{
	const struct reading *r = (const struct reading *)t;

	return (struct sample){.tid = k->tid,
			       .stack = r->stacks[k->row],
			       .state = symbols_state(&t->symbols, &k->def),
			       .loss = r->decoded[k->row].loss};
}

/* ---- a sink ---- */

static struct reading *reading_of(struct sink *s)
{
	return (struct reading *)(void *)((char *)s -
					  offsetof(struct reading, sink));
}

static int call(struct reading *r)
{
	return ++r->calls == r->fails ? -EPIPE : 0;
}

static int on_tick(struct sink *s, const struct source_symbols *syms,
		   const struct tick *tick)
{
	struct reading *r = reading_of(s);

	assert_ptr_equal(syms->table, &r->t.symbols);
	r->ticks = grow(r->ticks, &r->cap_ticks, r->nticks + 1,
			sizeof(*r->ticks));
	r->ticks[r->nticks++] = *tick;
	return call(r);
}

static int on_sample(struct sink *s, const struct source_symbols *syms,
		     const struct sample *sample)
{
	struct reading *r = reading_of(s);

	assert_in_range(sample->stack, 0, syms->table->nstacks - 1);
	r->notes = grow(r->notes, &r->cap_notes, r->nnotes + 1,
			sizeof(*r->notes));
	r->notes[r->nnotes++] = (struct note){r->nticks, *sample};
	return call(r);
}

static const struct sink_ops ops = {.tick = on_tick, .sample = on_sample};

/* ---- a target ---- */

static void push(struct symbols *s, uint32_t number)
{
	struct code_def code = {.name = symbols_string(s, "f", 1)};
	struct frame_def frame = {.code = symbols_code(s, &code),
				  .line = number};

	assert_int_equal(symbols_stack(s, 0, symbols_frame(s, &frame)), number);
}

/* They are looked at when the round begins, asleep in stack 9. */
void reading_add(struct reading *r)
{
	size_t i = r->t.nrows++;
	struct known *k = r->rows[i] = &r->known[i];

	k->tid = (uint32_t)i + 1;
	k->inside = k->tid + INSIDE;
	k->row = i;
	k->wanted = true;
	k->looked_ns = SINCE;
	k->runnable = k->blocked = k->passing = k->over_budget = true;
	k->def.run = RUN_SLEEPING;
	k->def.gil = GIL_NEITHER;
	r->stacks[i] = 9;
	map_put(&r->t.ticking.of, k->inside, (uint32_t)i);
	stay_as_looked(&r->t, k);
}

void reading_init(struct reading *r, size_t threads)
{
	struct ticking *g = &r->t.ticking;
	uint32_t i;

	memset(r, 0, sizeof(*r));
	symbols_init(&r->t.symbols);
	for (i = 1; i <= STACKS; i++)
		push(&r->t.symbols, i);
	r->t.source = (struct source_symbols){&r->t.symbols, 1};
	r->t.rows = r->rows;
	r->t.walker = (struct walker *)(void *)r;
	g->from = (struct interrupts *)(void *)r;
	g->since_ns = SINCE;
	g->step_ns = STEP * US;
	g->grain_ns = 1;
	g->random = RANDOM;
	g->list = 7;
	map_init(&g->of);
	r->sink.ops = &ops;
	while (r->t.nrows < threads)
		reading_add(r);
}

void reading_release(struct reading *r)
{
	free(r->ticks);
	free(r->notes);
	free(r->records);
	free(r->t.ticking.found);
	free(r->t.ticking.changes);
	map_release(&r->t.ticking.of);
	symbols_release(&r->t.symbols);
}

int reading_set_up(void **state)
{
	struct reading *r = xcalloc(1, sizeof(*r));

	reading_init(r, 1);
	*state = r;
	return 0;
}

int reading_tear_down(void **state)
{
	reading_release(*state);
	free(*state);
	return 0;
}

/* ---- records ---- */

uint64_t at_us(int64_t us)
{
	return SINCE + (uint64_t)(us * US);
}

struct interrupt *saw(struct reading *r, enum interrupt_kind kind,
		      uint32_t tid, int64_t us)
{
	struct interrupt *in;

	r->records = grow(r->records, &r->cap_records, r->nrecords + 1,
			  sizeof(*r->records));
	in = &r->records[r->nrecords++];
	*in = (struct interrupt){.at = at_us(us),
				 .when = at_us(us),
				 .tid = tid + INSIDE,
				 .kind = kind,
				 .exc = GIL_NEITHER,
				 .call = -1};
	return in;
}

/* `came`: 0: before we began. */
struct interrupt *finds(struct reading *r, uint32_t tid, int64_t us,
			int64_t came, uint32_t stack)
{
	struct interrupt *in = saw(r, INTERRUPT_TICK, tid, us);

	in->came = came ? at_us(came) : 0;
	in->head = stack;
	in->facts[INTERRUPT_FACTS - 1] = RANDOM;
	return in;
}

struct interrupt *leaves(struct reading *r, uint32_t tid, int64_t us,
			 int64_t came, uint32_t why, uint32_t stack)
{
	struct interrupt *in = finds(r, tid, us, came, stack);

	in->kind = INTERRUPT_LEAVES;
	in->why = why;
	return in;
}

void woken(struct reading *r, uint32_t tid, int64_t us)
{
	saw(r, INTERRUPT_WOKEN, tid, us);
}

void ended(struct reading *r, uint32_t tid, int64_t us)
{
	saw(r, INTERRUPT_ENDED, tid, us);
}

void by_late(struct reading *r, int64_t us)
{
	r->records[r->nrecords - 1].at += (uint64_t)(us * US);
}

/* ---- a reading, and what it told ---- */

/* What was seen before `until`, of ticks up to `last`. */
void reads_until(struct reading *r, uint64_t last, int64_t until)
{
	assert_int_equal(replay(&r->t, at_us(until), last), last);
	assert_int_equal(tell_ticks(&r->t, &r->sink, last), 0);
	assert_int_equal(r->nticks, last);
	assert_int_equal(r->t.ticking.told, last);
}

void reads(struct reading *r, uint64_t last)
{
	reads_until(r, last, (int64_t)(last + 1) * STEP - EARLY);
}

/* The one sample that was told of the thread in that tick; NULL: none was. */
const struct sample *sample_at(const struct reading *r, size_t tick,
			       uint32_t tid)
{
	const struct sample *found = NULL;
	size_t i;

	for (i = 0; i < r->nnotes; i++) {
		if (r->notes[i].tick != tick || r->notes[i].s.tid != tid)
			continue;
		assert_null(found);
		found = &r->notes[i].s;
	}
	return found;
}

char run_at(const struct reading *r, const struct sample *s)
{
	return "ucsdtr"[r->t.symbols.states[s->state].run];
}

/* Tick by tick its stack, and how it runs: unknown, cpu, sleeping, disk, ... */
void is_told(const struct reading *r, uint32_t tid, const char *expected)
{
	const struct sample *s;
	struct str text;
	size_t i;

	str_init(&text);
	for (i = 1; i <= r->nticks; i++) {
		s = sample_at(r, i, tid);
		str_adds(&text, i > 1 ? " " : "");
		if (s)
			str_addf(&text, "%u%c", s->stack, run_at(r, s));
		else
			str_adds(&text, "--");
	}
	assert_string_equal(text.data, expected);
	str_release(&text);
}
