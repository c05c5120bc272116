/*
 * pystrobe --completion SHELL: what bash, zsh or fish need to complete our
 * command lines. Made from the tables of commands and options, so that it
 * cannot differ from them; src/cli/completion.* is the part that needs none.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli_priv.h"

/* What may stand for a word; the names are those of the shells' functions. */
static const char *const kinds[] = {"none", "words", "files", "pids",
				    "program"};
enum kind { KIND_NONE, KIND_WORDS, KIND_FILES, KIND_PIDS, KIND_PROGRAM };

/* With a space before each. */
static void add_formats(struct str *words, const struct command *c)
{
	const struct renderer *r;
	size_t i, n;

	r = renderers(&n);
	for (i = 0; i < n; i++)
		str_addf(words, " %s", r[i].name);
	/* A report is no recording. */
	if (c != &command_report)
		str_adds(words, " strobe");
}

/*
 * By what stands for the argument of an option in its row. What is not here
 * has its words in the help.
 */
static const struct value {
	const char *argument;
	enum kind kind;
	option_word *word; /* of KIND_WORDS; NULL: formats */
} values[] = {
	{"FILE", KIND_FILES, NULL},
	{"PID", KIND_PIDS, NULL},
	{"FORMAT", KIND_WORDS, NULL},
	{"MODE", KIND_WORDS, mode_word},
	{"PALETTE", KIND_WORDS, palette_name},
	{"KIND", KIND_WORDS, convert_word},
	{"WHERE", KIND_NONE, NULL},
	{"TIME", KIND_NONE, NULL},
	{"PIXELS", KIND_NONE, NULL},
	{"RATE", KIND_NONE, NULL},
	{"PERCENT", KIND_NONE, NULL},
	{"TEXT", KIND_NONE, NULL},
	{"REGEX", KIND_NONE, NULL},
	{"N", KIND_NONE, NULL},
};

static const struct value *value_of(const char *argument)
{
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(*values); i++)
		if (!strcmp(values[i].argument, argument))
			return &values[i];
	return NULL;
}

/*
 * The words of an option whose help is nothing but a list of them: "self,
 * total or name; self is the default". False, and some words, otherwise.
 */
static bool add_list(struct str *words, const char *about)
{
	size_t n, len;

	for (n = 1;; n++) {
		len = strspn(about, "abcdefghijklmnopqrstuvwxyz-");
		if (!len)
			return false;
		str_addc(words, ' ');
		str_add(words, about, len);
		about += len;
		if (!*about || *about == ';')
			return n > 1;
		if (!strncmp(about, ", ", 2))
			about += 2;
		else if (!strncmp(about, " or ", 4))
			about += 4;
		else
			return false;
	}
}

static bool is_list(const struct option_row *row)
{
	struct str words;
	bool list;

	str_init(&words);
	list = add_list(&words, row->about);
	str_release(&words);
	return list;
}

bool completion_knows(const struct option_row *row)
{
	return value_of(row->argument) || is_list(row);
}

static enum kind kind_of(const struct option_row *row)
{
	const struct value *v = value_of(row->argument);

	if (v)
		return v->kind;
	return is_list(row) ? KIND_WORDS : KIND_NONE;
}

/* The words themselves, each behind a space, of KIND_WORDS. */
static void add_words(struct str *words, const struct command *c,
		      const struct option_row *row)
{
	const struct value *v = value_of(row->argument);

	if (!v) {
		add_list(words, row->about);
	} else if (v->word) {
		str_addc(words, ' ');
		list_words(words, " ", v->word);
	} else if (v->kind == KIND_WORDS) {
		add_formats(words, c);
	}
}

/* What the words of a command are that belong to no option. */
static enum kind rest_of(const struct command *c)
{
	if (strstr(c->synopsis, "PROGRAM"))
		return KIND_PROGRAM;
	return strstr(c->synopsis, "PID") ? KIND_PIDS : KIND_FILES;
}

/* ---- a text between single quotes ---- */

/* `escaped` characters get a backslash; "'" is as the shell wants it. */
static void add_quoted(struct str *s, const char *text, const char *escaped,
		       const char *quote)
{
	for (; *text; text++) {
		if (*text == '\'') {
			str_adds(s, quote);
			continue;
		}
		if (strchr(escaped, *text))
			str_addc(s, '\\');
		str_addc(s, *text);
	}
}

/* In zsh, colons and brackets divide what _arguments is told. */
static void add_zsh(struct str *s, const char *text)
{
	add_quoted(s, text, ":[]\\", "'\\''");
}

static void add_fish(struct str *s, const char *text)
{
	add_quoted(s, text, "\\", "\\'");
}

/* ---- bash: a case for each command, and for each option with a value ---- */

