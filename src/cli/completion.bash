
_pystrobe_words()
{
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_pystrobe_files()
{
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_pystrobe_pids() # program word
{
	local pid command words=
	while read -r pid command; do
		words="$words $pid"
	done < <("$1" --completion pids 2>/dev/null)
	_pystrobe_words "$words" "$2"
}

# The index of the first word that is no option, and no value of one.
_pystrobe_program_at()
{
	local i word
	for ((i = 2; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == -- ]]; then
			program_at=$((i + 1))
			return
		elif [[ $valued == *" $word "* ]]; then
			((i++))
			[[ ${COMP_WORDS[i]} == = ]] && ((i++))
		elif [[ $word != -* ]]; then
			program_at=$i
			return
		fi
	done
}

_pystrobe_program() # word
{
	if ((program_at && program_at < COMP_CWORD)); then
		# bash-completion knows how other programs are completed.
		if declare -F _command_offset >/dev/null; then
			_command_offset "$program_at"
		else
			_pystrobe_files "$1"
		fi
	elif [[ $1 == */* ]]; then
		_pystrobe_files "$1"
	else
		mapfile -t COMPREPLY < <(compgen -c -- "$1" | sort -u)
	fi
}

_pystrobe()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]}
	local options= valued= rest=none kind= words= program_at=0

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		words="$_pystrobe_commands help"
		[[ $cur == -* ]] && words='-h --help -V --version --completion'
		_pystrobe_words "$words" "$cur"
		return
	fi
	case $command in
	help)
		((COMP_CWORD == 2)) &&
			_pystrobe_words "$_pystrobe_commands" "$cur"
		return
		;;
	--completion)
		((COMP_CWORD == 2)) && _pystrobe_words 'bash zsh fish' "$cur"
		return
		;;
	esac
	_pystrobe_table "$command"
	[[ $options ]] || return
	_pystrobe_program_at
	if ((program_at == 0)); then
		# bash hands "--name=value" over as three words.
		if [[ $cur == = ]]; then
			cur=
		elif [[ $prev == = ]]; then
			prev=${COMP_WORDS[COMP_CWORD - 2]}
		fi
		_pystrobe_value "$command" "$prev"
		[[ ! $kind && $valued == *" $prev "* ]] && return
		if [[ ! $kind && $cur == -* ]]; then
			_pystrobe_words "$options" "$cur"
			return
		fi
	fi
	case ${kind:-$rest} in
	words) _pystrobe_words "$words" "$cur" ;;
	files) _pystrobe_files "$cur" ;;
	pids) _pystrobe_pids "$1" "$cur" ;;
	program) _pystrobe_program "$cur" ;;
	esac
}

complete -F _pystrobe pystrobe
