/*
 * Panes of plain text: the help, and what a started program wrote.
 */
#include <string.h>

#include "render.h"
#include "tui_priv.h"

size_t text_lines(const char *text)
{
	size_t n = 0;

	for (; *text; n++) {
		text = strchr(text, '\n');
		if (!text)
			return n + 1;
		text++;
	}
	return n;
}

/* ---- what a program wrote for a terminal ---- */

#define ESC '\033'
#define TAB 8u

/* A line as a terminal would show it now. */
struct written {
	struct str *out;
	size_t columns;
	size_t back; /* characters that the next one goes before */
};

static void erase_last(struct written *w)
{
	size_t at = w->out->len;

	while (at && (w->out->data[--at] & 0xc0) == 0x80)
		;
	w->columns -= text_columns(w->out->data + at, w->out->len - at);
	w->out->len = at;
	w->out->data[at] = '\0';
}

/* What stands behind the cursor goes when something is written there. */
static void erase_behind(struct written *w)
{
	for (; w->back && w->out->len; w->back--)
		erase_last(w);
	w->back = 0;
}

static void write_character(struct written *w, const char *p, size_t n)
{
	erase_behind(w);
	str_add(w->out, p, n);
	w->columns += text_columns(p, n);
}

static void write_tab(struct written *w)
{
	do
		write_character(w, " ", 1);
	while (w->columns % TAB);
}

/* Behind "ESC [": parameters up to a letter, of which K erases. */
static const char *skip_csi(struct written *w, const char *p, const char *end)
{
	while (p < end && *p >= ' ' && *p <= '?')
		p++;
	if (p == end || *p < '@' || *p > '~')
		return p;
	if (*p == 'K')
		erase_behind(w);
	return p + 1;
}

/* Behind "ESC ]" and the like: a string up to BEL or "ESC \". */
static const char *skip_string(const char *p, const char *end)
{
	const char *at;

	for (at = p; at < end; at++) {
		if (*at == '\a')
			return at + 1;
		if (*at == ESC && at + 1 < end && at[1] == '\\')
			return at + 2;
	}
	return p; /* it has no end, so it is text */
}

/* ECMA-48, 5.4 and 5.6. */
static const char *skip_escape(struct written *w, const char *p,
			       const char *end)
{
	if (p < end && *p == '[')
		return skip_csi(w, p + 1, end);
	if (p < end && strchr("]PX^_", *p))
		return skip_string(p + 1, end);
	while (p < end && *p >= ' ' && *p <= '/')
		p++;
	return p < end && *p >= '0' && *p <= '~' ? p + 1 : p;
}

static const char *skip_character(const char *p, const char *end)
{
	for (p++; p < end && (*p & 0xc0) == 0x80; p++)
		;
	return p;
}

static void settle(struct str *out, const char *p, const char *end)
{
	struct written w = {.out = out};
	const char *next;

	for (; p < end; p = next) {
		next = p + 1;
		if (*p == '\r')
			w.back = SIZE_MAX;
		else if (*p == '\b')
			w.back += w.back < SIZE_MAX;
		else if (*p == '\t')
			write_tab(&w);
		else if (*p == ESC)
			next = skip_escape(&w, next, end);
		else if (*p != '\a') {
			next = skip_character(p, end);
			write_character(&w, p, (size_t)(next - p));
		}
	}
}

/* The line from that column on. */
static void put_from(struct grid *g, unsigned y, const struct str *line,
		     size_t column)
{
	const char *p, *next;
	struct str clean;
	size_t w;

	str_init(&clean);
	str_add_clean(&clean, line->data, line->len);
	for (p = clean.data; *p && column; p = next) {
		next = skip_character(p, clean.data + clean.len);
		w = text_columns(p, (size_t)(next - p));
		column -= w < column ? w : column;
	}
	grid_put(g, 0, y, g->width, INK_PLAIN, p);
	str_release(&clean);
}

void draw_text(const struct screen *sc, const char *text, size_t column,
	       struct grid *g)
{
	const char *end;
	struct str line;
	unsigned y;
	size_t n;

	for (n = 0; n < sc->first && text; n++) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	str_init(&line);
	for (y = sc->head_y; y < g->height - 1 && text && *text; y++) {
		end = strchr(text, '\n');
		str_clear(&line);
		settle(&line, text, end ? end : strchr(text, '\0'));
		put_from(g, y, &line, column);
		text = end ? end + 1 : NULL;
	}
	str_release(&line);
}

void draw_output(const struct screen *sc, const struct top_state *s,
		 struct grid *g)
{
	const struct top_model *m = sc->m;
	struct str text;

	str_init(&text);
	if (m->output_path) {
		str_adds(&text, "what the program writes goes to the file\n");
		str_adds_clean(&text, m->output_path);
	} else if (!m->output) {
		str_adds(&text, "only of a program that is started here is "
			 "there an output:\n"
			 "pystrobe top -- python3 app.py");
	} else if (!*m->output) {
		str_adds(&text, "nothing so far");
	}
	draw_text(sc, text.len ? text.data : m->output, s->column, g);
	str_release(&text);
}

void add_help(struct str *out)
{
	str_adds(out,
		 "100 % is one thread all of the time of the last interval;\n"
		 "times are since the start, or since r.\n"
		 "\n"
		 "  f functions   l lines   c calls   t threads   P processes\n"
		 "  S source of the row   o output of the started program\n"
		 "  Tab next view   Esc back   Enter open: the source of a\n"
		 "  function, the calls of a thread, a node of the tree\n"
		 "\n"
		 "  arrows, PgUp, PgDn, Home, End, mouse wheel   move\n"
		 "  right, left   open, close a node of the tree; along the output\n"
		 "  s < >   sort by another column, I the other way round\n"
		 "  1 2 3 4   by self %, total %, self, total\n"
		 "  /   only rows with a text   Esc ends that\n"
		 "\n"
		 "  w all threads   C on CPU   g holding the GIL   i idle too\n"
		 "  d back to what is not idle   F whole paths\n"
		 "\n"
		 "  space p   pause the screen; sampling goes on\n"
		 "  + -   refresh more, less often   r forget all so far\n"
		 "  e   write what is shown to .svg, .strobe, .folded, ...\n"
		 "  q   quit   Ctrl-L draw anew   h ?   this help\n"
		 "\n"
		 "CPU: of the processes, from the kernel. GIL: held. wanted:\n"
		 "threads that wait for it. GC: threads that collect garbage.\n"
		 "I/O wait: threads that wait for files, sockets and pipes.\n");
}
