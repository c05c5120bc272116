/*
 * The small files of /proc/PID and of its threads. Input: which file, 4 bytes
 * of a thread's id, its text.
 */
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "fuzz.h"
#include "process.h"
#include "profile.h"
#include "src/process/process_priv.h"

#define HEAD 5

enum file { STAT, STATUS, LOOK, SCHED, SWITCHES, CPU, PATHS, LAST_ON, FILES };

static void stat_text(const char *text, size_t len)
{
	struct process_stat st;
	char *copy = own_copy(text, len);

	if (process_stat_parse(&st, copy, len))
		must(!st.start && !st.ppid);
	free(copy);
}

static void status_text(const char *text, size_t len)
{
	static const char *const keys[] = {"TracerPid:", "Uid:",
					   "voluntary_ctxt_switches:"};
	char *copy = own_text(text, len);
	const char *value;
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		value = status_value(copy, keys[i]);
		must(!value || (value > copy && value <= copy + len));
	}
	free(copy);
}

/* The text stands in the file that the question reads. */
static void probe(enum file which, uint32_t tid, const char *text, size_t len)
{
	static const struct process nobody = {.dirfd = -1};
	struct thread_probe t;
	struct thread_sched sched;
	struct thread_look look;
	uint64_t switches, last;
	bool runs;
	const char *nl = memchr(text, '\n', len);
	size_t line = nl ? (size_t)(nl - text) + 1 : len;

	probe_init(&t, (pid_t)tid);
	if (which == LOOK) {
		t.syscall_fd = file_of(0, text, line);
		t.stat_fd = file_of(1, text + line, len - line);
		if (!probe_look(&t, &nobody, &look))
			must(look.run < RUN_STATES && look.call >= -1);
	} else if (which == SCHED) {
		t.schedstat_fd = file_of(0, text, len);
		probe_sched(&t, &nobody, &sched);
	} else if (which == SWITCHES) {
		t.status_fd = file_of(0, text, len);
		probe_switches(&t, &nobody, &switches, &runs);
	} else if (which == LAST_ON) {
		t.sched_fd = file_of(0, text, len);
		probe_last_on(&t, &nobody, &last);
	} else {
		t.stat_fd = file_of(0, text, len);
		must(probe_cpu(&t, &nobody, &runs) >= -1);
	}
}

static void path(const char *text, size_t len)
{
	char *copy = own_text(text, len);
	size_t left = len;

	must(strip_deleted(copy, &left) == (left < len));
	must(!copy[left]);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data + HEAD;

	if (len < HEAD)
		return 0;
	len -= HEAD;
	switch (data[0] % FILES) {
	case STAT:
		stat_text(text, len);
		break;
	case STATUS:
		status_text(text, len);
		break;
	case PATHS:
		path(text, len);
		break;
	default:
		probe(data[0] % FILES, at_u32(data, HEAD, 1), text, len);
	}
	return 0;
}

#define STAT_TEXT                                                             \
	"42 (a) R 1 (b) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 " \
	"0 0 18446744073709551615 1 1 0 0 0 0 0 4096 0 1 0 0 17 3 0 0 0\n"

static const struct {
	enum file which;
	const char *text;
} texts[] = {
	{STAT, STAT_TEXT},
	{STATUS, "Name:\tpython3\nTracerPid:\t17\nUid:\t0\t1\t2\t3\n"
		 "voluntary_ctxt_switches:\t150\n"},
	{LOOK, "running\n" STAT_TEXT},
	{LOOK, "202 0x7f1 0x189 0x0 0x0 0x0 0xffffffff 0x7ffd 0x7f2\n"
	       STAT_TEXT},
	{LOOK, "-1 0x7ffd 0x7f2\n" STAT_TEXT},
	{SCHED, "12345678 9876 42\n"},
	{SWITCHES, "voluntary_ctxt_switches:\t150\n"
		   "nonvoluntary_ctxt_switches:\t545\n"},
	{CPU, STAT_TEXT},
	{PATHS, "/usr/bin/python3.11 (deleted)"},
	{LAST_ON, "python3 (42, #threads: 2)\n------\n"
		  "se.exec_start      :      15274971.482136\n"},
};

void fuzz_seeds(seed_fn *add)
{
	struct str s;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		str_init(&s);
		str_add_u8(&s, (uint8_t)texts[i].which);
		str_add_u32(&s, 42);
		str_adds(&s, texts[i].text);
		add(s.data, s.len);
		str_release(&s);
	}
}
