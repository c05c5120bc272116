#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base.h"
#include "tests/lib/frozen.h"
#include "tests/lib/pretend.h"
#include "tests/lib/puppet.h"

#define MEMORY (4ull << 30) /* of which little is touched */
#define NOTHING (1u << 20)
#define PAGE 4096u /* where chunks begin */
#define CODE_UNITS 64u
#define FRAME_WORDS 24u /* of a frame, beside its variables */
#define FAKE_TID 3000000u /* threads but the first have no task */
#define INSTANCE_DICT 16

/* Where versions without debug offsets are told from. */
static uint32_t py_version __asm__("Py_Version") __attribute__((used)) = 0;
static unsigned char code_type[4096] __asm__("PyCode_Type");
static struct {
	char before, text[47];
} version_text = {0, "?"};

/* ---- objects ---- */

uint64_t pretend_alloc(struct pretend *p, size_t bytes)
{
	uint64_t at = (uint64_t)(uintptr_t)p->memory + p->used;

	p->used += (bytes + 63) & ~(size_t)63;
	if (p->used > MEMORY)
		exit(1);
	return at;
}

static uint64_t copy(struct pretend *p, const void *data, size_t len)
{
	uint64_t at = pretend_alloc(p, len + 1);

	memcpy((void *)(uintptr_t)at, data, len);
	return at;
}

uint64_t pretend_object(struct pretend *p, uint64_t type, uint64_t size)
{
	uint64_t at = pretend_alloc(p, 256);

	puppet_field(at, p->l.object.type, type, 8);
	puppet_field(at, p->l.object.var_size, size, 8);
	return at;
}

uint64_t pretend_type(struct pretend *p, const char *name, int bit)
{
	uint64_t at = pretend_alloc(p, 1024);

	puppet_field(at, p->l.object.type_name, copy(p, name, strlen(name)),
		     8);
	puppet_field(at, p->l.object.type_flags, bit ? 1ull << bit : 0, 8);
	puppet_field(at, p->l.object.type_dictoffset, INSTANCE_DICT, 8);
	return at;
}

uint64_t pretend_text(struct pretend *p, const char *ascii)
{
	uint64_t at = pretend_alloc(p, 128 + strlen(ascii));

	puppet_field(at, p->l.object.type, p->types.str, 8);
	puppet_text(&p->l, at, ascii);
	return at;
}

uint64_t pretend_units(struct pretend *p, const void *units, size_t n,
		       unsigned width)
{
	const struct layout *l = &p->l;
	bool py2 = l->major == 2;
	uint64_t at = pretend_alloc(p, 128 + n * width);

	puppet_field(at, l->object.type, p->types.str, 8);
	puppet_field(at, l->object.var_size, py2 ? n * width : n, 8);
	puppet_field(at, l->object.unicode_state,
		     1u << l->object.compact_shift |
			     width << l->object.kind_shift,
		     4);
	memcpy((void *)(uintptr_t)(at + (uint64_t)(py2
				     ? l->object.bytes_data
				     : l->object.compact_data)),
	       units, n * width);
	return at;
}

uint64_t pretend_int(struct pretend *p, uint64_t value)
{
	const struct layout *l = &p->l;
	uint64_t at = pretend_object(p, p->types.integer, 0), digits = 0;

	if (l->object.int_plain) {
		puppet_field(at, l->object.int_size, value, 8);
		return at;
	}
	for (; value; value >>= 30, digits++)
		puppet_put(at + (uint64_t)l->object.int_digits + 4 * digits,
			   value & 0x3fffffff, 4);
	puppet_field(at, l->object.int_size,
		     l->object.int_tagged ? digits << 3 : digits, 8);
	return at;
}

uint64_t pretend_tuple(struct pretend *p, const uint64_t *items, size_t n)
{
	uint64_t at = pretend_alloc(p, 64 + 8 * n);

	puppet_field(at, p->l.object.type, p->types.tuple, 8);
	puppet_field(at, p->l.object.var_size, n, 8);
	if (n)
		memcpy((void *)(uintptr_t)(at +
					   (uint64_t)p->l.object.tuple_items),
		       items, 8 * n);
	return at;
}

uint64_t pretend_list(struct pretend *p, uint64_t items, uint64_t n)
{
	uint64_t at = pretend_object(p, p->types.list, n);

	puppet_field(at, p->l.object.list_items, items, 8);
	return at;
}

/* Entries of 3.x have the hash first, those of 2.7, too. */
static void fill_entries(uint64_t at, const uint64_t *keys,
			 const uint64_t *values, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		puppet_put(at + 24 * i + 8, keys[i], 8);
		puppet_put(at + 24 * i + 16, values[i], 8);
	}
}

