#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "elf.h"
#include "failing.h"
#include "jobs.h"
#include "made.h"
#include "process.h"
#include "profile.h"
#include "recording.h"
#include "render.h"
#include "scene.h"
#include "shape.h"
#include "target.h"
#include "walk.h"

#define TICKS 12
#define PERIOD_NS 300000000u

static struct {
	char input[256], output[256], drawing[256];
	struct profile *profile;
	pid_t victim;
} with;

/* ---- recordings ---- */

static int write_scene(const char *path, struct err *err)
{
	struct writer *w;
	struct scene s;
	int ret = writer_open(&w, path, err), closed, i;

	if (ret)
		return ret;
	scene_init(&s, writer_sink(w), 4711, 11, PERIOD_NS);
	scene_begin(&s);
	for (i = 0; i < TICKS && !ret; i++)
		ret = scene_tick(&s);
	scene_release(&s);
	closed = writer_close(w, err);
	return closed ? closed : ret;
}

static int write_recording(struct err *err)
{
	return write_scene(with.output, err);
}

static int read_file(const char *path, struct err *err)
{
	struct profile *p = profile_new();
	struct read_report report;
	int ret = recording_read(path, &p->sink, &report, err);

	if (!ret && (report.bad_blocks || report.cut))
		ret = JOB_LOSS;
	profile_free(p);
	return ret;
}

static int read_recording(struct err *err)
{
	return read_file(with.input, err);
}

/* ---- drawing ---- */

static int render_all(struct err *err)
{
	struct render_options o = {.title = "a title"};
	const struct renderer *r;
	struct str out;
	size_t i, n;
	int ret = 0;

	r = renderers(&n);
	for (i = 0; i < n && !ret; i++) {
		str_init(&out);
		ret = r[i].render(with.profile, &o, &out, err);
		str_release(&out);
	}
	return ret;
}

static int dump_all(struct err *err)
{
	struct dump_options o = {.full_filenames = true};
	struct str out;
	int i;

	(void)err;
	for (i = 0; i < 3; i++) {
		str_init(&out);
		o.json = i == 1;
		o.group = i == 2;
		render_dump(with.profile, &o, &out);
		str_release(&out);
	}
	return 0;
}

static int write_drawing(struct err *err)
{
	static const char text[] = "<svg/>";
	struct outfile *out;
	int ret = outfile_open(&out, with.drawing, err);

	if (ret)
		return ret;
	ret = outfile_write(out, text, sizeof(text), err);
	if (!ret)
		return outfile_commit(out, err);
	outfile_abort(out);
	return ret;
}

/* ---- an interpreter in a buffer ---- */

static ssize_t read_shape(void *arg, const struct range *ranges, size_t n)
{
	const struct shape *s = arg;
	int error = fail_now(FAIL_READ);
	size_t i, off, sum = 0, len;

	if (error)
		return error == EIO ? -EFAULT : -error;
	for (i = 0; i < n; i++) {
		off = (size_t)(ranges[i].addr - SHAPE_BASE);
		if (off >= s->len)
			break;
		len = ranges[i].len < s->len - off ? ranges[i].len
						   : s->len - off;
		memcpy(ranges[i].to, s->memory + off, len);
		sum += len;
		if (len < ranges[i].len)
			break;
	}
	return sum ? (ssize_t)sum : -EFAULT;
}

/* Whether one of the locals of a frame is missing, or says that it is torn. */
static int locals_lost(struct walker *w, size_t row, raddr frame)
{
	const struct variable *v;
	size_t n;
	int lost = 0;

	for (n = 0; (v = walker_local(w, row, frame, n)); n++)
		lost = lost || strstr(v->value, "<?>");
	return lost || n < SHAPE_LOCALS;
}

