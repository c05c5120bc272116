"""Counts each SIGUSR1 that is delivered to it, and works meanwhile.

The count is of the C level: a byte for each goes through the wakeup pipe, so
that two in one go are not taken for one. Prints "ready", then the count after
each that comes; ends when standard input does.
"""
import fcntl
import os
import signal
import sys
import threading

DONE = threading.Event()


def wait_for_end():
    sys.stdin.read()
    DONE.set()


def work():
    total = 0
    for i in range(500):
        total += i * i
    return total


def main():
    pipe, wakeup = os.pipe()
    for fd in (pipe, wakeup):
        flags = fcntl.fcntl(fd, fcntl.F_GETFL)
        fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    signal.set_wakeup_fd(wakeup)
    signal.signal(signal.SIGUSR1, lambda number, frame: None)
    thread = threading.Thread(target=wait_for_end)
    thread.daemon = True
    thread.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    count = 0
    while not DONE.is_set():
        work()
        try:
            count += len(os.read(pipe, 4096))
        except OSError:
            continue
        sys.stdout.write("%d\n" % count)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
