// Sticky modifiers: after a tap, they stay down for the next key.
#pragma once
#include <stdint.h>

void sticky_press(uint32_t usage);
void sticky_release(uint32_t usage, uint32_t now);
void sticky_tick(uint32_t now);

// A key that is not a modifier was released: releases the sticky modifiers.
void sticky_used(void);

// The active sticky modifiers as a HID modifier byte.
uint8_t sticky_modifiers(void);
