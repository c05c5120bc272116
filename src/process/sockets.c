/*
 * Sockets by the number of their inode: which peer, which address. The tables
 * of the kernel (netlink for TCP where we may, else /proc) have no such index,
 * and on a busy host they have 100 000 rows; so what they say is kept, a table
 * is read in pieces from where the last lookup stopped, and the time for it is
 * limited.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base.h"
#include "process_priv.h"
#include "wait_priv.h"

#define ROWS_MAX 65536u           /* sockets remembered */
#define PATHS_MAX (4u << 20)      /* bytes of their paths, about */
#define PIECE 8192u               /* bytes of a table at a time */
#define PASS_MAX (64u << 20)      /* bytes of a table */
#define LOOKUP_NS 20000000u       /* of one lookup */
#define SETTLED_NS 60000000000ull /* how long we believe a row */
#define OPEN_NS 1000000000ull
#define PROTOCOL_MAX 32u          /* bytes of the name of a protocol */

struct row {
	uint64_t seen; /* monotonic ns */
	uint64_t pass;
	struct endpoint end;
	uint32_t path; /* in `paths` */
	uint8_t state;
	bool settled;
};

struct table {
	int fd;    /* -1 when no pass is under way */
	bool diag; /* it is of netlink, not a file */
	uint64_t pass, bytes;
	size_t have;
	char text[PIECE];
};

struct sockets {
	const struct process *p;
	struct row *rows;
	size_t len, cap;
	struct map ids; /* key_of: row */
	struct intern paths;
	struct budget budget;
	struct table tables[NET_TABLES];
	uint64_t passes;
	bool refused; /* netlink */
	/* of the piece that is read just now */
	enum net_table which;
	uint64_t wanted, now;
};

/* ---- the budget ---- */

void budget_init(struct budget *b, uint64_t now)
{
	b->credit = BUDGET_MAX;
	b->since = now;
}

bool budget_allows(struct budget *b, uint64_t now)
{
	uint64_t more = (now - b->since) / BUDGET_SHARE;

	if (more > BUDGET_MAX || b->credit + (int64_t)more > BUDGET_MAX)
		b->credit = BUDGET_MAX;
	else
		b->credit += (int64_t)more;
	/* What the division left over counts the next time. */
	b->since += more * BUDGET_SHARE;
	return b->credit > 0;
}

void budget_spend(struct budget *b, uint64_t ns)
{
	b->credit -= (int64_t)ns;
}

/* ---- rows ---- */

static void forget(struct sockets *s)
{
	s->len = 0;
	map_clear(&s->ids);
	intern_clear(&s->paths);
}

/*
 * An inode in a table, since what one table says of it (that of unix may be
 * forged) does not count for a socket of another. NET_TABLES: in none.
 */
static uint64_t key_of(enum net_table which, uint64_t inode)
{
	return inode << 3 | which;
}

/* The row of that key, perhaps a new one; NULL when it is not to be kept. */
static struct row *row_for(struct sockets *s, uint64_t key)
{
	uint32_t id = map_get(&s->ids, key);

	if (id != MAP_NONE)
		return &s->rows[id];
	if (s->len == ROWS_MAX || intern_bytes(&s->paths) > PATHS_MAX) {
		if (key >> 3 != s->wanted)
			return NULL;
		forget(s);
	}
	s->rows = grow(s->rows, &s->cap, s->len + 1, sizeof(*s->rows));
	map_put(&s->ids, key, (uint32_t)s->len);
	s->rows[s->len] = (struct row){.state = SOCKET_ABSENT};
	return &s->rows[s->len++];
}

static void learn(void *arg, const struct socket_fact *fact)
{
	struct sockets *s = arg;
	struct row *row = row_for(s, key_of(s->which, fact->inode));
	uint64_t pass = s->tables[s->which].pass;
	enum socket_state state = fact->state;
	uint32_t path = 0;

	if (!row)
		return;
	if (fact->path_len)
		path = intern_add(&s->paths, fact->path, fact->path_len);
	/*
	 * The path of a socket may hold a newline and forge a line about
	 * another socket. Then there are two, and neither counts.
	 */
	if (s->which == NET_UNIX && row->pass == pass &&
	    (row->path != path || row->state != state)) {
		path = 0;
		state = SOCKET_CONNECTED;
	}
	*row = (struct row){.seen = s->now,
			    .pass = pass,
			    .end = fact->end,
			    .path = path,
			    .state = (uint8_t)state,
			    .settled = fact->settled};
}

