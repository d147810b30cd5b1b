// Radio link between the two halves.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define LINK_ROWS 4

// Always the whole state, never a change, so that the next packet makes up for a lost one.
struct link_packet {
  uint8_t column_offset;
  uint8_t sequence;
  uint8_t rows[LINK_ROWS];
};

void link_start(void);

// For the half without a computer: sends its switches when they change, and regularly as a sign of life.
void link_send(const uint8_t rows[LINK_ROWS], uint32_t now);

// For the half with a computer: the latest state of the other half. False, with no key pressed, when the other half is
// silent.
bool link_receive(struct link_packet *packet, uint32_t now);
