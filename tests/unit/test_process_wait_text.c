/*
 * Facts from the texts of the kernel about descriptors and sockets, whole and
 * damaged.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base.h"
#include "src/process/wait_priv.h"
#include "tests/lib/guard.h"

static void note(void *arg, const struct socket_fact *fact)
{
	static const char *const states[] = {"open", "bound", "listening",
					     "connected"};
	struct str *to = arg;

	str_addf(to, "%llu %s%s", (unsigned long long)fact->inode,
		 states[fact->state], fact->settled ? "" : "?");
	if (fact->end.family) {
		str_addc(to, ' ');
		endpoint_add(&fact->end, to);
	}
	if (fact->path_len) {
		str_addc(to, ' ');
		str_add(to, fact->path, fact->path_len);
	}
	str_addc(to, ';');
}

/* From bytes that end at an unmapped page. */
static size_t parse_bytes(enum net_table table, const void *data, size_t len,
			  const char *want)
{
	struct guard g;
	struct str to;
	size_t used;

	guard_init(&g, data, len);
	str_init(&to);
	used = net_parse(table, g.data, g.len, note, &to);
	if (want)
		assert_string_equal(to.data, want);
	assert_true(used <= len);
	str_release(&to);
	guard_release(&g);
	return used;
}

static void expect_net(enum net_table table, const char *text,
		       const char *want)
{
	assert_int_equal(parse_bytes(table, text, strlen(text), want),
			 strlen(text));
}

#define INET_HEAD                                                            \
	"  sl  local_address rem_address   st tx_queue rx_queue tr "         \
	"tm->when retrnsmt   uid  timeout inode\n"
#define INET_TAIL "00000000:00000000 00:00000000 00000000  0        0 "

static void test_inet_text(void **state)
{
	(void)state;
	expect_net(NET_TCP,
		   INET_HEAD
		   "   0: 00000000:1F90 00000000:0000 0A " INET_TAIL
		   "1591 1 00000000fb9a8086 100 0 0 10 0\n"
		   "   1: 0100007F:D431 0100007F:1538 01 " INET_TAIL
		   "77 1 0000000000000000 20 4 30 10 -1\n"
		   "   2: 0100007F:D431 0201000A:0050 02 " INET_TAIL "78 2\n"
		   "   3: 0100007F:0016 0201000A:0050 06 " INET_TAIL "0 3\n"
		   "  10: 0100007F:0016 00000000:0000 07 " INET_TAIL "79 3\n",
		   "1591 listening 0.0.0.0:8080;"
		   "77 connected 127.0.0.1:5432;"
		   "78 connected? 10.0.1.2:80;"
		   "79 bound? 127.0.0.1:22;");
	expect_net(NET_UDP,
		   "99999: 3500007F:0035 00000000:0000 07 " INET_TAIL "5\n"
		   "99999: 00000000:0000 00000000:0000 07 " INET_TAIL "6\n"
		   "99999: 00000000:0035 0100007F:0009 01 " INET_TAIL "7\n",
		   "5 bound? 127.0.0.53:53;6 open? 0.0.0.0:0;"
		   "7 connected? 127.0.0.1:9;");
	expect_net(NET_TCP6,
		   "0: 00000000000000000000000000000000:0050 "
		   "00000000000000000000000000000000:0000 0A " INET_TAIL
		   "1 1\n"
		   "0: 00000000000000000000000001000000:D0B0 "
		   "00000000000000000000000001000000:0050 01 " INET_TAIL
		   "2 1\n"
		   "0: 0000000000000000FFFF00000100007F:D0B0 "
		   "0000000000000000FFFF00000100007F:0051 08 " INET_TAIL
		   "3 1\n",
		   "1 listening [::]:80;2 connected [::1]:80;"
		   "3 connected 127.0.0.1:81;");
}

