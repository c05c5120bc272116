/*
 * What a blocked thread waits for: a row for each system call that can take
 * long, and what its arguments say.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base.h"
#include "process_priv.h"
#include "profile.h"
#include "remote.h"
#include "wait_priv.h"

#define POLL_MAX 1024u     /* descriptors of a poll that we read */
#define SELECT_MAX 4096u   /* of a select */
#define SOCKADDR_MAX 128u  /* bytes; sizeof(struct sockaddr_storage) */
#define NAME_MAX_READ 256u /* bytes of a path in its memory */
#define FDINFO_MAX 4096u   /* bytes of /proc/PID/fdinfo/N */

#define POLLFD_SIZE 8u /* poll(2): int fd; short events, revents */
#define WAITV_ADDR 8u  /* struct futex_waitv of linux/futex.h: uaddr */

/* Of Linux 5.16, later than some C libraries; the number is everyone's. */
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

#define LARGE_SLOTS 16u
#define LARGE_NS 1000000000u

struct waits {
	const struct process *p;
	struct remote *r;
	struct sockets *sockets;
	struct str raw, link; /* working space */
	bool calls;           /* the kernel shows calls: -1 is a fact */
	/*
	 * Epoll descriptors that hold several others. The kernel locks one
	 * against its own users while it lists them all, so that is not asked
	 * for again for a second.
	 */
	struct large {
		int fd;
		uint64_t until;
	} large[LARGE_SLOTS];
};

struct wait_call {
	int64_t number;
	/* Appends raw bytes; false when nothing can be told. */
	bool (*tell)(struct waits *w, const struct thread_look *look,
		     const struct wait_call *c);
	const char *text; /* for `tell` */
	unsigned arg;     /* which argument */
};

/* What an argument points to; of the past there may be none. */
static int read_arg(struct waits *w, const struct thread_look *look,
		    uint64_t addr, void *to, size_t len)
{
	if (!look->past)
		return remote_read(w->r, addr, to, len);
	if (addr != look->args[0] || len > sizeof(look->first))
		return -EFAULT;
	memcpy(to, &look->first, len);
	return 0;
}

/* ---- descriptors ---- */

/* Whether an argument can be a descriptor: the kernel looks at 32 bits. */
static bool is_fd(uint64_t arg)
{
	return (uint32_t)arg <= INT32_MAX;
}

static bool read_link(struct waits *w, uint64_t arg)
{
	char name[32];

	str_clear(&w->link);
	if (!is_fd(arg))
		return false;
	snprintf(name, sizeof(name), "fd/%d", (int)arg);
	return !proc_link(w->p->dirfd, name, &w->link) && w->link.len > 0;
}

/* The descriptor whose link was just read. */
static bool add_link(struct waits *w, uint64_t arg)
{
	uint64_t inode = link_number(w->link.data, w->link.len, "socket");

	if (!inode)
		return link_add(w->link.data, w->link.len, &w->raw);
	sockets_add(w->sockets, (int)arg, inode, &w->raw);
	return true;
}

static bool add_fd(struct waits *w, uint64_t arg)
{
	return read_link(w, arg) && add_link(w, arg);
}

static bool tell_fd(struct waits *w, const struct thread_look *look,
		    const struct wait_call *c)
{
	return add_fd(w, look->args[c->arg]);
}

/* "fsync /path": the path alone where it is one. */
static bool add_path_of(struct waits *w, uint64_t arg, const char *text)
{
	str_adds(&w->raw, text);
	if (!read_link(w, arg))
		return true;
	str_addc(&w->raw, ' ');
	if (w->link.data[0] == '/')
		str_add(&w->raw, w->link.data, w->link.len);
	else
		add_link(w, arg);
	return true;
}

static bool tell_path_of(struct waits *w, const struct thread_look *look,
			 const struct wait_call *c)
{
	return add_path_of(w, look->args[c->arg], c->text);
}

static bool tell_fcntl(struct waits *w, const struct thread_look *look,
		       const struct wait_call *c)
{
	uint32_t command = (uint32_t)look->args[1];

	if (command != F_SETLKW && command != F_OFD_SETLKW)
		return false;
	return add_path_of(w, look->args[0], c->text);
}

/* ---- constants and addresses ---- */

static bool tell_text(struct waits *w, const struct thread_look *look,
		      const struct wait_call *c)
{
	(void)look;
	str_adds(&w->raw, c->text);
	return true;
}

static bool tell_lock(struct waits *w, const struct thread_look *look,
		      const struct wait_call *c)
{
	(void)c;
	str_addf(&w->raw, "lock 0x%llx", (unsigned long long)look->args[0]);
	return true;
}