uint64_t pretend_dict(struct pretend *p, const uint64_t *keys,
		      const uint64_t *values, size_t n)
{
	const struct layout *l = &p->l;
	uint64_t at = pretend_object(p, p->types.dict, 0), table, mask = 1;

	puppet_field(at, l->object.dict_used, n, 8);
	if (l->object.py2_dict_table != NO_FIELD) {
		while (mask < n)
			mask *= 2;
		table = pretend_alloc(p, 24 * mask);
		fill_entries(table, keys, values, n);
		puppet_field(at, l->object.py2_dict_mask, mask - 1, 8);
		puppet_field(at, l->object.py2_dict_table, table, 8);
		return at;
	}
	table = pretend_alloc(p, 64 + 24 * n);
	puppet_field(table, l->object.keys_size, 8, 8);
	puppet_field(table, l->object.keys_log2_index, 3, 1);
	puppet_field(table, l->object.keys_entries, n, 8);
	fill_entries(table + (uint64_t)l->object.keys_indices + 8, keys,
		     values, n);
	puppet_field(at, l->object.dict_keys, table, 8);
	return at;
}

/* ---- functions and threads ---- */

uint64_t pretend_code(struct pretend *p, uint64_t name, uint64_t file,
		      const uint64_t *names, size_t n)
{
	const struct layout *l = &p->l;
	uint64_t at = pretend_alloc(p, 1024);
	uint64_t none = pretend_tuple(p, NULL, 0);
	uint64_t variables = pretend_tuple(p, names, n);
	struct puppet_code code = {
		.type = p->types.code,
		.name = name,
		.file = file,
		.lines = pretend_object(p, p->types.bytes, CODE_UNITS),
		.code_units = CODE_UNITS,
		.first = 10 * p->ncodes + 1,
		.words = FRAME_WORDS + (uint32_t)n,
		.version = 1000 + p->ncodes++,
	};

	puppet_code(l, at, &code);
	puppet_field(at, l->code.varnames, variables, 8);
	puppet_field(at, l->code.cellvars, none, 8);
	puppet_field(at, l->code.freevars, none, 8);
	puppet_field(at, l->code.localsplusnames, variables, 8);
	puppet_field(at, l->code.localspluskinds,
		     pretend_object(p, p->types.bytes, n), 8);
	return at;
}

uint64_t pretend_function(struct pretend *p, const char *name)
{
	return pretend_code(p, pretend_text(p, name),
			    pretend_text(p, "pretend.py"), NULL, 0);
}

/* Bytes of a frame: on a data stack, as its code says. */
static size_t frame_bytes(const struct pretend *p, uint64_t code)
{
	uint32_t bytes = code_frame_bytes(&p->l, (void *)(uintptr_t)code, 512);

	return bytes ? bytes : 2048;
}

static void put_values(const struct pretend *p, uint64_t frame,
		       const struct pretend_stack *s)
{
	const struct layout *l = &p->l;
	int32_t off = l->frames == FRAMES_HEAP ? l->frame.localsplus
					       : l->iframe.localsplus;

	if (s->nvalues)
		memcpy((void *)(uintptr_t)(frame + (uint64_t)off), s->values,
		       8 * s->nvalues);
}

static void make_stack(struct pretend *p, uint64_t tstate,
		       const struct pretend_stack *s)
{
	struct puppet_stack to = {.entry = pretend_alloc(p, 256)};
	uint64_t back = puppet_entry(&p->l, to.entry), at;
	size_t i, bytes = (size_t)p->l.chunk.data + 8;

	for (i = 0; i < s->n; i++)
		bytes += frame_bytes(p, s->codes[i]);
	if (p->l.frames == FRAMES_HEAP)
		bytes = 8 + 2048 * s->n;
	to.chunk_bytes = (bytes / PAGE + 2) * PAGE;
	p->used = (p->used + PAGE - 1) & ~(size_t)(PAGE - 1);
	to.chunk = pretend_alloc(p, to.chunk_bytes);
	at = to.chunk + (p->l.frames == FRAMES_HEAP
				 ? 8
				 : (uint64_t)p->l.chunk.data + 8);
	to.root = at;
	for (i = 0; i < s->n; i++, back = to.leaf) {
		to.leaf = at;
		puppet_frame(&p->l, at, back, s->codes[i], 0);
		at += frame_bytes(p, s->codes[i]);
		if (s->frames)
			s->frames[i] = to.leaf;
	}
	put_values(p, to.leaf, s);
	to.top = at;
	puppet_thread(&p->l, tstate, &to);
}

