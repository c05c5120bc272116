#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base.h"
#include "profile.h"
#include "sampler.h"

struct feed {
	struct sink sink;
	struct profile *slice; /* of the thread that samples alone */
	bool full;             /* it takes nothing that is new to it */
	int fd;

	pthread_mutex_t lock; /* for all below */
	struct profile *queue[FEED_SLICES];
	size_t first, len;
	uint64_t dropped;
};

static struct feed *feed_of(struct sink *s)
{
	return (struct feed *)s;
}

static struct sink *slice_of(struct sink *s)
{
	return &feed_of(s)->slice->sink;
}

static int on_run(struct sink *s, const struct run_info *info)
{
	return slice_of(s)->ops->run(slice_of(s), info);
}

static int on_process(struct sink *s, const struct process_info *info)
{
	return slice_of(s)->ops->process(slice_of(s), info);
}

static int on_thread(struct sink *s, const struct thread_info *info)
{
	return slice_of(s)->ops->thread(slice_of(s), info);
}

static int on_tick(struct sink *s, const struct source_symbols *syms,
		   const struct tick *tick)
{
	struct feed *f = feed_of(s);

	f->full = profile_bytes(f->slice) > FEED_BYTES;
	return slice_of(s)->ops->tick(slice_of(s), syms, tick);
}

static int on_sample(struct sink *s, const struct source_symbols *syms,
		     const struct sample *sample)
{
	struct feed *f = feed_of(s);

	if (!f->full)
		return slice_of(s)->ops->sample(slice_of(s), syms, sample);
	pthread_mutex_lock(&f->lock);
	f->dropped++;
	pthread_mutex_unlock(&f->lock);
	return 0;
}

struct feed *feed_new(void)
{
	static const struct sink_ops ops = {
		.run = on_run,
		.process = on_process,
		.thread = on_thread,
		.tick = on_tick,
		.sample = on_sample,
	};
	struct feed *f = xcalloc(1, sizeof(*f));

	f->sink.ops = &ops;
	f->slice = profile_new();
	f->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	pthread_mutex_init(&f->lock, NULL);
	return f;
}

void feed_free(struct feed *f)
{
	struct profile *p;

	if (!f)
		return;
	while ((p = feed_take(f)))
		profile_free(p);
	profile_free(f->slice);
	pthread_mutex_destroy(&f->lock);
	if (f->fd >= 0)
		close(f->fd);
	free(f);
}

struct sink *feed_sink(struct feed *f)
{
	return &f->sink;
}

bool feed_cut(struct feed *f)
{
	struct profile *next;
	uint64_t one = 1;
	bool room;

	pthread_mutex_lock(&f->lock);
	room = f->len < FEED_SLICES;
	pthread_mutex_unlock(&f->lock);
	if (!room)
		return false;
	/* Only we add, so the room stays; the lock is held for no longer. */
	next = profile_next(f->slice);
	pthread_mutex_lock(&f->lock);
	f->queue[(f->first + f->len++) % FEED_SLICES] = f->slice;
	pthread_mutex_unlock(&f->lock);
	f->slice = next;
	if (write(f->fd, &one, sizeof(one)) < 0)
		return true; /* it can be read already */
	return true;
}

struct profile *feed_take(struct feed *f)
{
	struct profile *p = NULL;
	uint64_t count;

	pthread_mutex_lock(&f->lock);
	if (f->len) {
		p = f->queue[f->first];
		f->first = (f->first + 1) % FEED_SLICES;
		f->len--;
	}
	/* Empty: what told of it is taken back, as long as none can come. */
	if (!f->len && read(f->fd, &count, sizeof(count)) < 0)
		count = 0;
	pthread_mutex_unlock(&f->lock);
	return p;
}

int feed_fd(const struct feed *f)
{
	return f->fd;
}

uint64_t feed_dropped(struct feed *f)
{
	uint64_t n;

	pthread_mutex_lock(&f->lock);
	n = f->dropped;
	pthread_mutex_unlock(&f->lock);
	return n;
}
