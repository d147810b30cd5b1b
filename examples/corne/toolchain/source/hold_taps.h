// Hold-taps: keys with one behavior when tapped and another when held.
#pragma once
#include "event.h"

void hold_taps_event(struct event event);
void hold_taps_tick(uint32_t now);
