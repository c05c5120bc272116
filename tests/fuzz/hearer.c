#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "recording.h"
#include "src/recording/recording_priv.h"
#include "tests/fuzz/hearer.h"
#include "tests/lib/scene.h"

/* ---- the sink ---- */

static struct hearer *hearer_of(struct sink *s)
{
	return (struct hearer *)((char *)s - offsetof(struct hearer, sink));
}

static int on_run(struct sink *s, const struct run_info *r)
{
	hearer_of(s)->ran = true;
	must_be_clean(r->host);
	must_be_clean(r->kernel);
	must_be_clean(r->program);
	return 0;
}

static int on_process(struct sink *s, const struct process_info *p)
{
	must(hearer_of(s)->ran);
	must_be_clean(p->command);
	must_be_clean(p->cwd);
	return 0;
}

static int on_thread(struct sink *s, const struct thread_info *i)
{
	must(hearer_of(s)->ran);
	must_be_clean(i->name);
	return 0;
}

static int on_tick(struct sink *s, const struct source_symbols *syms,
		   const struct tick *tick)
{
	struct hearer *h = hearer_of(s);

	(void)syms;
	must(h->ran);
	h->ticked = true;
	h->pid = tick->pid;
	return 0;
}

/* All symbols that are new since the last look. */
static void check_symbols(struct hearer *h, const struct source_symbols *syms)
{
	const struct symbols *t = syms->table;
	const struct stack_def *k;

	if (h->serial != syms->serial)
		h->strings = h->codes = h->frames = h->stacks = 0;
	h->serial = syms->serial;
	for (; h->strings < t->strings.len; h->strings++)
		must_be_clean(symbols_text(t, (uint32_t)h->strings));
	for (; h->codes < t->ncodes; h->codes++)
		must(t->codes[h->codes].name < h->strings &&
		     t->codes[h->codes].file < h->strings);
	for (; h->frames < t->nframes; h->frames++)
		must(t->frames[h->frames].code < h->codes &&
		     t->frames[h->frames].line <= INT32_MAX);
	for (; h->stacks < t->nstacks; h->stacks++) {
		k = &t->stacks[h->stacks];
		must(!h->stacks ||
		     (k->parent < h->stacks && k->frame < h->frames));
		must(k->depth == (h->stacks ? t->stacks[k->parent].depth + 1
					    : 0));
		must(k->depth <= DEPTH_MAX);
	}
}

static int on_sample(struct sink *s, const struct source_symbols *syms,
		     const struct sample *sample)
{
	struct hearer *h = hearer_of(s);
	const struct symbols *t = syms->table;

	check_symbols(h, syms);
	must(h->ticked && sample->loss < LOSS_CAUSES);
	must(sample->stack < t->nstacks && sample->state < t->nstates);
	must(t->states[sample->state].run < RUN_STATES);
	must(t->states[sample->state].wait < t->strings.len);
	return 0;
}

static const struct sink_ops hearer_ops = {
	.run = on_run,
	.process = on_process,
	.thread = on_thread,
	.tick = on_tick,
	.sample = on_sample,
};

void hearer_init(struct hearer *h)
{
	memset(h, 0, sizeof(*h));
	h->sink.ops = &hearer_ops;
}

/* ---- recordings ---- */

/* Ticks and their period in ms: one block, several, several chains. */
static const struct {
	unsigned ticks, period;
	bool clears;
} made[HEARER_RECORDINGS] = {
	{4, 10, false}, {25, 100, false}, {12, 400, true}, {30, 900, false},
};

void make_recording(struct str *to, unsigned which)
{
	char path[] = "/tmp/recording.XXXXXX";
	int fd = mkstemp(path);
	struct writer *w;
	struct scene s;
	unsigned i;

	must(fd >= 0);
	close(fd);
	must(!writer_open(&w, path, NULL));
	scene_init(&s, writer_sink(w), 4711, 7 + which,
		   made[which].period * 1000000u);
	s.clears = made[which].clears;
	scene_begin(&s);
	for (i = 0; i < made[which].ticks; i++)
		must(!scene_tick(&s));
	must(!writer_close(w, NULL));
	scene_release(&s);
	must(!file_read(to, AT_FDCWD, path, RAW_MAX));
	unlink(path);
}
