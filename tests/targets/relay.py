"""Threads one after the other, each beside one that is older and one that is
younger. Prints {"pid"}, and when its input ends {"lives"}: of each the id, when
it began, and when it ended, in s of time.monotonic().
"""
from __future__ import print_function

import json
import os
import sys
import threading
import time

ENDED = threading.Event()
LIVES = []


def run(seconds):
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        time.sleep(0.002)
    LIVES.append((threading.get_native_id(), began, time.monotonic()))


def read_to_end():
    sys.stdin.read()
    ENDED.set()


def main():
    threading.Thread(target=read_to_end, daemon=True).start()
    print(json.dumps({"pid": os.getpid()}), flush=True)
    while not ENDED.is_set():
        one = threading.Thread(target=run, args=(0.06,))
        one.start()
        younger = threading.Thread(target=run, args=(0.1,))
        younger.start()
        one.join()
        younger.join()
    print(json.dumps({"lives": LIVES}))


main()
