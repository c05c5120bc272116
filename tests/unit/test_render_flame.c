/*
 * render: how a flame graph can be turned, coloured, and cut down to what can
 * be seen.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "render.h"
#include "src/render/render_priv.h"
#include "tests/lib/sheet.h"

static const char *draw(struct sheet *f)
{
	struct err e;

	str_clear(&f->out);
	assert_int_equal(render_svg(f->p, &f->o, &f->out, &e), 0);
	return f->out.data;
}

/* Where the cell with this label is; the test fails if there is none. */
struct cell {
	unsigned long long start, total;
	unsigned depth, y;
	unsigned colour;
	char facts[200];
};

static struct cell cell_of(const char *svg, const char *label)
{
	struct cell c;
	const char *p;
	char text[200];

	snprintf(text, sizeof(text), "\"><title>%s\n", label);
	p = strstr(svg, text);
	if (!p)
		fail_msg("no cell '%s'", label);
	snprintf(c.facts, sizeof(c.facts), "%.*s",
		 (int)strcspn(p + strlen(text), "<"), p + strlen(text));
	while (strncmp(p, "data-c=", 7))
		p--;
	assert_int_equal(sscanf(p, "data-c=\"%llu %llu %u\"", &c.start,
				&c.total, &c.depth), 3);
	p = strstr(p, "<rect ");
	assert_int_equal(sscanf(strstr(p, " y="), " y=\"%u\"", &c.y), 1);
	assert_int_equal(sscanf(strstr(p, "fill="), "fill=\"#%x\"", &c.colour),
			 1);
	return c;
}

static void two_ways_to_wait(struct sheet *f)
{
	made_samples(&f->m, 4711, "main@/srv/a.py:1 load@/srv/a.py:5 "
				  "read@/srv/b.py:9", RUN_CPU, 3);
	made_samples(&f->m, 4711, "main@/srv/a.py:1 save@/srv/a.py:7 "
				  "read@/srv/b.py:9", RUN_CPU, 5);
	made_samples(&f->m, 4711, "main@/srv/a.py:1", RUN_CPU, 2);
}

static void root_at_the_bottom(void **state)
{
	struct sheet *f = *state;
	const char *svg;
	unsigned top;

	two_ways_to_wait(f);
	svg = draw(f);
	assert_null(strstr(svg, "data-view=\"flame\""));
	top = cell_of(svg, "all").y;
	assert_int_equal(cell_of(svg, "save (a.py:7)").y, top + 2 * SVG_ROW);
	f->o.flame = true;
	svg = draw(f);
	assert_non_null(strstr(svg, " data-view=\"flame\">"));
	assert_int_equal(cell_of(svg, "all").y, top + 3 * SVG_ROW);
	assert_int_equal(cell_of(svg, "main (a.py:1)").y, top + 2 * SVG_ROW);
	assert_int_equal(cell_of(svg, "save (a.py:7)").y, top + SVG_ROW);
	assert_int_equal(cell_of(svg, "save (a.py:7)").depth, 2);
}

/* A hidden cell may be the only one in its row: it has its place there. */
static void hidden_row_at_the_bottom(void **state)
{
	struct sheet *f = *state;
	char text[80];
	int i;

	made_samples(&f->m, 4711, "main@/srv/a.py:1", RUN_CPU, 20000);
	for (i = 0; i < 7; i++) {
		snprintf(text, sizeof(text),
			 "main@/srv/a.py:1 f%d@/srv/a.py:5 deeper@/srv/a.py:9",
			 i);
		made_samples(&f->m, 4711, text, RUN_CPU, 1);
	}
	f->o.flame = true;
	draw(f);
	assert_int_equal(cell_of(f->out.data, "(7 hidden)").y, SVG_HEAD);
	assert_int_equal(cell_of(f->out.data, "(7 hidden)").total, 7);
	assert_int_equal(cell_of(f->out.data, "all").y,
			 SVG_HEAD + 2 * SVG_ROW);
}

static void from_the_leaf(void **state)
{
	struct sheet *f = *state;
	struct cell c;
	const char *svg;

	two_ways_to_wait(f);
	f->o.view.reverse = true;
	svg = draw(f);
	assert_non_null(strstr(svg, "reversed: from what ran to its callers"));
	c = cell_of(svg, "read (b.py:9)");
	assert_int_equal(c.depth, 1);
	assert_int_equal(c.total, 8);
	assert_int_equal(cell_of(svg, "save (a.py:7)").depth, 2);
	assert_int_equal(cell_of(svg, "save (a.py:7)").total, 5);
	assert_int_equal(cell_of(svg, "load (a.py:5)").total, 3);
	c = cell_of(svg, "main (a.py:1)"); /* the first one is its own leaf */
	assert_int_equal(c.depth, 1);
	assert_int_equal(c.total, 2);
	assert_non_null(strstr(c.facts, ", 2 outermost"));
	/* With threads, each of them is a root. */
	f->o.view.threads = true;
	svg = draw(f);
	assert_int_equal(cell_of(svg, "read (b.py:9)").depth, 2);
	/* What a thread waits for comes first: who waits for it? */
	made_sample(&f->m, 4711, made_stack(&f->m, "main@/srv/a.py:1"),
		    made_doing(&f->m, RUN_SLEEPING, GIL_WANTED, 0, ""),
		    LOSS_NONE);
	f->o.view.threads = false;
	f->o.view.idle = f->o.view.state_frames = true;
	svg = draw(f);
	assert_int_equal(cell_of(svg, "[wait: GIL]").depth, 1);
	assert_int_equal(cell_of(svg, "[wait: GIL]").total, 1);
}

