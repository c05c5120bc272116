"""Two threads in turn: while one sleeps, the other works.

Prints {"pid"} once they do, and {"share"} at the end of standard input: CPU
time of the sleep, as a part of all time.
"""
import json
import os
import sys
import threading
import time

TURN = threading.Semaphore(0)
ENDED = threading.Event()


def work(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def other():
    while True:
        TURN.acquire()
        work(0.001)


def nap():
    time.sleep(0.002)


def wake_in_time():
    """Not before, with a timer of somebody else that expires just then: by
    default up to 50 us, which is longer than the thread runs for that."""
    with open("/proc/self/timerslack_ns", "w") as file:
        file.write("1")


def read_to_end():
    sys.stdin.read()
    ENDED.set()


def main():
    wake_in_time()
    for function in (other, read_to_end):
        threading.Thread(target=function, daemon=True).start()
    print(json.dumps({"pid": os.getpid()}), flush=True)
    began, slept = time.monotonic(), 0
    while not ENDED.is_set():
        work(0.0015)
        TURN.release()
        work(0.001)
        before = time.thread_time()
        nap()
        slept += time.thread_time() - before
    print(json.dumps({"share": slept / (time.monotonic() - began)}))


main()
