// Bouncing contacts in, steady ones out.
#pragma once
#include "half.h"

// Call once a millisecond with what the matrix says; `steady` is kept by the caller and changes bit by bit.
void debounce(const uint8_t raw[ROWS], uint8_t steady[ROWS]);
