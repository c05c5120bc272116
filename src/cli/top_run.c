/*
 * The thread that draws for "pystrobe top": waits for slices, keys and what the
 * program writes, and shows them.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "top_priv.h"

#define BATCH_WIDTH 120u /* where there is no terminal */
#define POLL_MS 250

static bool all_ended(const struct top *t)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (!t->live.processes[i].ended)
			return false;
	return true;
}

/* True when the state of some subject is another one than before. */
static bool look_at_fates(struct top *t)
{
	bool changed = false, ended;
	struct fate f;
	size_t i;

	for (i = 0; i < t->n; i++) {
		sampling_fate(t->samples, i, &f);
		ended = t->live.processes[i].ended;
		if (!live_fate(&t->live, i, &f))
			continue;
		changed = true;
		if (f.ended && !ended)
			top_tell_fate(t, i, &f);
		else if (ended && !f.ended)
			live_notice(&t->live, "%s", "");
	}
	if (changed && t->n > 1 && all_ended(t) && !*f.why)
		live_notice(&t->live, "all %zu processes have ended%s", t->n,
			    t->batch ? "" : "; q quits");
	return changed;
}

/* ---- batch ---- */

static void write_block(struct top *t)
{
	unsigned width = isatty(STDOUT_FILENO)
				 ? terminal_columns(STDOUT_FILENO)
				 : BATCH_WIDTH;
	struct str out;
	int ret;

	str_init(&out);
	if (t->json) {
		top_json(&t->live.model, &t->state, t->limit, clock_wall(),
			 &out);
	} else {
		if (t->shown > 1)
			str_addc(&out, '\n');
		top_text(&t->live.model, &t->state, width, t->limit, t->ascii,
			 &out);
	}
	ret = fd_write_all(STDOUT_FILENO, out.data, out.len);
	str_release(&out);
	if (!ret)
		return;
	t->failed = true;
	/* Whoever reads has enough: head, or a pager that was left. */
	if (ret == -EPIPE)
		return;
	say("cannot write to standard output: %s", strerror(-ret));
	t->status = EXIT_FAILED;
}

/* ---- slices ---- */

/* Takes all slices that are there; true when there was one. */
static bool take_slices(struct top *t)
{
	struct profile *p;
	uint64_t before = t->live.slices;
	bool some = false;

	while ((p = feed_take(sampling_feed(t->samples)))) {
		live_take(&t->live, p, t->state.paused);
		some = true;
		if (t->waiting && t->live.slices)
			live_notice(&t->live, "%s", "");
		t->waiting = t->waiting && !t->live.slices;
		if (t->batch && t->live.slices != before && !t->failed &&
		    (!t->times || t->shown < t->times)) {
			t->shown++;
			look_at_fates(t);
			write_block(t);
		}
		before = t->live.slices;
	}
	if (!t->batch)
		t->shown = t->live.slices;
	t->live.model.dropped = feed_dropped(sampling_feed(t->samples));
	return some;
}

static bool is_over(struct top *t)
{
	if (*signals_asked() || t->failed || (t->times && t->shown >= t->times))
		return true;
	if (!sampling_over(t->samples))
		return false;
	look_at_fates(t);
	/* Of what has ended the screen stays until somebody has seen it. */
	return t->batch || !all_ended(t);
}

static void wait_for_news(struct top *t, bool keys)
{
	struct pollfd fds[3] = {
		{.fd = feed_fd(sampling_feed(t->samples)), .events = POLLIN},
		{.fd = t->pipe, .events = POLLIN},
		{.fd = keys ? terminal_fd() : -1, .events = POLLIN},
	};

	poll(fds, 3, POLL_MS);
}

/* ---- being stopped ---- */

/* Not before the targets are let go of: they would be stopped, too. */
static void suspend(struct top *t)
{
	sampling_hold(t->samples, true);
	terminal_leave();
	raise(SIGSTOP);
	terminal_return();
	sampling_hold(t->samples, false);
}

static void run_batch(struct top *t)
{
	while (!is_over(t)) {
		wait_for_news(t, false);
		if (signals_stop_asked())
			suspend(t);
		take_slices(t);
	}
	sampling_stop(t->samples);
	take_slices(t);
}

/* ---- the screen ---- */

static void make_screen(struct top *t)
{
	unsigned width, height;

	terminal_size(&width, &height);
	screen_free(t->screen);
	t->screen = screen_new(&t->live.model, &t->state, width, height);
}

