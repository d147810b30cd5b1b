// Matrix transform: from switches to keymap positions.
#pragma once
#include <stdint.h>

#define NO_POSITION 0xFFu

// Keymap position of a switch, counted along the rows of the whole keyboard; NO_POSITION if there is none.
uint8_t transform(unsigned row, unsigned column);
