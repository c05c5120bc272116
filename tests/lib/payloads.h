/*
 * payloads.h - what the blocks of a recording hold, decompressed.
 */
#ifndef PYSTROBE_TESTS_PAYLOADS_H
#define PYSTROBE_TESTS_PAYLOADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/recording/recording_priv.h"

typedef void payload_fn(void *arg, const struct header *h, const uint8_t *raw,
			size_t len);
/* Of whole blocks, from one on that opens a chain. False: one is not right. */
bool each_payload(const void *data, size_t len, payload_fn *each, void *arg);

#endif
