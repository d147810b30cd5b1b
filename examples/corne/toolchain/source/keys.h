// Which binding each held key got when it went down, so that it lets go of the same one.
#pragma once
#include "keymap.h"
#include <stdbool.h>

void keys_press(uint8_t position, const struct binding *binding, uint32_t now);
void keys_release(uint8_t position, uint32_t now);

// Does what a binding says; macros come here directly.
void keys_perform(const struct binding *binding, bool pressed, uint32_t now);

// The position of the last key that typed something; modifiers do not.
uint8_t keys_last_typed(void);

// Was something typed in the `period` before `now`? Never for a period of 0.
bool keys_typed_within(uint16_t period, uint32_t now);
