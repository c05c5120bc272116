/*
 * recording: what goes in comes out, and where it is written to.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "recording.h"
#include "src/recording/recording_priv.h"
#include "src/recording/writer_priv.h"
#include "tests/lib/scene.h"
#include "tests/lib/tape.h"

#define MS 1000000u
#define FILE_MAX (64u << 20)

/* A folder of its own for each test, and a path in it. */
struct place {
	char dir[64], path[96];
};

static int setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/test_recording.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/run.strobe", p->dir);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	unlink(p->path);
	/* Fails when anything else was left there. */
	assert_int_equal(rmdir(p->dir), 0);
	free(p);
	return 0;
}

static void read_to(struct tape *t, const char *path,
		    struct read_report *report)
{
	struct err err = {""};
	int ret = recording_read(path, &t->sink, report, &err);

	if (ret)
		print_error("%s\n", err.msg);
	assert_int_equal(ret, 0);
}

static void same_text(struct tape *a, struct tape *b)
{
	assert_true(a->ticks > 0);
	tape_same(a, b);
}

/* ---- round trips ---- */

static void round_trip(const char *path, uint64_t period, int ticks,
		       bool clears, const char *const *names)
{
	unsigned shift = unit_shift(period);
	struct tape in, out;
	struct tee tee;
	struct writer *w;
	struct scene s;
	struct read_report report;
	int i;

	tape_init(&in, shift);
	tape_init(&out, shift);
	assert_int_equal(writer_open(&w, path, NULL), 0);
	tee_init(&tee, &in.sink, writer_sink(w));
	scene_init(&s, &tee.sink, 100, period + (uint64_t)ticks, period);
	s.clears = clears;
	if (names)
		s.names = names;
	scene_begin(&s);
	for (i = 0; i < ticks; i++)
		assert_int_equal(scene_tick(&s), 0);
	assert_int_equal(writer_close(w, NULL), 0);
	read_to(&out, path, &report);
	same_text(&in, &out);
	assert_int_equal(in.ticks, ticks);
	assert_true(ticks < 100 || in.samples > (uint64_t)ticks);
	assert_int_equal(report.bad_blocks + report.cut, 0);
	assert_int_equal(report.skipped_bytes, 0);
	scene_release(&s);
	tape_release(&in);
	tape_release(&out);
}

static void what_goes_in_comes_out(void **state)
{
	struct place *p = *state;

	round_trip(p->path, MS, 5000, false, NULL);
	round_trip(p->path, 10 * MS, 3000, true, NULL);
	round_trip(p->path, 333333, 9000, true, NULL);
	/* Ticks seconds apart; a time unit that cannot be halved. */
	round_trip(p->path, 3000u * MS, 200, false, NULL);
	round_trip(p->path, 1, 3000, false, NULL);
	round_trip(p->path, 1, 1, false, NULL);
}

/* What is not text is made text; the rest is left alone. */
static void any_name_is_carried(void **state)
{
	static char huge[5000];
	static const char *const names[16] = {
		"",
		"\xc3\xa9t\xc3\xa9",
		"\xe6\xb5\x8b\xe8\xaf\x95.\xe5\x87\xbd\xe6\x95\xb0",
		"\xf0\x9f\x90\x8d",
		"<script>alert(1)</script>",
		"a;b c\\d\"e'f&g",
		"%s%n%d",
		"name with spaces 42",
		"__builtins__.\xc2\xab" "x\xc2\xbb",
		"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
		huge,
		"\xe2\x82\xac",
		"..",
		"/",
		"{}",
		"\xef\xbf\xbd",
	};
	struct place *p = *state;

	memset(huge, 'h', sizeof(huge) - 1);
	round_trip(p->path, 10 * MS, 500, true, names);
}

static uint32_t text_stack(struct symbols *s, const char *name)
{
	struct code_def code = {.first = 1};
	struct frame_def frame = {.line = 2};

	code.name = symbols_string(s, name, strlen(name));
	code.file = code.name;
	frame.code = symbols_code(s, &code);
	return symbols_stack(s, 0, symbols_frame(s, &frame));
}

static const struct state_def no_state;

