"""Reads the samples of Austin's binary stream, MOJO, versions 1 to 3.

A stream is "MOJ", the version, and events: a byte of kind and its fields,
which are numbers of variable length and texts that end in a zero byte. A sample
begins with STACK; definitions of texts and frames come as they are first
needed, references name them per process.
"""

(METADATA, STACK, FRAME, INVALID, FRAME_REF, KERNEL, GC, IDLE, TIME, MEMORY,
 STRING, STRING_REF, REPEAT, TASK_STACK, TASK_WAITER, TASK_RUNNING) = \
    range(1, 17)


class Damaged(Exception):
    pass


class Reader:
    def __init__(self, data):
        if data[:3] != b"MOJ":
            raise Damaged("not a MOJO stream")
        self.data, self.at = data, 3
        self.version = self.number()
        self.strings, self.frames = {1: "<unknown>"}, {}
        self.previous = {}

    def number(self):
        """Six bits and a sign in the first byte, then seven in each."""
        data, at = self.data, self.at
        byte = data[at]
        value, shift, negative = byte & 63, 6, byte & 64
        while byte & 128:
            at += 1
            byte = data[at]
            value |= (byte & 127) << shift
            shift += 7
        self.at = at + 1
        return -value if negative else value

    def text(self):
        end = self.data.index(0, self.at)
        found = self.data[self.at:end].decode("utf-8", "replace")
        self.at = end + 1
        return found

    def frame(self, pid):
        key = self.number()
        file = self.strings.get((pid, self.number()), "?")
        name = self.strings.get((pid, self.number()), "?")
        line = self.number()
        if self.version > 1:
            for _ in range(3):
                self.number()
        self.frames[pid, key] = (name, line, file)

    def samples(self):
        """(pid and thread, frames root first, microseconds, whole) of each; a
        frame is (name, line, file)."""
        try:
            yield from self.events()
        except (IndexError, ValueError):
            raise Damaged("the stream ends in the middle of an event")

    def events(self):
        pid, who, frames, time, whole = 0, None, [], 0, True
        data, end = self.data, len(self.data)
        number, text = self.number, self.text
        while self.at < end:
            kind = data[self.at]
            self.at += 1
            if kind == FRAME_REF:
                frames.append(self.frames.get((pid, number()), ("?", 0, "")))
            elif kind == STACK:
                if who:
                    self.previous[who] = frames
                    yield who, frames, time, whole
                pid = number()
                part = number() if self.version >= 3 else 0
                who = (pid, part, text())
                frames, time, whole = [], 0, True
            elif kind == FRAME:
                self.frame(pid)
            elif kind == STRING:
                key = number()
                self.strings[pid, key] = text()
            elif kind == TIME:
                time += number()
            elif kind == REPEAT:
                frames = self.previous.get(who, []) + frames
            elif kind == INVALID:
                text()
                whole = False
            elif kind == METADATA:
                text()
                text()
            elif kind == KERNEL:
                text()
            elif kind in (MEMORY, STRING_REF, TASK_RUNNING):
                number()
            elif kind == TASK_WAITER:
                number()
                number()
            elif kind == TASK_STACK:
                number()
                number()
                for _ in range(number()):
                    self.at += 1  # its frames are not the thread's
                    number()
            elif kind not in (GC, IDLE):
                raise Damaged("an event of kind %d" % kind)
        if who:
            yield who, frames, time, whole
