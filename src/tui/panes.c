/*
 * Panes of plain text: the help, and what a started program wrote.
 */
#include <string.h>

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

void draw_text(const struct screen *sc, const char *text, struct grid *g)
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
		str_add(&line, text, end ? (size_t)(end - text) : strlen(text));
		/* What a program writes over is what it wrote last. */
		if (line.len && line.data[line.len - 1] == '\r')
			line.data[--line.len] = '\0';
		grid_put(g, 0, y, g->width, INK_PLAIN, line.data);
		text = end ? end + 1 : NULL;
	}
	str_release(&line);
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
		 "  right, left   open and close a node of the tree\n"
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