static void dirty_text_comes_out_clean(void **state)
{
	struct run_info run = {.host = "\x1b[31m", .kernel = "", .program = ""};
	struct process_info process = {
		.pid = 7, .command = "a\nb", .cwd = "\xff"};
	struct thread_info thread = {.pid = 7, .tid = 7, .name = "\x07"};
	struct tick tick = {.pid = 7, .mono_ns = 1024};
	struct sample sample = {.tid = 7};
	struct source_symbols syms;
	struct place *p = *state;
	struct symbols table;
	struct tape out;
	struct writer *w;
	struct sink *s;

	symbols_init(&table);
	syms = (struct source_symbols){&table, 0};
	sample.stack = text_stack(&table, "x\x01y\xc3");
	sample.state = symbols_state(&table, &no_state);
	assert_int_equal(writer_open(&w, p->path, NULL), 0);
	s = writer_sink(w);
	s->ops->run(s, &run);
	s->ops->process(s, &process);
	s->ops->thread(s, &thread);
	s->ops->tick(s, &syms, &tick);
	assert_int_equal(s->ops->sample(s, &syms, &sample), 0);
	assert_int_equal(writer_close(w, NULL), 0);
	symbols_release(&table);
	tape_init(&out, 0);
	read_to(&out, p->path, NULL);
#define BAD "\xef\xbf\xbd"
	assert_string_equal(tape_text(&out),
			    "run 0 0 0 0 '" BAD "[31m' '' ''\n"
			    "process 7 0 0 'a b' '" BAD "'\n"
			    "thread 7 7 0 0 '" BAD "'\n"
			    "tick 7 1024 0\n"
			    " 7 0:0:0:'' 0 x" BAD "y" BAD "(x" BAD "y" BAD
			    ":1:2:0)\n");
	tape_release(&out);
}

/* What was told of one process. */
static void only_pid(struct str *to, const char *text, uint32_t pid)
{
	static const char *const kinds[] = {"process", "thread", "tick"};
	bool mine = false, named;
	const char *line, *end;
	char start[32];
	size_t i;

	str_init(to);
	for (line = text; *line; line = end) {
		end = strchr(line, '\n') + 1;
		named = line[0] != ' ';
		for (i = 0; named && i < 3; i++) {
			snprintf(start, sizeof(start), "%s %u ", kinds[i], pid);
			mine = !strncmp(line, start, strlen(start));
			if (mine)
				break;
		}
		if (mine)
			str_add(to, line, (size_t)(end - line));
	}
}

static void same_of_pid(struct tape *a, struct tape *b, uint32_t pid)
{
	struct str x, y;

	only_pid(&x, tape_text(a), pid);
	only_pid(&y, tape_text(b), pid);
	assert_true(x.len > 1000);
	assert_string_equal(x.data, y.data);
	str_release(&x);
	str_release(&y);
}

/*
 * Two sources with symbols of their own, and one process that takes over a
 * pid. Only the order within a process is kept.
 */
static void several_processes(void **state)
{
	struct place *p = *state;
	struct tape in, out;
	struct tee tee;
	struct writer *w;
	struct scene a, b;
	struct process_info next = {.pid = 200, .start = 4712,
				    .command = "python3 -m other", .cwd = ""};
	/* Another program may have the very same thread. */
	struct thread_info thread = {
		.pid = 200, .tid = 199, .ident = 7, .name = "MainThread"};
	int i;

	tape_init(&in, unit_shift(10 * MS));
	tape_init(&out, unit_shift(10 * MS));
	assert_int_equal(writer_open(&w, p->path, NULL), 0);
	tee_init(&tee, &in.sink, writer_sink(w));
	scene_init(&a, &tee.sink, 100, 1, 10 * MS);
	scene_init(&b, &tee.sink, 200, 2, 10 * MS);
	scene_begin(&a);
	tee.sink.ops->process(&tee.sink, &next);
	tee.sink.ops->thread(&tee.sink, &thread);
	for (i = 0; i < 1500; i++) {
		if (i == 700) {
			next.start++;
			tee.sink.ops->process(&tee.sink, &next);
			tee.sink.ops->thread(&tee.sink, &thread);
		}
		/* And one that it becomes by exec. */
		if (i == 1100) {
			next.command = "python3 -m third";
			tee.sink.ops->process(&tee.sink, &next);
			tee.sink.ops->thread(&tee.sink, &thread);
		}
		assert_int_equal(scene_tick(a.due_ns <= b.due_ns ? &a : &b), 0);
	}
	assert_int_equal(writer_close(w, NULL), 0);
	read_to(&out, p->path, NULL);
	assert_int_equal(in.ticks, 1500);
	same_of_pid(&in, &out, 100);
	same_of_pid(&in, &out, 200);
	scene_release(&a);
	scene_release(&b);
	tape_release(&in);
	tape_release(&out);
}

