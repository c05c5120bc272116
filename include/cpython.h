/*
 * cpython.h - what CPython's structures look like, version by version. Pure:
 * bytes in, facts out; nothing here reads a process.
 *
 * A `struct layout` holds the offsets that walking needs. Up to 3.12 it is a
 * const table per minor version (src/cpython/vNNN.c); from 3.13 on it is
 * decoded from the target's own _Py_DebugOffsets, each value checked, and the
 * table of the minor version only adds what the debug offsets lack.
 */
#ifndef PYSTROBE_CPYTHON_H
#define PYSTROBE_CPYTHON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct str;

#define NO_FIELD (-1) /* this version has no such field */

/* Sizes at which the table of 3.13 and later is read. */
#define DEBUG_OFFSETS_MAX 1024

enum frame_kind {
	FRAMES_HEAP,   /* 2.7 to 3.10: linked PyFrameObjects */
	FRAMES_CHUNKS, /* 3.11 and later: _PyInterpreterFrames on a data stack */
};

enum line_kind {
	LINES_LNOTAB_UNSIGNED, /* 2.7 */
	LINES_LNOTAB,          /* 3.6 to 3.9 */
	LINES_TABLE,           /* 3.10 */
	LINES_LOCATIONS,       /* 3.11 and later */
};

/* Where an instance without tp_dictoffset has its attributes. */
enum managed_kind {
	MANAGED_NONE,     /* up to 3.10 */
	MANAGED_POINTERS, /* 3.11: values at -32, dict at managed_dict */
	MANAGED_TAGGED,   /* 3.12: there, values with bit 0 set, or a dict */
	MANAGED_INLINE,   /* 3.13+: dict there, else behind the instance */
};

/* All offsets in bytes; NO_FIELD where there is none. */
struct layout {
	uint8_t major, minor;
	bool free_threaded;
	enum frame_kind frames;
	enum line_kind lines;
	uint8_t lasti_unit; /* bytes per unit of f_lasti (heap frames) */

	struct {
		int32_t interpreters_head, interpreters_main;
		int32_t finalizing;
		int32_t gil;           /* 3.7 to 3.11: struct, embedded */
		int32_t gc_collecting; /* 3.7, 3.8 */
		/* Smallest span of all that changes: list, GIL, collector. */
		int32_t span_from, span_to;
	} runtime;
	struct {
		int32_t size; /* bytes that hold all fields named here */
		int32_t next, id;
		int32_t threads_head, threads_main;
		int32_t gil_ptr; /* 3.12+: pointer to the GIL struct in use */
		int32_t gil_embedded; /* 3.12+: the GIL struct of its own */
		int32_t gc_collecting;
		int32_t code_generation; /* 3.14+ */
		int32_t modules;         /* sys.modules */
		/*
		 * Smallest span of all that a sample looks at: threads, the
		 * embedded GIL's holder and lock, collector, generation.
		 */
		int32_t span_from, span_to;
	} interp;
	struct { /* inside the GIL struct, 3.7+ */
		int32_t last_holder, locked, cond, cond_size;
		int32_t enabled; /* i32, free-threaded builds only */
	} gil;
	struct {
		int32_t size; /* bytes that hold all fields named here */
		int32_t next, interp;
		int32_t frame;         /* heap frames */
		int32_t cframe;        /* 3.11, 3.12: pointer to _PyCFrame */
		int32_t cframe_frame;  /* in _PyCFrame: current_frame */
		int32_t current_frame; /* 3.13+ */
		int32_t base_frame;    /* 3.15+ */
		int32_t thread_id, native_id;
		int32_t chunk, chunk_top; /* datastack_chunk, datastack_top */
		int32_t status, holds_gil;
		int32_t raising;   /* exception on its way: type or object */
		int32_t exc_info;  /* 3.7+: pointer to the item in force */
		int32_t exc_value; /* value of the outermost item; up to 3.6 type */
		int32_t span_from, span_to; /* of all that a sample looks at */
	} thread;
	struct { /* _PyErr_StackItem, 3.7+: an exception being handled */
		int32_t value, previous;
	} exc;
	struct { /* PyFrameObject, heap frames only */
		int32_t size; /* of the fixed head that walking needs */
		int32_t back, code, lasti;
		int32_t localsplus;
		int32_t executing; /* u8 flag, 3.6 to 3.9 */
		int32_t state;     /* i8, 3.10 */
	} frame;
	struct { /* _PyInterpreterFrame, 3.11+ */
		int32_t size;
		int32_t previous, code, instr, owner, is_entry, localsplus;
		int32_t tlbc_index; /* i32, free-threaded 3.14+ */
		/*
		 * i32, 3.11 to 3.13: -1 while the frame runs; set while it
		 * waits for a frame that it called without C code between.
		 */
		int32_t stacktop;
		bool tagged; /* code is a _PyStackRef: mask the low 2 bits */
		uint8_t owner_generator, owner_entry; /* entry: 0xff = none */
	} iframe;
	struct { /* _PyStackChunk */
		int32_t previous, size, top, data;
	} chunk;
	struct {
		int32_t size; /* of the fixed head, up to the bytecode */
		int32_t argcount, kwonlyargcount, flags, firstlineno;
		int32_t varnames, cellvars, freevars; /* up to 3.10 */
		int32_t localsplusnames, localspluskinds; /* 3.11+ */
		int32_t filename, name, qualname;
		int32_t linetable; /* or co_lnotab */
		int32_t code;      /* bytes object, up to 3.10 */
		int32_t adaptive;  /* first instruction, 3.11+ */
		/*
		 * Free-threaded 3.14+: pointer to an array (size, entries)
		 * of copies of the bytecode; entry 0 is `adaptive`.
		 */
		int32_t tlbc;
		int32_t framesize; /* words; 3.12+ */
		int32_t nlocalsplus, stacksize; /* 3.11: framesize from these */
		int32_t firsttraceable;         /* 3.11+ */
		int32_t version;                /* u32, 3.12+ */
		/* Span that tells two apart and never changes in one. */
		int32_t ident_from, ident_to;
		/*
		 * init_code() interns its file and names, when it has put them
		 * into it, and nothing else; 3.13+.
		 */
		bool interns;
	} code;
	struct {
		int32_t type;     /* ob_type */
		int32_t var_size; /* ob_size */
		int32_t type_name, type_basicsize, type_members;
		int32_t bytes_data;
		int32_t tuple_items, list_items;
		int32_t unicode_length, unicode_state;
		int32_t ascii_data, compact_data; /* text after the header */
		uint8_t kind_shift, compact_shift, ascii_shift;
		int32_t dict_used, dict_keys, dict_values;
		int32_t py2_dict_mask, py2_dict_table;
		int32_t type_dictoffset, ht_cached_keys, type_flags;
		int32_t values_data; /* PyDictValues.values */
		/* PyDictKeysObject, 3.x */
		int32_t keys_size;       /* dk_size, up to 3.10 */
		int32_t keys_log2_index; /* u8 dk_log2_index_bytes, 3.11+ */
		int32_t keys_kind;       /* u8 dk_kind, 3.11+ */
		int32_t keys_entries, keys_indices;
		enum managed_kind managed;
		int32_t managed_dict; /* below the instance: negative */
		/* int: size or lv_tag, digits */
		int32_t int_size, int_digits;
		bool int_plain;  /* 2.7 PyInt: the value is at int_size */
		bool int_tagged; /* 3.12+: size << 3 | sign */
	} object;
};

