/*
 * process_priv.h - shared inside the room.
 */
#ifndef PYSTROBE_PROCESS_PRIV_H
#define PYSTROBE_PROCESS_PRIV_H

#include "process.h"

#define STAT_MAX 4096u        /* bytes of a stat file */
#define STATUS_MAX 65536u     /* bytes of a status file */
#define PATH_LIMIT 65536u     /* bytes of a link in /proc */

#define PF_KTHREAD 0x00200000u /* include/linux/sched.h */

/*
 * A short file of /proc into a buffer, NUL-terminated; how many bytes, or
 * -ESRCH, -EPERM (EACCES too) and others.
 */
ssize_t proc_read(const struct process *p, const char *name, char *to,
		  size_t size);

/* The same from a descriptor that stays open. */
ssize_t proc_reread(int fd, char *to, size_t size);

#define SCHED_START 256u /* bytes of a thread's sched file that are looked at */
/* se.exec_start in that text, in ns; -EBADMSG. */
int sched_last_on(const char *text, uint64_t *ns);

/* An errno value as our negative code. */
int proc_error(int error);

/*
 * The line "KEY:\tVALUE" of a status text: where VALUE begins, or NULL. `key`
 * has its colon.
 */
const char *status_value(const char *text, const char *key);

/* Where the link points to, appended to *out; 0 or a negative errno. */
int proc_link(int dirfd, const char *name, struct str *out);

/* Takes " (deleted)" off; true when it was there. */
bool strip_deleted(char *path, size_t *len);

#endif
