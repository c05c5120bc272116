"""One thread computes, and another one sleeps for 50 ms again and again: it wants
the GIL for 5 ms each time, until the first one gives it away. Prints {"pid"}, and
ends with standard input.
"""
import json
import os
import sys
import threading
import time


def nap():
    while True:
        time.sleep(0.05)


def compute():
    while True:
        sum(range(100))


def main():
    for function in (nap, compute):
        threading.Thread(target=function, daemon=True).start()
    print(json.dumps({"pid": os.getpid()}), flush=True)
    sys.stdin.read()


main()
