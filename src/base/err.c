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

int err_prefix(struct err *err, int code, const char *fmt, ...)
{
	char rest[ERR_MAX];
	size_t len;
	va_list ap;

	if (!err)
		return code;
	memcpy(rest, err->msg, sizeof(rest));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	len = strlen(err->msg);
	strncat(err->msg, ": ", sizeof(err->msg) - len - 1);
	len = strlen(err->msg);
	strncat(err->msg, rest, sizeof(err->msg) - len - 1);
	return code;
}