/* Whether something of the threads and their locals is missing. */
static int rows_lost(struct walker *w)
{
	struct value_limits limits = {.bytes = 100, .items = 10, .depth = 3,
				      .until = UINT64_MAX};
	const struct walk_thread *t;
	size_t i, k, n;
	int lost;

	t = walker_threads(w, &n);
	lost = n != SHAPE_THREADS;
	for (i = 0; i < n; i++) {
		lost = lost || t[i].loss || t[i].depth != SHAPE_FRAMES;
		walker_read_locals(w, i, &limits);
		for (k = 0; k < t[i].depth; k++)
			lost = lost ||
			       locals_lost(w, i, t[i].frames[k].addr);
	}
	return lost;
}

static int walk(struct walker *w)
{
	struct str name;
	bool checked;
	int ret = walker_self_check(w, &checked, NULL), lost, i;

	for (i = 1; i <= 2 && !ret; i++)
		ret = walker_snapshot(w, 1000000000u * (unsigned)i);
	if (!ret)
		ret = walker_again(w, 0, false);
	if (!ret && !(ret = walker_grab(w, 0)))
		ret = walker_take(w, 0, 1);
	if (ret < 0)
		return ret;
	str_init(&name);
	walker_thread_name(w, SHAPE_IDENT, &name);
	lost = rows_lost(w) || !name.len;
	str_release(&name);
	return lost ? JOB_LOSS : 0;
}

static int walk_shape(unsigned which, struct err *err)
{
	const struct shape *s = shape_of(which);
	struct remote *r = remote_new_reader(read_shape, (void *)s);
	struct walker *w = walker_new(r, &s->layout, &s->entry, 42);
	int ret = walk(w), i, again = 0;

	/* It comes back as soon as it can be read. */
	fail_no_more();
	for (i = 0; i < 3; i++)
		again = walker_snapshot(w, 1000000000u * (unsigned)(i + 5));
	if (again || rows_lost(w))
		abort();
	walker_free(w);
	remote_free(r);
	return ret < 0 ? err_set(err, ret, "the process cannot be read") : ret;
}

static int walk_heap(struct err *err)
{
	return walk_shape(5, err);
}

static int walk_statics(struct err *err)
{
	return walk_shape(0, err);
}

static int walk_chunks(struct err *err)
{
	return walk_shape(7, err);
}

static int walk_free_threaded(struct err *err)
{
	return walk_shape(SHAPES - 1, err);
}

/* ---- files ---- */

static int read_elf(struct err *err)
{
	struct image_symbol syms[] = {{.name = "jobs_begin"},
				      {.name = "main"}};
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), ret;
	uint64_t addr, size;
	struct image *img;
	char id[20];

	if (fd < 0)
		return err_set(err, -errno, "no executable");
	ret = image_open(&img, fd, err);
	close(fd);
	if (ret)
		return ret;
	ret = image_symbols(img, syms, 2) < 2 ||
	      image_section(img, ".text", &addr, &size) ||
	      image_read(img, addr, id, sizeof(id)) ||
	      !image_build_id(img, id, sizeof(id));
	image_needs(img, "libpython");
	image_close(img);
	return ret ? JOB_LOSS : 0;
}

static int read_threads(const struct process *p, struct err *err)
{
	struct thread_sched sched;
	struct thread_probe probe;
	struct thread_look look;
	pid_t *tids = NULL;
	uint64_t switches, last;
	bool runs;
	size_t cap = 0;
	ssize_t n = process_threads(p, &tids, &cap);
	int ret = (int)n;

	if (n > 0) {
		probe_init(&probe, tids[0]);
		ret = probe_look(&probe, p, &look);
		if (!ret)
			ret = probe_sched(&probe, p, &sched);
		if (!ret)
			ret = probe_switches(&probe, p, &switches, &runs);
		probe_last_on(&probe, p, &last);
		probe_cpu(&probe, p, &runs);
		probe_release(&probe);
	}
	free(tids);
	return ret < 0 ? err_set(err, ret, "the threads cannot be read") : ret;
}