/* Fields that are missing, too long, too large or no numbers at all. */
static void test_inet_damage(void **state)
{
	static const char *const bad[] = {
		"\n", "   \n", "a b c d e f g h i j\n",
		"0: 0100007F:0050 0100007F:0051 01 " INET_TAIL "\n",
		"0: 0100007F:0050 0100007F:0051 01\n",
		"0: 0100007F 0100007F:0051 01 " INET_TAIL "1 1\n",
		"0: 0100007F: 0100007F:0051 01 " INET_TAIL "1 1\n",
		"0: 0100007F:10000 0100007F:0051 01 " INET_TAIL "1 1\n",
		"0: 0100007F0:0050 0100007F:0051 01 " INET_TAIL "1 1\n",
		"0: 0100007G:0050 0100007F:0051 01 " INET_TAIL "1 1\n",
		"0: 0100007F:0050 0100007F:0051 xx " INET_TAIL "1 1\n",
		"0: 0100007F:0050 0100007F:0051 01 " INET_TAIL "1x 1\n",
		"0: 0100007F:0050 0100007F:0051 01 " INET_TAIL "-1 1\n",
		"0: 0100007F:0050 0100007F:0051 01 " INET_TAIL
		"18446744073709551616 1\n",
	};
	static const char line[] =
		"0: 0100007F:0050 0100007F:0051 01 " INET_TAIL "7\n";
	char text[sizeof(line)];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		expect_net(NET_TCP, bad[i], "");
	expect_net(NET_TCP, line, "7 connected 127.0.0.1:81;");
	/* Cut anywhere, no whole line is there. */
	for (i = 0; i < sizeof(line) - 1; i++)
		assert_int_equal(parse_bytes(NET_TCP, line, i, ""), 0);
	/* A NUL anywhere is a byte like others. */
	for (i = 0; i < sizeof(line) - 1; i++) {
		memcpy(text, line, sizeof(line));
		text[i] = '\0';
		parse_bytes(NET_TCP, text, sizeof(line) - 1, NULL);
		parse_bytes(NET_UNIX, text, sizeof(line) - 1, NULL);
	}
	/* Not one NUL or blank line counts, and what follows does. */
	assert_int_equal(parse_bytes(NET_TCP, "\0\n\n0: ", 6, ""), 3);
}

static void test_unix_text(void **state)
{
	(void)state;
	expect_net(NET_UNIX,
		   "Num       RefCount Protocol Flags    Type St Inode Path\n"
		   "0000000000000000: 00000003 00000000 00000000 0001 03  "
		   "1588\n"
		   "0000000000000000: 00000002 00000000 00010000 0001 01 "
		   "24062 /run/x y\n"
		   "0000000000000000: 00000002 00000000 00000000 0002 01 3 "
		   "@abstract@@\n"
		   "0000000000000000: 00000002 00000000 00000000 0002 01 4 "
		   "  blank\n"
		   "0000000000000000: 00000002 00000000 00000000 0002 01 0\n"
		   "0000000000000000: 00000002 00000000 0000000g 0002 01 6\n"
		   "0000000000000000: 00000002 00000000 00000000 0002 01\n",
		   "1588 connected?;24062 listening /run/x y;"
		   "3 connected @abstract@@;4 connected   blank;");
}

static void test_random_text(void **state)
{
	static const char set[] = "0123456789ABCDEF :/@x\n\n\0\xff";
	uint64_t seed = 7;
	char text[400];
	size_t i, n;
	int round, fd;
	uint64_t inode;
	struct str out;
	struct guard g;

	(void)state;
	str_init(&out);
	for (round = 0; round < 3000; round++) {
		n = rng_next(&seed) % sizeof(text);
		for (i = 0; i < n; i++)
			text[i] = set[rng_next(&seed) % sizeof(set)];
		for (i = 0; i < NET_TABLES; i++)
			parse_bytes((enum net_table)i, text, n, NULL);
		guard_init(&g, text, n);
		str_clear(&out);
		link_add(g.data, n, &out);
		link_number(g.data, n, "socket");
		link_number(g.data, n, NULL);
		epoll_parse(g.data, n, &fd, &inode);
		diag_parse(g.data, n, note, &out);
		str_clear(&out);
		sockaddr_add(g.data, n, &out);
		assert_true(out.len < 2 * sizeof(text));
		guard_release(&g);
	}
	str_release(&out);
}