/* The first of them groups the waits; how many there are may differ. */
static bool tell_locks(struct waits *w, const struct thread_look *look,
		       const struct wait_call *c)
{
	unsigned n = (unsigned)look->args[1];
	uint8_t addr[8];

	(void)c;
	if (n != 1)
		str_addf(&w->raw, "%u locks", n);
	else if (read_arg(w, look, look->args[0] + WAITV_ADDR, addr, 8))
		str_adds(&w->raw, "lock");
	else
		str_addf(&w->raw, "lock 0x%llx",
			 (unsigned long long)at_u64(addr, 8, 0));
	return true;
}

/* Only as vfork does a clone block its caller, until the child runs exec. */
static bool tell_clone(struct waits *w, const struct thread_look *look,
		       const struct wait_call *c)
{
	if (!(look->args[0] & CLONE_VFORK))
		return false;
	return tell_text(w, look, c);
}

static bool tell_clone3(struct waits *w, const struct thread_look *look,
			const struct wait_call *c)
{
	uint8_t flags[8]; /* the first member of struct clone_args */

	if (read_arg(w, look, look->args[0], flags, sizeof(flags)) ||
	    !(at_u64(flags, sizeof(flags), 0) & CLONE_VFORK))
		return false;
	return tell_text(w, look, c);
}

/* ---- what lies in its memory ---- */

static bool tell_connect(struct waits *w, const struct thread_look *look,
			 const struct wait_call *c)
{
	size_t len = (uint32_t)look->args[2];
	uint8_t addr[SOCKADDR_MAX];

	str_adds(&w->raw, c->text);
	if (len > sizeof(addr) ||
	    read_arg(w, look, look->args[1], addr, len))
		return true;
	str_clear(&w->link);
	if (sockaddr_add(addr, len, &w->link)) {
		str_addc(&w->raw, ' ');
		str_add(&w->raw, w->link.data, w->link.len);
	}
	return true;
}

/* "open /path", as the program wrote it. */
static bool tell_open(struct waits *w, const struct thread_look *look,
		      const struct wait_call *c)
{
	char path[NAME_MAX_READ];
	struct range range = {look->args[c->arg], sizeof(path), path, 0};
	size_t len;

	if (look->past || remote_batch(w->r, &range, 1))
		return false;
	len = strnlen(path, range.got);
	if (!len)
		return false;
	str_adds(&w->raw, c->text);
	str_addc(&w->raw, ' ');
	str_add(&w->raw, path, len);
	return true;
}

/* Nothing to wait for but the time; one thing; or so many. */
static bool add_choice(struct waits *w, const struct wait_call *c, size_t n,
		       uint64_t fd)
{
	if (!n)
		str_adds(&w->raw, "timer");
	else if (n > 1)
		str_addf(&w->raw, "%s of %zu descriptors", c->text, n);
	else if (!add_fd(w, fd))
		str_adds(&w->raw, c->text);
	return true;
}

/* Python waits so for a socket that has a timeout: one descriptor. */
static bool tell_poll(struct waits *w, const struct thread_look *look,
		      const struct wait_call *c)
{
	uint8_t fds[POLL_MAX * POLLFD_SIZE];
	size_t i, n = 0, all = (uint32_t)look->args[1];
	size_t len = all * POLLFD_SIZE;
	uint32_t fd, one = 0;

	/* Who asks for one descriptor knows it. */
	if (look->past && all > 1)
		return add_choice(w, c, all, 0);
	if (all > POLL_MAX || read_arg(w, look, look->args[0], fds, len)) {
		str_adds(&w->raw, c->text);
		return true;
	}
	for (i = 0; i < all; i++) {
		fd = at_u32(fds, len, i * POLLFD_SIZE);
		if (!is_fd(fd)) /* poll passes over negative ones */
			continue;
		one = fd;
		n++;
	}
	return add_choice(w, c, n, one);
}

/*
 * The bits that are set in any of the three sets, of which each may be NULL;
 * the last one's number. The kernel writes them only when it returns.
 */
static int read_sets(struct waits *w, const struct thread_look *look,
		     size_t *n, uint64_t *one)
{
	uint64_t sets[SELECT_MAX / 64] = {0}, more[SELECT_MAX / 64];
	size_t i, fds = (uint32_t)look->args[0], words = (fds + 63) / 64;
	int set, ret;

	for (set = 1; set <= 3 && fds; set++) {
		if (!look->args[set])
			continue;
		ret = read_arg(w, look, look->args[set], more, words * 8);
		if (ret)
			return ret;
		for (i = 0; i < words; i++)
			sets[i] |= more[i];
	}
	for (i = 0; i < fds; i++) {
		if (!(sets[i / 64] >> i % 64 & 1))
			continue;
		*one = i;
		++*n;
	}
	return 0;
}

