// What one half tells the other over the air.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define LINK_ROWS 4

// Always the whole state, never a change: a lost packet is made good by the next.
struct link_packet {
  uint8_t column_offset;
  uint8_t sequence;
  uint8_t rows[LINK_ROWS];
};

void link_start(void);

// The half without a computer: sends its switches when they change, and now and then so that it is not thought dead.
void link_send(const uint8_t rows[LINK_ROWS], uint32_t now);

// The half with a computer: the last thing the other half said. False, and no key of it pressed, when it is silent.
bool link_receive(struct link_packet *packet, uint32_t now);
