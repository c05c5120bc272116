/*
 * Root frames that say whose stack it is:
 *
 *   pystrobe    "python x.py (process 7)", "MainThread (thread 8)",
 *               "Thread-1 (thread 0x7f12)"
 *   py-spy      process 7:"python x.py", "thread (8): MainThread",
 *               "thread (0x7F12)"
 *   Tachyon     "tid:8"
 *   Austin      "P7;T0:8", or without the interpreter "P7;T8"
 */
#include <string.h>

#include "convert_priv.h"

static bool take_begin(struct piece *p, const char *text)
{
	size_t len = strlen(text);

	if (!piece_begins(p, text))
		return false;
	p->p += len;
	p->len -= len;
	return true;
}

static bool take_pid(const struct piece *digits, struct owner *o)
{
	uint64_t v;

	if (!piece_number(digits, &v) || v > INT32_MAX)
		return false;
	o->pid = (uint32_t)v;
	return true;
}

/* "8" is the kernel's number, "0x7f12" is Python's. */
static bool take_tid(struct piece p, struct owner *o)
{
	bool hex = take_begin(&p, "0x");

	if (hex ? !piece_hex(&p, &o->tid) : !piece_number(&p, &o->tid))
		return false;
	o->made_up = hex || o->tid > INT32_MAX;
	return true;
}

/* "NAME (WORD NUMBER)": the name, and the number as it is written. */
static bool labelled(struct piece frame, const char *word, struct piece *name,
		     struct piece *number)
{
	size_t at = frame.len;

	if (!at || frame.p[at - 1] != ')')
		return false;
	while (at && memcmp(frame.p + at - 1, "(", 1))
		at--;
	if (at < 3 || frame.p[at - 2] != ' ')
		return false;
	*name = (struct piece){frame.p, at - 2};
	*number = (struct piece){frame.p + at, frame.len - at - 1};
	return take_begin(number, word) && take_begin(number, " ");
}

/* What pystrobe calls one without a name. */
static void no_name(struct piece *name, const char *word)
{
	if (piece_is(name, word))
		name->len = 0;
}

bool root_is_process(struct piece frame, struct owner *o)
{
	struct piece name = {frame.p, 0}, number, rest = frame;

	if (labelled(frame, "process", &name, &number)) {
		if (!take_pid(&number, o))
			return false;
		no_name(&name, "process");
		o->command = name;
		return true;
	}
	if (take_begin(&rest, "process ")) {
		number = piece_until(&rest, ':');
		if (rest.len > 1 && rest.p[0] == '"' &&
		    rest.p[rest.len - 1] == '"')
			rest = (struct piece){rest.p + 1, rest.len - 2};
		if (!take_pid(&number, o))
			return false;
		o->command = rest;
		return true;
	}
	return false;
}

/* "thread (8): MainThread" */
static bool of_py_spy(struct piece frame, struct owner *o)
{
	struct piece number;

	if (!take_begin(&frame, "thread ("))
		return false;
	number = piece_until(&frame, ')');
	if (frame.len && !take_begin(&frame, ": "))
		return false;
	if (!take_tid(number, o))
		return false;
	o->name = frame;
	return true;
}

bool root_is_thread(struct piece frame, struct owner *o)
{
	struct piece name = {frame.p, 0}, number, rest = frame;

	if (of_py_spy(frame, o))
		return true;
	if (labelled(frame, "thread", &name, &number)) {
		if (!take_tid(number, o))
			return false;
		no_name(&name, "thread");
		o->name = name;
		return true;
	}
	return take_begin(&rest, "tid:") && take_tid(rest, o);
}

/* "0:8" or "8"; older versions have hexadecimal numbers. */
static bool take_austin(struct piece rest, struct owner *o)
{
	struct piece interp;
	uint64_t v;

	if (rest.len && memchr(rest.p, ':', rest.len)) {
		interp = piece_until(&rest, ':');
		if (!piece_number(&interp, &v) || v > INT32_MAX)
			return false;
		o->interp = (uint32_t)v;
	}
	if (!piece_number(&rest, &o->tid) && !piece_hex(&rest, &o->tid))
		return false;
	o->made_up = o->tid > INT32_MAX;
	return true;
}

bool root_of_austin(struct piece *stack, struct owner *o)
{
	struct piece rest = *stack, part = piece_until(&rest, ';');

	*o = (struct owner){.pid = 0};
	if (!take_begin(&part, "P") || !take_pid(&part, o))
		return false;
	part = piece_until(&rest, ';');
	if (!take_begin(&part, "T") || !take_austin(part, o))
		return false;
	*stack = rest;
	return true;
}
