#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "failing.h"
#include "wrap.h"

void *real_malloc(size_t size) REAL(malloc);
void *real_calloc(size_t n, size_t size) REAL(calloc);
void *real_realloc(void *p, size_t size) REAL(realloc);
void *real_reallocarray(void *p, size_t n, size_t size) REAL(reallocarray);
ssize_t real_read(int fd, void *to, size_t len) REAL(read);
ssize_t real_pread(int fd, void *to, size_t len, off_t at) REAL(pread);
ssize_t real_recv(int fd, void *to, size_t len, int flags) REAL(recv);
ssize_t real_readv(pid_t pid, const struct iovec *to, unsigned long nto,
		   const struct iovec *from, unsigned long nfrom,
		   unsigned long flags) REAL(process_vm_readv);
ssize_t real_write(int fd, const void *data, size_t len) REAL(write);
void *wrap_malloc(size_t size) WRAP(malloc);
void *wrap_calloc(size_t n, size_t size) WRAP(calloc);
void *wrap_realloc(void *p, size_t size) WRAP(realloc);
void *wrap_reallocarray(void *p, size_t n, size_t size) WRAP(reallocarray);
ssize_t wrap_read(int fd, void *to, size_t len) WRAP(read);
ssize_t wrap_pread(int fd, void *to, size_t len, off_t at) WRAP(pread);
ssize_t wrap_recv(int fd, void *to, size_t len, int flags) WRAP(recv);
ssize_t wrap_readv(pid_t pid, const struct iovec *to, unsigned long nto,
		   const struct iovec *from, unsigned long nfrom,
		   unsigned long flags) WRAP(process_vm_readv);
ssize_t wrap_write(int fd, const void *data, size_t len) WRAP(write);

static struct {
	enum failing kind;
	unsigned long left; /* 0: none fails */
	int error;
	bool happened;
} failing;

void fail_at(enum failing kind, unsigned long nth, int error)
{
	failing.kind = kind;
	failing.left = nth;
	failing.error = error;
	failing.happened = false;
}

void fail_no_more(void)
{
	failing.left = 0;
}

bool fail_happened(void)
{
	return failing.happened;
}

int fail_now(enum failing kind)
{
	if (kind != failing.kind || !failing.left || --failing.left)
		return 0;
	failing.happened = true;
	return failing.error;
}

static bool fails(enum failing kind)
{
	int error = fail_now(kind);

	if (error)
		errno = error;
	return error != 0;
}

void *wrap_malloc(size_t size)
{
	return fails(FAIL_MEMORY) ? NULL : real_malloc(size);
}

void *wrap_calloc(size_t n, size_t size)
{
	return fails(FAIL_MEMORY) ? NULL : real_calloc(n, size);
}

void *wrap_realloc(void *p, size_t size)
{
	return fails(FAIL_MEMORY) ? NULL : real_realloc(p, size);
}

void *wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails(FAIL_MEMORY) ? NULL : real_reallocarray(p, n, size);
}

ssize_t wrap_read(int fd, void *to, size_t len)
{
	return fails(FAIL_READ) ? -1 : real_read(fd, to, len);
}

ssize_t wrap_pread(int fd, void *to, size_t len, off_t at)
{
	return fails(FAIL_READ) ? -1 : real_pread(fd, to, len, at);
}

ssize_t wrap_recv(int fd, void *to, size_t len, int flags)
{
	return fails(FAIL_READ) ? -1 : real_recv(fd, to, len, flags);
}

ssize_t wrap_readv(pid_t pid, const struct iovec *to, unsigned long nto,
		   const struct iovec *from, unsigned long nfrom,
		   unsigned long flags)
{
	return fails(FAIL_READ) ? -1 : real_readv(pid, to, nto, from, nfrom,
						  flags);
}

ssize_t wrap_write(int fd, const void *data, size_t len)
{
	return fails(FAIL_WRITE) ? -1 : real_write(fd, data, len);
}
