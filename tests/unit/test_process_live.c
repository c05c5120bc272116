/*
 * Processes as the kernel shows them: our own, and children in every state.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "process.h"
#include "profile.h"

#define DEADLINE 10000000000ull /* ns until a wait has failed */

static void open_self(struct process *p)
{
	struct err err = {""};

	if (process_open(p, getpid(), &err))
		fail_msg("%s", err.msg);
}

static bool is_late(uint64_t since)
{
	struct timespec ms = {0, 1000000};

	nanosleep(&ms, NULL);
	return clock_mono() - since > DEADLINE;
}

static void open_fails(pid_t pid, int code, const char *why)
{
	struct err err = {""};
	struct process p;

	assert_int_equal(process_open(&p, pid, &err), code);
	assert_int_equal(p.dirfd, -1);
	if (!strstr(err.msg, why))
		fail_msg("'%s' does not say '%s'", err.msg, why);
}

/* ---- our own process ---- */

static void test_random(void **state)
{
	struct process p;
	uint64_t addr;

	(void)state;
	open_self(&p);
	assert_int_equal(process_random(&p, &addr), 0);
	assert_int_equal(addr, getauxval(AT_RANDOM));
	process_close(&p);
}

static void test_self(void **state)
{
	struct process_stat st;
	struct process p;
	struct str text;
	char cwd[4096];

	(void)state;
	open_self(&p);
	assert_int_equal(p.pid, getpid());
	assert_true(p.start > 0);
	assert_true(process_alive(&p));
	assert_true(process_permitted(&p));
	assert_int_equal(process_stat_read(&p, &st), 0);
	assert_int_equal(st.ppid, getppid());
	assert_int_equal(st.start, p.start);
	assert_int_equal(st.state, 'R');
	str_init(&text);
	process_cwd(&p, &text);
	assert_string_equal(text.data, getcwd(cwd, sizeof(cwd)));
	str_clear(&text);
	process_exe(&p, &text);
	assert_non_null(strstr(text.data, "/test_process_live"));
	str_clear(&text);
	process_command(&p, &text);
	assert_non_null(strstr(text.data, "test_process_live"));
	str_release(&text);
	/* Another process would have another start. */
	p.start++;
	assert_false(process_alive(&p));
	process_close(&p);
}

static void test_own_maps(void **state)
{
	const struct map_entry *e;
	struct stat st, want;
	struct process p;
	struct maps m;
	struct str exe;
	struct err err;
	char local;
	int fd;

	(void)state;
	open_self(&p);
	assert_int_equal(maps_read(&m, &p, &err), 0);
	e = maps_find(&m, (uint64_t)(uintptr_t)test_own_maps);
	assert_non_null(e);
	assert_true(e->exec && e->read && !e->write && !e->deleted);
	str_init(&exe);
	process_exe(&p, &exe);
	assert_string_equal(e->path, exe.data);
	str_release(&exe);
	fd = process_open_mapped(&p, e, &err);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(stat("/proc/self/exe", &want), 0);
	assert_int_equal(st.st_ino, want.st_ino);
	close(fd);
	e = maps_find(&m, (uint64_t)(uintptr_t)&local);
	assert_non_null(e);
	assert_string_equal(e->path, "[stack]");
	assert_int_equal(process_open_mapped(&p, e, &err), -EINVAL);
	maps_release(&m);
	process_close(&p);
}

static void test_cpu(void **state)
{
	struct timespec ts;
	uint64_t ns, before, after;
	struct process p;

	(void)state;
	open_self(&p);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	before = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	assert_int_equal(process_cpu_ns(&p, &ns), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	after = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	assert_in_range(ns, before, after);
	process_close(&p);
}

/* ---- children ---- */

static pid_t fork_child(void (*run)(void))
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run();
		_exit(0);
	}
	return pid;
}

static void run_forever(void)
{
	for (;;)
		pause();
}


