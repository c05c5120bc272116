/*
 * A process that looks like a Python, and writes rubbish over all of it.
 *
 *     rubbish VERSION|IMAGE [SEED]   scribbles over its structures
 *     rubbish VERSION|IMAGE flood    as many interpreters and threads as fit
 *
 * VERSION is 3.7 to 3.12; IMAGE is one of tests/images of a later one. Prints
 * "ready" once an interpreter with threads and frames stands there; scribbles
 * from the first line of standard input on, and ends with it. Nothing of
 * Python is in it but names of symbols.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base.h"
#include "cpython.h"
#include "tests/lib/frozen.h"
#include "tests/lib/puppet.h"

#define INTERPS 4u
#define THREADS 16u
#define FRAMES 24u /* of a thread */
#define CODES 64u
#define TEXTS 192u
#define FRAME_BYTES 192u
#define CHUNK_BYTES 16384u
#define CODE_BYTES 512u
#define TEXT_BYTES 256u
#define HOLD_NS 300000u /* that rubbish stands still, at most */
#define FIELDS_MAX 64

#define FLOOD_INTERPS 256u
#define FLOOD_THREADS 16384u
#define FLOOD_STRIDE 16u

/* What pystrobe looks for. */
static unsigned char runtime[1u << 20] __asm__("_PyRuntime") = {0};
static uint32_t version __asm__("Py_Version") __attribute__((used)) = 0;
static unsigned char code_type[4096] __asm__("PyCode_Type");
/* Where 3.7 to 3.10 have it: at the start of a buffer that can change. */
static struct {
	char before, text[47];
} version_text = {0, "?"};

/* Structures of one kind, one behind the other. */
struct zone {
	uint64_t at;
	uint32_t stride, n;
	int32_t fields[FIELDS_MAX]; /* that are read */
	unsigned nfields;
};

enum zones { INTERP, THREAD, FRAME, ENTRY, CHUNK, CODE, TEXT, ZONES };

struct arena {
	struct layout l;
	struct zone zones[ZONES];
	unsigned char *memory, *whole; /* as it is; as it should be */
	size_t size;
	uint64_t rng;
	pid_t main, scribbler;
};

static uint64_t item(const struct arena *a, enum zones z, uint32_t i)
{
	return a->zones[z].at + (uint64_t)i * a->zones[z].stride;
}

/* ---- a whole interpreter ---- */

static void add_zone(struct arena *a, enum zones z, uint64_t stride,
		     uint32_t n)
{
	a->zones[z].at = a->size;
	a->zones[z].stride = (uint32_t)(stride + 63) & ~63u;
	a->zones[z].n = n;
	a->size += (uint64_t)a->zones[z].stride * n;
}

static void add_fields(struct zone *z, const int32_t *fields, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (fields[i] != NO_FIELD)
			z->fields[z->nfields++] = fields[i];
}

static void name_fields(struct arena *a)
{
	const struct layout *l = &a->l;
	const int32_t interp[] = {l->interp.next, l->interp.threads_head,
				  l->interp.gil_ptr, l->interp.gc_collecting,
				  l->interp.modules, l->interp.id};
	const int32_t thread[] = {
		l->thread.next, l->thread.interp, l->thread.frame,
		l->thread.cframe, l->thread.current_frame,
		l->thread.base_frame, l->thread.thread_id,
		l->thread.native_id, l->thread.chunk, l->thread.chunk_top,
		l->thread.exc_info, l->thread.exc_value, l->thread.raising};
	const int32_t heap[] = {l->frame.back, l->frame.code, l->frame.lasti,
				l->frame.executing, l->frame.state};
	const int32_t chunked[] = {l->iframe.previous, l->iframe.code,
				   l->iframe.instr, l->iframe.owner & ~7,
				   l->iframe.stacktop};
	const int32_t chunk[] = {l->chunk.previous, l->chunk.size,
				 l->chunk.top, l->chunk.data};
	const int32_t code[] = {
		l->object.type, l->code.filename, l->code.name,
		l->code.qualname, l->code.linetable, l->code.code,
		l->code.firstlineno, l->code.framesize, l->code.nlocalsplus,
		l->code.stacksize, l->code.version};
	const int32_t text[] = {l->object.type, l->object.var_size,
				l->object.unicode_length,
				l->object.unicode_state, l->object.ascii_data,
				l->object.bytes_data};

	add_fields(&a->zones[INTERP], interp, sizeof(interp) / 4);
	add_fields(&a->zones[THREAD], thread, sizeof(thread) / 4);
	if (l->frames == FRAMES_HEAP) {
		add_fields(&a->zones[FRAME], heap, sizeof(heap) / 4);
	} else {
		add_fields(&a->zones[FRAME], chunked, sizeof(chunked) / 4);
		add_fields(&a->zones[ENTRY], chunked, sizeof(chunked) / 4);
		add_fields(&a->zones[CHUNK], chunk, sizeof(chunk) / 4);
	}
	add_fields(&a->zones[CODE], code, sizeof(code) / 4);
	add_fields(&a->zones[TEXT], text, sizeof(text) / 4);
}

