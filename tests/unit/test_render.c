/*
 * render: every format over every kind of profile. Files in tests/golden are
 * what the made-up server looks like. Runs in the top folder.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "render.h"
#include "src/render/render_priv.h"
#include "tests/lib/sheet.h"

static const char *render(struct sheet *f, const char *format)
{
	struct err e;

	str_clear(&f->out);
	assert_int_equal(renderer_by_name(format)->render(f->p, &f->o, &f->out,
							  &e), 0);
	assert_int_equal(strlen(f->out.data), f->out.len);
	return f->out.data;
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

/* One frame of any bytes on the stack of main. */
static void sample_named(struct sheet *f, const char *name, const char *file,
			 unsigned n)
{
	uint32_t stack = made_stack(&f->m, "main@/srv/app/app.py:3/1");
	uint32_t cpu = made_state(&f->m, RUN_CPU);

	stack = made_frame(&f->m, stack, name, file, 7, 7);
	while (n--) {
		made_tick(&f->m);
		made_sample(&f->m, 4711, stack, cpu, LOSS_NONE);
	}
}

static const char *const hostile[] = {
	"</title><script>window.pwned=1</script>",
	"]]>",
	"\" onload=\"x",
	"'; DROP TABLE",
	"&amp;&#0;",
	"two\nlines\r\tand tab",
	"semi;colon",
	"esc\033[2J\001\177",
	"rtl\xe2\x80\xae" "evil",
	"bad\xff\xc0\x80\xed\xa0\x80",
	"not\xef\xbf\xbf" "xml",
	"ends 12",
	"",
	" ",
	"\xe6\xbc\xa2\xe5\xad\x97",
};

static void hostile_profile(struct sheet *f)
{
	size_t i;

	made_process(&f->m, 4711, "python3 '\033]0;x\007<&>' ]]> \xff");
	made_thread(&f->m, 4711, "</g>;\n\033[1m");
	for (i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
		sample_named(f, hostile[i], hostile[i], 1);
		sample_named(f, hostile[i], "", 1);
	}
}

/* Valid UTF-8 without controls, but for '\n'. */
static void check_clean(const char *text)
{
	struct str clean;
	char *plain = xstrdup(text), *p;

	for (p = plain; *p; p++)
		if (*p == '\n')
			*p = ' ';
	str_init(&clean);
	str_add_clean(&clean, plain, strlen(plain));
	assert_string_equal(clean.data, plain);
	str_release(&clean);
	free(plain);
}

/* xmllint's own judgement; the test is skipped without it. */
static void check_xml(const struct str *svg)
{
	char path[] = "/tmp/pystrobe-render-XXXXXX", line[128];
	int fd = mkstemp(path), status;

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, svg->data, svg->len), 0);
	close(fd);
	snprintf(line, sizeof(line), "xmllint --noout --nonet '%s'", path);
	status = system(line);
	unlink(path);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
		print_message("xmllint is absent\n");
		skip();
	}
	assert_int_equal(status, 0);
}

/* All cells of an SVG: what each node's children leave is its self. */
static void check_cells(const char *svg, uint64_t samples)
{
	unsigned long long start, total, depth, next[256] = {0}, end[256];
	const char *p = svg;
	unsigned n = 0;

	for (; (p = strstr(p, " data-c=\"")); n++) {
		p += strlen(" data-c=\"");
		assert_int_equal(sscanf(p, "%llu %llu %llu", &start, &total,
					&depth), 3);
		assert_true(depth < 255);
		if (depth) {
			assert_true(start == next[depth]);
			assert_true(start + total <= end[depth - 1]);
		} else {
			assert_true(start == 0 && total == samples && !n);
		}
		next[depth] = end[depth] = start + total;
		next[depth + 1] = start;
	}
	assert_true(n > 0);
}

