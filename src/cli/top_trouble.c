/*
 * What is wrong with what "pystrobe top" looks at, while it lasts.
 */
#include "top_priv.h"

/* In its last interval none of its threads was anything else. */
static bool is_stopped(const struct profile *p, uint32_t pid)
{
	const struct profile_cell *c;
	bool stopped = false;
	size_t i;

	for (i = 0; i < p->ncells; i++) {
		c = &p->cells[i];
		if (p->threads[c->thread].pid != pid)
			continue;
		if (p->symbols.states[c->state].run != RUN_STOPPED)
			return false;
		stopped = true;
	}
	return stopped;
}

static void add_stopped(struct str *out, const struct kernel_side *k,
			uint32_t pid)
{
	struct process_stat st;

	if (k->open && !process_stat_read(&k->process, &st) && st.tracer) {
		str_addf(out, "process %u is stopped by ", pid);
		add_process(out, st.tracer);
		str_adds(out, ", which traces it");
	} else {
		str_addf(out, "process %u is stopped; 'kill -CONT %u' lets it "
			 "go on", pid, pid);
	}
}

static bool add_one(struct str *out, const struct live *l, size_t i)
{
	const struct kernel_side *k = &l->kernel[i];
	uint32_t pid = l->processes[i].pid;

	if (l->processes[i].ended)
		return false;
	if (k->away) {
		add_process(out, (pid_t)pid);
		str_adds(out, " is no Python now; waiting until it is");
	} else if (is_stopped(l->last, pid)) {
		add_stopped(out, k, pid);
	} else if (k->tracer) {
		str_addf(out, "%u is traced by ", pid);
		add_process(out, k->tracer);
		str_adds(out, ": what moves is not whole");
	} else if (k->refused) {
		str_addf(out, "threads of %u may not be stopped: what moves is "
			 "not whole", pid);
	} else {
		return false;
	}
	return true;
}

void add_trouble(struct str *out, const struct live *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (add_one(out, l, i))
			return;
}
