#ifndef TSRUN_SHA256_H
#define TSRUN_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32 };

void sha256(const uint8_t *bytes, size_t length, uint8_t digest[SHA256_BYTES]);

#endif
