/*
 * The processes that look like Python, and that we may read: to be offered to
 * who has to name one, or who named the shell around it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli_priv.h"

#define DEPTH_MAX 64 /* of processes that started one another */

static bool begins(const char *path, const char *with)
{
	const char *slash = strrchr(path, '/');

	return !strncmp(slash ? slash + 1 : path, with, strlen(with));
}

static bool has_library(const struct process *p)
{
	struct maps maps;
	bool found = false;
	size_t i;

	if (maps_read(&maps, p, NULL))
		return false;
	for (i = 0; i < maps.len && !found; i++)
		found = begins(maps.entries[i].path, "libpython");
	maps_release(&maps);
	return found;
}

/*
 * By the name of its program or of a library: to be sure takes the reading of
 * files and of memory, which is too much for a list.
 */
static bool looks_python(const struct process *p)
{
	struct str exe;
	bool found;

	str_init(&exe);
	process_exe(p, &exe);
	found = exe.len && (begins(exe.data, "python") || has_library(p));
	str_release(&exe);
	return found;
}

void pythons_each(bool (*each)(void *arg, const struct process *p), void *arg)
{
	struct process p;
	pid_t *pids = NULL;
	size_t cap = 0;
	ssize_t i, n = process_list(&pids, &cap);
	bool on = true;

	for (i = 0; i < n && on; i++) {
		if (process_open(&p, pids[i], NULL))
			continue;
		if (looks_python(&p))
			on = each(arg, &p);
		process_close(&p);
	}
	free(pids);
}

/* Of a process that we may read; 0 otherwise. */
static pid_t parent_of(pid_t pid)
{
	struct process_stat st;
	struct process p;
	pid_t parent = 0;

	if (process_open(&p, pid, NULL))
		return 0;
	if (!process_stat_read(&p, &st))
		parent = st.ppid;
	process_close(&p);
	return parent;
}

struct search {
	pid_t ancestor, found;
	struct str *command;
};

static bool is_below(void *arg, const struct process *p)
{
	struct search *s = arg;
	pid_t pid = p->pid;
	int depth;

	for (depth = 0; depth < DEPTH_MAX && pid > 1; depth++) {
		pid = parent_of(pid);
		if (pid != s->ancestor)
			continue;
		s->found = p->pid;
		process_command(p, s->command);
		return false;
	}
	return true;
}

pid_t python_below(pid_t pid, struct str *command)
{
	struct search s = {.ancestor = pid, .command = command};

	pythons_each(is_below, &s);
	return s.found;
}
