// Keymap engine: the interface to combos, hold-taps, layers and macros. Independent of hardware, so that it can be
// tested.
#pragma once
#include <stdbool.h>
#include <stdint.h>

void engine_start(void);

// A debounced switch changed. `now` never goes back.
void engine_key(uint8_t position, bool pressed, uint32_t now);

// Call every millisecond: makes decisions that depend on time alone.
void engine_tick(uint32_t now);