uint64_t pretend_thread(struct pretend *p, const struct pretend_stack *s)
{
	const struct layout *l = &p->l;
	uint64_t at = pretend_alloc(p, (size_t)l->thread.size + 64);
	uint32_t n = p->nthreads++;

	puppet_field(at, l->thread.next, p->threads, 8);
	puppet_field(at, l->thread.interp, p->interp, 8);
	puppet_field(at, l->thread.thread_id,
		     n ? p->nothing + 64 * n : (uint64_t)pthread_self(), 8);
	puppet_field(at, l->thread.native_id,
		     n ? FAKE_TID + n : (uint32_t)getpid(), 8);
	make_stack(p, at, s);
	p->threads = at;
	puppet_field(p->interp, l->interp.threads_head, at, 8);
	return at;
}

/* ---- the process ---- */

static void make_types(struct pretend *p)
{
	struct pretend_types *t = &p->types;
	bool py2 = p->l.major == 2;

	t->code = (uint64_t)(uintptr_t)code_type;
	puppet_field(t->code, p->l.object.type_basicsize,
		     (uint64_t)(p->l.code.adaptive != NO_FIELD
					? p->l.code.adaptive
					: p->l.code.size),
		     8);
	t->str = pretend_type(p, "str", py2 ? 27 : 28);
	t->integer = pretend_type(p, "int", py2 ? 23 : 24);
	t->list = pretend_type(p, "list", 25);
	t->tuple = pretend_type(p, "tuple", 26);
	t->bytes = pretend_type(p, py2 ? "str" : "bytes", 27);
	t->dict = pretend_type(p, "dict", 29);
	t->set = pretend_type(p, "set", 0);
	t->number = pretend_type(p, "float", 0);
	t->thing = pretend_type(p, "Thing", 0);
}

static void *map(size_t bytes, int protection)
{
	void *at = mmap(NULL, bytes, protection,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		exit(1);
	return at;
}

/* An interpreter with one thread, which is in main and, there, in witness. */
static void make_process(struct pretend *p, const struct pretend_entry *e)
{
	const struct layout *l = &p->l;
	uint64_t base = (uint64_t)(uintptr_t)e->runtime, codes[2];

	p->memory = map(MEMORY, PROT_READ | PROT_WRITE);
	p->huge = (uint64_t)(uintptr_t)map(PRETEND_HUGE, PROT_READ);
	p->nothing = (uint64_t)(uintptr_t)map(NOTHING, PROT_NONE);
	p->interp = pretend_alloc(p, (size_t)l->interp.size + 4096);
	if (l->interp.gil_ptr != NO_FIELD)
		puppet_field(p->interp, l->interp.gil_ptr,
			     p->interp + (uint64_t)l->interp.gil_embedded, 8);
	make_types(p);
	codes[0] = pretend_function(p, "main");
	codes[1] = pretend_function(p, "witness");
	pretend_thread(p, &(struct pretend_stack){.codes = codes, .n = 2});
	if (e->interp_head) {
		*e->interp_head = p->interp;
		return;
	}
	puppet_field(base, l->runtime.interpreters_main, p->interp, 8);
	puppet_field(base, l->runtime.interpreters_head, p->interp, 8);
}

/* Takes the layout of an image, and what tells it. */
static int take_layout(struct pretend *p, const struct pretend_entry *e,
		       const char *path)
{
	struct err err = {""};
	struct remote *r;
	struct frozen f;
	int ret = frozen_load(&f, path, &err);

	if (ret) {
		fprintf(stderr, "pretend: %s\n", err.msg);
		return ret;
	}
	py_version = f.version;
	snprintf(version_text.text, sizeof(version_text.text),
		 "%u.%u.%u (pretended)", f.version >> 24,
		 f.version >> 16 & 0xff, f.version >> 8 & 0xff);
	r = frozen_remote(&f);
	ret = frozen_layout(&f, r, &p->l, &err);
	if (!ret && layout_needs_offsets(&p->l))
		ret = remote_read(r, f.entry.runtime, e->runtime,
				  DEBUG_OFFSETS_MAX);
	remote_free(r);
	frozen_release(&f);
	return ret;
}

int pretend_main(const struct pretend_entry *e, int argc, char **argv)
{
	const struct pretend_mode *mode = pretend_modes;
	struct pretend p = {.nthreads = 0};

	if (argc < 3 || take_layout(&p, e, argv[1]))
		return 2;
	p.number = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	while (mode->name && strcmp(mode->name, argv[2]))
		mode++;
	if (!mode->name)
		return 2;
	make_process(&p, e);
	mode->make(&p);
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
