#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loopback.h"

union address {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

static bool connect_both(struct loopback *l, union address *a, socklen_t len)
{
	int family = a->any.sa_family;

	l->listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->listener < 0 || bind(l->listener, &a->any, len) ||
	    listen(l->listener, 1) || getsockname(l->listener, &a->any, &len))
		return false;
	l->client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->client < 0 || connect(l->client, &a->any, len))
		return false;
	l->server = accept(l->listener, NULL, NULL);
	return l->server >= 0;
}

bool loopback_open(struct loopback *l, int family)
{
	union address a = {{0}};
	socklen_t len = sizeof(a.four);

	l->listener = l->client = l->server = -1;
	a.four.sin_family = AF_INET;
	a.four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (family == AF_INET6) {
		memset(&a, 0, sizeof(a));
		a.six.sin6_family = AF_INET6;
		a.six.sin6_addr = in6addr_loopback;
		len = sizeof(a.six);
	}
	if (!connect_both(l, &a, len)) {
		loopback_close(l);
		return false;
	}
	l->port = ntohs(family == AF_INET6 ? a.six.sin6_port
					   : a.four.sin_port);
	snprintf(l->name, sizeof(l->name), "%s:%u",
		 family == AF_INET6 ? "[::1]" : "127.0.0.1", l->port);
	return true;
}

void loopback_close(struct loopback *l)
{
	int *fds[] = {&l->listener, &l->client, &l->server};
	size_t i;

	for (i = 0; i < 3; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}
