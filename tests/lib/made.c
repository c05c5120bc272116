#include <stdlib.h>
#include <string.h>

#include "tests/lib/made.h"

#define PERIOD 10000000u

void made_init(struct made *m, struct sink *sink)
{
	made_init_period(m, sink, PERIOD);
}

void made_init_period(struct made *m, struct sink *sink, uint64_t period)
{
	struct run_info run = {
		.wall_ns = 1700000000000000000u,
		.mono_ns = 5000000000u,
		.period_ns = period,
		.seed = 1,
		.host = "host",
		.kernel = "Linux 6.1",
		.program = "pystrobe test",
	};

	memset(m, 0, sizeof(*m));
	symbols_init(&m->symbols);
	m->source.table = &m->symbols;
	m->source.serial = 1;
	m->sink = sink;
	m->now = run.mono_ns;
	m->period = period;
	if (sink->ops->run(sink, &run))
		abort();
	made_process(m, 4711, "python3 app.py --port 8080");
}

void made_release(struct made *m)
{
	symbols_release(&m->symbols);
}

void made_forget(struct made *m)
{
	symbols_clear(&m->symbols);
	m->source.serial++;
}

void made_process(struct made *m, uint32_t pid, const char *command)
{
	struct process_info info = {
		.pid = pid,
		.start = 1000 + pid,
		.version = 0x030b02f0,
		.command = command,
		.cwd = "/srv/app",
	};

	m->pid = pid;
	if (m->sink->ops->process(m->sink, &info))
		abort();
}

void made_thread(struct made *m, uint32_t tid, const char *name)
{
	struct thread_info info = {
		.pid = m->pid,
		.tid = tid,
		.ident = 0x7f0000000000u + tid,
		.flags = tid == m->pid ? THREAD_MAIN : 0,
		.name = name,
	};

	if (m->sink->ops->thread(m->sink, &info))
		abort();
}

void made_tick(struct made *m)
{
	struct tick tick = {.pid = m->pid};

	m->now += m->period;
	tick.mono_ns = m->now;
	if (m->sink->ops->tick(m->sink, &m->source, &tick))
		abort();
}

uint32_t made_state(struct made *m, enum run_state run)
{
	return made_doing(m, run, GIL_UNKNOWN, 0, "");
}

static uint32_t string_of(struct made *m, const char *s, size_t len)
{
	return symbols_string(&m->symbols, s, len);
}

uint32_t made_doing(struct made *m, enum run_state run, enum gil_state gil,
		    uint32_t flags, const char *wait)
{
	struct state_def def = {
		.run = (uint8_t)run,
		.gil = (uint8_t)gil,
		.flags = flags,
		.wait = string_of(m, wait, strlen(wait)),
	};

	return symbols_state(&m->symbols, &def);
}

uint32_t made_frame(struct made *m, uint32_t parent, const char *name,
		    const char *file, uint32_t line, uint32_t first)
{
	struct code_def code = {
		.name = string_of(m, name, strlen(name)),
		.file = string_of(m, file, strlen(file)),
		.first = first,
	};
	struct frame_def frame = {
		.code = symbols_code(&m->symbols, &code),
		.line = line,
	};

	return symbols_stack(&m->symbols, parent,
			     symbols_frame(&m->symbols, &frame));
}

static uint32_t written_frame(struct made *m, uint32_t parent, const char *s,
			      size_t len)
{
	const char *at = memchr(s, '@', len), *end = s + len, *p;
	struct code_def code = {0};
	struct frame_def frame = {0};

	code.name = string_of(m, s, at ? (size_t)(at - s) : len);
	if (!at) {
		frame.flags = FRAME_MARKER;
	} else {
		p = memchr(at, ':', (size_t)(end - at));
		p = p ? p : end;
		code.file = string_of(m, at + 1, (size_t)(p - at) - 1);
		if (p < end)
			frame.line = (uint32_t)strtoul(p + 1, NULL, 10);
		p = p < end ? memchr(p, '/', (size_t)(end - p)) : NULL;
		code.first = p ? (uint32_t)strtoul(p + 1, NULL, 10) : 0;
	}
	frame.code = symbols_code(&m->symbols, &code);
	return symbols_stack(&m->symbols, parent,
			     symbols_frame(&m->symbols, &frame));
}