static void names_and_extensions(void **state)
{
	const struct renderer *r;
	size_t n, i;

	(void)state;
	r = renderers(&n);
	assert_int_equal(n, 8);
	for (i = 0; i < n; i++) {
		assert_ptr_equal(renderer_by_name(r[i].name), &r[i]);
		assert_true(*r[i].about && r[i].aliases && r[i].extensions);
	}
	assert_string_equal(renderer_by_name("flamegraph")->name, "svg");
	assert_string_equal(renderer_by_name("raw")->name, "collapsed");
	assert_string_equal(renderer_by_name("folded")->name, "collapsed");
	assert_null(renderer_by_name("speed"));
	assert_string_equal(renderer_by_path("a/b.c/x.svg")->name, "svg");
	assert_string_equal(renderer_by_path("x.folded")->name, "collapsed");
	assert_string_equal(renderer_by_path("x.speedscope.json")->name,
			    "speedscope");
	assert_string_equal(renderer_by_path("x.pb.gz")->name, "pprof");
	assert_string_equal(renderer_by_path("x.json")->name, "json");
	assert_null(renderer_by_path("x.gz"));
	assert_null(renderer_by_path("x.svg/y"));
	assert_null(renderer_by_path("svg"));
	assert_null(renderer_by_path(""));
}

static void widths(void **state)
{
	static const struct {
		const char *text;
		size_t columns;
		const char *want;
	} fits[] = {
		{"parse (app.py:12)", 17, "parse (app.py:12)"},
		{"parse (app.py:12)", 16, "parse (app.py:1\xe2\x80\xa6"},
		{"parse (app.py:12)", 12, "parse (app.\xe2\x80\xa6"},
		{"parse (app.py:12)", 11, "parse"},
		{"parse (app.py:12)", 5, "parse"},
		{"parse (app.py:12)", 4, "par\xe2\x80\xa6"},
		{"parse (app.py:12)", 1, "\xe2\x80\xa6"},
		{"parse (app.py:12)", 0, ""},
		{"f (a/b/c/d.py:9)", 14, "f (\xe2\x80\xa6/d.py:9)"},
		{"\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2", 6,
		 "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2"},
		{"\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2", 4,
		 "\xe6\xbc\xa2\xe2\x80\xa6"},
		{"", 0, ""},
	};
	struct str s;
	size_t i;

	(void)state;
	str_init(&s);
	for (i = 0; i < sizeof(fits) / sizeof(*fits); i++) {
		str_clear(&s);
		text_fit(&s, fits[i].text, strlen(fits[i].text),
			 fits[i].columns, "\xe2\x80\xa6");
		assert_string_equal(s.data, fits[i].want);
		assert_true(text_columns(s.data, s.len) <= fits[i].columns);
	}
	assert_int_equal(text_columns("e\xcc\x81", 3), 1);
	assert_int_equal(text_columns("\xf0\x9f\x90\x8d", 4), 2);
	assert_int_equal(text_columns("\xc3\xa4", 2), 1);
	str_release(&s);
}

/* The line stays; of functions only where there is room for the whole name. */
static void places(void **state)
{
	static const struct {
		const char *text;
		size_t columns;
		const char *line, *function;
	} fits[] = {
		{"parse (app.py:12)", 17, "parse (app.py:12)", NULL},
		{"parse (app.py:12)", 16, "parse (app.\xe2\x80\xa6:12)", NULL},
		{"parse (app.py:12)", 12, "parse (\xe2\x80\xa6:12)", NULL},
		{"parse (app.py:12)", 11, "parse", NULL},
		{"find_longest_match (a.py:12)", 19,
		 "find_longes\xe2\x80\xa6 (\xe2\x80\xa6:12)",
		 "find_longest_match"},
		{"find_longest_match (a.py:12)", 18, "find_longest_match", NULL},
		{"f (a/b/cd.py:9)", 13, "f (\xe2\x80\xa6/cd.py:9)", NULL},
		{"f (a/b/cd.py:9)", 10, "f (cd.\xe2\x80\xa6:9)", NULL},
		{"f (<string>)", 10, "f (<strin\xe2\x80\xa6", NULL},
		{"packer:9)", 8, "packer:\xe2\x80\xa6", NULL},
		{":9)", 2, ":\xe2\x80\xa6", NULL},
		{"", 0, "", NULL},
	};
	const char *want;
	struct str s;
	size_t i;
	int line;

	(void)state;
	str_init(&s);
	for (i = 0; i < 2 * sizeof(fits) / sizeof(*fits); i++) {
		line = i % 2;
		want = line || !fits[i / 2].function ? fits[i / 2].line
						     : fits[i / 2].function;
		str_clear(&s);
		text_fit_place(&s, fits[i / 2].text, strlen(fits[i / 2].text),
			       fits[i / 2].columns, "\xe2\x80\xa6", line);
		assert_string_equal(s.data, want);
		assert_true(text_columns(s.data, s.len) <=
			    fits[i / 2].columns);
	}
	str_release(&s);
}

