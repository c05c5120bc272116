#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base.h"
#include "interrupt_priv.h"

#define RING_BYTES (1u << 20) /* a power of two, and whole pages */
#define THREADS_MAX 8192u /* to make room for more takes a millisecond each */
#define SPREAD_NS 100000u /* in which all processors must begin, */
#define SPREAD_PART 5     /* or in that part of a period */
#define SPREAD_TRIES 5
#define LENGTH (~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT))

struct interrupts {
	struct interrupt_maps maps;
	size_t state_bytes, stride;
	int programs[PROGRAMS], links[PROGRAMS];
	int news;    /* tells who waits of each wake-up once */
	struct event { /* one for each processor */
		int fd, cpu;
		int64_t phase_ns; /* by which its ticks come later than due */
	} *events;
	size_t nevents, cap_events;
	bool begun;
	/* The ring: what we have read, what was written, and the bytes. */
	unsigned char *consumed, *produced;
	uint64_t *lost;
	size_t page;
	uint64_t at; /* of the next record */
};

static int make_map(int *map, uint32_t type, uint32_t key, uint32_t value,
		    uint32_t entries, uint32_t flags)
{
	*map = bpf_map(type, key, value, entries, flags);
	return *map < 0 ? *map : 0;
}

static int make_maps(struct interrupts *in)
{
	struct interrupt_maps *m = &in->maps;
	int ret = make_map(&m->seen, BPF_MAP_TYPE_PERCPU_ARRAY, 4, SEEN_BYTES,
			   1, 0);

	if (!ret)
		ret = make_map(&m->threads, BPF_MAP_TYPE_HASH, 4, 8,
			       THREADS_MAX, 0);
	if (!ret)
		ret = make_map(&m->tasks, BPF_MAP_TYPE_HASH, 8, 4, THREADS_MAX,
			       0);
	if (!ret)
		ret = make_map(&m->ring, BPF_MAP_TYPE_RINGBUF, 0, 0, RING_BYTES,
			       0);
	if (!ret)
		ret = make_map(&m->lost, BPF_MAP_TYPE_ARRAY, 4, 8, 1,
			       BPF_F_MMAPABLE);
	return ret;
}

/*
 * Raw tracepoints, since the kernel waits for 50 ms when the end of another kind of
 * tracepoint is asked for.
 */
static const char *const tracepoints[PROGRAMS] = {
	[PROGRAM_SWITCH] = "sched_switch",
	[PROGRAM_WAKE] = "sched_wakeup",
	[PROGRAM_EXIT] = "sched_process_exit",
};

static int load(struct interrupts *in, int i, const struct interrupt_plan *plan)
{
	struct bpf_code *c = xcalloc(1, sizeof(*c));
	int ret;

	interrupt_program(c, i, plan, &in->maps, RING_BYTES / 2);
	ret = bpf_load(c, tracepoints[i] ? BPF_PROG_TYPE_RAW_TRACEPOINT
					 : BPF_PROG_TYPE_PERF_EVENT);
	free(c);
	in->programs[i] = ret;
	if (ret >= 0 && tracepoints[i])
		ret = in->links[i] = bpf_attach(ret, tracepoints[i]);
	return ret < 0 ? ret : 0;
}

static int load_all(struct interrupts *in, const struct interrupt_plan *plan)
{
	int i, ret = 0;

	for (i = 0; i < PROGRAMS && !ret; i++)
		ret = load(in, i, plan);
	return ret;
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
	p = mmap(NULL, in->page, PROT_READ | PROT_WRITE, MAP_SHARED,
		 in->maps.lost, 0);
	if (p == MAP_FAILED)
		return -errno;
	in->lost = p;
	return 0;
}

/*
 * What we have not read yet would make the ring itself one that can be read, all the
 * time.
 */
static int listen_to_ring(struct interrupts *in)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLET};

	in->news = epoll_create1(EPOLL_CLOEXEC);
	if (in->news < 0 ||
	    epoll_ctl(in->news, EPOLL_CTL_ADD, in->maps.ring, &e))
		return -errno;
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
	in->events[in->nevents++] = (struct event){.fd = fd, .cpu = cpu};
	return ioctl(fd, PERF_EVENT_IOC_SET_BPF,
		     in->programs[PROGRAM_TICK]) ? -errno : 0;
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

/* A program may not wait there for a lock, which on these kernels it might. */
static bool is_real_time(void)
{
	struct utsname name;

	return uname(&name) || strstr(name.version, "PREEMPT_RT");
}

static int begin(struct interrupts *in, const struct interrupt_plan *plan)
{
	int ret = make_maps(in);

	if (!ret)
		ret = map_ring(in);
	if (!ret)
		ret = listen_to_ring(in);
	if (!ret)
		ret = load_all(in, plan);
	return ret ? ret : open_events(in);
}

