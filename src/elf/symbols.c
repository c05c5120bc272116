/*
 * Symbols: one by one through the loader's own hash tables, or in a pass over
 * a table of sections. Both read little: a table can be larger than what we
 * may hold.
 */
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "elf_priv.h"

bool symbol_usable(uint8_t info, uint16_t section, uint64_t value)
{
	switch (ELF64_ST_TYPE(info)) {
	case STT_NOTYPE:
	case STT_OBJECT:
	case STT_FUNC:
		break;
	default:
		return false;
	}
	return section != SHN_UNDEF && section != SHN_ABS && value;
}

static bool read_word(struct image *img, uint64_t addr, uint32_t *word)
{
	unsigned char b[4];

	if (image_read(img, addr, b, sizeof(b)))
		return false;
	*word = at_u32(b, sizeof(b), 0);
	return true;
}

/*
 * Takes dynamic symbol `index` if it has the wanted name and is defined.
 * Elf64_Sym: name u32, info u8, other u8, section u16, value u64, size u64.
 */
static bool take_dynamic(struct image *img, uint32_t index,
			 struct image_symbol *sym)
{
	size_t len = strlen(sym->name) + 1;
	char name[IMAGE_NAME_MAX];
	unsigned char b[SYMBOL_SIZE];
	uint32_t at;

	if (image_read(img, img->dyn.symtab + (uint64_t)index * SYMBOL_SIZE,
		       b, sizeof(b)))
		return false;
	at = at_u32(b, sizeof(b), 0);
	if (at >= img->dyn.strsz || len > img->dyn.strsz - at ||
	    image_read(img, img->dyn.strtab + at, name, len) ||
	    memcmp(name, sym->name, len) ||
	    !symbol_usable(b[4], (uint16_t)(b[6] | b[7] << 8),
			   at_u64(b, sizeof(b), 8)))
		return false;
	sym->addr = at_u64(b, sizeof(b), 8);
	sym->size = at_u64(b, sizeof(b), 16);
	return true;
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t h = 5381;

	while (*name)
		h = h * 33 + (unsigned char)*name++;
	return h;
}

/*
 * DT_GNU_HASH: a header of four words (buckets, index of the first hashed
 * symbol, words of the Bloom filter, its shift), the filter of 64-bit words,
 * the buckets, then one hash per symbol whose low bit ends a chain. Source:
 * glibc 2.36, elf/dl-lookup.c and elf/dl-setup_hash.c.
 */
static bool by_gnu_hash(struct image *img, struct image_symbol *sym)
{
	uint64_t buckets, chains, table = img->dyn.gnu_hash;
	uint32_t nbuckets, first, nbloom, h, entry, i, n;
	unsigned char head[16];

	if (image_read(img, table, head, sizeof(head)))
		return false;
	nbuckets = at_u32(head, sizeof(head), 0);
	first = at_u32(head, sizeof(head), 4);
	nbloom = at_u32(head, sizeof(head), 8);
	if (!nbuckets)
		return false;
	buckets = table + sizeof(head) + 8ull * nbloom;
	chains = buckets + 4ull * nbuckets;
	h = gnu_hash(sym->name);
	if (!read_word(img, buckets + 4ull * (h % nbuckets), &i) || i < first)
		return false;
	for (n = 0; n < IMAGE_CHAIN_MAX; n++, i++) {
		if (!read_word(img, chains + 4ull * (i - first), &entry))
			break;
		if ((entry | 1) == (h | 1) && take_dynamic(img, i, sym))
			return true;
		if (entry & 1)
			break;
	}
	return false;
}

static uint32_t sysv_hash(const char *name)
{
	uint32_t h = 0, top;

	while (*name) {
		h = (h << 4) + (unsigned char)*name++;
		top = h & 0xf0000000u;
		h = (h ^ top >> 24) & ~top;
	}
	return h;
}

/*
 * DT_HASH: words nbucket, nchain, the buckets, the chain; 0 ends a chain
 * (gABI, "Hash Table").
 */
static bool by_sysv_hash(struct image *img, struct image_symbol *sym)
{
	uint64_t chains, table = img->dyn.hash;
	uint32_t nbucket, nchain, i, n;

	if (!read_word(img, table, &nbucket) || !nbucket ||
	    !read_word(img, table + 4, &nchain) ||
	    !read_word(img, table + 8 +
			    4ull * (sysv_hash(sym->name) % nbucket), &i))
		return false;
	chains = table + 8 + 4ull * nbucket;
	for (n = 0; i && i < nchain && n < IMAGE_CHAIN_MAX; n++) {
		if (take_dynamic(img, i, sym))
			return true;
		if (!read_word(img, chains + 4ull * i, &i))
			break;
	}
	return false;
}

bool dynamic_symbol(struct image *img, struct image_symbol *sym)
{
	if (img->dyn.gnu_hash)
		return by_gnu_hash(img, sym);
	return by_sysv_hash(img, sym);
}

size_t image_symbols(struct image *img, struct image_symbol *syms, size_t n)
{
	const struct image_dynamic *d = &img->dyn;
	bool hashed = d->symtab && d->strtab && (d->gnu_hash || d->hash);
	size_t i, found = 0;

	for (i = 0; i < n; i++) {
		syms[i].addr = syms[i].size = 0;
		if (hashed && strlen(syms[i].name) < IMAGE_NAME_MAX)
			found += dynamic_symbol(img, &syms[i]);
	}
	if (found < n && !hashed)
		table_symbols(img, SHT_DYNSYM, syms, n);
	if (found < n)
		table_symbols(img, SHT_SYMTAB, syms, n);
	for (i = found = 0; i < n; i++)
		found += syms[i].addr != 0;
	return found;
}
