/* Pretends to be 2.7 or 3.6, which have no runtime: tests/lib/pretend.h. */
#include "tests/lib/pretend.h"

static uint64_t interp_head;

int main(int argc, char **argv)
{
	const struct pretend_entry entry = {.interp_head = &interp_head};

	return pretend_main(&entry, argc, argv);
}
