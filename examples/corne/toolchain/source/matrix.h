// Switch matrix of this half.
#pragma once
#include "half.h"

void matrix_start(void);

// Reads the raw state of every switch: one bit per local column, one byte per row.
void matrix_scan(uint8_t rows[ROWS]);
