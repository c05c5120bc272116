/*
 * Finds the blocks of a file, whatever happened to it: where one is not right,
 * the next is searched for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reader_priv.h"
#include "recording.h"

#define READ_BYTES (256u << 10)
/* Without a header in so many bytes it is not a recording. */
#define SEARCH_MAX (64u << 20)
/*
 * Bytes of payloads with a wrong checksum that are searched for blocks; with
 * more, such a payload is passed over as a whole. It bounds the time that a
 * file full of overlapping false headers can cost.
 */
#define DOUBT_MAX (256u << 20)

/* Bytes from a file or from memory; data[pos..len) is at hand. */
struct feed {
	int fd; /* -1: memory */
	const uint8_t *data;
	size_t pos, len;
	uint8_t *buffer;
	size_t cap;
	bool end; /* there is no more behind len */
};

struct reader {
	struct feed feed;
	struct chain chain;
	struct block block;
	struct player player;
	struct read_report *report;
	const char *name; /* for messages */
	struct err *err;
	bool damaged; /* what came last was no block */
	bool found;   /* there was a header */
	uint64_t doubt;
	uint32_t later; /* a version that we do not know */
	struct unpacker unpacker;
	uint8_t *raw;
};

/* ---- bytes ---- */

static size_t at_hand(const struct feed *f)
{
	return f->len - f->pos;
}

static const uint8_t *here(const struct feed *f)
{
	return f->data + f->pos;
}

/* A buffer of twice what is wanted, at most: bytes are moved rarely. */
static void make_room(struct feed *f)
{
	size_t left = at_hand(f);

	if (f->pos)
		memmove(f->buffer, f->buffer + f->pos, left);
	f->pos = 0;
	f->len = left;
	if (left >= f->cap / 2)
		f->buffer = grow(f->buffer, &f->cap,
				 f->cap ? f->cap + 1 : READ_BYTES, 1);
	f->data = f->buffer;
}

/*
 * Gets n bytes to hand, or all that there are. The buffer grows with what is
 * there, not with what is claimed.
 */
