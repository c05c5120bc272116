/*
 * loopback.h - two ends of a TCP connection inside this host.
 */
#ifndef PYSTROBE_TESTS_LOOPBACK_H
#define PYSTROBE_TESTS_LOOPBACK_H

#include <stdbool.h>

struct loopback {
	int listener, client, server;
	unsigned port;  /* of listener and server */
	char name[32];  /* of these, "127.0.0.1:PORT" or "[::1]:PORT" */
};

/* AF_INET or AF_INET6; false, and errno, when there is no such loopback. */
bool loopback_open(struct loopback *l, int family);
void loopback_close(struct loopback *l);

#endif
