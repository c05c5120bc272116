"""Threads that each do one thing only, until standard input ends.

Three wait: in_recv for a peer on the loopback interface that says nothing,
in_sleep for time to pass, in_lock for a lock that is never released. Three
compute, and so wait for each other's GIL: burn; collect, which runs the
garbage collector again and again; handle, which does so inside of an except
block. Prints {"pid", "port", "tids": {NAME: id}} once all are where they are
to be; port is that of in_recv's peer.
"""
from __future__ import print_function

import gc
import json
import os
import socket
import sys
import threading
import time

HELD = threading.Lock()
TIDS = {}
HANDLING = threading.Event()


def in_recv(port):
    connection = socket.create_connection(("127.0.0.1", port))
    while connection.recv(1):
        pass


def in_sleep():
    while True:
        time.sleep(1000)


def in_lock():
    HELD.acquire()


def burn():
    total = 0
    while True:
        total = (total * 31 + 7) % 1000003


def collect():
    kept = [[i] for i in range(200000)]
    while kept:
        gc.collect()


def fail():
    raise ValueError("handled below")


def handle():
    try:
        fail()
    except ValueError:
        HANDLING.set()
        total = 0
        while True:
            total = (total * 31 + 7) % 1000003


def run(function, args):
    TIDS[function.__name__] = int(os.readlink(
        "/proc/thread-self").rpartition("/")[2])
    function(*args)


def start(function, *args):
    thread = threading.Thread(target=run, args=(function, args),
                              name=function.__name__)
    thread.daemon = True
    thread.start()


def wait_for_sleep(name):
    """Until the thread has come to where it waits."""
    seen = 0
    while seen < 3:
        time.sleep(0.005)
        if name not in TIDS:
            continue
        with open("/proc/self/task/%d/stat" % TIDS[name]) as stat:
            asleep = stat.read().rpartition(")")[2].split()[0] == "S"
        seen = seen + 1 if asleep else 0


def main():
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(1)
    port = server.getsockname()[1]
    HELD.acquire()
    start(in_recv, port)
    peer = server.accept()[0]
    start(in_sleep)
    start(in_lock)
    for name in ("in_recv", "in_sleep", "in_lock"):
        wait_for_sleep(name)
    for function in (burn, collect, handle):
        start(function)
    HANDLING.wait()
    while len(TIDS) < 6:
        time.sleep(0.001)
    print(json.dumps({"pid": os.getpid(), "port": port, "tids": TIDS}))
    sys.stdout.flush()
    sys.stdin.read()
    peer.close()
    os._exit(0)  # daemons that never end make a clean end take long


if __name__ == "__main__":
    main()
