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
#define PROCESSES_MAX 4194304u  /* of a machine: PIDs are below that */
#define COMMAND_MAX 4096u       /* bytes of command line kept */

struct process {
	pid_t pid;
	uint64_t start; /* field 22 of stat: identity together with pid */
	int dirfd;      /* of /proc/PID */
	int stat_fd;    /* of its stat file */
};

/*
 * Opens /proc/PID and says in one sentence what is wrong with it, if anything
 * is: -ESRCH no such process, the id of a thread, or a zombie; -ENOTSUP a
 * kernel thread, a 32-bit program, or a process whose main thread has ended;
 * -EPERM we may not read its memory (process_denied). Does not look for
 * Python.
 */
int process_open(struct process *p, pid_t pid, struct err *err);
void process_close(struct process *p);

/* False once that very process (not another with its pid) has ended. */
bool process_alive(const struct process *p);

/*
 * A file that stands for the program which the process runs now, to be closed;
 * -1 where there is none to be had. It is that of its mappings, which are gone
 * after an exec (fs/proc/task_mmu.c, m_start), also where the new program lies
 * at the same addresses: then program_lasts is false. As long as another process
 * shares that memory (vfork) it is true.
 */
int process_program(const struct process *p);
bool program_lasts(int fd);

/*
 * Where the kernel has put 16 random bytes for this program, of which the next one
 * has others, most likely (AT_RANDOM, getauxval(3)). Whoever may write there can
 * change them. -ENOENT when there are none.
 */
int process_random(const struct process *p, uint64_t *addr);

/*
 * Why reading this process' memory is not permitted, and the one command that
 * mends it: another user's, yama, no CAP_SYS_PTRACE in a container, not
 * dumpable, another user namespace, already root but seccomp. Always returns
 * -EPERM with the sentence filled in. To be called after a read failed with
 * -EPERM; when the kernel would permit it by now, a filter must be the cause.
 */
int process_denied(const struct process *p, struct err *err);

/*
 * The facts behind process_denied. Source of the rules: the manual of ptrace,
 * "Ptrace access mode checking", and proc(5) for who owns the files of
 * /proc/PID.
 */
struct denial {
	pid_t pid;
	const char *command; /* cleaned; for the sentence */
	bool permitted;      /* the kernel's own check passes */
	bool capable;        /* we have CAP_SYS_PTRACE (in our namespace) */
	bool seccomp;        /* a filter is on our system calls */
	bool other_userns;   /* its user namespace is not ours */
	bool undumpable;
	bool dump_known;     /* false: `undumpable` could not be told */
	int yama;            /* kernel.yama.ptrace_scope; 0 too without yama */
	uint32_t our_uid;    /* effective */
	uint32_t uids[4];    /* its real, effective, saved, file system uid */
	char label[64];      /* our security label (AppArmor, SELinux), "" */
};

/* `command` is kept by *d. */
void denial_gather(struct denial *d, const struct process *p,
		   const char *command);
/* The sentence for these facts; -EPERM. */
int denial_explain(const struct denial *d, struct err *err);

/* True when the kernel's access check for reading its memory passes. */
bool process_permitted(const struct process *p);

/*
 * Command line (arguments joined by spaces), cleaned; else "[comm]", "" when
 * the process is gone.
 */
void process_command(const struct process *p, struct str *out);
/* Raw bytes; "" unknown. The executable is without " (deleted)". */
void process_cwd(const struct process *p, struct str *out);
void process_exe(const struct process *p, struct str *out);

struct map_entry {
	uint64_t start, end, offset, inode;
	uint32_t dev_major, dev_minor;
	bool read, write, exec;
	/*
	 * "" anonymous; "[heap]"; a file's without " (deleted)", a newline in
	 * it decoded. Raw bytes as seen from our own root directory, or from
	 * the top of its mount namespace when that is another one.
	 */
	const char *path;
	bool deleted;
};

