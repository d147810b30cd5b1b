// Key state: remembers the binding of each pressed key, so that its release matches its press.
#pragma once
#include "keymap.h"
#include <stdbool.h>

void keys_press(uint8_t position, const struct binding *binding, uint32_t now);
void keys_release(uint8_t position, uint32_t now);

// Executes a binding. Macros call it directly.
void keys_perform(const struct binding *binding, bool pressed, uint32_t now);

// The position of the last key that typed something; modifiers do not count.
uint8_t keys_last_typed(void);

// Whether something was typed in the `period` before `now`. Never true for a period of 0.
bool keys_typed_within(uint16_t period, uint32_t now);
