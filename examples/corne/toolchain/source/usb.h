// The cable to the computer: a USB keyboard with media keys.
#pragma once
#include <stdbool.h>

// Serves the bus; call every millisecond. True while a computer is at the other end.
bool usb_poll(void);

// Hands the next reports to the computer if it has taken the last ones.
void usb_send(void);