static void check_number(void (*add)(struct str *, uint64_t), uint64_t n,
			 const char *want)
{
	struct str s;

	str_init(&s);
	add(&s, n);
	assert_string_equal(s.data, want);
	str_release(&s);
}

static void numbers(void **state)
{
	struct str s;

	(void)state;
	check_number(add_count, 0, "0");
	check_number(add_count, 999, "999");
	check_number(add_count, 1000, "1,000");
	check_number(add_count, UINT64_MAX, "18,446,744,073,709,551,615");
	check_number(add_rate, 0, "0 Hz");
	check_number(add_rate, 10000000, "100 Hz");
	check_number(add_rate, 2000000000, "0.5 Hz");
	check_number(add_rate, 3003003003, "0.333 Hz");
	check_number(add_rate, 80000000, "12.5 Hz");
	check_number(add_rate, 1000000, "1 kHz");
	/* Asked for as 1234, 300k, 7M: a period is of whole ns. */
	check_number(add_rate, 810373, "1.234 kHz");
	check_number(add_rate, 3333, "300 kHz");
	check_number(add_rate, 143, "7 MHz");
	/* Made of a rate that nobody would ask for. */
	check_number(add_rate, 10485760, "95.4 Hz");
	check_number(add_rate, 1, "1000 MHz");
	check_number(add_rate, UINT64_MAX, "0 Hz");
	check_number(add_time, 0, "0 s");
	check_number(add_time, 1500, "2 us");
	check_number(add_time, 12345678, "12.3 ms");
	check_number(add_time, 120000000, "120 ms");
	check_number(add_time, 1234000000, "1.23 s");
	check_number(add_time, 48100000000u, "48.1 s");
	check_number(add_time, 125000000000u, "2 min 5 s");
	check_number(add_time, 3725000000000u, "1 h 2 min 5 s");
	str_init(&s);
	add_share(&s, 0, 0, 2);
	add_share(&s, 1, 3, 2);
	add_noun(&s, 1, "sample");
	add_noun(&s, 2, "sample");
	assert_string_equal(s.data, "0.00 %33.33 %1 sample2 samples");
	str_release(&s);
}

/* Takes out what stands in src/render already: style and script. */
static void without_sources(struct str *svg)
{
	struct str kept;
	const char *p = svg->data, *from, *to;

	str_init(&kept);
	while ((from = strstr(p, "<![CDATA["))) {
		to = strstr(from, "]]>");
		assert_non_null(to);
		str_add(&kept, p, (size_t)(from - p));
		p = to + 3;
	}
	str_adds(&kept, p);
	str_release(svg);
	*svg = kept;
}

static void golden(struct sheet *f, const char *format, const char *name)
{
	render(f, format);
	without_sources(&f->out);
	sheet_is_as_in(f, name);
}

static void golden_files(void **state)
{
	struct sheet *f = *state;

	made_server(&f->m);
	golden(f, "svg", "server.svg");
	golden(f, "collapsed", "server.folded");
	f->o.view.label = LABEL_FUNCTION;
	golden(f, "table", "server.txt");
	f->o.ascii = 1;
	f->o.columns = 60;
	golden(f, "table", "server-ascii.txt");
	f->o.view.threads = f->o.view.idle = true;
	f->o.view.full_filenames = true;
	golden(f, "collapsed", "server-threads.folded");
	f->o = (struct render_options){.view.mode = MODE_OFFCPU,
				       .view.label = LABEL_FUNCTION,
				       .view.state_frames = true};
	golden(f, "table", "server-offcpu.txt");
	f->o.view.mode = MODE_WALL;
	f->o.view.threads = true;
	golden(f, "collapsed", "server-states.folded");
	golden(f, "svg", "server-states.svg");
}

