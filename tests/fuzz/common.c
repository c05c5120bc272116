#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base.h"
#include "fuzz.h"

void *own_copy(const void *data, size_t len)
{
	char *copy = xmalloc(len);

	if (len)
		memcpy(copy, data, len);
	return copy;
}

char *own_text(const void *data, size_t len)
{
	char *copy = xmalloc(len + 1);

	if (len)
		memcpy(copy, data, len);
	copy[len] = '\0';
	return copy;
}

int file_of(unsigned which, const void *data, size_t len)
{
	static int files[4] = {-1, -1, -1, -1};
	static size_t had[4];

	if (files[which] < 0)
		files[which] = memfd_create("input", MFD_CLOEXEC);
	must(files[which] >= 0);
	must(pwrite(files[which], data, len, 0) == (ssize_t)len);
	if (len < had[which])
		must(!ftruncate(files[which], (off_t)len));
	had[which] = len;
	return files[which];
}

void must_be_clean(const char *text)
{
	struct str again;

	str_init(&again);
	str_adds_clean(&again, text);
	must(!strcmp(again.data, text));
	str_release(&again);
}