static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_ended(void **state)
{
	pid_t pid = fork_child(run_forever);
	struct thread_probe probe;
	struct thread_sched sched;
	struct thread_look look;
	struct process p;
	struct err err;
	struct maps m;
	struct str text;
	pid_t *tids = NULL;
	size_t cap = 0;
	siginfo_t info;
	uint64_t ns;

	(void)state;
	assert_int_equal(process_open(&p, pid, &err), 0);
	assert_int_equal(process_cpu_ns(&p, &ns), 0);
	probe_init(&probe, pid);
	assert_int_equal(probe_look(&probe, &p, &look), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT),
			 0);
	assert_false(process_alive(&p));
	assert_int_equal(probe_look(&probe, &p, &look), -ESRCH);
	assert_int_equal(maps_read(&m, &p, &err), -ESRCH);
	open_fails(pid, -ESRCH, "zombie");
	waitpid(pid, NULL, 0);
	assert_false(process_alive(&p));
	assert_int_equal(probe_look(&probe, &p, &look), -ESRCH);
	assert_int_equal(probe_sched(&probe, &p, &sched), -ESRCH);
	assert_int_equal(maps_read(&m, &p, &err), -ESRCH);
	assert_int_equal(process_threads(&p, &tids, &cap), -ESRCH);
	assert_int_equal(process_cpu_ns(&p, &ns), -ESRCH);
	open_fails(pid, -ESRCH, "no process has the PID");
	str_init(&text);
	process_command(&p, &text);
	process_exe(&p, &text);
	thread_comm(&p, pid, &text);
	assert_string_equal(text.data, "");
	str_release(&text);
	probe_release(&probe);
	process_close(&p);
	free(tids);
}

static void *thread_forever(void *arg)
{
	(void)arg;
	run_forever();
	return NULL;
}

static void run_without_leader(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, thread_forever, NULL);
	pthread_exit(NULL);
}

static void test_leader_ended(void **state)
{
	pid_t pid = fork_child(run_without_leader);
	struct process p = {.pid = pid};
	uint64_t since = clock_mono();
	struct process_stat st;
	char path[32];

	(void)state;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	p.dirfd = open(path, O_PATH | O_DIRECTORY);
	do
		assert_int_equal(process_stat_read(&p, &st), 0);
	while (st.state != 'Z' && !is_late(since));
	open_fails(pid, -ENOTSUP, "the main thread of process");
	end(pid);
	process_close(&p);
}

static void test_no_process(void **state)
{
	(void)state;
	open_fails(0, -ESRCH, "not a PID");
	open_fails(-1, -ESRCH, "not a PID");
	open_fails(INT32_MAX, -ESRCH, "no process has the PID");
}

static void test_kernel_thread(void **state)
{
	char name[16] = "";
	int fd = open("/proc/2/comm", O_RDONLY);

	(void)state;
	if (fd < 0 || read(fd, name, sizeof(name) - 1) < 0 ||
	    strcmp(name, "kthreadd\n")) {
		print_message("skipped: no kernel thread is visible here\n");
		skip();
	}
	close(fd);
	open_fails(2, -ENOTSUP, "('[kthreadd]') is a kernel thread");
}

/* ---- a 32-bit program of 13 bytes: pause() for ever ---- */

struct small {
	Elf32_Ehdr eh;
	Elf32_Phdr ph;
	unsigned char code[16];
};

static void make_small(struct small *s)
{
	static const unsigned char code[] = {
		0xb8, 29, 0, 0, 0, /* mov $29, %eax: pause of i386 */
		0xcd, 0x80,        /* int $0x80 */
		0xeb, 0xf7,        /* jmp to the start */
	};

	memset(s, 0, sizeof(*s));
	memcpy(s->eh.e_ident, ELFMAG, SELFMAG);
	s->eh.e_ident[EI_CLASS] = ELFCLASS32;
	s->eh.e_ident[EI_DATA] = ELFDATA2LSB;
	s->eh.e_ident[EI_VERSION] = EV_CURRENT;
	s->eh.e_type = ET_EXEC;
	s->eh.e_machine = EM_386;
	s->eh.e_version = EV_CURRENT;
	s->eh.e_entry = 0x10000 + offsetof(struct small, code);
	s->eh.e_phoff = offsetof(struct small, ph);
	s->eh.e_ehsize = sizeof(s->eh);
	s->eh.e_phentsize = sizeof(s->ph);
	s->eh.e_phnum = 1;
	s->ph = (Elf32_Phdr){.p_type = PT_LOAD,
			     .p_vaddr = 0x10000,
			     .p_filesz = sizeof(*s),
			     .p_memsz = sizeof(*s),
			     .p_flags = PF_R | PF_X,
			     .p_align = 4096};
	memcpy(s->code, code, sizeof(code));
}