/* ---- what is told when ---- */

static uint64_t count_lines(const char *text, const char *start)
{
	uint64_t n = 0;
	const char *line;

	for (line = text; *line; line = strchr(line, '\n') + 1)
		n += !strncmp(line, start, strlen(start));
	return n;
}

static void write_scene(const char *path, uint64_t seed, int ticks)
{
	struct writer *w;
	struct scene s;
	int i;

	assert_int_equal(writer_open(&w, path, NULL), 0);
	scene_init(&s, writer_sink(w), 100, seed, 10 * MS);
	scene_begin(&s);
	for (i = 0; i < ticks; i++)
		assert_int_equal(scene_tick(&s), 0);
	assert_int_equal(writer_close(w, NULL), 0);
	scene_release(&s);
}

static void load(struct str *s, const char *path)
{
	str_init(s);
	assert_int_equal(file_read(s, AT_FDCWD, path, FILE_MAX), 0);
}

static void same_calls_same_bytes(void **state)
{
	struct place *p = *state;
	struct str a, b;

	write_scene(p->path, 5, 2500);
	load(&a, p->path);
	write_scene(p->path, 5, 2500);
	load(&b, p->path);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	str_release(&a);
	str_release(&b);
}

static void two_files_make_one(void **state)
{
	struct place *p = *state;
	struct tape ta, tb, both;
	struct read_report report;
	struct str a, b;

	write_scene(p->path, 5, 1500);
	load(&a, p->path);
	write_scene(p->path, 6, 1500);
	load(&b, p->path);
	tape_init(&ta, 18);
	tape_init(&tb, 18);
	tape_init(&both, 18);
	assert_int_equal(recording_read_bytes(a.data, a.len, "a", &ta.sink,
					      NULL, NULL), 0);
	assert_int_equal(recording_read_bytes(b.data, b.len, "b", &tb.sink,
					      NULL, NULL), 0);
	str_add(&a, b.data, b.len);
	assert_int_equal(recording_read_bytes(a.data, a.len, "ab", &both.sink,
					      &report, NULL), 0);
	assert_int_equal(report.bad_blocks, 0);
	assert_int_equal(report.bytes, a.len);
	assert_int_equal(both.ticks, ta.ticks + tb.ticks);
	assert_int_equal(both.samples, ta.samples + tb.samples);
	/* The same run and process are told once. */
	assert_int_equal(count_lines(tape_text(&both), "run "), 1);
	assert_int_equal(count_lines(tape_text(&both), "process "), 1);
	tape_release(&ta);
	tape_release(&tb);
	tape_release(&both);
	str_release(&a);
	str_release(&b);
}

/* A recording of a recording is the same. */
static void read_into_a_writer(void **state)
{
	struct place *p = *state;
	struct tape ta, tb;
	struct str a, b;
	struct writer *w;

	write_scene(p->path, 7, 1500);
	load(&a, p->path);
	assert_int_equal(writer_open(&w, p->path, NULL), 0);
	assert_int_equal(recording_read_bytes(a.data, a.len, "a",
					      writer_sink(w), NULL, NULL), 0);
	assert_int_equal(writer_close(w, NULL), 0);
	load(&b, p->path);
	tape_init(&ta, 18);
	tape_init(&tb, 18);
	recording_read_bytes(a.data, a.len, "a", &ta.sink, NULL, NULL);
	recording_read_bytes(b.data, b.len, "b", &tb.sink, NULL, NULL);
	same_text(&ta, &tb);
	tape_release(&ta);
	tape_release(&tb);
	str_release(&a);
	str_release(&b);
}

static void no_sample_at_all(void **state)
{
	struct place *p = *state;
	struct read_report report;
	struct tape out;

	write_scene(p->path, 1, 0);
	tape_init(&out, 0);
	read_to(&out, p->path, &report);
	assert_int_equal(report.blocks, 1);
	assert_int_equal(count_lines(tape_text(&out), "run "), 1);
	assert_int_equal(count_lines(tape_text(&out), "process "), 1);
	assert_int_equal(out.ticks, 0);
	tape_release(&out);
}

