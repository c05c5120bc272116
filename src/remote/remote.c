#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base.h"
#include "remote.h"

#define BATCH 64 /* ranges in one call; well below IOV_MAX */

struct buffer {
	raddr addr;
	const unsigned char *data;
	size_t len;
};

struct remote {
	/* Reads ranges in order and returns the bytes, like the system call. */
	ssize_t (*readv)(struct remote *r, const struct range *ranges,
			 size_t n);
	pid_t pid;
	remote_reader *reader;
	void *arg;
	struct buffer *buffers;
	size_t nbuffers, cap;
	uint64_t calls;
};

static ssize_t process_readv(struct remote *r, const struct range *ranges,
			     size_t n)
{
	struct iovec to[BATCH], from[BATCH];
	ssize_t got;
	size_t i;

	for (i = 0; i < n; i++) {
		to[i].iov_base = ranges[i].to;
		from[i].iov_base = (void *)(uintptr_t)ranges[i].addr;
		to[i].iov_len = from[i].iov_len = ranges[i].len;
	}
	got = process_vm_readv(r->pid, to, n, from, n, 0);
	return got < 0 ? -errno : got;
}

static size_t buffer_copy(const struct remote *r, const struct range *range)
{
	const struct buffer *b;
	size_t i, off, n;

	for (i = 0; i < r->nbuffers; i++) {
		b = &r->buffers[i];
		if (range->addr < b->addr || range->addr - b->addr >= b->len)
			continue;
		off = (size_t)(range->addr - b->addr);
		n = b->len - off < range->len ? b->len - off : range->len;
		memcpy(range->to, b->data + off, n);
		return n;
	}
	return 0;
}

static ssize_t buffers_readv(struct remote *r, const struct range *ranges,
			     size_t n)
{
	ssize_t sum = 0;
	size_t i, got;

	for (i = 0; i < n; i++) {
		got = buffer_copy(r, &ranges[i]);
		sum += (ssize_t)got;
		if (got < ranges[i].len)
			break;
	}
	return sum ? sum : -EFAULT;
}

struct remote *remote_new_process(pid_t pid)
{
	struct remote *r = xcalloc(1, sizeof(*r));

	r->readv = process_readv;
	r->pid = pid;
	return r;
}

struct remote *remote_new_buffers(void)
{
	struct remote *r = xcalloc(1, sizeof(*r));

	r->readv = buffers_readv;
	return r;
}

static ssize_t reader_readv(struct remote *r, const struct range *ranges,
			    size_t n)
{
	return r->reader(r->arg, ranges, n);
}

struct remote *remote_new_reader(remote_reader *reader, void *arg)
{
	struct remote *r = xcalloc(1, sizeof(*r));

	r->readv = reader_readv;
	r->reader = reader;
	r->arg = arg;
	return r;
}

void remote_add(struct remote *r, raddr addr, const void *data, size_t len)
{
	r->buffers = grow(r->buffers, &r->cap, r->nbuffers + 1,
			  sizeof(*r->buffers));
	r->buffers[r->nbuffers++] = (struct buffer){addr, data, len};
}

void remote_free(struct remote *r)
{
	if (!r)
		return;
	free(r->buffers);
	free(r);
}

uint64_t remote_calls(const struct remote *r)
{
	return r->calls;
}

/* Fills `got` of each range from a total; returns how many are whole. */
static size_t share_out(struct range *ranges, size_t n, size_t total)
{
	size_t i;

	for (i = 0; i < n; i++) {
		ranges[i].got = total < ranges[i].len ? total : ranges[i].len;
		total -= ranges[i].got;
		if (ranges[i].got < ranges[i].len)
			break;
	}
	return i;
}

int remote_batch(struct remote *r, struct range *ranges, size_t n)
{
	size_t at = 0, now, whole;
	ssize_t got;

	while (at < n) {
		now = n - at < BATCH ? n - at : BATCH;
		got = r->readv(r, ranges + at, now);
		r->calls++;
		if (got < 0 && got != -EFAULT)
			return (int)got;
		whole = share_out(ranges + at, now, got < 0 ? 0 : (size_t)got);
		at += whole;
		/* The call ended at a bad address: go on behind it. */
		if (whole < now)
			at++;
	}
	return 0;
}

int remote_read(struct remote *r, raddr addr, void *to, size_t len)
{
	struct range range = {.addr = addr, .len = len, .to = to};
	int ret = remote_batch(r, &range, 1);

	if (!ret && range.got < len)
		ret = -EFAULT;
	return ret;
}
