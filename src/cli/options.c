/*
 * Options are rows of a table: getopt_long and the help are made from it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_priv.h"

#define OPTIONS_MAX 40
#define HELP_COLUMN 26

/* Fills getopt's two tables from ours; --help belongs to every command. */
static void make_tables(const struct command *c, bool program, char *letters,
			struct option *names)
{
	const struct option_row *row;
	size_t i;

	if (program)
		*letters++ = '+';
	*letters++ = ':';
	for (i = 0; i < c->noptions && i < OPTIONS_MAX; i++) {
		row = &c->options[i];
		names[i] = (struct option){
			.name = row->name,
			.has_arg = row->argument ? required_argument
						 : no_argument,
			.val = row->id,
		};
		if (row->id > 255)
			continue;
		*letters++ = (char)row->id;
		if (row->argument)
			*letters++ = ':';
	}
	*letters++ = 'h';
	*letters = '\0';
	names[i] = (struct option){.name = "help", .val = 'h'};
	names[i + 1] = (struct option){.name = NULL};
}

static int unknown_option(const struct command *c, const char *word,
			  struct err *err)
{
	const char *names[OPTIONS_MAX], *found;
	char given[48];
	size_t i;

	if (strncmp(word, "--", 2))
		return err_set(err, -EINVAL, "unknown option '-%c'", optopt);
	snprintf(given, sizeof(given), "%.*s", (int)strcspn(word + 2, "="),
		 word + 2);
	for (i = 0; i < c->noptions && i < OPTIONS_MAX; i++)
		names[i] = c->options[i].name;
	found = nearest(given, names, i);
	if (found)
		return err_set(err, -EINVAL,
			       "unknown option '--%s'; did you mean '--%s'?",
			       given, found);
	return err_set(err, -EINVAL, "unknown option '--%s'", given);
}

static const char *name_of(const struct command *c, int id)
{
	size_t i;

	for (i = 0; i < c->noptions; i++)
		if (c->options[i].id == id)
			return c->options[i].name;
	return "?";
}

int options_parse(const struct command *c, int argc, char **argv, bool program,
		  option_take *take, void *to, struct err *err)
{
	struct option names[OPTIONS_MAX + 2];
	char letters[2 * OPTIONS_MAX + 8];
	int id, ret;

	make_tables(c, program, letters, names);
	opterr = 0;
	optind = 0;
	while ((id = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		if (id == 'h') {
			print_help(c);
			return -ECANCELED;
		}
		if (id == '?')
			return unknown_option(c, argv[optind - 1], err);
		if (id == ':')
			return err_set(err, -EINVAL,
				       "option '--%s' needs a value",
				       name_of(c, optopt));
		ret = take(to, id, optarg, err);
		if (ret)
			return ret;
	}
	return optind;
}

static void print_option(const struct option_row *row)
{
	struct str s;

	str_init(&s);
	if (row->id > 255)
		str_addf(&s, "      --%s", row->name);
	else
		str_addf(&s, "  -%c, --%s", row->id, row->name);
	if (row->argument)
		str_addf(&s, " %s", row->argument);
	printf("%-*s %s%s\n", HELP_COLUMN, s.data,
	       s.len > HELP_COLUMN ? "\n                           " : "",
	       row->about);
	str_release(&s);
}

void print_help(const struct command *c)
{
	static const struct option_row help = {'h', "help", NULL, "this text"};
	size_t i;

	printf("Usage: pystrobe %s %s\n\n%s\n\nOptions:\n", c->name,
	       c->synopsis, c->about);
	for (i = 0; i < c->noptions; i++)
		print_option(&c->options[i]);
	print_option(&help);
	printf("\nExamples:\n%s", c->examples);
}
