// From switches to positions in the keymap.
#pragma once
#include <stdint.h>

#define NO_POSITION 0xFFu

// The position of a switch, counted along the rows of the whole keyboard as the keymap is; NO_POSITION if there is none.
uint8_t transform(unsigned row, unsigned column);
