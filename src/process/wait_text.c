/*
 * Facts from what the kernel writes about descriptors and sockets. Nothing
 * here reads a file.
 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "base.h"
#include "wait_priv.h"

#define UNIX_LISTENING 0x10000 /* __SO_ACCEPTCON of include/linux/net.h */

struct field {
	const char *at;
	size_t len;
};

/* The next run of bytes without a blank; empty at the end. */
static struct field next_field(const char **at, const char *end)
{
	struct field f;

	while (*at < end && **at == ' ')
		++*at;
	f.at = *at;
	while (*at < end && **at != ' ')
		++*at;
	f.len = (size_t)(*at - f.at);
	return f;
}

/* The whole field as a number; false when it is none, or too large. */
static bool number(struct field f, unsigned base, uint64_t *value)
{
	return digits_value(f.at, f.len, base, UINT64_MAX, value);
}

/*
 * "0100007F:0050". Each group of eight digits is a word in the order of the
 * host whose bytes in memory are in network order.
 */
static bool parse_endpoint(struct field f, struct endpoint *e)
{
	const char *colon = memchr(f.at, ':', f.len);
	size_t i, len = colon ? (size_t)(colon - f.at) : 0;
	uint64_t v;
	uint32_t word;

	memset(e, 0, sizeof(*e));
	if (len != 8 && len != 32)
		return false;
	e->family = len == 8 ? AF_INET : AF_INET6;
	for (i = 0; i < len / 8; i++) {
		if (!number((struct field){f.at + i * 8, 8}, 16, &v))
			return false;
		word = (uint32_t)v;
		memcpy(e->addr + i * 4, &word, 4);
	}
	if (!number((struct field){colon + 1, f.len - len - 1}, 16, &v) ||
	    v > UINT16_MAX)
		return false;
	e->port = (uint16_t)v;
	return true;
}

static bool is_set(const struct endpoint *e)
{
	static const uint8_t none[sizeof(e->addr)];

	return e->port || memcmp(e->addr, none, sizeof(none));
}

void inet_fact(struct socket_fact *fact, const struct endpoint *local,
	       const struct endpoint *remote, unsigned state, bool datagram)
{
	if (state == TCP_LISTENING)
		fact->state = SOCKET_LISTENING;
	else if (is_set(remote))
		fact->state = SOCKET_CONNECTED;
	else
		fact->state = local->port ? SOCKET_BOUND : SOCKET_OPEN;
	fact->end = fact->state == SOCKET_CONNECTED ? *remote : *local;
	/* A datagram socket, and one whose connect fails, may connect anew. */
	fact->settled = !datagram && fact->state >= SOCKET_LISTENING &&
			state != TCP_ASKING && state != TCP_CLOSED;
}

/*
 * "sl: local remote state queues timer retransmits uid timeout inode ...",
 * the fields from 0 to 9; the same in all four tables.
 */
static bool parse_inet(const char *line, const char *end, bool datagram,
		       struct socket_fact *fact)
{
	struct endpoint local, remote;
	struct field f[10];
	uint64_t state;
	size_t i;

	for (i = 0; i < 10; i++)
		f[i] = next_field(&line, end);
	if (!parse_endpoint(f[1], &local) || !parse_endpoint(f[2], &remote) ||
	    !number(f[3], 16, &state) || state > UINT8_MAX ||
	    !number(f[9], 10, &fact->inode))
		return false;
	inet_fact(fact, &local, &remote, (unsigned)state, datagram);
	return true;
}

/* "address: references protocol flags type state inode path": 0 to 6. */
static bool parse_unix(const char *line, const char *end,
		       struct socket_fact *fact)
{
	struct field f[7];
	uint64_t flags;
	size_t i;

	for (i = 0; i < 7; i++)
		f[i] = next_field(&line, end);
	if (!number(f[3], 16, &flags) || !number(f[6], 10, &fact->inode))
		return false;
	fact->state = flags & UNIX_LISTENING ? SOCKET_LISTENING
					     : SOCKET_CONNECTED;
	/* One blank only: a path may begin with others. */
	if (line < end)
		line++;
	fact->path = line;
	fact->path_len = (size_t)(end - line);
	/* It may be bound or begin to listen at any time. */
	fact->settled = fact->path_len > 0;
	return true;
}

size_t net_parse(enum net_table table, const char *text, size_t len,
		 fact_fn *each, void *arg)
{
	bool datagram = table == NET_UDP || table == NET_UDP6, good;
	const char *at = text, *end = text + len, *nl;
	struct socket_fact fact;

	for (; (nl = memchr(at, '\n', (size_t)(end - at))); at = nl + 1) {
		memset(&fact, 0, sizeof(fact));
		if (table == NET_UNIX)
			good = parse_unix(at, nl, &fact);
		else
			good = parse_inet(at, nl, datagram, &fact);
		if (good && fact.inode)
			each(arg, &fact);
	}
	return (size_t)(at - text);
}

