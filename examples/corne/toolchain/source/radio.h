// Short packets over the 2.4 GHz radio, to and from whoever has the same name.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define RADIO_PACKET_MAX 16

void radio_start(void);

// Returns when the packet is on the air, after some 0.2 ms.
void radio_send(const void *packet, size_t size);

// True when a packet of this size arrived whole since the last call. Keeps listening.
bool radio_receive(void *packet, size_t size);
