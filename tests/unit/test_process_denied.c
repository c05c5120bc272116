/*
 * Why we may not look: each cause its own sentence, from facts as they would
 * be elsewhere, and from processes that do refuse us.
 */
#include <ctype.h>
#include <errno.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "process.h"

#define NOBODY 65534u

static struct denial facts(void)
{
	return (struct denial){
		.pid = 4711,
		.command = "python3 app.py",
		.dump_known = true,
		.our_uid = 1000,
		.uids = {1000, 1000, 1000, 1000},
	};
}

/* One sentence: lower case, no full stop, one line, not cut off. */
static void check_form(const char *msg)
{
	size_t len = strlen(msg);

	assert_in_range(len, 20, ERR_MAX - 10);
	assert_true(islower((unsigned char)msg[0]));
	assert_null(strchr(msg, '\n'));
	assert_true(len < 2 || msg[len - 1] != '.' ||
		    !strcmp(msg + len - 3, "..."));
	assert_non_null(strstr(msg, "4711 ('python3 app.py')"));
}

static void says(const struct denial *d, const char *cause, const char *remedy)
{
	struct err err = {""};

	assert_int_equal(denial_explain(d, &err), -EPERM);
	check_form(err.msg);
	if (!strstr(err.msg, cause) || !strstr(err.msg, remedy))
		fail_msg("'%s' does not say '%s' and '%s'", err.msg, cause,
			 remedy);
}

static void test_user(void **state)
{
	struct denial d = facts();

	(void)state;
	d.uids[0] = d.uids[1] = d.uids[2] = d.uids[3] = 0;
	says(&d, "belongs to another user, 'root'", "sudo pystrobe");
	d.yama = 1;
	says(&d, "belongs to another user, 'root'", "sudo pystrobe");
	d.uids[1] = d.uids[2] = 3999999999u;
	says(&d, "another user, '3999999999'", "sudo pystrobe");
	d.uids[0] = 1000;
	says(&d, "runs set-uid as user '3999999999'", "sudo pystrobe");
}

static void test_yama(void **state)
{
	struct denial d = facts();

	(void)state;
	d.yama = 1;
	says(&d, "ptrace_scope is 1", "sysctl -w kernel.yama.ptrace_scope=0");
	d.yama = 2;
	says(&d, "ptrace_scope is 2", "sysctl -w kernel.yama.ptrace_scope=0");
	d.yama = 3;
	says(&d, "ptrace_scope is 3", "restart the machine");
	d.capable = true;
	d.our_uid = 0;
	says(&d, "ptrace_scope is 3", "restart the machine");
}

static void test_root(void **state)
{
	struct denial d = facts();
	struct err err;

	(void)state;
	d.our_uid = 0;
	says(&d, "root but lack the capability CAP_SYS_PTRACE",
	     "docker run --cap-add SYS_PTRACE");
	says(&d, "CAP_SYS_PTRACE", "securityContext.capabilities.add");
	denial_explain(&d, &err);
	assert_null(strstr(err.msg, "sudo"));
	d.capable = true;
	says(&d, "a security module", "journalctl");
	strcpy(d.label, "docker-default");
	says(&d, "label is 'docker-default'", "apparmor=unconfined");
	d.other_userns = true;
	says(&d, "user namespace", "outside of any container");
}

static void test_others(void **state)
{
	struct denial d = facts();

	(void)state;
	says(&d, "rights that we lack", "sudo pystrobe");
	d.undumpable = true;
	says(&d, "PR_SET_DUMPABLE", "sudo pystrobe");
	d.dump_known = false;
	says(&d, "rights that we lack", "sudo pystrobe");
	d.other_userns = true;
	says(&d, "another user namespace", "sudo pystrobe");
	d.permitted = true;
	says(&d, "a security module", "journalctl");
	d.seccomp = true;
	says(&d, "seccomp filter forbids us the system call process_vm_readv",
	     "--cap-add SYS_PTRACE");
}

/* ---- processes that refuse us ---- */

/* What a helper of ours, with fewer rights, hears. */
struct answer {
	int ret;
	struct err err;
};

struct rights {
	uint32_t uid;
	bool keep_ptrace; /* CAP_SYS_PTRACE and nothing else */
	bool drop_ptrace; /* all but CAP_SYS_PTRACE */
};

static int set_caps(bool keep_ptrace)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2];

	if (syscall(SYS_capget, &head, caps))
		return -1;
	if (keep_ptrace) {
		memset(caps, 0, sizeof(caps));
		caps[0].permitted = 1u << CAP_SYS_PTRACE;
	} else {
		caps[0].permitted &= ~(1u << CAP_SYS_PTRACE);
	}
	caps[0].effective = caps[0].permitted;
	caps[1].effective = caps[1].permitted;
	return (int)syscall(SYS_capset, &head, caps);
}

