// Debouncing of switches.
#pragma once
#include "half.h"

// Call once a millisecond with the state of the matrix. The caller keeps `steady`, which changes bit by bit.
void debounce(const uint8_t raw[ROWS], uint8_t steady[ROWS]);
