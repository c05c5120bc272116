#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base.h"
#include "profile.h"
#include "tests/lib/frozen.h"

#define MAGIC "psimage1"
#define MAGIC_BYTES 8
#define FILE_MAX (64u << 20)
#define RAW_MAX (FROZEN_BLOCKS_MAX * (FROZEN_BLOCK + 8ull) + 128)

/* ---- the file ---- */

/* The members in the order of the file. */
static void list_entry(struct entry_points *e, raddr *members[10])
{
	raddr *all[10] = {&e->runtime,    &e->interp_head, &e->current,
			  &e->gil_locked, &e->gil_holder,  &e->gil_cond,
			  &e->gil_lock,   &e->collecting,  &e->code_type,
			  &e->none};

	memcpy(members, all, sizeof(all));
}

static int parse(struct frozen *f, const void *raw, size_t len)
{
	raddr *members[10];
	const uint8_t *block;
	struct cursor c;
	uint32_t i, n;

	cursor_init(&c, raw, len);
	f->version = cursor_u32(&c);
	f->pid = cursor_u32(&c);
	list_entry(&f->entry, members);
	for (i = 0; i < 10; i++)
		*members[i] = cursor_u64(&c);
	n = cursor_u32(&c);
	if (c.bad || n > FROZEN_BLOCKS_MAX ||
	    cursor_left(&c) != n * (FROZEN_BLOCK + 8ull))
		return -EBADMSG;
	f->blocks = xcalloc(n, sizeof(*f->blocks));
	f->nblocks = f->cap = n;
	for (i = 0; i < n; i++) {
		f->blocks[i].addr = cursor_u64(&c);
		if (f->blocks[i].addr % FROZEN_BLOCK ||
		    (i && f->blocks[i].addr <= f->blocks[i - 1].addr))
			return -EBADMSG;
	}
	for (i = 0; i < n; i++) {
		block = cursor_bytes(&c, FROZEN_BLOCK);
		if (!block)
			return -EBADMSG;
		memcpy(f->blocks[i].bytes, block, FROZEN_BLOCK);
	}
	return 0;
}

static int inflate_all(struct frozen *f, const struct str *s)
{
	uint64_t size = at_u64(s->data, s->len, MAGIC_BYTES);
	uLongf got = size;
	unsigned char *raw;
	int ret = -EBADMSG;

	if (s->len < MAGIC_BYTES + 8 || memcmp(s->data, MAGIC, MAGIC_BYTES) ||
	    size > RAW_MAX)
		return -EBADMSG;
	raw = xmalloc(size + 1);
	if (uncompress(raw, &got, (unsigned char *)s->data + MAGIC_BYTES + 8,
		       s->len - MAGIC_BYTES - 8) == Z_OK &&
	    got == size)
		ret = parse(f, raw, size);
	free(raw);
	return ret;
}

int frozen_load(struct frozen *f, const char *path, struct err *err)
{
	struct str s;
	int ret;

	memset(f, 0, sizeof(*f));
	str_init(&s);
	ret = file_read(&s, AT_FDCWD, path, FILE_MAX);
	if (ret)
		err_set(err, ret, "'%s' cannot be read: %s", path,
			strerror(-ret));
	else
		ret = inflate_all(f, &s);
	if (ret == -EBADMSG)
		err_set(err, ret, "'%s' is no memory image", path);
	str_release(&s);
	if (ret)
		frozen_release(f);
	return ret;
}

static void serialise(const struct frozen *f, struct str *s)
{
	struct entry_points entry = f->entry;
	raddr *members[10];
	size_t i;

	str_add_u32(s, f->version);
	str_add_u32(s, f->pid);
	list_entry(&entry, members);
	for (i = 0; i < 10; i++)
		str_add_u64(s, *members[i]);
	str_add_u32(s, (uint32_t)f->nblocks);
	for (i = 0; i < f->nblocks; i++)
		str_add_u64(s, f->blocks[i].addr);
	for (i = 0; i < f->nblocks; i++)
		str_add(s, f->blocks[i].bytes, FROZEN_BLOCK);
}

int frozen_save(const struct frozen *f, const char *path, struct err *err)
{
	struct outfile *out;
	struct str raw, file;
	uLongf size;
	int ret = outfile_open(&out, path, err);

	if (ret)
		return ret;
	str_init(&raw);
	str_init(&file);
	serialise(f, &raw);
	str_adds(&file, MAGIC);
	str_add_u64(&file, raw.len);
	size = compressBound(raw.len);
	str_reserve(&file, size);
	compress2((unsigned char *)file.data + file.len, &size,
		  (unsigned char *)raw.data, raw.len, Z_BEST_COMPRESSION);
	ret = outfile_write(out, file.data, file.len + size, err);
	if (ret)
		outfile_abort(out);
	else
		ret = outfile_commit(out, err);
	str_release(&raw);
	str_release(&file);
	return ret;
}

void frozen_release(struct frozen *f)
{
	free(f->blocks);
	memset(f, 0, sizeof(*f));
}

/* ---- its memory ---- */

