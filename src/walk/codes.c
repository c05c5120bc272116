/*
 * Code objects of the target: read once, then only re-checked. CPython uses
 * their addresses again at once (1999 of 2000 times, in a loop that compiles
 * and forgets), so that every look at a stack also looks whether its code
 * objects are still those that were read: a span of each that tells two apart.
 *
 * After the frames, not before: memory that was freed looks like the code that
 * it was, until another is made there. What is still the same then was so when
 * its frame ran. What has to be loaded may be another one by then, so that the
 * frames are looked at once more. It has to be one that is not gone, nor still
 * being made where another was: what was there before names texts that are gone
 * with it, and others might be there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"
#include "walk_priv.h"

#define CODES_MAX 65536u          /* then all are forgotten */
#define CODE_HEAD_MAX 512u
#define MEET_MAX 4u  /* some 10 us each */
#define PASSES_MAX 4 /* over the codes of a stack, until none was loaded */
#define CODE_BYTES_MAX (64u << 20) /* of bytecode */
#define DOUBT_NS 50000000u /* to intern a text takes less, of a million */
#define TEXT_HASH 24 /* in a str, 2.7 to 3.11: PyStringObject, PyASCIIObject */
#define GUESS 320u /* bytes of an object read at first: mostly all of it */

static void entry_release(struct code_entry *c)
{
	free((char *)c->pub.name);
	free((char *)c->pub.file);
	free(c->lines);
}

void codes_release(struct codes *c)
{
	size_t i;

	for (i = 0; i < c->len; i++)
		entry_release(&c->entries[i]);
	free(c->entries);
	free(c->others);
	map_release(&c->by_addr);
}

static void codes_forget(struct codes *c)
{
	uint32_t serial = c->serial;
	uint64_t epoch = c->epoch;

	codes_release(c);
	memset(c, 0, sizeof(*c));
	map_init(&c->by_addr);
	c->serial = serial;
	c->epoch = epoch + 1;
}

/* An object whose beginning was read, and how much of it. */
struct head {
	raddr addr;
	unsigned char bytes[GUESS];
	size_t got;
};

static void aim(struct range *r, struct head *h, raddr addr)
{
	h->addr = addr;
	h->got = 0;
	*r = (struct range){.addr = addr, .len = GUESS, .to = h->bytes};
}

/*
 * `len` bytes of an object from offset `off`: from what was read already, or
 * with one more read into *heap, which the caller frees. NULL when they
 * cannot be had.
 */
static const unsigned char *rest_of(struct walker *w, const struct head *h,
				    uint64_t off, size_t len,
				    unsigned char **heap)
{
	*heap = NULL;
	if (off <= h->got && len <= h->got - off)
		return h->bytes + off;
	*heap = xmalloc(len);
	if (remote_read(w->remote, h->addr + off, *heap, len) == 0)
		return *heap;
	free(*heap);
	*heap = NULL;
	return NULL;
}

/* The text of a str object, cleaned; longer than `limit`: cut. */
static int head_text(struct walker *w, const struct head *h, size_t limit,
		     struct str *out)
{
	struct text_place place;
	struct head away = {.addr = 0, .got = 0};
	unsigned char *heap;
	const unsigned char *p;
	struct str text;
	size_t len;
	int ret = text_place_of(&w->layout, h->bytes, h->got, &place);

	if (ret)
		return ret;
	len = place.units > limit / place.width
		      ? limit / place.width * place.width
		      : (size_t)place.units * place.width;
	if (!len)
		return 0;
	p = place.pointer ? rest_of(w, &away, place.at, len, &heap)
			  : rest_of(w, h, place.at, len, &heap);
	if (!p)
		return -EFAULT;
	str_init(&text);
	text_decode(&text, &place, p, len);
	str_add_clean(out, text.data, text.len);
	str_release(&text);
	free(heap);
	return 0;
}

