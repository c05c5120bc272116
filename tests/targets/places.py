"""Stands still in a function that tells where it runs: for tests/targets/embed,
which runs a script in threads and interpreters of its own. Writes one line,
"__main__", "__thread__" or "__sub__", each time that it has arrived.
"""
import os
import time


def wait(name):
    os.write(1, (name + "\n").encode())
    while True:
        time.sleep(60)


def in_main():
    wait(__name__)


def in_thread():
    wait(__name__)


def in_sub():
    wait(__name__)


{"__main__": in_main, "__thread__": in_thread, "__sub__": in_sub}[__name__]()
