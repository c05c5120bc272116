/*
 * Why we may not read a process' memory. The kernel says EPERM for a dozen
 * reasons; a person needs the one that is true, and what mends it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base.h"
#include "process_priv.h"

#define CAP_PTRACE_BIT 19 /* CAP_SYS_PTRACE, linux/capability.h */
#define MAP_TEXT_MAX 16384u /* bytes of a uid_map that are compared */

/*
 * Opening mem asks for PTRACE_MODE_ATTACH, as process_vm_readv does. But its
 * file mode stands before that, and a pystrobe with CAP_SYS_PTRACE alone (file
 * capabilities) does not pass it; pidfd_getfd makes the same check without a
 * file, and EBADF for a descriptor that no process has says that it passed.
 */
bool process_permitted(const struct process *p)
{
	int fd = openat(p->dirfd, "mem", O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0;

	if (ok) {
		close(fd);
		return true;
	}
	fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	if (fd < 0)
		return false;
	ok = syscall(SYS_pidfd_getfd, fd, INT_MAX, 0) < 0 && errno == EBADF;
	close(fd);
	return ok;
}

static void gather_self(struct denial *d)
{
	const struct process self = {.dirfd = AT_FDCWD};
	char text[STATUS_MAX];
	const char *value;
	ssize_t n;

	d->our_uid = geteuid();
	n = proc_read(&self, "/proc/self/status", text, sizeof(text));
	value = n > 0 ? status_value(text, "CapEff:") : NULL;
	d->capable = value && (strtoull(value, NULL, 16) >> CAP_PTRACE_BIT & 1);
	value = n > 0 ? status_value(text, "Seccomp:") : NULL;
	d->seccomp = value && *value != '0';
	n = proc_read(&self, "/proc/sys/kernel/yama/ptrace_scope", text,
		      sizeof(text));
	d->yama = n > 0 ? (int)strtol(text, NULL, 10) : 0;
	n = proc_read(&self, "/proc/self/attr/current", d->label,
		      sizeof(d->label));
	d->label[n > 0 ? strcspn(d->label, " \n") : 0] = '\0';
	if (!strcmp(d->label, "unconfined"))
		d->label[0] = '\0';
}

/*
 * The map of a process' user namespace as seen from ours; no permission is
 * needed for it, unlike for ns/user.
 */
static bool other_namespace(const struct process *p)
{
	const struct process self = {.dirfd = AT_FDCWD};
	char ours[MAP_TEXT_MAX], its[MAP_TEXT_MAX];

	return proc_read(&self, "/proc/self/uid_map", ours,
			 sizeof(ours)) > 0 &&
	       proc_read(p, "uid_map", its, sizeof(its)) > 0 &&
	       strcmp(ours, its) != 0;
}

void denial_gather(struct denial *d, const struct process *p,
		   const char *command)
{
	char text[STATUS_MAX];
	const char *value;
	struct stat st;
	char *next;
	int i;

	memset(d, 0, sizeof(*d));
	d->pid = p->pid;
	d->command = command;
	d->permitted = process_permitted(p);
	d->other_userns = other_namespace(p);
	gather_self(d);
	if (proc_read(p, "status", text, sizeof(text)) > 0 &&
	    (value = status_value(text, "Uid:"))) {
		for (i = 0; i < 4; i++, value = next)
			d->uids[i] = (uint32_t)strtoul(value, &next, 10);
	}
	/* The files belong to the effective user, or to root if undumpable. */
	if (!fstatat(p->dirfd, "mem", &st, 0) && d->uids[1]) {
		d->dump_known = true;
		d->undumpable = st.st_uid != d->uids[1];
	}
}

static int explain_filter(const struct denial *d, struct err *err)
{
	if (d->seccomp)
		return err_set(err, -EPERM, "a seccomp filter forbids us the "
			       "system call process_vm_readv, though the "
			       "kernel permits reading process %d ('%.100s'); "
			       "in a container: docker run --cap-add "
			       "SYS_PTRACE, or --security-opt "
			       "seccomp=unconfined", (int)d->pid, d->command);
	return err_set(err, -EPERM, "the kernel's own rules permit to read "
		       "process %d ('%.100s'), yet reading failed: a security "
		       "module forbids it%s%s%s; see 'journalctl -k -g "
		       "denied'", (int)d->pid, d->command,
		       *d->label ? " (our label is '" : "", d->label,
		       *d->label ? "')" : "");
}

static int explain_capable(const struct denial *d, struct err *err)
{
	if (d->other_userns)
		return err_set(err, -EPERM, "process %d ('%.100s') is in a "
			       "user namespace over which we have no "
			       "capability; run pystrobe outside of any "
			       "container, as root: sudo pystrobe ...",
			       (int)d->pid, d->command);
	return err_set(err, -EPERM, "a security module forbids to read process "
		       "%d ('%.100s'), though we have the capability "
		       "CAP_SYS_PTRACE%s%s%s; see 'journalctl -k -g denied', "
		       "and in a container: docker run --security-opt "
		       "apparmor=unconfined", (int)d->pid, d->command,
		       *d->label ? " (our label is '" : "", d->label,
		       *d->label ? "')" : "");
}

static int explain_root(const struct denial *d, struct err *err)
{
	return err_set(err, -EPERM, "we are root but lack the capability "
		       "CAP_SYS_PTRACE to read process %d ('%.100s'), as in a "
		       "container: docker run --cap-add SYS_PTRACE; in "
		       "Kubernetes: securityContext.capabilities.add: "
		       "[\"SYS_PTRACE\"]", (int)d->pid, d->command);
}

static int explain_other_user(const struct denial *d, struct err *err)
{
	const struct passwd *pw = getpwuid(d->uids[1]);
	struct str name;
	int ret;

	str_init(&name);
	if (pw)
		str_adds_clean(&name, pw->pw_name);
	else
		str_addf(&name, "%u", d->uids[1]);
	if (d->uids[0] == d->our_uid && d->uids[1] != d->our_uid)
		ret = err_set(err, -EPERM, "process %d ('%.100s') runs "
			      "set-uid as user '%s', and only root may read "
			      "it: sudo pystrobe ...", (int)d->pid, d->command,
			      name.data);
	else
		ret = err_set(err, -EPERM, "process %d ('%.100s') belongs to "
			      "another user, '%s', and we lack the capability "
			      "CAP_SYS_PTRACE: sudo pystrobe ...", (int)d->pid,
			      d->command, name.data);
	str_release(&name);
	return ret;
}

static int explain_yama(const struct denial *d, struct err *err)
{
	if (d->yama == 1)
		return err_set(err, -EPERM, "yama lets us read only processes "
			       "that we started (kernel.yama.ptrace_scope is "
			       "1), and process %d ('%.100s') is none: sudo "
			       "pystrobe ..., or sudo sysctl -w "
			       "kernel.yama.ptrace_scope=0, or start it with "
			       "pystrobe record -- PROGRAM", (int)d->pid,
			       d->command);
	return err_set(err, -EPERM, "yama lets only processes with the "
		       "capability CAP_SYS_PTRACE read others "
		       "(kernel.yama.ptrace_scope is 2), and process %d "
		       "('%.100s') is another: sudo pystrobe ..., or sudo "
		       "sysctl -w kernel.yama.ptrace_scope=0", (int)d->pid,
		       d->command);
}

static bool same_user(const struct denial *d)
{
	return d->uids[0] == d->our_uid && d->uids[1] == d->our_uid &&
	       d->uids[2] == d->our_uid;
}

int denial_explain(const struct denial *d, struct err *err)
{
	if (d->permitted)
		return explain_filter(d, err);
	if (d->yama >= 3)
		return err_set(err, -EPERM, "yama forbids everyone to read "
			       "other processes until the next boot "
			       "(kernel.yama.ptrace_scope is %d), process %d "
			       "('%.100s') too; lower it in /etc/sysctl.d and "
			       "restart the machine", d->yama, (int)d->pid,
			       d->command);
	if (d->capable)
		return explain_capable(d, err);
	if (d->our_uid == 0)
		return explain_root(d, err);
	if (d->other_userns)
		return err_set(err, -EPERM, "process %d ('%.100s') is in "
			       "another user namespace, that of a container "
			       "perhaps, and we lack the capability "
			       "CAP_SYS_PTRACE: sudo pystrobe ...",
			       (int)d->pid, d->command);
	if (!same_user(d))
		return explain_other_user(d, err);
	if (d->dump_known && d->undumpable)
		return err_set(err, -EPERM, "process %d ('%.100s') has made "
			       "itself unreadable (PR_SET_DUMPABLE), or was "
			       "started from a set-uid file or one with "
			       "capabilities: sudo pystrobe ...", (int)d->pid,
			       d->command);
	if (d->yama > 0)
		return explain_yama(d, err);
	return err_set(err, -EPERM, "process %d ('%.100s') has rights that we "
		       "lack (a group, a capability), or a security module "
		       "forbids it%s%s%s: sudo pystrobe ...", (int)d->pid,
		       d->command, *d->label ? " (our label is '" : "",
		       d->label, *d->label ? "')" : "");
}

int process_denied(const struct process *p, struct err *err)
{
	struct denial d;
	struct str command;
	int ret;

	str_init(&command);
	process_command(p, &command);
	denial_gather(&d, p, command.data);
	ret = denial_explain(&d, err);
	str_release(&command);
	return ret;
}
