"""Starts a thread called "late" when it reads a line, prints "runs" once it
does, and computes in it until standard input ends. Prints {"pid"} at first.
"""
from __future__ import print_function

import json
import os
import sys
import threading

DONE = threading.Event()


def work():
    print("runs")
    sys.stdout.flush()
    total = 0
    while not DONE.is_set():
        for i in range(1000):
            total += i


def main():
    print(json.dumps({"pid": os.getpid()}))
    sys.stdout.flush()
    sys.stdin.readline()
    thread = threading.Thread(target=work, name="late")
    thread.start()
    sys.stdin.read()
    DONE.set()
    thread.join()


main()
