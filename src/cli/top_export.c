/*
 * What is shown, as a file, while all else goes on: the thread that writes has
 * a copy.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "top_priv.h"

struct export {
	struct profile *profile;
	struct output output; /* renderer NULL: a recording */
	char *path;
	char *filter; /* of frames, or NULL */
	pthread_t thread;
	bool running;

	pthread_mutex_t lock;
	bool done;
	int ret;
	struct err err;
};

static int write_recording(struct export *e, struct err *err)
{
	struct err ignored;
	struct writer *w;
	int ret = writer_open(&w, e->path, err);

	if (ret)
		return ret;
	writer_at_leisure(w);
	ret = profile_replay(e->profile, writer_sink(w),
			     "pystrobe " PYSTROBE_VERSION
			     " top (added up: times are not those of samples)");
	if (!ret)
		return writer_close(w, err);
	err_set(err, ret, "cannot write '%s': %s", e->path, strerror(-ret));
	writer_abandon(w, &ignored);
	return ret;
}

static int apply_filter(struct export *e, struct err *err)
{
	const struct view *view = &e->output.options.view;
	struct view_count count;

	profile_focus_label(e->profile, view, e->filter);
	view_count(e->profile, view, &count);
	return count.samples ? 0
			     : err_set(err, -ENOENT,
				       "nothing is written to '%s': no stack "
				       "has '%s'", e->path, e->filter);
}

static void *work(void *arg)
{
	struct export *e = arg;
	struct err err = {""};
	int ret = 0;

	if (e->filter)
		ret = apply_filter(e, &err);
	if (!ret)
		ret = e->output.renderer
			      ? output_write(&e->output, e->path, e->profile,
					     &err)
			      : write_recording(e, &err);
	pthread_mutex_lock(&e->lock);
	e->done = true;
	e->ret = ret;
	e->err = err;
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

static int choose_format(struct export *e, struct err *err)
{
	bool recording;
	int ret;

	if (!strcmp(e->path, "-"))
		return err_set(err, -EINVAL, "an export needs a file's name");
	e->output.path = e->path;
	ret = output_resolve(&e->output, &recording, err);
	if (!ret && !recording && !e->output.renderer)
		ret = err_set(err, -EINVAL, "'%s' does not say its format; "
			      "end it in .svg or .strobe", e->path);
	if (!ret && e->output.renderer && e->output.renderer->timeline)
		ret = err_set(err, -EINVAL, "'%s' needs the order of the "
			      "samples, which is not kept; use 'record'",
			      e->path);
	return ret;
}

struct export *export_start(const struct live *l, const struct top_state *s,
			    struct err *err)
{
	struct export *e = xcalloc(1, sizeof(*e));
	struct profile part;
	sigset_t all, before;

	pthread_mutex_init(&e->lock, NULL);
	e->path = xstrdup(s->input);
	e->output.options.view = s->choice;
	if (s->view != TOP_LINES)
		e->output.options.view.label = LABEL_FUNCTION;
	if (choose_format(e, err)) {
		export_free(e);
		return NULL;
	}
	/* Those of threads and processes are of no frame. */
	if (*s->filter && s->view != TOP_THREADS && s->view != TOP_PROCESSES)
		e->filter = xstrdup(s->filter);
	e->profile = profile_new();
	profile_merge(e->profile, top_part(l->all, s, &part), NULL);
	free(part.cells);
	signals_hold(true);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	e->running = !pthread_create(&e->thread, NULL, work, e);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!e->running)
		work(e);
	return e;
}

bool export_done(struct export *e, struct str *text)
{
	bool done;

	pthread_mutex_lock(&e->lock);
	done = e->done;
	if (done && e->ret)
		str_adds(text, e->err.msg);
	else if (done)
		str_addf(text, "wrote '%s'", e->path);
	pthread_mutex_unlock(&e->lock);
	return done;
}

void export_free(struct export *e)
{
	if (!e)
		return;
	if (e->running)
		pthread_join(e->thread, NULL);
	signals_hold(false);
	pthread_mutex_destroy(&e->lock);
	profile_free(e->profile);
	free(e->path);
	free(e->filter);
	free(e);
}
