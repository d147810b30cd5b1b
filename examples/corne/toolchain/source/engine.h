// What the keys mean: the door to combos, hold-taps, layers and macros. Needs no hardware, so it can be tried anywhere.
#pragma once
#include <stdbool.h>
#include <stdint.h>

void engine_start(void);

// A debounced switch changed. `now` never goes back.
void engine_key(uint8_t position, bool pressed, uint32_t now);

// Call every millisecond: decides what waiting alone decides.
void engine_tick(uint32_t now);
