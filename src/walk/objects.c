/*
 * Objects of a process that runs on: dicts of every kind, attributes of
 * instances. Every table is bounded.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "walk_priv.h"

#define KEYS_AT_ONCE 64u
#define KEY_BYTES 80u /* of a str object that has a short name */

uint64_t object_word(struct walker *w, raddr addr)
{
	unsigned char p[8];

	if (!addr || remote_read(w->remote, addr, p, sizeof(p)))
		return 0;
	return at_u64(p, sizeof(p), 0);
}

static int table_copy(struct walker *w, struct table *t, raddr from,
		      size_t most)
{
	if (!t->n || t->n > DICT_ENTRIES_MAX)
		return -EBADMSG;
	if (t->n > most)
		t->n = most;
	t->len = t->n * t->entry;
	t->entries = from;
	t->bytes = xmalloc(t->len);
	if (remote_read(w->remote, from, t->bytes, t->len) == 0)
		return 0;
	free(t->bytes);
	t->bytes = NULL;
	return -EFAULT;
}

/* 2.7: an open table of {hash, key, value}. */
static int py2_table(struct walker *w, raddr dict, size_t most,
		     struct table *t)
{
	const struct layout *l = &w->layout;
	uint64_t mask = object_word(w, dict + (raddr)l->object.py2_dict_mask);

	if (mask >= DICT_ENTRIES_MAX)
		return -EBADMSG;
	*t = (struct table){.entry = 24, .key = 8, .value = 16,
			    .n = (size_t)mask + 1};
	return table_copy(w, t,
			  object_word(w, dict +
					 (raddr)l->object.py2_dict_table),
			  most);
}

/* Bytes of the index table between the head of the keys and the entries. */
static uint64_t index_bytes(const struct layout *l, const unsigned char *head,
			    size_t len)
{
	uint64_t size;
	unsigned log2;

	if (l->object.keys_log2_index != NO_FIELD) {
		log2 = at_u8(head, len, (size_t)l->object.keys_log2_index);
		return log2 < 32 ? (uint64_t)1 << log2 : UINT64_MAX;
	}
	size = field_of(head, len, l->object.keys_size);
	if (size > DICT_ENTRIES_MAX * 2)
		return UINT64_MAX;
	return size <= 0xff ? size : size <= 0xffff ? size * 2 : size * 4;
}

/* The keys of a dict, or of a class whose instances share them. */
static int keys_table(struct walker *w, raddr keys, size_t most,
		      struct table *t)
{
	const struct layout *l = &w->layout;
	unsigned char head[48];
	uint64_t indices;
	unsigned kind = 0;

	if (!keys || remote_read(w->remote, keys, head, sizeof(head)))
		return -EFAULT;
	indices = index_bytes(l, head, sizeof(head));
	if (indices > DICT_ENTRIES_MAX * 8)
		return -EBADMSG;
	if (l->object.keys_kind != NO_FIELD)
		kind = at_u8(head, sizeof(head), (size_t)l->object.keys_kind);
	*t = (struct table){.entry = 24, .key = 8, .value = 16};
	if (kind) /* only str keys: no hash is stored */
		*t = (struct table){.entry = 16, .key = 0, .value = 8};
	t->n = (size_t)field_of(head, sizeof(head), l->object.keys_entries);
	return table_copy(w, t,
			  keys + (raddr)l->object.keys_indices + indices, most);
}

int dict_table(struct walker *w, raddr dict, size_t most, struct table *t)
{
	const struct layout *l = &w->layout;
	raddr values;
	int ret;

	if (!dict)
		return -EFAULT;
	if (l->object.py2_dict_table != NO_FIELD)
		return py2_table(w, dict, most, t);
	values = object_word(w, dict + (raddr)l->object.dict_values);
	ret = keys_table(w, object_word(w, dict + (raddr)l->object.dict_keys),
			 most, t);
	if (!ret && values) {
		t->value = NO_FIELD;
		t->values = values + (raddr)l->object.values_data;
	}
	return ret;
}

raddr table_key(const struct table *t, size_t i)
{
	return at_u64(t->bytes, t->len, i * t->entry + (size_t)t->key);
}