static bool tell_select(struct waits *w, const struct thread_look *look,
			const struct wait_call *c)
{
	uint64_t one = 0;
	size_t n = 0;

	if ((uint32_t)look->args[0] > SELECT_MAX ||
	    read_sets(w, look, &n, &one)) {
		str_adds(&w->raw, c->text);
		return true;
	}
	return add_choice(w, c, n, one);
}

/* ---- epoll ---- */

/* The only descriptor in it, whose link is read then; -ENOENT: not one. */
static int only_target(struct waits *w, int epoll)
{
	struct large *large = &w->large[(unsigned)epoll % LARGE_SLOTS];
	char name[32], text[FDINFO_MAX];
	uint64_t inode, number, now = clock_mono();
	ssize_t len;
	int fd;

	if (large->fd == epoll && now < large->until)
		return -ENOENT;
	snprintf(name, sizeof(name), "fdinfo/%d", epoll);
	len = proc_read(w->p, name, text, sizeof(text));
	if (len <= 0)
		return -ENOENT;
	switch (epoll_parse(text, (size_t)len, &fd, &inode)) {
	case 0:
		return -ENOENT;
	case 1:
		break;
	default:
		*large = (struct large){epoll, now + LARGE_NS};
		return -ENOENT;
	}
	/*
	 * The number is that of when it was added. The inode tells whether it
	 * is another file by now.
	 */
	if (fd < 0 || !inode || !read_link(w, (uint64_t)fd))
		return -ENOENT;
	number = link_number(w->link.data, w->link.len, NULL);
	return number && number != inode ? -ENOENT : fd;
}

static bool tell_epoll(struct waits *w, const struct thread_look *look,
		       const struct wait_call *c)
{
	int fd;

	str_adds(&w->raw, c->text);
	if (!is_fd(look->args[0]))
		return true;
	fd = only_target(w, (int)look->args[0]);
	if (fd < 0)
		return true;
	str_adds(&w->raw, ": ");
	add_link(w, (uint64_t)fd);
	return true;
}

/* ---- the table ---- */

