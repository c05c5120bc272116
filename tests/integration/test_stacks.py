"""The stacks that pystrobe sees, against what the interpreter itself says."""
import collections
import os
import re

from harness import (EXIT_USAGE, contains, each_python, equal, expect,
                     expect_untouched, parse_folded, total, wait_until)

# Long enough that a busy machine does not sleep through it.
SHORT = ("-d", "250ms", "-r", "40")


def clean(text, folded=True):
    """How pystrobe writes foreign text on one line (base.h, formats)."""
    out = []
    for char in text:
        code = ord(char)
        if char in "\n\t":
            char = " "
        elif (code < 32 or 0x7f <= code < 0xa0 or 0xd800 <= code < 0xe000 or
              0x202a <= code <= 0x202e or 0x2066 <= code <= 0x2069 or
              code in (0x200e, 0x200f, 0x061c, 0x2028, 0x2029)):
            char = "\ufffd"
        out.append(":" if folded and char == ";" else char)
    return "".join(out)


def text_of(python, text):
    """A text of the target's report: 2.7 reports its bytes as Latin-1."""
    if python.minor < (3,):
        text = text.encode("latin-1").decode("utf-8", "replace")
    return clean(text)


def label(python, frame, form):
    file, line, name, first = frame
    where = text_of(python, file)
    if form == "short":
        where = os.path.basename(where)
    number = {"function": first, "noline": None}.get(form, line)
    name = text_of(python, name) or "<no name>"
    return "%s (%s%s)" % (name, where, "" if number is None else
                          ":%d" % number)


def chain(t):
    """chain.py, when its reporter has ended and all else stands still."""
    target = t.ready("chain.py")
    reporter = "/proc/%d/task/%d" % (target.pid, target.facts["reporter"])
    wait_until(lambda: not os.path.exists(reporter), "the reporter's end")
    return target


def thread_label(python, thread):
    return "%s (thread %d)" % (text_of(python, thread["name"]), thread["tid"])


def wanted_stacks(python, facts, form):
    """{thread: [frames root first]} as the interpreter told them."""
    return {thread_label(python, thread):
            [label(python, frame, form) for frame in
             reversed(thread["frames"])] for thread in facts["threads"]}


def compare(python, stacks, facts, form):
    """Every thread has one stack, and it is the true one."""
    wanted = wanted_stacks(python, facts, form)
    found = collections.defaultdict(set)
    for frames, _ in stacks:
        found[frames[0]].add(tuple(frames[1:]))
    equal(sorted(found), sorted(wanted), "threads")
    for thread, frames in wanted.items():
        expect(len(found[thread]) == 1, "%s has %d different stacks: %r",
               thread, len(found[thread]), sorted(found[thread])[:2])
        seen = list(found[thread].pop())
        for i, (one, other) in enumerate(zip(seen, frames)):
            expect(one == other, "%s: frame %d is %r, the interpreter says %r",
                   thread, i, one, other)
        equal(len(seen), len(frames), "depth of " + thread)


@each_python()
def test_every_frame_of_every_thread(t):
    """File, line and name of each frame are what the interpreter says."""
    target = chain(t)
    stacks = t.folded("record", "-p", str(target.pid), "-t", "-i",
                      "--full-filenames", *SHORT)
    compare(t.python, stacks, target.facts, "full")
    counts = {frames[0]: count for frames, count in stacks}
    equal(len(set(counts.values())), 1, "samples differ by thread: %r" % counts)
    expect_untouched(target.pid)


@each_python(quick=False)
def test_views_of_one_recording(t):
    """One recording, rendered four ways, tells the truth in each."""
    target = chain(t)
    saved = t.path("run.strobe")
    t.pystrobe("record", "-p", str(target.pid), "-o", saved, *SHORT)
    for form, options in (("full", ["--full-filenames"]),
                          ("function", ["--full-filenames", "-F"]),
                          ("noline", ["--full-filenames", "--nolineno"])):
        stacks = t.folded("report", saved, "-t", "-i", *options)
        compare(t.python, stacks, target.facts, form)
    once = t.pystrobe("report", saved, "-f", "svg", "-o", "-", "-i").out
    again = t.pystrobe("report", saved, "-f", "svg", "-o", "-", "-i").out
    expect(once == again and len(once) > 1000, "two reports differ")


@each_python()
def test_idle_threads_are_left_out(t):
    """All of chain.py waits: nothing is shown unless -i asks for it."""
    target = chain(t)
    equal(t.folded("record", "-p", str(target.pid), *SHORT), [],
          "stacks of threads that wait")


