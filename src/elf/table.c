/*
 * A pass over a symbol table of the sections. The names are searched in the
 * string table first, which yields their few offsets; then the symbols are
 * compared with those offsets. Both tables pass through one small buffer.
 */
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "elf_priv.h"

#define CHUNK (64u << 10)      /* bytes read at a time */
#define CANDIDATES_MAX 64u     /* places of the wanted names */

/* What link-time optimisation appends to the name of a static variable. */
static const char *const suffixes[] = {".lto_priv.", ".llvm.", NULL};
#define SUFFIX_MAX 16u

/* A place in the string table where a wanted name may begin. */
struct candidate {
	uint32_t offset;
	uint32_t which; /* index of the wanted name */
	bool renamed;   /* with a suffix: good for a local symbol only */
};

struct pass {
	struct image *img;
	struct image_symbol *syms;
	size_t n;
	uint8_t *found; /* per symbol: 0, or how good the one found is */
	struct candidate candidates[CANDIDATES_MAX];
	size_t ncandidates;
	unsigned char chunk[CHUNK];
};

static bool has_suffix(const unsigned char *p, size_t len)
{
	size_t i, n;

	for (i = 0; suffixes[i]; i++) {
		n = strlen(suffixes[i]);
		if (n <= len && !memcmp(p, suffixes[i], n))
			return true;
	}
	return false;
}

/* All places of one name that begin in the first `step` bytes of the chunk. */
static void find_name(struct pass *p, uint32_t which, uint64_t base,
		      size_t len, size_t step)
{
	const char *name = p->syms[which].name;
	size_t n = strlen(name);
	const unsigned char *at = p->chunk, *end = p->chunk + len, *after;
	bool renamed;

	while ((at = memmem(at, (size_t)(end - at), name, n))) {
		if ((size_t)(at - p->chunk) >= step)
			return;
		after = at + n;
		renamed = has_suffix(after, (size_t)(end - after));
		if ((renamed || (after < end && !*after)) &&
		    p->ncandidates < CANDIDATES_MAX)
			p->candidates[p->ncandidates++] = (struct candidate){
				.offset = (uint32_t)(base + (at - p->chunk)),
				.which = which,
				.renamed = renamed,
			};
		at++;
	}
}

static void find_names(struct pass *p, const GElf_Shdr *sh)
{
	size_t step = CHUNK - IMAGE_NAME_MAX - SUFFIX_MAX, len;
	uint64_t at;
	uint32_t i;

	for (at = 0; at < sh->sh_size; at += step) {
		len = sh->sh_size - at < CHUNK ? (size_t)(sh->sh_size - at)
					       : CHUNK;
		if (image_pread(p->img, sh->sh_offset + at, p->chunk, len))
			return;
		for (i = 0; i < p->n; i++) {
			if (!p->syms[i].addr && p->syms[i].name[0] &&
			    strlen(p->syms[i].name) < IMAGE_NAME_MAX)
				find_name(p, i, at, len, step);
		}
	}
}

/* A global definition is better than a local one of the same name. */
static uint8_t goodness(uint8_t info, bool renamed)
{
	if (ELF64_ST_BIND(info) != STB_LOCAL)
		return renamed ? 0 : 3;
	return renamed ? 1 : 2;
}

static void take_symbol(struct pass *p, const struct candidate *c,
			const unsigned char *b)
{
	uint64_t value = at_u64(b, SYMBOL_SIZE, 8);
	uint8_t good = goodness(b[4], c->renamed);

	if (good <= p->found[c->which] ||
	    !symbol_usable(b[4], (uint16_t)(b[6] | b[7] << 8), value))
		return;
	p->found[c->which] = good;
	p->syms[c->which].addr = value;
	p->syms[c->which].size = at_u64(b, SYMBOL_SIZE, 16);
}

static void match_symbols(struct pass *p, const GElf_Shdr *sh)
{
	size_t step = CHUNK - CHUNK % SYMBOL_SIZE, len, i, k;
	uint32_t name;
	uint64_t at;

	for (at = 0; at < sh->sh_size; at += step) {
		len = sh->sh_size - at < step ? (size_t)(sh->sh_size - at)
					      : step;
		if (image_pread(p->img, sh->sh_offset + at, p->chunk, len))
			return;
		for (i = 0; i + SYMBOL_SIZE <= len; i += SYMBOL_SIZE) {
			name = at_u32(p->chunk, len, i);
			for (k = 0; k < p->ncandidates; k++) {
				if (p->candidates[k].offset == name)
					take_symbol(p, &p->candidates[k],
						    p->chunk + i);
			}
		}
	}
}

static bool section_fits(const struct image *img, const GElf_Shdr *sh)
{
	return sh->sh_size <= IMAGE_TABLE_MAX && sh->sh_offset <= img->size &&
	       sh->sh_size <= img->size - sh->sh_offset;
}

void table_symbols(struct image *img, uint32_t type,
		   struct image_symbol *syms, size_t n)
{
	struct pass *p = NULL;
	GElf_Shdr sh, names;
	Elf_Scn *scn = NULL;

	while ((scn = elf_nextscn(img->elf, scn))) {
		if (gelf_getshdr(scn, &sh) && sh.sh_type == type)
			break;
	}
	/* A program has one such table at most (gABI, "sh_type"). */
	if (!scn || sh.sh_entsize != SYMBOL_SIZE || !section_fits(img, &sh) ||
	    !gelf_getshdr(elf_getscn(img->elf, sh.sh_link), &names) ||
	    names.sh_type != SHT_STRTAB || !section_fits(img, &names))
		return;
	p = xmalloc(sizeof(*p));
	p->img = img;
	p->syms = syms;
	p->n = n;
	p->ncandidates = 0;
	p->found = xcalloc(n, 1);
	find_names(p, &names);
	if (p->ncandidates)
		match_symbols(p, &sh);
	free(p->found);
	free(p);
}
