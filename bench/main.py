"""scripts/bench [OPTIONS] [SCENARIO...]

Measures pystrobe beside the profilers that are here (scripts/peers and
scripts/sid-root bring them), prints tables, and keeps the values of every
round in bench.json beside the program. Nothing here passes or fails: what a
figure means is for a person to say. bench/README.md says how it is done.

  --list              the scenarios
  --rounds N          runs of each profiler (3)
  --seconds S         how long each window of measurement is (3)
  --python VERSION... only these versions, such as 3.13 3.15; end them with --
                      or another option when names of scenarios follow
  --tool NAME         only tools whose name has this part; may be repeated
  --program FILE      the pystrobe to measure (build/pystrobe)
  --markdown          measure nothing; what bench.json has, as Markdown
"""
import argparse
import json
import os
import re
import sys
import time

from bench import cost, live, machine, run, speed, table, target, tools, truth

SCENARIOS = [
    ("steady", "30 deep, as fast as it can, 3.11 to 3.15; bare reads",
     speed.steady),
    ("steady-heap", "the same, 3.6 to 3.10", speed.steady_heap),
    ("alternate-equal", "two 20-deep chains, frames of equal size, 1 and 10 "
     "kHz", truth.alternate_equal),
    ("alternate-unequal", "the same, frames of unequal sizes",
     truth.alternate_unequal),
    ("load", "tokenize, ast, json, difflib, at 100 Hz, 1 and 10 kHz",
     truth.load),
    ("stands", "how long a target does not run, at 100 Hz and 1 kHz",
     truth.stands),
    ("switches", "two threads in turn, 100 Hz", truth.switches),
    ("idle", "160 threads of which 2 work, 100 Hz", cost.idle),
    ("split", "functions with known shares of wall and CPU time",
     truth.split),
    ("moments", "shares of what calls and returns all the time",
     truth.moments),
    ("attach", "time to the first sample; dump of 12 threads", cost.attach),
    ("size", "bytes of a sample in a recording, 1 and 10 kHz", cost.size),
    ("hours", "8 hours of samples through the writer", cost.hours),
    ("stacks", "a million different stacks as a flame graph", cost.stacks),
    ("live", "live views: 1 000 functions, 200 threads, 1 kHz", live.live),
    ("build", "make, from nothing", cost.build),
]


def parse(argv):
    parser = argparse.ArgumentParser(
        prog="scripts/bench", usage="scripts/bench [OPTIONS] [SCENARIO...]",
        description=__doc__, add_help=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--python", nargs="+", default=[])
    parser.add_argument("--tool", action="append", default=[])
    parser.add_argument("--program", default=os.path.join(
        tools.ROOT, "build", "pystrobe"))
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("-h", "--help", action="store_true")
    args = parser.parse_args(argv)
    if args.help:
        print(__doc__.strip())
        sys.exit(0)
    known = [name for name, _, _ in SCENARIOS]
    for name in args.scenarios:
        if name not in known:
            parser.error("there is no scenario '%s': --list names them" % name)
    if args.rounds < 1 or not args.seconds > 0:
        parser.error("--rounds and --seconds are above 0")
    return args


def minor_of(text):
    match = re.match(r"(\d+)\.(\d+)", text)
    if not match:
        sys.exit("scripts/bench: '%s' is not a version such as 3.13" % text)
    return int(match.group(1)), int(match.group(2))


class Options(run.Options):
    def __init__(self, args):
        run.Options.__init__(
            self, os.path.abspath(args.program), args.rounds, args.seconds,
            target.pythons(), os.path.dirname(os.path.abspath(args.program)))
        self.only = [minor_of(text) for text in args.python]
        if args.tool:
            self.tools = [tool for tool in self.tools if any(
                part in tool.name for part in args.tool + ["none"])]

    def versions(self, *spans):
        """Versions found within spans (first, last, first, last ...); those
        that are asked for and here."""
        found = []
        for first, last in zip(spans[::2], spans[1::2]):
            found += [minor for minor in self.pythons if first <= minor <= last
                      and (not self.only or minor in self.only)]
        if self.only and not found:
            # Asked for by name: any version will do where the scenario has
            # only examples.
            found = [minor for minor in self.pythons if minor in self.only and
                     spans[0] == spans[1]]
        return found


def load(path):
    try:
        with open(path) as f:
            found = json.load(f)
        return found if found.get("format") == 2 else {}
    except (OSError, ValueError):
        return {}


def save(path, data):
    with open(path + ".tmp", "w") as f:
        json.dump(data, f, indent=1)
    os.replace(path + ".tmp", path)


def print_markdown(data, names):
    about = data.get("machine", {})
    print("Measured with `scripts/bench` on %s, %s processors, Linux %s%s."
          % (about.get("cpu", "?"), about.get("cpus", "?"),
             about.get("kernel", "?"),
             ", both in one core" if about.get("one core") else ""))
    for name, _, _ in SCENARIOS:
        held = data.get("scenarios", {}).get(name)
        if not held or names and name not in names:
            continue
        print("\n## %s\n\n%s rounds, windows of %g s, %s." % (
            name, held["rounds"], held["seconds"], held["when"]))
        for group in held["groups"]:
            print(table.markdown(group))


def say_tools(options):
    print("profilers:")
    for tool in options.tools:
        print("  %-24s %s" % (tool.name, "absent: " + tool.absent()
                              if tool.absent() else "found"))
    print("target on processor %d, profiler on %d%s" % (
        machine.TARGET_CPU, machine.PROFILER_CPU,
        " (threads of one core)" if machine.about()["one core"] else ""))
    if machine.TARGET_CPU == machine.PROFILER_CPU:
        print("there is one processor only: slowdowns mean little here")
    sys.stdout.flush()


def measure(options, function):
    """The groups of a scenario, printed as they come."""
    for job in function(options):
        try:
            group = job()
        except target.Failed as why:
            print("\n  failed: %s" % why, flush=True)
            continue
        print(table.terminal(group), flush=True)
        yield group


def main(argv):
    args = parse(argv)
    path = os.path.join(os.path.dirname(os.path.abspath(args.program)),
                        "bench.json")
    if args.list:
        for name, about, _ in SCENARIOS:
            print("%-18s %s" % (name, about))
        return 0
    data = load(path)
    if args.markdown:
        if not data:
            sys.exit("scripts/bench: nothing was measured yet")
        print_markdown(data, args.scenarios)
        return 0
    options = Options(args)
    os.sched_setaffinity(0, {machine.PROFILER_CPU})
    say_tools(options)
    data.update(format=2, machine=machine.about(),
                tools={tool.name: tool.absent() or "found"
                       for tool in options.tools})
    for name, _, function in SCENARIOS:
        if args.scenarios and name not in args.scenarios:
            continue
        held = {"when": time.strftime("%Y-%m-%d"), "rounds": args.rounds,
                "seconds": args.seconds, "groups": []}
        data.setdefault("scenarios", {})[name] = held
        for group in measure(options, function):
            held["groups"].append(group)
            save(path, data)  # what was measured survives an interrupt
        if not held["groups"]:
            print("\n%s: none of its versions is here" % name, flush=True)
    print("\nall values of all rounds: %s" % path)
    return 0