uint32_t made_stack(struct made *m, const char *text)
{
	uint32_t stack = 0;
	size_t len;

	while (*(text += strspn(text, " \t"))) {
		len = strcspn(text, " \t");
		stack = written_frame(m, stack, text, len);
		text += len;
	}
	return stack;
}

int made_sample(struct made *m, uint32_t tid, uint32_t stack, uint32_t state,
		enum loss loss)
{
	struct sample sample = {
		.tid = tid, .stack = stack, .state = state, .loss = loss};

	return m->sink->ops->sample(m->sink, &m->source, &sample);
}

void made_samples(struct made *m, uint32_t tid, const char *stack,
		  enum run_state run, unsigned n)
{
	made_samples_in(m, tid, stack, made_state(m, run), LOSS_NONE, n);
}

void made_samples_in(struct made *m, uint32_t tid, const char *stack,
		     uint32_t state, enum loss loss, unsigned n)
{
	uint32_t id = made_stack(m, stack);

	while (n--) {
		made_tick(m);
		if (made_sample(m, tid, id, state, loss))
			abort();
	}
}

#define LIB "/usr/lib/python3.11/"
#define SITE "/srv/app/.venv/lib/python3.11/site-packages/"
#define SERVE                                                                 \
	"<module>@/srv/app/app.py:88/1 main@/srv/app/app.py:80/61 "           \
	"serve_forever@" LIB "socketserver.py:233/216 "                       \
	"Server.handle@/srv/app/server.py:41/30 "
#define QUERY SERVE "Orders.list@/srv/app/orders.py:57/40 "
#define RENDER SERVE "render@/srv/app/views.py:19/11 "
#define POOL                                                                  \
	"Thread._bootstrap@" LIB "threading.py:995/989 "                      \
	"_worker@" LIB "concurrent/futures/thread.py:83/69 "

#define COMPUTES RUN_CPU, GIL_HELD, 0, "", LOSS_NONE
#define IN_C RUN_CPU, GIL_NEITHER, 0, "", LOSS_NONE
#define WAITS(text) RUN_SLEEPING, GIL_NEITHER, 0, text, LOSS_NONE