/* Where the block is, or would be. */
static size_t place_of(const struct frozen *f, raddr addr)
{
	size_t low = 0, high = f->nblocks, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (f->blocks[middle].addr < addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * The block at that address; *place is where it may be, as it mostly is when
 * one follows the other.
 */
static const struct frozen_block *block_at(struct frozen *f, raddr addr,
					   size_t *place)
{
	struct frozen_block block = {.addr = addr};
	size_t i = *place;

	if (i >= f->nblocks || f->blocks[i].addr != addr)
		i = place_of(f, addr);
	*place = i;
	if (i < f->nblocks && f->blocks[i].addr == addr)
		return f->blocks[i].gone ? NULL : &f->blocks[i];
	if (!f->live || f->nblocks == FROZEN_BLOCKS_MAX ||
	    remote_read(f->live, addr, block.bytes, FROZEN_BLOCK))
		return NULL;
	f->blocks = grow(f->blocks, &f->cap, f->nblocks + 1, sizeof(block));
	memmove(&f->blocks[i + 1], &f->blocks[i],
		(f->nblocks - i) * sizeof(block));
	f->blocks[i] = block;
	f->nblocks++;
	return &f->blocks[i];
}

/* Copies up to the first block that is not there. */
static size_t copy_range(struct frozen *f, const struct range *range)
{
	const struct frozen_block *block;
	size_t done = 0, off, n, place = f->nblocks;

	while (done < range->len) {
		off = (size_t)((range->addr + done) % FROZEN_BLOCK);
		block = block_at(f, range->addr + done - off, &place);
		if (!block)
			break;
		place++;
		n = FROZEN_BLOCK - off;
		if (n > range->len - done)
			n = range->len - done;
		memcpy((unsigned char *)range->to + done, block->bytes + off,
		       n);
		done += n;
	}
	return done;
}

static ssize_t read_ranges(void *arg, const struct range *ranges, size_t n)
{
	ssize_t sum = 0;
	size_t i, got;

	for (i = 0; i < n; i++) {
		got = copy_range(arg, &ranges[i]);
		sum += (ssize_t)got;
		if (got < ranges[i].len)
			break;
	}
	return sum ? sum : -EFAULT;
}

struct remote *frozen_remote(struct frozen *f)
{
	return remote_new_reader(read_ranges, f);
}

int frozen_layout(const struct frozen *f, struct remote *r, struct layout *out,
		  struct err *err)
{
	unsigned char table[DEBUG_OFFSETS_MAX];
	struct range range = {.addr = f->entry.runtime,
			      .len = sizeof(table),
			      .to = table};
	int ret = layout_for_version(out, f->version, err);

	if (ret || !layout_needs_offsets(out))
		return ret;
	ret = remote_batch(r, &range, 1);
	return ret ? ret : layout_from_offsets(out, table, range.got, err);
}

/* ---- a look ---- */

static const struct value_limits limits = {
	.bytes = 4000, .items = 12, .depth = 4, .until = UINT64_MAX};

static int compare_variables(const void *a, const void *b)
{
	return strcmp((*(struct variable *const *)a)->name,
		      (*(struct variable *const *)b)->name);
}

static void add_variables(struct walker *w, size_t row, raddr frame,
			  struct str *out)
{
	const struct variable *sorted[256], *v;
	size_t n = 0, i;

	while (n < 256 && (v = walker_local(w, row, frame, n)))
		sorted[n++] = v;
	qsort(sorted, n, sizeof(*sorted), compare_variables);
	for (i = 0; i < n; i++)
		str_addf(out, "    %s %s = %s\n",
			 sorted[i]->argument ? "argument" : "local",
			 sorted[i]->name, sorted[i]->value);
}

static void add_thread(struct walker *w, const struct walk_thread *t,
		       size_t row, struct str *out)
{
	const struct walk_code *code;
	uint32_t i;

	str_addf(out, "thread 0x%llx tid %u '", (unsigned long long)t->ident,
		 t->tid);
	walker_thread_name(w, t->ident, out);
	str_addf(out, "'%s%s%s%s", t->main ? " main" : "",
		 t->holds_gil ? " gil" : "", t->gc ? " gc" : "",
		 t->exception ? " exception" : "");
	if (t->loss)
		str_addf(out, " loss %s", loss_name((enum loss)t->loss));
	str_addc(out, '\n');
	for (i = 0; i < t->depth; i++) {
		code = walker_code(w, t->frames[i].info);
		str_addf(out, "  %s %s:%d\n", code->name, code->file,
			 walker_line(w, &t->frames[i]));
		add_variables(w, row, t->frames[i].addr, out);
	}
}

/* Its stack and its variables. */
static int look_at(struct walker *w, size_t row, enum frozen_way way)
{
	int ret = way == FROZEN_RUNS ? 0 : walker_grab(w, row);

	if (!ret && way == FROZEN_STOPPED)
		walker_read_locals(w, row, &limits);
	if (!ret && way != FROZEN_RUNS)
		ret = walker_take(w, row, 0);
	if (ret > 0)
		ret = 0;
	if (!ret && way != FROZEN_STOPPED)
		walker_read_locals(w, row, &limits);
	return ret;
}

/* In the order of their idents; those of which none is known come first. */
static void add_threads(struct walker *w, struct str *out)
{
	const struct walk_thread *t;
	uint64_t ident = 0;
	size_t n, i, next;

	t = walker_threads(w, &n);
	do {
		for (i = 0, next = n; i < n; i++) {
			if (t[i].ident == ident)
				add_thread(w, &t[i], i, out);
			else if (t[i].ident > ident &&
				 (next == n || t[i].ident < t[next].ident))
				next = i;
		}
		ident = next == n ? ident : t[next].ident;
	} while (next != n);
}

int frozen_look(struct remote *r, const struct frozen *f,
		const struct layout *l, enum frozen_way way, struct str *out)
{
	struct walker *w = walker_new(r, l, &f->entry, f->pid);
	struct err err = {""};
	size_t n = 0, i;
	bool checked;
	int ret = walker_self_check(w, &checked, &err);

	if (!ret)
		ret = way == FROZEN_RUNS ? walker_snapshot(w, 1000000000)
					 : walker_follow(w, 1000000000);
	if (!ret)
		walker_threads(w, &n);
	for (i = 0; i < n && !ret; i++)
		ret = look_at(w, i, way);
	if (!ret)
		add_threads(w, out);
	walker_free(w);
	return ret;
}