int read_text(struct walker *w, raddr object, size_t limit, struct str *out)
{
	struct head h;
	struct range r;
	int ret;

	aim(&r, &h, object);
	ret = remote_batch(w->remote, &r, 1);
	h.got = r.got;
	return ret ? ret : head_text(w, &h, limit, out);
}

/* Bytes of a bytes object (2.7: str), copied; *n is 0 when there are none. */
static int head_bytes(struct walker *w, const struct head *h, size_t limit,
		      unsigned char **out, size_t *n)
{
	const struct layout *l = &w->layout;
	uint64_t size = field_of(h->bytes, h->got, l->object.var_size);
	const unsigned char *p;
	unsigned char *heap;

	*n = 0;
	*out = NULL;
	if (h->got < (size_t)l->object.bytes_data)
		return -EFAULT;
	if (size > limit)
		return -EBADMSG;
	if (!size)
		return 0;
	p = rest_of(w, h, (uint64_t)l->object.bytes_data, (size_t)size, &heap);
	if (!p)
		return -EFAULT;
	*n = (size_t)size;
	*out = heap;
	if (!heap) {
		*out = xmalloc(*n);
		memcpy(*out, p, *n);
	}
	return 0;
}

/* Sizes that the head and the heads of the objects it names tell. */
static int entry_sizes(struct walker *w, struct code_entry *c,
		       const unsigned char *code, size_t len,
		       const struct head *bytecode)
{
	const struct layout *l = &w->layout;
	uint64_t n;

	if (l->frames == FRAMES_HEAP) {
		if (bytecode->got < (size_t)l->object.var_size + 8)
			return -EFAULT;
		n = field_of(bytecode->bytes, bytecode->got,
			     l->object.var_size);
	} else {
		n = 2 * (field_of(code, len, l->object.var_size) &
			 UINT32_MAX);
		c->adaptive = l->code.adaptive;
		c->traceable =
			2 * at_u32(code, len, (size_t)l->code.firsttraceable);
		c->frame_bytes = code_frame_bytes(l, code, len);
		if (!c->frame_bytes)
			return -EBADMSG;
	}
	if (!n || n > CODE_BYTES_MAX)
		return -EBADMSG;
	c->code_bytes = (uint32_t)n;
	return 0;
}

/* What says how many references an object has; 3.14+ has flags above that. */
static uint64_t references(const struct layout *y, const unsigned char *object,
			   size_t len)
{
	return at_u64(object, len, (size_t)y->object.type - 8) &
	       UINT64_MAX >> 16;
}

/* A link of glibc may be less where the heap is below 4 GiB; it is over the type, too. */
bool is_referenced(const struct layout *y, const unsigned char *object,
		   size_t len)
{
	uint64_t n = references(y, object, len);

	return y->free_threaded || (n && n <= UINT32_MAX);
}

static bool is_interned(const struct walker *w, const struct head *text)
{
	struct text_place place;

	/* One of a subclass of str, whose text lies apart, never is. */
	return text_place_of(&w->layout, text->bytes, text->got, &place) ||
	       place.interned || place.pointer;
}

/*
 * Whether it may be a code object that is being made where another one was. Then
 * it has its texts, but nothing else, until these are interned, which takes long
 * where the table of all texts has to grow first; and who makes it has the only
 * reference, while each frame has one. (A file that import has corrected, since
 * the module was compiled elsewhere, is never interned.)
 */
static bool is_doubtful(const struct walker *w, const unsigned char *code,
			size_t len, const struct head *texts, size_t n)
{
	size_t i;

	if (!w->layout.code.interns || references(&w->layout, code, len) != 1)
		return false;
	for (i = 0; i < n; i++)
		if (!is_interned(w, &texts[i]))
			return true;
	return false;
}

static int entry_texts(struct walker *w, struct code_entry *c,
		       const struct head *name, const struct head *file)
{
	struct str text;
	int ret;

	str_init(&text);
	ret = head_text(w, name, WALK_NAME_MAX, &text);
	if (!ret) {
		c->pub.name = xstrdup(text.data);
		str_clear(&text);
		ret = head_text(w, file, WALK_FILE_MAX, &text);
	}
	if (!ret)
		c->pub.file = xstrdup(text.data);
	/* _Py_InitCleanup, Python/specialize.c, 3.13+ */
	c->shim = !ret && !strcmp(c->pub.name, "__init__") &&
		  !strcmp(c->pub.file, "__init__");
	str_release(&text);
	return ret;
}

