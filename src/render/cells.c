/*
 * The tree as cells of a flame graph, drawn without a script: each is
 *
 *   <g data-c="START TOTAL DEPTH"><title>LABEL
 *   FACTS</title><rect .../><text ...>LABEL, CUT</text></g>
 *
 * START and TOTAL count samples; flame.js lays out anew from them. What is
 * too narrow is one grey cell at the right end of its parent's children.
 */
#include <stdlib.h>
#include <string.h>

#include "render_priv.h"

#define LETTER 7.25    /* of the cells' font, at most; see flame.css */
#define TEXT_INSET 4.0
#define TEXT_LEAST 3u  /* letters; fewer say nothing */
#define LABEL_MAX 512u /* columns of a label in a tooltip */

/* One level of the way from the root to the current node. */
struct level {
	uint64_t next; /* where the next child starts */
	uint64_t hidden, samples, ns; /* children that are too narrow */
};

struct drawing {
	const struct tree *tree;
	const struct render_options *options;
	struct str *out;
	struct str label;
	double scale; /* pixels of a sample */
	double width;
	struct level *levels;
	size_t cap_levels;
	struct drawn *drawn;
};

/* Pixels with at most two decimals, and none that say nothing. */
static void add_px(struct str *out, double v)
{
	uint32_t n = (uint32_t)(v * 100 + 0.5);

	str_addf(out, "%u", n / 100);
	if (n % 100)
		str_addf(out, n % 10 ? ".%02u" : ".%u",
			 n % 10 ? n % 100 : n % 100 / 10);
}

static bool visible(const struct drawing *d, const struct tree_node *n)
{
	return n->kind != NODE_HIDDEN &&
	       (double)n->total * d->scale >= d->drawn->min;
}

/* Doubles the narrowest width until a browser can bear the number. */
static void choose_min(struct drawing *d)
{
	uint64_t n;
	size_t i;

	for (d->drawn->min = SVG_MIN;; d->drawn->min *= 2) {
		for (n = 0, i = 0; i < d->tree->len; i++)
			n += visible(d, &d->tree->nodes[i]);
		if (n <= SVG_CELLS_MAX || d->drawn->min > d->width)
			return;
	}
}

/* What is drawn: whatever hangs on a cell, be it hidden. */
static void count_levels(struct drawing *d)
{
	const struct tree_node *nodes = d->tree->nodes;
	size_t i;

	d->drawn->levels = 1;
	for (i = 1; i < d->tree->len; i++)
		if (nodes[i].depth >= d->drawn->levels &&
		    (!nodes[i].parent || visible(d, &nodes[nodes[i].parent])))
			d->drawn->levels = nodes[i].depth + 1;
}

/* The upper edge of the cells of a depth. */
static uint32_t row_of(const struct drawing *d, uint32_t depth)
{
	if (d->options->flame)
		depth = d->drawn->levels - 1 - depth;
	return SVG_HEAD + depth * SVG_ROW;
}

static void add_facts(struct drawing *d, uint64_t total, uint64_t self,
		      uint64_t ns)
{
	add_noun(d->out, total, "sample");
	str_adds(d->out, ", ");
	add_share(d->out, total, d->tree->nodes[0].total, 2);
	str_adds(d->out, ", ");
	add_time(d->out, ns);
	if (self) {
		str_adds(d->out, ", ");
		add_count(d->out, self);
		/* Upside down, stacks end where nothing has called them. */
		str_adds(d->out, d->options->view.reverse ? " outermost"
							  : " self");
	}
}

static void add_rect(struct drawing *d, double x, double width, uint32_t depth,
		     uint32_t colour)
{
	/* A gap, unless the cell would drown in it. */
	double w = width > 2 ? width - 0.6 : width;

	str_adds(d->out, "<rect x=\"");
	add_px(d->out, SVG_PAD + x);
	str_addf(d->out, "\" y=\"%u\" width=\"", row_of(d, depth));
	add_px(d->out, w < 0.05 ? 0.05 : w);
	str_addf(d->out, "\" height=\"%u\" fill=\"#%06x\"/>", SVG_ROW - 1,
		 colour);
}

static void add_text(struct drawing *d, double x, double width, uint32_t depth)
{
	double room = (width - 2 * TEXT_INSET) / LETTER;
	struct str cut;

	if (room < TEXT_LEAST)
		return;
	str_init(&cut);
	text_fit(&cut, d->label.data, d->label.len, (size_t)room,
		 "\xe2\x80\xa6");
	str_adds(d->out, "<text x=\"");
	add_px(d->out, SVG_PAD + x + TEXT_INSET);
	str_addf(d->out, "\" y=\"%u\">", row_of(d, depth) + 13);
	str_add_xml(d->out, cut.data, cut.len);
	str_adds(d->out, "</text>");
	str_release(&cut);
}

