"""A thread that works and sleeps, among others that only wake up and sleep.

    among.py OTHERS

Prints {"pid"} once they do, and {"share"} at the end of standard input: CPU
time of its work, as a part of all time.
"""
import json
import os
import sys
import threading
import time

ENDED = threading.Event()


def other():
    while True:
        time.sleep(0.002)


def work(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def nap():
    time.sleep(0.0005)


def turns(result):
    began, worked = time.monotonic(), 0
    while not ENDED.is_set():
        before = time.thread_time()
        work(0.0005)
        worked += time.thread_time() - before
        nap()
    result["share"] = worked / (time.monotonic() - began)


def main():
    result = {}
    for _ in range(int(sys.argv[1])):
        threading.Thread(target=other, daemon=True).start()
    thread = threading.Thread(target=turns, args=(result,))
    thread.start()
    print(json.dumps({"pid": os.getpid()}), flush=True)
    sys.stdin.read()
    ENDED.set()
    thread.join()
    print(json.dumps(result))


main()