static void place_zones(struct arena *a)
{
	const struct layout *l = &a->l;
	uint64_t thread = (uint64_t)l->thread.size + 256;
	unsigned z;

	/* First, since they are pages; the frames of a thread lie in its. */
	add_zone(a, CHUNK, CHUNK_BYTES, THREADS);
	add_zone(a, INTERP, (uint64_t)l->interp.size + 4096, INTERPS);
	add_zone(a, THREAD, thread, THREADS);
	add_zone(a, FRAME, FRAME_BYTES, THREADS * FRAMES);
	add_zone(a, ENTRY, FRAME_BYTES, THREADS);
	add_zone(a, CODE, CODE_BYTES, CODES);
	add_zone(a, TEXT, TEXT_BYTES, TEXTS);
	a->size = (a->size + 4095) & ~(size_t)4095;
	a->memory = mmap(NULL, a->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (a->memory == MAP_FAILED)
		exit(1);
	for (z = 0; z < ZONES; z++)
		a->zones[z].at += (uint64_t)(uintptr_t)a->memory;
}

static uint64_t frame_at(const struct arena *a, uint32_t thread, uint32_t i)
{
	if (a->l.frames == FRAMES_HEAP)
		return item(a, FRAME, thread * FRAMES + i);
	return item(a, CHUNK, thread) + (uint64_t)a->l.chunk.data + 8 +
	       i * FRAME_BYTES;
}

static void make_code(struct arena *a, uint32_t n)
{
	const struct layout *l = &a->l;
	struct puppet_code code = {
		.type = (uint64_t)(uintptr_t)code_type,
		.name = item(a, TEXT, 3 * n),
		.file = item(a, TEXT, 3 * n + 1),
		.lines = item(a, TEXT, 3 * n + 2),
		.code_units = 64,
		.first = 10 * n + 1,
		.words = FRAME_BYTES / 8,
		.version = 1000 + n,
	};
	char name[32];

	snprintf(name, sizeof(name), "function_%u", n);
	puppet_text(l, code.name, name);
	puppet_text(l, code.file, "rubbish.py");
	puppet_field(code.lines, l->object.var_size, 64, 8);
	memset((void *)(uintptr_t)(code.lines + (uint64_t)l->object.bytes_data),
	       0, 64);
	puppet_code(l, item(a, CODE, n), &code);
}

static void make_frames(struct arena *a, uint32_t thread, uint64_t tstate)
{
	struct puppet_stack s = {.entry = item(a, ENTRY, thread),
				 .chunk = item(a, CHUNK, thread),
				 .chunk_bytes = CHUNK_BYTES,
				 .root = frame_at(a, thread, 0)};
	uint64_t back = puppet_entry(&a->l, s.entry);
	uint32_t i;

	for (i = 0; i < FRAMES; i++, back = s.leaf) {
		s.leaf = frame_at(a, thread, i);
		puppet_frame(&a->l, s.leaf, back,
			     item(a, CODE, (thread + i) % CODES), 0);
	}
	s.top = s.leaf + FRAME_BYTES;
	puppet_thread(&a->l, tstate, &s);
}

static void make_thread(struct arena *a, uint32_t n)
{
	const struct layout *l = &a->l;
	uint64_t at = item(a, THREAD, n);
	bool last = (n + 1) % (THREADS / INTERPS) == 0;

	puppet_field(at, l->thread.next, last ? 0 : item(a, THREAD, n + 1), 8);
	puppet_field(at, l->thread.interp,
		     item(a, INTERP, n / (THREADS / INTERPS)), 8);
	puppet_field(at, l->thread.thread_id, (uint64_t)pthread_self() + n, 8);
	puppet_field(at, l->thread.native_id,
		     (uint64_t)(n ? a->scribbler : a->main), 8);
	make_frames(a, n, at);
}

static void make_process(struct arena *a)
{
	const struct layout *l = &a->l;
	uint64_t base = (uint64_t)(uintptr_t)runtime, at;
	uint32_t i;

	for (i = 0; i < CODES; i++)
		make_code(a, i);
	for (i = 0; i < THREADS; i++)
		make_thread(a, i);
	for (i = 0; i < INTERPS; i++) {
		at = item(a, INTERP, i);
		puppet_field(at, l->interp.next,
			     i + 1 < INTERPS ? item(a, INTERP, i + 1) : 0, 8);
		puppet_field(at, l->interp.threads_head,
			     item(a, THREAD, i * (THREADS / INTERPS)), 8);
		puppet_field(at, l->interp.gil_ptr,
			     at + (uint64_t)(uint32_t)l->interp.gil_embedded, 8);
	}
	puppet_field((uint64_t)(uintptr_t)code_type, l->object.type_basicsize,
		     (uint64_t)(l->code.adaptive != NO_FIELD
					? l->code.adaptive
					: l->code.size),
		     8);
	a->whole = malloc(a->size);
	if (!a->whole)
		exit(1);
	memcpy(a->whole, a->memory, a->size);
	/* Now it can be found. */
	puppet_field(base, l->runtime.interpreters_main, item(a, INTERP, 0), 8);
	puppet_field(base, l->runtime.interpreters_head, item(a, INTERP, 0), 8);
}

/* ---- rubbish ---- */

static uint32_t pick(struct arena *a, uint32_t n)
{
	return (uint32_t)(rng_next(&a->rng) % n);
}

static uint64_t any_item(struct arena *a)
{
	enum zones z = (enum zones)pick(a, ZONES);

	return item(a, z, pick(a, a->zones[z].n));
}

/* Of every kind that links and sizes should not be. */
static uint64_t any_value(struct arena *a, uint64_t at)
{
	uint64_t base = (uint64_t)(uintptr_t)a->memory;

	switch (pick(a, 12)) {
	case 0:
		return rng_next(&a->rng);
	case 1:
		return 0;
	case 2:
		return at; /* itself */
	case 3:
		return base + pick(a, (uint32_t)a->size);
	case 4:
		return base + a->size - 8; /* the last that can be read */
	case 5:
		return base + a->size + pick(a, 4096);
	case 6:
		return UINT64_MAX - pick(a, 4096);
	case 7:
		return 1ull << pick(a, 64);
	case 8:
		return pick(a, 300);
	default:
		return any_item(a);
	}
}

static void scribble(struct arena *a)
{
	struct zone *z = &a->zones[pick(a, ZONES)];
	uint64_t at = z->at + (uint64_t)pick(a, z->n) * z->stride;

	if (z->nfields && pick(a, 4))
		at += (uint64_t)z->fields[pick(a, z->nfields)] & ~7ull;
	else
		at += pick(a, z->stride / 8) * 8;
	puppet_put(at, any_value(a, at), 8);
	if (pick(a, 4096) == 0) {
		at = (uint64_t)(uintptr_t)runtime;
		puppet_field(at, a->l.runtime.interpreters_head, any_item(a), 8);
	}
}

static void restore(struct arena *a)
{
	memcpy(a->memory, a->whole, a->size);
	puppet_field((uint64_t)(uintptr_t)runtime, a->l.runtime.interpreters_head,
		     item(a, INTERP, 0), 8);
}

static void hold(uint64_t ns)
{
	uint64_t begin = clock_mono();

	while (clock_mono() - begin < ns)
		;
}

/* Rubbish that stands still for a moment, and such that never does. */
static void scribble_forever(struct arena *a)
{
	uint64_t begin;
	uint32_t n;

	for (;;) {
		restore(a);
		hold(pick(a, HOLD_NS / 4));
		for (n = pick(a, 48); n; n--)
			scribble(a);
		hold(pick(a, HOLD_NS));
		begin = clock_mono();
		while (clock_mono() - begin < HOLD_NS)
			scribble(a);
	}
}

static void *run_scribbler(void *arg)
{
	struct arena *a = arg;

	__atomic_store_n(&a->scribbler, (pid_t)syscall(SYS_gettid),
			 __ATOMIC_RELEASE);
	while (!__atomic_load_n(&a->rng, __ATOMIC_ACQUIRE))
		hold(1000000);
	scribble_forever(a);
	return NULL;
}

/* ---- a flood ---- */

/*
 * Lists as long as they may be, of thread states that lie over each other:
 * a target of 70 MB that claims four million threads.
 */
static void flood(struct arena *a)
{
	const struct layout *l = &a->l;
	uint64_t bytes = FLOOD_THREADS * FLOOD_STRIDE + 4096;
	uint64_t interp = ((uint64_t)l->interp.size + 4095) & ~4095ull;
	uint64_t at, list, next, i, k;
	char *memory = mmap(NULL, FLOOD_INTERPS * (bytes + interp),
			    PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || l->thread.next + 8 != l->thread.interp)
		exit(1);
	for (i = 0; i < FLOOD_INTERPS; i++) {
		at = (uint64_t)(uintptr_t)memory + i * (bytes + interp);
		list = at + interp;
		next = i + 1 < FLOOD_INTERPS ? at + bytes + interp : 0;
		puppet_field(at, l->interp.next, next, 8);
		puppet_field(at, l->interp.threads_head, list, 8);
		for (k = 0; k < FLOOD_THREADS; k++, list += FLOOD_STRIDE) {
			puppet_field(list, l->thread.next,
				     k + 1 < FLOOD_THREADS
					     ? list + FLOOD_STRIDE
					     : 0,
				     8);
			puppet_field(list, l->thread.interp, at, 8);
		}
	}
	puppet_field((uint64_t)(uintptr_t)runtime, l->runtime.interpreters_head,
		     (uint64_t)(uintptr_t)memory, 8);
}

/* ---- */

/* The debug offsets of an image are those of the process, too. */
static int choose_image(struct arena *a, const char *path)
{
	struct err err = {""};
	struct remote *r;
	struct frozen f;
	int ret = frozen_load(&f, path, &err);

	if (!ret) {
		r = frozen_remote(&f);
		ret = frozen_layout(&f, r, &a->l, &err);
		if (!ret)
			ret = remote_read(r, f.entry.runtime, runtime,
					  DEBUG_OFFSETS_MAX);
		remote_free(r);
		frozen_release(&f);
	}
	if (ret)
		fprintf(stderr, "rubbish: %s\n", err.msg);
	return ret;
}

static int choose(struct arena *a, const char *what)
{
	struct err err = {""};
	unsigned minor = 0;

	if (sscanf(what, "3.%u", &minor) != 1)
		return choose_image(a, what);
	version = 3u << 24 | minor << 16 | 0xf0;
	snprintf(version_text.text, sizeof(version_text.text),
		 "3.%u.0 (rubbish)", minor);
	return layout_for_version(&a->l, version, &err);
}

int main(int argc, char **argv)
{
	static struct arena a; /* the scribbler may outlive main() */
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	pthread_t thread;

	a.main = getpid();
	if (argc < 2 || choose(&a, argv[1]))
		return 2;
	place_zones(&a);
	name_fields(&a);
	if (pthread_create(&thread, NULL, run_scribbler, &a))
		return 1;
	while (!__atomic_load_n(&a.scribbler, __ATOMIC_ACQUIRE))
		hold(100000);
	make_process(&a);
	if (argc > 2 && !strcmp(argv[2], "flood"))
		flood(&a);
	puts("ready");
	fflush(stdout);
	if (getchar() == EOF)
		return 0;
	if (seed)
		__atomic_store_n(&a.rng, seed, __ATOMIC_RELEASE);
	while (getchar() != EOF)
		;
	return 0;
}
