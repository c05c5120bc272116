/*
 * wait_priv.h - what a blocked thread waits for, inside the room: facts from
 * the texts and bytes of the kernel, and the memory of sockets.
 *
 * All functions but sockets_*, budget_* and diag_open are pure, and their input is
 * hostile: whoever can bind a socket writes into these files.
 */
#ifndef PYSTROBE_WAIT_PRIV_H
#define PYSTROBE_WAIT_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct process;
struct str;

/* ---- facts from texts ---- */

enum net_table { NET_TCP, NET_TCP6, NET_UDP, NET_UDP6, NET_UNIX, NET_TABLES };

enum socket_state {
	SOCKET_OPEN,      /* neither bound nor connected */
	SOCKET_BOUND,     /* `port` and `addr` are its own */
	SOCKET_LISTENING, /* so are they here */
	SOCKET_CONNECTED, /* here they are the peer's */
	SOCKET_ABSENT,    /* in none of the tables */
};

struct endpoint {
	int family; /* AF_INET, AF_INET6 */
	uint16_t port;
	uint8_t addr[16]; /* in network order; 4 bytes of AF_INET */
};

struct socket_fact {
	uint64_t inode; /* never 0 */
	enum socket_state state;
	bool settled; /* the peer will not change while the socket lives */
	struct endpoint end; /* but of unix sockets */
	/* Of these only: raw, into the text; abstract ones begin with @. */
	const char *path;
	size_t path_len;
};

typedef void fact_fn(void *arg, const struct socket_fact *fact);

/* States of TCP: include/net/tcp_states.h. */
enum tcp_state {
	TCP_ASKING = 2, /* our SYN is on its way */
	TCP_ASKED = 3,
	TCP_TIMING = 6, /* TIME_WAIT */
	TCP_CLOSED = 7,
	TCP_LISTENING = 10,
	TCP_BEGUN = 12, /* NEW_SYN_RECV */
};

/* Fills `state`, `settled` and `end`. */
void inet_fact(struct socket_fact *fact, const struct endpoint *local,
	       const struct endpoint *remote, unsigned state, bool datagram);

/*
 * Calls `each` for the sockets in a text of /proc/PID/net/{tcp,tcp6,udp,udp6,
 * unix}; returns how many bytes make whole lines. Lines that are no sockets
 * (the head, sockets without an inode) are passed over. Source of the fields:
 * Documentation/networking/proc_net_tcp.rst and net/unix/af_unix.c of the
 * kernel.
 */
size_t net_parse(enum net_table table, const char *text, size_t len,
		 fact_fn *each, void *arg);

/*
 * The same of an answer of netlink, each whole message of it. 1: there are
 * more to come, 0 that was the last one, -EBADMSG a refusal or nonsense.
 */
int diag_parse(const void *data, size_t len, fact_fn *each, void *arg);

/* "127.0.0.1:80", "[::1]:80"; IPv4 inside IPv6 as IPv4. */
void endpoint_add(const struct endpoint *e, struct str *out);

/*
 * The bytes of a sockaddr: "1.2.3.4:80", "unix /path"; false, and nothing is
 * added, when it is of another family or too short.
 */
bool sockaddr_add(const void *data, size_t len, struct str *out);

/*
 * Where "socket:[NUMBER]" and the like end: the number, 0 when there is none.
 * `name` is what stands before ":[", or NULL for anything.
 */
uint64_t link_number(const char *link, size_t len, const char *name);

/*
 * The text for a link in /proc/PID/fd other than a socket's: "pipe", "tty
 * /dev/pts/0", "eventfd", "file /path". Raw bytes. False for an empty one.
 */
bool link_add(const char *link, size_t len, struct str *out);

/*
 * How many descriptors the fdinfo of an epoll descriptor shows; of the last
 * one the number and inode (0 unknown).
 */
size_t epoll_parse(const char *text, size_t len, int *fd, uint64_t *inode);

/* "call ioctl"; "call 999" of one that has no name here. */
void call_add(int64_t number, struct str *out);

/* ---- a share of the time ---- */

/* Credit in ns grows with the time that passes, up to a limit. */
struct budget {
	int64_t credit;
	uint64_t since;
};

#define BUDGET_SHARE 50           /* a part of the time: 2 % */
#define BUDGET_MAX 100000000      /* ns that can be saved up */

void budget_init(struct budget *b, uint64_t now);
bool budget_allows(struct budget *b, uint64_t now);
void budget_spend(struct budget *b, uint64_t ns);

/* ---- sockets by inode ---- */

/*
 * A netlink socket that was asked for the TCP sockets of our own network
 * namespace, AF_INET or AF_INET6; or a negative errno.
 */
int diag_open(int family);

/*
 * Remembers what the tables said of each inode, so that a table is read again
 * only for a socket that is new: a peer holds for a minute (no inode number
 * comes round in that time), what can change and what was not found for a
 * second. The number of a descriptor plays no part in it. Reading takes at
 * most 20 ms at a time and 2 % in the long run; a socket that cannot be had
 * within that is "socket" alone.
 */
struct sockets;

struct sockets *sockets_new(const struct process *p);
void sockets_free(struct sockets *s);

/*
 * "socket 127.0.0.1:5432", "socket listening [::]:80", "socket bound
 * 0.0.0.0:53", "socket unix /path", "socket netlink", "socket". `fd` is only
 * for a look at the protocol, which tells the table. Raw bytes.
 */
void sockets_add(struct sockets *s, int fd, uint64_t inode, struct str *out);

/* Tables that were begun so far, for tests and benchmarks. */
uint64_t sockets_passes(const struct sockets *s);

#endif
