// Byte by byte, because all blocks are short. Compiler builtins are off: they would make each function call itself.
#include "string.h"

#include <stdint.h>

#define PLAIN __attribute__((no_builtin))

PLAIN void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  uint8_t *target = to;
  const uint8_t *source = from;
  for (size_t index = 0; index < size; index++) target[index] = source[index];
  return to;
}

PLAIN void *memset(void *to, int byte, size_t size) {
  uint8_t *target = to;
  for (size_t index = 0; index < size; index++) target[index] = (uint8_t)byte;
  return to;
}

PLAIN int memcmp(const void *one, const void *other, size_t size) {
  const uint8_t *left = one;
  const uint8_t *right = other;
  for (size_t index = 0; index < size; index++) {
    if (left[index] != right[index]) return left[index] - right[index];
  }
  return 0;
}
