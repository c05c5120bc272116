/*
 * Options are rows of a table: getopt_long and the help are made from it.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_priv.h"

#define HELP_COLUMN 26

static const struct option_row help_row = {'h', "help", NULL, "this text"};

/* Row i, the last one of all being --help. */
static const struct option_row *row_at(const struct command *c, size_t i)
{
	return i < c->noptions ? &c->options[i] : &help_row;
}

const struct option_row *option_at(const struct command *c, size_t i)
{
	return i <= c->noptions ? row_at(c, i) : NULL;
}

static size_t rows_of(const struct command *c)
{
	return c->noptions < OPTIONS_MAX ? c->noptions + 1 : OPTIONS_MAX;
}

static const struct option_row *row_of(const struct command *c, int id)
{
	size_t i;

	for (i = 0; i < rows_of(c); i++)
		if (row_at(c, i)->id == id)
			return row_at(c, i);
	return NULL;
}

/* Fills getopt's two tables from ours. */
static void make_tables(const struct command *c, bool program, char *letters,
			struct option *names)
{
	const struct option_row *row;
	size_t i;

	if (program)
		*letters++ = '+';
	*letters++ = ':';
	for (i = 0; i < rows_of(c); i++) {
		row = row_at(c, i);
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
	*letters = '\0';
	names[i] = (struct option){.name = NULL};
}

/* An option that this command does not have; " '-p'" for a near one, or NULL. */
static int unknown(const char *word, const char *near, struct err *err)
{
	const struct command *other = command_with(word);

	if (other)
		return err_set(err, -EINVAL,
			       "unknown option '%s'; it is one of 'pystrobe "
			       "%s'",
			       word, other->name);
	if (near)
		return err_set(err, -EINVAL,
			       "unknown option '%s'; did you mean '%s%s'?",
			       word, word[1] == '-' ? "--" : "-", near);
	return err_set(err, -EINVAL, "unknown option '%s'", word);
}

/* A long option that getopt did not know, or not for sure. */
static int explain_long(const struct command *c, const char *word,
			struct err *err)
{
	const char *names[OPTIONS_MAX], *found;
	size_t i, n = rows_of(c), len = strcspn(word, "="), near = 0;
	struct str s;
	char *given;

	str_init(&s);
	for (i = 0; i < n; i++) {
		names[i] = row_at(c, i)->name;
		if (!strncmp(word, names[i], len))
			str_addf(&s, "%s--%s", near++ ? " or " : "", names[i]);
	}
	given = xstrndup(word, len);
	found = nearest(given, names, n);
	if (near > 1 && len) {
		err_set(err, -EINVAL, "'--%s' is short for %s", given, s.data);
	} else {
		str_clear(&s);
		str_addf(&s, "--%s", given);
		unknown(s.data, found, err);
	}
	free(given);
	str_release(&s);
	return -EINVAL;
}

/* A letter that is none; the other case of it may be one. */
static int explain_letter(const struct command *c, int letter, struct err *err)
{
	const char word[] = {'-', (char)letter, '\0'};
	const char other[] = {(char)(letter ^ ('a' ^ 'A')), '\0'};

	return unknown(word,
		       isalpha(letter) && row_of(c, *other) ? other : NULL,
		       err);
}

/*
 * "-pid 3", which getopt takes for "-p id": a long name behind one dash has a
 * sentence of its own.
 */
static void explain_dash(const struct command *c, const char *word,
			 struct err *err)
{
	size_t i, len = strcspn(word, "=");
	const char *name;

	for (i = 0; len > 2 && *word == '-' && i < rows_of(c); i++) {
		name = row_at(c, i)->name;
		if (strlen(name) == len - 1 &&
		    !strncmp(name, word + 1, len - 1))
			err_set(err, -EINVAL,
				"'-%s' is several options of one letter; did "
				"you mean '--%s'?",
				name, name);
	}
}

/*
 * What getopt_long did not like. For a letter, optopt is that letter; for a
 * long option that takes no value but got one, its id; else 0.
 */
static int explain(const struct command *c, const char *word, struct err *err)
{
	const struct option_row *row = row_of(c, optopt);

	if (row)
		return err_set(err, -EINVAL, "option '--%s' takes no value",
			       row->name);
	if (optopt && !isgraph(optopt))
		return err_set(err, -EINVAL, "options have ASCII letters");
	if (optopt)
		return explain_letter(c, optopt, err);
	return explain_long(c, word + strspn(word, "-"), err);
}

static int explain_missing(const struct command *c, struct err *err)
{
	const struct option_row *row = row_of(c, optopt);

	return err_set(err, -EINVAL, "option '--%s' needs a value (%s)",
		       row->name, row->argument);
}

int options_parse(const struct command *c, int argc, char **argv, bool program,
		  option_take *take, void *to, struct err *err)
{
	struct option names[OPTIONS_MAX + 1];
	char letters[2 * OPTIONS_MAX + 4];
	int at, id, ret;

	make_tables(c, program, letters, names);
	opterr = 0;
	optind = 0; /* GNU's and musl's way to begin anew */
	do {
		id = getopt_long(argc, argv, letters, names, NULL);
		if (id == -1)
			return optind;
		if (id == 'h') {
			print_help(c);
			return -ECANCELED;
		}
		if (id == '?')
			ret = explain(c, argv[optind - 1], err);
		else if (id == ':')
			ret = explain_missing(c, err);
		else
			ret = take(to, id, optarg, err);
	} while (!ret);
	/* The word itself, its value behind it, or none of its letters left. */
	for (at = optind - 2; at <= optind; at++)
		if (at > 0 && at < argc)
			explain_dash(c, argv[at], err);
	return ret;
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
	if (s.len > HELP_COLUMN)
		printf("%s\n%*s %s\n", s.data, HELP_COLUMN, "", row->about);
	else
		printf("%-*s %s\n", HELP_COLUMN, s.data, row->about);
	str_release(&s);
}

void print_help(const struct command *c)
{
	size_t i;

	printf("Usage: pystrobe %s %s\n\n%s\n\nOptions:\n", c->name,
	       c->synopsis, c->about);
	for (i = 0; i < rows_of(c); i++)
		print_option(row_at(c, i));
	printf("\nExamples:\n%s", c->examples);
}
