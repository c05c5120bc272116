/*
 * target_priv.h - the inside of target: where the interpreter is, and whose
 * thread ids are whose.
 */
#ifndef PYSTROBE_TARGET_PRIV_H
#define PYSTROBE_TARGET_PRIV_H

#include "base.h"
#include "cpython.h"
#include "process.h"
#include "remote.h"
#include "walk.h"

/* An interpreter found in the mappings of a process. */
struct found {
	uint32_t version; /* PY_VERSION_HEX; the micro may be 0 when unknown */
	struct layout layout;
	struct entry_points entry;
	uint64_t start, inode; /* of the mapping that holds it */
};

/* -ENOENT no interpreter, -EAGAIN not initialised; and layout's errors. */
int find_interpreter(struct found *f, const struct process *p,
		     struct remote *r, struct err *err);

/* False once that mapping is no longer there: the process called exec. */
bool still_mapped(const struct found *f, const struct process *p);

/*
 * The version text that Py_GetVersion keeps in a static buffer ("3.9.18
 * (main, ..."), searched in the writable data of the module that is mapped
 * from maps->entries[at] on. 0 when it is not there (yet).
 */
uint32_t version_in_data(const struct maps *maps, size_t at,
			 struct remote *r);

/* The number of a version text, 0 when it is none; exposed for tests. */
uint32_t version_of_text(const char *text, size_t len);

/* Thread ids inside the target's pid namespace, as ours. */
struct ids {
	bool foreign;  /* the target's namespace is another one */
	uint32_t self; /* the process id inside it */
	struct map host;
};

void ids_init(struct ids *ids, const struct process *p);
void ids_release(struct ids *ids);
uint32_t ids_host(struct ids *ids, const struct process *p, uint32_t inside);

#endif
