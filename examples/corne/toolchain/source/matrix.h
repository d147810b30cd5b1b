// The switches of this half.
#pragma once
#include "half.h"

void matrix_start(void);

// Reads every switch as it is now, bouncing or not: one bit per local column, one byte per row.
void matrix_scan(uint8_t rows[ROWS]);