static bool is_code(const struct walker *w, const unsigned char *code,
		    size_t len)
{
	return !w->entry.code_type ||
	       field_of(code, len, w->layout.object.type) ==
		       w->entry.code_type;
}

static bool is_sure(const struct walker *w, uint32_t info)
{
	return w->codes.entries[info].checked == w->codes.epoch;
}

/*
 * The version; before 3.12 the first line, and half of the hash of the name, which
 * is interned, so that the hash is known.
 */
static uint64_t mark_of(const struct layout *l, const unsigned char *code,
			size_t len, const struct head *name)
{
	if (l->code.version != NO_FIELD)
		return at_u32(code, len, (size_t)l->code.version);
	return at_u32(code, len, (size_t)l->code.firstlineno) |
	       (uint64_t)at_u32(name->bytes, name->got, TEXT_HASH) << 32;
}

static int32_t name_field(const struct layout *l)
{
	return l->code.qualname != NO_FIELD ? l->code.qualname : l->code.name;
}

void codes_mark(const struct walker *w, struct interrupt_plan *plan)
{
	const struct layout *l = &w->layout;

	plan->mark.word = l->code.version;
	plan->mark.pointer = NO_FIELD;
	if (plan->mark.word != NO_FIELD)
		return;
	plan->mark.word = l->code.firstlineno;
	plan->mark.pointer = l->code.name;
	plan->mark.behind = TEXT_HASH;
}

/*
 * The entry of what is at an address. One that is doubted is kept for later
 * alone.
 */
static uint32_t entry_at(const struct codes *c, raddr addr)
{
	uint32_t info = map_get(&c->by_addr, addr);

	return info != MAP_NONE && c->entries[info].doubted_ns ? MAP_NONE
								: info;
}

uint32_t codes_marked(const struct walker *w, raddr code, uint64_t mark,
		      bool gone)
{
	uint32_t info = entry_at(&w->codes, code);

	return info != MAP_NONE && (gone || is_sure(w, info)) &&
			       w->codes.entries[info].mark == mark
		       ? info
		       : MAP_NONE;
}

bool codes_have(const struct walker *w, raddr code)
{
	return entry_at(&w->codes, code) != MAP_NONE;
}

/* Reads the code object at `addr` anew into a zeroed entry. */
static int entry_read(struct walker *w, struct code_entry *c, raddr addr)
{
	const struct layout *l = &w->layout;
	const size_t len = (size_t)l->code.size;
	unsigned char code[CODE_HEAD_MAX];
	struct head texts[3], lines, bytecode;
	struct head *name = &texts[0], *file = &texts[1], *plain = &texts[2];
	struct range r[5];
	int ret;

	ret = remote_read(w->remote, addr, code, len);
	if (ret)
		return ret;
	if (!is_code(w, code, len) || !is_referenced(l, code, len))
		return -EBADMSG;
	aim(&r[0], name, field_of(code, len, name_field(l)));
	aim(&r[1], file, field_of(code, len, l->code.filename));
	aim(&r[2], &lines, field_of(code, len, l->code.linetable));
	aim(&r[3], plain, field_of(code, len, l->code.name));
	aim(&r[4], &bytecode, field_of(code, len, l->code.code));
	ret = remote_batch(w->remote, r, l->code.code != NO_FIELD ? 5 : 4);
	if (ret)
		return ret;
	name->got = r[0].got;
	file->got = r[1].got;
	lines.got = r[2].got;
	plain->got = r[3].got;
	bytecode.got = r[4].got;
	/* It may be of what was here before. */
	if (!is_referenced(l, lines.bytes, lines.got))
		return -EAGAIN;
	c->doubted_ns = is_doubtful(w, code, len, texts, 3) ? clock_mono() : 0;
	c->addr = addr;
	c->pub.first = (int32_t)at_u32(code, len, (size_t)l->code.firstlineno);
	c->mark = mark_of(l, code, len, plain);
	memcpy(c->ident, code + l->code.ident_from,
	       (size_t)(l->code.ident_to - l->code.ident_from));
	ret = entry_sizes(w, c, code, len, &bytecode);
	if (!ret)
		ret = entry_texts(w, c, name, file);
	if (!ret)
		ret = head_bytes(w, &lines, WALK_LINES_MAX, &c->lines,
				 &c->nlines);
	return ret;
}

