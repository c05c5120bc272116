/*
 * process.h - a process as the kernel shows it in /proc: identity, command,
 * mappings, files, threads and their state; why we may not look at it. And
 * starting one.
 */
#ifndef PYSTROBE_PROCESS_H
#define PYSTROBE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct str;

/* Named limits of what we read. */
#define MAPS_MAX (64u << 20)    /* bytes of /proc/PID/maps */
#define THREADS_MAX 65536u      /* threads of one process */
#define COMMAND_MAX 4096u       /* bytes of command line kept */

struct process {
	pid_t pid;
	uint64_t start; /* field 22 of stat: identity together with pid */
	int dirfd;      /* of /proc/PID */
};

/*
 * Opens /proc/PID and says in one sentence what is wrong with it, if anything
 * is: -ESRCH no such process, or a zombie; -ENOTSUP a kernel thread, or a
 * 32-bit program; -EPERM we may not read its memory (process_denied). Does
 * not look for Python.
 */
int process_open(struct process *p, pid_t pid, struct err *err);
void process_close(struct process *p);

/* False once that very process (not another with its pid) has ended. */
bool process_alive(const struct process *p);

/*
 * Why reading this process' memory is not permitted, and the one command that
 * mends it: another user's, yama, no CAP_SYS_PTRACE in a container, not
 * dumpable, another user namespace, already root but seccomp. Always returns
 * -EPERM with the sentence filled in.
 */
int process_denied(const struct process *p, struct err *err);

/* Command line (arguments joined by spaces), cleaned; else "[comm]". */
void process_command(const struct process *p, struct str *out);
void process_cwd(const struct process *p, struct str *out); /* "" unknown */
void process_exe(const struct process *p, struct str *out);

struct map_entry {
	uint64_t start, end, offset, inode;
	uint32_t dev_major, dev_minor;
	bool read, write, exec;
	const char *path; /* "" anonymous; without " (deleted)"; raw bytes */
	bool deleted;
};

struct maps {
	struct map_entry *entries;
	size_t len;
	struct str *text; /* owns the paths */
};

/* -ESRCH when the process ended meanwhile, -E2BIG beyond MAPS_MAX. */
int maps_read(struct maps *m, const struct process *p, struct err *err);
/* The same from the text of a maps file; bad lines are passed over. */
void maps_parse(struct maps *m, const char *text, size_t len);
void maps_release(struct maps *m);
const struct map_entry *maps_find(const struct maps *m, uint64_t addr);

/*
 * Opens the file behind a mapping as the target sees it: /proc/PID/root/PATH
 * if it still is the same file (device and inode), else
 * /proc/PID/map_files/FROM-TO, else for the executable /proc/PID/exe. Read
 * only, O_NONBLOCK against FIFOs, regular files only. A descriptor, or a
 * negative errno.
 */
int process_open_mapped(const struct process *p, const struct map_entry *e,
			struct err *err);

/*
 * Ids of all threads, ascending. *tids is grown (free it); returns how many,
 * or a negative errno.
 */
ssize_t process_threads(const struct process *p, pid_t **tids, size_t *cap);

/* The kernel's name of a thread, cleaned; "" when it is gone. */
void thread_comm(const struct process *p, pid_t tid, struct str *out);

/* Descriptors that stay open for one thread, so that a look is one read. */
struct thread_probe {
	pid_t tid;
	int syscall_fd, schedstat_fd, stat_fd; /* -1: not opened yet */
};

struct thread_look {
	uint8_t run;       /* enum run_state of profile.h */
	int64_t call;      /* system call it is blocked in, -1 none */
	uint64_t args[6];
};

void probe_init(struct thread_probe *t, pid_t tid);
void probe_release(struct thread_probe *t);

/*
 * One read of /proc/PID/task/TID/syscall ("running", or the call), and of
 * stat to tell sleeping from uninterruptible and stopped when it is blocked.
 * -ESRCH when the thread ended. Falls back to stat alone where syscall may not
 * be read.
 */
int probe_look(struct thread_probe *t, const struct process *p,
	       struct thread_look *out);

/* Third field of schedstat: time slices run so far. -ESRCH. */
int probe_slices(struct thread_probe *t, const struct process *p,
		 uint64_t *slices);

/* CPU time of a whole process in ns, without any file; -ESRCH. */
int process_cpu_ns(const struct process *p, uint64_t *ns);

/* State letter, parent and tracer, from stat and status; 0 when unknown. */
struct process_stat {
	char state;
	pid_t ppid, tracer;
	uint64_t start;
	uint64_t flags; /* PF_KTHREAD 0x00200000 */
};
int process_stat_read(const struct process *p, struct process_stat *out);
int process_stat_parse(struct process_stat *out, const char *text, size_t len);

/* ---- a program that we start ---- */

struct child {
	pid_t pid;
	bool reaped;
	int status; /* of waitpid, once reaped */
};

/*
 * Starts argv[0] (found on PATH) with our stdin, stdout, stderr and terminal,
 * default signal dispositions and the mask we had. The program may not exist:
 * -ENOENT, -EACCES... with a sentence, told by exec's own failure through a
 * close-on-exec pipe.
 */
int child_start(struct child *c, char *const argv[], struct err *err);
/* True once it has ended (status is set); never blocks. */
bool child_poll(struct child *c);
/* Waits for its end; -EINTR when a signal came first. */
int child_wait(struct child *c);
/* The exit status that we pass on: its own, or 128 + signal. */
int child_exit_status(const struct child *c);
/* Ends ourselves as it ended: exits, or dies by the same signal. */
void child_mirror(const struct child *c) __attribute__((noreturn));

#endif
