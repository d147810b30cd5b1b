// Combos: keys with their own binding when pressed together.
#pragma once
#include "event.h"

void combos_event(struct event event);
void combos_tick(uint32_t now);
