/*
 * What a person is told, on stderr: stdout is for data.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli_priv.h"

void complain(const char *sentence)
{
	fprintf(stderr, "pystrobe: %s\n", sentence);
}

void say(const char *fmt, ...)
{
	struct str s;
	va_list ap;

	/* In one piece: a program that we started may write there, too. */
	str_init(&s);
	va_start(ap, fmt);
	str_vaddf(&s, fmt, ap);
	va_end(ap);
	complain(s.data);
	str_release(&s);
}

const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

int status_of(int ret)
{
	return !ret ? EXIT_OK : ret == -EPERM ? EXIT_DENIED : EXIT_FAILED;
}

int usage(const struct command *c, const struct err *err)
{
	complain(err->msg);
	fprintf(stderr, "Try 'pystrobe %s%s--help'.\n", c ? c->name : "",
		c ? " " : "");
	return EXIT_USAGE;
}
