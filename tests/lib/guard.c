#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guard.h"

void guard_init(struct guard *g, const void *data, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t body = (len + page - 1) / page * page;

	g->len = len;
	g->map_len = body + page;
	g->map = mmap(NULL, g->map_len, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (g->map == MAP_FAILED ||
	    mprotect((char *)g->map + body, page, PROT_NONE))
		abort();
	g->data = (char *)g->map + body - len;
	if (len)
		memcpy(g->data, data, len);
	mprotect(g->map, g->map_len, PROT_READ);
	mprotect((char *)g->map + body, page, PROT_NONE);
}

void guard_release(struct guard *g)
{
	munmap(g->map, g->map_len);
}
