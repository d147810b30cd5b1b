// Macros: keystrokes played back at a pace that computers can follow.
#pragma once
#include <stdint.h>

// Begins after the macros that are already playing. Ignored when too many wait.
void macros_play(uint8_t index, uint32_t now);
void macros_tick(uint32_t now);
