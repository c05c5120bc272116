/*
 * Reads the stream of tests/integration/lines/dump_lines.py and compares each
 * line with what line_of says. Status 1 when any differs, 2 when the stream is
 * not whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "cpython.h"

#define TABLE_MAX (16u << 20)
#define SHOWN 10

struct counts {
	unsigned long codes, lines, wrong;
};

static int read_all(void *to, size_t len)
{
	return fread(to, 1, len, stdin) == len ? 0 : -1;
}

static void compare(struct counts *n, enum line_kind kind,
		    const struct str *table, uint32_t first,
		    const unsigned char *pair)
{
	uint32_t at = at_u32(pair, 8, 0), want = at_u32(pair, 8, 4);
	int got = line_of(kind, table->data, table->len, (int)first, at);

	n->lines++;
	if ((uint32_t)got == want)
		return;
	if (n->wrong++ < SHOWN)
		printf("code from line %u, offset %u: line %d, CPython says "
		       "%u\n",
		       first, at, got, want);
}

static int read_code(struct counts *n, enum line_kind kind,
		     const unsigned char *head)
{
	uint32_t len = at_u32(head, 12, 0), first = at_u32(head, 12, 4),
		 lines = at_u32(head, 12, 8), i;
	unsigned char pair[8];
	struct str table;
	int ret = 0;

	if (len > TABLE_MAX)
		return -1;
	str_init(&table);
	str_reserve(&table, len);
	if (len && read_all(table.data, len))
		ret = -1;
	table.len = len;
	for (i = 0; i < lines && !ret; i++) {
		ret = read_all(pair, sizeof(pair));
		if (!ret)
			compare(n, kind, &table, first, pair);
	}
	str_release(&table);
	n->codes++;
	return ret;
}

int main(void)
{
	struct counts n = {0, 0, 0};
	unsigned char head[12];
	unsigned char kind;
	size_t got;

	if (read_all(&kind, 1) || kind > LINES_LOCATIONS)
		return 2;
	while ((got = fread(head, 1, sizeof(head), stdin)) == sizeof(head))
		if (read_code(&n, (enum line_kind)kind, head))
			return 2;
	printf("%lu code objects, %lu instructions, %lu mismatches\n", n.codes,
	       n.lines, n.wrong);
	if (got)
		return 2;
	return n.wrong || !n.codes ? 1 : 0;
}