/* NULL when it is not known, or not any more. */
static const struct row *known(const struct sockets *s, enum net_table which,
			       uint64_t inode)
{
	uint32_t id = map_get(&s->ids, key_of(which, inode));
	const struct row *row;

	if (id == MAP_NONE)
		return NULL;
	row = &s->rows[id];
	/* A forged line counts until the true one comes: see all of them. */
	if (which == NET_UNIX && s->tables[which].fd >= 0 &&
	    row->pass == s->tables[which].pass)
		return NULL;
	if (clock_mono() - row->seen >= (row->settled ? SETTLED_NS : OPEN_NS))
		return NULL;
	return row;
}

/* ---- tables ---- */

/* True when our own network namespace is that of the process. */
static bool same_network(const struct sockets *s)
{
	struct str ours, its;
	bool same;

	str_init(&ours);
	str_init(&its);
	same = !proc_link(AT_FDCWD, "/proc/self/ns/net", &ours) &&
	       !proc_link(s->p->dirfd, "ns/net", &its) &&
	       !strcmp(ours.data, its.data);
	str_release(&ours);
	str_release(&its);
	return same;
}

static bool table_file(const struct sockets *s, enum net_table which,
		       struct table *t)
{
	static const char *const names[NET_TABLES] = {
		"net/tcp", "net/tcp6", "net/udp", "net/udp6", "net/unix"};

	t->fd = openat(s->p->dirfd, names[which], O_RDONLY | O_CLOEXEC);
	t->diag = false;
	t->bytes = t->have = 0;
	return t->fd >= 0;
}

static bool table_open(struct sockets *s, enum net_table which)
{
	struct table *t = &s->tables[which];

	t->pass = ++s->passes;
	if (which > NET_TCP6 || s->refused || !same_network(s))
		return table_file(s, which, t);
	t->fd = diag_open(which == NET_TCP ? AF_INET : AF_INET6);
	t->diag = t->fd >= 0;
	t->bytes = t->have = 0;
	return t->diag || table_file(s, which, t);
}

static void table_close(struct table *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

/* An answer is one message; the next piece begins with one. */
static void diag_step(struct sockets *s, struct table *t)
{
	ssize_t n;
	int ret;

	/* It has been made already, and waits for us. */
	n = recv(t->fd, t->text, PIECE, MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 && errno == EINTR)
		return;
	ret = n <= 0 || n > (ssize_t)PIECE
		      ? -EBADMSG
		      : diag_parse(t->text, (size_t)n, learn, s);
	t->bytes += n > 0 ? (uint64_t)n : 0;
	if (ret > 0 && t->bytes <= PASS_MAX)
		return;
	table_close(t);
	if (ret < 0) {
		s->refused = true;
		table_file(s, s->which, t);
	}
}

static void file_step(struct sockets *s, struct table *t)
{
	size_t used;
	ssize_t n;

	do
		n = read(t->fd, t->text + t->have, PIECE - t->have);
	while (n < 0 && errno == EINTR);
	if (n <= 0 || t->bytes > PASS_MAX) {
		table_close(t);
		return;
	}
	t->bytes += (uint64_t)n;
	t->have += (size_t)n;
	used = net_parse(s->which, t->text, t->have, learn, s);
	/* A line as long as the buffer is none of the kernel's. */
	if (!used && t->have == PIECE)
		used = PIECE;
	t->have -= used;
	memmove(t->text, t->text + used, t->have);
}

/* Reads and learns one piece; closed at the end. */
static void table_step(struct sockets *s, enum net_table which)
{
	struct table *t = &s->tables[which];

	s->which = which;
	s->now = clock_mono();
	if (t->diag)
		diag_step(s, t);
	else
		file_step(s, t);
}

/*
 * Reads on until the wanted socket is there, or a whole pass that began in
 * here did not show it: then true. False when time is over.
 */
static bool table_search(struct sockets *s, enum net_table which,
			 uint64_t until)
{
	struct table *t = &s->tables[which];
	bool whole = false;

	while (!known(s, which, s->wanted)) {
		if (t->fd < 0) {
			if (whole || !table_open(s, which))
				break;
			whole = true;
		}
		table_step(s, which);
		if (clock_mono() > until)
			return false;
	}
	return true;
}

/* ---- lookup ---- */

/*
 * The name of the socket's protocol, "" when it cannot be had. The kernel
 * gives it as an attribute of the file (net/socket.c, sockfs), and to follow
 * this link opens nothing.
 */
static void read_protocol(const struct sockets *s, int fd,
			  char name[PROTOCOL_MAX])
{
	char path[64];
	ssize_t n, i;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/fd/%d", s->p->dirfd,
		 fd);
	n = getxattr(path, "system.sockprotoname", name, PROTOCOL_MAX - 1);
	name[n > 0 ? n : 0] = '\0';
	for (i = 0; i < n; i++)
		name[i] = (char)tolower((unsigned char)name[i]);
}

