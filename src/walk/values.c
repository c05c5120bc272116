/*
 * Values of objects as text, about as repr() writes them, without running
 * anything: what the bytes of the object say. Bounded in bytes, depth, items
 * and time; what cannot be read is <?>.
 *
 * Where each kind has its bytes: the layout, else the fixed parts of
 * Include/ (longobject, floatobject, complexobject, setobject): the same from
 * 2.7 to 3.15 behind the object's head.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "walk_priv.h"

#define HEAD_BYTES 96
#define TYPE_NAME_MAX 64
#define TYPES_MAX 64 /* remembered */
#define DEPTH_LIMIT 16
#define INT_DIGITS_MAX 64 /* of 30 bits: 578 decimal ones */
#define INT_DIGITS_SANE (1ull << 44) /* that an address space can hold */
#define TORN "<?>"

/* Bits of tp_flags (Include/object.h; 2.7 has the first one for int). */
enum subclass { SUB_INT2 = 23, SUB_INT, SUB_LIST, SUB_TUPLE, SUB_BYTES,
		SUB_STR, SUB_DICT };

struct type_seen {
	raddr addr;
	uint64_t flags;
	char name[TYPE_NAME_MAX + 1]; /* as the target has it: not clean */
};

struct object {
	raddr addr;
	unsigned char head[HEAD_BYTES];
	size_t got;
	const struct type_seen *type;
};

struct repr {
	struct walker *w;
	const struct value_limits *limits;
	struct str *out;
	size_t end; /* of out: there it is cut */
	raddr path[DEPTH_LIMIT]; /* the containers that we are in */
	unsigned depth;
	struct type_seen types[TYPES_MAX];
	size_t ntypes;
};

static void add_value(struct repr *r, raddr addr);

static bool is_full(const struct repr *r)
{
	return r->out->len >= r->end || clock_mono() > r->limits->until;
}

static uint64_t head_word(const struct object *o, int32_t off)
{
	return field_of(o->head, o->got, off);
}

/* What follows the head of an object of variable size. */
static int32_t body(const struct repr *r, int32_t off)
{
	return r->w->layout.object.var_size + off;
}

/* ---- types ---- */

static bool type_read(struct walker *w, raddr addr, struct type_seen *t)
{
	const struct layout *l = &w->layout;
	raddr name = object_word(w, addr + (raddr)l->object.type_name);
	struct range range = {.addr = name, .len = TYPE_NAME_MAX, .to = t->name};
	unsigned char flags[8];

	memset(t, 0, sizeof(*t));
	if (!name || remote_batch(w->remote, &range, 1) ||
	    (range.got < TYPE_NAME_MAX && !memchr(t->name, 0, range.got)) ||
	    remote_read(w->remote, addr + (raddr)l->object.type_flags, flags,
			sizeof(flags)))
		return false;
	t->addr = addr;
	t->flags = at_u64(flags, sizeof(flags), 0);
	return true;
}

static const struct type_seen *type_of(struct repr *r, raddr addr)
{
	size_t i;

	for (i = 0; i < r->ntypes; i++)
		if (r->types[i].addr == addr)
			return &r->types[i];
	if (r->ntypes == TYPES_MAX)
		r->ntypes = 0;
	if (!addr || !type_read(r->w, addr, &r->types[r->ntypes]))
		return NULL;
	return &r->types[r->ntypes++];
}

static bool is_a(const struct object *o, enum subclass bit)
{
	return o->type->flags >> bit & 1;
}

static bool is_named(const struct object *o, const char *name)
{
	return !strcmp(o->type->name, name);
}

static void add_instance(struct repr *r, const struct object *o)
{
	str_addc(r->out, '<');
	str_adds_clean(r->out, o->type->name);
	str_addf(r->out, " at 0x%llx>", (unsigned long long)o->addr);
}

static void add_class(struct repr *r, const struct object *o)
{
	struct type_seen t;

	if (!type_read(r->w, o->addr, &t)) {
		str_adds(r->out, TORN);
		return;
	}
	str_adds(r->out, "<class '");
	str_adds_clean(r->out, t.name);
	str_adds(r->out, "'>");
}

/* ---- numbers ---- */

struct digits {
	uint32_t at[INT_DIGITS_MAX]; /* least first, 30 bits each */
	size_t n;
	bool negative;
};

