/*
 * convert_priv.h - the parts of the converter.
 *
 *   convert.c   bytes become lines or events; which format it is
 *   frame.c     the text of a frame: name, file and line
 *   root.c      frames that stand for a process or a thread
 *   folded.c    a line of folded stacks
 *   austin.c    a line of Austin's text
 *   mojo.c      an event of Austin's binary form
 *   emit.c      ticks and samples
 */
#ifndef PYSTROBE_CONVERT_PRIV_H
#define PYSTROBE_CONVERT_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "convert.h"
#include "profile.h"

#define LINE_BYTES_MAX (1u << 20)  /* of a line, or of an event */
#define FRAMES_MAX 32768u          /* of a stack, as in a recording */
#define LINE_NUMBER_MAX 0x7fffffffu
#define COUNT_MAX (1ull << 53)     /* of one line */
#define SYMBOLS_MAX (64u << 20)    /* bytes; then they are forgotten */
#define KNOWN_MAX 65536u /* processes, threads; then they are forgotten */
#define NAMES_MAX (64u << 20)      /* bytes of MOJO's strings */
#define MOJO_FRAMES_MAX (1u << 20)
#define CLOCK_MAX (1ull << 62)     /* ns */

/* Bytes of the input. */
struct piece {
	const char *p;
	size_t len;
};

bool piece_is(const struct piece *p, const char *text);
bool piece_begins(const struct piece *p, const char *text);
/* Takes what is before the first `c` off the front, and `c`; else all. */
struct piece piece_until(struct piece *p, char c);
/* A decimal number of digits alone, below 2^63. */
bool piece_number(const struct piece *p, uint64_t *value);
bool piece_hex(const struct piece *p, uint64_t *value); /* without "0x" */

/* ---- frame.c ---- */

struct frame_text {
	struct piece name, file;
	uint32_t line;  /* 0: unknown */
	uint32_t flags; /* enum frame_flag */
};

/*
 * "name (file.py:42)", "name (file.py)", "file.py:name:42"; all else is a
 * name. What pystrobe itself wrote, it writes again for what this makes of it.
 */
struct frame_text frame_parse(struct piece text);

/* ---- emit.c ---- */

/* Whose sample it is. */
struct owner {
	uint32_t pid;      /* 0: unknown */
	uint64_t tid;      /* 0: unknown */
	uint32_t interp;   /* of the process, 0: the main one */
	bool made_up;      /* tid is no thread id of the kernel */
	struct piece name; /* of the thread */
	struct piece command; /* of the process */
};

struct emit {
	struct sink *sink;
	struct symbols symbols;
	struct source_symbols source;
	struct run_info run; /* program is ours */
	uint32_t version;    /* of Python, as PY_VERSION_HEX */
	struct convert_report *report;
	bool told; /* the run */
	uint64_t clock;
	uint32_t stack; /* so far */
	uint32_t frames;
	struct emit_process {
		uint32_t pid;
		uint64_t clock;
	} *processes;
	struct emit_thread {
		uint32_t tid;
		uint32_t tick; /* its last one */
	} *threads;
	size_t nprocesses, cap_processes, nthreads, cap_threads;
	struct map process_of; /* pid -> index */
	struct intern thread_keys; /* index + 1 */
	struct map taken;          /* pid and thread id of those that have one */
	uint32_t made_up; /* thread ids so far */
	/*
	 * A tick, until all of its samples are there: new threads come before
	 * it. None when there are no samples.
	 */
	struct tick held;
	struct sample *samples;
	size_t nsamples, cap_samples;
	uint32_t tick;    /* number of this one, or the last */
	uint64_t tick_ns; /* its time since the one before */
	int failed;       /* what the sink said when nobody could be told */
	struct str name, other; /* scratch */
};

void emit_init(struct emit *e, const struct convert_options *o,
	       struct sink *sink, struct convert_report *report);
void emit_release(struct emit *e);

/* A stack is begun, and gets frames, root first; false: too many. */
void emit_begin(struct emit *e);
bool emit_frame(struct emit *e, const struct frame_text *f);

/*
 * The stack is the sample of `owner`: `count` times, at times that are not
 * known, or once, `ns` after the one before of its process. The sink's error.
 */
int emit_counted(struct emit *e, const struct owner *owner, uint64_t count);
int emit_timed(struct emit *e, const struct owner *owner,
	       const struct state_def *state, uint64_t ns);
/* What was held back for others of the same tick; once, at the end. */
int emit_end(struct emit *e);

/* ---- root.c ---- */

/* True when the frame says whose stack it is. */
bool root_is_process(struct piece frame, struct owner *owner);
bool root_is_thread(struct piece frame, struct owner *owner);
/* Takes both of Austin's off the front of a stack. */
bool root_of_austin(struct piece *stack, struct owner *owner);

/* ---- the formats ---- */

#define MOJO_MAGIC "MOJ"

enum austin_mode { AUSTIN_WALL, AUSTIN_CPU, AUSTIN_MEMORY, AUSTIN_FULL };

/* A frame that MOJO defined once; strings are those of struct mojo. */
struct mojo_frame {
	uint32_t name, file, line;
};

struct mojo {
	uint32_t version; /* 0: the header is to come */
	bool broken;      /* what follows cannot be read */
	struct intern strings;
	struct map string_of, frame_of; /* key -> number */
	struct mojo_frame *frames;
	size_t nframes, cap_frames;
	/* The sample that is being read. */
	bool open, has_time, has_memory;
	const char *spoilt; /* why it cannot be used, or NULL */
	struct state_def state;
	struct owner owner;
	int64_t time, memory;
};

struct convert {
	struct convert_options options;
	struct convert_report report;
	struct emit emit;
	struct str pending; /* bytes that make no whole line or event yet */
	uint64_t line;      /* number of the last one */
	bool skipping;      /* to the end of a line that is too long */
	bool fed;           /* there was any byte */
	enum austin_mode mode;
	struct mojo mojo;
};

/* Counts a line, or sample, that cannot be used; 0. */
int convert_refuse(struct convert *c, const char *why);
/* What the metadata of Austin say; both forms have the same. */
void convert_fact(struct convert *c, const struct piece *key,
		  const struct piece *value);
/* A sample of Austin, in both forms: its stack is there. */
int convert_austin(struct convert *c, const struct owner *owner,
		   const struct state_def *state, int64_t time,
		   int64_t memory);

/* One line without its end. 0, or the sink's error. */
int folded_line(struct convert *c, struct piece line);
int austin_line(struct convert *c, struct piece line);
bool austin_looks_so(struct piece line);
/*
 * Takes whole events off the front; *used says how many bytes. `end`: there
 * are no more. 0, the sink's error, or -EBADMSG with a sentence.
 */
int mojo_events(struct convert *c, const uint8_t *data, size_t len, bool end,
		size_t *used, struct err *err);
int mojo_end(struct convert *c);
void mojo_init(struct mojo *m);
void mojo_release(struct mojo *m);

#endif