@each_python()
def test_hot_line(t):
    """A loop's time is at its line, and the idle thread is not counted."""
    target = t.ready("busy.py")
    stacks = t.folded("record", "-p", str(target.pid), "-d", "1500ms",
                      "-r", "500")
    everything = total(stacks)
    hot = total(stacks, "hot (busy.py:%d)" % target.facts["hot_line"])
    cool = total(stacks, "cool (busy.py:%d)" % target.facts["cool_line"])
    expect(everything > 60, "only %d samples", everything)
    expect(hot > 0.6 * everything, "hot line: %d of %d: %r", hot, everything,
           stacks)
    expect(0 < cool < 0.3 * everything, "cool line: %d of %d", cool,
           everything)
    equal(total(stacks, "idle (busy.py"), 0, "samples of the idle thread")
    expect_untouched(target.pid)
    rounds = target.stop()
    expect('"rounds"' in rounds, "the target did not end well: %r", rounds)


def test_focus(t):
    """Stacks by their frames; what is left out is told."""
    target = t.ready("busy.py")
    saved = t.path("run.strobe")
    t.pystrobe("record", "-p", str(target.pid), "-d", "600ms", "-r", "500",
               "-o", saved)
    everything = t.folded("report", saved)
    hot = t.folded("report", saved, "--focus", "^hot ")
    rest = t.folded("report", saved, "--ignore", "^hot ")
    equal(total(hot), total(everything, "hot ("), "samples in focus")
    equal(total(hot) + total(rest), total(everything), "both parts")
    equal(t.folded("report", saved, "--focus", r"/busy\.py\)$"), everything,
          "by the file")
    contains(t.pystrobe("report", saved, "--focus", "^hot ").out,
             "%d out of focus" % total(rest))
    contains(t.pystrobe("report", saved, "--focus", "nobody").err,
             "no stack of %d samples is in focus" % total(everything))
    contains(t.pystrobe("report", saved, "--ignore", "(",
                        status=EXIT_USAGE).err, "'('")


def test_part_of_a_recording(t):
    """From when to when; the parts are the whole."""
    target = t.ready("busy.py")
    saved = t.path("run.strobe")
    t.pystrobe("record", "-p", str(target.pid), "-d", "900ms", "-r", "500",
               "-i", "-o", saved)
    parts = [total(t.folded("report", saved, "-i", *options)) for options in (
        [], ["--to", "300ms"], ["--from", "300ms", "--to", "0.6s"],
        ["--from", "600ms"])]
    equal(sum(parts[1:]), parts[0], "the parts of %r" % parts)
    for part in parts[1:]:
        expect(0.2 * parts[0] < part < 0.5 * parts[0], "%r", parts)
    result = t.pystrobe("report", saved, "--from", "1h")
    contains(result.out, "no samples to show")
    contains(result.err, "nothing was recorded between --from and --to")
    contains(t.pystrobe("report", saved, "--from", "2s", "--to", "1s",
                        status=EXIT_USAGE).err, "--from")
    equal(t.pystrobe("report", saved, "-f", "collapsed", "--from", "1h").out,
          "", "beyond its end")


@each_python()
def test_no_stack_of_two_instants(t):
    """Two chains alternate: no stack has frames of both, however it was read.

    With one copy and no checks every third one has.
    """
    target = t.ready("alternate.py")
    for policy in ([], ["--nonblocking"], ["--blocking"]):
        saved = t.path("run.strobe")
        t.pystrobe("record", "-p", str(target.pid), "-d", "700ms", "-r", "2k",
                   "-o", saved, *policy)
        check_chains(t.folded("report", saved), policy)
    expect_untouched(target.pid)


def check_chains(stacks, policy):
    """What alternate.py may show; prefixes end in <moving>."""
    pure, mixed = 0, []
    for frames, count in stacks:
        sides = {frame.partition("_")[0] for frame in frames
                 if frame.startswith(("left_", "right_"))}
        depths = [int(re.match(r"\w+_(\d+)", frame).group(1))
                  for frame in frames if frame.startswith(("left_", "right_"))]
        whole = depths == list(range(20, 20 - len(depths), -1))
        if len(sides) > 1 or not whole:
            mixed.append(frames)
        elif sides:
            pure += count
    expect(pure > 20, "%s: only %d stacks inside the chains", policy, pure)
    expect(not mixed, "%s: put together from two instants, of %d: %r", policy,
           pure, mixed)


@each_python()
def test_within_a_yield(t):
    """In 3.12 a generator's frame has no caller there: 2 % of these ticks."""
    target = t.ready("yields.py")
    result = t.pystrobe("record", "-p", str(target.pid), "-d", "1500ms", "-r",
                        "1k", "-f", "collapsed", "-o", "-")
    ticks = int(re.search(r": (\d+) samples in", result.err).group(1)) / 2
    stacks = parse_folded(result.out)
    whole = total(stacks, "loop (yields.py:")
    expect(0.99 * ticks < whole <= ticks + 1, "%d of %d ticks: %s", whole, ticks,
           result)
    expect(total(stacks, "numbers (") > 0.01 * ticks, "%r", stacks)