/* limbs = limbs * 2^30 + digit, in base 10^9; how many there are by now. */
static size_t shift_in(uint32_t *limbs, size_t n, uint32_t digit)
{
	uint64_t carry = digit;
	size_t i;

	for (i = 0; i < n; i++) {
		carry += (uint64_t)limbs[i] << 30;
		limbs[i] = (uint32_t)(carry % 1000000000u);
		carry /= 1000000000u;
	}
	for (; carry; carry /= 1000000000u)
		limbs[n++] = (uint32_t)(carry % 1000000000u);
	return n;
}

static void add_digits(struct repr *r, const struct digits *d)
{
	uint32_t limbs[INT_DIGITS_MAX * 2];
	size_t i, n = 0;

	for (i = d->n; i-- > 0;)
		n = shift_in(limbs, n, d->at[i] & 0x3fffffffu);
	if (!n) {
		str_addc(r->out, '0');
		return;
	}
	if (d->negative)
		str_addc(r->out, '-');
	str_addf(r->out, "%u", limbs[n - 1]);
	for (i = n - 1; i-- > 0;)
		str_addf(r->out, "%09u", limbs[i]);
}

static void add_long(struct repr *r, const struct object *o)
{
	const struct layout *l = &r->w->layout;
	int64_t size = (int64_t)head_word(o, l->object.int_size);
	struct digits d = {.negative = size < 0};
	uint64_t n = size < 0 ? 0 - (uint64_t)size : (uint64_t)size;

	if (l->object.int_tagged) {
		d.negative = (size & 3) == 2;
		n = (size & 3) == 1 ? 0 : (uint64_t)size >> 3;
	}
	if (n > INT_DIGITS_MAX) {
		if (n > INT_DIGITS_SANE)
			str_adds(r->out, TORN);
		else
			str_addf(r->out, "<int of %llu bits or so>",
				 (unsigned long long)n * 30);
		return;
	}
	d.n = (size_t)n;
	if (n && remote_read(r->w->remote,
			     o->addr + (raddr)l->object.int_digits, d.at,
			     n * sizeof(*d.at)))
		str_adds(r->out, TORN);
	else
		add_digits(r, &d);
}

static void add_int(struct repr *r, const struct object *o)
{
	if (r->w->layout.object.int_plain && is_a(o, SUB_INT2))
		str_addf(r->out, "%lld", (long long)head_word(
				 o, r->w->layout.object.int_size));
	else
		add_long(r, o);
	if (is_named(o, "long"))
		str_addc(r->out, 'L');
}

static void add_bool(struct repr *r, const struct object *o)
{
	const struct layout *l = &r->w->layout;
	uint64_t v = head_word(o, l->object.int_size);

	/* True has one digit. */
	str_adds(r->out, (l->object.int_tagged ? v >> 3 : v) ? "True" : "False");
}