/* Where an architecture (aarch64) or an old header lacks a call: no row. */
static const struct wait_call calls[] = {
	/* a descriptor */
	{SYS_read, tell_fd, NULL, 0},
	{SYS_write, tell_fd, NULL, 0},
	{SYS_readv, tell_fd, NULL, 0},
	{SYS_writev, tell_fd, NULL, 0},
	{SYS_pread64, tell_fd, NULL, 0},
	{SYS_pwrite64, tell_fd, NULL, 0},
	{SYS_preadv, tell_fd, NULL, 0},
	{SYS_pwritev, tell_fd, NULL, 0},
#ifdef SYS_preadv2
	{SYS_preadv2, tell_fd, NULL, 0},
#endif
#ifdef SYS_pwritev2
	{SYS_pwritev2, tell_fd, NULL, 0},
#endif
	{SYS_recvfrom, tell_fd, NULL, 0},
	{SYS_recvmsg, tell_fd, NULL, 0},
	{SYS_recvmmsg, tell_fd, NULL, 0},
	{SYS_sendto, tell_fd, NULL, 0},
	{SYS_sendmsg, tell_fd, NULL, 0},
	{SYS_sendmmsg, tell_fd, NULL, 0},
	{SYS_accept, tell_fd, NULL, 0},
	{SYS_accept4, tell_fd, NULL, 0},
	{SYS_sendfile, tell_fd, NULL, 0},
	{SYS_getdents64, tell_fd, NULL, 0},
#ifdef SYS_getdents
	{SYS_getdents, tell_fd, NULL, 0},
#endif
	{SYS_ftruncate, tell_fd, NULL, 0},
	{SYS_fallocate, tell_fd, NULL, 0},
	{SYS_shutdown, tell_fd, NULL, 0},
#ifdef SYS_copy_file_range
	{SYS_copy_file_range, tell_fd, NULL, 0},
#endif
	/* one of several descriptors */
#ifdef SYS_poll
	{SYS_poll, tell_poll, "poll", 0},
#endif
	{SYS_ppoll, tell_poll, "poll", 0},
#ifdef SYS_select
	{SYS_select, tell_select, "select", 0},
#endif
	{SYS_pselect6, tell_select, "select", 0},
#ifdef SYS_epoll_wait
	{SYS_epoll_wait, tell_epoll, "epoll", 0},
#endif
	{SYS_epoll_pwait, tell_epoll, "epoll", 0},
#ifdef SYS_epoll_pwait2
	{SYS_epoll_pwait2, tell_epoll, "epoll", 0},
#endif
	/* locks */
	{SYS_futex, tell_lock, NULL, 0},
#ifdef SYS_futex_wait
	{SYS_futex_wait, tell_lock, NULL, 0},
#endif
	{SYS_futex_waitv, tell_locks, NULL, 0},
	{SYS_flock, tell_path_of, "flock", 0},
	{SYS_fcntl, tell_fcntl, "file lock", 0},
	{SYS_semop, tell_text, "semaphore", 0},
	{SYS_semtimedop, tell_text, "semaphore", 0},
	/* time, processes, signals */
	{SYS_nanosleep, tell_text, "timer", 0},
	{SYS_clock_nanosleep, tell_text, "timer", 0},
	{SYS_wait4, tell_text, "child", 0},
	{SYS_waitid, tell_text, "child", 0},
#ifdef SYS_vfork
	{SYS_vfork, tell_text, "child", 0},
#endif
	{SYS_clone, tell_clone, "child", 0},
#ifdef SYS_clone3
	{SYS_clone3, tell_clone3, "child", 0},
#endif
#ifdef SYS_pause
	{SYS_pause, tell_text, "signal", 0},
#endif
	{SYS_rt_sigsuspend, tell_text, "signal", 0},
	{SYS_rt_sigtimedwait, tell_text, "signal", 0},
	/* messages and rings */
	{SYS_msgrcv, tell_text, "message queue", 0},
	{SYS_msgsnd, tell_text, "message queue", 0},
	{SYS_mq_timedreceive, tell_text, "message queue", 0},
	{SYS_mq_timedsend, tell_text, "message queue", 0},
#ifdef SYS_io_uring_enter
	{SYS_io_uring_enter, tell_text, "io_uring", 0},
#endif
	{SYS_io_getevents, tell_text, "asynchronous I/O", 0},
#ifdef SYS_io_pgetevents
	{SYS_io_pgetevents, tell_text, "asynchronous I/O", 0},
#endif
	/* the start of something */
	{SYS_connect, tell_connect, "connect", 0},
#ifdef SYS_open
	{SYS_open, tell_open, "open", 0},
#endif
#ifdef SYS_creat
	{SYS_creat, tell_open, "open", 0},
#endif
	{SYS_openat, tell_open, "open", 1},
#ifdef SYS_openat2
	{SYS_openat2, tell_open, "open", 1},
#endif
	{SYS_execve, tell_open, "exec", 0},
#ifdef SYS_execveat
	{SYS_execveat, tell_open, "exec", 1},
#endif
	/* a disk */
	{SYS_fsync, tell_path_of, "fsync", 0},
	{SYS_fdatasync, tell_path_of, "fsync", 0},
	{SYS_syncfs, tell_path_of, "fsync", 0},
	{SYS_sync_file_range, tell_path_of, "fsync", 0},
	{SYS_sync, tell_text, "fsync", 0},
	{SYS_msync, tell_text, "fsync", 0},
};

static const struct wait_call *find_call(int64_t number)
{
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		if (calls[i].number == number)
			return &calls[i];
	}
	return NULL;
}

/* Cleaned, and not cut inside of a character. */
static void add_bounded(const struct str *raw, struct str *out)
{
	size_t start = out->len, end = start + WAIT_TEXT_MAX;

	str_add_clean(out, raw->data, raw->len);
	if (out->len <= end)
		return;
	while (((unsigned char)out->data[end] & 0xc0) == 0x80)
		end--;
	out->len = end;
	out->data[end] = '\0';
}

void waits_name(struct waits *w, const struct thread_look *look,
		struct str *out)
{
	const struct wait_call *c;

	if (look->run != RUN_SLEEPING && look->run != RUN_DISK)
		return;
	str_clear(&w->raw);
	if (look->call < 0) {
		/* Uninterruptible outside of any call: memory comes in. */
		if (look->run == RUN_DISK && w->calls)
			str_adds(out, "page fault");
		return;
	}
	c = find_call(look->call);
	if (!c || !c->tell(w, look, c))
		call_add(look->call, &w->raw);
	add_bounded(&w->raw, out);
}

struct waits *waits_new(const struct process *p, struct remote *r)
{
	struct waits *w = xcalloc(1, sizeof(*w));
	char text[256];

	w->p = p;
	w->r = r;
	w->sockets = sockets_new(p);
	w->calls = proc_read(p, "syscall", text, sizeof(text)) > 0;
	str_init(&w->raw);
	str_init(&w->link);
	return w;
}

void waits_free(struct waits *w)
{
	if (!w)
		return;
	sockets_free(w->sockets);
	str_release(&w->raw);
	str_release(&w->link);
	free(w);
}
