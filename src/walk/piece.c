#include <stdlib.h>

#include "walk_priv.h"

void piece_release(struct piece *p)
{
	free(p->copy[0]);
	free(p->copy[1]);
}

void piece_aim(struct piece *p, raddr addr, size_t len)
{
	if (len > p->cap) {
		/* Old bytes are worth nothing: no realloc. */
		piece_release(p);
		p->cap = (len + 63) & ~(size_t)63;
		p->copy[0] = xmalloc(p->cap);
		p->copy[1] = xmalloc(p->cap);
	}
	p->addr = addr;
	p->len = len;
	p->got[0] = p->got[1] = 0;
}

bool piece_whole(const struct piece *p, int n)
{
	return p->len && p->got[n] == p->len;
}

void batch_add(struct batch *b, struct piece *p, int copy)
{
	p->got[copy] = 0;
	if (!p->len)
		return;
	b->ranges = grow(b->ranges, &b->cap_ranges, b->len + 1,
			 sizeof(*b->ranges));
	b->items = grow(b->items, &b->cap_items, b->len + 1,
			sizeof(*b->items));
	b->ranges[b->len] = (struct range){
		.addr = p->addr, .len = p->len, .to = p->copy[copy]};
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
