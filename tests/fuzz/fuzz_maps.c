/* The text of /proc/PID/maps. Input: 8 bytes of an address, the text. */
#include <string.h>

#include "base.h"
#include "fuzz.h"
#include "process.h"

static void check(const struct maps *m, uint64_t addr)
{
	const struct map_entry *e, *found = maps_find(m, addr);
	size_t i;

	for (i = 0; i < m->len; i++) {
		e = &m->entries[i];
		must(e->start < e->end);
		must(!i || e[-1].end <= e->start);
		must(strlen(e->path) <= m->text->len);
		must(maps_find(m, e->start) == e);
		must(maps_find(m, e->end - 1) == e);
		if (addr >= e->start && addr < e->end)
			must(found == e);
	}
	must(!found || (addr >= found->start && addr < found->end));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct maps m;
	char *text;

	if (len < 8)
		return 0;
	text = own_copy(data + 8, len - 8);
	maps_parse(&m, text, len - 8);
	check(&m, at_u64(data, len, 0));
	maps_release(&m);
	free(text);
	return 0;
}

static const char *const texts[] = {
	"00400000-00401000 r-xp 00000000 08:01 131 /usr/bin/python3.11\n"
	"00600000-00601000 rw-p 00200000 08:01 131 /usr/bin/python3.11\n"
	"01c3f000-01d60000 rw-p 00000000 00:00 0   [heap]\n",
	"7f0000000000-7f0000001000 r--s 00000000 fd:00 9 /tmp/a\\012b "
	"(deleted)\n7ffd1000-7ffd2000 ---p 00000000 00:00 0 [stack]\n"
	"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 "
	"[vsyscall]\n",
	"10-20 r-xp 0 0:0 0\n20-30 rw-p 0 0:0 0 \n15-18 r--p 0 0:0 0\n",
	"7f00-7f01 rwxp ffffffff 103:02 99999999999 //deleted\\",
};

void fuzz_seeds(seed_fn *add)
{
	struct str s;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		str_init(&s);
		str_add_u64(&s, 0x400800);
		str_adds(&s, texts[i]);
		add(s.data, s.len);
		str_release(&s);
	}
}
