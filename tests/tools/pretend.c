/* Pretends to be 3.7 or later: tests/lib/pretend.h. */
#include "tests/lib/pretend.h"

static unsigned char runtime[1u << 20] __asm__("_PyRuntime") = {0};

int main(int argc, char **argv)
{
	const struct pretend_entry entry = {.runtime = runtime};

	return pretend_main(&entry, argc, argv);
}
