"""Completion in the real shells: what each of them offers behind a line."""
import os
import re

from harness import contains, equal, expect, need

from test_docs import option_rows

WORDS = re.compile(r"^  (\w+) +[A-Z]", re.M)


# ---- one line, completed at its end by a shell ----

BASH = r"""
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*"
COMP_POINT=${#COMP_LINE}
_pystrobe "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
((${#COMPREPLY[@]})) && printf '%s\n' "${COMPREPLY[@]}"
true
"""

# zsh completes only where it has a terminal: in one of its own, where
# compadd says what it was given.
ZSH = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PROMPT=; RPROMPT=; fpath=($1 \$fpath); cd ${(q)3}
autoload -Uz compinit; compinit -u -C -d ${(q)4}"
zpty -w shell 'offer() {
	compadd() {
		local -a got
		if [[ ${@[(i)-[OAD]]} -le $# ]]; then
			builtin compadd "$@"
			return
		fi
		builtin compadd -A got "$@"
		print -rl -- "<"${^got}">"
		builtin compadd "$@"
	}
	_main_complete
	unfunction compadd
	compstate[insert]= compstate[list]=
	print "<E""ND>"
}
zle -C offer complete-word offer
bindkey "^I" offer
print "<READ""Y>"'
zpty -r shell text '*<READY>*'
zpty -w -n shell "$2"$'\t'
zpty -r shell text '*<END>*'
print -r -- "$text"
zpty -d shell
"""


def split(line):
    """As bash does: '=' is a word of its own."""
    return line.replace("=", " = ").split(" ")


def by_bash(t, line, folder):
    script = t.path("pystrobe.bash")
    words = split(line)
    done = t.run([need("bash"), "--norc", "-c", BASH, "bash", script] + words,
                 cwd=folder, env=t.environment)
    equal(done.err, "", "what bash says")
    return done.out.split("\n")[:-1]


def by_zsh(t, line, folder):
    functions = os.path.dirname(t.path("zsh", "_pystrobe"))
    done = t.run([need("zsh"), "-f", "-c", ZSH, "zsh", functions, line,
                  folder, t.path("home", "dump")], cwd=folder, env=t.environment)
    return re.findall(r"<([^<>\r\n]+)>", done.out)[:-1]


def by_fish(t, line, folder):
    done = t.run([need("fish"), "-c", "complete -C $argv[1]", line],
                 cwd=folder, env=t.environment)
    equal(done.err, "", "what fish says")
    # Behind "--name=" the whole word is offered.
    return [re.sub(r"^--[\w-]+=(?=.)", "", offer.partition("\t")[0])
            for offer in done.out.split("\n")[:-1]]


SHELLS = {"bash": by_bash, "zsh": by_zsh, "fish": by_fish}


def set_up(t):
    """Puts the completions where the shells look for them."""
    folders = {"bash": "", "zsh": "zsh", "fish": "share/fish/"
               "vendor_completions.d"}
    names = {"bash": "pystrobe.bash", "zsh": "_pystrobe",
             "fish": "pystrobe.fish"}
    for shell, folder in folders.items():
        os.makedirs(t.path(folder), exist_ok=True)
        with open(t.path(folder, names[shell]), "w") as f:
            f.write(t.pystrobe("--completion", shell).out)
    os.mkdir(t.path("home"))
    os.mkdir(t.path("work"))
    for name in ("run one.strobe", "run-two.strobe", "other.txt"):
        open(t.path("work", name), "w").close()
    t.environment.update(
        HOME=t.path("home"), TERM="dumb", ZDOTDIR=t.path("home"),
        XDG_DATA_DIRS=t.path("share") + ":/usr/share",
        XDG_CONFIG_HOME=t.path("home"), XDG_DATA_HOME=t.path("home"),
        XDG_CACHE_HOME=t.path("home"),
        PATH=os.path.dirname(t.program) + ":" + os.environ["PATH"])


def offers(t, shell, line):
    found = [word.rstrip("= ") for word in SHELLS[shell](
        t, line, t.path("work"))]
    return sorted(set(found))


def check_tables(t, shell):
    """Each command, and each option of each, and nothing else."""
    commands = sorted(WORDS.findall(t.pystrobe("-h").out))
    expect("record" in commands, "commands: %r", commands)
    equal(offers(t, shell, "pystrobe "), sorted(commands + ["help"]),
          "commands")
    equal(offers(t, shell, "pystrobe help "), commands, "help of")
    for command in commands:
        rows = option_rows(t.pystrobe(command, "-h").out)
        equal(offers(t, shell, "pystrobe %s --" % command),
              sorted("--" + name for _, name, _ in rows), "options")


def check_values(t, shell):
    modes = ["cpu", "exception", "gc", "gil", "offcpu", "wall"]
    equal(offers(t, shell, "pystrobe report --mode "), modes, "modes")
    equal(offers(t, shell, "pystrobe report --mode=g"), ["gc", "gil"],
          "modes behind =")
    equal(offers(t, shell, "pystrobe record --palette "),
          ["default", "grey", "safe", "warm"], "palettes")
    formats = offers(t, shell, "pystrobe record -q -f s")
    equal([f for f in formats if f in ("svg", "strobe")], ["strobe", "svg"],
          "formats")
    expect("strobe" not in offers(t, shell, "pystrobe report -f s"),
           "no recording is reported")
    equal(offers(t, shell, "pystrobe record -d "), [], "a duration")


def check_files(t, shell):
    def names(line):
        return sorted(name.replace("\\", "")
                      for name in offers(t, shell, line))

    equal(names("pystrobe report run"), ["run one.strobe", "run-two.strobe"],
          "recordings")
    equal(names("pystrobe record -p 1 -o oth"), ["other.txt"], "an output")


def check_pids(t, shell):
    pid = str(t.target_pid)
    for line in ("pystrobe dump ", "pystrobe record -q -p ",
                 "pystrobe record --pid="):
        found = offers(t, shell, line)
        expect(any(re.match(pid + r"\b", offer) for offer in found),
               "no %s behind %r: %r", pid, line, found)
    expect("1" not in offers(t, shell, "pystrobe dump "), "not Python")


def check_program(t, shell):
    """Behind record's options stands a program, and behind it its words."""
    for line in ("pystrobe record -d 3 cksu", "pystrobe record -- cksu"):
        expect("cksum" in offers(t, shell, line), "no program behind %r: %r",
               line, offers(t, shell, line))
    for line in ("pystrobe record cksum ",
                 "pystrobe record -d 3 -- cksum "):
        contains(offers(t, shell, line), "other.txt", "what is behind " + line)
    expect("--duration" not in offers(t, shell, "pystrobe record cksum --"),
           "an option of ours is offered for the program")


def check(t, shell):
    need(shell)
    set_up(t)
    target = t.ready("busy.py")
    t.target_pid = target.pid
    for part in (check_tables, check_values, check_files, check_pids,
                 check_program):
        part(t, shell)


def test_bash(t):
    check(t, "bash")


def test_zsh(t):
    check(t, "zsh")


def test_fish(t):
    check(t, "fish")