raddr table_value(struct walker *w, const struct table *t, size_t i)
{
	if (t->value == NO_FIELD)
		return object_word(w, t->values + 8 * i);
	return at_u64(t->bytes, t->len, i * t->entry + (size_t)t->value);
}

/* Whether the beginning of a str object has that short ASCII text. */
static bool text_is(const struct walker *w, const struct range *head,
		    const char *text)
{
	struct text_place place;
	size_t len = strlen(text);

	return !text_place_of(&w->layout, head->to, head->got, &place) &&
	       !place.pointer && place.width == 1 && place.units == len &&
	       place.at <= head->got && len <= head->got - place.at &&
	       !memcmp((const char *)head->to + place.at, text, len);
}

/* The index of a str key in a table; t->n when it has none. */
static size_t index_of(struct walker *w, const struct table *t,
		       const char *key)
{
	unsigned char heads[KEYS_AT_ONCE][KEY_BYTES];
	struct range r[KEYS_AT_ONCE];
	size_t i, at, n;

	for (at = 0; at < t->n; at += n) {
		n = t->n - at < KEYS_AT_ONCE ? t->n - at : KEYS_AT_ONCE;
		for (i = 0; i < n; i++)
			r[i] = (struct range){.addr = table_key(t, at + i),
					      .len = KEY_BYTES,
					      .to = heads[i]};
		if (remote_batch(w->remote, r, n))
			break;
		for (i = 0; i < n; i++)
			if (r[i].addr && text_is(w, &r[i], key))
				return at + i;
	}
	return t->n;
}

raddr dict_item(struct walker *w, raddr dict, const char *key)
{
	raddr value = 0;
	struct table t;
	size_t i;

	if (dict_table(w, dict, DICT_ENTRIES_MAX, &t))
		return 0;
	i = index_of(w, &t, key);
	if (i < t.n)
		value = table_value(w, &t, i);
	free(t.bytes);
	return value;
}

/* ---- attributes of an instance (cpython.md 4.5) ---- */

/*
 * Values that lie apart from the keys, which the class has. Where the key is
 * there is remembered for the next instance: all are asked for the same one.
 */
static raddr shared_item(struct walker *w, raddr type, raddr values,
			 const char *key)
{
	struct shared_key *k = &w->names.shared;
	raddr keys = object_word(
		w, type + (raddr)w->layout.object.ht_cached_keys);
	struct table t;

	if (k->keys != keys || object_word(w, k->entry) != k->key) {
		if (keys_table(w, keys, DICT_ENTRIES_MAX, &t))
			return 0;
		k->index = index_of(w, &t, key);
		k->keys = k->index < t.n ? keys : 0;
		k->entry = t.entries + k->index * t.entry + (raddr)t.key;
		k->key = k->keys ? table_key(&t, k->index) : 0;
		free(t.bytes);
	}
	if (!k->keys)
		return 0;
	return object_word(w, values + (raddr)w->layout.object.values_data +
		    8 * k->index);
}

raddr object_attribute(struct walker *w, raddr object, const char *key)
{
	const struct layout *l = &w->layout;
	raddr type = object_word(w, object + (raddr)l->object.type), at;
	int64_t off = (int64_t)object_word(
		w, type + (raddr)l->object.type_dictoffset);

	if (l->object.managed == MANAGED_NONE || off > 0)
		return off > 0 ? dict_item(w,
					   object_word(w, object + (raddr)off),
					   key)
			       : 0;
	at = object_word(w, object + (raddr)(int64_t)l->object.managed_dict);
	switch (l->object.managed) {
	case MANAGED_POINTERS: /* the values lie before the dict */
		if (at)
			return dict_item(w, at, key);
		at = object + (raddr)(int64_t)l->object.managed_dict - 8;
		return shared_item(w, type, object_word(w, at), key);
	case MANAGED_TAGGED: /* one word: values with bit 0, or a dict */
		if (at & 1)
			return shared_item(w, type, at + 1, key);
		return dict_item(w, at, key);
	default: /* a dict, else values behind the instance */
		if (at)
			return dict_item(w, at, key);
		at = object +
		     object_word(w, type + (raddr)l->object.type_basicsize);
		return shared_item(w, type, at, key);
	}
}