static const struct {
	uint32_t tid;
	unsigned n;
	enum run_state run;
	enum gil_state gil;
	uint32_t flags;
	const char *wait;
	enum loss loss;
	const char *stack;
} server[] = {
	{4711, 91, COMPUTES,
	 QUERY "Query.all@" SITE "sqlalchemy/orm/query.py:2693/2673 "
	 "loading.instances@" SITE "sqlalchemy/orm/loading.py:230/84 "
	 "_populate_full@" SITE "sqlalchemy/orm/loading.py:1301/1250"},
	{4711, 37, COMPUTES,
	 QUERY "Query.all@" SITE "sqlalchemy/orm/query.py:2693/2673 "
	 "loading.instances@" SITE "sqlalchemy/orm/loading.py:219/84"},
	{4711, 44, IN_C,
	 QUERY "Query.all@" SITE "sqlalchemy/orm/query.py:2693/2673 "
	 "Connection.execute@" SITE "sqlalchemy/engine/base.py:1414/1360 "
	 "<native:sqlite3_step>"},
	{4711, 29, COMPUTES,
	 QUERY "Orders.total@/srv/app/orders.py:72/66"},
	{4711, 18, COMPUTES,
	 QUERY "Orders.total@/srv/app/orders.py:73/66 Decimal.quantize@" LIB
	 "decimal.py:2544/2500"},
	{4711, 63, COMPUTES,
	 RENDER "Template.render@" SITE "jinja2/environment.py:1301/1280 "
	 "root@<template>:12/8 escape@" SITE "markupsafe/__init__.py:51/40"},
	{4711, 22, COMPUTES,
	 RENDER "Template.render@" SITE "jinja2/environment.py:1301/1280 "
	 "root@<template>:31/8"},
	{4711, 41, COMPUTES,
	 RENDER "dumps@" LIB "json/__init__.py:231/183 JSONEncoder.encode@" LIB
	 "json/encoder.py:200/183 JSONEncoder.iterencode@" LIB
	 "json/encoder.py:258/204"},
	{4711, 9, RUN_CPU, GIL_HELD, STATE_EXCEPTION, "", LOSS_NONE,
	 RENDER "dumps@" LIB "json/__init__.py:231/183 JSONEncoder.encode@" LIB
	 "json/encoder.py:200/183 JSONEncoder.default@/srv/app/views.py:88/80"},
	{4711, 16, COMPUTES,
	 SERVE "parse_request@" LIB "http/server.py:316/268 parse_headers@" LIB
	 "http/client.py:222/211 Parser.parsestr@" LIB "email/parser.py:67/59 "
	 "FeedParser._parsegen@" LIB "email/feedparser.py:240/210"},
	{4711, 5, RUN_CPU, GIL_HELD, STATE_GC, "", LOSS_NONE,
	 SERVE "log_request@/srv/app/server.py:77/75 Logger._log@" LIB
	 "logging/__init__.py:1634/1607"},
	{4711, 3, RUN_CPU, GIL_HELD, 0, "", LOSS_MOVING,
	 SERVE MARKER_MOVING},
	{4711, 55, WAITS("socket 10.0.0.7:5432"),
	 "<module>@/srv/app/app.py:88/1 main@/srv/app/app.py:80/61 "
	 "serve_forever@" LIB "socketserver.py:230/216 select@" LIB
	 "selectors.py:415/403"},
	{4712, 78, IN_C,
	 POOL "resize@/srv/app/images.py:23/14 Image.resize@" SITE
	 "PIL/Image.py:2192/2100"},
	{4712, 31, IN_C,
	 POOL "thumbnail@/srv/app/images.py:44/40 Image.save@" SITE
	 "PIL/Image.py:2431/2350 _save@" SITE "PIL/JpegImagePlugin.py:782/640"},
	{4712, 100, WAITS("lock 0x7f3a5c00"),
	 POOL "wait@" LIB "threading.py:320/288"},
	{4712, 20, RUN_SLEEPING, GIL_WANTED, 0, "", LOSS_NONE,
	 POOL "resize@/srv/app/images.py:24/14"},
	{4713, 26, COMPUTES,
	 POOL "fib@/srv/app/stats.py:5/3 fib@/srv/app/stats.py:5/3 "
	 "fib@/srv/app/stats.py:5/3 fib@/srv/app/stats.py:4/3"},
	{4713, 14, RUN_CPU, GIL_HELD, STATE_GC, "", LOSS_NONE,
	 POOL "fib@/srv/app/stats.py:5/3 fib@/srv/app/stats.py:5/3 "
	 "fib@/srv/app/stats.py:4/3"},
	{4714, 200, WAITS("timer"),
	 "Thread._bootstrap@" LIB "threading.py:995/989 wait@" LIB
	 "threading.py:320/288"},
};

void made_server(struct made *m)
{
	size_t i, n = sizeof(server) / sizeof(*server);

	made_thread(m, 4711, "MainThread");
	made_thread(m, 4712, "pool_0");
	made_thread(m, 4713, "pool_1");
	made_thread(m, 4714, "watchdog");
	for (i = 0; i < n; i++)
		made_samples_in(m, server[i].tid, server[i].stack,
				made_doing(m, server[i].run, server[i].gil,
					   server[i].flags, server[i].wait),
				server[i].loss, server[i].n);
	for (i = 0; i < 12; i++) {
		made_tick(m);
		if (made_sample(m, 4711, 0, 0,
				i < 9 ? LOSS_MOVING : LOSS_READ))
			abort();
	}
}

/* Each tries to get out of where it stands; some widths to show the text. */
void made_hostile(struct made *m)
{
	static const char *const names[] = {
		"</title><script>window.pwned=1</script>",
		"<img src=x onerror=window.pwned=2>",
		"]]><script>window.pwned=3</script>",
		"a\" onload=\"window.pwned=4",
		"&lt;b&gt;&amp;",
		"two\nlines;and a semicolon",
		"esc\033[31m\177\001",
		"rtl\xe2\x80\xaetxt",
		"bad\xff\xc0\x80",
		"javascript:window.pwned=5",
		"ends in 12",
		"\xe6\xbc\xa2\xe5\xad\x97 \xf0\x9f\x90\x8d",
		"",
	};
	uint32_t running = made_state(m, RUN_CPU), stack;
	unsigned i, n;

	made_thread(m, 4711, "</title><script>window.pwned=6</script>");
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		stack = made_frame(m, 0, names[i], names[i], i, i);
		stack = made_frame(m, stack, names[i], "", 0, 0);
		for (n = 0; n < 10 + i; n++) {
			made_tick(m);
			made_sample(m, 4711, stack, running, LOSS_NONE);
		}
	}
}
