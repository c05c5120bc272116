/*
 * Names of system calls that can take long enough to be seen.
 */
#include <sys/syscall.h>

#include "base.h"
#include "wait_priv.h"

#define CALL(name) {SYS_##name, #name}

static const struct {
	int64_t number;
	const char *name;
} calls[] = {
	CALL(accept),
	CALL(accept4),
	CALL(brk),
	CALL(chdir),
	CALL(clock_nanosleep),
	CALL(clone),
	CALL(close),
	CALL(connect),
	CALL(dup3),
	CALL(epoll_pwait),
	CALL(execve),
	CALL(faccessat),
	CALL(fadvise64),
	CALL(fallocate),
	CALL(fchmod),
	CALL(fchown),
	CALL(fcntl),
	CALL(fdatasync),
	CALL(flock),
	CALL(fstat),
	CALL(fstatfs),
	CALL(fsync),
	CALL(ftruncate),
	CALL(futex),
	CALL(getcwd),
	CALL(getdents64),
	CALL(getrandom),
	CALL(getxattr),
	CALL(io_getevents),
	CALL(io_submit),
	CALL(ioctl),
	CALL(kill),
	CALL(lgetxattr),
	CALL(linkat),
	CALL(listxattr),
	CALL(lseek),
	CALL(madvise),
	CALL(memfd_create),
	CALL(migrate_pages),
	CALL(mkdirat),
	CALL(mlock),
	CALL(mmap),
	CALL(mount),
	CALL(move_pages),
	CALL(mprotect),
	CALL(mq_timedreceive),
	CALL(mq_timedsend),
	CALL(mremap),
	CALL(msgrcv),
	CALL(msgsnd),
	CALL(msync),
	CALL(munmap),
	CALL(nanosleep),
	CALL(newfstatat),
	CALL(openat),
	CALL(pipe2),
	CALL(ppoll),
	CALL(prctl),
	CALL(pread64),
	CALL(preadv),
	CALL(pselect6),
	CALL(ptrace),
	CALL(pwrite64),
	CALL(pwritev),
	CALL(read),
	CALL(readahead),
	CALL(readlinkat),
	CALL(readv),
	CALL(recvfrom),
	CALL(recvmmsg),
	CALL(recvmsg),
	CALL(renameat),
	CALL(renameat2),
	CALL(restart_syscall),
	CALL(rt_sigsuspend),
	CALL(rt_sigtimedwait),
	CALL(sched_yield),
	CALL(semop),
	CALL(semtimedop),
	CALL(sendfile),
	CALL(sendmmsg),
	CALL(sendmsg),
	CALL(sendto),
	CALL(setns),
	CALL(setxattr),
	CALL(shutdown),
	CALL(socket),
	CALL(splice),
	CALL(statfs),
	CALL(symlinkat),
	CALL(sync),
	CALL(sync_file_range),
	CALL(syncfs),
	CALL(tee),
	CALL(truncate),
	CALL(umount2),
	CALL(unlinkat),
	CALL(unshare),
	CALL(utimensat),
	CALL(vmsplice),
	CALL(wait4),
	CALL(waitid),
	CALL(write),
	CALL(writev),
	/* Not on every architecture, or not in every header. */
#ifdef SYS_access
	CALL(access),
#endif
#ifdef SYS_chmod
	CALL(chmod),
#endif
#ifdef SYS_chown
	CALL(chown),
#endif
#ifdef SYS_clone3
	CALL(clone3),
#endif
#ifdef SYS_copy_file_range
	CALL(copy_file_range),
#endif
#ifdef SYS_creat
	CALL(creat),
#endif
#ifdef SYS_dup2
	CALL(dup2),
#endif
#ifdef SYS_epoll_pwait2
	CALL(epoll_pwait2),
#endif
#ifdef SYS_epoll_wait
	CALL(epoll_wait),
#endif
#ifdef SYS_execveat
	CALL(execveat),
#endif
#ifdef SYS_faccessat2
	CALL(faccessat2),
#endif
#ifdef SYS_futex_wait
	CALL(futex_wait),
#endif
#ifdef SYS_futex_waitv
	CALL(futex_waitv),
#endif
#ifdef SYS_getdents
	CALL(getdents),
#endif
#ifdef SYS_io_pgetevents
	CALL(io_pgetevents),
#endif
#ifdef SYS_io_uring_enter
	CALL(io_uring_enter),
#endif
#ifdef SYS_link
	CALL(link),
#endif
#ifdef SYS_membarrier
	CALL(membarrier),
#endif
#ifdef SYS_mkdir
	CALL(mkdir),
#endif
#ifdef SYS_open
	CALL(open),
#endif
#ifdef SYS_openat2
	CALL(openat2),
#endif
#ifdef SYS_pause
	CALL(pause),
#endif
#ifdef SYS_poll
	CALL(poll),
#endif
#ifdef SYS_preadv2
	CALL(preadv2),
#endif
#ifdef SYS_process_madvise
	CALL(process_madvise),
#endif
#ifdef SYS_pwritev2
	CALL(pwritev2),
#endif
#ifdef SYS_readlink
	CALL(readlink),
#endif
#ifdef SYS_rename
	CALL(rename),
#endif
#ifdef SYS_rmdir
	CALL(rmdir),
#endif
#ifdef SYS_select
	CALL(select),
#endif
#ifdef SYS_statx
	CALL(statx),
#endif
#ifdef SYS_symlink
	CALL(symlink),
#endif
#ifdef SYS_unlink
	CALL(unlink),
#endif
#ifdef SYS_userfaultfd
	CALL(userfaultfd),
#endif
#ifdef SYS_vfork
	CALL(vfork),
#endif
#ifdef SYS_stat
	CALL(stat),
#endif
#ifdef SYS_lstat
	CALL(lstat),
#endif
};

void call_add(int64_t number, struct str *out)
{
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		if (calls[i].number != number)
			continue;
		str_addf(out, "call %s", calls[i].name);
		return;
	}
	str_addf(out, "call %lld", (long long)number);
}