/* Sources that break the contract are told so, and cost nothing else. */
static void wrong_calls_are_refused(void **state)
{
	struct run_info run = {.host = "", .kernel = "", .program = ""};
	struct tick tick = {.pid = 7, .mono_ns = 1 << 20};
	struct sample sample = {.tid = 7};
	struct source_symbols syms;
	struct place *p = *state;
	struct symbols table;
	struct tape out;
	struct writer *w;
	struct sink *s;

	symbols_init(&table);
	syms = (struct source_symbols){&table, 0};
	assert_int_equal(writer_open(&w, p->path, NULL), 0);
	s = writer_sink(w);
	s->ops->run(s, &run);
	assert_int_equal(s->ops->sample(s, &syms, &sample), -EINVAL);
	s->ops->tick(s, &syms, &tick);
	/* There is no state 0 yet, and never a stack 1. */
	assert_int_equal(s->ops->sample(s, &syms, &sample), -EINVAL);
	sample.state = symbols_state(&table, &no_state);
	sample.stack = 1;
	assert_int_equal(s->ops->sample(s, &syms, &sample), -EINVAL);
	sample.stack = 0;
	sample.loss = LOSS_CAUSES;
	assert_int_equal(s->ops->sample(s, &syms, &sample), -EINVAL);
	sample.loss = LOSS_READ;
	assert_int_equal(s->ops->sample(s, &syms, &sample), 0);
	assert_int_equal(s->ops->sample(s, &syms, &sample), -EINVAL);
	assert_int_equal(writer_close(w, NULL), 0);
	symbols_release(&table);
	tape_init(&out, 0);
	read_to(&out, p->path, NULL);
	assert_string_equal(strstr(tape_text(&out), "tick"),
			    "tick 7 1048576 0\n 7 0:0:0:'' 2\n");
	tape_release(&out);
}

/* ---- limits of a block ---- */

/* n threads, each with a stack of its own, `depth` deep. */
static void many_threads(struct sink *s, struct symbols *table, uint32_t n,
			 uint32_t depth)
{
	struct source_symbols syms = {table, 0};
	struct tick tick = {.pid = 7, .mono_ns = 1u << 30};
	struct code_def code = {.first = 1};
	struct frame_def frame = {.line = 1};
	struct sample sample = {.tid = 1};
	uint32_t i, k;

	code.name = symbols_string(table, "f", 1);
	frame.code = symbols_code(table, &code);
	sample.state = symbols_state(table, &no_state);
	assert_int_equal(s->ops->tick(s, &syms, &tick), 0);
	for (i = 0; i < n; i++, sample.tid++) {
		sample.stack = 0;
		for (k = 0; k < depth; k++) {
			frame.line = k ? 1 + k % 100 : i + 200;
			sample.stack = symbols_stack(
				table, sample.stack,
				symbols_frame(table, &frame));
		}
		assert_int_equal(s->ops->sample(s, &syms, &sample), 0);
	}
}

/* A tick that is too large for a block is still one tick. */
static void a_tick_may_fill_blocks(void **state)
{
	struct run_info run = {.host = "", .kernel = "", .program = ""};
	struct place *p = *state;
	struct read_report report;
	struct symbols table;
	struct tape in, out;
	struct tee tee;
	struct writer *w;

	symbols_init(&table);
	tape_init(&in, 10);
	tape_init(&out, 10);
	assert_int_equal(writer_open(&w, p->path, NULL), 0);
	tee_init(&tee, &in.sink, writer_sink(w));
	tee.sink.ops->run(&tee.sink, &run);
	tee.sink.ops->process(&tee.sink, &(struct process_info){
		.pid = 7, .command = "", .cwd = ""});
	many_threads(&tee.sink, &table, 4000, 400);
	assert_int_equal(writer_close(w, NULL), 0);
	read_to(&out, p->path, &report);
	assert_true(report.blocks > 2);
	same_text(&in, &out);
	symbols_release(&table);
	tape_release(&in);
	tape_release(&out);
}

static void too_deep_is_a_loss(void **state)
{
	struct run_info run = {.host = "", .kernel = "", .program = ""};
	struct place *p = *state;
	struct symbols table;
	struct tape out;
	struct writer *w;

	symbols_init(&table);
	assert_int_equal(writer_open(&w, p->path, NULL), 0);
	writer_sink(w)->ops->run(writer_sink(w), &run);
	many_threads(writer_sink(w), &table, 1, DEPTH_MAX + 1);
	assert_int_equal(writer_close(w, NULL), 0);
	tape_init(&out, 10);
	read_to(&out, p->path, NULL);
	assert_non_null(strstr(tape_text(&out), "\n 1 0:0:0:'' 6\n"));
	symbols_release(&table);
	tape_release(&out);
}

