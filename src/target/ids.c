#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

#define STATUS_MAX 65536u

/*
 * The innermost id of "NSpid:\t4711\t12" (proc_pid_status(5)); *depth is how
 * many there are. 0 when the kernel does not tell.
 */
static uint32_t innermost(const struct process *p, const char *path,
			  unsigned *depth)
{
	struct str text;
	uint32_t id = 0;
	char *line, *end;

	*depth = 0;
	str_init(&text);
	if (!file_read(&text, p->dirfd, path, STATUS_MAX) &&
	    (line = strstr(text.data, "\nNSpid:"))) {
		line += strlen("\nNSpid:");
		while (*line == '\t' || *line == ' ') {
			id = (uint32_t)strtoul(line, &end, 10);
			if (end == line)
				break;
			line = end;
			++*depth;
		}
	}
	str_release(&text);
	return id;
}

void ids_init(struct ids *ids, const struct process *p)
{
	unsigned depth;

	map_init(&ids->host);
	ids->self = innermost(p, "status", &depth);
	ids->foreign = depth > 1;
	if (!ids->self)
		ids->self = (uint32_t)p->pid;
}

void ids_release(struct ids *ids)
{
	map_release(&ids->host);
}

static void learn(struct ids *ids, const struct process *p)
{
	pid_t *tids = NULL;
	size_t cap = 0;
	ssize_t i, n = process_threads(p, &tids, &cap);
	char path[64];
	unsigned depth;
	uint32_t inside;

	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "task/%d/status", (int)tids[i]);
		inside = innermost(p, path, &depth);
		if (inside)
			map_put(&ids->host, inside, (uint32_t)tids[i]);
	}
	free(tids);
}

uint32_t ids_host(struct ids *ids, const struct process *p, uint32_t inside)
{
	uint32_t id;

	if (!ids->foreign || !inside)
		return inside;
	id = map_get(&ids->host, inside);
	if (id == MAP_NONE) {
		learn(ids, p);
		id = map_get(&ids->host, inside);
	}
	return id == MAP_NONE ? 0 : id;
}
