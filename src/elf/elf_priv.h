/*
 * elf_priv.h - the inside of an image: an open file and where its parts are.
 */
#ifndef PYSTROBE_ELF_PRIV_H
#define PYSTROBE_ELF_PRIV_H

#include <libelf.h>

#include "elf.h"

/* A PT_LOAD segment. */
struct image_load {
	uint64_t vaddr, offset, filesz;
};

/* The dynamic section's facts; addresses are link-time, 0 when absent. */
struct image_dynamic {
	uint64_t symtab, strtab, strsz;
	uint64_t gnu_hash, hash;
};

struct image {
	int fd;
	Elf *elf;
	uint64_t size; /* of the file */
	uint16_t type; /* ET_EXEC, ET_DYN */
	size_t nphdr;
	struct image_load *loads;
	size_t nloads;
	Elf_Data *dynamic; /* owned by elf; NULL when absent */
	struct image_dynamic dyn;
};

/* All `len` bytes at a file offset; -EBADMSG when the file ends before. */
int image_pread(const struct image *img, uint64_t offset, void *to,
		size_t len);

/* The dynamic symbol of that name, through DT_GNU_HASH or DT_HASH. */
bool dynamic_symbol(struct image *img, struct image_symbol *sym);

/*
 * Fills those of `syms` that have no address yet from the symbol table in the
 * sections of the type (SHT_SYMTAB, SHT_DYNSYM).
 */
void table_symbols(struct image *img, uint32_t type,
		   struct image_symbol *syms, size_t n);

/* Of an ElfN_Sym: is it a variable or function that is defined here? */
bool symbol_usable(uint8_t info, uint16_t section, uint64_t value);

#define SYMBOL_SIZE 24u /* sizeof(Elf64_Sym), gABI figure 4-16 */

#endif