/* Bits of the tables in which it may be found. */
static unsigned tables_of(const char *protocol)
{
	static const struct {
		const char *name;
		enum net_table table;
	} known_names[] = {{"tcp", NET_TCP},   {"tcpv6", NET_TCP6},
			   {"udp", NET_UDP},   {"udpv6", NET_UDP6},
			   {"unix", NET_UNIX}, {"unix-stream", NET_UNIX}};
	size_t i;

	for (i = 0; i < sizeof(known_names) / sizeof(*known_names); i++) {
		if (!strcmp(protocol, known_names[i].name))
			return 1u << known_names[i].table;
	}
	return *protocol ? 0 : (1u << NET_TABLES) - 1;
}

/* What is known, in the first of these tables; *which says which one. */
static const struct row *recall(const struct sockets *s, uint64_t inode,
				unsigned tables, enum net_table *which)
{
	const struct row *row = NULL;
	unsigned i;

	for (i = 0; !row && i <= NET_TABLES; i++) {
		*which = i;
		if (i == NET_TABLES || tables & 1u << i)
			row = known(s, i, inode);
	}
	return row;
}

static void search(struct sockets *s, uint64_t inode, unsigned tables)
{
	uint64_t start = clock_mono();
	bool whole = true;
	struct row *row;
	unsigned i;

	if (!budget_allows(&s->budget, start))
		return;
	s->wanted = inode;
	for (i = 0; whole && i < NET_TABLES; i++) {
		if (!(tables & 1u << i))
			continue;
		whole = table_search(s, i, start + LOOKUP_NS);
		if (known(s, i, inode))
			break;
	}
	if (whole && i == NET_TABLES) {
		row = row_for(s, key_of(NET_TABLES, inode));
		*row = (struct row){.seen = clock_mono(),
				    .state = SOCKET_ABSENT};
	}
	budget_spend(&s->budget, clock_mono() - start);
}

static void row_add(const struct sockets *s, const struct row *row,
		    enum net_table which, struct str *out)
{
	const char *path;
	size_t len;

	if (row->state == SOCKET_LISTENING)
		str_adds(out, " listening");
	else if (row->state == SOCKET_BOUND)
		str_adds(out, " bound");
	if (which == NET_UNIX) {
		path = intern_text(&s->paths, row->path, &len);
		str_adds(out, len ? " unix " : " unix");
		str_add(out, path, len);
	} else if (row->state != SOCKET_OPEN) {
		str_addc(out, ' ');
		endpoint_add(&row->end, out);
	}
}

void sockets_add(struct sockets *s, int fd, uint64_t inode, struct str *out)
{
	char protocol[PROTOCOL_MAX];
	const struct row *row;
	enum net_table which;
	unsigned tables;

	read_protocol(s, fd, protocol);
	tables = tables_of(protocol);
	str_adds(out, "socket");
	if (!tables) {
		str_addc(out, ' ');
		str_adds(out, protocol);
		return;
	}
	row = recall(s, inode, tables, &which);
	if (!row) {
		search(s, inode, tables);
		row = recall(s, inode, tables, &which);
	}
	if (row && which != NET_TABLES)
		row_add(s, row, which, out);
	else if (tables == 1u << NET_UNIX)
		str_adds(out, " unix");
}

uint64_t sockets_passes(const struct sockets *s)
{
	return s->passes;
}

struct sockets *sockets_new(const struct process *p)
{
	struct sockets *s = xcalloc(1, sizeof(*s));
	unsigned i;

	s->p = p;
	for (i = 0; i < NET_TABLES; i++)
		s->tables[i].fd = -1;
	map_init(&s->ids);
	intern_init(&s->paths);
	budget_init(&s->budget, clock_mono());
	return s;
}

void sockets_free(struct sockets *s)
{
	unsigned i;

	if (!s)
		return;
	for (i = 0; i < NET_TABLES; i++)
		table_close(&s->tables[i]);
	map_release(&s->ids);
	intern_release(&s->paths);
	free(s->rows);
	free(s);
}