void endpoint_add(const struct endpoint *e, struct str *out)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	char text[INET6_ADDRSTRLEN] = "";

	if (e->family == AF_INET) {
		inet_ntop(AF_INET, e->addr, text, sizeof(text));
		str_addf(out, "%s:%u", text, e->port);
	} else if (!memcmp(e->addr, mapped, sizeof(mapped))) {
		inet_ntop(AF_INET, e->addr + 12, text, sizeof(text));
		str_addf(out, "%s:%u", text, e->port);
	} else {
		inet_ntop(AF_INET6, e->addr, text, sizeof(text));
		str_addf(out, "[%s]:%u", text, e->port);
	}
}

/* Of an abstract name every NUL is shown as @, as in /proc/net/unix. */
static bool unix_add(const char *path, size_t len, struct str *out)
{
	size_t i;

	if (!len)
		return false;
	str_adds(out, "unix ");
	if (path[0]) {
		str_add(out, path, strnlen(path, len));
		return true;
	}
	for (i = 0; i < len; i++)
		str_addc(out, path[i] ? path[i] : '@');
	return true;
}

/* Layouts: ip(7), ipv6(7), unix(7). */
bool sockaddr_add(const void *data, size_t len, struct str *out)
{
	struct endpoint e = {.family = AF_INET};
	const uint8_t *b = data;
	uint16_t family;

	if (len < sizeof(family))
		return false;
	memcpy(&family, b, sizeof(family));
	if (family == AF_UNIX)
		return unix_add((const char *)b + 2, len - 2, out);
	if (family == AF_INET && len >= 8) {
		memcpy(e.addr, b + 4, 4);
	} else if (family == AF_INET6 && len >= 24) {
		e.family = AF_INET6;
		memcpy(e.addr, b + 8, 16);
	} else {
		return false;
	}
	e.port = (uint16_t)(b[2] << 8 | b[3]);
	endpoint_add(&e, out);
	return true;
}

uint64_t link_number(const char *link, size_t len, const char *name)
{
	const char *open = memmem(link, len, ":[", 2);
	size_t before = open ? (size_t)(open - link) : 0;
	struct field f;
	uint64_t v;

	if (!before || link[0] == '/' || link[len - 1] != ']' ||
	    (name && (strlen(name) != before || memcmp(name, link, before))))
		return 0;
	f.at = open + 2;
	f.len = len - before - 3;
	return number(f, 10, &v) ? v : 0;
}

static bool begins(const char *text, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && !memcmp(text, with, n);
}

static bool is_tty(const char *link, size_t len)
{
	static const char *const names[] = {"/dev/pts/", "/dev/tty",
					    "/dev/console", "/dev/hvc"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (begins(link, len, names[i]))
			return true;
	}
	return false;
}

/* "anon_inode:[eventfd]", and without brackets "anon_inode:inotify". */
static void anon_add(const char *name, size_t len, struct str *out)
{
	if (len > 2 && name[0] == '[' && name[len - 1] == ']') {
		name++;
		len -= 2;
	}
	if (len == 9 && !memcmp(name, "eventpoll", 9))
		str_adds(out, "epoll");
	else
		str_add(out, name, len);
}

bool link_add(const char *link, size_t len, struct str *out)
{
	static const char anon[] = "anon_inode:";
	size_t n = sizeof(anon) - 1;

	if (!len)
		return false;
	if (is_tty(link, len)) {
		str_adds(out, "tty ");
		str_add(out, link, len);
	} else if (len > n && begins(link, len, anon)) {
		anon_add(link + n, len - n, out);
	} else if (link_number(link, len, NULL)) {
		str_add(out, link, strcspn(link, ":"));
	} else {
		str_adds(out, "file ");
		str_add(out, link, len);
	}
	return true;
}

/* "tfd:        5 events:       19 data:  5  pos:0 ino:36a1 sdev:8". */
static void parse_target(const char *at, const char *end, int *fd,
			 uint64_t *inode)
{
	struct field f = next_field(&at, end);
	uint64_t v;

	*fd = number(f, 10, &v) && v <= INT32_MAX ? (int)v : -1;
	*inode = 0;
	while ((f = next_field(&at, end)).len) {
		if (!begins(f.at, f.len, "ino:"))
			continue;
		f = (struct field){f.at + 4, f.len - 4};
		*inode = number(f, 16, &v) ? v : 0;
	}
}

size_t epoll_parse(const char *text, size_t len, int *fd, uint64_t *inode)
{
	const char *at = text, *end = text + len, *nl;
	size_t n = 0;

	*fd = -1;
	*inode = 0;
	for (; (nl = memchr(at, '\n', (size_t)(end - at))); at = nl + 1) {
		if (!begins(at, (size_t)(nl - at), "tfd:"))
			continue;
		parse_target(at + 4, nl, fd, inode);
		n++;
	}
	return n;
}
