/*
 * cli.h - the command line: the only room that prints and exits.
 */
#ifndef PYSTROBE_CLI_H
#define PYSTROBE_CLI_H

/* Exit statuses, beside those of a program that we started. */
enum exit_status {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_DENIED = 77,
};

/* Runs the command of an argument vector; returns an exit status. */
int cli_run(int argc, char **argv);

#endif
