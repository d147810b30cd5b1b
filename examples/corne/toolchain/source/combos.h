// Several keys pressed together that mean something of their own.
#pragma once
#include "event.h"

void combos_event(struct event event);
void combos_tick(uint32_t now);