/* Frames with names so long that no block could hold them all. */
static void names_are_cut_at_last(void **state)
{
	struct run_info run = {.host = "", .kernel = "", .program = ""};
	struct tick tick = {.pid = 7, .mono_ns = 1u << 30};
	struct place *p = *state;
	struct code_def code = {.first = 1};
	struct frame_def frame = {.line = 1};
	struct sample sample = {.tid = 1};
	struct source_symbols syms;
	struct read_report report;
	struct symbols table;
	struct tape out;
	struct writer *w;
	struct sink *s;
	char name[8192];
	uint32_t i;

	symbols_init(&table);
	syms = (struct source_symbols){&table, 0};
	memset(name, 'n', sizeof(name));
	for (i = 0; i < 5000; i++) {
		snprintf(name, 16, "name%05u_____", i);
		name[15] = '_';
		code.name = symbols_string(&table, name, sizeof(name) - 1);
		frame.code = symbols_code(&table, &code);
		sample.stack = symbols_stack(&table, sample.stack,
					     symbols_frame(&table, &frame));
	}
	sample.state = symbols_state(&table, &no_state);
	assert_int_equal(writer_open(&w, p->path, NULL), 0);
	s = writer_sink(w);
	s->ops->run(s, &run);
	s->ops->tick(s, &syms, &tick);
	assert_int_equal(s->ops->sample(s, &syms, &sample), 0);
	assert_int_equal(writer_close(w, NULL), 0);
	tape_init(&out, 10);
	read_to(&out, p->path, &report);
	assert_int_equal(report.blocks, 1);
	assert_int_equal(out.samples, 1);
	assert_non_null(strstr(tape_text(&out), " name04999_____"));
	assert_non_null(strstr(tape_text(&out), "nnn...("));
	symbols_release(&table);
	tape_release(&out);
}

/* ---- files ---- */

static void old_file_stays_until_there_is_a_block(void **state)
{
	struct place *p = *state;
	struct str text;
	struct writer *w;
	struct scene s;
	struct stat st;
	FILE *f = fopen(p->path, "w");
	int i;

	assert_non_null(f);
	fputs("precious", f);
	fclose(f);
	/* Given up before anything was told: nothing happens. */
	assert_int_equal(writer_open(&w, p->path, NULL), 0);
	assert_int_equal(writer_close(w, NULL), 0);
	assert_int_equal(writer_open(&w, p->path, NULL), 0);
	scene_init(&s, writer_sink(w), 100, 1, 100 * MS);
	scene_begin(&s);
	for (i = 0; !writer_bytes(w) && i < 100; i++) {
		load(&text, p->path);
		assert_string_equal(text.data, "precious");
		str_release(&text);
		scene_tick(&s);
	}
	/* The second of ticks is over: there is a whole block. */
	assert_in_range(i, 8, 13);
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_size, writer_bytes(w));
	load(&text, p->path);
	assert_true(recording_is(text.data, text.len));
	str_release(&text);
	assert_int_equal(writer_close(w, NULL), 0);
	scene_release(&s);
}

static void a_link_keeps_pointing(void **state)
{
	struct place *p = *state;
	char link[128];
	struct stat st;
	FILE *f = fopen(p->path, "w");

	assert_non_null(f);
	fclose(f);
	snprintf(link, sizeof(link), "%s/link", p->dir);
	assert_int_equal(symlink(p->path, link), 0);
	write_scene(link, 1, 10);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(p->path, &st), 0);
	assert_true(st.st_size > HEADER_LEN);
	unlink(link);
}

static void pipes_are_written_straight(void **state)
{
	struct place *p = *state;
	struct read_report report;
	struct tape out;
	pid_t child;
	int status;

	assert_int_equal(mkfifo(p->path, 0600), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		struct writer *w;
		struct scene s;
		int i, ret = writer_open(&w, p->path, NULL);

		if (ret)
			_exit(1);
		scene_init(&s, writer_sink(w), 100, 1, 10 * MS);
		scene_begin(&s);
		for (i = 0; i < 3000 && !ret; i++)
			ret = scene_tick(&s);
		_exit(writer_close(w, NULL) || ret ? 1 : 0);
	}
	tape_init(&out, 0);
	read_to(&out, p->path, &report);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(out.ticks, 3000);
	tape_release(&out);
}