/* The versions known, for messages: "2.7, 3.6 to 3.15". */
const char *layouts_known(void);

/*
 * Fills the layout for a version given as PY_VERSION_HEX (0x030b02f0). 3.13
 * and later come back as one build of that minor version had them, which is
 * not to be walked with: layout_from_offsets must follow.
 * -ENOTSUP with a sentence that says which versions are known.
 */
int layout_for_version(struct layout *out, uint32_t hex, struct err *err);

/* True when walking this version needs the target's own debug offsets. */
bool layout_needs_offsets(const struct layout *l);

/*
 * Reads the version out of a _Py_DebugOffsets table ("xdebugpy"); 0 when the
 * bytes are none.
 */
uint32_t offsets_version(const void *table, size_t len);

/*
 * Fills the layout from the target's _Py_DebugOffsets (3.13 and later). Each
 * value must be aligned and inside its struct, whose size must be below a
 * named limit; what the table lacks is put beside what it has. *out is left
 * alone unless 0 is returned. -EBADMSG (damaged), -ENOTSUP (a pre-release, an unknown version).
 */
int layout_from_offsets(struct layout *out, const void *table, size_t len,
			struct err *err);

/* ---- lines ---- */

#define LINE_NONE 0 /* this instruction has no line */

/*
 * The line of the instruction at byte offset `at` of a code object whose
 * table is `table` and whose first line is `first`. An instruction without a
 * location gives LINE_NONE. Damaged tables end early; every line that does
 * not fit an int is LINE_NONE.
 */
int line_of(enum line_kind kind, const void *table, size_t len, int first,
	    int64_t at);

/*
 * What a frame reports: line_of, else the nearest earlier instruction with a
 * line, else `first`.
 */
int line_of_frame(enum line_kind kind, const void *table, size_t len,
		  int first, int64_t at);

/* ---- text objects ---- */

/* Where the text of a str (2.7: also bytes) object is and how to read it. */
struct text_place {
	uint64_t units; /* as the header says: foreign, check it */
	uint8_t width;  /* bytes a unit: 1, 2 or 4 */
	bool latin1;    /* width 1: Latin-1; else bytes to take as UTF-8 */
	bool pointer;   /* `at` is an absolute address; else object offset */
	bool interned;
	uint64_t at;
};

/* Bytes of an object's head that text_place_of wants. */
#define TEXT_HEAD 80

/*
 * From the head of a str object (a 2.7 `str` too). -EBADMSG when it is none,
 * -EFAULT when `len` bytes are too few to tell.
 */
int text_place_of(const struct layout *l, const void *head, size_t len,
		  struct text_place *out);

/*
 * Adds `len` bytes of text as UTF-8; a cut unit at the end is left out, and
 * what is no character (a lone surrogate, bytes of a 2.7 str that are not
 * UTF-8) becomes U+FFFD. The text of a 2.7 str comes out as str_add_clean
 * leaves it.
 */
void text_decode(struct str *out, const struct text_place *place,
		 const void *data, size_t len);

/* ---- code objects ---- */

/* Size of a chunk frame in bytes from the head of its code object, or 0. */
uint32_t code_frame_bytes(const struct layout *l, const void *code, size_t len);

#endif