struct maps {
	struct map_entry *entries;
	size_t len;
	struct str *text; /* owns the paths */
};

/* -ESRCH when the process ended meanwhile, -E2BIG beyond MAPS_MAX. */
int maps_read(struct maps *m, const struct process *p, struct err *err);
/*
 * The same from the text of a maps file; bad lines, and those out of order,
 * are passed over.
 */
void maps_parse(struct maps *m, const char *text, size_t len);
void maps_release(struct maps *m);
const struct map_entry *maps_find(const struct maps *m, uint64_t addr);

/*
 * Opens the very file behind a mapping: /proc/PID/map_files/FROM-TO where we
 * may (root), which is right even for a deleted file; else PATH below
 * /proc/PID/root or our own root if it still is that file (device and inode;
 * on overlayfs and btrfs, where the devices differ, the inode); else for the
 * executable /proc/PID/exe. Read only, and regular files only: anything else
 * is looked at, but not opened. A descriptor; or -ENOENT the file was replaced
 * or deleted and cannot be had, -EPERM, -ESRCH, with a sentence.
 */
int process_open_mapped(const struct process *p, const struct map_entry *e,
			struct err *err);

/*
 * Lines of the source files of a process, read through its own root folder;
 * bounded in files and bytes. The process must not be closed before.
 */
struct sources;
struct sources *sources_new(const struct process *p);
void sources_free(struct sources *s);
/*
 * Line `line`, from 1 on, of a file as the program names it, without the space
 * around it; NULL when it cannot be had. Raw bytes up to the next call.
 */
const char *sources_line(void *sources, const char *file, uint32_t line);
/* The same with the space before it. */
const char *sources_whole_line(void *sources, const char *file, uint32_t line);
/*
 * A whole source file, as the process names it and sees it, or below our own
 * root, where `cwd` is the working folder of the program. Only regular files of
 * at most 8 MB; 0, or a negative errno and nothing. Also tells when it was
 * changed last, in ns since the epoch.
 */
int source_read_of(const struct process *p, const char *file, struct str *out,
		   uint64_t *changed_ns);
int source_read_here(const char *cwd, const char *file, struct str *out,
		     uint64_t *changed_ns);

/*
 * Ids of all threads, ascending. *tids is grown (free it); returns how many,
 * or a negative errno.
 */
ssize_t process_threads(const struct process *p, pid_t **tids, size_t *cap);

/* The same for the processes that /proc shows us. */
ssize_t process_list(pid_t **pids, size_t *cap);

/* The kernel's name of a thread, cleaned; "" when it is gone. */
void thread_comm(const struct process *p, pid_t tid, struct str *out);

/* Who traces the thread; 0: nobody, or not known. */
pid_t thread_tracer(const struct process *p, pid_t tid);

/* Descriptors that stay open for one thread, so that a look is one read. */
struct thread_probe {
	pid_t tid;
	/* -1: not opened yet */
	int syscall_fd, schedstat_fd, stat_fd, status_fd, sched_fd;
};

