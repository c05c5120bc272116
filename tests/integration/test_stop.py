"""What pystrobe does to its target: it stops what runs, for a moment, and
nothing else; whatever becomes of either of them."""
import glob
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

from harness import (ROOT, TARGETS, Fail, Skip, alone, apart, each_python,
                     equal, expect, expect_untouched, mostly, need,
                     parse_folded, ran_and_waited, state_of, suspend, total,
                     wait_until)

BUILT_TESTS = "tests"  # beside the program


def expect_going_on(pid):
    expect_untouched(pid)
    seen = ran_and_waited(pid)[0]
    wait_until(lambda: ran_and_waited(pid)[0] > seen + 1000000,
               "the target goes on")


def begun(t, target, *args):
    """A recorder that has written its first block, and its file."""
    saved = t.path("run-%d.strobe" % len(t.started))
    run = t.begin("record", "-p", str(target.pid), "-o", saved, *args)
    wait_until(lambda: os.path.exists(saved) and os.path.getsize(saved) or
               not run.running(), "the recording's first block")
    return run, saved


def ends_well(run):
    equal(run.wait(), 0, "exit status, after %r" % run.stderr()[-2000:])


# ---- killed ----

WAYS = (("--blocking", "-r", "2k"), ("--blocking", "-r", "10k"),
        ("-r", "10k", "--pause-budget", "100"), ("-r", "1k"))


def kill_often(t, rounds, seed):
    target = t.ready("alternate.py")
    chance = random.Random(seed)
    for i in range(rounds):
        run = subprocess.Popen(
            [t.program, "record", "-q", "-p", str(target.pid), "-o",
             t.path("killed.strobe")] + list(WAYS[i % len(WAYS)]),
            env=t.environment, stderr=subprocess.DEVNULL)
        # A moment, anywhere from the start of the program on.
        until = time.monotonic() + chance.uniform(0, 0.08)
        while time.monotonic() < until:
            pass
        run.kill()
        run.wait()
        expect_going_on(target.pid)


@alone
def test_killed_at_any_instant(t):
    """The target runs on, and nobody traces it."""
    kill_often(t, t.rounds(100, quick=20, long=1000), 4711)


@each_python(quick=False)
def test_killed_each_version(t):
    kill_often(t, t.rounds(8, long=50), 4712)


# ---- what it calls ----

# What can change another process: the number of the argument that names it.
REACHES = {
    "ptrace": 1, "process_vm_writev": 0, "kill": 0, "tkill": 0, "tgkill": 0,
    "rt_sigqueueinfo": 0, "rt_tgsigqueueinfo": 0, "pidfd_open": 0,
    "pidfd_send_signal": 0, "pidfd_getfd": 0, "process_madvise": 0,
    "process_mrelease": 0, "move_pages": 0, "migrate_pages": 0,
    "sched_setaffinity": 0, "sched_setscheduler": 0, "sched_setparam": 0,
    "sched_setattr": 0, "setpgid": 0, "setpriority": 1, "ioprio_set": 1,
    "prlimit64": 0, "setns": 0, "kcmp": 0, "bpf": 0, "perf_event_open": 1,
}
OPENS = ("open", "openat", "openat2", "creat")
WRITES = ("write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile",
          "splice", "ioctl", "ftruncate", "fallocate")