/* Two callers deep down: narrow ones are one hidden cell, leaf first too. */
static void hidden_callers(void **state)
{
	struct sheet *f = *state;
	char text[80];
	int i;

	made_samples(&f->m, 4711, "main@/srv/a.py:1 read@/srv/b.py:9", RUN_CPU,
		     30000);
	for (i = 0; i < 90; i++) {
		snprintf(text, sizeof(text),
			 "main@/srv/a.py:1 f%d@/srv/a.py:5 read@/srv/b.py:9",
			 i);
		made_samples(&f->m, 4711, text, RUN_CPU, 1);
	}
	f->o.view.reverse = true;
	draw(f);
	assert_int_equal(cell_of(f->out.data, "read (b.py:9)").total, 30090);
	assert_int_equal(cell_of(f->out.data, "(90 hidden)").total, 90);
	assert_int_equal(cell_of(f->out.data, "(90 hidden)").depth, 2);
	assert_null(strstr(f->out.data, "f17 "));
}

/* ---- colours ---- */

/* Relative luminance of WCAG 2. */
static double luminance(uint32_t rgb)
{
	static const double weights[] = {0.0722, 0.7152, 0.2126};
	double sum = 0, v;
	int i;

	for (i = 0; i < 3; i++) {
		v = (rgb >> 8 * i & 0xff) / 255.0;
		v = v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
		sum += weights[i] * v;
	}
	return sum;
}

static double contrast(uint32_t light, uint32_t dark)
{
	return (luminance(light) + 0.05) / (luminance(dark) + 0.05);
}

static unsigned apart(uint32_t a, uint32_t b)
{
	int r = (int)(a >> 16 & 255) - (int)(b >> 16 & 255);
	int g = (int)(a >> 8 & 255) - (int)(b >> 8 & 255);
	int blue = (int)(a & 255) - (int)(b & 255);

	return (unsigned)(abs(r) + abs(g) + abs(blue));
}

static void palettes(void **state)
{
	static const char text[] = "parse (app.py:10)";
	uint32_t rgb;
	unsigned i, n;
	int kind, other;
	char name[32];

	(void)state;
	for (i = 0; palette_name(i); i++) {
		assert_int_equal(palette_by_name(palette_name(i)), i);
		for (kind = NODE_ROOT; kind <= NODE_HIDDEN; kind++) {
			for (n = 0; n < 500; n++) {
				snprintf(name, sizeof(name), "f%u", n);
				rgb = colour_of(i, kind, name, strlen(name));
				assert_true(contrast(rgb, 0x1c1e22) >= 7.0);
			}
			for (other = NODE_OWN; other < kind; other++)
				assert_true(apart(colour_of_kind(i, kind),
						  colour_of_kind(i, other)) >
					    24);
		}
		assert_int_equal(colour_of(i, NODE_OWN, text, strlen(text)),
				 colour_of(i, NODE_OWN, "parse (app.py:7)",
					   16));
	}
	assert_true(i >= 4);
	assert_int_equal(palette_by_name("grue"), -EINVAL);
	rgb = colour_of(palette_by_name("grey"), NODE_OWN, text, strlen(text));
	assert_true((rgb & 255) == (rgb >> 8 & 255) &&
		    (rgb & 255) == rgb >> 16);
}

/*
 * As a dichromat sees them (Vienot, Brettel and Mollon 1999, in linear light):
 * the families of "safe" stay apart for those who lack red or green.
 */
static uint32_t seen_by(uint32_t rgb, bool lacks_red)
{
	double lin[3], r, g, b, v[3];
	uint32_t out = 0;
	int i;

	for (i = 0; i < 3; i++)
		lin[i] = pow((rgb >> (16 - 8 * i) & 255) / 255.0, 2.2);
	if (lacks_red) {
		r = g = 0.11238 * lin[0] + 0.88762 * lin[1];
		b = 0.00401 * lin[0] - 0.00401 * lin[1] + lin[2];
	} else {
		r = g = 0.29275 * lin[0] + 0.70725 * lin[1];
		b = -0.02234 * lin[0] + 0.02234 * lin[1] + lin[2];
	}
	v[0] = r;
	v[1] = g;
	v[2] = b;
	for (i = 0; i < 3; i++) {
		double x = v[i] < 0 ? 0 : v[i] > 1 ? 1 : v[i];

		out = out << 8 | (uint32_t)(255 * pow(x, 1 / 2.2) + 0.5);
	}
	return out;
}

static void safe_for_the_colour_blind(void **state)
{
	unsigned safe = (unsigned)palette_by_name("safe");
	uint32_t a, b;
	int kind, other, lacks;

	(void)state;
	for (kind = NODE_OWN; kind <= NODE_HIDDEN; kind++)
		for (other = NODE_OWN; other < kind; other++)
			for (lacks = 0; lacks < 2; lacks++) {
				a = seen_by(colour_of_kind(safe, kind), lacks);
				b = seen_by(colour_of_kind(safe, other),
					    lacks);
				assert_true(apart(a, b) > 24);
			}
}

static void the_palette_is_used(void **state)
{
	struct sheet *f = *state;
	struct err e;
	uint32_t plain;

	two_ways_to_wait(f);
	plain = cell_of(draw(f), "main (a.py:1)").colour;
	f->o.palette = (unsigned)palette_by_name("warm");
	assert_int_not_equal(cell_of(draw(f), "main (a.py:1)").colour, plain);
	f->o.palette = 99;
	str_clear(&f->out);
	assert_int_equal(render_svg(f->p, &f->o, &f->out, &e), -EINVAL);
	assert_int_equal(f->out.len, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, sheet_setup, sheet_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(root_at_the_bottom),
		TEST(hidden_row_at_the_bottom),
		TEST(from_the_leaf),
		TEST(hidden_callers),
		cmocka_unit_test(palettes),
		cmocka_unit_test(safe_for_the_colour_blind),
		TEST(the_palette_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
