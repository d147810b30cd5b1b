// USB keyboard with media keys.
#pragma once
#include <stdbool.h>

// Serves the bus; call every millisecond. True while a computer is connected.
bool usb_poll(void);

// Sends the next reports if the computer has fetched the previous ones.
void usb_send(void);