static int read_process(struct err *err)
{
	struct sources *sources;
	struct process p;
	struct maps m;
	struct str s;
	int ret = process_open(&p, getpid(), err);

	if (ret)
		return ret;
	ret = maps_read(&m, &p, err);
	if (!ret) {
		maps_release(&m);
		ret = read_threads(&p, err);
	}
	str_init(&s);
	process_command(&p, &s);
	process_cwd(&p, &s);
	thread_comm(&p, p.pid, &s);
	str_release(&s);
	sources = sources_new(&p);
	sources_line(sources, with.input, 1);
	sources_free(sources);
	process_close(&p);
	return ret;
}

/* ---- a process that looks like Python ---- */

static int sample(struct target *t, struct profile *p, struct err *err)
{
	int ret = target_announce(t, &p->sink), i;
	struct tick now = {.mono_ns = 0};

	for (i = 1; i <= 3 && !ret; i++) {
		now.mono_ns = clock_mono();
		ret = target_sample(t, &p->sink, &now);
	}
	if (ret)
		return err_set(err, ret, "the process cannot be sampled");
	return profile_lost(p) + profile_partial(p) ? JOB_LOSS : 0;
}

static int attach(struct err *err)
{
	struct target_options o = {.pause_share = PAUSE_SHARE};
	struct run_info run = {.period_ns = 1000000, .host = "", .kernel = "",
			       .program = ""};
	struct profile *p;
	struct target *t;
	int ret;

	if (!with.victim)
		return 0;
	ret = target_open(&t, with.victim, &o, err);
	if (ret)
		return ret;
	p = profile_new();
	p->sink.ops->run(&p->sink, &run);
	ret = sample(t, p, err);
	profile_free(p);
	target_free(t);
	return ret;
}

/* ---- */

const struct job jobs[] = {
	{"read a recording", read_recording, 0, 0},
	{"write a recording", write_recording, 0, 1},
	{"render each format", render_all, 0, 0},
	{"render dumps", dump_all, 0, 0},
	{"write a drawing", write_drawing, 0, 1},
	{"walk 2.7", walk_statics, 1, 0},
	{"walk 3.10", walk_heap, 1, 0},
	{"walk 3.12", walk_chunks, 1, 0},
	{"walk 3.15t", walk_free_threaded, 1, 0},
	{"read an ELF file", read_elf, 1, 0},
	{"read a process", read_process, 1, 0},
	{"attach and sample", attach, 1, 0},
};
const size_t njobs = sizeof(jobs) / sizeof(*jobs);

void jobs_begin(const char *folder, pid_t victim)
{
	struct made m;
	struct err err;

	snprintf(with.input, sizeof(with.input), "%s/" JOB_INPUT, folder);
	snprintf(with.output, sizeof(with.output), "%s/" JOB_OUTPUT, folder);
	snprintf(with.drawing, sizeof(with.drawing), "%s/" JOB_DRAWING,
		 folder);
	if (write_scene(with.input, &err))
		abort();
	with.profile = profile_new();
	with.profile->timeline = timeline_new(1000);
	made_init(&m, &with.profile->sink);
	made_process(&m, 4711, "python3 <app>.py");
	made_thread(&m, 4711, "Main Thread");
	made_samples(&m, 4711, "main@/app.py:3 work@/app.py:10/8", RUN_CPU, 5);
	made_samples_in(&m, 4712, "main@/app.py:4 wait@/q.py:7/6",
			made_doing(&m, RUN_SLEEPING, GIL_WANTED, 0, "timer"),
			LOSS_NONE, 3);
	made_samples_in(&m, 4712, "", made_state(&m, RUN_CPU), LOSS_READ, 1);
	made_release(&m);
	timeline_order(with.profile->timeline, with.profile);
	with.victim = victim;
}

void jobs_end(void)
{
	profile_free(with.profile);
	unlink(with.input);
	unlink(with.output);
	unlink(with.drawing);
}
