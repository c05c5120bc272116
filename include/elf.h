/*
 * elf.h - facts from an ELF file: symbols, sections, build id. The only user
 * of libelf. Files are hostile: nothing is mapped (a truncated file must not
 * raise SIGBUS), every size has a limit.
 *
 * Facts come from the program headers wherever they can, because those are
 * what the target's own loader went by: section headers may be stripped.
 *
 * Source of the format: elf(5), and the System V gABI, chapters 4 and 5.
 */
#ifndef PYSTROBE_ELF_H
#define PYSTROBE_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct image;

/* Named limits of what we read. */
#define IMAGE_SEGMENTS_MAX 4096u         /* program headers */
#define IMAGE_SECTIONS_MAX 262144u       /* section headers */
#define IMAGE_DYNAMIC_MAX (1u << 20)     /* bytes of the dynamic section */
#define IMAGE_NOTES_MAX (64u << 10)      /* bytes of one note segment */
#define IMAGE_TABLE_MAX (1ull << 30)     /* bytes of .symtab, of .strtab */
#define IMAGE_CHAIN_MAX 8192u            /* symbols of one hash bucket */
#define IMAGE_NAME_MAX 256u              /* bytes of a name looked up */

struct image_symbol {
	const char *name; /* set by the caller, below IMAGE_NAME_MAX bytes */
	uint64_t addr;    /* link-time address, 0 when absent */
	uint64_t size;
};

/*
 * Takes a copy of `fd`; the caller may close its own. -EBADMSG: not an ELF
 * file that we can read; -ENOTSUP: 32-bit or another machine's.
 */
int image_open(struct image **img, int fd, struct err *err);
void image_close(struct image *img); /* NULL legal */

/*
 * Looks all names up among the dynamic symbols, through the hash table that
 * the loader uses, and in one pass over .symtab if some are still missing
 * (local symbols too; a local one that link-time optimisation renamed, as in
 * "collecting.lto_priv.0", counts as "collecting"). Sets addr and size of
 * each; returns how many were found. Undefined and thread-local ones, and
 * those of address 0, count as absent.
 */
size_t image_symbols(struct image *img, struct image_symbol *syms, size_t n);

/* -ENOENT when there is no such section. */
int image_section(struct image *img, const char *name, uint64_t *addr,
		  uint64_t *size);

/*
 * True when a library that the file needs has a file name that begins with
 * `library_prefix`: a stub executable needs "libpython", but holds none.
 */
bool image_needs(struct image *img, const char *library_prefix);

/*
 * Run-time address minus link-time address, for the mapping of file offset
 * `offset` at `start`. 0 for executables that are not position independent.
 * Where two segments share a page of the file, the lower one is meant, so the
 * file's first mapping is the one to ask for.
 */
uint64_t image_bias(struct image *img, uint64_t start, uint64_t offset);

/* Reads bytes at a link-time address from the file; -EFAULT when not there. */
int image_read(struct image *img, uint64_t addr, void *to, size_t len);

/* Bytes of the build id, at most `size`; 0 when there is none. */
size_t image_build_id(struct image *img, void *to, size_t size);

#endif
