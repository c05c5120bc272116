"""Works in a module that was compiled in another folder: import corrects the
file of its functions, and does not intern it.

Prints "ready"; ends when standard input does.
"""
import os
import py_compile
import shutil
import sys
import tempfile
import threading

DONE = threading.Event()

SOURCE = """
def short(n):
    total = 0
    for i in range(n):
        total += i
    return total

def rare(n):
    return short(2 * n)

def work(done):
    rounds = 0
    while not done.is_set():
        short(300)
        rounds += 1
        if rounds % 16 == 0:
            rare(300)
"""


def load(folder):
    before, now = os.path.join(folder, "before"), os.path.join(folder, "now")
    os.mkdir(before)
    path = os.path.join(before, "moved_module.py")
    with open(path, "w") as file:
        file.write(SOURCE)
    py_compile.compile(path, doraise=True)
    shutil.copytree(before, now)
    sys.path.insert(0, now)
    import moved_module
    sys.path.pop(0)
    return moved_module


def wait_for_end():
    sys.stdin.read()
    DONE.set()


def main():
    folder = tempfile.mkdtemp()
    try:
        module = load(folder)
    finally:
        shutil.rmtree(folder)
    thread = threading.Thread(target=wait_for_end)
    thread.daemon = True
    thread.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    module.work(DONE)


if __name__ == "__main__":
    main()