static int want(struct reader *r, size_t n)
{
	struct feed *f = &r->feed;
	ssize_t got;

	while (at_hand(f) < n && !f->end) {
		if (f->len == f->cap)
			make_room(f);
		got = read(f->fd, f->buffer + f->len, f->cap - f->len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(r->err, -errno, "cannot read '%s': %s",
				       r->name, strerror(errno));
		f->end = got == 0;
		f->len += (size_t)got;
	}
	return 0;
}

/* ---- damage ---- */

static void skip(struct reader *r, size_t bytes)
{
	r->feed.pos += bytes;
	r->report->bytes += bytes;
	r->report->skipped_bytes += bytes;
}

/* A stretch that is damaged counts as one block, however long it is. */
static void note_damage(struct reader *r)
{
	if (!r->damaged)
		r->report->bad_blocks++;
	r->damaged = true;
}

/* Goes on to the next magic behind this place. */
static int search(struct reader *r)
{
	struct feed *f = &r->feed;
	const uint8_t *next;
	int ret;

	note_damage(r);
	skip(r, 1);
	for (;;) {
		ret = want(r, MAGIC_LEN);
		if (ret || at_hand(f) < MAGIC_LEN)
			return ret;
		next = memmem(here(f), at_hand(f), recording_magic,
			      MAGIC_LEN);
		if (next) {
			skip(r, (size_t)(next - here(f)));
			return 0;
		}
		skip(r, at_hand(f) - MAGIC_LEN + 1);
		if (!r->found && r->report->skipped_bytes > SEARCH_MAX)
			f->end = true;
	}
}

/* Fewer bytes than a header are left: what is missing was cut off. */
static void take_rest(struct reader *r)
{
	size_t left = at_hand(&r->feed);
	size_t n = left < MAGIC_LEN ? left : MAGIC_LEN;

	if (left && !memcmp(here(&r->feed), recording_magic, n))
		r->report->cut = 1;
	else if (left)
		note_damage(r);
	skip(r, left);
}

/* ---- blocks ---- */

/* A block whose bytes are right. */
static int take_contents(struct reader *r, const struct header *h)
{
	bool opens = !(h->flags & HEADER_CONTINUES);
	size_t whole = HEADER_LEN + (size_t)h->packed_len;
	struct chain *c = &r->chain;
	int ret;

	r->damaged = false;
	if (!opens && (!c->alive || h->link != c->link)) {
		c->alive = false;
		r->report->bad_blocks++;
		r->report->orphan_blocks++;
		skip(r, whole);
		return 0;
	}
	/* Exactly as large: what reads beyond it is found by sanitizers. */
	free(r->raw);
	r->raw = xmalloc(h->raw_len);
	c->version = h->version;
	c->alive = (!opens || !h->link) &&
		   unpack_payload(&r->unpacker, h,
				  here(&r->feed) + HEADER_LEN, r->raw) &&
		   chain_decode(c, &r->block, r->raw, h->raw_len, opens);
	if (!c->alive) {
		r->report->bad_blocks++;
		skip(r, whole);
		return 0;
	}
	c->link = h->crc;
	ret = player_play(&r->player, c, &r->block);
	r->feed.pos += whole;
	r->report->bytes += whole;
	r->report->blocks++;
	r->report->unknown_records += r->block.unknown;
	if (ret)
		err_set(r->err, ret, "what '%s' holds cannot be used: %s",
			r->name, strerror(-ret));
	return ret;
}

static bool header_is_right(const struct header *h)
{
	return h->version && !(h->flags & ~HEADER_FLAGS) &&
	       h->raw_len && h->raw_len <= RAW_MAX &&
	       h->packed_len <= PACKED_MAX;
}

/* All that is known of it is its length. */
static int take_later(struct reader *r, const struct header *h)
{
	size_t whole = HEADER_LEN + (size_t)h->packed_len;
	int ret;

	r->later = h->version;
	r->report->later_blocks++;
	if (h->packed_len > PACKED_MAX)
		return search(r);
	ret = want(r, whole);
	if (ret)
		return ret;
	if (at_hand(&r->feed) < whole)
		return search(r);
	r->damaged = false;
	r->report->bad_blocks++;
	skip(r, whole);
	return 0;
}

/* The checksum of its header is right. */
static int take_block(struct reader *r, const struct header *h)
{
	size_t whole = HEADER_LEN + (size_t)h->packed_len;
	int ret;

	r->found = true;
	/* What seemed to be cut off at the end of the file was not. */
	r->report->bad_blocks += r->report->cut;
	r->report->cut = 0;
	if (h->version > FORMAT_VERSION)
		return take_later(r, h);
	if (!header_is_right(h))
		return search(r);
	ret = want(r, whole);
	if (ret)
		return ret;
	if (at_hand(&r->feed) < whole) {
		/* Or bytes are missing in it, and more blocks follow. */
		r->report->cut = 1;
		r->damaged = true;
		return search(r);
	}
	if (block_checksum(here(&r->feed) + HEADER_LEN, h->packed_len) == h->crc)
		return take_contents(r, h);
	r->doubt += h->packed_len;
	if (r->doubt <= DOUBT_MAX)
		return search(r);
	note_damage(r);
	skip(r, whole);
	return 0;
}

static int read_all(struct reader *r)
{
	struct header h;
	int ret;

	for (;;) {
		ret = want(r, HEADER_LEN);
		if (ret)
			return ret;
		if (at_hand(&r->feed) < HEADER_LEN)
			break;
		if (header_decode(&h, here(&r->feed)))
			ret = take_block(r, &h);
		else
			ret = search(r);
		if (ret)
			return ret;
	}
	take_rest(r);
	return 0;
}

static int judge(const struct reader *r)
{
	const char *name = r->name;
	struct err *err = r->err;

	if (r->report->blocks)
		return 0;
	if (r->later)
		return err_set(err, -ENOTSUP,
			       "'%s' was written by a later version of "
			       "pystrobe (format %u, this one reads up to %u)",
			       name, r->later, FORMAT_VERSION);
	if (!r->report->bytes)
		return err_set(err, -EBADMSG, "'%s' is empty", name);
	if (r->found || r->report->cut)
		return err_set(err, -EBADMSG,
			       "'%s' is damaged: none of its blocks can be "
			       "read", name);
	return err_set(err, -EBADMSG, "'%s' is not a recording", name);
}

static int read_feed(struct reader *r, struct sink *sink,
		     struct read_report *report)
{
	struct read_report unused;
	int ret;

	if (unpacker_init(&r->unpacker))
		return err_set(r->err, -ENOMEM, "zlib cannot be set up");
	r->report = report ? report : &unused;
	memset(r->report, 0, sizeof(*r->report));
	chain_init(&r->chain);
	player_init(&r->player, sink);
	ret = read_all(r);
	if (!ret)
		ret = judge(r);
	player_release(&r->player);
	chain_release(&r->chain);
	block_release(&r->block);
	unpacker_release(&r->unpacker);
	free(r->raw);
	return ret;
}

int recording_read_bytes(const void *data, size_t len, const char *name,
			 struct sink *sink, struct read_report *report,
			 struct err *err)
{
	struct reader r = {
		.feed = {.fd = -1, .data = data, .len = len, .end = true},
		.name = name,
		.err = err,
	};

	return read_feed(&r, sink, report);
}

static int open_recording(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0)
		return fd;
	return err_set(err, errno == EACCES ? -EPERM : -errno,
		       "cannot read '%s': %s", path, strerror(errno));
}

int recording_read(const char *path, struct sink *sink,
		   struct read_report *report, struct err *err)
{
	bool standard = !strcmp(path, "-");
	struct reader r = {
		.feed = {.fd = STDIN_FILENO},
		.name = standard ? "standard input" : path,
		.err = err,
	};
	int ret;

	if (!standard)
		r.feed.fd = open_recording(path, err);
	if (r.feed.fd < 0)
		return r.feed.fd;
	ret = read_feed(&r, sink, report);
	free(r.feed.buffer);
	if (!standard)
		close(r.feed.fd);
	return ret;
}