/* A loss for what went wrong with a code object; the process may be gone. */
static int loss_of(int ret)
{
	return ret == -ESRCH || ret == -EPERM ? ret : LOSS_CODE;
}

/* A place for an entry: one that is free, or a new one. */
static uint32_t free_place(struct codes *c)
{
	uint32_t place;

	if (c->nfree) {
		place = c->others[--c->nfree];
		c->others[c->nfree] = c->others[--c->nothers];
		return place;
	}
	c->entries = grow(c->entries, &c->cap, c->len + 1,
			  sizeof(*c->entries));
	memset(&c->entries[c->len], 0, sizeof(*c->entries));
	return (uint32_t)c->len++;
}

/*
 * The entry of what was at an address before is gone only with codes_trim: a
 * stack of this tick may have it.
 */
static void retire(struct codes *c, uint32_t info)
{
	c->others = grow(c->others, &c->cap_others, c->nothers + 1,
			 sizeof(*c->others));
	c->others[c->nothers++] = info;
}

static size_t ident_bytes(const struct walker *w)
{
	return (size_t)(w->layout.code.ident_to - w->layout.code.ident_from);
}

/* Reads what tells it apart from others; whether it still is what it was. */
static bool is_still(struct walker *w, struct code_entry *e)
{
	unsigned char now[sizeof(e->ident)];

	if (remote_read(w->remote, e->addr + (raddr)w->layout.code.ident_from,
			now, ident_bytes(w)) ||
	    memcmp(now, e->ident, ident_bytes(w)))
		return false;
	e->checked = w->codes.epoch;
	return true;
}

/* Whether what was read is of one object, that is there. */
static bool is_there(struct walker *w, const struct code_entry *c)
{
	unsigned char now[CODE_HEAD_MAX];
	const size_t len = (size_t)w->layout.code.ident_to;

	return !remote_read(w->remote, c->addr, now, len) &&
	       is_code(w, now, len) && is_referenced(&w->layout, now, len) &&
	       !memcmp(now + w->layout.code.ident_from, c->ident,
		       ident_bytes(w));
}

/* What was the same some time ago has been made, if it was doubted then. */
static void doubt_less(const struct walker *w, struct code_entry *c,
		       const struct code_entry *before)
{
	if (!c->doubted_ns || !before->doubted_ns ||
	    memcmp(c->ident, before->ident, ident_bytes(w)))
		return;
	c->doubted_ns = c->doubted_ns - before->doubted_ns > DOUBT_NS
				? 0
				: before->doubted_ns;
}

/*
 * What its names were read from may be another object by then, with names of its
 * own: it must still be the one that named them. (One that has no field of its
 * own yet, or only those before the version, looks like the one before: some
 * nanoseconds, if its maker is not interrupted.)
 */
static int code_load(struct walker *w, raddr addr, uint32_t *info)
{
	uint32_t old = map_get(&w->codes.by_addr, addr);
	struct code_entry c;
	size_t i;
	int ret;

	memset(&c, 0, sizeof(c));
	for (i = 0; i < 8; i++)
		c.memo[i].at = INT32_MIN;
	ret = entry_read(w, &c, addr);
	if (!ret && !is_there(w, &c))
		ret = -EAGAIN;
	if (ret) {
		entry_release(&c);
		return loss_of(ret);
	}
	c.checked = w->codes.epoch;
	if (old != MAP_NONE)
		doubt_less(w, &c, &w->codes.entries[old]);
	c.pub.serial = ++w->codes.serial;
	*info = free_place(&w->codes);
	entry_release(&w->codes.entries[*info]);
	w->codes.entries[*info] = c;
	map_put(&w->codes.by_addr, addr, *info);
	if (old != MAP_NONE)
		retire(&w->codes, old);
	return c.doubted_ns ? LOSS_CODE : 0;
}

