complete -c pystrobe -n __pystrobe_first -a help -d 'Shows the help of a command.'
complete -c pystrobe -n __pystrobe_first -s h -l help -d 'a short help'
complete -c pystrobe -n __pystrobe_first -s V -l version -d 'version and features'
complete -c pystrobe -n __pystrobe_first -l completion -d 'completion for a shell'
complete -c pystrobe -n '__pystrobe_is --completion' -a 'bash zsh fish'
complete -c pystrobe -n '__pystrobe_is help' -a "$__pystrobe_commands"
# Files only where a line above says so.
complete -c pystrobe -f

function __pystrobe_first
    test (count (commandline -opc)) -eq 1
end

function __pystrobe_is
    set -l words (commandline -opc)
    test (count $words) -gt 1; and contains -- $words[2] $argv
end

# The index of the first word that is no option, and no value of one.
function __pystrobe_program_at
    set -l words (commandline -opc)
    set -l i 3
    while test $i -le (count $words)
        if test "$words[$i]" = --
            echo (math $i + 1)
            return 0
        else if contains -- $words[$i] $__pystrobe_valued
            set i (math $i + 1)
        else if not string match -q -- '-*' $words[$i]
            echo $i
            return 0
        end
        set i (math $i + 1)
    end
    return 1
end

# The command, and no program has begun.
function __pystrobe_in
    __pystrobe_is $argv; or return 1
    contains -- $argv[1] $__pystrobe_starts; or return 0
    not __pystrobe_program_at >/dev/null
end

function __pystrobe_program
    set -l words (commandline -opc)
    set -l at (__pystrobe_program_at)
    if test -n "$at"; and test $at -le (count $words)
        complete -C (string join ' ' -- (string escape -- $words[$at..-1]) (commandline -ct))
    else
        __fish_complete_command
    end
end

function __pystrobe_pids
    pystrobe --completion pids 2>/dev/null
end