static void add_bash_command(struct str *s, const struct command *c)
{
	const struct option_row *row;
	size_t i;

	str_addf(s, "\t%s)\n\t\trest=%s\n\t\toptions='", c->name,
		 kinds[rest_of(c)]);
	for (i = 0; (row = option_at(c, i)); i++) {
		if (row->id <= 255)
			str_addf(s, "-%c ", row->id);
		str_addf(s, "--%s ", row->name);
	}
	str_adds(s, "'\n\t\tvalued=' ");
	for (i = 0; (row = option_at(c, i)); i++) {
		if (row->argument && row->id <= 255)
			str_addf(s, "-%c ", row->id);
		if (row->argument)
			str_addf(s, "--%s ", row->name);
	}
	str_adds(s, "' ;;\n");
}

static void add_bash_values(struct str *s, const struct command *c)
{
	const struct option_row *row;
	size_t i;

	for (i = 0; (row = option_at(c, i)); i++) {
		if (!row->argument || kind_of(row) == KIND_NONE)
			continue;
		str_adds(s, "\t");
		if (row->id <= 255)
			str_addf(s, "%s-%c | ", c->name, row->id);
		str_addf(s, "%s--%s) kind=%s", c->name, row->name,
			 kinds[kind_of(row)]);
		if (kind_of(row) == KIND_WORDS) {
			str_adds(s, " words='");
			add_words(s, c, row);
			str_addc(s, '\'');
		}
		str_adds(s, " ;;\n");
	}
}

static void add_bash(struct str *s)
{
	size_t i, n;
	const struct command *const *all = commands(&n);

	str_adds(s, "\n_pystrobe_commands='");
	for (i = 0; i < n; i++)
		str_addf(s, "%s ", all[i]->name);
	str_adds(s, "'\n\n# The options and other words of a command.\n"
		    "_pystrobe_table()\n{\n\tcase $1 in\n");
	for (i = 0; i < n; i++)
		add_bash_command(s, all[i]);
	str_adds(s, "\tesac\n}\n\n# What an option of a command takes.\n"
		    "_pystrobe_value()\n{\n\tcase $1$2 in\n");
	for (i = 0; i < n; i++)
		add_bash_values(s, all[i]);
	str_adds(s, "\tesac\n}\n\n");
}

/* ---- zsh: what _arguments is told, of each command ---- */

/* ":about:action" behind an option with a value. */
static void add_zsh_value(struct str *s, const struct command *c,
			  const struct option_row *row)
{
	enum kind kind = kind_of(row);

	str_addf(s, ":%s:", row->argument);
	if (kind == KIND_WORDS) {
		str_addc(s, '(');
		add_words(s, c, row);
		str_adds(s, " )");
	} else if (kind != KIND_NONE) {
		str_addf(s, "_pystrobe_%s", kinds[kind]);
	} else {
		str_addc(s, ' ');
	}
}

static void add_zsh_option(struct str *s, const struct command *c,
			   const struct option_row *row, bool letter)
{
	str_adds(s, "\t\t'*");
	if (letter)
		str_addf(s, "-%c%s[", row->id, row->argument ? "+" : "");
	else
		str_addf(s, "--%s%s[", row->name, row->argument ? "=" : "");
	add_zsh(s, row->about);
	str_addc(s, ']');
	if (row->argument)
		add_zsh_value(s, c, row);
	str_adds(s, "'\n");
}

static void add_zsh_command(struct str *s, const struct command *c)
{
	const struct option_row *row;
	enum kind rest = rest_of(c);
	size_t i;

	str_addf(s, "\t%s) specs=(\n", c->name);
	for (i = 0; (row = option_at(c, i)); i++) {
		if (row->id <= 255)
			add_zsh_option(s, c, row, true);
		add_zsh_option(s, c, row, false);
	}
	if (rest == KIND_PROGRAM)
		str_adds(s, "\t\t'(-):program:_command_names -e'\n"
			    "\t\t'*::argument: _normal'\n");
	else
		str_addf(s, "\t\t'*:%s:_pystrobe_%s'\n",
			 rest == KIND_PIDS ? "process" : "file", kinds[rest]);
	str_adds(s, "\t\t) ;;\n");
}

static void add_zsh_tables(struct str *s)
{
	size_t i, n;
	const struct command *const *all = commands(&n);

	str_adds(s, "\n_pystrobe_names() {\n\tnames=(\n");
	for (i = 0; i < n; i++) {
		str_addf(s, "\t\t'%s:", all[i]->name);
		add_zsh(s, all[i]->about);
		str_adds(s, "'\n");
	}
	str_adds(s, "\t)\n}\n\n_pystrobe_specs() {\n\tcase $1 in\n");
	for (i = 0; i < n; i++)
		add_zsh_command(s, all[i]);
	str_adds(s, "\tesac\n}\n\n");
}

/* ---- fish: a line for each option ---- */