static void draw(struct top *t)
{
	unsigned width, height;
	struct grid g;

	make_screen(t);
	terminal_size(&width, &height);
	grid_init(&g, width, height, t->ascii);
	screen_draw(t->screen, &t->state, &g);
	terminal_show(&g);
	grid_release(&g);
}

/* Written since the last time; the notice says so. */
static bool look_at_export(struct top *t)
{
	struct str text;
	bool done;

	if (!t->export)
		return false;
	str_init(&text);
	done = export_done(t->export, &text);
	if (done) {
		live_notice(&t->live, "%s", text.data);
		export_free(t->export);
		t->export = NULL;
	}
	str_release(&text);
	return done;
}

static void start_export(struct top *t)
{
	struct err err = {""};

	if (t->export) {
		live_notice(&t->live, "an export is being written still");
		return;
	}
	t->export = export_start(&t->live, &t->state, &err);
	if (t->export)
		live_notice(&t->live, "writing '%s' ...", t->state.input);
	else
		live_notice(&t->live, "%s", err.msg);
}

/* False to quit. */
static bool act(struct top *t, enum top_action action)
{
	switch (action) {
	case TOP_QUIT:
		return false;
	case TOP_RESET:
		live_reset(&t->live);
		break;
	case TOP_EXPORT:
		start_export(t);
		break;
	case TOP_SUSPEND:
		suspend(t);
		break;
	case TOP_REDRAW:
		terminal_redraw();
		break;
	case TOP_INTERVAL:
	case TOP_NOTHING:
		break;
	}
	return true;
}

/* A notice has been seen when a key comes; that of the end stays. */
static void drop_notice(struct top *t)
{
	if (!sampling_over(t->samples) && !t->export && t->live.slices)
		live_notice(&t->live, "%s", "");
}

static bool take_key(struct top *t, const struct top_key *key)
{
	bool paused = t->state.paused;
	uint64_t interval = t->state.interval_ns;
	enum top_action action;

	drop_notice(t);
	action = screen_key(t->screen, &t->state, key);
	if (t->state.interval_ns != interval)
		sampling_interval(t->samples, t->state.interval_ns);
	if (action == TOP_INTERVAL)
		live_notice(&t->live, "refreshes every %.4g s%s",
			    (double)t->state.interval_ns / 1e9,
			    t->state.interval_ns == interval
				    ? ", which is the limit"
				    : "");
	if (paused && !t->state.paused)
		live_go_on(&t->live);
	return act(t, action);
}

/* All keys that are there; false to quit. */
static bool take_keys(struct top *t, bool *some)
{
	struct top_key key;

	while (terminal_key(&key)) {
		*some = true;
		if (key.code == TOP_KEY_NONE)
			continue;
		if (!take_key(t, &key))
			return false;
		make_screen(t);
	}
	return true;
}

static void run_screen(struct top *t)
{
	bool changed = true;

	while (!is_over(t)) {
		if (changed)
			draw(t);
		wait_for_news(t, true);
		if (signals_stop_asked())
			suspend(t);
		changed = signals_continued();
		if (changed)
			terminal_return();
		changed |= take_slices(t);
		changed |= look_at_fates(t);
		changed |= look_at_export(t);
		while (top_read_output(t, false))
			changed |= t->state.view == TOP_OUTPUT;
		if (!take_keys(t, &changed))
			break;
	}
	sampling_stop(t->samples);
	/* What was asked for is written. */
	export_free(t->export);
	t->export = NULL;
	screen_free(t->screen);
	t->screen = NULL;
}

static int open_terminal(struct top *t)
{
	const char *no_colour = getenv("NO_COLOR");
	struct terminal_options o = {
		.colour = !no_colour || !*no_colour,
		.mouse = true,
	};
	struct err err = {""};
	int ret = terminal_open(&o, &err);

	if (ret) {
		complain(err.msg);
		t->status = EXIT_FAILED;
	}
	return ret;
}

static void run(struct top *t)
{
	sampling_interval(t->samples, t->state.interval_ns);
	if (t->batch)
		run_batch(t);
	else
		run_screen(t);
}

void top_run(struct top *t)
{
	struct err err = {""};
	size_t i;

	signals_catch_stop();
	if (!t->batch && open_terminal(t)) {
		for (i = 0; i < t->n; i++)
			target_free(t->targets[i]);
		return;
	}
	signals_before_end(terminal_abandon);
	t->samples = sampling_start(t->subjects, t->targets, t->n,
				    &t->sampling, &err);
	if (t->samples)
		run(t);
	terminal_close();
	signals_before_end(NULL);
	if (!t->samples) {
		live_notice(&t->live, "%s", "");
		complain(err.msg);
		t->status = EXIT_FAILED;
	}
}