static void test_links(void **state)
{
	static const struct {
		const char *link, *text;
		uint64_t number;
	} rows[] = {
		{"pipe:[123]", "pipe", 123},
		{"socket:[18446744073709551615]", "socket", UINT64_MAX},
		{"socket:[18446744073709551616]",
		 "file socket:[18446744073709551616]", 0},
		{"socket:[]", "file socket:[]", 0},
		{"socket:[1", "file socket:[1", 0},
		{":[1]", "file :[1]", 0},
		{"pidfd:[7]", "pidfd", 7},
		{"anon_inode:[eventfd]", "eventfd", 0},
		{"anon_inode:[eventpoll]", "epoll", 0},
		{"anon_inode:[io_uring]", "io_uring", 0},
		{"anon_inode:inotify", "inotify", 0},
		{"anon_inode:[]", "[]", 0},
		{"anon_inode:", "file anon_inode:", 0},
		{"/dev/pts/0", "tty /dev/pts/0", 0},
		{"/dev/tty", "tty /dev/tty", 0},
		{"/dev/ttyS0", "tty /dev/ttyS0", 0},
		{"/dev/null", "file /dev/null", 0},
		{"/tmp/socket:[12]", "file /tmp/socket:[12]", 0},
		{"/tmp/x (deleted)", "file /tmp/x (deleted)", 0},
	};
	struct guard g;
	struct str out;
	size_t i;

	(void)state;
	str_init(&out);
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		guard_init(&g, rows[i].link, strlen(rows[i].link));
		str_clear(&out);
		assert_true(link_add(g.data, g.len, &out));
		assert_string_equal(out.data, rows[i].text);
		assert_true(link_number(g.data, g.len, NULL) ==
			    rows[i].number);
		guard_release(&g);
	}
	str_clear(&out);
	assert_false(link_add("", 0, &out));
	assert_string_equal(out.data, "");
	assert_int_equal(link_number("pipe:[5]", 8, "socket"), 0);
	assert_int_equal(link_number("socket:[5]", 10, "socket"), 5);
	str_release(&out);
}

static void expect_sockaddr(const void *data, size_t len, const char *want)
{
	struct guard g;
	struct str out;

	guard_init(&g, data, len);
	str_init(&out);
	assert_int_equal(sockaddr_add(g.data, len, &out), want != NULL);
	assert_string_equal(out.data, want ? want : "");
	str_release(&out);
	guard_release(&g);
}

static void test_sockaddr(void **state)
{
	struct sockaddr_in four = {.sin_family = AF_INET,
				   .sin_port = htons(80),
				   .sin_addr = {htonl(0x01020304)}};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6,
				   .sin6_port = htons(443),
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
	struct sockaddr none = {.sa_family = 77};

	(void)state;
	expect_sockaddr(&four, sizeof(four), "1.2.3.4:80");
	expect_sockaddr(&four, 8, "1.2.3.4:80");
	expect_sockaddr(&four, 7, NULL);
	expect_sockaddr(&six, sizeof(six), "[::1]:443");
	expect_sockaddr(&six, 23, NULL);
	expect_sockaddr(&un, sizeof(un), "unix /run/x");
	expect_sockaddr(&un, 6, "unix /run");
	expect_sockaddr(&un, 2, NULL);
	memcpy(un.sun_path, "\0a\0b", 4);
	expect_sockaddr(&un, 6, "unix @a@b");
	expect_sockaddr(&none, sizeof(none), NULL);
	expect_sockaddr("", 1, NULL);
	expect_sockaddr("", 0, NULL);
}

static void expect_epoll(const char *text, size_t n, int fd, uint64_t inode)
{
	uint64_t got_inode;
	struct guard g;
	int got;

	guard_init(&g, text, strlen(text));
	assert_int_equal(epoll_parse(g.data, g.len, &got, &got_inode), n);
	assert_int_equal(got, fd);
	assert_int_equal(got_inode, inode);
	guard_release(&g);
}

