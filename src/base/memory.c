#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"

#define ARENA_CHUNK (16u << 10)

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	_Alignas(8) unsigned char data[];
};

struct arena {
	struct arena_chunk *head;
	size_t bytes;
};

static struct {
	void (*volatile call)(void);
	const char *volatile file;
} at_last;

void memory_last_call(void (*last)(void))
{
	at_last.call = last;
}

void memory_last_file(const char *path)
{
	at_last.file = path;
}

void memory_last_acts(void)
{
	if (at_last.file)
		unlink(at_last.file);
	if (at_last.call)
		at_last.call();
}

static void out_of_memory(void) __attribute__((noreturn));

/* Nobody could hand it on. No stdio and no allocation: there is none left. */
static void out_of_memory(void)
{
	static const char text[] = "pystrobe: out of memory\n";

	memory_last_acts();
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(1);
	_exit(1);
}

void *xmalloc(size_t size)
{
	void *p = malloc(size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *xreallocarray(void *p, size_t n, size_t size)
{
	p = reallocarray(p, n ? n : 1, size ? size : 1);
	if (!p)
		out_of_memory();
	return p;
}

char *xstrndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *copy = xmalloc(len + 1);

	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

void *grow(void *items, size_t *cap, size_t want, size_t size)
{
	size_t n = *cap;

	if (want <= n)
		return items;
	n = n ? n : 8;
	while (n < want) {
		if (n > SIZE_MAX / 2)
			out_of_memory();
		n *= 2;
	}
	items = xreallocarray(items, n, size);
	*cap = n;
	return items;
}

struct arena *arena_new(void)
{
	return xcalloc(1, sizeof(struct arena));
}

void arena_free(struct arena *a)
{
	struct arena_chunk *c, *next;

	if (!a)
		return;
	for (c = a->head; c; c = next) {
		next = c->next;
		free(c);
	}
	free(a);
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_chunk *c = a->head;
	size_t room;
	void *p;

	if (size > SIZE_MAX / 2)
		out_of_memory();
	size = (size + 7) & ~(size_t)7;
	if (!c || c->size - c->used < size) {
		room = size > ARENA_CHUNK ? size : ARENA_CHUNK;
		c = xmalloc(sizeof(*c) + room);
		c->next = a->head;
		c->used = 0;
		c->size = room;
		a->head = c;
		a->bytes += sizeof(*c) + room;
	}
	p = c->data + c->used;
	c->used += size;
	return p;
}

size_t arena_bytes(const struct arena *a)
{
	return a->bytes;
}
