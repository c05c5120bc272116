/*
 * base.h - what every other folder stands on: errors, memory, strings, hash
 * tables, byte cursors, clocks and files that appear whole or not at all.
 *
 * Errors. A function that can fail for a reason returns 0 or a negative errno
 * value. The values that have a fixed meaning across the program:
 *
 *   -ENOENT     absent: never was there
 *   -ESRCH      gone: the process or thread ended
 *   -EPERM      denied: we may not look
 *   -EBADMSG    corrupt: bytes that cannot be what they claim to be
 *   -ENOTSUP    a kind that this program does not know
 *   -EFAULT     an address that is not mapped (now)
 *   -E2BIG      a named limit was reached
 *   -EINVAL     the caller's own arguments
 *
 * A function with a `struct err *` also leaves one complete sentence there:
 * lower case, no full stop, cause first, 'subject' quoted. NULL is allowed.
 */
#ifndef PYSTROBE_BASE_H
#define PYSTROBE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define ERR_MAX 640

struct err {
	char msg[ERR_MAX];
};

/* Writes the sentence and returns `code` (negative), so: return err_set(...). */
int err_set(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "what: " before the sentence that is already there; returns `code`. */
int err_prefix(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * ---- memory: sizes that we computed; failure ends the program ----
 *
 * With one sentence on standard error and status 1.
 */

void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);

/*
 * What is called before that, in order to leave nothing behind; it may do what
 * signal-safety(7) allows. NULL: nothing.
 */
void memory_last_call(void (*last)(void));
/* A file that is removed then, the last one that was named; NULL: none. */
void memory_last_file(const char *path);
/* Both, for who ends the process otherwise; a signal handler may. */
void memory_last_acts(void);

/*
 * Makes room for `want` items of `size` bytes, doubling *cap; new bytes are
 * not cleared.   v = grow(v, &cap, n + 1, sizeof(*v));
 */
void *grow(void *items, size_t *cap, size_t want, size_t size);

/* ---- strings that grow; data is always NUL-terminated, never NULL ---- */

struct str {
	char *data;
	size_t len, cap;
};

void str_init(struct str *s);
void str_release(struct str *s);
void str_clear(struct str *s);
void str_reserve(struct str *s, size_t more);
void str_add(struct str *s, const void *data, size_t len);
void str_adds(struct str *s, const char *text);
void str_addc(struct str *s, char c);
void str_addf(struct str *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void str_vaddf(struct str *s, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

/*
 * Adds foreign bytes as valid UTF-8 that is safe on one line of a terminal:
 * invalid sequences, C0 and C1 controls, DEL, surrogates and bidirectional
 * overrides become U+FFFD (newline and tab a space).
 */
void str_add_clean(struct str *s, const void *data, size_t len);
void str_adds_clean(struct str *s, const char *text);

/*
 * All of these characters as a number of base 2 to 16; false when it is none,
 * or above `most`.
 */
bool digits_value(const char *digits, size_t n, unsigned base, uint64_t most,
		  uint64_t *value);

/* One code point as UTF-8; U+FFFD for what is none. */
void str_add_point(struct str *s, uint32_t point);

/* str_add_clean, with & < > " ' written as XML references. */
void str_add_xml(struct str *s, const void *data, size_t len);

/* As a JSON string, quotes included; input is cleaned as above. */
void str_add_json(struct str *s, const void *data, size_t len);
void str_adds_json(struct str *s, const char *text);

/* Little-endian and LEB128 writers; zigzag for the signed one. */
void str_add_u8(struct str *s, uint8_t v);
void str_add_u16(struct str *s, uint16_t v);
void str_add_u32(struct str *s, uint32_t v);
void str_add_u64(struct str *s, uint64_t v);
void str_add_varint(struct str *s, uint64_t v);
void str_add_svarint(struct str *s, int64_t v);

/* ---- reading foreign bytes: an end pointer and a sticky error ---- */

struct cursor {
	const uint8_t *p, *end;
	bool bad; /* something was read past the end; all values since are 0 */
};

void cursor_init(struct cursor *c, const void *data, size_t len);
size_t cursor_left(const struct cursor *c);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
uint64_t cursor_varint(struct cursor *c);
int64_t cursor_svarint(struct cursor *c);
const uint8_t *cursor_bytes(struct cursor *c, size_t n); /* NULL when bad */

/* A value at an offset of a buffer, 0 when it does not fit wholly inside. */
uint8_t at_u8(const void *buf, size_t len, size_t off);
uint32_t at_u32(const void *buf, size_t len, size_t off);
uint64_t at_u64(const void *buf, size_t len, size_t off);

/* ---- hash tables ---- */

/* uint64_t -> uint32_t, open addressing. UINT32_MAX is not a legal value. */
#define MAP_NONE UINT32_MAX

struct map {
	struct map_slot *slots;
	size_t len, cap;
};

void map_init(struct map *m);
void map_release(struct map *m);
void map_clear(struct map *m);
uint32_t map_get(const struct map *m, uint64_t key); /* or MAP_NONE */
void map_put(struct map *m, uint64_t key, uint32_t value);

/*
 * Byte strings numbered from 0 in order of first sight. Id 0 is always the
 * empty string. Pointers from intern_text stay valid until clear or release
 * and are NUL-terminated.
 */
struct intern {
	struct intern_entry *entries;
	uint32_t *slots;
	size_t len, cap, nslots;
	struct arena *arena;
};

void intern_init(struct intern *in);
void intern_release(struct intern *in);
void intern_clear(struct intern *in);
uint32_t intern_add(struct intern *in, const void *data, size_t len);
uint32_t intern_adds(struct intern *in, const char *text);
const char *intern_text(const struct intern *in, uint32_t id, size_t *len);
size_t intern_bytes(const struct intern *in); /* memory held, about */

uint64_t hash_bytes(const void *data, size_t len);
uint64_t hash_u64(uint64_t v);

/* ---- arena: memory that is freed all at once ---- */

struct arena *arena_new(void);
void arena_free(struct arena *a);
void *arena_alloc(struct arena *a, size_t size); /* 8-aligned, not cleared */
size_t arena_bytes(const struct arena *a);

/* ---- time, in nanoseconds ---- */

uint64_t clock_mono(void); /* CLOCK_MONOTONIC */
uint64_t clock_wall(void); /* since the epoch */
struct timespec clock_spec(uint64_t ns);

/* Sleeps until the monotonic time; -EINTR when a signal came first. */
int clock_sleep_until(uint64_t deadline);

/*
 * Sleeping until one deadline while the one after it is known. To sleep until a
 * time is to program the timer of a processor, and to wake up is to do so again
 * for what comes next. In a virtual machine each costs some 10 us, and the first
 * is charged to who sleeps: a bare tick costs 25 us there. A timer that is not
 * the first to expire is only put in a queue. So there are two, and while one is
 * waited for the other is already set to the time after: 13 us
 * (bench/RESULTS.md).
 */
struct waker {
	int fds[2];     /* -1: there is none to be had; then it just sleeps */
	uint64_t at[2]; /* what each is set to, 0: not yet */
};

void waker_init(struct waker *w);
void waker_release(struct waker *w);
/* After a move to another processor: timers are those of one. */
void waker_forget(struct waker *w);

/*
 * Sleeps until `due` or a signal (monotonic time, ns), or until `fd` can be read
 * (-1: none), which is true then, expecting to be called for `then` next; any
 * other time does as well, but costs more. Without timers `fd` is not seen.
 */
bool waker_sleep(struct waker *w, uint64_t due, uint64_t then, int fd);

/* splitmix64: next value of a seeded sequence. */
uint64_t rng_next(uint64_t *state);

/*
 * Where in its period tick `number` of a schedule is, counted from 1: the
 * first one at its beginning, the others anywhere. Part of the file format.
 */
uint64_t tick_jitter(uint64_t seed, uint64_t number, uint64_t period);

/* ---- files ---- */

/*
 * An output that replaces `path` only when it is complete: bytes go to a
 * temporary file beside it, outfile_commit renames. "-" is standard output
 * and a path that is not a regular file (a pipe, /dev/null), or lies below
 * /dev or /proc, is written directly; a link is followed. Every error names the path.
 */
struct outfile;

int outfile_open(struct outfile **out, const char *path, struct err *err);
int outfile_write(struct outfile *out, const void *data, size_t len,
		  struct err *err);
int outfile_commit(struct outfile *out, struct err *err); /* frees */
void outfile_abort(struct outfile *out); /* removes and frees; NULL legal */

/*
 * A copy of standard output, or -EBADF: it is closed, which cli_run makes a
 * descriptor that only reads.
 */
int stdout_open(struct err *err);

/*
 * Makes an empty file beside `path`, with the rights that an ordinary new one
 * has: its descriptor, and its name in *temp; or -errno and NULL. It is the last
 * file (memory_last_file) until temp_forget, which frees the name.
 */
int temp_open(const char *path, char **temp);
void temp_forget(char **temp);

/*
 * What a path names once symbolic links are followed, also if nothing is there
 * yet; to be freed. NULL: they lead nowhere, as errno says.
 */
char *path_follow(const char *path);

/*
 * Reads a whole file of at most `limit` bytes into *s (appended). -E2BIG when
 * it is larger, -ENOENT, -ESRCH, -EPERM as errno says (EACCES is -EPERM).
 */
int file_read(struct str *s, int dirfd, const char *path, size_t limit);
int fd_read(struct str *s, int fd, size_t limit); /* the rest of an open one */

/* Writes all of it to a descriptor, through EINTR and short writes. */
int fd_write_all(int fd, const void *data, size_t len);

#endif