/* The order in which threads and stacks came does not show. */
static void same_bytes_again(void **state)
{
	static const char *const stacks[] = {
		"a@x.py:1 b@x.py:2", "a@x.py:1 c@x.py:3", "d@x.py:4"};
	const char *const formats[] = {"svg", "collapsed", "table"};
	struct sheet *f = *state;
	struct sheet g = {.p = profile_new()};
	int i;

	made_init(&g.m, &g.p->sink);
	str_init(&g.out);
	for (i = 0; i < 3; i++) {
		made_samples(&f->m, 4711, stacks[i], RUN_CPU, 2);
		made_samples(&g.m, 4711, stacks[2 - i], RUN_CPU, 2);
	}
	for (i = 0; i < 3; i++)
		assert_string_equal(render(f, formats[i]),
				    render(&g, formats[i]));
	str_release(&g.out);
	made_release(&g.m);
	profile_free(g.p);
}

static void collapsed_lines(void **state)
{
	struct sheet *f = *state;

	sample_named(f, "semi;colon", "", 1);
	sample_named(f, "semi:colon", "", 2); /* the same to a reader */
	sample_named(f, "ends 12", "", 3);
	sample_named(f, "7", "", 4);
	sample_named(f, "two\nlines", "a b.py", 5);
	made_samples(&f->m, 4711, "", RUN_CPU, 6);
	assert_string_equal(render(f, "collapsed"),
			    "<no frames> 6\n"
			    "main (app.py:3);7 4\n"
			    "main (app.py:3);ends_12 3\n"
			    "main (app.py:3);semi:colon 3\n"
			    "main (app.py:3);two lines (a b.py:7) 5\n");
}

static void collapsed_is_sorted_bytewise(void **state)
{
	struct sheet *f = *state;
	char *line, *next, *last = NULL;

	made_samples(&f->m, 1, "a@", RUN_CPU, 5);
	made_samples(&f->m, 1, "a@ x@", RUN_CPU, 1);
	sample_named(f, "a b", "", 1);
	sample_named(f, "a!", "", 1);
	sample_named(f, "a", "", 1);
	made_samples(&f->m, 1, "a! x@", RUN_CPU, 1);
	made_samples(&f->m, 1, "a~ x@", RUN_CPU, 1);
	render(f, "collapsed");
	for (line = f->out.data; *line; line = next) {
		next = strchr(line, '\n');
		*next++ = '\0';
		assert_true(!last || strcmp(last, line) < 0);
		last = line;
	}
}

static void hostile_names_everywhere(void **state)
{
	struct sheet *f = *state;
	const char *text;
	int i;

	hostile_profile(f);
	for (i = 0; i < 2; i++) {
		f->o.view.threads = i;
		text = render(f, "collapsed");
		check_clean(text);
		/* No frame is empty, no line without its number. */
		assert_null(strstr(text, ";;"));
		assert_null(strstr(text, "\n;"));
		assert_null(strstr(text, "; "));
		text = render(f, "table");
		check_clean(text);
		text = render(f, "svg");
		check_clean(text);
		check_cells(text, f->p->samples);
		assert_int_equal(count(text, "<script>"), 1);
		assert_int_equal(count(text, "</script>"), 1);
		assert_int_equal(count(text, "]]>"), 2);
		assert_int_equal(count(text, "<![CDATA["), 2);
		assert_non_null(strstr(text, "]]&gt;"));
		assert_null(strstr(text, "onload=\""));
		check_xml(&f->out);
	}
	f->o.ascii = 1;
	for (text = render(f, "table"); *text; text++)
		assert_true(*text == '\n' || (*text >= ' ' && *text < 127));
}

static void collapsed_totals(void **state)
{
	struct sheet *f = *state;
	uint64_t sum = 0;
	const char *p;

	hostile_profile(f);
	made_server(&f->m);
	f->o.view.idle = true;
	for (p = render(f, "collapsed"); *p; p++) {
		p = strchr(p, '\n');
		while (p[-1] != ' ')
			p--;
		sum += strtoull(p, NULL, 10);
		p = strchr(p, '\n');
	}
	assert_int_equal(sum, f->p->samples);
}

static void empty_and_one(void **state)
{
	struct sheet *f = *state;

	assert_string_equal(render(f, "collapsed"), "");
	assert_non_null(strstr(render(f, "table"), "no samples"));
	check_cells(render(f, "svg"), 0);
	check_xml(&f->out);
	made_samples(&f->m, 4711, "m@x.py:1", RUN_CPU, 1);
	assert_string_equal(render(f, "collapsed"), "m (x.py:1) 1\n");
	check_cells(render(f, "svg"), 1);
	assert_non_null(strstr(f->out.data, "1 sample, 100.00 %, 10.0 ms"));
}

