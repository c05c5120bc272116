#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base.h"
#include "interrupt_priv.h"

#define RING_BYTES (1u << 20) /* a power of two, and whole pages */
#define THREADS_MAX 32768u
#define SPREAD_NS 100000u /* in which all processors must begin, */
#define SPREAD_PART 5     /* or in that part of a period */
#define SPREAD_TRIES 5
#define LENGTH (~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT))

struct interrupts {
	struct interrupt_maps maps;
	size_t state_bytes, stride;
	int program;
	int *events; /* one for each processor */
	size_t nevents, cap_events;
	bool begun;
	/* The ring: what we have read, what was written, and the bytes. */
	unsigned char *consumed, *produced;
	size_t page;
	uint64_t at; /* of the next record */
};

static int make_maps(struct interrupts *in)
{
	struct interrupt_maps *m = &in->maps;

	m->seen = bpf_map(BPF_MAP_TYPE_PERCPU_ARRAY, 4, SEEN_BYTES, 1);
	m->threads = bpf_map(BPF_MAP_TYPE_HASH, 4, 8, THREADS_MAX);
	m->ring = bpf_map(BPF_MAP_TYPE_RINGBUF, 0, 0, RING_BYTES);
	if (m->seen < 0)
		return m->seen;
	if (m->threads < 0)
		return m->threads;
	return m->ring < 0 ? m->ring : 0;
}

static int load(struct interrupts *in, const struct interrupt_plan *plan)
{
	struct bpf_code *c = xcalloc(1, sizeof(*c));

	interrupt_program(c, plan, &in->maps, RING_BYTES / 2);
	in->program = bpf_load(c);
	free(c);
	return in->program < 0 ? in->program : 0;
}

static int map_ring(struct interrupts *in)
{
	void *p;

	in->page = (size_t)sysconf(_SC_PAGESIZE);
	p = mmap(NULL, in->page, PROT_READ | PROT_WRITE, MAP_SHARED,
		 in->maps.ring, 0);
	if (p == MAP_FAILED)
		return -errno;
	in->consumed = p;
	/* The bytes are there twice, so that none is cut by the end. */
	p = mmap(NULL, in->page + 2 * (size_t)RING_BYTES, PROT_READ, MAP_SHARED,
		 in->maps.ring, (off_t)in->page);
	if (p == MAP_FAILED)
		return -errno;
	in->produced = p;
	return 0;
}

static int open_event(struct interrupts *in, int cpu)
{
	struct perf_event_attr a = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(a),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 1000000000,
		.disabled = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &a, -1, cpu, -1,
			      PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return -errno;
	in->events = grow(in->events, &in->cap_events, in->nevents + 1,
			  sizeof(*in->events));
	in->events[in->nevents++] = fd;
	return ioctl(fd, PERF_EVENT_IOC_SET_BPF, in->program) ? -errno : 0;
}

static int open_events(struct interrupts *in)
{
	long cpu, n = sysconf(_SC_NPROCESSORS_CONF);
	int ret;

	for (cpu = 0; cpu < n; cpu++) {
		ret = open_event(in, (int)cpu);
		/* One that is off. */
		if (ret && ret != -ENODEV)
			return ret;
	}
	return in->nevents ? 0 : -ENODEV;
}

static int find_namespace(struct interrupts *in, pid_t pid, uint32_t inside)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	if (stat(path, &st))
		return -errno;
	in->maps.ns_dev = st.st_dev;
	in->maps.ns_ino = st.st_ino;
	in->maps.process = inside;
	return 0;
}

int interrupts_new(struct interrupts **out, pid_t pid, uint32_t inside,
		   const struct interrupt_plan *plan)
{
	struct interrupts *in = xcalloc(1, sizeof(*in));
	int ret;

	in->program = -1;
	in->state_bytes = interrupt_state_bytes(plan);
	in->stride = interrupt_stride(plan);
	in->maps = (struct interrupt_maps){-1, -1, -1, 0, 0, 0};
	ret = find_namespace(in, pid, inside);
	if (!ret)
		ret = make_maps(in);
	if (!ret)
		ret = load(in, plan);
	if (!ret)
		ret = map_ring(in);
	if (!ret)
		ret = open_events(in);
	if (ret) {
		interrupts_free(in);
		return ret;
	}
	*out = in;
	return 0;
}

