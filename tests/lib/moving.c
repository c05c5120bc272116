#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/made_python.h"
#include "tests/lib/moving.h"

bool is_of_chunk(const struct range *range)
{
	return range->addr >= CHUNK && range->addr < CHUNK + CHUNK_SIZE;
}

static bool copy(struct range *r)
{
	if (r->addr < BASE || r->addr + r->len > BASE + SIZE)
		return false;
	memcpy(r->to, memory + (r->addr - BASE), r->len);
	return true;
}

static ssize_t read_changing(void *arg, const struct range *ranges, size_t n)
{
	struct moving *m = arg;
	struct range range;
	ssize_t sum = 0;
	size_t i;

	m->calls++;
	if (is_of_chunk(ranges)) {
		m->nlog = n < MOVING_LOG ? n : MOVING_LOG;
		memcpy(m->log, ranges, m->nlog * sizeof(*ranges));
	}
	for (i = 0; i < n; i++) {
		range = ranges[i];
		if (m->change)
			m->change(m, &range);
		m->ranges++;
		m->bytes += range.len;
		if (!copy(&range))
			break;
		sum += (ssize_t)range.len;
	}
	return sum ? sum : -EFAULT;
}

void moving_begin(struct moving *m, unsigned frames)
{
	memset(m, 0, sizeof(*m));
	m->layout = chunk_layout();
	make_process(&m->layout, frames);
	m->remote = remote_new_reader(read_changing, m);
	m->walker = walker_new(m->remote, &m->layout, &made_entry, 42);
}

void moving_expect_name(struct moving *m, const struct walk_frame *frame,
			const char *name)
{
	assert_string_equal(walker_code(m->walker, frame->info)->name, name);
}

void moving_end(struct moving *m)
{
	walker_free(m->walker);
	remote_free(m->remote);
}

const struct walk_thread *moving_rows(struct moving *m, size_t want)
{
	const struct walk_thread *t;
	size_t n;

	t = walker_threads(m->walker, &n);
	assert_int_equal(n, want);
	return t;
}

const struct walk_thread *moving_look(struct moving *m, uint64_t now)
{
	bool lean = walker_lean(m->walker, now);

	assert_int_equal(walker_snapshot(m->walker, now), 0);
	if (lean && moving_rows(m, 1)->left)
		assert_int_equal(walker_again(m->walker, 0, false), 0);
	return moving_rows(m, 1);
}

void moving_head(struct moving *m, uint64_t frame)
{
	put8(CFRAME + (unsigned)m->layout.thread.cframe_frame, frame);
}

void moving_leaf(struct moving *m, unsigned frame)
{
	put8(TSTATE + (unsigned)m->layout.thread.chunk_top,
	     frame_at(frame + 1));
	moving_head(m, frame_at(frame));
}