/* Slivers are one grey cell, and their samples are in it. */
static void hidden_cells(void **state)
{
	struct sheet *f = *state;
	char name[32];
	int i;

	made_samples(&f->m, 4711, "wide@x.py:1", RUN_CPU, 30000);
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "thin_%d", i);
		sample_named(f, name, "x.py", 2);
	}
	sample_named(f, "seen", "x.py", 40);
	render(f, "svg");
	check_cells(f->out.data, f->p->samples);
	assert_non_null(strstr(f->out.data,
			       "<g class=\"h\" data-c=\"40 200 2\"><title>"
			       "(100 hidden)\neach narrower than 0.1 px; "
			       "200 samples, 0.66 %, 2.00 s</title>"));
	assert_null(strstr(f->out.data, "thin_7"));
	assert_non_null(strstr(f->out.data, "seen (x.py:7)"));
	check_xml(&f->out);
}

static void size_of_ten_thousand_cells(void **state)
{
	struct sheet *f = *state;
	unsigned n;
	int i, k;
	char text[160];

	for (i = 0; i < 100; i++)
		for (k = 0; k < 100; k++) {
			snprintf(text, sizeof(text),
				 "handler_%d@/srv/app/handlers.py:%d "
				 "process_item_%d@/srv/app/items.py:%d",
				 i, i + 1, k, k + 1);
			made_samples(&f->m, 4711, text, RUN_CPU, 1);
		}
	n = count(render(f, "svg"), " data-c=");
	assert_true(n > 10000);
	assert_true(f->out.len < (2u << 20));
}

/* The title, and what is missing from the picture, stand in its head. */
static void header(void **state)
{
	struct sheet *f = *state;
	const char *svg;

	made_server(&f->m);
	svg = render(f, "svg");
	assert_non_null(strstr(svg, "<title>python3 app.py --port 8080"));
	assert_non_null(strstr(svg, "527 of 902 samples \xc2\xb7 9.14 s "
				    "\xc2\xb7 100 % of 100 Hz \xc2\xb7 "
				    "375 idle left out \xc2\xb7 "
				    "3 partial (moving 3) \xc2\xb7 "
				    "12 lost (moving 9, read 3)"));
	assert_non_null(strstr(svg, "<g class=\"legend doing\"><title>all "
				    "samples: 58 % on CPU, 42 % waiting (2 % "
				    "for the GIL) \xc2\xb7 2 % in GC "
				    "\xc2\xb7 1 % handling an exception"
				    "</title><text "));
	f->o.title = "a <b> & c";
	svg = render(f, "svg");
	assert_non_null(strstr(svg, "<title>a &lt;b&gt; &amp; c</title>"));
	assert_null(strstr(svg, "--port"));
	assert_non_null(strstr(render(f, "table"), "a <b> & c\n"));
}

/* The facts of a run as the table's header has them, on few long lines. */
static void assert_facts(struct sheet *f, const char *wanted)
{
	struct str s;

	str_init(&s);
	add_run(&s, f->p, &f->o.view, " | ");
	str_adds(&s, " || ");
	add_states(&s, f->p, " | ");
	assert_string_equal(s.data, wanted);
	str_release(&s);
}

static void facts_of_modes(void **state)
{
	static const struct {
		enum view_mode mode;
		const char *shown;
	} cases[] = {
		{MODE_DEFAULT, "527 of 902 samples\n"},
		{MODE_WALL, "902 samples\n"},
		{MODE_CPU, "527 of 902 samples on CPU\n"},
		{MODE_GIL, "374 of 902 samples holding the GIL\n"},
		{MODE_OFFCPU, "375 of 902 samples off CPU\n"},
		{MODE_GC, "19 of 902 samples in garbage collection\n"},
		{MODE_EXCEPTION, "9 of 902 samples handling an exception\n"},
	};
	struct sheet *f = *state;
	struct str s;
	size_t i;

	made_server(&f->m);
	str_init(&s);
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		f->o.view.mode = cases[i].mode;
		str_clear(&s);
		add_run(&s, f->p, &f->o.view, "\n");
		assert_int_equal(strncmp(s.data, cases[i].shown,
					 strlen(cases[i].shown)), 0);
		/* Only the default leaves out what is idle and belongs. */
		assert_int_equal(!strstr(s.data, " idle left out\n"),
				 cases[i].mode != MODE_DEFAULT);
	}
	str_release(&s);
}

