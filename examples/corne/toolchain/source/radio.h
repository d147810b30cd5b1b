// Short packets over the 2.4 GHz radio, between halves with the same name.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define RADIO_PACKET_MAX 16

void radio_start(void);

// Returns when the packet has been sent, after about 0.2 ms.
void radio_send(const void *packet, size_t size);

// True when a complete packet of this size has arrived since the last call. Keeps listening.
bool radio_receive(void *packet, size_t size);
