#include <stdlib.h>
#include <string.h>

#include "tests/lib/foreign.h"
#include "tests/lib/guard.h"

int foreign_setup(void **state)
{
	struct foreign *f = xcalloc(1, sizeof(*f));

	f->options.program = "test";
	tape_init(&f->tape, 0);
	*state = f;
	return 0;
}

int foreign_teardown(void **state)
{
	struct foreign *f = *state;

	tape_release(&f->tape);
	free(f);
	return 0;
}

void foreign_begin(struct foreign *f)
{
	tape_release(&f->tape);
	tape_init(&f->tape, 0);
	f->err.msg[0] = '\0';
}

const char *foreign_bytes(struct foreign *f, const void *data, size_t len)
{
	struct guard g;

	foreign_begin(f);
	guard_init(&g, data, len);
	f->ret = convert_bytes(g.data, g.len, &f->options, &f->tape.sink,
			       &f->report, &f->err);
	guard_release(&g);
	return tape_text(&f->tape);
}

const char *foreign_text(struct foreign *f, const char *lines)
{
	return foreign_bytes(f, lines, strlen(lines));
}
