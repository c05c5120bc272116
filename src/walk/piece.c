#include <stdlib.h>
#include <string.h>

#include "walk_priv.h"

void piece_release(struct piece *p)
{
	size_t i;

	for (i = 0; i < COPIES; i++)
		free(p->copy[i]);
	free(p->kept);
}

void piece_reset(struct piece *p)
{
	memset(p->got, 0, sizeof(p->got));
}

void piece_forget(struct piece *p, unsigned n)
{
	for (; n < COPIES; n++) {
		free(p->copy[n]);
		p->copy[n] = NULL;
		p->got[n] = 0;
	}
}

void piece_aim(struct piece *p, raddr addr, size_t len)
{
	if (len > p->cap) {
		/* Old bytes are worth nothing: no realloc. */
		piece_release(p);
		p->cap = (len + 63) & ~(size_t)63;
		memset(p->copy, 0, sizeof(p->copy));
		p->kept = NULL;
		p->nkept = 0;
	}
	if (addr != p->addr)
		p->nkept = 0;
	p->addr = addr;
	p->len = len;
	piece_reset(p);
}

void piece_set(struct piece *p, raddr addr, const void *bytes, size_t len)
{
	piece_aim(p, addr, len);
	if (!p->copy[0])
		p->copy[0] = xmalloc(p->cap);
	memcpy(p->copy[0], bytes, len);
	p->got[0] = len;
}

bool piece_whole(const struct piece *p, int n)
{
	return p->len && p->got[n] == p->len;
}

void piece_take(struct piece *p, unsigned n)
{
	unsigned char *swap = p->copy[0];

	p->copy[0] = p->copy[n];
	p->got[0] = p->got[n];
	p->copy[n] = swap;
	p->got[n] = 0;
}

void piece_keep(struct piece *p)
{
	unsigned char *swap = p->kept;

	p->kept = p->copy[0];
	p->nkept = p->got[0];
	p->copy[0] = swap;
	p->got[0] = 0;
}

/* ---- many ---- */

static int by_address(const void *a, const void *b)
{
	raddr x = *(const raddr *)a, y = *(const raddr *)b;

	return (x > y) - (x < y);
}

static struct piece *pieces_at(struct pieces *p, size_t i)
{
	size_t old = p->cap;

	p->at = grow(p->at, &p->cap, i + 1, sizeof(*p->at));
	if (p->cap > old)
		memset(p->at + old, 0, (p->cap - old) * sizeof(*p->at));
	return &p->at[i];
}

void pieces_cover(struct pieces *p, raddr *addrs, size_t n, size_t len)
{
	struct piece *piece;
	size_t i, end;

	if (n)
		qsort(addrs, n, sizeof(*addrs), by_address);
	p->len = 0;
	for (i = 0; i < n; i = end) {
		for (end = i + 1; end < n; end++)
			if (addrs[end] - addrs[end - 1] > len + NEAR)
				break;
		piece = pieces_at(p, p->len++);
		if (piece->addr != addrs[i] ||
		    piece->len != addrs[end - 1] - addrs[i] + len)
			piece_aim(piece, addrs[i],
				  (size_t)(addrs[end - 1] - addrs[i]) + len);
	}
}

struct piece *pieces_place(struct pieces *p, size_t i, raddr addr)
{
	struct piece swap;
	size_t j;

	for (j = i; j < p->len; j++)
		if (p->at[j].addr == addr)
			break;
	/* One beyond may have been used before, for this very address. */
	if (j == p->len)
		piece_reset(pieces_at(p, p->len++));
	swap = p->at[i];
	p->at[i] = p->at[j];
	p->at[j] = swap;
	return &p->at[i];
}

void pieces_release(struct pieces *p)
{
	size_t i;

	for (i = 0; i < p->cap; i++)
		piece_release(&p->at[i]);
	free(p->at);
	memset(p, 0, sizeof(*p));
}

int32_t pieces_find(const struct pieces *p, raddr addr, size_t bytes)
{
	size_t i;

	for (i = 0; i < p->len; i++)
		if (addr >= p->at[i].addr &&
		    addr - p->at[i].addr < p->at[i].len &&
		    p->at[i].len - (addr - p->at[i].addr) >= bytes)
			return (int32_t)i;
	return -1;
}

/* ---- batches ---- */

void batch_add(struct batch *b, struct piece *p, int copy)
{
	batch_add_part(b, p, copy, p->len);
}

void batch_add_part(struct batch *b, struct piece *p, int copy, size_t len)
{
	p->got[copy] = 0;
	if (!len)
		return;
	/* Of most pieces not all copies are ever read. */
	if (!p->copy[copy])
		p->copy[copy] = xmalloc(p->cap);
	b->ranges = grow(b->ranges, &b->cap_ranges, b->len + 1,
			 sizeof(*b->ranges));
	b->items = grow(b->items, &b->cap_items, b->len + 1,
			sizeof(*b->items));
	b->ranges[b->len] = (struct range){
		.addr = p->addr, .len = len, .to = p->copy[copy]};
	b->items[b->len] = (struct batch_item){p, copy};
	b->len++;
}

int batch_read(struct batch *b, struct remote *r)
{
	size_t i, n = b->len;
	int ret;

	b->len = 0;
	if (!n)
		return 0;
	ret = remote_batch(r, b->ranges, n);
	if (ret)
		return ret;
	for (i = 0; i < n; i++)
		b->items[i].piece->got[b->items[i].copy] = b->ranges[i].got;
	return 0;
}

uint64_t field_of(const void *data, size_t len, int32_t off)
{
	return off < 0 ? 0 : at_u64(data, len, (size_t)off);
}