static void open_cell(struct drawing *d, const char *class, uint64_t start,
		      uint64_t total, uint32_t depth)
{
	str_addf(d->out, "<g%s data-c=\"%llu %llu %u\"><title>", class,
		 (unsigned long long)start, (unsigned long long)total, depth);
	str_add_xml(d->out, d->label.data, d->label.len);
	str_addc(d->out, '\n');
}

static void draw_node(struct drawing *d, const struct tree_node *n,
		      uint64_t start)
{
	double x = (double)start * d->scale;
	double width = n->depth ? (double)n->total * d->scale : d->width;
	const char *label;
	size_t len;

	label = intern_text(&d->tree->labels, n->label, &len);
	str_clear(&d->label);
	text_fit(&d->label, label, len, LABEL_MAX, "\xe2\x80\xa6");
	open_cell(d, "", start, n->total, n->depth);
	add_facts(d, n->total, n->self, n->total_ns);
	str_adds(d->out, "</title>");
	add_rect(d, x, width, n->depth,
		 colour_of(d->options->palette, n->kind, label, len));
	add_text(d, x, width, n->depth);
	str_adds(d->out, "</g>\n");
	d->drawn->cells++;
	d->drawn->kinds |= 1u << n->kind;
}

/* The grey cell for the hidden children of the node at `depth`. */
static void draw_hidden(struct drawing *d, uint32_t depth)
{
	const struct level *l = &d->levels[depth];
	double x = (double)l->next * d->scale;
	double width = (double)l->samples * d->scale;

	if (!l->hidden)
		return;
	str_clear(&d->label);
	str_addc(&d->label, '(');
	add_count(&d->label, l->hidden);
	str_adds(&d->label, " hidden)");
	open_cell(d, " class=\"h\"", l->next, l->samples, depth + 1);
	str_adds(d->out, "each narrower than ");
	add_fixed(d->out, d->drawn->min, 1);
	str_adds(d->out, " px; ");
	add_facts(d, l->samples, 0, l->ns);
	str_adds(d->out, "</title>");
	add_rect(d, x, width, depth + 1,
		 colour_of_kind(d->options->palette, NODE_HIDDEN));
	add_text(d, x, width, depth + 1);
	str_adds(d->out, "</g>\n");
	d->drawn->hidden += l->hidden;
}

/* Draws it if it is wide enough; else it counts as hidden. */
static bool take_node(struct drawing *d, uint32_t id)
{
	const struct tree_node *n = &d->tree->nodes[id];
	struct level *above;
	uint64_t start = 0;

	d->levels = grow(d->levels, &d->cap_levels, n->depth + 1,
			 sizeof(*d->levels));
	if (n->depth) {
		above = &d->levels[n->depth - 1];
		if (!visible(d, n)) {
			above->hidden +=
				n->kind == NODE_HIDDEN ? n->detail : 1;
			above->samples += n->total;
			above->ns += n->total_ns;
			return false;
		}
		start = above->next;
		above->next += n->total;
	}
	d->levels[n->depth] = (struct level){.next = start};
	draw_node(d, n, start);
	return true;
}

/* Parents first, without recursion: stacks may be deep. */
static void walk(struct drawing *d)
{
	const struct tree_node *nodes = d->tree->nodes;
	uint32_t at = 0;
	bool drawn;

	for (;;) {
		drawn = take_node(d, at);
		if (drawn && nodes[at].child) {
			at = nodes[at].child;
			continue;
		}
		while (at && !nodes[at].sibling) {
			at = nodes[at].parent;
			draw_hidden(d, nodes[at].depth);
		}
		if (!at)
			return;
		at = nodes[at].sibling;
	}
}

void draw_cells(struct str *out, const struct tree *t,
		const struct render_options *o, uint32_t width,
		struct drawn *drawn)
{
	struct drawing d = {
		.tree = t, .options = o, .out = out, .drawn = drawn};

	memset(drawn, 0, sizeof(*drawn));
	d.width = (double)width - 2.0 * SVG_PAD;
	if (t->nodes[0].total)
		d.scale = d.width / (double)t->nodes[0].total;
	str_init(&d.label);
	choose_min(&d);
	count_levels(&d);
	walk(&d);
	str_release(&d.label);
	free(d.levels);
}
