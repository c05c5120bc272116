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
};
#define COMMANDS (sizeof(table) / sizeof(*table))

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
	       "      --version  the version\n"
	       "\nExamples:\n"
	       "  pystrobe record -p 1234 -d 10 -o flame.svg\n"
	       "  pystrobe record -o run.strobe -- python3 app.py\n"
	       "  pystrobe report run.strobe\n"
	       "  pystrobe dump 1234\n");
}

static int unknown_command(const char *word)
{
	const char *names[COMMANDS], *found;
	struct err err;
	pid_t pid;
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		names[i] = table[i]->name;
	found = nearest(word, names, COMMANDS);
	if (*word == '-')
		err_set(&err, 0,
			"a command comes before '%s': pystrobe record "
			"[OPTIONS], or pystrobe report [OPTIONS]",
			word);
	else if (!parse_pid(word, &pid, &err))
		err_set(&err, 0,
			"'%s' is not a command; to sample that process: "
			"pystrobe record -p %s",
			word, word);
	else if (found)
		err_set(&err, 0, "'%s' is not a command; did you mean '%s'?",
			word, found);
	else
		err_set(&err, 0,
			"'%s' is not a command; to start and sample a "
			"program: pystrobe record -- %s",
			word, word);
	return usage(NULL, &err);
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
		printf("pystrobe %s\n", PYSTROBE_VERSION);
		return EXIT_OK;
	}
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