struct thread_look {
	uint8_t run;       /* enum run_state of profile.h */
	int64_t call;      /* system call it is blocked in, -1 none */
	uint64_t args[6];  /* of that call, else 0 */
	/*
	 * It has gone on since. Of its memory then it is known what args[0] points
	 * to.
	 */
	bool past;
	uint64_t first;
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

/*
 * From schedstat: CPU time, which for a thread that is running is late by up
 * to a tick of the kernel, and time slices run so far. -ESRCH.
 */
struct thread_sched {
	uint64_t cpu_ns, slices;
	uint64_t delay_ns; /* waited for a processor, but for a wait that lasts */
};
int probe_sched(struct thread_probe *t, const struct process *p,
		struct thread_sched *out);

/* Whether it may run: less than probe_look, and false when that is not known. */
bool probe_runs(struct thread_probe *t, const struct process *p);

/*
 * How often it was taken off a processor, from status, and whether it may run
 * at that moment. Beside its time slices that tells whether it is on one: the
 * difference of the two has one value while it is, and one less while it is
 * not. Some 10 us. -ESRCH.
 */
int probe_switches(struct thread_probe *t, const struct process *p,
		   uint64_t *switches, bool *runs);

/*
 * When it was on a processor last, in ns of the scheduler's own clock (from sched,
 * which not every kernel has). Of one that is, when the kernel counted last. Some
 * 2 us. -EBADMSG, -ESRCH.
 */
int probe_last_on(struct thread_probe *t, const struct process *p,
		  uint64_t *ns);

/*
 * The processor that it was on last, from stat, and whether it may run; -1 and
 * false: unknown.
 */
int probe_cpu(struct thread_probe *t, const struct process *p, bool *runs);

/*
 * CPU time of a whole process in ns, without any file; -ESRCH. By pid alone:
 * it is process_alive that tells a new process with the old number.
 */
int process_cpu_ns(const struct process *p, uint64_t *ns);

/* State letter, parent and tracer, from stat and status; 0 when unknown. */
struct process_stat {
	char state;
	pid_t ppid, tracer;
	uint64_t start;
	uint64_t flags; /* PF_KTHREAD 0x00200000 */
	int cpu;        /* that it was on last; -1 unknown */
};
/* -ESRCH when the process is gone, -EBADMSG when that is no stat file. */
int process_stat_read(const struct process *p, struct process_stat *out);
/* From the text of stat alone: tracer is 0. Of a thread's stat file too. */
int process_stat_parse(struct process_stat *out, const char *text, size_t len);

/* ---- stopping a thread ---- */

struct tracer; /* the one owner of what we have stopped */

/* Of one process; `child`: we started it. */
struct tracer *tracer_new(pid_t pid, bool child);
/*
 * Lets go of what it holds. A thread that would not stop in time is let go as
 * soon as it does, also after this.
 */
void tracer_free(struct tracer *t);

/*
 * Stops one thread, which must be running: one that sleeps would have its
 * system call interrupted. Waits at most deadline_ns. Signals that come
 * meanwhile are delivered by trace_resume; those that would stop us (Ctrl-Z)
 * wait for it. -ESRCH it has ended; -EPERM not permitted, or another tool
 * traces it, or it is just ending; -ETIMEDOUT it was not to be stopped in time
 * (it waits for a processor, or fell into an uninterruptible sleep), or that
 * is so with another one still: as soon as it stops it is let go, by a handler
 * of SIGCHLD, which is in force until then.
 */
int trace_stop(struct tracer *t, pid_t tid, uint64_t deadline_ns);
/*
 * Does before what else trace_stop would do first, so that a last look at the
 * thread is as near to it as can be; trace_resume if it is not to be stopped.
 */
void trace_ready(struct tracer *t);
/* Lets it go on; returns for how long it was stopped, at most, in ns. */
uint64_t trace_resume(struct tracer *t);

/* True while there is a thread that did not stop in time, and has not since. */
bool trace_settle(struct tracer *t);

struct trace_counts {
	uint64_t stops, late; /* late: not stopped in time */
	uint64_t pause_ns, longest_ns; /* of the stops */
};
void trace_counts(const struct tracer *t, struct trace_counts *out);

/* ---- taking a processor ---- */

/*
 * A thread of ours that takes a processor from whoever is on it, when it is due,
 * and keeps it until we have read what we want: 100 us if we do not come, 200 if
 * we do. Nothing is done to the one that stands still by that: it is not traced,
 * and none of its system calls is interrupted.
 */
struct occupier;

struct occupy_counts {
	uint64_t turns, longest_ns;
	uint64_t vain;   /* turns of them in which we did not come */
	uint64_t cpu_ns; /* that they took from others in all */
};

/* NULL: not permitted (a real-time priority), or not to be had. */
struct occupier *occupier_new(void);
void occupier_free(struct occupier *o);
/*
 * It comes at `due` (monotonic, ns), and expects to come again at `then`. False
 * when that processor is not ours to have.
 */
bool occupy_at(struct occupier *o, int cpu, uint64_t due, uint64_t then);
/* It need not come, or may go. */
void occupy_not(struct occupier *o);
/*
 * Since when it has been there, by the clock of probe_last_on: who was there until
 * it came was there last at that very instant, and who waited was before. When the
 * kernel's own tick came meanwhile (1 to 4 ms apart) it is later, by up to its stay.
 * -EBADMSG.
 */
int occupy_since(const struct occupier *o, uint64_t *ns);
/* Where it is, or will be when it is due; -1: it is due nowhere. */
int occupy_cpu(const struct occupier *o);
/* Whether it is there now; -1: anywhere. */
bool occupy_is_on(const struct occupier *o, int cpu);
/* How long before it is due we must get up, to be ready by then; in ns. */
uint64_t occupy_lead(const struct occupier *o);
/*
 * Waits for it, if it comes to that processor. True when it is there: nobody else
 * is, until occupy_end.
 */
bool occupy_begin(struct occupier *o, int cpu);
/*
 * It may go, and is to come again at `due`, unless that is over. False when it was
 * not there any more.
 */
bool occupy_end(struct occupier *o, uint64_t due, uint64_t then);
/* CPU time that it has taken from others since this was asked last, in ns. */
uint64_t occupy_took(struct occupier *o);
void occupy_counts(const struct occupier *o, struct occupy_counts *out);

/* ---- what a blocked thread waits for ---- */

#define WAIT_TEXT_MAX 256u /* bytes of such a text */

struct remote;

/* What is remembered of the sockets of one process. */
struct waits;

/* Both must outlive it; `r` reads the memory of that very process. */
struct waits *waits_new(const struct process *p, struct remote *r);
void waits_free(struct waits *w);

/*
 * The text for a thread that is blocked as `look` says (probe_look), appended
 * to *out: "socket 127.0.0.1:5432", "file /path", "lock 0x7f12..", "timer";
 * pystrobe-format(5) lists them. Cleaned, one line, at most WAIT_TEXT_MAX
 * bytes; equal waits have equal texts. The name of the call where no more can
 * be told; nothing for a thread that is not blocked, or not in a call.
 *
 * Looks at the descriptor as it is now: to be called soon after the look. Of a past
 * one, less may be told.
 * Takes some microseconds; a socket that is new takes a table of the kernel,
 * for which there are 20 ms at a time and 2 % in the long run. Beyond that it
 * is "socket" alone. Never blocks on a file system.
 */
void waits_name(struct waits *w, const struct thread_look *look,
		struct str *out);

/* ---- a program that we start ---- */

struct child {
	pid_t pid;
	bool reaped;
	int status; /* of waitpid, once reaped */
};

/*
 * Starts argv[0] (found on PATH) with our stdin, stdout, stderr and terminal.
 * Signals that we catch have their default action in it; ignored ones stay
 * ignored (nohup), but for SIGPIPE; the signal mask is the one in force now,
 * so block nothing before. Exec's own failure is told with a sentence:
 * -ENOENT no such program, -EPERM not executable, -ENOEXEC not a program.
 */
int child_start(struct child *c, char *const argv[], struct err *err);
/*
 * The same, but what it writes goes to `out`, and with `no_input` it reads from
 * /dev/null.
 */
int child_start_to(struct child *c, char *const argv[], int out, bool no_input,
		   struct err *err);
/* True once it has ended (status is set); never blocks. */
bool child_poll(struct child *c);
/* Waits for its end; -EINTR when a signal came first. */
int child_wait(struct child *c);
/* The exit status that we pass on: its own, or 128 + signal. */
int child_exit_status(const struct child *c);
/* Ends ourselves as it ended: exits, or dies by the same signal. */
void child_mirror(const struct child *c) __attribute__((noreturn));

#endif
