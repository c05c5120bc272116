/*
 * Line tables of all versions. Input: kind, first line (4 bytes), two
 * positions (8 bytes each), the table.
 */
#include <string.h>

#include "base.h"
#include "cpython.h"
#include "fuzz.h"

#define KINDS 4
#define HEAD 21

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	enum line_kind kind;
	unsigned char *table;
	int64_t at;
	int i, first, line, frame;

	if (len < HEAD)
		return 0;
	kind = data[0] % KINDS;
	first = (int)at_u32(data, len, 1);
	table = own_copy(data + HEAD, len - HEAD);
	for (i = 0; i < 2; i++) {
		at = (int64_t)at_u64(data, len, 5 + 8 * (size_t)i);
		line = line_of(kind, table, len - HEAD, first, at);
		frame = line_of_frame(kind, table, len - HEAD, first, at);
		/* The same, but where an instruction has none. */
		must(line == LINE_NONE || frame == line);
	}
	free(table);
	return 0;
}

/* first 10; each: kind, positions, table */
static const struct {
	uint8_t kind, at[2];
	const char *table;
	size_t len;
} seeds[] = {
	{LINES_LNOTAB_UNSIGNED, {9, 200}, "\6\1\10\2\377\0\5\377\1\377", 10},
	{LINES_LNOTAB, {9, 200}, "\6\1\10\376\377\0\5\177\1\200", 10},
	{LINES_TABLE, {5, 60}, "\4\1\6\200\10\377\376\177\2\0", 10},
	/* short forms, one line, long, no columns, none */
	{LINES_LOCATIONS, {3, 40},
	 "\200\1\217\22\321\1\2\341\3\2\1\4\360\5\2\1\4\4\350\1\377", 21},
	{LINES_LOCATIONS, {3, 90}, "\367\176\1\1\1\351\177\377\367", 9},
};

void fuzz_seeds(seed_fn *add)
{
	struct str s;
	size_t i;

	for (i = 0; i < sizeof(seeds) / sizeof(*seeds); i++) {
		str_init(&s);
		str_add_u8(&s, seeds[i].kind);
		str_add_u32(&s, 10);
		str_add_u64(&s, seeds[i].at[0]);
		str_add_u64(&s, seeds[i].at[1]);
		str_add(&s, seeds[i].table, seeds[i].len);
		add(s.data, s.len);
		str_release(&s);
	}
}
