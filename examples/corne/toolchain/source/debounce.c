// Each switch has a counter of milliseconds in which it differed from its steady state. Agreement counts it down.
#include "debounce.h"
#include "config.h"
#include <stdbool.h>

static uint8_t against[ROWS][COLUMNS];

static bool settled(uint8_t *count, bool pressed, bool changed) {
  if (!changed) {
    if (*count > 0) (*count)--;
    return false;
  }
  if (++*count < (pressed ? DEBOUNCE_PRESS_MS : DEBOUNCE_RELEASE_MS)) return false;
  *count = 0;
  return true;
}

void debounce(const uint8_t raw[ROWS], uint8_t steady[ROWS]) {
  for (unsigned row = 0; row < ROWS; row++) {
    for (unsigned column = 0; column < COLUMNS; column++) {
      uint8_t bit = (uint8_t)(1u << column);
      bool pressed = raw[row] & bit;
      if (settled(&against[row][column], pressed, (raw[row] ^ steady[row]) & bit)) steady[row] ^= bit;
    }
  }
}