static int code_find(struct walker *w, raddr addr, uint32_t *info)
{
	*info = entry_at(&w->codes, addr);
	return *info != MAP_NONE ? 0 : code_load(w, addr, info);
}

void idents_release(struct idents *ids)
{
	pieces_release(&ids->pieces);
	free(ids->at);
}

/* Marks the entries that the idents confirm; true when that is each of them. */
static bool confirm(struct walker *w, const struct idents *ids)
{
	struct codes *c = &w->codes;
	const struct ident *id;
	const struct piece *p;
	struct code_entry *e;
	bool all = true;
	size_t i;

	for (i = 0; i < ids->len; i++) {
		id = &ids->at[i];
		e = &c->entries[id->info];
		p = &ids->pieces.at[id->piece];
		if (piece_whole(p, 0) &&
		    !memcmp(p->copy[0] + id->off, e->ident, ident_bytes(w)))
			e->checked = c->epoch;
		else
			all = false;
	}
	return all;
}

/*
 * Aims at the codes of all links from `first` on, or at those that nothing has
 * confirmed in this epoch.
 */
static void aim_idents(struct walker *w, struct idents *ids,
		       const struct links *links, size_t first, bool all)
{
	const raddr from = (raddr)w->layout.code.ident_from;
	const struct code_entry *e;
	const struct link *l;
	size_t i, n = 0;
	raddr last = 0;

	ids->len = 0;
	w->addrs = grow(w->addrs, &w->cap_addrs, links->len,
			sizeof(*w->addrs));
	ids->at = grow(ids->at, &ids->cap, links->len, sizeof(*ids->at));
	for (i = first; i < links->len; i++) {
		l = &links->at[i];
		e = l->entry ? NULL : &w->codes.entries[l->info];
		/* Most repetitions are of a function that calls itself. */
		if (!e || e->addr == last ||
		    (!all && e->checked == w->codes.epoch))
			continue;
		last = e->addr;
		ids->at[ids->len++].info = l->info;
		w->addrs[n++] = e->addr + from;
	}
	pieces_cover(&ids->pieces, w->addrs, n, ident_bytes(w));
	for (i = 0; i < ids->len; i++) {
		last = w->codes.entries[ids->at[i].info].addr + from;
		ids->at[i].piece =
			pieces_find(&ids->pieces, last, ident_bytes(w));
		ids->at[i].off = (size_t)(
			last - ids->pieces.at[ids->at[i].piece].addr);
	}
}

static void add_idents(struct walker *w, struct idents *ids)
{
	size_t i;

	for (i = 0; i < ids->pieces.len; i++)
		batch_add(&w->batch, &ids->pieces.at[i], 0);
}

/* Reads idents; true when they confirm each of their entries. */
static int check(struct walker *w, struct idents *ids, bool *all)
{
	int ret;

	add_idents(w, ids);
	ret = batch_read(&w->batch, w->remote);
	*all = !ret && confirm(w, ids);
	return ret;
}

int codes_same(struct walker *w, struct slot *s, bool *same)
{
	int ret = 0;

	*same = s->epoch == w->codes.epoch;
	if (!*same && s->idents.len)
		ret = check(w, &s->idents, same);
	if (*same)
		s->epoch = w->codes.epoch;
	return ret;
}

/* With a counter of freed code objects there is nothing to look at. */
void codes_predict(struct walker *w, struct slot *s)
{
	s->epoch = w->codes.epoch;
	if (w->layout.interp.code_generation == NO_FIELD)
		aim_idents(w, &s->idents, &s->links, 0, true);
	else
		s->idents.len = s->idents.pieces.len = 0;
}