@each_python()
def test_a_generator_alone(t):
    """No frame is below the wrong line of it, or of one that has ended."""
    target = t.ready("alone.py")
    stacks = t.folded("record", "-p", str(target.pid), "-d", "1s", "-r", "1k")
    calls = {int(re.search(r":(\d+)\)$", outer).group(1))
             for frames, _ in stacks for outer, inner in zip(frames, frames[1:])
             if inner.startswith("helper (")}
    expect(len(calls) <= 1, "helper is called in one line, not in %r", calls)
    expect(total(stacks, "numbers (") > 500, "%r", stacks)


@each_python()
def test_a_module_that_was_moved(t):
    """Its functions have their names, whether they run or not."""
    target = t.ready("moved.py")
    stacks = t.folded("record", "-p", str(target.pid), "-d", "1500ms", "-r",
                      "1k")
    work = total(stacks, "work (")
    expect(work > 1000, "%r", stacks)
    for name in "short (", "rare (":
        expect(total(stacks, name) > 0.01 * work, "%s: %r", name, stacks)
    expect(total(stacks, "<moving>") < 0.05 * work, "%r", stacks)
    contains(t.pystrobe("dump", "-p", str(target.pid)).out,
             "work (moved_module.py:")


@each_python()
def test_addresses_used_again(t):
    """A function that is gone gives its name to no other one."""
    target = t.ready("reuse.py")
    stacks = t.folded("record", "-p", str(target.pid), "-d", "800ms", "-r",
                      "1k")
    seen = set()
    for frames, _ in stacks:
        # exec runs a body of the file too, before its functions are called.
        names = [re.match(r"(?:(?:inner|outer)_(\d+)|<module>) "
                          r"\(gen_(\d+)\.py:\d+\)$", frame)
                 for frame in frames
                 if frame.startswith(("inner_", "outer_")) or "gen_" in frame]
        numbers = {number for match in names if match
                   for number in match.groups() if number}
        expect(len(numbers) <= 1 and (all(names) or len(frames) <= 3),
               "a stack that never was: %r", frames)
        if numbers:
            expect("main (reuse.py" in frames[1], "%r", frames)
        seen |= numbers
    expect(len(seen) > 20, "only %d functions seen", len(seen))


@each_python(minimum=(3, 12), quick=False)
def test_more_functions_than_are_remembered(t):
    """Stacks have the names of their own chain of calls, all the time."""
    target = t.ready("forest.py")
    stacks = t.folded("record", "-p", str(target.pid), "-d", "4s", "-r", "500")
    files = set()
    for frames, _ in stacks:
        own = {frame.partition("(")[2].partition(":")[0] for frame in frames
               if frame.startswith("step_")}
        expect(len(own) <= 1, "a stack of several chains: %s", own)
        files |= own
    expect(len(files) > 170, "only %d chains seen", len(files))


@each_python(quick=False)
def test_waiting_thread_loses_nothing(t):
    """Each tick has a sample of a thread that stands still."""
    target = t.ready("busy.py")
    by_thread = collections.Counter()
    for frames, count in t.folded("record", "-p", str(target.pid), "-d",
                                  "1s", "-r", "250", "-i", "-t"):
        by_thread[frames[0].partition(" ")[0]] += count
    equal(sorted(by_thread), ["MainThread", "idle", "wait_for_end"], "threads")
    equal(by_thread["idle"], max(by_thread.values()), "most samples")
    equal(by_thread["idle"], by_thread["wait_for_end"], "two that wait")
    expect(by_thread["idle"] > 50, "250 ticks were due: %r", by_thread)


def crowd(t, size):
    target = t.ready("crowd.py", size)
    stacks = t.folded("record", "-p", str(target.pid), "-d", "1s", "-r", "2",
                      "-i", "-t")
    waiters = {frames[0] for frames, _ in stacks
               if frames[0].startswith("waiter-")}
    equal(len(waiters), size, "threads with a stack")
    expect_untouched(target.pid)


@each_python(quick=False)
def test_hundreds_of_threads(t):
    crowd(t, 400)


def test_thousands_of_threads(t):
    """All are seen, each with its name."""
    crowd(t, 3000)


@each_python(quick=False)
def test_the_depth_limit_is_said(t):
    """A stack beyond the limit is a counted loss with its cause, or ends in a
    marker."""
    target = t.ready("chain.py", 20000 if t.python.minor >= (3, 11) else 17000)
    result = t.pystrobe("record", "-p", str(target.pid), "-i", "-t", "-f",
                        "collapsed", "-o", "-", *SHORT)
    expect(re.search(r"\b(lost|partial) \(depth \d+\)", result.err),
           "no word about the loss: %s", result)
    for frames, _ in parse_folded(result.out):
        expect(len(frames) <= 16386 and (
            not frames[0].startswith("deep") or frames[-1] == "<deeper>"),
            "%d frames: %r ... %r", len(frames), frames[:3], frames[-1])