static void test_epoll_text(void **state)
{
	(void)state;
	expect_epoll("", 0, -1, 0);
	expect_epoll("pos:\t0\nflags:\t02\nmnt_id:\t16\nino:\t1060\n", 0, -1,
		     0);
	expect_epoll("pos:\t0\nflags:\t02\nmnt_id:\t16\nino:\t1060\n"
		     "tfd:        5 events:       19 data:                5 "
		     " pos:0 ino:36a1 sdev:8\n", 1, 5, 0x36a1);
	expect_epoll("tfd:        5 events: 19 data: ffffffffffffffff\n", 1,
		     5, 0);
	expect_epoll("tfd: 5 ino:1\ntfd: 6 ino:2\ntfd: 7", 2, 6, 2);
	expect_epoll("tfd:\n", 1, -1, 0);
	expect_epoll("tfd: 4294967295 ino:x\n", 1, -1, 0);
	expect_epoll("tfd: -1 ino:11112222333344445\n", 1, -1, 0);
}

/* ---- netlink ---- */

/* A message with this type and body. */
static void add_message(struct str *to, unsigned type, const void *body,
			size_t len)
{
	struct nlmsghdr head = {.nlmsg_len = (uint32_t)(sizeof(head) + len),
				.nlmsg_type = (uint16_t)type};

	str_add(to, &head, sizeof(head));
	str_add(to, body, len);
	while (to->len % NLMSG_ALIGNTO)
		str_addc(to, '\0');
}

static void add_socket(struct str *to, const char *peer, uint32_t inode,
		       size_t len)
{
	struct inet_diag_msg m = {.idiag_family = AF_INET6,
				  .idiag_state = 1,
				  .idiag_inode = inode};

	assert_int_equal(inet_pton(AF_INET6, peer, m.id.idiag_dst), 1);
	m.id.idiag_dport = htons(443);
	add_message(to, SOCK_DIAG_BY_FAMILY, &m,
		    len < sizeof(m) ? len : sizeof(m));
}

static void expect_diag(const struct str *s, size_t len, int ret,
			const char *want)
{
	struct guard g;
	struct str to;

	guard_init(&g, s->data, len);
	str_init(&to);
	assert_int_equal(diag_parse(g.data, len, note, &to), ret);
	assert_string_equal(to.data, want);
	str_release(&to);
	guard_release(&g);
}

static void test_diag(void **state)
{
	struct str s;
	size_t first, i;

	(void)state;
	str_init(&s);
	expect_diag(&s, 0, 1, "");
	add_socket(&s, "::1", 7, SIZE_MAX);
	first = s.len;
	expect_diag(&s, first, 1, "7 connected [::1]:443;");
	for (i = 0; i < first; i++)
		expect_diag(&s, i, i < sizeof(struct nlmsghdr) ? 1 : -EBADMSG,
			    "");
	add_socket(&s, "::ffff:1.2.3.4", 8, SIZE_MAX);
	/* Too short; without an inode; of another kind. */
	add_socket(&s, "::3", 9, sizeof(struct inet_diag_msg) - 4);
	add_socket(&s, "::4", 0, SIZE_MAX);
	add_message(&s, 99, "abc", 3);
	expect_diag(&s, s.len, 1,
		    "7 connected [::1]:443;8 connected 1.2.3.4:443;");
	add_message(&s, NLMSG_DONE, "", 0);
	add_socket(&s, "::5", 10, SIZE_MAX);
	expect_diag(&s, s.len, 0,
		    "7 connected [::1]:443;8 connected 1.2.3.4:443;");
	str_clear(&s);
	add_message(&s, NLMSG_ERROR, "\0\0\0\0", 4);
	expect_diag(&s, s.len, -EBADMSG, "");
	/* A length below that of a head would never end. */
	memset(s.data, 0, s.len);
	expect_diag(&s, s.len, -EBADMSG, "");
	str_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inet_text),
		cmocka_unit_test(test_inet_damage),
		cmocka_unit_test(test_unix_text),
		cmocka_unit_test(test_random_text),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_sockaddr),
		cmocka_unit_test(test_epoll_text),
		cmocka_unit_test(test_diag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