/*
 * Looks at the entries that nothing has confirmed in this epoch; those that
 * are others by now are loaded anew.
 */
static int check_others(struct walker *w, struct slot *s, size_t first)
{
	struct link *l;
	bool all;
	size_t i;
	int ret;

	aim_idents(w, &w->others, &s->links, first, false);
	if (!w->others.len)
		return 0;
	ret = check(w, &w->others, &all);
	for (i = first; i < s->links.len && !ret && !all; i++) {
		l = &s->links.at[i];
		if (l->entry || is_sure(w, l->info))
			continue;
		/* One further in may be of the same function. */
		l->info = entry_at(&w->codes, l->code);
		if (l->info == MAP_NONE)
			return LOSS_CODE;
		/* Between two that were read as one, a page may be missing. */
		if (!is_sure(w, l->info) &&
		    !is_still(w, &w->codes.entries[l->info]))
			ret = code_load(w, l->code, &l->info);
	}
	return ret;
}

int codes_meet(struct walker *w, const struct slot *s)
{
	unsigned left = MEET_MAX;
	uint32_t info;
	size_t i;
	int ret;

	for (i = 0; i < s->links.len && left; i++) {
		if (s->links.at[i].entry ||
		    codes_have(w, s->links.at[i].code))
			continue;
		left--;
		ret = code_load(w, s->links.at[i].code, &info);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* Fills link.info, and confirms what nothing has confirmed in this epoch. */
static int look_up(struct walker *w, struct slot *s, size_t first)
{
	bool sure = true;
	struct link *l;
	int ret = 0;
	size_t i;

	for (i = first; i < s->links.len; i++) {
		l = &s->links.at[i];
		if (l->entry)
			continue;
		ret = code_find(w, l->code, &l->info);
		if (ret)
			return ret;
		sure = sure && is_sure(w, l->info);
	}
	return sure ? 0 : check_others(w, s, first);
}

/*
 * To load one takes time, in which those that were confirmed before it may have
 * become others: in the end all are confirmed by one reading.
 */
int codes_resolve(struct walker *w, struct slot *s, size_t first)
{
	uint32_t loaded;
	unsigned i;
	int ret;

	for (i = 0; i < PASSES_MAX; i++) {
		loaded = w->codes.serial;
		ret = look_up(w, s, first);
		if (ret || w->codes.serial == loaded)
			return ret;
		s->missed = true;
		w->codes.epoch++;
	}
	return LOSS_CODE;
}

uint32_t codes_known(struct walker *w, raddr code)
{
	uint32_t info = entry_at(&w->codes, code);

	if (info == MAP_NONE || is_sure(w, info) ||
	    is_still(w, &w->codes.entries[info]))
		return info;
	return MAP_NONE;
}

bool codes_trim(struct walker *w)
{
	struct slot *s;
	size_t i;

	w->codes.nfree = w->codes.nothers;
	if (w->codes.len <= CODES_MAX)
		return false;
	codes_forget(&w->codes);
	for (i = 0; i < w->nslots; i++) {
		s = w->slots[i];
		s->whole = s->held = false;
		s->nout = 0;
		s->idents.len = s->idents.pieces.len = 0;
	}
	for (i = 0; i < w->nthreads; i++)
		w->threads[i].depth = 0;
	return true;
}

const struct walk_code *walker_code(const struct walker *w, uint32_t info)
{
	return &w->codes.entries[info].pub;
}

int walker_line(struct walker *w, const struct walk_frame *f)
{
	struct code_entry *c = &w->codes.entries[f->info];
	size_t i = (uint32_t)f->at / 2 % 8;

	if (c->memo[i].at != f->at) {
		c->memo[i].at = f->at;
		c->memo[i].line =
			line_of_frame(w->layout.lines, c->lines, c->nlines,
				      c->pub.first, f->at);
	}
	return c->memo[i].line;
}
