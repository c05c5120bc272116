/*
 * What a blocked thread waits for: tables of sockets, links, epoll's fdinfo,
 * addresses, and calls whose arguments point into hostile memory. Input: what
 * it is, 3 bytes more, its bytes.
 */
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base.h"
#include "fuzz.h"
#include "process.h"
#include "profile.h"
#include "remote.h"
#include "src/process/wait_priv.h"

#define HEAD 4
#define MEMORY 0x10000u /* where the bytes behind the arguments are */

enum what {
	TABLE, /* up to NET_TABLES - 1 */
	DIAG = NET_TABLES, LINK, EPOLL, ADDRESS, CALL, KINDS
};

struct span {
	const char *text;
	size_t len;
};

static void on_fact(void *arg, const struct socket_fact *fact)
{
	const struct span *all = arg;
	struct str out;

	str_init(&out);
	must(fact->inode && fact->state < SOCKET_ABSENT);
	if (fact->path)
		must(fact->path >= all->text &&
		     fact->path_len <=
			     (size_t)(all->text + all->len - fact->path));
	else if (fact->state != SOCKET_OPEN)
		endpoint_add(&fact->end, &out);
	str_release(&out);
}

static void tables(unsigned which, const char *text, size_t len)
{
	struct span all = {text, len};

	if (which < NET_TABLES)
		must(net_parse(which, text, len, on_fact, &all) <= len);
	else
		must(diag_parse(text, len, on_fact, &all) <= 1);
}

static void links(unsigned which, const char *text, size_t len)
{
	struct str out;
	uint64_t inode;
	int fd;

	str_init(&out);
	if (which == ADDRESS) {
		must(sockaddr_add(text, len, &out) || !out.len);
	} else if (which == EPOLL) {
		epoll_parse(text, len, &fd, &inode);
		must(fd >= -1);
	} else {
		link_number(text, len, "socket");
		must(link_add(text, len, &out) == (len > 0));
	}
	str_release(&out);
}

/* The number of the call, six arguments, the memory. */
static void call(const uint8_t *data, size_t len, unsigned run)
{
	static const struct process nobody = {.dirfd = -1};
	struct thread_look look = {.run = (uint8_t)(run % RUN_STATES)};
	struct remote *r = remote_new_buffers();
	struct waits *w = waits_new(&nobody, r);
	struct str out;
	size_t i;

	str_init(&out);
	look.call = (int64_t)at_u64(data, len, 0);
	for (i = 0; i < 6; i++)
		look.args[i] = at_u64(data, len, 8 + 8 * i);
	if (len > 56)
		remote_add(r, MEMORY, data + 56, len - 56);
	waits_name(w, &look, &out);
	must(out.len <= WAIT_TEXT_MAX);
	must_be_clean(out.data);
	str_release(&out);
	waits_free(w);
	remote_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	unsigned which;
	char *copy;

	if (len < HEAD)
		return 0;
	which = data[0] % KINDS;
	copy = own_copy(data + HEAD, len - HEAD);
	if (which <= DIAG)
		tables(which, copy, len - HEAD);
	else if (which == CALL)
		call((uint8_t *)copy, len - HEAD, data[1]);
	else
		links(which, copy, len - HEAD);
	free(copy);
	return 0;
}

/* ---- seeds ---- */

static void add_one(seed_fn *add, unsigned which, unsigned run,
		    const void *text, size_t len)
{
	struct str s;

	str_init(&s);
	str_add_u32(&s, which | run << 8);
	str_add(&s, text, len);
	add(s.data, s.len);
	str_release(&s);
}

#define INET_HEAD "  sl  local_address rem_address   st tx_queue\n"
#define INET_TAIL " 00000000:00000000 00:00000000 00000000  1000        0 "