static void add_fish_value(struct str *s, const struct command *c,
			   const struct option_row *row)
{
	switch (kind_of(row)) {
	case KIND_FILES:
		str_adds(s, " -r -F");
		break;
	case KIND_PIDS:
		str_adds(s, " -x -a '(__pystrobe_pids)'");
		break;
	case KIND_WORDS:
		str_adds(s, " -x -a '");
		add_words(s, c, row);
		str_addc(s, '\'');
		break;
	default:
		str_adds(s, " -x");
	}
}

static void add_fish_option(struct str *s, const struct command *c,
			    const struct option_row *row)
{
	str_addf(s, "complete -c pystrobe -n '__pystrobe_in %s'", c->name);
	if (row->id <= 255)
		str_addf(s, " -s %c", row->id);
	str_addf(s, " -l %s", row->name);
	if (row->argument)
		add_fish_value(s, c, row);
	str_adds(s, " -d '");
	add_fish(s, row->about);
	str_adds(s, "'\n");
}

static void add_fish_command(struct str *s, const struct command *c)
{
	static const char *const rest[] = {
		[KIND_FILES] = "-F",
		[KIND_PIDS] = "-a '(__pystrobe_pids)'",
		[KIND_PROGRAM] = "-a '(__pystrobe_program)'",
	};
	const struct option_row *row;
	size_t i;

	str_addf(s, "\ncomplete -c pystrobe -n __pystrobe_first -a %s -d '",
		 c->name);
	add_fish(s, c->about);
	str_adds(s, "'\n");
	for (i = 0; (row = option_at(c, i)); i++)
		add_fish_option(s, c, row);
	str_addf(s, "complete -c pystrobe -n '__pystrobe_is %s' %s\n", c->name,
		 rest[rest_of(c)]);
}

/* The options with a value of those commands that start a program. */
static void add_fish_valued(struct str *s)
{
	const struct option_row *row;
	size_t i, j, n;
	const struct command *const *all = commands(&n);

	str_adds(s, "set -g __pystrobe_starts");
	for (i = 0; i < n; i++)
		if (rest_of(all[i]) == KIND_PROGRAM)
			str_addf(s, " %s", all[i]->name);
	str_adds(s, "\nset -g __pystrobe_valued");
	for (i = 0; i < n; i++) {
		if (rest_of(all[i]) != KIND_PROGRAM)
			continue;
		for (j = 0; (row = option_at(all[i], j)); j++) {
			if (row->argument && row->id <= 255)
				str_addf(s, " -%c", row->id);
			if (row->argument)
				str_addf(s, " --%s", row->name);
		}
	}
	str_adds(s, "\nset -g __pystrobe_commands");
	for (i = 0; i < n; i++)
		str_addf(s, " %s", all[i]->name);
	str_adds(s, "\n");
}

static void add_fish_tables(struct str *s)
{
	size_t i, n;
	const struct command *const *all = commands(&n);

	str_adds(s, "\n");
	add_fish_valued(s);
	for (i = 0; i < n; i++)
		add_fish_command(s, all[i]);
	str_adds(s, "\n");
}

/* ---- the option ---- */

static const struct shell {
	const char *name, *first; /* first lines */
	void (*add)(struct str *s);
	const char *rest;
} shells[] = {
	{"bash", "# Completion of pystrobe for bash", add_bash,
#include "completion_bash.inc"
	},
	{"zsh", "#compdef pystrobe\n# Completion of pystrobe for zsh",
	 add_zsh_tables,
#include "completion_zsh.inc"
	},
	{"fish", "# Completion of pystrobe for fish", add_fish_tables,
#include "completion_fish.inc"
	},
};
#define SHELLS (sizeof(shells) / sizeof(*shells))

static bool print_python(void *arg, const struct process *p)
{
	struct str *s = arg;

	str_addf(s, "%d\t", (int)p->pid);
	process_command(p, s);
	str_addc(s, '\n');
	return true;
}

int completion_print(const char *what, struct err *err)
{
	struct str s;
	size_t i;
	int ret = 0;

	str_init(&s);
	for (i = 0; what && i < SHELLS; i++) {
		if (strcmp(shells[i].name, what))
			continue;
		str_addf(&s, "%s; made by 'pystrobe --completion %s'.\n",
			 shells[i].first, what);
		shells[i].add(&s);
		str_adds(&s, shells[i].rest);
	}
	/* For the above: the processes that can be named. */
	if (what && !strcmp(what, "pids"))
		pythons_each(print_python, &s);
	else if (!what)
		ret = err_set(err, -EINVAL, "--completion needs a shell: bash, "
			      "zsh or fish");
	else if (!s.len)
		ret = err_set(err, -EINVAL, "there is completion for bash, zsh "
			      "and fish, not for '%s'", what);
	fputs(s.data, stdout);
	str_release(&s);
	return ret;
}
