// Starting again, with this firmware or with the bootloader that takes a new one.
#pragma once

void system_reset(void);
void system_bootloader(void);
