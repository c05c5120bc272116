/*
 * remote.h - reading another address space. Nothing here can write to it.
 *
 * Backends: a live process (process_vm_readv), and byte ranges in memory
 * (memory images and tests).
 */
#ifndef PYSTROBE_REMOTE_H
#define PYSTROBE_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* An address in the other address space; never a pointer of ours. */
typedef uint64_t raddr;

struct remote;

/* One piece of a batch: `len` bytes at `addr` to `to`; `got` is filled in. */
struct range {
	raddr addr;
	size_t len;
	void *to;
	size_t got;
};

struct remote *remote_new_process(pid_t pid);

/*
 * A space that consists of buffers; they are not copied and must outlive it.
 * remote_add adds one. Ranges must not overlap.
 */
struct remote *remote_new_buffers(void);
void remote_add(struct remote *r, raddr addr, const void *data, size_t len);

/*
 * A space that a function reads: it copies whole ranges in order, at most `n`,
 * and returns how many bytes that were, or -EFAULT for none, like the system
 * call. For tests of memory that changes while it is read.
 */
typedef ssize_t remote_reader(void *arg, const struct range *ranges, size_t n);
struct remote *remote_new_reader(remote_reader *read, void *arg);

void remote_free(struct remote *r);

/* Exactly `len` bytes, or -EFAULT, -ESRCH (gone), -EPERM. */
int remote_read(struct remote *r, raddr addr, void *to, size_t len);

/*
 * All ranges, in order, in as few system calls as the kernel allows: one, if
 * every byte is mapped. A range that is cut by an unmapped page keeps the
 * bytes before it (`got`), and the rest of the batch is still read. Returns 0
 * or -ESRCH / -EPERM when the process cannot be read at all.
 */
int remote_batch(struct remote *r, struct range *ranges, size_t n);

/* System calls made so far, for tests and benchmarks. */
uint64_t remote_calls(const struct remote *r);

#endif