static void failures_name_the_path(void **state)
{
	struct err err = {""};
	struct writer *w;
	struct scene s;
	int i, ret = 0;

	(void)state;
	assert_int_equal(writer_open(&w, "/nowhere/x", &err), -ENOENT);
	assert_string_equal(err.msg, "cannot write '/nowhere/x': "
				     "No such file or directory");
	assert_int_equal(writer_open(&w, "/tmp", &err), -EISDIR);
	assert_string_equal(err.msg, "cannot write '/tmp': Is a directory");
	assert_int_equal(recording_read("/nowhere/x", NULL, NULL, &err),
			 -ENOENT);
	assert_string_equal(err.msg, "cannot read '/nowhere/x': "
				     "No such file or directory");
	assert_int_equal(recording_read("/tmp", NULL, NULL, &err), -EISDIR);
	assert_int_equal(writer_open(&w, "/dev/full", &err), 0);
	scene_init(&s, writer_sink(w), 100, 1, 10 * MS);
	scene_begin(&s);
	for (i = 0; i < 1000 && !ret; i++)
		ret = scene_tick(&s);
	assert_int_equal(ret, -ENOSPC);
	assert_in_range(i, 80, 130);
	assert_int_equal(scene_tick(&s), -ENOSPC);
	assert_int_equal(writer_close(w, &err), -ENOSPC);
	assert_string_equal(err.msg, "cannot write '/dev/full': "
				     "No space left on device");
	scene_release(&s);
}

/* A disk that fills up, by means of a limit on the size of files. */
static void full_disk_keeps_what_was_there(void **state)
{
	struct rlimit old, small;
	struct place *p = *state;
	struct read_report report;
	struct err err = {""};
	struct tape out;
	struct writer *w;
	struct scene s;
	int i, ret = 0;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 20000;
	assert_int_equal(writer_open(&w, p->path, NULL), 0);
	scene_init(&s, writer_sink(w), 100, 1, 10 * MS);
	scene_begin(&s);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (i = 0; i < 100000 && !ret; i++)
		ret = scene_tick(&s);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(ret, -EFBIG);
	assert_int_equal(writer_close(w, &err), -EFBIG);
	assert_non_null(strstr(err.msg, p->path));
	tape_init(&out, 0);
	read_to(&out, p->path, &report);
	assert_true(report.blocks >= 2);
	assert_int_equal(report.cut + report.bad_blocks, 0);
	assert_true(out.ticks + 130 > (uint64_t)i);
	scene_release(&s);
	tape_release(&out);
}

/* The writer dies between two calls: a second of samples is lost at most. */
static void kill_loses_a_second(void **state)
{
	struct place *p = *state;
	struct tape out;
	pid_t child = fork();
	int status, i;

	assert_true(child >= 0);
	if (!child) {
		struct writer *w;
		struct scene s;

		if (writer_open(&w, p->path, NULL))
			_exit(1);
		scene_init(&s, writer_sink(w), 100, 1, 10 * MS);
		scene_begin(&s);
		for (i = 0; i < 1234; i++)
			scene_tick(&s);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	tape_init(&out, 0);
	read_to(&out, p->path, NULL);
	assert_in_range(out.ticks, 1234 - 101, 1234);
	tape_release(&out);
}

#define PLACED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		PLACED(what_goes_in_comes_out),
		PLACED(any_name_is_carried),
		PLACED(dirty_text_comes_out_clean),
		PLACED(several_processes),
		PLACED(same_calls_same_bytes),
		PLACED(two_files_make_one),
		PLACED(read_into_a_writer),
		PLACED(no_sample_at_all),
		PLACED(wrong_calls_are_refused),
		PLACED(a_tick_may_fill_blocks),
		PLACED(too_deep_is_a_loss),
		PLACED(names_are_cut_at_last),
		PLACED(old_file_stays_until_there_is_a_block),
		PLACED(a_link_keeps_pointing),
		PLACED(pipes_are_written_straight),
		PLACED(failures_name_the_path),
		PLACED(full_disk_keeps_what_was_there),
		PLACED(kill_loses_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
