// Restarts into this firmware, or into the bootloader to receive a new one.
#pragma once

void system_reset(void);
void system_bootloader(void);