int interrupts_new(struct interrupts **out, pid_t pid, uint32_t inside,
		   const struct interrupt_plan *plan)
{
	struct interrupts *in;
	int ret, i;

	if (!REGS_KNOWN || is_real_time())
		return -ENOTSUP;
	in = xcalloc(1, sizeof(*in));
	for (i = 0; i < PROGRAMS; i++)
		in->programs[i] = in->links[i] = -1;
	in->news = -1;
	in->state_bytes = interrupt_state_bytes(plan);
	in->stride = interrupt_stride(plan);
	in->maps = (struct interrupt_maps){-1, -1, -1, -1, -1, 0, 0, 0};
	ret = find_namespace(in, pid, inside);
	if (!ret)
		ret = begin(in, plan);
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
		close(in->events[i].fd);
	for (i = 0; i < PROGRAMS; i++) {
		close_if(in->links[i]);
		close_if(in->programs[i]);
	}
	if (in->lost)
		munmap(in->lost, in->page);
	if (in->consumed)
		munmap(in->consumed, in->page);
	if (in->produced)
		munmap(in->produced, in->page + 2 * (size_t)RING_BYTES);
	close_if(in->news);
	close_if(in->maps.seen);
	close_if(in->maps.threads);
	close_if(in->maps.tasks);
	close_if(in->maps.ring);
	close_if(in->maps.lost);
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
	struct event *e;
	uint64_t before;
	size_t i;

	for (i = 0; i < in->nevents; i++) {
		e = &in->events[i];
		before = clock_mono();
		if (ioctl(e->fd, PERF_EVENT_IOC_PERIOD, &period_ns) ||
		    (!in->begun && ioctl(e->fd, PERF_EVENT_IOC_ENABLE, 0)))
			return -errno;
		e->phase_ns = (int64_t)(before + (clock_mono() - before) / 2);
	}
	in->begun = true;
	return 0;
}

int interrupts_every(struct interrupts *in, uint64_t period_ns, uint64_t *since,
		     uint64_t *spread)
{
	uint64_t before;
	unsigned i;
	size_t j;
	int ret;

	/* One more than there were: no event is of that. */
	if ((size_t)sysconf(_SC_NPROCESSORS_ONLN) > in->nevents)
		return -ENODEV;
	for (i = 0; i < SPREAD_TRIES; i++) {
		before = clock_mono();
		ret = set_period(in, period_ns);
		if (ret)
			return ret;
		*spread = clock_mono() - before;
		*since = before + *spread / 2;
		if (*spread > SPREAD_NS && *spread > period_ns / SPREAD_PART)
			continue;
		for (j = 0; j < in->nevents; j++)
			in->events[j].phase_ns -= (int64_t)*since;
		return 0;
	}
	return -ETIME;
}

int interrupts_fd(const struct interrupts *in)
{
	return in->news;
}

void interrupts_heard(struct interrupts *in)
{
	struct epoll_event e;

	epoll_wait(in->news, &e, 1, 0);
}

uint64_t interrupts_lost(struct interrupts *in)
{
	return __atomic_exchange_n(in->lost, 0, __ATOMIC_ACQ_REL);
}

/* ---- the ring (Documentation/bpf/ringbuf.rst) ---- */

static uint64_t position(const unsigned char *p)
{
	return __atomic_load_n((const uint64_t *)(const void *)p,
			       __ATOMIC_ACQUIRE);
}

static int64_t phase_of(const struct interrupts *in, uint32_t cpu)
{
	size_t i = cpu < in->nevents ? cpu + 1 : in->nevents;

	/* At once, unless some are off. */
	while (i-- > 0)
		if ((uint32_t)in->events[i].cpu == cpu)
			return in->begun ? in->events[i].phase_ns : 0;
	return 0;
}

static void fill(const struct interrupts *in, const unsigned char *p,
		 size_t len, struct interrupt *out)
{
	size_t head = sizeof(struct record) + in->state_bytes;
	struct record r;

	memcpy(&r, p, sizeof(r));
	/* That processor's own. */
	out->came = r.came ? r.came - (out->at - out->when) : 0;
	out->from_idle = r.came && !r.from;
	out->took_ns = r.took;
	out->next = r.next;
	out->head = r.frame;
	out->cut = len + in->stride > SEEN_BYTES - offsetof(struct seen, record);
	out->exc = r.exc;
	memcpy(out->facts, r.facts, sizeof(out->facts));
	out->state = p + offsetof(struct record, state);
	out->frames = p + head;
	out->n = (len - head) / in->stride;
	out->stride = in->stride;
	if (out->kind != INTERRUPT_LEAVES)
		return;
	out->why = r.why;
	out->call = (int64_t)r.call;
	memcpy(out->args, r.args, sizeof(out->args));
	out->first = r.first;
}

/* The record at `p`; false when it is none that is known. */
static bool parse(const struct interrupts *in, const unsigned char *p,
		  size_t len, struct interrupt *out)
{
	struct record_head h;
	bool whole;

	if (len < sizeof(h))
		return false;
	memcpy(&h, p, sizeof(h));
	*out = (struct interrupt){.at = h.when,
				  .when = h.when -
					  (uint64_t)phase_of(in, h.cpu),
				  .tid = h.tid,
				  .kind = (enum interrupt_kind)h.kind,
				  .call = -1};
	whole = h.kind == INTERRUPT_TICK || h.kind == INTERRUPT_LEAVES;
	if (!whole)
		return true;
	if (len < sizeof(struct record) + in->state_bytes)
		return false;
	fill(in, p, len, out);
	return true;
}

bool interrupts_next(struct interrupts *in, uint64_t until,
		     struct interrupt *out)
{
	const unsigned char *p;
	uint32_t header;
	size_t len;
	bool known;

	while (in->at < position(in->produced)) {
		p = in->produced + in->page + (in->at & (RING_BYTES - 1));
		header = __atomic_load_n((const uint32_t *)(const void *)p,
					 __ATOMIC_ACQUIRE);
		if (header & BPF_RINGBUF_BUSY_BIT)
			return false;
		len = header & LENGTH;
		known = !(header & BPF_RINGBUF_DISCARD_BIT) &&
			parse(in, p + BPF_RINGBUF_HDR_SZ, len, out);
		if (known && out->when >= until)
			return false;
		in->at += (len + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
		if (known)
			return true;
	}
	return false;
}

void interrupts_done(struct interrupts *in)
{
	__atomic_store_n((uint64_t *)(void *)in->consumed, in->at,
			 __ATOMIC_RELEASE);
}