static int take_rights(const struct rights *r)
{
	if (r->keep_ptrace && prctl(PR_SET_KEEPCAPS, 1))
		return -1;
	if (r->uid && (setresgid(r->uid, r->uid, r->uid) ||
		       setresuid(r->uid, r->uid, r->uid)))
		return -1;
	if (r->keep_ptrace || r->drop_ptrace)
		return set_caps(r->keep_ptrace);
	return 0;
}

/* process_open and maps_read of `pid` by a process with these rights. */
static struct answer ask_as(const struct rights *r, pid_t pid)
{
	struct answer a = {.ret = 1};
	struct process p;
	struct maps m;
	int fds[2], status;
	pid_t helper;

	assert_int_equal(pipe(fds), 0);
	fflush(NULL);
	helper = fork();
	assert_true(helper >= 0);
	if (!helper) {
		if (take_rights(r))
			_exit(1);
		a.ret = process_open(&p, pid, &a.err);
		if (!a.ret) {
			a.ret = maps_read(&m, &p, &a.err);
			if (!a.ret)
				maps_release(&m);
			process_close(&p);
		}
		_exit(write(fds[1], &a, sizeof(a)) != sizeof(a));
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &a, sizeof(a)), sizeof(a));
	close(fds[0]);
	assert_int_equal(waitpid(helper, &status, 0), helper);
	assert_int_equal(status, 0);
	return a;
}

/* A process that waits until it is killed, as the user, dumpable or not. */
static pid_t start_target(uint32_t uid, bool dumpable)
{
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (uid && (setresgid(uid, uid, uid) ||
			    setresuid(uid, uid, uid)))
			_exit(1);
		prctl(PR_SET_DUMPABLE, dumpable);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void end_target(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static bool are_root(void)
{
	if (geteuid() == 0)
		return true;
	print_message("skipped: only root can start processes of others\n");
	return false;
}

static void heard(const struct answer *a, const char *cause)
{
	assert_int_equal(a->ret, -EPERM);
	if (!strstr(a->err.msg, cause))
		fail_msg("'%s' does not say '%s'", a->err.msg, cause);
}

static void test_real_other_user(void **state)
{
	const struct rights nobody = {.uid = NOBODY};
	struct answer a;
	pid_t pid;

	(void)state;
	if (!are_root())
		skip();
	pid = start_target(0, true);
	a = ask_as(&nobody, pid);
	end_target(pid);
	heard(&a, "belongs to another user, 'root'");
	heard(&a, "sudo pystrobe");
}

static void test_real_undumpable(void **state)
{
	const struct rights nobody = {.uid = NOBODY};
	struct answer a;
	pid_t pid;

	(void)state;
	if (!are_root())
		skip();
	pid = start_target(NOBODY, false);
	a = ask_as(&nobody, pid);
	end_target(pid);
	heard(&a, "PR_SET_DUMPABLE");
}

static void test_real_root_without_cap(void **state)
{
	const struct rights weak = {.drop_ptrace = true};
	struct answer a;
	pid_t pid;

	(void)state;
	if (!are_root())
		skip();
	pid = start_target(NOBODY, true);
	a = ask_as(&weak, pid);
	end_target(pid);
	heard(&a, "we are root but lack the capability CAP_SYS_PTRACE");
}

/* A pystrobe with the file capability: permitted, though mem is not its. */
static void test_real_cap_alone(void **state)
{
	const struct rights strong = {.uid = NOBODY, .keep_ptrace = true};
	struct answer a;
	pid_t pid;

	(void)state;
	if (!are_root())
		skip();
	pid = start_target(0, true);
	a = ask_as(&strong, pid);
	end_target(pid);
	if (a.ret)
		fail_msg("%s", a.err.msg);
}

/* Permitted, so when a read is refused, it must be something else. */
static void test_real_permitted(void **state)
{
	struct process p;
	struct err err;
	pid_t pid = start_target(0, true);

	(void)state;
	assert_int_equal(process_open(&p, pid, &err), 0);
	assert_true(process_permitted(&p));
	assert_int_equal(process_denied(&p, &err), -EPERM);
	assert_true(strstr(err.msg, "seccomp") || strstr(err.msg, "module"));
	end_target(pid);
	process_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_yama),
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_real_other_user),
		cmocka_unit_test(test_real_undumpable),
		cmocka_unit_test(test_real_root_without_cap),
		cmocka_unit_test(test_real_cap_alone),
		cmocka_unit_test(test_real_permitted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
