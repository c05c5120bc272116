#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_priv.h"

static const struct command *const table[] = {
	&command_record,
	&command_report,
	&command_dump,
	&command_convert,
	&command_top,
};
#define COMMANDS (sizeof(table) / sizeof(*table))

const struct command *const *commands(size_t *n)
{
	*n = COMMANDS;
	return table;
}

static const struct command *find(const char *name)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		if (!strcmp(table[i]->name, name))
			return table[i];
	return NULL;
}

static void print_overview(void)
{
	size_t i;

	printf("Usage: pystrobe COMMAND [OPTIONS]\n\n"
	       "Shows where a running Python program spends its time, from "
	       "outside.\n\nCommands:\n");
	for (i = 0; i < COMMANDS; i++)
		printf("  %-10s %s\n", table[i]->name, table[i]->about);
	printf("\n  -h, --help     this text; 'pystrobe COMMAND -h' has more\n"
	       "  -V, --version  version and features\n"
	       "      --completion bash|zsh|fish\n"
	       "                 completion for a shell\n"
	       "\nExamples ('pgrep -a python' tells the PID to put there):\n"
	       "  pystrobe record -p 1234 -d 10 -o flame.svg\n"
	       "  pystrobe record -o run.strobe -- python3 app.py\n"
	       "  pystrobe report run.strobe\n"
	       "  pystrobe dump 1234\n"
	       "  pystrobe top -p 1234\n");
}

/* For people first; "name: words" for programs. */
static void print_version(void)
{
	const struct renderer *r;
	size_t i, n;

	printf("pystrobe %s\npython: %s\ncommands:", PYSTROBE_VERSION,
	       target_pythons());
	for (i = 0; i < COMMANDS; i++)
		printf(" %s", table[i]->name);
	printf("\nformats:");
	r = renderers(&n);
	for (i = 0; i < n; i++)
		printf(" %s", r[i].name);
	printf(" strobe\n");
}

/* ---- a first word that is no command ---- */

const struct command *command_with(const char *word)
{
	size_t i, j, len = strcspn(word, "=");
	const struct option_row *row;

	for (i = 0; i < COMMANDS; i++)
		for (j = 0; (row = option_at(table[i], j)); j++)
			if (word[1] == '-'
				    ? strlen(row->name) + 2 == len &&
					      !strncmp(row->name, word + 2,
						       len - 2)
				    : row->id == word[1])
				return table[i];
	return NULL;
}

static void explain_option(const char *word, struct err *err)
{
	static const char *const own[] = {"--version", "--help",
					  "--completion"};
	const struct command *c = command_with(word);
	const char *found = NULL;

	if (word[1] == '-')
		found = nearest(word, own, sizeof(own) / sizeof(*own));
	else if (!strcmp(word, "-v"))
		found = own[0];

	if (c)
		err_set(err, -EINVAL,
			"a command comes before '%s': pystrobe %s %s ...", word,
			c->name, word);
	else if (found)
		err_set(err, -EINVAL,
			"unknown option '%s'; did you mean '%s'?", word,
			found);
	else
		err_set(err, -EINVAL,
			"unknown option '%s'; a command comes first: pystrobe "
			"record -p PID",
			word);
}

static bool ends_in(const char *word, const char *end)
{
	size_t len = strlen(word), n = strlen(end);

	return len > n && !strcmp(word + len - n, end);
}

static void explain_word(const char *word, struct err *err)
{
	const char *names[COMMANDS + 2], *found;
	struct str all;
	size_t i;

	str_init(&all);
	for (i = 0; i < COMMANDS; i++) {
		names[i] = table[i]->name;
		str_addf(&all, "%s%s",
			 !i ? "" : i + 1 < COMMANDS ? ", " : " and ",
			 names[i]);
	}
	names[i++] = "help";
	names[i++] = "--version";
	found = nearest(word, names, i);
	if (ends_in(word, ".strobe"))
		err_set(err, -EINVAL,
			"'%s' is not a command; to see that recording: "
			"pystrobe report %s",
			word, word);
	else if (ends_in(word, ".py"))
		err_set(err, -EINVAL,
			"'%s' is not a command; to start and sample that "
			"script: pystrobe record -- python3 %s",
			word, word);
	else if (!strncmp(word, "python", 6) || strchr(word, '/'))
		err_set(err, -EINVAL,
			"'%s' is not a command; to start and sample that "
			"program: pystrobe record -- %s ...",
			word, word);
	else if (found)
		err_set(err, -EINVAL,
			"'%s' is not a command; did you mean '%s'?", word,
			found);
	else
		err_set(err, -EINVAL,
			"'%s' is not a command; there are %s, and 'pystrobe "
			"record -- PROGRAM' starts and samples a program",
			word, all.data);
	str_release(&all);
}

static int unknown_command(const char *word)
{
	struct err err;
	pid_t pid;

	if (*word == '-')
		explain_option(word, &err);
	else if (!parse_pid(word, &pid, &err))
		err_set(&err, -EINVAL,
			"'%s' is not a command; for that process: pystrobe "
			"dump %s (what it does now), or pystrobe record -p %s "
			"-d 10 (where its time goes)",
			word, word, word);
	else
		explain_word(word, &err);
	return usage(NULL, &err);
}

static int print_completion(const char *shell)
{
	struct err err;

	return completion_print(shell, &err) ? usage(NULL, &err) : EXIT_OK;
}

static int help_of(const char *name)
{
	const struct command *c = name ? find(name) : NULL;

	if (name && !c)
		return unknown_command(name);
	if (c)
		print_help(c);
	else
		print_overview();
	return EXIT_OK;
}

static int dispatch(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "help";
	const struct command *c = find(word);

	if (c)
		return c->run(c, argc - 1, argv + 1);
	if (!strcmp(word, "help"))
		return help_of(argc > 2 ? argv[2] : NULL);
	if (!strcmp(word, "-h") || !strcmp(word, "--help"))
		return help_of(NULL);
	if (!strcmp(word, "-V") || !strcmp(word, "--version")) {
		print_version();
		return EXIT_OK;
	}
	if (!strcmp(word, "--completion"))
		return print_completion(argc > 2 ? argv[2] : NULL);
	if (!strncmp(word, "--completion=", 13))
		return print_completion(word + 13);
	return unknown_command(word);
}

/*
 * A file must not become the standard output or error of one who closed it:
 * there is something that refuses to be written, and that nobody inherits.
 */
static void hold_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int cli_run(int argc, char **argv)
{
	int status;

	hold_streams();
	setlocale(LC_CTYPE, "");
	/* A closed pipe is an error of write, with a sentence. */
	signal(SIGPIPE, SIG_IGN);
	status = dispatch(argc, argv);
	/* A full disk or a closed pipe behind stdout shows only now. */
	if (fflush(stdout) || ferror(stdout)) {
		say("cannot write standard output: %s", strerror(errno));
		if (!status)
			status = EXIT_FAILED;
	}
	return status;
}