static void test_32_bit(void **state)
{
	char path[] = "/tmp/pystrobe-small-XXXXXX";
	char *argv[] = {path, NULL};
	int fd = mkostemp(path, O_CLOEXEC), ret;
	struct child c;
	struct err err;
	struct small s;

	(void)state;
	make_small(&s);
	assert_int_equal(write(fd, &s, sizeof(s)), sizeof(s));
	fchmod(fd, 0700);
	close(fd);
	ret = child_start(&c, argv, &err);
	unlink(path);
	if (ret) {
		print_message("skipped: this kernel runs no 32-bit programs\n");
		skip();
	}
	open_fails(c.pid, -ENOTSUP, "runs a 32-bit program");
	end(c.pid);
}

/* ---- threads ---- */

struct thread {
	pthread_t thread;
	_Atomic pid_t tid;
	_Atomic uint32_t word; /* of a futex; 0 until it shall end */
	int fds[2];
};

static void announce(struct thread *t)
{
	t->tid = (pid_t)syscall(SYS_gettid);
}

static void *wait_futex(void *arg)
{
	struct thread *t = arg;

	announce(t);
	while (!t->word)
		syscall(SYS_futex, &t->word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL,
			0);
	return NULL;
}

static void *wait_sleep(void *arg)
{
	struct thread *t = arg;
	struct timespec long_time = {1000, 0};

	announce(t);
	/* Interrupted by the signal that ends it. */
	while (!t->word)
		nanosleep(&long_time, NULL);
	return NULL;
}

static void *wait_read(void *arg)
{
	struct thread *t = arg;
	char c;

	announce(t);
	while (read(t->fds[0], &c, 1) != 1 && errno == EINTR)
		;
	return NULL;
}

static void *spin(void *arg)
{
	struct thread *t = arg;

	announce(t);
	while (!t->word)
		;
	return NULL;
}

static void start_thread(struct thread *t, void *(*run)(void *))
{
	uint64_t since = clock_mono();

	t->tid = 0;
	t->word = 0;
	assert_int_equal(pipe(t->fds), 0);
	assert_int_equal(pthread_create(&t->thread, NULL, run, t), 0);
	while (!t->tid)
		assert_false(is_late(since));
}

static void on_signal(int sig)
{
	(void)sig;
}

