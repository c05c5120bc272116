/*
 * frozen.h - memory images: what a look at a Python process reads of it, in
 * small blocks, so that it can be looked at again without it. scripts/image
 * takes them (tests/tools/freeze.c) of tests/targets/still/still.py; beside
 * each, in a text, is what that process said of itself.
 *
 * The file: "psimage1", a u64, which is the size of what follows once it is
 * inflated (zlib), and in that, little-endian:
 *
 *     u32 version (PY_VERSION_HEX), u32 process id as it sees it itself,
 *     10 u64: the members of struct entry_points in their order,
 *     u32 number of blocks, u64 address of each, ascending,
 *     the blocks, 128 bytes each
 *
 * The text, of a look too; threads by ident, frames innermost first, variables
 * by name, and " exception" and the like where a thread does that:
 *
 *     thread 0x7ffff7d8b740 tid 2 'MainThread' main gil gc
 *       stand /srv/app/still.py:267
 *         argument reference = <weakref at 0x7ffff735e890>
 */
#ifndef PYSTROBE_TESTS_FROZEN_H
#define PYSTROBE_TESTS_FROZEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpython.h"
#include "walk.h"

struct err;
struct str;

#define FROZEN_BLOCK 128u /* bytes */
#define FROZEN_BLOCKS_MAX 65536u

struct frozen_block {
	raddr addr;
	unsigned char bytes[FROZEN_BLOCK];
	bool gone; /* as if it were not mapped */
};

struct frozen {
	uint32_t version, pid;
	struct entry_points entry;
	struct frozen_block *blocks; /* by address */
	size_t nblocks, cap;
	struct remote *live; /* blocks that are missing come from here; NULL */
};

/* -EBADMSG when it is no such file, whatever is wrong with it. */
int frozen_load(struct frozen *f, const char *path, struct err *err);
int frozen_save(const struct frozen *f, const char *path, struct err *err);
void frozen_release(struct frozen *f);

/* A remote of the blocks. */
struct remote *frozen_remote(struct frozen *f);
/* The layout, of the debug offsets in the image where the version has them. */
int frozen_layout(const struct frozen *f, struct remote *r, struct layout *out,
		  struct err *err);

enum frozen_way {
	FROZEN_RUNS,    /* as a thread is read that may run */
	FROZEN_STOPPED, /* one that is stopped, with its variables */
	FROZEN_RESUMED, /* its variables are read when it runs again */
	FROZEN_WAYS,
};

/*
 * Looks at everything, and adds the text. A thread whose stack is not whole
 * has " loss CAUSE" behind its name. A negative errno of the walker.
 */
int frozen_look(struct remote *r, const struct frozen *f,
		const struct layout *l, enum frozen_way way, struct str *out);

#endif
