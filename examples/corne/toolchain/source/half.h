// Differences between the two halves. Each half links exactly one of left.c and right.c.
#pragma once
#include <stdint.h>

#define ROWS 4
#define COLUMNS 6

struct pin {
  uint8_t port;
  uint8_t number;
};

struct half {
  // Driven one after the other, in the order of the local columns 0 to 5.
  struct pin columns[COLUMNS];
  // The keyboard's column of local column 0.
  uint8_t column_offset;
  // Milliseconds between two radio reports. They differ, so that two senders do not keep colliding.
  uint8_t link_interval;
};

extern const struct half half;