static void end_thread(struct thread *t)
{
	t->word = 1;
	syscall(SYS_futex, &t->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	pthread_kill(t->thread, SIGUSR1);
	assert_int_equal(write(t->fds[1], "x", 1), 1);
	pthread_join(t->thread, NULL);
	close(t->fds[0]);
	close(t->fds[1]);
}

/* Looks until the thread is in that call, or in none (-1) and running. */
static void look_until(struct thread_probe *probe, const struct process *p,
		       int64_t call, struct thread_look *look)
{
	uint64_t since = clock_mono();
	uint8_t run = call < 0 ? RUN_CPU : RUN_SLEEPING;

	do
		assert_int_equal(probe_look(probe, p, look), 0);
	while ((look->call != call || look->run != run) && !is_late(since));
	assert_int_equal(look->call, call);
	assert_int_equal(look->run, run);
}

static void test_futex(void **state)
{
	struct thread_probe probe;
	struct thread_look look;
	struct thread_sched before, after;
	struct process p;
	struct thread t;
	uint64_t since;

	(void)state;
	open_self(&p);
	start_thread(&t, wait_futex);
	probe_init(&probe, t.tid);
	look_until(&probe, &p, SYS_futex, &look);
	assert_int_equal(look.args[0], (uint64_t)(uintptr_t)&t.word);
	assert_int_equal(look.args[1], FUTEX_WAIT_PRIVATE);
	/* It does not run, so its count stands; it is woken, it moves. */
	assert_int_equal(probe_sched(&probe, &p, &before), 0);
	assert_int_equal(probe_look(&probe, &p, &look), 0);
	assert_int_equal(probe_sched(&probe, &p, &after), 0);
	assert_int_equal(before.slices, after.slices);
	assert_int_equal(before.cpu_ns, after.cpu_ns);
	since = clock_mono();
	do {
		syscall(SYS_futex, &t.word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL,
			0);
		assert_int_equal(probe_sched(&probe, &p, &after), 0);
	} while (after.slices == before.slices && !is_late(since));
	assert_true(after.slices > before.slices);
	assert_true(after.cpu_ns > before.cpu_ns);
	end_thread(&t);
	/* Its files stay open, and say that it is gone. */
	since = clock_mono();
	while (!probe_look(&probe, &p, &look))
		assert_false(is_late(since));
	assert_int_equal(probe_look(&probe, &p, &look), -ESRCH);
	assert_int_equal(probe_sched(&probe, &p, &after), -ESRCH);
	probe_release(&probe);
	assert_int_equal(probe.syscall_fd, -1);
	process_close(&p);
}

static void test_looks(void **state)
{
	struct thread_probe probe;
	struct thread_look look;
	struct process p;
	struct thread t;

	(void)state;
	open_self(&p);
	start_thread(&t, wait_sleep);
	probe_init(&probe, t.tid);
	/* glibc 2.31 and later sleep by clock_nanosleep. */
	look_until(&probe, &p, SYS_clock_nanosleep, &look);
	probe_release(&probe);
	end_thread(&t);
	start_thread(&t, wait_read);
	probe_init(&probe, t.tid);
	look_until(&probe, &p, SYS_read, &look);
	assert_int_equal(look.args[0], t.fds[0]);
	assert_int_equal(look.args[2], 1);
	probe_release(&probe);
	end_thread(&t);
	start_thread(&t, spin);
	probe_init(&probe, t.tid);
	look_until(&probe, &p, -1, &look);
	assert_int_equal(look.args[0], 0);
	probe_release(&probe);
	end_thread(&t);
	process_close(&p);
}

static void test_stopped(void **state)
{
	pid_t pid = fork_child(run_forever);
	struct thread_probe probe;
	struct thread_look look;
	struct process p;
	struct err err;
	int status;

	(void)state;
	assert_int_equal(process_open(&p, pid, &err), 0);
	kill(pid, SIGSTOP);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	probe_init(&probe, pid);
	assert_int_equal(probe_look(&probe, &p, &look), 0);
	assert_int_equal(look.run, RUN_STOPPED);
	probe_release(&probe);
	end(pid);
	process_close(&p);
}

static void test_thread_list(void **state)
{
	struct thread t[5];
	struct process p;
	pid_t *tids = NULL;
	size_t cap = 0, i, k;
	ssize_t n;
	bool found;

	(void)state;
	open_self(&p);
	for (i = 0; i < 5; i++)
		start_thread(&t[i], wait_futex);
	n = process_threads(&p, &tids, &cap);
	assert_in_range(n, 6, 64);
	for (i = 1; i < (size_t)n; i++)
		assert_true(tids[i - 1] < tids[i]);
	for (i = 0; i < 5; i++) {
		for (k = 0, found = false; k < (size_t)n; k++)
			found = found || tids[k] == t[i].tid;
		assert_true(found);
	}
	open_fails(t[0].tid, -ESRCH, "is not a process but a thread of");
	for (i = 0; i < 5; i++)
		end_thread(&t[i]);
	free(tids);
	process_close(&p);
}

static void test_thread_name(void **state)
{
	struct process p;
	struct thread t;
	struct str name;

	(void)state;
	open_self(&p);
	start_thread(&t, wait_futex);
	str_init(&name);
	assert_int_equal(pthread_setname_np(t.thread, "a) \x1b[31m\n"), 0);
	thread_comm(&p, t.tid, &name);
	assert_string_equal(name.data, "a) \xef\xbf\xbd[31m ");
	str_clear(&name);
	thread_comm(&p, INT32_MAX, &name);
	assert_string_equal(name.data, "");
	str_release(&name);
	end_thread(&t);
	process_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_own_maps),
		cmocka_unit_test(test_cpu),
		cmocka_unit_test(test_ended),
		cmocka_unit_test(test_leader_ended),
		cmocka_unit_test(test_no_process),
		cmocka_unit_test(test_kernel_thread),
		cmocka_unit_test(test_32_bit),
		cmocka_unit_test(test_futex),
		cmocka_unit_test(test_looks),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_thread_list),
		cmocka_unit_test(test_thread_name),
	};
	struct sigaction act = {.sa_handler = on_signal};

	sigaction(SIGUSR1, &act, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
