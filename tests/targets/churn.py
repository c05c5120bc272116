"""Threads that come and go all the time, and on request processes too.

    churn.py [fork]

Prints "ready", and at the end how many there were; ends when standard input
does.
"""
import os
import sys
import threading

DONE = threading.Event()


def wait_for_end():
    sys.stdin.read()
    DONE.set()


def brief(rounds):
    total = 0
    for i in range(rounds):
        total += i * i
    return total


def fork_one():
    pid = os.fork()
    if pid == 0:
        brief(200)
        os._exit(0)
    os.waitpid(pid, 0)


def main():
    forks = sys.argv[1:] == ["fork"]
    thread = threading.Thread(target=wait_for_end)
    thread.daemon = True
    thread.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    count = 0
    while not DONE.is_set():
        threads = [threading.Thread(target=brief, args=(300 * (i + 1),))
                   for i in range(4)]
        for thread in threads:
            thread.start()
        if forks:
            fork_one()
        for thread in threads:
            thread.join()
        count += 1
    sys.stdout.write("%d\n" % count)


if __name__ == "__main__":
    main()
