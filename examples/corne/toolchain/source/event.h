// Key press and release events.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct event {
  uint32_t time;
  // Positions from POSITIONS on are combos.
  uint8_t position;
  bool pressed;
};