/* No word about what there is not; rounding hides nothing. */
static void facts_that_are_few(void **state)
{
	struct sheet *f = *state;

	made_samples(&f->m, 1, "a@x.py:1", RUN_UNKNOWN, 1);
	assert_facts(f, "1 sample | 10.0 ms | 100 % of 100 Hz || ");
	f->o.view.mode = MODE_GIL;
	assert_facts(f, "0 of 1 sample holding the GIL | 10.0 ms | "
			"100 % of 100 Hz || ");
	assert_non_null(strstr(render(f, "table"), "\nno samples to show: who "
						   "held the GIL was not "
						   "recorded\n"));
	f->o.view.mode = MODE_DEFAULT;
	made_samples(&f->m, 1, "a@x.py:1", RUN_CPU, 998);
	assert_facts(f, "999 samples | 9.99 s | 100 % of 100 Hz || "
			"all samples: >99 % on CPU, <1 % unknown");
	made_samples_in(&f->m, 1, "a@x.py:1",
			made_doing(&f->m, RUN_SLEEPING, GIL_WANTED,
				   STATE_GC | STATE_EXCEPTION, ""), LOSS_NONE,
			999);
	assert_facts(f, "999 of 1,998 samples | 20.0 s | 100 % of 100 Hz | "
			"999 idle left out || all samples: 50 % on CPU, 50 % "
			"waiting (50 % for the GIL), <1 % unknown | 50 % in GC "
			"| 50 % handling an exception");
	f->o.view.mode = MODE_GC;
	assert_facts(f, "999 of 1,998 samples in garbage collection | 20.0 s | "
			"100 % of 100 Hz || all samples: 50 % on CPU, 50 % "
			"waiting (50 % for the GIL), <1 % unknown | 50 % in GC "
			"| 50 % handling an exception");
	made_samples_in(&f->m, 1, "a@x.py:1",
			made_doing(&f->m, RUN_STOPPED, GIL_WANTED, 0, ""),
			LOSS_NONE, 3998);
	made_samples(&f->m, 1, "a@x.py:1", RUN_DISK, 1999);
	f->o.view.mode = MODE_WALL;
	assert_facts(f, "7,995 samples | 80.0 s | 100 % of 100 Hz || all "
			"samples: 12 % on CPU, 37 % waiting (12 % for the "
			"GIL, 25 % in uninterruptible sleep), 50 % stopped, "
			"<1 % unknown | 12 % in GC | 12 % handling an "
			"exception");
	/* Parts of a fact are lines of their own before it is cut. */
	assert_non_null(strstr(render(f, "table"),
			       "all samples: 12 % on CPU, 37 % waiting (12 % "
			       "for the GIL,\n25 % in uninterruptible sleep), "
			       "50 % stopped, <1 % unknown \xc2\xb7 12 % in "
			       "GC\n12 % handling an exception\n"));
	f->o.show = SHOW_HEADER;
	assert_non_null(strstr(render(f, "table"),
			       "states      all samples: 12 % on CPU, 37 % "
			       "waiting (12 % for the GIL,\n            25 % "
			       "in uninterruptible sleep), 50 % stopped, <1 % "
			       "unknown\n            12 % in GC"));
	f->o.show = SHOW_TABLE;
}

/* What a thread waits for comes from the target, as names do. */
static void hostile_waits(void **state)
{
	struct sheet *f = *state;
	uint64_t samples = 0;
	const char *text;
	size_t i;

	for (i = 0; i < sizeof(hostile) / sizeof(*hostile); i++, samples++)
		made_samples_in(&f->m, 4711, "a@x.py:1",
				made_doing(&f->m, RUN_SLEEPING, GIL_UNKNOWN, 0,
					   hostile[i]), LOSS_NONE, 1);
	f->o.view.idle = f->o.view.state_frames = true;
	text = render(f, "collapsed");
	check_clean(text);
	assert_non_null(strstr(text, "a (x.py:1);[wait: semi:colon] 1\n"));
	assert_non_null(strstr(text, "a (x.py:1);[wait: ends 12] 1\n"));
	/* Those that are empty or blank. */
	assert_non_null(strstr(text, "a (x.py:1);[idle] 2\n"));
	check_clean(render(f, "table"));
	text = render(f, "svg");
	check_clean(text);
	check_cells(text, samples);
	assert_int_equal(count(text, "<script>"), 1);
	check_xml(&f->out);
}