static void close_if(int fd)
{
	if (fd >= 0)
		close(fd);
}

void interrupts_free(struct interrupts *in)
{
	size_t i;

	if (!in)
		return;
	for (i = 0; i < in->nevents; i++)
		close(in->events[i]);
	if (in->consumed)
		munmap(in->consumed, in->page);
	if (in->produced)
		munmap(in->produced, in->page + 2 * (size_t)RING_BYTES);
	close_if(in->program);
	close_if(in->maps.seen);
	close_if(in->maps.threads);
	close_if(in->maps.ring);
	free(in->events);
	free(in);
}

int interrupts_tell(struct interrupts *in, uint32_t tid, raddr tstate)
{
	return bpf_map_put(in->maps.threads, &tid, &tstate);
}

void interrupts_forget(struct interrupts *in, uint32_t tid)
{
	bpf_map_delete(in->maps.threads, &tid);
}

static int set_period(struct interrupts *in, uint64_t period_ns)
{
	size_t i;

	for (i = 0; i < in->nevents; i++) {
		if (ioctl(in->events[i], PERF_EVENT_IOC_PERIOD, &period_ns))
			return -errno;
		if (!in->begun &&
		    ioctl(in->events[i], PERF_EVENT_IOC_ENABLE, 0))
			return -errno;
	}
	in->begun = true;
	return 0;
}

int interrupts_every(struct interrupts *in, uint64_t period_ns, uint64_t *since,
		     uint64_t *spread)
{
	uint64_t before;
	unsigned i;
	int ret;

	for (i = 0; i < SPREAD_TRIES; i++) {
		before = clock_mono();
		ret = set_period(in, period_ns);
		if (ret)
			return ret;
		*spread = clock_mono() - before;
		*since = before + *spread / 2;
		if (*spread <= SPREAD_NS || *spread <= period_ns / SPREAD_PART)
			return 0;
	}
	return -ETIME;
}

int interrupts_fd(const struct interrupts *in)
{
	return in->maps.ring;
}

/* ---- the ring (Documentation/bpf/ringbuf.rst) ---- */

static uint64_t position(const unsigned char *p)
{
	return __atomic_load_n((const uint64_t *)(const void *)p,
			       __ATOMIC_ACQUIRE);
}

static void fill(const struct interrupts *in, const unsigned char *p,
		 size_t len, struct interrupt *out)
{
	size_t head = sizeof(struct record) + in->state_bytes;
	struct record r;

	memcpy(&r, p, sizeof(r));
	*out = (struct interrupt){
		.when = r.when,
		.tid = r.tid,
		.known = r.known != 0,
		.next = r.next,
		.head = r.head,
		.cut = len + in->stride > SEEN_BYTES - sizeof(uint64_t),
		.exc = r.exc,
		.state = p + offsetof(struct record, state),
		.frames = p + head,
		.n = (len - head) / in->stride,
		.stride = in->stride,
	};
	memcpy(out->facts, r.facts, sizeof(out->facts));
}

bool interrupts_next(struct interrupts *in, struct interrupt *out)
{
	const unsigned char *p;
	uint32_t header;
	size_t len;

	while (in->at < position(in->produced)) {
		p = in->produced + in->page + (in->at & (RING_BYTES - 1));
		header = __atomic_load_n((const uint32_t *)(const void *)p,
					 __ATOMIC_ACQUIRE);
		if (header & BPF_RINGBUF_BUSY_BIT)
			return false;
		len = header & LENGTH;
		in->at += (len + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
		if (header & BPF_RINGBUF_DISCARD_BIT ||
		    len < sizeof(struct record) + in->state_bytes)
			continue;
		fill(in, p + BPF_RINGBUF_HDR_SZ, len, out);
		return true;
	}
	return false;
}

void interrupts_done(struct interrupts *in)
{
	__atomic_store_n((uint64_t *)(void *)in->consumed, in->at,
			 __ATOMIC_RELEASE);
}
