// Modifiers that stay down for the next key after they were tapped.
#pragma once
#include <stdint.h>

void sticky_press(uint32_t usage);
void sticky_release(uint32_t usage, uint32_t now);
void sticky_tick(uint32_t now);

// A key that is no modifier went up: the sticky ones have done their work.
void sticky_used(void);

// The modifiers that are waiting, as a HID modifier byte.
uint8_t sticky_modifiers(void);
