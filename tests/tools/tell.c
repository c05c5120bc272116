/*
 * Prints all that a recording tells, as tests/lib/tape.h writes it down:
 *
 *   tell FILE
 */
#include <stdio.h>

#include "recording.h"
#include "tests/lib/tape.h"

int main(int argc, char **argv)
{
	struct err err = {""};
	struct tape tape;
	int ret;

	if (argc != 2) {
		fputs("usage: tell FILE\n", stderr);
		return 2;
	}
	tape_init(&tape, 0);
	ret = recording_read(argv[1], &tape.sink, NULL, &err);
	fputs(tape_text(&tape), stdout);
	tape_release(&tape);
	if (ret)
		fprintf(stderr, "tell: %s\n", err.msg);
	return ret || fflush(stdout) ? 1 : 0;
}
