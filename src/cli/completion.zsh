_pystrobe_pids() {
	local -a found
	found=(${(f)"$(_call_program pids pystrobe --completion pids 2>/dev/null)"})
	found=(${found//:/\\:})
	found=(${found/$'\t'/:})
	_describe -t processes 'Python process' found
}

_pystrobe_files() {
	_files
}

_pystrobe() {
	local curcontext=$curcontext state line ret=1
	local -a names specs
	typeset -A opt_args

	_pystrobe_names
	_arguments -C \
		'(- *)'{-h,--help}'[a short help]' \
		'(- *)'{-V,--version}'[version and features]' \
		'(- *)--completion=[completion for a shell]:shell:(bash zsh fish)' \
		'1:command:->command' '*::argument:->argument' && ret=0
	case $state in
	command)
		names+=('help:Shows the help of a command.')
		_describe -t commands 'pystrobe command' names && ret=0
		;;
	argument)
		if [[ $words[1] == help ]]; then
			((CURRENT == 2)) &&
				_describe -t commands 'pystrobe command' names && ret=0
			return ret
		fi
		curcontext=${curcontext%:*:*}:pystrobe-$words[1]:
		_pystrobe_specs $words[1]
		(( $#specs )) && _arguments -s -S -A '-*' $specs && ret=0
		;;
	esac
	return ret
}

# Loaded by compinit; or sourced, behind compinit.
if [[ $funcstack[1] == _pystrobe ]]; then
	_pystrobe "$@"
elif (( $+functions[compdef] )); then
	compdef _pystrobe pystrobe
fi
