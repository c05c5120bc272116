#include <stdlib.h>
#include <string.h>

#include "base.h"

struct map_slot {
	uint64_t key;
	uint32_t value; /* MAP_NONE: free */
};

struct intern_entry {
	const char *text;
	uint32_t len, hash;
};

/* The finalizer of splitmix64: every input bit reaches every output bit. */
uint64_t hash_u64(uint64_t v)
{
	v ^= v >> 30;
	v *= 0xbf58476d1ce4e5b9u;
	v ^= v >> 27;
	v *= 0x94d049bb133111ebu;
	return v ^ v >> 31;
}

uint64_t hash_bytes(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = 0x9e3779b97f4a7c15u ^ len, v;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&v, p, 8);
		h = hash_u64(h ^ v);
	}
	v = 0;
	if (len)
		memcpy(&v, p, len);
	return hash_u64(h ^ v);
}

void map_init(struct map *m)
{
	m->slots = NULL;
	m->len = m->cap = 0;
}

void map_release(struct map *m)
{
	free(m->slots);
	map_init(m);
}

void map_clear(struct map *m)
{
	size_t i;

	for (i = 0; i < m->cap; i++)
		m->slots[i].value = MAP_NONE;
	m->len = 0;
}

/* The slot of the key, or the free one where it belongs. cap > len. */
static struct map_slot *slot_of(const struct map *m, uint64_t key)
{
	size_t i = hash_u64(key) & (m->cap - 1);

	while (m->slots[i].value != MAP_NONE && m->slots[i].key != key)
		i = (i + 1) & (m->cap - 1);
	return &m->slots[i];
}

uint32_t map_get(const struct map *m, uint64_t key)
{
	return m->cap ? slot_of(m, key)->value : MAP_NONE;
}

static void map_grow(struct map *m)
{
	struct map old = *m;
	size_t i;

	m->cap = old.cap ? old.cap * 2 : 64;
	m->slots = xreallocarray(NULL, m->cap, sizeof(*m->slots));
	map_clear(m);
	m->len = old.len;
	for (i = 0; i < old.cap; i++)
		if (old.slots[i].value != MAP_NONE)
			*slot_of(m, old.slots[i].key) = old.slots[i];
	free(old.slots);
}

void map_put(struct map *m, uint64_t key, uint32_t value)
{
	struct map_slot *slot;

	if (m->len * 3 >= m->cap * 2)
		map_grow(m);
	slot = slot_of(m, key);
	if (slot->value == MAP_NONE)
		m->len++;
	slot->key = key;
	slot->value = value;
}

#define SLOT_FREE UINT32_MAX

void intern_init(struct intern *in)
{
	memset(in, 0, sizeof(*in));
	in->arena = arena_new();
	intern_add(in, "", 0);
}

void intern_release(struct intern *in)
{
	free(in->entries);
	free(in->slots);
	arena_free(in->arena);
	memset(in, 0, sizeof(*in));
}

void intern_clear(struct intern *in)
{
	intern_release(in);
	intern_init(in);
}

static uint32_t *intern_slot(const struct intern *in, uint32_t hash,
			     const void *data, size_t len)
{
	const struct intern_entry *e;
	size_t i = hash & (in->nslots - 1);

	for (; in->slots[i] != SLOT_FREE; i = (i + 1) & (in->nslots - 1)) {
		e = &in->entries[in->slots[i]];
		if (e->hash == hash && e->len == len &&
		    (!len || !memcmp(e->text, data, len)))
			break;
	}
	return &in->slots[i];
}

static void intern_grow(struct intern *in)
{
	size_t i, n = in->nslots ? in->nslots * 2 : 64;
	size_t at;

	free(in->slots);
	in->slots = xreallocarray(NULL, n, sizeof(*in->slots));
	in->nslots = n;
	for (i = 0; i < n; i++)
		in->slots[i] = SLOT_FREE;
	for (i = 0; i < in->len; i++) {
		at = in->entries[i].hash & (n - 1);
		while (in->slots[at] != SLOT_FREE)
			at = (at + 1) & (n - 1);
		in->slots[at] = (uint32_t)i;
	}
}

uint32_t intern_add(struct intern *in, const void *data, size_t len)
{
	uint32_t hash, *slot;
	char *copy;

	if (in->len * 2 >= in->nslots)
		intern_grow(in);
	hash = (uint32_t)hash_bytes(data, len);
	slot = intern_slot(in, hash, data, len);
	if (*slot != SLOT_FREE)
		return *slot;
	copy = arena_alloc(in->arena, len + 1);
	if (len)
		memcpy(copy, data, len);
	copy[len] = '\0';
	in->entries = grow(in->entries, &in->cap, in->len + 1,
			   sizeof(*in->entries));
	in->entries[in->len] = (struct intern_entry){
		.text = copy, .len = (uint32_t)len, .hash = hash};
	*slot = (uint32_t)in->len;
	return (uint32_t)in->len++;
}

uint32_t intern_adds(struct intern *in, const char *text)
{
	return intern_add(in, text, strlen(text));
}

const char *intern_text(const struct intern *in, uint32_t id, size_t *len)
{
	if (len)
		*len = in->entries[id].len;
	return in->entries[id].text;
}

size_t intern_bytes(const struct intern *in)
{
	return arena_bytes(in->arena) + in->cap * sizeof(*in->entries) +
	       in->nslots * sizeof(*in->slots);
}
