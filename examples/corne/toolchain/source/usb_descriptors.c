// USB 2.0, chapter 9, and the HID class definition 1.11.
#include "usb_descriptors.h"
#include "config.h"
#include "report.h"

enum { DEVICE = 1, CONFIGURATION = 2, STRING = 3, HID = 0x21, HID_REPORT = 0x22 };

static const uint8_t keyboard_report_descriptor[] = {
    0x05, 0x01, 0x09, 0x06, 0xA1, 0x01,                                     // a keyboard
    0x05, 0x07, 0x19, 0xE0, 0x29, 0xE7, 0x15, 0x00, 0x25, 0x01,             // eight modifiers
    0x75, 0x01, 0x95, 0x08, 0x81, 0x02,                                     // of one bit each
    0x75, 0x08, 0x95, 0x01, 0x81, 0x01,                                     // one byte unused
    0x05, 0x08, 0x19, 0x01, 0x29, 0x05, 0x75, 0x01, 0x95, 0x05, 0x91, 0x02, // five lamps
    0x75, 0x03, 0x95, 0x01, 0x91, 0x01,                                     // three bits unused
    0x05, 0x07, 0x19, 0x00, 0x2A, 0xFF, 0x00, 0x15, 0x00, 0x26, 0xFF, 0x00, // keys
    0x75, 0x08, 0x95, KEYS_AT_ONCE, 0x81, 0x00,                             // of one byte each
    0xC0,
};

static const uint8_t consumer_report_descriptor[] = {
    0x05, 0x0C, 0x09, 0x01, 0xA1, 0x01,                               // media keys
    0x19, 0x00, 0x2A, 0xFF, 0x03, 0x15, 0x00, 0x26, 0xFF, 0x03,       // one of 1024
    0x75, 0x10, 0x95, 0x01, 0x81, 0x00,                               // in two bytes
    0xC0,
};

static const uint8_t device[] = {
    18,   DEVICE,     0x00, 0x02, // USB 2.0
    0,    0,          0,    64,   // class defined by the interfaces; control packets of 64 bytes
    0x09, 0x12,       0x01, 0x00, // 1209:0001, pid.codes' number for private tests
    0x00, 0x01,       1,    2,    // version 1.00, manufacturer, product
    0,    1,                      // no serial number, one configuration
};

#define INTERFACE(number, subclass, protocol, report_length, endpoint, size)                                   \
  9, 4, number, 0, 1, 3, subclass, protocol, 0,                        /* interface */                         \
      9, HID, 0x11, 0x01, 0, 1, HID_REPORT, (uint8_t)(report_length), 0, /* HID 1.11 */                          \
      7, 5, 0x80 | (endpoint), 3, size, 0, 1                           /* interrupt endpoint, every millisecond */

#define CONFIGURATION_LENGTH (9 + 2 * 25)

static const uint8_t configuration[CONFIGURATION_LENGTH] = {
    9, CONFIGURATION, CONFIGURATION_LENGTH, 0, 2, 1, 0, 0xA0, 50, // two interfaces, remote wakeup, 100 mA
    INTERFACE(0, 1, 1, sizeof keyboard_report_descriptor, USB_KEYBOARD_ENDPOINT, sizeof(struct keyboard_report)),
    INTERFACE(1, 0, 0, sizeof consumer_report_descriptor, USB_CONSUMER_ENDPOINT, sizeof(uint16_t)),
};

// Offsets of the HID descriptors in the configuration.
static const uint8_t hid_offsets[] = {9 + 9, 9 + 25 + 9};

static const uint8_t languages[] = {4, STRING, 0x09, 0x04};
static const uint8_t manufacturer[] = {16, STRING, 'E', 0, 'x', 0, 'a', 0, 'm', 0, 'p', 0, 'l', 0, 'e', 0};
static const uint8_t product[] = {PRODUCT_NAME_DESCRIPTOR};

#define WHOLE(array) ((struct descriptor){array, sizeof array})
#define NOTHING ((struct descriptor){0, 0})

static struct descriptor string(uint8_t index) {
  switch (index) {
  case 0: return WHOLE(languages);
  case 1: return WHOLE(manufacturer);
  case 2: return WHOLE(product);
  default: return NOTHING;
  }
}

struct descriptor usb_descriptor(uint8_t type, uint8_t index, uint8_t interface) {
  switch (type) {
  case DEVICE: return WHOLE(device);
  case CONFIGURATION: return WHOLE(configuration);
  case STRING: return string(index);
  case HID: return interface < 2 ? (struct descriptor){&configuration[hid_offsets[interface]], 9} : NOTHING;
  case HID_REPORT:
    return interface == 0   ? WHOLE(keyboard_report_descriptor)
           : interface == 1 ? WHOLE(consumer_report_descriptor)
                            : NOTHING;
  default: return NOTHING;
  }
}
