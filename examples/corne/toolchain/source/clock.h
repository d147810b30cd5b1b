// Millisecond clock, and the crystal that radio and USB need.
#pragma once
#include <stdint.h>

void clock_start(void);

// Milliseconds since the start. Wraps around after 49 days, so compare differences only.
uint32_t clock_now(void);

// Sleeps until the next millisecond begins, and returns it.
uint32_t clock_wait(void);
