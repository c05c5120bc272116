"""Another tool that traces a process: all its threads, until the end of
standard input. Prints "traced".

    tracer.py PID         they run on
    tracer.py PID stop    a debugger: stops them, lets them go, again and
                          again; prints how often
"""
import ctypes
import errno
import os
import sys
import threading
import time

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p,
                        ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long


def trace(request, tid, data=0):
    """True when done; false when another tool has it, or it has ended."""
    if LIBC.ptrace(request, tid, None, data) == 0:
        return True
    if ctypes.get_errno() in (errno.EPERM, errno.ESRCH):
        return False
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def threads(pid):
    return [int(tid) for tid in os.listdir("/proc/%d/task" % pid)]


def stop_and_go(pid):
    """Stops all threads for a while, however often another tool is first."""
    held = []
    for tid in threads(pid):
        until = time.time() + 5
        while not trace(SEIZE, tid) and time.time() < until:
            pass
        if trace(INTERRUPT, tid):
            held.append(tid)
    stops = {}
    for tid in held:
        _, status = os.waitpid(tid, WALL)
        if os.WIFSTOPPED(status):
            # A signal that came first is passed on; a stop of ours is none.
            stops[tid] = 0 if status >> 16 else os.WSTOPSIG(status)
    time.sleep(0.02)
    for tid, number in stops.items():
        trace(DETACH, tid, number)
    return len(stops)


def main():
    pid = int(sys.argv[1])
    done = threading.Event()

    def wait_for_end():
        sys.stdin.read()
        done.set()

    thread = threading.Thread(target=wait_for_end)
    thread.daemon = True
    thread.start()
    stops = 0
    if len(sys.argv) > 2:
        stops = stop_and_go(pid)
    else:
        for tid in threads(pid):
            trace(SEIZE, tid)
    sys.stdout.write("traced\n")
    sys.stdout.flush()
    while not done.wait(0.02):
        if len(sys.argv) > 2:
            stops += stop_and_go(pid)
    sys.stdout.write("%d\n" % stops)


if __name__ == "__main__":
    main()
