"""A loop over a generator that does nothing but to yield.

Prints "ready"; ends when standard input does.
"""
import sys
import threading

DONE = threading.Event()


def wait_for_end():
    sys.stdin.read()
    DONE.set()


def numbers():
    while True:
        yield 1


def loop():
    total = 0
    for number in numbers():
        total += number
        if total % 65536 == 0 and DONE.is_set():
            break


def main():
    thread = threading.Thread(target=wait_for_end)
    thread.daemon = True
    thread.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    loop()


if __name__ == "__main__":
    main()