static void widths_of_the_graph(void **state)
{
	struct sheet *f = *state;
	struct err e;

	made_server(&f->m);
	f->o.width = 1600;
	assert_non_null(strstr(render(f, "svg"), " width=\"1600\" "));
	assert_non_null(strstr(f->out.data, "class=\"legend doing\""));
	assert_non_null(strstr(f->out.data, "data-fixed"));
	check_xml(&f->out);
	/* There is no room for it beside the legend. */
	f->o.width = 400;
	assert_null(strstr(render(f, "svg"), "class=\"legend doing\""));
	f->o.width = 0;
	assert_null(strstr(render(f, "svg"), "data-fixed=\""));
	str_clear(&f->out);
	f->o.width = 10;
	assert_int_equal(renderer_by_name("svg")->render(f->p, &f->o, &f->out,
							 &e), -EINVAL);
	assert_int_equal(f->out.len, 0);
	assert_non_null(strstr(e.msg, "10 pixels"));
}

static void table_fits(void **state)
{
	struct sheet *f = *state;
	const char *p, *end;
	unsigned columns;

	made_server(&f->m);
	hostile_profile(f);
	for (columns = 30; columns < 200; columns += 7) {
		f->o.columns = columns;
		for (p = render(f, "table"); *p; p = end + 1) {
			end = strchr(p, '\n');
			assert_true(text_columns(p, (size_t)(end - p)) <=
				    columns);
		}
	}
	f->o.columns = 0;
	f->o.limit = 3;
	assert_non_null(strstr(render(f, "table"), " more lines\n"));
}

/* Frames beyond what any screen shows still end up in a valid file. */
static void deep_recursion(void **state)
{
	struct sheet *f = *state;
	uint32_t stack = 0;
	int i;

	for (i = 0; i < 5000; i++)
		stack = made_frame(&f->m, stack, "down", "x.py", 3, 1);
	made_tick(&f->m);
	made_sample(&f->m, 4711, stack, made_state(&f->m, RUN_CPU), LOSS_NONE);
	assert_int_equal(count(render(f, "svg"), " data-c="), 5001);
	check_xml(&f->out);
	assert_int_equal(count(render(f, "collapsed"), "down (x.py:3)"), 5000);
	render(f, "table");
}

static void colours(void **state)
{
	const char a[] = "parse (app.py:10)", b[] = "parse (app.py:99)";
	const char c[] = "load (app.py:10)";

	(void)state;
	assert_int_equal(colour_of(0, NODE_OWN, a, sizeof(a) - 1),
			 colour_of(0, NODE_OWN, b, sizeof(b) - 1));
	assert_int_not_equal(colour_of(0, NODE_OWN, a, sizeof(a) - 1),
			     colour_of(0, NODE_OWN, c, sizeof(c) - 1));
	assert_int_not_equal(colour_of(0, NODE_OWN, a, sizeof(a) - 1),
			     colour_of(0, NODE_STDLIB, a, sizeof(a) - 1));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, sheet_setup, sheet_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_extensions),
		cmocka_unit_test(widths),
		cmocka_unit_test(places),
		cmocka_unit_test(numbers),
		TEST(golden_files),
		TEST(same_bytes_again),
		TEST(collapsed_lines),
		TEST(collapsed_is_sorted_bytewise),
		TEST(hostile_names_everywhere),
		TEST(collapsed_totals),
		TEST(empty_and_one),
		TEST(hidden_cells),
		TEST(size_of_ten_thousand_cells),
		TEST(header),
		TEST(facts_of_modes),
		TEST(facts_that_are_few),
		TEST(hostile_waits),
		TEST(widths_of_the_graph),
		TEST(table_fits),
		TEST(deep_recursion),
		cmocka_unit_test(colours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
