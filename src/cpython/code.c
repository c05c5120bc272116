#include "base.h"
#include "cpython.h"

#define FRAME_WORDS_MAX (1u << 20) /* of one function's frame */
#define SPECIALS_311 9 /* FRAME_SPECIALS_SIZE, pycore_frame.h of 3.11 */

uint32_t code_frame_bytes(const struct layout *l, const void *code, size_t len)
{
	uint64_t words;

	if (l->code.framesize != NO_FIELD)
		words = at_u32(code, len, (size_t)l->code.framesize);
	else if (l->code.nlocalsplus != NO_FIELD)
		words = (uint64_t)at_u32(code, len,
					 (size_t)l->code.nlocalsplus) +
			at_u32(code, len, (size_t)l->code.stacksize) +
			SPECIALS_311;
	else
		return 0;
	return words && words <= FRAME_WORDS_MAX ? (uint32_t)words * 8 : 0;
}
