// Layers: which are active, and the binding of a position.
#pragma once
#include "keymap.h"

void layers_start(void);
void layers_hold(uint8_t layer);
void layers_let_go(uint8_t layer);
void layers_toggle(uint8_t layer);

// Leaves every layer but this one and the lowest.
void layers_go_to(uint8_t layer);

// Number of the highest active layer.
uint8_t layers_highest(void);

// The binding in the highest active layer that is not transparent there. For the position of a combo, the combo's
// binding.
const struct binding *layers_binding(uint8_t position);
