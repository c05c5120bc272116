/*
 * elf.h - facts from an ELF file: symbols, sections, build id. The only user
 * of libelf. Files are hostile: nothing is mapped (a truncated file must not
 * raise SIGBUS), every size has a limit.
 */
#ifndef PYSTROBE_ELF_H
#define PYSTROBE_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct image;

struct image_symbol {
	const char *name; /* set by the caller */
	uint64_t addr;    /* link-time address, 0 when absent */
	uint64_t size;
};

/*
 * Takes a copy of `fd`; the caller may close its own. -EBADMSG: not an ELF
 * file that we can read; -ENOTSUP: 32-bit or another machine's.
 */
int image_open(struct image **img, int fd, struct err *err);
void image_close(struct image *img);

/*
 * Looks all names up in one pass over .dynsym, and in a second one over
 * .symtab if some are still missing. Returns how many were found.
 */
size_t image_symbols(struct image *img, struct image_symbol *syms, size_t n);

/* -ENOENT when there is no such section. */
int image_section(struct image *img, const char *name, uint64_t *addr,
		  uint64_t *size);

/* Needs libpython, but holds none: a stub executable. */
bool image_needs(struct image *img, const char *library_prefix);

/*
 * Run-time address minus link-time address, for the mapping of file offset
 * `offset` at `start`. 0 for executables that are not position independent.
 */
uint64_t image_bias(struct image *img, uint64_t start, uint64_t offset);

/* Reads bytes at a link-time address from the file; -EFAULT when not there. */
int image_read(struct image *img, uint64_t addr, void *to, size_t len);

/* Bytes of the build id, at most `size`; 0 when there is none. */
size_t image_build_id(struct image *img, void *to, size_t size);

#endif
