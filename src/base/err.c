#include <stdio.h>
#include <string.h>

#include "base.h"

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (err) {
		va_start(ap, fmt);
		vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
		va_end(ap);
	}
	return code;
}

/* As much of the text as there is room for. */
static void append(struct err *err, const char *text)
{
	size_t len = strlen(err->msg);

	while (*text && len < sizeof(err->msg) - 1)
		err->msg[len++] = *text++;
	err->msg[len] = '\0';
}

int err_prefix(struct err *err, int code, const char *fmt, ...)
{
	char rest[ERR_MAX];
	va_list ap;

	if (!err)
		return code;
	memcpy(rest, err->msg, sizeof(rest));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	append(err, ": ");
	append(err, rest);
	return code;
}