static const struct {
	unsigned which;
	const char *text;
} texts[] = {
	{NET_TCP, INET_HEAD "   0: 0100007F:1538 00000000:0000 0A" INET_TAIL
		  "23456 1 ffff 100 0 0 10 0\n   1: 0100007F:C350 "
		  "0100007F:1538 01" INET_TAIL "23457 1 ffff 20 4 30 10 -1\n"},
	{NET_UDP, INET_HEAD " 100: 00000000:0035 00000000:0000 07" INET_TAIL
		  "777 2 ffff 0\n"},
	{NET_TCP6, INET_HEAD "   0: 00000000000000000000000001000000:0050 "
		   "0000000000000000FFFF00000100007F:1F90 01" INET_TAIL
		   "99 1 ffff 100 0 0 10 0\n"},
	{NET_UNIX, "Num RefCount Protocol Flags Type St Inode Path\n"
		   "ffff: 00000002 00000000 00010000 0001 01 4242 /run/a b\n"
		   "ffff: 00000003 00000000 00000000 0001 03 4243\n"
		   "ffff: 00000002 00000000 00010000 0005 01 4244 @abstract\n"},
	{LINK, "socket:[12345]"}, {LINK, "anon_inode:[eventfd]"},
	{LINK, "pipe:[99]"}, {LINK, "/dev/pts/3"}, {LINK, "/tmp/a:[1]"},
	{LINK, "anon_inode:inotify"}, {LINK, "anon_inode:[eventpoll]"},
	{EPOLL, "pos:\t0\nflags:\t02\ntfd:        5 events:       19 data:  "
		"5  pos:0 ino:36a1 sdev:8\ntfd: 7 events: 1 data: 7\n"},
};

static void add_diag(seed_fn *add)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_msg body;
	} m[2];
	size_t i;

	memset(m, 0, sizeof(m));
	for (i = 0; i < 2; i++) {
		m[i].head.nlmsg_len = sizeof(m[i]);
		m[i].head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
		m[i].body.idiag_family = i ? AF_INET6 : AF_INET;
		m[i].body.idiag_state = 1;
		m[i].body.idiag_inode = 4242;
		m[i].body.id.idiag_sport = m[i].body.id.idiag_dport = 0x5000;
		m[i].body.id.idiag_dst[0] = 0x100007f;
	}
	add_one(add, DIAG, 0, m, sizeof(m));
	m[1].head.nlmsg_type = NLMSG_DONE;
	add_one(add, DIAG, 0, m, sizeof(m));
}

static void add_addresses(seed_fn *add)
{
	static const char inet[16] = {AF_INET, 0, 0, 80, 127, 0, 0, 1};
	static const char inet6[28] = {AF_INET6, 0, 0, 80, [8] = 0x20, 1};
	static const char path[] = {AF_UNIX, 0, '/', 'r', 'u', 'n', 0, 0};

	add_one(add, ADDRESS, 0, inet, sizeof(inet));
	add_one(add, ADDRESS, 0, inet6, sizeof(inet6));
	add_one(add, ADDRESS, 0, path, sizeof(path));
}

/* That not every architecture has. */
#ifdef SYS_poll
#define OLD_CALLS SYS_poll, SYS_select, SYS_open, SYS_epoll_wait, SYS_vfork
#else
#define OLD_CALLS
#endif

/* Calls of each kind, with arguments that are there. */
static void add_calls(seed_fn *add)
{
	static const int calls[] = {
		SYS_read, SYS_futex, SYS_connect, SYS_openat, SYS_ppoll,
		SYS_pselect6, SYS_epoll_pwait, SYS_wait4, SYS_fcntl, SYS_clone,
		SYS_clone3, SYS_clock_nanosleep, SYS_recvfrom, SYS_sendto,
		SYS_accept4, SYS_flock, SYS_ioctl, SYS_rt_sigtimedwait, 999,
		OLD_CALLS
	};
	static const char memory[64] = {3, 0, 0, 80, 1, 0, '/', 'x', 4, 0, 0,
					0, 1, 0, 1, 0};
	struct str s;
	size_t i, k;

	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		str_init(&s);
		str_add_u64(&s, (uint64_t)calls[i]);
		for (k = 0; k < 6; k++)
			str_add_u64(&s, k & 1 ? MEMORY + 8 : k ? 2 : MEMORY);
		str_add(&s, memory, sizeof(memory));
		add_one(add, CALL, RUN_SLEEPING, s.data, s.len);
		str_release(&s);
	}
}

void fuzz_seeds(seed_fn *add)
{
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		add_one(add, texts[i].which, 0, texts[i].text,
			strlen(texts[i].text));
	add_diag(add);
	add_addresses(add);
	add_calls(add);
}
