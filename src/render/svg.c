/*
 * The flame graph: one SVG file that is a right picture without a script and
 * a tool with it. Text of the target is only ever text: here through
 * str_add_xml, in flame.js through textContent.
 */
#include <errno.h>
#include <string.h>

#include "render_priv.h"

static const char style[] =
#include "flame_css.inc"
	;

static const char script[] =
#include "flame_js.inc"
	;

#define SEPARATOR " \xc2\xb7 "
#define DOTS "\xe2\x80\xa6"

/* Widths of letters of the proportional font, on the safe side. */
#define TITLE_LETTER 10u
#define DETAILS_LETTER 7u
#define LEGEND_LETTER 6u

#define DOING_MIN 150u /* pixels; less than that says nothing */

/* A line of the header: whole as tooltip, cut as text. */
static void add_line(struct str *out, const char *class, unsigned y,
		     const struct str *text, size_t columns)
{
	struct str cut;

	str_init(&cut);
	text_fit(&cut, text->data, text->len, columns, DOTS);
	str_addf(out, "<g class=\"%s\"><title>", class);
	str_add_xml(out, text->data, text->len);
	str_addf(out, "</title><text x=\"%u\" y=\"%u\">", SVG_PAD, y);
	str_add_xml(out, cut.data, cut.len);
	str_adds(out, "</text></g>\n");
	str_release(&cut);
}

static const struct {
	enum node_kind kind;
	const char *text;
} legend[] = {
	{NODE_OWN, "program"},
	{NODE_PACKAGE, "packages"},
	{NODE_STDLIB, "standard library"},
	{NODE_MARKER, "not Python code"},
};

/* Where it ends. */
static unsigned add_legend(struct str *out, const struct drawn *drawn,
			   unsigned palette)
{
	unsigned x = SVG_PAD;
	size_t i;

	str_adds(out, "<g class=\"legend\">");
	for (i = 0; i < sizeof(legend) / sizeof(*legend); i++) {
		if (!(drawn->kinds >> legend[i].kind & 1))
			continue;
		str_addf(out,
			 "<rect x=\"%u\" y=\"66\" width=\"11\" height=\"11\" "
			 "rx=\"2\" fill=\"#%06x\"/>"
			 "<text x=\"%u\" y=\"76\">%s</text>",
			 x, colour_of_kind(palette, legend[i].kind), x + 16,
			 legend[i].text);
		x += 28 + (unsigned)strlen(legend[i].text) * LEGEND_LETTER;
	}
	str_adds(out, "</g>\n");
	return x + 8;
}

/* What the threads did, in the rest of the legend's line. */
static void add_doing(struct str *out, const struct profile *p, unsigned x,
		      uint32_t width)
{
	struct str text, cut;

	str_init(&text);
	str_init(&cut);
	add_states(&text, p, SEPARATOR);
	if (x + DOING_MIN < width)
		text_fit(&cut, text.data, text.len,
			 (width - SVG_PAD - x) / LEGEND_LETTER, DOTS);
	if (cut.len) {
		str_addf(out, "<g class=\"legend doing\"><title>");
		str_add_xml(out, text.data, text.len);
		str_addf(out, "</title><text x=\"%u\" y=\"76\">", x);
		str_add_xml(out, cut.data, cut.len);
		str_adds(out, "</text></g>\n");
	}
	str_release(&cut);
	str_release(&text);
}

static void add_head(struct str *out, const struct profile *p,
		     const struct render_options *o, const struct drawn *drawn,
		     uint32_t width)
{
	size_t room = width - 2 * SVG_PAD;
	struct str text;

	str_init(&text);
	str_addf(out,
		 "<g class=\"head\"><rect class=\"back\" width=\"%u\" "
		 "height=\"%u\"/>\n",
		 width, SVG_HEAD - 6);
	add_title(&text, p, o);
	add_line(out, "name", 31, &text, room / TITLE_LETTER);
	str_clear(&text);
	if (o->view.reverse)
		str_adds(&text, "reversed: from what ran to its callers"
				SEPARATOR);
	add_run(&text, p, &o->view, SEPARATOR);
	str_adds(&text, SEPARATOR);
	add_target(&text, p, SEPARATOR);
	add_line(out, "details", 52, &text, room / DETAILS_LETTER);
	add_doing(out, p, add_legend(out, drawn, o->palette), width);
	str_adds(out, "</g>\n");
	str_release(&text);
}

static void add_open(struct str *out, const struct profile *p,
		     const struct render_options *o, const struct drawn *drawn,
		     uint32_t width)
{
	uint32_t height = SVG_HEAD + drawn->levels * SVG_ROW + SVG_FOOT;
	struct str title;

	str_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	str_addf(out,
		 "<svg xmlns=\"http://www.w3.org/2000/svg\" "
		 "class=\"pystrobe\" width=\"%u\" height=\"%u\" "
		 "viewBox=\"0 0 %u %u\" data-levels=\"%u\" data-pad=\"%u\" "
		 "data-head=\"%u\" data-row=\"%u\" data-foot=\"%u\"%s%s>\n",
		 width, height, width, height, drawn->levels, SVG_PAD,
		 SVG_HEAD, SVG_ROW, SVG_FOOT,
		 o->width ? " data-fixed=\"1\"" : "",
		 o->flame ? " data-view=\"flame\"" : "");
	str_init(&title);
	add_title(&title, p, o);
	str_adds(out, "<title>");
	str_add_xml(out, title.data, title.len);
	str_release(&title);
	str_adds(out, "</title>\n<style><![CDATA[\n");
	str_add(out, style, sizeof(style) - 1);
	str_adds(out, "]]></style>\n");
	str_addf(out,
		 "<rect class=\"page\" width=\"%u\" height=\"%u\"/>\n", width,
		 height);
}

int render_svg(const struct profile *p, const struct render_options *o,
	       struct str *out, struct err *err)
{
	uint32_t width = o->width ? o->width : SVG_WIDTH;
	struct drawn drawn;
	struct tree *tree;
	struct str cells;

	if (width < SVG_WIDTH_MIN || width > SVG_WIDTH_MAX)
		return err_set(err, -EINVAL,
			       "a width of %u pixels is not between %u and %u",
			       width, SVG_WIDTH_MIN, SVG_WIDTH_MAX);
	if (!palette_name(o->palette))
		return err_set(err, -EINVAL, "there is no palette %u",
			       o->palette);
	/* A little more, so that rounding is the drawing's affair alone. */
	tree = tree_build_wide(p, &o->view,
			       1.01 * (width - 2.0 * SVG_PAD) / SVG_MIN);
	str_init(&cells);
	/* The height is known only afterwards. */
	draw_cells(&cells, tree, o, width, &drawn);
	add_open(out, p, o, &drawn, width);
	str_adds(out, "<g class=\"cells\" role=\"tree\" "
		      "aria-label=\"flame graph\">\n");
	str_add(out, cells.data, cells.len);
	str_adds(out, "</g>\n");
	add_head(out, p, o, &drawn, width);
	str_adds(out, "<script><![CDATA[\n");
	str_add(out, script, sizeof(script) - 1);
	str_adds(out, "]]></script>\n</svg>\n");
	str_release(&cells);
	tree_free(tree);
	return 0;
}
