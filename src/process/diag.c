/*
 * TCP sockets of our own network namespace by netlink (sock_diag(7)): the same
 * facts as /proc/PID/net/tcp, in a tenth of the time where the kernel's hash
 * table is large, however few sockets there are.
 */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base.h"
#include "wait_priv.h"

#define STATES (~(1u << TCP_TIMING | 1u << TCP_BEGUN | 1u << TCP_ASKED))

struct request {
	struct nlmsghdr head;
	struct inet_diag_req_v2 body;
};

int diag_open(int family)
{
	struct request r = {
		.head = {.nlmsg_len = sizeof(r),
			 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {.sdiag_family = (uint8_t)family,
			 .sdiag_protocol = IPPROTO_TCP,
			 .idiag_states = STATES},
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
			NETLINK_SOCK_DIAG);
	int ret;

	if (fd < 0)
		return -errno;
	if (send(fd, &r, sizeof(r), 0) == (ssize_t)sizeof(r))
		return fd;
	ret = errno ? -errno : -EIO;
	close(fd);
	return ret;
}

static uint16_t at_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* One struct inet_diag_msg. */
static bool parse_socket(const uint8_t *m, size_t len, struct socket_fact *fact)
{
	size_t id = offsetof(struct inet_diag_msg, id);
	size_t local = id + offsetof(struct inet_diag_sockid, idiag_src);
	size_t remote = id + offsetof(struct inet_diag_sockid, idiag_dst);
	struct endpoint ends[2] = {{0}};
	size_t n;

	if (len < sizeof(struct inet_diag_msg) ||
	    (m[0] != AF_INET && m[0] != AF_INET6))
		return false;
	fact->inode = at_u32(m, len, offsetof(struct inet_diag_msg,
					      idiag_inode));
	n = m[0] == AF_INET ? 4 : 16;
	ends[0].family = ends[1].family = m[0];
	ends[0].port = at_be16(m + id);
	ends[1].port = at_be16(m + id + 2);
	memcpy(ends[0].addr, m + local, n);
	memcpy(ends[1].addr, m + remote, n);
	inet_fact(fact, &ends[0], &ends[1], m[1], false);
	return fact->inode != 0;
}

int diag_parse(const void *data, size_t len, fact_fn *each, void *arg)
{
	const uint8_t *at = data;
	struct socket_fact fact;
	size_t size, head = sizeof(struct nlmsghdr);
	uint32_t type;

	while (len >= head) {
		size = at_u32(at, len, 0);
		type = at_u32(at, len, 4) & 0xffff;
		if (size < head || size > len || type == NLMSG_ERROR)
			return -EBADMSG;
		if (type == NLMSG_DONE)
			return 0;
		memset(&fact, 0, sizeof(fact));
		if (type == SOCK_DIAG_BY_FAMILY &&
		    parse_socket(at + head, size - head, &fact))
			each(arg, &fact);
		size = NLMSG_ALIGN(size) < len ? NLMSG_ALIGN(size) : len;
		at += size;
		len -= size;
	}
	return 1;
}
