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
	va_list ap;

	va_start(ap, fmt);
	fputs("pystrobe: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

int status_of(int code)
{
	return code == -EPERM ? EXIT_DENIED : EXIT_FAILED;
}

int usage(const struct command *c, const struct err *err)
{
	complain(err->msg);
	fprintf(stderr, "Try 'pystrobe %s%s--help'.\n", c ? c->name : "",
		c ? " " : "");
	return EXIT_USAGE;
}

void add_losses(struct str *s, const uint64_t *lost)
{
	uint64_t sum = 0;
	const char *sep = "";
	unsigned i;

	for (i = LOSS_NONE + 1; i < LOSS_CAUSES; i++)
		sum += lost[i];
	if (!sum)
		return;
	str_addf(s, "%llu lost (", (unsigned long long)sum);
	for (i = LOSS_NONE + 1; i < LOSS_CAUSES; i++) {
		if (!lost[i])
			continue;
		str_addf(s, "%s%s %llu", sep, loss_name((enum loss)i),
			 (unsigned long long)lost[i]);
		sep = ", ";
	}
	str_addc(s, ')');
}
