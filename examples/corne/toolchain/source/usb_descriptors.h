// USB descriptors of the keyboard.
#pragma once
#include <stdint.h>

#define USB_KEYBOARD_ENDPOINT 1
#define USB_CONSUMER_ENDPOINT 2

struct descriptor {
  const uint8_t *bytes;
  uint16_t length;
};

// `type` as in a GET_DESCRIPTOR request; length 0 when there is no such descriptor.
struct descriptor usb_descriptor(uint8_t type, uint8_t index, uint8_t interface);