def straced(t, *args):
    """Runs pystrobe under strace: a list of (call, its arguments, result)."""
    strace, log = need("strace"), t.path("strace.log")
    works = subprocess.run([strace, "-o", log, "true"],
                           stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
    if works.returncode:
        raise Skip("strace may not trace here")
    # Leaks are looked for by ptrace, which strace has.
    options = t.environment["ASAN_OPTIONS"] + ":detect_leaks=0"
    t.run([strace, "-f", "-y", "-s", "4096", "-o", log, t.program] +
          list(args), env=dict(t.environment, ASAN_OPTIONS=options))
    with open(log, errors="replace") as f:
        return list(calls_of(f))


def calls_of(lines):
    """Of several threads: a call may end some lines below its beginning."""
    begun = {}
    for line in lines:
        tid, text = re.match(r"(\d+) +(.*)", line).groups()
        if text.endswith(" <unfinished ...>"):
            begun[tid] = text[:-len(" <unfinished ...>")]
            continue
        rest = re.match(r"<\.\.\. \w+ resumed>(.*)", text)
        if rest:
            text = begun.pop(tid) + rest.group(1)
        match = re.match(r"(\w+)\((.*)\) += (.*)$", text)
        if match:
            yield match.groups()
        else:
            expect(re.match(r"\+\+\+|---|exit", text),
                   "a line of strace: %r", line)


def threads_of(pid):
    return {pid} | {int(tid) for tid in os.listdir("/proc/%d/task" % pid)}


def expect_only_reads(calls, pid):
    tids = threads_of(pid)
    below = re.compile(r"/proc/(%s)/" % "|".join(map(str, tids)))
    for call, args, _ in calls:
        words = args.split(", ")
        if call in OPENS:
            expect(not (below.search(args) and re.search(
                r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", args)),
                   "opened for writing: %s(%s)", call, args)
        elif call in WRITES:
            expect(not below.search(words[0]), "%s(%s)", call, args)
        elif call in REACHES:
            whom = re.match(r"-?\d+", words[REACHES[call]])
            if call != "ptrace":
                expect(not whom or int(whom.group()) not in tids and
                       abs(int(whom.group())) not in tids,
                       "reaches the target: %s(%s)", call, args)
                continue
            expect(words[0] in ("PTRACE_SEIZE", "PTRACE_INTERRUPT",
                                "PTRACE_DETACH"), "ptrace(%s)", args)
            expect(int(whom.group()) in tids, "traces another: %s", args)
            if words[0] == "PTRACE_SEIZE":
                equal(words[2:], ["NULL", "0"], "options of %s" % args)
            if words[0] == "PTRACE_DETACH":
                expect(words[3] in ("0", "NULL"), "a signal that nobody "
                       "sent: %s", args)


def traced(calls, request):
    return [int(args.split(", ")[1]) for call, args, result in calls
            if call == "ptrace" and args.startswith("PTRACE_" + request) and
            result.startswith("0")]


def last_trace(calls):
    return [re.match(r"PTRACE_(\w+)", args).group(1)
            for call, args, _ in calls if call == "ptrace"][-1]


def stops_of(t, target, *way):
    """Checks all calls of a run; how many stops it asked for."""
    with apart(target):
        calls = straced(t, "record", "-p", str(target.pid), "-d", "400ms",
                        "-r", "200", *way, "-o", t.path("out.svg"))
    expect(any(call == "process_vm_readv" for call, _, _ in calls),
           "strace saw no read")
    expect_only_reads(calls, target.pid)
    seized = traced(calls, "SEIZE")
    let_go = traced(calls, "DETACH")
    # The kernel lets go of one that did not stop before our own end.
    missing = len(seized) - len(let_go)
    expect(missing == 0 or missing == 1 and last_trace(calls) != "DETACH",
           "%d seized, %d let go", len(seized), len(let_go))
    equal(let_go, seized[:len(let_go)], "threads let go, and seized")
    expect("--nonblocking" not in way or not any(
        call == "ptrace" for call, _, _ in calls), "ptrace all the same")
    expect("--no-bpf" in way or not way or not any(
        call.startswith("clone") for call, _, _ in calls), "a thread of ours")
    # A system call of these would fail in the program.
    expect(t.python.version >= (3, 5) or "--blocking" in way or not seized,
           "%d stops of such a Python", len(seized))
    expect_going_on(target.pid)
    return len(seized)


@each_python(quick=False)
def test_nothing_is_written(t):
    """No call of a run writes to the target, and each stop has its end."""
    target = t.ready("alternate.py")
    for way in [], ["--no-bpf", "--pause-budget=100"], ["--nonblocking"]:
        stops_of(t, target, *way)
    # One that waits for a processor is not stopped: on a busy machine a run
    # may find nothing else.
    stops = 0
    for _ in range(10):
        stops += stops_of(t, target, "--blocking")
        if stops > 10:
            return
    raise Fail("%d stops in 10 runs" % stops)


@each_python(quick=False)
def test_sleeping_threads_are_left_alone(t):
    """Of one that works and twenty that wait, only the first is stopped."""
    target = t.ready("crowd.py", 20)
    with apart(target):
        calls = straced(t, "record", "-p", str(target.pid), "-d", "1s",
                        "-r", "200", "-i", "--blocking", "-o",
                        t.path("out.svg"))
    seized = traced(calls, "SEIZE")
    expect(len(seized) > 10, "%d stops", len(seized))
    equal(set(seized), {target.pid}, "threads that were stopped")
    expect_going_on(target.pid)


@alone
@each_python(quick=False)
def test_waiting_threads_are_read_once(t):
    """One that waits for a processor is not read again before it has run."""
    target = t.ready("busy.py")
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        os.sched_setaffinity(other.pid, {max(os.sched_getaffinity(0))})
        for task in threads_of(target.pid):
            os.setpriority(os.PRIO_PROCESS, task, 10)
        with apart(target):
            calls = straced(t, "record", "-p", str(target.pid), "-d", "2s",
                            "-r", "200", "--no-bpf", "-o",
                            t.path("out.strobe"))
    finally:
        other.kill()
        other.wait()
    names = " ".join(call for call, _, _ in calls)
    ticks = names.split("poll")[1:]
    once = sum(tick.count("process_vm_readv") == 1 for tick in ticks)
    expect(len(ticks) > 200, "only %d ticks", len(ticks))
    # That one is of the lists of threads.
    expect(once > len(ticks) // 5, "one read in %d of %d ticks", once,
           len(ticks))


def copied(t, target, *way, duration="1500ms"):
    """Of the ticks, those that interrupts took; of the time, what threads stood
    for that, in percent."""
    saved = t.path("run.strobe")
    result = t.pystrobe("record", "-p", str(target.pid), "-d", duration, "-r",
                        "2k", "-o", saved, *way)
    ticks = json.loads(t.pystrobe("report", saved, "--json").out
                       )["recording"]["ticks"]
    found = re.search(r"copied (\d+) stacks in interrupts, for which threads "
                      r"stood for ([\d.]+) % of the time", result.err)
    return (int(found.group(1)) / ticks, float(found.group(2))) if found else (
        0, 0)


def check_budget(t, target):
    all_of_them, stood = copied(t, target)
    if not stood:
        raise Skip("no program may be put into the kernel")
    expect(all_of_them > 0.9, "%.2f of the ticks", all_of_them)
    expect(0.01 < stood < 3, "%.2f %% of the time", stood)
    some, _ = copied(t, target, "--pause-budget=%.4f" % (stood / 3))
    expect(0.2 < some < 0.7, "%.2f of the ticks", some)


def check_again(t, target):
    _, stood = copied(t, target)
    if not stood:
        raise Skip("no program may be put into the kernel")
    budget = "--pause-budget=%.4f" % (stood / 3)
    once, _ = copied(t, target, budget)
    twice, _ = copied(t, target, budget, duration="7500ms")
    expect(1.5 < twice * 7.5 / (once * 1.5) < 2.5,
           "%.2f and %.2f of the ticks", once, twice)


@alone
def test_interrupts_again(t):
    """After five seconds without, they are tried once more."""
    target = t.ready("busy.py")
    with apart(target):
        mostly(check_again, t, target)
    expect_untouched(target.pid)


@alone
@each_python(minimum=(3, 6))
def test_interrupts_within_the_budget(t):
    """For half a second they may be beyond it; then each tick is ours."""
    target = t.ready("busy.py")
    with apart(target):
        mostly(check_budget, t, target)
    expect_untouched(target.pid)


# ---- signals, stopped groups ----

@each_python(quick=False)
def test_signals_are_delivered(t):
    """Each one once, while the target is stopped thousands of times."""
    target = t.ready("signals.py")
    rounds = t.rounds(400, long=4000)
    with apart(target):
        run, _ = begun(t, target, "--blocking", "-r", "5k")
    for i in range(1, rounds + 1):
        os.kill(target.pid, signal.SIGUSR1)
        equal(target.line(), str(i), "signals delivered")
    run.signal(signal.SIGINT)
    ends_well(run)
    expect("stopped a thread" in run.stderr(), "no stops: %s", run.stderr())
    expect_untouched(target.pid)
    equal(target.stop(), "", "signals that nobody sent")


@each_python(quick=False)
def test_stopped_group(t):
    """It stays stopped, is recorded, and goes on when it is told to."""
    target = t.ready("alternate.py")
    for way in ("--blocking", "--pause-budget=100"):
        suspend(target.pid)
        stacks = t.folded("record", "-p", str(target.pid), "-d", "250ms",
                          "-r", "200", "-i", way)
        expect(total(stacks) > 20, "samples: %r", stacks)
        equal(state_of(target.pid), "T", "state")
        os.kill(target.pid, signal.SIGCONT)
        expect_going_on(target.pid)


@each_python(quick=False)
def test_stopped_meanwhile(t):
    target = t.ready("alternate.py")
    run, _ = begun(t, target, "--blocking", "-r", "5k")
    for _ in range(t.rounds(25, long=300)):
        suspend(target.pid)
        os.kill(target.pid, signal.SIGCONT)
        wait_until(lambda: state_of(target.pid) not in "Tt", "its going on")
    run.signal(signal.SIGINT)
    ends_well(run)
    expect_going_on(target.pid)


# ---- other tools ----

def tracer(t, pid, *how):
    """tracer.py, run by the Python of this test."""
    return t.start([sys.executable, os.path.join(TARGETS, "tracer.py"),
                    str(pid)] + list(how))


def test_traced_by_another(t):
    """It is sampled without stops, and the summary says who is in the way."""
    target = t.ready("alternate.py")
    other = tracer(t, target.pid)
    equal(other.line(), "traced", "the tracer")
    # On our processor it would never be one that has to be stopped.
    with apart(target):
        result = t.pystrobe("record", "-p", str(target.pid), "-d", "400ms",
                            "-r", "500", "--blocking", "-f", "collapsed", "-o",
                            "-")
    expect(total(parse_folded(result.out)) > 20, "samples: %s", result)
    expect(re.search(r"threads could not be stopped: process %d \('.+'\) "
                     r"traces them" % other.pid, result.err), "%s", result)
    other.stop()
    with apart(target):
        result = t.pystrobe("record", "-p", str(target.pid), "-d", "200ms",
                            "-r", "500", "--blocking", "-o", t.path("out.svg"))
    expect("could not be stopped" not in result.err, "%s", result)
    expect("stopped a thread" in result.err, "%s", result)
    expect_going_on(target.pid)


def test_debugger_comes_and_goes(t):
    """It attaches halfway, stops all, lets go, again and again."""
    target = t.ready("alternate.py")
    run, _ = begun(t, target, "--blocking", "-r", "2k")
    debugger = tracer(t, target.pid, "stop")
    equal(debugger.line(), "traced", "the debugger")
    until = time.monotonic() + t.rounds(1, long=10)
    wait_until(lambda: time.monotonic() > until or not run.running(),
               "time to pass")
    stops = int(debugger.stop())
    expect(stops > 5, "the debugger stopped %d threads", stops)
    run.signal(signal.SIGINT)
    ends_well(run)
    expect_going_on(target.pid)


# ---- a target that does not hold still ----

@each_python(quick=False)
def test_exec_meanwhile(t):
    """It becomes another program at 10 kHz; its end is its own."""
    argv = t.python.argv(t.python.script("again.py"), "4")
    for who in ("main", "thread"):
        result = t.pystrobe("record", "--blocking", "-r", "10k", "-o",
                            t.path("out.svg"), "--", *(argv + [who, "0.1"]),
                            status=5)
        equal(result.out, "end\n", "what the last one says")


@each_python(quick=False)
def test_exit_meanwhile(t):
    argv = t.python.argv(t.python.script("end.py"))
    for i in range(t.rounds(4, long=40)):
        t.pystrobe("record", "--blocking", "-r", "10k", "-q", "-o",
                   t.path("out.svg"), "--",
                   *(argv + ["%.3f" % (0.05 + 0.003 * i), "exit", "3"]),
                   status=3)


def churn(t, *how):
    target = t.ready("churn.py", *how)
    for way in ("--blocking", "--pause-budget=100"):
        t.pystrobe("record", "-p", str(target.pid), "-d",
                   t.rounds("600ms", long="10s"), "-r", "5k", "-i", way, "-o",
                   t.path("out.svg"))
        expect_going_on(target.pid)
    expect(int(target.stop()) > 5, "nothing came and went")
    equal(target.wait(), 0, "its end")


@each_python(quick=False)
def test_threads_that_come_and_go(t):
    churn(t)


@each_python(quick=False)
def test_processes_that_come_and_go(t):
    churn(t, "fork")


def test_killed_target(t):
    """Killed while it is stopped, and sampled: its end is passed on."""
    for i in range(t.rounds(20, quick=5, long=200)):
        run = t.begin("record", "-q", "--blocking", "-r", "10k", "-o",
                      t.path("out.svg"), "--", t.python.path,
                      t.python.script("busy.py"))
        pid = run.said()["pid"]
        seen = ran_and_waited(pid)[0] + 1000000 * (1 + i % 7)
        wait_until(lambda: ran_and_waited(pid)[0] > seen, "work")
        os.kill(pid, signal.SIGKILL)
        equal(run.wait(), -signal.SIGKILL, "status: %s" % run.stderr())


def is_untraced(pid):
    try:
        expect_untouched(pid)
        return True
    except Fail:
        return False


def test_stops_of_a_waiting_recorder(t):
    """When -d is over, and the program goes on, so do its threads; one that
    waited for a processor when it should stop is let go as soon as it does."""
    for i in range(t.rounds(3, long=60)):
        out = t.path("out-%d.svg" % i)
        run = t.begin("record", "--blocking", "-r", "10k", "-d", "100ms", "-o",
                      out, "--", t.python.path, t.python.script("busy.py"))
        pid = run.said()["pid"]
        wait_until(lambda: os.path.exists(out), "the output")
        wait_until(lambda: is_untraced(pid), "all threads let go", 5)
        expect_going_on(pid)
        run.stop()
        equal(run.wait(), 0, "status")


# ---- rubbish ----

def rubbish(t, *how):
    built = os.path.join(os.path.dirname(t.program), BUILT_TESTS, "rubbish")
    if not os.path.exists(built):
        raise Skip("'%s' was not built (make tests)" % built)
    target = t.start([built] + list(how))
    equal(target.line(), "ready", "the target")
    return target


def kinds_of_rubbish():
    """Versions by number, and images of those with debug offsets."""
    yield from ("3.7", "3.8", "3.9", "3.10", "3.11", "3.12")
    for minor in (13, 14, 15):
        yield from sorted(glob.glob(os.path.join(
            ROOT, "tests", "images", "3.%d.*.image" % minor)))[-1:]


def peak(run):
    """Follows a program to its end; the most memory it was seen to use."""
    most = [0]

    def look():
        try:
            with open("/proc/%d/status" % run.pid) as f:
                found = re.search(r"VmHWM:\s+(\d+) kB", f.read())
        except (FileNotFoundError, ProcessLookupError):
            found = None
        if found:
            most[0] = max(most[0], int(found.group(1)))
        return not run.running()

    wait_until(look, "the end of pystrobe")
    return most[0] / 1024.0


def test_rubbish(t):
    """Memory that changes into anything while it is read."""
    seeds = t.rounds((1, 2), quick=(3,), long=range(1, 30))
    for kind in kinds_of_rubbish():
        for seed in seeds:
            target = rubbish(t, kind, str(seed))
            way = "--blocking" if seed % 2 else "--pause-budget=50"
            run, saved = begun(t, target, "-d", "600ms", "-r", "2k", way)
            target.tell("go\n")
            began = time.monotonic()
            megabytes = peak(run)
            ends_well(run)
            took = time.monotonic() - began
            expect(took < (20 if t.sanitized else 5), "%s, seed %d: %.1f s",
                   kind, seed, took)
            expect(t.sanitized or megabytes < 64, "%s, seed %d: %.0f MB",
                   kind, seed, megabytes)
            t.pystrobe("report", saved, "-i", "-t", "-o", t.path("out.svg"))
            expect_untouched(target.pid)
            target.kill()


@alone
def test_rubbish_without_end(t):
    """Four million threads are claimed: it ends, and says what it lost."""
    target = rubbish(t, "3.12", "flood")
    run = t.begin("record", "-p", str(target.pid), "-d", "1s", "-r", "10",
                  "-o", t.path("out.svg"))
    megabytes = peak(run)
    ends_well(run)
    expect(t.sanitized or megabytes < 512, "%.0f MB", megabytes)
    expect("threads" in run.stderr() and "lost" in run.stderr(), "%s",
           run.stderr())
    expect_untouched(target.pid)