/* The shortest text that reads back as the same number. */
static void add_double(struct repr *r, uint64_t bits, bool dot)
{
	char text[40];
	int digits;
	double v;

	memcpy(&v, &bits, sizeof(v));
	if (isnan(v) || isinf(v)) {
		str_adds(r->out, isnan(v) ? "nan" : v < 0 ? "-inf" : "inf");
		return;
	}
	for (digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	/* Where C begins to write exponents, repr() does a little later. */
	if (strchr(text, 'e') && fabs(v) >= 1 && fabs(v) < 1e16)
		snprintf(text, sizeof(text), "%.0f", v);
	str_adds(r->out, text);
	if (dot && !strpbrk(text, ".e"))
		str_adds(r->out, ".0");
}

static void add_float(struct repr *r, const struct object *o)
{
	add_double(r, head_word(o, body(r, 0)), true);
}

static void add_complex(struct repr *r, const struct object *o)
{
	uint64_t real = head_word(o, body(r, 0)), imag = head_word(o, body(r, 8));

	if (real) {
		str_addc(r->out, '(');
		add_double(r, real, false);
		if (!(imag >> 63))
			str_addc(r->out, '+');
	}
	add_double(r, imag, false);
	str_adds(r->out, real ? "j)" : "j");
}

/* ---- text and bytes ---- */

/* How many bytes of text are still worth to be read. */
static size_t room(const struct repr *r)
{
	return r->end > r->out->len ? r->end - r->out->len : 0;
}

/* Between quotes, with what would end it or the line escaped. */
static void add_quoted(struct repr *r, const char *text, size_t len, bool bytes)
{
	char quote = memchr(text, '\'', len) && !memchr(text, '"', len) ? '"'
									: '\'';
	const char *from = text, *end = text + len;
	unsigned char c;

	str_addc(r->out, quote);
	for (; text < end; text++) {
		c = (unsigned char)*text;
		if (c >= ' ' && c != '\\' && c != (unsigned char)quote &&
		    c != 0x7f && !(bytes && c > 0x7f))
			continue;
		str_add_clean(r->out, from, (size_t)(text - from));
		from = text + 1;
		if (c == '\\' || c == (unsigned char)quote)
			str_addf(r->out, "\\%c", c);
		else if (c == '\n' || c == '\r' || c == '\t')
			str_addf(r->out, "\\%c",
				 c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
		else
			str_addf(r->out, "\\x%02x", c);
	}
	str_add_clean(r->out, from, (size_t)(end - from));
	str_addc(r->out, quote);
}

/* Bytes of the target, to be freed; NULL when they cannot be read. */
static unsigned char *copy(struct repr *r, raddr from, size_t n)
{
	unsigned char *data = xmalloc(n + 1);

	if (!n || !remote_read(r->w->remote, from, data, n))
		return data;
	free(data);
	str_adds(r->out, TORN);
	return NULL;
}

static void add_str(struct repr *r, const struct object *o)
{
	struct text_place place;
	unsigned char *data;
	struct str text;
	uint64_t n;

	if (text_place_of(&r->w->layout, o->head, o->got, &place)) {
		str_adds(r->out, TORN);
		return;
	}
	n = place.units < room(r) ? place.units : room(r) + 1;
	data = copy(r, place.pointer ? place.at : o->addr + place.at,
		    n * place.width);
	if (!data)
		return;
	str_init(&text);
	text_decode(&text, &place, data, n * place.width);
	add_quoted(r, text.data, text.len, false);
	if (n < place.units)
		str_adds(r->out, "...");
	str_release(&text);
	free(data);
}

/* Units of 4 bytes, read as such, are characters. */
static bool is_wide(const unsigned char *data, size_t len)
{
	size_t i;

	for (i = 0; i + 4 <= len; i += 4)
		if (at_u32(data, len, i) > 0x10ffff)
			return false;
	return true;
}

/* UTF-16, as builds of 2.7 with narrow characters have it. */
static void add_narrow(struct str *text, const unsigned char *data, size_t n)
{
	uint32_t unit, high = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		unit = data[2 * i] | (uint32_t)data[2 * i + 1] << 8;
		if (high && unit >> 10 == 0xdc00 >> 10)
			str_add_point(text, 0x10000 + ((high & 0x3ff) << 10) +
						    (unit & 0x3ff));
		else if (unit >> 10 != 0xd800 >> 10)
			str_add_point(text, unit);
		high = unit >> 10 == 0xd800 >> 10 ? unit : 0;
	}
}

/* 2.7's unicode: length, pointer to the text; units of 4 bytes or of 2. */
static void add_unicode(struct repr *r, const struct object *o)
{
	uint64_t units = head_word(o, 16), i, n;
	unsigned char *data;
	struct str text;

	n = units < room(r) ? units : room(r) + 1;
	/* The 0 at its end counts: there is enough to be read. */
	data = copy(r, head_word(o, 24), n * 2 + 2);
	if (!data)
		return;
	str_init(&text);
	if (is_wide(data, n * 2)) {
		free(data);
		data = copy(r, head_word(o, 24), n * 4);
		for (i = 0; data && i < n; i++)
			str_add_point(&text, at_u32(data, n * 4, i * 4));
	} else {
		add_narrow(&text, data, n);
	}
	if (data) {
		str_addc(r->out, 'u');
		add_quoted(r, text.data, text.len, false);
		if (n < units)
			str_adds(r->out, "...");
	}
	str_release(&text);
	free(data);
}

static void add_bytes(struct repr *r, const struct object *o)
{
	const struct layout *l = &r->w->layout;
	uint64_t size = head_word(o, l->object.var_size), n;
	unsigned char *data;

	n = size < room(r) ? size : room(r) + 1;
	data = copy(r, o->addr + (raddr)l->object.bytes_data, n);
	if (!data)
		return;
	if (l->major > 2)
		str_addc(r->out, 'b');
	add_quoted(r, (char *)data, n, true);
	if (n < size)
		str_adds(r->out, "...");
	free(data);
}

/* ---- containers ---- */

/* What is shown of `n` items. */
static size_t shown_of(const struct repr *r, uint64_t n)
{
	return n < r->limits->items ? (size_t)n : r->limits->items;
}

/* `n` items, of which the addresses of the first ones are at `items`. */
static void add_items(struct repr *r, raddr items, uint64_t n)
{
	size_t i, shown = shown_of(r, n);
	raddr *at = xcalloc(shown + 1, sizeof(*at));

	if (shown && remote_read(r->w->remote, items, at, shown * 8)) {
		str_adds(r->out, TORN);
		free(at);
		return;
	}
	for (i = 0; i < shown && !is_full(r); i++) {
		str_adds(r->out, i ? ", " : "");
		add_value(r, at[i]);
	}
	if (i < n)
		str_adds(r->out, i ? ", ..." : "...");
	free(at);
}

static void add_list(struct repr *r, const struct object *o)
{
	const struct layout *l = &r->w->layout;

	str_addc(r->out, '[');
	add_items(r, head_word(o, l->object.list_items),
		  head_word(o, l->object.var_size));
	str_addc(r->out, ']');
}

static void add_tuple(struct repr *r, const struct object *o)
{
	const struct layout *l = &r->w->layout;
	uint64_t n = head_word(o, l->object.var_size);

	str_addc(r->out, '(');
	add_items(r, o->addr + (raddr)l->object.tuple_items, n);
	str_adds(r->out, n == 1 ? ",)" : ")");
}

/* More entries than items: there are holes. */
#define HOLES 4

static void add_dict(struct repr *r, const struct object *o)
{
	const struct layout *l = &r->w->layout;
	uint64_t used = head_word(o, l->object.dict_used);
	size_t i, shown = 0, most = r->limits->items * HOLES + 8;
	struct table t;
	raddr value;

	str_addc(r->out, '{');
	if (!used || dict_table(r->w, o->addr, most, &t)) {
		str_adds(r->out, used ? TORN "}" : "}");
		return;
	}
	for (i = 0; i < t.n && shown < shown_of(r, used) && !is_full(r); i++) {
		value = table_value(r->w, &t, i);
		if (!value || !table_key(&t, i))
			continue;
		str_adds(r->out, shown++ ? ", " : "");
		add_value(r, table_key(&t, i));
		str_adds(r->out, ": ");
		add_value(r, value);
	}
	if (shown < used) {
		str_adds(r->out, shown ? ", " : "");
		str_adds(r->out, i == t.n && t.n < most ? TORN : "...");
	}
	str_addc(r->out, '}');
	free(t.bytes);
}

#define SET_ENTRY 16

/* A key of a set that is none: deleted. */
static bool is_dummy(struct repr *r, raddr key)
{
	const struct type_seen *t = type_of(
		r, object_word(r->w, key + (raddr)r->w->layout.object.type));

	return t && !strcmp(t->name, "object");
}

static void add_set_items(struct repr *r, const struct object *o)
{
	uint64_t used = head_word(o, body(r, 8)), mask = head_word(o, body(r, 16));
	size_t i, n, shown = 0, most = r->limits->items * HOLES * HOLES + 8;
	bool py2 = r->w->layout.major == 2; /* the hash comes first */
	unsigned char *table;
	raddr key;

	n = mask < most ? (size_t)mask + 1 : most;
	table = xmalloc(n * SET_ENTRY);
	if (remote_read(r->w->remote, head_word(o, body(r, 24)), table,
			n * SET_ENTRY)) {
		str_adds(r->out, TORN);
		free(table);
		return;
	}
	for (i = 0; i < n && shown < shown_of(r, used) && !is_full(r); i++) {
		key = at_u64(table, n * SET_ENTRY, i * SET_ENTRY + (py2 ? 8 : 0));
		if (!key || is_dummy(r, key))
			continue;
		str_adds(r->out, shown++ ? ", " : "");
		add_value(r, key);
	}
	if (shown < used)
		str_adds(r->out, shown ? ", ..." : "...");
	free(table);
}

static void add_set(struct repr *r, const struct object *o)
{
	bool py2 = r->w->layout.major == 2;
	bool named = py2 || is_named(o, "frozenset");

	if (!py2 && !head_word(o, body(r, 8))) {
		str_adds_clean(r->out, o->type->name);
		str_adds(r->out, "()");
		return;
	}
	if (named) {
		str_adds_clean(r->out, o->type->name);
		str_addc(r->out, '(');
	}
	str_addc(r->out, py2 ? '[' : '{');
	add_set_items(r, o);
	str_addc(r->out, py2 ? ']' : '}');
	if (named)
		str_addc(r->out, ')');
}

/* ---- what it is ---- */

static void add_none(struct repr *r, const struct object *o)
{
	(void)o;
	str_adds(r->out, "None");
}

/*
 * Kinds by the exact name of the type, and by the bit that its subclasses
 * have, too. The first row that fits counts.
 */
static const struct kind {
	const char *name;
	uint8_t bit; /* 0: none */
	uint8_t needs; /* bytes of its body that are part of every one */
	const char *closed; /* of a container: what stands for all that it has */
	void (*add)(struct repr *r, const struct object *o);
} kinds[] = {
	{"NoneType", 0, 0, NULL, add_none},
	{"bool", 0, 8, NULL, add_bool},
	{"float", 0, 8, NULL, add_float},
	{"complex", 0, 16, NULL, add_complex},
	{"set", 0, 32, "{...}", add_set},
	{"frozenset", 0, 32, "frozenset({...})", add_set},
	{"type", 0, 0, NULL, add_class},
	{"int", SUB_INT, 8, NULL, add_int},
	{"int", SUB_INT2, 8, NULL, add_int},
	{"long", SUB_INT, 8, NULL, add_int},
	{"list", SUB_LIST, 16, "[...]", add_list},
	{"tuple", SUB_TUPLE, 8, "(...)", add_tuple},
	{"bytes", SUB_BYTES, 8, NULL, add_bytes},
	{"str", SUB_BYTES, 8, NULL, add_bytes}, /* 2.7 */
	{"str", SUB_STR, 0, NULL, add_str},
	{"unicode", SUB_STR, 16, NULL, add_unicode}, /* 2.7 */
	{"dict", SUB_DICT, 32, "{...}", add_dict},
};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

/* *exact: it is of that very type, not of a subclass. */
static const struct kind *kind_of(const struct object *o, bool *exact)
{
	const struct kind *found = NULL;
	size_t i;

	*exact = false;
	for (i = 0; i < KINDS; i++) {
		if (kinds[i].bit ? !is_a(o, kinds[i].bit)
				 : !is_named(o, kinds[i].name))
			continue;
		*exact = is_named(o, kinds[i].name);
		if (*exact)
			return &kinds[i];
		if (!found)
			found = &kinds[i];
	}
	return found;
}

static bool is_around(const struct repr *r, raddr addr)
{
	unsigned i;

	for (i = 0; i < r->depth; i++)
		if (r->path[i] == addr)
			return true;
	return false;
}

static void add_kind(struct repr *r, const struct object *o,
		     const struct kind *kind)
{
	if (o->got < (size_t)body(r, kind->needs)) {
		str_adds(r->out, TORN);
		return;
	}
	if (!kind->closed) {
		kind->add(r, o);
		return;
	}
	if (r->depth >= r->limits->depth || r->depth >= DEPTH_LIMIT ||
	    is_around(r, o->addr)) {
		str_adds(r->out, kind->closed);
		return;
	}
	r->path[r->depth++] = o->addr;
	kind->add(r, o);
	r->depth--;
}

static bool read_object(struct repr *r, raddr addr, struct object *o)
{
	struct range range = {.addr = addr, .len = HEAD_BYTES, .to = o->head};

	*o = (struct object){.addr = addr};
	range.to = o->head;
	if (!addr || remote_batch(r->w->remote, &range, 1))
		return false;
	o->got = range.got;
	o->type = type_of(r, head_word(o, r->w->layout.object.type));
	return o->type != NULL;
}

static void add_value(struct repr *r, raddr addr)
{
	const struct kind *kind;
	struct type_seen type;
	struct object o;
	bool exact;

	if (is_full(r)) {
		str_adds(r->out, "...");
		return;
	}
	if (!read_object(r, addr, &o)) {
		str_adds(r->out, TORN);
		return;
	}
	/* The table of types may be filled anew meanwhile. */
	type = *o.type;
	o.type = &type;
	kind = kind_of(&o, &exact);
	if (!kind) {
		add_instance(r, &o);
		return;
	}
	if (!exact) {
		str_adds_clean(r->out, type.name);
		str_addc(r->out, '(');
	}
	add_kind(r, &o, kind);
	if (!exact)
		str_addc(r->out, ')');
}

bool value_is(struct walker *w, raddr object, const char *type)
{
	raddr of = object_word(w, object + (raddr)w->layout.object.type);
	struct type_seen t;

	return of && type_read(w, of, &t) && !strcmp(t.name, type);
}

/* It may be a little over, since what is escaped is longer. */
static void cut(struct repr *r)
{
	size_t end = r->end;

	if (r->out->len <= end)
		return;
	while (end && ((unsigned char)r->out->data[end] & 0xc0) == 0x80)
		end--;
	r->out->len = end;
	r->out->data[end] = '\0';
	str_adds(r->out, "...");
}

void value_text(struct walker *w, raddr object,
		const struct value_limits *limits, struct str *out)
{
	struct repr r = {.w = w, .limits = limits, .out = out,
			 .end = out->len + limits->bytes};

	add_value(&r, object);
	cut(&r);
}
